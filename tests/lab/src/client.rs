//! A plain client for arranging what a scenario starts from, and for being "somebody else" who writes meanwhile.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;

use crate::{ClientCertificate, LabError};

/// Consul takes at most this many operations in one transaction.
pub const OPERATIONS_PER_TRANSACTION: usize = 64;

/// Longer than Consul's longest blocking query (10 minutes and its jitter).
const TIMEOUT: Duration = Duration::from_secs(700);

/// One key of the KV store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KvPair {
    /// The key, as Consul has it.
    pub key: String,
    /// The value's bytes.
    pub value: Vec<u8>,
    /// The number that applications may keep beside the value.
    pub flags: u64,
    /// The guard for a `cas` write.
    pub modify_index: u64,
    /// When the key was created.
    pub create_index: u64,
    /// How often a lock was taken on it.
    pub lock_index: u64,
    /// The session which holds the lock.
    pub session: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct WireKv {
    key: String,
    #[serde(default)]
    value: Option<String>,
    flags: u64,
    modify_index: u64,
    create_index: u64,
    lock_index: u64,
    session: Option<String>,
}

/// A client of one Consul server with one token.
#[derive(Debug, Clone)]
pub struct ConsulClient {
    http: reqwest::Client,
    base: Url,
    token: Option<String>,
}

impl ConsulClient {
    /// A client for any Consul API, also one behind a [`crate::FaultyWire`] or the demo's registry.
    pub fn new(base: Url, token: Option<&str>, certificate: Option<&ClientCertificate>) -> Result<Self, LabError> {
        crate::install_tls_provider();
        let mut http = reqwest::Client::builder().timeout(TIMEOUT).no_proxy();
        if let Some(certificate) = certificate {
            http = http.tls_certs_only([certificate.authority()?]).identity(certificate.identity()?);
        }
        let http = http.build().map_err(|source| LabError::Request { what: base.to_string(), source })?;
        Ok(Self { http, base, token: token.map(str::to_owned) })
    }

    /// Sends a request; `path` starts with `/v1/` and may have a query, percent-encoded by the caller. Gives the
    /// answer whatever its status.
    pub async fn request(
        &self,
        method: Method,
        path: &str,
        body: impl Into<reqwest::Body>,
    ) -> Result<reqwest::Response, LabError> {
        let what = format!("{method} {path}");
        let url = self
            .base
            .join(path)
            .map_err(|error| LabError::Unexpected { what: what.clone(), why: error.to_string() })?;
        let mut request = self.http.request(method, url).body(body);
        if let Some(token) = &self.token {
            request = request.header("X-Consul-Token", token);
        }
        request.send().await.map_err(|source| LabError::Request { what, source })
    }

    /// Reads JSON.
    pub async fn get(&self, path: &str) -> Result<Value, LabError> {
        self.call(Method::GET, path, Vec::new()).await
    }

    /// Writes JSON; gives the answer, `null` when it is empty.
    pub async fn put(&self, path: &str, body: &Value) -> Result<Value, LabError> {
        self.call(Method::PUT, path, body.to_string().into_bytes()).await
    }

    /// Deletes; gives the answer, `null` when it is empty.
    pub async fn delete(&self, path: &str) -> Result<Value, LabError> {
        self.call(Method::DELETE, path, Vec::new()).await
    }

    /// Registers a service with the agent (`/v1/agent/service/register`, the documented JSON).
    pub async fn register(&self, service: &Value) -> Result<(), LabError> {
        self.put("/v1/agent/service/register", service).await.map(drop)
    }

    /// Removes a service from the agent by its instance id.
    pub async fn deregister(&self, id: &str) -> Result<(), LabError> {
        self.put(&format!("/v1/agent/service/deregister/{}", encoded(id)), &Value::Null).await.map(drop)
    }

    /// Sets a TTL check to `pass`, `warn` or `fail`, with the output that it shows from now on.
    pub async fn set_check(&self, id: &str, status: &str, output: &str) -> Result<(), LabError> {
        let path = format!("/v1/agent/check/{status}/{}?note={}", encoded(id), encoded(output));
        self.put(&path, &Value::Null).await.map(drop)
    }

    /// Registers a node, service or check straight in the catalog (`/v1/catalog/register`, the documented JSON).
    pub async fn register_in_catalog(&self, registration: &Value) -> Result<(), LabError> {
        self.put("/v1/catalog/register", registration).await.map(drop)
    }

    /// Removes a node, service or check from the catalog.
    pub async fn deregister_from_catalog(&self, what: &Value) -> Result<(), LabError> {
        self.put("/v1/catalog/deregister", what).await.map(drop)
    }

    /// Writes a key whatever was there; any key, also one with `//` inside. Flags become 0.
    pub async fn kv_put(&self, key: &str, value: &[u8]) -> Result<(), LabError> {
        self.kv_put_with_flags(key, value, 0).await
    }

    /// As [`ConsulClient::kv_put`], with flags.
    pub async fn kv_put_with_flags(&self, key: &str, value: &[u8], flags: u64) -> Result<(), LabError> {
        let operation = json!({ "KV": { "Verb": "set", "Key": key, "Value": STANDARD.encode(value), "Flags": flags } });
        self.transaction(&[operation]).await.map(drop)
    }

    /// Writes a key if its ModifyIndex is still `index` (0: if it does not exist); says whether it was written.
    pub async fn kv_cas(&self, key: &str, value: &[u8], index: u64) -> Result<bool, LabError> {
        let path = format!("/v1/kv/{}?cas={index}", encoded_key(key));
        let answer = self.call(Method::PUT, &path, value.to_vec()).await?;
        Ok(answer == Value::Bool(true))
    }

    /// One key, or `None` when there is none.
    pub async fn kv_get(&self, key: &str) -> Result<Option<KvPair>, LabError> {
        let what = format!("reading key {key:?}");
        let operation = json!([{ "KV": { "Verb": "get-tree", "Key": key } }]);
        let answer = self.put("/v1/txn", &operation).await?;
        let results = answer.get("Results").and_then(Value::as_array).cloned().unwrap_or_default();
        for result in results {
            let wire = result.get("KV").cloned().unwrap_or_default();
            let pair = WireKv::deserialize(wire)
                .map_err(|error| LabError::Unexpected { what: what.clone(), why: error.to_string() })?;
            if pair.key == key {
                return pair.parsed().map(Some);
            }
        }
        Ok(None)
    }

    /// Deletes one key only.
    pub async fn kv_delete(&self, key: &str) -> Result<(), LabError> {
        self.transaction(&[json!({ "KV": { "Verb": "delete", "Key": key } })]).await.map(drop)
    }

    /// Deletes all keys that start with `prefix`.
    pub async fn kv_delete_tree(&self, prefix: &str) -> Result<(), LabError> {
        self.transaction(&[json!({ "KV": { "Verb": "delete-tree", "Key": prefix } })]).await.map(drop)
    }

    /// Applies at most 64 operations together, all or none.
    pub async fn transaction(&self, operations: &[Value]) -> Result<Value, LabError> {
        self.put("/v1/txn", &Value::Array(operations.to_vec())).await
    }

    /// Applies any number of operations, 64 at a time.
    pub async fn transactions(&self, operations: &[Value]) -> Result<(), LabError> {
        for operations in operations.chunks(OPERATIONS_PER_TRANSACTION) {
            self.transaction(operations).await?;
        }
        Ok(())
    }

    /// Writes a config entry (`service-defaults`, `service-router` ...; the documented JSON).
    pub async fn config_entry(&self, entry: &Value) -> Result<(), LabError> {
        self.put("/v1/config", entry).await.map(drop)
    }

    /// Allows or denies calls between two services (`action` is `allow` or `deny`), by the `service-intentions` entry
    /// of the destination with this one source.
    pub async fn intention(&self, source: &str, destination: &str, action: &str) -> Result<(), LabError> {
        let entry = json!({
            "Kind": "service-intentions", "Name": destination, "Sources": [{ "Name": source, "Action": action }],
        });
        self.config_entry(&entry).await
    }

    /// Makes an ACL policy from rules in HCL; gives its id.
    pub async fn acl_policy(&self, name: &str, rules: &str) -> Result<String, LabError> {
        let answer = self.put("/v1/acl/policy", &json!({ "Name": name, "Rules": rules })).await?;
        text(&answer, "ID")
    }

    /// Makes a token with the policies of these names; gives its secret.
    pub async fn acl_token(&self, policies: &[&str]) -> Result<String, LabError> {
        let policies: Vec<Value> = policies.iter().map(|name| json!({ "Name": name })).collect();
        let answer = self.put("/v1/acl/token", &json!({ "Policies": policies })).await?;
        text(&answer, "SecretID")
    }

    /// Makes a session of the agent's node; gives its id.
    pub async fn session(&self, name: &str) -> Result<String, LabError> {
        let answer = self.put("/v1/session/create", &json!({ "Name": name, "LockDelay": "0s" })).await?;
        text(&answer, "ID")
    }

    /// Takes the lock on a key for a session and sets the value; says whether the lock was free.
    pub async fn lock(&self, key: &str, session: &str, value: &[u8]) -> Result<bool, LabError> {
        let path = format!("/v1/kv/{}?acquire={session}", encoded_key(key));
        let answer = self.call(Method::PUT, &path, value.to_vec()).await?;
        Ok(answer == Value::Bool(true))
    }

    async fn call(&self, method: Method, path: &str, body: Vec<u8>) -> Result<Value, LabError> {
        let what = format!("{method} {path}");
        let response = self.request(method, path, body).await?;
        let status = response.status();
        let body = response.text().await.map_err(|source| LabError::Request { what: what.clone(), source })?;
        if !status.is_success() {
            let body = body.chars().take(500).collect();
            return Err(LabError::Refused { what, status: status.as_u16(), body });
        }
        if body.trim().is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_str(&body).map_err(|error| LabError::Unexpected { what, why: error.to_string() })
    }
}

impl WireKv {
    fn parsed(self) -> Result<KvPair, LabError> {
        let value = STANDARD
            .decode(self.value.unwrap_or_default())
            .map_err(|error| LabError::Unexpected { what: self.key.clone(), why: error.to_string() })?;
        Ok(KvPair {
            key: self.key,
            value,
            flags: self.flags,
            modify_index: self.modify_index,
            create_index: self.create_index,
            lock_index: self.lock_index,
            session: self.session,
        })
    }
}

/// One segment of a path, or one value of a query.
fn encoded(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

/// A key in a path: its slashes stay.
fn encoded_key(key: &str) -> String {
    key.split('/').map(encoded).collect::<Vec<_>>().join("/")
}

fn text(answer: &Value, field: &str) -> Result<String, LabError> {
    answer
        .get(field)
        .and_then(Value::as_str)
        .map(str::to_owned)
        .ok_or_else(|| LabError::Unexpected { what: format!("an answer with {field}"), why: answer.to_string() })
}
