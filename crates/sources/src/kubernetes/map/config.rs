//! ConfigMaps and Secrets: names and sizes of their keys.

use std::sync::Arc;

use binnacle_model::fact::{ConfigFact, Fact, StoreKind, ValueMark};

use super::super::ledger::Said;
use super::super::wire::{ConfigMap, Meta, Secret};
use super::{Context, Saying};

pub(in super::super) fn config_map(object: &ConfigMap, _: &Context<'_>) -> Saying {
    let texts = object.data.iter().map(|(key, value)| (key, value.bytes, Some(value.mark)));
    let binary = object.binary_data.iter().map(|(key, value)| (key, value.0, None));
    texts
        .chain(binary)
        .map(|(key, size, mark)| said(StoreKind::ConfigMap, &object.metadata, key, size, mark))
        .collect::<Vec<_>>()
        .into()
}

pub(in super::super) fn secret(object: &Secret, _: &Context<'_>) -> Saying {
    let sizes = object.data.iter().map(|(key, value)| said(StoreKind::Secret, &object.metadata, key, value.0, None));
    sizes.collect::<Vec<_>>().into()
}

fn said(store: StoreKind, meta: &Meta, key: &str, size_bytes: u64, mark: Option<ValueMark>) -> Said {
    let path = format!("{}/{}/{key}", meta.namespace, meta.name);
    let fact = ConfigFact {
        store,
        path: Arc::from(path.as_str()),
        size_bytes,
        flags: 0,
        lock_session: None,
        // Kubernetes does not say at which version an object was made.
        created_version: 0,
        mark,
    };
    (path, Fact::Config(fact))
}
