//! Names of things. Every id is a newtype over shared text, so that one kind cannot be passed for another and a clone is
//! a reference count.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The id as text, as it stands in the public JSON.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(Arc::from(text))
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(Arc::from(text))
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({:?})", stringify!($name), &self.0)
            }
        }
    };
}

text_id! {
    /// One system that Binnacle reads, such as `consul:dc1` or `scrape:127.0.0.1:9100`.
    SourceId
}
text_id! {
    /// A service of the joined picture, such as `consul:dc1/payments` or `external:acquirer`.
    ServiceId
}
text_id! {
    /// One running copy of a service, such as `consul:dc1/node-1/payments-2`.
    InstanceId
}
text_id! {
    /// A health check of an instance or of a node.
    CheckId
}
text_id! {
    /// Calls from one service to another: `FROM -> TO`.
    EdgeId
}
text_id! {
    /// A circuit breaker, named by its caller, its callee or command, and its kind.
    BreakerId
}
text_id! {
    /// A disagreement: its kind, and what it is about.
    DisagreementId
}
text_id! {
    /// One key of a config store, such as `consul:dc1/kv/app/x`.
    ConfigId
}

/// Number of the model's state; grows by one with each published change. The first published state is 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Revision(pub u64);

impl Revision {
    /// The revision after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// What family a source belongs to. Decides its letter on screen and its rank when several sources name one service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SourceKind {
    /// A Consul datacenter.
    Consul,
    /// Text-format metrics read straight from the instances.
    Scrape,
    /// A Hystrix or Turbine event stream.
    Hystrix,
    /// The management interface of a Spring Boot application with resilience4j.
    Actuator,
    /// The admin interface of an Envoy.
    Envoy,
    /// The command API of Alibaba's Sentinel.
    Sentinel,
    /// A Kubernetes cluster, by the name of a kubeconfig's context.
    Kube,
    /// A server with the Prometheus HTTP API.
    Prometheus,
}

impl SourceKind {
    /// Every family.
    pub const ALL: [Self; 8] = [
        Self::Consul,
        Self::Scrape,
        Self::Hystrix,
        Self::Actuator,
        Self::Envoy,
        Self::Sentinel,
        Self::Kube,
        Self::Prometheus,
    ];

    /// The word used in ids, flags, and the public JSON.
    pub fn word(self) -> &'static str {
        match self {
            Self::Consul => "consul",
            Self::Scrape => "scrape",
            Self::Hystrix => "hystrix",
            Self::Actuator => "actuator",
            Self::Envoy => "envoy",
            Self::Sentinel => "sentinel",
            Self::Kube => "kube",
            Self::Prometheus => "prometheus",
        }
    }
}

impl SourceId {
    /// The family that the id's prefix names; `None` for a prefix that this version does not know.
    pub fn kind(&self) -> Option<SourceKind> {
        let (prefix, _) = self.as_str().split_once(':')?;
        SourceKind::ALL.into_iter().find(|kind| kind.word() == prefix)
    }

    /// The part behind the kind: `dc1` of `consul:dc1`.
    pub fn place(&self) -> &str {
        self.as_str().split_once(':').map_or(self.as_str(), |(_, place)| place)
    }

    /// A datacenter of a Consul. Every cluster may have a Consul of its own with a `dc1`, so one that is reached through a cluster
    /// is named with it: `consul:dc1@minikube`. In names of datacenters there is no `@`.
    pub fn of_datacenter(name: &str, cluster: Option<&str>) -> Self {
        let kind = SourceKind::Consul.word();
        match cluster {
            None => Self::from(format!("{kind}:{name}")),
            // A `/` ends the id of a source within the id of what belongs to it.
            Some(cluster) => Self::from(format!("{kind}:{name}@{}", cluster.replace('%', "%25").replace('/', "%2F"))),
        }
    }

    /// The name that the datacenter has in its Consul: `dc1` of `consul:dc1@minikube`.
    pub fn datacenter(&self) -> &str {
        self.place().split('@').next().unwrap_or_default()
    }

    /// Another datacenter of the same Consul.
    #[must_use]
    pub fn beside(&self, datacenter: &str) -> Self {
        let rest = self.place().strip_prefix(self.datacenter()).unwrap_or_default();
        Self::from(format!("{}:{datacenter}{rest}", SourceKind::Consul.word()))
    }
}
