//! From rules and calls to what is said of breakers. Pure.
//!
//! No command of Sentinel tells the state of a breaker, so it is concluded from the calls of the last second, and marked as that:
//!
//! - calls pass and none is refused: closed;
//! - calls are refused and none passes, but for one that is tried and has not succeeded: open;
//! - both: one that was closed has opened where calls failed, for it does not close again within a second; one that was open
//!   has closed where calls succeeded and none failed;
//! - neither: as before, for only calls change a breaker.
//!
//! Where a flow rule stands beside it, refused calls may be its work: then nobody knows. What rules alone say is not concluded:
//! a flow rule that refuses everything, and degrade rules that are switched off. There is no half-open to be seen.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use binnacle_model::fact::{BreakerFact, BreakerKind, BreakerState, ObjectKey, OpensAt, Party, Tripping};
use url::{Host, Url};

use super::wire::{DegradeRule, Entry, FlowRule, Node};
use crate::http::shorten;
use crate::polled::Said;
use crate::scrape::Target;
use crate::scrape::map::BREAKERS;

/// Calls are counted over this time.
const COUNTED_OVER: Duration = Duration::from_secs(1);
/// What was concluded longer ago, without a reading since, is no longer known.
const UNREAD: Duration = Duration::from_secs(3);
/// The interval over which a breaker counts as the calls are counted, in milliseconds.
const SAME_INTERVAL_MS: i64 = 1000;
/// Grades of degrade rules.
const SLOW: i64 = 0;
const RATIO: i64 = 1;

/// What a Sentinel answered at one time.
#[derive(Clone, Debug, Default)]
pub struct Answers {
    /// The resources that were called.
    pub nodes: Vec<Entry<Node>>,
    /// The circuit breakers.
    pub degrade: Vec<DegradeRule>,
    /// What limits calls beside them.
    pub flow: Vec<FlowRule>,
}

/// What was known at the last reading.
#[derive(Debug, Default)]
pub struct Memory {
    pub(super) product: Option<Arc<str>>,
    at: Option<Instant>,
    known: BTreeMap<String, Known>,
}

/// One breaker as it was.
#[derive(Clone, Debug)]
struct Known {
    degrade: Vec<DegradeRule>,
    flow: Vec<FlowRule>,
    /// Since when these rules are there, as far as was seen.
    ruled_since: Instant,
    /// What was concluded from calls; nothing is while rules decide alone.
    state: BreakerState,
    /// Calls of a minute.
    minute: Option<Node>,
}

/// What became of calls.
struct Calls {
    passed: f64,
    refused: f64,
    failed: f64,
    succeeded: f64,
}

impl Calls {
    /// In the last second; where nothing happened in it, since the reading before, as far as the minute shows that.
    fn of(node: &Node, before: Option<&Known>) -> Self {
        if node.pass_qps > 0.0 || node.block_qps > 0.0 {
            let (passed, refused, failed) = (node.pass_qps, node.block_qps, node.exception_qps);
            return Self { passed, refused, failed, succeeded: node.success_qps - failed };
        }
        let none = Node::default();
        let old = before.map(|before| before.minute.as_ref().unwrap_or(&none));
        let grew = |of: fn(&Node) -> f64| old.map_or(0.0, |old| (of(node) - of(old)).max(0.0));
        let passed = grew(|node| node.one_minute_pass);
        let failed = grew(|node| node.one_minute_exception);
        Self { passed, refused: grew(|node| node.one_minute_block), failed, succeeded: passed - failed }
    }
}

/// One resource with its rules.
struct Guarded<'a> {
    resource: &'a str,
    degrade: Vec<DegradeRule>,
    flow: Vec<FlowRule>,
    node: Option<&'a Node>,
}

/// Every breaker, by its resource's name, and what is known for the next time.
pub fn said(target: &Target, answers: &Answers, memory: &mut Memory, at: Instant) -> Vec<Said> {
    let unread = memory.at.is_none_or(|before| at.saturating_duration_since(before) > UNREAD);
    let former = if unread { BTreeMap::new() } else { std::mem::take(&mut memory.known) };
    memory.at = Some(at);
    memory.known = BTreeMap::new();
    let mut all = Vec::new();
    for guarded in guarded(answers) {
        let known = guarded.now(former.get(guarded.resource), at);
        all.push(guarded.said(target, known.state));
        memory.known.insert(guarded.resource.to_owned(), known);
    }
    all
}

/// Where a breaker stands among the facts of its source.
pub fn object(target: &Target, resource: &str) -> ObjectKey {
    let (host, port) = &target.instance;
    ObjectKey::new(BREAKERS, format!("{host}:{port}/{resource}"))
}

/// What the rules of one resource make of it alone.
pub(super) fn set_by_rules(degrade: &[DegradeRule], flow: &[FlowRule]) -> Option<BreakerState> {
    if flow.iter().any(FlowRule::refuses_all) {
        Some(BreakerState::ForcedOpen)
    } else if !degrade.is_empty() && degrade.iter().all(DegradeRule::is_off) {
        Some(BreakerState::Disabled)
    } else {
        None
    }
}

fn guarded(answers: &Answers) -> Vec<Guarded<'_>> {
    let nodes: BTreeMap<&str, &Node> =
        answers.nodes.iter().filter_map(Entry::known).map(|node| (&*node.resource, node)).collect();
    let mut flow: BTreeMap<&str, Vec<FlowRule>> = BTreeMap::new();
    let (patterns, plain): (Vec<&FlowRule>, Vec<&FlowRule>) = answers.flow.iter().partition(|rule| rule.regex);
    for rule in plain {
        flow.entry(&rule.resource).or_default().push(rule.clone());
    }
    let mut degrade: BTreeMap<&str, Vec<DegradeRule>> = BTreeMap::new();
    for rule in answers.degrade.iter().filter(|rule| !rule.resource.is_empty()) {
        degrade.entry(&rule.resource).or_default().push(rule.clone());
    }
    let guarded = degrade.into_iter().map(|(resource, degrade)| {
        // Whether a pattern fits is not known: it may limit any of them.
        let patterns = patterns.iter().map(|rule| FlowRule { count: f64::INFINITY, ..(*rule).clone() });
        let flow = flow.remove(resource).unwrap_or_default().into_iter().chain(patterns).collect();
        let node = nodes.get(resource).copied().filter(|_| degrade.iter().all(|rule| !rule.regex));
        Guarded { resource, degrade, flow, node }
    });
    guarded.collect()
}

impl Guarded<'_> {
    fn now(&self, before: Option<&Known>, at: Instant) -> Known {
        // Other degrade rules are another breaker.
        let same = before.filter(|before| before.degrade == self.degrade);
        let ruled_since = same.filter(|before| before.flow == self.flow).map_or(at, |before| before.ruled_since);
        let former = same.map_or(BreakerState::Unknown, |before| before.state);
        // What is counted may be of the time before.
        let is_mixed = before.is_some() && at.saturating_duration_since(ruled_since) < COUNTED_OVER;
        let state = if is_mixed || set_by_rules(&self.degrade, &self.flow).is_some() {
            former
        } else {
            self.concluded(before, former)
        };
        let minute = self.node.cloned();
        Known { degrade: self.degrade.clone(), flow: self.flow.clone(), ruled_since, state, minute }
    }

    fn concluded(&self, before: Option<&Known>, former: BreakerState) -> BreakerState {
        let Some(calls) = self.node.map(|node| Calls::of(node, before)) else { return former };
        // A slow call that succeeds closes no breaker that opens by slow ones.
        let by_slow = self.degrade.iter().any(|rule| rule.grade == SLOW);
        let went_well = calls.succeeded > 0.0 && !by_slow;
        // One call at a time is tried while it is open.
        let may_be_tried = calls.passed < 2.0 && !went_well;
        let is_known = self.flow.is_empty();
        match (calls.passed > 0.0, calls.refused > 0.0) {
            (_, true) if may_be_tried => {
                if is_known {
                    BreakerState::Open
                } else {
                    BreakerState::Unknown
                }
            }
            (true, true) if is_known && former == BreakerState::Closed && (by_slow || calls.failed > 0.0) => {
                BreakerState::Open
            }
            (true, true) if former == BreakerState::Open && went_well && calls.failed <= 0.0 => BreakerState::Closed,
            (true, false) if former == BreakerState::Closed || !may_be_tried => BreakerState::Closed,
            _ => former,
        }
    }

    fn said(&self, target: &Target, concluded: BreakerState) -> Said {
        let set = set_by_rules(&self.degrade, &self.flow);
        Said {
            object: object(target, self.resource),
            fact: BreakerFact {
                caller: target.party(),
                callee: Some(callee(self.resource)),
                name: Arc::from(self.resource),
                kind: BreakerKind::Failure,
                state: set.unwrap_or(concluded),
                since: None,
                rejected_per_s: Some(self.node.map_or(0.0, |node| node.block_qps.max(0.0))),
                tripping: self.tripping(),
                raw: self.raw(),
                derived: set.is_none() && concluded != BreakerState::Unknown,
                among: None,
            },
            refused: None,
        }
    }

    fn tripping(&self) -> Tripping {
        let is_same = self.degrade.iter().all(|rule| rule.stat_interval_ms == SAME_INTERVAL_MS);
        let ended = self.node.filter(|node| is_same && node.success_qps > 0.0);
        let ratios = self.degrade.iter().filter(|rule| rule.grade == RATIO && !rule.is_off()).map(|rule| rule.count);
        Tripping {
            failing: ended.map(|node| (node.exception_qps / node.success_qps).clamp(0.0, 1.0)),
            opens_at: ratios.filter(|ratio| (0.0..=1.0).contains(ratio)).reduce(f64::min).map(OpensAt::Failing),
        }
    }

    fn raw(&self) -> BTreeMap<Arc<str>, Arc<str>> {
        let rules: Vec<String> = self.degrade.iter().map(words).collect();
        let mut raw = vec![("degrade", shorten(&rules.join("; ")))];
        if !self.flow.is_empty() {
            raw.push(("flowRules", self.flow.len().to_string()));
        }
        if let Some(node) = self.node {
            let counts = [
                ("passQps", node.pass_qps),
                ("blockQps", node.block_qps),
                ("successQps", node.success_qps),
                ("exceptionQps", node.exception_qps),
            ];
            raw.extend(counts.map(|(name, count)| (name, count.to_string())));
        }
        raw.into_iter().map(|(name, value)| (Arc::from(name), Arc::from(value))).collect()
    }
}

/// A rule as people say it, with Sentinel's own names.
fn words(rule: &DegradeRule) -> String {
    let count = rule.count;
    let opens = match rule.grade {
        SLOW => format!("slow calls (over {count} ms) over {}", rule.slow_ratio_threshold),
        RATIO => format!("exception ratio over {count}"),
        2 => format!("exception count over {count}"),
        other => format!("grade {other}, count {count}"),
    };
    let DegradeRule { min_request_amount, stat_interval_ms, time_window, .. } = rule;
    format!(
        "{opens}, minRequestAmount {min_request_amount}, statIntervalMs {stat_interval_ms}, timeWindow {time_window}"
    )
}

/// Adapters call a resource `GET:http://stock/path`; everybody else by the callee's name.
fn callee(resource: &str) -> Party {
    let named = || Party::Named(Arc::from(resource));
    let is_method = |method: &str| !method.is_empty() && method.bytes().all(|byte| byte.is_ascii_uppercase());
    let address = resource.split_once(':').filter(|(method, _)| is_method(method)).map_or(resource, |(_, rest)| rest);
    if !address.starts_with("http://") && !address.starts_with("https://") {
        return named();
    }
    let Ok(url) = Url::parse(address) else { return named() };
    match (url.host(), url.port()) {
        (Some(Host::Domain(name)), None) => Party::Named(Arc::from(name)),
        (Some(host), _) => {
            let host = match host {
                Host::Ipv6(ip) => ip.to_string(),
                other => other.to_string(),
            };
            Party::Address { host: Arc::from(host), port: url.port_or_known_default().unwrap_or_default() }
        }
        (None, _) => named(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::Deserialize;

    use super::*;

    use BreakerState::{Closed, Disabled, ForcedOpen, Open, Unknown};

    #[derive(Deserialize)]
    struct Recorded {
        #[serde(rename = "clusterNode")]
        nodes: Vec<Entry<Node>>,
        degrade: Vec<DegradeRule>,
        flow: Vec<FlowRule>,
    }

    fn recorded(text: &str) -> Answers {
        let Recorded { nodes, degrade, flow } = serde_json::from_str(text).unwrap();
        Answers { nodes, degrade, flow }
    }

    fn target() -> Target {
        Target::named("sentinel", "http://127.0.0.1:8719", "/").unwrap()
    }

    fn rule(resource: &str) -> DegradeRule {
        DegradeRule {
            resource: resource.to_owned(),
            grade: RATIO,
            count: 0.5,
            time_window: 1,
            min_request_amount: 5,
            stat_interval_ms: 1000,
            ..DegradeRule::default()
        }
    }

    fn node(resource: &str, [pass, block, success, exception]: [f64; 4]) -> Node {
        Node {
            resource: resource.to_owned(),
            pass_qps: pass,
            block_qps: block,
            success_qps: success,
            exception_qps: exception,
            ..Node::default()
        }
    }

    /// What is shown for each second of calls: passed, refused, ended, failed.
    fn shown(rule: &DegradeRule, flow: &[FlowRule], seconds: &[[f64; 4]]) -> Vec<BreakerState> {
        let (mut memory, began) = (Memory::default(), Instant::now());
        let look = |(second, calls): (u64, &[f64; 4])| {
            let nodes = vec![Entry::Known(node("pay", *calls))];
            let answers = Answers { nodes, degrade: vec![rule.clone()], flow: flow.to_vec() };
            said(&target(), &answers, &mut memory, began + Duration::from_secs(second))[0].fact.state
        };
        (0..).zip(seconds).map(look).collect()
    }

    /// Recorded from the lab's service of Sentinel.
    #[test]
    fn what_sentinel_really_says() {
        for (text, state, failing) in [
            (include_str!("../../../../tests/lab/services/recorded/sentinel-closed.json"), Closed, Some(0.0)),
            (include_str!("../../../../tests/lab/services/recorded/sentinel-open.json"), Open, None),
        ] {
            let said = said(&target(), &recorded(text), &mut Memory::default(), Instant::now());
            let [Said { object, fact, .. }] = &said[..] else { panic!("{said:?}") };
            assert_eq!(&*object.key, "127.0.0.1:8719/inventory");
            assert_eq!((fact.state, fact.derived, fact.tripping.failing), (state, true, failing));
            assert_eq!(fact.tripping.opens_at, Some(OpensAt::Failing(0.49)));
            assert_eq!(fact.callee, Some(Party::Named(Arc::from("inventory"))));
            assert!(fact.raw["degrade"].starts_with("exception ratio over 0.49, minRequestAmount 4"), "{fact:?}");
            assert!(fact.rejected_per_s.is_some_and(|rate| (rate > 0.0) == (state == Open)));
        }
    }

    #[test]
    fn the_state_is_concluded_from_calls() {
        let none = [0.0; 4];
        let (well, refused) = ([9.0, 0.0, 9.0, 0.0], [0.0, 9.0, 0.0, 0.0]);
        let (opening, tried) = ([5.0, 4.0, 5.0, 5.0], [1.0, 9.0, 1.0, 1.0]);
        let (closing, tried_alone) = ([3.0, 4.0, 3.0, 0.0], [1.0, 0.0, 1.0, 1.0]);
        for (seconds, states) in [
            (&[none, none][..], &[Unknown, Unknown][..]),
            (&[none, well, none], &[Unknown, Closed, Closed]),
            (&[well, opening, refused, tried, none, tried_alone], &[Closed, Open, Open, Open, Open, Open]),
            (&[refused, closing, well], &[Open, Closed, Closed]),
            // Who is refused while others are served well is refused by something else.
            (&[well, closing, well], &[Closed, Closed, Closed]),
            (&[tried_alone, opening, tried], &[Unknown, Unknown, Open]),
        ] {
            assert_eq!(shown(&rule("pay"), &[], seconds), states, "{seconds:?}");
        }
    }

    #[test]
    fn a_slow_try_that_succeeds_closes_nothing() {
        let by_slow = DegradeRule { grade: SLOW, ..rule("pay") };
        let (refused, tried) = ([0.0, 9.0, 0.0, 0.0], [1.0, 3.0, 1.0, 0.0]);
        assert_eq!(shown(&by_slow, &[], &[refused, tried, [1.0, 0.0, 1.0, 0.0]]), [Open, Open, Open]);
    }

    #[test]
    fn rules_that_decide_alone_are_no_conclusion_and_leave_what_was_known() {
        let stop = FlowRule { resource: "pay".to_owned(), grade: 1, ..FlowRule::default() };
        let (mut memory, began) = (Memory::default(), Instant::now());
        let mut at = |second: u64, calls, flow: &[FlowRule], min_request_amount| {
            let nodes = vec![Entry::Known(node("pay", calls))];
            let degrade = vec![DegradeRule { min_request_amount, ..rule("pay") }];
            let answers = Answers { nodes, degrade, flow: flow.to_vec() };
            let fact = said(&target(), &answers, &mut memory, began + Duration::from_secs(second)).remove(0).fact;
            (fact.state, fact.derived)
        };
        let (well, refused) = ([9.0, 0.0, 9.0, 0.0], [0.0, 9.0, 0.0, 0.0]);
        assert_eq!(at(0, well, &[], 5), (Closed, true));
        assert_eq!(at(1, refused, std::slice::from_ref(&stop), 5), (ForcedOpen, false));
        // The calls of the last second were refused by the rule that was taken out.
        assert_eq!(at(2, refused, &[], 5), (Closed, true));
        assert_eq!(at(3, refused, &[], 5), (Open, true));
        assert_eq!(at(4, well, &[], 2_000_000_005), (Disabled, false));
        assert_eq!(at(5, [0.0; 4], &[], 5), (Unknown, false), "a breaker that begins anew");
        assert_eq!(at(6, well, &[], 5), (Closed, true));
        assert_eq!(at(60, [0.0; 4], &[], 5), (Unknown, false), "too long unread");
    }

    #[test]
    fn a_resource_may_be_named_by_its_request() {
        let named = |name: &str| Party::Named(Arc::from(name));
        for (resource, party) in [
            ("pay", named("pay")),
            ("GET:http://stock/find", named("stock")),
            ("https://stock", named("stock")),
            ("POST:http://10.0.0.7/x", Party::Address { host: Arc::from("10.0.0.7"), port: 80 }),
            ("GET:http://stock:8080/x", Party::Address { host: Arc::from("stock"), port: 8080 }),
            ("com.shop.Stock:find(long)", named("com.shop.Stock:find(long)")),
            ("GET:/orders", named("GET:/orders")),
            ("GET:http://", named("GET:http://")),
        ] {
            assert_eq!(callee(resource), party, "{resource}");
        }
    }

    fn calls() -> impl Strategy<Value = [f64; 4]> {
        let count = || prop_oneof![Just(0.0), 0.0..20.0_f64, -5.0..1e300_f64];
        [count(), count(), count(), count()]
    }

    proptest! {
        #[test]
        fn with_a_limit_beside_it_no_refusal_is_the_breakers(seconds in prop::collection::vec(calls(), 1..9)) {
            let limit = FlowRule { resource: "pay".to_owned(), grade: 1, count: 10.0, ..FlowRule::default() };
            prop_assert!(!shown(&rule("pay"), &[limit], &seconds).contains(&Open));
        }

        #[test]
        fn nothing_is_open_that_nobody_was_refused_by(passed in prop::collection::vec(0.0..9.0_f64, 1..9)) {
            let seconds: Vec<[f64; 4]> = passed.iter().map(|count| [*count, 0.0, *count, *count]).collect();
            prop_assert!(!shown(&rule("pay"), &[], &seconds).contains(&Open));
        }

        #[test]
        fn whatever_it_answers_each_resource_has_one_breaker(names in prop::collection::vec(".{0,8}", 0..9), counts in calls()) {
            let nodes = names.iter().map(|name| Entry::Known(node(name, counts))).collect();
            let answers = Answers { nodes, degrade: names.iter().map(|name| rule(name)).collect(), flow: Vec::new() };
            let said = said(&target(), &answers, &mut Memory::default(), Instant::now());
            let meant: std::collections::BTreeSet<&String> = names.iter().filter(|name| !name.is_empty()).collect();
            prop_assert_eq!(said.len(), meant.len());
            for Said { fact, .. } in said {
                prop_assert!(fact.rejected_per_s.is_some_and(|rate| rate >= 0.0));
                prop_assert!(fact.tripping.failing.is_none_or(|share| (0.0..=1.0).contains(&share)));
            }
        }
    }
}
