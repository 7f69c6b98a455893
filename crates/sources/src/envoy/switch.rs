//! Switching a limit: a change of its values at run time, which overrides what is configured until it is taken back.
//!
//! Keys: <https://www.envoyproxy.io/docs/envoy/latest/configuration/upstream/cluster_manager/cluster_runtime>. A change takes no
//! condition: so limits and changes are read right before, and nothing is sent when they are others than the plan has seen.

use async_trait::async_trait;
use binnacle_model::fact::BreakerState;
use binnacle_model::id::SourceId;

use super::api::modification;
use super::map::{name_of, set_by_limits};
use super::wire::{Clusters, Entry, Runtime, Threshold};
use super::{Envoy, SYSTEM};
use crate::error::{ErrorKind, SourceError};
use crate::http::shorten;
use crate::register::{PlannedRequest, Verified};
use crate::switch::{BreakerSwitch, IS_SO_ALREADY, SwitchPlan, SwitchTo, Switched, WayBack};

const LIMITS: [&str; 3] = ["max_connections", "max_pending_requests", "max_requests"];
/// No limit is higher.
const HIGHEST: &str = "4294967295";
const NO_GUARD: &str = "The system takes no condition with it: its limits are read once more right before, and nothing is sent if they are others.";
const UNTIL_RESTART: &str = "It is forgotten when the process is restarted.";
const NOT_ALL: &str = "A limit is configured that lets no call pass, or every call: close leads back to that.";

/// The limits of one priority of one cluster.
struct Found {
    /// The keys of its limits, as they can be changed.
    keys: [String; 3],
    /// As they hold now.
    threshold: Threshold,
    /// What was changed at run time.
    changed: [Option<String>; 3],
}

#[async_trait]
impl BreakerSwitch for Envoy {
    async fn plan(&self, source: &SourceId, breaker: &str, to: SwitchTo) -> Result<SwitchPlan, SourceError> {
        if !self.api.has_admin_layer().await? {
            return Err(SourceError {
                kind: ErrorKind::Unsupported,
                came_back: "it takes no changes at run time".to_owned(),
                hint: "It needs an admin_layer in the layered_runtime that it is started with.".to_owned(),
                ..self.unknown(breaker)
            });
        }
        let found = self.limits(breaker).await?.ok_or_else(|| self.unknown(breaker))?;
        let mut notes = vec![effect(to).to_owned(), UNTIL_RESTART.to_owned()];
        if found.state() == to.state() && (to != SwitchTo::Close || found.is_as_configured()) {
            notes.push(IS_SO_ALREADY.to_owned());
        }
        if to == SwitchTo::Close && found.is_as_configured() && found.state() != BreakerState::Closed {
            notes.push(NOT_ALL.to_owned());
        }
        notes.push(NO_GUARD.to_owned());
        notes.extend(self.any_pod());
        Ok(SwitchPlan {
            source: source.clone(),
            breaker: breaker.to_owned(),
            to,
            seen: found.state(),
            seen_word: found.word(),
            at: self.api.admin.shown(),
            request: PlannedRequest {
                method: "POST".to_owned(),
                path: self.api.admin.path_of(&found.change(to)),
                body: String::new(),
            },
            way_back: found.way_back(to),
            notes,
        })
    }

    async fn carry_out(&self, plan: &SwitchPlan) -> Result<Switched, SourceError> {
        let now = self.limits(&plan.breaker).await?;
        let Some(found) = now.as_ref().filter(|found| found.word() == plan.seen_word) else {
            return Ok(Switched::Moved(now.map(|found| found.word())));
        };
        self.api.modify(&found.change(plan.to)).await?;
        Ok(Switched::Done)
    }

    async fn verify(&self, plan: &SwitchPlan) -> Result<Verified, SourceError> {
        Ok(match self.limits(&plan.breaker).await? {
            Some(found) if plan.to == SwitchTo::Close && found.is_as_configured() => Verified::Stuck,
            Some(found) if plan.to != SwitchTo::Close && found.state() == plan.to.state() => Verified::Stuck,
            Some(found) => Verified::NotStuck(format!("it has {}", found.word())),
            None => Verified::NotStuck("it is no longer there".to_owned()),
        })
    }
}

impl Envoy {
    /// The limits that go by this name; `None` when there are none.
    async fn limits(&self, breaker: &str) -> Result<Option<Found>, SourceError> {
        let clusters = self.api.clusters().await?;
        Ok(find(&clusters, &self.api.runtime().await?, breaker))
    }

    fn unknown(&self, breaker: &str) -> SourceError {
        SourceError {
            system: SYSTEM,
            kind: ErrorKind::NotFound,
            tried: format!("looking for the limits of {} at {}", shorten(breaker), self.api.admin.shown()),
            came_back: "it has no cluster of this name".to_owned(),
            hint: "Only limits can be switched; see `binnaclectl breakers`.".to_owned(),
        }
    }
}

fn find(clusters: &Clusters, runtime: &Runtime, breaker: &str) -> Option<Found> {
    let (cluster, threshold) = clusters.cluster_statuses.iter().filter_map(Entry::known).find_map(|cluster| {
        let thresholds = cluster.circuit_breakers.thresholds.iter().filter_map(Entry::known);
        let mut fitting = thresholds.filter(|threshold| name_of(&cluster.name, threshold) == breaker);
        Some((cluster, fitting.next()?))
    })?;
    let priority = if threshold.is_high() { "high" } else { "default" };
    let keys = LIMITS.map(|limit| format!("circuit_breakers.{}.{priority}.{limit}", cluster.name));
    let changed = |key: &String| runtime.entries.get(key)?.known().map(|entry| shorten(&entry.final_value));
    Some(Found { changed: keys.each_ref().map(changed), keys, threshold: threshold.clone() })
}

impl Found {
    fn state(&self) -> BreakerState {
        set_by_limits(&self.threshold).unwrap_or(BreakerState::Closed)
    }

    fn is_as_configured(&self) -> bool {
        self.changed.iter().all(Option::is_none)
    }

    /// The limits as they hold, and which of them were changed: all that a switch touches.
    fn word(&self) -> String {
        let [connections, pending, requests, _] = self.threshold.limits();
        let limit = |(name, (limit, changed)): (&str, (Option<u64>, &Option<String>))| {
            let limit = limit.map_or("?".to_owned(), |limit| limit.to_string());
            format!("{name} {limit}{}", if changed.is_some() { " (changed)" } else { "" })
        };
        let limits = [connections, pending, requests].into_iter().zip(&self.changed);
        LIMITS.into_iter().zip(limits).map(limit).collect::<Vec<_>>().join(", ")
    }

    fn change(&self, to: SwitchTo) -> String {
        modification(self.keys.iter().map(|key| (key.clone(), value(to))))
    }

    /// Which switch left the limits as they are; `None` for changes of any other kind.
    fn made_by(&self) -> Option<SwitchTo> {
        let is =
            |to: &SwitchTo| self.changed.iter().all(|changed| changed.as_deref().unwrap_or_default() == value(*to));
        SwitchTo::ALL.into_iter().find(is)
    }

    fn way_back(&self, to: SwitchTo) -> WayBack {
        let (back, says) = match self.made_by() {
            Some(before) if before == to => (None, "There is nothing to take back."),
            Some(SwitchTo::Close) => {
                (Some(SwitchTo::Close), "Undo takes the change back: what is configured holds again.")
            }
            Some(SwitchTo::ForceOpen) => (Some(SwitchTo::ForceOpen), "Undo forces it open again."),
            Some(SwitchTo::Disable) => (Some(SwitchTo::Disable), "Undo disables it again."),
            None => (None, "It cannot be undone: somebody has changed its limits at run time, to other values."),
        };
        WayBack { to: back, says: says.to_owned() }
    }
}

/// An empty value takes a change back.
fn value(to: SwitchTo) -> &'static str {
    match to {
        SwitchTo::ForceOpen => "0",
        SwitchTo::Disable => HIGHEST,
        SwitchTo::Close => "",
    }
}

fn effect(to: SwitchTo) -> &'static str {
    match to {
        SwitchTo::ForceOpen => "Every request to the cluster is refused until somebody switches it again.",
        SwitchTo::Disable => "Nothing limits what is under way to the cluster until somebody switches it again.",
        SwitchTo::Close => "The limits that are configured hold again.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(changed: [Option<&str>; 3]) -> Found {
        let clusters = r#"{"cluster_statuses":[{"name":"pay","circuit_breakers":{"thresholds":[
            {"max_connections":1,"max_requests":"9"},{"priority":"HIGH","max_connections":3}]}}]}"#;
        let entries = LIMITS.into_iter().zip(changed).filter_map(|(limit, value)| {
            Some(format!(r#""circuit_breakers.pay.default.{limit}":{{"final_value":"{}"}}"#, value?))
        });
        let runtime = format!(r#"{{"entries":{{{}}}}}"#, entries.collect::<Vec<_>>().join(","));
        let (clusters, runtime) = (serde_json::from_str(clusters).unwrap(), serde_json::from_str(&runtime).unwrap());
        assert!(find(&clusters, &runtime, "stock").is_none());
        assert_eq!(find(&clusters, &runtime, "pay/high").unwrap().keys[0], "circuit_breakers.pay.high.max_connections");
        find(&clusters, &runtime, "pay").unwrap()
    }

    #[test]
    fn the_way_back_is_what_can_be_set() {
        let (none, open, off) = ([None; 3], [Some("0"); 3], [Some(HIGHEST); 3]);
        for (changed, to, back) in [
            (none, SwitchTo::ForceOpen, Some(SwitchTo::Close)),
            (none, SwitchTo::Close, None),
            (open, SwitchTo::Close, Some(SwitchTo::ForceOpen)),
            (open, SwitchTo::ForceOpen, None),
            (off, SwitchTo::ForceOpen, Some(SwitchTo::Disable)),
            ([None, None, Some("7")], SwitchTo::Close, None),
        ] {
            assert_eq!(found(changed).way_back(to).to, back, "{changed:?} {to:?}");
        }
    }

    #[test]
    fn its_word_is_all_that_a_switch_touches() {
        let word = found([None, None, Some("9")]).word();
        assert_eq!(word, "max_connections 1, max_pending_requests ?, max_requests 9 (changed)");
    }
}
