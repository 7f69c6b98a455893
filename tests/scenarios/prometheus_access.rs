//! Who may read a metrics server: passwords, certificates, and what is said without them.

use std::sync::Arc;

use binnacle_model::snapshot::SourceState;
use binnacle_sources::{Connection, ConnectionSpec, Environment, ErrorKind, SourceError};
use lab::metrics_server::BASIC_AUTH;
use lab::{Certificates, Prometheus};

use crate::consul_picture::{Picture, environment};
use crate::prometheus_picture::{connect, id};

async fn refused(address: &str, environment: &Environment) -> SourceError {
    connect(address, environment).probe().await.expect_err("it is refused")
}

#[tokio::test]
async fn a_password_is_taken_from_the_address_or_from_the_file_and_shown_nowhere() {
    let server = Prometheus::builder().basic_auth().start().await.unwrap();
    let (user, password) = BASIC_AUTH;
    let source = id(&server.address());

    let nobody = refused(&server.address(), &Environment::default()).await;
    assert_eq!(nobody.kind, ErrorKind::Unauthenticated, "{nobody}");
    assert!(nobody.hint.contains("PROMETHEUS_HTTP_CONFIG_FILE"), "{}", nobody.hint);
    let wrong = server.address().replace("://", "://lab:another-password@");
    let wrong = refused(&wrong, &Environment::default()).await;
    assert_eq!(wrong.kind, ErrorKind::Unauthenticated);
    assert!(!format!("{wrong:?}").contains("another-password"), "{wrong:?}");

    let address = server.address().replace("://", &format!("://{user}:{password}@"));
    let connection = connect(&address, &Environment::default());
    assert!(!format!("{connection:?} {}", connection.spec()).contains(password), "{connection:?}");
    let mut picture = Picture::of(connection);
    let status = picture.live(&source).await;
    assert!(!format!("{status:?} {:?}", picture.world.store()).contains(password));
    picture.stop().await;

    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("password"), password).unwrap();
    let file = folder.path().join("http.yml");
    std::fs::write(&file, format!("basic_auth: {{ username: {user}, password_file: password }}\n")).unwrap();
    let from_file = environment(&[("PROMETHEUS_HTTP_CONFIG_FILE", file.to_str().unwrap())]);
    assert_eq!(connect(&server.address(), &from_file).probe().await.unwrap().product, "Prometheus 3.16.0");
    // A token that is none.
    std::fs::write(&file, "authorization: { credentials: t0ken }\n").unwrap();
    let token = refused(&server.address(), &from_file).await;
    assert_eq!(token.kind, ErrorKind::Unauthenticated);
}

#[tokio::test]
async fn a_wrong_password_makes_the_source_fail_and_the_right_one_later_makes_it_live() {
    let server = Prometheus::builder().basic_auth().start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let password = folder.path().join("password");
    std::fs::write(&password, "another-password").unwrap();
    let file = folder.path().join("http.yml");
    std::fs::write(&file, "basic_auth: { username: lab, password_file: password }\n").unwrap();
    let environment = environment(&[("PROMETHEUS_HTTP_CONFIG_FILE", file.to_str().unwrap())]);
    let source = id(&server.address());
    let mut picture = Picture::of(connect(&server.address(), &environment));

    let failing = picture.state(&source, SourceState::Failing).await;

    assert_eq!(&*failing.fault.unwrap().code, "prometheus.unauthenticated");
    std::fs::write(&password, BASIC_AUTH.1).unwrap();
    picture.nudge.notify_one();
    picture.live(&source).await;
    picture.stop().await;
}

#[tokio::test]
async fn certificates_of_both_sides_are_checked() {
    let certificates = Arc::new(Certificates::new().await.unwrap());
    let server = Prometheus::builder().tls(certificates).start().await.unwrap();
    let own = server.client_certificate().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let with = |tls: &str| {
        let file = folder.path().join("http.yml");
        std::fs::write(&file, format!("tls_config: {{ {tls} }}\n")).unwrap();
        environment(&[("PROMETHEUS_HTTP_CONFIG_FILE", file.to_str().unwrap())])
    };
    let ca = format!("ca_file: {}", own.ca.display());
    let all = format!("{ca}, cert_file: {}, key_file: {}", own.certificate.display(), own.key.display());

    let strangers = refused(&server.address(), &Environment::default()).await;
    assert_eq!(strangers.kind, ErrorKind::Tls, "{strangers}");
    let nobody = refused(&server.address(), &with(&ca)).await;
    assert_eq!(nobody.kind, ErrorKind::Tls, "{nobody}");
    let plain = refused(&server.address().replace("https", "http"), &Environment::default()).await;
    assert_eq!(plain.kind, ErrorKind::Misconfigured, "{plain}");
    assert_eq!(connect(&server.address(), &with(&all)).probe().await.unwrap().product, "Prometheus 3.16.0");
    let gone = ConnectionSpec::clone(connect(&server.address(), &with(&all)).spec());
    let gone = binnacle_sources::open(&gone, &with("ca_file: /nonexistent/ca.pem")).err().unwrap();
    assert_eq!(gone.kind, ErrorKind::Misconfigured);
}
