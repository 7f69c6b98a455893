use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use reqwest::{Method, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::process::{Door, Place, Process};
use super::{Envoy, Kind};
use crate::cluster::{Pod, workload};
use crate::watchdog::Ending;
use crate::{ConsulClient, LabError, attendance, until};

/// Its second port on a pod.
const RPC_INSIDE: u16 = 9090;
/// A check runs once a second.
const PASSES_WITHIN: Duration = Duration::from_secs(60);

/// One running service. It is gone when this is dropped, and when this process is gone.
#[derive(Debug)]
pub struct Service {
    kind: Kind,
    name: String,
    http: Door,
    rpc: Option<Door>,
    pod: Option<Pod>,
    /// Whether it registers itself in the registry that it was given.
    registers_itself: bool,
    process: Process,
}

/// How a service's knob is turned.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
pub struct Knob {
    /// The share of its answers that fail, from 0 to 1.
    pub fail: f64,
    /// What each answer waits for, in milliseconds.
    pub delay_ms: u64,
}

/// Puts a service together.
#[derive(Debug)]
pub struct ServiceBuilder<'a> {
    kind: Kind,
    name: String,
    place: Place<'a>,
    registry: Option<SocketAddr>,
    calls: Vec<String>,
    /// What it knows of the names that it calls by.
    hosts: Vec<String>,
}

impl<'a> ServiceBuilder<'a> {
    /// On a pod instead of the host's loopback.
    #[must_use]
    pub fn at(mut self, place: Place<'a>) -> Self {
        self.place = place;
        self
    }

    /// With a Consul at this address, for [`Kind::GoMicro`], which registers and finds others there.
    #[must_use]
    pub fn registry(mut self, consul: SocketAddr) -> Self {
        self.registry = Some(consul);
        self
    }

    /// Each visit calls this service too: by the name that Consul's DNS has for it, where the emitter counts calls by host; over gRPC, or over go-micro's protocol by its name, where both can.
    #[must_use]
    pub fn calling(self, callee: &Service) -> Self {
        let url = match (&callee.rpc, self.kind, self.registry) {
            (Some(rpc), Kind::Grpc, _) if callee.kind == Kind::Grpc => format!("grpc://{}", rpc.address),
            (Some(_), Kind::GoMicro, Some(_)) if callee.registers_itself => format!("micro://{}", callee.name),
            _ => return self.calling_over_http(&callee.name, &callee.name, callee.address(), ""),
        };
        self.calling_at(&callee.name, &url)
    }

    /// Each visit calls this service too, through a proxy.
    #[must_use]
    pub fn calling_through(self, envoy: &Envoy, callee: &str) -> Self {
        self.calling_over_http(callee, Envoy::NAME, envoy.address(), &format!("/{callee}"))
    }

    fn calling_over_http(mut self, callee: &str, host: &str, address: SocketAddr, path: &str) -> Self {
        if self.kind != Kind::Resilience4j {
            return self.calling_at(callee, &format!("http://{address}{path}"));
        }
        let name = format!("{host}.service.consul");
        self.hosts.push(format!("{} {name}\n", address.ip()));
        self.calling_at(callee, &format!("http://{name}:{}{path}", address.port()))
    }

    fn calling_at(mut self, name: &str, url: &str) -> Self {
        self.calls.push(format!("--call={name}={url}"));
        self
    }

    /// Starts it and waits until it is ready.
    pub async fn start(self) -> Result<Service, LabError> {
        let program = self.kind.program().await?;
        let http = self.place.door(workload::PORT).await?;
        let rpc = if self.kind.has_rpc() { Some(self.place.door(RPC_INSIDE).await?) } else { None };
        let registers_itself = self.kind == Kind::GoMicro && self.registry.is_some();
        let mut command = vec![
            program.display().to_string(),
            self.kind.name().into(),
            format!("--name={}", self.name),
            format!("--listen={}", http.address),
        ];
        command.extend(rpc.iter().map(|rpc| format!("--listen-rpc={}", rpc.address)));
        command.extend(self.registry.filter(|_| registers_itself).map(|consul| format!("--consul={consul}")));
        command.extend(self.calls);
        let hosts = self.hosts.concat();
        let files = [("hosts", hosts.as_str())];
        let watchdog = self.place.program(&self.name, &command, if hosts.is_empty() { &[] } else { &files })?;
        let process = Process::start(&self.name, watchdog, format!("{}/health", http.url)).await?;
        attendance::note(self.kind);
        let pod = match self.place {
            Place::Host => None,
            Place::Pod(_, pod) => Some(pod.clone()),
        };
        Ok(Service { kind: self.kind, name: self.name, http, rpc, pod, registers_itself, process })
    }
}

impl Service {
    /// A service of this name in the shop, on the host's loopback, that calls nobody.
    pub fn builder(kind: Kind, name: &str) -> ServiceBuilder<'static> {
        ServiceBuilder {
            kind,
            name: name.into(),
            place: Place::Host,
            registry: None,
            calls: Vec::new(),
            hosts: Vec::new(),
        }
    }

    /// What it is made of.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// What it is called in the shop.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where its HTTP server listens: on the host's loopback, or on its pod's address.
    pub fn address(&self) -> SocketAddr {
        self.http.address
    }

    /// Where its second server listens, which speaks gRPC or go-micro's protocol, or takes Sentinel's commands.
    pub fn rpc_address(&self) -> Option<SocketAddr> {
        self.rpc.as_ref().map(|rpc| rpc.address)
    }

    /// Its HTTP server for clients on the host, without a slash at the end. A GET is a visit.
    pub fn url(&self) -> &str {
        &self.http.url
    }

    /// Turns its knob: `fail` is the share of its answers that fail from now on (0 to 1; 0.6 fails exactly six of ten),
    /// `delay` is what each waits for (milliseconds count).
    pub async fn turn(&self, fail: f64, delay: Duration) -> Result<(), LabError> {
        let url = format!("{}/knob?fail={fail}&delay_ms={}", self.url(), delay.as_millis());
        self.process.ask(Method::POST, &url).await.map(drop)
    }

    /// How its knob is turned.
    pub async fn knob(&self) -> Result<Knob, LabError> {
        let text = self.get("/knob").await?;
        serde_json::from_str(&text).map_err(|error| LabError::Unexpected { what: text, why: error.to_string() })
    }

    /// What it says of itself to Prometheus, as it says it.
    pub async fn metrics(&self) -> Result<String, LabError> {
        self.get("/metrics").await
    }

    /// The text of any of its pages.
    pub async fn get(&self, path: &str) -> Result<String, LabError> {
        self.process.ask(Method::GET, &format!("{}{path}", self.url())).await
    }

    /// A page that never ends, such as `/hystrix.stream`.
    pub async fn open(&self, path: &str) -> Result<Response, LabError> {
        let url = format!("{}{path}", self.url());
        self.process.request(Method::GET, &url).await.map_err(|source| LabError::Request { what: url, source })
    }

    /// One visit; its status: 200, 503 when it fails itself, 502 when a call fails.
    pub async fn visit(&self) -> Result<u16, LabError> {
        self.open("/").await.map(|answer| answer.status().as_u16())
    }

    /// Registers it with a check once a second, and with one of `grpc.health.v1` where it speaks that, and waits until they
    /// pass. One that registers itself is only waited for.
    pub async fn register(&self, consul: &ConsulClient) -> Result<(), LabError> {
        if !self.registers_itself {
            consul.register(&self.registration()).await?;
        }
        let own = self.rpc.as_ref().filter(|_| self.registers_itself).unwrap_or(&self.http).address;
        passes(consul, &self.name, own).await
    }

    /// With the metadata that consul-k8s gives to the services of pods.
    fn registration(&self) -> Value {
        let (address, name) = (self.address(), &self.name);
        let meta = self.pod.as_ref().map_or_else(
            || json!({}),
            |pod| json!({ "pod-name": pod.name, "k8s-namespace": pod.namespace, "k8s-service-name": name }),
        );
        let id = self.pod.as_ref().map_or_else(|| format!("{name}-{}", address.port()), |pod| pod.name.clone());
        let mut checks = vec![check("health", address)];
        if let (Kind::Grpc, Some(rpc)) = (self.kind, self.rpc_address()) {
            let service = format!("{rpc}/{}", rpc_name(name));
            checks.push(json!({ "Name": "grpc.health.v1", "GRPC": service, "Interval": "1s", "Timeout": "5s" }));
        }
        json!({
            "ID": id, "Name": name, "Address": address.ip(), "Port": address.port(), "Tags": [self.kind.name()],
            "Meta": meta, "Checks": checks,
        })
    }

    /// Its process id while it is meant to run.
    pub async fn pid(&self) -> Option<u32> {
        self.process.pid().await
    }

    /// Everything that it prints; removed with it unless a test fails.
    pub fn log(&self) -> &PathBuf {
        self.process.log()
    }

    /// Kills it; its port refuses when this returns.
    pub async fn kill(&self) -> Result<(), LabError> {
        self.process.end(Ending::Killed).await
    }

    /// Starts it again at the same address, and waits until it is ready.
    pub async fn restart(&self) -> Result<(), LabError> {
        self.process.restart().await
    }
}

/// What the service of grpc-go calls its own methods' service.
fn rpc_name(service: &str) -> String {
    let capitalised = |part: &str| {
        let mut letters = part.chars();
        letters.next().map_or_else(String::new, |first| format!("{}{}", first.to_uppercase(), letters.as_str()))
    };
    format!("shop.v1.{}", service.split('-').map(capitalised).collect::<String>())
}

/// Looks at this page once a second.
pub(super) fn check(page: &str, at: SocketAddr) -> Value {
    json!({
        "Name": page, "HTTP": format!("http://{at}/{page}"), "Interval": "1s", "Timeout": "5s", "Status": "passing",
    })
}

/// Registers what is no [`Service`] and listens at an address, and waits until its check passes.
pub(super) async fn register(
    consul: &ConsulClient,
    name: &str,
    address: SocketAddr,
    check: Value,
) -> Result<(), LabError> {
    let registration = json!({
        "ID": format!("{name}-{}", address.port()), "Name": name, "Address": address.ip(), "Port": address.port(),
        "Tags": [name], "Check": check,
    });
    consul.register(&registration).await?;
    passes(consul, name, address).await
}

/// Waits until the checks of what is registered there pass.
async fn passes(consul: &ConsulClient, name: &str, own: SocketAddr) -> Result<(), LabError> {
    let path = format!("/v1/health/service/{name}?passing=1");
    until(&format!("{name} to pass its check"), PASSES_WITHIN, async || {
        let passing = consul.get(&path).await.map_err(|error| error.to_string())?;
        let instances = passing.as_array().map_or(&[][..], Vec::as_slice);
        let is_own = |instance: &Value| instance.pointer("/Service/Port") == Some(&json!(own.port()));
        if instances.iter().any(is_own) { Ok(()) } else { Err(format!("{} others pass", instances.len())) }
    })
    .await
}
