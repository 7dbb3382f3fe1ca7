//! The library through its public API, mostly against the sandbox: one binary, linked once.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod again;
mod bills;
mod catalogue;
mod catalogue_chains;
mod chain;
// Once is enough: what the compiler says depends on no feature.
#[cfg(feature = "aws-lc-rs")]
mod compile_errors;
mod crypto;
mod cuts;
mod elsewhere;
mod errors;
mod faults;
mod given_back;
mod leaks;
mod media;
mod misbehaviour;
mod mutual_tls;
mod network;
mod notifications;
mod openssl;
mod pay_params;
mod platform;
mod porting;
mod properties;
mod proxies;
mod request;
mod runtimes;
#[cfg(feature = "aws-lc-rs")]
mod sensitive;
mod settings;
mod shutdown;
mod signing;
mod spans;
mod statements;
mod streams;
mod support;
mod templates;
mod unsent;
mod v2;
mod v2_cases;
mod v2_sandbox;
mod vectors;
mod way;
mod xml;
