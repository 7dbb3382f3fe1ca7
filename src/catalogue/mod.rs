//! The places of WeChat Pay's paths, so that the compiler and the editor know what may follow.
//!
//! A step such as `client.v3().marketing()` gives an [`At`] of the place's own; it derefs to
//! [`Chain`], so a place that is not listed here is reached by [`Chain::chain`] at any point.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;

use crate::chain::Chain;

/// A chain at a known place, `P`.
pub struct At<P> {
    chain: Chain,
    place: PhantomData<fn() -> P>,
}

impl<P> At<P> {
    pub(crate) fn new(chain: Chain) -> Self {
        Self {
            chain,
            place: PhantomData,
        }
    }
}

impl<P> Clone for At<P> {
    fn clone(&self) -> Self {
        Self::new(self.chain.clone())
    }
}

impl<P> fmt::Debug for At<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.chain.fmt(f)
    }
}

impl<P> Deref for At<P> {
    type Target = Chain;

    fn deref(&self) -> &Chain {
        &self.chain
    }
}

impl<P> From<At<P>> for Chain {
    fn from(place: At<P>) -> Self {
        place.chain
    }
}

/// Turns a tree of segments into the places of the module it stands in, and into the `TREE` that
/// [`endpoints`] reads.
///
/// The first line is the root. Each line after it is a place: for a segment `method "segment"`,
/// for a variable `_name_ name "{name}"`, the methods for the template and for the value. Then may
/// follow, in this order:
///
/// - `@ "host"`, for a place whose endpoints, here and below, have a host of their own;
/// - in brackets the known verbs with their official titles, and in parentheses behind a title what
///   the client acts on: `certificate` (APIv2's mutual TLS), and the sensitive fields as JSON
///   pointers of the `request` and the `response`, or as names of the `query`; `pkcs1v15` where
///   these are not encrypted with OAEP;
/// - in braces what may follow.
macro_rules! places {
    ($root:ident $segment:literal $(@ $host:literal)? { $($inner:tt)* }) => {
        /// Marks this place.
        #[doc(hidden)]
        #[derive(Debug)]
        #[non_exhaustive]
        pub enum Here {}

        impl $crate::Client {
            #[doc = concat!("The paths under `", $segment, "`.")]
            pub fn $root(&self) -> $crate::catalogue::At<Here> {
                $crate::catalogue::At::new(self.fixed($segment))
            }
        }

        places!(@in [$segment] $($inner)*);

        pub(in crate::catalogue) static TREE: $crate::catalogue::tree::Node = $crate::catalogue::tree::Node {
            method: stringify!($root),
            segment: $segment,
            host: places!(@host $($host)?),
            verbs: &[],
            children: places!(@children $($inner)*),
        };
    };

    (@in [$path:expr] $(
        $method:ident $($value:ident)? $segment:literal $(@ $host:literal)?
        $([ $($verb:ident $title:literal $(( $($mark:tt)* ))?),+ ])?
        $({ $($inner:tt)* })?
    )*) => {
        $(
            places!(@place [$path] $method $($value)? $segment [$($($title)+)?]);

            #[doc = concat!("`", $path, "/", $segment, "`")]
            $($(
                #[doc = ""]
                #[doc = concat!("- ", stringify!($verb), " ", $title)]
            )+
            #[doc = ""]
            #[doc = concat!("<https://wechatpay.im/openapi/", $path, "/", $segment, ">")])?
            pub mod $method {
                /// Marks this place.
                #[doc(hidden)]
                #[derive(Debug)]
                #[non_exhaustive]
                pub enum Here {}

                places!(@in [concat!($path, "/", $segment)] $($($inner)*)?);
            }
        )*
    };

    (@place [$path:expr] $method:ident $segment:literal [$($title:literal)*]) => {
        #[doc(hidden)]
        impl $crate::catalogue::At<Here> {
            #[doc = concat!("The segment `", $segment, "`.")]
            $(
                #[doc = ""]
                #[doc = $title]
            )*
            pub fn $method(&self) -> $crate::catalogue::At<$method::Here> {
                let chain = self.step(concat!($path, "/", $segment), $segment);
                $crate::catalogue::At::new(chain)
            }
        }
    };
    (@place [$path:expr] $method:ident $value:ident $segment:literal [$($title:literal)*]) => {
        places!(@place [$path] $method $segment [$($title)*]);

        #[doc(hidden)]
        impl $crate::catalogue::At<Here> {
            #[doc = concat!("A value for `", $segment, "`: percent-encoded, its letters as they are.")]
            $(
                #[doc = ""]
                #[doc = $title]
            )*
            pub fn $value(&self, value: impl AsRef<str>) -> $crate::catalogue::At<$method::Here> {
                $crate::catalogue::At::new(self.value(stringify!($value), value.as_ref()))
            }
        }
    };

    (@children $(
        $method:ident $($value:ident)? $segment:literal $(@ $host:literal)?
        $([ $($verb:ident $title:literal $(( $($mark:tt)* ))?),+ ])?
        $({ $($inner:tt)* })?
    )*) => {
        &[$(
            $crate::catalogue::tree::Node {
                method: stringify!($method),
                segment: $segment,
                host: places!(@host $($host)?),
                verbs: &[$($(
                    $crate::catalogue::tree::Verb {
                        verb: stringify!($verb),
                        title: $title,
                        marks: places!(@marks $($($mark)*)?),
                    }
                ),+)?],
                children: places!(@children $($($inner)*)?),
            }
        ),*]
    };
    (@host) => { None };
    (@host $host:literal) => { Some($host) };
    (@marks $($mark:ident $(: $fields:literal)?),*) => {
        &[$((stringify!($mark), concat!($($fields)?))),*]
    };
}

pub(crate) mod tree;

pub mod overseas;
pub mod v2;
pub mod v3;

pub use tree::{Endpoint, Endpoints, endpoints};

/// Every endpoint, on one page.
#[cfg_attr(doc, doc = "")]
#[cfg_attr(doc, doc = include_str!("table.md"))]
pub mod table {}
