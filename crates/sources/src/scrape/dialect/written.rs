//! A dialect as its file has it, and how it becomes one.

use std::collections::BTreeMap;
use std::sync::Arc;

use binnacle_model::fact::{BreakerKind, BreakerState, Pattern, Payload, Protocol, Side};
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, SeqAccess, Visitor};

use super::party::PartyRule;
use super::words::{LabelName, LabelTest, MetricName, OneOrMore, Told};
use super::{
    Breakers, Calls, Channels, Dialect, Inferred, Latency, LatencyForm, OneHot, Reads, Series, Served, Tells, Unit,
};

/// The file as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Written {
    name: String,
    title: String,
    #[serde(default = "yes")]
    types: bool,
    #[serde(default)]
    calls: Vec<WrittenCalls>,
    #[serde(default)]
    served: Vec<WrittenServed>,
    #[serde(default)]
    breakers: Vec<WrittenBreakers>,
    #[serde(default)]
    channels: Vec<WrittenChannels>,
}

fn yes() -> bool {
    true
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenCalls {
    total: OneOrMore<MetricName>,
    #[serde(default, rename = "where")]
    tests: OneOrMore<LabelTest>,
    #[serde(default)]
    caller: OneOrMore<PartyRule>,
    callee: OneOrMore<PartyRule>,
    #[serde(default)]
    observer: Told<Side>,
    #[serde(default)]
    protocol: Told<Protocol>,
    #[serde(default)]
    pattern: Told<Pattern>,
    #[serde(default)]
    payload: Told<Payload>,
    #[serde(default)]
    failed: OneOrMore<LabelTest>,
    #[serde(default)]
    failed_total: Option<Counter>,
    #[serde(default)]
    refused: OneOrMore<LabelTest>,
    #[serde(default)]
    latency: OneOrMore<WrittenLatency>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenServed {
    total: OneOrMore<MetricName>,
    #[serde(default, rename = "where")]
    tests: OneOrMore<LabelTest>,
    #[serde(default)]
    process: OneOrMore<PartyRule>,
    offers: Option<LabelName>,
    #[serde(default)]
    protocol: Told<Protocol>,
    #[serde(default)]
    failed: OneOrMore<LabelTest>,
    #[serde(default)]
    failed_total: Option<Counter>,
    #[serde(default)]
    latency: OneOrMore<WrittenLatency>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenLatency {
    #[serde(default)]
    histogram: OneOrMore<MetricName>,
    #[serde(default)]
    summary: OneOrMore<MetricName>,
    unit: Unit,
    #[serde(default, rename = "where")]
    tests: OneOrMore<LabelTest>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenBreakers {
    #[serde(default)]
    state: OneOrMore<MetricName>,
    #[serde(default, rename = "where")]
    tests: OneOrMore<LabelTest>,
    #[serde(default)]
    caller: OneOrMore<PartyRule>,
    #[serde(default)]
    callee: OneOrMore<PartyRule>,
    #[serde(default)]
    name: OneOrMore<LabelName>,
    kind: BreakerKind,
    one_hot: Option<OneHot>,
    codes: Option<BTreeMap<BreakerState, OneOrMore<f64>>>,
    out_of: Option<MetricName>,
    inferred: Option<WrittenInferred>,
    refused: Option<Counter>,
    failing_percent: Option<MetricName>,
    #[serde(default)]
    derived: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenInferred {
    opened: Counter,
    closed: Counter,
    passed: Option<Counter>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenChannels {
    total: OneOrMore<MetricName>,
    channel: LabelName,
    pattern: Pattern,
    published: LabelTest,
    consumed: LabelTest,
}

/// A counter: its name, several, or a table with tests.
#[derive(Default, Deserialize)]
#[serde(from = "SpelledCounter")]
struct Counter {
    total: OneOrMore<MetricName>,
    tests: OneOrMore<LabelTest>,
}

struct SpelledCounter(Counter);

impl From<SpelledCounter> for Counter {
    fn from(spelled: SpelledCounter) -> Self {
        spelled.0
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CounterTable {
    total: OneOrMore<MetricName>,
    #[serde(default, rename = "where")]
    tests: OneOrMore<LabelTest>,
}

impl<'de> Deserialize<'de> for SpelledCounter {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NamesOrTable)
    }
}

struct NamesOrTable;

impl<'de> Visitor<'de> for NamesOrTable {
    type Value = SpelledCounter;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a metric's name, a list of names, or a table with `total`")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<SpelledCounter, E> {
        let name = MetricName::try_from(text.to_owned()).map_err(E::custom)?;
        Ok(SpelledCounter(Counter { total: OneOrMore(vec![name]), tests: OneOrMore::default() }))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<SpelledCounter, A::Error> {
        let mut names = Vec::new();
        while let Some(name) = list.next_element()? {
            names.push(name);
        }
        Ok(SpelledCounter(Counter { total: OneOrMore(names), tests: OneOrMore::default() }))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<SpelledCounter, A::Error> {
        let CounterTable { total, tests } = CounterTable::deserialize(MapAccessDeserializer::new(map))?;
        Ok(SpelledCounter(Counter { total, tests }))
    }
}

/// What all series of one rule have in common.
struct Rule {
    /// `istio/calls/0`.
    id: String,
    tests: Vec<LabelTest>,
    labels: Vec<LabelName>,
    of_process: bool,
}

impl Rule {
    fn new<'a>(id: String, tests: OneOrMore<LabelTest>, parties: impl IntoIterator<Item = &'a Vec<PartyRule>>) -> Self {
        let parties: Vec<&PartyRule> = parties.into_iter().flatten().collect();
        let labels = parties.iter().flat_map(|rule| rule.labels()).cloned().collect();
        Self { id, tests: tests.0, labels, of_process: parties.iter().any(|rule| rule.is_process()) }
    }

    /// A series of this rule; `part` tells it from the rule's others.
    fn series<'a>(
        &'a self,
        part: &str,
        names: Vec<MetricName>,
        tests: &[LabelTest],
        more: impl IntoIterator<Item = &'a LabelName>,
    ) -> Series {
        Series {
            id: Arc::from(format!("{}/{part}", self.id)),
            names,
            tests: self.tests.iter().chain(tests).cloned().collect(),
            except: Vec::new(),
            labels: self.labels.iter().chain(more).cloned().collect(),
            of_process: self.of_process,
        }
    }

    fn counter(&self, part: &str, counter: Counter) -> Result<Series, String> {
        Ok(self.series(part, named(counter.total, part)?, &counter.tests.0, []))
    }

    fn latency(&self, written: OneOrMore<WrittenLatency>, except: &[LabelTest]) -> Result<Vec<Latency>, String> {
        let one = |(position, written): (usize, WrittenLatency)| {
            let (form, names) = match (written.histogram.0, written.summary.0) {
                (histogram, summary) if summary.is_empty() && !histogram.is_empty() => {
                    (LatencyForm::Histogram, histogram)
                }
                (histogram, summary) if histogram.is_empty() && !summary.is_empty() => (LatencyForm::Summary, summary),
                _ => return Err("`latency` needs either `histogram` or `summary`".to_owned()),
            };
            let series = self.series(&format!("latency{position}"), names, &written.tests.0, []);
            Ok(Latency { series: Series { except: except.to_vec(), ..series }, form, unit: written.unit })
        };
        written.0.into_iter().enumerate().map(one).collect()
    }
}

fn labels_of(tests: &[LabelTest]) -> impl Iterator<Item = &LabelName> {
    tests.iter().map(LabelTest::label)
}

fn named(names: OneOrMore<MetricName>, what: &str) -> Result<Vec<MetricName>, String> {
    if names.0.is_empty() { Err(format!("`{what}` names no metric")) } else { Ok(names.0) }
}

impl WrittenCalls {
    fn read(self, id: String) -> Result<Calls, String> {
        let (caller, callee) = (self.caller.0, self.callee.0);
        if callee.is_empty() {
            return Err("`callee` names no label".to_owned());
        }
        let mut rule = Rule::new(id, self.tests, [&caller, &callee]);
        rule.of_process |= caller.is_empty();
        let words = [self.observer.label(), self.protocol.label(), self.pattern.label(), self.payload.label()];
        rule.labels.extend(words.into_iter().flatten().cloned());
        let outcomes = labels_of(&self.failed.0).chain(labels_of(&self.refused.0));
        let total = rule.series("total", named(self.total, "total")?, &[], outcomes);
        let failed_total = self.failed_total.map(|failed| rule.counter("failed_total", failed)).transpose()?;
        let latency = rule.latency(self.latency, &self.refused.0)?;
        let (observer, protocol, pattern, payload) = (self.observer, self.protocol, self.pattern, self.payload);
        let (failed, refused) = (self.failed.0, self.refused.0);
        Ok(Calls {
            total,
            failed_total,
            caller,
            callee,
            observer,
            protocol,
            pattern,
            payload,
            failed,
            refused,
            latency,
        })
    }
}

impl WrittenServed {
    fn read(self, id: String) -> Result<Served, String> {
        let process = self.process.0;
        let mut rule = Rule::new(id, self.tests, [&process]);
        rule.of_process |= process.is_empty();
        rule.labels.extend([&self.offers, &self.protocol.label().cloned()].into_iter().flatten().cloned());
        let total = rule.series("total", named(self.total, "total")?, &[], labels_of(&self.failed.0));
        let failed_total = self.failed_total.map(|failed| rule.counter("failed_total", failed)).transpose()?;
        let latency = rule.latency(self.latency, &[])?;
        let (offers, protocol, failed) = (self.offers, self.protocol, self.failed.0);
        Ok(Served { total, failed_total, process, offers, protocol, failed, latency })
    }
}

impl WrittenBreakers {
    fn read(self, id: String) -> Result<Breakers, String> {
        let (caller, callee, name) = (self.caller.0, self.callee.0, self.name.0);
        if callee.is_empty() && name.is_empty() {
            return Err("a breaker needs a `callee` or a `name`: nothing else tells one from another".to_owned());
        }
        let mut rule = Rule::new(id, self.tests, [&caller, &callee]);
        rule.of_process |= caller.is_empty();
        rule.labels.extend(name.iter().cloned());
        let state = self.state.0;
        let gauges = |more: Option<&LabelName>| -> Vec<Series> {
            let numbered = state.iter().enumerate();
            numbered.map(|(n, gauge)| rule.series(&format!("state{n}"), vec![gauge.clone()], &[], more)).collect()
        };
        let tells = match (self.one_hot, self.codes, self.out_of, self.inferred) {
            (Some(one_hot), None, None, None) => Tells::OneHot(gauges(Some(&one_hot.label)), one_hot),
            (None, Some(codes), None, None) => {
                let pairs =
                    codes.into_iter().flat_map(|(state, codes)| codes.0.into_iter().map(move |code| (code, state)));
                Tells::Codes(gauges(None), pairs.collect())
            }
            (None, None, Some(of), None) => {
                let out = gauges(None).pop().ok_or("`state` names no metric")?;
                Tells::OutOf(Box::new(out), Box::new(rule.series("of", vec![of], &[], [])))
            }
            (None, None, None, Some(from)) if state.is_empty() => {
                let passed = from.passed.map(|passed| rule.counter("passed", passed)).transpose()?;
                let (opened, closed) = (rule.counter("opened", from.opened)?, rule.counter("closed", from.closed)?);
                Tells::Inferred(Box::new(Inferred { opened, closed, passed }))
            }
            _ => {
                return Err("a breaker needs `state` with one of `one_hot`, `codes` and `out_of`, or `inferred` alone"
                    .to_owned());
            }
        };
        if state.is_empty() && !matches!(tells, Tells::Inferred(_)) {
            return Err("`state` names no metric".to_owned());
        }
        let derived = self.derived || matches!(tells, Tells::Inferred(_));
        let refused = self.refused.map(|refused| rule.counter("refused", refused)).transpose()?;
        let failing = self.failing_percent.map(|gauge| rule.series("failing_percent", vec![gauge], &[], []));
        Ok(Breakers { tells, caller, callee, name, kind: self.kind, refused, failing, derived })
    }
}

impl WrittenChannels {
    fn read(self, id: String) -> Result<Channels, String> {
        let mut rule = Rule::new(id, OneOrMore::default(), []);
        rule.of_process = true;
        let (channel, pattern, published, consumed) = (self.channel, self.pattern, self.published, self.consumed);
        let labels = [&channel, published.label(), consumed.label()];
        let total = rule.series("total", named(self.total, "total")?, &[], labels);
        Ok(Channels { total, channel, pattern, published, consumed })
    }
}

/// Reads each rule of a section, and says of which one a mistake is.
fn rules<W, R>(
    dialect: &str,
    section: &str,
    written: Vec<W>,
    read: impl Fn(W, String) -> Result<R, String>,
) -> Result<Vec<R>, String> {
    let numbered = written.into_iter().enumerate();
    let rule = |(n, one)| {
        read(one, format!("{dialect}/{section}/{n}")).map_err(|what| format!("[[{section}]] number {}: {what}", n + 1))
    };
    numbered.map(rule).collect()
}

impl TryFrom<Written> for Dialect {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        let name = written.name;
        let is_word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
        if name.is_empty() || !name.chars().all(is_word) {
            return Err(format!("`{name}` is no short word: small letters, digits, `-` and `_`"));
        }
        let dialect = Self {
            calls: rules(&name, "calls", written.calls, WrittenCalls::read)?,
            served: rules(&name, "served", written.served, WrittenServed::read)?,
            breakers: rules(&name, "breakers", written.breakers, WrittenBreakers::read)?,
            channels: rules(&name, "channels", written.channels, WrittenChannels::read)?,
            name: Arc::from(name),
            title: written.title,
            types: written.types,
        };
        let grown = |reads: &Reads| !matches!(reads, Reads::Value);
        let series = dialect.series();
        for (position, (one, reads)) in series.iter().enumerate() {
            let mut before = series.iter().take(position).filter(|(_, other)| grown(reads) && grown(other));
            if let Some(metric) = before.find_map(|(other, _)| other.overlaps(one)) {
                return Err(format!("`{metric}` is named twice: what it counts would be added twice"));
            }
        }
        Ok(dialect)
    }
}
