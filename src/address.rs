//! Which addresses are taken: the base address, and those that WeChat Pay itself returned.

use std::net::IpAddr;
use std::sync::Arc;

use http::uri::{Authority, PathAndQuery, Scheme};
use url::{Host, Url};

use crate::error::{Error, Result};
use crate::pem;
use crate::transport::failover::Origin;

const BASE_WANTED: &str = "an absolute https address such as https://api.mch.weixin.qq.com/, \
     without query, fragment or credentials";

/// What is longer is no address of a gateway, but may be a key in the wrong place.
const LONG: usize = 100;

/// Where requests go: scheme, host and port, and the path that stands before theirs.
#[derive(Debug, Clone)]
pub(crate) struct Base {
    pub(crate) scheme: Scheme,
    pub(crate) authority: Authority,
    /// Begins and ends with a slash.
    pub(crate) prefix: Arc<str>,
    /// Whether the host is this machine, or the one that plain http was allowed for.
    pub(crate) is_private: bool,
}

impl Base {
    /// Reads `base_uri`; `plain` is the one host besides loopback that may be spoken to in plain
    /// http.
    pub(crate) fn parse(text: &str, plain: Option<&str>) -> Result<Self> {
        let text = text.trim();
        let refuse = |what: &str| {
            // What stands before an `@` or behind a `?` may be a credential, and so may both at once.
            let shown = text.split(['?', '#']).next().unwrap_or_default();
            let given = if text.contains('@') {
                format!("an address that has {what}")
            } else if shown.len() > LONG {
                format!("{} has {what}", pem::outline(shown))
            } else {
                format!("{shown:?} has {what}")
            };
            Error::config("base_uri", given, BASE_WANTED)
        };
        let Ok(url) = Url::parse(text) else {
            return Err(refuse("no scheme and host that can be read"));
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(refuse("credentials"));
        }
        if url.query().is_some() {
            return Err(refuse("a query"));
        }
        if url.fragment().is_some() {
            return Err(refuse("a fragment"));
        }
        let mut prefix = url.path().to_owned();
        if !prefix.ends_with('/') {
            prefix.push('/');
        }
        let (scheme, authority) = origin(&url).ok_or_else(|| refuse("no http(s) host"))?;
        if is_rewritten(text, &url) {
            return Err(refuse(
                "dots, backslashes or characters that would be rewritten before they are sent",
            ));
        }
        let host = authority.host().trim_matches(['[', ']']);
        let is_private = is_loopback(&url) || plain.is_some_and(|plain| plain == host);
        if scheme == Scheme::HTTP && (!is_private || is_tencents(host)) {
            return Err(Error::config(
                "base_uri",
                format!("plain http to {host}"),
                "https; plain http is for loopback, or for the one host named in \
                 .allow_plain_http(host), and never for WeChat Pay's",
            ));
        }
        Ok(Self {
            scheme,
            authority,
            prefix: prefix.into(),
            is_private,
        })
    }

    /// A host of the catalogue's.
    pub(crate) fn of_host(host: &str) -> Result<Self> {
        Self::parse(&format!("https://{host}/"), None)
    }

    /// The host, and its port where it is not the scheme's own.
    pub(crate) fn host(&self) -> &str {
        self.authority.as_str()
    }

    pub(crate) fn origin(&self) -> Origin {
        (self.scheme.clone(), self.authority.clone())
    }
}

/// An address that WeChat Pay itself returned, as it stands.
#[derive(Debug, Clone)]
pub(crate) struct Absolute {
    pub(crate) scheme: Scheme,
    pub(crate) authority: Authority,
    pub(crate) target: PathAndQuery,
}

impl Absolute {
    /// Reads the address of [`Client::url`](crate::Client::url): only where the `Authorization`
    /// header may go.
    pub(crate) fn parse(text: &str, base: &Base) -> Result<Self> {
        let text = text.trim();
        let refuse = |part: &str, wanted: &str| Err(Error::request(format!("url: {part}"), wanted));
        let Ok(url) = Url::parse(text) else {
            return refuse(
                "it is no absolute address",
                "https://host/path, as it was returned",
            );
        };
        let Some((scheme, authority)) = origin(&url) else {
            return refuse(
                "it is no http(s) address",
                "https://host/path, as it was returned",
            );
        };
        if !url.username().is_empty() || url.password().is_some() {
            return refuse(
                "it holds credentials",
                "an address without user and password",
            );
        }
        if url.fragment().is_some() {
            return refuse(
                "it has a fragment, which is never sent",
                "an address without `#…`",
            );
        }
        if is_rewritten(text, &url) {
            return refuse(
                "it holds dots, backslashes or characters that would be rewritten before they are \
                 sent",
                "the address as WeChat Pay returned it, percent-encoded",
            );
        }
        let is_base = scheme == base.scheme && authority == base.authority;
        let is_wechat_pay =
            scheme == Scheme::HTTPS && url.port().is_none() && is_wechat_pay(authority.host());
        if !is_base && !is_wechat_pay {
            return refuse(
                &format!("the host {authority} may not see this merchant's Authorization header"),
                "a host of WeChat Pay by https, or that of base_uri",
            );
        }
        let target = text
            .split_once("://")
            .and_then(|(_, rest)| rest.find(['/', '?']).and_then(|start| rest.get(start..)));
        let target = match target {
            None => "/".to_owned(),
            Some(query) if query.starts_with('?') => format!("/{query}"),
            Some(target) => target.to_owned(),
        };
        match target.parse() {
            Ok(target) => Ok(Self {
                scheme,
                authority,
                target,
            }),
            Err(_) => refuse("its path can't be sent", "a percent-encoded path"),
        }
    }
}

/// Scheme, host and port of an http(s) address.
fn origin(url: &Url) -> Option<(Scheme, Authority)> {
    let scheme = match url.scheme() {
        "https" => Scheme::HTTPS,
        "http" => Scheme::HTTP,
        _ => return None,
    };
    let host = url.host_str()?;
    let authority = match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    };
    Some((scheme, authority.parse().ok()?))
}

/// Whether `url` is anything else than `text` but for the case of scheme and host, a port that is
/// the scheme's own, and an absent root slash.
///
/// What was checked must be what is dialled and sent.
fn is_rewritten(text: &str, url: &Url) -> bool {
    let Some((scheme, rest)) = text.split_once("://") else {
        return true;
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let scheme = scheme.to_ascii_lowercase();
    let authority = authority.to_ascii_lowercase();
    let own_port = if scheme == "https" { ":443" } else { ":80" };
    let authority = authority.strip_suffix(own_port).unwrap_or(&authority);
    let slash = if path.starts_with('/') { "" } else { "/" };
    url.as_str() != format!("{scheme}://{authority}{slash}{path}")
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => IpAddr::from(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::from(address).is_loopback(),
        None => false,
    }
}

/// WeChat Pay's own hosts.
pub(crate) fn is_wechat_pay(host: &str) -> bool {
    let host = host.to_ascii_lowercase();
    host == "payapp.weixin.qq.com"
        || host.ends_with(".mch.weixin.qq.com")
        || host.ends_with(".wechatpay.cn")
}

/// Names under which WeChat Pay and its pages are reached: never in plain http.
pub(crate) fn is_tencents(host: &str) -> bool {
    let host = host.to_ascii_lowercase();
    let host = host.trim_end_matches('.');
    ["weixin.qq.com", "wechatpay.cn", "tenpay.com"]
        .iter()
        .any(|name| {
            host.strip_suffix(name)
                .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base(text: &str) -> Result<Base> {
        Base::parse(text, Some("sandbox"))
    }

    #[test]
    fn a_base_gets_its_final_slash_and_keeps_its_path() {
        let base = base(" HTTPS://API.mch.weixin.qq.com:443/hk ").unwrap();
        assert_eq!(base.host(), "api.mch.weixin.qq.com");
        assert_eq!(&*base.prefix, "/hk/");
        assert!(!base.is_private);
        assert_eq!(&*Base::parse("https://h", None).unwrap().prefix, "/");
    }

    #[test]
    fn a_base_that_is_relative_or_carries_more_is_refused() {
        for text in [
            "",
            "api.mch.weixin.qq.com",
            "/v3",
            "ftp://h/",
            "file:///etc",
            "https://u:p@h/",
            "https://u@h/",
            "https://h/?a=1",
            "https://h/#f",
            "https://h/a/../b",
            "https://h/%2e%2e/b",
            "https:\\\\h\\",
            "https:/h/",
            "https://h/a b",
            "https://微信.cn/",
            "https://h\n.cn/",
        ] {
            let error = base(text).unwrap_err();
            assert!(matches!(error, Error::Config(_)), "{text:?}: {error}");
        }
    }

    #[test]
    fn plain_http_is_for_loopback_and_the_one_host_that_was_named() {
        for text in [
            "http://127.0.0.1:1/",
            "http://[::1]/",
            "http://localhost/",
            "http://sandbox:8/",
        ] {
            assert!(base(text).unwrap().is_private, "{text}");
        }
        for text in [
            "http://api.mch.weixin.qq.com/",
            "http://h/",
            "http://sandbox.evil/",
        ] {
            assert!(base(text).is_err(), "{text}");
        }
        assert!(Base::parse("http://api2.wechatpay.cn/", Some("api2.wechatpay.cn")).is_err());
    }

    #[test]
    fn only_hosts_that_may_see_authorization_are_taken_as_addresses() {
        let base = base("https://127.0.0.1:8443/").unwrap();
        for text in [
            "https://api.mch.weixin.qq.com/v3/billdownload/file?token=AbC%2B",
            " https://api.wechatpay.cn/x",
            "https://payapp.weixin.qq.com/x",
            "https://API2.MCH.weixin.qq.com",
            "https://127.0.0.1:8443/x",
        ] {
            Absolute::parse(text, &base).unwrap();
        }
        for text in [
            "https://evil.example/file?token=x",
            "http://api.mch.weixin.qq.com/x",
            "https://api.mch.weixin.qq.com:8443/x",
            "https://api.mch.weixin.qq.com./x",
            "https://evilmch.weixin.qq.com/x",
            "https://mch.weixin.qq.com/x",
            "https://wechatpay.cn/x",
            "https://api.mch.weixin.qq.com@evil.example/x",
            "https://u@api.mch.weixin.qq.com/x",
            "https://api.mch.weixin.qq.com\\@evil.example/x",
            "https://api.mch.weixin.qq.com/a/../b",
            "https://api.mch.weixin.qq.com/a\tb",
            "https://api.mch.weixin.qq.com/a b",
            "https://api.mch.weixin.qq.com/#f",
            "https://127.0.0.1/x",
            "http://127.0.0.1:8443/x",
            "v3/x",
        ] {
            let error = Absolute::parse(text, &base).unwrap_err();
            assert!(matches!(error, Error::Request(_)), "{text}");
        }
        let kept = Absolute::parse("https://api.mch.weixin.qq.com/f?t=AbC%2B=", &base).unwrap();
        assert_eq!(kept.target.as_str(), "/f?t=AbC%2B=");
    }
}
