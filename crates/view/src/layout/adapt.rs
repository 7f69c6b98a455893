//! Keeping the picture still: what stands stays, what is new finds a free place near its neighbours.

use std::collections::BTreeMap;

use super::{CARD_GAP, Card, GROUP_GAP, Layout, PADDING, Rect, Sketch, TITLE};

/// How far from its wished place a free spot is looked for, in steps of a card and its gap.
const REACH: i16 = 12;

impl Layout {
    /// The layout for a changed sketch: cards that were placed keep their places, cards that are gone leave a hole, new ones
    /// stand beside their neighbours in their group. A group that is folded or unfolded stays where it was and pushes what is in
    /// its way. Where a group is new, or nothing is left of the old picture, the new
    /// part is placed by itself to the right of everything.
    #[must_use]
    pub fn adapt(&self, sketch: &Sketch) -> Self {
        let sketch = sketch.tidied();
        let kept =
            |card: &&Card| self.cards.get(&card.id).is_some_and(|old| (old.w, old.h) == (card.size.w, card.size.h));
        if !sketch.cards.iter().any(|card| kept(&card)) {
            return Self::of(&sketch);
        }
        let mut layout = Self::default();
        for card in sketch.cards.iter().filter(kept) {
            layout.put(card, self.cards[&card.id]);
        }
        for (group, frame) in &mut layout.groups {
            // A group does not shrink when a card goes: its outline would jump.
            if let Some(old) = self.groups.get(group) {
                *frame = frame.with(old);
            }
        }
        for (group, old) in &self.groups {
            if !layout.groups.contains_key(group) {
                layout.reopen(group, old, &sketch);
            }
        }
        let (known, strange): (Vec<Card>, Vec<Card>) =
            sketch.cards.iter().cloned().partition(|card| layout.groups.contains_key(&card.group));
        for card in known.iter().filter(|card| !layout.cards.contains_key(&card.id)).cloned().collect::<Vec<_>>() {
            let place = layout.free_place(&card, &sketch);
            layout.put(&card, place);
        }
        layout.append(&Self::of(&Sketch { cards: strange, edges: sketch.edges.clone() }));
        layout
    }

    /// Places a group whose cards are all new (it was folded or unfolded) where it stood, and makes room for it.
    fn reopen(&mut self, group: &str, old: &Rect, sketch: &Sketch) {
        let cards: Vec<Card> = sketch.cards.iter().filter(|card| card.group == group).cloned().collect();
        let inside = Self::of(&Sketch { cards, edges: sketch.edges.clone() });
        let Some(size) = inside.groups.get(group) else { return };
        let frame = Rect { x: old.x, y: old.y, ..*size };
        self.make_room(old, &frame);
        if self.groups.values().any(|other| other.touches(&frame, 0.0)) {
            // The ground was taken in the meantime: it goes beside everything, as a new group does.
            return;
        }
        let (dx, dy) = (frame.x - size.x, frame.y - size.y);
        self.cards.extend(inside.cards.into_iter().map(|(id, place)| (id, place.moved(dx, dy))));
        self.groups.insert(group.to_owned(), frame);
    }

    /// Pushes what stands right of a box, and what stands beneath it, as far as the box grows and no further.
    fn make_room(&mut self, old: &Rect, grown: &Rect) {
        let right: Vec<String> = self.beyond(|place| place.x >= old.x + old.w);
        let in_the_way = |place: &&Rect| place.touches(grown, 0.0);
        let dx = self.places(&right).filter(in_the_way).map(|place| grown.x + grown.w + GROUP_GAP.w - place.x);
        let dx = dx.reduce(f32::max).unwrap_or_default();
        self.push(&right, dx, 0.0);
        let below: Vec<String> =
            self.beyond(|place| place.y >= old.y + old.h && place.x < grown.x + grown.w && grown.x < place.x + place.w);
        let dy = self.places(&below).filter(in_the_way).map(|place| grown.y + grown.h + GROUP_GAP.h - place.y);
        let dy = dy.reduce(f32::max).unwrap_or_default();
        self.push(&below, 0.0, dy);
    }

    fn beyond(&self, is_beyond: impl Fn(&Rect) -> bool) -> Vec<String> {
        self.groups.iter().filter(|(_, place)| is_beyond(place)).map(|(id, _)| id.clone()).collect()
    }

    fn places<'a>(&'a self, groups: &'a [String]) -> impl Iterator<Item = &'a Rect> {
        groups.iter().filter_map(|group| self.groups.get(group))
    }

    fn push(&mut self, groups: &[String], dx: f32, dy: f32) {
        if dx == 0.0 && dy == 0.0 {
            return;
        }
        for group in groups {
            let Some(frame) = self.groups.get_mut(group) else { continue };
            let held = *frame;
            *frame = held.moved(dx, dy);
            // Group boxes stand apart, so a card inside this box belongs to this group.
            for card in self.cards.values_mut().filter(|card| held.holds(card)) {
                *card = card.moved(dx, dy);
            }
        }
    }

    fn put(&mut self, card: &Card, place: Rect) {
        self.cards.insert(card.id.clone(), place);
        let around =
            Rect { x: place.x - PADDING, y: place.y - TITLE, w: place.w + 2.0 * PADDING, h: place.h + TITLE + PADDING };
        let frame = self.groups.entry(card.group.clone()).or_insert(around);
        *frame = frame.with(&around);
    }

    /// The free spot nearest to the card's placed neighbours (or to its group's last card): no card under it, and no other
    /// group's ground.
    fn free_place(&self, card: &Card, sketch: &Sketch) -> Rect {
        let frame = self.groups.get(&card.group).copied().unwrap_or_default();
        let (wish_x, wish_y) = self.wished(card, sketch, &frame);
        let (step_x, step_y) = (card.size.w + CARD_GAP.w, card.size.h + CARD_GAP.h);
        let mut spots: Vec<(f32, Rect)> = Vec::new();
        for column in -REACH..=REACH {
            for row in -REACH..=REACH {
                let (dx, dy) = (f32::from(column) * step_x, f32::from(row) * step_y);
                let spot = Rect { x: wish_x + dx, y: wish_y + dy, w: card.size.w, h: card.size.h };
                // Leaving the group's box costs more than a longer way inside it.
                let grown = frame.with(&spot);
                let growth = (grown.w - frame.w) + (grown.h - frame.h);
                spots.push((dx.abs() + dy.abs() + 2.0 * growth, spot));
            }
        }
        spots.sort_by(|a, b| a.0.total_cmp(&b.0));
        let free = spots.into_iter().map(|(_, spot)| spot).find(|spot| self.is_free(spot, &card.group));
        free.unwrap_or_else(|| {
            let ground = self.bounds();
            Rect { x: frame.x + PADDING, y: ground.y + ground.h + TITLE, w: card.size.w, h: card.size.h }
        })
    }

    fn wished(&self, card: &Card, sketch: &Sketch, frame: &Rect) -> (f32, f32) {
        let neighbours = sketch.edges.iter().filter_map(|(from, to)| {
            let (other, side) = if *from == card.id {
                (to, -1.0)
            } else if *to == card.id {
                (from, 1.0)
            } else {
                return None;
            };
            let place = self.cards.get(other).filter(|place| frame.holds(place))?;
            Some((place.x + side * (card.size.w + CARD_GAP.w), place.y))
        });
        let (mut x, mut y, mut count) = (0.0, 0.0, 0.0_f32);
        for (nx, ny) in neighbours {
            x += nx;
            y += ny;
            count += 1.0;
        }
        if count > 0.0 {
            // Onto the grid of the group's columns, so that columns stay columns.
            let column = ((x / count - frame.x - PADDING) / (card.size.w + CARD_GAP.w)).round();
            return (frame.x + PADDING + column * (card.size.w + CARD_GAP.w), (y / count).round());
        }
        (frame.x + PADDING, frame.y + frame.h - card.size.h - PADDING)
    }

    fn is_free(&self, spot: &Rect, group: &str) -> bool {
        let outline =
            Rect { x: spot.x - PADDING, y: spot.y - TITLE, w: spot.w + 2.0 * PADDING, h: spot.h + TITLE + PADDING };
        let own = self.groups.get(group).copied().unwrap_or(outline).with(&outline);
        self.cards.values().all(|card| !card.touches(spot, CARD_GAP.h / 2.0))
            && self.groups.iter().all(|(id, frame)| id == group || !frame.touches(&own, 0.0))
    }

    /// Puts another picture to the right of this one.
    fn append(&mut self, other: &Self) {
        let (ground, added) = (self.bounds(), other.bounds());
        let (dx, dy) = (ground.x + ground.w + GROUP_GAP.w - added.x, ground.y - added.y);
        let moved = |places: &BTreeMap<String, Rect>| -> Vec<(String, Rect)> {
            places.iter().map(|(id, place)| (id.clone(), place.moved(dx, dy))).collect()
        };
        self.cards.extend(moved(&other.cards));
        self.groups.extend(moved(&other.groups));
    }
}
