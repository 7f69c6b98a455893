//! The demo fleet: small services in this process that really call each other, and a registry that speaks Consul's HTTP API.
