//! What every source states right now: the facts, before anything is concluded from them.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use crate::fact::{Fact, ObjectKey, Observation};
use crate::id::SourceId;
use crate::snapshot::SourceStatus;

/// What a source has to say at one time.
#[derive(Clone, Debug)]
pub struct Batch {
    /// Who speaks.
    pub source: SourceId,
    /// When set, `put` is the whole of this collection: what it does not name is removed, and versions may go back.
    pub reset: Option<Arc<str>>,
    /// New and changed facts.
    pub put: Vec<Observation>,
    /// Objects that the source itself says are gone.
    pub removed: Vec<ObjectKey>,
}

impl Batch {
    /// New and changed facts, with the objects that are gone.
    pub fn delta(source: SourceId, put: Vec<Observation>, removed: Vec<ObjectKey>) -> Self {
        Self { source, reset: None, put, removed }
    }

    /// A whole collection, listed anew.
    pub fn reset(source: SourceId, collection: impl Into<Arc<str>>, put: Vec<Observation>) -> Self {
        Self { source, reset: Some(collection.into()), put, removed: Vec::new() }
    }
}

/// One collection of one source.
pub type Collection = BTreeMap<Arc<str>, Arc<Observation>>;

/// Everything that one source states.
#[derive(Clone, Debug, Default)]
pub struct SourceFacts {
    /// What it says of itself; `None` before it said anything.
    pub status: Option<SourceStatus>,
    /// Its facts by collection and key.
    pub collections: BTreeMap<Arc<str>, Collection>,
}

impl SourceFacts {
    /// All observations, in the order of collection and key.
    pub fn observations(&self) -> impl Iterator<Item = &Arc<Observation>> {
        self.collections.values().flat_map(BTreeMap::values)
    }

    /// The observations of one collection.
    pub fn of(&self, collection: &str) -> impl Iterator<Item = &Arc<Observation>> {
        self.collections.get(collection).into_iter().flat_map(BTreeMap::values)
    }

    /// How many facts there are.
    pub fn len(&self) -> u64 {
        self.collections.values().map(|collection| collection.len() as u64).sum()
    }

    /// True when it states nothing.
    pub fn is_empty(&self) -> bool {
        self.collections.values().all(BTreeMap::is_empty)
    }
}

/// A fact that is new, another one, or gone.
#[derive(Clone, Debug, PartialEq)]
pub struct Replaced {
    /// Who states it.
    pub source: SourceId,
    /// What was held of the object.
    pub old: Option<Arc<Observation>>,
    /// What is held now.
    pub new: Option<Arc<Observation>>,
}

/// What a batch changed, as far as the derivation needs to know.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Touched {
    /// Objects of config stores that are new, changed or gone.
    pub config: Vec<(SourceId, ObjectKey)>,
    /// True when any other fact changed.
    pub picture: bool,
    /// Those facts in their order, as long as they are few.
    pub few: Few,
}

/// How many changed facts are looked at one by one.
const FEW: usize = 64;

/// Facts that changed, or too many of them.
#[derive(Clone, Debug, PartialEq)]
pub struct Few(Option<Vec<Replaced>>);

impl Default for Few {
    fn default() -> Self {
        Self(Some(Vec::new()))
    }
}

impl Few {
    /// The facts; `None` when they are too many.
    pub fn facts(&self) -> Option<&[Replaced]> {
        self.0.as_deref()
    }

    /// Anything may have changed.
    pub fn give_up(&mut self) {
        self.0 = None;
    }

    fn push(&mut self, one: Replaced) {
        match &mut self.0 {
            Some(few) if few.len() < FEW => few.push(one),
            _ => self.0 = None,
        }
    }

    fn absorb(&mut self, other: Self) {
        match other.0 {
            Some(few) => few.into_iter().for_each(|one| self.push(one)),
            None => self.0 = None,
        }
    }
}

impl Touched {
    /// True when nothing changed.
    pub fn is_nothing(&self) -> bool {
        self.config.is_empty() && !self.picture
    }

    /// Takes another batch's marks in.
    pub fn absorb(&mut self, other: Self) {
        self.config.extend(other.config);
        self.picture |= other.picture;
        self.few.absorb(other.few);
    }

    fn mark(&mut self, source: &SourceId, old: Option<Arc<Observation>>, new: Option<Arc<Observation>>) {
        let Some(either) = new.as_ref().or(old.as_ref()) else { return };
        if matches!(either.fact, Fact::Config(_)) {
            self.config.push((source.clone(), either.object.clone()));
        } else {
            self.picture = true;
            self.few.push(Replaced { source: source.clone(), old, new });
        }
    }
}

/// The facts of all sources.
#[derive(Clone, Debug, Default)]
pub struct Store {
    sources: BTreeMap<SourceId, SourceFacts>,
}

impl Store {
    /// All sources that ever spoke.
    pub fn sources(&self) -> &BTreeMap<SourceId, SourceFacts> {
        &self.sources
    }

    /// The observation of one object.
    pub fn get(&self, source: &SourceId, object: &ObjectKey) -> Option<&Arc<Observation>> {
        self.sources.get(source)?.collections.get(&object.collection)?.get(&object.key)
    }

    /// Takes a batch in and says what it changed. A batch that states what is known already changes nothing.
    pub fn apply(&mut self, batch: Batch) -> Touched {
        let mut touched = Touched::default();
        let facts = self.sources.entry(batch.source.clone()).or_default();
        match batch.reset {
            Some(collection) => reset(facts, &batch.source, &collection, batch.put, &mut touched),
            None => {
                for observation in batch.put {
                    put(facts, &batch.source, observation, &mut touched);
                }
            }
        }
        for object in batch.removed {
            let gone = facts.collections.get_mut(&object.collection).and_then(|known| known.remove(&object.key));
            touched.mark(&batch.source, gone, None);
        }
        touched
    }

    /// Takes in what a source says of itself; true when that is news.
    pub fn set_status(&mut self, source: &SourceId, status: SourceStatus) -> bool {
        let facts = self.sources.entry(source.clone()).or_default();
        let news = facts.status.as_ref() != Some(&status);
        facts.status = Some(status);
        news
    }

    /// Forgets a source that the user disconnected, with everything that it stated.
    pub fn forget(&mut self, source: &SourceId) -> Touched {
        let mut touched = Touched::default();
        if let Some(facts) = self.sources.remove(source) {
            touched.picture = true;
            touched.few.give_up();
            for observation in facts.observations() {
                touched.mark(source, Some(observation.clone()), None);
            }
        }
        touched
    }
}

fn put(facts: &mut SourceFacts, source: &SourceId, observation: Observation, touched: &mut Touched) {
    let collection = facts.collections.entry(observation.object.collection.clone()).or_default();
    match collection.entry(observation.object.key.clone()) {
        Entry::Vacant(place) => {
            let new = Arc::new(observation);
            place.insert(new.clone());
            touched.mark(source, None, Some(new));
        }
        Entry::Occupied(mut place) => {
            if supersedes(&observation, place.get()) {
                let new = Arc::new(observation);
                let old = place.insert(new.clone());
                touched.mark(source, Some(old), Some(new));
            }
        }
    }
}

/// A statement replaces another about the same object when the origin counts it as later, or, where the origin does not
/// count, when it was seen later. The same statement again is not news.
fn supersedes(new: &Observation, held: &Observation) -> bool {
    if new.fact == held.fact && new.version == held.version {
        return false;
    }
    match (new.version, held.version) {
        (Some(new), Some(held)) if new != held => new > held,
        _ => new.seen >= held.seen,
    }
}

fn reset(
    facts: &mut SourceFacts,
    source: &SourceId,
    collection: &Arc<str>,
    listed: Vec<Observation>,
    touched: &mut Touched,
) {
    let mut held = facts.collections.remove(collection).unwrap_or_default();
    let mut fresh = Collection::new();
    for observation in listed {
        let kept = held.remove(&observation.object.key);
        match kept {
            Some(kept) if kept.fact == observation.fact && kept.version == observation.version => {
                fresh.insert(observation.object.key.clone(), kept);
            }
            kept => {
                let new = Arc::new(observation);
                fresh.insert(new.object.key.clone(), new.clone());
                touched.mark(source, kept, Some(new));
            }
        }
    }
    for gone in held.into_values() {
        touched.mark(source, Some(gone), None);
    }
    facts.collections.insert(collection.clone(), fresh);
}
