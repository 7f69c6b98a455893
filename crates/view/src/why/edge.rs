//! Why an edge is in the picture, and is as it is: which statements there are, which of them are believed, and what it is
//! held against.

use std::collections::BTreeSet;
use std::sync::Arc;

use binnacle_model::fact::{CallsBasis, CallsFact, Fact, ROLLING, Side, Signals};
use binnacle_model::id::ServiceId;
use binnacle_model::measured;
use binnacle_model::snapshot::{Edge, EdgeState, Evidence, Service};

use super::{ClaimKind, ClaimWhy, Counted, EdgeWhy, NoEdgeWhy, Told, looked};
use crate::screen::source_name;
use crate::text;

/// The most partners that a sentence names.
const MOST_NAMED: usize = 6;

pub(super) fn why(told: &Told<'_>, edge: &Edge) -> EdgeWhy {
    let mut alerts = told.alerts(&edge.to);
    alerts.extend(told.alerts(&edge.from));
    let is_counted = edge.state != EdgeState::Declared;
    EdgeWhy {
        id: edge.id.to_string(),
        from: told.named(&edge.from),
        to: told.named(&edge.to),
        state: edge.state.into(),
        because: because(told, edge),
        signals: edge.signals.into(),
        stale: edge.stale,
        claims: claims(told, edge),
        breakers: told.breakers(|one| one.caller == edge.from && one.callee.as_ref() == Some(&edge.to)),
        alerts,
        sources: told.sources(edge.evidence.iter().map(|one| &one.source)),
        looked_for: if is_counted { Vec::new() } else { looked::of_pair(told, &edge.from, &edge.to) },
    }
}

/// Why there is no edge between two services.
pub(super) fn none(told: &Told<'_>, from: &ServiceId, to: &ServiceId) -> NoEdgeWhy {
    let (caller, callee) = (told.named(from), told.named(to));
    let back = told.snapshot.edges.values().any(|edge| edge.from == *to && edge.to == *from);
    let back = if back { format!("; calls from {} to {} are known", callee.name, caller.name) } else { String::new() };
    let ends = [from, to].into_iter().filter_map(|id| told.snapshot.services.get(id));
    NoEdgeWhy {
        because: format!(
            "nobody counts calls from {} to {}, and nothing declares them{back}",
            caller.name, callee.name
        ),
        from: caller,
        to: callee,
        sources: told
            .sources(ends.flat_map(|service: &std::sync::Arc<Service>| &service.facets).map(|one| &one.source)),
        looked_for: looked::of_pair(told, from, to),
    }
}

/// Why an edge has the state that it has.
pub(super) fn because(told: &Told<'_>, edge: &Edge) -> String {
    let (mut declared, mut denied) = (BTreeSet::new(), BTreeSet::new());
    for (evidence, basis) in said(&edge.evidence) {
        let words = |by: &str| text::name(&format!("{by} ({})", source_name(&evidence.source)));
        match basis {
            CallsBasis::Declared(by) => declared.insert(words(&by)),
            CallsBasis::Denied(by) => denied.insert(words(&by)),
            CallsBasis::Observed(_) => false,
        };
    }
    let few_of = |all: BTreeSet<String>| few(&all.into_iter().collect::<Vec<_>>());
    let (declared, denied) = (few_of(declared), few_of(denied));
    match edge.state {
        EdgeState::Declared => format!("declared by {declared}, and counted by nobody"),
        EdgeState::Observed if declared.is_empty() => "counted; nothing here declares who may call whom".to_owned(),
        EdgeState::Observed => format!("counted, and declared by {declared}"),
        EdgeState::Undeclared if !denied.is_empty() => format!("counted, although denied by {denied}"),
        EdgeState::Undeclared => format!("counted, although {}", others(told, edge).join(", and ")),
    }
}

/// What the configuration of each side names instead of the other.
fn others(told: &Told<'_>, edge: &Edge) -> Vec<String> {
    let listed = |side: Side| {
        let is_side = |other: &&Edge| match side {
            Side::Caller => other.from == edge.from,
            Side::Callee | Side::Between => other.to == edge.to,
        };
        let edges = told.snapshot.edges.values().map(AsRef::as_ref).filter(is_side);
        let lists = |other: &&Edge| said(&other.evidence).any(|(_, basis)| basis.lists() == Some(side));
        let ends = edges.filter(lists).map(|other| if side == Side::Caller { &other.to } else { &other.from });
        ends.map(|id| told.named(id).name).collect::<Vec<_>>()
    };
    let mut found = Vec::new();
    let (from, to) = (told.named(&edge.from).name, told.named(&edge.to).name);
    let called = listed(Side::Caller);
    if !called.is_empty() {
        found.push(format!("what is declared for {from} leads to {} only", few(&called)));
    }
    let callers = listed(Side::Callee);
    if !callers.is_empty() {
        found.push(format!("what is declared for {to} lets {} in only", few(&callers)));
    }
    if found.is_empty() {
        found.push(format!("what is declared for {to} lets nobody in"));
    }
    found
}

fn few(names: &[String]) -> String {
    let shown = names.iter().take(MOST_NAMED).cloned().collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(MOST_NAMED) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// What each statement says of the pair. A sidecar's instance declares by its upstreams.
fn said(evidence: &[Evidence]) -> impl Iterator<Item = (&Evidence, CallsBasis)> {
    evidence.iter().map(|one| match &one.observation.fact {
        Fact::Calls(fact) => (one, fact.basis.clone()),
        _ => (one, CallsBasis::Declared(Arc::from("upstream"))),
    })
}

fn claims(told: &Told<'_>, edge: &Edge) -> Vec<ClaimWhy> {
    let believed = measured::believed(told.snapshot, &edge.evidence);
    let mut claims: Vec<ClaimWhy> = edge.evidence.iter().map(|one| claim(told, one, &believed)).collect();
    claims.sort_by_key(|claim| (!claim.believed, claim.kind));
    claims
}

fn claim(told: &Told<'_>, evidence: &Evidence, believed: &[&Evidence]) -> ClaimWhy {
    let said = told.statement(evidence);
    let plain = |kind, by: &str, because: &str| ClaimWhy {
        said: said.clone(),
        kind,
        by: Some(text::name(by)),
        counted_at: None,
        dialect: None,
        signals: Signals::default().into(),
        believed: false,
        because: because.to_owned(),
    };
    match &evidence.observation.fact {
        Fact::Calls(fact) => match &fact.basis {
            CallsBasis::Declared(by) => plain(ClaimKind::Declared, by, declared_words(&fact.basis)),
            CallsBasis::Denied(by) => plain(ClaimKind::Denied, by, "it says that these calls must not happen"),
            CallsBasis::Observed(signals) => {
                let is_believed = believed.iter().any(|one| std::ptr::eq(*one, evidence));
                ClaimWhy {
                    kind: ClaimKind::Observed,
                    by: None,
                    counted_at: Some(counted_at(fact.observer.side)),
                    dialect: Some(text::name(&fact.observer.dialect)).filter(|dialect| !dialect.is_empty()),
                    signals: (*signals).into(),
                    believed: is_believed,
                    because: if is_believed {
                        believed_words(believed.len())
                    } else {
                        doubted_words(told, evidence, fact, believed)
                    },
                    ..plain(ClaimKind::Observed, "", "")
                }
            }
        },
        _ => plain(ClaimKind::Declared, "upstream", declared_words(&CallsBasis::Declared(Arc::from("upstream")))),
    }
}

fn declared_words(basis: &CallsBasis) -> &'static str {
    match basis.lists() {
        Some(Side::Caller) => "it lists whom the caller calls; no number comes of it",
        Some(Side::Callee | Side::Between) => "it lists who may call the callee; no number comes of it",
        None => "it names this pair, and others may talk as well; no number comes of it",
    }
}

fn counted_at(side: Side) -> Counted {
    match side {
        Side::Caller => Counted::Caller,
        Side::Between => Counted::Between,
        Side::Callee => Counted::Callee,
    }
}

fn believed_words(of: usize) -> String {
    match of {
        1 => "believed: the numbers of the edge are these".to_owned(),
        parts => format!("believed: one of {parts} parts of one count, which are summed"),
    }
}

/// Why somebody who counted is not believed.
fn doubted_words(told: &Told<'_>, evidence: &Evidence, fact: &CallsFact, believed: &[&Evidence]) -> String {
    let Some((best, best_fact)) = believed.iter().find_map(|one| match &one.observation.fact {
        Fact::Calls(fact) => Some((*one, fact)),
        _ => None,
    }) else {
        return "evidence only".to_owned();
    };
    if told.is_stale(&evidence.source) && !told.is_stale(&best.source) {
        return format!("evidence only: {} is not current", source_name(&evidence.source));
    }
    let never = "counted the same calls, and both are never added";
    if evidence.source == best.source && fact.observer.dialect == best_fact.observer.dialect {
        return match best_fact.observer.side {
            Side::Caller => format!("evidence only: the caller {never}"),
            Side::Between => format!("evidence only: a proxy on the way {never}"),
            Side::Callee => format!("evidence only: the callee {never}"),
        };
    }
    let by = if evidence.source == best.source {
        format!("the dialect {}", best_fact.observer.dialect)
    } else {
        source_name(&best.source)
    };
    if *fact.observer.dialect == *ROLLING && *best_fact.observer.dialect != *ROLLING {
        return format!("evidence only: {by} {never}; it counts since its start, this over the last seconds alone");
    }
    format!("evidence only: {by} {never}; it counted the most")
}
