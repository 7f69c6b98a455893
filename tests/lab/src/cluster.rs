//! A real Kubernetes cluster: etcd, API server, controllers and scheduler, on nodes that kwok plays.
//!
//! All of it lives in a network namespace of its own (see [`namespace`]). Clients on the host connect to a port of
//! 127.0.0.1 that leads to the API server. Pods are scheduled, get addresses and become ready, but nothing runs in
//! them: [`Cluster::serve`] puts a real server behind a pod's address, and then the API server's proxies, port
//! forwards and everything inside the namespace reach it there.

mod authority;
mod client;
mod control_plane;
pub mod crowd;
mod files;
pub mod furnished;
mod kubeconfig;
pub mod monitoring;
pub mod namespace;
mod pod;
mod programs;
pub mod registry;
pub mod shop;
mod user;
pub mod workload;

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::sync::Mutex;

use crate::address::Port;
use crate::watchdog::{Ending, Watchdog};
use crate::{LabError, attendance, until};

pub use client::KubernetesClient;
pub use crowd::Crowd;
pub use furnished::Furnished;
pub use monitoring::Monitoring;
pub use pod::{Pod, Served};
pub use registry::Registry;
pub use shop::Shop;
pub use user::{Credential, User};

use control_plane::{API_SERVER_INSIDE, CONTROLLER_MANAGER_INSIDE, ETCD_CLIENTS_INSIDE, SCHEDULER_INSIDE};
use files::Files;
use namespace::{Namespace, Reach};
use programs::Programs;

/// A cluster is ready after some ten seconds, a pod or a server in it after one or two; the rest is for a machine which
/// is busy with something else.
const READY_WITHIN: Duration = Duration::from_secs(240);

/// What a cluster consists of; a scenario holds the first against what the API server says.
pub(crate) const VERSION: &str = "Kubernetes 1.37.2 (with etcd 3.7.0 and kwok 0.8.0)";

/// The nodes of [`Cluster::start`].
const NODES: usize = 5;

/// The API server's process, and the port of the host that leads to it.
#[derive(Debug)]
struct ApiServer {
    process: Watchdog,
    reach: Option<Reach>,
    /// The port while it is closed.
    closed: Option<Port>,
}

/// One cluster. It is gone when this is dropped, and when this process is gone.
#[derive(Debug)]
pub struct Cluster {
    port: AtomicU16,
    api_server: Mutex<ApiServer>,
    /// The rest of the control plane, in the order in which it ends.
    others: Vec<Watchdog>,
    files: Files,
    programs: &'static Programs,
    /// Last: everything else is inside.
    namespace: Namespace,
}

impl Cluster {
    /// Starts a cluster of five nodes, `node-1` to `node-5`, and waits until all of them are ready.
    pub async fn start() -> Result<Self, LabError> {
        Self::with_nodes(NODES).await
    }

    /// Starts a cluster of this many nodes, each with room for 110 pods.
    pub async fn with_nodes(nodes: usize) -> Result<Self, LabError> {
        Self::with_data(None, nodes).await
    }

    /// Starts a cluster over a copy of what another one's etcd knew, or over nothing, and adds this many nodes.
    async fn with_data(data: Option<&Path>, nodes: usize) -> Result<Self, LabError> {
        let programs = Programs::find().await?;
        let folder = tempfile::Builder::new()
            .prefix("binnacle-lab-kubernetes-")
            .tempdir()
            .map_err(LabError::io("making the folder of a cluster"))?;
        let namespace = Namespace::new(folder).await?;
        let port = Port::reserve()?;
        let number = port.number();
        let files = Files::new(namespace.folder(), &server(number))?;
        let mut etcd = control_plane::program(&namespace, "etcd", control_plane::etcd(programs))?;
        let process =
            control_plane::program(&namespace, "kube-apiserver", control_plane::api_server(programs, &files))?;
        if let Some(data) = data {
            let copied = crowd::copy(data, &etcd.folder().join("data"));
            copied.map_err(LabError::io(format!("copying {}", data.display())))?;
        }
        etcd.start()?;
        let mut cluster = Self {
            port: AtomicU16::new(number),
            api_server: Mutex::new(ApiServer { process, reach: None, closed: Some(port) }),
            others: vec![etcd],
            files,
            programs,
            namespace,
        };
        // It waits for etcd itself.
        cluster.start_api_server().await?;
        cluster.start_controllers().await?;
        cluster.add_nodes(nodes).await?;
        cluster.ready().await?;
        attendance::note(VERSION);
        Ok(cluster)
    }

    /// The kubeconfig that minikube would write: context `minikube`, certificates by the paths of files.
    pub fn kubeconfig(&self) -> PathBuf {
        self.files.kubeconfig()
    }

    /// An administrator's kubeconfig as kubeadm writes it: context `kubernetes-admin@kubernetes`, everything in the one
    /// file.
    pub fn admin_kubeconfig(&self) -> PathBuf {
        self.files.admin_kubeconfig()
    }

    /// An administrator's kubeconfig for programs inside the network namespace, see [`Cluster::program`].
    pub fn kubeconfig_inside(&self) -> PathBuf {
        self.files.component("inside")
    }

    /// Where the API server is for clients on the host, `https://127.0.0.1:PORT`.
    pub fn address(&self) -> String {
        server(self.port.load(Ordering::Relaxed))
    }

    /// The folder with all files of the cluster but its data.
    pub fn folder(&self) -> &Path {
        self.files.folder()
    }

    /// The network namespace in which everything of the cluster is.
    pub fn namespace(&self) -> &Namespace {
        &self.namespace
    }

    /// Name, process id and log of each of its processes that are meant to run.
    pub async fn processes(&self) -> Vec<(String, u32, PathBuf)> {
        let api_server = self.api_server.lock().await;
        let all = self.others.iter().chain([&api_server.process, self.namespace.holder()]);
        all.filter_map(|process| Some((process.name().to_owned(), process.pid()?, process.log()))).collect()
    }

    /// A client that may do everything. Connections belong to the runtime of the caller, and the address changes with
    /// [`Cluster::restart_on_another_port`]: make one client a test.
    pub fn client(&self) -> Result<KubernetesClient, LabError> {
        KubernetesClient::new(self.address(), &self.files)
    }

    /// Runs kubectl as administrator; gives what it prints.
    pub async fn kubectl(&self, arguments: &[&str]) -> Result<String, LabError> {
        self.run_kubectl(&self.admin_kubeconfig(), arguments, "").await
    }

    /// Runs kubectl with another kubeconfig.
    pub async fn kubectl_as(&self, kubeconfig: &Path, arguments: &[&str]) -> Result<String, LabError> {
        self.run_kubectl(kubeconfig, arguments, "").await
    }

    /// The client that [`Cluster::kubectl`] runs, for whoever wants to keep it running.
    pub fn kubectl_program(&self) -> &Path {
        &self.programs.kubectl
    }

    /// Applies manifests, YAML or JSON, as `kubectl apply` does on the server's side.
    pub async fn apply(&self, manifests: &str) -> Result<(), LabError> {
        let arguments = ["apply", "--server-side", "--force-conflicts", "--field-manager=lab", "-f", "-"];
        self.run_kubectl(&self.admin_kubeconfig(), &arguments, manifests).await.map(drop)
    }

    /// Runs a program inside the namespace, in a folder of its own; it is not started yet. Its command line may name
    /// files of that folder by their names alone, `files` puts some there.
    pub fn program(&self, name: &str, command: &[String], files: &[(&str, &str)]) -> Result<Watchdog, LabError> {
        let program = control_plane::program(&self.namespace, name, command.to_vec())?;
        for (file, text) in files {
            let path = program.folder().join(file);
            std::fs::write(&path, text).map_err(LabError::io(format!("writing {}", path.display())))?;
        }
        Ok(program)
    }

    /// Has etcd forget everything that it remembers beside the latest state, as a compaction does: whoever goes on from
    /// an older version is told to list anew.
    pub async fn compact(&self) -> Result<(), LabError> {
        let answer = self.ask_etcd("/v3/kv/range", &json!({ "key": "AA==", "keys_only": true })).await?;
        let revision = answer.pointer("/header/revision").cloned().unwrap_or_default();
        self.ask_etcd("/v3/kv/compaction", &json!({ "revision": revision, "physical": true })).await.map(drop)
    }

    /// Takes an object out of etcd while the API server is away: nobody will ever send an event for it. `key` is where
    /// the API server keeps it, such as `/registry/pods/NAMESPACE/NAME`.
    pub async fn lose(&self, key: &str) -> Result<(), LabError> {
        let answer = self.ask_etcd("/v3/kv/deleterange", &json!({ "key": STANDARD.encode(key) })).await?;
        match answer.get("deleted").and_then(Value::as_str) {
            Some("1") => Ok(()),
            _ => Err(unexpected(key, answer)),
        }
    }

    /// Asks etcd through its JSON gateway.
    async fn ask_etcd(&self, path: &str, question: &Value) -> Result<Value, LabError> {
        let reach = self.reach(ETCD_CLIENTS_INSIDE.parse().map_err(|error| unexpected(path, error))?).await?;
        let what = format!("POST {path}");
        let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(30)).build();
        let asked = async {
            let url = format!("http://127.0.0.1:{}{path}", reach.port());
            http?.post(url).json(question).send().await?.error_for_status()?.json().await
        };
        asked.await.map_err(|source| LabError::Request { what: what.clone(), source })
    }

    /// Opens a port of the host's loopback that leads to an address inside the namespace.
    pub async fn reach(&self, inside: std::net::SocketAddr) -> Result<Reach, LabError> {
        self.namespace.reach(Port::reserve()?, inside).await
    }

    /// Stops the API server as an operator would; its port refuses connections when this returns. Everything that the
    /// cluster knows stays.
    pub async fn stop_api_server(&self) -> Result<(), LabError> {
        self.end_api_server(Ending::Asked).await
    }

    /// Kills the API server by its process id.
    pub async fn kill_api_server(&self) -> Result<(), LabError> {
        self.end_api_server(Ending::Killed).await
    }

    /// Starts the API server at the same address, and waits until it is ready.
    pub async fn start_api_server(&self) -> Result<(), LabError> {
        let mut api_server = self.api_server.lock().await;
        if let Some(port) = api_server.closed.take() {
            let inside = API_SERVER_INSIDE.parse().map_err(|error| unexpected(API_SERVER_INSIDE, error))?;
            api_server.reach = Some(self.namespace.reach(port, inside).await?);
        }
        api_server.process.start()?;
        let client = self.client()?;
        until("the API server to be ready", READY_WITHIN, async || match still_alive(&api_server.process) {
            Ok(()) => client.text("/readyz").await.map(|_ok| Ok(())),
            ended => Ok::<_, LabError>(ended),
        })
        .await?
    }

    /// Starts the API server anew on another port of the host and writes that port into all kubeconfigs, as minikube
    /// does at each start.
    pub async fn restart_on_another_port(&self) -> Result<(), LabError> {
        self.stop_api_server().await?;
        let before = self.address();
        {
            let mut api_server = self.api_server.lock().await;
            let port = Port::reserve()?;
            self.port.store(port.number(), Ordering::Relaxed);
            api_server.closed = Some(port);
        }
        self.start_api_server().await?;
        for kubeconfig in self.kubeconfigs()? {
            kubeconfig::move_server(&kubeconfig, &before, &self.address())?;
        }
        Ok(())
    }

    /// Halts the API server without an end: connections stay open and nothing is answered, until the guard is dropped.
    pub async fn hang_api_server(&self) -> Result<Hung, LabError> {
        let pid = self.api_server.lock().await.process.pid();
        let pid = pid.ok_or_else(|| unexpected("the API server", "it does not run"))?;
        signal("STOP", pid)?;
        Ok(Hung { pid })
    }

    async fn end_api_server(&self, ending: Ending) -> Result<(), LabError> {
        let mut api_server = self.api_server.lock().await;
        if let Some(reach) = api_server.reach.take() {
            api_server.closed = Some(reach.close().await);
        }
        api_server.process.end(ending).await
    }

    async fn start_controllers(&mut self) -> Result<(), LabError> {
        let (programs, files) = (self.programs, &self.files);
        for (name, command) in [
            ("kube-controller-manager", control_plane::controller_manager(programs, files)),
            ("kube-scheduler", control_plane::scheduler(programs, files)),
        ] {
            let mut program = control_plane::program(&self.namespace, name, command)?;
            program.start()?;
            self.others.insert(0, program);
        }
        self.kubectl(&["apply", "--server-side", "-f", &self.programs.kinds.display().to_string()]).await?;
        let client = self.client()?;
        for kind in ["logs", "clusterlogs", "portforwards", "clusterportforwards"] {
            let path = format!("/apis/kwok.x-k8s.io/v1alpha1/{kind}");
            until(&path, READY_WITHIN, async || client.get(&path).await).await?;
        }
        self.give_every_pod_a_log().await?;
        let kwok = control_plane::kwok(self.programs, &self.files)?;
        let mut kwok = control_plane::program(&self.namespace, "kwok", kwok)?;
        kwok.start()?;
        self.others.insert(0, kwok);
        Ok(())
    }

    async fn add_nodes(&self, nodes: usize) -> Result<(), LabError> {
        let client = self.client()?;
        for number in 1..=nodes {
            client.create("/api/v1/nodes", &node(number)).await?;
        }
        Ok(())
    }

    /// Ready means: the controllers and the scheduler say so, every node is, and pods may be made.
    async fn ready(&self) -> Result<(), LabError> {
        self.answers(CONTROLLER_MANAGER_INSIDE, "/healthz").await?;
        self.answers(SCHEDULER_INSIDE, "/readyz").await?;
        let client = self.client()?;
        until("every node to be ready", READY_WITHIN, async || {
            if let Some(ended) = self.others.iter().find_map(|process| still_alive(process).err()) {
                return Ok(Err(ended));
            }
            let nodes = client.get("/api/v1/nodes").await?;
            match items(&nodes).iter().filter(|node| !has_condition(node, "Ready")).count() {
                0 => Ok::<_, LabError>(Ok(())),
                not_ready => Err(unexpected("the nodes", format!("{not_ready} are not ready"))),
            }
        })
        .await??;
        until("the default service account", READY_WITHIN, async || {
            client.get("/api/v1/namespaces/default/serviceaccounts/default").await
        })
        .await
        .map(drop)
    }

    /// Waits for a component's own health endpoint, which says `ok` to anybody.
    async fn answers(&self, inside: &str, path: &str) -> Result<(), LabError> {
        let reach = self.reach(inside.parse().map_err(|error| unexpected(inside, error))?).await?;
        let url = format!("https://127.0.0.1:{}{path}", reach.port());
        // It signs its certificate itself.
        let http = reqwest::Client::builder().no_proxy().danger_accept_invalid_certs(true).build();
        let http = http.map_err(|source| LabError::Request { what: url.clone(), source })?;
        until(&format!("{inside}{path}"), READY_WITHIN, async || {
            if let Some(ended) = self.others.iter().find_map(|process| still_alive(process).err()) {
                return Ok(Err(ended));
            }
            let answer = http.get(&url).send().await.and_then(reqwest::Response::error_for_status);
            answer.map(|_ok| Ok(()))
        })
        .await?
    }

    async fn run_kubectl(&self, kubeconfig: &Path, arguments: &[&str], input: &str) -> Result<String, LabError> {
        let what = format!("kubectl {}", arguments.join(" "));
        let run = async {
            let mut kubectl = tokio::process::Command::new(&self.programs.kubectl)
                .args(arguments)
                .env("KUBECONFIG", kubeconfig)
                // Its cache of what the server has.
                .env("HOME", self.folder().join("home"))
                .current_dir(self.folder())
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .kill_on_drop(true)
                .spawn()?;
            if let Some(mut stdin) = kubectl.stdin.take() {
                stdin.write_all(input.as_bytes()).await?;
            }
            kubectl.wait_with_output().await
        };
        let output = run.await.map_err(LabError::io(what.clone()))?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        Err(LabError::Unexpected { what, why: String::from_utf8_lossy(&output.stderr).into_owned() })
    }
}

/// A process that is halted, and goes on when this is dropped.
#[derive(Debug)]
pub struct Hung {
    pid: u32,
}

impl Drop for Hung {
    fn drop(&mut self) {
        if let Err(error) = signal("CONT", self.pid) {
            eprintln!("lab: {error}");
        }
    }
}

fn signal(name: &str, pid: u32) -> Result<(), LabError> {
    let what = format!("kill -s {name} {pid}");
    let status = std::process::Command::new("kill").args(["-s", name, &pid.to_string()]).status();
    match status.map_err(LabError::io(what.clone()))? {
        status if status.success() => Ok(()),
        status => Err(unexpected(&what, status)),
    }
}

fn server(port: u16) -> String {
    format!("https://127.0.0.1:{port}")
}

fn node(number: usize) -> Value {
    let name = format!("node-{number}");
    let room = json!({ "cpu": "32", "memory": "256Gi", "pods": "110" });
    json!({
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "labels": {
                "kubernetes.io/hostname": name, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64",
                "topology.kubernetes.io/zone": format!("zone-{}", number % 3 + 1),
            },
            "annotations": { "kwok.x-k8s.io/node": "fake" },
        },
        "status": { "allocatable": room, "capacity": room, "nodeInfo": { "kubeletVersion": "v1.37.2" } },
    })
}

fn has_condition(object: &Value, kind: &str) -> bool {
    let conditions = object.pointer("/status/conditions").and_then(Value::as_array);
    conditions.is_some_and(|all| all.iter().any(|one| is_true(one, kind)))
}

fn is_true(condition: &Value, kind: &str) -> bool {
    let field = |name: &str| condition.get(name).and_then(Value::as_str);
    field("type") == Some(kind) && field("status") == Some("True")
}

/// The objects of a list.
fn items(list: &Value) -> &[Value] {
    list.get("items").and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn still_alive(process: &Watchdog) -> Result<(), LabError> {
    if process.is_alive() {
        return Ok(());
    }
    Err(LabError::EndedEarly { name: process.name().into(), log: process.log(), tail: process.log_tail() })
}

fn unexpected(what: &str, why: impl std::fmt::Display) -> LabError {
    LabError::Unexpected { what: what.into(), why: why.to_string() }
}
