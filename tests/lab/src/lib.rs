//! The lab: real servers for tests, each owned by the process that started it.
//!
//! A server of the lab listens on loopback ports which nothing else on this machine was using, keeps its data in a
//! folder of its own under the temp folder, and counts as started when its own API says so. It is gone together with
//! its owner: on drop, at the end of the process, and also when the process is killed (see [`watchdog`]). Its log is
//! kept when a test fails, and the path is printed.
//!
//! ```no_run
//! # async fn example() -> Result<(), lab::LabError> {
//! let consul = lab::Consul::open().await?;
//! let client = consul.client()?;
//! client.kv_put("app/x", b"1").await?;
//! consul.stop().await?; // its port refuses now, its data stays
//! consul.start().await?; // the same address and the same data again
//! # Ok(())
//! # }
//! ```
//!
//! Use [`shared`] for servers which many tests of one binary may read and write side by side, each under keys and
//! service names of its own.

pub mod address;
mod attendance;
mod background;
pub mod certificates;
pub mod client;
pub mod cluster;
pub mod consul;
pub mod deadline;
mod error;
pub mod executable;
pub mod faulty_wire;
pub mod files;
pub mod fleet;
pub mod keyring;
pub mod leftovers;
pub mod metrics_server;
pub mod prometheus;
pub mod relay;
pub mod services;
pub mod shared;
pub mod shop;
pub mod victoria_metrics;
pub mod watchdog;
pub mod window;

pub use certificates::{Certificates, ClientCertificate};
pub use client::{ConsulClient, KvPair};
pub use consul::{Cluster, Consul, ConsulBuilder, Datacenters};
pub use deadline::until;
pub use error::LabError;
pub use executable::{Release, Server};
pub use faulty_wire::{Fault, FaultyWire};
pub use fleet::Fleet;
pub use metrics_server::job;
pub use prometheus::Prometheus;
pub use victoria_metrics::VictoriaMetrics;

/// Installs the TLS provider for this process, as the product's binaries do first thing in `main`.
///
/// May be called any number of times; the first call wins.
pub fn install_tls_provider() {
    drop(rustls::crypto::ring::default_provider().install_default());
}
