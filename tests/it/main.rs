//! The library through its public API, mostly against the sandbox: one binary, linked once.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod network;
mod runtimes;
mod way;
