//! What this process remembers of values, and no other: bases for merges, and secrets that undo would need.

use std::collections::{BTreeMap, VecDeque};

use binnacle_history::EditId;
use binnacle_model::id::ConfigId;
use binnacle_sources::edit::StoredValue;

/// Beyond this the oldest are forgotten.
const MOST_BYTES: usize = 16 * 1024 * 1024;
const MOST_VALUES: usize = 4096;

/// See the module.
#[derive(Default)]
pub(super) struct Memory {
    seen: BTreeMap<(ConfigId, u64), StoredValue>,
    seen_order: VecDeque<(ConfigId, u64)>,
    seen_bytes: usize,
    secrets: BTreeMap<(EditId, usize), Secret>,
    secrets_bytes: usize,
}

/// The values of a sensitive key around an edit.
#[derive(Clone)]
pub(super) struct Secret {
    /// `None` when the key did not exist.
    pub(super) before: Option<Vec<u8>>,
    /// `None` for a delete.
    pub(super) after: Option<Vec<u8>>,
}

impl Secret {
    fn size(&self) -> usize {
        [&self.before, &self.after].into_iter().flatten().map(Vec::len).sum()
    }
}

impl Memory {
    /// Keeps what a key was at its version.
    pub(super) fn remember(&mut self, id: &ConfigId, value: &StoredValue) {
        let place = (id.clone(), value.version);
        self.seen_bytes += value.bytes.len();
        match self.seen.insert(place.clone(), value.clone()) {
            Some(before) => self.seen_bytes -= before.bytes.len(),
            None => self.seen_order.push_back(place),
        }
        while self.seen_bytes > MOST_BYTES || self.seen_order.len() > MOST_VALUES {
            let Some(oldest) = self.seen_order.pop_front() else { return };
            let forgotten = self.seen.remove(&oldest);
            self.seen_bytes -= forgotten.map_or(0, |value| value.bytes.len());
        }
    }

    /// What a key was at this version.
    pub(super) fn seen(&self, id: &ConfigId, version: u64) -> Option<&StoredValue> {
        self.seen.get(&(id.clone(), version))
    }

    /// Keeps the values of a sensitive key, for as long as the process runs.
    pub(super) fn keep_secret(&mut self, edit: EditId, position: usize, secret: Secret) {
        self.secrets_bytes += secret.size();
        self.secrets.insert((edit, position), secret);
        while self.secrets_bytes > MOST_BYTES || self.secrets.len() > MOST_VALUES {
            let Some((_, oldest)) = self.secrets.pop_first() else { return };
            self.secrets_bytes -= oldest.size();
        }
    }

    /// The values of a sensitive key around an edit of this process.
    pub(super) fn secret(&self, edit: EditId, position: usize) -> Option<&Secret> {
        self.secrets.get(&(edit, position))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(version: u64, size: usize) -> StoredValue {
        StoredValue { bytes: vec![b'x'; size], version, created_version: 1, flags: 0, lock_session: None }
    }

    #[test]
    fn the_oldest_values_are_forgotten_beyond_the_limit() {
        let mut memory = Memory::default();
        let id = ConfigId::from("consul:dc1/kv/a");
        for version in 1..=40 {
            memory.remember(&id, &value(version, 512 * 1024));
        }
        assert!(memory.seen_bytes <= MOST_BYTES);
        assert!(memory.seen(&id, 1).is_none() && memory.seen(&id, 40).is_some());
    }

    #[test]
    fn the_same_version_counts_once() {
        let mut memory = Memory::default();
        let id = ConfigId::from("consul:dc1/kv/a");
        for _ in 0..1000 {
            memory.remember(&id, &value(7, 100_000));
        }
        assert_eq!((memory.seen_bytes, memory.seen_order.len()), (100_000, 1));
    }

    #[test]
    fn secrets_are_bounded_too() {
        let mut memory = Memory::default();
        for number in 0..100 {
            let secret = Secret { before: Some(vec![0; 512 * 1024]), after: None };
            memory.keep_secret(EditId::from(number), 0, secret);
        }
        assert!(memory.secrets_bytes <= MOST_BYTES);
        assert!(memory.secret(EditId::from(0), 0).is_none() && memory.secret(EditId::from(99), 0).is_some());
    }
}
