//! Reads the list of breakers at a beat, and publishes what changed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use binnacle_model::fact::{How, ObjectKey, Observation, Origin};
use binnacle_model::snapshot::{Ability, Fault, SourceState};
use binnacle_model::store::Batch;
use jiff::Timestamp;
use tokio::sync::Notify;

use super::map::{self, Beside};
use super::wire::{Breaker, Breakers, Change, Entry, Events};
use super::{Actuator, BEAT, PRODUCT, SYSTEM};
use crate::connection::{EngineGone, Outbox};
use crate::error::{ErrorKind, SourceError};
use crate::refusals::Refusals;
use crate::road::Road;
use crate::scrape::map::BREAKERS;
use crate::scrape::{Account, Outcome, Standing, address, jittered, pause_after};

/// The most breakers of one process that are kept.
const MOST_BREAKERS: usize = 5_000;
/// A longer name is none.
const LONGEST_NAME: usize = 1024;
/// How long nobody asks for the events again that were refused.
const EVENTS_AGAIN_AFTER: Duration = Duration::from_secs(15);

/// One breaker, as far as it is known.
#[derive(Debug, Default)]
struct Known {
    breaker: Breaker,
    refusals: Refusals,
    change: Option<Change>,
    published: Option<Observation>,
}

pub(super) struct Watch<'a> {
    actuator: &'a Actuator,
    out: Outbox,
    origin: Arc<Origin>,
    known: BTreeMap<String, Known>,
    removed: Vec<ObjectKey>,
    standing: Standing,
    outcome: Outcome,
    failures: u32,
    /// True when a breaker moved and nobody knows yet when.
    events_due: bool,
    events_failed: Option<(Instant, Fault)>,
    complaint: Option<Fault>,
}

impl<'a> Watch<'a> {
    pub(super) fn new(actuator: &'a Actuator, out: Outbox) -> Self {
        let query = format!("GET {}/circuitbreakers", actuator.api.0.shown());
        Self {
            actuator,
            out,
            origin: Arc::new(Origin { query: Arc::from(query), how: How::Asked }),
            known: BTreeMap::new(),
            removed: Vec::new(),
            standing: Standing::default(),
            outcome: None,
            failures: 0,
            events_due: false,
            events_failed: None,
            complaint: None,
        }
    }

    pub(super) async fn run(&mut self, nudge: &Notify) -> Result<(), EngineGone> {
        // A run after a panic begins with nothing; what the run before stated is replaced, not added to.
        self.out.facts(Batch::reset(self.actuator.id.clone(), BREAKERS, Vec::new())).await?;
        self.publish_status().await?;
        loop {
            let began = Instant::now();
            let pause = match self.actuator.api.breakers().await {
                Ok(list) => {
                    (self.outcome, self.failures) = (Some(Ok(())), 0);
                    self.take(list, Instant::now());
                    self.ask_for_events().await;
                    self.publish_facts().await?;
                    BEAT.saturating_sub(began.elapsed())
                }
                Err(error) => {
                    self.outcome = Some(Err(error));
                    self.failures = self.failures.saturating_add(1);
                    let pause = jittered(pause_after(self.failures, BEAT));
                    self.standing.try_after(pause);
                    pause
                }
            };
            self.publish_status().await?;
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = nudge.notified() => {}
            }
        }
    }

    /// Takes a list in. What it no longer names is gone: that is its own word.
    fn take(&mut self, list: Breakers, at: Instant) {
        let (total, mut odd) = (list.breakers.len(), 0_usize);
        let mut former = std::mem::take(&mut self.known);
        for (name, entry) in list.breakers {
            let Entry::Known(breaker) = entry else {
                odd += 1;
                continue;
            };
            if name.len() > LONGEST_NAME {
                odd += 1;
            } else if self.known.len() < MOST_BREAKERS {
                let mut known = former.remove(&name).unwrap_or_default();
                self.events_due |= known.take(breaker, at);
                self.known.insert(name, known);
            }
        }
        let gone = former.into_values().filter_map(|known| known.published);
        self.removed.extend(gone.map(|observation| observation.object));
        self.complaint = complaint(&self.origin.query, total, odd);
    }

    /// Events are many and change with each call; they are read when they are needed.
    async fn ask_for_events(&mut self) {
        let refused = self.events_failed.as_ref().is_some_and(|(at, _)| at.elapsed() < EVENTS_AGAIN_AFTER);
        if !self.events_due || refused {
            return;
        }
        match self.actuator.api.events().await {
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

    async fn publish_facts(&mut self) -> Result<(), EngineGone> {
        let (target, seen) = (&self.actuator.api.0.target, Timestamp::now());
        let mut put = Vec::new();
        for (name, known) in &mut self.known {
            let beside = Beside { change: known.change.as_ref(), rejected_per_s: known.refusals.per_second() };
            let observation = map::observation(target, name, &known.breaker, beside, &self.origin, seen);
            if known.published.as_ref().is_none_or(|last| last.fact != observation.fact) {
                put.push(observation.clone());
                known.published = Some(observation);
            }
        }
        let removed = std::mem::take(&mut self.removed);
        if put.is_empty() && removed.is_empty() {
            return Ok(());
        }
        self.out.facts(Batch::delta(self.actuator.id.clone(), put, removed)).await
    }

    async fn publish_status(&mut self) -> Result<(), EngineGone> {
        let state = self.standing.state(&std::iter::once(&self.outcome));
        let is_live = state == SourceState::Live;
        let faults = if let Some(Err(error)) = &self.outcome {
            vec![error.fault()]
        } else {
            let events = self.events_failed.iter().map(|(_, fault)| fault);
            self.complaint.iter().chain(events).cloned().collect()
        };
        let account = Account {
            address: address(
                std::slice::from_ref(&self.actuator.api.0.target),
                &self.actuator.spec.place,
                self.actuator.inside.as_deref().and_then(Road::words),
            ),
            product: is_live.then(|| Arc::from(PRODUCT)),
            abilities: if is_live { vec![Ability::SwitchBreakers] } else { Vec::new() },
            faults,
        };
        if let Some(status) = self.standing.news(state, account) {
            self.out.status(self.actuator.id.clone(), status).await?;
        }
        Ok(())
    }
}

impl Known {
    /// Takes what the list says now. True when something happened to the breaker since the last time: its state is another,
    /// or its count of refused calls began anew, as it does with each change.
    fn take(&mut self, breaker: Breaker, at: Instant) -> bool {
        let before = self.refusals.last();
        let fell = before.zip(breaker.not_permitted_calls).is_some_and(|(before, now)| now < before);
        let moved = self.breaker.state != breaker.state;
        if let Some(count) = breaker.not_permitted_calls {
            self.refusals.push(at, count);
        }
        self.breaker = breaker;
        moved || fell
    }
}

fn complaint(tried: &str, total: usize, odd: usize) -> Option<Fault> {
    let (kind, came_back, hint) = if total > MOST_BREAKERS {
        let hint = "Binnacle keeps the first 5,000 of one process by name; names that are made of requests are likely to blame.";
        (ErrorKind::TooLarge, format!("{total} circuit breakers"), hint)
    } else if odd > 0 {
        let hint = "The rest was read. It is written for resilience4j 1.3 and later.";
        (ErrorKind::NotUnderstood, format!("{odd} of {total} circuit breakers were not understood"), hint)
    } else {
        return None;
    };
    Some(SourceError { system: SYSTEM, kind, tried: tried.to_owned(), came_back, hint: hint.to_owned() }.fault())
}
