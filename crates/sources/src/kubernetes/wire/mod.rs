//! The API server's objects, cut down to what is shown. Everything else is passed over while it is read
//! (<https://kubernetes.io/docs/reference/kubernetes-api/>).

mod config;
mod event;
mod mesh;
mod network;
mod pod;
mod policy;
mod route;
mod variable;
mod workload;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

pub(super) use config::{ConfigMap, Secret};
pub(super) use event::{Autoscaler, Event};
pub(super) use mesh::{ConnectionPool, DestinationRule, OutlierDetection, ServiceProfile, TrafficPolicy};
pub(super) use network::{EndpointSlice, IntOrString, ObjectReference, Service, ServicePort};
pub(super) use pod::{Container, ContainerState, ContainerStatus, Pod, Probe, Terminated};
pub(super) use policy::{NetworkPolicy, Peer, Selector};
pub(super) use route::{GrpcMethodMatch, GrpcRoute, HttpPathMatch, HttpRoute, Ingress, IngressBackend, RouteReference};
pub(super) use variable::{PodTemplate, Reach, TemplateSpec, Variable};
pub(super) use workload::{CronJob, DaemonSet, Deployment, Job, Node, ReplicaSet, StatefulSet};

/// `null` where a list or an object should be is an empty one: Go's servers answer so.
fn or_empty<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(from: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or_default())
}

/// `GET /version`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Version {
    pub(super) git_version: String,
}

/// `GET /apis/GROUP`: the versions of a group that are served.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ApiGroup {
    #[serde(deserialize_with = "or_empty")]
    pub(super) versions: Vec<GroupVersion>,
}

/// See [`ApiGroup`].
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct GroupVersion {
    pub(super) version: String,
}

/// What the server says when it does not do what was asked, also as an event of a watch.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Status {
    pub(super) message: String,
    pub(super) reason: String,
    pub(super) code: u16,
}

/// One answer of a listing. Objects are read one by one: a bad one spoils no other.
#[derive(Debug, Deserialize)]
pub(super) struct List<'a> {
    #[serde(default)]
    pub(super) metadata: ListMeta,
    #[serde(borrow, default, deserialize_with = "or_empty")]
    pub(super) items: Vec<&'a RawValue>,
}

/// Whether an account may do something.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Review {
    pub(super) status: ReviewStatus,
}

/// The answer of a review.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ReviewStatus {
    pub(super) allowed: bool,
}

/// A short listing that is read at once.
#[derive(Debug, Deserialize)]
pub(super) struct Items<T> {
    #[serde(default = "Vec::new")]
    pub(super) items: Vec<T>,
}

/// The head of a listing.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct ListMeta {
    pub(super) resource_version: String,
    #[serde(rename = "continue")]
    pub(super) more: String,
}

/// One line of a watch.
#[derive(Debug, Deserialize)]
pub(super) struct Line<'a> {
    #[serde(rename = "type")]
    pub(super) kind: EventKind,
    #[serde(borrow)]
    pub(super) object: &'a RawValue,
}

/// What a line of a watch says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(super) enum EventKind {
    Added,
    Modified,
    Deleted,
    /// Only says how far the watch has come.
    Bookmark,
    Error,
    /// A word that this version does not know.
    #[serde(other)]
    Other,
}

/// The part of an object that every object has, and nothing else.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Named {
    #[serde(default)]
    pub(super) metadata: Meta,
}

/// What every object has.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Meta {
    pub(super) name: String,
    pub(super) namespace: String,
    pub(super) uid: String,
    pub(super) resource_version: String,
    pub(super) generation: i64,
    pub(super) creation_timestamp: Option<Timestamp>,
    pub(super) deletion_timestamp: Option<Timestamp>,
    /// Who must be done with it before it is gone.
    #[serde(deserialize_with = "or_empty")]
    pub(super) finalizers: Vec<String>,
    #[serde(deserialize_with = "or_empty")]
    pub(super) labels: BTreeMap<String, String>,
    #[serde(deserialize_with = "or_empty")]
    pub(super) annotations: BTreeMap<String, String>,
    #[serde(deserialize_with = "or_empty")]
    pub(super) owner_references: Vec<OwnerReference>,
}

impl Meta {
    /// `NAMESPACE/NAME`, or the name alone where there are no namespaces.
    pub(super) fn key(&self) -> String {
        if self.namespace.is_empty() { self.name.clone() } else { format!("{}/{}", self.namespace, self.name) }
    }

    /// The version, where it is the number that it is in every known store.
    pub(super) fn version(&self) -> Option<u64> {
        self.resource_version.parse().ok()
    }

    /// The one owner that manages the object.
    pub(super) fn controller(&self) -> Option<&OwnerReference> {
        self.owner_references.iter().find(|owner| owner.controller == Some(true))
    }
}

/// Something that owns an object.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(super) struct OwnerReference {
    pub(super) kind: String,
    pub(super) name: String,
    pub(super) uid: String,
    pub(super) controller: Option<bool>,
}

/// Something that holds or does not.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Condition {
    #[serde(rename = "type")]
    pub(super) kind: String,
    /// `True`, `False` or `Unknown`.
    pub(super) status: String,
    pub(super) reason: String,
    pub(super) message: String,
    pub(super) last_transition_time: Option<Timestamp>,
}

impl Condition {
    pub(super) fn holds(&self) -> bool {
        self.status == "True"
    }

    /// The message, or the reason where there is none.
    pub(super) fn words(&self) -> &str {
        if self.message.is_empty() { &self.reason } else { &self.message }
    }
}

/// The condition of a kind.
pub(super) fn condition<'a>(all: &'a [Condition], kind: &str) -> Option<&'a Condition> {
    all.iter().find(|condition| condition.kind == kind)
}
