//! The vocabulary of Binnacle and the merge of observations into one picture.
//!
//! This crate is pure: no IO, no clock, no async, and nothing in it can fail at run time. Time is passed in.
//!
//! Read in this order: [`id`] (names of things), [`fact`] (what a source may state), [`store`] (what every source states
//! right now), [`derive`] (facts → picture), [`snapshot`] (the picture), [`change`] (what became different), and
//! [`world`], which puts them together.

pub mod change;
pub mod derive;
pub mod fact;
pub mod id;
pub mod measured;
pub mod snapshot;
pub mod store;
pub mod world;

pub use change::{Change, ChangeSet, Op, Transition};
pub use fact::{Fact, ObjectKey, Observation};
pub use id::{BreakerId, CheckId, ConfigId, EdgeId, InstanceId, Revision, ServiceId, SourceId};
pub use snapshot::Snapshot;
pub use store::Batch;
pub use world::World;
