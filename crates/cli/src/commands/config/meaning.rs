//! What a value says, apart from how it is written: two YAML files that differ in spaces alone say the same.

use serde_json::Value;

/// The format of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Format {
    Json,
    Yaml,
    Toml,
    Text,
    Binary,
}

/// A place at which two values say different things.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub(super) struct Difference {
    /// `limits.max_items`, `hosts[2]`; empty for the whole.
    pub(super) at: String,
    /// What the left one says; `None` when it says nothing there.
    pub(super) left: Option<Value>,
    /// What the right one says.
    pub(super) right: Option<Value>,
}

/// The format by the key's ending, and for a key without one by the first character; and what the value says, where the
/// format has a meaning.
pub(super) fn read(path: &str, bytes: &[u8]) -> (Format, Option<Value>) {
    let Ok(text) = std::str::from_utf8(bytes) else { return (Format::Binary, None) };
    let ending = path.rsplit('/').next().and_then(|name| name.rsplit_once('.')).map(|(_, ending)| ending);
    let read = match ending {
        Some("json") => (Format::Json, serde_json::from_str(text).ok()),
        Some("yaml" | "yml") => (Format::Yaml, serde_saphyr::from_str(text).ok()),
        Some("toml") => (Format::Toml, toml_edit::de::from_str(text).ok()),
        _ if text.trim_start().starts_with(['{', '[']) => (Format::Json, serde_json::from_str(text).ok()),
        _ => (Format::Text, None),
    };
    match read {
        (_, None) => (Format::Text, None),
        known => known,
    }
}

/// Where two values differ, in the order of the left one.
pub(super) fn differences(left: &Value, right: &Value) -> Vec<Difference> {
    let mut found = Vec::new();
    compare(String::new(), left, right, &mut found);
    found
}

/// Recursion is as deep as the parsers let values be.
fn compare(at: String, left: &Value, right: &Value, found: &mut Vec<Difference>) {
    match (left, right) {
        (Value::Object(left), Value::Object(right)) => {
            for (name, value) in left {
                let at = member(&at, name);
                match right.get(name) {
                    Some(other) => compare(at, value, other, found),
                    None => found.push(Difference { at, left: Some(value.clone()), right: None }),
                }
            }
            for (name, value) in right.iter().filter(|(name, _)| !left.contains_key(*name)) {
                found.push(Difference { at: member(&at, name), left: None, right: Some(value.clone()) });
            }
        }
        (Value::Array(left), Value::Array(right)) => {
            for place in 0..left.len().max(right.len()) {
                let at = format!("{at}[{place}]");
                match (left.get(place), right.get(place)) {
                    (Some(value), Some(other)) => compare(at, value, other, found),
                    (left, right) => found.push(Difference { at, left: left.cloned(), right: right.cloned() }),
                }
            }
        }
        (left, right) if left == right => {}
        (left, right) => found.push(Difference { at, left: Some(left.clone()), right: Some(right.clone()) }),
    }
}

fn member(at: &str, name: &str) -> String {
    if at.is_empty() { name.to_owned() } else { format!("{at}.{name}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_same_said_in_other_spaces_and_order_is_no_difference() {
        let (format, left) = read("a.yaml", b"max: 20\nhosts: [a, b]\n");
        let (_, right) = read("a.yaml", b"hosts:\n  - a\n  - b\nmax:   20 # items\n");
        assert_eq!(format, Format::Yaml);
        assert_eq!(differences(&left.unwrap(), &right.unwrap()), []);
    }

    #[test]
    fn formats_meet_in_what_they_say() {
        let (_, json) = read("a.json", br#"{"limits": {"max": 20, "on": true}}"#);
        let (_, toml) = read("a.toml", b"[limits]\nmax = 30\non = true\n");
        let expected = Difference { at: "limits.max".to_owned(), left: Some(json!(20)), right: Some(json!(30)) };
        assert_eq!(differences(&json.unwrap(), &toml.unwrap()), [expected]);
    }

    #[test]
    fn what_is_on_one_side_alone_is_named() {
        let found = differences(&json!({"a": 1, "l": [1, 2]}), &json!({"b": 2, "l": [1]}));
        let places: Vec<(&str, bool, bool)> =
            found.iter().map(|one| (one.at.as_str(), one.left.is_some(), one.right.is_some())).collect();
        assert_eq!(places, [("a", true, false), ("l[1]", true, false), ("b", false, true)]);
    }

    #[test]
    fn a_broken_document_is_text_and_no_text_is_binary() {
        assert_eq!(read("a.json", b"{").0, Format::Text);
        assert_eq!(read("a.json", b"\xff\xfe").0, Format::Binary);
        assert_eq!(read("a", b"[1, 2]").0, Format::Json);
        assert_eq!(read("a", b"[section]\nx").0, Format::Text);
    }
}
