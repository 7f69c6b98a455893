use binnacle_history::{EditId, EditRecord, EditState, Kept, KeyRecord};
use binnacle_model::derive::config_id;
use binnacle_model::fact::StoreKind;
use binnacle_sources::edit::{Intent, StoredValue};

use super::memory::Secret;
use super::{Base, Draft, DraftIntent, EditError, Edits, Expect, KeyConflict, Plan};

/// One key on its way back.
struct Step {
    draft: Draft,
    /// What the edit left behind; `None` for a deleted key.
    left: Option<StoredValue>,
}

impl Edits {
    /// Plans a new guarded edit that takes an applied one back: each key gets its value and flags from before, a created
    /// key is deleted, a deleted one created. Refused when a key has moved since.
    pub async fn plan_undo(&self, edit: EditId) -> Result<Plan, EditError> {
        let record = self.audited(edit).await?;
        undoable(&record)?;
        let steps: Vec<Step> = (record.keys.iter().enumerate())
            .map(|(position, key)| self.step(&record, position, key))
            .collect::<Result<_, _>>()?;
        for step in &steps {
            if let Some(left) = &step.left {
                self.memory().remember(&step.draft.id, left);
            }
        }
        let plan = self.plan(steps.iter().map(|step| step.draft.clone()).collect()).await?;
        refuse_other_content(&plan, &steps)?;
        Ok(Plan { undo_of: Some(edit), ..plan })
    }

    fn step(&self, record: &EditRecord, position: usize, key: &KeyRecord) -> Result<Step, EditError> {
        let gone = || EditError::UndoUnavailable {
            edit: record.id,
            why: "its value is a secret that was not recorded, and the program that made the edit has ended",
            hint: "Set the value again from where it is kept.",
        };
        let secret = self.memory().secret(record.id, position).cloned();
        let (before, after) = match (key.sensitive, secret) {
            (true, None) => return Err(gone()),
            (true, Some(Secret { before, after })) => (before, after),
            (false, _) => (bytes(key.before.as_ref()), bytes(key.after.as_ref())),
        };
        let intent = match &key.before {
            None => DraftIntent::Delete,
            Some(kept) => DraftIntent::Put { bytes: before.ok_or_else(gone)?, flags: Some(kept.flags) },
        };
        let (expect, left) = match &key.after {
            None => (Expect::Absent, None),
            Some(kept) => {
                let version = kept.version.ok_or_else(|| no_version(record.id))?;
                (Expect::Version(version), Some(stored(version, kept.flags, after.ok_or_else(gone)?)))
            }
        };
        let id = config_id(&record.source, StoreKind::ConsulKv, &key.path);
        Ok(Step { draft: Draft { id, intent, expect: Some(expect) }, left })
    }
}

fn bytes(kept: Option<&Kept>) -> Option<Vec<u8>> {
    kept?.bytes.clone()
}

fn stored(version: u64, flags: u64, bytes: Vec<u8>) -> StoredValue {
    StoredValue { bytes, version, created_version: 0, flags, lock_session: None }
}

fn undoable(record: &EditRecord) -> Result<(), EditError> {
    let (why, hint) = match record.state {
        EditState::Applied if record.undone_by.is_some() => {
            ("it was taken back already", "To have it again, undo the edit that took it back.")
        }
        EditState::Applied => return Ok(()),
        EditState::Refused | EditState::Failed => ("it wrote nothing", "There is nothing to take back."),
        EditState::Pending | EditState::Unknown => (
            "it is not known whether it landed",
            "Look at the key; the value from before is in the audit, if it is not a secret.",
        ),
    };
    Err(EditError::UndoUnavailable { edit: record.id, why, hint })
}

fn no_version(edit: EditId) -> EditError {
    EditError::UndoUnavailable {
        edit,
        why: "the version that it made is not known, so an undo could not be guarded",
        hint: "Look at the key; the value from before is in the audit.",
    }
}

/// The same version with other content is another store under the same name, such as a test cluster that was built anew.
fn refuse_other_content(plan: &Plan, steps: &[Step]) -> Result<(), EditError> {
    let mut conflicts = Vec::new();
    for (key, step) in plan.keys.iter().zip(steps) {
        let content = |value: &StoredValue| (value.bytes.clone(), value.flags);
        if key.before.as_ref().map(content) != step.left.as_ref().map(content) {
            let base = step.left.clone().map_or(Base::Absent, Base::Value);
            let yours: Intent = key.intent.clone();
            conflicts.push(KeyConflict::new(key.id.clone(), base, key.before.clone(), yours));
        }
    }
    if conflicts.is_empty() { Ok(()) } else { Err(EditError::Refused { edit: None, conflicts }) }
}
