//! `/hystrix.stream`: the breakers of one instance as Netflix' Java library sends them (hystrix-metrics-event-stream,
//! `SerialHystrixDashboardData`): one `HystrixCommand` per breaker and one `HystrixThreadPool` for all, twice a second,
//! and `ping:` fields to keep the connection alive.

use std::convert::Infallible;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use tokio::time::{MissedTickBehavior, interval};
use tokio_stream::wrappers::IntervalStream;

use crate::breaker::{BreakerState, Glance, PLAN};
use crate::instance::{Instance, PATIENCE};

const EVERY: Duration = Duration::from_millis(500);
/// Hystrix' own default for `maxConcurrentConnections`.
pub(crate) const VIEWERS: usize = 5;

pub(crate) fn stream(instance: &Arc<Instance>) -> Response {
    let Ok(viewer) = Arc::clone(&instance.viewers).try_acquire_owned() else {
        return (StatusCode::SERVICE_UNAVAILABLE, format!("MaxConcurrentConnections reached: {VIEWERS}"))
            .into_response();
    };
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let (stop, instance) = (instance.stop.clone(), Arc::clone(instance));
    let frames = IntervalStream::new(ticks).map(move |_| {
        let _watching = &viewer;
        Ok::<String, Infallible>(frame(&instance.breakers()))
    });
    let body = Body::from_stream(frames.take_until(stop.cancelled_owned()));
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream;charset=UTF-8"),
        (header::CACHE_CONTROL, "no-cache, no-store, max-age=0, must-revalidate"),
        (header::PRAGMA, "no-cache"),
    ];
    (headers, body).into_response()
}

/// Everything that is sent at one tick.
fn frame(breakers: &[(&'static str, Glance)]) -> String {
    let now = Timestamp::now().as_millisecond();
    let mut out = String::new();
    for (peer, glance) in breakers {
        let _ = write!(out, "data: {}\n\n", command(peer, glance, now));
    }
    let _ = write!(out, "data: {}\n\nping: \n\n", thread_pool(breakers, now));
    out
}

/// The latency below which `percent` of the calls stayed, in whole milliseconds, as Hystrix gives them.
fn percentile(latencies: &[Duration], percent: usize) -> u64 {
    let rank = (latencies.len() * percent).div_ceil(1000).saturating_sub(1);
    latencies.get(rank).map_or(0, |latency| u64::try_from(latency.as_millis()).unwrap_or(u64::MAX))
}

fn percentiles(latencies: &[Duration]) -> Value {
    let named = [
        ("0", 0),
        ("25", 250),
        ("50", 500),
        ("75", 750),
        ("90", 900),
        ("95", 950),
        ("99", 990),
        ("99.5", 995),
        ("100", 1000),
    ];
    Value::Object(
        named.iter().map(|(name, percent)| ((*name).to_owned(), json!(percentile(latencies, *percent)))).collect(),
    )
}

fn mean(latencies: &[Duration]) -> u64 {
    let count = u32::try_from(latencies.len()).unwrap_or(u32::MAX).max(1);
    u64::try_from((latencies.iter().sum::<Duration>() / count).as_millis()).unwrap_or(u64::MAX)
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn command(peer: &str, glance: &Glance, now: i64) -> Value {
    let counts = glance.counts;
    let mut event = json!({
        "type": "HystrixCommand",
        "name": peer,
        "group": peer,
        "currentTime": now,
        // True while half-open too: a dashboard cannot tell the two apart.
        "isCircuitBreakerOpen": glance.state != BreakerState::Closed,
        "errorPercentage": counts.error_percent(),
        "errorCount": counts.errors(),
        "requestCount": counts.requests(),
        "rollingCountFailure": counts.failure,
        "rollingCountFallbackSuccess": counts.short_circuited,
        "rollingCountShortCircuited": counts.short_circuited,
        "rollingCountSuccess": counts.success,
        "rollingCountTimeout": counts.timeout,
        "currentConcurrentExecutionCount": glance.in_flight,
        "rollingMaxConcurrentExecutionCount": glance.in_flight,
        "latencyExecute_mean": mean(&glance.latencies),
        "latencyExecute": percentiles(&glance.latencies),
        "latencyTotal_mean": mean(&glance.latencies),
        "latencyTotal": percentiles(&glance.latencies),
        "propertyValue_circuitBreakerRequestVolumeThreshold": PLAN.volume,
        "propertyValue_circuitBreakerSleepWindowInMilliseconds": millis(PLAN.sleep),
        "propertyValue_circuitBreakerErrorThresholdPercentage": PLAN.error_percent,
        "propertyValue_circuitBreakerForceOpen": false,
        "propertyValue_circuitBreakerForceClosed": false,
        "propertyValue_circuitBreakerEnabled": true,
        "propertyValue_executionIsolationStrategy": "SEMAPHORE",
        "propertyValue_executionIsolationThreadTimeoutInMilliseconds": millis(PATIENCE),
        "propertyValue_executionTimeoutInMilliseconds": millis(PATIENCE),
        "propertyValue_executionIsolationThreadInterruptOnTimeout": true,
        "propertyValue_executionIsolationThreadPoolKeyOverride": null,
        "propertyValue_executionIsolationSemaphoreMaxConcurrentRequests": 64,
        "propertyValue_fallbackIsolationSemaphoreMaxConcurrentRequests": 64,
        "propertyValue_metricsRollingStatisticalWindowInMilliseconds": millis(PLAN.window),
        "propertyValue_requestCacheEnabled": false,
        "propertyValue_requestLogEnabled": false,
        "reportingHosts": 1,
        "threadPool": POOL,
    });
    if let Some(map) = event.as_object_mut() {
        never_counted(map);
    }
    event
}

/// What this breaker has no such thing as: sent as zero, as the Java library sends what did not happen.
fn never_counted(event: &mut Map<String, Value>) {
    for what in [
        "BadRequests",
        "CollapsedRequests",
        "Emit",
        "ExceptionsThrown",
        "FallbackEmit",
        "FallbackFailure",
        "FallbackMissing",
        "FallbackRejection",
        "ResponsesFromCache",
        "SemaphoreRejected",
        "ThreadPoolRejected",
    ] {
        event.insert(format!("rollingCount{what}"), json!(0));
    }
}

const POOL: &str = "checkout";

fn thread_pool(breakers: &[(&'static str, Glance)], now: i64) -> Value {
    let active: u32 = breakers.iter().map(|(_, glance)| glance.in_flight).sum();
    let executed: u32 = breakers.iter().map(|(_, glance)| glance.counts.requests()).sum();
    json!({
        "type": "HystrixThreadPool",
        "name": POOL,
        "currentTime": now,
        "currentActiveCount": active,
        "currentCompletedTaskCount": executed,
        "currentCorePoolSize": 64,
        "currentLargestPoolSize": 64,
        "currentMaximumPoolSize": 64,
        "currentPoolSize": 64,
        "currentQueueSize": 0,
        "currentTaskCount": executed,
        "rollingCountThreadsExecuted": executed,
        "rollingMaxActiveThreads": active,
        "rollingCountCommandRejections": 0,
        "propertyValue_queueSizeRejectionThreshold": 5,
        "propertyValue_metricsRollingStatisticalWindowInMilliseconds": millis(PLAN.window),
        "reportingHosts": 1,
    })
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::breaker::{Breaker, CallEnd};

    #[test]
    fn half_open_is_told_as_open() {
        let start = Instant::now();
        let breaker = Breaker::new(PLAN, start);
        for _ in 0..PLAN.volume {
            breaker.ask(start).expect("closed").end(start, CallEnd::Failure, Duration::from_millis(7));
        }
        let event = command("payments", &breaker.glance(start), 5);
        assert_eq!(
            (event["isCircuitBreakerOpen"].as_bool(), event["errorPercentage"].as_u64()),
            (Some(true), Some(100))
        );
        assert_eq!(event["latencyExecute"]["99.5"], 7);
        let later = start + PLAN.sleep;
        let _probe = breaker.ask(later).expect("a probe");
        assert_eq!(command("payments", &breaker.glance(later), 5)["isCircuitBreakerOpen"], true);
    }

    #[test]
    fn percentiles_are_by_nearest_rank() {
        let latencies: Vec<Duration> = (1..=100).map(Duration::from_millis).collect();
        let of = |percent| percentile(&latencies, percent);
        assert_eq!([of(0), of(500), of(990), of(1000)], [1, 50, 99, 100]);
        assert_eq!(percentile(&[], 500), 0);
    }
}
