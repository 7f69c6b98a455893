//! How errors cross.

use serde::Serialize;
use ts_rs::TS;

/// What went wrong, for people and programs. The window shows it and never matches on the sentences.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, TS)]
pub struct Failure {
    /// Stable code, such as `consul.acl_denied`.
    pub code: String,
    /// What was tried, on what, and what came back.
    pub message: String,
    /// What to do next; may be empty.
    pub hint: String,
    /// The source that it is about.
    pub source: Option<String>,
}
