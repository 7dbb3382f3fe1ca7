//! What several modules need.

use wechatpay_chain::{Client, ClientBuilder};

pub(crate) const MERCHANT_KEY: &str = include_str!("../vectors/keys/merchant.key");
pub(crate) const MERCHANT_SERIAL: &str = include_str!("../vectors/keys/merchant.serial");
pub(crate) const MERCHANT_PUBLIC: &str = include_str!("../vectors/keys/merchant.pub");
pub(crate) const PLATFORM_KEY: &str = include_str!("../vectors/keys/platform.key");
pub(crate) const PLATFORM_CERTIFICATE: &str = include_str!("../vectors/keys/platform.crt");
pub(crate) const PLATFORM_SERIAL: &str = include_str!("../vectors/keys/platform.serial");

/// The settings of the recorded requests.
pub(crate) fn recorded(mchid: &str) -> ClientBuilder {
    Client::builder()
        .mchid(mchid)
        .serial(MERCHANT_SERIAL)
        .private_key(MERCHANT_KEY)
        .platform_certificate(PLATFORM_CERTIFICATE)
}

/// A client with the recorded keys, towards the default host: for what is never sent.
pub(crate) fn offline() -> Client {
    recorded("1900000109").build().unwrap()
}
