//! What resilience4j's endpoints of Spring Boot's actuator answer.
//!
//! Source: `CircuitBreakerEndpoint.java` and `CircuitBreakerEventsEndpoint.java` of
//! <https://github.com/resilience4j/resilience4j>, and the answers of version 2.4.0. What is missing stays unknown.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;

pub use crate::polled::Entry;

/// The answer of `circuitbreakers`.
#[derive(Clone, Debug, Deserialize)]
pub struct Breakers {
    /// By name.
    #[serde(rename = "circuitBreakers")]
    pub breakers: BTreeMap<String, Entry<Breaker>>,
}

/// One breaker. Rates are percent with their sign, such as `50.0%`; `-1.0%` stands for "too few calls".
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Breaker {
    /// `CLOSED`, `OPEN`, `HALF_OPEN`, `FORCED_OPEN`, `DISABLED` or `METRICS_ONLY`.
    pub state: Option<String>,
    /// Failed calls of those in the window.
    pub failure_rate: Option<String>,
    /// Slow calls of those in the window.
    pub slow_call_rate: Option<String>,
    /// The failure rate at which it opens.
    pub failure_rate_threshold: Option<String>,
    /// The rate of slow calls at which it opens.
    pub slow_call_rate_threshold: Option<String>,
    /// Calls in the window.
    pub buffered_calls: Option<i64>,
    /// Of them, those that failed.
    pub failed_calls: Option<i64>,
    /// Of them, those that were slow.
    pub slow_calls: Option<i64>,
    /// Of them, those that were slow and failed.
    pub slow_failed_calls: Option<i64>,
    /// Calls refused since the state changed last.
    pub not_permitted_calls: Option<i64>,
}

/// The answer of `circuitbreakerevents`.
#[derive(Clone, Debug, Deserialize)]
pub struct Events {
    /// The last ones of each breaker, in the order of time.
    #[serde(rename = "circuitBreakerEvents")]
    pub events: Vec<Entry<Event>>,
}

/// Something that happened to a breaker.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    /// The breaker's name.
    pub circuit_breaker_name: String,
    /// A time with the name of its zone behind it, such as `2026-11-26T02:12:44.896Z[Etc/UTC]`.
    pub creation_time: String,
    /// `CLOSED_TO_OPEN`; only where the state changed.
    #[serde(default)]
    pub state_transition: Option<String>,
}

/// The last change of a breaker to the state that it is in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// When, by the clock of the process.
    pub at: Timestamp,
    /// From what to what, such as `CLOSED_TO_OPEN`.
    pub transition: String,
}

impl Event {
    /// The change of state, where it is one.
    pub fn change(self) -> Option<(String, Change)> {
        let time = self.creation_time.split('[').next().unwrap_or_default();
        let at = time.parse().ok()?;
        Some((self.circuit_breaker_name, Change { at, transition: self.state_transition? }))
    }
}

impl Change {
    /// The state that it led to.
    pub fn to(&self) -> Option<&str> {
        self.transition.split_once("_TO_").map(|(_, to)| to)
    }
}

/// A rate in percent; `None` for too few calls, and for what is no rate.
pub fn percent(rate: &str) -> Option<f64> {
    let number: f64 = rate.trim().strip_suffix('%')?.trim().parse().ok()?;
    (0.0..=100.0).contains(&number).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minus_one_is_no_rate() {
        assert_eq!(percent("50.0%"), Some(50.0));
        assert_eq!(percent("100%"), Some(100.0));
        for none in ["-1.0%", "50.0", "", "%", "NaN%", "101%"] {
            assert_eq!(percent(none), None, "{none}");
        }
    }

    #[test]
    fn a_time_has_its_zone_behind_it() {
        let event = |time: &str, transition: Option<&str>| Event {
            circuit_breaker_name: "pay".to_owned(),
            creation_time: time.to_owned(),
            state_transition: transition.map(str::to_owned),
        };
        let (name, change) = event("2026-11-26T02:12:45.5Z[Etc/UTC]", Some("OPEN_TO_HALF_OPEN")).change().unwrap();
        assert_eq!((name.as_str(), change.to()), ("pay", Some("HALF_OPEN")));
        assert_eq!(change.at, "2026-11-26T02:12:45.5Z".parse().unwrap());
        let (_, summer) = event("2026-07-01T10:00:00+02:00[Europe/Berlin]", Some("CLOSED_TO_OPEN")).change().unwrap();
        assert_eq!(summer.at, "2026-07-01T08:00:00Z".parse().unwrap());
        assert_eq!(event("yesterday", Some("CLOSED_TO_OPEN")).change(), None);
        assert_eq!(event("2026-11-26T02:12:45.5Z[Etc/UTC]", None).change(), None);
    }

    #[test]
    fn one_odd_entry_takes_nothing_from_the_others() {
        let text = r#"{"circuitBreakers":{"a":{"state":"OPEN","later":1},"b":7,"c":{"state":[]}}}"#;
        let list: Breakers = serde_json::from_str(text).unwrap();
        let known = |name: &str| matches!(list.breakers[name], Entry::Known(_));
        assert_eq!((known("a"), known("b"), known("c")), (true, false, false));
    }
}
