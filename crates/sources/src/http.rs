//! One way to make an HTTP client for every source, and to read its answers.
//!
//! The clients never follow redirects (a system that is read is at one address), never send a token anywhere but in a
//! header, and go through a proxy of the environment for other machines only, never for this one.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use reqwest::{Certificate, Client, ClientBuilder, Identity, NoProxy, Proxy, Response};
use url::{Host, Url};

use crate::environment::Environment;
use crate::error::{ErrorKind, SourceError};
use crate::secret::Secret;
use crate::transport::chain;

/// How long a TCP connection and its TLS handshake may take.
pub(crate) const CONNECT_PATIENCE: Duration = Duration::from_secs(5);
/// How long an answer that has begun may pause before it counts as cut off.
pub const BODY_PATIENCE: Duration = Duration::from_secs(20);
/// A peer that vanished without a word is noticed by the third of these.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// The largest part of a system's own words that is shown.
const SHOWN_WORDS: usize = 300;
const USER_AGENT: &str = concat!("binnacle/", env!("CARGO_PKG_VERSION"));

/// How TLS is set up, by the files that the field's tools use too.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tls {
    /// A PEM file of the authorities to trust instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// A folder of such files.
    pub ca_folder: Option<PathBuf>,
    /// Our own certificate, PEM.
    pub client_cert: Option<PathBuf>,
    /// Its key, PEM.
    pub client_key: Option<PathBuf>,
    /// The name that the other side's certificate must carry, when it is not the address's.
    pub server_name: Option<String>,
    /// True when the user said that any certificate will do.
    pub accept_any: bool,
}

impl Tls {
    /// Trusting the authorities of a file, and nobody else.
    pub fn trusting(ca_file: PathBuf) -> Self {
        Self { ca_file: Some(ca_file), ..Self::default() }
    }
}

/// By what means a system is reached, when they are not the usual ones.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Means<'a> {
    /// A Unix socket to speak through instead of TCP.
    pub(crate) socket: Option<&'a Path>,
    /// A proxy (http, https or socks5) instead of those that the environment names.
    pub(crate) proxy: Option<&'a Secret>,
    /// True when answers are not to be compressed.
    pub(crate) uncompressed: bool,
    /// True when HTTP/2 is not to be spoken.
    pub(crate) http1_only: bool,
    /// The authorities to trust as PEM itself, where they are in no file.
    pub(crate) ca_pem: Option<&'a Secret>,
    /// Our own certificate and its key as PEM, where they are in no file.
    pub(crate) identity_pem: Option<&'a Secret>,
}

/// A client and the base address to use with it.
#[derive(Clone)]
pub struct Wire {
    /// The client.
    pub client: Client,
    /// What requests are put together from; its host is the TLS server name where one is set.
    pub base: Url,
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wire").field("base", &self.base.as_str()).finish_non_exhaustive()
    }
}

/// What is wrong with the settings of a connection.
fn misconfigured(system: &'static str, tried: String, came_back: String, hint: &str) -> SourceError {
    SourceError { system, kind: ErrorKind::Misconfigured, tried, came_back, hint: hint.to_owned() }
}

/// Makes a client for one system at one address. `socket` is a Unix socket to speak through instead of TCP.
pub fn wire(
    system: &'static str,
    address: &Url,
    tls: &Tls,
    socket: Option<&Path>,
    environment: &Environment,
) -> Result<Wire, SourceError> {
    wire_by(system, address, tls, Means { socket, ..Means::default() }, environment)
}

/// The same by certain means.
pub(crate) fn wire_by(
    system: &'static str,
    address: &Url,
    tls: &Tls,
    means: Means<'_>,
    environment: &Environment,
) -> Result<Wire, SourceError> {
    let mut builder = Client::builder()
        .user_agent(USER_AGENT)
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(CONNECT_PATIENCE)
        .tcp_keepalive(KEEP_ALIVE)
        .tcp_nodelay(true)
        .http2_adaptive_window(true)
        .http2_keep_alive_interval(KEEP_ALIVE)
        .http2_keep_alive_timeout(KEEP_ALIVE)
        .no_proxy();
    let here = means.socket.is_some() || is_loopback(address);
    if here || means.uncompressed {
        builder = builder.gzip(false);
    }
    if means.http1_only {
        builder = builder.http1_only();
    }
    if let Some(proxy) = means.proxy {
        builder = builder.proxy(named_proxy(system, proxy)?);
    } else if !here {
        builder = with_proxies(system, builder, environment)?;
    }
    if let Some(path) = means.socket {
        builder = builder.unix_socket(path.to_owned());
    }
    let mut base = address.clone();
    if address.scheme() == "https" {
        builder = with_tls(system, builder, tls, means)?;
        if let Some(name) = &tls.server_name {
            builder = with_server_name(system, builder, &mut base, name)?;
        }
    }
    let client = builder.build().map_err(|error| {
        misconfigured(
            system,
            format!("preparing the connection to {}", shown_address(address)),
            chain(&error),
            "See that the certificate and key files are whole and belong together.",
        )
    })?;
    Ok(Wire { client, base })
}

fn is_loopback(address: &Url) -> bool {
    match address.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        None => false,
    }
}

/// A proxy that the settings name; its address may hold a password and is not told.
fn named_proxy(system: &'static str, address: &Secret) -> Result<Proxy, SourceError> {
    let known = ["http", "https", "socks5", "socks5h"];
    let usable = Url::parse(address.expose()).is_ok_and(|url| known.contains(&url.scheme()) && url.has_host());
    let proxy = usable.then(|| Proxy::all(address.expose()).ok()).flatten();
    proxy.ok_or_else(|| {
        misconfigured(
            system,
            "using the proxy of the settings".to_owned(),
            "it is not the address of a proxy".to_owned(),
            "It must begin with http://, https:// or socks5://.",
        )
    })
}

/// The usual proxy variables, small letters first as the field's tools have it.
fn with_proxies(
    system: &'static str,
    mut builder: ClientBuilder,
    environment: &Environment,
) -> Result<ClientBuilder, SourceError> {
    let of = |small: &'static str, large: &'static str| environment.get(small).or_else(|| environment.get(large));
    let except = of("no_proxy", "NO_PROXY").and_then(NoProxy::from_string);
    let refused = |name: &str| {
        misconfigured(
            system,
            format!("using the proxy that {name} names"),
            "it is not the address of a proxy".to_owned(),
            "Correct the variable, or name this host in NO_PROXY.",
        )
    };
    if let Some(proxy) = of("https_proxy", "HTTPS_PROXY") {
        let proxy = Proxy::https(proxy).map_err(|_| refused("HTTPS_PROXY"))?;
        builder = builder.proxy(proxy.no_proxy(except.clone()));
    }
    if let Some(proxy) = of("http_proxy", "HTTP_PROXY") {
        let proxy = Proxy::http(proxy).map_err(|_| refused("HTTP_PROXY"))?;
        builder = builder.proxy(proxy.no_proxy(except));
    }
    Ok(builder)
}

fn with_tls(
    system: &'static str,
    mut builder: ClientBuilder,
    tls: &Tls,
    means: Means<'_>,
) -> Result<ClientBuilder, SourceError> {
    if tls.accept_any {
        builder = builder.tls_danger_accept_invalid_certs(true);
    } else if tls.ca_file.is_some() || tls.ca_folder.is_some() || means.ca_pem.is_some() {
        builder = builder.tls_certs_only(authorities(system, tls, means)?);
    }
    if let Some(pem) = means.identity_pem {
        let identity = Identity::from_pem(pem.expose().as_bytes()).map_err(|error| {
            misconfigured(
                system,
                "preparing the client certificate".to_owned(),
                chain(&error),
                "Both must be PEM: the certificate and its private key.",
            )
        })?;
        return Ok(builder.identity(identity));
    }
    match (&tls.client_cert, &tls.client_key) {
        (Some(cert), Some(key)) => {
            let mut pem = read_file(system, cert)?;
            pem.push(b'\n');
            pem.extend(read_file(system, key)?);
            let identity = Identity::from_pem(&pem).map_err(|error| {
                misconfigured(
                    system,
                    format!("reading {} and {}", cert.display(), key.display()),
                    chain(&error),
                    "Both must be PEM files: the certificate and its private key.",
                )
            })?;
            Ok(builder.identity(identity))
        }
        (None, None) => Ok(builder),
        (one, _) => Err(misconfigured(
            system,
            "preparing the client certificate".to_owned(),
            format!("only the {} is given", if one.is_some() { "certificate" } else { "key" }),
            "Give both the certificate and its key.",
        )),
    }
}

fn authorities(system: &'static str, tls: &Tls, means: Means<'_>) -> Result<Vec<Certificate>, SourceError> {
    let mut files: Vec<PathBuf> = tls.ca_file.iter().cloned().collect();
    if let Some(folder) = &tls.ca_folder {
        let listed = std::fs::read_dir(folder).map_err(|error| unreadable(system, folder, &error))?;
        let mut found: Vec<PathBuf> =
            listed.flatten().map(|entry| entry.path()).filter(|path| path.is_file()).collect();
        found.sort();
        files.extend(found);
    }
    let mut certificates = Vec::new();
    for file in files {
        let found = Certificate::from_pem_bundle(&read_file(system, &file)?).unwrap_or_default();
        certificates.extend(found);
    }
    if let Some(pem) = means.ca_pem {
        certificates.extend(Certificate::from_pem_bundle(pem.expose().as_bytes()).unwrap_or_default());
    }
    if certificates.is_empty() {
        return Err(misconfigured(
            system,
            "reading the authorities to trust".to_owned(),
            "no certificate was found in what the settings name".to_owned(),
            "The CA must be at least one PEM certificate.",
        ));
    }
    Ok(certificates)
}

fn read_file(system: &'static str, path: &Path) -> Result<Vec<u8>, SourceError> {
    std::fs::read(path).map_err(|error| unreadable(system, path, &error))
}

fn unreadable(system: &'static str, path: &Path, error: &std::io::Error) -> SourceError {
    misconfigured(system, format!("reading {}", path.display()), error.to_string(), "See that the path is right.")
}

/// The name goes into the request's address, so that it is asked for (SNI) and verified alike; the connection is made to
/// where the address pointed before.
fn with_server_name(
    system: &'static str,
    builder: ClientBuilder,
    base: &mut Url,
    name: &str,
) -> Result<ClientBuilder, SourceError> {
    let target = match base.host() {
        Some(Host::Ipv4(ip)) => Target::Address(IpAddr::V4(ip)),
        Some(Host::Ipv6(ip)) => Target::Address(IpAddr::V6(ip)),
        Some(Host::Domain(host)) => Target::Name(host.to_owned()),
        None => Target::Name(String::new()),
    };
    base.set_host(Some(name)).map_err(|error| {
        misconfigured(
            system,
            format!("using the TLS server name `{name}`"),
            error.to_string(),
            "It must be a host name, such as server.dc1.consul.",
        )
    })?;
    Ok(builder.dns_resolver(Arc::new(Elsewhere(target))))
}

#[derive(Clone, Debug)]
enum Target {
    Address(IpAddr),
    Name(String),
}

/// Resolves every name to the one place that the user named.
#[derive(Debug)]
struct Elsewhere(Target);

impl reqwest::dns::Resolve for Elsewhere {
    fn resolve(&self, _: reqwest::dns::Name) -> reqwest::dns::Resolving {
        let target = self.0.clone();
        Box::pin(async move {
            let found: Vec<SocketAddr> = match target {
                Target::Address(ip) => vec![SocketAddr::new(ip, 0)],
                Target::Name(host) => tokio::net::lookup_host((host, 0)).await?.collect(),
            };
            let addresses: reqwest::dns::Addrs = Box::new(found.into_iter());
            Ok(addresses)
        })
    }
}

/// An address without user name and password.
pub fn shown_address(address: &Url) -> String {
    let mut shown = address.clone();
    let _ = shown.set_username("");
    let _ = shown.set_password(None);
    shown.set_query(None);
    shown.as_str().trim_end_matches('/').to_owned()
}

/// The beginning of a system's own words, in one line, without control characters.
pub fn shorten(text: &str) -> String {
    let clean: String = text.trim().chars().map(|c| if c.is_control() { ' ' } else { c }).take(SHOWN_WORDS).collect();
    if clean.len() < text.trim().len() { format!("{clean}…") } else { clean }
}

/// The next part of an answer's body; `None` at its end.
pub async fn next_part(
    system: &'static str,
    tried: &str,
    response: &mut Response,
) -> Result<Option<hyper::body::Bytes>, SourceError> {
    match tokio::time::timeout(BODY_PATIENCE, response.chunk()).await {
        Ok(Ok(part)) => Ok(part),
        Ok(Err(error)) => Err(SourceError {
            system,
            kind: ErrorKind::CutOff,
            tried: tried.to_owned(),
            came_back: format!("the answer ended before it was whole: {}", chain(&error)),
            hint: "It is tried again by itself; what was known stays.".to_owned(),
        }),
        Err(_) => Err(SourceError {
            system,
            kind: ErrorKind::TimedOut,
            tried: tried.to_owned(),
            came_back: format!("the answer stood still for {} s", BODY_PATIENCE.as_secs()),
            hint: "It is tried again by itself; what was known stays.".to_owned(),
        }),
    }
}

/// A whole body of at most `cap` bytes.
pub async fn whole_body(
    system: &'static str,
    tried: &str,
    mut response: Response,
    cap: usize,
) -> Result<Vec<u8>, SourceError> {
    let mut body = Vec::new();
    while let Some(part) = next_part(system, tried, &mut response).await? {
        if body.len() + part.len() > cap {
            return Err(too_large(system, tried, cap));
        }
        body.extend_from_slice(&part);
    }
    Ok(body)
}

/// An answer that is larger than is read.
pub fn too_large(system: &'static str, tried: &str, cap: usize) -> SourceError {
    SourceError {
        system,
        kind: ErrorKind::TooLarge,
        tried: tried.to_owned(),
        came_back: format!("the answer is larger than {} MiB", cap / (1024 * 1024)),
        hint: "Binnacle stops reading there, to stay alive; nothing of it is used.".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_loopback() {
        let of = |text: &str| is_loopback(&text.parse().unwrap());
        assert!(
            of("http://127.0.0.1:8500") && of("http://[::1]:8500") && of("http://localhost") && of("http://127.9.9.9")
        );
        assert!(!of("http://10.0.0.1") && !of("http://localhost.example.com") && !of("http://127.0.0.1.example.com"));
    }

    #[test]
    fn a_shown_address_has_no_password() {
        assert_eq!(
            shown_address(&"https://ann:secret@consul:8501/x?token=secret".parse().unwrap()),
            "https://consul:8501/x"
        );
    }

    #[test]
    fn words_of_a_system_are_cut_and_kept_in_one_line() {
        assert_eq!(shorten(" a\nb\u{1b}[31m "), "a b [31m");
        assert_eq!(shorten(&"x".repeat(1000)).chars().count(), SHOWN_WORDS + 1);
    }
}
