use std::fs;
use std::path::Path;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio::sync::Mutex;

use super::{Consul, Ports};
use crate::address::Port;
use crate::certificates::{Certificates, ServerCertificate};
use crate::watchdog::Watchdog;
use crate::{LabError, Release, attendance};

/// Servers listen here too: their certificates are not made out to it.
pub(super) const OTHER_ADDRESS: &str = "127.0.0.2";

/// What a Consul server of the lab is to be like. Without any call: open, current, alone, datacenter `dc1`.
#[derive(Debug, Clone)]
pub struct ConsulBuilder {
    release: Release,
    datacenter: String,
    node_name: Option<String>,
    expect: u8,
    management_token: Option<String>,
    certificates: Option<Arc<Certificates>>,
    gossip_key: Option<String>,
    primary_datacenter: Option<String>,
    join_lan: Vec<String>,
    join_wan: Vec<String>,
    settings: Value,
}

impl Default for ConsulBuilder {
    fn default() -> Self {
        Self {
            release: Release::Current,
            datacenter: "dc1".into(),
            node_name: None,
            expect: 1,
            management_token: None,
            certificates: None,
            gossip_key: None,
            primary_datacenter: None,
            join_lan: Vec::new(),
            join_wan: Vec::new(),
            settings: json!({}),
        }
    }
}

impl ConsulBuilder {
    /// Another release than the current one.
    #[must_use]
    pub fn release(mut self, release: Release) -> Self {
        self.release = release;
        self
    }

    /// Another datacenter than `dc1`.
    #[must_use]
    pub fn datacenter(mut self, name: &str) -> Self {
        self.datacenter = name.into();
        self
    }

    /// Another node name than `DATACENTER-server`.
    #[must_use]
    pub fn node_name(mut self, name: &str) -> Self {
        self.node_name = Some(name.into());
        self
    }

    /// ACLs with default deny and a fresh management token.
    #[must_use]
    pub fn acl(self) -> Self {
        let token = random_uuid();
        self.acl_with(token)
    }

    /// ACLs with default deny and this management token; two datacenters share one.
    #[must_use]
    pub(super) fn acl_with(mut self, management_token: String) -> Self {
        self.management_token = Some(management_token);
        self
    }

    /// HTTPS only, with certificates of this authority, for clients with a certificate of it.
    #[must_use]
    pub fn tls(mut self, certificates: Arc<Certificates>) -> Self {
        self.certificates = Some(certificates);
        self
    }

    /// Settings of Consul's configuration file, laid over the lab's own: objects are merged, all else replaces.
    #[must_use]
    pub fn settings(mut self, settings: &Value) -> Self {
        lay_over(&mut self.settings, settings);
        self
    }

    pub(super) fn gossip_key(mut self, key: &str) -> Self {
        self.gossip_key = Some(key.into());
        self
    }

    pub(super) fn primary_datacenter(mut self, name: &str) -> Self {
        self.primary_datacenter = Some(name.into());
        self
    }

    pub(super) fn expect(mut self, servers: u8) -> Self {
        self.expect = servers;
        self
    }

    pub(super) fn join_lan(mut self, address: String) -> Self {
        self.join_lan.push(address);
        self
    }

    pub(super) fn join_wan(mut self, address: String) -> Self {
        self.join_wan.push(address);
        self
    }

    /// Starts the server and waits until it is ready.
    pub async fn start(self) -> Result<Consul, LabError> {
        let consul = self.launch().await?;
        consul.ready().await?;
        Ok(consul)
    }

    /// Starts the server's process only; for servers that need each other to become ready.
    pub(super) async fn launch(self) -> Result<Consul, LabError> {
        crate::install_tls_provider();
        let executable = self.release.executable().await?;
        let ports = Ports {
            http: Port::reserve()?,
            serf_lan: Port::reserve()?,
            serf_wan: Port::reserve()?,
            server: Port::reserve()?,
        };
        let name = self.node_name.clone().unwrap_or_else(|| format!("{}-server", self.datacenter));
        let folder = tempfile::Builder::new()
            .prefix("binnacle-lab-consul-")
            .tempdir()
            .map_err(LabError::io("making the folder of a server"))?;
        let (server_certificate, client_certificate) = match &self.certificates {
            Some(authority) => (Some(authority.server(&self.datacenter)?), Some(authority.client(&self.datacenter)?)),
            None => (None, None),
        };
        let mut configuration = self.configuration(&name, &ports, folder.path());
        if let (Some(authority), Some(certificate)) = (&self.certificates, &server_certificate) {
            lay_over(&mut configuration, &self.tls_settings(&authority.ca(), certificate));
        }
        lay_over(&mut configuration, &self.settings);
        let file = folder.path().join("consul.json");
        fs::write(&file, format!("{configuration:#}")).map_err(LabError::io(format!("writing {}", file.display())))?;

        let command = [&*executable.to_string_lossy(), "agent", "-config-file", &*file.to_string_lossy()];
        let watchdog = Watchdog::new(&name, folder.keep(), &command.map(String::from))?;
        let consul = Consul {
            name,
            datacenter: self.datacenter,
            ports,
            management_token: self.management_token,
            client_certificate,
            _certificates: self.certificates,
            log: watchdog.log(),
            process: Mutex::new(watchdog),
        };
        consul.launch().await?;
        attendance::note(self.release);
        Ok(consul)
    }

    fn configuration(&self, name: &str, ports: &Ports, folder: &Path) -> Value {
        let http = ports.http.number();
        let (http, https) =
            if self.certificates.is_some() { (json!(-1), json!(http)) } else { (json!(http), json!(-1)) };
        let mut configuration = json!({
            "server": true,
            "bootstrap_expect": self.expect,
            "data_dir": folder.join("data"),
            "bind_addr": "127.0.0.1",
            "client_addr": format!("127.0.0.1 {OTHER_ADDRESS}"),
            "datacenter": self.datacenter,
            "node_name": name,
            "performance": { "raft_multiplier": 1 },
            "ports": {
                "http": http, "https": https, "dns": -1, "grpc": -1,
                "serf_lan": ports.serf_lan.number(), "serf_wan": ports.serf_wan.number(),
                "server": ports.server.number(),
            },
            "connect": { "enabled": true },
            "disable_update_check": true,
            "retry_join": self.join_lan,
            "retry_join_wan": self.join_wan,
            "retry_interval": "1s",
            "retry_interval_wan": "1s",
            "telemetry": { "prometheus_retention_time": "60s", "disable_hostname": true },
        });
        if self.release == Release::Current {
            lay_over(&mut configuration, &json!({ "ports": { "grpc_tls": -1 } }));
        }
        if let Some(primary) = &self.primary_datacenter {
            lay_over(&mut configuration, &json!({ "primary_datacenter": primary }));
        }
        if let Some(key) = &self.gossip_key {
            lay_over(&mut configuration, &json!({ "encrypt": key }));
        }
        if let Some(token) = &self.management_token {
            lay_over(&mut configuration, &self.acl_settings(token));
        }
        configuration
    }

    fn acl_settings(&self, token: &str) -> Value {
        let management = match self.release {
            Release::Current => "initial_management",
            Release::Old => "master",
        };
        json!({ "acl": {
            "enabled": true,
            "default_policy": "deny",
            "enable_token_persistence": true,
            "enable_token_replication": self.primary_datacenter.is_some(),
            "tokens": { management: token, "agent": token, "replication": token },
        }})
    }

    fn tls_settings(&self, ca: &Path, server: &ServerCertificate) -> Value {
        let files = json!({
            "ca_file": ca, "cert_file": server.certificate, "key_file": server.key,
            "verify_incoming": true, "verify_outgoing": true,
        });
        match self.release {
            Release::Current => json!({
                "tls": { "defaults": files, "internal_rpc": { "verify_server_hostname": true } },
            }),
            Release::Old => {
                let mut files = files;
                lay_over(&mut files, &json!({ "verify_server_hostname": true }));
                files
            }
        }
    }
}

/// A random UUID from the kernel, which is where Consul's own come from in the end.
pub(super) fn random_uuid() -> String {
    fs::read_to_string("/proc/sys/kernel/random/uuid").unwrap_or_default().trim().to_owned()
}

/// 32 random bytes for gossip encryption.
pub(super) fn random_gossip_key() -> String {
    let hex = format!("{}{}", random_uuid(), random_uuid()).replace('-', "");
    STANDARD.encode(hex.as_bytes().get(..32).unwrap_or_default())
}

fn lay_over(below: &mut Value, above: &Value) {
    match (below, above) {
        (Value::Object(below), Value::Object(above)) => {
            for (key, value) in above {
                lay_over(below.entry(key.clone()).or_insert(Value::Null), value);
            }
        }
        (below, above) => *below = above.clone(),
    }
}
