use std::sync::Arc;

use binnacle_demo::Demo;
use binnacle_model::fact::{BreakerState, Party};
use binnacle_model::id::{SourceId, SourceKind};
use binnacle_model::snapshot::SourceState;
use binnacle_model::store::SourceFacts;
use binnacle_sources::hystrix::Hystrix;
use binnacle_sources::scrape::Target;
use binnacle_sources::{Connection, ConnectionSpec};
use tokio::sync::watch;

use crate::faulty::{FaultyEndpoint, Script};
use crate::reader::{Reader, breakers, partial};
use crate::scrape::set;

fn spec(place: &str) -> ConnectionSpec {
    ConnectionSpec { kind: SourceKind::Hystrix, place: place.to_owned() }
}

fn follow(targets: Vec<Target>) -> (watch::Sender<Arc<[Target]>>, Reader) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let (sender, targets) = watch::channel(Arc::from(targets));
    let hystrix = Hystrix::following(SourceId::from("hystrix:test"), spec("test"), targets);
    (sender, Reader::start("hystrix:test", hystrix))
}

fn state(facts: &SourceFacts, command: &str) -> Option<BreakerState> {
    breakers(facts).find(|one| &*one.name == command).map(|one| one.state)
}

#[tokio::test]
async fn the_demos_breakers_open_and_close_on_its_stream() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let demo = Demo::start().await.unwrap();
    let checkout = demo.services().iter().find(|service| service.name == "checkout").unwrap().address;
    let hystrix = Hystrix::fixed(spec(&checkout.to_string())).unwrap();
    let probe = hystrix.probe().await.unwrap();
    assert_eq!((probe.product.as_str(), probe.detail.as_str()), ("Hystrix stream", "it sends events"));
    let meter = hystrix.meter().clone();
    let mut reader = Reader::start(&format!("hystrix:{checkout}"), hystrix);
    reader.until("a closed breaker", |facts| state(facts, "payments") == Some(BreakerState::Closed)).await;
    set(&demo, "fleet/payments/error_ratio", "1").await;
    let refusing = |facts: &SourceFacts| {
        breakers(facts)
            .any(|one| one.state == BreakerState::Open && one.rejected_per_s.is_some_and(|rejected| rejected > 0.0))
    };
    reader.until("an open breaker that refuses", refusing).await;
    let open = breakers(reader.facts()).find(|one| one.state == BreakerState::Open).unwrap();
    assert_eq!(open.callee, Some(Party::Named(Arc::from("payments"))));
    assert_eq!(open.caller, Party::Address { host: Arc::from("127.0.0.1"), port: checkout.port() });
    assert_eq!(open.raw.get("isCircuitBreakerOpen").map(|raw| &**raw), Some("true"));
    set(&demo, "fleet/payments/error_ratio", "0").await;
    reader.until("a closed breaker again", |facts| state(facts, "payments") == Some(BreakerState::Closed)).await;
    assert_eq!(reader.until_state(SourceState::Live).await.partial, []);
    assert!(meter.bytes() > 0);
    // The process ends: what was known stays, and is marked as old by the source's state.
    demo.stop().await;
    reader.until_failing().await;
    assert_eq!(state(reader.facts(), "payments"), Some(BreakerState::Closed));
    reader.stop().await;
}

#[tokio::test]
async fn one_viewer_too_many_is_told_as_such() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let demo = Demo::start().await.unwrap();
    let checkout = demo.services().iter().find(|service| service.name == "checkout").unwrap().address;
    let url = format!("http://{checkout}/hystrix.stream");
    let mut viewers = Vec::new();
    for _ in 0..5 {
        let viewer = reqwest::get(&url).await.unwrap();
        assert!(viewer.status().is_success());
        viewers.push(viewer);
    }
    let mut reader = Reader::start(&format!("hystrix:{checkout}"), Hystrix::fixed(spec(&url)).unwrap());
    assert_eq!(reader.until_failing().await, "hystrix.rate_limited");
    drop(viewers);
    reader.until_state(SourceState::Live).await;
    reader.stop().await;
    demo.stop().await;
}

fn command(name: &str, open: bool) -> String {
    format!(
        "data:{{\"type\":\"HystrixCommand\",\"name\":\"{name}\",\"group\":\"{name}\",\"isCircuitBreakerOpen\":{open}}}\n\n"
    )
}

/// What the source says is wrong with the first of its parts.
fn complaint(facts: &SourceFacts) -> &str {
    facts.status.as_ref().and_then(|status| status.partial.first()).map_or("", |fault| &fault.detail)
}

#[tokio::test]
async fn an_event_with_an_invalid_byte_is_told_and_the_rest_of_the_stream_is_read() {
    let body = [command("pay", false).as_bytes(), b"data: \xff\n\n", command("ship", true).as_bytes()].concat();
    let mut endpoint = FaultyEndpoint::start(Script::events(&body)).await;
    let (_list, mut reader) = follow(vec![endpoint.target("/hystrix.stream")]);
    endpoint.asked_again(1).await;
    let told = |facts: &SourceFacts| complaint(facts).contains("1 event was left out; the first one: it holds bytes");
    reader.until("both and a complaint", |facts| breakers(facts).count() == 2 && told(facts)).await;
    assert_eq!(state(reader.facts(), "ship"), Some(BreakerState::Open));
    assert_eq!(partial(reader.facts()), ["hystrix.not_understood"]);
    reader.stop().await;
}

#[tokio::test]
async fn an_event_of_ten_megabytes_is_told_and_the_rest_of_the_stream_is_read() {
    let huge = [b"data: ".to_vec(), vec![b'x'; 10 * 1024 * 1024], b"\n\n".to_vec()].concat();
    let long = command(&"n".repeat(2_000), true);
    let body = [command("pay", false).as_bytes(), &huge, long.as_bytes(), command("ship", true).as_bytes()].concat();
    let endpoint = FaultyEndpoint::start(Script::events(&body)).await;
    let (_list, mut reader) = follow(vec![endpoint.target("/hystrix.stream")]);
    let told = |facts: &SourceFacts| complaint(facts).contains("2 events were left out; the first one: it is larger");
    reader.until("both and a complaint", |facts| breakers(facts).count() == 2 && told(facts)).await;
    assert_eq!(partial(reader.facts()), ["hystrix.too_large"]);
    assert_eq!(reader.until_state(SourceState::Live).await.fault, None);
    reader.stop().await;
}

#[tokio::test]
async fn what_is_left_out_is_counted_in_words_that_stand_still() {
    let body = "data: no JSON\n\n".repeat(345) + &command("pay", true);
    let endpoint = FaultyEndpoint::start(Script::events(body.as_bytes())).await;
    let (_list, mut reader) = follow(vec![endpoint.target("/hystrix.stream")]);
    let told = |facts: &SourceFacts| complaint(facts).contains("100 events or more were left out");
    reader.until("the count", |facts| state(facts, "pay").is_some() && told(facts)).await;
    reader.stop().await;
}

#[tokio::test]
async fn of_fifty_thousand_breakers_of_one_process_some_are_kept_and_that_is_told() {
    let mut body: String = (0..50_000).map(|number| command(&format!("pay-{number:05}"), false)).collect();
    body += &command("pay-00000", true);
    let endpoint = FaultyEndpoint::start(Script::events(body.as_bytes())).await;
    let (_list, mut reader) = follow(vec![endpoint.target("/hystrix.stream")]);
    // What is said behind all of them is heard.
    reader.until("news of a kept one", |facts| state(facts, "pay-00000") == Some(BreakerState::Open)).await;
    reader.until("a complaint", |facts| complaint(facts).contains("more than 5000 commands")).await;
    assert_eq!(
        (breakers(reader.facts()).count(), partial(reader.facts())),
        (5_000, vec!["hystrix.too_large".to_owned()])
    );
    reader.stop().await;
}

#[tokio::test]
async fn a_stream_that_stops_in_the_middle_of_an_event_fails_and_what_was_known_stays() {
    let half = command("pay", true) + "data: {\"type\":\"HystrixCom";
    let endpoint = FaultyEndpoint::start(Script::events(half.as_bytes())).await;
    let (_list, mut reader) = follow(vec![endpoint.target("/hystrix.stream")]);
    reader.until("a breaker", |facts| state(facts, "pay").is_some()).await;
    assert_eq!(reader.until_failing().await, "hystrix.timed_out");
    assert_eq!(state(reader.facts(), "pay"), Some(BreakerState::Open));
    endpoint.now(Script::events(command("pay", false).as_bytes()));
    reader.until("the new state", |facts| state(facts, "pay") == Some(BreakerState::Closed)).await;
    reader.until_state(SourceState::Live).await;
    reader.stop().await;
}

#[tokio::test]
async fn a_stream_that_is_cut_is_opened_again() {
    let mut endpoint = FaultyEndpoint::start(Script::ended_events(b"data: {\"type\":\"Hystr")).await;
    let (_list, mut reader) = follow(vec![endpoint.target("/hystrix.stream")]);
    assert_eq!(reader.until_failing().await, "hystrix.cut_off");
    endpoint.asked_again(1).await;
    endpoint.now(Script::events(command("pay", true).as_bytes()));
    reader.until("a breaker", |facts| state(facts, "pay").is_some()).await;
    reader.stop().await;
}

#[tokio::test]
async fn an_event_that_is_not_understood_is_told_and_the_others_are_read() {
    let body = format!("data: no JSON\n\n: note\n\nping: \n\n{}", command("pay", true));
    let endpoint = FaultyEndpoint::start(Script::events(body.as_bytes())).await;
    let (_list, mut reader) = follow(vec![endpoint.target("/hystrix.stream")]);
    let told = |facts: &SourceFacts| state(facts, "pay").is_some() && partial(facts) == ["hystrix.not_understood"];
    reader.until("a breaker and a complaint", told).await;
    reader.stop().await;
}

#[tokio::test]
async fn what_is_no_stream_has_its_code() {
    for (script, code) in [
        (Script::text("<html></html>"), "hystrix.not_understood"),
        (Script::Raw(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n".to_vec()), "hystrix.not_found"),
    ] {
        let endpoint = FaultyEndpoint::start(script).await;
        let (_list, mut reader) = follow(vec![endpoint.target("/hystrix.stream")]);
        assert_eq!(reader.until_failing().await, code);
        reader.stop().await;
    }
}

/// hystrix-go sends not even the head of its answer before its first command.
#[tokio::test]
async fn a_process_that_says_nothing_before_its_first_command_is_not_down() {
    let endpoint = FaultyEndpoint::start(Script::Unended(Vec::new())).await;
    let (_list, mut reader) = follow(vec![endpoint.target("/hystrix.stream")]);
    let status = reader.until_state(SourceState::Live).await;
    assert_eq!(status.product.as_deref(), Some("Hystrix stream, silent until its first command"));
    assert_eq!(status.partial, []);
    reader.stop().await;
}

#[tokio::test]
async fn a_process_that_answers_and_names_no_command_is_not_down() {
    let endpoint = FaultyEndpoint::start(Script::events(b"ping: \n\n")).await;
    let (_list, mut reader) = follow(vec![endpoint.target("/hystrix.stream")]);
    let status = reader.until_state(SourceState::Live).await;
    assert_eq!(status.product.as_deref(), Some("Hystrix stream, silent until its first command"));
    reader.stop().await;
}

/// It is of one process, and others may be added to it.
#[tokio::test]
async fn what_turbine_says_at_once_is_passed_over() {
    let endpoint = FaultyEndpoint::start(Script::events(command("pay", true).as_bytes())).await;
    let (_list, mut reader) = follow(vec![endpoint.target("/turbine.stream?cluster=cart")]);
    reader.until_state(SourceState::Live).await;
    assert_eq!(breakers(reader.facts()).count(), 0);
    reader.stop().await;
}

#[tokio::test]
async fn a_stream_that_left_the_list_takes_its_breakers_with_it() {
    let one = FaultyEndpoint::start(Script::events(command("one", true).as_bytes())).await;
    let other = FaultyEndpoint::start(Script::events(command("other", true).as_bytes())).await;
    let (list, mut reader) = follow(vec![one.target("/hystrix.stream"), other.target("/hystrix.stream")]);
    reader.until("two breakers", |facts| breakers(facts).count() == 2).await;
    list.send_replace(Arc::from([other.target("/hystrix.stream")]));
    reader.until("one breaker", |facts| breakers(facts).count() == 1 && state(facts, "other").is_some()).await;
    reader.stop().await;
}
