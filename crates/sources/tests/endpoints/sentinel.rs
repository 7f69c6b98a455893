use std::fmt::Write as _;

use binnacle_model::fact::{BreakerState, Party};
use binnacle_model::id::SourceKind;
use binnacle_model::snapshot::{Ability, SourceState};
use binnacle_model::store::SourceFacts;
use binnacle_sources::sentinel::Sentinel;
use binnacle_sources::{ConnectionSpec, SourceError};

use crate::faulty::{FaultyEndpoint, Script};
use crate::reader::{Reader, breakers, partial};

fn named(place: String) -> Result<Sentinel, SourceError> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    Sentinel::new(ConnectionSpec { kind: SourceKind::Sentinel, place })
}

fn start(endpoint: &FaultyEndpoint) -> Reader {
    let place = format!("http://127.0.0.1:{}?instance=10.0.0.7:8080", endpoint.port);
    Reader::start(&format!("sentinel:127.0.0.1:{}", endpoint.port), named(place).unwrap())
}

fn script(nodes: &str, degrade: &str) -> Script {
    let list = |text: &str| format!("[{text}]");
    Script::ByPath(vec![
        ("version", "1.8.9".to_owned()),
        ("clusterNode", list(nodes)),
        ("type=degrade", list(degrade)),
        ("type=flow", list("")),
    ])
}

const NAME: &str = "a|b \"c\"\n<script>";

#[tokio::test]
async fn what_is_not_understood_is_told_and_the_rest_is_read() {
    let resource = serde_json::to_string(NAME).unwrap();
    let rules = format!(r#"7,{{"resource":[]}},{{"resource":{resource},"grade":1,"count":0.5,"later":{{}}}}"#);
    let nodes = format!(r#"null,{{"resource":{resource},"passQps":9,"blockQps":0,"successQps":9,"exceptionQps":0}}"#);
    let endpoint = FaultyEndpoint::start(script(&nodes, &rules)).await;
    let mut reader = start(&endpoint);
    let told = |facts: &SourceFacts| breakers(facts).count() == 1 && partial(facts) == ["sentinel.not_understood"];
    reader.until("a breaker and a complaint", told).await;
    let fact = breakers(reader.facts()).next().unwrap();
    assert_eq!((&*fact.name, fact.state, fact.derived), (NAME, BreakerState::Closed, true));
    assert_eq!(fact.caller, Party::Address { host: "10.0.0.7".into(), port: 8080 }, "as a registry knows it");
    assert_eq!(reader.until_state(SourceState::Live).await.abilities, [Ability::SwitchBreakers]);
    endpoint.now(script(&nodes, ""));
    reader.until("none is left", |facts| breakers(facts).count() == 0).await;
    reader.stop().await;
}

#[tokio::test]
async fn of_fifty_thousand_resources_the_first_five_thousand_are_kept() {
    let mut many = String::new();
    for number in 0..50_000 {
        let comma = if number == 0 { "" } else { "," };
        write!(many, r#"{comma}{{"resource":"r{number:05}","grade":1,"count":0.5}}"#).unwrap();
    }
    let endpoint = FaultyEndpoint::start(script("", &many)).await;
    let mut reader = start(&endpoint);
    let kept = |facts: &SourceFacts| breakers(facts).count() == 5_000 && partial(facts) == ["sentinel.too_large"];
    reader.until("those that are kept", kept).await;
    reader.stop().await;
}

#[tokio::test]
async fn what_is_no_sentinel_has_its_code_and_what_was_known_stays() {
    let refused = "HTTP/1.0 400 Bad Request\r\ncontent-length: 12\r\n\r\ninvalid type";
    let endless = [b"[\"".to_vec(), vec![b'x'; 11 * 1024 * 1024]].concat();
    for (script_then, code) in [
        (Script::text("<html></html>"), "sentinel.not_understood"),
        (Script::text(r#"{"resource":"pay"}"#), "sentinel.not_understood"),
        (Script::Body(b"[{\"resource\":\"\xff\"}]".to_vec()), "sentinel.not_understood"),
        (Script::text(&"[".repeat(1_000_000)), "sentinel.not_understood"),
        (Script::Body(endless), "sentinel.too_large"),
        (Script::Raw(refused.as_bytes().to_vec()), "sentinel.not_understood"),
    ] {
        let endpoint = FaultyEndpoint::start(script("", r#"{"resource":"pay","grade":1,"count":0.5}"#)).await;
        let mut reader = start(&endpoint);
        reader.until("a breaker", |facts| breakers(facts).count() == 1).await;
        endpoint.now(script_then);
        assert_eq!(reader.until_failing().await, code);
        assert_eq!(breakers(reader.facts()).next().unwrap().state, BreakerState::Unknown, "nobody called");
        reader.stop().await;
    }
}

#[test]
fn an_instance_is_an_address() {
    let error = named("http://127.0.0.1:8719?instance=ann:secret@x".to_owned()).unwrap_err();
    assert_eq!(error.code(), "sentinel.misconfigured");
    assert!(!error.to_string().contains("secret"));
}
