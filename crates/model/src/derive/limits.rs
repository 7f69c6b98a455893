//! What a mesh was told of when to refuse calls. A rule says nothing of whether calls are refused: it is set beside what is told of
//! the breaker, and where nobody tells of one, the breaker's state stays unknown.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;

use super::breakers::breaker_id;
use super::declared::id_of;
use super::parties::Directory;
use super::{evidence, is_stale, since};
use crate::fact::{
    BreakerKind, BreakerState, Callees, Callers, CallsBasis, DESTINATION_RULES, Fact, InstanceFact, Limit, LimitsFact,
    Namespaces, Observation, Party, RuleHome, Ruling,
};
use crate::id::{BreakerId, EdgeId, ServiceId, SourceId};
use crate::snapshot::{Breaker, ConfiguredLimit, Edge, Service, ServiceRole, Snapshot};
use crate::store::Store;

/// The rules of all meshes.
pub(super) struct Rules<'a> {
    meshes: Vec<Mesh<'a>>,
}

/// The rules of one mesh, as one source states them. For each call one of them holds.
struct Mesh<'a> {
    source: &'a SourceId,
    stale: bool,
    /// By the callee where they name one.
    to_one: BTreeMap<ServiceId, Vec<Rule<'a>>>,
    to_many: Vec<Rule<'a>>,
}

#[derive(Clone)]
struct Rule<'a> {
    fact: &'a LimitsFact,
    observation: &'a Arc<Observation>,
    /// The caller where it names one.
    from: Option<ServiceId>,
}

/// One end of a call, as the source of a mesh knows it.
struct End<'a> {
    id: &'a ServiceId,
    service: &'a Service,
    source: &'a SourceId,
}

impl<'a> Rules<'a> {
    /// Finds whom the rules are about.
    pub(super) fn of(store: &'a Store, directory: &Directory) -> Self {
        let mut meshes: BTreeMap<(&SourceId, &str), Mesh<'_>> = BTreeMap::new();
        for (source, facts) in store.sources() {
            for observation in facts.observations() {
                let Fact::Limits(fact) = &observation.fact else { continue };
                let new = || Mesh { source, stale: is_stale(facts), to_one: BTreeMap::new(), to_many: Vec::new() };
                let mesh = meshes.entry((source, &fact.mesh)).or_insert_with(new);
                mesh.add(fact, observation, directory);
            }
        }
        Self { meshes: meshes.into_values().collect() }
    }

    /// What is configured for the calls between two services.
    fn between(&self, from: (&ServiceId, &Service), to: (&ServiceId, &Service)) -> Vec<ConfiguredLimit> {
        self.meshes.iter().flat_map(|mesh| mesh.between(from, to)).collect()
    }
}

impl<'a> Mesh<'a> {
    fn add(&mut self, fact: &'a LimitsFact, observation: &'a Arc<Observation>, directory: &Directory) {
        let from = match &fact.callers {
            Callers::One(name) => Some(id_of(self.source, name, directory)),
            Callers::Instances { .. } => None,
        };
        let rule = Rule { fact, observation, from };
        let to = match &fact.callees {
            Callees::All | Callees::Namespace(_) => return self.to_many.push(rule),
            Callees::One(name) => directory.all_behind(self.source, name),
            Callees::Host(host) => {
                directory.find(&Party::Named(host.clone()), None).map(|found| found.id).into_iter().collect()
            }
        };
        for id in to {
            self.to_one.entry(id).or_default().push(rule.clone());
        }
    }

    fn between(&self, from: (&ServiceId, &Service), to: (&ServiceId, &Service)) -> Vec<ConfiguredLimit> {
        let end = |(id, service)| End { id, service, source: self.source };
        let (from, to) = (end(from), end(to));
        let named = self.to_one.get(to.id).into_iter().flatten();
        let asked = named.chain(&self.to_many).filter_map(|rule| Some((rule.rank(&from, &to)?, rule)));
        let mut asked: Vec<_> = asked.collect();
        asked.sort_by(|(a, _), (b, _)| a.cmp(b));
        let mut void_by = None;
        for (_, rule) in asked {
            match &rule.fact.ruling {
                Ruling::Void => void_by = Some(rule),
                Ruling::Limits(limits) => return limits.iter().map(|one| self.said(rule, one, void_by)).collect(),
            }
        }
        Vec::new()
    }

    fn said(&self, rule: &Rule<'_>, limit: &Limit, void_by: Option<&Rule<'_>>) -> ConfiguredLimit {
        ConfiguredLimit {
            mesh: rule.fact.mesh.clone(),
            rule: rule.fact.rule.clone(),
            limit: limit.clone(),
            evidence: evidence(self.source, rule.observation),
            void_by: void_by.map(|rule| evidence(self.source, rule.observation)),
            stale: self.stale,
        }
    }
}

impl<'a> Rule<'a> {
    /// How early it is asked for a call; `None` when it is not about it.
    fn rank(&self, from: &End<'_>, to: &End<'_>) -> Option<impl Ord + use<'a>> {
        let LimitsFact { callers, callees, home, created, .. } = self.fact;
        let selects_some = match callers {
            Callers::One(_) => (self.from.as_ref() == Some(from.id)).then_some(true),
            Callers::Instances { namespaces, selects } => {
                let there = from.namespaces().any(|one| match namespaces {
                    Namespaces::All => true,
                    Namespaces::Named(names) => names.iter().any(|name| **name == *one),
                });
                let meant = selects.is_empty() || from.instances().any(|one| selects.fits(&one.meta));
                (there && meant).then_some(!selects.is_empty())
            }
        }?;
        let is_of = |end: &End<'_>, name: &str| end.namespaces().any(|one| one == name);
        let callee_home = |name: &str| match callees {
            Callees::One(callee) => callee.namespace.as_deref() == Some(name),
            _ => is_of(to, name),
        };
        let near = match home {
            RuleHome::Namespace(name) if is_of(from, name) => 0,
            RuleHome::Namespace(name) if callee_home(name) => 1,
            RuleHome::Namespace(_) => return None,
            RuleHome::Mesh => 2,
            RuleHome::Everywhere => 3,
        };
        let narrow = match callees {
            Callees::One(_) | Callees::Host(_) => 0,
            Callees::Namespace(name) if is_of(to, name) => 1,
            Callees::All if to.is_registered() => 2,
            Callees::Namespace(_) | Callees::All => return None,
        };
        Some((near, narrow, !selects_some, created.unwrap_or(Timestamp::MAX), &self.observation.object))
    }
}

impl<'a> End<'a> {
    /// Those in which its source knows it.
    fn namespaces(&self) -> impl Iterator<Item = &'a str> {
        let source = self.source;
        let known = self.service.facets.iter().filter(move |facet| facet.source == *source);
        known.filter_map(|facet| facet.name.namespace.as_deref())
    }

    fn is_registered(&self) -> bool {
        self.service.role != ServiceRole::External && self.service.facets.iter().any(|one| one.source == *self.source)
    }

    fn instances(&self) -> impl Iterator<Item = &'a InstanceFact> {
        let source = self.source;
        let said = self.service.instances.iter().flat_map(|one| one.witnesses());
        said.filter(move |one| one.source == *source).filter_map(|one| match &one.observation.fact {
            Fact::Instance(fact) => Some(fact),
            _ => None,
        })
    }
}

/// Sets what is configured beside what is told, and adds the breakers of which nobody tells.
pub(super) fn configure(
    breakers: &mut BTreeMap<BreakerId, Breaker>,
    edges: &BTreeMap<EdgeId, Edge>,
    rules: &Rules<'_>,
    services: &BTreeMap<ServiceId, Service>,
    (before, now): (&Snapshot, Timestamp),
) {
    if rules.meshes.is_empty() {
        return;
    }
    let mut told: BTreeSet<(ServiceId, ServiceId, BreakerKind)> = BTreeSet::new();
    let between = |from: &ServiceId, to: &ServiceId| match (services.get(from), services.get(to)) {
        (Some(caller), Some(callee)) => rules.between((from, caller), (to, callee)),
        _ => Vec::new(),
    };
    for breaker in breakers.values_mut() {
        let Some(callee) = &breaker.callee else { continue };
        let (caller, kind) = (&breaker.caller, breaker.kind);
        breaker.limits = between(caller, callee).into_iter().filter(|one| one.limit.kind == kind).collect();
        told.insert((caller.clone(), callee.clone(), kind));
    }
    for edge in edges.values().filter(|edge| !is_denied(edge)) {
        let mut by_kind: BTreeMap<BreakerKind, Vec<ConfiguredLimit>> = BTreeMap::new();
        for one in between(&edge.from, &edge.to) {
            by_kind.entry(one.limit.kind).or_default().push(one);
        }
        for (kind, limits) in by_kind {
            if told.contains(&(edge.from.clone(), edge.to.clone(), kind)) {
                continue;
            }
            let name = services.get(&edge.to).map_or_else(|| Arc::from(edge.to.as_str()), |one| one.name.clone());
            let breaker = untold(edge, name, kind, limits, before, now);
            breakers.insert(breaker.id.clone(), breaker);
        }
    }
}

fn is_denied(edge: &Edge) -> bool {
    let mut said = edge.evidence.iter().map(|one| &one.observation.fact);
    said.any(|fact| matches!(fact, Fact::Calls(calls) if matches!(calls.basis, CallsBasis::Denied(_))))
}

/// A breaker of which its limits are known and nobody tells the state.
fn untold(
    edge: &Edge,
    name: Arc<str>,
    kind: BreakerKind,
    limits: Vec<ConfiguredLimit>,
    before: &Snapshot,
    now: Timestamp,
) -> Breaker {
    let id = breaker_id(&edge.from, edge.to.as_str(), kind);
    let is_off = limits.iter().all(ConfiguredLimit::is_off);
    let state = if is_off { BreakerState::Disabled } else { BreakerState::Unknown };
    let old = before.breakers.get(&id).map(|old| (old.state, old.since));
    let said = limits.iter().flat_map(|one| std::iter::once(&one.evidence).chain(&one.void_by));
    Breaker {
        caller: edge.from.clone(),
        callee: Some(edge.to.clone()),
        name,
        kind,
        state,
        derived: false,
        since: since(old, &state, now),
        open: 0,
        of: 0,
        rejected_per_s: None,
        stale: limits.iter().all(|one| one.stale),
        processes: Vec::new(),
        evidence: said.cloned().collect(),
        limits,
        id,
    }
}

/// Whether a rule of a cluster means calls of a Pod with the one set of labels and not with the other.
pub(super) fn tell_apart(store: &Store, source: &SourceId, was: &InstanceFact, is: &InstanceFact) -> bool {
    let Some(facts) = store.sources().get(source) else { return false };
    facts.of(DESTINATION_RULES).any(|one| match &one.fact {
        Fact::Limits(LimitsFact { callers: Callers::Instances { selects, .. }, .. }) => {
            selects.fits(&was.meta) != selects.fits(&is.meta)
        }
        _ => false,
    })
}
