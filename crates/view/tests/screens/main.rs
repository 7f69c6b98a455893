//! What the screens make of a picture.

#![allow(clippy::indexing_slicing, clippy::unwrap_used, clippy::panic, reason = "a panic is how a test fails")]

mod alerts;
mod causes;
mod config;
mod desk;
mod disagreements;
mod export;
mod fleet;
mod limits;
mod runtime;
mod shown;
mod switch;
mod topology;
mod why;
