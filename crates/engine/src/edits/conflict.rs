use binnacle_model::id::ConfigId;
use binnacle_sources::edit::{Intent, StoredValue};

use super::merge::{self, Merge};
use super::{Draft, DraftIntent, Expect};

/// A key that is not as an edit expects it. "Theirs" is what is there now, "yours" what the edit wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyConflict {
    /// The key.
    pub id: ConfigId,
    /// What it was when the author of the edit saw it.
    pub base: Base,
    /// What it is now; `None` when it does not exist.
    pub theirs: Option<StoredValue>,
    /// What the edit wanted.
    pub yours: Intent,
    /// How far both can be had together.
    pub merge: Merge,
}

/// The common ancestor of both sides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Base {
    /// The key did not exist.
    Absent,
    /// The key had this value.
    Value(StoredValue),
    /// The key was at this version, whose value is not known here.
    NotKnown(u64),
}

impl KeyConflict {
    /// Compares both sides with their ancestor.
    pub fn new(id: ConfigId, base: Base, theirs: Option<StoredValue>, yours: Intent) -> Self {
        let merge = match (&theirs, &yours) {
            (Some(theirs), Intent::Put { bytes, .. }) => merge::merge(base.bytes(), &theirs.bytes, bytes),
            (None, Intent::Delete) => Merge::Same,
            (None, Intent::Put { .. }) | (Some(_), Intent::Delete) => Merge::ChooseSide,
        };
        Self { id, base, theirs, yours, merge }
    }

    /// What is otherwise than expected, without a value.
    pub fn sentence(&self) -> String {
        let expected = match &self.base {
            Base::Absent => "was expected not to exist".to_owned(),
            Base::Value(value) => format!("was expected at version {}", value.version),
            Base::NotKnown(version) => format!("was expected at version {version}"),
        };
        match &self.theirs {
            Some(value) => format!("{} {expected} and is at {}", self.id, value.version),
            None => format!("{} {expected} and does not exist", self.id),
        }
    }

    /// The draft that puts a decision in force, guarded by what is there now. Flags stay as they are there.
    pub fn decided(&self, bytes: Vec<u8>) -> Draft {
        let expect = self.theirs.as_ref().map_or(Expect::Absent, |theirs| Expect::Version(theirs.version));
        Draft { id: self.id.clone(), intent: DraftIntent::Put { bytes, flags: None }, expect: Some(expect) }
    }
}

impl Base {
    fn bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Absent => Some(&[]),
            Self::Value(value) => Some(&value.bytes),
            Self::NotKnown(_) => None,
        }
    }
}
