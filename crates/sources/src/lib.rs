//! One folder a system. Reading one source teaches all: `mod` says what it is and runs it, `wire` holds the other side's
//! types with the link to their documentation, `map` turns them into observations and is a pure function, `edit` writes.
//!
//! A source never reads the model and never spawns: it is one future that the engine owns.

pub mod actuator;
mod admin;
pub mod connection;
pub mod consul;
pub mod edit;
pub mod environment;
pub mod envoy;
pub mod error;
#[doc(hidden)]
pub mod fuzz;
pub mod history;
pub mod http;
pub mod hystrix;
pub mod kubernetes;
pub mod logs;
mod mark;
pub mod meaning;
pub mod open;
mod polled;
pub mod prometheus;
mod published;
mod refusals;
pub mod register;
mod road;
pub mod scrape;
mod secret;
pub mod sentinel;
pub mod switch;
pub mod transport;

pub use connection::{Connection, ConnectionSpec, Meter, Outbox, Probe};
pub use environment::Environment;
pub use error::{ErrorKind, SourceError};
pub use kubernetes::Doors;
pub use open::{open, open_by};
