//! Whose numbers of a thing can be asked for over time: the metrics server that counts its calls, with what it states of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::fact::{CallsBasis, Fact, Observation};
use crate::id::{SourceId, SourceKind};
use crate::snapshot::{Edge, Snapshot};

/// A metrics server, and what it states now of the calls that make up the signals of one thing.
#[derive(Clone, Debug, PartialEq)]
pub struct Measured {
    /// The server.
    pub source: SourceId,
    /// Its statements, all of them [`Fact::Calls`] that were observed.
    pub facts: Vec<Arc<Observation>>,
}

/// Who measures an edge; `None` when no metrics server does, or the edge is not there.
pub fn of_edge(snapshot: &Snapshot, id: &str) -> Option<Measured> {
    of(snapshot, snapshot.edges.get(id).into_iter().map(AsRef::as_ref))
}

/// Who measures the calls to a service, which are its signals.
pub fn of_service(snapshot: &Snapshot, id: &str) -> Option<Measured> {
    of(snapshot, snapshot.edges.values().map(AsRef::as_ref).filter(|edge| edge.to.as_str() == id))
}

/// Of several servers that count the same calls one is asked, as one is believed: a current one first, then the one that
/// counted most.
fn of<'a>(snapshot: &Snapshot, edges: impl Iterator<Item = &'a Edge>) -> Option<Measured> {
    let mut servers: BTreeMap<&SourceId, (f64, Vec<Arc<Observation>>)> = BTreeMap::new();
    for evidence in edges.flat_map(|edge| &edge.evidence) {
        let Fact::Calls(calls) = &evidence.observation.fact else { continue };
        let CallsBasis::Observed(signals) = &calls.basis else { continue };
        if evidence.source.kind() == Some(SourceKind::Prometheus) {
            let (rps, facts) = servers.entry(&evidence.source).or_default();
            *rps += signals.rps.unwrap_or_default();
            facts.push(evidence.observation.clone());
        }
    }
    let is_current = |id: &SourceId| snapshot.sources.get(id).is_some_and(|source| source.status.state.is_current());
    let better = |(one, (mine, _)): &(&SourceId, (f64, _)), (other, (theirs, _)): &(&SourceId, (f64, _))| {
        is_current(one).cmp(&is_current(other)).then(mine.total_cmp(theirs))
    };
    let (source, (_, facts)) = servers.into_iter().max_by(better)?;
    Some(Measured { source: source.clone(), facts })
}
