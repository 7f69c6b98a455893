//! The commands to a Sentinel.

use ::http::StatusCode;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::wire::{Entry, Node, Rules};
use crate::admin::{Admin, Change};
use crate::error::{ErrorKind, SourceError};
use crate::http::shorten;

const HINT: &str = "It is written for the commands of Sentinel 1.8.";
/// What it answers when the rules hold.
const TAKEN: &str = "success";
/// The beginning of what it answers when they hold, and could not be kept for its next start.
const TAKEN_IN_PART: &str = "partial success";

/// The two kinds of rules that matter here, by Sentinel's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RuleType {
    Degrade,
    Flow,
}

/// One Sentinel.
#[derive(Debug)]
pub struct Api(pub(super) Admin);

impl RuleType {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Degrade => "degrade",
            Self::Flow => "flow",
        }
    }
}

impl Api {
    /// Its version, such as `1.8.9`.
    pub(super) async fn version(&self) -> Result<String, SourceError> {
        let said = self.0.text("/version").await?;
        let version = said.trim();
        let is_version = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
        let begins = version.starts_with(|first: char| first.is_ascii_digit());
        if begins && version.len() <= 64 && version.bytes().all(is_version) {
            return Ok(version.to_owned());
        }
        Err(SourceError {
            system: self.0.system,
            kind: ErrorKind::NotUnderstood,
            tried: format!("GET {}/version", self.0.shown()),
            came_back: shorten(version),
            hint: HINT.to_owned(),
        })
    }

    /// The resources that were called in the last minute.
    pub(super) async fn nodes(&self) -> Result<Vec<Entry<Node>>, SourceError> {
        self.0.get("/clusterNode?type=notZero", HINT).await
    }

    pub(super) async fn rules(&self, of: RuleType) -> Result<Rules, SourceError> {
        self.0.get(&format!("/getRules?type={}", of.word()), HINT).await
    }

    /// Replaces all rules of a kind by these, once.
    pub(super) async fn set_rules(&self, of: RuleType, rules: &str) -> Result<(), SourceError> {
        let change = Change { below: "/setRules", body: &form(of, rules), is_form: true, refused };
        let said = self.0.change(change).await?;
        match said.trim() {
            TAKEN => Ok(()),
            said if said.starts_with(TAKEN_IN_PART) => Ok(()),
            said => Err(self.0.lost(&format!("POST {}/setRules", self.0.shown()), &shorten(said))),
        }
    }
}

/// It decodes what it is sent twice.
fn form(of: RuleType, rules: &str) -> String {
    let once = utf8_percent_encode(rules, NON_ALPHANUMERIC).to_string();
    format!("type={}&data={}", of.word(), utf8_percent_encode(&once, NON_ALPHANUMERIC))
}

fn refused(status: StatusCode) -> Option<(ErrorKind, &'static str)> {
    let hint = "It takes no rules by this way: Sentinel 1.8 or later is needed.";
    matches!(status.as_u16(), 404 | 405 | 415).then_some((ErrorKind::Unsupported, hint))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_encoded_twice() {
        assert_eq!(form(RuleType::Flow, r#"["+%"]"#), "type=flow&data=%255B%2522%252B%2525%2522%255D");
    }
}
