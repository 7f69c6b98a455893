//! Which workload a Pod belongs to in the end: Pod → ReplicaSet → Deployment, Pod → Job → CronJob. By the uids of the owners,
//! since names are used again.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use binnacle_model::fact::{ServiceName, WorkloadKind};
use tokio::sync::watch;

use super::part::Part;
use super::wire::{Meta, OwnerReference};

/// Owners that are gone are kept for this many others: their Pods outlive them for a while.
const DEPARTED: usize = 1000;

/// A workload between a Pod and the one that it is known by.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Owner {
    name: Arc<str>,
    kind: WorkloadKind,
    parent: Option<(WorkloadKind, Arc<str>)>,
}

/// The workload that an object belongs to in the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Top {
    pub(super) service: ServiceName,
    pub(super) kind: WorkloadKind,
    /// False while an owner between is not known yet.
    pub(super) certain: bool,
}

/// The ReplicaSets and Jobs of one cluster.
#[derive(Debug)]
pub(super) struct Owners {
    known: Mutex<Known>,
    changes: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Known {
    by_uid: HashMap<Arc<str>, Owner>,
    departed: VecDeque<Arc<str>>,
    /// Which of them are being watched; the others will never be known.
    watched: BTreeSet<Part>,
    /// Which of them have been listed.
    listed: BTreeSet<Part>,
}

impl Owners {
    pub(super) fn new() -> Self {
        Self { known: Mutex::default(), changes: watch::channel(0).0 }
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells when more is known.
    pub(super) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Says whether owners of a kind come in.
    pub(super) fn watched(&self, part: Part, watched: bool) {
        if !matches!(part, Part::ReplicaSets | Part::Jobs) {
            return;
        }
        let changed = {
            let mut known = self.lock();
            if watched { known.watched.insert(part) } else { known.watched.remove(&part) }
        };
        if changed {
            self.changes.send_modify(|count| *count += 1);
        }
    }

    /// A resource has been listed.
    pub(super) fn listed(&self, part: Part) {
        if !matches!(part, Part::ReplicaSets | Part::Jobs) {
            return;
        }
        self.watched(part, true);
        let news = self.lock().listed.insert(part);
        if news {
            self.changes.send_modify(|count| *count += 1);
        }
    }

    /// True when every kind of owner that will come is here.
    pub(super) fn settled(&self) -> bool {
        let known = self.lock();
        known.watched.iter().all(|part| known.listed.contains(part))
    }

    /// Takes an owner in.
    pub(super) fn learn(&self, meta: &Meta, kind: WorkloadKind) {
        let parent = meta.controller().map(|owner| (kind_of(&owner.kind), Arc::from(owner.name.as_str())));
        let owner = Owner { name: Arc::from(meta.name.as_str()), kind, parent };
        let changed = {
            let mut known = self.lock();
            let changed = known.by_uid.get(meta.uid.as_str()) != Some(&owner);
            if changed {
                known.by_uid.insert(Arc::from(meta.uid.as_str()), owner);
            }
            changed
        };
        if changed {
            self.changes.send_modify(|count| *count += 1);
        }
    }

    /// An owner is gone. It stays known for a while.
    pub(super) fn depart(&self, uid: &str) {
        let mut known = self.lock();
        known.departed.push_back(Arc::from(uid));
        while known.departed.len() > DEPARTED {
            if let Some(oldest) = known.departed.pop_front() {
                known.by_uid.remove(&oldest);
            }
        }
    }

    /// The workload that a Pod on this node belongs to.
    pub(super) fn top_of_pod(&self, pod: &Meta, node: &str) -> Top {
        let Some(owner) = pod.controller() else { return named(pod, own_name(pod), WorkloadKind::Pod) };
        match owner.kind.as_str() {
            // The kubelet appends the node's name to the names of the Pods that it runs from files.
            "Node" => {
                let name = pod.name.strip_suffix(node).and_then(|name| name.strip_suffix('-')).unwrap_or(&pod.name);
                named(pod, name, WorkloadKind::Pod)
            }
            "ReplicaSet" => self.through(pod, owner, Part::ReplicaSets),
            "Job" => self.through(pod, owner, Part::Jobs),
            kind => named(pod, &owner.name, kind_of(kind)),
        }
    }

    /// The service that a ReplicaSet or a Job belongs to; `None` when it is not known.
    pub(super) fn top_of_owner(&self, uid: &str, namespace: &str) -> Option<ServiceName> {
        let known = self.lock();
        let owner = known.by_uid.get(uid)?;
        Some(service_name(namespace, owner.parent.as_ref().map_or(&owner.name, |(_, name)| name)))
    }

    fn through(&self, pod: &Meta, owner: &OwnerReference, part: Part) -> Top {
        let known = self.lock();
        if let Some(between) = known.by_uid.get(owner.uid.as_str()) {
            return match &between.parent {
                Some((kind, name)) => named(pod, name, kind.clone()),
                None => named(pod, &between.name, between.kind.clone()),
            };
        }
        let certain = !known.watched.contains(&part);
        Top { certain, ..guess(pod, owner) }
    }
}

/// The workload by what the Pod itself says, while its owner is not known: a Deployment names its ReplicaSets after itself and
/// the hash that it also puts on the Pod.
fn guess(pod: &Meta, owner: &OwnerReference) -> Top {
    let hash = pod.labels.get("pod-template-hash").filter(|_| owner.kind == "ReplicaSet");
    let deployment = hash.and_then(|hash| owner.name.strip_suffix(hash.as_str())?.strip_suffix('-'));
    match deployment {
        Some(name) => named(pod, name, WorkloadKind::Deployment),
        None => named(pod, &owner.name, kind_of(&owner.kind)),
    }
}

fn named(meta: &Meta, name: &str, kind: WorkloadKind) -> Top {
    Top { service: service_name(&meta.namespace, name), kind, certain: true }
}

/// A Pod that nobody owns is known by its application, or else by its own name
/// (<https://kubernetes.io/docs/concepts/overview/working-with-objects/common-labels/>).
fn own_name(pod: &Meta) -> &str {
    let labels = ["app.kubernetes.io/name", "app", "k8s-app"];
    labels.iter().find_map(|label| pod.labels.get(*label)).filter(|name| !name.is_empty()).unwrap_or(&pod.name)
}

/// The workload that manages an object, or the object itself.
pub(super) fn top_of(meta: &Meta, kind: WorkloadKind) -> Top {
    match meta.controller() {
        Some(owner) => named(meta, &owner.name, kind_of(&owner.kind)),
        None => named(meta, &meta.name, kind),
    }
}

pub(super) fn service_name(namespace: &str, name: &str) -> ServiceName {
    ServiceName { namespace: Some(Arc::from(namespace)), name: Arc::from(name) }
}

fn kind_of(kind: &str) -> WorkloadKind {
    match kind {
        "Deployment" => WorkloadKind::Deployment,
        "StatefulSet" => WorkloadKind::StatefulSet,
        "DaemonSet" => WorkloadKind::DaemonSet,
        "ReplicaSet" => WorkloadKind::ReplicaSet,
        "CronJob" => WorkloadKind::CronJob,
        "Job" => WorkloadKind::Job,
        other => WorkloadKind::Other(Arc::from(other)),
    }
}
