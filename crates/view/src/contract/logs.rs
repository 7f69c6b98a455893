//! Logs of what runs. They are fetched in batches as they come, and nothing of them is kept here.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::failure::Failure;

/// What `logs_open` is asked with. A log that was open in this window is closed.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, TS)]
pub struct LogsOpenArgs {
    /// The instance's id in the picture.
    pub instance: String,
    /// The container; `null` for the usual one.
    pub container: Option<String>,
    /// The run before the present one.
    pub previous: bool,
    /// How many lines from the end.
    pub tail: u32,
    /// Go on with what is written from now on.
    pub follow: bool,
}

/// A log that was opened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, TS)]
pub struct LogsOpened {
    /// Its number, for `logs_next` and `logs_close`.
    pub log: u32,
    /// The Pod, as `NAMESPACE/NAME`.
    pub pod: String,
    /// The container that is shown.
    pub container: String,
    /// All containers: those that work first. Empty where the account may not see the Pod.
    pub containers: Vec<LogContainer>,
    /// The same as a line for a terminal.
    pub command: String,
}

/// A container of the Pod.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, TS)]
pub struct LogContainer {
    /// Its name.
    pub name: String,
    /// What it is for; empty for the work itself.
    pub role: String,
    /// How often it was started anew.
    pub restarts: u32,
    /// True when a run before the present one is known.
    pub has_previous: bool,
}

/// What `logs_next` and `logs_close` are asked with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, TS)]
pub struct LogsArgs {
    /// The log's number.
    pub log: u32,
}

/// What arrived since the last batch. Comes when there is something, or after a second without.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
pub struct LogsBatch {
    /// The lines, oldest first.
    pub lines: Vec<LogRow>,
    /// Lines before these that nobody fetched in time, and that are lost.
    pub dropped: f64,
    /// Set when nothing will follow.
    pub ended: Option<LogsEnd>,
}

/// A line.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
pub struct LogRow {
    /// When it was written; milliseconds since 1970.
    pub at: Option<f64>,
    /// Its text, made visible.
    pub text: String,
    /// Bytes of it that are left out at the end.
    pub left_out: f64,
}

/// How a log ended.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
pub struct LogsEnd {
    /// Why it broke off; `null` when it ended by itself.
    pub failure: Option<Failure>,
}
