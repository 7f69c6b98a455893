//! The requests to an Envoy.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use ::http::StatusCode;

use super::wire::{Clusters, Dump, Runtime, ServerInfo, Stats};
use crate::admin::{Admin, Change};
use crate::error::{ErrorKind, SourceError};
use crate::scrape::dialect::Dialects;

/// What stands for itself in a query.
const QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
const HINT: &str = "It is written for Envoy's admin interface, version 1.20 and later.";
/// The statistics that are read; an Envoy may have a hundred thousand others.
const WANTED: &str = "^cluster\\..*\\.(circuit_breakers\\.(default|high)\\.(cx|cx_pool|rq|rq_pending)_open|\
    upstream_(rq_pending|rq_active|cx_pool|cx)_overflow|upstream_cx_(total|http1_total|http2_total|http3_total)|\
    outlier_detection\\.ejections_(active|enforced_total)|membership_(healthy|total))$";

/// One Envoy.
#[derive(Debug)]
pub struct Api {
    pub(super) admin: Admin,
    pub(super) dialects: Dialects,
}

impl Api {
    pub(super) async fn clusters(&self) -> Result<Clusters, SourceError> {
        self.admin.get("/clusters?format=json", HINT).await
    }

    pub(super) async fn stats(&self) -> Result<Stats, SourceError> {
        self.admin.get(&format!("/stats?format=json&filter={}", utf8_percent_encode(WANTED, QUERY)), HINT).await
    }

    pub(super) async fn server_info(&self) -> Result<ServerInfo, SourceError> {
        self.admin.get("/server_info", HINT).await
    }

    pub(super) async fn runtime(&self) -> Result<Runtime, SourceError> {
        self.admin.get("/runtime?format=json", HINT).await
    }

    /// Whether values can be changed by hand.
    pub(super) async fn has_admin_layer(&self) -> Result<bool, SourceError> {
        let dump: Dump = self.admin.get("/config_dump?mask=bootstrap.layered_runtime", HINT).await?;
        Ok(dump.has_admin_layer())
    }

    /// Changes values, once. An empty one takes a change back.
    pub(super) async fn modify(&self, below: &str) -> Result<(), SourceError> {
        self.admin.change(Change { below, body: "", is_form: false, refused }).await.map(drop)
    }
}

/// Path and query of a change.
pub(super) fn modification<'a>(changes: impl IntoIterator<Item = (String, &'a str)>) -> String {
    let pair = |(key, value): (String, &str)| format!("{}={value}", utf8_percent_encode(&key, QUERY));
    format!("/runtime_modify?{}", changes.into_iter().map(pair).collect::<Vec<_>>().join("&"))
}

/// It says so before it changes anything.
fn refused(status: StatusCode) -> Option<(ErrorKind, &'static str)> {
    let hint = "It needs an admin_layer in the layered_runtime that it is started with.";
    (status == StatusCode::SERVICE_UNAVAILABLE).then_some((ErrorKind::Unsupported, hint))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_stays_one_part_of_the_query() {
        let key = "circuit_breakers.outbound|80||pay&ment.default.max_requests".to_owned();
        let below = "/runtime_modify?circuit_breakers.outbound%7C80%7C%7Cpay%26ment.default.max_requests=0";
        assert_eq!(modification([(key, "0")]), below);
    }
}
