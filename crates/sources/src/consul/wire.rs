//! Consul's own shapes, as far as Binnacle reads them. Fields that may be `null` or missing are read as empty; numbers
//! that Consul does not bound are read wide. Sources: <https://developer.hashicorp.com/consul/api-docs/catalog>,
//! `/health`, `/kv`, `/session`, `/config`, `/agent`.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserializer, Visitor};
use serde::{Deserialize, Serialize};

use binnacle_model::fact::ValueMark;

use crate::mark;

/// Reads `null` as the empty value; Go writes it for empty lists and maps.
fn or_empty<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(from: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or_default())
}

/// Reads what is no count as none: such a limit costs itself only.
fn count_or_none<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u64>, D::Error> {
    Ok(serde_json::Value::deserialize(from)?.as_u64())
}

/// A key of `GET /v1/kv/?recurse`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct KvEntry<'a> {
    #[serde(borrow)]
    pub(super) key: Cow<'a, str>,
    #[serde(default, borrow)]
    pub(super) value: Encoded<'a>,
    #[serde(default)]
    pub(super) flags: u64,
    #[serde(default, borrow)]
    pub(super) session: Option<Cow<'a, str>>,
    pub(super) create_index: u64,
    pub(super) modify_index: u64,
}

/// A value in base64, as it stands in the answer. It is measured and marked there, and never kept.
#[derive(Default)]
pub(super) struct Encoded<'a>(Cow<'a, str>);

impl Encoded<'_> {
    /// How many bytes it stands for.
    pub(super) fn bytes(&self) -> u64 {
        let padding = self.0.bytes().rev().take_while(|byte| *byte == b'=').take(2).count() as u64;
        (self.0.len() as u64 / 4 * 3).saturating_sub(padding)
    }

    /// What tells it apart from another value.
    pub(super) fn mark(&self) -> Option<ValueMark> {
        mark::of_base64(&self.0)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Encoded<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_option(TextOrNull).map(Self)
    }
}

struct TextOrNull;

impl<'de> Visitor<'de> for TextOrNull {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value in base64, or null")
    }

    fn visit_none<E>(self) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(""))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(""))
    }

    fn visit_some<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_str(self)
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(text))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(text.to_owned()))
    }
}

/// A check of `GET /v1/health/state/any`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct HealthCheck {
    pub(super) node: String,
    #[serde(rename = "CheckID")]
    pub(super) check_id: String,
    #[serde(default, deserialize_with = "or_empty")]
    pub(super) name: String,
    #[serde(default, deserialize_with = "or_empty")]
    pub(super) status: String,
    #[serde(default, deserialize_with = "or_empty")]
    pub(super) output: String,
    #[serde(default, deserialize_with = "or_empty")]
    pub(super) notes: String,
    #[serde(default, deserialize_with = "or_empty", rename = "ServiceID")]
    pub(super) service_id: String,
    #[serde(default, deserialize_with = "or_empty", rename = "Type")]
    pub(super) method: String,
    #[serde(default)]
    pub(super) modify_index: u64,
}

/// A node with its services, of `GET /v1/internal/ui/nodes`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct NodeInfo {
    pub(super) node: String,
    #[serde(default, deserialize_with = "or_empty")]
    pub(super) address: String,
    #[serde(default, deserialize_with = "or_empty")]
    pub(super) meta: BTreeMap<String, String>,
    #[serde(default, deserialize_with = "or_empty")]
    pub(super) services: Vec<NodeService>,
    /// Set on a node that another cluster exports to this one.
    #[serde(default, deserialize_with = "or_empty")]
    pub(super) peer_name: String,
}

/// An instance of `GET /v1/health/service/:service`, with the node that it is on.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ServiceEntry {
    pub(super) node: EntryNode,
    pub(super) service: NodeService,
}

/// See [`ServiceEntry`].
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct EntryNode {
    pub(super) node: String,
    #[serde(default, deserialize_with = "or_empty")]
    pub(super) address: String,
    #[serde(default, deserialize_with = "or_empty")]
    pub(super) meta: BTreeMap<String, String>,
}

/// A service instance as its node has it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct NodeService {
    #[serde(rename = "ID")]
    pub(super) id: String,
    pub(super) service: String,
    #[serde(default, deserialize_with = "or_empty")]
    pub(super) kind: String,
    #[serde(default, deserialize_with = "or_empty")]
    pub(super) tags: Vec<String>,
    #[serde(default, deserialize_with = "or_empty")]
    pub(super) address: String,
    #[serde(default)]
    pub(super) port: i64,
    #[serde(default, deserialize_with = "or_empty")]
    pub(super) meta: BTreeMap<String, String>,
    #[serde(default, deserialize_with = "or_empty")]
    pub(super) proxy: Proxy,
    #[serde(default, deserialize_with = "or_empty")]
    pub(super) namespace: String,
    /// Set on a service that another cluster exports to this one.
    #[serde(default, deserialize_with = "or_empty")]
    pub(super) peer_name: String,
    #[serde(default)]
    pub(super) modify_index: u64,
}

/// The proxy part of a sidecar.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Proxy {
    #[serde(deserialize_with = "or_empty")]
    pub(super) destination_service_name: String,
    #[serde(deserialize_with = "or_empty", rename = "DestinationServiceID")]
    pub(super) destination_service_id: String,
    #[serde(deserialize_with = "or_empty")]
    pub(super) upstreams: Vec<ProxyUpstream>,
}

/// One upstream of a sidecar.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct ProxyUpstream {
    #[serde(deserialize_with = "or_empty")]
    pub(super) destination_type: String,
    #[serde(deserialize_with = "or_empty")]
    pub(super) destination_namespace: String,
    #[serde(deserialize_with = "or_empty")]
    pub(super) destination_name: String,
    #[serde(deserialize_with = "or_empty")]
    pub(super) destination_peer: String,
    #[serde(deserialize_with = "or_empty")]
    pub(super) datacenter: String,
}

/// `GET /v1/catalog/services`: names and the union of their instances' tags.
pub(super) type ServiceTags = BTreeMap<String, Option<Vec<String>>>;

/// A session of `GET /v1/session/list`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Session {
    #[serde(rename = "ID")]
    pub(super) id: String,
    #[serde(default, deserialize_with = "or_empty")]
    pub(super) name: String,
    #[serde(default, deserialize_with = "or_empty")]
    pub(super) node: String,
    #[serde(default, deserialize_with = "or_empty")]
    pub(super) behavior: String,
    #[serde(default)]
    pub(super) modify_index: u64,
}

/// The part of `GET /v1/agent/self` that is read.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct AgentSelf {
    pub(super) config: AgentConfig,
}

/// See [`AgentSelf`].
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct AgentConfig {
    pub(super) datacenter: String,
    pub(super) node_name: String,
    #[serde(default, deserialize_with = "or_empty")]
    pub(super) version: String,
}

/// One right to ask about, of `POST /v1/internal/acl/authorize`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Right<'a> {
    pub(super) resource: &'static str,
    pub(super) access: &'static str,
    pub(super) segment: &'a str,
}

/// The answer about one right.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Verdict {
    pub(super) allow: bool,
}

/// A config entry of `GET /v1/config/:kind`, of any kind: each kind fills the fields that it has
/// (<https://developer.hashicorp.com/consul/docs/reference/config-entry>).
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ConfigEntry {
    pub(super) kind: String,
    #[serde(default, deserialize_with = "or_empty")]
    pub(super) name: String,
    #[serde(default, deserialize_with = "or_empty")]
    pub(super) protocol: String,
    #[serde(default, deserialize_with = "or_empty")]
    pub(super) sources: Vec<IntentionSource>,
    #[serde(default, deserialize_with = "or_empty")]
    pub(super) listeners: Vec<GatewayListener>,
    #[serde(default, deserialize_with = "or_empty")]
    pub(super) services: Vec<Named>,
    #[serde(default, deserialize_with = "or_empty")]
    pub(super) parents: Vec<Named>,
    #[serde(default, deserialize_with = "or_empty")]
    pub(super) rules: Vec<RouteRule>,
    #[serde(default, deserialize_with = "or_empty")]
    pub(super) routes: Vec<RouterRoute>,
    #[serde(default, deserialize_with = "or_empty")]
    pub(super) splits: Vec<Split>,
    #[serde(default, deserialize_with = "or_empty")]
    pub(super) redirect: Target,
    #[serde(default, deserialize_with = "or_empty")]
    pub(super) failover: BTreeMap<String, Failover>,
    #[serde(default, deserialize_with = "or_empty")]
    pub(super) upstream_config: UpstreamConfig,
    #[serde(default, deserialize_with = "or_empty")]
    pub(super) subsets: serde_json::Map<String, serde_json::Value>,
    #[serde(default)]
    pub(super) modify_index: u64,
}

/// Who may call, of a `service-intentions` entry.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct IntentionSource {
    pub(super) name: String,
    #[serde(default, deserialize_with = "or_empty")]
    pub(super) namespace: String,
    #[serde(default, deserialize_with = "or_empty")]
    pub(super) peer: String,
    #[serde(default, deserialize_with = "or_empty")]
    pub(super) action: String,
    #[serde(default, deserialize_with = "or_empty")]
    pub(super) permissions: Vec<IntentionPermission>,
}

/// A rule by path or header, in place of an action.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct IntentionPermission {
    #[serde(default, deserialize_with = "or_empty")]
    pub(super) action: String,
}

/// An intention of `GET /v1/connect/intentions`, as versions before 1.9 keep them.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Intention {
    pub(super) source_name: String,
    pub(super) destination_name: String,
    #[serde(default, deserialize_with = "or_empty")]
    pub(super) action: String,
    #[serde(default, deserialize_with = "or_empty")]
    pub(super) permissions: Vec<IntentionPermission>,
    #[serde(default)]
    pub(super) modify_index: u64,
}

/// A listener of a gateway.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct GatewayListener {
    #[serde(deserialize_with = "or_empty")]
    pub(super) protocol: String,
    pub(super) port: i64,
    #[serde(deserialize_with = "or_empty")]
    pub(super) services: Vec<Named>,
}

/// Anything that is referred to by its name.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Named {
    #[serde(deserialize_with = "or_empty")]
    pub(super) name: String,
}

/// How a service's upstreams are to be called, of a `service-defaults` entry.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct UpstreamConfig {
    #[serde(deserialize_with = "or_empty")]
    pub(super) overrides: Vec<UpstreamOverride>,
    #[serde(deserialize_with = "or_empty")]
    pub(super) defaults: UpstreamOverride,
}

/// The same for one upstream; without a name for all of them.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct UpstreamOverride {
    #[serde(deserialize_with = "or_empty")]
    pub(super) name: String,
    #[serde(deserialize_with = "or_empty")]
    pub(super) namespace: String,
    #[serde(deserialize_with = "or_empty")]
    pub(super) peer: String,
    pub(super) limits: Option<UpstreamLimits>,
    pub(super) passive_health_check: Option<PassiveHealthCheck>,
}

/// How much a sidecar sends to one upstream at once.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct UpstreamLimits {
    #[serde(rename = "MaxConnections", deserialize_with = "count_or_none")]
    pub(super) connections: Option<u64>,
    #[serde(rename = "MaxPendingRequests", deserialize_with = "count_or_none")]
    pub(super) pending: Option<u64>,
    #[serde(rename = "MaxConcurrentRequests", deserialize_with = "count_or_none")]
    pub(super) requests: Option<u64>,
}

/// When a sidecar puts an instance of an upstream out.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct PassiveHealthCheck {
    #[serde(deserialize_with = "count_or_none")]
    pub(super) max_failures: Option<u64>,
    #[serde(rename = "EnforcingConsecutive5xx", deserialize_with = "count_or_none")]
    pub(super) enforcing_consecutive_5xx: Option<u64>,
    #[serde(deserialize_with = "count_or_none")]
    pub(super) max_ejection_percent: Option<u64>,
}

/// A rule of an `http-route`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct RouteRule {
    #[serde(deserialize_with = "or_empty")]
    pub(super) services: Vec<Named>,
}

/// A route of a `service-router`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct RouterRoute {
    #[serde(deserialize_with = "or_empty")]
    pub(super) destination: Target,
}

/// A part of a `service-splitter`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Split {
    pub(super) weight: f64,
    #[serde(deserialize_with = "or_empty")]
    pub(super) service: String,
}

/// Where a rule of the mesh leads.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Target {
    #[serde(deserialize_with = "or_empty")]
    pub(super) service: String,
    #[serde(deserialize_with = "or_empty")]
    pub(super) datacenter: String,
    #[serde(deserialize_with = "or_empty")]
    pub(super) peer: String,
}

/// Where a `service-resolver` goes when its own service fails.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Failover {
    #[serde(deserialize_with = "or_empty")]
    pub(super) service: String,
    #[serde(deserialize_with = "or_empty")]
    pub(super) datacenters: Vec<String>,
    #[serde(deserialize_with = "or_empty")]
    pub(super) targets: Vec<Target>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_measured_without_being_kept() {
        let size = |value: &str| {
            let text = format!(r#"{{"Key":"a","Value":{value},"CreateIndex":1,"ModifyIndex":2}}"#);
            serde_json::from_str::<KvEntry<'_>>(&text).unwrap().value.bytes()
        };
        for (value, bytes) in [("null", 0), (r#""""#, 0), (r#""eQ==""#, 1), (r#""eXk=""#, 2), (r#""eXl5""#, 3)] {
            assert_eq!(size(value), bytes, "{value}");
        }
    }
}
