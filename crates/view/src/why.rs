//! Why the picture says what it says: the chain from one thing back to the statements of its sources, and, where nothing
//! is said, what was looked for and what would have to be switched on. For the terminal and the window alike.

mod edge;
mod looked;
mod service;

use binnacle_model::fact::How;
use binnacle_model::id::ServiceId;
use binnacle_model::snapshot::{Alert, Breaker, Edge, Evidence, Service, Snapshot, Source};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use ts_rs::TS;

use crate::contract::state::{BreakerKind, BreakerState, EdgeState, Health, Named, Signals, SourceState};
use crate::screen::evidence::says;
use crate::screen::{alerts, limits, named};
use crate::text;

/// The chain of evidence of one thing.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
#[serde(tag = "about", rename_all = "snake_case")]
pub enum Why {
    /// A service.
    Service(ServiceWhy),
    /// Calls from one service to another.
    Edge(EdgeWhy),
    /// Two services between which no call is known.
    NoEdge(NoEdgeWhy),
}

/// Why a service is in the picture, and is as it is.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
pub struct ServiceWhy {
    /// The service.
    pub service: Named,
    /// The worst of its instances and of what runs them.
    pub health: Health,
    /// Why it is so, in one sentence.
    pub because: String,
    /// Since when, RFC 3339.
    pub since: String,
    /// False when it was already so at first sight: "at least since".
    pub since_is_exact: bool,
    /// True when none of its sources is current.
    pub stale: bool,
    /// Who knows it by which name, and why that is the same one.
    pub known_as: Vec<KnownAs>,
    /// What runs its instances, in words.
    pub workloads: Vec<Statement>,
    /// Its instances with what makes their health, worst first.
    pub instances: Vec<InstanceWhy>,
    /// Calls to it and from it.
    pub calls: Vec<CallWhy>,
    /// Breakers at it and towards it.
    pub breakers: Vec<BreakerWhy>,
    /// Alerts about it.
    pub alerts: Vec<AlertWhy>,
    /// Its sources, and how they are doing.
    pub sources: Vec<SourceWhy>,
    /// What would bring calls, and what came of it; empty where calls are counted.
    pub looked_for: Vec<Looked>,
}

/// Why an edge is in the picture, and is as it is.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
pub struct EdgeWhy {
    /// The edge's id.
    pub id: String,
    /// The caller.
    pub from: Named,
    /// The callee.
    pub to: Named,
    /// How it is known.
    pub state: EdgeState,
    /// Why that is its state, in one sentence.
    pub because: String,
    /// The numbers that are believed.
    pub signals: Signals,
    /// True when none of its sources is current.
    pub stale: bool,
    /// Everything that was said of it, the believed first.
    pub claims: Vec<ClaimWhy>,
    /// Breakers on it.
    pub breakers: Vec<BreakerWhy>,
    /// Alerts about its ends.
    pub alerts: Vec<AlertWhy>,
    /// Its sources, and how they are doing.
    pub sources: Vec<SourceWhy>,
    /// What would bring calls, and what came of it; empty where calls are counted.
    pub looked_for: Vec<Looked>,
}

/// Why there is no edge.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
pub struct NoEdgeWhy {
    /// The caller that was asked about.
    pub from: Named,
    /// The callee that was asked about.
    pub to: Named,
    /// What that means, in one sentence.
    pub because: String,
    /// The sources of the two, and how they are doing.
    pub sources: Vec<SourceWhy>,
    /// What would bring the edge, and what came of it.
    pub looked_for: Vec<Looked>,
}

/// What a source says, where and when.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
pub struct Statement {
    /// The source.
    pub source: String,
    /// What it says, in words.
    pub says: String,
    /// The query that brought it.
    pub query: String,
    /// True when the source told it by itself, false when it was asked at an interval.
    pub pushed: bool,
    /// When it was seen, RFC 3339.
    pub at: String,
    /// The same moment, for the window.
    #[serde(skip)]
    #[ts(skip)]
    pub(crate) seen: Timestamp,
    /// How long ago that is, in seconds.
    pub age_s: f64,
    /// True when the source is not current.
    pub stale: bool,
}

/// One source's name for a service.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
pub struct KnownAs {
    /// The source.
    pub source: String,
    /// What the service is called there.
    pub name: String,
    /// Why that is the same service, in words.
    pub because: String,
}

/// An instance, with what makes its health.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
pub struct InstanceWhy {
    /// Its id.
    pub id: String,
    /// Host and port; empty when not known.
    pub address: String,
    /// The worst of its checks and its node's.
    pub health: Health,
    /// True when it is on its way out: it does not count in the service's health.
    pub leaving: bool,
    /// Who says that it exists.
    pub sources: Vec<String>,
    /// Its checks, worst first.
    pub checks: Vec<CheckWhy>,
}

/// A check of an instance.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
pub struct CheckWhy {
    /// For people.
    pub name: String,
    /// Its result.
    pub health: Health,
    /// True for a check of the node that the instance runs on.
    pub of_node: bool,
    /// Since when it is so, RFC 3339.
    pub since: String,
    /// Who says so, where and when.
    pub said: Statement,
}

/// Calls to or from a service.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
pub struct CallWhy {
    /// The edge's id.
    pub edge: String,
    /// True for calls to the service, false for calls that it makes.
    pub incoming: bool,
    /// The other end.
    pub other: Named,
    /// How it is known.
    pub state: EdgeState,
    /// Why that is its state, in one sentence.
    pub because: String,
    /// The numbers that are believed.
    pub signals: Signals,
}

/// A statement about an edge, and what becomes of it.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
pub struct ClaimWhy {
    /// Who says it, where and when.
    pub said: Statement,
    /// Counted, declared or denied.
    pub kind: ClaimKind,
    /// What declares or denies it (`upstream`, `intention` ...); `null` where it is counted.
    pub by: Option<String>,
    /// At which end calls were counted: `caller`, `between` or `callee`; `null` where they were not.
    pub counted_at: Option<Counted>,
    /// The dialect in which they were read; `null` where there is none.
    pub dialect: Option<String>,
    /// The numbers; all `null` where nothing was counted.
    pub signals: Signals,
    /// True when the edge's numbers are made of it.
    pub believed: bool,
    /// Why it is believed, or evidence only.
    pub because: String,
}

/// The kinds of statements about an edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum ClaimKind {
    /// Somebody counted the calls.
    Observed,
    /// Somebody configured them.
    Declared,
    /// Somebody configured that they must not happen.
    Denied,
}

/// Where calls were counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum Counted {
    /// At the caller.
    Caller,
    /// On the way, by a proxy that belongs to neither.
    Between,
    /// At the callee.
    Callee,
}

/// A breaker.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
pub struct BreakerWhy {
    /// Its id.
    pub id: String,
    /// Whose calls it guards.
    pub caller: Named,
    /// Whom they go to, where known.
    pub callee: Option<Named>,
    /// The library's name for it.
    pub name: String,
    /// Failure, capacity or endpoint.
    pub kind: BreakerKind,
    /// The most notable state among the caller's instances.
    pub state: BreakerState,
    /// True when nobody tells the state and it is concluded from something else.
    pub derived: bool,
    /// Instances in which it lets no call pass.
    pub open: u32,
    /// Instances that report it.
    pub of: u32,
    /// Refused calls per second; `null` when nobody counts them.
    pub rejected_per_s: Option<f64>,
    /// What its mesh was told of when to refuse calls: the limits with their rules, in words.
    pub limits: Vec<String>,
    /// What would tell its state, where nobody does; empty where somebody does.
    pub switch_on: String,
    /// Who says so, one an instance; those of its limits come last.
    pub said: Vec<Statement>,
}

/// An alert.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
pub struct AlertWhy {
    /// What it is, in words.
    pub words: String,
    /// The service that it speaks of.
    pub service: Option<Named>,
    /// Its severity, in the words of whoever wrote the rule; empty when there is none.
    pub severity: String,
    /// What it says for people.
    pub summary: String,
    /// Who says so.
    pub said: Statement,
}

/// A source, and how it is doing.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
pub struct SourceWhy {
    /// Its id.
    pub id: String,
    /// How it is doing.
    pub state: SourceState,
    /// Since when, RFC 3339.
    pub since: String,
    /// How long that is, in seconds.
    pub age_s: f64,
    /// What is wrong with it or with a part of it; empty when nothing is.
    pub faults: Vec<String>,
}

/// Something that would bring calls into the picture, and what came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, TS)]
pub struct Looked {
    /// What was looked for.
    pub looked_for: String,
    /// The source where it was looked for; `null` where none is connected that would have it.
    pub source: Option<String>,
    /// Whether it was there.
    pub found: bool,
    /// What was found, in words.
    pub words: String,
    /// What to switch on; empty where nothing is missing.
    pub switch_on: String,
}

/// The chain of evidence of a service.
pub fn of_service(snapshot: &Snapshot, service: &Service, now: Timestamp) -> ServiceWhy {
    service::why(&Told { snapshot, now }, service)
}

/// The chain of evidence of an edge.
pub fn of_edge(snapshot: &Snapshot, edge: &Edge, now: Timestamp) -> EdgeWhy {
    edge::why(&Told { snapshot, now }, edge)
}

/// The chain of evidence of calls from one service to another, whether there are any or not.
pub fn of_pair(snapshot: &Snapshot, from: &ServiceId, to: &ServiceId, now: Timestamp) -> Why {
    let told = Told { snapshot, now };
    let edge = snapshot.edges.values().find(|edge| edge.from == *from && edge.to == *to);
    edge.map_or_else(|| Why::NoEdge(edge::none(&told, from, to)), |edge| Why::Edge(edge::why(&told, edge)))
}

/// The picture, and the moment at which it is looked at.
struct Told<'a> {
    snapshot: &'a Snapshot,
    now: Timestamp,
}

impl Told<'_> {
    fn seconds_since(&self, at: Timestamp) -> f64 {
        self.now.duration_since(at).max(SignedDuration::ZERO).as_secs_f64().round()
    }

    fn named(&self, id: &ServiceId) -> Named {
        named(self.snapshot, id)
    }

    fn is_stale(&self, source: &binnacle_model::SourceId) -> bool {
        self.snapshot.sources.get(source).is_some_and(|source| !source.status.state.is_current())
    }

    fn statement(&self, evidence: &Evidence) -> Statement {
        let observation = &evidence.observation;
        Statement {
            source: text::name(evidence.source.as_str()),
            says: text::output(says(&observation.fact).trim_end()),
            query: text::output(&observation.origin.query),
            pushed: observation.origin.how == How::Pushed,
            at: observation.seen.to_string(),
            seen: observation.seen,
            age_s: self.seconds_since(observation.seen),
            stale: self.is_stale(&evidence.source),
        }
    }

    fn breaker(&self, breaker: &Breaker) -> BreakerWhy {
        let is_new = |one: &&Evidence| !breaker.evidence.contains(*one);
        let of_limits = breaker.limits.iter().flat_map(|one| std::iter::once(&one.evidence).chain(&one.void_by));
        let of_limits = of_limits.filter(is_new);
        BreakerWhy {
            id: breaker.id.to_string(),
            caller: self.named(&breaker.caller),
            callee: breaker.callee.as_ref().map(|callee| self.named(callee)),
            name: text::name(&breaker.name),
            kind: breaker.kind.into(),
            state: breaker.state.into(),
            derived: breaker.derived,
            open: breaker.open,
            of: breaker.of,
            rejected_per_s: breaker.rejected_per_s,
            limits: breaker.limits.iter().map(limits::words).collect(),
            switch_on: limits::switch_on(breaker).unwrap_or_default().to_owned(),
            said: breaker.evidence.iter().chain(of_limits).map(|one| self.statement(one)).collect(),
        }
    }

    /// The breakers that fit, the most notable state first.
    fn breakers(&self, fits: impl Fn(&Breaker) -> bool) -> Vec<BreakerWhy> {
        let mut found: Vec<&Breaker> =
            self.snapshot.breakers.values().map(AsRef::as_ref).filter(|one| fits(one)).collect();
        found.sort_by(|a, b| (b.told_state(), &a.id).cmp(&(a.told_state(), &b.id)));
        found.into_iter().map(|one| self.breaker(one)).collect()
    }

    fn alert(&self, alert: &Alert) -> AlertWhy {
        AlertWhy {
            words: alerts::words(alert),
            service: alert.service.as_ref().map(|id| self.named(id)),
            severity: text::name(&alert.fact.severity),
            summary: text::output(&alert.fact.summary),
            said: self.statement(&alert.evidence),
        }
    }

    fn alerts(&self, service: &ServiceId) -> Vec<AlertWhy> {
        alerts::of_service(self.snapshot, service).into_iter().map(|(_, alert)| self.alert(alert)).collect()
    }

    fn source(&self, source: &Source) -> SourceWhy {
        let status = &source.status;
        let faults = status.fault.iter().chain(&status.partial);
        SourceWhy {
            id: text::name(source.id.as_str()),
            state: status.state.into(),
            since: status.since.to_string(),
            age_s: self.seconds_since(status.since),
            faults: faults.map(|one| text::output(&format!("{}: {} {}", one.code, one.detail, one.hint))).collect(),
        }
    }

    /// Each of these sources once.
    fn sources<'a>(&self, ids: impl Iterator<Item = &'a binnacle_model::SourceId>) -> Vec<SourceWhy> {
        let ids: std::collections::BTreeSet<_> = ids.collect();
        ids.into_iter().filter_map(|id| self.snapshot.sources.get(id)).map(|source| self.source(source)).collect()
    }
}
