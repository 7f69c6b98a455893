//! Switching circuit breakers by hand. Planned first: the plan says what is sent where, and in which state the breaker was
//! seen. That state is the guard.

use async_trait::async_trait;
use binnacle_model::fact::BreakerState;
use binnacle_model::id::SourceId;

use crate::error::SourceError;
use crate::register::{PlannedRequest, Verified};

/// A note of a plan that changes nothing.
pub(crate) const IS_SO_ALREADY: &str = "It is in this state already.";

/// What a person makes of a breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SwitchTo {
    /// Refuse every call until it is switched again.
    ForceOpen,
    /// Let every call pass, whatever happens.
    Disable,
    /// Begin anew: closed, with nothing counted.
    Close,
}

impl SwitchTo {
    /// Every way.
    pub const ALL: [Self; 3] = [Self::ForceOpen, Self::Disable, Self::Close];

    /// The word on the command line, in the history and in the public JSON.
    pub fn word(self) -> &'static str {
        match self {
            Self::ForceOpen => "force-open",
            Self::Disable => "disable",
            Self::Close => "close",
        }
    }

    /// The state that it leads to.
    pub fn state(self) -> BreakerState {
        match self {
            Self::ForceOpen => BreakerState::ForcedOpen,
            Self::Disable => BreakerState::Disabled,
            Self::Close => BreakerState::Closed,
        }
    }
}

/// How a switch can be taken back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WayBack {
    /// By what; `None` where the state before cannot be brought back.
    pub to: Option<SwitchTo>,
    /// What that means, as a sentence.
    pub says: String,
}

/// What switching a breaker will do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SwitchPlan {
    /// Where.
    pub source: SourceId,
    /// The breaker, by the library's name for it.
    pub breaker: String,
    /// To what.
    pub to: SwitchTo,
    /// The state that it was seen in.
    pub seen: BreakerState,
    /// The same in the system's own word. It is not switched when the system has another word for it by then.
    pub seen_word: String,
    /// The address that it goes to.
    pub at: String,
    /// The request as it will be sent.
    pub request: PlannedRequest,
    /// How it can be taken back.
    pub way_back: WayBack,
    /// What a person should know before.
    pub notes: Vec<String>,
}

/// How a switch ended that was not an error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Switched {
    /// The system took it.
    Done,
    /// Nothing was sent: the breaker is in another state than the plan has seen. The system's word for it; `None` when it is
    /// no longer there.
    Moved(Option<String>),
}

/// A system whose breakers can be switched.
#[async_trait]
pub trait BreakerSwitch: Send + Sync {
    /// Plans a switch of the breaker of this name. Sends nothing but questions.
    async fn plan(&self, source: &SourceId, breaker: &str, to: SwitchTo) -> Result<SwitchPlan, SourceError>;

    /// Looks whether the breaker is still as the plan has seen it, and carries the plan out, once.
    async fn carry_out(&self, plan: &SwitchPlan) -> Result<Switched, SourceError>;

    /// Asks whether the breaker is in the state that the plan leads to.
    async fn verify(&self, plan: &SwitchPlan) -> Result<Verified, SourceError>;
}
