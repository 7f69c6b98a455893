//! Requests to Consul's HTTP API, and the meaning of its answers (<https://developer.hashicorp.com/consul/api-docs>).
//!
//! The token goes into a header and nowhere else. Errors of Consul are plain text, not JSON.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use hyper::body::Bytes;
use jiff::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Response;
use serde::de::DeserializeOwned;
use tokio::sync::Notify;

use super::SYSTEM;
use super::config::{ConsulConfig, TokenKeeper};
use super::watch::Mark;
use crate::connection::Meter;
use crate::environment::Environment;
use crate::error::{ErrorKind, SourceError};
use crate::http::{next_part, shorten, shown_address, too_large, whole_body, wire};
use crate::kubernetes::Doors;
use crate::kubernetes::inside::{Inside, Need};
use crate::road::{Call, Road, Unanswered, by_way};
use crate::secret::Secret;
use crate::transport::no_answer;

/// How long the beginning of an answer to a plain question may take. A large listing takes the server a while.
const PATIENCE: Duration = Duration::from_secs(30);
/// What a server may add to the asked waiting time for its own spreading, and for the way.
const SLACK: Duration = Duration::from_secs(10);
/// The largest answer that is read into memory as a whole.
const WHOLE_CAP: usize = 64 * 1024 * 1024;
/// The largest error text that is read.
const ERROR_CAP: usize = 64 * 1024;
/// Everything that must be escaped in one segment of a path; letters, digits and `-._~` stay.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// One segment of a path, escaped.
pub(super) fn segment(text: &str) -> String {
    utf8_percent_encode(text, SEGMENT).to_string()
}

/// Speaks to one Consul agent.
#[derive(Debug)]
pub(super) struct ConsulApi {
    road: Road,
    shown: String,
    cluster: Option<String>,
    token: TokenKeeper,
    basic_auth: Option<Secret>,
    scope: String,
    meter: Arc<Meter>,
    /// True when TLS is spoken without a certificate of our own.
    uncertified: bool,
}

/// A question: a path below `/v1/` (escaped), its query, and what to wait for. Never printed: the body may be a secret.
#[derive(Clone, Default)]
pub(super) struct Question<'a> {
    pub(super) path: &'a str,
    pub(super) query: &'a str,
    pub(super) dc: Option<&'a str>,
    pub(super) hold: Option<Hold>,
    /// Part of the body that goes with it; none for a GET.
    pub(super) body: Option<Vec<u8>>,
}

/// Asks the server to hold its answer until something changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Hold {
    /// What is known.
    pub(super) mark: Mark,
    /// How long at most.
    pub(super) wait: Duration,
}

impl Hold {
    /// When the answer is overdue: the server adds up to a sixteenth of the waiting time.
    fn deadline(&self) -> Duration {
        self.wait + self.wait / 16 + SLACK
    }
}

/// What an answer says about itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Head {
    /// `X-Consul-Index` or `X-Consul-ContentHash`.
    pub(super) mark: Option<Mark>,
    /// `X-Consul-KnownLeader: false`: a server without a leader answered, from what it had.
    pub(super) leaderless: bool,
    /// `X-Consul-Results-Filtered-By-ACLs`: things were left out that this token may not see.
    pub(super) filtered: bool,
    /// `X-Consul-Default-ACL-Policy: deny`.
    pub(super) default_deny: bool,
}

/// An answer whose body is still on its way.
pub(super) struct Answer {
    pub(super) head: Head,
    pub(super) tried: String,
    /// True for a 404, which for a listing of keys means that there are none.
    pub(super) nothing: bool,
    response: Response,
    meter: Arc<Meter>,
    bytes: u64,
}

impl ConsulApi {
    pub(super) fn new(
        config: ConsulConfig,
        environment: &Environment,
        doors: &Doors,
        meter: Arc<Meter>,
    ) -> Result<Self, SourceError> {
        let wire = || wire(SYSTEM, &config.address, &config.tls, config.socket.as_deref(), environment);
        let (shown, road) = match (&config.inside, &config.socket) {
            (Some(place), _) => {
                let need = if config.basic_auth.is_some() { Need::EndToEnd } else { Need::Plain };
                let inside = Inside::new(SYSTEM, place.clone(), need, environment, doors, meter.clone())?;
                (place.to_string(), Road::Inside(Box::new(inside)))
            }
            (None, Some(socket)) => {
                let peer = socket.display().to_string();
                (format!("unix://{peer}"), Road::Straight { wire: wire()?, peer })
            }
            (None, None) => (shown_address(&config.address), Road::straight(wire()?, &config.address)),
        };
        let mut scope = String::new();
        for (name, value) in [("ns", &config.namespace), ("partition", &config.partition)] {
            if let Some(value) = value {
                let _ = write!(scope, "&{name}={}", segment(value));
            }
        }
        let uncertified = config.address.scheme() == "https" && config.tls.client_cert.is_none();
        let token = TokenKeeper::new(config.token);
        let cluster = config.inside.map(|place| place.context);
        Ok(Self { uncertified, road, shown, cluster, token, basic_auth: config.basic_auth, scope, meter })
    }

    /// Where it is reached, without credentials.
    pub(super) fn shown(&self) -> &str {
        &self.shown
    }

    /// The context of the cluster that it is reached through.
    pub(super) fn cluster(&self) -> Option<&str> {
        self.cluster.as_deref()
    }

    /// The same with the way that leads there now.
    pub(super) fn address(&self) -> Arc<str> {
        by_way(&self.shown, self.way())
    }

    /// By which way it is reached now; `None` where it is reached straight.
    pub(super) fn way(&self) -> Option<String> {
        self.road.words()
    }

    /// Keeps the way open for as long as it is polled.
    pub(super) async fn keep(&self, nudge: &Notify) {
        self.road.keep(nudge).await;
    }

    /// True when requests carry no token.
    pub(super) fn is_anonymous(&self) -> bool {
        self.token.is_anonymous()
    }

    /// The address part behind the host, as it is sent.
    fn target(&self, question: &Question<'_>) -> String {
        let mut target = format!("/v1/{}?{}", question.path, question.query);
        if let Some(dc) = question.dc {
            let _ = write!(target, "&dc={}", segment(dc));
        }
        target.push_str(&self.scope);
        if let Some(hold) = &question.hold {
            let _ = match &hold.mark {
                Mark::Index(index) => write!(target, "&index={index}"),
                Mark::Hash(hash) => write!(target, "&hash={}", segment(hash)),
            };
            let _ = write!(target, "&wait={}ms", hold.wait.as_millis());
        }
        target.replacen("?&", "?", 1).trim_end_matches('?').to_owned()
    }

    /// What a fact's origin says: the path and query without the changing part.
    pub(super) fn evidence(&self, question: &Question<'_>) -> String {
        let still = Question { hold: None, body: None, ..question.clone() };
        format!("GET {}", self.target(&still))
    }

    fn headers(&self) -> Result<HeaderMap, SourceError> {
        let mut headers = HeaderMap::new();
        if let Some(value) = self.basic_auth.as_ref().and_then(Secret::header) {
            headers.insert(AUTHORIZATION, value);
        }
        if let Some(value) = self.token.token()?.as_ref().and_then(Secret::header) {
            headers.insert("x-consul-token", value);
        }
        Ok(headers)
    }

    /// Sends a request and waits for the beginning of its answer.
    async fn begin(&self, method: Method, question: &Question<'_>) -> Result<(Response, String), SourceError> {
        let target = self.target(question);
        let tried = format!("{method} {}{target}", self.shown);
        let mut headers = self.headers()?;
        let changes_something = method == Method::PUT || method == Method::DELETE;
        if question.body.is_some() {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        let call = Call { method, target, headers, body: question.body.clone() };
        let patience = question.hold.as_ref().map_or(PATIENCE, Hold::deadline);
        self.meter.sent();
        match tokio::time::timeout(patience, self.road.send(SYSTEM, call, &tried)).await {
            Ok(Ok(response)) => Ok((response, tried)),
            Ok(Err(Unanswered { error, never_arrived })) => {
                self.meter.failed();
                let failed = self.explained(error);
                Err(if changes_something && !never_arrived { lost(failed) } else { failed })
            }
            Err(_) => {
                self.meter.failed();
                let failed = no_answer(SYSTEM, tried, &self.road.peer(), patience);
                Err(if changes_something { lost(failed) } else { failed })
            }
        }
    }

    /// With TLS 1.3 a server refuses a missing client certificate after the handshake, and its reason may be lost with the
    /// connection.
    fn explained(&self, failed: SourceError) -> SourceError {
        if failed.kind != ErrorKind::CutOff || !self.uncertified || self.meter.last_answer().is_some() {
            return failed;
        }
        SourceError {
            kind: ErrorKind::Tls,
            hint: "It closes the connection before any answer: it may ask for a client certificate.".to_owned(),
            ..failed
        }
    }

    /// Asks, and gives the answer as soon as its head is here. A 404 is an answer too.
    pub(super) async fn ask(&self, question: &Question<'_>) -> Result<Answer, SourceError> {
        let method = if question.body.is_some() { Method::POST } else { Method::GET };
        let (response, tried) = self.begin(method, question).await?;
        let status = response.status();
        let nothing = status == StatusCode::NOT_FOUND && response.headers().contains_key("x-consul-index");
        if status == StatusCode::OK || nothing {
            let head = head(response.headers());
            return Ok(Answer { head, tried, nothing, response, meter: self.meter.clone(), bytes: 0 });
        }
        self.meter.failed();
        Err(refusal(status, &tried, &error_text(&tried, response).await, self.is_anonymous()))
    }

    /// Asks and reads the whole answer as JSON.
    pub(super) async fn json<T: DeserializeOwned>(&self, question: &Question<'_>) -> Result<(T, Head), SourceError> {
        let answer = self.ask(question).await?;
        let head = answer.head.clone();
        let tried = answer.tried.clone();
        let body = answer.whole().await?;
        let parsed = serde_json::from_slice(&body).map_err(|error| not_understood(&tried, &error.to_string()))?;
        Ok((parsed, head))
    }

    /// Changes something. The status and whole body come back for 200 and 409; an answer that is lost after the request
    /// went out is [`ErrorKind::OutcomeUnknown`].
    pub(super) async fn change(
        &self,
        method: Method,
        question: &Question<'_>,
    ) -> Result<(StatusCode, Vec<u8>), SourceError> {
        let (response, tried) = self.begin(method, question).await?;
        let status = response.status();
        if status == StatusCode::OK || status == StatusCode::CONFLICT {
            let body = whole_body(SYSTEM, &tried, response, WHOLE_CAP).await.map_err(|error| {
                self.meter.failed();
                lost(error)
            })?;
            self.meter.answered(body.len() as u64, Timestamp::now());
            return Ok((status, body));
        }
        self.meter.failed();
        let refused = refusal(status, &tried, &error_text(&tried, response).await, self.is_anonymous());
        Err(if may_have_happened(status, &refused.came_back) { lost(refused) } else { refused })
    }
}

/// Whether a refused change may have been made all the same: a leader that steps down while it works may have written
/// before it said so. These three are said before anything is done.
fn may_have_happened(status: StatusCode, words: &str) -> bool {
    let untouched = ["No cluster leader", "No path to datacenter", "rate limit"];
    status.is_server_error() && !untouched.iter().any(|said| words.contains(said))
}

/// A write whose answer did not come back.
fn lost(error: SourceError) -> SourceError {
    SourceError {
        kind: ErrorKind::OutcomeUnknown,
        came_back: format!("it was sent, and then: {}", error.came_back),
        hint: "Read it again before trying again: it may have happened.".to_owned(),
        ..error
    }
}

/// An answer that is not what the API promises.
pub(super) fn not_understood(tried: &str, why: &str) -> SourceError {
    SourceError {
        system: SYSTEM,
        kind: ErrorKind::NotUnderstood,
        tried: tried.to_owned(),
        came_back: format!("the answer is not what Consul answers here: {}", shorten(why)),
        hint: "See that the address is Consul's and that nothing between changes its answers.".to_owned(),
    }
}

impl Answer {
    /// The next part of the body; `None` at its end.
    pub(super) async fn part(&mut self) -> Result<Option<Bytes>, SourceError> {
        match next_part(SYSTEM, &self.tried, &mut self.response).await {
            Ok(Some(part)) => {
                self.bytes += part.len() as u64;
                Ok(Some(part))
            }
            Ok(None) => {
                self.meter.answered(self.bytes, Timestamp::now());
                Ok(None)
            }
            Err(error) => {
                self.meter.failed();
                Err(error)
            }
        }
    }

    /// The whole body, up to a limit.
    pub(super) async fn whole(mut self) -> Result<Vec<u8>, SourceError> {
        let mut body = Vec::new();
        while let Some(part) = self.part().await? {
            if body.len() + part.len() > WHOLE_CAP {
                return Err(too_large(SYSTEM, &self.tried, WHOLE_CAP));
            }
            body.extend_from_slice(&part);
        }
        Ok(body)
    }
}

fn head(headers: &HeaderMap) -> Head {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let index = text("x-consul-index").and_then(|index| index.parse().ok()).map(Mark::Index);
    let hash = text("x-consul-contenthash").map(|hash| Mark::Hash(Arc::from(hash)));
    Head {
        mark: hash.or(index),
        leaderless: text("x-consul-knownleader") == Some("false"),
        filtered: text("x-consul-results-filtered-by-acls") == Some("true"),
        default_deny: text("x-consul-default-acl-policy") == Some("deny"),
    }
}

async fn error_text(tried: &str, response: Response) -> String {
    let body = whole_body(SYSTEM, tried, response, ERROR_CAP).await.unwrap_or_default();
    shorten(&String::from_utf8_lossy(&body))
}

/// What a status other than 200 means, with Consul's own words kept.
fn refusal(status: StatusCode, tried: &str, text: &str, anonymous: bool) -> SourceError {
    let (kind, hint) = match status.as_u16() {
        401 => (
            ErrorKind::Unsupported,
            "This Consul has no ACLs, or a proxy before it asks for a password (CONSUL_HTTP_AUTH).",
        ),
        403 if text.contains("ACL not found") && !anonymous => (
            ErrorKind::Unauthenticated,
            "The token is unknown or has expired: get a new one and set CONSUL_HTTP_TOKEN, or enter it.",
        ),
        403 if anonymous => {
            (ErrorKind::AclDenied, "No token is given: set CONSUL_HTTP_TOKEN or CONSUL_HTTP_TOKEN_FILE, or enter one.")
        }
        403 => (ErrorKind::AclDenied, "Give this token a policy that allows it."),
        400 if text.contains("HTTP request to an HTTPS server") => (
            ErrorKind::Misconfigured,
            "This port speaks TLS: begin its address with https://, or with kube+https:// where it is in a cluster.",
        ),
        404 => (ErrorKind::NotFound, "It is not there, or this version of Consul does not have it."),
        405 => (ErrorKind::Unsupported, "This version of Consul does not offer it."),
        400 | 413 => (ErrorKind::Invalid, "Consul does not take it as it is."),
        429 => (
            ErrorKind::RateLimited,
            "Consul limits requests: it is asked less often. See limits in the agent's settings.",
        ),
        500 if text.contains("invalid config entry kind") => {
            (ErrorKind::Unsupported, "This version of Consul does not have this kind of config entry.")
        }
        500..=599 if text.contains("No cluster leader") || text.contains("leadership") => {
            (ErrorKind::ServerError, "The servers have no leader right now: see `consul operator raft list-peers`.")
        }
        500..=599 if text.contains("No path to datacenter") => {
            (ErrorKind::ServerError, "Its servers are not reached over the WAN: see `consul members -wan`.")
        }
        500..=599 => (ErrorKind::ServerError, "See the agent's log; it is tried again by itself."),
        _ => (ErrorKind::NotUnderstood, "See that the address is Consul's: it does not answer like this."),
    };
    let words = if text.is_empty() { String::new() } else { format!(": {text}") };
    SourceError {
        system: SYSTEM,
        kind,
        tried: tried.to_owned(),
        came_back: format!("{}{words}", status.as_u16()),
        hint: hint.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn api(place: &str, variables: &[(&str, &str)]) -> ConsulApi {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let environment: Environment =
            variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let config = ConsulConfig::new(place, &environment).unwrap();
        ConsulApi::new(config, &environment, &Doors::default(), Arc::default()).unwrap()
    }

    #[test]
    fn a_question_is_put_together_with_its_scope_and_what_it_waits_for() {
        let api = api("http://127.0.0.1:8500/behind/", &[("CONSUL_NAMESPACE", "team a")]);
        let hold = Hold { mark: Mark::Index(42), wait: Duration::from_secs(300) };
        let question = Question { path: "kv/", query: "recurse=", dc: Some("dc&1"), hold: Some(hold), body: None };
        assert_eq!(api.target(&question), "/v1/kv/?recurse=&dc=dc%261&ns=team%20a&index=42&wait=300000ms");
        assert_eq!(api.evidence(&question), "GET /v1/kv/?recurse=&dc=dc%261&ns=team%20a");
        assert_eq!(api.target(&Question { path: "agent/self", ..Question::default() }), "/v1/agent/self?ns=team%20a");
    }

    #[test]
    fn a_deadline_is_later_than_the_server_may_wait() {
        let hold = Hold { mark: Mark::Index(1), wait: Duration::from_secs(320) };
        assert_eq!(hold.deadline(), Duration::from_secs(320 + 20 + 10));
    }

    #[test]
    fn segments_are_escaped() {
        assert_eq!(segment("a b/c%?#+é~"), "a%20b%2Fc%25%3F%23%2B%C3%A9~");
    }

    #[test]
    fn each_refusal_has_its_kind() {
        let kind = |status: u16, text: &str| refusal(StatusCode::from_u16(status).unwrap(), "GET x", text, false).kind;
        assert_eq!(kind(403, "ACL not found"), ErrorKind::Unauthenticated);
        assert_eq!(kind(403, "Permission denied"), ErrorKind::AclDenied);
        assert_eq!(kind(429, "rate limit"), ErrorKind::RateLimited);
        assert_eq!(kind(500, "No cluster leader"), ErrorKind::ServerError);
        assert_eq!(kind(400, "Client sent an HTTP request to an HTTPS server."), ErrorKind::Misconfigured);
        assert_eq!(kind(301, ""), ErrorKind::NotUnderstood);
        assert_eq!(kind(405, ""), ErrorKind::Unsupported);
    }
}
