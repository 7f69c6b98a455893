//! The reading commands on the demo fleet.

use binnacle_demo::Demo;
use serde_json::Value;

use crate::ran::Home;

async fn demo() -> (Demo, Home) {
    let home = Home::new();
    let demo = Demo::start().await.unwrap();
    let home = home.with("CONSUL_HTTP_ADDR", demo.registry().as_str());
    (demo, home)
}

fn by_name<'a>(services: &'a Value, name: &str) -> &'a Value {
    let found = services.as_array().unwrap().iter().find(|service| service["name"] == name);
    found.unwrap_or_else(|| panic!("no {name} in {services}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_has_the_public_form() {
    let (demo, home) = demo().await;
    let snapshot = home.run(&["snapshot", "-o", "json"]).await.exits(0).json();
    assert_eq!(snapshot["sources"][0]["id"], "consul:demo");
    assert_eq!(snapshot["sources"][0]["state"], "live");
    let payments = by_name(&snapshot["services"], "payments");
    assert_eq!(payments["id"], "consul:demo/payments");
    assert!(payments["instances"][0]["checks"][0]["status"].is_string(), "{payments}");
    let keys = snapshot["config"].as_array().unwrap();
    let key = keys.iter().find(|key| key["id"] == "consul:demo/kv/fleet/payments/error_ratio").unwrap();
    assert_eq!((&key["store"], &key["path"]), (&"consul-kv".into(), &"fleet/payments/error_ratio".into()));
    assert!(key["version"].as_str().unwrap().parse::<u64>().unwrap() > 0, "{key}");
    let mut fields: Vec<&String> = snapshot.as_object().unwrap().keys().collect();
    fields.sort();
    let expected =
        ["at", "breakers", "config", "disagreements", "edges", "queues", "revision", "routes", "services", "sources"];
    assert_eq!(fields, expected);
    demo.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn listings_are_tables_for_people_and_json_for_programs() {
    let (demo, home) = demo().await;
    let table = home.run(&["services"]).await.exits(0).out;
    assert!(table.starts_with("SERVICE ") && table.contains("\npayments "), "{table}");
    assert!(!table.contains('\u{1b}'), "a pipe gets no colours");
    let services = home.run(&["services", "-o", "json", "payments"]).await.exits(0).json();
    assert_eq!(by_name(&services, "payments")["id"], "consul:demo/payments");
    let sources = home.run(&["sources", "-o", "json"]).await.exits(0).json();
    assert!(sources[0]["requests"].as_u64().unwrap() > 0 && sources[0]["state"] == "live", "{sources}");
    let keys = home.run(&["config", "ls", "consul:demo/kv/fleet/", "-o", "json"]).await.exits(0).json();
    assert!(
        keys.as_array().unwrap().iter().all(|key| key["id"].as_str().unwrap().starts_with("consul:demo/kv/fleet/"))
    );
    let edges = home.run(&["edges", "-o", "json"]).await.exits(0).json();
    assert!(!edges.as_array().unwrap().is_empty(), "the sidecars declare edges");
    demo.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_asked_for_and_is_not_there_is_a_no() {
    let (demo, home) = demo().await;
    for case in
        [["services", "no-such-service"], ["health", "no-such-service"], ["edges", "no-such-service"], ["config", "ls"]]
    {
        let missing = [&case[..], &["consul:demo/kv/no/such/"][..]].concat();
        let arguments: &[&str] = if case[0] == "config" { &missing } else { &case };
        let ran = home.run(&[arguments, &["--errors", "json"]].concat()).await.exits(1);
        assert_eq!(ran.error()["code"], "cli.not_found", "{arguments:?}");
    }
    demo.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn health_is_a_yes_or_a_no_with_the_reasons() {
    let (demo, home) = demo().await;
    let well = home.run(&["health", "-o", "json"]).await.exits(0).json();
    assert_eq!(well["healthy"], true, "{well}");
    let ratio = "consul:demo/kv/fleet/payments/error_ratio";
    home.run(&["config", "set", ratio, "--value", "0.6"]).await.exits(0);
    let unwell = home.run_until(&["health", "-o", "json", "payments"], |ran| ran.code == 1).await.json();
    let reasons = unwell["reasons"].as_array().unwrap();
    let reason = reasons.iter().find(|reason| reason["name"] == "payments").unwrap_or_else(|| panic!("{unwell}"));
    assert_eq!(reason["source"], "consul:demo");
    assert!(!reason["output"].as_str().unwrap().is_empty());
    let cause = &unwell["causes"][0];
    assert_eq!((&cause["title"], &cause["cause"]), (&"payments is critical".into(), &"service".into()), "{unwell}");
    let text = home.run(&["health"]).await.exits(1).out;
    assert!(text.starts_with("not well: ") && text.contains("payments is critical"), "{text}");
    demo.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_graph_comes_in_three_forms() {
    let (demo, home) = demo().await;
    let dot = home.run(&["graph", "-o", "dot"]).await.exits(0).out;
    assert!(dot.starts_with("digraph") && dot.contains(" -> ") && dot.trim_end().ends_with('}'), "{dot}");
    let mermaid = home.run(&["graph", "-o", "mermaid"]).await.exits(0).out;
    assert!(mermaid.starts_with("flowchart") && mermaid.contains(".->"), "{mermaid}");
    let json = home.run(&["graph", "-o", "json"]).await.exits(0).json();
    assert!(!json["nodes"].as_array().unwrap().is_empty() && !json["edges"].as_array().unwrap().is_empty(), "{json}");
    demo.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_whole_fleet_can_be_read_inside_one_command() {
    let home = Home::new();
    let breakers = home.run(&["--demo", "breakers", "-o", "json"]).await.exits(0).json();
    assert!(!breakers.as_array().unwrap().is_empty(), "the demo has breakers");
    let sources = home.run(&["--demo", "sources", "-o", "json"]).await.exits(0).json();
    let kinds: Vec<&str> = sources.as_array().unwrap().iter().map(|source| source["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["consul", "hystrix", "scrape"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_says_what_answers_and_where_edits_are_kept() {
    let (demo, home) = demo().await;
    let report = home.run(&["doctor", "-o", "json"]).await.exits(0).json();
    assert_eq!(report["looked_for"][0]["answer"], "answers", "{report}");
    assert_eq!(report["history"]["state"], "not_yet");
    assert_eq!(report["environment"], serde_json::json!(["CONSUL_HTTP_ADDR"]));
    demo.stop().await;
    let report = home.run(&["doctor", "-o", "json", "--errors", "json"]).await.exits(3);
    assert_eq!(report.error()["code"], "consul.unreachable");
    assert_eq!(report.json()["looked_for"][0]["answer"], "fails");
}
