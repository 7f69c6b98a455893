//! Turns instances that offer metrics or a Hystrix stream into targets of the sources that read them. Only for the demo
//! fleet: elsewhere nothing is scraped that the user did not name.

use std::sync::Arc;
use std::time::Duration;

use binnacle_model::id::{SourceId, SourceKind};
use binnacle_model::snapshot::Snapshot;
use binnacle_sources::hystrix::Hystrix;
use binnacle_sources::scrape::{Scrape, Target};
use binnacle_sources::{Connection, ConnectionSpec};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// How often the demo's metrics are read: a changed key must be seen within a second.
const DEMO_INTERVAL: Duration = Duration::from_millis(500);

/// A connection and what keeps its list of targets up to date.
pub(crate) struct Follower {
    pub(crate) connection: Arc<dyn Connection>,
    pub(crate) feed: Feed,
}

/// Watches the picture for instances with a certain meta key.
pub(crate) struct Feed {
    snapshots: watch::Receiver<Arc<Snapshot>>,
    targets: watch::Sender<Arc<[Target]>>,
    registry: SourceId,
    meta_key: &'static str,
}

/// The two followers of the demo fleet.
pub(crate) fn demo(snapshots: &watch::Receiver<Arc<Snapshot>>) -> [Follower; 2] {
    let registry = SourceId::from("consul:demo");
    let feed = |meta_key, targets| Feed { snapshots: snapshots.clone(), targets, registry: registry.clone(), meta_key };
    let spec = |kind| ConnectionSpec { kind, place: "demo".to_owned() };
    let (to_scrape, scraped) = watch::channel(Arc::from([]));
    let (to_stream, streamed) = watch::channel(Arc::from([]));
    let scrape = Scrape::following(SourceId::from("scrape:demo"), spec(SourceKind::Scrape), scraped, DEMO_INTERVAL);
    let hystrix = Hystrix::following(SourceId::from("hystrix:demo"), spec(SourceKind::Hystrix), streamed);
    [
        Follower { connection: Arc::new(scrape), feed: feed("metrics_path", to_scrape) },
        Follower { connection: Arc::new(hystrix), feed: feed("hystrix_stream", to_stream) },
    ]
}

impl Feed {
    pub(crate) async fn run(mut self, cancel: CancellationToken) {
        loop {
            let snapshot = self.snapshots.borrow_and_update().clone();
            let targets = self.targets_of(&snapshot);
            self.targets.send_if_modified(|known| {
                let news = **known != *targets;
                if news {
                    *known = Arc::from(targets);
                }
                news
            });
            tokio::select! {
                () = cancel.cancelled() => return,
                changed = self.snapshots.changed() => if changed.is_err() { return },
            }
        }
    }

    fn targets_of(&self, snapshot: &Snapshot) -> Vec<Target> {
        let services = snapshot.services.values();
        let ours = services.filter(|service| service.facets.iter().any(|facet| facet.source == self.registry));
        let instances = ours.flat_map(|service| &service.instances);
        let target = |instance: &Arc<binnacle_model::snapshot::Instance>| {
            let path = instance.meta.get(self.meta_key)?;
            let url = format!("http://{}:{}{path}", instance.address, instance.port).parse().ok()?;
            Some(Target { url, instance: (instance.address.clone(), instance.port) })
        };
        instances.filter_map(target).collect()
    }
}
