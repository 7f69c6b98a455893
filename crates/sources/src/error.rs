//! What can go wrong between Binnacle and a system, with a stable code and a hint for each.

use std::sync::Arc;

use binnacle_model::snapshot::Fault;

/// The kinds of failure, the same for every system. The word is the second half of the stable code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ErrorKind {
    /// No connection: refused, no route, name not found.
    Unreachable,
    /// No answer in time.
    TimedOut,
    /// The certificate does not match, is not trusted, has expired, or ours was refused.
    Tls,
    /// Who we are is not known: a token that does not exist or has expired.
    Unauthenticated,
    /// We are known, and may not.
    AclDenied,
    /// We are known, and may not: Kubernetes' word for it. The hint names the rule that would allow it.
    Forbidden,
    /// The program that a kubeconfig names for signing in failed, or cannot be run.
    PluginFailed,
    /// Too many requests.
    RateLimited,
    /// The system says that it is broken (5xx), such as "no cluster leader".
    ServerError,
    /// The answer ended before it was whole.
    CutOff,
    /// The answer is not what this system's interface promises.
    NotUnderstood,
    /// The answer is larger than Binnacle reads.
    TooLarge,
    /// What was asked for is not there.
    NotFound,
    /// What was to be written breaks a rule of the system (a value over its limit, an empty key).
    Invalid,
    /// This system or version does not offer it.
    Unsupported,
    /// A write was sent and its answer was lost: it may or may not have happened. Never try again blindly.
    OutcomeUnknown,
    /// The settings of the connection make no sense (an address that is none, a file that is not there).
    Misconfigured,
    /// The answer is right as far as it goes: the system cut it at a limit, or says that parts of it are missing.
    Incomplete,
    /// The system answers, and what it has is older than it should be.
    Outdated,
    /// The system's clock and this machine's do not agree.
    ClockSkew,
}

impl ErrorKind {
    /// The second half of the code: `acl_denied` of `consul.acl_denied`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::TimedOut => "timed_out",
            Self::Tls => "tls",
            Self::Unauthenticated => "unauthenticated",
            Self::AclDenied => "acl_denied",
            Self::Forbidden => "forbidden",
            Self::PluginFailed => "plugin_failed",
            Self::RateLimited => "rate_limited",
            Self::ServerError => "server_error",
            Self::CutOff => "cut_off",
            Self::NotUnderstood => "not_understood",
            Self::TooLarge => "too_large",
            Self::NotFound => "not_found",
            Self::Invalid => "invalid",
            Self::Unsupported => "unsupported",
            Self::OutcomeUnknown => "outcome_unknown",
            Self::Misconfigured => "misconfigured",
            Self::Incomplete => "incomplete",
            Self::Outdated => "outdated",
            Self::ClockSkew => "clock_skew",
        }
    }
}

/// A failure: what was tried, what came back, and what to do next. Holds no token and no value of a key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{tried}: {came_back}")]
pub struct SourceError {
    /// `consul`, `scrape`, `hystrix` ...: the first half of the code.
    pub system: &'static str,
    /// The kind.
    pub kind: ErrorKind,
    /// What was tried, on what: `GET http://127.0.0.1:8500/v1/kv/app`.
    pub tried: String,
    /// What came back, in the system's words where it has any, shortened.
    pub came_back: String,
    /// What to do next, as a sentence.
    pub hint: String,
}

impl SourceError {
    /// The stable code: `consul.acl_denied`.
    pub fn code(&self) -> String {
        format!("{}.{}", self.system, self.kind.word())
    }

    /// The failure as the picture keeps it.
    pub fn fault(&self) -> Fault {
        Fault { code: Arc::from(self.code()), detail: Arc::from(self.to_string()), hint: Arc::from(self.hint.as_str()) }
    }
}
