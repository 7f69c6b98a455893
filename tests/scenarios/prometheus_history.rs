//! How signals went, asked of a real Prometheus: the numbers of its instant queries, gaps where it did not scrape, and a bound.

use std::sync::Arc;
use std::time::Duration;

use binnacle_model::fact::{CallsBasis, Fact, Party};
use binnacle_model::measured::{self, Measured};
use binnacle_model::snapshot::Snapshot;
use binnacle_model::world::World;
use binnacle_sources::history::{Historian as _, HistoryPoint, HistoryQuery, SignalHistory};
use binnacle_sources::prometheus::HISTORY_A_BEAT;
use binnacle_sources::{Environment, ErrorKind, SourceError};
use futures_util::future::join_all;
use lab::{Fault, FaultyWire, Prometheus, job};

use crate::consul_picture::{PATIENCE, Picture};
use crate::prometheus_picture::{Source, connect, edges, endpoints, fleet, id};

const REACH: Duration = Duration::from_secs(60);

async fn history(source: &Source, of: &Measured) -> Result<SignalHistory, SourceError> {
    source.history(&HistoryQuery { facts: of.facts.clone(), reach: REACH }).await
}

/// Every edge that the server measures.
fn measured(snapshot: &Snapshot) -> Vec<Measured> {
    snapshot.edges.keys().filter_map(|id| measured::of_edge(snapshot, id.as_str())).collect()
}

/// Waits until a query finds something.
async fn found(server: &Prometheus, query: &str) {
    lab::until(query, PATIENCE, async || match server.query(query).await {
        Ok(series) if series.is_empty() => Err("nothing yet".to_owned()),
        Ok(_) => Ok(()),
        Err(error) => Err(error.to_string()),
    })
    .await
    .unwrap();
}

/// The number that an instant query finds; `None` for none and for one that is not finite.
async fn number(server: &Prometheus, query: &str) -> Option<f64> {
    let series = server.query(query).await.unwrap();
    let number: f64 = series.first()?["value"][1].as_str().unwrap().parse().unwrap();
    number.is_finite().then_some(number)
}

/// The caller's address and the callee's name.
fn pair(of: &Measured) -> Option<(String, String)> {
    let Fact::Calls(calls) = &of.facts[0].fact else { panic!("{of:?}") };
    match (&calls.caller, &calls.callee) {
        (Party::Address { host, port }, Party::Named(name) | Party::Channel(name)) => {
            Some((format!("{host}:{port}"), name.to_string()))
        }
        _ => None,
    }
}

/// Numbers are rounded to three digits before they are added.
#[track_caller]
fn same(ours: Option<f64>, servers: Option<f64>, what: &str) -> usize {
    match (ours, servers) {
        (None, None) => 0,
        (Some(ours), Some(servers)) if (ours - servers).abs() <= servers.abs() * 0.01 + 1e-9 => 1,
        _ => panic!("{what}: {ours:?} in the history, {servers:?} by an instant query"),
    }
}

/// Compares a point with what the server answers about that moment, asked in other words.
async fn compared(server: &Prometheus, of: &Measured, point: &HistoryPoint, step: Duration) -> usize {
    let Some((instance, peer)) = pair(of) else { return 0 };
    // Steps are whole multiples; the moment was told by this computer's clock, which is the server's.
    let seconds = step.as_secs_f64();
    let at = (point.at.as_duration().as_secs_f64() / seconds).round() * seconds;
    let rate = |metric: &str, more: &str| {
        format!("rate({metric}{{instance=\"{instance}\",peer=\"{peer}\"{more}}}[5s] @ {at:.3})")
    };
    let sent = format!("sum({})", rate("demo_client_requests_total", ",outcome!=\"rejected\""));
    let failed = format!("sum({})", rate("demo_client_requests_total", ",outcome=\"error\""));
    let slow = rate("demo_client_request_duration_seconds_bucket", ",outcome!=\"rejected\"");
    let slow = format!("1000 * max(histogram_quantile(0.95, sum by (protocol, pattern, payload, le) ({slow})))");
    let (sent, failed) = (number(server, &sent).await, number(server, &failed).await);
    let ratio = sent.filter(|sent| *sent > 0.0).map(|sent| failed.unwrap_or_default() / sent);
    let what = format!("{instance} to {peer} at {at}");
    same(point.signals.rps, sent, &format!("rate of {what}"))
        + same(point.signals.error_ratio, ratio, &format!("errors of {what}"))
        + same(point.signals.p95_ms, number(server, &slow).await, &format!("p95 of {what}"))
}

#[tokio::test]
async fn every_point_of_a_history_is_what_an_instant_query_about_its_moment_answers() {
    let demo = fleet().await;
    let server = Prometheus::builder().scraping(job("fleet", endpoints(&demo))).start().await.unwrap();
    found(&server, "min(count_over_time(demo_client_requests_total[30s])) > 25").await;
    let source = Arc::new(connect(&server.address(), &Environment::default()));
    let mut picture = Picture::of_all(vec![source.clone()]);
    let edges = picture
        .until("edges", |world| {
            let edges = measured(world.snapshot());
            (edges.len() > 10).then_some(edges)
        })
        .await;
    let comparing = async {
        let (mut numbers, mut gaps) = (0, 0);
        for (place, of) in edges.iter().enumerate() {
            let history = history(&source, of).await.unwrap();
            assert_eq!((history.points.len(), history.step, history.missing.len()), (61, Duration::from_secs(1), 0));
            for point in history.points.iter().skip(place % 7).step_by(7) {
                let compared = compared(&server, of, point, history.step).await;
                numbers += compared;
                gaps += usize::from(compared == 0);
            }
        }
        (numbers, gaps)
    };

    let (numbers, gaps) = picture.meanwhile(comparing).await;

    assert!(numbers > 100 && gaps > 20, "{numbers} numbers and {gaps} gaps were compared");
    picture.stop().await;
    demo.stop().await;
}

/// A process whose counter stands where the test says.
struct Counter {
    wire: FaultyWire,
    server: Prometheus,
    stands: u64,
}

impl Counter {
    async fn start() -> Self {
        let wire = FaultyWire::to_port(9).await.unwrap();
        wire.fault("/metrics", Self::body(1_000));
        let mut counted = job("counter", [wire.address().replace("http://", "")]);
        // The wire calls everything JSON.
        counted["fallback_scrape_protocol"] = "PrometheusText0.0.4".into();
        let server = Prometheus::builder().scraping(counted).start().await.unwrap();
        Self { wire, server, stands: 1_000 }
    }

    fn body(stands: u64) -> Fault {
        let labels = "peer=\"b\",protocol=\"http\",pattern=\"rpc\",payload=\"json\",outcome=\"ok\"";
        Fault::Body(format!(
            "# TYPE demo_client_requests_total counter\ndemo_client_requests_total{{{labels}}} {stands}\n"
        ))
    }

    /// Waits until it was scraped where it stands now.
    async fn scraped(&self) {
        found(&self.server, &format!("demo_client_requests_total == {}", self.stands)).await;
    }

    async fn stand_at(&mut self, number: u64) {
        self.stands = number;
        self.wire.mend();
        self.wire.fault("/metrics", Self::body(number));
        self.scraped().await;
    }

    async fn count(&mut self, scrapes: u64) {
        for _ in 0..scrapes {
            self.stand_at(self.stands + 10).await;
        }
    }
}

#[tokio::test]
async fn a_counter_that_begins_anew_makes_no_spike_and_scrapes_that_are_missing_make_a_gap() {
    let mut counter = Counter::start().await;
    counter.count(4).await;
    let source = Arc::new(connect(&counter.server.address(), &Environment::default()));
    let mut picture = Picture::of_all(vec![source.clone()]);
    let of = picture.until("the edge", |world| measured(world.snapshot()).pop()).await;
    let rates = async || {
        let history = history(&source, &of).await.map_err(|error| error.to_string())?;
        Ok::<Vec<Option<f64>>, String>(history.points.iter().map(|point| point.signals.rps).collect())
    };
    let until = async |what: &str, holds: fn(&[Option<f64>]) -> bool| {
        lab::until(what, PATIENCE, async || {
            rates().await.and_then(|rates| holds(&rates).then_some(rates).ok_or("not yet".into()))
        })
        .await
        .unwrap()
    };
    let watching = async {
        counter.count(8).await;
        counter.stand_at(3).await;
        counter.count(8).await;
        counter.wire.refuse().await.unwrap();
        until("two points without a number at the end", |rates| rates[rates.len() - 2..] == [None, None]).await;
        counter.wire.accept().await.unwrap();
        counter.count(6).await;
        until("numbers again", |rates| rates.last().is_some_and(Option::is_some)).await
    };

    let rates = picture.meanwhile(watching).await;

    // About 20 a second were counted; the step down to 3 alone would be a spike of hundreds.
    assert!(rates.iter().flatten().all(|rps| (0.0..100.0).contains(rps)), "{rates:?}");
    let runs = rates.chunk_by(|one, other| one.is_some() == other.is_some());
    let runs: Vec<bool> = runs.map(|run| run[0].is_some()).collect();
    assert!(runs.ends_with(&[true, false, true]), "{rates:?}");
    picture.stop().await;
}

#[tokio::test]
async fn histories_share_the_budget_of_the_beat_and_those_over_it_wait_for_the_next() {
    let demo = fleet().await;
    let server = Prometheus::builder().scraping(job("fleet", endpoints(&demo))).start().await.unwrap();
    // Every process was scraped often enough before the one beat that there is.
    found(&server, &format!("count(up == 1) == {}", demo.services().len())).await;
    found(&server, "min(count_over_time(demo_client_requests_total[30s])) > 8").await;
    let wire = FaultyWire::to_port(server.port()).await.unwrap();
    let source = Arc::new(connect(&wire.address(), &Environment::default()).at_a_beat_of(Duration::from_secs(3600)));
    let mut picture = Picture::of_all(vec![source.clone()]);
    picture.live(&id(&wire.address())).await;
    let edges = picture
        .until("edges", |world| {
            let edges = measured(world.snapshot());
            (edges.len() > 10).then_some(edges)
        })
        .await;
    let histories = join_all(edges[..8].iter().map(|of| history(&source, of)));
    let over_time = |requests: &[String]| {
        let asked = requests.iter().enumerate().filter(|(_, one)| one.contains("/api/v1/query_range"));
        asked.map(|(place, _)| place).collect::<Vec<usize>>()
    };
    let spent = async {
        lab::until("the allowance is spent", PATIENCE, async || match over_time(&wire.requests()).len() {
            HISTORY_A_BEAT => Ok(()),
            asked => Err(format!("{asked} requests")),
        })
        .await
        .unwrap();
        picture.nudge.notify_one();
    };

    let (answered, ()) = tokio::join!(histories, spent);

    assert!(answered.iter().all(|history| history.as_ref().is_ok_and(|one| one.missing.is_empty())), "{answered:?}");
    let requests = wire.requests();
    let asked = over_time(&requests);
    assert!(asked.len() > HISTORY_A_BEAT, "{asked:?}");
    let between = &requests[asked[HISTORY_A_BEAT - 1]..asked[HISTORY_A_BEAT]];
    assert!(between.iter().any(|one| one.contains("/api/v1/query?")), "the next beat comes first: {between:?}");
    picture.stop().await;
    demo.stop().await;
}

/// A matrix with one row that is none, and a remark of the server.
const DOUBTFUL: &str =
    r#"{"status":"success","data":{"resultType":"matrix","result":[7]},"warnings":["a store did not answer"]}"#;

#[tokio::test]
async fn answers_that_are_partial_or_none_are_told_and_the_source_lives_on() {
    let demo = fleet().await;
    let server = Prometheus::builder().scraping(job("fleet", endpoints(&demo))).start().await.unwrap();
    found(&server, "rate(demo_client_request_duration_seconds_count[5s]) > 0").await;
    let wire = FaultyWire::to_port(server.port()).await.unwrap();
    let source = Arc::new(connect(&wire.address(), &Environment::default()));
    let name = id(&wire.address());
    let mut picture = Picture::of_all(vec![source.clone()]);
    let rates =
        |world: &World| (edges(world, &name).values().filter(|one| one.p95_ms.is_some()).count() > 5).then_some(());
    picture.until("rates", rates).await;
    let timed = |of: &Measured| {
        of.facts.iter().any(|one| {
            matches!(&one.fact, Fact::Calls(calls)
            if matches!(calls.basis, CallsBasis::Observed(signals) if signals.p95_ms.is_some()))
        })
    };
    let of = measured(picture.world.snapshot()).into_iter().find(timed).unwrap();

    wire.fault("/api/v1/query_range", Fault::Body(DOUBTFUL.to_owned()));
    let doubtful = history(&source, &of).await.unwrap();
    let missing: Vec<&str> = doubtful.missing.iter().map(|fault| &*fault.detail).collect();
    for words in ["a store did not answer", "1 of 1 rows of demo_client_requests_total are not understood"] {
        assert!(missing.iter().any(|detail| detail.contains(words)), "{missing:?}");
    }
    assert!(doubtful.points.iter().all(|point| point.signals.rps.is_none()));
    for (fault, kind) in [
        (Fault::Endless, ErrorKind::TooLarge),
        (Fault::Body("<html>log in</html>".into()), ErrorKind::NotUnderstood),
        (Fault::Status(422, r#"{"errorType":"execution","error":"query timed out"}"#.into()), ErrorKind::Invalid),
        (Fault::Status(429, String::new()), ErrorKind::RateLimited),
        (Fault::CutHalfway, ErrorKind::CutOff),
    ] {
        wire.mend();
        wire.fault("/api/v1/query_range", fault);
        let error = history(&source, &of).await.unwrap_err();
        assert_eq!(error.kind, kind, "{error}");
        assert!(!error.hint.is_empty());
    }
    wire.mend();
    // The rates may be younger than the last whole second.
    let numbers = lab::until("numbers", PATIENCE, async || {
        let history = history(&source, &of).await.map_err(|error| error.to_string())?;
        let is_known = history.points.iter().any(|point| point.signals.rps.is_some());
        is_known.then_some(()).ok_or_else(|| "none yet".to_owned())
    });
    picture.meanwhile(numbers).await.unwrap();
    picture.live(&name).await;
    picture.stop().await;
    demo.stop().await;
}

#[tokio::test]
async fn a_history_that_nobody_waits_for_any_more_is_taken_back_at_the_server() {
    let demo = fleet().await;
    let server = Prometheus::builder().scraping(job("fleet", endpoints(&demo))).start().await.unwrap();
    let wire = FaultyWire::to_port(server.port()).await.unwrap();
    let source = Arc::new(connect(&wire.address(), &Environment::default()));
    let mut picture = Picture::of_all(vec![source.clone()]);
    let of = picture.until("an edge", |world| measured(world.snapshot()).pop()).await;
    wire.fault("/api/v1/query_range", Fault::Stall);
    let asked = async {
        lab::until("the server has the question", PATIENCE, async || match wire.faults_shown() {
            0 => Err("not yet"),
            _ => Ok(()),
        })
        .await
        .unwrap();
    };

    tokio::select! {
        answered = history(&source, &of) => panic!("{answered:?}"),
        () = asked => {}
    }

    lab::until("it is taken back", PATIENCE, async || if wire.taken_back() == 1 { Ok(()) } else { Err("not yet") })
        .await
        .unwrap();
    picture.live(&id(&wire.address())).await;
    picture.stop().await;
    demo.stop().await;
}
