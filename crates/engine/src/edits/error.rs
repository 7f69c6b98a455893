use binnacle_history::{EditId, HistoryError, SwitchId};
use binnacle_model::id::{ConfigId, SourceId};
use binnacle_sources::{ConnectionSpec, ErrorKind, SourceError};

use super::{KeyConflict, SeenKey};

/// Why an edit did not happen, or is not known to have happened.
#[derive(Debug, thiserror::Error)]
pub enum EditError {
    /// At least one key is not as the edit expects it. Nothing was written.
    #[error("nothing was written: {}", conflicting(conflicts))]
    Refused {
        /// The line in the audit; `None` when the edit was refused before it was sent.
        edit: Option<EditId>,
        /// The keys that are otherwise, with both versions and their merge.
        conflicts: Vec<KeyConflict>,
    },
    /// Every write is refused here.
    #[error("nothing was written: it is read-only here")]
    ReadOnly,
    /// The store says that this token may not write the key.
    #[error("nothing was written: {id} may not be written: {says}")]
    Denied {
        /// The key.
        id: ConfigId,
        /// In the store's words.
        says: String,
    },
    /// The value is larger than the store takes.
    #[error("nothing was written: the new value of {what} has {size_bytes} bytes, and the store takes {limit_bytes}")]
    TooLarge {
        /// The key, or several.
        what: String,
        /// The size in bytes.
        size_bytes: u64,
        /// The limit in bytes.
        limit_bytes: u64,
    },
    /// A key that is to be deleted does not exist.
    #[error("there is no key {0}")]
    NotFound(ConfigId),
    /// The audit has no such line.
    #[error("the audit has no edit {0}")]
    NoSuchEdit(EditId),
    /// The edit cannot be taken back.
    #[error("edit {edit} cannot be undone: {why}")]
    UndoUnavailable {
        /// The edit.
        edit: EditId,
        /// Why not.
        why: &'static str,
        /// What to do instead.
        hint: &'static str,
    },
    /// The id is not one of a key.
    #[error("`{id}` is not the id of a key: {why}")]
    BadId {
        /// What was given.
        id: ConfigId,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The drafts make no edit together.
    #[error("this is not one edit: {0}")]
    BadDraft(&'static str),
    /// The plan was made for another connection than the one that brings its source now: the same name may be another system.
    #[error("nothing was written: it was planned for {planned}, and the source is brought by {now} now")]
    OtherConnection {
        /// What the plan was made for.
        planned: ConnectionSpec,
        /// What there is now.
        now: ConnectionSpec,
    },
    /// No connection brings the source.
    #[error("no connection brings {0}")]
    UnknownSource(SourceId),
    /// The source has no keys.
    #[error("{0} has no keys that can be read or written from here")]
    NoStore(SourceId),
    /// Services cannot be registered in the source.
    #[error("services cannot be registered in {0}")]
    NoRegistry(SourceId),
    /// The breaker cannot be switched from here.
    #[error("{what} cannot be switched from here: {why}")]
    NoSwitch {
        /// The breaker or its source.
        what: String,
        /// Why not.
        why: String,
    },
    /// The breaker is in another state than the plan has seen.
    #[error("nothing was switched: {breaker} is {} and not {seen}", now.as_deref().unwrap_or("gone"))]
    BreakerMoved {
        /// Its name.
        breaker: String,
        /// The state that the plan has seen.
        seen: String,
        /// The state now; `None` when it is no longer there.
        now: Option<String>,
    },
    /// The audit of switches has no such line.
    #[error("the audit has no switch {0}")]
    NoSuchSwitch(SwitchId),
    /// The switch cannot be taken back.
    #[error("switch {line} cannot be undone: {why}")]
    SwitchStays {
        /// Its line in the audit.
        line: SwitchId,
        /// Why not.
        why: &'static str,
    },
    /// The request was sent and its answer was lost: the edit may or may not have landed.
    #[error("edit {edit} was sent and its answer was lost ({cause}); {}", seen_words(seen))]
    OutcomeUnknown {
        /// The line in the audit.
        edit: EditId,
        /// What happened to the answer.
        cause: Box<SourceError>,
        /// What the keys are now. Even a key that has exactly the new value proves nothing: another writer may have written
        /// the same.
        seen: Vec<SeenKey>,
    },
    /// The source could not be asked, or refused; nothing was written.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The edit could not be recorded, and so was not sent.
    #[error("nothing was written, since it could not be recorded: {0}")]
    History(#[source] HistoryError),
}

/// How a command ends, as its exit code has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitClass {
    /// 1: the answer is no.
    No,
    /// 2: what was asked for makes no sense.
    Usage,
    /// 3: the source could not be reached, or did not answer.
    Unreachable,
    /// 4: refused by a guard, a permission, or read-only.
    Refused,
}

impl EditError {
    /// No connection brings this source.
    pub fn unknown_source(source: &SourceId) -> Self {
        Self::UnknownSource(source.clone())
    }

    /// The stable code.
    pub fn code(&self) -> String {
        let own = match self {
            Self::Refused { .. } => "edit.refused",
            Self::ReadOnly => "edit.read_only",
            Self::Denied { .. } => "edit.denied",
            Self::TooLarge { .. } => "edit.too_large",
            Self::NotFound(_) => "edit.not_found",
            Self::NoSuchEdit(_) | Self::NoSuchSwitch(_) => "edit.no_such_edit",
            Self::UndoUnavailable { .. } | Self::SwitchStays { .. } => "edit.undo_unavailable",
            Self::BadId { .. } => "edit.bad_id",
            Self::BadDraft(_) => "edit.bad_draft",
            Self::OtherConnection { .. } => "edit.other_connection",
            Self::UnknownSource(_) => "edit.unknown_source",
            Self::NoStore(_) => "edit.no_store",
            Self::NoRegistry(_) => "edit.no_registry",
            Self::NoSwitch { .. } => "edit.no_switch",
            Self::BreakerMoved { .. } => "edit.breaker_moved",
            Self::OutcomeUnknown { cause, .. } => return cause.code(),
            Self::Source(error) => return error.code(),
            Self::History(error) => error.code(),
        };
        own.to_owned()
    }

    /// What to do next.
    pub fn hint(&self) -> String {
        let own = match self {
            Self::Refused { .. } => {
                "Somebody else was faster. Look at both versions, decide, and write with the new version as guard."
            }
            Self::ReadOnly => "Use a profile that may write, or leave --read-only out.",
            Self::Denied { .. } => "Use a token with `key:write` on this key.",
            Self::TooLarge { .. } => {
                "Make the value smaller, split it over several keys, or keep it elsewhere and store its address."
            }
            Self::NotFound(_) => "Look for the key's exact name; it may have been deleted already.",
            Self::NoSuchEdit(_) => "List the edits; their numbers are in the first column.",
            Self::UndoUnavailable { hint, .. } => hint,
            Self::BadId { .. } => "An id looks like consul:dc1/kv/app/x.",
            Self::BadDraft(_) => "Make one edit for each source, with each key once.",
            Self::OtherConnection { .. } => "Plan it again and look at what it would change here.",
            Self::UnknownSource(_) => "Connect to it first, or check the name of the datacenter.",
            Self::NoRegistry(_) => "Register in a source such as consul:dc1.",
            Self::NoSwitch { .. } => {
                "Breakers of resilience4j (actuator=http://HOST:PORT) and of Sentinel (sentinel=http://HOST:8719), and limits of an Envoy (envoy=http://HOST:PORT), can be switched."
            }
            Self::BreakerMoved { .. } => "It moved meanwhile. Look at it, and plan it again.",
            Self::NoSuchSwitch(_) => "List the switches with `breaker history`; their numbers are in the first column.",
            Self::SwitchStays { .. } => "Look at the breaker, and switch it as it should be.",
            Self::NoStore(_) => "Keys that can be read and written are in sources such as consul:dc1.",
            Self::OutcomeUnknown { .. } => {
                "Look at the key before you try again; nothing is sent a second time by itself."
            }
            Self::Source(error) => return error.hint.clone(),
            Self::History(error) => error.hint(),
        };
        own.to_owned()
    }

    /// How a command ends with it.
    pub fn exit_class(&self) -> ExitClass {
        match self {
            Self::Refused { .. }
            | Self::ReadOnly
            | Self::Denied { .. }
            | Self::TooLarge { .. }
            | Self::UndoUnavailable { .. }
            | Self::OtherConnection { .. }
            | Self::NoSwitch { .. }
            | Self::BreakerMoved { .. }
            | Self::SwitchStays { .. }
            | Self::History(_) => ExitClass::Refused,
            Self::NotFound(_) | Self::NoSuchEdit(_) | Self::NoSuchSwitch(_) => ExitClass::No,
            Self::BadId { .. } | Self::BadDraft(_) | Self::NoStore(_) | Self::NoRegistry(_) => ExitClass::Usage,
            Self::UnknownSource(_) | Self::OutcomeUnknown { .. } => ExitClass::Unreachable,
            Self::Source(error) => of_kind(error.kind),
        }
    }
}

fn of_kind(kind: ErrorKind) -> ExitClass {
    match kind {
        ErrorKind::AclDenied
        | ErrorKind::Forbidden
        | ErrorKind::Unauthenticated
        | ErrorKind::Invalid
        | ErrorKind::Unsupported => ExitClass::Refused,
        ErrorKind::NotFound => ExitClass::No,
        ErrorKind::Misconfigured => ExitClass::Usage,
        _ => ExitClass::Unreachable,
    }
}

fn conflicting(conflicts: &[KeyConflict]) -> String {
    let sentences: Vec<String> = conflicts.iter().map(KeyConflict::sentence).collect();
    sentences.join("; ")
}

fn seen_words(seen: &[SeenKey]) -> String {
    let sentences: Vec<String> = seen.iter().map(SeenKey::sentence).collect();
    sentences.join("; ")
}
