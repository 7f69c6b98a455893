//! What each dialect makes of what its emitter says: recordings of the real programs, and documented samples where the lab has none.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use binnacle_model::fact::{CallsBasis, Fact, Observation, Party};
use binnacle_sources::scrape::dialect::Dialects;
use binnacle_sources::scrape::dump::understand;

use crate::grown::{fixtures, grown};

/// Two answers ten seconds apart, in which all counts grew by a tenth: a count of 1000 is a rate of 10.
fn understood(dialects: &Dialects, text: &str) -> Vec<Observation> {
    let process = Party::Address { host: Arc::from("10.0.0.1"), port: 80 };
    let later = grown(text, dialects, 0.1, None);
    let tried = understand(dialects, &process, &[text.as_bytes(), later.as_bytes()], Duration::from_secs(10));
    assert_eq!(tried.last.tally.rejected, 0, "{:?}", tried.last.refused);
    tried.observations
}

#[test]
fn each_emitter_is_understood_as_its_snapshot_says() {
    let dialects = Dialects::built_in();
    for (name, text) in fixtures() {
        let facts: BTreeMap<String, Fact> = understood(&dialects, &text)
            .into_iter()
            .map(|one| (format!("{:?}", one.object), rounded(&one.fact)))
            .collect();
        assert!(!facts.is_empty(), "{name} says nothing");
        insta::assert_json_snapshot!(name, facts);
    }
}

/// Digits that do not depend on the order of additions.
fn rounded(fact: &Fact) -> Fact {
    let text = serde_json::to_string(fact).unwrap();
    let mut value: serde_json::Value = serde_json::from_str(&text).unwrap();
    round(&mut value);
    serde_json::from_value(value).unwrap()
}

fn round(value: &mut serde_json::Value) {
    match value {
        serde_json::Value::Number(number) if number.is_f64() => {
            *value = serde_json::json!(format!("{:.6e}", number.as_f64().unwrap()).parse::<f64>().unwrap());
        }
        serde_json::Value::Array(values) => values.iter_mut().for_each(round),
        serde_json::Value::Object(fields) => fields.values_mut().for_each(round),
        _ => {}
    }
}

#[test]
fn a_fixture_says_where_it_comes_from() {
    for (name, text) in fixtures() {
        let first = text.lines().next().unwrap_or_default();
        assert!(
            first.starts_with("# From ") || first.starts_with("# A documented sample, not a recording: "),
            "{name}: {first}"
        );
    }
}

#[test]
fn with_every_dialect_on_no_edge_is_told_twice_and_nobody_calls_itself() {
    let dialects = Dialects::built_in();
    for (name, text) in fixtures() {
        let mut seen = BTreeSet::new();
        for one in understood(&dialects, &text) {
            match one.fact {
                Fact::Calls(calls) => {
                    assert_ne!(calls.caller, calls.callee, "{name}: {:?}", one.object);
                    assert!(matches!(calls.basis, CallsBasis::Observed(_)));
                    let edge =
                        format!("{:?} {:?} {:?} {:?}", calls.caller, calls.callee, calls.protocol, calls.observer.side);
                    assert!(seen.insert(edge.clone()), "{name} tells twice: {edge}");
                    for party in [&calls.caller, &calls.callee] {
                        let stranger = ["unknown", "user", "PassthroughCluster", "BlackHoleCluster", "-", ""];
                        let named = match party {
                            Party::Named(name) | Party::NamedIn { name, .. } => &**name,
                            _ => "(none)",
                        };
                        assert!(!stranger.contains(&named), "{name}: a service called `{named}`");
                    }
                }
                Fact::Breaker(breaker) => {
                    let which = format!(
                        "breaker {:?} {:?} {} {:?}",
                        breaker.caller, breaker.callee, breaker.name, breaker.kind
                    );
                    assert!(seen.insert(which.clone()), "{name} tells twice: {which}");
                }
                _ => {}
            }
        }
    }
}
