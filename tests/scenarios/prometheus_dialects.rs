//! One file drives both roads: every dialect's fixture, read directly and asked of a real Prometheus that holds the same samples,
//! gives the same edges, breakers and answers. And the percentiles of histograms are those of PromQL.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;
use binnacle_model::fact::{BreakerState, CallsBasis, Fact, Observation, Party, Signals};
use binnacle_model::id::SourceId;
use binnacle_sources::Environment;
use binnacle_sources::history::{Historian as _, HistoryQuery};
use binnacle_sources::prometheus::{Questions, REQUESTS_A_BEAT};
use binnacle_sources::scrape::dialect::Dialects;
use binnacle_sources::scrape::dump::understand;
use binnacle_sources::scrape::exposition::Bucket;
use binnacle_sources::scrape::rate::quantile;
use lab::{FaultyWire, Prometheus};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

use crate::consul_picture::Picture;
use crate::prometheus_picture::{connect, id};

#[path = "../../crates/sources/tests/endpoints/grown.rs"]
mod grown;

use grown::{fixtures, grown};

/// The samples are this far apart, and the window of the questions has four of them.
const STEP: Duration = Duration::from_secs(15);
const STEPS: i64 = 4;
/// How much all counts grow from sample to sample.
const GROWTH: f64 = 0.01;

/// Bodies by the last part of the path.
type Bodies = Arc<BTreeMap<String, String>>;

/// Serves the bodies until the runtime of the test ends; gives `HOST:PORT`.
async fn serve(bodies: BTreeMap<String, String>) -> String {
    let body = async |Path(name): Path<String>, State(bodies): State<Bodies>| {
        ([(CONTENT_TYPE, "text/plain; version=0.0.4")], bodies.get(&name).cloned().unwrap_or_default()).into_response()
    };
    let app = Router::new().route("/{name}", get(body)).with_state(Arc::new(bodies));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    #[allow(clippy::disallowed_methods, reason = "the server lives as long as the test")]
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    address
}

/// A job that scrapes one of the bodies as the process at this address.
fn job(at: &str, name: &str, process: &str, native: bool) -> Value {
    json!({
        "job_name": name, "metrics_path": format!("/{name}"), "honor_timestamps": true,
        "convert_classic_histograms_to_nhcb": native,
        "static_configs": [{ "targets": [at], "labels": { "instance": process } }],
    })
}

/// A moment that lies a little back, in whole seconds.
fn a_while_ago() -> i64 {
    jiff::Timestamp::now().as_second() - 5
}

/// Asks the server for `what` until it answers with something.
async fn ask(server: &Prometheus, path: &str, parameters: &[(&str, &str)]) -> Value {
    let url = reqwest::Url::parse_with_params(&format!("{}/api/v1/{path}", server.address()), parameters).unwrap();
    let answer = reqwest::Client::new().get(url).send().await.unwrap();
    let text = answer.text().await.unwrap();
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// Waits until the last sample of every job is there.
async fn until_scraped(server: &Prometheus, jobs: usize) {
    lab::until("all bodies are scraped", Duration::from_secs(60), async || {
        let scraped = ask(server, "query", &[("query", "count(up == 1)")]).await;
        let count = scraped.pointer("/data/result/0/value/1").and_then(Value::as_str).unwrap_or("0").to_owned();
        if count == jobs.to_string() { Ok(()) } else { Err(count) }
    })
    .await
    .unwrap();
}

/// What is said, without the numbers, and the numbers.
type Said = BTreeMap<String, Vec<Option<f64>>>;

fn said(observations: Vec<Observation>) -> Said {
    let numbers = |signals: &Signals| {
        let Signals { rps, error_ratio, p50_ms, p95_ms, p99_ms } = *signals;
        vec![rps, error_ratio, p50_ms, p95_ms, p99_ms]
    };
    let one = |fact: Fact| match fact {
        Fact::Calls(mut calls) => {
            let CallsBasis::Observed(signals) = calls.basis else { panic!("not measured") };
            calls.basis = CallsBasis::Observed(Signals::default());
            (format!("{calls:?}"), numbers(&signals))
        }
        Fact::Served(mut served) => {
            let signals = std::mem::take(&mut served.signals);
            (format!("{served:?}"), numbers(&signals))
        }
        Fact::Breaker(mut breaker) => {
            let rejected = breaker.rejected_per_s.take();
            // The original values are those of the same sample; how they are written is not compared.
            breaker.raw.clear();
            (format!("{breaker:?}"), vec![rejected])
        }
        other => panic!("{other:?}"),
    };
    let all: Vec<(String, Vec<Option<f64>>)> =
        observations.into_iter().map(|observation| one(observation.fact)).collect();
    let count = all.len();
    let said: Said = all.into_iter().collect();
    assert_eq!(said.len(), count, "something is said twice");
    said
}

fn near(one: Option<f64>, other: Option<f64>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => (one - other).abs() <= 1e-6 * one.abs().max(other.abs()),
        (None, None) => true,
        _ => false,
    }
}

fn assert_same(direct: &Said, served: &Said) {
    let keys = |said: &Said| said.keys().cloned().collect::<BTreeSet<String>>();
    let (mine, theirs) = (keys(direct), keys(served));
    let only = |a: &BTreeSet<String>, b: &BTreeSet<String>| a.difference(b).cloned().collect::<Vec<_>>();
    assert_eq!(
        mine,
        theirs,
        "directly alone: {:#?}, by the server alone: {:#?}",
        only(&mine, &theirs),
        only(&theirs, &mine)
    );
    for (what, numbers) in direct {
        let other = &served[what];
        let same = numbers.iter().zip(other).all(|(one, other)| near(*one, *other));
        assert!(same, "{what}\ndirectly {numbers:?}\nserved   {other:?}");
    }
}

/// A server that scraped all fixtures as processes of their own, and what was read of them directly.
struct Scraped {
    server: Prometheus,
    has: BTreeSet<String>,
    direct: Vec<Observation>,
}

/// The last of their samples is at this moment.
async fn scraped(every: &str, native: bool, last: i64) -> Scraped {
    let dialects = Dialects::built_in();
    let step = i64::try_from(STEP.as_secs()).unwrap();
    let (mut bodies, mut jobs, mut direct) = (BTreeMap::new(), Vec::new(), Vec::new());
    for (number, (name, text)) in fixtures().into_iter().enumerate() {
        let mut answers = Vec::new();
        let mut body = String::new();
        for (position, share) in (0..=STEPS).zip([0.0, 1.0, 2.0, 3.0, 4.0]) {
            let at = (last - step * (STEPS - position)) * 1000;
            let timed = grown(&text, &dialects, GROWTH * share, Some(at));
            // The types stand before the samples of each moment: that is how a server finds the parts of a histogram.
            body.push_str(&timed);
            answers.push(grown(&text, &dialects, GROWTH * share, None));
        }
        let host = format!("10.0.0.{}", number + 1);
        let process = Party::Address { host: Arc::from(host.as_str()), port: 80 };
        let answers: Vec<&[u8]> = answers.iter().map(String::as_bytes).collect();
        direct.extend(understand(&dialects, &process, &answers, STEP).observations);
        bodies.insert(name.clone(), body);
        jobs.push((name, format!("{host}:80")));
    }
    let count = jobs.len();
    let at = serve(bodies).await;
    let mut server = Prometheus::builder().every(every);
    for (name, process) in &jobs {
        server = server.scraping(job(&at, name, process, native));
    }
    let server = server.start().await.unwrap();
    until_scraped(&server, count).await;

    let names = ask(&server, "label/__name__/values", &[]).await;
    let has = serde_json::from_value(names["data"].clone()).unwrap();
    Scraped { server, has, direct }
}

impl Scraped {
    /// What its answers about a moment say.
    async fn observations(&self, moment: i64) -> Vec<Observation> {
        let questions = Questions::new(Dialects::built_in(), &self.has, STEP * u32::try_from(STEPS).unwrap());
        let mut answers = BTreeMap::new();
        for text in questions.texts() {
            let answer = ask(&self.server, "query", &[("query", text), ("time", &moment.to_string())]).await;
            assert_eq!(answer["status"], "success", "{text}: {answer}");
            answers.insert(text.to_owned(), answer);
        }
        questions.observations(&answers)
    }
}

/// All fixtures on a server and directly.
async fn both_roads(native: bool) -> (Said, Said) {
    let last = a_while_ago();
    let scraped = scraped("500ms", native, last).await;
    let served = scraped.observations(last).await;
    (said(scraped.direct), said(served))
}

#[tokio::test]
async fn every_dialect_says_the_same_by_a_prometheus_as_directly() {
    let (direct, served) = both_roads(false).await;
    assert!(direct.len() > 80, "{}", direct.len());
    assert_same(&direct, &served);
}

#[tokio::test]
async fn a_server_that_keeps_histograms_as_one_says_the_same() {
    let (direct, served) = both_roads(true).await;
    assert_same(&direct, &served);
}

/// The dialect and the numbers of a fact that has a history.
fn counted(fact: &Fact) -> Option<(Arc<str>, Signals)> {
    match fact {
        Fact::Calls(calls) => match &calls.basis {
            CallsBasis::Observed(signals) => Some((calls.observer.dialect.clone(), *signals)),
            _ => None,
        },
        Fact::Served(served) => Some((served.dialect.clone(), served.signals)),
        _ => None,
    }
}

/// Rounded to three digits before they are added.
fn alike(one: Option<f64>, other: Option<f64>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => (one - other).abs() <= 0.01 * one.abs().max(other.abs()),
        (None, None) => true,
        _ => false,
    }
}

fn process_of(breaker: &Observation) -> Arc<str> {
    let Fact::Breaker(fact) = &breaker.fact else { panic!("{breaker:?}") };
    fact.process(&breaker.object)
}

fn state_of(fact: &Fact) -> BreakerState {
    let Fact::Breaker(fact) = fact else { panic!("{fact:?}") };
    fact.state
}

/// The moment that was asked about, of which the answer tells by another clock.
fn moment(at: jiff::Timestamp) -> i64 {
    let step = STEP.as_secs_f64();
    #[allow(clippy::cast_possible_truncation, reason = "a moment of these days")]
    let moment = ((at.as_duration().as_secs_f64() / step).round() * step) as i64;
    moment
}

async fn every_dialect_has_a_history(native: bool) {
    // Some samples lie ahead, so that there are enough in the window for as long as this takes.
    let last = jiff::Timestamp::now().as_second() + 20;
    let scraped = scraped("15s", native, last).await;
    let source = Arc::new(connect(&scraped.server.address(), &Environment::default()));
    let mut picture = Picture::of_all(vec![source.clone()]);
    let expected = scraped.direct.iter().filter(|one| counted(&one.fact).is_some()).count();
    let source_id = SourceId::from(id(&scraped.server.address()));
    let facts = picture
        .until("all that is counted", |world| {
            let facts = world.store().sources().get(&source_id)?.observations();
            let facts: Vec<_> = facts.filter(|one| counted(&one.fact).is_some()).cloned().collect();
            (facts.len() == expected).then_some(facts)
        })
        .await;
    let mut by_dialect: BTreeMap<Arc<str>, Vec<Arc<Observation>>> = BTreeMap::new();
    for fact in facts {
        by_dialect.entry(counted(&fact.fact).unwrap().0).or_default().push(fact);
    }
    let told = scraped.direct.iter().filter(|one| matches!(one.fact, Fact::Breaker(_))).count();
    let breakers = picture
        .until("all breakers", |world| {
            let facts = world.store().sources().get(&source_id)?.observations();
            let facts: Vec<_> = facts.filter(|one| matches!(one.fact, Fact::Breaker(_))).cloned().collect();
            (facts.len() == told).then_some(facts)
        })
        .await;
    let comparing = async {
        let mut compared = BTreeMap::new();
        let mut moments: BTreeMap<i64, Vec<Observation>> = BTreeMap::new();
        for (dialect, facts) in &by_dialect {
            let history = source.history(&HistoryQuery { facts: facts.clone(), reach: STEP * 4 }).await.unwrap();
            assert_eq!((history.step, history.window, &*history.missing), (STEP, STEP * 4, &[][..]), "{dialect}");
            for point in history.points.iter().filter(|point| point.signals.rps.is_some()).take(2) {
                let moment = moment(point.at);
                if let Entry::Vacant(unasked) = moments.entry(moment) {
                    unasked.insert(scraped.observations(moment).await);
                }
                let is_asked = |one: &&Observation| facts.iter().any(|fact| fact.object == one.object);
                let then = moments[&moment].iter().filter(is_asked).filter_map(|one| counted(&one.fact));
                let then = then.fold(Signals::default(), |sum, (_, signals)| sum.and(&signals));
                let now = point.signals;
                let pairs = [(now.rps, then.rps), (now.error_ratio, then.error_ratio), (now.p95_ms, then.p95_ms)];
                assert!(pairs.iter().all(|(one, other)| alike(*one, *other)), "{dialect} at {moment}: {pairs:?}");
                compared.insert(dialect.clone(), now.rps);
            }
        }
        // Each is asked about alone, which takes longer than the samples are in the window: so this looks further back.
        for breaker in breakers {
            let query = HistoryQuery { facts: vec![breaker.clone()], reach: STEP * 40 };
            let history = source.breaker_history(&query).await.unwrap();
            assert_eq!((history.step, &*history.missing), (STEP, &[][..]), "{breaker:?}");
            let runs = history.courses.get(&process_of(&breaker)).map(Vec::as_slice).unwrap_or_default();
            // Where one state becomes another, the later one begins.
            let state = |at| runs.iter().rfind(|run| run.from <= at && at <= run.until).map(|run| run.state);
            let all = history.rejected_per_s.iter().map(|(at, _)| *at);
            let known: Vec<_> = all.filter(|at| state(*at).is_some()).take(2).collect();
            assert!(!known.is_empty(), "{breaker:?} was in no state: {history:?}");
            for at in known {
                if let Entry::Vacant(unasked) = moments.entry(moment(at)) {
                    unasked.insert(scraped.observations(moment(at)).await);
                }
                let then = moments[&moment(at)].iter().find(|one| one.object == breaker.object);
                assert_eq!(state(at), then.map(|one| state_of(&one.fact)), "{breaker:?} at {at}: {history:?}");
            }
        }
        compared
    };

    let compared = picture.meanwhile(comparing).await;

    let missing: Vec<_> = by_dialect.keys().filter(|dialect| !compared.contains_key(*dialect)).collect();
    assert!(compared.len() > 20 && missing.is_empty(), "{missing:?} has no number, {compared:?}");
    picture.stop().await;
}

#[tokio::test]
async fn a_moment_of_the_history_of_every_dialect_is_what_its_questions_answer_about_that_moment() {
    every_dialect_has_a_history(false).await;
}

#[tokio::test]
async fn histograms_that_are_kept_as_one_have_the_same_history() {
    every_dialect_has_a_history(true).await;
}

#[tokio::test]
async fn a_server_that_has_everything_is_asked_no_more_at_a_beat() {
    let fixtures = fixtures();
    let jobs: Vec<String> = fixtures.iter().map(|(name, _)| name.clone()).collect();
    let at = serve(fixtures.into_iter().collect()).await;
    let mut server = Prometheus::builder();
    for (number, name) in jobs.iter().enumerate() {
        server = server.scraping(job(&at, name, &format!("10.0.0.{}:80", number + 1), false));
    }
    let server = server.start().await.unwrap();
    until_scraped(&server, jobs.len()).await;
    let wire = FaultyWire::to_port(server.port()).await.unwrap();
    // A long beat: what is asked before its end is one beat's.
    let connection = connect(&wire.address(), &Environment::default()).at_a_beat_of(Duration::from_secs(3_600));
    let mut picture = Picture::of(connection);

    let status = picture.live(&id(&wire.address())).await;

    let asked = wire.requests();
    assert!(asked.len() <= REQUESTS_A_BEAT, "{} requests: {asked:#?}", asked.len());
    let names = asked.iter().filter(|line| line.contains("/label/__name__/values")).count();
    assert!((1..=5).contains(&names), "{names}");
    assert!(asked.iter().all(|line| line.len() < 8_000), "an address is too long for what stands before servers");
    // The rest has its turn at the next beats, and that is said.
    assert!(status.notes.iter().any(|note| note.contains("questions make the whole picture")), "{status:?}");
    picture.stop().await;
}

/// Histograms of all shapes: some buckets without anything in them, bounds on both sides of zero.
fn any_histogram() -> impl Strategy<Value = Vec<(f64, f64)>> {
    let bounds = proptest::collection::btree_set(-2000_i32..20_000, 1..12);
    let counts = proptest::collection::vec(0_u32..1000, 12);
    (bounds, counts, 0_u32..50).prop_map(|(bounds, counts, beyond)| {
        let mut sum = 0.0;
        let mut buckets: Vec<(f64, f64)> = Vec::new();
        for (bound, count) in bounds.into_iter().zip(counts) {
            sum += f64::from(count);
            buckets.push((f64::from(bound) / 1000.0, sum));
        }
        buckets.push((f64::INFINITY, sum + f64::from(beyond)));
        buckets
    })
}

#[tokio::test]
async fn percentiles_of_any_histogram_are_those_of_promql() {
    const CASES: usize = 400;
    let mut runner = TestRunner::deterministic();
    let cases: Vec<Vec<(f64, f64)>> =
        (0..CASES).map(|_| any_histogram().new_tree(&mut runner).unwrap().current()).collect();
    let mut body = "# TYPE any histogram\n".to_owned();
    for (case, buckets) in cases.iter().enumerate() {
        for (bound, count) in buckets {
            let bound = if bound.is_finite() { bound.to_string() } else { "+Inf".to_owned() };
            writeln!(body, "any_bucket{{case=\"{case}\",le=\"{bound}\"}} {count}").unwrap();
        }
    }
    let at = serve(BTreeMap::from([("any".to_owned(), body)])).await;
    let server = Prometheus::builder().scraping(job(&at, "any", "10.0.0.1:80", false)).start().await.unwrap();
    until_scraped(&server, 1).await;

    let mut compared = 0;
    for q in [0.01, 0.5, 0.9, 0.95, 0.99, 1.0] {
        let answer = ask(&server, "query", &[("query", &format!("histogram_quantile({q}, any_bucket)"))]).await;
        let rows = answer["data"]["result"].as_array().unwrap();
        assert_eq!(rows.len(), CASES);
        for row in rows {
            let case: usize = row["metric"]["case"].as_str().unwrap().parse().unwrap();
            let theirs: f64 = row["value"][1].as_str().unwrap().parse().unwrap();
            let buckets: Vec<Bucket> =
                cases[case].iter().map(|(bound, count)| Bucket { bound: *bound, count: *count }).collect();
            let mine = quantile(q, &buckets);
            assert!(
                near(mine, theirs.is_finite().then_some(theirs)),
                "{q} of {:?}: {mine:?} for {theirs}",
                cases[case]
            );
            compared += usize::from(mine.is_some());
        }
    }
    assert!(compared > 2000, "{compared}");
}
