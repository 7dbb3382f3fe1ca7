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

/// Turns a tree of segments into the places of the module it stands in.
///
/// The first line is the root. Each line after it is `name "segment"`, or `(_name_ name)` for a
/// variable, then in brackets the verbs that are known with their official titles, then in braces
/// what may follow; brackets and braces may be absent.
macro_rules! places {
    ($root:ident $segment:literal { $($inner:tt)* }) => {
        /// Marks this place.
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
    };

    (@in [$path:expr]) => {};
    (@in [$path:expr] ($mark:ident $name:ident) [$($verb:ident $title:literal),+] {$($inner:tt)*} $($rest:tt)*) => {
        places!(@variable [$path] $mark $name [$($verb $title),+] {$($inner)*});
        places!(@in [$path] $($rest)*);
    };
    (@in [$path:expr] ($mark:ident $name:ident) [$($verb:ident $title:literal),+] $($rest:tt)*) => {
        places!(@variable [$path] $mark $name [$($verb $title),+] {});
        places!(@in [$path] $($rest)*);
    };
    (@in [$path:expr] ($mark:ident $name:ident) {$($inner:tt)*} $($rest:tt)*) => {
        places!(@variable [$path] $mark $name [] {$($inner)*});
        places!(@in [$path] $($rest)*);
    };
    (@in [$path:expr] $name:ident $segment:literal [$($verb:ident $title:literal),+] {$($inner:tt)*} $($rest:tt)*) => {
        places!(@segment [$path] $name $segment [$($verb $title),+] {$($inner)*});
        places!(@in [$path] $($rest)*);
    };
    (@in [$path:expr] $name:ident $segment:literal [$($verb:ident $title:literal),+] $($rest:tt)*) => {
        places!(@segment [$path] $name $segment [$($verb $title),+] {});
        places!(@in [$path] $($rest)*);
    };
    (@in [$path:expr] $name:ident $segment:literal {$($inner:tt)*} $($rest:tt)*) => {
        places!(@segment [$path] $name $segment [] {$($inner)*});
        places!(@in [$path] $($rest)*);
    };

    (@segment [$path:expr] $name:ident $segment:literal [$($verb:ident $title:literal),*] {$($inner:tt)*}) => {
        impl $crate::catalogue::At<Here> {
            #[doc = concat!("The segment `", $segment, "`.")]
            $(#[doc = ""] #[doc = $title])*
            pub fn $name(&self) -> $crate::catalogue::At<$name::Here> {
                let chain = self.step(concat!($path, "/", $segment), $segment);
                $crate::catalogue::At::new(chain)
            }
        }
        places!(@module $name [concat!($path, "/", $segment)] [$($verb $title),*] {$($inner)*});
    };
    (@variable [$path:expr] $mark:ident $name:ident [$($verb:ident $title:literal),*] {$($inner:tt)*}) => {
        impl $crate::catalogue::At<Here> {
            #[doc = concat!("The template `{", stringify!($name), "}`, filled by `.var(\"", stringify!($name), "\", …)`.")]
            $(#[doc = ""] #[doc = $title])*
            pub fn $mark(&self) -> $crate::catalogue::At<$name::Here> {
                let segment = concat!("{", stringify!($name), "}");
                let chain = self.step(concat!($path, "/{", stringify!($name), "}"), segment);
                $crate::catalogue::At::new(chain)
            }

            #[doc = concat!("A value for `{", stringify!($name), "}`: percent-encoded, its letters as they are.")]
            $(#[doc = ""] #[doc = $title])*
            pub fn $name(&self, value: impl AsRef<str>) -> $crate::catalogue::At<$name::Here> {
                $crate::catalogue::At::new(self.value(stringify!($name), value.as_ref()))
            }
        }
        places!(@module $name [concat!($path, "/{", stringify!($name), "}")] [$($verb $title),*] {$($inner)*});
    };
    (@module $name:ident [$path:expr] [$($verb:ident $title:literal),*] {$($inner:tt)*}) => {
        #[doc = concat!("`", $path, "`")]
        $(#[doc = ""] #[doc = concat!(stringify!($verb), " ", $title)])*
        pub mod $name {
            /// Marks this place.
            #[derive(Debug)]
            #[non_exhaustive]
            pub enum Here {}

            places!(@in [$path] $($inner)*);
        }
    };
}

pub mod v3;
