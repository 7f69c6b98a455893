//! What a listing said last time, and what it says differently now.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use binnacle_model::fact::{ObjectKey, Observation};
use binnacle_model::id::SourceId;
use binnacle_model::store::Batch;

use super::watch::Listing;

/// By what a listed object is recognised as unchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    /// Consul's ModifyIndex, where the object has one.
    pub(super) version: Option<u64>,
    /// A hash of what the version does not cover.
    pub(super) print: u64,
}

impl Stamp {
    /// An object that its version covers wholly.
    pub(super) fn version(version: u64) -> Self {
        Self { version: Some(version), print: 0 }
    }

    /// An object that is recognised by its content.
    pub(super) fn of(version: Option<u64>, content: &impl Hash) -> Self {
        let mut hasher = DefaultHasher::new();
        content.hash(&mut hasher);
        Self { version, print: hasher.finish() }
    }

    fn is_before(self, other: Self) -> bool {
        matches!((self.version, other.version), (Some(mine), Some(theirs)) if mine < theirs)
    }
}

/// The objects of one collection as they were listed last.
#[derive(Debug)]
pub(super) struct Known {
    source: SourceId,
    collection: Arc<str>,
    stamps: HashMap<Arc<str>, (Stamp, u64)>,
    /// Number of the listing; an object that does not carry the latest was not in it.
    round: u64,
    listed: usize,
    listing: Listing,
    went_back: bool,
    put: Vec<Observation>,
}

impl Known {
    pub(super) fn new(source: SourceId, collection: impl Into<Arc<str>>) -> Self {
        Self {
            source,
            collection: collection.into(),
            stamps: HashMap::new(),
            round: 0,
            listed: 0,
            listing: Listing::Whole,
            went_back: false,
            put: Vec::new(),
        }
    }

    /// A listing begins.
    pub(super) fn begin(&mut self, listing: Listing) {
        self.listing = listing;
        self.round += 1;
        self.listed = 0;
        self.went_back = false;
        self.put.clear();
        if listing == Listing::Whole {
            self.stamps.clear();
        }
    }

    /// One object of the listing. `make` is called when it is new or has changed.
    pub(super) fn take(&mut self, key: &str, stamp: Stamp, make: impl FnOnce(ObjectKey) -> Observation) {
        let object = |key: Arc<str>| ObjectKey { collection: self.collection.clone(), key };
        match self.stamps.get_key_value(key) {
            Some((_, (held, round))) if *round == self.round && !held.is_before(stamp) => {
                // Named twice in one listing; the later version stands.
                return;
            }
            Some((shared, (held, round))) => {
                self.went_back |= stamp.is_before(*held);
                if *round != self.round {
                    self.listed += 1;
                }
                if *held != stamp {
                    self.put.push(make(object(shared.clone())));
                }
            }
            None => {
                self.listed += 1;
                let key: Arc<str> = Arc::from(key);
                self.put.push(make(object(key.clone())));
                self.stamps.insert(key, (stamp, self.round));
                return;
            }
        }
        if let Some(entry) = self.stamps.get_mut(key) {
            *entry = (stamp, self.round);
        }
    }

    /// The listing is whole: what it says. `None` when it says nothing new.
    ///
    /// # Errors
    /// `Err` when a version of a single object went back although the listing's index did not: only a whole listing can
    /// say that.
    pub(super) fn finish(&mut self) -> Result<Option<Batch>, WentBack> {
        if self.went_back {
            return Err(WentBack);
        }
        let put = std::mem::take(&mut self.put);
        if self.listing == Listing::Whole {
            return Ok(Some(Batch::reset(self.source.clone(), self.collection.clone(), put)));
        }
        let removed = if self.listed == self.stamps.len() { Vec::new() } else { self.drop_unlisted() };
        if put.is_empty() && removed.is_empty() {
            return Ok(None);
        }
        Ok(Some(Batch::delta(self.source.clone(), put, removed)))
    }

    fn drop_unlisted(&mut self) -> Vec<ObjectKey> {
        let (round, collection) = (self.round, self.collection.clone());
        let mut removed = Vec::new();
        self.stamps.retain(|key, (_, seen)| {
            if *seen != round {
                removed.push(ObjectKey { collection: collection.clone(), key: key.clone() });
            }
            *seen == round
        });
        removed.sort();
        removed
    }
}

/// An object's version is lower than it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct WentBack;

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use binnacle_model::fact::{Fact, How, Origin, SessionFact};
    use binnacle_model::store::Store;
    use jiff::Timestamp;
    use proptest::prelude::*;

    use super::*;

    fn observation(object: ObjectKey, version: u64) -> Observation {
        let origin = Origin { query: Arc::from("GET x"), how: How::Pushed };
        let session = SessionFact {
            id: object.key.clone(),
            name: Arc::from(version.to_string()),
            node: Arc::from("n"),
            behavior: Arc::from("release"),
        };
        Observation {
            object,
            fact: Fact::Session(session),
            seen: Timestamp::UNIX_EPOCH,
            version: Some(version),
            origin: Arc::new(origin),
        }
    }

    fn list(known: &mut Known, listing: Listing, objects: &[(&str, u64)]) -> Result<Option<Batch>, WentBack> {
        known.begin(listing);
        for (key, version) in objects {
            known.take(key, Stamp::version(*version), |object| observation(object, *version));
        }
        known.finish()
    }

    fn known() -> Known {
        Known::new(SourceId::from("consul:dc1"), "sessions")
    }

    #[test]
    fn only_what_is_new_changed_or_gone_is_said() {
        let mut known = known();
        assert!(list(&mut known, Listing::Whole, &[("a", 1), ("b", 2), ("c", 3)]).unwrap().unwrap().reset.is_some());
        let batch = list(&mut known, Listing::Changes, &[("a", 1), ("b", 5), ("d", 6)]).unwrap().unwrap();
        let put: Vec<&str> = batch.put.iter().map(|observation| &*observation.object.key).collect();
        assert_eq!(put, ["b", "d"]);
        assert_eq!(batch.removed, [ObjectKey::new("sessions", "c")]);
        assert!(list(&mut known, Listing::Changes, &[("a", 1), ("b", 5), ("d", 6)]).unwrap().is_none());
    }

    #[test]
    fn a_version_that_goes_back_asks_for_a_whole_listing() {
        let mut known = known();
        list(&mut known, Listing::Whole, &[("a", 9)]).unwrap();
        assert_eq!(list(&mut known, Listing::Changes, &[("a", 3)]).unwrap_err(), WentBack);
        assert!(list(&mut known, Listing::Whole, &[("a", 3)]).unwrap().unwrap().reset.is_some());
    }

    #[test]
    fn an_object_named_twice_counts_once_with_its_later_version() {
        let mut known = known();
        list(&mut known, Listing::Whole, &[("a", 1), ("b", 1)]).unwrap();
        let batch = list(&mut known, Listing::Changes, &[("a", 2), ("a", 1), ("b", 1)]).unwrap().unwrap();
        assert_eq!((batch.put.len(), batch.removed.len()), (1, 0));
    }

    proptest! {
        #[test]
        fn deltas_add_up_to_the_last_listing(
            listings in prop::collection::vec(prop::collection::btree_map("[a-e]", 1_u64..4, 0..5), 1..8),
        ) {
            let mut known = known();
            let mut store = Store::default();
            // Versions grow with the number of the listing, as a store's do.
            let listings: Vec<BTreeMap<String, u64>> = listings;
            for (number, listing) in listings.iter().enumerate() {
                let objects: Vec<(&str, u64)> =
                    listing.iter().map(|(key, step)| (key.as_str(), number as u64 * 10 + step)).collect();
                let how = if number == 0 { Listing::Whole } else { Listing::Changes };
                if let Some(batch) = list(&mut known, how, &objects).unwrap() {
                    store.apply(batch);
                }
                let facts = store.sources().get(&SourceId::from("consul:dc1"));
                let held: Vec<(String, u64)> = facts
                    .into_iter()
                    .flat_map(binnacle_model::store::SourceFacts::observations)
                    .map(|held| (held.object.key.to_string(), held.version.unwrap()))
                    .collect();
                let expected: Vec<(String, u64)> =
                    objects.iter().map(|(key, version)| ((*key).to_owned(), *version)).collect();
                prop_assert_eq!(held, expected);
            }
        }
    }
}
