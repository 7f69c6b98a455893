//! Rules of gateways: Ingresses, HTTPRoutes and GRPCRoutes.

use std::sync::Arc;

use binnacle_model::fact::{Fact, PathMatch, RouteFact, ServiceName, TargetPort};

use super::super::ledger::Said;
use super::super::owners::service_name;
use super::super::wire::{
    GrpcMethodMatch, GrpcRoute, HttpPathMatch, HttpRoute, Ingress, IngressBackend, Meta, RouteReference,
};
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
    let spec = &object.spec;
    let rules = spec.rules.iter().map(|rule| {
        let paths = rule.matches.iter().map(|one| path_of(one.path.as_ref())).collect();
        Rule { paths, backends: &rule.backend_refs }
    });
    by_gateway("HTTPRoute", &object.metadata, &spec.parent_refs, &spec.hostnames, rules)
}

pub(in super::super) fn grpc_route(object: &GrpcRoute, _: &Context<'_>) -> Saying {
    let spec = &object.spec;
    let rules = spec.rules.iter().map(|rule| {
        let paths = rule.matches.iter().map(|one| method_of(one.method.as_ref())).collect();
        Rule { paths, backends: &rule.backend_refs }
    });
    by_gateway("GRPCRoute", &object.metadata, &spec.parent_refs, &spec.hostnames, rules)
}

/// One rule of a route. Without paths it is for every path.
struct Rule<'a> {
    paths: Vec<(String, PathMatch)>,
    backends: &'a [RouteReference],
}

/// A route of the Gateway API (<https://gateway-api.sigs.k8s.io/reference/spec/>).
fn by_gateway<'a>(
    kind: &str,
    meta: &Meta,
    parents: &[RouteReference],
    hostnames: &[String],
    rules: impl Iterator<Item = Rule<'a>>,
) -> Saying {
    let gateway: Option<Arc<str>> = parents.first().map(|parent| {
        let namespace = parent.namespace.as_deref().unwrap_or(&meta.namespace);
        Arc::from(format!("{namespace}/{}", parent.name))
    });
    let any = [String::new()];
    let hosts = if hostnames.is_empty() { &any[..] } else { hostnames };
    let mut facts = Vec::new();
    for Rule { mut paths, backends } in rules {
        let services = backends.iter().filter(|backend| matches!(backend.kind.as_deref(), None | Some("Service")));
        let targets: Vec<(ServiceName, Option<TargetPort>)> = services
            .map(|backend| {
                let namespace = backend.namespace.as_deref().unwrap_or(&meta.namespace);
                (service_name(namespace, &backend.name), backend.port.map(TargetPort::Number))
            })
            .collect();
        if paths.is_empty() {
            paths.push(("/".to_owned(), PathMatch::Prefix));
        }
        for (host, (path, matching)) in hosts.iter().flat_map(|host| paths.iter().map(move |path| (host, path))) {
            facts.extend(targets.iter().map(|(target, port)| {
                let fact = RouteFact {
                    name: service_name(&meta.namespace, &meta.name),
                    kind: Arc::from(kind),
                    gateway: gateway.clone(),
                    host: (!host.is_empty()).then(|| Arc::from(host.as_str())),
                    path: Arc::from(path.as_str()),
                    matching: *matching,
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

fn path_of(path: Option<&HttpPathMatch>) -> (String, PathMatch) {
    let Some(path) = path else { return ("/".to_owned(), PathMatch::Prefix) };
    let matching = match path.kind.as_deref() {
        Some("Exact") => PathMatch::Exact,
        Some("RegularExpression") => PathMatch::Regex,
        None | Some("PathPrefix") => PathMatch::Prefix,
        Some(_) => PathMatch::Own,
    };
    (path.value.clone().unwrap_or_else(|| "/".to_owned()), matching)
}

/// A method of gRPC as the path that its calls have.
fn method_of(method: Option<&GrpcMethodMatch>) -> (String, PathMatch) {
    let Some(GrpcMethodMatch { kind, service, method }) = method else { return ("/".to_owned(), PathMatch::Prefix) };
    let exact = matches!(kind.as_deref(), None | Some("Exact"));
    match (service, method) {
        (None, None) => ("/".to_owned(), PathMatch::Prefix),
        (Some(service), Some(method)) if exact => (format!("/{service}/{method}"), PathMatch::Exact),
        (Some(service), None) if exact => (format!("/{service}/"), PathMatch::Prefix),
        (service, method) => {
            let part = |part: &Option<String>| part.clone().unwrap_or_else(|| "*".to_owned());
            let matching = if kind.as_deref() == Some("RegularExpression") { PathMatch::Regex } else { PathMatch::Own };
            (format!("/{}/{}", part(service), part(method)), matching)
        }
    }
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

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use serde_json::{Value, json};

    use super::super::super::owners::Owners;
    use super::super::Words;
    use super::*;

    fn read(rules: &Value) -> Vec<(String, PathMatch, String)> {
        let object = json!({ "metadata": { "name": "r", "namespace": "shop" }, "spec": {
            "parentRefs": [{ "name": "main", "namespace": "edge" }], "rules": rules } });
        let (owners, words) = (Owners::new(), Words::default());
        let context = Context { owners: &owners, words: &words, now: Timestamp::UNIX_EPOCH };
        let said = grpc_route(&serde_json::from_value(object).unwrap(), &context).facts;
        let routes =
            said.into_iter().map(|(_, fact)| if let Fact::Route(route) = fact { route } else { panic!("{fact:?}") });
        let row = |route: RouteFact| {
            assert_eq!((&*route.kind, route.gateway.as_deref()), ("GRPCRoute", Some("edge/main")));
            (route.path.to_string(), route.matching, route.target.to_string())
        };
        routes.map(row).collect()
    }

    #[test]
    fn a_method_of_grpc_is_the_path_of_its_calls() {
        let to = json!([{ "name": "pay", "port": 50_051 }]);
        let of = |method: Value| {
            let rows = read(&json!([{ "matches": [{ "method": method }], "backendRefs": to }]));
            assert_eq!((rows.len(), rows[0].2.as_str()), (1, "shop/pay"));
            (rows[0].0.clone(), rows[0].1)
        };
        let row = |path: &str, matching| (path.to_owned(), matching);
        assert_eq!(of(json!({ "service": "a.Pay", "method": "Do" })), row("/a.Pay/Do", PathMatch::Exact));
        assert_eq!(of(json!({ "service": "a.Pay" })), row("/a.Pay/", PathMatch::Prefix));
        assert_eq!(of(json!({ "method": "Do" })), row("/*/Do", PathMatch::Own));
        let regex = json!({ "type": "RegularExpression", "service": "a.*", "method": "D.*" });
        assert_eq!(of(regex), row("/a.*/D.*", PathMatch::Regex));
        assert_eq!(of(Value::Null), row("/", PathMatch::Prefix));
        assert_eq!(read(&json!([{ "backendRefs": to }, { "backendRefs": null }])).len(), 1);
    }
}
