//! How a service behaves is written in the registry's own key-value store, under `fleet/<service>/`, and watched from
//! there by blocking queries: edit a key, and the fleet reacts.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::StatusCode;
use serde::Deserialize;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::fleet::ServicePlan;

/// The longest delay that can be asked for, in milliseconds.
const MAX_LATENCY_MS: u32 = 60_000;
/// How long to wait before the registry is asked again after it did not answer.
const RETRY: Duration = Duration::from_millis(500);

/// How a service is to behave.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Steering {
    /// The time every answer takes at least.
    pub(crate) latency: Duration,
    /// The share of answers that are errors, 0 to 1.
    pub(crate) error_ratio: f64,
    /// What was written that makes no sense, and was not followed.
    pub(crate) ignored: Vec<String>,
}

/// What a service says of its own health.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Passing,
    Warning,
    Critical,
}

impl Steering {
    pub(crate) fn of(plan: &ServicePlan) -> Steering {
        Steering { latency: Duration::from_millis(u64::from(plan.latency_ms)), error_ratio: 0.0, ignored: Vec::new() }
    }

    /// Reads the keys under `fleet/<service>/`; what is missing or makes no sense leaves the plan's own value in force.
    pub(crate) fn read<'a>(plan: &ServicePlan, entries: impl Iterator<Item = (&'a str, &'a [u8])>) -> Steering {
        let mut steering = Steering::of(plan);
        for (key, value) in entries {
            let text = String::from_utf8_lossy(value);
            let text = text.trim();
            let refuse =
                |what: &str| format!("{key} is not {what}: {:?}, ignored", text.chars().take(40).collect::<String>());
            match key.rsplit('/').next() {
                Some("latency_ms") => match text.parse::<u32>() {
                    Ok(millis) if millis <= MAX_LATENCY_MS => {
                        steering.latency = Duration::from_millis(u64::from(millis));
                    }
                    _ => steering.ignored.push(refuse("a whole number of milliseconds up to 60000")),
                },
                Some("error_ratio") => match text.parse::<f64>() {
                    Ok(ratio) if (0.0..=1.0).contains(&ratio) => steering.error_ratio = ratio,
                    _ => steering.ignored.push(refuse("a number from 0 to 1")),
                },
                _ => {}
            }
        }
        steering
    }

    /// Health as the service itself sees it, with a sentence for the check's output.
    pub(crate) fn verdict(&self) -> (Verdict, String) {
        let millis = self.latency.as_millis();
        let mut text = format!("answers take {millis} ms, {:.0} % of them are errors", self.error_ratio * 100.0);
        for ignored in &self.ignored {
            text.push_str("; ");
            text.push_str(ignored);
        }
        let verdict = if self.error_ratio >= 0.5 || millis >= 2_000 {
            Verdict::Critical
        } else if self.error_ratio >= 0.05 || millis >= 400 || !self.ignored.is_empty() {
            Verdict::Warning
        } else {
            Verdict::Passing
        };
        (verdict, text)
    }
}

/// One entry of a listing, as Consul writes it.
#[derive(Deserialize)]
struct Entry {
    #[serde(rename = "Key")]
    key: String,
    #[serde(rename = "Value")]
    value: Option<String>,
}

/// Follows the keys of one service until `stop`, and tells `steering` whenever they change.
pub(crate) async fn follow(
    registry: Url,
    http: reqwest::Client,
    plan: &'static ServicePlan,
    steering: Arc<watch::Sender<Steering>>,
    stop: CancellationToken,
) {
    let mut index = 0;
    loop {
        let asked = ask(&registry, &http, plan, index);
        let answer = tokio::select! {
            () = stop.cancelled() => return,
            answer = asked => answer,
        };
        match answer {
            Ok((now, read)) => {
                // An index that went back means the registry is another one; start over.
                index = if now < index { 0 } else { now };
                steering.send_if_modified(|known| {
                    let changed = *known != read;
                    *known = read;
                    changed
                });
            }
            Err(error) => {
                tracing::debug!(service = plan.name, %error, "the steering keys could not be read");
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = tokio::time::sleep(RETRY) => {}
                }
            }
        }
    }
}

async fn ask(
    registry: &Url,
    http: &reqwest::Client,
    plan: &ServicePlan,
    index: u64,
) -> Result<(u64, Steering), reqwest::Error> {
    let url = format!("{registry}v1/kv/fleet/{}/?recurse&wait=60s&index={index}", plan.name);
    let response = http.get(url).timeout(Duration::from_secs(90)).send().await?;
    let now = response.headers().get("x-consul-index").and_then(|value| value.to_str().ok()?.parse().ok()).unwrap_or(0);
    if response.status() == StatusCode::NOT_FOUND {
        return Ok((now, Steering::of(plan)));
    }
    let entries: Vec<Entry> = response.error_for_status()?.json().await?;
    let decoded: Vec<(String, Vec<u8>)> = entries
        .into_iter()
        .map(|entry| (entry.key, STANDARD.decode(entry.value.unwrap_or_default()).unwrap_or_default()))
        .collect();
    Ok((now, Steering::read(plan, decoded.iter().map(|(key, value)| (key.as_str(), value.as_slice())))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::SERVICES;

    fn read(entries: &[(&str, &[u8])]) -> Steering {
        Steering::read(&SERVICES[0], entries.iter().copied())
    }

    #[test]
    fn what_makes_no_sense_is_ignored_and_said() {
        for bad in [&b"abc"[..], b"", b"-0.1", b"1.01", b"NaN", b"inf", b"\xff\xfe", b"0,5"] {
            let steering = read(&[("fleet/x/error_ratio", bad)]);
            assert!(steering.error_ratio.abs() < f64::EPSILON);
            let (verdict, text) = steering.verdict();
            assert_eq!(verdict, Verdict::Warning);
            assert!(text.contains("fleet/x/error_ratio is not a number from 0 to 1"), "{text}");
        }
        assert_eq!(read(&[("fleet/x/latency_ms", b"60001")]).ignored.len(), 1);
        assert!(read(&[("fleet/x/note", b"hello")]).ignored.is_empty());
    }

    #[test]
    fn health_follows_the_keys() {
        let verdict =
            |ratio: &[u8], millis: &[u8]| read(&[("f/x/error_ratio", ratio), ("f/x/latency_ms", millis)]).verdict().0;
        assert_eq!(verdict(b"0", b"10"), Verdict::Passing);
        assert_eq!(verdict(b" 0.1\n", b"10"), Verdict::Warning);
        assert_eq!(verdict(b"0.5", b"10"), Verdict::Critical);
        assert_eq!(verdict(b"0", b"800"), Verdict::Warning);
        assert_eq!(verdict(b"0", b"5000"), Verdict::Critical);
    }
}
