//! What Binnacle shows of every kind of emitter beside what was really sent to it: one load for all at once, whose rate, share of
//! failures and durations are known. Everything is read by all dialects together, so no edge may be there twice.
//!
//! What an emitter does not tell is not compared: what calls go-kit and go-micro make have no counters with the name of who is
//! called, monkit and HAProxy no histogram.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use binnacle_model::fact::Signals;
use binnacle_model::id::{ServiceId, SourceKind};
use binnacle_model::snapshot::{EdgeState, Snapshot};
use binnacle_sources::hystrix::Hystrix;
use binnacle_sources::{Connection, ConnectionSpec, Environment};
use futures_util::stream::{self, StreamExt as _};
use lab::services::{Envoy, HaProxy, Kind, Place, Service, jobs};
use lab::{Consul, Prometheus};
use serde_json::Value;
use tokio::task::JoinSet;

use crate::consul_picture::{self, Picture};
use crate::prometheus_picture::{connect, id};

/// How long is measured, and how long is sent before, so that what is shown is of this load alone.
const MEASURED: Duration = Duration::from_secs(60);
const LEAD: Duration = Duration::from_secs(15);
/// Rates are taken over four of these.
const SCRAPED_EVERY: &str = "2500ms";
/// What each callee waits for before it answers, and the share of its answers that fail.
const WORK_MS: u64 = 60;
const FAILED: f64 = 0.1;
/// The slowest load; each further emitter gets one call a second more, so that no two are taken for each other.
const SLOWEST: u32 = 8;
/// Consul looks at `/health` so often; some count that as an answer like any other.
const CHECKS_PER_S: f64 = 1.0;

/// How an emitter tells how long calls took.
#[derive(Clone, Copy)]
enum Times {
    Histogram(&'static str),
    /// The process works percentiles out itself.
    Percentiles,
    Untold,
}

/// The kinds that count the calls that they make by whom they go to.
const CALLS: [(Kind, Times); 7] = [
    (Kind::GinHystrix, Times::Histogram("http_client_request_duration_seconds")),
    // By its stream, of the last ten seconds.
    (Kind::Hystrix, Times::Percentiles),
    (Kind::Grpc, Times::Histogram("grpc_client_handling_seconds")),
    (Kind::Monkit, Times::Untold),
    (Kind::Mux, Times::Percentiles),
    (Kind::Opossum, Times::Histogram("http_client_request_duration_seconds")),
    (Kind::Resilience4j, Times::Histogram("http_client_requests_seconds")),
];

/// The kinds that count what they answer; the last is how many checks of theirs are among it.
const ANSWERS: [(Kind, Times, f64); 5] = [
    (Kind::GinHystrix, Times::Histogram("gin_request_duration_seconds"), CHECKS_PER_S),
    (Kind::GoKit, Times::Histogram("shop_service_request_latency_seconds"), 0.0),
    (Kind::Mux, Times::Percentiles, CHECKS_PER_S),
    (Kind::Opossum, Times::Histogram("http_request_duration_seconds"), CHECKS_PER_S),
    (Kind::Resilience4j, Times::Histogram("http_server_requests_seconds"), CHECKS_PER_S),
];

/// The kinds whose callees, of the same kind, count what they answer.
const RPC_ANSWERS: [(Kind, Times, f64); 2] = [
    (Kind::GoMicro, Times::Histogram("micro_request_duration_seconds"), 0.0),
    (Kind::Grpc, Times::Histogram("grpc_server_handling_seconds"), 0.0),
];

const KINDS: [Kind; 9] = [
    Kind::GinHystrix,
    Kind::GoKit,
    Kind::GoMicro,
    Kind::Grpc,
    Kind::Hystrix,
    Kind::Monkit,
    Kind::Mux,
    Kind::Opossum,
    Kind::Resilience4j,
];

/// Where numbers are shown, by the names of services.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Whose {
    Edge(String, String),
    Answers(String),
}

impl Whose {
    fn signals(&self, snapshot: &Snapshot) -> Option<Signals> {
        match self {
            Self::Answers(of) => snapshot.services.values().find(|service| &*service.name == of).map(|one| one.signals),
            Self::Edge(from, to) => {
                let named = |id: &ServiceId, name: &str| &*snapshot.services[id].name == name;
                let mut edges = snapshot.edges.values();
                edges.find(|edge| named(&edge.from, from) && named(&edge.to, to)).map(|edge| edge.signals)
            }
        }
    }
}

/// What is shown somewhere of a load.
struct Shown {
    whose: Whose,
    times: Times,
    /// The finite bounds of its histogram, in milliseconds.
    bounds: Vec<f64>,
    checks: f64,
}

impl Shown {
    /// `metrics` is what the process says that counts.
    fn new(whose: Whose, times: Times, checks: f64, metrics: &str, in_ms: f64) -> Self {
        let bounds = if let Times::Histogram(name) = times { bounds(metrics, name, in_ms) } else { Vec::new() };
        Self { whose, times, bounds, checks }
    }

    /// What is not as it was sent.
    fn wrong(&self, load: &Load, shown: &[Signals]) -> Vec<String> {
        let mean = |what: fn(&Signals) -> Option<f64>| {
            let all: Vec<f64> = shown.iter().filter_map(what).collect();
            all.iter().sum::<f64>() / f64::from(u32::try_from(all.len()).unwrap())
        };
        let median = |what: fn(&Signals) -> Option<f64>| {
            let mut all: Vec<f64> = shown.iter().filter_map(what).collect();
            all.sort_by(f64::total_cmp);
            all.get(all.len() / 2).copied().unwrap_or(f64::NAN)
        };
        let (rps, errors) = (mean(|one| one.rps), mean(|one| one.error_ratio));
        let sent = load.rps + self.checks;
        let failed = load.failed * load.rps / sent;
        // Who calls sees the work of its callee, and no more than the visitor, who waits for it.
        let (work, visit) = (Duration::from_millis(WORK_MS).as_secs_f64() * 1e3, load.p95_ms);
        let (took, least, most) = match self.times {
            Times::Untold => (0.0, 0.0, 0.0),
            Times::Percentiles => (median(|one| one.p50_ms), work, visit),
            Times::Histogram(_) => {
                let below = self.bounds.iter().rev().find(|bound| **bound < work).copied().unwrap_or(0.0);
                let above = self.bounds.iter().find(|bound| **bound >= visit).copied().unwrap_or(f64::NAN);
                (median(|one| one.p95_ms), below, above)
            }
        };
        println!("{:?}: {rps:.2}/s of {sent:.2}, {errors:.4} of {failed:.4}, {took:.1} ms", self.whose);
        let right = [
            ((rps - sent).abs() <= sent * 0.05, format!("{rps}/s are shown, {sent}/s were sent")),
            ((errors - failed).abs() <= 0.01, format!("{errors} fail as shown, {failed} did")),
            ((least..=most).contains(&took), format!("{took} ms are shown, {least} to {most} are right")),
        ];
        right.into_iter().filter(|(right, _)| !right).map(|(_, words)| format!("{:?}: {words}", self.whose)).collect()
    }
}

/// The finite bounds of a histogram in milliseconds, as its process shows them.
fn bounds(metrics: &str, histogram: &str, in_ms: f64) -> Vec<f64> {
    let buckets = metrics.lines().filter(|line| line.starts_with(&format!("{histogram}_bucket{{")));
    let bound = |line: &str| line.split("le=\"").nth(1)?.split('"').next()?.parse::<f64>().ok();
    let mut bounds: Vec<f64> = buckets.filter_map(bound).filter(|one| one.is_finite()).map(|one| one * in_ms).collect();
    bounds.sort_by(f64::total_cmp);
    bounds.dedup();
    assert!(bounds.len() > 3, "{histogram} has bounds: {metrics}");
    bounds
}

/// One request of a load.
struct Sent {
    at: Instant,
    failed: bool,
    took_ms: f64,
}

/// What was really sent to an emitter.
struct Load {
    rps: f64,
    failed: f64,
    p95_ms: f64,
}

impl Load {
    fn of(sent: &[Sent], (began, ended): (Instant, Instant)) -> Self {
        let mut took: Vec<f64> =
            sent.iter().filter(|one| (began..ended).contains(&one.at)).map(|one| one.took_ms).collect();
        took.sort_by(f64::total_cmp);
        let failed = sent.iter().filter(|one| (began..ended).contains(&one.at) && one.failed).count();
        let count = |number: usize| f64::from(u32::try_from(number).unwrap());
        Self {
            rps: count(took.len()) / (ended - began).as_secs_f64(),
            failed: count(failed) / count(took.len()),
            p95_ms: took[took.len() * 95 / 100],
        }
    }
}

/// Sends at an even pace, without waiting for the answers before.
async fn send(url: String, per_second: u32) -> Vec<Sent> {
    let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(10)).build().unwrap();
    let all = u32::try_from((LEAD + MEASURED).as_secs()).unwrap() * per_second;
    let pace = tokio::time::interval(Duration::from_secs(1) / per_second);
    let ticks = stream::unfold(pace, async |mut pace| {
        pace.tick().await;
        Some(((), pace))
    });
    let all = usize::try_from(all).unwrap();
    let answers = ticks.take(all).map(|()| async {
        let at = Instant::now();
        let answer = http.get(&url).send().await;
        let failed = !answer.is_ok_and(|answer| answer.status().is_success());
        Sent { at, failed, took_ms: at.elapsed().as_secs_f64() * 1e3 }
    });
    answers.buffer_unordered(all).collect().await
}

/// A service of each kind with a callee of its own, so that it is known what becomes of its calls; and two proxies.
struct Emitters {
    pairs: Vec<(Service, Service)>,
    inventory: [Service; 2],
    envoy: Envoy,
    haproxy: HaProxy,
}

async fn working(kind: Kind, name: &str, registry: SocketAddr) -> Service {
    let service = Service::builder(kind, name).registry(registry).start().await.unwrap();
    service.turn(FAILED, Duration::from_millis(WORK_MS)).await.unwrap();
    service
}

impl Emitters {
    async fn start(consul: &Consul) -> Self {
        let registry = ([127, 0, 0, 1], consul.http_port()).into();
        let pair = async |kind: Kind| {
            let callee = if matches!(kind, Kind::Grpc | Kind::GoMicro) { kind } else { Kind::Monkit };
            let stock = working(callee, &format!("{}-stock", kind.name()), registry).await;
            let caller = Service::builder(kind, kind.name()).registry(registry).calling(&stock).start().await.unwrap();
            // What was never called has no histogram yet.
            while caller.visit().await.unwrap() != 200 {}
            (caller, stock)
        };
        let pairs = stream::iter(KINDS).map(pair).buffered(KINDS.len()).collect().await;
        let inventory =
            [working(Kind::Monkit, "inventory", registry).await, working(Kind::Monkit, "inventory", registry).await];
        let envoy = Envoy::in_front_of(Place::Host, &[&inventory[0]], &[]).await.unwrap();
        let haproxy = HaProxy::in_front_of(Place::Host, &[&inventory[1]]).await.unwrap();
        let emitters = Self { pairs, inventory, envoy, haproxy };
        let client = consul.client().unwrap();
        for service in emitters.services() {
            service.register(&client).await.unwrap();
        }
        emitters
    }

    fn services(&self) -> impl Iterator<Item = &Service> {
        self.pairs.iter().flat_map(|(caller, stock)| [caller, stock]).chain(&self.inventory)
    }

    fn jobs(&self) -> impl Iterator<Item = Value> {
        jobs(self.services()).into_iter().chain([self.envoy.job(), self.haproxy.job()])
    }

    /// Where each gets its load, and what is shown of that.
    async fn loads(&self) -> Vec<(String, Vec<Shown>)> {
        let mut loads = Vec::new();
        for (caller, stock) in &self.pairs {
            let kind = caller.kind();
            let (said, callee_said) = (caller.metrics().await.unwrap(), stock.metrics().await.unwrap());
            let name = |service: &Service| service.name().to_owned();
            let calls = CALLS
                .iter()
                .filter(|(one, _)| *one == kind)
                .map(|(_, times)| Shown::new(Whose::Edge(name(caller), name(stock)), *times, 0.0, &said, 1e3));
            let answers = ANSWERS.iter().filter(|(one, ..)| *one == kind);
            let answers =
                answers.map(|(_, times, checks)| Shown::new(Whose::Answers(name(caller)), *times, *checks, &said, 1e3));
            let rpc = RPC_ANSWERS.iter().filter(|(one, ..)| *one == kind);
            let rpc = rpc
                .map(|(_, times, checks)| Shown::new(Whose::Answers(name(stock)), *times, *checks, &callee_said, 1e3));
            loads.push((caller.url().to_owned(), calls.chain(answers).chain(rpc).collect()));
        }
        // Nobody registers a proxy: it is called after its job.
        let edge = |job: &Value| Whose::Edge(job["job_name"].as_str().unwrap().to_owned(), "inventory".to_owned());
        let envoy = self.envoy.url("inventory");
        while reqwest::get(&envoy).await.unwrap().status() != 200 {}
        let rq_time = Times::Histogram("envoy_cluster_upstream_rq_time");
        let said = lab::until("Envoy's histogram", consul_picture::PATIENCE, async || {
            let said = self.envoy.admin("/stats/prometheus").await.map_err(|error| error.to_string())?;
            if said.contains("envoy_cluster_upstream_rq_time_bucket{") { Ok(said) } else { Err("not yet".to_owned()) }
        });
        let said = said.await.unwrap();
        loads.push((envoy, vec![Shown::new(edge(&self.envoy.job()), rq_time, 0.0, &said, 1.0)]));
        let haproxy = Shown::new(edge(&self.haproxy.job()), Times::Untold, 0.0, "", 1.0);
        loads.push((self.haproxy.url().to_owned(), vec![haproxy]));
        loads
    }
}

/// Every pair once, and nobody who calls itself.
fn edges_are_those_that_were_made(snapshot: &Snapshot, loads: &[(String, Vec<Shown>)]) {
    let name = |id: &ServiceId| snapshot.services[id].name.to_string();
    // Of a call that nobody counts the caller's breaker tells alone.
    let counted = snapshot.edges.values().filter(|edge| edge.state != EdgeState::Declared);
    let shown: Vec<Whose> = counted.map(|edge| Whose::Edge(name(&edge.from), name(&edge.to))).collect();
    let once: BTreeSet<&Whose> = shown.iter().collect();
    let made = loads.iter().flat_map(|(_, shown)| shown).map(|one| &one.whose);
    let made: BTreeSet<&Whose> = made.filter(|whose| matches!(whose, Whose::Edge(..))).collect();
    assert_eq!(once, made);
    assert_eq!(shown.len(), made.len(), "an edge is there twice: {shown:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_shown_of_every_emitter_is_what_was_sent_to_it() {
    let consul = Consul::open().await.unwrap();
    let emitters = Emitters::start(&consul).await;
    let mut server = Prometheus::builder().every(SCRAPED_EVERY);
    for job in emitters.jobs() {
        server = server.scraping(job);
    }
    let server = server.start().await.unwrap();
    let loads = emitters.loads().await;
    let streaming = emitters.services().find(|service| service.kind() == Kind::Hystrix).unwrap();
    let place = format!("{}/hystrix.stream", streaming.url());
    let connections: Vec<Arc<dyn Connection>> = vec![
        Arc::new(consul_picture::connect(&consul.address(), &[])),
        Arc::new(connect(&server.address(), &Environment::default())),
        Arc::new(Hystrix::fixed(ConnectionSpec { kind: SourceKind::Hystrix, place }).unwrap()),
    ];
    let mut picture = Picture::of_all(connections);
    picture.live(&id(&server.address())).await;

    let mut sending = JoinSet::new();
    for (number, (url, _)) in loads.iter().enumerate() {
        let (url, more) = (url.clone(), u32::try_from(number).unwrap());
        sending.spawn(async move { (number, send(url, SLOWEST + more).await) });
    }
    let mut seconds = tokio::time::interval_at((Instant::now() + LEAD).into(), Duration::from_secs(1));
    picture.meanwhile(seconds.tick()).await;
    let began = Instant::now();
    let mut shown: BTreeMap<Whose, Vec<Signals>> = BTreeMap::new();
    for _ in 1..MEASURED.as_secs() {
        picture.meanwhile(seconds.tick()).await;
        for one in loads.iter().flat_map(|(_, shown)| shown) {
            let signals = one.whose.signals(picture.world.snapshot());
            shown.entry(one.whose.clone()).or_default().extend(signals);
        }
    }
    let ended = Instant::now();
    edges_are_those_that_were_made(picture.world.snapshot(), &loads);

    let mut wrong = Vec::new();
    while let Some(sent) = picture.meanwhile(sending.join_next()).await {
        let (number, sent) = sent.unwrap();
        let load = Load::of(&sent, (began, ended));
        for one in &loads[number].1 {
            wrong.extend(one.wrong(&load, shown.get(&one.whose).map_or(&[], Vec::as_slice)));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    picture.stop().await;
}
