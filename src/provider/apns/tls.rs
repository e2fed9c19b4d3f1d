//! TLS as Apple wants it: HTTP/2 by ALPN, TLS 1.2 or later, the public roots and those of the operator.
//!
//! May import this folder's configuration. One cryptography, ring, whatever else the process installs.

use super::config::violation;
use crate::error::Violation;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use std::path::Path;
use std::sync::Arc;
use tokio_rustls::TlsConnector;

/// The connector for every endpoint; an error where the operator's certificates cannot be read.
pub(super) fn connector(ca_file: Option<&Path>) -> Result<TlsConnector, Violation> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    if let Some(path) = ca_file {
        add(&mut roots, path).map_err(|cause| {
            violation("ca_file", &format!("cannot be read as certificates in PEM: {cause}"))
        })?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|cause| violation("ca_file", &format!("TLS cannot be set up: {cause}")))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    Ok(TlsConnector::from(Arc::new(config)))
}

fn add(roots: &mut RootCertStore, path: &Path) -> Result<(), String> {
    let mut added = 0;
    for certificate in CertificateDer::pem_file_iter(path).map_err(|error| error.to_string())? {
        let certificate = certificate.map_err(|error| error.to_string())?;
        roots.add(certificate).map_err(|error| error.to_string())?;
        added += 1;
    }
    if added == 0 { Err("there is none in it".into()) } else { Ok(()) }
}
