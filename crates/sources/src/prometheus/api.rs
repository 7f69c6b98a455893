//! Requests to Prometheus' HTTP API, and the meaning of its answers.
//!
//! Every request is bounded on both sides: the server is told how long it may work and how many series it may send, and what it
//! sends is read up to a size and a moment. No more than two are under way at once, whoever asks. A request that is given up is a
//! closed connection, by which the server ends its work.

use std::sync::Arc;
use std::time::Duration;

use http::header::{ACCEPT, CONTENT_TYPE, DATE};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use jiff::{SignedDuration, Timestamp};
use reqwest::Response;
use serde::de::DeserializeOwned;
use tokio::sync::{Notify, Semaphore};
use url::form_urlencoded::Serializer;

use super::SYSTEM;
use super::config::PrometheusConfig;
use super::promql::duration;
use super::wire::{
    Alerts, BuildInfo, Declared, Envelope, Found, FoundOverTime, Line, Metadata, Refusal, Rows, Rules, Series, Targets,
};
use crate::connection::Meter;
use crate::environment::Environment;
use crate::error::{ErrorKind, SourceError};
use crate::http::{shorten, shown_address, whole_body, wire};
use crate::kubernetes::Doors;
use crate::kubernetes::inside::{Inside, Need};
use crate::road::{Call, Road, by_way};

/// How long the server may work on one query.
const SERVER_PATIENCE: Duration = Duration::from_secs(5);
/// What is added to that for the way and for a body.
const SLACK: Duration = Duration::from_secs(5);
/// The most series that one answer may have.
pub(super) const MOST_SERIES: usize = 20_000;
/// The same of an answer over time, of which each has many numbers.
const MOST_LINES: usize = 2_000;
/// How many requests the server works on at once.
pub(super) const AT_ONCE: usize = 2;
/// The largest answer that is read.
const LARGEST_ANSWER: usize = 8 * 1024 * 1024;
/// An answer over time has up to 121 numbers a series.
const LARGEST_HISTORY: usize = 16 * 1024 * 1024;
/// Targets come with all labels that they had before relabelling.
const LARGEST_LISTING: usize = 32 * 1024 * 1024;
/// Help is as long as who wrote it wanted.
const LARGEST_METADATA: usize = 256 * 1024;
/// In how many ways a metric may be declared.
const MOST_WAYS: &str = "5";
/// The largest error text that is read.
const LARGEST_REFUSAL: usize = 64 * 1024;
/// A longer question goes into a body: proxies refuse long addresses.
const LONGEST_ADDRESS: usize = 2_000;

/// Speaks to one server.
#[derive(Debug)]
pub(super) struct Api {
    road: Road,
    shown: String,
    config: PrometheusConfig,
    meter: Arc<Meter>,
    turn: Semaphore,
}

/// A time of the server's clock, in seconds since 1970, and how far its moments are apart.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Span {
    pub(super) start: f64,
    pub(super) end: f64,
    pub(super) step: Duration,
}

/// An answer, and what is known of how it came.
#[derive(Debug)]
pub(super) struct Answer<T> {
    pub(super) data: T,
    /// What the server says is missing or doubtful.
    pub(super) warnings: Vec<String>,
    /// How far the server's clock is ahead of this one, to a second.
    pub(super) skew: Option<SignedDuration>,
    /// When it came.
    pub(super) at: Timestamp,
    /// Its size.
    pub(super) bytes: usize,
}

/// What answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Product(pub(super) String);

/// A question: a path below `/api/v1/`, its parameters, and the largest answer to read.
struct Question<'a> {
    path: &'a str,
    parameters: &'a [(&'a str, &'a str)],
    cap: usize,
    /// Whether it may be sent as a body.
    may_post: bool,
}

impl Api {
    pub(super) fn new(
        config: PrometheusConfig,
        environment: &Environment,
        doors: &Doors,
        meter: Arc<Meter>,
    ) -> Result<Self, SourceError> {
        let (shown, road) = if let Some(place) = &config.inside {
            let need = if config.is_anonymous() { Need::Plain } else { Need::EndToEnd };
            let inside = Inside::new(SYSTEM, place.clone(), need, environment, doors, meter.clone())?;
            (place.to_string(), Road::Inside(Box::new(inside)))
        } else {
            let wire = wire(SYSTEM, &config.address, &config.tls, None, environment)?;
            (shown_address(&config.address), Road::straight(wire, &config.address))
        };
        Ok(Self { road, shown, config, meter, turn: Semaphore::new(AT_ONCE) })
    }

    /// Where it is reached, without credentials.
    pub(super) fn shown(&self) -> &str {
        &self.shown
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

    /// The evidence for what a query brought.
    pub(super) fn evidence(&self, query: &str) -> Arc<str> {
        Arc::from(format!("GET {}/api/v1/query · {query}", self.shown))
    }

    /// The evidence for what a query brought over time.
    pub(super) fn evidence_over_time(&self, query: &str) -> Arc<str> {
        Arc::from(format!("GET {}/api/v1/query_range · {query}", self.shown))
    }

    /// An instant query at a moment of the server's clock; `None` for its now.
    pub(super) async fn query(&self, query: &str, at: Option<f64>) -> Result<Answer<Rows<Series>>, SourceError> {
        let (timeout, limit) = (duration(SERVER_PATIENCE), MOST_SERIES.to_string());
        let time = at.map(|at| format!("{at:.3}"));
        let mut parameters = vec![("query", query), ("timeout", &timeout), ("limit", &limit)];
        parameters.extend(time.as_deref().map(|time| ("time", time)));
        let question = Question { path: "query", parameters: &parameters, cap: LARGEST_ANSWER, may_post: true };
        let Answer { data, mut warnings, skew, at, bytes } = self.ask(&question).await?;
        let Found::Vector(mut data) = data;
        warnings.extend(data.keep(MOST_SERIES));
        Ok(Answer { data, warnings, skew, at, bytes })
    }

    /// The same query at many moments.
    pub(super) async fn query_over_time(&self, query: &str, over: Span) -> Result<Answer<Rows<Line>>, SourceError> {
        let (timeout, limit, step) = (duration(SERVER_PATIENCE), MOST_LINES.to_string(), duration(over.step));
        let (start, end) = (format!("{:.3}", over.start), format!("{:.3}", over.end));
        let parameters = [
            ("query", query),
            ("start", &start),
            ("end", &end),
            ("step", &step),
            ("timeout", &timeout),
            ("limit", &limit),
        ];
        let question = Question { path: "query_range", parameters: &parameters, cap: LARGEST_HISTORY, may_post: true };
        let Answer { data, mut warnings, skew, at, bytes } = self.ask(&question).await?;
        let FoundOverTime::Matrix(mut data) = data;
        warnings.extend(data.keep(MOST_LINES));
        Ok(Answer { data, warnings, skew, at, bytes })
    }

    /// Which metrics there have been since a moment, of those that a selector finds.
    pub(super) async fn names(&self, selector: &str, since: Timestamp) -> Result<Answer<Vec<String>>, SourceError> {
        let start = since.as_second().to_string();
        let parameters = [("match[]", selector), ("start", &start)];
        self.ask(&Question {
            path: "label/__name__/values",
            parameters: &parameters,
            cap: LARGEST_ANSWER,
            may_post: false,
        })
        .await
    }

    /// What is scraped now.
    pub(super) async fn targets(&self) -> Result<Answer<Targets>, SourceError> {
        self.listing("targets", &[("state", "active")]).await
    }

    /// Alerts that are pending or firing.
    pub(super) async fn alerts(&self) -> Result<Answer<Alerts>, SourceError> {
        self.listing("alerts", &[]).await
    }

    /// What the processes declare of a metric, in as many ways as are read.
    pub(super) async fn declared(&self, metric: &str) -> Result<Vec<Declared>, SourceError> {
        let parameters = [("metric", metric), ("limit", "1"), ("limit_per_metric", MOST_WAYS)];
        let question = Question { path: "metadata", parameters: &parameters, cap: LARGEST_METADATA, may_post: false };
        let Answer { mut data, .. } = self.ask::<Metadata>(&question).await?;
        Ok(data.remove(metric).unwrap_or_default())
    }

    /// The alerting rules, without the alerts of each.
    pub(super) async fn rules(&self) -> Result<Answer<Rules>, SourceError> {
        self.listing("rules", &[("type", "alert"), ("exclude_alerts", "true")]).await
    }

    /// Product and version. VictoriaMetrics claims an old version of Prometheus, and is told by a header of its own.
    pub(super) async fn product(&self) -> Result<Product, SourceError> {
        let question = Question { path: "status/buildinfo", parameters: &[], cap: LARGEST_ANSWER, may_post: false };
        let asked = self.answered(&question, |head, info: Envelope<BuildInfo>| {
            let BuildInfo { version, application } = info.data.unwrap_or_default();
            let name = match application.as_str() {
                _ if head.contains_key("x-server-hostname") => return "VictoriaMetrics".to_owned(),
                "" => "Prometheus",
                application => application,
            };
            shorten(format!("{name} {version}").trim())
        });
        Ok(Product(asked.await?.data))
    }

    async fn listing<T: DeserializeOwned>(
        &self,
        path: &str,
        parameters: &[(&str, &str)],
    ) -> Result<Answer<T>, SourceError> {
        self.ask(&Question { path, parameters, cap: LARGEST_LISTING, may_post: false }).await
    }

    async fn ask<T: DeserializeOwned>(&self, question: &Question<'_>) -> Result<Answer<T>, SourceError> {
        let tried = self.tried(question);
        let answer: Answer<Envelope<T>> = self.answered(question, |_, envelope| envelope).await?;
        let Answer { data: envelope, skew, at, bytes, .. } = answer;
        let Envelope { data, warnings: mut said, infos, is_partial } = envelope;
        let data = data.ok_or_else(|| not_understood(&tried, "it holds no data"))?;
        // What counts is said by the dialect, whatever the metric is called.
        said.extend(infos.into_iter().filter(|text| !text.contains("might not be a counter")));
        if is_partial {
            said.push("some of its storage did not answer".to_owned());
        }
        let warnings = said.iter().map(|text| shorten(text)).collect();
        Ok(Answer { data, warnings, skew, at, bytes })
    }

    /// Sends a question, reads the whole answer, and counts how that ended.
    async fn answered<T: DeserializeOwned, U>(
        &self,
        question: &Question<'_>,
        read: impl FnOnce(&HeaderMap, T) -> U,
    ) -> Result<Answer<U>, SourceError> {
        let tried = self.tried(question);
        let patience = SERVER_PATIENCE + SLACK;
        let _turn = self.turn.acquire().await;
        self.meter.sent();
        let outcome = match tokio::time::timeout(patience, self.exchange(question, &tried)).await {
            Ok(outcome) => {
                outcome.map_err(|error| self.explained(error)).and_then(|exchanged| exchanged.read(&tried, read))
            }
            Err(_) => Err(SourceError {
                system: SYSTEM,
                kind: ErrorKind::TimedOut,
                tried,
                came_back: format!("no whole answer within {} s", patience.as_secs()),
                hint: "The question was taken back. It is asked again, more seldom.".to_owned(),
            }),
        };
        match &outcome {
            Ok(answer) => self.meter.answered(answer.bytes as u64, answer.at),
            Err(_) => self.meter.failed(),
        }
        outcome
    }

    /// With TLS 1.3 a server refuses a missing client certificate after the handshake, and its reason may be lost with the
    /// connection.
    fn explained(&self, failed: SourceError) -> SourceError {
        let never_answered = self.meter.last_answer().is_none();
        if failed.kind == ErrorKind::CutOff && self.config.is_uncertified() && never_answered {
            let hint = "It closes the connection before any answer: it may ask for a client certificate.".to_owned();
            return SourceError { kind: ErrorKind::Tls, hint, ..failed };
        }
        failed
    }

    async fn exchange(&self, question: &Question<'_>, tried: &str) -> Result<Exchanged, SourceError> {
        let mut headers = self.config.headers()?;
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        let target = format!("/api/v1/{}", question.path);
        let form = Serializer::new(String::new()).extend_pairs(question.parameters).finish();
        let call = if question.may_post && form.len() > LONGEST_ADDRESS {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
            Call { method: Method::POST, target, headers, body: Some(form.into_bytes()) }
        } else if form.is_empty() {
            Call::get(target, headers)
        } else {
            Call::get(format!("{target}?{form}"), headers)
        };
        let asked = Timestamp::now();
        let response = self.road.send(SYSTEM, call, tried).await.map_err(|unanswered| unanswered.error)?;
        let skew = skew(response.headers(), asked, Timestamp::now());
        if response.status() != StatusCode::OK {
            return Err(refusal(response, tried, self.config.is_anonymous()).await);
        }
        let head = response.headers().clone();
        let body = whole_body(SYSTEM, tried, response, question.cap).await?;
        Ok(Exchanged { head, body, skew })
    }

    /// What errors call the question; long ones are cut.
    fn tried(&self, question: &Question<'_>) -> String {
        let words: Vec<&str> =
            question.parameters.iter().filter(|(name, _)| !is_bound(name)).map(|(_, value)| *value).collect();
        let path = format!("GET {}/api/v1/{}", self.shown, question.path);
        if words.is_empty() { path } else { format!("{path} · {}", shorten(&words.join(" "))) }
    }
}

/// Parameters that bound an answer rather than ask something.
fn is_bound(name: &str) -> bool {
    matches!(name, "timeout" | "limit" | "limit_per_metric" | "time" | "start" | "end" | "step" | "exclude_alerts")
}

/// An answer as it came.
struct Exchanged {
    head: HeaderMap,
    body: Vec<u8>,
    skew: Option<SignedDuration>,
}

impl Exchanged {
    fn read<T: DeserializeOwned, U>(
        self,
        tried: &str,
        read: impl FnOnce(&HeaderMap, T) -> U,
    ) -> Result<Answer<U>, SourceError> {
        let parsed = serde_json::from_slice(&self.body).map_err(|error| not_understood(tried, &error.to_string()))?;
        let data = read(&self.head, parsed);
        Ok(Answer { data, warnings: Vec::new(), skew: self.skew, at: Timestamp::now(), bytes: self.body.len() })
    }
}

/// How far the server's clock was ahead when it wrote its answer: the least that its `Date` and the time between question and
/// answer leave open. The header has whole seconds.
fn skew(head: &HeaderMap, asked: Timestamp, answered: Timestamp) -> Option<SignedDuration> {
    let text = head.get(DATE)?.to_str().ok()?;
    let earliest = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
    let latest = earliest.checked_add(SignedDuration::from_secs(1)).ok()?;
    Some(match () {
        () if earliest > answered => earliest.duration_since(answered),
        () if latest < asked => latest.duration_since(asked),
        () => SignedDuration::ZERO,
    })
}

fn not_understood(tried: &str, why: &str) -> SourceError {
    SourceError {
        system: SYSTEM,
        kind: ErrorKind::NotUnderstood,
        tried: tried.to_owned(),
        came_back: format!("the answer is not what Prometheus answers here: {}", shorten(why)),
        hint: "See that the address is that of Prometheus' HTTP API, and that nothing between changes its answers."
            .to_owned(),
    }
}

/// What an answer other than 200 means, with the server's own words kept.
async fn refusal(response: Response, tried: &str, anonymous: bool) -> SourceError {
    let status = response.status();
    let body = whole_body(SYSTEM, tried, response, LARGEST_REFUSAL).await.unwrap_or_default();
    let said: Refusal = serde_json::from_slice(&body).unwrap_or_default();
    let words = if said.error.is_empty() { shorten(&String::from_utf8_lossy(&body)) } else { shorten(&said.error) };
    let (kind, hint) = meaning(status, &said.error_type, &words, anonymous);
    let words = if words.is_empty() { String::new() } else { format!(": {words}") };
    SourceError {
        system: SYSTEM,
        kind,
        tried: tried.to_owned(),
        came_back: format!("{}{words}", status.as_u16()),
        hint: hint.to_owned(),
    }
}

fn meaning(status: StatusCode, error_type: &str, words: &str, anonymous: bool) -> (ErrorKind, &'static str) {
    let too_much = ["too many", "maximum", "limit", "exceed"].iter().any(|word| words.contains(word));
    match status.as_u16() {
        400 if words.contains("HTTP request to an HTTPS server") => (
            ErrorKind::Misconfigured,
            "This port speaks TLS: begin its address with https://, or with kube+https:// where it is in a cluster.",
        ),
        401 if anonymous => (
            ErrorKind::Unauthenticated,
            "It asks who reads it: name user and password in the address, or PROMETHEUS_HTTP_CONFIG_FILE.",
        ),
        401 => (ErrorKind::Unauthenticated, "It does not know this user or token: see what is sent to it."),
        403 => (ErrorKind::AclDenied, "This user or token may not read it."),
        404 | 405 => {
            (ErrorKind::NotFound, "See that the path before /api/v1 is right; some servers do not offer this part.")
        }
        429 => (ErrorKind::RateLimited, "It is asked again more seldom, by itself."),
        _ if error_type == "timeout" || words.contains("deadline exceeded") => {
            (ErrorKind::TimedOut, "The server gave up the question. It is asked again, more seldom.")
        }
        // Prometheus refuses what it cannot compute with 422, others with 400.
        400 | 422 if too_much => {
            (ErrorKind::TooLarge, "The server refuses what is behind this question; see its query limits.")
        }
        400 | 422 => (ErrorKind::Invalid, "The server does not compute this question."),
        300..=399 => {
            (ErrorKind::NotUnderstood, "It sends readers elsewhere, perhaps to log in; redirects are not followed.")
        }
        500.. => (ErrorKind::ServerError, "See the server's log; it is tried again by itself."),
        _ => (ErrorKind::NotUnderstood, "See that the address is that of Prometheus' HTTP API."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn told(date: &str, asked: i64, answered: i64) -> Option<i64> {
        let mut head = HeaderMap::new();
        head.insert(DATE, date.parse().unwrap());
        skew(&head, at(asked), at(answered)).map(|skew| skew.as_secs())
    }

    #[test]
    fn a_clock_is_wrong_by_the_least_that_the_answer_leaves_open() {
        // The header says 100 seconds after the epoch.
        let date = "Thu, 01 Jan 1970 00:01:40 GMT";
        assert_eq!(told(date, 100, 101), Some(0));
        assert_eq!(told(date, 95, 105), Some(0));
        assert_eq!(told(date, 40, 41), Some(59));
        assert_eq!(told(date, 161, 162), Some(-60));
        assert_eq!(told("yesterday", 1, 2), None);
    }

    #[test]
    fn each_refusal_has_its_kind() {
        let kind = |status: u16, error_type: &str, words: &str| {
            meaning(StatusCode::from_u16(status).unwrap(), error_type, words, false).0
        };
        for (status, error_type, words, expected) in [
            (401, "", "Unauthorized", ErrorKind::Unauthenticated),
            (403, "", "", ErrorKind::AclDenied),
            (404, "", "404 page not found", ErrorKind::NotFound),
            (429, "", "", ErrorKind::RateLimited),
            (503, "timeout", "query timed out in expression evaluation", ErrorKind::TimedOut),
            (422, "execution", "expanding series: context deadline exceeded", ErrorKind::TimedOut),
            (503, "", "Service Unavailable", ErrorKind::ServerError),
            (
                422,
                "execution",
                "query processing would load too many samples into memory in query execution",
                ErrorKind::TooLarge,
            ),
            (422, "422", "the number of matching timeseries exceeds 300000", ErrorKind::TooLarge),
            (422, "execution", "vector cannot contain metrics with the same labelset", ErrorKind::Invalid),
            (400, "bad_data", "parse error", ErrorKind::Invalid),
            (400, "", "Client sent an HTTP request to an HTTPS server.", ErrorKind::Misconfigured),
            (302, "", "<a href=\"/login\">", ErrorKind::NotUnderstood),
        ] {
            assert_eq!(kind(status, error_type, words), expected, "{status} {words}");
        }
    }
}
