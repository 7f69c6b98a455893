//! Reading and writing single keys. Writes go through transactions (<https://developer.hashicorp.com/consul/api-docs/txn>):
//! they carry the key in the body, so that every key can be reached, apply to all keys or none, and answer with the
//! version that this very write made.
//!
//! A removal is a `check-index` with a `delete`, not a `delete-cas`: the latter says yes about a key that somebody else
//! removed already.

use std::collections::BTreeSet;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use binnacle_model::id::{SourceId, SourceKind};
use http::{Method, StatusCode};
use serde::{Deserialize, Serialize};

use super::api::{Question, not_understood, segment};
use super::rights::may_write;
use super::{Consul, SYSTEM};
use crate::edit::{ConfigStore, Conflict, Guard, Intent, KeyWrite, Outcome, Permission, StoredValue};
use crate::error::{ErrorKind, SourceError};

/// The largest value (`kv_max_value_size`), unless a server was set up otherwise.
const VALUE_LIMIT: usize = 512 * 1024;
/// The largest body of a transaction (`txn_max_req_len`), unless a server was set up otherwise.
const TXN_LIMIT: usize = 512 * 1024;
/// Operations in one transaction: 64 up to Consul 1.13, 128 since.
const OPERATIONS: usize = 64;

/// One operation of a transaction on a key. Never printed: its value may be a secret.
#[derive(Serialize)]
struct Operation<'a> {
    #[serde(rename = "KV")]
    kv: KvOperation<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct KvOperation<'a> {
    verb: &'static str,
    key: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    flags: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    index: Option<u64>,
}

/// The answer to a transaction, the same shape when it was rolled back.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct TxnAnswer {
    #[serde(default)]
    results: Option<Vec<TxnResult>>,
    #[serde(default)]
    errors: Option<Vec<TxnError>>,
}

#[derive(Deserialize)]
struct TxnResult {
    #[serde(rename = "KV")]
    kv: Option<KvResult>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct KvResult {
    key: String,
    #[serde(default)]
    flags: u64,
    #[serde(default)]
    value: Option<String>,
    #[serde(default)]
    session: Option<String>,
    create_index: u64,
    modify_index: u64,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct TxnError {
    op_index: usize,
    what: String,
}

impl TxnError {
    /// Consul's words for a guard that did not hold.
    fn is_conflict(&self) -> bool {
        ["index is stale", "exists", "doesn't exist", "failed index check"]
            .iter()
            .any(|words| self.what.contains(words))
    }

    fn is_denied(&self) -> bool {
        self.what.contains("Permission denied")
    }
}

/// The operations of a write, and which write each belongs to.
fn operations(writes: &[KeyWrite]) -> Vec<(usize, Operation<'_>)> {
    let mut operations = Vec::new();
    for (number, write) in writes.iter().enumerate() {
        let mut add = |verb, value, flags, index| {
            let kv = KvOperation { verb, key: &write.path, value, flags, index };
            operations.push((number, Operation { kv }));
        };
        match (&write.intent, write.guard) {
            (Intent::Put { bytes, flags }, guard) => {
                add("cas", Some(STANDARD.encode(bytes)), Some(*flags), Some(cas(guard)));
            }
            (Intent::Delete, Guard::Version(version)) => {
                add("check-index", None, None, Some(version));
                add("delete", None, None, None);
            }
            // To remove what must not exist is to check that it does not.
            (Intent::Delete, Guard::Absent) => add("check-not-exists", None, None, None),
        }
    }
    operations
}

/// Consul's guard: 0 creates only.
fn cas(guard: Guard) -> u64 {
    match guard {
        Guard::Absent => 0,
        Guard::Version(version) => version,
    }
}

fn invalid(path: &str, why: String, hint: &str) -> SourceError {
    SourceError {
        system: SYSTEM,
        kind: ErrorKind::Invalid,
        tried: format!("writing the key `{}`", crate::http::shorten(path)),
        came_back: why,
        hint: hint.to_owned(),
    }
}

/// Finds what Consul would refuse, before anything is sent.
fn check(writes: &[KeyWrite]) -> Result<(), SourceError> {
    let mut seen = BTreeSet::new();
    for write in writes {
        if write.path.is_empty() {
            return Err(invalid("", "a key needs a name".to_owned(), "Give the key a name."));
        }
        if !seen.insert(&write.path) {
            return Err(invalid(&write.path, "it is written twice".to_owned(), "Write each key once."));
        }
        if write.guard == Guard::Version(0) {
            let hint = "Say that the key must not exist instead.";
            return Err(invalid(&write.path, "version 0 is no version of a key".to_owned(), hint));
        }
        if let Intent::Put { bytes, .. } = &write.intent
            && bytes.len() > VALUE_LIMIT
        {
            let why = format!("the value has {} bytes, and Consul takes at most {VALUE_LIMIT}", bytes.len());
            return Err(invalid(&write.path, why, "Make it smaller, or split it over several keys."));
        }
    }
    Ok(())
}

/// Whether a key can be named in a URL without being changed on its way: empty segments are joined, and `.` and `..` are
/// resolved.
fn fits_url(path: &str) -> bool {
    let body = path.strip_suffix('/').unwrap_or(path);
    !path.contains(['\n', '\r'])
        && !path.starts_with([' ', '/'])
        && !path.ends_with(' ')
        && body.split('/').all(|segment| !matches!(segment, "" | "." | ".."))
}

fn escaped(path: &str) -> String {
    path.split('/').map(segment).collect::<Vec<_>>().join("/")
}

/// The datacenter that a source is.
pub(super) fn datacenter_of(source: &SourceId) -> Result<&str, SourceError> {
    if source.kind() == Some(SourceKind::Consul) {
        return Ok(source.datacenter());
    }
    Err(SourceError {
        system: SYSTEM,
        kind: ErrorKind::NotFound,
        tried: format!("finding {source}"),
        came_back: "it is not a datacenter of Consul".to_owned(),
        hint: "Name a source such as consul:dc1.".to_owned(),
    })
}

fn decode(tried: &str, found: KvResult) -> Result<StoredValue, SourceError> {
    let bytes = STANDARD.decode(found.value.unwrap_or_default());
    Ok(StoredValue {
        bytes: bytes.map_err(|_| not_understood(tried, "the value is not base64"))?,
        version: found.modify_index,
        created_version: found.create_index,
        flags: found.flags,
        lock_session: found.session.filter(|session| !session.is_empty()),
    })
}

impl Consul {
    /// Sends a transaction; its status is said apart, because a rolled back one has the same shape.
    async fn transact(
        &self,
        dc: &str,
        operations: &[Operation<'_>],
    ) -> Result<(StatusCode, TxnAnswer, String), SourceError> {
        let tried = format!("PUT {}/v1/txn?dc={dc}", self.api.shown());
        let body = serde_json::to_vec(operations).map_err(|error| not_understood(&tried, &error.to_string()))?;
        let question = Question { path: "txn", dc: Some(dc), body: Some(body), ..Question::default() };
        let (status, answer) = self.api.change(Method::PUT, &question).await?;
        let parsed = serde_json::from_slice(&answer).map_err(|error| not_understood(&tried, &error.to_string()))?;
        Ok((status, parsed, tried))
    }

    async fn write_in_transaction(
        &self,
        dc: &str,
        source: &SourceId,
        writes: &[KeyWrite],
    ) -> Result<Outcome, SourceError> {
        let (numbers, operations): (Vec<usize>, Vec<Operation<'_>>) = operations(writes).into_iter().unzip();
        if operations.len() > OPERATIONS {
            let why = format!("{} operations do not fit one transaction of {OPERATIONS}", operations.len());
            return Err(invalid(&writes_named(writes), why, "Write fewer keys at a time."));
        }
        let body = serde_json::to_vec(&operations).unwrap_or_default();
        if body.len() > TXN_LIMIT {
            return match writes {
                [write] => self.write_alone(dc, source, write).await,
                several => {
                    let why = format!("together they need {} bytes, and a transaction takes {TXN_LIMIT}", body.len());
                    Err(invalid(&writes_named(several), why, "Write fewer keys at a time."))
                }
            };
        }
        // The answer to a write that went out must be understood, or nobody knows what happened.
        let (status, answer, tried) = self.transact(dc, &operations).await.map_err(unknown_when_not_understood)?;
        if status == StatusCode::OK {
            return Ok(Outcome::Applied(versions(writes, answer.results.unwrap_or_default())));
        }
        let errors = answer.errors.unwrap_or_default();
        let failed: BTreeSet<usize> = errors.iter().filter_map(|error| numbers.get(error.op_index).copied()).collect();
        let conflicts = self.conflicts(source, writes, &failed, errors.iter().any(TxnError::is_conflict)).await?;
        match (conflicts.is_empty(), errors.first()) {
            (false, _) => Ok(Outcome::Refused(conflicts)),
            (true, Some(error)) => Err(rolled_back(tried, error)),
            (true, None) => Err(not_understood(&tried, "it was rolled back without a reason")),
        }
    }

    /// What is there now of the keys whose guard did not hold.
    async fn conflicts(
        &self,
        source: &SourceId,
        writes: &[KeyWrite],
        failed: &BTreeSet<usize>,
        said: bool,
    ) -> Result<Vec<Conflict>, SourceError> {
        let mut conflicts = Vec::new();
        for write in failed.iter().filter_map(|number| writes.get(*number)) {
            let current = self.read(source, &write.path).await?;
            let holds = match write.guard {
                Guard::Absent => current.is_none(),
                Guard::Version(version) => current.as_ref().is_some_and(|found| found.version == version),
            };
            // The key may have changed back into what the guard asks for since: Consul's word stands.
            if !holds || said {
                conflicts.push(Conflict { path: write.path.clone(), current });
            }
        }
        Ok(conflicts)
    }

    /// One value that fits the store and not a transaction. Consul does not tell which version this makes.
    async fn write_alone(&self, dc: &str, source: &SourceId, write: &KeyWrite) -> Result<Outcome, SourceError> {
        let Intent::Put { bytes, flags } = &write.intent else {
            return Err(invalid(&write.path, "its name is too long".to_owned(), "Use a shorter key."));
        };
        if !fits_url(&write.path) {
            let why = format!(
                "its name can only be sent in a transaction, and with a value of {} bytes that is too large",
                bytes.len()
            );
            return Err(invalid(
                &write.path,
                why,
                "Keep the value under 384 KiB, or use a key without `//`, `.` and `..`.",
            ));
        }
        let (path, query) = alone(write, *flags);
        let question =
            Question { path: &path, query: &query, dc: Some(dc), body: Some(bytes.clone()), ..Question::default() };
        let (_, answer) = self.api.change(Method::PUT, &question).await?;
        match answer.trim_ascii() {
            b"true" => Ok(Outcome::Applied(vec![None])),
            b"false" => {
                let current = self.read(source, &write.path).await?;
                Ok(Outcome::Refused(vec![Conflict { path: write.path.clone(), current }]))
            }
            _ => Err(unknown_when_not_understood(not_understood(
                &format!("PUT {}/v1/{path}", self.api.shown()),
                "neither true nor false",
            ))),
        }
    }
}

/// Path and query of a value that is sent without a transaction.
fn alone(write: &KeyWrite, flags: u64) -> (String, String) {
    (format!("kv/{}", escaped(&write.path)), format!("cas={}&flags={flags}", cas(write.guard)))
}

fn writes_named(writes: &[KeyWrite]) -> String {
    writes.iter().map(|write| write.path.as_str()).take(3).collect::<Vec<_>>().join(", ")
}

fn unknown_when_not_understood(error: SourceError) -> SourceError {
    match error.kind {
        ErrorKind::NotUnderstood => SourceError {
            kind: ErrorKind::OutcomeUnknown,
            hint: "Read it again before trying again: it may have happened.".to_owned(),
            ..error
        },
        _ => error,
    }
}

/// The version that each write made. Checks leave rows of their own and removals none that counts, so rows are found by
/// their key.
fn versions(writes: &[KeyWrite], results: Vec<TxnResult>) -> Vec<Option<u64>> {
    let rows: Vec<KvResult> = results.into_iter().filter_map(|result| result.kv).collect();
    let version = |write: &KeyWrite| match write.intent {
        Intent::Put { .. } => rows.iter().find(|row| row.key == write.path).map(|row| row.modify_index),
        Intent::Delete => None,
    };
    writes.iter().map(version).collect()
}

fn rolled_back(tried: String, error: &TxnError) -> SourceError {
    let (kind, hint) = if error.is_denied() {
        (ErrorKind::AclDenied, "Give this token a policy with key_prefix and policy = \"write\" for this key.")
    } else {
        (ErrorKind::Invalid, "Nothing was written; Consul's words say why.")
    };
    SourceError { system: SYSTEM, kind, tried, came_back: crate::http::shorten(&error.what), hint: hint.to_owned() }
}

#[async_trait]
impl ConfigStore for Consul {
    fn value_limit_bytes(&self) -> u64 {
        VALUE_LIMIT as u64
    }

    async fn read(&self, source: &SourceId, path: &str) -> Result<Option<StoredValue>, SourceError> {
        let kv = KvOperation { verb: "get", key: path, value: None, flags: None, index: None };
        let (_, answer, tried) =
            self.transact(datacenter_of(source)?, &[Operation { kv }]).await.map_err(plain_when_reading)?;
        if let Some(error) = answer.errors.unwrap_or_default().first() {
            return if error.what.contains("doesn't exist") { Ok(None) } else { Err(refused_reading(tried, error)) };
        }
        let found = answer.results.unwrap_or_default().into_iter().find_map(|result| result.kv);
        match found {
            Some(found) if found.key == path => decode(&tried, found).map(Some),
            Some(_) => Err(not_understood(&tried, "it is about another key")),
            // A key that is not there is an error of the transaction; one that may not be read is left out of its results.
            None => Err(refused_reading(tried, &TxnError { op_index: 0, what: "Permission denied".to_owned() })),
        }
    }

    async fn beneath(&self, source: &SourceId, path: &str, limit: usize) -> Result<Vec<String>, SourceError> {
        let prefix = if path.ends_with('/') { path.to_owned() } else { format!("{path}/") };
        let asked = if fits_url(&prefix) { format!("kv/{}", escaped(&prefix)) } else { "kv/".to_owned() };
        let question =
            Question { path: &asked, query: "keys=", dc: Some(datacenter_of(source)?), ..Question::default() };
        let answer = self.api.ask(&question).await?;
        if answer.nothing {
            return Ok(Vec::new());
        }
        let tried = answer.tried.clone();
        let keys: Vec<String> = serde_json::from_slice(&answer.whole().await?)
            .map_err(|error| not_understood(&tried, &error.to_string()))?;
        Ok(keys.into_iter().filter(|key| key.starts_with(&prefix) && key != path).take(limit).collect())
    }

    async fn may_write(&self, source: &SourceId, path: &str) -> Result<Permission, SourceError> {
        Ok(may_write(&self.api, datacenter_of(source)?, "key", path).await)
    }

    fn request_line(&self, source: &SourceId, writes: &[KeyWrite]) -> String {
        let dc = segment(source.datacenter());
        let operations: Vec<Operation<'_>> = operations(writes).into_iter().map(|(_, operation)| operation).collect();
        let fits = serde_json::to_vec(&operations).is_ok_and(|body| body.len() <= TXN_LIMIT);
        match writes {
            [write] if !fits && let Intent::Put { flags, .. } = &write.intent => {
                let (path, query) = alone(write, *flags);
                format!("PUT /v1/{path}?dc={dc}&{query}")
            }
            _ => format!("PUT /v1/txn?dc={dc}"),
        }
    }

    async fn write(&self, source: &SourceId, writes: &[KeyWrite]) -> Result<Outcome, SourceError> {
        let dc = datacenter_of(source)?;
        check(writes)?;
        if writes.is_empty() {
            return Ok(Outcome::Applied(Vec::new()));
        }
        self.write_in_transaction(dc, source, writes).await
    }
}

/// A question in a transaction changes nothing, so nothing about it is unknown.
fn plain_when_reading(error: SourceError) -> SourceError {
    match error.kind {
        ErrorKind::OutcomeUnknown => SourceError {
            kind: ErrorKind::CutOff,
            hint: "Nothing was changed: it was only a question. Try again.".to_owned(),
            ..error
        },
        _ => error,
    }
}

fn refused_reading(tried: String, error: &TxnError) -> SourceError {
    let refused = rolled_back(tried, error);
    match refused.kind {
        ErrorKind::AclDenied => SourceError {
            hint: "Give this token a policy with key_prefix and policy = \"read\" for this key.".to_owned(),
            ..refused
        },
        _ => refused,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(path: &str, guard: Guard, bytes: &[u8]) -> KeyWrite {
        KeyWrite { path: path.to_owned(), guard, intent: Intent::Put { bytes: bytes.to_vec(), flags: 7 } }
    }

    fn sent(writes: &[KeyWrite]) -> String {
        let operations: Vec<Operation<'_>> = operations(writes).into_iter().map(|(_, operation)| operation).collect();
        serde_json::to_string(&operations).unwrap()
    }

    #[test]
    fn every_operation_carries_its_guard() {
        assert_eq!(
            sent(&[put("a", Guard::Absent, b"x"), put("b", Guard::Version(9), b"")]),
            r#"[{"KV":{"Verb":"cas","Key":"a","Value":"eA==","Flags":7,"Index":0}},{"KV":{"Verb":"cas","Key":"b","Value":"","Flags":7,"Index":9}}]"#
        );
        let delete = |guard| KeyWrite { path: "a".to_owned(), guard, intent: Intent::Delete };
        assert_eq!(
            sent(&[delete(Guard::Version(9))]),
            r#"[{"KV":{"Verb":"check-index","Key":"a","Index":9}},{"KV":{"Verb":"delete","Key":"a"}}]"#
        );
        assert_eq!(sent(&[delete(Guard::Absent)]), r#"[{"KV":{"Verb":"check-not-exists","Key":"a"}}]"#);
    }

    #[test]
    fn what_consul_would_refuse_is_not_sent() {
        let kind = |writes: &[KeyWrite]| check(writes).unwrap_err().kind;
        assert_eq!(kind(&[put("", Guard::Absent, b"")]), ErrorKind::Invalid);
        assert_eq!(kind(&[put("a", Guard::Version(0), b"")]), ErrorKind::Invalid);
        assert_eq!(kind(&[put("a", Guard::Absent, b""), put("a", Guard::Absent, b"")]), ErrorKind::Invalid);
        assert_eq!(kind(&[put("a", Guard::Absent, &vec![0; VALUE_LIMIT + 1])]), ErrorKind::Invalid);
        assert!(check(&[put("a", Guard::Absent, &vec![0; VALUE_LIMIT])]).is_ok());
    }

    #[test]
    fn only_keys_that_survive_a_url_are_put_into_one() {
        for path in ["a", "a/b", "a/", "a b", "ä?#%+", "...", "a/.b"] {
            assert!(fits_url(path), "{path}");
        }
        for path in ["/a", "a//b", "a//", ".", "a/../b", "a/.", "a\nb", " a", "a "] {
            assert!(!fits_url(path), "{path}");
        }
        assert_eq!(escaped("a b/c?#%+/ä"), "a%20b/c%3F%23%25%2B/%C3%A4");
    }

    #[test]
    fn the_preview_is_the_request_that_is_sent() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let environment = crate::Environment::default();
        let consul = Consul::new("consul=http://127.0.0.1:1".parse().unwrap(), &environment).unwrap();
        let line = |writes: &[KeyWrite]| consul.request_line(&SourceId::from("consul:dc1"), writes);
        assert_eq!(line(&[put("a", Guard::Version(9), b"x")]), "PUT /v1/txn?dc=dc1");
        let large = put("a b", Guard::Version(9), &vec![0; VALUE_LIMIT]);
        assert_eq!(line(&[large]), "PUT /v1/kv/a%20b?dc=dc1&cas=9&flags=7");
    }

    #[test]
    fn versions_are_found_by_key_and_not_by_place() {
        let results: TxnAnswer = serde_json::from_str(
            r#"{"Results":[{"KV":{"Key":"gone","CreateIndex":1,"ModifyIndex":2}},{"KV":{"Key":"b","CreateIndex":1,"ModifyIndex":5}}],"Errors":null}"#,
        )
        .unwrap();
        let delete = KeyWrite { path: "gone".to_owned(), guard: Guard::Version(2), intent: Intent::Delete };
        let writes = [delete, put("b", Guard::Version(4), b"x")];
        assert_eq!(versions(&writes, results.results.unwrap()), [None, Some(5)]);
    }
}
