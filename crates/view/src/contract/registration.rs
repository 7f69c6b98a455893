//! Registering and deregistering services.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::inspector::Chip;
use super::state::Offer;

/// What `register_plan` is asked with.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, TS)]
pub struct RegisterPlanArgs {
    /// The source to register in.
    pub source: String,
    /// The service's name.
    pub name: String,
    /// The instance's id; the name when `null`.
    pub id: Option<String>,
    /// IP address or host name; the node's when `null`.
    pub address: Option<String>,
    /// Port, 0 for none.
    pub port: u16,
    /// Tags.
    pub tags: Vec<String>,
    /// Free key-value pairs.
    pub meta: Vec<MetaEntry>,
    /// Checks.
    pub checks: Vec<CheckDraft>,
    /// A node to register it on through the catalog; the agent's own when `null`.
    pub node: Option<String>,
}

/// A key-value pair.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, TS)]
pub struct MetaEntry {
    /// The key.
    pub key: String,
    /// The value.
    pub value: String,
}

/// A check to register. Durations are in Consul's notation (`10s`).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, TS)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum CheckDraft {
    /// A GET; 2xx passes, 429 warns.
    Http {
        /// For people.
        name: String,
        /// What is asked for.
        url: String,
        /// How often.
        interval: String,
        /// How long to wait.
        timeout: Option<String>,
        /// Deregister the instance after being critical this long.
        deregister_after: Option<String>,
    },
    /// A TCP connection.
    Tcp {
        /// For people.
        name: String,
        /// `host:port`.
        address: String,
        /// How often.
        interval: String,
        /// How long to wait.
        timeout: Option<String>,
        /// Deregister the instance after being critical this long.
        deregister_after: Option<String>,
    },
    /// The gRPC health protocol.
    Grpc {
        /// For people.
        name: String,
        /// `host:port` or `host:port/service`.
        address: String,
        /// How often.
        interval: String,
        /// Whether TLS is used.
        tls: bool,
        /// Deregister the instance after being critical this long.
        deregister_after: Option<String>,
    },
    /// The service reports by itself, at least this often.
    Ttl {
        /// For people.
        name: String,
        /// How often.
        ttl: String,
        /// Deregister the instance after being critical this long.
        deregister_after: Option<String>,
    },
}

/// What `deregister_plan` is asked with.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, TS)]
pub struct DeregisterPlanArgs {
    /// The source that has it.
    pub source: String,
    /// The instance's id in the picture.
    pub instance: String,
}

/// What a registration or deregistration will do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, TS)]
pub struct RegistrationPlan {
    /// What `registry_apply` takes.
    pub plan: String,
    /// Where.
    pub source: String,
    /// The instance that it is about.
    pub instance: String,
    /// `agent` or `catalog`.
    pub road: String,
    /// Why this road.
    pub why: String,
    /// The agent or node that it goes to.
    pub at: String,
    /// The requests in their order.
    pub requests: Vec<RequestPreview>,
    /// What a person should know before.
    pub notes: Vec<String>,
    /// Short facts about it.
    pub facts: Vec<Chip>,
    /// Whether it can be carried out now.
    pub apply: Offer,
}

/// A request as it will be sent, without a token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, TS)]
pub struct RequestPreview {
    /// `PUT`.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// The body.
    pub body: String,
}

/// What `registry_apply` is asked with.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, TS)]
pub struct RegistryApplyArgs {
    /// The plan.
    pub plan: String,
    /// Why, for the audit; may be empty.
    pub why: String,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, TS)]
pub struct RegistryApplied {
    /// True when the catalog says the same.
    pub stuck: bool,
    /// In words.
    pub sentence: String,
}
