//! Short words for observations.

use std::collections::BTreeMap;
use std::sync::Arc;

use binnacle_model::fact::{
    BreakerFact, BreakerKind, BreakerState, CallsBasis, CallsFact, CheckFact, CheckStatus, CheckSubject, ConfigFact,
    Fact, How, InstanceFact, InstanceRole, ObjectKey, Observation, Origin, Party, Pattern, Payload, Protocol,
    ServiceName, Signals, StoreKind, Upstream,
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
    };
    observed("kv", path.to_owned(), version, Fact::Config(fact))
}

pub(crate) fn calls(from: usize, to: usize, version: u64, rps: f64) -> Observation {
    let fact = CallsFact {
        caller: Party::Address { host: Arc::from(format!("10.0.{from}.0")), port: 8080 },
        callee: Party::Named(Arc::from(NAMES[to])),
        protocol: Protocol::Http,
        pattern: Pattern::RequestResponse,
        payload: Payload::Json,
        basis: CallsBasis::Observed(Signals { rps: Some(rps), ..Signals::default() }),
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
        rejected_per_s: Some(1.5),
        raw: BTreeMap::new(),
    };
    observed("breakers", format!("{from}/{number}/{to}"), version, Fact::Breaker(fact))
}
