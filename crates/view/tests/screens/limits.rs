//! Limits that a mesh was told, where nobody measures and where somebody does.

use std::collections::BTreeMap;
use std::sync::Arc;

use binnacle_model::fact::{
    BreakerKind, BreakerState, Callees, Callers, Fact, Limit, LimitsFact, OpensAt, RuleHome, Ruling, ServiceName,
};
use binnacle_view::contract::inspector::{EvidenceArgs, FactRow, InspectorRow};
use binnacle_view::contract::state::{self, Subject, SubjectKind};
use binnacle_view::export::graph;
use binnacle_view::export::snapshot::{PublicBreaker, PublicOpensAt};
use binnacle_view::screen::{breakers, evidence, inspector, services};
use binnacle_view::why::{self, Why};

use crate::fleet::{Fleet, at, consul, shop};

/// What the cart was told of its calls to payments.
fn rule(kind: BreakerKind, opens_at: Option<OpensAt>) -> Fact {
    let raw = BTreeMap::from([(Arc::from("Limits.MaxConnections"), Arc::from("9"))]);
    Fact::Limits(LimitsFact {
        mesh: Arc::from("consul"),
        rule: Arc::from("service-defaults cart"),
        callers: Callers::One(ServiceName::plain("cart")),
        callees: Callees::One(ServiceName::plain("payments")),
        home: RuleHome::Everywhere,
        created: None,
        ruling: Ruling::Limits(vec![Limit { kind, opens_at, off: opens_at.is_none(), raw }]),
    })
}

fn ruled(kind: BreakerKind, opens_at: Option<OpensAt>) -> Fleet {
    let mut fleet = shop();
    fleet.stated(consul(), "mesh", "limits".to_owned(), rule(kind, opens_at));
    fleet
}

const ID: &str = "consul:dc1/cart -> consul:dc1/payments (capacity)";

fn subject() -> Subject {
    Subject { kind: SubjectKind::Breaker, id: ID.to_owned() }
}

fn facts(fleet: &Fleet) -> Vec<FactRow> {
    let rows = inspector::table(&fleet.scene(), &subject()).rows;
    rows.into_iter().filter_map(|row| if let InspectorRow::Fact(fact) = row { Some(fact) } else { None }).collect()
}

#[test]
fn a_limit_that_nobody_measures_is_shown_with_its_rule_and_what_would_tell_the_state() {
    let fleet = ruled(BreakerKind::Capacity, Some(OpensAt::AtOnce(9)));
    let rows = breakers::table(&fleet.snapshot()).rows;
    assert_eq!((rows.len(), rows[0].key.as_str(), rows[0].state), (1, ID, state::BreakerState::Unknown));
    assert_eq!(rows[0].opens_at, "9 at once · service-defaults cart");
    assert_eq!((rows[0].of, rows[0].sources.len(), rows[0].edge.is_some()), (0, 1, true));

    let facts = facts(&fleet);
    let value = |key: &str| facts.iter().find(|row| row.key == key).map(|row| row.value.clone()).unwrap_or_default();
    assert!(value("state").contains("nobody tells the state"), "{facts:?}");
    assert_eq!(value("opens_at"), "9 at once · service-defaults cart");
    assert!(value("limit:service-defaults cart").ends_with("Limits.MaxConnections = 9"), "{facts:?}");
    assert!(value("switch_on").contains("--source envoy=URL"), "{facts:?}");
    assert!(facts.iter().all(|row| row.key != "rejected"), "nobody would count them");
    for row in facts.iter().filter(|row| !row.pips.is_empty()) {
        let asked = EvidenceArgs { subject: subject(), fact: row.key.clone() };
        let report = evidence::report(&fleet.snapshot(), &asked).unwrap();
        assert_eq!(report.cards.len(), 1, "{row:?}");
        assert!(report.cards[0].says.starts_with("service-defaults cart: calls of cart to payments"), "{report:?}");
    }
}

#[test]
fn it_is_in_the_public_json_and_in_why() {
    let fleet = ruled(BreakerKind::Capacity, Some(OpensAt::AtOnce(9)));
    let snapshot = fleet.snapshot();
    let public = PublicBreaker::of(snapshot.breakers.values().next().unwrap());
    let limit = &public.limits[0];
    assert_eq!((limit.rule.as_str(), limit.mesh.as_str(), limit.off), ("service-defaults cart", "consul", false));
    assert_eq!((limit.opens_at, public.opens_at), (Some(PublicOpensAt::AtOnce(9)), Some(PublicOpensAt::AtOnce(9))));
    assert_eq!((public.source.as_str(), public.processes.len()), ("consul:dc1", 0));
    let (from, to) = ("consul:dc1/cart".into(), "consul:dc1/payments".into());
    let Why::Edge(edge) = why::of_pair(&snapshot, &from, &to, at(9)) else { panic!("no edge") };
    assert_eq!(edge.breakers[0].limits, ["9 at once · service-defaults cart"]);
    assert!(edge.breakers[0].switch_on.contains("proxy-defaults"));
    assert!(graph::dot(&snapshot).contains("breaker unknown"), "{}", graph::dot(&snapshot));
    assert!(!graph::dot(&snapshot).contains("0 of 0"));
}

#[test]
fn one_that_is_off_is_disabled_and_needs_nobody_to_tell_it() {
    let fleet = ruled(BreakerKind::Capacity, None);
    let rows = breakers::table(&fleet.snapshot()).rows;
    assert_eq!(
        (rows[0].state, rows[0].opens_at.as_str()),
        (state::BreakerState::Disabled, "off · service-defaults cart")
    );
    assert!(facts(&fleet).iter().all(|row| row.key != "switch_on"));
}

#[test]
fn what_is_only_configured_never_stands_before_what_is_told() {
    let mut fleet = ruled(BreakerKind::Capacity, Some(OpensAt::AtOnce(9)));
    fleet.breaker("cart", "payments", BreakerState::Closed);
    let snapshot = fleet.snapshot();
    let states: Vec<_> = breakers::table(&snapshot).rows.iter().map(|row| row.state).collect();
    assert_eq!(states, [state::BreakerState::Closed, state::BreakerState::Unknown]);
    let of_service = services::table(&snapshot).rows.into_iter().find(|row| row.name == "payments").unwrap();
    assert_eq!(of_service.breaker, Some(state::BreakerState::Closed));
    assert!(!graph::mermaid(&snapshot).contains("unknown"));
}
