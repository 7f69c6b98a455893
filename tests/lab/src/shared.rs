//! Servers which all tests of one binary share, started by the first test that asks.
//!
//! A test keeps to keys and service names of its own here, and never stops the server. The servers are gone with the
//! process; statics are never dropped, the watchdog sees to it.

use tokio::sync::OnceCell;

use crate::cluster::{self, Cluster};
use crate::{Consul, Datacenters, LabError, Release, attendance};

/// An open server of the current release.
pub async fn open() -> Result<&'static Consul, LabError> {
    static OPEN: OnceCell<Consul> = OnceCell::const_new();
    attendance::note(Release::Current);
    OPEN.get_or_try_init(Consul::open).await
}

/// A server with ACLs (default deny) and TLS.
pub async fn secured() -> Result<&'static Consul, LabError> {
    static SECURED: OnceCell<Consul> = OnceCell::const_new();
    attendance::note(Release::Current);
    SECURED.get_or_try_init(Consul::secured).await
}

/// Two open datacenters.
pub async fn datacenters() -> Result<&'static Datacenters, LabError> {
    static DATACENTERS: OnceCell<Datacenters> = OnceCell::const_new();
    attendance::note(Release::Current);
    DATACENTERS.get_or_try_init(Datacenters::open).await
}

/// A Kubernetes cluster of five nodes. A test keeps to namespaces of its own.
pub async fn cluster() -> Result<&'static Cluster, LabError> {
    static CLUSTER: OnceCell<Cluster> = OnceCell::const_new();
    attendance::note(cluster::VERSION);
    CLUSTER.get_or_try_init(Cluster::start).await
}
