//! Starts the lab for a person: real servers with a small shop in them, until Ctrl-C.

use std::io::Write as _;

use lab::{Consul, Datacenters, LabError, shop};
use tokio::signal::unix::{SignalKind, signal};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [inside, socket] = arguments.as_slice()
        && inside == "inside"
    {
        // Not for a person: what passes connections into a cluster's network namespace.
        match lab::relay::take_orders(socket.as_ref()).await? {}
    }
    let mut terminated = signal(SignalKind::terminate())?;
    // The servers live in this future: however it ends, they end with it.
    let lab = async {
        let started = Lab::start().await?;
        started.print().await?;
        std::future::pending::<Result<(), Box<dyn std::error::Error>>>().await
    };
    tokio::select! {
        ended = lab => ended,
        interrupted = tokio::signal::ctrl_c() => {
            interrupted?;
            Ok(())
        }
        _ = terminated.recv() => Ok(()),
    }
}

struct Lab {
    open: Consul,
    secured: Datacenters,
    limited_token: String,
}

impl Lab {
    async fn start() -> Result<Self, LabError> {
        eprintln!("lab: starting Consul (the first time of all, it is built: about ten minutes) ...");
        let open = Consul::open().await?;
        shop::load(&open.client()?).await?;
        let secured = Datacenters::secured().await?;
        let client = secured.dc1.client()?;
        shop::load(&client).await?;
        secured.dc2.client()?.kv_put("shop/warehouse/place", b"dc2").await?;
        let rules = r#"
            key_prefix "shop/web/" { policy = "write" }
            service_prefix "web" { policy = "read" }
            node_prefix "" { policy = "read" }
        "#;
        client.acl_policy("web-team", rules).await?;
        let limited_token = client.acl_token(&["web-team"]).await?;
        Ok(Self { open, secured, limited_token })
    }

    async fn print(&self) -> std::io::Result<()> {
        let mut processes = Vec::new();
        for server in [&self.open, &self.secured.dc1, &self.secured.dc2] {
            if let Some(pid) = server.pid().await {
                processes.push(format!("# process {pid}, log {}", server.log().display()));
            }
        }
        let mut out = std::io::stdout().lock();
        writeln!(out, "{}", processes.join("\n"))?;
        writeln!(out, "\n# An open Consul, datacenter dc1, with the shop in it")?;
        writeln!(out, "export CONSUL_HTTP_ADDR={}", self.open.address())?;
        writeln!(out, "\n# Two datacenters joined (dc1, dc2), TLS with client certificates, ACLs default deny")?;
        writeln!(
            out,
            "export CONSUL_HTTP_ADDR={}   # dc2: {}",
            self.secured.dc1.address(),
            self.secured.dc2.address()
        )?;
        if let Some(token) = self.secured.dc1.management_token() {
            writeln!(out, "export CONSUL_HTTP_TOKEN={token}")?;
        }
        writeln!(out, "# or a token that may read and write only what belongs to `web`:")?;
        writeln!(out, "# export CONSUL_HTTP_TOKEN={}", self.limited_token)?;
        if let Some(files) = self.secured.dc1.client_certificate() {
            writeln!(out, "export CONSUL_CACERT={}", files.ca.display())?;
            writeln!(out, "export CONSUL_CLIENT_CERT={}", files.certificate.display())?;
            writeln!(out, "export CONSUL_CLIENT_KEY={}", files.key.display())?;
        }
        writeln!(out, "\n# Ctrl-C ends all of it and leaves nothing behind.")?;
        out.flush()
    }
}
