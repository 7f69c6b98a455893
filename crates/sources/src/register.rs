//! Registering and deregistering services. Planned first: the plan says which road is taken and why, and the requests as
//! they will be sent.

use std::collections::BTreeMap;

use async_trait::async_trait;
use binnacle_model::id::{InstanceId, SourceId};

use crate::error::SourceError;

/// A check that comes with a registration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckDefinition {
    /// For people.
    pub name: String,
    /// What is done, and how often.
    pub method: CheckMethod,
    /// How long an instance may be critical before it is deregistered, in the system's own notation (`90m`).
    pub deregister_after: Option<String>,
}

/// What a check does. Durations are in the system's own notation (`10s`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CheckMethod {
    /// A GET; 2xx passes, 429 warns.
    Http {
        /// What is asked for.
        url: String,
        /// How often.
        interval: String,
        /// How long to wait.
        timeout: Option<String>,
    },
    /// A TCP connection.
    Tcp {
        /// `host:port`.
        address: String,
        /// How often.
        interval: String,
        /// How long to wait.
        timeout: Option<String>,
    },
    /// The gRPC health protocol.
    Grpc {
        /// `host:port` or `host:port/service`.
        address: String,
        /// How often.
        interval: String,
        /// Whether TLS is used.
        tls: bool,
    },
    /// The service reports by itself, at least this often.
    Ttl(String),
}

/// By which interface an entry is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Road {
    /// The agent owns the entry and keeps it in the catalog.
    Agent,
    /// The catalog alone has the entry; nobody checks it.
    Catalog,
}

/// A service instance to register.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registration {
    /// The service's name.
    pub name: String,
    /// The instance's id; the name when not given.
    pub id: Option<String>,
    /// IP address or host name; the node's when not given.
    pub address: Option<String>,
    /// Port, 0 for none.
    pub port: u16,
    /// Tags.
    pub tags: Vec<String>,
    /// Free key-value pairs.
    pub meta: BTreeMap<String, String>,
    /// Checks.
    pub checks: Vec<CheckDefinition>,
    /// A node to register it on through the catalog; the agent's own when not given.
    pub node: Option<String>,
}

/// A request as it will be sent, for the preview. Holds no token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedRequest {
    /// `PUT`.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// The body, as text.
    pub body: String,
}

/// What a registration or deregistration will do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegistryPlan {
    /// Where.
    pub source: SourceId,
    /// The instance that it is about.
    pub instance: InstanceId,
    /// Agent or catalog.
    pub road: Road,
    /// Why this road, as a sentence.
    pub why: String,
    /// The agent or node that it goes to.
    pub at: String,
    /// The requests in their order.
    pub requests: Vec<PlannedRequest>,
    /// What a person should know before: an entry that will be replaced, checks that will be left behind.
    pub notes: Vec<String>,
}

/// Whether a registration or deregistration is in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verified {
    /// The catalog says the same.
    Stuck,
    /// The catalog says otherwise; the sentence says what.
    NotStuck(String),
}

/// A registry that services can be registered in.
#[async_trait]
pub trait Registrar: Send + Sync {
    /// Plans a registration.
    async fn plan_register(&self, source: &SourceId, registration: &Registration) -> Result<RegistryPlan, SourceError>;

    /// Plans a deregistration.
    async fn plan_deregister(&self, source: &SourceId, instance: &InstanceId) -> Result<RegistryPlan, SourceError>;

    /// Carries a plan out.
    async fn carry_out(&self, plan: &RegistryPlan) -> Result<(), SourceError>;

    /// Asks the catalog whether the plan is in force.
    async fn verify(&self, plan: &RegistryPlan) -> Result<Verified, SourceError>;
}
