//! A port-forward that is kept: connections to a Pod behind a Service, made as they are needed and made anew when the Pod goes.
//!
//! Nothing listens on this machine for it: each HTTP connection is a stream of its own through the API server, so that no other
//! program here can come in by it.

use std::error::Error as StdError;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{CONNECTION, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE};
use http::{StatusCode, Uri};
use hyper_util::client::legacy::{Client, Error as ClientError};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use jiff::Timestamp;
use reqwest::{Body, Response};
use serde::Deserialize;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tower_service::Service;

use super::Place;
use super::backend::{self, Backend};
use super::stream::{PROTOCOL, PodStream};
use crate::error::{ErrorKind, SourceError};
use crate::http::{shorten, whole_body};
use crate::kubernetes::api::{JSON, KubeApi, segment, unreachable_hint};
use crate::kubernetes::chance;
use crate::kubernetes::wire::{EventKind, Line, Meta, Status};
use crate::road::{Call, Unanswered};
use crate::transport::{no_answer, transport_error};

/// How long a stream to a Pod may take to open.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a connection that nothing uses is kept.
const IDLE: Duration = Duration::from_secs(60);
/// How often a Pod is looked for while there is none.
const AGAIN: Duration = Duration::from_secs(1);
/// How long one watch of a Pod is held.
const WATCH_SECONDS: u32 = 290;
/// The pause after a watch that failed.
const AFTER_FAILURE: Duration = Duration::from_secs(10);

/// Speaks HTTP to a Pod behind a Service.
pub(super) struct Forward {
    client: Client<Connector, Body>,
    link: Arc<Link>,
}

impl fmt::Debug for Forward {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Forward").field("place", &self.link.place).finish_non_exhaustive()
    }
}

/// What leads to the Pod.
struct Link {
    system: &'static str,
    place: Place,
    api: KubeApi,
    state: Mutex<State>,
    /// Told when a stream was opened to a Pod that was not in use before.
    opened: Notify,
}

#[derive(Clone, Debug, Default)]
enum State {
    /// Nothing was asked for yet.
    #[default]
    Idle,
    /// Streams lead to this Pod; `cut` breaks all of them.
    Active { pod: String, cut: CancellationToken },
    /// It led to a Pod that is gone, or could not be made.
    Broken { since: Timestamp, why: String, pod: Option<String> },
}

impl State {
    fn pod(&self) -> Option<&str> {
        match self {
            Self::Idle => None,
            Self::Active { pod, .. } => Some(pod),
            Self::Broken { pod, .. } => pod.as_deref(),
        }
    }
}

/// Opens the streams of one [`Link`].
#[derive(Clone)]
struct Connector(Arc<Link>);

impl Service<Uri> for Connector {
    type Response = TokioIo<PodStream>;
    type Error = SourceError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, SourceError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), SourceError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let link = self.0.clone();
        Box::pin(async move { link.connect().await.map(TokioIo::new) })
    }
}

impl Forward {
    pub(super) fn new(system: &'static str, place: &Place, api: KubeApi) -> Self {
        let link = Link { system, place: place.clone(), api, state: Mutex::default(), opened: Notify::new() };
        let link = Arc::new(link);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .build(Connector(link.clone()));
        Self { client, link }
    }

    /// Sends a request to the Pod.
    pub(super) async fn send(&self, call: Call, tried: &str) -> Result<Response, Unanswered> {
        let place = &self.link.place;
        let address = format!("http://{}{}{}", place.host(), place.path, call.target);
        let mut request = http::Request::builder().method(call.method).uri(address);
        if let Some(headers) = request.headers_mut() {
            *headers = call.headers;
        }
        let request = request.body(call.body.map_or_else(|| Body::from(""), Body::from));
        let request = request.map_err(|error| {
            let hint = "It cannot be asked for by a port-forward.".to_owned();
            let (tried, came_back) = (tried.to_owned(), error.to_string());
            Unanswered::never_arrived(SourceError {
                system: self.link.system,
                kind: ErrorKind::Invalid,
                tried,
                came_back,
                hint,
            })
        })?;
        match self.client.request(request).await {
            Ok(response) => Ok(Response::from(response.map(Body::wrap))),
            Err(error) => Err(self.explained(tried, &error)),
        }
    }

    fn explained(&self, tried: &str, error: &ClientError) -> Unanswered {
        let found = causes(error).find_map(|cause| cause.downcast_ref::<SourceError>());
        if let Some(failed) = found {
            let came_back = format!("no port-forward: {failed}");
            return Unanswered::never_arrived(SourceError { tried: tried.to_owned(), came_back, ..failed.clone() });
        }
        let last = causes(error).last().map_or_else(|| error.to_string(), ToString::to_string);
        let error = SourceError {
            system: self.link.system,
            kind: ErrorKind::CutOff,
            tried: tried.to_owned(),
            came_back: format!("the port-forward broke before the answer: {}", shorten(&last)),
            hint: "It is opened again by itself, to a Pod that is ready.".to_owned(),
        };
        self.link.broke_in_use(&error);
        Unanswered { error, never_arrived: false }
    }

    /// How it is doing, in words: where it leads, or since when it leads nowhere and why.
    pub(super) fn words(&self) -> String {
        match &*self.link.lock() {
            State::Idle => "port-forward".to_owned(),
            State::Active { pod, .. } => format!("port-forward to Pod {pod}, active"),
            State::Broken { since, why, .. } => format!("port-forward, reconnecting since {since:.0}: {why}"),
        }
    }

    /// Watches over the Pod in use for as long as it is polled. When it goes, all streams to it are cut, so that nobody waits
    /// for an answer that cannot come, and another one is looked for; `back` is called when there is one.
    pub(super) async fn keep(&self, back: impl Fn()) {
        loop {
            let opened = self.link.opened.notified();
            let in_use = match &*self.link.lock() {
                State::Active { pod, .. } => Some(pod.clone()),
                _ => None,
            };
            let Some(pod) = in_use else {
                opened.await;
                continue;
            };
            let why = tokio::select! {
                why = self.link.end_of(&pod) => why,
                () = opened => continue,
            };
            self.link.broke(&pod, why);
            while let Err(error) = self.link.backend().await {
                self.link.lock().explain(&error.came_back);
                tokio::time::sleep(AGAIN.mul_f64(0.75 + 0.5 * chance())).await;
            }
            back();
        }
    }
}

impl State {
    /// Another reason for being broken; since when stays.
    fn explain(&mut self, reason: &str) {
        if let Self::Broken { why, .. } = self {
            reason.clone_into(why);
        }
    }
}

impl Link {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn backend(&self) -> Result<Backend, SourceError> {
        let (before, failed) = match &*self.lock() {
            State::Broken { pod, .. } => (None, pod.clone()),
            state => (state.pod().map(str::to_owned), None),
        };
        backend::find(&self.api, self.system, &self.place, before.as_deref(), failed.as_deref()).await
    }

    /// A new stream to a Pod that is ready.
    async fn connect(&self) -> Result<PodStream, SourceError> {
        let backend = self.backend().await.inspect_err(|error| self.failed(None, error))?;
        let upgraded = self.upgraded(&backend).await.inspect_err(|error| self.failed(Some(&backend.pod), error))?;
        let cut = self.active(&backend.pod);
        Ok(PodStream::new(upgraded, cut).await)
    }

    /// A stream was opened.
    fn active(&self, pod: &str) -> CancellationToken {
        let mut state = self.lock();
        if let State::Active { pod: known, cut } = &*state
            && known == pod
        {
            return cut.clone();
        }
        let cut = CancellationToken::new();
        *state = State::Active { pod: pod.to_owned(), cut: cut.clone() };
        drop(state);
        self.opened.notify_waiters();
        cut
    }

    /// A stream that was open broke, and nobody said why yet. Others that are open go on.
    fn broke_in_use(&self, error: &SourceError) {
        let mut state = self.lock();
        if let State::Active { pod, .. } = &*state {
            let pod = Some(pod.clone());
            *state = State::Broken { since: Timestamp::now(), why: error.came_back.clone(), pod };
        }
    }

    /// A new one could not be opened. Others that are open go on.
    fn failed(&self, pod: Option<&str>, error: &SourceError) {
        let mut state = self.lock();
        let pod = pod.map(str::to_owned);
        match &mut *state {
            State::Broken { why, pod: known, .. } => {
                error.came_back.clone_into(why);
                *known = pod.or(known.take());
            }
            _ => *state = State::Broken { since: Timestamp::now(), why: error.came_back.clone(), pod },
        }
    }

    /// The Pod is gone.
    fn broke(&self, gone: &str, why: String) {
        let mut state = self.lock();
        if let State::Active { pod, cut } = &*state
            && pod == gone
        {
            cut.cancel();
            *state = State::Broken { since: Timestamp::now(), why, pod: Some(gone.to_owned()) };
        }
    }

    async fn upgraded(&self, backend: &Backend) -> Result<reqwest::Upgraded, SourceError> {
        let session = self.api.door.session().await?;
        let Place { namespace, .. } = &self.place;
        let (pod, port) = (segment(&backend.pod), backend.port);
        let target = format!("/api/v1/namespaces/{}/pods/{pod}/portforward?ports={port}", segment(namespace));
        let tried = format!("GET {}{target}", session.shown);
        let base = session.http1.base.as_str().trim_end_matches('/');
        let request = session.http1.client.get(format!("{base}{target}")).headers(session.headers()?);
        let request = request
            .header(CONNECTION, "Upgrade")
            .header(UPGRADE, "websocket")
            .header(SEC_WEBSOCKET_VERSION, "13")
            .header(SEC_WEBSOCKET_KEY, key())
            .header(SEC_WEBSOCKET_PROTOCOL, PROTOCOL);
        let opening = async {
            let sent = request.send().await;
            let of_transport = |error: reqwest::Error| {
                unreachable_hint(transport_error(self.system, tried.clone(), &session.peer, &error))
            };
            let response = sent.map_err(of_transport)?;
            if response.status() != StatusCode::SWITCHING_PROTOCOLS {
                return Err(self.refusal(&tried, response).await);
            }
            response.upgrade().await.map_err(of_transport)
        };
        let late = || no_answer(self.system, tried.clone(), &session.peer, PATIENCE);
        tokio::time::timeout(PATIENCE, opening).await.map_err(|_| late())?
    }

    async fn refusal(&self, tried: &str, response: Response) -> SourceError {
        let code = response.status();
        let body = whole_body(self.system, tried, response, 64 * 1024).await.unwrap_or_default();
        let status: Status = serde_json::from_slice(&body).unwrap_or_default();
        let said = if status.message.is_empty() { String::from_utf8_lossy(&body).into_owned() } else { status.message };
        let (kind, hint) = match code.as_u16() {
            401 => (ErrorKind::Unauthenticated, "Sign in anew: the API server does not know who asks.".to_owned()),
            403 => (ErrorKind::Forbidden, rule(&self.place)),
            200..=299 => (
                ErrorKind::Unsupported,
                "Something before the API server does not let WebSockets through: use ?way=proxy.".to_owned(),
            ),
            _ => (ErrorKind::Unreachable, "It is tried again by itself, with a Pod that is ready.".to_owned()),
        };
        let came_back = format!("{}: {}", code.as_u16(), shorten(&said));
        SourceError { system: self.system, kind, tried: tried.to_owned(), came_back, hint }
    }

    /// Waits until a Pod is gone, and gives the reason in words.
    async fn end_of(&self, pod: &str) -> String {
        loop {
            match self.watched(pod).await {
                Ok(Some(why)) => return why,
                Ok(None) => {}
                Err(error) if error.kind == ErrorKind::NotFound => return format!("the Pod {pod} is gone"),
                Err(error) => {
                    tracing::debug!(pod, %error, "the Pod behind a port-forward cannot be watched");
                    tokio::time::sleep(AFTER_FAILURE).await;
                }
            }
        }
    }

    /// Follows a Pod to the end of one watch; the reason when it is gone.
    async fn watched(&self, pod: &str) -> Result<Option<String>, SourceError> {
        let pods = format!("/api/v1/namespaces/{}/pods", segment(&self.place.namespace));
        let one = format!("{pods}/{}", segment(pod));
        let now: Glance = self.api.json(&one).await.map_err(|failed| failed.error)?;
        if let Some(why) = now.end(pod) {
            return Ok(Some(why));
        }
        let watch = format!(
            "{pods}?watch=1&fieldSelector=metadata.name%3D{}&resourceVersion={}&timeoutSeconds={WATCH_SECONDS}",
            segment(pod),
            segment(&now.metadata.resource_version)
        );
        let mut answer = self.api.ask(&watch, JSON).await.map_err(|failed| failed.error)?;
        let mut kept: Vec<u8> = Vec::new();
        while let Some(part) = answer.streamed().await? {
            kept.extend_from_slice(&part);
            while let Some(end) = kept.iter().position(|byte| *byte == b'\n') {
                let rest = kept.split_off(end + 1);
                let line = std::mem::replace(&mut kept, rest);
                let Ok(Line { kind, object }) = serde_json::from_slice(&line) else { continue };
                let seen: Glance = serde_json::from_str(object.get()).unwrap_or_default();
                match kind {
                    EventKind::Deleted => return Ok(Some(format!("the Pod {pod} was deleted"))),
                    // What it says is not about the Pod; it is asked for anew.
                    EventKind::Error => return Ok(None),
                    _ => {}
                }
                if let Some(why) = seen.end(pod) {
                    return Ok(Some(why));
                }
            }
            if kept.len() > LARGEST_EVENT {
                return Ok(None);
            }
        }
        Ok(None)
    }
}

fn causes(error: &ClientError) -> impl Iterator<Item = &(dyn StdError + 'static)> {
    std::iter::successors(error.source(), |cause: &&(dyn StdError + 'static)| (*cause).source())
}

/// The largest event that is read: the API takes no object of more than 3 MiB.
const LARGEST_EVENT: usize = 16 * 1024 * 1024;

/// What of a Pod says whether it can still be reached.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Glance {
    metadata: Meta,
    status: Phase,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Phase {
    phase: String,
}

impl Glance {
    fn end(&self, pod: &str) -> Option<String> {
        if self.metadata.deletion_timestamp.is_some() {
            return Some(format!("the Pod {pod} is being deleted"));
        }
        matches!(self.status.phase.as_str(), "Failed" | "Succeeded").then(|| format!("the Pod {pod} has ended"))
    }
}

/// A key as WebSockets want one: sixteen bytes that are others each time. It keeps nothing secret.
fn key() -> String {
    let bits = |_| (chance() * f64::from(u32::MAX)).to_bits().to_be_bytes();
    STANDARD.encode([0, 1].map(bits).concat())
}

fn rule(place: &Place) -> String {
    format!(
        "Give this account a Role in the namespace {} with apiGroups: [\"\"], resources: [\"pods/portforward\"], verbs: \
         [\"get\", \"create\"].",
        place.namespace
    )
}
