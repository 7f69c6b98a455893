//! Edits of config keys between the window and the engine.

use binnacle_engine::TimelineEvent;
use binnacle_engine::edits::merge::{self as engine_merge, ChangedBy, Merge, MergedText, Piece};
use binnacle_engine::edits::{
    Applied, AuditEntry, Base, Draft, DraftIntent, EditError, EditId, EditState, Expect, Kept, KeyConflict, KeyPlan,
    KeyRecord, Plan, UndoReach, Verified, place_of,
};
use binnacle_model::derive::config_id;
use binnacle_model::fact::StoreKind;
use binnacle_model::id::{ConfigId, SourceId};
use binnacle_sources::edit::{Guard, Intent, Permission};
use binnacle_view::contract::Failure;
use binnacle_view::contract::config::{
    AppliedKey, AuditKey, AuditRow, ConfigApplied, ConfigApplyArgs, ConfigBody, ConfigConflict, ConfigDraft,
    ConfigPlan, ConfigPlanArgs, ConfigPlanned, ConfigValue, DraftIntent as DraftWanted, KeyAction,
    KeyPlan as KeyPlanShown, MergeChoice, MergeChunk, Merged,
};
use binnacle_view::contract::state::{Offer, millis};
use binnacle_view::contract::view::View;
use binnacle_view::screen::config_tree::edit_offer;
use binnacle_view::screen::inspector::lock_words;
use binnacle_view::summary::{self, Side};
use binnacle_view::{diff, text, value};

use crate::state::App;
use crate::{failure, scene};

/// Reads a key from its store.
pub(crate) async fn read(app: &App, id: &ConfigId) -> Result<ConfigValue, Failure> {
    let (source, path) = place_of(id).map_err(|error| failure::of_edit(&error, None))?;
    let failed = |error: EditError| failure::of_edit(&error, Some(&source));
    let held = app.engine.edits().read(id).await.map_err(failed)?;
    let limit = app.engine.edits().value_limit_bytes(&source).await.map_err(failed)?;
    let scene = scene::of(app);
    let snapshot = &scene.snapshot;
    let count = |number: Option<u64>| number.unwrap_or_default().to_string();
    let held = held.as_ref();
    Ok(ConfigValue {
        id: id.to_string(),
        source: source.to_string(),
        exists: held.is_some(),
        value: held.map(|held| value::body(&path, &held.bytes)),
        version: count(held.map(|held| held.version)),
        created_version: count(held.map(|held| held.created_version)),
        flags: count(held.map(|held| held.flags)),
        lock_session: held.and_then(|held| held.lock_session.as_deref()).map(|session| lock_words(snapshot, session)),
        limit_bytes: size(limit),
        seen: millis(scene.now),
        edit: edit_offer(&scene, &source),
        path,
    })
}

#[allow(clippy::cast_precision_loss, reason = "sizes of values are far below 2^53")]
fn size(bytes: u64) -> f64 {
    bytes as f64
}

/// Plans an edit and keeps the plan.
pub(crate) async fn plan(app: &App, args: ConfigPlanArgs) -> Result<ConfigPlanned, Failure> {
    let drafts = args.drafts.into_iter().map(draft).collect::<Result<Vec<Draft>, Failure>>()?;
    planned(app, app.engine.edits().plan(drafts).await)
}

/// Plans the undo of an edit and keeps the plan.
pub(crate) async fn plan_undo(app: &App, edit: EditId) -> Result<ConfigPlanned, Failure> {
    planned(app, app.engine.edits().plan_undo(edit).await)
}

fn planned(app: &App, plan: Result<Plan, EditError>) -> Result<ConfigPlanned, Failure> {
    match plan {
        Ok(plan) => Ok(ConfigPlanned::Ready { plan: shown(app, plan) }),
        Err(EditError::Refused { conflicts, .. }) => {
            let (sentence, conflicts) = refusal(&conflicts);
            Ok(ConfigPlanned::Refused { sentence, conflicts })
        }
        Err(error) => Err(failure::of_edit(&error, None)),
    }
}

fn draft(draft: ConfigDraft) -> Result<Draft, Failure> {
    let bad = |what: &str| failure::refused("edit.bad_draft", what, "Correct it and plan again.");
    let number = |text: &str| text.trim().parse::<u64>().ok();
    let flags = match draft.flags.as_deref() {
        None => None,
        Some(text) => Some(number(text).ok_or_else(|| bad("flags are a whole number from 0 to 18446744073709551615"))?),
    };
    let expect = match draft.expect.as_deref() {
        None => None,
        Some("absent") => Some(Expect::Absent),
        Some(text) => {
            Some(Expect::Version(number(text).ok_or_else(|| bad("a version is a whole number, or `absent`"))?))
        }
    };
    let intent = match draft.intent {
        DraftWanted::Text { text, crlf } => {
            DraftIntent::Put { bytes: value::bytes_of_text(&text, crlf.unwrap_or_default()), flags }
        }
        DraftWanted::Hex { hex } => {
            let bytes =
                value::bytes_of_hex(&hex).ok_or_else(|| bad("the value is not hexadecimal: two digits a byte"))?;
            DraftIntent::Put { bytes, flags }
        }
        DraftWanted::Delete => DraftIntent::Delete,
    };
    Ok(Draft { id: ConfigId::from(draft.id), intent, expect })
}

fn shown(app: &App, plan: Plan) -> ConfigPlan {
    let scene = scene::of(app);
    let keys: Vec<KeyPlanShown> = plan.keys.iter().map(key_plan).collect();
    let warnings: Vec<String> =
        if plan.changes_nothing() { vec!["Value and flags are as they were.".to_owned()] } else { Vec::new() };
    let allowed = edit_offer(&scene, &plan.source);
    let denied = keys.iter().find(|key| !key.permitted).map(|key| key.permission.clone());
    let apply = match denied {
        _ if !allowed.possible => allowed,
        Some(reason) => Offer::no(reason),
        None if plan.changes_nothing() => Offer::no("There is nothing to write"),
        None => Offer::yes(),
    };
    ConfigPlan {
        profile: text::name(scene.profile_of(&plan.source)),
        source: plan.source.to_string(),
        keys,
        request: plan.preview().join("\n"),
        warnings,
        undo_of: plan.undo_of.map(|edit| edit.number().to_string()),
        apply,
        plan: app.plans.keep(plan),
    }
}

fn key_plan(key: &KeyPlan) -> KeyPlanShown {
    let before = key.before.as_ref().map(|before| value::body(&key.path, &before.bytes));
    let after = key.after().map(|after| value::body(&key.path, after));
    let guard = match key.guard {
        Guard::Version(version) => format!("cas = {version}"),
        Guard::Absent => "cas = 0 (the key must not exist)".to_owned(),
    };
    let (permitted, permission) = match &key.permission {
        Permission::Allowed => (true, "This token may write it.".to_owned()),
        Permission::Denied(says) => (false, format!("This token may not write it: {}", text::output(says))),
        Permission::NotKnown => (true, "Whether this token may write it shows at the write.".to_owned()),
    };
    let mut beneath: Vec<String> = key.beneath.keys.iter().map(|path| text::name(path)).collect();
    if key.beneath.more {
        beneath.push("…".to_owned());
    }
    KeyPlanShown {
        id: key.id.to_string(),
        path: text::name(&key.path),
        action: action(before.is_some(), after.is_some()),
        diff: diff::of_bodies(before.as_ref(), after.as_ref()),
        before,
        after,
        guard,
        beneath,
        permission,
        permitted,
        notes: key.notes.iter().map(|note| text::output(&note.sentence())).collect(),
    }
}

fn action(before: bool, after: bool) -> KeyAction {
    match (before, after) {
        (_, false) => KeyAction::Delete,
        (false, true) => KeyAction::Create,
        (true, true) => KeyAction::Change,
    }
}

/// Applies a plan that was shown.
pub(crate) async fn apply(app: &App, args: ConfigApplyArgs) -> Result<ConfigApplied, Failure> {
    let plan = app.plans.take(&args.plan).ok_or_else(failure::no_such_plan)?;
    let why = Some(args.why).filter(|why| !why.trim().is_empty());
    match app.engine.edits().apply(&plan, why).await {
        Ok(applied) => {
            note_on_timeline(app, &plan, &applied);
            Ok(written(&applied))
        }
        Err(EditError::Refused { conflicts, .. }) => {
            let (sentence, conflicts) = refusal(&conflicts);
            Ok(ConfigApplied::Refused { sentence, conflicts })
        }
        Err(error) => Err(failure::of_edit(&error, Some(&plan.source))),
    }
}

fn note_on_timeline(app: &App, plan: &Plan, applied: &Applied) {
    let at = app.engine.clock().now();
    let edit = applied.edit.number();
    let events = plan.keys.iter().map(|key| TimelineEvent::Edit {
        at,
        id: key.id.to_string(),
        edit,
        summary: in_short(app, key),
    });
    app.engine.timeline().extend(events);
    app.pulse.changed([View::Timeline]);
}

/// What an edit did, in a few words; secrets by their size.
fn in_short(app: &App, key: &KeyPlan) -> String {
    let before = key.before.as_ref().map(|before| told(key, &before.bytes));
    let after = key.after().map(|bytes| told(key, bytes));
    summary::of_change(before, after, |line| app.engine.edits().sensitive().path(line))
}

fn told<'a>(key: &KeyPlan, bytes: &'a [u8]) -> Side<'a> {
    Side { size_bytes: bytes.len() as u64, bytes: Some(bytes).filter(|_| !key.sensitive) }
}

fn written(applied: &Applied) -> ConfigApplied {
    let keys = applied.keys.iter().map(|key| {
        let version = key.version.map(|version| version.to_string()).unwrap_or_default();
        let sentence = match (&key.verified, key.version) {
            (Verified::AsWritten, Some(version)) => format!("Read back: as written, at version {version}."),
            (Verified::AsWritten, None) => "Read back: the key is gone.".to_owned(),
            (Verified::ChangedSince(Some(now)), _) => {
                format!("Written as version {version}; somebody has changed it since, it is at {now}.")
            }
            (Verified::ChangedSince(None), _) => {
                format!("Written as version {version}; somebody has deleted it since.")
            }
            (Verified::Otherwise, _) => "The store took it and now says something else. Look at the key.".to_owned(),
            (Verified::NotRead(code), _) => format!("Written; it could not be read back ({code})."),
        };
        AppliedKey { id: key.id.to_string(), version, verified: key.verified == Verified::AsWritten, sentence }
    });
    let undo = match applied.undo {
        UndoReach::Always => Offer::yes(),
        UndoReach::WhileRunning => {
            Offer { possible: true, reason: "Only while this window is open: a secret is not recorded.".to_owned() }
        }
        UndoReach::Never => Offer::no("The store did not tell the version that was made"),
    };
    ConfigApplied::Applied { edit: applied.edit.number().to_string(), keys: keys.collect(), undo }
}

fn refusal(conflicts: &[KeyConflict]) -> (String, Vec<ConfigConflict>) {
    let sentences: Vec<String> = conflicts.iter().map(KeyConflict::sentence).collect();
    let sentence = format!("Nothing was written: {}.", sentences.join("; "));
    (text::output(&sentence), conflicts.iter().map(conflict).collect())
}

fn conflict(conflict: &KeyConflict) -> ConfigConflict {
    let path = place_of(&conflict.id).map(|(_, path)| path).unwrap_or_default();
    let body = |bytes: &[u8]| value::body(&path, bytes);
    let (base, base_version) = match &conflict.base {
        Base::Absent => (None, "absent".to_owned()),
        Base::Value(held) => (Some(body(&held.bytes)), held.version.to_string()),
        Base::NotKnown(version) => (None, version.to_string()),
    };
    let theirs = conflict.theirs.as_ref().map(|theirs| body(&theirs.bytes));
    let yours = match &conflict.yours {
        Intent::Put { bytes, .. } => Some(body(bytes)),
        Intent::Delete => None,
    };
    let knows_base = !matches!(conflict.base, Base::NotKnown(_));
    ConfigConflict {
        id: conflict.id.to_string(),
        merge: merged_bodies(base.as_ref(), theirs.as_ref(), yours.as_ref(), knows_base),
        base,
        theirs,
        yours,
        base_version,
        theirs_version: conflict.theirs.as_ref().map_or_else(|| "absent".to_owned(), |held| held.version.to_string()),
        path: text::name(&path),
    }
}

/// The merge of three values; `None` where a side is not text.
fn merged_bodies(
    base: Option<&ConfigBody>,
    theirs: Option<&ConfigBody>,
    yours: Option<&ConfigBody>,
    knows_base: bool,
) -> Option<Merged> {
    let theirs = theirs?.text.as_deref()?;
    let yours = yours?.text.as_deref()?;
    let base = match base {
        Some(base) => Some(base.text.as_deref()?),
        None => knows_base.then_some(""),
    };
    Some(merged(base, theirs, yours, &[]))
}

/// Merges three texts by lines, with the choices made so far.
pub(crate) fn merge(base: &str, theirs: &str, yours: &str, choices: &[MergeChoice]) -> Merged {
    merged(Some(base), theirs, yours, choices)
}

fn merged(base: Option<&str>, theirs: &str, yours: &str, choices: &[MergeChoice]) -> Merged {
    match engine_merge::merge(base.map(str::as_bytes), theirs.as_bytes(), yours.as_bytes()) {
        Merge::Text(text) => pieces(&text, choices),
        Merge::Same => whole(theirs),
        // Three texts always merge; a side that is none has no choice but to stand whole.
        Merge::ChooseSide => Merged { chunks: vec![contested(0, base, theirs, yours, choices)], open: 1, text: None },
    }
}

fn whole(text: &str) -> Merged {
    Merged { chunks: vec![MergeChunk::Same { lines: lines(text) }], open: 0, text: Some(text.to_owned()) }
}

fn pieces(merged: &MergedText, choices: &[MergeChoice]) -> Merged {
    let mut chunks = Vec::with_capacity(merged.pieces.len());
    let (mut open, mut number) = (0, 0);
    let mut result = String::new();
    for piece in &merged.pieces {
        match piece {
            Piece::Settled { text, by } => {
                result.push_str(text);
                chunks.push(settled(text, *by));
            }
            Piece::Conflict { base, theirs, yours } => {
                let chunk = contested(number, base.as_deref(), theirs, yours, choices);
                match choice(choices, number) {
                    MergeChoice::Theirs => result.push_str(theirs),
                    MergeChoice::Yours => result.push_str(yours),
                    MergeChoice::Both => {
                        result.push_str(theirs);
                        if !theirs.is_empty() && !theirs.ends_with('\n') {
                            result.push('\n');
                        }
                        result.push_str(yours);
                    }
                    MergeChoice::Open => open += 1,
                }
                chunks.push(chunk);
                number += 1;
            }
        }
    }
    Merged { chunks, open, text: (open == 0).then_some(result) }
}

fn choice(choices: &[MergeChoice], number: u32) -> MergeChoice {
    let place = usize::try_from(number).unwrap_or(usize::MAX);
    choices.get(place).copied().unwrap_or(MergeChoice::Open)
}

fn settled(text: &str, by: ChangedBy) -> MergeChunk {
    let side = match by {
        ChangedBy::Nobody => return MergeChunk::Same { lines: lines(text) },
        ChangedBy::Theirs => MergeChoice::Theirs,
        ChangedBy::Yours => MergeChoice::Yours,
        ChangedBy::Both => MergeChoice::Both,
    };
    MergeChunk::Taken { side, base: Vec::new(), lines: lines(text) }
}

fn contested(number: u32, base: Option<&str>, theirs: &str, yours: &str, choices: &[MergeChoice]) -> MergeChunk {
    MergeChunk::Conflict {
        number,
        base: lines(base.unwrap_or_default()),
        theirs: lines(theirs),
        yours: lines(yours),
        choice: choice(choices, number),
    }
}

fn lines(text: &str) -> Vec<String> {
    text.lines().map(str::to_owned).collect()
}

/// Edits from the audit.
pub(crate) async fn history(app: &App, key: Option<&ConfigId>, newest: u32) -> Result<Vec<AuditRow>, Failure> {
    let entries = app.engine.edits().history(key, newest).await.map_err(|error| failure::of_edit(&error, None))?;
    Ok(entries.iter().map(|entry| audit_row(app, entry)).collect())
}

fn audit_row(app: &App, entry: &AuditEntry) -> AuditRow {
    AuditRow {
        edit: entry.id.number().to_string(),
        at: millis(entry.at),
        actor: text::name(&entry.actor),
        why: entry.why.as_deref().map(text::output).unwrap_or_default(),
        state: entry.state.word().to_owned(),
        code: entry.error_code.clone(),
        source: entry.source.to_string(),
        keys: entry.keys.iter().map(|key| audit_key(app, &entry.source, key)).collect(),
        undo_of: entry.undo_of.map(|edit| edit.number().to_string()),
        undo: undo_offer(app, entry),
    }
}

fn undo_offer(app: &App, entry: &AuditEntry) -> Offer {
    let scene = scene::of(app);
    if let Some(edit) = entry.undone_by {
        return Offer::no(format!("Undone by edit {}", edit.number()));
    }
    match entry.state {
        EditState::Applied => edit_offer(&scene, &entry.source),
        EditState::Unknown => Offer::no("Nobody knows whether it landed: look at the key"),
        EditState::Pending | EditState::Refused | EditState::Failed => Offer::no("It was not applied"),
    }
}

fn side(kept: &Kept) -> Side<'_> {
    Side { size_bytes: kept.size_bytes, bytes: kept.bytes.as_deref() }
}

fn audit_key(app: &App, source: &SourceId, key: &KeyRecord) -> AuditKey {
    let version = |kept: Option<&Kept>| kept.and_then(|kept| kept.version).map(|v| v.to_string()).unwrap_or_default();
    AuditKey {
        id: config_id(source, StoreKind::ConsulKv, &key.path).to_string(),
        path: text::name(&key.path),
        action: action(key.before.is_some(), key.after.is_some()),
        before_version: version(key.before.as_ref()),
        after_version: version(key.after.as_ref()),
        summary: summary::of_change(key.before.as_ref().map(side), key.after.as_ref().map(side), |line| {
            app.engine.edits().sensitive().path(line)
        }),
    }
}
