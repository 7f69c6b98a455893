//! Breakers: what the instances of one caller say about the same breaker, as "open n of m".

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use super::{evidence, is_stale, parties, since};
use crate::fact::{Among, BreakerFact, BreakerKind, BreakerState, Fact, Observation, Party, Tripping};
use crate::id::{BreakerId, ServiceId, SourceId};
use crate::snapshot::{Breaker, BreakerProcess, Evidence, Service, Since, Snapshot};
use crate::store::Store;

/// One instance's statement.
struct Report {
    /// Which process says it: two sources may speak of the same process.
    process: Arc<str>,
    state: BreakerState,
    derived: bool,
    since: Option<Timestamp>,
    rejected_per_s: Option<f64>,
    tripping: Tripping,
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
    Report {
        process: fact.process(&observation.object),
        state: fact.state,
        derived: fact.derived,
        since: fact.since,
        rejected_per_s: fact.rejected_per_s,
        tripping: fact.tripping,
        among: fact.among,
        stale,
        evidence: evidence(source, observation),
    }
}

/// What is believed of each process, of which several sources may speak. A current source is believed before a stale one, a told
/// state before a derived one, and the states for which some sources have no word before the others; else the later statement stands.
/// Of several breakers that one source knows of a process for the same callee the worst counts. All count the same refusals, each over
/// a window of its own: the highest count stands.
fn processes(reports: &[Report], before: Option<&Breaker>, now: Timestamp) -> Vec<BreakerProcess> {
    let mut by_process: BTreeMap<&Arc<str>, Vec<&Report>> = BTreeMap::new();
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
        let as_current = || reports.iter().filter(|one| one.stale == best.stale);
        // A clock that is ahead of ours says nothing of use.
        let told = as_current().filter(|one| one.state == best.state).filter_map(|one| one.since);
        let told = told.filter(|at| *at <= now).max().map(|at| Since { at, seen_changing: true });
        let past = before.and_then(|before| before.processes.iter().find(|one| one.process == *process));
        Some(BreakerProcess {
            process: process.clone(),
            state: best.state,
            derived: best.derived,
            since: told.unwrap_or_else(|| since(past.map(|past| (past.state, past.since)), &best.state, now)),
            rejected_per_s: as_current().filter_map(|one| one.rejected_per_s).reduce(f64::max),
            tripping: Tripping {
                failing: best.tripping.failing.or_else(|| as_current().find_map(|one| one.tripping.failing)),
                opens_at: best.tripping.opens_at.or_else(|| as_current().find_map(|one| one.tripping.opens_at)),
            },
            among: best.among,
            stale: best.stale,
        })
    });
    believed.collect()
}

fn breaker(key: Key, group: Group, before: &Snapshot, now: Timestamp) -> (BreakerId, Breaker) {
    let id = breaker_id(&key.caller, &key.toward, key.kind);
    let old = before.breakers.get(&id);
    let mut processes = processes(&group.reports, old.map(AsRef::as_ref), now);
    // A sum is of the processes that speak for themselves beside it.
    if processes.iter().any(|one| one.among.is_none()) {
        processes.retain(|one| one.among.is_none());
    }
    let state = processes.iter().map(|process| process.state).max().unwrap_or(BreakerState::Unknown);
    let inside = || processes.iter().filter(|process| process.state == state);
    // Since the first of several processes the breaker as a whole is in this state, also when that one has left it since.
    let whole = since(old.map(|old| (old.state, old.since)), &state, now);
    let first = std::iter::once(whole).chain(inside().map(|one| one.since)).min_by_key(|since| since.at);
    let among = |one: &BreakerProcess| one.among.unwrap_or(Among { open: u32::from(refuses(one.state)), of: 1 });
    let all = |count: fn(Among) -> u32| processes.iter().map(|one| count(among(one))).fold(0, u32::saturating_add);
    let breaker = Breaker {
        id: id.clone(),
        caller: key.caller,
        callee: group.callee,
        name: group.name,
        kind: key.kind,
        state,
        derived: inside().all(|process| process.derived),
        since: first.unwrap_or(whole),
        open: all(|one| one.open),
        of: all(|one| one.of),
        rejected_per_s: processes.iter().filter_map(|process| process.rejected_per_s).reduce(|a, b| a + b),
        stale: group.reports.iter().all(|report| report.stale),
        evidence: group.reports.into_iter().map(|report| report.evidence).collect(),
        limits: Vec::new(),
        processes,
    };
    (id, breaker)
}

/// The id of a breaker of a caller toward a service, or toward what has a name.
pub(super) fn breaker_id(caller: &ServiceId, toward: &str, kind: BreakerKind) -> BreakerId {
    BreakerId::from(format!("{caller} -> {toward} ({})", kind_word(kind)))
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
