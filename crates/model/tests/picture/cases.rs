//! Single cases.

use std::collections::BTreeMap;
use std::sync::Arc;

use binnacle_model::fact::{
    Among, BreakerState, CallsBasis, CallsFact, CheckFact, CheckStatus, CheckSubject, Fact, InstanceFact, InstanceRole,
    NodeFact, ObjectKey, Observation, Observer, Party, Pattern, Payload, Protocol, ServiceFact, ServiceName, Upstream,
};
use binnacle_model::snapshot::{EdgeState, Fault, Since, SourceState, SourceStatus};
use binnacle_model::world::Update;
use binnacle_model::{Batch, SourceId, World};
use jiff::Timestamp;

use crate::build::{at, breaker, calls, check, instance, key, observed, source, told};

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
        ports: vec![],
        uid: None,
        started: None,
        network: None,
        terminating: None,
    };
    let name = ServiceFact { service: ServiceName::plain("checkout-sidecar-proxy"), tags: vec![] };
    let world = world_of(vec![
        instance(0, 0, 1, None),
        instance(1, 0, 1, None),
        observed("catalog", "service/checkout-sidecar-proxy".to_owned(), 1, Fact::Service(name)),
        observed("catalog", "instance/node-1/checkout-0-sidecar-proxy".to_owned(), 1, Fact::Instance(sidecar)),
    ]);
    let names: Vec<&str> = world.snapshot().services.keys().map(binnacle_model::ServiceId::as_str).collect();
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

fn status(state: SourceState, code: Option<&str>) -> SourceStatus {
    SourceStatus {
        state,
        since: at(0),
        address: Arc::from("http://127.0.0.1:8500"),
        product: None,
        fault: code.map(|code| Fault { code: Arc::from(code), detail: Arc::from(""), hint: Arc::from("") }),
        partial: vec![],
        unseen: Vec::new(),
        dialects: None,
        notes: Vec::new(),
        next_try: None,
        abilities: vec![],
    }
}

#[test]
fn a_failing_source_keeps_its_facts_and_they_are_stale_until_it_is_live_again() {
    let mut world = world_of(vec![instance(0, 0, 1, None), check(0, 0, 1, CheckStatus::Passing)]);
    let before = service(&world, "consul:dc1/checkout").clone();
    let change = world
        .apply([Update::Status(source(1), status(SourceState::Failing, Some("consul.unreachable")))], at(9))
        .unwrap();
    assert!(service(&world, "consul:dc1/checkout").stale);
    assert_eq!(service(&world, "consul:dc1/checkout").health, before.health);
    assert_eq!(change.transitions.len(), 0, "the source was not known to be in any state before");
    let change = world.apply([Update::Status(source(1), status(SourceState::Live, None))], at(10)).unwrap();
    assert_eq!(*service(&world, "consul:dc1/checkout"), before);
    assert_eq!((&*change.transitions[0].from, &*change.transitions[0].to), ("failing", "live"));
}

#[test]
fn a_disconnected_source_takes_its_facts_with_it() {
    let mut world = world_of(vec![instance(0, 0, 1, None), key("a", 1, 1)]);
    world.apply([Update::Forget(source(1))], at(9)).unwrap();
    assert!(world.snapshot().services.is_empty() && world.snapshot().config.is_empty());
    assert!(world.snapshot().sources.is_empty());
}

#[test]
fn the_moment_of_a_change_is_known_only_when_it_was_seen() {
    let mut world = world_of(vec![instance(0, 0, 1, None), check(0, 0, 1, CheckStatus::Passing)]);
    assert!(!service(&world, "consul:dc1/checkout").since.seen_changing);
    let worse = Batch::delta(source(1), vec![check(0, 0, 2, CheckStatus::Critical)], vec![]);
    let change = world.apply([Update::Facts(worse)], at(60)).unwrap();
    let since = service(&world, "consul:dc1/checkout").since;
    assert!(since.seen_changing);
    assert_eq!(since.at, at(60));
    assert_eq!((&*change.transitions[0].to, &*change.transitions[0].detail), ("critical", "said so"));
}

#[test]
fn an_older_version_never_replaces_a_newer_one() {
    let mut world = world_of(vec![key("a", 7, 70)]);
    let late = Batch::delta(source(1), vec![key("a", 5, 50)], vec![]);
    assert_eq!(world.apply([Update::Facts(late)], at(9)), None);
    let restored = Batch::reset(source(1), "kv", vec![key("a", 5, 50)]);
    assert!(world.apply([Update::Facts(restored)], at(10)).is_some(), "a reset may go back: the store was restored");
    assert_eq!(world.snapshot().config.get("consul:dc1/kv/a").unwrap().version, 5);
}

#[test]
fn a_measured_call_beside_a_declared_one_is_undeclared() {
    let world = world_of(vec![
        instance(0, 0, 1, Some(1)),
        instance(1, 0, 1, None),
        instance(2, 0, 1, None),
        calls(0, 2, 1, 1.0),
    ]);
    let state = |to: &str| world.snapshot().edges[format!("consul:dc1/checkout -> consul:dc1/{to}").as_str()].state;
    assert_eq!(state("payments"), EdgeState::Declared);
    assert_eq!(state("orders"), EdgeState::Undeclared);
}

#[test]
fn only_who_lists_partners_makes_the_calls_of_others_undeclared() {
    let state = |word: &str| {
        let fact = CallsFact {
            caller: Party::Named(Arc::from("orders")),
            callee: Party::Named(Arc::from("payments")),
            protocol: Protocol::Unknown,
            pattern: Pattern::Unknown,
            payload: Payload::Unknown,
            basis: CallsBasis::Declared(Arc::from(word)),
            observer: Observer::default(),
        };
        let world = world_of(vec![
            instance(0, 0, 1, None),
            instance(1, 0, 1, None),
            instance(2, 0, 1, None),
            observed("mesh", "declared".to_owned(), 1, Fact::Calls(fact)),
            calls(0, 1, 1, 1.0),
        ]);
        world.snapshot().edges["consul:dc1/checkout -> consul:dc1/payments"].state
    };
    assert_eq!(state("intention"), EdgeState::Undeclared, "an intention says who may call");
    assert_eq!(
        state("service-router"),
        EdgeState::Observed,
        "a route says where calls are led to, not that nobody else may"
    );
}

#[test]
fn a_measured_call_where_nobody_declares_anything_is_simply_observed() {
    let world = world_of(vec![instance(0, 0, 1, None), instance(1, 0, 1, None), calls(0, 1, 1, 1.0)]);
    assert_eq!(world.snapshot().edges["consul:dc1/checkout -> consul:dc1/payments"].state, EdgeState::Observed);
}

#[test]
fn a_callee_that_no_registry_has_is_drawn_as_external() {
    let world = world_of(vec![instance(0, 0, 1, None), calls(0, 3, 1, 1.0)]);
    assert_eq!(service(&world, "external:ledger").health.word(), "unknown");
    assert!(world.snapshot().edges.contains_key("consul:dc1/checkout -> external:ledger"));
}

#[test]
fn a_pod_is_found_by_its_address_or_by_its_name_in_its_namespace() {
    let pod = |namespace: &str, name: &str, host: &str| Party::Pod {
        namespace: Arc::from(namespace),
        pod: Arc::from(name),
        address: Some((Arc::from(host), 9102)),
    };
    let at_address = |name: &str, id: &str, host: &str, port| {
        let mut observation = instance(0, 0, 1, None);
        let Fact::Instance(fact) = &mut observation.fact else { panic!("no instance") };
        fact.service = ServiceName { namespace: Some(Arc::from("shop")), name: Arc::from(name) };
        (fact.id, fact.address, fact.port) = (Arc::from(format!("shop/{id}")), Arc::from(host), port);
        fact.uid = Some(Arc::from(id));
        observation.object = ObjectKey::new("catalog", format!("instance/{id}"));
        observation
    };
    let calling = |caller: Party, callee: &str| {
        let mut observation = calls(0, 1, 1, 1.0);
        let Fact::Calls(fact) = &mut observation.fact else { panic!("no calls") };
        (fact.caller, fact.callee) = (caller, Party::Named(Arc::from(callee)));
        observation.object = ObjectKey::new("calls", callee);
        observation
    };
    let world = world_of(vec![
        at_address("cart", "cart-0", "10.1.0.1", 8080),
        at_address("metrics", "metrics-0", "10.1.0.2", 9102),
        calling(pod("shop", "cart-0", "10.1.0.1"), "by-name"),
        calling(pod("other", "x-0", "10.1.0.2"), "by-address"),
        calling(pod("other", "cart-0", "10.1.0.1"), "by-nothing"),
    ]);
    let from = |callee: &str| {
        let edges = &world.snapshot().edges;
        let edge = edges.values().find(|edge| edge.to.as_str() == format!("external:{callee}"));
        edge.map(|edge| edge.from.to_string()).unwrap_or_default()
    };
    assert_eq!(from("by-name"), "consul:dc1/shop/cart");
    assert_eq!(from("by-address"), "consul:dc1/shop/metrics");
    assert_eq!(from("by-nothing"), "external:other/cart-0");
}

#[test]
fn a_breaker_counts_the_instances_in_which_it_is_open() {
    let world = world_of(vec![
        instance(0, 0, 1, None),
        instance(0, 1, 1, None),
        instance(1, 0, 1, None),
        breaker(0, 0, 1, 1, BreakerState::Open),
        breaker(0, 1, 1, 1, BreakerState::Closed),
    ]);
    let breaker = world.snapshot().breakers.values().next().unwrap();
    assert_eq!((breaker.open, breaker.of, breaker.state), (1, 2, BreakerState::Open));
    assert_eq!(breaker.rejected_per_s, Some(3.0));
}

#[test]
fn two_sources_that_speak_of_one_process_are_one_instance_of_the_breaker() {
    let stream = SourceId::from("hystrix:shop");
    let world = told(&[
        (source(1), instance(0, 0, 1, None)),
        (source(1), instance(1, 0, 1, None)),
        (SourceId::from("scrape:shop"), breaker(0, 0, 1, 1, BreakerState::Open)),
        (stream, breaker(0, 0, 1, 1, BreakerState::Open)),
    ]);
    assert_eq!(world.snapshot().breakers.len(), 1);
    let breaker = world.snapshot().breakers.values().next().unwrap();
    assert_eq!((breaker.open, breaker.of), (1, 1));
    assert_eq!(breaker.evidence.len(), 2);
    assert_eq!(breaker.callee.as_ref().unwrap().as_str(), "consul:dc1/payments");
}

#[test]
fn a_command_whose_group_is_its_own_application_goes_to_whom_it_is_named_after() {
    let mut command = breaker(0, 0, 1, 1, BreakerState::Open);
    let Fact::Breaker(fact) = &mut command.fact else { unreachable!() };
    fact.callee = Some(Party::Named(Arc::from("checkout")));
    let world = told(&[
        (source(1), instance(0, 0, 1, None)),
        (source(1), instance(1, 0, 1, None)),
        (SourceId::from("hystrix:shop"), command),
    ]);
    let breaker = world.snapshot().breakers.values().next().unwrap();
    assert_eq!(breaker.caller.as_str(), "consul:dc1/checkout");
    assert_eq!(breaker.callee.as_ref().unwrap().as_str(), "consul:dc1/payments");
}

#[test]
fn a_source_that_says_since_when_is_believed_unless_its_clock_is_ahead() {
    let since = |told_at: Timestamp| {
        let mut one = breaker(0, 0, 1, 1, BreakerState::Open);
        let Fact::Breaker(fact) = &mut one.fact else { unreachable!() };
        fact.since = Some(told_at);
        let world = told(&[(source(1), instance(0, 0, 1, None)), (SourceId::from("actuator:shop"), one)]);
        world.snapshot().breakers.values().next().unwrap().since
    };
    assert_eq!(since(Timestamp::UNIX_EPOCH), Since { at: Timestamp::UNIX_EPOCH, seen_changing: true });
    assert_eq!(since(Timestamp::MAX), Since { at: at(1), seen_changing: false });
}

#[test]
fn each_process_of_a_breaker_has_a_past_of_its_own_and_the_whole_is_in_its_state_since_the_first() {
    let mut world = world_of(vec![
        instance(0, 0, 1, None),
        instance(0, 1, 1, None),
        breaker(0, 0, 1, 1, BreakerState::Closed),
        breaker(0, 1, 1, 1, BreakerState::Closed),
    ]);
    let mut tell = |number: usize, version: u64, state: BreakerState, second: i64| {
        let batch = Batch::delta(source(1), vec![breaker(0, number, 1, version, state)], vec![]);
        let told = world.apply([Update::Facts(batch)], at(second)).unwrap();
        let breaker = world.snapshot().breakers.values().next().unwrap();
        let moved = told.transitions.iter().map(|one| (one.process.is_some(), one.to.to_string())).collect::<Vec<_>>();
        (moved, breaker.since, breaker.processes.iter().map(|one| (one.state, one.since.at)).collect::<Vec<_>>())
    };
    let seen = |second: i64| Since { at: at(second), seen_changing: true };
    let open = |of_process| (of_process, "open".to_owned());
    let (moved, since, processes) = tell(0, 2, BreakerState::Open, 20);
    assert_eq!((moved, since), (vec![open(false), open(true)], seen(20)));
    assert_eq!(processes[0], (BreakerState::Open, at(20)));
    let (moved, since, processes) = tell(1, 2, BreakerState::Open, 30);
    assert_eq!((moved, since, processes[1]), (vec![open(true)], seen(20), (BreakerState::Open, at(30))));
    // The first one closes: the whole has been open all the time.
    let (moved, since, processes) = tell(0, 3, BreakerState::Closed, 40);
    assert_eq!((moved, since), (vec![(true, "closed".to_owned())], seen(20)));
    assert_eq!(processes, [(BreakerState::Closed, at(40)), (BreakerState::Open, at(30))]);
}

#[test]
fn two_sources_that_count_the_same_calls_are_not_added() {
    let world = told(&[
        (source(1), instance(0, 0, 1, None)),
        (source(1), instance(1, 0, 1, None)),
        (SourceId::from("scrape:a"), calls(0, 1, 1, 10.0)),
        (SourceId::from("scrape:b"), calls(0, 1, 1, 9.0)),
    ]);
    assert_eq!(world.snapshot().edges["consul:dc1/checkout -> consul:dc1/payments"].signals.rps, Some(10.0));
}

#[test]
fn what_only_some_sources_have_a_word_for_is_believed_before_what_all_have() {
    for state in [BreakerState::ForcedOpen, BreakerState::Disabled] {
        let world = told(&[
            (source(1), instance(0, 0, 1, None)),
            (SourceId::from("envoy:edge"), breaker(0, 0, 1, 1, state)),
            (SourceId::from("scrape:edge"), breaker(0, 0, 1, 2, BreakerState::Closed)),
        ]);
        assert_eq!(world.snapshot().breakers.values().next().unwrap().state, state);
    }
}

#[test]
fn a_sum_of_processes_counts_where_none_of_them_speaks_for_itself() {
    let mut sum = breaker(0, 9, 1, 1, BreakerState::Open);
    let Fact::Breaker(fact) = &mut sum.fact else { unreachable!() };
    (fact.caller, fact.among) = (Party::Named(Arc::from("checkout")), Some(Among { open: 1, of: 3 }));
    let known = [(source(1), instance(0, 0, 1, None)), (SourceId::from("hystrix:turbine"), sum)];
    let own = (SourceId::from("hystrix:checkout"), breaker(0, 0, 1, 1, BreakerState::Open));
    let counts = |said: &[(SourceId, Observation)]| {
        let world = told(said);
        let breaker = world.snapshot().breakers.values().next().unwrap();
        (world.snapshot().breakers.len(), breaker.open, breaker.of)
    };
    assert_eq!(counts(&known), (1, 1, 3));
    assert_eq!(counts(&[known.as_slice(), &[own]].concat()), (1, 1, 1));
}

#[test]
fn of_several_that_one_source_knows_of_a_process_for_one_callee_the_worst_counts() {
    let mut other = breaker(0, 0, 1, 2, BreakerState::Closed);
    other.object.key = Arc::from("another");
    let world = told(&[
        (source(1), instance(0, 0, 1, None)),
        (SourceId::from("envoy:edge"), breaker(0, 0, 1, 1, BreakerState::Open)),
        (SourceId::from("envoy:edge"), other),
    ]);
    let breaker = world.snapshot().breakers.values().next().unwrap();
    assert_eq!((breaker.state, breaker.open, breaker.of), (BreakerState::Open, 1, 1));
}

#[test]
fn half_open_is_believed_before_open_for_some_sources_have_no_word_for_it() {
    let world = told(&[
        (source(1), instance(0, 0, 1, None)),
        (source(1), instance(1, 0, 1, None)),
        (SourceId::from("scrape:shop"), breaker(0, 0, 1, 1, BreakerState::HalfOpen)),
        (SourceId::from("hystrix:shop"), breaker(0, 0, 1, 1, BreakerState::Open)),
    ]);
    let breaker = world.snapshot().breakers.values().next().unwrap();
    assert_eq!((breaker.state, breaker.open, breaker.of), (BreakerState::HalfOpen, 0, 1));
    assert_eq!(breaker.rejected_per_s, Some(1.5), "both count the same refusals");
}
