use std::time::Duration;

use reqwest::Method;
use serde_json::Value;

use super::files::Files;
use crate::LabError;

/// Longer than anything but a watch takes.
const TIMEOUT: Duration = Duration::from_secs(90);

/// A plain client of the API server that may do everything, for arranging what a scenario starts from.
#[derive(Debug, Clone)]
pub struct KubernetesClient {
    http: reqwest::Client,
    server: String,
}

impl KubernetesClient {
    pub(super) fn new(server: String, files: &Files) -> Result<Self, LabError> {
        crate::install_tls_provider();
        let built = || {
            let authority = reqwest::Certificate::from_pem(files.authority().certificate().as_bytes())?;
            let identity = reqwest::Identity::from_pem(files.admin_identity().as_bytes())?;
            let http = reqwest::Client::builder().timeout(TIMEOUT).no_proxy();
            http.tls_certs_only([authority]).identity(identity).build()
        };
        match built() {
            Ok(http) => Ok(Self { http, server }),
            Err(source) => Err(LabError::Request { what: server, source }),
        }
    }

    /// Sends a request with a JSON body, empty when it is null; `path` starts with `/`. Gives the answer whatever its
    /// status.
    pub async fn request(&self, method: Method, path: &str, body: &Value) -> Result<reqwest::Response, LabError> {
        let what = format!("{method} {path}");
        let mut request = self.http.request(method, format!("{}{path}", self.server));
        if !body.is_null() {
            request = request.json(body);
        }
        request.send().await.map_err(|source| LabError::Request { what, source })
    }

    /// Reads an answer as text, whatever its media type.
    pub async fn text(&self, path: &str) -> Result<String, LabError> {
        self.call(Method::GET, path, &Value::Null).await
    }

    /// Reads JSON.
    pub async fn get(&self, path: &str) -> Result<Value, LabError> {
        json(path, &self.text(path).await?)
    }

    /// Creates an object in a collection; gives it as the server has it.
    pub async fn create(&self, path: &str, object: &Value) -> Result<Value, LabError> {
        json(path, &self.call(Method::POST, path, object).await?)
    }

    /// Replaces an object; gives it as the server has it.
    pub async fn replace(&self, path: &str, object: &Value) -> Result<Value, LabError> {
        json(path, &self.call(Method::PUT, path, object).await?)
    }

    /// Merges fields into an object (RFC 7396); gives it as the server has it.
    pub async fn merge(&self, path: &str, fields: &Value) -> Result<Value, LabError> {
        let what = format!("PATCH {path}");
        let request = self.http.patch(format!("{}{path}", self.server)).body(fields.to_string());
        let request = request.header(reqwest::header::CONTENT_TYPE, "application/merge-patch+json");
        let sent = async { request.send().await?.error_for_status()?.text().await };
        json(path, &sent.await.map_err(|source| LabError::Request { what, source })?)
    }

    /// Deletes an object; it may take a while until it is gone.
    pub async fn delete(&self, path: &str) -> Result<(), LabError> {
        self.call(Method::DELETE, path, &Value::Null).await.map(drop)
    }

    async fn call(&self, method: Method, path: &str, body: &Value) -> Result<String, LabError> {
        let what = format!("{method} {path}");
        let answer = self.request(method, path, body).await?;
        let status = answer.status();
        let text = answer.text().await.map_err(|source| LabError::Request { what: what.clone(), source })?;
        if status.is_success() {
            return Ok(text);
        }
        Err(LabError::Refused { what, status: status.as_u16(), body: text.chars().take(500).collect() })
    }
}

fn json(what: &str, text: &str) -> Result<Value, LabError> {
    serde_json::from_str(text)
        .map_err(|error| LabError::Unexpected { what: what.to_owned(), why: format!("{error} in {text:.200}") })
}
