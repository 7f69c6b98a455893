use std::time::Duration;

use super::Consul;
use crate::{LabError, until};

const ELECTED_WITHIN: Duration = Duration::from_secs(60);

/// Three open servers of one datacenter, for changes of the leader.
#[derive(Debug)]
pub struct Cluster {
    servers: Vec<Consul>,
}

impl Cluster {
    /// Starts three servers and waits until each is ready.
    pub async fn open() -> Result<Self, LabError> {
        let mut servers: Vec<Consul> = Vec::new();
        for number in 1..=3 {
            let mut builder = Consul::builder().node_name(&format!("dc1-server-{number}")).expect(3);
            if let Some(first) = servers.first() {
                builder = builder.join_lan(format!("127.0.0.1:{}", first.ports.serf_lan.number()));
            }
            servers.push(builder.launch().await?);
        }
        for server in &servers {
            server.ready().await?;
        }
        Ok(Self { servers })
    }

    /// The three servers, running or not.
    pub fn servers(&self) -> &[Consul] {
        &self.servers
    }

    /// The server that leads, as a running server says; waits for an election that is under way.
    pub async fn leader(&self) -> Result<&Consul, LabError> {
        until("a leader among the running servers", ELECTED_WITHIN, async || {
            for server in &self.servers {
                let Some(leader) = self.leader_as_seen_by(server).await else { continue };
                if leader.pid().await.is_some() {
                    return Ok(leader);
                }
            }
            Err("no running server is named as leader")
        })
        .await
    }

    /// A running server which does not lead.
    pub async fn follower(&self) -> Result<&Consul, LabError> {
        let leader = self.leader().await?;
        for server in &self.servers {
            if server.name != leader.name && server.pid().await.is_some() {
                return Ok(server);
            }
        }
        Err(LabError::Unexpected { what: "a follower".into(), why: "only the leader runs".into() })
    }

    /// Kills the leader by its process id and waits until the two others have elected one of them. Gives the killed
    /// server, for [`Consul::start`].
    pub async fn kill_leader(&self) -> Result<&Consul, LabError> {
        let killed = self.leader().await?;
        killed.kill().await?;
        self.leader().await?;
        Ok(killed)
    }

    async fn leader_as_seen_by(&self, server: &Consul) -> Option<&Consul> {
        server.pid().await?;
        let answer = server.client().ok()?.get("/v1/status/leader").await.ok()?;
        let address = answer.as_str()?.to_owned();
        self.servers.iter().find(|server| format!("127.0.0.1:{}", server.ports.server.number()) == address)
    }
}
