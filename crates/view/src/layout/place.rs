//! Coordinates: columns beside each other, and in each column every box as near to the mean height of its neighbours as the
//! order and the gaps allow.

use std::collections::BTreeMap;

use super::crossing::{Columns, Item};
use super::{Rect, Size};

/// Rounds of pulling; the picture is calm after a few.
const ROUNDS: usize = 8;
/// What a passing edge needs of a column.
const BEND_HEIGHT: f32 = 10.0;

/// The rectangle of every box, by its number.
pub(super) fn coordinates(columns: &Columns, sizes: &[Size], gap: Size) -> Vec<Rect> {
    let mut tops = stacked(columns, sizes, gap.h);
    for round in 0..ROUNDS {
        pull(columns, sizes, gap.h, &mut tops, round % 2 == 0);
    }
    let highest = tops.iter().filter(|(item, _)| matches!(item, Item::Node(_))).map(|(_, top)| *top).reduce(f32::min);
    let mut places: Vec<Rect> = sizes.iter().map(|size| Rect { x: 0.0, y: 0.0, w: size.w, h: size.h }).collect();
    let mut x = 0.0;
    for column in &columns.items {
        let width = column.iter().map(|item| size_of(*item, sizes).w).reduce(f32::max).unwrap_or_default();
        for item in column {
            if let Item::Node(node) = item {
                // Whole pixels: text and hairlines stay sharp at zoom 1.
                places[*node].x = x;
                places[*node].y = (tops[item] - highest.unwrap_or_default()).round();
            }
        }
        x += if width > 0.0 { width + gap.w } else { 0.0 };
    }
    places
}

fn size_of(item: Item, sizes: &[Size]) -> Size {
    match item {
        Item::Node(node) => sizes.get(node).copied().unwrap_or(Size { w: 0.0, h: 0.0 }),
        Item::Bend(_) => Size { w: 0.0, h: BEND_HEIGHT },
    }
}

fn stacked(columns: &Columns, sizes: &[Size], gap: f32) -> BTreeMap<Item, f32> {
    let mut tops = BTreeMap::new();
    for column in &columns.items {
        let mut y = 0.0;
        for &item in column {
            tops.insert(item, y);
            y += size_of(item, sizes).h + gap;
        }
    }
    tops
}

fn pull(columns: &Columns, sizes: &[Size], gap: f32, tops: &mut BTreeMap<Item, f32>, rightward: bool) {
    let count = columns.items.len();
    let order: Vec<usize> = if rightward { (0..count).collect() } else { (0..count).rev().collect() };
    for column in order {
        let mut wished: BTreeMap<Item, (f32, f32)> = BTreeMap::new();
        let mut note = |item: Item, neighbour: Item| {
            let middle = tops[&neighbour] + size_of(neighbour, sizes).h / 2.0;
            let sum = wished.entry(item).or_default();
            sum.0 += middle;
            sum.1 += 1.0;
        };
        if let Some(links) = column.checked_sub(1).and_then(|before| columns.links.get(before)) {
            for &(left, right) in links {
                note(right, left);
            }
        }
        if let Some(links) = columns.links.get(column) {
            for &(left, right) in links {
                note(left, right);
            }
        }
        let wishes: Vec<(Item, f32)> = columns.items[column]
            .iter()
            .map(|&item| {
                let half = size_of(item, sizes).h / 2.0;
                (item, wished.get(&item).map_or(tops[&item], |(sum, count)| sum / count - half))
            })
            .collect();
        settle(&wishes, sizes, gap, tops);
    }
}

/// A run of boxes that touch and move as one; `shift` is the mean of what its members wish for.
struct Run {
    members: Vec<Item>,
    height: f32,
    wishes: f32,
    top: f32,
}

/// Gives each box of a column its wished place as far as order and gaps allow, with the least sum of squared distances
/// (pool adjacent violators).
fn settle(wishes: &[(Item, f32)], sizes: &[Size], gap: f32, tops: &mut BTreeMap<Item, f32>) {
    let mut runs: Vec<Run> = Vec::new();
    for &(item, wish) in wishes {
        let mut run = Run { members: vec![item], height: size_of(item, sizes).h + gap, wishes: wish, top: wish };
        while let Some(above) = runs.pop_if(|above| above.top + above.height > run.top) {
            run = joined(above, run);
        }
        runs.push(run);
    }
    for run in runs {
        let mut y = run.top;
        for item in run.members {
            tops.insert(item, y);
            y += size_of(item, sizes).h + gap;
        }
    }
}

#[allow(clippy::cast_precision_loss, reason = "members of a column are few")]
fn joined(mut above: Run, below: Run) -> Run {
    // A member's wish counts for the top of the whole run, less what stands above it.
    above.wishes += below.wishes - above.height * below.members.len() as f32;
    above.height += below.height;
    above.members.extend(below.members);
    above.top = above.wishes / above.members.len() as f32;
    above
}
