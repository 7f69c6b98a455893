//! The events of a Hystrix stream, in the two dialects that there are: Java's (`hystrix-metrics-event-stream`) and Go's
//! (`afex/hystrix-go`), which leaves fields out and counts short-circuited calls as requests.
//!
//! Source: `HystrixMetricsPoller.java` of <https://github.com/Netflix/Hystrix> and `eventstream.go` of
//! <https://github.com/afex/hystrix-go>. What is missing counts as 0, false or empty.

use std::fmt;

use serde::Deserialize;
use serde::de::{self, Deserializer, IgnoredAny, MapAccess, Visitor};

/// One event.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(tag = "type")]
pub enum Event {
    /// A command and its breaker.
    HystrixCommand(Box<Command>),
    /// A thread pool. It bounds concurrency; its state is no state of a breaker.
    HystrixThreadPool,
    /// A collapser, or what later versions may bring.
    #[serde(other)]
    Other,
}

/// One command of a process, with its breaker. The counts are sums over the rolling window, not counters.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default)]
#[allow(clippy::struct_excessive_bools, reason = "they are the other side's fields")]
pub struct Command {
    /// The command key.
    pub name: String,
    /// The command group; in hystrix-go always the name.
    pub group: String,
    /// True also while a probe is let through: half-open is invisible. False for a breaker that a person opened.
    #[serde(rename = "isCircuitBreakerOpen", deserialize_with = "flag")]
    pub is_open: bool,
    /// Percent of the requests of the window.
    #[serde(rename = "errorPercentage")]
    pub error_percentage: f64,
    /// Failed requests of the window.
    #[serde(rename = "errorCount")]
    pub error_count: f64,
    /// Requests of the window.
    #[serde(rename = "requestCount")]
    pub request_count: f64,
    /// Calls that the breaker refused, in the window.
    #[serde(rename = "rollingCountShortCircuited")]
    pub short_circuited: f64,
    /// A person opened it.
    #[serde(rename = "propertyValue_circuitBreakerForceOpen", deserialize_with = "flag")]
    pub force_open: bool,
    /// A person closed it.
    #[serde(rename = "propertyValue_circuitBreakerForceClosed", deserialize_with = "flag")]
    pub force_closed: bool,
    /// False when it is switched off. On unless said otherwise.
    #[serde(rename = "propertyValue_circuitBreakerEnabled", deserialize_with = "flag")]
    pub enabled: bool,
    /// The length of the rolling window in milliseconds; 0 when not said.
    #[serde(rename = "propertyValue_metricsRollingStatisticalWindowInMilliseconds")]
    pub window_ms: f64,
    /// How long it stays open before a probe, in milliseconds; 0 when not said.
    #[serde(rename = "propertyValue_circuitBreakerSleepWindowInMilliseconds")]
    pub sleep_window_ms: f64,
    /// The error percentage at which it opens; 0 when not said.
    #[serde(rename = "propertyValue_circuitBreakerErrorThresholdPercentage")]
    pub error_threshold: f64,
    /// How many processes are added up here: more than 1 from Turbine, 0 when not said.
    #[serde(rename = "reportingHosts")]
    pub reporting_hosts: f64,
    /// The thread pool; Java only.
    #[serde(rename = "threadPool")]
    pub thread_pool: Option<String>,
}

impl Default for Command {
    fn default() -> Self {
        Self {
            name: String::new(),
            group: String::new(),
            is_open: false,
            error_percentage: 0.0,
            error_count: 0.0,
            request_count: 0.0,
            short_circuited: 0.0,
            force_open: false,
            force_closed: false,
            enabled: true,
            window_ms: 0.0,
            sleep_window_ms: 0.0,
            error_threshold: 0.0,
            reporting_hosts: 0.0,
            thread_pool: None,
        }
    }
}

/// A flag. Turbine, which adds several processes up, writes `{"true":1,"false":2}` where they differ: true when any says so.
fn flag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    deserializer.deserialize_any(Flag)
}

struct Flag;

impl<'de> Visitor<'de> for Flag {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("true, false, or how many say which")
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<bool, E> {
        Ok(value)
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<bool, E> {
        Ok(value.eq_ignore_ascii_case("true"))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<bool, E> {
        Ok(value != 0)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<bool, A::Error> {
        let mut any = false;
        while let Some(said) = map.next_key::<String>()? {
            map.next_value::<IgnoredAny>()?;
            any |= said.eq_ignore_ascii_case("true");
        }
        Ok(any)
    }
}
