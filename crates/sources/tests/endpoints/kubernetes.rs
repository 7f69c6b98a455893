//! What a healthy API server shows seldom: a history that is forgotten, pages that expire, objects that are none, streams
//! that break in the middle of a line.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use binnacle_model::snapshot::SourceState;
use binnacle_model::store::SourceFacts;
use binnacle_sources::Environment;
use binnacle_sources::kubernetes::{Kubernetes, Pace};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::reader::{Reader, partial};

const SOURCE: &str = "kube:test";
/// A deadline for a broken source on a busy machine, not a measurement.
const DEADLINE: Duration = Duration::from_secs(30);

/// What is done with the next watch of Pods, after its lines were sent.
#[derive(Clone, Copy, PartialEq)]
enum After {
    /// It stays open.
    Stay,
    /// The stream ends as it should.
    End,
}

/// What the server answers about Pods; of everything else it has nothing.
#[derive(Default)]
struct Play {
    /// Answers to listings, the last one over again.
    lists: VecDeque<(u16, Value)>,
    /// Watches; when there is none left, a watch says nothing.
    watches: VecDeque<(String, After)>,
    /// The requests for Pods, in their order.
    asked: Vec<String>,
}

struct ApiServer {
    port: u16,
    play: Arc<Mutex<Play>>,
    count: watch::Receiver<usize>,
    folder: tempfile::TempDir,
    _tasks: JoinSet<()>,
}

impl ApiServer {
    async fn start(lists: Vec<(u16, Value)>, watches: Vec<(String, After)>) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let play = Play { lists: lists.into(), watches: watches.into(), asked: Vec::new() };
        let play = Arc::new(Mutex::new(play));
        let mut tasks = JoinSet::new();
        let shared = play.clone();
        let (counter, count) = watch::channel(0);
        tasks.spawn(async move {
            let mut answers = JoinSet::new();
            while let Ok((connection, _)) = listener.accept().await {
                answers.spawn(answer(connection, shared.clone(), counter.clone()));
            }
        });
        Self { port, play, count, folder: tempfile::tempdir().unwrap(), _tasks: tasks }
    }

    fn read(&self) -> Reader {
        let file = self.folder.path().join("config");
        let config = json!({
            "contexts": [{ "name": "test", "context": { "cluster": "c" } }],
            "clusters": [{ "name": "c", "cluster": { "server": format!("http://127.0.0.1:{}", self.port) } }],
        });
        std::fs::write(&file, config.to_string()).unwrap();
        let environment: Environment = [("KUBECONFIG".to_owned(), file.display().to_string())].into_iter().collect();
        let pace = Pace { first_pause: Duration::from_millis(10), ..Pace::default() };
        let source = Kubernetes::new("kube=test".parse().unwrap(), &environment).unwrap();
        Reader::start(SOURCE, source.with_pace(pace))
    }

    /// The requests for Pods, once there are so many.
    async fn asked(&mut self, times: usize) -> Vec<String> {
        let enough = self.count.wait_for(|count| *count >= times);
        tokio::time::timeout(DEADLINE, enough).await.expect("so many requests").unwrap();
        self.play.lock().unwrap().asked.clone()
    }
}

async fn answer(mut connection: TcpStream, play: Arc<Mutex<Play>>, count: watch::Sender<usize>) {
    let mut request = Vec::new();
    let mut part = [0; 1024];
    while !request.ends_with(b"\r\n\r\n") {
        match connection.read(&mut part).await {
            Ok(0) | Err(_) => return,
            Ok(length) => request.extend_from_slice(&part[..length]),
        }
    }
    let request = String::from_utf8(request).unwrap();
    let target = request.split_whitespace().nth(1).unwrap().to_owned();
    let (body, after) = reply(&target, &play);
    let asked = play.lock().unwrap().asked.len();
    count.send_modify(|count| *count = asked.max(*count));
    let mut bytes = body.as_bytes();
    // In pieces that end in the middle of lines.
    while !bytes.is_empty() {
        let (now, later) = bytes.split_at(bytes.len().min(700));
        if connection.write_all(now).await.is_err() || connection.flush().await.is_err() {
            return;
        }
        tokio::task::yield_now().await;
        bytes = later;
    }
    if after == After::Stay {
        // Until the other side leaves.
        let _ = connection.read(&mut part).await;
    }
}

fn reply(target: &str, play: &Mutex<Play>) -> (String, After) {
    let whole = |code: u16, body: &Value| {
        let body = body.to_string();
        format!("HTTP/1.1 {code} X\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
    };
    let stream = |lines: &str| format!("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{lines}");
    let mut play = play.lock().unwrap();
    let pods = target.starts_with("/api/v1/pods");
    if pods {
        play.asked.push(target.to_owned());
    }
    match (pods, target.contains("watch=1")) {
        (true, false) => {
            let (code, body) = play.lists.pop_front().unwrap();
            if play.lists.is_empty() {
                play.lists.push_back((code, body.clone()));
            }
            (whole(code, &body), After::End)
        }
        (true, true) => match play.watches.pop_front() {
            Some((lines, after)) => (stream(&lines), after),
            None => (stream(""), After::Stay),
        },
        (false, true) => (stream(""), After::Stay),
        (false, false) if target == "/version" => (whole(200, &json!({ "gitVersion": "v1.test" })), After::End),
        (false, false) => (whole(200, &list("1", &[])), After::End),
    }
}

fn pod(name: &str, version: u64) -> Value {
    json!({
        "metadata": { "name": name, "namespace": "shop", "uid": name, "resourceVersion": version.to_string(),
                      "annotations": { "padding": "x".repeat(2000) } },
        "status": { "phase": "Running", "conditions": [{ "type": "Ready", "status": "True" }] },
    })
}

fn list(version: &str, pods: &[Value]) -> Value {
    json!({ "kind": "List", "metadata": { "resourceVersion": version }, "items": pods })
}

fn gone() -> Value {
    json!({ "kind": "Status", "code": 410, "reason": "Expired", "message": "too old resource version: 1 (9)" })
}

fn lines(events: &[(&str, Value)]) -> String {
    events.iter().fold(String::new(), |mut lines, (kind, object)| {
        let _ = writeln!(lines, "{}", json!({ "type": kind, "object": object }));
        lines
    })
}

fn bookmark(version: u64) -> (&'static str, Value) {
    ("BOOKMARK", json!({ "kind": "Pod", "metadata": { "resourceVersion": version.to_string() } }))
}

fn names(facts: &SourceFacts) -> Vec<String> {
    let pods = facts.collections.get("pods").into_iter().flatten();
    pods.filter_map(|(key, _)| key.strip_prefix("instance/shop/").map(str::to_owned)).collect()
}

#[tokio::test]
async fn a_history_that_is_forgotten_inside_the_stream_is_listed_anew_and_what_went_is_removed() {
    let mut server = ApiServer::start(
        vec![(200, list("5", &[pod("a", 1), pod("b", 2)])), (200, list("9", &[pod("b", 2), pod("c", 9)]))],
        vec![(lines(&[("ADDED", pod("d", 6)), ("ERROR", gone())]), After::Stay)],
    )
    .await;
    let mut reader = server.read();
    reader.until("the new listing", |facts| names(facts) == ["b", "c"]).await;
    assert_eq!(reader.until_state(SourceState::Live).await.partial, []);
    let asked = server.asked(4).await;
    assert!(asked[1].contains("watch=1") && asked[1].contains("resourceVersion=5"), "{asked:?}");
    assert!(!asked[2].contains("watch=1") && asked[3].contains("resourceVersion=9"), "{asked:?}");
    reader.stop().await;
}

#[tokio::test]
async fn a_watch_that_ends_goes_on_from_its_last_bookmark_without_a_new_listing() {
    let mut server = ApiServer::start(
        vec![(200, list("5", &[pod("a", 1)]))],
        vec![
            (lines(&[("MODIFIED", pod("a", 6)), bookmark(40)]), After::End),
            (lines(&[("DELETED", pod("a", 41)), ("ADDED", pod("e", 42))]), After::Stay),
        ],
    )
    .await;
    let mut reader = server.read();
    reader.until("what the second watch said", |facts| names(facts) == ["e"]).await;
    let asked = server.asked(3).await;
    assert_eq!(asked.len(), 3, "{asked:?}");
    assert!(asked[2].contains("resourceVersion=40"), "{asked:?}");
    reader.stop().await;
}

#[tokio::test]
async fn pages_are_put_together_and_a_token_that_expired_begins_the_listing_anew() {
    let mut first = list("5", &[pod("a", 1)]);
    first["metadata"]["continue"] = json!("to/ken");
    let mut server = ApiServer::start(
        vec![(200, first.clone()), (410, gone()), (200, first), (200, list("5", &[pod("b", 2)]))],
        vec![],
    )
    .await;
    let mut reader = server.read();
    reader.until("both pages", |facts| names(facts) == ["a", "b"]).await;
    let asked = server.asked(4).await;
    assert!(asked[1].contains("continue=to%2Fken") && !asked[2].contains("continue"), "{asked:?}");
    reader.stop().await;
}

#[tokio::test]
async fn an_object_that_is_none_is_told_without_its_words_and_the_others_live() {
    let mut odd = pod("odd", 3);
    odd["spec"] = json!("s3cret");
    let server = ApiServer::start(vec![(200, list("5", &[pod("a", 1), odd, json!(7), pod("b", 2)]))], vec![]).await;
    let mut reader = server.read();
    reader.until("the others", |facts| names(facts) == ["a", "b"]).await;
    let status = reader.until_state(SourceState::Live).await;
    assert_eq!(partial(reader.facts()), ["kube.not_understood"]);
    let detail = &status.partial[0].detail;
    assert!(detail.contains("shop/odd") && !detail.contains("s3cret"), "{detail}");
    reader.stop().await;
}

#[tokio::test]
async fn a_server_that_is_no_api_server_is_said_to_be_none() {
    let server = ApiServer::start(vec![(200, json!("hello"))], vec![]).await;
    let mut reader = server.read();
    assert_eq!(reader.until_failing().await, "kube.not_understood");
    reader.stop().await;
}

#[tokio::test]
async fn a_busy_server_is_asked_again_and_what_was_known_stays() {
    let busy = json!({ "kind": "Status", "code": 429, "reason": "TooManyRequests", "message": "slow down" });
    let server = ApiServer::start(
        vec![(200, list("5", &[pod("a", 1)])), (429, busy), (200, list("9", &[pod("b", 9)]))],
        vec![(lines(&[("ERROR", gone())]), After::End)],
    )
    .await;
    let mut reader = server.read();
    assert_eq!(reader.until_failing().await, "kube.rate_limited");
    assert_eq!(names(reader.facts()), ["a"]);
    reader.until("the listing after that", |facts| names(facts) == ["b"]).await;
    reader.until_state(SourceState::Live).await;
    reader.stop().await;
}
