//! Registering and deregistering (<https://developer.hashicorp.com/consul/api-docs/agent/service>, `/catalog`).
//!
//! The agent's road is taken on the agent's own node: it executes the checks and keeps the entry in the catalog. For
//! another node there is the catalog alone. What an agent owns and the catalog loses, the agent puts back at its next
//! anti-entropy sync, about a minute later.

use std::time::Duration;

use async_trait::async_trait;
use binnacle_model::id::{InstanceId, SourceId};
use http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::time::Instant;

use super::api::{Hold, Question, not_understood, segment};
use super::edit::datacenter_of;
use super::watch::Mark;
use super::wire::{EntryNode, NodeService};
use super::{Consul, Identity, SYSTEM};
use crate::error::{ErrorKind, SourceError};
use crate::register::{
    CheckDefinition, CheckMethod, PlannedRequest, Registrar, Registration, RegistryPlan, Road, Verified,
};

/// How long an agent or a follower may take until the catalog says the same.
const SETTLES_WITHIN: Duration = Duration::from_secs(10);

/// `GET /v1/catalog/node-services/:node`; both are `null` for a node that is not there.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct NodeServices {
    node: Option<EntryNode>,
    #[serde(default)]
    services: Option<Vec<NodeService>>,
}

impl NodeServices {
    fn service(&self, id: &str) -> Option<&NodeService> {
        self.services.iter().flatten().find(|service| service.id == id)
    }
}

/// One check of `GET /v1/health/node/:node`.
#[derive(Debug, Deserialize)]
struct NodeCheck {
    #[serde(rename = "CheckID")]
    check_id: String,
}

/// The node and the instance's own id in the id of an instance.
fn taken_apart<'a>(source: &SourceId, instance: &'a InstanceId) -> Result<(&'a str, &'a str), SourceError> {
    let rest = instance.as_str().strip_prefix(source.as_str()).and_then(|rest| rest.strip_prefix('/'));
    rest.and_then(|rest| rest.split_once('/')).ok_or_else(|| {
        error(
            ErrorKind::NotFound,
            format!("finding the instance {instance}"),
            format!("it is not an instance of {source}"),
            "Name it as SOURCE/NODE/ID, such as consul:dc1/node-1/web-1.",
        )
    })
}

fn error(kind: ErrorKind, tried: String, came_back: String, hint: &str) -> SourceError {
    SourceError { system: SYSTEM, kind, tried, came_back, hint: hint.to_owned() }
}

/// Finds what Consul would refuse, before anything is sent.
fn check(registration: &Registration) -> Result<(), SourceError> {
    let invalid = |why: &str, hint: &str| {
        Err(error(ErrorKind::Invalid, format!("registering `{}`", registration.name), why.to_owned(), hint))
    };
    if registration.name.trim().is_empty() {
        return invalid("a service needs a name", "Give it a name.");
    }
    if registration.id.as_deref().is_some_and(str::is_empty) {
        return invalid("the id is empty", "Leave the id out to use the name.");
    }
    if registration.meta.len() > 64 || registration.meta.iter().any(|(key, value)| key.len() > 128 || value.len() > 512)
    {
        let hint = "Consul takes 64 pairs, keys of 128 characters and values of 512.";
        return invalid("the meta is larger than Consul takes", hint);
    }
    Ok(())
}

/// A check's definition in the agent's words.
fn definition(check: &CheckDefinition) -> Map<String, Value> {
    let mut made = Map::new();
    let mut set = |name: &str, value: Option<&str>| {
        if let Some(value) = value {
            made.insert(name.to_owned(), json!(value));
        }
    };
    set("Name", Some(&check.name));
    match &check.method {
        CheckMethod::Http { url, interval, timeout } => {
            set("HTTP", Some(url));
            set("Interval", Some(interval));
            set("Timeout", timeout.as_deref());
        }
        CheckMethod::Tcp { address, interval, timeout } => {
            set("TCP", Some(address));
            set("Interval", Some(interval));
            set("Timeout", timeout.as_deref());
        }
        CheckMethod::Grpc { address, interval, .. } => {
            set("GRPC", Some(address));
            set("Interval", Some(interval));
        }
        CheckMethod::Ttl(ttl) => set("TTL", Some(ttl)),
    }
    set("DeregisterCriticalServiceAfter", check.deregister_after.as_deref());
    if let CheckMethod::Grpc { tls, .. } = &check.method {
        made.insert("GRPCUseTLS".to_owned(), json!(tls));
    }
    made
}

/// A check in the catalog's words. Nobody executes it: it starts critical, as every check does whose result is not known.
fn catalog_check(node: &str, service_id: &str, number: usize, of: usize, check: &CheckDefinition) -> Value {
    let id = if of == 1 { format!("service:{service_id}") } else { format!("service:{service_id}:{}", number + 1) };
    let mut definition = definition(check);
    definition.remove("Name");
    json!({
        "Node": node, "CheckID": id, "Name": check.name, "Status": "critical", "ServiceID": service_id,
        "Definition": definition,
    })
}

/// The service itself; the catalog calls its name otherwise than the agent does.
fn service(name_field: &str, registration: &Registration, id: &str) -> Map<String, Value> {
    let mut made = Map::new();
    made.insert(name_field.to_owned(), json!(registration.name));
    made.insert("ID".to_owned(), json!(id));
    made.insert("Port".to_owned(), json!(registration.port));
    if let Some(address) = &registration.address {
        made.insert("Address".to_owned(), json!(address));
    }
    made.insert("Tags".to_owned(), json!(registration.tags));
    made.insert("Meta".to_owned(), json!(registration.meta));
    made
}

fn request(path: String, body: &Value) -> PlannedRequest {
    let body = if body.is_null() { String::new() } else { serde_json::to_string_pretty(body).unwrap_or_default() };
    PlannedRequest { method: "PUT".to_owned(), path, body }
}

/// What is there already under the same id.
fn replaced(here: &NodeServices, registration: &Registration, id: &str) -> Vec<String> {
    let Some(old) = here.service(id) else { return Vec::new() };
    let mut notes = vec![format!("An instance `{id}` is registered on this node already, and is replaced.")];
    if old.service != registration.name {
        notes.push(format!("It belongs to the service `{}` now, and leaves it.", old.service));
    }
    notes
}

impl Consul {
    async fn node_services(
        &self,
        dc: &str,
        node: &str,
        hold: Option<Hold>,
    ) -> Result<(NodeServices, Option<Mark>), SourceError> {
        let path = format!("catalog/node-services/{}", segment(node));
        let question = Question { path: &path, dc: Some(dc), hold, ..Question::default() };
        let (found, head) = self.api.json(&question).await?;
        Ok((found, head.mark))
    }

    /// Whether an agent looks after the node: its membership in the gossip is a check that only an agent has.
    async fn has_agent(&self, dc: &str, node: &str) -> bool {
        let path = format!("health/node/{}", segment(node));
        let question = Question { path: &path, dc: Some(dc), ..Question::default() };
        let checks: Result<(Vec<NodeCheck>, _), SourceError> = self.api.json(&question).await;
        checks.is_ok_and(|(checks, _)| checks.iter().any(|check| check.check_id == "serfHealth"))
    }

    /// Whether our agent itself owns an instance; what only the catalog has is unknown to it.
    async fn agent_owns(&self, id: &str) -> Result<bool, SourceError> {
        let path = format!("agent/service/{}", segment(id));
        match self.api.json::<serde::de::IgnoredAny>(&Question { path: &path, ..Question::default() }).await {
            Ok(_) => Ok(true),
            Err(error) if error.kind == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Our own agent's node, when it is in this datacenter.
    async fn own_node(&self, dc: &str) -> Result<Option<String>, SourceError> {
        let Identity { datacenter, node, .. } = self.identity().await?;
        Ok(node.filter(|_| datacenter == dc))
    }

    fn plan_by_agent(source: &SourceId, node: &str, registration: &Registration, here: &NodeServices) -> RegistryPlan {
        let id = registration.id.as_deref().unwrap_or(&registration.name);
        let mut body = service("Name", registration, id);
        body.insert("Checks".to_owned(), registration.checks.iter().map(definition).collect());
        let mut notes = replaced(here, registration, id);
        if registration.checks.is_empty() {
            notes.push("It has no check: Consul takes it as passing.".to_owned());
        }
        RegistryPlan {
            source: source.clone(),
            instance: InstanceId::from(format!("{source}/{node}/{id}")),
            road: Road::Agent,
            why: format!("`{node}` is this agent's own node: the agent keeps the entry and executes its checks."),
            at: node.to_owned(),
            requests: vec![request(
                "/v1/agent/service/register?replace-existing-checks=true".to_owned(),
                &Value::Object(body),
            )],
            notes,
        }
    }

    async fn plan_by_catalog(
        &self,
        source: &SourceId,
        node: &str,
        registration: &Registration,
        here: &NodeServices,
    ) -> Result<RegistryPlan, SourceError> {
        let dc = datacenter_of(source)?;
        let id = registration.id.as_deref().unwrap_or(&registration.name);
        let checks = &registration.checks;
        let listed: Vec<Value> = checks
            .iter()
            .enumerate()
            .map(|(number, check)| catalog_check(node, id, number, checks.len(), check))
            .collect();
        let mut body = Map::new();
        body.insert("Datacenter".to_owned(), json!(dc));
        body.insert("Node".to_owned(), json!(node));
        body.insert("Service".to_owned(), json!(service("Service", registration, id)));
        body.insert("Checks".to_owned(), json!(listed));
        let mut notes = replaced(here, registration, id);
        if here.node.is_some() {
            body.insert("SkipNodeUpdate".to_owned(), json!(true));
        } else {
            let address = registration.address.as_deref().ok_or_else(|| {
                error(
                    ErrorKind::Invalid,
                    format!("registering `{}` on `{node}`", registration.name),
                    "the node is not in the catalog, and a new node needs an address".to_owned(),
                    "Give the address, or name a node that is there.",
                )
            })?;
            body.insert("Address".to_owned(), json!(address));
            body.insert("NodeMeta".to_owned(), json!({ "external-node": "true" }));
            notes.push(format!("The node `{node}` is not there, and is made with the address {address}."));
        }
        if !checks.is_empty() {
            notes.push(
                "No agent executes checks that the catalog alone has: they stay critical until something sets them."
                    .to_owned(),
            );
        }
        if self.has_agent(dc, node).await {
            notes.push(format!("The agent of `{node}` does not know this entry, and takes it out at its next sync."));
        }
        Ok(RegistryPlan {
            source: source.clone(),
            instance: InstanceId::from(format!("{source}/{node}/{id}")),
            road: Road::Catalog,
            why: format!(
                "`{node}` is not the node of the agent that is spoken to: the entry is made in the catalog alone."
            ),
            at: node.to_owned(),
            requests: vec![request(format!("/v1/catalog/register?dc={}", segment(dc)), &Value::Object(body))],
            notes,
        })
    }
}

#[async_trait]
impl Registrar for Consul {
    async fn plan_register(&self, source: &SourceId, registration: &Registration) -> Result<RegistryPlan, SourceError> {
        let dc = datacenter_of(source)?;
        check(registration)?;
        let own = self.own_node(dc).await?;
        let node = registration.node.as_deref().or(own.as_deref()).ok_or_else(|| {
            error(
                ErrorKind::Invalid,
                format!("registering `{}` in {dc}", registration.name),
                "the agent that is spoken to is not there, or does not say which node is its own".to_owned(),
                "Name the node.",
            )
        })?;
        let (here, _) = self.node_services(dc, node, None).await?;
        if own.as_deref() == Some(node) {
            return Ok(Self::plan_by_agent(source, node, registration, &here));
        }
        self.plan_by_catalog(source, node, registration, &here).await
    }

    async fn plan_deregister(&self, source: &SourceId, instance: &InstanceId) -> Result<RegistryPlan, SourceError> {
        let dc = datacenter_of(source)?;
        let (node, id) = taken_apart(source, instance)?;
        let (here, _) = self.node_services(dc, node, None).await?;
        let Some(found) = here.service(id) else {
            return Err(error(
                ErrorKind::NotFound,
                format!("finding the instance {instance}"),
                format!("the catalog has no `{id}` on `{node}`"),
                "It may be gone already.",
            ));
        };
        let mut notes = Vec::new();
        let own = self.own_node(dc).await?.as_deref() == Some(node);
        let plan = |road, why, request, notes| RegistryPlan {
            source: source.clone(),
            instance: instance.clone(),
            road,
            why,
            at: node.to_owned(),
            requests: vec![request],
            notes,
        };
        if found.service == "consul" {
            notes.push("This is a Consul server itself; it registers itself again.".to_owned());
        }
        if own && self.agent_owns(id).await? {
            let path = format!("/v1/agent/service/deregister/{}", segment(id));
            let why = format!("The agent that is spoken to owns `{id}`: it forgets it, and its checks with it.");
            return Ok(plan(Road::Agent, why, request(path, &Value::Null), notes));
        }
        let body = json!({ "Datacenter": dc, "Node": node, "ServiceID": id });
        let request = request(format!("/v1/catalog/deregister?dc={}", segment(dc)), &body);
        let why = if own {
            format!("The agent of `{node}` does not know `{id}`: only the catalog has it.")
        } else if self.has_agent(dc, node).await {
            notes.push(format!(
                "If the agent of `{node}` owns it, it brings it back at its next sync, about a minute later: then \
                 deregister it at that agent."
            ));
            format!("The agent of `{node}` is not the one that is spoken to: the entry is taken out of the catalog.")
        } else {
            format!("No agent looks after `{node}`: only the catalog has the entry.")
        };
        Ok(plan(Road::Catalog, why, request, notes))
    }

    async fn carry_out(&self, plan: &RegistryPlan) -> Result<(), SourceError> {
        for request in &plan.requests {
            let (path, query) = request.path.split_once('?').unwrap_or((&request.path, ""));
            let path = path.strip_prefix("/v1/").unwrap_or(path);
            let question =
                Question { path, query, body: Some(request.body.clone().into_bytes()), ..Question::default() };
            let (status, answer) = self.api.change(Method::PUT, &question).await?;
            if status != StatusCode::OK {
                let tried = format!("PUT {}{}", self.api.shown(), request.path);
                return Err(not_understood(&tried, &String::from_utf8_lossy(&answer)));
            }
        }
        Ok(())
    }

    async fn verify(&self, plan: &RegistryPlan) -> Result<Verified, SourceError> {
        let dc = datacenter_of(&plan.source)?;
        let (node, id) = taken_apart(&plan.source, &plan.instance)?;
        let wanted = Wanted::of(plan);
        let deadline = Instant::now() + SETTLES_WITHIN;
        let mut hold = None;
        loop {
            let (here, mark) = self.node_services(dc, node, hold).await?;
            let Some(missing) = wanted.missing(id, here.service(id)) else { return Ok(Verified::Stuck) };
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(Verified::NotStuck(missing));
            }
            hold = match mark {
                Some(Mark::Index(index)) if index > 0 => Some(Hold { mark: Mark::Index(index), wait: left }),
                _ => {
                    tokio::time::sleep(Duration::from_millis(500).min(left)).await;
                    None
                }
            };
        }
    }
}

/// What a plan wants the catalog to say.
enum Wanted {
    Absent,
    Present { name: Option<String>, port: Option<i64> },
}

impl Wanted {
    fn of(plan: &RegistryPlan) -> Self {
        let Some(request) = plan.requests.iter().find(|request| request.path.contains("/register")) else {
            return Self::Absent;
        };
        let body: Value = serde_json::from_str(&request.body).unwrap_or_default();
        let service = body.get("Service").unwrap_or(&body);
        let name = service.get("Service").or_else(|| service.get("Name")).and_then(Value::as_str);
        Self::Present { name: name.map(str::to_owned), port: service.get("Port").and_then(Value::as_i64) }
    }

    /// What the catalog says otherwise; `None` when it agrees.
    fn missing(&self, id: &str, found: Option<&NodeService>) -> Option<String> {
        match (self, found) {
            (Self::Absent, None) => None,
            (Self::Absent, Some(_)) => {
                Some(format!("The catalog still has `{id}`: the agent that owns it may have brought it back."))
            }
            (Self::Present { .. }, None) => Some(format!("The catalog does not have `{id}`.")),
            (Self::Present { name, port }, Some(found)) => {
                let same_name = name.as_ref().is_none_or(|name| *name == found.service);
                let same_port = port.is_none_or(|port| port == found.port);
                (!same_name || !same_port)
                    .then(|| format!("The catalog has `{id}` as `{}` at port {}.", found.service, found.port))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn http(name: &str) -> CheckDefinition {
        let method = CheckMethod::Http { url: "http://x/health".to_owned(), interval: "10s".to_owned(), timeout: None };
        CheckDefinition { name: name.to_owned(), method, deregister_after: Some("90m".to_owned()) }
    }

    #[test]
    fn checks_are_said_in_the_agents_words() {
        assert_eq!(
            Value::Object(definition(&http("alive"))),
            json!({ "Name": "alive", "HTTP": "http://x/health", "Interval": "10s", "DeregisterCriticalServiceAfter": "90m" })
        );
        let grpc = CheckMethod::Grpc { address: "x:1".to_owned(), interval: "5s".to_owned(), tls: true };
        let check = CheckDefinition { name: "g".to_owned(), method: grpc, deregister_after: None };
        assert_eq!(
            Value::Object(definition(&check)),
            json!({ "Name": "g", "GRPC": "x:1", "Interval": "5s", "GRPCUseTLS": true })
        );
    }

    #[test]
    fn a_check_that_nobody_executes_starts_critical() {
        let check = catalog_check("n", "web-1", 1, 2, &http("alive"));
        assert_eq!((&check["CheckID"], &check["Status"]), (&json!("service:web-1:2"), &json!("critical")));
    }

    #[test]
    fn an_instances_id_is_taken_apart_whatever_its_own_id_holds() {
        let source = SourceId::from("consul:dc1");
        let instance = InstanceId::from("consul:dc1/node-1/web/1");
        assert_eq!(taken_apart(&source, &instance).unwrap(), ("node-1", "web/1"));
        for other in ["consul:dc10/n/i", "consul:dc1", "consul:dc1/n", "n/i"] {
            assert_eq!(
                taken_apart(&source, &InstanceId::from(other)).unwrap_err().kind,
                ErrorKind::NotFound,
                "{other}"
            );
        }
    }
}
