//! Whom a call or a breaker speaks of. A party is found by network address first, then by a catalog's own name, and by
//! a bare name last; what cannot be found becomes an external service, drawn as what it is.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;

use super::fronts::Fronts;
use super::services::service_id;
use crate::fact::{NetworkScope, Party, ServiceName, Signals};
use crate::id::{ServiceId, SourceId};
use crate::snapshot::{Facet, Health, Instance, JoinReason, Service, ServiceRole, Since, Snapshot};

/// An index of the registries' services.
#[derive(Default)]
pub(super) struct Directory {
    by_address: BTreeMap<(Arc<str>, u16), Option<ServiceId>>,
    /// By the addresses that belong to one instance alone, whatever the port.
    by_host: BTreeMap<Arc<str>, Option<ServiceId>>,
    by_name: BTreeMap<Arc<str>, Vec<ServiceId>>,
    /// The namespaces in which a service is known; `None` where its source has none.
    namespaces: BTreeMap<ServiceId, BTreeSet<Option<Arc<str>>>>,
    /// By namespace and pod, where an instance is one.
    pods: BTreeMap<(Arc<str>, Arc<str>), Option<ServiceId>>,
    /// By the address at which a metrics server scrapes a process, the name of its job.
    jobs: BTreeMap<(Arc<str>, u16), Option<Arc<str>>>,
    /// By the names under which processes say that they can be called.
    offers: BTreeMap<Arc<str>, Option<ServiceId>>,
    aliases: BTreeMap<ServiceId, ServiceId>,
    fronts: Fronts,
}

/// A party that was found, and why it is believed to be this service.
pub(super) struct Found {
    pub(super) id: ServiceId,
    pub(super) reason: Option<JoinReason>,
}

impl Directory {
    /// Indexes the services, and takes the ids that lead to joined ones. An address that two services claim identifies
    /// neither.
    pub(super) fn of(
        services: &BTreeMap<ServiceId, Service>,
        aliases: BTreeMap<ServiceId, ServiceId>,
        fronts: Fronts,
    ) -> Self {
        let mut directory = Self { aliases, fronts, ..Self::default() };
        for service in services.values() {
            let names: BTreeSet<&Arc<str>> = service.facets.iter().map(|facet| &facet.name.name).collect();
            let namespaces = service.facets.iter().map(|facet| facet.name.namespace.clone()).collect();
            directory.namespaces.insert(service.id.clone(), namespaces);
            for name in names {
                directory.by_name.entry(name.clone()).or_default().push(service.id.clone());
            }
            for instance in &service.instances {
                directory.add(&service.id, instance);
                if instance.uid.is_some()
                    && let Some((namespace, pod)) = instance.native_id.split_once('/')
                {
                    claim(&mut directory.pods, (Arc::from(namespace), Arc::from(pod)), &service.id);
                }
            }
        }
        directory
    }

    fn add(&mut self, service: &ServiceId, instance: &Instance) {
        let declared = instance.ports.iter().map(|declared| declared.port);
        let ports: BTreeSet<u16> = declared.chain([instance.port]).filter(|port| *port != 0).collect();
        for port in ports {
            claim(&mut self.by_address, (instance.address.clone(), port), service);
        }
        let alone = instance.uid.is_some() && instance.network != Some(NetworkScope::Node);
        if alone && !instance.address.is_empty() {
            claim(&mut self.by_host, instance.address.clone(), service);
        }
    }

    /// The id under which a service stands in the picture.
    pub(super) fn resolve(&self, id: ServiceId) -> ServiceId {
        self.aliases.get(&id).cloned().unwrap_or(id)
    }

    /// Whom a cluster service of a source leads to; `None` where there is no such one, or nobody known is behind it.
    pub(super) fn behind(
        &self,
        source: &SourceId,
        name: &ServiceName,
        known: &BTreeMap<ServiceId, Service>,
    ) -> Option<ServiceId> {
        Some(self.resolve(self.fronts.behind(source, name)?)).filter(|id| known.contains_key(id))
    }

    /// All whom a cluster service of a source leads to, or whoever else has the name there.
    pub(super) fn all_behind(&self, source: &SourceId, name: &ServiceName) -> Vec<ServiceId> {
        let behind = self.fronts.all_behind(source, name);
        let named = || vec![service_id(source, name)];
        let found = if behind.is_empty() { named() } else { behind };
        found.into_iter().map(|id| self.resolve(id)).collect()
    }

    /// Finds the service that a party is; `near` prefers a service of the same place when a bare name fits several.
    pub(super) fn find(&self, party: &Party, near: Option<&Service>) -> Option<Found> {
        match party {
            Party::Service { source, service } => {
                Some(Found { id: self.resolve(service_id(source, service)), reason: None })
            }
            Party::Address { host, port } => {
                let exact = || self.by_address.get(&(host.clone(), *port)).cloned().flatten();
                let front = || self.fronts.owner(host, *port).map(|id| self.resolve(id.clone()));
                // Whoever has the whole address has it now: what else is registered there is left over.
                let alone = || self.by_host.get(host).cloned().flatten();
                let itself = || Found { id: external_at(host, *port), reason: None };
                let known = exact().or_else(front).or_else(alone);
                let known = known.map(|id| Found { id, reason: Some(JoinReason::Instances) });
                Some(known.or_else(|| self.of_job(host, *port)).unwrap_or_else(itself))
            }
            Party::Pod { namespace, pod, address } => {
                let at_address = address.as_ref().and_then(|address| self.by_address.get(address)).cloned().flatten();
                let of_pod = || self.pods.get(&(namespace.clone(), pod.clone())).cloned().flatten();
                match at_address.or_else(of_pod) {
                    Some(id) => Some(Found { id, reason: Some(JoinReason::Instances) }),
                    None => Some(Found { id: external_id(&format!("{namespace}/{pod}")), reason: None }),
                }
            }
            Party::Named(name) => Some(self.named(name, near)),
            Party::NamedIn { namespace, name } => Some(self.named_there(namespace, name)),
            Party::Supposed(names) => {
                let mut named = names.iter().map(|name| self.named(name, near));
                named.find(|found| found.reason.is_some() && near.is_none_or(|near| near.id != found.id))
            }
            Party::Outside(words) => Some(Found { id: external_id(words), reason: None }),
            Party::Channel(name) => Some(Found { id: ServiceId::from(format!("channel:{name}")), reason: None }),
            Party::Any => None,
        }
    }

    /// Notes that a process says under which name it can be called.
    pub(super) fn offer(&mut self, name: &Arc<str>, process: &Party) {
        if let Some(found) = self.find(process, None) {
            claim(&mut self.offers, name.clone(), &found.id);
        }
    }

    /// Notes in which job a metrics server scrapes a process.
    pub(super) fn scraped(&mut self, job: &Arc<str>, process: &Party) {
        let Party::Address { host, port } = process else { return };
        let known = self.jobs.entry((host.clone(), *port)).or_insert_with(|| Some(job.clone()));
        if known.as_ref() != Some(job) {
            *known = None;
        }
    }

    /// The service that is called as the job is in which the process at an address is scraped. By habit a job has the service's name;
    /// its metrics are often shown at another port than the one that is registered.
    fn of_job(&self, host: &Arc<str>, port: u16) -> Option<Found> {
        let job = self.jobs.get(&(host.clone(), port))?.as_ref()?;
        match self.by_name.get(job).map(Vec::as_slice) {
            Some([only]) => Some(Found { id: only.clone(), reason: Some(JoinReason::Name) }),
            _ => None,
        }
    }

    /// Calls processes that nobody registered after their job, where no other process is scraped in it; their ids stay addresses.
    pub(super) fn call_strangers_after_their_jobs(&self, services: &mut BTreeMap<ServiceId, Service>) {
        let mut alone: BTreeMap<&Arc<str>, Option<ServiceId>> = BTreeMap::new();
        for ((host, port), job) in &self.jobs {
            if let Some(job) = job {
                claim(&mut alone, job, &external_at(host, *port));
            }
        }
        for (job, id) in alone {
            let stranger = id.and_then(|id| services.get_mut(&id));
            if let Some(stranger) = stranger.filter(|one| one.role == ServiceRole::External) {
                stranger.name = job.clone();
            }
        }
    }

    /// A workload of a namespace, or a cluster service's name, which leads to what is behind it. A registry without namespaces
    /// may know the name as well.
    fn named_there(&self, namespace: &Arc<str>, name: &Arc<str>) -> Found {
        let is_of = |id: &&ServiceId, namespace: Option<&str>| {
            self.namespaces.get(*id).is_some_and(|known| known.iter().any(|one| one.as_deref() == namespace))
        };
        let known = self.by_name.get(name).map_or(&[][..], Vec::as_slice);
        let only = |namespace: Option<&str>| {
            let mut there = known.iter().filter(|id| is_of(id, namespace));
            there.next().filter(|_| there.next().is_none())
        };
        let front = || self.fronts.owner(&Arc::from(format!("{name}.{namespace}.svc")), 0);
        match only(Some(namespace)) {
            Some(id) => Found { id: id.clone(), reason: Some(JoinReason::Name) },
            None => match front() {
                Some(id) => Found { id: self.resolve(id.clone()), reason: Some(JoinReason::Name) },
                None => match only(None) {
                    Some(id) => Found { id: id.clone(), reason: Some(JoinReason::Name) },
                    None => Found { id: external_id(&format!("{namespace}/{name}")), reason: None },
                },
            },
        }
    }

    /// The one service of this name in a namespace.
    pub(super) fn named_in(
        &self,
        name: &str,
        namespace: &str,
        services: &BTreeMap<ServiceId, Service>,
    ) -> Option<ServiceId> {
        let is_there = |id: &&ServiceId| {
            let facets = services.get(*id).map_or(&[][..], |service| &service.facets);
            facets.iter().any(|facet| *facet.name.name == *name && facet.name.namespace.as_deref() == Some(namespace))
        };
        let mut there = self.by_name.get(name)?.iter().filter(is_there);
        match (there.next(), there.next()) {
            (Some(one), None) => Some(one.clone()),
            _ => None,
        }
    }

    fn named(&self, name: &Arc<str>, near: Option<&Service>) -> Found {
        let known = self.by_name.get(name).map_or(&[][..], Vec::as_slice);
        let single = match known {
            [only] => Some(only),
            several => {
                let place = near.map(|service| &service.place);
                let mut local = several.iter().filter(|id| place.is_some_and(|place| place_of(id) == &**place));
                match (local.next(), local.next()) {
                    (Some(one), None) => Some(one),
                    _ => None,
                }
            }
        };
        match single.or_else(|| self.offers.get(name).and_then(Option::as_ref)) {
            Some(id) => Found { id: id.clone(), reason: Some(JoinReason::Name) },
            None => Found { id: external_id(name), reason: None },
        }
    }
}

/// Notes who has a key; one that two services claim identifies neither.
pub(super) fn claim<K: Ord>(owners: &mut BTreeMap<K, Option<ServiceId>>, key: K, service: &ServiceId) {
    let owner = owners.entry(key).or_insert_with(|| Some(service.clone()));
    if owner.as_ref() != Some(service) {
        *owner = None;
    }
}

/// The place in a registry service's id: `dc1` of `consul:dc1/payments`.
fn place_of(id: &ServiceId) -> &str {
    let text = id.as_str();
    let behind_kind = text.split_once(':').map_or(text, |(_, rest)| rest);
    behind_kind.split_once('/').map_or(behind_kind, |(place, _)| place)
}

fn external_at(host: &str, port: u16) -> ServiceId {
    if port == 0 { external_id(host) } else { external_id(&format!("{host}:{port}")) }
}

fn external_id(name: &str) -> ServiceId {
    ServiceId::from(format!("external:{name}"))
}

/// Makes sure that a found party has a place in the picture, and notes that `source` speaks of it.
pub(super) fn settle(
    services: &mut BTreeMap<ServiceId, Service>,
    found: &Found,
    source: &SourceId,
    before: &Snapshot,
    now: Timestamp,
) {
    let service = services.entry(found.id.clone()).or_insert_with(|| placeholder(&found.id, source, before, now));
    let name = ServiceName { namespace: service.namespace.clone(), name: service.name.clone() };
    let facet = Facet { source: source.clone(), name, joined_by: found.reason };
    let known = service.facets.iter_mut().find(|known| known.source == *source);
    match known {
        // An address is better evidence than a name: once both are there, the address is the reason to show.
        Some(known) if known.joined_by == Some(JoinReason::Name) && found.reason == Some(JoinReason::Instances) => {
            known.joined_by = found.reason;
        }
        Some(_) => {}
        None => {
            service.facets.push(facet);
            // The first facet gave the id and keeps its place.
            if let Some((_, others)) = service.facets.split_first_mut() {
                others.sort();
            }
        }
    }
}

fn placeholder(id: &ServiceId, source: &SourceId, before: &Snapshot, now: Timestamp) -> Service {
    let (role, name) = match id.as_str().split_once(':') {
        Some(("channel", name)) => (ServiceRole::Channel, name),
        Some(("external", name)) => (ServiceRole::External, name),
        // Declared by a registry's rule, but not (or no longer) in its catalog.
        _ => (ServiceRole::External, id.as_str().rsplit('/').next().unwrap_or_default()),
    };
    let since = before.services.get(id).map_or(Since { at: now, seen_changing: false }, |old| old.since);
    Service {
        id: id.clone(),
        name: Arc::from(name),
        namespace: None,
        role,
        place: Arc::from(source.place()),
        health: Health::Unknown,
        since,
        stale: false,
        facets: Vec::new(),
        instances: Vec::new(),
        workloads: Vec::new(),
        autoscalers: Vec::new(),
        events: Vec::new(),
        tags: Vec::new(),
        signals: Signals::default(),
        counted: Vec::new(),
        evidence: Vec::new(),
    }
}
