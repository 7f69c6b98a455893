//! The demo fleet: small services in this process that really call each other, and a registry that speaks Consul's HTTP API.
//!
//! It is no fake: the services are HTTP servers on loopback ports of their own, they find each other through the
//! registry, their circuit breakers are circuit breakers, and what Binnacle shows of them it reads by the same roads as
//! from any other fleet: the registry's API, `/metrics`, and a Hystrix event stream. How they behave is written in the
//! registry's keys `fleet/<service>/latency_ms` and `fleet/<service>/error_ratio`.
//!
//! Everything listens on 127.0.0.1 only, at ports that the system chooses, and ends with [`Demo::stop`] or when the
//! [`Demo`] is dropped. The crate owns its tasks: each lives in a `JoinSet` that `stop` joins.

mod breaker;
mod demo;
mod directory;
mod error;
mod fleet;
mod hystrix;
mod instance;
mod ledger;
mod load;
mod loopback;
mod messaging;
mod metrics;
mod push;
mod registration;
mod registry;
mod seed;
mod shop;
mod steering;

pub use demo::{Demo, DemoService};
pub use error::DemoError;
pub use registry::{DATACENTER, Registry};
