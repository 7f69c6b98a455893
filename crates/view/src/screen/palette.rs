//! Everything that can be found by typing.

use binnacle_model::snapshot::{Health, Snapshot};

use super::{source_name, timeline::breaker_title};
use crate::contract::palette::{PaletteArgs, PaletteItem};
use crate::contract::state::{Subject, SubjectKind};
use crate::text;

/// The most that is ever answered.
const MOST: usize = 200;

/// What matches, best first: names that start with the text, then names that hold it, then keys that hold it. An empty text
/// lists what is worst.
pub fn items(snapshot: &Snapshot, args: &PaletteArgs) -> Vec<PaletteItem> {
    let wanted = args.query.trim().to_lowercase();
    let limit = usize::try_from(args.limit).unwrap_or(MOST).min(MOST);
    let mut found: Vec<(Rank, PaletteItem)> = Vec::new();
    for service in snapshot.services.values() {
        let Some(rank) = rank(&wanted, &service.name) else { continue };
        let item = PaletteItem {
            subject: Subject { kind: SubjectKind::Service, id: service.id.to_string() },
            title: text::name(&service.name),
            detail: text::name(&service.place),
            health: Some(service.health.into()),
        };
        found.push(((rank, std::cmp::Reverse(service.health)), item));
    }
    for breaker in snapshot.breakers.values() {
        let title = breaker_title(snapshot, breaker);
        let Some(rank) = rank(&wanted, &title) else { continue };
        let word = binnacle_model::world::breaker_word(breaker.state).replace('_', "-");
        let subject = Subject { kind: SubjectKind::Breaker, id: breaker.id.to_string() };
        found.push((below(rank), PaletteItem { subject, title, detail: format!("breaker, {word}"), health: None }));
    }
    for source in snapshot.sources.values() {
        let title = source_name(&source.id);
        let Some(rank) = rank(&wanted, &title) else { continue };
        let subject = Subject { kind: SubjectKind::Source, id: source.id.to_string() };
        let detail = format!("source, {}", source.status.state.word());
        found.push((below(rank), PaletteItem { subject, title, detail, health: None }));
    }
    found.sort_by(|a, b| (&a.0, &a.1.title).cmp(&(&b.0, &b.1.title)));
    let mut items: Vec<PaletteItem> = found.into_iter().map(|(_, item)| item).take(limit).collect();
    if !wanted.is_empty() {
        let keys = snapshot.config.values().filter(|item| item.path.to_lowercase().contains(&wanted));
        items.extend(keys.take(limit.saturating_sub(items.len())).map(|key| PaletteItem {
            subject: Subject { kind: SubjectKind::Config, id: key.id.to_string() },
            title: text::name(&key.path),
            detail: format!("key of {}", source_name(&key.source)),
            health: None,
        }));
    }
    items
}

type Rank = (u8, std::cmp::Reverse<Health>);

fn below(rank: u8) -> Rank {
    (rank + 1, std::cmp::Reverse(Health::Passing))
}

fn rank(wanted: &str, name: &str) -> Option<u8> {
    let name = name.to_lowercase();
    match name.find(wanted) {
        Some(0) => Some(0),
        Some(_) => Some(2),
        None => None,
    }
}
