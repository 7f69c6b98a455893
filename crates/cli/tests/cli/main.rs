//! The built executable against the demo fleet's registry: what it prints, how it exits, what it leaves.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test that cannot arrange its system, or meets another answer, fails right there"
)]

mod asking;
mod breaker;
mod causes;
mod command_line;
mod dialects;
mod documents;
mod edits;
mod profiles;
mod ran;
mod reading;
mod registration;
mod schema;
mod standing;
mod watching;
mod why;
