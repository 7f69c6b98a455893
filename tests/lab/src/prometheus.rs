//! A real Prometheus server that scrapes what it is told to.

use std::path::PathBuf;
use std::sync::Arc;

use serde_json::{Value, json};
use tokio::sync::Mutex;

use crate::address::Port;
use crate::executable::Server;
use crate::metrics_server::{self, Access, MetricsServer};
use crate::watchdog::{Ending, Watchdog};
use crate::{Certificates, ClientCertificate, LabError, attendance};

/// [`metrics_server::BASIC_AUTH`]'s password as bcrypt writes it; of the lab only.
const PASSWORD_HASH: &str = "$2b$04$XBhwsFFUOmNhy3y9eINnmOujmoTeGgxZJRQXsmgCoP/qPxuWshukS";

/// One real Prometheus on loopback. It is gone when this is dropped, and when this process is gone.
#[derive(Debug)]
pub struct Prometheus {
    server: MetricsServer,
    settings: Settings,
    /// Keeps the files of the certificates as long as the server.
    _certificates: Option<Arc<Certificates>>,
}

/// What stands in the configuration besides the scrape jobs.
#[derive(Debug, Clone)]
struct Settings {
    interval: String,
    rule_files: Vec<PathBuf>,
}

impl Settings {
    fn configuration(&self, scrape_configs: &[Value]) -> Value {
        json!({
            "global": {
                "scrape_interval": self.interval, "scrape_timeout": self.interval, "evaluation_interval": self.interval,
            },
            "rule_files": self.rule_files,
            "scrape_configs": scrape_configs,
        })
    }
}

/// Puts a Prometheus together.
#[derive(Debug)]
pub struct PrometheusBuilder {
    interval: String,
    scrape_configs: Vec<Value>,
    rules: Vec<Value>,
    basic_auth: bool,
    certificates: Option<Arc<Certificates>>,
    strangers: bool,
    options: Vec<String>,
}

impl PrometheusBuilder {
    /// How often it scrapes and evaluates its rules, in Prometheus' words: `500ms`.
    #[must_use]
    pub fn every(mut self, interval: &str) -> Self {
        self.interval = interval.into();
        self
    }

    /// With one more entry of `scrape_configs`, see [`metrics_server::job`].
    #[must_use]
    pub fn scraping(mut self, scrape_config: Value) -> Self {
        self.scrape_configs.push(scrape_config);
        self
    }

    /// With one more alerting or recording rule.
    #[must_use]
    pub fn rule(mut self, rule: Value) -> Self {
        self.rules.push(rule);
        self
    }

    /// It asks for [`metrics_server::BASIC_AUTH`].
    #[must_use]
    pub fn basic_auth(mut self) -> Self {
        self.basic_auth = true;
        self
    }

    /// It speaks TLS, and takes only clients with a certificate of this authority.
    #[must_use]
    pub fn tls(mut self, certificates: Arc<Certificates>) -> Self {
        self.certificates = Some(certificates);
        self
    }

    /// With TLS it takes clients without a certificate too.
    #[must_use]
    pub fn strangers(mut self) -> Self {
        self.strangers = true;
        self
    }

    /// With one more option on its command line.
    #[must_use]
    pub fn option(mut self, option: &str) -> Self {
        self.options.push(option.into());
        self
    }

    /// Starts the server and waits until it is ready.
    pub async fn start(self) -> Result<Prometheus, LabError> {
        crate::install_tls_provider();
        let executable = Server::Prometheus.executable().await?;
        let port = Port::reserve()?;
        let folder = metrics_server::folder("prometheus")?;
        let (config, web, rules) =
            (folder.path().join("prometheus.yml"), folder.path().join("web.yml"), folder.path().join("rules.yml"));
        let mut settings = Settings { interval: self.interval.clone(), rule_files: Vec::new() };
        if !self.rules.is_empty() {
            metrics_server::write(&rules, &json!({ "groups": [{ "name": "lab", "rules": self.rules }] }))?;
            settings.rule_files.push(rules);
        }
        metrics_server::write(&config, &settings.configuration(&self.scrape_configs))?;
        let client_certificate = self.certificates.as_ref().map(|authority| authority.client("lab")).transpose()?;
        metrics_server::write(&web, &self.web_configuration()?)?;

        let mut command = vec![
            executable.to_string_lossy().into_owned(),
            format!("--config.file={}", config.display()),
            format!("--storage.tsdb.path={}", folder.path().join("data").display()),
            format!("--web.config.file={}", web.display()),
            format!("--web.listen-address=127.0.0.1:{}", port.number()),
            "--web.enable-lifecycle".into(),
            "--web.enable-admin-api".into(),
        ];
        command.extend(self.options);
        let watchdog = Watchdog::new("prometheus", folder.keep(), &command)?;
        let access = match client_certificate {
            Some(certificate) => Access::Certificate(certificate),
            None if self.basic_auth => Access::Basic,
            None => Access::Open,
        };
        let server = MetricsServer {
            name: "prometheus",
            port,
            access,
            readiness: "/-/ready",
            config,
            log: watchdog.log(),
            process: Mutex::new(watchdog),
        };
        server.start().await?;
        attendance::note(Server::Prometheus);
        Ok(Prometheus { server, settings, _certificates: self.certificates })
    }

    fn web_configuration(&self) -> Result<Value, LabError> {
        let mut web = json!({});
        if self.basic_auth {
            web = json!({ "basic_auth_users": { metrics_server::BASIC_AUTH.0: PASSWORD_HASH } });
        }
        if let (Some(authority), Some(settings)) = (&self.certificates, web.as_object_mut()) {
            let certificate = authority.server("lab")?;
            let clients = if self.strangers { "VerifyClientCertIfGiven" } else { "RequireAndVerifyClientCert" };
            let tls = json!({
                "cert_file": certificate.certificate, "key_file": certificate.key,
                "client_ca_file": authority.ca(), "client_auth_type": clients,
            });
            settings.insert("tls_server_config".into(), tls);
        }
        Ok(web)
    }
}

impl Prometheus {
    /// A server that scrapes nothing yet, twice a second.
    pub fn builder() -> PrometheusBuilder {
        PrometheusBuilder {
            interval: "500ms".into(),
            scrape_configs: Vec::new(),
            rules: Vec::new(),
            basic_auth: false,
            certificates: None,
            strangers: false,
            options: Vec::new(),
        }
    }

    /// Where its HTTP API is: `http://127.0.0.1:PORT`, or `https://` with TLS.
    pub fn address(&self) -> String {
        self.server.address()
    }

    /// The port of its HTTP API.
    pub fn port(&self) -> u16 {
        self.server.port.number()
    }

    /// Its process id while it is meant to run.
    pub async fn pid(&self) -> Option<u32> {
        self.server.process.lock().await.pid()
    }

    /// A client's certificate that this server accepts, where TLS is on.
    pub fn client_certificate(&self) -> Option<&ClientCertificate> {
        match &self.server.access {
            Access::Certificate(certificate) => Some(certificate),
            Access::Open | Access::Basic => None,
        }
    }

    /// Everything that the process prints; removed with the server unless a test fails.
    pub fn log(&self) -> &PathBuf {
        &self.server.log
    }

    /// From now on it scrapes this instead.
    pub async fn scrape(&self, scrape_configs: &[Value]) -> Result<(), LabError> {
        self.server.reload(&self.settings.configuration(scrape_configs)).await
    }

    /// The series that an instant query finds now.
    pub async fn query(&self, query: &str) -> Result<Vec<Value>, LabError> {
        self.server.query(query).await
    }

    /// Stops the server as an operator would; its data stay.
    pub async fn stop(&self) -> Result<(), LabError> {
        self.server.end(Ending::Asked).await
    }

    /// Kills the server by its process id; its data stay.
    pub async fn kill(&self) -> Result<(), LabError> {
        self.server.end(Ending::Killed).await
    }

    /// Starts the server again at the same address with the same data, and waits until it is ready.
    pub async fn start(&self) -> Result<(), LabError> {
        self.server.start().await
    }
}
