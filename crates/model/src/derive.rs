//! Facts → picture. Everything here is a function of the store, plus the picture before (for "since when") and the time.
//!
//! The order of the steps: [`services`] builds registries' services with their instances and checks, [`fronts`] finds out which
//! of them stands behind an address that is not an instance's, [`identity`] joins what several sources say of the same one,
//! [`parties`] finds out whom a call or a breaker speaks of and makes places for externals and channels, [`edges`] and
//! [`breakers`] join what is said about the same pair, [`limits`] adds what a mesh was told of it, and the signals of the edges are summed up at the callee,
//! unless it counts what it answers itself.

mod alerts;
mod breakers;
mod cluster_services;
pub(crate) mod counts;
mod declared;
mod disagreements;
mod edges;
mod fronts;
mod identity;
mod limits;
mod parties;
mod patched;
mod policies;
mod services;
mod settings;
mod targets;

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use crate::fact::{Fact, Observation, Party, StoreKind};
use crate::id::{BreakerId, ConfigId, DisagreementId, EdgeId, ServiceId, SourceId};
use crate::snapshot::{
    Alert, Breaker, ClusterService, ConfigItem, Disagreement, DisagreementKind, Edge, Evidence, MeshRule, Route,
    Service, Since, Snapshot, Source,
};
use crate::store::{SourceFacts, Store, Touched};

/// Disagreements by id.
type Disagreements = BTreeMap<DisagreementId, Arc<Disagreement>>;

/// The derived part of a snapshot: all but config keys, which are kept up to date one by one.
pub struct Picture {
    /// All sources.
    pub sources: BTreeMap<SourceId, Arc<Source>>,
    /// All services, externals and channels.
    pub services: BTreeMap<ServiceId, Arc<Service>>,
    /// All edges.
    pub edges: BTreeMap<EdgeId, Arc<Edge>>,
    /// All breakers.
    pub breakers: BTreeMap<BreakerId, Arc<Breaker>>,
    /// Mesh rules by `source/rule/name`.
    pub mesh_rules: BTreeMap<Arc<str>, Arc<MeshRule>>,
    /// Lock sessions by id.
    pub sessions: BTreeMap<Arc<str>, Evidence>,
    /// Cluster services by `source/namespace/name`.
    pub cluster_services: BTreeMap<Arc<str>, Arc<ClusterService>>,
    /// What sources disagree about.
    pub disagreements: Disagreements,
    /// Alerts by `source/labels`.
    pub alerts: BTreeMap<Arc<str>, Arc<Alert>>,
    /// Ids of single sources that lead to joined services.
    pub aliases: BTreeMap<ServiceId, ServiceId>,
    /// Gateways' rules by `source/collection/key`.
    pub routes: BTreeMap<Arc<str>, Arc<Route>>,
}

/// Derives the whole picture.
pub fn picture(store: &Store, before: &Snapshot, now: Timestamp) -> Picture {
    let registered = services::of_registries(store, before, now);
    let fronts = fronts::Fronts::of(store);
    let identity::Joined { mut services, aliases } = identity::join(registered, store, &fronts, before, now);
    let mut parties = parties::Directory::of(&services, aliases.clone(), fronts);
    for (job, process) in scraped(store) {
        parties.scraped(job, process);
    }
    for (name, process) in offers(store) {
        parties.offer(name, process);
    }
    let mut edges = edges::of(store, &mut services, &mut parties, before, now);
    let mut breakers = breakers::of(store, &mut services, &mut parties, before, now);
    edges::add_guarded(&mut edges, &breakers);
    limits::configure(&mut breakers, &edges, &limits::Rules::of(store, &parties), &services, (before, now));
    parties.call_strangers_after_their_jobs(&mut services);
    services::add_signals(&mut services, &edges);
    services::take_served(&mut services, store, &parties, before, now);
    let cluster_services = cluster_services::of(store, &services);
    let alerts = alerts::of(store, &services, &parties, before, now);
    let mut disagreements = disagreements::of(store, &services, &cluster_services, before, now);
    disagreements.extend(disagreements::about_settings(store, services.values(), before, now));
    let routes = routes(store, &cluster_services);
    Picture {
        sources: sources(store),
        services: share(services, &before.services),
        edges: share(edges, &before.edges),
        breakers: share(breakers, &before.breakers),
        mesh_rules: share(mesh_rules(store), &before.mesh_rules),
        sessions: sessions(store),
        cluster_services: share(cluster_services, &before.cluster_services),
        disagreements: share(disagreements, &before.disagreements),
        alerts: share(alerts, &before.alerts),
        aliases,
        routes: share(routes, &before.routes),
    }
}

/// The names under which processes say that they can be called.
fn offers(store: &Store) -> impl Iterator<Item = (&Arc<str>, &Party)> {
    let observations = store.sources().values().flat_map(SourceFacts::observations);
    observations.filter_map(|one| match &one.fact {
        Fact::Served(fact) => Some((fact.offers.as_ref()?, &fact.process)),
        _ => None,
    })
}

/// The jobs in which metrics servers scrape processes.
fn scraped(store: &Store) -> impl Iterator<Item = (&Arc<str>, &Party)> {
    let observations = store.sources().values().flat_map(SourceFacts::observations);
    observations.filter_map(|one| match &one.fact {
        Fact::Target(fact) => Some((&fact.job, &fact.process)),
        _ => None,
    })
}

/// All services after a change that surely changes nothing else than single services; `None` when that is not sure, and the
/// whole is to be derived.
pub fn patched(
    store: &Store,
    touched: &Touched,
    before: &Snapshot,
    now: Timestamp,
) -> Option<BTreeMap<ServiceId, Arc<Service>>> {
    patched::services(store, touched, before, now)
}

/// All disagreements with those about settings found anew; `None` when they are as they were.
pub fn settings_compared(store: &Store, snapshot: &Snapshot, now: Timestamp) -> Option<Disagreements> {
    let services = snapshot.services.values().map(AsRef::as_ref);
    let fresh = share(disagreements::about_settings(store, services, snapshot, now), &snapshot.disagreements);
    let is_setting = |one: &Disagreement| one.kind == DisagreementKind::OtherValue;
    let held = snapshot.disagreements.iter().filter(|(_, one)| is_setting(one));
    if held.map(|(id, one)| (id, Arc::as_ptr(one))).eq(fresh.iter().map(|(id, one)| (id, Arc::as_ptr(one)))) {
        return None;
    }
    let others = snapshot.disagreements.iter().filter(|(_, one)| !is_setting(one));
    Some(others.map(|(id, one)| (id.clone(), one.clone())).chain(fresh).collect())
}

/// The sources with their states and the number of facts that they state.
pub fn sources(store: &Store) -> BTreeMap<SourceId, Arc<Source>> {
    let known = store.sources().iter().filter_map(|(id, facts)| {
        let status = facts.status.clone()?;
        Some((id.clone(), Arc::new(Source { id: id.clone(), status, facts: facts.len() })))
    });
    known.collect()
}

/// The config key that an observation states.
pub fn config_item(source: &SourceId, observation: &Observation) -> Option<ConfigItem> {
    let Fact::Config(fact) = &observation.fact else { return None };
    Some(ConfigItem {
        id: config_id(source, fact.store, &fact.path),
        source: source.clone(),
        store: fact.store,
        path: fact.path.clone(),
        version: observation.version.unwrap_or_default(),
        size_bytes: fact.size_bytes,
        flags: fact.flags,
        lock_session: fact.lock_session.clone(),
        seen: observation.seen,
        origin: observation.origin.clone(),
    })
}

/// The id of a config key: `consul:dc1/kv/app/x`, `kube:minikube/configmap/shop/limits/app.yaml`.
pub fn config_id(source: &SourceId, store: StoreKind, path: &str) -> ConfigId {
    ConfigId::from(format!("{source}/{}/{path}", store.collection()))
}

/// The source, the store and the key of an id that [`config_id`] makes. The key may itself hold the name of a store, a
/// source may not: the first one counts.
pub fn config_place(id: &ConfigId) -> Option<(SourceId, StoreKind, &str)> {
    let places = StoreKind::ALL.into_iter().filter_map(|store| {
        let (source, path) = id.as_str().split_once(&format!("/{}/", store.collection()))?;
        Some((SourceId::from(source), store, path))
    });
    places.min_by_key(|(source, ..)| source.as_str().len())
}

/// Keeps the old `Arc` where nothing changed, so that "did it change?" is a pointer comparison downstream.
fn share<K: Ord, V: PartialEq>(fresh: BTreeMap<K, V>, before: &BTreeMap<K, Arc<V>>) -> BTreeMap<K, Arc<V>> {
    let keep = |key: &K, value: V| match before.get(key) {
        Some(old) if **old == value => old.clone(),
        _ => Arc::new(value),
    };
    fresh
        .into_iter()
        .map(|(key, value)| {
            let shared = keep(&key, value);
            (key, shared)
        })
        .collect()
}

/// Since when a state holds: as before while it is the same, from now when it is another, and "at least since now" when
/// there was nothing before.
fn since<S: PartialEq>(before: Option<(S, Since)>, state: &S, now: Timestamp) -> Since {
    match before {
        Some((old, since)) if old == *state => since,
        Some(_) => Since { at: now, seen_changing: true },
        None => Since { at: now, seen_changing: false },
    }
}

fn evidence(source: &SourceId, observation: &Arc<Observation>) -> Evidence {
    Evidence { source: source.clone(), observation: observation.clone() }
}

/// Whether what this source states may be shown as current.
fn is_stale(facts: &SourceFacts) -> bool {
    facts.status.as_ref().is_some_and(|status| !status.state.is_current())
}

fn mesh_rules(store: &Store) -> BTreeMap<Arc<str>, MeshRule> {
    let mut rules = BTreeMap::new();
    for (source, facts) in store.sources() {
        for observation in facts.observations() {
            if let Fact::MeshRule(fact) = &observation.fact {
                let rule = MeshRule {
                    rule: fact.rule.clone(),
                    name: fact.name.clone(),
                    summary: fact.summary.clone(),
                    evidence: evidence(source, observation),
                };
                rules.insert(Arc::from(format!("{source}/{}/{}", fact.rule, fact.name)), rule);
            }
        }
    }
    rules
}

fn sessions(store: &Store) -> BTreeMap<Arc<str>, Evidence> {
    let mut sessions = BTreeMap::new();
    for (source, facts) in store.sources() {
        for observation in facts.observations() {
            if let Fact::Session(fact) = &observation.fact {
                sessions.insert(fact.id.clone(), evidence(source, observation));
            }
        }
    }
    sessions
}

fn routes(store: &Store, fronts: &BTreeMap<Arc<str>, ClusterService>) -> BTreeMap<Arc<str>, Route> {
    let mut routes = BTreeMap::new();
    for (source, facts) in store.sources() {
        for observation in facts.observations() {
            let Fact::Route(fact) = &observation.fact else { continue };
            let front = fronts.get_key_value(format!("{source}/{}", fact.target).as_str());
            let route = Route {
                cluster_service: front.map(|(key, _)| key.clone()),
                leads_to: front.map(|(_, front)| front.leads_to.clone()).unwrap_or_default(),
                fact: fact.clone(),
                evidence: evidence(source, observation),
            };
            let object = &observation.object;
            routes.insert(Arc::from(format!("{source}/{}/{}", object.collection, object.key)), route);
        }
    }
    routes
}
