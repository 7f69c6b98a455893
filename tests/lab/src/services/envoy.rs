use std::net::SocketAddr;
use std::path::PathBuf;

use reqwest::Method;
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use super::process::{Door, Place, Process};
use super::{Service, kind, service};
use crate::{ConsulClient, LabError, attendance};

/// Its configuration, with what is between `@` to be filled in.
const CONFIGURATION: &str = include_str!("../../services/envoy/envoy.yaml");

/// The port of the proxy on a pod.
const HTTP_INSIDE: u16 = 10_000;
/// The port of the admin pages on a pod.
const ADMIN_INSIDE: u16 = 9901;

/// A real Envoy in front of `inventory` and `payments`. It puts out instances of `inventory` that fail twice in a row, and
/// lets `payments` do one thing at a time. It is gone when this is dropped, and when this process is gone.
#[derive(Debug)]
pub struct Envoy {
    http: Door,
    admin: Door,
    process: Process,
}

impl Envoy {
    /// What it is called in the shop.
    pub const NAME: &str = "envoy";

    /// Starts it and waits until it is ready.
    pub async fn in_front_of(
        place: Place<'_>,
        inventory: &[&Service],
        payments: &[&Service],
    ) -> Result<Self, LabError> {
        Self::start(place, inventory, payments, "{ name: admin, admin_layer: {} }").await
    }

    /// One whose values cannot be changed at run time, in front of `inventory` alone, on the host.
    pub async fn unchangeable(inventory: &[&Service]) -> Result<Self, LabError> {
        Self::start(Place::Host, inventory, &[], "").await
    }

    async fn start(
        place: Place<'_>,
        inventory: &[&Service],
        payments: &[&Service],
        layers: &str,
    ) -> Result<Self, LabError> {
        static PROGRAM: OnceCell<PathBuf> = OnceCell::const_new();
        let program = PROGRAM.get_or_try_init(|| kind::built("Envoy".into(), "lab/services/envoy/fetch.sh")).await?;
        let (http, admin) = (place.door(HTTP_INSIDE).await?, place.door(ADMIN_INSIDE).await?);
        let configuration = CONFIGURATION
            .replace("@HOST@", &http.address.ip().to_string())
            .replace("@PORT@", &http.address.port().to_string())
            .replace("@ADMIN_HOST@", &admin.address.ip().to_string())
            .replace("@ADMIN_PORT@", &admin.address.port().to_string())
            .replace("@LAYERS@", layers)
            .replace("@INVENTORY@", &endpoints(inventory))
            .replace("@PAYMENTS@", &endpoints(payments));
        // Without an id of its own it refuses to run beside another.
        let options = ["-c", "envoy.yaml", "--concurrency", "1", "--use-dynamic-base-id", "-l", "warning"];
        let command: Vec<String> =
            std::iter::once(program.display().to_string()).chain(options.map(str::to_owned)).collect();
        // It asks to be killed when the thread that started it ends. That is the watchdog's only one.
        let watchdog = place.program(Self::NAME, &command, &[("envoy.yaml", &configuration)])?;
        let process = Process::start(Self::NAME, watchdog, format!("{}/ready", admin.url)).await?;
        attendance::note("Envoy");
        Ok(Self { http, admin, process })
    }

    /// Where the proxy listens.
    pub fn address(&self) -> SocketAddr {
        self.http.address
    }

    /// Where its admin pages are.
    pub fn admin_address(&self) -> SocketAddr {
        self.admin.address
    }

    /// The way to `inventory` or `payments` for clients on the host.
    pub fn url(&self, service: &str) -> String {
        format!("{}/{service}", self.http.url)
    }

    /// The admin pages for clients on the host, without a slash at the end.
    pub fn admin_url(&self) -> &str {
        &self.admin.url
    }

    /// The text of one of its admin pages.
    pub async fn admin(&self, path: &str) -> Result<String, LabError> {
        self.process.ask(Method::GET, &format!("{}{path}", self.admin.url)).await
    }

    /// Registers it at the proxy's port, with a check once a second, and waits until that passes.
    pub async fn register(&self, consul: &ConsulClient) -> Result<(), LabError> {
        let check = service::check("ready", self.admin_address());
        service::register(consul, Self::NAME, self.address(), check).await
    }

    /// A scrape job for the real Prometheus.
    pub fn job(&self) -> Value {
        json!({
            "job_name": Self::NAME, "metrics_path": "/stats/prometheus",
            "static_configs": [{ "targets": [self.admin.address.to_string()] }],
        })
    }

    /// Its process id while it is meant to run.
    pub async fn pid(&self) -> Option<u32> {
        self.process.pid().await
    }

    /// Everything that it prints; removed with it unless a test fails.
    pub fn log(&self) -> &PathBuf {
        self.process.log()
    }
}

/// JSON is YAML.
fn endpoints(services: &[&Service]) -> String {
    let endpoint = |service: &&Service| {
        let address = service.address();
        let socket = json!({ "address": address.ip(), "port_value": address.port() });
        json!({ "endpoint": { "address": { "socket_address": socket } } }).to_string()
    };
    services.iter().map(endpoint).collect::<Vec<_>>().join(", ")
}
