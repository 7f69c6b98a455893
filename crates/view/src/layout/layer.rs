//! Which column a node stands in: as far left as its callers allow, then pulled right toward its nearest callee, so that an
//! entry point stands beside what it calls. Nodes without edges fill the shortest columns. Overlong columns are split.

/// More columns than this make a picture that nobody can follow; what is deeper shares the last one.
const DEEPEST: usize = 24;
/// Columns shorter than this are never split.
const SHORTEST_SPLIT: usize = 6;

/// The nodes by column, left to right.
pub(super) fn assigned(nodes: usize, edges: &[(usize, usize)]) -> Vec<Vec<usize>> {
    let mut depth = longest_paths(nodes, edges);
    pull_right(&mut depth, edges);
    let mut linked = vec![false; nodes];
    for &(from, to) in edges {
        linked[from] = true;
        linked[to] = true;
    }
    let columns = depth.iter().zip(&linked).filter(|(_, linked)| **linked).map(|(depth, _)| depth + 1).max();
    let mut layers: Vec<Vec<usize>> = vec![Vec::new(); columns.unwrap_or(0)];
    for (node, &column) in depth.iter().enumerate().filter(|(node, _)| linked[*node]) {
        layers[column].push(node);
    }
    layers.retain(|layer| !layer.is_empty());
    let tallest = split_height(nodes);
    let mut layers: Vec<Vec<usize>> =
        layers.iter().flat_map(|layer| layer.chunks(tallest).map(<[usize]>::to_vec)).collect();
    place_loose(&mut layers, (0..nodes).filter(|&node| !linked[node]), tallest);
    layers
}

/// The same order of layers in fewer columns: neighbours share one.
pub(super) fn squeezed(layers: &[Vec<usize>], columns: usize) -> Vec<Vec<usize>> {
    let mut squeezed: Vec<Vec<usize>> = vec![Vec::new(); columns.min(layers.len())];
    for (number, layer) in layers.iter().enumerate() {
        squeezed[number * columns / layers.len()].extend(layer);
    }
    squeezed
}

/// How tall a column may be: about as many rows as give a picture that is half as tall as wide.
fn split_height(nodes: usize) -> usize {
    let side = nodes.isqrt() + 1;
    (side + side / 3).max(SHORTEST_SPLIT)
}

fn longest_paths(nodes: usize, edges: &[(usize, usize)]) -> Vec<usize> {
    let mut waiting = vec![0_usize; nodes];
    let mut out: Vec<Vec<usize>> = vec![Vec::new(); nodes];
    for &(from, to) in edges {
        out[from].push(to);
        waiting[to] += 1;
    }
    let mut depth = vec![0_usize; nodes];
    let mut ready: Vec<usize> = (0..nodes).filter(|&node| waiting[node] == 0).collect();
    while let Some(node) = ready.pop() {
        for &to in &out[node] {
            depth[to] = depth[to].max((depth[node] + 1).min(DEEPEST - 1));
            waiting[to] -= 1;
            if waiting[to] == 0 {
                ready.push(to);
            }
        }
    }
    depth
}

/// A node that nobody calls moves right until it stands before the nearest of its callees.
fn pull_right(depth: &mut [usize], edges: &[(usize, usize)]) {
    let mut called = vec![false; depth.len()];
    let mut nearest: Vec<Option<usize>> = vec![None; depth.len()];
    for &(from, to) in edges {
        called[to] = true;
        let callee = depth[to];
        let known = nearest[from];
        nearest[from] = Some(known.map_or(callee, |known| known.min(callee)));
    }
    for (node, nearest) in nearest.into_iter().enumerate() {
        if let Some(callee) = nearest.filter(|_| !called[node]) {
            depth[node] = depth[node].max(callee.saturating_sub(1));
        }
    }
}

/// Nodes without edges go where there is room, or into columns of their own when there is none.
fn place_loose(layers: &mut Vec<Vec<usize>>, loose: impl Iterator<Item = usize>, tallest: usize) {
    let widest_height = layers.iter().map(Vec::len).max().unwrap_or(0);
    for node in loose {
        let room = layers.iter_mut().rev().filter(|layer| layer.len() < widest_height.max(tallest / 2).max(1));
        match room.min_by_key(|layer| layer.len()) {
            Some(layer) => layer.push(node),
            None => layers.push(vec![node]),
        }
    }
}
