//! What a server says of the metrics that are asked for: type, unit and help, as their processes declare them. Which metric is
//! asked about next is told here too: one at a beat, and when all are known one at every eighth. Pure.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::promql::{self, Kind, Query};
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
    pub(super) fn next<'a>(&self, plan: &'a [Query], seldom: bool) -> Option<&'a Query> {
        let waited = |query: &&Query| self.of.get(&query.metric).map_or(0, |known| known.turn);
        plan.iter().min_by_key(waited).filter(|query| seldom || waited(query) == 0)
    }

    /// Takes in what was answered about a metric; nothing where nobody declares it.
    pub(super) fn learn(&mut self, query: &Query, declared: &[Declared]) {
        self.turn += 1;
        let meaning = meaning(query, declared);
        self.of.insert(query.metric.clone(), Known { turn: self.turn, meaning });
    }

    /// Only these are asked for any more.
    pub(super) fn keep(&mut self, plan: &[Query]) {
        self.of.retain(|metric, _| plan.iter().any(|query| query.metric == *metric));
    }

    /// How declared kinds contradict the way in which metrics are read.
    pub(super) fn contradictions(&self) -> Vec<Arc<str>> {
        self.known().filter_map(|meaning| meaning.contradiction.clone()).collect()
    }

    /// What the metric means that a question, as the evidence has it, is about.
    pub(super) fn of_question(&self, question: &str) -> Option<Meaning> {
        self.known().find(|meaning| promql::asks_about(question, &meaning.metric)).cloned()
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

/// How a question reads its metric, and the kinds that may be read so.
fn reading(query: &Query) -> (&'static str, &'static [&'static str]) {
    match query.kind {
        // A histogram and a summary count what they saw.
        Kind::Rate if query.metric.ends_with("_count") => ("a counter", &["counter", "histogram", "summary"]),
        Kind::Rate => ("a counter", &["counter"]),
        Kind::Gauge => ("a gauge", &["gauge", "stateset", "info"]),
        Kind::Percentile(_) => ("a histogram", &["histogram"]),
    }
}

fn meaning(query: &Query, declared: &[Declared]) -> Option<Meaning> {
    let (read_as, fitting) = reading(query);
    let kind = |one: &Declared| KINDS.into_iter().find(|kind| *kind == one.kind).unwrap_or("unknown");
    let fits = |one: &&Declared| kind(one) == "unknown" || fitting.contains(&kind(one));
    let other = declared.iter().find(|one| !fits(one));
    let shown = declared.iter().find(fits).or(other)?;
    let contradiction = other.map(|other| {
        let who = if declared.iter().any(|one| fits(&one)) { "by some of its processes " } else { "" };
        Arc::from(format!("{} is read as {read_as}, and declared {who}as {}", query.metric, article(kind(other))))
    });
    Some(Meaning {
        metric: query.metric.clone(),
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
    use super::*;

    fn query(metric: &str, kind: Kind) -> Query {
        let text = match kind {
            Kind::Rate => format!("sum by (a) (rate({metric}[60s]))"),
            _ => format!("max by (a) ({metric} and (timestamp({metric}) > time() - 60))"),
        };
        Query { metric: Arc::from(metric), kind, text: Arc::from(text) }
    }

    fn declared(kind: &str, help: &str) -> Declared {
        Declared { kind: kind.to_owned(), unit: String::new(), help: help.to_owned() }
    }

    fn contradiction(metric: &str, kind: Kind, kinds: &[&str]) -> Option<String> {
        let all: Vec<Declared> = kinds.iter().map(|kind| declared(kind, "")).collect();
        meaning(&query(metric, kind), &all).unwrap().contradiction.map(|words| words.to_string())
    }

    #[test]
    fn a_kind_that_is_read_as_another_is_a_contradiction_and_one_that_nobody_knows_is_none() {
        for (metric, kind, kinds) in [
            ("a_total", Kind::Rate, &["counter"][..]),
            ("a_total", Kind::Rate, &["unknown", "", "a kind of its own"]),
            ("a_seconds_count", Kind::Rate, &["histogram", "summary"]),
            ("a", Kind::Gauge, &["gauge", "stateset"]),
            ("a", Kind::Percentile(0), &["histogram"]),
        ] {
            assert_eq!(contradiction(metric, kind, kinds), None, "{kinds:?}");
        }
        for (metric, kind, kinds, words) in [
            ("a_total", Kind::Rate, &["gauge"][..], "a_total is read as a counter, and declared as a gauge"),
            ("a_total", Kind::Rate, &["info"], "a_total is read as a counter, and declared as an info"),
            ("a", Kind::Gauge, &["counter"], "a is read as a gauge, and declared as a counter"),
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
    fn words_from_outside_are_short_and_harmless() {
        let hostile = declared("counter\u{1b}[2J", &format!("\u{1b}]0;x\u{7}{}", "y".repeat(100_000)));
        let known = meaning(&query("a_total", Kind::Rate), &[hostile]).unwrap();
        assert_eq!((known.kind, known.contradiction), ("unknown", None));
        assert!(known.help.len() < 400 && !known.help.chars().any(char::is_control), "{:?}", known.help);
    }

    #[test]
    fn each_metric_is_asked_about_once_and_then_seldom_in_turn() {
        let plan = [query("a", Kind::Rate), query("b", Kind::Gauge), query("c", Kind::Gauge)];
        let mut meanings = Meanings::default();
        let mut asked = Vec::new();
        for seldom in [false, false, true, false, true, true, false, true] {
            if let Some(query) = meanings.next(&plan, seldom) {
                asked.push(query.metric.to_string());
                meanings.learn(query, &[]);
            }
        }
        assert_eq!(asked, ["a", "b", "c", "a", "b", "c"]);
        meanings.learn(&plan[0], &[declared("gauge", "")]);
        assert_eq!(meanings.contradictions().len(), 1);
        meanings.keep(&plan[1..]);
        assert!(meanings.contradictions().is_empty());
    }

    #[test]
    fn a_question_leads_to_the_meaning_of_its_metric() {
        let (rate, state) = (query("a_total", Kind::Rate), query("state", Kind::Gauge));
        let mut meanings = Meanings::default();
        meanings.learn(&rate, &[declared("counter", "calls")]);
        meanings.learn(&state, &[declared("gauge", "where it is")]);
        let help = |question: &str| meanings.of_question(question).map(|meaning| meaning.help.to_string());
        assert_eq!(help(&format!("GET http://x/api/v1/query · {}", rate.text)).as_deref(), Some("calls"));
        assert_eq!(help(&state.text).as_deref(), Some("where it is"));
        assert_eq!(help("GET http://x/api/v1/targets"), None);
    }

    #[test]
    fn a_sample_is_declared_by_its_own_name_or_by_its_familys() {
        assert_eq!(names("a_total"), ["a_total", "a"]);
        assert_eq!(names("a_seconds_count"), ["a_seconds_count", "a_seconds"]);
        assert_eq!(names("state"), ["state"]);
    }
}
