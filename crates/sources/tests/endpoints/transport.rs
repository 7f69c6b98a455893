//! Requests that get no answer, and what is said of it: each failure happens for real, on loopback.

use std::path::Path;
use std::sync::Arc;

use binnacle_sources::http::{Tls, wire};
use binnacle_sources::transport::{peer, transport_error};
use binnacle_sources::{Environment, ErrorKind, SourceError};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use url::Url;

use super::faulty::free_port;

async fn failure(address: &str, tls: &Tls, socket: Option<&Path>) -> SourceError {
    drop(rustls::crypto::ring::default_provider().install_default());
    let url: Url = address.parse().unwrap();
    let wire = wire("test", &url, tls, socket, &Environment::default()).unwrap();
    let error = wire.client.get(wire.base.clone()).send().await.expect_err("nothing can answer there");
    let peer = socket.map_or_else(|| peer(&url), |path| path.display().to_string());
    transport_error("test", format!("GET {address}"), &peer, &error)
}

fn says(error: &SourceError, kind: ErrorKind, came_back: &str, hint: &str) {
    assert_eq!(error.kind, kind, "{error}");
    assert!(error.came_back.contains(came_back), "{error}");
    assert!(error.hint.contains(hint), "{error}: {}", error.hint);
}

/// A listener at which every connection gets these bytes after its first words, and is closed.
async fn answering(bytes: &'static [u8]) -> (u16, JoinSet<()>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        while let Ok((mut connection, _)) = listener.accept().await {
            let _ = connection.read(&mut [0; 4096]).await;
            let _ = connection.write_all(bytes).await;
        }
    });
    (port, tasks)
}

#[tokio::test]
async fn a_refused_connection_names_who_refuses() {
    let port = free_port().await;
    let error = failure(&format!("http://127.0.0.1:{port}"), &Tls::default(), None).await;
    says(&error, ErrorKind::Unreachable, &format!("connection refused by 127.0.0.1:{port}"), "that it runs");
    assert_eq!(error.to_string(), format!("GET http://127.0.0.1:{port}: connection refused by 127.0.0.1:{port}"));
}

#[tokio::test]
async fn a_name_that_nobody_knows_is_said_to_be_one() {
    // Longer than a label may be: no name server is asked.
    let name = "x".repeat(64);
    let error = failure(&format!("http://{name}.test:8500"), &Tls::default(), None).await;
    says(&error, ErrorKind::Unreachable, &format!("no address is known for the name {name}.test"), "spelling");
}

#[tokio::test]
async fn silence_is_told_from_a_refusal() {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    // What waits to be accepted beyond this is dropped by the kernel, as by a firewall.
    let listener = socket.listen(1).unwrap();
    let place = listener.local_addr().unwrap();
    let mut waiting = Vec::new();
    while let Ok(Ok(one)) = tokio::time::timeout(std::time::Duration::from_millis(500), TcpStream::connect(place)).await
    {
        waiting.push(one);
    }
    let error = failure(&format!("http://{place}"), &Tls::default(), None).await;
    says(&error, ErrorKind::Unreachable, &format!("no answer from {place} in 5 s"), "drops the packets");
}

#[tokio::test]
async fn a_connection_that_is_closed_half_way_is_said_to_be() {
    let (port, _tasks) = answering(b"").await;
    let error = failure(&format!("http://127.0.0.1:{port}"), &Tls::default(), None).await;
    let closed = format!("127.0.0.1:{port} closed the connection before it answered");
    says(&error, ErrorKind::CutOff, &closed, "https://");
    let error = failure(&format!("https://127.0.0.1:{port}"), &Tls::default(), None).await;
    says(&error, ErrorKind::Tls, "closed the connection in the middle of the TLS handshake", "http://");
}

#[tokio::test]
async fn the_wrong_protocol_is_said_on_both_sides() {
    let (plain, _tasks) = answering(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n").await;
    let error = failure(&format!("https://127.0.0.1:{plain}"), &Tls::default(), None).await;
    says(&error, ErrorKind::Tls, &format!("what answers at 127.0.0.1:{plain} does not speak TLS"), "http://");
    // A fatal alert, as servers that speak TLS answer what is none.
    let (secured, _tasks) = answering(&[0x15, 3, 3, 0, 2, 2, 50]).await;
    let error = failure(&format!("http://127.0.0.1:{secured}"), &Tls::default(), None).await;
    says(
        &error,
        ErrorKind::NotUnderstood,
        &format!("what answers at 127.0.0.1:{secured} does not speak HTTP"),
        "https://",
    );
}

#[tokio::test]
async fn a_unix_socket_that_is_not_there_or_not_listened_to_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("consul.sock");
    let error = failure("http://localhost", &Tls::default(), Some(&path)).await;
    says(&error, ErrorKind::Unreachable, &format!("there is no socket {}", path.display()), "path is right");
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    let error = failure("http://localhost", &Tls::default(), Some(&path)).await;
    says(&error, ErrorKind::Unreachable, &format!("connection refused by {}", path.display()), "that it runs");
}

/// A server that speaks TLS with a certificate for these names and years, and its authority's file.
struct Secured {
    port: u16,
    folder: tempfile::TempDir,
    _tasks: JoinSet<()>,
}

impl Secured {
    async fn with(called: &str, names: &[&str], years: std::ops::Range<i32>) -> Self {
        let authority_key = KeyPair::generate().unwrap();
        let mut authority = CertificateParams::new(Vec::new()).unwrap();
        authority.distinguished_name.push(DnType::CommonName, called);
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("ca.pem"), authority.self_signed(&authority_key).unwrap().pem()).unwrap();

        let key = KeyPair::generate().unwrap();
        let mut own = CertificateParams::new(names.iter().map(ToString::to_string).collect::<Vec<_>>()).unwrap();
        own.not_before = date_time_ymd(years.start, 1, 1);
        own.not_after = date_time_ymd(years.end, 1, 1);
        let certificate = own.signed_by(&key, &Issuer::from_params(&authority, &authority_key)).unwrap();
        let private = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let config = config.with_no_client_auth().with_single_cert(vec![certificate.der().clone()], private).unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                drop(acceptor.accept(connection).await);
            }
        });
        Self { port, folder, _tasks: tasks }
    }

    async fn failure(&self, trusted: &Path) -> SourceError {
        let tls = Tls { ca_file: Some(trusted.join("ca.pem")), ..Tls::default() };
        failure(&format!("https://127.0.0.1:{}", self.port), &tls, None).await
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_certificate_is_said() {
    let other_name = Secured::with("ours", &["server.dc1.consul"], 2020..2090).await;
    let error = other_name.failure(other_name.folder.path()).await;
    let words = "does not match the name 127.0.0.1: it is for server.dc1.consul";
    says(&error, ErrorKind::Tls, words, "TLS server name");

    let expired = Secured::with("ours", &["127.0.0.1"], 2020..2021).await;
    let error = expired.failure(expired.folder.path()).await;
    says(&error, ErrorKind::Tls, &format!("127.0.0.1:{} expired on 2021-01-01", expired.port), "Renew");

    let to_come = Secured::with("ours", &["127.0.0.1"], 2089..2090).await;
    let error = to_come.failure(to_come.folder.path()).await;
    says(&error, ErrorKind::Tls, "is not valid before 2089-01-01", "clock");

    let anew = Secured::with("ours", &["127.0.0.1"], 2020..2090).await;
    let error = anew.failure(other_name.folder.path()).await;
    says(&error, ErrorKind::Tls, "another authority of the same name", "older");

    let unknown = Secured::with("theirs", &["127.0.0.1"], 2020..2090).await;
    let error = unknown.failure(other_name.folder.path()).await;
    says(&error, ErrorKind::Tls, "is signed by an authority that is not trusted here", "CA file");
}

#[tokio::test]
async fn plain_http_at_a_port_that_speaks_tls_points_to_https() {
    let secured = Secured::with("ours", &["127.0.0.1"], 2020..2090).await;
    let error = failure(&format!("http://127.0.0.1:{}", secured.port), &Tls::default(), None).await;
    assert!([ErrorKind::NotUnderstood, ErrorKind::CutOff].contains(&error.kind), "{error}");
    assert!(error.hint.contains("https://"), "{error}: {}", error.hint);
}
