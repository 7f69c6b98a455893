//! Systems inside a cluster: how their HTTP interfaces are reached from outside it.
//!
//! ```text
//!                                            ┌▶ proxy    the API server passes the request on to the Service
//!  kube://CONTEXT/NAMESPACE/SERVICE:PORT ─▶ inside
//!        ▲                                   └▶ forward  a stream to a Pod behind the Service (backend) carries it
//!        └── look: Services ─recognise─▶ what they stand for, each asked by that very way
//! ```
//!
//! The proxy is the usual way: one request there is one request here. A port-forward is taken where a person chose it, where the
//! request must arrive unchanged (the proxy keeps `Authorization` for itself, and looks at no certificate), and where this account
//! may forward ports and may not use the proxy.

mod backend;
mod forward;
mod look;
mod place;
mod proxy;
mod recognise;
mod stream;

use std::sync::{Arc, Mutex, PoisonError};

use http::Method;
use http::header::{AUTHORIZATION, HeaderMap};
use reqwest::Response;
use tokio::sync::Notify;

use self::forward::Forward;
pub use self::look::{Find, look};
pub use self::place::{Place, Way};
pub use self::recognise::{Product, Sign};
use super::Doors;
use super::api::{KubeApi, unreachable_hint};
use super::session::Session;
use crate::connection::Meter;
use crate::environment::Environment;
use crate::error::{ErrorKind, SourceError};
use crate::road::{Call, Unanswered};
use crate::transport::{transport_error, was_never_sent};

/// The way to one port of a Service inside a cluster.
#[derive(Debug)]
pub(crate) struct Inside {
    system: &'static str,
    place: Place,
    api: KubeApi,
    forward: Forward,
    /// The way that is taken.
    way: Mutex<Way>,
    /// Whether another way may be taken: neither a person nor what is sent demands this one.
    free: bool,
}

/// What a source needs of the way to its system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// Paths, headers of its own, bodies.
    Plain,
    /// Everything unchanged: it sends `Authorization`, or looks at certificates.
    EndToEnd,
}

impl Inside {
    /// Prepares the way; nothing is sent and no plugin is run.
    pub(crate) fn new(
        system: &'static str,
        place: Place,
        need: Need,
        environment: &Environment,
        doors: &Doors,
        meter: Arc<Meter>,
    ) -> Result<Self, SourceError> {
        let refused = |came_back: &str, hint: &str| SourceError {
            system,
            kind: ErrorKind::Unsupported,
            tried: format!("preparing the way to {place}"),
            came_back: came_back.to_owned(),
            hint: hint.to_owned(),
        };
        let way = match (place.way, need) {
            (Some(Way::Proxy), Need::EndToEnd) => {
                let came_back = "the service proxy passes on neither Authorization nor certificates";
                return Err(refused(came_back, "Leave ?way=proxy out, or what is set for that."));
            }
            (Some(way), _) => way,
            (None, Need::EndToEnd) => Way::Forward,
            (None, Need::Plain) => Way::Proxy,
        };
        if place.tls && way == Way::Forward {
            let came_back = "a port-forward to a port that speaks TLS is not supported yet";
            return Err(refused(
                came_back,
                "Use the service proxy, which looks at no certificate: kube+https://…?way=proxy.",
            ));
        }
        let free = place.way.is_none() && need == Need::Plain && !place.tls;
        let door = doors.to(&place.context, environment);
        door.target()?;
        let forward = Forward::new(system, &place, KubeApi::new(door.clone(), meter.clone()));
        Ok(Self { system, place, api: KubeApi::new(door, meter), forward, way: Mutex::new(way), free })
    }

    /// The place, for people.
    pub(crate) fn shown(&self) -> String {
        self.place.to_string()
    }

    fn way(&self) -> Way {
        *self.way.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The way that is taken and how it is doing, in words.
    pub(crate) fn words(&self) -> String {
        match self.way() {
            Way::Proxy => Way::Proxy.words().to_owned(),
            Way::Forward => self.forward.words(),
        }
    }

    /// Keeps the way open for as long as it is polled; a way that is open again is worth another try at once.
    pub(crate) async fn keep(&self, nudge: &Notify) {
        self.forward.keep(|| nudge.notify_waiters()).await;
    }

    /// Sends a request, and gives the system's own answer.
    pub(crate) async fn send(&self, call: Call, tried: &str) -> Result<Response, Unanswered> {
        if self.way() == Way::Forward {
            return self.forward.send(call, tried).await;
        }
        let session = self.api.door.session().await.map_err(Unanswered::never_arrived)?;
        let method = call.method.clone();
        let mut outcome = self.by_proxy(&session, call.clone(), tried).await;
        if failed_of(&outcome, ErrorKind::Unauthenticated) && self.api.door.refused(&session) {
            let session = self.api.door.session().await.map_err(Unanswered::never_arrived)?;
            outcome = self.by_proxy(&session, call.clone(), tried).await;
        }
        // Who may not even read by the proxy may perhaps forward ports. A write that is refused stays refused.
        let shut = failed_of(&outcome, ErrorKind::Forbidden) && matches!(method, Method::GET | Method::HEAD);
        if self.free && shut && self.may_forward().await {
            *self.way.lock().unwrap_or_else(PoisonError::into_inner) = Way::Forward;
            return self.forward.send(call, tried).await;
        }
        outcome
    }

    async fn may_forward(&self) -> bool {
        let may = self.api.may("create", "pods", "portforward", &self.place.namespace).await;
        may.unwrap_or(false)
    }

    async fn by_proxy(&self, session: &Session, call: Call, tried: &str) -> Result<Response, Unanswered> {
        let method = call.method.clone();
        let request = self.proxied(session, call, tried).map_err(Unanswered::never_arrived)?;
        let sent = session.wire.client.execute(request).await;
        let response = sent.map_err(|error| Unanswered {
            never_arrived: was_never_sent(&error),
            error: unreachable_hint(transport_error(self.system, tried.to_owned(), &session.peer, &error)),
        })?;
        match proxy::opened(tried, response).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(said)) => Err(proxy::refusal(self.system, &self.place, session, &method, tried, &said)),
            Err(error) => Err(Unanswered { error: SourceError { system: self.system, ..error }, never_arrived: false }),
        }
    }

    /// The request as the API server gets it. What stands for who we are there is ours; the system's own would not get past it.
    fn proxied(&self, session: &Session, call: Call, tried: &str) -> Result<reqwest::Request, SourceError> {
        let refused = |came_back: String| SourceError {
            system: self.system,
            kind: ErrorKind::Invalid,
            tried: tried.to_owned(),
            came_back,
            hint: "It cannot be asked for by the API server's service proxy.".to_owned(),
        };
        let below = format!("{}{}", session.wire.base.path().trim_end_matches('/'), proxy::path(&self.place));
        let mut address = session.wire.base.clone();
        address.set_path(&below);
        let address = format!("{}{}{}", address.as_str().trim_end_matches('/'), self.place.path, call.target);
        let mut headers: HeaderMap = call.headers;
        headers.remove(AUTHORIZATION);
        let mut request = session.wire.client.request(call.method, address).headers(headers);
        request = request.headers(session.headers()?);
        if let Some(body) = call.body {
            request = request.body(body);
        }
        let request = request.build().map_err(|error| refused(crate::transport::chain(&error)))?;
        // Steps such as `..` are gone from the address by now; none may have led out of the Service.
        let path = request.url().path();
        if path.strip_prefix(&below).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')) {
            Ok(request)
        } else {
            Err(refused("its path leads out of the Service".to_owned()))
        }
    }
}

fn failed_of(outcome: &Result<Response, Unanswered>, kind: ErrorKind) -> bool {
    outcome.as_ref().is_err_and(|unanswered| unanswered.error.kind == kind)
}
