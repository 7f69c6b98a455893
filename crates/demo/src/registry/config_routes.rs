//! `/v1/config` and `/v1/connect/intentions` (agent/config_endpoint.go, agent/intentions_endpoint.go).

use axum::http::{Method, StatusCode};
use serde_json::{Map, Value, json};

use super::answer::{self, Answer, Refusal};
use super::config_entries::{INTENTIONS, KINDS, normalised};
use super::fields::camel;
use super::question::Question;
use super::world::{Seen, World};

pub(crate) async fn apply(world: &World, mut question: Question) -> Result<Answer, Refusal> {
    let body = question.document().await?;
    let malformed = |what: String| Refusal::bad(format!("Request decoding failed: {what}"));
    let value: Value = serde_json::from_slice(&body).map_err(|error| malformed(error.to_string()))?;
    let Value::Object(mut fields) = camel(value) else { return Err(malformed("an object was expected".to_owned())) };
    let kind = text(&mut fields, "Kind");
    if !KINDS.contains(&kind.as_str()) {
        return Err(malformed(format!("invalid config entry kind: {kind}")));
    }
    let name = text(&mut fields, "Name");
    for ours in ["Hash", "CreateIndex", "ModifyIndex", "Namespace", "Partition"] {
        fields.remove(ours);
    }
    if name.is_empty() {
        return Err(Refusal::internal("Name is required"));
    }
    let expected = question.parameters.number("cas")?;
    let fields = normalised(&kind, &name, fields);
    if kind == INTENTIONS {
        validate_sources(&fields)?;
    }
    let done = world.write(|tables| tables.config.set(tables.index, &kind, &name, fields, expected));
    Ok(answer::plain(&json!(done), question.parameters.has("pretty")))
}

fn text(fields: &mut Map<String, Value>, name: &str) -> String {
    match fields.remove(name) {
        Some(Value::String(text)) => text,
        _ => String::new(),
    }
}

fn validate_sources(fields: &Map<String, Value>) -> Result<(), Refusal> {
    let Some(Value::Array(sources)) = fields.get("Sources") else { return Ok(()) };
    for (at, source) in sources.iter().enumerate() {
        let action = source.get("Action").and_then(Value::as_str).unwrap_or_default();
        let permissions = source.get("Permissions").is_some();
        if !(permissions || action == "allow" || action == "deny") {
            return Err(Refusal::internal(format!("Sources[{at}].Action must be set to 'allow' or 'deny'")));
        }
    }
    Ok(())
}

pub(crate) async fn entry(world: &World, question: &Question) -> Result<Answer, Refusal> {
    let (kind, name) = question.rest.split_once('/').unwrap_or((&question.rest, ""));
    if question.method == Method::DELETE {
        return delete(world, question, kind, name);
    }
    if !KINDS.contains(&kind) {
        return Err(Refusal::internal(format!("invalid config entry kind: {kind}")));
    }
    let asked = question.consistency()?;
    let pretty = question.parameters.has("pretty");
    if name.is_empty() {
        let (index, rows) =
            world.wait(&asked, |tables| Seen::at(tables.config.index()), |tables| tables.config.of_kind(kind)).await?;
        return Ok(answer::read(&Value::Array(rows), index, None, pretty));
    }
    let (index, entry) = world
        .wait(
            &asked,
            |tables| Seen { index: tables.config.index(), absent: tables.config.get(kind, name).is_none() },
            |tables| tables.config.get(kind, name),
        )
        .await?;
    match entry {
        Some(entry) => Ok(answer::read(&entry, index, None, pretty)),
        None => Err(Refusal {
            index: Some(index),
            ..Refusal::missing(format!("Config entry not found for {kind:?} / {name:?}"))
        }),
    }
}

fn delete(world: &World, question: &Question, kind: &str, name: &str) -> Result<Answer, Refusal> {
    if name.is_empty() {
        return Err(Refusal::new(StatusCode::NOT_FOUND, "Must provide both a kind and name to delete"));
    }
    let expected = question.parameters.number("cas")?;
    let done = world.write(|tables| tables.config.delete(tables.index, kind, name, expected));
    // Consul answers an unguarded delete with an empty object, a guarded one with its truth.
    let value = if expected.is_some() { json!(done) } else { json!({}) };
    Ok(answer::plain(&value, question.parameters.has("pretty")))
}

pub(crate) async fn intentions(world: &World, question: &Question) -> Result<Answer, Refusal> {
    let asked = question.consistency()?;
    let (index, rows) =
        world.wait(&asked, |tables| Seen::at(tables.config.index()), |tables| tables.config.intentions()).await?;
    Ok(answer::read(&Value::Array(rows), index, None, question.parameters.has("pretty")))
}

pub(crate) async fn intention(world: &World, mut question: Question) -> Result<Answer, Refusal> {
    let source = required(&question, "source")?;
    let destination = required(&question, "destination")?;
    let pretty = question.parameters.has("pretty");
    match question.method {
        Method::DELETE => {
            world.write(|tables| tables.config.delete_intention(tables.index, &destination, &source));
            Ok(answer::plain(&json!(true), pretty))
        }
        Method::PUT => {
            let body = question.document().await?;
            let source = intention_source(&body, &source)?;
            world.write(|tables| tables.config.set_intention(tables.index, &destination, source));
            Ok(answer::plain(&json!(true), pretty))
        }
        _ => {
            let found = world.read(|tables| tables.config.intention(&source, &destination));
            found.map(|row| answer::plain(&row, pretty)).ok_or_else(|| Refusal::missing("Intention not found"))
        }
    }
}

fn required(question: &Question, name: &str) -> Result<String, Refusal> {
    match question.parameters.text(name) {
        "" => Err(Refusal::internal(format!("required query parameter '{name}' not set"))),
        // A name may be written with its partition and namespace, which are both always `default` here.
        text => Ok(text.rsplit('/').next().unwrap_or(text).to_owned()),
    }
}

fn intention_source(body: &[u8], name: &str) -> Result<Value, Refusal> {
    let malformed = |what: String| Refusal::bad(format!("Failed to decode request body: {what}"));
    let value: Value = serde_json::from_slice(body).map_err(|error| malformed(error.to_string()))?;
    let Value::Object(mut given) = camel(value) else { return Err(malformed("an object was expected".to_owned())) };
    let mut source = Map::new();
    source.insert("Name".to_owned(), json!(name));
    for field in ["Action", "Permissions", "Description"] {
        if let Some(value) = given.remove(field).filter(|value| !value.is_null()) {
            source.insert(field.to_owned(), value);
        }
    }
    let fields = Map::from_iter([("Sources".to_owned(), json!([source]))]);
    validate_sources(&fields)?;
    Ok(Value::Object(source))
}
