//! From a breaker of the list to what it says. Pure.

use std::collections::BTreeMap;
use std::sync::Arc;

use binnacle_model::fact::{BreakerFact, BreakerKind, BreakerState, ObjectKey, OpensAt, Party, Tripping};

use super::wire::{Breaker, Change, percent};
use crate::http::shorten;
use crate::polled::Said;
use crate::scrape::Target;
use crate::scrape::map::BREAKERS;

/// Where a breaker stands among the facts of its source.
pub fn object(target: &Target, name: &str) -> ObjectKey {
    let (host, port) = &target.instance;
    ObjectKey::new(BREAKERS, format!("{host}:{port}/{name}"))
}

/// What the list says of a breaker, with the last change of its state that the events tell.
pub fn said(target: &Target, name: &str, breaker: &Breaker, change: Option<&Change>) -> Said {
    let change = change.filter(|change| change.to() == breaker.state.as_deref());
    Said {
        object: object(target, name),
        fact: BreakerFact {
            caller: target.party(),
            callee: Some(Party::Named(Arc::from(callee(name)))),
            name: Arc::from(name),
            kind: BreakerKind::Failure,
            state: state(breaker.state.as_deref()),
            since: change.map(|change| change.at),
            rejected_per_s: None,
            tripping: tripping(breaker),
            raw: raw(breaker, change),
            derived: false,
            among: None,
        },
        refused: breaker.not_permitted_calls,
    }
}

/// The state by the library's word. `METRICS_ONLY` counts calls and lets all of them pass.
pub(super) fn state(word: Option<&str>) -> BreakerState {
    match word {
        Some("CLOSED") => BreakerState::Closed,
        Some("OPEN") => BreakerState::Open,
        Some("HALF_OPEN") => BreakerState::HalfOpen,
        Some("FORCED_OPEN") => BreakerState::ForcedOpen,
        Some("DISABLED" | "METRICS_ONLY") => BreakerState::Disabled,
        _ => BreakerState::Unknown,
    }
}

fn tripping(breaker: &Breaker) -> Tripping {
    let ratio = |rate: &Option<String>| rate.as_deref().and_then(percent).map(|percent| percent / 100.0);
    Tripping {
        failing: ratio(&breaker.failure_rate),
        opens_at: ratio(&breaker.failure_rate_threshold).map(OpensAt::Failing),
    }
}

/// Feign names its breakers `Client#method(Arguments)`; everybody else by the callee.
fn callee(name: &str) -> &str {
    name.split('#').next().filter(|client| !client.is_empty()).unwrap_or(name)
}

fn raw(breaker: &Breaker, change: Option<&Change>) -> BTreeMap<Arc<str>, Arc<str>> {
    let rate = |rate: &Option<String>| rate.as_deref().filter(|rate| percent(rate).is_some()).map(shorten);
    let count = |count: Option<i64>| count.map(|count| count.to_string());
    let words = [
        ("state", breaker.state.as_deref().map(shorten)),
        ("failureRate", rate(&breaker.failure_rate)),
        ("slowCallRate", rate(&breaker.slow_call_rate)),
        ("failureRateThreshold", rate(&breaker.failure_rate_threshold)),
        ("slowCallRateThreshold", rate(&breaker.slow_call_rate_threshold)),
        ("bufferedCalls", count(breaker.buffered_calls)),
        ("failedCalls", count(breaker.failed_calls)),
        ("slowCalls", count(breaker.slow_calls)),
        ("slowFailedCalls", count(breaker.slow_failed_calls)),
        ("notPermittedCalls", count(breaker.not_permitted_calls)),
        ("stateTransition", change.map(|change| shorten(&change.transition))),
    ];
    let said = words.into_iter().filter_map(|(name, value)| Some((Arc::from(name), Arc::from(value?))));
    said.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actuator::wire::{Breakers, Entry, Events};

    fn fact(name: &str, breaker: &Breaker, change: Option<&Change>) -> BreakerFact {
        let target = Target::named("actuator", "http://127.0.0.1:8080", "/actuator").unwrap();
        said(&target, name, breaker, change).fact
    }

    /// Recorded from the lab's service of resilience4j.
    #[test]
    fn what_resilience4j_really_says() {
        let recorded = [
            (
                include_str!("../../../../tests/lab/services/recorded/resilience4j-circuitbreakers-open.json"),
                BreakerState::Open,
                Some("50.0%"),
            ),
            (
                include_str!("../../../../tests/lab/services/recorded/resilience4j-circuitbreakers-closed.json"),
                BreakerState::Closed,
                None,
            ),
        ];
        for (text, state, failure_rate) in recorded {
            let list: Breakers = serde_json::from_str(text).unwrap();
            let Entry::Known(breaker) = &list.breakers["inventory"] else { panic!("{list:?}") };
            let fact = fact("inventory", breaker, None);
            assert_eq!((fact.state, fact.since), (state, None));
            assert_eq!(fact.caller, Party::Address { host: Arc::from("127.0.0.1"), port: 8080 });
            assert_eq!(fact.callee, Some(Party::Named(Arc::from("inventory"))));
            assert_eq!(fact.raw.get("failureRate").map(|rate| &**rate), failure_rate, "too few calls are no rate");
            assert_eq!(&*fact.raw["failureRateThreshold"], "50.0%");
        }
    }

    #[test]
    fn a_change_counts_while_the_breaker_is_in_the_state_that_it_led_to() {
        let text =
            include_str!("../../../../tests/lab/services/recorded/resilience4j-circuitbreakerevents-closed.json");
        let events: Events = serde_json::from_str(text).unwrap();
        let known = events.events.into_iter().filter_map(|event| match event {
            Entry::Known(event) => event.change(),
            Entry::Odd(_) => None,
        });
        let changes: Vec<_> = known.collect();
        let words: Vec<&str> = changes.iter().map(|(_, change)| change.transition.as_str()).collect();
        assert_eq!(words, ["OPEN_TO_HALF_OPEN", "HALF_OPEN_TO_CLOSED"]);
        let in_state = |state: &str| {
            let breaker = Breaker { state: Some(state.to_owned()), ..Breaker::default() };
            fact("inventory", &breaker, Some(&changes[1].1))
        };
        let closed = in_state("CLOSED");
        assert_eq!(closed.since, Some("2026-11-26T02:12:45.787185998Z".parse().unwrap()));
        assert_eq!(&*closed.raw["stateTransition"], "HALF_OPEN_TO_CLOSED");
        assert_eq!(in_state("OPEN").since, None);
    }

    #[test]
    fn every_state_has_its_like() {
        for (word, meant) in [
            (Some("CLOSED"), BreakerState::Closed),
            (Some("OPEN"), BreakerState::Open),
            (Some("HALF_OPEN"), BreakerState::HalfOpen),
            (Some("FORCED_OPEN"), BreakerState::ForcedOpen),
            (Some("DISABLED"), BreakerState::Disabled),
            (Some("METRICS_ONLY"), BreakerState::Disabled),
            (Some("ISOLATED"), BreakerState::Unknown),
            (None, BreakerState::Unknown),
        ] {
            assert_eq!(state(word), meant);
        }
    }

    #[test]
    fn a_breaker_of_feign_guards_calls_to_its_client() {
        for (name, meant) in [("inventory", "inventory"), ("stock#find(Long)", "stock"), ("#x", "#x"), ("", "")] {
            assert_eq!(callee(name), meant);
        }
    }
}
