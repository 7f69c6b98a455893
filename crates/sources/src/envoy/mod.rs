//! Circuit breakers from the admin interface of an Envoy: limits of what is under way, and endpoints that are put out.
//!
//! Clusters and a few of their statistics are read at a beat. Limits can be switched by hand where the process takes changes
//! at run time (`switch`).

mod api;
pub mod map;
mod switch;
mod watch;
pub mod wire;

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use binnacle_model::id::SourceId;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::admin::Admin;
use crate::connection::{Connection, ConnectionSpec, Meter, Outbox, Probe};
use crate::environment::Environment;
use crate::error::SourceError;
use crate::kubernetes::Doors;
use crate::road::{Road, kept};
use crate::scrape::dialect::Dialects;
use crate::scrape::{Clients, Target, way_inside};
use crate::switch::BreakerSwitch;
use api::Api;
use watch::Watch;
use wire::ServerInfo;

/// The first half of this source's error codes.
pub(crate) const SYSTEM: &str = "envoy";
/// The admin interface has no path of its own.
const USUAL_PATH: &str = "/";
/// How often it is read: its main thread answers, which has other things to do.
const BEAT: Duration = Duration::from_secs(2);

/// A connection that reads one Envoy.
#[derive(Debug)]
pub struct Envoy {
    id: SourceId,
    spec: ConnectionSpec,
    api: Api,
    dialects: Dialects,
    /// The way to it, where it is inside a cluster.
    inside: Option<Arc<Road>>,
}

impl Envoy {
    /// Reads the one Envoy that the spec names: `envoy=http://127.0.0.1:9901`.
    pub fn new(spec: ConnectionSpec) -> Result<Self, SourceError> {
        Self::by(spec, &Environment::default(), &Doors::default())
    }

    /// The same through the doors to clusters that other connections share.
    pub(crate) fn by(spec: ConnectionSpec, environment: &Environment, doors: &Doors) -> Result<Self, SourceError> {
        let mut target = Target::named(SYSTEM, &spec.place, USUAL_PATH)?;
        let id = SourceId::from(format!("{SYSTEM}:{}", target.short(USUAL_PATH)));
        let meter = Arc::default();
        let inside = way_inside(SYSTEM, &target, environment, doors, &meter)?;
        // What is asked for stands below the address: a query has no place there.
        target.url.set_query(None);
        target.url.set_fragment(None);
        let road = Clients::by(inside.clone()).of(SYSTEM, &target.url)?;
        let api = Api(Admin { system: SYSTEM, target, road, meter });
        Ok(Self { id, spec, api, dialects: Dialects::of(environment), inside })
    }
}

#[async_trait]
impl Connection for Envoy {
    fn spec(&self) -> &ConnectionSpec {
        &self.spec
    }

    fn meter(&self) -> &Arc<Meter> {
        &self.api.0.meter
    }

    fn way(&self) -> Option<String> {
        self.inside.as_deref().and_then(Road::words)
    }

    async fn probe(&self) -> Result<Probe, SourceError> {
        let asked = Instant::now();
        let info = self.api.server_info().await?;
        let clusters = self.api.clusters().await?;
        let detail = match clusters.cluster_statuses.len() {
            1 => "1 cluster".to_owned(),
            many => format!("{many} clusters"),
        };
        Ok(Probe { product: product(&info), detail, took: asked.elapsed() })
    }

    async fn reaches(&self, source: &SourceId) -> Result<bool, SourceError> {
        Ok(*source == self.id)
    }

    async fn run(&self, out: Outbox, nudge: Arc<Notify>, cancel: CancellationToken) {
        let mut watch = Watch::new(self, out);
        tokio::select! {
            () = cancel.cancelled() => {}
            // It ends by itself only when there is nobody left to tell.
            _ = watch.run(&nudge) => {}
            () = kept(self.inside.as_deref(), &nudge) => {}
        }
    }

    fn breaker_switch(&self) -> Option<&dyn BreakerSwitch> {
        Some(self)
    }
}

/// `Envoy 1.40.0 (edge)`, as far as it says so.
fn product(info: &ServerInfo) -> String {
    let node = [&info.node.cluster, &info.node.id].into_iter().find(|name| !name.is_empty());
    let node = node.map(|name| format!(" ({})", crate::http::shorten(name))).unwrap_or_default();
    format!("Envoy {}", crate::http::shorten(info.number())).trim_end().to_owned() + &node
}
