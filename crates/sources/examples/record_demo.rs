//! Records the fixtures of the metrics and Hystrix sources from the demo fleet:
//! `cargo run -p binnacle-sources --example record_demo`.
//!
//! `checkout`'s metrics are recorded at rest, two seconds later, and while payments fails; its Hystrix stream at rest and
//! while the breaker is open. Each file says what it comes from.

use std::path::{Path, PathBuf};
use std::time::Duration;

use binnacle_demo::Demo;

/// Any error ends the recording; there is nothing to decide about it.
type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// How long the fleet may take to do what is recorded.
const DEADLINE: Duration = Duration::from_secs(30);

fn fixtures(source: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(source).join("fixtures")
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Outcome<()> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let demo = Demo::start().await?;
    let checkout = demo.services().iter().find(|service| service.name == "checkout").ok_or("no checkout")?;
    let checkout = format!("http://{}", checkout.address);
    wait_for(&checkout, has_traffic).await?;
    record_metrics(&checkout, "checkout-1.txt").await?;
    tokio::time::sleep(Duration::from_secs(2)).await;
    record_metrics(&checkout, "checkout-2.txt").await?;
    record_stream(&checkout, "checkout-closed.txt", "\"isCircuitBreakerOpen\":false").await?;
    let key = demo.registry().join("v1/kv/fleet/payments/error_ratio")?;
    reqwest::Client::new().put(key).body("1").send().await?.error_for_status()?;
    wait_for(&checkout, refuses).await?;
    record_metrics(&checkout, "checkout-open.txt").await?;
    record_stream(&checkout, "checkout-open.txt", "\"isCircuitBreakerOpen\":true").await?;
    demo.stop().await;
    Ok(())
}

async fn metrics(service: &str) -> Outcome<String> {
    Ok(reqwest::get(format!("{service}/metrics")).await?.error_for_status()?.text().await?)
}

fn has_traffic(text: &str) -> bool {
    let calls = text.lines().filter(|line| line.starts_with("demo_client_requests_total") && line.contains("\"ok\""));
    calls.clone().count() > 0 && calls.into_iter().all(|line| !line.ends_with(" 0"))
}

/// Whether the breaker toward payments has refused calls.
fn refuses(text: &str) -> bool {
    let refused = "demo_breaker_rejected_total{service=\"checkout\",peer=\"payments\"}";
    text.lines().any(|line| line.starts_with(refused) && !line.ends_with(" 0"))
}

async fn wait_for(service: &str, holds: impl Fn(&str) -> bool) -> Outcome<()> {
    let waiting = async {
        while !holds(&metrics(service).await?) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    };
    tokio::time::timeout(DEADLINE, waiting).await?
}

async fn record_metrics(service: &str, file: &str) -> Outcome<()> {
    let text = metrics(service).await?;
    let source = format!("# Recorded from binnacle-demo {} by examples/record_demo.rs.\n", env!("CARGO_PKG_VERSION"));
    Ok(std::fs::write(fixtures("scrape").join(file), source + &text)?)
}

/// The stream up to the end of the first burst of events in which a command says this.
async fn record_stream(service: &str, file: &str, says: &str) -> Outcome<()> {
    let mut response = reqwest::get(format!("{service}/hystrix.stream")).await?.error_for_status()?;
    let mut text =
        format!(": Recorded from binnacle-demo {} by examples/record_demo.rs.\n\n", env!("CARGO_PKG_VERSION"));
    let recording = async {
        while let Some(part) = response.chunk().await? {
            text.push_str(std::str::from_utf8(&part)?);
            if text.contains(says) && text.ends_with("ping: \n\n") {
                return Ok(text);
            }
        }
        Err("the stream ended".into())
    };
    let text: Outcome<String> = tokio::time::timeout(DEADLINE, recording).await?;
    Ok(std::fs::write(fixtures("hystrix").join(file), text?)?)
}
