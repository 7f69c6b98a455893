//! The shop's services: small real programs, each of another kind, that call each other through circuit breakers and say
//! what they do in their own words. What each is made of is in `services/README.md` of the lab.
//!
//! A breaker is in the caller: turn the knob of `inventory`, and the breaker of `cart` for it opens.

mod envoy;
mod haproxy;
mod kind;
mod load;
mod process;
mod service;
mod shop;
mod turbine;

use std::collections::BTreeMap;

use serde_json::Value;

pub use envoy::Envoy;
pub use haproxy::HaProxy;
pub use kind::Kind;
pub use load::{Load, Sent};
pub use process::Place;
pub use service::{Knob, Service, ServiceBuilder};
pub use shop::Shop;
pub use turbine::Turbine;

/// Scrape jobs for the real Prometheus: one for each name, with all its instances.
pub fn jobs<'a>(services: impl IntoIterator<Item = &'a Service>) -> Vec<Value> {
    let mut targets = BTreeMap::<&str, Vec<String>>::new();
    for service in services {
        targets.entry(service.name()).or_default().push(service.address().to_string());
    }
    targets.into_iter().map(|(name, targets)| crate::job(name, targets)).collect()
}
