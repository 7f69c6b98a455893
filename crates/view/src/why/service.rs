//! Why a service is in the picture, and is as it is.

use std::cmp::Reverse;

use binnacle_model::snapshot::{Check, Facet, Health, Instance, JoinReason, Service, ServiceRole};

use super::{CallWhy, CheckWhy, InstanceWhy, KnownAs, ServiceWhy, Told, edge, looked};
use crate::contract::state::EdgeState;
use crate::screen::health::address;
use crate::screen::plural;
use crate::text;

pub(super) fn why(told: &Told<'_>, service: &Service) -> ServiceWhy {
    let edges = told.snapshot.edges.values().filter(|edge| edge.from == service.id || edge.to == service.id);
    let calls: Vec<CallWhy> = edges.map(|edge| call(told, service, edge)).collect();
    let is_counted = calls.iter().any(|call| call.state != EdgeState::Declared);
    let mut instances: Vec<&Instance> = service.instances.iter().map(AsRef::as_ref).collect();
    instances.sort_by_key(|one| (one.terminating.is_some(), Reverse(one.health)));
    ServiceWhy {
        service: told.named(&service.id),
        health: service.health.into(),
        because: because(service),
        since: service.since.at.to_string(),
        since_is_exact: service.since.seen_changing,
        stale: service.stale,
        known_as: service.facets.iter().map(|facet| known_as(service, facet)).collect(),
        workloads: service.workloads.iter().map(|one| told.statement(&one.evidence)).collect(),
        instances: instances.into_iter().map(|one| instance(told, one)).collect(),
        calls,
        breakers: told.breakers(|one| one.caller == service.id || one.callee.as_ref() == Some(&service.id)),
        alerts: told.alerts(&service.id),
        sources: told.sources(service.facets.iter().map(|facet| &facet.source)),
        looked_for: if is_counted { Vec::new() } else { looked::of_service(told, service) },
    }
}

/// Why it is as it is: what its worst check says, or what its workload does, or that nobody says.
fn because(service: &Service) -> String {
    if service.instances.is_empty() {
        return match service.role {
            ServiceRole::External => "no registry knows it: it is only named as a party to calls".to_owned(),
            ServiceRole::Channel => "a queue or topic has no instances".to_owned(),
            ServiceRole::Service | ServiceRole::Gateway => "it has no instance".to_owned(),
        };
    }
    let passing = format!("{} of {} passing", service.passing(), plural(service.instances.len(), "instance"));
    if let Some(check) = service.worst_check() {
        let says = text::first_line(&check.output);
        let says = if says.is_empty() { String::new() } else { format!(": {says}") };
        return format!("{passing}; {} is {}{says}", text::name(&check.name), check.health.word());
    }
    let checks = service.instances.iter().any(|instance| !instance.checks.is_empty());
    match (service.health, &*service.workload_words()) {
        (Health::Passing, _) if checks => format!("{passing}, by all checks"),
        (Health::Passing, _) => format!("{passing}; no check is defined, which its registry counts as passing"),
        (_, "") => format!("{passing}; nobody says more"),
        (_, words) => format!("{passing}; {}", text::first_line(words)),
    }
}

fn known_as(service: &Service, facet: &Facet) -> KnownAs {
    let because = match facet.joined_by {
        Some(JoinReason::Explicit) => "one of the two names the other's instance by an id",
        Some(JoinReason::Instances) => "its addresses and ports are those of the same instances",
        Some(JoinReason::Name) => "it has the same name, and nothing speaks against it",
        None if matches!(service.role, ServiceRole::External | ServiceRole::Channel) => "it speaks of it by this name",
        None if service.facets.first() == Some(facet) => "it gave the service its id",
        None => "it calls it so itself",
    };
    KnownAs {
        source: text::name(facet.source.as_str()),
        name: text::name(&facet.name.to_string()),
        because: because.to_owned(),
    }
}

fn instance(told: &Told<'_>, instance: &Instance) -> InstanceWhy {
    let mut sources: Vec<String> = instance.witnesses().map(|one| text::name(one.source.as_str())).collect();
    sources.dedup();
    InstanceWhy {
        id: instance.id.to_string(),
        address: address(instance),
        health: instance.health.into(),
        leaving: instance.terminating.is_some(),
        sources,
        checks: instance.checks.iter().map(|one| check(told, one)).collect(),
    }
}

fn check(told: &Told<'_>, check: &Check) -> CheckWhy {
    CheckWhy {
        name: text::name(&check.name),
        health: check.health.into(),
        of_node: check.of_node,
        since: check.since.at.to_string(),
        said: told.statement(&check.evidence),
    }
}

fn call(told: &Told<'_>, service: &Service, edge: &binnacle_model::snapshot::Edge) -> CallWhy {
    let incoming = edge.to == service.id;
    CallWhy {
        edge: edge.id.to_string(),
        incoming,
        other: told.named(if incoming { &edge.from } else { &edge.to }),
        state: edge.state.into(),
        because: edge::because(told, edge),
        signals: edge.signals.into(),
    }
}
