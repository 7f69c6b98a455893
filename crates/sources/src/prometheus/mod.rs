//! Prometheus by its HTTP API, and whatever else answers like it (Thanos, Mimir, VictoriaMetrics): measured calls and breakers,
//! the health of scrape targets, and alerts.
//!
//! ```text
//!  dialects ─promql─▶ plan ─turns─▶ api ─wire─▶ board ─map─▶ observations ─▶ outbox
//!                                    targets, alerts ─map──────┘
//! ```
//!
//! A server pushes nothing, so it is asked at a beat, and never more than a budget of requests at one: however many screens are
//! open, all of them show what these brought. Facts stand in the collections `calls`, `breakers`, `targets` and `alerts`.
//! How signals went over the last while is asked when somebody looks, by the same questions and out of the same budget.

mod api;
mod config;
mod held;
mod history;
mod map;
mod meanings;
mod promql;
mod round;
mod selections;
mod standing;
mod turns;
mod wire;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use binnacle_model::fact::Observation;
use binnacle_model::id::SourceId;
use jiff::Timestamp;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use self::api::Api;
use self::config::PrometheusConfig;
pub use self::config::URL_VARIABLE;
pub use self::history::HISTORY_A_BEAT;
use self::history::{Allowance, Ground};
use self::map::{Board, Known};
use self::meanings::Meanings;
use self::promql::Query;
pub use self::round::REQUESTS_A_BEAT;
use self::wire::{Envelope, Found};
use crate::connection::{Connection, ConnectionSpec, Meter, Outbox, Probe};
use crate::environment::Environment;
use crate::error::{ErrorKind, SourceError};
use crate::history::{BreakerHistory, Historian, HistoryQuery, SignalHistory};
use crate::kubernetes::Doors;
use crate::meaning::Meaning;
use crate::scrape::dialect::{Dialect, Dialects};
use crate::scrape::map::exact;

/// The first half of this source's error codes.
const SYSTEM: &str = "prometheus";

/// A connection to one server.
#[derive(Debug)]
pub struct Prometheus {
    id: SourceId,
    spec: ConnectionSpec,
    api: Api,
    meter: Arc<Meter>,
    dialects: Dialects,
    /// Another beat than that of the scrapes.
    beat: Option<Duration>,
    /// What the beats found out that histories go by.
    ground: Mutex<Ground>,
    allowance: Allowance,
    meanings: Mutex<Meanings>,
}

impl Prometheus {
    /// Prepares a connection; nothing is sent yet. The place is what the user named; what is secret comes with it or from the
    /// environment, and is in no spec.
    pub fn new(spec: ConnectionSpec, environment: &Environment) -> Result<Self, SourceError> {
        Self::by(spec, environment, &Doors::default())
    }

    /// The same through the doors to clusters that other connections share.
    pub(crate) fn by(spec: ConnectionSpec, environment: &Environment, doors: &Doors) -> Result<Self, SourceError> {
        let config = PrometheusConfig::new(&spec.place, environment)?;
        let id = SourceId::from(format!("{SYSTEM}:{}", config.short()));
        let meter = Arc::new(Meter::default());
        let api = Api::new(config, environment, doors, meter.clone())?;
        let dialects = Dialects::of(environment);
        let (spec, ground, allowance) = (spec.without_credentials(), Mutex::default(), Allowance::default());
        Ok(Self { id, spec, api, meter, dialects, beat: None, ground, allowance, meanings: Mutex::default() })
    }

    fn meanings(&self) -> MutexGuard<'_, Meanings> {
        self.meanings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ground(&self) -> MutexGuard<'_, Ground> {
        self.ground.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks at this beat instead of that of the scrapes.
    #[must_use]
    pub fn at_a_beat_of(mut self, beat: Duration) -> Self {
        self.beat = Some(beat);
        self
    }
}

/// What is asked of a server for some dialects, and how its answers are understood: for recording them, and for holding them
/// against what the same metrics say when they are read directly.
#[derive(Debug)]
pub struct Questions {
    dialects: Dialects,
    plan: Vec<Query>,
}

impl Questions {
    /// Everything that is asked of a server that has these metrics, over this window.
    pub fn new(dialects: Dialects, has: &BTreeSet<String>, window: Duration) -> Self {
        let plan = promql::plan(&dialects, has, window);
        Self { dialects, plan }
    }

    /// Everything that is asked of a server that has all metrics of the built-in dialects, when its processes are scraped this
    /// often.
    pub fn all(scrape_interval: Duration) -> Self {
        let dialects = Dialects::built_in();
        let has = promql::names(&dialects);
        Self::new(dialects, &has, round::window(scrape_interval))
    }

    /// The questions in PromQL.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.plan.iter().map(|query| &*query.text)
    }

    /// What the answers (the JSON of `/api/v1/query`) say, with every digit; questions without an answer say nothing.
    pub fn observations(&self, answers: &BTreeMap<String, serde_json::Value>) -> Vec<Observation> {
        let known = |query: &Query| {
            let answer = answers.get(&*query.text)?.clone();
            let envelope: Envelope<Found> = serde_json::from_value(answer).ok()?;
            let Found::Vector(rows) = envelope.data?;
            Some((
                query.key.clone(),
                Known::new(query, query.text.clone(), Timestamp::UNIX_EPOCH, rows.bad == 0, rows.good),
            ))
        };
        let board: Board = self.plan.iter().filter_map(known).collect();
        map::processes(&board, &self.dialects, exact).into_values().flatten().collect()
    }
}

/// Selectors for which of the metrics of the built-in dialects a server has.
pub fn metrics_of_interest() -> Vec<String> {
    promql::any_of(&Dialects::built_in())
}

/// Whether one of the questions is about what a dialect knows.
fn is_asked(dialect: &Dialect, plan: &[Query]) -> bool {
    let all = dialect.series();
    all.iter().any(|(series, _)| plan.iter().any(|query| query.key.series == series.id))
}

#[async_trait]
impl Connection for Prometheus {
    fn spec(&self) -> &ConnectionSpec {
        &self.spec
    }

    fn meter(&self) -> &Arc<Meter> {
        &self.meter
    }

    fn way(&self) -> Option<String> {
        self.api.way()
    }

    fn meaning(&self, query: &str) -> Option<Meaning> {
        let metric = self.ground().asked.by(query)?.metric.clone();
        self.meanings().of(&metric).cloned()
    }

    fn historian(&self) -> Option<&dyn Historian> {
        Some(self)
    }

    async fn probe(&self) -> Result<Probe, SourceError> {
        let began = Instant::now();
        // Some servers do not say what they are; then it shows by an answer whether they are of this kind.
        let product = match self.api.product().await {
            Err(error) if error.kind == ErrorKind::NotFound => {
                self.api.query("vector(1)", None).await?;
                "Prometheus API".to_owned()
            }
            product => product?.0,
        };
        let took = began.elapsed();
        let since = Timestamp::UNIX_EPOCH;
        let mut has = BTreeSet::new();
        for selector in promql::any_of(&self.dialects) {
            has.extend(self.api.names(&selector, since).await?.data);
        }
        let plan = promql::plan(&self.dialects, &has, round::SHORTEST_WINDOW);
        let asked = self.dialects.iter().filter(|dialect| is_asked(dialect, &plan));
        let known: Vec<&str> = asked.map(|dialect| dialect.title.as_str()).collect();
        let detail = if known.is_empty() {
            "no metrics of calls or breakers that a dialect knows".to_owned()
        } else {
            format!("calls and breakers of: {}", known.join(", "))
        };
        Ok(Probe { product, detail, took })
    }

    async fn reaches(&self, source: &SourceId) -> Result<bool, SourceError> {
        Ok(*source == self.id)
    }

    async fn run(&self, out: Outbox, nudge: Arc<Notify>, cancel: CancellationToken) {
        let mut round = round::Round::new(self, &out);
        tokio::select! {
            () = cancel.cancelled() => {}
            // It ends by itself only when there is nobody left to tell.
            _ = round.run(&nudge) => {}
            () = self.api.keep(&nudge) => {}
        }
    }
}

#[async_trait]
impl Historian for Prometheus {
    async fn history(&self, query: &HistoryQuery) -> Result<SignalHistory, SourceError> {
        history::of(self, query).await
    }

    async fn breaker_history(&self, query: &HistoryQuery) -> Result<BreakerHistory, SourceError> {
        history::of_breaker(self, query).await
    }
}
