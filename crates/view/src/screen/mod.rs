//! The picture → plain data per screen. All functions here are pure: a [`Scene`] in, a [`Table`] out.

pub mod alerts;
pub mod breakers;
pub mod causes;
pub mod config_tree;
pub mod disagreements;
pub mod evidence;
pub mod first_run;
pub mod health;
pub mod inspector;
pub mod limits;
pub mod palette;
mod runtime;
pub mod services;
pub mod shell;
pub mod sources;
pub mod timeline;
pub mod topology;

use std::collections::BTreeMap;
use std::sync::Arc;

use binnacle_model::change::Transition;
use binnacle_model::id::{ServiceId, SourceId};
use binnacle_model::snapshot::{ConfigItem, Evidence, Facet, Fault, Service, ServiceRole, Snapshot};
use jiff::Timestamp;

use crate::contract::Failure;
use crate::contract::first_run::{FoundRow, ProfileRow};
use crate::contract::sources::InsideRow;
use crate::contract::state::{Named, Pip, millis};
use crate::text;

/// Everything that the screens are made of.
#[derive(Clone, Debug)]
pub struct Scene {
    /// The picture.
    pub snapshot: Arc<Snapshot>,
    /// The open connections.
    pub connections: Vec<ConnectionFacts>,
    /// What happened since the start, oldest first.
    pub happened: Vec<Happened>,
    /// The latest thing that the app itself has to say, with its moment.
    pub said: Option<(Timestamp, String)>,
    /// What was looked for on this computer.
    pub found: Found,
    /// Why nothing can be written in this window, whatever the connection; `None` when that is for each to say.
    pub read_only: Option<String>,
    /// True while the demo fleet runs in this process.
    pub demo: bool,
    /// The kinds of sources that can be connected.
    pub kinds: Vec<String>,
    /// When this process started.
    pub started: Timestamp,
    /// The time now.
    pub now: Timestamp,
}

impl Scene {
    /// Why nothing can be written to a source; `None` when it can. Where several connections bring it, each may forbid it.
    pub fn read_only_for(&self, source: &SourceId) -> Option<&str> {
        let mut bring_it = self.connections.iter().filter(|connection| connection.sources.contains(source));
        self.read_only.as_deref().or_else(|| bring_it.find_map(|connection| connection.read_only.as_deref()))
    }

    /// The name of the profile that a source was opened by.
    pub fn profile_of(&self, source: &SourceId) -> &str {
        let connection = self.connections.iter().find(|connection| connection.sources.contains(source));
        connection.map_or("", |connection| connection.profile.as_str())
    }
}

/// One open connection.
#[derive(Clone, Debug, PartialEq)]
pub struct ConnectionFacts {
    /// `KIND=WHERE`.
    pub spec: String,
    /// The profile that it was opened by, or what stands for one: `this computer`, `demo`.
    pub profile: String,
    /// Where and by what it was found, and how it is reached, for one that nobody named.
    pub found: Option<String>,
    /// Why nothing can be written by it; `None` when it can.
    pub read_only: Option<String>,
    /// Where its token comes from; `None` where none would be sent, and for what needs none.
    pub token: Option<TokenFacts>,
    /// The sources that it brings.
    pub sources: Vec<SourceId>,
    /// Requests sent since the start.
    pub requests: u64,
    /// Requests without a usable answer.
    pub failures: u64,
    /// Bytes of answers.
    pub bytes: u64,
    /// When the last whole answer came.
    pub last_answer: Option<Timestamp>,
    /// What was found inside it, when it is a cluster that was looked into.
    pub inside: Vec<InsideRow>,
    /// Why it could not be looked into.
    pub inside_fault: Option<Failure>,
}

/// The token of a connection, without the token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenFacts {
    /// Where it comes from, in words.
    pub origin: String,
    /// True when requests are anonymous.
    pub anonymous: bool,
    /// True when it comes from the keyring.
    pub remembered: bool,
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Happened {
    /// Something went from one state to another.
    Transition(Transition),
    /// A config key was edited from here.
    Edit {
        /// When the store had taken it.
        at: Timestamp,
        /// The key's id.
        id: String,
        /// The edit's number in the audit.
        edit: String,
        /// The change in short.
        summary: String,
    },
}

impl Happened {
    /// When.
    pub fn at(&self) -> Timestamp {
        match self {
            Self::Transition(transition) => transition.at,
            Self::Edit { at, .. } => *at,
        }
    }
}

/// What was looked for on this computer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Found {
    /// True while systems are being asked.
    pub looking: bool,
    /// When it was last looked.
    pub looked_at: Option<Timestamp>,
    /// What was found, `connected` left to the screen.
    pub systems: Vec<FoundRow>,
    /// The profiles that there are, `open` left to the screen.
    pub profiles: Vec<ProfileRow>,
    /// Why they cannot be listed.
    pub profiles_fault: Option<Failure>,
}

/// A view's data before it is sent.
#[derive(Clone, Debug, PartialEq)]
pub struct Table<H, R> {
    /// What is not a row.
    pub head: H,
    /// The rows in their order.
    pub rows: Vec<R>,
}

/// The letter of a source's kind.
pub(crate) fn letter(source: &SourceId) -> String {
    source.as_str().chars().next().map(|c| c.to_uppercase().to_string()).unwrap_or_default()
}

/// How people call a source: `consul dc1`.
pub fn source_name(source: &SourceId) -> String {
    let kind = source.as_str().split_once(':').map_or("", |(kind, _)| kind);
    text::name(format!("{kind} {}", source.place()).trim())
}

pub(crate) fn pip(source: &SourceId) -> Pip {
    Pip { letter: letter(source), source: text::name(source.as_str()), differs: false }
}

/// The sources of some evidence, each once.
pub(crate) fn pips<'a>(evidence: impl IntoIterator<Item = &'a Evidence>) -> Vec<Pip> {
    distinct(evidence.into_iter().map(|one| &one.source))
}

pub(crate) fn facet_pips(facets: &[Facet]) -> Vec<Pip> {
    distinct(facets.iter().map(|facet| &facet.source))
}

fn distinct<'a>(sources: impl Iterator<Item = &'a SourceId>) -> Vec<Pip> {
    let mut seen: Vec<&SourceId> = Vec::new();
    for source in sources {
        if !seen.contains(&source) {
            seen.push(source);
        }
    }
    seen.into_iter().map(pip).collect()
}

pub(crate) fn named(snapshot: &Snapshot, id: &ServiceId) -> Named {
    let name = snapshot.services.get(id).map_or_else(|| text::name(id.as_str()), |service| text::name(&service.name));
    Named { id: id.to_string(), name }
}

pub(crate) fn failure(source: &SourceId, fault: &Fault) -> Failure {
    Failure {
        code: fault.code.to_string(),
        message: text::output(&fault.detail),
        hint: text::output(&fault.hint),
        source: Some(source.to_string()),
    }
}

pub(crate) fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

#[allow(clippy::cast_precision_loss, reason = "exact up to 2^53, and shown rounded")]
pub(crate) fn number(value: u64) -> f64 {
    value as f64
}

/// When the last of a thing's sources ceased to be current; `None` while one is.
pub(crate) fn stale_since<'a>(
    snapshot: &Snapshot,
    stale: bool,
    sources: impl IntoIterator<Item = &'a SourceId>,
) -> Option<f64> {
    if !stale {
        return None;
    }
    let ends = sources.into_iter().filter_map(|id| {
        let status = &snapshot.sources.get(id)?.status;
        (!status.state.is_current()).then(|| millis(status.since))
    });
    ends.reduce(f64::max)
}

/// `1 service`, `2 services`.
pub(crate) fn plural(number: usize, one: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{number} {one}s") }
}

/// The sources that are current or not, as the sentence of an empty screen needs them.
pub(crate) fn why_empty(snapshot: &Snapshot, what: &str, fill: &str) -> String {
    let waiting: Vec<String> = snapshot
        .sources
        .values()
        .filter(|source| source.status.state == binnacle_model::snapshot::SourceState::Connecting)
        .map(|source| source_name(&source.id))
        .collect();
    if snapshot.sources.is_empty() {
        return format!("No {what}: no source is connected. {fill}");
    }
    if waiting.is_empty() { format!("No {what} known. {fill}") } else { format!("Waiting for {}.", waiting.join(", ")) }
}

/// How many edges come in and go out of each service.
pub(crate) fn degrees(snapshot: &Snapshot) -> BTreeMap<&ServiceId, (u32, u32)> {
    let mut degrees: BTreeMap<&ServiceId, (u32, u32)> = BTreeMap::new();
    for edge in snapshot.edges.values() {
        degrees.entry(&edge.to).or_default().0 += 1;
        degrees.entry(&edge.from).or_default().1 += 1;
    }
    degrees
}

/// Whether a service is one that a registry knows, rather than a party to somebody's calls.
pub(crate) fn is_registered(service: &Service) -> bool {
    matches!(service.role, ServiceRole::Service | ServiceRole::Gateway)
}

/// Whether a key is one of a service's: the service's name is a segment of its path.
pub(crate) fn concerns(item: &ConfigItem, service: &str) -> bool {
    // The first test is the fast one, and lets few through.
    !service.is_empty() && item.path.contains(service) && item.path.split('/').any(|segment| segment == service)
}
