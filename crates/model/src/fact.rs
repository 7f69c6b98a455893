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
    /// From where on a mesh was told to refuse calls.
    Limits(LimitsFact),
    /// What a process itself counted of the calls that it answered. It names no caller, so it is no edge.
    Served(ServedFact),
    /// A rule of the service mesh (Consul's config entries: service-defaults, service-router ...).
    MeshRule(MeshRuleFact),
    /// A lock session.
    Session(SessionFact),
    /// What runs a service's instances, and how far it has come with that.
    Workload(WorkloadFact),
    /// A stable name and address in front of changing backends (a Kubernetes Service).
    ClusterService(ClusterServiceFact),
    /// Some of the backends of a cluster service (an EndpointSlice).
    Backends(BackendsFact),
    /// A gateway's rule from host and path to a cluster service.
    Route(RouteFact),
    /// A variable of a workload's containers that names a cluster service.
    Mention(MentionFact),
    /// Who may reach some instances, or whom they may reach (a Kubernetes NetworkPolicy).
    NetworkPolicy(NetworkPolicyFact),
    /// Something happened that the source itself calls worth a look.
    Event(EventFact),
    /// Something changes how many instances are wanted.
    Autoscaler(AutoscalerFact),
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
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ServiceFact {
    /// The name.
    pub service: ServiceName,
    /// Union of the tags of all instances, as Consul's catalog lists them.
    pub tags: Vec<Arc<str>>,
}

/// See [`Fact::Node`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
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
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
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
    /// Every port that it declares, [`InstanceFact::port`] included; empty where the source knows one port only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<InstancePort>,
    /// An id that no other instance ever has, where the source gives one (a Pod's uid). Then `id` is unique in the whole
    /// source, whatever node it is on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<Arc<str>>,
    /// When it was started: an address that was seen before this time meant another instance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started: Option<Timestamp>,
    /// The network that its address belongs to; `None` is the source's own, where an address is one instance's alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<NetworkScope>,
    /// Since when it is on its way out, if it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terminating: Option<Timestamp>,
}

/// What travels through a port.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Transport {
    /// TCP.
    #[default]
    Tcp,
    /// UDP.
    Udp,
    /// SCTP.
    Sctp,
}

/// A port that an instance declares.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct InstancePort {
    /// Its name, where it has one.
    pub name: Option<Arc<str>>,
    /// Its number.
    pub port: u16,
    /// TCP, UDP or SCTP.
    pub transport: Transport,
}

/// A network in which an address means something else than in the source's own.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NetworkScope {
    /// The node's: every such instance on the node has the node's address, so that only address and port together tell
    /// them apart.
    Node,
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
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
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
    /// A Kubernetes ConfigMap; the path is `NAMESPACE/NAME/KEY`.
    #[serde(rename = "configmap")]
    ConfigMap,
    /// A Kubernetes Secret; the path is `NAMESPACE/NAME/KEY`. Its values never enter Binnacle.
    Secret,
}

impl StoreKind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::ConsulKv, Self::ConfigMap, Self::Secret];

    /// The collection that a source keeps such keys in, which is also the middle part of their ids:
    /// `consul:dc1/kv/app/x`, `kube:minikube/configmap/shop/limits/app.yaml`.
    pub fn collection(self) -> &'static str {
        match self {
            Self::ConsulKv => "kv",
            Self::ConfigMap => "configmap",
            Self::Secret => "secret",
        }
    }
}

/// See [`Fact::Config`]. The value stays in its store: it may be a secret.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
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
    /// What tells its value apart from another one; `None` where the value is none of ours (a Secret's) or no text.
    #[serde(skip)]
    pub mark: Option<ValueMark>,
}

/// Tells two values apart without holding either. It is made with a key that each process draws anew, and is never printed, stored
/// or sent.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ValueMark(u64);

impl ValueMark {
    /// A mark from a digest that is keyed; without the key it must say nothing about the value.
    pub fn of_keyed_digest(digest: u64) -> Self {
        Self(digest)
    }
}

impl fmt::Debug for ValueMark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ValueMark")
    }
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
    /// Known by a name in a namespace, such as two labels of a mesh's metric: a workload or a cluster service.
    NamedIn {
        /// The namespace.
        namespace: Arc<str>,
        /// The name there.
        name: Arc<str>,
    },
    /// By habit called by one of these names, the likelier first: the one that a service other than the caller has. Nobody where
    /// none is called so.
    Supposed(Vec<Arc<str>>),
    /// Somebody whom nobody names; the words say what is known of them (`clients outside the mesh`).
    Outside(Arc<str>),
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

impl CallsBasis {
    /// The side whose partners such a declaration is there to list: a call of that side with another partner was not
    /// declared. Whoever is named by a route or a variable may have other partners as well.
    pub fn lists(&self) -> Option<Side> {
        match self {
            Self::Declared(word) if &**word == "upstream" => Some(Side::Caller),
            Self::Declared(word) if &**word == "intention" => Some(Side::Callee),
            Self::Declared(_) | Self::Denied(_) | Self::Observed(_) => None,
        }
    }
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
    /// Who counted them, where they are measured.
    #[serde(default, skip_serializing_if = "Observer::is_default")]
    pub observer: Observer,
}

/// Where calls were counted. The order is that of belief: what the caller saw holds its timeouts and refusals too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// At the caller.
    #[default]
    Caller,
    /// On the way, by a proxy that belongs to neither.
    Between,
    /// At the callee.
    Callee,
}

/// The dialect of those who count over the last seconds only (a Hystrix stream).
pub const ROLLING: &str = "hystrix stream";

/// Who counted calls. Two that differ may have counted the same calls, so their numbers are never added.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Observer {
    /// The dialect of the metrics; empty where there is one way of counting only.
    pub dialect: Arc<str>,
    /// Where.
    pub side: Side,
}

impl Observer {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// See [`Fact::Served`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ServedFact {
    /// Who answered.
    pub process: Party,
    /// The name under which it can be called, where callers know it by another one than the registries (a gRPC service).
    pub offers: Option<Arc<str>>,
    /// What travels.
    pub protocol: Protocol,
    /// The dialect of the metrics: two of them may count the same calls.
    pub dialect: Arc<str>,
    /// What it answered, whoever asked.
    pub signals: Signals,
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

impl BreakerState {
    /// Every state.
    pub const ALL: [Self; 6] =
        [Self::Closed, Self::Disabled, Self::Unknown, Self::HalfOpen, Self::ForcedOpen, Self::Open];
}

/// From where on a breaker opens.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OpensAt {
    /// So large a share of the calls failed, from 0 to 1.
    Failing(f64),
    /// So many requests or connections at once.
    AtOnce(u64),
    /// So many failures in a row.
    InARow(u64),
}

impl OpensAt {
    /// The share of failed calls, where it goes by that.
    pub fn failing(self) -> Option<f64> {
        match self {
            Self::Failing(ratio) => Some(ratio),
            Self::AtOnce(_) | Self::InARow(_) => None,
        }
    }
}

/// How near a breaker is to opening, as far as its source tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Tripping {
    /// The share of calls that failed in the breaker's own window, from 0 to 1; `None` where it is not told, or while the
    /// library says that too few calls were counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failing: Option<f64>,
    /// From where on it opens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub opens_at: Option<OpensAt>,
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
    /// Since when it is in this state, by the source's own clock; `None` where the source does not say.
    #[serde(default)]
    pub since: Option<Timestamp>,
    /// Calls refused per second; `None` when the source does not count them.
    pub rejected_per_s: Option<f64>,
    /// How near it is to opening.
    #[serde(default)]
    pub tripping: Tripping,
    /// The source's own values, by the source's own names.
    pub raw: BTreeMap<Arc<str>, Arc<str>>,
    /// True when nobody tells the state and it is concluded from something else, such as counts of openings and closings.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub derived: bool,
    /// Where the source adds up several processes that it does not tell apart: in how many the breaker lets no call pass.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub among: Option<Among>,
}

/// See [`BreakerFact::among`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Among {
    /// Processes in which it lets no call pass.
    pub open: u32,
    /// All of them.
    pub of: u32,
}

impl BreakerFact {
    /// The process that it speaks of, which several sources may do: its address, else the source's own key.
    pub fn process(&self, object: &ObjectKey) -> Arc<str> {
        match &self.caller {
            Party::Address { host, port } | Party::Pod { address: Some((host, port)), .. } => {
                Arc::from(format!("{host}:{port}"))
            }
            _ => object.key.clone(),
        }
    }
}

/// See [`Fact::Limits`]: one rule of a mesh. It says from where on calls are to be refused, and nothing of whether they are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LimitsFact {
    /// What carries the rule out: `consul`, `istio`, `linkerd`. Of the rules of one mesh for a call one alone holds.
    pub mesh: Arc<str>,
    /// As a person names it: `DestinationRule reviews`, `service-defaults web`.
    pub rule: Arc<str>,
    /// Whose calls it is about.
    pub callers: Callers,
    /// Calls to whom.
    pub callees: Callees,
    /// Where it lies: which rule is asked first depends on it.
    pub home: RuleHome,
    /// When it was made; of rules that are alike in all else the oldest holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<Timestamp>,
    /// What it says.
    pub ruling: Ruling,
}

/// Whose calls a rule limits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Callers {
    /// Those of one service of the source.
    One(ServiceName),
    /// Those of a cluster's instances.
    Instances {
        /// In which namespaces.
        namespaces: Namespaces,
        /// Which of them; all when it is empty.
        selects: LabelSelector,
    },
}

/// Calls to whom a rule limits. The order is that of belief: the narrower one holds.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Callees {
    /// To one service of the source; where it has cluster services, to whatever is behind the one of this name.
    One(ServiceName),
    /// To a host that is none of the source's.
    Host(Arc<str>),
    /// To every service of a namespace.
    Namespace(Arc<str>),
    /// To every service of the source.
    All,
}

/// Where a rule lies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RuleHome {
    /// In a namespace: it is asked first where that is the caller's, then where it is the callee's, and else never.
    Namespace(Arc<str>),
    /// With the mesh itself: it is asked when neither namespace has one.
    Mesh,
    /// Nowhere else than everywhere: it is asked last.
    Everywhere,
}

/// What a rule says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ruling {
    /// From where on calls are refused; without any, that nothing refuses them.
    Limits(Vec<Limit>),
    /// That what the next rule says does not hold while this one is there.
    Void,
}

/// From where on a rule lets calls be refused.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Limit {
    /// Capacity or endpoint.
    pub kind: BreakerKind,
    /// The one number that says it, where there is one.
    pub opens_at: Option<OpensAt>,
    /// True when it says that calls are never refused.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub off: bool,
    /// The rule's own values, by its own names.
    pub raw: BTreeMap<Arc<str>, Arc<str>>,
}

/// The collection in which Istio's rules of a cluster stand.
pub const DESTINATION_RULES: &str = "destinationrules";

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

/// What kind of thing runs instances.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WorkloadKind {
    /// Replaceable copies, rolled out by revisions.
    Deployment,
    /// Copies with a number and storage of their own.
    StatefulSet,
    /// One copy on each node that it fits.
    DaemonSet,
    /// Copies of one revision, without an owner.
    ReplicaSet,
    /// Runs at times.
    CronJob,
    /// Runs to its end.
    Job,
    /// A single one that nothing starts again elsewhere.
    Pod,
    /// A controller that this version knows by its name only (an Argo Rollout).
    Other(Arc<str>),
}

impl WorkloadKind {
    /// The kind as its own system spells it.
    pub fn word(&self) -> &str {
        match self {
            Self::Deployment => "Deployment",
            Self::StatefulSet => "StatefulSet",
            Self::DaemonSet => "DaemonSet",
            Self::ReplicaSet => "ReplicaSet",
            Self::CronJob => "CronJob",
            Self::Job => "Job",
            Self::Pod => "Pod",
            Self::Other(kind) => kind,
        }
    }
}

/// How far a workload has come with what it is to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RolloutState {
    /// All that is wanted runs in the latest revision and is available.
    Complete,
    /// The latest revision is being brought out.
    Progressing,
    /// The latest revision is not out by its own deadline, or cannot be brought out at all.
    Stalled,
    /// A person halted it.
    Paused,
    /// The latest revision is out, and less of it is available than is wanted.
    Degraded,
    /// Nothing is wanted.
    ScaledToZero,
    /// A run is under way.
    Running,
    /// The run ended well.
    Succeeded,
    /// The run ended badly.
    Failed,
    /// It waits for its next time.
    Waiting,
    /// It must not run for now.
    Suspended,
    /// Nobody says.
    Unknown,
}

impl RolloutState {
    /// The word for people and programs.
    pub fn word(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Progressing => "progressing",
            Self::Stalled => "stalled",
            Self::Paused => "paused",
            Self::Degraded => "degraded",
            Self::ScaledToZero => "scaled_to_zero",
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Waiting => "waiting",
            Self::Suspended => "suspended",
            Self::Unknown => "unknown",
        }
    }

    /// True when nothing about it needs to be looked at.
    pub fn is_well(self) -> bool {
        matches!(self, Self::Complete | Self::Running | Self::Succeeded | Self::Waiting)
    }
}

/// See [`Fact::Workload`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct WorkloadFact {
    /// The service whose instances it runs. A CronJob's runs name the CronJob's service.
    pub service: ServiceName,
    /// Its own name.
    pub name: Arc<str>,
    /// What it is.
    pub kind: WorkloadKind,
    /// An id that no other workload ever has.
    pub uid: Arc<str>,
    /// When it was made.
    pub created: Option<Timestamp>,
    /// Instances wanted; `None` where that has no meaning or nobody says, here and below.
    pub desired: Option<u32>,
    /// Instances that are ready.
    pub ready: Option<u32>,
    /// Instances of the latest revision.
    pub updated: Option<u32>,
    /// Instances that have been ready for as long as the workload demands.
    pub available: Option<u32>,
    /// How far it has come.
    pub state: RolloutState,
    /// Why, in its system's words; may be empty.
    pub message: Arc<str>,
}

impl WorkloadFact {
    /// Its kind, name and state in one line: `Deployment web is stalled: ...`.
    pub fn words(&self) -> Arc<str> {
        let state = format!("{} {} is {}", self.kind.word(), self.name, self.state.word().replace('_', " "));
        Arc::from(if self.message.is_empty() { state } else { format!("{state}: {}", self.message) })
    }
}

/// How a cluster service is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Exposure {
    /// By an address inside the cluster.
    ClusterIp,
    /// Also at a port of every node.
    NodePort,
    /// Also by a load balancer outside.
    LoadBalancer,
    /// It is only another name for a host elsewhere.
    ExternalName,
}

/// Where a cluster service's port leads.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TargetPort {
    /// To this port of the backend.
    Number(u16),
    /// To the backend's port of this name.
    Named(Arc<str>),
}

/// A port of a cluster service.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ClusterServicePort {
    /// Its name, where it has one.
    pub name: Option<Arc<str>>,
    /// The port that clients use.
    pub port: u16,
    /// TCP, UDP or SCTP.
    pub transport: Transport,
    /// Where it leads.
    pub target: TargetPort,
    /// The port of every node, where there is one.
    pub node_port: Option<u16>,
    /// The application's protocol, where it is declared (`http`, `kubernetes.io/h2c`).
    pub app_protocol: Option<Arc<str>>,
}

/// See [`Fact::ClusterService`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ClusterServiceFact {
    /// Its namespace and name. It is the name of an address, not of a workload.
    pub name: ServiceName,
    /// How it is reached.
    pub exposure: Exposure,
    /// Its addresses inside the cluster; empty for a headless one, whose name leads to the backends themselves.
    pub addresses: Vec<Arc<str>>,
    /// Its ports.
    pub ports: Vec<ClusterServicePort>,
    /// The labels that a backend must have; empty when somebody else names the backends.
    pub selector: BTreeMap<Arc<str>, Arc<str>>,
    /// The host that it is another name for.
    pub external_name: Option<Arc<str>>,
    /// True when backends that are not ready are named all the same.
    pub publishes_unready: bool,
}

/// One backend of a cluster service.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Backend {
    /// IP address or host name.
    pub address: Arc<str>,
    /// Whether traffic is sent to it. Where nobody says, it is: that is Kubernetes' rule.
    pub ready: bool,
    /// True when it is on its way out.
    pub terminating: bool,
    /// The id of the instance behind it (`NAMESPACE/POD`), where the source says.
    pub instance: Option<Arc<str>>,
    /// The node that it is on.
    pub node: Option<Arc<str>>,
}

/// See [`Fact::Backends`]. A service may have several such lists, and one backend may stand in two of them for a moment:
/// they are to be united.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct BackendsFact {
    /// The cluster service.
    pub service: ServiceName,
    /// The ports at which these backends listen.
    pub ports: Vec<InstancePort>,
    /// The backends.
    pub backends: Vec<Backend>,
}

/// How a route's path is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PathMatch {
    /// The whole path.
    Exact,
    /// Its first segments.
    Prefix,
    /// By a regular expression.
    Regex,
    /// As the gateway has it.
    Own,
}

/// See [`Fact::Route`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RouteFact {
    /// The object that has the rule.
    pub name: ServiceName,
    /// What it is: `Ingress`, `HTTPRoute`, `GRPCRoute`.
    pub kind: Arc<str>,
    /// What carries it out, where that is said: an ingress class, a Gateway.
    pub gateway: Option<Arc<str>>,
    /// The host that it is for; `None` is any.
    pub host: Option<Arc<str>>,
    /// The path that it is for.
    pub path: Arc<str>,
    /// How the path is compared.
    pub matching: PathMatch,
    /// Whether the gateway ends TLS for the host.
    pub tls: bool,
    /// The cluster service that it leads to.
    pub target: ServiceName,
    /// Which of its ports.
    pub port: Option<TargetPort>,
}

/// See [`Fact::Mention`]. Of the variable's value only these parts leave the source: the rest may be a password.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct MentionFact {
    /// The service whose instances have the variable.
    pub service: ServiceName,
    /// What runs them.
    pub kind: WorkloadKind,
    /// Its name.
    pub workload: Arc<str>,
    /// The container.
    pub container: Arc<str>,
    /// The variable's name.
    pub variable: Arc<str>,
    /// The cluster service that the value would name. Whether there is one of that name is not known here.
    pub target: ServiceName,
    /// The scheme of an address, such as `http`.
    pub scheme: Option<Arc<str>>,
    /// The port behind the name.
    pub port: Option<u16>,
}

/// See [`Fact::NetworkPolicy`]. Several policies of the same instances permit what one of them permits; instances that none
/// selects may be reached by everybody, and reach everybody. One that is for both directions makes two facts.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct NetworkPolicyFact {
    /// Namespace and name.
    pub name: ServiceName,
    /// Which instances of the namespace it is about.
    pub selects: LabelSelector,
    /// Whether it is for what enters them, or for what leaves them.
    pub direction: Direction,
    /// Who may reach them, or whom they may reach; nobody when there is none.
    pub permits: Vec<NetworkPeer>,
}

/// Which calls of some instances a network policy is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Those that they answer.
    In,
    /// Those that they make.
    Out,
}

/// The collection in which the policies of a cluster stand.
pub const NETWORK_POLICIES: &str = "networkpolicies";

/// Somebody whom a network policy lets in, or lets out to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NetworkPeer {
    /// Everybody.
    Anybody,
    /// Somebody of whom it cannot be told which instances they are (addresses, namespaces by labels of their own).
    Somebody,
    /// Instances by their labels.
    Instances {
        /// In which namespaces.
        namespaces: Namespaces,
        /// Which of them; all when it is empty.
        selects: LabelSelector,
    },
}

/// Namespaces that are meant.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Namespaces {
    /// All.
    All,
    /// Those of these names.
    Named(Vec<Arc<str>>),
}

/// Which labels are meant (<https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors>).
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LabelSelector {
    /// All of these must hold; without any, everything is meant.
    pub requires: Vec<LabelTest>,
}

/// One demand on labels.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LabelTest {
    /// The label has one of these values.
    In(Arc<str>, Vec<Arc<str>>),
    /// The label is missing, or has another value than these.
    NotIn(Arc<str>, Vec<Arc<str>>),
    /// The label is there.
    Exists(Arc<str>),
    /// The label is missing.
    Missing(Arc<str>),
}

impl LabelSelector {
    /// Whether everything is meant.
    pub fn is_empty(&self) -> bool {
        self.requires.is_empty()
    }

    /// Whether something with these labels is meant.
    pub fn fits(&self, labels: &BTreeMap<Arc<str>, Arc<str>>) -> bool {
        self.requires.iter().all(|test| match test {
            LabelTest::In(label, values) => labels.get(label).is_some_and(|value| values.contains(value)),
            LabelTest::NotIn(label, values) => labels.get(label).is_none_or(|value| !values.contains(value)),
            LabelTest::Exists(label) => labels.contains_key(label),
            LabelTest::Missing(label) => !labels.contains_key(label),
        })
    }
}

impl fmt::Display for LabelSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("everything");
        }
        for (place, test) in self.requires.iter().enumerate() {
            let comma = if place == 0 { "" } else { "," };
            match test {
                LabelTest::In(label, values) => write!(f, "{comma}{label}={}", values.join("|"))?,
                LabelTest::NotIn(label, values) => write!(f, "{comma}{label}!={}", values.join("|"))?,
                LabelTest::Exists(label) => write!(f, "{comma}{label}")?,
                LabelTest::Missing(label) => write!(f, "{comma}!{label}")?,
            }
        }
        Ok(())
    }
}

/// What an event is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventSubject {
    /// An instance, by its id.
    Instance(Arc<str>),
    /// A service.
    Service(ServiceName),
    /// A node.
    Node(Arc<str>),
    /// Anything else, in words.
    Other(Arc<str>),
}

impl EventSubject {
    /// What it is called.
    pub fn name(&self) -> Arc<str> {
        match self {
            Self::Instance(name) | Self::Node(name) | Self::Other(name) => name.clone(),
            Self::Service(name) => Arc::from(name.to_string()),
        }
    }
}

/// See [`Fact::Event`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct EventFact {
    /// What it is about.
    pub about: EventSubject,
    /// One word: `FailedScheduling`, `Unhealthy`.
    pub reason: Arc<str>,
    /// In its system's words.
    pub message: Arc<str>,
    /// How often it happened.
    pub count: u32,
    /// When it happened last; `None` when the source does not say.
    pub last: Option<Timestamp>,
    /// Who says so: `kubelet`, `default-scheduler`.
    pub reporter: Arc<str>,
}

/// See [`Fact::Autoscaler`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct AutoscalerFact {
    /// The service whose instances it counts.
    pub service: ServiceName,
    /// Its own name.
    pub name: Arc<str>,
    /// The fewest instances.
    pub min: u32,
    /// The most.
    pub max: u32,
    /// How many there are.
    pub current: u32,
    /// How many it wants.
    pub desired: u32,
    /// Why it cannot do what it is for, or is held at a limit; empty when it can.
    pub complaint: Arc<str>,
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
