//! What a request that got no answer failed of, in words: who did not answer, how, and what to do next.

use std::error::Error;
use std::io;

use jiff::Timestamp;
use rustls::CertificateError;
use url::Url;

use crate::error::{ErrorKind, SourceError};
use crate::http::{CONNECT_PATIENCE, shorten};

/// The most names of a certificate that are listed.
const SHOWN_NAMES: usize = 4;

/// Who is asked, as the failures of its connections name it: `127.0.0.1:8500`.
pub fn peer(address: &Url) -> String {
    let host = address.host_str().unwrap_or_default();
    match address.port_or_known_default() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

/// What a request to `peer` failed of.
pub fn transport_error(system: &'static str, tried: String, peer: &str, error: &reqwest::Error) -> SourceError {
    let Words { kind, came_back, hint } = explain(peer, error);
    SourceError { system, kind, tried, came_back: shorten(&came_back), hint: hint.to_owned() }
}

/// A request of which nothing came back in time.
pub fn no_answer(system: &'static str, tried: String, peer: &str, patience: std::time::Duration) -> SourceError {
    SourceError {
        system,
        kind: ErrorKind::TimedOut,
        tried,
        came_back: format!("no answer from {peer} in {} s", seconds(patience)),
        hint: "See that it is alive and that nothing between drops the packets.".to_owned(),
    }
}

/// `5`, `1.5`.
fn seconds(patience: std::time::Duration) -> f64 {
    (patience.as_secs_f64() * 10.0).round() / 10.0
}

/// True when nothing of the request can have reached the other side.
pub fn was_never_sent(error: &reqwest::Error) -> bool {
    error.is_connect() || error.is_builder()
}

/// The causes of an error, each with what it wraps: IO errors hide it from `source`.
pub(crate) fn causes(error: &reqwest::Error) -> impl Iterator<Item = &(dyn Error + 'static)> {
    std::iter::successors(error.source(), |current| beneath(*current))
}

fn beneath<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        Some(wrapped) => Some(wrapped),
        None => error.source(),
    }
}

fn find<E: Error + 'static>(error: &reqwest::Error) -> Option<&E> {
    causes(error).find_map(|cause| cause.downcast_ref::<E>())
}

/// The last and most telling causes, in one line, for what has no words of its own. The address is left out: `tried` has it.
pub(crate) fn chain(error: &reqwest::Error) -> String {
    let mut words: Vec<String> = Vec::new();
    for cause in causes(error) {
        let text = cause.to_string();
        if !words.iter().any(|known| known.contains(&text)) {
            words.retain(|known| !text.contains(known.as_str()));
            words.push(text);
        }
    }
    if words.is_empty() { "no answer".to_owned() } else { shorten(&words.join(": ")) }
}

struct Words {
    kind: ErrorKind,
    came_back: String,
    hint: &'static str,
}

fn words(kind: ErrorKind, came_back: String, hint: &'static str) -> Words {
    Words { kind, came_back, hint }
}

const AGAIN: &str = "It is tried again by itself.";
const ALERTED: &str = "It may ask for a client certificate that it trusts, or for another version of TLS.";

fn explain(peer: &str, error: &reqwest::Error) -> Words {
    if let Some(tls) = find::<rustls::Error>(error) {
        return of_tls(peer, tls);
    }
    // Over HTTP/2 the cause arrives as text alone.
    let all = chain(error);
    if let Some((_, alert)) = all.split_once("received fatal alert: ") {
        return words(ErrorKind::Tls, alerted(peer, alert), ALERTED);
    }
    let io = causes(error).filter_map(|cause| cause.downcast_ref::<io::Error>()).map(io::Error::kind);
    // The innermost says what happened; what wraps it says `Other`.
    let io = io.filter(|kind| *kind != io::ErrorKind::Other).last();
    if error.is_connect() {
        return of_connecting(peer, error, io, &all);
    }
    if error.is_timeout() || io == Some(io::ErrorKind::TimedOut) {
        return words(ErrorKind::TimedOut, format!("no answer from {peer} in time"), AGAIN);
    }
    if let Some(http) = find::<hyper::Error>(error) {
        if http.is_parse() {
            let hint = "See that the port is right; if it speaks TLS, use https://.";
            return words(ErrorKind::NotUnderstood, format!("what answers at {peer} does not speak HTTP"), hint);
        }
        if http.is_timeout() {
            return words(ErrorKind::TimedOut, format!("no answer from {peer} in time"), AGAIN);
        }
    }
    let is_plain = error.url().is_some_and(|url| url.scheme() == "http");
    let hint = if is_plain {
        "It is tried again by itself; if this port speaks TLS, use https://."
    } else {
        "The connection broke while it was in use; it is tried again by itself."
    };
    words(ErrorKind::CutOff, format!("{peer} closed the connection before it answered ({all})"), hint)
}

fn of_connecting(peer: &str, error: &reqwest::Error, io: Option<io::ErrorKind>, all: &str) -> Words {
    use io::ErrorKind::{
        ConnectionAborted, ConnectionRefused, ConnectionReset, HostUnreachable, NetworkUnreachable, NotFound,
        PermissionDenied, TimedOut, UnexpectedEof,
    };
    let host = peer.rsplit_once(':').map_or(peer, |(host, _)| host);
    if causes(error).any(|cause| cause.to_string() == "dns error") {
        let hint = "See the spelling, and that this machine's DNS knows the name.";
        return words(ErrorKind::Unreachable, format!("no address is known for the name {host}"), hint);
    }
    if error.is_timeout() || io == Some(TimedOut) {
        let hint = "See that the address is right and that nothing between drops the packets.";
        let patience = seconds(CONNECT_PATIENCE);
        return words(ErrorKind::Unreachable, format!("no answer from {peer} in {patience} s"), hint);
    }
    let (kind, came_back, hint) = match io {
        Some(ConnectionRefused) => (
            ErrorKind::Unreachable,
            format!("connection refused by {peer}"),
            "Nothing listens there: see that it runs, and that address and port are right.",
        ),
        Some(NetworkUnreachable | HostUnreachable) => (
            ErrorKind::Unreachable,
            format!("there is no way from here to {peer}"),
            "See the address, and the network, VPN or tunnel that leads there.",
        ),
        Some(NotFound) => (
            ErrorKind::Unreachable,
            format!("there is no socket {peer}"),
            "See that it runs here, and that the path is right.",
        ),
        Some(PermissionDenied) => (
            ErrorKind::Unreachable,
            format!("this user may not connect to {peer}"),
            "See who may use the socket, or what keeps programs here from the network.",
        ),
        Some(UnexpectedEof | ConnectionReset | ConnectionAborted) => (
            ErrorKind::Tls,
            format!("{peer} closed the connection in the middle of the TLS handshake"),
            "If it does not speak TLS, use http:// or another port; else see its log.",
        ),
        _ => (
            ErrorKind::Unreachable,
            format!("no connection to {peer}: {all}"),
            "See that it runs, and that address and port are right.",
        ),
    };
    words(kind, came_back, hint)
}

fn alerted(peer: &str, alert: &str) -> String {
    format!("{peer} ended the TLS handshake: {alert}")
}

fn of_tls(peer: &str, error: &rustls::Error) -> Words {
    let (came_back, hint) = match error {
        rustls::Error::InvalidCertificate(certificate) => of_certificate(peer, certificate),
        rustls::Error::InvalidMessage(_) => (
            format!("what answers at {peer} does not speak TLS"),
            "If it speaks plain HTTP, use http://; else see the port.",
        ),
        rustls::Error::AlertReceived(alert) => (alerted(peer, &format!("{alert:?}")), ALERTED),
        other => {
            (format!("no TLS with {peer}: {other}"), "See the certificate, its authority and the versions of TLS.")
        }
    };
    words(ErrorKind::Tls, came_back, hint)
}

const OUT_OF_TIME: &str = "Renew the certificate, or set this machine's clock.";

fn of_certificate(peer: &str, error: &CertificateError) -> (String, &'static str) {
    use CertificateError as E;
    let whose = format!("the certificate of {peer}");
    match error {
        E::NotValidForNameContext { expected, presented } => {
            let name = expected.to_str();
            let names = presented.iter().take(SHOWN_NAMES).map(|name| carried(name)).collect::<Vec<_>>().join(", ");
            let names = if names.is_empty() { "no name at all".to_owned() } else { names };
            let more = if presented.len() > SHOWN_NAMES { " and more" } else { "" };
            (
                format!("{whose} does not match the name {name}: it is for {names}{more}"),
                "The certificate is for another name: use one that it carries, or set the TLS server name.",
            )
        }
        E::NotValidForName => (
            format!("{whose} does not match its name"),
            "The certificate is for another name: use one that it carries, or set the TLS server name.",
        ),
        E::UnknownIssuer => {
            (format!("{whose} is signed by an authority that is not trusted here"), "Name the authority's CA file.")
        }
        // Both have a name in common, as when an authority was made anew; else it would be an unknown one.
        E::BadSignature => (
            format!("{whose} is signed by another authority of the same name as the one that is trusted"),
            "The CA file may be an older one: name that of the present authority.",
        ),
        E::ExpiredContext { not_after, .. } => (format!("{whose} expired on {}", day(*not_after)), OUT_OF_TIME),
        E::Expired => (format!("{whose} has expired"), OUT_OF_TIME),
        E::NotValidYetContext { not_before, .. } => {
            (format!("{whose} is not valid before {}", day(*not_before)), OUT_OF_TIME)
        }
        E::NotValidYet => (format!("{whose} is not valid yet"), OUT_OF_TIME),
        E::Revoked => (format!("{whose} has been revoked"), "Ask its owner for a new one."),
        other => (format!("{whose} is not valid: {other}"), "See the certificate, its authority and the server name."),
    }
}

/// `DnsName("a.example")` as it is written elsewhere: `a.example`.
fn carried(presented: &str) -> &str {
    presented.split_once('(').map_or(presented, |(_, rest)| rest.trim_end_matches(')').trim_matches('"'))
}

fn day(at: rustls::pki_types::UnixTime) -> String {
    let at = i64::try_from(at.as_secs()).ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
    at.map_or_else(|| "a day that is none".to_owned(), |at| at.strftime("%Y-%m-%d").to_string())
}
