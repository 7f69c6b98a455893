//! Text from outside, made safe to look at: cut to a length, and with nothing in it that acts on the screen instead of
//! being seen.

use std::fmt::Write as _;

/// Longest name that a screen gets, in characters.
pub const NAME: usize = 200;
/// Longest output of a check and the like, in characters.
pub const OUTPUT: usize = 4096;

/// A name on one line.
pub fn name(text: &str) -> String {
    cut(&visible(text, false), NAME)
}

/// Several lines of output.
pub fn output(text: &str) -> String {
    cut(&visible(text, true), OUTPUT)
}

/// The first line of an output, as a name.
pub fn first_line(text: &str) -> String {
    name(text.trim().lines().next().unwrap_or_default())
}

/// Words as a POSIX shell reads them back.
pub fn command(words: &[&str]) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_@%+=:,./-".contains(c);
    let quoted = |word: &&str| {
        let shown = visible(word, false);
        let plain = !shown.is_empty() && shown.chars().all(is_plain);
        if plain { shown } else { format!("'{}'", shown.replace('\'', "'\\''")) }
    };
    words.iter().map(quoted).collect::<Vec<_>>().join(" ")
}

/// Replaces characters that act instead of being seen: controls by their pictures (U+2400 and on), direction marks,
/// invisible blanks and the like by their code in angle brackets. Line ends and tabs stay when `lines` is true.
pub fn visible(text: &str, lines: bool) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\r' if lines && chars.peek() == Some(&'\n') => {}
            '\n' | '\t' if lines => out.push(c),
            '\u{0}'..='\u{1f}' => out.push(char::from_u32(0x2400 + u32::from(c)).unwrap_or('\u{fffd}')),
            '\u{7f}' => out.push('\u{2421}'),
            c if acts(c) => {
                // Writing to a text cannot fail.
                let _ = write!(out, "⟨U+{:04X}⟩", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out
}

/// Characters without a shape of their own that change what is seen around them.
fn acts(c: char) -> bool {
    matches!(
        c,
        '\u{80}'..='\u{9f}'
            | '\u{ad}'
            | '\u{61c}'
            | '\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}'
    )
}

fn cut(text: &str, limit: usize) -> String {
    if text.char_indices().nth(limit).is_none() {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(limit.saturating_sub(1)).collect();
    short.push('…');
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_acts_on_the_screen_is_shown_instead() {
        assert_eq!(name("a\u{202e}b\u{1b}[31m\n"), "a⟨U+202E⟩b␛[31m␊");
    }

    #[test]
    fn a_command_is_read_back_as_it_was_meant() {
        assert_eq!(command(&["x", "a b", "it's", "", "k=v"]), "x 'a b' 'it'\\''s' '' k=v");
    }

    #[test]
    fn output_keeps_its_lines() {
        assert_eq!(output("a\r\nb\tc\r"), "a\nb\tc␍");
    }

    #[test]
    fn long_names_end_in_an_ellipsis() {
        let long = name(&"ß".repeat(10_000));
        assert_eq!((long.chars().count(), long.chars().last()), (NAME, Some('…')));
        assert_eq!(name(&"x".repeat(NAME)).len(), NAME);
    }
}
