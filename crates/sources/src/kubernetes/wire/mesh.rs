//! Rules of meshes, as far as they say when calls are refused: Istio's DestinationRules
//! (<https://istio.io/latest/docs/reference/config/networking/destination-rule/>), and Linkerd's ServiceProfiles, of which the name is
//! all that is needed.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{Meta, or_empty};

/// No name of the DNS is longer.
const LONGEST_HOST: usize = 253;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in super::super) struct ServiceProfile {
    pub(in super::super) metadata: Meta,
}

#[derive(Debug, Deserialize)]
pub(in super::super) struct DestinationRule {
    #[serde(default)]
    pub(in super::super) metadata: Meta,
    pub(in super::super) spec: DestinationRuleSpec,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in super::super) struct DestinationRuleSpec {
    pub(in super::super) host: Host,
    #[serde(default, deserialize_with = "or_empty")]
    pub(in super::super) traffic_policy: TrafficPolicy,
    #[serde(default, deserialize_with = "or_empty")]
    pub(in super::super) subsets: Vec<Subset>,
    #[serde(default, deserialize_with = "or_empty")]
    pub(in super::super) export_to: Vec<String>,
    #[serde(default, deserialize_with = "or_empty")]
    pub(in super::super) workload_selector: WorkloadSelector,
}

/// A name, or `*.` and the end of one.
#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
pub(in super::super) struct Host(pub(in super::super) String);

impl TryFrom<String> for Host {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        if text.is_empty() || text.len() > LONGEST_HOST { Err("it is no host") } else { Ok(Self(text)) }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(in super::super) struct WorkloadSelector {
    #[serde(deserialize_with = "or_empty")]
    pub(in super::super) match_labels: BTreeMap<String, String>,
}

/// Instances of a host that have some labels.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(in super::super) struct Subset {
    pub(in super::super) name: String,
    #[serde(deserialize_with = "or_empty")]
    pub(in super::super) traffic_policy: TrafficPolicy,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(in super::super) struct TrafficPolicy {
    pub(in super::super) connection_pool: Option<ConnectionPool>,
    pub(in super::super) outlier_detection: Option<OutlierDetection>,
    #[serde(deserialize_with = "or_empty")]
    pub(in super::super) port_level_settings: Vec<PortPolicy>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(in super::super) struct PortPolicy {
    #[serde(deserialize_with = "or_empty")]
    pub(in super::super) port: PortSelector,
    pub(in super::super) connection_pool: Option<ConnectionPool>,
    pub(in super::super) outlier_detection: Option<OutlierDetection>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in super::super) struct PortSelector {
    pub(in super::super) number: u16,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in super::super) struct ConnectionPool {
    #[serde(deserialize_with = "or_empty")]
    pub(in super::super) tcp: TcpPool,
    #[serde(deserialize_with = "or_empty")]
    pub(in super::super) http: HttpPool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(in super::super) struct TcpPool {
    pub(in super::super) max_connections: Option<u32>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(in super::super) struct HttpPool {
    pub(in super::super) http1_max_pending_requests: Option<u32>,
    pub(in super::super) http2_max_requests: Option<u32>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(in super::super) struct OutlierDetection {
    #[serde(rename = "consecutive5xxErrors")]
    pub(in super::super) consecutive_5xx_errors: Option<u32>,
    pub(in super::super) consecutive_gateway_errors: Option<u32>,
    pub(in super::super) max_ejection_percent: Option<u32>,
}
