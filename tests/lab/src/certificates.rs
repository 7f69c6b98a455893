//! Certificate authorities of the lab, made by Consul's own `tls` command.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::LabError;
use crate::watchdog::Watchdog;

/// A client's certificate and key, and the authority that it trusts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientCertificate {
    /// The authority's certificate (`CONSUL_CACERT`).
    pub ca: PathBuf,
    /// The client's certificate (`CONSUL_CLIENT_CERT`).
    pub certificate: PathBuf,
    /// The client's key (`CONSUL_CLIENT_KEY`).
    pub key: PathBuf,
}

impl ClientCertificate {
    /// The authority, for `reqwest::ClientBuilder::tls_certs_merge`.
    pub fn authority(&self) -> Result<reqwest::Certificate, LabError> {
        reqwest::Certificate::from_pem(&read(&self.ca)?)
            .map_err(|source| LabError::Request { what: self.ca.display().to_string(), source })
    }

    /// Certificate and key, for `reqwest::ClientBuilder::identity`.
    pub fn identity(&self) -> Result<reqwest::Identity, LabError> {
        let mut pem = read(&self.certificate)?;
        pem.extend(read(&self.key)?);
        reqwest::Identity::from_pem(&pem)
            .map_err(|source| LabError::Request { what: self.certificate.display().to_string(), source })
    }
}

/// A server's certificate and key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerCertificate {
    /// The server's certificate, good for `localhost`, 127.0.0.1 and `server.DATACENTER.consul`.
    pub certificate: PathBuf,
    /// The server's key.
    pub key: PathBuf,
}

/// A certificate authority in a folder of its own, removed when it is dropped or its process is gone.
#[derive(Debug)]
pub struct Certificates {
    /// Only for the end of the folder: no server is started by it.
    folder: Watchdog,
    consul: PathBuf,
}

impl Certificates {
    /// Makes a new authority which nobody trusts yet.
    pub async fn new() -> Result<Self, LabError> {
        let consul = crate::Release::Current.executable().await?;
        let folder = tempfile::Builder::new()
            .prefix("binnacle-lab-ca-")
            .tempdir()
            .map_err(LabError::io("making the folder of an authority"))?;
        let folder = Watchdog::new("certificate authority", folder.keep(), &[])?;
        let certificates = Self { folder, consul };
        certificates.run(&["tls", "ca", "create"])?;
        Ok(certificates)
    }

    /// The authority's certificate.
    pub fn ca(&self) -> PathBuf {
        self.path("consul-agent-ca.pem")
    }

    /// A new certificate for a server of `datacenter`.
    pub fn server(&self, datacenter: &str) -> Result<ServerCertificate, LabError> {
        self.run(&["tls", "cert", "create", "-server", "-dc", datacenter, "-additional-ipaddress=127.0.0.1"])?;
        Ok(ServerCertificate {
            certificate: self.path(&format!("{datacenter}-server-consul-0.pem")),
            key: self.path(&format!("{datacenter}-server-consul-0-key.pem")),
        })
    }

    /// A new certificate for a client of `datacenter`.
    pub fn client(&self, datacenter: &str) -> Result<ClientCertificate, LabError> {
        self.run(&["tls", "cert", "create", "-cli", "-dc", datacenter])?;
        Ok(ClientCertificate {
            ca: self.ca(),
            certificate: self.path(&format!("{datacenter}-cli-consul-0.pem")),
            key: self.path(&format!("{datacenter}-cli-consul-0-key.pem")),
        })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.folder().join(name)
    }

    fn run(&self, arguments: &[&str]) -> Result<(), LabError> {
        let what = format!("consul {}", arguments.join(" "));
        let output = Command::new(&self.consul)
            .args(arguments)
            .current_dir(self.folder.folder())
            .stdin(Stdio::null())
            .output()
            .map_err(LabError::io(what.clone()))?;
        if output.status.success() {
            return Ok(());
        }
        Err(LabError::Unexpected { what, why: String::from_utf8_lossy(&output.stderr).into_owned() })
    }
}

fn read(path: &Path) -> Result<Vec<u8>, LabError> {
    fs::read(path).map_err(LabError::io(format!("reading {}", path.display())))
}
