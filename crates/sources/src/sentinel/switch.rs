//! Switching a breaker by rules: Sentinel takes no state for one.
//!
//! force-open adds a flow rule that lets no call pass, disable puts the number of calls from which its degrade rules judge out of
//! reach, close takes either back. A list of rules can only be replaced as a whole, and without a condition: so it is read right
//! before, nothing is sent when the breaker's own rules are others than the plan has seen, and those of others go back as they came.

use std::collections::BTreeSet;

use async_trait::async_trait;
use binnacle_model::fact::BreakerState;
use binnacle_model::id::SourceId;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::api::RuleType;
use super::map::set_by_rules;
use super::wire::{DegradeRule, FlowRule, Rules};
use super::{SYSTEM, Sentinel};
use crate::error::{ErrorKind, SourceError};
use crate::http::shorten;
use crate::register::{PlannedRequest, Verified};
use crate::switch::{BreakerSwitch, IS_SO_ALREADY, SwitchPlan, SwitchTo, Switched, WayBack};

/// No more of a breaker's own rules are compared.
const LONGEST_WORD: usize = 4000;
const NO_GUARD: &str = "Sentinel takes all rules of a kind at once and no condition: they are read once more right before, nothing is sent if this \
    breaker's are others, and those of others are sent back as they stand. A change by somebody else in the milliseconds between is lost.";
const IN_MEMORY: &str =
    "It is forgotten when the process is restarted, and when a source of rules (Nacos, Apollo, a file) sends its own.";

/// A rule as it came, and what is understood of it.
struct Rule<T> {
    text: String,
    rule: T,
}

/// The rules of one resource among all.
struct Found {
    degrade: Vec<Rule<DegradeRule>>,
    flow: Vec<Rule<FlowRule>>,
    /// The texts of the others, by kind.
    others: [Vec<String>; 2],
}

/// The list that is sent.
struct NewRules {
    of: RuleType,
    /// Those of this breaker.
    own: Vec<String>,
}

#[async_trait]
impl BreakerSwitch for Sentinel {
    async fn plan(&self, source: &SourceId, breaker: &str, to: SwitchTo) -> Result<SwitchPlan, SourceError> {
        let found = self.rules_of(breaker).await?.ok_or_else(|| self.unknown(breaker))?;
        let new = found.to(breaker, to).map_err(|(came_back, hint)| SourceError {
            kind: ErrorKind::Unsupported,
            came_back: came_back.to_owned(),
            hint: hint.to_owned(),
            ..self.unknown(breaker)
        })?;
        let mut notes = vec![effect(to).to_owned()];
        if found.state() == to.state() {
            notes.push(IS_SO_ALREADY.to_owned());
        }
        notes.extend([IN_MEMORY, NO_GUARD].map(str::to_owned));
        notes.extend(self.any_pod());
        let others = found.others(new.of).len();
        Ok(SwitchPlan {
            source: source.clone(),
            breaker: breaker.to_owned(),
            to,
            seen: found.state(),
            seen_word: found.word(),
            at: self.api.0.shown(),
            request: PlannedRequest {
                method: "POST".to_owned(),
                path: self.api.0.path_of("/setRules"),
                body: format!("type={}&data=[{}] and {others} of other resources", new.of.word(), new.own.join(",")),
            },
            way_back: found.way_back(to),
            notes,
        })
    }

    async fn carry_out(&self, plan: &SwitchPlan) -> Result<Switched, SourceError> {
        let now = self.rules_of(&plan.breaker).await?;
        let Some(found) = now.as_ref().filter(|found| found.word() == plan.seen_word) else {
            return Ok(Switched::Moved(now.map(|found| found.word())));
        };
        let Ok(new) = found.to(&plan.breaker, plan.to) else { return Ok(Switched::Moved(Some(found.word()))) };
        let others = found.others(new.of).iter().map(String::as_str);
        let all: Vec<&str> = others.chain(new.own.iter().map(String::as_str)).collect();
        self.api.set_rules(new.of, &format!("[{}]", all.join(","))).await?;
        Ok(Switched::Done)
    }

    async fn verify(&self, plan: &SwitchPlan) -> Result<Verified, SourceError> {
        Ok(match self.rules_of(&plan.breaker).await? {
            Some(found) if found.state() == plan.to.state() => Verified::Stuck,
            Some(found) => Verified::NotStuck(format!("its rules are {}", found.word())),
            None => Verified::NotStuck("it has no degrade rule any more".to_owned()),
        })
    }
}

impl Sentinel {
    /// The rules of this resource; `None` when no degrade rule is among them.
    async fn rules_of(&self, breaker: &str) -> Result<Option<Found>, SourceError> {
        let degrade = self.api.rules(RuleType::Degrade).await?;
        let flow = self.api.rules(RuleType::Flow).await?;
        Ok(find(&degrade, &flow, breaker))
    }

    fn unknown(&self, breaker: &str) -> SourceError {
        SourceError {
            system: SYSTEM,
            kind: ErrorKind::NotFound,
            tried: format!("looking for the rules of {} at {}", shorten(breaker), self.api.0.shown()),
            came_back: "it has no degrade rule for this resource".to_owned(),
            hint: "A breaker is a resource with a degrade rule; see `binnaclectl breakers`.".to_owned(),
        }
    }
}

fn find(degrade: &Rules, flow: &Rules, breaker: &str) -> Option<Found> {
    let (degrade, other_degrade) = split(degrade, |rule: &DegradeRule| rule.resource == breaker);
    let (flow, other_flow) = split(flow, |rule: &FlowRule| rule.resource == breaker);
    (!degrade.is_empty()).then_some(Found { degrade, flow, others: [other_degrade, other_flow] })
}

/// Those that are of the breaker, and the texts of all others, also of those that are not understood.
fn split<T: DeserializeOwned>(rules: &Rules, is_own: impl Fn(&T) -> bool) -> (Vec<Rule<T>>, Vec<String>) {
    let (mut own, mut others) = (Vec::new(), Vec::new());
    for text in rules.iter().map(|rule| rule.get().to_owned()) {
        match serde_json::from_str(&text) {
            Ok(rule) if is_own(&rule) => own.push(Rule { text, rule }),
            _ => others.push(text),
        }
    }
    (own, others)
}

impl Found {
    fn others(&self, of: RuleType) -> &[String] {
        let [degrade, flow] = &self.others;
        if of == RuleType::Degrade { degrade } else { flow }
    }

    /// As its rules alone have it; a breaker that they leave to itself counts as closed.
    fn state(&self) -> BreakerState {
        let degrade: Vec<DegradeRule> = self.degrade.iter().map(|one| one.rule.clone()).collect();
        let flow: Vec<FlowRule> = self.flow.iter().map(|one| one.rule.clone()).collect();
        set_by_rules(&degrade, &flow).unwrap_or(BreakerState::Closed)
    }

    /// All of its rules: what a switch is guarded by.
    fn word(&self) -> String {
        let sorted = |texts: BTreeSet<&str>| texts.into_iter().collect::<Vec<_>>().join(",");
        let degrade = sorted(self.degrade.iter().map(|one| one.text.as_str()).collect());
        let flow = sorted(self.flow.iter().map(|one| one.text.as_str()).collect());
        format!("degrade [{degrade}], flow [{flow}]")
    }

    /// The rules that make it so; else why that cannot be, and what to do.
    fn to(&self, breaker: &str, to: SwitchTo) -> Result<NewRules, (&'static str, &'static str)> {
        if self.degrade.iter().any(|one| one.rule.regex) {
            return Err(("its rule is for a pattern of resources", "Switch it where its rules are made."));
        }
        if self.word().len() > LONGEST_WORD {
            return Err(("it has more rules than are compared", "Switch it where its rules are made."));
        }
        let flow = |own| Ok(NewRules { of: RuleType::Flow, own });
        let kept = || self.flow.iter().map(|one| one.text.clone());
        match (self.state(), to) {
            (BreakerState::ForcedOpen, SwitchTo::ForceOpen) => flow(kept().collect()),
            (BreakerState::ForcedOpen, SwitchTo::Close) => {
                let stay = self.flow.iter().filter(|one| !one.rule.refuses_all());
                flow(stay.map(|one| one.text.clone()).collect())
            }
            (BreakerState::ForcedOpen, SwitchTo::Disable) | (BreakerState::Disabled, SwitchTo::ForceOpen) => {
                Err(("rules of two kinds would change, which Sentinel does not take at once", "Close it first."))
            }
            (_, SwitchTo::ForceOpen) => flow(kept().chain([refusing_all(breaker)]).collect()),
            (BreakerState::Disabled, SwitchTo::Close) => self.judging(false),
            (_, SwitchTo::Disable) => self.judging(true),
            (_, SwitchTo::Close) => Err((
                "nobody forced it open or disabled it, and Sentinel has no command that closes a breaker",
                "It tries one call by itself when its timeWindow is over.",
            )),
        }
    }

    /// Its degrade rules switched off or on again, each with all that it has beside.
    fn judging(&self, off: bool) -> Result<NewRules, (&'static str, &'static str)> {
        let switched = |one: &Rule<DegradeRule>| {
            let mut rule: Value = serde_json::from_str(&one.text).ok()?;
            *rule.get_mut("minRequestAmount")? = json!(one.rule.switched(off)?);
            Some(rule.to_string())
        };
        let own: Option<Vec<String>> = self.degrade.iter().map(switched).collect();
        let own = own.ok_or(("its minRequestAmount is none that can be raised", "Switch it where its rules are made."));
        Ok(NewRules { of: RuleType::Degrade, own: own? })
    }

    fn way_back(&self, to: SwitchTo) -> WayBack {
        let theirs = self.flow.iter().any(|one| one.rule.refuses_all() && !one.rule.is_ours());
        let (back, says) = match (self.state(), to) {
            (before, to) if before == to.state() => (None, "There is nothing to take back."),
            (BreakerState::ForcedOpen, _) if theirs => {
                (None, "It cannot be undone: the flow rule that refuses every call is not one that a switch makes.")
            }
            (BreakerState::ForcedOpen, _) => (Some(SwitchTo::ForceOpen), "Undo forces it open again."),
            (BreakerState::Disabled, _) => (Some(SwitchTo::Disable), "Undo disables it again."),
            (_, SwitchTo::ForceOpen) => {
                (Some(SwitchTo::Close), "Undo takes the flow rule out: the breaker is then as it was.")
            }
            _ => (Some(SwitchTo::Close), "Undo sets its degrade rules back as they were: it begins anew, closed."),
        };
        WayBack { to: back, says: says.to_owned() }
    }
}

/// A flow rule that lets no call pass.
fn refusing_all(resource: &str) -> String {
    json!({
        "resource": resource, "limitApp": "default", "grade": 1, "count": 0.0, "strategy": 0, "controlBehavior": 0,
        "clusterMode": false,
    })
    .to_string()
}

fn effect(to: SwitchTo) -> &'static str {
    match to {
        SwitchTo::ForceOpen => {
            "A flow rule refuses every call until somebody switches it again; callers get a FlowException, no DegradeException."
        }
        SwitchTo::Disable => {
            "Its degrade rules judge no call until somebody switches it again: 2,000,000,000 is added to their minRequestAmount."
        }
        SwitchTo::Close => "Its rules are as before the switch.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEGRADE: &str = r#"{"count":0.5,"grade":1,"later":{"a":[1]},"minRequestAmount":5,"resource":"pay"}"#;

    fn rules(text: &str) -> Rules {
        serde_json::from_str(text).unwrap()
    }

    fn found(degrade: &str, flow: &str) -> Found {
        find(&rules(degrade), &rules(flow), "pay").unwrap()
    }

    #[test]
    fn what_is_switched_on_again_is_as_it_was_and_others_stay_to_the_letter() {
        let odd = r#"{"resource" : "ship","count":1.10,"grade":"?"}"#;
        let before = found(&format!("[{odd},{DEGRADE},7]"), "[]");
        assert_eq!(before.others, [vec![odd.to_owned(), "7".to_owned()], Vec::new()]);
        let off = before.to("pay", SwitchTo::Disable).unwrap();
        let off = found(&format!("[{}]", off.own.join(",")), "[]");
        assert_eq!((off.state(), off.way_back(SwitchTo::Close).to), (BreakerState::Disabled, Some(SwitchTo::Disable)));
        assert_eq!(off.to("pay", SwitchTo::Close).unwrap().own, [DEGRADE]);
    }

    #[test]
    fn force_open_is_one_rule_that_is_taken_out_again() {
        let other = r#"{"count":3.0,"resource":"pay"}"#;
        let before = found(&format!("[{DEGRADE}]"), &format!("[{other}]"));
        let forced = before.to("pay", SwitchTo::ForceOpen).unwrap();
        assert_eq!((forced.of, forced.own.len()), (RuleType::Flow, 2));
        let forced = found(&format!("[{DEGRADE}]"), &format!("[{}]", forced.own.join(",")));
        assert_eq!(forced.state(), BreakerState::ForcedOpen);
        assert_eq!(forced.way_back(SwitchTo::Close).to, Some(SwitchTo::ForceOpen));
        assert_eq!(forced.to("pay", SwitchTo::Close).unwrap().own, [other]);
        assert!(forced.to("pay", SwitchTo::Disable).is_err());
        let theirs = found(&format!("[{DEGRADE}]"), r#"[{"count":0,"grade":0,"resource":"pay"}]"#);
        assert_eq!(theirs.way_back(SwitchTo::Close).to, None);
    }

    #[test]
    fn what_cannot_be_is_refused_with_its_reason() {
        let close = found(&format!("[{DEGRADE}]"), "[]").to("pay", SwitchTo::Close).err().unwrap();
        assert!(close.0.contains("no command that closes"));
        for degrade in [
            r#"{"resource":"pay","minRequestAmount":5,"regex":true}"#,
            r#"{"resource":"pay","minRequestAmount":2147483647}"#,
            r#"{"resource":"pay"}"#,
        ] {
            let found = found(&format!("[{degrade}]"), "[]");
            assert!(
                found.to("pay", SwitchTo::Disable).is_err() || found.state() == BreakerState::Disabled,
                "{degrade}"
            );
        }
        assert!(find(&rules(&format!("[{DEGRADE}]")), &rules("[]"), "ship").is_none());
    }
}
