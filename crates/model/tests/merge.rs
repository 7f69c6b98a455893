//! The algebra of the merge: the order of observations does not matter, the same observation twice changes nothing, and a
//! reset equals a fresh start.

use std::collections::BTreeMap;
use std::sync::Arc;

use binnacle_model::fact::{
    CallsBasis, CallsFact, CheckFact, CheckStatus, CheckSubject, ConfigFact, Fact, How, InstanceFact, InstanceRole,
    NodeFact, ObjectKey, Observation, Origin, Party, Pattern, Payload, Protocol, ServiceFact, ServiceName, Signals,
    StoreKind, Upstream,
};
use binnacle_model::world::Update;
use binnacle_model::{Batch, Snapshot, SourceId, World};
use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::{Value, json};

const NAMES: [&str; 4] = ["checkout", "payments", "orders", "ledger"];

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

fn source(datacenter: usize) -> SourceId {
    SourceId::from(format!("consul:dc{datacenter}"))
}

fn observed(collection: &str, key: String, version: u64, fact: Fact) -> Observation {
    let origin = Arc::new(Origin { query: Arc::from("GET /test"), how: How::Pushed });
    Observation { object: ObjectKey::new(collection, key), fact, seen: at(0), version: Some(version), origin }
}

fn instance(service: usize, number: usize, version: u64, upstream: Option<usize>) -> Observation {
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
    };
    observed("catalog", format!("instance/node-1/{name}-{number}"), version, Fact::Instance(fact))
}

fn check(service: usize, number: usize, version: u64, status: CheckStatus) -> Observation {
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

fn key(path: &str, version: u64, size_bytes: u64) -> Observation {
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

fn calls(from: usize, to: usize, version: u64, rps: f64) -> Observation {
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

fn any_observation() -> impl Strategy<Value = Observation> {
    let status = prop_oneof![Just(CheckStatus::Passing), Just(CheckStatus::Warning), Just(CheckStatus::Critical)];
    prop_oneof![
        (0..4_usize, 0..3_usize, 1..9_u64, proptest::option::of(0..4_usize))
            .prop_map(|(service, number, version, to)| instance(service, number, version, to)),
        (0..4_usize, 0..3_usize, 1..9_u64, status).prop_map(|(s, n, version, status)| check(s, n, version, status)),
        ("[a-c](/[a-c])?", 1..9_u64).prop_map(|(path, version)| key(&path, version, version)),
        (0..4_usize, 0..4_usize, 1..9_u64).prop_map(|(from, to, version)| calls(from, to, version, 2.0)),
    ]
}

/// Statements of two sources in which a version of an object always says the same.
fn statements() -> impl Strategy<Value = Vec<(SourceId, Observation)>> {
    proptest::collection::vec((0..2_usize, any_observation()), 0..40).prop_map(|drawn| {
        let mut unique = BTreeMap::new();
        for (datacenter, observation) in drawn {
            unique.insert((datacenter, observation.object.clone(), observation.version), observation);
        }
        unique.into_iter().map(|((datacenter, ..), observation)| (source(datacenter), observation)).collect()
    })
}

fn told(statements: &[(SourceId, Observation)]) -> World {
    let mut world = World::default();
    for (source, observation) in statements {
        let batch = Batch::delta(source.clone(), vec![observation.clone()], vec![]);
        world.apply([Update::Facts(batch)], at(1));
    }
    world
}

/// What a picture shows, without the times that depend on when Binnacle looked.
fn shown(snapshot: &Snapshot) -> Value {
    let config: BTreeMap<_, _> = snapshot.config.iter().map(|(id, item)| (id.to_string(), json!(item))).collect();
    let mut shown = json!({
        "services": snapshot.services, "edges": snapshot.edges, "breakers": snapshot.breakers, "config": config,
    });
    forget_times(&mut shown);
    shown
}

fn forget_times(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.remove("since");
            fields.values_mut().for_each(forget_times);
        }
        Value::Array(items) => items.iter_mut().for_each(forget_times),
        _ => {}
    }
}

proptest! {
    #[test]
    fn the_order_of_observations_does_not_matter(
        (straight, shuffled) in statements().prop_flat_map(|all| (Just(all.clone()), Just(all).prop_shuffle()))
    ) {
        prop_assert_eq!(shown(told(&straight).snapshot()), shown(told(&shuffled).snapshot()));
    }

    #[test]
    fn the_same_observation_twice_changes_nothing(all in statements()) {
        let mut world = told(&all);
        let revision = world.snapshot().revision;
        for (source, observation) in &all {
            let latest = world.store().get(source, &observation.object).map(|held| Observation::clone(held)).unwrap();
            let again = Batch::delta(source.clone(), vec![latest], vec![]);
            prop_assert_eq!(world.apply([Update::Facts(again)], at(2)), None);
        }
        prop_assert_eq!(world.snapshot().revision, revision);
    }

    #[test]
    fn a_reset_equals_a_fresh_start(before in statements(), after in statements()) {
        let mut reset = told(&before);
        let mut fresh = World::default();
        for datacenter in 0..2 {
            for collection in ["catalog", "health", "kv", "calls"] {
                let mut latest: BTreeMap<ObjectKey, Observation> = BTreeMap::new();
                let of_this = after.iter().filter(|(from, one)| *from == source(datacenter) && &*one.object.collection == collection);
                for (_, observation) in of_this {
                    latest.insert(observation.object.clone(), observation.clone());
                }
                let listed: Vec<Observation> = latest.into_values().collect();
                for world in [&mut reset, &mut fresh] {
                    let batch = Batch::reset(source(datacenter), collection, listed.clone());
                    world.apply([Update::Facts(batch)], at(3));
                }
            }
        }
        prop_assert_eq!(shown(reset.snapshot()), shown(fresh.snapshot()));
    }

    #[test]
    fn a_change_set_names_all_that_changed(before in statements(), then in any_observation()) {
        let mut world = told(&before);
        let old = world.snapshot().clone();
        let batch = Batch::delta(source(0), vec![then], vec![]);
        let changes = world.apply([Update::Facts(batch)], at(4)).map(|set| set.changes).unwrap_or_default();
        let new = world.snapshot();
        for id in old.services.keys().chain(new.services.keys()) {
            let named = changes.iter().any(|change| change.subject == binnacle_model::change::Subject::Service(id.clone()));
            prop_assert_eq!(named, old.services.get(id) != new.services.get(id), "{}", id);
        }
        for id in old.config.keys().chain(new.config.keys()) {
            let named = changes.iter().any(|change| change.subject == binnacle_model::change::Subject::Config(id.clone()));
            prop_assert_eq!(named, old.config.get(id) != new.config.get(id), "{}", id);
        }
    }
}

fn world_of(observations: Vec<Observation>) -> World {
    told(&observations.into_iter().map(|one| (source(1), one)).collect::<Vec<_>>())
}

fn service<'a>(world: &'a World, id: &str) -> &'a binnacle_model::snapshot::Service {
    world.snapshot().services.get(id).unwrap_or_else(|| panic!("no {id}"))
}

#[test]
fn the_worst_check_decides_and_a_node_check_counts_for_all_on_it() {
    let node_check = CheckFact {
        subject: CheckSubject::Node(Arc::from("node-1")),
        id: Arc::from("serfHealth"),
        name: Arc::from("Serf Health Status"),
        status: CheckStatus::Critical,
        output: Arc::from("Agent not live or unreachable"),
        method: Arc::from(""),
    };
    let world = world_of(vec![
        instance(0, 0, 1, None),
        check(0, 0, 1, CheckStatus::Passing),
        instance(1, 0, 1, None),
        observed("health", "node-1/serfHealth".to_owned(), 1, Fact::Check(node_check)),
    ]);
    for id in ["consul:dc1/checkout", "consul:dc1/payments"] {
        assert_eq!(service(&world, id).health.word(), "critical", "{id}");
    }
}

#[test]
fn an_instance_without_checks_passes_and_a_service_without_instances_is_unknown() {
    let empty = ServiceFact { service: ServiceName::plain("empty"), tags: vec![] };
    let world = world_of(vec![
        instance(0, 0, 1, None),
        observed("catalog", "service/empty".to_owned(), 1, Fact::Service(empty)),
    ]);
    assert_eq!(service(&world, "consul:dc1/checkout").health.word(), "passing");
    assert_eq!(service(&world, "consul:dc1/empty").health.word(), "unknown");
}

#[test]
fn a_sidecar_is_part_of_the_service_that_it_fronts() {
    let sidecar = InstanceFact {
        service: ServiceName::plain("checkout-sidecar-proxy"),
        id: Arc::from("checkout-0-sidecar-proxy"),
        node: Some(Arc::from("node-1")),
        address: Arc::from("10.0.0.0"),
        port: 21000,
        role: InstanceRole::Sidecar { of: ServiceName::plain("checkout"), instance: Some(Arc::from("checkout-0")) },
        tags: vec![],
        meta: BTreeMap::new(),
        upstreams: vec![Upstream { service: ServiceName::plain("payments"), datacenter: None }],
    };
    let name = ServiceFact { service: ServiceName::plain("checkout-sidecar-proxy"), tags: vec![] };
    let world = world_of(vec![
        instance(0, 0, 1, None),
        instance(1, 0, 1, None),
        observed("catalog", "service/checkout-sidecar-proxy".to_owned(), 1, Fact::Service(name)),
        observed("catalog", "instance/node-1/checkout-0-sidecar-proxy".to_owned(), 1, Fact::Instance(sidecar)),
    ]);
    let names: Vec<&str> = world.snapshot().services.keys().map(|id| id.as_str()).collect();
    assert_eq!(names, ["consul:dc1/checkout", "consul:dc1/payments"]);
    assert!(service(&world, "consul:dc1/checkout").instances[0].sidecar);
    assert!(world.snapshot().edges.contains_key("consul:dc1/checkout -> consul:dc1/payments"));
}

#[test]
fn a_measured_caller_is_found_by_its_address_and_a_callee_by_its_name() {
    let world = world_of(vec![instance(0, 0, 1, None), instance(1, 0, 1, None), calls(0, 1, 1, 2.5)]);
    let edge = world.snapshot().edges.get("consul:dc1/checkout -> consul:dc1/payments").unwrap();
    assert_eq!(edge.signals.rps, Some(2.5));
    assert_eq!(service(&world, "consul:dc1/payments").signals.rps, Some(2.5));
}

#[test]
fn a_config_key_that_goes_is_gone_and_others_stay() {
    let mut world = world_of(vec![key("a", 1, 1), key("a/b", 1, 1)]);
    let gone = Batch::delta(source(1), vec![], vec![ObjectKey::new("kv", "a")]);
    world.apply([Update::Facts(gone)], at(5));
    let left: Vec<String> = world.snapshot().config.keys().map(ToString::to_string).collect();
    assert_eq!(left, ["consul:dc1/kv/a/b"]);
}

#[test]
fn a_node_is_no_service() {
    let node = NodeFact { name: Arc::from("node-1"), address: Arc::from("10.0.0.1"), meta: BTreeMap::new() };
    let world = world_of(vec![observed("catalog", "node/node-1".to_owned(), 1, Fact::Node(node))]);
    assert!(world.snapshot().services.is_empty());
}
