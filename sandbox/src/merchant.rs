//! One merchant of several.

use std::fmt;
use std::io;

use wechatpay_chain::{Client, ClientBuilder};

use crate::orders::Payer;
use crate::{Sandbox, client, client_builder, delete_coupon, end_refund, pay, pay_fails, withdraw};

/// A merchant of a sandbox: see [`Sandbox::merchant`].
#[derive(Clone, Copy)]
pub struct Merchant<'a> {
    sandbox: &'a Sandbox,
    mchid: &'a str,
}

impl<'a> Merchant<'a> {
    pub(crate) fn new(sandbox: &'a Sandbox, mchid: &'a str) -> Self {
        Self { sandbox, mchid }
    }

    /// Its number.
    #[must_use]
    pub fn mchid(&self) -> &'a str {
        self.mchid
    }

    /// A client of this merchant, ready to call the gateway: as [`Sandbox::client`], with
    /// connections of its own.
    ///
    /// # Errors
    ///
    /// When the number is none that a client takes.
    pub fn client(&self) -> io::Result<Client> {
        let Self { sandbox, mchid } = self;
        let (keys, root) = (&sandbox.gateway.keys, sandbox.root_certificate());
        let client = client(keys, mchid, &sandbox.base_uri(), root);
        client.map_err(io::Error::other)
    }

    /// What a client of this merchant needs and nothing else: as [`Sandbox::client_builder`].
    #[must_use]
    pub fn client_builder(&self) -> ClientBuilder {
        let Self { sandbox, mchid } = self;
        let (keys, root) = (&sandbox.gateway.keys, sandbox.root_certificate());
        client_builder(keys, mchid, &sandbox.base_uri(), root)
    }

    /// Has the user pay an order of this merchant: as [`Sandbox::pay`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn pay(&self, out_trade_no: impl AsRef<str>) -> io::Result<String> {
        let payer = Payer::default();
        pay(
            &self.sandbox.gateway,
            self.mchid,
            out_trade_no.as_ref(),
            payer,
        )
    }

    /// Has the user fail to pay an order of this merchant: as [`Sandbox::pay_fails`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn pay_fails(
        &self,
        out_trade_no: impl AsRef<str>,
        reason: impl AsRef<str>,
    ) -> io::Result<()> {
        let (number, reason) = (out_trade_no.as_ref(), reason.as_ref());
        pay_fails(&self.sandbox.gateway, self.mchid, number, "", reason)
    }

    /// Ends a refund of this merchant: as [`Sandbox::end_refund`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn end_refund(
        &self,
        out_refund_no: impl AsRef<str>,
        status: impl AsRef<str>,
    ) -> io::Result<()> {
        let (number, status) = (out_refund_no.as_ref(), status.as_ref());
        end_refund(&self.sandbox.gateway, self.mchid, number, status)
    }

    /// Has the user delete a coupon of this merchant: as [`Sandbox::delete_coupon`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn delete_coupon(&self, coupon_code: impl AsRef<str>) -> io::Result<()> {
        delete_coupon(&self.sandbox.gateway, self.mchid, coupon_code.as_ref())
    }

    /// Takes this much, in fen, out of this merchant's balance: as [`Sandbox::withdraw`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn withdraw(&self, amount: u64) -> io::Result<()> {
        withdraw(&self.sandbox.gateway, self.mchid, amount)
    }
}

impl fmt::Debug for Merchant<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Merchant")
            .field("mchid", &self.mchid)
            .finish_non_exhaustive()
    }
}
