//! How the services come into the registry, and how they report on themselves.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value, json};
use url::Url;

use crate::DemoError;
use crate::fleet::{HYSTRIX_SERVICE, ServicePlan};
use crate::instance::Instance;
use crate::steering::Verdict;

/// How long a report on oneself is good for, and how often it is given again.
const TTL: &str = "15s";
const REPORT_EVERY: Duration = Duration::from_secs(5);
/// Sidecars are declared only; their ports are those Consul would give them.
const FIRST_SIDECAR_PORT: u16 = 21_000;

/// Writes one JSON document to the registry.
pub(crate) async fn put(
    registry: &Url,
    http: &reqwest::Client,
    path: &str,
    body: &Value,
    what: &str,
) -> Result<(), DemoError> {
    let unreachable = |source| DemoError::Unreachable { what: what.to_owned(), source };
    let response = http.put(format!("{registry}{path}")).json(body).send().await.map_err(unreachable)?;
    let status = response.status();
    if status.is_success() {
        return Ok(());
    }
    let text = response.text().await.map_err(unreachable)?;
    Err(DemoError::Refused { what: what.to_owned(), status: status.as_u16(), text })
}

/// What an instance says of itself when it registers.
pub(crate) fn instance(plan: &ServicePlan, id: &str, address: SocketAddr, rpc: Option<SocketAddr>) -> Value {
    let base = format!("http://{address}");
    let mut checks = vec![json!({
        "CheckID": format!("{id}:http"),
        "Name": format!("{} answers", plan.name),
        "HTTP": format!("{base}/health"),
        "Interval": "1s",
        "Timeout": "900ms",
        // It has answered itself before it came here.
        "Status": "passing",
    })];
    if plan.reports {
        checks.push(json!({ "CheckID": report_id(id), "Name": format!("{} reports", plan.name), "TTL": TTL, "Status": "passing" }));
    }
    let mut meta = Map::from_iter([
        ("metrics_path".to_owned(), json!("/metrics")),
        ("team".to_owned(), json!(plan.team)),
        ("version".to_owned(), json!(plan.version)),
    ]);
    if plan.name == HYSTRIX_SERVICE {
        meta.insert("hystrix_stream".to_owned(), json!("/hystrix.stream"));
    }
    let mut tagged = Map::new();
    if let Some(rpc) = rpc {
        checks.push(json!({
            "CheckID": format!("{id}:tcp"),
            "Name": "takes postings",
            "TCP": rpc.to_string(),
            "Interval": "1s",
            "Timeout": "900ms",
            "Status": "passing",
        }));
        tagged.insert("rpc".to_owned(), json!({ "Address": rpc.ip().to_string(), "Port": rpc.port() }));
    }
    json!({
        "ID": id,
        "Name": plan.name,
        "Address": address.ip().to_string(),
        "Port": address.port(),
        "Tags": ["demo", format!("team-{}", plan.team), format!("v{}", plan.version)],
        "Meta": meta,
        "TaggedAddresses": if tagged.is_empty() { Value::Null } else { Value::Object(tagged) },
        "Checks": checks,
    })
}

/// The sidecar of a service, which says whom the service calls.
pub(crate) fn sidecar(plan: &ServicePlan, id: &str, address: SocketAddr, number: u16) -> Value {
    let upstreams: Vec<Value> = (9_191u16..)
        .zip(plan.declares)
        .map(|(port, peer)| json!({ "DestinationType": "service", "DestinationName": peer, "LocalBindPort": port }))
        .collect();
    json!({
        "ID": format!("{id}-sidecar-proxy"),
        "Name": format!("{}-sidecar-proxy", plan.name),
        "Kind": "connect-proxy",
        "Address": address.ip().to_string(),
        "Port": FIRST_SIDECAR_PORT + number,
        "Proxy": {
            "DestinationServiceName": plan.name,
            "DestinationServiceID": id,
            "LocalServiceAddress": address.ip().to_string(),
            "LocalServicePort": address.port(),
            "Upstreams": upstreams,
        },
    })
}

fn report_id(id: &str) -> String {
    format!("{id}:ttl")
}

/// Keeps an instance's TTL check alive, and tells at once when it is steered otherwise.
pub(crate) async fn report(registry: Url, http: reqwest::Client, instance: Arc<Instance>) {
    let mut steering = instance.steering.clone();
    let path = format!("v1/agent/check/update/{}", report_id(&instance.id));
    loop {
        let (verdict, output) = steering.borrow_and_update().verdict();
        let status = match verdict {
            Verdict::Passing => "passing",
            Verdict::Warning => "warning",
            Verdict::Critical => "critical",
        };
        if let Err(error) =
            put(&registry, &http, &path, &json!({ "Status": status, "Output": output }), "a report").await
        {
            tracing::debug!(instance = %instance.id, %error, "the report was not taken");
        }
        tokio::select! {
            () = instance.stop.cancelled() => return,
            _ = steering.changed() => {}
            () = tokio::time::sleep(REPORT_EVERY) => {}
        }
    }
}
