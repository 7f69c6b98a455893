//! The demo fleet, as someone sees it who holds nothing but the registry's address.

#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test that meets the unexpected has failed")]

use std::time::{Duration, Instant};

use binnacle_demo::{DATACENTER, Demo};
use futures_util::StreamExt;
use serde_json::Value;

/// How long any change may take to be seen; a deadline for a broken fleet on a busy machine, not a measurement.
const DEADLINE: Duration = Duration::from_secs(30);

async fn start() -> Demo {
    let _ = rustls::crypto::ring::default_provider().install_default();
    Demo::start().await.expect("the demo starts")
}

async fn json(url: &str) -> (u64, Value) {
    let response = reqwest::get(url).await.expect("an answer");
    let index =
        response.headers().get("x-consul-index").and_then(|value| value.to_str().ok()?.parse().ok()).unwrap_or(0);
    (index, response.json().await.expect("JSON"))
}

/// Waits, by blocking queries, until an answer of the registry is as wanted.
async fn until(demo: &Demo, path: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    let end = Instant::now() + DEADLINE;
    let mut index = 0;
    loop {
        let (now, value) = json(&format!("{}{path}?index={index}&wait=5s", demo.registry())).await;
        if wanted(&value) {
            return value;
        }
        assert!(Instant::now() < end, "{path} never came to be as wanted: {value}");
        index = now;
    }
}

async fn entry(demo: &Demo, key: &str) -> Value {
    json(&format!("{}v1/kv/{key}", demo.registry())).await.1[0].clone()
}

/// Writes a key as Binnacle does: guarded by the index it was read at.
async fn edit(demo: &Demo, key: &str, value: &str) {
    let index = entry(demo, key).await["ModifyIndex"].as_u64().expect("an index");
    let url = format!("{}v1/kv/{key}?cas={index}", demo.registry());
    let answer = reqwest::Client::new().put(url).body(value.to_owned()).send().await.expect("an answer");
    assert_eq!(answer.text().await.expect("text"), "true");
}

/// The frames of checkout's Hystrix stream about one command, as they come.
async fn hystrix(demo: &Demo, command: &str, wanted: impl Fn(&Value) -> bool) {
    let checkout = demo.services().iter().find(|service| service.name == "checkout").expect("checkout");
    let response = reqwest::get(format!("http://{}/hystrix.stream", checkout.address)).await.expect("a stream");
    let mut chunks = response.bytes_stream();
    let mut text = String::new();
    let end = Instant::now() + DEADLINE;
    while let Some(chunk) = chunks.next().await {
        text.push_str(std::str::from_utf8(&chunk.expect("a chunk")).expect("UTF-8"));
        while let Some((frame, rest)) = text.split_once("\n\n") {
            if let Some(data) = frame.strip_prefix("data: ") {
                let event: Value = serde_json::from_str(data).expect("JSON");
                if event["type"] == "HystrixCommand" && event["name"] == command && wanted(&event) {
                    return;
                }
            }
            text = rest.to_owned();
        }
        assert!(Instant::now() < end, "the stream never said so of {command}");
    }
    panic!("the stream ended");
}

async fn scrape(demo: &Demo, service: &str) -> String {
    let address = demo.services().iter().find(|known| known.name == service).expect("a service").address;
    reqwest::get(format!("http://{address}/metrics")).await.expect("an answer").text().await.expect("text")
}

/// The value of the first series that begins so.
fn series(text: &str, start: &str) -> Option<f64> {
    text.lines().find(|line| line.starts_with(start)).and_then(|line| line.rsplit(' ').next()?.parse().ok())
}

/// Scrapes until a series is as wanted. Nothing pushes metrics, so this asks again and again.
async fn scrape_until(demo: &Demo, service: &str, start: &str, wanted: impl Fn(f64) -> bool) {
    let end = Instant::now() + DEADLINE;
    let mut ticks = tokio::time::interval(Duration::from_millis(50));
    loop {
        ticks.tick().await;
        let text = scrape(demo, service).await;
        if series(&text, start).is_some_and(&wanted) {
            return;
        }
        assert!(Instant::now() < end, "{start} never came to be as wanted:\n{text}");
    }
}

fn all(status: &'static str) -> impl Fn(&Value) -> bool {
    move |checks| {
        checks
            .as_array()
            .is_some_and(|checks| !checks.is_empty() && checks.iter().all(|check| check["Status"] == status))
    }
}

fn any(status: &'static str) -> impl Fn(&Value) -> bool {
    move |checks| checks.as_array().is_some_and(|checks| checks.iter().any(|check| check["Status"] == status))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_stands_calm_from_the_start() {
    let demo = start().await;
    let (_, checks) = json(&format!("{}v1/health/state/any", demo.registry())).await;
    assert!(all("passing")(&checks), "{checks}");
    let (_, services) = json(&format!("{}v1/catalog/services", demo.registry())).await;
    assert!(services.as_object().is_some_and(|services| services.len() >= 12), "{services}");
    let (_, me) = json(&format!("{}v1/agent/self", demo.registry())).await;
    assert_eq!(me["Config"]["Datacenter"], DATACENTER);
    let (_, keys) = json(&format!("{}v1/kv/?keys", demo.registry())).await;
    for key in ["fleet/payments/error_ratio", "fleet/payments/latency_ms", "shop/checkout/limits.yaml"] {
        assert!(keys.as_array().is_some_and(|keys| keys.iter().any(|known| known == key)), "{key}");
    }
    let (_, intentions) = json(&format!("{}v1/connect/intentions", demo.registry())).await;
    assert!(intentions.as_array().is_some_and(|all| {
        all.iter().any(|one| one["SourceName"] == "checkout" && one["DestinationName"] == "payments")
    }));
    demo.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_edited_key_turns_health_edge_and_breaker_and_back() {
    let demo = start().await;
    let open = "demo_breaker_state{service=\"checkout\",peer=\"payments\",state=\"open\"}";
    let closed = "demo_breaker_state{service=\"checkout\",peer=\"payments\",state=\"closed\"}";
    scrape_until(&demo, "checkout", closed, |value| value > 0.5).await;

    edit(&demo, "fleet/payments/error_ratio", "0.6").await;
    let health = "v1/health/checks/payments";
    until(&demo, health, any("critical")).await;
    scrape_until(&demo, "checkout", open, |value| value > 0.5).await;
    hystrix(&demo, "payments", |event| event["isCircuitBreakerOpen"] == true).await;
    let errors = "demo_client_requests_total{service=\"checkout\",peer=\"payments\",protocol=\"http\",pattern=\"request_response\",payload=\"json\",outcome=\"error\"}";
    let refused = "demo_client_requests_total{service=\"checkout\",peer=\"payments\",protocol=\"http\",pattern=\"request_response\",payload=\"json\",outcome=\"rejected\"}";
    scrape_until(&demo, "checkout", errors, |value| value > 0.0).await;
    scrape_until(&demo, "checkout", refused, |value| value > 0.0).await;

    edit(&demo, "fleet/payments/error_ratio", "0").await;
    until(&demo, health, all("passing")).await;
    scrape_until(&demo, "checkout", closed, |value| value > 0.5).await;
    hystrix(&demo, "payments", |event| event["isCircuitBreakerOpen"] == false).await;
    demo.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_makes_no_sense_is_a_warning_that_says_so() {
    let demo = start().await;
    edit(&demo, "fleet/search/error_ratio", "plenty").await;
    let checks = until(&demo, "v1/health/checks/search", any("warning")).await;
    assert!(checks.to_string().contains("fleet/search/error_ratio is not a number from 0 to 1"), "{checks}");
    edit(&demo, "fleet/search/error_ratio", "0.2").await;
    edit(&demo, "fleet/checkout/latency_ms", "450").await;
    until(&demo, "v1/health/checks/checkout", any("warning")).await;
    demo.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_kind_of_conversation_is_measured() {
    let demo = start().await;
    for (service, start) in [
        (
            "checkout",
            "demo_client_requests_total{service=\"checkout\",peer=\"payments\",protocol=\"http\",pattern=\"request_response\",payload=\"json\",outcome=\"ok\"}",
        ),
        (
            "checkout",
            "demo_client_requests_total{service=\"checkout\",peer=\"shipping\",protocol=\"http\",pattern=\"request_response\",payload=\"xml\",outcome=\"ok\"}",
        ),
        (
            "payments",
            "demo_client_requests_total{service=\"payments\",peer=\"ledger\",protocol=\"tcp\",pattern=\"rpc\",payload=\"binary\",outcome=\"ok\"}",
        ),
        (
            "orders",
            "demo_client_requests_total{service=\"orders\",peer=\"fulfilment\",protocol=\"messaging\",pattern=\"work_queue\",payload=\"json\",outcome=\"ok\"}",
        ),
        (
            "orders",
            "demo_client_requests_total{service=\"orders\",peer=\"order.placed\",protocol=\"messaging\",pattern=\"publish_subscribe\",payload=\"json\",outcome=\"ok\"}",
        ),
        (
            "storefront",
            "demo_client_requests_total{service=\"storefront\",peer=\"orders\",protocol=\"http\",pattern=\"push\",payload=\"json\",outcome=\"ok\"}",
        ),
        ("fulfilment", "demo_queue_messages_total{service=\"fulfilment\",queue=\"fulfilment\",direction=\"consume\"}"),
        (
            "notifications",
            "demo_topic_messages_total{service=\"notifications\",topic=\"order.placed\",direction=\"consume\"}",
        ),
        ("analytics", "demo_topic_messages_total{service=\"analytics\",topic=\"order.placed\",direction=\"consume\"}"),
        ("ledger", "demo_server_requests_total{service=\"ledger\",outcome=\"ok\"}"),
        (
            "fulfilment",
            "demo_client_requests_total{service=\"fulfilment\",peer=\"shipping\",protocol=\"http\",pattern=\"request_response\",payload=\"xml\",outcome=\"ok\"}",
        ),
    ] {
        scrape_until(&demo, service, start, |value| value > 0.0).await;
    }
    // Left alone, nobody fails.
    for service in demo.services() {
        let text = scrape(&demo, service.name).await;
        for line in text.lines().filter(|line| line.contains("outcome=\"error\"")) {
            assert!(line.ends_with(" 0"), "{}: {line}", service.id);
        }
    }
    demo.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stopping_leaves_no_listening_port() {
    let demo = start().await;
    let mut ports: Vec<u16> = demo.services().iter().map(|service| service.address.port()).collect();
    ports.extend(demo.registry().port());
    // A watcher and a viewer who would stay for ever must not keep it.
    let held = reqwest::get(format!(
        "http://{}/hystrix.stream",
        demo.services().iter().find(|s| s.name == "checkout").expect("it").address
    ))
    .await;
    let url = format!("{}v1/kv/nothing/here?index=1000000&wait=10m", demo.registry());
    let waiting = tokio::time::timeout(Duration::from_secs(60), async { reqwest::get(url).await });
    let (_, waited) = tokio::join!(
        async {
            let begun = Instant::now();
            demo.stop().await;
            begun.elapsed()
        },
        waiting
    );
    assert!(waited.is_ok(), "the waiting query was ended");
    drop(held);
    for port in ports {
        let dialled = tokio::net::TcpStream::connect(("127.0.0.1", port)).await;
        assert!(dialled.is_err(), "{port} still listens");
    }
}
