//! Services and EndpointSlices.

use std::sync::Arc;

use binnacle_model::fact::{
    Backend, BackendsFact, ClusterServiceFact, ClusterServicePort, Exposure, Fact, InstancePort, TargetPort, Transport,
};

use super::super::owners::service_name;
use super::super::wire::{EndpointSlice, IntOrString, Service};
use super::{Context, Saying, mesh};

/// Says which Service an EndpointSlice belongs to.
const SERVICE: &str = "kubernetes.io/service-name";

pub(in super::super) fn service(object: &Service, context: &Context<'_>) -> Saying {
    let (meta, spec) = (&object.metadata, &object.spec);
    let given = if spec.cluster_ips.is_empty() { std::slice::from_ref(&spec.cluster_ip) } else { &spec.cluster_ips };
    let ports = spec.ports.iter().map(|port| ClusterServicePort {
        name: some(&port.name),
        port: port.port,
        transport: transport(&port.protocol),
        target: match &port.target_port {
            Some(IntOrString::String(name)) => TargetPort::Named(Arc::from(name.as_str())),
            Some(IntOrString::Int(number)) if *number != 0 => TargetPort::Number(*number),
            _ => TargetPort::Number(port.port),
        },
        node_port: Some(port.node_port).filter(|port| *port != 0),
        app_protocol: port.app_protocol.as_deref().map(Arc::from),
    });
    let fact = ClusterServiceFact {
        name: service_name(&meta.namespace, &meta.name),
        exposure: match spec.kind.as_str() {
            "NodePort" => Exposure::NodePort,
            "LoadBalancer" => Exposure::LoadBalancer,
            "ExternalName" => Exposure::ExternalName,
            _ => Exposure::ClusterIp,
        },
        addresses: given.iter().filter(|ip| !ip.is_empty() && *ip != "None").map(|ip| Arc::from(ip.as_str())).collect(),
        ports: ports.collect(),
        selector: context.words.pairs(spec.selector.iter()),
        external_name: some(&spec.external_name),
        publishes_unready: spec.publish_not_ready_addresses,
    };
    std::iter::once((meta.key(), Fact::ClusterService(fact))).chain(mesh::of_service(meta)).collect::<Vec<_>>().into()
}

pub(in super::super) fn endpoint_slice(object: &EndpointSlice, context: &Context<'_>) -> Saying {
    let meta = &object.metadata;
    // One that belongs to no Service has been made for something else.
    let Some(service) = meta.labels.get(SERVICE) else { return Saying::default() };
    let ports = object.ports.iter().filter_map(|port| {
        let transport = transport(port.protocol.as_deref().unwrap_or_default());
        Some(InstancePort { name: port.name.as_deref().and_then(some), port: port.port?, transport })
    });
    let backends = object.endpoints.iter().filter_map(|endpoint| {
        let pod = endpoint.target_ref.as_ref().filter(|target| target.kind == "Pod");
        let instance: Option<Arc<str>> = pod.map(|pod| Arc::from(format!("{}/{}", pod.namespace, pod.name)));
        let node = endpoint.node_name.as_deref().map(|node| context.words.share(node));
        // Several addresses of one endpoint are the same one over again; the first stands for it.
        endpoint.addresses.first().map(|address| Backend {
            address: Arc::from(address.as_str()),
            ready: endpoint.conditions.ready.unwrap_or(true),
            terminating: endpoint.conditions.terminating.unwrap_or(false),
            instance,
            node,
        })
    });
    let fact = BackendsFact {
        service: service_name(&meta.namespace, service),
        ports: ports.collect(),
        backends: backends.collect(),
    };
    vec![(meta.key(), Fact::Backends(fact))].into()
}

fn some(text: &str) -> Option<Arc<str>> {
    (!text.is_empty()).then(|| Arc::from(text))
}

pub(super) fn transport(word: &str) -> Transport {
    match word {
        "UDP" => Transport::Udp,
        "SCTP" => Transport::Sctp,
        _ => Transport::Tcp,
    }
}
