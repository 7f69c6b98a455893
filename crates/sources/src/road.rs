//! How the requests of a source get to its system: straight to an address, or into a cluster.
//!
//! A source asks by a [`Road`] and does not see which one it is. What fails on the way itself is told as that, apart from what
//! the system answers.

use std::sync::Arc;

use http::{HeaderMap, Method};
use reqwest::Response;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::error::SourceError;
use crate::http::Wire;
use crate::kubernetes::inside::Inside;
use crate::transport::{peer, transport_error, was_never_sent};

/// The way to one system.
#[derive(Debug)]
pub(crate) enum Road {
    /// To an address that is reached from here.
    Straight {
        /// The client, and what all paths stand behind.
        wire: Wire,
        /// Who is asked, as failures name it.
        peer: String,
    },
    /// To a Service inside a cluster.
    Inside(Box<Inside>),
}

/// A request, but for where it goes. Never printed: headers and body may be secret.
#[derive(Clone)]
pub(crate) struct Call {
    pub(crate) method: Method,
    /// Path and query below the system's base, with the `/` in front.
    pub(crate) target: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Option<Vec<u8>>,
}

/// A request that the system itself gave no answer to.
#[derive(Debug)]
pub(crate) struct Unanswered {
    pub(crate) error: SourceError,
    /// True when nothing of it can have reached the system.
    pub(crate) never_arrived: bool,
}

/// Watches until that is cancelled, with the way kept open where it is one that needs it.
pub(crate) async fn watched<T>(
    watching: impl Future<Output = T>,
    road: Option<&Road>,
    nudge: &Notify,
    cancel: &CancellationToken,
) {
    let kept = async {
        match road {
            Some(road) => road.keep(nudge).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = cancel.cancelled() => {}
        // It ends by itself only when there is nobody left to tell.
        _ = watching => {}
        () = kept => {}
    }
}

impl Unanswered {
    /// One that was not even sent.
    pub(crate) fn never_arrived(error: SourceError) -> Self {
        Self { error, never_arrived: true }
    }
}

impl Call {
    /// A question without a body.
    pub(crate) fn get(target: impl Into<String>, headers: HeaderMap) -> Self {
        Self { method: Method::GET, target: target.into(), headers, body: None }
    }
}

/// An address as people read it, with the way that leads there.
pub(crate) fn by_way(shown: &str, way: Option<String>) -> Arc<str> {
    match way {
        Some(way) => Arc::from(format!("{shown} by {way}")),
        None => Arc::from(shown),
    }
}

impl Road {
    /// To an address.
    pub(crate) fn straight(wire: Wire, address: &Url) -> Self {
        Self::Straight { wire, peer: peer(address) }
    }

    /// Sends a request, and gives the system's answer as soon as its head is here, whatever its status.
    pub(crate) async fn send(&self, system: &'static str, call: Call, tried: &str) -> Result<Response, Unanswered> {
        match self {
            Self::Straight { wire, peer } => {
                let base = wire.base.as_str().trim_end_matches('/');
                let mut request = wire.client.request(call.method, format!("{base}{}", call.target));
                request = request.headers(call.headers);
                if let Some(body) = call.body {
                    request = request.body(body);
                }
                request.send().await.map_err(|error| Unanswered {
                    never_arrived: was_never_sent(&error),
                    error: transport_error(system, tried.to_owned(), peer, &error),
                })
            }
            Self::Inside(inside) => inside.send(call, tried).await,
        }
    }

    /// Keeps the way open for as long as it is polled.
    pub(crate) async fn keep(&self, nudge: &Notify) {
        match self {
            Self::Straight { .. } => std::future::pending().await,
            Self::Inside(inside) => inside.keep(nudge).await,
        }
    }

    /// By which way the system is reached now, in words; `None` where it is reached straight.
    pub(crate) fn words(&self) -> Option<String> {
        match self {
            Self::Straight { .. } => None,
            Self::Inside(inside) => Some(inside.words()),
        }
    }

    /// Who is asked, as failures name it.
    pub(crate) fn peer(&self) -> String {
        match self {
            Self::Straight { peer, .. } => peer.clone(),
            Self::Inside(inside) => inside.shown(),
        }
    }
}
