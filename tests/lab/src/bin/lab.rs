//! Starts the lab for a person: real servers with a small shop in them, until Ctrl-C.
//!
//! `lab consul` and `lab kubernetes` start only that part of it; `lab shop` starts services with breakers and metrics of
//! every kind, `lab crowd` a cluster of 10,000 Pods, instead.

use std::io::Write as _;
use std::process::ExitCode;

use lab::cluster::{Crowd, Furnished};
use lab::{Consul, Datacenters, LabError, Prometheus, services, shop};
use tokio::signal::unix::{SignalKind, signal};

/// Nodes of the cluster.
const NODES: usize = 5;

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (consul, kubernetes) = match arguments.as_slice() {
        [] => (true, true),
        ["consul"] => (true, false),
        ["kubernetes"] => (false, true),
        ["crowd" | "shop"] => (false, false),
        // Not for a person: what passes connections into a cluster's network namespace.
        ["inside", socket] => match lab::relay::take_orders(socket.as_ref()).await? {},
        _ => return Err("usage: lab [consul|kubernetes|shop|crowd]".into()),
    };
    let mut terminated = signal(SignalKind::terminate())?;
    // The servers live in this future: however it ends, they end with it.
    let lab = async {
        let consul = if consul { Some(Consuls::start().await?) } else { None };
        let kubernetes = if kubernetes { Some(Kubernetes::start().await?) } else { None };
        let services = if arguments == ["shop"] { Some(Box::pin(Services::start()).await?) } else { None };
        let crowd = if arguments == ["crowd"] { Some(Crowd::LARGE.open().await?) } else { None };
        if let Some(crowd) = &crowd {
            println!("\n# Kubernetes with {} Pods; the context is minikube", Crowd::LARGE.pods());
            println!("export KUBECONFIG={}", crowd.kubeconfig().display());
        }
        if let Some(consul) = &consul {
            consul.print().await?;
        }
        if let Some(kubernetes) = &kubernetes {
            kubernetes.print().await?;
        }
        if let Some(services) = &services {
            services.print().await?;
        }
        println!("\n# Ctrl-C ends all of it and leaves nothing behind.");
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

struct Consuls {
    open: Consul,
    secured: Datacenters,
    limited_token: String,
}

impl Consuls {
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
        Ok(())
    }
}

struct Kubernetes(Furnished);

impl Kubernetes {
    async fn start() -> Result<Self, LabError> {
        eprintln!("lab: starting Kubernetes (the first time of all, it is built: about twelve minutes) ...");
        Ok(Self(Furnished::with_nodes(NODES).await?))
    }

    async fn print(&self) -> std::io::Result<()> {
        let Furnished { cluster, registry, monitoring, .. } = &self.0;
        let mut processes = cluster.processes().await;
        processes.extend(registry.process().await);
        processes.extend(monitoring.process().await);
        let processes: Vec<String> =
            processes.iter().map(|(_, pid, log)| format!("# process {pid}, log {}", log.display())).collect();
        let mut out = std::io::stdout().lock();
        writeln!(out, "{}", processes.join("\n"))?;
        writeln!(
            out,
            "\n# Kubernetes, {NODES} nodes, with the shop, a Consul and a Prometheus in it; the context is minikube"
        )?;
        writeln!(out, "export KUBECONFIG={}", cluster.kubeconfig().display())?;
        writeln!(out, "# the same as an administrator's kubeconfig of kubeadm:")?;
        writeln!(out, "# export KUBECONFIG={}", cluster.admin_kubeconfig().display())?;
        out.flush()
    }
}

struct Services {
    // Before the registry and its scraper.
    shop: services::Shop,
    prometheus: Prometheus,
    consul: Consul,
}

impl Services {
    async fn start() -> Result<Self, LabError> {
        eprintln!("lab: starting the services (the first time of all, they are built: about four minutes) ...");
        let consul = Consul::open().await?;
        let mut shop = services::Shop::open(&consul).await?;
        let mut prometheus = Prometheus::builder().every("1s");
        for job in shop.jobs() {
            prometheus = prometheus.scraping(job);
        }
        let prometheus = prometheus.start().await?;
        shop.visit_for_ever()?;
        Ok(Self { shop, prometheus, consul })
    }

    async fn print(&self) -> std::io::Result<()> {
        let mut processes: Vec<_> = self.shop.processes().await.into_iter().map(|(_, pid, log)| (pid, log)).collect();
        processes.extend(self.consul.pid().await.map(|pid| (pid, self.consul.log().clone())));
        processes.extend(self.prometheus.pid().await.map(|pid| (pid, self.prometheus.log().clone())));
        let mut out = std::io::stdout().lock();
        for (pid, log) in processes {
            writeln!(out, "# process {pid}, log {}", log.display())?;
        }
        writeln!(out, "\n# The shop, which is visited five times a second; a Consul and a Prometheus know all of it")?;
        writeln!(out, "export CONSUL_HTTP_ADDR={}", self.consul.address())?;
        writeln!(out, "# Prometheus: {}", self.prometheus.address())?;
        for service in self.shop.services() {
            writeln!(out, "# {:<16} {:<13} {}", service.name(), service.kind().name(), service.url())?;
            if let (services::Kind::Sentinel, Some(commands)) = (service.kind(), service.rpc_address()) {
                writeln!(out, "#   --source 'sentinel=http://{commands}?instance={}'", service.address())?;
            }
        }
        writeln!(out, "# {:<16} {:<13} {}", "envoy", "admin", self.shop.envoy().admin_url())?;
        for cluster in ["recommendations", "web"] {
            let stream = self.shop.turbine().stream(cluster);
            writeln!(out, "# {:<16} {cluster:<13} --source 'hystrix={stream}'", self.shop.turbine().name())?;
        }
        writeln!(out, "\n# One that fails, and is slow, until its knob is turned back by fail=0:")?;
        if let Some(courier) = self.shop.service("courier") {
            writeln!(out, "# curl -X POST '{}/knob?fail=0.6&delay_ms=100'", courier.url())?;
        }
        out.flush()
    }
}
