//! Tokens, certificates and the variables of Consul's own tools: what may not be read is said, and the rest works.

use binnacle_model::snapshot::{Ability, SourceState, SourceStatus};
use binnacle_sources::consul::Consul as Source;
use binnacle_sources::{Connection, ErrorKind};
use lab::{Consul, Datacenters};

use crate::consul_picture::{Picture, connect, count, fact, observed};

const DC1: &str = "consul:dc1";

/// The variables of a client of this server.
fn variables<'a>(consul: &'a Consul, token: &'a str) -> Vec<(&'a str, &'a str)> {
    let certificate = consul.client_certificate().unwrap();
    vec![
        ("CONSUL_HTTP_TOKEN", token),
        ("CONSUL_CACERT", certificate.ca.to_str().unwrap()),
        ("CONSUL_CLIENT_CERT", certificate.certificate.to_str().unwrap()),
        ("CONSUL_CLIENT_KEY", certificate.key.to_str().unwrap()),
    ]
}

fn source(consul: &Consul, token: &str) -> Source {
    connect(&consul.address(), &variables(consul, token))
}

fn partial(status: &SourceStatus) -> String {
    let told = status.partial.iter().map(|fault| format!("{} {} {}", fault.code, fault.detail, fault.hint));
    told.collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn two_secured_datacenters_are_read_with_a_token_and_certificates() {
    let pair = Datacenters::secured().await.unwrap();
    let token = pair.dc1.management_token().unwrap().to_owned();
    pair.dc2.client().unwrap().kv_put("there", b"1").await.unwrap();
    let mut picture = Picture::of(source(&pair.dc1, &token));
    let status = picture.live(DC1).await;
    assert_eq!(partial(&status), "");
    picture.live("consul:dc2").await;
    assert!(observed(&picture.world, "consul:dc2", "kv", "there").is_some());
    assert!(!format!("{:?}", picture.world.store()).contains(&token), "the token is in no fact");
    picture.stop().await;
}

#[tokio::test]
async fn a_token_for_one_prefix_sees_that_and_is_told_what_would_show_the_rest() {
    let consul = lab::shared::secured().await.unwrap();
    let admin = consul.client().unwrap();
    admin.kv_put("access/mine/x", b"1").await.unwrap();
    admin.kv_put("access/theirs/x", b"1").await.unwrap();
    admin.register(&serde_json::json!({ "Name": "access-web" })).await.unwrap();
    admin.register(&serde_json::json!({ "Name": "other-web" })).await.unwrap();
    let rules = "key_prefix \"access/mine/\" { policy = \"write\" } service_prefix \"access-\" { policy = \"read\" } \
                 node_prefix \"\" { policy = \"read\" }";
    admin.acl_policy("access-mine", rules).await.unwrap();
    let token = admin.acl_token(&["access-mine"]).await.unwrap();
    let mut picture = Picture::of(source(consul, &token));

    picture.live(DC1).await;

    assert!(observed(&picture.world, DC1, "kv", "access/mine/x").is_some());
    assert_eq!(count(&picture.world, DC1, "kv"), 1);
    assert!(fact(&picture.world, DC1, "catalog", "service/access-web").is_some());
    assert!(fact(&picture.world, DC1, "catalog", "service/other-web").is_none());
    let status = picture
        .until("what it may do is known", |world| {
            let status = crate::consul_picture::status(world, DC1)?;
            (status.state == SourceState::Live && !status.abilities.contains(&Ability::Register)).then_some(status)
        })
        .await;
    assert_eq!(status.abilities, [Ability::ReadConfig, Ability::EditConfig]);
    let said = partial(&status);
    assert!(said.contains("key_prefix") && said.contains("service_prefix"), "{said}");
    picture.stop().await;
}

#[tokio::test]
async fn nobody_sees_an_empty_cluster_and_is_told_that_it_may_not_be_one() {
    let consul = lab::shared::secured().await.unwrap();
    let variables: Vec<_> =
        variables(consul, "").into_iter().filter(|(name, _)| *name != "CONSUL_HTTP_TOKEN").collect();
    let mut picture = Picture::of(connect(&consul.address(), &variables));
    let status = picture
        .until("it is told", |world| {
            let status = crate::consul_picture::status(world, DC1)?;
            (status.state == SourceState::Live || status.state == SourceState::Failing).then_some(status)
        })
        .await;
    let said = format!("{} {:?}", partial(&status), status.fault);
    assert!(said.contains("CONSUL_HTTP_TOKEN"), "{said}");
    let probe = connect(&consul.address(), &variables).probe().await.unwrap();
    assert!(probe.detail.contains("no token"), "{}", probe.detail);
    picture.stop().await;
}

#[tokio::test]
async fn a_token_that_does_not_exist_is_not_taken_for_one_that_may_not() {
    let consul = lab::shared::secured().await.unwrap();
    let source = source(consul, "11111111-2222-3333-4444-555555555555");
    let error = source.probe().await.unwrap_err();
    assert_eq!((error.kind, error.code().as_str()), (ErrorKind::Unauthenticated, "consul.unauthenticated"));
    assert!(!format!("{error:?}").contains("11111111-2222"), "no token in an error");
}

#[tokio::test]
async fn a_token_file_that_is_rewritten_is_used_from_then_on() {
    let consul = lab::shared::secured().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, "11111111-2222-3333-4444-555555555555").unwrap();
    let mut variables = variables(consul, "");
    variables.retain(|(name, _)| *name != "CONSUL_HTTP_TOKEN");
    variables.push(("CONSUL_HTTP_TOKEN_FILE", file.to_str().unwrap()));
    let source = connect(&consul.address(), &variables);
    assert_eq!(source.probe().await.unwrap_err().kind, ErrorKind::Unauthenticated);
    let later = std::time::SystemTime::now() + std::time::Duration::from_secs(5);
    std::fs::write(&file, consul.management_token().unwrap()).unwrap();
    std::fs::File::options().write(true).open(&file).unwrap().set_modified(later).unwrap();
    assert_eq!(source.probe().await.unwrap().product, "Consul 1.22.7");
}

#[tokio::test]
async fn certificates_that_do_not_match_are_told_apart() {
    let consul = lab::shared::secured().await.unwrap();
    let token = consul.management_token().unwrap();
    let all = variables(consul, token);
    let without = |names: &[&str]| all.iter().filter(|(name, _)| !names.contains(name)).copied().collect::<Vec<_>>();
    let failure = async |address: &str, variables: &[(&str, &str)]| {
        connect(address, variables).probe().await.expect_err("the handshake must fail")
    };

    let other_name = failure(&consul.address_without_certificate(), &all).await;
    assert_eq!(other_name.kind, ErrorKind::Tls, "{other_name}");
    assert!(other_name.hint.contains("another name"), "{}", other_name.hint);

    let unknown = failure(&consul.address(), &without(&["CONSUL_CACERT"])).await;
    assert_eq!(unknown.kind, ErrorKind::Tls, "{unknown}");
    assert!(unknown.hint.contains("CA file"), "{}", unknown.hint);

    let nobody = failure(&consul.address(), &without(&["CONSUL_CLIENT_CERT", "CONSUL_CLIENT_KEY"])).await;
    assert_eq!(nobody.kind, ErrorKind::Tls, "{nobody}");
    assert!(nobody.hint.contains("client certificate"), "{}", nobody.hint);

    let half = connect_error(&consul.address(), &without(&["CONSUL_CLIENT_KEY"]));
    assert_eq!(half.kind, ErrorKind::Misconfigured, "{half}");
    let gone = connect_error(&consul.address(), &[("CONSUL_CACERT", "/nonexistent/ca.pem")]);
    assert_eq!(gone.kind, ErrorKind::Misconfigured, "{gone}");

    let mut named = all.clone();
    named.push(("CONSUL_TLS_SERVER_NAME", "server.dc1.consul"));
    let probe = connect(&consul.address_without_certificate(), &named).probe().await.unwrap();
    assert_eq!(probe.product, "Consul 1.22.7");
    let mut careless = without(&["CONSUL_CACERT"]);
    careless.push(("CONSUL_HTTP_SSL_VERIFY", "false"));
    assert!(connect(&consul.address_without_certificate(), &careless).probe().await.is_ok());
}

fn connect_error(address: &str, variables: &[(&str, &str)]) -> binnacle_sources::SourceError {
    lab::install_tls_provider();
    let spec = format!("consul={address}").parse().unwrap();
    Source::new(spec, &crate::consul_picture::environment(variables)).unwrap_err()
}

#[tokio::test]
async fn the_address_takes_the_scheme_of_the_ssl_variable() {
    let consul = lab::shared::secured().await.unwrap();
    let bare = consul.address().replace("https://", "");
    let mut variables = variables(consul, consul.management_token().unwrap());
    variables.push(("CONSUL_HTTP_SSL", "true"));
    assert!(connect(&bare, &variables).probe().await.is_ok());
}

#[tokio::test]
async fn a_connection_knows_what_it_reaches() {
    let consul = lab::shared::open().await.unwrap();
    let source = connect(&consul.address(), &[]);
    let reaches = async |id: &str| source.reaches(&id.into()).await.unwrap();
    assert!(reaches(DC1).await);
    assert!(!reaches("consul:dc9").await);
    assert!(!reaches("scrape:dc1").await);
    let probe = source.probe().await.unwrap();
    assert_eq!((probe.product.as_str(), probe.detail.as_str()), ("Consul 1.22.7", "dc1 · ACLs off"));
}
