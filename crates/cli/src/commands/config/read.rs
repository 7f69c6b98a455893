//! `config get`: the value of one key.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use binnacle_engine::edits::Stores as _;
use binnacle_sources::edit::StoredValue;
use binnacle_view::text::visible;
use serde_json::json;

use super::reach::{Reach, place, store_of};
use crate::arguments::{Form, Output};
use crate::commands::listing::pretty;
use crate::failure::{Exit, Failure};
use crate::session::Session;
use crate::terminal::print;

const AFTER_HELP: &str = "\
Examples:
  binnaclectl config get consul:dc1/kv/shop/limits.yaml
  binnaclectl config get consul:dc1/kv/shop/logo.png --raw > logo.png
  version=$(binnaclectl config get consul:dc1/kv/shop/timeout -o json | jq -r .version)

Text is printed as it is, with a line break at its end (on a terminal, characters that steer it are written out). A value \
that is not text is shown as hex; --raw writes exactly its bytes. Exit 1 when the key does not exist.";

/// The value of one key
#[derive(clap::Args, Debug)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Arguments {
    /// The key, such as consul:dc1/kv/shop/limits.yaml
    id: String,
    /// Write exactly the value's bytes and nothing else
    #[arg(long, conflicts_with = "form")]
    raw: bool,
    #[command(flatten)]
    output: Output,
}

pub(super) async fn run(session: &Session, arguments: &Arguments) -> Result<Exit, Failure> {
    let reach = Reach::open(session).await?;
    let (source, path) = place(&arguments.id)?;
    let connection = reach.connection_of(&source).await?;
    let Some(value) = store_of(&*connection, &source)?.read(&source, &path).await? else {
        return Err(Failure::not_found(
            format!("there is no key {}", arguments.id),
            "See the keys with `binnaclectl config ls`.",
        )
        .of(source));
    };
    let text = match (arguments.raw, arguments.output.form) {
        (true, _) => value.bytes,
        (false, Form::Json) => pretty(&json(&arguments.id, &value))?.into_bytes(),
        (false, Form::Table) => shown(&value.bytes, session.terminal.width.is_some()).into_bytes(),
    };
    print(text).await?;
    Ok(Exit::Fine)
}

/// The value in a form that JSON can carry: as text where it is text, as base64 where it is not.
pub(super) fn json(id: &str, value: &StoredValue) -> serde_json::Value {
    let (text, base64) = carried(&value.bytes);
    json!({
        "id": id,
        "version": value.version.to_string(),
        "created_version": value.created_version.to_string(),
        "flags": value.flags,
        "lock_session": value.lock_session,
        "size": value.bytes.len(),
        "text": text,
        "base64": base64,
    })
}

/// A value as text, or as base64 where it is not text.
pub(super) fn carried(bytes: &[u8]) -> (Option<&str>, Option<String>) {
    match std::str::from_utf8(bytes) {
        Ok(text) => (Some(text), None),
        Err(_) => (None, Some(STANDARD.encode(bytes))),
    }
}

/// The value for people.
pub(super) fn shown(bytes: &[u8], on_terminal: bool) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) if on_terminal => ended(visible(text, true)),
        Ok(text) => ended(text.to_owned()),
        Err(_) => hex(bytes),
    }
}

fn ended(text: String) -> String {
    if text.ends_with('\n') { text } else { text + "\n" }
}

/// Offset, 16 bytes, and the printable ones among them, as `hexdump -C` does it.
pub(super) fn hex(bytes: &[u8]) -> String {
    let line = |(number, row): (usize, &[u8])| {
        let digits: Vec<String> = row.iter().map(|byte| format!("{byte:02x}")).collect();
        let printable = |byte: &u8| if byte.is_ascii_graphic() || *byte == b' ' { char::from(*byte) } else { '.' };
        let text: String = row.iter().map(printable).collect();
        format!("{:08x}  {:47}  |{text}|\n", number * 16, digits.join(" "))
    };
    bytes.chunks(16).enumerate().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_ends_with_a_line_break_and_stays_as_it_is_in_a_pipe() {
        assert_eq!(shown(b"a: 1", false), "a: 1\n");
        assert_eq!(shown(b"a: \x1b[1m\n", false), "a: \x1b[1m\n");
        assert_eq!(shown(b"a: \x1b[1m\n", true), "a: ␛[1m\n");
    }

    #[test]
    fn what_is_not_text_is_hex() {
        let text = shown(b"\xff\x00binary\n", false);
        assert_eq!(text, "00000000  ff 00 62 69 6e 61 72 79 0a                       |..binary.|\n");
    }

    #[test]
    fn json_carries_every_byte() {
        let value = StoredValue { bytes: vec![0xff, 0], version: 7, created_version: 5, flags: 42, lock_session: None };
        let json = json("consul:dc1/kv/a", &value);
        assert_eq!(
            (&json["version"], &json["text"], &json["base64"]),
            (&"7".into(), &serde_json::Value::Null, &"/wA=".into())
        );
    }
}
