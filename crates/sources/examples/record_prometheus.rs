//! Records the fixtures of the Prometheus source from real servers that scrape the demo fleet:
//! `cargo run -p binnacle-sources --example record_prometheus -- PROMETHEUS VICTORIA_METRICS`, the two executables as
//! `tests/lab/*/build.sh` print them.
//!
//! Both scrape the same fleet at the same time, besides one target that refuses; the Prometheus has a rule that fires for it.
//! Each file says which server it comes from.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use binnacle_demo::Demo;
use binnacle_sources::prometheus::{Questions, metrics_of_interest};
use serde_json::{Value, json};

/// Any error ends the recording; there is nothing to decide about it.
type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// How long the fleet and the servers may take to do what is recorded.
const DEADLINE: Duration = Duration::from_secs(60);
/// As the configuration below has it.
const INTERVAL: Duration = Duration::from_millis(500);

/// A server that is gone with this.
struct Server {
    process: Child,
    address: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Outcome<()> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut executables = std::env::args().skip(1);
    let (Some(prometheus), Some(victoria_metrics)) = (executables.next(), executables.next()) else {
        return Err("name the executables of Prometheus and VictoriaMetrics".into());
    };
    let demo = Demo::start().await?;
    let folder = tempfile::tempdir()?;
    let fleet: Vec<String> = demo.services().iter().map(|service| service.address.to_string()).collect();
    let (prometheus, victoria_metrics) = start(folder.path(), &fleet, &prometheus, &victoria_metrics)?;
    for server in [&prometheus, &victoria_metrics] {
        wait_for(server, "count(rate(demo_topic_messages_total[5s]) > 0) and count(up == 0)").await?;
    }
    wait_for(&prometheus, "ALERTS{alertstate=\"firing\"}").await?;
    for (server, file) in [(&prometheus, "prometheus.json"), (&victoria_metrics, "victoria-metrics.json")] {
        record(server, file).await?;
    }
    demo.stop().await;
    Ok(())
}

fn start(folder: &Path, fleet: &[String], prometheus: &str, victoria_metrics: &str) -> Outcome<(Server, Server)> {
    let write = |name: &str, content: &Value| -> Outcome<String> {
        let file = folder.join(name);
        std::fs::write(&file, content.to_string())?;
        Ok(file.display().to_string())
    };
    let every = json!({ "scrape_interval": "500ms", "scrape_timeout": "500ms" });
    let jobs = json!([
        { "job_name": "fleet", "static_configs": [{ "targets": fleet }] },
        { "job_name": "gone", "static_configs": [{ "targets": ["127.0.0.1:1"] }] },
    ]);
    let rule = json!({
        "alert": "TargetDown", "expr": "up == 0", "labels": { "severity": "critical" },
        "annotations": { "summary": "{{ $labels.instance }} does not answer" },
    });
    let rules = write("rules.yml", &json!({ "groups": [{ "name": "fleet", "interval": "500ms", "rules": [rule] }] }))?;
    let scrape = write("scrape.yml", &json!({ "global": every, "scrape_configs": jobs }))?;
    let config = write("prometheus.yml", &json!({ "global": every, "scrape_configs": jobs, "rule_files": [rules] }))?;
    let data = |name: &str| folder.join(name).display().to_string();
    let prometheus = run(prometheus, |port| {
        vec![
            format!("--config.file={config}"),
            format!("--storage.tsdb.path={}", data("prometheus")),
            format!("--web.listen-address=127.0.0.1:{port}"),
        ]
    })?;
    let victoria_metrics = run(victoria_metrics, |port| {
        vec![
            format!("-promscrape.config={scrape}"),
            format!("-storageDataPath={}", data("victoria-metrics")),
            format!("-httpListenAddr=127.0.0.1:{port}"),
            "-search.latencyOffset=0s".to_owned(),
        ]
    })?;
    Ok((prometheus, victoria_metrics))
}

fn run(executable: &str, options: impl Fn(u16) -> Vec<String>) -> Outcome<Server> {
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let process = Command::new(executable).args(options(port)).stderr(Stdio::null()).stdout(Stdio::null()).spawn()?;
    Ok(Server { process, address: format!("http://127.0.0.1:{port}") })
}

async fn ask(server: &Server, path: &str, parameters: &[(&str, &str)]) -> Outcome<Value> {
    let url = url::Url::parse_with_params(&format!("{}/api/v1/{path}", server.address), parameters)?;
    Ok(serde_json::from_str(&reqwest::get(url).await?.error_for_status()?.text().await?)?)
}

/// Waits until a query has a result.
async fn wait_for(server: &Server, query: &str) -> Outcome<()> {
    let waiting = async {
        loop {
            let answer = ask(server, "query", &[("query", query)]).await;
            let found = answer.ok().and_then(|answer| answer.pointer("/data/result")?.as_array().map(Vec::len));
            if found.is_some_and(|found| found > 0) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    Ok(tokio::time::timeout(DEADLINE, waiting).await?)
}

async fn record(server: &Server, file: &str) -> Outcome<()> {
    let mut answers = BTreeMap::new();
    answers.insert("targets".to_owned(), ask(server, "targets", &[("state", "active")]).await?);
    answers.insert("alerts".to_owned(), ask(server, "alerts", &[]).await?);
    answers.insert("rules".to_owned(), ask(server, "rules", &[("type", "alert"), ("exclude_alerts", "true")]).await?);
    for selector in metrics_of_interest() {
        let names = ask(server, "label/__name__/values", &[("match[]", &selector)]).await?;
        answers.insert(format!("names {selector}"), names);
    }
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_secs().to_string();
    for question in Questions::all(INTERVAL).texts().filter(|text| text.contains("demo_")) {
        answers.insert(question.to_owned(), ask(server, "query", &[("query", question), ("time", &now)]).await?);
    }
    let build = ask(server, "status/buildinfo", &[]).await?;
    let recorded = json!({
        "recorded": format!("{file} of a server that says {} of itself, by examples/record_prometheus.rs", build.get("data").unwrap_or(&build)),
        "answers": answers,
    });
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/prometheus/fixtures");
    std::fs::create_dir_all(&folder)?;
    Ok(std::fs::write(folder.join(file), format!("{recorded}\n"))?)
}
