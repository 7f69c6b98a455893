//! Breaking cycles: turns as few edges around as a greedy order can (Eades, Lin, Smyth 1993: sources to the front, sinks to
//! the back, then the node with the most outgoing over incoming). Depth-first breaking would give hundreds of layers on a
//! dense mesh.

use std::collections::BTreeSet;

/// The edges with those turned that point backwards in the greedy order.
pub(super) fn broken(nodes: usize, edges: &[(usize, usize)]) -> Vec<(usize, usize)> {
    let mut position = vec![0; nodes];
    for (place, node) in greedy_order(nodes, edges).into_iter().enumerate() {
        if let Some(slot) = position.get_mut(node) {
            *slot = place;
        }
    }
    let place = |node: usize| position.get(node).copied().unwrap_or_default();
    edges.iter().map(|&(from, to)| if place(from) < place(to) { (from, to) } else { (to, from) }).collect()
}

struct Remaining {
    out: Vec<Vec<usize>>,
    into: Vec<Vec<usize>>,
    out_degree: Vec<i64>,
    in_degree: Vec<i64>,
    left: BTreeSet<usize>,
}

fn greedy_order(nodes: usize, edges: &[(usize, usize)]) -> Vec<usize> {
    let mut graph = Remaining {
        out: vec![Vec::new(); nodes],
        into: vec![Vec::new(); nodes],
        out_degree: vec![0; nodes],
        in_degree: vec![0; nodes],
        left: (0..nodes).collect(),
    };
    for &(from, to) in edges {
        graph.out[from].push(to);
        graph.into[to].push(from);
        graph.out_degree[from] += 1;
        graph.in_degree[to] += 1;
    }
    let (mut front, mut back) = (Vec::new(), Vec::new());
    while !graph.left.is_empty() {
        while let Some(sink) = graph.first(|graph, node| graph.out_degree[node] == 0) {
            graph.take(sink);
            back.push(sink);
        }
        while let Some(source) = graph.first(|graph, node| graph.in_degree[node] == 0) {
            graph.take(source);
            front.push(source);
        }
        let best = graph
            .left
            .iter()
            .copied()
            .max_by_key(|&node| (graph.out_degree[node] - graph.in_degree[node], std::cmp::Reverse(node)));
        if let Some(node) = best {
            graph.take(node);
            front.push(node);
        }
    }
    back.reverse();
    front.extend(back);
    front
}

impl Remaining {
    fn first(&self, fits: impl Fn(&Self, usize) -> bool) -> Option<usize> {
        self.left.iter().copied().find(|&node| fits(self, node))
    }

    fn take(&mut self, node: usize) {
        self.left.remove(&node);
        for &to in &self.out[node] {
            self.in_degree[to] -= 1;
        }
        for &from in &self.into[node] {
            self.out_degree[from] -= 1;
        }
    }
}
