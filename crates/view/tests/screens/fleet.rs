//! A small fleet, stated by sources.

use std::collections::BTreeMap;
use std::sync::Arc;

use binnacle_model::fact::{
    AlertFact, AlertState, BreakerFact, BreakerKind, BreakerState, CallsBasis, CallsFact, CheckFact, CheckStatus,
    CheckSubject, ConfigFact, Fact, How, InstanceFact, InstanceRole, ObjectKey, Observation, Observer, OpensAt, Origin,
    Party, Pattern, Payload, Protocol, ServiceName, Side, Signals, StoreKind, Tripping,
};
use binnacle_model::id::SourceKind;
use binnacle_model::snapshot::{Ability, DialectsSeen, Fault, SourceState, SourceStatus};
use binnacle_model::world::Update;
use binnacle_model::{Batch, Snapshot, SourceId, World};
use binnacle_view::screen::{Found, Happened, Scene};
use jiff::Timestamp;

pub(crate) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

pub(crate) fn consul() -> SourceId {
    SourceId::from("consul:dc1")
}

pub(crate) fn prometheus() -> SourceId {
    SourceId::from("prometheus:p")
}

pub(crate) fn cluster() -> SourceId {
    SourceId::from("kube:c1")
}

/// A world that grows by statements.
#[derive(Default)]
pub(crate) struct Fleet {
    world: World,
    second: i64,
    node: Option<&'static str>,
    /// True while everything happens in one second.
    still: bool,
    version: u64,
    pub(crate) happened: Vec<Happened>,
}

impl Fleet {
    pub(crate) fn new() -> Self {
        let mut fleet = Self::default();
        fleet.status(SourceState::Live, None);
        fleet
    }

    pub(crate) fn status(&mut self, state: SourceState, fault: Option<&str>) -> &mut Self {
        self.status_of(consul(), state, fault, &[])
    }

    /// How a source is doing, and the collections of which it does not see everything.
    pub(crate) fn status_of(
        &mut self,
        source: SourceId,
        state: SourceState,
        fault: Option<&str>,
        unseen: &[&str],
    ) -> &mut Self {
        let fault =
            fault.map(|code| Fault { code: Arc::from(code), detail: Arc::from("it said no"), hint: Arc::from("ask") });
        let status = SourceStatus {
            state,
            since: at(self.second),
            address: Arc::from("http://127.0.0.1:8500"),
            product: Some(Arc::from("Consul 1.22.7")),
            fault,
            partial: Vec::new(),
            unseen: unseen.iter().map(|one| Arc::from(*one)).collect(),
            dialects: None,
            notes: Vec::new(),
            next_try: None,
            abilities: match source.kind() {
                Some(SourceKind::Actuator | SourceKind::Sentinel) => vec![Ability::SwitchBreakers],
                _ => vec![Ability::ReadConfig, Ability::EditConfig, Ability::Register],
            },
        };
        self.tell(Update::Status(source, status))
    }

    fn tell(&mut self, update: Update) -> &mut Self {
        self.second += i64::from(!self.still);
        if let Some(change) = self.world.apply([update], at(self.second)) {
            self.happened.extend(change.transitions.into_iter().map(Happened::Transition));
        }
        self
    }

    fn state(&mut self, collection: &str, key: String, fact: Fact) -> &mut Self {
        self.stated(consul(), collection, key, fact)
    }

    /// What another source states.
    pub(crate) fn stated(&mut self, source: SourceId, collection: &str, key: String, fact: Fact) -> &mut Self {
        self.version += 1;
        let origin = Arc::new(Origin { query: Arc::from(format!("GET /{collection}")), how: How::Pushed });
        let object = ObjectKey::new(collection, key);
        let observation = Observation { object, fact, seen: at(self.second), version: Some(self.version), origin };
        self.tell(Update::Facts(Batch::delta(source, vec![observation], vec![])))
    }

    /// The node of what is stated from now on.
    pub(crate) fn on(&mut self, node: &'static str) -> &mut Self {
        self.node = Some(node);
        self
    }

    fn node(&self) -> Arc<str> {
        Arc::from(self.node.unwrap_or("node-1"))
    }

    /// An instance of a service on `node-1` unless said otherwise, listening at `10.0.0.<number>:80`, of a team.
    pub(crate) fn instance(&mut self, service: &str, number: u8, team: &str) -> &mut Self {
        let fact = InstanceFact {
            service: ServiceName::plain(service),
            id: Arc::from(format!("{service}-{number}")),
            node: Some(self.node()),
            address: Arc::from(format!("10.0.0.{number}")),
            port: 80,
            role: InstanceRole::Service,
            tags: vec![Arc::from("v2")],
            meta: BTreeMap::from([(Arc::from("team"), Arc::from(team))]),
            upstreams: vec![],
            ports: vec![],
            uid: None,
            started: None,
            network: None,
            terminating: None,
        };
        self.state("catalog", format!("{}/{service}-{number}", self.node()), Fact::Instance(fact))
    }

    /// A metrics server that has metrics of these dialects, and not of those.
    pub(crate) fn dialects(&mut self, there: &[&str], absent: &[&str]) -> &mut Self {
        let names = |all: &[&str]| all.iter().map(|one| Arc::from(*one)).collect();
        let status = SourceStatus {
            state: SourceState::Live,
            since: at(self.second),
            address: Arc::from("http://127.0.0.1:9090"),
            product: None,
            fault: None,
            partial: Vec::new(),
            unseen: Vec::new(),
            dialects: Some(Arc::new(DialectsSeen {
                there: names(there),
                absent: names(absent),
                silent: names(&["node"]),
            })),
            notes: vec![Arc::from("41 questions make the whole picture")],
            next_try: None,
            abilities: Vec::new(),
        };
        self.tell(Update::Status(prometheus(), status))
    }

    /// What a Prometheus server counted of calls, in a dialect and at one end.
    pub(crate) fn measured(&mut self, from: &str, to: &str, rps: f64, dialect: &str, side: Side) -> &mut Self {
        let fact = CallsFact {
            caller: named(from),
            callee: named(to),
            protocol: Protocol::Http,
            pattern: Pattern::RequestResponse,
            payload: Payload::Unknown,
            basis: CallsBasis::Observed(Signals { rps: Some(rps), ..Signals::default() }),
            observer: Observer { dialect: Arc::from(dialect), side },
        };
        self.stated(prometheus(), "calls", format!("{from}/{to}/{dialect}/{side:?}"), Fact::Calls(fact))
    }

    /// What Consul's intentions say of a pair.
    pub(crate) fn intention(&mut self, from: &str, to: &str, allowed: bool) -> &mut Self {
        let word = Arc::from("intention");
        let fact = CallsFact {
            caller: named(from),
            callee: named(to),
            protocol: Protocol::Unknown,
            pattern: Pattern::Unknown,
            payload: Payload::Unknown,
            basis: if allowed { CallsBasis::Declared(word) } else { CallsBasis::Denied(word) },
            observer: Observer::default(),
        };
        self.state("mesh", format!("intention/{from}/{to}"), Fact::Calls(fact))
    }

    /// What a Prometheus server says of an alert about a service of this name, or about nothing.
    pub(crate) fn alert(&mut self, name: &str, severity: &str, state: AlertState, about: Option<&str>) -> &mut Self {
        let labels = [("alertname", name), ("severity", severity), ("team", "money")];
        let fact = AlertFact {
            name: Arc::from(name),
            state,
            severity: Arc::from(severity),
            labels: labels.iter().map(|(key, value)| (Arc::from(*key), Arc::from(*value))).collect(),
            summary: Arc::from("it is too slow\nfor long"),
            since: Some(at(self.second - 60)),
            value: None,
            about: about.map(|name| Party::Named(Arc::from(name))),
        };
        self.stated(prometheus(), "alerts", format!("{name}/{about:?}"), Fact::Alert(fact))
    }

    /// A Pod of a cluster, in the namespace `shop`.
    pub(crate) fn pod(&mut self, service: &str, number: u8, ready: CheckStatus) -> &mut Self {
        let (namespace, id) = (Some(Arc::from("shop")), format!("shop/{service}-{number}"));
        let fact = InstanceFact {
            service: ServiceName { namespace, name: Arc::from(service) },
            id: Arc::from(id.as_str()),
            node: Some(Arc::from("c1-node-1")),
            address: Arc::from(format!("10.244.0.{number}")),
            port: 80,
            role: InstanceRole::Service,
            tags: vec![],
            meta: BTreeMap::new(),
            upstreams: vec![],
            ports: vec![],
            uid: Some(Arc::from(format!("uid-{service}-{number}"))),
            started: None,
            network: None,
            terminating: None,
        };
        self.stated(cluster(), "pods", format!("instance/{id}"), Fact::Instance(fact));
        let fact = CheckFact {
            subject: CheckSubject::Instance { node: Arc::from("c1-node-1"), id: Arc::from(id.as_str()) },
            id: Arc::from(format!("{id}/Ready")),
            name: Arc::from("ready"),
            status: ready,
            output: Arc::from(""),
            method: Arc::from("condition"),
        };
        self.stated(cluster(), "pods", format!("check/{id}/Ready"), Fact::Check(fact))
    }

    /// A registration where the cluster's Pods are.
    pub(crate) fn registered(&mut self, service: &str, number: u8) -> &mut Self {
        let mut fact = None;
        self.instance(service, number, "shop");
        for instance in self.snapshot().services.values().flat_map(|service| &service.instances) {
            if *instance.native_id == *format!("{service}-{number}")
                && let Fact::Instance(known) = &instance.evidence.observation.fact
            {
                fact = Some(InstanceFact { address: Arc::from(format!("10.244.0.{number}")), ..known.clone() });
            }
        }
        self.state("catalog", format!("{}/{service}-{number}", self.node()), Fact::Instance(fact.unwrap()))
    }

    pub(crate) fn check(&mut self, service: &str, number: u8, status: CheckStatus, output: &str) -> &mut Self {
        let id = format!("{service}-{number}");
        let subject = CheckSubject::Instance { node: self.node(), id: Arc::from(id.as_str()) };
        self.checked(subject, &format!("service:{id}"), status, output)
    }

    pub(crate) fn node_check(&mut self, status: CheckStatus, output: &str) -> &mut Self {
        self.checked(CheckSubject::Node(self.node()), "serfHealth", status, output)
    }

    fn checked(&mut self, subject: CheckSubject, id: &str, status: CheckStatus, output: &str) -> &mut Self {
        let fact = CheckFact {
            subject,
            id: Arc::from(id),
            name: Arc::from("is well"),
            status,
            output: Arc::from(output),
            method: Arc::from("http"),
        };
        self.state("health", format!("{}/{id}", self.node()), Fact::Check(fact))
    }

    pub(crate) fn key(&mut self, path: &str) -> &mut Self {
        let fact = ConfigFact {
            store: StoreKind::ConsulKv,
            path: Arc::from(path),
            size_bytes: 3,
            flags: 0,
            lock_session: None,
            created_version: 1,
            mark: None,
        };
        self.state("kv", path.to_owned(), Fact::Config(fact))
    }

    /// Calls that are configured, and counted by nobody.
    pub(crate) fn declared(&mut self, from: &str, to: &str) -> &mut Self {
        let fact = CallsFact {
            caller: named(from),
            callee: named(to),
            protocol: Protocol::Http,
            pattern: Pattern::RequestResponse,
            payload: Payload::Json,
            basis: CallsBasis::Declared(Arc::from("upstream")),
            observer: Observer::default(),
        };
        self.state("declared", format!("{from}/{to}"), Fact::Calls(fact))
    }

    pub(crate) fn calls(&mut self, from: &str, to: &Party, rps: f64, error_ratio: f64) -> &mut Self {
        let fact = CallsFact {
            caller: named(from),
            callee: to.clone(),
            protocol: Protocol::Http,
            pattern: Pattern::RequestResponse,
            payload: Payload::Json,
            basis: CallsBasis::Observed(Signals {
                rps: Some(rps),
                error_ratio: Some(error_ratio),
                ..Signals::default()
            }),
            observer: Observer::default(),
        };
        self.state("calls", format!("{from}/{to:?}"), Fact::Calls(fact))
    }

    pub(crate) fn breaker(&mut self, from: &str, to: &str, state: BreakerState) -> &mut Self {
        self.breaker_in(consul(), from, to, state)
    }

    pub(crate) fn breaker_in(&mut self, source: SourceId, from: &str, to: &str, state: BreakerState) -> &mut Self {
        let fact = BreakerFact {
            caller: named(from),
            callee: Some(named(to)),
            name: Arc::from(to),
            kind: BreakerKind::Failure,
            state,
            since: None,
            rejected_per_s: Some(1.5),
            tripping: Tripping { failing: Some(0.81), opens_at: Some(OpensAt::Failing(0.5)) },
            raw: BTreeMap::from([(Arc::from("isCircuitBreakerOpen"), Arc::from("true"))]),
            derived: false,
            among: None,
        };
        self.stated(source, "breakers", format!("{from}/{to}"), Fact::Breaker(fact))
    }

    /// A breaker of which nobody says whom it guards against.
    pub(crate) fn lone_breaker(&mut self, from: &str, state: BreakerState) -> &mut Self {
        let fact = BreakerFact {
            caller: named(from),
            callee: None,
            name: Arc::from("pool"),
            kind: BreakerKind::Failure,
            state,
            since: None,
            rejected_per_s: None,
            tripping: Tripping::default(),
            raw: BTreeMap::new(),
            derived: false,
            among: None,
        };
        self.state("breakers", format!("{from}/pool"), Fact::Breaker(fact))
    }

    /// Lets everything from now on happen in one second.
    pub(crate) fn stand_still(&mut self) -> &mut Self {
        self.still = true;
        self
    }

    /// Lets time pass.
    pub(crate) fn later(&mut self, seconds: i64) -> &mut Self {
        self.second += seconds;
        self
    }

    pub(crate) fn snapshot(&self) -> Arc<Snapshot> {
        self.world.snapshot().clone()
    }

    pub(crate) fn scene(&self) -> Scene {
        Scene {
            snapshot: self.snapshot(),
            connections: Vec::new(),
            happened: self.happened.clone(),
            said: None,
            found: Found::default(),
            read_only: None,
            demo: false,
            kinds: Vec::new(),
            started: at(0),
            now: at(self.second),
        }
    }
}

pub(crate) fn named(service: &str) -> Party {
    Party::Service { source: consul(), service: ServiceName::plain(service) }
}

/// Three services that call one another, all well.
pub(crate) fn shop() -> Fleet {
    let mut fleet = Fleet::new();
    for (number, (service, team)) in [(1, ("web", "edge")), (2, ("cart", "shop")), (3, ("payments", "pay"))] {
        fleet.instance(service, number, team).check(service, number, CheckStatus::Passing, "200 OK");
    }
    fleet.calls("web", &named("cart"), 10.0, 0.0).calls("cart", &named("payments"), 5.0, 0.0);
    fleet
}
