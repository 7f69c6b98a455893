//! Programs that sign in, which a kubeconfig may name
//! (<https://kubernetes.io/docs/reference/access-authn-authz/authentication/#client-go-credential-plugins>).
//!
//! A kubeconfig that names one is code: the command is shown before it runs for the first time, it never runs just to find
//! out what could be connected, it is never given a terminal, and what it prints to stderr is part of the error.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::process::Command;

use super::kubeconfig::{Cluster, Exec};
use super::{SYSTEM, misconfigured};
use crate::environment::Environment;
use crate::error::{ErrorKind, SourceError};
use crate::http::shorten;
use crate::secret::Secret;

/// How long a plugin may take: some wait for a person who signs in in a browser.
const PATIENCE: Duration = Duration::from_secs(120);
/// How long a login shell may take to say where programs are.
const SHELL_PATIENCE: Duration = Duration::from_secs(5);
/// Stands around the search path in what a login shell prints: its start-up files may print as well.
const MARK: &str = "__binnacle_path__";

/// What a plugin answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Credential {
    /// A bearer token.
    pub(super) token: Option<Secret>,
    /// Certificate and key, PEM.
    pub(super) identity: Option<(Secret, Secret)>,
    /// When it must be asked for anew; `None` when it does not say.
    pub(super) expires: Option<Timestamp>,
}

#[derive(Deserialize)]
struct ExecCredential {
    #[serde(default)]
    status: Option<Status>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Status {
    token: Option<Secret>,
    client_certificate_data: Option<Secret>,
    client_key_data: Option<Secret>,
    expiration_timestamp: Option<Timestamp>,
}

/// Runs the plugin and takes what it answers.
pub(super) async fn run(exec: &Exec, cluster: &Cluster, environment: &Environment) -> Result<Credential, SourceError> {
    if exec.interactive_mode.as_deref() == Some("Always") {
        return Err(misconfigured(
            format!("signing in with `{}`", exec.shown()),
            "it demands a terminal (interactiveMode: Always), and there is none here".to_owned(),
            "Sign in with it in a terminal, and use a user of the kubeconfig that needs none.",
        ));
    }
    let (program, path) = find(exec, environment).await?;
    let mut command = Command::new(program);
    command.args(exec.args.iter().flatten());
    command.envs(path.map(|path| ("PATH", path)));
    let variables = exec.env.iter().flatten();
    command.envs(variables.map(|one| (&one.name, one.value.as_ref().map(Secret::expose).unwrap_or_default())));
    command.env("KUBERNETES_EXEC_INFO", info(exec, cluster).to_string());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let output = match tokio::time::timeout(PATIENCE, command.output()).await {
        Ok(Ok(output)) => output,
        Ok(Err(error)) => return Err(failed(exec, error.to_string(), not_there(exec))),
        Err(_) => {
            let waited = format!("it did not end within {} s", PATIENCE.as_secs());
            return Err(failed(exec, waited, in_a_terminal(exec)));
        }
    };
    if !output.status.success() {
        return Err(failed(exec, complaint(&output), in_a_terminal(exec)));
    }
    credential(exec, &output.stdout)
}

fn failed(exec: &Exec, came_back: String, hint: String) -> SourceError {
    let tried = format!("signing in with `{}`", exec.shown());
    SourceError { system: SYSTEM, kind: ErrorKind::PluginFailed, tried, came_back, hint }
}

fn in_a_terminal(exec: &Exec) -> String {
    format!("Run `{}` in a terminal to see what it needs; then try again.", exec.shown())
}

fn not_there(exec: &Exec) -> String {
    match exec.install_hint.as_deref().map(shorten).filter(|hint| !hint.is_empty()) {
        Some(hint) => format!("Install it. The kubeconfig says: {hint}"),
        None => "Install it, or name it in the kubeconfig with its whole path.".to_owned(),
    }
}

/// How it ended and what it printed to stderr; stdout may hold a token and is never told.
fn complaint(output: &Output) -> String {
    let said = String::from_utf8_lossy(&output.stderr);
    let lines: Vec<&str> = said.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    // The reason stands at the end; before it there may be pages of usage.
    let last = lines.iter().rev().take(4).rev().copied().collect::<Vec<_>>().join(" · ");
    match last.as_str() {
        "" => format!("it ended with {} and printed nothing to stderr", output.status),
        last => format!("it ended with {}: {}", output.status, shorten(last)),
    }
}

fn credential(exec: &Exec, stdout: &[u8]) -> Result<Credential, SourceError> {
    let broken = |what: &str| failed(exec, what.to_owned(), in_a_terminal(exec));
    let answer: ExecCredential =
        serde_json::from_slice(stdout).map_err(|_| broken("what it printed is not an ExecCredential in JSON"))?;
    let status = answer.status.ok_or_else(|| broken("its ExecCredential has no status"))?;
    let identity = match (status.client_certificate_data, status.client_key_data) {
        (Some(certificate), Some(key)) => Some((certificate, key)),
        (None, None) => None,
        _ => return Err(broken("its ExecCredential has a certificate or a key, and not both")),
    };
    let token = status.token.filter(|token| !token.expose().is_empty());
    if token.is_none() && identity.is_none() {
        return Err(broken("its ExecCredential has neither a token nor a certificate"));
    }
    Ok(Credential { token, identity, expires: status.expiration_timestamp })
}

/// What the plugin is told.
fn info(exec: &Exec, cluster: &Cluster) -> Value {
    let mut spec = json!({ "interactive": false });
    if let (true, Value::Object(fields)) = (exec.provide_cluster_info, &mut spec) {
        fields.insert("cluster".to_owned(), cluster_info(cluster));
    }
    json!({ "apiVersion": exec.api_version, "kind": "ExecCredential", "spec": spec })
}

fn cluster_info(cluster: &Cluster) -> Value {
    let authority = cluster.certificate_authority_data.as_ref().map(|data| data.expose().to_owned()).or_else(|| {
        let pem = std::fs::read(cluster.certificate_authority.as_ref()?).ok()?;
        Some(STANDARD.encode(pem))
    });
    json!({
        "server": cluster.server,
        "tls-server-name": cluster.tls_server_name,
        "insecure-skip-tls-verify": cluster.insecure_skip_tls_verify,
        "certificate-authority-data": authority,
        "proxy-url": cluster.proxy_url.as_ref().map(Secret::expose),
        "disable-compression": cluster.disable_compression,
    })
}

/// Where the program is, and the search path that it needs to find its own programs where that is another than ours.
///
/// A program that is started from a desktop does not have the search path of the person's shell, so that is asked when ours
/// does not lead to the plugin.
async fn find(exec: &Exec, environment: &Environment) -> Result<(PathBuf, Option<OsString>), SourceError> {
    let command = Path::new(&exec.command);
    if exec.command.is_empty() {
        return Err(misconfigured(
            "signing in".to_owned(),
            "the plugin has no command".to_owned(),
            "Correct the kubeconfig.",
        ));
    }
    if command.is_absolute() || command.components().count() > 1 {
        return Ok((exec.folder.join(command), login_path(environment).await));
    }
    if let Some(found) = search(&exec.command, environment.get("PATH").map(OsStr::new)) {
        return Ok((found, None));
    }
    let path = login_path(environment).await;
    if let Some(found) = search(&exec.command, path.as_deref()) {
        return Ok((found, path));
    }
    let nowhere = "it is neither in the search path nor in the login shell's".to_owned();
    Err(failed(exec, nowhere, not_there(exec)))
}

fn search(program: &str, path: Option<&OsStr>) -> Option<PathBuf> {
    std::env::split_paths(path?).map(|folder| folder.join(program)).find(|candidate| candidate.is_file())
}

/// The search path of the person's login shell; `None` when it cannot be had.
async fn login_path(environment: &Environment) -> Option<OsString> {
    let shell = environment.get("SHELL").filter(|shell| Path::new(shell).is_absolute())?;
    let mut command = Command::new(shell);
    command.args(["-l", "-c", &format!("printf '%s' '{MARK}' \"$PATH\" '{MARK}'")]);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
    let output = tokio::time::timeout(SHELL_PATIENCE, command.output()).await.ok()?.ok()?;
    let printed = String::from_utf8(output.stdout).ok()?;
    let path = printed.split(MARK).nth(1)?;
    (!path.is_empty()).then(|| OsString::from(path))
}
