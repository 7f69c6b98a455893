//! What sources cannot both be right about.

use serde::Serialize;
use ts_rs::TS;

use super::state::{Named, Offer, Since, Subject};

/// The head of the screen.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
pub struct DisagreementsHead {
    /// How many.
    pub total: u32,
    /// Every kind that is looked for, with how many there are: the worst in effect first.
    pub kinds: Vec<KindCount>,
    /// Who was compared with whom.
    pub compared: Vec<String>,
    /// What could not be compared, and why.
    pub not_compared: Vec<String>,
    /// What to say when there is none; `null` when there is one.
    pub empty: Option<String>,
}

/// How often a kind was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, TS)]
pub struct KindCount {
    /// The kind.
    pub kind: DisagreementKind,
    /// Its name for people.
    pub title: String,
    /// How many.
    pub count: u32,
}

/// What sources may disagree about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum DisagreementKind {
    /// A registry has an instance whose process is gone.
    Zombie,
    /// A registry's checks pass, its cluster says that it is not ready.
    PassingButUnready,
    /// Its cluster says that it is ready, a registry's check that it is not.
    ReadyButFailing,
    /// A registry names a port at which the process does not listen by its own declaration.
    OtherPort,
    /// A cluster service selects no instance at all.
    SelectsNothing,
    /// A Prometheus server cannot scrape it, and its cluster says that it is ready.
    TargetDown,
    /// No Prometheus server scrapes it, although it asks for it or its like are scraped.
    NotScraped,
    /// A ConfigMap and a registry's store hold different values for what is the same setting by its name.
    OtherValue,
}

/// One disagreement.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
pub struct DisagreementRow {
    /// Its id.
    pub key: String,
    /// What about.
    pub kind: DisagreementKind,
    /// The kind for people.
    pub title: String,
    /// The thing that it is about, as its source calls it.
    pub subject: String,
    /// The service that it concerns, where there is one.
    pub service: Option<Named>,
    /// What each side says, the one in doubt first.
    pub claims: Vec<ClaimCard>,
    /// What follows from it.
    pub meaning: String,
    /// Since when they have parted.
    pub since: Since,
    /// What to do next, the best first.
    pub steps: Vec<Step>,
}

/// What one side says.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
pub struct ClaimCard {
    /// One letter of the source's kind.
    pub letter: String,
    /// The source's id.
    pub source: String,
    /// How people call the source.
    pub name: String,
    /// What it says.
    pub says: String,
    /// The query or path; empty where a source says something by not naming it.
    pub query: String,
    /// `pushed` or `asked`; empty as above.
    pub how: String,
    /// When it was seen, or when a source that speaks by silence answered last; milliseconds since 1970.
    pub seen: Option<f64>,
    /// True for the side in doubt.
    pub doubt: bool,
}

/// What can be done about it.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
#[serde(tag = "does", rename_all = "snake_case")]
pub enum Step {
    /// Plans the removal of the registration.
    Deregister {
        /// The button's words.
        label: String,
        /// The registry.
        source: String,
        /// The instance's id in the picture.
        instance: String,
        /// The instance's id in the registry.
        name: String,
        /// Whether it is possible, and why not.
        offer: Offer,
    },
    /// Opens the inspector.
    Show {
        /// The button's words.
        label: String,
        /// What to open.
        subject: Subject,
        /// The row of the inspector to point at, where there is one.
        fact: Option<String>,
    },
    /// Copies a command for a terminal.
    Copy {
        /// The button's words.
        label: String,
        /// The command.
        text: String,
    },
}
