//! What was found on this computer.

use serde::Serialize;
use ts_rs::TS;

use super::failure::Failure;

/// The head of the first screen.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
pub struct FirstRunHead {
    /// True while systems are being asked whether they answer.
    pub looking: bool,
    /// When it was last looked; milliseconds since 1970.
    pub looked_at: Option<f64>,
    /// True while the demo fleet runs.
    pub demo: bool,
    /// The profiles of this user.
    pub profiles: Vec<ProfileRow>,
    /// Why the profiles cannot be listed.
    pub profiles_fault: Option<Failure>,
}

/// A named set of connections.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
pub struct ProfileRow {
    /// What `open_profile` takes.
    pub name: String,
    /// What it reads, as `KIND=WHERE`.
    pub sources: Vec<String>,
    /// True when every write by its connections is refused.
    pub read_only: bool,
    /// Why it cannot be opened.
    pub fault: Option<Failure>,
    /// True when all its connections are open.
    pub open: bool,
}

/// A system that was looked for.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
pub struct FoundRow {
    /// Unique.
    pub key: String,
    /// What to give `connect`; `null` where this version cannot connect.
    pub spec: Option<String>,
    /// What it is: `Consul`, a context's name.
    pub title: String,
    /// Where it was found.
    pub place: String,
    /// What came of asking.
    pub state: FoundState,
    /// The state in words: product and version, or why it was not asked.
    pub detail: String,
    /// How long the answer took, in milliseconds.
    pub took_ms: Option<f64>,
    /// Why it does not answer.
    pub fault: Option<Failure>,
    /// True when it is connected already.
    pub connected: bool,
}

/// What came of asking.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum FoundState {
    /// One click connects.
    Answers,
    /// It does not answer, or it says no.
    Fails,
    /// It was not asked; the detail says why.
    NotAsked,
}
