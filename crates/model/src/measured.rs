//! Whose numbers of a thing can be asked for over time: the metrics server that counts its calls, with what it states of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::derive::counts;
use crate::fact::Observation;
use crate::id::{SourceId, SourceKind};
use crate::snapshot::{Breaker, Evidence, Snapshot};

/// A metrics server, and what it states now of the calls that make up the signals of one thing, or of a breaker.
#[derive(Clone, Debug, PartialEq)]
pub struct Measured {
    /// The server.
    pub source: SourceId,
    /// Those of its statements that are believed: observed [`Fact::Calls`](crate::fact::Fact::Calls), or
    /// [`Fact::Served`](crate::fact::Fact::Served); of a breaker each [`Fact::Breaker`](crate::fact::Fact::Breaker).
    pub facts: Vec<Arc<Observation>>,
}

/// Who measures an edge; `None` when no metrics server does, or the edge is not there.
pub fn of_edge(snapshot: &Snapshot, id: &str) -> Option<Measured> {
    of(snapshot, snapshot.edges.get(id).into_iter().map(|edge| &*edge.evidence))
}

/// Who measures the signals of a service: what it answers, where it counts that itself, else the calls to it.
pub fn of_service(snapshot: &Snapshot, id: &str) -> Option<Measured> {
    let own = &snapshot.services.get(id)?.counted;
    if own.is_empty() {
        let edges = snapshot.edges.values().filter(|edge| edge.to.as_str() == id);
        return of(snapshot, edges.map(|edge| &*edge.evidence));
    }
    of(snapshot, std::iter::once(&**own))
}

/// Who keeps the states of a breaker, with what it states of it; `None` when no metrics server does, or the breaker is not there.
pub fn of_breaker(snapshot: &Snapshot, id: &str) -> Option<Measured> {
    let breaker = snapshot.breakers.get(id)?;
    let source = keeper(snapshot, breaker)?;
    let said = breaker.evidence.iter().filter(|one| one.source == *source);
    Some(Measured { source: source.clone(), facts: said.map(|one| one.observation.clone()).collect() })
}

/// The server that keeps the states of a breaker; of several a current one, then the one that knows more processes.
pub fn keeper<'a>(snapshot: &Snapshot, breaker: &'a Breaker) -> Option<&'a SourceId> {
    let mut servers: BTreeMap<&SourceId, usize> = BTreeMap::new();
    let kept = |one: &&Evidence| one.source.kind() == Some(SourceKind::Prometheus);
    for evidence in breaker.evidence.iter().filter(kept) {
        *servers.entry(&evidence.source).or_default() += 1;
    }
    let best = servers.into_iter().max_by_key(|(source, said)| (is_current(snapshot, source), *said));
    best.map(|(source, _)| source)
}

/// Which of the statements about one edge, or about one service's own count, its numbers are made of.
pub fn believed<'a>(snapshot: &Snapshot, said: &'a [Evidence]) -> Vec<&'a Evidence> {
    counts::believed(said.iter().map(|one| (is_current(snapshot, &one.source), one))).evidence
}

fn is_current(snapshot: &Snapshot, source: &SourceId) -> bool {
    snapshot.sources.get(source).is_none_or(|source| source.status.state.is_current())
}

/// Of several servers that count the same calls one is asked, as one is believed: a current one first, then the one that
/// counted most. `counted` has what is said of calls of which each is in one place only.
fn of<'a>(snapshot: &Snapshot, counted: impl Iterator<Item = &'a [Evidence]>) -> Option<Measured> {
    let mut servers: BTreeMap<&SourceId, (f64, Vec<Arc<Observation>>)> = BTreeMap::new();
    for said in counted {
        let mut by_server: BTreeMap<&SourceId, Vec<&Evidence>> = BTreeMap::new();
        for evidence in said.iter().filter(|one| one.source.kind() == Some(SourceKind::Prometheus)) {
            by_server.entry(&evidence.source).or_default().push(evidence);
        }
        for (source, said) in by_server {
            let count = counts::believed(said.into_iter().map(|one| (true, one)));
            if count.evidence.is_empty() {
                continue;
            }
            let (rps, facts) = servers.entry(source).or_default();
            *rps += count.signals.rps.unwrap_or_default();
            facts.extend(count.evidence.iter().map(|one| one.observation.clone()));
        }
    }
    let better = |(one, (mine, _)): &(&SourceId, (f64, _)), (other, (theirs, _)): &(&SourceId, (f64, _))| {
        is_current(snapshot, one).cmp(&is_current(snapshot, other)).then(mine.total_cmp(theirs))
    };
    let (source, (_, facts)) = servers.into_iter().max_by(better)?;
    Some(Measured { source: source.clone(), facts })
}
