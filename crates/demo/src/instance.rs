//! One running instance of a service: how it answers (slowly or wrongly, as it is steered), and how it calls others
//! (through a breaker, counted).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use axum::Json;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;

use crate::breaker::{Breaker, CallEnd, Glance, PLAN};
use crate::directory::Directory;
use crate::fleet::{Call, Pattern, ServicePlan};
use crate::hystrix::VIEWERS;
use crate::metrics::{Metrics, Outcome};
use crate::steering::{Steering, Verdict};

/// How long a caller waits for an answer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(1);

/// Why a call brought no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The breaker refused it.
    Rejected,
    Timeout,
    /// In words: it could not be sent, or the answer was an error.
    Failed(String),
}

impl Fault {
    pub(crate) fn failed(what: impl std::fmt::Display) -> Fault {
        Fault::Failed(what.to_string())
    }
}

/// Who depends on another and got no answer, answers so itself.
impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        let (status, text) = match self {
            Fault::Rejected => (StatusCode::SERVICE_UNAVAILABLE, "the circuit breaker is open".to_owned()),
            Fault::Timeout => (StatusCode::GATEWAY_TIMEOUT, "no answer in time".to_owned()),
            Fault::Failed(text) => (StatusCode::BAD_GATEWAY, text),
        };
        (status, Json(json!({ "error": text }))).into_response()
    }
}

#[derive(Debug)]
pub(crate) struct Instance {
    pub(crate) plan: &'static ServicePlan,
    pub(crate) id: String,
    pub(crate) metrics: Metrics,
    pub(crate) steering: watch::Receiver<Steering>,
    pub(crate) directory: Arc<Directory>,
    pub(crate) stop: CancellationToken,
    /// The turns of those who watch its breakers.
    pub(crate) viewers: Arc<Semaphore>,
    http: reqwest::Client,
    breakers: BTreeMap<&'static str, Breaker>,
    /// Numbers the answers of all the service's instances, to spread errors and jitter evenly over them.
    answers: Arc<AtomicU64>,
}

impl Instance {
    pub(crate) fn new(
        plan: &'static ServicePlan,
        number: usize,
        answers: Arc<AtomicU64>,
        steering: watch::Receiver<Steering>,
        directory: Arc<Directory>,
        http: reqwest::Client,
        stop: CancellationToken,
    ) -> Instance {
        let now = Instant::now();
        let breakers =
            plan.calls.iter().filter(|call| call.has_breaker()).map(|call| (call.peer, Breaker::new(PLAN, now)));
        Instance {
            plan,
            id: format!("{}-{number}", plan.name),
            metrics: Metrics::new(plan.name, plan.calls),
            steering,
            directory,
            stop,
            viewers: Arc::new(Semaphore::new(VIEWERS)),
            http,
            breakers: breakers.collect(),
            answers,
        }
    }

    pub(crate) fn breakers(&self) -> Vec<(&'static str, Glance)> {
        let now = Instant::now();
        self.breakers.iter().map(|(peer, breaker)| (*peer, breaker.glance(now))).collect()
    }

    /// The edge to a peer, asked and answered.
    pub(crate) fn call_to(&self, peer: &str) -> Option<&'static Call> {
        self.plan.calls.iter().find(|call| call.peer == peer && call.pattern != Pattern::Push)
    }

    /// Makes one call: refused by the breaker, given up after a while, counted in any case.
    pub(crate) async fn guarded<T>(
        &self,
        peer: &str,
        work: impl Future<Output = Result<T, Fault>>,
    ) -> Result<T, Fault> {
        let call =
            self.call_to(peer).ok_or_else(|| Fault::failed(format!("{} does not call {peer}", self.plan.name)))?;
        let start = Instant::now();
        let permit = match self.breakers.get(peer) {
            None => None,
            Some(breaker) => {
                if let Some(permit) = breaker.ask(start) {
                    Some(permit)
                } else {
                    self.metrics.called(call, Outcome::Rejected, Duration::ZERO);
                    return Err(Fault::Rejected);
                }
            }
        };
        let result = match tokio::time::timeout(PATIENCE, work).await {
            Ok(result) => result,
            Err(_) => Err(Fault::Timeout),
        };
        let took = start.elapsed();
        let (end, outcome) = match &result {
            Ok(_) => (CallEnd::Success, Outcome::Ok),
            Err(Fault::Timeout) => (CallEnd::Timeout, Outcome::Error),
            Err(_) => (CallEnd::Failure, Outcome::Error),
        };
        self.metrics.called(call, outcome, took);
        if let Some(permit) = permit {
            permit.end(Instant::now(), end, took);
        }
        result
    }

    /// Asks a peer by HTTP with JSON both ways.
    pub(crate) async fn json(&self, peer: &str, path: &str, body: Option<Value>) -> Result<Value, Fault> {
        self.guarded(peer, async {
            let url = self.url(peer, path)?;
            let request = match body {
                Some(body) => self.http.post(url).json(&body),
                None => self.http.get(url),
            };
            answered(peer, request).await?.json().await.map_err(Fault::failed)
        })
        .await
    }

    /// Asks a peer by HTTP with XML both ways.
    pub(crate) async fn xml(&self, peer: &str, path: &str, body: String) -> Result<String, Fault> {
        self.guarded(peer, async {
            let request = self.http.post(self.url(peer, path)?).header("content-type", "application/xml").body(body);
            answered(peer, request).await?.text().await.map_err(Fault::failed)
        })
        .await
    }

    /// Opens a peer's event stream; it stays open until one of the two ends it.
    pub(crate) async fn subscribe(&self, peer: &str, path: &str) -> Result<reqwest::Response, Fault> {
        let request = self.http.get(self.url(peer, path)?).header("accept", "text/event-stream");
        answered(peer, request).await
    }

    fn url(&self, peer: &str, path: &str) -> Result<String, Fault> {
        let address = self.directory.pick(peer).ok_or_else(|| Fault::failed(format!("{peer} has no instance")))?;
        Ok(format!("http://{address}{path}"))
    }

    /// Works on one request or message as it is steered: waits, then fails or does the work. `work` says by its result
    /// whether it went well.
    pub(crate) async fn work<T>(&self, work: impl Future<Output = (bool, T)>) -> Option<T> {
        let start = Instant::now();
        let steering = self.steering.borrow().clone();
        let number = self.answers.fetch_add(1, Ordering::Relaxed);
        let delay = steering.latency.mul_f64(0.8 + 0.4 * spread(number, 7));
        if !delay.is_zero() {
            tokio::select! {
                () = self.stop.cancelled() => return None,
                () = tokio::time::sleep(delay) => {}
            }
        }
        let (ok, value) = if spread(number, 0) < steering.error_ratio {
            (false, None)
        } else {
            let (ok, value) = work.await;
            (ok, Some(value))
        };
        self.metrics.served(ok, start.elapsed());
        value
    }

    /// The answer to the registry's health check.
    pub(crate) fn health(&self) -> Response {
        let (verdict, text) = self.steering.borrow().verdict();
        let status = match verdict {
            Verdict::Passing => StatusCode::OK,
            Verdict::Warning => StatusCode::TOO_MANY_REQUESTS,
            Verdict::Critical => StatusCode::SERVICE_UNAVAILABLE,
        };
        (status, text).into_response()
    }
}

async fn answered(peer: &str, request: reqwest::RequestBuilder) -> Result<reqwest::Response, Fault> {
    let response = request.send().await.map_err(|error| Fault::failed(format!("{peer}: {error}")))?;
    if response.status().is_server_error() {
        return Err(Fault::failed(format!("{peer} answered {}", response.status())));
    }
    Ok(response)
}

/// A number from 0 to 1 for the `number`-th answer: multiples of the golden ratio, which are spread more evenly than
/// chance, so that a ratio written is a ratio seen after a few answers already.
fn spread(number: u64, shift: u64) -> f64 {
    let turned = number.wrapping_add(shift).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let high = u32::try_from(turned >> 32).unwrap_or(u32::MAX);
    f64::from(high) / (f64::from(u32::MAX) + 1.0)
}

/// Stands before every route of the shop: the instance answers as it is steered.
pub(crate) async fn steered(State(instance): State<Arc<Instance>>, request: Request, next: Next) -> Response {
    let answered = instance.work(async {
        let response = next.run(request).await;
        (!response.status().is_server_error(), response)
    });
    match answered.await {
        Some(response) => response,
        None => {
            (StatusCode::INTERNAL_SERVER_ERROR, Json(json!({ "error": "as steered by error_ratio" }))).into_response()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_written_is_a_ratio_seen_after_a_few_answers() {
        for ratio in [0.1, 0.3, 0.6, 0.9] {
            for start in [0u64, 17, 1000] {
                let failed = (start..start + 20).filter(|number| spread(*number, 0) < ratio).count();
                let wanted = ratio * 20.0;
                let seen = f64::from(u32::try_from(failed).expect("small"));
                assert!((seen - wanted).abs() <= 2.0, "{ratio} from {start}: {failed} of 20");
            }
        }
        assert!((0..1000).all(|number| spread(number, 0) < 1.0));
    }
}
