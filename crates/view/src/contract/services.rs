//! The table of services.

use serde::Serialize;
use ts_rs::TS;

use super::state::{BreakerState, Health, HealthCounts, Pip, ServiceRole, Signals, Since, Tone};

/// The head of the table.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
pub struct ServicesHead {
    /// How many rows.
    pub total: u32,
    /// By health.
    pub counts: HealthCounts,
    /// Instances of all services.
    pub instances: u32,
    /// Why the table is empty, and what would fill it; `null` when it is not.
    pub empty: Option<String>,
}

/// A service.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
pub struct ServiceRow {
    /// The service's id.
    pub key: String,
    /// Its name.
    pub name: String,
    /// Its namespace.
    pub namespace: Option<String>,
    /// Datacenter or cluster.
    pub place: String,
    /// Service, gateway, external or channel.
    pub role: ServiceRole,
    /// Its state.
    pub health: Health,
    /// Since when.
    pub since: Since,
    /// True when none of its sources is current.
    pub stale: bool,
    /// When the last of its sources ceased to be current; milliseconds since 1970.
    pub stale_since: Option<f64>,
    /// How many instances.
    pub instances: u32,
    /// How many of them pass.
    pub passing: u32,
    /// What its callers measure, summed.
    pub signals: Signals,
    /// How loud its error ratio is.
    pub tone: Tone,
    /// Calls in.
    pub callers: u32,
    /// Calls out.
    pub callees: u32,
    /// The most notable state among the breakers at it, and how many there are.
    pub breaker: Option<BreakerState>,
    /// How many disagreements of its sources concern it.
    pub disagreements: u32,
    /// Who knows it.
    pub sources: Vec<Pip>,
    /// Tags.
    pub tags: Vec<String>,
    /// The first line of its worst check's output; empty when all pass.
    pub worst_output: String,
}
