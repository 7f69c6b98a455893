//! Files for clients of the cluster.

use std::fs;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::LabError;

/// What a kubeconfig with one context says.
pub(super) struct Kubeconfig<'a> {
    pub(super) context: &'a str,
    pub(super) cluster: &'a str,
    pub(super) user: &'a str,
    pub(super) server: &'a str,
    /// `certificate-authority` or `certificate-authority-data` with its value.
    pub(super) authority: String,
    /// The lines of the user, without indentation.
    pub(super) credential: String,
    /// What the tool that wrote the file has noted about itself with the cluster and the context.
    pub(super) note: Note,
}

/// Who wrote a kubeconfig.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Note {
    /// Nobody who says so.
    None,
    /// minikube, see `pkg/minikube/kubeconfig/extension.go` there.
    Minikube,
}

impl Note {
    fn lines(self, name: &str) -> String {
        match self {
            Self::None => String::new(),
            Self::Minikube => format!(
                "    extensions:\n    - extension:\n        last-update: Mon, 02 Nov 2026 09:00:00 UTC\n        \
                 provider: minikube.sigs.k8s.io\n        version: v1.38.0\n      name: {name}\n"
            ),
        }
    }
}

impl Kubeconfig<'_> {
    pub(super) fn write(&self, path: &Path) -> Result<(), LabError> {
        let Self { context, cluster, user, server, authority, .. } = self;
        let credential = self.credential.replace('\n', "\n    ");
        let (of_cluster, of_context) = (self.note.lines("cluster_info"), self.note.lines("context_info"));
        let text = format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: {context}\npreferences: {{}}\n\
             clusters:\n- name: {cluster}\n  cluster:\n    {authority}\n{of_cluster}    server: {server}\n\
             contexts:\n- name: {context}\n  context:\n    cluster: {cluster}\n{of_context}    namespace: default\n    user: {user}\n\
             users:\n- name: {user}\n  user:\n    {credential}\n"
        );
        write_secret(path, &text)
    }
}

/// A field that names a file, as minikube writes it.
pub(super) fn by_path(field: &str, path: &Path) -> String {
    format!("{field}: {}", path.display())
}

/// A field that holds the file's bytes, as kubeadm writes it.
pub(super) fn by_value(field: &str, pem: &str) -> String {
    format!("{field}-data: {}", STANDARD.encode(pem))
}

/// Puts another server into a file, in one step, as minikube does when it starts on another port.
pub(super) fn move_server(path: &Path, from: &str, to: &str) -> Result<(), LabError> {
    let what = || format!("rewriting {}", path.display());
    let text = fs::read_to_string(path).map_err(LabError::io(what()))?;
    let beside = path.with_extension("new");
    write_secret(&beside, &text.replace(from, to))?;
    fs::rename(&beside, path).map_err(LabError::io(what()))
}

/// Writes a file that only its owner may read, and the folders above it.
pub(super) fn write_secret(path: &Path, text: &str) -> Result<(), LabError> {
    let what = format!("writing {}", path.display());
    let written = || {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
        std::io::Write::write_all(&mut file, text.as_bytes())
    };
    written().map_err(LabError::io(what))
}
