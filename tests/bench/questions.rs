//! What a Prometheus has to do for Binnacle where it knows 1,000 services and 5,000 edges, in its own counts.

use std::fmt::Write as _;
use std::process::Stdio;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use lab::{Prometheus, job};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

use crate::{Outcome, executable};

const SERVICES: usize = 1_000;
const CALLEES: usize = 5;
const WATCHED: Duration = Duration::from_secs(60);

pub(crate) async fn measure() -> Outcome<()> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let at = listener.local_addr()?.to_string();
    let body = mesh();
    let app = Router::new().route("/metrics", get(async move || body.clone()));
    #[allow(clippy::disallowed_methods, reason = "the server lives as long as the benchmark")]
    tokio::spawn(async move { axum::serve(listener, app).await });
    let server = Prometheus::builder().every("15s").scraping(job("mesh", [at])).start().await?;
    lab::until("two scrapes", Duration::from_secs(90), async || {
        match server.query("count_over_time(up[5m]) >= 2").await {
            Ok(found) if !found.is_empty() => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await?;

    let mut child = Command::new(executable("binnaclectl")?)
        .args(["watch", "--only", "source", "-o", "jsonl", "--wait", "30s"])
        .args(["--source", &format!("prometheus={}", server.address())])
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let mut lines = BufReader::new(child.stdout.take().ok_or("no pipe")?).lines();
    let ready = loop {
        match lines.next_line().await? {
            Some(line) if line.contains("\"ready\"") => break line,
            Some(_) => {}
            None => return Err("watch ended".into()),
        }
    };
    let before = counts(&server).await?;
    tokio::time::sleep(WATCHED).await;
    let after = counts(&server).await?;
    let [requests, samples, seconds] = [0, 1, 2].map(|one: usize| {
        let of = |all: &[f64]| all.get(one).copied().unwrap_or(f64::NAN);
        of(&after) - of(&before)
    });
    println!(
        "| a Prometheus with 1,000 services and 5,000 edges, in a minute ({ready}) | {requests:.0} requests, {:.2} million samples touched, {seconds:.2} s of queries | – | – | ≤ 24 requests a beat |",
        samples / 1e6
    );
    child.kill().await?;
    Ok(())
}

/// The requests that it answered, the samples that its queries touched, and how long they ran.
async fn counts(server: &Prometheus) -> Outcome<Vec<f64>> {
    let text = reqwest::get(format!("{}/metrics", server.address())).await?.text().await?;
    let sum = |name: &str, part: &str| {
        let lines = text.lines().filter(|line| line.starts_with(name) && line.contains(part));
        lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum::<f64>()
    };
    Ok(vec![
        sum("prometheus_http_requests_total", "handler=\"/api/"),
        sum("prometheus_engine_query_samples_total", ""),
        sum("prometheus_engine_query_duration_seconds_sum", "slice=\"inner_eval\""),
    ])
}

/// What a mesh shows: each call at its caller's end, with a histogram of eight buckets.
fn mesh() -> String {
    let mut text = String::new();
    for caller in 0..SERVICES {
        for step in 1..=CALLEES {
            let callee = (caller * 7 + step * 13) % SERVICES;
            let labels = format!(
                "reporter=\"source\",source_workload=\"service-{caller}\",source_workload_namespace=\"shop\",\
                 destination_service_name=\"service-{callee}\",destination_service_namespace=\"shop\",request_protocol=\"http\""
            );
            // Writing to a string does not fail.
            let _ = writeln!(text, "istio_requests_total{{{labels},response_code=\"200\"}} 900");
            let _ = writeln!(text, "istio_requests_total{{{labels},response_code=\"503\"}} 9");
            for (less, bound) in ["5", "10", "25", "50", "100", "500", "1000", "+Inf"].iter().enumerate() {
                let _ = writeln!(
                    text,
                    "istio_request_duration_milliseconds_bucket{{{labels},le=\"{bound}\"}} {}",
                    (less + 1) * 100
                );
            }
        }
    }
    text
}
