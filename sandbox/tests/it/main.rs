//! The gateway as a client that shares no code with it sees it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test may panic, that is how it reports"
)]

mod apiv2;
mod canned;
mod certificates;
mod client;
mod control;
mod coupons;
mod crowd;
mod fields;
mod honest;
mod life;
mod misbehaviour;
mod notices;
mod notification;
mod own_keys;
mod payments;
mod refunds;
mod shop;
mod states;
mod testing;
mod trouble;
