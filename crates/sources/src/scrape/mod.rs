//! Metrics read straight from the processes that show them, in the Prometheus text format: for a place without a Prometheus
//! server, and for the demo fleet. Brings measured calls and breakers, seen from the caller's side.
//!
//! ```text
//!  body ─lexer─▶ lines ─exposition─▶ samples ─rate─▶ window ─map + dialect─▶ observations
//! ```
//!
//! A process that does not answer is named as a failing part while the others are read on; when none answers, the source is
//! failing and its facts stay, marked as old. What one process measured longer ago than its window is unknown.

pub mod dialect;
pub mod dump;
pub mod exposition;
pub mod lexer;
pub mod map;
mod pace;
pub mod rate;
mod read;
mod round;
mod standing;
mod target;

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use binnacle_model::id::SourceId;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

pub(crate) use pace::{jittered, pause_after};
pub(crate) use round::unknown;
pub(crate) use standing::{Account, Outcome, Standing, address};
pub use target::Target;
pub(crate) use target::{Clients, ask, ask_at, count, way_inside};

use crate::connection::{Connection, ConnectionSpec, Meter, Outbox, Probe};
use crate::environment::Environment;
use crate::error::SourceError;
use crate::kubernetes::Doors;
use crate::road::{Road, watched};
use dialect::Dialects;
use round::Round;

/// The first half of this source's error codes.
pub(crate) const SYSTEM: &str = "scrape";
/// Where metrics are when nobody says otherwise.
const USUAL_PATH: &str = "/metrics";
/// How often an endpoint is read that the user named.
const INTERVAL: Duration = Duration::from_secs(5);

/// A connection that reads metrics from one endpoint or from a list of them.
#[derive(Debug)]
pub struct Scrape {
    id: SourceId,
    spec: ConnectionSpec,
    targets: watch::Receiver<Arc<[Target]>>,
    interval: Duration,
    meter: Arc<Meter>,
    dialects: Dialects,
    /// The way to the one target, where that is inside a cluster.
    inside: Option<Arc<Road>>,
}

impl Scrape {
    /// Reads the one endpoint that the spec names: `scrape=http://127.0.0.1:9100/metrics`.
    pub fn fixed(spec: ConnectionSpec) -> Result<Self, SourceError> {
        Self::by(spec, &Environment::default(), &Doors::default())
    }

    /// The same through the doors to clusters that other connections share.
    pub(crate) fn by(spec: ConnectionSpec, environment: &Environment, doors: &Doors) -> Result<Self, SourceError> {
        let target = Target::named(SYSTEM, &spec.place, USUAL_PATH)?;
        let id = SourceId::from(format!("{SYSTEM}:{}", target.short(USUAL_PATH)));
        let meter = Arc::default();
        let inside = way_inside(SYSTEM, &target, environment, doors, &meter)?;
        let (_, targets) = watch::channel(Arc::from([target]));
        let dialects = Dialects::of(environment);
        Ok(Self { meter, dialects, inside, ..Self::following(id, spec, targets, INTERVAL) })
    }

    /// Reads the endpoints of a list, as the list changes. Facts of an endpoint that left the list are removed.
    pub fn following(
        id: SourceId,
        spec: ConnectionSpec,
        targets: watch::Receiver<Arc<[Target]>>,
        interval: Duration,
    ) -> Self {
        Self { id, spec, targets, interval, meter: Arc::default(), dialects: Dialects::built_in(), inside: None }
    }
}

/// What an address shows right now, and whether it calls that OpenMetrics; for a look at it.
pub async fn body_at(place: &str, environment: &Environment) -> Result<(Vec<u8>, bool), SourceError> {
    let target = Target::named(SYSTEM, place, USUAL_PATH)?;
    let inside = way_inside(SYSTEM, &target, environment, &Doors::default(), &Arc::default())?;
    let road = Clients::by(inside).of(SYSTEM, &target.url)?;
    read::body(&road, &target).await
}

#[async_trait]
impl Connection for Scrape {
    fn spec(&self) -> &ConnectionSpec {
        &self.spec
    }

    fn meter(&self) -> &Arc<Meter> {
        &self.meter
    }

    fn way(&self) -> Option<String> {
        self.inside.as_deref().and_then(Road::words)
    }

    async fn probe(&self) -> Result<Probe, SourceError> {
        let targets = self.targets.borrow().clone();
        let Some(target) = targets.first() else {
            return Ok(Probe {
                product: PRODUCT.to_owned(),
                detail: "no endpoint yet".to_owned(),
                took: Duration::ZERO,
            });
        };
        let asked = Instant::now();
        let road = Clients::by(self.inside.clone()).of(SYSTEM, &target.url)?;
        let answer = read::read(&road, target, &self.dialects, &self.meter).await?;
        let tally = answer.exposition.tally;
        let detail = format!("{} samples, {} of them of calls and breakers", tally.got + tally.passed_over, tally.got);
        Ok(Probe { product: PRODUCT.to_owned(), detail, took: asked.elapsed() })
    }

    async fn reaches(&self, source: &SourceId) -> Result<bool, SourceError> {
        Ok(*source == self.id)
    }

    async fn run(&self, out: Outbox, nudge: Arc<Notify>, cancel: CancellationToken) {
        let mut round = Round::new(self, out);
        watched(round.run(&nudge), self.inside.as_deref(), &nudge, &cancel).await;
    }
}

/// What a source of this kind calls the other side.
const PRODUCT: &str = "Prometheus text format";
