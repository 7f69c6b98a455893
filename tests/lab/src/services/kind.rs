use std::fmt;
use std::path::PathBuf;

use tokio::sync::OnceCell;

use crate::LabError;
use crate::executable::ask;

/// What a service is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// gin with hystrix-go: breakers are in its event stream.
    GinHystrix,
    /// go-kit with its breaker of sony/gobreaker.
    GoKit,
    /// go-micro, which registers itself and finds others in Consul.
    GoMicro,
    /// grpc-go with go-grpc-middleware: a second port speaks `shop.v1.Payments`.
    Grpc,
    /// Netflix' Hystrix for Java, with its event stream.
    Hystrix,
    /// net/http with monkit.
    Monkit,
    /// gorilla/mux with hashicorp/go-metrics, logrus and failsafe-go.
    Mux,
    /// Node with opossum and opossum-prometheus.
    Opossum,
    /// Spring Boot with resilience4j, actuator and Micrometer.
    Resilience4j,
    /// Alibaba's Sentinel for Java: a second port takes its commands.
    Sentinel,
}

/// What the services of one language are built by.
#[derive(Debug, Clone, Copy)]
pub(super) enum Language {
    Go,
    Java,
    Node,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "service {}", self.name())
    }
}

impl Kind {
    /// As the programs call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::GinHystrix => "gin-hystrix",
            Self::GoKit => "go-kit",
            Self::GoMicro => "go-micro",
            Self::Grpc => "grpc",
            Self::Hystrix => "hystrix",
            Self::Monkit => "monkit",
            Self::Mux => "mux",
            Self::Opossum => "opossum",
            Self::Resilience4j => "resilience4j",
            Self::Sentinel => "sentinel",
        }
    }

    /// Whether it has a second port with a protocol of its own.
    pub fn has_rpc(self) -> bool {
        matches!(self, Self::Grpc | Self::GoMicro | Self::Sentinel)
    }

    fn language(self) -> Language {
        match self {
            Self::GinHystrix | Self::GoKit | Self::GoMicro | Self::Grpc | Self::Monkit | Self::Mux => Language::Go,
            Self::Hystrix | Self::Resilience4j | Self::Sentinel => Language::Java,
            Self::Opossum => Language::Node,
        }
    }

    /// The path of the program that runs it; the first call of a process may take minutes to build it.
    pub(super) async fn program(self) -> Result<PathBuf, LabError> {
        self.language().program(self.to_string()).await
    }
}

impl Language {
    /// The path of the program that runs what is built by it.
    pub(super) async fn program(self, what: String) -> Result<PathBuf, LabError> {
        static GO: OnceCell<PathBuf> = OnceCell::const_new();
        static JAVA: OnceCell<PathBuf> = OnceCell::const_new();
        static NODE: OnceCell<PathBuf> = OnceCell::const_new();
        let (cell, script) = match self {
            Self::Go => (&GO, "lab/services/go/build.sh"),
            Self::Java => (&JAVA, "lab/services/java/build.sh"),
            Self::Node => (&NODE, "lab/services/node/build.sh"),
        };
        cell.get_or_try_init(|| built(what, script)).await.cloned()
    }
}

/// What a script has built or fetched.
pub(super) async fn built(what: String, script: &'static str) -> Result<PathBuf, LabError> {
    let asked = {
        let what = what.clone();
        tokio::task::spawn_blocking(move || ask(&what, script)).await
    };
    asked.map_err(|panic| LabError::NoExecutable { release: what, why: panic.to_string() })?
}
