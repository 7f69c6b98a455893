//! Circuit breakers from Hystrix event streams: `hystrix-metrics-event-stream` of Java, hystrix-go, Turbine.
//!
//! A stream says all of its commands again about every second, so a command that it no longer says is gone. What a breaker
//! does while it is half-open cannot be seen here: it is shown as open until a call succeeded.

mod events;
pub mod map;
mod stream;
mod watch;
pub mod wire;

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use binnacle_model::id::SourceId;
use tokio::sync::{Notify, watch as list};
use tokio_util::sync::CancellationToken;

use crate::connection::{Connection, ConnectionSpec, Meter, Outbox, Probe};
use crate::environment::Environment;
use crate::error::{ErrorKind, SourceError};
use crate::kubernetes::Doors;
use crate::road::{Road, watched};
use crate::scrape::{Clients, Target, ask, way_inside};
use watch::Watch;

/// The first half of this source's error codes.
pub(crate) const SYSTEM: &str = "hystrix";
/// Where a stream is when nobody says otherwise.
const USUAL_PATH: &str = "/hystrix.stream";
/// What a source of this kind calls the other side.
const PRODUCT: &str = "Hystrix stream";
/// How long a probe waits for a stream to say anything.
const PROBE_PATIENCE: Duration = Duration::from_secs(5);

/// What the commands of a stream are that arrives in these parts, with the reasons of the events that were left out.
pub(crate) fn read_parts(parts: &[&[u8]]) -> Vec<Result<Box<wire::Command>, (ErrorKind, String)>> {
    let mut events = events::Events::default();
    parts.iter().flat_map(|part| events.take(part)).filter_map(|event| stream::command(event).transpose()).collect()
}

/// A connection that reads one Hystrix stream or a list of them.
#[derive(Debug)]
pub struct Hystrix {
    id: SourceId,
    spec: ConnectionSpec,
    targets: list::Receiver<Arc<[Target]>>,
    meter: Arc<Meter>,
    /// The way to the one target, where that is inside a cluster.
    inside: Option<Arc<Road>>,
}

impl Hystrix {
    /// Reads the one stream that the spec names: `hystrix=http://127.0.0.1:8080/hystrix.stream`.
    pub fn fixed(spec: ConnectionSpec) -> Result<Self, SourceError> {
        Self::by(spec, &Environment::default(), &Doors::default())
    }

    /// The same through the doors to clusters that other connections share.
    pub(crate) fn by(spec: ConnectionSpec, environment: &Environment, doors: &Doors) -> Result<Self, SourceError> {
        let target = Target::named(SYSTEM, &spec.place, USUAL_PATH)?;
        let cluster = map::cluster(&target).map(|name| format!("?cluster={name}")).unwrap_or_default();
        let id = SourceId::from(format!("{SYSTEM}:{}{cluster}", target.short(USUAL_PATH)));
        let meter = Arc::default();
        let inside = way_inside(SYSTEM, &target, environment, doors, &meter)?;
        let (_, targets) = list::channel(Arc::from([target]));
        Ok(Self { meter, inside, ..Self::following(id, spec, targets) })
    }

    /// Reads the streams of a list, as the list changes. Facts of a stream that left the list are removed.
    pub fn following(id: SourceId, spec: ConnectionSpec, targets: list::Receiver<Arc<[Target]>>) -> Self {
        Self { id, spec, targets, meter: Arc::default(), inside: None }
    }
}

#[async_trait]
impl Connection for Hystrix {
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
        let probe = |detail: &str, took| Probe { product: PRODUCT.to_owned(), detail: detail.to_owned(), took };
        let targets = self.targets.borrow().clone();
        let Some(target) = targets.first() else { return Ok(probe("no stream yet", Duration::ZERO)) };
        let asked = Instant::now();
        let road = Clients::by(self.inside.clone()).of(SYSTEM, &target.url)?;
        self.meter.sent();
        match tokio::time::timeout(PROBE_PATIENCE, ask(SYSTEM, &road, target, "text/event-stream")).await {
            Ok(Ok(_)) => Ok(probe("it sends events", asked.elapsed())),
            Ok(Err(error)) => {
                self.meter.failed();
                Err(error)
            }
            Err(_) => Err(SourceError {
                system: SYSTEM,
                kind: ErrorKind::TimedOut,
                tried: target.request(),
                came_back: format!("nothing in {} s", PROBE_PATIENCE.as_secs()),
                hint: "hystrix-go says nothing before its first command ran: connect it all the same.".to_owned(),
            }),
        }
    }

    async fn reaches(&self, source: &SourceId) -> Result<bool, SourceError> {
        Ok(*source == self.id)
    }

    async fn run(&self, out: Outbox, nudge: Arc<Notify>, cancel: CancellationToken) {
        let mut watch = Watch::new(self, out);
        watched(watch.run(&nudge), self.inside.as_deref(), &nudge, &cancel).await;
    }
}
