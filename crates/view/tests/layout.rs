//! What must hold of every layout, however odd the graph.

#![allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "a panic is how a test fails")]

use binnacle_view::layout::{Card, Layout, Rect, Size, Sketch};
use proptest::prelude::*;

const CARD: Size = Size { w: 144.0, h: 60.0 };
const GROUPS: [&str; 4] = ["shop", "pay", "edge", "data"];

fn card(number: usize, group: usize) -> Card {
    Card { id: format!("service-{number:03}"), group: GROUPS[group].to_owned(), size: CARD }
}

fn sketch() -> impl Strategy<Value = Sketch> {
    (1..60_usize)
        .prop_flat_map(|count| {
            let groups = proptest::collection::vec(0..GROUPS.len(), count);
            let edges = proptest::collection::vec((0..count, 0..count), 0..count * 2);
            (groups, edges)
        })
        .prop_map(|(groups, edges)| Sketch {
            cards: groups.into_iter().enumerate().map(|(number, group)| card(number, group)).collect(),
            edges: edges
                .into_iter()
                .map(|(from, to)| (format!("service-{from:03}"), format!("service-{to:03}")))
                .collect(),
        })
}

fn all_apart<'a>(places: impl Iterator<Item = &'a Rect>) -> Result<(), TestCaseError> {
    let all: Vec<&Rect> = places.collect();
    for (number, one) in all.iter().enumerate() {
        for other in &all[number + 1..] {
            prop_assert!(!one.touches(other, 0.0), "{:?} and {:?} overlap", one, other);
        }
    }
    Ok(())
}

fn holds(sketch: &Sketch, layout: &Layout) -> Result<(), TestCaseError> {
    prop_assert_eq!(layout.cards.len(), sketch.cards.len());
    all_apart(layout.cards.values())?;
    for card in &sketch.cards {
        prop_assert!(layout.groups[&card.group].holds(&layout.cards[&card.id]), "{} left its group", card.id);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn cards_stand_apart_inside_their_groups_and_groups_stand_apart(sketch in sketch()) {
        let layout = Layout::of(&sketch);
        holds(&sketch, &layout)?;
        all_apart(layout.groups.values())?;
    }

    #[test]
    fn the_order_of_the_input_does_not_matter(
        (sketch, cards, edges) in sketch().prop_flat_map(|sketch| {
            let (cards, edges) = (sketch.cards.clone(), sketch.edges.clone());
            (Just(sketch), Just(cards).prop_shuffle(), Just(edges).prop_shuffle())
        })
    ) {
        prop_assert_eq!(Layout::of(&sketch), Layout::of(&Sketch { cards, edges }));
    }

    #[test]
    fn what_stands_stays_when_cards_come_and_go(sketch in sketch(), gone in 0..60_usize, group in 0..GROUPS.len()) {
        let before = Layout::of(&sketch);
        let mut changed = sketch.clone();
        if gone < changed.cards.len() {
            changed.cards.remove(gone);
        }
        changed.cards.push(card(900, group));
        changed.edges.push(("service-000".to_owned(), "service-900".to_owned()));
        let after = before.adapt(&changed);
        holds(&changed, &after)?;
        if changed.cards.len() > 1 {
            for card in changed.cards.iter().filter(|card| card.id != "service-900") {
                prop_assert_eq!(before.cards[&card.id], after.cards[&card.id]);
            }
        }
    }
}

fn named(names: &[(&str, &str)], edges: &[(&str, &str)]) -> Sketch {
    let card = |(id, group): &(&str, &str)| Card { id: (*id).to_owned(), group: (*group).to_owned(), size: CARD };
    Sketch {
        cards: names.iter().map(card).collect(),
        edges: edges.iter().map(|(from, to)| ((*from).to_owned(), (*to).to_owned())).collect(),
    }
}

#[test]
fn callers_stand_left_of_their_callees() {
    let layout = Layout::of(&named(
        &[("web", "g"), ("cart", "g"), ("checkout", "g"), ("payments", "g")],
        &[("web", "cart"), ("web", "checkout"), ("cart", "checkout"), ("checkout", "payments")],
    ));
    let x = |id: &str| layout.cards[id].x;
    assert!(x("web") < x("cart") && x("cart") < x("checkout") && x("checkout") < x("payments"));
}

#[test]
fn a_cycle_turns_one_edge_around_and_keeps_the_rest() {
    let ring = [("a", "b"), ("b", "c"), ("c", "d"), ("d", "a")];
    let layout = Layout::of(&named(&[("a", "g"), ("b", "g"), ("c", "g"), ("d", "g")], &ring));
    let forward = ring.iter().filter(|(from, to)| layout.cards[*from].x < layout.cards[*to].x).count();
    assert_eq!(forward, 3);
}

#[test]
fn a_new_card_stands_beside_its_caller() {
    let names = [("web", "shop"), ("cart", "shop"), ("ledger", "pay")];
    let before = Layout::of(&named(&names, &[("web", "cart"), ("cart", "ledger")]));
    let more = [names[0], names[1], names[2], ("search", "shop")];
    let after = before.adapt(&named(&more, &[("web", "cart"), ("cart", "ledger"), ("web", "search")]));
    let (web, search) = (after.cards["web"], after.cards["search"]);
    assert!(search.x > web.x && (search.y - web.y).abs() < 200.0, "{web:?} {search:?}");
}

#[test]
fn a_group_unfolds_where_it_stood_and_pushes_only_what_is_in_its_way() {
    let stack = |group: &str| Card { id: format!("stack-{group}"), group: group.to_owned(), size: CARD };
    let edges = vec![("stack-a".to_owned(), "stack-b".to_owned()), ("stack-b".to_owned(), "stack-c".to_owned())];
    let folded = Sketch { cards: vec![stack("a"), stack("b"), stack("c")], edges };
    let before = Layout::of(&folded);
    let mut cards = vec![stack("a"), stack("c")];
    cards.extend((0..6).map(|number| Card { id: format!("b{number}"), group: "b".to_owned(), size: CARD }));
    let chain: Vec<_> = (1..6).map(|number| (format!("b{}", number - 1), format!("b{number}"))).collect();
    let unfolded = Sketch { cards, edges: chain };
    let after = before.adapt(&unfolded);
    holds(&unfolded, &after).unwrap();
    all_apart(after.groups.values()).unwrap();
    let corner = |layout: &Layout, group: &str| (layout.groups[group].x, layout.groups[group].y);
    assert_eq!(corner(&after, "a"), corner(&before, "a"), "what stands left of it does not move");
    assert_eq!(corner(&after, "b"), corner(&before, "b"), "it opens where it stood");
    assert!(after.groups["c"].x > before.groups["c"].x, "what stands right of it makes room");
    let again = after.adapt(&folded);
    assert_eq!(corner(&again, "b"), corner(&before, "b"), "and it folds there too");
}

#[test]
fn nothing_to_place_is_no_trouble() {
    assert_eq!(Layout::of(&Sketch::default()), Layout::default());
    assert_eq!(Layout::default().adapt(&Sketch::default()), Layout::default());
}
