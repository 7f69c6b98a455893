//! A small shop: services of every health, sidecars with upstreams, intentions, config entries and keys, enough to
//! recognise each thing on a screen by its name.

use serde_json::{Value, json};

use crate::{ConsulClient, LabError};

/// Long enough for a TTL check to keep what was said for as long as anybody looks.
const TTL: &str = "240h";

/// One instance of a service of the shop.
struct Instance {
    service: &'static str,
    number: u16,
    status: &'static str,
    output: &'static str,
    tags: &'static [&'static str],
    /// Services that its sidecar calls; `None`: it has no sidecar.
    upstreams: Option<&'static [&'static str]>,
}

const INSTANCES: &[Instance] = &[
    instance("web", 1, "pass", "200 OK", &["v2", "urlprefix-shop.example/"], Some(&["catalog", "cart", "checkout"])),
    instance("web", 2, "pass", "200 OK", &["v2", "urlprefix-shop.example/"], Some(&["catalog", "cart", "checkout"])),
    instance("catalog", 1, "pass", "200 OK", &["v1"], Some(&["search"])),
    instance("catalog", 2, "warn", "p95 740 ms is above 500 ms", &["v2"], Some(&["search"])),
    instance("search", 1, "pass", "green", &[], Some(&[])),
    instance("cart", 1, "pass", "200 OK", &["v3"], Some(&["redis"])),
    instance("checkout", 1, "warn", "1 of 2 dependencies answers slowly", &["v5"], Some(&["payments", "orders"])),
    instance("payments", 1, "fail", "connection to the bank refused", &["v1", "pci"], Some(&["bank-gateway"])),
    instance("payments", 2, "pass", "200 OK", &["v1", "pci"], Some(&["bank-gateway"])),
    instance("orders", 1, "pass", "200 OK", &["v4"], Some(&[])),
    instance("bank-gateway", 1, "fail", "TLS handshake: certificate has expired", &[], Some(&[])),
    instance("redis", 1, "pass", "PONG", &["primary"], None),
    instance("redis", 2, "pass", "PONG", &["replica"], None),
];

const fn instance(
    service: &'static str,
    number: u16,
    status: &'static str,
    output: &'static str,
    tags: &'static [&'static str],
    upstreams: Option<&'static [&'static str]>,
) -> Instance {
    Instance { service, number, status, output, tags, upstreams }
}

/// Caller, callee, and what the mesh says to it.
const INTENTIONS: &[(&str, &str, &str)] = &[
    ("web", "catalog", "allow"),
    ("web", "cart", "allow"),
    ("web", "checkout", "allow"),
    ("catalog", "search", "allow"),
    ("cart", "redis", "allow"),
    ("checkout", "payments", "allow"),
    ("checkout", "orders", "allow"),
    ("payments", "bank-gateway", "allow"),
    ("web", "payments", "deny"),
];

const KEYS: &[(&str, &str)] = &[
    ("shop/banner", "Free shipping this week"),
    ("shop/web/config.json", "{\n  \"theme\": \"dark\",\n  \"page_size\": 24\n}\n"),
    ("shop/catalog/config.yaml", "cache:\n  ttl: 30s\n  size: 1024\nsearch: http://search:8080\n"),
    ("shop/checkout/app.properties", "payment.timeout.ms=1500\npayment.retries=2\n"),
    ("shop/payments/limits.toml", "[limits]\nper_minute = 120\ncurrency = \"EUR\"\n"),
    ("shop/features/new checkout?", "true"),
    ("shop/features/größe", "on"),
    ("shop/payments/timeout_ms", "1500"),
];

/// Puts the shop into a server, through its agent. Loading it again changes nothing.
pub async fn load(client: &ConsulClient) -> Result<(), LabError> {
    for name in ["web", "catalog", "cart", "checkout", "payments", "orders"] {
        client.config_entry(&json!({ "Kind": "service-defaults", "Name": name, "Protocol": "http" })).await?;
    }
    client
        .config_entry(&json!({
            "Kind": "service-resolver", "Name": "catalog", "DefaultSubset": "v1",
            "Subsets": { "v1": { "Filter": "\"v1\" in Service.Tags" }, "v2": { "Filter": "\"v2\" in Service.Tags" } },
        }))
        .await?;
    for (position, instance) in (0..).zip(INSTANCES) {
        client.register(&registration(instance, 8_000 + position)).await?;
        client.set_check(&check_id(instance), instance.status, instance.output).await?;
    }
    intentions(client).await?;
    for (key, value) in KEYS {
        client.kv_put(key, value.as_bytes()).await?;
    }
    client.kv_put_with_flags("shop/logo.png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", 42).await
}

/// One entry a destination holds all its sources.
async fn intentions(client: &ConsulClient) -> Result<(), LabError> {
    let mut destinations: Vec<&str> = INTENTIONS.iter().map(|(_, destination, _)| *destination).collect();
    destinations.sort_unstable();
    destinations.dedup();
    for destination in destinations {
        let sources: Vec<Value> = INTENTIONS
            .iter()
            .filter(|(_, to, _)| *to == destination)
            .map(|(from, _, action)| json!({ "Name": from, "Action": action }))
            .collect();
        client.config_entry(&json!({ "Kind": "service-intentions", "Name": destination, "Sources": sources })).await?;
    }
    Ok(())
}

fn id(instance: &Instance) -> String {
    format!("{}-{}", instance.service, instance.number)
}

fn check_id(instance: &Instance) -> String {
    format!("{}-health", id(instance))
}

fn registration(instance: &Instance, port: u16) -> Value {
    let mut service = json!({
        "ID": id(instance),
        "Name": instance.service,
        "Address": format!("10.0.0.{}", port - 7_990),
        "Port": port,
        "Tags": instance.tags,
        "Meta": { "team": if instance.service == "payments" { "money" } else { "shop" } },
        "Check": { "CheckID": check_id(instance), "Name": "health", "TTL": TTL },
    });
    if let (Some(names), Some(fields)) = (instance.upstreams, service.as_object_mut()) {
        let upstreams: Vec<Value> = (0..)
            .zip(names)
            .map(|(position, name)| json!({ "DestinationName": name, "LocalBindPort": 9_100_u16 + position }))
            .collect();
        // Without checks of its own a sidecar gets one that connects to its port, where nothing listens here.
        let sidecar = json!({
            "Port": port + 10_000,
            "Proxy": { "Upstreams": upstreams },
            "Checks": [{ "Name": "its service", "AliasService": id(instance) }],
        });
        fields.insert("Connect".into(), json!({ "SidecarService": sidecar }));
    }
    service
}
