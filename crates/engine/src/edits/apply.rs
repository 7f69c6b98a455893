use binnacle_history::{EditId, HistoryError, NewEdit, NewKey, Settled, Value};
use binnacle_model::id::ConfigId;
use binnacle_sources::edit::{ConfigStore, Conflict, Guard, Intent, Outcome, Permission, StoredValue};
use binnacle_sources::{ErrorKind, SourceError};
use futures_util::future::join_all;

use super::memory::Secret;
use super::{Base, EditError, Edits, KeyConflict, KeyPlan, Plan, store_of};

/// An edit that the store has written.
#[derive(Debug)]
pub struct Applied {
    /// Its line in the audit.
    pub edit: EditId,
    /// Its keys, in the order of the plan.
    pub keys: Vec<AppliedKey>,
    /// Whether it can be taken back.
    pub undo: UndoReach,
    /// Why the audit does not have its result, if it has not: its line stays pending there.
    pub not_settled: Option<HistoryError>,
}

/// One key that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppliedKey {
    /// The key.
    pub id: ConfigId,
    /// The version that the write made; `None` for a deleted key, and where the store did not say.
    pub version: Option<u64>,
    /// What the read-back showed.
    pub verified: Verified,
}

/// What a read-back showed of a key that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verified {
    /// The key is as it was written.
    AsWritten,
    /// Somebody else has written after this edit; the version that is there now, `None` for a deleted key.
    ChangedSince(Option<u64>),
    /// The store has something else under the very version that this edit made.
    Otherwise,
    /// The key could not be read back, with the stable code of the reason.
    NotRead(String),
}

/// How long an edit can be taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UndoReach {
    /// As long as the history is kept, by any program that uses it.
    Always,
    /// While this program runs: a value is a secret that is not recorded.
    WhileRunning,
    /// Not at all: the versions that the undo would check are not known.
    Never,
}

/// What a key is after an answer was lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenKey {
    /// The key.
    pub id: ConfigId,
    /// What it is.
    pub seen: Seen,
}

/// See [`SeenKey`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// As the edit wanted it, at this version (`None`: deleted). By this edit, or by another that wanted the same.
    AsWanted(Option<u64>),
    /// As it was before the edit.
    AsBefore,
    /// Neither.
    Otherwise,
    /// The key could not be read back.
    NotRead,
}

impl SeenKey {
    /// For people.
    pub fn sentence(&self) -> String {
        let id = &self.id;
        match &self.seen {
            Seen::AsWanted(Some(version)) => format!("{id} now has the wanted value, at version {version}"),
            Seen::AsWanted(None) => format!("{id} is deleted now"),
            Seen::AsBefore => format!("{id} was still as before when it was read again"),
            Seen::Otherwise => format!("{id} is now neither as before nor as wanted"),
            Seen::NotRead => format!("{id} could not be read again"),
        }
    }
}

impl Edits {
    /// Sends a plan, once. When this future is dropped on the way, the edit stays pending in the audit.
    pub async fn apply(&self, plan: &Plan, why: Option<String>) -> Result<Applied, EditError> {
        if self.read_only(&plan.source) {
            return Err(EditError::ReadOnly);
        }
        if let Some((key, says)) = plan.keys.iter().find_map(|key| Some((key, denied(key)?))) {
            return Err(EditError::Denied { id: key.id.clone(), says });
        }
        let connection = self.stores.connection_of(&plan.source).await?;
        if *connection.spec() != plan.connection {
            let (planned, now) = (plan.connection.clone(), connection.spec().clone());
            return Err(EditError::OtherConnection { planned, now });
        }
        let store = store_of(&*connection, &plan.source)?;
        let line = self.line(plan, connection.spec().to_string(), why);
        let edit = self.recorded(move |history| history.begin(&line)).await?;
        match store.write(&plan.source, &plan.writes()).await {
            Ok(Outcome::Applied(versions)) => Ok(self.applied(store, plan, edit, versions).await),
            Ok(Outcome::Refused(current)) => {
                let error = EditError::Refused { edit: Some(edit), conflicts: conflicts(plan, current) };
                self.settle(edit, Settled::Refused(error.code())).await;
                Err(error)
            }
            Err(cause) if cause.kind == ErrorKind::OutcomeUnknown => {
                self.settle(edit, Settled::Unknown(cause.code())).await;
                let seen = join_all(plan.keys.iter().map(|key| see(store, plan, key))).await;
                Err(EditError::OutcomeUnknown { edit, cause: Box::new(cause), seen })
            }
            Err(error) => {
                self.settle(edit, Settled::Failed(error.code())).await;
                Err(error.into())
            }
        }
    }

    fn line(&self, plan: &Plan, connection: String, why: Option<String>) -> NewEdit {
        let key = |key: &KeyPlan| NewKey {
            path: key.path.clone(),
            guard_version: match key.guard {
                Guard::Version(version) => Some(version),
                Guard::Absent => None,
            },
            sensitive: key.sensitive,
            before: key.before.as_ref().map(|before| Value {
                version: Some(before.version),
                flags: before.flags,
                bytes: before.bytes.clone(),
            }),
            after: match &key.intent {
                Intent::Put { bytes, flags } => Some(Value { version: None, flags: *flags, bytes: bytes.clone() }),
                Intent::Delete => None,
            },
        };
        NewEdit {
            at: self.clock.now(),
            actor: self.actor.clone(),
            source: plan.source.clone(),
            connection,
            why: why.map(|why| why.trim().to_owned()).filter(|why| !why.is_empty()),
            undo_of: plan.undo_of,
            keys: plan.keys.iter().map(key).collect(),
        }
    }

    async fn applied(&self, store: &dyn ConfigStore, plan: &Plan, edit: EditId, versions: Vec<Option<u64>>) -> Applied {
        for (position, key) in plan.keys.iter().enumerate().filter(|(_, key)| key.sensitive) {
            let before = key.before.as_ref().map(|before| before.bytes.clone());
            let after = key.after().map(<[u8]>::to_vec);
            self.memory().keep_secret(edit, position, Secret { before, after });
        }
        let versions = versions.into_iter().chain(std::iter::repeat(None));
        let keys = plan.keys.iter().zip(versions).map(|(key, version)| read_back(store, plan, key, version));
        let keys = join_all(keys).await;
        let settled = Settled::Applied(keys.iter().map(|key| key.version).collect());
        Applied { edit, undo: undo_reach(plan, &keys), not_settled: self.settle(edit, settled).await, keys }
    }

    /// Records a result. The result itself stands, whatever becomes of the record: the line then stays pending.
    async fn settle(&self, edit: EditId, settled: Settled) -> Option<HistoryError> {
        let at = self.clock.now();
        let recorded = super::on_history(self.history.clone(), move |history| history.settle(edit, at, &settled)).await;
        let error = recorded.err()?;
        tracing::error!(%edit, code = error.code(), %error, "the result of an edit could not be recorded");
        Some(error)
    }
}

fn denied(key: &KeyPlan) -> Option<String> {
    match &key.permission {
        Permission::Denied(says) => Some(says.clone()),
        Permission::Allowed | Permission::NotKnown => None,
    }
}

/// The keys that the store refused, against what the plan was made from.
fn conflicts(plan: &Plan, current: Vec<Conflict>) -> Vec<KeyConflict> {
    let conflict = |conflict: Conflict| {
        let key = plan.keys.iter().find(|key| key.path == conflict.path)?;
        let base = key.before.clone().map_or(Base::Absent, Base::Value);
        Some(KeyConflict::new(key.id.clone(), base, conflict.current, key.intent.clone()))
    };
    current.into_iter().filter_map(conflict).collect()
}

async fn read_back(store: &dyn ConfigStore, plan: &Plan, key: &KeyPlan, version: Option<u64>) -> AppliedKey {
    let now = store.read(&plan.source, &key.path).await;
    // Where the store does not tell which version the write made, the read-back does, if nobody wrote in between.
    let found = match (&now, &key.intent) {
        (Ok(Some(now)), Intent::Put { .. }) if is_wanted(key, now) => Some(now.version),
        _ => None,
    };
    let version = version.or(found);
    AppliedKey { id: key.id.clone(), version, verified: verified(key, version, now) }
}

fn verified(key: &KeyPlan, version: Option<u64>, now: Result<Option<StoredValue>, SourceError>) -> Verified {
    match (now, version) {
        (Err(error), _) => Verified::NotRead(error.code()),
        (Ok(None), None) if key.after().is_none() => Verified::AsWritten,
        (Ok(None), _) => Verified::ChangedSince(None),
        (Ok(Some(now)), Some(version)) if now.version == version && is_wanted(key, &now) => Verified::AsWritten,
        (Ok(Some(now)), Some(version)) if now.version == version => Verified::Otherwise,
        (Ok(Some(now)), _) => Verified::ChangedSince(Some(now.version)),
    }
}

fn is_wanted(key: &KeyPlan, now: &StoredValue) -> bool {
    match &key.intent {
        Intent::Put { bytes, flags } => now.bytes == *bytes && now.flags == *flags,
        Intent::Delete => false,
    }
}

async fn see(store: &dyn ConfigStore, plan: &Plan, key: &KeyPlan) -> SeenKey {
    let seen = match (store.read(&plan.source, &key.path).await, key.guard) {
        (Err(_), _) => Seen::NotRead,
        (Ok(None), Guard::Absent) => Seen::AsBefore,
        (Ok(None), Guard::Version(_)) if key.after().is_none() => Seen::AsWanted(None),
        (Ok(Some(now)), Guard::Version(version)) if now.version == version => Seen::AsBefore,
        (Ok(Some(now)), _) if is_wanted(key, &now) => Seen::AsWanted(Some(now.version)),
        (Ok(_), _) => Seen::Otherwise,
    };
    SeenKey { id: key.id.clone(), seen }
}

fn undo_reach(plan: &Plan, keys: &[AppliedKey]) -> UndoReach {
    let unknown = |(plan, key): (&KeyPlan, &AppliedKey)| plan.after().is_some() && key.version.is_none();
    if plan.keys.iter().zip(keys).any(unknown) {
        UndoReach::Never
    } else if plan.keys.iter().any(|key| key.sensitive) {
        UndoReach::WhileRunning
    } else {
        UndoReach::Always
    }
}
