//! What meshes were told of when to refuse calls, set beside what is told of the breakers.

use std::collections::BTreeMap;
use std::sync::Arc;

use binnacle_model::fact::{
    BreakerKind, BreakerState, Callees, Callers, CallsBasis, CallsFact, Fact, LabelSelector, Limit, LimitsFact,
    Namespaces, Observer, OpensAt, Party, Pattern, Payload, Protocol, RuleHome, Ruling, ServiceName, Signals,
};
use binnacle_model::snapshot::{Breaker, ConfiguredLimit};
use binnacle_model::{BreakerId, SourceId, World};
use proptest::prelude::*;

use crate::build::{Said, at, breaker, cluster, instance, named, observed, source, told};
use crate::declared::{counted, here, policy, shop, with};

fn limit(kind: BreakerKind, opens_at: OpensAt) -> Limit {
    Limit { kind, opens_at: Some(opens_at), off: false, raw: BTreeMap::new() }
}

fn in_a_row(failures: u64) -> Ruling {
    Ruling::Limits(vec![limit(BreakerKind::Endpoint, OpensAt::InARow(failures))])
}

/// A rule of a cluster's mesh for calls to a cluster service of the shop.
fn rule(name: &str, home: &str, callees: Callees, ruling: Ruling) -> LimitsFact {
    LimitsFact {
        mesh: Arc::from("istio"),
        rule: Arc::from(name),
        callers: Callers::Instances { namespaces: Namespaces::All, selects: LabelSelector::default() },
        callees,
        home: if home == "mesh" { RuleHome::Mesh } else { RuleHome::Namespace(Arc::from(home)) },
        created: None,
        ruling,
    }
}

fn to(name: &str) -> Callees {
    Callees::One(named("shop", name))
}

fn said(fact: LimitsFact) -> Said {
    let key = fact.rule.to_string();
    (cluster("c1"), observed("destinationrules", key, 1, Fact::Limits(fact)))
}

/// The shop, in which web calls cart, with these rules.
fn ruled(rules: Vec<LimitsFact>) -> World {
    let all = [shop(), vec![counted("web", "cart")], rules.into_iter().map(said).collect()].concat();
    told(&all)
}

fn only(world: &World) -> Breaker {
    let breakers = &world.snapshot().breakers;
    assert_eq!(breakers.len(), 1, "{breakers:#?}");
    Breaker::clone(breakers.values().next().unwrap())
}

fn rules_of(world: &World) -> Vec<String> {
    let limits = world.snapshot().breakers.values().flat_map(|one| one.limits.clone());
    limits.map(|one| one.rule.to_string()).collect()
}

#[test]
fn a_limit_that_nobody_measures_stands_at_its_edge_with_a_state_that_is_not_told() {
    let breaker = only(&ruled(vec![rule("DestinationRule cart", "shop", to("cart"), in_a_row(5))]));
    assert_eq!(breaker.id.as_str(), "kube:c1/shop/web -> kube:c1/shop/cart (endpoint)");
    assert_eq!((breaker.state, breaker.told_state(), breaker.of), (BreakerState::Unknown, None, 0));
    assert_eq!(breaker.opens_at(), Some(OpensAt::InARow(5)));
    assert_eq!(breaker.evidence.len(), 1);
    assert_eq!(breaker.rejected_per_s, None);
}

#[test]
fn without_calls_and_for_calls_that_are_denied_no_breaker_is_drawn() {
    let to_cart = || rule("DestinationRule cart", "shop", to("cart"), in_a_row(5));
    let quiet = told(&[shop(), vec![said(to_cart())]].concat());
    assert_eq!(rules_of(&quiet), Vec::<String>::new());
    let only_spy = policy("to-cart", "cart", vec![here(with("app", "spy"))]);
    let denied = told(&[shop(), vec![counted("web", "cart"), only_spy, said(to_cart())]].concat());
    let ids: Vec<&str> = denied.snapshot().breakers.keys().map(BreakerId::as_str).collect();
    assert_eq!(ids, ["kube:c1/shop/spy -> kube:c1/shop/cart (endpoint)"]);
}

#[test]
fn the_callers_namespace_is_asked_first_then_the_callees_then_the_mesh_and_no_other() {
    let each = |homes: &[&str]| {
        let rules = homes.iter().map(|home| rule(home, home, to("cart"), in_a_row(5)));
        rules_of(&ruled(rules.collect()))
    };
    assert_eq!(each(&["mesh", "shop"]), ["shop"]);
    assert_eq!(each(&["mesh", "elsewhere"]), ["mesh"]);
    assert_eq!(each(&["elsewhere"]), Vec::<String>::new());
}

#[test]
fn the_rule_for_the_fewest_holds_alone_also_where_it_limits_nothing() {
    let everywhere = || rule("all", "shop", Callees::All, in_a_row(1));
    let here = || rule("namespace", "shop", Callees::Namespace(Arc::from("shop")), in_a_row(2));
    let one = || rule("one", "shop", to("cart"), in_a_row(3));
    assert_eq!(rules_of(&ruled(vec![everywhere(), here(), one()])), ["one"]);
    assert_eq!(rules_of(&ruled(vec![everywhere(), here()])), ["namespace"]);
    let elsewhere = rule("elsewhere", "shop", Callees::Namespace(Arc::from("other")), in_a_row(2));
    assert_eq!(rules_of(&ruled(vec![everywhere(), elsewhere])), ["all"]);
    let none = LimitsFact { ruling: Ruling::Limits(vec![]), ..one() };
    assert_eq!(rules_of(&ruled(vec![everywhere(), none])), Vec::<String>::new());
}

#[test]
fn a_rule_for_some_callers_goes_before_one_for_all_and_the_older_of_two_alike() {
    let for_labels = |name: &str, app: &str| LimitsFact {
        callers: Callers::Instances {
            namespaces: Namespaces::Named(vec![Arc::from("shop")]),
            selects: with("app", app),
        },
        ..rule(name, "shop", to("cart"), in_a_row(3))
    };
    let for_all = || rule("all", "shop", to("cart"), in_a_row(4));
    assert_eq!(rules_of(&ruled(vec![for_all(), for_labels("web", "web")])), ["web"]);
    assert_eq!(rules_of(&ruled(vec![for_all(), for_labels("spy", "spy")])), ["all"]);
    let made = |name: &str, second: i64| LimitsFact {
        created: Some(at(second)),
        ..rule(name, "shop", to("cart"), in_a_row(3))
    };
    assert_eq!(rules_of(&ruled(vec![made("a", 9), made("b", 3)])), ["b"]);
}

#[test]
fn a_rule_for_another_namespaces_callers_is_not_about_these() {
    let narrow = LimitsFact {
        callers: Callers::Instances {
            namespaces: Namespaces::Named(vec![Arc::from("other")]),
            selects: LabelSelector::default(),
        },
        ..rule("narrow", "shop", to("cart"), in_a_row(3))
    };
    assert_eq!(rules_of(&ruled(vec![narrow])), Vec::<String>::new());
}

#[test]
fn a_rule_that_makes_others_void_switches_the_next_one_off_and_draws_nothing_alone() {
    let void = || rule("ServiceProfile cart", "shop", to("cart"), Ruling::Void);
    let annotated =
        LimitsFact { home: RuleHome::Everywhere, ..rule("Service shop/cart", "shop", to("cart"), in_a_row(7)) };
    let off = only(&ruled(vec![void(), annotated]));
    assert_eq!((off.state, off.opens_at(), off.told_state()), (BreakerState::Disabled, None, None));
    assert_eq!((off.limits[0].is_off(), off.evidence.len()), (true, 2));
    assert_eq!(rules_of(&ruled(vec![void()])), Vec::<String>::new());
}

/// The limits that a caller of Consul's mesh sets for its upstreams.
fn defaults(of: usize, callees: &Callees, kind: BreakerKind, opens_at: OpensAt) -> Said {
    let name = |service: usize| ServiceName::plain(crate::build::NAMES[service]);
    let fact = LimitsFact {
        mesh: Arc::from("consul"),
        rule: Arc::from(format!("service-defaults {}", name(of))),
        callers: Callers::One(name(of)),
        callees: callees.clone(),
        home: RuleHome::Everywhere,
        created: None,
        ruling: Ruling::Limits(vec![limit(kind, opens_at)]),
    };
    (source(1), observed("mesh", format!("limits/{of}/{callees:?}"), 1, Fact::Limits(fact)))
}

fn service(number: usize) -> Callees {
    Callees::One(ServiceName::plain(crate::build::NAMES[number]))
}

#[test]
fn what_a_process_tells_is_believed_before_what_is_configured() {
    let known = [(source(1), instance(0, 0, 1, None)), (source(1), instance(1, 0, 1, None))];
    let configured = defaults(0, &service(1), BreakerKind::Capacity, OpensAt::AtOnce(9));
    let measured = |own: Option<OpensAt>, state: BreakerState| {
        let mut one = breaker(0, 0, 1, 1, state);
        let Fact::Breaker(fact) = &mut one.fact else { unreachable!() };
        (fact.kind, fact.tripping.opens_at) = (BreakerKind::Capacity, own);
        let world = told(&[known.as_slice(), &[configured.clone(), (SourceId::from("envoy:web"), one)]].concat());
        only(&world)
    };
    let own = measured(Some(OpensAt::AtOnce(3)), BreakerState::Open);
    assert_eq!((own.state, own.opens_at(), own.limits.len()), (BreakerState::Open, Some(OpensAt::AtOnce(3)), 1));
    assert!(own.configured().is_none());
    let silent = measured(None, BreakerState::Closed);
    assert_eq!((silent.state, silent.opens_at(), silent.of), (BreakerState::Closed, Some(OpensAt::AtOnce(9)), 1));
    assert_eq!(silent.evidence.len(), 1, "a rule does not tell a state");
}

#[test]
fn a_caller_that_sets_limits_for_all_and_for_one_has_the_ones_for_one() {
    let upstreams = [(0, Some(1)), (1, None), (2, Some(1))];
    let known = upstreams.map(|(number, to)| (source(1), instance(number, 0, 1, to)));
    let all = defaults(0, &Callees::All, BreakerKind::Capacity, OpensAt::AtOnce(9));
    let one = defaults(0, &service(1), BreakerKind::Capacity, OpensAt::AtOnce(2));
    let breaker = only(&told(&[known.as_slice(), &[all.clone(), one]].concat()));
    assert_eq!((breaker.caller.as_str(), breaker.opens_at()), ("consul:dc1/checkout", Some(OpensAt::AtOnce(2))));
    assert_eq!(only(&told(&[known.as_slice(), &[all]].concat())).opens_at(), Some(OpensAt::AtOnce(9)));
}

fn any_state() -> impl Strategy<Value = BreakerState> {
    proptest::sample::select(BreakerState::ALL.to_vec())
}

fn any_limits() -> impl Strategy<Value = Vec<Said>> {
    let kind = proptest::sample::select(vec![BreakerKind::Capacity, BreakerKind::Endpoint, BreakerKind::Failure]);
    let callee = prop_oneof![Just(Callees::All), (0..4_usize).prop_map(service)];
    let one = (0..4_usize, callee, kind, any::<bool>()).prop_map(|(of, callee, kind, off)| {
        let mut said = defaults(of, &callee, kind, OpensAt::AtOnce(2));
        let Fact::Limits(LimitsFact { ruling: Ruling::Limits(limits), .. }) = &mut said.1.fact else { unreachable!() };
        for one in limits {
            one.off = off;
        }
        said
    });
    proptest::collection::vec(one, 0..8)
}

fn calling(from: usize, to: usize) -> Said {
    let fact = CallsFact {
        caller: Party::Service { source: source(1), service: ServiceName::plain(crate::build::NAMES[from]) },
        callee: Party::Service { source: source(1), service: ServiceName::plain(crate::build::NAMES[to]) },
        protocol: Protocol::Http,
        pattern: Pattern::Unknown,
        payload: Payload::Unknown,
        basis: CallsBasis::Observed(Signals { rps: Some(1.0), ..Signals::default() }),
        observer: Observer::default(),
    };
    (SourceId::from("scrape:a"), observed("calls", format!("{from}/{to}"), 1, Fact::Calls(fact)))
}

/// What is told of a breaker, without its limits.
fn without_limits(world: &World) -> BTreeMap<String, Breaker> {
    let told = world.snapshot().breakers.values().filter(|one| one.told_state().is_some());
    told.map(|one| (one.id.to_string(), Breaker { limits: Vec::<ConfiguredLimit>::new(), ..Breaker::clone(one) }))
        .collect()
}

proptest! {
    #[test]
    fn a_limit_makes_no_state_and_hides_none(
        limits in any_limits(),
        told_of in proptest::collection::vec((0..4_usize, 0..4_usize, any_state()), 0..6),
        calls in proptest::collection::vec((0..4_usize, 0..4_usize), 0..8),
    ) {
        let known = (0..4).map(|number| (source(1), instance(number, 0, 1, None)));
        let breakers = told_of.into_iter().map(|(from, to, state)| (source(2), breaker(from, 0, to, 1, state)));
        let calls = calls.into_iter().map(|(from, to)| calling(from, to));
        let bare: Vec<Said> = known.chain(breakers).chain(calls).collect();
        let world = told(&[bare.as_slice(), &limits].concat());
        prop_assert_eq!(without_limits(&world), without_limits(&told(&bare)));
        for one in world.snapshot().breakers.values().filter(|one| one.told_state().is_none()) {
            prop_assert!(matches!(one.state, BreakerState::Unknown | BreakerState::Disabled));
            prop_assert_eq!((one.open, one.of, one.rejected_per_s), (0, 0, None));
            prop_assert_eq!(one.state == BreakerState::Disabled, one.limits.iter().all(ConfiguredLimit::is_off));
        }
    }
}
