//! `/v1/txn`: several key operations, all or none (agent/txn_endpoint.go, agent/consul/state/txn.go).

use axum::http::StatusCode;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::answer::{self, Answer, Refusal};
use super::fields::Fields;
use super::keys::{Entry, Keys, MAX_VALUE_BYTES};
use super::kv::{entry_json, no_session};
use super::question::Question;
use super::world::World;

const MAX_OPERATIONS: usize = 128;
/// The longest body; Consul takes the larger of its two limits, which are equal by default.
const MAX_BODY_BYTES: usize = MAX_VALUE_BYTES;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verb {
    Set,
    Cas,
    Get,
    GetOrEmpty,
    GetTree,
    Delete,
    DeleteCas,
    DeleteTree,
    CheckIndex,
    CheckNotExists,
    CheckSession,
    Lock,
    Unlock,
}

impl Verb {
    fn parse(text: &str) -> Option<Verb> {
        Some(match text {
            "set" => Verb::Set,
            "cas" => Verb::Cas,
            "get" => Verb::Get,
            "get-or-empty" => Verb::GetOrEmpty,
            "get-tree" => Verb::GetTree,
            "delete" => Verb::Delete,
            "delete-cas" => Verb::DeleteCas,
            "delete-tree" => Verb::DeleteTree,
            "check-index" => Verb::CheckIndex,
            "check-not-exists" => Verb::CheckNotExists,
            "check-session" => Verb::CheckSession,
            "lock" => Verb::Lock,
            "unlock" => Verb::Unlock,
            _ => return None,
        })
    }

    fn writes(self) -> bool {
        matches!(
            self,
            Verb::Set | Verb::Cas | Verb::Delete | Verb::DeleteCas | Verb::DeleteTree | Verb::Lock | Verb::Unlock
        )
    }
}

#[derive(Debug)]
struct Operation {
    verb: String,
    key: String,
    value: Vec<u8>,
    flags: u64,
    index: u64,
    session: String,
}

struct Outcome {
    results: Vec<Value>,
    errors: Vec<Value>,
}

pub(crate) async fn serve(world: &World, mut question: Question) -> Result<Answer, Refusal> {
    let body = question
        .body(MAX_BODY_BYTES, |length| match length {
            Some(length) => format!(
                "Request body({length} bytes) too large, max size: {MAX_BODY_BYTES} bytes. See https://developer.hashicorp.com/docs/agent/config/config-files#txn_max_req_len."
            ),
            None => format!(
                "Request body too large, max size: {MAX_BODY_BYTES} bytes. See https://developer.hashicorp.com/docs/agent/config/config-files#txn_max_req_len."
            ),
        })
        .await?;
    let operations = parse(&body)?;
    let pretty = question.parameters.has("pretty");
    let writes = operations.iter().any(|operation| Verb::parse(&operation.verb).is_some_and(Verb::writes));
    let refused = unacceptable(&operations);
    if writes {
        let outcome = if refused.is_empty() {
            apply(world, &operations)
        } else {
            Outcome { results: Vec::new(), errors: refused }
        };
        return Ok(written(&outcome, pretty));
    }
    question.consistency()?;
    let known = refused.is_empty();
    let outcome = if known {
        world.read(|tables| run(&mut tables.keys.clone(), 0, &operations))
    } else {
        Outcome { results: Vec::new(), errors: refused }
    };
    Ok(only_read(&outcome, known, pretty))
}

fn parse(body: &[u8]) -> Result<Vec<Operation>, Refusal> {
    let malformed = |what: String| Refusal::bad(format!("Failed to parse body: {what}"));
    let list: Value = serde_json::from_slice(body).map_err(|error| malformed(error.to_string()))?;
    let Value::Array(list) = list else { return Err(malformed("json: a list of operations was expected".to_owned())) };
    let operations: Result<Vec<Operation>, String> = list.into_iter().map(operation).collect();
    let operations = operations.map_err(malformed)?;
    if operations.len() > MAX_OPERATIONS {
        let text = format!("Transaction contains too many operations ({} > {MAX_OPERATIONS})", operations.len());
        return Err(Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, text));
    }
    Ok(operations)
}

fn operation(value: Value) -> Result<Operation, String> {
    let mut outer = Fields::of(value)?;
    let Some(mut kv) = outer.object("kv")? else {
        outer.end()?;
        return Err("the demo registry's transactions hold KV operations only".to_owned());
    };
    outer.end()?;
    let value = kv.text("value")?;
    kv.ignore(&["namespace", "partition"]);
    let operation = Operation {
        verb: kv.text("verb")?,
        key: kv.text("key")?,
        value: STANDARD.decode(&value).map_err(|error| format!("illegal base64 data: {error}"))?,
        flags: kv.unsigned("flags")?,
        index: kv.unsigned("index")?,
        session: kv.text("session")?,
    };
    kv.end()?;
    Ok(operation)
}

/// What is refused before anything is tried.
fn unacceptable(operations: &[Operation]) -> Vec<Value> {
    let mut errors = Vec::new();
    for (at, operation) in operations.iter().enumerate() {
        match Verb::parse(&operation.verb) {
            None => errors.push(failure(at, &format!("unknown KV operation: {}", operation.verb))),
            // Only the whole tree may be meant by no key at all.
            Some(verb) if operation.key.is_empty() && !matches!(verb, Verb::DeleteTree | Verb::GetTree) => {
                errors.push(failure(at, "Must provide key"));
            }
            Some(_) => {}
        }
    }
    errors
}

fn failure(at: usize, what: &str) -> Value {
    json!({ "OpIndex": at, "What": what })
}

/// Works on a copy, which takes the table's place only when every operation went well.
fn apply(world: &World, operations: &[Operation]) -> Outcome {
    world.write(|tables| {
        let mut keys = tables.keys.clone();
        let outcome = run(&mut keys, tables.index, operations);
        if outcome.errors.is_empty() {
            tables.keys = keys;
        }
        outcome
    })
}

fn run(keys: &mut Keys, index: u64, operations: &[Operation]) -> Outcome {
    let mut outcome = Outcome { results: Vec::new(), errors: Vec::new() };
    for (at, operation) in operations.iter().enumerate() {
        match step(keys, index, operation) {
            Ok(rows) => outcome.results.extend(rows.into_iter().map(|row| json!({ "KV": row }))),
            Err(what) => outcome.errors.push(failure(at, &what)),
        }
    }
    outcome
}

/// The rows of one operation; a delete has none.
fn step(keys: &mut Keys, index: u64, op: &Operation) -> Result<Vec<Value>, String> {
    let key = op.key.as_str();
    let bare = |entry: &Entry| vec![entry_json(entry, false)];
    let verb = Verb::parse(&op.verb).ok_or_else(|| format!("unknown KV operation: {}", op.verb))?;
    Ok(match verb {
        Verb::Set => bare(&keys.set(index, key, op.value.clone(), op.flags)),
        Verb::Cas => match keys.set_at(index, key, op.value.clone(), op.flags, op.index) {
            Some(entry) => bare(&entry),
            None => return Err(format!("failed to set key {key:?}, index is stale")),
        },
        Verb::Get => match keys.get(key) {
            Some(entry) => vec![entry_json(entry, true)],
            None => return Err(format!("key {key:?} doesn't exist")),
        },
        Verb::GetOrEmpty => match keys.get(key) {
            Some(entry) => vec![entry_json(entry, true)],
            None => vec![
                json!({ "LockIndex": 0, "Key": key, "Flags": op.flags, "Value": null, "CreateIndex": 0, "ModifyIndex": 0 }),
            ],
        },
        Verb::GetTree => keys.under(key).map(|entry| entry_json(entry, true)).collect(),
        Verb::Delete => {
            keys.delete(index, key);
            Vec::new()
        }
        Verb::DeleteCas if keys.delete_at(index, key, op.index) => Vec::new(),
        Verb::DeleteCas => return Err(format!("failed to delete key {key:?}, index is stale")),
        Verb::DeleteTree => {
            keys.delete_tree(index, key);
            Vec::new()
        }
        Verb::CheckIndex => match keys.get(key) {
            Some(entry) if entry.modify == op.index => bare(entry),
            Some(entry) => {
                return Err(format!(
                    "failed index check for key {key:?}, current modify index {} != {}",
                    entry.modify, op.index
                ));
            }
            None => return Err(format!("failed to check index, key {key:?} doesn't exist")),
        },
        Verb::CheckNotExists if keys.get(key).is_none() => Vec::new(),
        Verb::CheckNotExists => return Err(format!("key {key:?} exists")),
        Verb::CheckSession => {
            return Err(match keys.get(key) {
                Some(_) => format!("failed session check for key {key:?}, current session \"\" != {:?}", op.session),
                None => format!("failed to check session, key {key:?} doesn't exist"),
            });
        }
        Verb::Lock => return Err(no_session(&op.session).text),
        Verb::Unlock => {
            return Err(format!("failed to unlock key {key:?}, lock isn't held, or is held by another session"));
        }
    })
}

fn status_of(outcome: &Outcome) -> StatusCode {
    if outcome.errors.is_empty() { StatusCode::OK } else { StatusCode::CONFLICT }
}

fn rows(outcome: &Outcome) -> (Value, Value) {
    if outcome.errors.is_empty() { (json!(outcome.results), Value::Null) } else { (Value::Null, json!(outcome.errors)) }
}

fn written(outcome: &Outcome, pretty: bool) -> Answer {
    let (results, errors) = rows(outcome);
    answer::with_status(status_of(outcome), &json!({ "Results": results, "Errors": errors }), pretty)
}

/// A transaction that only reads is answered with what Consul's read endpoint adds.
fn only_read(outcome: &Outcome, known: bool, pretty: bool) -> Answer {
    let (results, errors) = rows(outcome);
    let value = json!({
        "Results": results,
        "Errors": errors,
        "Index": u64::from(known),
        "LastContact": 0,
        "KnownLeader": known,
        "ConsistencyLevel": "",
        "NotModified": false,
        "Backend": 0,
        "ResultsFilteredByACLs": false,
    });
    let mut response = answer::with_status(status_of(outcome), &value, pretty);
    let headers = response.headers_mut();
    answer::read_headers(headers, 1, None);
    headers.remove("x-consul-index");
    headers.remove("x-consul-query-backend");
    response
}
