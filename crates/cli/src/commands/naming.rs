//! What a person names: a service by id or name, an edge by its two ends.

use binnacle_model::id::ServiceId;
use binnacle_model::snapshot::{Breaker, Edge, Service, Snapshot};

use super::listing::{Names, word};
use crate::failure::{Exit, Failure};

/// How alike two names are, from 0 to 1, so that one is offered for the other.
const ALIKE: f64 = 0.8;
/// The most names that are offered.
const MOST_OFFERED: usize = 3;

/// The two ends of an edge, written `CALLER -> CALLEE` with or without blanks.
pub(crate) fn ends(named: &str) -> Option<(&str, &str)> {
    let (from, to) = named.split_once("->")?;
    Some((from.trim(), to.trim()))
}

/// The service of this id or name; an id may also be the one under which a single source knows it.
pub(crate) fn service<'a>(snapshot: &'a Snapshot, named: &str) -> Result<&'a Service, Failure> {
    if let Some(service) = snapshot.service(&ServiceId::from(named)) {
        return Ok(service);
    }
    let all = snapshot.services.values().map(AsRef::as_ref);
    let found = all.filter(|service: &&Service| *service.name == *named).collect();
    one(named, "service", found, |service| service.id.to_string(), || near(snapshot, named))
}

/// The edge between these ends, each by id or name.
pub(crate) fn edge<'a>(snapshot: &'a Snapshot, named: &str, ends: (&str, &str)) -> Result<&'a Edge, Failure> {
    let names = Names::of(snapshot);
    let is_end = |id, text: &str| text == ServiceId::as_str(id) || text == names.name(id);
    let edges = snapshot.edges.values().map(AsRef::as_ref);
    let found = edges.filter(|edge: &&Edge| is_end(&edge.from, ends.0) && is_end(&edge.to, ends.1)).collect();
    one(named, "edge", found, |edge| edge.id.to_string(), Vec::new)
}

/// The breaker of this id, or the one between these ends of this kind, written `CALLER -> CALLEE (KIND)`; `None` where the text is
/// neither.
pub(crate) fn breaker<'a>(snapshot: &'a Snapshot, named: &str) -> Result<Option<&'a Breaker>, Failure> {
    if let Some(breaker) = snapshot.breakers.get(named) {
        return Ok(Some(breaker));
    }
    let written = named.strip_suffix(')').and_then(|text| text.rsplit_once(" ("));
    let Some(((from, to), kind)) = written.and_then(|(text, kind)| Some((ends(text)?, kind))) else { return Ok(None) };
    let names = Names::of(snapshot);
    let is_end = |id: &ServiceId, text: &str| text == id.as_str() || text == names.name(id);
    let is_it = |breaker: &&Breaker| {
        let toward = breaker.callee.as_ref().map_or(to == &*breaker.name, |callee| is_end(callee, to));
        toward && is_end(&breaker.caller, from) && word(breaker.kind) == kind
    };
    let found = snapshot.breakers.values().map(AsRef::as_ref).filter(is_it).collect();
    one(named, "breaker", found, |breaker| breaker.id.to_string(), Vec::new).map(Some)
}

fn one<'a, T>(
    named: &str,
    what: &str,
    mut found: Vec<&'a T>,
    id: impl Fn(&T) -> String,
    near: impl FnOnce() -> Vec<String>,
) -> Result<&'a T, Failure> {
    match (found.pop(), found.is_empty()) {
        (Some(one), true) => Ok(one),
        (Some(last), false) => {
            let ids: Vec<String> = found.into_iter().chain([last]).map(id).collect();
            Err(Failure::new(
                "cli.several",
                Exit::Usage,
                format!("`{named}` is the name of several: {}", ids.join(", ")),
                "Name it by its id.",
            ))
        }
        (None, _) => {
            let listing = format!("See them with `binnaclectl {what}s`.");
            let hint = match near().as_slice() {
                [] => listing,
                near => format!("Is it {}? {listing}", near.join(" or ")),
            };
            Err(Failure::not_found(format!("no {what} is called `{named}`"), hint))
        }
    }
}

/// Names that are much like this one, the most alike first.
fn near(snapshot: &Snapshot, named: &str) -> Vec<String> {
    let names = Names::of(snapshot);
    let alike = |service: &Service| {
        let by = |text: &str| strsim::jaro_winkler(text, named);
        by(&service.name).max(by(service.id.as_str()))
    };
    let services = snapshot.services.values().map(|service| (alike(service), names.name(&service.id)));
    let mut near: Vec<(f64, &str)> = services.filter(|(alike, _)| *alike >= ALIKE).collect();
    near.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
    near.into_iter().take(MOST_OFFERED).map(|(_, name)| format!("`{name}`")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edge_is_written_with_or_without_blanks() {
        assert_eq!(ends("a->b"), Some(("a", "b")));
        assert_eq!(ends("consul:dc1/a -> kube:c/shop/b"), Some(("consul:dc1/a", "kube:c/shop/b")));
        assert_eq!(ends("a-b"), None);
    }

    #[test]
    fn what_fits_several_is_not_guessed() {
        let of = |found: Vec<&'static u8>| one("a", "service", found, u8::to_string, || vec!["`ab`".to_owned()]);
        assert_eq!(of(vec![&1]).unwrap(), &1);
        let several = of(vec![&1, &2]).unwrap_err();
        assert_eq!(
            (several.code.as_str(), several.message.as_str()),
            ("cli.several", "`a` is the name of several: 1, 2")
        );
        let none = of(Vec::new()).unwrap_err();
        assert_eq!((none.exit, none.hint.as_str()), (Exit::No, "Is it `ab`? See them with `binnaclectl services`."));
    }
}
