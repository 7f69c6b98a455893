//! What is found inside a connected cluster is connected by itself, and a person may turn each off.
//!
//! A cluster is looked into when it is live for the first time and whenever its Services are others than before; while something
//! that could be connected does not answer yet, it is asked again. What is connected stays so until its Service is gone for good:
//! one that does not answer for a while is a failing source like any other.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{Hash as _, Hasher as _};
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use binnacle_model::id::{SourceId, SourceKind};
use binnacle_model::snapshot::{Snapshot, SourceState};
use binnacle_sources::kubernetes::inside::{self, Find, Product};
use binnacle_sources::{ConnectionSpec, SourceError};
use futures_util::future::join_all;
use tokio::time::Instant;

use crate::{Engine, Opening};

/// How soon after a change of the picture it is seen whether a cluster has other Services.
const SETTLE: Duration = Duration::from_secs(1);
/// How soon what does not answer yet, or seems to be gone, is looked at again; doubled up to the longest.
const AGAIN: Duration = Duration::from_secs(5);
const LONGEST: Duration = Duration::from_secs(60);
/// In so many looks a Service must be missing before what was connected by it is forgotten.
const MISSED: u32 = 2;

/// A system that was connected because it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundIn {
    /// The cluster's connection.
    pub cluster: ConnectionSpec,
    /// By what it was recognised: `label app=consul`.
    pub by: Arc<str>,
    /// What it said of itself when it was found: `dc1 · ACLs off`.
    pub says: Arc<str>,
}

impl FoundIn {
    /// The datacenter of a Consul, in which its sources are named.
    pub fn datacenter(&self) -> &str {
        self.says.split(" · ").next().unwrap_or_default()
    }
}

/// What was found inside one cluster.
#[derive(Clone, Debug, Default)]
pub struct Inventory {
    /// Everything that was recognised, also what cannot be connected.
    pub finds: Vec<Find>,
    /// Why it could not be looked, the last time.
    pub fault: Option<SourceError>,
    /// Those of the finds that are not connected by themselves though they could be, each with the reason.
    pub left_out: BTreeMap<ConnectionSpec, String>,
}

/// What is known of one cluster while it is connected.
#[derive(Debug, Default)]
struct Cluster {
    inventory: Inventory,
    /// Of the Services when it was looked last.
    stamp: Option<u64>,
    /// When to look again though nothing changed, and after which pause.
    again: Option<(Instant, Duration)>,
    /// What was connected, with how often its Service was missing since.
    connected: BTreeMap<ConnectionSpec, u32>,
    /// What a person turned off.
    off: BTreeSet<ConnectionSpec>,
}

/// The clusters that are connected, and what was found in them.
#[derive(Debug, Default)]
pub(crate) struct Clusters {
    by_spec: Mutex<BTreeMap<ConnectionSpec, Cluster>>,
}

impl Clusters {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<ConnectionSpec, Cluster>> {
        self.by_spec.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A person closed a connection: if it was found, it stays closed while its cluster is connected.
    pub(crate) fn turned_off(&self, spec: &ConnectionSpec) {
        for cluster in self.lock().values_mut() {
            if cluster.connected.remove(spec).is_some()
                || cluster.inventory.finds.iter().any(|find| find.spec.as_ref() == Some(spec))
            {
                cluster.off.insert(spec.clone());
            }
        }
    }

    /// A person opened it: it may be open.
    pub(crate) fn turned_on(&self, spec: &ConnectionSpec) {
        for cluster in self.lock().values_mut() {
            cluster.off.remove(spec);
        }
    }

    /// What was found inside a cluster; `None` before it was looked into.
    pub(crate) fn inventory(&self, cluster: &ConnectionSpec) -> Option<Inventory> {
        let clusters = self.lock();
        clusters.get(cluster).filter(|cluster| cluster.stamp.is_some()).map(|cluster| cluster.inventory.clone())
    }

    /// Forgets the clusters that are no longer connected.
    fn forget_all_but(&self, open: &BTreeSet<ConnectionSpec>) {
        self.lock().retain(|spec, _| open.contains(spec));
    }

    /// Whether a cluster is to be looked into now: its Services are others, or it is time.
    fn is_due(&self, spec: &ConnectionSpec, stamp: u64, now: Instant) -> bool {
        let mut clusters = self.lock();
        let cluster = clusters.entry(spec.clone()).or_default();
        cluster.stamp != Some(stamp) || cluster.again.is_some_and(|(at, _)| at <= now)
    }

    /// When the next look is due though nothing changes.
    fn next(&self) -> Option<Instant> {
        self.lock().values().filter_map(|cluster| cluster.again.map(|(at, _)| at)).min()
    }
}

/// Looks into clusters as they come and change, until the engine stops.
pub(crate) async fn follow(engine: Engine) {
    let mut snapshots = engine.snapshots();
    // A cluster may be live already.
    snapshots.mark_changed();
    loop {
        let next = engine.shared.clusters.next();
        let due = async {
            match next {
                Some(at) => tokio::time::sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            changed = snapshots.changed() => if changed.is_err() { return },
            () = due => {}
        }
        let open = open_clusters(&engine);
        engine.shared.clusters.forget_all_but(&open);
        let lost = |found: &FoundIn| !open.contains(&found.cluster);
        for report in engine.connections().into_iter().filter(|report| report.found.as_ref().is_some_and(lost)) {
            engine.shared.supervisor.dismiss(&report.spec).await;
        }
        let snapshot = engine.snapshot();
        let now = Instant::now();
        let stamps = open.iter().filter_map(|spec| Some((spec, stamp(&snapshot, spec)?)));
        let due: Vec<_> = stamps.filter(|(spec, stamp)| engine.shared.clusters.is_due(spec, *stamp, now)).collect();
        join_all(due.into_iter().map(|(spec, stamp)| look(&engine, spec, stamp))).await;
        tokio::time::sleep(SETTLE).await;
    }
}

fn open_clusters(engine: &Engine) -> BTreeSet<ConnectionSpec> {
    let reports = engine.connections();
    reports.into_iter().map(|report| report.spec).filter(|spec| spec.kind == SourceKind::Kube).collect()
}

/// What a cluster's Services look like; `None` while it is not live.
fn stamp(snapshot: &Snapshot, cluster: &ConnectionSpec) -> Option<u64> {
    let id = SourceId::from(format!("{}:{}", SourceKind::Kube.word(), cluster.place));
    snapshot.sources.get(&id).filter(|source| source.status.state == SourceState::Live)?;
    let prefix = format!("{id}/");
    let mut hasher = DefaultHasher::new();
    let own = snapshot
        .cluster_services
        .range::<str, _>((Bound::Included(prefix.as_str()), Bound::Unbounded))
        .take_while(|(key, _)| key.starts_with(&prefix));
    for (key, service) in own {
        key.hash(&mut hasher);
        service.fact.hash(&mut hasher);
    }
    Some(hasher.finish())
}

async fn look(engine: &Engine, cluster: &ConnectionSpec, stamp: u64) {
    let shared = &engine.shared;
    let looked = inside::look(&cluster.place, &shared.environment, &shared.doors).await;
    let Ok(finds) = looked.inspect_err(|error| {
        tracing::debug!(%cluster, code = error.code(), %error, "it cannot be looked into");
        let mut clusters = shared.clusters.lock();
        if let Some(cluster) = clusters.get_mut(cluster) {
            cluster.inventory.fault = Some(error.clone());
            cluster.stamp = Some(stamp);
            cluster.again = Some(cluster.later());
        }
    }) else {
        return;
    };
    let mut left_out = BTreeMap::new();
    let mut connected = Vec::new();
    for find in finds.iter().filter(|find| is_read_by_itself(find.product)) {
        let Some(spec) = find.spec.clone() else { continue };
        match connect(engine, cluster, find, &spec).await {
            Ok(()) => connected.push(spec),
            Err(why) => {
                left_out.insert(spec, why);
            }
        }
    }
    let waiting =
        finds.iter().any(|find| find.spec.is_some() && is_read_by_itself(find.product) && !find.is_confirmed());
    let mut gone = Vec::new();
    {
        let mut clusters = shared.clusters.lock();
        let Some(held) = clusters.get_mut(cluster) else { return };
        let listed: BTreeSet<&ConnectionSpec> = finds.iter().filter_map(|find| find.spec.as_ref()).collect();
        held.connected.extend(connected.into_iter().map(|spec| (spec, 0)));
        held.connected.retain(|spec, missed| {
            *missed = if listed.contains(spec) { 0 } else { *missed + 1 };
            if *missed >= MISSED {
                gone.push(spec.clone());
            }
            *missed < MISSED
        });
        let missing = held.connected.values().any(|missed| *missed > 0);
        let changed = held.stamp != Some(stamp);
        held.again = match (waiting || missing, changed) {
            (false, _) => None,
            (true, true) => Some((Instant::now() + AGAIN, AGAIN)),
            (true, false) => Some(held.later()),
        };
        held.stamp = Some(stamp);
        held.inventory = Inventory { finds, fault: None, left_out };
    }
    for spec in gone {
        shared.supervisor.dismiss(&spec).await;
    }
}

impl Cluster {
    fn later(&self) -> (Instant, Duration) {
        let pause = self.again.map_or(AGAIN, |(_, pause)| (pause * 2).min(LONGEST));
        (Instant::now() + pause, pause)
    }
}

/// Those of which there is one for a purpose. Thanos and Mimir say again what a Prometheus says: a person connects them.
pub(crate) fn is_read_by_itself(product: Product) -> bool {
    matches!(product, Product::Consul | Product::Prometheus | Product::VictoriaMetrics)
}

/// Connects a find, or says why not.
async fn connect(engine: &Engine, cluster: &ConnectionSpec, find: &Find, spec: &ConnectionSpec) -> Result<(), String> {
    let shared = &engine.shared;
    if shared.clusters.lock().get(cluster).is_some_and(|cluster| cluster.off.contains(spec)) {
        return Err("it was turned off".to_owned());
    }
    let reports = engine.connections();
    if reports.iter().any(|report| report.spec == *spec) {
        let by_us = shared.clusters.lock().get(cluster).is_some_and(|cluster| cluster.connected.contains_key(spec));
        return if by_us { Ok(()) } else { Err("it is connected already".to_owned()) };
    }
    if let Err(error) = &find.answer {
        return Err(format!("it did not show that it is what it seems: {}", error.came_back));
    }
    let Some(of_cluster) = shared.supervisor.opening_of(cluster) else {
        return Err("the cluster was disconnected".to_owned());
    };
    let opening = Opening::of_find(find, spec.clone(), &of_cluster);
    let connection = opening.open_by(&shared.doors).map_err(|error| error.to_string())?;
    for report in reports.iter().filter(|report| report.spec.kind == spec.kind) {
        // Two connections that bring the same source would speak for it in turns.
        for source in &report.sources {
            if connection.reaches(source).await.unwrap_or(false) {
                return Err(format!("{source} is read by another connection already"));
            }
        }
        if let Some(other) = shared.supervisor.connection(&report.spec)
            && !connection.servers().await.is_disjoint(&other.servers().await)
        {
            return Err(format!("its servers are read by the connection to {} already", report.spec.shown_place()));
        }
    }
    shared.supervisor.supervise(connection, Some(opening));
    Ok(())
}
