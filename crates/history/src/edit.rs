//! What is kept of an edit.

use std::fmt;
use std::str::FromStr;

use binnacle_model::id::SourceId;
use jiff::Timestamp;

/// The number of an edit's line in the audit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EditId(pub i64);

impl EditId {
    /// The number.
    pub fn number(self) -> i64 {
        self.0
    }
}

impl From<i64> for EditId {
    fn from(number: i64) -> Self {
        Self(number)
    }
}

impl FromStr for EditId {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

impl fmt::Display for EditId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// How far an edit came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EditState {
    /// The request is on its way, or the process ended before it knew the answer: it may or may not have landed.
    Pending,
    /// The store has written it.
    Applied,
    /// A guard did not hold; nothing was written.
    Refused,
    /// It failed before the store wrote anything.
    Failed,
    /// The answer was lost: it may or may not have landed.
    Unknown,
}

impl EditState {
    /// Every state.
    pub const ALL: [Self; 5] = [Self::Pending, Self::Applied, Self::Refused, Self::Failed, Self::Unknown];

    /// The word in the file, in the public JSON, and on screen.
    pub fn word(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Applied => "applied",
            Self::Refused => "refused",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
        }
    }
}

/// A value with what an edit must keep beside it.
#[derive(Clone, PartialEq, Eq)]
pub struct Value {
    /// The store's version; `None` for a value that is not written yet.
    pub version: Option<u64>,
    /// The application's own number.
    pub flags: u64,
    /// The bytes.
    pub bytes: Vec<u8>,
}

impl fmt::Debug for Value {
    /// Leaves the bytes out: they may be a secret, and debug output reaches logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        debug_value(f, "Value", self.version, self.flags, self.bytes.len())
    }
}

fn debug_value(
    f: &mut fmt::Formatter<'_>,
    name: &str,
    version: Option<u64>,
    flags: u64,
    size_bytes: impl fmt::Debug,
) -> fmt::Result {
    let mut debug = f.debug_struct(name);
    debug.field("version", &version).field("flags", &flags).field("size_bytes", &size_bytes).finish()
}

/// One key of a new edit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewKey {
    /// The key, exactly as the store has it.
    pub path: String,
    /// The version that the store checks; `None` for "must not exist".
    pub guard_version: Option<u64>,
    /// Whether the value must not be kept.
    pub sensitive: bool,
    /// What was there; `None` when the key did not exist.
    pub before: Option<Value>,
    /// What is to be there; `None` for a delete.
    pub after: Option<Value>,
}

/// An edit that is about to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewEdit {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: String,
    /// In which source.
    pub source: SourceId,
    /// By which connection, without secrets: `consul=http://127.0.0.1:8500`.
    pub connection: String,
    /// Why, in the actor's words.
    pub why: Option<String>,
    /// The edit that this one takes back.
    pub undo_of: Option<EditId>,
    /// What, in the order of the write.
    pub keys: Vec<NewKey>,
}

/// What became of an edit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settled {
    /// Written. For each key, in order, the version that was made; `None` for a deleted key.
    Applied(Vec<Option<u64>>),
    /// Refused by a guard.
    Refused(String),
    /// Failed, with nothing written.
    Failed(String),
    /// The answer was lost.
    Unknown(String),
}

impl Settled {
    pub(crate) fn state(&self) -> EditState {
        match self {
            Self::Applied(_) => EditState::Applied,
            Self::Refused(_) => EditState::Refused,
            Self::Failed(_) => EditState::Failed,
            Self::Unknown(_) => EditState::Unknown,
        }
    }

    pub(crate) fn code(&self) -> Option<&str> {
        match self {
            Self::Applied(_) => None,
            Self::Refused(code) | Self::Failed(code) | Self::Unknown(code) => Some(code),
        }
    }
}

/// What is kept of a value.
#[derive(Clone, PartialEq, Eq)]
pub struct Kept {
    /// The store's version, where it is known.
    pub version: Option<u64>,
    /// The application's own number.
    pub flags: u64,
    /// Its size.
    pub size_bytes: u64,
    /// The bytes; `None` for a sensitive key, and for large values in lists.
    pub bytes: Option<Vec<u8>>,
}

impl fmt::Debug for Kept {
    /// Leaves the bytes out, for the same reason as [`Value`].
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        debug_value(f, "Kept", self.version, self.flags, self.size_bytes)
    }
}

/// One key of an edit in the audit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRecord {
    /// The key, exactly as the store has it.
    pub path: String,
    /// The version that the store checked; `None` for "must not exist".
    pub guard_version: Option<u64>,
    /// Whether its value was not kept.
    pub sensitive: bool,
    /// What was there; `None` when the key did not exist.
    pub before: Option<Kept>,
    /// What was to be there; `None` for a delete.
    pub after: Option<Kept>,
}

/// An edit in the audit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EditRecord {
    /// Its number.
    pub id: EditId,
    /// When it was sent.
    pub at: Timestamp,
    /// When its answer was known.
    pub settled_at: Option<Timestamp>,
    /// Who.
    pub actor: String,
    /// In which source.
    pub source: SourceId,
    /// By which connection.
    pub connection: String,
    /// Why.
    pub why: Option<String>,
    /// The edit that it took back.
    pub undo_of: Option<EditId>,
    /// The applied edit that took this one back.
    pub undone_by: Option<EditId>,
    /// How far it came.
    pub state: EditState,
    /// The stable code of what went wrong.
    pub error_code: Option<String>,
    /// What, in the order of the write.
    pub keys: Vec<KeyRecord>,
}
