//! The log that the window shows. One at a time: opening another closes it.

use std::sync::Arc;
use std::time::Duration;

use binnacle_engine::logs::{LogBatch, OpenLog};
use binnacle_model::id::{InstanceId, SourceId};
use binnacle_model::snapshot::Instance;
use binnacle_sources::SourceError;
use binnacle_sources::logs::{ContainerKind, LogContainer, LogContainers, LogQuery};
use binnacle_view::contract::Failure;
use binnacle_view::contract::logs::{self as contract, LogRow, LogsBatch, LogsEnd, LogsOpenArgs, LogsOpened};
use binnacle_view::contract::state::millis;
use binnacle_view::text;
use tokio::sync::Mutex;

use crate::failure;
use crate::state::App;

/// The most lines of one batch: what a frame of the window can take.
const BATCH: usize = 2_000;
/// How long a fetch waits for something to arrive.
const WAIT: Duration = Duration::from_secs(1);
/// The most lines from the end that are asked for.
const MOST_TAIL: u32 = 10_000;

/// The log that is open, and its number.
#[derive(Default)]
pub(crate) struct Desk {
    open: Mutex<(u32, Option<Arc<OpenLog>>)>,
}

pub(crate) async fn open(app: &App, args: LogsOpenArgs) -> Result<LogsOpened, Failure> {
    // What stood there is closed first, whether or not the next one opens.
    app.logs.open.lock().await.1 = None;
    let (source, pod) = pod(app, &InstanceId::from(args.instance))?;
    let refused = |error: SourceError| failure::of_source(&error, Some(&source));
    let containers = match app.engine.log_containers(&source, &pod).await {
        Ok(containers) => containers,
        // Who may not see the Pod may still read its log: then the server chooses.
        Err(error) if error.code() == "kube.forbidden" => {
            LogContainers { all: Vec::new(), usual: args.container.clone().unwrap_or_default() }
        }
        Err(error) => return Err(refused(error)),
    };
    let query = LogQuery {
        pod: pod.clone(),
        container: args.container.unwrap_or_else(|| containers.usual.clone()),
        previous: args.previous,
        tail: Some(args.tail.min(MOST_TAIL)),
        since: None,
        follow: args.follow && !args.previous,
    };
    let log = app.engine.open_log(&source, &query).await.map_err(refused)?;
    let mut open = app.logs.open.lock().await;
    open.0 = open.0.wrapping_add(1);
    open.1 = Some(Arc::new(log));
    Ok(LogsOpened {
        log: open.0,
        command: command(&source, &query),
        pod: text::name(&pod),
        container: text::name(&query.container),
        containers: containers.all.iter().map(container).collect(),
    })
}

pub(crate) async fn next(app: &App, log: u32) -> Result<LogsBatch, Failure> {
    let (number, open) = app.logs.open.lock().await.clone();
    match open.filter(|_| number == log) {
        Some(open) => Ok(batch(open.fetch(BATCH, WAIT).await)),
        None => Ok(LogsBatch { lines: Vec::new(), dropped: 0.0, ended: Some(LogsEnd { failure: None }) }),
    }
}

pub(crate) async fn close(app: &App, log: u32) {
    let mut open = app.logs.open.lock().await;
    if open.0 == log {
        open.1 = None;
    }
}

/// The Pod of an instance, with its cluster.
fn pod(app: &App, id: &InstanceId) -> Result<(SourceId, String), Failure> {
    let snapshot = app.engine.snapshot();
    let mut all = snapshot.services.values().flat_map(|service| &service.instances);
    let found = all
        .find(|instance| instance.id == *id)
        .and_then(|instance: &Arc<Instance>| instance.pod().map(|(source, pod)| (source.clone(), pod.to_string())));
    found.ok_or_else(|| {
        failure::refused(
            "app.not_in_picture",
            "this is no longer in the picture, or it is no pod",
            "Look at another copy of the service.",
        )
    })
}

fn container(one: &LogContainer) -> contract::LogContainer {
    let role = match one.kind {
        ContainerKind::Main => "",
        ContainerKind::Init => "init",
        ContainerKind::Sidecar => "sidecar",
    };
    contract::LogContainer {
        name: text::name(&one.name),
        role: role.to_owned(),
        restarts: one.restarts,
        has_previous: one.has_previous,
    }
}

fn batch(batch: LogBatch) -> LogsBatch {
    let row = |line: binnacle_sources::logs::LogLine| LogRow {
        at: line.at.map(millis),
        text: text::visible(&line.text, true),
        left_out: count(line.left_out),
    };
    let ended = batch.ended.map(|end| LogsEnd { failure: end.error.map(|error| failure::of_source(&error, None)) });
    LogsBatch { lines: batch.lines.into_iter().map(row).collect(), dropped: count(batch.dropped), ended }
}

#[allow(clippy::cast_precision_loss, reason = "exact up to 2^53, and shown rounded")]
fn count(number: u64) -> f64 {
    number as f64
}

/// The same for a terminal.
fn command(source: &SourceId, query: &LogQuery) -> String {
    let mut words = vec!["binnaclectl", "--source"];
    let spec = format!("kube={}", source.place());
    words.extend([spec.as_str(), "logs", query.pod.as_str()]);
    if !query.container.is_empty() {
        words.extend(["-c", query.container.as_str()]);
    }
    words.extend(query.previous.then_some("--previous"));
    words.extend(query.follow.then_some("-f"));
    text::command(&words)
}
