//! A small fleet, stated by sources.

use std::collections::BTreeMap;
use std::sync::Arc;

use binnacle_model::fact::{
    BreakerFact, BreakerKind, BreakerState, CallsBasis, CallsFact, CheckFact, CheckStatus, CheckSubject, ConfigFact,
    Fact, How, InstanceFact, InstanceRole, ObjectKey, Observation, Origin, Party, Pattern, Payload, Protocol,
    ServiceName, Signals, StoreKind,
};
use binnacle_model::snapshot::{Ability, Fault, SourceState, SourceStatus};
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
        let fault =
            fault.map(|code| Fault { code: Arc::from(code), detail: Arc::from("it said no"), hint: Arc::from("ask") });
        let status = SourceStatus {
            state,
            since: at(self.second),
            address: Arc::from("http://127.0.0.1:8500"),
            product: Some(Arc::from("Consul 1.22.7")),
            fault,
            partial: Vec::new(),
            next_try: None,
            abilities: vec![Ability::ReadConfig, Ability::EditConfig, Ability::Register],
        };
        self.tell(Update::Status(consul(), status))
    }

    fn tell(&mut self, update: Update) -> &mut Self {
        self.second += i64::from(!self.still);
        if let Some(change) = self.world.apply([update], at(self.second)) {
            self.happened.extend(change.transitions.into_iter().map(Happened::Transition));
        }
        self
    }

    fn state(&mut self, collection: &str, key: String, fact: Fact) -> &mut Self {
        self.version += 1;
        let origin = Arc::new(Origin { query: Arc::from(format!("GET /{collection}")), how: How::Pushed });
        let object = ObjectKey::new(collection, key);
        let observation = Observation { object, fact, seen: at(self.second), version: Some(self.version), origin };
        self.tell(Update::Facts(Batch::delta(consul(), vec![observation], vec![])))
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
        };
        self.state("calls", format!("{from}/{to:?}"), Fact::Calls(fact))
    }

    pub(crate) fn breaker(&mut self, from: &str, to: &str, state: BreakerState) -> &mut Self {
        let fact = BreakerFact {
            caller: named(from),
            callee: Some(named(to)),
            name: Arc::from(to),
            kind: BreakerKind::Failure,
            state,
            rejected_per_s: Some(1.5),
            raw: BTreeMap::from([(Arc::from("isCircuitBreakerOpen"), Arc::from("true"))]),
        };
        self.state("breakers", format!("{from}/{to}"), Fact::Breaker(fact))
    }

    /// A breaker of which nobody says whom it guards against.
    pub(crate) fn lone_breaker(&mut self, from: &str, state: BreakerState) -> &mut Self {
        let fact = BreakerFact {
            caller: named(from),
            callee: None,
            name: Arc::from("pool"),
            kind: BreakerKind::Failure,
            state,
            rejected_per_s: None,
            raw: BTreeMap::new(),
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
