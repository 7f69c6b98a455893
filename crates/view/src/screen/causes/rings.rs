//! Rings of a graph: things that lead to each other.

/// The strongly connected parts of a graph, each after all that it leads to (Kosaraju's way, without recursion: chains
/// from outside may be long).
pub(super) fn of(next: &[Vec<usize>]) -> Vec<Vec<usize>> {
    let mut back = vec![Vec::new(); next.len()];
    for (from, all) in next.iter().enumerate() {
        for to in all {
            if let Some(back) = back.get_mut(*to) {
                back.push(from);
            }
        }
    }
    let mut order = Vec::with_capacity(next.len());
    let mut seen = vec![false; next.len()];
    for start in 0..next.len() {
        walk(start, next, &mut seen, &mut order);
    }
    let mut seen = vec![false; next.len()];
    let mut parts: Vec<Vec<usize>> = Vec::new();
    for start in order.into_iter().rev() {
        let mut part = Vec::new();
        walk(start, &back, &mut seen, &mut part);
        if !part.is_empty() {
            parts.push(part);
        }
    }
    parts.reverse();
    parts
}

/// Adds what can be reached from `start` and was not seen yet, each after what it leads to.
fn walk(start: usize, next: &[Vec<usize>], seen: &mut [bool], done: &mut Vec<usize>) {
    let mut is_new = |at: usize| seen.get_mut(at).is_some_and(|seen| !std::mem::replace(seen, true));
    let mut stack = Vec::new();
    if is_new(start) {
        stack.push((start, 0));
    }
    while let Some((at, child)) = stack.pop() {
        match next.get(at).and_then(|all| all.get(child)) {
            Some(to) => {
                stack.push((at, child + 1));
                if is_new(*to) {
                    stack.push((*to, 0));
                }
            }
            None => done.push(at),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_leads_to_each_other_is_one_part_and_comes_after_what_it_leads_to() {
        // 0 → 1 ⇄ 2 → 3, and 4 alone.
        let mut parts = of(&[vec![1], vec![2], vec![1, 3], vec![], vec![]]);
        for part in &mut parts {
            part.sort_unstable();
        }
        let place = |part: &[usize]| parts.iter().position(|one| one == part);
        assert_eq!(parts.len(), 4);
        assert!(place(&[3]) < place(&[1, 2]) && place(&[1, 2]) < place(&[0]) && place(&[4]).is_some(), "{parts:?}");
    }
}
