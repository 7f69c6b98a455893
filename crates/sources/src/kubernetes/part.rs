//! What is read by a watch of its own: where it stands in the API, and which rule allows it.

use binnacle_model::fact::{DESTINATION_RULES, NETWORK_POLICIES};

/// How many objects come in one answer of a listing.
const PAGE: u32 = 500;
/// The same for objects that may be a megabyte each.
const PAGE_OF_LARGE: u32 = 50;

/// One resource of the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Part {
    Nodes,
    ReplicaSets,
    Jobs,
    Pods,
    Deployments,
    StatefulSets,
    DaemonSets,
    CronJobs,
    Services,
    EndpointSlices,
    ConfigMaps,
    Secrets,
    Ingresses,
    HttpRoutes,
    GrpcRoutes,
    NetworkPolicies,
    DestinationRules,
    ServiceProfiles,
    Autoscalers,
    Events,
}

impl Part {
    /// Everything that is read.
    pub(super) const ALL: [Self; 20] = [
        Self::Nodes,
        Self::ReplicaSets,
        Self::Jobs,
        Self::Pods,
        Self::Deployments,
        Self::StatefulSets,
        Self::DaemonSets,
        Self::CronJobs,
        Self::Services,
        Self::EndpointSlices,
        Self::ConfigMaps,
        Self::Secrets,
        Self::Ingresses,
        Self::HttpRoutes,
        Self::GrpcRoutes,
        Self::NetworkPolicies,
        Self::DestinationRules,
        Self::ServiceProfiles,
        Self::Autoscalers,
        Self::Events,
    ];

    /// Without these there is no picture of services.
    pub(super) fn is_primary(self) -> bool {
        matches!(
            self,
            Self::Pods
                | Self::ReplicaSets
                | Self::Deployments
                | Self::StatefulSets
                | Self::DaemonSets
                | Self::Jobs
                | Self::CronJobs
        )
    }

    /// Its name in paths and rules.
    pub(super) fn plural(self) -> &'static str {
        match self {
            Self::Nodes => "nodes",
            Self::ReplicaSets => "replicasets",
            Self::Jobs => "jobs",
            Self::Pods => "pods",
            Self::Deployments => "deployments",
            Self::StatefulSets => "statefulsets",
            Self::DaemonSets => "daemonsets",
            Self::CronJobs => "cronjobs",
            Self::Services => "services",
            Self::EndpointSlices => "endpointslices",
            Self::ConfigMaps => "configmaps",
            Self::Secrets => "secrets",
            Self::Ingresses => "ingresses",
            Self::HttpRoutes => "httproutes",
            Self::GrpcRoutes => "grpcroutes",
            Self::NetworkPolicies => NETWORK_POLICIES,
            Self::DestinationRules => DESTINATION_RULES,
            Self::ServiceProfiles => "serviceprofiles",
            Self::Autoscalers => "horizontalpodautoscalers",
            Self::Events => "events",
        }
    }

    /// The collection that its facts stand in. Config keys stand in their store's.
    pub(super) fn collection(self) -> &'static str {
        match self {
            Self::ConfigMaps => "configmap",
            Self::Secrets => "secret",
            part => part.plural(),
        }
    }

    /// The API group; empty for the core.
    pub(super) fn group(self) -> &'static str {
        match self {
            Self::Nodes | Self::Pods | Self::Services | Self::ConfigMaps | Self::Secrets | Self::Events => "",
            Self::ReplicaSets | Self::Deployments | Self::StatefulSets | Self::DaemonSets => "apps",
            Self::Jobs | Self::CronJobs => "batch",
            Self::EndpointSlices => "discovery.k8s.io",
            Self::Ingresses | Self::NetworkPolicies => "networking.k8s.io",
            Self::HttpRoutes | Self::GrpcRoutes => "gateway.networking.k8s.io",
            Self::DestinationRules => "networking.istio.io",
            Self::ServiceProfiles => "linkerd.io",
            Self::Autoscalers => "autoscaling",
        }
    }

    /// The versions of its group that are understood, the one to ask for first: of what every cluster has the one alone.
    pub(super) fn versions(self) -> (&'static str, &'static [&'static str]) {
        match self {
            Self::Autoscalers => ("v2", &[]),
            Self::HttpRoutes => ("v1", &["v1beta1"]),
            Self::GrpcRoutes => ("v1", &["v1alpha2"]),
            Self::DestinationRules => ("v1", &["v1beta1", "v1alpha3"]),
            Self::ServiceProfiles => ("v1alpha2", &["v1alpha1"]),
            _ => ("v1", &[]),
        }
    }

    /// Whether a cluster has it only where somebody installed it, in one of several versions.
    pub(super) fn is_installed(self) -> bool {
        !self.versions().1.is_empty()
    }

    /// The path of the resource in a version, in one namespace or in all.
    pub(super) fn path(self, version: &str, namespace: Option<&str>) -> String {
        let root = match self.group() {
            "" => format!("/api/{version}"),
            group => format!("/apis/{group}/{version}"),
        };
        match namespace.filter(|_| self.is_namespaced()) {
            Some(namespace) => format!("{root}/namespaces/{}/{}", super::api::segment(namespace), self.plural()),
            None => format!("{root}/{}", self.plural()),
        }
    }

    /// Whether its objects are in namespaces.
    pub(super) fn is_namespaced(self) -> bool {
        !matches!(self, Self::Nodes)
    }

    /// Of these only name, owner and the like are needed: the server leaves out the rest.
    pub(super) fn metadata_only(self) -> bool {
        matches!(self, Self::ReplicaSets | Self::ServiceProfiles)
    }

    /// What is asked for beside the path. Of events only those that are worth a look.
    pub(super) fn selector(self) -> &'static str {
        if self == Self::Events { "&fieldSelector=type%3DWarning" } else { "" }
    }

    /// How many objects come in one answer.
    pub(super) fn page(self) -> u32 {
        if matches!(self, Self::ConfigMaps | Self::Secrets) { PAGE_OF_LARGE } else { PAGE }
    }

    /// The rule of a role that lets it be read.
    pub(super) fn rule(self) -> String {
        let (group, plural) = (self.group(), self.plural());
        format!("apiGroups: [\"{group}\"], resources: [\"{plural}\"], verbs: [\"get\", \"list\", \"watch\"]")
    }
}
