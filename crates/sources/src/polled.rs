//! Circuit breakers of one process that are read at a beat: what every source of that kind does alike.
//!
//! A system brings an [`Interface`]: what it is asked, and what the answers say. Here are the connection, the beat with its
//! back-off, what is published of it, and the bounds.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use binnacle_model::fact::{BreakerFact, Fact, How, ObjectKey, Observation, Origin};
use binnacle_model::id::SourceId;
use binnacle_model::snapshot::{Ability, Fault, SourceState};
use binnacle_model::store::Batch;
use jiff::Timestamp;
use serde::Deserialize;
use serde::de::IgnoredAny;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::admin::Admin;
use crate::connection::{Connection, ConnectionSpec, EngineGone, Meter, Outbox, Probe};
use crate::environment::Environment;
use crate::error::{ErrorKind, SourceError};
use crate::kubernetes::Doors;
use crate::kubernetes::inside::Place;
use crate::refusals::Refusals;
use crate::road::{Road, watched};
use crate::scrape::map::{BREAKERS, rounded};
use crate::scrape::{Account, Clients, Outcome, Standing, Target, address, jittered, pause_after, way_inside};
use crate::switch::BreakerSwitch;

/// The most breakers of one process that are kept.
pub(crate) const MOST_BREAKERS: usize = 5_000;
/// A longer name is none.
pub(crate) const LONGEST_NAME: usize = 1024;

const ANY_POD: &str = "The address is that of a Service: with several Pods behind it, one of them is switched, and which one is not known.";

/// What a process shows for its own administration, as one system has it.
pub trait Interface: Sized + Send + Sync {
    /// The first half of its error codes.
    const SYSTEM: &'static str;
    /// Where it is when nobody says otherwise.
    const USUAL_PATH: &'static str;
    /// How often it is read.
    const BEAT: Duration;
    /// What is asked for below the address, for the evidence.
    const ASKED: &'static str;
    /// What to do when there are more breakers than are kept.
    const TOO_MANY: &'static str;
    /// The versions that it is written for.
    const WRITTEN_FOR: &'static str;
    /// What is known from one reading to the next, while it is run.
    type Memory: Default + Send;

    /// The interface at an address.
    fn of(admin: Admin, environment: &Environment) -> Self;

    /// By what it is asked.
    fn admin(&self) -> &Admin;

    /// What it is, and one line about it.
    fn look(&self) -> impl Future<Output = Result<(String, String), SourceError>> + Send;

    /// What it says now.
    fn read(&self, memory: &mut Self::Memory) -> impl Future<Output = Result<Reading, SourceError>> + Send;
}

/// What a process says of its breakers at one time. What it no longer names is gone: that is its own word.
#[derive(Debug)]
pub struct Reading {
    /// What it is.
    pub product: Arc<str>,
    /// What may be done by it.
    pub abilities: Vec<Ability>,
    /// When it said so.
    pub at: Instant,
    /// All that were understood.
    pub breakers: Vec<Said>,
    /// What was not, such as `2 of 7 circuit breakers`.
    pub odd: Option<String>,
    /// What could not be read beside them.
    pub faults: Vec<Fault>,
}

/// What is said of one breaker.
#[derive(Debug)]
pub struct Said {
    /// Where it stands among the facts of the source.
    pub object: ObjectKey,
    /// What is said.
    pub fact: BreakerFact,
    /// How many calls it refused so far, where that is counted rather than told as a rate.
    pub refused: Option<i64>,
}

/// One entry of a list: that it is not understood takes nothing from the others.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum Entry<T> {
    /// Understood.
    Known(T),
    /// Anything else.
    Odd(IgnoredAny),
}

impl<T> Entry<T> {
    /// What is understood.
    pub fn known(&self) -> Option<&T> {
        match self {
            Self::Known(known) => Some(known),
            Self::Odd(_) => None,
        }
    }
}

/// A connection that reads one process at a beat.
#[derive(Debug)]
pub struct Polled<I> {
    pub(crate) id: SourceId,
    spec: ConnectionSpec,
    pub(crate) api: I,
    /// The way to it, where it is inside a cluster.
    inside: Option<Arc<Road>>,
}

impl<I: Interface> Polled<I> {
    /// Reads the one process that the spec names, such as `actuator=http://127.0.0.1:8080`.
    pub fn new(spec: ConnectionSpec) -> Result<Self, SourceError> {
        Self::by(spec, &Environment::default(), &Doors::default())
    }

    /// The same through the doors to clusters that other connections share.
    pub(crate) fn by(spec: ConnectionSpec, environment: &Environment, doors: &Doors) -> Result<Self, SourceError> {
        let mut target = Target::named(I::SYSTEM, &spec.place, I::USUAL_PATH)?;
        let path = target.url.path().trim_end_matches('/').to_owned();
        target.url.set_path(&path);
        let id = SourceId::from(format!("{}:{}", I::SYSTEM, target.short(I::USUAL_PATH)));
        let meter = Arc::default();
        let inside = way_inside(I::SYSTEM, &target, environment, doors, &meter)?;
        if let Some(instance) = instance(I::SYSTEM, &target)? {
            target.instance = instance;
        }
        // What is asked for stands below the address: a query has no place there.
        target.url.set_query(None);
        target.url.set_fragment(None);
        let road = Clients::by(inside.clone()).of(I::SYSTEM, &target.url)?;
        let api = I::of(Admin { system: I::SYSTEM, target, road, meter }, environment);
        Ok(Self { id, spec, api, inside })
    }

    /// What a person should know before a switch of something that may be one of several.
    pub(crate) fn any_pod(&self) -> Option<String> {
        Place::is_meant(self.api.admin().target.url.as_str()).then(|| ANY_POD.to_owned())
    }
}

#[async_trait]
impl<I: Interface> Connection for Polled<I>
where
    Self: BreakerSwitch,
{
    fn spec(&self) -> &ConnectionSpec {
        &self.spec
    }

    fn meter(&self) -> &Arc<Meter> {
        &self.api.admin().meter
    }

    fn way(&self) -> Option<String> {
        self.inside.as_deref().and_then(Road::words)
    }

    async fn probe(&self) -> Result<Probe, SourceError> {
        let asked = Instant::now();
        let (product, detail) = self.api.look().await?;
        Ok(Probe { product, detail, took: asked.elapsed() })
    }

    async fn reaches(&self, source: &SourceId) -> Result<bool, SourceError> {
        Ok(*source == self.id)
    }

    async fn run(&self, out: Outbox, nudge: Arc<Notify>, cancel: CancellationToken) {
        let mut watch = Watch::new(self, out);
        watched(watch.run(&nudge), self.inside.as_deref(), &nudge, &cancel).await;
    }

    fn breaker_switch(&self) -> Option<&dyn BreakerSwitch> {
        Some(self)
    }
}

/// Under which address a registry knows the process, where that is another than the one that is read:
/// `http://10.1.2.3:8719?instance=10.1.2.3:8080`.
fn instance(system: &'static str, target: &Target) -> Result<Option<(Arc<str>, u16)>, SourceError> {
    let mut pairs = target.url.query_pairs();
    let Some((_, named)) = pairs.find(|(key, _)| key == "instance") else { return Ok(None) };
    Ok(Some(Target::named(system, &named, "/")?.instance))
}

/// One breaker, as far as it is known.
#[derive(Default)]
struct Known {
    refusals: Refusals,
    published: Option<Fact>,
}

struct Watch<'a, I: Interface> {
    source: &'a Polled<I>,
    out: Outbox,
    origin: Arc<Origin>,
    memory: I::Memory,
    known: BTreeMap<ObjectKey, Known>,
    put: Vec<Observation>,
    removed: Vec<ObjectKey>,
    standing: Standing,
    outcome: Outcome,
    failures: u32,
    /// What it is and what may be done by it, as long as it answers.
    who: Option<(Arc<str>, Vec<Ability>)>,
    faults: Vec<Fault>,
}

impl<'a, I: Interface> Watch<'a, I> {
    fn new(source: &'a Polled<I>, out: Outbox) -> Self {
        let query = format!("GET {}{}", source.api.admin().shown(), I::ASKED);
        Self {
            source,
            out,
            origin: Arc::new(Origin { query: Arc::from(query), how: How::Asked }),
            memory: I::Memory::default(),
            known: BTreeMap::new(),
            put: Vec::new(),
            removed: Vec::new(),
            standing: Standing::default(),
            outcome: None,
            failures: 0,
            who: None,
            faults: Vec::new(),
        }
    }

    async fn run(&mut self, nudge: &Notify) -> Result<(), EngineGone> {
        // A run after a panic begins with nothing; what the run before stated is replaced, not added to.
        self.out.facts(Batch::reset(self.source.id.clone(), BREAKERS, Vec::new())).await?;
        self.publish_status().await?;
        loop {
            let began = Instant::now();
            let pause = match self.source.api.read(&mut self.memory).await {
                Ok(reading) => {
                    (self.outcome, self.failures) = (Some(Ok(())), 0);
                    self.take(reading);
                    self.publish_facts().await?;
                    I::BEAT.saturating_sub(began.elapsed())
                }
                Err(error) => {
                    (self.outcome, self.who) = (Some(Err(error)), None);
                    self.failures = self.failures.saturating_add(1);
                    let pause = jittered(pause_after(self.failures, I::BEAT));
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

    fn take(&mut self, reading: Reading) {
        let seen = Timestamp::now();
        self.who = Some((reading.product, reading.abilities));
        self.faults = complaint::<I>(&self.origin.query, reading.breakers.len(), reading.odd).into_iter().collect();
        self.faults.extend(reading.faults);
        let mut former = std::mem::take(&mut self.known);
        let usual = reading.breakers.into_iter().filter(|said| said.fact.name.len() <= LONGEST_NAME);
        for Said { object, mut fact, refused } in usual.take(MOST_BREAKERS) {
            if self.known.contains_key(&object) {
                continue;
            }
            let mut known = former.remove(&object).unwrap_or_default();
            if let Some(refused) = refused {
                known.refusals.push(reading.at, refused);
            }
            fact.rejected_per_s = fact.rejected_per_s.or(known.refusals.per_second()).map(rounded);
            let fact = Fact::Breaker(fact);
            if known.published.as_ref() != Some(&fact) {
                known.published = Some(fact.clone());
                let (object, origin) = (object.clone(), self.origin.clone());
                self.put.push(Observation { object, fact, seen, version: None, origin });
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
        self.out.facts(Batch::delta(self.source.id.clone(), put, removed)).await
    }

    async fn publish_status(&mut self) -> Result<(), EngineGone> {
        let state = self.standing.state(&std::iter::once(&self.outcome));
        let (product, abilities) = self.who.clone().filter(|_| state == SourceState::Live).unzip();
        let way = self.source.inside.as_deref().and_then(Road::words);
        let faults = match &self.outcome {
            Some(Err(error)) => vec![error.fault()],
            _ => self.faults.clone(),
        };
        let target = std::slice::from_ref(&self.source.api.admin().target);
        let account = Account {
            address: address(target, &self.source.spec.place, way),
            product,
            abilities: abilities.unwrap_or_default(),
            faults,
        };
        if let Some(status) = self.standing.news(state, account) {
            self.out.status(self.source.id.clone(), status).await?;
        }
        Ok(())
    }
}

fn complaint<I: Interface>(tried: &str, total: usize, odd: Option<String>) -> Option<Fault> {
    let (kind, came_back, hint) = if total > MOST_BREAKERS {
        (ErrorKind::TooLarge, format!("{total} circuit breakers"), I::TOO_MANY.to_owned())
    } else {
        let hint = format!("The rest was read. It is written for {}.", I::WRITTEN_FOR);
        (ErrorKind::NotUnderstood, format!("{} were not understood", odd?), hint)
    };
    Some(SourceError { system: I::SYSTEM, kind, tried: tried.to_owned(), came_back, hint }.fault())
}
