//! The command as a process, against the sandbox: what it prints, where, and how it ends.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test that can't go on has failed"
)]

mod bill;
mod config;
mod endpoints;
mod explain;
mod help;
mod keys;
mod sandbox;
mod support;
mod trigger;
mod upload;
