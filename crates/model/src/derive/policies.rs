//! Network policies: who may reach whom by them. A policy that names the other end by its labels declares the calls; one that permits
//! everybody, or a whole namespace, declares nothing. Calls that are counted although no policy of the callee lets them in, or none of
//! the caller lets them out, are denied: a network that does not carry policies out lets them pass.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::declared::{Says, Stated, catalogued, id_of};
use super::is_stale;
use super::parties::{Directory, Found};
use crate::fact::{
    CallsBasis, Direction, Fact, InstanceFact, LabelSelector, NETWORK_POLICIES, Namespaces, NetworkPeer,
    NetworkPolicyFact, NetworkScope, Observation, Protocol, ServiceName,
};
use crate::id::{ServiceId, SourceId};
use crate::store::{SourceFacts, Store};

type Labels = BTreeMap<Arc<str>, Arc<str>>;

/// The policies of all clusters.
pub(super) struct Policies<'a> {
    clusters: Vec<Cluster<'a>>,
}

/// One cluster with policies.
struct Cluster<'a> {
    source: &'a SourceId,
    stale: bool,
    /// Whether all policies are seen: one that is not might permit more.
    whole: bool,
    policies: Vec<(&'a NetworkPolicyFact, &'a Observation)>,
    services: BTreeMap<ServiceId, Group<'a>>,
}

/// The Pods of one service, as far as policies tell them apart.
struct Group<'a> {
    name: &'a ServiceName,
    /// Their labels, each set once.
    labels: BTreeSet<&'a Labels>,
    /// True when one of them has its node's address, which policies do not speak of.
    on_node: bool,
}

impl Group<'_> {
    fn namespace(&self) -> &str {
        self.name.namespace.as_deref().unwrap_or_default()
    }
}

impl<'a> Policies<'a> {
    /// Finds which Pods the policies are about.
    pub(super) fn of(store: &'a Store, directory: &Directory) -> Self {
        let clusters = store.sources().iter().filter_map(|(source, facts)| Cluster::of(source, facts, directory));
        Self { clusters: clusters.collect() }
    }

    /// Every call of which a policy names the caller.
    pub(super) fn declared(&self) -> Vec<Stated> {
        self.clusters.iter().flat_map(Cluster::declared).collect()
    }

    /// Which policies deny calls that were counted between two services.
    pub(super) fn denials(&self, from: &ServiceId, to: &ServiceId) -> Vec<Stated> {
        self.clusters.iter().filter_map(|cluster| cluster.denial(from, to)).collect()
    }
}

impl<'a> Cluster<'a> {
    fn of(source: &'a SourceId, facts: &'a SourceFacts, directory: &Directory) -> Option<Self> {
        let policies: Vec<(&NetworkPolicyFact, &Observation)> = facts
            .of(NETWORK_POLICIES)
            .filter_map(|one| if let Fact::NetworkPolicy(fact) = &one.fact { Some((fact, &**one)) } else { None })
            .collect();
        if policies.is_empty() {
            return None;
        }
        let mut services: BTreeMap<ServiceId, Group<'_>> = BTreeMap::new();
        for observation in facts.observations() {
            let Fact::Instance(fact) = &observation.fact else { continue };
            if fact.uid.is_none() || fact.terminating.is_some() {
                continue;
            }
            let id = id_of(source, &fact.service, directory);
            let new = || Group { name: &fact.service, labels: BTreeSet::new(), on_node: false };
            let group = services.entry(id).or_insert_with(new);
            group.labels.insert(&fact.meta);
            group.on_node |= fact.network == Some(NetworkScope::Node);
        }
        let unseen = |word: &str| {
            let status = facts.status.as_ref();
            status.is_some_and(|status| status.unseen.iter().any(|one| &**one == word))
        };
        Some(Self { source, stale: is_stale(facts), whole: !unseen(NETWORK_POLICIES), policies, services })
    }

    fn selecting<'s>(
        &'s self,
        group: &'s Group<'a>,
        direction: Direction,
    ) -> impl Iterator<Item = &'s (&'a NetworkPolicyFact, &'a Observation)> {
        self.policies.iter().filter(move |(policy, _)| {
            policy.direction == direction
                && policy.name.namespace == group.name.namespace
                && group.labels.iter().any(|one| policy.selects.fits(one))
        })
    }

    fn declared(&self) -> Vec<Stated> {
        let mut all = Vec::new();
        for (id, group) in &self.services {
            for direction in [Direction::In, Direction::Out] {
                for (policy, object) in self.selecting(group, direction) {
                    let others = self.services.iter().filter(|(other, _)| *other != id);
                    let named = others.filter(|(_, other)| policy.permits.iter().any(|peer| names(peer, other)));
                    let word = format!("network policy {}", policy.name);
                    all.extend(named.map(|other| {
                        let basis = CallsBasis::Declared(Arc::from(word.as_str()));
                        match direction {
                            Direction::In => self.stated(other, (id, group), object, basis),
                            Direction::Out => self.stated((id, group), other, object, basis),
                        }
                    }));
                }
            }
        }
        all
    }

    /// What denies calls between two: all Pods of one end are selected by policies, and none of these permits the other end.
    fn denial(&self, from: &ServiceId, to: &ServiceId) -> Option<Stated> {
        let (caller, callee) = (self.services.get(from)?, self.services.get(to)?);
        if !self.whole || caller.on_node || callee.on_node || from == to {
            return None;
        }
        let by_callee = || self.refusing(callee, caller, Direction::In);
        let (policy, object) = by_callee().or_else(|| self.refusing(caller, callee, Direction::Out))?;
        let basis = CallsBasis::Denied(Arc::from(format!("network policy {}", policy.name)));
        Some(self.stated((from, caller), (to, callee), object, basis))
    }

    /// The first of the policies that select all of one end, where none of them permits the other.
    fn refusing(
        &self,
        group: &Group<'a>,
        other: &Group<'_>,
        direction: Direction,
    ) -> Option<(&'a NetworkPolicyFact, &'a Observation)> {
        let selecting: Vec<_> = self.selecting(group, direction).collect();
        let is_selected = |labels: &&Labels| selecting.iter().any(|(policy, _)| policy.selects.fits(labels));
        let permits = |peer: &NetworkPeer| may_be(peer, other);
        if !group.labels.iter().all(is_selected) || selecting.iter().any(|(one, _)| one.permits.iter().any(permits)) {
            return None;
        }
        selecting.first().map(|(policy, object)| (*policy, *object))
    }

    fn stated(
        &self,
        (from, caller): (&ServiceId, &Group<'_>),
        (to, callee): (&ServiceId, &Group<'_>),
        object: &Observation,
        basis: CallsBasis,
    ) -> Stated {
        let says = Says {
            object,
            caller: catalogued(self.source, caller.name),
            callee: catalogued(self.source, callee.name),
            protocol: Protocol::Unknown,
            basis,
        };
        Stated {
            from: Found { id: from.clone(), reason: None },
            to: to.clone(),
            source: self.source.clone(),
            observation: says.observation(),
            stale: self.stale,
        }
    }
}

/// Whether a peer names some Pods of a service by what they are.
fn names(peer: &NetworkPeer, caller: &Group<'_>) -> bool {
    matches!(peer, NetworkPeer::Instances { selects, .. } if !selects.is_empty()) && is(peer, caller)
}

/// Whether a peer may be some Pods of a service.
fn may_be(peer: &NetworkPeer, caller: &Group<'_>) -> bool {
    matches!(peer, NetworkPeer::Anybody | NetworkPeer::Somebody) || is(peer, caller)
}

fn is(peer: &NetworkPeer, caller: &Group<'_>) -> bool {
    let NetworkPeer::Instances { namespaces, selects } = peer else { return false };
    let there = match namespaces {
        Namespaces::All => true,
        Namespaces::Named(names) => names.iter().any(|name| **name == *caller.namespace()),
    };
    there && caller.labels.iter().any(|labels| selects.fits(labels))
}

/// Whether a policy of a cluster means a Pod with the one set of labels and not with the other.
pub(super) fn tell_apart(store: &Store, source: &SourceId, was: &InstanceFact, is: &InstanceFact) -> bool {
    let Some(facts) = store.sources().get(source) else { return false };
    let differ = |selector: &LabelSelector| selector.fits(&was.meta) != selector.fits(&is.meta);
    facts.of(NETWORK_POLICIES).any(|one| match &one.fact {
        Fact::NetworkPolicy(policy) => {
            let peers = policy.permits.iter().any(|peer| match peer {
                NetworkPeer::Instances { selects, .. } => differ(selects),
                NetworkPeer::Anybody | NetworkPeer::Somebody => false,
            });
            peers || differ(&policy.selects)
        }
        _ => false,
    })
}
