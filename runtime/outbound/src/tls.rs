//! Whom to trust: the machine's certificates (`SSL_CERT_FILE` and `SSL_CERT_DIR` too) and Mozilla's list, so that https
//! works in an image without certificates. HTTP and gRPC share one verifier.

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::{ClientConfig, RootCertStore};

use crate::config::OutboundError;

/// What a TLS client needs.
#[derive(Debug, Clone)]
pub(crate) struct Tls {
    verifier: Arc<WebPkiServerVerifier>,
}

impl Tls {
    /// Installs the ring provider if the process has none, and loads the roots.
    pub(crate) fn new() -> Result<Self, OutboundError> {
        // An error means that one is installed; it serves as well.
        drop(rustls::crypto::ring::default_provider().install_default());
        let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        let (added, ignored) = roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        tracing::debug!(added, ignored, "loaded the machine's certificates");
        let verifier = WebPkiServerVerifier::builder(Arc::new(roots))
            .build()
            .map_err(|e| OutboundError::Tls { reason: e.to_string() })?;
        Ok(Self { verifier })
    }

    pub(crate) fn verifier(&self) -> Arc<WebPkiServerVerifier> {
        Arc::clone(&self.verifier)
    }

    /// A client that offers `protocols` (ALPN), the preferred one first.
    pub(crate) fn client(&self, protocols: &[&str]) -> ClientConfig {
        // "Dangerous" is any verifier of one's own; this one is rustls' own.
        let mut config =
            ClientConfig::builder().dangerous().with_custom_certificate_verifier(self.verifier()).with_no_client_auth();
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        config
    }
}
