//! Who calls whom.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::state::{
    BreakerKind, BreakerState, EdgeState, Health, HealthCounts, Pattern, Payload, Pip, Protocol, ServiceRole, Signals,
    Since, Tone,
};

/// What the topology is asked with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, TS)]
pub struct TopologyParams {
    /// How cards are grouped.
    pub group_by: GroupBy,
}

/// How cards are grouped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, TS)]
#[serde(rename_all = "lowercase")]
pub enum GroupBy {
    /// By namespace; where a service has none, by team, else by datacenter.
    #[default]
    Namespace,
    /// By datacenter or cluster.
    Datacenter,
    /// By the `team` that its instances' meta names.
    Team,
}

/// The head of the topology.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
pub struct TopologyHead {
    /// All services, externals and channels.
    pub services: u32,
    /// Those with a card of their own.
    pub shown: u32,
    /// Those inside folded groups.
    pub folded: u32,
    /// The number of the layout; other positions have another number (`positions`).
    pub layout: u32,
    /// The grouping that this is.
    pub group_by: GroupBy,
    /// All groups.
    pub groups: Vec<GroupBox>,
    /// Why the picture is empty, and what would fill it; `null` when it is not.
    pub empty: Option<String>,
}

/// A group's box, or its stack of sheets while folded.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
pub struct GroupBox {
    /// The card key that edges of a folded group end at: `g:` and the group's id.
    pub key: String,
    /// The group's id, for `fold`.
    pub id: String,
    /// Its title.
    pub title: String,
    /// Its rectangle in the positions.
    pub slot: u32,
    /// True while it is drawn as one stack.
    pub folded: bool,
    /// Members that are services or external parties; queues and topics are not among them.
    pub services: u32,
    /// Instances of all members; queues and topics have none.
    pub instances: u32,
    /// Members that are queues or topics.
    pub channels: u32,
    /// Members by health.
    pub counts: HealthCounts,
    /// The worst of them.
    pub worst: Health,
    /// True when no member's source is current.
    pub stale: bool,
}

/// A card or a line of the topology.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum TopologyRow {
    /// A card.
    Node(TopologyNode),
    /// A line.
    Edge(TopologyEdge),
}

/// A card.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
pub struct TopologyNode {
    /// `n:` and the id.
    pub key: String,
    /// The service's id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The group's id.
    pub group: String,
    /// Its namespace.
    pub namespace: Option<String>,
    /// Datacenter or cluster.
    pub place: String,
    /// Service, gateway, external or channel.
    pub role: ServiceRole,
    /// Its rectangle in the positions; `null` while its group is folded.
    pub slot: Option<u32>,
    /// Its state.
    pub health: Health,
    /// Since when.
    pub since: Since,
    /// True when none of its sources is current.
    pub stale: bool,
    /// When the last of its sources ceased to be current; milliseconds since 1970.
    pub stale_since: Option<f64>,
    /// How many instances.
    pub instances: u32,
    /// How many of them pass.
    pub passing: u32,
    /// Instances by health, for the spine.
    pub segments: HealthCounts,
    /// What its callers measure, summed.
    pub signals: Signals,
    /// How loud its error ratio is.
    pub tone: Tone,
    /// Who knows it.
    pub sources: Vec<Pip>,
    /// Tags.
    pub tags: Vec<String>,
    /// True when sources disagree about it.
    pub disagrees: bool,
    /// A queue's or topic's numbers.
    pub channel: Option<ChannelSignals>,
}

/// What goes through a queue or topic.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, TS)]
pub struct ChannelSignals {
    /// True for publish/subscribe, false for a work queue.
    pub topic: bool,
    /// Messages in per second.
    pub in_per_s: Option<f64>,
    /// Messages out per second.
    pub out_per_s: Option<f64>,
}

/// A line. Lines to members of a folded group are joined into one to its stack.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
pub struct TopologyEdge {
    /// `e:` and the id.
    pub key: String,
    /// The edge's id; for a bundle that of its loudest edge.
    pub id: String,
    /// The caller's card key, `n:...` or `g:...`.
    pub from: String,
    /// The callee's card key.
    pub to: String,
    /// How many edges it stands for; 1 unless an end is folded.
    pub bundled: u32,
    /// What travels.
    pub protocol: Protocol,
    /// How the two talk.
    pub pattern: Pattern,
    /// The body's format.
    pub payload: Payload,
    /// Observed, declared or undeclared.
    pub state: EdgeState,
    /// The numbers.
    pub signals: Signals,
    /// How loud its error ratio is.
    pub tone: Tone,
    /// True when none of its sources is current.
    pub stale: bool,
    /// The most notable breaker on it.
    pub breaker: Option<EdgeBreaker>,
}

/// A breaker on a line.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
pub struct EdgeBreaker {
    /// The breaker's id.
    pub id: String,
    /// Failure, capacity or endpoint.
    pub kind: BreakerKind,
    /// Its state.
    pub state: BreakerState,
    /// Since when.
    pub since: Since,
    /// Caller instances in which it lets no call pass.
    pub open: u32,
    /// Caller instances that report it.
    pub of: u32,
    /// Refused calls per second.
    pub rejected_per_s: Option<f64>,
    /// Other breakers on the same line.
    pub others: u32,
}
