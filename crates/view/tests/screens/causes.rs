//! What is wrong now, by cause.

use std::collections::{BTreeMap, BTreeSet};

use binnacle_model::fact::{BreakerState, CheckStatus};
use binnacle_model::snapshot::{Health, Snapshot};
use binnacle_view::contract::health::{HealthRow, Problem};
use binnacle_view::screen::causes::{Group, Symptom, Thing, groups};
use binnacle_view::screen::{Happened, health, sources};
use proptest::prelude::*;

use super::fleet::{Fleet, named, shop};

fn problems(fleet: &Fleet) -> Vec<Problem> {
    let rows = health::table(&fleet.scene()).rows.into_iter();
    let problems = rows.filter_map(|row| match row {
        HealthRow::Problem(problem) => Some(problem),
        HealthRow::Check(_) | HealthRow::Alert(_) => None,
    });
    problems.collect()
}

/// `cause: symptom, symptom`, one line a cause.
fn listed(fleet: &Fleet) -> Vec<String> {
    let line = |problem: &Problem| {
        let behind: Vec<&str> = problem.behind.iter().map(|symptom| symptom.service.name.as_str()).collect();
        format!("{}: {}", problem.title, behind.join(", "))
    };
    problems(fleet).iter().map(line).collect()
}

#[test]
fn callers_with_errors_stand_behind_the_service_that_fails() {
    let mut fleet = shop();
    fleet.check("payments", 3, CheckStatus::Critical, "HTTP 503");
    fleet.calls("cart", &named("payments"), 5.0, 0.31).breaker("cart", "payments", BreakerState::Open);
    fleet.calls("web", &named("cart"), 10.0, 0.2);
    let all = problems(&fleet);
    assert_eq!(listed(&fleet), ["payments is critical: cart, web"]);
    assert_eq!(
        all[0].reach,
        "1 of 1 instance · up to 31.0 % errors · 1 breaker not closed · 2 services behind it: cart, web"
    );
    assert_eq!(all[0].detail, "is well: HTTP 503");
    assert_eq!(
        all[0].behind[0].words,
        "calls to payments: 31.0 % errors · breaker to payments: open, 1 of 1, 1.5/s rejected · calls to it: up to 20.0 % errors"
    );
}

#[test]
fn calls_that_fail_alone_are_followed_to_the_deepest_callee() {
    let mut fleet = shop();
    fleet.calls("cart", &named("payments"), 5.0, 0.02).calls("web", &named("cart"), 10.0, 0.3);
    assert_eq!(listed(&fleet), ["Calls to payments fail: cart, web"]);
    assert_eq!(problems(&fleet)[0].health, binnacle_view::contract::state::Health::Critical, "the worst of all of it");
}

#[test]
fn an_own_check_that_is_worse_than_the_callee_is_a_cause_of_its_own() {
    let mut fleet = shop();
    fleet.check("cart", 2, CheckStatus::Critical, "disk full").calls("cart", &named("payments"), 5.0, 0.02);
    assert_eq!(listed(&fleet), ["cart is critical: ", "Calls to payments fail: "]);
    assert!(problems(&fleet)[0].reach.ends_with("its calls to payments: 2.0 % errors"), "{:?}", problems(&fleet));
}

#[test]
fn calls_that_nobody_measures_speak_for_a_callee_that_is_as_bad_and_measured_ones_that_work_do_not() {
    let mut fleet = shop();
    fleet.check("cart", 2, CheckStatus::Critical, "no").check("payments", 3, CheckStatus::Critical, "no");
    assert_eq!(listed(&fleet).len(), 2, "the calls are measured, and well");
    fleet.instance("ledger", 4, "pay").check("ledger", 4, CheckStatus::Critical, "no").declared("payments", "ledger");
    assert_eq!(listed(&fleet), ["ledger is critical: payments", "cart is critical: "]);
}

#[test]
fn what_has_two_causes_stands_under_the_worse_and_names_the_other() {
    let mut fleet = shop();
    fleet.instance("ledger", 4, "pay").check("ledger", 4, CheckStatus::Warning, "slow");
    fleet.check("payments", 3, CheckStatus::Critical, "no");
    fleet.calls("cart", &named("payments"), 5.0, 0.3).calls("cart", &named("ledger"), 5.0, 0.02);
    assert_eq!(listed(&fleet), ["payments is critical: cart", "ledger is warning: "]);
    assert_eq!(problems(&fleet)[0].behind[0].also, ["ledger"]);
}

#[test]
fn services_that_fail_each_other_in_a_ring_are_one_cause() {
    let mut fleet = shop();
    fleet.calls("cart", &named("payments"), 5.0, 0.3).calls("payments", &named("cart"), 5.0, 0.3);
    fleet.check("payments", 3, CheckStatus::Critical, "no").calls("web", &named("cart"), 1.0, 0.3);
    assert_eq!(listed(&fleet), ["payments is critical: cart, web"]);
}

#[test]
fn a_failing_node_explains_what_is_on_it_and_who_calls_that() {
    let mut fleet = Fleet::new();
    fleet.on("node-2").instance("payments", 1, "pay").check("payments", 1, CheckStatus::Critical, "no route");
    fleet.on("node-1").instance("cart", 2, "shop").check("cart", 2, CheckStatus::Passing, "ok");
    fleet.calls("cart", &named("payments"), 5.0, 0.5);
    fleet.on("node-2").node_check(CheckStatus::Critical, "Agent not live or unreachable");
    assert_eq!(listed(&fleet), ["Node node-2 is critical: is well: payments, cart"]);
    fleet.on("node-1").check("cart", 2, CheckStatus::Maintenance, "by hand");
    assert_eq!(listed(&fleet), ["Node node-2 is critical: is well: payments", "cart is in maintenance: "]);
}

#[test]
fn a_key_of_the_cause_that_changed_shortly_before_is_named_with_it() {
    let mut fleet = shop();
    fleet.later(3600).key("fleet/payments/error_ratio").later(4);
    fleet.check("payments", 3, CheckStatus::Critical, "no");
    let problem = problems(&fleet).remove(0);
    assert!(problem.reach.ends_with("after a change of fleet/payments/error_ratio"), "{problem:?}");
    let changed = problem.changed.unwrap();
    assert_eq!(changed.path, "fleet/payments/error_ratio");

    let (id, edit, summary) = (changed.id.clone(), "1".to_owned(), "0 → 0.6".to_owned());
    let seen = fleet.snapshot().config.values().next().unwrap().seen;
    fleet.happened.push(Happened::Edit { at: seen, id, edit, summary });
    assert!(problems(&fleet)[0].reach.ends_with("after a change of fleet/payments/error_ratio: 0 → 0.6"));

    let mut long_ago = shop();
    long_ago.key("fleet/payments/error_ratio").later(3600).check("payments", 3, CheckStatus::Critical, "no");
    assert_eq!(problems(&long_ago)[0].changed, None);
}

const NAMES: [&str; 6] = ["a", "b", "c", "d", "e", "f"];

#[derive(Clone, Debug)]
enum Said {
    Check(usize, CheckStatus),
    Node(usize, CheckStatus),
    Calls(usize, usize, f64),
    Declared(usize, usize),
    Breaker(usize, usize, BreakerState),
    Lone(usize, BreakerState),
}

fn said() -> impl Strategy<Value = Said> {
    let one = || 0..NAMES.len();
    let status = || {
        prop::sample::select(vec![
            CheckStatus::Passing,
            CheckStatus::Warning,
            CheckStatus::Critical,
            CheckStatus::Maintenance,
            CheckStatus::Unknown,
        ])
    };
    let state = || {
        prop::sample::select(vec![
            BreakerState::Closed,
            BreakerState::HalfOpen,
            BreakerState::Open,
            BreakerState::ForcedOpen,
        ])
    };
    prop_oneof![
        2 => (one(), status()).prop_map(|(of, status)| Said::Check(of, status)),
        1 => (0..2_usize, status()).prop_map(|(of, status)| Said::Node(of, status)),
        4 => (one(), one(), prop::sample::select(vec![0.0, 0.02, 0.5])).prop_map(|(a, b, e)| Said::Calls(a, b, e)),
        1 => (one(), one()).prop_map(|(a, b)| Said::Declared(a, b)),
        2 => (one(), one(), state()).prop_map(|(a, b, state)| Said::Breaker(a, b, state)),
        1 => (one(), state()).prop_map(|(of, state)| Said::Lone(of, state)),
    ]
}

fn node(of: usize) -> &'static str {
    if of.is_multiple_of(2) { "node-0" } else { "node-1" }
}

/// Everything in the picture begins in one second, so that only what was said can decide.
fn fleet_of(all: &[Said]) -> Fleet {
    let mut fleet = Fleet::new();
    fleet.stand_still();
    for (of, name) in NAMES.iter().enumerate() {
        fleet.on(node(of)).instance(name, u8::try_from(of).unwrap(), "t");
    }
    for said in all {
        match *said {
            Said::Check(of, status) => fleet.on(node(of)).check(NAMES[of], u8::try_from(of).unwrap(), status, "said"),
            Said::Node(of, status) => fleet.on(node(of)).node_check(status, "said"),
            Said::Calls(from, to, errors) => fleet.calls(NAMES[from], &named(NAMES[to]), 1.0, errors),
            Said::Declared(from, to) => fleet.declared(NAMES[from], NAMES[to]),
            Said::Breaker(from, to, state) => fleet.breaker(NAMES[from], NAMES[to], state),
            Said::Lone(of, state) => fleet.lone_breaker(NAMES[of], state),
        };
    }
    fleet
}

/// What is not well, found another way than the rule finds it.
fn unwell(snapshot: &Snapshot) -> BTreeSet<String> {
    let bad = |health: Health| !matches!(health, Health::Passing | Health::Unknown);
    let mut all = BTreeSet::new();
    for service in snapshot.services.values() {
        for instance in &service.instances {
            for check in instance.checks.iter().filter(|check| bad(check.health)) {
                all.insert(format!("service {}", service.id));
                if check.of_node {
                    all.insert(format!("node {}", instance.node.as_deref().unwrap()));
                }
            }
        }
    }
    for edge in snapshot.edges.values().filter(|edge| edge.signals.error_ratio.is_some_and(|ratio| ratio >= 0.01)) {
        all.extend([format!("service {}", edge.from), format!("service {}", edge.to)]);
    }
    let refusing = [BreakerState::Open, BreakerState::HalfOpen, BreakerState::ForcedOpen];
    for breaker in snapshot.breakers.values().filter(|breaker| refusing.contains(&breaker.state)) {
        match &breaker.callee {
            Some(callee) => all.extend([format!("service {}", breaker.caller), format!("service {callee}")]),
            None => {
                all.insert(format!("breaker {}", breaker.id));
            }
        }
    }
    all
}

fn name(thing: Thing<'_>) -> String {
    match thing {
        Thing::Source(id) => format!("source {id}"),
        Thing::Node(_, node) => format!("node {node}"),
        Thing::Service(id) => format!("service {id}"),
        Thing::Breaker(id) => format!("breaker {id}"),
        Thing::Alert(key) => format!("alert {key}"),
    }
}

/// The shape of an answer, without the moments: one line a cause, then one a symptom.
fn shape(groups: &[Group<'_>]) -> Vec<String> {
    let symptom = |one: &Symptom<'_>| {
        let also: Vec<String> = one.also.iter().map(|thing| name(*thing)).collect();
        format!("  {} also {also:?}", name(one.trouble.thing))
    };
    groups
        .iter()
        .flat_map(|group| std::iter::once(name(group.cause.thing)).chain(group.behind.iter().map(symptom)))
        .collect()
}

proptest! {
    #[test]
    fn every_bad_thing_stands_once_and_never_above_its_cause(all in prop::collection::vec(said(), 0..40)) {
        let fleet = fleet_of(&all);
        let snapshot = fleet.snapshot();
        let groups = groups(&snapshot);
        let mut times: BTreeMap<String, usize> = BTreeMap::new();
        for group in &groups {
            *times.entry(name(group.cause.thing)).or_default() += 1;
            for symptom in &group.behind {
                *times.entry(name(symptom.trouble.thing)).or_default() += 1;
                prop_assert!(!symptom.also.contains(&group.cause.thing));
            }
        }
        prop_assert!(times.values().all(|times| *times == 1), "{:?}", shape(&groups));
        prop_assert_eq!(times.into_keys().collect::<BTreeSet<_>>(), unwell(&snapshot));

        let causes: Vec<Thing<'_>> = groups.iter().map(|group| group.cause.thing).collect();
        for symptom in groups.iter().flat_map(|group| &group.behind) {
            prop_assert!(symptom.also.iter().all(|thing| causes.contains(thing)));
        }
        for pair in groups.windows(2) {
            prop_assert!(pair[0].worst() >= pair[1].worst());
        }
        // Who only suffers is no cause, but for the one that stands for a ring: then whom it calls is behind it.
        for group in &groups {
            let signs = &group.cause.signs;
            let behind: Vec<Thing<'_>> = group.behind.iter().map(|symptom| symptom.trouble.thing).collect();
            let callees = signs.calls_out.iter().map(|edge| Thing::Service(&edge.to));
            for callee in callees.filter(|callee| signs.own.is_empty() && *callee != group.cause.thing) {
                prop_assert!(behind.contains(&callee), "{:?}", shape(&groups));
            }
        }
        for problem in problems(&fleet) {
            prop_assert!(!problem.title.is_empty());
        }
    }

    #[test]
    fn the_same_picture_gives_the_same_causes_in_whatever_order_it_was_told(
        all in prop::collection::vec(said(), 0..25),
        turn in 0..25_usize,
    ) {
        // One statement a thing: the last word on it must be the same.
        let mut once: BTreeMap<String, Said> = BTreeMap::new();
        for said in all {
            let key = match &said {
                Said::Check(of, _) => format!("check {of}"),
                Said::Node(of, _) => format!("node {of}"),
                Said::Calls(a, b, _) => format!("calls {a} {b}"),
                Said::Declared(a, b) => format!("declared {a} {b}"),
                Said::Breaker(a, b, _) => format!("breaker {a} {b}"),
                Said::Lone(of, _) => format!("lone {of}"),
            };
            once.insert(key, said);
        }
        let told: Vec<Said> = once.into_values().collect();
        let mut turned = told.clone();
        turned.rotate_left(turn.min(told.len()));
        let (one, other) = (fleet_of(&told).snapshot(), fleet_of(&turned).snapshot());
        prop_assert_eq!(shape(&groups(&one)), shape(&groups(&other)));
    }
}

#[test]
fn a_long_chain_of_callers_is_followed_to_its_end() {
    let mut fleet = Fleet::new();
    let name = |number: u32| format!("s{number:03}");
    for number in 0..300 {
        fleet.calls(&name(number), &named(&name(number + 1)), 1.0, 0.5);
    }
    let snapshot = fleet.snapshot();
    let groups = groups(&snapshot);
    assert_eq!((groups.len(), groups[0].behind.len()), (1, 300));
}

#[test]
fn a_note_of_how_a_source_is_read_is_no_cause_and_stands_at_the_source() {
    let mut fleet = shop();
    fleet.dialects(&["istio"], &[]);
    assert_eq!(listed(&fleet), Vec::<String>::new());
    let rows = sources::table(&fleet.scene()).rows;
    let server = rows.iter().find(|row| row.key == "prometheus:p").unwrap();
    assert_eq!((server.partial.len(), server.notes.join(" ")), (0, "41 questions make the whole picture".to_owned()));
}
