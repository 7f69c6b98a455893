//! The small words that several views share.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// The roll-up's words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, TS)]
#[serde(rename_all = "lowercase")]
pub enum Health {
    /// All checks pass.
    Passing,
    /// Nobody says.
    #[default]
    Unknown,
    /// Taken out on purpose.
    Maintenance,
    /// Usable, with a complaint.
    Warning,
    /// Not usable.
    Critical,
}

/// How many of each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, TS)]
pub struct HealthCounts {
    /// All checks pass.
    pub passing: u32,
    /// Nobody says.
    pub unknown: u32,
    /// Taken out on purpose.
    pub maintenance: u32,
    /// Usable, with a complaint.
    pub warning: u32,
    /// Not usable.
    pub critical: u32,
}

/// Since when something is as it is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, TS)]
pub struct Since {
    /// Milliseconds since 1970.
    pub at: f64,
    /// False when it was already so at first sight: "at least since".
    pub seen_changing: bool,
}

/// Measured calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, TS)]
pub struct Signals {
    /// Calls per second.
    pub rps: Option<f64>,
    /// Failed calls of all calls, 0 to 1.
    pub error_ratio: Option<f64>,
    /// Median latency in milliseconds.
    pub p50_ms: Option<f64>,
    /// 95th percentile of the latency in milliseconds.
    pub p95_ms: Option<f64>,
    /// 99th percentile of the latency in milliseconds.
    pub p99_ms: Option<f64>,
}

/// How a source is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "lowercase")]
pub enum SourceState {
    /// The first whole picture is not here yet.
    Connecting,
    /// Its facts are current.
    Live,
    /// Silent for longer than it should be.
    Stale,
    /// It answers with errors or not at all.
    Failing,
    /// Switched off by the user.
    Off,
}

/// A source in short, for pips.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, TS)]
pub struct Pip {
    /// One letter of the source's kind: C, S, H.
    pub letter: String,
    /// The source's id.
    pub source: String,
    /// True when it states something else than the fact that is shown.
    pub differs: bool,
}

/// What a row, a fact or a command is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, TS)]
pub struct Subject {
    /// The kind of object.
    pub kind: SubjectKind,
    /// Its id.
    pub id: String,
}

/// The kinds of objects that can be selected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum SubjectKind {
    /// A service, an external party, a queue or a topic.
    Service,
    /// Calls from one service to another.
    Edge,
    /// A circuit breaker.
    Breaker,
    /// A key of a config store.
    Config,
    /// A source.
    Source,
}

/// A service by id, with the name to show.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, TS)]
pub struct Named {
    /// The service's id.
    pub id: String,
    /// Its name.
    pub name: String,
}

/// What a node of the topology is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "lowercase")]
pub enum ServiceRole {
    /// In a registry.
    Service,
    /// A gateway of the mesh.
    Gateway,
    /// Called by name or address, in no registry.
    External,
    /// A queue or a topic.
    Channel,
}

/// The three kinds of breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum BreakerKind {
    /// Opens when calls fail.
    Failure,
    /// Refuses when too many calls are under way.
    Capacity,
    /// Takes single endpoints of the callee out.
    Endpoint,
}

/// The state of a breaker, worst last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum BreakerState {
    /// Calls pass.
    Closed,
    /// Switched off: calls pass whatever happens.
    Disabled,
    /// Nobody says.
    Unknown,
    /// A few calls pass as a probe.
    HalfOpen,
    /// A person opened it.
    ForcedOpen,
    /// Calls are refused.
    Open,
}

/// How an edge is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "lowercase")]
pub enum EdgeState {
    /// Measured, and declared or needing no declaration.
    Observed,
    /// Configured, not measured.
    Declared,
    /// Measured against what is configured.
    Undeclared,
}

/// What travels on an edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    /// HTTP 1 or 2.
    Http,
    /// gRPC.
    Grpc,
    /// Plain TCP.
    Tcp,
    /// A broker's protocol.
    Messaging,
    /// Not said by anyone.
    Unknown,
}

/// How the two sides talk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum Pattern {
    /// A question and its answer.
    RequestResponse,
    /// The callee sends on its own.
    Push,
    /// Each message goes to one consumer.
    WorkQueue,
    /// Each message goes to every subscriber.
    PublishSubscribe,
    /// A remote procedure call with a binary body.
    Rpc,
    /// Not said by anyone.
    Unknown,
}

/// The format of the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum Payload {
    /// JSON.
    Json,
    /// XML.
    Xml,
    /// Anything not made of text.
    Binary,
    /// Not said by anyone.
    Unknown,
}

/// How much a number calls for attention: errors turn warning at 1 % and critical at 5 %.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, TS)]
#[serde(rename_all = "lowercase")]
pub enum Tone {
    /// Nothing to see.
    #[default]
    Normal,
    /// Look at it.
    Warning,
    /// Act.
    Critical,
}

/// An action that may be offered; where it cannot work, the reason stands beside the button.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, TS)]
pub struct Offer {
    /// Whether it can be done now.
    pub possible: bool,
    /// Why not; empty when possible.
    pub reason: String,
}

mod from_model {
    //! The model's words in the contract's.

    use binnacle_model::fact;
    use binnacle_model::snapshot;

    use super::{
        BreakerKind, BreakerState, EdgeState, Health, HealthCounts, Pattern, Payload, Protocol, ServiceRole, Signals,
        Since, SourceState, Tone,
    };

    macro_rules! same_words {
        ($from:path => $to:ident: $($word:ident),+) => {
            impl From<$from> for $to {
                fn from(value: $from) -> Self {
                    match value {
                        $(<$from>::$word => Self::$word),+
                    }
                }
            }
        };
    }

    same_words!(snapshot::Health => Health: Passing, Unknown, Maintenance, Warning, Critical);
    same_words!(snapshot::SourceState => SourceState: Connecting, Live, Stale, Failing, Off);
    same_words!(snapshot::ServiceRole => ServiceRole: Service, Gateway, External, Channel);
    same_words!(snapshot::EdgeState => EdgeState: Observed, Declared, Undeclared);
    same_words!(fact::BreakerKind => BreakerKind: Failure, Capacity, Endpoint);
    same_words!(fact::BreakerState => BreakerState: Closed, Disabled, Unknown, HalfOpen, ForcedOpen, Open);
    same_words!(fact::Protocol => Protocol: Http, Grpc, Tcp, Messaging, Unknown);
    same_words!(fact::Pattern => Pattern: RequestResponse, Push, WorkQueue, PublishSubscribe, Rpc, Unknown);
    same_words!(fact::Payload => Payload: Json, Xml, Binary, Unknown);

    impl From<snapshot::Since> for Since {
        fn from(since: snapshot::Since) -> Self {
            Self { at: super::millis(since.at), seen_changing: since.seen_changing }
        }
    }

    impl From<fact::Signals> for Signals {
        fn from(signals: fact::Signals) -> Self {
            let fact::Signals { rps, error_ratio, p50_ms, p95_ms, p99_ms } = signals;
            Self { rps, error_ratio, p50_ms, p95_ms, p99_ms }
        }
    }

    impl From<&fact::Signals> for Tone {
        fn from(signals: &fact::Signals) -> Self {
            match signals.error_ratio {
                Some(ratio) if ratio >= super::ERRORS_CRITICAL => Self::Critical,
                Some(ratio) if ratio >= super::ERRORS_WARNING => Self::Warning,
                _ => Self::Normal,
            }
        }
    }

    impl HealthCounts {
        /// Counts them.
        pub fn of(all: impl IntoIterator<Item = snapshot::Health>) -> Self {
            let mut counts = Self::default();
            for health in all {
                let count = match health {
                    snapshot::Health::Passing => &mut counts.passing,
                    snapshot::Health::Unknown => &mut counts.unknown,
                    snapshot::Health::Maintenance => &mut counts.maintenance,
                    snapshot::Health::Warning => &mut counts.warning,
                    snapshot::Health::Critical => &mut counts.critical,
                };
                *count += 1;
            }
            counts
        }
    }
}

/// The error ratio from which calls are worth a look.
pub const ERRORS_WARNING: f64 = 0.01;
/// The error ratio from which calls are critical.
pub const ERRORS_CRITICAL: f64 = 0.05;

/// A moment as it crosses: milliseconds since 1970.
#[allow(clippy::cast_precision_loss, reason = "exact for the next 285,000 years")]
pub fn millis(at: jiff::Timestamp) -> f64 {
    at.as_millisecond() as f64
}

impl Offer {
    /// It can be done.
    pub fn yes() -> Self {
        Self { possible: true, reason: String::new() }
    }

    /// It cannot be done, for this reason.
    pub fn no(reason: impl Into<String>) -> Self {
        Self { possible: false, reason: reason.into() }
    }
}
