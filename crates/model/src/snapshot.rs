//! The picture: what the facts of all sources add up to at one revision. A snapshot never changes once it is published.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use rpds::RedBlackTreeMapSync;
use serde::{Deserialize, Serialize};

use crate::fact::{
    AlertFact, AlertState, Among, AutoscalerFact, Backend, BreakerKind, BreakerState, CheckStatus, ClusterServiceFact,
    EventFact, Fact, InstancePort, Limit, NetworkScope, Observation, OpensAt, Origin, Pattern, Payload, Protocol,
    RouteFact, ServiceName, Signals, StoreKind, Tripping, WorkloadFact,
};
use crate::id::{
    BreakerId, CheckId, ConfigId, DisagreementId, EdgeId, InstanceId, Revision, ServiceId, SourceId, SourceKind,
};

/// One roll-up for everything that can be well or unwell. The order is the order of the roll-up: the greatest wins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Health {
    /// All checks pass.
    Passing,
    /// Nobody says.
    #[default]
    Unknown,
    /// Taken out on purpose.
    Maintenance,
    /// Usable, with a complaint.
    Warning,
    /// Not usable.
    Critical,
}

impl Health {
    /// The word for people and programs.
    pub fn word(self) -> &'static str {
        match self {
            Self::Passing => "passing",
            Self::Unknown => "unknown",
            Self::Maintenance => "maintenance",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

impl From<CheckStatus> for Health {
    fn from(status: CheckStatus) -> Self {
        match status {
            CheckStatus::Passing => Self::Passing,
            CheckStatus::Warning => Self::Warning,
            CheckStatus::Critical => Self::Critical,
            CheckStatus::Maintenance => Self::Maintenance,
            CheckStatus::Unknown => Self::Unknown,
        }
    }
}

/// Since when something is as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Since {
    /// The moment.
    pub at: Timestamp,
    /// True when Binnacle saw the change happen, or its source says when it did; false when it was already so at first sight ("at least since").
    pub seen_changing: bool,
}

/// How a source is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SourceState {
    /// The first whole picture is not here yet.
    Connecting,
    /// Its facts are current.
    Live,
    /// It has been silent for longer than it should; its facts may be old.
    Stale,
    /// It answers with errors or not at all.
    Failing,
    /// Switched off by the user.
    Off,
}

impl SourceState {
    /// The word for people and programs.
    pub fn word(self) -> &'static str {
        match self {
            Self::Connecting => "connecting",
            Self::Live => "live",
            Self::Stale => "stale",
            Self::Failing => "failing",
            Self::Off => "off",
        }
    }

    /// Whether facts of a source in this state may be shown as current.
    pub fn is_current(self) -> bool {
        matches!(self, Self::Live | Self::Connecting)
    }
}

/// What is wrong with a source or a part of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Fault {
    /// Stable code, such as `consul.acl_denied`.
    pub code: Arc<str>,
    /// What was tried, on what, and what came back.
    pub detail: Arc<str>,
    /// What to do next.
    pub hint: Arc<str>,
}

/// What a source says of itself: an observation about the source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceStatus {
    /// Connecting, live, stale, failing or off.
    pub state: SourceState,
    /// Since when it is in this state.
    pub since: Timestamp,
    /// Where it is reached, without any credentials.
    pub address: Arc<str>,
    /// Product and version, once known.
    pub product: Option<Arc<str>>,
    /// Why it is failing or stale.
    pub fault: Option<Fault>,
    /// Parts that this token may not read or that do not answer, while the rest works.
    pub partial: Vec<Fault>,
    /// Collections of which something is there and not seen: not permitted, in other namespaces, or not understood. That an
    /// object of these is not stated means nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unseen: Vec<Arc<str>>,
    /// Which dialects' metrics a metrics server has; `None` for other sources, and until it was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dialects: Option<Arc<DialectsSeen>>,
    /// What is worth knowing of how it is read, and nobody's fault: sentences.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<Arc<str>>,
    /// When the next attempt is due, while failing.
    pub next_try: Option<Timestamp>,
    /// What may be done here.
    pub abilities: Vec<Ability>,
}

/// Which dialects' metrics of calls and breakers a metrics server has, by the names of the dialects.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DialectsSeen {
    /// It has metrics of these.
    pub there: Vec<Arc<str>>,
    /// It was asked for those of these, and has none.
    pub absent: Vec<Arc<str>>,
    /// Scrape jobs that answer and show nothing that a dialect knows; empty where it cannot be told whose metrics are whose.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub silent: Vec<Arc<str>>,
}

/// What can be done with a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ability {
    /// Config keys can be read.
    ReadConfig,
    /// Config keys can be edited with a guard.
    EditConfig,
    /// Services can be registered and deregistered.
    Register,
    /// Circuit breakers can be opened, disabled and closed.
    SwitchBreakers,
}

/// A source as the picture has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// Its id.
    pub id: SourceId,
    /// What it says of itself.
    pub status: SourceStatus,
    /// How many facts it states right now.
    pub facts: u64,
}

/// Why facets of one service are believed to be the same thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum JoinReason {
    /// One names the other's instance by an id (a Pod's uid in a registration).
    Explicit,
    /// They share instances by network address.
    Instances,
    /// Same name, and nothing against it.
    Name,
}

/// One source's view of a service.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Facet {
    /// The source.
    pub source: SourceId,
    /// What the service is called there.
    pub name: ServiceName,
    /// Why it is joined; `None` for the facet that gave the service its id.
    pub joined_by: Option<JoinReason>,
}

/// What a node of the topology is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ServiceRole {
    /// In a registry.
    Service,
    /// A gateway of the mesh.
    Gateway,
    /// Called by name or address, in no registry.
    External,
    /// A queue or a topic.
    Channel,
}

/// One fact's evidence: who says so, by which query, when.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// The source.
    pub source: SourceId,
    /// The observation itself.
    pub observation: Arc<Observation>,
}

/// The result of one health check.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Check {
    /// Id within the picture.
    pub id: CheckId,
    /// For people.
    pub name: Arc<str>,
    /// The result in the roll-up's words.
    pub health: Health,
    /// What it printed.
    pub output: Arc<str>,
    /// `http`, `ttl` ...; empty when the source does not say.
    pub method: Arc<str>,
    /// True for a check of the node that the instance runs on.
    pub of_node: bool,
    /// Since when.
    pub since: Since,
    /// Who says so.
    pub evidence: Evidence,
}

/// One running copy of a service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Instance {
    /// Id within the picture.
    pub id: InstanceId,
    /// The id that its source gives it.
    pub native_id: Arc<str>,
    /// Address without port.
    pub address: Arc<str>,
    /// Port; 0 when it has none.
    pub port: u16,
    /// The node it runs on.
    pub node: Option<Arc<str>>,
    /// Worst of its checks and its node's.
    pub health: Health,
    /// Since when.
    pub since: Since,
    /// Its checks, worst first.
    pub checks: Vec<Check>,
    /// Tags.
    pub tags: Vec<Arc<str>>,
    /// Free key-value pairs.
    pub meta: BTreeMap<Arc<str>, Arc<str>>,
    /// Every port that it declares; empty where its source knows one port only.
    pub ports: Vec<InstancePort>,
    /// An id that no other instance ever has, where its source gives one.
    pub uid: Option<Arc<str>>,
    /// When it was started, where its source says.
    pub started: Option<Timestamp>,
    /// The network that its address belongs to; `None` is its source's own.
    pub network: Option<NetworkScope>,
    /// Since when it is on its way out. Such an instance does not count in its service's health.
    pub terminating: Option<Timestamp>,
    /// True when a sidecar fronts it.
    pub sidecar: bool,
    /// True when its source is no longer current.
    pub stale: bool,
    /// Who says that it exists.
    pub evidence: Evidence,
    /// Other sources that know the same instance.
    pub witnesses: Vec<Evidence>,
}

impl Instance {
    /// Everyone who states that it exists, the one that gave the id first.
    pub fn witnesses(&self) -> impl Iterator<Item = &Evidence> {
        std::iter::once(&self.evidence).chain(&self.witnesses)
    }

    /// The Pod that it is, as `NAMESPACE/NAME`, with its cluster.
    pub fn pod(&self) -> Option<(&SourceId, &Arc<str>)> {
        self.witnesses().find_map(|evidence| {
            let Fact::Instance(fact) = &evidence.observation.fact else { return None };
            (evidence.source.kind() == Some(SourceKind::Kube)).then_some((&evidence.source, &fact.id))
        })
    }
}

/// A service of the joined picture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Service {
    /// Stable id.
    pub id: ServiceId,
    /// Its name.
    pub name: Arc<str>,
    /// Its namespace, where the source has them.
    pub namespace: Option<Arc<str>>,
    /// Service, gateway, external or channel.
    pub role: ServiceRole,
    /// Datacenter or cluster: the place of the facet that gave the id.
    pub place: Arc<str>,
    /// The worst of its instances and of what runs them.
    pub health: Health,
    /// Since when.
    pub since: Since,
    /// True when none of its sources is current; the time since when stands with the sources.
    pub stale: bool,
    /// Who knows it, and why they are joined.
    pub facets: Vec<Facet>,
    /// Its instances, by id.
    pub instances: Vec<Arc<Instance>>,
    /// What runs its instances, where a source says; the newest first.
    pub workloads: Vec<Workload>,
    /// What changes how many instances are wanted.
    pub autoscalers: Vec<Autoscaler>,
    /// What its source calls worth a look, the latest first; only the latest [`EVENTS_KEPT`].
    pub events: Vec<Event>,
    /// Union of the tags.
    pub tags: Vec<Arc<str>>,
    /// What it counts itself of the calls that it answers; where it does not, what its callers measure, summed.
    pub signals: Signals,
    /// Who says what it counts itself of the calls that it answers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub counted: Vec<Evidence>,
    /// Who says that it exists.
    pub evidence: Vec<Evidence>,
}

impl Service {
    /// How many instances pass all checks.
    pub fn passing(&self) -> usize {
        self.instances.iter().filter(|instance| instance.health == Health::Passing).count()
    }

    /// The worst check of the worst instance that is to stay, if any is not passing.
    pub fn worst_check(&self) -> Option<&Check> {
        self.instances
            .iter()
            .filter(|instance| instance.terminating.is_none())
            .flat_map(|instance| &instance.checks)
            .filter(|check| check.health != Health::Passing)
            .max_by_key(|check| check.health)
    }

    /// Why it is not passing: what the worst check printed, or else what its workload says. Empty when it passes or nobody
    /// says why.
    pub fn why(&self) -> Arc<str> {
        if let Some(check) = self.worst_check() {
            return check.output.clone();
        }
        if self.health == Health::Passing { Arc::default() } else { self.workload_words() }
    }

    /// What the first of its workloads says that is not well; empty when all are.
    pub fn workload_words(&self) -> Arc<str> {
        let unwell = self.workloads.iter().find(|workload| !workload.fact.state.is_well());
        unwell.map(|workload| workload.fact.words()).unwrap_or_default()
    }
}

/// What runs instances of a service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Workload {
    /// What its source says.
    pub fact: WorkloadFact,
    /// Who says so.
    pub evidence: Evidence,
}

/// What changes how many instances of a service are wanted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Autoscaler {
    /// What its source says.
    pub fact: AutoscalerFact,
    /// Who says so.
    pub evidence: Evidence,
}

/// Something that happened to a service or an instance of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// What its source says.
    pub fact: EventFact,
    /// Who says so.
    pub evidence: Evidence,
}

/// How many events stand with a service.
pub const EVENTS_KEPT: usize = 20;

/// A gateway's rule, with what it leads to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Route {
    /// What its source says.
    pub fact: RouteFact,
    /// The key of the cluster service that it leads to in [`Snapshot::cluster_services`]; `None` when there is none.
    pub cluster_service: Option<Arc<str>>,
    /// The services behind that.
    pub leads_to: Vec<ServiceId>,
    /// Who says so.
    pub evidence: Evidence,
}

/// A stable name and address inside a cluster, with what it leads to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClusterService {
    /// What its source says of the name and its ports.
    pub fact: ClusterServiceFact,
    /// Its backends, united from all lists; each once.
    pub backends: Vec<Backend>,
    /// The ports at which the backends listen.
    pub backend_ports: Vec<InstancePort>,
    /// The services whose instances are its backends.
    pub leads_to: Vec<ServiceId>,
    /// The instances that have the labels it selects, ready or not: none at all means that it selects nothing.
    pub selected: u32,
    /// Who says so.
    pub evidence: Evidence,
}

/// What sources may disagree about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DisagreementKind {
    /// A registry has an instance whose process is gone.
    Zombie,
    /// Its cluster says that it is ready, a registry's check that it is not.
    ReadyButFailing,
    /// A registry's checks pass, its cluster says that it is not ready.
    PassingButUnready,
    /// A registry names a port at which the process does not listen by its own declaration.
    OtherPort,
    /// A cluster service selects no instance at all.
    SelectsNothing,
    /// A Prometheus server cannot scrape it, and its cluster says that it is ready.
    TargetDown,
    /// No Prometheus server scrapes it, although it asks for it or its like are scraped.
    NotScraped,
    /// A ConfigMap and a registry's store hold different values for what is the same setting by its name.
    OtherValue,
}

impl DisagreementKind {
    /// The word for people and programs.
    pub fn word(self) -> &'static str {
        match self {
            Self::Zombie => "zombie",
            Self::ReadyButFailing => "ready_but_failing",
            Self::PassingButUnready => "passing_but_unready",
            Self::OtherPort => "other_port",
            Self::SelectsNothing => "selects_nothing",
            Self::TargetDown => "target_down",
            Self::NotScraped => "not_scraped",
            Self::OtherValue => "other_value",
        }
    }
}

/// One side of a disagreement.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Claim {
    /// Who says it.
    pub source: SourceId,
    /// What, in a few words.
    pub says: Arc<str>,
    /// Where it says so; `None` where a source says something by not naming it.
    pub evidence: Option<Evidence>,
}

/// Statements of sources that cannot all be so.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Disagreement {
    /// Stable id.
    pub id: DisagreementId,
    /// About what they disagree.
    pub kind: DisagreementKind,
    /// The thing that it is about, as its source calls it.
    pub subject: Arc<str>,
    /// The service that it concerns, where there is one.
    pub service: Option<ServiceId>,
    /// The instance that it concerns, where there is one.
    pub instance: Option<InstanceId>,
    /// What each side says, the one in doubt first.
    pub claims: Vec<Claim>,
    /// Since when they have parted.
    pub since: Since,
}

/// An alert of a Prometheus server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Alert {
    /// What its source says. Whether it is silenced or inhibited only Alertmanager knows: that is not said here.
    pub fact: AlertFact,
    /// The service that it speaks of; `None` where it speaks of nothing that is known.
    pub service: Option<ServiceId>,
    /// Since when its condition holds, by the server; at least since it was seen first where the server does not say.
    pub since: Since,
    /// True when its source is no longer current.
    pub stale: bool,
    /// Who says so.
    pub evidence: Evidence,
}

impl Alert {
    /// How bad the thing is that it speaks of: by its severity once it fires. One that is pending, and one that only
    /// informs, says nothing bad of anything.
    pub fn health(&self) -> Option<Health> {
        if self.fact.state != AlertState::Firing {
            return None;
        }
        match &*self.fact.severity.to_ascii_lowercase() {
            "critical" | "crit" | "page" | "error" | "emergency" | "fatal" | "p1" | "sev1" => Some(Health::Critical),
            // The alert that always fires, to show that alerts arrive, is one of these.
            "none" | "info" | "information" | "informational" | "notice" | "debug" => None,
            _ => Some(Health::Warning),
        }
    }
}

/// How an edge is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EdgeState {
    /// Measured, and declared or needing no declaration.
    Observed,
    /// Configured, not measured.
    Declared,
    /// Measured although the configuration of one side names other partners only, or denies it.
    Undeclared,
}

/// Calls from one service to another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Edge {
    /// Stable id.
    pub id: EdgeId,
    /// The caller.
    pub from: ServiceId,
    /// The callee.
    pub to: ServiceId,
    /// What travels.
    pub protocol: Protocol,
    /// How the two talk.
    pub pattern: Pattern,
    /// The body's format.
    pub payload: Payload,
    /// Observed, declared or undeclared.
    pub state: EdgeState,
    /// The numbers, from the reporter that is believed.
    pub signals: Signals,
    /// True when none of its sources is current.
    pub stale: bool,
    /// Everything that speaks for (or against) it.
    pub evidence: Vec<Evidence>,
}

/// A circuit breaker in one process.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BreakerProcess {
    /// Which: its address, or the source's own key of it.
    pub process: Arc<str>,
    /// The state there, as the source that is believed tells it.
    pub state: BreakerState,
    /// True when nobody tells the state and it is concluded from something else.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub derived: bool,
    /// Since when.
    pub since: Since,
    /// Refused calls per second; `None` when nobody counts them.
    pub rejected_per_s: Option<f64>,
    /// How near it is to opening.
    #[serde(default)]
    pub tripping: Tripping,
    /// In how many of how many processes it refuses calls, where a source sums up several that it does not tell apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub among: Option<Among>,
    /// True when none of its sources is current.
    pub stale: bool,
}

/// A limit that a mesh was told for the calls of a breaker. It says nothing of the breaker's state.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ConfiguredLimit {
    /// What carries it out: `consul`, `istio`, `linkerd`.
    pub mesh: Arc<str>,
    /// The rule that has it, as a person names it.
    pub rule: Arc<str>,
    /// The limit.
    pub limit: Limit,
    /// Who says so.
    pub evidence: Evidence,
    /// The rule that makes it void, where one does: then it never refuses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub void_by: Option<Evidence>,
    /// True when its source is not current.
    pub stale: bool,
}

impl ConfiguredLimit {
    /// Whether it never refuses calls.
    pub fn is_off(&self) -> bool {
        self.limit.off || self.void_by.is_some()
    }
}

/// A circuit breaker, over all instances of its caller.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Breaker {
    /// Stable id.
    pub id: BreakerId,
    /// Whose calls it guards.
    pub caller: ServiceId,
    /// Whom they go to, where known.
    pub callee: Option<ServiceId>,
    /// The library's name for it.
    pub name: Arc<str>,
    /// Failure, capacity or endpoint.
    pub kind: BreakerKind,
    /// The most notable state among the caller's instances.
    pub state: BreakerState,
    /// True when nobody tells the state and it is concluded from something else.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub derived: bool,
    /// Since when.
    pub since: Since,
    /// Instances in which it lets no call pass.
    pub open: u32,
    /// Instances that report it.
    pub of: u32,
    /// Refused calls per second, summed; `None` when nobody counts them.
    pub rejected_per_s: Option<f64>,
    /// True when none of its sources is current.
    pub stale: bool,
    /// The processes that have it, by name. Without any its state is told by nobody, and it is known by its limits alone.
    #[serde(default)]
    pub processes: Vec<BreakerProcess>,
    /// What its mesh was told, a rule a source.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub limits: Vec<ConfiguredLimit>,
    /// One observation an instance; those of its limits where no instance reports it.
    pub evidence: Vec<Evidence>,
}

impl Breaker {
    /// The largest share of failed calls that one of its processes tells, from 0 to 1.
    pub fn failing(&self) -> Option<f64> {
        self.processes.iter().filter_map(|one| one.tripping.failing).reduce(f64::max)
    }

    /// From where on it opens, in the first process that tells it, else by its configuration.
    pub fn opens_at(&self) -> Option<OpensAt> {
        let told = self.processes.iter().find_map(|one| one.tripping.opens_at);
        told.or_else(|| self.configured().filter(|one| !one.is_off())?.limit.opens_at)
    }

    /// The configured limit that stands in for what no process tells: one that is in force before one that is off.
    pub fn configured(&self) -> Option<&ConfiguredLimit> {
        if self.processes.iter().any(|one| one.tripping.opens_at.is_some()) {
            return None;
        }
        self.limits.iter().find(|one| !one.is_off()).or_else(|| self.limits.first())
    }

    /// Its state, where a process tells it; one of which only limits are known has none to show before others.
    pub fn told_state(&self) -> Option<BreakerState> {
        (!self.processes.is_empty()).then_some(self.state)
    }
}

/// A key of a config store. Its value stays in the store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigItem {
    /// Stable id.
    pub id: ConfigId,
    /// The source that holds it.
    pub source: SourceId,
    /// The kind of store.
    pub store: StoreKind,
    /// The key, exactly as the store has it.
    pub path: Arc<str>,
    /// The store's version of it.
    pub version: u64,
    /// Size of the value in bytes.
    pub size_bytes: u64,
    /// The application's own number.
    pub flags: u64,
    /// Who holds its lock.
    pub lock_session: Option<Arc<str>>,
    /// When this version was seen first.
    pub seen: Timestamp,
    /// Which query brought it; shared by all keys of one answer.
    pub origin: Arc<Origin>,
}

/// A rule of the mesh, as one source states it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MeshRule {
    /// `service-defaults`, `service-router` ...
    pub rule: Arc<str>,
    /// The entry's name.
    pub name: Arc<str>,
    /// A short sentence about what it says.
    pub summary: Arc<str>,
    /// Who says so.
    pub evidence: Evidence,
}

/// The picture at one revision.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// Grows by one with each published change.
    pub revision: Revision,
    /// When it was published.
    pub at: Option<Timestamp>,
    /// All sources.
    pub sources: Arc<BTreeMap<SourceId, Arc<Source>>>,
    /// All services, externals and channels.
    pub services: Arc<BTreeMap<ServiceId, Arc<Service>>>,
    /// All edges.
    pub edges: Arc<BTreeMap<EdgeId, Arc<Edge>>>,
    /// All breakers.
    pub breakers: Arc<BTreeMap<BreakerId, Arc<Breaker>>>,
    /// All config keys. A persistent map: a changed key costs its path in the tree, not a copy of all keys.
    pub config: RedBlackTreeMapSync<ConfigId, Arc<ConfigItem>>,
    /// Mesh rules by `source/rule/name`.
    pub mesh_rules: Arc<BTreeMap<Arc<str>, Arc<MeshRule>>>,
    /// Lock sessions by id.
    pub sessions: Arc<BTreeMap<Arc<str>, Evidence>>,
    /// Cluster services by `source/namespace/name`.
    pub cluster_services: Arc<BTreeMap<Arc<str>, Arc<ClusterService>>>,
    /// What sources disagree about.
    pub disagreements: Arc<BTreeMap<DisagreementId, Arc<Disagreement>>>,
    /// Alerts by `source/labels`.
    pub alerts: Arc<BTreeMap<Arc<str>, Arc<Alert>>>,
    /// Ids under which single sources know services that are joined, and the ids of these.
    pub aliases: Arc<BTreeMap<ServiceId, ServiceId>>,
    /// Gateways' rules by `source/collection/key`.
    pub routes: Arc<BTreeMap<Arc<str>, Arc<Route>>>,
}

impl Snapshot {
    /// The service of this id, or the joined one that a source knows under it.
    pub fn service(&self, id: &ServiceId) -> Option<&Arc<Service>> {
        self.services.get(self.aliases.get(id).unwrap_or(id))
    }
}
