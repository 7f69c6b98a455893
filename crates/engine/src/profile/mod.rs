//! Profiles: named sets of connections, one TOML file each, without secrets.
//!
//! ```toml
//! read_only = true
//! sensitive = ["shop/private/"]
//!
//! [[source]]
//! at = "consul=https://consul.example.com:8501"
//! token_file = "~/.config/consul/shop.token"
//! ca_file = "/etc/ssl/shop-ca.pem"
//! ```

mod error;
mod parse;
mod shelf;

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use binnacle_sources::{ConnectionSpec, Environment};

pub use error::{ContentFault, Misread, Position, ProfileError};
pub(crate) use parse::holds_secret;
pub use parse::parse;
pub use shelf::{Listed, find, folder, list};

use crate::Opening;
use crate::edits::Rules;

/// The longest name of a profile, in letters.
const LONGEST_NAME: usize = 64;

/// The name of a profile: letters, digits, `-`, `_` and `.`, so that it can be no path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProfileName(String);

impl ProfileName {
    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ProfileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for ProfileName {
    type Err = ProfileError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let allowed = |letter: char| letter.is_alphanumeric() || matches!(letter, '-' | '_' | '.');
        let fits = (1..=LONGEST_NAME).contains(&text.chars().count());
        if fits && !text.starts_with('.') && text.chars().all(allowed) {
            return Ok(Self(text.to_owned()));
        }
        Err(ProfileError::BadName(text.chars().take(LONGEST_NAME).collect()))
    }
}

/// A named set of connections, and what holds for them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// Its name, which is the file's.
    pub name: ProfileName,
    /// What holds for writes by its connections.
    pub rules: Rules,
    /// What is read; at least one, each address once.
    pub sources: Vec<ProfileSource>,
}

/// One connection of a profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProfileSource {
    /// What is read.
    pub spec: ConnectionSpec,
    /// What the file says besides, by the names in [`SETTINGS`]: paths and names, never a secret.
    pub settings: BTreeMap<&'static str, String>,
}

/// What a Consul of a profile may say: `set` stands for the variable of the consul command, and `instead_of` no longer counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setting {
    /// The key in the file.
    pub key: &'static str,
    /// The variable that it stands for.
    pub set: &'static str,
    /// A variable of the surroundings that would say otherwise.
    pub instead_of: Option<&'static str>,
    /// Whether the value is a path: absolute, or from `~/`.
    pub is_path: bool,
}

const TOKEN_FILE: &str = "token_file";

/// Every setting, in one list.
pub const SETTINGS: [Setting; 7] = [
    path(TOKEN_FILE, "CONSUL_HTTP_TOKEN_FILE", Some("CONSUL_HTTP_TOKEN")),
    path("ca_file", "CONSUL_CACERT", Some("CONSUL_CAPATH")),
    path("client_cert", "CONSUL_CLIENT_CERT", None),
    path("client_key", "CONSUL_CLIENT_KEY", None),
    Setting { key: "server_name", set: "CONSUL_TLS_SERVER_NAME", instead_of: None, is_path: false },
    Setting { key: "namespace", set: "CONSUL_NAMESPACE", instead_of: None, is_path: false },
    Setting { key: "partition", set: "CONSUL_PARTITION", instead_of: None, is_path: false },
];

const fn path(key: &'static str, set: &'static str, instead_of: Option<&'static str>) -> Setting {
    Setting { key, set, instead_of, is_path: true }
}

/// The connections that were asked for: those named, as the profile says where it names them too, or else the profile's.
pub fn openings(profile: Option<&Profile>, named: &[ConnectionSpec], environment: &Environment) -> Vec<Opening> {
    let opening = |spec: &ConnectionSpec| match profile {
        Some(profile) => profile.opening_of(spec, environment),
        None => Opening::new(spec.clone(), environment),
    };
    match (profile, named) {
        (Some(profile), []) => profile.openings(environment),
        (_, named) => named.iter().map(opening).collect(),
    }
}

impl Profile {
    /// How each of its connections is opened in these surroundings.
    pub fn openings(&self, environment: &Environment) -> Vec<Opening> {
        self.sources.iter().map(|source| self.opening(source, environment)).collect()
    }

    /// How this address is opened: as the profile says when it names it, otherwise as the surroundings have it. The rules
    /// hold in both cases.
    fn opening_of(&self, spec: &ConnectionSpec, environment: &Environment) -> Opening {
        match self.sources.iter().find(|source| source.spec == *spec) {
            Some(source) => self.opening(source, environment),
            None => Opening::new(spec.clone(), environment).of_profile(self),
        }
    }

    fn opening(&self, source: &ProfileSource, environment: &Environment) -> Opening {
        let opening = Opening::new(source.spec.clone(), &source.surroundings(environment)).of_profile(self);
        opening.with_own_token_file(source.settings.contains_key(TOKEN_FILE))
    }
}

impl ProfileSource {
    /// The environment as this connection sees it: what the file says stands over what is around.
    fn surroundings(&self, environment: &Environment) -> Environment {
        let mut seen = environment.clone();
        for setting in SETTINGS {
            let Some(value) = self.settings.get(setting.key) else { continue };
            let value = match (value.strip_prefix("~/"), environment.get("HOME")) {
                (Some(rest), Some(home)) if setting.is_path => format!("{home}/{rest}"),
                _ => value.clone(),
            };
            seen = seen.with(setting.set, value);
            if let Some(other) = setting.instead_of {
                seen = seen.without(other);
            }
        }
        seen
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_no_path() {
        for name in ["prod", "shop-prod_2.eu", "küche"] {
            assert_eq!(name.parse::<ProfileName>().unwrap().as_str(), name);
        }
        for name in ["", ".", "..", ".hidden", "a/b", "../prod", "/etc/passwd", "a\\b", "a b", "a\0", &"x".repeat(65)] {
            assert_eq!(name.parse::<ProfileName>().unwrap_err().code(), "profile.bad_name", "{name}");
        }
    }

    #[test]
    fn what_the_file_says_stands_over_the_environment_for_its_own_connection() {
        let text = "[[source]]\nat = \"consul=a:8500\"\ntoken_file = \"~/a.token\"\nca_file = \"/a.pem\"\n\
                    [[source]]\nat = \"consul=b:8500\"\n";
        let profile = parse("two".parse().unwrap(), text).unwrap();
        let environment = [
            ("HOME", "/home/ada"),
            ("CONSUL_HTTP_TOKEN", "around"),
            ("CONSUL_CAPATH", "/around"),
            ("CONSUL_CLIENT_CERT", "/around.pem"),
        ];
        let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned())).into_iter().collect();
        let openings = profile.openings(&environment);
        let seen = |opening: &Opening, name: &str| opening.environment.get(name).map(str::to_owned);
        assert_eq!(seen(&openings[0], "CONSUL_HTTP_TOKEN_FILE").as_deref(), Some("/home/ada/a.token"));
        assert_eq!(seen(&openings[0], "CONSUL_CACERT").as_deref(), Some("/a.pem"));
        assert_eq!(seen(&openings[0], "CONSUL_CLIENT_CERT").as_deref(), Some("/around.pem"));
        for gone in ["CONSUL_HTTP_TOKEN", "CONSUL_CAPATH"] {
            assert_eq!(seen(&openings[0], gone), None, "{gone}");
        }
        assert_eq!(openings[1].environment, environment);
    }
}
