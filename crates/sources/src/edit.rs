//! Writing to a config store. There is no unguarded write: every [`KeyWrite`] carries the [`Guard`] that the store itself
//! checks.

use async_trait::async_trait;
use binnacle_model::id::SourceId;

use crate::error::SourceError;

/// A key's value with everything that an edit must keep.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredValue {
    /// The value, byte for byte.
    pub bytes: Vec<u8>,
    /// The store's version of the key (Consul's ModifyIndex).
    pub version: u64,
    /// The version at which it was created (Consul's CreateIndex).
    pub created_version: u64,
    /// The application's own number (Consul's `Flags`).
    pub flags: u64,
    /// Who holds the key's lock.
    pub lock_session: Option<String>,
}

impl std::fmt::Debug for StoredValue {
    /// Leaves the value out: it may be a secret, and debug output reaches logs.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StoredValue")
            .field("size_bytes", &self.bytes.len())
            .field("version", &self.version)
            .field("created_version", &self.created_version)
            .field("flags", &self.flags)
            .field("lock_session", &self.lock_session)
            .finish()
    }
}

/// What must hold in the store at the moment of the write, checked by the store itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guard {
    /// The key does not exist.
    Absent,
    /// The key is at exactly this version.
    Version(u64),
}

/// What to do with a key.
#[derive(Clone, PartialEq, Eq)]
pub enum Intent {
    /// Set the value. `flags` are written as given: pass those of the value that was read, to keep them.
    Put {
        /// The new value.
        bytes: Vec<u8>,
        /// The application's own number.
        flags: u64,
    },
    /// Remove this key, and this key alone.
    Delete,
}

impl std::fmt::Debug for Intent {
    /// Leaves the value out, for the same reason as [`StoredValue`].
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Put { bytes, flags } => {
                f.debug_struct("Put").field("size_bytes", &bytes.len()).field("flags", flags).finish()
            }
            Self::Delete => f.write_str("Delete"),
        }
    }
}

/// One key's part of a write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyWrite {
    /// The key, exactly as the store has it.
    pub path: String,
    /// What must hold.
    pub guard: Guard,
    /// What to do.
    pub intent: Intent,
}

/// What the store did with a write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All keys were written. For each key of the write, in its order, the version that this write made; `None` for a
    /// deleted key, and where the store does not tell which version was made.
    Applied(Vec<Option<u64>>),
    /// Nothing was written: at least one guard did not hold. The keys whose guard failed, by their place in the write,
    /// with what is there now.
    Refused(Vec<Conflict>),
}

/// A key whose guard did not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// The key.
    pub path: String,
    /// What is there now; `None` when the key does not exist.
    pub current: Option<StoredValue>,
}

/// Whether this connection may do something with a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Permission {
    /// The system says yes.
    Allowed,
    /// The system says no, in these words.
    Denied(String),
    /// The system offers no way to ask without doing it.
    NotKnown,
}

/// A store of config keys. One connection may reach several, one for each of its sources.
#[async_trait]
pub trait ConfigStore: Send + Sync {
    /// The largest value that the store takes, in bytes.
    fn value_limit_bytes(&self) -> u64;

    /// The key as it is now; `None` when it does not exist.
    async fn read(&self, source: &SourceId, path: &str) -> Result<Option<StoredValue>, SourceError>;

    /// Other keys under `path/`, at most `limit` of them.
    async fn beneath(&self, source: &SourceId, path: &str, limit: usize) -> Result<Vec<String>, SourceError>;

    /// Whether the key may be written, asked without writing.
    async fn may_write(&self, source: &SourceId, path: &str) -> Result<Permission, SourceError>;

    /// The request that a write will be sent as, for the preview: method, path and query, without a body and without a token.
    /// Empty where a store does not send requests of this kind.
    fn request_line(&self, _source: &SourceId, _writes: &[KeyWrite]) -> String {
        String::new()
    }

    /// Writes all keys or none. Never tries again on its own: an answer that was lost is
    /// [`crate::ErrorKind::OutcomeUnknown`], and everything else means that nothing was written.
    async fn write(&self, source: &SourceId, writes: &[KeyWrite]) -> Result<Outcome, SourceError>;
}
