//! The demo fleet: small services in this process that really call each other, and a registry that speaks Consul's HTTP API.

mod error;
mod loopback;
mod registry;

pub use error::DemoError;
pub use registry::{DATACENTER, Registry};
