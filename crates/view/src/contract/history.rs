//! How the signals of what is inspected went, asked of the server that measures them when somebody looks.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::failure::Failure;
use super::state::Subject;

/// What `history` is asked with. One that is still under way in this window is taken back.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, TS)]
pub struct HistoryArgs {
    /// A service or an edge.
    pub subject: Subject,
    /// How far back, in seconds; at most a day.
    pub reach_s: u32,
    /// The window's number for it, for `history_close`.
    pub ask: u32,
}

/// What `history_close` is asked with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, TS)]
pub struct HistoryCloseArgs {
    /// The number that the history was asked for with.
    pub ask: u32,
}

/// How the signals went.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
pub struct SignalHistory {
    /// The source's id.
    pub source: String,
    /// The same for people.
    pub name: String,
    /// One a step, oldest first, also where nothing is known: a line leads from one to the next only where both have the number.
    pub points: Vec<HistoryPoint>,
    /// Milliseconds between two of them.
    pub step_ms: f64,
    /// What each looks back over, in milliseconds.
    pub window_ms: f64,
    /// How many processes counted these calls; 0 where they are summed over all. What others counted that are gone is not in it.
    pub processes: u32,
    /// What was asked.
    pub queries: Vec<String>,
    /// What is missing of it.
    pub missing: Vec<Failure>,
}

/// The signals at one moment. Each is null where nobody measured it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, TS)]
pub struct HistoryPoint {
    /// Milliseconds since 1970.
    pub at: f64,
    /// Calls per second.
    pub rps: Option<f64>,
    /// Failed calls of all calls, 0 to 1.
    pub error_ratio: Option<f64>,
    /// 95th percentile of the latency in milliseconds.
    pub p95_ms: Option<f64>,
}
