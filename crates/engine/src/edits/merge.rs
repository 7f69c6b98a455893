//! The three-way merge by lines. Pure: nothing here reads or writes anything but its arguments.
//!
//! Changes of different lines come together by themselves; the same lines changed in two ways are one choice to make. A
//! value that is not text is never taken apart: one side is chosen whole.

use std::ops::Range;

use similar::{MergeRegion, MergeResolution, TextMerge};

/// How far two changed values can be had together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Merge {
    /// Both sides say the same: there is nothing left to write.
    Same,
    /// Text, piece by piece.
    Text(MergedText),
    /// One side must be chosen whole: a value is not text, or one side is a delete.
    ChooseSide,
}

/// Text from both sides, in order.
#[derive(Clone, PartialEq, Eq)]
pub struct MergedText {
    /// The pieces; put together they are the whole text.
    pub pieces: Vec<Piece>,
}

/// A run of lines.
#[derive(Clone, PartialEq, Eq)]
pub enum Piece {
    /// Both sides agree, or only one of them changed it.
    Settled {
        /// The lines.
        text: String,
        /// Who changed them.
        by: ChangedBy,
    },
    /// Both sides changed it, in two ways.
    Conflict {
        /// What it was; `None` when the ancestor is not known.
        base: Option<String>,
        /// What is there now.
        theirs: String,
        /// What the edit wanted.
        yours: String,
    },
}

/// Who changed a run of lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangedBy {
    /// Nobody.
    Nobody,
    /// The other writer.
    Theirs,
    /// The edit.
    Yours,
    /// Both, in the same way.
    Both,
}

/// A choice for one conflict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// What it was.
    Base,
    /// What is there now.
    Theirs,
    /// What the edit wanted.
    Yours,
}

impl std::fmt::Debug for MergedText {
    /// Leaves the text out: it may be a secret, and debug output reaches logs.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MergedText").field("pieces", &self.pieces.len()).field("conflicts", &self.conflicts()).finish()
    }
}

impl std::fmt::Debug for Piece {
    /// Leaves the text out, for the same reason as [`MergedText`].
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Settled { text, by } => {
                f.debug_struct("Settled").field("size_bytes", &text.len()).field("by", by).finish()
            }
            Self::Conflict { .. } => f.write_str("Conflict"),
        }
    }
}

impl MergedText {
    /// How many choices are to be made.
    pub fn conflicts(&self) -> usize {
        self.pieces.iter().filter(|piece| matches!(piece, Piece::Conflict { .. })).count()
    }

    /// The whole text, when there is nothing to choose.
    pub fn text(&self) -> Option<String> {
        self.resolved(&[])
    }

    /// The whole text with one choice for each conflict, in order. `None` when the choices are too few or too many, or
    /// choose an ancestor that is not known.
    pub fn resolved(&self, choices: &[Side]) -> Option<String> {
        let mut choices = choices.iter();
        let mut whole = String::new();
        for piece in &self.pieces {
            whole.push_str(match piece {
                Piece::Settled { text, .. } => text,
                Piece::Conflict { base, theirs, yours } => match choices.next()? {
                    Side::Base => base.as_deref()?,
                    Side::Theirs => theirs,
                    Side::Yours => yours,
                },
            });
        }
        choices.next().is_none().then_some(whole)
    }
}

/// Merges two values that come from the same ancestor; `None` for an ancestor that is not known, and then every difference
/// is a choice.
pub fn merge(base: Option<&[u8]>, theirs: &[u8], yours: &[u8]) -> Merge {
    if theirs == yours {
        return Merge::Same;
    }
    match (base.map(text), text(theirs), text(yours)) {
        (None, Some(theirs), Some(yours)) => Merge::Text(two_way(theirs, yours)),
        (Some(Some(base)), Some(theirs), Some(yours)) => Merge::Text(three_way(base, theirs, yours)),
        _ => Merge::ChooseSide,
    }
}

fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok().filter(|text| !text.contains('\0'))
}

/// Lines of the three texts that belong together.
#[derive(Clone)]
struct Region {
    base: Range<usize>,
    theirs: Range<usize>,
    yours: Range<usize>,
    resolution: MergeResolution,
}

impl Region {
    fn of(region: &MergeRegion) -> Self {
        Self {
            base: region.base_range(),
            theirs: region.theirs_range(),
            yours: region.ours_range(),
            resolution: region.resolution(),
        }
    }

    /// This region and those behind it as one conflict.
    fn with_rest(&self, rest: &[Self]) -> Self {
        let last = rest.last().unwrap_or(self);
        Self {
            base: self.base.start..last.base.end,
            theirs: self.theirs.start..last.theirs.end,
            yours: self.yours.start..last.yours.end,
            resolution: MergeResolution::Conflict,
        }
    }
}

type Lines<'a> = TextMerge<'a, 'a, 'a, str>;

fn three_way(base: &str, theirs: &str, yours: &str) -> MergedText {
    let lines: Lines<'_> = TextMerge::from_lines(base, yours, theirs);
    let regions: Vec<Region> = lines.regions().iter().map(Region::of).collect();
    let pieces = whole_lines(&lines, regions).iter().map(|region| piece(&lines, region)).collect();
    MergedText { pieces }
}

/// A last line without a line break must stay the last: where one side ends so and the other adds lines behind it, both would
/// run into one line that nobody wrote. The rest of the text is then one conflict.
fn whole_lines(lines: &Lines<'_>, mut regions: Vec<Region>) -> Vec<Region> {
    let ends_open = |text: &str| !text.is_empty() && !text.ends_with(['\n', '\r']);
    let has_lines = |region: &Region| alternatives(lines, region).iter().any(|text| !text.is_empty());
    let at = regions.iter().enumerate().position(|(at, region)| {
        let behind = regions.get(at + 1..).unwrap_or_default();
        alternatives(lines, region).iter().any(|text| ends_open(text)) && behind.iter().any(has_lines)
    });
    if let Some(at) = at {
        let rest = regions.split_off(at);
        regions.extend(rest.first().map(|first| first.with_rest(&rest)));
    }
    regions
}

/// What a region may become in the result.
fn alternatives(lines: &Lines<'_>, region: &Region) -> Vec<String> {
    match region.resolution {
        MergeResolution::Theirs => vec![theirs_text(lines, region)],
        MergeResolution::Conflict => {
            vec![base_text(lines, region), theirs_text(lines, region), yours_text(lines, region)]
        }
        _ => vec![yours_text(lines, region)],
    }
}

fn piece(lines: &Lines<'_>, region: &Region) -> Piece {
    let settled = |text, by| Piece::Settled { text, by };
    match region.resolution {
        MergeResolution::Unchanged => settled(yours_text(lines, region), ChangedBy::Nobody),
        MergeResolution::Ours => settled(yours_text(lines, region), ChangedBy::Yours),
        MergeResolution::Theirs => settled(theirs_text(lines, region), ChangedBy::Theirs),
        MergeResolution::Both => settled(yours_text(lines, region), ChangedBy::Both),
        // Also what a later version of the merge may say: a choice is always right.
        _ => Piece::Conflict {
            base: Some(base_text(lines, region)),
            theirs: theirs_text(lines, region),
            yours: yours_text(lines, region),
        },
    }
}

fn base_text(lines: &Lines<'_>, region: &Region) -> String {
    region.base.clone().filter_map(|at| lines.base_line(at)).collect()
}

fn theirs_text(lines: &Lines<'_>, region: &Region) -> String {
    region.theirs.clone().filter_map(|at| lines.theirs_line(at)).collect()
}

fn yours_text(lines: &Lines<'_>, region: &Region) -> String {
    region.yours.clone().filter_map(|at| lines.ours_line(at)).collect()
}

/// Without an ancestor: what both have in common is settled, everything else is a choice.
fn two_way(theirs: &str, yours: &str) -> MergedText {
    let lines: Lines<'_> = TextMerge::from_lines(theirs, yours, theirs);
    let pieces = lines.regions().iter().map(Region::of).map(|region| match region.resolution {
        MergeResolution::Unchanged => Piece::Settled { text: yours_text(&lines, &region), by: ChangedBy::Nobody },
        _ => Piece::Conflict { base: None, theirs: theirs_text(&lines, &region), yours: yours_text(&lines, &region) },
    });
    MergedText { pieces: pieces.collect() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn merged(base: &str, theirs: &str, yours: &str) -> MergedText {
        match merge(Some(base.as_bytes()), theirs.as_bytes(), yours.as_bytes()) {
            Merge::Text(text) => text,
            Merge::Same => MergedText { pieces: vec![Piece::Settled { text: yours.to_owned(), by: ChangedBy::Both }] },
            Merge::ChooseSide => panic!("text is merged by lines"),
        }
    }

    #[test]
    fn changes_of_different_lines_come_together() {
        let text = merged("a: 1\nb: 2\nc: 3\n", "a: 9\nb: 2\nc: 3\n", "a: 1\nb: 2\nc: 4\n");
        assert_eq!(text.text().as_deref(), Some("a: 9\nb: 2\nc: 4\n"));
    }

    #[test]
    fn the_same_line_changed_in_two_ways_is_a_choice() {
        let text = merged("a: 1\nb: 2\n", "a: 8\nb: 2\n", "a: 9\nb: 2\n");
        assert_eq!((text.conflicts(), text.text()), (1, None));
        for (side, line) in [(Side::Base, "a: 1"), (Side::Theirs, "a: 8"), (Side::Yours, "a: 9")] {
            assert_eq!(text.resolved(&[side]), Some(format!("{line}\nb: 2\n")));
        }
        assert_eq!(text.resolved(&[Side::Yours, Side::Yours]), None, "one choice too many");
    }

    #[test]
    fn a_last_line_without_a_break_never_runs_into_a_line_of_the_other_side() {
        // Yours takes the break off the last line, theirs adds a line behind it.
        let text = merged("a\nb\n", "a\nb\nc\n", "a\nb");
        assert_eq!(text.conflicts(), 1);
        assert_eq!(text.resolved(&[Side::Theirs]).as_deref(), Some("a\nb\nc\n"));
        assert_eq!(text.resolved(&[Side::Yours]).as_deref(), Some("a\nb"));
    }

    #[test]
    fn what_is_not_text_is_chosen_whole() {
        assert_eq!(merge(Some(b"a"), b"\xff", b"b"), Merge::ChooseSide);
        assert_eq!(merge(Some(b"\xff"), b"a", b"b"), Merge::ChooseSide);
        assert_eq!(merge(Some(b"a"), b"a\0b", b"b"), Merge::ChooseSide);
        assert_eq!(merge(Some(b"\xff"), b"\xfe", b"\xfe"), Merge::Same);
    }

    #[test]
    fn without_an_ancestor_every_difference_is_a_choice() {
        let Merge::Text(text) = merge(None, b"a: 1\nb: 2\nc: 3\n", b"a: 1\nb: 9\nc: 3\nd: 4\n") else { panic!() };
        assert_eq!(text.conflicts(), 2);
        assert_eq!(text.resolved(&[Side::Theirs, Side::Yours]).as_deref(), Some("a: 1\nb: 2\nc: 3\nd: 4\n"));
        assert_eq!(text.resolved(&[Side::Base, Side::Base]), None);
    }

    /// Short lines of few letters, so that sides often agree and often collide; sometimes without a last break.
    fn some_text() -> impl Strategy<Value = String> {
        let lines = prop::collection::vec("[abc]?\n", 0..8);
        (lines, any::<bool>()).prop_map(|(lines, open)| {
            let text = lines.concat();
            if open { text.trim_end_matches('\n').to_owned() } else { text }
        })
    }

    fn lines(text: &str) -> Vec<&str> {
        text.split_inclusive('\n').collect()
    }

    proptest! {
        #[test]
        fn no_change_on_one_side_gives_the_other(base in some_text(), changed in some_text()) {
            prop_assert_eq!(merged(&base, &base, &changed).text(), Some(changed.clone()));
            prop_assert_eq!(merged(&base, &changed, &base).text(), Some(changed));
        }

        #[test]
        fn equal_changes_are_merged(base in some_text(), changed in some_text()) {
            prop_assert_eq!(merge(Some(base.as_bytes()), changed.as_bytes(), changed.as_bytes()), Merge::Same);
        }

        #[test]
        fn every_line_of_the_result_was_written_by_somebody(
            base in some_text(), theirs in some_text(), yours in some_text(), side in prop::sample::select(vec![Side::Base, Side::Theirs, Side::Yours]),
        ) {
            let text = merged(&base, &theirs, &yours);
            let result = text.resolved(&vec![side; text.conflicts()]).unwrap();
            for line in lines(&result) {
                let known = [&base, &theirs, &yours].iter().any(|side| lines(side).contains(&line));
                prop_assert!(known, "{line:?} of {result:?}");
            }
        }

        #[test]
        fn the_two_sides_are_treated_alike(base in some_text(), theirs in some_text(), yours in some_text()) {
            let (one, other) = (merged(&base, &theirs, &yours), merged(&base, &yours, &theirs));
            prop_assert_eq!(one.text(), other.text());
            prop_assert_eq!(one.conflicts(), other.conflicts());
        }

        #[test]
        fn all_changes_apart_from_each_other_are_in_the_result(
            // For each line: untouched, changed or removed by either side; every second line stays.
            fates in prop::collection::vec(0_u8..5, 1..12),
        ) {
            let build = |line: &dyn Fn(usize, u8) -> String| -> String {
                let lines = fates.iter().enumerate().map(|(at, fate)| line(at, *fate) + &format!("fixed {at}\n"));
                lines.collect::<Vec<_>>().concat()
            };
            let old = |at: usize| format!("old {at}\n");
            let base = build(&|at, _| old(at));
            let theirs = build(&|at, fate| match fate { 1 => format!("theirs {at}\n"), 2 => String::new(), _ => old(at) });
            let yours = build(&|at, fate| match fate { 3 => format!("yours {at}\n"), 4 => String::new(), _ => old(at) });
            let both = build(&|at, fate| match fate {
                1 => format!("theirs {at}\n"),
                3 => format!("yours {at}\n"),
                2 | 4 => String::new(),
                _ => old(at),
            });
            prop_assert_eq!(merged(&base, &theirs, &yours).text(), Some(both));
        }

        #[test]
        fn any_bytes_are_merged_without_a_panic(base: Vec<u8>, theirs: Vec<u8>, yours: Vec<u8>) {
            merge(Some(&base), &theirs, &yours);
            merge(None, &theirs, &yours);
        }
    }
}
