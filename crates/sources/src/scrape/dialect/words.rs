//! The small parts of a dialect: names, tests of labels, and words that come from labels.

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use serde::de::value::{Error as WordError, MapAccessDeserializer, SeqAccessDeserializer, StrDeserializer};
use serde::de::{Error, IntoDeserializer, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::scrape::exposition::Labels;

/// The fewest letters beside the `*` of a name, so that no file asks for everything.
const FEWEST_LETTERS: usize = 5;

/// The name of a metric, valid in the text format; one `*` in it stands for anything.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct MetricName(Arc<str>);

impl MetricName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name as shared text.
    pub fn shared(&self) -> &Arc<str> {
        &self.0
    }

    /// What stands before and behind the `*`, where there is one.
    pub fn around(&self) -> Option<(&str, &str)> {
        self.0.split_once('*')
    }

    /// Whether a metric has this name.
    pub fn fits(&self, name: &str) -> bool {
        match self.around() {
            Some((start, end)) => {
                name.len() >= start.len() + end.len() && name.starts_with(start) && name.ends_with(end)
            }
            None => *self.0 == *name,
        }
    }

    /// The same name without an ending, where it has that.
    pub fn without(&self, suffix: &str) -> Option<Self> {
        self.0.strip_suffix(suffix).map(|name| Self(Arc::from(name)))
    }

    /// The same name with an ending.
    #[must_use]
    pub fn ending(&self, suffix: &str) -> Self {
        Self(Arc::from(format!("{}{suffix}", self.0)))
    }
}

/// Its order is that of its text.
impl Borrow<str> for MetricName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for MetricName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for MetricName {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let plain = text.replacen('*', "", 1);
        if is_name(&plain, true) || (text.starts_with('*') && is_name(&format!("_{plain}"), true)) {
            if plain.len() < text.len() && plain.len() < FEWEST_LETTERS {
                return Err(format!("`{text}` fits too much: give at least {FEWEST_LETTERS} letters beside the `*`"));
            }
            return Ok(Self(Arc::from(text)));
        }
        Err(format!(
            "`{text}` is not the name of a metric: letters, digits, `_` and `:`, no digit first, at most one `*`"
        ))
    }
}

/// The name of a label, valid in the text format.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct LabelName(Arc<str>);

impl LabelName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its value among these labels. An empty value is no value, as Prometheus has it.
    pub fn of<'a>(&self, labels: &'a Labels) -> Option<&'a Arc<str>> {
        labels.get(self.as_str()).filter(|value| !value.is_empty())
    }
}

impl TryFrom<String> for LabelName {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if is_name(&text, false) {
            return Ok(Self(Arc::from(text)));
        }
        Err(format!("`{text}` is not the name of a label: letters, digits and `_`, no digit first"))
    }
}

fn is_name(text: &str, colons: bool) -> bool {
    let inner = |c: char| c.is_ascii_alphanumeric() || c == '_' || (colons && c == ':');
    text.starts_with(|c: char| inner(c) && !c.is_ascii_digit()) && text.chars().all(inner)
}

/// Where a word such as the protocol comes from.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(try_from = "WrittenTold<T>", bound(deserialize = "T: Deserialize<'de>"))]
pub enum Told<T> {
    /// Nobody says.
    #[default]
    Nowhere,
    /// The same for every series.
    Always(T),
    /// The value of a label.
    ByLabel {
        /// The label.
        label: LabelName,
        /// What its values mean, where they are not Binnacle's words.
        words: BTreeMap<String, T>,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, bound(deserialize = "T: Deserialize<'de>"))]
struct WrittenTold<T> {
    always: Option<T>,
    label: Option<LabelName>,
    #[serde(default = "BTreeMap::new")]
    words: BTreeMap<String, T>,
}

impl<T> TryFrom<WrittenTold<T>> for Told<T> {
    type Error = &'static str;

    fn try_from(written: WrittenTold<T>) -> Result<Self, Self::Error> {
        match (written.always, written.label) {
            (Some(word), None) if written.words.is_empty() => Ok(Self::Always(word)),
            (None, Some(label)) => Ok(Self::ByLabel { label, words: written.words }),
            _ => Err("give either `always`, or `label` with or without `words`"),
        }
    }
}

impl<T> Told<T> {
    /// The label that says it, where one does.
    pub fn label(&self) -> Option<&LabelName> {
        match self {
            Self::ByLabel { label, .. } => Some(label),
            Self::Nowhere | Self::Always(_) => None,
        }
    }
}

impl<T: Copy + Default + for<'de> Deserialize<'de>> Told<T> {
    /// The word for a series; the default, which is "unknown", where nobody says.
    pub fn of(&self, labels: &Labels) -> T {
        match self {
            Self::Nowhere => T::default(),
            Self::Always(word) => *word,
            Self::ByLabel { label, words } => {
                let value = label.of(labels);
                value.and_then(|value| words.get(&**value).copied().or_else(|| word(value))).unwrap_or_default()
            }
        }
    }
}

/// One of Binnacle's own words (`half_open`, `request_response`), as the public JSON spells it.
pub(super) fn word<T: for<'de> Deserialize<'de>>(text: &str) -> Option<T> {
    let text: StrDeserializer<'_, WordError> = text.into_deserializer();
    T::deserialize(text).ok()
}

/// A test of one label.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "WrittenTest")]
pub struct LabelTest {
    label: LabelName,
    is: Vec<String>,
    starts_with: Vec<String>,
    is_not: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenTest {
    label: LabelName,
    #[serde(default)]
    is: Vec<String>,
    #[serde(default)]
    starts_with: Vec<String>,
    #[serde(default)]
    is_not: Vec<String>,
}

impl TryFrom<WrittenTest> for LabelTest {
    type Error = &'static str;

    fn try_from(written: WrittenTest) -> Result<Self, Self::Error> {
        let WrittenTest { label, is, starts_with, is_not } = written;
        match (is.is_empty() && starts_with.is_empty(), is_not.is_empty()) {
            (true, true) => Err("give the values with `is`, `starts_with` or `is_not`: this test would never hold"),
            (false, false) => Err("give either `is` and `starts_with`, or `is_not`"),
            _ => Ok(Self { label, is, starts_with, is_not }),
        }
    }
}

impl LabelTest {
    /// The label that is tested.
    pub fn label(&self) -> &LabelName {
        &self.label
    }

    /// The whole values that it names; those for which it holds, or, where it is negative, for which it does not.
    pub fn values(&self) -> impl Iterator<Item = &str> {
        self.is.iter().chain(&self.is_not).map(String::as_str)
    }

    /// What a value may start with for it to hold.
    pub fn starts(&self) -> impl Iterator<Item = &str> {
        self.starts_with.iter().map(String::as_str)
    }

    /// Whether it holds for all values but the named ones.
    pub fn is_negative(&self) -> bool {
        !self.is_not.is_empty()
    }

    /// Whether it holds for a series. A label that is not there is empty, as Prometheus has it.
    pub fn holds(&self, labels: &Labels) -> bool {
        let value = labels.get(self.label.as_str()).map_or("", |value| &**value);
        let named = self.values().any(|known| known == value) || self.starts().any(|start| value.starts_with(start));
        named != self.is_negative()
    }
}

/// One of something, or a list of it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct OneOrMore<T>(pub(super) Vec<T>);

impl<T> Default for OneOrMore<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for OneOrMore<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Either(PhantomData))
    }
}

struct Either<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Either<T> {
    type Value = OneOrMore<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("one of it or a list")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        T::deserialize(text.into_deserializer()).map(|one| OneOrMore(vec![one]))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Self::Value, E> {
        T::deserialize(number.into_deserializer()).map(|one| OneOrMore(vec![one]))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Self::Value, E> {
        T::deserialize(number.into_deserializer()).map(|one| OneOrMore(vec![one]))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(|one| OneOrMore(vec![one]))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Self::Value, A::Error> {
        Vec::deserialize(SeqAccessDeserializer::new(list)).map(OneOrMore)
    }
}
