//! Edges: everything that is said about calls from one service to another, joined by the pair. Both sides of one call
//! are never added: the numbers of the best single reporter stand, the others are evidence.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;

use super::{counts, declared, evidence, is_stale, parties, policies, services};
use crate::fact::{
    CallsBasis, CallsFact, Fact, InstanceFact, InstanceRole, Observation, Party, Pattern, Payload, Protocol, Side,
};
use crate::id::{BreakerId, EdgeId, ServiceId, SourceId};
use crate::snapshot::{Breaker, Edge, EdgeState, Evidence, Service, Snapshot};
use crate::store::Store;

/// One statement about a pair.
struct Claim {
    basis: CallsBasis,
    protocol: Protocol,
    pattern: Pattern,
    payload: Payload,
    evidence: Evidence,
    stale: bool,
}

type Pairs = BTreeMap<(ServiceId, ServiceId), Vec<Claim>>;

/// The id of the edge between two services.
pub(super) fn edge_id(from: &ServiceId, to: &ServiceId) -> EdgeId {
    EdgeId::from(format!("{from} -> {to}"))
}

/// Builds all edges, and the places of callers and callees that no registry has.
pub(super) fn of(
    store: &Store,
    known: &mut BTreeMap<ServiceId, Service>,
    directory: &mut parties::Directory,
    before: &Snapshot,
    now: Timestamp,
) -> BTreeMap<EdgeId, Edge> {
    let mut pairs = Pairs::new();
    for (source, facts) in store.sources() {
        let stale = is_stale(facts);
        for observation in facts.observations() {
            match &observation.fact {
                Fact::Calls(fact) => {
                    let Some((from, to)) = ends(fact, directory, known) else { continue };
                    for end in [&from, &to] {
                        parties::settle(known, end, source, before, now);
                    }
                    let claim = claim(fact, source, observation, stale);
                    pairs.entry((from.id, to.id)).or_default().push(claim);
                }
                Fact::Instance(fact) => {
                    for (from, to) in upstreams(source, fact) {
                        let (from, to) = (directory.resolve(from), directory.resolve(to));
                        for id in [&from, &to] {
                            let end = parties::Found { id: id.clone(), reason: None };
                            parties::settle(known, &end, source, before, now);
                        }
                        pairs.entry((from, to)).or_default().push(by_word("upstream", source, observation, stale));
                    }
                }
                _ => {}
            }
        }
    }
    let policies = policies::Policies::of(store, directory);
    let named = declared::of(store, known, directory).into_iter().chain(policies.declared());
    for stated in named.collect::<Vec<_>>() {
        parties::settle(known, &stated.from, &stated.source, before, now);
        add(&mut pairs, stated);
    }
    let is_counted = |claims: &[Claim]| claims.iter().any(|claim| matches!(claim.basis, CallsBasis::Observed(_)));
    let counted = pairs.iter().filter(|(_, claims)| is_counted(claims)).map(|(pair, _)| pair);
    let denied: Vec<declared::Stated> = counted.flat_map(|(from, to)| policies.denials(from, to)).collect();
    for stated in denied {
        add(&mut pairs, stated);
    }
    let declaring = declaring_sides(&pairs);
    pairs.into_iter().filter_map(|((from, to), claims)| edge(from, to, claims, &declaring)).collect()
}

fn add(pairs: &mut Pairs, stated: declared::Stated) {
    let Fact::Calls(fact) = &stated.observation.fact else { return };
    let claim = claim(fact, &stated.source, &stated.observation, stated.stale);
    pairs.entry((stated.from.id, stated.to)).or_default().push(claim);
}

fn ends(
    fact: &CallsFact,
    directory: &parties::Directory,
    known: &BTreeMap<ServiceId, Service>,
) -> Option<(parties::Found, parties::Found)> {
    let from = directory.find(&fact.caller, None)?;
    let near = known.get(&from.id);
    let to = directory.find(&fact.callee, near)?;
    // A caller that is known by name alone is looked for again beside its callee.
    let from = match (&fact.caller, known.get(&to.id)) {
        (Party::Named(_), Some(callee)) => directory.find(&fact.caller, Some(callee))?,
        _ => from,
    };
    Some((from, to))
}

fn claim(fact: &CallsFact, source: &SourceId, observation: &Arc<Observation>, stale: bool) -> Claim {
    Claim {
        basis: fact.basis.clone(),
        protocol: fact.protocol,
        pattern: fact.pattern,
        payload: fact.payload,
        evidence: evidence(source, observation),
        stale,
    }
}

fn by_word(word: &str, source: &SourceId, observation: &Arc<Observation>, stale: bool) -> Claim {
    Claim {
        basis: CallsBasis::Declared(Arc::from(word)),
        protocol: Protocol::Unknown,
        pattern: Pattern::Unknown,
        payload: Payload::Unknown,
        evidence: evidence(source, observation),
        stale,
    }
}

/// Whoever guards calls by a breaker makes them: where nobody else speaks of a pair, its breakers declare the edge that they guard.
pub(super) fn add_guarded(edges: &mut BTreeMap<EdgeId, Edge>, breakers: &BTreeMap<BreakerId, Breaker>) {
    let mut pairs = Pairs::new();
    for breaker in breakers.values() {
        let Some(callee) = breaker.callee.as_ref().filter(|callee| **callee != breaker.caller) else { continue };
        if !edges.contains_key(&edge_id(&breaker.caller, callee)) {
            let said = breaker.evidence.iter().filter_map(|one| guards(one, breaker.stale));
            pairs.entry((breaker.caller.clone(), callee.clone())).or_default().extend(said);
        }
    }
    let declaring = Declaring::default();
    edges.extend(pairs.into_iter().filter_map(|((from, to), claims)| edge(from, to, claims, &declaring)));
}

/// The breaker's own statement, with what it says of the pair.
fn guards(said: &Evidence, stale: bool) -> Option<Claim> {
    let Fact::Breaker(breaker) = &said.observation.fact else { return None };
    let says = declared::Says {
        object: &said.observation,
        caller: breaker.caller.clone(),
        callee: breaker.callee.clone().unwrap_or_else(|| Party::Named(breaker.name.clone())),
        protocol: Protocol::Unknown,
        basis: CallsBasis::Declared(Arc::from("circuit breaker")),
    };
    let observation = says.observation();
    let Fact::Calls(fact) = &observation.fact else { return None };
    Some(claim(fact, &said.source, &observation, stale))
}

/// The pairs that an instance's declared upstreams name. A sidecar declares for the service that it fronts.
fn upstreams(source: &SourceId, fact: &InstanceFact) -> Vec<(ServiceId, ServiceId)> {
    let caller = match &fact.role {
        InstanceRole::Sidecar { of, .. } => of,
        InstanceRole::Service | InstanceRole::Gateway(_) => &fact.service,
    };
    let from = services::service_id(source, caller);
    let pair = |upstream: &crate::fact::Upstream| {
        let there = match &upstream.datacenter {
            Some(datacenter) => source.beside(datacenter),
            None => source.clone(),
        };
        (from.clone(), services::service_id(&there, &upstream.service))
    };
    fact.upstreams.iter().map(pair).collect()
}

/// Callers that declare whom they call, and callees for which it is declared who may call them. Only for these is a
/// measured call that nobody declared worth a mark.
#[derive(Default)]
struct Declaring {
    callers: BTreeSet<ServiceId>,
    callees: BTreeSet<ServiceId>,
}

fn declaring_sides(pairs: &Pairs) -> Declaring {
    let mut sides = Declaring::default();
    for ((from, to), claims) in pairs {
        for claim in claims {
            match claim.basis.lists() {
                Some(Side::Caller) => {
                    sides.callers.insert(from.clone());
                }
                Some(Side::Callee) => {
                    sides.callees.insert(to.clone());
                }
                Some(Side::Between) | None => {}
            }
        }
    }
    sides
}

fn edge(from: ServiceId, to: ServiceId, claims: Vec<Claim>, declaring: &Declaring) -> Option<(EdgeId, Edge)> {
    let observed: Vec<&Claim> = claims.iter().filter(|claim| matches!(claim.basis, CallsBasis::Observed(_))).collect();
    let is_declared = claims.iter().any(|claim| matches!(claim.basis, CallsBasis::Declared(_)));
    let is_denied = claims.iter().any(|claim| matches!(claim.basis, CallsBasis::Denied(_)));
    let state = match (observed.is_empty(), is_declared) {
        // A denial alone is not an edge: nothing is called, and nothing should be.
        (true, false) => return None,
        (true, true) => EdgeState::Declared,
        (false, _) if is_denied => EdgeState::Undeclared,
        (false, false) if declaring.callers.contains(&from) || declaring.callees.contains(&to) => EdgeState::Undeclared,
        (false, _) => EdgeState::Observed,
    };
    let id = edge_id(&from, &to);
    let edge = Edge {
        id: id.clone(),
        from,
        to,
        protocol: first(&claims, |claim| claim.protocol, Protocol::Unknown),
        pattern: first(&claims, |claim| claim.pattern, Pattern::Unknown),
        payload: first(&claims, |claim| claim.payload, Payload::Unknown),
        state,
        signals: counts::believed(observed.iter().map(|claim| (!claim.stale, &claim.evidence))).signals,
        stale: claims.iter().all(|claim| claim.stale),
        evidence: claims.into_iter().map(|claim| claim.evidence).collect(),
    };
    Some((id, edge))
}

fn first<T: PartialEq + Copy>(claims: &[Claim], of: impl Fn(&Claim) -> T, unknown: T) -> T {
    claims.iter().map(of).find(|value| *value != unknown).unwrap_or(unknown)
}
