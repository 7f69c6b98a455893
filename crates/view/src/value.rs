//! Values of config keys, as they are shown: text where it can be edited as text without damage, hex otherwise.

use crate::contract::config::{ConfigBody, ValueKind};

/// The most bytes that are shown as hex.
const HEX_LIMIT: usize = 64 * 1024;

/// A value as it crosses to the window. The path helps to tell what it is.
pub fn body(path: &str, bytes: &[u8]) -> ConfigBody {
    let text = editable(bytes);
    let kind = match &text {
        _ if bytes.is_empty() => ValueKind::Empty,
        Some((text, _)) => kind(path, text),
        None => ValueKind::Binary,
    };
    let crlf = text.as_ref().is_some_and(|(_, crlf)| *crlf);
    let complaint = text.as_ref().and_then(|(text, _)| complaint(kind, text));
    let is_hex = text.is_none();
    ConfigBody {
        kind,
        text: text.map(|(text, _)| text),
        crlf,
        hex: if is_hex { hex_lines(bytes) } else { Vec::new() },
        bytes_hex: (is_hex && bytes.len() <= HEX_LIMIT).then(|| hex(bytes)),
        size_bytes: super::screen::number(bytes.len() as u64),
        complaint,
    }
}

/// The text with its lines ended by a line feed, and whether they ended otherwise; `None` when an editor would damage it:
/// not UTF-8, control characters, or line ends of several kinds.
pub(crate) fn editable(bytes: &[u8]) -> Option<(String, bool)> {
    let text = std::str::from_utf8(bytes).ok()?;
    if text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
        return None;
    }
    let (returns, ends, both) = (text.matches('\r').count(), text.matches('\n').count(), text.matches("\r\n").count());
    match returns {
        0 => Some((text.to_owned(), false)),
        _ if returns == both && ends == both => Some((text.replace("\r\n", "\n"), true)),
        _ => None,
    }
}

/// The bytes of an edited text.
pub fn bytes_of_text(text: &str, crlf: bool) -> Vec<u8> {
    if crlf { text.replace('\n', "\r\n").into_bytes() } else { text.as_bytes().to_vec() }
}

/// The bytes of edited hexadecimal digits; blanks are passed over. `None` when it is not hexadecimal.
pub fn bytes_of_hex(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u32> =
        text.chars().filter(|c| !c.is_whitespace()).map(|c| c.to_digit(16)).collect::<Option<Vec<u32>>>()?;
    let pairs = digits.chunks_exact(2);
    if !pairs.remainder().is_empty() {
        return None;
    }
    pairs.map(|pair| u8::try_from(pair.iter().fold(0, |byte, digit| byte * 16 + digit)).ok()).collect()
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut out = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        let _ = write!(out, "{byte:02x}");
    }
    out
}

/// Lines of sixteen bytes: place, bytes, characters.
fn hex_lines(bytes: &[u8]) -> Vec<String> {
    let shown = bytes.get(..HEX_LIMIT).unwrap_or(bytes);
    let line = |(number, chunk): (usize, &[u8])| {
        let pairs: Vec<String> = chunk.iter().map(|byte| format!("{byte:02x}")).collect();
        let seen: String =
            chunk.iter().map(|byte| if (0x20..0x7f).contains(byte) { char::from(*byte) } else { '·' }).collect();
        format!("{:08x}  {:<47}  {seen}", number * 16, pairs.join(" "))
    };
    shown.chunks(16).enumerate().map(line).collect()
}

fn kind(path: &str, text: &str) -> ValueKind {
    let name = path.rsplit('/').next().unwrap_or_default();
    let by_name = match name.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase()).as_deref() {
        Some("json") => Some(ValueKind::Json),
        Some("yaml" | "yml") => Some(ValueKind::Yaml),
        Some("toml") => Some(ValueKind::Toml),
        Some("hcl" | "tf" | "nomad") => Some(ValueKind::Hcl),
        Some("xml") => Some(ValueKind::Xml),
        Some("properties" | "env" | "ini") => Some(ValueKind::Properties),
        _ => None,
    };
    by_name.unwrap_or_else(|| kind_by_look(text))
}

fn kind_by_look(text: &str) -> ValueKind {
    let trimmed = text.trim();
    if matches!(trimmed.chars().next(), Some('{' | '[')) && serde_json::from_str::<serde_json::Value>(trimmed).is_ok() {
        return ValueKind::Json;
    }
    if trimmed.starts_with('<') && trimmed.ends_with('>') {
        return ValueKind::Xml;
    }
    let lines: Vec<&str> =
        trimmed.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    let all = |test: fn(&&&str) -> bool| !lines.is_empty() && lines.iter().all(|line| test(&line));
    if lines.iter().any(|line| line.starts_with('[') && line.ends_with(']'))
        && all(|line| line.contains('=') || line.starts_with('['))
    {
        return ValueKind::Toml;
    }
    if lines.len() > 1 && all(|line| line.split_once('=').is_some_and(|(key, _)| is_word(key))) {
        return ValueKind::Properties;
    }
    let is_yaml_line =
        |line: &&str| line.starts_with("- ") || line.split_once(':').is_some_and(|(key, _)| is_word(key));
    if trimmed.starts_with("---\n") || (lines.len() > 1 && lines.iter().all(is_yaml_line)) {
        return ValueKind::Yaml;
    }
    ValueKind::Text
}

fn is_word(text: &str) -> bool {
    let text = text.trim();
    !text.is_empty() && text.chars().all(|c| c.is_alphanumeric() || "_-.$\"'".contains(c))
}

fn complaint(kind: ValueKind, text: &str) -> Option<String> {
    if kind != ValueKind::Json {
        return None;
    }
    serde_json::from_str::<serde::de::IgnoredAny>(text).err().map(|error| format!("This is not JSON: {error}"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

    use super::*;

    #[test]
    fn a_value_that_an_editor_would_damage_is_shown_as_hex() {
        for bytes in [&b"\xff\x00"[..], b"a\0b", b"one\r\ntwo\nthree", b"bare\rreturn"] {
            let body = body("k", bytes);
            assert_eq!((body.kind, body.text.is_none()), (ValueKind::Binary, true), "{bytes:?}");
            assert_eq!(bytes_of_hex(&body.bytes_hex.unwrap()).unwrap(), bytes);
        }
    }

    #[test]
    fn windows_line_ends_come_back_as_they_were() {
        let body = body("k", b"one\r\ntwo\r\n");
        assert_eq!((body.text.as_deref(), body.crlf), (Some("one\ntwo\n"), true));
        assert_eq!(bytes_of_text(&body.text.unwrap(), body.crlf), b"one\r\ntwo\r\n");
    }

    #[test]
    fn the_kind_is_told_by_name_and_by_look() {
        for (path, text, kind) in [
            ("a/b.yaml", "x", ValueKind::Yaml),
            ("a", "{\"a\": 1}", ValueKind::Json),
            ("a", "{broken", ValueKind::Text),
            ("a", "<a><b/></a>", ValueKind::Xml),
            ("a", "[x]\ny = 1", ValueKind::Toml),
            ("a", "x=1\ny.z=2", ValueKind::Properties),
            ("a", "x: 1\ny:\n- z", ValueKind::Yaml),
            ("a", "250", ValueKind::Text),
            ("a", "", ValueKind::Empty),
        ] {
            assert_eq!(body(path, text.as_bytes()).kind, kind, "{path} {text}");
        }
    }

    #[test]
    fn a_json_value_that_does_not_parse_says_where() {
        assert!(body("a.json", b"{\"a\":").complaint.unwrap().contains("line 1"));
    }

    #[test]
    fn hex_is_read_with_blanks_and_refused_otherwise() {
        assert_eq!(bytes_of_hex("00 fF\n10"), Some(vec![0, 255, 16]));
        assert_eq!((bytes_of_hex("0"), bytes_of_hex("zz")), (None, None));
    }

    #[test]
    fn a_hex_line_has_place_bytes_and_characters() {
        assert_eq!(hex_lines(b"ab\x00"), ["00000000  61 62 00                                         ab·"]);
    }
}
