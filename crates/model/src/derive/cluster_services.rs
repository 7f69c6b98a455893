//! Cluster services: names and addresses in front of backends, with the lists of backends united and the services behind
//! them found.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::evidence;
use crate::fact::{Backend, BackendsFact, ClusterServiceFact, Fact, InstancePort, Observation, ServiceName};
use crate::id::{ServiceId, SourceId};
use crate::snapshot::{ClusterService, Instance, Service};
use crate::store::Store;

/// Builds the cluster services of all sources.
pub(super) fn of(store: &Store, services: &BTreeMap<ServiceId, Service>) -> BTreeMap<Arc<str>, ClusterService> {
    let mut all = BTreeMap::new();
    for (source, facts) in store.sources() {
        let mut fronts: Vec<(&ClusterServiceFact, &Arc<Observation>)> = Vec::new();
        let mut lists: BTreeMap<&ServiceName, Vec<&BackendsFact>> = BTreeMap::new();
        for observation in facts.observations() {
            match &observation.fact {
                Fact::ClusterService(fact) => fronts.push((fact, observation)),
                Fact::Backends(fact) => lists.entry(&fact.service).or_default().push(fact),
                _ => {}
            }
        }
        if fronts.is_empty() {
            continue;
        }
        let keys = fronts.iter().flat_map(|(fact, _)| fact.selector.keys().map(|key| &**key)).collect();
        let instances = Instances::of(source, services, &keys);
        for (fact, observation) in fronts {
            let lists = lists.get(&fact.name).map_or(&[][..], Vec::as_slice);
            let backends = united(lists);
            let behind = backends.iter().filter_map(|backend| instances.owner(backend.instance.as_deref()?));
            let leads_to: BTreeSet<&ServiceId> = behind.collect();
            let service = ClusterService {
                leads_to: leads_to.into_iter().cloned().collect(),
                selected: instances.selected(fact),
                backend_ports: ports(lists),
                backends,
                fact: fact.clone(),
                evidence: evidence(source, observation),
            };
            all.insert(Arc::from(format!("{source}/{}", fact.name)), service);
        }
    }
    all
}

/// The backends of all lists. One that stands in two while it is moved between them counts once, and is ready if one of the
/// lists says so.
fn united(lists: &[&BackendsFact]) -> Vec<Backend> {
    let mut known: BTreeMap<(&str, &str), Backend> = BTreeMap::new();
    for backend in lists.iter().flat_map(|list| &list.backends) {
        let name = (backend.instance.as_deref().unwrap_or_default(), &*backend.address);
        known.entry(name).and_modify(|held| held.ready |= backend.ready).or_insert_with(|| backend.clone());
    }
    known.into_values().collect()
}

fn ports(lists: &[&BackendsFact]) -> Vec<InstancePort> {
    let all: BTreeSet<&InstancePort> = lists.iter().flat_map(|list| &list.ports).collect();
    all.into_iter().cloned().collect()
}

/// The instances of one source, to be found by their ids and by the labels that selectors speak of.
struct Instances<'a> {
    owners: BTreeMap<&'a str, &'a ServiceId>,
    labelled: Labelled<'a>,
}

/// Instances by namespace, label and value.
type Labelled<'a> = BTreeMap<&'a str, BTreeMap<&'a str, BTreeMap<&'a str, Vec<&'a Instance>>>>;

impl<'a> Instances<'a> {
    fn of(source: &SourceId, services: &'a BTreeMap<ServiceId, Service>, keys: &BTreeSet<&str>) -> Self {
        let mut found = Self { owners: BTreeMap::new(), labelled: BTreeMap::new() };
        let ours = |service: &&Service| service.facets.first().is_some_and(|facet| facet.source == *source);
        for service in services.values().filter(ours) {
            let labelled = found.labelled.entry(service.namespace.as_deref().unwrap_or_default()).or_default();
            for instance in &service.instances {
                found.owners.insert(&instance.native_id, &service.id);
                for (key, value) in instance.meta.iter().filter(|(key, _)| keys.contains(&***key)) {
                    labelled.entry(key).or_default().entry(value).or_default().push(instance);
                }
            }
        }
        found
    }

    fn owner(&self, instance: &str) -> Option<&'a ServiceId> {
        self.owners.get(instance).copied()
    }

    fn with(&self, namespace: &str, key: &str, value: &str) -> &[&'a Instance] {
        let found = self.labelled.get(namespace).and_then(|labels| labels.get(key)?.get(value));
        found.map_or(&[][..], Vec::as_slice)
    }

    /// How many instances have all labels of a selector.
    fn selected(&self, fact: &ClusterServiceFact) -> u32 {
        let namespace = fact.name.namespace.as_deref().unwrap_or_default();
        let fewest = fact
            .selector
            .iter()
            .map(|(key, value)| self.with(namespace, key, value))
            .min_by_key(|instances| instances.len())
            .unwrap_or_default();
        let all =
            |instance: &&&Instance| fact.selector.iter().all(|(key, value)| instance.meta.get(key) == Some(value));
        u32::try_from(fewest.iter().filter(all).count()).unwrap_or(u32::MAX)
    }
}
