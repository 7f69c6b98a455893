//! What a source may state. An [`Observation`] is one [`Fact`] about one object, as one source states it, with the time
//! it was seen and the origin's version.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Where an object lives inside its source: a collection that the source lists as a whole, and a key in it.
///
/// A reset of a collection removes what the new listing no longer has, see [`crate::store::Batch`].
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ObjectKey {
    /// For instance `kv`, `catalog`, `health`, `calls`.
    pub collection: Arc<str>,
    /// Unique within the collection.
    pub key: Arc<str>,
}

impl ObjectKey {
    /// A key in a collection.
    pub fn new(collection: impl Into<Arc<str>>, key: impl Into<Arc<str>>) -> Self {
        Self { collection: collection.into(), key: key.into() }
    }
}

impl fmt::Debug for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.collection, self.key)
    }
}

/// How a fact reached Binnacle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// The source pushed it: a watch, a blocking query, a stream.
    Pushed,
    /// Binnacle asked at an interval.
    Asked,
}

/// Which query brought a fact. Shared by all facts of one answer.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Origin {
    /// The query or path, for instance `GET /v1/health/state/any?dc=dc1`. Never holds a token.
    pub query: Arc<str>,
    /// Pushed or asked for.
    pub how: How,
}

/// One fact about one object, as one source states it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Observation {
    /// Which object of the source.
    pub object: ObjectKey,
    /// What is stated about it.
    pub fact: Fact,
    /// When Binnacle saw it.
    pub seen: Timestamp,
    /// The origin's own version of the object (Consul's ModifyIndex); `None` where the origin has none.
    /// Within one object, a lower version never replaces a higher one, except by a reset.
    pub version: Option<u64>,
    /// Which query brought it.
    pub origin: Arc<Origin>,
}

/// The kinds of statements. One object of a source always has the same kind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "states", rename_all = "snake_case")]
pub enum Fact {
    /// A service exists under this name.
    Service(ServiceFact),
    /// A machine or virtual node that instances run on.
    Node(NodeFact),
    /// A running copy of a service.
    Instance(InstanceFact),
    /// The result of a health check.
    Check(CheckFact),
    /// A key of a config store; the value itself is never part of the model.
    Config(ConfigFact),
    /// Calls from one party to another, measured or declared.
    Calls(CallsFact),
    /// The state of a circuit breaker in one process.
    Breaker(BreakerFact),
    /// A rule of the service mesh (Consul's config entries: service-defaults, service-router ...).
    MeshRule(MeshRuleFact),
    /// A lock session.
    Session(SessionFact),
    /// An endpoint that a metrics server scrapes.
    Target(TargetFact),
    /// An alert that is pending or firing.
    Alert(AlertFact),
}

/// The name under which one source knows a service. Names are unique per namespace within a source.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ServiceName {
    /// Consul Enterprise namespace or Kubernetes namespace; `None` where the source has no namespaces.
    pub namespace: Option<Arc<str>>,
    /// The service's own name.
    pub name: Arc<str>,
}

impl ServiceName {
    /// A name without a namespace.
    pub fn plain(name: impl Into<Arc<str>>) -> Self {
        Self { namespace: None, name: name.into() }
    }
}

impl fmt::Display for ServiceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.namespace {
            Some(namespace) => write!(f, "{namespace}/{}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

/// See [`Fact::Service`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceFact {
    /// The name.
    pub service: ServiceName,
    /// Union of the tags of all instances, as Consul's catalog lists them.
    pub tags: Vec<Arc<str>>,
}

/// See [`Fact::Node`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeFact {
    /// The node's name; checks and instances refer to it.
    pub name: Arc<str>,
    /// IP address or host name.
    pub address: Arc<str>,
    /// Free key-value pairs.
    pub meta: BTreeMap<Arc<str>, Arc<str>>,
}

/// What an instance is for. Sidecars and gateways are told from services by this, never by their name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InstanceRole {
    /// An ordinary service instance.
    Service,
    /// A proxy that fronts an instance of another service and is part of it.
    Sidecar {
        /// The service it fronts.
        of: ServiceName,
        /// The id of the instance it fronts, where the source says so.
        instance: Option<Arc<str>>,
    },
    /// A gateway; the word is the source's own (`mesh-gateway`, `ingress-gateway` ...).
    Gateway(Arc<str>),
}

/// A service that an instance declares to call.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Upstream {
    /// The callee.
    pub service: ServiceName,
    /// Another datacenter than the caller's own, where declared.
    pub datacenter: Option<Arc<str>>,
}

/// See [`Fact::Instance`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstanceFact {
    /// The service it belongs to.
    pub service: ServiceName,
    /// The id that the source gives it; unique per node only.
    pub id: Arc<str>,
    /// The node it is registered on.
    pub node: Option<Arc<str>>,
    /// IP address or host name under which it answers; empty when unknown.
    pub address: Arc<str>,
    /// TCP or UDP port; 0 when it has none.
    pub port: u16,
    /// Service, sidecar or gateway.
    pub role: InstanceRole,
    /// Tags in the source's order.
    pub tags: Vec<Arc<str>>,
    /// Free key-value pairs.
    pub meta: BTreeMap<Arc<str>, Arc<str>>,
    /// Declared upstreams (a sidecar's proxy configuration).
    pub upstreams: Vec<Upstream>,
}

/// What a check says. Worst first in the order of [`crate::snapshot::Health`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckStatus {
    /// All is well.
    Passing,
    /// The source's own word for "look at it".
    Warning,
    /// Not usable.
    Critical,
    /// Taken out on purpose (Consul's `_node_maintenance` and `_service_maintenance:ID` checks).
    Maintenance,
    /// A status word that this version does not know.
    Unknown,
}

/// What a check checks.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckSubject {
    /// A node, and with it every instance on it.
    Node(Arc<str>),
    /// One instance: its node and its id there.
    Instance {
        /// The node.
        node: Arc<str>,
        /// The instance's id on that node.
        id: Arc<str>,
    },
}

/// See [`Fact::Check`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckFact {
    /// What is checked.
    pub subject: CheckSubject,
    /// The id that the source gives it.
    pub id: Arc<str>,
    /// For people.
    pub name: Arc<str>,
    /// The result.
    pub status: CheckStatus,
    /// What the check printed, as the source keeps it (Consul: up to 4 KB).
    pub output: Arc<str>,
    /// `http`, `ttl`, `grpc` ...; empty when the source does not say.
    pub method: Arc<str>,
}

/// Which kind of store a config key lives in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StoreKind {
    /// Consul's key-value store.
    ConsulKv,
}

/// See [`Fact::Config`]. The value stays in its store: it may be a secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigFact {
    /// The kind of store.
    pub store: StoreKind,
    /// The key, exactly as the store has it.
    pub path: Arc<str>,
    /// Size of the value in bytes.
    pub size_bytes: u64,
    /// The application's own number beside the value (Consul's `Flags`).
    pub flags: u64,
    /// The session that holds the key's lock, if any.
    pub lock_session: Option<Arc<str>>,
    /// When the key was created, in the store's own count (Consul's CreateIndex).
    pub created_version: u64,
}

/// One side of a call.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Party {
    /// A service that this same source names in its catalog (or another datacenter's source, by id).
    Service {
        /// The source whose catalog has the name.
        source: crate::id::SourceId,
        /// The name there.
        service: ServiceName,
    },
    /// Whoever listens at this address.
    Address {
        /// IP address or host name.
        host: Arc<str>,
        /// Port.
        port: u16,
    },
    /// A Kubernetes pod, as the labels of its metrics name it.
    Pod {
        /// Its namespace.
        namespace: Arc<str>,
        /// Its name.
        pod: Arc<str>,
        /// Where its metrics are read, host and port; the port need not be the one that it serves at.
        address: Option<(Arc<str>, u16)>,
    },
    /// Known by a name alone, such as a metric's label.
    Named(Arc<str>),
    /// A queue or topic, by its name.
    Channel(Arc<str>),
    /// Any service (a wildcard in an intention).
    Any,
}

/// What travels on an edge.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    /// HTTP 1 or 2.
    Http,
    /// gRPC.
    Grpc,
    /// Plain TCP.
    Tcp,
    /// A broker's protocol.
    Messaging,
    /// Not said by anyone.
    #[default]
    Unknown,
}

/// How the two sides talk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pattern {
    /// A question and its answer.
    RequestResponse,
    /// The callee sends on its own (server-sent events).
    Push,
    /// Each message goes to one consumer.
    WorkQueue,
    /// Each message goes to every subscriber.
    PublishSubscribe,
    /// A remote procedure call with a binary body.
    Rpc,
    /// Not said by anyone.
    #[default]
    Unknown,
}

/// The format of the body.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Payload {
    /// JSON.
    Json,
    /// XML.
    Xml,
    /// Anything not made of text.
    Binary,
    /// Not said by anyone.
    #[default]
    Unknown,
}

/// Measured calls. Every number is absent rather than zero when nobody measured it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Signals {
    /// Calls per second.
    pub rps: Option<f64>,
    /// Failed calls of all calls, 0 to 1.
    pub error_ratio: Option<f64>,
    /// Median latency in milliseconds.
    pub p50_ms: Option<f64>,
    /// 95th percentile of the latency in milliseconds.
    pub p95_ms: Option<f64>,
    /// 99th percentile of the latency in milliseconds.
    pub p99_ms: Option<f64>,
}

impl Signals {
    /// These calls and those together: rates add and ratios are weighed by rate. A percentile of a whole cannot be had from
    /// percentiles of its parts, so the slower part's stands, which is never too good.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        let rates = (self.rps.unwrap_or(0.0), other.rps.unwrap_or(0.0));
        let total = rates.0 + rates.1;
        let slower = |mine: Option<f64>, theirs: Option<f64>| match (mine, theirs) {
            (Some(mine), Some(theirs)) => Some(mine.max(theirs)),
            (mine, theirs) => mine.or(theirs),
        };
        Self {
            rps: (self.rps.is_some() || other.rps.is_some()).then_some(total),
            error_ratio: match (self.error_ratio, other.error_ratio) {
                (Some(mine), Some(theirs)) if total > 0.0 => Some((mine * rates.0 + theirs * rates.1) / total),
                (mine, theirs) => slower(mine, theirs),
            },
            p50_ms: slower(self.p50_ms, other.p50_ms),
            p95_ms: slower(self.p95_ms, other.p95_ms),
            p99_ms: slower(self.p99_ms, other.p99_ms),
        }
    }
}

/// How calls are known.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallsBasis {
    /// Somebody counted them.
    Observed(Signals),
    /// Somebody configured them; the word says where (`upstream`, `intention`, `ingress-gateway` ...).
    Declared(Arc<str>),
    /// Somebody configured that they must not happen.
    Denied(Arc<str>),
}

/// See [`Fact::Calls`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CallsFact {
    /// Who calls.
    pub caller: Party,
    /// Who is called.
    pub callee: Party,
    /// What travels.
    pub protocol: Protocol,
    /// How the two sides talk.
    pub pattern: Pattern,
    /// The body's format.
    pub payload: Payload,
    /// Measured, declared or denied.
    pub basis: CallsBasis,
}

/// The three kinds of breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BreakerKind {
    /// Opens when calls fail.
    Failure,
    /// Refuses when too many calls are under way.
    Capacity,
    /// Takes single endpoints of the callee out.
    Endpoint,
}

/// The state of a breaker, worst last in the order of attention.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BreakerState {
    /// Calls pass.
    Closed,
    /// Switched off: calls pass whatever happens.
    Disabled,
    /// Nobody says.
    Unknown,
    /// A few calls pass as a probe.
    HalfOpen,
    /// A person opened it.
    ForcedOpen,
    /// Calls are refused.
    Open,
}

/// See [`Fact::Breaker`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BreakerFact {
    /// Whose calls it guards.
    pub caller: Party,
    /// Whom the calls go to, where that is known.
    pub callee: Option<Party>,
    /// The name that the library gives it (a Hystrix command key, a resilience4j name).
    pub name: Arc<str>,
    /// Failure, capacity or endpoint.
    pub kind: BreakerKind,
    /// Its state in this process.
    pub state: BreakerState,
    /// Calls refused per second; `None` when the source does not count them.
    pub rejected_per_s: Option<f64>,
    /// The source's own values, by the source's own names.
    pub raw: BTreeMap<Arc<str>, Arc<str>>,
}

/// See [`Fact::MeshRule`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MeshRuleFact {
    /// `service-defaults`, `service-router`, `service-intentions` ...
    pub rule: Arc<str>,
    /// The name of the entry, mostly a service's.
    pub name: Arc<str>,
    /// A short sentence about what it says.
    pub summary: Arc<str>,
}

/// See [`Fact::Session`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionFact {
    /// The session's id.
    pub id: Arc<str>,
    /// Its name, may be empty.
    pub name: Arc<str>,
    /// The node that owns it.
    pub node: Arc<str>,
    /// `release` or `delete`: what happens to its locks when it ends.
    pub behavior: Arc<str>,
}

/// How a scrape target answered last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TargetHealth {
    /// It showed its metrics.
    Up,
    /// It was not scraped yet.
    Unknown,
    /// It did not answer, or not with metrics.
    Down,
}

/// See [`Fact::Target`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetFact {
    /// The scrape job that it belongs to.
    pub job: Arc<str>,
    /// What is scraped, without user, password and query.
    pub url: Arc<str>,
    /// Whose metrics these are, by the target's labels.
    pub process: Party,
    /// The labels that all its series get.
    pub labels: BTreeMap<Arc<str>, Arc<str>>,
    /// How it answered last.
    pub health: TargetHealth,
    /// Why it is down, in the server's words; empty when it is up.
    pub last_error: Arc<str>,
    /// When it was scraped last before this was seen, by the server's clock.
    pub last_scrape: Option<Timestamp>,
}

/// How far an alert has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertState {
    /// Its condition holds, not yet for long enough.
    Pending,
    /// It fires.
    Firing,
}

/// See [`Fact::Alert`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AlertFact {
    /// The name of its rule.
    pub name: Arc<str>,
    /// Pending or firing.
    pub state: AlertState,
    /// The label `severity`, in the words of whoever wrote the rule; empty when there is none.
    pub severity: Arc<str>,
    /// All labels, the name and the severity among them.
    pub labels: BTreeMap<Arc<str>, Arc<str>>,
    /// What the annotations say for people; empty when they say nothing.
    pub summary: Arc<str>,
    /// Since when its condition holds, by the server's clock.
    pub since: Option<Timestamp>,
    /// The value of its expression, where it is a number.
    pub value: Option<f64>,
    /// Whom it speaks of, where its labels tell.
    pub about: Option<Party>,
}
