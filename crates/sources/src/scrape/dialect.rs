//! A dialect: how one telemetry library or mesh names its metrics. Data, not code: a TOML file, described for users in
//! `docs/dialects.md`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, LazyLock};

use binnacle_model::fact::{BreakerKind, BreakerState, Pattern, Payload, Protocol};
use serde::Deserialize;
use serde::de::IntoDeserializer;
use serde::de::value::{Error as WordError, StrDeserializer};

use super::exposition::Labels;

include!(concat!(env!("OUT_DIR"), "/dialects.rs"));

/// The dialects that come with Binnacle.
pub fn built_in() -> &'static [Dialect] {
    static DIALECTS: LazyLock<Vec<Dialect>> = LazyLock::new(|| {
        let read = BUILT_IN.iter().map(|(file, text)| Dialect::parse(file, text));
        read.filter_map(|dialect| dialect.inspect_err(|error| tracing::error!(%error, "a dialect is left out")).ok())
            .collect()
    });
    &DIALECTS
}

/// Why a file is not a dialect.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
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
#[serde(try_from = "Written")]
pub struct Dialect {
    /// A short word for it.
    pub name: String,
    /// For people.
    pub title: String,
    /// Counters of calls that a process makes.
    pub calls: Vec<Calls>,
    /// States of circuit breakers.
    pub breakers: Vec<Breakers>,
    /// Counters of messages that a process publishes and consumes.
    pub channels: Vec<Channels>,
    /// Every name that may stand on a line that is of interest.
    read: BTreeSet<Arc<str>>,
}

/// The file as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    name: String,
    title: String,
    #[serde(default)]
    calls: Vec<Calls>,
    #[serde(default)]
    breakers: Vec<Breakers>,
    #[serde(default)]
    channels: Vec<Channels>,
}

/// A counter of calls, on the caller's side.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calls {
    /// The counter.
    pub total: MetricName,
    /// The label that names whom is called.
    pub callee: LabelName,
    /// What travels.
    #[serde(default)]
    pub protocol: Told<Protocol>,
    /// How the two sides talk.
    #[serde(default)]
    pub pattern: Told<Pattern>,
    /// The body's format.
    #[serde(default)]
    pub payload: Told<Payload>,
    /// Which of the calls failed.
    pub failed: Option<LabelTest>,
    /// Which were never sent.
    pub refused: Option<LabelTest>,
    /// How long they took.
    pub latency: Option<Latency>,
}

impl Calls {
    /// Whether a series counts calls that were never sent.
    pub fn is_refused(&self, labels: &Labels) -> bool {
        self.refused.as_ref().is_some_and(|test| test.holds(labels))
    }
}

/// A classic histogram with the same labels as its counter.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Latency {
    /// The histogram's name, without `_bucket`.
    pub histogram: MetricName,
    /// What its bounds are counted in.
    pub unit: Unit,
}

/// The unit of a latency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unit {
    /// Seconds.
    Seconds,
    /// Milliseconds.
    Milliseconds,
}

impl Unit {
    /// A value of this unit in milliseconds.
    pub fn to_ms(self, value: f64) -> f64 {
        match self {
            Self::Seconds => value * 1000.0,
            Self::Milliseconds => value,
        }
    }
}

/// A gauge that tells the states of breakers.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Breakers {
    /// The gauge.
    pub state: MetricName,
    /// The label that names whom the guarded calls go to, where there is one.
    pub callee: Option<LabelName>,
    /// The label with the breaker's own name; without it the callee's name stands for it.
    pub name: Option<LabelName>,
    /// Failure, capacity or endpoint.
    pub kind: BreakerKind,
    /// One series for each state, 1 for the state that it is in.
    pub one_hot: Option<OneHot>,
    /// One series whose value is the state. The codes of libraries differ, so there is no default.
    pub codes: Option<BTreeMap<BreakerState, f64>>,
    /// The counter of refused calls, with the same labels.
    pub refused: Option<MetricName>,
}

/// See [`Breakers::one_hot`].
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

/// A counter of messages, with a label for their direction.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Channels {
    /// The counter.
    pub total: MetricName,
    /// The label that names the queue or topic.
    pub channel: LabelName,
    /// Work queue or publish/subscribe.
    pub pattern: Pattern,
    /// Which messages the process published.
    pub published: LabelTest,
    /// Which it consumed.
    pub consumed: LabelTest,
}

/// The name of a metric, valid in the text format.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct MetricName(Arc<str>);

impl MetricName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name as shared text.
    pub fn shared(&self) -> &Arc<str> {
        &self.0
    }
}

impl fmt::Display for MetricName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for MetricName {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if is_name(&text, true) {
            return Ok(Self(Arc::from(text)));
        }
        Err(format!("`{text}` is not the name of a metric: letters, digits, `_` and `:`, no digit first"))
    }
}

/// The name of a label, valid in the text format.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct LabelName(String);

impl LabelName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its value among these labels. An empty value is no value, as Prometheus has it.
    pub fn of<'a>(&self, labels: &'a Labels) -> Option<&'a Arc<str>> {
        labels.get(self.as_str()).filter(|value| !value.is_empty())
    }
}

impl TryFrom<String> for LabelName {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if is_name(&text, false) {
            return Ok(Self(text));
        }
        Err(format!("`{text}` is not the name of a label: letters, digits and `_`, no digit first"))
    }
}

fn is_name(text: &str, colons: bool) -> bool {
    let inner = |c: char| c.is_ascii_alphanumeric() || c == '_' || (colons && c == ':');
    text.starts_with(|c: char| inner(c) && !c.is_ascii_digit()) && text.chars().all(inner)
}

/// Where a word such as the protocol comes from.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(try_from = "WrittenTold<T>", bound(deserialize = "T: Deserialize<'de>"))]
pub enum Told<T> {
    /// Nobody says.
    #[default]
    Nowhere,
    /// The same for every series.
    Always(T),
    /// The value of a label.
    ByLabel {
        /// The label.
        label: LabelName,
        /// What its values mean, where they are not Binnacle's words.
        words: BTreeMap<String, T>,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, bound(deserialize = "T: Deserialize<'de>"))]
struct WrittenTold<T> {
    always: Option<T>,
    label: Option<LabelName>,
    #[serde(default = "BTreeMap::new")]
    words: BTreeMap<String, T>,
}

impl<T> TryFrom<WrittenTold<T>> for Told<T> {
    type Error = &'static str;

    fn try_from(written: WrittenTold<T>) -> Result<Self, Self::Error> {
        match (written.always, written.label) {
            (Some(word), None) if written.words.is_empty() => Ok(Self::Always(word)),
            (None, Some(label)) => Ok(Self::ByLabel { label, words: written.words }),
            _ => Err("give either `always`, or `label` with or without `words`"),
        }
    }
}

impl<T> Told<T> {
    /// The label that says it, where one does.
    pub fn label(&self) -> Option<&LabelName> {
        match self {
            Self::ByLabel { label, .. } => Some(label),
            Self::Nowhere | Self::Always(_) => None,
        }
    }
}

impl<T: Copy + Default + for<'de> Deserialize<'de>> Told<T> {
    /// The word for a series; the default, which is "unknown", where nobody says.
    pub fn of(&self, labels: &Labels) -> T {
        match self {
            Self::Nowhere => T::default(),
            Self::Always(word) => *word,
            Self::ByLabel { label, words } => {
                let value = label.of(labels);
                value.and_then(|value| words.get(&**value).copied().or_else(|| word(value))).unwrap_or_default()
            }
        }
    }
}

/// One of Binnacle's own words (`half_open`, `request_response`), as the public JSON spells it.
fn word<T: for<'de> Deserialize<'de>>(text: &str) -> Option<T> {
    let text: StrDeserializer<'_, WordError> = text.into_deserializer();
    T::deserialize(text).ok()
}

/// A test of one label.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "WrittenTest")]
pub struct LabelTest {
    label: LabelName,
    is: Vec<String>,
    starts_with: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenTest {
    label: LabelName,
    #[serde(default)]
    is: Vec<String>,
    #[serde(default)]
    starts_with: Vec<String>,
}

impl TryFrom<WrittenTest> for LabelTest {
    type Error = &'static str;

    fn try_from(written: WrittenTest) -> Result<Self, Self::Error> {
        let WrittenTest { label, is, starts_with } = written;
        if is.is_empty() && starts_with.is_empty() {
            return Err("give the values with `is` or `starts_with`: this test would never hold");
        }
        Ok(Self { label, is, starts_with })
    }
}

impl LabelTest {
    /// The label that is tested.
    pub fn label(&self) -> &str {
        self.label.as_str()
    }

    /// The values for which it holds.
    pub fn values(&self) -> impl Iterator<Item = &str> {
        self.is.iter().map(String::as_str)
    }

    /// What a value may start with for it to hold.
    pub fn starts(&self) -> impl Iterator<Item = &str> {
        self.starts_with.iter().map(String::as_str)
    }

    /// Whether it holds for a series. A label that is not there is empty, as Prometheus has it.
    pub fn holds(&self, labels: &Labels) -> bool {
        let value = labels.get(self.label.as_str()).map_or("", |value| &**value);
        self.is.iter().any(|known| known == value)
            || self.starts_with.iter().any(|start| value.starts_with(start.as_str()))
    }
}

impl TryFrom<Written> for Dialect {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        let Written { name, title, calls, breakers, channels } = written;
        let mut read = BTreeSet::new();
        let mut once = |metric: Arc<str>| {
            let is_new = read.insert(metric.clone());
            is_new
                .then_some(())
                .ok_or_else(|| format!("`{metric}` is named twice: what it counts would be added twice"))
        };
        for calls in &calls {
            once(calls.total.shared().clone())?;
            if let Some(latency) = &calls.latency {
                once(Arc::from(format!("{}_bucket", latency.histogram)))?;
            }
        }
        for breakers in &breakers {
            if breakers.one_hot.is_some() == breakers.codes.is_some() {
                return Err(format!("`{}` needs either `one_hot` or `codes`", breakers.state));
            }
            once(breakers.state.shared().clone())?;
            if let Some(refused) = &breakers.refused {
                once(refused.shared().clone())?;
            }
        }
        for channels in &channels {
            once(channels.total.shared().clone())?;
        }
        Ok(Self { name, title, calls, breakers, channels, read })
    }
}

impl Dialect {
    /// Reads a dialect; `file` is what errors call it.
    pub fn parse(file: &str, text: &str) -> Result<Self, DialectError> {
        toml_edit::de::from_str(text).map_err(|error| {
            let (line, column) = place(text, error.span().map_or(0, |span| span.start));
            DialectError { file: file.to_owned(), line, column, what: error.message().to_owned() }
        })
    }

    /// Every name that may stand on a line that is of interest.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.read.iter().map(|name| &**name)
    }

    /// Whether a line with this name is of interest.
    pub fn reads(&self, name: &str) -> bool {
        self.read.contains(name)
    }

    /// Whether a metric is a counter (or a histogram) of this dialect, so that its changes are what counts.
    pub fn counts(&self, name: &str) -> bool {
        let of_calls = |calls: &Calls| {
            calls.total.as_str() == name
                || calls.latency.as_ref().is_some_and(|latency| latency.histogram.as_str() == name)
        };
        self.calls.iter().any(of_calls)
            || self.breakers.iter().any(|one| one.refused.as_ref().is_some_and(|refused| refused.as_str() == name))
            || self.channels.iter().any(|channels| channels.total.as_str() == name)
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
        for (file, text) in BUILT_IN {
            if let Err(error) = Dialect::parse(file, text) {
                panic!("{error}");
            }
        }
        assert_eq!(built_in().len(), BUILT_IN.len());
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
        let failed = calls.failed.as_ref().unwrap();
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
        let breaker = "[[breakers]]\nstate = \"s\"\nkind = \"failure\"\n";
        let calls = "[[calls]]\ntotal = \"t\"\ncallee = \"c\"\n";
        for (text, what) in [
            (format!("{head}{breaker}"), "either `one_hot` or `codes`"),
            (
                format!("{head}{breaker}one_hot = {{ label = \"l\" }}\ncodes = {{ open = 1 }}\n"),
                "either `one_hot` or `codes`",
            ),
            (format!("{head}{calls}{calls}"), "`t` is named twice"),
        ] {
            let error = Dialect::parse("x.toml", &text).unwrap_err();
            assert!(error.what.contains(what), "{error}");
        }
    }

    #[test]
    fn codes_of_a_breaker_are_read() {
        let text = "name = \"x\"\ntitle = \"X\"\n[[breakers]]\nstate = \"s\"\nkind = \"failure\"\ncodes = { closed = 0, half_open = 1, open = 2 }\n";
        let dialect = Dialect::parse("x.toml", text).unwrap();
        let codes = dialect.breakers[0].codes.as_ref().unwrap();
        assert_eq!(codes.get(&BreakerState::HalfOpen), Some(&1.0));
    }
}
