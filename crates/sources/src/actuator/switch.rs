//! Switching a breaker: a POST of the state that is wanted.
//!
//! The endpoint makes a breaker of any name that it is sent, and takes no condition: so the list is read right before, and
//! nothing is sent when the breaker is not in it, or in another state than the plan has seen.

use std::collections::BTreeMap;

use async_trait::async_trait;
use binnacle_model::id::SourceId;

use super::map::state;
use super::wire::{Breaker, Entry};
use super::{Actuator, SYSTEM};
use crate::error::{ErrorKind, SourceError};
use crate::register::{PlannedRequest, Verified};
use crate::switch::{BreakerSwitch, IS_SO_ALREADY, SwitchPlan, SwitchTo, Switched, WayBack};

const NO_GUARD: &str = "The system takes no condition with it: the state is read once more right before, and nothing is sent if it is another.";

#[async_trait]
impl BreakerSwitch for Actuator {
    async fn plan(&self, source: &SourceId, breaker: &str, to: SwitchTo) -> Result<SwitchPlan, SourceError> {
        let seen_word = self.word(breaker).await?.ok_or_else(|| self.unknown(breaker))?;
        if matches!(breaker, "" | "." | "..") {
            return Err(SourceError {
                kind: ErrorKind::Unsupported,
                came_back: format!("a breaker of the name `{breaker}` has no address of its own"),
                hint: "Switch it where it is made.".to_owned(),
                ..self.unknown(breaker)
            });
        }
        let mut notes = vec![effect(to).to_owned()];
        if state(Some(&seen_word)) == to.state() {
            notes.push(IS_SO_ALREADY.to_owned());
        }
        notes.push(NO_GUARD.to_owned());
        notes.extend(self.any_pod());
        Ok(SwitchPlan {
            source: source.clone(),
            breaker: breaker.to_owned(),
            to,
            seen: state(Some(&seen_word)),
            way_back: way_back(to, &seen_word),
            seen_word,
            at: self.api.0.shown(),
            request: PlannedRequest {
                method: "POST".to_owned(),
                path: self.api.path_of_breaker(breaker),
                body: body(to).to_owned(),
            },
            notes,
        })
    }

    async fn carry_out(&self, plan: &SwitchPlan) -> Result<Switched, SourceError> {
        let now = self.word(&plan.breaker).await?;
        if now.as_ref() != Some(&plan.seen_word) {
            return Ok(Switched::Moved(now));
        }
        self.api.update(&plan.breaker, body(plan.to)).await?;
        Ok(Switched::Done)
    }

    async fn verify(&self, plan: &SwitchPlan) -> Result<Verified, SourceError> {
        Ok(match self.word(&plan.breaker).await? {
            Some(word) if state(Some(&word)) == plan.to.state() => Verified::Stuck,
            Some(word) => Verified::NotStuck(format!("it is {word}")),
            None => Verified::NotStuck("it is no longer there".to_owned()),
        })
    }
}

impl Actuator {
    /// The state of a breaker in the system's own word; `None` when there is no such breaker.
    async fn word(&self, breaker: &str) -> Result<Option<String>, SourceError> {
        let list = self.api.breakers().await?;
        Ok(word_in(&list.breakers, breaker))
    }

    fn unknown(&self, breaker: &str) -> SourceError {
        SourceError {
            system: SYSTEM,
            kind: ErrorKind::NotFound,
            tried: format!("looking for the breaker {} at {}", crate::http::shorten(breaker), self.api.0.shown()),
            came_back: "it is not in the list, and a request would make a new one".to_owned(),
            hint: "resilience4j lists a breaker after its first call; see `binnaclectl breakers`.".to_owned(),
        }
    }
}

fn word_in(list: &BTreeMap<String, Entry<Breaker>>, breaker: &str) -> Option<String> {
    match list.get(breaker)? {
        Entry::Known(Breaker { state: Some(word), .. }) => Some(crate::http::shorten(word)),
        _ => None,
    }
}

/// Source: `CircuitBreakerEndpoint.UpdateState` of resilience4j. There is no word for any other state.
fn body(to: SwitchTo) -> &'static str {
    match to {
        SwitchTo::ForceOpen => r#"{"updateState":"FORCE_OPEN"}"#,
        SwitchTo::Disable => r#"{"updateState":"DISABLE"}"#,
        SwitchTo::Close => r#"{"updateState":"CLOSE"}"#,
    }
}

fn effect(to: SwitchTo) -> &'static str {
    match to {
        SwitchTo::ForceOpen => "Every call is refused until somebody switches it again: it does not close by itself.",
        SwitchTo::Disable => "Every call passes until somebody switches it again: it does not open, whatever fails.",
        SwitchTo::Close => "It begins anew with nothing counted, and opens again by itself if calls fail.",
    }
}

/// Only three states can be set: what was OPEN, HALF_OPEN or METRICS_ONLY can at best be closed.
fn way_back(to: SwitchTo, seen: &str) -> WayBack {
    let (back, says) = match (seen, to) {
        ("FORCED_OPEN", SwitchTo::ForceOpen) | ("DISABLED", SwitchTo::Disable) | ("CLOSED", SwitchTo::Close) => {
            (None, "There is nothing to take back.".to_owned())
        }
        ("CLOSED", _) => (Some(SwitchTo::Close), "Undo closes it again.".to_owned()),
        ("FORCED_OPEN", _) => (Some(SwitchTo::ForceOpen), "Undo forces it open again.".to_owned()),
        ("DISABLED", _) => (Some(SwitchTo::Disable), "Undo disables it again.".to_owned()),
        (word, SwitchTo::Close) => (None, format!("It cannot be undone: nobody can set the state {word}.")),
        (word, _) => {
            (Some(SwitchTo::Close), format!("Undo closes it: nobody can set the state {word}, which it has now."))
        }
    };
    WayBack { to: back, says }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_back_is_what_can_be_set() {
        for (seen, to, back) in [
            ("CLOSED", SwitchTo::ForceOpen, Some(SwitchTo::Close)),
            ("OPEN", SwitchTo::ForceOpen, Some(SwitchTo::Close)),
            ("HALF_OPEN", SwitchTo::Disable, Some(SwitchTo::Close)),
            ("FORCED_OPEN", SwitchTo::Close, Some(SwitchTo::ForceOpen)),
            ("DISABLED", SwitchTo::ForceOpen, Some(SwitchTo::Disable)),
            ("METRICS_ONLY", SwitchTo::Close, None),
            ("OPEN", SwitchTo::Close, None),
            ("CLOSED", SwitchTo::Close, None),
        ] {
            assert_eq!(way_back(to, seen).to, back, "{seen} {to:?}");
        }
        assert!(way_back(SwitchTo::ForceOpen, "OPEN").says.contains("nobody can set the state OPEN"));
    }

    #[test]
    fn what_has_no_state_is_not_there() {
        let text = r#"{"a":{"state":"OPEN"},"b":{},"c":1}"#;
        let list: BTreeMap<String, Entry<Breaker>> = serde_json::from_str(text).unwrap();
        assert_eq!(word_in(&list, "a").as_deref(), Some("OPEN"));
        assert_eq!((word_in(&list, "b"), word_in(&list, "c"), word_in(&list, "d")), (None, None, None));
    }
}
