//! `/v1/kv/`: keys and values (agent/kvs_endpoint.go).

use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderValue, Method, Response, header};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::answer::{self, Answer, Refusal};
use super::keys::{Entry, MAX_VALUE_BYTES};
use super::question::Question;
use super::world::{Seen, World};

pub(crate) fn entry_json(entry: &Entry, with_value: bool) -> Value {
    let value =
        if with_value && !entry.value.is_empty() { Value::String(STANDARD.encode(&entry.value)) } else { Value::Null };
    json!({
        "LockIndex": 0,
        "Key": *entry.key,
        "Flags": entry.flags,
        "Value": value,
        "CreateIndex": entry.create,
        "ModifyIndex": entry.modify,
    })
}

pub(crate) async fn serve(world: &World, mut question: Question) -> Result<Answer, Refusal> {
    let key = clean_key(&question.rest);
    if !key.is_empty() {
        validate(&key)?;
    }
    match question.method {
        Method::PUT => put(world, &mut question, &key).await,
        Method::DELETE => delete(world, &question, &key),
        _ if question.parameters.has("keys") => keys(world, &question, &key).await,
        _ if question.parameters.has("recurse") => list(world, &question, &key).await,
        _ => get(world, &question, &key).await,
    }
}

/// Go's `path.Clean`, with a trailing slash kept, as Consul applies it to keys since 1.22: only a transaction reaches a
/// key with `//` or `.` inside.
fn clean_key(raw: &str) -> String {
    if raw.is_empty() {
        return String::new();
    }
    let rooted = raw.starts_with('/');
    let mut kept: Vec<&str> = Vec::new();
    for part in raw.split('/') {
        match part {
            "" | "." => {}
            ".." if kept.last().is_some_and(|last| *last != "..") => {
                kept.pop();
            }
            ".." if rooted => {}
            part => kept.push(part),
        }
    }
    let mut clean = if rooted { format!("/{}", kept.join("/")) } else { kept.join("/") };
    if clean.is_empty() {
        ".".clone_into(&mut clean);
    }
    if raw.ends_with('/') && !clean.ends_with('/') {
        clean.push('/');
    }
    clean
}

fn validate(key: &str) -> Result<(), Refusal> {
    let spaces = || Refusal::internal("invalid key name, leading/trailing spaces are not allowed");
    let traversal = || Refusal::internal("invalid key name, path traversal is not allowed");
    if key.starts_with(' ') || key.ends_with(' ') {
        return Err(spaces());
    }
    if key.split('/').any(|part| part == "..") {
        return Err(traversal());
    }
    match unescaped(key) {
        Some(decoded) if decoded != key.as_bytes() => {
            if decoded.windows(2).any(|pair| pair == b"..") {
                Err(traversal())
            } else if decoded.contains(&b' ') {
                Err(spaces())
            } else {
                Ok(())
            }
        }
        _ => Ok(()),
    }
}

/// The key decoded once more; `None` when it is not percent-encoded text.
fn unescaped(key: &str) -> Option<Vec<u8>> {
    let mut decoded = Vec::with_capacity(key.len());
    let mut bytes = key.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let high = char::from(bytes.next()?).to_digit(16)?;
            let low = char::from(bytes.next()?).to_digit(16)?;
            decoded.push(u8::try_from(high * 16 + low).ok()?);
        } else {
            decoded.push(byte);
        }
    }
    Some(decoded)
}

fn named(key: &str) -> Result<(), Refusal> {
    if key.is_empty() { Err(Refusal::bad("Missing key name")) } else { Ok(()) }
}

async fn get(world: &World, question: &Question, key: &str) -> Result<Answer, Refusal> {
    named(key)?;
    let asked = question.consistency()?;
    let (index, entry) = world
        .wait(
            &asked,
            |tables| match tables.keys.get(key) {
                Some(entry) => Seen::at(entry.modify),
                None => Seen { index: tables.keys.table_index(), absent: true },
            },
            |tables| tables.keys.get(key).cloned(),
        )
        .await?;
    let Some(entry) = entry else { return Ok(answer::absent(index)) };
    if !question.parameters.has("raw") {
        return Ok(answer::read(&json!([entry_json(&entry, true)]), index, None, question.parameters.has("pretty")));
    }
    let mut response = Response::new(Body::from(entry.value.clone()));
    let headers = response.headers_mut();
    answer::read_headers(headers, index, None);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("sandbox"));
    Ok(response)
}

async fn list(world: &World, question: &Question, prefix: &str) -> Result<Answer, Refusal> {
    let asked = question.consistency()?;
    let (index, entries) = world
        .wait(
            &asked,
            |tables| Seen::at(tables.keys.listing_index(prefix)),
            |tables| tables.keys.under(prefix).map(Arc::clone).collect::<Vec<_>>(),
        )
        .await?;
    if entries.is_empty() {
        return Ok(answer::absent(index));
    }
    let rows: Vec<Value> = entries.iter().map(|entry| entry_json(entry, true)).collect();
    Ok(answer::read(&Value::Array(rows), index, None, question.parameters.has("pretty")))
}

async fn keys(world: &World, question: &Question, prefix: &str) -> Result<Answer, Refusal> {
    let asked = question.consistency()?;
    let separator = match question.parameters.text("separator") {
        "" => question.parameters.text("seperator"),
        separator => separator,
    };
    let (index, names) = world
        .wait(
            &asked,
            |tables| Seen::at(tables.keys.listing_index(prefix)),
            |tables| {
                let mut names: Vec<String> = Vec::new();
                for entry in tables.keys.under(prefix) {
                    let name = cut(&entry.key, prefix.len(), separator);
                    if names.last().is_none_or(|last| last != name) {
                        names.push(name.to_owned());
                    }
                }
                names
            },
        )
        .await?;
    if names.is_empty() && !prefix.is_empty() {
        return Ok(answer::absent(index));
    }
    Ok(answer::read(&json!(names), index, None, question.parameters.has("pretty")))
}

/// The key up to and with the first separator after the prefix.
fn cut<'a>(key: &'a str, prefix: usize, separator: &str) -> &'a str {
    if separator.is_empty() {
        return key;
    }
    let found = key.get(prefix..).and_then(|after| after.find(separator));
    found.and_then(|at| key.get(..prefix + at + separator.len())).unwrap_or(key)
}

async fn put(world: &World, question: &mut Question, key: &str) -> Result<Answer, Refusal> {
    named(key)?;
    question.parameters.exclusive(&["cas", "acquire", "release"])?;
    let flags = question.parameters.number("flags")?.unwrap_or(0);
    let guard = question.parameters.number("cas")?;
    let value = question
        .body(MAX_VALUE_BYTES, |length| match length {
            Some(length) => format!(
                "Request body({length} bytes) too large, max size: {MAX_VALUE_BYTES} bytes. See https://developer.hashicorp.com/docs/agent/config/config-files#kv_max_value_size."
            ),
            None => format!("Request body too large. Max allowed is {MAX_VALUE_BYTES} bytes."),
        })
        .await?;
    if question.parameters.has("acquire") {
        return Err(no_session(question.parameters.text("acquire")));
    }
    if question.parameters.has("release") {
        // No key is locked here, so there is no lock to let go of.
        return Ok(answer::plain(&json!(false), false));
    }
    let done = world.write(|tables| {
        let index = tables.index;
        match guard {
            None => {
                tables.keys.set(index, key, value.to_vec(), flags);
                true
            }
            Some(expected) => tables.keys.set_at(index, key, value.to_vec(), flags, expected).is_some(),
        }
    });
    Ok(answer::plain(&json!(done), question.parameters.has("pretty")))
}

/// There are no sessions in this registry, so none is valid.
pub(crate) fn no_session(session: &str) -> Refusal {
    if session.is_empty() {
        Refusal::internal("missing session")
    } else {
        Refusal::internal(format!("invalid session {session:?}"))
    }
}

fn delete(world: &World, question: &Question, key: &str) -> Result<Answer, Refusal> {
    question.parameters.exclusive(&["recurse", "cas"])?;
    let tree = question.parameters.has("recurse");
    if !tree {
        named(key)?;
    }
    let guard = question.parameters.number("cas")?;
    let done = world.write(|tables| {
        let index = tables.index;
        match guard {
            _ if tree => tables.keys.delete_tree(index, key),
            Some(expected) => return tables.keys.delete_at(index, key, expected),
            None => tables.keys.delete(index, key),
        }
        true
    });
    Ok(answer::plain(&json!(done), question.parameters.has("pretty")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_cleaned_as_go_cleans_paths() {
        let cases = [
            ("", ""),
            ("a/b", "a/b"),
            ("a//b", "a/b"),
            ("a/./b", "a/b"),
            ("a/../b", "b"),
            ("../b", "../b"),
            ("/a", "/a"),
            ("/../a", "/a"),
            ("a/", "a/"),
            ("a//", "a/"),
            ("/", "/"),
            (".", "."),
            ("a/..", "."),
            ("%41", "%41"),
        ];
        for (raw, clean) in cases {
            assert_eq!(clean_key(raw), clean, "{raw:?}");
        }
    }

    #[test]
    fn what_consul_refuses_as_a_key_is_refused() {
        for key in [" a", "a ", "../a", "a%20b", "a%2e%2e"] {
            assert!(validate(key).is_err(), "{key:?}");
        }
        for key in ["a b", "a..b", "100%", "ü/€", "a+b", "?#"] {
            assert!(validate(key).is_ok(), "{key:?}");
        }
    }

    #[test]
    fn a_listing_is_cut_at_the_first_separator_after_the_prefix() {
        assert_eq!(cut("a/b/c", 0, "/"), "a/");
        assert_eq!(cut("a/b/c", 2, "/"), "a/b/");
        assert_eq!(cut("a/b", 2, "/"), "a/b");
        assert_eq!(cut("a/b", 1, "/"), "a/");
        assert_eq!(cut("a/b", 0, ""), "a/b");
    }
}
