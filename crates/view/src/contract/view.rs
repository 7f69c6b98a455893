//! The views that the window can pull, in one list.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::breakers::{BreakerRow, BreakersHead};
use super::config::{ConfigTreeHead, ConfigTreeParams, ConfigTreeRow};
use super::disagreements::{DisagreementRow, DisagreementsHead};
use super::first_run::{FirstRunHead, FoundRow};
use super::health::{HealthHead, HealthRow};
use super::inspector::{InspectorHead, InspectorParams, InspectorRow};
use super::patch::Patch;
use super::services::{ServiceRow, ServicesHead};
use super::shell::{ShellHead, ShellSource};
use super::sources::{SourceRow, SourcesHead};
use super::timeline::{TimelineHead, TimelineParams, TimelineRow};
use super::topology::{TopologyHead, TopologyParams, TopologyRow};

/// The names of the views.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum View {
    /// The frame around every screen.
    Shell,
    /// What was found on this computer.
    FirstRun,
    /// Who calls whom.
    Topology,
    /// The table of services.
    Services,
    /// What is wrong now.
    Health,
    /// The table of breakers.
    Breakers,
    /// The tree of config keys.
    ConfigTree,
    /// What sources disagree about.
    Disagreements,
    /// What is read.
    Sources,
    /// What happened.
    Timeline,
    /// One thing.
    Inspector,
}

impl View {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Shell,
        Self::FirstRun,
        Self::Topology,
        Self::Services,
        Self::Health,
        Self::Breakers,
        Self::ConfigTree,
        Self::Disagreements,
        Self::Sources,
        Self::Timeline,
        Self::Inspector,
    ];
}

/// A view with its parameters.
#[derive(Clone, Debug, PartialEq, Deserialize, TS)]
#[serde(tag = "view", rename_all = "snake_case")]
pub enum ViewRequest {
    /// The frame around every screen.
    Shell,
    /// What was found on this computer.
    FirstRun,
    /// Who calls whom.
    Topology(TopologyParams),
    /// The table of services.
    Services,
    /// What is wrong now.
    Health,
    /// The table of breakers.
    Breakers,
    /// The tree of config keys.
    ConfigTree(ConfigTreeParams),
    /// What sources disagree about.
    Disagreements,
    /// What is read.
    Sources,
    /// What happened.
    Timeline(TimelineParams),
    /// One thing.
    Inspector(InspectorParams),
}

/// What a pull answers.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
#[serde(tag = "view", content = "patch", rename_all = "snake_case")]
pub enum ViewPatch {
    /// The frame around every screen; rows are the sources.
    Shell(Patch<ShellHead, ShellSource>),
    /// What was found on this computer.
    FirstRun(Patch<FirstRunHead, FoundRow>),
    /// Who calls whom.
    Topology(Patch<TopologyHead, TopologyRow>),
    /// The table of services.
    Services(Patch<ServicesHead, ServiceRow>),
    /// What is wrong now.
    Health(Patch<HealthHead, HealthRow>),
    /// The table of breakers.
    Breakers(Patch<BreakersHead, BreakerRow>),
    /// The tree of config keys.
    ConfigTree(Patch<ConfigTreeHead, ConfigTreeRow>),
    /// What sources disagree about.
    Disagreements(Patch<DisagreementsHead, DisagreementRow>),
    /// What is read.
    Sources(Patch<SourcesHead, SourceRow>),
    /// What happened, newest last.
    Timeline(Patch<TimelineHead, TimelineRow>),
    /// One thing.
    Inspector(Patch<InspectorHead, InspectorRow>),
}

/// What `pull` is asked with. One request a view at a time.
#[derive(Clone, Debug, PartialEq, Deserialize, TS)]
pub struct PullArgs {
    /// The view with its parameters.
    pub request: ViewRequest,
    /// The revision that the window has; `null` for none. Other parameters than last time answer with everything.
    pub since: Option<u32>,
}

/// What `subscribe` is asked with, besides its channel.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, TS)]
pub struct SubscribeArgs {
    /// The views to be told about. A later call replaces the earlier one.
    pub views: Vec<View>,
}

/// What the channel carries, and nothing else: the first at once, then at most 20 a second for each view.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, TS)]
pub struct Notice {
    /// The view that has changed.
    pub view: View,
    /// The revision that a pull will now lead to, at least.
    pub revision: u32,
}
