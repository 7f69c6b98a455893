use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use tokio::net::UnixListener;
use tokio::task::JoinHandle;

use super::counters::Counters;
use crate::{LabError, background};

const TIMEOUT: Duration = Duration::from_secs(10);

/// Whom a server calls, with the servers behind each name.
pub(super) type Calls = Vec<(&'static str, Arc<Group>)>;

/// The servers of one workload.
#[derive(Debug, Default)]
pub(super) struct Group {
    ways: RwLock<Vec<reqwest::Client>>,
    next: AtomicUsize,
    broken: AtomicBool,
}

impl Group {
    /// Sends one request to the servers in turn; whether it succeeded.
    pub(super) async fn call(&self) -> bool {
        let way = {
            let ways = self.ways.read().unwrap_or_else(PoisonError::into_inner);
            let turn = self.next.fetch_add(1, Ordering::Relaxed);
            ways.get(turn.checked_rem(ways.len()).unwrap_or_default()).cloned()
        };
        let Some(way) = way else { return false };
        way.get("http://pod/").send().await.is_ok_and(|answer| answer.status().is_success())
    }

    pub(super) fn break_down(&self, broken: bool) {
        self.broken.store(broken, Ordering::Relaxed);
    }
}

struct Instance {
    group: Arc<Group>,
    calls: Calls,
    served: Counters,
    called: Counters,
}

/// One HTTP server on a socket in the file system, until this is dropped.
#[derive(Debug)]
pub(super) struct Server(JoinHandle<()>);

impl Server {
    pub(super) fn start(socket: &Path, group: &Arc<Group>, calls: &Calls) -> Result<Self, LabError> {
        let runtime = background::runtime()?;
        let what = format!("a server on {}", socket.display());
        let listener = {
            let _entered = runtime.enter();
            UnixListener::bind(socket).map_err(LabError::io(what.clone()))?
        };
        let way = reqwest::Client::builder().unix_socket(socket).timeout(TIMEOUT).no_proxy().build();
        let way = way.map_err(|source| LabError::Request { what: what.clone(), source })?;
        group.ways.write().unwrap_or_else(PoisonError::into_inner).push(way);
        let instance = Arc::new(Instance {
            group: group.clone(),
            calls: calls.clone(),
            served: Counters::default(),
            called: Counters::default(),
        });
        let router = Router::new()
            .route("/", get(visit))
            .route("/health", get(health))
            .route("/metrics", get(metrics))
            .with_state(instance);
        Ok(Self(runtime.spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                eprintln!("lab: {what} ended: {error}");
            }
        })))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Calls everybody it needs, one after the other, and succeeds when all do.
async fn visit(State(instance): State<Arc<Instance>>) -> StatusCode {
    let started = Instant::now();
    let mut status = health(State(instance.clone())).await;
    if status == StatusCode::OK {
        for (callee, group) in &instance.calls {
            let called = Instant::now();
            let succeeded = group.call().await;
            let labels = format!("client_name=\"{callee}\",method=\"GET\",uri=\"/\",{}", outcome(succeeded));
            instance.called.count(labels, called.elapsed());
            if !succeeded {
                status = StatusCode::BAD_GATEWAY;
            }
        }
    }
    let labels = format!("method=\"GET\",uri=\"/\",{}", outcome(status == StatusCode::OK));
    instance.served.count(labels, started.elapsed());
    status
}

async fn health(State(instance): State<Arc<Instance>>) -> StatusCode {
    if instance.group.broken.load(Ordering::Relaxed) { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK }
}

async fn metrics(State(instance): State<Arc<Instance>>) -> Result<String, StatusCode> {
    let mut out = String::new();
    let written = instance
        .served
        .write("http_server_requests_seconds", &mut out)
        .and_then(|()| instance.called.write("http_client_requests_seconds", &mut out));
    written.map(|()| out).map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)
}

/// The words of Spring Boot's `outcome` and `status` labels.
fn outcome(succeeded: bool) -> &'static str {
    if succeeded { "outcome=\"SUCCESS\",status=\"200\"" } else { "outcome=\"SERVER_ERROR\",status=\"503\"" }
}
