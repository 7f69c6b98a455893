//! Reads the JSON objects that clients send the way Consul does: names in any case, with or without underscores,
//! `null` as absent, an unknown name refused by its name.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Map, Value};

use super::catalog::TextMap;
use super::go_duration;

pub(crate) struct Fields(BTreeMap<String, (String, Value)>);

/// Why a body was not understood, in Consul's words.
pub(crate) type Malformed = String;

fn folded(name: &str) -> String {
    name.chars().filter(|c| *c != '_').flat_map(char::to_lowercase).collect()
}

fn mismatch(name: &str, wanted: &str) -> Malformed {
    format!("json: cannot unmarshal the value of field {name} into {wanted}")
}

impl Fields {
    pub(crate) fn parse(body: &[u8]) -> Result<Fields, Malformed> {
        match serde_json::from_slice(body) {
            Ok(value) => Fields::of(value),
            Err(error) => Err(error.to_string()),
        }
    }

    pub(crate) fn of(value: Value) -> Result<Fields, Malformed> {
        match value {
            Value::Object(map) => {
                Ok(Fields(map.into_iter().map(|(name, value)| (folded(&name), (name, value))).collect()))
            }
            _ => Err("json: an object was expected".to_owned()),
        }
    }

    /// The value under a name, given in lower case without underscores; each can be taken once.
    fn take(&mut self, name: &str) -> Option<(String, Value)> {
        self.0.remove(name).filter(|(_, value)| !value.is_null())
    }

    pub(crate) fn raw(&mut self, name: &str) -> Option<Value> {
        self.take(name).map(|(_, value)| value)
    }

    pub(crate) fn text(&mut self, name: &str) -> Result<String, Malformed> {
        match self.take(name) {
            None => Ok(String::new()),
            Some((_, Value::String(text))) => Ok(text),
            Some((name, _)) => Err(mismatch(&name, "a string")),
        }
    }

    pub(crate) fn integer(&mut self, name: &str) -> Result<Option<i64>, Malformed> {
        match self.take(name) {
            None => Ok(None),
            Some((name, value)) => value.as_i64().map(Some).ok_or_else(|| mismatch(&name, "an integer")),
        }
    }

    pub(crate) fn unsigned(&mut self, name: &str) -> Result<u64, Malformed> {
        match self.take(name) {
            None => Ok(0),
            Some((name, value)) => value.as_u64().ok_or_else(|| mismatch(&name, "an unsigned integer")),
        }
    }

    pub(crate) fn port(&mut self, name: &str) -> Result<u16, Malformed> {
        match self.integer(name)? {
            None => Ok(0),
            Some(port) => u16::try_from(port).map_err(|_| mismatch(name, "a port")),
        }
    }

    pub(crate) fn flag(&mut self, name: &str) -> Result<bool, Malformed> {
        match self.take(name) {
            None => Ok(false),
            Some((_, Value::Bool(flag))) => Ok(flag),
            Some((name, _)) => Err(mismatch(&name, "a bool")),
        }
    }

    pub(crate) fn duration(&mut self, name: &str) -> Result<Option<Duration>, Malformed> {
        match self.take(name) {
            None => Ok(None),
            Some((_, Value::String(text))) if text.is_empty() => Ok(None),
            Some((_, Value::String(text))) => {
                go_duration::parse(&text).map(Some).ok_or_else(|| format!("time: invalid duration {text:?}"))
            }
            Some((name, value)) => value
                .as_u64()
                .map(|nanos| Some(Duration::from_nanos(nanos)))
                .ok_or_else(|| mismatch(&name, "a duration")),
        }
    }

    pub(crate) fn texts(&mut self, name: &str) -> Result<Vec<String>, Malformed> {
        let Some((name, value)) = self.take(name) else { return Ok(Vec::new()) };
        serde_json::from_value(value).map_err(|_| mismatch(&name, "a list of strings"))
    }

    pub(crate) fn text_map(&mut self, name: &str) -> Result<Option<TextMap>, Malformed> {
        let Some((name, value)) = self.take(name) else { return Ok(None) };
        serde_json::from_value(value).map(Some).map_err(|_| mismatch(&name, "a map of strings"))
    }

    pub(crate) fn objects(&mut self, name: &str) -> Result<Vec<Fields>, Malformed> {
        match self.take(name) {
            None => Ok(Vec::new()),
            Some((_, Value::Array(list))) => {
                list.into_iter().filter(|value| !value.is_null()).map(Fields::of).collect()
            }
            Some((name, _)) => Err(mismatch(&name, "a list of objects")),
        }
    }

    pub(crate) fn object(&mut self, name: &str) -> Result<Option<Fields>, Malformed> {
        self.take(name).map(|(_, value)| Fields::of(value)).transpose()
    }

    /// Fields of Consul that mean nothing here: namespaces, partitions, tokens in the body.
    pub(crate) fn ignore(&mut self, names: &[&str]) {
        for name in names {
            self.0.remove(*name);
        }
    }

    /// Every field must have been asked for by now.
    pub(crate) fn end(self) -> Result<(), Malformed> {
        match self.0.into_values().next() {
            None => Ok(()),
            Some((name, _)) => Err(format!("json: unknown field {name:?}")),
        }
    }
}

/// A structured value written back in Consul's spelling: `local_bind_port` becomes `LocalBindPort`, at every level but
/// inside free maps (`Config`, `Meta`, `Subsets` and the like), whose names are the user's.
pub(crate) fn camel(value: Value) -> Value {
    const FREE: [&str; 7] = ["Config", "Meta", "Subsets", "TaggedAddresses", "Failover", "Header", "Set"];
    match value {
        Value::Object(map) => Value::Object(
            map.into_iter()
                .map(|(name, value)| {
                    let name = camel_name(&name);
                    let value = if FREE.contains(&name.as_str()) { value } else { camel(value) };
                    (name, value)
                })
                .collect::<Map<_, _>>(),
        ),
        Value::Array(list) => Value::Array(list.into_iter().map(camel).collect()),
        other => other,
    }
}

fn camel_name(name: &str) -> String {
    if name.starts_with(char::is_uppercase) {
        return name.to_owned();
    }
    name.split('_')
        .map(|word| {
            let mut letters = word.chars();
            letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect::<String>())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_in_any_spelling_and_unknown_ones_refused_by_name() {
        let mut fields = Fields::parse(br#"{"service_id":"a","ADDRESS":"b","Port":null,"Nope":1}"#).expect("an object");
        assert_eq!(fields.text("serviceid").as_deref(), Ok("a"));
        assert_eq!(fields.text("address").as_deref(), Ok("b"));
        assert_eq!(fields.port("port"), Ok(0));
        assert_eq!(fields.end(), Err("json: unknown field \"Nope\"".to_owned()));
    }

    #[test]
    fn hostile_numbers_are_refused() {
        let mut fields = Fields::parse(br#"{"port":70000,"index":-1,"ttl":"soon"}"#).expect("an object");
        assert!(fields.port("port").is_err());
        assert!(fields.unsigned("index").is_err());
        assert_eq!(fields.duration("ttl"), Err("time: invalid duration \"soon\"".to_owned()));
    }
}
