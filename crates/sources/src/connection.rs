//! What the engine sees of a source.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use async_trait::async_trait;
use binnacle_model::id::{SourceId, SourceKind};
use binnacle_model::snapshot::SourceStatus;
use binnacle_model::store::Batch;
use binnacle_model::world::Update;
use jiff::Timestamp;
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;

use crate::edit::ConfigStore;
use crate::error::SourceError;
use crate::history::Historian;
use crate::logs::Logs;
use crate::meaning::Meaning;
use crate::register::Registrar;
use crate::switch::BreakerSwitch;

/// A connection to one system. It may bring several sources (one Consul address brings every datacenter behind it).
#[async_trait]
pub trait Connection: Send + Sync {
    /// What the user asked for.
    fn spec(&self) -> &ConnectionSpec;

    /// Counts requests and answers, for the Sources screen.
    fn meter(&self) -> &Arc<Meter>;

    /// Asks whether the system answers and what it is, and nothing else: the first screen does this before a person
    /// chose anything.
    async fn probe(&self) -> Result<Probe, SourceError>;

    /// Whether this connection brings the source, asked of the system where that is needed. Serves one-shot commands that
    /// do not wait for a picture.
    async fn reaches(&self, source: &SourceId) -> Result<bool, SourceError>;

    /// Ids of the servers that answer, by which two connections to one system are told from two systems that are named alike.
    /// Empty where that cannot be told.
    async fn servers(&self) -> BTreeSet<String> {
        BTreeSet::new()
    }

    /// Reads until cancelled. Failures are not returned: they are published as the source's status, and tried again with
    /// a jittered back-off, at once when `nudge` is notified ("Try now").
    async fn run(&self, out: Outbox, nudge: Arc<Notify>, cancel: CancellationToken);

    /// By which way the system is reached now, in words; `None` where it is reached straight.
    fn way(&self) -> Option<String> {
        None
    }

    /// The config stores behind it, if it has any.
    fn config_store(&self) -> Option<&dyn ConfigStore> {
        None
    }

    /// The logs of what it runs, if it has any.
    fn logs(&self) -> Option<&dyn Logs> {
        None
    }

    /// What the metric means that a query of its evidence is about, if it knows; nothing is asked for it.
    fn meaning(&self, _query: &str) -> Option<Meaning> {
        None
    }

    /// What it kept of the signals that it brings, if it keeps them.
    fn historian(&self) -> Option<&dyn Historian> {
        None
    }

    /// The registry behind it, if services can be registered there.
    fn registrar(&self) -> Option<&dyn Registrar> {
        None
    }

    /// The switch of its circuit breakers, if they can be switched there.
    fn breaker_switch(&self) -> Option<&dyn BreakerSwitch> {
        None
    }
}

/// What a system answers when it is only asked who it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// Product and version: `Consul 1.22.7`.
    pub product: String,
    /// One line about it, without secrets: `dc1 · ACLs off · may read and write`.
    pub detail: String,
    /// How long the answer took.
    pub took: std::time::Duration,
}

/// Where a source puts what it has to say. Bounded: a source that is faster than the engine waits, and then reads the
/// latest state rather than every one.
#[derive(Clone, Debug)]
pub struct Outbox {
    sender: mpsc::Sender<Update>,
}

/// The engine is gone; there is nobody to tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the engine has stopped")]
pub struct EngineGone;

impl Outbox {
    /// An outbox that feeds this channel.
    pub fn new(sender: mpsc::Sender<Update>) -> Self {
        Self { sender }
    }

    /// Publishes facts.
    pub async fn facts(&self, batch: Batch) -> Result<(), EngineGone> {
        self.sender.send(Update::Facts(batch)).await.map_err(|_| EngineGone)
    }

    /// Publishes what the source says of itself.
    pub async fn status(&self, source: SourceId, status: SourceStatus) -> Result<(), EngineGone> {
        self.sender.send(Update::Status(source, status)).await.map_err(|_| EngineGone)
    }

    /// Publishes that a source is no longer there at all (a datacenter that left the WAN for good).
    pub async fn forget(&self, source: SourceId) -> Result<(), EngineGone> {
        self.sender.send(Update::Forget(source)).await.map_err(|_| EngineGone)
    }
}

/// Counts what a connection does. Shared with the screens, read at any time, no part of the model.
#[derive(Debug, Default)]
pub struct Meter {
    requests: AtomicU64,
    failures: AtomicU64,
    bytes: AtomicU64,
    last_answer_ms: AtomicI64,
}

impl Meter {
    /// Counts a request that was sent.
    pub fn sent(&self) {
        self.requests.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a whole answer.
    pub fn answered(&self, bytes: u64, at: Timestamp) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.last_answer_ms.store(at.as_millisecond(), Ordering::Relaxed);
    }

    /// Counts a request without a usable answer.
    pub fn failed(&self) {
        self.failures.fetch_add(1, Ordering::Relaxed);
    }

    /// Requests sent since the start.
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// Requests without a usable answer.
    pub fn failures(&self) -> u64 {
        self.failures.load(Ordering::Relaxed)
    }

    /// Bytes of answers.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// When the last whole answer came; `None` before the first.
    pub fn last_answer(&self) -> Option<Timestamp> {
        match self.last_answer_ms.load(Ordering::Relaxed) {
            0 => None,
            millis => Timestamp::from_millisecond(millis).ok(),
        }
    }
}

/// What the user names: `consul=http://127.0.0.1:8500`. An address may hold a user and a password, which are never printed.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionSpec {
    /// The family.
    pub kind: SourceKind,
    /// An address; its meaning depends on the kind. For people there is [`ConnectionSpec::shown_place`].
    pub place: String,
}

impl ConnectionSpec {
    /// The place without user and password.
    pub fn shown_place(&self) -> String {
        let (scheme, rest) = match self.place.split_once("://") {
            Some((scheme, rest)) => (format!("{scheme}://"), rest),
            None => (String::new(), self.place.as_str()),
        };
        let host_ends = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        match rest.get(..host_ends).and_then(|authority| authority.rfind('@')) {
            Some(at) => format!("{scheme}{}", rest.get(at + 1..).unwrap_or_default()),
            None => self.place.clone(),
        }
    }

    /// The same, without user and password: what connections call themselves by.
    #[must_use]
    pub fn without_credentials(mut self) -> Self {
        self.place = self.shown_place();
        self
    }
}

impl fmt::Debug for ConnectionSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ConnectionSpec").field(&self.to_string()).finish()
    }
}

impl fmt::Display for ConnectionSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.kind.word(), self.shown_place())
    }
}

/// Why a text is not a connection.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpecError {
    /// No `=`.
    #[error("`{0}` is not KIND=WHERE, such as consul=http://127.0.0.1:8500")]
    NoKind(String),
    /// A kind that this version does not have.
    #[error("`{0}` is not a kind of source; there are: {kinds}", kinds = kinds())]
    UnknownKind(String),
    /// Nothing behind the `=`.
    #[error("`{0}=` names no place")]
    NoPlace(&'static str),
}

/// Every kind of source, in one list: help texts, errors and the first screen are made from it.
pub const KINDS: [SourceKind; 8] = [
    SourceKind::Consul,
    SourceKind::Kube,
    SourceKind::Prometheus,
    SourceKind::Scrape,
    SourceKind::Hystrix,
    SourceKind::Actuator,
    SourceKind::Envoy,
    SourceKind::Sentinel,
];

fn kinds() -> String {
    KINDS.map(SourceKind::word).join(", ")
}

impl FromStr for ConnectionSpec {
    type Err = SpecError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (word, place) = text.split_once('=').ok_or_else(|| SpecError::NoKind(text.to_owned()))?;
        let kind = KINDS.into_iter().find(|kind| kind.word() == word);
        let kind = kind.ok_or_else(|| SpecError::UnknownKind(word.to_owned()))?;
        match place.trim() {
            "" => Err(SpecError::NoPlace(kind.word())),
            place => Ok(Self { kind, place: place.to_owned() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_that_is_known_can_be_named() {
        let sorted = |kinds: &[SourceKind]| kinds.iter().copied().collect::<BTreeSet<_>>();
        assert_eq!(sorted(&KINDS), sorted(&SourceKind::ALL));
    }

    #[test]
    fn a_password_in_a_spec_is_not_printed() {
        for (text, shown) in [
            ("prometheus=http://ann:s3cret@host:9090/x", "prometheus=http://host:9090/x"),
            ("consul=ann:s3c@ret@host:8500", "consul=host:8500"),
            ("consul=http://host:8500/a@b", "consul=http://host:8500/a@b"),
            ("consul=unix:///run/consul.sock", "consul=unix:///run/consul.sock"),
        ] {
            let spec: ConnectionSpec = text.parse().unwrap();
            assert_eq!(spec.to_string(), shown);
            assert!(!format!("{spec:?}").contains("s3c"), "{spec:?}");
            assert_eq!(spec.without_credentials(), shown.parse().unwrap());
        }
    }
}
