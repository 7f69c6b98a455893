//! Rows as Consul writes them in JSON (agent/structs/structs.go). The order of the fields is Consul's.

use serde_json::{Map, Value, json};

use super::DATACENTER;
use super::catalog::{Check, Node, Row, Service, TextMap};

/// How a list without entries is written: endpoints of the catalog say `[]`, those of the web interface `null`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoTags {
    List,
    Null,
}

fn tags(tags: &[String], none: NoTags) -> Value {
    if tags.is_empty() && none == NoTags::Null { Value::Null } else { json!(tags) }
}

fn map_or_null(map: Option<&TextMap>) -> Value {
    map.map_or(Value::Null, |map| json!(map))
}

/// A node by itself.
pub(crate) fn node(row: &Row<Node>) -> Value {
    json!({
        "ID": row.value.id,
        "Node": row.value.name,
        "Address": row.value.address,
        "Datacenter": DATACENTER,
        "TaggedAddresses": map_or_null(row.value.tagged_addresses.as_ref()),
        "Meta": map_or_null(row.value.meta.as_ref()),
        "CreateIndex": row.create,
        "ModifyIndex": row.modify,
    })
}

/// A node with its services and checks, as the web interface is given it.
pub(crate) fn dumped_node(row: &Row<Node>, services: &[Value], checks: &[Value]) -> Value {
    json!({
        "ID": row.value.id,
        "Node": row.value.name,
        "Address": row.value.address,
        "TaggedAddresses": map_or_null(row.value.tagged_addresses.as_ref()),
        "Meta": map_or_null(row.value.meta.as_ref()),
        "Services": services,
        "Checks": checks,
    })
}

/// `Proxy` as it is written for a service that has none.
fn proxy(service: &Service) -> Value {
    let mut written = Map::new();
    let given = match &service.proxy {
        Some(Value::Object(given)) => given.clone(),
        _ => Map::new(),
    };
    for name in ["DestinationServiceName", "DestinationServiceID", "LocalServiceAddress", "LocalServicePort"] {
        if let Some(value) = given.get(name) {
            written.insert(name.to_owned(), value.clone());
        }
    }
    written.insert("Mode".to_owned(), given.get("Mode").cloned().unwrap_or_else(|| json!("")));
    if let Some(config) = given.get("Config") {
        written.insert("Config".to_owned(), config.clone());
    }
    if let Some(Value::Array(upstreams)) = given.get("Upstreams") {
        written.insert("Upstreams".to_owned(), upstreams.iter().map(upstream).collect());
    }
    written.insert("MeshGateway".to_owned(), given.get("MeshGateway").cloned().unwrap_or_else(|| json!({})));
    written.insert("Expose".to_owned(), given.get("Expose").cloned().unwrap_or_else(|| json!({})));
    Value::Object(written)
}

fn upstream(given: &Value) -> Value {
    let mut written = Map::new();
    let text = |name: &str, default: &str| given.get(name).cloned().unwrap_or_else(|| json!(default));
    written.insert("DestinationType".to_owned(), text("DestinationType", "service"));
    for name in ["DestinationNamespace", "DestinationPartition", "DestinationPeer"] {
        if let Some(value) = given.get(name) {
            written.insert(name.to_owned(), value.clone());
        }
    }
    written.insert("DestinationName".to_owned(), text("DestinationName", ""));
    written.insert("Datacenter".to_owned(), text("Datacenter", ""));
    for name in ["LocalBindAddress", "LocalBindPort", "LocalBindSocketPath", "Config"] {
        if let Some(value) = given.get(name) {
            written.insert(name.to_owned(), value.clone());
        }
    }
    written.insert("MeshGateway".to_owned(), given.get("MeshGateway").cloned().unwrap_or_else(|| json!({})));
    Value::Object(written)
}

fn connect(service: &Service) -> Value {
    if service.connect_native { json!({ "Native": true }) } else { json!({}) }
}

/// A service with its node's part left out.
pub(crate) fn node_service(row: &Row<Service>, none: NoTags) -> Value {
    let service = &row.value;
    let mut written = Map::new();
    if !service.kind.is_empty() {
        written.insert("Kind".to_owned(), json!(service.kind));
    }
    written.insert("ID".to_owned(), json!(service.id));
    written.insert("Service".to_owned(), json!(service.name));
    written.insert("Tags".to_owned(), tags(&service.tags, none));
    written.insert("Address".to_owned(), json!(service.address));
    if let Some(addresses) = &service.tagged_addresses {
        written.insert("TaggedAddresses".to_owned(), addresses.clone());
    }
    written.insert("Meta".to_owned(), map_or_null(service.meta.as_ref()));
    if service.port != 0 {
        written.insert("Port".to_owned(), json!(service.port));
    }
    written
        .insert("Weights".to_owned(), json!({ "Passing": service.weight_passing, "Warning": service.weight_warning }));
    written.insert("EnableTagOverride".to_owned(), json!(service.enable_tag_override));
    written.insert("Proxy".to_owned(), proxy(service));
    written.insert("Connect".to_owned(), connect(service));
    written.insert("PeerName".to_owned(), json!(""));
    written.insert("CreateIndex".to_owned(), json!(row.create));
    written.insert("ModifyIndex".to_owned(), json!(row.modify));
    Value::Object(written)
}

/// A service flat with its node, as `/v1/catalog/service/` gives it.
pub(crate) fn catalog_service(node: &Row<Node>, row: &Row<Service>) -> Value {
    let service = &row.value;
    let mut written = Map::new();
    let mut put = |name: &str, value: Value| {
        written.insert(name.to_owned(), value);
    };
    put("ID", json!(node.value.id));
    put("Node", json!(node.value.name));
    put("Address", json!(node.value.address));
    put("Datacenter", json!(DATACENTER));
    put("TaggedAddresses", map_or_null(node.value.tagged_addresses.as_ref()));
    put("NodeMeta", map_or_null(node.value.meta.as_ref()));
    put("ServiceKind", json!(service.kind));
    put("ServiceID", json!(service.id));
    put("ServiceName", json!(service.name));
    put("ServiceTags", json!(service.tags));
    put("ServiceAddress", json!(service.address));
    if let Some(addresses) = &service.tagged_addresses {
        put("ServiceTaggedAddresses", addresses.clone());
    }
    put("ServiceWeights", json!({ "Passing": service.weight_passing, "Warning": service.weight_warning }));
    put("ServiceMeta", service.meta.as_ref().map_or_else(|| json!({}), |meta| json!(meta)));
    put("ServicePort", json!(service.port));
    put("ServicePorts", Value::Null);
    put("ServiceSocketPath", json!(""));
    put("ServiceEnableTagOverride", json!(service.enable_tag_override));
    put("ServiceProxy", proxy(service));
    put("ServiceConnect", connect(service));
    put("ServiceLocality", Value::Null);
    put("CreateIndex", json!(row.create));
    put("ModifyIndex", json!(row.modify));
    Value::Object(written)
}

/// A service as its own agent describes it.
pub(crate) fn agent_service(service: &Service) -> Value {
    let mut written = Map::new();
    let mut put = |name: &str, value: Value| {
        written.insert(name.to_owned(), value);
    };
    if !service.kind.is_empty() {
        put("Kind", json!(service.kind));
    }
    put("ID", json!(service.id));
    put("Service", json!(service.name));
    put("Tags", json!(service.tags));
    put("Meta", service.meta.as_ref().map_or_else(|| json!({}), |meta| json!(meta)));
    put("Port", json!(service.port));
    put("Address", json!(service.address));
    if let Some(addresses) = &service.tagged_addresses {
        put("TaggedAddresses", addresses.clone());
    }
    put("Weights", json!({ "Passing": service.weight_passing, "Warning": service.weight_warning }));
    put("EnableTagOverride", json!(service.enable_tag_override));
    if let Some(proxy) = &service.proxy {
        put("Proxy", proxy.clone());
    }
    if service.connect_native {
        put("Connect", json!({ "Native": true }));
    }
    put("Datacenter", json!(DATACENTER));
    Value::Object(written)
}

pub(crate) fn check(row: &Row<Check>, none: NoTags) -> Value {
    check_at(&row.value, row.create, row.modify, none)
}

/// A check with the indexes given; an agent shows its own checks with none.
pub(crate) fn check_at(check: &Check, create: u64, modify: u64, none: NoTags) -> Value {
    json!({
        "Node": check.node,
        "CheckID": check.id,
        "Name": check.name,
        "Status": check.status.as_str(),
        "Notes": check.notes,
        "Output": check.output,
        "ServiceID": check.service_id,
        "ServiceName": check.service_name,
        "ServiceTags": tags(&check.service_tags, none),
        "Type": check.kind,
        "Interval": check.interval,
        "Timeout": check.timeout,
        "ExposedPort": 0,
        "Definition": check.definition.clone().unwrap_or_else(|| json!({})),
        "CreateIndex": create,
        "ModifyIndex": modify,
    })
}
