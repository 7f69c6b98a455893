//! What happened, on one axis.

use binnacle_model::change::{Subject as ModelSubject, Transition};
use binnacle_model::id::{BreakerId, ServiceId};
use binnacle_model::snapshot::Snapshot;
use jiff::SignedDuration;

use super::{Happened, Scene, Table, count, named, source_name};
use crate::contract::state::{Subject, SubjectKind, Tone, millis};
use crate::contract::timeline::{Lane, TimelineHead, TimelineParams, TimelineRow};
use crate::text;

/// The longest span that is kept at hand: a day.
const LONGEST_MS: f64 = 86_400_000.0;

/// The events of the span, oldest first.
pub fn table(scene: &Scene, params: TimelineParams) -> Table<TimelineHead, TimelineRow> {
    #[allow(clippy::cast_possible_truncation, reason = "clamped to a day of milliseconds")]
    let span = params.span_ms.clamp(0.0, LONGEST_MS) as i64;
    let from = scene.now.checked_sub(SignedDuration::from_millis(span)).unwrap_or(scene.started);
    let rows: Vec<TimelineRow> = scene
        .happened
        .iter()
        .enumerate()
        .filter(|(_, happened)| happened.at() >= from)
        .filter_map(|(at, happened)| row(&scene.snapshot, at, happened))
        .collect();
    let edits = rows.iter().filter(|row| row.lane == Lane::Edits).count();
    let head =
        TimelineHead { from: millis(scene.started), edits: count(edits), transitions: count(rows.len() - edits) };
    Table { head, rows }
}

fn row(snapshot: &Snapshot, place: usize, happened: &Happened) -> Option<TimelineRow> {
    match happened {
        // What each process of a breaker went through stands in the breaker's own lanes.
        Happened::Transition(transition) if transition.process.is_some() => None,
        Happened::Transition(transition) => transition_row(snapshot, place, transition),
        Happened::Edit { at, id, edit, summary } => Some(TimelineRow {
            key: format!("edit:{edit}:{id}"),
            at: millis(*at),
            lane: Lane::Edits,
            subject: Subject { kind: SubjectKind::Config, id: id.clone() },
            title: text::name(id.split_once("/kv/").map_or(id.as_str(), |(_, path)| path)),
            from: String::new(),
            to: text::name(summary),
            detail: String::new(),
            tone: Tone::Normal,
            edit: Some(edit.clone()),
        }),
    }
}

fn transition_row(snapshot: &Snapshot, place: usize, transition: &Transition) -> Option<TimelineRow> {
    let (lane, kind, id, title) = match &transition.subject {
        ModelSubject::Service(id) => (Lane::Health, SubjectKind::Service, id.to_string(), service(snapshot, id)),
        ModelSubject::Breaker(id) => (Lane::Breakers, SubjectKind::Breaker, id.to_string(), breaker(snapshot, id)),
        ModelSubject::Source(id) => (Lane::Sources, SubjectKind::Source, id.to_string(), source_name(id)),
        _ => return None,
    };
    Some(TimelineRow {
        key: format!("{}:{place}:{id}", transition.at.as_nanosecond()),
        at: millis(transition.at),
        lane,
        subject: Subject { kind, id },
        title,
        from: transition.from.to_string(),
        to: transition.to.to_string(),
        detail: text::first_line(&transition.detail),
        tone: tone(&transition.to),
        edit: None,
    })
}

fn service(snapshot: &Snapshot, id: &ServiceId) -> String {
    named(snapshot, id).name
}

fn breaker(snapshot: &Snapshot, id: &BreakerId) -> String {
    match snapshot.breakers.get(id) {
        Some(breaker) => breaker_title(snapshot, breaker),
        None => text::name(id.as_str()),
    }
}

/// `checkout → payments`, or the caller with the library's name where the callee is not known.
pub(crate) fn breaker_title(snapshot: &Snapshot, breaker: &binnacle_model::snapshot::Breaker) -> String {
    let caller = named(snapshot, &breaker.caller).name;
    let toward =
        breaker.callee.as_ref().map_or_else(|| text::name(&breaker.name), |callee| named(snapshot, callee).name);
    format!("{caller} → {toward}")
}

fn tone(word: &str) -> Tone {
    match word {
        "critical" | "open" | "failing" | "stalled" | "failed" => Tone::Critical,
        "warning" | "half_open" | "stale" | "degraded" => Tone::Warning,
        _ => Tone::Normal,
    }
}
