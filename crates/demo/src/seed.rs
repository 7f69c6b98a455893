//! What the demo's registry holds at the start: the keys that steer the fleet, some configuration worth looking at, and
//! what a service mesh would declare.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use url::Url;

use crate::DemoError;
use crate::fleet::SERVICES;
use crate::registration::put;

/// A key with its value and flags.
struct Key(&'static str, &'static [u8], u64);

const SHOP: &[Key] = &[
    Key(
        "shop/checkout/limits.yaml",
        b"# How much one customer may order at once.\nmax_lines: 50\nmax_total_cents: 500000\nper_country:\n  NL: { max_parcels: 10 }\n  DE: { max_parcels: 8 }\n  US: { max_parcels: 4 }\nretry:\n  attempts: 0\n  timeout_ms: 1000\n",
        0,
    ),
    Key("shop/checkout/timeout_ms", b"1000", 0),
    Key(
        "shop/catalog/pricing.json",
        b"{\n  \"currency\": \"EUR\",\n  \"vat_percent\": 21,\n  \"rounding\": \"half_even\",\n  \"discounts\": [\n    { \"code\": \"SPRING\", \"percent\": 10 },\n    { \"code\": \"CREW\", \"percent\": 25 }\n  ]\n}\n",
        0,
    ),
    Key(
        "shop/payments/providers.toml",
        b"default = \"harbour-bank\"\n\n[providers.harbour-bank]\nurl = \"https://bank.invalid/v2\"\ntimeout_ms = 800\n\n[providers.card-desk]\nurl = \"https://cards.invalid/charge\"\ntimeout_ms = 1200\nenabled = false\n",
        0,
    ),
    Key("shop/storefront/features.json", b"{\"new_search\":true,\"gift_wrap\":false,\"dark_mode\":true}", 42),
    Key("shop/storefront/motd", b"Fair winds.\n", 0),
    Key(
        "shop/shipping/carriers.xml",
        b"<carriers>\n  <carrier id=\"packet-boat\" days=\"5\"/>\n  <carrier id=\"clipper\" days=\"2\"/>\n</carriers>\n",
        0,
    ),
    Key("shop/search/synonyms.properties", b"telescope=spyglass\nlamp=lantern\nmap=chart\n", 0),
    Key("shop/fraud/model.bin", b"\x89MDL\x00\x01\xfe\xff\x10\x80\x00\x00\x7f\x45\x4c\x46", 7),
    Key("shop/orders/", b"", 0),
    Key("shop/inventory/reorder below (%)", b"15", 0),
];

/// Writes all of it. The keys go in one transaction.
pub(crate) async fn plant(registry: &Url, http: &reqwest::Client) -> Result<(), DemoError> {
    let operations: Vec<Value> =
        steering_keys().chain(SHOP.iter().map(|Key(key, value, flags)| set(key, value, *flags))).collect();
    put(registry, http, "v1/txn", &json!(operations), "the first keys").await?;
    for entry in config_entries() {
        put(registry, http, "v1/config", &entry, "a config entry").await?;
    }
    for (source, destination, action, why) in INTENTIONS {
        let path = format!("v1/connect/intentions/exact?source={source}&destination={destination}");
        put(registry, http, &path, &json!({ "Action": action, "Description": why }), "an intention").await?;
    }
    Ok(())
}

fn set(key: &str, value: &[u8], flags: u64) -> Value {
    json!({ "KV": { "Verb": "set", "Key": key, "Value": STANDARD.encode(value), "Flags": flags } })
}

fn steering_keys() -> impl Iterator<Item = Value> {
    SERVICES.iter().flat_map(|service| {
        let latency = service.latency_ms.to_string();
        [
            set(&format!("fleet/{}/latency_ms", service.name), latency.as_bytes(), 0),
            set(&format!("fleet/{}/error_ratio", service.name), b"0", 0),
        ]
    })
}

const INTENTIONS: [(&str, &str, &str, &str); 7] = [
    ("storefront", "checkout", "allow", "Browsers check out here"),
    ("checkout", "payments", "allow", "Only checkout takes money"),
    ("*", "payments", "deny", "Nobody else does"),
    ("payments", "ledger", "allow", "Every charge is booked"),
    ("*", "ledger", "deny", "And nothing else is"),
    ("checkout", "orders", "allow", ""),
    ("fulfilment", "shipping", "allow", ""),
];

fn config_entries() -> [Value; 6] {
    [
        json!({ "Kind": "proxy-defaults", "Name": "global", "Config": { "protocol": "http" } }),
        json!({
            "Kind": "service-defaults",
            "Name": "checkout",
            "Protocol": "http",
            "UpstreamConfig": { "Overrides": [{ "Name": "payments", "PassiveHealthCheck": { "Interval": "1s", "MaxFailures": 5 } }] },
        }),
        json!({ "Kind": "service-defaults", "Name": "payments", "Protocol": "http", "Meta": { "owner": "money" } }),
        json!({ "Kind": "service-defaults", "Name": "ledger", "Protocol": "tcp" }),
        json!({ "Kind": "service-resolver", "Name": "payments", "ConnectTimeout": "1s", "RequestTimeout": "1s" }),
        json!({
            "Kind": "service-router",
            "Name": "catalog",
            "Routes": [{
                "Match": { "HTTP": { "PathPrefix": "/stock" } },
                "Destination": { "Service": "inventory", "PrefixRewrite": "/stock" },
            }],
        }),
    ]
}
