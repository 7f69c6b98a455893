//! What an edit did to a key, in a few words that are safe to show: `0 → 0.6`, `line 3: timeout: 800 → 200`.

use std::time::Duration;

use similar::{ChangeTag, TextDiff};

use crate::text;
use crate::value::editable;

/// The longest value that is shown as it is, in characters.
const SHORT: usize = 40;
/// The most that is shown of what stands before a change in its line, in characters.
const LEAD: usize = 32;
/// After this long the comparison is finished coarsely.
const PATIENCE: Duration = Duration::from_millis(50);

/// A value before or after an edit.
#[derive(Clone, Copy)]
pub struct Side<'a> {
    /// Its size.
    pub size_bytes: u64,
    /// Its bytes; `None` when they are not at hand, or a secret.
    pub bytes: Option<&'a [u8]>,
}

impl<'a> Side<'a> {
    /// A value that is at hand.
    pub fn whole(bytes: &'a [u8]) -> Self {
        Self { size_bytes: bytes.len() as u64, bytes: Some(bytes) }
    }
}

/// The change in short; `None` stands for a key that does not exist. Sizes alone where the value is not at hand or is not
/// text. `is_secret` is asked of every line before it is shown.
pub fn of_change(before: Option<Side<'_>>, after: Option<Side<'_>>, is_secret: impl Fn(&str) -> bool) -> String {
    let sizes = || format!("{} → {}", size(before), size(after));
    let read = |side: Option<Side<'_>>| match side {
        None => Some(None),
        Some(side) => editable(side.bytes?).map(|(text, _)| Some(text)),
    };
    let is_same = matches!((before, after), (Some(old), Some(new)) if old.bytes == new.bytes);
    let (Some(old), Some(new)) = (read(before), read(after)) else { return sizes() };
    let words = match (old, new) {
        (Some(_), Some(_)) if is_same => "the same value".to_owned(),
        (Some(old), Some(new)) if old == new => "line ends only".to_owned(),
        (old, new) if is_short(old.as_deref()) && is_short(new.as_deref()) => {
            if old.iter().chain(&new).any(|text| is_secret(text)) {
                return sizes();
            }
            format!("{} → {}", quoted(old.as_deref()), quoted(new.as_deref()))
        }
        (Some(old), Some(new)) => first_change(&old, &new, is_secret),
        (old, new) => format!("{} → {}", lines(old.as_deref(), before), lines(new.as_deref(), after)),
    };
    text::name(&words)
}

/// A size as people read it: `1 byte`, `512 bytes`, `1.5 KiB`.
#[allow(clippy::cast_precision_loss, reason = "shown rounded")]
pub fn size_words(bytes: u64) -> String {
    match bytes {
        1 => "1 byte".to_owned(),
        0 | 2..1024 => format!("{bytes} bytes"),
        1024..1_048_576 => format!("{:.1} KiB", bytes as f64 / 1024.0),
        _ => format!("{:.1} MiB", bytes as f64 / 1_048_576.0),
    }
}

fn size(side: Option<Side<'_>>) -> String {
    side.map_or_else(|| "–".to_owned(), |side| size_words(side.size_bytes))
}

fn is_short(text: Option<&str>) -> bool {
    text.is_none_or(|text| !text.trim().contains('\n') && text.trim().chars().count() <= SHORT)
}

/// A short value as it is; one that would be seen as nothing in quotes.
fn quoted(text: Option<&str>) -> String {
    match text {
        None => "–".to_owned(),
        Some(text) if text.trim().is_empty() || text.trim_end_matches('\n') != text.trim() => format!("{text:?}"),
        Some(text) => text.trim().to_owned(),
    }
}

fn lines(text: Option<&str>, side: Option<Side<'_>>) -> String {
    match text.map(|text| text.lines().count()) {
        None => "–".to_owned(),
        Some(count) if count > 1 => format!("{count} lines, {}", size(side)),
        Some(_) => size(side),
    }
}

/// The first line that differs, and how many do.
fn first_change(old: &str, new: &str, is_secret: impl Fn(&str) -> bool) -> String {
    let diff = TextDiff::configure().timeout(PATIENCE).diff_lines(old, new);
    let (mut added, mut removed) = (0, 0);
    let mut first: [Option<(usize, &str)>; 2] = [None, None];
    // The first removed and the first added line belong together only while nothing unchanged stands between them.
    let mut is_over = false;
    for change in diff.iter_all_changes() {
        let [gone, come] = &mut first;
        let slot = match change.tag() {
            ChangeTag::Equal => {
                is_over |= gone.is_some() || come.is_some();
                continue;
            }
            ChangeTag::Delete => {
                removed += 1;
                gone
            }
            ChangeTag::Insert => {
                added += 1;
                come
            }
        };
        if !is_over && slot.is_none() {
            *slot = change.new_index().or(change.old_index()).map(|at| (at + 1, change.value().trim_end()));
        }
    }
    let counts = match (added, removed) {
        (1, 1) => String::new(),
        (0, 1) | (1, 0) => format!(" ({} line)", signed(added, removed)),
        _ => format!(" ({} lines)", signed(added, removed)),
    };
    let [gone, come] = first;
    let number = come.or(gone).map_or(1, |(number, _)| number);
    let shown = [gone, come].map(|line| line.map(|(_, text)| text));
    let words = if shown.iter().flatten().any(|line| is_secret(line)) {
        "a secret changes".to_owned()
    } else {
        in_line(shown[0], shown[1])
    };
    let is_one_line = old.lines().count() <= 1 && new.lines().count() <= 1;
    if is_one_line { words } else { format!("line {number}: {words}{counts}") }
}

fn signed(added: usize, removed: usize) -> String {
    match (added, removed) {
        (added, 0) => format!("+{added}"),
        (0, removed) => format!("−{removed}"),
        (added, removed) => format!("+{added} −{removed}"),
    }
}

/// What changes in a line: `timeout: 800 → 200`.
fn in_line(old: Option<&str>, new: Option<&str>) -> String {
    let (old, new) = match (old, new) {
        (Some(old), Some(new)) => (old, new),
        (Some(old), None) => return format!("− {}", cut(old.trim())),
        (None, Some(new)) => return format!("+ {}", cut(new.trim())),
        (None, None) => return String::new(),
    };
    if old == new {
        return "blanks at its end".to_owned();
    }
    let lead = shared_lead(old, new);
    let (Some(from), Some(to)) = (old.get(lead.len()..), new.get(lead.len()..)) else { return String::new() };
    let lead = lead.trim_start();
    let surplus = lead.chars().count().saturating_sub(LEAD);
    let seen: String = lead.chars().skip(surplus).collect();
    let ellipsis = if surplus > 0 { "…" } else { "" };
    format!("{ellipsis}{seen}{} → {}", cut(from), cut(to))
}

/// What both lines begin with, up to the end of a word.
fn shared_lead<'a>(old: &'a str, new: &str) -> &'a str {
    let same = old.char_indices().zip(new.chars()).find(|((_, a), b)| a != b).map(|((at, _), _)| at);
    let same = old.get(..same.unwrap_or(old.len().min(new.len()))).unwrap_or_default();
    let ends_word = |c: char| !(c.is_alphanumeric() || matches!(c, '.' | '-' | '_'));
    let end = same.char_indices().rev().find(|(_, c)| ends_word(*c)).map_or(0, |(at, c)| at + c.len_utf8());
    same.get(..end).unwrap_or_default()
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(SHORT) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None if text.is_empty() => "nothing".to_owned(),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(before: &str, after: &str) -> String {
        let secret = |line: &str| line.contains("password");
        of_change(Some(Side::whole(before.as_bytes())), Some(Side::whole(after.as_bytes())), secret)
    }

    #[test]
    fn short_values_are_shown_as_they_are() {
        assert_eq!(change("0", "0.6"), "0 → 0.6");
        assert_eq!(change("0\n", "0.6\n"), "0 → 0.6");
        assert_eq!(change("", " x"), "\"\" → \" x\"");
        assert_eq!(change("a", "a"), "the same value");
        assert_eq!(of_change(None, Some(Side::whole(b"5")), |_| false), "– → 5");
        assert_eq!(of_change(Some(Side::whole(b"5")), None, |_| false), "5 → –");
    }

    #[test]
    fn of_longer_texts_the_first_change_is_shown_with_its_line() {
        let before = "a: 1\nb: 2\nretry:\n  timeout: 800\nc: 3\n";
        assert_eq!(change(before, &before.replace("800", "200")), "line 4: timeout: 800 → 200");
        let more = before.replace("  timeout: 800", "  timeout: 200\n  attempts: 3");
        assert_eq!(change(before, &more), "line 4: timeout: 800 → 200 (+2 −1 lines)");
        assert_eq!(change(before, &before.replace("b: 2\n", "")), "line 2: − b: 2 (−1 line)");
        assert_eq!(change(before, &format!("{before}d: 4\n")), "line 6: + d: 4 (+1 line)");
        assert_eq!(change("one\ntwo\n", "one\r\ntwo\r\n"), "line ends only");
        assert_eq!(change("one\ntwo\n", "one\ntwo"), "line 2: blanks at its end");
    }

    #[test]
    fn a_long_line_is_shown_around_its_change() {
        let before = format!("{{\"{}\":1,\"new_search\":true}}", "x".repeat(60));
        let after = before.replace("true", "false");
        let words = change(&before, &after);
        assert!(words.starts_with('…') && words.ends_with("\"new_search\":true} → false}"), "{words}");
    }

    #[test]
    fn secrets_and_what_is_no_text_are_sizes() {
        assert_eq!(change("password=a", "password=bc"), "10 bytes → 11 bytes");
        assert_eq!(change("a: 1\npassword: x\n", "a: 1\npassword: y\n"), "line 2: a secret changes");
        let hidden = Side { size_bytes: 3, bytes: None };
        assert_eq!(of_change(Some(hidden), Some(Side::whole(b"x")), |_| false), "3 bytes → 1 byte");
        assert_eq!(of_change(Some(Side::whole(b"\xff\0")), None, |_| false), "2 bytes → –");
        assert_eq!(of_change(None, Some(Side::whole(&[b'a'; 2048])), |_| false), "– → 2.0 KiB");
    }

    #[test]
    fn nothing_in_it_acts_on_the_screen() {
        assert_eq!(change("a\u{202e}b", "c\u{200b}"), "a⟨U+202E⟩b → c⟨U+200B⟩");
        assert_eq!(change("a\u{1b}[31m", "b"), "6 bytes → 1 byte");
        assert!(change(&"ß\n".repeat(100), &"ẞ\n".repeat(100)).chars().count() <= text::NAME);
    }
}
