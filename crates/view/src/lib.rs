//! Plain data per screen: the contract with the window, layout, and the public JSON.
//!
//! A snapshot of the model goes through [`screen`] to the types of [`contract`]; [`desk`] remembers what the window has and
//! sends what changed. [`export`] is the same picture for programs, and [`why`] the chain of evidence behind one thing of it.

pub mod contract;
pub mod desk;
pub mod diff;
pub mod export;
pub mod layout;
pub mod screen;
pub mod summary;
pub mod switch;
pub mod text;
pub mod value;
pub mod why;
