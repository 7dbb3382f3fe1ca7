//! WeChat Pay (微信支付) for Rust. (docs to come)

#![cfg_attr(docsrs, feature(doc_cfg))]
#![recursion_limit = "256"]

mod address;
mod chain;
mod client;
mod crypto;
mod error;
mod options;
mod payload;
mod platform;
mod protocol;
mod query;
mod request;
mod response;
mod template;
mod transport;

pub mod catalogue;
pub mod formatter;
pub mod pem;

/// RSA keys: the merchant's private key signs, WeChat Pay's public key verifies.
pub mod rsa {
    pub use crate::crypto::rsa::{PrivateKey, PublicKey};
}

pub use chain::Chain;
pub use client::{Client, ClientBuilder};
pub use error::{
    ApiError, Check, ConfigError, DecodeError, Error, KeyError, NetworkError, Phase, RedirectError,
    RequestError, Result, SignatureState, TemplateError, VerifyError,
};
pub use payload::Payload;
pub use request::{Answer, Request, ResponseFuture};
pub use response::Response;
