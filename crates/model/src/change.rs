//! What became different from one revision to the next.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

use crate::id::{BreakerId, ConfigId, DisagreementId, EdgeId, Revision, ServiceId, SourceId};

/// What happened to an object of the picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Op {
    /// It is new or different.
    Put,
    /// It is gone.
    Removed,
}

/// Which object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", content = "id", rename_all = "snake_case")]
pub enum Subject {
    /// A source's status.
    Source(SourceId),
    /// A service with its instances and checks.
    Service(ServiceId),
    /// An edge.
    Edge(EdgeId),
    /// A breaker.
    Breaker(BreakerId),
    /// A config key.
    Config(ConfigId),
    /// A mesh rule, by `source/rule/name`.
    MeshRule(Arc<str>),
    /// A lock session, by id.
    Session(Arc<str>),
    /// A cluster service, by `source/namespace/name`.
    ClusterService(Arc<str>),
    /// A disagreement.
    Disagreement(DisagreementId),
    /// An alert, by `source/labels`.
    Alert(Arc<str>),
    /// A gateway's rule, by `source/collection/key`.
    Route(Arc<str>),
}

/// One changed object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Change {
    /// New, different or gone.
    pub op: Op,
    /// Which object.
    #[serde(flatten)]
    pub subject: Subject,
}

/// A change that belongs on a timeline: something went from one state to another before Binnacle's eyes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transition {
    /// When it was seen.
    pub at: Timestamp,
    /// Whose state.
    pub subject: Subject,
    /// In which of its processes; `None` for the whole of it. Only breakers tell of processes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process: Option<Arc<str>>,
    /// The state before, in the public words; empty for an event that a source reports.
    pub from: Arc<str>,
    /// The state after, or the event's reason.
    pub to: Arc<str>,
    /// One line about why, where a source says (a check's output, an error code); may be empty.
    pub detail: Arc<str>,
}

/// Everything that one revision changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeSet {
    /// The revision that it leads to.
    pub revision: Revision,
    /// When it was published.
    pub at: Timestamp,
    /// Changed objects, each at most once.
    pub changes: Vec<Change>,
    /// State transitions among them.
    pub transitions: Vec<Transition>,
}
