//! What a server says of the metrics that are asked for: type, unit and help, as their processes declare them. Which metric is
//! asked about next is told here too: one at a beat, and when all are known one at every eighth. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::promql::{Kind, Query};
use super::wire::Declared;
use crate::http::shorten;
use crate::meaning::Meaning;

/// The kinds that the text formats know (<https://prometheus.io/docs/specs/om/open_metrics_spec/#metric-types>).
const KINDS: [&str; 8] = ["counter", "gauge", "histogram", "gaugehistogram", "summary", "stateset", "info", "unknown"];

/// What is known of each metric.
#[derive(Debug, Default)]
pub(super) struct Meanings {
    of: BTreeMap<Arc<str>, Known>,
    turn: u64,
}

#[derive(Debug)]
struct Known {
    /// When it was asked about last.
    turn: u64,
    /// `None` where nobody declares it.
    meaning: Option<Meaning>,
}

impl Meanings {
    /// The metric to ask about, if one is due: one that was never asked about, or at a `seldom` beat the one that waited longest.
    pub(super) fn next(&self, plan: &[Query], seldom: bool) -> Option<Arc<str>> {
        let waited = |metric: &&Arc<str>| self.of.get(*metric).map_or(0, |known| known.turn);
        let due = plan.iter().map(|query| &query.key.metric).min_by_key(waited);
        due.filter(|metric| seldom || waited(metric) == 0).cloned()
    }

    /// Takes in what was answered about a metric; nothing where nobody declares it.
    pub(super) fn learn(&mut self, plan: &[Query], metric: Arc<str>, declared: &[Declared]) {
        self.turn += 1;
        let meaning = meaning(&metric, &readings(plan, &metric), declared);
        self.of.insert(metric, Known { turn: self.turn, meaning });
    }

    /// Only these are asked for any more.
    pub(super) fn keep(&mut self, plan: &[Query]) {
        self.of.retain(|metric, _| plan.iter().any(|query| query.key.metric == *metric));
    }

    /// How declared kinds contradict the way in which metrics are read.
    pub(super) fn contradictions(&self) -> Vec<Arc<str>> {
        self.known().filter_map(|meaning| meaning.contradiction.clone()).collect()
    }

    /// What a metric means.
    pub(super) fn of(&self, metric: &str) -> Option<&Meaning> {
        self.of.get(metric)?.meaning.as_ref()
    }

    fn known(&self) -> impl Iterator<Item = &Meaning> {
        self.of.values().filter_map(|known| known.meaning.as_ref())
    }
}

/// The names under which a metric may be declared: its own, and that of the family whose sample it is.
pub(super) fn names(metric: &str) -> Vec<&str> {
    let family = ["_total", "_count", "_sum"].into_iter().find_map(|suffix| metric.strip_suffix(suffix));
    [Some(metric), family].into_iter().flatten().collect()
}

/// How a metric is read, and the kinds that may be read so.
type Reading = (&'static str, &'static [&'static str]);

/// In how many ways a plan reads a metric: what some process keeps as a histogram another may keep as a summary.
fn readings(plan: &[Query], metric: &str) -> Vec<Reading> {
    let kinds: BTreeSet<Kind> =
        plan.iter().map(|query| &query.key).filter(|key| *key.metric == *metric).map(|key| key.kind).collect();
    let mut readings: Vec<Reading> = kinds.into_iter().map(|kind| reading(metric, kind)).collect();
    readings.dedup();
    readings
}

fn reading(metric: &str, kind: Kind) -> Reading {
    match kind {
        // A histogram and a summary count what they saw.
        Kind::Rate | Kind::Total if metric.ends_with("_count") => ("a counter", &["counter", "histogram", "summary"]),
        Kind::Rate | Kind::Total => ("a counter", &["counter"]),
        Kind::Gauge => ("a gauge", &["gauge", "stateset", "info"]),
        Kind::Quantiles => ("a summary", &["summary"]),
        Kind::Percentile(_) => ("a histogram", &["histogram"]),
    }
}

fn meaning(metric: &Arc<str>, readings: &[Reading], declared: &[Declared]) -> Option<Meaning> {
    let kind = |one: &Declared| KINDS.into_iter().find(|kind| *kind == one.kind).unwrap_or("unknown");
    let fits =
        |one: &&Declared| kind(one) == "unknown" || readings.iter().any(|(_, fitting)| fitting.contains(&kind(one)));
    let other = declared.iter().find(|one| !fits(one));
    let shown = declared.iter().find(fits).or(other)?;
    let contradiction = other.map(|other| {
        let read_as: Vec<&str> = readings.iter().map(|(read_as, _)| *read_as).collect();
        let who = if declared.iter().any(|one| fits(&one)) { "by some of its processes " } else { "" };
        let declared = article(kind(other));
        Arc::from(format!("{metric} is read as {}, and declared {who}as {declared}", read_as.join(" and as ")))
    });
    Some(Meaning {
        metric: metric.clone(),
        kind: kind(shown),
        unit: Arc::from(shorten(&shown.unit)),
        help: Arc::from(shorten(&shown.help)),
        contradiction,
    })
}

fn article(kind: &str) -> String {
    format!("{} {kind}", if kind.starts_with(['i', 'u']) { "an" } else { "a" })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::promql::{self, Key};
    use super::*;
    use crate::scrape::dialect::Dialects;

    fn query(metric: &str, kind: Kind) -> Query {
        let key = Key { series: Arc::from("x/calls/0/total"), kind, metric: Arc::from(metric) };
        Query { key, of_process: true, text: Arc::from("x") }
    }

    fn declared(kind: &str, help: &str) -> Declared {
        Declared { kind: kind.to_owned(), unit: String::new(), help: help.to_owned() }
    }

    fn known(metric: &str, kinds: &[Kind], declared: &[Declared]) -> Meaning {
        let plan: Vec<Query> = kinds.iter().map(|kind| query(metric, *kind)).collect();
        meaning(&Arc::from(metric), &readings(&plan, metric), declared).unwrap()
    }

    fn contradiction(metric: &str, kind: Kind, kinds: &[&str]) -> Option<String> {
        let all: Vec<Declared> = kinds.iter().map(|kind| declared(kind, "")).collect();
        known(metric, &[kind], &all).contradiction.map(|words| words.to_string())
    }

    #[test]
    fn a_kind_that_is_read_as_another_is_a_contradiction_and_one_that_nobody_knows_is_none() {
        for (metric, kind, kinds) in [
            ("a_total", Kind::Rate, &["counter"][..]),
            ("a_total", Kind::Rate, &["unknown", "", "a kind of its own"]),
            ("a_seconds_count", Kind::Rate, &["histogram", "summary"]),
            ("a", Kind::Gauge, &["gauge", "stateset"]),
            ("a", Kind::Percentile(0), &["histogram"]),
            ("a", Kind::Quantiles, &["summary"]),
            ("opened", Kind::Total, &["counter"]),
        ] {
            assert_eq!(contradiction(metric, kind, kinds), None, "{kinds:?}");
        }
        for (metric, kind, kinds, words) in [
            ("a_total", Kind::Rate, &["gauge"][..], "a_total is read as a counter, and declared as a gauge"),
            ("a_total", Kind::Rate, &["info"], "a_total is read as a counter, and declared as an info"),
            ("a", Kind::Gauge, &["counter"], "a is read as a gauge, and declared as a counter"),
            ("a", Kind::Quantiles, &["gauge"], "a is read as a summary, and declared as a gauge"),
            ("opened", Kind::Total, &["gauge"], "opened is read as a counter, and declared as a gauge"),
            (
                "a",
                Kind::Percentile(1),
                &["histogram", "summary"],
                "a is read as a histogram, and declared by some of its processes as a summary",
            ),
        ] {
            assert_eq!(contradiction(metric, kind, kinds).as_deref(), Some(words));
        }
    }

    #[test]
    fn no_built_in_dialect_reads_its_metrics_as_something_else_than_their_processes_declare() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/scrape/fixtures/dialects");
        let mut kinds: BTreeMap<String, Vec<Declared>> = BTreeMap::new();
        let mut has = BTreeSet::new();
        for file in std::fs::read_dir(folder).unwrap() {
            for line in std::fs::read_to_string(file.unwrap().path()).unwrap().lines() {
                if let Some((metric, kind)) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' ')) {
                    kinds.entry(metric.to_owned()).or_default().push(declared(kind, ""));
                } else if let Some(end) = line.find(['{', ' ']).filter(|_| !line.starts_with('#')) {
                    has.insert(line[..end].to_owned());
                }
            }
        }
        let dialects = Dialects::built_in();
        let mut plan = promql::plan(&dialects, &has, Duration::from_secs(60));
        plan.retain(|query| dialects.tells_types(&query.key.series));
        let mut read = BTreeSet::new();
        for metric in plan.iter().map(|query| &query.key.metric) {
            let Some(declared) = names(metric).into_iter().find_map(|name| kinds.get(name)) else { continue };
            let known = meaning(metric, &readings(&plan, metric), declared).unwrap();
            assert_eq!(known.contradiction, None);
            read.insert(known.kind);
        }
        assert_eq!(read, BTreeSet::from(["counter", "gauge", "histogram", "summary"]));
    }

    #[test]
    fn words_from_outside_are_short_and_harmless() {
        let hostile = declared("counter\u{1b}[2J", &format!("\u{1b}]0;x\u{7}{}", "y".repeat(100_000)));
        let known = known("a_total", &[Kind::Rate], &[hostile]);
        assert_eq!((known.kind, known.contradiction), ("unknown", None));
        assert!(known.help.len() < 400 && !known.help.chars().any(char::is_control), "{:?}", known.help);
    }

    #[test]
    fn each_metric_is_asked_about_once_and_then_seldom_in_turn() {
        let plan = [query("a", Kind::Rate), query("b", Kind::Gauge), query("c", Kind::Gauge)];
        let mut meanings = Meanings::default();
        let mut asked = Vec::new();
        for seldom in [false, false, true, false, true, true, false, true] {
            if let Some(metric) = meanings.next(&plan, seldom) {
                asked.push(metric.to_string());
                meanings.learn(&plan, metric, &[]);
            }
        }
        assert_eq!(asked, ["a", "b", "c", "a", "b", "c"]);
        meanings.learn(&plan, Arc::from("a"), &[declared("gauge", "")]);
        assert_eq!(meanings.contradictions().len(), 1);
        meanings.keep(&plan[1..]);
        assert!(meanings.contradictions().is_empty());
    }

    #[test]
    fn a_metric_that_is_read_in_two_ways_may_be_declared_in_either() {
        let both = [Kind::Percentile(0), Kind::Percentile(1), Kind::Quantiles];
        let told = |kinds: &[&str]| {
            let all: Vec<Declared> = kinds.iter().map(|kind| declared(kind, "")).collect();
            known("a", &both, &all).contradiction.map(|words| words.to_string())
        };
        assert_eq!(told(&["summary", "histogram"]), None);
        let words = "a is read as a summary and as a histogram, and declared by some of its processes as a gauge";
        assert_eq!(told(&["summary", "gauge"]).as_deref(), Some(words));
    }

    #[test]
    fn each_metric_has_its_own_meaning() {
        let plan = [query("a_total", Kind::Rate), query("state", Kind::Gauge)];
        let mut meanings = Meanings::default();
        meanings.learn(&plan, Arc::from("a_total"), &[declared("counter", "calls")]);
        meanings.learn(&plan, Arc::from("state"), &[declared("gauge", "where it is")]);
        let help = |metric: &str| meanings.of(metric).map(|meaning| meaning.help.to_string());
        assert_eq!(help("a_total").as_deref(), Some("calls"));
        assert_eq!(help("state").as_deref(), Some("where it is"));
        assert_eq!(help("targets"), None);
    }

    #[test]
    fn a_sample_is_declared_by_its_own_name_or_by_its_familys() {
        assert_eq!(names("a_total"), ["a_total", "a"]);
        assert_eq!(names("a_seconds_count"), ["a_seconds_count", "a_seconds"]);
        assert_eq!(names("state"), ["state"]);
    }
}
