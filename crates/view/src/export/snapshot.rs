//! The public JSON of the picture. Stable: a change of its shape is a line in the changelog. Its schema is committed as
//! `docs/snapshot.schema.json`.

use std::collections::BTreeMap;

use binnacle_model::fact::{
    BreakerKind, BreakerState, CallsBasis, Fact, OpensAt, Pattern, Protocol, Signals, StoreKind, WorkloadFact,
};
use binnacle_model::id::SourceId;
use binnacle_model::snapshot::{
    Breaker, BreakerProcess, Check, Claim, ConfigItem, ConfiguredLimit, Disagreement, Edge, EdgeState, Evidence,
    Health, Instance, JoinReason, Route, Service, ServiceRole, Snapshot, Source, SourceState,
};
use jiff::Timestamp;
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::Serialize;

use crate::screen::limits;

/// The whole picture at one revision.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[schemars(title = "Binnacle snapshot")]
pub struct PublicSnapshot {
    /// Grows by one with each published change; 0 before the first.
    pub revision: u64,
    /// When this revision was published, RFC 3339.
    pub at: String,
    /// What is read, and how it is doing.
    pub sources: Vec<PublicSource>,
    /// All services, with those that are called but in no registry.
    pub services: Vec<PublicService>,
    /// Who calls whom.
    pub edges: Vec<PublicEdge>,
    /// Circuit breakers.
    pub breakers: Vec<PublicBreaker>,
    /// Config keys, without their values.
    pub config: Vec<PublicConfig>,
    /// Gateways' rules.
    pub routes: Vec<PublicRoute>,
    /// Queues and topics.
    pub queues: Vec<PublicQueue>,
    /// What sources cannot both be right about.
    pub disagreements: Vec<PublicDisagreement>,
}

/// One system that is read.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct PublicSource {
    /// Such as `consul:dc1`.
    pub id: String,
    /// Such as `consul`.
    pub kind: String,
    /// How it is doing.
    pub state: PublicSourceState,
    /// Since when it is in this state, RFC 3339.
    pub since: String,
    /// Stable error code while it is failing or stale.
    pub code: Option<String>,
    /// What was tried and what came back.
    pub detail: Option<String>,
}

/// How a source is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum PublicSourceState {
    /// The first whole picture is not here yet.
    Connecting,
    /// Its facts are current.
    Live,
    /// Silent for longer than it should be.
    Stale,
    /// It answers with errors or not at all.
    Failing,
    /// Switched off.
    Off,
}

/// The roll-up's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum PublicHealth {
    /// All checks pass.
    Passing,
    /// Usable, with a complaint.
    Warning,
    /// Not usable.
    Critical,
    /// Taken out on purpose.
    Maintenance,
    /// Nobody says.
    Unknown,
}

/// A service.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct PublicService {
    /// Stable id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its namespace, where the source has them.
    pub namespace: Option<String>,
    /// The worst of its instances.
    pub health: PublicHealth,
    /// True when none of its sources is current.
    pub stale: bool,
    /// The kinds of sources that know it.
    pub facets: Vec<String>,
    /// Why the facets are believed to be one service.
    pub joined_by: Vec<PublicJoin>,
    /// What runs its instances, where a source says; the newest first.
    pub workloads: Vec<PublicWorkload>,
    /// Its instances.
    pub instances: Vec<PublicInstance>,
    /// What its callers measure, summed.
    pub signals: PublicSignals,
}

/// Why facets are joined.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct PublicJoin {
    /// The kinds of sources.
    pub facets: Vec<String>,
    /// `instances`: they share an instance by address. `name`: the same name, and nothing against it.
    pub reason: String,
}

/// What runs instances of a service.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct PublicWorkload {
    /// `Deployment`, `StatefulSet`, `DaemonSet`, `ReplicaSet`, `CronJob`, `Job`, or another controller's kind.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// How far it has come: `complete`, `progressing`, `stalled`, `paused`, `degraded`, `scaled_to_zero`, `running`,
    /// `succeeded`, `failed`, `waiting`, `suspended` or `unknown`.
    pub state: String,
    /// Why; may be empty.
    pub message: String,
    /// Instances wanted; `null` where that is not counted, here and below.
    pub desired: Option<u32>,
    /// Instances that are ready.
    pub ready: Option<u32>,
    /// Instances of the latest revision.
    pub updated: Option<u32>,
    /// Instances that have been ready for as long as is demanded.
    pub available: Option<u32>,
}

impl PublicWorkload {
    fn of(fact: &WorkloadFact) -> Self {
        Self {
            kind: fact.kind.word().to_owned(),
            name: fact.name.to_string(),
            state: fact.state.word().to_owned(),
            message: fact.message.to_string(),
            desired: fact.desired,
            ready: fact.ready,
            updated: fact.updated,
            available: fact.available,
        }
    }
}

/// A running copy of a service.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct PublicInstance {
    /// Stable id.
    pub id: String,
    /// IP address or host name; empty when not known.
    pub address: String,
    /// Port; 0 when it has none.
    pub port: u16,
    /// The worst of its checks and its node's.
    pub health: PublicHealth,
    /// The kinds of sources that know it.
    pub facets: Vec<String>,
    /// Its checks, worst first.
    pub checks: Vec<PublicCheck>,
}

/// A health check.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct PublicCheck {
    /// Stable id.
    pub id: String,
    /// For people.
    pub name: String,
    /// Its result.
    pub status: PublicHealth,
    /// What it printed.
    pub output: String,
    /// The source that states it.
    pub source: String,
}

/// Measured calls; `null` where nobody measured.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, JsonSchema)]
pub struct PublicSignals {
    /// Calls per second.
    pub rps: Option<f64>,
    /// Failed calls of all calls, 0 to 1.
    pub error_ratio: Option<f64>,
    /// Median latency in milliseconds.
    pub p50_ms: Option<f64>,
    /// 95th percentile in milliseconds.
    pub p95_ms: Option<f64>,
    /// 99th percentile in milliseconds.
    pub p99_ms: Option<f64>,
}

/// Calls from one service to another.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct PublicEdge {
    /// The caller's id.
    pub from: String,
    /// The callee's id; a service's or a queue's.
    pub to: String,
    /// What travels.
    pub protocol: PublicProtocol,
    /// How the two talk: `request_response`, `push`, `work_queue`, `publish_subscribe`, `rpc` or `unknown`.
    pub pattern: String,
    /// How the edge is known.
    pub state: PublicEdgeState,
    /// The numbers.
    #[serde(flatten)]
    pub signals: PublicSignals,
    /// Who says so.
    pub evidence: Vec<PublicEvidence>,
}

/// What travels on an edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum PublicProtocol {
    /// HTTP 1 or 2.
    Http,
    /// gRPC.
    Grpc,
    /// Plain TCP.
    Tcp,
    /// A broker's protocol.
    Messaging,
    /// Not said by anyone.
    Unknown,
}

/// How an edge is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum PublicEdgeState {
    /// Measured, and declared or needing no declaration.
    Observed,
    /// Configured, not measured.
    Declared,
    /// Measured against what is configured.
    Undeclared,
}

/// One source's statement.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct PublicEvidence {
    /// The source.
    pub source: String,
    /// What it states, and by which query it was read.
    pub detail: String,
    /// When it was seen, RFC 3339.
    pub at: String,
}

/// A circuit breaker, over all instances of its caller.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct PublicBreaker {
    /// Stable id.
    pub id: String,
    /// The id of the service whose calls it guards.
    pub caller: String,
    /// The id of the service that they go to, where known.
    pub callee: Option<String>,
    /// `failure`, `capacity` or `endpoint`.
    pub kind: PublicBreakerKind,
    /// The most notable state among the instances.
    pub state: PublicBreakerState,
    /// True when nobody tells the state and it is concluded from something else, such as counts of openings and closings.
    pub derived: bool,
    /// Instances in which it lets no call pass.
    pub open: u32,
    /// Instances that report it.
    pub of: u32,
    /// Since when it is in this state, RFC 3339.
    pub since: String,
    /// True when the moment of the change is known; false when it was already so at first sight.
    pub since_is_exact: bool,
    /// Refused calls per second; `null` when nobody counts them.
    pub rejected_per_s: Option<f64>,
    /// The share of calls that failed in the breaker's own window, from 0 to 1; `null` where it is not told, or too few were counted.
    pub failing: Option<f64>,
    /// From where on it opens, by its configuration where no process tells it; `null` where neither does.
    pub opens_at: Option<PublicOpensAt>,
    /// The breaker in each process; without any, nobody tells the state, and it is known by `limits` alone.
    pub processes: Vec<PublicBreakerProcess>,
    /// What its mesh was told of when to refuse calls.
    pub limits: Vec<PublicLimit>,
    /// The source that states it.
    pub source: String,
    /// The source's own values, of the instance that is in the most notable state.
    pub raw: BTreeMap<String, String>,
}

/// A circuit breaker in one process.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct PublicBreakerProcess {
    /// Its address, or the source's own key of it.
    pub process: String,
    /// The state there.
    pub state: PublicBreakerState,
    /// Since when, RFC 3339.
    pub since: String,
    /// True when the moment of the change is known.
    pub since_is_exact: bool,
    /// Refused calls per second; `null` when nobody counts them.
    pub rejected_per_s: Option<f64>,
    /// The share of calls that failed in its own window, from 0 to 1.
    pub failing: Option<f64>,
}

/// A limit that a mesh was told for the calls of a breaker. It says nothing of the breaker's state.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct PublicLimit {
    /// `consul`, `istio` or `linkerd`.
    pub mesh: String,
    /// The rule that has it, as a person names it.
    pub rule: String,
    /// From where on it refuses; `null` where no single number says it, or it is off.
    pub opens_at: Option<PublicOpensAt>,
    /// True when it never refuses.
    pub off: bool,
    /// The rule that makes it void, where one does; then it is off.
    pub void_by: Option<String>,
    /// The source that states it.
    pub source: String,
    /// The rule's own values, by its own names.
    pub raw: BTreeMap<String, String>,
}

impl PublicLimit {
    fn of(one: &ConfiguredLimit) -> Self {
        let raw = one.limit.raw.iter().map(|(name, value)| (name.to_string(), value.to_string()));
        Self {
            mesh: one.mesh.to_string(),
            rule: one.rule.to_string(),
            opens_at: one.limit.opens_at.filter(|_| !one.is_off()).map(Into::into),
            off: one.is_off(),
            void_by: limits::void_by(one),
            source: one.evidence.source.to_string(),
            raw: raw.collect(),
        }
    }
}

/// From where on a breaker opens.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PublicOpensAt {
    /// So large a share of the calls failed, from 0 to 1.
    Failing(f64),
    /// So many requests or connections at once.
    AtOnce(u64),
    /// So many failures in a row.
    InARow(u64),
}

impl From<OpensAt> for PublicOpensAt {
    fn from(limit: OpensAt) -> Self {
        match limit {
            OpensAt::Failing(ratio) => Self::Failing(ratio),
            OpensAt::AtOnce(most) => Self::AtOnce(most),
            OpensAt::InARow(failures) => Self::InARow(failures),
        }
    }
}

/// The kinds of breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum PublicBreakerKind {
    /// Opens when calls fail.
    Failure,
    /// Refuses when too many calls are under way.
    Capacity,
    /// Takes single endpoints of the callee out.
    Endpoint,
}

/// The state of a breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PublicBreakerState {
    /// Calls pass.
    Closed,
    /// Calls are refused.
    Open,
    /// A few calls pass as a probe.
    HalfOpen,
    /// A person opened it.
    ForcedOpen,
    /// Switched off.
    Disabled,
    /// Nobody says.
    Unknown,
}

/// A config key, without its value.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct PublicConfig {
    /// Such as `consul:dc1/kv/app/x`.
    pub id: String,
    /// The kind of store.
    pub store: PublicStore,
    /// The key, exactly as the store has it.
    pub path: String,
    /// The store's version of it: the guard of an edit.
    pub version: String,
    /// Size of the value in bytes.
    pub size: u64,
}

/// The kinds of config stores.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PublicStore {
    /// Consul's key-value store.
    ConsulKv,
    /// Kubernetes ConfigMap.
    Configmap,
    /// Kubernetes Secret; its values never enter Binnacle.
    Secret,
    /// etcd; not in this version.
    Etcd,
}

/// A gateway's rule.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct PublicRoute {
    /// Stable id.
    pub id: String,
    /// `Ingress`, `HTTPRoute` or `GRPCRoute`.
    pub kind: String,
    /// What carries it out (an ingress class, a Gateway), where that is said.
    pub gateway: Option<String>,
    /// The host that it is for; `null` is any.
    pub host: Option<String>,
    /// The path that it is for.
    pub path: String,
    /// Namespace and name of the Service that it leads to.
    pub target: String,
    /// The ids of the services behind that; empty when there is none.
    pub services: Vec<String>,
    /// The source that states it.
    pub source: String,
}

impl PublicRoute {
    fn of(id: &str, route: &Route) -> Self {
        Self {
            id: id.to_owned(),
            kind: route.fact.kind.to_string(),
            gateway: route.fact.gateway.as_deref().map(str::to_owned),
            host: route.fact.host.as_deref().map(str::to_owned),
            path: route.fact.path.to_string(),
            target: route.fact.target.to_string(),
            services: route.leads_to.iter().map(ToString::to_string).collect(),
            source: route.evidence.source.to_string(),
        }
    }
}

/// A queue or a topic.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct PublicQueue {
    /// Stable id; edges end at it.
    pub id: String,
    /// Its name.
    pub name: String,
}

/// Incompatible facts about one object.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct PublicDisagreement {
    /// Stable id.
    pub id: String,
    /// What sort.
    pub kind: String,
    /// The object.
    pub subject: String,
    /// The service that it concerns, where there is one.
    pub service: Option<String>,
    /// Since when they have parted, at least; RFC 3339.
    pub since: String,
    /// Who says what, the one in doubt first.
    pub claims: Vec<PublicClaim>,
}

/// One side of a disagreement.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct PublicClaim {
    /// The source.
    pub source: String,
    /// What it says.
    pub says: String,
}

impl PublicSnapshot {
    /// The public form of a snapshot. `now` stands as its time before anything was published.
    pub fn of(snapshot: &Snapshot, now: Timestamp) -> Self {
        let is_channel = |service: &Service| service.role == ServiceRole::Channel;
        Self {
            revision: snapshot.revision.0,
            at: snapshot.at.unwrap_or(now).to_string(),
            sources: snapshot.sources.values().map(|source| PublicSource::of(source)).collect(),
            services: snapshot
                .services
                .values()
                .filter(|service| !is_channel(service))
                .map(|service| PublicService::of(service))
                .collect(),
            edges: snapshot.edges.values().map(|edge| PublicEdge::of(edge)).collect(),
            breakers: snapshot.breakers.values().map(|breaker| PublicBreaker::of(breaker)).collect(),
            config: snapshot.config.values().map(|item| PublicConfig::of(item)).collect(),
            routes: snapshot.routes.iter().map(|(id, route)| PublicRoute::of(id, route)).collect(),
            queues: snapshot
                .services
                .values()
                .filter(|service| is_channel(service))
                .map(|channel| PublicQueue { id: channel.id.to_string(), name: channel.name.to_string() })
                .collect(),
            disagreements: snapshot.disagreements.values().map(|one| PublicDisagreement::of(one)).collect(),
        }
    }

    /// The JSON Schema of the public form, as it is committed.
    pub fn schema() -> String {
        // What is written, not what would be accepted: every field is there, null or not.
        let settings = SchemaSettings::draft2020_12().for_serialize();
        let schema = settings.into_generator().into_root_schema_for::<Self>();
        let mut text = serde_json::to_string_pretty(&schema).unwrap_or_default();
        text.push('\n');
        text
    }
}

/// The word of a source's kind: `consul` of `consul:dc1`.
fn kind_of(source: &SourceId) -> String {
    source.as_str().split_once(':').map_or(source.as_str(), |(kind, _)| kind).to_owned()
}

/// The name of the system that a source is of: `kube` is only its short form.
fn system_of(source: &SourceId) -> String {
    match kind_of(source) {
        kind if kind == "kube" => "kubernetes".to_owned(),
        kind => kind,
    }
}

fn distinct(kinds: impl Iterator<Item = String>) -> Vec<String> {
    let mut seen: Vec<String> = Vec::new();
    for kind in kinds {
        if !seen.contains(&kind) {
            seen.push(kind);
        }
    }
    seen
}

impl PublicSource {
    /// The public form of a source.
    pub fn of(source: &Source) -> Self {
        let fault = source.status.fault.as_ref().or(source.status.partial.first());
        Self {
            id: source.id.to_string(),
            kind: kind_of(&source.id),
            state: source.status.state.into(),
            since: source.status.since.to_string(),
            code: fault.map(|fault| fault.code.to_string()),
            detail: fault.map(|fault| fault.detail.to_string()),
        }
    }
}

impl PublicService {
    /// The public form of a service.
    pub fn of(service: &Service) -> Self {
        let first = service.facets.first().map(|facet| system_of(&facet.source));
        let joined_by = service.facets.iter().filter_map(|facet| {
            let reason = match facet.joined_by? {
                JoinReason::Explicit => "explicit",
                JoinReason::Instances => "instances",
                JoinReason::Name => "name",
            };
            let facets = distinct(first.iter().cloned().chain([system_of(&facet.source)]));
            Some(PublicJoin { facets, reason: reason.to_owned() })
        });
        Self {
            id: service.id.to_string(),
            name: service.name.to_string(),
            namespace: service.namespace.as_deref().map(str::to_owned),
            health: service.health.into(),
            stale: service.stale,
            facets: distinct(service.facets.iter().map(|facet| system_of(&facet.source))),
            joined_by: joined_by.collect(),
            workloads: service.workloads.iter().map(|workload| PublicWorkload::of(&workload.fact)).collect(),
            instances: service.instances.iter().map(|instance| PublicInstance::of(instance)).collect(),
            signals: service.signals.into(),
        }
    }
}

impl PublicInstance {
    /// The public form of an instance.
    pub fn of(instance: &Instance) -> Self {
        Self {
            id: instance.id.to_string(),
            address: instance.address.to_string(),
            port: instance.port,
            health: instance.health.into(),
            facets: distinct(
                std::iter::once(&instance.evidence).chain(&instance.witnesses).map(|one| system_of(&one.source)),
            ),
            checks: instance.checks.iter().map(PublicCheck::of).collect(),
        }
    }
}

impl PublicDisagreement {
    /// The public form of a disagreement.
    pub fn of(disagreement: &Disagreement) -> Self {
        let claim = |claim: &Claim| PublicClaim { source: claim.source.to_string(), says: claim.says.to_string() };
        Self {
            id: disagreement.id.to_string(),
            kind: disagreement.kind.word().to_owned(),
            subject: disagreement.subject.to_string(),
            service: disagreement.service.as_ref().map(ToString::to_string),
            since: disagreement.since.at.to_string(),
            claims: disagreement.claims.iter().map(claim).collect(),
        }
    }
}

impl PublicCheck {
    /// The public form of a check.
    pub fn of(check: &Check) -> Self {
        Self {
            id: check.id.to_string(),
            name: check.name.to_string(),
            status: check.health.into(),
            output: check.output.to_string(),
            source: check.evidence.source.to_string(),
        }
    }
}

impl PublicEdge {
    /// The public form of an edge.
    pub fn of(edge: &Edge) -> Self {
        Self {
            from: edge.from.to_string(),
            to: edge.to.to_string(),
            protocol: edge.protocol.into(),
            pattern: pattern_word(edge.pattern).to_owned(),
            state: edge.state.into(),
            signals: edge.signals.into(),
            evidence: edge.evidence.iter().map(PublicEvidence::of).collect(),
        }
    }
}

/// The public word for a pattern.
pub fn pattern_word(pattern: Pattern) -> &'static str {
    match pattern {
        Pattern::RequestResponse => "request_response",
        Pattern::Push => "push",
        Pattern::WorkQueue => "work_queue",
        Pattern::PublishSubscribe => "publish_subscribe",
        Pattern::Rpc => "rpc",
        Pattern::Unknown => "unknown",
    }
}

impl PublicEvidence {
    /// The public form of a statement.
    pub fn of(evidence: &Evidence) -> Self {
        let observation = &evidence.observation;
        let states = match &observation.fact {
            Fact::Calls(calls) => match &calls.basis {
                CallsBasis::Observed(_) => "observed: ".to_owned(),
                CallsBasis::Declared(by) => format!("declared by {by}: "),
                CallsBasis::Denied(by) => format!("denied by {by}: "),
            },
            _ => String::new(),
        };
        Self {
            source: evidence.source.to_string(),
            detail: format!("{states}{}", observation.origin.query),
            at: observation.seen.to_string(),
        }
    }
}

impl PublicBreaker {
    /// The public form of a breaker.
    pub fn of(breaker: &Breaker) -> Self {
        let reports = breaker.evidence.iter().filter_map(|evidence| match &evidence.observation.fact {
            Fact::Breaker(fact) => Some((evidence, fact)),
            _ => None,
        });
        let worst = reports.max_by_key(|(_, fact)| fact.state);
        let source = worst.map(|(evidence, _)| evidence).or_else(|| breaker.evidence.first());
        Self {
            id: breaker.id.to_string(),
            caller: breaker.caller.to_string(),
            callee: breaker.callee.as_ref().map(ToString::to_string),
            kind: breaker.kind.into(),
            state: breaker.state.into(),
            derived: breaker.derived,
            open: breaker.open,
            of: breaker.of,
            since: breaker.since.at.to_string(),
            since_is_exact: breaker.since.seen_changing,
            rejected_per_s: breaker.rejected_per_s,
            failing: breaker.failing(),
            opens_at: breaker.opens_at().map(Into::into),
            processes: breaker.processes.iter().map(PublicBreakerProcess::of).collect(),
            limits: breaker.limits.iter().map(PublicLimit::of).collect(),
            source: source.map(|evidence| evidence.source.to_string()).unwrap_or_default(),
            raw: worst
                .map(|(_, fact)| fact.raw.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect())
                .unwrap_or_default(),
        }
    }
}

impl PublicBreakerProcess {
    fn of(process: &BreakerProcess) -> Self {
        Self {
            process: process.process.to_string(),
            state: process.state.into(),
            since: process.since.at.to_string(),
            since_is_exact: process.since.seen_changing,
            rejected_per_s: process.rejected_per_s,
            failing: process.tripping.failing,
        }
    }
}

impl PublicConfig {
    /// The public form of a config key.
    pub fn of(item: &ConfigItem) -> Self {
        Self {
            id: item.id.to_string(),
            store: item.store.into(),
            path: item.path.to_string(),
            version: item.version.to_string(),
            size: item.size_bytes,
        }
    }
}

impl From<Signals> for PublicSignals {
    fn from(signals: Signals) -> Self {
        let Signals { rps, error_ratio, p50_ms, p95_ms, p99_ms } = signals;
        Self { rps, error_ratio, p50_ms, p95_ms, p99_ms }
    }
}

impl From<SourceState> for PublicSourceState {
    fn from(state: SourceState) -> Self {
        match state {
            SourceState::Connecting => Self::Connecting,
            SourceState::Live => Self::Live,
            SourceState::Stale => Self::Stale,
            SourceState::Failing => Self::Failing,
            SourceState::Off => Self::Off,
        }
    }
}

impl From<Health> for PublicHealth {
    fn from(health: Health) -> Self {
        match health {
            Health::Passing => Self::Passing,
            Health::Warning => Self::Warning,
            Health::Critical => Self::Critical,
            Health::Maintenance => Self::Maintenance,
            Health::Unknown => Self::Unknown,
        }
    }
}

impl From<Protocol> for PublicProtocol {
    fn from(protocol: Protocol) -> Self {
        match protocol {
            Protocol::Http => Self::Http,
            Protocol::Grpc => Self::Grpc,
            Protocol::Tcp => Self::Tcp,
            Protocol::Messaging => Self::Messaging,
            Protocol::Unknown => Self::Unknown,
        }
    }
}

impl From<EdgeState> for PublicEdgeState {
    fn from(state: EdgeState) -> Self {
        match state {
            EdgeState::Observed => Self::Observed,
            EdgeState::Declared => Self::Declared,
            EdgeState::Undeclared => Self::Undeclared,
        }
    }
}

impl From<BreakerKind> for PublicBreakerKind {
    fn from(kind: BreakerKind) -> Self {
        match kind {
            BreakerKind::Failure => Self::Failure,
            BreakerKind::Capacity => Self::Capacity,
            BreakerKind::Endpoint => Self::Endpoint,
        }
    }
}

impl From<BreakerState> for PublicBreakerState {
    fn from(state: BreakerState) -> Self {
        match state {
            BreakerState::Closed => Self::Closed,
            BreakerState::Open => Self::Open,
            BreakerState::HalfOpen => Self::HalfOpen,
            BreakerState::ForcedOpen => Self::ForcedOpen,
            BreakerState::Disabled => Self::Disabled,
            BreakerState::Unknown => Self::Unknown,
        }
    }
}

impl From<StoreKind> for PublicStore {
    fn from(kind: StoreKind) -> Self {
        match kind {
            StoreKind::ConsulKv => Self::ConsulKv,
            StoreKind::ConfigMap => Self::Configmap,
            StoreKind::Secret => Self::Secret,
        }
    }
}
