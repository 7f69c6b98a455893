//! From what is known of one process's metrics to calls and breakers: the same for metrics that were read from the process
//! itself and for the answers of a server. Pure: readings and dialects in, observations out.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use binnacle_model::fact::{
    BreakerFact, BreakerKind, BreakerState, CallsBasis, CallsFact, Fact, How, ObjectKey, Observation, Observer, Origin,
    Party, Pattern, Payload, Protocol, ServedFact, Side, Signals, Tripping,
};
use jiff::Timestamp;
use serde::Serialize;

use super::dialect::{
    Breakers, Calls, Channels, Dialect, Dialects, Inferred, Latency, LatencyForm, MetricName, Series, Served, Tells,
    Unit,
};
use super::exposition::{Bucket, Labels, Sample, Value};
use super::rate::{SeriesKey, Window, add_buckets, quantile};

/// The collection of measured calls.
pub const CALLS: &str = "calls";
/// The collection of what processes answer.
pub const SERVED: &str = "served";
/// The collection of breakers.
pub const BREAKERS: &str = "breakers";
/// Every collection of facts that metrics bring.
pub const COLLECTIONS: [&str; 3] = [CALLS, SERVED, BREAKERS];

/// What one process showed.
#[derive(Clone, Copy)]
pub struct Shown<'a> {
    /// The process; `None` where numbers of many processes are summed by what their labels say.
    pub process: Option<&'a Party>,
    /// What stands before the keys of its objects: `127.0.0.1:9100`.
    pub name: &'a str,
    /// Its metrics.
    pub readings: &'a dyn Readings,
}

/// The metrics of one process, however they were read.
pub trait Readings {
    /// How much each series of a counter grows per second; `None` for one of which that is not known yet.
    fn rates(&self, series: &Series) -> Vec<(&Labels, Option<f64>)>;
    /// What each series of durations took lately; those without a measurement are left out.
    fn durations(&self, latency: &Latency) -> Vec<(&Labels, Durations)>;
    /// The value of each series of a gauge.
    fn values(&self, series: &Series) -> Vec<(&Labels, f64)>;
    /// The value of each series of a counter.
    fn totals(&self, series: &Series) -> Vec<(&Labels, f64)>;
    /// The metric's own name, of those that it may have.
    fn name(&self, series: &Series) -> Arc<str>;
    /// Whether it is not known which series of this there are: its question has no answer yet, or none any more. Then what they would
    /// say is left open: that no call failed, or that a breaker never closed, is something else.
    fn lacks(&self, series: &Series) -> bool;
    /// What was asked for a metric, and when the answer came.
    fn told(&self, series: &Series) -> (Arc<str>, Timestamp);
}

/// How long calls took, in the unit of their metric.
#[derive(Clone, Debug, PartialEq)]
pub enum Durations {
    /// As the buckets of a histogram, per second.
    Buckets(Vec<Bucket>),
    /// As somebody worked it out: the 50th, 95th and 99th percentile.
    Percentiles([Option<f64>; 3]),
}

/// The percentiles that are shown.
pub const PERCENTILES: [f64; 3] = [0.50, 0.95, 0.99];
/// The label of a summary's percentile.
pub(crate) const QUANTILE: &str = "quantile";

impl Durations {
    /// These calls and those together. Of percentiles the slower part's stands, see [`Signals::and`].
    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Buckets(mine), Self::Buckets(theirs)) => Self::Buckets(add_buckets(&mine, &theirs)),
            (Self::Percentiles(mut mine), Self::Percentiles(theirs)) => {
                for (mine, theirs) in mine.iter_mut().zip(theirs) {
                    *mine = match (*mine, theirs) {
                        (Some(mine), Some(theirs)) => Some(mine.max(theirs)),
                        (mine, theirs) => mine.or(theirs),
                    };
                }
                Self::Percentiles(mine)
            }
            (mine, _) => mine,
        }
    }

    fn percentiles(&self) -> [Option<f64>; 3] {
        match self {
            Self::Buckets(buckets) => PERCENTILES.map(|q| quantile(q, buckets)),
            Self::Percentiles(percentiles) => *percentiles,
        }
    }
}

/// What a summary's sample tells: one of [`PERCENTILES`], by the value of its label. Not a number where there was no call lately.
pub(crate) fn of_quantile(label: &str, value: f64) -> Option<Durations> {
    let q: f64 = label.parse().ok()?;
    let told = PERCENTILES.map(|known| ((known - q).abs() < 1e-9 && value.is_finite()).then_some(value));
    told.iter().any(Option::is_some).then_some(Durations::Percentiles(told))
}

/// The metrics of a process as it showed them itself.
#[derive(Clone, Copy, Debug)]
pub struct Scraped<'a> {
    /// What was asked, for the evidence: `GET http://127.0.0.1:9100/metrics`.
    pub query: &'a str,
    /// When it was asked last.
    pub seen: Timestamp,
    /// Its counters over the last while.
    pub window: &'a Window,
    /// Everything of its latest answer, by name.
    pub latest: &'a [Sample],
}

impl<'a> Scraped<'a> {
    /// The counters of the first name of which there are any.
    fn counters(&self, series: &Series) -> Vec<&'a SeriesKey> {
        let holds = |key: &&SeriesKey| series.holds(&key.labels);
        let named = series.names.iter().map(|name| {
            if name.around().is_some() {
                return self.window.all().filter(|key| name.fits(&key.name)).filter(holds).collect::<Vec<_>>();
            }
            self.window.series(name.shared()).filter(holds).collect()
        });
        named.into_iter().find(|found| !found.is_empty()).unwrap_or_default()
    }

    /// Samples of metrics with this name that belong to the series.
    fn named<'s>(&self, name: &'s MetricName, series: &'s Series) -> impl Iterator<Item = &'a Sample> + use<'a, 's> {
        // They stand in the order of their names.
        let latest: &'a [Sample] = self.latest;
        let is_open = name.around().is_some();
        let from = if is_open { 0 } else { latest.partition_point(|one| *one.name < *name.as_str()) };
        let samples = latest.get(from..).unwrap_or_default().iter();
        let there = samples.take_while(move |sample| is_open || *sample.name == *name.as_str());
        there.filter(move |sample| name.fits(&sample.name) && series.holds(&sample.labels))
    }

    fn samples(&self, series: &Series) -> Vec<(&'a Labels, f64)> {
        let number = |sample: &'a Sample| match sample.value {
            Value::Number(value) => Some((&sample.labels, value)),
            Value::Histogram(_) => None,
        };
        let named = series.names.iter().map(|name| self.named(name, series).filter_map(number).collect::<Vec<_>>());
        named.into_iter().find(|found| !found.is_empty()).unwrap_or_default()
    }
}

impl Readings for Scraped<'_> {
    fn rates(&self, series: &Series) -> Vec<(&Labels, Option<f64>)> {
        self.counters(series).into_iter().map(|key| (&key.labels, self.window.per_second(key))).collect()
    }

    fn durations(&self, latency: &Latency) -> Vec<(&Labels, Durations)> {
        match latency.form {
            LatencyForm::Histogram => {
                let grown = self.counters(&latency.series).into_iter();
                let grown = grown.filter_map(|key| Some((&key.labels, self.window.buckets_per_second(key)?)));
                grown.map(|(labels, buckets)| (labels, Durations::Buckets(buckets))).collect()
            }
            LatencyForm::Summary => {
                let samples = self.samples(&latency.series).into_iter();
                samples
                    .filter_map(|(labels, value)| Some((labels, of_quantile(labels.get(QUANTILE)?, value)?)))
                    .collect()
            }
        }
    }

    fn values(&self, series: &Series) -> Vec<(&Labels, f64)> {
        self.samples(series)
    }

    fn totals(&self, series: &Series) -> Vec<(&Labels, f64)> {
        self.samples(series)
    }

    fn name(&self, series: &Series) -> Arc<str> {
        let there = series.names.iter().find_map(|name| Some(self.named(name, series).next()?.name.clone()));
        there.unwrap_or_else(|| series.any_name())
    }

    /// One answer has everything.
    fn lacks(&self, _: &Series) -> bool {
        false
    }

    fn told(&self, series: &Series) -> (Arc<str>, Timestamp) {
        (Arc::from(format!("{} · {}", self.query, self.name(series))), self.seen)
    }
}

/// What a process showed, as observations. Every edge and breaker that it names is there, also one without traffic: a counter
/// that stands still is a measured zero, and what was not measured is absent. Numbers have three significant digits: what
/// changes beyond them is noise.
pub fn observations(shown: &Shown<'_>, dialects: &Dialects) -> Vec<Observation> {
    let mut observations = exact(shown, dialects);
    for observation in &mut observations {
        match &mut observation.fact {
            Fact::Calls(CallsFact { basis: CallsBasis::Observed(signals), .. })
            | Fact::Served(ServedFact { signals, .. }) => round(signals),
            Fact::Breaker(breaker) => breaker.rejected_per_s = breaker.rejected_per_s.map(rounded),
            _ => {}
        }
    }
    observations
}

/// The same with every digit.
pub fn exact(shown: &Shown<'_>, dialects: &Dialects) -> Vec<Observation> {
    let mut found = Vec::new();
    for dialect in dialects.iter() {
        found.extend(calls_of(shown, dialect));
        for served in &dialect.served {
            found.extend(served_observations(shown, dialect, served));
        }
        found.extend(breaker_observations(shown, dialect));
    }
    found
}

fn round(signals: &mut Signals) {
    let Signals { rps, error_ratio, p50_ms, p95_ms, p99_ms } = signals;
    for number in [rps, error_ratio, p50_ms, p95_ms, p99_ms] {
        *number = number.map(rounded);
    }
}

fn calls_of(shown: &Shown<'_>, dialect: &Dialect) -> Vec<Observation> {
    let mut found: BTreeMap<Route, (Signals, &Series)> = BTreeMap::new();
    for calls in &dialect.calls {
        let edges = edges(shown, calls).into_iter();
        let tells_failures = calls.tells_failures() && !lacks(shown, calls.failed_total.as_ref());
        found.extend(edges.map(|(route, sums)| (route, (sums.signals(tells_failures), &calls.total))));
    }
    let published: BTreeSet<Party> = found.keys().map(|route| route.callee.clone()).collect();
    for channels in &dialect.channels {
        for (route, signals) in messages(shown, channels) {
            // A library that counts a message as a call of its publisher has told it already.
            if !published.contains(&route.callee) {
                found.insert(route, (signals, &channels.total));
            }
        }
    }
    found
        .into_iter()
        .map(|(route, (signals, series))| calls_observation(shown, dialect, route, signals, series))
        .collect()
}

/// What one edge of a process is told apart by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Route {
    caller: Party,
    callee: Party,
    side: Side,
    protocol: Protocol,
    pattern: Pattern,
    payload: Payload,
}

/// What is being added up, per second, with durations in milliseconds.
#[derive(Default)]
struct Sums {
    sent: Option<f64>,
    failed: Option<f64>,
    durations: Option<(Durations, Unit)>,
}

impl Sums {
    fn add(&mut self, per_second: Option<f64>, is_failed: bool) {
        let Some(per_second) = per_second else { return };
        *self.sent.get_or_insert(0.0) += per_second;
        if is_failed {
            self.fail(Some(per_second));
        }
    }

    fn fail(&mut self, per_second: Option<f64>) {
        if let Some(per_second) = per_second {
            *self.failed.get_or_insert(0.0) += per_second;
        }
    }

    fn take(&mut self, durations: Durations, latency: &Latency) {
        let sum = match self.durations.take() {
            Some((known, _)) => known.and(durations),
            None => durations,
        };
        self.durations = Some((sum, latency.unit));
    }

    fn signals(&self, tells_failures: bool) -> Signals {
        let error_ratio = match self.sent {
            Some(sent) if sent > 0.0 && tells_failures => Some((self.failed.unwrap_or(0.0) / sent).min(1.0)),
            _ => None,
        };
        let in_ms = |(durations, unit): &(Durations, Unit)| {
            durations.percentiles().map(|value| value.map(|value| unit.to_ms(value)))
        };
        let [p50_ms, p95_ms, p99_ms] = self.durations.as_ref().map(in_ms).unwrap_or_default();
        Signals { rps: self.sent, error_ratio, p50_ms, p95_ms, p99_ms }
    }
}

/// Three significant digits.
pub(crate) fn rounded(value: f64) -> f64 {
    // Decimal digits are what is meant, and the standard library rounds them exactly.
    format!("{value:.2e}").parse().unwrap_or(value)
}

fn route(shown: &Shown<'_>, calls: &Calls, labels: &Labels) -> Option<Route> {
    let protocol = calls.protocol.of(labels);
    Some(Route {
        caller: calls.caller(labels, shown.process)?,
        callee: calls.callee(labels, shown.process, protocol)?,
        side: calls.observer.of(labels),
        protocol,
        pattern: calls.pattern.of(labels),
        payload: calls.payload.of(labels),
    })
}

fn edges(shown: &Shown<'_>, calls: &Calls) -> BTreeMap<Route, Sums> {
    let mut edges: BTreeMap<Route, Sums> = BTreeMap::new();
    for (labels, per_second) in shown.readings.rates(&calls.total) {
        let Some(route) = route(shown, calls, labels) else { continue };
        let sums = edges.entry(route).or_default();
        if !calls.is_refused(labels) {
            sums.add(per_second, calls.failed.iter().any(|test| test.holds(labels)));
        }
    }
    let of = |labels: &Labels| route(shown, calls, labels);
    add_failed(shown, calls.failed_total.as_ref(), &mut edges, of);
    add_durations(shown, &calls.latency, &mut edges, of);
    edges
}

fn lacks<'a>(shown: &Shown<'_>, any: impl IntoIterator<Item = &'a Series>) -> bool {
    any.into_iter().any(|series| shown.readings.lacks(series))
}

fn add_failed<K: Ord>(
    shown: &Shown<'_>,
    failed: Option<&Series>,
    sums: &mut BTreeMap<K, Sums>,
    key: impl Fn(&Labels) -> Option<K>,
) {
    for (labels, per_second) in failed.into_iter().flat_map(|failed| shown.readings.rates(failed)) {
        if let Some(sums) = key(labels).and_then(|key| sums.get_mut(&key)) {
            sums.fail(per_second);
        }
    }
}

fn add_durations<K: Ord>(
    shown: &Shown<'_>,
    latencies: &[Latency],
    sums: &mut BTreeMap<K, Sums>,
    key: impl Fn(&Labels) -> Option<K>,
) {
    let told = latencies.iter().map(|latency| (latency, shown.readings.durations(latency)));
    let Some((latency, durations)) = told.into_iter().find(|(_, durations)| !durations.is_empty()) else { return };
    for (labels, durations) in durations {
        if let Some(sums) = key(labels).and_then(|key| sums.get_mut(&key)) {
            sums.take(durations, latency);
        }
    }
}

fn messages(shown: &Shown<'_>, channels: &Channels) -> BTreeMap<Route, Signals> {
    let mut sums: BTreeMap<Route, Sums> = BTreeMap::new();
    let Some(process) = shown.process else { return BTreeMap::new() };
    for (labels, per_second) in shown.readings.rates(&channels.total) {
        let Some(channel) = channels.channel.of(labels) else { continue };
        let channel = Party::Channel(channel.clone());
        let (caller, callee, side) = if channels.published.holds(labels) {
            (process.clone(), channel, Side::Caller)
        } else if channels.consumed.holds(labels) {
            (channel, process.clone(), Side::Callee)
        } else {
            continue;
        };
        let (protocol, pattern, payload) = (Protocol::Messaging, channels.pattern, Payload::Unknown);
        sums.entry(Route { caller, callee, side, protocol, pattern, payload }).or_default().add(per_second, false);
    }
    sums.into_iter().map(|(route, sums)| (route, sums.signals(false))).collect()
}

/// What one process's answers are told apart by.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Answering {
    process: Party,
    offers: Option<Arc<str>>,
    protocol: Protocol,
}

fn served_observations(shown: &Shown<'_>, dialect: &Dialect, served: &Served) -> Vec<Observation> {
    let answering = |labels: &Labels| {
        let process = served.process(labels, shown.process)?;
        let offers = served.offers.as_ref().and_then(|label| label.of(labels)).cloned();
        Some(Answering { process, offers, protocol: served.protocol.of(labels) })
    };
    let mut sums: BTreeMap<Answering, Sums> = BTreeMap::new();
    for (labels, per_second) in shown.readings.rates(&served.total) {
        let Some(answering) = answering(labels) else { continue };
        sums.entry(answering).or_default().add(per_second, served.failed.iter().any(|test| test.holds(labels)));
    }
    add_failed(shown, served.failed_total.as_ref(), &mut sums, answering);
    add_durations(shown, &served.latency, &mut sums, answering);
    let tells_failures = served.tells_failures() && !lacks(shown, served.failed_total.as_ref());
    let observed = |(Answering { process, offers, protocol }, sums): (Answering, Sums)| {
        let offered = offers.as_deref().unwrap_or_default();
        let key = format!("{}/{}/{}/{offered}", dialect.name, spelled(&process, shown), word(protocol));
        let (dialect, signals) = (dialect.name.clone(), sums.signals(tells_failures));
        let fact = ServedFact { process, offers, protocol, dialect, signals };
        observation(shown, SERVED, &key, Fact::Served(fact), &served.total)
    };
    sums.into_iter().map(observed).collect()
}

fn calls_observation(
    shown: &Shown<'_>,
    dialect: &Dialect,
    route: Route,
    signals: Signals,
    series: &Series,
) -> Observation {
    let Route { caller, callee, side, protocol, pattern, payload } = route;
    let is_own = |party: &Party| shown.process == Some(party);
    // The partner's name stands last: it may hold anything.
    let pair = match (is_own(&caller), is_own(&callee)) {
        (true, _) => format!("to/{}/{}/{}/{}", word(protocol), word(pattern), word(payload), spelled(&callee, shown)),
        (false, true) => {
            format!("from/{}/{}/{}/{}", word(protocol), word(pattern), word(payload), spelled(&caller, shown))
        }
        (false, false) => {
            let (from, to) = (spelled(&caller, shown).replace('/', "%2F"), spelled(&callee, shown));
            format!("pair/{}/{}/{}/{}/{from}/{to}", word(side), word(protocol), word(pattern), word(payload))
        }
    };
    let key = format!("{}/{pair}", dialect.name);
    let (basis, observer) = (CallsBasis::Observed(signals), Observer { dialect: dialect.name.clone(), side });
    let fact = Fact::Calls(CallsFact { caller, callee, protocol, pattern, payload, basis, observer });
    observation(shown, CALLS, &key, fact, series)
}

/// A party in a key. What is no name is marked, so that it is never taken for one.
fn spelled(party: &Party, shown: &Shown<'_>) -> String {
    match party {
        party if shown.process == Some(party) => "self".to_owned(),
        Party::Named(name) | Party::Channel(name) => name.to_string(),
        Party::NamedIn { namespace, name } => format!("{namespace}/{name}"),
        Party::Pod { namespace, pod, .. } => format!("pod:{namespace}/{pod}"),
        Party::Address { host, port } => format!("{host}:{port}"),
        Party::Outside(words) => format!("({words})"),
        Party::Supposed(names) => names.join("|"),
        Party::Service { service, .. } => format!("service:{service}"),
        Party::Any => "*".to_owned(),
    }
}

/// The model's own word for one of its enumerations.
fn word(of: impl Serialize) -> String {
    match serde_json::to_value(of) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}

fn observation(shown: &Shown<'_>, collection: &str, key: &str, fact: Fact, series: &Series) -> Observation {
    let (query, seen) = shown.readings.told(series);
    Observation {
        object: ObjectKey::new(collection, format!("{}/{key}", shown.name)),
        fact,
        seen,
        version: None,
        origin: Arc::new(Origin { query, how: How::Asked }),
    }
}

/// What tells one breaker from another: all labels besides the state.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Which {
    caller: Party,
    callee: Option<Party>,
    name: Arc<str>,
    kind: BreakerKind,
}

fn which(shown: &Shown<'_>, breakers: &Breakers, labels: &Labels) -> Option<Which> {
    let caller = breakers.caller(labels, shown.process)?;
    let callee = breakers.callee(labels);
    let name = breakers.name(labels).or_else(|| match &callee {
        Some(Party::Named(name) | Party::NamedIn { name, .. }) => Some(name.clone()),
        Some(other) => Some(Arc::from(spelled(other, shown))),
        None => None,
    })?;
    Some(Which { caller, callee, name, kind: breakers.kind })
}

/// The original values by their names.
type Raw = BTreeMap<Arc<str>, Arc<str>>;

/// What is told of one breaker, perhaps by several gauges: the worst of them counts.
struct Report<'a> {
    state: BreakerState,
    raw: Raw,
    rejected_per_s: Option<f64>,
    failing: Option<f64>,
    derived: bool,
    series: &'a Series,
}

fn breaker_observations(shown: &Shown<'_>, dialect: &Dialect) -> Vec<Observation> {
    let mut found: BTreeMap<Which, Report<'_>> = BTreeMap::new();
    for breakers in dialect.breakers.iter().filter(|breakers| !lacks(shown, breakers.telling())) {
        let mut refused = refusals(shown, breakers);
        let failing = failing(shown, breakers);
        for (which, state, raw, series) in states(shown, breakers) {
            let rejected_per_s = refused.remove(&which);
            let derived = breakers.derived;
            let failing = failing.get(&which);
            let fresh = Report { state, raw: Raw::new(), rejected_per_s: None, failing: None, derived, series };
            let report = found.entry(which).or_insert(fresh);
            report.state = report.state.max(state);
            report.raw.extend(raw);
            if let Some(rejected) = rejected_per_s {
                *report.rejected_per_s.get_or_insert(0.0) += rejected;
            }
            if let Some((name, percent)) = failing {
                report.failing = Some(percent / 100.0);
                report.raw.insert(name.clone(), shown_value(*percent));
            }
        }
    }
    let observed = |(Which { caller, callee, name, kind }, report): (Which, Report<'_>)| {
        let toward = callee.as_ref().map(|callee| spelled(callee, shown)).unwrap_or_default();
        let by = spelled(&caller, shown).replace('/', "%2F");
        let key = format!("{}/{by}/{}/{toward}/{name}", dialect.name, word(kind));
        let Report { state, raw, rejected_per_s, failing, derived, series } = report;
        let tripping = Tripping { failing, opens_at: None };
        let (since, among) = (None, None);
        let fact =
            BreakerFact { caller, callee, name, kind, state, since, rejected_per_s, tripping, raw, derived, among };
        observation(shown, BREAKERS, &key, Fact::Breaker(fact), series)
    };
    found.into_iter().map(observed).collect()
}

/// How much fails, in percent. A library that says -1 says that too few calls were counted.
fn failing(shown: &Shown<'_>, breakers: &Breakers) -> BTreeMap<Which, (Arc<str>, f64)> {
    let mut failing = BTreeMap::new();
    let Some(gauge) = &breakers.failing else { return failing };
    for (labels, percent) in shown.readings.values(gauge) {
        if let Some(which) = which(shown, breakers, labels).filter(|_| (0.0..=100.0).contains(&percent)) {
            failing.insert(which, (Arc::from(raw_name(shown, gauge)), percent));
        }
    }
    failing
}

fn refusals(shown: &Shown<'_>, breakers: &Breakers) -> BTreeMap<Which, f64> {
    let mut refused = BTreeMap::new();
    for (labels, per_second) in breakers.refused.iter().flat_map(|counter| shown.readings.rates(counter)) {
        if let (Some(which), Some(per_second)) = (which(shown, breakers, labels), per_second) {
            *refused.entry(which).or_insert(0.0) += per_second;
        }
    }
    refused
}

type State<'a> = (Which, BreakerState, Raw, &'a Series);

fn states<'a>(shown: &Shown<'_>, breakers: &'a Breakers) -> Vec<State<'a>> {
    match &breakers.tells {
        Tells::OneHot(gauges, one_hot) => {
            let told = |series: &[(&Labels, f64)], gauge: &Series| {
                let mut raw = Raw::new();
                let mut told = Vec::new();
                for (labels, value) in series {
                    let Some(label) = one_hot.label.of(labels) else { continue };
                    let name = shown.readings.name(gauge);
                    raw.insert(
                        Arc::from(format!("{name}{{{}=\"{label}\"}}", one_hot.label.as_str())),
                        shown_value(*value),
                    );
                    if is(*value, 1.0) {
                        told.push(one_hot.state(label));
                    }
                }
                (only(&told), raw)
            };
            gauges.iter().flat_map(|gauge| by_breaker(shown, breakers, gauge, told)).collect()
        }
        Tells::Codes(gauges, codes) => {
            let told = |series: &[(&Labels, f64)], gauge: &Series| {
                let state = |(_, value): &(&Labels, f64)| {
                    codes.iter().find(|(code, _)| is(*value, *code)).map(|(_, state)| *state)
                };
                let last = series.last().map(|(_, value)| (Arc::from(raw_name(shown, gauge)), shown_value(*value)));
                (only(&series.iter().map(state).collect::<Vec<_>>()), last.into_iter().collect())
            };
            gauges.iter().flat_map(|gauge| by_breaker(shown, breakers, gauge, told)).collect()
        }
        Tells::OutOf(out, of) => {
            let totals = sums(shown, breakers, of, shown.readings.values(of));
            let told = |(which, (taken_out, raw)): (Which, (f64, Raw))| {
                let (total, of) = totals.get(&which).cloned().unwrap_or_default();
                let state =
                    if taken_out > 0.0 && taken_out >= total { BreakerState::Open } else { BreakerState::Closed };
                (which, state, raw.into_iter().chain(of).collect(), &**out)
            };
            sums(shown, breakers, out, shown.readings.values(out)).into_iter().map(told).collect()
        }
        Tells::Inferred(from) => inferred(shown, breakers, from),
    }
}

/// One state, told once. Two series that are 1 at once, or none, tell nothing: one of them is left over from before.
fn only(told: &[Option<BreakerState>]) -> BreakerState {
    match told {
        [Some(state)] => *state,
        _ => BreakerState::Unknown,
    }
}

fn by_breaker<'a>(
    shown: &Shown<'_>,
    breakers: &Breakers,
    gauge: &'a Series,
    told: impl Fn(&[(&Labels, f64)], &Series) -> (BreakerState, Raw),
) -> Vec<State<'a>> {
    let mut found: BTreeMap<Which, Vec<(&Labels, f64)>> = BTreeMap::new();
    for (labels, value) in shown.readings.values(gauge) {
        if let Some(which) = which(shown, breakers, labels) {
            found.entry(which).or_default().push((labels, value));
        }
    }
    let state = |(which, series): (Which, Vec<(&Labels, f64)>)| {
        let (state, raw) = told(&series, gauge);
        (which, state, raw, gauge)
    };
    found.into_iter().map(state).collect()
}

/// Values by breaker, with where they come from.
fn sums(
    shown: &Shown<'_>,
    breakers: &Breakers,
    series: &Series,
    values: Vec<(&Labels, f64)>,
) -> BTreeMap<Which, (f64, Raw)> {
    let mut sums: BTreeMap<Which, (f64, Raw)> = BTreeMap::new();
    for (labels, value) in values.into_iter().filter(|(_, value)| value.is_finite()) {
        if let Some(which) = which(shown, breakers, labels) {
            let (sum, raw) = sums.entry(which).or_default();
            *sum += value;
            *raw = Raw::from([(Arc::from(raw_name(shown, series)), shown_value(*sum))]);
        }
    }
    sums
}

/// A breaker that closed as often as it opened is closed. One that opened more often may be open, or may have failed a probe
/// before it closed: that calls pass, and none is refused, tells it apart.
fn inferred<'a>(shown: &Shown<'_>, breakers: &Breakers, from: &'a Inferred) -> Vec<State<'a>> {
    let opened = sums(shown, breakers, &from.opened, shown.readings.totals(&from.opened));
    let closed = sums(shown, breakers, &from.closed, shown.readings.totals(&from.closed));
    let mut passed: BTreeMap<Which, f64> = BTreeMap::new();
    for (labels, per_second) in from.passed.iter().flat_map(|series| shown.readings.rates(series)) {
        if let Some(which) = which(shown, breakers, labels) {
            *passed.entry(which).or_insert(0.0) += per_second.unwrap_or(0.0);
        }
    }
    let refused = refusals(shown, breakers);
    let all: BTreeSet<&Which> = opened.keys().chain(closed.keys()).chain(passed.keys()).collect();
    let concluded = |which: &Which| {
        let (open, raw) = opened.get(which).cloned().unwrap_or_default();
        let (close, more) = closed.get(which).cloned().unwrap_or_default();
        let lets_pass = passed.get(which).is_some_and(|rate| *rate > 0.0);
        let refuses = refused.get(which).is_some_and(|rate| *rate > 0.0);
        let state = if open > close && (refuses || !lets_pass) { BreakerState::Open } else { BreakerState::Closed };
        (which.clone(), state, raw.into_iter().chain(more).collect(), &from.opened)
    };
    all.into_iter().map(concluded).collect()
}

/// What the source's own values are called: the metric, with what tells its series from others.
fn raw_name(shown: &Shown<'_>, series: &Series) -> String {
    let told = series.tests.iter().filter_map(|test| {
        let mut values = test.values().filter(|value| !value.is_empty());
        let only = values.next().filter(|_| values.next().is_none() && !test.is_negative())?;
        Some(format!("{}=\"{only}\"", test.label().as_str()))
    });
    let told: Vec<String> = told.collect();
    let name = shown.readings.name(series);
    if told.is_empty() { name.to_string() } else { format!("{name}{{{}}}", told.join(",")) }
}

fn shown_value(value: f64) -> Arc<str> {
    Arc::from(value.to_string())
}

/// Codes are small whole numbers, exact in binary.
fn is(value: f64, code: f64) -> bool {
    value.total_cmp(&code).is_eq() || (value == 0.0 && code == 0.0)
}

#[cfg(test)]
#[allow(clippy::float_cmp, reason = "the very numbers are expected")]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::scrape::dump::is_counter;
    use crate::scrape::exposition::Exposition;

    const FIRST: &str = r#"
# TYPE demo_client_requests_total counter
demo_client_requests_total{service="checkout",peer="payments",protocol="http",pattern="request_response",payload="json",outcome="ok"} 100
demo_client_requests_total{service="checkout",peer="payments",protocol="http",pattern="request_response",payload="json",outcome="error"} 0
demo_client_requests_total{service="checkout",peer="payments",protocol="http",pattern="request_response",payload="json",outcome="rejected"} 5
demo_client_requests_total{service="checkout",peer="ledger",protocol="tcp",pattern="rpc",payload="binary",outcome="ok"} 7
demo_client_requests_total{service="checkout",peer="fulfilment",protocol="messaging",pattern="work_queue",payload="json",outcome="ok"} 40
# TYPE demo_client_request_duration_seconds histogram
demo_client_request_duration_seconds_bucket{service="checkout",peer="payments",protocol="http",pattern="request_response",payload="json",le="0.01"} 50
demo_client_request_duration_seconds_bucket{service="checkout",peer="payments",protocol="http",pattern="request_response",payload="json",le="0.1"} 100
demo_client_request_duration_seconds_bucket{service="checkout",peer="payments",protocol="http",pattern="request_response",payload="json",le="+Inf"} 100
# TYPE demo_breaker_state gauge
demo_breaker_state{service="checkout",peer="payments",state="closed"} 1
demo_breaker_state{service="checkout",peer="payments",state="open"} 0
demo_breaker_state{service="checkout",peer="payments",state="half_open"} 0
# TYPE demo_breaker_rejected_total counter
demo_breaker_rejected_total{service="checkout",peer="payments"} 5
# TYPE demo_queue_messages_total counter
demo_queue_messages_total{service="checkout",queue="fulfilment",direction="publish"} 40
# TYPE demo_topic_messages_total counter
demo_topic_messages_total{service="checkout",topic="order.placed",direction="consume"} 10
"#;

    fn show(texts: &[&str]) -> Vec<Observation> {
        let dialects = Dialects::built_in();
        let mut window = Window::new(Duration::from_secs(20));
        let mut latest = Vec::new();
        for (second, text) in (1u32..).zip(texts) {
            let read = Exposition::read(text.as_bytes(), |name| dialects.interest(name));
            assert_eq!(read.tally.rejected, 0);
            let counters = read.samples.iter().filter(|sample| is_counter(&dialects, sample));
            window.push(Duration::from_secs(2) * second, None, counters.cloned());
            latest = read.samples;
        }
        let scraped = Scraped { query: "GET /metrics", seen: Timestamp::UNIX_EPOCH, window: &window, latest: &latest };
        let process = Party::Address { host: Arc::from("127.0.0.1"), port: 9100 };
        let shown = Shown { process: Some(&process), name: "127.0.0.1:9100", readings: &scraped };
        observations(&shown, &dialects)
    }

    fn calls<'a>(found: &'a [Observation], key: &str) -> (&'a CallsFact, Signals) {
        let one = found.iter().find(|one| *one.object.key == *format!("127.0.0.1:9100/demo/{key}"));
        match one.map(|one| &one.fact) {
            Some(Fact::Calls(fact @ CallsFact { basis: CallsBasis::Observed(signals), .. })) => (fact, *signals),
            other => panic!("{key}: {other:?} in {:?}", found.iter().map(|one| &one.object).collect::<Vec<_>>()),
        }
    }

    fn breaker(found: &[Observation]) -> &BreakerFact {
        let fact = found.iter().find_map(|one| if let Fact::Breaker(fact) = &one.fact { Some(fact) } else { None });
        fact.expect("a breaker")
    }

    #[test]
    fn the_first_reading_shows_the_edges_and_measures_nothing() {
        let found = show(&[FIRST]);
        let (fact, signals) = calls(&found, "to/http/request_response/json/payments");
        assert_eq!(fact.caller, Party::Address { host: Arc::from("127.0.0.1"), port: 9100 });
        assert_eq!(fact.callee, Party::Named(Arc::from("payments")));
        assert_eq!(signals, Signals::default());
        assert_eq!(breaker(&found).state, BreakerState::Closed);
        assert_eq!(breaker(&found).rejected_per_s, None);
    }

    #[test]
    fn calls_that_were_refused_are_neither_sent_nor_failed() {
        let second = FIRST
            .replace("outcome=\"ok\"} 100", "outcome=\"ok\"} 106")
            .replace("outcome=\"error\"} 0", "outcome=\"error\"} 2")
            .replace("outcome=\"rejected\"} 5", "outcome=\"rejected\"} 95")
            .replace("peer=\"payments\"} 5", "peer=\"payments\"} 95")
            .replace("state=\"closed\"} 1", "state=\"closed\"} 0")
            .replace("state=\"open\"} 0", "state=\"open\"} 1");
        let found = show(&[FIRST, &second]);
        let (_, signals) = calls(&found, "to/http/request_response/json/payments");
        assert_eq!((signals.rps, signals.error_ratio), (Some(4.0), Some(0.25)));
        let breaker = breaker(&found);
        assert_eq!((breaker.state, breaker.rejected_per_s), (BreakerState::Open, Some(45.0)));
        assert_eq!(breaker.raw.get("demo_breaker_state{state=\"open\"}").map(|value| &**value), Some("1"));
    }

    #[test]
    fn a_counter_that_stands_still_is_a_measured_zero() {
        let found = show(&[FIRST, FIRST]);
        let (fact, signals) = calls(&found, "to/tcp/rpc/binary/ledger");
        assert_eq!((fact.pattern, fact.payload), (Pattern::Rpc, Payload::Binary));
        assert_eq!(signals, Signals { rps: Some(0.0), ..Signals::default() });
    }

    #[test]
    fn percentiles_are_in_milliseconds() {
        let second =
            FIRST.replace("le=\"0.1\"} 100", "le=\"0.1\"} 110").replace("le=\"+Inf\"} 100", "le=\"+Inf\"} 110");
        let found = show(&[FIRST, &second]);
        let (_, signals) = calls(&found, "to/http/request_response/json/payments");
        assert_eq!((signals.p50_ms, signals.p95_ms, signals.p99_ms), (Some(55.0), Some(95.5), Some(99.1)));
    }

    #[test]
    fn a_message_is_counted_once_and_has_a_direction() {
        let second = FIRST.replace("} 40", "} 60").replace("} 10\n", "} 16\n");
        let found = show(&[FIRST, &second]);
        let to_queue: Vec<&Observation> = found.iter().filter(|one| one.object.key.ends_with("/fulfilment")).collect();
        assert_eq!(to_queue.len(), 1);
        let (fact, signals) = calls(&found, "to/messaging/work_queue/json/fulfilment");
        assert_eq!((&fact.callee, signals.rps), (&Party::Channel(Arc::from("fulfilment")), Some(10.0)));
        let (fact, signals) = calls(&found, "from/messaging/publish_subscribe/unknown/order.placed");
        assert_eq!(fact.caller, Party::Channel(Arc::from("order.placed")));
        assert_eq!(fact.callee, Party::Address { host: Arc::from("127.0.0.1"), port: 9100 });
        assert_eq!(signals.rps, Some(3.0));
    }

    #[test]
    fn two_states_at_once_are_no_state() {
        let both = FIRST.replace("state=\"open\"} 0", "state=\"open\"} 1");
        assert_eq!(breaker(&show(&[&both])).state, BreakerState::Unknown);
        let none = FIRST.replace("state=\"closed\"} 1", "state=\"closed\"} 0");
        assert_eq!(breaker(&show(&[&none])).state, BreakerState::Unknown);
    }

    /// The fixtures are recorded by `examples/record_demo.rs`: at rest, two seconds later, and while payments fails.
    #[test]
    fn the_demos_metrics_mean_what_is_written_beside_them() {
        let texts = [
            include_str!("fixtures/checkout-1.txt"),
            include_str!("fixtures/checkout-2.txt"),
            include_str!("fixtures/checkout-open.txt"),
        ];
        for (name, texts) in [("first", &texts[..1]), ("second", &texts[..2]), ("open", &texts[1..])] {
            let facts: BTreeMap<String, Fact> =
                show(texts).into_iter().map(|one| (format!("{:?}", one.object), one.fact)).collect();
            insta::assert_json_snapshot!(name, facts);
        }
    }

    #[test]
    fn numbers_keep_three_digits() {
        for (value, expected) in [
            (0.0, 0.0),
            (1.2345, 1.23),
            (0.012_345, 0.0123),
            (98_765.0, 98_800.0),
            (-12.34, -12.3),
            (1.0, 1.0),
            (0.1, 0.1),
            (1e300, 1e300),
        ] {
            assert_eq!(rounded(value), expected);
        }
    }
}
