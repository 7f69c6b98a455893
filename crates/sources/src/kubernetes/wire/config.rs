//! ConfigMaps and Secrets. A value is measured while it is passed over, and never kept
//! (<https://kubernetes.io/docs/reference/kubernetes-api/config-and-storage-resources/>).

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer};

use super::{Meta, or_empty};

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(in super::super) struct ConfigMap {
    pub(in super::super) metadata: Meta,
    #[serde(deserialize_with = "or_empty")]
    pub(in super::super) data: BTreeMap<String, Text>,
    #[serde(deserialize_with = "or_empty")]
    pub(in super::super) binary_data: BTreeMap<String, Base64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in super::super) struct Secret {
    pub(in super::super) metadata: Meta,
    #[serde(deserialize_with = "or_empty")]
    pub(in super::super) data: BTreeMap<String, Base64>,
}

/// How many bytes a text has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in super::super) struct Text(pub(in super::super) u64);

/// How many bytes a text in base64 stands for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in super::super) struct Base64(pub(in super::super) u64);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_str(Measure(|text| text.len() as u64)).map(Self)
    }
}

impl<'de> Deserialize<'de> for Base64 {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_str(Measure(|text| text.trim_end_matches('=').len() as u64 * 3 / 4)).map(Self)
    }
}

/// Looks at a text once, by its length alone.
struct Measure(fn(&str) -> u64);

impl Visitor<'_> for Measure {
    type Value = u64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<u64, E> {
        Ok((self.0)(text))
    }

    fn visit_unit<E: Error>(self) -> Result<u64, E> {
        Ok(0)
    }
}
