//! The requests to an actuator.

use std::sync::Arc;
use std::time::Duration;

use ::http::header::{ACCEPT, CONTENT_TYPE};
use ::http::{HeaderMap, HeaderValue, Method};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::de::DeserializeOwned;

use super::SYSTEM;
use super::wire::{Breakers, Events};
use crate::connection::Meter;
use crate::error::{ErrorKind, SourceError};
use crate::http;
use crate::road::{Call, Road};
use crate::scrape::{Target, ask_at, count};

/// How long a whole answer may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// The largest answer that is read.
const LARGEST_BODY: usize = 10 * 1024 * 1024;
/// How much of a refusal is read.
const LONGEST_WORDS: usize = 64 * 1024;
const JSON: &str = "application/json";
/// What stands for itself in a segment of a path.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// One actuator, by one road.
#[derive(Debug)]
pub(super) struct Api {
    pub(super) target: Target,
    pub(super) road: Arc<Road>,
    pub(super) meter: Arc<Meter>,
}

/// A body and its size.
struct Answer<T> {
    said: T,
    bytes: u64,
}

impl Api {
    pub(super) async fn breakers(&self) -> Result<Breakers, SourceError> {
        self.get("/circuitbreakers", "It is written for resilience4j 1.3 and later.").await
    }

    pub(super) async fn events(&self) -> Result<Events, SourceError> {
        self.get("/circuitbreakerevents", "When breakers changed is not known; their states are.").await
    }

    /// Where this is, as people read it: `http://127.0.0.1:8080/actuator`.
    pub(super) fn shown(&self) -> String {
        http::shown_address(&self.target.url)
    }

    /// Path and query as the system gets them, for the preview.
    pub(super) fn path_of_breaker(&self, name: &str) -> String {
        let inside = self.target.place(SYSTEM).map(|place| place.path);
        format!("{}{}", inside.as_deref().unwrap_or(self.target.url.path()), below(name))
    }

    async fn get<T: DeserializeOwned>(&self, below: &str, hint: &str) -> Result<T, SourceError> {
        let tried = format!("GET {}{below}", self.shown());
        self.meter.sent();
        let asked = async {
            let path = format!("{}{below}", self.target.path(&self.road));
            let response = ask_at(SYSTEM, &self.road, path, tried.clone(), JSON).await?;
            let body = http::whole_body(SYSTEM, &tried, response, LARGEST_BODY).await?;
            let said = serde_json::from_slice(&body).map_err(|error| SourceError {
                system: SYSTEM,
                kind: ErrorKind::NotUnderstood,
                tried: tried.clone(),
                came_back: http::shorten(&error.to_string()),
                hint: hint.to_owned(),
            })?;
            Ok(Answer { said, bytes: body.len() as u64 })
        };
        let outcome = match tokio::time::timeout(PATIENCE, asked).await {
            Ok(outcome) => outcome,
            Err(_) => Err(SourceError {
                system: SYSTEM,
                kind: ErrorKind::TimedOut,
                tried: tried.clone(),
                came_back: format!("no whole answer in {} s", PATIENCE.as_secs()),
                hint: "The process may be overloaded or stopped; it is asked again by itself.".to_owned(),
            }),
        };
        count(&self.meter, &outcome, |answer| answer.bytes);
        outcome.map(|answer| answer.said).map_err(exposed)
    }

    /// Sends a change of state, once. Whoever calls has seen to it that there is a breaker of this name: the system would make
    /// one.
    pub(super) async fn update(&self, name: &str, body: &str) -> Result<(), SourceError> {
        let tried = format!("POST {}{}", self.shown(), below(name));
        self.meter.sent();
        let outcome = match tokio::time::timeout(PATIENCE, self.post(name, body, &tried)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(lost(&tried, &format!("no answer in {} s", PATIENCE.as_secs()))),
        };
        count(&self.meter, &outcome, |()| 0);
        outcome
    }

    async fn post(&self, name: &str, body: &str, tried: &str) -> Result<(), SourceError> {
        let headers = [ACCEPT, CONTENT_TYPE].map(|header| (header, HeaderValue::from_static(JSON)));
        let call = Call {
            method: Method::POST,
            target: format!("{}{}", self.target.path(&self.road), below(name)),
            headers: HeaderMap::from_iter(headers),
            body: Some(body.as_bytes().to_vec()),
        };
        let response = self.road.send(SYSTEM, call, tried).await.map_err(|unanswered| {
            if unanswered.never_arrived { unanswered.error } else { lost(tried, &unanswered.error.came_back) }
        })?;
        let status = response.status();
        if status.is_success() {
            return Ok(());
        }
        if status.is_server_error() {
            return Err(lost(tried, &format!("it answered {status}")));
        }
        let (kind, hint) = match status.as_u16() {
            400 | 415 => (ErrorKind::Invalid, "It does not take this breaker or this change."),
            401 => (ErrorKind::Unauthenticated, "It asks who is writing; Binnacle writes to it without credentials."),
            403 => (ErrorKind::Forbidden, "It does not let everybody switch breakers."),
            404 | 405 => {
                (ErrorKind::Unsupported, "It lets nobody write: see management.endpoint.circuitbreakers.access.")
            }
            429 => (ErrorKind::RateLimited, "Try it again later."),
            _ => (ErrorKind::NotUnderstood, "See that the address is the actuator itself; redirects are not followed."),
        };
        let words = http::whole_body(SYSTEM, tried, response, LONGEST_WORDS).await.unwrap_or_default();
        let words = http::shorten(&String::from_utf8_lossy(&words));
        let came_back = if words.is_empty() { status.to_string() } else { format!("{status}: {words}") };
        Err(SourceError { system: SYSTEM, kind, tried: tried.to_owned(), came_back, hint: hint.to_owned() })
    }
}

fn below(name: &str) -> String {
    format!("/circuitbreakers/{}", utf8_percent_encode(name, SEGMENT))
}

/// An endpoint that is not there is mostly one that is not shown.
fn exposed(error: SourceError) -> SourceError {
    let hint = "The application needs resilience4j-spring-boot, and its endpoints in \
        management.endpoints.web.exposure.include: circuitbreakers and circuitbreakerevents.";
    if error.kind == ErrorKind::NotFound { SourceError { hint: hint.to_owned(), ..error } } else { error }
}

fn lost(tried: &str, came_back: &str) -> SourceError {
    SourceError {
        system: SYSTEM,
        kind: ErrorKind::OutcomeUnknown,
        tried: tried.to_owned(),
        came_back: format!("it was sent, and then: {came_back}"),
        hint: "Look at the breaker before trying again: it may have happened.".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stays_one_segment_of_the_path() {
        assert_eq!(below("pay"), "/circuitbreakers/pay");
        assert_eq!(below("GET /a?b#c%"), "/circuitbreakers/GET%20%2Fa%3Fb%23c%25");
    }
}
