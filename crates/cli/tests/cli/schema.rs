//! The JSON of `snapshot` against its schema: as much of JSON Schema as that schema uses, and no field besides.

use std::path::Path;

use binnacle_demo::Demo;
use serde_json::Value;

use crate::ran::Home;

fn committed() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/snapshot.schema.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// What is wrong with a value, each with its place.
fn faults(schema: &Value, value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    check(schema, schema, value, "snapshot", &mut found);
    found
}

fn check(root: &Value, schema: &Value, value: &Value, at: &str, found: &mut Vec<String>) {
    if let Some(reference) = schema["$ref"].as_str() {
        let target = root.pointer(reference.trim_start_matches('#')).expect("a reference leads somewhere");
        check(root, target, value, at, found);
    }
    if let Some(choices) = schema["oneOf"].as_array() {
        let fits = |choice: &&Value| {
            let mut inner = Vec::new();
            check(root, choice, value, at, &mut inner);
            inner.is_empty()
        };
        if choices.iter().filter(fits).count() != 1 {
            found.push(format!("{at}: {value} is none of the choices"));
        }
    }
    if schema.get("const").is_some_and(|only| only != value) {
        found.push(format!("{at}: {value} is not {}", schema["const"]));
    }
    if !has_type(&schema["type"], value) {
        found.push(format!("{at}: {value} is not {}", schema["type"]));
    }
    for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if value.get(name).is_none() {
            found.push(format!("{at}.{name} is not there"));
        }
    }
    if let Some(items) = schema.get("items") {
        for (place, item) in value.as_array().into_iter().flatten().enumerate() {
            check(root, items, item, &format!("{at}[{place}]"), found);
        }
    }
    for (name, field) in value.as_object().into_iter().flatten().filter(|_| schema["type"] == "object") {
        match schema["properties"].get(name).or_else(|| schema.get("additionalProperties")) {
            Some(of_field) => check(root, of_field, field, &format!("{at}.{name}"), found),
            None => found.push(format!("{at}.{name} is not in the schema")),
        }
    }
}

fn has_type(wanted: &Value, value: &Value) -> bool {
    let is = |wanted: &str| match wanted {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_u64() || value.is_i64(),
        "number" => value.is_number(),
        "null" => value.is_null(),
        other => panic!("the schema has the type {other}"),
    };
    match wanted {
        Value::Null => true,
        Value::String(wanted) => is(wanted),
        several => several.as_array().unwrap().iter().filter_map(Value::as_str).any(is),
    }
}

#[tokio::test]
async fn the_schema_that_is_printed_is_the_one_that_is_committed() {
    assert_eq!(Home::new().run(&["snapshot", "--schema"]).await.exits(0).json(), committed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_fits_its_schema() {
    let snapshot = Home::new().run(&["--demo", "snapshot"]).await.exits(0).json();
    for part in ["sources", "services", "edges", "breakers", "config"] {
        assert!(!snapshot[part].as_array().unwrap().is_empty(), "without {part} the check says little");
    }
    assert_eq!(faults(&committed(), &snapshot), Vec::<String>::new());
    let demo = Demo::start().await.unwrap();
    let registry = Home::with_consul(demo.registry()).run(&["snapshot"]).await.exits(0).json();
    assert_eq!(faults(&committed(), &registry), Vec::<String>::new());
    demo.stop().await;
}

#[test]
fn a_fault_in_a_snapshot_is_found() {
    let mut wrong = serde_json::json!({ "revision": "1", "surplus": 1, "services": [{ "health": "fine" }] });
    wrong["at"] = Value::Null;
    let found = faults(&committed(), &wrong).join("\n");
    for part in
        ["snapshot.revision: \"1\"", "snapshot.surplus", "snapshot.edges is not there", "health", "snapshot.at: null"]
    {
        assert!(found.contains(part), "{part} is missing from:\n{found}");
    }
}
