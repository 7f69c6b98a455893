//! Calls that are counted in several places, and parties that metrics name in their own ways.

use std::collections::BTreeMap;
use std::sync::Arc;

use binnacle_model::World;
use binnacle_model::fact::{
    BreakerState, CallsBasis, Fact, InstanceFact, ObjectKey, Observation, Observer, Party, Protocol, ROLLING,
    ServedFact, Side, Signals, TargetFact, TargetHealth,
};
use binnacle_model::id::{EdgeId, ServiceId, SourceId};
use binnacle_model::measured::{self, Measured};
use binnacle_model::snapshot::EdgeState;

use crate::build::{breaker, calls, instance, observed, source, told};

fn signals(rps: f64) -> Signals {
    Signals { rps: Some(rps), ..Signals::default() }
}

/// What one observer counted of the calls from checkout to payments.
fn counted(key: &str, dialect: &str, side: Side, protocol: Protocol, rps: f64) -> Observation {
    let mut observation = calls(0, 1, 1, rps);
    let Fact::Calls(fact) = &mut observation.fact else { panic!("no calls") };
    fact.observer = Observer { dialect: Arc::from(dialect), side };
    fact.protocol = protocol;
    observation.object = ObjectKey::new("calls", key);
    observation
}

fn world_of(observations: Vec<Observation>) -> World {
    let registered = [instance(0, 0, 1, None), instance(1, 0, 1, None)].map(|one| (source(1), one));
    let counted = observations.into_iter().map(|one| (SourceId::from("prometheus:p"), one));
    told(&registered.into_iter().chain(counted).collect::<Vec<_>>())
}

fn rate(world: &World) -> Option<f64> {
    let edge = world.snapshot().edges.get("consul:dc1/checkout -> consul:dc1/payments");
    edge.unwrap_or_else(|| panic!("{:?}", world.snapshot().edges.keys())).signals.rps
}

#[test]
fn of_both_ends_of_a_call_one_is_believed_for_each_protocol() {
    let (http, grpc) = (Protocol::Http, Protocol::Grpc);
    let both = vec![
        counted("a", "istio", Side::Caller, http, 3.0),
        counted("b", "istio", Side::Caller, http, 4.0),
        counted("c", "istio", Side::Callee, http, 100.0),
        // Nobody else saw these.
        counted("d", "istio", Side::Callee, grpc, 5.0),
    ];
    assert_eq!(rate(&world_of(both)), Some(12.0));
    let between = vec![counted("a", "istio", Side::Between, http, 2.0), counted("b", "istio", Side::Callee, http, 9.0)];
    assert_eq!(rate(&world_of(between)), Some(2.0));
}

#[test]
fn two_dialects_that_count_the_same_calls_are_not_added() {
    let counts = vec![
        counted("a", "istio", Side::Caller, Protocol::Http, 7.0),
        counted("b", "spring", Side::Caller, Protocol::Http, 5.0),
        counted("c", "otel-service-graph", Side::Caller, Protocol::Unknown, 6.0),
    ];
    let world = world_of(counts);
    assert_eq!(rate(&world), Some(7.0));
    let edge = world.snapshot().edges.values().next().unwrap();
    assert_eq!(edge.evidence.len(), 3);
}

fn served(key: &str, host: &str, offers: Option<&str>, rps: f64) -> Observation {
    let fact = ServedFact {
        process: Party::Address { host: Arc::from(host), port: 8080 },
        offers: offers.map(Arc::from),
        protocol: Protocol::Grpc,
        dialect: Arc::from("grpc"),
        signals: signals(rps),
    };
    observed("served", key.to_owned(), 1, Fact::Served(fact))
}

#[test]
fn what_a_service_answers_is_its_own_count_and_no_edge() {
    let world =
        world_of(vec![calls(0, 1, 1, 2.0), served("a", "10.0.1.0", None, 30.0), served("b", "10.9.9.9", None, 5.0)]);
    let payments = &world.snapshot().services["consul:dc1/payments"];
    assert_eq!(payments.signals.rps, Some(30.0));
    assert_eq!(rate(&world), Some(2.0));
    assert!(!world.snapshot().services.contains_key("external:10.9.9.9:8080"), "nobody knows it and nobody calls it");
}

#[test]
fn a_service_that_counts_nothing_of_what_is_called_does_not_count_it() {
    let of = |said: Vec<Observation>| {
        let world = world_of(said);
        let payments = &world.snapshot().services["consul:dc1/payments"];
        (payments.signals.rps, payments.counted.len())
    };
    assert_eq!(of(vec![calls(0, 1, 1, 2.0), served("a", "10.0.1.0", None, 0.0)]), (Some(2.0), 0));
    assert_eq!(of(vec![calls(0, 1, 1, 0.0), served("a", "10.0.1.0", None, 0.0)]), (Some(0.0), 1));
    assert_eq!(of(vec![served("a", "10.0.1.0", None, 0.0)]), (Some(0.0), 1));
}

#[test]
fn a_name_that_a_process_offers_leads_to_it() {
    let mut calling = calls(0, 1, 1, 2.0);
    let Fact::Calls(fact) = &mut calling.fact else { panic!("no calls") };
    fact.callee = Party::Named(Arc::from("shop.v1.Payments"));
    let world = world_of(vec![calling.clone(), served("a", "10.0.1.0", Some("shop.v1.Payments"), 2.0)]);
    assert_eq!(rate(&world), Some(2.0));
    // Two that offer it: nobody knows which one is called.
    let both = [
        served("a", "10.0.1.0", Some("shop.v1.Payments"), 2.0),
        served("b", "10.0.0.0", Some("shop.v1.Payments"), 2.0),
    ];
    let world = world_of([vec![calling], both.to_vec()].concat());
    assert!(world.snapshot().edges.contains_key("consul:dc1/checkout -> external:shop.v1.Payments"));
}

#[test]
fn only_what_is_believed_is_asked_for_over_time() {
    let edge = "consul:dc1/checkout -> consul:dc1/payments";
    let world = world_of(vec![
        counted("a", "istio", Side::Caller, Protocol::Http, 3.0),
        counted("b", "istio", Side::Caller, Protocol::Http, 4.0),
        counted("c", "istio", Side::Callee, Protocol::Http, 100.0),
        counted("d", "spring", Side::Caller, Protocol::Http, 5.0),
    ]);
    let keys = |measured: Option<Measured>| {
        let measured = measured.unwrap();
        assert_eq!(measured.source.as_str(), "prometheus:p");
        measured.facts.iter().map(|fact| fact.object.key.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(keys(measured::of_edge(world.snapshot(), edge)), ["a", "b"]);
    assert_eq!(keys(measured::of_service(world.snapshot(), "consul:dc1/payments")), ["a", "b"]);
    let own =
        world_of(vec![counted("a", "istio", Side::Caller, Protocol::Http, 3.0), served("s", "10.0.1.0", None, 30.0)]);
    assert_eq!(keys(measured::of_edge(own.snapshot(), edge)), ["a"]);
    assert_eq!(keys(measured::of_service(own.snapshot(), "consul:dc1/payments")), ["s"]);
    let payments = &own.snapshot().services["consul:dc1/payments"];
    assert_eq!(payments.counted.len(), 1);
    assert_eq!(measured::of_service(own.snapshot(), "consul:dc1/checkout"), None);
}

fn in_namespace(namespace: &str, number: usize) -> Observation {
    let mut observation = instance(1, number, 1, None);
    let Fact::Instance(InstanceFact { service, id, .. }) = &mut observation.fact else { panic!("no instance") };
    service.namespace = Some(Arc::from(namespace));
    *id = Arc::from(format!("{namespace}-{number}"));
    observation.object = ObjectKey::new("catalog", format!("instance/{namespace}/{number}"));
    observation
}

#[test]
fn a_name_in_a_namespace_is_that_one_and_no_other() {
    let named = |namespace: &str, name: &str, key: &str| {
        let mut observation = calls(0, 1, 1, 1.0);
        let Fact::Calls(fact) = &mut observation.fact else { panic!("no calls") };
        fact.caller = Party::Outside(Arc::from("clients outside the mesh"));
        fact.callee = Party::NamedIn { namespace: Arc::from(namespace), name: Arc::from(name) };
        observation.object = ObjectKey::new("calls", key);
        (SourceId::from("prometheus:p"), observation)
    };
    let here = |observation| (source(1), observation);
    let world = told(&[
        here(in_namespace("shop", 0)),
        here(in_namespace("test", 1)),
        here(instance(2, 0, 1, None)),
        named("shop", "payments", "a"),
        named("other", "payments", "b"),
        // A registry without namespaces knows it.
        named("shop", "orders", "c"),
    ]);
    let edges: Vec<&str> = world.snapshot().edges.keys().map(EdgeId::as_str).collect();
    let from = "external:clients outside the mesh";
    assert_eq!(
        edges,
        [
            format!("{from} -> consul:dc1/orders"),
            format!("{from} -> consul:dc1/shop/payments"),
            format!("{from} -> external:other/payments"),
        ]
    );
}

#[test]
fn a_breaker_that_names_no_callee_guards_the_one_that_is_called_like_it() {
    let named = |name: &str| {
        let mut observation = breaker(0, 0, 1, 1, BreakerState::Open);
        let Fact::Breaker(fact) = &mut observation.fact else { panic!("no breaker") };
        (fact.callee, fact.name, fact.derived) = (None, Arc::from(name), true);
        observation.object = ObjectKey::new("breakers", name);
        observation
    };
    let world = world_of(vec![named("payments"), named("backendA")]);
    let mut found: Vec<(Option<&str>, bool)> = world
        .snapshot()
        .breakers
        .values()
        .map(|breaker| (breaker.callee.as_ref().map(ServiceId::as_str), breaker.derived))
        .collect();
    found.sort();
    assert_eq!(found, [(None, true), (Some("consul:dc1/payments"), true)]);
    assert!(!world.snapshot().services.contains_key("external:backendA"));
}

#[test]
fn a_breaker_declares_the_edge_that_it_guards_where_nobody_else_speaks_of_it() {
    let guarded = breaker(0, 0, 1, 1, BreakerState::Closed);
    let edge = |said: Vec<Observation>| {
        let world = world_of(said);
        let edges: Vec<_> = world.snapshot().edges.values().map(|one| (one.id.to_string(), one.state)).collect();
        (edges, world)
    };
    let id = || "consul:dc1/checkout -> consul:dc1/payments".to_owned();
    let (edges, world) = edge(vec![guarded.clone()]);
    assert_eq!(edges, [(id(), EdgeState::Declared)]);
    let declared = world.snapshot().edges.values().next().unwrap();
    let Fact::Calls(fact) = &declared.evidence[0].observation.fact else { panic!("{declared:?}") };
    assert_eq!((&fact.basis, declared.signals.rps), (&CallsBasis::Declared(Arc::from("circuit breaker")), None));
    // Who counts the calls says more.
    let (edges, world) = edge(vec![guarded.clone(), calls(0, 1, 1, 2.0)]);
    assert_eq!(edges, [(id(), EdgeState::Observed)]);
    assert_eq!(world.snapshot().edges.values().next().unwrap().evidence.len(), 1);
    // Of its own work, or of nobody who is known.
    let mut itself = guarded.clone();
    let Fact::Breaker(fact) = &mut itself.fact else { panic!("no breaker") };
    (fact.callee, fact.name) = (Some(fact.caller.clone()), Arc::from("read cache"));
    assert_eq!(edge(vec![itself]).0, []);
    let mut nobody = guarded;
    let Fact::Breaker(fact) = &mut nobody.fact else { panic!("no breaker") };
    (fact.callee, fact.name) = (None, Arc::from("retry queue"));
    assert_eq!(edge(vec![nobody]).0, []);
}

#[test]
fn a_state_that_is_told_is_believed_before_one_that_is_concluded() {
    let derived = |mut observation: Observation| {
        let Fact::Breaker(fact) = &mut observation.fact else { panic!("no breaker") };
        fact.derived = true;
        observation
    };
    let world = told(&[
        (source(1), instance(0, 0, 1, None)),
        (SourceId::from("prometheus:p"), derived(breaker(0, 0, 1, 1, BreakerState::Open))),
        (SourceId::from("scrape:s"), breaker(0, 0, 1, 1, BreakerState::Closed)),
    ]);
    let breaker = world.snapshot().breakers.values().next().unwrap();
    assert_eq!((breaker.state, breaker.derived), (BreakerState::Closed, false));
}

/// A process that a metrics server scrapes in a job, at another port than the one that is registered.
fn scraped(job: &str, port: u16) -> Observation {
    let process = Party::Address { host: Arc::from("10.9.9.9"), port };
    let fact = TargetFact {
        job: Arc::from(job),
        url: Arc::from(format!("http://10.9.9.9:{port}/metrics")),
        process,
        labels: BTreeMap::new(),
        health: TargetHealth::Up,
        last_error: Arc::from(""),
        last_scrape: None,
    };
    observed("targets", format!("{job}/{port}"), 1, Fact::Target(fact))
}

#[test]
fn a_process_that_nobody_registered_is_the_service_that_its_job_is_called_after() {
    let called = |jobs: Vec<Observation>| {
        let mut counted = counted("job", "x", Side::Caller, Protocol::Http, 3.0);
        let Fact::Calls(fact) = &mut counted.fact else { panic!("no calls") };
        fact.caller = Party::Address { host: Arc::from("10.9.9.9"), port: 9100 };
        let world = world_of(jobs.into_iter().chain([counted]).collect());
        world.snapshot().edges.keys().map(ToString::to_string).collect::<Vec<_>>()
    };
    let unknown = ["external:10.9.9.9:9100 -> consul:dc1/payments"];
    assert_eq!(called(vec![scraped("checkout", 9100)]), ["consul:dc1/checkout -> consul:dc1/payments"]);
    assert_eq!(called(vec![scraped("checkout", 9101)]), unknown);
    assert_eq!(called(vec![scraped("fleet", 9100)]), unknown);
    // Two jobs scrape it: neither names it.
    assert_eq!(called(vec![scraped("checkout", 9100), scraped("payments", 9100)]), unknown);
}

#[test]
fn a_process_that_is_no_service_is_called_after_its_job_when_it_is_alone_there() {
    let name = |jobs: Vec<Observation>| {
        let mut counted = counted("job", "x", Side::Caller, Protocol::Http, 3.0);
        let Fact::Calls(fact) = &mut counted.fact else { panic!("no calls") };
        fact.caller = Party::Address { host: Arc::from("10.9.9.9"), port: 9100 };
        let world = world_of(jobs.into_iter().chain([counted]).collect());
        world.snapshot().services["external:10.9.9.9:9100"].name.to_string()
    };
    assert_eq!(name(vec![scraped("gateway", 9100)]), "gateway");
    assert_eq!(name(vec![scraped("gateway", 9101)]), "10.9.9.9:9100");
    assert_eq!(name(vec![scraped("fleet", 9100), scraped("fleet", 9101)]), "10.9.9.9:9100", "one of many");
    assert_eq!(name(vec![scraped("one", 9100), scraped("other", 9100)]), "10.9.9.9:9100");
}

#[test]
fn a_name_that_an_unregistered_process_offers_leads_to_the_service_that_its_job_is_called_after() {
    let mut calling = calls(0, 1, 1, 2.0);
    let Fact::Calls(fact) = &mut calling.fact else { panic!("no calls") };
    fact.callee = Party::Named(Arc::from("shop.v1.Payments"));
    let offer = served("offer", "10.9.9.9", Some("shop.v1.Payments"), 2.0);
    let world = world_of(vec![calling, offer, scraped("payments", 8080)]);
    let edges: Vec<_> = world.snapshot().edges.keys().map(ToString::to_string).collect();
    assert_eq!(edges, ["consul:dc1/checkout -> consul:dc1/payments"]);
}

/// What a stream says of the calls that checkout made by habit to one of these names.
fn rolling(names: &[&str], rps: Option<f64>) -> Observation {
    let mut rolling = counted("rolling", ROLLING, Side::Caller, Protocol::Unknown, 0.0);
    let Fact::Calls(fact) = &mut rolling.fact else { panic!("no calls") };
    fact.callee = Party::Supposed(names.iter().map(|name| Arc::from(*name)).collect());
    fact.basis = CallsBasis::Observed(Signals { rps, ..Signals::default() });
    rolling
}

#[test]
fn whom_a_command_calls_is_supposed_where_a_service_is_called_so() {
    let called = |names: &[&str]| {
        let world = world_of(vec![rolling(names, Some(3.0))]);
        world.snapshot().edges.keys().map(ToString::to_string).collect::<Vec<_>>()
    };
    let payments = ["consul:dc1/checkout -> consul:dc1/payments"];
    assert_eq!(called(&["payments", "Pay"]), payments);
    assert_eq!(called(&["checkout", "payments"]), payments, "a group that is called like the application");
    assert_eq!(called(&["Pay", "PaymentsGroup"]), Vec::<String>::new());
    assert_eq!(called(&["checkout"]), Vec::<String>::new());
}

#[test]
fn who_counts_since_its_start_is_believed_before_who_counts_the_last_seconds() {
    let counter = |rps| counted("a", "x", Side::Caller, Protocol::Http, rps);
    assert_eq!(rate(&world_of(vec![counter(2.0), rolling(&["payments"], Some(9.0))])), Some(2.0));
    let mut silent = counter(0.0);
    let Fact::Calls(fact) = &mut silent.fact else { panic!("no calls") };
    fact.basis = CallsBasis::Observed(Signals::default());
    assert_eq!(rate(&world_of(vec![silent, rolling(&["payments"], Some(9.0))])), Some(9.0));
}
