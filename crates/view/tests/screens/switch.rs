//! Where a breaker can be switched by hand, in the inspector.

use binnacle_model::fact::BreakerState;
use binnacle_model::id::SourceId;
use binnacle_model::snapshot::SourceState;
use binnacle_view::contract::inspector::{Action, ActionKind};
use binnacle_view::contract::state::{Subject, SubjectKind};
use binnacle_view::screen::{Scene, inspector};

use crate::fleet::{Fleet, shop};

/// The three actions of the one breaker there is.
fn actions(scene: &Scene) -> Vec<Action> {
    let id = scene.snapshot.breakers.keys().next().unwrap().to_string();
    let actions = inspector::table(scene, &Subject { kind: SubjectKind::Breaker, id }).head.actions;
    let kinds: Vec<ActionKind> = actions.iter().map(|action| action.does).collect();
    assert_eq!(kinds, [ActionKind::ForceOpen, ActionKind::Disable, ActionKind::Close]);
    actions
}

fn actuator(number: u8) -> SourceId {
    SourceId::from(format!("actuator:10.0.0.{number}:8080"))
}

fn told_by(sources: &[SourceId], state: SourceState) -> Fleet {
    let mut fleet = shop();
    for source in sources {
        fleet.status_of(source.clone(), state, None, &[]);
        fleet.breaker_in(source.clone(), "cart", "payments", BreakerState::Open);
    }
    fleet
}

#[test]
fn one_process_that_offers_it_is_switched() {
    let fleet = told_by(&[actuator(1)], SourceState::Live);
    assert!(actions(&fleet.scene()).iter().all(|action| action.offer.possible));
    let read_only = Scene { read_only: Some("read-only here".to_owned()), ..fleet.scene() };
    assert!(actions(&read_only).iter().all(|action| action.offer.reason == "read-only here"));
}

#[test]
fn what_a_sentinel_cannot_do_from_its_state_is_not_offered() {
    use BreakerState::{Closed, Disabled, ForcedOpen, Open};
    for (state, offered) in [
        (Open, [true, true, false]),
        (Closed, [true, true, false]),
        (ForcedOpen, [true, false, true]),
        (Disabled, [false, true, true]),
    ] {
        let mut fleet = shop();
        let source = SourceId::from("sentinel:10.0.0.1:8719");
        fleet.status_of(source.clone(), SourceState::Live, None, &[]);
        fleet.breaker_in(source, "cart", "payments", state);
        let possible: Vec<bool> = actions(&fleet.scene()).iter().map(|action| action.offer.possible).collect();
        assert_eq!(possible, offered, "{state:?}");
    }
}

#[test]
fn where_it_is_not_offered_the_reason_is_said() {
    for (sources, reason) in [
        (vec![SourceId::from("hystrix:10.0.0.1:8080")], "a Hystrix stream can only be read"),
        (vec![SourceId::from("scrape:10.0.0.1:8080")], "metrics can only be read"),
        (vec![SourceId::from("envoy:10.0.0.1:9901")], "without an admin_layer"),
        (vec![actuator(1), actuator(2)], "2 processes offer it"),
    ] {
        for action in actions(&told_by(&sources, SourceState::Live).scene()) {
            assert!(!action.offer.possible && action.offer.reason.contains(reason), "{:?}", action.offer);
        }
    }
}
