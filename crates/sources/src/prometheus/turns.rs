//! Which questions are asked at a beat: as many as the budget has, in turn, and one that failed more and more seldom. Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::promql::{Key, Query};

/// The longest pause of a question that fails, in beats.
const LONGEST_PAUSE: u64 = 16;

/// When each question had its turn.
#[derive(Debug, Default)]
pub(super) struct Turns {
    beat: u64,
    of: BTreeMap<Key, Turn>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Turn {
    /// The beat at which it was asked last; 0 for never.
    asked: u64,
    failures: u32,
    /// Not before this beat.
    due: u64,
}

impl Turns {
    /// The questions of the next beat: those that waited longest first, and the plan's order among equals.
    pub(super) fn next(&mut self, plan: &[Query], budget: usize) -> Vec<Query> {
        self.beat += 1;
        let planned: BTreeSet<&Key> = plan.iter().map(|one| &one.key).collect();
        self.of.retain(|key, _| planned.contains(key));
        let mut waiting: Vec<(u64, &Query)> = Vec::new();
        for query in plan {
            let turn = self.of.entry(query.key.clone()).or_default();
            if turn.due <= self.beat {
                waiting.push((turn.asked, query));
            }
        }
        waiting.sort_by_key(|(asked, _)| *asked);
        let chosen: Vec<Query> = waiting.into_iter().take(budget).map(|(_, query)| query.clone()).collect();
        for query in &chosen {
            if let Some(turn) = self.of.get_mut(&query.key) {
                turn.asked = self.beat;
            }
        }
        chosen
    }

    /// Notes how a question ended.
    pub(super) fn ended(&mut self, query: &Query, well: bool) {
        let Some(turn) = self.of.get_mut(&query.key) else { return };
        turn.failures = if well { 0 } else { turn.failures.saturating_add(1) };
        // The first failure may be chance: it costs no turn.
        let pause = 1_u64.checked_shl(turn.failures.saturating_sub(1)).unwrap_or(LONGEST_PAUSE).min(LONGEST_PAUSE);
        turn.due = self.beat + pause;
    }

    /// Whether a question of the plan was never asked.
    pub(super) fn leave_out_any(&self, plan: &[Query]) -> bool {
        plan.iter().any(|query| self.of.get(&query.key).is_none_or(|turn| turn.asked == 0))
    }

    /// How many beats it takes until each question of the plan had its turn.
    pub(super) fn beats(plan: &[Query], budget: usize) -> usize {
        plan.len().div_ceil(budget.max(1)).max(1)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::promql::Kind;
    use super::*;

    fn plan(size: usize) -> Vec<Query> {
        let query = |number: usize| {
            let key = Key { series: Arc::from("s"), kind: Kind::Rate, metric: Arc::from(format!("m{number}")) };
            Query { key, of_process: true, text: Arc::from("x") }
        };
        (0..size).map(query).collect()
    }

    fn names(asked: &[Query]) -> Vec<&str> {
        asked.iter().map(|query| &*query.key.metric).collect()
    }

    #[test]
    fn everyone_has_a_turn_before_anyone_has_a_second() {
        let (plan, mut turns) = (plan(5), Turns::default());
        let beats: Vec<Vec<Query>> = (0..4).map(|_| turns.next(&plan, 2)).collect();
        let beats: Vec<Vec<&str>> = beats.iter().map(|asked| names(asked)).collect();
        assert_eq!(beats, [vec!["m0", "m1"], vec!["m2", "m3"], vec!["m4", "m0"], vec!["m1", "m2"]]);
        assert_eq!((Turns::beats(&plan, 2), Turns::beats(&[], 2)), (3, 1));
    }

    #[test]
    fn the_first_round_is_over_when_everyone_had_a_turn() {
        let (plan, mut turns) = (plan(5), Turns::default());
        let left_out = |turns: &mut Turns| {
            turns.next(&plan, 2);
            turns.leave_out_any(&plan)
        };
        assert_eq!([(); 4].map(|()| left_out(&mut turns)), [true, true, false, false]);
        assert!(!turns.leave_out_any(&[]));
    }

    #[test]
    fn no_beat_asks_more_than_its_budget() {
        let (plan, mut turns) = (plan(50), Turns::default());
        assert!((0..20).all(|_| turns.next(&plan, 7).len() == 7));
        assert!(turns.next(&plan, 0).is_empty());
    }

    #[test]
    fn a_question_that_fails_is_asked_more_and_more_seldom_and_recovers() {
        let (plan, mut turns) = (plan(1), Turns::default());
        let mut asked_at = Vec::new();
        for beat in 1..=40 {
            for query in turns.next(&plan, 1) {
                asked_at.push(beat);
                turns.ended(&query, false);
            }
        }
        assert_eq!(asked_at, [1, 2, 4, 8, 16, 32]);
        while turns.next(&plan, 1).is_empty() {}
        turns.ended(&plan[0], true);
        assert_eq!(turns.next(&plan, 1).len(), 1);
    }
}
