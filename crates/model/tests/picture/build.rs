//! Short words for observations.

use std::collections::BTreeMap;
use std::sync::Arc;

use binnacle_model::fact::{
    BreakerFact, BreakerKind, BreakerState, CallsBasis, CallsFact, CheckFact, CheckStatus, CheckSubject, ConfigFact,
    Fact, How, InstanceFact, InstancePort, InstanceRole, NetworkScope, ObjectKey, Observation, Observer, Origin, Party,
    Pattern, Payload, Protocol, ServiceName, Signals, StoreKind, Transport, Tripping, Upstream, ValueMark,
};
use binnacle_model::world::Update;
use binnacle_model::{Batch, SourceId, World};
use jiff::Timestamp;

pub(crate) const NAMES: [&str; 4] = ["checkout", "payments", "orders", "ledger"];

pub(crate) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

pub(crate) fn source(datacenter: usize) -> SourceId {
    SourceId::from(format!("consul:dc{datacenter}"))
}

pub(crate) fn observed(collection: &str, key: String, version: u64, fact: Fact) -> Observation {
    let origin = Arc::new(Origin { query: Arc::from("GET /test"), how: How::Pushed });
    Observation { object: ObjectKey::new(collection, key), fact, seen: at(0), version: Some(version), origin }
}

pub(crate) fn instance(service: usize, number: usize, version: u64, upstream: Option<usize>) -> Observation {
    let name = NAMES[service];
    let fact = InstanceFact {
        service: ServiceName::plain(name),
        id: Arc::from(format!("{name}-{number}")),
        node: Some(Arc::from("node-1")),
        address: Arc::from(format!("10.0.{service}.{number}")),
        port: 8080,
        role: InstanceRole::Service,
        tags: vec![],
        meta: BTreeMap::new(),
        upstreams: upstream
            .map(|to| Upstream { service: ServiceName::plain(NAMES[to]), datacenter: None })
            .into_iter()
            .collect(),
        ports: vec![],
        uid: None,
        started: None,
        network: None,
        terminating: None,
    };
    observed("catalog", format!("instance/node-1/{name}-{number}"), version, Fact::Instance(fact))
}

pub(crate) fn check(service: usize, number: usize, version: u64, status: CheckStatus) -> Observation {
    let id = format!("{}-{number}", NAMES[service]);
    let fact = CheckFact {
        subject: CheckSubject::Instance { node: Arc::from("node-1"), id: Arc::from(id.as_str()) },
        id: Arc::from(format!("service:{id}")),
        name: Arc::from("http"),
        status,
        output: Arc::from("said so"),
        method: Arc::from("http"),
    };
    observed("health", format!("node-1/service:{id}"), version, Fact::Check(fact))
}

pub(crate) fn key(path: &str, version: u64, size_bytes: u64) -> Observation {
    let fact = ConfigFact {
        store: StoreKind::ConsulKv,
        path: Arc::from(path),
        size_bytes,
        flags: 0,
        lock_session: None,
        created_version: 1,
        mark: None,
    };
    observed("kv", path.to_owned(), version, Fact::Config(fact))
}

/// A text in a store, by a mark that is equal for equal values.
pub(crate) fn setting(store: StoreKind, path: &str, value: u64, version: u64) -> Observation {
    let fact = ConfigFact {
        store,
        path: Arc::from(path),
        size_bytes: value,
        flags: 0,
        lock_session: None,
        created_version: 1,
        mark: Some(ValueMark::of_keyed_digest(value)),
    };
    observed(store.collection(), path.to_owned(), version, Fact::Config(fact))
}

pub(crate) fn calls(from: usize, to: usize, version: u64, rps: f64) -> Observation {
    let fact = CallsFact {
        caller: Party::Address { host: Arc::from(format!("10.0.{from}.0")), port: 8080 },
        callee: Party::Named(Arc::from(NAMES[to])),
        protocol: Protocol::Http,
        pattern: Pattern::RequestResponse,
        payload: Payload::Json,
        basis: CallsBasis::Observed(Signals { rps: Some(rps), ..Signals::default() }),
        observer: Observer::default(),
    };
    observed("calls", format!("{from}/{to}"), version, Fact::Calls(fact))
}

pub(crate) fn told(statements: &[(SourceId, Observation)]) -> World {
    let mut world = World::default();
    for (source, observation) in statements {
        let batch = Batch::delta(source.clone(), vec![observation.clone()], vec![]);
        world.apply([Update::Facts(batch)], at(1));
    }
    world
}

/// A breaker of `from`'s instance `number` toward `to`.
pub(crate) fn breaker(from: usize, number: usize, to: usize, version: u64, state: BreakerState) -> Observation {
    let fact = BreakerFact {
        caller: Party::Address { host: Arc::from(format!("10.0.{from}.{number}")), port: 8080 },
        callee: Some(Party::Named(Arc::from(NAMES[to]))),
        name: Arc::from(NAMES[to]),
        kind: BreakerKind::Failure,
        state,
        since: None,
        rejected_per_s: Some(1.5),
        tripping: Tripping::default(),
        raw: BTreeMap::new(),
        derived: false,
        among: None,
    };
    observed("breakers", format!("{from}/{number}/{to}"), version, Fact::Breaker(fact))
}

/// Who says what.
pub(crate) type Said = (SourceId, Observation);

pub(crate) fn cluster(name: &str) -> SourceId {
    SourceId::from(format!("kube:{name}"))
}

/// A Pod of a workload of the same name as its namespace's service, on `node-1`.
pub(crate) struct Pod<'a> {
    pub(crate) cluster: &'a str,
    pub(crate) namespace: &'a str,
    pub(crate) workload: &'a str,
    pub(crate) number: usize,
    pub(crate) address: &'a str,
    pub(crate) port: u16,
    pub(crate) started: i64,
    pub(crate) host_network: bool,
}

impl<'a> Pod<'a> {
    pub(crate) fn new(workload: &'a str, number: usize, address: &'a str) -> Self {
        Self {
            cluster: "c1",
            namespace: "shop",
            workload,
            number,
            address,
            port: 8080,
            started: -100,
            host_network: false,
        }
    }

    pub(crate) fn said(&self) -> Said {
        let id = format!("{}/{}-{}", self.namespace, self.workload, self.number);
        let fact = InstanceFact {
            service: named(self.namespace, self.workload),
            id: Arc::from(id.as_str()),
            node: Some(Arc::from(format!("{}-node-1", self.cluster))),
            address: Arc::from(self.address),
            port: self.port,
            role: InstanceRole::Service,
            tags: vec![],
            meta: BTreeMap::new(),
            upstreams: vec![],
            ports: vec![InstancePort { name: None, port: self.port, transport: Transport::Tcp }],
            uid: Some(Arc::from(format!("uid-{}-{id}-{}", self.cluster, self.started))),
            started: Some(at(self.started)),
            network: self.host_network.then_some(NetworkScope::Node),
            terminating: None,
        };
        (cluster(self.cluster), observed("pods", id, 1, Fact::Instance(fact)))
    }
}

pub(crate) fn named(namespace: &str, name: &str) -> ServiceName {
    ServiceName { namespace: Some(Arc::from(namespace)), name: Arc::from(name) }
}

/// A registration in Consul.
pub(crate) struct Registered<'a> {
    pub(crate) service: &'a str,
    pub(crate) number: usize,
    pub(crate) address: &'a str,
    pub(crate) port: u16,
    pub(crate) meta: &'a [(&'a str, &'a str)],
    pub(crate) node: &'a str,
    pub(crate) datacenter: usize,
}

impl<'a> Registered<'a> {
    pub(crate) fn new(service: &'a str, number: usize, address: &'a str) -> Self {
        Self { service, number, address, port: 8080, meta: &[], node: "vm-1", datacenter: 1 }
    }

    pub(crate) fn said(&self) -> Said {
        let id = format!("{}-{}", self.service, self.number);
        let fact = InstanceFact {
            service: ServiceName::plain(self.service),
            id: Arc::from(id.as_str()),
            node: Some(Arc::from(self.node)),
            address: Arc::from(self.address),
            port: self.port,
            role: InstanceRole::Service,
            tags: vec![],
            meta: self.meta.iter().map(|(key, value)| (Arc::from(*key), Arc::from(*value))).collect(),
            upstreams: vec![],
            ports: vec![],
            uid: None,
            started: None,
            network: None,
            terminating: None,
        };
        (source(self.datacenter), observed("catalog", format!("instance/{}/{id}", self.node), 1, Fact::Instance(fact)))
    }
}
