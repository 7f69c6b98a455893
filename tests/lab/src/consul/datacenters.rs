use std::sync::Arc;
use std::time::Duration;

use super::Consul;
use super::builder::{random_gossip_key, random_uuid};
use crate::certificates::Certificates;
use crate::{LabError, until};

const JOINED_WITHIN: Duration = Duration::from_secs(60);

/// Two servers, `dc1` (the primary) and `dc2`, joined over WAN gossip: either answers with `?dc=` for the other.
#[derive(Debug)]
pub struct Datacenters {
    /// The primary datacenter.
    pub dc1: Consul,
    /// The secondary datacenter.
    pub dc2: Consul,
}

impl Datacenters {
    /// Two open datacenters.
    pub async fn open() -> Result<Self, LabError> {
        let dc1 = Consul::builder().primary_datacenter("dc1").start().await?;
        let dc2 = Consul::builder().datacenter("dc2").primary_datacenter("dc1").join_wan(wan_address(&dc1));
        Self { dc2: dc2.start().await?, dc1 }.joined().await
    }

    /// Two datacenters with TLS of one authority, encrypted gossip, ACLs (default deny), and token replication. Both
    /// have the same management token.
    pub async fn secured() -> Result<Self, LabError> {
        let certificates = Arc::new(Certificates::new().await?);
        let gossip_key = random_gossip_key();
        let token = random_uuid();
        let secured = |datacenter: &str| {
            Consul::builder()
                .datacenter(datacenter)
                .primary_datacenter("dc1")
                .acl_with(token.clone())
                .tls(certificates.clone())
                .gossip_key(&gossip_key)
        };
        let dc1 = secured("dc1").start().await?;
        // Without dc1, dc2 knows no token at all: it can only become ready after it has joined.
        let dc2 = secured("dc2").join_wan(wan_address(&dc1)).start().await?;
        let both = Self { dc1, dc2 }.joined().await?;
        both.replicated().await?;
        Ok(both)
    }

    async fn joined(self) -> Result<Self, LabError> {
        for (here, there) in [(&self.dc1, &self.dc2), (&self.dc2, &self.dc1)] {
            let client = here.client()?;
            let path = format!("/v1/catalog/nodes?dc={}", there.datacenter());
            let what = format!("{} to answer for {}", here.datacenter(), there.datacenter());
            until(&what, JOINED_WITHIN, async || client.get(&path).await).await?;
        }
        Ok(self)
    }

    /// Token replication has caught up at least once, as `dc2` says itself.
    async fn replicated(&self) -> Result<(), LabError> {
        let client = self.dc2.client()?;
        until("token replication in dc2", JOINED_WITHIN, async || {
            let status = client.get("/v1/acl/replication").await.map_err(|error| error.to_string())?;
            match status.get("ReplicatedTokenIndex").and_then(serde_json::Value::as_u64) {
                Some(index) if index > 0 => Ok(()),
                _ => Err(status.to_string()),
            }
        })
        .await
    }
}

fn wan_address(server: &Consul) -> String {
    format!("127.0.0.1:{}", server.ports.serf_wan.number())
}
