//! The public JSON and its schema, and the graph in other languages.

use std::path::PathBuf;

use binnacle_model::fact::BreakerState;
use binnacle_view::export::{PublicSnapshot, graph};

use super::fleet::{Fleet, at, shop};

#[test]
fn the_committed_schema_is_made_from_these_types() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/snapshot.schema.json");
    let schema = PublicSnapshot::schema();
    if std::env::var_os("BINNACLE_WRITE").is_some() {
        std::fs::write(&path, &schema).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == schema,
        "snapshot.schema.json is stale: run this test again with BINNACLE_WRITE=1 and commit it"
    );
}

#[test]
fn the_public_json_has_every_part_of_the_picture() {
    let mut fleet = shop();
    fleet.breaker("cart", "payments", BreakerState::HalfOpen).key("app/x");
    let json = serde_json::to_value(PublicSnapshot::of(&fleet.snapshot(), at(0))).unwrap();
    assert_eq!(json["sources"][0]["state"], "live");
    assert_eq!(json["services"].as_array().unwrap().len(), 3);
    assert_eq!(json["services"][0]["instances"][0]["checks"][0]["status"], "passing");
    assert_eq!((&json["edges"][0]["state"], &json["edges"][0]["protocol"]), (&"observed".into(), &"http".into()));
    assert_eq!(json["edges"][0]["p95_ms"], serde_json::Value::Null);
    assert_eq!(json["breakers"][0]["state"], "half_open");
    assert_eq!(json["breakers"][0]["raw"]["isCircuitBreakerOpen"], "true");
    assert_eq!(json["config"][0]["id"], "consul:dc1/kv/app/x");
    for empty in ["routes", "queues", "disagreements"] {
        assert_eq!(json[empty], serde_json::json!([]), "{empty}");
    }
}

#[test]
fn a_name_cannot_become_syntax_of_the_graph() {
    let mut fleet = Fleet::new();
    fleet.instance("a\"]; evil -> b [label=\"\\", 1, "t").instance("b#<i>|`\nc", 2, "t");
    let dot = graph::dot(&fleet.snapshot());
    assert!(dot.contains(r#"label="a\"]; evil -> b [label=\"\\\npassing 1/1""#), "{dot}");
    let mermaid = graph::mermaid(&fleet.snapshot());
    assert!(
        mermaid.contains(r#"["b#35;#60;i#62;#124;#96;#9226;c<br/>"#)
            || mermaid.contains("b#35;#60;i#62;#124;#96;<br/>c<br/>"),
        "{mermaid}"
    );
    assert!(!mermaid.contains("\"]; evil"), "{mermaid}");
}
