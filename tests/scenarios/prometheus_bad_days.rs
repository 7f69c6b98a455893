//! Bad days of metrics servers: too much behind a question, answers of the wrong kind and size, targets that show garbage.

use std::time::Duration;

use binnacle_model::fact::{Signals, TargetHealth};
use binnacle_model::id::{SourceId, SourceKind};
use binnacle_model::snapshot::{Fault as Told, SourceState};
use binnacle_model::world::World;
use binnacle_sources::prometheus::REQUESTS_A_BEAT;
use binnacle_sources::scrape::{Scrape, Target};
use binnacle_sources::{Connection, ConnectionSpec, Environment};
use lab::{Fault, FaultyWire, Prometheus, job};
use serde_json::Value;

use crate::consul_picture::{PATIENCE, Picture, status};
use crate::prometheus_picture::{BEAT, breakers, connect, count, edges, endpoints, fleet, id, reading, targets};

/// How long a million series take to be scraped on a machine that is busy with something else.
const MILLION_PATIENCE: Duration = Duration::from_secs(180);

fn told(world: &World, source: &str, code: &str) -> Option<Told> {
    status(world, source)?.partial.into_iter().find(|fault| &*fault.code == code)
}

#[tokio::test]
async fn a_question_that_is_too_much_for_the_server_is_told_and_the_rest_is_read() {
    let demo = fleet().await;
    // The histograms of the fleet have far more samples than its counters.
    let server = Prometheus::builder()
        .scraping(job("fleet", endpoints(&demo)))
        .option("--query.max-samples=250")
        .start()
        .await
        .unwrap();
    let source = id(&server.address());
    let mut picture = reading(&server.address());

    let told = picture.until("it is told", |world| told(world, &source, "prometheus.too_large")).await;

    assert!(told.detail.contains("too many samples"), "{}", told.detail);
    picture
        .until("rates are there, and what cannot be had is not", |world| {
            let found = edges(world, &source);
            let only_rates = |signals: &Signals| signals.rps.is_some() && signals.p95_ms.is_none();
            (!found.is_empty() && found.values().all(only_rates)).then_some(())
        })
        .await;
    assert_eq!(picture.live(&source).await.state, SourceState::Live);
    picture.stop().await;
    demo.stop().await;
}

/// The metrics of a process that calls so many others.
fn calling(others: usize) -> Fault {
    let line = |number: usize| {
        let labels = format!("peer=\"p{number}\",protocol=\"http\",pattern=\"rpc\",payload=\"json\",outcome=\"ok\"");
        format!("demo_client_requests_total{{{labels}}} 1")
    };
    let lines: Vec<String> = (0..others).map(line).collect();
    Fault::Body(format!("# TYPE demo_client_requests_total counter\n{}\n", lines.join("\n")))
}

/// A job of what stands behind the wire, which calls everything JSON.
fn scraping(wire: &FaultyWire) -> Value {
    let mut job = job("many", [wire.address().replace("http://", "")]);
    job["fallback_scrape_protocol"] = "PrometheusText0.0.4".into();
    job
}

/// How many queries a server works on now, as it says itself.
async fn running_queries(server: &Prometheus) -> Result<f64, String> {
    let asked = reqwest::get(format!("{}/metrics", server.address())).await.map_err(|error| error.to_string())?;
    let text = asked.text().await.map_err(|error| error.to_string())?;
    let line = text.lines().find_map(|line| line.strip_prefix("prometheus_engine_queries "));
    line.and_then(|number| number.parse().ok()).ok_or_else(|| "it does not say".to_owned())
}

#[tokio::test]
async fn a_million_series_behind_a_question_are_bounded_and_told_and_no_work_is_left_at_the_server() {
    let demo = fleet().await;
    let wire = FaultyWire::to_port(demo.services().first().unwrap().address.port()).await.unwrap();
    wire.fault("/metrics", calling(1_000_000));
    let many = scraping(&wire);
    let server = Prometheus::builder().every("20s").scraping(many).scraping(job("fleet", endpoints(&demo)));
    let server = server.start().await.unwrap();
    lab::until("a million series", MILLION_PATIENCE, async || {
        let found = server.query("scrape_samples_scraped{job=\"many\"} == 1000000").await;
        found
            .map_err(|error| error.to_string())
            .and_then(|found| if found.is_empty() { Err("none yet".into()) } else { Ok(()) })
    })
    .await
    .unwrap();
    let source = id(&server.address());
    let mut picture = reading(&server.address());

    // The server gives up, or sends as many as it may: which of them depends on what else the machine does.
    let told = picture
        .until("it is told", |world| {
            ["prometheus.timed_out", "prometheus.incomplete"].into_iter().find_map(|code| told(world, &source, code))
        })
        .await;

    let bounded = ["timed out", "deadline exceeded", "truncated due to limit", "no whole answer within 10 s"];
    assert!(bounded.iter().any(|words| told.detail.contains(words)), "{}", told.detail);
    picture.until("what is asked besides", |world| (!breakers(world, &source).is_empty()).then_some(())).await;
    assert!(edges(&picture.world, &source).len() <= 20_000);
    picture.live(&source).await;
    let at_work = |wanted: bool| {
        let server = &server;
        async move || match running_queries(server).await? {
            queries if (queries > 0.0) == wanted => Ok(()),
            queries => Err(format!("{queries} queries")),
        }
    };
    lab::until("the server works on a question", PATIENCE, at_work(true)).await.unwrap();
    picture.stop().await;
    lab::until("no work is left", Duration::from_secs(4), at_work(false)).await.unwrap();
    demo.stop().await;
}

#[tokio::test]
async fn more_edges_than_are_read_are_cut_by_the_server_and_told() {
    let demo = fleet().await;
    let wire = FaultyWire::to_port(demo.services().first().unwrap().address.port()).await.unwrap();
    // As many as a small machine answers about within the five seconds that it is given.
    wire.fault("/metrics", calling(200_000));
    let server = Prometheus::builder().every("5s").scraping(scraping(&wire)).start().await.unwrap();
    let source = id(&server.address());
    let mut picture = reading(&server.address());

    let cut = picture.until("it is told", |world| told(world, &source, "prometheus.incomplete")).await;

    assert!(cut.detail.contains("truncated due to limit"), "{}", cut.detail);
    picture.until("as many edges as are read", |world| (edges(world, &source).len() == 20_000).then_some(())).await;
    picture.live(&source).await;
    picture.stop().await;
    demo.stop().await;
}

#[tokio::test]
async fn answers_of_the_wrong_kind_and_size_are_bounded_and_what_was_known_stays() {
    let demo = fleet().await;
    let server = Prometheus::builder().scraping(job("fleet", endpoints(&demo))).start().await.unwrap();
    let wire = FaultyWire::to_port(server.port()).await.unwrap();
    let source = id(&wire.address());
    let mut picture = reading(&wire.address());
    picture.until("edges", |world| (edges(world, &source).len() > 10).then_some(())).await;

    for (fault, code) in [
        (Fault::Body("x".repeat(200 * 1024 * 1024)), "prometheus.too_large"),
        (Fault::Endless, "prometheus.too_large"),
        (Fault::Body("<html>log in</html>".into()), "prometheus.not_understood"),
        (Fault::Body("[".repeat(100_000)), "prometheus.not_understood"),
        (Fault::Status(302, String::new()), "prometheus.not_understood"),
        (Fault::Status(503, "Service Unavailable".into()), "prometheus.server_error"),
        (Fault::Status(429, String::new()), "prometheus.rate_limited"),
        (Fault::CutHalfway, "prometheus.cut_off"),
    ] {
        wire.fault("/api/v1/query", fault);
        picture.nudge.notify_one();
        let failing = picture
            .until(code, |world| {
                let status = status(world, &source)?;
                status.fault.filter(|fault| status.state == SourceState::Failing && &*fault.code == code)
            })
            .await;
        assert!(!failing.hint.is_empty());
        assert!(edges(&picture.world, &source).len() > 10, "what was known stays");
        wire.mend();
        picture.nudge.notify_one();
        picture.live(&source).await;
    }
    picture.stop().await;
    demo.stop().await;
}

#[tokio::test]
async fn a_listing_that_is_broken_is_told_while_edges_are_read_on() {
    let demo = fleet().await;
    let server = Prometheus::builder().scraping(job("fleet", endpoints(&demo))).start().await.unwrap();
    let wire = FaultyWire::to_port(server.port()).await.unwrap();
    wire.fault(
        "/api/v1/targets",
        Fault::Body(r#"{"status":"success","data":{"activeTargets":[7,{"health":[]}]}}"#.into()),
    );
    wire.fault("/api/v1/alerts", Fault::Endless);
    let source = id(&wire.address());
    let mut picture = reading(&wire.address());

    picture.until("edges", |world| (edges(world, &source).len() > 10).then_some(())).await;

    let rows = picture.until("rows", |world| told(world, &source, "prometheus.incomplete")).await;
    assert!(rows.detail.contains("2 of 2 rows of targets are not understood"), "{}", rows.detail);
    // By its size, or by its time on a machine that is busy with something else.
    let bounded = ["prometheus.too_large", "prometheus.timed_out"];
    picture.until("alerts", |world| bounded.into_iter().find_map(|code| told(world, &source, code))).await;
    picture.live(&source).await;
    wire.mend();
    picture
        .until("all is well again", |world| {
            let status = status(world, &source)?;
            (status.partial.is_empty() && count(world, &source, TargetHealth::Up) > 10).then_some(())
        })
        .await;
    picture.stop().await;
    demo.stop().await;
}

#[tokio::test]
async fn a_question_that_gets_no_answer_is_taken_back_and_told() {
    let server = Prometheus::builder().start().await.unwrap();
    let wire = FaultyWire::to_port(server.port()).await.unwrap();
    wire.fault("/api/v1/query", Fault::Stall);
    let source = id(&wire.address());
    let mut picture = reading(&wire.address());
    let failing = picture.state(&source, SourceState::Failing).await;
    assert_eq!(&*failing.fault.unwrap().code, "prometheus.timed_out");
    wire.mend();
    picture.nudge.notify_one();
    picture.live(&source).await;
    picture.stop().await;
}

#[tokio::test]
async fn a_clock_that_is_wrong_is_told() {
    let server = Prometheus::builder().start().await.unwrap();
    let wire = FaultyWire::to_port(server.port()).await.unwrap();
    wire.fault("/api/v1/query", Fault::Date("Thu, 01 Jan 1970 00:01:40 GMT".into()));
    let source = id(&wire.address());
    let mut picture = reading(&wire.address());
    let skew = picture.until("it is told", |world| told(world, &source, "prometheus.clock_skew")).await;
    assert!(skew.detail.contains("behind this computer's"), "{}", skew.detail);
    wire.mend();
    picture
        .until("it is right again", |world| {
            status(world, &source).filter(|status| status.state == SourceState::Live && status.partial.is_empty())
        })
        .await;
    picture.stop().await;
}

#[tokio::test]
async fn targets_that_show_garbage_or_never_end_are_told_in_the_servers_words() {
    let demo = fleet().await;
    let endpoint = demo.services().first().unwrap().address.port();
    let (garbage, endless) =
        (FaultyWire::to_port(endpoint).await.unwrap(), FaultyWire::to_port(endpoint).await.unwrap());
    garbage.fault("/metrics", Fault::Body("{\"this\": is not [metrics".into()));
    endless.fault("/metrics", Fault::Endless);
    let at = |wire: &FaultyWire| wire.address().replace("http://", "");
    let mut scraped = endpoints(&demo);
    scraped.extend([at(&garbage), at(&endless)]);
    let server = Prometheus::builder().scraping(job("fleet", scraped)).start().await.unwrap();
    let source = id(&server.address());
    let mut picture = reading(&server.address());

    picture.until("two are down", |world| (count(world, &source, TargetHealth::Down) == 2).then_some(())).await;

    let down: Vec<_> = targets(&picture.world, &source);
    let down: Vec<_> = down.iter().filter(|target| target.health == TargetHealth::Down).collect();
    assert!(down.iter().all(|target| !target.last_error.is_empty()), "{down:?}");
    picture.until("edges of the others", |world| (edges(world, &source).len() > 10).then_some(())).await;
    picture.stop().await;
    demo.stop().await;
}

#[tokio::test]
async fn metrics_of_two_hundred_megabytes_are_not_read_to_their_end_and_told_while_others_are_read() {
    let demo = fleet().await;
    let named = |address: &str| Target {
        url: format!("http://{address}/metrics").parse().unwrap(),
        instance: address.split_once(':').map(|(host, port)| (host.into(), port.parse().unwrap())).unwrap(),
    };
    let wire = FaultyWire::to_port(demo.services().first().unwrap().address.port()).await.unwrap();
    let line = format!("demo_client_requests_total{{peer=\"{}\"}} 1\n", "x".repeat(65_000));
    wire.fault("/metrics", Fault::Body(line.repeat(200 * 1024 * 1024 / line.len())));
    let large = wire.address().replace("http://", "");
    let all: Vec<Target> = endpoints(&demo).iter().chain([&large]).map(|address| named(address)).collect();
    let (_, targets) = tokio::sync::watch::channel(all.into());
    let spec = ConnectionSpec { kind: SourceKind::Scrape, place: "fleet".to_owned() };
    let direct = Scrape::following(SourceId::from("scrape:fleet"), spec, targets, BEAT);
    let mut picture = Picture::of(direct);

    let told = picture.until("it is told", |world| told(world, "scrape:fleet", "scrape.too_large")).await;

    assert!(told.detail.contains("larger than 10 MiB") && !told.hint.is_empty(), "{told:?}");
    picture.until("edges of the others", |world| (edges(world, "scrape:fleet").len() > 10).then_some(())).await;
    wire.mend();
    let nothing = |world: &World| status(world, "scrape:fleet").filter(|status| status.partial.is_empty()).map(drop);
    picture.until("all is well again", nothing).await;
    picture.stop().await;
    demo.stop().await;
}

#[tokio::test]
async fn the_load_on_the_server_is_what_is_promised() {
    let demo = fleet().await;
    let server = Prometheus::builder().scraping(job("fleet", endpoints(&demo))).start().await.unwrap();
    let all_kinds =
        "count(demo_breaker_rejected_total) and count(demo_topic_messages_total) and count(demo_queue_messages_total)";
    lab::until("the fleet's metrics", PATIENCE, async || match server.query(all_kinds).await {
        Ok(series) if series.is_empty() => Err("none yet".to_owned()),
        Ok(_) => Ok(()),
        Err(error) => Err(error.to_string()),
    })
    .await
    .unwrap();
    let wire = FaultyWire::to_port(server.port()).await.unwrap();
    let source = id(&wire.address());
    // A long beat: what is asked before its end is one beat's.
    let connection = connect(&wire.address(), &Environment::default()).at_a_beat_of(Duration::from_secs(3_600));
    let meter = connection.meter().clone();
    let mut picture = Picture::of(connection);

    picture.live(&source).await;

    let first = wire.requests();
    assert!(first.len() <= REQUESTS_A_BEAT, "{} requests: {first:#?}", first.len());
    assert_eq!(meter.requests(), first.len() as u64);
    // Eight questions about the fleet's metrics and one about their age, and what a server is asked besides.
    assert!(first.iter().filter(|line| line.contains("/api/v1/query?")).count() >= 9, "{first:#?}");
    assert!(first.iter().all(|line| !line.contains("/api/v1/query?") || line.contains("timeout=5s&limit=20000")));
    picture.nudge.notify_one();
    // It may bring nothing new to look at.
    let second = lab::until("a second beat", PATIENCE, async || match meter.requests() - first.len() as u64 {
        0..=5 => Err("not yet"),
        _ => Ok(()),
    });
    picture.meanwhile(second).await.unwrap();
    picture.stop().await;
    assert!(wire.requests().len() <= 2 * REQUESTS_A_BEAT);
    demo.stop().await;
}
