//! Signals of the last while, asked of a source that keeps them, at the moment at which somebody looks. Nothing of them enters
//! the model.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use binnacle_model::fact::{Observation, Signals};
use binnacle_model::snapshot::Fault;
use jiff::Timestamp;

use crate::error::SourceError;

/// The shortest and the longest time that a history reaches back.
pub const SHORTEST_REACH: Duration = Duration::from_secs(60);
/// See [`SHORTEST_REACH`].
pub const LONGEST_REACH: Duration = Duration::from_secs(24 * 60 * 60);

/// What is asked for.
#[derive(Clone, Debug)]
pub struct HistoryQuery {
    /// What the source states now of the calls whose numbers are wanted, together.
    pub facts: Vec<Arc<Observation>>,
    /// How far back, within [`SHORTEST_REACH`] and [`LONGEST_REACH`].
    pub reach: Duration,
}

/// How the signals went.
#[derive(Clone, Debug, PartialEq)]
pub struct SignalHistory {
    /// One a step, oldest first. A step at which nothing is known has its point too, without numbers: no line leads over it.
    pub points: Vec<HistoryPoint>,
    /// Between two points; no shorter than the time between two measurements.
    pub step: Duration,
    /// What rates and percentiles of a point look back over.
    pub window: Duration,
    /// How many processes counted these calls; 0 where they are summed over all of them.
    pub processes: usize,
    /// What was asked, for the evidence.
    pub queries: Vec<Arc<str>>,
    /// What is missing of it, and why.
    pub missing: Vec<Fault>,
}

/// The signals at one moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HistoryPoint {
    /// The moment by this computer's clock.
    pub at: Timestamp,
    /// The numbers; each is absent where nobody measured it.
    pub signals: Signals,
}

/// A source that keeps what it measured.
#[async_trait]
pub trait Historian: Send + Sync {
    /// How the signals that some facts of this source make up together went. Whoever drops the future takes the question back.
    async fn history(&self, query: &HistoryQuery) -> Result<SignalHistory, SourceError>;
}
