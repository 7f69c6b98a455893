//! The topology keeps still, and folds what is too much.

use std::collections::BTreeMap;

use binnacle_model::fact::{BreakerState, CheckStatus, Party};
use binnacle_view::contract::command::FoldArgs;
use binnacle_view::contract::topology::{
    GroupBy, TopologyEdge, TopologyHead, TopologyNode, TopologyParams, TopologyRow,
};
use binnacle_view::contract::view::PullArgs;
use binnacle_view::contract::{Patch, ViewPatch, ViewRequest};
use binnacle_view::desk::Desk;
use binnacle_view::screen::topology::BUDGET;

use super::fleet::{Fleet, shop};

struct Drawn {
    head: TopologyHead,
    nodes: Vec<TopologyNode>,
    edges: Vec<TopologyEdge>,
    places: BTreeMap<String, [f32; 4]>,
}

fn draw(desk: &mut Desk, fleet: &Fleet) -> Drawn {
    let request = ViewRequest::Topology(TopologyParams { group_by: GroupBy::Namespace });
    let patch = desk.pull(&fleet.scene(), 1, PullArgs { request, since: None });
    let ViewPatch::Topology(Patch::Full { head, rows, .. }) = patch else { panic!("{patch:?}") };
    let (mut nodes, mut edges) = (Vec::new(), Vec::new());
    for row in rows {
        match row {
            TopologyRow::Node(node) => nodes.push(node),
            TopologyRow::Edge(edge) => edges.push(edge),
        }
    }
    let bytes = desk.positions(head.layout);
    let number = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
    assert_eq!(number(0), head.layout);
    assert_eq!(bytes.len(), 8 + 16 * number(4) as usize);
    let place = |slot: u32| {
        let length = |part: usize| f32::from_bits(number(8 + slot as usize * 16 + part * 4));
        [length(0), length(1), length(2), length(3)]
    };
    let mut places: BTreeMap<String, [f32; 4]> =
        nodes.iter().filter_map(|node| Some((node.key.clone(), place(node.slot?)))).collect();
    places.extend(head.groups.iter().map(|group| (group.key.clone(), place(group.slot))));
    Drawn { head, nodes, edges, places }
}

#[test]
fn services_stand_in_the_box_of_their_team() {
    let drawn = draw(&mut Desk::default(), &shop());
    let titles: Vec<_> = drawn.head.groups.iter().map(|group| group.title.as_str()).collect();
    assert_eq!(titles, ["edge", "pay", "shop"]);
    for node in &drawn.nodes {
        let ([x, y, w, h], [gx, gy, gw, gh]) = (drawn.places[&node.key], drawn.places[&format!("g:{}", node.group)]);
        assert_eq!((w, h), (144.0, 60.0));
        assert!(gx <= x && gy <= y && x + w <= gx + gw && y + h <= gy + gh, "{} is not in its group", node.name);
    }
}

#[test]
fn new_numbers_move_nothing_and_a_new_service_moves_no_other() {
    let mut fleet = shop();
    let mut desk = Desk::default();
    let before = draw(&mut desk, &fleet);
    fleet.later(10).check("cart", 2, CheckStatus::Critical, "no").calls("web", &super::fleet::named("cart"), 99.0, 0.5);
    let same = draw(&mut desk, &fleet);
    assert_eq!((same.head.layout, &same.places), (before.head.layout, &before.places));
    fleet.instance("search", 9, "shop").calls("web", &super::fleet::named("search"), 1.0, 0.0);
    let more = draw(&mut desk, &fleet);
    assert!(more.head.layout > before.head.layout && more.places.len() == before.places.len() + 1);
    for node in &before.nodes {
        let (now, then) = (more.places[&node.key].map(f32::to_bits), before.places[&node.key].map(f32::to_bits));
        assert_eq!(now, then, "{} jumped", node.name);
    }
}

#[test]
fn the_calls_of_a_new_source_may_come_a_little_later_and_still_count_for_the_places() {
    let mut fleet = Fleet::new();
    let mut desk = Desk::default();
    fleet.instance("web", 1, "t").instance("cart", 2, "t");
    let column = |drawn: &Drawn, name: &str| drawn.places[&format!("n:consul:dc1/{name}")][0];
    let first = draw(&mut desk, &fleet);
    assert!((column(&first, "web") - column(&first, "cart")).abs() < 0.01, "nothing is known of their calls");
    fleet.calls("web", &super::fleet::named("cart"), 1.0, 0.0);
    let settled = draw(&mut desk, &fleet);
    assert!(column(&settled, "web") < column(&settled, "cart"));
    fleet.later(60).calls("cart", &super::fleet::named("web"), 500.0, 0.0);
    assert_eq!(draw(&mut desk, &fleet).head.layout, settled.head.layout, "later on nothing jumps");
}

#[test]
fn an_open_breaker_stands_on_its_edge() {
    let mut fleet = shop();
    fleet.breaker("cart", "payments", BreakerState::Open);
    let drawn = draw(&mut Desk::default(), &fleet);
    let edge = drawn.edges.iter().find(|edge| edge.to == "n:consul:dc1/payments").unwrap();
    let breaker = edge.breaker.as_ref().unwrap();
    assert_eq!((breaker.open, breaker.of, breaker.rejected_per_s), (1, 1, Some(1.5)));
}

#[test]
fn a_topic_is_a_pipe_with_what_goes_in_and_out() {
    let mut fleet = shop();
    fleet.calls("cart", &Party::Channel("orders".into()), 61.0, 0.0);
    let drawn = draw(&mut Desk::default(), &fleet);
    let pipe = drawn.nodes.iter().find(|node| node.name == "orders").unwrap();
    assert_eq!(pipe.channel.unwrap().in_per_s, Some(61.0));
    assert!((drawn.places[&pipe.key][3] - 44.0).abs() < 0.01);
}

#[test]
fn a_group_counts_its_channels_beside_its_services() {
    let mut fleet = shop();
    fleet.calls("cart", &Party::Channel("orders".into()), 61.0, 0.0);
    fleet.calls("cart", &Party::Channel("mails".into()), 1.0, 0.0);
    let head = draw(&mut Desk::default(), &fleet).head;
    let counted = |title: &str| {
        let group = head.groups.iter().find(|group| group.title == title).unwrap();
        (group.services, group.instances, group.channels)
    };
    assert_eq!((counted("messaging"), counted("shop")), ((0, 0, 2), (1, 1, 0)));
}

/// Forty teams of five, and one of them in trouble.
fn many() -> Fleet {
    let mut fleet = Fleet::new();
    for number in 0..200_u8 {
        fleet.instance(&format!("s{number:03}"), number, &format!("team-{:02}", number / 5));
    }
    fleet.check("s000", 0, CheckStatus::Critical, "no");
    fleet
}

#[test]
fn what_is_too_much_is_folded_and_counted_but_never_a_critical_member() {
    let drawn = draw(&mut Desk::default(), &many());
    assert_eq!((drawn.head.services, drawn.head.shown + drawn.head.folded), (200, 200));
    assert!(drawn.head.shown as usize <= BUDGET && drawn.head.folded > 0, "{:?}", drawn.head);
    let critical = drawn.nodes.iter().find(|node| node.name == "s000").unwrap();
    assert!(critical.slot.is_some());
    let folded = drawn.head.groups.iter().filter(|group| group.folded).map(|group| group.services).sum::<u32>();
    assert_eq!(folded, drawn.head.folded);
}

#[test]
fn a_folded_group_opens_when_a_member_becomes_critical() {
    let mut fleet = many();
    let mut desk = Desk::default();
    let before = draw(&mut desk, &fleet);
    let folded = before.nodes.iter().find(|node| node.slot.is_none()).unwrap();
    let number: u8 = folded.name[1..].parse().unwrap();
    fleet.check(&folded.name, number, CheckStatus::Critical, "no");
    let after = draw(&mut desk, &fleet);
    assert!(after.nodes.iter().find(|node| node.id == folded.id).unwrap().slot.is_some());
}

#[test]
fn edges_to_a_folded_group_are_one_bundle_to_its_stack() {
    let mut fleet = shop();
    fleet.instance("ledger", 7, "pay").calls("cart", &super::fleet::named("ledger"), 3.0, 0.1);
    let mut desk = Desk::default();
    draw(&mut desk, &fleet);
    desk.fold(&FoldArgs { group: "group:pay".to_owned(), folded: true });
    let drawn = draw(&mut desk, &fleet);
    let bundle = drawn.edges.iter().find(|edge| edge.to == "g:group:pay").unwrap();
    assert_eq!((bundle.bundled, bundle.signals.rps), (2, Some(8.0)));
    assert_eq!((drawn.head.shown, drawn.head.folded), (2, 2));
}

#[test]
fn one_group_alone_keeps_its_loudest_members_and_puts_the_quiet_ones_away() {
    let mut fleet = Fleet::new();
    for number in 0..100_u8 {
        fleet.instance(&format!("s{number:03}"), number, "one");
    }
    fleet.check("s050", 50, CheckStatus::Warning, "slow");
    let drawn = draw(&mut Desk::default(), &fleet);
    assert_eq!((drawn.head.shown, drawn.head.folded), (60, 40));
    assert!(drawn.nodes.iter().find(|node| node.name == "s050").unwrap().slot.is_some());
}
