//! Addresses that lead to a service's instances and are not their own: those of cluster services, their ports on every node, and
//! their names in the cluster's DNS.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::parties::claim;
use super::services::service_id;
use crate::fact::{BackendsFact, ClusterServiceFact, Fact, ServiceName};
use crate::id::{ServiceId, SourceId};
use crate::store::{SourceFacts, Store};

/// Who is behind an address. One that leads to several services identifies none.
#[derive(Default)]
pub(super) struct Fronts {
    by_address: BTreeMap<(Arc<str>, u16), Option<ServiceId>>,
    by_name: BTreeMap<Arc<str>, Option<ServiceId>>,
    /// Every cluster service, with what is behind it where that is one service.
    behind: BTreeMap<SourceId, BTreeMap<ServiceName, Option<ServiceId>>>,
    /// Those behind which several are.
    shared: BTreeMap<SourceId, BTreeMap<ServiceName, Vec<ServiceId>>>,
}

impl Fronts {
    /// Indexes the cluster services of all sources.
    pub(super) fn of(store: &Store) -> Self {
        let mut fronts = Self::default();
        for (source, facts) in store.sources() {
            fronts.add(source, facts);
        }
        fronts
    }

    fn add(&mut self, source: &SourceId, facts: &SourceFacts) {
        let mut cluster_services: Vec<&ClusterServiceFact> = Vec::new();
        let mut lists: BTreeMap<&ServiceName, Vec<&BackendsFact>> = BTreeMap::new();
        let mut instances: BTreeMap<&str, &ServiceName> = BTreeMap::new();
        let mut nodes: Vec<&Arc<str>> = Vec::new();
        for observation in facts.observations() {
            match &observation.fact {
                Fact::ClusterService(fact) => cluster_services.push(fact),
                Fact::Backends(fact) => lists.entry(&fact.service).or_default().push(fact),
                Fact::Instance(fact) => drop(instances.insert(&fact.id, &fact.service)),
                Fact::Node(fact) => nodes.push(&fact.address),
                _ => {}
            }
        }
        for fact in cluster_services {
            let backends = lists.get(&fact.name).into_iter().flatten().flat_map(|list| &list.backends);
            let behind: BTreeSet<&ServiceName> =
                backends.filter_map(|backend| instances.get(backend.instance.as_deref()?).copied()).collect();
            if behind.len() > 1 {
                let all = behind.iter().map(|name| service_id(source, name)).collect();
                self.shared.entry(source.clone()).or_default().insert(fact.name.clone(), all);
            }
            let mut behind = behind.into_iter();
            let to = match (behind.next(), behind.next()) {
                (Some(only), None) => Some(service_id(source, only)),
                // Nothing runs behind it now: then it is whoever has its name.
                (None, _) if fact.external_name.is_none() => None,
                _ => continue,
            };
            if let Some(to) = &to {
                self.lead(fact, &nodes, to);
            }
            self.behind.entry(source.clone()).or_default().insert(fact.name.clone(), to);
        }
    }

    fn lead(&mut self, fact: &ClusterServiceFact, nodes: &[&Arc<str>], to: &ServiceId) {
        for port in &fact.ports {
            for address in &fact.addresses {
                claim(&mut self.by_address, (address.clone(), port.port), to);
            }
            for (address, port) in nodes.iter().filter_map(|address| Some((address, port.node_port?))) {
                claim(&mut self.by_address, (Arc::clone(address), port), to);
            }
        }
        // https://kubernetes.io/docs/concepts/services-networking/dns-pod-service/; the cluster's domain is its own affair.
        let Some(namespace) = &fact.name.namespace else { return };
        let name = format!("{}.{namespace}.svc", fact.name.name);
        claim(&mut self.by_name, Arc::from(name), to);
    }

    /// Whom a cluster service of a source leads to, by the id that the source gives it; a name behind which nothing runs now leads
    /// to the service of the same name. `None` when the source has no such cluster service, or several are behind it.
    pub(super) fn behind(&self, source: &SourceId, name: &ServiceName) -> Option<ServiceId> {
        let to = self.behind.get(source)?.get(name)?;
        Some(to.clone().unwrap_or_else(|| service_id(source, name)))
    }

    /// All that a cluster service of a source leads to, as far as it leads to known ones.
    pub(super) fn all_behind(&self, source: &SourceId, name: &ServiceName) -> Vec<ServiceId> {
        let shared = self.shared.get(source).and_then(|all| all.get(name)).cloned();
        shared.unwrap_or_else(|| self.behind(source, name).into_iter().collect())
    }

    /// The service, by the id that its own source gives it, that is reached at an address.
    pub(super) fn owner(&self, host: &Arc<str>, port: u16) -> Option<&ServiceId> {
        let by_name = || {
            let (name, _domain) =
                host.split_once(".svc").filter(|(_, rest)| rest.is_empty() || rest.starts_with('.'))?;
            self.by_name.get(format!("{name}.svc").as_str())
        };
        self.by_address.get(&(host.clone(), port)).or_else(by_name)?.as_ref()
    }
}
