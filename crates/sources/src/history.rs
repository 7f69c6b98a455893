//! Signals of the last while, asked of a source that keeps them, at the moment at which somebody looks. Nothing of them enters
//! the model.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use binnacle_model::fact::{BreakerState, Observation, Signals};
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
    /// What the source states now of the calls whose numbers are wanted, together, or of the breaker.
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

/// In which states a breaker was.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BreakerHistory {
    /// The states of each process that has it, by [`BreakerFact::process`](binnacle_model::fact::BreakerFact::process), oldest first. Where
    /// nothing is known of a process there is a gap between two of them.
    pub courses: BTreeMap<Arc<str>, Vec<StateRun>>,
    /// Refused calls per second of all processes, one a step, oldest first; absent where nobody counted them.
    pub rejected_per_s: Vec<(Timestamp, Option<f64>)>,
    /// Between two moments that were asked about. A state that came and went between them is not seen.
    pub step: Duration,
    /// What was asked, for the evidence.
    pub queries: Vec<Arc<str>>,
    /// What is missing of it, and why.
    pub missing: Vec<Fault>,
}

/// A time in which a breaker was in one state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StateRun {
    /// The first moment at which it was seen in it.
    pub from: Timestamp,
    /// The moment at which it was seen in another one, or the last at which it was seen in this.
    pub until: Timestamp,
    /// The state.
    pub state: BreakerState,
}

impl BreakerHistory {
    /// The states that each process was in at some moments, put together to runs.
    pub(crate) fn courses<'a>(
        moments: impl IntoIterator<Item = &'a (Timestamp, BTreeMap<Arc<str>, BreakerState>)>,
    ) -> BTreeMap<Arc<str>, Vec<StateRun>> {
        let mut courses: BTreeMap<Arc<str>, Vec<StateRun>> = BTreeMap::new();
        let mut before = None;
        for (at, states) in moments {
            for (process, state) in states {
                let runs = courses.entry(process.clone()).or_default();
                // It goes on where the moment before is its end; behind a gap another one begins.
                let last = runs.last_mut().filter(|run| Some(run.until) == before);
                let goes_on = last.map(|run| {
                    run.until = *at;
                    run.state == *state
                });
                if goes_on != Some(true) {
                    runs.push(StateRun { from: *at, until: *at, state: *state });
                }
            }
            before = Some(*at);
        }
        courses
    }
}

/// A source that keeps what it measured.
#[async_trait]
pub trait Historian: Send + Sync {
    /// How the signals that some facts of this source make up together went. Whoever drops the future takes the question back.
    async fn history(&self, query: &HistoryQuery) -> Result<SignalHistory, SourceError>;

    /// In which states the breaker was that some facts of this source speak of. Whoever drops the future takes the question back.
    async fn breaker_history(&self, query: &HistoryQuery) -> Result<BreakerHistory, SourceError>;
}

#[cfg(test)]
mod tests {
    use BreakerState::{Closed, Open};

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_course_has_a_gap_where_nothing_is_known_and_no_state_twice_in_a_row() {
        let seen = [Some(Closed), Some(Closed), Some(Open), None, Some(Open), Some(Closed)];
        let moments: Vec<_> = (0..)
            .zip(seen)
            .map(|(second, state)| (at(second), state.map(|state| (Arc::from("a"), state)).into_iter().collect()))
            .collect();
        let runs = BreakerHistory::courses(&moments).remove("a").unwrap();
        let runs: Vec<_> = runs.iter().map(|run| (run.from, run.until, run.state)).collect();
        assert_eq!(runs, [(at(0), at(2), Closed), (at(2), at(2), Open), (at(4), at(5), Open), (at(5), at(5), Closed)]);
    }
}
