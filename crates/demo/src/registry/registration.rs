//! Registrations as clients write them, parsed once (agent/structs/service_definition.go, check_definition.go).

use std::time::Duration;

use serde_json::{Value, json};

use super::agent::{CheckPlan, MIN_INTERVAL, Probe};
use super::catalog::{Check, Node, Service, Status};
use super::fields::{Fields, Malformed, camel};
use super::go_duration;

/// Consul's limits of a service's or node's meta.
const MAX_META_PAIRS: usize = 64;
const MAX_META_KEY: usize = 128;
const MAX_META_VALUE: usize = 512;

/// How long an HTTP or TCP check waits when it does not say.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);

pub(crate) struct CatalogEntry {
    pub(crate) node: Node,
    pub(crate) datacenter: Option<String>,
    pub(crate) skip_node_update: bool,
    pub(crate) service: Option<Service>,
    pub(crate) checks: Vec<Check>,
}

pub(crate) struct CatalogTarget {
    pub(crate) node: String,
    pub(crate) service_id: String,
    pub(crate) check_id: String,
}

/// A service as it is registered with an agent, its checks not yet understood: what is wrong with them is said in
/// other words than what is wrong with the rest.
pub(crate) struct AgentEntry {
    pub(crate) service: Service,
    pub(crate) checks: Vec<Fields>,
}

const ENTERPRISE: [&str; 4] = ["namespace", "partition", "peername", "token"];

pub(crate) fn catalog_entry(mut fields: Fields) -> Result<CatalogEntry, Malformed> {
    fields.ignore(&ENTERPRISE);
    fields.ignore(&["writerequest"]);
    let node = Node {
        id: fields.text("id")?,
        name: fields.text("node")?,
        address: fields.text("address")?,
        tagged_addresses: fields.text_map("taggedaddresses")?,
        meta: fields.text_map("nodemeta")?,
    };
    let datacenter = Some(fields.text("datacenter")?).filter(|name| !name.is_empty());
    let skip_node_update = fields.flag("skipnodeupdate")?;
    let service = fields.object("service")?.map(catalog_service).transpose()?;
    let mut checks = fields.objects("checks")?;
    checks.extend(fields.object("check")?);
    fields.end()?;
    let checks = checks.into_iter().map(catalog_check).collect::<Result<_, _>>()?;
    Ok(CatalogEntry { node, datacenter, skip_node_update, service, checks })
}

pub(crate) fn catalog_target(mut fields: Fields) -> Result<CatalogTarget, Malformed> {
    fields.ignore(&ENTERPRISE);
    fields.ignore(&["writerequest", "datacenter"]);
    let target = CatalogTarget {
        node: fields.text("node")?,
        service_id: fields.text("serviceid")?,
        check_id: fields.text("checkid")?,
    };
    fields.end()?;
    Ok(target)
}

fn catalog_service(mut fields: Fields) -> Result<Service, Malformed> {
    let name = fields.text("service")?;
    let service = common_service(&mut fields, name)?;
    fields.ignore(&["createindex", "modifyindex"]);
    fields.end()?;
    Ok(service)
}

pub(crate) fn agent_entry(mut fields: Fields) -> Result<AgentEntry, Malformed> {
    let name = fields.text("name")?;
    let service = common_service(&mut fields, name)?;
    let mut checks = fields.objects("checks")?;
    if let Some(check) = fields.object("check")? {
        checks.insert(0, check);
    }
    fields.end()?;
    Ok(AgentEntry { service, checks })
}

fn common_service(fields: &mut Fields, name: String) -> Result<Service, Malformed> {
    fields.ignore(&ENTERPRISE);
    fields.ignore(&["socketpath", "locality", "ports"]);
    let (mut weight_passing, mut weight_warning) = (1, 1);
    if let Some(mut weights) = fields.object("weights")? {
        weight_passing = weights.integer("passing")?.unwrap_or(1);
        weight_warning = weights.integer("warning")?.unwrap_or(1);
    }
    let connect_native = match fields.object("connect")? {
        Some(mut connect) => connect.flag("native")?,
        None => false,
    };
    let id = fields.text("id")?;
    Ok(Service {
        id: if id.is_empty() { name.clone() } else { id },
        name,
        kind: fields.text("kind")?,
        tags: fields.texts("tags")?,
        address: fields.text("address")?,
        tagged_addresses: fields.raw("taggedaddresses").map(tagged_addresses),
        meta: fields.text_map("meta")?,
        port: fields.port("port")?,
        weight_passing,
        weight_warning,
        enable_tag_override: fields.flag("enabletagoverride")?,
        proxy: fields.raw("proxy").map(camel),
        connect_native,
    })
}

/// The names are the user's, the fields under them Consul's.
fn tagged_addresses(value: Value) -> Value {
    match value {
        Value::Object(map) => Value::Object(map.into_iter().map(|(name, address)| (name, camel(address))).collect()),
        other => other,
    }
}

fn catalog_check(mut fields: Fields) -> Result<Check, Malformed> {
    fields.ignore(&ENTERPRISE);
    fields.ignore(&["node", "servicetags", "servicename", "exposedport", "createindex", "modifyindex"]);
    let name = fields.text("name")?;
    let id = fields.text("checkid")?;
    let status = fields.text("status")?;
    let check = Check {
        id: if id.is_empty() { name.clone() } else { id },
        name,
        status: parse_status(&status)?,
        notes: fields.text("notes")?,
        output: fields.text("output")?,
        service_id: fields.text("serviceid")?,
        kind: fields.text("type")?,
        interval: fields.text("interval")?,
        timeout: fields.text("timeout")?,
        definition: fields.raw("definition").map(camel),
        ..Check::default()
    };
    fields.end()?;
    Ok(check)
}

fn parse_status(text: &str) -> Result<Status, Malformed> {
    match text {
        "" => Ok(Status::Critical),
        text => Status::parse(text).ok_or_else(|| format!("Invalid check status: '{text}'")),
    }
}

/// A check as it is registered with an agent.
pub(crate) fn agent_check(mut fields: Fields) -> Result<(Check, CheckPlan), Malformed> {
    fields.ignore(&ENTERPRISE);
    // These steer connections this registry does not make.
    fields.ignore(&["tlsskipverify", "tlsservername", "outputmaxsize", "disableredirects", "failuresbeforewarning"]);
    let id = Some(fields.text("checkid")?).filter(|id| !id.is_empty());
    let id = id.map_or_else(|| fields.text("id"), Ok)?;
    let name = fields.text("name")?;
    let status = fields.text("status")?;
    let status = parse_status(&status)?;
    let notes = fields.text("notes")?;
    let service_id = fields.text("serviceid")?;
    let given_interval = fields.duration("interval")?;
    let given_timeout = fields.duration("timeout")?;
    let deregister_after = fields.duration("deregistercriticalserviceafter")?.filter(|after| !after.is_zero());
    let successes = threshold(fields.integer("successbeforepassing")?);
    let failures = threshold(fields.integer("failuresbeforecritical")?);
    let (kind, probe) = probe(&mut fields, given_interval)?;
    fields.end()?;
    let check = Check {
        id,
        name,
        status,
        notes,
        service_id,
        kind: kind.to_owned(),
        interval: given_interval.map(go_duration::format).unwrap_or_default(),
        timeout: given_timeout.map(go_duration::format).unwrap_or_default(),
        ..Check::default()
    };
    let plan = CheckPlan {
        probe,
        interval: given_interval.unwrap_or(MIN_INTERVAL).max(MIN_INTERVAL),
        timeout: given_timeout.unwrap_or(DEFAULT_TIMEOUT),
        deregister_after,
        successes_before_passing: successes,
        failures_before_critical: failures,
    };
    Ok((check, plan))
}

fn threshold(given: Option<i64>) -> u32 {
    given.and_then(|count| u32::try_from(count).ok()).unwrap_or(0)
}

fn probe(fields: &mut Fields, interval: Option<Duration>) -> Result<(&'static str, Probe), Malformed> {
    for other in [
        "grpc",
        "udp",
        "h2ping",
        "args",
        "scriptargs",
        "dockercontainerid",
        "shell",
        "osservice",
        "aliasservice",
        "aliasnode",
    ] {
        if fields.raw(other).is_some() {
            return Err(format!("The demo registry runs HTTP, TCP and TTL checks, not {other}"));
        }
    }
    let (http, tcp, ttl) = (fields.text("http")?, fields.text("tcp")?, fields.duration("ttl")?);
    let method = fields.text("method")?;
    let body = fields.text("body")?;
    let headers = headers(fields.raw("header").unwrap_or_else(|| json!({})))?;
    let needs_interval = || match interval {
        Some(interval) if !interval.is_zero() => Ok(()),
        _ => Err("Interval must be > 0 for Script, HTTP, H2PING, TCP, UDP or OSService checks".to_owned()),
    };
    if !http.is_empty() {
        needs_interval()?;
        let method = if method.is_empty() { "GET".to_owned() } else { method };
        return Ok(("http", Probe::Http { url: http, method, headers, body }));
    }
    if !tcp.is_empty() {
        needs_interval()?;
        return Ok(("tcp", Probe::Tcp { address: tcp }));
    }
    match ttl.filter(|ttl| !ttl.is_zero()) {
        Some(ttl) => Ok(("ttl", Probe::Ttl(ttl))),
        None => Err("TTL must be > 0 for TTL checks".to_owned()),
    }
}

fn headers(value: Value) -> Result<Vec<(String, String)>, Malformed> {
    let map: std::collections::BTreeMap<String, Vec<String>> =
        serde_json::from_value(value).map_err(|_| "json: cannot unmarshal the value of field Header".to_owned())?;
    Ok(map.into_iter().flat_map(|(name, values)| values.into_iter().map(move |value| (name.clone(), value))).collect())
}

/// What Consul demands of a service's meta (agent/structs, `ValidateServiceMetadata`).
pub(crate) fn validate_meta(service: &Service) -> Result<(), String> {
    let Some(meta) = &service.meta else { return Ok(()) };
    if meta.len() > MAX_META_PAIRS {
        return Err(format!(
            "Invalid Service Meta: Node metadata cannot contain more than {MAX_META_PAIRS} key/value pairs"
        ));
    }
    for (key, value) in meta {
        let reason = if key.is_empty() {
            "Key cannot be blank".to_owned()
        } else if !key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-') {
            "Key contains invalid characters".to_owned()
        } else if key.len() > MAX_META_KEY {
            format!("Key is too long (limit: {MAX_META_KEY} characters)")
        } else if value.len() > MAX_META_VALUE {
            format!("Value is too long (limit: {MAX_META_VALUE} characters)")
        } else {
            continue;
        };
        return Err(format!("Invalid Service Meta: Couldn't load metadata pair ('{key}', '{value}'): {reason}"));
    }
    Ok(())
}
