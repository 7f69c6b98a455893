//! Finds the programs of the lab's Kubernetes, or has them built once.

use std::path::PathBuf;

use tokio::sync::OnceCell;

use crate::LabError;
use crate::executable::ask;

/// The programs of the lab's Kubernetes, and the files that its kwok needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Programs {
    /// Its data base.
    pub(super) etcd: PathBuf,
    /// The API server.
    pub(super) api_server: PathBuf,
    /// The controllers of Deployments, StatefulSets, EndpointSlices and the like.
    pub(super) controller_manager: PathBuf,
    /// Gives pods their nodes.
    pub(super) scheduler: PathBuf,
    /// Plays nodes and the life of their pods.
    pub(super) kwok: PathBuf,
    /// The client.
    pub(super) kubectl: PathBuf,
    /// How kwok's nodes and pods come to life.
    pub(super) stages: PathBuf,
    /// The custom resources that give a pod logs and ports.
    pub(super) kinds: PathBuf,
}

impl Programs {
    /// Finds the programs; the first call of a process may take minutes to build them. Those that are in the folder
    /// `$KUBEBUILDER_ASSETS` are taken from there, the rest are the lab's own.
    pub(super) async fn find() -> Result<&'static Self, LabError> {
        static FOUND: OnceCell<Programs> = OnceCell::const_new();
        FOUND
            .get_or_try_init(async || {
                let found = tokio::task::spawn_blocking(Self::look).await;
                found
                    .map_err(|panic| LabError::NoExecutable { release: "Kubernetes".into(), why: panic.to_string() })?
            })
            .await
    }

    fn look() -> Result<Self, LabError> {
        let built = ask(&"Kubernetes", "lab/kubernetes/build.sh")?;
        let assets = std::env::var_os("KUBEBUILDER_ASSETS").map(PathBuf::from);
        let program = |name: &str| {
            let given = assets.as_ref().map(|folder| folder.join(name)).filter(|path| path.is_file());
            if let Some(given) = &given {
                eprintln!("lab: {name} is {}", given.display());
            }
            given.unwrap_or_else(|| built.with_file_name(name))
        };
        eprintln!("lab: Kubernetes is {}", built.display());
        Ok(Self {
            etcd: program("etcd"),
            api_server: program("kube-apiserver"),
            controller_manager: built.with_file_name("kube-controller-manager"),
            scheduler: built.with_file_name("kube-scheduler"),
            kwok: built.with_file_name("kwok"),
            kubectl: program("kubectl"),
            stages: built.with_file_name("stages.yaml"),
            kinds: built.with_file_name("crds.yaml"),
        })
    }
}
