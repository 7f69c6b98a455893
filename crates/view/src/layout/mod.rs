//! Where the cards of the topology stand. Two levels: cards in their group, then groups on the ground; both are layered from
//! left to right, callers before callees. The result depends on the input alone, and [`Layout::adapt`] keeps what stands
//! where it stands when cards come and go.
//!
//! Lengths are in pixels at zoom 1.

#![allow(clippy::indexing_slicing, reason = "all indices are numbers that this module gave out itself")]

mod adapt;
mod crossing;
mod cycle;
mod layer;
mod place;

use std::collections::BTreeMap;

/// A place and a size; the corner is the upper left one.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rect {
    /// Left edge.
    pub x: f32,
    /// Upper edge.
    pub y: f32,
    /// Width.
    pub w: f32,
    /// Height.
    pub h: f32,
}

impl Rect {
    /// True when the two share some ground, with at least `gap` between them asked for.
    pub fn touches(&self, other: &Self, gap: f32) -> bool {
        self.x < other.x + other.w + gap
            && other.x < self.x + self.w + gap
            && self.y < other.y + other.h + gap
            && other.y < self.y + self.h + gap
    }

    /// True when the other lies wholly inside.
    pub fn holds(&self, other: &Self) -> bool {
        self.x <= other.x
            && self.y <= other.y
            && self.x + self.w >= other.x + other.w
            && self.y + self.h >= other.y + other.h
    }

    /// The smallest rectangle around both.
    #[must_use]
    pub fn with(&self, other: &Self) -> Self {
        let (x, y) = (self.x.min(other.x), self.y.min(other.y));
        Self { x, y, w: (self.x + self.w).max(other.x + other.w) - x, h: (self.y + self.h).max(other.y + other.h) - y }
    }

    fn moved(self, dx: f32, dy: f32) -> Self {
        Self { x: self.x + dx, y: self.y + dy, ..self }
    }
}

/// Width and height.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Size {
    /// Width.
    pub w: f32,
    /// Height.
    pub h: f32,
}

/// A card to be placed.
#[derive(Clone, Debug, PartialEq)]
pub struct Card {
    /// Unique.
    pub id: String,
    /// The group that it belongs to.
    pub group: String,
    /// Its size.
    pub size: Size,
}

/// What is to be placed. The order of cards and edges does not matter.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sketch {
    /// The cards.
    pub cards: Vec<Card>,
    /// Calls from one card to another, by id. Ids without a card are passed over.
    pub edges: Vec<(String, String)>,
}

/// Where everything stands.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Layout {
    /// Cards by id.
    pub cards: BTreeMap<String, Rect>,
    /// Group boxes by id, each around its cards.
    pub groups: BTreeMap<String, Rect>,
}

/// Room inside a group box, around its cards; the title stands in the upper part.
const PADDING: f32 = 12.0;
const TITLE: f32 = 34.0;
/// Between the columns of cards in a group: enough for a curve and a breaker on it.
const CARD_GAP: Size = Size { w: 60.0, h: 14.0 };
/// Between groups.
const GROUP_GAP: Size = Size { w: 56.0, h: 24.0 };

impl Layout {
    /// Places everything anew.
    pub fn of(sketch: &Sketch) -> Self {
        let sketch = sketch.tidied();
        let groups = sketch.groups();
        let inner: BTreeMap<&str, BTreeMap<&str, Rect>> =
            groups.iter().map(|(group, cards)| (*group, sketch.inside(cards))).collect();
        let boxes: Vec<(&str, Size)> = inner.iter().map(|(group, cards)| (*group, box_size(cards))).collect();
        let outer = named(&boxes, Layered::of(&boxes, &sketch.between_groups()).fitted(GROUP_GAP));
        let mut layout = Self::default();
        for (group, frame) in outer {
            for (card, place) in &inner[group] {
                layout.cards.insert((*card).to_owned(), place.moved(frame.x + PADDING, frame.y + TITLE));
            }
            layout.groups.insert(group.to_owned(), frame);
        }
        layout
    }

    /// The rectangle around everything.
    pub fn bounds(&self) -> Rect {
        self.groups.values().copied().reduce(|a, b| a.with(&b)).unwrap_or_default()
    }
}

impl Sketch {
    /// Sorted, without doubles, loops and loose ends: what depends on the order of the input goes here.
    fn tidied(&self) -> Self {
        let mut cards = self.cards.clone();
        cards.sort_by(|a, b| a.id.cmp(&b.id));
        cards.dedup_by(|a, b| a.id == b.id);
        let known = |id: &String| cards.binary_search_by(|card| card.id.cmp(id)).is_ok();
        let mut edges: Vec<_> =
            self.edges.iter().filter(|(from, to)| from != to && known(from) && known(to)).cloned().collect();
        edges.sort();
        edges.dedup();
        Self { cards, edges }
    }

    fn groups(&self) -> BTreeMap<&str, Vec<&Card>> {
        let mut groups: BTreeMap<&str, Vec<&Card>> = BTreeMap::new();
        for card in &self.cards {
            groups.entry(&card.group).or_default().push(card);
        }
        groups
    }

    /// Places the cards of one group, from (0, 0) on.
    fn inside<'a>(&'a self, cards: &[&'a Card]) -> BTreeMap<&'a str, Rect> {
        let sizes: Vec<(&str, Size)> = cards.iter().map(|card| (card.id.as_str(), card.size)).collect();
        let edges: Vec<(&str, &str)> = self.edges.iter().map(|(from, to)| (from.as_str(), to.as_str())).collect();
        named(&sizes, Layered::of(&sizes, &edges).placed(CARD_GAP))
    }

    fn between_groups(&self) -> Vec<(&str, &str)> {
        let group_of: BTreeMap<&str, &str> =
            self.cards.iter().map(|card| (card.id.as_str(), card.group.as_str())).collect();
        let lifted = self.edges.iter().filter_map(|(from, to)| {
            let pair = (*group_of.get(from.as_str())?, *group_of.get(to.as_str())?);
            (pair.0 != pair.1).then_some(pair)
        });
        lifted.collect()
    }
}

fn box_size(cards: &BTreeMap<&str, Rect>) -> Size {
    let inner = cards.values().copied().reduce(|a, b| a.with(&b)).unwrap_or_default();
    Size { w: inner.w + 2.0 * PADDING, h: inner.h + TITLE + PADDING }
}

/// The shape of a window's canvas: what is placed should fill it at the largest zoom.
const CANVAS: Size = Size { w: 16.0, h: 8.5 };

/// Boxes in layers: cycles are broken and layers assigned. Pairs may repeat (a heavier pull), and pairs with an unknown end
/// are passed over.
struct Layered {
    layers: Vec<Vec<usize>>,
    forward: Vec<(usize, usize)>,
    sizes: Vec<Size>,
}

impl Layered {
    fn of(boxes: &[(&str, Size)], pairs: &[(&str, &str)]) -> Self {
        let number: BTreeMap<&str, usize> = boxes.iter().enumerate().map(|(i, (id, _))| (*id, i)).collect();
        let edges: Vec<(usize, usize)> = pairs
            .iter()
            .filter_map(|(from, to)| Some((*number.get(from)?, *number.get(to)?)))
            .filter(|(from, to)| from != to)
            .collect();
        let forward = cycle::broken(boxes.len(), &edges);
        let layers = layer::assigned(boxes.len(), &forward);
        Self { layers, forward, sizes: boxes.iter().map(|(_, size)| *size).collect() }
    }

    /// One column a layer, crossings reduced.
    fn placed(&self, gap: Size) -> Vec<Rect> {
        self.in_columns(&self.layers, gap)
    }

    /// A long chain of columns leaves the canvas empty above and below, and everything small: neighbouring layers share a
    /// column until the whole fits best. Where little is gained the longer chain stands, which shows the direction better.
    fn fitted(&self, gap: Size) -> Vec<Rect> {
        let tried =
            (1..=self.layers.len()).rev().map(|columns| self.in_columns(&layer::squeezed(&self.layers, columns), gap));
        tried.reduce(|best, other| if zoom(&other) > zoom(&best) * 1.05 { other } else { best }).unwrap_or_default()
    }

    fn in_columns(&self, layers: &[Vec<usize>], gap: Size) -> Vec<Rect> {
        place::coordinates(&crossing::reduced(layers, &self.forward), &self.sizes, gap)
    }
}

/// How large all of it can be shown on the canvas, in any unit.
fn zoom(places: &[Rect]) -> f32 {
    let whole = places.iter().copied().reduce(|a, b| a.with(&b)).unwrap_or_default();
    (CANVAS.w / whole.w.max(1.0)).min(CANVAS.h / whole.h.max(1.0))
}

fn named<'a>(boxes: &[(&'a str, Size)], places: Vec<Rect>) -> BTreeMap<&'a str, Rect> {
    boxes.iter().zip(places).map(|((id, _), place)| (*id, place)).collect()
}
