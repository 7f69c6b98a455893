//! A fleet of any size in the catalog and in the KV store, loaded by transactions.

use serde_json::{Value, json};

use crate::{ConsulClient, LabError};

/// Instances are spread over this many nodes, or over fewer when there are fewer instances.
const NODES: usize = 50;

/// How many services, instances and keys; all names are derived from numbers, so that two loads are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fleet {
    /// Services `svc-0000`, `svc-0001` ...
    pub services: usize,
    /// Instances of each service, each with one check `service:ID`, passing.
    pub instances_per_service: usize,
    /// Keys `fleet/000/00000` ..., 100 under each prefix, with a short value each.
    pub keys: usize,
}

impl Fleet {
    /// What the performance goals are stated for: 1,000 services, 5,000 instances, 10,000 keys.
    pub const LARGE: Self = Self { services: 1_000, instances_per_service: 5, keys: 10_000 };

    /// The name of a service.
    pub fn service(number: usize) -> String {
        format!("svc-{number:04}")
    }

    /// The id of an instance.
    pub fn instance(service: usize, number: usize) -> String {
        format!("svc-{service:04}-{number}")
    }

    /// A key's path.
    pub fn key(number: usize) -> String {
        format!("fleet/{:03}/{number:05}", number / 100)
    }

    /// The node on which an instance is.
    pub fn node(service: usize, number: usize) -> String {
        format!("node-{:02}", (service + number) % NODES)
    }

    /// Puts all of it into a server.
    pub async fn load(&self, client: &ConsulClient) -> Result<(), LabError> {
        let instances = || {
            (0..self.services).flat_map(|service| (0..self.instances_per_service).map(move |number| (service, number)))
        };
        let nodes: Vec<Value> = (0..NODES.min(self.services * self.instances_per_service)).map(node).collect();
        client.transactions(&nodes).await?;
        let registrations: Vec<Value> =
            instances().flat_map(|(service, number)| [instance(service, number), check(service, number)]).collect();
        client.transactions(&registrations).await?;
        let keys: Vec<Value> = (0..self.keys).map(key).collect();
        client.transactions(&keys).await
    }
}

fn node(number: usize) -> Value {
    json!({ "Node": { "Verb": "set", "Node": {
        "Node": format!("node-{number:02}"), "Address": format!("10.1.0.{number}"), "Meta": { "external-node": "true" },
    }}})
}

fn instance(service: usize, number: usize) -> Value {
    json!({ "Service": { "Verb": "set", "Node": Fleet::node(service, number), "Service": {
        "ID": Fleet::instance(service, number),
        "Service": Fleet::service(service),
        "Address": format!("10.2.{}.{}", service / 250, service % 250),
        "Port": 8_000 + number,
        "Tags": ["fleet", format!("version=1.{number}")],
        "Meta": { "team": format!("team-{}", service % 20) },
    }}})
}

fn check(service: usize, number: usize) -> Value {
    let id = Fleet::instance(service, number);
    json!({ "Check": { "Verb": "set", "Check": {
        "Node": Fleet::node(service, number),
        "CheckID": format!("service:{id}"),
        "Name": "HTTP GET /health",
        "Status": "passing",
        "Output": "HTTP GET /health: 200 OK",
        "ServiceID": id,
        "ServiceName": Fleet::service(service),
    }}})
}

fn key(number: usize) -> Value {
    use base64::Engine as _;
    let value = base64::engine::general_purpose::STANDARD.encode(format!("value of key {number}"));
    json!({ "KV": { "Verb": "set", "Key": Fleet::key(number), "Value": value, "Flags": 0 } })
}
