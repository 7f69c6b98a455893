//! Scenarios on real servers: one module a matter, one binary, so that servers are started once and shared.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a scenario that cannot arrange its system, or meets another answer, fails right there"
)]

mod consul_access;
mod consul_bad_days;
#[macro_use]
mod consul_contract;
mod binnaclectl;
mod breaker_envoy;
mod breaker_sentinel;
mod breaker_sources;
mod breaker_switch;
mod breaker_turbine;
mod cli;
mod consul_edits;
mod consul_live;
mod consul_picture;
mod consul_registration;
mod contract;
mod edits;
mod emitter_rates;
mod every_breaker;
mod increments;
mod keyring;
mod kube_access;
mod kube_bad_days;
mod kube_discovery;
mod kube_edges;
mod kube_identity;
mod kube_live;
mod kube_logs;
mod kube_storm;
mod laboratory;
mod laboratory_cluster;
mod laboratory_services;
mod limits;
mod profiles;
mod prometheus_access;
mod prometheus_bad_days;
mod prometheus_dialects;
mod prometheus_history;
mod prometheus_live;
mod prometheus_picture;
mod prometheus_pods;
mod registrations;
