//! The tree of config keys. A folder is a prefix that ends with `/`, taken exactly: an empty segment (`a//b`, `/a`) is a
//! folder of its own, and a key `a` stands beside the folder `a/`.

use std::collections::{BTreeMap, BTreeSet};

use binnacle_model::id::SourceId;
use binnacle_model::snapshot::{Ability, ConfigItem};

use super::{Scene, Table, count, number, source_name, why_empty};
use crate::contract::config::{ConfigRowKind, ConfigTreeHead, ConfigTreeParams, ConfigTreeRow};
use crate::contract::state::{Offer, millis};
use crate::text;

/// The most rows that are ever answered.
const MOST: usize = 5000;

/// The visible part of the tree.
pub fn table(scene: &Scene, params: &ConfigTreeParams) -> Table<ConfigTreeHead, ConfigTreeRow> {
    let snapshot = &scene.snapshot;
    let limit = usize::try_from(params.limit).unwrap_or(MOST).min(MOST);
    let mut by_source: BTreeMap<&SourceId, Vec<&ConfigItem>> = BTreeMap::new();
    for source in snapshot.sources.values().filter(|source| source.status.abilities.contains(&Ability::ReadConfig)) {
        by_source.entry(&source.id).or_default();
    }
    for item in snapshot.config.values() {
        by_source.entry(&item.source).or_default().push(item);
    }
    let keys = by_source.values().map(Vec::len).sum();
    let search = params.search.as_deref().map(str::to_lowercase).filter(|wanted| !wanted.is_empty());
    let expanded: BTreeSet<&str> = params.expanded.iter().map(String::as_str).collect();
    let mut rows = Vec::new();
    let mut matched = 0;
    for (source, mut items) in by_source {
        // Ids are sorted as text, and so are the paths behind the same source.
        items.sort_by(|a, b| a.path.cmp(&b.path));
        if let Some(wanted) = &search {
            items.retain(|item| item.path.to_lowercase().contains(wanted));
        }
        matched += items.len();
        let stale = snapshot.sources.get(source).is_some_and(|source| !source.status.state.is_current());
        let mut branch = Branch { source, stale, expanded: &expanded, rows: &mut rows };
        branch.store(items.len(), edit_offer(scene, source), search.is_some());
        match &search {
            Some(_) => items.iter().for_each(|item| branch.key(item, text::name(&item.path), 1)),
            None if branch.is_open(&store_key(source)) => branch.children(&items, "", 1),
            None => {}
        }
    }
    let left_off = rows.len().saturating_sub(limit);
    rows.truncate(limit);
    let head = ConfigTreeHead {
        keys: count(keys),
        matched: count(matched),
        left_off: count(left_off),
        empty: rows.is_empty().then(|| why_empty(snapshot, "config keys", "They come from Consul's KV. Add a source.")),
    };
    Table { head, rows }
}

/// Whether keys of a source may be edited, and why not.
pub fn edit_offer(scene: &Scene, source: &SourceId) -> Offer {
    let Some(known) = scene.snapshot.sources.get(source) else {
        return Offer::no(format!("{} is not connected", source_name(source)));
    };
    if let Some(reason) = scene.read_only_for(source) {
        return Offer::no(reason);
    }
    if !known.status.abilities.contains(&Ability::EditConfig) {
        return Offer::no(format!("{} offers no edits to this token", source_name(source)));
    }
    if !known.status.state.is_current() {
        return Offer::no(format!("{} does not answer: its keys may have changed since", source_name(source)));
    }
    Offer::yes()
}

fn store_key(source: &SourceId) -> String {
    format!("s:{source}")
}

/// The rows of one source.
struct Branch<'a> {
    source: &'a SourceId,
    stale: bool,
    expanded: &'a BTreeSet<&'a str>,
    rows: &'a mut Vec<ConfigTreeRow>,
}

impl Branch<'_> {
    fn is_open(&self, key: &str) -> bool {
        self.expanded.contains(key)
    }

    fn store(&mut self, keys: usize, edit: Offer, searching: bool) {
        let key = store_key(self.source);
        let expanded = searching || self.is_open(&key);
        self.rows.push(ConfigTreeRow {
            kind: ConfigRowKind::Store,
            label: source_name(self.source),
            keys: Some(count(keys)),
            expanded,
            edit: Some(edit),
            ..self.row(key, "", 0)
        });
    }

    /// Rows for keys that all start with `prefix`, sorted by path.
    fn children(&mut self, items: &[&ConfigItem], prefix: &str, depth: u32) {
        let mut rest = items;
        while let Some((first, others)) = rest.split_first() {
            let tail = first.path.get(prefix.len()..).unwrap_or_default();
            let Some((segment, _)) =
                tail.split_once('/').filter(|(_, after)| !(after.is_empty() && is_key(first, rest)))
            else {
                let label = if tail.is_empty() { "(empty)".to_owned() } else { text::name(tail) };
                self.key(first, label, depth);
                rest = others;
                continue;
            };
            let folder = format!("{prefix}{segment}/");
            let end = rest.partition_point(|item| item.path.starts_with(&folder) || *item.path < *folder);
            let (inside, after) = rest.split_at_checked(end).unwrap_or((rest, &[]));
            self.folder(&folder, segment, inside, depth);
            rest = after;
        }
    }

    fn folder(&mut self, prefix: &str, segment: &str, inside: &[&ConfigItem], depth: u32) {
        let key = format!("f:{}/kv/{prefix}", self.source);
        let expanded = self.is_open(&key);
        let label = if segment.is_empty() { "(empty)".to_owned() } else { text::name(segment) };
        self.rows.push(ConfigTreeRow {
            kind: ConfigRowKind::Folder,
            label,
            keys: Some(count(inside.len())),
            expanded,
            ..self.row(key, prefix, depth)
        });
        if expanded {
            self.children(inside, prefix, depth.saturating_add(1));
        }
    }

    fn key(&mut self, item: &ConfigItem, label: String, depth: u32) {
        let row = ConfigTreeRow {
            kind: ConfigRowKind::Key,
            id: Some(item.id.to_string()),
            label,
            version: Some(item.version.to_string()),
            size_bytes: Some(number(item.size_bytes)),
            flags: (item.flags != 0).then(|| item.flags.to_string()),
            lock_session: item.lock_session.as_deref().map(text::name),
            seen: Some(millis(item.seen)),
            ..self.row(format!("k:{}", item.id), &item.path, depth)
        };
        self.rows.push(row);
    }

    fn row(&self, key: String, path: &str, depth: u32) -> ConfigTreeRow {
        ConfigTreeRow {
            key,
            kind: ConfigRowKind::Key,
            id: None,
            source: self.source.to_string(),
            path: path.to_owned(),
            label: String::new(),
            depth,
            keys: None,
            expanded: false,
            version: None,
            size_bytes: None,
            flags: None,
            lock_session: None,
            seen: None,
            stale: self.stale,
            edit: None,
        }
    }
}

/// Whether a path that ends with `/` has nothing beneath it: then it is a key, and not a folder with a key of no name.
fn is_key(item: &ConfigItem, sorted: &[&ConfigItem]) -> bool {
    item.path.ends_with('/') && sorted.get(1).is_none_or(|next| !next.path.starts_with(&*item.path))
}
