use std::collections::BTreeSet;

use binnacle_history::EditId;
use binnacle_model::id::{ConfigId, SourceId};
use binnacle_sources::ConnectionSpec;
use binnacle_sources::edit::{ConfigStore, Guard, Intent, KeyWrite, Permission, StoredValue};
use futures_util::future::try_join_all;

use super::{Base, Draft, DraftIntent, EditError, Edits, Expect, KeyConflict, Rules, Sensitive, place_of, store_of};

/// Keys under a key that a plan names; of more it says that there are more.
const BENEATH_SHOWN: usize = 20;

/// An edit as it will be sent: one transaction, all keys or none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Where.
    pub source: SourceId,
    /// By which connection.
    pub connection: ConnectionSpec,
    /// The keys, in the order of the write.
    pub keys: Vec<KeyPlan>,
    /// The largest value that the store takes, in bytes.
    pub value_limit_bytes: u64,
    /// The request that all of it is sent as: `PUT /v1/txn?dc=dc1`.
    pub request: String,
    /// The edit that this one takes back.
    pub undo_of: Option<EditId>,
}

/// One key of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyPlan {
    /// The key.
    pub id: ConfigId,
    /// The key, exactly as the store has it.
    pub path: String,
    /// What is there; `None` when the key does not exist.
    pub before: Option<StoredValue>,
    /// What will be done, with the flags that will be written.
    pub intent: Intent,
    /// What the store checks at the moment of the write.
    pub guard: Guard,
    /// Other keys under this one; none of them is touched.
    pub beneath: Beneath,
    /// Whether the token may write it.
    pub permission: Permission,
    /// Whether its value is kept from the history.
    pub sensitive: bool,
    /// What a person should know before.
    pub notes: Vec<Note>,
}

/// Keys under a key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Beneath {
    /// The first of them.
    pub keys: Vec<String>,
    /// Whether there are more.
    pub more: bool,
}

/// What a person should know before an edit is applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// A session holds the key's lock. The store does not stop the write; the lock stays.
    Locked(String),
    /// The application's own number stays as it is.
    FlagsKept(u64),
    /// The application's own number changes.
    FlagsChanged {
        /// From.
        from: u64,
        /// To.
        to: u64,
    },
    /// Keys under this one stay as they are.
    KeysBeneathStay,
    /// The old or the new value is not text.
    Binary,
    /// The key does not exist yet.
    Creates,
    /// Value and flags are as they were.
    ChangesNothing,
    /// The value is a secret: it is kept from the history, and undo works only while this program runs.
    Sensitive,
}

impl Note {
    /// For people.
    pub fn sentence(&self) -> String {
        match self {
            Self::Locked(session) => format!("Session {session} holds the lock of this key; a write does not ask it."),
            Self::FlagsKept(flags) => format!("Flags stay {flags}."),
            Self::FlagsChanged { from, to } => format!("Flags change from {from} to {to}."),
            Self::KeysBeneathStay => "Keys under this one stay as they are.".to_owned(),
            Self::Binary => "Not text: shown as hex, written byte for byte.".to_owned(),
            Self::Creates => "The key does not exist yet.".to_owned(),
            Self::ChangesNothing => "Value and flags are as they were.".to_owned(),
            Self::Sensitive => {
                "A secret: its value is not recorded, so undo works only while this program runs.".to_owned()
            }
        }
    }
}

impl Plan {
    /// The request with what the store will check, one line a key:
    /// `PUT /v1/txn?dc=dc1 · put app/x · cas = 48213 · flags kept (0)`.
    pub fn preview(&self) -> Vec<String> {
        self.keys.iter().map(|key| format!("{} · {}", self.request, key.preview())).collect()
    }

    pub(super) fn writes(&self) -> Vec<KeyWrite> {
        self.keys.iter().map(KeyPlan::write).collect()
    }

    /// Whether every key would stay as it is.
    pub fn changes_nothing(&self) -> bool {
        self.keys.iter().all(|key| key.notes.contains(&Note::ChangesNothing))
    }
}

impl KeyPlan {
    /// The new value; `None` for a delete.
    pub fn after(&self) -> Option<&[u8]> {
        match &self.intent {
            Intent::Put { bytes, .. } => Some(bytes),
            Intent::Delete => None,
        }
    }

    fn write(&self) -> KeyWrite {
        KeyWrite { path: self.path.clone(), guard: self.guard, intent: self.intent.clone() }
    }

    fn preview(&self) -> String {
        let guard = match self.guard {
            Guard::Version(version) => format!("cas = {version}"),
            Guard::Absent => "cas = 0 (must not exist)".to_owned(),
        };
        match &self.intent {
            Intent::Delete => format!("delete {} · {guard}", self.path),
            Intent::Put { flags, .. } => {
                let kept = self.before.as_ref().is_some_and(|before| before.flags == *flags);
                let flags = if kept { format!("flags kept ({flags})") } else { format!("flags {flags}") };
                format!("put {} · {guard} · {flags}", self.path)
            }
        }
    }
}

/// What is found out about one key before it is written.
struct Found {
    draft: Draft,
    path: String,
    before: Option<StoredValue>,
    beneath: Beneath,
    permission: Permission,
}

impl Edits {
    /// Reads the keys of the drafts and plans one edit of all of them. A key that is not as its draft expects is
    /// [`EditError::Refused`] at once; so is a value over the store's limit, as [`EditError::TooLarge`].
    pub async fn plan(&self, drafts: Vec<Draft>) -> Result<Plan, EditError> {
        let (source, drafts) = one_edit(drafts)?;
        let connection = self.stores.connection_of(&source).await?;
        let store = store_of(&*connection, &source)?;
        fits(store, &drafts)?;
        let looked = drafts.into_iter().map(|(path, draft)| look(store, &source, path, draft));
        let found = try_join_all(looked).await?;
        let rules = self.stores.rules_of(&source);
        let spec = connection.spec();
        self.refuse_moved(&source, spec, &found).await?;
        let mut keys = Vec::with_capacity(found.len());
        for key in found {
            keys.push(self.key_plan(key, &rules)?);
        }
        let mut plan = Plan {
            source,
            connection: spec.clone(),
            keys,
            value_limit_bytes: store.value_limit_bytes(),
            request: String::new(),
            undo_of: None,
        };
        plan.request = store.request_line(&plan.source, &plan.writes());
        Ok(plan)
    }

    async fn refuse_moved(&self, source: &SourceId, spec: &ConnectionSpec, found: &[Found]) -> Result<(), EditError> {
        let mut conflicts = Vec::new();
        for key in found {
            let Some(expect) = key.draft.expect else { continue };
            let is_there = key.before.as_ref().map(|before| before.version);
            let base = match expect {
                Expect::Version(version) if is_there == Some(version) => continue,
                Expect::Absent if is_there.is_none() => continue,
                Expect::Absent => Base::Absent,
                Expect::Version(version) => self.base(source, spec, &key.draft.id, &key.path, version).await,
            };
            let yours = intent(&key.draft.intent, key.before.as_ref());
            conflicts.push(KeyConflict::new(key.draft.id.clone(), base, key.before.clone(), yours));
        }
        if conflicts.is_empty() { Ok(()) } else { Err(EditError::Refused { edit: None, conflicts }) }
    }

    /// What a key was at a version that is gone: as this process saw it, or as the audit has it.
    async fn base(&self, source: &SourceId, spec: &ConnectionSpec, id: &ConfigId, path: &str, version: u64) -> Base {
        if let Some(seen) = self.memory().seen(id, version) {
            return Base::Value(seen.clone());
        }
        let (source, spec, path) = (source.clone(), spec.to_string(), path.to_owned());
        let audited = self.recorded(move |history| history.value_at(&source, &spec, &path, version)).await;
        match audited {
            Ok(Some(value)) => Base::Value(StoredValue {
                bytes: value.bytes,
                version,
                created_version: 0,
                flags: value.flags,
                lock_session: None,
            }),
            // A history that cannot be read costs the merge its ancestor, and nothing else.
            Ok(None) | Err(_) => Base::NotKnown(version),
        }
    }

    fn key_plan(&self, found: Found, rules: &Rules) -> Result<KeyPlan, EditError> {
        let Found { draft, path, before, beneath, permission } = found;
        let guard = match (&before, &draft.intent) {
            (Some(before), _) => Guard::Version(before.version),
            (None, DraftIntent::Put { .. }) => Guard::Absent,
            (None, DraftIntent::Delete) => return Err(EditError::NotFound(draft.id)),
        };
        if let Some(before) = &before {
            self.memory().remember(&draft.id, before);
        }
        let intent = intent(&draft.intent, before.as_ref());
        let marked = rules.is_sensitive(&path);
        let sensitive = marked || self.is_sensitive(&path, before.as_ref(), &intent);
        let notes = notes(before.as_ref(), &intent, &beneath, sensitive);
        Ok(KeyPlan { id: draft.id, path, before, intent, guard, beneath, permission, sensitive, notes })
    }

    pub(super) fn is_sensitive(&self, path: &str, before: Option<&StoredValue>, intent: &Intent) -> bool {
        let new = match intent {
            Intent::Put { bytes, .. } => Sensitive::value(bytes),
            Intent::Delete => false,
        };
        new || self.sensitive.path(path) || before.is_some_and(|before| Sensitive::value(&before.bytes))
    }
}

/// The drafts with their paths, when they make one edit.
fn one_edit(drafts: Vec<Draft>) -> Result<(SourceId, Vec<(String, Draft)>), EditError> {
    let mut placed = Vec::with_capacity(drafts.len());
    let (mut sources, mut paths) = (BTreeSet::new(), BTreeSet::new());
    for draft in drafts {
        let (source, path) = place_of(&draft.id)?;
        if matches!((&draft.intent, draft.expect), (DraftIntent::Delete, Some(Expect::Absent))) {
            return Err(EditError::BadDraft("a key that is expected not to exist cannot be deleted"));
        }
        sources.insert(source);
        if !paths.insert(path.clone()) {
            return Err(EditError::BadDraft("a key stands in it twice"));
        }
        placed.push((path, draft));
    }
    let first = sources.pop_first().ok_or(EditError::BadDraft("it has no key"))?;
    if sources.is_empty() { Ok((first, placed)) } else { Err(EditError::BadDraft("its keys are in different sources")) }
}

/// Refuses what the store would refuse, before anything is sent.
fn fits(store: &dyn ConfigStore, drafts: &[(String, Draft)]) -> Result<(), EditError> {
    let limit_bytes = store.value_limit_bytes();
    for (_, draft) in drafts {
        if let DraftIntent::Put { bytes, .. } = &draft.intent {
            let size_bytes = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
            if size_bytes > limit_bytes {
                return Err(EditError::TooLarge { what: draft.id.to_string(), size_bytes, limit_bytes });
            }
        }
    }
    Ok(())
}

async fn look(store: &dyn ConfigStore, source: &SourceId, path: String, draft: Draft) -> Result<Found, EditError> {
    let (before, names, permission) = tokio::join!(
        store.read(source, &path),
        store.beneath(source, &path, BENEATH_SHOWN + 1),
        store.may_write(source, &path),
    );
    // A token that may not list still may write; then what is beneath is simply not known.
    let mut names = names.unwrap_or_default();
    let more = names.len() > BENEATH_SHOWN;
    names.truncate(BENEATH_SHOWN);
    Ok(Found {
        before: before?,
        beneath: Beneath { keys: names, more },
        permission: permission.unwrap_or(Permission::NotKnown),
        path,
        draft,
    })
}

/// The intent with the flags that will be written: those that are there, unless the draft says otherwise.
fn intent(draft: &DraftIntent, before: Option<&StoredValue>) -> Intent {
    match draft {
        DraftIntent::Delete => Intent::Delete,
        DraftIntent::Put { bytes, flags } => Intent::Put {
            bytes: bytes.clone(),
            flags: flags.unwrap_or_else(|| before.map(|before| before.flags).unwrap_or_default()),
        },
    }
}

fn notes(before: Option<&StoredValue>, intent: &Intent, beneath: &Beneath, sensitive: bool) -> Vec<Note> {
    let mut notes = Vec::new();
    if let Some(session) = before.and_then(|before| before.lock_session.clone()) {
        notes.push(Note::Locked(session));
    }
    match (before, intent) {
        (None, Intent::Put { .. }) => notes.push(Note::Creates),
        (Some(before), Intent::Put { bytes, flags }) if before.flags == *flags => {
            if before.bytes == *bytes {
                notes.push(Note::ChangesNothing);
            }
            if before.flags != 0 {
                notes.push(Note::FlagsKept(before.flags));
            }
        }
        (Some(before), Intent::Put { flags, .. }) => {
            notes.push(Note::FlagsChanged { from: before.flags, to: *flags });
        }
        (_, Intent::Delete) if !beneath.keys.is_empty() => notes.push(Note::KeysBeneathStay),
        (_, Intent::Delete) => {}
    }
    let values = [
        before.map(|before| before.bytes.as_slice()),
        match intent {
            Intent::Put { bytes, .. } => Some(bytes.as_slice()),
            Intent::Delete => None,
        },
    ];
    if values.into_iter().flatten().any(|bytes| std::str::from_utf8(bytes).is_err()) {
        notes.push(Note::Binary);
    }
    if sensitive {
        notes.push(Note::Sensitive);
    }
    notes
}
