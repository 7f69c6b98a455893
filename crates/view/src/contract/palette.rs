//! Everything that can be found by typing.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::state::{Health, Subject};

/// What `palette` is asked with.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, TS)]
pub struct PaletteArgs {
    /// What was typed; empty lists what is worth a look.
    pub query: String,
    /// How many at most; capped at 200.
    pub limit: u32,
}

/// A thing that was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, TS)]
pub struct PaletteItem {
    /// What to open.
    pub subject: Subject,
    /// Its name.
    pub title: String,
    /// Where it is: datacenter, source, path.
    pub detail: String,
    /// Its state.
    pub health: Option<Health>,
}
