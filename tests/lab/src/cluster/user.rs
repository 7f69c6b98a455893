use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};

use super::Cluster;
use super::files::certificate_paths;
use super::kubeconfig::{Kubeconfig, Note, by_path, write_secret};
use crate::LabError;

/// The namespace of the service accounts behind users with tokens.
const ACCOUNTS: &str = "lab-users";

/// How a user proves who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Credential {
    /// A certificate and a key, by the paths of their files.
    ClientCertificate,
    /// A bearer token in a file (`tokenFile`).
    TokenFile,
    /// A program that prints the token (`exec`, `client.authentication.k8s.io/v1`).
    ExecPlugin,
}

/// A user of the cluster who may do what was said, and nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// As the API server calls it.
    pub name: String,
    /// Its kubeconfig; context and user are called as the user was.
    pub kubeconfig: PathBuf,
    /// The file with its token, where it has one.
    pub token_file: Option<PathBuf>,
    /// A file that has a line for each run of the user's program, where it has one.
    pub runs: Option<PathBuf>,
}

impl User {
    /// How often the user's program has been run so far.
    pub fn times_run(&self) -> usize {
        let runs = self.runs.as_ref().and_then(|runs| fs::read_to_string(runs).ok());
        runs.map_or(0, |runs| runs.lines().count())
    }
}

impl Cluster {
    /// Makes a user that may do what `rules` say (RBAC's `PolicyRule`s as a JSON array): in one namespace, or `None`
    /// for everywhere. `name` is a DNS label.
    pub async fn user(
        &self,
        name: &str,
        credential: Credential,
        namespace: Option<&str>,
        rules: &Value,
    ) -> Result<User, LabError> {
        let folder = self.folder().join("users").join(name);
        let mut user = User { name: name.into(), kubeconfig: folder.join("config"), token_file: None, runs: None };
        let subject = if credential == Credential::ClientCertificate {
            json!({ "kind": "User", "name": name, "apiGroup": "rbac.authorization.k8s.io" })
        } else {
            user.name = format!("system:serviceaccount:{ACCOUNTS}:{name}");
            json!({ "kind": "ServiceAccount", "name": name, "namespace": ACCOUNTS })
        };
        let lines = match credential {
            Credential::ClientCertificate => {
                let stem = folder.join("client");
                self.files.authority().client(name, None)?.write(&stem)?;
                certificate_paths(&stem)
            }
            Credential::TokenFile => {
                let token = folder.join("token");
                write_secret(&token, &self.token(name).await?)?;
                let line = by_path("tokenFile", &token);
                user.token_file = Some(token);
                line
            }
            Credential::ExecPlugin => {
                let (token, runs) = (folder.join("token"), folder.join("runs"));
                write_secret(&token, &self.token(name).await?)?;
                let program = folder.join("print-credential");
                let script = format!(
                    "#!/bin/sh\necho run >>{}\nprintf '{{\"apiVersion\":\"client.authentication.k8s.io/v1\",\
                     \"kind\":\"ExecCredential\",\"status\":{{\"token\":\"%s\"}}}}' \"$(cat {})\"\n",
                    runs.display(),
                    token.display()
                );
                write_secret(&program, &script)?;
                fs::set_permissions(&program, fs::Permissions::from_mode(0o700))
                    .map_err(LabError::io("making the user's program executable"))?;
                (user.token_file, user.runs) = (Some(token), Some(runs));
                format!(
                    "exec:\n  apiVersion: client.authentication.k8s.io/v1\n  command: {}\n  \
                     interactiveMode: Never\n  provideClusterInfo: true",
                    program.display()
                )
            }
        };
        self.allow(name, namespace, rules, &subject).await?;
        Kubeconfig {
            context: name,
            cluster: "lab",
            user: name,
            server: &self.address(),
            authority: by_path("certificate-authority", &self.files.pki("ca.crt")),
            credential: lines,
            note: Note::None,
        }
        .write(&user.kubeconfig)?;
        Ok(user)
    }

    /// Gives a user that has a client certificate another one, good for this long.
    pub fn certify(&self, user: &User, life: Duration) -> Result<(), LabError> {
        let stem = user.kubeconfig.with_file_name("client");
        self.files.authority().client_for(&user.name, life)?.write(&stem)
    }

    /// Lets a user do something else than before, by RBAC's `PolicyRule`s as in [`Cluster::user`]; the user may do it
    /// everywhere.
    pub async fn entitle(&self, name: &str, rules: &Value) -> Result<(), LabError> {
        let role = json!({ "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
                           "metadata": { "name": name }, "rules": rules });
        self.apply(&role.to_string()).await
    }

    /// All kubeconfigs for clients on the host.
    pub(super) fn kubeconfigs(&self) -> Result<Vec<PathBuf>, LabError> {
        let mut all = vec![self.kubeconfig(), self.admin_kubeconfig()];
        let users = self.folder().join("users");
        if users.exists() {
            let what = || format!("listing {}", users.display());
            for user in fs::read_dir(&users).map_err(LabError::io(what()))? {
                all.push(user.map_err(LabError::io(what()))?.path().join("config"));
            }
        }
        Ok(all)
    }

    /// A new token of the service account of this name, made when it is not there, good for a day.
    async fn token(&self, name: &str) -> Result<String, LabError> {
        self.apply(&format!(
            "apiVersion: v1\nkind: Namespace\nmetadata: {{name: {ACCOUNTS}}}\n---\n\
             apiVersion: v1\nkind: ServiceAccount\nmetadata: {{name: {name}, namespace: {ACCOUNTS}}}\n"
        ))
        .await?;
        let path = format!("/api/v1/namespaces/{ACCOUNTS}/serviceaccounts/{name}/token");
        let request = json!({
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": { "expirationSeconds": 86_400 },
        });
        let answer = self.client()?.create(&path, &request).await?;
        let token = answer.pointer("/status/token").and_then(Value::as_str).map(str::to_owned);
        token.ok_or_else(|| LabError::Unexpected { what: path, why: "no token".into() })
    }

    /// The authorizer takes notice within moments.
    async fn allow(&self, name: &str, namespace: Option<&str>, rules: &Value, to: &Value) -> Result<(), LabError> {
        let (role, binding) = match namespace {
            Some(_) => ("Role", "RoleBinding"),
            None => ("ClusterRole", "ClusterRoleBinding"),
        };
        let metadata = json!({ "name": name, "namespace": namespace });
        let api_version = "rbac.authorization.k8s.io/v1";
        let list = json!({ "apiVersion": "v1", "kind": "List", "items": [
            { "apiVersion": api_version, "kind": role, "metadata": metadata, "rules": rules },
            { "apiVersion": api_version, "kind": binding, "metadata": metadata, "subjects": [to],
              "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": role, "name": name } },
        ]});
        self.apply(&list.to_string()).await
    }
}
