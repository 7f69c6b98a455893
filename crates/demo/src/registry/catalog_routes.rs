//! `/v1/catalog/`: nodes and services as they are registered (agent/catalog_endpoint.go).

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::DATACENTER;
use super::answer::{self, Answer, Refusal};
use super::fields::Fields;
use super::question::Question;
use super::registration;
use super::views::{self, NoTags};
use super::world::{Seen, World};

pub(crate) fn datacenters(question: &Question) -> Answer {
    answer::plain(&json!([DATACENTER]), question.parameters.has("pretty"))
}

pub(crate) async fn nodes(world: &World, question: &Question) -> Result<Answer, Refusal> {
    let asked = question.consistency()?;
    let (index, nodes) = world
        .wait(
            &asked,
            |tables| Seen::at(tables.catalog.nodes_index),
            |tables| tables.catalog.nodes().map(views::node).collect::<Vec<_>>(),
        )
        .await?;
    Ok(answer::read(&json!(nodes), index, Some(&asked), question.parameters.has("pretty")))
}

pub(crate) async fn services(world: &World, question: &Question) -> Result<Answer, Refusal> {
    let asked = question.consistency()?;
    let (index, names) = world
        .wait(
            &asked,
            |tables| Seen::at(tables.catalog.services_index),
            |tables| {
                let mut names: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
                for (_, row) in tables.catalog.services() {
                    names.entry(row.value.name.clone()).or_default().extend(row.value.tags.iter().cloned());
                }
                names
            },
        )
        .await?;
    Ok(answer::read(&json!(names), index, Some(&asked), question.parameters.has("pretty")))
}

pub(crate) async fn service(world: &World, question: &Question) -> Result<Answer, Refusal> {
    let name = question.rest.as_str();
    if name.is_empty() {
        return Err(Refusal::bad("Missing service name"));
    }
    let tag = question.parameters.text("tag");
    let asked = question.consistency()?;
    let (index, rows) = world
        .wait(
            &asked,
            |tables| Seen::at(tables.catalog.service_index(name)),
            |tables| {
                let catalog = &tables.catalog;
                let instances = catalog.services().filter(|(_, row)| row.value.name == name);
                instances
                    .filter(|(_, row)| {
                        tag.is_empty() || row.value.tags.iter().any(|known| known.eq_ignore_ascii_case(tag))
                    })
                    .filter_map(|(node, row)| Some(views::catalog_service(catalog.node(node)?, row)))
                    .collect::<Vec<_>>()
            },
        )
        .await?;
    Ok(answer::read(&json!(rows), index, Some(&asked), question.parameters.has("pretty")))
}

/// How `/v1/catalog/node/` and `/v1/catalog/node-services/` differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NodeShape {
    ById,
    List,
}

pub(crate) async fn node(world: &World, question: &Question, shape: NodeShape) -> Result<Answer, Refusal> {
    let name = question.rest.as_str();
    if name.is_empty() {
        return Err(Refusal::bad("Missing node name"));
    }
    let asked = question.consistency()?;
    let (index, value) = world
        .wait(
            &asked,
            |tables| Seen::at(if tables.catalog.node(name).is_some() { tables.catalog.topology_index() } else { 0 }),
            |tables| {
                let catalog = &tables.catalog;
                let Some(node) = catalog.node(name) else {
                    return if shape == NodeShape::ById {
                        Value::Null
                    } else {
                        json!({ "Node": null, "Services": null })
                    };
                };
                let services = catalog.services_on(name);
                let services = match shape {
                    NodeShape::ById => {
                        let named = services.map(|row| (row.value.id.clone(), views::node_service(row, NoTags::List)));
                        Value::Object(named.collect::<Map<_, _>>())
                    }
                    NodeShape::List => services.map(|row| views::node_service(row, NoTags::List)).collect(),
                };
                json!({ "Node": views::node(node), "Services": services })
            },
        )
        .await?;
    Ok(answer::read(&value, index, Some(&asked), question.parameters.has("pretty")))
}

pub(crate) async fn register(world: &World, mut question: Question) -> Result<Answer, Refusal> {
    let body = question.document().await?;
    let entry = Fields::parse(&body).and_then(registration::catalog_entry);
    let entry = entry.map_err(|what| Refusal::bad(format!("Request decode failed: {what}")))?;
    if entry.node.name.is_empty() {
        return Err(Refusal::internal("Must provide node"));
    }
    if entry.node.address.is_empty() && !entry.skip_node_update {
        return Err(Refusal::internal("Must provide address if SkipNodeUpdate is not set"));
    }
    if entry.datacenter.as_deref().is_some_and(|datacenter| datacenter != DATACENTER) {
        return Err(Refusal::internal("No path to datacenter"));
    }
    world
        .write(|tables| {
            let index = tables.index;
            let node = entry.node.name.clone();
            if !(entry.skip_node_update && tables.catalog.node(&node).is_some()) {
                tables.catalog.put_node(index, entry.node);
            }
            if let Some(service) = entry.service {
                tables.catalog.put_service(index, &node, service);
            }
            for mut check in entry.checks {
                check.node.clone_from(&node);
                tables.catalog.put_check(index, check)?;
            }
            Ok(())
        })
        .map_err(|reason: &str| Refusal::internal(reason))?;
    Ok(answer::plain(&json!(true), question.parameters.has("pretty")))
}

pub(crate) async fn deregister(world: &World, mut question: Question) -> Result<Answer, Refusal> {
    let body = question.document().await?;
    let target = Fields::parse(&body).and_then(registration::catalog_target);
    let target = target.map_err(|what| Refusal::bad(format!("Request decode failed: {what}")))?;
    if target.node.is_empty() {
        return Err(Refusal::internal("Must provide node"));
    }
    world.write(|tables| {
        let index = tables.index;
        if !target.service_id.is_empty() {
            tables.catalog.remove_service(index, &target.node, &target.service_id);
        } else if !target.check_id.is_empty() {
            tables.catalog.remove_check(index, &target.node, &target.check_id);
        } else if target.node != super::NODE {
            tables.catalog.remove_node(index, &target.node);
        }
    });
    Ok(answer::plain(&json!(true), question.parameters.has("pretty")))
}
