//! What changes in Consul is in the window by itself.

use lab::Consul;
use lab::window::{Launch, Window};
use serde_json::json;

#[tokio::test]
async fn a_check_that_turns_critical_is_shown_with_its_output() {
    let consul = Consul::open().await.unwrap();
    let client = consul.client().unwrap();
    let check = json!({ "CheckID": "billing-ttl", "Name": "billing reports", "TTL": "10m", "Status": "passing" });
    client.register(&json!({ "Name": "billing", "Port": 9000, "Check": check })).await.unwrap();
    let source = format!("consul={}", consul.address());
    let window = Window::open(Launch { args: &["--source", &source], ..Launch::default() }).await;
    window.click("button", "Services").await;
    window.find("row", "billing, passing").await;
    client.set_check("billing-ttl", "fail", "the ledger does not answer").await.unwrap();
    window.find("row", "billing, critical").await;
    window.click("button", "Health").await;
    window.shows("the ledger does not answer").await;
    client.set_check("billing-ttl", "pass", "well again").await.unwrap();
    window.click("button", "Services").await;
    window.find("row", "billing, passing").await;
    window.close().await;
}

#[tokio::test]
async fn a_consul_that_stops_leaves_its_facts_stale_and_is_live_again_when_it_returns() {
    let consul = Consul::open().await.unwrap();
    consul.client().unwrap().register(&json!({ "Name": "billing", "Port": 9000 })).await.unwrap();
    let source = format!("consul={}", consul.address());
    let window = Window::open(Launch { args: &["--source", &source], ..Launch::default() }).await;
    window.click("button", "Services").await;
    window.find("row", "billing").await;
    consul.stop().await.unwrap();
    window.click("button", "Sources").await;
    window.shows("consul.unreachable").await;
    window.click("button", "Services").await;
    window.find("row", "billing").await;
    consul.start().await.unwrap();
    window.click("button", "Sources").await;
    window.await_text_without("consul.unreachable").await;
    window.shows("live").await;
    window.close().await;
}
