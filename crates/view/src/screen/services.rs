//! The table of services, worst first.

use std::collections::BTreeMap;

use binnacle_model::id::ServiceId;
use binnacle_model::snapshot::{Breaker, Service, Snapshot};

use super::{Table, count, degrees, facet_pips, stale_since, why_empty};
use crate::contract::services::{ServiceRow, ServicesHead};
use crate::contract::state::{HealthCounts, Tone};
use crate::text;

/// The table.
pub fn table(snapshot: &Snapshot) -> Table<ServicesHead, ServiceRow> {
    let degrees = degrees(snapshot);
    let breakers = breakers(snapshot);
    let disputed = disputed(snapshot);
    let mut services: Vec<&Service> = snapshot.services.values().map(AsRef::as_ref).collect();
    services.sort_by(|a, b| (b.health, &a.name, &a.id).cmp(&(a.health, &b.name, &b.id)));
    let rows: Vec<ServiceRow> = services
        .iter()
        .map(|service| {
            let (callers, callees) = degrees.get(&service.id).copied().unwrap_or_default();
            ServiceRow {
                callers,
                callees,
                disagreements: disputed.get(&service.id).copied().unwrap_or_default(),
                breaker: breakers.get(&service.id).map(|breaker| breaker.state.into()),
                ..row(snapshot, service)
            }
        })
        .collect();
    let head = ServicesHead {
        total: count(rows.len()),
        counts: HealthCounts::of(services.iter().map(|service| service.health)),
        instances: count(services.iter().map(|service| service.instances.len()).sum()),
        empty: rows.is_empty().then(|| why_empty(snapshot, "services", "They come from Consul. Add a source.")),
    };
    Table { head, rows }
}

fn row(snapshot: &Snapshot, service: &Service) -> ServiceRow {
    ServiceRow {
        key: service.id.to_string(),
        name: text::name(&service.name),
        namespace: service.namespace.as_deref().map(text::name),
        place: text::name(&service.place),
        role: service.role.into(),
        health: service.health.into(),
        since: service.since.into(),
        stale: service.stale,
        stale_since: stale_since(snapshot, service.stale, service.facets.iter().map(|facet| &facet.source)),
        instances: count(service.instances.len()),
        passing: count(service.passing()),
        signals: service.signals.into(),
        tone: Tone::from(&service.signals),
        callers: 0,
        callees: 0,
        breaker: None,
        disagreements: 0,
        sources: facet_pips(&service.facets),
        tags: service.tags.iter().map(|tag| text::name(tag)).collect(),
        worst_output: text::first_line(&service.why()),
    }
}

/// How many disagreements concern each service.
pub(super) fn disputed(snapshot: &Snapshot) -> BTreeMap<&ServiceId, u32> {
    let mut counts = BTreeMap::new();
    for service in snapshot.disagreements.values().filter_map(|one| one.service.as_ref()) {
        *counts.entry(service).or_default() += 1;
    }
    counts
}

/// The most notable breaker that guards calls of a service or to it.
fn breakers(snapshot: &Snapshot) -> BTreeMap<&ServiceId, &Breaker> {
    let mut worst: BTreeMap<&ServiceId, &Breaker> = BTreeMap::new();
    for breaker in snapshot.breakers.values() {
        for party in [Some(&breaker.caller), breaker.callee.as_ref()].into_iter().flatten() {
            let held = worst.entry(party).or_insert(breaker);
            if breaker.told_state() > held.told_state() {
                *held = breaker;
            }
        }
    }
    worst
}
