use std::fmt;

use binnacle_model::id::ConfigId;

/// What somebody wants to do with one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// The key.
    pub id: ConfigId,
    /// What to do with it.
    pub intent: DraftIntent,
    /// The state in which its author saw it; `None` for "as it is when the plan is made".
    pub expect: Option<Expect>,
}

/// See [`Draft::intent`].
#[derive(Clone, PartialEq, Eq)]
pub enum DraftIntent {
    /// Set the value.
    Put {
        /// The new value.
        bytes: Vec<u8>,
        /// The application's own number; `None` keeps the one that is there.
        flags: Option<u64>,
    },
    /// Remove this key, and this key alone.
    Delete,
}

impl fmt::Debug for DraftIntent {
    /// Leaves the value out: it may be a secret, and debug output reaches logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Put { bytes, flags } => {
                f.debug_struct("Put").field("size_bytes", &bytes.len()).field("flags", flags).finish()
            }
            Self::Delete => f.write_str("Delete"),
        }
    }
}

/// The state in which the author of a draft saw the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// At this version.
    Version(u64),
    /// It did not exist.
    Absent,
}
