//! The short way for the changes that are the most frequent: a label of a Pod, and what is said of its readiness. They change
//! one service and nothing else in the picture, so that it need not be derived as a whole. Whatever is not surely so takes
//! the long way; a property test holds that both ways lead to the same picture.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use super::services::{check_of, in_order, rollup, service_id, worst_of};
use super::{declared, evidence, limits, policies, since};
use crate::fact::{CheckFact, CheckSubject, Fact, InstanceFact, InstanceRole, Observation};
use crate::id::{ServiceId, SourceId, SourceKind};
use crate::snapshot::{Evidence, Instance, Service, Snapshot};
use crate::store::{Replaced, Store, Touched};

/// All services after the change; `None` when it may have changed more than single services.
pub(super) fn services(
    store: &Store,
    touched: &Touched,
    before: &Snapshot,
    now: Timestamp,
) -> Option<BTreeMap<ServiceId, Arc<Service>>> {
    // A target is held against its Pod: what changes there may begin or end a disagreement.
    if before.sources.keys().any(|source| source.kind() == Some(SourceKind::Prometheus)) {
        return None;
    }
    let mut patched = Patched { store, before, now, services: BTreeMap::new() };
    for replaced in touched.few.facts()? {
        patched.take(replaced)?;
    }
    let mut services = BTreeMap::clone(&before.services);
    for (id, service) in patched.services {
        if before.services.get(&id).is_none_or(|old| **old != service) {
            services.insert(id, Arc::new(service));
        }
    }
    Some(services)
}

struct Patched<'a> {
    store: &'a Store,
    before: &'a Snapshot,
    now: Timestamp,
    services: BTreeMap<ServiceId, Service>,
}

impl Patched<'_> {
    fn take(&mut self, replaced: &Replaced) -> Option<()> {
        let Replaced { source, old, new } = replaced;
        let facts = (old.as_ref().map(|one| &one.fact), new.as_ref().map(|one| &one.fact));
        match (facts, new) {
            ((Some(Fact::Instance(was)), Some(Fact::Instance(is))), Some(new)) => self.instance(source, was, is, new),
            ((Some(Fact::Check(was)), Some(Fact::Check(is))), _) if was.subject != is.subject => None,
            ((Some(Fact::Check(fact)), None) | (_, Some(Fact::Check(fact))), _) => {
                let object = old.as_ref().or(new.as_ref())?;
                self.check(source, fact, object, new.as_ref())
            }
            _ => None,
        }
    }

    /// Labels and annotations are another set, and nothing else is.
    fn instance(
        &mut self,
        source: &SourceId,
        was: &InstanceFact,
        is: &InstanceFact,
        new: &Arc<Observation>,
    ) -> Option<()> {
        let alike = InstanceFact { meta: is.meta.clone(), ..was.clone() } == *is;
        // Only a Pod's is never read as the name of something else.
        let plain = is.uid.is_some() && is.role == InstanceRole::Service && is.upstreams.is_empty();
        if !alike || !plain || self.selects_otherwise(source, was, is) || self.is_disputed(source, new) {
            return None;
        }
        let service = self.alone(&service_id(source, &is.service), source)?;
        let place = service.instances.iter().position(|one| one.native_id == is.id && one.witnesses.is_empty())?;
        let held = service.instances.get_mut(place)?;
        *held = Arc::new(Instance { meta: is.meta.clone(), evidence: evidence(source, new), ..Instance::clone(held) });
        let object = &new.object;
        for by in service.evidence.iter_mut().filter(|by| by.source == *source && by.observation.object == *object) {
            *by = evidence(source, new);
        }
        Some(())
    }

    /// Whether a cluster service, a network policy or a mesh's rule selects the one and not the other, or only one of them is a
    /// gateway's.
    fn selects_otherwise(&self, source: &SourceId, was: &InstanceFact, is: &InstanceFact) -> bool {
        let told_apart = declared::tell_apart(was, is) || policies::tell_apart(self.store, source, was, is);
        let told_apart = told_apart || limits::tell_apart(self.store, source, was, is);
        told_apart || self.is_another_backend(source, was, is)
    }

    fn is_another_backend(&self, source: &SourceId, was: &InstanceFact, is: &InstanceFact) -> bool {
        self.before.cluster_services.values().any(|front| {
            let selects =
                |one: &InstanceFact| front.fact.selector.iter().all(|(key, value)| one.meta.get(key) == Some(value));
            front.fact.name.namespace == is.service.namespace
                && front.evidence.source == *source
                && selects(was) != selects(is)
        })
    }

    /// Whether an object stands as evidence in a disagreement.
    fn is_disputed(&self, source: &SourceId, object: &Observation) -> bool {
        let claims = self.before.disagreements.values().flat_map(|one| &one.claims);
        let mut evidence = claims.filter_map(|claim| claim.evidence.as_ref());
        evidence.any(|by| by.source == *source && by.observation.object == object.object)
    }

    fn check(
        &mut self,
        source: &SourceId,
        fact: &CheckFact,
        object: &Arc<Observation>,
        new: Option<&Arc<Observation>>,
    ) -> Option<()> {
        let CheckSubject::Instance { node, id } = &fact.subject else { return None };
        let is_it = |one: &Instance| {
            one.native_id == *id && one.uid.is_some() && one.node.as_deref().unwrap_or_default() == &**node
        };
        let mut of_source =
            self.before.services.values().filter(|service| service.instances.iter().any(|one| is_it(one)));
        let (found, other) = (of_source.next()?.id.clone(), of_source.next());
        if other.is_some() {
            return None;
        }
        let now = self.now;
        let service = self.alone(&found, source)?;
        let place = service.instances.iter().position(|one| is_it(one) && one.witnesses.is_empty())?;
        let held = service.instances.get_mut(place)?;
        let mut instance = Instance::clone(held);
        let is_old = |by: &Evidence| by.source == *source && by.observation.object == object.object;
        let was = instance.checks.iter().position(|check| is_old(&check.evidence));
        let was = was.map(|place| instance.checks.remove(place));
        if let Some((new, Fact::Check(fact))) = new.map(|new| (new, &new.fact)) {
            let past = was.map(|was| (was.health, was.since));
            instance.checks.push(check_of(source, fact, new, past, now));
        }
        instance.checks.sort_by(in_order);
        instance.health = worst_of(&instance.checks);
        instance.since = since(Some((held.health, held.since)), &instance.health, now);
        *held = Arc::new(instance);
        let health = rollup(&service.instances, &service.workloads);
        service.since = since(Some((service.health, service.since)), &health, now);
        service.health = health;
        Some(())
    }

    /// A service that its source alone states, as it is by now.
    fn alone(&mut self, id: &ServiceId, source: &SourceId) -> Option<&mut Service> {
        if !self.services.contains_key(id) {
            let service = self.before.services.get(id)?;
            let joined = self.before.aliases.values().any(|whole| whole == id);
            if joined || service.facets.first().is_none_or(|facet| facet.source != *source) {
                return None;
            }
            self.services.insert(id.clone(), Service::clone(service));
        }
        self.services.get_mut(id)
    }
}
