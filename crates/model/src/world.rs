//! The one owner of the model: takes batches in, derives the picture, and says what changed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;

use crate::change::{Change, ChangeSet, Op, Subject, Transition};
use crate::derive;
use crate::fact::{BreakerState, Fact, ObjectKey, WorkloadKind};
use crate::id::{ConfigId, SourceId};
use crate::snapshot::{
    Breaker, ConfigItem, Edge, Event, Service, Snapshot, Source, SourceState, SourceStatus, Workload,
};
use crate::store::{Batch, Store, Touched};

/// What a source may send.
#[derive(Clone, Debug)]
pub enum Update {
    /// Facts.
    Facts(Batch),
    /// What the source says of itself.
    Status(SourceId, SourceStatus),
    /// The user disconnected it.
    Forget(SourceId),
}

/// The facts and the picture that they add up to.
#[derive(Debug, Default)]
pub struct World {
    store: Store,
    published: Arc<Snapshot>,
}

impl World {
    /// The latest picture.
    pub fn snapshot(&self) -> &Arc<Snapshot> {
        &self.published
    }

    /// The facts behind it.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Takes updates in. Returns the change set when the picture became another one.
    pub fn apply(&mut self, updates: impl IntoIterator<Item = Update>, now: Timestamp) -> Option<ChangeSet> {
        let mut touched = Touched::default();
        let mut status_news = false;
        for update in updates {
            match update {
                Update::Facts(batch) => touched.absorb(self.store.apply(batch)),
                Update::Status(source, status) => {
                    let before = self.standing(&source);
                    status_news |= self.store.set_status(&source, status);
                    // Facts become stale, or current again, with their source; and its silence speaks, or no longer does.
                    if before != self.standing(&source) {
                        touched.picture = true;
                        touched.few.give_up();
                    }
                }
                Update::Forget(source) => {
                    touched.absorb(self.store.forget(&source));
                    status_news = true;
                }
            }
        }
        if touched.is_nothing() && !status_news {
            return None;
        }
        self.publish(touched, now)
    }

    /// What of a source's status the picture is made of: its state, whether parts fail, and what it does not show whole.
    fn standing(&self, source: &SourceId) -> (SourceState, bool, Vec<Arc<str>>) {
        let status = self.store.sources().get(source).and_then(|facts| facts.status.as_ref());
        let of = |status: &SourceStatus| (status.state, status.partial.is_empty(), status.unseen.clone());
        status.map_or((SourceState::Live, true, Vec::new()), of)
    }

    fn publish(&mut self, touched: Touched, now: Timestamp) -> Option<ChangeSet> {
        let before = self.published.clone();
        let mut changes = Vec::new();
        let mut transitions = Vec::new();
        let mut next = Snapshot::clone(&before);
        let mut whole = false;
        if !touched.picture {
            // Config keys and statuses alone.
        } else if let Some(services) = derive::patched(&self.store, &touched, &before, now) {
            next.services = Arc::new(services);
            compare_picture(&before, &next, now, &mut changes, &mut transitions);
        } else {
            whole = true;
            let picture = derive::picture(&self.store, &before, now);
            next.services = Arc::new(picture.services);
            next.edges = Arc::new(picture.edges);
            next.breakers = Arc::new(picture.breakers);
            next.mesh_rules = Arc::new(picture.mesh_rules);
            next.sessions = Arc::new(picture.sessions);
            next.cluster_services = Arc::new(picture.cluster_services);
            next.disagreements = Arc::new(picture.disagreements);
            next.alerts = Arc::new(picture.alerts);
            next.aliases = Arc::new(picture.aliases);
            next.routes = Arc::new(picture.routes);
            compare_picture(&before, &next, now, &mut changes, &mut transitions);
        }
        if !whole
            && !touched.config.is_empty()
            && let Some(disagreements) = derive::settings_compared(&self.store, &next, now)
        {
            next.disagreements = Arc::new(disagreements);
        }
        let (old, new) = (&before.disagreements, &next.disagreements);
        compare(old, new, Arc::ptr_eq, Subject::Disagreement, &mut changes, |_, _| {});
        self.update_config(&mut next, touched.config, &mut changes);
        next.sources = Arc::new(derive::sources(&self.store));
        compare_sources(&before, &next, now, &mut changes, &mut transitions);
        if changes.is_empty() {
            return None;
        }
        next.revision = before.revision.next();
        next.at = Some(now);
        let revision = next.revision;
        self.published = Arc::new(next);
        Some(ChangeSet { revision, at: now, changes, transitions })
    }

    /// Config keys are many and change one by one: each touched key is looked at alone.
    fn update_config(&self, next: &mut Snapshot, touched: Vec<(SourceId, ObjectKey)>, changes: &mut Vec<Change>) {
        let touched: BTreeSet<(SourceId, ObjectKey)> = touched.into_iter().collect();
        for (source, object) in touched {
            let item = self.store.get(&source, &object).and_then(|held| derive::config_item(&source, held));
            // A store's keys are their collection's keys, so that one that is gone is named as it was.
            let id = ConfigId::from(format!("{source}/{}/{}", object.collection, object.key));
            let same = |item: &ConfigItem| next.config.get(&id).is_some_and(|old| **old == *item);
            match item {
                Some(item) if same(&item) => {}
                Some(item) => {
                    next.config.insert_mut(id.clone(), Arc::new(item));
                    changes.push(Change { op: Op::Put, subject: Subject::Config(id) });
                }
                None => {
                    if next.config.remove_mut(&id) {
                        changes.push(Change { op: Op::Removed, subject: Subject::Config(id) });
                    }
                }
            }
        }
    }

    /// The observation behind a config key.
    pub fn config_evidence(&self, id: &ConfigId) -> Option<&Arc<crate::fact::Observation>> {
        let item = self.published.config.get(id)?;
        let object = ObjectKey::new(item.store.collection(), item.path.clone());
        let held = self.store.get(&item.source, &object)?;
        matches!(held.fact, Fact::Config(_)).then_some(held)
    }
}

fn compare<K: Ord + Clone, V: PartialEq>(
    before: &Arc<BTreeMap<K, V>>,
    after: &Arc<BTreeMap<K, V>>,
    same: impl Fn(&V, &V) -> bool,
    subject: impl Fn(K) -> Subject,
    changes: &mut Vec<Change>,
    mut on_change: impl FnMut(&V, &V),
) {
    if Arc::ptr_eq(before, after) {
        return;
    }
    for (key, new) in &**after {
        match before.get(key) {
            Some(old) if same(old, new) => {}
            Some(old) => {
                on_change(old, new);
                changes.push(Change { op: Op::Put, subject: subject(key.clone()) });
            }
            None => changes.push(Change { op: Op::Put, subject: subject(key.clone()) }),
        }
    }
    for key in before.keys().filter(|key| !after.contains_key(*key)) {
        changes.push(Change { op: Op::Removed, subject: subject(key.clone()) });
    }
}

fn compare_picture(
    before: &Snapshot,
    next: &Snapshot,
    now: Timestamp,
    changes: &mut Vec<Change>,
    transitions: &mut Vec<Transition>,
) {
    compare(&before.services, &next.services, Arc::ptr_eq, Subject::Service, changes, |old, new| {
        transitions.extend(service_transition(old, new, now));
        transitions.extend(rollouts(old, new, now));
        transitions.extend(events(old, new, now));
    });
    compare(&before.edges, &next.edges, Arc::ptr_eq, Subject::Edge, changes, |_: &Arc<Edge>, _| {});
    compare(&before.breakers, &next.breakers, Arc::ptr_eq, Subject::Breaker, changes, |old, new| {
        transitions.extend(breaker_transition(old, new, now));
        transitions.extend(processes(old, new));
    });
    compare(&before.mesh_rules, &next.mesh_rules, Arc::ptr_eq, Subject::MeshRule, changes, |_, _| {});
    compare(&before.sessions, &next.sessions, PartialEq::eq, Subject::Session, changes, |_, _| {});
    let (old, new) = (&before.cluster_services, &next.cluster_services);
    compare(old, new, Arc::ptr_eq, Subject::ClusterService, changes, |_, _| {});
    compare(&before.alerts, &next.alerts, Arc::ptr_eq, Subject::Alert, changes, |_, _| {});
    compare(&before.routes, &next.routes, Arc::ptr_eq, Subject::Route, changes, |_, _| {});
}

fn compare_sources(
    before: &Snapshot,
    next: &Snapshot,
    now: Timestamp,
    changes: &mut Vec<Change>,
    transitions: &mut Vec<Transition>,
) {
    // The number of facts follows from other changes; alone it is not one.
    let same = |old: &Arc<Source>, new: &Arc<Source>| old.status == new.status;
    compare(&before.sources, &next.sources, same, Subject::Source, changes, |old, new| {
        transitions.extend(source_transition(old, new, now));
    });
}

fn service_transition(old: &Service, new: &Service, now: Timestamp) -> Option<Transition> {
    (old.health != new.health).then(|| Transition {
        at: now,
        subject: Subject::Service(new.id.clone()),
        process: None,
        from: Arc::from(old.health.word()),
        to: Arc::from(new.health.word()),
        detail: new.why(),
    })
}

/// Workloads that went from one state to another. Runs come and go too often to tell of each.
fn rollouts<'a>(old: &'a Service, new: &'a Service, now: Timestamp) -> impl Iterator<Item = Transition> + 'a {
    let lasting = |workload: &&Workload| workload.fact.kind != WorkloadKind::Job;
    new.workloads.iter().filter(lasting).filter_map(move |workload| {
        let before = old.workloads.iter().find(|before| before.fact.uid == workload.fact.uid)?;
        (before.fact.state != workload.fact.state).then(|| Transition {
            at: now,
            subject: Subject::Service(new.id.clone()),
            process: None,
            from: Arc::from(before.fact.state.word()),
            to: Arc::from(workload.fact.state.word()),
            detail: workload.fact.message.clone(),
        })
    })
}

/// Events that are new, or happened once more.
fn events<'a>(old: &'a Service, new: &'a Service, now: Timestamp) -> impl Iterator<Item = Transition> + 'a {
    let known = |event: &&Event| {
        let same = |before: &&Event| before.evidence.observation.object == event.evidence.observation.object;
        old.events.iter().find(same).is_some_and(|before| before.fact.count >= event.fact.count)
    };
    new.events.iter().rev().filter(move |event| !known(event)).map(move |event| Transition {
        at: event.fact.last.unwrap_or(now),
        subject: Subject::Service(new.id.clone()),
        process: None,
        from: Arc::default(),
        to: event.fact.reason.clone(),
        detail: event.fact.message.clone(),
    })
}

fn breaker_transition(old: &Breaker, new: &Breaker, now: Timestamp) -> Option<Transition> {
    (old.state != new.state).then(|| Transition {
        at: now,
        subject: Subject::Breaker(new.id.clone()),
        process: None,
        from: Arc::from(breaker_word(old.state)),
        to: Arc::from(breaker_word(new.state)),
        detail: Arc::from(format!("{} of {} open", new.open, new.of)),
    })
}

/// What each process went through, at the moment that its source tells where it does.
fn processes<'a>(old: &'a Breaker, new: &'a Breaker) -> impl Iterator<Item = Transition> + 'a {
    new.processes.iter().filter_map(|process| {
        let before = old.processes.iter().find(|before| before.process == process.process)?;
        (before.state != process.state).then(|| Transition {
            at: process.since.at,
            subject: Subject::Breaker(new.id.clone()),
            process: Some(process.process.clone()),
            from: Arc::from(breaker_word(before.state)),
            to: Arc::from(breaker_word(process.state)),
            detail: Arc::default(),
        })
    })
}

fn source_transition(old: &Source, new: &Source, now: Timestamp) -> Option<Transition> {
    (old.status.state != new.status.state).then(|| Transition {
        at: now,
        subject: Subject::Source(new.id.clone()),
        process: None,
        from: Arc::from(old.status.state.word()),
        to: Arc::from(new.status.state.word()),
        detail: new.status.fault.as_ref().map(|fault| fault.detail.clone()).unwrap_or_default(),
    })
}

/// The state that a public word stands for.
pub fn breaker_state(word: &str) -> Option<BreakerState> {
    BreakerState::ALL.into_iter().find(|state| breaker_word(*state) == word)
}

/// The public word for a breaker's state.
pub fn breaker_word(state: BreakerState) -> &'static str {
    match state {
        BreakerState::Closed => "closed",
        BreakerState::Disabled => "disabled",
        BreakerState::Unknown => "unknown",
        BreakerState::HalfOpen => "half_open",
        BreakerState::ForcedOpen => "forced_open",
        BreakerState::Open => "open",
    }
}
