//! From the bytes of a stream of server-sent events to the data of each event. Pure.
//!
//! `eventsource-stream` reads the events, one at a time and each by itself. In front of it stands [`Events`], because that crate
//! waits for ever behind an invalid byte, looks at an unfinished line again with every part that arrives, and has no limit.
//! So an event that is none costs itself, and nothing that comes behind it.

use std::convert::Infallible;
use std::fmt;

use eventsource_stream::EventStream;
use futures_util::{FutureExt, StreamExt, stream};

/// The largest event that is read, in bytes.
pub(super) const LARGEST_EVENT: usize = 1024 * 1024;
/// The most lines of an event; those of Hystrix and Turbine have one. The crate copies what is left of an event at each line.
const MOST_LINES: usize = 1_000;

/// May stand at the start of a stream, and means nothing there.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Why an event was left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// It is larger than is read. It is told when that is known, and so before its end.
    TooLarge,
    /// It holds bytes that are not UTF-8.
    NotUtf8,
    /// Its lines are not those of an event.
    NotAnEvent,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge => write!(f, "it is larger than {} MiB or has many lines", LARGEST_EVENT / (1024 * 1024)),
            Self::NotUtf8 => f.write_str("it holds bytes that are not UTF-8"),
            Self::NotAnEvent => f.write_str("its lines are not those of an event"),
        }
    }
}

/// The event under way; no more than [`LARGEST_EVENT`] of it is kept.
#[derive(Debug, Default)]
pub(crate) struct Events {
    kept: Vec<u8>,
    lines: usize,
    /// How long the last line is up to here, without what ends it.
    line: usize,
    /// The rest of the event is passed over.
    refused: bool,
    /// The first event is over.
    began: bool,
}

impl Events {
    /// The data of the events that this part ends. Events without data, such as a `ping`, have none.
    pub(crate) fn take(&mut self, part: &[u8]) -> Vec<Result<String, Refused>> {
        part.split_inclusive(|byte| *byte == b'\n').filter_map(|piece| self.piece(piece).transpose()).collect()
    }

    /// Takes a line in, or a part of one.
    fn piece(&mut self, piece: &[u8]) -> Result<Option<String>, Refused> {
        self.line += piece.iter().filter(|byte| !matches!(byte, b'\r' | b'\n')).count();
        let ends_line = piece.ends_with(b"\n");
        let ends_event = ends_line && self.line == 0;
        if ends_line {
            self.line = 0;
            self.lines += 1;
        }
        if ends_event {
            self.lines = 0;
            let event = std::mem::take(&mut self.kept);
            let event = if self.began { &event } else { event.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&event) };
            self.began = true;
            return if std::mem::take(&mut self.refused) { Ok(None) } else { data(event) };
        }
        if self.refused {
            return Ok(None);
        }
        if self.kept.len() + piece.len() > LARGEST_EVENT || self.lines > MOST_LINES {
            self.kept = Vec::new();
            self.refused = true;
            return Err(Refused::TooLarge);
        }
        self.kept.extend_from_slice(piece);
        Ok(None)
    }
}

/// The data of a whole event, given without the empty line behind it.
fn data(event: &[u8]) -> Result<Option<String>, Refused> {
    let text = std::str::from_utf8(event).map_err(|_| Refused::NotUtf8)?;
    // The comment in front is there because the crate panics at a byte order mark at the start.
    let text = format!(":\n{text}\n");
    let mut events = EventStream::new(stream::iter([Ok::<_, Infallible>(text)]));
    // All of it is there: nothing has to be waited for.
    match events.next().now_or_never() {
        Some(Some(Ok(event))) => Ok(Some(event.data)),
        Some(Some(Err(_))) => Err(Refused::NotAnEvent),
        Some(None) | None => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn events_of(parts: &[&[u8]]) -> Vec<Result<String, Refused>> {
        let mut events = Events::default();
        parts.iter().flat_map(|part| events.take(part)).collect()
    }

    #[test]
    fn both_ways_to_write_an_event_and_pings_are_read() {
        let body = b"ping: \n\ndata: {\"a\":1}\n\ndata:{\"b\":2}\r\n\r\nping: \n\n: note\n\ndata: unfinished";
        assert_eq!(events_of(&[body]), [Ok("{\"a\":1}".to_owned()), Ok("{\"b\":2}".to_owned())]);
        let several = b"event: message\r\nid: 7\r\ndata: {\"a\":\r\ndata: 1}\r\n\r\n";
        assert_eq!(events_of(&[several]), [Ok("{\"a\":\n1}".to_owned())]);
    }

    #[test]
    fn a_byte_order_mark_at_the_start_means_nothing() {
        let body = "\u{feff}data: 1\n\n\u{feff}data: 2\n\ndata: 3\n\n";
        assert_eq!(events_of(&[body.as_bytes()]), [Ok("1".to_owned()), Ok("3".to_owned())]);
    }

    #[test]
    fn an_event_with_an_invalid_byte_is_left_out_and_the_others_are_read() {
        let parts: [&[u8]; 3] = [b"data: 1\n\n", b"data: \xff\n\n", b"data: 2\n\n"];
        let expected = [Ok("1".to_owned()), Err(Refused::NotUtf8), Ok("2".to_owned())];
        assert_eq!(events_of(&parts), expected);
        assert_eq!(events_of(&[&parts.concat()]), expected);
    }

    #[test]
    fn of_an_event_that_is_too_large_nothing_is_kept_and_the_next_one_is_read() {
        let mut events = Events::default();
        assert_eq!(events.take(b"data: "), []);
        let part = vec![b'x'; 100_000];
        let refused: Vec<_> = (0..100).flat_map(|_| events.take(&part)).collect();
        assert_eq!(refused, [Err(Refused::TooLarge)]);
        assert!(events.kept.capacity() <= part.len(), "{}", events.kept.capacity());
        assert_eq!(events.take(b"\ndata: still of it\n\ndata: next\n\n"), [Ok("next".to_owned())]);

        let lines = "data: x\n".repeat(MOST_LINES + 5);
        assert_eq!(
            events_of(&[lines.as_bytes(), b"\ndata: next\n\n"]),
            [Err(Refused::TooLarge), Ok("next".to_owned())]
        );
    }

    proptest! {
        #[test]
        fn how_a_body_is_cut_into_parts_does_not_matter(
            lines in proptest::collection::vec("(data:|data: |id: |: )?[a-zß→\\r]{0,6}", 0..30),
            cuts in proptest::collection::vec(1..9usize, 0..60),
        ) {
            let body = lines.join("\n");
            let mut rest = body.as_bytes();
            let mut parts = Vec::new();
            for cut in cuts {
                let (part, after) = rest.split_at(cut.min(rest.len()));
                parts.push(part);
                rest = after;
            }
            parts.push(rest);
            prop_assert_eq!(events_of(&parts), events_of(&[body.as_bytes()]));
        }

        #[test]
        fn every_event_comes_out_with_its_data(texts in proptest::collection::vec("[a-zß→ ]{1,6}", 0..6)) {
            let body = texts.iter().fold(String::new(), |all, text| all + "data: " + text + "\n\n");
            prop_assert_eq!(events_of(&[body.as_bytes()]), texts.into_iter().map(Ok).collect::<Vec<_>>());
        }
    }
}
