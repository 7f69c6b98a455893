use std::sync::Arc;
use std::time::Duration;

use binnacle_demo::Demo;
use binnacle_model::fact::{BreakerState, Party, Pattern, Payload, Protocol};
use binnacle_model::id::{SourceId, SourceKind};
use binnacle_model::snapshot::SourceState;
use binnacle_model::store::SourceFacts;
use binnacle_sources::scrape::{Scrape, Target};
use binnacle_sources::{Connection, ConnectionSpec, ErrorKind};
use tokio::sync::watch;

use crate::faulty::{FaultyEndpoint, Script, free_port};
use crate::reader::{Reader, breakers, calls, partial};

const OFTEN: Duration = Duration::from_millis(200);

fn spec(place: &str) -> ConnectionSpec {
    ConnectionSpec { kind: SourceKind::Scrape, place: place.to_owned() }
}

fn follow(targets: Vec<Target>) -> (watch::Sender<Arc<[Target]>>, Reader) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let (sender, targets) = watch::channel(Arc::from(targets));
    let scrape = Scrape::following(SourceId::from("scrape:test"), spec("test"), targets, OFTEN);
    (sender, Reader::start("scrape:test", scrape))
}

async fn demo() -> (Demo, Vec<Target>) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let demo = Demo::start().await.unwrap();
    let target = |service: &binnacle_demo::DemoService| Target {
        url: format!("http://{}/metrics", service.address).parse().unwrap(),
        instance: (Arc::from(service.address.ip().to_string()), service.address.port()),
    };
    let targets = demo.services().iter().map(target).collect();
    (demo, targets)
}

/// The callee's name.
fn name(party: &Party) -> &str {
    match party {
        Party::Named(name) | Party::Channel(name) => name,
        _ => "",
    }
}

#[tokio::test]
async fn the_demos_calls_are_read_with_all_their_kinds() {
    let (demo, targets) = demo().await;
    let (_list, mut reader) = follow(targets.clone());
    let measured = |facts: &SourceFacts, pattern, payload| {
        calls(facts).any(|(fact, signals)| {
            (fact.pattern, fact.payload) == (pattern, payload)
                && signals.rps.is_some_and(|rps| rps > 0.0)
                && signals.p50_ms.is_some_and(|p50| p50 > 0.0)
        })
    };
    for (pattern, payload) in [
        (Pattern::RequestResponse, Payload::Json),
        (Pattern::RequestResponse, Payload::Xml),
        (Pattern::Push, Payload::Json),
        (Pattern::Rpc, Payload::Binary),
    ] {
        reader.until(&format!("{pattern:?} {payload:?}"), |facts| measured(facts, pattern, payload)).await;
    }
    // Each channel has who publishes and who consumes, each told once.
    for pattern in [Pattern::WorkQueue, Pattern::PublishSubscribe] {
        let consumed = |facts: &SourceFacts| {
            calls(facts).any(|(fact, signals)| {
                fact.pattern == pattern
                    && matches!(fact.caller, Party::Channel(_))
                    && signals.rps.is_some_and(|rps| rps > 0.0)
            })
        };
        let published = |facts: &SourceFacts| {
            calls(facts).any(|(fact, signals)| {
                fact.pattern == pattern
                    && matches!(fact.callee, Party::Channel(_))
                    && signals.rps.is_some_and(|rps| rps > 0.0)
            })
        };
        reader.until("a published and consumed message", |facts| published(facts) && consumed(facts)).await;
    }
    let facts = reader.facts();
    let mut publishers: Vec<_> = calls(facts)
        .filter(|(fact, _)| matches!(fact.callee, Party::Channel(_)))
        .map(|(fact, _)| (&fact.caller, &fact.callee))
        .collect();
    let told = publishers.len();
    publishers.sort();
    publishers.dedup();
    assert_eq!(publishers.len(), told, "a publisher is told twice");
    assert!(calls(facts).all(|(fact, _)| fact.protocol != Protocol::Unknown && fact.pattern != Pattern::Unknown));
    let addresses: Vec<Party> = targets.iter().map(Target::party).collect();
    assert!(calls(facts).all(|(fact, _)| addresses.contains(&fact.caller) || addresses.contains(&fact.callee)));
    assert_eq!(reader.until_state(SourceState::Live).await.partial, []);
    reader.stop().await;
    demo.stop().await;
}

#[tokio::test]
async fn errors_of_a_callee_are_seen_on_its_edge_and_open_the_breaker() {
    let (demo, targets) = demo().await;
    let (_list, mut reader) = follow(targets);
    let state = |facts: &SourceFacts| {
        breakers(facts).find(|one| one.callee.as_ref().is_some_and(|to| name(to) == "payments")).map(|one| one.state)
    };
    reader.until("a closed breaker", |facts| state(facts) == Some(BreakerState::Closed)).await;
    set(&demo, "fleet/payments/error_ratio", "1").await;
    reader
        .until("failed calls", |facts| {
            calls(facts).any(|(fact, signals)| {
                name(&fact.callee) == "payments" && signals.error_ratio.is_some_and(|ratio| ratio > 0.2)
            })
        })
        .await;
    reader.until("an open breaker", |facts| state(facts) == Some(BreakerState::Open)).await;
    let refusing =
        |facts: &SourceFacts| breakers(facts).any(|one| one.rejected_per_s.is_some_and(|rejected| rejected > 0.0));
    reader.until("refused calls", refusing).await;
    set(&demo, "fleet/payments/error_ratio", "0").await;
    reader.until("a closed breaker again", |facts| state(facts) == Some(BreakerState::Closed)).await;
    reader.stop().await;
    demo.stop().await;
}

pub(crate) async fn set(demo: &Demo, key: &str, value: &'static str) {
    let url = demo.registry().join(&format!("v1/kv/{key}")).unwrap();
    let answer = reqwest::Client::new().put(url).body(value).send().await.unwrap();
    assert_eq!(answer.text().await.unwrap().trim(), "true");
}

/// One service that made so many calls.
fn metrics(sent: u32) -> Script {
    Script::text(&format!(
        "# TYPE demo_client_requests_total counter\n\
         demo_client_requests_total{{service=\"a\",peer=\"b\",protocol=\"http\",pattern=\"rpc\",payload=\"json\",outcome=\"ok\"}} {sent}\n"
    ))
}

fn rate(facts: &SourceFacts) -> Option<f64> {
    calls(facts).next().and_then(|(_, signals)| signals.rps)
}

#[tokio::test]
async fn facts_of_an_endpoint_that_left_the_list_are_removed_and_others_stay() {
    let one = FaultyEndpoint::start(metrics(5)).await;
    let other = FaultyEndpoint::start(metrics(5)).await;
    let (list, mut reader) = follow(vec![one.target("/metrics"), other.target("/metrics")]);
    reader.until("two edges", |facts| calls(facts).count() == 2).await;
    list.send_replace(Arc::from([other.target("/metrics")]));
    reader.until("one edge", |facts| calls(facts).count() == 1).await;
    assert_eq!(calls(reader.facts()).next().unwrap().0.caller, other.target("/metrics").party());
    list.send_replace(Arc::from([]));
    reader.until("no edge", SourceFacts::is_empty).await;
    assert_eq!(reader.until_state(SourceState::Live).await.partial, []);
    reader.stop().await;
}

#[tokio::test]
async fn a_list_that_was_never_filled_is_no_picture_yet() {
    let (list, mut reader) = follow(Vec::new());
    reader.until_state(SourceState::Connecting).await;
    let endpoint = FaultyEndpoint::start(metrics(5)).await;
    list.send_replace(Arc::from([endpoint.target("/metrics")]));
    reader.until_state(SourceState::Live).await;
    reader.stop().await;
}

#[tokio::test]
async fn a_restarted_process_makes_no_spike() {
    let mut endpoint = FaultyEndpoint::start(metrics(1_000_000)).await;
    let (_list, mut reader) = follow(vec![endpoint.target("/metrics")]);
    reader.until("a measured zero", |facts| rate(facts) == Some(0.0)).await;
    endpoint.now(metrics(3));
    endpoint.asked_again(3).await;
    reader.until("still a zero", |facts| rate(facts) == Some(0.0)).await;
    reader.stop().await;
}

#[tokio::test]
async fn one_endpoint_that_fails_is_named_and_the_others_are_read_on() {
    let good = FaultyEndpoint::start(metrics(5)).await;
    let bad = FaultyEndpoint::start(Script::Raw(b"HTTP/1.1 500 Oops\r\ncontent-length: 4\r\n\r\nboom".to_vec())).await;
    let (_list, mut reader) = follow(vec![good.target("/metrics"), bad.target("/metrics")]);
    reader.until("a partial fault", |facts| partial(facts) == ["scrape.server_error"]).await;
    let status = reader.until_state(SourceState::Live).await;
    assert!(
        status.partial[0].detail.contains(&format!("127.0.0.1:{}", bad.port))
            && status.partial[0].detail.contains("boom")
    );
    bad.now(metrics(7));
    reader.until("both", |facts| partial(facts).is_empty() && calls(facts).count() == 2).await;
    // Silent for longer than its window: what it measured is not known any more, and the edge stays.
    bad.now(Script::Raw(Vec::new()));
    let unknown = |facts: &SourceFacts| calls(facts).filter(|(_, signals)| signals.rps.is_none()).count();
    reader.until("an unknown rate", |facts| unknown(facts) == 1 && calls(facts).count() == 2).await;
    reader.stop().await;
}

#[tokio::test]
async fn when_no_endpoint_answers_the_source_fails_and_keeps_its_facts() {
    let port = free_port().await;
    let endpoint = FaultyEndpoint::start_at(port, metrics(5)).await;
    let target = endpoint.target("/metrics");
    let (_list, mut reader) = follow(vec![target]);
    reader.until("a measured rate", |facts| rate(facts).is_some()).await;
    drop(endpoint);
    let code = reader.until_failing().await;
    assert!(["scrape.unreachable", "scrape.cut_off"].contains(&code.as_str()), "{code}");
    assert_eq!(calls(reader.facts()).count(), 1);
    assert!(reader.facts().status.as_ref().unwrap().next_try.is_some());
    let _again = FaultyEndpoint::start_at(port, metrics(5)).await;
    reader.until_state(SourceState::Live).await;
    reader.stop().await;
}

#[tokio::test]
async fn each_bad_answer_has_its_code() {
    let oversized =
        [b"HTTP/1.1 200 OK\r\ncontent-length: 99999999\r\n\r\n".to_vec(), vec![b'#'; 11 * 1024 * 1024]].concat();
    for (script, code) in [
        (Script::text("<html><body>Hello</body></html>\n"), "scrape.not_understood"),
        (
            Script::Raw(b"HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\ndemo_client_requests_total{".to_vec()),
            "scrape.cut_off",
        ),
        (Script::Raw(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n".to_vec()), "scrape.not_found"),
        (
            Script::Raw(b"HTTP/1.1 302 Found\r\nlocation: /login\r\ncontent-length: 0\r\n\r\n".to_vec()),
            "scrape.not_understood",
        ),
        (Script::Raw(b"HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n".to_vec()), "scrape.unauthenticated"),
        (Script::Raw(b"SSH-2.0-OpenSSH_9.2p1\r\n\r\n".to_vec()), "scrape.not_understood"),
        (Script::Unended(b"HTTP/1.1 200 OK\r\n\r\ndemo_x 1\n".to_vec()), "scrape.timed_out"),
        (Script::Raw(oversized), "scrape.too_large"),
    ] {
        let endpoint = FaultyEndpoint::start(script.clone()).await;
        let (_list, mut reader) = follow(vec![endpoint.target("/metrics")]);
        assert_eq!(reader.until_failing().await, code);
        reader.stop().await;
    }
}

#[tokio::test]
async fn broken_lines_are_counted_and_the_rest_is_read() {
    let Script::Body(mut body) = metrics(5) else { unreachable!() };
    body.extend_from_slice(b"half{ 1\n\xff 1\n");
    let endpoint = FaultyEndpoint::start(Script::Body(body)).await;
    let (_list, mut reader) = follow(vec![endpoint.target("/metrics")]);
    reader.until("an edge", |facts| calls(facts).count() == 1).await;
    let status = reader.until_state(SourceState::Live).await;
    let detail = &status.partial[0].detail;
    assert!(detail.contains("2 of 3 lines were not understood; line 3"), "{detail}");
    reader.stop().await;
}

/// The callees, and what the source says is wrong.
fn callees_and_complaint(facts: &SourceFacts) -> (Vec<String>, String) {
    let detail = facts.status.as_ref().and_then(|status| status.partial.first()).map(|fault| fault.detail.to_string());
    (calls(facts).map(|(fact, _)| name(&fact.callee).to_owned()).collect(), detail.unwrap_or_default())
}

#[tokio::test]
async fn each_kind_of_bad_line_costs_itself_and_no_other() {
    let call = |peer: &str, value: &str| {
        format!(
            "demo_client_requests_total{{service=\"a\",peer=\"{peer}\",protocol=\"http\",outcome=\"ok\"}} {value}\n"
        )
    };
    let body = [
        "# TYPE demo_client_requests_total counter\n".to_owned(),
        call(r#"{a},b=\"c\"\\d\ne"#, "1"),
        call("exemplar", "1 # {trace_id=\"x\"} 0.6"),
        "job:other:rate{peer=\"x\"} 1\n".to_owned(),
        call("twice", "1"),
        call("twice", "2"),
        call("nan", "NaN"),
        call("negative", "-1"),
        "demo_client_requests_total{service=\"a\",peer=\"half\n".to_owned(),
        call("last", "1"),
    ];
    let endpoint = FaultyEndpoint::start(Script::text(&body.concat())).await;
    let (_list, mut reader) = follow(vec![endpoint.target("/metrics")]);
    reader.until("the edges", |facts| calls(facts).count() == 4).await;
    reader.until_state(SourceState::Live).await;
    let (callees, complaint) = callees_and_complaint(reader.facts());
    for callee in ["{a},b=\"c\"\\d\ne", "exemplar", "twice", "last"] {
        assert!(callees.iter().any(|one| one == callee), "{callee}: {callees:?}");
    }
    assert!(complaint.contains("4 of 9 lines were not understood; line 6: the same series"), "{complaint}");
    reader.stop().await;
}

#[tokio::test]
async fn an_end_that_is_missing_and_a_counter_that_is_a_gauge_are_told_and_the_rest_is_read() {
    let Script::Body(body) = metrics(5) else { unreachable!() };
    let head =
        "HTTP/1.1 200 OK\r\ncontent-type: application/openmetrics-text; version=1.0.0\r\nconnection: close\r\n\r\n";
    let mut endpoint = FaultyEndpoint::start(Script::Raw([head.as_bytes(), &body].concat())).await;
    let (_list, mut reader) = follow(vec![endpoint.target("/metrics")]);
    let told = |words: &'static str| move |facts: &SourceFacts| callees_and_complaint(facts).1.contains(words);
    reader.until("no end", told("its end (`# EOF`) is missing")).await;
    assert_eq!(calls(reader.facts()).count(), 1);
    for sent in [4, 9, 2, 8, 1] {
        endpoint.now(metrics(sent));
        endpoint.asked_again(2).await;
    }
    reader.until("a gauge", told("demo_client_requests_total falls again and again: it is no counter")).await;
    assert_eq!(calls(reader.facts()).count(), 1);
    reader.stop().await;
}

#[tokio::test]
async fn fifty_thousand_breakers_of_one_process_are_refused_and_told_while_others_are_read() {
    let breaker = |number: u32| format!("demo_breaker_state{{peer=\"pay-{number}\",state=\"open\"}} 1\n");
    let many = FaultyEndpoint::start(Script::text(&(0..50_000).map(breaker).collect::<String>())).await;
    let other = FaultyEndpoint::start(metrics(5)).await;
    let (_list, mut reader) = follow(vec![many.target("/metrics"), other.target("/metrics")]);
    reader.until("a complaint", |facts| partial(facts) == ["scrape.too_large"] && calls(facts).count() == 1).await;
    assert_eq!(breakers(reader.facts()).count(), 0);
    assert!(callees_and_complaint(reader.facts()).1.contains("50000 series of calls and breakers"));
    reader.stop().await;
}

#[tokio::test]
async fn a_named_endpoint_is_its_own_source_and_can_be_asked_who_it_is() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let endpoint = FaultyEndpoint::start(metrics(5)).await;
    let scrape = Scrape::fixed(spec(&format!("127.0.0.1:{}", endpoint.port))).unwrap();
    let id = format!("scrape:127.0.0.1:{}", endpoint.port);
    assert!(scrape.reaches(&SourceId::from(id.as_str())).await.unwrap());
    let probe = scrape.probe().await.unwrap();
    assert_eq!(
        (probe.product.as_str(), probe.detail.as_str()),
        ("Prometheus text format", "1 samples, 1 of them of calls and breakers")
    );
    let meter = scrape.meter().clone();
    let mut reader = Reader::start(&id, scrape);
    reader.until("an edge", |facts| calls(facts).count() == 1).await;
    assert!(meter.requests() >= 2 && meter.bytes() > 0 && meter.last_answer().is_some());
    reader.stop().await;
    let error = Scrape::fixed(spec("not an address")).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Misconfigured);
}
