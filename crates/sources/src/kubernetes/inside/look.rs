//! What is found inside a cluster: its Services are listed once, what they stand for is recognised, and each is asked, by the way
//! that would be used, whether it is what it seems.

use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{self, StreamExt as _};
use http::HeaderMap;
use serde_json::Value;

use super::recognise::{Product, Proof, Recognised, Sign, recognise};
use super::{Inside, Need, Place};
use crate::connection::{ConnectionSpec, Meter};
use crate::environment::Environment;
use crate::error::{ErrorKind, SourceError};
use crate::http::{shorten, whole_body};
use crate::kubernetes::api::{KubeApi, segment};
use crate::kubernetes::wire::{Items, Service};
use crate::kubernetes::{Doors, SYSTEM};
use crate::open::open_by;
use crate::road::Call;
use crate::transport::no_answer;

/// How many Services are asked at once: a small cluster has a small API server.
const AT_ONCE: usize = 4;
/// How long each may take to say what it is.
const PATIENCE: Duration = Duration::from_millis(1500);
/// How much of an answer is read.
const LARGEST: usize = 4 * 1024 * 1024;

/// One system that was found inside a cluster.
#[derive(Clone, Debug)]
pub struct Find {
    /// What it is, or seems to be.
    pub product: Product,
    /// The context by which the cluster is reached.
    pub context: String,
    /// Its Service, as `NAMESPACE/NAME`, with the port where there is one.
    pub service: String,
    /// By what it was recognised.
    pub by: Sign,
    /// What to connect; `None` where that cannot be, see `why_not`.
    pub spec: Option<ConnectionSpec>,
    /// Why it cannot be connected.
    pub why_not: Option<String>,
    /// By which way it was asked and would be read, in words; empty where it was not asked.
    pub way: String,
    /// Product and version, and what else it says of itself, or why it is not confirmed.
    pub answer: Result<(String, String), SourceError>,
}

impl Find {
    /// Whether it can be connected and has shown that it is what it seems.
    pub fn is_confirmed(&self) -> bool {
        self.answer.is_ok()
    }
}

/// Looks into the cluster of a context. The Services of all namespaces are listed, or those of the context's own where only that
/// is allowed. Nothing secret of the environment is sent to what is found: nobody chose it.
pub async fn look(context: &str, environment: &Environment, doors: &Doors) -> Result<Vec<Find>, SourceError> {
    let environment = environment.for_a_stranger();
    let api = KubeApi::new(doors.to(context, &environment), Arc::new(Meter::default()));
    let services = services(&api).await?;
    let asked = recognise(&services).into_iter().map(|one| ask(context, one, &environment, doors));
    Ok(stream::iter(asked).buffered(AT_ONCE).collect().await)
}

async fn services(api: &KubeApi) -> Result<Vec<Service>, SourceError> {
    let all: Result<Items<Service>, _> = api.json("/api/v1/services").await;
    let failed = match all {
        Ok(all) => return Ok(all.items),
        Err(failed) => failed.error,
    };
    if failed.kind != ErrorKind::Forbidden {
        return Err(failed);
    }
    let namespace = api.door.session().await?.namespace.clone();
    let path = format!("/api/v1/namespaces/{}/services", segment(&namespace));
    let own: Result<Items<Service>, _> = api.json(&path).await;
    own.map(|own| own.items).map_err(|_| SourceError {
        hint: "To find what is in the cluster, give this account a role with apiGroups: [\"\"], resources: [\"services\"], \
               verbs: [\"list\"]."
            .to_owned(),
        ..failed
    })
}

async fn ask(context: &str, one: Recognised, environment: &Environment, doors: &Doors) -> Find {
    let product = one.product;
    let place = one.place(context);
    let service = match &place {
        Some(place) => place.shown_service(),
        None => format!("{}/{}", one.namespace, one.service),
    };
    let not_asked = |why: &str| SourceError {
        system: SYSTEM,
        kind: ErrorKind::Unsupported,
        tried: format!("asking {service} whether it is {}", product.title()),
        came_back: why.to_owned(),
        hint: "It was not asked.".to_owned(),
    };
    let mut find = Find {
        product,
        context: context.to_owned(),
        service: service.clone(),
        by: one.by.clone(),
        spec: None,
        why_not: None,
        way: String::new(),
        answer: Err(not_asked("it cannot be reached from here")),
    };
    let place = match (place, &one.port) {
        (Some(place), _) => place,
        (None, refused) => {
            let why = refused.as_ref().err().copied().unwrap_or_default();
            find.why_not = Some(why.to_owned());
            find.answer = Err(not_asked(why));
            return find;
        }
    };
    if let Some(kind) = product.kind() {
        let spec = ConnectionSpec { kind, place: place.to_string() };
        (find.answer, find.way) = probe(&spec, environment, doors).await;
        find.spec = Some(spec);
    } else {
        (find.answer, find.way) = question(product, &place, environment, doors).await;
        find.why_not = Some(format!("{} is not read by this version", product.title()));
    }
    find
}

type Said = (Result<(String, String), SourceError>, String);

/// Asks a system that this version reads, in the words of its source.
async fn probe(spec: &ConnectionSpec, environment: &Environment, doors: &Doors) -> Said {
    let connection = match open_by(spec, environment, doors) {
        Ok(connection) => connection,
        Err(error) => return (Err(error), String::new()),
    };
    let answer = match tokio::time::timeout(PATIENCE, connection.probe()).await {
        Ok(probed) => probed.map(|probe| (probe.product, probe.detail)),
        Err(_) => Err(late(spec.kind.word(), &spec.place)),
    };
    (answer, connection.way().unwrap_or_default())
}

/// Asks a system that this version does not read for something that only it answers.
async fn question(product: Product, place: &Place, environment: &Environment, doors: &Doors) -> Said {
    let inside = match Inside::new(SYSTEM, place.clone(), Need::Plain, environment, doors, Arc::default()) {
        Ok(inside) => inside,
        Err(error) => return (Err(error), String::new()),
    };
    let question = product.question();
    let tried = format!("GET {place}{}", question.path);
    let asking = async {
        let call = Call::get(question.path, HeaderMap::new());
        let response = inside.send(call, &tried).await.map_err(|unanswered| unanswered.error)?;
        let status = response.status();
        let body = whole_body(SYSTEM, &tried, response, LARGEST).await?;
        let not_it = |came_back: String| SourceError {
            system: SYSTEM,
            kind: ErrorKind::NotUnderstood,
            tried: tried.clone(),
            came_back,
            hint: format!("It may be {} behind a login, or something else of that name.", product.title()),
        };
        if !status.is_success() {
            return Err(not_it(format!("it answers with {}", status.as_u16())));
        }
        proven(question.proof, &body).ok_or_else(|| not_it("its answer is that of something else".to_owned()))
    };
    let answer = match tokio::time::timeout(PATIENCE, asking).await {
        Ok(answer) => answer.map(|version| (format!("{} {version}", product.title()).trim().to_owned(), String::new())),
        Err(_) => Err(late(SYSTEM, &place.to_string())),
    };
    (answer, inside.words())
}

/// The version, where an answer is the product's; empty where it does not tell.
fn proven(proof: Proof, body: &[u8]) -> Option<String> {
    match proof {
        Proof::Version(pointer) => {
            let answer: Value = serde_json::from_slice(body).ok()?;
            answer.pointer(pointer).and_then(Value::as_str).map(shorten)
        }
        Proof::Text(text) => String::from_utf8_lossy(body).contains(text).then(String::new),
        Proof::Source => Some(String::new()),
    }
}

fn late(system: &'static str, place: &str) -> SourceError {
    no_answer(system, format!("asking {place} what it is"), place, PATIENCE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_proves_a_product_by_its_version_or_its_words() {
        let version = Proof::Version("/version/number");
        assert_eq!(proven(version, br#"{"version":{"number":"8.15.0"}}"#).as_deref(), Some("8.15.0"));
        assert_eq!(proven(version, br#"{"version":"8"}"#), None);
        assert_eq!(proven(version, b"<html>"), None);
        assert_eq!(proven(Proof::Text("coredns_build_info"), b"coredns_build_info{} 1").as_deref(), Some(""));
        assert_eq!(proven(Proof::Text("coredns_build_info"), b"up 1"), None);
    }
}
