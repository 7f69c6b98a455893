//! Reads clusters and statistics at a beat, and publishes what changed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use binnacle_model::fact::{How, ObjectKey, Observation, Origin};
use binnacle_model::snapshot::{Ability, Fault, SourceState};
use binnacle_model::store::Batch;
use jiff::Timestamp;
use tokio::sync::Notify;

use super::map::{self, Breaker};
use super::wire::{Clusters, Entry, Stats};
use super::{BEAT, Envoy, SYSTEM, product};
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

/// One breaker, as far as it is known.
#[derive(Default)]
struct Known {
    refusals: Refusals,
    published: Option<Observation>,
}

/// What is asked once, as long as it answers: another process at the address has to be asked anew.
struct Who {
    product: Arc<str>,
    abilities: Vec<Ability>,
}

pub(super) struct Watch<'a> {
    envoy: &'a Envoy,
    out: Outbox,
    origin: Arc<Origin>,
    known: BTreeMap<ObjectKey, Known>,
    put: Vec<Observation>,
    removed: Vec<ObjectKey>,
    standing: Standing,
    outcome: Outcome,
    failures: u32,
    who: Option<Who>,
    complaint: Option<Fault>,
}

impl<'a> Watch<'a> {
    pub(super) fn new(envoy: &'a Envoy, out: Outbox) -> Self {
        let query = format!("GET {}/clusters?format=json", envoy.api.0.shown());
        Self {
            envoy,
            out,
            origin: Arc::new(Origin { query: Arc::from(query), how: How::Asked }),
            known: BTreeMap::new(),
            put: Vec::new(),
            removed: Vec::new(),
            standing: Standing::default(),
            outcome: None,
            failures: 0,
            who: None,
            complaint: None,
        }
    }

    pub(super) async fn run(&mut self, nudge: &Notify) -> Result<(), EngineGone> {
        // A run after a panic begins with nothing; what the run before stated is replaced, not added to.
        self.out.facts(Batch::reset(self.envoy.id.clone(), BREAKERS, Vec::new())).await?;
        self.publish_status().await?;
        loop {
            let began = Instant::now();
            let pause = match self.read().await {
                Ok((clusters, stats)) => {
                    (self.outcome, self.failures) = (Some(Ok(())), 0);
                    self.take(&clusters, &stats, Instant::now());
                    self.publish_facts().await?;
                    BEAT.saturating_sub(began.elapsed())
                }
                Err(error) => {
                    (self.outcome, self.who) = (Some(Err(error)), None);
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

    async fn read(&mut self) -> Result<(Clusters, Stats), SourceError> {
        if self.who.is_none() {
            let product = Arc::from(product(&self.envoy.api.server_info().await?));
            // Where it does not show what it was started with, nobody knows whether it can be switched.
            let can_switch = self.envoy.api.has_admin_layer().await.unwrap_or_default();
            let abilities = if can_switch { vec![Ability::SwitchBreakers] } else { Vec::new() };
            self.who = Some(Who { product, abilities });
        }
        let clusters = self.envoy.api.clusters().await?;
        Ok((clusters, self.envoy.api.stats().await?))
    }

    /// Takes in what it says. What it no longer names is gone: that is its own word.
    fn take(&mut self, clusters: &Clusters, stats: &Stats, at: Instant) {
        let (target, seen) = (&self.envoy.api.0.target, Timestamp::now());
        let odd = clusters.cluster_statuses.iter().filter(|entry| matches!(entry, Entry::Odd(_))).count();
        let breakers = map::breakers(clusters, stats, &self.envoy.dialects);
        self.complaint = self.complaint(breakers.len(), odd);
        let mut former = std::mem::take(&mut self.known);
        let usual = |breaker: &&Breaker| breaker.name.len() <= LONGEST_NAME;
        for breaker in breakers.iter().filter(usual).take(MOST_BREAKERS) {
            let object = map::object(target, breaker);
            if self.known.contains_key(&object) {
                continue;
            }
            let mut known = former.remove(&object).unwrap_or_default();
            if let Some(refused) = breaker.refused {
                known.refusals.push(at, refused);
            }
            let observation = map::observation(target, breaker, known.refusals.per_second(), &self.origin, seen);
            if known.published.as_ref().is_none_or(|last| last.fact != observation.fact) {
                self.put.push(observation.clone());
                known.published = Some(observation);
            }
            self.known.insert(object, known);
        }
        self.removed.extend(former.into_keys());
    }

    async fn publish_facts(&mut self) -> Result<(), EngineGone> {
        let (put, removed) = (std::mem::take(&mut self.put), std::mem::take(&mut self.removed));
        if put.is_empty() && removed.is_empty() {
            return Ok(());
        }
        self.out.facts(Batch::delta(self.envoy.id.clone(), put, removed)).await
    }

    async fn publish_status(&mut self) -> Result<(), EngineGone> {
        let state = self.standing.state(&std::iter::once(&self.outcome));
        let who = self.who.as_ref().filter(|_| state == SourceState::Live);
        let faults = match &self.outcome {
            Some(Err(error)) => vec![error.fault()],
            _ => self.complaint.iter().cloned().collect(),
        };
        let account = Account {
            address: address(
                std::slice::from_ref(&self.envoy.api.0.target),
                &self.envoy.spec.place,
                self.envoy.inside.as_deref().and_then(Road::words),
            ),
            product: who.map(|who| who.product.clone()),
            abilities: who.map(|who| who.abilities.clone()).unwrap_or_default(),
            faults,
        };
        if let Some(status) = self.standing.news(state, account) {
            self.out.status(self.envoy.id.clone(), status).await?;
        }
        Ok(())
    }

    fn complaint(&self, breakers: usize, odd: usize) -> Option<Fault> {
        let (kind, came_back, hint) = if breakers > MOST_BREAKERS {
            let hint = "Binnacle keeps 5,000 of one process, in the order of its clusters.";
            (ErrorKind::TooLarge, format!("{breakers} circuit breakers"), hint)
        } else if odd > 0 {
            let hint = "The rest was read. It is written for Envoy 1.20 and later.";
            (ErrorKind::NotUnderstood, format!("{odd} clusters were not understood"), hint)
        } else {
            return None;
        };
        let tried = self.origin.query.to_string();
        Some(SourceError { system: SYSTEM, kind, tried, came_back, hint: hint.to_owned() }.fault())
    }
}
