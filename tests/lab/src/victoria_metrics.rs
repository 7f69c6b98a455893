//! A real VictoriaMetrics server: another program behind Prometheus' HTTP API.

use std::path::PathBuf;

use serde_json::{Value, json};
use tokio::sync::Mutex;

use crate::LabError;
use crate::address::Port;
use crate::attendance;
use crate::executable::Server;
use crate::metrics_server::{self, Access, MetricsServer};
use crate::watchdog::{Ending, Watchdog};

/// One real VictoriaMetrics on loopback. It is gone when this is dropped, and when this process is gone.
#[derive(Debug)]
pub struct VictoriaMetrics {
    server: MetricsServer,
}

fn configuration(scrape_configs: &[Value]) -> Value {
    json!({
        "global": { "scrape_interval": "500ms", "scrape_timeout": "500ms" },
        "scrape_configs": scrape_configs,
    })
}

impl VictoriaMetrics {
    /// Starts a server that scrapes this twice a second, see [`metrics_server::job`].
    pub async fn scraping(scrape_configs: &[Value]) -> Result<Self, LabError> {
        crate::install_tls_provider();
        let executable = Server::VictoriaMetrics.executable().await?;
        let port = Port::reserve()?;
        let folder = metrics_server::folder("victoria-metrics")?;
        let config = folder.path().join("scrape.yml");
        metrics_server::write(&config, &configuration(scrape_configs))?;
        let command = [
            executable.to_string_lossy().into_owned(),
            format!("-promscrape.config={}", config.display()),
            format!("-storageDataPath={}", folder.path().join("data").display()),
            format!("-httpListenAddr=127.0.0.1:{}", port.number()),
            "-retentionPeriod=1d".into(),
            // Otherwise it keeps back the last half minute.
            "-search.latencyOffset=0s".into(),
        ];
        let watchdog = Watchdog::new("victoria-metrics", folder.keep(), &command)?;
        let server = MetricsServer {
            name: "victoria-metrics",
            port,
            access: Access::Open,
            readiness: "/health",
            config,
            log: watchdog.log(),
            process: Mutex::new(watchdog),
        };
        server.start().await?;
        attendance::note(Server::VictoriaMetrics);
        Ok(Self { server })
    }

    /// Where its HTTP API is: `http://127.0.0.1:PORT`.
    pub fn address(&self) -> String {
        self.server.address()
    }

    /// Everything that the process prints; removed with the server unless a test fails.
    pub fn log(&self) -> &PathBuf {
        &self.server.log
    }

    /// From now on it scrapes this instead.
    pub async fn scrape(&self, scrape_configs: &[Value]) -> Result<(), LabError> {
        self.server.reload(&configuration(scrape_configs)).await
    }

    /// The series that an instant query finds now.
    pub async fn query(&self, query: &str) -> Result<Vec<Value>, LabError> {
        self.server.query(query).await
    }

    /// Stops the server as an operator would; its data stay.
    pub async fn stop(&self) -> Result<(), LabError> {
        self.server.end(Ending::Asked).await
    }

    /// Starts the server again at the same address with the same data, and waits until it is ready.
    pub async fn start(&self) -> Result<(), LabError> {
        self.server.start().await
    }
}
