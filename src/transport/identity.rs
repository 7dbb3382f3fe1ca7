//! The merchant certificate, as TLS presents it.

use std::fmt;
use std::sync::Arc;

use rustls::client::ResolvesClientCert;
use rustls::sign::{CertifiedKey, Signer, SigningKey, SingleCertAndKey};
use rustls::{SignatureAlgorithm, SignatureScheme};

use crate::crypto::backend::signature::{
    RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384,
    RSA_PSS_SHA512, RsaEncoding,
};
use crate::rsa::{PrivateKey, PublicKey};

/// What is presented to a server that asks for a client certificate.
#[derive(Clone)]
pub(crate) struct Identity {
    certificate: PublicKey,
    key: PrivateKey,
}

impl Identity {
    /// A certificate and the private key that it was made for.
    pub(crate) fn new(certificate: &PublicKey, key: &PrivateKey) -> Self {
        Self {
            certificate: certificate.clone(),
            key: key.clone(),
        }
    }

    /// The key's public half, as PKCS#1 DER.
    pub(crate) fn public_der(&self) -> &[u8] {
        self.key.public_der()
    }

    pub(super) fn resolver(&self) -> Arc<dyn ResolvesClientCert> {
        let chain = self.certificate.chain().to_vec();
        let key = Arc::new(Handshakes(self.key.clone()));
        Arc::new(SingleCertAndKey::from(CertifiedKey::new(chain, key)))
    }
}

/// In the order of preference, which is rustls's own.
const SCHEMES: [(SignatureScheme, &dyn RsaEncoding); 6] = [
    (SignatureScheme::RSA_PSS_SHA512, &RSA_PSS_SHA512),
    (SignatureScheme::RSA_PSS_SHA384, &RSA_PSS_SHA384),
    (SignatureScheme::RSA_PSS_SHA256, &RSA_PSS_SHA256),
    (SignatureScheme::RSA_PKCS1_SHA512, &RSA_PKCS1_SHA512),
    (SignatureScheme::RSA_PKCS1_SHA384, &RSA_PKCS1_SHA384),
    (SignatureScheme::RSA_PKCS1_SHA256, &RSA_PKCS1_SHA256),
];

/// The key that is loaded already signs handshakes, too, so that there is no second copy of it.
struct Handshakes(PrivateKey);

impl SigningKey for Handshakes {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        let mut known = SCHEMES.into_iter();
        let (scheme, encoding) = known.find(|(scheme, _)| offered.contains(scheme))?;
        Some(Box::new(Handshake {
            key: self.0.clone(),
            scheme,
            encoding,
        }))
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        SignatureAlgorithm::RSA
    }
}

impl fmt::Debug for Handshakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Handshakes")
    }
}

struct Handshake {
    key: PrivateKey,
    scheme: SignatureScheme,
    encoding: &'static dyn RsaEncoding,
}

impl Signer for Handshake {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rustls::Error> {
        let signature = self.key.sign_as(self.encoding, message);
        signature.ok_or_else(|| rustls::Error::General("the merchant key does not sign".to_owned()))
    }

    fn scheme(&self) -> SignatureScheme {
        self.scheme
    }
}

impl fmt::Debug for Handshake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handshake")
            .field("scheme", &self.scheme)
            .finish_non_exhaustive()
    }
}
