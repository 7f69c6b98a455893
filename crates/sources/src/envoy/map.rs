//! From clusters and their statistics to what is said of breakers. Pure.

use std::collections::BTreeMap;
use std::sync::Arc;

use binnacle_model::fact::{BreakerFact, BreakerKind, BreakerState, ObjectKey, OpensAt, Party, Tripping};

use super::wire::{Cluster, Clusters, Entry, Host, Stat, Stats, Threshold};
use crate::http::shorten;
use crate::polled::Said;
use crate::scrape::Target;
use crate::scrape::dialect::{Breakers, Dialects};
use crate::scrape::exposition::Labels;
use crate::scrape::map::BREAKERS;

/// The highest limit that there is: Istio writes it for "none".
const NO_LIMIT: u64 = u32::MAX as u64;
/// What Envoy takes where nobody sets a limit: connections, waiting requests, requests, retries.
const USUAL: [u64; 4] = [1024, 1024, 1024, 3];
/// Of endpoints that were put out, so many are named.
const NAMED_ENDPOINTS: usize = 8;
/// Statistics behind the name of a cluster.
const FIELDS: [&str; 20] = [
    "circuit_breakers.default.cx_open",
    "circuit_breakers.default.cx_pool_open",
    "circuit_breakers.default.rq_open",
    "circuit_breakers.default.rq_pending_open",
    "circuit_breakers.high.cx_open",
    "circuit_breakers.high.cx_pool_open",
    "circuit_breakers.high.rq_open",
    "circuit_breakers.high.rq_pending_open",
    "upstream_rq_pending_overflow",
    "upstream_rq_active_overflow",
    "upstream_cx_pool_overflow",
    "upstream_cx_overflow",
    "upstream_cx_total",
    "upstream_cx_http1_total",
    "upstream_cx_http2_total",
    "upstream_cx_http3_total",
    "outlier_detection.ejections_active",
    "outlier_detection.ejections_enforced_total",
    "membership_healthy",
    "membership_total",
];

/// What a breaker is, apart from what is counted over time.
#[derive(Clone, Debug, PartialEq)]
pub struct Breaker {
    /// Its name here: that of the cluster, with `/high` behind it for the limits of that priority.
    pub name: String,
    /// Whom it guards calls to.
    pub callee: Party,
    /// A limit, or endpoints that are put out.
    pub kind: BreakerKind,
    /// Its state.
    pub state: BreakerState,
    /// From where on it opens.
    pub opens_at: Option<OpensAt>,
    /// How many calls it refused since the process began; `None` where that is not counted.
    pub refused: Option<i64>,
    /// The original values.
    pub raw: BTreeMap<Arc<str>, Arc<str>>,
}

/// The statistics of one cluster.
type Numbers = BTreeMap<&'static str, u64>;

/// Every breaker of an Envoy, in the order of the clusters.
pub fn breakers(clusters: &Clusters, stats: &Stats, dialects: &Dialects) -> Vec<Breaker> {
    let numbers = by_cluster(stats);
    let none = Numbers::new();
    let mut all = Vec::new();
    for cluster in clusters.cluster_statuses.iter().filter_map(Entry::known) {
        let Some(callee) = callee(&cluster.name, dialects) else { continue };
        let observed = if cluster.observability_name.is_empty() { &cluster.name } else { &cluster.observability_name };
        let numbers = numbers.get(observed.replace(':', "_").as_str()).unwrap_or(&none);
        let thresholds = cluster.circuit_breakers.thresholds.iter().filter_map(Entry::known);
        all.extend(thresholds.filter_map(|threshold| capacity(cluster, threshold, numbers, &callee)));
        all.extend(endpoints(cluster, numbers, &callee));
    }
    all
}

/// What is said of one breaker.
pub fn said(target: &Target, breaker: Breaker) -> Said {
    Said {
        object: object(target, &breaker),
        fact: BreakerFact {
            caller: target.party(),
            callee: Some(breaker.callee),
            name: Arc::from(breaker.name),
            kind: breaker.kind,
            state: breaker.state,
            since: None,
            rejected_per_s: None,
            tripping: Tripping { failing: None, opens_at: breaker.opens_at },
            raw: breaker.raw,
            derived: false,
            among: None,
        },
        refused: breaker.refused,
    }
}

/// Where a breaker stands among the facts of its source.
pub fn object(target: &Target, breaker: &Breaker) -> ObjectKey {
    let (host, port) = &target.instance;
    let kind = if breaker.kind == BreakerKind::Capacity { "capacity" } else { "endpoint" };
    ObjectKey::new(BREAKERS, format!("{host}:{port}/{kind}/{}", breaker.name))
}

/// The name under which the limits of a priority go here.
pub(super) fn name_of(cluster: &str, threshold: &Threshold) -> String {
    if threshold.is_high() { format!("{cluster}/high") } else { cluster.to_owned() }
}

/// What somebody made of the limits: everything is refused, or nothing.
pub(super) fn set_by_limits(threshold: &Threshold) -> Option<BreakerState> {
    let [connections, pending, requests, _] = threshold.limits();
    if requests == Some(0) {
        Some(BreakerState::ForcedOpen)
    } else if [connections, pending, requests].iter().all(|limit| limit.is_some_and(|limit| limit >= NO_LIMIT)) {
        Some(BreakerState::Disabled)
    } else {
        None
    }
}

impl Threshold {
    /// Whether it is of the other priority.
    pub fn is_high(&self) -> bool {
        self.priority.as_deref() == Some("HIGH")
    }

    /// Connections, waiting requests, requests, retries.
    pub(super) fn limits(&self) -> [Option<u64>; 4] {
        [&self.max_connections, &self.max_pending_requests, &self.max_requests, &self.max_retries]
            .map(|limit| limit.as_ref()?.value())
    }
}

/// The gauges of one priority, as far as they are there.
type Gauges = Vec<(&'static str, u64)>;

fn capacity(cluster: &Cluster, threshold: &Threshold, numbers: &Numbers, callee: &Party) -> Option<Breaker> {
    let priority = if threshold.is_high() { "high" } else { "default" };
    let gauge = |name: &'static str| {
        let whole = format!("circuit_breakers.{priority}.{name}");
        Some((name, *numbers.iter().find(|(field, _)| **field == whole)?.1))
    };
    let gauges: Gauges =
        ["cx_open", "cx_pool_open", "rq_open", "rq_pending_open"].into_iter().filter_map(gauge).collect();
    let limits = threshold.limits();
    let state = limited(threshold, &gauges, is_tcp(numbers));
    let is_usual = limits.iter().zip(USUAL).all(|(limit, usual)| limit.is_none_or(|limit| limit == usual));
    // Every cluster has limits for the other priority, which hardly anybody uses.
    if threshold.is_high() && is_usual && state != BreakerState::Open {
        return None;
    }
    let counters = if threshold.is_high() { Vec::new() } else { overflows(numbers) };
    let refused = counters.iter().fold(0_u64, |sum, (_, count)| sum.saturating_add(*count));
    let names = ["max_connections", "max_pending_requests", "max_requests", "max_retries"];
    let limits = names.into_iter().zip(limits).filter_map(|(name, limit)| Some((name, limit?)));
    let raw = limits.chain(gauges).chain(counters.iter().copied());
    let raw = raw.map(|(name, value)| (name, value.to_string())).chain([("priority", priority.to_owned())]);
    Some(Breaker {
        name: name_of(&cluster.name, threshold),
        callee: callee.clone(),
        kind: BreakerKind::Capacity,
        state,
        opens_at: most_at_once(threshold, is_tcp(numbers)),
        refused: (!counters.is_empty()).then(|| i64::try_from(refused).unwrap_or(i64::MAX)),
        raw: shared(raw),
    })
}

/// Requests of HTTP, connections elsewhere; `None` where nothing limits them.
fn most_at_once(threshold: &Threshold, is_tcp: bool) -> Option<OpensAt> {
    let [connections, _, requests, _] = threshold.limits();
    let most = if is_tcp { connections } else { requests };
    most.filter(|limit| *limit < NO_LIMIT).map(OpensAt::AtOnce)
}

/// A limit that somebody set to nothing or to everything goes before what the gauges say.
fn limited(threshold: &Threshold, gauges: &Gauges, is_tcp: bool) -> BreakerState {
    if is_tcp && threshold.limits().first() == Some(&Some(0)) {
        return BreakerState::ForcedOpen;
    }
    // Idle connections hold their limit for hours. Requests wait then, and only plain connections are refused.
    let counts = |name: &str| name != "cx_open" || is_tcp;
    let by_gauges = if gauges.is_empty() {
        BreakerState::Unknown
    } else if gauges.iter().any(|(name, gauge)| counts(name) && *gauge > 0) {
        BreakerState::Open
    } else {
        BreakerState::Closed
    };
    set_by_limits(threshold).unwrap_or(by_gauges)
}

/// What was refused, of both priorities together.
fn overflows(numbers: &Numbers) -> Gauges {
    let http = ["upstream_rq_pending_overflow", "upstream_rq_active_overflow", "upstream_cx_pool_overflow"];
    // Elsewhere it counts what had to wait for a connection.
    let tcp = is_tcp(numbers).then_some("upstream_cx_overflow");
    http.into_iter().chain(tcp).filter_map(|name| Some((name, *numbers.get(name)?))).collect()
}

/// Only a cluster whose endpoints are watched has one.
fn endpoints(cluster: &Cluster, numbers: &Numbers, callee: &Party) -> Option<Breaker> {
    let active = *numbers.get("outlier_detection.ejections_active")?;
    let hosts: Vec<&Host> = cluster.host_statuses.iter().filter_map(Entry::known).collect();
    let out: Vec<&&Host> = hosts.iter().filter(|host| host.health_status.failed_outlier_check).collect();
    let state = if !hosts.is_empty() && out.len() == hosts.len() { BreakerState::Open } else { BreakerState::Closed };
    let address = |host: &&&Host| {
        let at = &host.address.socket_address;
        format!("{}:{}", at.address, at.port_value)
    };
    let named: Vec<String> = out.iter().take(NAMED_ENDPOINTS).map(address).collect();
    let counted = ["outlier_detection.ejections_enforced_total", "membership_healthy", "membership_total"];
    let counted = counted.into_iter().filter_map(|name| Some((name, numbers.get(name)?.to_string())));
    let ejected = [
        ("outlier_detection.ejections_active", active.to_string()),
        ("ejected", format!("{} of {}", out.len(), hosts.len())),
    ];
    let named = (!named.is_empty()).then(|| ("failed_outlier_check", shorten(&named.join(" "))));
    // The whole is called like the callee; a dialect of metrics calls it so too.
    let name = match callee {
        Party::Named(name) | Party::NamedIn { name, .. } => name.to_string(),
        _ => cluster.name.clone(),
    };
    let raw = shared(ejected.into_iter().chain(counted).chain(named));
    let (callee, kind) = (callee.clone(), BreakerKind::Endpoint);
    Some(Breaker { name, callee, kind, state, opens_at: None, refused: None, raw })
}

/// It was connected to, and never for HTTP.
fn is_tcp(numbers: &Numbers) -> bool {
    let count = |name: &str| numbers.get(name).copied().unwrap_or_default();
    let http = ["upstream_cx_http1_total", "upstream_cx_http2_total", "upstream_cx_http3_total"];
    count("upstream_cx_total") > 0 && http.into_iter().all(|name| count(name) == 0)
}

/// Whom a cluster stands for, by the rules by which its metrics are read; `None` for those that Envoy needs for itself.
fn callee(cluster: &str, dialects: &Dialects) -> Option<Party> {
    let dialect = dialects.iter().find(|dialect| &*dialect.name == "envoy")?;
    let label = |name: &str| (Arc::from(name), Arc::from(cluster));
    let labels: Labels = ["cluster_name", "envoy_cluster_name"].map(label).into();
    let of_limits = |breakers: &&Breakers| breakers.kind == BreakerKind::Capacity;
    dialect.breakers.iter().find(of_limits)?.callee(&labels)
}

fn by_cluster(stats: &Stats) -> BTreeMap<&str, Numbers> {
    let mut clusters: BTreeMap<&str, Numbers> = BTreeMap::new();
    for stat in stats.stats.iter().filter_map(Entry::known) {
        let Some((cluster, field)) = field(stat) else { continue };
        if let Some(value) = stat.value.value() {
            clusters.entry(cluster).or_default().insert(field, value);
        }
    }
    clusters
}

/// A cluster's name may have dots, so the end of the name is what counts.
fn field(stat: &Stat) -> Option<(&str, &'static str)> {
    let name = stat.name.strip_prefix("cluster.")?;
    FIELDS.into_iter().find_map(|field| Some((name.strip_suffix(field)?.strip_suffix('.')?, field)))
}

fn shared<'a>(raw: impl Iterator<Item = (&'a str, String)>) -> BTreeMap<Arc<str>, Arc<str>> {
    raw.map(|(name, value)| (Arc::from(name), Arc::from(value))).collect()
}
