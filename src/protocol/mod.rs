//! What a protocol does to a request and to its answer. No I/O happens here, and neither the
//! clock nor a random source is read.

pub(crate) mod v2;
pub(crate) mod v3;
