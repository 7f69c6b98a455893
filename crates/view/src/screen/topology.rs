//! Who calls whom. The picture keeps still: [`Board`] remembers where things stand and what is folded, and only adds.

use std::collections::{BTreeMap, BTreeSet};

use binnacle_model::fact::Pattern;
use binnacle_model::id::{ServiceId, SourceId};
use binnacle_model::snapshot::{Breaker, Edge, Health, Service, ServiceRole, Snapshot};
use jiff::{SignedDuration, Timestamp};

use super::services::disputed;
use super::{Table, count, facet_pips, stale_since, why_empty};
use crate::contract::state::{HealthCounts, Tone};
use crate::contract::topology::{
    ChannelSignals, EdgeBreaker, GroupBox, GroupBy, TopologyEdge, TopologyHead, TopologyNode, TopologyRow,
};
use crate::layout::{Card, Layout, Rect, Size, Sketch};
use crate::text;

/// How many cards may be seen before groups are folded.
pub const BUDGET: usize = 60;
const CARD: Size = Size { w: 144.0, h: 60.0 };
const PIPE: Size = Size { w: 144.0, h: 44.0 };
const STACK: Size = Size { w: 168.0, h: 92.0 };

/// How long after a source first shows itself its calls may still be placed anew: they come a little later than its
/// services, since a rate needs two looks.
const SETTLING: SignedDuration = SignedDuration::from_secs(6);

/// A topology as one person sees it: what is folded, and where everything stands.
#[derive(Debug, Default)]
pub struct Board {
    group_by: GroupBy,
    layout: Layout,
    sketch: Sketch,
    number: u32,
    slots: BTreeMap<String, u32>,
    /// What the person decided; wins over everything but a critical member.
    chosen: BTreeMap<String, bool>,
    /// Groups folded because there is too much to see.
    folded: BTreeSet<String>,
    /// Services put away in the stack beside their group, for the same reason.
    put_away: BTreeSet<ServiceId>,
    /// When each source was first drawn.
    first_drawn: BTreeMap<SourceId, Timestamp>,
}

/// A group and its members.
struct Group<'a> {
    title: String,
    members: Vec<&'a Service>,
}

impl Group<'_> {
    fn worst(&self) -> Health {
        self.members.iter().map(|service| service.health).max().unwrap_or_default()
    }
}

type Groups<'a> = BTreeMap<String, Group<'a>>;

impl Board {
    /// An empty board.
    pub fn new(group_by: GroupBy) -> Self {
        Self { group_by, ..Self::default() }
    }

    /// Folds or unfolds a group, as a person wants it.
    pub fn fold(&mut self, group: &str, folded: bool) {
        self.chosen.insert(group.to_owned(), folded);
    }

    /// Forgets where things stand: the next picture is placed anew.
    pub fn forget_places(&mut self) {
        self.layout = Layout::default();
        self.sketch = Sketch::default();
        self.slots.clear();
        self.folded.clear();
        self.put_away.clear();
    }

    /// The number of the layout.
    pub fn layout(&self) -> u32 {
        self.number
    }

    /// The topology. `next_layout` gives numbers to layouts that differ from all before.
    pub fn draw(
        &mut self,
        snapshot: &Snapshot,
        now: Timestamp,
        next_layout: &mut u32,
    ) -> Table<TopologyHead, TopologyRow> {
        let groups = self.grouped(snapshot);
        let seats = self.seats(&groups);
        let settling = self.is_settling(snapshot, now);
        if self.place(snapshot, &groups, &seats, settling) {
            *next_layout = next_layout.saturating_add(1);
            self.number = *next_layout;
        }
        let disputed = disputed(snapshot);
        let mut rows: Vec<TopologyRow> = Vec::with_capacity(snapshot.services.len() + snapshot.edges.len());
        for (id, group) in &groups {
            let nodes = group.members.iter().map(|service| {
                let disagrees = disputed.contains_key(&service.id);
                TopologyRow::Node(TopologyNode { disagrees, ..self.node(snapshot, service, id) })
            });
            rows.extend(nodes);
        }
        rows.extend(edges(snapshot, &seats).into_iter().map(TopologyRow::Edge));
        let hidden = groups.iter().filter(|(id, _)| self.is_folded(id)).map(|(_, group)| group.members.len()).sum();
        let total = snapshot.services.len();
        let head = TopologyHead {
            services: count(total),
            shown: count(total - hidden),
            folded: count(hidden),
            layout: self.number,
            group_by: self.group_by,
            groups: groups.iter().map(|(id, group)| self.group_box(id, group)).collect(),
            empty: (total == 0).then(|| why_empty(snapshot, "services", "They come from Consul. Add a source.")),
        };
        Table { head, rows }
    }

    /// Where everything stands, as bytes: see the contract's `PositionsArgs`.
    pub fn positions(&self) -> Vec<u8> {
        let slots = self.slots.values().max().map_or(0, |last| last.saturating_add(1));
        let mut places = vec![Rect::default(); slots as usize];
        for (key, slot) in &self.slots {
            let place = self.layout.cards.get(key).or_else(|| self.layout.groups.get(key.strip_prefix("g:")?));
            if let (Some(place), Some(seat)) = (place, places.get_mut(*slot as usize)) {
                *seat = *place;
            }
        }
        let mut bytes = Vec::with_capacity(8 + places.len() * 16);
        bytes.extend(self.number.to_le_bytes());
        bytes.extend(slots.to_le_bytes());
        for Rect { x, y, w, h } in places {
            for length in [x, y, w, h] {
                bytes.extend(length.to_le_bytes());
            }
        }
        bytes
    }

    fn grouped<'a>(&mut self, snapshot: &'a Snapshot) -> Groups<'a> {
        let mut groups = Groups::new();
        for service in snapshot.services.values() {
            let title = group_title(service, self.group_by);
            let group = groups.entry(format!("group:{title}")).or_insert_with(|| Group { title, members: Vec::new() });
            group.members.push(service);
        }
        self.keep_to_the_budget(&groups);
        self.put_aside(&mut groups);
        groups
    }

    /// Folds groups until what is seen fits: those where all pass first, the largest first; never one with a critical
    /// member. Where a single group is too large by itself, its quiet members go to a stack beside it.
    fn keep_to_the_budget(&mut self, groups: &Groups<'_>) {
        self.folded.retain(|id| groups.get(id).is_some_and(|group| group.worst() < Health::Critical));
        let alone = groups.len() == 1;
        let mut open: Vec<(&String, &Group<'_>)> = groups.iter().filter(|(id, _)| !self.is_folded(id)).collect();
        let mut seen: usize = open.iter().map(|(_, group)| group.members.len()).sum();
        open.sort_by_key(|(id, group)| (group.worst() > Health::Unknown, std::cmp::Reverse(group.members.len()), *id));
        for (id, group) in &open {
            if seen <= BUDGET || alone {
                break;
            }
            if group.worst() < Health::Critical && !self.chosen.contains_key(*id) {
                self.folded.insert((*id).clone());
                seen -= group.members.len();
            }
        }
        self.put_quiet_ones_away(groups, seen);
    }

    fn put_quiet_ones_away(&mut self, groups: &Groups<'_>, seen: usize) {
        self.put_away.retain(|id| {
            groups.values().any(|group| group.members.iter().any(|one| one.id == *id && one.health <= Health::Unknown))
        });
        let mut surplus = seen.saturating_sub(self.put_away.len()).saturating_sub(BUDGET);
        if surplus == 0 {
            return;
        }
        let open = groups.iter().filter(|(id, _)| !self.is_folded(id) && !self.chosen.contains_key(*id));
        let mut quiet: Vec<&Service> = open
            .flat_map(|(_, group)| &group.members)
            .filter(|one| one.health <= Health::Unknown && !self.put_away.contains(&one.id))
            .copied()
            .collect();
        // The least called first.
        quiet.sort_by(|a, b| rate(a).total_cmp(&rate(b)).then_with(|| b.id.cmp(&a.id)));
        for service in quiet {
            if surplus == 0 {
                break;
            }
            self.put_away.insert(service.id.clone());
            surplus -= 1;
        }
    }

    /// Moves what is put away out of the groups, into stacks of their own.
    fn put_aside<'a>(&self, groups: &mut Groups<'a>) {
        let mut stacks = Groups::new();
        for (id, group) in groups.iter_mut() {
            let (away, here): (Vec<&'a Service>, Vec<&'a Service>) =
                group.members.drain(..).partition(|one| self.put_away.contains(&one.id));
            group.members = here;
            if !away.is_empty() {
                let title = format!("{} · others", group.title);
                stacks.insert(format!("rest:{}", id.trim_start_matches("group:")), Group { title, members: away });
            }
        }
        groups.retain(|_, group| !group.members.is_empty());
        groups.append(&mut stacks);
    }

    fn is_folded(&self, id: &str) -> bool {
        match self.chosen.get(id) {
            Some(chosen) => *chosen,
            None => id.starts_with("rest:") || self.folded.contains(id),
        }
    }

    /// The card that stands for each service: its own, or its group's stack.
    fn seats<'a>(&self, groups: &Groups<'a>) -> BTreeMap<&'a ServiceId, String> {
        let mut seats = BTreeMap::new();
        for (id, group) in groups {
            for service in &group.members {
                let seat = if self.is_folded(id) { format!("g:{id}") } else { node_key(&service.id) };
                seats.insert(&service.id, seat);
            }
        }
        seats
    }

    /// Whether a source is so new that its first picture is still being put together: the one time when what stands may be
    /// placed anew without anybody asking.
    fn is_settling(&mut self, snapshot: &Snapshot, now: Timestamp) -> bool {
        let mut settling = false;
        for source in snapshot.sources.values() {
            let first = *self.first_drawn.entry(source.id.clone()).or_insert(now);
            settling |= now.duration_since(first) < SETTLING;
        }
        self.first_drawn.retain(|id, _| snapshot.sources.contains_key(id));
        settling
    }

    /// Gives everything its place; true when a place changed.
    fn place(
        &mut self,
        snapshot: &Snapshot,
        groups: &Groups<'_>,
        seats: &BTreeMap<&ServiceId, String>,
        settling: bool,
    ) -> bool {
        let mut cards = Vec::new();
        for (id, group) in groups {
            if self.is_folded(id) {
                cards.push(Card { id: format!("g:{id}"), group: id.clone(), size: STACK });
                continue;
            }
            let size = |service: &Service| if service.role == ServiceRole::Channel { PIPE } else { CARD };
            let members = group.members.iter();
            cards.extend(members.map(|one| Card { id: node_key(&one.id), group: id.clone(), size: size(one) }));
        }
        let seat = |id: &ServiceId| seats.get(id).cloned();
        let pairs = snapshot.edges.values().filter_map(|edge| Some((seat(&edge.from)?, seat(&edge.to)?)));
        let sketch = Sketch { cards, edges: pairs.collect() };
        let is_old = if settling { sketch == self.sketch } else { sketch.cards == self.sketch.cards };
        if self.number > 0 && is_old {
            return false;
        }
        self.layout = if settling { Layout::of(&sketch) } else { self.layout.adapt(&sketch) };
        self.sketch = sketch;
        self.hand_out_slots();
        true
    }

    /// Gives every card and group a slot; a slot is never given to another thing while the places are kept.
    fn hand_out_slots(&mut self) {
        let mut next = self.slots.values().max().map_or(0, |last| last.saturating_add(1));
        let groups = self.layout.groups.keys().map(|id| format!("g:{id}"));
        for key in self.layout.cards.keys().cloned().chain(groups) {
            self.slots.entry(key).or_insert_with(|| {
                next = next.saturating_add(1);
                next - 1
            });
        }
    }

    fn node(&self, snapshot: &Snapshot, service: &Service, group: &str) -> TopologyNode {
        let key = node_key(&service.id);
        TopologyNode {
            slot: self.slots.get(&key).copied().filter(|_| !self.is_folded(group)),
            id: service.id.to_string(),
            name: text::name(&service.name),
            group: group.to_owned(),
            namespace: service.namespace.as_deref().map(text::name),
            place: text::name(&service.place),
            role: service.role.into(),
            health: service.health.into(),
            since: service.since.into(),
            stale: service.stale,
            stale_since: stale_since(snapshot, service.stale, service.facets.iter().map(|facet| &facet.source)),
            instances: count(service.instances.len()),
            passing: count(service.passing()),
            segments: HealthCounts::of(service.instances.iter().map(|instance| instance.health)),
            signals: service.signals.into(),
            tone: Tone::from(&service.signals),
            sources: facet_pips(&service.facets),
            tags: service.tags.iter().map(|tag| text::name(tag)).collect(),
            disagrees: false,
            channel: (service.role == ServiceRole::Channel).then(|| channel(snapshot, service)),
            key,
        }
    }

    fn group_box(&self, id: &str, group: &Group<'_>) -> GroupBox {
        let channels = group.members.iter().filter(|service| service.role == ServiceRole::Channel).count();
        let key = format!("g:{id}");
        GroupBox {
            slot: self.slots.get(&key).copied().unwrap_or_default(),
            id: id.to_owned(),
            title: text::name(&group.title),
            folded: self.is_folded(id),
            services: count(group.members.len() - channels),
            instances: count(group.members.iter().map(|service| service.instances.len()).sum()),
            channels: count(channels),
            counts: HealthCounts::of(group.members.iter().map(|service| service.health)),
            worst: group.worst().into(),
            stale: group.members.iter().all(|service| service.stale),
            key,
        }
    }
}

fn node_key(id: &ServiceId) -> String {
    format!("n:{id}")
}

fn rate(service: &Service) -> f64 {
    service.signals.rps.unwrap_or(0.0)
}

fn group_title(service: &Service, group_by: GroupBy) -> String {
    match service.role {
        ServiceRole::External => return "external".to_owned(),
        ServiceRole::Channel => return "messaging".to_owned(),
        ServiceRole::Service | ServiceRole::Gateway => {}
    }
    let team = || service.instances.iter().find_map(|instance| instance.meta.get("team")).map(ToString::to_string);
    let namespace = || service.namespace.as_deref().filter(|name| *name != "default").map(str::to_owned);
    let place = || service.place.to_string();
    match group_by {
        GroupBy::Namespace => namespace().or_else(team).unwrap_or_else(place),
        GroupBy::Team => team().unwrap_or_else(|| "no team".to_owned()),
        GroupBy::Datacenter => place(),
    }
}

fn channel(snapshot: &Snapshot, service: &Service) -> ChannelSignals {
    let sum = |edges: &mut dyn Iterator<Item = &Edge>| {
        edges.filter_map(|edge| edge.signals.rps).reduce(|total, rps| total + rps)
    };
    let edges = || snapshot.edges.values().map(AsRef::as_ref);
    let touching = |edge: &&Edge| edge.from == service.id || edge.to == service.id;
    ChannelSignals {
        topic: edges().filter(touching).any(|edge| edge.pattern == Pattern::PublishSubscribe),
        in_per_s: sum(&mut edges().filter(|edge| edge.to == service.id)),
        out_per_s: sum(&mut edges().filter(|edge| edge.from == service.id)),
    }
}

/// The lines between cards; those that end at a stack are joined.
fn edges(snapshot: &Snapshot, seats: &BTreeMap<&ServiceId, String>) -> Vec<TopologyEdge> {
    let breakers = breakers(snapshot);
    let mut bundles: BTreeMap<(&str, &str), Vec<&Edge>> = BTreeMap::new();
    let mut lines = Vec::new();
    for edge in snapshot.edges.values() {
        let (Some(from), Some(to)) = (seats.get(&edge.from), seats.get(&edge.to)) else { continue };
        if from.starts_with("n:") && to.starts_with("n:") {
            let breaker = breakers.get(&(&edge.from, &edge.to));
            lines.push(line(from, to, &[edge], breaker.map(Vec::as_slice).unwrap_or_default()));
        } else if from != to {
            bundles.entry((from, to)).or_default().push(edge);
        }
    }
    for ((from, to), edges) in bundles {
        let on_them: Vec<&Breaker> =
            edges.iter().filter_map(|edge| breakers.get(&(&edge.from, &edge.to))).flatten().copied().collect();
        lines.push(line(from, to, &edges, &on_them));
    }
    lines
}

fn line(from: &str, to: &str, edges: &[&Edge], breakers: &[&Breaker]) -> TopologyEdge {
    let errors = |edge: &Edge| edge.signals.error_ratio.unwrap_or(-1.0);
    let loudest = edges.iter().copied().reduce(|a, b| if errors(b) > errors(a) { b } else { a });
    let signals = edges.iter().map(|edge| edge.signals).reduce(|a, b| a.and(&b)).unwrap_or_default();
    let tone = edges.iter().map(|edge| Tone::from(&edge.signals)).max().unwrap_or_default();
    let key = match (edges, loudest) {
        ([one], _) => format!("e:{}", one.id),
        _ => format!("e:{from}>{to}"),
    };
    let same = |pick: fn(&Edge) -> String| edges.iter().map(|edge| pick(edge)).collect::<BTreeSet<_>>().len() == 1;
    let protocol = loudest.filter(|_| same(|edge| format!("{:?}", edge.protocol))).map(|edge| edge.protocol);
    let pattern = loudest.filter(|_| same(|edge| format!("{:?}", edge.pattern))).map(|edge| edge.pattern);
    let payload = loudest.filter(|_| same(|edge| format!("{:?}", edge.payload))).map(|edge| edge.payload);
    let state = edges.iter().map(|edge| edge.state).min_by_key(|state| state_rank(*state));
    TopologyEdge {
        key,
        id: loudest.map(|edge| edge.id.to_string()).unwrap_or_default(),
        from: from.to_owned(),
        to: to.to_owned(),
        bundled: count(edges.len()),
        protocol: protocol.unwrap_or_default().into(),
        pattern: pattern.unwrap_or_default().into(),
        payload: payload.unwrap_or_default().into(),
        state: state.unwrap_or(binnacle_model::snapshot::EdgeState::Declared).into(),
        signals: signals.into(),
        tone,
        stale: edges.iter().all(|edge| edge.stale),
        breaker: notable(breakers),
    }
}

/// What a bundle shows of its edges: the one that asks for attention most.
fn state_rank(state: binnacle_model::snapshot::EdgeState) -> u8 {
    use binnacle_model::snapshot::EdgeState;
    match state {
        EdgeState::Undeclared => 0,
        EdgeState::Observed => 1,
        EdgeState::Declared => 2,
    }
}

fn breakers(snapshot: &Snapshot) -> BTreeMap<(&ServiceId, &ServiceId), Vec<&Breaker>> {
    let mut breakers: BTreeMap<(&ServiceId, &ServiceId), Vec<&Breaker>> = BTreeMap::new();
    for breaker in snapshot.breakers.values() {
        if let Some(callee) = &breaker.callee {
            breakers.entry((&breaker.caller, callee)).or_default().push(breaker);
        }
    }
    breakers
}

fn notable(breakers: &[&Breaker]) -> Option<EdgeBreaker> {
    // Of several alike, the first by id: the choice must not depend on anything that changes.
    let mut sorted: Vec<&Breaker> = breakers.to_vec();
    sorted.sort_by(|a, b| (b.told_state(), &a.id).cmp(&(a.told_state(), &b.id)));
    let first = sorted.first()?;
    Some(EdgeBreaker {
        id: first.id.to_string(),
        kind: first.kind.into(),
        state: first.state.into(),
        since: first.since.into(),
        open: first.open,
        of: first.of,
        rejected_per_s: first.rejected_per_s,
        others: count(sorted.len() - 1),
    })
}
