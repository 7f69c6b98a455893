//! From what is known of one process's metrics to its calls and breakers: the same for metrics that were read from the process
//! itself and for the answers of a server. Pure: readings and dialects in, observations out.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use binnacle_model::fact::{
    BreakerFact, BreakerState, CallsBasis, CallsFact, Fact, How, ObjectKey, Observation, Origin, Party, Pattern,
    Payload, Protocol, Signals,
};
use jiff::Timestamp;
use serde::Serialize;

use super::dialect::{Breakers, Calls, Channels, Dialect, MetricName, Unit};
use super::exposition::{Bucket, Labels, Sample, Value};
use super::rate::{Window, add_buckets, quantile};

/// The collection of measured calls.
pub const CALLS: &str = "calls";
/// The collection of breakers.
pub const BREAKERS: &str = "breakers";

/// What one process showed.
#[derive(Clone, Copy)]
pub struct Shown<'a> {
    /// The process.
    pub process: &'a Party,
    /// What stands before the keys of its objects: `127.0.0.1:9100`.
    pub name: &'a str,
    /// Its metrics.
    pub readings: &'a dyn Readings,
}

/// The metrics of one process, however they were read.
pub trait Readings {
    /// How much each series of a counter grows per second; `None` for one of which that is not known yet.
    fn rates(&self, counter: &MetricName) -> Vec<(&Labels, Option<f64>)>;
    /// What each series of a histogram of durations took lately; those without a measurement are left out.
    fn durations(&self, calls: &Calls) -> Vec<(&Labels, Durations)>;
    /// The value of each series of a gauge.
    fn gauge(&self, gauge: &MetricName) -> Vec<(&Labels, f64)>;
    /// What was asked for a metric, and when the answer came.
    fn told(&self, metric: &MetricName) -> (Arc<str>, Timestamp);
}

/// How long calls took, in the unit of their metric.
#[derive(Clone, Debug, PartialEq)]
pub enum Durations {
    /// As the buckets of a histogram, per second.
    Buckets(Vec<Bucket>),
    /// As the server worked it out: the 50th, 95th and 99th percentile.
    Percentiles([Option<f64>; 3]),
}

/// The percentiles that are shown.
pub const PERCENTILES: [f64; 3] = [0.50, 0.95, 0.99];

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

/// The metrics of a process as it showed them itself.
#[derive(Clone, Copy, Debug)]
pub struct Scraped<'a> {
    /// What was asked, for the evidence: `GET http://127.0.0.1:9100/metrics`.
    pub query: &'a str,
    /// When it was asked last.
    pub seen: Timestamp,
    /// Its counters over the last while.
    pub window: &'a Window,
    /// Everything of its latest answer.
    pub latest: &'a [Sample],
}

impl Readings for Scraped<'_> {
    fn rates(&self, counter: &MetricName) -> Vec<(&Labels, Option<f64>)> {
        self.window.series(counter.shared()).map(|key| (&key.labels, self.window.per_second(key))).collect()
    }

    fn durations(&self, calls: &Calls) -> Vec<(&Labels, Durations)> {
        let Some(latency) = &calls.latency else { return Vec::new() };
        let series = self.window.series(latency.histogram.shared());
        let sent = series.filter(|key| !calls.is_refused(&key.labels));
        let grown = sent.filter_map(|key| Some((&key.labels, self.window.buckets_per_second(key)?)));
        grown.map(|(labels, buckets)| (labels, Durations::Buckets(buckets))).collect()
    }

    fn gauge(&self, gauge: &MetricName) -> Vec<(&Labels, f64)> {
        let number = |sample: &'_ Sample| match sample.value {
            Value::Number(value) => Some(value),
            Value::Histogram(_) => None,
        };
        let series = self.latest.iter().filter(|sample| *sample.name == *gauge.as_str());
        series.filter_map(|sample| Some((&sample.labels, number(sample)?))).collect()
    }

    fn told(&self, metric: &MetricName) -> (Arc<str>, Timestamp) {
        (Arc::from(format!("{} · {metric}", self.query)), self.seen)
    }
}

/// What a process showed, as observations. Every edge and breaker that it names is there, also one without traffic: a counter
/// that stands still is a measured zero, and what was not measured is absent.
pub fn observations(shown: &Shown<'_>, dialects: &[Dialect]) -> Vec<Observation> {
    let mut found = BTreeMap::new();
    for dialect in dialects {
        for calls in &dialect.calls {
            found.extend(edges(shown, calls).into_iter().map(|(route, edge)| (route, edge.measured(&calls.total))));
        }
        let published: BTreeSet<Party> = found.keys().map(|route: &Route| route.callee.clone()).collect();
        for channels in &dialect.channels {
            for (route, measured) in messages(shown, channels) {
                // A library that counts a message as a call of its publisher has told it already.
                if !published.contains(&route.callee) {
                    found.insert(route, measured);
                }
            }
        }
    }
    let mut observations: Vec<Observation> =
        found.into_iter().map(|(route, measured)| calls_observation(shown, route, &measured)).collect();
    for breakers in dialects.iter().flat_map(|dialect| &dialect.breakers) {
        observations.extend(breaker_observations(shown, breakers));
    }
    observations
}

/// What one edge of a process is told apart by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Route {
    caller: Party,
    callee: Party,
    protocol: Protocol,
    pattern: Pattern,
    payload: Payload,
}

/// The numbers of an edge, and the metric that they come from.
struct Measured {
    signals: Signals,
    metric: MetricName,
}

/// What is being added up for an edge, per second.
#[derive(Default)]
struct Sums {
    sent: Option<f64>,
    failed: Option<f64>,
    tells_failures: bool,
    durations: Option<(Unit, Durations)>,
}

impl Sums {
    fn measured(&self, metric: &MetricName) -> Measured {
        let error_ratio = match self.sent {
            Some(sent) if sent > 0.0 && self.tells_failures => Some(self.failed.unwrap_or(0.0) / sent),
            _ => None,
        };
        let in_ms = |(unit, durations): &(Unit, Durations)| {
            durations.percentiles().map(|value| value.map(|value| rounded(unit.to_ms(value))))
        };
        let [p50_ms, p95_ms, p99_ms] = self.durations.as_ref().map(in_ms).unwrap_or_default();
        Measured {
            signals: Signals {
                rps: self.sent.map(rounded),
                error_ratio: error_ratio.map(rounded),
                p50_ms,
                p95_ms,
                p99_ms,
            },
            metric: metric.clone(),
        }
    }
}

/// Three significant digits: what changes beyond them is noise.
pub(crate) fn rounded(value: f64) -> f64 {
    // Decimal digits are what is meant, and the standard library rounds them exactly.
    format!("{value:.2e}").parse().unwrap_or(value)
}

fn route(shown: &Shown<'_>, calls: &Calls, labels: &Labels) -> Option<Route> {
    let callee = calls.callee.of(labels)?.clone();
    let protocol = calls.protocol.of(labels);
    Some(Route {
        caller: shown.process.clone(),
        callee: if protocol == Protocol::Messaging { Party::Channel(callee) } else { Party::Named(callee) },
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
        sums.tells_failures = calls.failed.is_some();
        if calls.is_refused(labels) {
            continue;
        }
        let Some(per_second) = per_second else { continue };
        *sums.sent.get_or_insert(0.0) += per_second;
        if calls.failed.as_ref().is_some_and(|test| test.holds(labels)) {
            *sums.failed.get_or_insert(0.0) += per_second;
        }
    }
    let Some(latency) = &calls.latency else { return edges };
    for (labels, durations) in shown.readings.durations(calls) {
        let sums = route(shown, calls, labels).and_then(|route| edges.get_mut(&route));
        let Some(sums) = sums else { continue };
        let sum = match sums.durations.take() {
            Some((_, known)) => known.and(durations),
            None => durations,
        };
        sums.durations = Some((latency.unit, sum));
    }
    edges
}

fn messages(shown: &Shown<'_>, channels: &Channels) -> BTreeMap<Route, Measured> {
    let mut sums: BTreeMap<Route, Sums> = BTreeMap::new();
    for (labels, per_second) in shown.readings.rates(&channels.total) {
        let Some(channel) = channels.channel.of(labels) else { continue };
        let channel = Party::Channel(channel.clone());
        let (caller, callee) = if channels.published.holds(labels) {
            (shown.process.clone(), channel)
        } else if channels.consumed.holds(labels) {
            (channel, shown.process.clone())
        } else {
            continue;
        };
        let (protocol, pattern) = (Protocol::Messaging, channels.pattern);
        let route = Route { caller, callee, protocol, pattern, payload: Payload::Unknown };
        let sums = sums.entry(route).or_default();
        if let Some(per_second) = per_second {
            *sums.sent.get_or_insert(0.0) += per_second;
        }
    }
    sums.into_iter().map(|(route, sums)| (route, sums.measured(&channels.total))).collect()
}

fn calls_observation(shown: &Shown<'_>, route: Route, measured: &Measured) -> Observation {
    let Route { caller, callee, protocol, pattern, payload } = route;
    let (direction, partner) = match (&caller, &callee) {
        (Party::Channel(name), _) => ("from", name),
        (_, Party::Named(name) | Party::Channel(name)) => ("to", name),
        _ => ("to", measured.metric.shared()),
    };
    // The partner's name stands last: it may hold anything.
    let key = format!("{direction}/{}/{}/{}/{partner}", word(protocol), word(pattern), word(payload));
    let basis = CallsBasis::Observed(measured.signals);
    let fact = Fact::Calls(CallsFact { caller, callee, protocol, pattern, payload, basis });
    observation(shown, CALLS, &key, fact, &measured.metric)
}

/// The model's own word for one of its enumerations.
fn word(of: impl Serialize) -> String {
    match serde_json::to_value(of) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}

fn observation(shown: &Shown<'_>, collection: &str, key: &str, fact: Fact, metric: &MetricName) -> Observation {
    let (query, seen) = shown.readings.told(metric);
    Observation {
        object: ObjectKey::new(collection, format!("{}/{key}", shown.name)),
        fact,
        seen,
        version: None,
        origin: Arc::new(Origin { query, how: How::Asked }),
    }
}

/// What tells one breaker of a process from another: the labels besides the state.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Which {
    callee: Option<Arc<str>>,
    name: Arc<str>,
}

fn which(breakers: &Breakers, labels: &Labels) -> Option<Which> {
    let callee = breakers.callee.as_ref().and_then(|label| label.of(labels)).cloned();
    let name = breakers.name.as_ref().and_then(|label| label.of(labels)).cloned();
    let name = name.or_else(|| callee.clone())?;
    Some(Which { callee, name })
}

fn breaker_observations(shown: &Shown<'_>, breakers: &Breakers) -> Vec<Observation> {
    let mut states: BTreeMap<Which, Vec<(&Labels, f64)>> = BTreeMap::new();
    for (labels, value) in shown.readings.gauge(&breakers.state) {
        if let Some(which) = which(breakers, labels) {
            states.entry(which).or_default().push((labels, value));
        }
    }
    let observed = |(which, series): (Which, Vec<(&Labels, f64)>)| {
        let (state, raw) = state(breakers, &series);
        let key = format!("{}/{}/{}", word(breakers.kind), which.callee.as_deref().unwrap_or_default(), which.name);
        let fact = BreakerFact {
            caller: shown.process.clone(),
            rejected_per_s: refused_per_second(shown, breakers, &which).map(rounded),
            callee: which.callee.map(Party::Named),
            name: which.name,
            kind: breakers.kind,
            state,
            since: None,
            raw,
        };
        observation(shown, BREAKERS, &key, Fact::Breaker(fact), &breakers.state)
    };
    states.into_iter().map(observed).collect()
}

/// The state that the series tell, and the series themselves. Two series that are 1 at once, or none, tell nothing: one of
/// them is left over from before.
fn state(breakers: &Breakers, series: &[(&Labels, f64)]) -> (BreakerState, BTreeMap<Arc<str>, Arc<str>>) {
    let mut raw = BTreeMap::new();
    let mut told = Vec::new();
    for (labels, value) in series {
        let shown = Arc::from(value.to_string());
        match (&breakers.one_hot, &breakers.codes) {
            (Some(one_hot), _) => {
                let Some(label) = one_hot.label.of(labels) else { continue };
                raw.insert(Arc::from(format!("{}{{{}=\"{label}\"}}", breakers.state, one_hot.label.as_str())), shown);
                if is(*value, 1.0) {
                    told.push(one_hot.state(label));
                }
            }
            (None, codes) => {
                raw.insert(breakers.state.shared().clone(), shown);
                let code = codes.iter().flatten().find(|(_, code)| is(*value, **code));
                told.push(code.map(|(state, _)| *state));
            }
        }
    }
    let state = match told.as_slice() {
        [Some(state)] => *state,
        _ => BreakerState::Unknown,
    };
    (state, raw)
}

/// Codes are small whole numbers, exact in binary.
fn is(value: f64, code: f64) -> bool {
    value.total_cmp(&code).is_eq() || (value == 0.0 && code == 0.0)
}

fn refused_per_second(shown: &Shown<'_>, breakers: &Breakers, wanted: &Which) -> Option<f64> {
    let counter = breakers.refused.as_ref()?;
    let ours = |labels: &Labels| which(breakers, labels).is_some_and(|found| found == *wanted);
    let rates = shown.readings.rates(counter).into_iter().filter(|(labels, _)| ours(labels));
    rates.filter_map(|(_, per_second)| per_second).reduce(|sum, rate| sum + rate)
}

#[cfg(test)]
#[allow(clippy::float_cmp, reason = "the very numbers are expected")]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::scrape::dialect::built_in;
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
        let dialects = built_in();
        let mut window = Window::new(Duration::from_secs(20));
        let mut latest = Vec::new();
        for (second, text) in (1u32..).zip(texts) {
            let read = Exposition::read(text.as_bytes(), |name| dialects.iter().any(|one| one.reads(name)));
            assert_eq!(read.tally.rejected, 0);
            let counters = read.samples.iter().filter(|one| dialects.iter().any(|dialect| dialect.counts(&one.name)));
            window.push(Duration::from_secs(2) * second, None, counters.cloned());
            latest = read.samples;
        }
        let scraped = Scraped { query: "GET /metrics", seen: Timestamp::UNIX_EPOCH, window: &window, latest: &latest };
        let process = Party::Address { host: Arc::from("127.0.0.1"), port: 9100 };
        let shown = Shown { process: &process, name: "127.0.0.1:9100", readings: &scraped };
        observations(&shown, dialects)
    }

    fn calls<'a>(found: &'a [Observation], key: &str) -> (&'a CallsFact, Signals) {
        let one = found.iter().find(|one| *one.object.key == *format!("127.0.0.1:9100/{key}"));
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
