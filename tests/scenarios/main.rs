//! Scenarios on real servers: one module a matter, one binary, so that servers are started once and shared.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a scenario that cannot arrange its system, or meets another answer, fails right there"
)]

#[macro_use]
mod consul_contract;
mod contract;
mod laboratory;
