//! One service, several witnesses: which services of different sources are the same thing, and why.
//!
//! Two services are candidates when instances of theirs are the same process: named by the other side (a Pod's uid in a
//! registration), at the same address of the same network at the same time, or the one at an address in front of the other.
//! An equal name joins last, and only where nothing speaks against it. The best candidates are joined first, and a joined
//! service never holds two services of one kind of source: a registry that has two names means two services. Of two equally
//! good candidates neither is taken.
//!
//! All of it is a function of the facts: whoever comes first does not matter. The joined service goes by the id of its
//! highest witness ([`rank`]); every other witness's id stays good as another name for it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;

use super::fronts::Fronts;
use super::services::service_id;
use super::since;
use crate::fact::{Fact, NetworkScope, ServiceName};
use crate::id::{InstanceId, ServiceId, SourceId, SourceKind};
use crate::snapshot::{Facet, Health, Instance, JoinReason, Service, ServiceRole, Snapshot};
use crate::store::Store;

/// Joined services, and the ids that lead to them besides their own.
pub(super) struct Joined {
    pub(super) services: BTreeMap<ServiceId, Service>,
    pub(super) aliases: BTreeMap<ServiceId, ServiceId>,
}

/// Joins what several sources say of the same service.
pub(super) fn join(
    found: BTreeMap<ServiceId, Service>,
    store: &Store,
    fronts: &Fronts,
    before: &Snapshot,
    now: Timestamp,
) -> Joined {
    let kinds: BTreeSet<Option<SourceKind>> = found.values().map(kind).collect();
    if kinds.len() < 2 {
        return Joined { services: found, aliases: BTreeMap::new() };
    }
    let groups = {
        let evidence = Evidence::of(&found, store, fronts);
        let mut groups = Groups::default();
        for candidate in evidence.candidates(&found) {
            groups.unite(&found, &candidate);
        }
        for candidate in same_names(&found, &groups) {
            groups.unite(&found, &candidate);
        }
        groups.with_pairs(evidence.pairs)
    };
    groups.build(found, before, now)
}

fn source(service: &Service) -> Option<&SourceId> {
    service.facets.first().map(|facet| &facet.source)
}

fn kind(service: &Service) -> Option<SourceKind> {
    source(service).and_then(SourceId::kind)
}

/// Whose id and name stand for the whole: the one that knows the processes best.
fn rank(service: &Service) -> (u8, &ServiceId) {
    let rank = match kind(service) {
        Some(SourceKind::Kube) => 0,
        Some(SourceKind::Consul) => 1,
        _ => 2,
    };
    (rank, &service.id)
}

fn same_name(a: &Service, b: &Service) -> bool {
    let spaces = (&a.namespace, &b.namespace);
    a.name == b.name && (spaces.0 == spaces.1 || spaces.0.is_none() || spaces.1.is_none())
}

/// An instance in its place.
#[derive(Clone, Copy)]
struct Placed<'a> {
    service: &'a Service,
    instance: &'a Instance,
}

/// How much speaks for two services being one.
#[derive(Clone, Debug, Default)]
struct Tally {
    /// Instances of one that the other names.
    named: u32,
    /// Instances that are the same, in whatever way that is known.
    shared: u32,
    /// Of these, those that agree on the port that stands first.
    first_port: u32,
    /// Instances of the lower one that are registered at an address in front of the higher one.
    in_front: u32,
}

/// Two services that may be one. The greatest is the best.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Candidate {
    reason: std::cmp::Reverse<JoinReason>,
    same_name: bool,
    /// Shared of all instances of the one with more, in thousandths; then the same for the first port.
    shared: u32,
    first_port: u32,
    pair: std::cmp::Reverse<(ServiceId, ServiceId)>,
}

impl Candidate {
    /// All that counts: two candidates that differ in nothing of this are equally good.
    fn merit(&self) -> (std::cmp::Reverse<JoinReason>, bool, u32, u32) {
        (self.reason, self.same_name, self.shared, self.first_port)
    }
}

type Pair = (ServiceId, ServiceId);

/// Everything that the instances say, the higher witness first in each pair.
struct Evidence {
    tallies: BTreeMap<Pair, Tally>,
    pairs: BTreeMap<Pair, Vec<(InstanceId, InstanceId)>>,
}

impl Evidence {
    fn of(found: &BTreeMap<ServiceId, Service>, store: &Store, fronts: &Fronts) -> Self {
        let mut evidence = Self { tallies: BTreeMap::new(), pairs: BTreeMap::new() };
        let mut undeclared: BTreeMap<Pair, Vec<(Placed<'_>, Placed<'_>)>> = BTreeMap::new();
        let networks = Networks::of(store);
        let confirmed = Confirmed::of(store);
        let all = || {
            found
                .values()
                .flat_map(|service| service.instances.iter().map(move |one| Placed { service, instance: one }))
        };
        let mut by_address: BTreeMap<&str, Vec<Placed<'_>>> = BTreeMap::new();
        let mut by_id: BTreeMap<&str, Vec<Placed<'_>>> = BTreeMap::new();
        for placed in all() {
            if !placed.instance.address.is_empty() {
                by_address.entry(&placed.instance.address).or_default().push(placed);
            }
            if let Some(uid) = &placed.instance.uid {
                by_id.entry(uid).or_default().push(placed);
                by_id.entry(&placed.instance.native_id).or_default().push(placed);
            }
        }
        for placed in all() {
            for name in names_of_pod(placed.instance) {
                for other in by_id.get(&*name).into_iter().flatten() {
                    if kind(placed.service) != kind(other.service) && networks.may_meet(placed, *other) {
                        evidence.note(*other, placed, true);
                    }
                }
            }
        }
        for bucket in by_address.values() {
            for (at, a) in bucket.iter().enumerate() {
                for b in bucket.iter().skip(at + 1) {
                    if kind(a.service) == kind(b.service)
                        || !networks.may_meet(*a, *b)
                        || !confirmed.lived_together(*a, *b)
                    {
                        continue;
                    }
                    if same_port(a.instance, b.instance, same_name(a.service, b.service)) {
                        evidence.note(*a, *b, false);
                    } else if !shares_address(a.instance, b.instance) {
                        let (a, b) = in_order(*a, *b);
                        undeclared.entry((a.service.id.clone(), b.service.id.clone())).or_default().push((a, b));
                    }
                }
            }
        }
        evidence.take_undeclared(undeclared);
        for placed in all().filter(|placed| kind(placed.service) != Some(SourceKind::Kube)) {
            let behind = fronts.owner(&placed.instance.address, placed.instance.port);
            if let Some(higher) = behind.and_then(|id| found.get(id)) {
                let pair = (higher.id.clone(), placed.service.id.clone());
                evidence.tallies.entry(pair).or_default().in_front += 1;
            }
        }
        evidence
    }

    /// Instances at one address whose ports do not agree are the same all the same when two services share several addresses and
    /// have no other: the port is one that the Pod does not declare, and that so many addresses were used again is no chance.
    fn take_undeclared(&mut self, undeclared: BTreeMap<Pair, Vec<(Placed<'_>, Placed<'_>)>>) {
        for (pair, shared) in undeclared {
            let Some((a, b)) = shared.first() else { continue };
            let agreeing = self.tallies.get(&pair).map_or(0, |tally| tally.shared);
            let all = u32::try_from(shared.len()).unwrap_or(u32::MAX).saturating_add(agreeing);
            if all >= 2 && placed_instances(a.service) == all && placed_instances(b.service) == all {
                for (a, b) in &shared {
                    self.note(*a, *b, false);
                }
            }
        }
    }

    fn note(&mut self, a: Placed<'_>, b: Placed<'_>, named: bool) {
        let (a, b) = in_order(a, b);
        let pair = (a.service.id.clone(), b.service.id.clone());
        let instances = (a.instance.id.clone(), b.instance.id.clone());
        let pairs = self.pairs.entry(pair.clone()).or_default();
        let tally = self.tallies.entry(pair).or_default();
        if pairs.contains(&instances) {
            return;
        }
        tally.shared += 1;
        tally.named += u32::from(named);
        tally.first_port += u32::from(a.instance.port == b.instance.port);
        pairs.push(instances);
    }

    /// Candidates that have enough for them, the best first.
    fn candidates(&self, found: &BTreeMap<ServiceId, Service>) -> Vec<Candidate> {
        let scored = self.tallies.iter().filter_map(|((a, b), tally)| {
            let (a, b) = (found.get(a)?, found.get(b)?);
            let of = placed_instances(a).max(placed_instances(b)).max(1);
            let thousandths = |count: u32| count.saturating_mul(1000) / of;
            let same_name = same_name(a, b);
            let in_front = tally.in_front.saturating_mul(1000) / placed_instances(b).max(1);
            let shared = thousandths(tally.shared).max(in_front);
            let enough = tally.named > 0 || same_name || (shared >= 500 && !is_crossed(found, a, b));
            let reason = if tally.named > 0 { JoinReason::Explicit } else { JoinReason::Instances };
            enough.then(|| Candidate {
                reason: std::cmp::Reverse(reason),
                same_name,
                shared,
                first_port: thousandths(tally.first_port),
                pair: std::cmp::Reverse((a.id.clone(), b.id.clone())),
            })
        });
        best_first(found, scored.collect())
    }
}

/// The higher witness first.
fn in_order<'a>(a: Placed<'a>, b: Placed<'a>) -> (Placed<'a>, Placed<'a>) {
    if rank(a.service) < rank(b.service) { (a, b) } else { (b, a) }
}

/// Whether the lower one has the name of something that runs right beside the higher one: then what they share is an address that
/// went from the one to the other, and the registration is left over.
fn is_crossed(found: &BTreeMap<ServiceId, Service>, higher: &Service, lower: &Service) -> bool {
    let beside = ServiceName { namespace: higher.namespace.clone(), name: lower.name.clone() };
    source(higher).is_some_and(|source| found.contains_key(&service_id(source, &beside)))
}

fn placed_instances(service: &Service) -> u32 {
    let counted = service.instances.iter().filter(|one| !one.address.is_empty() && one.terminating.is_none());
    u32::try_from(counted.count()).unwrap_or(u32::MAX)
}

/// Sorts, and drops candidates of which a service has two that are equally good and lead to two services of one kind.
fn best_first(found: &BTreeMap<ServiceId, Service>, mut candidates: Vec<Candidate>) -> Vec<Candidate> {
    candidates.sort_by(|a, b| b.cmp(a));
    let mut best: BTreeMap<(&ServiceId, Option<SourceKind>), Vec<&Candidate>> = BTreeMap::new();
    for candidate in &candidates {
        let (a, b) = &candidate.pair.0;
        for (one, other) in [(a, b), (b, a)] {
            let rivals = best.entry((one, found.get(other).and_then(kind))).or_default();
            if rivals.first().is_none_or(|first| first.merit() == candidate.merit()) {
                rivals.push(candidate);
            }
        }
    }
    let undecided: BTreeSet<Candidate> =
        best.into_values().filter(|rivals| rivals.len() > 1).flatten().cloned().collect();
    candidates.retain(|candidate| !undecided.contains(candidate));
    candidates
}

/// Services of one name that are alone with it in their kind of source, where nothing speaks against their being one: that
/// would be two sets of addresses that have nothing in common.
fn same_names(found: &BTreeMap<ServiceId, Service>, groups: &Groups) -> Vec<Candidate> {
    let mut by_name: BTreeMap<&str, Vec<&Service>> = BTreeMap::new();
    for service in found.values() {
        by_name.entry(&service.name).or_default().push(service);
    }
    let mut candidates = Vec::new();
    for services in by_name.values() {
        let mut of_kind: BTreeMap<Option<SourceKind>, Vec<&Service>> = BTreeMap::new();
        for service in services {
            of_kind.entry(kind(service)).or_default().push(service);
        }
        if of_kind.values().any(|of_one| of_one.len() > 1) {
            continue;
        }
        let mut alone: Vec<&Service> = of_kind.into_values().flatten().collect();
        alone.sort_by_key(|service| rank(service));
        for (at, a) in alone.iter().enumerate() {
            for b in alone.iter().skip(at + 1) {
                let apart = placed_instances(a) > 0 && placed_instances(b) > 0;
                if same_name(a, b) && !apart && !groups.together(&a.id, &b.id) {
                    candidates.push(Candidate {
                        reason: std::cmp::Reverse(JoinReason::Name),
                        same_name: true,
                        shared: 0,
                        first_port: 0,
                        pair: std::cmp::Reverse((a.id.clone(), b.id.clone())),
                    });
                }
            }
        }
    }
    candidates.sort_by(|a, b| b.cmp(a));
    candidates
}

/// What consul-k8s writes into a registration about the Pod behind it: its uid, and its namespace with its name.
fn names_of_pod(instance: &Instance) -> Vec<Arc<str>> {
    let mut names: Vec<Arc<str>> = instance.meta.get("pod-uid").cloned().into_iter().collect();
    if let (Some(namespace), Some(pod)) = (instance.meta.get("k8s-namespace"), instance.meta.get("pod-name")) {
        names.push(Arc::from(format!("{namespace}/{pod}")));
    }
    names
}

/// Whether others may have the same address.
fn shares_address(a: &Instance, b: &Instance) -> bool {
    [a, b].iter().any(|one| one.network == Some(NetworkScope::Node))
}

/// Whether two instances at one address listen at the same port. A Pod's address is its own and its declared ports are no
/// more than a note, so that an undeclared one speaks against it only when the names differ as well.
fn same_port(a: &Instance, b: &Instance, same_name: bool) -> bool {
    let listens =
        |one: &Instance, port: u16| one.port == port || one.ports.iter().any(|declared| declared.port == port);
    if shares_address(a, b) {
        return a.port != 0 && b.port != 0 && (listens(a, b.port) || listens(b, a.port));
    }
    same_name || a.port == 0 || b.port == 0 || listens(a, b.port) || listens(b, a.port)
}

/// In which cluster's network a node of another source stands, where node names tell.
struct Networks<'a> {
    clusters: BTreeMap<&'a str, Option<&'a SourceId>>,
}

impl<'a> Networks<'a> {
    fn of(store: &'a Store) -> Self {
        let mut clusters: BTreeMap<&str, Option<&SourceId>> = BTreeMap::new();
        for (source, facts) in store.sources() {
            if source.kind() != Some(SourceKind::Kube) {
                continue;
            }
            for observation in facts.observations() {
                if let Fact::Node(node) = &observation.fact {
                    clusters
                        .entry(&node.name)
                        .and_modify(|known| *known = known.filter(|known| *known == source))
                        .or_insert(Some(source));
                }
            }
        }
        Self { clusters }
    }

    /// The network of an instance, where it is known.
    fn of_instance(&self, placed: Placed<'_>) -> Option<SourceId> {
        let own = source(placed.service)?;
        if own.kind() == Some(SourceKind::Kube) {
            return Some(own.clone());
        }
        let node = placed.instance.node.as_deref()?;
        // consul-k8s registers on a node of this name beside the real one.
        let node = node.strip_suffix("-virtual").unwrap_or(node);
        self.clusters.get(node).copied().flatten().cloned()
    }

    fn may_meet(&self, a: Placed<'_>, b: Placed<'_>) -> bool {
        match (self.of_instance(a), self.of_instance(b)) {
            (Some(a), Some(b)) => a == b,
            _ => true,
        }
    }
}

/// Until when what a source states is known to have been so. Current sources are known to be right now.
struct Confirmed<'a> {
    until: BTreeMap<&'a SourceId, Timestamp>,
}

impl<'a> Confirmed<'a> {
    fn of(store: &'a Store) -> Self {
        let ended = store.sources().iter().filter_map(|(source, facts)| {
            let status = facts.status.as_ref()?;
            (!status.state.is_current()).then_some((source, status.since))
        });
        Self { until: ended.collect() }
    }

    /// Addresses are used again: a registration does not mean an instance that was started after it was last known to hold,
    /// nor, under another name, one that was started after it was made.
    fn lived_together(&self, a: Placed<'_>, b: Placed<'_>) -> bool {
        let dead = |old: Placed<'_>, new: Placed<'_>| {
            let Some(started) = new.instance.started else { return false };
            let until = source(old.service).and_then(|source| self.until.get(source));
            let gone = until.is_some_and(|until| *until < started);
            let older = old.instance.started.is_none() && old.instance.evidence.observation.seen < started;
            gone || (older && !same_name(old.service, new.service))
        };
        !dead(a, b) && !dead(b, a)
    }
}

/// Services that are one, by the id of the highest of them.
#[derive(Default)]
struct Groups {
    group_of: BTreeMap<ServiceId, usize>,
    members: Vec<Vec<(ServiceId, Option<JoinReason>)>>,
    pairs: BTreeMap<Pair, Vec<(InstanceId, InstanceId)>>,
}

impl Groups {
    fn with_pairs(mut self, pairs: BTreeMap<Pair, Vec<(InstanceId, InstanceId)>>) -> Self {
        self.pairs = pairs;
        self
    }

    fn together(&self, a: &ServiceId, b: &ServiceId) -> bool {
        matches!((self.group_of.get(a), self.group_of.get(b)), (Some(a), Some(b)) if a == b)
    }

    fn place(&mut self, id: &ServiceId) -> usize {
        if let Some(group) = self.group_of.get(id) {
            return *group;
        }
        self.members.push(vec![(id.clone(), None)]);
        self.group_of.insert(id.clone(), self.members.len() - 1);
        self.members.len() - 1
    }

    /// Makes one of two groups, unless that would hold two services of one kind of source.
    fn unite(&mut self, found: &BTreeMap<ServiceId, Service>, candidate: &Candidate) {
        let (a, b) = &candidate.pair.0;
        let (to, from) = (self.place(a), self.place(b));
        if to == from {
            return;
        }
        let kinds = |groups: &Self, group: usize| -> Vec<Option<SourceKind>> {
            let members = groups.members.get(group).map_or(&[][..], Vec::as_slice);
            members.iter().map(|(id, _)| found.get(id).and_then(kind)).collect()
        };
        let (here, there) = (kinds(self, to), kinds(self, from));
        if here.iter().any(|kind| there.contains(kind)) {
            return;
        }
        let moved = self.members.get_mut(from).map(std::mem::take).unwrap_or_default();
        for (id, reason) in moved {
            self.group_of.insert(id.clone(), to);
            // Whoever was the first of its own group is joined by this.
            let reason = reason.or(Some(candidate.reason.0));
            if let Some(members) = self.members.get_mut(to) {
                members.push((id, reason));
            }
        }
    }

    fn build(self, mut found: BTreeMap<ServiceId, Service>, before: &Snapshot, now: Timestamp) -> Joined {
        let mut aliases = BTreeMap::new();
        for mut members in self.members.into_iter().filter(|members| members.len() > 1) {
            members.sort_by(|(a, _), (b, _)| found.get(a).map(rank).cmp(&found.get(b).map(rank)));
            // The first gives the id; why the others are joined is said with them.
            let reason = members.iter().find_map(|(_, reason)| *reason);
            let mut services = members.into_iter().filter_map(|(id, why)| Some((found.remove(&id)?, why)));
            let Some((mut whole, _)) = services.next() else { continue };
            let mut hosts = Hosts::default();
            let mut taken_in = vec![whole.id.clone()];
            for (witness, why) in services {
                aliases.insert(witness.id.clone(), whole.id.clone());
                let to = |higher: &ServiceId| self.pairs.get(&(higher.clone(), witness.id.clone()));
                let pairs: Vec<_> = taken_in.iter().filter_map(to).flatten().cloned().collect();
                taken_in.push(witness.id.clone());
                absorb(&mut whole, witness, why.or(reason), &pairs, &mut hosts);
            }
            settle(&mut whole, &taken_in, before, now);
            found.insert(whole.id.clone(), whole);
        }
        Joined { services: found, aliases }
    }
}

/// Which instance of the whole an instance went into that had an id of its own.
type Hosts = BTreeMap<InstanceId, InstanceId>;

/// Takes another witness's view in.
fn absorb(
    whole: &mut Service,
    witness: Service,
    why: Option<JoinReason>,
    pairs: &[(InstanceId, InstanceId)],
    hosts: &mut Hosts,
) {
    whole.facets.extend(witness.facets.into_iter().map(|facet| Facet { joined_by: why, ..facet }));
    whole.health = whole.health.max(witness.health);
    whole.stale &= witness.stale;
    whole.tags.extend(witness.tags);
    whole.workloads.extend(witness.workloads);
    whole.evidence.extend(witness.evidence);
    if whole.role == ServiceRole::Service {
        whole.role = witness.role;
    }
    if whole.namespace.is_none() {
        whole.namespace = witness.namespace;
    }
    let mut places: BTreeMap<InstanceId, usize> =
        whole.instances.iter().enumerate().map(|(at, one)| (one.id.clone(), at)).collect();
    let mut wanted: BTreeMap<&InstanceId, Vec<&InstanceId>> = BTreeMap::new();
    for (here, there) in pairs {
        wanted.entry(there).or_default().push(hosts.get(here).unwrap_or(here));
    }
    let mut newly_hosted = Vec::new();
    for instance in witness.instances {
        let same = wanted.get(&instance.id).into_iter().flatten();
        // An instance is one other instance at most: its place is taken with it.
        let place = same.copied().find_map(|here| places.remove(here));
        match place.and_then(|at| whole.instances.get_mut(at)) {
            Some(host) => {
                newly_hosted.push((instance.id.clone(), host.id.clone()));
                *host = Arc::new(both(host, &instance));
            }
            None => whole.instances.push(instance),
        }
    }
    hosts.extend(newly_hosted);
    whole.instances.sort_by(|a, b| a.id.cmp(&b.id));
}

/// One instance that two sources know.
fn both(here: &Instance, there: &Instance) -> Instance {
    let mut one = here.clone();
    one.checks.extend(there.checks.iter().cloned());
    one.checks.sort_by(|a, b| b.health.cmp(&a.health).then_with(|| a.id.cmp(&b.id)));
    one.health = here.health.max(there.health);
    one.stale = here.stale && there.stale;
    one.sidecar |= there.sidecar;
    // A registry names the port that callers use, a Pod whichever it declares first.
    if there.port != 0 {
        one.port = there.port;
    }
    one.tags.extend(there.tags.iter().filter(|tag| !here.tags.contains(tag)).cloned());
    for (key, value) in &there.meta {
        one.meta.entry(key.clone()).or_insert_with(|| value.clone());
    }
    one.witnesses.push(there.evidence.clone());
    one.witnesses.extend(there.witnesses.iter().cloned());
    one
}

/// Brings what follows from the parts up to date. A state is as old as it was under whichever id it had before.
fn settle(whole: &mut Service, known_as: &[ServiceId], before: &Snapshot, now: Timestamp) {
    whole.tags.sort();
    whole.tags.dedup();
    let old = known_as.iter().find_map(|id| before.services.get(id));
    let past: BTreeMap<&InstanceId, (Health, crate::snapshot::Since)> =
        old.iter().flat_map(|old| &old.instances).map(|one| (&one.id, (one.health, one.since))).collect();
    whole.since = since(old.map(|old| (old.health, old.since)), &whole.health, now);
    for instance in whole.instances.iter_mut().filter(|one| !one.witnesses.is_empty()) {
        let state = since(past.get(&instance.id).copied(), &instance.health, now);
        if instance.since != state {
            let mut changed = Instance::clone(instance);
            changed.since = state;
            *instance = Arc::new(changed);
        }
    }
}
