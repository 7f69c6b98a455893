//! Switching a circuit breaker by hand.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::inspector::Chip;
use super::registration::RequestPreview;
use super::state::Offer;

/// What a person makes of a breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum BreakerSwitch {
    /// Every call is refused.
    ForceOpen,
    /// Every call passes.
    Disable,
    /// It begins anew.
    Close,
}

/// What `switch_plan` is asked with.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, TS)]
pub struct SwitchPlanArgs {
    /// The breaker's id in the picture.
    pub breaker: String,
    /// To what.
    pub to: BreakerSwitch,
}

/// What a switch will do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, TS)]
pub struct SwitchPlan {
    /// What `switch_apply` takes.
    pub plan: String,
    /// The library's name for the breaker.
    pub name: String,
    /// The request.
    pub request: RequestPreview,
    /// What a person should know before.
    pub notes: Vec<String>,
    /// What undo will do.
    pub undo: String,
    /// Short facts about it, the state that was seen among them.
    pub facts: Vec<Chip>,
    /// Whether it can be carried out now.
    pub apply: Offer,
}

/// What `switch_apply` is asked with.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, TS)]
pub struct SwitchApplyArgs {
    /// The plan.
    pub plan: String,
    /// Why, for the audit; may be empty.
    pub why: String,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, TS)]
pub struct SwitchApplied {
    /// True when the system says the same.
    pub stuck: bool,
    /// In words.
    pub sentence: String,
}
