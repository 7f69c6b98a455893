//! The table of circuit breakers.

use serde::Serialize;
use ts_rs::TS;

use super::state::{BreakerKind, BreakerState, Named, Pip, Since};

/// The head of the table.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
pub struct BreakersHead {
    /// How many.
    pub total: u32,
    /// How many are open or forced open.
    pub open: u32,
    /// How many are half-open.
    pub half_open: u32,
    /// Why the table is empty, and what would fill it; `null` when it is not.
    pub empty: Option<String>,
}

/// A breaker.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
pub struct BreakerRow {
    /// The breaker's id.
    pub key: String,
    /// Whose calls it guards.
    pub caller: Named,
    /// Whom they go to, where known.
    pub callee: Option<Named>,
    /// The library's name for it.
    pub name: String,
    /// Failure, capacity or endpoint.
    pub kind: BreakerKind,
    /// The most notable state.
    pub state: BreakerState,
    /// Since when.
    pub since: Since,
    /// Caller instances in which it lets no call pass.
    pub open: u32,
    /// Caller instances that report it; 0 where nobody tells the state and its limits alone are known.
    pub of: u32,
    /// True when nobody tells the state and it is concluded from something else.
    pub derived: bool,
    /// Refused calls per second; `null` when nobody counts them.
    pub rejected_per_s: Option<f64>,
    /// The share of calls that failed in the breaker's own window, 0 to 1; `null` where it is not told or too few were counted.
    pub failing: Option<f64>,
    /// From where on it opens, in words, with the rule where it is configured and told by no process; empty where neither is.
    pub opens_at: String,
    /// The share of failed calls from which on it opens, 0 to 1; `null` where it goes by something else, or nobody tells it.
    pub threshold: Option<f64>,
    /// The id of the edge that it sits on, where it is drawn.
    pub edge: Option<String>,
    /// True when none of its sources is current.
    pub stale: bool,
    /// Who says so.
    pub sources: Vec<Pip>,
    /// The server that can be asked in which states it was, for people; `null` where none keeps them.
    pub history: Option<String>,
}
