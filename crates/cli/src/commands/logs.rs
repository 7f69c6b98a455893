//! `logs`: what the containers of a Pod, or of all Pods of a service, write.

use std::time::Duration;

use binnacle_engine::Engine;
use binnacle_model::id::{SourceId, SourceKind};
use binnacle_model::snapshot::{Instance, Snapshot};
use binnacle_sources::SourceError;
use binnacle_sources::logs::{ContainerKind, LogContainers, LogLine, LogQuery, LogStream};
use binnacle_view::text::visible;
use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};
use jiff::Timestamp;

use crate::duration;
use crate::failure::{Exit, Failure};
use crate::session::Session;
use crate::terminal::print;

const AFTER_HELP: &str = "\
Examples:
  binnaclectl logs payments                      the last lines of each of its pods
  binnaclectl logs shop/payments-7d4b9-x2k9f     one pod, all of it
  binnaclectl logs payments-7d4b9-x2k9f --previous --tail 50
  binnaclectl logs payments -f --since 5m        go on until Ctrl-C
  binnaclectl logs payments -c istio-proxy --timestamps

The container is the one that the annotation kubectl.kubernetes.io/default-container names, or else the first; -c takes another. \
Reading logs takes the right to get pods/log. Lines over 64 KiB are cut, and what would act on a terminal is taken out. \
Nothing is written to disk.";

/// How many lines of each of several Pods are shown when nobody says.
const TAIL_OF_SEVERAL: u32 = 20;
/// How many Pods are read at once: each takes a request of its own.
const MOST_PODS: usize = 50;

/// What the containers of a pod or a service write
#[derive(clap::Args, Debug)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// A pod (NAMESPACE/NAME or NAME), or a service by name or id: all of its pods
    #[arg(value_name = "SERVICE|POD")]
    name: String,
    /// The container
    #[arg(short, long, value_name = "NAME")]
    container: Option<String>,
    /// The run before the present one, of a container that was started anew
    #[arg(long, conflicts_with = "follow")]
    previous: bool,
    /// Go on with what is written from now on
    #[arg(short, long)]
    follow: bool,
    /// Only so many lines from the end [default: all of one pod, 20 of each of several]
    #[arg(long, value_name = "N")]
    tail: Option<u32>,
    /// Only what was written in this time: 30s, 5m, 2h
    #[arg(long, value_name = "TIME", value_parser = duration::parse)]
    since: Option<Duration>,
    /// Begin each line with when it was written
    #[arg(long)]
    timestamps: bool,
}

/// One Pod to read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Pod {
    source: SourceId,
    /// `NAMESPACE/NAME`.
    id: String,
}

pub(crate) async fn run(session: &Session, arguments: &Arguments) -> Result<Exit, Failure> {
    session
        .with_reading(async |engine, snapshot| {
            let pods = pods(&snapshot, &arguments.name)?;
            read(session, engine, arguments, &pods).await
        })
        .await
}

async fn read(session: &Session, engine: &Engine, arguments: &Arguments, pods: &[Pod]) -> Result<Exit, Failure> {
    let mut open = Vec::new();
    let mut failures: Vec<Failure> = Vec::new();
    for pod in pods {
        match open_one(session, engine, arguments, pod, pods.len() > 1).await {
            Ok(log) => open.push(log),
            Err(failure) => failures.push(failure),
        }
    }
    if open.is_empty() {
        return Err(failures.into_iter().next().unwrap_or_else(|| no_pod(&arguments.name)));
    }
    for failure in &failures {
        session.warn(failure);
    }
    let mut lines = stream::select_all(open);
    while let Some(next) = lines.next().await {
        match next {
            Ok(text) => print(text).await?,
            Err(failure) => failures.push(*failure),
        }
    }
    match failures.into_iter().next() {
        // One of several that could not be read was said already.
        Some(failure) if pods.len() == 1 => Err(failure),
        _ => Ok(Exit::Fine),
    }
}

type Lines = BoxStream<'static, Result<String, Box<Failure>>>;

async fn open_one(
    session: &Session,
    engine: &Engine,
    arguments: &Arguments,
    pod: &Pod,
    is_one_of_several: bool,
) -> Result<Lines, Failure> {
    let failed = |error: SourceError| Failure::from(error).of(&pod.source);
    let container = container(engine, arguments, pod).await.map_err(failed)?;
    let since = arguments.since.and_then(|since| session.clock.now().checked_sub(since).ok());
    let query = LogQuery {
        pod: pod.id.clone(),
        container,
        previous: arguments.previous,
        tail: arguments.tail.or((is_one_of_several && since.is_none()).then_some(TAIL_OF_SEVERAL)),
        since,
        follow: arguments.follow,
    };
    let log = engine.stream_log(&pod.source, &query).await.map_err(failed)?;
    let prefix = if is_one_of_several { format!("{} | ", visible(&pod.id, false)) } else { String::new() };
    Ok(lines(log, prefix, arguments.timestamps, pod.source.clone()))
}

/// The container to read. Who may not see the Pod may still read its log: then the server chooses.
async fn container(engine: &Engine, arguments: &Arguments, pod: &Pod) -> Result<String, SourceError> {
    if let Some(container) = &arguments.container {
        return Ok(container.clone());
    }
    match engine.log_containers(&pod.source, &pod.id).await {
        Ok(LogContainers { all, usual }) => {
            let main = all.iter().filter(|one| one.kind == ContainerKind::Main).count();
            // A Pod that only prepares has nothing else to show yet.
            Ok(if main == 0 { all.into_iter().next().map(|one| one.name).unwrap_or_default() } else { usual })
        }
        Err(error) if error.code() == "kube.forbidden" => Ok(String::new()),
        Err(error) => Err(error),
    }
}

fn lines(log: Box<dyn LogStream>, prefix: String, timestamps: bool, source: SourceId) -> Lines {
    let next = move |log: Option<Box<dyn LogStream>>| {
        let (prefix, source) = (prefix.clone(), source.clone());
        async move {
            let mut log = log?;
            match log.next().await {
                Ok(Some(lines)) => {
                    let text = lines.iter().map(|line| shown(line, &prefix, timestamps)).collect::<String>();
                    Some((Ok(text), Some(log)))
                }
                Ok(None) => None,
                Err(error) => Some((Err(Box::new(Failure::from(error).of(&source))), None)),
            }
        }
    };
    stream::unfold(Some(log), next).boxed()
}

fn shown(line: &LogLine, prefix: &str, timestamps: bool) -> String {
    let at = line.at.filter(|_| timestamps).map(|at: Timestamp| format!("{at} ")).unwrap_or_default();
    let more = if line.left_out > 0 { format!(" … ({} more bytes)", line.left_out) } else { String::new() };
    format!("{prefix}{at}{}{more}\n", visible(&line.text, true))
}

/// The Pods that are meant: one by its name, or all of a service.
fn pods(snapshot: &Snapshot, name: &str) -> Result<Vec<Pod>, Failure> {
    let all = snapshot.services.values().flat_map(|service| service.instances.iter().filter_map(|one| pod(one)));
    let mut named: Vec<Pod> = all.filter(|pod| pod.id == name || pod.id.ends_with(&format!("/{name}"))).collect();
    if named.is_empty() {
        let is = |service: &binnacle_model::snapshot::Service| *service.name == *name || service.id.as_str() == name;
        let services = snapshot.services.values().filter(|service| is(service));
        named = services.flat_map(|service| service.instances.iter().filter_map(|one| pod(one))).collect();
    } else if named.len() > 1 {
        let ids: Vec<String> = named.iter().map(|pod| format!("{} of {}", pod.id, pod.source)).collect();
        return Err(Failure::new(
            "cli.several",
            Exit::Usage,
            format!("`{name}` is the name of several pods: {}", ids.join(", ")),
            "Name it as NAMESPACE/NAME, and its cluster alone with --source.",
        ));
    }
    named.sort();
    named.dedup();
    if named.len() > MOST_PODS {
        return Err(Failure::new(
            "cli.several",
            Exit::Usage,
            format!("`{name}` has {} pods, and {MOST_PODS} at most are read at once", named.len()),
            "Name one of them.",
        ));
    }
    if named.is_empty() {
        // Who may not list Pods may still read the log of one.
        named.extend(unlisted(snapshot, name));
    }
    if named.is_empty() { Err(no_pod(name)) } else { Ok(named) }
}

/// A Pod by its full name, in the only cluster that is read.
fn unlisted(snapshot: &Snapshot, name: &str) -> Option<Pod> {
    let mut clusters = snapshot.sources.keys().filter(|source| source.kind() == Some(SourceKind::Kube));
    match (clusters.next(), clusters.next()) {
        (Some(source), None) if name.split('/').count() == 2 => {
            Some(Pod { source: source.clone(), id: name.to_owned() })
        }
        _ => None,
    }
}

fn pod(instance: &Instance) -> Option<Pod> {
    let (source, id) = instance.pod()?;
    Some(Pod { source: source.clone(), id: id.to_string() })
}

fn no_pod(name: &str) -> Failure {
    Failure::not_found(
        format!("no pod and no service with pods is called `{name}`"),
        "See them with `binnaclectl services --instances`; logs come from Kubernetes alone.",
    )
}
