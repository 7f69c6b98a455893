//! The cluster's certificates, keys and kubeconfigs, in one folder.

use std::path::{Path, PathBuf};

use super::authority::{Authority, Signed, token_keys};
use super::control_plane::API_SERVER_INSIDE;
use super::kubeconfig::{Kubeconfig, Note, by_path, by_value, write_secret};
use crate::LabError;

/// Who is a client of the API server inside the namespace, with the user and the group that each is.
const COMPONENTS: [(&str, &str, Option<&str>); 4] = [
    ("kube-controller-manager", "system:kube-controller-manager", None),
    ("kube-scheduler", "system:kube-scheduler", None),
    ("kwok", "kwok", Some("system:masters")),
    ("inside", "kubernetes-admin", Some("system:masters")),
];

/// What the API server's certificate is made out to: the host's and the namespace's loopback, and its Service.
const CALLED: [&str; 7] = [
    "localhost",
    "127.0.0.1",
    "::1",
    "10.96.0.1",
    "kubernetes",
    "kubernetes.default.svc",
    "kubernetes.default.svc.cluster.local",
];

#[derive(Debug)]
pub(super) struct Files {
    folder: PathBuf,
    authority: Authority,
    admin_identity: String,
}

impl Files {
    /// Makes the authorities and everything they sign. `server` is where clients on the host connect.
    pub(super) fn new(folder: &Path, server: &str) -> Result<Self, LabError> {
        let authority = Authority::new("minikubeCA")?;
        let front_proxy = Authority::new("front-proxy-ca")?;
        let admin = authority.client("kubernetes-admin", Some("system:masters"))?;
        let files = Self {
            folder: folder.to_owned(),
            admin_identity: format!("{}{}", admin.certificate, admin.key),
            authority,
        };
        let (private, public) = token_keys()?;
        for (name, text) in [
            ("ca.crt", files.authority.certificate()),
            ("ca.key", files.authority.key()),
            ("front-proxy-ca.crt", front_proxy.certificate()),
            ("sa.key", private),
            ("sa.pub", public),
        ] {
            write_secret(&files.pki(name), &text)?;
        }
        files.keep("apiserver", &files.authority.server("kube-apiserver", &CALLED)?)?;
        files.keep("kubelet", &files.authority.server("kwok", &["localhost", "127.0.0.1"])?)?;
        let kubelet_client = files.authority.client("kube-apiserver-kubelet-client", Some("system:masters"))?;
        files.keep("apiserver-kubelet-client", &kubelet_client)?;
        files.keep("front-proxy-client", &front_proxy.client("front-proxy-client", None)?)?;
        for (component, user, group) in COMPONENTS {
            files.keep(component, &files.authority.client(user, group)?)?;
            Kubeconfig {
                context: "inside",
                cluster: "inside",
                user: component,
                server: &format!("https://{API_SERVER_INSIDE}"),
                authority: by_path("certificate-authority", &files.pki("ca.crt")),
                credential: certificate_paths(&files.pki(component)),
                note: Note::None,
            }
            .write(&files.component(component))?;
        }
        files.write_minikube(server)?;
        files.write_admin(server, &admin)?;
        Ok(files)
    }

    /// The kubeconfig that minikube would write: context `minikube`, certificates by the paths of files.
    pub(super) fn kubeconfig(&self) -> PathBuf {
        self.folder.join("home/.kube/config")
    }

    /// A kubeconfig as kubeadm writes it: everything in the one file.
    pub(super) fn admin_kubeconfig(&self) -> PathBuf {
        self.folder.join("admin.conf")
    }

    /// The kubeconfig of a component, for use inside the namespace.
    pub(super) fn component(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.conf"))
    }

    /// A file of the control plane.
    pub(super) fn pki(&self, name: &str) -> PathBuf {
        self.folder.join("pki").join(name)
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(super) fn authority(&self) -> &Authority {
        &self.authority
    }

    /// The administrator's certificate and key as PEM.
    pub(super) fn admin_identity(&self) -> &str {
        &self.admin_identity
    }

    fn keep(&self, name: &str, signed: &Signed) -> Result<(), LabError> {
        signed.write(&self.pki(name))
    }

    fn write_minikube(&self, server: &str) -> Result<(), LabError> {
        let home = self.folder.join("home/.minikube");
        let client = home.join("profiles/minikube/client");
        write_secret(&home.join("ca.crt"), &self.authority.certificate())?;
        self.authority.client("minikube-user", Some("system:masters"))?.write(&client)?;
        Kubeconfig {
            context: "minikube",
            cluster: "minikube",
            user: "minikube",
            server,
            authority: by_path("certificate-authority", &home.join("ca.crt")),
            credential: certificate_paths(&client),
            note: Note::Minikube,
        }
        .write(&self.kubeconfig())
    }

    fn write_admin(&self, server: &str, admin: &Signed) -> Result<(), LabError> {
        let certificate = by_value("client-certificate", &admin.certificate);
        Kubeconfig {
            context: "kubernetes-admin@kubernetes",
            cluster: "kubernetes",
            user: "kubernetes-admin",
            server,
            authority: by_value("certificate-authority", &self.authority.certificate()),
            credential: format!("{certificate}\n{}", by_value("client-key", &admin.key)),
            note: Note::None,
        }
        .write(&self.admin_kubeconfig())
    }
}

impl Signed {
    /// Writes `STEM.crt` and `STEM.key`.
    pub(super) fn write(&self, stem: &Path) -> Result<(), LabError> {
        write_secret(&stem.with_extension("crt"), &self.certificate)?;
        write_secret(&stem.with_extension("key"), &self.key)
    }
}

/// The user's lines with a certificate and key by path; `stem` is the path of both without extension.
pub(super) fn certificate_paths(stem: &Path) -> String {
    let certificate = by_path("client-certificate", &stem.with_extension("crt"));
    format!("{certificate}\n{}", by_path("client-key", &stem.with_extension("key")))
}
