//! What facts add up to: the algebra of the merge ([`merge`]) and single cases, one sentence each ([`cases`]).

#![allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "a panic is how a test fails")]

mod alerts;
mod build;
mod cases;
mod declared;
mod disagreements;
mod identity;
mod labelled;
mod limits;
mod measured;
mod merge;
mod observers;
mod patched;
mod settings;
mod targets;
