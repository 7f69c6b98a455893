//! The cluster's certificate authorities.

use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose,
};

use crate::LabError;

/// An authority that signs for servers and for clients.
#[derive(Debug)]
pub(super) struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key, both as PEM.
pub(super) struct Signed {
    pub(super) certificate: String,
    pub(super) key: String,
}

impl Authority {
    pub(super) fn new(name: &str) -> Result<Self, LabError> {
        let mut about = params(name, None, &[])?;
        about.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        about.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyCertSign];
        let key = new_key()?;
        Ok(Self(CertifiedIssuer::self_signed(about, key).map_err(refused)?))
    }

    pub(super) fn certificate(&self) -> String {
        self.0.pem()
    }

    pub(super) fn key(&self) -> String {
        self.0.key().serialize_pem()
    }

    /// For a server that is called by these DNS names and IP addresses.
    pub(super) fn server(&self, name: &str, called: &[&str]) -> Result<Signed, LabError> {
        self.sign(params(name, None, called)?, ExtendedKeyUsagePurpose::ServerAuth)
    }

    /// For a client: Kubernetes takes the common name for the user and the organisation for its group.
    pub(super) fn client(&self, user: &str, group: Option<&str>) -> Result<Signed, LabError> {
        self.sign(params(user, group, &[])?, ExtendedKeyUsagePurpose::ClientAuth)
    }

    /// The same, good for this long from now on; whole seconds.
    pub(super) fn client_for(&self, user: &str, life: Duration) -> Result<Signed, LabError> {
        let mut about = params(user, None, &[])?;
        about.not_after = (SystemTime::now() + life).into();
        self.sign(about, ExtendedKeyUsagePurpose::ClientAuth)
    }

    fn sign(&self, mut about: CertificateParams, usage: ExtendedKeyUsagePurpose) -> Result<Signed, LabError> {
        about.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyEncipherment];
        about.extended_key_usages = vec![usage];
        about.use_authority_key_identifier_extension = true;
        let key = new_key()?;
        let certificate = about.signed_by(&key, &self.0).map_err(refused)?;
        Ok(Signed { certificate: certificate.pem(), key: key.serialize_pem() })
    }
}

/// A key pair as PEM, private and public, for signing the tokens of service accounts.
pub(super) fn token_keys() -> Result<(String, String), LabError> {
    let key = new_key()?;
    Ok((key.serialize_pem(), key.public_key_pem()))
}

fn params(name: &str, group: Option<&str>, called: &[&str]) -> Result<CertificateParams, LabError> {
    let called: Vec<String> = called.iter().map(ToString::to_string).collect();
    let mut about = CertificateParams::new(called).map_err(refused)?;
    about.distinguished_name = DistinguishedName::new();
    if let Some(group) = group {
        about.distinguished_name.push(DnType::OrganizationName, group);
    }
    about.distinguished_name.push(DnType::CommonName, name);
    Ok(about)
}

fn new_key() -> Result<KeyPair, LabError> {
    KeyPair::generate().map_err(refused)
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn refused(error: rcgen::Error) -> LabError {
    LabError::Unexpected { what: "a certificate of the cluster".into(), why: error.to_string() }
}
