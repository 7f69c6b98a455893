//! What one window has in front of it: for each view the rows that it was sent last, so that the next answer is what
//! changed. The same way for all views.

use std::collections::{BTreeMap, BTreeSet};

use crate::contract::breakers::{BreakerRow, BreakersHead};
use crate::contract::command::FoldArgs;
use crate::contract::config::{ConfigTreeHead, ConfigTreeParams, ConfigTreeRow};
use crate::contract::disagreements::{DisagreementRow, DisagreementsHead};
use crate::contract::first_run::{FirstRunHead, FoundRow};
use crate::contract::health::{Cause, HealthHead, HealthRow};
use crate::contract::inspector::{InspectorHead, InspectorParams, InspectorRow};
use crate::contract::services::{ServiceRow, ServicesHead};
use crate::contract::shell::{ShellHead, ShellSource};
use crate::contract::sources::{SourceRow, SourcesHead};
use crate::contract::state::{Since, millis};
use crate::contract::timeline::{TimelineHead, TimelineParams, TimelineRow};
use crate::contract::topology::{GroupBy, TopologyHead, TopologyParams, TopologyRow};
use crate::contract::view::PullArgs;
use crate::contract::{Patch, ViewPatch, ViewRequest};
use crate::screen::topology::Board;
use crate::screen::{
    Scene, Table, breakers, config_tree, disagreements, first_run, health, inspector, services, shell, sources,
    timeline,
};

/// A row that can be told from the others.
pub trait Keyed {
    /// Unique within its view.
    fn key(&self) -> &str;
}

macro_rules! keyed {
    ($($row:ty),+) => {
        $(impl Keyed for $row {
            fn key(&self) -> &str {
                &self.key
            }
        })+
    };
}

keyed!(ShellSource, FoundRow, ServiceRow, BreakerRow, ConfigTreeRow, DisagreementRow, SourceRow, TimelineRow);

impl Keyed for TopologyRow {
    fn key(&self) -> &str {
        match self {
            Self::Node(node) => &node.key,
            Self::Edge(edge) => &edge.key,
        }
    }
}

impl Keyed for HealthRow {
    fn key(&self) -> &str {
        match self {
            Self::Problem(problem) => &problem.key,
            Self::Check(check) => &check.key,
            Self::Alert(alert) => &alert.key,
        }
    }
}

impl Keyed for InspectorRow {
    fn key(&self) -> &str {
        match self {
            Self::Fact(row) => &row.key,
            Self::Disagreement(row) => &row.key,
            Self::Signals(row) => &row.key,
            Self::Call(row) => &row.key,
            Self::Instance(row) => &row.key,
            Self::Check(row) => &row.key,
            Self::Alert(row) => &row.key,
            Self::Breaker(row) => &row.key,
            Self::Process(row) => &row.key,
            Self::Claim(row) => &row.key,
            Self::Rule(row) => &row.key,
            Self::Config(row) => &row.key,
        }
    }
}

/// What was sent last for one view.
#[derive(Debug)]
struct Sent<P, H, R> {
    revision: u32,
    params: P,
    table: Table<H, R>,
}

/// One view's memory; `P` are its parameters.
#[derive(Debug)]
struct Ledger<P, H, R> {
    sent: Option<Sent<P, H, R>>,
}

impl<P, H, R> Default for Ledger<P, H, R> {
    fn default() -> Self {
        Self { sent: None }
    }
}

impl<P: PartialEq, H: Clone + PartialEq, R: Clone + PartialEq + Keyed> Ledger<P, H, R> {
    /// The answer to a window that has `since`: what changed, or everything when that is not what was sent last.
    fn answer(&mut self, revision: u32, since: Option<u32>, params: P, table: Table<H, R>) -> Patch<H, R> {
        let patch = match &self.sent {
            Some(sent) if since == Some(sent.revision) && sent.params == params => {
                delta(sent.revision, revision, &sent.table, &table)
            }
            _ => Patch::Full { revision, head: table.head.clone(), rows: table.rows.clone() },
        };
        self.sent = Some(Sent { revision, params, table });
        patch
    }
}

/// What leads from one table to another.
fn delta<H: Clone + PartialEq, R: Clone + PartialEq + Keyed>(
    since: u32,
    revision: u32,
    before: &Table<H, R>,
    after: &Table<H, R>,
) -> Patch<H, R> {
    let held: BTreeMap<&str, &R> = before.rows.iter().map(|row| (row.key(), row)).collect();
    let keys: BTreeSet<&str> = after.rows.iter().map(Keyed::key).collect();
    let put: Vec<R> = after.rows.iter().filter(|row| held.get(row.key()) != Some(row)).cloned().collect();
    let removed = before.rows.iter().map(Keyed::key).filter(|key| !keys.contains(key)).map(str::to_owned).collect();
    // What the window gets when rows keep their place and new ones go to the end.
    let kept = before.rows.iter().map(Keyed::key).filter(|key| keys.contains(key));
    let new = after.rows.iter().map(Keyed::key).filter(|key| !held.contains_key(key));
    let in_order = kept.chain(new).eq(after.rows.iter().map(Keyed::key));
    Patch::Delta {
        since,
        revision,
        head: (before.head != after.head).then(|| after.head.clone()),
        put,
        removed,
        order: (!in_order).then(|| after.rows.iter().map(|row| row.key().to_owned()).collect()),
    }
}

/// One window's desk.
#[derive(Debug, Default)]
pub struct Desk {
    shell: Ledger<(), ShellHead, ShellSource>,
    first_run: Ledger<(), FirstRunHead, FoundRow>,
    topology: Ledger<TopologyParams, TopologyHead, TopologyRow>,
    services: Ledger<(), ServicesHead, ServiceRow>,
    health: Ledger<(), HealthHead, HealthRow>,
    breakers: Ledger<(), BreakersHead, BreakerRow>,
    config_tree: Ledger<ConfigTreeParams, ConfigTreeHead, ConfigTreeRow>,
    disagreements: Ledger<(), DisagreementsHead, DisagreementRow>,
    sources: Ledger<(), SourcesHead, SourceRow>,
    timeline: Ledger<TimelineParams, TimelineHead, TimelineRow>,
    inspector: Ledger<InspectorParams, InspectorHead, InspectorRow>,
    calls_fail_since: BTreeMap<String, f64>,
    boards: BTreeMap<GroupBy, Board>,
    shown_board: GroupBy,
    last_layout: u32,
}

impl Desk {
    /// Answers a pull at a revision.
    pub fn pull(&mut self, scene: &Scene, revision: u32, args: PullArgs) -> ViewPatch {
        let since = args.since;
        let snapshot = &scene.snapshot;
        match args.request {
            ViewRequest::Shell => ViewPatch::Shell(self.shell.answer(revision, since, (), shell::table(scene))),
            ViewRequest::FirstRun => {
                ViewPatch::FirstRun(self.first_run.answer(revision, since, (), first_run::table(scene)))
            }
            ViewRequest::Topology(params) => {
                let table = self.board(params.group_by, |board, last| board.draw(snapshot, scene.now, last));
                ViewPatch::Topology(self.topology.answer(revision, since, params, table))
            }
            ViewRequest::Services => {
                ViewPatch::Services(self.services.answer(revision, since, (), services::table(snapshot)))
            }
            ViewRequest::Health => {
                let mut table = health::table(scene);
                self.date_failing_calls(scene, &mut table);
                ViewPatch::Health(self.health.answer(revision, since, (), table))
            }
            ViewRequest::Breakers => {
                ViewPatch::Breakers(self.breakers.answer(revision, since, (), breakers::table(snapshot)))
            }
            ViewRequest::ConfigTree(params) => {
                let table = config_tree::table(scene, &params);
                ViewPatch::ConfigTree(self.config_tree.answer(revision, since, params, table))
            }
            ViewRequest::Disagreements => {
                let table = disagreements::table(scene);
                ViewPatch::Disagreements(self.disagreements.answer(revision, since, (), table))
            }
            ViewRequest::Sources => ViewPatch::Sources(self.sources.answer(revision, since, (), sources::table(scene))),
            ViewRequest::Timeline(params) => {
                ViewPatch::Timeline(self.timeline.answer(revision, since, params, timeline::table(scene, params)))
            }
            ViewRequest::Inspector(params) => {
                let table = inspector::table(scene, &params.subject);
                ViewPatch::Inspector(self.inspector.answer(revision, since, params, table))
            }
        }
    }

    /// The picture does not keep since when calls fail; here it is at least since they were first shown to do so.
    fn date_failing_calls(&mut self, scene: &Scene, table: &mut Table<HealthHead, HealthRow>) {
        let before = std::mem::take(&mut self.calls_fail_since);
        for row in &mut table.rows {
            let HealthRow::Problem(problem) = row else { continue };
            if problem.cause == Cause::Calls {
                let at = before.get(&problem.key).copied().unwrap_or_else(|| millis(scene.now));
                self.calls_fail_since.insert(problem.key.clone(), at);
                problem.since = Since { at, seen_changing: false };
            }
        }
    }

    /// Where the cards of the topology stand, see `PositionsArgs`.
    pub fn positions(&self, layout: u32) -> Vec<u8> {
        let asked = self.boards.values().find(|board| board.layout() == layout);
        let board = asked.or_else(|| self.boards.get(&self.shown_board));
        board.map(Board::positions).unwrap_or_default()
    }

    /// Folds or unfolds a group of the topology that was shown last.
    pub fn fold(&mut self, args: &FoldArgs) {
        self.board(self.shown_board, |board, _| board.fold(&args.group, args.folded));
    }

    /// Places a topology anew.
    pub fn relayout(&mut self, group_by: GroupBy) {
        self.board(group_by, |board, _| board.forget_places());
    }

    fn board<T>(&mut self, group_by: GroupBy, work: impl FnOnce(&mut Board, &mut u32) -> T) -> T {
        self.shown_board = group_by;
        let board = self.boards.entry(group_by).or_insert_with(|| Board::new(group_by));
        work(board, &mut self.last_layout)
    }
}
