//! What Envoy's admin interface answers.
//!
//! Source: <https://www.envoyproxy.io/docs/envoy/latest/operations/admin>, `api/envoy/admin/v3/clusters.proto`, and the answers of
//! version 1.40. JSON leaves out what is zero, false or the first of its kind, and writes 64-bit numbers as text.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::IgnoredAny;

pub use crate::polled::Entry;

/// A number, or its text.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Count {
    /// As JSON means it.
    Number(u64),
    /// A 64-bit number.
    Text(String),
}

impl Count {
    /// Its value; `None` for text that is none.
    pub fn value(&self) -> Option<u64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Text(text) => text.parse().ok(),
        }
    }
}

/// The answer of `/clusters?format=json`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Clusters {
    /// Every cluster.
    pub cluster_statuses: Vec<Entry<Cluster>>,
}

/// One cluster.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Cluster {
    /// Its name.
    pub name: String,
    /// Its name in the statistics, where that is another.
    pub observability_name: String,
    /// Its limits as they hold now, with what was changed at run time.
    pub circuit_breakers: Limits,
    /// Its endpoints.
    pub host_statuses: Vec<Entry<Host>>,
}

/// The limits of a cluster.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Limits {
    /// One for each priority.
    pub thresholds: Vec<Entry<Threshold>>,
}

/// The limits of one priority. What is not said is not known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Threshold {
    /// `HIGH`; missing for the default one.
    pub priority: Option<String>,
    /// Connections.
    pub max_connections: Option<Count>,
    /// Requests that wait for a connection.
    pub max_pending_requests: Option<Count>,
    /// Requests that are under way.
    pub max_requests: Option<Count>,
    /// Retries that are under way.
    pub max_retries: Option<Count>,
}

/// One endpoint.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Host {
    /// Where it is.
    pub address: Address,
    /// Why it gets no calls.
    pub health_status: HealthStatus,
}

/// An address; those that are no socket's stay empty.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Address {
    /// Host and port.
    pub socket_address: SocketAddress,
}

/// Host and port.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct SocketAddress {
    /// The host.
    pub address: String,
    /// The port.
    pub port_value: u16,
}

/// Why an endpoint gets no calls.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct HealthStatus {
    /// It was put out because it failed. Its `eds_health_status` stays `HEALTHY`.
    pub failed_outlier_check: bool,
}

/// The answer of `/stats?format=json`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Stats {
    /// Counters and gauges; histograms are left alone.
    pub stats: Vec<Entry<Stat>>,
}

/// One counter or gauge.
#[derive(Clone, Debug, Deserialize)]
pub struct Stat {
    /// Its whole name, `cluster.inventory.upstream_cx_total`.
    pub name: String,
    /// Its value.
    pub value: Count,
}

/// The answer of `/server_info`, as far as it is of use.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct ServerInfo {
    /// `COMMIT/1.40.0/Clean/RELEASE/BoringSSL`. Only an Envoy has it.
    pub version: String,
    /// How it was set up.
    #[serde(default)]
    pub node: Node,
}

/// Who it is, as it was set up.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Node {
    /// Its id.
    pub id: String,
    /// The service that it belongs to.
    pub cluster: String,
}

/// The answer of `/runtime?format=json`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Runtime {
    /// By key.
    pub entries: BTreeMap<String, Entry<RuntimeEntry>>,
}

/// One value that was changed at run time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct RuntimeEntry {
    /// What holds.
    pub final_value: String,
}

/// The answer of `/config_dump?mask=bootstrap.layered_runtime`: nothing else of the configuration is asked for.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Dump {
    /// One part of the configuration each.
    pub configs: Vec<Entry<Part>>,
}

/// A part of the configuration.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Part {
    /// What it was started with.
    pub bootstrap: Bootstrap,
}

/// What it was started with.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Bootstrap {
    /// From where values come that change at run time.
    pub layered_runtime: LayeredRuntime,
}

/// From where values come that change at run time.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct LayeredRuntime {
    /// The later goes before the earlier.
    pub layers: Vec<Entry<Layer>>,
}

/// One of them.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Layer {
    /// There for the one that takes changes by hand.
    pub admin_layer: Option<IgnoredAny>,
}

impl ServerInfo {
    /// `1.40.0`; empty where it is not said.
    pub fn number(&self) -> &str {
        self.version.split('/').nth(1).unwrap_or_default()
    }
}

impl Dump {
    /// Whether values can be changed by hand.
    pub fn has_admin_layer(&self) -> bool {
        let parts = self.configs.iter().filter_map(Entry::known);
        let mut layers = parts.flat_map(|part| &part.bootstrap.layered_runtime.layers).filter_map(Entry::known);
        layers.any(|layer| layer.admin_layer.is_some())
    }
}
