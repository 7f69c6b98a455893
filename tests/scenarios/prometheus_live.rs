//! Real metrics servers that scrape the demo fleet: what they know of it is what the fleet itself shows.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use binnacle_model::fact::{AlertFact, AlertState, BreakerState, Fact, Party, Signals, TargetHealth};
use binnacle_model::measured;
use binnacle_model::snapshot::SourceState;
use binnacle_model::world::World;
use binnacle_sources::history::{Historian as _, HistoryQuery, StateRun};
use binnacle_sources::{Connection as _, Environment};
use lab::{Fault, FaultyWire, Prometheus, VictoriaMetrics, job};
use serde_json::json;

use crate::consul_picture::{PATIENCE, Picture, status};
use crate::prometheus_picture::{
    Edge, both_roads, breakers, connect, count, edges, endpoints, fleet, id, reading, targets,
};

/// True once every edge has a rate, so that it is known which of them carry traffic.
fn all_measured(edges: &BTreeMap<Edge, Signals>) -> bool {
    !edges.is_empty() && edges.values().all(|signals| signals.rps.is_some())
}

/// Both are numbers over some seconds, not the same ones: they come near each other once the traffic is even.
fn near(one: Option<f64>, other: Option<f64>, times: f64) -> bool {
    one.zip(other).is_some_and(|(one, other)| one < other * times && other < one * times)
}

/// Waits until the server's facts are those of the fleet itself, with numbers that are near each other.
async fn both_roads_agree(picture: &mut Picture, source: &str) {
    let (compared, timed) = picture
        .until("the same edges and breakers are told by both roads", |world| {
            let (direct, served) = (edges(world, "scrape:fleet"), edges(world, source));
            let same = direct.keys().eq(served.keys()) && all_measured(&direct) && all_measured(&served);
            let states = breakers(world, "scrape:fleet");
            if !same || states.is_empty() || breakers(world, source) != states {
                return None;
            }
            let busy = || direct.iter().filter(|(_, signals)| signals.rps.is_some_and(|rps| rps > 1.0));
            let timed = || busy().filter(|(_, signals)| signals.p50_ms.is_some());
            let rates = busy().all(|(edge, signals)| near(signals.rps, served[edge].rps, 3.0));
            let times = timed().all(|(edge, signals)| near(signals.p50_ms, served[edge].p50_ms, 10.0));
            (rates && times && timed().count() > 5).then(|| (busy().count(), timed().count()))
        })
        .await;
    assert!(compared >= timed, "{compared} rates and {timed} latencies were compared");
}

#[tokio::test]
async fn a_prometheus_tells_the_same_edges_and_breakers_as_the_fleet_itself() {
    let demo = fleet().await;
    let server = Prometheus::builder().scraping(job("fleet", endpoints(&demo))).start().await.unwrap();
    let source = id(&server.address());
    let mut picture = both_roads(&demo, &server.address());

    both_roads_agree(&mut picture, &source).await;

    let status = picture.live(&source).await;
    assert_eq!(
        (status.product.as_deref(), status.partial.len()),
        (Some("Prometheus 3.16.0"), 0),
        "{:?}",
        status.partial
    );
    let listed = targets(&picture.world, &source);
    assert_eq!(listed.len(), demo.services().len());
    assert!(listed.iter().all(|target| target.health == TargetHealth::Up && &*target.job == "fleet"), "{listed:?}");
    picture.stop().await;
    demo.stop().await;
}

#[tokio::test]
async fn a_victoria_metrics_tells_the_same_edges_and_breakers_as_the_fleet_itself() {
    let demo = fleet().await;
    let server = VictoriaMetrics::scraping(&[job("fleet", endpoints(&demo))]).await.unwrap();
    let source = id(&server.address());
    let mut picture = both_roads(&demo, &server.address());

    both_roads_agree(&mut picture, &source).await;

    let status = picture.live(&source).await;
    assert_eq!((status.product.as_deref(), status.partial.len()), (Some("VictoriaMetrics"), 0), "{:?}", status.partial);
    assert_eq!(count(&picture.world, &source, TargetHealth::Up), demo.services().len());
    picture.stop().await;
    demo.stop().await;
}

#[tokio::test]
async fn a_breaker_that_opens_is_seen_through_the_server() {
    let demo = fleet().await;
    let server = Prometheus::builder().scraping(job("fleet", endpoints(&demo))).start().await.unwrap();
    let source = id(&server.address());
    let connection = Arc::new(connect(&server.address(), &Environment::default()));
    let mut picture = Picture::of_all(vec![connection.clone()]);
    let toward_payments = |world: &World| {
        let payments = Some(Party::Named("payments".into()));
        breakers(world, &source).into_iter().find(|((_, callee), _)| *callee == payments).map(|(_, state)| state)
    };
    picture.until("it is closed", |world| toward_payments(world).filter(|state| *state == BreakerState::Closed)).await;

    let key = demo.registry().join("v1/kv/fleet/payments/error_ratio").unwrap();
    reqwest::Client::new().put(key).body("1").send().await.unwrap();

    picture.until("it is open", |world| toward_payments(world).filter(|state| *state == BreakerState::Open)).await;
    picture
        .until("failed calls", |world| {
            let failed = |signals: &Signals| signals.error_ratio.is_some_and(|ratio| ratio > 0.1);
            edges(world, &source).values().any(failed).then_some(())
        })
        .await;
    // What it was before is kept by the server.
    let snapshot = picture.world.snapshot();
    let breaker = snapshot.breakers.values().find(|one| one.state == BreakerState::Open).unwrap();
    let measured = measured::of_breaker(snapshot, breaker.id.as_str()).unwrap();
    assert_eq!(measured.source.as_str(), source);
    let query = HistoryQuery { facts: measured.facts, reach: Duration::from_secs(60) };
    let opened = [BreakerState::Closed, BreakerState::Open];
    let has_opened = |runs: &Vec<StateRun>| runs.windows(2).any(|pair| [pair[0].state, pair[1].state] == opened);
    // Moments are whole seconds: the one in which it opened is not over yet.
    let asking = lab::until("the history has what was told just now", PATIENCE, async || {
        let history = connection.breaker_history(&query).await.map_err(|error| error.to_string())?;
        let rejected = history.rejected_per_s.iter().any(|(_, rejected)| rejected.is_some());
        let is_whole = rejected && history.courses.values().any(has_opened);
        if is_whole { Ok(history) } else { Err(format!("{history:?}")) }
    });
    let history = picture.meanwhile(asking).await.unwrap();
    assert!(history.missing.is_empty(), "{history:?}");
    picture.stop().await;
    demo.stop().await;
}

#[tokio::test]
async fn a_target_that_goes_down_is_told_and_what_it_measured_becomes_unknown() {
    let demo = fleet().await;
    let services = demo.services().len();
    let server = Prometheus::builder().scraping(job("fleet", endpoints(&demo))).start().await.unwrap();
    let source = id(&server.address());
    let mut picture = reading(&server.address());
    let measured = picture
        .until("all edges are measured", |world| {
            let found = edges(world, &source);
            (all_measured(&found) && count(world, &source, TargetHealth::Up) == services).then_some(found.len())
        })
        .await;

    demo.stop().await;

    picture
        .until("all targets are down", |world| (count(world, &source, TargetHealth::Down) == services).then_some(()))
        .await;
    let refused = targets(&picture.world, &source);
    assert!(refused.iter().all(|target| target.last_error.contains("refused")), "{refused:?}");
    picture
        .until("nothing is known of the edges, and they are there", |world| {
            let found = edges(world, &source);
            let unknown = found.values().all(|signals| *signals == Signals::default());
            (unknown && found.len() >= measured).then_some(())
        })
        .await;
    assert!(breakers(&picture.world, &source).values().all(|state| *state == BreakerState::Unknown));
    assert_eq!(picture.live(&source).await.state, SourceState::Live);

    server.scrape(&[]).await.unwrap();

    picture
        .until("what is scraped no more is gone", |world| {
            let none = edges(world, &source).is_empty() && targets(world, &source).is_empty();
            none.then_some(())
        })
        .await;
    picture.stop().await;
}

#[tokio::test]
async fn a_server_that_restarts_leaves_its_facts_stale_and_then_live() {
    let demo = fleet().await;
    let server = Prometheus::builder().scraping(job("fleet", endpoints(&demo))).start().await.unwrap();
    let source = id(&server.address());
    let mut picture = reading(&server.address());
    let measured = picture
        .until("all edges are measured", |world| {
            let found = edges(world, &source);
            all_measured(&found).then_some(found.len())
        })
        .await;

    server.stop().await.unwrap();

    let failing = picture.state(&source, SourceState::Failing).await;
    assert!(failing.next_try.is_some() && failing.fault.is_some());
    assert_eq!(edges(&picture.world, &source).len(), measured);
    assert!(picture.world.snapshot().edges.values().all(|edge| edge.stale));

    server.start().await.unwrap();
    picture.nudge.notify_one();

    picture.live(&source).await;
    picture
        .until("all edges are measured again", |world| {
            let found = edges(world, &source);
            (all_measured(&found) && found.len() >= measured).then_some(())
        })
        .await;
    picture.stop().await;
    demo.stop().await;
}

fn alerts(world: &World, source: &str) -> Vec<AlertFact> {
    let facts = world.store().sources().get(&binnacle_model::id::SourceId::from(source));
    let observations = facts.into_iter().flat_map(binnacle_model::store::SourceFacts::observations);
    let alert = |fact: &Fact| if let Fact::Alert(alert) = fact { Some(alert.clone()) } else { None };
    observations.filter_map(|one| alert(&one.fact)).collect()
}

#[tokio::test]
async fn an_alert_that_fires_is_told_with_whom_it_speaks_of_and_ends() {
    let demo = fleet().await;
    let endpoint = demo.services().first().unwrap().address.port();
    let wire = FaultyWire::to_port(endpoint).await.unwrap();
    wire.refuse().await.unwrap();
    let refusing = wire.address().replace("http://", "");
    let server = Prometheus::builder()
        .scraping(job("fleet", endpoints(&demo)))
        .scraping(job("gone", [&refusing]))
        .rule(json!({
            "alert": "TargetDown", "expr": "up == 0", "for": "0s",
            "labels": { "severity": "critical" }, "annotations": { "summary": "{{ $labels.instance }} does not answer" },
        }))
        .rule(json!({ "alert": "Broken", "expr": "up * on() group_left() up" }))
        .start()
        .await
        .unwrap();
    let source = id(&server.address());
    let mut picture = reading(&server.address());

    let alert = picture
        .until("the alert fires", |world| {
            alerts(world, &source).into_iter().find(|alert| alert.state == AlertState::Firing)
        })
        .await;

    assert_eq!((&*alert.name, &*alert.severity), ("TargetDown", "critical"));
    assert_eq!(*alert.summary, format!("{refusing} does not answer"));
    assert_eq!(
        alert.about,
        Some(Party::Address { host: "127.0.0.1".into(), port: refusing.rsplit(':').next().unwrap().parse().unwrap() })
    );
    assert!(alert.since.is_some());
    let told = picture
        .until("a rule that cannot be evaluated is told", |world| {
            let status = status(world, &source)?;
            status.partial.iter().find(|fault| fault.detail.contains("the alerting rule Broken fails")).cloned()
        })
        .await;
    assert_eq!(&*told.code, "prometheus.incomplete");

    wire.accept().await.unwrap();

    picture.until("the alert is over", |world| alerts(world, &source).is_empty().then_some(())).await;
    picture.stop().await;
    demo.stop().await;
}

/// What an edge of this source was asked by.
fn question(world: &World, source: &str) -> Option<String> {
    let facts = world.store().sources().get(&binnacle_model::id::SourceId::from(source))?;
    let mut questions = facts.observations().map(|one| one.origin.query.to_string());
    questions.find(|question| question.contains("(rate(demo_client_requests_total["))
}

#[tokio::test]
async fn a_metric_says_what_it_is_and_one_that_is_declared_otherwise_than_it_is_read_is_told() {
    let demo = fleet().await;
    let server = Prometheus::builder().scraping(job("fleet", endpoints(&demo))).start().await.unwrap();
    let source = Arc::new(connect(&server.address(), &Environment::default()));
    let name = id(&server.address());
    let mut picture = Picture::of_all(vec![source.clone()]);
    let meaning =
        picture.until("what the metric of an edge is", |world| source.meaning(&question(world, &name)?)).await;
    assert_eq!((&*meaning.metric, meaning.kind), ("demo_client_requests_total", "counter"));
    assert!(!meaning.help.is_empty() && meaning.contradiction.is_none(), "{meaning:?}");
    assert_eq!(picture.live(&name).await.partial, []);

    let wire = FaultyWire::to_port(demo.services().first().unwrap().address.port()).await.unwrap();
    let labels = "peer=\"b\",protocol=\"http\",pattern=\"rpc\",payload=\"json\",outcome=\"ok\"";
    let help = format!("\u{1b}]0;title\u{7}{}", "long ".repeat(20_000));
    wire.fault("/metrics", Fault::Body(format!(
        "# HELP demo_client_requests_total {help}\n# TYPE demo_client_requests_total gauge\ndemo_client_requests_total{{{labels}}} 1\n"
    )));
    let mut declared = job("declared", [wire.address().replace("http://", "")]);
    // The wire calls everything JSON.
    declared["fallback_scrape_protocol"] = "PrometheusText0.0.4".into();
    server.scrape(&[declared]).await.unwrap();

    let told = picture
        .until("it is told", |world| {
            let status = status(world, &name).filter(|status| status.state == SourceState::Live)?;
            status.partial.into_iter().find(|fault| &*fault.code == "prometheus.not_understood")
        })
        .await;

    assert!(told.detail.contains("demo_client_requests_total is read as a counter, and declared"), "{}", told.detail);
    let meaning = source.meaning(&question(&picture.world, &name).unwrap()).unwrap();
    assert!(meaning.contradiction.is_some(), "{meaning:?}");
    assert!(meaning.help.chars().count() <= 301 && !meaning.help.chars().any(char::is_control), "{meaning:?}");
    picture.stop().await;
    demo.stop().await;
}
