//! The order of nodes in each column: sweeps to and fro, each node moving to the mean place of its neighbours in the column
//! before, keeping the best order seen. Edges over several columns pass through invisible nodes, so that they count as well.

use std::collections::BTreeMap;

/// Sweeps; more gain nothing that the eye sees.
const SWEEPS: usize = 12;

/// A real node or a place where a long edge passes a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Item {
    /// A box.
    Node(usize),
    /// A long edge's passing place.
    Bend(usize),
}

/// The columns in drawing order, with the edges between neighbouring columns.
#[derive(Clone, Debug)]
pub(super) struct Columns {
    pub(super) items: Vec<Vec<Item>>,
    /// Pairs between column `i` and column `i + 1`.
    pub(super) links: Vec<Vec<(Item, Item)>>,
}

/// Orders the columns.
pub(super) fn reduced(layers: &[Vec<usize>], edges: &[(usize, usize)]) -> Columns {
    let mut columns = with_bends(layers, edges);
    let mut best = (crossings(&columns), columns.items.clone());
    for sweep in 0..SWEEPS {
        if best.0 == 0 {
            break;
        }
        sweep_once(&mut columns, sweep % 2 == 0);
        let count = crossings(&columns);
        if count < best.0 {
            best = (count, columns.items.clone());
        }
    }
    columns.items = best.1;
    columns
}

fn with_bends(layers: &[Vec<usize>], edges: &[(usize, usize)]) -> Columns {
    let column_of: BTreeMap<usize, usize> =
        layers.iter().enumerate().flat_map(|(column, nodes)| nodes.iter().map(move |&node| (node, column))).collect();
    let mut columns = Columns {
        items: layers.iter().map(|nodes| nodes.iter().copied().map(Item::Node).collect()).collect(),
        links: vec![Vec::new(); layers.len().saturating_sub(1)],
    };
    let mut bends = 0;
    for &(one, other) in edges {
        let (Some(&a), Some(&b)) = (column_of.get(&one), column_of.get(&other)) else { continue };
        let ((left, first), (right, last)) = if a <= b { ((one, a), (other, b)) } else { ((other, b), (one, a)) };
        let mut before = Item::Node(left);
        for column in first + 1..last {
            let bend = Item::Bend(bends);
            bends += 1;
            columns.items[column].push(bend);
            columns.links[column - 1].push((before, bend));
            before = bend;
        }
        // Two nodes of one column (a split one) have no link to order by.
        if first < last {
            columns.links[last - 1].push((before, Item::Node(right)));
        }
    }
    columns
}

fn places(items: &[Item]) -> BTreeMap<Item, usize> {
    items.iter().enumerate().map(|(place, &item)| (item, place)).collect()
}

fn sweep_once(columns: &mut Columns, rightward: bool) {
    let count = columns.items.len();
    let order: Vec<(usize, usize)> = if rightward {
        (1..count).map(|column| (column - 1, column)).collect()
    } else {
        (1..count).rev().map(|column| (column, column - 1)).collect()
    };
    for (fixed, moving) in order {
        let known = places(&columns.items[fixed]);
        let mut pulls: BTreeMap<Item, (f64, f64)> = BTreeMap::new();
        for &(left, right) in &columns.links[fixed.min(moving)] {
            let (anchor, item) = if rightward { (left, right) } else { (right, left) };
            if let Some(&place) = known.get(&anchor) {
                let pull = pulls.entry(item).or_default();
                pull.0 += as_f64(place);
                pull.1 += 1.0;
            }
        }
        let mut keyed: Vec<(f64, Item)> = columns.items[moving]
            .iter()
            .enumerate()
            .map(|(place, &item)| (pulls.get(&item).map_or(as_f64(place), |(sum, count)| sum / count), item))
            .collect();
        keyed.sort_by(|a, b| a.0.total_cmp(&b.0));
        columns.items[moving] = keyed.into_iter().map(|(_, item)| item).collect();
    }
}

#[allow(clippy::cast_precision_loss, reason = "places in a column are small")]
fn as_f64(place: usize) -> f64 {
    place as f64
}

/// Counts crossings between all neighbouring columns with a tree of partial sums (Barth, Jünger, Mutzel 2002).
fn crossings(columns: &Columns) -> u64 {
    let pairs = columns.links.iter().enumerate();
    pairs.map(|(column, links)| crossings_between(&columns.items[column], &columns.items[column + 1], links)).sum()
}

fn crossings_between(left: &[Item], right: &[Item], links: &[(Item, Item)]) -> u64 {
    let (left_place, right_place) = (places(left), places(right));
    let mut ends: Vec<(usize, usize)> =
        links.iter().filter_map(|(from, to)| Some((*left_place.get(from)?, *right_place.get(to)?))).collect();
    ends.sort_unstable();
    let mut sums = vec![0_u64; right.len() + 1];
    let mut crossed = 0;
    for (seen, (_, place)) in ends.into_iter().enumerate() {
        let mut at_or_before = 0;
        let mut index = place + 1;
        while index > 0 {
            at_or_before += sums[index];
            index &= index - 1;
        }
        crossed += seen as u64 - at_or_before;
        let mut index = place + 1;
        while index < sums.len() {
            sums[index] += 1;
            index += index & index.wrapping_neg();
        }
    }
    crossed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crossings_are_counted_and_removed() {
        let columns = with_bends(&[vec![0, 1], vec![2, 3]], &[(0, 3), (1, 2)]);
        assert_eq!(crossings(&columns), 1);
        assert_eq!(crossings(&reduced(&[vec![0, 1], vec![2, 3]], &[(0, 3), (1, 2)])), 0);
    }

    #[test]
    fn a_long_edge_passes_the_columns_between() {
        let columns = with_bends(&[vec![0], vec![1], vec![2]], &[(0, 1), (1, 2), (0, 2)]);
        assert_eq!(columns.items[1].len(), 2);
    }
}
