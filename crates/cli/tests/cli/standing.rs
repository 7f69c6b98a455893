//! What stands in a terminal: names from outside cannot steer it.

use binnacle_demo::Registry;
use serde_json::json;

use crate::ran::Home;

#[tokio::test(flavor = "multi_thread")]
async fn hostile_names_and_outputs_are_shown_for_what_they_are() {
    let home = Home::new();
    let registry = Registry::start().await.unwrap();
    let home = home.with("CONSUL_HTTP_ADDR", registry.url().as_str());
    let name = "<script>\u{202e}evil\u{1b}[2J";
    let node = json!({ "Node": "n", "Address": "10.0.0.1", "Service": { "ID": name, "Service": name, "Port": 1 },
        "Check": { "CheckID": "c", "Name": "c", "ServiceID": name, "Status": "critical", "Output": "line\none\r\u{9b}31m" } });
    let url = registry.url().join("v1/catalog/register").unwrap();
    let client = reqwest::Client::new();
    client.put(url).json(&node).send().await.unwrap().error_for_status().unwrap();
    for command in ["services", "health", "sources"] {
        let out = home.run(&[command]).await.out;
        let steering = out.chars().find(|c| (c.is_control() && *c != '\n') || ('\u{202a}'..='\u{202e}').contains(c));
        assert_eq!(steering, None, "{command}: {out:?}");
    }
    let table = home.run(&["services"]).await.exits(0).out;
    assert!(table.contains("<script>⟨U+202E⟩evil␛[2J"), "{table}");
    assert_eq!(table.lines().count(), 2, "a header and one service: {table}");
    let json = home.run(&["services", "-o", "json", "evil"]).await.exits(0).json();
    assert_eq!(json[0]["name"], name, "a program gets the name as it is");
    for form in ["dot", "mermaid"] {
        let graph = home.run(&["graph", "-o", form]).await.exits(0).out;
        assert!(!graph.contains('\u{1b}'), "{graph}");
    }
    registry.stop().await;
}
