//! Metrics, Hystrix streams and actuators, read over real connections: from the demo fleet, and from endpoints with the faults that a
//! healthy program does not show.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that meets the unexpected has failed"
)]

mod actuator;
mod corpora;
mod dialects;
mod envoy;
mod faulty;
mod grown;
mod hystrix;
mod kubernetes;
mod reader;
mod scrape;
mod sentinel;
mod transport;
