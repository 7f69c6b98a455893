//! The engine's state as the screens take it.

use binnacle_engine::discover::Answer;
use binnacle_engine::inside::Inventory;
use binnacle_engine::profile::Listed;
use binnacle_engine::{ConnectionReport, TimelineEvent, TokenOrigin};
use binnacle_sources::ConnectionSpec;
use binnacle_sources::connection::KINDS;
use binnacle_sources::kubernetes::inside::Find;
use binnacle_view::contract::ViewRequest;
use binnacle_view::contract::first_run::{FoundRow, FoundState, ProfileRow};
use binnacle_view::contract::sources::InsideRow;
use binnacle_view::contract::state::SubjectKind;
use binnacle_view::screen::{ConnectionFacts, Happened, Scene, TokenFacts};
use binnacle_view::text;

use crate::failure;
use crate::state::App;

/// The reason that is shown wherever an edit is greyed out in a read-only run.
const READ_ONLY: &str = "This window was opened read-only (--read-only)";

/// Everything that a view is made of, as it is now. What happened is left out for the views that do not show it: it may be
/// much.
pub(crate) fn for_view(app: &App, request: &ViewRequest) -> Scene {
    let shows_it = match request {
        ViewRequest::Shell | ViewRequest::Timeline(_) => true,
        ViewRequest::Inspector(about) => about.subject.kind == SubjectKind::Breaker,
        _ => false,
    };
    let happened = if shows_it { app.engine.timeline().since(app.started) } else { Vec::new() };
    let mut scene = Scene { happened: happened.into_iter().map(happening).collect(), ..of(app) };
    if matches!(request, ViewRequest::Sources) {
        add_finds(app, &mut scene.connections);
    }
    scene
}

/// The same without what happened, and without what is inside clusters.
pub(crate) fn of(app: &App) -> Scene {
    let demo = app.engine.demo_runs();
    Scene {
        snapshot: app.engine.snapshot(),
        connections: app.engine.connections().into_iter().map(connection).collect(),
        happened: Vec::new(),
        said: app.said().clone(),
        found: app.found().clone(),
        read_only: app.engine.read_only().then(|| READ_ONLY.to_owned()),
        demo,
        kinds: KINDS.iter().map(|kind| kind.word().to_owned()).collect(),
        started: app.started,
        now: app.engine.clock().now(),
    }
}

/// What was found inside each cluster.
fn add_finds(app: &App, connections: &mut [ConnectionFacts]) {
    let open: Vec<ConnectionSpec> = app.engine.connections().into_iter().map(|one| one.spec).collect();
    for spec in &open {
        let Some(inventory) = app.engine.inventory(spec) else { continue };
        let Some(facts) = connections.iter_mut().find(|facts| facts.spec == spec.to_string()) else { continue };
        facts.inside_fault = inventory.fault.as_ref().map(|error| failure::of_source(error, None));
        facts.inside = inventory.finds.iter().map(|find| inside(find, &inventory, &open)).collect();
    }
}

fn connection(report: ConnectionReport) -> ConnectionFacts {
    ConnectionFacts {
        inside: Vec::new(),
        inside_fault: None,
        spec: report.spec.to_string(),
        read_only: report.rules.read_only.then(|| match &report.profile {
            Some(name) => format!("The profile {name} is read-only"),
            None => READ_ONLY.to_owned(),
        }),
        profile: match report.profile {
            Some(name) => name.to_string(),
            None if report.own => "demo".to_owned(),
            None => "this computer".to_owned(),
        },
        found: report.found.map(|found| {
            let way = report.way.map(|way| format!("; by {way}")).unwrap_or_default();
            format!("found in {} by {}{way}", text::name(&found.cluster.place), text::name(&found.by))
        }),
        token: report.token.map(|origin| TokenFacts {
            origin: match origin {
                TokenOrigin::Nowhere => "none: anonymous",
                TokenOrigin::Variable => "from CONSUL_HTTP_TOKEN",
                TokenOrigin::File => "from CONSUL_HTTP_TOKEN_FILE",
                TokenOrigin::ProfileFile => "from the profile's file",
                TokenOrigin::Entered => "entered here, until the app is closed",
                TokenOrigin::Remembered => "from the keyring",
            }
            .to_owned(),
            anonymous: origin == TokenOrigin::Nowhere,
            remembered: origin == TokenOrigin::Remembered,
        }),
        requests: report.meter.requests(),
        failures: report.meter.failures(),
        bytes: report.meter.bytes(),
        last_answer: report.meter.last_answer(),
        sources: report.sources,
    }
}

/// A system that was found inside a cluster, and what became of it.
fn inside(find: &Find, inventory: &Inventory, open: &[ConnectionSpec]) -> InsideRow {
    let connected = find.spec.as_ref().is_some_and(|spec| open.contains(spec));
    let left_out = find.spec.as_ref().and_then(|spec| inventory.left_out.get(spec));
    let note = match (&find.why_not, left_out, &find.answer) {
        _ if connected => "connected".to_owned(),
        (Some(why), ..) | (None, Some(why), _) => why.clone(),
        (None, None, Err(error)) => format!("it did not show that it is: {}", error.came_back),
        (None, None, Ok(_)) => "not connected".to_owned(),
    };
    let said = find.answer.as_ref().map_or_else(|_| find.product.title().to_owned(), |(product, _)| product.clone());
    InsideRow {
        title: text::name(&said),
        service: text::name(&find.service),
        by: text::name(&find.by.to_string()),
        way: find.way.clone(),
        spec: find.spec.as_ref().filter(|_| !connected).map(ToString::to_string),
        note: text::output(&note),
        connected,
    }
}

fn happening(event: TimelineEvent) -> Happened {
    match event {
        TimelineEvent::Transition(transition) => Happened::Transition(transition),
        TimelineEvent::Edit { at, id, edit, summary } => Happened::Edit { at, id, edit: edit.to_string(), summary },
    }
}

/// A profile as a row of the first screen.
pub(crate) fn profile(listed: &Listed) -> ProfileRow {
    let profile = listed.profile.as_ref();
    ProfileRow {
        name: text::name(&listed.name),
        sources: profile.map_or_else(
            |_| Vec::new(),
            |profile| profile.sources.iter().map(|source| source.spec.to_string()).collect(),
        ),
        read_only: profile.is_ok_and(|profile| profile.rules.read_only),
        fault: profile.err().map(failure::of_profile),
        open: false,
    }
}

/// A system that was looked for, as a row of the first screen.
pub(crate) fn found(number: usize, found: binnacle_engine::Found) -> FoundRow {
    let (state, detail, took_ms, fault) = match &found.answer {
        Answer::Answers(probe) => {
            let words = format!("{} · {}", probe.product, probe.detail);
            (FoundState::Answers, words, Some(probe.took.as_secs_f64() * 1000.0), None)
        }
        Answer::Fails(error) => {
            let fault = failure::of_source(error, None);
            (FoundState::Fails, error.came_back.clone(), None, Some(fault))
        }
        Answer::NotAsked(reason) => (FoundState::NotAsked, reason.clone(), None, None),
    };
    let spec = found.spec.map(|spec| spec.to_string());
    FoundRow {
        key: format!("{number}:{}", spec.as_deref().unwrap_or(&found.place)),
        spec,
        title: text::name(&found.title),
        place: text::name(&found.place),
        state,
        detail: text::output(&detail),
        took_ms,
        fault,
        connected: false,
    }
}
