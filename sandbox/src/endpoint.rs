//! A pattern of requests, as tests write it.

use crate::received::Received;

/// A method, or any, and a path with `*` in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Endpoint {
    method: Option<String>,
    path: String,
}

impl Endpoint {
    pub(crate) fn new(method: &str, path: &str) -> Self {
        Self {
            method: Some(method.to_owned()),
            path: path.to_owned(),
        }
    }

    /// `POST v3/pay/transactions/native`, or a path alone; the first slash may be missing, and `*`
    /// alone is every request.
    pub(crate) fn parse(text: &str) -> Self {
        let (method, path) = match text.trim().split_once(' ') {
            Some((method, path)) => (Some(method.to_owned()), path.trim()),
            None => (None, text.trim()),
        };
        let path = match path {
            "*" => path.to_owned(),
            _ => format!("/{}", path.trim_start_matches('/')),
        };
        Self { method, path }
    }

    pub(crate) fn matches(&self, request: &Received) -> bool {
        self.is(request.method(), request.path())
    }

    pub(crate) fn is(&self, method: &str, path: &str) -> bool {
        self.method.as_deref().is_none_or(|known| known == method) && fits(&self.path, path)
    }
}

/// Whether a path fits: a `*` at the end stands for whatever follows, one elsewhere for a segment
/// or a part of it.
fn fits(pattern: &str, path: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else {
        return pattern == path;
    };
    let Some(after) = path.strip_prefix(start) else {
        return false;
    };
    if rest.is_empty() {
        return true;
    }
    let end = after.find('/').unwrap_or(after.len());
    (0..=end)
        .filter_map(|index| after.get(index..))
        .any(|after| fits(rest, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_is_a_segment_or_at_the_end_everything() {
        for (pattern, path, is) in [
            ("*", "/v3/a", true),
            ("v3/a", "/v3/a", true),
            ("/v3/a", "/v3/a/b", false),
            ("/v3/a*", "/v3/a/b", true),
            ("v3/*/c", "/v3/b/c", true),
            ("v3/*/c", "/v3/a/b/c", false),
            ("v3/x*/*", "/v3/xy/z/z", true),
            ("v3/a", "/v3/b", false),
        ] {
            assert_eq!(
                Endpoint::parse(pattern).is("GET", path),
                is,
                "{pattern} {path}"
            );
        }
        let post = Endpoint::parse("POST v3/a");
        assert!(post.is("POST", "/v3/a"));
        assert!(!post.is("GET", "/v3/a"));
    }
}
