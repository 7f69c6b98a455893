//! One reading of one endpoint.

use std::time::{Duration, Instant};

use ::http::HeaderMap;
use ::http::header::CONTENT_TYPE;
use jiff::Timestamp;

use super::dialect::Dialects;
use super::exposition::{Exposition, Interest, Value};
use super::rate::PROCESS_START;
use super::{SYSTEM, Target, ask, count};
use crate::connection::Meter;
use crate::error::{ErrorKind, SourceError};
use crate::http;
use crate::road::Road;

/// How long a whole answer may take.
const PATIENCE: Duration = Duration::from_secs(2);
/// The largest answer that is read.
const LARGEST_BODY: usize = 10 * 1024 * 1024;
/// How many series of one process are kept.
const MOST_SERIES: usize = 20_000;
/// The format that is asked for, and nothing newer.
const ACCEPT: &str = "text/plain;version=0.0.4;q=1,*/*;q=0.1";
/// The same where a person wants to see what is shown.
const ACCEPT_BOTH: &str = "application/openmetrics-text;version=1.0.0;q=1,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";

/// What an endpoint showed.
#[derive(Debug)]
pub(super) struct Answer {
    /// The samples that a dialect reads.
    pub(super) exposition: Exposition,
    /// When the process says that it was started.
    pub(super) started: Option<f64>,
    /// When it answered.
    pub(super) at: Instant,
    /// The same moment on the wall's clock.
    pub(super) seen: Timestamp,
    bytes: u64,
}

/// Reads an endpoint once.
pub(super) async fn read(
    road: &Road,
    target: &Target,
    dialects: &Dialects,
    meter: &Meter,
) -> Result<Answer, SourceError> {
    meter.sent();
    let outcome = match tokio::time::timeout(PATIENCE, answer(road, target, dialects)).await {
        Ok(outcome) => outcome,
        Err(_) => Err(SourceError {
            system: SYSTEM,
            kind: ErrorKind::TimedOut,
            tried: target.request(),
            came_back: format!("no whole answer in {} s", PATIENCE.as_secs()),
            hint: "The process may be overloaded or stopped; it is asked again by itself.".to_owned(),
        }),
    };
    count(meter, &outcome, |answer| answer.bytes);
    outcome
}

/// What an endpoint shows, as it shows it, and whether it calls that OpenMetrics. Either form is asked for.
pub(super) async fn body(road: &Road, target: &Target) -> Result<(Vec<u8>, bool), SourceError> {
    let response = ask(SYSTEM, road, target, ACCEPT_BOTH).await?;
    let is_open_metrics = is_open_metrics(response.headers());
    Ok((http::whole_body(SYSTEM, &target.request(), response, LARGEST_BODY).await?, is_open_metrics))
}

fn is_open_metrics(head: &HeaderMap) -> bool {
    let format = head.get(CONTENT_TYPE).and_then(|format| format.to_str().ok());
    format.is_some_and(|format| format.starts_with("application/openmetrics-text"))
}

async fn answer(road: &Road, target: &Target, dialects: &Dialects) -> Result<Answer, SourceError> {
    let response = ask(SYSTEM, road, target, ACCEPT).await?;
    // Counters are read when the head is written, not when a long body has arrived.
    let (at, seen) = (Instant::now(), Timestamp::now());
    let is_open_metrics = is_open_metrics(response.headers());
    let body = http::whole_body(SYSTEM, &target.request(), response, LARGEST_BODY).await?;
    let wanted = |name: &str| match name {
        PROCESS_START => Some(Interest::Value),
        name => dialects.interest(name),
    };
    let mut exposition = Exposition::read(&body, wanted);
    if is_open_metrics {
        exposition = exposition.of_open_metrics(&body);
    }
    plausible(target, &exposition)?;
    let started = exposition.samples.iter().find(|sample| *sample.name == *PROCESS_START);
    let started = started.and_then(|sample| match sample.value {
        Value::Number(number) => Some(number),
        Value::Histogram(_) => None,
    });
    Ok(Answer { exposition, started, at, seen, bytes: body.len() as u64 })
}

/// Refuses what is not this format at all, and what is more than can be kept.
fn plausible(target: &Target, exposition: &Exposition) -> Result<(), SourceError> {
    let tally = exposition.tally;
    let refused = |kind, came_back, hint: &str| {
        Err(SourceError { system: SYSTEM, kind, tried: target.request(), came_back, hint: hint.to_owned() })
    };
    if exposition.samples.len() > MOST_SERIES {
        let came_back = format!("{} series of calls and breakers", exposition.samples.len());
        let hint = "Binnacle keeps 20,000 of one process; a label with very many values is likely to blame.";
        return refused(ErrorKind::TooLarge, came_back, hint);
    }
    match exposition.refused.first() {
        Some(first) if tally.got + tally.passed_over == 0 => {
            let came_back =
                format!("none of its {} lines is a sample; line {}: {}", tally.fed, first.line, first.reason);
            refused(ErrorKind::NotUnderstood, came_back, "See that the path is that of the metrics.")
        }
        _ => Ok(()),
    }
}
