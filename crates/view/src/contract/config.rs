//! The tree of config keys, and editing one.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::state::Offer;

/// What the tree is asked with.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, TS)]
pub struct ConfigTreeParams {
    /// Row keys of stores and folders that are open.
    pub expanded: Vec<String>,
    /// Shows keys whose path contains this text, flat; `null` shows the tree.
    pub search: Option<String>,
    /// How many rows at most; capped at 5,000.
    pub limit: u32,
}

/// The head of the tree.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
pub struct ConfigTreeHead {
    /// All keys of all stores.
    pub keys: u32,
    /// Keys that the search found; all keys without one.
    pub matched: u32,
    /// Rows that did not fit.
    pub left_off: u32,
    /// Why the tree is empty, and what would fill it; `null` when it is not.
    pub empty: Option<String>,
}

/// A visible row of the tree, in the order of the screen.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
pub struct ConfigTreeRow {
    /// Unique; for a store or folder what `expanded` takes.
    pub key: String,
    /// Store, folder or key.
    pub kind: ConfigRowKind,
    /// The key's id, what `config_read` takes; `null` for stores and folders.
    pub id: Option<String>,
    /// The source.
    pub source: String,
    /// The exact path: of a folder with its trailing `/`, of a store empty.
    pub path: String,
    /// What to show: the last segment, `(empty)` for an empty one.
    pub label: String,
    /// Depth, 0 for stores.
    pub depth: u32,
    /// Keys beneath; `null` for a key.
    pub keys: Option<u32>,
    /// True while a store or folder is open.
    pub expanded: bool,
    /// The store's version of a key.
    pub version: Option<String>,
    /// Size of the value in bytes.
    pub size_bytes: Option<f64>,
    /// The application's own number; `null` when 0 or not a key.
    pub flags: Option<String>,
    /// The session that holds the key's lock.
    pub lock_session: Option<String>,
    /// When this version was seen first; milliseconds since 1970.
    pub seen: Option<f64>,
    /// True when its source is no longer current.
    pub stale: bool,
    /// Whether keys may be edited here; on store rows.
    pub edit: Option<Offer>,
}

/// What a row of the tree is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "lowercase")]
pub enum ConfigRowKind {
    /// A store.
    Store,
    /// A prefix that ends with `/`.
    Folder,
    /// A key.
    Key,
}

/// What `config_read` is asked with.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, TS)]
pub struct ConfigReadArgs {
    /// The key's id.
    pub id: String,
}

/// A key with its value, read from the store now.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
pub struct ConfigValue {
    /// The key's id.
    pub id: String,
    /// The source.
    pub source: String,
    /// Its path.
    pub path: String,
    /// False when there is no such key (a new one can be made).
    pub exists: bool,
    /// The value; `null` when the key does not exist.
    pub value: Option<ConfigBody>,
    /// The store's version, `0` when it does not exist.
    pub version: String,
    /// The version at which it was created.
    pub created_version: String,
    /// The application's own number.
    pub flags: String,
    /// The session that holds its lock, with its name and node where known.
    pub lock_session: Option<String>,
    /// The largest value that the store takes, in bytes.
    pub limit_bytes: f64,
    /// When it was read; milliseconds since 1970.
    pub seen: f64,
    /// Whether it may be edited.
    pub edit: Offer,
}

/// A value as text, or as hex where it is not text.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
pub struct ConfigBody {
    /// What the value looks like.
    pub kind: ValueKind,
    /// The value, its lines ended by a line feed; `null` when it is not UTF-8 or holds control characters that an editor
    /// would damage.
    pub text: Option<String>,
    /// True when every line of the value ends with carriage return and line feed: give it back with the text.
    pub crlf: bool,
    /// Lines of a hex view (offset, bytes, characters), of the first 64 KiB; empty for text.
    pub hex: Vec<String>,
    /// All bytes in hexadecimal, for editing; `null` for text and above 64 KiB.
    pub bytes_hex: Option<String>,
    /// Size in bytes.
    pub size_bytes: f64,
    /// Why the value does not parse as what it looks like; `null` when it does.
    pub complaint: Option<String>,
}

/// What a value looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "lowercase")]
pub enum ValueKind {
    /// JSON.
    Json,
    /// YAML.
    Yaml,
    /// TOML.
    Toml,
    /// HCL.
    Hcl,
    /// XML.
    Xml,
    /// `key=value` lines.
    Properties,
    /// Any other text.
    Text,
    /// Not text.
    Binary,
    /// No bytes at all.
    Empty,
}

/// What `config_plan` is asked with: several keys go in one transaction.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, TS)]
pub struct ConfigPlanArgs {
    /// The keys.
    pub drafts: Vec<ConfigDraft>,
}

/// What to do with one key.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, TS)]
pub struct ConfigDraft {
    /// The key's id.
    pub id: String,
    /// What to do.
    pub intent: DraftIntent,
    /// The application's own number; `null` keeps it.
    pub flags: Option<String>,
    /// The version that the person saw: a decimal number, or `absent`; `null` takes what is there at the plan.
    pub expect: Option<String>,
}

/// What to do with a key.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, TS)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum DraftIntent {
    /// Set the value to this text.
    Text {
        /// The new value, its lines ended by a line feed.
        text: String,
        /// True to end the lines with carriage return and line feed, as they were in the value that was read.
        #[ts(optional)]
        crlf: Option<bool>,
    },
    /// Set the value to these bytes.
    Hex {
        /// The new value in hexadecimal; blanks are passed over.
        hex: String,
    },
    /// Remove this key, and this key alone.
    Delete,
}

/// What came of planning.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum ConfigPlanned {
    /// It can be applied.
    Ready {
        /// The plan.
        plan: ConfigPlan,
    },
    /// The key is not what the person saw; nothing was written.
    Refused {
        /// What was not done, in one sentence.
        sentence: String,
        /// The keys.
        conflicts: Vec<ConfigConflict>,
    },
}

/// What an edit will do, from top to bottom.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
pub struct ConfigPlan {
    /// What `config_apply` takes.
    pub plan: String,
    /// The profile that it is applied in.
    pub profile: String,
    /// The source.
    pub source: String,
    /// The keys.
    pub keys: Vec<KeyPlan>,
    /// The request in short, with its guard: `PUT /v1/txn?dc=dc1 · cas = 48213`.
    pub request: String,
    /// What a person should know before.
    pub warnings: Vec<String>,
    /// The edit that this undoes.
    pub undo_of: Option<String>,
    /// Whether it may be applied.
    pub apply: Offer,
}

/// One key's part of a plan.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
pub struct KeyPlan {
    /// The key's id.
    pub id: String,
    /// Its path.
    pub path: String,
    /// `create`, `change` or `delete`.
    pub action: KeyAction,
    /// The value before; `null` when it does not exist.
    pub before: Option<ConfigBody>,
    /// The value after; `null` when it is deleted.
    pub after: Option<ConfigBody>,
    /// The difference.
    pub diff: Vec<DiffLine>,
    /// The guard that the store checks: `cas = 48213`.
    pub guard: String,
    /// Other keys beneath this one, which stay.
    pub beneath: Vec<String>,
    /// May it be written, in words.
    pub permission: String,
    /// False when the system says no.
    pub permitted: bool,
    /// Flags, lock, size.
    pub notes: Vec<String>,
}

/// What happens to a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "lowercase")]
pub enum KeyAction {
    /// It does not exist yet.
    Create,
    /// It gets another value.
    Change,
    /// It is removed.
    Delete,
}

/// A line of a difference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, TS)]
pub struct DiffLine {
    /// Same, added, removed or skipped.
    pub kind: DiffKind,
    /// Line number before, from 1.
    pub before: Option<u32>,
    /// Line number after, from 1.
    pub after: Option<u32>,
    /// The line in pieces, changed words marked.
    pub pieces: Vec<DiffPiece>,
}

/// What a line of a difference is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "lowercase")]
pub enum DiffKind {
    /// In both.
    Same,
    /// Only after.
    Added,
    /// Only before.
    Removed,
    /// Unchanged lines that are not shown; the text says how many.
    Skipped,
}

/// A piece of a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, TS)]
pub struct DiffPiece {
    /// The text.
    pub text: String,
    /// True for changed words.
    pub changed: bool,
}

/// What `config_apply` is asked with.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, TS)]
pub struct ConfigApplyArgs {
    /// The plan.
    pub plan: String,
    /// Why, for the audit; may be empty.
    pub why: String,
}

/// What came of applying.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum ConfigApplied {
    /// The store took it.
    Applied {
        /// The edit's number in the audit.
        edit: String,
        /// The keys.
        keys: Vec<AppliedKey>,
        /// Whether it can be undone.
        undo: Offer,
    },
    /// A guard did not hold; nothing was written.
    Refused {
        /// What was not done, in one sentence.
        sentence: String,
        /// The keys.
        conflicts: Vec<ConfigConflict>,
    },
}

/// A key that was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, TS)]
pub struct AppliedKey {
    /// The key's id.
    pub id: String,
    /// The version that this write made; empty for a deleted key.
    pub version: String,
    /// True when the read-back shows exactly what was written.
    pub verified: bool,
    /// In words: `read back, version 48219`, `applied as 48219, since changed by another at 48220`.
    pub sentence: String,
}

/// A key whose guard did not hold.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
pub struct ConfigConflict {
    /// The key's id.
    pub id: String,
    /// Its path.
    pub path: String,
    /// What the person saw; `null` when it did not exist.
    pub base: Option<ConfigBody>,
    /// What is there now; `null` when it does not exist.
    pub theirs: Option<ConfigBody>,
    /// What the person wants; `null` for a deletion.
    pub yours: Option<ConfigBody>,
    /// The version that the person saw, or `absent`.
    pub base_version: String,
    /// The version that is there now, or `absent`: the new guard.
    pub theirs_version: String,
    /// The merge; `null` where a side is not text: one side must be chosen.
    pub merge: Option<Merged>,
}

/// What `config_merge` is asked with.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, TS)]
pub struct ConfigMergeArgs {
    /// What both started from.
    pub base: String,
    /// What is there now.
    pub theirs: String,
    /// What the person wants.
    pub yours: String,
    /// One choice for each conflict, in their order; missing ones are open.
    pub choices: Vec<MergeChoice>,
}

/// How a conflict is settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "lowercase")]
pub enum MergeChoice {
    /// Take what is there now.
    Theirs,
    /// Take what the person wants.
    Yours,
    /// Take theirs, then yours.
    Both,
    /// Not settled yet.
    Open,
}

/// A three-way merge by lines.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, TS)]
pub struct Merged {
    /// The pieces in their order.
    pub chunks: Vec<MergeChunk>,
    /// Conflicts without a choice.
    pub open: u32,
    /// The whole result; `null` while conflicts are open.
    pub text: Option<String>,
}

/// A piece of a merge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, TS)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum MergeChunk {
    /// Unchanged, or changed alike.
    Same {
        /// The lines.
        lines: Vec<String>,
    },
    /// Changed on one side only, and taken.
    Taken {
        /// Whose change it is.
        side: MergeChoice,
        /// The lines before.
        base: Vec<String>,
        /// The lines after.
        lines: Vec<String>,
    },
    /// Changed on both sides, differently.
    Conflict {
        /// Its place among the conflicts, from 0.
        number: u32,
        /// The lines before.
        base: Vec<String>,
        /// What is there now.
        theirs: Vec<String>,
        /// What the person wants.
        yours: Vec<String>,
        /// How it is settled.
        choice: MergeChoice,
    },
}

/// What `config_history` is asked with.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, TS)]
pub struct ConfigHistoryArgs {
    /// One key's edits; `null` for all.
    pub id: Option<String>,
    /// How many at most; capped at 500.
    pub limit: u32,
}

/// An edit in the audit, newest first.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
pub struct AuditRow {
    /// The edit's number.
    pub edit: String,
    /// When; milliseconds since 1970.
    pub at: f64,
    /// Who.
    pub actor: String,
    /// Why; may be empty.
    pub why: String,
    /// `pending`, `applied`, `refused`, `failed` or `unknown`.
    pub state: String,
    /// The error's code, where it failed.
    pub code: Option<String>,
    /// The source.
    pub source: String,
    /// The keys.
    pub keys: Vec<AuditKey>,
    /// The edit that this one undid.
    pub undo_of: Option<String>,
    /// Whether it can be undone.
    pub undo: Offer,
}

/// One key of an edit in the audit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, TS)]
pub struct AuditKey {
    /// The key's id.
    pub id: String,
    /// Its path.
    pub path: String,
    /// What happened to it.
    pub action: KeyAction,
    /// The version before; empty when it did not exist.
    pub before_version: String,
    /// The version after; empty when it was deleted or is not known.
    pub after_version: String,
    /// The change in short, where it may be shown.
    pub summary: String,
}

/// What `config_plan_undo` is asked with.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, TS)]
pub struct ConfigPlanUndoArgs {
    /// The edit's number.
    pub edit: String,
}
