//! From a server's answers to observations. Pure: answers and dialects in, observations out.
//!
//! Answers are taken apart by process, and what each process counts is then understood by the same code as when it is read from
//! the process itself.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::sync::Arc;

use binnacle_model::fact::{
    AlertFact, AlertState, Fact, How, ObjectKey, Observation, Origin, Party, TargetFact, TargetHealth,
};
use jiff::Timestamp;
use tokio::time::Instant;
use url::Url;

use super::promql::{EXPORTED, Key, Kind, Query};
use super::wire::{self, Alert, Target, time};
use crate::http::{shorten, shown_address};
use crate::scrape::dialect::{Dialects, Latency, LatencyForm, MetricName, Series};
use crate::scrape::exposition::Labels;
use crate::scrape::map::{Durations, QUANTILE, Readings, Shown, of_quantile};

/// The collection of scrape targets.
pub(super) const TARGETS: &str = "targets";
/// The collection of alerts.
pub(super) const ALERTS: &str = "alerts";

/// A process as a server's labels name it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Process {
    /// What stands before the keys of its objects.
    pub(super) name: Arc<str>,
    pub(super) party: Party,
}

fn label<'a>(labels: &'a Labels, name: &str) -> Option<&'a Arc<str>> {
    labels.get(name).filter(|value| !value.is_empty())
}

/// `HOST:PORT` as the label `instance` has it.
fn address(text: &str) -> Option<(Arc<str>, u16)> {
    let (host, port) = text.rsplit_once(':')?;
    let host = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(inside) => inside,
        None if host.contains(':') => return None,
        None => host,
    };
    let is_host = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':');
    if host.is_empty() || !host.chars().all(is_host) {
        return None;
    }
    // By RFC 6761 it is this machine; registries know processes here by the number.
    let host = if host == "localhost" { Arc::from(Ipv4Addr::LOCALHOST.to_string()) } else { Arc::from(host) };
    Some((host, port.parse().ok()?))
}

impl Process {
    /// The process that labels name: by its address, by its pod, or, where there is neither, by its job's name.
    pub(super) fn of(labels: &Labels) -> Option<Self> {
        let address = label(labels, "instance").and_then(|text| address(text));
        let at = address.as_ref().map(|(host, port)| format!("{host}:{port}"));
        if let (Some(namespace), Some(pod)) = (label(labels, "namespace"), label(labels, "pod")) {
            let name = at.unwrap_or_else(|| format!("{namespace}/{pod}"));
            let party = Party::Pod { namespace: namespace.clone(), pod: pod.clone(), address };
            return Some(Self { name: Arc::from(name), party });
        }
        if let (Some((host, port)), Some(name)) = (address, at) {
            return Some(Self { name: Arc::from(name), party: Party::Address { host, port } });
        }
        let name = label(labels, "job").or_else(|| label(labels, "instance"))?.clone();
        Some(Self { name: name.clone(), party: Party::Named(name) })
    }
}

/// A series of an answer.
#[derive(Debug)]
pub(super) struct Row {
    /// Who shows it; `None` where that does not matter.
    process: Option<Process>,
    /// Its labels as the process itself wrote them.
    labels: Arc<Labels>,
}

impl Row {
    /// `None` where it matters who shows it, and nobody is named.
    pub(super) fn of(asked: &Query, metric: Labels) -> Option<Self> {
        let process = Process::of(&metric).filter(|_| asked.of_process);
        let is_known = process.is_some() || !asked.of_process;
        is_known.then(|| Self { process, labels: Arc::new(as_written(metric)) })
    }
}

/// The series of one answer by process: their labels, and a number.
type ByProcess = BTreeMap<Option<Process>, Vec<(Arc<Labels>, f64)>>;

/// What a server answered to one question.
#[derive(Debug)]
pub(super) struct Known {
    /// For the evidence.
    pub(super) query: Arc<str>,
    pub(super) seen: Timestamp,
    pub(super) at: Instant,
    /// False when the server left something out.
    pub(super) whole: bool,
    rows: ByProcess,
}

impl Known {
    pub(super) fn new(
        asked: &Query,
        evidence: Arc<str>,
        seen: Timestamp,
        whole: bool,
        series: Vec<wire::Series>,
    ) -> Self {
        let mut rows = ByProcess::new();
        for wire::Series { metric, value } in series {
            let Some(Row { process, labels }) = Row::of(asked, metric) else { continue };
            rows.entry(process).or_default().push((labels, value.is));
        }
        Self { query: evidence, seen, at: Instant::now(), whole, rows }
    }

    /// What is known by the numbers that some series had at one moment.
    pub(super) fn then<'a>(query: Arc<str>, seen: Timestamp, numbers: impl Iterator<Item = (&'a Row, f64)>) -> Self {
        let mut rows = ByProcess::new();
        for (row, number) in numbers {
            rows.entry(row.process.clone()).or_default().push((row.labels.clone(), number));
        }
        Self { query, seen, at: Instant::now(), whole: true, rows }
    }
}

/// The labels as the process wrote them, before the server put its own in their place.
fn as_written(mut labels: Labels) -> Labels {
    let renamed: Vec<(Arc<str>, Arc<str>)> = labels
        .iter()
        .filter(|(_, value)| !value.is_empty())
        .filter_map(|(name, value)| Some((Arc::from(name.strip_prefix(EXPORTED)?), value.clone())))
        .collect();
    labels.retain(|name, _| !name.starts_with(EXPORTED));
    labels.extend(renamed);
    labels
}

/// All answers that still stand.
pub(super) type Board = BTreeMap<Key, Known>;

/// The series ([`Series::id`]) of the questions that are to be asked and of which no answer stands.
pub(super) type Lacking = BTreeSet<Arc<str>>;

/// What a server knows of one process.
struct OfProcess<'a> {
    process: &'a Option<Process>,
    board: &'a Board,
    lacking: &'a Lacking,
}

/// Not a number where there is nothing to compute from, and infinite where a counter was no counter.
fn finite(number: f64) -> Option<f64> {
    number.is_finite().then_some(number)
}

impl<'a> OfProcess<'a> {
    /// The answers to one question, under each name of its metric.
    fn known(&self, series: &Series, kind: Kind) -> impl Iterator<Item = (&'a Arc<str>, &'a Known)> {
        let from = Key { series: series.id.clone(), kind, metric: Arc::default() };
        let id = series.id.clone();
        let range = self.board.range(from..).take_while(move |(key, _)| key.series == id && key.kind == kind);
        range.map(|(key, known)| (&key.metric, known))
    }

    /// The rows of the first name of which there are any.
    fn rows(&self, series: &Series, kind: Kind) -> Vec<(&'a Labels, f64)> {
        let of = |name: &MetricName| {
            let named = self.known(series, kind).filter(|(metric, _)| name.fits(metric));
            let rows = named.filter_map(|(_, known)| known.rows.get(self.process));
            rows.flatten().map(|(labels, number)| (&**labels, *number)).collect::<Vec<_>>()
        };
        series.names.iter().map(of).find(|rows| !rows.is_empty()).unwrap_or_default()
    }
}

impl Readings for OfProcess<'_> {
    fn rates(&self, series: &Series) -> Vec<(&Labels, Option<f64>)> {
        let rows = self.rows(series, Kind::Rate).into_iter();
        rows.map(|(labels, number)| (labels, finite(number).filter(|rate| *rate >= 0.0))).collect()
    }

    fn durations(&self, latency: &Latency) -> Vec<(&Labels, Durations)> {
        if latency.form == LatencyForm::Summary {
            let rows = self.rows(&latency.series, Kind::Quantiles).into_iter();
            return rows
                .filter_map(|(labels, value)| Some((labels, of_quantile(labels.get(QUANTILE)?, value)?)))
                .collect();
        }
        let mut found: BTreeMap<&Labels, [Option<f64>; 3]> = BTreeMap::new();
        for position in 0..3 {
            for (labels, number) in self.rows(&latency.series, Kind::Percentile(position)) {
                if let Some(place) = found.entry(labels).or_default().get_mut(position) {
                    *place = finite(number);
                }
            }
        }
        found.into_iter().map(|(labels, percentiles)| (labels, Durations::Percentiles(percentiles))).collect()
    }

    fn values(&self, series: &Series) -> Vec<(&Labels, f64)> {
        self.rows(series, Kind::Gauge)
    }

    fn totals(&self, series: &Series) -> Vec<(&Labels, f64)> {
        self.rows(series, Kind::Total)
    }

    fn name(&self, series: &Series) -> Arc<str> {
        let mut of = [Kind::Rate, Kind::Gauge, Kind::Total].into_iter().flat_map(|kind| self.known(series, kind));
        let there = of.find(|(_, known)| known.rows.contains_key(self.process));
        there.map_or_else(|| series.any_name(), |(metric, _)| metric.clone())
    }

    fn lacks(&self, series: &Series) -> bool {
        self.lacking.contains(&series.id)
    }

    fn told(&self, series: &Series) -> (Arc<str>, Timestamp) {
        let mut of = [Kind::Rate, Kind::Gauge, Kind::Total].into_iter().flat_map(|kind| self.known(series, kind));
        match of.find(|(_, known)| known.rows.contains_key(self.process)) {
            Some((_, known)) => (known.query.clone(), known.seen),
            None => (series.id.clone(), Timestamp::UNIX_EPOCH),
        }
    }
}

/// What the answers say of calls and breakers, by process; what is summed over all processes stands under an empty name. `read`
/// makes observations of what is known of one.
pub(super) fn processes(
    board: &Board,
    lacking: &Lacking,
    dialects: &Dialects,
    read: impl Fn(&Shown<'_>, &Dialects) -> Vec<Observation>,
) -> BTreeMap<Arc<str>, Vec<Observation>> {
    let named: BTreeSet<&Option<Process>> = board.values().flat_map(|known| known.rows.keys()).collect();
    let observed = |process: &Option<Process>| {
        let readings = OfProcess { process, board, lacking };
        let name = process.as_ref().map(|process| process.name.clone()).unwrap_or_default();
        let party = process.as_ref().map(|process| &process.party);
        let shown = Shown { process: party, name: &name, readings: &readings };
        let observations = read(&shown, dialects);
        (name, observations)
    };
    named.into_iter().map(observed).collect()
}

fn observation(collection: &str, key: &str, fact: Fact, origin: &Arc<Origin>, seen: Timestamp) -> Observation {
    Observation { object: ObjectKey::new(collection, key), fact, seen, version: None, origin: origin.clone() }
}

fn asked(query: Arc<str>) -> Arc<Origin> {
    Arc::new(Origin { query, how: How::Asked })
}

/// The targets that a server scrapes.
pub(super) fn targets(listed: &[Target], query: Arc<str>, seen: Timestamp) -> Vec<Observation> {
    let origin = asked(query);
    let mut found: BTreeMap<String, Observation> = BTreeMap::new();
    for target in listed {
        let url = match target.scrape_url.parse::<Url>() {
            Ok(url) => shown_address(&url),
            // An address that is none may hold anything before its `@` and behind its `?`.
            Err(_) => "(an address that is none)".to_owned(),
        };
        let fact = TargetFact {
            job: target.job().clone(),
            process: Process::of(&target.labels).map_or_else(|| Party::Named(Arc::from(url.as_str())), |one| one.party),
            url: Arc::from(url.as_str()),
            labels: target.labels.clone(),
            health: match target.health.as_str() {
                "up" => TargetHealth::Up,
                "down" => TargetHealth::Down,
                _ => TargetHealth::Unknown,
            },
            last_error: Arc::from(shorten(&without_secrets(&target.last_error))),
            last_scrape: target.last_scrape.as_deref().and_then(time),
        };
        let key = format!("{}/{}", target.scrape_pool, written(&target.labels));
        found.entry(key).or_insert_with_key(|key| observation(TARGETS, key, Fact::Target(fact), &origin, seen));
    }
    found.into_values().collect()
}

/// An error without what stands before the `@` and behind the `?` of the addresses in it.
fn without_secrets(error: &str) -> String {
    let ends = |c: char| c == '"' || c.is_whitespace();
    let shown = |piece: &str| {
        let word = piece.trim_end_matches(ends);
        match word.contains("://").then(|| word.parse::<Url>()) {
            Some(Ok(url)) => format!("{}{}", shown_address(&url), piece.get(word.len()..).unwrap_or_default()),
            Some(Err(_)) => "(an address) ".to_owned(),
            None => piece.to_owned(),
        }
    };
    error.split_inclusive(ends).map(shown).collect()
}

/// Labels as PromQL writes them: `{a="1", b="2"}`.
fn written(labels: &Labels) -> String {
    let pairs: Vec<String> =
        labels.iter().map(|(name, value)| format!("{name}={}", super::promql::quoted(value))).collect();
    format!("{{{}}}", pairs.join(", "))
}

/// The alerts that a server has.
pub(super) fn alerts(listed: &[Alert], query: Arc<str>, seen: Timestamp) -> Vec<Observation> {
    let origin = asked(query);
    let mut found: BTreeMap<String, Observation> = BTreeMap::new();
    for alert in listed {
        let state = match alert.state.as_str() {
            "firing" => AlertState::Firing,
            "pending" => AlertState::Pending,
            // An alert that is over is not there.
            _ => continue,
        };
        let labels = &alert.labels;
        let words = ["summary", "description", "message"].into_iter().find_map(|name| label(&alert.annotations, name));
        let fact = AlertFact {
            name: label(labels, "alertname").cloned().unwrap_or_default(),
            state,
            severity: label(labels, "severity").cloned().unwrap_or_default(),
            labels: labels.clone(),
            summary: words.map(|words| Arc::from(shorten(words))).unwrap_or_default(),
            since: alert.active_at.as_deref().and_then(time),
            value: alert.value.as_deref().and_then(|text| text.parse().ok()).and_then(finite),
            about: about(labels),
        };
        let key = written(labels);
        found.entry(key).or_insert_with_key(|key| observation(ALERTS, key, Fact::Alert(fact), &origin, seen));
    }
    found.into_values().collect()
}

/// Labels in which the metrics of a cluster name what they are about, while `instance` and `job` name who counted.
const WORKLOADS: [&str; 6] = ["deployment", "statefulset", "daemonset", "cronjob", "job_name", "workload"];

/// Whom an alert speaks of: a Pod or a workload of a cluster where it names one, else a process, else the service that its
/// labels name.
fn about(labels: &Labels) -> Option<Party> {
    if let Some(namespace) = label(labels, "namespace") {
        if let Some(pod) = label(labels, "pod") {
            return Some(Party::Pod { namespace: namespace.clone(), pod: pod.clone(), address: None });
        }
        if let Some(workload) = WORKLOADS.into_iter().find_map(|name| label(labels, name)) {
            return Some(Party::Named(workload.clone()));
        }
    }
    match Process::of(labels) {
        Some(Process { party: party @ (Party::Address { .. } | Party::Pod { .. }), .. }) => Some(party),
        other => {
            let service = ["service", "app", "deployment"].into_iter().find_map(|name| label(labels, name));
            service.cloned().map(Party::Named).or_else(|| other.map(|process| process.party))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use binnacle_model::fact::{BreakerState, CallsBasis, CallsFact};
    use serde::de::DeserializeOwned;
    use serde_json::Value;

    use super::super::promql;
    use super::super::wire::{Alerts, Envelope, Found, Rules, Targets};
    use super::*;
    use crate::scrape::map::observations;

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        pairs.iter().map(|(name, value)| (Arc::from(*name), Arc::from(*value))).collect()
    }

    fn party(pairs: &[(&str, &str)]) -> Option<Party> {
        Process::of(&labels(pairs)).map(|process| process.party)
    }

    fn at(host: &str, port: u16) -> Party {
        Party::Address { host: Arc::from(host), port }
    }

    #[test]
    fn a_process_is_known_by_its_address_its_pod_or_its_job() {
        for (pairs, expected) in [
            (&[("instance", "10.0.0.1:8080"), ("job", "x")][..], Some(at("10.0.0.1", 8080))),
            (&[("instance", "localhost:9")], Some(at("127.0.0.1", 9))),
            (&[("instance", "[::1]:9")], Some(at("::1", 9))),
            (&[("instance", "node-7.example:9100")], Some(at("node-7.example", 9100))),
            (&[("instance", "payments-1"), ("job", "payments")], Some(Party::Named(Arc::from("payments")))),
            (&[("instance", "http://x:99"), ("job", "blackbox")], Some(Party::Named(Arc::from("blackbox")))),
            (&[("instance", "payments-1")], Some(Party::Named(Arc::from("payments-1")))),
            (&[("instance", ""), ("job", "")], None),
            (&[], None),
        ] {
            assert_eq!(party(pairs), expected, "{pairs:?}");
        }
        let pod = labels(&[("instance", "10.0.0.1:9102"), ("namespace", "shop"), ("pod", "cart-0"), ("job", "pods")]);
        let process = Process::of(&pod).unwrap();
        let address = Some((Arc::from("10.0.0.1"), 9102));
        let party = Party::Pod { namespace: Arc::from("shop"), pod: Arc::from("cart-0"), address };
        assert_eq!((&*process.name, &process.party), ("10.0.0.1:9102", &party));
    }

    #[test]
    fn a_label_that_the_server_renamed_gets_its_name_back() {
        let written = as_written(labels(&[("service", "from-the-target"), ("exported_service", "cart"), ("a", "1")]));
        assert_eq!(written, labels(&[("service", "cart"), ("a", "1")]));
    }

    fn target(json: &str) -> TargetFact {
        let target: Target = serde_json::from_str(json).unwrap();
        match targets(&[target], Arc::from("q"), Timestamp::UNIX_EPOCH).remove(0).fact {
            Fact::Target(fact) => fact,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_secret_in_a_targets_address_is_in_no_fact() {
        let fact = target(
            r#"{"scrapeUrl":"http://ann:pw@10.0.0.1:9/m?token=s3cret","health":"down","scrapePool":"p","labels":{},
               "lastError":"Get \"http://ann:xxxxx@10.0.0.1:9/m?token=s3cret\": refused"}"#,
        );
        assert_eq!((&*fact.url, &*fact.last_error), ("http://10.0.0.1:9/m", "Get \"http://10.0.0.1:9/m\": refused"));
        assert_eq!((&*fact.job, fact.health), ("p", TargetHealth::Down));
        assert!(!format!("{fact:?}").contains("s3cret"));
    }

    #[test]
    fn an_alert_speaks_of_a_process_or_of_a_service() {
        let of = |pairs: &[(&str, &str)]| about(&labels(pairs));
        assert_eq!(of(&[("instance", "10.0.0.1:80"), ("service", "cart")]), Some(at("10.0.0.1", 80)));
        assert_eq!(of(&[("service", "cart"), ("job", "x")]), Some(Party::Named(Arc::from("cart"))));
        assert_eq!(of(&[("job", "cart")]), Some(Party::Named(Arc::from("cart"))));
        assert_eq!(of(&[("alertname", "Watchdog")]), None);
        // kube-state-metrics counts for others, and its own address and Pod stand beside theirs.
        let counted = [("namespace", "shop"), ("pod", "cart-7"), ("instance", "10.0.0.9:8080"), ("job", "ksm")];
        let pod = Party::Pod { namespace: Arc::from("shop"), pod: Arc::from("cart-7"), address: None };
        assert_eq!(of(&counted), Some(pod));
        let counted = [("namespace", "shop"), ("deployment", "cart"), ("instance", "10.0.0.9:8080")];
        assert_eq!(of(&counted), Some(Party::Named(Arc::from("cart"))));
    }

    #[test]
    fn what_was_not_answered_yet_is_left_open() {
        let dialects = Dialects::built_in();
        let has = BTreeSet::from(["circuit".to_owned()]);
        let plan = promql::plan(&dialects, &has, Duration::from_secs(30));
        let opened = plan.iter().find(|one| one.key.kind == Kind::Total && one.text.contains("\"open\"")).unwrap();
        let row = r#"[{"metric":{"instance":"10.0.0.1:80","name":"cart","event":"open"},"value":[1,"3"]}]"#;
        let rows: wire::Rows<wire::Series> = serde_json::from_str(row).unwrap();
        let known = Known::new(opened, Arc::from("q"), Timestamp::UNIX_EPOCH, true, rows.good);
        let board = Board::from([(opened.key.clone(), known)]);
        let state = |lacking: &Lacking| {
            let told = processes(&board, lacking, &dialects, observations).into_values().flatten();
            told.map(|one| if let Fact::Breaker(fact) = one.fact { fact.state } else { panic!("{one:?}") })
                .collect::<Vec<_>>()
        };
        let all: Lacking = plan.iter().map(|one| one.key.series.clone()).collect();
        let others = all.into_iter().filter(|series| *series != opened.key.series).collect();
        assert_eq!(state(&others), []);
        assert_eq!(state(&Lacking::new()), [BreakerState::Open]);
    }

    /// What `examples/record_prometheus.rs` recorded of one server.
    struct Recorded {
        answers: BTreeMap<String, Value>,
    }

    impl Recorded {
        fn of(text: &str) -> Self {
            let file: Value = serde_json::from_str(text).unwrap();
            Self { answers: serde_json::from_value(file["answers"].clone()).unwrap() }
        }

        fn answer<T: DeserializeOwned>(&self, asked: &str) -> T {
            let envelope: Envelope<T> = serde_json::from_value(self.answers[asked].clone()).unwrap();
            assert!(envelope.warnings.is_empty() && !envelope.is_partial);
            envelope.data.unwrap()
        }

        /// The observations of calls and breakers, without the addresses of that day.
        fn processes(&self) -> BTreeMap<Arc<str>, Vec<Fact>> {
            // The recorded servers have the demo fleet's metrics, and no other library's.
            let dialects = Dialects::built_in();
            let has = promql::names(&dialects).into_iter().filter(|name| name.starts_with("demo_")).collect();
            let plan = promql::plan(&dialects, &has, Duration::from_secs(5));
            // A classic histogram has no series by its own name.
            let plan = plan.iter().filter(|query| self.answers.contains_key(&*query.text));
            let answered = |query: &promql::Query| {
                let Found::Vector(rows) = self.answer(&query.text);
                assert_eq!(rows.bad, 0);
                (query.key.clone(), Known::new(query, query.text.clone(), Timestamp::UNIX_EPOCH, true, rows.good))
            };
            let board: Board = plan.map(answered).collect();
            assert!(board.len() > 6, "{board:?}");
            let facts = |all: Vec<Observation>| all.into_iter().map(|one| one.fact).collect();
            processes(&board, &Lacking::new(), &dialects, observations)
                .into_iter()
                .map(|(name, all)| (name, facts(all)))
                .collect()
        }
    }

    fn prometheus() -> Recorded {
        Recorded::of(include_str!("fixtures/prometheus.json"))
    }

    fn victoria_metrics() -> Recorded {
        Recorded::of(include_str!("fixtures/victoria-metrics.json"))
    }

    /// Facts without their numbers, which were taken at different moments.
    fn told(recorded: &Recorded) -> BTreeMap<Arc<str>, Vec<String>> {
        let words = |fact: Fact| match fact {
            Fact::Calls(calls) => {
                let CallsBasis::Observed(signals) = calls.basis else { panic!("not measured") };
                assert!(signals.rps.is_some());
                format!(
                    "{:?} {:?} {:?} {:?} {:?}",
                    calls.caller, calls.callee, calls.protocol, calls.pattern, calls.payload
                )
            }
            Fact::Breaker(breaker) => {
                assert_ne!(breaker.state, BreakerState::Unknown);
                format!("{:?} {:?}", breaker.caller, breaker.callee)
            }
            other => panic!("{other:?}"),
        };
        let processes = recorded.processes().into_iter();
        processes.map(|(name, facts)| (name, facts.into_iter().map(words).collect())).collect()
    }

    #[test]
    fn two_servers_that_scraped_the_same_processes_tell_the_same() {
        let (one, other) = (told(&prometheus()), told(&victoria_metrics()));
        assert!(one.len() > 10 && one.values().map(Vec::len).sum::<usize>() > 20, "{one:#?}");
        assert_eq!(one, other);
    }

    #[test]
    fn the_recorded_caller_has_its_edges_with_all_their_numbers() {
        let recorded = prometheus();
        let mut measured = 0;
        for fact in recorded.processes().into_values().flatten() {
            if let Fact::Calls(CallsFact { basis: CallsBasis::Observed(signals), .. }) = fact
                && let (Some(p50), Some(p95), Some(p99)) = (signals.p50_ms, signals.p95_ms, signals.p99_ms)
            {
                assert!(p50 <= p95 && p95 <= p99, "{p50} {p95} {p99}");
                assert!(signals.error_ratio.is_none_or(|ratio| (0.0..=1.0).contains(&ratio)), "{signals:?}");
                measured += 1;
            }
        }
        assert!(measured > 5, "{measured}");
    }

    #[test]
    fn recorded_targets_and_alerts_are_read() {
        for recorded in [prometheus(), victoria_metrics()] {
            let listed: Targets = recorded.answer("targets");
            assert_eq!(listed.active.bad, 0);
            assert!(listed.active.good.iter().all(|target| target.interval() == Some(Duration::from_millis(500))));
            let facts = targets(&listed.active.good, Arc::from("q"), Timestamp::UNIX_EPOCH);
            let health =
                |one: &Observation| if let Fact::Target(target) = &one.fact { Some(target.health) } else { None };
            let up = facts.iter().filter(|one| health(one) == Some(TargetHealth::Up)).count();
            let down: Vec<_> = facts.iter().filter(|one| health(one) == Some(TargetHealth::Down)).collect();
            assert!(up > 10 && down.len() == 1, "{up} up, {down:?}");
        }
        let listed: Alerts = prometheus().answer("alerts");
        let facts = alerts(&listed.alerts.good, Arc::from("q"), Timestamp::UNIX_EPOCH);
        let [Observation { fact: Fact::Alert(alert), .. }] = facts.as_slice() else { panic!("{facts:?}") };
        assert_eq!((&*alert.name, alert.state, &*alert.severity), ("TargetDown", AlertState::Firing, "critical"));
        assert_eq!(alert.about, Some(at("127.0.0.1", 1)));
        let rules: Rules = prometheus().answer("rules");
        assert!(rules.groups.good.iter().flat_map(|group| &group.rules.good).all(|rule| rule.health == "ok"));
        assert_eq!(victoria_metrics().answer::<Alerts>("alerts").alerts.good.len(), 0);
    }
}
