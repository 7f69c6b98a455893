//! The frame around every screen.

use serde::Serialize;
use ts_rs::TS;

use super::failure::Failure;
use super::state::{HealthCounts, SourceState, Tone};

/// The head of the shell.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
pub struct ShellHead {
    /// Binnacle's version.
    pub version: String,
    /// The profiles of what is open, by name; `this computer` for what was opened without one.
    pub profile: String,
    /// `read-write`, `read-only`, or `partly read-only` when some connections may be written by.
    pub access: String,
    /// Why it is read-only, as far as it is.
    pub read_only: Option<String>,
    /// True while the demo fleet runs in this process.
    pub demo: bool,
    /// The live indicator.
    pub live: LiveState,
    /// The live indicator in words: `Live`, `Not live: consul:dc2 failing`.
    pub live_words: String,
    /// Services by health.
    pub services: HealthCounts,
    /// Counts on the rail.
    pub badges: Vec<Badge>,
    /// The latest thing worth saying aloud; `null` before the first.
    pub announcement: Option<Announcement>,
}

/// What the live indicator shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "lowercase")]
pub enum LiveState {
    /// No source is connected: the first screen is shown.
    Nothing,
    /// A first picture is being waited for.
    Connecting,
    /// All sources are current.
    Live,
    /// Some sources are current.
    Partly,
    /// No source is current.
    Not,
}

/// A count on the rail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, TS)]
pub struct Badge {
    /// The screen.
    pub screen: Screen,
    /// What is counted is worth a look.
    pub count: u32,
    /// How loud.
    pub tone: Tone,
}

/// The screens of this version, in the order of the rail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "lowercase")]
pub enum Screen {
    /// Who calls whom.
    Topology,
    /// All services.
    Services,
    /// What is wrong.
    Health,
    /// All breakers.
    Breakers,
    /// Config keys.
    Config,
    /// What sources disagree about.
    Disagreements,
    /// What is read, and how it is doing.
    Sources,
}

/// Something for the live region.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
pub struct Announcement {
    /// When.
    pub at: f64,
    /// One sentence.
    pub text: String,
}

/// A source in the header.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
pub struct ShellSource {
    /// The source's id.
    pub key: String,
    /// One letter of its kind.
    pub letter: String,
    /// How the header names it: `consul dc1`.
    pub name: String,
    /// How it is doing.
    pub state: SourceState,
    /// Since when; milliseconds since 1970.
    pub since: f64,
    /// When it last gave a whole answer; milliseconds since 1970.
    pub last_answer: Option<f64>,
    /// Why it is failing or stale.
    pub fault: Option<Failure>,
}
