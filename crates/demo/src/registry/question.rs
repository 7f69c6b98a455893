//! What a client asked: the path, the parameters, and how consistent and how patient the read is to be (agent/http.go).

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{Method, StatusCode, header, request::Parts};
use percent_encoding::percent_decode_str;
use url::form_urlencoded;

use super::answer::Refusal;
use super::{DATACENTER, go_duration};

/// A request whose path is known and decoded.
pub(crate) struct Question {
    pub(crate) method: Method,
    /// What follows the route's prefix, decoded.
    pub(crate) rest: String,
    pub(crate) parameters: Parameters,
    content_length: Option<u64>,
    /// Taken once, by who owns the question; the lock only lets the rest of it be shared between threads.
    body: Mutex<Body>,
}

/// The index and the time of a blocking query.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Consistency {
    pub(crate) index: u64,
    pub(crate) wait: Option<Duration>,
    /// `leader`, `stale` or `consistent`, as the answer names it.
    pub(crate) mode: &'static str,
}

#[derive(Clone, Debug)]
pub(crate) struct Parameters(Vec<(String, String)>);

impl Parameters {
    pub(crate) fn parse(query: &str) -> Parameters {
        Parameters(form_urlencoded::parse(query.as_bytes()).into_owned().collect())
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(known, _)| known == name)
    }

    /// The first value under the name; empty when there is none.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.0.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    /// A number that is given, in the words of Go's parser when it is none.
    pub(crate) fn number(&self, name: &str) -> Result<Option<u64>, Refusal> {
        if !self.has(name) {
            return Ok(None);
        }
        let text = self.text(name);
        let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        match text.parse() {
            Ok(number) if plain => Ok(Some(number)),
            _ if plain => Err(Refusal::internal(format!("strconv.ParseUint: parsing {text:?}: value out of range"))),
            _ => Err(Refusal::internal(format!("strconv.ParseUint: parsing {text:?}: invalid syntax"))),
        }
    }

    /// A switch: present without a value means on.
    pub(crate) fn flag(&self, name: &str) -> Result<bool, Refusal> {
        if !self.has(name) {
            return Ok(false);
        }
        match self.text(name) {
            "" | "1" | "t" | "T" | "TRUE" | "true" | "True" => Ok(true),
            "0" | "f" | "F" | "FALSE" | "false" | "False" => Ok(false),
            _ => Err(Refusal::new(StatusCode::BAD_REQUEST, format!("Invalid value for ?{name}"))),
        }
    }

    /// At most one of these may be given.
    pub(crate) fn exclusive(&self, names: &[&str]) -> Result<(), Refusal> {
        if names.iter().filter(|name| self.has(name)).count() < 2 {
            return Ok(());
        }
        let mut sorted = self.0.clone();
        sorted.sort();
        let written = form_urlencoded::Serializer::new(String::new()).extend_pairs(&sorted).finish();
        Err(Refusal::new(StatusCode::BAD_REQUEST, format!("Conflicting flags: {written}\n")))
    }
}

impl Question {
    /// `rest` is what follows the route's prefix, still percent-encoded.
    pub(crate) fn new(parts: &Parts, rest: &str, body: Body) -> Result<Question, Refusal> {
        let rest = percent_decode_str(rest)
            .decode_utf8()
            .map_err(|_| Refusal::new(StatusCode::BAD_REQUEST, "The path is not UTF-8, which this registry needs"))?
            .into_owned();
        let parameters = Parameters::parse(parts.uri.query().unwrap_or_default());
        let question = Question {
            method: parts.method.clone(),
            rest,
            parameters,
            content_length: parts
                .headers
                .get(header::CONTENT_LENGTH)
                .and_then(|value| value.to_str().ok()?.parse().ok()),
            body: Mutex::new(body),
        };
        question.refuse_what_is_not_here()?;
        Ok(question)
    }

    /// Namespaces and partitions are refused as Consul's community edition does, other datacenters as unknown.
    fn refuse_what_is_not_here(&self) -> Result<(), Refusal> {
        for (name, what) in [("ns", "Namespaces are"), ("partition", "Partitions are")] {
            if !self.parameters.text(name).is_empty() {
                let text = format!("Invalid query parameter: {name:?} - {what} a Consul Enterprise feature");
                return Err(Refusal::new(StatusCode::BAD_REQUEST, text));
            }
        }
        for name in ["filter", "node-meta", "peer"] {
            if !self.parameters.text(name).is_empty() {
                let text = format!("The demo registry does not know the parameter {name:?}");
                return Err(Refusal::new(StatusCode::BAD_REQUEST, text));
            }
        }
        match self.parameters.text("dc") {
            "" | DATACENTER => Ok(()),
            _ => Err(Refusal::internal("No path to datacenter")),
        }
    }

    /// How the read is to be answered.
    pub(crate) fn consistency(&self) -> Result<Consistency, Refusal> {
        let bad = |text: &str| Refusal::new(StatusCode::BAD_REQUEST, text);
        let (stale, consistent) = (self.parameters.has("stale"), self.parameters.has("consistent"));
        let mode = match (stale, consistent) {
            (true, true) => return Err(bad("Cannot specify ?stale with ?consistent, conflicting semantics.")),
            (true, false) => "stale",
            (false, true) => "consistent",
            (false, false) => "leader",
        };
        let wait = match self.parameters.text("wait") {
            "" => None,
            text => Some(go_duration::parse(text).ok_or_else(|| bad("Invalid wait time"))?),
        };
        let index = match self.parameters.text("index") {
            "" => 0,
            text => text.parse().map_err(|_| bad("Invalid index"))?,
        };
        Ok(Consistency { index, wait, mode })
    }

    /// The body, refused with what `too_large` says when it has more than `limit` bytes; by its declared length before
    /// anything of it is read.
    pub(crate) async fn body(
        &mut self,
        limit: usize,
        too_large: impl Fn(Option<u64>) -> String,
    ) -> Result<Bytes, Refusal> {
        let refused = |length| Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, too_large(length));
        if let Some(length) = self.content_length.filter(|length| *length > limit as u64) {
            return Err(refused(Some(length)));
        }
        let body = std::mem::take(self.body.get_mut().unwrap_or_else(PoisonError::into_inner));
        axum::body::to_bytes(body, limit).await.map_err(|_| refused(None))
    }

    /// The body of a registration or the like.
    pub(crate) async fn document(&mut self) -> Result<Bytes, Refusal> {
        const LIMIT: usize = 1024 * 1024;
        self.body(LIMIT, |_| format!("Request body too large, max size: {LIMIT} bytes.")).await
    }
}
