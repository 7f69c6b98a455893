//! Real Consul servers: one, two datacenters joined, or three servers of one datacenter.

mod builder;
mod cluster;
mod datacenters;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::Mutex;
use url::Url;

pub use builder::ConsulBuilder;
pub use cluster::Cluster;
pub use datacenters::Datacenters;

use crate::address::Port;
use crate::certificates::Certificates;
use crate::watchdog::{Ending, Watchdog};
use crate::{ClientCertificate, ConsulClient, LabError, until};

/// A server is ready after about a second; the rest is for a machine which is busy with something else.
const READY_WITHIN: Duration = Duration::from_secs(90);

/// The ports of one server; those that are off in its configuration are reserved all the same.
#[derive(Debug)]
struct Ports {
    http: Port,
    serf_lan: Port,
    serf_wan: Port,
    server: Port,
}

/// One real Consul server on loopback. It is gone when this is dropped, and when this process is gone.
#[derive(Debug)]
pub struct Consul {
    name: String,
    datacenter: String,
    ports: Ports,
    management_token: Option<String>,
    client_certificate: Option<ClientCertificate>,
    /// Keeps the files of the certificates as long as the server.
    _certificates: Option<Arc<Certificates>>,
    process: Mutex<Watchdog>,
    log: PathBuf,
}

impl Consul {
    /// Starts one open server of the current release as datacenter `dc1`, and waits until it is ready.
    pub async fn open() -> Result<Self, LabError> {
        Self::builder().start().await
    }

    /// Starts one server with ACLs (default deny) and TLS with an authority of its own: it takes only connections with
    /// a client certificate, see [`Consul::client_certificate`] and [`Consul::management_token`].
    pub async fn secured() -> Result<Self, LabError> {
        Self::builder().acl().tls(Arc::new(Certificates::new().await?)).start().await
    }

    /// A server with other properties than an open one of the current release.
    pub fn builder() -> ConsulBuilder {
        ConsulBuilder::default()
    }

    /// Where its HTTP API is, as `CONSUL_HTTP_ADDR` takes it: `http://127.0.0.1:PORT`, or `https://` with TLS.
    pub fn address(&self) -> String {
        let scheme = if self.client_certificate.is_some() { "https" } else { "http" };
        format!("{scheme}://127.0.0.1:{}", self.ports.http.number())
    }

    /// A second address of the same server, to which its certificate is not made out.
    pub fn address_without_certificate(&self) -> String {
        self.address().replace("127.0.0.1", builder::OTHER_ADDRESS)
    }

    /// [`Consul::address`] as a URL.
    pub fn url(&self) -> Result<Url, LabError> {
        let address = self.address();
        Url::parse(&address).map_err(|error| LabError::Unexpected { what: address, why: error.to_string() })
    }

    /// The port of its HTTP API.
    pub fn http_port(&self) -> u16 {
        self.ports.http.number()
    }

    /// The name of its node in the catalog.
    pub fn node_name(&self) -> &str {
        &self.name
    }

    /// Its datacenter's name.
    pub fn datacenter(&self) -> &str {
        &self.datacenter
    }

    /// The token which may do everything, where ACLs are on.
    pub fn management_token(&self) -> Option<&str> {
        self.management_token.as_deref()
    }

    /// A client's certificate that this server accepts, where TLS is on.
    pub fn client_certificate(&self) -> Option<&ClientCertificate> {
        self.client_certificate.as_ref()
    }

    /// Everything that the process prints; removed with the server unless a test fails.
    pub fn log(&self) -> &PathBuf {
        &self.log
    }

    /// The process id, while it runs.
    pub async fn pid(&self) -> Option<u32> {
        self.process.lock().await.pid()
    }

    /// A client that may do everything on this server. Connections belong to the runtime of the caller: make one client
    /// a test, also for a shared server.
    pub fn client(&self) -> Result<ConsulClient, LabError> {
        self.client_with(self.management_token())
    }

    /// A client with another token, or none.
    pub fn client_with(&self, token: Option<&str>) -> Result<ConsulClient, LabError> {
        ConsulClient::new(self.url()?, token, self.client_certificate())
    }

    /// Stops the server as an operator would; its port refuses connections from now on, its data stay.
    pub async fn stop(&self) -> Result<(), LabError> {
        self.process.lock().await.end(Ending::Asked).await
    }

    /// Kills the server by its process id; its data stay.
    pub async fn kill(&self) -> Result<(), LabError> {
        self.process.lock().await.end(Ending::Killed).await
    }

    /// Starts the server again at the same address with the same data, and waits until it is ready.
    pub async fn start(&self) -> Result<(), LabError> {
        self.launch().await?;
        self.ready().await
    }

    async fn launch(&self) -> Result<(), LabError> {
        self.process.lock().await.start().map(|_pid| ())
    }

    /// Ready means: it knows a leader, the leader has it in the catalog with all its checks passing, and its ACLs answer.
    async fn ready(&self) -> Result<(), LabError> {
        let client = self.client()?;
        let what = format!("{} to be ready", self.name);
        until(&what, READY_WITHIN, async || match self.still_alive().await {
            Ok(()) => self.probe(&client).await.map(Ok),
            ended => Ok::<_, LabError>(ended),
        })
        .await?
    }

    async fn probe(&self, client: &ConsulClient) -> Result<(), LabError> {
        let not_yet = |why: &str| LabError::Unexpected { what: self.name.clone(), why: why.into() };
        let leader = client.get("/v1/status/leader").await?;
        if leader.as_str().is_none_or(str::is_empty) {
            return Err(not_yet("no leader yet"));
        }
        let servers = client.get("/v1/health/service/consul?passing=1").await?;
        let servers = servers.as_array().map_or(&[][..], Vec::as_slice);
        if !servers.iter().any(|entry| entry.pointer("/Node/Node").and_then(Value::as_str) == Some(&self.name)) {
            return Err(not_yet("not yet in the catalog"));
        }
        if self.management_token.is_some() {
            client.get("/v1/acl/token/self").await?;
        }
        Ok(())
    }

    async fn still_alive(&self) -> Result<(), LabError> {
        let process = self.process.lock().await;
        if process.is_alive() {
            return Ok(());
        }
        Err(LabError::EndedEarly { name: self.name.clone(), log: self.log.clone(), tail: process.log_tail() })
    }
}
