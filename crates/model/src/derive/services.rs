//! Services of registries, with their instances and checks, and the roll-up of health.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use super::parties::{Directory, settle};
use super::{counts, evidence, is_stale, since};
use crate::fact::{
    AutoscalerFact, CheckFact, CheckSubject, EventFact, EventSubject, Fact, InstanceFact, InstanceRole, Observation,
    RolloutState, ServiceName, Signals, WorkloadFact, WorkloadKind,
};
use crate::id::{CheckId, EdgeId, InstanceId, ServiceId, SourceId};
use crate::snapshot::{
    Autoscaler, Check, EVENTS_KEPT, Edge, Event, Evidence, Facet, Health, Instance, Service, ServiceRole, Since,
    Snapshot, Workload,
};
use crate::store::{SourceFacts, Store};

/// The id of a service that a registry names.
pub(super) fn service_id(source: &SourceId, name: &ServiceName) -> ServiceId {
    ServiceId::from(format!("{source}/{name}"))
}

/// Builds the services of all registries.
pub(super) fn of_registries(store: &Store, before: &Snapshot, now: Timestamp) -> BTreeMap<ServiceId, Service> {
    let past = Past::of(before);
    let mut services = BTreeMap::new();
    for (source, facts) in store.sources() {
        Registry { source, facts, past: &past, now }.add_to(&mut services);
    }
    services
}

/// States of the picture before, for "since when".
struct Past<'a> {
    services: &'a BTreeMap<ServiceId, Arc<Service>>,
    instances: BTreeMap<&'a InstanceId, &'a Instance>,
    /// By their own ids: a check may stand with an instance that another source gave its id.
    checks: BTreeMap<&'a CheckId, &'a Check>,
}

impl<'a> Past<'a> {
    fn of(before: &'a Snapshot) -> Self {
        let instances = || before.services.values().flat_map(|service| &service.instances);
        Self {
            services: &before.services,
            instances: instances().map(|one| (&one.id, &**one)).collect(),
            checks: instances().flat_map(|one| &one.checks).map(|check| (&check.id, check)).collect(),
        }
    }

    fn service(&self, id: &ServiceId) -> Option<(Health, Since)> {
        self.services.get(id).map(|old| (old.health, old.since))
    }

    fn instance(&self, id: &InstanceId) -> Option<(Health, Since)> {
        self.instances.get(id).map(|old| (old.health, old.since))
    }

    fn check(&self, id: &CheckId) -> Option<(Health, Since)> {
        self.checks.get(id).map(|old| (old.health, old.since))
    }
}

/// One source's catalog.
struct Registry<'a> {
    source: &'a SourceId,
    facts: &'a SourceFacts,
    past: &'a Past<'a>,
    now: Timestamp,
}

/// What is known about one name before it becomes a service.
#[derive(Default)]
struct Draft<'a> {
    tags: Vec<Arc<str>>,
    evidence: Vec<&'a Arc<Observation>>,
    instances: Vec<(&'a InstanceFact, &'a Arc<Observation>)>,
    workloads: Vec<(&'a WorkloadFact, &'a Arc<Observation>)>,
    autoscalers: Vec<(&'a AutoscalerFact, &'a Arc<Observation>)>,
    events: Vec<(&'a EventFact, &'a Arc<Observation>)>,
}

type ChecksBySubject<'a> = BTreeMap<&'a CheckSubject, Vec<(&'a CheckFact, &'a Arc<Observation>)>>;

impl<'a> Registry<'a> {
    fn add_to(&self, services: &mut BTreeMap<ServiceId, Service>) {
        let mut drafts: BTreeMap<&ServiceName, Draft<'a>> = BTreeMap::new();
        let mut sidecars: BTreeMap<(&str, &str), Vec<&InstanceFact>> = BTreeMap::new();
        let mut checks = ChecksBySubject::new();
        let mut fronted: Vec<&InstanceFact> = Vec::new();
        let (mut scalers, mut events): (Vec<(&AutoscalerFact, _)>, Vec<(&EventFact, _)>) = (Vec::new(), Vec::new());
        for observation in self.facts.observations() {
            match &observation.fact {
                Fact::Service(fact) => {
                    let draft = drafts.entry(&fact.service).or_default();
                    draft.tags.clone_from(&fact.tags);
                    draft.evidence.push(observation);
                }
                Fact::Instance(fact) => match &fact.role {
                    InstanceRole::Sidecar { instance: Some(instance), .. } => {
                        let node = fact.node.as_deref().unwrap_or_default();
                        sidecars.entry((node, instance)).or_default().push(fact);
                        fronted.push(fact);
                    }
                    InstanceRole::Sidecar { instance: None, .. } => fronted.push(fact),
                    InstanceRole::Service | InstanceRole::Gateway(_) => {
                        drafts.entry(&fact.service).or_default().instances.push((fact, observation));
                    }
                },
                Fact::Workload(fact) => drafts.entry(&fact.service).or_default().workloads.push((fact, observation)),
                Fact::Autoscaler(fact) => scalers.push((fact, observation)),
                Fact::Event(fact) => events.push((fact, observation)),
                Fact::Check(fact) => checks.entry(&fact.subject).or_default().push((fact, observation)),
                _ => {}
            }
        }
        // A sidecar is part of the service that it fronts: its own catalog name is not a service.
        for sidecar in fronted {
            if drafts
                .get(&sidecar.service)
                .is_some_and(|draft| draft.instances.is_empty() && draft.workloads.is_empty())
            {
                drafts.remove(&sidecar.service);
            }
        }
        for scaler in scalers {
            if let Some(draft) = drafts.get_mut(&scaler.0.service) {
                draft.autoscalers.push(scaler);
            }
        }
        hand_out(events, &mut drafts);
        for (name, draft) in drafts {
            let service = self.service(name, draft, &sidecars, &checks);
            services.insert(service.id.clone(), service);
        }
    }

    fn service(
        &self,
        name: &ServiceName,
        draft: Draft<'a>,
        sidecars: &BTreeMap<(&str, &str), Vec<&InstanceFact>>,
        checks: &ChecksBySubject<'a>,
    ) -> Service {
        let id = service_id(self.source, name);
        let gateway = draft.instances.iter().any(|(fact, _)| matches!(fact.role, InstanceRole::Gateway(_)));
        let mut seen = draft.evidence;
        seen.extend(draft.instances.iter().map(|(_, observation)| *observation));
        let mut instances: Vec<Arc<Instance>> = draft
            .instances
            .into_iter()
            .map(|(fact, observation)| Arc::new(self.instance(fact, observation, sidecars, checks)))
            .collect();
        instances.sort_by(|a, b| a.id.cmp(&b.id));
        let workloads = self.workloads(draft.workloads);
        let autoscaler = |(fact, seen): (&AutoscalerFact, &Arc<Observation>)| Autoscaler {
            fact: fact.clone(),
            evidence: evidence(self.source, seen),
        };
        let event = |(fact, seen): (&EventFact, &Arc<Observation>)| Event {
            fact: fact.clone(),
            evidence: evidence(self.source, seen),
        };
        let health = rollup(&instances, &workloads);
        let mut tags = draft.tags;
        if tags.is_empty() {
            tags = instances.iter().flat_map(|instance| instance.tags.iter().cloned()).collect();
        }
        tags.sort();
        tags.dedup();
        Service {
            name: name.name.clone(),
            namespace: name.namespace.clone(),
            role: if gateway { ServiceRole::Gateway } else { ServiceRole::Service },
            place: Arc::from(self.source.place()),
            health,
            since: since(self.past.service(&id), &health, self.now),
            stale: is_stale(self.facts),
            facets: vec![Facet { source: self.source.clone(), name: name.clone(), joined_by: None }],
            instances,
            workloads,
            autoscalers: draft.autoscalers.into_iter().map(autoscaler).collect(),
            events: draft.events.into_iter().map(event).collect(),
            tags,
            signals: Signals::default(),
            counted: Vec::new(),
            // The catalog's own entry and at most a few instances: the rest stands with the instances.
            evidence: seen.into_iter().take(4).map(|observation| evidence(self.source, observation)).collect(),
            id,
        }
    }

    fn instance(
        &self,
        fact: &InstanceFact,
        observation: &Arc<Observation>,
        sidecars: &BTreeMap<(&str, &str), Vec<&InstanceFact>>,
        checks: &ChecksBySubject<'a>,
    ) -> Instance {
        let node: Arc<str> = fact.node.clone().unwrap_or_default();
        let id = InstanceId::from(match fact.uid {
            // It keeps its id when it finds its node.
            Some(_) => format!("{}/{}", self.source, fact.id),
            None => format!("{}/{node}/{}", self.source, fact.id),
        });
        let fronts = sidecars.get(&(&*node, &*fact.id)).map_or(&[][..], Vec::as_slice);
        let mut subjects =
            vec![CheckSubject::Instance { node: node.clone(), id: fact.id.clone() }, CheckSubject::Node(node.clone())];
        subjects
            .extend(fronts.iter().map(|sidecar| CheckSubject::Instance { node: node.clone(), id: sidecar.id.clone() }));
        let mut found: Vec<Check> = subjects
            .iter()
            .filter_map(|subject| checks.get(subject))
            .flatten()
            .map(|(check, seen)| self.check(check, seen))
            .collect();
        found.sort_by(in_order);
        let health = worst_of(&found);
        Instance {
            native_id: fact.id.clone(),
            address: fact.address.clone(),
            port: fact.port,
            node: fact.node.clone(),
            health,
            since: since(self.past.instance(&id), &health, self.now),
            checks: found,
            tags: fact.tags.clone(),
            meta: fact.meta.clone(),
            ports: fact.ports.clone(),
            uid: fact.uid.clone(),
            started: fact.started,
            network: fact.network.clone(),
            terminating: fact.terminating,
            sidecar: !fronts.is_empty(),
            stale: is_stale(self.facts),
            evidence: evidence(self.source, observation),
            witnesses: Vec::new(),
            id,
        }
    }

    /// What runs the instances, the newest first.
    fn workloads(&self, mut found: Vec<(&'a WorkloadFact, &'a Arc<Observation>)>) -> Vec<Workload> {
        found.sort_by(|(a, _), (b, _)| b.created.cmp(&a.created).then_with(|| a.uid.cmp(&b.uid)));
        let workload = |(fact, seen): (&WorkloadFact, &Arc<Observation>)| Workload {
            fact: fact.clone(),
            evidence: evidence(self.source, seen),
        };
        found.into_iter().map(workload).collect()
    }

    fn check(&self, fact: &CheckFact, observation: &Arc<Observation>) -> Check {
        let mut check = check_of(self.source, fact, observation, None, self.now);
        check.since = since(self.past.check(&check.id), &check.health, self.now);
        check
    }
}

/// A check with the state that it had before, if it was there.
pub(super) fn check_of(
    source: &SourceId,
    fact: &CheckFact,
    observation: &Arc<Observation>,
    past: Option<(Health, Since)>,
    now: Timestamp,
) -> Check {
    let (node, of_node) = match &fact.subject {
        CheckSubject::Node(node) => (node, true),
        CheckSubject::Instance { node, .. } => (node, false),
    };
    let health = Health::from(fact.status);
    Check {
        id: CheckId::from(format!("{source}/{node}/{}", fact.id)),
        name: fact.name.clone(),
        health,
        output: fact.output.clone(),
        method: fact.method.clone(),
        of_node,
        since: since(past, &health, now),
        evidence: evidence(source, observation),
    }
}

/// The worst first.
pub(super) fn in_order(a: &Check, b: &Check) -> Ordering {
    b.health.cmp(&a.health).then_with(|| a.id.cmp(&b.id))
}

/// The health of an instance with these checks. Consul defines one without any as passing.
pub(super) fn worst_of(checks: &[Check]) -> Health {
    checks.iter().map(|check| check.health).max().unwrap_or(Health::Passing)
}

/// Gives each service the latest events of its own and of its instances. What is about nothing that is known is nobody's.
fn hand_out<'a>(events: Vec<(&'a EventFact, &'a Arc<Observation>)>, drafts: &mut BTreeMap<&'a ServiceName, Draft<'a>>) {
    if events.is_empty() {
        return;
    }
    let pairs =
        drafts.iter().flat_map(|(name, draft)| draft.instances.iter().map(|(fact, _)| (fact.id.clone(), *name)));
    let owners: BTreeMap<Arc<str>, &'a ServiceName> = pairs.collect();
    for event in events {
        let service = match &event.0.about {
            EventSubject::Instance(id) => owners.get(id).copied(),
            EventSubject::Service(name) => Some(name),
            EventSubject::Node(_) | EventSubject::Other(_) => None,
        };
        if let Some(draft) = service.and_then(|name| drafts.get_mut(name)) {
            draft.events.push(event);
        }
    }
    for draft in drafts.values_mut() {
        draft.events.sort_by(|(a, seen_a), (b, seen_b)| {
            b.last.cmp(&a.last).then_with(|| seen_a.object.key.cmp(&seen_b.object.key))
        });
        draft.events.truncate(EVENTS_KEPT);
    }
}

/// The worst of the instances that are to stay, and of what runs them. One on its way out counts only when nothing else does.
pub(super) fn rollup(instances: &[Arc<Instance>], workloads: &[Workload]) -> Health {
    let worst = |leaving: bool| {
        let counted = instances.iter().filter(move |instance| instance.terminating.is_some() == leaving);
        counted.map(|instance| instance.health).max()
    };
    let (staying, ruled) = (worst(false), workload_health(workloads, worst(false)));
    staying.max(ruled).or_else(|| worst(true)).unwrap_or(Health::Unknown)
}

/// What workloads say of their service. Of runs that follow each other only the newest counts.
fn workload_health(workloads: &[Workload], instances: Option<Health>) -> Option<Health> {
    let runs = workloads.iter().filter(|workload| workload.fact.kind == WorkloadKind::Job).take(1);
    let others = workloads.iter().filter(|workload| workload.fact.kind != WorkloadKind::Job);
    runs.chain(others).map(|workload| health_of(&workload.fact, instances)).max()
}

fn health_of(workload: &WorkloadFact, instances: Option<Health>) -> Health {
    let none_ready = workload.desired.is_some_and(|desired| desired > 0) && workload.ready == Some(0);
    match workload.state {
        RolloutState::Stalled if instances == Some(Health::Passing) => Health::Warning,
        RolloutState::Stalled | RolloutState::Failed => Health::Critical,
        RolloutState::Degraded if none_ready => Health::Critical,
        RolloutState::Degraded => Health::Warning,
        // What is wrong with a rollout that goes on, its instances say.
        RolloutState::Progressing | RolloutState::Paused if instances.is_none() => Health::Warning,
        RolloutState::ScaledToZero | RolloutState::Suspended => Health::Maintenance,
        RolloutState::Unknown if instances.is_none() => Health::Unknown,
        RolloutState::Complete
        | RolloutState::Progressing
        | RolloutState::Paused
        | RolloutState::Running
        | RolloutState::Succeeded
        | RolloutState::Waiting
        | RolloutState::Unknown => Health::Passing,
    }
}

/// Sums up at each callee what its callers measure.
pub(super) fn add_signals(services: &mut BTreeMap<ServiceId, Service>, edges: &BTreeMap<EdgeId, Edge>) {
    for edge in edges.values() {
        if let Some(callee) = services.get_mut(&edge.to) {
            callee.signals = callee.signals.and(&edge.signals);
        }
    }
}

/// What services count themselves of the calls that they answer: it holds the calls of callers that count nothing, so it stands in
/// place of what callers measure. Instances are summed for each protocol; of several dialects and sources, which may count the
/// same calls, one is believed: a current one first, then the one that counted most. One that counted nothing while callers
/// count calls does not count these: they fail on their way, or come by a protocol that it does not count.
pub(super) fn take_served(
    services: &mut BTreeMap<ServiceId, Service>,
    store: &Store,
    directory: &Directory,
    before: &Snapshot,
    now: Timestamp,
) {
    let mut said: BTreeMap<ServiceId, Vec<(bool, Evidence)>> = BTreeMap::new();
    for (source, facts) in store.sources() {
        let current = !is_stale(facts);
        for observation in facts.observations() {
            let Fact::Served(fact) = &observation.fact else { continue };
            let Some(found) = directory.find(&fact.process, None) else { continue };
            // What counts and is neither registered nor called has no place in the picture: a database's exporter, this server itself.
            if !services.contains_key(&found.id) {
                continue;
            }
            settle(services, &found, source, before, now);
            if fact.signals.rps.is_some() {
                said.entry(found.id).or_default().push((current, evidence(source, observation)));
            }
        }
    }
    for (id, said) in said {
        let own = counts::believed(said.iter().map(|(current, one)| (*current, one))).signals;
        let is_called = |service: &Service| service.signals.rps.is_some_and(|rps| rps > 0.0);
        let counts_nothing = own.rps.is_some_and(|rps| rps <= 0.0);
        if let Some(service) = services.get_mut(&id).filter(|service| !(counts_nothing && is_called(service))) {
            service.signals = own;
            service.counted = said.into_iter().map(|(_, one)| one).collect();
        }
    }
}
