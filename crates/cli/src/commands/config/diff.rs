//! `config diff`: what two keys, or all keys under two prefixes, say differently.

use std::collections::BTreeMap;

use binnacle_engine::edits::Stores as _;
use binnacle_model::id::SourceId;
use binnacle_sources::edit::{ConfigStore, StoredValue};
use binnacle_view::text::visible;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde::Serialize;

use super::meaning::{self, Difference, Format};
use super::reach::{Reach, place, store_of};
use crate::arguments::{Form, Output};
use crate::commands::listing::pretty;
use crate::failure::{Exit, Failure};
use crate::page::Page;
use crate::session::Session;
use crate::table::Tone;
use crate::terminal::print;

const AFTER_HELP: &str = "\
Examples:
  binnaclectl config diff consul:dev/kv/shop consul:prod/kv/shop
  binnaclectl config diff consul:dc1/kv/a.yaml consul:dc1/kv/b.yaml -o json

Compares the key itself and every key under it. JSON, YAML and TOML are compared by what they say: spaces, comments and the \
order of keys are no difference. Exit 0 when both say the same, 1 when not.";

/// No more keys than this on either side: more is a mistake in the prefix.
const MOST_KEYS: usize = 20_000;
/// Values that are read at a time.
const AT_A_TIME: usize = 16;

/// What two keys, or all keys under two prefixes, say differently
#[derive(clap::Args, Debug)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Arguments {
    /// A key or prefix
    #[arg(value_name = "LEFT-ID")]
    left: String,
    /// The key or prefix to compare with
    #[arg(value_name = "RIGHT-ID")]
    right: String,
    #[command(flatten)]
    output: Output,
}

pub(super) async fn run(session: &Session, arguments: &Arguments) -> Result<Exit, Failure> {
    let reach = Reach::open(session).await?;
    let (left, right) = (side(&reach, &arguments.left).await?, side(&reach, &arguments.right).await?);
    let comparison = Comparison::of(&left, &right);
    let text = match arguments.output.form {
        Form::Json => pretty(&comparison)?,
        Form::Table => comparison.words(session, arguments),
    };
    print(text).await?;
    Ok(if comparison.equal { Exit::Fine } else { Exit::No })
}

/// The values of one side by their path below the prefix; the empty path is the key itself.
type Side = BTreeMap<String, Vec<u8>>;

async fn side(reach: &Reach, id: &str) -> Result<Side, Failure> {
    let (source, path) = prefix(id)?;
    let connection = reach.connection_of(&source).await?;
    let store = store_of(&*connection, &source)?;
    let mut paths = store.beneath(&source, &path, MOST_KEYS + 1).await?;
    if paths.len() > MOST_KEYS {
        return Err(Failure::new(
            "cli.several",
            Exit::Usage,
            format!("more than {MOST_KEYS} keys are under {id}"),
            "Compare a smaller part of the tree.",
        ));
    }
    if !path.is_empty() {
        paths.push(path.clone());
    }
    let read = paths.into_iter().map(|key| value(store, &source, key));
    let values: Vec<(String, Option<StoredValue>)> =
        stream::iter(read).buffer_unordered(AT_A_TIME).try_collect().await?;
    let below = |key: String| {
        if path.is_empty() { format!("/{key}") } else { key.strip_prefix(&path).unwrap_or(&key).to_owned() }
    };
    let side: Side = values.into_iter().filter_map(|(key, value)| Some((below(key), value?.bytes))).collect();
    if side.is_empty() {
        return Err(Failure::not_found(
            format!("neither a key {id} is there nor any key under it"),
            "See the keys with `binnaclectl config ls`.",
        ));
    }
    Ok(side)
}

/// The source and the key or prefix that an id names; the whole of a source's keys is `consul:dc1/kv/`.
fn prefix(id: &str) -> Result<(SourceId, String), Failure> {
    let (source, path) = match id.strip_suffix("/kv/").or_else(|| id.strip_suffix("/kv")) {
        Some(source) => (SourceId::from(source), String::new()),
        None => place(id)?,
    };
    Ok((source, path.trim_end_matches('/').to_owned()))
}

async fn value(
    store: &dyn ConfigStore,
    source: &SourceId,
    key: String,
) -> Result<(String, Option<StoredValue>), Failure> {
    let value = store.read(source, &key).await?;
    Ok((key, value))
}

#[derive(Serialize)]
struct Comparison {
    equal: bool,
    only_left: Vec<String>,
    only_right: Vec<String>,
    changed: Vec<Changed>,
}

/// A key that says different things.
#[derive(Serialize)]
struct Changed {
    path: String,
    format: Format,
    /// Where they differ, when both have a meaning.
    by_meaning: Option<Vec<Difference>>,
    /// The lines that differ, for text.
    #[serde(skip_serializing_if = "Option::is_none")]
    lines: Option<String>,
    left_size: usize,
    right_size: usize,
}

impl Comparison {
    fn of(left: &Side, right: &Side) -> Self {
        let only = |these: &Side, those: &Side| {
            these.keys().filter(|path| !those.contains_key(*path)).cloned().collect::<Vec<_>>()
        };
        let both = left.iter().filter_map(|(path, value)| Some((path, value, right.get(path)?)));
        let changed: Vec<Changed> = both.filter_map(|(path, left, right)| Changed::of(path, left, right)).collect();
        let (only_left, only_right) = (only(left, right), only(right, left));
        Self {
            equal: changed.is_empty() && only_left.is_empty() && only_right.is_empty(),
            only_left,
            only_right,
            changed,
        }
    }

    fn words(&self, session: &Session, arguments: &Arguments) -> String {
        if self.equal {
            return "both say the same\n".to_owned();
        }
        let mut text = Page::default();
        for (paths, id) in [(&self.only_left, &arguments.left), (&self.only_right, &arguments.right)] {
            if !paths.is_empty() {
                let id = id.trim_end_matches('/');
                text.line(format!("only {} has:", visible(id, false)));
                for path in paths {
                    text.line(format!("  {}", visible(&format!("{id}{path}"), false)));
                }
            }
        }
        for changed in &self.changed {
            text.lines(changed.words(session, arguments));
        }
        text.text()
    }
}

impl Changed {
    /// `None` when both say the same.
    fn of(path: &str, left: &[u8], right: &[u8]) -> Option<Self> {
        if left == right {
            return None;
        }
        let (format, left_says) = meaning::read(path, left);
        let (_, right_says) = meaning::read(path, right);
        let by_meaning = left_says.zip(right_says).map(|(left, right)| meaning::differences(&left, &right));
        if by_meaning.as_ref().is_some_and(Vec::is_empty) {
            return None;
        }
        let texts = std::str::from_utf8(left).ok().zip(std::str::from_utf8(right).ok());
        let lines = texts.filter(|_| by_meaning.is_none()).map(|(left, right)| {
            similar::TextDiff::from_lines(left, right).unified_diff().context_radius(2).to_string()
        });
        let sizes = (left.len(), right.len());
        Some(Self { path: path.to_owned(), format, by_meaning, lines, left_size: sizes.0, right_size: sizes.1 })
    }

    fn words(&self, session: &Session, arguments: &Arguments) -> String {
        let id = format!("{}{}", arguments.left.trim_end_matches('/'), self.path);
        let mut text = Page::default();
        text.line(visible(&id, false));
        let side = |value: &Option<serde_json::Value>| {
            value.as_ref().map_or_else(|| "(not there)".to_owned(), |value| visible(&value.to_string(), false))
        };
        for difference in self.by_meaning.iter().flatten() {
            let (left, right) = (side(&difference.left), side(&difference.right));
            let at =
                if difference.at.is_empty() { String::new() } else { format!("{}: ", visible(&difference.at, false)) };
            let (left, right) =
                (Tone::Bad.paint(&left, &session.terminal), Tone::Good.paint(&right, &session.terminal));
            text.line(format!("  {at}{left} → {right}"));
        }
        match (&self.by_meaning, &self.lines) {
            (None, Some(lines)) => text.lines(indented(lines)),
            (None, None) => text.line(format!("  binary: {} → {} bytes", self.left_size, self.right_size)),
            (Some(_), _) => {}
        }
        text.text()
    }
}

/// The lines of a diff, indented and harmless.
pub(super) fn indented(lines: &str) -> String {
    let mut page = Page::default();
    visible(lines, true).lines().for_each(|line| page.line(format!("  {line}")));
    page.text()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn side(values: &[(&str, &[u8])]) -> Side {
        values.iter().map(|(path, value)| ((*path).to_owned(), value.to_vec())).collect()
    }

    #[test]
    fn only_what_is_said_differently_counts() {
        let left = side(&[("/a.yaml", b"x: 1\n"), ("/b", b"same"), ("/c", b"gone")]);
        let right = side(&[("/a.yaml", b"x:   1 # one\n"), ("/b", b"same"), ("/d", b"new")]);
        let comparison = Comparison::of(&left, &right);
        assert!(!comparison.equal && comparison.changed.is_empty());
        assert_eq!((comparison.only_left, comparison.only_right), (vec!["/c".to_owned()], vec!["/d".to_owned()]));
    }

    #[test]
    fn text_is_shown_by_lines_and_binary_by_size() {
        let text = Changed::of("/t", b"one\ntwo\n", b"one\n2\n").unwrap();
        assert!(text.lines.unwrap().contains("-two\n+2\n"));
        let binary = Changed::of("/b", b"\xff\x00", b"\xff").unwrap();
        assert_eq!((binary.lines, binary.left_size, binary.right_size), (None, 2, 1));
    }
}
