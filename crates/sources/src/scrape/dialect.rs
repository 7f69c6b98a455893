//! A dialect: how one telemetry library or mesh names its metrics. Data, not code: a TOML file, described for users in
//! `docs/dialects.md`.

mod party;
mod series;
mod shelf;
mod traced;
mod words;
mod written;

use std::collections::BTreeMap;
use std::sync::Arc;

use binnacle_model::fact::{BreakerKind, BreakerState, Party, Pattern, Payload, Protocol, Side};
use serde::Deserialize;

use self::party::{PartyRule, first};
pub use self::series::Series;
pub use self::shelf::{Dialects, Listed, Place, folder, read};
pub use self::traced::{Fit, Said, Traced};
use self::words::word;
pub use self::words::{LabelName, LabelTest, MetricName, Told};
use super::exposition::Labels;

/// Why a file is not a dialect.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
#[error("{file}:{line}:{column}: {what}")]
pub struct DialectError {
    /// The file's name.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// What is wrong there.
    pub what: String,
}

/// How one telemetry library names its metrics.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(try_from = "written::Written")]
pub struct Dialect {
    /// A short word for it.
    pub name: Arc<str>,
    /// For people.
    pub title: String,
    /// Whether the types that its processes declare mean anything: some call everything a gauge.
    pub types: bool,
    /// Counters of calls, by pairs.
    pub calls: Vec<Calls>,
    /// Counters of the calls that processes answer.
    pub served: Vec<Served>,
    /// States of circuit breakers.
    pub breakers: Vec<Breakers>,
    /// Counters of messages that a process publishes and consumes.
    pub channels: Vec<Channels>,
}

/// A counter of calls.
#[derive(Clone, Debug, PartialEq)]
pub struct Calls {
    /// The counter.
    pub total: Series,
    /// A counter of its own of those that failed.
    pub failed_total: Option<Series>,
    caller: Vec<PartyRule>,
    callee: Vec<PartyRule>,
    /// Where they are counted.
    pub observer: Told<Side>,
    /// What travels.
    pub protocol: Told<Protocol>,
    /// How the two sides talk.
    pub pattern: Told<Pattern>,
    /// The body's format.
    pub payload: Told<Payload>,
    /// Which of the calls failed.
    pub failed: Vec<LabelTest>,
    /// Which were never sent.
    pub refused: Vec<LabelTest>,
    /// How long they took; of several, the first counts that a process has.
    pub latency: Vec<Latency>,
}

impl Calls {
    /// Who calls; `None` when the labels name nobody.
    pub fn caller(&self, labels: &Labels, process: Option<&Party>) -> Option<Party> {
        if self.caller.is_empty() { process.cloned() } else { first(&self.caller, labels, process) }
    }

    /// Who is called. What a process counts of messages leads to a channel.
    pub fn callee(&self, labels: &Labels, process: Option<&Party>, protocol: Protocol) -> Option<Party> {
        let callee = first(&self.callee, labels, process)?;
        match (callee, protocol) {
            (Party::Named(name), Protocol::Messaging) if self.caller.is_empty() => Some(Party::Channel(name)),
            (callee, _) => Some(callee),
        }
    }

    fn series(&self) -> impl Iterator<Item = (&Series, Reads)> {
        counted(&self.total, self.failed_total.as_ref(), &self.latency)
    }

    /// Whether a series counts calls that were never sent.
    pub fn is_refused(&self, labels: &Labels) -> bool {
        self.refused.iter().any(|test| test.holds(labels))
    }

    /// Whether failures are told at all.
    pub fn tells_failures(&self) -> bool {
        !self.failed.is_empty() || self.failed_total.is_some()
    }
}

/// A counter of the calls that a process answers.
#[derive(Clone, Debug, PartialEq)]
pub struct Served {
    /// The counter.
    pub total: Series,
    /// A counter of its own of those that failed.
    pub failed_total: Option<Series>,
    process: Vec<PartyRule>,
    /// The label with the name under which the process can be called.
    pub offers: Option<LabelName>,
    /// What travels.
    pub protocol: Told<Protocol>,
    /// Which of the calls failed.
    pub failed: Vec<LabelTest>,
    /// How long they took; of several, the first counts that a process has.
    pub latency: Vec<Latency>,
}

impl Served {
    fn series(&self) -> impl Iterator<Item = (&Series, Reads)> {
        counted(&self.total, self.failed_total.as_ref(), &self.latency)
    }

    /// Who answers; `None` when the labels name nobody.
    pub fn process(&self, labels: &Labels, process: Option<&Party>) -> Option<Party> {
        if self.process.is_empty() { process.cloned() } else { first(&self.process, labels, process) }
    }

    /// Whether failures are told at all.
    pub fn tells_failures(&self) -> bool {
        !self.failed.is_empty() || self.failed_total.is_some()
    }
}

/// What is read of calls that are counted, however many counters and durations there are.
fn counted<'a>(
    total: &'a Series,
    failed_total: Option<&'a Series>,
    latency: &'a [Latency],
) -> impl Iterator<Item = (&'a Series, Reads)> {
    let counters = [Some(total), failed_total].into_iter().flatten();
    counters.map(|series| (series, Reads::Growth)).chain(latency.iter().map(Latency::read))
}

/// Durations with the same labels as their counter.
#[derive(Clone, Debug, PartialEq)]
pub struct Latency {
    /// The histogram without `_bucket`, or the summary.
    pub series: Series,
    /// How the durations are told.
    pub form: LatencyForm,
    /// What they are counted in.
    pub unit: Unit,
}

/// How durations are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LatencyForm {
    /// As buckets: a classic histogram, or on a server a native one.
    Histogram,
    /// As percentiles that the process worked out itself.
    Summary,
}

/// The unit of a latency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unit {
    /// Seconds.
    Seconds,
    /// Milliseconds.
    Milliseconds,
    /// Microseconds.
    Microseconds,
    /// Nanoseconds.
    Nanoseconds,
}

impl Unit {
    /// A value of this unit in milliseconds.
    pub fn to_ms(self, value: f64) -> f64 {
        match self {
            Self::Seconds => value * 1e3,
            Self::Milliseconds => value,
            Self::Microseconds => value / 1e3,
            Self::Nanoseconds => value / 1e6,
        }
    }
}

/// What tells the states of breakers.
#[derive(Clone, Debug, PartialEq)]
pub struct Breakers {
    /// How the state is told.
    pub tells: Tells,
    caller: Vec<PartyRule>,
    callee: Vec<PartyRule>,
    name: Vec<LabelName>,
    /// Failure, capacity or endpoint.
    pub kind: BreakerKind,
    /// The counter of refused calls, with the same labels.
    pub refused: Option<Series>,
    /// The gauge of the percentage of calls that failed in the breaker's own window, with the same labels.
    pub failing: Option<Series>,
    /// Whether the state is no more than concluded.
    pub derived: bool,
}

impl Breakers {
    /// Whose calls are guarded.
    pub fn caller(&self, labels: &Labels, process: Option<&Party>) -> Option<Party> {
        if self.caller.is_empty() { process.cloned() } else { first(&self.caller, labels, process) }
    }

    /// Whom they go to, where that is said.
    pub fn callee(&self, labels: &Labels) -> Option<Party> {
        first(&self.callee, labels, None)
    }

    /// The breaker's own name, where it has one.
    pub fn name(&self, labels: &Labels) -> Option<Arc<str>> {
        let parts: Vec<&str> = self.name.iter().filter_map(|label| label.of(labels)).map(|value| &**value).collect();
        (!parts.is_empty()).then(|| Arc::from(parts.join("/")))
    }

    fn series(&self) -> Vec<(&Series, Reads)> {
        let mut all: Vec<(&Series, Reads)> = match &self.tells {
            Tells::OneHot(gauges, _) | Tells::Codes(gauges, _) => {
                gauges.iter().map(|gauge| (gauge, Reads::Value)).collect()
            }
            Tells::OutOf(out, of) => vec![(&**out, Reads::Value), (&**of, Reads::Value)],
            Tells::Inferred(from) => {
                let told = [(&from.opened, Reads::Both), (&from.closed, Reads::Both)];
                told.into_iter().chain(from.passed.iter().map(|series| (series, Reads::Growth))).collect()
            }
        };
        all.extend(self.refused.iter().map(|series| (series, Reads::Growth)));
        all.extend(self.failing.iter().map(|series| (series, Reads::Value)));
        all
    }
}

/// How the state of a breaker is told.
#[derive(Clone, Debug, PartialEq)]
pub enum Tells {
    /// By gauges with one series for each state, 1 for the one that it is in. Of several gauges the worst counts.
    OneHot(Vec<Series>, OneHot),
    /// By gauges whose value is the state.
    Codes(Vec<Series>, Vec<(f64, BreakerState)>),
    /// By how many endpoints are taken out, of how many.
    OutOf(Box<Series>, Box<Series>),
    /// By nobody: it is concluded from how often it opened and closed.
    Inferred(Box<Inferred>),
}

/// See [`Tells::OneHot`].
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OneHot {
    /// The label that names the state.
    pub label: LabelName,
    /// What its values mean, where they are not Binnacle's words.
    #[serde(default)]
    pub words: BTreeMap<String, BreakerState>,
}

impl OneHot {
    /// The state that a label value names; `None` for a word that nobody explained.
    pub fn state(&self, value: &str) -> Option<BreakerState> {
        self.words.get(value).copied().or_else(|| word(value))
    }
}

/// See [`Tells::Inferred`].
#[derive(Clone, Debug, PartialEq)]
pub struct Inferred {
    /// How often it opened.
    pub opened: Series,
    /// How often it closed.
    pub closed: Series,
    /// Calls that it let pass and that went well.
    pub passed: Option<Series>,
}

/// A counter of messages, with a label for their direction.
#[derive(Clone, Debug, PartialEq)]
pub struct Channels {
    /// The counter.
    pub total: Series,
    /// The label that names the queue or topic.
    pub channel: LabelName,
    /// Work queue or publish/subscribe.
    pub pattern: Pattern,
    /// Which messages the process published.
    pub published: LabelTest,
    /// Which it consumed.
    pub consumed: LabelTest,
}

/// What a metric is read for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reads {
    /// How much it grows.
    Growth,
    /// How much it grows, and its value.
    Both,
    /// Its value.
    Value,
    /// The growth of its buckets.
    Buckets,
    /// Its percentiles.
    Quantiles,
}

impl Dialect {
    /// Reads a dialect; `file` is what errors call it.
    pub fn parse(file: &str, text: &str) -> Result<Self, DialectError> {
        toml_edit::de::from_str(text).map_err(|error| {
            let (line, column) = place(text, error.span().map_or(0, |span| span.start));
            DialectError { file: file.to_owned(), line, column, what: error.message().to_owned() }
        })
    }

    /// Everything that it reads, and for what.
    pub fn series(&self) -> Vec<(&Series, Reads)> {
        let mut all = Vec::new();
        all.extend(self.calls.iter().flat_map(Calls::series));
        all.extend(self.served.iter().flat_map(Served::series));
        all.extend(self.breakers.iter().flat_map(Breakers::series));
        all.extend(self.channels.iter().map(|channels| (&channels.total, Reads::Growth)));
        all
    }
}

impl Latency {
    fn read(&self) -> (&Series, Reads) {
        let reads = match self.form {
            LatencyForm::Histogram => Reads::Buckets,
            LatencyForm::Summary => Reads::Quantiles,
        };
        (&self.series, reads)
    }
}

/// Line and column of a byte, from 1.
fn place(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    let column = before.get(line_start..).map_or(0, |part| part.chars().count());
    (before.matches('\n').count() + 1, column + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        pairs.iter().map(|(name, value)| (Arc::from(*name), Arc::from(*value))).collect()
    }

    #[test]
    fn every_built_in_dialect_is_read() {
        assert_eq!(Dialects::built_in().faults(), []);
        let names: std::collections::BTreeSet<Arc<str>> =
            Dialects::built_in().iter().map(|one| one.name.clone()).collect();
        assert_eq!(names.len(), Dialects::built_in().listed().len(), "two have one name");
    }

    #[test]
    fn words_come_from_labels_or_are_always_the_same() {
        let text = r#"
            name = "x"
            title = "X"
            [[calls]]
            total = "x_total"
            callee = "to"
            protocol = { label = "proto", words = { h2c = "http" } }
            pattern = { always = "rpc" }
            failed = { label = "code", starts_with = ["5"], is = ["0", ""] }
        "#;
        let dialect = Dialect::parse("x.toml", text).unwrap();
        let calls = &dialect.calls[0];
        for (value, protocol) in [
            ("h2c", Protocol::Http),
            ("grpc", Protocol::Grpc),
            ("carrier_pigeon", Protocol::Unknown),
            ("", Protocol::Unknown),
        ] {
            assert_eq!(calls.protocol.of(&labels(&[("proto", value)])), protocol, "{value}");
        }
        assert_eq!(calls.pattern.of(&Labels::new()), Pattern::Rpc);
        assert_eq!(calls.payload.of(&Labels::new()), Payload::Unknown);
        let failed = &calls.failed[0];
        assert!(["503", "0", ""].iter().all(|code| failed.holds(&labels(&[("code", code)]))));
        assert!(failed.holds(&Labels::new()) && !failed.holds(&labels(&[("code", "200")])));
    }

    #[test]
    fn each_mistake_is_shown_where_it_is() {
        for (text, place, what) in [
            ("name = \"x\"\ntitle = 3\n", (2, 9), "invalid type"),
            ("name = \"x\"\ntitle = \"X\"\nextra = 1\n", (3, 1), "unknown field `extra`"),
            ("name = \"x\"\ntitle = [\n", (2, 10), "unclosed array"),
            (
                "name = \"x\"\ntitle = \"X\"\n[[calls]]\ntotal = \"a b\"\ncallee = \"c\"\n",
                (4, 9),
                "is not the name of a metric",
            ),
            (
                "name = \"x\"\ntitle = \"X\"\n[[calls]]\ntotal = \"a\"\ncallee = \"c:d\"\n",
                (5, 10),
                "is not the name of a label",
            ),
            (
                "name = \"x\"\ntitle = \"X\"\n[[calls]]\ntotal = \"a\"\ncallee = \"c\"\nprotocol = { always = \"pigeon\" }\n",
                (6, 23),
                "unknown variant",
            ),
            (
                "name = \"x\"\ntitle = \"X\"\n[[calls]]\ntotal = \"a\"\ncallee = \"c\"\nprotocol = {}\n",
                (6, 12),
                "either `always`, or `label`",
            ),
            (
                "name = \"x\"\ntitle = \"X\"\n[[calls]]\ntotal = \"a\"\ncallee = \"c\"\nfailed = { label = \"d\" }\n",
                (6, 10),
                "never hold",
            ),
        ] {
            let error = Dialect::parse("x.toml", text).unwrap_err();
            assert_eq!((error.line, error.column), place, "{error}");
            assert!(error.what.contains(what), "{error}");
        }
    }

    #[test]
    fn what_would_be_guessed_or_added_twice_is_refused() {
        let head = "name = \"x\"\ntitle = \"X\"\n";
        let breaker = "[[breakers]]\nstate = \"s\"\nname = \"n\"\nkind = \"failure\"\n";
        let calls = "[[calls]]\ntotal = \"t\"\ncallee = \"c\"\n";
        for (text, what) in [
            (format!("{head}{breaker}"), "with one of `one_hot`, `codes`"),
            (
                format!("{head}{breaker}one_hot = {{ label = \"l\" }}\ncodes = {{ open = 1 }}\n"),
                "with one of `one_hot`, `codes`",
            ),
            (format!("{head}{calls}{calls}"), "`t` is named twice"),
        ] {
            let error = Dialect::parse("x.toml", &text).unwrap_err();
            assert!(error.what.contains(what), "{error}");
        }
    }

    #[test]
    fn codes_of_a_breaker_are_read() {
        let text = "name = \"x\"\ntitle = \"X\"\n[[breakers]]\nstate = \"s\"\nname = \"n\"\nkind = \"failure\"\ncodes = { closed = [0, 3], half_open = 1, open = 2.0 }\n";
        let dialect = Dialect::parse("x.toml", text).unwrap();
        let Tells::Codes(_, codes) = &dialect.breakers[0].tells else { panic!("no codes") };
        let closed = BreakerState::Closed;
        assert_eq!(codes, &[(0.0, closed), (3.0, closed), (1.0, BreakerState::HalfOpen), (2.0, BreakerState::Open)]);
    }
}
