//! Config entries, and the intentions that are stored among them as `service-intentions` (agent/consul/state/config_entry.go).

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use serde_json::{Map, Value, json};

/// The kinds this registry takes.
pub(crate) const KINDS: [&str; 18] = [
    "service-defaults",
    "proxy-defaults",
    "service-router",
    "service-splitter",
    "service-resolver",
    "service-intentions",
    "ingress-gateway",
    "terminating-gateway",
    "mesh",
    "exported-services",
    "api-gateway",
    "bound-api-gateway",
    "http-route",
    "tcp-route",
    "inline-certificate",
    "file-system-certificate",
    "jwt-provider",
    "sameness-group",
];

pub(crate) const INTENTIONS: &str = "service-intentions";

#[derive(Clone, Debug)]
struct Entry {
    /// Everything but `Kind`, `Name`, the hash and the indexes, in Consul's spelling.
    fields: Map<String, Value>,
    create: u64,
    modify: u64,
}

#[derive(Debug)]
pub(crate) struct ConfigEntries {
    entries: BTreeMap<(String, String), Entry>,
    index: u64,
}

impl ConfigEntries {
    pub(crate) fn new(index: u64) -> ConfigEntries {
        ConfigEntries { entries: BTreeMap::new(), index }
    }

    pub(crate) fn index(&self) -> u64 {
        self.index
    }

    pub(crate) fn get(&self, kind: &str, name: &str) -> Option<Value> {
        self.entries.get(&(kind.to_owned(), name.to_owned())).map(|entry| written(kind, name, entry))
    }

    pub(crate) fn of_kind(&self, kind: &str) -> Vec<Value> {
        let mine = self.entries.iter().filter(|((known, _), _)| known == kind);
        mine.map(|((kind, name), entry)| written(kind, name, entry)).collect()
    }

    /// Writes the entry; with `expected`, only when it stands at that index (0: when there is none).
    pub(crate) fn set(
        &mut self,
        index: u64,
        kind: &str,
        name: &str,
        fields: Map<String, Value>,
        expected: Option<u64>,
    ) -> bool {
        let key = (kind.to_owned(), name.to_owned());
        let standing = self.entries.get(&key);
        let modify = standing.map_or(0, |entry| entry.modify);
        if expected.is_some_and(|expected| expected != modify) {
            return false;
        }
        if standing.is_some_and(|entry| entry.fields == fields) {
            return true;
        }
        let create = standing.map_or(index, |entry| entry.create);
        self.entries.insert(key, Entry { fields, create, modify: index });
        self.index = index;
        true
    }

    pub(crate) fn delete(&mut self, index: u64, kind: &str, name: &str, expected: Option<u64>) -> bool {
        let key = (kind.to_owned(), name.to_owned());
        let modify = self.entries.get(&key).map_or(0, |entry| entry.modify);
        if expected.is_some_and(|expected| expected != modify) {
            return false;
        }
        if self.entries.remove(&key).is_some() {
            self.index = index;
        }
        true
    }

    /// Every intention, most exact first.
    pub(crate) fn intentions(&self) -> Vec<Value> {
        let mut rows: Vec<(u64, Value)> = Vec::new();
        for ((kind, destination), entry) in &self.entries {
            if kind != INTENTIONS {
                continue;
            }
            for source in sources(&entry.fields) {
                rows.push((source_precedence(&source), intention(destination, &source, entry)));
            }
        }
        rows.sort_by_key(|(precedence, _)| std::cmp::Reverse(*precedence));
        rows.into_iter().map(|(_, row)| row).collect()
    }

    pub(crate) fn intention(&self, source: &str, destination: &str) -> Option<Value> {
        let entry = self.entries.get(&(INTENTIONS.to_owned(), destination.to_owned()))?;
        let found = sources(&entry.fields).into_iter().find(|known| source_name(known) == source)?;
        Some(intention(destination, &found, entry))
    }

    /// Puts one source into the destination's entry, in the place of an earlier one of that name.
    pub(crate) fn set_intention(&mut self, index: u64, destination: &str, source: Value) {
        let mut fields = self.intention_fields(destination);
        let mut list = sources(&fields);
        list.retain(|known| source_name(known) != source_name(&source));
        list.push(source);
        fields.insert("Sources".to_owned(), Value::Array(list));
        self.set(index, INTENTIONS, destination, normalised_intentions(destination, fields), None);
    }

    pub(crate) fn delete_intention(&mut self, index: u64, destination: &str, source: &str) {
        let mut fields = self.intention_fields(destination);
        let mut list = sources(&fields);
        list.retain(|known| source_name(known) != source);
        if list.is_empty() {
            self.delete(index, INTENTIONS, destination, None);
        } else {
            fields.insert("Sources".to_owned(), Value::Array(list));
            self.set(index, INTENTIONS, destination, fields, None);
        }
    }

    fn intention_fields(&self, destination: &str) -> Map<String, Value> {
        let key = (INTENTIONS.to_owned(), destination.to_owned());
        self.entries.get(&key).map(|entry| entry.fields.clone()).unwrap_or_default()
    }
}

/// The entry's fields as Consul keeps them: what it fills in by itself.
pub(crate) fn normalised(kind: &str, name: &str, mut fields: Map<String, Value>) -> Map<String, Value> {
    match kind {
        "service-defaults" | "proxy-defaults" => {
            for part in ["TransparentProxy", "MeshGateway", "Expose"] {
                fields.entry(part).or_insert_with(|| json!({}));
            }
            fields
        }
        INTENTIONS => normalised_intentions(name, fields),
        _ => fields,
    }
}

/// Sources with type and precedence, most exact first (agent/structs/config_entry_intentions.go).
fn normalised_intentions(destination: &str, mut fields: Map<String, Value>) -> Map<String, Value> {
    let mut list = sources(&fields);
    for source in &mut list {
        let exact = (source_name(source) != "*", destination != "*");
        let precedence = match exact {
            (true, true) => 9,
            (false, true) => 8,
            (true, false) => 6,
            (false, false) => 5,
        };
        if let Some(map) = source.as_object_mut() {
            map.insert("Precedence".to_owned(), json!(precedence));
            map.entry("Type").or_insert_with(|| json!("consul"));
        }
    }
    list.sort_by_key(|source| (std::cmp::Reverse(source_precedence(source)), source_name(source).to_owned()));
    fields.insert("Sources".to_owned(), Value::Array(list));
    fields
}

fn sources(fields: &Map<String, Value>) -> Vec<Value> {
    match fields.get("Sources") {
        Some(Value::Array(list)) => list.clone(),
        _ => Vec::new(),
    }
}

fn source_name(source: &Value) -> &str {
    source.get("Name").and_then(Value::as_str).unwrap_or_default()
}

fn source_precedence(source: &Value) -> u64 {
    source.get("Precedence").and_then(Value::as_u64).unwrap_or_default()
}

fn intention(destination: &str, source: &Value, entry: &Entry) -> Value {
    let mut written = Map::new();
    if let Some(description) = source.get("Description") {
        written.insert("Description".to_owned(), description.clone());
    }
    written.insert("SourceNS".to_owned(), json!("default"));
    written.insert("SourceName".to_owned(), json!(source_name(source)));
    written.insert("DestinationNS".to_owned(), json!("default"));
    written.insert("DestinationName".to_owned(), json!(destination));
    written.insert("SourceType".to_owned(), json!("consul"));
    for name in ["Action", "Permissions"] {
        if let Some(value) = source.get(name) {
            written.insert(name.to_owned(), value.clone());
        }
    }
    if let Some(Value::Object(meta)) = entry.fields.get("Meta") {
        written.insert("Meta".to_owned(), Value::Object(meta.clone()));
    }
    written.insert("Precedence".to_owned(), json!(source_precedence(source)));
    written.insert("CreateIndex".to_owned(), json!(entry.create));
    written.insert("ModifyIndex".to_owned(), json!(entry.modify));
    Value::Object(written)
}

fn written(kind: &str, name: &str, entry: &Entry) -> Value {
    let mut map = Map::new();
    map.insert("Kind".to_owned(), json!(kind));
    map.insert("Name".to_owned(), json!(name));
    for (field, value) in &entry.fields {
        map.insert(field.clone(), value.clone());
    }
    let mut hasher = DefaultHasher::new();
    Value::Object(map.clone()).to_string().hash(&mut hasher);
    map.insert("Hash".to_owned(), json!(hasher.finish()));
    map.insert("CreateIndex".to_owned(), json!(entry.create));
    map.insert("ModifyIndex".to_owned(), json!(entry.modify));
    Value::Object(map)
}
