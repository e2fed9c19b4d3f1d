//! TLS towards providers: TLS 1.2 or later, the public roots and those of the operator.
//!
//! May import `error` (for its types). One cryptography, ring, whatever else the process installs.

use crate::error::Violation;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use std::path::Path;
use std::sync::Arc;

/// The client's side for every endpoint, which speaks these protocols; an error where the operator's certificates
/// cannot be read.
pub(super) fn client(
    ca_file: Option<&Path>,
    protocols: &[&str],
) -> Result<ClientConfig, Violation> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    if let Some(path) = ca_file {
        add(&mut roots, path).map_err(|cause| {
            violation(format!("cannot be read as certificates in PEM: {cause}"))
        })?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|cause| violation(format!("TLS cannot be set up: {cause}")))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
    Ok(config)
}

fn violation(description: String) -> Violation {
    Violation { field: "ca_file".into(), description }
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
