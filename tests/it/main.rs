//! The library through its public API, mostly against the sandbox: one binary, linked once.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod chain;
mod request;
mod settings;
mod signing;
mod support;
