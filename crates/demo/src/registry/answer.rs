//! Answers in Consul's form: JSON with the headers of a read, and errors as plain text.

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Response, StatusCode, header};
use serde_json::Value;

use super::question::Consistency;

pub(crate) type Answer = Response<Body>;

/// A refusal: a status and one line of plain text, as Consul gives them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    pub(crate) text: String,
    /// The index to wait on, where a thing that is missing has one.
    pub(crate) index: Option<u64>,
    pub(crate) allow: Option<String>,
}

impl Refusal {
    pub(crate) fn new(status: StatusCode, text: impl Into<String>) -> Refusal {
        Refusal { status, text: text.into(), index: None, allow: None }
    }

    pub(crate) fn bad(text: impl Into<String>) -> Refusal {
        Refusal::new(StatusCode::BAD_REQUEST, text)
    }

    pub(crate) fn missing(text: impl Into<String>) -> Refusal {
        Refusal::new(StatusCode::NOT_FOUND, text)
    }

    /// Consul answers 500 for much that is the client's fault; so does this registry.
    pub(crate) fn internal(text: impl Into<String>) -> Refusal {
        Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, text)
    }

    pub(crate) fn stopping() -> Refusal {
        Refusal::internal("The demo is stopping")
    }

    pub(crate) fn answer(self) -> Answer {
        let mut response = Response::new(Body::from(self.text));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        if let Some(allow) = self.allow.and_then(|allow| HeaderValue::from_str(&allow).ok()) {
            headers.insert(header::ALLOW, allow);
        }
        if let Some(index) = self.index {
            read_headers(headers, index, None);
        }
        response
    }
}

/// A read's answer that carries no JSON.
pub(crate) fn absent(index: u64) -> Answer {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NOT_FOUND;
    read_headers(response.headers_mut(), index, None);
    response
}

/// A value that no index belongs to.
pub(crate) fn plain(value: &Value, pretty: bool) -> Answer {
    with_status(StatusCode::OK, value, pretty)
}

pub(crate) fn with_status(status: StatusCode, value: &Value, pretty: bool) -> Answer {
    let text = if pretty {
        let mut out = Vec::new();
        let format = serde_json::ser::PrettyFormatter::with_indent(b"    ");
        let mut writer = serde_json::Serializer::with_formatter(&mut out, format);
        // A Value always serializes, and a Vec takes every byte.
        let _ = serde::Serialize::serialize(value, &mut writer);
        out.push(b'\n');
        out
    } else {
        value.to_string().into_bytes()
    };
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// A read's answer; `consistency` is named in it where Consul names it.
pub(crate) fn read(value: &Value, index: u64, consistency: Option<&Consistency>, pretty: bool) -> Answer {
    let mut response = plain(value, pretty);
    read_headers(response.headers_mut(), index, consistency);
    response
}

/// 200 without a body, as the agent's writes are answered.
pub(crate) fn empty() -> Answer {
    let mut response = Response::new(Body::empty());
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
    response
}

pub(crate) fn read_headers(headers: &mut axum::http::HeaderMap, index: u64, consistency: Option<&Consistency>) {
    headers.insert(HeaderName::from_static("x-consul-index"), HeaderValue::from(index.max(1)));
    headers.insert(HeaderName::from_static("x-consul-knownleader"), HeaderValue::from_static("true"));
    headers.insert(HeaderName::from_static("x-consul-lastcontact"), HeaderValue::from_static("0"));
    headers.insert(HeaderName::from_static("x-consul-query-backend"), HeaderValue::from_static("blocking-query"));
    if let Some(consistency) = consistency {
        let mode = HeaderValue::from_static(consistency.mode);
        headers.insert(HeaderName::from_static("x-consul-effective-consistency"), mode);
    }
}
