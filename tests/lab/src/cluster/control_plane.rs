//! The six programs and what each is started with. All listen on the namespace's own loopback, where every port is free.

use std::fs;
use std::path::Path;

use super::files::Files;
use super::namespace::{Namespace, SERVICE_RANGE};
use super::programs::Programs;
use crate::LabError;
use crate::watchdog::Watchdog;

pub(super) const API_SERVER_INSIDE: &str = "127.0.0.1:6443";
pub(super) const CONTROLLER_MANAGER_INSIDE: &str = "127.0.0.1:10257";
pub(super) const SCHEDULER_INSIDE: &str = "127.0.0.1:10259";
pub(super) const ETCD_CLIENTS_INSIDE: &str = "127.0.0.1:2379";
const ETCD_INSIDE: &str = "http://127.0.0.1:2379";
const ETCD_PEER_INSIDE: &str = "http://127.0.0.1:2380";

/// The kinds that kwok reads from the cluster itself, so that a test may give one pod a log or a port.
const KWOK_KINDS: &str = "Logs,ClusterLogs,PortForward,ClusterPortForward";

/// How many requests a second the controllers may send; their own default of 20 makes a big cluster slow.
const REQUESTS_PER_SECOND: u32 = 500;

/// A program of the control plane in a folder of its own, not yet started.
pub(super) fn program(namespace: &Namespace, name: &str, command: Vec<String>) -> Result<Watchdog, LabError> {
    let folder = tempfile::Builder::new()
        .prefix(&format!("binnacle-lab-{name}-"))
        .tempdir()
        .map_err(LabError::io(format!("making the folder of {name}")))?;
    Watchdog::new(name, folder.keep(), &namespace.enter(command))
}

/// `--data-dir` is in the folder that the watchdog runs it in.
pub(super) fn etcd(programs: &Programs) -> Vec<String> {
    command(
        &programs.etcd,
        &[
            ("name", "lab"),
            ("data-dir", "data"),
            // What is lost in a power cut here is nobody's.
            ("unsafe-no-fsync", "true"),
            ("listen-client-urls", ETCD_INSIDE),
            ("advertise-client-urls", ETCD_INSIDE),
            ("listen-peer-urls", ETCD_PEER_INSIDE),
            ("initial-advertise-peer-urls", ETCD_PEER_INSIDE),
            ("initial-cluster", &format!("lab={ETCD_PEER_INSIDE}")),
            ("quota-backend-bytes", "4294967296"),
            ("auto-compaction-mode", "periodic"),
            ("auto-compaction-retention", "5m"),
            ("log-level", "warn"),
        ],
    )
}

pub(super) fn api_server(programs: &Programs, files: &Files) -> Vec<String> {
    let pki = |name: &str| files.pki(name).display().to_string();
    let (address, port) = API_SERVER_INSIDE.split_once(':').unwrap_or_default();
    command(
        &programs.api_server,
        &[
            ("etcd-servers", ETCD_INSIDE),
            ("bind-address", address),
            ("secure-port", port),
            // Loopback is refused here, and nobody asks for it: the endpoints of its own Service are not kept.
            ("advertise-address", "10.0.0.1"),
            ("endpoint-reconciler-type", "none"),
            ("tls-cert-file", &pki("apiserver.crt")),
            ("tls-private-key-file", &pki("apiserver.key")),
            ("client-ca-file", &pki("ca.crt")),
            ("service-account-issuer", "https://kubernetes.default.svc.cluster.local"),
            ("service-account-key-file", &pki("sa.pub")),
            ("service-account-signing-key-file", &pki("sa.key")),
            ("authorization-mode", "Node,RBAC"),
            ("service-cluster-ip-range", SERVICE_RANGE),
            ("allow-privileged", "true"),
            ("kubelet-client-certificate", &pki("apiserver-kubelet-client.crt")),
            ("kubelet-client-key", &pki("apiserver-kubelet-client.key")),
            ("kubelet-certificate-authority", &pki("ca.crt")),
            ("kubelet-preferred-address-types", "InternalIP"),
            ("requestheader-client-ca-file", &pki("front-proxy-ca.crt")),
            ("requestheader-allowed-names", "front-proxy-client"),
            ("requestheader-extra-headers-prefix", "X-Remote-Extra-"),
            ("requestheader-group-headers", "X-Remote-Group"),
            ("requestheader-username-headers", "X-Remote-User"),
            ("proxy-client-cert-file", &pki("front-proxy-client.crt")),
            ("proxy-client-key-file", &pki("front-proxy-client.key")),
            // Asked to stop, it waits two seconds for the watches of its own controllers, and not sixty.
            ("shutdown-send-retry-after", "true"),
            ("max-requests-inflight", "1000"),
            ("max-mutating-requests-inflight", "1000"),
            ("profiling", "false"),
        ],
    )
}

pub(super) fn controller_manager(programs: &Programs, files: &Files) -> Vec<String> {
    let pki = |name: &str| files.pki(name).display().to_string();
    let mut flags = client_flags(files, "kube-controller-manager", CONTROLLER_MANAGER_INSIDE);
    flags.extend([
        ("use-service-account-credentials", "true".into()),
        ("service-account-private-key-file", pki("sa.key")),
        ("root-ca-file", pki("ca.crt")),
        ("cluster-signing-cert-file", pki("ca.crt")),
        ("cluster-signing-key-file", pki("ca.key")),
        ("requestheader-client-ca-file", pki("front-proxy-ca.crt")),
        // A machine that is busy for a while is no dead node.
        ("node-monitor-grace-period", "10m".into()),
    ]);
    command(&programs.controller_manager, &flags)
}

pub(super) fn scheduler(programs: &Programs, files: &Files) -> Vec<String> {
    command(&programs.scheduler, &client_flags(files, "kube-scheduler", SCHEDULER_INSIDE))
}

/// Writes its configuration beside the other files.
pub(super) fn kwok(programs: &Programs, files: &Files) -> Result<Vec<String>, LabError> {
    let configuration = files.folder().join("kwok.yaml");
    let text = "apiVersion: config.kwok.x-k8s.io/v1alpha1\nkind: KwokConfiguration\noptions:\n  \
                enableDebuggingHandlers: true\n  podPlayStageParallelism: 16\n  nodePlayStageParallelism: 16\n  \
                nodeLeaseParallelism: 16\n";
    fs::write(&configuration, text).map_err(LabError::io(format!("writing {}", configuration.display())))?;
    let path = |path: &Path| path.display().to_string();
    Ok(command(
        &programs.kwok,
        &[
            ("kubeconfig", path(&files.component("kwok"))),
            ("config", path(&programs.stages)),
            ("config", path(&configuration)),
            ("enable-crds", KWOK_KINDS.into()),
            ("manage-all-nodes", "true".into()),
            // The pool of the pods' addresses begins here.
            ("cidr", "10.244.0.1/16".into()),
            ("node-ip", "127.0.0.1".into()),
            ("node-port", "10250".into()),
            ("server-address", "127.0.0.1:10250".into()),
            ("tls-cert-file", path(&files.pki("kubelet.crt"))),
            ("tls-private-key-file", path(&files.pki("kubelet.key"))),
            ("node-lease-duration-seconds", "120".into()),
        ],
    ))
}

fn client_flags(files: &Files, name: &str, inside: &str) -> Vec<(&'static str, String)> {
    let kubeconfig = files.component(name).display().to_string();
    let (address, port) = inside.split_once(':').unwrap_or_default();
    vec![
        ("kubeconfig", kubeconfig.clone()),
        ("authentication-kubeconfig", kubeconfig.clone()),
        ("authorization-kubeconfig", kubeconfig),
        ("bind-address", address.into()),
        ("secure-port", port.into()),
        ("leader-elect", "false".into()),
        ("kube-api-qps", REQUESTS_PER_SECOND.to_string()),
        ("kube-api-burst", (2 * REQUESTS_PER_SECOND).to_string()),
    ]
}

fn command(program: &Path, flags: &[(&str, impl AsRef<str>)]) -> Vec<String> {
    let flags = flags.iter().map(|(name, value)| format!("--{name}={}", value.as_ref()));
    std::iter::once(program.display().to_string()).chain(flags).collect()
}
