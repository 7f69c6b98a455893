//! Everything that crosses between Binnacle and its window, as plain data. The TypeScript of it is made from these types
//! ([`typescript`]) and committed; a test fails when it is stale.
//!
//! Conventions:
//!
//! - Times are milliseconds since 1970 (UTC); the window computes ages.
//! - A number that nobody measured is `null`, never zero.
//! - Versions, flags and other 64-bit numbers cross as text.
//! - All text from outside is cut to a length and made visible before it crosses ([`crate::text`]).
//! - The window keeps a list of keyed rows per view and asks for what changed since the revision it has ([`patch`]).

pub mod breakers;
pub mod command;
pub mod config;
pub mod disagreements;
pub mod failure;
pub mod first_run;
pub mod health;
pub mod history;
pub mod inspector;
pub mod logs;
pub mod palette;
pub mod patch;
pub mod registration;
pub mod services;
pub mod shell;
pub mod sources;
pub mod state;
pub mod switch;
pub mod timeline;
pub mod topology;
pub mod typescript;
pub mod view;

pub use command::COMMANDS;
pub use failure::Failure;
pub use patch::Patch;
pub use view::{View, ViewPatch, ViewRequest};
