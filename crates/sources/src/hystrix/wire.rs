//! The events of a Hystrix stream, in the three dialects that there are: Java's (`hystrix-metrics-event-stream`), Go's
//! (`afex/hystrix-go`), which leaves fields out and counts short-circuited calls as requests, and Turbine's, which adds the streams
//! of several processes up: counts are sums, settings are text, and what differs is `{"10000":1,"2000":2}`, how many say which.
//!
//! Source: `HystrixMetricsPoller.java` of <https://github.com/Netflix/Hystrix>, `eventstream.go` of
//! <https://github.com/afex/hystrix-go> and the events of Turbine 2.0.0-DP.2. What is missing counts as 0, false or empty.

use std::fmt;

use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, Visitor};

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
pub struct Command {
    /// The command key.
    pub name: String,
    /// The command group; in hystrix-go always the name. Where processes differ, what most of them say.
    #[serde(deserialize_with = "word")]
    pub group: String,
    /// True also while a probe is let through: half-open is invisible. False for a breaker that a person opened.
    #[serde(rename = "isCircuitBreakerOpen", deserialize_with = "tally")]
    pub is_open: Tally,
    /// Percent of the requests of the window.
    #[serde(rename = "errorPercentage")]
    pub error_percentage: f64,
    /// Failed requests of the window.
    #[serde(rename = "errorCount")]
    pub error_count: f64,
    /// Requests of the window.
    #[serde(rename = "requestCount")]
    pub request_count: f64,
    /// Calls that succeeded, in the window.
    #[serde(rename = "rollingCountSuccess")]
    pub succeeded: f64,
    /// Calls that failed, in the window.
    #[serde(rename = "rollingCountFailure")]
    pub failed: f64,
    /// Calls that were given up, in the window.
    #[serde(rename = "rollingCountTimeout")]
    pub timed_out: f64,
    /// Calls that were the caller's own mistake, in the window; Java only.
    #[serde(rename = "rollingCountBadRequests")]
    pub bad_requests: f64,
    /// How long they took, in milliseconds.
    #[serde(rename = "latencyExecute")]
    pub latency: Latency,
    /// When it was said by the process's clock, in milliseconds since 1970; 0 when not said. A sum where processes are added up.
    #[serde(rename = "currentTime")]
    pub said_at_ms: f64,
    /// Calls that the breaker refused, in the window.
    #[serde(rename = "rollingCountShortCircuited")]
    pub short_circuited: f64,
    /// A person opened it.
    #[serde(rename = "propertyValue_circuitBreakerForceOpen", deserialize_with = "tally")]
    pub force_open: Tally,
    /// A person closed it.
    #[serde(rename = "propertyValue_circuitBreakerForceClosed", deserialize_with = "tally")]
    pub force_closed: Tally,
    /// False when it is switched off. On unless said otherwise.
    #[serde(rename = "propertyValue_circuitBreakerEnabled", deserialize_with = "tally")]
    pub enabled: Tally,
    /// The length of the rolling window in milliseconds; 0 when not said.
    #[serde(rename = "propertyValue_metricsRollingStatisticalWindowInMilliseconds", deserialize_with = "setting")]
    pub window_ms: Setting,
    /// How long it stays open before a probe, in milliseconds; 0 when not said.
    #[serde(rename = "propertyValue_circuitBreakerSleepWindowInMilliseconds", deserialize_with = "setting")]
    pub sleep_window_ms: Setting,
    /// The error percentage at which it opens; 0 when not said.
    #[serde(rename = "propertyValue_circuitBreakerErrorThresholdPercentage", deserialize_with = "setting")]
    pub error_threshold: Setting,
    /// How many processes are added up here: more than 1 from Turbine, 0 when not said.
    #[serde(rename = "reportingHosts")]
    pub reporting_hosts: f64,
    /// The thread pool; Java only. Where processes differ, what most of them say.
    #[serde(rename = "threadPool", deserialize_with = "word")]
    pub thread_pool: String,
}

impl Default for Command {
    fn default() -> Self {
        Self {
            name: String::new(),
            group: String::new(),
            is_open: Tally::default(),
            error_percentage: 0.0,
            error_count: 0.0,
            request_count: 0.0,
            succeeded: 0.0,
            failed: 0.0,
            timed_out: 0.0,
            bad_requests: 0.0,
            latency: Latency::default(),
            said_at_ms: 0.0,
            short_circuited: 0.0,
            force_open: Tally::default(),
            force_closed: Tally::default(),
            enabled: Tally { is: true, count: None },
            window_ms: Setting::default(),
            sleep_window_ms: Setting::default(),
            error_threshold: Setting::default(),
            reporting_hosts: 0.0,
            thread_pool: String::new(),
        }
    }
}

impl Command {
    /// How many processes are added up here.
    pub fn hosts(&self) -> f64 {
        self.reporting_hosts.max(1.0)
    }
}

/// Percentiles. Added up they say nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Latency {
    /// Half of the calls took no longer.
    #[serde(rename = "50")]
    pub p50: Option<f64>,
    /// 95 of 100 calls took no longer.
    #[serde(rename = "95")]
    pub p95: Option<f64>,
    /// 99 of 100 calls took no longer.
    #[serde(rename = "99")]
    pub p99: Option<f64>,
}

/// A flag, of one process or of several.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Tally {
    /// True when any says so.
    pub is: bool,
    /// How many say so, where they differ.
    pub count: Option<f64>,
}

/// A setting. Numbers are added up where there are several processes, text is what each of them says.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Setting {
    value: f64,
    is_sum: bool,
}

impl Setting {
    /// Of one process, where so many are added up. 0 when not said.
    pub fn of_one(self, hosts: f64) -> f64 {
        if self.is_sum { self.value / hosts } else { self.value }
    }
}

/// What a field may hold.
enum Held {
    Flag(bool),
    Number(f64),
    /// Words, and how many processes say each; one word that all say has no count.
    Words(Vec<(String, Option<f64>)>),
}

impl Held {
    /// The word that most say.
    fn most(self) -> Option<String> {
        let Self::Words(words) = self else { return None };
        let most = words.into_iter().max_by(|(_, a), (_, b)| a.unwrap_or(1.0).total_cmp(&b.unwrap_or(1.0)));
        most.map(|(word, _)| word)
    }
}

fn tally<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Tally, D::Error> {
    Ok(match deserializer.deserialize_any(AnyOf)? {
        Held::Flag(is) => Tally { is, count: None },
        Held::Number(count) => Tally { is: count > 0.0, count: Some(count) },
        Held::Words(words) => {
            let yes = words.into_iter().find(|(word, _)| word.eq_ignore_ascii_case("true"));
            yes.map_or(Tally::default(), |(_, count)| Tally { is: true, count })
        }
    })
}

fn setting<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Setting, D::Error> {
    Ok(match deserializer.deserialize_any(AnyOf)? {
        Held::Number(value) => Setting { value, is_sum: true },
        held => {
            let value = held.most().and_then(|word| word.parse().ok()).filter(|value: &f64| value.is_finite());
            Setting { value: value.unwrap_or_default(), is_sum: false }
        }
    })
}

fn word<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Ok(deserializer.deserialize_any(AnyOf)?.most().unwrap_or_default())
}

struct AnyOf;

impl<'de> Visitor<'de> for AnyOf {
    type Value = Held;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value, or how many say which")
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Held, E> {
        Ok(Held::Flag(value))
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Held, E> {
        Ok(Held::Words(vec![(value.to_owned(), None)]))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Held, E> {
        self.visit_f64(u32::try_from(value).map_or(f64::INFINITY, f64::from))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Held, E> {
        self.visit_f64(i32::try_from(value).map_or(0.0, f64::from))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Held, E> {
        Ok(Held::Number(value))
    }

    fn visit_unit<E: de::Error>(self) -> Result<Held, E> {
        Ok(Held::Words(Vec::new()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Held, A::Error> {
        let mut words = Vec::new();
        while let Some((word, count)) = map.next_entry()? {
            words.push((word, Some(count)));
        }
        Ok(Held::Words(words))
    }
}
