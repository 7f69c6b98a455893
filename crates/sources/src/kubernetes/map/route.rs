//! Rules of gateways: Ingresses and HTTPRoutes.

use std::sync::Arc;

use binnacle_model::fact::{Fact, PathMatch, RouteFact, ServiceName, TargetPort};

use super::super::ledger::Said;
use super::super::owners::service_name;
use super::super::wire::{HttpPathMatch, HttpRoute, Ingress, IngressBackend, Meta};
use super::{Context, Saying};

/// How an Ingress named its class before there was a field for it.
const CLASS: &str = "kubernetes.io/ingress.class";

pub(in super::super) fn ingress(object: &Ingress, _: &Context<'_>) -> Saying {
    let (meta, spec) = (&object.metadata, &object.spec);
    let class = spec.ingress_class_name.as_ref().or_else(|| meta.annotations.get(CLASS));
    let mut facts = Vec::new();
    let mut add = |host: &str, path: &str, matching: PathMatch, backend: &IngressBackend| {
        let Some(service) = &backend.service else { return };
        let port = match (service.port.name.as_str(), service.port.number) {
            ("", 0) => None,
            ("", number) => Some(TargetPort::Number(number)),
            (name, _) => Some(TargetPort::Named(Arc::from(name))),
        };
        let fact = RouteFact {
            name: service_name(&meta.namespace, &meta.name),
            kind: Arc::from("Ingress"),
            gateway: class.map(|class| Arc::from(class.as_str())),
            host: (!host.is_empty()).then(|| Arc::from(host)),
            path: Arc::from(path),
            matching,
            tls: spec.tls.iter().any(|tls| tls.hosts.iter().any(|name| covers(name, host))),
            target: service_name(&meta.namespace, &service.name),
            port,
        };
        facts.push(said(meta, fact));
    };
    for rule in &spec.rules {
        for path in &rule.http.paths {
            let matching = match path.path_type.as_str() {
                "Exact" => PathMatch::Exact,
                "Prefix" => PathMatch::Prefix,
                _ => PathMatch::Own,
            };
            let at = if path.path.is_empty() { "/" } else { &path.path };
            add(&rule.host, at, matching, &path.backend);
        }
    }
    if let Some(backend) = &spec.default_backend {
        add("", "/", PathMatch::Prefix, backend);
    }
    facts.into()
}

pub(in super::super) fn http_route(object: &HttpRoute, _: &Context<'_>) -> Saying {
    let (meta, spec) = (&object.metadata, &object.spec);
    let gateway: Option<Arc<str>> = spec.parent_refs.first().map(|parent| {
        let namespace = parent.namespace.as_deref().unwrap_or(&meta.namespace);
        Arc::from(format!("{namespace}/{}", parent.name))
    });
    let any = [String::new()];
    let hosts = if spec.hostnames.is_empty() { &any[..] } else { &spec.hostnames };
    let mut facts = Vec::new();
    for rule in &spec.rules {
        let services =
            rule.backend_refs.iter().filter(|backend| matches!(backend.kind.as_deref(), None | Some("Service")));
        let targets: Vec<(ServiceName, Option<TargetPort>)> = services
            .map(|backend| {
                let namespace = backend.namespace.as_deref().unwrap_or(&meta.namespace);
                (service_name(namespace, &backend.name), backend.port.map(TargetPort::Number))
            })
            .collect();
        // A rule without matches is for every path.
        let paths: Vec<(&str, PathMatch)> = match rule.matches.as_slice() {
            [] => vec![("/", PathMatch::Prefix)],
            matches => matches.iter().map(|one| path_of(one.path.as_ref())).collect(),
        };
        for (host, (path, matching)) in hosts.iter().flat_map(|host| paths.iter().map(move |path| (host, *path))) {
            facts.extend(targets.iter().map(|(target, port)| {
                let fact = RouteFact {
                    name: service_name(&meta.namespace, &meta.name),
                    kind: Arc::from("HTTPRoute"),
                    gateway: gateway.clone(),
                    host: (!host.is_empty()).then(|| Arc::from(host.as_str())),
                    path: Arc::from(path),
                    matching,
                    // The Gateway's listener says, not the route.
                    tls: false,
                    target: target.clone(),
                    port: port.clone(),
                };
                said(meta, fact)
            }));
        }
    }
    facts.into()
}

fn path_of(path: Option<&HttpPathMatch>) -> (&str, PathMatch) {
    let Some(path) = path else { return ("/", PathMatch::Prefix) };
    let matching = match path.kind.as_deref() {
        Some("Exact") => PathMatch::Exact,
        Some("RegularExpression") => PathMatch::Regex,
        None | Some("PathPrefix") => PathMatch::Prefix,
        Some(_) => PathMatch::Own,
    };
    (path.value.as_deref().unwrap_or("/"), matching)
}

/// A route under a key that names what it matches and where it leads: one rule may lead to several places.
fn said(meta: &Meta, fact: RouteFact) -> Said {
    let host = fact.host.as_deref().unwrap_or("*");
    (format!("{} {host}{} {}", meta.key(), fact.path, fact.target), Fact::Route(fact))
}

/// Whether a name of a certificate stands for a host.
fn covers(name: &str, host: &str) -> bool {
    match name.strip_prefix("*.") {
        Some(domain) => host.split_once('.').is_some_and(|(_, rest)| rest == domain),
        None => name == host,
    }
}
