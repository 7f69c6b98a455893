//! Logs of running copies, read when a person asks for them. Nothing of them is kept or written down.

use async_trait::async_trait;
use jiff::Timestamp;

use crate::error::SourceError;

/// The longest line that is shown whole, in bytes.
pub const LONGEST_LINE: usize = 64 * 1024;

/// What is wanted of a log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogQuery {
    /// The Pod, as `NAMESPACE/NAME`.
    pub pod: String,
    /// The container.
    pub container: String,
    /// The run before the present one, which ended.
    pub previous: bool,
    /// Only so many lines from the end.
    pub tail: Option<u32>,
    /// Only what was written since.
    pub since: Option<Timestamp>,
    /// Go on with what is written from now on.
    pub follow: bool,
}

/// A container that has a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogContainer {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub kind: ContainerKind,
    /// How often it was started anew.
    pub restarts: u32,
    /// True when a run before the present one is known.
    pub has_previous: bool,
}

/// What a container is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContainerKind {
    /// The work itself.
    Main,
    /// Prepares, and ends.
    Init,
    /// Runs beside the others to the end.
    Sidecar,
}

/// The containers of a Pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogContainers {
    /// All of them: those that work first.
    pub all: Vec<LogContainer>,
    /// The one to show when nobody says.
    pub usual: String,
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// When it was written, by the machine that it was written on.
    pub at: Option<Timestamp>,
    /// Its text, without what acts on a terminal.
    pub text: String,
    /// How many bytes of it are left out at the end.
    pub left_out: u64,
}

/// Who has logs.
#[async_trait]
pub trait Logs: Send + Sync {
    /// The containers of a Pod, given as `NAMESPACE/NAME`.
    async fn containers(&self, pod: &str) -> Result<LogContainers, SourceError>;

    /// Opens a log. It is read as it is asked for, and ends when it is dropped.
    async fn open_log(&self, query: &LogQuery) -> Result<Box<dyn LogStream>, SourceError>;
}

/// A log that is open.
#[async_trait]
pub trait LogStream: Send {
    /// The next lines, at least one; `None` at the end.
    async fn next(&mut self) -> Result<Option<Vec<LogLine>>, SourceError>;
}

/// Takes bytes apart into lines. Holds no more than one line of [`LONGEST_LINE`].
#[derive(Debug, Default)]
pub struct LineSplitter {
    held: Vec<u8>,
    left_out: u64,
}

impl LineSplitter {
    /// The lines that end in these bytes.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<LogLine> {
        let mut lines = Vec::new();
        let mut rest = bytes;
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            let (line, behind) = rest.split_at(end);
            self.hold(line);
            lines.push(self.take());
            rest = behind.get(1..).unwrap_or_default();
        }
        self.hold(rest);
        lines
    }

    /// What is left at the end of the log, where its last line has no end.
    pub fn finish(&mut self) -> Option<LogLine> {
        (!self.held.is_empty() || self.left_out > 0).then(|| self.take())
    }

    fn hold(&mut self, bytes: &[u8]) {
        let (kept, left_out) = bytes.split_at(bytes.len().min(LONGEST_LINE.saturating_sub(self.held.len())));
        self.held.extend_from_slice(kept);
        self.left_out = self.left_out.saturating_add(left_out.len() as u64);
    }

    fn take(&mut self) -> LogLine {
        let held = std::mem::take(&mut self.held);
        let left_out = std::mem::take(&mut self.left_out);
        let whole = String::from_utf8_lossy(&held);
        let (at, text) = dated(&whole);
        LogLine { at, text: plain(text), left_out }
    }
}

/// The moment that the server puts before each line, and what stands behind it.
fn dated(line: &str) -> (Option<Timestamp>, &str) {
    let split = line.split_once(' ').unwrap_or((line, ""));
    match split.0.parse() {
        Ok(at) => (Some(at), split.1),
        Err(_) => (None, line),
    }
}

/// A text without the sequences by which it would act on a terminal (ECMA-48): colours, movements, titles, links. What is
/// left of control characters is for whoever shows it.
fn plain(text: &str) -> String {
    let text = text.strip_suffix('\r').unwrap_or(text);
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\u{1b}' => skip_sequence(&mut chars),
            '\u{9b}' => skip_until_final(&mut chars),
            '\u{90}' | '\u{9d}' | '\u{9e}' | '\u{9f}' => skip_text(&mut chars),
            c => out.push(c),
        }
    }
    out
}

/// What follows an escape.
fn skip_sequence(chars: &mut std::str::Chars<'_>) {
    match chars.next() {
        Some('[') => skip_until_final(chars),
        Some(']' | 'P' | 'X' | '^' | '_') => skip_text(chars),
        // Intermediate bytes and one final byte.
        Some(' '..='/') => while matches!(chars.next(), Some(' '..='/')) {},
        Some(_) | None => {}
    }
}

/// Parameters and intermediate bytes of a control sequence, up to its final byte.
fn skip_until_final(chars: &mut std::str::Chars<'_>) {
    loop {
        let before = chars.clone();
        match chars.next() {
            Some(' '..='?') => {}
            Some('@'..='~') | None => return,
            // It was no such sequence: what follows is text.
            Some(_) => {
                *chars = before;
                return;
            }
        }
    }
}

/// The text of a title, a link and the like, up to its end. One that never ends swallows the line.
fn skip_text(chars: &mut std::str::Chars<'_>) {
    while let Some(c) = chars.next() {
        match c {
            '\u{7}' | '\u{9c}' => return,
            '\u{1b}' => {
                chars.next();
                return;
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn lines(pieces: &[&[u8]]) -> Vec<LogLine> {
        let mut splitter = LineSplitter::default();
        let mut found: Vec<LogLine> = pieces.iter().flat_map(|piece| splitter.push(piece)).collect();
        found.extend(splitter.finish());
        found
    }

    fn texts(pieces: &[&[u8]]) -> Vec<String> {
        lines(pieces).into_iter().map(|line| line.text).collect()
    }

    #[test]
    fn lines_are_whole_wherever_they_were_cut() {
        assert_eq!(texts(&[b"a\nb", b"c", b"\n\n", b"d"]), ["a", "bc", "", "d"]);
        assert_eq!(texts(&[b"a\r\n"]), ["a"]);
        assert_eq!(texts(&["ä\n".as_bytes().split_at(1).0, "ä\n".as_bytes().split_at(1).1]), ["ä"]);
        assert_eq!(texts(&[]), Vec::<String>::new());
    }

    #[test]
    fn the_moment_before_a_line_is_taken_off() {
        let found = lines(&[b"2026-11-25T18:24:18.225123456Z GET / 200\nno date here\n2026-11-25T18:24:19Z\n"]);
        assert_eq!(found[0].at.map(|at| at.to_string()).as_deref(), Some("2026-11-25T18:24:18.225123456Z"));
        assert_eq!((found[0].text.as_str(), found[1].at, found[1].text.as_str()), ("GET / 200", None, "no date here"));
        assert_eq!((found[2].at.is_some(), found[2].text.as_str()), (true, ""));
    }

    #[test]
    fn a_line_without_an_end_is_cut_and_what_is_left_out_is_counted() {
        let piece = vec![b'x'; 40 * 1024];
        let found = lines(&[&piece, &piece, b"\nnext\n"]);
        assert_eq!((found[0].text.len(), found[0].left_out), (LONGEST_LINE, 80 * 1024 - LONGEST_LINE as u64));
        assert_eq!((found[1].text.as_str(), found[1].left_out), ("next", 0));
    }

    #[test]
    fn what_acts_on_a_terminal_is_taken_out() {
        for (text, left) in [
            ("\u{1b}[31mred\u{1b}[0m", "red"),
            ("\u{1b}[38;2;1;2;3mx\u{1b}[K", "x"),
            ("\u{1b}]0;a title\u{7}x", "x"),
            ("\u{1b}]8;;http://h\u{1b}\\link\u{1b}]8;;\u{1b}\\", "link"),
            ("\u{1b}(Bx\u{1b}7y\u{1b}", "xy"),
            ("\u{9b}31mred", "red"),
            ("\u{1b}[3", ""),
            ("\u{1b}[ä", "ä"),
            ("\u{1b}]never ends", ""),
        ] {
            assert_eq!(plain(text), left, "{text:?}");
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_shown_as_such() {
        assert_eq!(texts(&[b"a\xff\xfeb\n"]), ["a\u{fffd}\u{fffd}b"]);
    }

    proptest! {
        #[test]
        fn any_bytes_in_any_pieces_make_the_same_lines(bytes in proptest::collection::vec(any::<u8>(), 0..400), at in 0usize..400) {
            let (one, other) = bytes.split_at(at.min(bytes.len()));
            prop_assert_eq!(lines(&[&bytes]), lines(&[one, other]));
            let acts = |line: &LogLine| line.text.contains(['\u{1b}', '\n']);
            prop_assert!(!lines(&[&bytes]).iter().any(acts));
        }
    }
}
