//! What happened since the start, in memory: bounded, oldest first out.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use binnacle_model::change::Transition;
use jiff::Timestamp;

/// How many events are kept.
const KEPT: usize = 5000;

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TimelineEvent {
    /// Something went from one state to another.
    Transition(Transition),
    /// A config key was edited from here.
    Edit {
        /// When the store had taken it.
        at: Timestamp,
        /// The key's id.
        id: String,
        /// The edit's number in the audit.
        edit: i64,
        /// The value before and after in short, where it may be shown; sizes otherwise.
        summary: String,
    },
}

impl TimelineEvent {
    /// When it happened.
    pub fn at(&self) -> Timestamp {
        match self {
            Self::Transition(transition) => transition.at,
            Self::Edit { at, .. } => *at,
        }
    }
}

/// The events, oldest first.
#[derive(Debug, Default)]
pub struct Timeline {
    events: Mutex<VecDeque<TimelineEvent>>,
}

impl Timeline {
    /// Adds events; the oldest go when there are too many.
    pub fn extend(&self, events: impl IntoIterator<Item = TimelineEvent>) {
        let mut kept = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        kept.extend(events);
        let surplus = kept.len().saturating_sub(KEPT);
        kept.drain(..surplus);
    }

    /// The events at or after a moment, oldest first.
    pub fn since(&self, from: Timestamp) -> Vec<TimelineEvent> {
        let kept = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        kept.iter().filter(|event| event.at() >= from).cloned().collect()
    }
}
