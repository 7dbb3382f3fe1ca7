//! WeChat Pay's own sandboxes of APIv2, the older and the newer, as far as a program can tell them
//! from the real thing: where they are, what they sign with, and what they say otherwise.

use crate::apiv2::{Call, KNOWN, Said};
use crate::xml::Fields;

/// What they sign with, whoever asks. It is public, as all keys here.
pub(super) const KEY: &str = "WechatpaySandboxSignkeyForTrials";

const _: () = assert!(KEY.len() == 32);

const OLD: &str = "/sandboxnew";
const NEW: &str = "/xdc/apiv2sandbox";

/// Where that key is.
const KEYS: [&str; 2] = [
    "/sandboxnew/pay/getsignkey",
    "/xdc/apiv2getsignkey/sign/getsignkey",
];

/// What the newer one has.
const IN_NEW: [&str; 2] = ["/pay/micropay", "/pay/orderquery"];

/// What the older one also has without `secapi` before it.
const MOVED: [(&str, &str); 2] = [
    ("/pay/refund", "/secapi/pay/refund"),
    ("/pay/reverse", "/secapi/pay/reverse"),
];

/// Which WeChat Pay a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum World {
    Real,
    Old,
    New,
}

/// What WeChat Pay says to a signature that is wrong, where it says so otherwise than usual.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wrong {
    /// It was made with the merchant's key.
    MerchantsKey,
    Otherwise,
}

impl Wrong {
    pub(super) fn message(self) -> &'static str {
        match self {
            Self::MerchantsKey => "验证签名失败, 请调用getsignkey生成沙箱密钥",
            Self::Otherwise => {
                "沙箱验证签名失败，请确认沙箱签名key是否正确（通过getsignkey调用生成）"
            }
        }
    }
}

/// The world of a path; where the key is, the merchant signs with its own.
pub(super) fn world(path: &str) -> World {
    let is_in = |place: &str| {
        let rest = path.strip_prefix(place);
        rest.is_some_and(|rest| rest.starts_with('/'))
    };
    match () {
        () if is_sign_key(path) => World::Real,
        () if is_in(OLD) => World::Old,
        () if is_in(NEW) => World::New,
        () => World::Real,
    }
}

/// The endpoint at this path, by its name in the real world; `None` for one that the gateway doesn't
/// know.
pub(super) fn known(path: &str) -> Option<&'static str> {
    let find = |path: &str| KNOWN.iter().copied().find(|known| *known == path);
    match world(path) {
        World::Real => find(path),
        World::Old => {
            let rest = path.strip_prefix(OLD)?;
            let moved = MOVED.iter().find(|(there, _)| *there == rest);
            find(moved.map_or(rest, |(_, real)| *real))
        }
        World::New => {
            let rest = path.strip_prefix(NEW)?;
            find(rest).filter(|known| IN_NEW.contains(known))
        }
    }
}

pub(super) fn is_sign_key(path: &str) -> bool {
    KEYS.contains(&path)
}

/// Gives the key, unsigned.
pub(super) fn sign_key(call: &Call) -> Said {
    Said::Unsigned(
        Fields::default()
            .with("return_code", "SUCCESS")
            .with("return_msg", "OK")
            .with("mch_id", call.merchant())
            .with("sandbox_signkey", KEY),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_has_a_world_and_an_endpoint() {
        for (path, expected, endpoint) in [
            ("/pay/orderquery", World::Real, Some("/pay/orderquery")),
            ("/pay/refund", World::Real, None),
            (
                "/sandboxnew/pay/refund",
                World::Old,
                Some("/secapi/pay/refund"),
            ),
            (
                "/sandboxnew/secapi/pay/reverse",
                World::Old,
                Some("/secapi/pay/reverse"),
            ),
            ("/sandboxnew/pay/nothing", World::Old, None),
            ("/sandboxnew/pay/getsignkey", World::Real, None),
            (
                "/xdc/apiv2sandbox/pay/micropay",
                World::New,
                Some("/pay/micropay"),
            ),
            ("/xdc/apiv2sandbox/pay/unifiedorder", World::New, None),
            ("/sandboxnewer/pay/micropay", World::Real, None),
        ] {
            assert_eq!(world(path), expected, "{path}");
            assert_eq!(known(path), endpoint, "{path}");
        }
    }
}
