//! How the signals of what is inspected went, asked of the server that measures them when somebody looks.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::failure::Failure;
use super::state::{BreakerState, Subject};

/// What `history` and `breaker_history` are asked with. One of the same kind that is still under way in this window is taken back.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, TS)]
pub struct HistoryArgs {
    /// A service or an edge; for `breaker_history` a breaker.
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

/// In which states a breaker was, and how the calls went that it guards.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
pub struct BreakerHistory {
    /// The source's id.
    pub source: String,
    /// The same for people.
    pub name: String,
    /// The states of each process that has it.
    pub courses: Vec<BreakerCourse>,
    /// What was refused; one a step, oldest first, also where nothing is known.
    pub rejected: Vec<RejectedPoint>,
    /// The calls of its edge by the server that counts them; empty where none does.
    pub calls: Vec<HistoryPoint>,
    /// Milliseconds between two moments. A state that came and went between them is not seen.
    pub step_ms: f64,
    /// What was asked.
    pub queries: Vec<String>,
    /// What is missing of it.
    pub missing: Vec<Failure>,
}

/// The states of one process, oldest first; where nothing is known of it there is a gap between two of them.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
pub struct BreakerCourse {
    /// Its name, as in the inspector's rows.
    pub process: String,
    /// Its states.
    pub runs: Vec<BreakerRun>,
}

/// A time in one state.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, TS)]
pub struct BreakerRun {
    /// When it was first seen in it, milliseconds since 1970.
    pub from: f64,
    /// When it was seen in another one, or last in this.
    pub to: f64,
    /// The state.
    pub state: BreakerState,
}

/// What was refused at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, TS)]
pub struct RejectedPoint {
    /// Milliseconds since 1970.
    pub at: f64,
    /// Refused calls per second of all processes; null where nobody counted them.
    pub rejected_per_s: Option<f64>,
}
