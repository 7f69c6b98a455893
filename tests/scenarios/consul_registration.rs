//! Services are registered and deregistered by the road that the plan names, and the catalog is asked whether it stuck.

use std::collections::BTreeMap;

use binnacle_model::id::{InstanceId, SourceId};
use binnacle_sources::ErrorKind;
use binnacle_sources::register::{CheckDefinition, CheckMethod, Registrar, Registration, Road, Verified};
use lab::{Cluster, Consul, Datacenters};
use serde_json::json;

use crate::consul_picture::connect;

fn registration(name: &str) -> Registration {
    Registration {
        name: name.to_owned(),
        id: None,
        address: Some("10.9.8.7".to_owned()),
        port: 8080,
        tags: vec!["v1".to_owned()],
        meta: BTreeMap::from([("team".to_owned(), "shop".to_owned())]),
        checks: vec![CheckDefinition {
            name: "alive".to_owned(),
            method: CheckMethod::Ttl("1h".to_owned()),
            deregister_after: None,
        }],
        node: None,
    }
}

fn dc1() -> SourceId {
    SourceId::from("consul:dc1")
}

#[tokio::test]
async fn a_service_of_the_agents_own_node_goes_by_the_agent_and_back() {
    let consul = Consul::open().await.unwrap();
    let (source, client) = (connect(&consul.address(), &[]), consul.client().unwrap());
    let wanted = Registration { id: Some("we/b 1?#".to_owned()), ..registration("web") };

    let plan = source.plan_register(&dc1(), &wanted).await.unwrap();
    assert_eq!((plan.road, plan.at.as_str()), (Road::Agent, consul.node_name()));
    assert_eq!(plan.notes, Vec::<String>::new());
    assert!(client.get("/v1/agent/services").await.unwrap().as_object().unwrap().is_empty(), "a plan does nothing");
    source.carry_out(&plan).await.unwrap();
    assert_eq!(source.verify(&plan).await.unwrap(), Verified::Stuck);
    let agent = client.get("/v1/agent/services").await.unwrap();
    let (service, meta) = (&agent["we/b 1?#"], json!({ "team": "shop" }));
    assert_eq!((&service["Address"], &service["Meta"], &service["Tags"][0]), (&json!("10.9.8.7"), &meta, &json!("v1")));
    let checks = client.get("/v1/agent/checks").await.unwrap();
    assert_eq!(checks.as_object().unwrap().len(), 1);

    let again = source.plan_register(&dc1(), &Registration { name: "web2".to_owned(), ..wanted }).await.unwrap();
    assert_eq!(again.notes.len(), 2, "it replaces an entry of another service: {:?}", again.notes);

    let plan = source.plan_deregister(&dc1(), &plan.instance).await.unwrap();
    assert_eq!(plan.road, Road::Agent);
    source.carry_out(&plan).await.unwrap();
    assert_eq!(source.verify(&plan).await.unwrap(), Verified::Stuck);
    assert!(client.get("/v1/agent/services").await.unwrap().as_object().unwrap().is_empty());
    assert_eq!(source.plan_deregister(&dc1(), &plan.instance).await.unwrap_err().kind, ErrorKind::NotFound);
}

#[tokio::test]
async fn a_service_of_an_external_node_goes_by_the_catalog_and_back() {
    let consul = Consul::open().await.unwrap();
    let (source, client) = (connect(&consul.address(), &[]), consul.client().unwrap());
    let wanted = Registration { node: Some("printer".to_owned()), ..registration("print") };

    let plan = source.plan_register(&dc1(), &wanted).await.unwrap();
    assert_eq!(plan.road, Road::Catalog);
    assert!(plan.notes.iter().any(|note| note.contains("is not there, and is made")), "{:?}", plan.notes);
    source.carry_out(&plan).await.unwrap();
    assert_eq!(source.verify(&plan).await.unwrap(), Verified::Stuck);
    let entry = client.get("/v1/health/service/print").await.unwrap();
    assert_eq!(entry[0]["Node"]["Meta"]["external-node"], "true");
    assert_eq!(entry[0]["Checks"][0]["Status"], "critical");

    let bare = Registration { address: None, node: Some("nowhere".to_owned()), ..registration("print") };
    assert_eq!(source.plan_register(&dc1(), &bare).await.unwrap_err().kind, ErrorKind::Invalid);

    let plan = source.plan_deregister(&dc1(), &plan.instance).await.unwrap();
    assert_eq!(plan.road, Road::Catalog);
    assert_eq!(plan.notes, Vec::<String>::new(), "no agent brings it back");
    source.carry_out(&plan).await.unwrap();
    assert_eq!(source.verify(&plan).await.unwrap(), Verified::Stuck);
}

#[tokio::test]
async fn an_entry_that_another_agent_owns_is_said_to_come_back() {
    let cluster = Cluster::open().await.unwrap();
    let [ours, theirs, _] = cluster.servers() else { panic!("three servers") };
    theirs.client().unwrap().register(&json!({ "Name": "sticky" })).await.unwrap();
    let source = connect(&ours.address(), &[]);
    let instance = InstanceId::from(format!("consul:dc1/{}/sticky", theirs.node_name()));

    let plan = source.plan_deregister(&dc1(), &instance).await.unwrap();

    assert_eq!(plan.road, Road::Catalog);
    assert!(plan.notes.iter().any(|note| note.contains("brings it back")), "{:?}", plan.notes);
    source.carry_out(&plan).await.unwrap();
    assert_eq!(source.verify(&plan).await.unwrap(), Verified::Stuck);
    // The agent's next synchronisation, asked for by a change of its own.
    theirs.client().unwrap().register(&json!({ "Name": "sticky", "Tags": ["again"] })).await.unwrap();
    assert!(matches!(source.verify(&plan).await.unwrap(), Verified::NotStuck(_)));
}

#[tokio::test]
async fn another_datacenter_is_registered_in_through_its_catalog() {
    let pair = Datacenters::open().await.unwrap();
    let source = connect(&pair.dc1.address(), &[]);
    let dc2 = SourceId::from("consul:dc2");
    assert_eq!(source.plan_register(&dc2, &registration("far")).await.unwrap_err().kind, ErrorKind::Invalid);
    let wanted = Registration { node: Some("far-node".to_owned()), ..registration("far") };
    let plan = source.plan_register(&dc2, &wanted).await.unwrap();
    source.carry_out(&plan).await.unwrap();
    assert_eq!(source.verify(&plan).await.unwrap(), Verified::Stuck);
    let there = pair.dc2.client().unwrap().get("/v1/catalog/service/far").await.unwrap();
    assert_eq!(there.as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn what_consul_refuses_is_said_in_its_words() {
    let consul = Consul::open().await.unwrap();
    let source = connect(&consul.address(), &[]);
    let check =
        CheckDefinition { name: "bad".to_owned(), method: CheckMethod::Ttl("soon".to_owned()), deregister_after: None };
    let wanted = Registration { checks: vec![check], ..registration("web") };
    let plan = source.plan_register(&dc1(), &wanted).await.unwrap();
    let error = source.carry_out(&plan).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Invalid, "{error}");
    assert!(error.came_back.contains("soon"), "{error}");
    let nameless = Registration { name: " ".to_owned(), ..registration("x") };
    assert_eq!(source.plan_register(&dc1(), &nameless).await.unwrap_err().kind, ErrorKind::Invalid);
}
