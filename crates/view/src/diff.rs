//! What changes in a value, line by line with the changed words.

use std::time::Duration;

use similar::{ChangeTag, TextDiff};

use crate::contract::config::{ConfigBody, DiffKind, DiffLine, DiffPiece};

/// Unchanged lines around a change.
const AROUND: usize = 3;
/// The most lines of a difference.
const MOST: usize = 5000;
/// After this long the comparison is finished coarsely: still right, with larger changed parts.
const PATIENCE: Duration = Duration::from_millis(200);

/// The difference between two values; an absent one is empty.
pub fn of_bodies(before: Option<&ConfigBody>, after: Option<&ConfigBody>) -> Vec<DiffLine> {
    lines(&seen(before), &seen(after))
}

/// A value as lines: its text, or the lines of its hex view.
fn seen(body: Option<&ConfigBody>) -> String {
    match body {
        None => String::new(),
        Some(body) => body.text.clone().unwrap_or_else(|| body.hex.join("\n")),
    }
}

/// The difference between two texts.
pub fn lines(before: &str, after: &str) -> Vec<DiffLine> {
    let diff = TextDiff::configure().timeout(PATIENCE).diff_lines(before, after);
    let mut lines = Vec::new();
    let mut next = 0;
    for group in diff.grouped_ops(AROUND) {
        let first = group.first().map_or(next, |op| op.old_range().start);
        lines.extend(skipped(next, first));
        for op in &group {
            lines.extend(diff.iter_inline_changes(op).map(|change| DiffLine {
                kind: match change.tag() {
                    ChangeTag::Equal => DiffKind::Same,
                    ChangeTag::Insert => DiffKind::Added,
                    ChangeTag::Delete => DiffKind::Removed,
                },
                before: change.old_index().map(number),
                after: change.new_index().map(number),
                pieces: pieces(change.iter_strings_lossy()),
            }));
        }
        next = group.last().map_or(next, |op| op.old_range().end);
    }
    if !lines.is_empty() {
        lines.extend(skipped(next, before.lines().count()));
    }
    let surplus = lines.len().saturating_sub(MOST);
    lines.truncate(MOST);
    if surplus > 0 {
        lines.push(note(format!("{surplus} more lines of the difference are not shown")));
    }
    lines
}

fn number(index: usize) -> u32 {
    u32::try_from(index.saturating_add(1)).unwrap_or(u32::MAX)
}

fn skipped(from: usize, to: usize) -> Option<DiffLine> {
    match to.saturating_sub(from) {
        0 => None,
        1 => Some(note("1 unchanged line".to_owned())),
        many => Some(note(format!("{many} unchanged lines"))),
    }
}

fn note(text: String) -> DiffLine {
    DiffLine { kind: DiffKind::Skipped, before: None, after: None, pieces: vec![DiffPiece { text, changed: false }] }
}

fn pieces<'a>(parts: impl Iterator<Item = (bool, std::borrow::Cow<'a, str>)>) -> Vec<DiffPiece> {
    let mut pieces: Vec<DiffPiece> =
        parts.map(|(changed, text)| DiffPiece { text: text.into_owned(), changed }).collect();
    if let Some(last) = pieces.last_mut() {
        last.text.truncate(last.text.trim_end_matches(['\n', '\r']).len());
    }
    pieces.retain(|piece| !piece.text.is_empty());
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(lines: &[DiffLine]) -> Vec<String> {
        let line = |line: &DiffLine| {
            let sign = match line.kind {
                DiffKind::Same => ' ',
                DiffKind::Added => '+',
                DiffKind::Removed => '-',
                DiffKind::Skipped => '~',
            };
            let mark = |piece: &DiffPiece| if piece.changed { format!("[{}]", piece.text) } else { piece.text.clone() };
            format!("{sign}{}", line.pieces.iter().map(mark).collect::<String>())
        };
        lines.iter().map(line).collect()
    }

    #[test]
    fn changed_words_are_marked() {
        let diff = lines("a: 1\ntimeout: 800 ms\n", "a: 1\ntimeout: 200 ms\n");
        assert_eq!(shown(&diff), [" a: 1", "-timeout: [800] ms", "+timeout: [200] ms"]);
    }

    #[test]
    fn unchanged_lines_far_from_a_change_are_counted() {
        let before = (0..20).map(|n| n.to_string()).collect::<Vec<_>>().join("\n") + "\n";
        let diff = lines(&before, &before.replace("10\n", "ten\n"));
        let shown = shown(&diff);
        assert_eq!(shown.first().map(String::as_str), Some("~7 unchanged lines"));
        assert_eq!(shown.last().map(String::as_str), Some("~6 unchanged lines"));
    }

    #[test]
    fn equal_texts_have_no_difference() {
        assert_eq!(lines("a\n", "a\n"), []);
    }

    #[test]
    fn a_new_value_is_all_added_and_a_deleted_one_all_removed() {
        assert_eq!(shown(&lines("", "x\ny")), ["+x", "+y"]);
        assert_eq!(shown(&lines("x\n", "")), ["-x"]);
    }
}
