//! What is wrong now.

use serde::Serialize;
use ts_rs::TS;

use super::inspector::Chip;
use super::state::{Health, HealthCounts, Named, Since, Subject};

/// The head of the screen.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
pub struct HealthHead {
    /// Services by health.
    pub services: HealthCounts,
    /// Checks by health.
    pub checks: HealthCounts,
    /// How many causes.
    pub problems: u32,
    /// Alerts that fire.
    pub firing: u32,
    /// Alerts whose condition holds, but not for long enough yet.
    pub pending: u32,
    /// Why there are no alerts: who would have them; `null` when there are some.
    pub no_alerts: Option<String>,
    /// What to say when nothing is wrong, or nothing is known; `null` when something is.
    pub empty: Option<String>,
}

/// Causes first, then every check that does not pass, then every alert.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum HealthRow {
    /// A cause.
    Problem(Problem),
    /// A check that does not pass.
    Check(FailingCheck),
    /// An alert, firing or pending.
    Alert(AlertRow),
}

/// One cause with its reach.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
pub struct Problem {
    /// `p:` and a stable name of the cause.
    pub key: String,
    /// What sort of cause.
    pub cause: Cause,
    /// One sentence: `Node n2 is critical`.
    pub title: String,
    /// How bad: the worst of the cause and of what is behind it.
    pub health: Health,
    /// Since when.
    pub since: Since,
    /// The reach in words: `1 of 3 instances · 2 services behind it: checkout, storefront`.
    pub reach: String,
    /// A line of evidence: a check's output, an error's text; may be empty.
    pub detail: String,
    /// An error code, where the cause has one.
    pub code: Option<String>,
    /// What to open; the first is the main one.
    pub subjects: Vec<Subject>,
    /// What it explains: the nearest first, then the worst.
    pub behind: Vec<Symptom>,
    /// A key of the cause that changed shortly before, the latest one.
    pub changed: Option<ChangedKey>,
}

/// What a cause explains. It stands under one cause only.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
pub struct Symptom {
    /// Which service.
    pub service: Named,
    /// How bad it is by itself.
    pub health: Health,
    /// Since when; `null` where nobody keeps it, as for calls that fail.
    pub since: Option<Since>,
    /// What is wrong with it: `calls to payments: 31.0 % errors · breaker to payments open, 1 of 2`.
    pub words: String,
    /// Names of further causes, less bad than the one that it stands under.
    pub also: Vec<String>,
}

/// A key that changed.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
pub struct ChangedKey {
    /// Its id.
    pub id: String,
    /// Its path.
    pub path: String,
    /// When the change was seen, in milliseconds since 1970.
    pub at: f64,
    /// The change in short, when it was made from here; else empty.
    pub summary: String,
}

/// The sorts of causes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// A source does not answer, or answers in part.
    Source,
    /// A node, and with it everything on it.
    Node,
    /// A breaker lets no call pass.
    Breaker,
    /// A service's own checks.
    Service,
    /// Calls fail.
    Calls,
    /// An alert fires.
    Alert,
    /// A service is taken out on purpose.
    Maintenance,
}

/// A check that does not pass.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
pub struct FailingCheck {
    /// `c:` and the check's id and instance.
    pub key: String,
    /// The service.
    pub service: Named,
    /// The instance's id.
    pub instance: String,
    /// Its address and port.
    pub address: String,
    /// The check's name.
    pub name: String,
    /// `http`, `ttl` ...; empty when not said.
    pub method: String,
    /// Its result.
    pub health: Health,
    /// Since when.
    pub since: Since,
    /// What it printed.
    pub output: String,
    /// True for a check of the node.
    pub of_node: bool,
    /// The node.
    pub node: Option<String>,
    /// True when its source is no longer current.
    pub stale: bool,
    /// Who says so.
    pub source: String,
}

/// An alert of a Prometheus server.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
pub struct AlertRow {
    /// `a:` and the alert's key.
    pub key: String,
    /// The alert's name.
    pub name: String,
    /// Firing or pending.
    pub state: AlertState,
    /// The severity that its rule gives it; may be empty.
    pub severity: String,
    /// How bad the thing is that it speaks of; `null` while it is pending, and for one that only informs.
    pub health: Option<Health>,
    /// Since when its condition holds.
    pub since: Since,
    /// What its rule says about it; may be empty.
    pub summary: String,
    /// The service that it speaks of, where it is known.
    pub service: Option<Named>,
    /// Its labels, without its name and severity.
    pub labels: Vec<Chip>,
    /// When the server was asked; milliseconds since 1970.
    pub seen: f64,
    /// True when its source is no longer current.
    pub stale: bool,
    /// Who says so.
    pub source: String,
}

/// What an alert does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, TS)]
#[serde(rename_all = "lowercase")]
pub enum AlertState {
    /// Its condition holds, but not for long enough yet.
    Pending,
    /// It fires.
    Firing,
}
