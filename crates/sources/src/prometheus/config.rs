//! How a Prometheus is reached: the address that the user named, and for everything secret the file that Prometheus' own tools
//! take (`promtool --http.config.file`,
//! <https://prometheus.io/docs/prometheus/latest/configuration/promtool/>), named by `PROMETHEUS_HTTP_CONFIG_FILE`.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName, HeaderValue};
use serde::Deserialize;
use url::Url;

use super::SYSTEM;
use crate::environment::Environment;
use crate::error::{ErrorKind, SourceError};
use crate::http::{Tls, shorten};
use crate::kubernetes::inside::Place;

/// The port of the HTTP API when none is named.
const USUAL_PORT: u16 = 9090;
/// The server that the field's tools would use here.
pub const URL_VARIABLE: &str = "PROMETHEUS_URL";
/// The file with whatever is secret.
const FILE_VARIABLE: &str = "PROMETHEUS_HTTP_CONFIG_FILE";
/// Pages of Prometheus' own UI, whose addresses people have at hand.
const PAGES: [&str; 4] = ["/graph", "/query", "/targets", "/alerts"];
/// The largest file with a password or a token that is read.
const LONGEST_SECRET: usize = 64 * 1024;

/// Everything needed to reach one server.
#[derive(Clone, Debug)]
pub(super) struct PrometheusConfig {
    /// Where, without user name and password.
    pub(super) address: Url,
    /// The Service inside a cluster that it is; the address is then the cluster's own for it.
    pub(super) inside: Option<Place>,
    /// TLS settings; used when the address is `https`.
    pub(super) tls: Tls,
    /// Headers that every request carries; marked as secret.
    headers: HeaderMap,
    credentials: Credentials,
}

/// Who asks.
#[derive(Clone, PartialEq, Eq)]
enum Credentials {
    Nobody,
    /// The value of the `Authorization` header.
    Given(HeaderValue),
    /// A scheme, and the file with what stands behind it, read for each request: whoever hands out tokens rewrites it.
    File(String, PathBuf),
    /// A user, and the file with the password.
    PasswordFile(String, PathBuf),
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nobody => f.write_str("Nobody"),
            Self::Given(_) => f.write_str("Given(hidden)"),
            Self::File(_, path) | Self::PasswordFile(_, path) => f.debug_tuple("File").field(path).finish(),
        }
    }
}

/// `http_config` of Prometheus' documentation, as far as Binnacle has use for it.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct HttpConfig {
    basic_auth: Option<BasicAuth>,
    authorization: Option<Authorization>,
    #[serde(default)]
    tls_config: TlsConfig,
    #[serde(default)]
    http_headers: BTreeMap<String, Header>,
    /// Redirects are never followed and HTTP/2 is always offered, whatever these say.
    #[serde(rename = "follow_redirects")]
    _follow_redirects: Option<bool>,
    #[serde(rename = "enable_http2")]
    _enable_http2: Option<bool>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BasicAuth {
    username: String,
    password: Option<String>,
    password_file: Option<PathBuf>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Authorization {
    #[serde(rename = "type", default = "bearer")]
    scheme: String,
    credentials: Option<String>,
    credentials_file: Option<PathBuf>,
}

fn bearer() -> String {
    "Bearer".to_owned()
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct TlsConfig {
    ca_file: Option<PathBuf>,
    cert_file: Option<PathBuf>,
    key_file: Option<PathBuf>,
    server_name: Option<String>,
    #[serde(default)]
    insecure_skip_verify: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    #[serde(default)]
    values: Vec<String>,
    #[serde(default)]
    secrets: Vec<String>,
}

fn misconfigured(tried: impl Into<String>, came_back: impl Into<String>, hint: &str) -> SourceError {
    SourceError {
        system: SYSTEM,
        kind: ErrorKind::Misconfigured,
        tried: tried.into(),
        came_back: came_back.into(),
        hint: hint.to_owned(),
    }
}

impl PrometheusConfig {
    /// Puts the named place and the environment together. What is secret in the environment is for the server that
    /// `PROMETHEUS_URL` names, or, where it names none, for the one that the user did.
    pub(super) fn new(place: &str, environment: &Environment) -> Result<Self, SourceError> {
        let Named { address, inside, credentials: in_place } = Named::parse(place)?;
        let named = environment.get(URL_VARIABLE).map(Named::parse).transpose()?;
        let is_this =
            |named: &Named| named.address.origin() == address.origin() && named.is_in_cluster_of(inside.as_ref());
        let ours = named.as_ref().is_none_or(is_this);
        let in_variable = named.and_then(|named| named.credentials).filter(|_| ours);
        let file = environment.get(FILE_VARIABLE).filter(|_| ours);
        let file = file.map(|file| HttpConfig::read(Path::new(file))).transpose()?.unwrap_or_default();
        let credentials = match (in_place.or(in_variable), file.credentials()?) {
            (Some(in_address), _) => Credentials::Given(in_address),
            (None, in_file) => in_file,
        };
        let TlsConfig { ca_file, cert_file, key_file, server_name, insecure_skip_verify } = file.tls_config;
        let tls = Tls {
            ca_file,
            ca_folder: None,
            client_cert: cert_file,
            client_key: key_file,
            server_name,
            accept_any: insecure_skip_verify,
        };
        Ok(Self { address, inside, tls, headers: headers(file.http_headers)?, credentials })
    }

    /// The address as the source's name has it: `127.0.0.1:9090`, `thanos.example:443/query-frontend`,
    /// `minikube/monitoring/prometheus:9090`.
    pub(super) fn short(&self) -> String {
        if let Some(inside) = &self.inside {
            return inside.short();
        }
        let host = self.address.host_str().unwrap_or_default();
        let port = self.address.port_or_known_default().unwrap_or_default();
        format!("{host}:{port}{}", self.address.path().trim_end_matches('/'))
    }

    /// True when requests do not say who asks.
    pub(super) fn is_anonymous(&self) -> bool {
        self.credentials == Credentials::Nobody
    }

    /// True when TLS is spoken without a certificate of our own.
    pub(super) fn is_uncertified(&self) -> bool {
        self.address.scheme() == "https" && self.tls.client_cert.is_none()
    }

    /// The headers of a request.
    pub(super) fn headers(&self) -> Result<HeaderMap, SourceError> {
        let mut headers = self.headers.clone();
        let value = match &self.credentials {
            Credentials::Nobody => return Ok(headers),
            Credentials::Given(value) => value.clone(),
            Credentials::File(scheme, path) => {
                let text = secret(path)?;
                header(&format!("{scheme} {text}")).ok_or_else(|| unusable(path))?
            }
            Credentials::PasswordFile(user, path) => basic(user, &secret(path)?).ok_or_else(|| unusable(path))?,
        };
        headers.insert(AUTHORIZATION, value);
        Ok(headers)
    }
}

fn unusable(path: &Path) -> SourceError {
    let came_back = "it holds characters that a header cannot carry";
    misconfigured(format!("reading {}", path.display()), came_back, "It must hold one line of text and nothing else.")
}

fn secret(path: &Path) -> Result<String, SourceError> {
    let read = std::fs::read_to_string(path).map_err(|error| {
        misconfigured(
            format!("reading {}", path.display()),
            error.to_string(),
            "See that the file is there and may be read.",
        )
    })?;
    match read.trim() {
        text if text.len() <= LONGEST_SECRET => Ok(text.to_owned()),
        _ => Err(unusable(path)),
    }
}

/// A header's value that HTTP libraries leave out of their own logs.
fn header(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

fn basic(user: &str, password: &str) -> Option<HeaderValue> {
    header(&format!("Basic {}", STANDARD.encode(format!("{user}:{password}"))))
}

fn headers(written: BTreeMap<String, Header>) -> Result<HeaderMap, SourceError> {
    let mut headers = HeaderMap::new();
    for (name, Header { values, secrets }) in written {
        let refused = || {
            let came_back = format!("`{}` is not a header that can be sent", shorten(&name));
            misconfigured(format!("reading {FILE_VARIABLE}"), came_back, "See its `http_headers`.")
        };
        let parsed = HeaderName::try_from(&name).map_err(|_| refused())?;
        for text in values.iter().chain(&secrets) {
            headers.append(&parsed, header(text).ok_or_else(refused)?);
        }
    }
    Ok(headers)
}

impl HttpConfig {
    fn read(path: &Path) -> Result<Self, SourceError> {
        let tried = || format!("reading {} ({FILE_VARIABLE})", path.display());
        let hint =
            "It is the file that `promtool --http.config.file` takes; oauth2 and proxies in it are not supported.";
        let text = std::fs::read_to_string(path).map_err(|error| misconfigured(tried(), error.to_string(), hint))?;
        let read: Result<Self, serde_saphyr::Error> = serde_saphyr::from_str(&text);
        let mut config = read.map_err(|error| {
            // The parser quotes what it stumbled over, which may be a password: only the place is told.
            let place = error.location().map_or_else(String::new, |place| format!(" at line {}", place.line()));
            misconfigured(tried(), format!("something in it is not understood{place}"), hint)
        })?;
        config.beside(path.parent());
        Ok(config)
    }

    /// Paths are relative to the file that names them.
    fn beside(&mut self, folder: Option<&Path>) {
        let Some(folder) = folder else { return };
        let tls = &mut self.tls_config;
        let password = self.basic_auth.as_mut().and_then(|auth| auth.password_file.as_mut());
        let token = self.authorization.as_mut().and_then(|auth| auth.credentials_file.as_mut());
        let files = [tls.ca_file.as_mut(), tls.cert_file.as_mut(), tls.key_file.as_mut(), password, token];
        for file in files.into_iter().flatten() {
            *file = folder.join(&*file);
        }
    }

    fn credentials(&self) -> Result<Credentials, SourceError> {
        let refused = |what: &str| {
            misconfigured(
                format!("reading {FILE_VARIABLE}"),
                what,
                "Give one way to say who asks, and one place for its secret.",
            )
        };
        let unusable = || refused("a secret in it holds characters that a header cannot carry");
        match (&self.basic_auth, &self.authorization) {
            (None, None) => Ok(Credentials::Nobody),
            (Some(_), Some(_)) => Err(refused("it has both basic_auth and authorization")),
            (Some(BasicAuth { username, password, password_file }), None) => match (password, password_file) {
                (Some(_), Some(_)) => Err(refused("it has both password and password_file")),
                (None, Some(file)) => Ok(Credentials::PasswordFile(username.clone(), file.clone())),
                (password, None) => {
                    let value = basic(username, password.as_deref().unwrap_or_default());
                    value.map(Credentials::Given).ok_or_else(unusable)
                }
            },
            (None, Some(Authorization { scheme, credentials, credentials_file })) => {
                match (credentials, credentials_file) {
                    (Some(text), None) => {
                        let value = header(&format!("{scheme} {}", text.trim()));
                        value.map(Credentials::Given).ok_or_else(unusable)
                    }
                    (None, Some(file)) => Ok(Credentials::File(scheme.clone(), file.clone())),
                    _ => Err(refused("authorization needs either credentials or credentials_file")),
                }
            }
        }
    }
}

/// What the user named, as the base of all requests, and who asks by it.
struct Named {
    address: Url,
    inside: Option<Place>,
    credentials: Option<HeaderValue>,
}

impl Named {
    fn parse(place: &str) -> Result<Self, SourceError> {
        if Place::is_meant(place.trim()) {
            let place = Place::parse(SYSTEM, place.trim())?;
            let inside = Place { path: base_path(&place.path), ..place };
            let address = format!("{}://{}{}", inside.scheme(), inside.host(), inside.path);
            let address =
                address.parse().map_err(|error: url::ParseError| not_an_address(&address, &error.to_string()))?;
            return Ok(Self { address, inside: Some(inside), credentials: None });
        }
        let (address, credentials) = parse_address(place)?;
        Ok(Self { address, inside: None, credentials })
    }

    fn is_in_cluster_of(&self, other: Option<&Place>) -> bool {
        let context = |place: &Place| place.context.clone();
        self.inside.as_ref().map(context) == other.map(context)
    }
}

fn not_an_address(place: &str, why: &str) -> SourceError {
    // The place may carry a password: what is before an `@` is not repeated.
    let shown = place.rsplit('@').next().unwrap_or_default();
    let hint = "Name it as http://HOST:PORT, with the path before /api/v1 where it has one, or kube://CONTEXT/NAMESPACE/SERVICE:PORT.";
    misconfigured(format!("reading `{}` as an address", shorten(shown)), why, hint)
}

fn parse_address(place: &str) -> Result<(Url, Option<HeaderValue>), SourceError> {
    let refused = |why: String| not_an_address(place, &why);
    let text = if place.contains("://") { place.to_owned() } else { format!("http://{place}") };
    let mut url: Url = text.parse().map_err(|error: url::ParseError| refused(error.to_string()))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(refused(format!("`{}` is not http or https", url.scheme())));
    }
    if url.host().is_none() {
        return Err(refused("it names no host".to_owned()));
    }
    if !place.contains("://") && url.port().is_none() {
        let _ = url.set_port(Some(USUAL_PORT));
    }
    let credentials = match (url.username(), url.password()) {
        ("", None) => None,
        (user, password) => {
            let decode = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned();
            basic(&decode(user), &decode(password.unwrap_or_default()))
        }
    };
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.set_query(None);
    url.set_fragment(None);
    let path = base_path(url.path());
    url.set_path(&path);
    Ok((url, credentials))
}

/// What stands before `/api/v1`, also where people copied the address of a page.
fn base_path(path: &str) -> String {
    let path = path.trim_end_matches('/');
    let path = path.strip_suffix("/api/v1").unwrap_or(path);
    PAGES.iter().find_map(|page| path.strip_suffix(page)).unwrap_or(path).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(variables: &[(&str, &str)]) -> Environment {
        variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn file(text: &str) -> (tempfile::TempDir, String) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("http.yml");
        std::fs::write(&file, text).unwrap();
        (folder, file.to_str().unwrap().to_owned())
    }

    fn with_file(text: &str) -> Result<PrometheusConfig, SourceError> {
        let (_folder, file) = file(text);
        PrometheusConfig::new("127.0.0.1:9090", &env(&[(FILE_VARIABLE, &file)]))
    }

    fn authorization(config: &PrometheusConfig) -> String {
        let headers = config.headers().unwrap();
        headers.get(AUTHORIZATION).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default()
    }

    #[test]
    fn an_address_is_read_as_people_have_it_at_hand() {
        for (place, name) in [
            ("127.0.0.1:9090", "127.0.0.1:9090"),
            ("prometheus", "prometheus:9090"),
            ("http://prometheus", "prometheus:80"),
            ("http://127.0.0.1:9090/graph?g0.expr=up", "127.0.0.1:9090"),
            ("https://thanos.example/query-frontend/", "thanos.example:443/query-frontend"),
            ("https://mimir.example/prometheus/api/v1", "mimir.example:443/prometheus"),
            ("http://[::1]:9090/", "[::1]:9090"),
        ] {
            let config = PrometheusConfig::new(place, &env(&[])).unwrap();
            assert_eq!(config.short(), name, "{place}");
            assert!(config.is_anonymous());
        }
    }

    #[test]
    fn what_is_no_address_is_refused_without_its_password() {
        for place in ["", "http://", "ftp://x", "unix:///x", "http://ann:secret@x:99999"] {
            let error = PrometheusConfig::new(place, &env(&[])).unwrap_err();
            assert_eq!(error.code(), "prometheus.misconfigured", "{place}");
            assert!(!format!("{error:?}").contains("secret"));
        }
    }

    #[test]
    fn a_password_in_the_address_is_sent_and_never_shown() {
        let config = PrometheusConfig::new("http://ann:s%40cret@127.0.0.1:9090/x", &env(&[])).unwrap();
        assert_eq!(authorization(&config), format!("Basic {}", STANDARD.encode("ann:s@cret")));
        let shown = format!("{config:?} {:?}", config.headers().unwrap());
        assert!(!shown.contains("cret") && !shown.contains(&STANDARD.encode("ann:s@cret")), "{shown}");
        assert_eq!(config.short(), "127.0.0.1:9090/x");
    }

    #[test]
    fn what_is_secret_goes_to_the_server_that_the_environment_names_and_to_no_other() {
        let (_folder, file) = file("authorization: { credentials: t0ken }\n");
        let variables = [(URL_VARIABLE, "https://ann:pw@prometheus.example"), (FILE_VARIABLE, file.as_str())];
        let named = PrometheusConfig::new("https://prometheus.example/", &env(&variables)).unwrap();
        assert_eq!(authorization(&named), format!("Basic {}", STANDARD.encode("ann:pw")));
        let other = PrometheusConfig::new("http://127.0.0.1:9090", &env(&variables)).unwrap();
        assert!(other.is_anonymous() && other.headers().unwrap().is_empty());
        let alone = PrometheusConfig::new("http://127.0.0.1:9090", &env(&variables[1..])).unwrap();
        assert_eq!(authorization(&alone), "Bearer t0ken");
    }

    #[test]
    fn the_file_of_prometheus_own_tools_is_read() {
        let (folder, path) = file(
            "basic_auth: { username: ann, password_file: password }\n\
             tls_config: { ca_file: ca.pem, cert_file: /c.pem, key_file: /k.pem, server_name: prom, insecure_skip_verify: true }\n\
             http_headers: { X-Scope-OrgID: { values: [shop] } }\n",
        );
        std::fs::write(folder.path().join("password"), "first\n").unwrap();
        let config = PrometheusConfig::new("127.0.0.1", &env(&[(FILE_VARIABLE, &path)])).unwrap();
        assert_eq!(authorization(&config), format!("Basic {}", STANDARD.encode("ann:first")));
        std::fs::write(folder.path().join("password"), "second").unwrap();
        assert_eq!(authorization(&config), format!("Basic {}", STANDARD.encode("ann:second")));
        assert_eq!(config.headers().unwrap().get("x-scope-orgid").unwrap(), "shop");
        assert_eq!(config.tls.ca_file, Some(folder.path().join("ca.pem")));
        assert_eq!(config.tls.client_cert, Some(PathBuf::from("/c.pem")));
        assert!(config.tls.accept_any);
    }

    #[test]
    fn a_file_that_cannot_be_used_is_said_without_what_is_in_it() {
        for text in [
            "oauth2: { client_secret: s3cret }\n",
            "authorization: { credentials: s3cret, credentials_file: x }\n",
            "authorization: { type: Bearer }\n",
            "basic_auth: { username: a, password: s3cret }\nauthorization: { credentials: s3cret }\n",
            "authorization: { credentials: \"s3cret\\nx\" }\n",
            "http_headers: { \"a b\": { secrets: [s3cret] } }\n",
            "basic_auth: { username: a, pasword: s3cret }\n",
            "basic_auth: s3cret\n",
            "{",
        ] {
            let error = with_file(text).unwrap_err();
            assert_eq!(error.code(), "prometheus.misconfigured", "{text}");
            assert!(!format!("{error:?}").contains("s3cret"), "{text}: {error:?}");
        }
        let gone = PrometheusConfig::new("x", &env(&[(FILE_VARIABLE, "/nonexistent")])).unwrap_err();
        assert_eq!(gone.code(), "prometheus.misconfigured");
        let config = with_file("authorization: { credentials_file: /nonexistent }\n").unwrap();
        assert_eq!(config.headers().unwrap_err().code(), "prometheus.misconfigured");
    }
}
