//! All that is known about one thing, with the evidence for each fact.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::health::AlertRow;
use super::state::{BreakerKind, BreakerState, Health, Named, Offer, Pip, Signals, Since, Subject, Tone};

/// What the inspector is asked with.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, TS)]
pub struct InspectorParams {
    /// What is selected.
    pub subject: Subject,
}

/// The head of the inspector.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
pub struct InspectorHead {
    /// What is shown.
    pub subject: Subject,
    /// False when it is no longer (or not yet) in the picture.
    pub known: bool,
    /// Its name.
    pub title: String,
    /// The state in words: `critical`, `open`, `1 of 3 passing`.
    pub state: String,
    /// The state for the glyph; `null` where health is not what it has.
    pub health: Option<Health>,
    /// The breaker's state for the glyph.
    pub breaker: Option<BreakerState>,
    /// Since when.
    pub since: Option<Since>,
    /// True when none of its sources is current.
    pub stale: bool,
    /// When the last of its sources ceased to be current; milliseconds since 1970.
    pub stale_since: Option<f64>,
    /// Short labels under the title: `dc dc1`, `tag v2`.
    pub chips: Vec<Chip>,
    /// What can be done; the first possible one is the primary one.
    pub actions: Vec<Action>,
    /// Why a section is empty, by section.
    pub empty: Vec<EmptySection>,
}

/// A short label.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, TS)]
pub struct Chip {
    /// `dc`, `ns`, `tag` ...
    pub label: String,
    /// The value.
    pub value: String,
}

/// The sections, in their fixed order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "lowercase")]
pub enum Section {
    /// Facts.
    Facts,
    /// What its sources disagree about.
    Disagreements,
    /// Why it is in the picture.
    Why,
    /// Signals.
    Signals,
    /// Calls in and out.
    Calls,
    /// Instances.
    Instances,
    /// What runs its instances.
    Workloads,
    /// Names and routes by which it is reached.
    Reached,
    /// Checks with output.
    Checks,
    /// Alerts about it.
    Alerts,
    /// What happened that is worth a look.
    Events,
    /// A breaker in each process.
    Processes,
    /// Breakers.
    Breakers,
    /// Rules of the mesh about it.
    Rules,
    /// Config used.
    Config,
}

/// Why a section is empty.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, TS)]
pub struct EmptySection {
    /// The section.
    pub section: Section,
    /// One line.
    pub reason: String,
}

/// Something that can be done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, TS)]
pub struct Action {
    /// What it does.
    pub does: ActionKind,
    /// The button's words.
    pub label: String,
    /// What it is done to: a config key's id, an instance's id, a source's id.
    pub target: String,
    /// Whether it is possible, and why not.
    pub offer: Offer,
}

/// What an action does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum ActionKind {
    /// Opens the key in the editor.
    EditConfig,
    /// Plans the deletion of a key.
    DeleteConfig,
    /// Plans the deregistration of an instance.
    Deregister,
    /// Opens the registration form, filled from this service.
    Register,
    /// Makes a failing source try at once.
    TryNow,
    /// Plans that a breaker refuses every call.
    ForceOpen,
    /// Plans that a breaker lets every call pass.
    Disable,
    /// Plans that a breaker begins anew.
    Close,
}

/// A line of the inspector. Every row names its section.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum InspectorRow {
    /// A fact with its evidence.
    Fact(FactRow),
    /// What its sources disagree about.
    Disagreement(DisagreementLine),
    /// Numbers.
    Signals(SignalsRow),
    /// Calls to or from another service.
    Call(CallRow),
    /// An instance.
    Instance(InstanceRow),
    /// A check.
    Check(CheckRow),
    /// An alert.
    Alert(AlertLine),
    /// A breaker.
    Breaker(InspectorBreaker),
    /// A breaker in one process.
    Process(ProcessRow),
    /// A statement about an edge, and what becomes of it.
    Claim(ClaimRow),
    /// A rule of the mesh.
    Rule(RuleRow),
    /// A config key.
    Config(ConfigUsed),
}

/// A fact.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
pub struct FactRow {
    /// Unique; also what `evidence` takes as `fact`.
    pub key: String,
    /// The section.
    pub section: Section,
    /// What it is about: `State`, `Address`.
    pub label: String,
    /// The value.
    pub value: String,
    /// How loud.
    pub tone: Tone,
    /// A moment to show as an age behind the value; milliseconds since 1970.
    pub at: Option<f64>,
    /// What to open on a click besides its evidence.
    pub link: Option<Subject>,
    /// Who says so.
    pub pips: Vec<Pip>,
}

/// What sources cannot both be right about.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
pub struct DisagreementLine {
    /// Unique; also what `evidence` takes as `fact`.
    pub key: String,
    /// The section.
    pub section: Section,
    /// The disagreement's id.
    pub id: String,
    /// What about: `Zombie registration`.
    pub title: String,
    /// The thing that it is about, as its source calls it.
    pub subject: String,
    /// What each side says, the one in doubt first.
    pub says: Vec<String>,
    /// Since when they have parted.
    pub since: Since,
    /// Who says so; the one in doubt differs.
    pub pips: Vec<Pip>,
}

/// Numbers with their evidence.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
pub struct SignalsRow {
    /// Unique; also what `evidence` takes as `fact`.
    pub key: String,
    /// The section.
    pub section: Section,
    /// The numbers.
    pub signals: Signals,
    /// How loud the error ratio is.
    pub tone: Tone,
    /// The source that can be asked how they went; null where nobody keeps that.
    pub history: Option<String>,
    /// Who says so.
    pub pips: Vec<Pip>,
}

/// Calls to or from another service.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
pub struct CallRow {
    /// Unique; also what `evidence` takes as `fact`.
    pub key: String,
    /// The section.
    pub section: Section,
    /// True when the other one calls.
    pub incoming: bool,
    /// The other service.
    pub other: Named,
    /// The edge's id.
    pub edge: String,
    /// The edge's state, protocol and pattern in words.
    pub words: String,
    /// The numbers.
    pub signals: Signals,
    /// How loud the error ratio is.
    pub tone: Tone,
    /// Who says so.
    pub pips: Vec<Pip>,
}

/// An instance.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
pub struct InstanceRow {
    /// Unique; also what `evidence` takes as `fact`.
    pub key: String,
    /// The section.
    pub section: Section,
    /// The instance's id in the picture, what `deregister_plan` takes.
    pub id: String,
    /// The id that its source gives it.
    pub native_id: String,
    /// Address and port.
    pub address: String,
    /// The node it runs on.
    pub node: Option<String>,
    /// Its state.
    pub health: Health,
    /// Since when.
    pub since: Since,
    /// Why it is not well, or that it goes; empty when there is nothing to say.
    pub note: String,
    /// Since when it is on its way out; milliseconds since 1970.
    pub terminating: Option<f64>,
    /// Checks that pass.
    pub passing: u32,
    /// All checks.
    pub checks: u32,
    /// True when a sidecar fronts it.
    pub sidecar: bool,
    /// Tags.
    pub tags: Vec<String>,
    /// Free key-value pairs.
    pub meta: Vec<Chip>,
    /// True when its source is no longer current.
    pub stale: bool,
    /// Whether it can be deregistered.
    pub deregister: Offer,
    /// Whether its log can be read; `null` where nobody has one.
    pub logs: Option<Offer>,
    /// Who says so.
    pub pips: Vec<Pip>,
}

/// A check.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
pub struct CheckRow {
    /// Unique; also what `evidence` takes as `fact`.
    pub key: String,
    /// The section.
    pub section: Section,
    /// The check's name.
    pub name: String,
    /// `http`, `ttl` ...; empty when not said.
    pub method: String,
    /// The instance's native id, or the node's name for a check of the node.
    pub at: String,
    /// Its result.
    pub health: Health,
    /// Since when.
    pub since: Since,
    /// What it printed.
    pub output: String,
    /// When it was seen last; milliseconds since 1970.
    pub seen: f64,
    /// True for a check of the node.
    pub of_node: bool,
    /// How many instances show this same check of their node.
    pub instances: u32,
    /// Who says so.
    pub pips: Vec<Pip>,
}

/// An alert about the thing.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
pub struct AlertLine {
    /// Unique; also what `evidence` takes as `fact`.
    pub key: String,
    /// The section.
    pub section: Section,
    /// The alert.
    pub alert: AlertRow,
    /// Who says so.
    pub pips: Vec<Pip>,
}

/// A breaker toward the thing or from it.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
pub struct InspectorBreaker {
    /// Unique; also what `evidence` takes as `fact`.
    pub key: String,
    /// The section.
    pub section: Section,
    /// The breaker's id.
    pub id: String,
    /// Whose calls it guards.
    pub caller: Named,
    /// Whom they go to.
    pub callee: Option<Named>,
    /// The library's name for it.
    pub name: String,
    /// Failure, capacity or endpoint.
    pub breaker_kind: BreakerKind,
    /// Its state.
    pub state: BreakerState,
    /// Since when.
    pub since: Since,
    /// Caller instances in which it lets no call pass.
    pub open: u32,
    /// Caller instances that report it.
    pub of: u32,
    /// Refused calls per second.
    pub rejected_per_s: Option<f64>,
    /// Who says so.
    pub pips: Vec<Pip>,
}

/// A breaker in one process.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
pub struct ProcessRow {
    /// Unique; also what `evidence` takes as `fact`.
    pub key: String,
    /// The section.
    pub section: Section,
    /// Its address, or the source's own key of it.
    pub process: String,
    /// The state there.
    pub state: BreakerState,
    /// Since when.
    pub since: Since,
    /// True when nobody tells the state and it is concluded from something else.
    pub derived: bool,
    /// Refused calls per second; `null` when nobody counts them.
    pub rejected_per_s: Option<f64>,
    /// The share of calls that failed in the breaker's own window, 0 to 1.
    pub failing: Option<f64>,
    /// True when none of its sources is current.
    pub stale: bool,
    /// What it went through, oldest first.
    pub past: Vec<PastState>,
}

/// A statement about an edge, and what becomes of it.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
pub struct ClaimRow {
    /// Unique; also what `evidence` takes as `fact`.
    pub key: String,
    /// The section.
    pub section: Section,
    /// What it says, in words: `counted at the caller`, `declared by upstream`.
    pub says: String,
    /// The query that brought it, or the line.
    pub query: String,
    /// True when the edge's numbers are made of it.
    pub believed: bool,
    /// True when it says that these calls must not happen.
    pub denies: bool,
    /// Why it is believed, or evidence only.
    pub because: String,
    /// When it was seen; milliseconds since 1970.
    pub seen: f64,
    /// True when the source is not current.
    pub stale: bool,
    /// Who says so.
    pub pips: Vec<Pip>,
}

/// That a breaker went from one state to another.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, TS)]
pub struct PastState {
    /// When; milliseconds since 1970.
    pub at: f64,
    /// The state before.
    pub from: BreakerState,
    /// The state after.
    pub to: BreakerState,
}

/// A rule of the mesh.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
pub struct RuleRow {
    /// Unique; also what `evidence` takes as `fact`.
    pub key: String,
    /// The section.
    pub section: Section,
    /// `service-defaults`, `service-intentions` ...
    pub rule: String,
    /// The entry's name.
    pub name: String,
    /// What it says.
    pub summary: String,
    /// Who says so.
    pub pips: Vec<Pip>,
}

/// A config key that belongs to the thing.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
pub struct ConfigUsed {
    /// Unique; also what `evidence` takes as `fact`.
    pub key: String,
    /// The section.
    pub section: Section,
    /// The key's id.
    pub id: String,
    /// Its path.
    pub path: String,
    /// Why it is believed to belong: `by name`.
    pub reason: String,
    /// The store's version.
    pub version: String,
    /// Size of the value in bytes.
    pub size_bytes: f64,
    /// When this version was seen first; milliseconds since 1970.
    pub seen: f64,
    /// Who says so.
    pub pips: Vec<Pip>,
}

/// What `evidence` is asked with.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, TS)]
pub struct EvidenceArgs {
    /// What the fact is about.
    pub subject: Subject,
    /// The row's key in the inspector; `state` for the thing itself.
    pub fact: String,
}

/// The observations behind one fact.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
pub struct EvidenceReport {
    /// The fact: `payments is critical`.
    pub title: String,
    /// The rule that decided.
    pub rule: String,
    /// One card a statement.
    pub cards: Vec<EvidenceCard>,
    /// How many more there are.
    pub more: u32,
    /// What a disagreement means; empty when there is none.
    pub meaning: String,
}

/// One statement of one source.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
pub struct EvidenceCard {
    /// One letter of the source's kind.
    pub letter: String,
    /// The source's id.
    pub source: String,
    /// What it says.
    pub says: String,
    /// The query or path.
    pub query: String,
    /// What the metric means that the query asks for; null where nobody says.
    pub metric: Option<MetricMeaning>,
    /// The object's place in the source.
    pub object: String,
    /// `pushed` or `asked`.
    pub how: String,
    /// When it was seen; milliseconds since 1970.
    pub seen: f64,
    /// The origin's version; empty when it has none.
    pub version: String,
    /// True when the source is no longer current.
    pub stale: bool,
    /// True when it states something else than what is shown.
    pub differs: bool,
}

/// What a metric means, in the words of who declared it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, TS)]
pub struct MetricMeaning {
    /// The metric.
    pub name: String,
    /// `counter`, `gauge`, `histogram` and the like.
    pub declared: String,
    /// What its numbers are counted in; empty where nobody says.
    pub unit: String,
    /// What it is for; empty where nobody says.
    pub help: String,
    /// How its type contradicts the way in which it is read; empty where it does not.
    pub contradiction: String,
}
