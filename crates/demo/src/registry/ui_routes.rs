//! `/v1/internal/ui/`: the answers Consul's own web interface is made from (agent/ui_endpoint.go). They are not
//! documented, and the quickest way to a whole datacenter in one answer.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::DATACENTER;
use super::answer::{self, Answer, Refusal};
use super::catalog::{Catalog, Status};
use super::question::Question;
use super::views::{self, NoTags};
use super::world::{Seen, World};

pub(crate) async fn nodes(world: &World, question: &Question) -> Result<Answer, Refusal> {
    let asked = question.consistency()?;
    let (index, nodes) = world
        .wait(
            &asked,
            |tables| Seen::at(tables.catalog.dump_index()),
            |tables| {
                let catalog = &tables.catalog;
                let dump = catalog.nodes().map(|node| {
                    let name = &node.value.name;
                    let services: Vec<Value> =
                        catalog.services_on(name).map(|row| views::node_service(row, NoTags::Null)).collect();
                    let checks: Vec<Value> =
                        catalog.checks_on(name).map(|row| views::check(row, NoTags::Null)).collect();
                    views::dumped_node(node, &services, &checks)
                });
                dump.collect::<Vec<Value>>()
            },
        )
        .await?;
    Ok(answer::read(&json!(nodes), index, None, question.parameters.has("pretty")))
}

#[derive(Default)]
struct Summary {
    kind: String,
    tags: BTreeSet<String>,
    nodes: BTreeSet<String>,
    sources: BTreeSet<String>,
    instances: usize,
    checks: BTreeMap<(String, String), Status>,
    native: bool,
    with_proxy: bool,
}

pub(crate) async fn services(world: &World, question: &Question) -> Result<Answer, Refusal> {
    let asked = question.consistency()?;
    let (index, rows) = world
        .wait(
            &asked,
            |tables| Seen::at(tables.catalog.dump_index()),
            |tables| {
                summaries(&tables.catalog)
                    .iter()
                    .map(|(name, summary)| summary_json(name, summary))
                    .collect::<Vec<Value>>()
            },
        )
        .await?;
    Ok(answer::read(&json!(rows), index, None, question.parameters.has("pretty")))
}

fn summaries(catalog: &Catalog) -> BTreeMap<String, Summary> {
    let mut summaries: BTreeMap<String, Summary> = BTreeMap::new();
    for (node, row) in catalog.services() {
        let service = &row.value;
        let checks: Vec<((String, String), Status)> = catalog
            .checks_on(node)
            .filter(|check| check.value.service_id.is_empty() || check.value.service_id == service.id)
            .map(|check| ((node.to_owned(), check.value.id.clone()), check.value.status))
            .collect();
        let destination = service.proxy.as_ref().and_then(|proxy| proxy.get("DestinationServiceName")?.as_str());
        if let Some(destination) = destination.filter(|_| service.kind == "connect-proxy") {
            // A proxy's checks count for the service it stands before, too.
            let fronted = summaries.entry(destination.to_owned()).or_default();
            fronted.with_proxy = true;
            fronted.checks.extend(checks.iter().cloned());
        }
        let summary = summaries.entry(service.name.clone()).or_default();
        summary.kind.clone_from(&service.kind);
        summary.tags.extend(service.tags.iter().cloned());
        summary.nodes.insert(node.to_owned());
        summary.sources.extend(service.meta.as_ref().and_then(|meta| meta.get("external-source")).cloned());
        summary.instances += 1;
        summary.native |= service.connect_native;
        summary.checks.extend(checks);
    }
    summaries.retain(|_, summary| summary.instances > 0);
    summaries
}

fn summary_json(name: &str, summary: &Summary) -> Value {
    let count = |status| summary.checks.values().filter(|known| **known == status).count();
    let list = |set: &BTreeSet<String>| if set.is_empty() { Value::Null } else { json!(set) };
    let mut written = Map::new();
    let mut put = |name: &str, value: Value| {
        written.insert(name.to_owned(), value);
    };
    if !summary.kind.is_empty() {
        put("Kind", json!(summary.kind));
    }
    put("Name", json!(name));
    put("Datacenter", json!(DATACENTER));
    put("Tags", list(&summary.tags));
    put("Nodes", json!(summary.nodes));
    put("ExternalSources", list(&summary.sources));
    put("InstanceCount", json!(summary.instances));
    put("ChecksPassing", json!(count(Status::Passing)));
    put("ChecksWarning", json!(count(Status::Warning)));
    put("ChecksCritical", json!(count(Status::Critical)));
    put("GatewayConfig", json!({}));
    put("TransparentProxy", json!(false));
    put("ConnectNative", json!(summary.native));
    put("ConnectedWithProxy", json!(summary.with_proxy));
    put("ConnectedWithGateway", json!(false));
    Value::Object(written)
}
