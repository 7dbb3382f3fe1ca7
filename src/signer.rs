//! Keys that are elsewhere: in a key management service, or behind a service of one's own.

use std::error::Error as StdError;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::rsa::PrivateKey;

/// Why a service did not sign or verify. Its text is shown in errors: keep secrets out of it.
pub type ServiceError = Box<dyn StdError + Send + Sync>;

/// What a [`Signer`] or a [`Verifier`] gives: a boxed future, so that both are object safe.
pub type ServiceFuture<'a, T> =
    Pin<Box<dyn Future<Output = std::result::Result<T, ServiceError>> + Send + 'a>>;

/// Signs requests with the merchant's private key, wherever that is: see
/// [`ClientBuilder::signer`](crate::ClientBuilder::signer).
///
/// It runs within the limit of the request. A request whose signature does not come is not sent.
///
/// ```
/// use wechatpay_chain::{ServiceFuture, Signer};
///
/// struct Kms;
///
/// impl Signer for Kms {
///     fn sign<'a>(&'a self, message: &'a [u8]) -> ServiceFuture<'a, String> {
///         Box::pin(async move { ask_the_service(message).await.map_err(Into::into) })
///     }
/// }
/// # async fn ask_the_service(_: &[u8]) -> std::io::Result<String> { Ok(String::new()) }
/// ```
pub trait Signer: Send + Sync {
    /// Signs a message with RSASSA-PKCS1-v1_5 and SHA-256: the signature in base64.
    fn sign<'a>(&'a self, message: &'a [u8]) -> ServiceFuture<'a, String>;
}

/// Verifies the signatures of answers and notifications with WeChat Pay's keys, wherever those are:
/// see [`ClientBuilder::verifier`](crate::ClientBuilder::verifier).
pub trait Verifier: Send + Sync {
    /// Whether `signature`, in base64, is that of the platform key `serial` over the message:
    /// RSASSA-PKCS1-v1_5 and SHA-256. The headers and the clock were checked before.
    ///
    /// Only `Ok(true)` is trusted.
    fn verify<'a>(
        &'a self,
        serial: &'a str,
        message: &'a [u8],
        signature: &'a str,
    ) -> ServiceFuture<'a, bool>;
}

/// The merchant's private key.
#[derive(Clone)]
pub(crate) enum MerchantKey {
    Here(PrivateKey),
    Elsewhere(Arc<dyn Signer>),
}

impl MerchantKey {
    /// The key, for what only a key that is here can do.
    pub(crate) fn here(&self) -> Result<&PrivateKey> {
        match self {
            Self::Here(key) => Ok(key),
            Self::Elsewhere(_) => Err(Error::request(
                "the private key is elsewhere, behind a Signer",
                ".await, .wait() or .sign(), which ask it",
            )),
        }
    }
}
