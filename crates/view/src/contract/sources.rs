//! What is read, and how it is doing.

use serde::Serialize;
use ts_rs::TS;

use super::failure::Failure;
use super::state::SourceState;

/// The head of the screen.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
pub struct SourcesHead {
    /// Open connections.
    pub connections: Vec<ConnectionRow>,
    /// The kinds that `connect` takes.
    pub kinds: Vec<String>,
    /// True while the demo fleet runs.
    pub demo: bool,
}

/// A connection: one address, possibly several sources.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
pub struct ConnectionRow {
    /// What `disconnect` takes.
    pub spec: String,
    /// The profile that it was opened by; `this computer` without one.
    pub profile: String,
    /// Where and by what it was found, and how it is reached, for one that nobody named: `found in minikube by label app=consul;
    /// by service proxy`.
    pub found: Option<String>,
    /// Why nothing can be written by it; `null` when it can.
    pub read_only: Option<String>,
    /// Where its token comes from, in words; `null` where none would be sent.
    pub token: Option<String>,
    /// True when entering a token would help: none is sent, or the one that is sent is refused something.
    pub wants_token: bool,
    /// True when the token comes from the keyring of this computer.
    pub remembered: bool,
    /// The sources that it brings.
    pub sources: Vec<String>,
    /// Requests sent since the start.
    pub requests: f64,
    /// Requests without a usable answer.
    pub failures: f64,
    /// Bytes of answers.
    pub bytes: f64,
    /// When the last whole answer came; milliseconds since 1970.
    pub last_answer: Option<f64>,
    /// What was found inside it, when it is a cluster that was looked into.
    pub inside: Vec<InsideRow>,
    /// Why it could not be looked into.
    pub inside_fault: Option<Failure>,
}

/// A system that was found inside a cluster.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
pub struct InsideRow {
    /// Product and version where it said so: `Consul 1.22.7`.
    pub title: String,
    /// Its Service, `NAMESPACE/NAME:PORT`.
    pub service: String,
    /// By what it was recognised: `label app=consul`.
    pub by: String,
    /// By which way it was asked and is read; empty where it was not asked.
    pub way: String,
    /// What to give `connect`; `null` where this version cannot, and where it is connected already.
    pub spec: Option<String>,
    /// What became of it, in words: connected, turned off, not read by this version, not what it seems.
    pub note: String,
    /// True when it is connected.
    pub connected: bool,
}

/// A source.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
pub struct SourceRow {
    /// The source's id.
    pub key: String,
    /// One letter of its kind.
    pub letter: String,
    /// The kind's word.
    pub source_kind: String,
    /// How people call it: `consul dc1`.
    pub name: String,
    /// How it is doing.
    pub state: SourceState,
    /// Since when; milliseconds since 1970.
    pub since: f64,
    /// Where it is reached, without credentials.
    pub address: String,
    /// Product and version.
    pub product: Option<String>,
    /// Why it is failing or stale.
    pub fault: Option<Failure>,
    /// Parts that cannot be read while the rest works.
    pub partial: Vec<Failure>,
    /// What is worth knowing of how it is read, and nobody's fault: sentences.
    pub notes: Vec<String>,
    /// When the next attempt is due; milliseconds since 1970.
    pub next_try: Option<f64>,
    /// What may be done, in words.
    pub abilities: Vec<String>,
    /// How many facts it states.
    pub facts: f64,
    /// The connection that brings it.
    pub connection: Option<String>,
    /// Requests of that connection.
    pub requests: f64,
    /// Requests of that connection without a usable answer.
    pub failures: f64,
    /// Bytes of answers of that connection.
    pub bytes: f64,
    /// When that connection's last whole answer came; milliseconds since 1970.
    pub last_answer: Option<f64>,
}
