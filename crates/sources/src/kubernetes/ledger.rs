//! What the objects of one resource were said to be, so that only news is said again and nothing that went is left behind.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use binnacle_model::fact::{Fact, ObjectKey, Observation, Origin};
use binnacle_model::id::SourceId;
use binnacle_model::store::Batch;
use jiff::Timestamp;

/// One fact of an object, with its key in the collection.
pub(super) type Said = (String, Fact);

/// When and by which request something was seen.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) at: Timestamp,
    pub(super) origin: Arc<Origin>,
}

/// The objects of one resource and the facts that each of them makes.
#[derive(Debug)]
pub(super) struct Ledger {
    source: SourceId,
    collection: Arc<str>,
    /// By object: the keys of its facts, each with a print of what was said.
    objects: HashMap<Arc<str>, Vec<(Arc<str>, u64)>>,
    whole: bool,
    put: Vec<Observation>,
    removed: Vec<ObjectKey>,
}

impl Ledger {
    pub(super) fn new(source: SourceId, collection: &str) -> Self {
        Self {
            source,
            collection: Arc::from(collection),
            objects: HashMap::new(),
            whole: false,
            put: Vec::new(),
            removed: Vec::new(),
        }
    }

    /// True when anything is known.
    pub(super) fn has_objects(&self) -> bool {
        !self.objects.is_empty()
    }

    /// A listing begins: what it does not name is gone.
    pub(super) fn begin_whole(&mut self) {
        self.objects.clear();
        self.put.clear();
        self.removed.clear();
        self.whole = true;
    }

    /// An object as it is now.
    pub(super) fn take(&mut self, object: &str, said: Vec<Said>, version: Option<u64>, seen: &Seen) {
        let mut before = self.objects.remove(object).unwrap_or_default();
        let mut now = Vec::with_capacity(said.len());
        for (key, fact) in said {
            let print = print(&fact, version);
            let held = before.iter().position(|(held, _)| **held == *key).map(|place| before.swap_remove(place));
            let (key, same) = match held {
                Some((key, old)) => (key, old == print),
                None => (Arc::from(key), false),
            };
            if !same {
                // Gone and back within one reading: it is not gone.
                self.removed.retain(|gone| gone.key != key);
                let object = ObjectKey { collection: self.collection.clone(), key: key.clone() };
                self.put.push(Observation { object, fact, seen: seen.at, version, origin: seen.origin.clone() });
            }
            now.push((key, print));
        }
        self.drop_all(before);
        self.objects.insert(Arc::from(object), now);
    }

    /// An object is gone.
    pub(super) fn gone(&mut self, object: &str) {
        if let Some(before) = self.objects.remove(object) {
            self.drop_all(before);
        }
    }

    fn drop_all(&mut self, facts: Vec<(Arc<str>, u64)>) {
        let gone = facts.into_iter().map(|(key, _)| ObjectKey { collection: self.collection.clone(), key });
        self.removed.extend(gone);
    }

    /// What is news since the last time.
    pub(super) fn finish(&mut self) -> Option<Batch> {
        let (put, removed) = (std::mem::take(&mut self.put), std::mem::take(&mut self.removed));
        if std::mem::take(&mut self.whole) {
            return Some(Batch::reset(self.source.clone(), self.collection.clone(), put));
        }
        if put.is_empty() && removed.is_empty() {
            return None;
        }
        Some(Batch::delta(self.source.clone(), put, removed))
    }
}

/// Recognises a fact that says the same again. Of a config key the version is what matters: edits will be guarded by it.
fn print(fact: &Fact, version: Option<u64>) -> u64 {
    let mut hasher = DefaultHasher::new();
    match fact {
        Fact::Service(fact) => fact.hash(&mut hasher),
        Fact::Node(fact) => fact.hash(&mut hasher),
        Fact::Instance(fact) => fact.hash(&mut hasher),
        Fact::Check(fact) => fact.hash(&mut hasher),
        Fact::Workload(fact) => fact.hash(&mut hasher),
        Fact::ClusterService(fact) => fact.hash(&mut hasher),
        Fact::Backends(fact) => fact.hash(&mut hasher),
        Fact::Route(fact) => fact.hash(&mut hasher),
        Fact::Mention(fact) => fact.hash(&mut hasher),
        Fact::NetworkPolicy(fact) => fact.hash(&mut hasher),
        Fact::Event(fact) => fact.hash(&mut hasher),
        Fact::Autoscaler(fact) => fact.hash(&mut hasher),
        Fact::Config(fact) => (fact, version).hash(&mut hasher),
        Fact::Calls(_)
        | Fact::Served(_)
        | Fact::Breaker(_)
        | Fact::Limits(_)
        | Fact::MeshRule(_)
        | Fact::Session(_)
        | Fact::Target(_)
        | Fact::Alert(_) => {
            version.hash(&mut hasher);
        }
    }
    hasher.finish()
}
