//! A cluster of 10,000 Pods: how long until the first whole picture, beside `curl` that fetches the same lists one after the other;
//! how long from a patch to a line, beside `kubectl get pods -A -w`; and what watching it costs.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use lab::cluster::{Cluster, Crowd, KubernetesClient};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use crate::idle::{TICKS, WATCHED, pss_mb, ticks};
use crate::sample::{Sample, row};
use crate::{Outcome, executable};

/// Runs of each side of the first picture, in turns.
const RUNS: usize = 7;
/// Between two patches: longer than either side needs for the one before.
const PAUSE: Duration = Duration::from_millis(150);
/// Patches in a row before the other side has its turn.
const TURN: usize = 20;
/// What Binnacle lists.
const LISTS: [&str; 15] = [
    "/api/v1/nodes",
    "/apis/apps/v1/replicasets",
    "/apis/batch/v1/jobs",
    "/api/v1/pods",
    "/apis/apps/v1/deployments",
    "/apis/apps/v1/statefulsets",
    "/apis/apps/v1/daemonsets",
    "/apis/batch/v1/cronjobs",
    "/api/v1/services",
    "/apis/discovery.k8s.io/v1/endpointslices",
    "/api/v1/configmaps",
    "/api/v1/secrets",
    "/apis/networking.k8s.io/v1/ingresses",
    "/apis/autoscaling/v2/horizontalpodautoscalers",
    "/api/v1/events",
];

pub(crate) async fn measure(changes: usize) -> Outcome<()> {
    let cluster = Crowd::SMALL.open().await?;
    cost(&cluster, Crowd::SMALL, Duration::ZERO).await?;
    drop(cluster);
    let cluster = Crowd::LARGE.open().await?;
    first_picture(&cluster).await?;
    patch_to_line(&cluster, changes).await?;
    cost(&cluster, Crowd::LARGE, WATCHED).await
}

/// `binnaclectl` on the cluster.
fn binnaclectl(cluster: &Cluster, arguments: &[&str]) -> Outcome<Command> {
    let mut command = Command::new(executable("binnaclectl")?);
    command
        .args(arguments)
        .args(["--wait", "60s", "--source", "kube=minikube"])
        .env("KUBECONFIG", cluster.kubeconfig());
    command.stdout(Stdio::piped()).kill_on_drop(true);
    Ok(command)
}

/// The lines of a program that runs on.
struct Running {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Running {
    fn start(mut command: Command) -> Outcome<Self> {
        let mut child = command.spawn()?;
        let stdout = child.stdout.take().ok_or("no pipe")?;
        Ok(Self { child, lines: BufReader::new(stdout).lines() })
    }

    async fn line_with(&mut self, part: &str) -> Outcome<String> {
        while let Some(line) = self.lines.next_line().await? {
            if line.contains(part) {
                return Ok(line);
            }
        }
        Err(format!("it ended before a line with {part}").into())
    }
}

async fn first_picture(cluster: &Cluster) -> Outcome<()> {
    let (mut watch, mut snapshot, mut curl) = (Sample::default(), Sample::default(), Sample::default());
    for _ in 0..RUNS {
        let started = Instant::now();
        let mut running = Running::start(binnaclectl(cluster, &["watch"])?)?;
        let ready = running.line_with("\"ready\"").await?;
        watch.add(started.elapsed());
        let ready: Value = serde_json::from_str(&ready)?;
        if ready.get("services").and_then(Value::as_u64) < Some(Crowd::LARGE.deployments as u64) {
            return Err(format!("not whole: {ready}").into());
        }
        running.child.kill().await?;
        let started = Instant::now();
        let output = binnaclectl(cluster, &["snapshot", "-o", "json"])?.output().await?;
        snapshot.add(started.elapsed());
        check_whole(&output.stdout)?;
        let started = Instant::now();
        one_after_the_other(cluster).await?;
        curl.add(started.elapsed());
    }
    let what = "first whole picture of 10,000 Pods, with the start of the process";
    row(&format!("{what}: `watch` is ready"), &watch, &curl, "p50 ≤ 2.0");
    row(&format!("{what}, all of it as JSON"), &snapshot, &curl, "–");
    Ok(())
}

fn list<'a>(of: &'a Value, field: &str) -> &'a [Value] {
    of.get(field).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn check_whole(printed: &[u8]) -> Outcome<()> {
    let snapshot: Value = serde_json::from_slice(printed)?;
    let pods: usize = list(&snapshot, "services").iter().map(|service| list(service, "instances").len()).sum();
    if pods >= Crowd::LARGE.pods() { Ok(()) } else { Err(format!("not whole: {pods} Pods").into()) }
}

/// Another User-Agent than curl's own, for which the API server would print everything twice as long.
pub(crate) async fn one_after_the_other(cluster: &Cluster) -> Outcome<()> {
    let certificates = Certificates::of(&cluster.kubeconfig())?;
    for list in LISTS {
        let status = Command::new("curl")
            .args(["--silent", "--fail", "--compressed", "--user-agent", "bench", "--output", "/dev/null"])
            .args(["--header", "Accept: application/json"])
            .arg("--cacert")
            .arg(&certificates.authority)
            .arg("--cert")
            .arg(&certificates.certificate)
            .arg("--key")
            .arg(&certificates.key)
            .arg(format!("{}{list}", cluster.address()))
            .status()
            .await?;
        if !status.success() {
            return Err(format!("curl {list}: {status}").into());
        }
    }
    Ok(())
}

/// The files that a kubeconfig names.
struct Certificates {
    authority: PathBuf,
    certificate: PathBuf,
    key: PathBuf,
}

impl Certificates {
    fn of(kubeconfig: &Path) -> Outcome<Self> {
        let text = std::fs::read_to_string(kubeconfig)?;
        let file = |field: &str| {
            let line = text.lines().find_map(|line| line.trim().strip_prefix(&format!("{field}: ")));
            line.map(|path| PathBuf::from(path.trim_matches('"'))).ok_or(format!("no {field} in the kubeconfig"))
        };
        Ok(Self {
            authority: file("certificate-authority")?,
            certificate: file("client-certificate")?,
            key: file("client-key")?,
        })
    }
}

async fn patch_to_line(cluster: &Cluster, changes: usize) -> Outcome<()> {
    let client = cluster.client()?;
    let pods = labelled(&client).await?;
    let mut watch = Running::start(binnaclectl(cluster, &["watch", "--only", "service"])?)?;
    watch.line_with("\"ready\"").await?;
    let mut command = Command::new(cluster.kubectl_program());
    command.args(["get", "pods", "-A", "-w"]).env("KUBECONFIG", cluster.kubeconfig());
    command.stdout(Stdio::piped()).kill_on_drop(true);
    let mut kubectl = Running::start(command)?;
    for _ in 0..Crowd::LARGE.pods() {
        kubectl.lines.next_line().await?;
    }
    let (mut ours, mut theirs) = (Sample::default(), Sample::default());
    for (number, (namespace, pod, app)) in pods.iter().cycle().take(2 * changes).enumerate() {
        tokio::time::sleep(PAUSE).await;
        let service = format!("/{namespace}/{app}\"");
        let (ours_first, sent) = ((number / TURN).is_multiple_of(2), Instant::now());
        let patched = patch(&client, namespace, pod, number);
        if ours_first {
            let (line, patched) = tokio::join!(watch.line_with(&service), patched);
            line?;
            ours.add(sent.elapsed());
            patched?;
            kubectl.line_with(pod).await?;
        } else {
            let (line, patched) = tokio::join!(kubectl.line_with(pod), patched);
            line?;
            theirs.add(sent.elapsed());
            patched?;
            watch.line_with(&service).await?;
        }
    }
    row(
        "label of one of 10,000 Pods patched → line of `watch`, beside `kubectl get pods -A -w`",
        &ours,
        &theirs,
        "p99 ≤ 1.0",
    );
    Ok(())
}

/// Some hundred Pods.
pub(crate) async fn labelled(client: &KubernetesClient) -> Outcome<Vec<(String, String, String)>> {
    let all = client.get("/api/v1/pods?limit=500").await?;
    Ok(list(&all, "items").iter().filter_map(read).collect())
}

/// Namespace, name, and the name of its Deployment.
fn read(pod: &Value) -> Option<(String, String, String)> {
    let text = |pointer: &str| pod.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    Some((text("/metadata/namespace")?, text("/metadata/name")?, text("/metadata/labels/app")?))
}

pub(crate) async fn patch(client: &KubernetesClient, namespace: &str, pod: &str, number: usize) -> Outcome<()> {
    let patch = json!({ "metadata": { "labels": { "bench": number.to_string() } } });
    let path = format!("/api/v1/namespaces/{namespace}/pods/{pod}");
    Ok(client.merge(&path, &patch).await.map(drop)?)
}

/// Memory and idle processor of `watch`, once the first picture is there.
async fn cost(cluster: &Cluster, crowd: Crowd, watched: Duration) -> Outcome<()> {
    let mut running = Running::start(binnaclectl(cluster, &["watch"])?)?;
    running.line_with("\"ready\"").await?;
    // What the lists left behind is given back.
    tokio::time::sleep(Duration::from_secs(5)).await;
    let pid = running.child.id().ok_or("watch ended")?;
    println!("| memory (PSS) of `watch`, {} Pods | {:.0} MB | – | – | ≤ 120 MB |", crowd.pods(), pss_mb(pid)?);
    if !watched.is_zero() {
        let before = ticks(pid)?;
        tokio::time::sleep(watched).await;
        let share = (ticks(pid)? - before) / TICKS / watched.as_secs_f64() * 100.0;
        println!("| idle processor of `watch`, {} Pods | {share:.2} % of a core | – | – | ≤ 1 % |", crowd.pods());
    }
    running.child.kill().await?;
    Ok(())
}
