//! What a cluster says of a service: what runs it, how it is reached, and what happened to it, as lines of the inspector.

use std::collections::BTreeSet;

use binnacle_model::fact::{AutoscalerFact, Exposure, RouteFact, TargetPort, WorkloadFact};
use binnacle_model::snapshot::{
    Autoscaler, ClusterService, Event, Evidence, Instance, Route, Service, Snapshot, Workload,
};

use super::{pips, plural, source_name};
use crate::contract::inspector::{FactRow, Section};
use crate::contract::state::{Tone, millis};
use crate::text;

/// The most routes and the like of one service.
const MOST: usize = 40;

fn row(key: String, section: Section, label: &str, value: &str, evidence: &Evidence) -> FactRow {
    FactRow {
        key,
        section,
        label: text::name(label),
        value: text::output(value),
        tone: Tone::Normal,
        at: None,
        link: None,
        pips: pips([evidence]),
    }
}

/// What runs its instances, and what changes how many there are.
pub(crate) fn workloads(service: &Service) -> Vec<FactRow> {
    let of_workload = |one: &Workload| FactRow {
        tone: if one.fact.state.is_well() { Tone::Normal } else { Tone::Warning },
        ..row(workload_key(one), Section::Workloads, one.fact.kind.word(), &workload_words(&one.fact), &one.evidence)
    };
    let of_scaler = |one: &Autoscaler| FactRow {
        tone: if one.fact.complaint.is_empty() { Tone::Normal } else { Tone::Warning },
        ..row(scaler_key(one), Section::Workloads, "Autoscaler", &scaler_words(&one.fact), &one.evidence)
    };
    let all = service.workloads.iter().take(MOST).map(of_workload);
    all.chain(service.autoscalers.iter().take(MOST).map(of_scaler)).collect()
}

fn workload_key(one: &Workload) -> String {
    format!("workload:{}", one.fact.uid)
}

fn scaler_key(one: &Autoscaler) -> String {
    format!("scaler:{}", one.fact.name)
}

/// `cart: complete · 3 of 3 ready · 3 updated`.
fn workload_words(fact: &WorkloadFact) -> String {
    let mut words = vec![format!("{}: {}", fact.name, fact.state.word().replace('_', " "))];
    match (fact.ready, fact.desired) {
        (Some(ready), Some(desired)) => words.push(format!("{ready} of {desired} ready")),
        (Some(ready), None) => words.push(format!("{ready} ready")),
        (None, Some(desired)) => words.push(format!("{desired} wanted")),
        (None, None) => {}
    }
    // Where all is done, these say the same again.
    if fact.updated != fact.desired {
        words.extend(fact.updated.map(|updated| format!("{updated} updated")));
    }
    words.extend(Some(fact.message.to_string()).filter(|message| !message.is_empty()));
    words.join(" · ")
}

fn scaler_words(fact: &AutoscalerFact) -> String {
    let mut words = format!("{}: {} to {}, has {}", fact.name, fact.min, fact.max, fact.current);
    if fact.desired != fact.current {
        words = format!("{words}, wants {}", fact.desired);
    }
    if fact.complaint.is_empty() { words } else { format!("{words} · {}", fact.complaint) }
}

/// The names and the routes by which it is reached.
pub(crate) fn ways_in(snapshot: &Snapshot, service: &Service) -> Vec<FactRow> {
    let fronts = snapshot.cluster_services.iter().filter(|(_, front)| front.leads_to.contains(&service.id));
    let of_front = |(key, front): (&std::sync::Arc<str>, &std::sync::Arc<ClusterService>)| {
        let ready = front.backends.iter().filter(|one| one.ready && !one.terminating).count();
        FactRow {
            tone: if ready == 0 { Tone::Critical } else { Tone::Normal },
            ..row(format!("front:{key}"), Section::Reached, "Service", &front_words(front, ready), &front.evidence)
        }
    };
    let routes = snapshot.routes.iter().filter(|(_, route)| route.leads_to.contains(&service.id));
    let of_route = |(key, route): (&std::sync::Arc<str>, &std::sync::Arc<Route>)| {
        row(format!("route:{key}"), Section::Reached, &route.fact.kind, &route_words(&route.fact), &route.evidence)
    };
    fronts.take(MOST).map(of_front).chain(routes.take(MOST).map(of_route)).collect()
}

/// `shop/cart at 10.96.0.7 · http 80 → 8080 · 3 of 3 backends ready`.
fn front_words(front: &ClusterService, ready: usize) -> String {
    let fact = &front.fact;
    let kind = match fact.exposure {
        Exposure::ClusterIp => "",
        Exposure::NodePort => ", NodePort",
        Exposure::LoadBalancer => ", LoadBalancer",
        Exposure::ExternalName => ", another name",
    };
    let at = if fact.addresses.is_empty() {
        "without an address of its own".to_owned()
    } else {
        format!("at {}", fact.addresses.join(", "))
    };
    let mut words = vec![format!("{} {at}{kind}", fact.name)];
    words.extend(fact.ports.iter().take(8).map(|port| {
        let name = port.name.as_deref().map(|name| format!("{name} ")).unwrap_or_default();
        let node = port.node_port.map(|node| format!(", node port {node}")).unwrap_or_default();
        format!("{name}{} → {}{node}", port.port, target(&port.target))
    }));
    words.push(format!("{ready} of {} ready", plural(front.backends.len(), "backend")));
    if fact.publishes_unready {
        words.push("also those that are not ready".to_owned());
    }
    words.join(" · ")
}

fn target(port: &TargetPort) -> String {
    match port {
        TargetPort::Number(number) => number.to_string(),
        TargetPort::Named(name) => name.to_string(),
    }
}

/// `https://shop.example/cart → shop/cart:80 · by public`.
fn route_words(route: &RouteFact) -> String {
    let scheme = if route.tls { "https" } else { "http" };
    let host = route.host.as_deref().unwrap_or("*");
    let port = route.port.as_ref().map(|port| format!(":{}", target(port))).unwrap_or_default();
    let gateway = route.gateway.as_deref().map(|gateway| format!(" · by {gateway}")).unwrap_or_default();
    format!("{}: {scheme}://{host}{} → {}{port}{gateway}", route.name, route.path, route.target)
}

/// What its cluster calls worth a look, the latest first.
pub(crate) fn events(service: &Service) -> Vec<FactRow> {
    let of_event = |one: &Event| {
        let times = if one.fact.count > 1 { format!(" · {} times", one.fact.count) } else { String::new() };
        let about = one.fact.about.name();
        let value = format!("{about}: {}{times}", one.fact.message.trim());
        FactRow {
            tone: Tone::Warning,
            at: one.fact.last.map(millis),
            ..row(event_key(one), Section::Events, &one.fact.reason, &value, &one.evidence)
        }
    };
    service.events.iter().map(of_event).collect()
}

fn event_key(one: &Event) -> String {
    format!("event:{}", one.evidence.observation.object.key)
}

/// The evidence behind one of these lines.
pub(crate) fn evidence<'a>(snapshot: &'a Snapshot, service: &'a Service, key: &str) -> Option<&'a Evidence> {
    let (kind, rest) = key.split_once(':')?;
    match kind {
        "workload" => service.workloads.iter().find(|one| *one.fact.uid == *rest).map(|one| &one.evidence),
        "scaler" => service.autoscalers.iter().find(|one| *one.fact.name == *rest).map(|one| &one.evidence),
        "front" => snapshot.cluster_services.get(rest).map(|one| &one.evidence),
        "route" => snapshot.routes.get(rest).map(|one| &one.evidence),
        "event" => service.events.iter().find(|one| event_key(one) == key).map(|one| &one.evidence),
        _ => None,
    }
}

/// One line about how an instance is: why it is not well, or that it goes.
pub(crate) fn note(instance: &Instance) -> String {
    if let Some(check) =
        instance.checks.iter().find(|check| check.health == instance.health && !check.output.is_empty())
    {
        return text::first_line(&check.output);
    }
    String::new()
}

/// Why something of these collections is missing: a source of the service does not show all of them, with the rule that
/// would allow it.
pub(crate) fn unseen(snapshot: &Snapshot, service: &Service, collections: &[&str]) -> Option<String> {
    let sources: BTreeSet<_> = service.facets.iter().map(|facet| &facet.source).collect();
    sources.into_iter().filter_map(|id| snapshot.sources.get(id)).find_map(|source| {
        let status = &source.status;
        let missing: Vec<&str> =
            collections.iter().copied().filter(|one| status.unseen.iter().any(|seen| **seen == **one)).collect();
        let first = missing.first()?;
        let says = |hint: &str| hint.contains(&format!("\"{first}\""));
        let hint = status.partial.iter().find(|fault| says(&fault.hint)).map(|fault| text::output(&fault.hint));
        Some(
            format!(
                "{} does not show all {}. {}",
                source_name(&source.id),
                missing.join(", "),
                hint.unwrap_or_default()
            )
            .trim()
            .to_owned(),
        )
    })
}
