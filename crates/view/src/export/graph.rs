//! The graph in other tools' languages. Names from outside are escaped by each language's own rules, so that no name can
//! become syntax.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use binnacle_model::fact::BreakerState;
use binnacle_model::id::ServiceId;
use binnacle_model::snapshot::{Breaker, Edge, EdgeState, Health, Service, ServiceRole, Snapshot};
use serde::Serialize;

use super::snapshot::{PublicBreaker, PublicEdge, PublicHealth};
use crate::text;

/// The graph as JSON: the parties with their state, the edges and breakers as in the public snapshot.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PublicGraph {
    /// The picture's revision.
    pub revision: u64,
    /// Services, externals, queues and topics.
    pub nodes: Vec<PublicNode>,
    /// Who calls whom.
    pub edges: Vec<PublicEdge>,
    /// Circuit breakers.
    pub breakers: Vec<PublicBreaker>,
}

/// A party of the graph.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PublicNode {
    /// Stable id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// `service`, `gateway`, `external` or `channel`.
    pub role: &'static str,
    /// Its state.
    pub health: PublicHealth,
}

/// The graph as JSON.
pub fn json(snapshot: &Snapshot) -> PublicGraph {
    let node = |service: &Service| PublicNode {
        id: service.id.to_string(),
        name: service.name.to_string(),
        role: role_word(service.role),
        health: service.health.into(),
    };
    PublicGraph {
        revision: snapshot.revision.0,
        nodes: snapshot.services.values().map(|service| node(service)).collect(),
        edges: snapshot.edges.values().map(|edge| PublicEdge::of(edge)).collect(),
        breakers: snapshot.breakers.values().map(|breaker| PublicBreaker::of(breaker)).collect(),
    }
}

fn role_word(role: ServiceRole) -> &'static str {
    match role {
        ServiceRole::Service => "service",
        ServiceRole::Gateway => "gateway",
        ServiceRole::External => "external",
        ServiceRole::Channel => "channel",
    }
}

/// The graph in Graphviz' DOT (<https://graphviz.org/doc/info/lang.html>).
pub fn dot(snapshot: &Snapshot) -> String {
    let mut out =
        "digraph binnacle {\n  rankdir=LR;\n  node [shape=box, style=rounded, fontname=\"sans-serif\"];\n".to_owned();
    for service in snapshot.services.values() {
        let shape = match service.role {
            ServiceRole::Channel => ", shape=cds",
            ServiceRole::External => ", style=\"rounded,dashed\"",
            ServiceRole::Service | ServiceRole::Gateway => "",
        };
        let label = dot_text(&node_label(service));
        let _ =
            writeln!(out, "  \"{}\" [label=\"{label}\"{shape}{}];", dot_text(service.id.as_str()), dot_colour(service));
    }
    let breakers = breakers_by_pair(snapshot);
    for edge in snapshot.edges.values() {
        let style = match edge.state {
            EdgeState::Observed => "solid",
            EdgeState::Declared => "dashed",
            EdgeState::Undeclared => "dotted",
        };
        let (from, to) = (dot_text(edge.from.as_str()), dot_text(edge.to.as_str()));
        let label = dot_text(&edge_label(edge, breakers.get(&(&edge.from, &edge.to)).copied()));
        let _ = writeln!(out, "  \"{from}\" -> \"{to}\" [label=\"{label}\", style={style}];");
    }
    out.push_str("}\n");
    out
}

fn dot_colour(service: &Service) -> &'static str {
    match service.health {
        Health::Critical => ", color=\"#C2211B\"",
        Health::Warning => ", color=\"#C47F00\"",
        Health::Maintenance => ", color=\"#6240C4\"",
        Health::Passing | Health::Unknown => "",
    }
}

/// A double-quoted string: quotes and backslashes are escaped, lines stay lines.
fn dot_text(text: &str) -> String {
    text.lines()
        .map(|line| text::visible(line, false).replace('\\', "\\\\").replace('"', "\\\""))
        .collect::<Vec<_>>()
        .join("\\n")
}

/// The graph as a Mermaid flowchart (<https://mermaid.js.org/syntax/flowchart.html>).
pub fn mermaid(snapshot: &Snapshot) -> String {
    let mut out = "flowchart LR\n".to_owned();
    let number: BTreeMap<&ServiceId, usize> = snapshot.services.keys().enumerate().map(|(at, id)| (id, at)).collect();
    for (at, service) in snapshot.services.values().enumerate() {
        let label = mermaid_text(&node_label(service));
        let _ = match service.role {
            ServiceRole::Channel => writeln!(out, "  n{at}[(\"{label}\")]"),
            ServiceRole::External => writeln!(out, "  n{at}([\"{label}\"])"),
            ServiceRole::Service | ServiceRole::Gateway => writeln!(out, "  n{at}[\"{label}\"]"),
        };
        if !matches!(service.health, Health::Passing | Health::Unknown) {
            let _ = writeln!(out, "  class n{at} {}", service.health.word());
        }
    }
    let breakers = breakers_by_pair(snapshot);
    for edge in snapshot.edges.values() {
        let (Some(from), Some(to)) = (number.get(&edge.from), number.get(&edge.to)) else { continue };
        let arrow = if edge.state == EdgeState::Observed { "-->" } else { "-.->" };
        let label = mermaid_text(&edge_label(edge, breakers.get(&(&edge.from, &edge.to)).copied()));
        let _ = match label.as_str() {
            "" => writeln!(out, "  n{from} {arrow} n{to}"),
            label => writeln!(out, "  n{from} {arrow}|\"{label}\"| n{to}"),
        };
    }
    out.push_str("  classDef critical stroke:#C2211B,stroke-width:2px\n");
    out.push_str("  classDef warning stroke:#C47F00,stroke-width:2px\n");
    out.push_str("  classDef maintenance stroke:#6240C4,stroke-width:2px\n");
    out
}

/// Letters, digits and a few harmless signs stay; all else becomes a character code, which Mermaid shows as the character.
fn mermaid_text(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for line in text.lines() {
        if !out.is_empty() {
            out.push_str("<br/>");
        }
        for c in text::visible(line, false).chars() {
            if c.is_alphanumeric() || " .,:-_/".contains(c) {
                out.push(c);
            } else {
                let _ = write!(out, "#{};", u32::from(c));
            }
        }
    }
    out
}

fn node_label(service: &Service) -> String {
    let name = text::name(&service.name);
    if service.role == ServiceRole::Channel || service.instances.is_empty() {
        return name;
    }
    format!("{name}\n{} {}/{}", service.health.word(), service.passing(), service.instances.len())
}

fn edge_label(edge: &Edge, breaker: Option<&Breaker>) -> String {
    let mut parts = Vec::new();
    if let Some(rps) = edge.signals.rps {
        parts.push(format!("{rps:.1}/s"));
    }
    if let Some(ratio) = edge.signals.error_ratio.filter(|ratio| *ratio > 0.0) {
        parts.push(format!("{:.1} % errors", ratio * 100.0));
    }
    if let Some(breaker) = breaker.filter(|breaker| breaker.state != BreakerState::Closed) {
        let word = binnacle_model::world::breaker_word(breaker.state).replace('_', " ");
        let count = breaker.told_state().map(|_| format!(", {} of {}", breaker.open, breaker.of));
        parts.push(format!("breaker {word}{}", count.unwrap_or_default()));
    }
    parts.join(", ")
}

/// The most notable breaker of each pair.
fn breakers_by_pair(snapshot: &Snapshot) -> BTreeMap<(&ServiceId, &ServiceId), &Breaker> {
    let mut worst: BTreeMap<(&ServiceId, &ServiceId), &Breaker> = BTreeMap::new();
    for breaker in snapshot.breakers.values() {
        let Some(callee) = &breaker.callee else { continue };
        let held = worst.entry((&breaker.caller, callee)).or_insert(breaker);
        if breaker.told_state() > held.told_state() {
            *held = breaker;
        }
    }
    worst
}
