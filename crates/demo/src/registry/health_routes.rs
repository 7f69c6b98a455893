//! `/v1/health/`: checks, and services with theirs (agent/health_endpoint.go).

use serde_json::{Value, json};

use super::answer::{self, Answer, Refusal};
use super::catalog::{Check, Row, Status};
use super::question::Question;
use super::views::{self, NoTags};
use super::world::{Seen, Tables, World};

pub(crate) async fn state(world: &World, question: &Question) -> Result<Answer, Refusal> {
    let state = question.rest.as_str();
    if state.is_empty() {
        return Err(Refusal::bad("Missing check state"));
    }
    let wanted = Status::parse(state);
    checks(
        world,
        question,
        |tables| tables.catalog.checks_index,
        |row| state == "any" || Some(row.value.status) == wanted,
    )
    .await
}

pub(crate) async fn of_node(world: &World, question: &Question) -> Result<Answer, Refusal> {
    let node = question.rest.as_str();
    if node.is_empty() {
        return Err(Refusal::bad("Missing node name"));
    }
    checks(world, question, |tables| tables.catalog.checks_index, |row| row.value.node == node).await
}

pub(crate) async fn of_service(world: &World, question: &Question) -> Result<Answer, Refusal> {
    let name = question.rest.as_str();
    if name.is_empty() {
        return Err(Refusal::bad("Missing service name"));
    }
    checks(world, question, |tables| tables.catalog.service_index(name), |row| row.value.service_name == name).await
}

async fn checks(
    world: &World,
    question: &Question,
    index: impl Fn(&Tables) -> u64,
    wanted: impl Fn(&Row<Check>) -> bool,
) -> Result<Answer, Refusal> {
    let asked = question.consistency()?;
    let (index, rows) = world
        .wait(
            &asked,
            |tables| Seen::at(index(tables)),
            |tables| {
                let rows = tables.catalog.checks().filter(|row| wanted(row));
                rows.map(|row| views::check(row, NoTags::List)).collect::<Vec<Value>>()
            },
        )
        .await?;
    Ok(answer::read(&json!(rows), index, Some(&asked), question.parameters.has("pretty")))
}

/// Each instance with its node and every check that speaks of it: the node's and its own.
pub(crate) async fn service(world: &World, question: &Question) -> Result<Answer, Refusal> {
    let name = question.rest.as_str();
    if name.is_empty() {
        return Err(Refusal::bad("Missing service name"));
    }
    let passing = question.parameters.flag("passing")?;
    let tag = question.parameters.text("tag");
    let asked = question.consistency()?;
    let (index, rows) = world
        .wait(
            &asked,
            |tables| Seen::at(tables.catalog.service_index(name)),
            |tables| {
                let catalog = &tables.catalog;
                let mut rows = Vec::new();
                for (node, row) in catalog.services().filter(|(_, row)| row.value.name == name) {
                    if !tag.is_empty() && !row.value.tags.iter().any(|known| known.eq_ignore_ascii_case(tag)) {
                        continue;
                    }
                    let checks: Vec<&Row<Check>> = catalog
                        .checks_on(node)
                        .filter(|check| check.value.service_id.is_empty() || check.value.service_id == row.value.id)
                        .collect();
                    if passing && checks.iter().any(|check| check.value.status != Status::Passing) {
                        continue;
                    }
                    let Some(owner) = catalog.node(node) else { continue };
                    rows.push(json!({
                        "Node": views::node(owner),
                        "Service": views::node_service(row, NoTags::List),
                        "Checks": checks.iter().map(|check| views::check(check, NoTags::List)).collect::<Vec<_>>(),
                    }));
                }
                rows
            },
        )
        .await?;
    Ok(answer::read(&json!(rows), index, Some(&asked), question.parameters.has("pretty")))
}
