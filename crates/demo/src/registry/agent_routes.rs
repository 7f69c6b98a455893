//! `/v1/agent/`: what is registered with this agent, and how (agent/agent_endpoint.go).

use std::time::Duration;

use axum::http::StatusCode;
use serde_json::{Map, Value, json};

use super::agent::{CheckPlan, Probe, Unknown};
use super::answer::{self, Answer, Refusal};
use super::catalog::{Check, Service, Status};
use super::fields::Fields;
use super::question::Question;
use super::registration;
use super::views::{self, NoTags};
use super::world::World;
use super::{DATACENTER, NODE, VERSION};

const REVISION: &str = "binnacle-demo";

fn unknown(what: &Unknown, id: &str) -> Refusal {
    match what {
        Unknown::Service => Refusal::missing(format!(
            "Unknown service ID {id:?}. Ensure that the service ID is passed, not the service name."
        )),
        Unknown::Check => Refusal::missing(format!(
            "Unknown check ID {id:?}. Ensure that the check ID is passed, not the check name."
        )),
        Unknown::NoTtl => Refusal::internal(format!("CheckID {id:?} does not have associated TTL")),
    }
}

pub(crate) fn this(world: &World, question: &Question) -> Answer {
    let (services, checks) = world.read(|tables| (tables.agent.services().count(), tables.agent.checks().count()));
    let address = world.address.to_string();
    let value = json!({
        "Config": {
            "Datacenter": DATACENTER,
            "PrimaryDatacenter": DATACENTER,
            "NodeName": NODE,
            "NodeID": world.node_id,
            "Revision": REVISION,
            "Server": true,
            "Version": VERSION,
            "BuildDate": "1970-01-01T00:00:01Z",
            "BindAddr": "127.0.0.1",
        },
        "DebugConfig": {},
        "Coord": null,
        "Member": member(world),
        "Stats": {
            "agent": { "checks": checks.to_string(), "services": services.to_string() },
            "build": { "prerelease": "", "revision": REVISION, "version": VERSION, "version_metadata": "" },
            "consul": {
                "acl": "disabled",
                "bootstrap": "true",
                "known_datacenters": "1",
                "leader": "true",
                "leader_addr": address,
                "server": "true",
            },
        },
        "Meta": { "consul-network-segment": "", "consul-version": VERSION, "binnacle-demo": DATACENTER },
    });
    answer::plain(&value, question.parameters.has("pretty"))
}

fn member(world: &World) -> Value {
    json!({
        "Name": NODE,
        "Addr": "127.0.0.1",
        "Port": world.address.port(),
        "Tags": { "acls": "0", "build": format!("{VERSION}:{REVISION}"), "dc": DATACENTER, "id": world.node_id, "role": "consul" },
        "Status": 1,
        "ProtocolMin": 1,
        "ProtocolMax": 5,
        "ProtocolCur": 2,
        "DelegateMin": 2,
        "DelegateMax": 5,
        "DelegateCur": 4,
    })
}

pub(crate) fn members(world: &World, question: &Question) -> Answer {
    answer::plain(&json!([member(world)]), question.parameters.has("pretty"))
}

pub(crate) fn version(question: &Question) -> Answer {
    let value = json!({ "SHA": REVISION, "BuildDate": "1970-01-01T00:00:01Z", "HumanVersion": VERSION, "FIPS": "" });
    answer::plain(&value, question.parameters.has("pretty"))
}

pub(crate) fn services(world: &World, question: &Question) -> Answer {
    let services: Map<String, Value> = world.read(|tables| {
        tables.agent.services().map(|service| (service.id.clone(), views::agent_service(service))).collect()
    });
    answer::plain(&Value::Object(services), question.parameters.has("pretty"))
}

pub(crate) fn service(world: &World, question: &Question) -> Result<Answer, Refusal> {
    let id = question.rest.as_str();
    let service = world.read(|tables| tables.agent.service(id).map(views::agent_service));
    let service = service.ok_or_else(|| Refusal::missing(format!("unknown service ID: {id}")))?;
    Ok(answer::plain(&service, question.parameters.has("pretty")))
}

pub(crate) fn checks(world: &World, question: &Question) -> Answer {
    let checks: Map<String, Value> = world.read(|tables| {
        let shown = tables.agent.checks().map(|check| {
            let mut check = check.clone();
            if let Some(service) = tables.agent.service(&check.service_id) {
                check.service_name.clone_from(&service.name);
                check.service_tags.clone_from(&service.tags);
            }
            (check.id.clone(), views::check_at(&check, 0, 0, NoTags::List))
        });
        shown.collect()
    });
    answer::plain(&Value::Object(checks), question.parameters.has("pretty"))
}

pub(crate) async fn register_service(world: &World, mut question: Question) -> Result<Answer, Refusal> {
    let body = question.document().await?;
    let entry = Fields::parse(&body).and_then(registration::agent_entry);
    let entry = entry.map_err(|what| Refusal::bad(format!("Request decode failed: {what}")))?;
    let replace = question.parameters.flag("replace-existing-checks")?;
    let service = entry.service;
    if service.name.is_empty() {
        return Err(Refusal::bad("Missing service name"));
    }
    registration::validate_meta(&service).map_err(Refusal::bad)?;
    validate_proxy(&service)?;
    let several = entry.checks.len() > 1;
    let mut checks = Vec::new();
    for (at, fields) in entry.checks.into_iter().enumerate() {
        let (mut check, plan) = understood(fields)?;
        if check.id.is_empty() {
            check.id = format!("service:{}", service.id);
            if several {
                check.id = format!("{}:{}", check.id, at + 1);
            }
        }
        if check.name.is_empty() {
            check.name = format!("Service '{}' check", service.name);
        }
        check.service_id.clone_from(&service.id);
        checks.push((check, plan));
    }
    world.write_agent(|tables, now| tables.agent.register(now, service, checks, replace));
    Ok(answer::empty())
}

/// Durations and other malformed fields are said like any unreadable body, a plan that makes no sense as such.
fn understood(fields: Fields) -> Result<(Check, CheckPlan), Refusal> {
    registration::agent_check(fields).map_err(|what| {
        let unreadable = what.starts_with("json:") || what.starts_with("time:");
        Refusal::bad(if unreadable {
            format!("Request decode failed: {what}")
        } else {
            format!("Invalid check: {what}")
        })
    })
}

/// The two things Consul asks of a sidecar (agent/structs/structs.go, `NodeService.Validate`).
fn validate_proxy(service: &Service) -> Result<(), Refusal> {
    if service.kind != "connect-proxy" {
        return Ok(());
    }
    let named = service
        .proxy
        .as_ref()
        .and_then(|proxy| proxy.get("DestinationServiceName")?.as_str())
        .is_some_and(|name| !name.is_empty());
    if !named {
        return Err(Refusal::bad(
            "Invalid service: 1 error occurred:\n\t* Proxy.DestinationServiceName must be non-empty for Connect proxy services\n\n",
        ));
    }
    if service.port == 0 {
        return Err(Refusal::bad(
            "Invalid service: 1 error occurred:\n\t* Port or SocketPath must be set for a Connect proxy\n\n",
        ));
    }
    Ok(())
}

pub(crate) fn deregister_service(world: &World, question: &Question) -> Result<Answer, Refusal> {
    let id = question.rest.as_str();
    world.write_agent(|tables, _| tables.agent.deregister(id)).map_err(|what| unknown(&what, id))?;
    Ok(answer::empty())
}

pub(crate) async fn register_check(world: &World, mut question: Question) -> Result<Answer, Refusal> {
    let body = question.document().await?;
    let fields = Fields::parse(&body).map_err(|what| Refusal::bad(format!("Request decode failed: {what}")))?;
    let (mut check, plan) = understood(fields)?;
    if check.name.is_empty() {
        return Err(Refusal::bad("Missing check name"));
    }
    if check.id.is_empty() {
        check.id.clone_from(&check.name);
    }
    let service_id = check.service_id.clone();
    let known = world.write_agent(|tables, now| {
        let known = service_id.is_empty() || tables.agent.service(&service_id).is_some();
        if known {
            tables.agent.register_check(now, check, plan);
        }
        known
    });
    if !known {
        return Err(Refusal::missing(format!("ServiceID {service_id:?} does not exist")));
    }
    Ok(answer::empty())
}

pub(crate) fn deregister_check(world: &World, question: &Question) -> Result<Answer, Refusal> {
    let id = question.rest.as_str();
    world.write_agent(|tables, _| tables.agent.deregister_check(id)).map_err(|what| unknown(&what, id))?;
    Ok(answer::empty())
}

/// `pass`, `warn` and `fail`, with a note in the parameters.
pub(crate) fn report(world: &World, question: &Question, status: Status) -> Result<Answer, Refusal> {
    let id = question.rest.as_str();
    let note = question.parameters.text("note");
    world.write_agent(|tables, now| tables.agent.report(now, id, status, note)).map_err(|what| unknown(&what, id))?;
    Ok(answer::empty())
}

/// `update`, with status and output in the body.
pub(crate) async fn update(world: &World, mut question: Question) -> Result<Answer, Refusal> {
    let body = question.document().await?;
    let malformed = |what: String| Refusal::bad(format!("Request decode failed: {what}"));
    let mut fields = Fields::parse(&body).map_err(malformed)?;
    let word = fields.text("status").map_err(malformed)?;
    let output = fields.text("output").map_err(malformed)?;
    let status = Status::parse(&word).ok_or_else(|| Refusal::bad(format!("Invalid check status: '{word}'")))?;
    let id = question.rest.as_str();
    world
        .write_agent(|tables, now| tables.agent.report(now, id, status, &output))
        .map_err(|what| unknown(&what, id))?;
    Ok(answer::empty())
}

/// A service is taken out of rotation by a critical check with a reserved id, and put back by its removal.
pub(crate) fn maintenance(world: &World, question: &Question) -> Result<Answer, Refusal> {
    let id = question.rest.as_str();
    if id.is_empty() {
        return Err(Refusal::bad("Missing service ID"));
    }
    if !question.parameters.has("enable") {
        return Err(Refusal::bad("Missing value for enable"));
    }
    let enable = match question.parameters.text("enable") {
        "1" | "t" | "T" | "TRUE" | "true" | "True" => true,
        "0" | "f" | "F" | "FALSE" | "false" | "False" => false,
        text => return Err(Refusal::new(StatusCode::BAD_REQUEST, format!("Invalid value for enable: {text:?}"))),
    };
    let reason = match question.parameters.text("reason") {
        "" => "Maintenance mode is enabled for this service, but no reason was provided. This is a default message.",
        reason => reason,
    };
    let check_id = format!("_service_maintenance:{id}");
    let known = world.write_agent(|tables, now| {
        if tables.agent.service(id).is_none() {
            return false;
        }
        if enable {
            let (check, plan) = maintenance_check(check_id, id, reason);
            tables.agent.register_check(now, check, plan);
        } else {
            // Not being in maintenance is not an error.
            let _ = tables.agent.deregister_check(&check_id);
        }
        true
    });
    if known { Ok(answer::empty()) } else { Err(unknown(&Unknown::Service, id)) }
}

fn maintenance_check(id: String, service_id: &str, reason: &str) -> (Check, CheckPlan) {
    let check = Check {
        id,
        name: "Service Maintenance Mode".to_owned(),
        status: Status::Critical,
        notes: reason.to_owned(),
        service_id: service_id.to_owned(),
        kind: "maintenance".to_owned(),
        ..Check::default()
    };
    let plan = CheckPlan {
        probe: Probe::Manual,
        interval: Duration::ZERO,
        timeout: Duration::ZERO,
        deregister_after: None,
        successes_before_passing: 0,
        failures_before_critical: 0,
    };
    (check, plan)
}
