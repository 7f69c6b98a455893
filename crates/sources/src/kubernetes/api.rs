//! Requests to one API server, and what its answers mean
//! (<https://kubernetes.io/docs/reference/using-api/api-concepts/>).

use std::sync::Arc;
use std::time::Duration;

use http::header::{ACCEPT, RETRY_AFTER};
use jiff::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{RequestBuilder, Response};
use serde::de::DeserializeOwned;
use serde_json::json;
use tokio::sync::Semaphore;

use super::SYSTEM;
use super::session::{Door, Session, unauthenticated_hint};
use super::wire::{Review, Status};
use crate::connection::Meter;
use crate::error::{ErrorKind, SourceError};
use crate::http::{shorten, whole_body};
use crate::transport::{no_answer, transport_error};

/// How long the server may take to begin an answer.
const PATIENCE: Duration = Duration::from_secs(30);
/// The largest answer that is read at once: a page of a listing.
const LARGEST: usize = 128 * 1024 * 1024;
/// Listings under way at once: a small cluster has a small API server.
const LISTINGS: usize = 4;
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
/// The plain form of every object.
pub(super) const JSON: &str = "application/json";

/// One piece of a path or a query.
pub(super) fn segment(text: &str) -> String {
    utf8_percent_encode(text, SEGMENT).to_string()
}

/// An API server as one context reaches it.
#[derive(Debug)]
pub(super) struct KubeApi {
    pub(super) door: Arc<Door>,
    pub(super) listings: Semaphore,
    meter: Arc<Meter>,
}

/// A request without a usable answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failed {
    pub(super) error: SourceError,
    /// The server has forgotten what was to be continued (410): list anew.
    pub(super) gone: bool,
    /// When the server wants to be asked again.
    pub(super) retry_after: Option<Duration>,
}

impl From<SourceError> for Failed {
    fn from(error: SourceError) -> Self {
        Self { error, gone: false, retry_after: None }
    }
}

/// An answer whose body is still on its way.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) tried: String,
    /// The target that answered, see [`Session::epoch`].
    pub(super) epoch: u64,
    peer: Arc<str>,
    response: Response,
    meter: Arc<Meter>,
}

impl KubeApi {
    pub(super) fn new(door: Arc<Door>, meter: Arc<Meter>) -> Self {
        Self { door, listings: Semaphore::new(LISTINGS), meter }
    }

    /// Sends a request and waits for the beginning of its answer. A credential that a plugin made and the server refuses is
    /// made anew once.
    pub(super) async fn ask(&self, target: &str, accept: &str) -> Result<Answer, Failed> {
        let session = self.door.session().await?;
        let first = self.ask_as(&session, target, accept).await;
        match first {
            Err(failed) if failed.error.kind == ErrorKind::Unauthenticated && self.door.refused(&session) => {
                let session = self.door.session().await?;
                self.ask_as(&session, target, accept).await
            }
            answered => answered,
        }
    }

    /// The same with a certain session.
    pub(super) async fn ask_as(&self, session: &Session, target: &str, accept: &str) -> Result<Answer, Failed> {
        let tried = format!("GET {}{target}", session.shown);
        let base = session.wire.base.as_str().trim_end_matches('/');
        let request = session.wire.client.get(format!("{base}{target}"));
        self.sent(session, tried, request.header(ACCEPT, accept)).await
    }

    /// Whether this account may do something in a namespace, by the API server's own word
    /// (<https://kubernetes.io/docs/reference/kubernetes-api/authorization-resources/self-subject-access-review-v1/>).
    pub(super) async fn may(
        &self,
        verb: &str,
        resource: &str,
        subresource: &str,
        namespace: &str,
    ) -> Result<bool, SourceError> {
        let attributes =
            json!({ "verb": verb, "resource": resource, "subresource": subresource, "namespace": namespace });
        let review = json!({
            "apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
            "spec": { "resourceAttributes": attributes },
        });
        let session = self.door.session().await?;
        let target = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
        let tried = format!("POST {}{target}", session.shown);
        let base = session.wire.base.as_str().trim_end_matches('/');
        let request = session.wire.client.post(format!("{base}{target}")).header(ACCEPT, JSON).json(&review);
        let answer = self.sent(&session, tried.clone(), request).await.map_err(|failed| failed.error)?;
        let body = answer.whole().await?;
        let review: Review =
            serde_json::from_slice(&body).map_err(|error| not_understood(&tried, &error.to_string()))?;
        Ok(review.status.allowed)
    }

    async fn sent(&self, session: &Session, tried: String, request: RequestBuilder) -> Result<Answer, Failed> {
        let request = request.headers(session.headers()?);
        self.meter.sent();
        let sent = tokio::time::timeout(PATIENCE, request.send()).await;
        let response = match sent {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => {
                self.meter.failed();
                return Err(unreachable_hint(transport_error(SYSTEM, tried, &session.peer, &error)).into());
            }
            Err(_) => {
                self.meter.failed();
                return Err(no_answer(SYSTEM, tried, &session.peer, PATIENCE).into());
            }
        };
        if response.status().is_success() {
            return Ok(Answer {
                tried,
                epoch: session.epoch,
                peer: session.peer.clone(),
                response,
                meter: self.meter.clone(),
            });
        }
        self.meter.failed();
        Err(refusal(session, tried, response).await)
    }

    /// A whole answer.
    pub(super) async fn json<T: DeserializeOwned>(&self, target: &str) -> Result<T, Failed> {
        let answer = self.ask(target, JSON).await?;
        let tried = answer.tried.clone();
        let body = answer.whole().await?;
        Ok(serde_json::from_slice(&body).map_err(|error| not_understood(&tried, &error.to_string()))?)
    }
}

impl Answer {
    /// All of it.
    pub(super) async fn whole(self) -> Result<Vec<u8>, SourceError> {
        let body = whole_body(SYSTEM, &self.tried, self.response, LARGEST).await;
        match &body {
            Ok(body) => self.meter.answered(body.len() as u64, Timestamp::now()),
            Err(_) => self.meter.failed(),
        }
        body
    }

    /// The next part of a stream that may be silent for as long as it likes; `None` at its end.
    pub(super) async fn streamed(&mut self) -> Result<Option<hyper::body::Bytes>, SourceError> {
        match self.response.chunk().await {
            Ok(part) => {
                self.meter.answered(part.as_ref().map_or(0, |part| part.len() as u64), Timestamp::now());
                Ok(part)
            }
            Err(error) => {
                self.meter.failed();
                Err(unreachable_hint(transport_error(SYSTEM, self.tried.clone(), &self.peer, &error)))
            }
        }
    }
}

/// What the server says when it does not give what was asked for.
async fn refusal(session: &Session, tried: String, response: Response) -> Failed {
    let code = response.status();
    let retry_after = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
    let body = whole_body(SYSTEM, &tried, response, 1024 * 1024).await.unwrap_or_default();
    let status: Status = serde_json::from_slice(&body).unwrap_or_default();
    let said = if status.message.is_empty() { String::from_utf8_lossy(&body).into_owned() } else { status.message };
    let came_back = format!("{code}: {}", shorten(&said));
    let (kind, hint) = meaning(code.as_u16(), session);
    let error = SourceError { system: SYSTEM, kind, tried, came_back, hint: hint.to_owned() };
    Failed { error, gone: code.as_u16() == 410, retry_after: retry_after.map(Duration::from_secs) }
}

/// What a code of an answer, or of a status inside a stream, means.
fn meaning(code: u16, session: &Session) -> (ErrorKind, &'static str) {
    match code {
        401 => (ErrorKind::Unauthenticated, unauthenticated_hint(session)),
        403 => (ErrorKind::Forbidden, "Give this account a role that allows it."),
        404..=406 => (ErrorKind::NotFound, "This cluster does not offer it."),
        410 => (ErrorKind::ServerError, "It is listed anew by itself."),
        422 | 400 => (ErrorKind::Invalid, "Please report it: the request was not as this cluster expects it."),
        429 => (ErrorKind::RateLimited, "The API server is busy; it is tried again by itself, more slowly."),
        500..=599 => (ErrorKind::ServerError, "The API server is not well; it is tried again by itself."),
        _ => (ErrorKind::NotUnderstood, "What answers here is not a Kubernetes API server: see the cluster's address."),
    }
}

/// An error that came inside a stream.
pub(super) fn of_status(tried: &str, status: &Status) -> Failed {
    let gone = status.code == 410 || status.reason == "Expired" || status.reason == "Gone";
    let kind = if status.code == 429 { ErrorKind::RateLimited } else { ErrorKind::ServerError };
    let error = SourceError {
        system: SYSTEM,
        kind,
        tried: tried.to_owned(),
        came_back: format!("{} inside the stream: {}", status.code, shorten(&status.message)),
        hint: "It is tried again by itself.".to_owned(),
    };
    Failed { error, gone, retry_after: None }
}

pub(super) fn unreachable_hint(error: SourceError) -> SourceError {
    match error.kind {
        ErrorKind::Unreachable => SourceError {
            hint: "See that the cluster is up (`minikube status`); its address is read anew from the kubeconfig by itself."
                .to_owned(),
            ..error
        },
        _ => error,
    }
}

pub(super) fn not_understood(tried: &str, what: &str) -> SourceError {
    SourceError {
        system: SYSTEM,
        kind: ErrorKind::NotUnderstood,
        tried: tried.to_owned(),
        came_back: format!("the answer is not what the Kubernetes API promises: {}", shorten(what)),
        hint: "See that the cluster's address is an API server's, and not a proxy's or another program's.".to_owned(),
    }
}
