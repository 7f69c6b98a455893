//! Which Pod stands behind a Service, and at which port: what `kubectl port-forward service/…` finds out first.

use super::Place;
use crate::error::{ErrorKind, SourceError};
use crate::kubernetes::api::{KubeApi, segment};
use crate::kubernetes::wire::{EndpointSlice, Items, Service};

/// A port of a Pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Backend {
    pub(super) pod: String,
    pub(super) port: u16,
}

/// Finds a Pod that is ready behind the Service. The one that was used before goes on being used, and one that failed is used
/// only when there is no other.
pub(super) async fn find(
    api: &KubeApi,
    system: &'static str,
    place: &Place,
    before: Option<&str>,
    failed: Option<&str>,
) -> Result<Backend, SourceError> {
    let Place { namespace, service: name, .. } = place;
    let (namespace, name) = (segment(namespace), segment(name));
    let path = format!("/api/v1/namespaces/{namespace}/services/{name}");
    let service: Service =
        api.json(&path).await.map_err(|failed| of_looking(system, place, "services", failed.error))?;
    let refused = |came_back: &str, hint: String| SourceError {
        system,
        kind: ErrorKind::Unreachable,
        tried: format!("looking for the Pods behind the Service {}", place.shown_service()),
        came_back: came_back.to_owned(),
        hint,
    };
    if service.spec.kind == "ExternalName" {
        let hint = "What it names is outside the cluster: connect to that address itself.";
        return Err(refused("it is a Service of the type ExternalName", hint.to_owned()));
    }
    let Some(port) = port_name(&service, &place.port) else {
        let hint = format!("See its ports: `kubectl get service -n {namespace} {name}`.");
        return Err(refused("it has no such port", hint));
    };
    let slices = format!(
        "/apis/discovery.k8s.io/v1/namespaces/{namespace}/endpointslices?labelSelector=kubernetes.io%2Fservice-name%3D{name}"
    );
    let slices: Items<EndpointSlice> =
        api.json(&slices).await.map_err(|failed| of_looking(system, place, "endpointslices", failed.error))?;
    let ready = ready(&slices.items, &place.namespace, &port);
    choose(ready, before, failed).ok_or_else(|| {
        refused(
            "no Pod behind it is ready",
            format!("See `kubectl get pods -n {namespace}`; it is tried again by itself."),
        )
    })
}

/// What keeps us from looking, with the rule that would allow it.
fn of_looking(system: &'static str, place: &Place, plural: &str, error: SourceError) -> SourceError {
    let group = if plural == "endpointslices" { "discovery.k8s.io" } else { "" };
    match error.kind {
        ErrorKind::Forbidden => SourceError {
            system,
            hint: format!(
                "Give this account a Role in the namespace {} with apiGroups: [\"{group}\"], resources: [\"{plural}\"], \
                 verbs: [\"get\", \"list\"].",
                place.namespace
            ),
            ..error
        },
        ErrorKind::NotFound => SourceError {
            system,
            kind: ErrorKind::Unreachable,
            hint: "See that it is installed, and the names of the Service and its namespace.".to_owned(),
            ..error
        },
        _ => error,
    }
}

/// The name by which EndpointSlices know a port of the Service; empty for the only port of one that names none.
fn port_name(service: &Service, port: &str) -> Option<String> {
    let number: Option<u16> = port.parse().ok();
    let found = service.spec.ports.iter().find(|one| match number {
        Some(number) => one.port == number,
        None => one.name == port,
    });
    found.map(|one| one.name.clone())
}

/// The Pods of the Service's own namespace that are ready, each with its own port of that name.
fn ready(slices: &[EndpointSlice], namespace: &str, port: &str) -> Vec<Backend> {
    let mut found = Vec::new();
    for slice in slices {
        let at = slice.ports.iter().find(|one| one.name.as_deref().unwrap_or_default() == port);
        let Some(port) = at.and_then(|one| one.port) else { continue };
        for endpoint in &slice.endpoints {
            let ready = endpoint.conditions.ready != Some(false) && endpoint.conditions.terminating != Some(true);
            let own = |reference: &&crate::kubernetes::wire::ObjectReference| {
                reference.kind == "Pod" && (reference.namespace.is_empty() || reference.namespace == namespace)
            };
            if let Some(pod) = endpoint.target_ref.as_ref().filter(own).filter(|_| ready) {
                found.push(Backend { pod: pod.name.clone(), port });
            }
        }
    }
    found.sort_by(|one, other| one.pod.cmp(&other.pod));
    found
}

fn choose(ready: Vec<Backend>, before: Option<&str>, failed: Option<&str>) -> Option<Backend> {
    let is = |name: Option<&str>, one: &Backend| name == Some(one.pod.as_str());
    let rank = |one: &Backend| (is(failed, one), !is(before, one));
    ready.into_iter().min_by_key(rank)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn slices() -> Vec<EndpointSlice> {
        let pod = |name: &str, namespace: &str| json!({ "kind": "Pod", "name": name, "namespace": namespace });
        let slice = json!({
            "ports": [{ "name": "http", "port": 8500 }, { "name": "grpc", "port": 8502 }],
            "endpoints": [
                { "addresses": ["10.0.0.3"], "conditions": { "ready": true }, "targetRef": pod("c", "ns") },
                { "addresses": ["10.0.0.1"], "conditions": {}, "targetRef": pod("a", "ns") },
                { "addresses": ["10.0.0.2"], "conditions": { "ready": false }, "targetRef": pod("b", "ns") },
                { "addresses": ["10.0.0.4"], "conditions": { "ready": true, "terminating": true }, "targetRef": pod("d", "ns") },
                { "addresses": ["192.0.2.1"], "conditions": { "ready": true } },
                { "addresses": ["192.0.2.2"], "conditions": { "ready": true }, "targetRef": pod("x", "other") },
            ],
        });
        vec![serde_json::from_value(slice).unwrap()]
    }

    #[test]
    fn only_ready_pods_of_the_own_namespace_are_behind_a_service() {
        let found = ready(&slices(), "ns", "http");
        let named = |pod: &str| Backend { pod: pod.to_owned(), port: 8500 };
        assert_eq!(found, [named("a"), named("c")]);
        assert_eq!(ready(&slices(), "ns", "other"), []);
    }

    #[test]
    fn the_pod_of_before_is_kept_and_one_that_failed_is_the_last_resort() {
        let chosen = |before, failed| choose(ready(&slices(), "ns", "http"), before, failed).unwrap().pod;
        assert_eq!(chosen(None, None), "a");
        assert_eq!(chosen(Some("c"), None), "c");
        assert_eq!(chosen(Some("gone"), None), "a");
        assert_eq!(chosen(Some("a"), Some("a")), "c");
        let only = vec![Backend { pod: "a".to_owned(), port: 1 }];
        assert_eq!(choose(only.clone(), None, Some("a")), only.first().cloned());
    }

    #[test]
    fn a_port_is_found_by_number_and_by_name() {
        let ports = json!([{ "name": "http", "port": 80, "targetPort": "api" }, { "name": "grpc", "port": 8502 }]);
        let service: Service = serde_json::from_value(json!({ "spec": { "ports": ports } })).unwrap();
        assert_eq!(port_name(&service, "80").as_deref(), Some("http"));
        assert_eq!(port_name(&service, "grpc").as_deref(), Some("grpc"));
        assert_eq!(port_name(&service, "8500"), None);
    }
}
