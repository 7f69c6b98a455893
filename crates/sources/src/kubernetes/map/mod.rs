//! From the API server's objects to facts. Pure: the same object at the same time gives the same facts.

mod config;
mod event;
#[cfg(test)]
mod fixtures;
mod mention;
mod mesh;
mod network;
mod node;
mod pod;
mod policy;
mod route;
mod workload;

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;

pub(super) use config::{config_map, secret};
pub(super) use event::{autoscaler, event};
pub(super) use mesh::{destination_rule, service_profile};
pub(super) use network::{endpoint_slice, service};
pub(super) use node::node;
pub(super) use pod::pod;
pub(super) use policy::network_policy;
pub(super) use route::{grpc_route, http_route, ingress};
pub(super) use workload::{cron_job, daemon_set, deployment, job, replica_set, stateful_set};

use super::ledger::Said;
use super::owners::Owners;

/// Texts longer than this are cut where they are only shown.
const SHOWN: usize = 1024;
/// Texts that are remembered to be shared; beyond this, it begins anew.
const WORDS: usize = 50_000;

/// What an object says now.
#[derive(Debug, Default)]
pub(super) struct Saying {
    pub(super) facts: Vec<Said>,
    /// When the same object will mean something else.
    pub(super) again: Option<Timestamp>,
    /// True while an owner is not known: it is to be asked again when more of them are.
    pub(super) unsure: bool,
}

impl From<Vec<Said>> for Saying {
    fn from(facts: Vec<Said>) -> Self {
        Self { facts, again: None, unsure: false }
    }
}

/// What is known beside the object.
#[derive(Clone, Copy, Debug)]
pub(super) struct Context<'a> {
    pub(super) owners: &'a Owners,
    pub(super) words: &'a Words,
    pub(super) now: Timestamp,
}

/// Texts that occur again and again, each held once: thousands of Pods have the same labels.
#[derive(Debug, Default)]
pub(super) struct Words(Mutex<HashSet<Arc<str>>>);

impl Words {
    pub(super) fn share(&self, text: &str) -> Arc<str> {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = held.get(text) {
            return known.clone();
        }
        if held.len() >= WORDS {
            held.clear();
        }
        let new: Arc<str> = Arc::from(text);
        held.insert(new.clone());
        new
    }

    fn pairs<'t>(&self, pairs: impl Iterator<Item = (&'t String, &'t String)>) -> BTreeMap<Arc<str>, Arc<str>> {
        pairs.map(|(key, value)| (self.share(key), self.share(value))).collect()
    }
}

/// A system's own words, not longer than can be looked at.
fn shown(text: &str) -> Arc<str> {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => Arc::from(format!("{}…", text.get(..end).unwrap_or_default())),
        None => Arc::from(text),
    }
}
