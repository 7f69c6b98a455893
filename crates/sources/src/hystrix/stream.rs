//! One connection to a stream of server-sent events, read until it ends.
//!
//! `eventsource-stream` reads the events. In front of it stands [`whole_lines`], because that crate waits for ever behind an
//! invalid byte, looks at an unfinished line again with every part that arrives, and has no limit.

use std::time::Duration;

use eventsource_stream::{EventStream, EventStreamError};
use futures_util::stream::{self, BoxStream};
use futures_util::{Stream, StreamExt, pin_mut};
use jiff::Timestamp;
use reqwest::Response;
use tokio::sync::mpsc;

use super::SYSTEM;
use super::wire::{Command, Event};
use crate::connection::Meter;
use crate::error::{ErrorKind, SourceError};
use crate::http;
use crate::road::Road;
use crate::scrape::{Target, ask};
use crate::transport::{peer, transport_error};

/// A connection is made by then or has failed; who says nothing afterwards is there, and has nothing to say. hystrix-go sends
/// not even a head before its first command.
const CONNECTED_BY: Duration = Duration::from_millis(5500);
/// Once it spoke, a stream repeats itself about every second, or says `ping`.
const LONGEST_SILENCE: Duration = Duration::from_secs(10);
/// The largest event that is read.
const LARGEST_EVENT: usize = 1024 * 1024;

/// What a stream brings.
#[derive(Debug)]
pub(super) enum News {
    /// It is connected, and has said nothing yet.
    Quiet,
    /// It is connected and answered.
    Opened,
    /// A command's event.
    Command(Box<Command>),
    /// An event that is not understood; the stream goes on.
    Garbage(SourceError),
    /// It broke; the next attempt follows after this pause.
    Broken(SourceError, Duration),
}

/// Reads one connection to its end, which is always an error. True when it brought a command.
pub(super) async fn read(road: &Road, target: &Target, meter: &Meter, out: &mpsc::Sender<News>) -> (bool, SourceError) {
    meter.sent();
    let mut brought = false;
    let broken = match events(road, target, meter, out, &mut brought).await {
        Ok(()) => broken(target, ErrorKind::CutOff, "the stream ended", "It is opened again by itself."),
        Err(error) => error,
    };
    meter.failed();
    (brought, broken)
}

async fn events(
    road: &Road,
    target: &Target,
    meter: &Meter,
    out: &mpsc::Sender<News>,
    brought: &mut bool,
) -> Result<(), SourceError> {
    let response = head(road, target, out).await?;
    tell(out, News::Opened).await;
    let mut events = EventStream::new(whole_lines(target.clone(), response.bytes_stream().boxed()).boxed());
    while let Some(event) = events.next().await {
        let data = match event {
            Ok(event) => event.data,
            Err(EventStreamError::Transport(error)) => return Err(error),
            Err(EventStreamError::Utf8(_)) => return Err(not_utf8(target)),
            Err(EventStreamError::Parser(_)) => {
                return Err(broken(target, ErrorKind::NotUnderstood, "it is not a stream of events", SEE_ADDRESS));
            }
        };
        meter.answered(data.len() as u64, Timestamp::now());
        match serde_json::from_str::<Event>(&data) {
            Ok(Event::HystrixCommand(command)) => {
                *brought = true;
                tell(out, News::Command(command)).await;
            }
            Ok(Event::HystrixThreadPool | Event::Other) => {}
            Err(error) => {
                let came_back = format!("an event was not understood: {error}");
                let hint = "The other events are read on.";
                tell(out, News::Garbage(broken(target, ErrorKind::NotUnderstood, &came_back, hint))).await;
            }
        }
    }
    Ok(())
}

const SEE_ADDRESS: &str = "See that the address is that of a Hystrix stream, such as http://HOST:PORT/hystrix.stream.";

/// The head of the answer, however long it takes once the connection stands.
async fn head(road: &Road, target: &Target, out: &mpsc::Sender<News>) -> Result<Response, SourceError> {
    let asking = ask(SYSTEM, road, target, "text/event-stream");
    pin_mut!(asking);
    let response = tokio::select! {
        response = &mut asking => response,
        () = tokio::time::sleep(CONNECTED_BY) => {
            tell(out, News::Quiet).await;
            asking.await
        }
    };
    let response = response.map_err(too_many_viewers)?;
    let kind = response.headers().get(reqwest::header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let kind = kind.unwrap_or_default();
    if kind.starts_with("text/event-stream") {
        return Ok(response);
    }
    let came_back = format!("it answers with `{}`, not with a stream of events", http::shorten(kind));
    Err(broken(target, ErrorKind::NotUnderstood, &came_back, SEE_ADDRESS))
}

/// Java's servlet lets only so many read at once, and says so with a 503.
fn too_many_viewers(error: SourceError) -> SourceError {
    if !error.came_back.contains("MaxConcurrentConnections") {
        return error;
    }
    let hint = "The process lets only so many read its stream at once: close another viewer, or raise its limit.";
    SourceError { kind: ErrorKind::RateLimited, hint: hint.to_owned(), ..error }
}

fn broken(target: &Target, kind: ErrorKind, came_back: &str, hint: &str) -> SourceError {
    let (came_back, hint) = (came_back.to_owned(), hint.to_owned());
    SourceError { system: SYSTEM, kind, tried: target.request(), came_back, hint }
}

fn not_utf8(target: &Target) -> SourceError {
    broken(
        target,
        ErrorKind::NotUnderstood,
        "the stream holds bytes that are not UTF-8",
        "It is opened again by itself.",
    )
}

/// Nobody may be listening any more: then the whole future is about to be dropped.
async fn tell(out: &mpsc::Sender<News>, news: News) {
    let _ = out.send(news).await;
}

type Parts<B, E> = BoxStream<'static, Result<B, E>>;

/// A body in parts, and what of it is not passed on yet.
struct Unfinished<S> {
    target: Target,
    parts: S,
    kept: Vec<u8>,
    /// How much of the event under way was passed on.
    of_event: usize,
    spoke: bool,
    /// An invalid byte stands behind what was passed on.
    invalid: bool,
}

/// Passes a body on in whole lines of valid text, and ends with an error at an invalid byte, at an event without end, and when
/// the other side falls silent.
fn whole_lines<B: AsRef<[u8]> + 'static>(
    target: Target,
    parts: Parts<B, reqwest::Error>,
) -> impl Stream<Item = Result<String, SourceError>> {
    let start = Unfinished { target, parts, kept: Vec::new(), of_event: 0, spoke: false, invalid: false };
    stream::try_unfold(start, |mut body| async move {
        loop {
            if body.invalid {
                return Err(not_utf8(&body.target));
            }
            let Some(part) = body.next_part().await? else { return Ok(None) };
            if let Some(lines) = body.lines(part.as_ref())? {
                return Ok(Some((lines, body)));
            }
        }
    })
}

impl<B> Unfinished<Parts<B, reqwest::Error>> {
    async fn next_part(&mut self) -> Result<Option<B>, SourceError> {
        let next = self.parts.next();
        let part = if self.spoke {
            let Ok(part) = tokio::time::timeout(LONGEST_SILENCE, next).await else {
                let came_back = format!("the stream was silent for {} s", LONGEST_SILENCE.as_secs());
                let hint = "The process may be stopped or cut off; the stream is opened again by itself.";
                return Err(broken(&self.target, ErrorKind::TimedOut, &came_back, hint));
            };
            part
        } else {
            next.await
        };
        self.spoke = true;
        let target = &self.target;
        part.transpose().map_err(|error| transport_error(SYSTEM, target.request(), &peer(&target.url), &error))
    }
}

impl<S> Unfinished<S> {
    /// The lines that this part completes.
    fn lines(&mut self, part: &[u8]) -> Result<Option<String>, SourceError> {
        let end = part.iter().rposition(|byte| *byte == b'\n').map(|at| at + 1);
        let (complete, rest) = part.split_at(end.unwrap_or(0));
        let passed_on = if complete.is_empty() {
            None
        } else {
            let mut lines = std::mem::take(&mut self.kept);
            lines.extend_from_slice(complete);
            Some(self.valid(lines))
        };
        self.kept.extend_from_slice(rest);
        for line in passed_on.iter().flat_map(|lines| lines.lines()) {
            self.of_event = if line.is_empty() { 0 } else { self.of_event + line.len() };
            self.within_limit()?;
        }
        self.within_limit()?;
        Ok(passed_on)
    }

    /// The lines in front of the first invalid byte.
    fn valid(&mut self, lines: Vec<u8>) -> String {
        String::from_utf8(lines).unwrap_or_else(|error| {
            self.invalid = true;
            let valid = error.as_bytes().get(..error.utf8_error().valid_up_to()).unwrap_or_default();
            let valid = String::from_utf8_lossy(valid);
            valid.rfind('\n').and_then(|end| valid.get(..=end)).unwrap_or_default().to_owned()
        })
    }

    fn within_limit(&self) -> Result<(), SourceError> {
        if self.of_event + self.kept.len() > LARGEST_EVENT {
            return Err(http::too_large(SYSTEM, &self.target.request(), LARGEST_EVENT));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn target() -> Target {
        Target::named(SYSTEM, "127.0.0.1:1", "/hystrix.stream").unwrap()
    }

    /// What the events of a body are when it arrives in these parts.
    async fn events_of(parts: Vec<Vec<u8>>) -> Vec<Result<String, ErrorKind>> {
        let parts = stream::iter(parts.into_iter().map(Ok::<Vec<u8>, reqwest::Error>)).boxed();
        let events = EventStream::new(whole_lines(target(), parts).boxed());
        events
            .map(|event| match event {
                Ok(event) => Ok(event.data),
                Err(EventStreamError::Transport(error)) => Err(error.kind),
                Err(other) => panic!("{other}"),
            })
            .collect()
            .await
    }

    #[tokio::test]
    async fn both_ways_to_write_an_event_and_pings_are_read() {
        let body = b"ping: \n\ndata: {\"a\":1}\n\ndata:{\"b\":2}\r\n\r\nping: \n\n: note\n\ndata: unfinished".to_vec();
        let events = events_of(vec![body]).await;
        assert_eq!(events, [Ok("{\"a\":1}".to_owned()), Ok("{\"b\":2}".to_owned())]);
    }

    #[tokio::test]
    async fn an_invalid_byte_ends_the_stream_behind_the_events_before_it() {
        let parts: [&[u8]; 3] = [b"data: 1\n\n", b"data: \xff\n\n", b"data: 2\n\n"];
        for parts in [parts.iter().map(|part| part.to_vec()).collect(), vec![parts.concat()]] {
            assert_eq!(events_of(parts).await, [Ok("1".to_owned()), Err(ErrorKind::NotUnderstood)]);
        }
    }

    #[tokio::test]
    async fn an_event_without_end_ends_the_stream() {
        let line = vec![b'x'; 100_000];
        assert_eq!(events_of(vec![line; 20]).await, [Err(ErrorKind::TooLarge)]);
        let mut line = b"data: ".to_vec();
        line.extend(vec![b'x'; 100_000]);
        line.push(b'\n');
        assert_eq!(events_of(vec![line; 20]).await, [Err(ErrorKind::TooLarge)]);
    }

    proptest! {
        #[test]
        fn how_a_body_is_cut_into_parts_does_not_matter(texts in proptest::collection::vec("[a-zß→ ]{1,6}", 0..6), cuts in proptest::collection::vec(1..9usize, 1..60)) {
            let body = texts.iter().fold(String::new(), |all, text| all + "data: " + text + "\n\n");
            let mut rest = body.as_bytes();
            let mut parts = Vec::new();
            for cut in cuts {
                let (part, after) = rest.split_at(cut.min(rest.len()));
                parts.push(part.to_vec());
                rest = after;
            }
            parts.push(rest.to_vec());
            let events = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(events_of(parts));
            prop_assert_eq!(events, texts.into_iter().map(Ok).collect::<Vec<_>>());
        }
    }
}
