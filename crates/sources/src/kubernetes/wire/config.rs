//! ConfigMaps and Secrets. A value is measured while it is passed over, and never kept
//! (<https://kubernetes.io/docs/reference/kubernetes-api/config-and-storage-resources/>).

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer};

use binnacle_model::fact::ValueMark;

use super::{Meta, or_empty};
use crate::mark;

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

/// How many bytes a text has, and what tells it apart from another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct Text {
    pub(in super::super) bytes: u64,
    pub(in super::super) mark: ValueMark,
}

/// How many bytes a text in base64 stands for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in super::super) struct Base64(pub(in super::super) u64);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_str(Look(|text| Self { bytes: text.len() as u64, mark: mark::of(text.as_bytes()) }))
    }
}

impl<'de> Deserialize<'de> for Base64 {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_str(Look(|text| Self(text.trim_end_matches('=').len() as u64 * 3 / 4)))
    }
}

/// Looks at a text once, while it is passed over; `null` is the empty one.
struct Look<T>(fn(&str) -> T);

impl<T> Visitor<'_> for Look<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        Ok((self.0)(text))
    }

    fn visit_unit<E: Error>(self) -> Result<T, E> {
        Ok((self.0)(""))
    }
}
