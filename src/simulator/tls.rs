//! Certificates of the simulator's own: an authority made at the start, and a certificate for this machine.
//!
//! May import external crates only. The authority's key is forgotten once it has signed.

use anyhow::Context as _;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose,
};
use rustls::pki_types::PrivateKeyDer;
use std::sync::Arc;
use tokio_rustls::TlsAcceptor;

/// The one protocol that APNs speaks.
pub(super) const ALPN: &[u8] = b"h2";
/// What Google speaks besides.
const HTTP_1: &[u8] = b"http/1.1";

/// What a server shows and a client trusts.
pub(super) struct Identity {
    /// Takes connections of clients that speak HTTP/2.
    pub(super) acceptor: TlsAcceptor,
    /// Takes connections of clients that speak HTTP/2 or HTTP/1.1.
    pub(super) any_acceptor: TlsAcceptor,
    /// The authority's certificate.
    pub(super) ca_pem: String,
}

impl Identity {
    /// An authority and a certificate for `localhost` and the loopback addresses.
    pub(super) fn generate() -> anyhow::Result<Self> {
        let mut authority = CertificateParams::new(Vec::new())?;
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        authority.distinguished_name.push(rcgen::DnType::CommonName, "Tidings simulator");
        let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate()?)?;

        let names = ["localhost", "127.0.0.1", "::1"].map(String::from).to_vec();
        let mut server = CertificateParams::new(names)?;
        server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        server.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate()?;
        let certificate = server.signed_by(&key, &authority)?;

        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .context("TLS versions")?
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.der().clone()],
                PrivateKeyDer::Pkcs8(key.serialize_der().into()),
            )
            .context("server certificate")?;
        config.alpn_protocols = vec![ALPN.to_vec()];
        let mut any = config.clone();
        any.alpn_protocols.push(HTTP_1.to_vec());
        Ok(Self {
            acceptor: TlsAcceptor::from(Arc::new(config)),
            any_acceptor: TlsAcceptor::from(Arc::new(any)),
            ca_pem: authority.pem(),
        })
    }
}
