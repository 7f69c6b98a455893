//! What `set`, `rm` and `undo` say: the plan, the result, or what stands against it.

use binnacle_engine::edits::merge::{Merge, Side};
use binnacle_engine::edits::{Applied, AppliedKey, Base, EditError, KeyConflict, KeyPlan, Plan, UndoReach, Verified};
use binnacle_model::id::ConfigId;
use binnacle_sources::edit::{Guard, Intent, Permission, StoredValue};
use binnacle_view::text::visible;
use serde_json::{Value, json};

use super::diff::indented;
use super::read;
use crate::page::Page;
use crate::table::Tone;
use crate::terminal::Terminal;

/// The plan as JSON.
pub(super) fn plan_json(plan: &Plan) -> Value {
    let key = |key: &KeyPlan| {
        json!({
            "id": key.id,
            "op": if key.after().is_some() { "put" } else { "delete" },
            "guard": guard_json(key.guard),
            "before": key.before.as_ref().map(|before| read::json(key.id.as_str(), before)),
            "after": wanted_json(&key.intent),
            "beneath": { "keys": key.beneath.keys, "more": key.beneath.more },
            "permission": permission_word(&key.permission),
            "sensitive": key.sensitive,
            "notes": key.notes.iter().map(binnacle_engine::edits::Note::sentence).collect::<Vec<_>>(),
        })
    };
    json!({
        "dry_run": true,
        "source": plan.source,
        "connection": plan.connection.to_string(),
        "undo_of": plan.undo_of.map(binnacle_engine::edits::EditId::number),
        "changes_nothing": plan.changes_nothing(),
        "requests": plan.preview(),
        "keys": plan.keys.iter().map(key).collect::<Vec<_>>(),
    })
}

/// The guard: the version as text, or `absent`.
fn guard_json(guard: Guard) -> String {
    match guard {
        Guard::Version(version) => version.to_string(),
        Guard::Absent => "absent".to_owned(),
    }
}

fn permission_word(permission: &Permission) -> &'static str {
    match permission {
        Permission::Allowed => "allowed",
        Permission::Denied(_) => "denied",
        Permission::NotKnown => "not_known",
    }
}

/// A value that is wanted: as text where it is text, as base64 where it is not; `null` for a delete.
fn wanted_json(intent: &Intent) -> Value {
    match intent {
        Intent::Delete => Value::Null,
        Intent::Put { bytes, flags } => {
            let (text, base64) = read::carried(bytes);
            json!({ "flags": flags, "size": bytes.len(), "text": text, "base64": base64 })
        }
    }
}

/// The plan for people: the difference, the guard, and what to know before.
pub(super) fn plan_words(plan: &Plan, terminal: &Terminal) -> String {
    let mut text = Page::default();
    text.line(format!("plan for {} by {}", plan.source, visible(&plan.connection.to_string(), false)));
    for (key, request) in plan.keys.iter().zip(plan.preview()) {
        text.line(format!("\n{}", visible(key.id.as_str(), false)));
        text.lines(change(key, terminal));
        text.line(format!("  {}", visible(&request, false)));
        for note in &key.notes {
            text.line(format!("  {}", visible(&note.sentence(), false)));
        }
        if !key.beneath.keys.is_empty() {
            let more = if key.beneath.more { " and more" } else { "" };
            text.line(format!("  under it: {}{more}", visible(&key.beneath.keys.join(", "), false)));
        }
        if let Permission::Denied(says) = &key.permission {
            let denied = format!("this token may not write it: {}", visible(says, false));
            text.line(format!("  {}", Tone::Bad.paint(&denied, terminal)));
        }
    }
    text.line("\nnothing was written (dry run)");
    text.text()
}

/// What an edit changes in one key, line by line.
fn change(key: &KeyPlan, terminal: &Terminal) -> String {
    let before = key.before.as_ref().map_or(&[][..], |before| &before.bytes);
    lines(before, key.after().unwrap_or_default(), terminal)
}

/// The lines in which two values differ; sizes for what is not text.
fn lines(before: &[u8], after: &[u8], terminal: &Terminal) -> String {
    if before == after {
        return "  no difference\n".to_owned();
    }
    let (Ok(before_text), Ok(after_text)) = (std::str::from_utf8(before), std::str::from_utf8(after)) else {
        return format!("  not text: {} → {} bytes\n", before.len(), after.len());
    };
    let diff = similar::TextDiff::from_lines(before_text, after_text);
    let diff = indented(&diff.unified_diff().context_radius(3).missing_newline_hint(false).to_string());
    let mut page = Page::default();
    for line in diff.lines() {
        let tone = match line.trim_start().as_bytes().first() {
            Some(b'-') => Tone::Bad,
            Some(b'+') => Tone::Good,
            _ => Tone::Plain,
        };
        page.line(tone.paint(line, terminal));
    }
    page.text()
}

/// The result as JSON.
pub(super) fn applied_json(plan: &Plan, applied: &Applied) -> Value {
    let key = |(plan, key): (&KeyPlan, &AppliedKey)| {
        let (verified, now) = match &key.verified {
            Verified::AsWritten => ("verified", None),
            Verified::ChangedSince(now) => ("changed_since", *now),
            Verified::Otherwise => ("otherwise", None),
            Verified::NotRead(_) => ("not_read", None),
        };
        json!({
            "id": key.id,
            "op": if plan.after().is_some() { "put" } else { "delete" },
            "before_version": plan.before.as_ref().map(|before| before.version.to_string()),
            "version": key.version.map(|version| version.to_string()),
            "verified": verified,
            "version_now": now.map(|version| version.to_string()),
        })
    };
    json!({
        "applied": true,
        "edit": applied.edit.number(),
        "undo_of": plan.undo_of.map(binnacle_engine::edits::EditId::number),
        "undo": match applied.undo {
            UndoReach::Always => "always",
            UndoReach::WhileRunning => "while_running",
            UndoReach::Never => "never",
        },
        "keys": plan.keys.iter().zip(&applied.keys).map(key).collect::<Vec<_>>(),
    })
}

/// The result for people.
pub(super) fn applied_words(plan: &Plan, applied: &Applied) -> String {
    let mut text = Page::default();
    for (plan, key) in plan.keys.iter().zip(&applied.keys) {
        let what = match (plan.after(), &plan.before, key.version) {
            (None, _, _) => "removed".to_owned(),
            (Some(_), Some(before), Some(version)) => format!("version {} → {version}", before.version),
            (Some(_), None, Some(version)) => format!("created, version {version}"),
            (Some(_), _, None) => "written".to_owned(),
        };
        let verified = match &key.verified {
            Verified::AsWritten => "verified".to_owned(),
            Verified::ChangedSince(Some(now)) => format!("since changed by another, now at {now}"),
            Verified::ChangedSince(None) => "since removed by another".to_owned(),
            Verified::Otherwise => "but the store has something else under this version".to_owned(),
            Verified::NotRead(code) => format!("could not be read back ({code})"),
        };
        text.line(format!("{}: {what}, {verified}", visible(key.id.as_str(), false)));
    }
    text.lines(match applied.undo {
        UndoReach::Always => format!("edit {0}; take it back with: binnaclectl config undo {0}\n", applied.edit),
        UndoReach::WhileRunning => {
            format!("edit {}; a secret is not recorded, so it cannot be undone later\n", applied.edit)
        }
        UndoReach::Never => format!("edit {}; it cannot be undone, since its version is not known\n", applied.edit),
    });
    text.text()
}

/// A refusal as JSON: base, theirs, yours and their merge for each key.
pub(super) fn refused_json(error: &EditError, conflicts: &[KeyConflict]) -> Value {
    let value = |id: &ConfigId, value: &StoredValue| read::json(id.as_str(), value);
    let conflict = |conflict: &KeyConflict| {
        let base = match &conflict.base {
            Base::Value(base) => value(&conflict.id, base),
            Base::NotKnown(version) => json!({ "id": conflict.id, "version": version.to_string(), "known": false }),
            Base::Absent => Value::Null,
        };
        json!({
            "id": conflict.id,
            "base": base,
            "theirs": conflict.theirs.as_ref().map(|theirs| value(&conflict.id, theirs)),
            "yours": wanted_json(&conflict.yours),
            "merged": merged_json(&conflict.merge),
        })
    };
    json!({
        "applied": false,
        "code": error.code(),
        "conflicts": conflicts.iter().map(conflict).collect::<Vec<_>>(),
    })
}

/// The merge: the whole text when nothing is to be chosen, and how many choices there are otherwise; `null` when one side
/// must be chosen whole.
fn merged_json(merge: &Merge) -> Value {
    match merge {
        Merge::Same => json!({ "same": true, "conflicts": 0, "text": null }),
        Merge::Text(merged) => json!({ "same": false, "conflicts": merged.conflicts(), "text": merged.text() }),
        Merge::ChooseSide => Value::Null,
    }
}

/// A refusal for people: what is there now against what was wanted, and how both go together.
pub(super) fn refused_words(conflicts: &[KeyConflict], terminal: &Terminal) -> String {
    let mut text = Page::default();
    for conflict in conflicts {
        text.line(visible(&conflict.sentence(), false));
        let theirs = conflict.theirs.as_ref().map_or(&[][..], |theirs| &theirs.bytes);
        match &conflict.yours {
            Intent::Put { bytes, .. } => {
                text.line("  theirs (-) against yours (+):");
                text.lines(lines(theirs, bytes, terminal));
            }
            Intent::Delete => text.line("  yours removes it; theirs changed it"),
        }
        text.lines(merge_words(conflict, terminal));
    }
    text.text()
}

fn merge_words(conflict: &KeyConflict, terminal: &Terminal) -> String {
    let theirs = conflict.theirs.as_ref().map_or(&[][..], |theirs| &theirs.bytes);
    match &conflict.merge {
        Merge::Same => "  both say the same: nothing is left to write\n".to_owned(),
        Merge::ChooseSide => "  one side must be chosen whole\n".to_owned(),
        Merge::Text(merged) => {
            let choices = merged.conflicts();
            let whole = merged.resolved(&vec![Side::Yours; choices]).unwrap_or_default();
            let both = lines(theirs, whole.as_bytes(), terminal);
            let version = conflict.theirs.as_ref().map_or("absent".to_owned(), |theirs| theirs.version.to_string());
            match choices {
                0 => format!("  both together, against theirs (write it with --expect {version}):\n{both}"),
                1 => format!("  one place was changed by both; with yours in it, against theirs:\n{both}"),
                _ => format!("  {choices} places were changed by both; with yours in each, against theirs:\n{both}"),
            }
        }
    }
}
