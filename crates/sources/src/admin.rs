//! Requests to what a process shows for its own administration: JSON is read, and a change is sent once.

use std::sync::Arc;
use std::time::Duration;

use ::http::header::{ACCEPT, CONTENT_TYPE};
use ::http::{HeaderMap, HeaderValue, Method, StatusCode};
use serde::de::DeserializeOwned;

use crate::connection::Meter;
use crate::error::{ErrorKind, SourceError};
use crate::http;
use crate::road::{Call, Road};
use crate::scrape::{Target, ask_at, count};

/// How long a whole answer may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// The largest answer that is read.
const LARGEST_BODY: usize = 10 * 1024 * 1024;
/// How much of the answer to a change is read.
const LONGEST_WORDS: usize = 64 * 1024;
const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";

/// One such interface, by one road.
#[derive(Debug)]
pub struct Admin {
    pub(crate) system: &'static str,
    pub(crate) target: Target,
    pub(crate) road: Arc<Road>,
    pub(crate) meter: Arc<Meter>,
}

/// A change as it is sent.
pub(crate) struct Change<'a> {
    /// Path and query below the address.
    pub(crate) below: &'a str,
    /// A body of JSON, or of a form; empty where there is none.
    pub(crate) body: &'a str,
    /// True when it is a form's.
    pub(crate) is_form: bool,
    /// What a refusal means, and what to do then; `None` for what means the same everywhere.
    pub(crate) refused: fn(StatusCode) -> Option<(ErrorKind, &'static str)>,
}

impl Admin {
    /// Where this is, as people read it: `http://127.0.0.1:8080/actuator`.
    pub(crate) fn shown(&self) -> String {
        http::shown_address(&self.target.url)
    }

    /// A path and query below the address as the system gets them, for the preview.
    pub(crate) fn path_of(&self, below: &str) -> String {
        let inside = self.target.place(self.system).map(|place| place.path);
        format!("{}{below}", inside.as_deref().unwrap_or(self.target.url.path()).trim_end_matches('/'))
    }

    /// Reads the JSON below the address.
    pub(crate) async fn get<T: DeserializeOwned>(&self, below: &str, hint: &str) -> Result<T, SourceError> {
        let not_understood = |tried: &str, error: serde_json::Error| SourceError {
            system: self.system,
            kind: ErrorKind::NotUnderstood,
            tried: tried.to_owned(),
            came_back: http::shorten(&error.to_string()),
            hint: hint.to_owned(),
        };
        self.read(below, |tried, body| serde_json::from_slice(body).map_err(|error| not_understood(tried, error))).await
    }

    /// Reads the text below the address.
    pub(crate) async fn text(&self, below: &str) -> Result<String, SourceError> {
        self.read(below, |_, body| Ok(String::from_utf8_lossy(body).into_owned())).await
    }

    async fn read<T>(
        &self,
        below: &str,
        understand: impl Fn(&str, &[u8]) -> Result<T, SourceError>,
    ) -> Result<T, SourceError> {
        let tried = format!("GET {}{below}", self.shown());
        self.meter.sent();
        let asked = async {
            let response = ask_at(self.system, &self.road, self.target(below), tried.clone(), JSON).await?;
            let body = http::whole_body(self.system, &tried, response, LARGEST_BODY).await?;
            Ok((understand(&tried, &body)?, body.len() as u64))
        };
        let outcome = match tokio::time::timeout(PATIENCE, asked).await {
            Ok(outcome) => outcome,
            Err(_) => Err(SourceError {
                system: self.system,
                kind: ErrorKind::TimedOut,
                tried: tried.clone(),
                came_back: format!("no whole answer in {} s", PATIENCE.as_secs()),
                hint: "The process may be overloaded or stopped; it is asked again by itself.".to_owned(),
            }),
        };
        count(&self.meter, &outcome, |(_, bytes)| *bytes);
        outcome.map(|(said, _)| said)
    }

    /// Sends a change, once. Gives what was answered.
    pub(crate) async fn change(&self, change: Change<'_>) -> Result<String, SourceError> {
        let tried = format!("POST {}{}", self.shown(), change.below);
        self.meter.sent();
        let outcome = match tokio::time::timeout(PATIENCE, self.post(change, &tried)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(self.lost(&tried, &format!("no answer in {} s", PATIENCE.as_secs()))),
        };
        count(&self.meter, &outcome, |_| 0);
        outcome
    }

    async fn post(&self, change: Change<'_>, tried: &str) -> Result<String, SourceError> {
        let sent = if change.is_form { FORM } else { JSON };
        let headers =
            [(ACCEPT, JSON), (CONTENT_TYPE, sent)].map(|(name, value)| (name, HeaderValue::from_static(value)));
        let call = Call {
            method: Method::POST,
            target: self.target(change.below),
            headers: HeaderMap::from_iter(headers),
            body: Some(change.body.as_bytes().to_vec()),
        };
        let response = self.road.send(self.system, call, tried).await.map_err(|unanswered| {
            if unanswered.never_arrived { unanswered.error } else { self.lost(tried, &unanswered.error.came_back) }
        })?;
        let status = response.status();
        let words = http::whole_body(self.system, tried, response, LONGEST_WORDS).await.unwrap_or_default();
        let words = http::shorten(&String::from_utf8_lossy(&words));
        if status.is_success() {
            return Ok(words);
        }
        let refused = (change.refused)(status);
        if refused.is_none() && status.is_server_error() {
            return Err(self.lost(tried, &format!("it answered {status}")));
        }
        let (kind, hint) = refused.unwrap_or_else(|| refusal(status));
        let came_back = if words.is_empty() { status.to_string() } else { format!("{status}: {words}") };
        Err(SourceError { system: self.system, kind, tried: tried.to_owned(), came_back, hint: hint.to_owned() })
    }

    /// The way into a cluster has the path of the address already.
    fn target(&self, below: &str) -> String {
        format!("{}{below}", self.target.path(&self.road).trim_end_matches('/'))
    }

    pub(crate) fn lost(&self, tried: &str, came_back: &str) -> SourceError {
        SourceError {
            system: self.system,
            kind: ErrorKind::OutcomeUnknown,
            tried: tried.to_owned(),
            came_back: format!("it was sent, and then: {came_back}"),
            hint: "Look at the breaker before trying again: it may have happened.".to_owned(),
        }
    }
}

fn refusal(status: StatusCode) -> (ErrorKind, &'static str) {
    match status.as_u16() {
        400 | 415 => (ErrorKind::Invalid, "It does not take this breaker or this change."),
        401 => (ErrorKind::Unauthenticated, "It asks who is writing; Binnacle writes to it without credentials."),
        403 => (ErrorKind::Forbidden, "It does not let everybody switch breakers."),
        429 => (ErrorKind::RateLimited, "Try it again later."),
        _ => (ErrorKind::NotUnderstood, "See that the address is the interface itself; redirects are not followed."),
    }
}
