//! The command as a process, against the sandbox: what it prints, where, and how it ends.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test that can't go on has failed"
)]

mod ask;
mod bill;
mod certs;
mod config;
mod doctor;
mod endpoints;
mod exit_codes;
mod explain;
mod help;
mod keys;
mod sandbox;
mod support;
#[cfg(target_os = "linux")]
mod terminal;
mod trigger;
mod upload;
mod verify;
