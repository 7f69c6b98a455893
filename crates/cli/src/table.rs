//! Tables: as wide as their content, and on a terminal no wider than it.

use binnacle_view::text::visible;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::terminal::Terminal;

/// Between two columns.
const GAP: &str = "  ";
/// A column is not cut below this width, whatever the terminal's.
const NARROWEST: usize = 8;

/// What a cell's colour says besides its words. Never the only carrier of a meaning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Tone {
    /// No colour.
    #[default]
    Plain,
    /// All is well.
    Good,
    /// Look at it.
    Warning,
    /// Broken.
    Bad,
    /// A person did this.
    Person,
    /// Less important.
    Dim,
}

impl Tone {
    fn sgr(self) -> Option<&'static str> {
        match self {
            Self::Plain => None,
            Self::Good => Some("32"),
            Self::Warning => Some("33"),
            Self::Bad => Some("1;31"),
            Self::Person => Some("35"),
            Self::Dim => Some("2"),
        }
    }

    /// The text in this tone, where the terminal shows colours.
    pub(crate) fn paint(self, text: &str, terminal: &Terminal) -> String {
        match self.sgr().filter(|_| terminal.colour) {
            Some(sgr) => format!("\u{1b}[{sgr}m{text}\u{1b}[0m"),
            None => text.to_owned(),
        }
    }
}

/// One field of a row. Its text is made harmless when the cell is made.
#[derive(Clone, Debug)]
pub(crate) struct Cell {
    text: String,
    tone: Tone,
    to_the_right: bool,
}

impl Cell {
    /// A cell of text.
    pub(crate) fn text(text: impl AsRef<str>) -> Self {
        Self { text: visible(text.as_ref(), false), tone: Tone::Plain, to_the_right: false }
    }

    /// A cell with a number in it, which stands at the right; `None` is shown as a dash.
    pub(crate) fn number(number: Option<impl std::fmt::Display>) -> Self {
        let text = number.map_or_else(|| "-".to_owned(), |number| number.to_string());
        Self { to_the_right: true, ..Self::text(text) }
    }

    /// The same cell in a tone.
    pub(crate) fn in_tone(self, tone: Tone) -> Self {
        Self { tone, ..self }
    }
}

/// Rows under a header.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    header: Vec<&'static str>,
    rows: Vec<Vec<Cell>>,
}

impl Table {
    /// A table with these columns.
    pub(crate) fn new<const COLUMNS: usize>(header: [&'static str; COLUMNS]) -> Self {
        Self { header: header.to_vec(), rows: Vec::new() }
    }

    /// Adds a row. It has as many cells as the header has columns.
    pub(crate) fn row<const CELLS: usize>(&mut self, cells: [Cell; CELLS]) {
        debug_assert_eq!(CELLS, self.header.len());
        self.rows.push(cells.into());
    }

    /// The table as text, with a line break at the end of every row.
    pub(crate) fn render(&self, terminal: &Terminal) -> String {
        let widths = self.widths(terminal.width);
        let mut text = String::new();
        let header: Vec<Cell> = self.header.iter().map(|name| Cell::text(name).in_tone(Tone::Dim)).collect();
        for row in std::iter::once(&header).chain(&self.rows) {
            let mut line = String::new();
            for (place, (cell, width)) in row.iter().zip(&widths).enumerate() {
                if place > 0 {
                    line.push_str(GAP);
                }
                line.push_str(&cell.render(*width, terminal));
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }

    /// The widths of the columns: what their content needs, and when a terminal is narrower, the widest give way.
    fn widths(&self, limit: Option<usize>) -> Vec<usize> {
        let mut widths: Vec<usize> = self.header.iter().map(|name| name.width()).collect();
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.text.width());
            }
        }
        let Some(limit) = limit else { return widths };
        let gaps = GAP.len() * widths.len().saturating_sub(1);
        let mut surplus = (widths.iter().sum::<usize>() + gaps).saturating_sub(limit);
        while surplus > 0 {
            let Some(widest) = widths.iter_mut().max() else { break };
            if *widest <= NARROWEST {
                break;
            }
            *widest -= 1;
            surplus -= 1;
        }
        widths
    }
}

impl Cell {
    fn render(&self, width: usize, terminal: &Terminal) -> String {
        let shown = cut(&self.text, width);
        let padding = " ".repeat(width.saturating_sub(shown.width()));
        let painted = self.tone.paint(&shown, terminal);
        if self.to_the_right { format!("{padding}{painted}") } else { format!("{painted}{padding}") }
    }
}

/// The beginning of a text that fits, with an ellipsis when something was cut off.
fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut kept = String::new();
    let mut used = 1;
    for c in text.chars() {
        used += c.width().unwrap_or_default();
        if used > width {
            break;
        }
        kept.push(c);
    }
    kept.push('…');
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new(["NAME", "RPS", "OUTPUT"]);
        table.row([Cell::text("payments"), Cell::number(Some(118)), Cell::text("HTTP GET http://127.0.0.1:1/: 503")]);
        table.row([Cell::text("支払い"), Cell::number(None::<u64>), Cell::text("fine").in_tone(Tone::Good)]);
        table
    }

    #[test]
    fn columns_line_up_whatever_the_script() {
        let text = table().render(&Terminal::plain());
        assert_eq!(
            text,
            "NAME      RPS  OUTPUT\npayments  118  HTTP GET http://127.0.0.1:1/: 503\n支払い      -  fine\n"
        );
    }

    #[test]
    fn only_a_terminal_cuts() {
        let narrow = Terminal { width: Some(30), ..Terminal::plain() };
        assert_eq!(table().render(&narrow).lines().nth(1), Some("payments  118  HTTP GET http:…"));
    }

    #[test]
    fn a_tone_is_shown_only_where_colours_are() {
        let colourful = Terminal { colour: true, ..Terminal::plain() };
        assert!(table().render(&colourful).contains("\u{1b}[32mfine\u{1b}[0m"));
        assert!(!table().render(&Terminal::plain()).contains('\u{1b}'));
    }

    #[test]
    fn a_cell_cannot_break_its_row() {
        let mut table = Table::new(["A"]);
        table.row([Cell::text("x\n\u{1b}[2Jy")]);
        assert_eq!(table.render(&Terminal::plain()).lines().count(), 2);
    }
}
