//! What can keep the demo from starting.

use thiserror::Error;

/// Why the demo fleet or its registry could not be started. Once it runs, a fault of one service is that
/// service's health and metrics, not an error of the fleet.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DemoError {
    /// No loopback port could be had.
    #[error("demo: {what} could not listen on a loopback port: {source}")]
    Listen {
        /// The part of the demo that wanted the port.
        what: String,
        /// The system's answer.
        source: std::io::Error,
    },
    /// The HTTP client could not be made.
    #[error("demo: the HTTP client could not be made: {source}")]
    Client {
        /// The client library's answer.
        source: reqwest::Error,
    },
    /// The registry could not be reached by a service of the fleet.
    #[error("demo: {what}: the registry did not answer: {source}")]
    Unreachable {
        /// What was tried.
        what: String,
        /// The client library's answer.
        source: reqwest::Error,
    },
    /// The registry refused what the fleet asked at its start.
    #[error("demo: {what}: the registry answered {status}: {text}")]
    Refused {
        /// What was tried.
        what: String,
        /// The HTTP status of the answer.
        status: u16,
        /// The text of the answer.
        text: String,
    },
}

impl DemoError {
    /// The stable code, for people and programs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            DemoError::Listen { .. } => "demo.listen",
            DemoError::Client { .. } => "demo.client",
            DemoError::Unreachable { .. } => "demo.unreachable",
            DemoError::Refused { .. } => "demo.refused",
        }
    }

    /// What to do next, in one sentence.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            DemoError::Listen { .. } => {
                "The demo needs about 30 free ports on 127.0.0.1; close programs that hold many, or raise the limit of open files."
            }
            DemoError::Client { .. } => "Install a rustls crypto provider before the demo is started.",
            DemoError::Unreachable { .. } | DemoError::Refused { .. } => {
                "Start the demo again; if it repeats, something on this computer stands between 127.0.0.1 and itself."
            }
        }
    }
}
