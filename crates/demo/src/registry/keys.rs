//! The table of keys and values, with Consul's index rules (agent/consul/state/kvs.go): an unchanged write keeps its
//! index, a delete leaves a tombstone so that the index of a listing never falls.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

/// The largest value a key may hold, Consul's default for `kv_max_value_size`.
pub(crate) const MAX_VALUE_BYTES: usize = 512 * 1024;

/// Tombstones beyond this are reaped, the oldest half first; Consul reaps them by age.
const MAX_TOMBSTONES: usize = 16 * 1024;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) key: Arc<str>,
    pub(crate) value: Vec<u8>,
    pub(crate) flags: u64,
    pub(crate) create: u64,
    pub(crate) modify: u64,
}

/// Cheap to clone: a transaction works on a clone and replaces the table when all of it went well.
#[derive(Clone, Debug, Default)]
pub(crate) struct Keys {
    entries: BTreeMap<Arc<str>, Arc<Entry>>,
    tombstones: BTreeMap<Arc<str>, u64>,
    table: u64,
    tombstone_table: u64,
}

impl Keys {
    /// The index of the whole table.
    pub(crate) fn table_index(&self) -> u64 {
        self.table.max(self.tombstone_table)
    }

    pub(crate) fn get(&self, key: &str) -> Option<&Arc<Entry>> {
        self.entries.get(key)
    }

    /// All entries whose key begins with `prefix`, as text: `foo` also finds `foobar`.
    pub(crate) fn under<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = &'a Arc<Entry>> + 'a {
        self.entries
            .range::<str, _>(from(prefix))
            .map(|(_, entry)| entry)
            .take_while(move |entry| entry.key.starts_with(prefix))
    }

    /// The index of a listing: the newest of its entries and of what was deleted under it, else the table's.
    pub(crate) fn listing_index(&self, prefix: &str) -> u64 {
        if prefix.is_empty() {
            return self.table_index();
        }
        let newest = self.under(prefix).map(|entry| entry.modify).max().unwrap_or(0);
        let buried = self
            .tombstones
            .range::<str, _>(from(prefix))
            .take_while(|(key, _)| key.starts_with(prefix))
            .map(|(_, index)| *index)
            .max()
            .unwrap_or(0);
        match newest.max(buried) {
            0 => self.table_index(),
            index => index,
        }
    }

    /// Writes; when nothing would change, the entry keeps its index.
    pub(crate) fn set(&mut self, index: u64, key: &str, value: Vec<u8>, flags: u64) -> Arc<Entry> {
        let existing = self.entries.get(key);
        if let Some(entry) = existing
            && entry.value == value
            && entry.flags == flags
        {
            return Arc::clone(entry);
        }
        let name: Arc<str> = existing.map_or_else(|| Arc::from(key), |entry| Arc::clone(&entry.key));
        let create = existing.map_or(index, |entry| entry.create);
        let entry = Arc::new(Entry { key: Arc::clone(&name), value, flags, create, modify: index });
        self.entries.insert(name, Arc::clone(&entry));
        self.table = index;
        entry
    }

    /// Writes when the key still stands at `expected` (0: when there is none). `None`: it does not.
    pub(crate) fn set_at(
        &mut self,
        index: u64,
        key: &str,
        value: Vec<u8>,
        flags: u64,
        expected: u64,
    ) -> Option<Arc<Entry>> {
        let standing = self.entries.get(key).map_or(0, |entry| entry.modify);
        (standing == expected).then(|| self.set(index, key, value, flags))
    }

    pub(crate) fn delete(&mut self, index: u64, key: &str) {
        if let Some(entry) = self.entries.remove(key) {
            self.bury(index, Arc::clone(&entry.key));
            self.table = index;
        }
    }

    /// Deletes when the key still stands at `expected`; a key that is not there counts as deleted.
    pub(crate) fn delete_at(&mut self, index: u64, key: &str, expected: u64) -> bool {
        match self.entries.get(key) {
            None => true,
            Some(entry) if entry.modify == expected => {
                self.delete(index, key);
                true
            }
            Some(_) => false,
        }
    }

    pub(crate) fn delete_tree(&mut self, index: u64, prefix: &str) {
        let doomed: Vec<Arc<str>> = self.under(prefix).map(|entry| Arc::clone(&entry.key)).collect();
        if doomed.is_empty() {
            return;
        }
        for key in &doomed {
            self.entries.remove(key);
        }
        if !prefix.is_empty() {
            self.bury(index, Arc::from(prefix));
        }
        self.table = index;
    }

    fn bury(&mut self, index: u64, key: Arc<str>) {
        self.tombstones.insert(key, index);
        self.tombstone_table = index;
        if self.tombstones.len() > MAX_TOMBSTONES {
            let mut ages: Vec<u64> = self.tombstones.values().copied().collect();
            let half = ages.len() / 2;
            let (_, &mut middle, _) = ages.select_nth_unstable(half);
            self.tombstones.retain(|_, age| *age > middle);
        }
    }
}

/// Everything from `prefix` on, in the order of the keys.
fn from(prefix: &str) -> (Bound<&str>, Bound<&str>) {
    (Bound::Included(prefix), Bound::Unbounded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unchanged_write_keeps_its_index() {
        let mut keys = Keys::default();
        keys.set(5, "a", b"x".to_vec(), 7);
        assert_eq!(keys.set(6, "a", b"x".to_vec(), 7).modify, 5);
        assert_eq!(keys.set(7, "a", b"x".to_vec(), 8).modify, 7);
        assert_eq!(keys.get("a").map(|entry| entry.create), Some(5));
    }

    #[test]
    fn a_delete_raises_the_index_of_its_listing_and_of_no_other() {
        let mut keys = Keys::default();
        keys.set(5, "a/x", b"1".to_vec(), 0);
        keys.set(6, "a/y", b"1".to_vec(), 0);
        keys.set(7, "b/x", b"1".to_vec(), 0);
        keys.delete(9, "a/y");
        assert_eq!((keys.listing_index("a/"), keys.listing_index("b/"), keys.listing_index("")), (9, 7, 9));
    }

    #[test]
    fn a_listing_without_entries_stands_at_the_tables_index() {
        let mut keys = Keys::default();
        keys.set(5, "a", b"1".to_vec(), 0);
        assert_eq!(keys.listing_index("nothing/"), 5);
    }

    #[test]
    fn a_guarded_write_needs_the_index_that_stands() {
        let mut keys = Keys::default();
        assert!(keys.set_at(5, "a", b"1".to_vec(), 0, 3).is_none(), "no key stands at 3");
        assert!(keys.set_at(5, "a", b"1".to_vec(), 0, 0).is_some());
        assert!(keys.set_at(6, "a", b"2".to_vec(), 0, 0).is_none(), "0 means: create only");
        assert!(keys.set_at(7, "a", b"2".to_vec(), 0, 5).is_some());
        assert!(!keys.delete_at(8, "a", 5));
        assert!(keys.delete_at(8, "a", 7));
        assert!(keys.delete_at(9, "a", 7), "what is gone counts as deleted");
    }

    #[test]
    fn tombstones_are_bounded() {
        let mut keys = Keys::default();
        for index in 1..=(MAX_TOMBSTONES as u64 + 10) {
            let key = format!("k{index}");
            keys.set(index * 2, &key, Vec::new(), 0);
            keys.delete(index * 2 + 1, &key);
        }
        assert!(keys.tombstones.len() <= MAX_TOMBSTONES);
    }
}
