//! Breakers: what the instances of one caller say about the same breaker, as "open n of m".

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use super::{evidence, is_stale, parties, since};
use crate::fact::{Among, BreakerFact, BreakerKind, BreakerState, Fact, Observation, Party};
use crate::id::{BreakerId, ServiceId, SourceId};
use crate::snapshot::{Breaker, Evidence, Service, Since, Snapshot};
use crate::store::Store;

/// One instance's statement.
struct Report {
    /// Which process says it: two sources may speak of the same process.
    process: Arc<str>,
    state: BreakerState,
    derived: bool,
    since: Option<Timestamp>,
    rejected_per_s: Option<f64>,
    among: Option<Among>,
    stale: bool,
    evidence: Evidence,
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    caller: ServiceId,
    /// The callee where it is known, else the breaker's own name. One of several endpoints has a name of its own beside.
    toward: String,
    kind: BreakerKind,
}

struct Group {
    callee: Option<ServiceId>,
    name: Arc<str>,
    reports: Vec<Report>,
}

/// Builds all breakers.
pub(super) fn of(
    store: &Store,
    known: &mut BTreeMap<ServiceId, Service>,
    directory: &mut parties::Directory,
    before: &Snapshot,
    now: Timestamp,
) -> BTreeMap<BreakerId, Breaker> {
    let mut groups: BTreeMap<Key, Group> = BTreeMap::new();
    for (source, facts) in store.sources() {
        let stale = is_stale(facts);
        for observation in facts.observations() {
            let Fact::Breaker(fact) = &observation.fact else { continue };
            let Some(caller) = directory.find(&fact.caller, None) else { continue };
            parties::settle(known, &caller, source, before, now);
            let near = known.get(&caller.id);
            let named =
                || directory.find(&Party::Named(fact.name.clone()), near).filter(|found| known.contains_key(&found.id));
            let callee = match &fact.callee {
                Some(party) => match directory.find(party, near) {
                    // A group of commands is by habit the callee's name, or the application's own: then the command has the callee's.
                    Some(itself) if itself.id == caller.id => named().or(Some(itself)),
                    found => found,
                },
                // Its developer called it so: that is whom it guards calls to only where somebody is called exactly so.
                None => named(),
            };
            if let Some(callee) = &callee {
                parties::settle(known, callee, source, before, now);
            }
            let callee = callee.map(|found| found.id);
            let toward = toward(fact, callee.as_ref());
            let key = Key { caller: caller.id, toward, kind: fact.kind };
            let group =
                groups.entry(key).or_insert_with(|| Group { callee, name: fact.name.clone(), reports: Vec::new() });
            group.reports.push(report(fact, source, observation, stale));
        }
    }
    groups.into_iter().map(|(key, group)| breaker(key, group, before, now)).collect()
}

fn toward(fact: &BreakerFact, callee: Option<&ServiceId>) -> String {
    let is_whole = matches!(&fact.callee, Some(Party::Named(name) | Party::NamedIn { name, .. }) if *name == fact.name);
    match callee {
        Some(callee) if fact.kind == BreakerKind::Endpoint && !is_whole => format!("{callee}/{}", fact.name),
        Some(callee) => callee.to_string(),
        None => fact.name.to_string(),
    }
}

fn report(fact: &BreakerFact, source: &SourceId, observation: &Arc<Observation>, stale: bool) -> Report {
    let process = match &fact.caller {
        Party::Address { host, port } | Party::Pod { address: Some((host, port)), .. } => {
            Arc::from(format!("{host}:{port}"))
        }
        _ => observation.object.key.clone(),
    };
    Report {
        process,
        state: fact.state,
        derived: fact.derived,
        since: fact.since,
        rejected_per_s: fact.rejected_per_s,
        among: fact.among,
        stale,
        evidence: evidence(source, observation),
    }
}

/// What is believed of one process, of which several sources may speak.
struct Process {
    state: BreakerState,
    derived: bool,
    since: Option<Timestamp>,
    rejected_per_s: Option<f64>,
    /// Of several processes that nobody tells apart.
    among: Option<Among>,
}

/// A current source is believed before a stale one, a told state before a derived one, and the states for which some sources have no
/// word before the others; else the later statement stands. Of several breakers that one source knows of a process for the same callee the worst
/// counts. All count the same refusals, each over a window of its own: the highest count stands.
fn processes(reports: &[Report]) -> BTreeMap<&str, Process> {
    let mut by_process: BTreeMap<&str, Vec<&Report>> = BTreeMap::new();
    for report in reports {
        by_process.entry(&report.process).or_default().push(report);
    }
    let has_word =
        |one: &Report| matches!(one.state, BreakerState::HalfOpen | BreakerState::ForcedOpen | BreakerState::Disabled);
    let rank = |one: &&&Report| (!one.stale, !one.derived, has_word(one), one.evidence.observation.seen);
    let believed = by_process.into_iter().filter_map(|(process, reports)| {
        let best = reports.iter().max_by_key(rank)?;
        let as_good = |one: &&&Report| {
            let source = |one: &Report| one.evidence.source.clone();
            (source(one), one.stale, one.derived) == (source(best), best.stale, best.derived)
        };
        let best = reports.iter().filter(as_good).max_by_key(|one| one.state)?;
        let counted = reports.iter().filter(|one| one.stale == best.stale).filter_map(|one| one.rejected_per_s);
        let agreeing = reports.iter().filter(|one| one.stale == best.stale && one.state == best.state);
        let since = agreeing.filter_map(|one| one.since).max();
        let rejected_per_s = counted.reduce(f64::max);
        let (state, derived, among) = (best.state, best.derived, best.among);
        Some((process, Process { state, derived, since, rejected_per_s, among }))
    });
    believed.collect()
}

fn breaker(key: Key, group: Group, before: &Snapshot, now: Timestamp) -> (BreakerId, Breaker) {
    let id = BreakerId::from(format!("{} -> {} ({})", key.caller, key.toward, kind_word(key.kind)));
    let (state, derived, told, open, of, rejected_per_s) = {
        let mut processes = processes(&group.reports);
        // A sum is of the processes that speak for themselves beside it.
        if processes.values().any(|one| one.among.is_none()) {
            processes.retain(|_, one| one.among.is_none());
        }
        let state = processes.values().map(|process| process.state).max().unwrap_or(BreakerState::Unknown);
        let inside = || processes.values().filter(|process| process.state == state);
        let derived = inside().all(|process| process.derived);
        // The first of several processes: since then the breaker as a whole is in this state.
        let told = inside().filter_map(|one| one.since).min();
        let among = |one: &Process| one.among.unwrap_or(Among { open: u32::from(refuses(one.state)), of: 1 });
        let all =
            |count: fn(Among) -> u32| processes.values().map(|one| count(among(one))).fold(0, u32::saturating_add);
        let rejected = processes.values().filter_map(|process| process.rejected_per_s).reduce(|a, b| a + b);
        (state, derived, told, all(|one| one.open), all(|one| one.of), rejected)
    };
    // A clock that is ahead of ours says nothing of use.
    let told = told.filter(|at| *at <= now).map(|at| Since { at, seen_changing: true });
    let past = before.breakers.get(&id).map(|old| (old.state, old.since));
    let breaker = Breaker {
        id: id.clone(),
        caller: key.caller,
        callee: group.callee,
        name: group.name,
        kind: key.kind,
        state,
        derived,
        since: told.unwrap_or_else(|| since(past, &state, now)),
        open,
        of,
        rejected_per_s,
        stale: group.reports.iter().all(|report| report.stale),
        evidence: group.reports.into_iter().map(|report| report.evidence).collect(),
    };
    (id, breaker)
}

fn refuses(state: BreakerState) -> bool {
    matches!(state, BreakerState::Open | BreakerState::ForcedOpen)
}

fn kind_word(kind: BreakerKind) -> &'static str {
    match kind {
        BreakerKind::Failure => "failure",
        BreakerKind::Capacity => "capacity",
        BreakerKind::Endpoint => "endpoint",
    }
}
