use std::fmt::Write as _;

use binnacle_model::fact::BreakerState;
use binnacle_model::id::SourceKind;
use binnacle_model::snapshot::{Ability, SourceState};
use binnacle_model::store::SourceFacts;
use binnacle_sources::actuator::Actuator;
use binnacle_sources::{Connection as _, ConnectionSpec};

use crate::faulty::{FaultyEndpoint, Script};
use crate::reader::{Reader, breakers, partial};

fn actuator(endpoint: &FaultyEndpoint) -> Actuator {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let place = format!("http://127.0.0.1:{}", endpoint.port);
    Actuator::new(ConnectionSpec { kind: SourceKind::Actuator, place }).unwrap()
}

fn start(endpoint: &FaultyEndpoint) -> Reader {
    Reader::start(&format!("actuator:127.0.0.1:{}", endpoint.port), actuator(endpoint))
}

fn state(facts: &SourceFacts, name: &str) -> Option<BreakerState> {
    breakers(facts).find(|one| &*one.name == name).map(|one| one.state)
}

/// Both answers in one: the endpoint says the same to every question.
fn list(breakers: &str) -> Script {
    Script::text(&format!("{{\"circuitBreakers\":{{{breakers}}},\"circuitBreakerEvents\":[]}}"))
}

#[tokio::test]
async fn breakers_come_move_and_go_as_the_list_says() {
    let events = r#""circuitBreakerEvents":[
        {"circuitBreakerName":"pay","type":"STATE_TRANSITION","creationTime":"2026-01-02T03:04:05Z[Etc/UTC]",
         "stateTransition":"CLOSED_TO_OPEN"},
        {"circuitBreakerName":"pay","type":"NOT_PERMITTED","creationTime":7}]"#;
    let open = r#""circuitBreakers":{"pay":{"state":"OPEN","failureRate":"50.0%"},"ship":{"state":"CLOSED"}}"#;
    let endpoint = FaultyEndpoint::start(Script::text(&format!("{{{open},{events}}}"))).await;
    let probe = actuator(&endpoint).probe().await.unwrap();
    assert_eq!((probe.product.as_str(), probe.detail.as_str()), ("Spring Boot actuator", "2 circuit breakers"));
    let mut reader = start(&endpoint);
    reader.until("two breakers", |facts| breakers(facts).count() == 2).await;
    let pay = breakers(reader.facts()).find(|one| &*one.name == "pay").unwrap();
    assert_eq!((pay.state, pay.since), (BreakerState::Open, Some("2026-01-02T03:04:05Z".parse().unwrap())));
    assert_eq!(reader.until_state(SourceState::Live).await.abilities, [Ability::SwitchBreakers]);
    endpoint.now(list(r#""pay":{"state":"HALF_OPEN"}"#));
    let moved =
        |facts: &SourceFacts| state(facts, "pay") == Some(BreakerState::HalfOpen) && breakers(facts).count() == 1;
    reader.until("one that moved, and one that is gone", moved).await;
    assert_eq!(breakers(reader.facts()).next().unwrap().since, None, "nobody said when");
    reader.stop().await;
}

#[tokio::test]
async fn what_is_not_understood_is_told_and_the_rest_is_read() {
    let endpoint = FaultyEndpoint::start(list(r#""pay":{"state":"OPEN"},"odd":[1],"new":{"state":"MELTED"}"#)).await;
    let mut reader = start(&endpoint);
    let told = |facts: &SourceFacts| {
        state(facts, "pay") == Some(BreakerState::Open)
            && state(facts, "new") == Some(BreakerState::Unknown)
            && partial(facts) == ["actuator.not_understood"]
    };
    reader.until("a breaker and a complaint", told).await;
    reader.stop().await;
}

#[tokio::test]
async fn of_fifty_thousand_breakers_the_first_five_thousand_are_kept() {
    let mut many = String::new();
    for number in 0..50_000 {
        write!(many, "{}\"b{number:05}\":{{\"state\":\"CLOSED\"}}", if number == 0 { "" } else { "," }).unwrap();
    }
    let endpoint = FaultyEndpoint::start(list(&many)).await;
    let mut reader = start(&endpoint);
    let kept = |facts: &SourceFacts| breakers(facts).count() == 5_000 && partial(facts) == ["actuator.too_large"];
    reader.until("those that are kept", kept).await;
    assert!(state(reader.facts(), "b00000").is_some());
    reader.stop().await;
}

#[tokio::test]
async fn what_is_no_actuator_has_its_code_and_what_was_known_stays() {
    let endless = [b"{\"circuitBreakers\":{\"".to_vec(), vec![b'x'; 11 * 1024 * 1024]].concat();
    let answer = |head: &str| Script::Raw(format!("HTTP/1.1 {head}\r\ncontent-length: 0\r\n\r\n").into_bytes());
    for (script, code) in [
        (Script::text("<html></html>"), "actuator.not_understood"),
        (Script::text(r#"{"circuitBreakers":["pay"]}"#), "actuator.not_understood"),
        (Script::Body(b"{\"circuitBreakers\":{\"\xff\":{}}}".to_vec()), "actuator.not_understood"),
        (Script::text(&"[".repeat(1_000_000)), "actuator.not_understood"),
        (Script::Body(endless), "actuator.too_large"),
        (Script::Raw(b"HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\n{\"circuit".to_vec()), "actuator.cut_off"),
        (answer("404 Not Found"), "actuator.not_found"),
        (answer("401 Unauthorized"), "actuator.unauthenticated"),
        (answer("503 Service Unavailable"), "actuator.server_error"),
    ] {
        let endpoint = FaultyEndpoint::start(list(r#""pay":{"state":"OPEN"}"#)).await;
        let mut reader = start(&endpoint);
        reader.until("a breaker", |facts| state(facts, "pay").is_some()).await;
        endpoint.now(script);
        assert_eq!(reader.until_failing().await, code);
        assert_eq!(state(reader.facts(), "pay"), Some(BreakerState::Open));
        reader.stop().await;
    }
}
