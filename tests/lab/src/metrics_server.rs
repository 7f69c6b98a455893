//! What the lab's two metrics servers have in common: a process with a folder, one port, and an API in Prometheus' form.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::Client;
use serde_json::{Value, json};
use tokio::sync::Mutex;
use url::Url;

use crate::address::Port;
use crate::watchdog::{Ending, Watchdog};
use crate::{ClientCertificate, LabError, until};

/// A server is ready after half a second; the rest is for a machine which is busy with something else.
const READY_WITHIN: Duration = Duration::from_secs(60);

/// The name and the password that a lab server with basic authentication takes.
pub const BASIC_AUTH: (&str, &str) = ("lab", "lab-password");

/// A scrape job with fixed targets (`HOST:PORT`), for the `scrape_configs` of a server's configuration.
pub fn job(name: &str, targets: impl IntoIterator<Item = impl Into<String>>) -> Value {
    let targets: Vec<String> = targets.into_iter().map(Into::into).collect();
    json!({ "job_name": name, "static_configs": [{ "targets": targets }] })
}

/// How a server is asked who it is serving.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Access {
    /// Nobody is asked.
    Open,
    /// [`BASIC_AUTH`].
    Basic,
    /// A client certificate.
    Certificate(ClientCertificate),
}

/// One running server.
#[derive(Debug)]
pub(crate) struct MetricsServer {
    pub(crate) name: &'static str,
    pub(crate) port: Port,
    pub(crate) access: Access,
    /// What answers 200 when it is ready.
    pub(crate) readiness: &'static str,
    pub(crate) config: PathBuf,
    pub(crate) process: Mutex<Watchdog>,
    pub(crate) log: PathBuf,
}

/// A new folder for a server.
pub(crate) fn folder(name: &str) -> Result<tempfile::TempDir, LabError> {
    tempfile::Builder::new()
        .prefix(&format!("binnacle-lab-{name}-"))
        .tempdir()
        .map_err(LabError::io("making the folder of a server"))
}

/// JSON is YAML, which is what these servers read.
pub(crate) fn write(file: &Path, content: &Value) -> Result<(), LabError> {
    fs::write(file, format!("{content:#}")).map_err(LabError::io(format!("writing {}", file.display())))
}

impl MetricsServer {
    pub(crate) fn address(&self) -> String {
        let scheme = if matches!(self.access, Access::Certificate(_)) { "https" } else { "http" };
        format!("{scheme}://127.0.0.1:{}", self.port.number())
    }

    /// Starts it and waits until it is ready.
    pub(crate) async fn start(&self) -> Result<(), LabError> {
        self.process.lock().await.start()?;
        let http = self.client()?;
        until(&format!("{} to be ready", self.name), READY_WITHIN, async || {
            let process = self.process.lock().await;
            if !process.is_alive() {
                let tail = process.log_tail();
                return Ok(Err(LabError::EndedEarly { name: self.name.into(), log: self.log.clone(), tail }));
            }
            drop(process);
            self.request(&http, reqwest::Method::GET, self.readiness).await.map(|_| Ok(()))
        })
        .await?
    }

    pub(crate) async fn end(&self, ending: Ending) -> Result<(), LabError> {
        self.process.lock().await.end(ending).await
    }

    /// Puts another configuration in its place and has it read.
    pub(crate) async fn reload(&self, config: &Value) -> Result<(), LabError> {
        write(&self.config, config)?;
        self.request(&self.client()?, reqwest::Method::POST, "/-/reload").await.map(drop)
    }

    /// The result of an instant query, as the server has it now.
    pub(crate) async fn query(&self, query: &str) -> Result<Vec<Value>, LabError> {
        let mut path = Url::parse("http://x/api/v1/query")
            .map_err(|error| LabError::Unexpected { what: query.into(), why: error.to_string() })?;
        path.query_pairs_mut().append_pair("query", query);
        let path = format!("{}?{}", path.path(), path.query().unwrap_or_default());
        let text = self.request(&self.client()?, reqwest::Method::GET, &path).await?;
        let answer: Value = serde_json::from_str(&text)
            .map_err(|error| LabError::Unexpected { what: path.clone(), why: error.to_string() })?;
        match answer.pointer("/data/result").and_then(Value::as_array) {
            Some(series) => Ok(series.clone()),
            None => Err(LabError::Unexpected { what: path, why: text }),
        }
    }

    fn client(&self) -> Result<Client, LabError> {
        crate::install_tls_provider();
        let mut http = Client::builder().timeout(Duration::from_secs(30)).no_proxy();
        if let Access::Certificate(certificate) = &self.access {
            http = http.tls_certs_only([certificate.authority()?]).identity(certificate.identity()?);
        }
        http.build().map_err(|source| LabError::Request { what: self.address(), source })
    }

    async fn request(&self, http: &Client, method: reqwest::Method, path: &str) -> Result<String, LabError> {
        let what = format!("{method} {}{path}", self.address());
        let failed = |source| LabError::Request { what: what.clone(), source };
        let mut request = http.request(method, format!("{}{path}", self.address()));
        if self.access == Access::Basic {
            request = request.basic_auth(BASIC_AUTH.0, Some(BASIC_AUTH.1));
        }
        let answer = request.send().await.map_err(failed)?;
        let status = answer.status();
        let body = answer.text().await.map_err(failed)?;
        if status.is_success() {
            return Ok(body);
        }
        Err(LabError::Refused { what, status: status.as_u16(), body: body.chars().take(500).collect() })
    }
}
