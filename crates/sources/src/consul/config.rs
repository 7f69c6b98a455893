//! How a Consul is reached: the place that the user named, and the `CONSUL_*` variables that its own tools read
//! (<https://developer.hashicorp.com/consul/commands#environment-variables>).

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use url::Url;

use super::SYSTEM;
use crate::environment::Environment;
use crate::error::{ErrorKind, SourceError};
use crate::http::Tls;
use crate::kubernetes::inside::Place;
use crate::secret::Secret;

/// The port of the HTTP API when none is named.
const USUAL_PORT: u16 = 8500;

/// Everything needed to reach one Consul.
#[derive(Clone, Debug)]
pub(super) struct ConsulConfig {
    /// Where, without user name and password.
    pub(super) address: Url,
    /// A Unix socket to speak through.
    pub(super) socket: Option<PathBuf>,
    /// The Service inside a cluster that it is; the address is then the cluster's own for it.
    pub(super) inside: Option<Place>,
    /// TLS settings; used when the address is `https`.
    pub(super) tls: Tls,
    /// Enterprise namespace.
    pub(super) namespace: Option<String>,
    /// Enterprise partition.
    pub(super) partition: Option<String>,
    /// User name and password for a proxy in front of Consul.
    pub(super) basic_auth: Option<Secret>,
    /// Where the token comes from.
    pub(super) token: TokenSource,
}

/// Where the ACL token comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum TokenSource {
    /// None is sent: Consul takes the request as anonymous.
    Anonymous,
    /// Given as it is.
    Given(Secret),
    /// The content of a file, read again when the file changes: agents that hand out tokens rewrite it.
    File(PathBuf),
}

/// The token as it is now.
#[derive(Debug)]
pub(super) struct TokenKeeper {
    source: TokenSource,
    held: Mutex<Option<(SystemTime, Option<Secret>)>>,
}

impl TokenKeeper {
    /// Keeps the token of this source.
    pub(super) fn new(source: TokenSource) -> Self {
        Self { source, held: Mutex::new(None) }
    }

    /// True when requests are anonymous.
    pub(super) fn is_anonymous(&self) -> bool {
        self.source == TokenSource::Anonymous
    }

    /// The token to send now.
    pub(super) fn token(&self) -> Result<Option<Secret>, SourceError> {
        match &self.source {
            TokenSource::Anonymous => Ok(None),
            TokenSource::Given(token) => Ok(Some(token.clone())),
            TokenSource::File(path) => self.of_file(path),
        }
    }

    fn of_file(&self, path: &Path) -> Result<Option<Secret>, SourceError> {
        let unreadable = |error: std::io::Error| {
            misconfigured(
                format!("reading the token file {}", path.display()),
                error.to_string(),
                "See that CONSUL_HTTP_TOKEN_FILE, or token_file of the profile, names a readable file.",
            )
        };
        let changed = std::fs::metadata(path).and_then(|found| found.modified()).map_err(unreadable)?;
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((seen, token)) = &*held
            && *seen == changed
        {
            return Ok(token.clone());
        }
        let text = std::fs::read_to_string(path).map_err(unreadable)?;
        let token = match text.trim() {
            "" => None,
            token => Some(Secret::new(token)),
        };
        *held = Some((changed, token.clone()));
        Ok(token)
    }
}

fn misconfigured(tried: String, came_back: String, hint: &str) -> SourceError {
    SourceError { system: SYSTEM, kind: ErrorKind::Misconfigured, tried, came_back, hint: hint.to_owned() }
}

impl ConsulConfig {
    /// Puts the named place and the variables together. The place stands for `CONSUL_HTTP_ADDR`; the other variables
    /// apply as they do for Consul's own tools.
    pub(super) fn new(place: &str, environment: &Environment) -> Result<Self, SourceError> {
        let tls_asked = flag(environment, "CONSUL_HTTP_SSL")?.unwrap_or(false);
        let Named { mut address, socket, inside } = Named::parse(place, tls_asked)?;
        let in_address = basic_auth_of(&mut address).or_else(|| of_the_same_address(&address, tls_asked, environment));
        let path = |name: &str| environment.get(name).map(PathBuf::from);
        let text = |name: &str| environment.get(name).map(str::to_owned);
        Ok(Self {
            address,
            socket,
            inside,
            tls: Tls {
                ca_file: path("CONSUL_CACERT"),
                ca_folder: path("CONSUL_CAPATH"),
                client_cert: path("CONSUL_CLIENT_CERT"),
                client_key: path("CONSUL_CLIENT_KEY"),
                server_name: text("CONSUL_TLS_SERVER_NAME"),
                accept_any: flag(environment, "CONSUL_HTTP_SSL_VERIFY")? == Some(false),
            },
            namespace: text("CONSUL_NAMESPACE"),
            partition: text("CONSUL_PARTITION"),
            basic_auth: environment.get("CONSUL_HTTP_AUTH").map(basic).or(in_address),
            token: token_source(environment)?,
        })
    }
}

/// The file wins over the variable, as with Consul's own tools.
fn token_source(environment: &Environment) -> Result<TokenSource, SourceError> {
    if let Some(file) = environment.get("CONSUL_HTTP_TOKEN_FILE") {
        return Ok(TokenSource::File(PathBuf::from(file)));
    }
    let Some(token) = environment.get("CONSUL_HTTP_TOKEN") else { return Ok(TokenSource::Anonymous) };
    let token = Secret::new(token.trim());
    match token.header() {
        Some(_) => Ok(TokenSource::Given(token)),
        None => Err(misconfigured(
            "reading CONSUL_HTTP_TOKEN".to_owned(),
            "it holds characters that a header cannot carry".to_owned(),
            "A token is one line of letters, digits and dashes.",
        )),
    }
}

/// A boolean as Go's `strconv.ParseBool` reads it.
fn flag(environment: &Environment, name: &str) -> Result<Option<bool>, SourceError> {
    match environment.get(name) {
        None => Ok(None),
        Some("1" | "t" | "T" | "true" | "TRUE" | "True") => Ok(Some(true)),
        Some("0" | "f" | "F" | "false" | "FALSE" | "False") => Ok(Some(false)),
        Some(other) => Err(misconfigured(
            format!("reading {name}"),
            format!("`{}` is neither true nor false", crate::http::shorten(other)),
            "Set it to true or false, or unset it.",
        )),
    }
}

fn basic(user_and_password: &str) -> Secret {
    Secret::new(&format!("Basic {}", STANDARD.encode(user_and_password)))
}

/// User name and password that `CONSUL_HTTP_ADDR` holds, when it is this address that it names: a connection that was found by
/// the variable is known without them.
fn of_the_same_address(address: &Url, tls_asked: bool, environment: &Environment) -> Option<Secret> {
    let Named { address: mut named, .. } = Named::parse(environment.get("CONSUL_HTTP_ADDR")?, tls_asked).ok()?;
    let credentials = basic_auth_of(&mut named);
    credentials.filter(|_| named == *address)
}

fn basic_auth_of(address: &mut Url) -> Option<Secret> {
    if address.username().is_empty() && address.password().is_none() {
        return None;
    }
    let decode = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned();
    let both = format!("{}:{}", decode(address.username()), decode(address.password().unwrap_or_default()));
    let _ = address.set_username("");
    let _ = address.set_password(None);
    Some(basic(&both))
}

/// What a place names.
struct Named {
    address: Url,
    socket: Option<PathBuf>,
    inside: Option<Place>,
}

impl Named {
    /// Reads `host:port`, `http://…`, `https://…` (with or without a path), `unix:///path` and `kube://…`.
    fn parse(place: &str, tls_asked: bool) -> Result<Self, SourceError> {
        let place = place.trim();
        let url = |text: &str| Url::parse(text).map_err(|error| not_an_address(place, &error.to_string()));
        if let Some(path) = place.strip_prefix("unix://") {
            return Ok(Self { address: url("http://localhost")?, socket: Some(PathBuf::from(path)), inside: None });
        }
        if Place::is_meant(place) {
            let inside = Place::parse(SYSTEM, place)?;
            let address = url(&format!("{}://{}{}", inside.scheme(), inside.host(), inside.path))?;
            return Ok(Self { address, socket: None, inside: Some(inside) });
        }
        Ok(Self { address: parse_address(place, tls_asked)?, socket: None, inside: None })
    }
}

fn parse_address(place: &str, tls_asked: bool) -> Result<Url, SourceError> {
    let with_scheme = match place.split_once("://") {
        Some(("http" | "https", _)) => place.to_owned(),
        Some((scheme, _)) => {
            return Err(not_an_address(
                place,
                &format!("Consul is not reached by `{}://`", crate::http::shorten(scheme)),
            ));
        }
        None => format!("{}://{place}", if tls_asked { "https" } else { "http" }),
    };
    let mut address = Url::parse(&with_scheme).map_err(|error| not_an_address(place, &error.to_string()))?;
    // Consul's own tools take a bare host as one at the usual port; a full URL keeps its scheme's port.
    if address.port().is_none() && !place.contains("://") {
        let _ = address.set_port(Some(USUAL_PORT));
    }
    address.set_query(None);
    address.set_fragment(None);
    Ok(address)
}

fn not_an_address(place: &str, why: &str) -> SourceError {
    // A place may carry a password by mistake: what is before an `@` is not repeated.
    let shown = place.rsplit('@').next().unwrap_or_default();
    misconfigured(
        format!("reading the address `{}`", crate::http::shorten(shown)),
        why.to_owned(),
        "Name it as host:port, http://host:port, https://host:port, unix:///path or kube://CONTEXT/NAMESPACE/SERVICE:PORT.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(variables: &[(&str, &str)]) -> Environment {
        variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn address(place: &str, variables: &[(&str, &str)]) -> String {
        ConsulConfig::new(place, &env(variables)).unwrap().address.to_string()
    }

    #[test]
    fn every_form_of_an_address_is_read() {
        assert_eq!(address("127.0.0.1:8500", &[]), "http://127.0.0.1:8500/");
        assert_eq!(address("consul.example", &[]), "http://consul.example:8500/");
        assert_eq!(address("http://consul:8500/prefix", &[]), "http://consul:8500/prefix");
        assert_eq!(address("https://consul", &[]), "https://consul/");
        assert_eq!(address("[::1]:8500", &[]), "http://[::1]:8500/");
        assert_eq!(address("127.0.0.1:8501", &[("CONSUL_HTTP_SSL", "true")]), "https://127.0.0.1:8501/");
    }

    #[test]
    fn a_scheme_wins_over_the_ssl_variable() {
        assert_eq!(address("http://127.0.0.1:8500", &[("CONSUL_HTTP_SSL", "1")]), "http://127.0.0.1:8500/");
    }

    #[test]
    fn a_unix_socket_is_taken() {
        let config = ConsulConfig::new("unix:///run/consul.sock", &env(&[])).unwrap();
        assert_eq!(config.socket, Some(PathBuf::from("/run/consul.sock")));
    }

    #[test]
    fn what_is_no_address_is_refused_with_a_code_and_a_hint() {
        for place in ["ftp://consul", "http://", "http://a b", "http://[::1"] {
            let error = ConsulConfig::new(place, &env(&[])).unwrap_err();
            assert_eq!(error.code(), "consul.misconfigured", "{place}");
            assert!(!error.hint.is_empty());
        }
    }

    #[test]
    fn a_word_that_is_no_boolean_is_refused() {
        let error = ConsulConfig::new("a:1", &env(&[("CONSUL_HTTP_SSL_VERIFY", "no")])).unwrap_err();
        assert_eq!(error.code(), "consul.misconfigured");
    }

    #[test]
    fn no_secret_is_in_debug_output() {
        let variables = [("CONSUL_HTTP_TOKEN", "s3cret-token"), ("CONSUL_HTTP_AUTH", "ann:s3cret-password")];
        let config = ConsulConfig::new("http://bob:s3cret-url@consul:8500", &env(&variables)).unwrap();
        let shown = format!("{config:?} {:?}", TokenKeeper::new(config.token.clone()));
        assert!(!shown.contains("s3cret"), "{shown}");
        assert!(!shown.contains(&STANDARD.encode("ann:s3cret-password")), "{shown}");
    }

    #[test]
    fn a_password_of_the_variable_goes_to_the_address_that_it_names_only() {
        let variables = [("CONSUL_HTTP_ADDR", "http://ann:pw@consul:8500")];
        let auth = |place: &str| ConsulConfig::new(place, &env(&variables)).unwrap().basic_auth;
        assert_eq!(auth("http://consul:8500"), Some(basic("ann:pw")));
        assert_eq!(auth("http://consul:8500"), auth("http://ann:pw@consul:8500"));
        assert_eq!(auth("http://other:8500"), None);
    }

    #[test]
    fn the_token_file_wins_and_is_read_again_when_it_changes() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("token");
        std::fs::write(&file, "first\n").unwrap();
        let variables = [("CONSUL_HTTP_TOKEN", "ignored"), ("CONSUL_HTTP_TOKEN_FILE", file.to_str().unwrap())];
        let keeper = TokenKeeper::new(ConsulConfig::new("a:1", &env(&variables)).unwrap().token);
        assert_eq!(keeper.token().unwrap(), Some(Secret::new("first")));
        std::fs::write(&file, "second").unwrap();
        let later = SystemTime::now() + std::time::Duration::from_secs(5);
        std::fs::File::options().write(true).open(&file).unwrap().set_modified(later).unwrap();
        assert_eq!(keeper.token().unwrap(), Some(Secret::new("second")));
    }

    #[test]
    fn a_token_file_that_is_gone_is_said() {
        let keeper = TokenKeeper::new(TokenSource::File(PathBuf::from("/nonexistent/token")));
        assert_eq!(keeper.token().unwrap_err().code(), "consul.misconfigured");
    }
}
