//! How a connection is opened, and what holds for it.

use std::sync::Arc;

use binnacle_model::id::SourceKind;
use binnacle_sources::kubernetes::inside::Find;
use binnacle_sources::{Connection, ConnectionSpec, Doors, Environment, SourceError, open_by};

use crate::edits::Rules;
use crate::inside::FoundIn;
use crate::profile::{Profile, ProfileName};
use crate::token::{Token, TokenOrigin};

const TOKEN: &str = "CONSUL_HTTP_TOKEN";
const TOKEN_FILE: &str = "CONSUL_HTTP_TOKEN_FILE";

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opening {
    /// What is read.
    pub spec: ConnectionSpec,
    /// The environment as the source sees it, but for a token that was given.
    pub environment: Environment,
    /// The profile that names it.
    pub profile: Option<ProfileName>,
    /// What holds for writes.
    pub rules: Rules,
    /// The cluster that it was found in, for one that nobody named.
    pub found: Option<FoundIn>,
    own_token_file: bool,
    given: Option<(Token, TokenOrigin)>,
}

impl Opening {
    /// By the surroundings alone.
    pub fn new(spec: ConnectionSpec, environment: &Environment) -> Self {
        let (environment, rules) = (environment.clone(), Rules::default());
        Self { spec, environment, profile: None, rules, found: None, own_token_file: false, given: None }
    }

    /// The same as a profile's: its rules hold.
    pub(crate) fn of_profile(mut self, profile: &Profile) -> Self {
        self.profile = Some(profile.name.clone());
        self.rules = profile.rules.clone();
        self
    }

    /// Something that was found inside a cluster: what holds for writes there holds here, and nothing secret of the surroundings
    /// is sent to it.
    pub(crate) fn of_find(find: &Find, spec: ConnectionSpec, cluster: &Self) -> Self {
        let says = find.answer.as_ref().map_or("", |(_, detail)| detail);
        let by = Arc::from(find.by.to_string());
        let found = FoundIn { cluster: cluster.spec.clone(), by, says: Arc::from(says) };
        Self {
            rules: cluster.rules.clone(),
            found: Some(found),
            ..Self::new(spec, &cluster.environment.for_a_stranger())
        }
    }

    /// The same with a token that stands over the surroundings'.
    #[must_use]
    pub fn with_token(mut self, token: Token, from: TokenOrigin) -> Self {
        self.given = Some((token, from));
        self
    }

    /// The same without a token that was given.
    #[must_use]
    pub fn without_token(mut self) -> Self {
        self.given = None;
        self
    }

    /// The same, with whether the profile names a token file for this very connection.
    pub(crate) fn with_own_token_file(mut self, own: bool) -> Self {
        self.own_token_file = own;
        self
    }

    /// Whether a person gave the token, now or earlier.
    pub fn has_given_token(&self) -> bool {
        self.given.is_some()
    }

    /// Whether an ACL token would be sent.
    pub fn takes_token(&self) -> bool {
        self.spec.kind == SourceKind::Consul
    }

    /// Where the token comes from.
    pub fn token(&self) -> TokenOrigin {
        let set = |name: &str| self.takes_token() && self.environment.get(name).is_some();
        match &self.given {
            Some((_, from)) => *from,
            None if self.own_token_file => TokenOrigin::ProfileFile,
            None if set(TOKEN_FILE) => TokenOrigin::File,
            None if set(TOKEN) => TokenOrigin::Variable,
            None => TokenOrigin::Nowhere,
        }
    }

    /// Whether a token that is remembered for the address counts: not over a file that the profile names for it.
    pub fn may_recall(&self) -> bool {
        self.takes_token() && !self.own_token_file
    }

    /// Makes the connection; nothing is contacted yet.
    pub fn open(&self) -> Result<Arc<dyn Connection>, SourceError> {
        self.open_by(&Doors::default())
    }

    /// The same through the doors to clusters that other connections share.
    pub fn open_by(&self, doors: &Doors) -> Result<Arc<dyn Connection>, SourceError> {
        let Some((token, _)) = &self.given else { return open_by(&self.spec, &self.environment, doors) };
        // A file would win over the variable.
        let environment = self.environment.clone().without(TOKEN_FILE).with(TOKEN, token.expose());
        open_by(&self.spec, &environment, doors)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_given_token_stands_over_the_surroundings_and_is_never_printed() {
        let environment = [(TOKEN, "s3cret-around"), (TOKEN_FILE, "/nonexistent/token")];
        let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned())).into_iter().collect();
        let opening = Opening::new("consul=127.0.0.1:1".parse().unwrap(), &environment);
        assert_eq!(opening.token(), TokenOrigin::File);
        let given = opening.with_token(Token::new(" s3cret-given\n").unwrap(), TokenOrigin::Entered);
        assert_eq!(given.token(), TokenOrigin::Entered);
        let shown = format!("{given:?}");
        assert!(!shown.contains("s3cret"), "{shown}");
        let scrape = Opening::new("scrape=127.0.0.1:1".parse().unwrap(), &environment);
        assert_eq!(scrape.token(), TokenOrigin::Nowhere);
        assert_eq!(Token::new(" \n"), None);
    }

    #[test]
    fn a_token_that_no_header_can_carry_is_refused_without_repeating_it() {
        let opening = Opening::new("consul=127.0.0.1:1".parse().unwrap(), &Environment::default());
        let given = opening.with_token(Token::new("s3cret\nmore").unwrap(), TokenOrigin::Entered);
        drop(rustls::crypto::ring::default_provider().install_default());
        let Err(error) = given.open() else { panic!("it was taken") };
        assert_eq!(error.code(), "consul.misconfigured");
        assert!(!format!("{error} {error:?}").contains("s3cret"), "{error}");
    }
}
