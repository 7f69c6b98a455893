//! What the commands of Alibaba's Sentinel answer.
//!
//! Source: the handlers in `sentinel-transport-common`, `DegradeRule.java`, `FlowRule.java` and `RuleConstant.java` of
//! <https://github.com/alibaba/Sentinel>, and the answers of version 1.8.9. What is missing is as Sentinel takes it then.

use serde::Deserialize;
use serde_json::value::RawValue;

pub use crate::polled::Entry;

/// What is added to the number of calls from which a rule judges, so that it judges none: the rule itself tells what it was.
const NEVER: i64 = 2_000_000_000;
/// The most that Sentinel takes.
const MOST: i64 = i32::MAX as i64;

/// A list of rules. Their texts are kept as they came: they are sent back whole, whatever a rule has that is not known here.
pub type Rules = Vec<Box<RawValue>>;

/// The calls to one resource in the last second and the last minute.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Node {
    /// What the calls go through.
    pub resource: String,
    /// Calls that were let through.
    pub pass_qps: f64,
    /// Calls that were refused, by whatever rule.
    pub block_qps: f64,
    /// Calls that ended, those that failed among them.
    pub success_qps: f64,
    /// Calls that failed.
    pub exception_qps: f64,
    /// Calls that were let through in the last minute.
    pub one_minute_pass: f64,
    /// Calls that failed in the last minute.
    pub one_minute_exception: f64,
    /// Calls that were refused in the last minute.
    pub one_minute_block: f64,
}

/// A rule of `getRules?type=degrade`: a circuit breaker.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct DegradeRule {
    /// What it guards.
    pub resource: String,
    /// 0: slow calls, 1: the share of calls that fail, 2: how many fail.
    pub grade: i64,
    /// The share or number from which on it opens; for slow calls the milliseconds.
    pub count: f64,
    /// How long it stays open, in seconds.
    pub time_window: i64,
    /// From how many calls on it judges.
    pub min_request_amount: i64,
    /// Over how long it counts, in milliseconds.
    pub stat_interval_ms: i64,
    /// The share of slow calls from which on it opens.
    pub slow_ratio_threshold: f64,
    /// True when the resource is a pattern.
    pub regex: bool,
}

/// A rule of `getRules?type=flow`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct FlowRule {
    /// What it limits.
    pub resource: String,
    /// Whose calls; `default` are everybody's.
    pub limit_app: Option<String>,
    /// 0: calls at once, 1: calls a second.
    pub grade: i64,
    /// How many.
    pub count: f64,
    /// 0: by the calls to the resource itself.
    pub strategy: i64,
    /// 0: what is too much is refused.
    pub control_behavior: i64,
    /// True when a server counts for several processes.
    pub cluster_mode: bool,
    /// True when the resource is a pattern.
    pub regex: bool,
}

impl DegradeRule {
    /// Whether it judges no calls.
    pub fn is_off(&self) -> bool {
        self.min_request_amount > NEVER
    }

    /// The number of calls from which on it judges when it is switched off or on; `None` where that cannot be.
    pub(super) fn switched(&self, off: bool) -> Option<i64> {
        let amount = match (off, self.is_off()) {
            (true, false) => self.min_request_amount.checked_add(NEVER)?,
            (false, true) => self.min_request_amount - NEVER,
            _ => self.min_request_amount,
        };
        (self.min_request_amount > 0 && amount <= MOST).then_some(amount)
    }
}

impl FlowRule {
    /// Whether it refuses every call.
    pub fn refuses_all(&self) -> bool {
        let is_everybody = self.limit_app.as_deref().is_none_or(|app| app.is_empty() || app == "default");
        is_everybody && self.count <= 0.0 && self.strategy == 0 && self.control_behavior == 0 && !self.cluster_mode
    }

    /// Whether it is as a switch makes it.
    pub(super) fn is_ours(&self) -> bool {
        self.refuses_all() && self.grade == 1 && !self.regex
    }
}

/// Those of a list that are understood, and how many are not.
pub fn understood<'a, T: Deserialize<'a>>(rules: &'a Rules) -> (Vec<T>, usize) {
    let known: Vec<T> = rules.iter().filter_map(|rule| serde_json::from_str(rule.get()).ok()).collect();
    let odd = rules.len() - known.len();
    (known, odd)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_that_is_off_tells_what_it_was() {
        let rule = |min_request_amount| DegradeRule { min_request_amount, ..DegradeRule::default() };
        assert_eq!(rule(5).switched(true), Some(2_000_000_005));
        assert_eq!(rule(2_000_000_005).switched(false), Some(5));
        assert_eq!((rule(5).switched(false), rule(2_000_000_005).switched(true)), (Some(5), Some(2_000_000_005)));
        for none in [0, -1, 147_483_648, i64::MAX, i64::MIN] {
            assert_eq!(rule(none).switched(true), None);
        }
        assert!(!rule(2_000_000_000).is_off() && rule(2_000_000_001).is_off());
    }

    #[test]
    fn only_a_rule_that_stops_everybody_refuses_all() {
        let of = |text: &str| serde_json::from_str::<FlowRule>(text).unwrap();
        assert!(of(r#"{"resource":"pay","grade":1,"count":0.0,"limitApp":"default","later":[1]}"#).is_ours());
        assert!(
            of(r#"{"resource":"pay","count":0}"#).refuses_all() && !of(r#"{"resource":"pay","count":0}"#).is_ours()
        );
        for other in [
            r#""count":1"#,
            r#""count":0,"limitApp":"cart""#,
            r#""count":0,"strategy":1"#,
            r#""count":0,"clusterMode":true"#,
        ] {
            assert!(!of(&format!("{{\"grade\":1,{other}}}")).refuses_all(), "{other}");
        }
    }
}
