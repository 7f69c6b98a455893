//! The one list of sources: adding a source adds its folder and a line here.

use std::sync::Arc;

use binnacle_model::id::SourceKind;

use crate::consul::Consul;
use crate::hystrix::Hystrix;
use crate::kubernetes::Kubernetes;
use crate::prometheus::Prometheus;
use crate::scrape::Scrape;
use crate::{Connection, ConnectionSpec, Environment, SourceError};

/// Makes the connection that a spec names. Nothing is contacted yet; an address that is none, or a file that is not there, is
/// an error here.
pub fn open(spec: &ConnectionSpec, environment: &Environment) -> Result<Arc<dyn Connection>, SourceError> {
    Ok(match spec.kind {
        SourceKind::Consul => Arc::new(Consul::new(spec.clone(), environment)?),
        SourceKind::Scrape => Arc::new(Scrape::fixed(spec.clone())?),
        SourceKind::Hystrix => Arc::new(Hystrix::fixed(spec.clone())?),
        SourceKind::Kube => Arc::new(Kubernetes::new(spec.clone(), environment)?),
        SourceKind::Prometheus => Arc::new(Prometheus::new(spec.clone(), environment)?),
    })
}
