//! Reads all endpoints over and over, each at its own pace, and publishes what changed.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;
use std::time::{Duration, Instant};

use binnacle_model::fact::{BreakerState, CallsBasis, Fact, ObjectKey, Observation, Signals};
use binnacle_model::snapshot::{Fault, SourceState};
use binnacle_model::store::Batch;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use jiff::Timestamp;
use tokio::sync::{Notify, Semaphore, watch};

use super::dialect::Dialects;
use super::dump::is_counter;
use super::exposition::Exposition;
use super::map::{COLLECTIONS, Scraped, Shown, observations};
use super::pace::{jittered, pause_after};
use super::rate::Window;
use super::read::{self, Answer};
use super::standing::{Account, Outcome, Standing, address};
use super::{Clients, PRODUCT, SYSTEM, Scrape, Target};
use crate::connection::{EngineGone, Meter, Outbox};
use crate::error::{ErrorKind, SourceError};
use crate::road::Road;

/// How many endpoints are read at once.
const AT_ONCE: usize = 16;
/// How long answers are gathered into one change of the picture.
const GATHERING: Duration = Duration::from_millis(20);
/// No endpoint is read more often.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(50);
/// Rates are taken over this many intervals, and over no less than [`SHORTEST_SPAN`].
const INTERVALS_IN_SPAN: u32 = 4;
const SHORTEST_SPAN: Duration = Duration::from_secs(5);

/// What a reading brought, of which target, in which of its lives.
type Read = (Target, u64, Result<Answer, SourceError>);

/// One process, as far as it is known.
struct Process {
    /// A target that left the list and came back is another one: an answer to the former is dropped.
    life: u64,
    window: Window,
    query: String,
    /// What was published of it last.
    facts: BTreeMap<ObjectKey, Observation>,
    outcome: Outcome,
    failures: u32,
    answered: Option<Instant>,
    /// What of its last answer was not understood.
    complaint: Option<Fault>,
}

pub(super) struct Round<'a> {
    scrape: &'a Scrape,
    out: Outbox,
    targets: watch::Receiver<Arc<[Target]>>,
    dialects: Dialects,
    clients: Clients,
    wake: Arc<Notify>,
    slots: Arc<Semaphore>,
    began: Instant,
    lives: u64,
    processes: BTreeMap<Target, Process>,
    readings: FuturesUnordered<BoxFuture<'static, Read>>,
    put: Vec<Observation>,
    removed: Vec<ObjectKey>,
    standing: Standing,
}

impl<'a> Round<'a> {
    pub(super) fn new(scrape: &'a Scrape, out: Outbox) -> Self {
        Self {
            scrape,
            out,
            targets: scrape.targets.clone(),
            dialects: scrape.dialects.clone(),
            clients: Clients::by(scrape.inside.clone()),
            wake: Arc::default(),
            slots: Arc::new(Semaphore::new(AT_ONCE)),
            began: Instant::now(),
            lives: 0,
            processes: BTreeMap::new(),
            readings: FuturesUnordered::new(),
            put: Vec::new(),
            removed: Vec::new(),
            standing: Standing::default(),
        }
    }

    pub(super) async fn run(&mut self, nudge: &Notify) -> Result<(), EngineGone> {
        // A run after a panic begins with nothing; what the run before stated is replaced, not added to.
        for collection in COLLECTIONS {
            self.out.facts(Batch::reset(self.scrape.id.clone(), collection, Vec::new())).await?;
        }
        let mut list_may_change = true;
        self.retarget();
        loop {
            self.publish().await?;
            tokio::select! {
                changed = self.targets.changed(), if list_may_change => match changed {
                    Ok(()) => self.retarget(),
                    Err(_) => list_may_change = false,
                },
                () = nudge.notified() => self.wake.notify_waiters(),
                Some(read) = self.readings.next() => {
                    self.take(read);
                    self.gather().await;
                }
            }
        }
    }

    /// Takes the answers that come right behind one: all endpoints are asked at the same beat, and what they answer is one
    /// change of the picture instead of one each.
    async fn gather(&mut self) {
        let end = tokio::time::Instant::now() + GATHERING;
        while let Ok(Some(read)) = tokio::time::timeout_at(end, self.readings.next()).await {
            self.take(read);
        }
    }

    /// How long it is to the next beat.
    fn to_next_beat(&self) -> Duration {
        let interval = self.scrape.interval.max(SHORTEST_INTERVAL).as_nanos();
        let since = self.began.elapsed().as_nanos() % interval;
        Duration::from_nanos(u64::try_from(interval - since).unwrap_or(u64::MAX))
    }

    /// Takes the list of targets over: new ones are read at once, and what was known of those that left is removed.
    fn retarget(&mut self) {
        let listed = self.targets.borrow_and_update().clone();
        let gone: Vec<Target> = self.processes.keys().filter(|known| !listed.contains(known)).cloned().collect();
        for target in gone {
            if let Some(process) = self.processes.remove(&target) {
                self.removed.extend(process.facts.into_keys());
            }
        }
        let span = (self.scrape.interval * INTERVALS_IN_SPAN).max(SHORTEST_SPAN);
        for target in listed.iter() {
            if let Entry::Vacant(place) = self.processes.entry(target.clone()) {
                self.lives += 1;
                place.insert(Process {
                    life: self.lives,
                    window: Window::new(span),
                    query: target.request(),
                    facts: BTreeMap::new(),
                    outcome: None,
                    failures: 0,
                    answered: None,
                    complaint: None,
                });
                self.read_later(target, self.lives, Duration::ZERO);
            }
        }
    }

    fn read_later(&mut self, target: &Target, life: u64, pause: Duration) {
        let road = self.clients.of(SYSTEM, &target.url);
        let reader = Reader {
            target: target.clone(),
            dialects: self.dialects.clone(),
            meter: self.scrape.meter.clone(),
            slots: self.slots.clone(),
            wake: self.wake.clone(),
        };
        self.readings.push(reader.read(road, life, pause).boxed());
    }

    fn take(&mut self, (target, life, outcome): Read) {
        let Some(process) = self.processes.get_mut(&target).filter(|process| process.life == life) else { return };
        let pause = match outcome {
            Ok(answer) => {
                process.take(&target, answer, self.began, &self.dialects, (&mut self.put, &mut self.removed));
                self.to_next_beat()
            }
            Err(error) => {
                process.failures = process.failures.saturating_add(1);
                process.outcome = Some(Err(error));
                let pause = jittered(pause_after(process.failures, self.scrape.interval));
                self.standing.try_after(pause);
                pause
            }
        };
        self.read_later(&target, life, pause);
    }

    async fn publish(&mut self) -> Result<(), EngineGone> {
        let state = self.standing.state(&self.processes.values().map(|process| &process.outcome));
        if state == SourceState::Live {
            for process in self.processes.values_mut() {
                process.fade(&mut self.put);
            }
        }
        if !self.put.is_empty() || !self.removed.is_empty() {
            let (put, removed) = (std::mem::take(&mut self.put), std::mem::take(&mut self.removed));
            self.out.facts(Batch::delta(self.scrape.id.clone(), put, removed)).await?;
        }
        let account = Account {
            address: address(
                &self.targets.borrow(),
                &self.scrape.spec.place,
                self.scrape.inside.as_deref().and_then(Road::words),
            ),
            abilities: Vec::new(),
            product: (state == SourceState::Live).then(|| Arc::from(PRODUCT)),
            faults: self.faults(),
        };
        if let Some(status) = self.standing.news(state, account) {
            self.out.status(self.scrape.id.clone(), status).await?;
        }
        Ok(())
    }

    /// What is wrong, one fault for each endpoint, in the order of the endpoints.
    fn faults(&self) -> Vec<Fault> {
        let wrong = |process: &Process| match &process.outcome {
            Some(Err(error)) => Some(error.fault()),
            _ => process.complaint.clone(),
        };
        let dialects = self.dialects.complaint(SYSTEM).map(|error| error.fault());
        self.processes.values().filter_map(wrong).chain(dialects).collect()
    }
}

impl Process {
    /// Takes an answer in; what it changed goes into `news`: facts to put, and objects that are gone.
    fn take(
        &mut self,
        target: &Target,
        answer: Answer,
        began: Instant,
        dialects: &Dialects,
        (put, removed): (&mut Vec<Observation>, &mut Vec<ObjectKey>),
    ) {
        let Answer { exposition, started, at, seen, .. } = answer;
        let counters = exposition.samples.iter().filter(|sample| is_counter(dialects, sample));
        self.window.push(at.saturating_duration_since(began), started, counters.cloned());
        self.complaint = complaint(target, &exposition, &self.window);
        let scraped = Scraped { query: &self.query, seen, window: &self.window, latest: &exposition.samples };
        let (host, port) = &target.instance;
        let shown = Shown { process: Some(&target.party()), name: &format!("{host}:{port}"), readings: &scraped };
        let mut facts = BTreeMap::new();
        for observation in observations(&shown, dialects) {
            if self.facts.remove(&observation.object).is_none_or(|known| known.fact != observation.fact) {
                put.push(observation.clone());
            }
            facts.insert(observation.object.clone(), observation);
        }
        // The process answered and names them no more: that is its own word.
        removed.extend(std::mem::replace(&mut self.facts, facts).into_keys());
        self.outcome = Some(Ok(()));
        self.failures = 0;
        self.answered = Some(at);
    }

    /// A rate is a statement about the last while; of a process that was silent for longer, nothing is known.
    fn fade(&mut self, put: &mut Vec<Observation>) {
        let silent = self.answered.is_some_and(|at| at.elapsed() > self.window.span());
        if !silent || !matches!(self.outcome, Some(Err(_))) {
            return;
        }
        for observation in self.facts.values_mut() {
            let fact = unknown(&observation.fact);
            if fact != observation.fact {
                observation.fact = fact;
                observation.seen = Timestamp::now();
                put.push(observation.clone());
            }
        }
    }
}

/// The same object, with nothing known of it.
pub(crate) fn unknown(fact: &Fact) -> Fact {
    match fact.clone() {
        Fact::Calls(mut calls) => {
            calls.basis = CallsBasis::Observed(Signals::default());
            Fact::Calls(calls)
        }
        Fact::Served(mut served) => {
            served.signals = Signals::default();
            Fact::Served(served)
        }
        Fact::Breaker(mut breaker) => {
            breaker.state = BreakerState::Unknown;
            breaker.rejected_per_s = None;
            Fact::Breaker(breaker)
        }
        other => other,
    }
}

fn complaint(target: &Target, exposition: &Exposition, window: &Window) -> Option<Fault> {
    let tally = exposition.tally;
    let came_back = match exposition.refused.first() {
        Some(first) => {
            let lines = tally.fed + tally.passed_over;
            format!("{} of {lines} lines were not understood; line {}: {}", tally.rejected, first.line, first.reason)
        }
        None if exposition.cut => "its end (`# EOF`) is missing: something may have been cut off".to_owned(),
        None => {
            let names: Vec<&str> = window.falling().into_iter().map(|name| &**name).collect();
            let first = names.first()?;
            format!("{first} falls again and again: it is no counter ({} such)", names.len())
        }
    };
    let error = SourceError {
        system: SYSTEM,
        kind: ErrorKind::NotUnderstood,
        tried: target.request(),
        came_back,
        hint: "The rest was read. `binnaclectl metrics URL` shows what was understood.".to_owned(),
    };
    Some(error.fault())
}

/// What one reading of an endpoint needs.
struct Reader {
    target: Target,
    dialects: Dialects,
    meter: Arc<Meter>,
    slots: Arc<Semaphore>,
    wake: Arc<Notify>,
}

impl Reader {
    async fn read(self, road: Result<Arc<Road>, SourceError>, life: u64, pause: Duration) -> Read {
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = self.wake.notified() => {}
        }
        // The semaphore is never closed; without a permit the endpoint would only be read beside the others.
        let _slot = self.slots.acquire().await;
        let outcome = match road {
            Ok(road) => read::read(&road, &self.target, &self.dialects, &self.meter).await,
            Err(error) => Err(error),
        };
        (self.target, life, outcome)
    }
}
