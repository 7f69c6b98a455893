//! What is known of an actuator's breakers from one reading to the next: when each of them changed.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use binnacle_model::snapshot::Fault;

use super::api::Api;
use super::map;
use super::wire::{Breaker, Breakers, Change, Entry, Events};
use crate::polled::{LONGEST_NAME, Said};
use crate::scrape::Target;

/// How long nobody asks for the events again that were refused.
const EVENTS_AGAIN_AFTER: Duration = Duration::from_secs(15);

/// One breaker, as far as it is known.
#[derive(Debug, Default)]
struct Known {
    breaker: Breaker,
    change: Option<Change>,
}

/// Its breakers, and whether their events are to be read.
#[derive(Debug, Default)]
pub struct Memory {
    known: BTreeMap<String, Known>,
    /// True when a breaker moved and nobody knows yet when.
    events_due: bool,
    events_failed: Option<(Instant, Fault)>,
}

impl Memory {
    /// Takes a list in, and says what of it was not understood.
    pub(super) fn take(&mut self, list: Breakers) -> Option<String> {
        let (total, mut odd) = (list.breakers.len(), 0_usize);
        let mut former = std::mem::take(&mut self.known);
        for (name, entry) in list.breakers {
            match entry {
                Entry::Known(breaker) if name.len() <= LONGEST_NAME => {
                    let mut known = former.remove(&name).unwrap_or_default();
                    self.events_due |= known.take(breaker);
                    self.known.insert(name, known);
                }
                _ => odd += 1,
            }
        }
        (odd > 0).then(|| format!("{odd} of {total} circuit breakers"))
    }

    /// Events are many and change with each call; they are read when they are needed.
    pub(super) async fn ask_for_events(&mut self, api: &Api) {
        let refused = self.events_failed.as_ref().is_some_and(|(at, _)| at.elapsed() < EVENTS_AGAIN_AFTER);
        if !self.events_due || refused {
            return;
        }
        match api.events().await {
            Ok(events) => {
                (self.events_due, self.events_failed) = (false, None);
                self.take_events(events);
            }
            Err(error) => self.events_failed = Some((Instant::now(), error.fault())),
        }
    }

    /// The last change to the state that a breaker is in. A younger one, to another state, belongs to the next list.
    fn take_events(&mut self, events: Events) {
        for entry in events.events {
            let Entry::Known(event) = entry else { continue };
            let Some((name, change)) = event.change() else { continue };
            if let Some(known) = self.known.get_mut(&name).filter(|known| change.to() == known.breaker.state.as_deref())
            {
                let newer = known.change.as_ref().is_none_or(|last| last.at <= change.at || last.to() != change.to());
                known.change = if newer { Some(change) } else { known.change.take() };
            }
        }
    }

    pub(super) fn said(&self, target: &Target) -> Vec<Said> {
        let said = |(name, known): (&String, &Known)| map::said(target, name, &known.breaker, known.change.as_ref());
        self.known.iter().map(said).collect()
    }

    pub(super) fn faults(&self) -> Vec<Fault> {
        self.events_failed.iter().map(|(_, fault)| fault.clone()).collect()
    }
}

impl Known {
    /// Takes what the list says now. True when something happened to the breaker since the last time: its state is another,
    /// or its count of refused calls began anew, as it does with each change.
    fn take(&mut self, breaker: Breaker) -> bool {
        let before = self.breaker.not_permitted_calls;
        let fell = before.zip(breaker.not_permitted_calls).is_some_and(|(before, now)| now < before);
        let moved = self.breaker.state != breaker.state;
        self.breaker = breaker;
        moved || fell
    }
}
