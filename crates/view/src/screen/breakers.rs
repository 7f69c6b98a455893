//! The table of circuit breakers, worst first.

use std::collections::BTreeMap;

use binnacle_model::fact::{BreakerState, OpensAt};
use binnacle_model::id::{EdgeId, ServiceId};
use binnacle_model::measured;
use binnacle_model::snapshot::{Breaker, Snapshot};

use super::limits::opening;
use super::{Table, count, named, pips, source_name, why_empty};
use crate::contract::breakers::{BreakerRow, BreakersHead};
use crate::text;

/// The table.
pub fn table(snapshot: &Snapshot) -> Table<BreakersHead, BreakerRow> {
    let edges: BTreeMap<(&ServiceId, &ServiceId), &EdgeId> =
        snapshot.edges.values().map(|edge| ((&edge.from, &edge.to), &edge.id)).collect();
    let mut breakers: Vec<&Breaker> = snapshot.breakers.values().map(AsRef::as_ref).collect();
    breakers.sort_by(|a, b| (b.told_state(), &a.id).cmp(&(a.told_state(), &b.id)));
    let in_state = |states: &[BreakerState]| count(breakers.iter().filter(|one| states.contains(&one.state)).count());
    let head = BreakersHead {
        total: count(breakers.len()),
        open: in_state(&[BreakerState::Open, BreakerState::ForcedOpen]),
        half_open: in_state(&[BreakerState::HalfOpen]),
        empty: breakers.is_empty().then(|| {
            why_empty(
                snapshot,
                "breakers",
                "They come from an actuator (resilience4j), an Envoy, a Sentinel, a Hystrix stream, metrics or a mesh's rules. Add a source.",
            )
        }),
    };
    let rows = breakers.iter().map(|breaker| {
        let edge = breaker.callee.as_ref().and_then(|callee| edges.get(&(&breaker.caller, callee)));
        row(snapshot, breaker, edge.map(ToString::to_string))
    });
    Table { head, rows: rows.collect() }
}

fn row(snapshot: &Snapshot, breaker: &Breaker, edge: Option<String>) -> BreakerRow {
    BreakerRow {
        key: breaker.id.to_string(),
        caller: named(snapshot, &breaker.caller),
        callee: breaker.callee.as_ref().map(|callee| named(snapshot, callee)),
        name: text::name(&breaker.name),
        kind: breaker.kind.into(),
        state: breaker.state.into(),
        since: breaker.since.into(),
        open: breaker.open,
        of: breaker.of,
        derived: breaker.derived,
        rejected_per_s: breaker.rejected_per_s,
        failing: breaker.failing(),
        opens_at: opening(breaker),
        threshold: breaker.opens_at().and_then(OpensAt::failing),
        edge,
        stale: breaker.stale,
        sources: pips(&breaker.evidence),
        history: measured::keeper(snapshot, breaker).map(source_name),
    }
}

/// `≥ 50 % failed`.
pub fn opens_at(limit: OpensAt) -> String {
    match limit {
        OpensAt::Failing(ratio) => format!("≥ {} % failed", (ratio * 1000.0).round() / 10.0),
        OpensAt::AtOnce(most) => format!("{most} at once"),
        OpensAt::InARow(failures) => format!("{failures} failed in a row"),
    }
}
