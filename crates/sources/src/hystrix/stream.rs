//! One connection to a stream of server-sent events, read until it ends.

use std::time::Duration;

use futures_util::{Stream, StreamExt, pin_mut};
use jiff::Timestamp;
use reqwest::Response;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::events::{Events, Refused};
use super::wire::{Command, Event};
use super::{SYSTEM, map};
use crate::connection::Meter;
use crate::error::{ErrorKind, SourceError};
use crate::http;
use crate::road::Road;
use crate::scrape::{Target, ask};
use crate::transport::{peer, transport_error};

/// A connection is made by then or has failed; who says nothing afterwards is there, and has nothing to say. hystrix-go sends
/// not even a head before its first command.
const CONNECTED_BY: Duration = Duration::from_millis(5500);
/// A stream says all of its commands about every second: one that named none by then has none.
const COMMANDS_BY: Duration = Duration::from_secs(2);
/// Turbine begins with one process and adds each other one when that speaks: what it says before is not of all.
const ALL_SPOKE_AFTER: Duration = Duration::from_secs(3);
/// Once it spoke, a stream repeats itself about every second, or says `ping`.
const LONGEST_SILENCE: Duration = Duration::from_secs(10);
/// The longest name of a command, its group or its pool, in bytes. It is kept as often as there are commands.
const LONGEST_NAME: usize = 1024;

/// What a stream brings.
#[derive(Debug)]
pub(super) enum News {
    /// It is connected, and named no command yet.
    Quiet,
    /// It is connected and answered; whether it has commands is not known yet.
    Opened,
    /// A command's event.
    Command(Box<Command>),
    /// An event that was left out; the stream goes on.
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
    let mut parts = response.bytes_stream();
    let mut events = Events::default();
    let mut spoke = false;
    let begins = Instant::now() + if map::is_sum(target) { ALL_SPOKE_AFTER } else { Duration::ZERO };
    let quiet = tokio::time::sleep_until(begins + COMMANDS_BY);
    pin_mut!(quiet);
    let mut awaited = true;
    loop {
        let part = tokio::select! {
            part = next_part(target, &mut parts, spoke) => part?,
            () = &mut quiet, if awaited => {
                awaited = false;
                tell(out, News::Quiet).await;
                continue;
            }
        };
        let Some(part) = part else { return Ok(()) };
        spoke = true;
        meter.answered(part.len() as u64, Timestamp::now());
        for event in events.take(&part) {
            match command(event) {
                Ok(Some(_)) if Instant::now() < begins => {}
                Ok(Some(command)) => {
                    (*brought, awaited) = (true, false);
                    tell(out, News::Command(command)).await;
                }
                Ok(None) => {}
                Err((kind, came_back)) => {
                    tell(out, News::Garbage(broken(target, kind, &came_back, "The other events are read."))).await;
                }
            }
        }
    }
}

/// The command of an event; `None` where it is about something else.
pub(super) fn command(event: Result<String, Refused>) -> Result<Option<Box<Command>>, (ErrorKind, String)> {
    let data = event.map_err(|refused| match refused {
        Refused::TooLarge => (ErrorKind::TooLarge, refused.to_string()),
        Refused::NotUtf8 | Refused::NotAnEvent => (ErrorKind::NotUnderstood, refused.to_string()),
    })?;
    let not_understood = |error: serde_json::Error| (ErrorKind::NotUnderstood, http::shorten(&error.to_string()));
    let event = serde_json::from_str(&data).map_err(not_understood)?;
    let Event::HystrixCommand(command) = event else { return Ok(None) };
    if command.name.is_empty() {
        return Err((ErrorKind::NotUnderstood, "it is a command without a name".to_owned()));
    }
    let names = [&command.name, &command.group, &command.thread_pool];
    if names.into_iter().any(|name| name.len() > LONGEST_NAME) {
        return Err((ErrorKind::TooLarge, format!("it has a name of more than {LONGEST_NAME} bytes")));
    }
    Ok(Some(command))
}

/// The next part of the body. Fails when the other side falls silent.
async fn next_part<B>(
    target: &Target,
    parts: &mut (impl Stream<Item = Result<B, reqwest::Error>> + Unpin),
    spoke: bool,
) -> Result<Option<B>, SourceError> {
    let next = parts.next();
    let part = if spoke {
        let Ok(part) = tokio::time::timeout(LONGEST_SILENCE, next).await else {
            let came_back = format!("the stream was silent for {} s", LONGEST_SILENCE.as_secs());
            let hint = "The process may be stopped or cut off; the stream is opened again by itself.";
            return Err(broken(target, ErrorKind::TimedOut, &came_back, hint));
        };
        part
    } else {
        next.await
    };
    part.transpose().map_err(|error| transport_error(SYSTEM, target.request(), &peer(&target.url), &error))
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

/// Nobody may be listening any more: then the whole future is about to be dropped.
async fn tell(out: &mpsc::Sender<News>, news: News) {
    let _ = out.send(news).await;
}
