//! What causes what: everything that is not well, under the thing that explains it. Pure and deterministic: a picture in,
//! groups out.
//!
//! A [`Trouble`] is a source that does not answer, a node whose check fails, a breaker that refuses calls to nobody knows
//! whom, an alert about nothing that is known, or a service: because its own checks fail, an alert about it fires, its callers get errors or refuse to call it, a node fails under it, or
//! its own calls fail.
//!
//! The rule. A service is *behind* what explains it:
//! 1. a callee, when its calls to it fail or its breaker towards it refuses;
//! 2. a callee that is not well, when its own checks fail and nobody measures its calls to it: no errors, no breaker;
//! 3. a node, when all that its own checks say concerns instances on failing nodes.
//!
//! Own checks that are worse than the callee or the node are not explained by it, and maintenance needs no explanation: a
//! person decided it. Lines are followed to the deepest end. Services that are behind each other in a ring are one: the
//! worst of them stands for it. What has several ends is listed under the worst of them, and names the others.

mod rings;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use binnacle_model::fact::BreakerState;
use binnacle_model::id::{BreakerId, ServiceId, SourceId};
use binnacle_model::snapshot::{
    Alert, Breaker, Check, Edge, Health, Instance, Service, Since, Snapshot, Source, SourceState,
};
use jiff::Timestamp;

use crate::contract::state::{ERRORS_CRITICAL, ERRORS_WARNING};

/// How many ends are kept of what has several: the one that it is listed under, and those that it names.
const MOST_ENDS: usize = 4;

/// A thing that can be unwell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Thing<'a> {
    /// A source.
    Source(&'a SourceId),
    /// A node, as one source knows it.
    Node(&'a SourceId, &'a str),
    /// A service, an external party, a queue or a topic.
    Service(&'a ServiceId),
    /// A breaker whose callee nobody names.
    Breaker(&'a BreakerId),
    /// An alert that speaks of nothing that is known, by its key.
    Alert(&'a str),
}

/// One thing that is not well.
#[derive(Clone, Debug)]
pub struct Trouble<'a> {
    /// Which thing.
    pub thing: Thing<'a>,
    /// How bad it is by itself.
    pub health: Health,
    /// Since when; `None` where the picture does not keep it.
    pub since: Option<Since>,
    /// What speaks for it; empty for sources and breakers, which speak for themselves.
    pub signs: Signs<'a>,
}

/// What speaks for a service or a node being unwell.
#[derive(Clone, Debug, Default)]
pub struct Signs<'a> {
    /// Its own checks that complain.
    pub own: Vec<(&'a Instance, &'a Check)>,
    /// The service itself, when what runs its instances complains: a rollout that stalls, a run that failed.
    pub rollout: Option<&'a Service>,
    /// Alerts about it that fire and complain, the worst first.
    pub alerts: Vec<&'a Alert>,
    /// Checks of nodes that complain: of the node itself, or of those that the service runs on.
    pub nodes: Vec<(&'a Instance, &'a Check)>,
    /// Calls to it that fail.
    pub calls_in: Vec<&'a Edge>,
    /// Breakers of its callers that refuse.
    pub breakers_in: Vec<&'a Breaker>,
    /// Its calls that fail.
    pub calls_out: Vec<&'a Edge>,
    /// Its breakers that refuse.
    pub breakers_out: Vec<&'a Breaker>,
}

/// A cause with what is behind it.
#[derive(Clone, Debug)]
pub struct Group<'a> {
    /// The cause.
    pub cause: Trouble<'a>,
    /// The symptoms: the nearest first, then the worst.
    pub behind: Vec<Symptom<'a>>,
}

/// What another trouble explains.
#[derive(Clone, Debug)]
pub struct Symptom<'a> {
    /// The trouble.
    pub trouble: Trouble<'a>,
    /// Further causes of it, the worst first, at most three.
    pub also: Vec<Thing<'a>>,
}

impl Group<'_> {
    /// The worst of the cause and of what is behind it.
    pub fn worst(&self) -> Health {
        self.behind.iter().map(|symptom| symptom.trouble.health).fold(self.cause.health, Health::max)
    }
}

impl<'a> Signs<'a> {
    /// The worst of its own checks.
    pub fn worst_own(&self) -> Option<&'a Check> {
        // The first of equals: checks and instances come in their own order.
        self.own.iter().rev().map(|(_, check)| *check).max_by_key(|check| check.health)
    }

    /// The worst of the alerts about it.
    pub fn worst_alert(&self) -> Option<&'a Alert> {
        self.alerts.first().copied()
    }

    /// The worst check of a node.
    pub fn worst_of_nodes(&self) -> Option<&'a Check> {
        self.nodes.iter().rev().map(|(_, check)| *check).max_by_key(|check| check.health)
    }

    /// The callers' breaker that says most.
    pub fn worst_breaker(&self) -> Option<&'a Breaker> {
        self.breakers_in.iter().rev().copied().max_by_key(|breaker| breaker_health(breaker.state))
    }

    fn own_health(&self) -> Health {
        let rollout = self.rollout.map(|service| service.health);
        let alert = self.worst_alert().and_then(Alert::health);
        self.worst_own().map(|check| check.health).max(rollout).max(alert).unwrap_or_default()
    }

    /// How bad its callers find it.
    pub fn callers_health(&self) -> Health {
        worst(&self.calls_in, &self.breakers_in)
    }

    /// How bad it is as a callee: what may explain its callers.
    fn as_callee(&self) -> Health {
        let node = self.worst_of_nodes().map(|check| check.health).unwrap_or_default();
        self.own_health().max(self.callers_health()).max(node)
    }

    fn health(&self) -> Health {
        self.as_callee().max(worst(&self.calls_out, &self.breakers_out))
    }

    /// Since when it is as bad as it is. Nobody keeps it for calls that fail, and their breakers swing to and fro.
    fn since(&self) -> Option<Since> {
        let health = self.health();
        let checks = self.own.iter().chain(&self.nodes).filter(|(_, check)| check.health == health);
        let breakers = self.breakers_in.iter().chain(&self.breakers_out);
        let breakers = breakers.filter(|one| breaker_health(one.state) == health).map(|breaker| breaker.since);
        let calls_fail = !(self.calls_in.is_empty() && self.calls_out.is_empty());
        let of_rollout = self.rollout.filter(|service| service.health == health).map(|service| service.since);
        let alerts = self.alerts.iter().filter(|one| one.health() == Some(health)).map(|one| one.since);
        let of_checks =
            checks.map(|(_, check)| check.since).chain(of_rollout).chain(alerts).min_by_key(|since| since.at);
        of_checks.or_else(|| breakers.min_by_key(|since| since.at).filter(|_| !calls_fail))
    }
}

/// How bad it is that a share of the calls fails.
fn edge_health(edge: &Edge) -> Health {
    match edge.signals.error_ratio {
        Some(ratio) if ratio >= ERRORS_CRITICAL => Health::Critical,
        Some(ratio) if ratio >= ERRORS_WARNING => Health::Warning,
        _ => Health::Unknown,
    }
}

/// How bad a breaker in this state is.
pub fn breaker_health(state: BreakerState) -> Health {
    match state {
        BreakerState::Open => Health::Critical,
        BreakerState::ForcedOpen => Health::Maintenance,
        BreakerState::HalfOpen => Health::Warning,
        BreakerState::Closed | BreakerState::Disabled | BreakerState::Unknown => Health::Passing,
    }
}

fn refuses(breaker: &Breaker) -> bool {
    breaker_health(breaker.state) != Health::Passing
}

fn worst(edges: &[&Edge], breakers: &[&Breaker]) -> Health {
    let edges = edges.iter().map(|edge| edge_health(edge));
    edges.chain(breakers.iter().map(|breaker| breaker_health(breaker.state))).max().unwrap_or_default()
}

fn complains(check: &Check) -> bool {
    !matches!(check.health, Health::Passing | Health::Unknown)
}

/// Whether a source is one of the troubles.
pub fn source_health(source: &Source) -> Option<Health> {
    match source.status.state {
        SourceState::Failing => Some(Health::Critical),
        SourceState::Stale => Some(Health::Warning),
        SourceState::Live | SourceState::Connecting if !source.status.partial.is_empty() => Some(Health::Warning),
        SourceState::Live | SourceState::Connecting | SourceState::Off => None,
    }
}

/// Everything that is not well, each thing exactly once: as a cause, or behind one. The worst cause first, then the one
/// that reaches furthest, then the oldest.
pub fn groups(snapshot: &Snapshot) -> Vec<Group<'_>> {
    let troubles = troubles(snapshot);
    let behind = lines(snapshot, &troubles);
    let mut rank: Vec<usize> = (0..troubles.len()).collect();
    rank.sort_by_key(|at| troubles.get(*at).map(|trouble| (Reverse(trouble.health), age(trouble), trouble.thing)));
    let mut place = vec![0; rank.len()];
    for (number, at) in rank.iter().enumerate() {
        if let Some(place) = place.get_mut(*at) {
            *place = number;
        }
    }
    let seats = seats(&behind, &place);
    gather(&troubles, &seats, &rank)
}

/// Earlier first; what has no date comes last.
fn age(trouble: &Trouble<'_>) -> (bool, Option<Timestamp>) {
    (trouble.since.is_none(), trouble.since.map(|since| since.at))
}

fn troubles(snapshot: &Snapshot) -> Vec<Trouble<'_>> {
    let mut signs: BTreeMap<Thing<'_>, Signs<'_>> = BTreeMap::new();
    for service in snapshot.services.values() {
        // What is on its way out is not expected to be well.
        let staying = service.instances.iter().filter(|instance| instance.terminating.is_none());
        let checks = staying.flat_map(|instance| instance.checks.iter().map(move |one| (instance, one)));
        for (instance, check) in checks.filter(|(_, check)| complains(check)) {
            let of_service = signs.entry(Thing::Service(&service.id)).or_default();
            if check.of_node {
                of_service.nodes.push((instance, check));
                signs.entry(node_of(instance, check)).or_default().nodes.push((instance, check));
            } else {
                of_service.own.push((instance, check));
            }
        }
    }
    for service in snapshot.services.values().filter(|one| one.health >= Health::Warning && !one.workloads.is_empty()) {
        let of_service = signs.entry(Thing::Service(&service.id)).or_default();
        if of_service.worst_own().is_none_or(|check| check.health < service.health) && of_service.nodes.is_empty() {
            of_service.rollout = Some(service);
        }
    }
    let (of_services, lone) = complaining_alerts(snapshot);
    for (service, alert) in of_services {
        signs.entry(Thing::Service(service)).or_default().alerts.push(alert);
    }
    for edge in snapshot.edges.values().filter(|edge| edge_health(edge) != Health::Unknown) {
        signs.entry(Thing::Service(&edge.from)).or_default().calls_out.push(edge);
        signs.entry(Thing::Service(&edge.to)).or_default().calls_in.push(edge);
    }
    for breaker in snapshot.breakers.values().filter(|breaker| refuses(breaker)) {
        let Some(callee) = &breaker.callee else { continue };
        signs.entry(Thing::Service(&breaker.caller)).or_default().breakers_out.push(breaker);
        signs.entry(Thing::Service(callee)).or_default().breakers_in.push(breaker);
    }
    let signed =
        signs.into_iter().map(|(thing, signs)| Trouble { thing, health: signs.health(), since: signs.since(), signs });
    let sources = snapshot.sources.values().filter_map(|source| {
        let since = Since { at: source.status.since, seen_changing: true };
        Some(plain(Thing::Source(&source.id), source_health(source)?, since))
    });
    let breakers = snapshot.breakers.values().filter(|breaker| refuses(breaker) && breaker.callee.is_none());
    let breakers =
        breakers.map(|breaker| plain(Thing::Breaker(&breaker.id), breaker_health(breaker.state), breaker.since));
    sources.chain(signed).chain(breakers).chain(lone).collect()
}

/// The alerts that fire and complain, the worst first: those of services, and those that speak of nothing that is known.
fn complaining_alerts(snapshot: &Snapshot) -> (Vec<(&ServiceId, &Alert)>, Vec<Trouble<'_>>) {
    let mut all: Vec<(&str, &Alert, Health)> = Vec::new();
    all.extend(snapshot.alerts.iter().filter_map(|(key, alert)| Some((&**key, &**alert, alert.health()?))));
    all.sort_by_key(|(key, alert, health)| (Reverse(*health), alert.since.at, *key));
    let (mut of_services, mut lone) = (Vec::new(), Vec::new());
    for (key, alert, health) in all {
        match &alert.service {
            Some(service) => of_services.push((service, alert)),
            None => lone.push(plain(Thing::Alert(key), health, alert.since)),
        }
    }
    (of_services, lone)
}

fn plain(thing: Thing<'_>, health: Health, since: Since) -> Trouble<'_> {
    Trouble { thing, health, since: Some(since), signs: Signs::default() }
}

fn node_of<'a>(instance: &'a Instance, check: &'a Check) -> Thing<'a> {
    Thing::Node(&check.evidence.source, instance.node.as_deref().unwrap_or_default())
}

/// For each trouble the places of those that it is behind, by the rule at the top.
fn lines(snapshot: &Snapshot, troubles: &[Trouble<'_>]) -> Vec<Vec<usize>> {
    let places: BTreeMap<Thing<'_>, usize> = troubles.iter().enumerate().map(|(at, one)| (one.thing, at)).collect();
    let unmeasured = unmeasured(snapshot);
    let explaining = |trouble: &Trouble<'_>| -> BTreeSet<usize> {
        let Thing::Service(service) = trouble.thing else { return BTreeSet::new() };
        let signs = &trouble.signs;
        let own = signs.own_health();
        if own == Health::Maintenance {
            return BTreeSet::new();
        }
        let suffered = signs.calls_out.iter().map(|edge| &edge.to);
        let suffered = suffered.chain(signs.breakers_out.iter().filter_map(|breaker| breaker.callee.as_ref()));
        let silent = unmeasured.get(service).filter(|_| own >= Health::Warning).into_iter().flatten().copied();
        let callees = suffered.chain(silent).filter(|callee| *callee != service).map(Thing::Service);
        let enough =
            |at: &usize| troubles.get(*at).is_some_and(|other| other.signs.as_callee() >= own.max(Health::Maintenance));
        let mut all: BTreeSet<usize> =
            callees.filter_map(|callee| places.get(&callee).copied()).filter(enough).collect();
        all.extend(nodes_behind(signs).into_iter().filter_map(|node| places.get(&node).copied()));
        all
    };
    troubles.iter().map(|trouble| explaining(trouble).into_iter().collect()).collect()
}

/// The nodes that explain all that is wrong with a service: nothing else is, or it happens on them and is no worse.
fn nodes_behind<'a>(signs: &Signs<'a>) -> BTreeSet<Thing<'a>> {
    let failing: BTreeSet<_> = signs.nodes.iter().map(|(instance, _)| &instance.id).collect();
    let elsewhere = signs.own.iter().any(|(instance, _)| !failing.contains(&instance.id));
    let beyond = signs.own_health().max(signs.callers_health());
    if elsewhere || signs.worst_of_nodes().is_none_or(|check| check.health < beyond) {
        return BTreeSet::new();
    }
    signs.nodes.iter().map(|(instance, check)| node_of(instance, check)).collect()
}

/// Callees of whose calls nobody says how they go.
fn unmeasured(snapshot: &Snapshot) -> BTreeMap<&ServiceId, Vec<&ServiceId>> {
    let told = snapshot.breakers.values().filter(|breaker| breaker.told_state().is_some());
    let watched: BTreeSet<_> = told.filter_map(|breaker| Some((&breaker.caller, breaker.callee.as_ref()?))).collect();
    let mut all: BTreeMap<&ServiceId, Vec<&ServiceId>> = BTreeMap::new();
    for edge in snapshot.edges.values() {
        if edge.signals.error_ratio.is_none() && !watched.contains(&(&edge.from, &edge.to)) {
            all.entry(&edge.from).or_default().push(&edge.to);
        }
    }
    all
}

/// Where a trouble belongs.
#[derive(Clone, Debug, Default)]
struct Seat {
    /// The ranks of its causes, the worst first; its own alone when it is one itself.
    ends: Vec<usize>,
    /// How many lines away the first of them is.
    distance: u32,
}

/// Gives each trouble its causes. Rings come out of [`rings::of`] whole, and after everything that they are behind.
fn seats(behind: &[Vec<usize>], place: &[usize]) -> Vec<Seat> {
    let mut seats = vec![Seat::default(); behind.len()];
    for ring in rings::of(behind) {
        let members: BTreeSet<usize> = ring.iter().copied().collect();
        let beyond = |at: &usize| behind.get(*at).into_iter().flatten().filter(|to| !members.contains(to));
        let rank = |at: &usize| place.get(*at).copied().unwrap_or(usize::MAX);
        let found: BTreeSet<usize> = ring
            .iter()
            .flat_map(beyond)
            .filter_map(|to| seats.get(*to))
            .flat_map(|seat| seat.ends.iter().copied())
            .collect();
        let head = ring.iter().map(rank).min();
        let ends: Vec<usize> =
            if found.is_empty() { head.into_iter().collect() } else { found.into_iter().take(MOST_ENDS).collect() };
        for at in &ring {
            let near = beyond(at).filter_map(|to| seats.get(*to)).filter(|seat| seat.ends.first() == ends.first());
            let distance = match ends.first() {
                Some(end) if *end == rank(at) => 0,
                _ => near.map(|seat| seat.distance.saturating_add(1)).min().unwrap_or(1),
            };
            if let Some(seat) = seats.get_mut(*at) {
                *seat = Seat { ends: ends.clone(), distance };
            }
        }
    }
    seats
}

fn gather<'a>(troubles: &[Trouble<'a>], seats: &[Seat], rank: &[usize]) -> Vec<Group<'a>> {
    let at_rank = |number: &usize| rank.get(*number).and_then(|at| troubles.get(*at));
    let mut symptoms: BTreeMap<usize, Vec<(u32, Symptom<'a>)>> = BTreeMap::new();
    let mut causes = BTreeSet::new();
    // In the order of the ranks, so that the worse comes first where the distance is the same.
    for (number, at) in rank.iter().enumerate() {
        let (Some(trouble), Some(seat)) = (troubles.get(*at), seats.get(*at)) else { continue };
        match seat.ends.split_first() {
            Some((end, rest)) if *end != number => {
                let also = rest.iter().filter_map(at_rank).map(|other| other.thing).collect();
                symptoms.entry(*end).or_default().push((seat.distance, Symptom { trouble: trouble.clone(), also }));
            }
            _ => {
                causes.insert(number);
            }
        }
    }
    let mut groups: Vec<Group<'a>> = causes
        .iter()
        .filter_map(|number| {
            let mut behind = symptoms.remove(number).unwrap_or_default();
            behind.sort_by_key(|(distance, _)| *distance);
            let behind = behind.into_iter().map(|(_, symptom)| symptom).collect();
            Some(Group { cause: at_rank(number)?.clone(), behind })
        })
        .collect();
    // Stable: the rest of the order is that of the ranks.
    groups.sort_by_cached_key(|group| (Reverse(group.worst()), Reverse(group.behind.len()), age(&group.cause)));
    groups
}
