//! Ingresses (<https://kubernetes.io/docs/reference/kubernetes-api/service-resources/ingress-v1/>) and HTTPRoutes
//! (<https://gateway-api.sigs.k8s.io/reference/spec/#httproute>).

use serde::Deserialize;

use super::{Meta, or_empty};

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in super::super) struct Ingress {
    pub(in super::super) metadata: Meta,
    pub(in super::super) spec: IngressSpec,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(in super::super) struct IngressSpec {
    pub(in super::super) ingress_class_name: Option<String>,
    pub(in super::super) default_backend: Option<IngressBackend>,
    #[serde(deserialize_with = "or_empty")]
    pub(in super::super) rules: Vec<IngressRule>,
    #[serde(deserialize_with = "or_empty")]
    pub(in super::super) tls: Vec<IngressTls>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in super::super) struct IngressTls {
    #[serde(deserialize_with = "or_empty")]
    pub(in super::super) hosts: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in super::super) struct IngressRule {
    pub(in super::super) host: String,
    #[serde(deserialize_with = "or_empty")]
    pub(in super::super) http: IngressPaths,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in super::super) struct IngressPaths {
    #[serde(deserialize_with = "or_empty")]
    pub(in super::super) paths: Vec<IngressPath>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(in super::super) struct IngressPath {
    pub(in super::super) path: String,
    pub(in super::super) path_type: String,
    pub(in super::super) backend: IngressBackend,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in super::super) struct IngressBackend {
    /// Absent when it leads to something that is no Service.
    pub(in super::super) service: Option<IngressService>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in super::super) struct IngressService {
    pub(in super::super) name: String,
    pub(in super::super) port: IngressPort,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in super::super) struct IngressPort {
    pub(in super::super) name: String,
    pub(in super::super) number: u16,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in super::super) struct HttpRoute {
    pub(in super::super) metadata: Meta,
    pub(in super::super) spec: HttpRouteSpec,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(in super::super) struct HttpRouteSpec {
    #[serde(deserialize_with = "or_empty")]
    pub(in super::super) parent_refs: Vec<RouteReference>,
    #[serde(deserialize_with = "or_empty")]
    pub(in super::super) hostnames: Vec<String>,
    #[serde(deserialize_with = "or_empty")]
    pub(in super::super) rules: Vec<HttpRouteRule>,
}

/// A Gateway, or a backend.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in super::super) struct RouteReference {
    /// `Service` when absent, for a backend.
    pub(in super::super) kind: Option<String>,
    pub(in super::super) namespace: Option<String>,
    pub(in super::super) name: String,
    pub(in super::super) port: Option<u16>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(in super::super) struct HttpRouteRule {
    #[serde(deserialize_with = "or_empty")]
    pub(in super::super) matches: Vec<HttpRouteMatch>,
    #[serde(deserialize_with = "or_empty")]
    pub(in super::super) backend_refs: Vec<RouteReference>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in super::super) struct GrpcRoute {
    pub(in super::super) metadata: Meta,
    pub(in super::super) spec: GrpcRouteSpec,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(in super::super) struct GrpcRouteSpec {
    #[serde(deserialize_with = "or_empty")]
    pub(in super::super) parent_refs: Vec<RouteReference>,
    #[serde(deserialize_with = "or_empty")]
    pub(in super::super) hostnames: Vec<String>,
    #[serde(deserialize_with = "or_empty")]
    pub(in super::super) rules: Vec<GrpcRouteRule>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(in super::super) struct GrpcRouteRule {
    #[serde(deserialize_with = "or_empty")]
    pub(in super::super) matches: Vec<GrpcRouteMatch>,
    #[serde(deserialize_with = "or_empty")]
    pub(in super::super) backend_refs: Vec<RouteReference>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in super::super) struct GrpcRouteMatch {
    pub(in super::super) method: Option<GrpcMethodMatch>,
}

/// A service, a method, or both.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in super::super) struct GrpcMethodMatch {
    #[serde(rename = "type")]
    pub(in super::super) kind: Option<String>,
    pub(in super::super) service: Option<String>,
    pub(in super::super) method: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in super::super) struct HttpRouteMatch {
    pub(in super::super) path: Option<HttpPathMatch>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in super::super) struct HttpPathMatch {
    #[serde(rename = "type")]
    pub(in super::super) kind: Option<String>,
    pub(in super::super) value: Option<String>,
}
