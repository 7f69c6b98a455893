//! The requests to an actuator.

use ::http::StatusCode;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::wire::{Breakers, Events};
use crate::admin::{Admin, Change};
use crate::error::{ErrorKind, SourceError};

/// What stands for itself in a segment of a path.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// One actuator.
#[derive(Debug)]
pub struct Api(pub(super) Admin);

impl Api {
    pub(super) async fn breakers(&self) -> Result<Breakers, SourceError> {
        self.0.get("/circuitbreakers", "It is written for resilience4j 1.3 and later.").await.map_err(exposed)
    }

    pub(super) async fn events(&self) -> Result<Events, SourceError> {
        let hint = "When breakers changed is not known; their states are.";
        self.0.get("/circuitbreakerevents", hint).await.map_err(exposed)
    }

    /// Path and query as the system gets them, for the preview.
    pub(super) fn path_of_breaker(&self, name: &str) -> String {
        self.0.path_of(&below(name))
    }

    /// Sends a change of state, once. Whoever calls has seen to it that there is a breaker of this name: the system would make
    /// one.
    pub(super) async fn update(&self, name: &str, body: &str) -> Result<(), SourceError> {
        self.0.change(Change { below: &below(name), body, is_form: false, refused }).await.map(drop)
    }
}

fn refused(status: StatusCode) -> Option<(ErrorKind, &'static str)> {
    let hint = "It lets nobody write: see management.endpoint.circuitbreakers.access.";
    matches!(status.as_u16(), 404 | 405).then_some((ErrorKind::Unsupported, hint))
}

fn below(name: &str) -> String {
    format!("/circuitbreakers/{}", utf8_percent_encode(name, SEGMENT))
}

/// An endpoint that is not there is mostly one that is not shown.
fn exposed(error: SourceError) -> SourceError {
    let hint = "The application needs resilience4j-spring-boot, and its endpoints in \
        management.endpoints.web.exposure.include: circuitbreakers and circuitbreakerevents.";
    if error.kind == ErrorKind::NotFound { SourceError { hint: hint.to_owned(), ..error } } else { error }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stays_one_segment_of_the_path() {
        assert_eq!(below("pay"), "/circuitbreakers/pay");
        assert_eq!(below("GET /a?b#c%"), "/circuitbreakers/GET%20%2Fa%3Fb%23c%25");
    }
}
