//! TLS to a database: what each `sslmode` verifies. Whoever wants to be sure whom they talk to sets
//! `verify-full`; the modes below it exist because libpq has them and hosters' addresses carry them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio_postgres::config::SslMode as DriverSslMode;
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::error::Error;

/// libpq's `sslmode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SslMode {
    /// Never encrypt.
    Disable,
    /// Encrypt where the server can. Nothing is verified.
    Prefer,
    /// Encrypt, or do not connect. Nothing is verified.
    Require,
    /// Encrypt, and verify that a trusted authority signed the certificate, for whatever name.
    VerifyAuthority,
    /// Encrypt, and verify the certificate and its name.
    VerifyFull,
}

impl SslMode {
    pub(super) fn for_driver(self) -> DriverSslMode {
        match self {
            Self::Disable => DriverSslMode::Disable,
            Self::Prefer => DriverSslMode::Prefer,
            Self::Require | Self::VerifyAuthority | Self::VerifyFull => DriverSslMode::Require,
        }
    }
}

/// How connections of one address are encrypted.
#[derive(Clone)]
pub(super) struct Tls {
    mode: SslMode,
    authorities: Option<PathBuf>,
    connector: MakeRustlsConnect,
}

impl Tls {
    /// No encryption: the way to a server of our own on this machine.
    pub(super) fn none() -> Self {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let connector = connector(Arc::clone(&provider), Arc::new(Unverified(provider)));
        Self { mode: SslMode::Disable, authorities: None, connector }
    }

    /// Encryption after `mode`, with the authorities of the file `authorities` or else the system's.
    pub(super) fn new(mode: SslMode, authorities: Option<PathBuf>) -> Result<Self, Error> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let verifier: Arc<dyn ServerCertVerifier> = match mode {
            SslMode::Disable | SslMode::Prefer | SslMode::Require => {
                Arc::new(Unverified(Arc::clone(&provider)))
            }
            SslMode::VerifyAuthority => Arc::new(AnyName(web_pki(&provider, authorities.as_deref())?)),
            SslMode::VerifyFull => web_pki(&provider, authorities.as_deref())?,
        };
        Ok(Self { mode, authorities, connector: connector(provider, verifier) })
    }

    pub(super) fn mode(&self) -> SslMode {
        self.mode
    }

    pub(super) fn authorities(&self) -> Option<&Path> {
        self.authorities.as_deref()
    }

    pub(super) fn connector(&self) -> MakeRustlsConnect {
        self.connector.clone()
    }
}

fn connector(provider: Arc<CryptoProvider>, verifier: Arc<dyn ServerCertVerifier>) -> MakeRustlsConnect {
    let builder = ClientConfig::builder_with_provider(provider);
    #[expect(clippy::expect_used, reason = "the provider of this build has cipher suites for these versions")]
    let builder = builder.with_safe_default_protocol_versions().expect("versions that the provider knows");
    let mut config = builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth();
    // What a server that negotiates TLS without a request first (PostgreSQL 17) insists on.
    config.alpn_protocols = vec![b"postgresql".to_vec()];
    MakeRustlsConnect::new(config)
}

fn web_pki(provider: &Arc<CryptoProvider>, file: Option<&Path>) -> Result<Arc<WebPkiServerVerifier>, Error> {
    let roots = Arc::new(authorities(file)?);
    WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(provider))
        .build()
        .map_err(|error| Error::LoadAuthorities(error.to_string()))
}

fn authorities(file: Option<&Path>) -> Result<RootCertStore, Error> {
    let certificates = match file {
        Some(path) => CertificateDer::pem_file_iter(path)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|error| Error::LoadAuthorities(format!("{}: {error}", path.display())))?,
        None => rustls_native_certs::load_native_certs().certs,
    };
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(certificates);
    if added == 0 {
        let at = file.map_or("this system".into(), Path::to_string_lossy);
        return Err(Error::LoadAuthorities(format!("{at} has none; name a file with sslrootcert")));
    }
    Ok(roots)
}

/// Takes any certificate: `prefer` and `require`. The handshake's signatures are still checked.
#[derive(Debug)]
struct Unverified(Arc<CryptoProvider>);

impl ServerCertVerifier for Unverified {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let schemes = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signature, schemes)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let schemes = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, schemes)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// Takes a certificate of a trusted authority for whatever name: `verify-ca`.
#[derive(Debug)]
struct AnyName(Arc<WebPkiServerVerifier>);

impl ServerCertVerifier for AnyName {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        match self.0.verify_server_cert(certificate, intermediates, name, ocsp, now) {
            // The name is looked at last, after the chain was found good.
            Err(rustls::Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            result => result,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}
