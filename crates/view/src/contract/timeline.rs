//! What happened, on one axis.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::state::{Subject, Tone};

/// What the timeline is asked with.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, TS)]
pub struct TimelineParams {
    /// How far back, in milliseconds.
    pub span_ms: f64,
}

/// The head of the timeline.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
pub struct TimelineHead {
    /// Since when anything is known; milliseconds since 1970.
    pub from: f64,
    /// Edits among the rows.
    pub edits: u32,
    /// Transitions among the rows.
    pub transitions: u32,
}

/// An event.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
pub struct TimelineRow {
    /// Unique.
    pub key: String,
    /// When; milliseconds since 1970.
    pub at: f64,
    /// Where it is drawn.
    pub lane: Lane,
    /// What it is about.
    pub subject: Subject,
    /// The name to show.
    pub title: String,
    /// The state before; empty for an edit.
    pub from: String,
    /// The state after; for an edit what it did.
    pub to: String,
    /// One line about why; may be empty.
    pub detail: String,
    /// How loud.
    pub tone: Tone,
    /// The edit's number, for its undo.
    pub edit: Option<String>,
}

/// The lanes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "lowercase")]
pub enum Lane {
    /// Edits made from here.
    Edits,
    /// Health of services.
    Health,
    /// Breakers.
    Breakers,
    /// Sources.
    Sources,
}
