//! The one list of sources: adding a source adds its folder and a line here.

use std::sync::Arc;

use binnacle_model::id::SourceKind;

use crate::actuator::Actuator;
use crate::consul::Consul;
use crate::envoy::Envoy;
use crate::hystrix::Hystrix;
use crate::kubernetes::{Doors, Kubernetes};
use crate::prometheus::Prometheus;
use crate::scrape::Scrape;
use crate::sentinel::Sentinel;
use crate::{Connection, ConnectionSpec, Environment, SourceError};

/// Makes the connection that a spec names. Nothing is contacted yet; an address that is none, or a file that is not there, is
/// an error here.
pub fn open(spec: &ConnectionSpec, environment: &Environment) -> Result<Arc<dyn Connection>, SourceError> {
    open_by(spec, environment, &Doors::default())
}

/// The same through the doors that other connections share.
pub fn open_by(
    spec: &ConnectionSpec,
    environment: &Environment,
    doors: &Doors,
) -> Result<Arc<dyn Connection>, SourceError> {
    let spec = spec.clone();
    Ok(match spec.kind {
        SourceKind::Consul => Arc::new(Consul::by(spec, environment, doors)?),
        SourceKind::Scrape => Arc::new(Scrape::by(spec, environment, doors)?),
        SourceKind::Hystrix => Arc::new(Hystrix::by(spec, environment, doors)?),
        SourceKind::Actuator => Arc::new(Actuator::by(spec, environment, doors)?),
        SourceKind::Envoy => Arc::new(Envoy::by(spec, environment, doors)?),
        SourceKind::Sentinel => Arc::new(Sentinel::by(spec, environment, doors)?),
        SourceKind::Kube => Arc::new(Kubernetes::by(spec, environment, doors)?),
        SourceKind::Prometheus => Arc::new(Prometheus::by(spec, environment, doors)?),
    })
}
