//! What Binnacle relies on in Consul's HTTP API, as assertions that hold on every server it is run against: the real
//! ones of the lab, and the demo's registry. Two servers that both pass cannot have drifted apart in what matters.
//!
//! Every assertion works under names of its own, so that many can share a server. Nothing waits for time to pass: a
//! change is awaited by a blocking query, as the product awaits it.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::watch;
use url::Url;

/// How long any single change may take to be seen. It is a deadline for a broken server, not a measurement.
const DEADLINE: Duration = Duration::from_secs(60);

/// Which generation of Consul a server belongs to, where they differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Release {
    /// 1.22 and what speaks like it.
    Current,
    /// 1.8: no cleaning or checking of keys, 64 operations in a transaction, intentions not yet config entries.
    Old,
}

/// A server under test.
pub(crate) struct Server {
    base: Url,
    http: Client,
    release: Release,
}

/// One answer with what of it the assertions look at.
#[derive(Debug)]
struct Answer {
    status: StatusCode,
    index: u64,
    content_type: String,
    allow: String,
    location: String,
    bytes: Vec<u8>,
}

impl Answer {
    async fn of(response: Response) -> Answer {
        let text = |name: &str| {
            response.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
        };
        Answer {
            status: response.status(),
            index: text("x-consul-index").parse().unwrap_or(0),
            content_type: text("content-type"),
            allow: text("allow"),
            location: text("location"),
            bytes: response.bytes().await.expect("the body arrives").to_vec(),
        }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    #[track_caller]
    fn json(&self) -> Value {
        assert_eq!(self.status, StatusCode::OK, "{}", self.text());
        serde_json::from_slice(&self.bytes).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    #[track_caller]
    fn is(&self, status: u16, text: &str) {
        assert_eq!((self.status.as_u16(), self.text().trim_end()), (status, text));
    }
}

impl Server {
    pub(crate) fn new(base: Url, release: Release) -> Server {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(Duration::from_secs(60))
            .build()
            .expect("a client");
        Server { base, http, release }
    }

    /// The request for a path that is already percent-encoded.
    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.base.as_str().trim_end_matches('/')))
    }

    async fn send(&self, request: RequestBuilder) -> Answer {
        Answer::of(request.send().await.expect("the server answers")).await
    }

    async fn get(&self, path: &str) -> Answer {
        self.send(self.request(Method::GET, path)).await
    }

    async fn put(&self, path: &str, body: impl Into<reqwest::Body>) -> Answer {
        self.send(self.request(Method::PUT, path).body(body)).await
    }

    async fn put_json(&self, path: &str, body: &Value) -> Answer {
        self.put(path, body.to_string()).await
    }

    async fn delete(&self, path: &str) -> Answer {
        self.send(self.request(Method::DELETE, path)).await
    }

    async fn txn(&self, operations: Value) -> Answer {
        self.put_json("/v1/txn", &operations).await
    }

    /// Deletes what an earlier run on the same server left.
    async fn clear(&self, prefix: &str) {
        self.delete(&format!("/v1/kv/{prefix}?recurse")).await.is(200, "true");
    }

    /// The one entry under a key.
    async fn entry(&self, key: &str) -> Value {
        self.get(&format!("/v1/kv/{key}")).await.json()[0].clone()
    }

    async fn modify_index(&self, key: &str) -> u64 {
        self.entry(key).await["ModifyIndex"].as_u64().expect("an index")
    }

    /// Waits, by blocking queries, until the answer is as wanted.
    async fn until(&self, path: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let end = Instant::now() + DEADLINE;
        let mut index = 0;
        loop {
            let join = if path.contains('?') { '&' } else { '?' };
            let answer = self.get(&format!("{path}{join}index={index}&wait=5s")).await;
            index = answer.index;
            let value = answer.json();
            if wanted(&value) {
                return value;
            }
            assert!(Instant::now() < end, "{path} never came to be as wanted: {value}");
        }
    }

    async fn check_status(&self, service: &str, status: &str) -> Value {
        self.until(&format!("/v1/health/checks/{service}"), |checks| {
            checks.as_array().is_some_and(|checks| checks.iter().any(|check| check["Status"] == status))
        })
        .await
    }

    async fn register(&self, service: &Value) {
        self.put_json("/v1/agent/service/register", service).await.is(200, "");
    }

    async fn deregister(&self, id: &str) {
        self.put(&format!("/v1/agent/service/deregister/{id}"), "").await.is(200, "");
    }
}

#[track_caller]
fn fields(value: &Value) -> BTreeSet<String> {
    value.as_object().unwrap_or_else(|| panic!("an object: {value}")).keys().cloned().collect()
}

#[track_caller]
fn has_fields(value: &Value, wanted: &[&str]) {
    let known = fields(value);
    let missing: Vec<&&str> = wanted.iter().filter(|name| !known.contains(**name)).collect();
    assert!(missing.is_empty(), "{missing:?} missing in {value}");
}

/// Calls `$run` with the name of every assertion.
macro_rules! each_assertion {
    ($run:ident) => {
        $run! {
            a_value_is_kept_byte_by_byte_with_its_flags,
            an_unchanged_write_keeps_its_index,
            flags_fall_to_zero_when_a_write_does_not_name_them,
            a_guarded_write_is_refused_with_200_and_false,
            a_guarded_delete_needs_the_index_that_stands,
            deleting_a_key_leaves_what_is_below_it_alone,
            keys_are_listed_up_to_a_separator,
            keys_survive_percent_encoding,
            a_double_slash_in_the_path_is_redirected,
            a_double_slash_in_a_key_is_reached_by_a_transaction,
            a_value_above_the_limit_is_refused_and_one_at_it_is_not,
            a_missing_key_carries_an_index_to_wait_on,
            nonsense_is_refused_in_words,
            a_wrong_method_is_told_the_right_ones,
            a_waiting_read_of_a_key_wakes_for_that_key_only,
            a_waiting_read_of_a_missing_key_wakes_when_it_is_made,
            a_waiting_listing_wakes_for_a_delete,
            a_waiting_read_comes_back_unchanged_when_its_time_is_up,
            a_transaction_is_all_or_nothing,
            a_transaction_answers_reads_with_values_and_writes_without,
            a_transaction_has_limits,
            a_service_is_registered_with_what_was_written,
            a_registration_wakes_every_kind_of_waiting_read,
            checks_stay_on_registering_again_unless_replaced,
            wrong_registrations_are_refused_in_words,
            a_ttl_check_follows_its_reports_and_runs_out,
            an_http_check_is_really_executed,
            a_tcp_check_is_really_executed,
            maintenance_is_a_critical_check_with_a_reserved_id,
            a_node_of_the_catalog_comes_and_goes,
            a_sidecar_declares_whom_it_calls,
            config_entries_are_guarded_like_keys,
            intentions_are_listed_most_exact_first,
            the_whole_datacenter_fits_in_one_answer,
            lists_without_entries_are_lists,
        }
    };
}

pub(crate) async fn a_value_is_kept_byte_by_byte_with_its_flags(server: &Server) {
    let value = [0u8, 0xff, 0xfe, b'\n', 0x80];
    server.put("/v1/kv/bytes/a?flags=18446744073709551615", value.to_vec()).await.is(200, "true");
    let answer = server.get("/v1/kv/bytes/a").await;
    let entry = answer.json()[0].clone();
    assert_eq!(entry["Value"], "AP/+CoA=");
    assert_eq!(entry["Flags"], json!(u64::MAX));
    assert_eq!(entry["Key"], "bytes/a");
    assert_eq!(entry["LockIndex"], 0);
    assert_eq!(entry["CreateIndex"], entry["ModifyIndex"]);
    assert_eq!(json!(answer.index), entry["ModifyIndex"]);
    assert_eq!(entry.get("Session"), None);
    let raw = server.get("/v1/kv/bytes/a?raw").await;
    assert_eq!(raw.bytes, value);
    server.put("/v1/kv/bytes/empty", "").await.is(200, "true");
    assert_eq!(server.entry("bytes/empty").await["Value"], Value::Null);
}

pub(crate) async fn an_unchanged_write_keeps_its_index(server: &Server) {
    server.clear("same").await;
    server.put("/v1/kv/same", "x").await.is(200, "true");
    let before = server.modify_index("same").await;
    server.put("/v1/kv/same", "x").await.is(200, "true");
    assert_eq!(server.modify_index("same").await, before);
    server.put("/v1/kv/same?flags=1", "x").await.is(200, "true");
    let entry = server.entry("same").await;
    assert!(entry["ModifyIndex"].as_u64() > Some(before));
    assert_eq!(entry["CreateIndex"], before);
}

pub(crate) async fn flags_fall_to_zero_when_a_write_does_not_name_them(server: &Server) {
    server.put("/v1/kv/flagged?flags=42", "x").await.is(200, "true");
    server.put("/v1/kv/flagged", "y").await.is(200, "true");
    assert_eq!(server.entry("flagged").await["Flags"], 0);
}

pub(crate) async fn a_guarded_write_is_refused_with_200_and_false(server: &Server) {
    server.clear("guarded").await;
    server.put("/v1/kv/guarded?cas=7", "x").await.is(200, "false");
    server.put("/v1/kv/guarded?cas=0", "x").await.is(200, "true");
    server.put("/v1/kv/guarded?cas=0", "y").await.is(200, "false");
    let index = server.modify_index("guarded").await;
    server.put(&format!("/v1/kv/guarded?cas={}", index + 1), "y").await.is(200, "false");
    assert_eq!(server.entry("guarded").await["Value"], "eA==");
    server.put(&format!("/v1/kv/guarded?cas={index}"), "y").await.is(200, "true");
    assert_eq!(server.entry("guarded").await["Value"], "eQ==");
    server.put(&format!("/v1/kv/guarded?cas={index}"), "z").await.is(200, "false");
}

pub(crate) async fn a_guarded_delete_needs_the_index_that_stands(server: &Server) {
    server.put("/v1/kv/doomed", "x").await.is(200, "true");
    let index = server.modify_index("doomed").await;
    server.delete("/v1/kv/doomed?cas=0").await.is(200, "false");
    server.delete(&format!("/v1/kv/doomed?cas={}", index + 1)).await.is(200, "false");
    server.delete(&format!("/v1/kv/doomed?cas={index}")).await.is(200, "true");
    assert_eq!(server.get("/v1/kv/doomed").await.status, StatusCode::NOT_FOUND);
    server.delete(&format!("/v1/kv/doomed?cas={index}")).await.is(200, "true");
    server.delete("/v1/kv/doomed").await.is(200, "true");
}

pub(crate) async fn deleting_a_key_leaves_what_is_below_it_alone(server: &Server) {
    for key in ["del/a", "del/a/b", "del/ab"] {
        server.put(&format!("/v1/kv/{key}"), "x").await.is(200, "true");
    }
    server.delete("/v1/kv/del/a").await.is(200, "true");
    assert_eq!(server.get("/v1/kv/del/?keys").await.json(), json!(["del/a/b", "del/ab"]));
    // The presence of the word is enough, whatever it says; and the tree is a prefix of text, not of folders.
    server.put("/v1/kv/del/a", "x").await.is(200, "true");
    server.delete("/v1/kv/del/a?recurse=false").await.is(200, "true");
    assert_eq!(server.get("/v1/kv/del/?keys").await.status, StatusCode::NOT_FOUND);
}

pub(crate) async fn keys_are_listed_up_to_a_separator(server: &Server) {
    for key in ["list/a/x", "list/a/y", "list/b", "list/c/"] {
        server.put(&format!("/v1/kv/{key}"), "x").await.is(200, "true");
    }
    assert_eq!(server.get("/v1/kv/list/?keys&separator=/").await.json(), json!(["list/a/", "list/b", "list/c/"]));
    assert_eq!(server.get("/v1/kv/list?keys&separator=/").await.json(), json!(["list/"]));
    let all = server.get("/v1/kv/list/?recurse").await.json();
    assert_eq!(all.as_array().map(Vec::len), Some(4));
    let flat = server.get("/v1/kv/list/a?keys").await;
    assert_eq!(flat.json(), json!(["list/a/x", "list/a/y"]));
    assert!(flat.index > 1);
}

pub(crate) async fn keys_survive_percent_encoding(server: &Server) {
    let cases = [
        ("enc/sp%20ace", "enc/sp ace"),
        ("enc/a%3Fb%23c", "enc/a?b#c"),
        ("enc/100%25", "enc/100%"),
        ("enc/a+b", "enc/a+b"),
        ("enc/%E2%82%AC", "enc/€"),
        ("enc/%F0%9F%9A%A2", "enc/🚢"),
        ("enc%2Fslash", "enc/slash"),
        ("enc/folder/", "enc/folder/"),
        ("enc/a&b=c", "enc/a&b=c"),
    ];
    for (path, key) in cases {
        server.put(&format!("/v1/kv/{path}"), "x").await.is(200, "true");
        assert_eq!(server.entry(path).await["Key"], key);
    }
    let mut names: Vec<&str> = cases.iter().map(|(_, key)| *key).collect();
    names.sort_unstable();
    assert_eq!(server.get("/v1/kv/enc/?keys").await.json(), json!(names));
    if server.release == Release::Current {
        assert_eq!(server.put("/v1/kv/%20lead", "x").await.status, StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(server.put("/v1/kv/enc/..%2F..%2F..%2Fup", "x").await.status, StatusCode::INTERNAL_SERVER_ERROR);
    }
    assert_eq!(server.put("/v1/kv/enc/line%0Abreak", "x").await.status, StatusCode::BAD_REQUEST);
}

pub(crate) async fn a_double_slash_in_the_path_is_redirected(server: &Server) {
    let answer = server.put("/v1/kv/double//slash", "x").await;
    assert!(answer.status.is_redirection(), "{answer:?}");
    assert_eq!(answer.location, "/v1/kv/double/slash");
    assert_eq!(server.get("/v1/kv/double/slash").await.status, StatusCode::NOT_FOUND, "nothing was written");
}

pub(crate) async fn a_double_slash_in_a_key_is_reached_by_a_transaction(server: &Server) {
    server.txn(json!([{ "KV": { "Verb": "set", "Key": "deep//slash", "Value": "eA==" } }])).await.json();
    assert_eq!(server.get("/v1/kv/deep/?keys").await.json(), json!(["deep//slash"]));
    let got = server.txn(json!([{ "KV": { "Verb": "get", "Key": "deep//slash" } }])).await.json();
    assert_eq!(got["Results"][0]["KV"]["Value"], "eA==");
    server.txn(json!([{ "KV": { "Verb": "delete", "Key": "deep//slash" } }])).await.json();
    assert_eq!(server.get("/v1/kv/deep/?keys").await.status, StatusCode::NOT_FOUND);
}

pub(crate) async fn a_value_above_the_limit_is_refused_and_one_at_it_is_not(server: &Server) {
    const LIMIT: usize = 512 * 1024;
    server.put("/v1/kv/large", vec![b'x'; LIMIT]).await.is(200, "true");
    assert_eq!(server.get("/v1/kv/large?raw").await.bytes.len(), LIMIT);
    server.delete("/v1/kv/large").await.is(200, "true");
    let refused = server.put("/v1/kv/large", vec![b'x'; LIMIT + 1]).await;
    assert_eq!(refused.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert!(refused.text().contains("max size: 524288 bytes"), "{}", refused.text());
    assert_eq!(server.get("/v1/kv/large").await.status, StatusCode::NOT_FOUND);
}

pub(crate) async fn a_missing_key_carries_an_index_to_wait_on(server: &Server) {
    for path in ["/v1/kv/nowhere", "/v1/kv/nowhere/?recurse", "/v1/kv/nowhere/?keys"] {
        let answer = server.get(path).await;
        assert_eq!((answer.status, answer.bytes.len()), (StatusCode::NOT_FOUND, 0), "{path}");
        assert!(answer.index >= 1, "{path}");
    }
}

pub(crate) async fn nonsense_is_refused_in_words(server: &Server) {
    server.get("/v1/kv/x?wait=5").await.is(400, "Invalid wait time");
    server.get("/v1/kv/x?index=x").await.is(400, "Invalid index");
    server
        .get("/v1/kv/x?stale&consistent")
        .await
        .is(400, "Cannot specify ?stale with ?consistent, conflicting semantics.");
    server.get("/v1/kv/").await.is(400, "Missing key name");
    server.put("/v1/kv/", "x").await.is(400, "Missing key name");
    server.put("/v1/kv/x?cas=x", "x").await.is(500, "strconv.ParseUint: parsing \"x\": invalid syntax");
    assert_eq!(server.put("/v1/kv/x?cas=1&acquire=y", "x").await.status, StatusCode::BAD_REQUEST);
    assert_eq!(server.delete("/v1/kv/x?cas=1&recurse").await.status, StatusCode::BAD_REQUEST);
    server.get("/v1/catalog/services?dc=atlantis").await.is(500, "No path to datacenter");
    let unknown = server.get("/v1/no/such/thing").await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);
    assert!(unknown.text().contains("Invalid URL path") || server.release == Release::Old, "{}", unknown.text());
    server.get("/v1/health/service/").await.is(400, "Missing service name");
    if server.release == Release::Current {
        let answer = server.get("/v1/kv/x?ns=team").await;
        answer.is(400, "Invalid query parameter: \"ns\" - Namespaces are a Consul Enterprise feature");
        assert!(answer.content_type.starts_with("text/plain"));
        server.get("/v1/acl/token/self").await.is(401, "ACL support disabled");
        let rights = server.request(Method::POST, "/v1/internal/acl/authorize").body("[]");
        server.send(rights).await.is(401, "ACL support disabled");
    }
}

pub(crate) async fn a_wrong_method_is_told_the_right_ones(server: &Server) {
    let answer = server.send(server.request(Method::POST, "/v1/kv/x")).await;
    answer.is(405, "method POST not allowed");
    assert_eq!(answer.allow, "OPTIONS,GET,PUT,DELETE");
    assert_eq!(server.get("/v1/agent/service/register").await.status, StatusCode::METHOD_NOT_ALLOWED);
}

pub(crate) async fn a_waiting_read_of_a_key_wakes_for_that_key_only(server: &Server) {
    server.clear("wake/").await;
    server.put("/v1/kv/wake/me", "1").await.is(200, "true");
    let index = server.modify_index("wake/me").await;
    let path = format!("/v1/kv/wake/me?index={index}&wait=30s");
    let waiting = server.get(&path);
    let writing = async {
        server.put("/v1/kv/wake/other", "x").await.is(200, "true");
        server.put("/v1/kv/wake/other", "y").await.is(200, "true");
        server.put("/v1/kv/wake/me", "2").await.is(200, "true");
    };
    let (answer, ()) = tokio::join!(waiting, writing);
    assert_eq!(answer.json()[0]["Value"], "Mg==", "woken for something else");
    assert!(answer.index > index);
}

pub(crate) async fn a_waiting_read_of_a_missing_key_wakes_when_it_is_made(server: &Server) {
    server.clear("made/").await;
    server.put("/v1/kv/made/other", "0").await.is(200, "true");
    let index = server.get("/v1/kv/made/later").await.index;
    let path = format!("/v1/kv/made/later?index={index}&wait=30s");
    let writing = async { server.put("/v1/kv/made/later", "1").await.is(200, "true") };
    let (mut answer, ()) = tokio::join!(server.get(&path), writing);
    if answer.status == StatusCode::NOT_FOUND {
        // Others write on a shared server: an early return is allowed, and its index is to be waited on.
        answer = server.get(&format!("/v1/kv/made/later?index={}&wait=30s", answer.index)).await;
    }
    assert_eq!(answer.json()[0]["Value"], "MQ==");
}

pub(crate) async fn a_waiting_listing_wakes_for_a_delete(server: &Server) {
    for key in ["a", "b"] {
        server.put(&format!("/v1/kv/gone/{key}"), "x").await.is(200, "true");
    }
    let index = server.get("/v1/kv/gone/?keys").await.index;
    let path = format!("/v1/kv/gone/?keys&index={index}&wait=30s");
    let deleting = async { server.delete("/v1/kv/gone/b").await.is(200, "true") };
    let (answer, ()) = tokio::join!(server.get(&path), deleting);
    assert_eq!(answer.json(), json!(["gone/a"]));
    assert!(answer.index > index);
}

pub(crate) async fn a_waiting_read_comes_back_unchanged_when_its_time_is_up(server: &Server) {
    server.put("/v1/kv/patience", "x").await.is(200, "true");
    let index = server.modify_index("patience").await;
    let answer = server.get(&format!("/v1/kv/patience?index={index}&wait=50ms")).await;
    assert_eq!(answer.index, index);
    assert_eq!(answer.json()[0]["Value"], "eA==");
}

pub(crate) async fn a_transaction_is_all_or_nothing(server: &Server) {
    server.clear("txn/").await;
    server.put("/v1/kv/txn/a", "1").await.is(200, "true");
    let index = server.modify_index("txn/a").await;
    let answer = server
        .txn(json!([
            { "KV": { "Verb": "set", "Key": "txn/b", "Value": "eA==" } },
            { "KV": { "Verb": "cas", "Key": "txn/a", "Value": "eA==", "Index": index + 1 } },
            { "KV": { "Verb": "check-not-exists", "Key": "txn/a" } },
            { "KV": { "Verb": "delete-cas", "Key": "txn/a", "Index": index + 1 } },
            { "KV": { "Verb": "get", "Key": "txn/none" } },
        ]))
        .await;
    assert_eq!(answer.status, StatusCode::CONFLICT);
    let body: Value = serde_json::from_slice(&answer.bytes).expect("JSON");
    assert_eq!(body["Results"], Value::Null);
    let says: Vec<(u64, String)> = body["Errors"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|error| {
            (error["OpIndex"].as_u64().expect("a number"), error["What"].as_str().unwrap_or_default().to_owned())
        })
        .collect();
    assert_eq!(says[0], (1, "failed to set key \"txn/a\", index is stale".to_owned()));
    assert_eq!(says.iter().map(|(at, _)| *at).collect::<Vec<_>>(), [1, 2, 3, 4], "each that failed is named");
    assert_eq!(server.get("/v1/kv/txn/b").await.status, StatusCode::NOT_FOUND, "nothing of it was done");
    let done = server
        .txn(json!([
            { "KV": { "Verb": "cas", "Key": "txn/a", "Value": "Mg==", "Index": index, "Flags": 9 } },
            { "KV": { "Verb": "cas", "Key": "txn/new", "Value": "Mg==", "Index": 0 } },
        ]))
        .await
        .json();
    assert_eq!(done["Errors"], Value::Null);
    let entry = server.entry("txn/a").await;
    assert_eq!((entry["Value"].as_str(), entry["Flags"].as_u64()), (Some("Mg=="), Some(9)));
    assert_eq!(entry["ModifyIndex"], server.entry("txn/new").await["ModifyIndex"], "one write, one index");
}

pub(crate) async fn a_transaction_answers_reads_with_values_and_writes_without(server: &Server) {
    let answer = server
        .txn(json!([
            { "KV": { "Verb": "set", "Key": "rows/a", "Value": "eA==", "Flags": 3 } },
            { "KV": { "Verb": "get", "Key": "rows/a" } },
            { "KV": { "Verb": "delete", "Key": "rows/none" } },
            { "KV": { "Verb": "get-tree", "Key": "rows/" } },
        ]))
        .await
        .json();
    let rows = answer["Results"].as_array().expect("rows");
    assert_eq!(rows.len(), 3, "a delete has no row");
    assert_eq!(rows[0]["KV"]["Value"], Value::Null);
    assert_eq!((rows[1]["KV"]["Value"].as_str(), rows[1]["KV"]["Flags"].as_u64()), (Some("eA=="), Some(3)));
    assert_eq!(rows[2]["KV"]["Key"], "rows/a");
    let missing = server.txn(json!([{ "KV": { "Verb": "get", "Key": "rows/none" } }])).await;
    assert_eq!(missing.status, StatusCode::CONFLICT);
    assert!(missing.text().contains("doesn't exist"));
}

pub(crate) async fn a_transaction_has_limits(server: &Server) {
    let limit = if server.release == Release::Old { 64 } else { 128 };
    let operation = json!({ "KV": { "Verb": "set", "Key": "many", "Value": "eA==" } });
    server.txn(json!(vec![operation.clone(); limit])).await.json();
    let refused = server.txn(json!(vec![operation; limit + 1])).await;
    refused.is(413, &format!("Transaction contains too many operations ({} > {limit})", limit + 1));
    let half = "eHh4".repeat(100_000);
    let large = json!([
        { "KV": { "Verb": "set", "Key": "many/a", "Value": half } },
        { "KV": { "Verb": "set", "Key": "many/b", "Value": half } },
    ]);
    assert_eq!(server.txn(large).await.status, StatusCode::PAYLOAD_TOO_LARGE, "the sum counts");
    assert_eq!(server.put("/v1/txn", "nonsense").await.status, StatusCode::BAD_REQUEST);
    assert_eq!(
        server.txn(json!([{ "KV": { "Verb": "set", "Key": "k", "Value": "!" } }])).await.status,
        StatusCode::BAD_REQUEST
    );
    assert_eq!(server.txn(json!([{ "KV": { "Verb": "set", "Key": "" } }])).await.status, StatusCode::CONFLICT);
}

pub(crate) async fn a_service_is_registered_with_what_was_written(server: &Server) {
    server
        .register(&json!({
            "Name": "written", "ID": "written-1", "Port": 8080, "Address": "127.0.0.9", "Tags": ["v1", "eu"],
            "Meta": { "team": "shop" }, "EnableTagOverride": true,
            "Check": { "TTL": "1h", "Status": "passing", "Notes": "self" },
        }))
        .await;
    let rows = server
        .until("/v1/health/service/written", |rows| {
            rows[0]["Checks"].as_array().is_some_and(|checks| checks.len() == 2)
        })
        .await;
    let row = &rows[0];
    has_fields(
        &row["Node"],
        &["ID", "Node", "Address", "Datacenter", "TaggedAddresses", "Meta", "CreateIndex", "ModifyIndex"],
    );
    let service = &row["Service"];
    has_fields(
        service,
        &[
            "ID",
            "Service",
            "Tags",
            "Address",
            "Meta",
            "Port",
            "Weights",
            "EnableTagOverride",
            "Proxy",
            "Connect",
            "CreateIndex",
            "ModifyIndex",
        ],
    );
    assert_eq!((service["ID"].as_str(), service["Service"].as_str()), (Some("written-1"), Some("written")));
    assert_eq!(service["Tags"], json!(["v1", "eu"]));
    assert_eq!((service["Address"].as_str(), service["Port"].as_u64()), (Some("127.0.0.9"), Some(8080)));
    assert_eq!(service["Meta"], json!({ "team": "shop" }));
    assert_eq!(
        (service["Weights"].clone(), service["EnableTagOverride"].clone()),
        (json!({ "Passing": 1, "Warning": 1 }), json!(true))
    );
    let checks = row["Checks"].as_array().expect("checks");
    let own = checks.iter().find(|check| check["ServiceID"] == "written-1").expect("its own check");
    assert!(
        checks.iter().any(|check| check["CheckID"] == "serfHealth" && check["ServiceID"] == ""),
        "the node's check"
    );
    has_fields(
        own,
        &[
            "Node",
            "CheckID",
            "Name",
            "Status",
            "Notes",
            "Output",
            "ServiceID",
            "ServiceName",
            "ServiceTags",
            "Definition",
            "CreateIndex",
            "ModifyIndex",
        ],
    );
    assert_eq!(
        (own["CheckID"].as_str(), own["Name"].as_str()),
        (Some("service:written-1"), Some("Service 'written' check"))
    );
    assert_eq!((own["Status"].as_str(), own["Notes"].as_str()), (Some("passing"), Some("self")));
    assert_eq!(own["ServiceTags"], json!(["v1", "eu"]));

    let flat = server.get("/v1/catalog/service/written").await.json();
    has_fields(
        &flat[0],
        &[
            "ID",
            "Node",
            "Address",
            "Datacenter",
            "NodeMeta",
            "ServiceID",
            "ServiceName",
            "ServiceTags",
            "ServiceAddress",
            "ServiceMeta",
            "ServicePort",
            "ServiceProxy",
        ],
    );
    assert_eq!(flat[0]["ServiceAddress"], "127.0.0.9");
    assert_eq!(server.get("/v1/catalog/services").await.json()["written"].as_array().map(Vec::len), Some(2));
    let own_view = server.get("/v1/agent/services").await.json();
    assert_eq!(own_view["written-1"]["Service"], "written");
    server.deregister("written-1").await;
    server.until("/v1/catalog/service/written", |rows| rows == &json!([])).await;
}

pub(crate) async fn a_registration_wakes_every_kind_of_waiting_read(server: &Server) {
    let mut waiting = Vec::new();
    for path in [
        "/v1/catalog/services",
        "/v1/health/service/newborn",
        "/v1/catalog/service/newborn",
        "/v1/internal/ui/nodes",
        "/v1/health/state/any",
    ] {
        let index = server.get(path).await.index;
        assert!(index >= 1, "{path}");
        waiting.push((path, format!("{path}?index={index}&wait=30s")));
    }
    let reads = futures_util::future::join_all(waiting.iter().map(|(path, query)| async move {
        // Others register on a shared server: look until the newborn is there, but only by waiting.
        let mut answer = server.get(query).await;
        let end = Instant::now() + DEADLINE;
        while !answer.text().contains("newborn") {
            assert!(Instant::now() < end, "{path} does not show the newborn");
            answer = server.get(&format!("{path}?index={}&wait=5s", answer.index)).await;
        }
    }));
    let newborn = json!({ "Name": "newborn", "Check": { "TTL": "1h" } });
    tokio::join!(reads, server.register(&newborn));
    server.deregister("newborn").await;
}

pub(crate) async fn checks_stay_on_registering_again_unless_replaced(server: &Server) {
    let with = |ids: &[&str]| {
        let checks: Vec<Value> = ids.iter().map(|id| json!({ "CheckID": id, "Name": id, "TTL": "1h" })).collect();
        json!({ "Name": "again", "Checks": checks })
    };
    let names = |checks: &Value| -> BTreeSet<String> {
        checks
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|check| Some(check["CheckID"].as_str()?.to_owned()))
            .collect()
    };
    let set = |ids: &[&str]| -> BTreeSet<String> { ids.iter().map(|id| (*id).to_owned()).collect() };
    server.register(&with(&["again:a", "again:b"])).await;
    server.register(&with(&["again:a"])).await;
    server.until("/v1/health/checks/again", |checks| names(checks) == set(&["again:a", "again:b"])).await;
    server.put_json("/v1/agent/service/register?replace-existing-checks=true", &with(&["again:a"])).await.is(200, "");
    server.until("/v1/health/checks/again", |checks| names(checks) == set(&["again:a"])).await;
    server.deregister("again").await;
}

pub(crate) async fn wrong_registrations_are_refused_in_words(server: &Server) {
    let register = "/v1/agent/service/register";
    server.put_json(register, &json!({ "ID": "nameless" })).await.is(400, "Missing service name");
    assert_eq!(server.put(register, "nonsense").await.status, StatusCode::BAD_REQUEST);
    let no_interval =
        server.put_json(register, &json!({ "Name": "w", "Check": { "HTTP": "http://127.0.0.1:1/" } })).await;
    assert_eq!(no_interval.status, StatusCode::BAD_REQUEST);
    assert!(no_interval.text().contains("Interval must be > 0"), "{}", no_interval.text());
    assert_eq!(
        server.put_json(register, &json!({ "Name": "w", "Check": { "TTL": "soon" } })).await.status,
        StatusCode::BAD_REQUEST
    );
    assert_eq!(
        server.put_json(register, &json!({ "Name": "w", "Meta": { "a b": "c" } })).await.status,
        StatusCode::BAD_REQUEST
    );
    let proxy = json!({ "Name": "w-proxy", "Kind": "connect-proxy", "Port": 1 });
    assert_eq!(server.put_json(register, &proxy).await.status, StatusCode::BAD_REQUEST);
    if server.release == Release::Current {
        let unknown = "Unknown service ID \"no-such\". Ensure that the service ID is passed, not the service name.";
        server.put("/v1/agent/service/deregister/no-such", "").await.is(404, unknown);
        let unknown = "Unknown check ID \"no-such\". Ensure that the check ID is passed, not the check name.";
        server.put("/v1/agent/check/pass/no-such", "").await.is(404, unknown);
        server
            .put_json("/v1/agent/service/register", &json!({ "Name": "w", "Nope": 1 }))
            .await
            .is(400, "Request decode failed: json: unknown field \"Nope\"");
    }
    assert_eq!(server.get("/v1/catalog/service/w").await.json(), json!([]));
}

pub(crate) async fn a_ttl_check_follows_its_reports_and_runs_out(server: &Server) {
    server.register(&json!({ "Name": "ttl", "Check": { "CheckID": "ttl-c", "TTL": "1h" } })).await;
    server.check_status("ttl", "critical").await;
    server.put("/v1/agent/check/pass/ttl-c?note=well", "").await.is(200, "");
    let checks = server.check_status("ttl", "passing").await;
    assert_eq!(checks[0]["Output"], "well");
    server
        .put_json("/v1/agent/check/update/ttl-c", &json!({ "Status": "warning", "Output": "slow" }))
        .await
        .is(200, "");
    let checks = server.check_status("ttl", "warning").await;
    assert_eq!(checks[0]["Output"], "slow");
    server.put("/v1/agent/check/fail/ttl-c", "").await.is(200, "");
    server.check_status("ttl", "critical").await;
    let bogus = server.put_json("/v1/agent/check/update/ttl-c", &json!({ "Status": "fine" })).await;
    bogus.is(400, "Invalid check status: 'fine'");
    server.deregister("ttl").await;

    server.register(&json!({ "Name": "ttl-short", "Check": { "CheckID": "ttl-s", "TTL": "1s" } })).await;
    server.put("/v1/agent/check/pass/ttl-s?note=alive", "").await.is(200, "");
    server.check_status("ttl-short", "passing").await;
    let checks = server.check_status("ttl-short", "critical").await;
    assert!(checks[0]["Output"].as_str().unwrap_or_default().contains("TTL expired"), "{checks}");
    server.deregister("ttl-short").await;
}

/// A server whose answer to everything is a status line that the test chooses.
async fn answering(status: watch::Receiver<&'static str>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let serve = async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0u8; 2048];
            let _ = stream.read(&mut request).await;
            let answer = format!("HTTP/1.1 {}\r\nContent-Length: 4\r\nConnection: close\r\n\r\nbody", *status.borrow());
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    };
    // It ends with the test's runtime.
    std::mem::drop(tokio::runtime::Handle::current().spawn(serve));
    port
}

pub(crate) async fn an_http_check_is_really_executed(server: &Server) {
    let (status, seen) = watch::channel("200 OK");
    let port = answering(seen).await;
    let url = format!("http://127.0.0.1:{port}/health");
    server.register(&json!({ "Name": "probed", "Check": { "HTTP": url, "Interval": "1s", "Timeout": "2s" } })).await;
    let checks = server.check_status("probed", "passing").await;
    let output = checks[0]["Output"].as_str().unwrap_or_default().to_owned();
    assert_eq!(output, format!("HTTP GET {url}: 200 OK Output: body"));
    status.send_replace("429 Too Many Requests");
    server.check_status("probed", "warning").await;
    status.send_replace("503 Service Unavailable");
    let checks = server.check_status("probed", "critical").await;
    assert!(checks[0]["Output"].as_str().unwrap_or_default().contains("503 Service Unavailable"), "{checks}");
    status.send_replace("204 No Content");
    server.check_status("probed", "passing").await;
    let none = server.get("/v1/health/service/probed?passing").await.json();
    assert_eq!(none.as_array().map(Vec::len), Some(1));
    server.deregister("probed").await;
}

pub(crate) async fn a_tcp_check_is_really_executed(server: &Server) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    server.register(&json!({ "Name": "dialled", "Check": { "TCP": address, "Interval": "1s" } })).await;
    server.check_status("dialled", "passing").await;
    drop(listener);
    server.check_status("dialled", "critical").await;
    assert_eq!(server.get("/v1/health/service/dialled?passing").await.json(), json!([]));
    server.deregister("dialled").await;
}

pub(crate) async fn maintenance_is_a_critical_check_with_a_reserved_id(server: &Server) {
    server.register(&json!({ "Name": "resting", "Check": { "TTL": "1h", "Status": "passing" } })).await;
    server.put("/v1/agent/service/maintenance/resting", "").await.is(400, "Missing value for enable");
    server.put("/v1/agent/service/maintenance/resting?enable=true&reason=repairs", "").await.is(200, "");
    let checks = server.check_status("resting", "critical").await;
    let check = checks
        .as_array()
        .and_then(|checks| checks.iter().find(|check| check["Status"] == "critical"))
        .expect("a critical check");
    assert_eq!(check["CheckID"], "_service_maintenance:resting");
    assert_eq!(check["Notes"], "repairs");
    server.put("/v1/agent/service/maintenance/resting?enable=false", "").await.is(200, "");
    server.until("/v1/health/checks/resting", |checks| checks.as_array().is_some_and(|checks| checks.len() == 1)).await;
    server.deregister("resting").await;
}

pub(crate) async fn a_node_of_the_catalog_comes_and_goes(server: &Server) {
    let entry = json!({
        "Node": "far-away", "Address": "10.9.8.7", "NodeMeta": { "external-node": "true" },
        "Service": { "ID": "ext-1", "Service": "ext", "Port": 5432, "Tags": ["pg"] },
        "Checks": [{ "Name": "ext-c", "Status": "warning", "ServiceID": "ext-1", "Output": "slow" }],
    });
    server.put_json("/v1/catalog/register", &entry).await.is(200, "true");
    let rows = server.get("/v1/health/service/ext").await.json();
    assert_eq!(rows[0]["Node"]["Node"], "far-away");
    assert_eq!(rows[0]["Node"]["Meta"], json!({ "external-node": "true" }));
    assert_eq!(rows[0]["Checks"][0]["Status"], "warning");
    assert_eq!(rows[0]["Checks"][0]["ServiceName"], "ext");
    let node = server.get("/v1/catalog/node/far-away").await.json();
    assert_eq!(node["Services"]["ext-1"]["Port"], 5432);
    assert_eq!(server.get("/v1/health/node/far-away").await.json().as_array().map(Vec::len), Some(1));
    server.put_json("/v1/catalog/deregister", &json!({ "Node": "far-away" })).await.is(200, "true");
    assert_eq!(server.get("/v1/catalog/service/ext").await.json(), json!([]));
    assert_eq!(server.get("/v1/catalog/node/far-away").await.json(), Value::Null);
    assert_eq!(
        server.put_json("/v1/catalog/register", &json!({ "Address": "10.9.8.7" })).await.status,
        StatusCode::INTERNAL_SERVER_ERROR
    );
    assert_eq!(
        server.put_json("/v1/catalog/register", &json!({ "Node": "far-away" })).await.status,
        StatusCode::INTERNAL_SERVER_ERROR
    );
}

pub(crate) async fn a_sidecar_declares_whom_it_calls(server: &Server) {
    server
        .register(&json!({
            "Name": "fronted-sidecar-proxy", "ID": "fronted-proxy", "Kind": "connect-proxy", "Port": 21000,
            "Proxy": {
                "DestinationServiceName": "fronted", "DestinationServiceID": "fronted", "LocalServicePort": 80,
                "Upstreams": [{ "DestinationName": "behind", "LocalBindPort": 9191 }],
            },
        }))
        .await;
    let rows = server.until("/v1/health/service/fronted-sidecar-proxy", |rows| rows.get(0).is_some()).await;
    let service = &rows[0]["Service"];
    assert_eq!(service["Kind"], "connect-proxy");
    assert_eq!(service["Proxy"]["DestinationServiceName"], "fronted");
    let upstream = &service["Proxy"]["Upstreams"][0];
    assert_eq!(
        (upstream["DestinationName"].as_str(), upstream["LocalBindPort"].as_u64()),
        (Some("behind"), Some(9191))
    );
    assert_eq!(upstream["DestinationType"], "service");
    server.deregister("fronted-proxy").await;
}

pub(crate) async fn config_entries_are_guarded_like_keys(server: &Server) {
    let path = "/v1/config/service-defaults/configured";
    let missing = server.get(path).await;
    assert_eq!(missing.status, StatusCode::NOT_FOUND);
    let entry = |protocol: &str| json!({ "Kind": "service-defaults", "Name": "configured", "Protocol": protocol });
    server.put_json("/v1/config?cas=0", &entry("http")).await.is(200, "true");
    server.put_json("/v1/config?cas=0", &entry("grpc")).await.is(200, "false");
    let stands = server.get(path).await.json();
    assert_eq!(stands["Protocol"], "http");
    let index = stands["ModifyIndex"].as_u64().expect("an index");
    server.put_json(&format!("/v1/config?cas={index}"), &entry("grpc")).await.is(200, "true");
    let all = server.get("/v1/config/service-defaults").await.json();
    assert!(
        all.as_array()
            .is_some_and(|all| all.iter().any(|one| one["Name"] == "configured" && one["Protocol"] == "grpc"))
    );
    server.delete(path).await.json();
    assert_eq!(server.get(path).await.status, StatusCode::NOT_FOUND);
    let bogus = server.put_json("/v1/config", &json!({ "Kind": "bogus", "Name": "x" })).await;
    assert_eq!(bogus.status, StatusCode::BAD_REQUEST);
}

pub(crate) async fn intentions_are_listed_most_exact_first(server: &Server) {
    if server.release == Release::Old {
        // There they are written by id, which Binnacle does not do, and a list without entries may be null.
        let all = server.get("/v1/connect/intentions").await.json();
        assert!(all.is_array() || all.is_null(), "{all}");
        return;
    }
    let exact = |source: &str| format!("/v1/connect/intentions/exact?source={source}&destination=guarded-svc");
    server.put_json(&exact("*"), &json!({ "Action": "deny" })).await.is(200, "true");
    server.put_json(&exact("friend"), &json!({ "Action": "allow", "Description": "known" })).await.is(200, "true");
    let all = server.get("/v1/connect/intentions").await.json();
    let mine: Vec<&Value> =
        all.as_array().expect("a list").iter().filter(|one| one["DestinationName"] == "guarded-svc").collect();
    assert_eq!(mine.iter().map(|one| one["Precedence"].as_u64()).collect::<Vec<_>>(), [Some(9), Some(8)]);
    has_fields(
        mine[0],
        &["SourceName", "DestinationName", "SourceType", "Action", "Precedence", "CreateIndex", "ModifyIndex"],
    );
    assert_eq!((mine[0]["SourceName"].as_str(), mine[0]["Action"].as_str()), (Some("friend"), Some("allow")));
    let entry = server.get("/v1/config/service-intentions/guarded-svc").await.json();
    assert_eq!(entry["Sources"].as_array().map(Vec::len), Some(2));
    server.get(&exact("stranger")).await.is(404, "Intention not found");
    server.delete(&exact("*")).await.is(200, "true");
    server.delete(&exact("friend")).await.is(200, "true");
    let left = server.get("/v1/connect/intentions").await.json();
    assert!(!left.to_string().contains("guarded-svc"));
}

pub(crate) async fn the_whole_datacenter_fits_in_one_answer(server: &Server) {
    server.register(&json!({ "Name": "dumped", "Port": 1234, "Check": { "TTL": "1h", "Status": "passing" } })).await;
    let nodes = server.until("/v1/internal/ui/nodes", |nodes| nodes.to_string().contains("service:dumped")).await;
    let node = nodes
        .as_array()
        .and_then(|nodes| {
            nodes
                .iter()
                .find(|node| node["Services"].as_array().is_some_and(|all| all.iter().any(|one| one["ID"] == "dumped")))
        })
        .expect("the agent's node");
    has_fields(node, &["ID", "Node", "Address", "TaggedAddresses", "Meta", "Services", "Checks"]);
    let service = node["Services"].as_array().and_then(|all| all.iter().find(|one| one["ID"] == "dumped")).expect("it");
    has_fields(
        service,
        &["ID", "Service", "Tags", "Address", "Meta", "Port", "Weights", "EnableTagOverride", "Proxy", "Connect"],
    );
    let check = node["Checks"]
        .as_array()
        .and_then(|all| all.iter().find(|one| one["ServiceID"] == "dumped"))
        .expect("its check");
    has_fields(
        check,
        &[
            "Node",
            "CheckID",
            "Name",
            "Status",
            "Notes",
            "Output",
            "ServiceID",
            "ServiceName",
            "ServiceTags",
            "Definition",
        ],
    );
    let summary = server.get("/v1/internal/ui/services").await.json();
    let row = summary.as_array().and_then(|rows| rows.iter().find(|row| row["Name"] == "dumped")).expect("a row");
    has_fields(row, &["Name", "Tags", "Nodes", "InstanceCount", "ChecksPassing", "ChecksWarning", "ChecksCritical"]);
    assert_eq!(
        (row["InstanceCount"].as_u64(), row["ChecksPassing"].as_u64()),
        (Some(1), Some(2)),
        "the node's check counts too"
    );
    server.deregister("dumped").await;
}

pub(crate) async fn lists_without_entries_are_lists(server: &Server) {
    for path in
        ["/v1/catalog/service/nobody", "/v1/health/service/nobody", "/v1/health/checks/nobody", "/v1/session/list"]
    {
        let answer = server.get(path).await;
        assert_eq!(answer.json(), json!([]), "{path}");
        assert!(answer.index >= 1, "{path}");
    }
    assert_eq!(server.get("/v1/catalog/node/nobody").await.json(), Value::Null);
    let leader = server.get("/v1/status/leader").await.json();
    assert!(leader.as_str().is_some_and(|leader| leader.contains(':')), "{leader}");
    assert!(server.get("/v1/status/peers").await.json().as_array().is_some_and(|peers| !peers.is_empty()));
    assert!(server.get("/v1/catalog/datacenters").await.json().as_array().is_some_and(|all| all.len() == 1));
    let me = server.get("/v1/agent/self").await.json();
    has_fields(&me, &["Config", "Member", "Stats"]);
    has_fields(&me["Config"], &["Datacenter", "NodeName", "NodeID", "Server", "Version"]);
}
