//! Which endpoints somebody means by a path, and what somebody probably meant by a word.

use wechatpay_chain::catalogue::{Endpoint, endpoints};

use crate::exit::{Failure, Result};

const VERBS: [&str; 5] = ["GET", "POST", "PUT", "PATCH", "DELETE"];
/// How alike a path, and a word, must be to be offered.
const PATH_LIKENESS: f64 = 0.6;
/// The same for a path that may be one of which the catalogue has yet to hear.
const SURE_LIKENESS: f64 = 0.8;
const WORD_LIKENESS: f64 = 0.5;
/// How much less alike than the best one may be and still stand beside it.
const AS_GOOD: f64 = 0.12;
const OFFERED: usize = 5;

/// The endpoints of a path, in whichever notation: all of its verbs, or the one that was named.
///
/// The path may have a verb before it, a host, slashes around it, no `v2/`, values or any names in the
/// place of variables, and the notation of PHP's or Rust's chain.
pub(crate) fn endpoints_of(given: &str) -> Result<Vec<Endpoint>> {
    let given = given.trim();
    let (verb, path) = match given.split_once(char::is_whitespace) {
        Some((verb, path)) => (Some(verb.to_ascii_uppercase()), path.trim()),
        None => (None, given),
    };
    let stranger = verb.as_deref().filter(|verb| !VERBS.contains(verb));
    if let Some(verb) = stranger {
        return Err(Failure::usage(format_args!(
            "{verb} is no verb of WeChat Pay; they are {}",
            VERBS.join(", ")
        )));
    }
    let path = bare(path);
    let found = spellings(path)
        .iter()
        .map(|spelling| fitting(spelling))
        .find(|found| !found.is_empty());
    let Some(mut found) = found else {
        return Err(unknown(path));
    };
    let Some(verb) = verb else {
        return Ok(found);
    };
    let known: Vec<_> = found.iter().map(Endpoint::verb).collect();
    let known = known.join(", ");
    found.retain(|endpoint| endpoint.verb() == verb);
    if found.is_empty() {
        return Err(Failure::usage(format_args!(
            "{path} has no {verb} that is known; it has {known}"
        )));
    }
    Ok(found)
}

/// Without scheme, host, leading slash and query.
fn bare(path: &str) -> &str {
    let path = match path.split_once("://") {
        Some((_, rest)) => rest.split_once('/').map_or("", |(_, path)| path),
        None => path,
    };
    let path = path.split('?').next().unwrap_or_default();
    path.trim_start_matches('/')
}

/// The path as it stands, as PHP's chain would have it, and both under `v2/`.
fn spellings(path: &str) -> Vec<String> {
    let mut spellings = vec![path.to_owned()];
    if let Some(stripped) = path.strip_suffix('/') {
        spellings.push(stripped.to_owned());
    }
    let is_chain = !path.contains('/') && path.contains(['.', '>']);
    let path = match is_chain {
        true => path.replace("->", "/").replace("()", "").replace('.', "/"),
        false => path.trim_end_matches('/').to_owned(),
    };
    let path = path.trim_start_matches('$').trim_start_matches("client/");
    let segments: Vec<_> = path.split('/').map(recased).collect();
    spellings.push(segments.join("/"));
    let of_v2: Vec<_> = spellings.iter().map(|path| format!("v2/{path}")).collect();
    spellings.extend(of_v2);
    spellings
}

/// PHP's rule for keys: a leading capital is lowered, another `X` becomes `-x`, `_name_` a template.
/// Rust's methods have `_` where the paths have `-` or `_`, which [`Fit`] sees to.
fn recased(segment: &str) -> String {
    let inner = segment
        .strip_prefix('_')
        .and_then(|rest| rest.strip_suffix('_'));
    if let Some(name) = inner.filter(|name| !name.is_empty()) {
        return format!("{{{name}}}");
    }
    let mut recased = String::with_capacity(segment.len());
    for (at, letter) in segment.char_indices() {
        if at > 0 && letter.is_ascii_uppercase() {
            recased.push('-');
        }
        recased.push(letter.to_ascii_lowercase());
    }
    recased
}

/// The endpoints whose path this is: those whose letters are the same at the earliest place.
fn fitting(path: &str) -> Vec<Endpoint> {
    let mut best = Vec::new();
    let mut found = Vec::new();
    for endpoint in endpoints() {
        let Some(fits) = fit(&endpoint.path(), path) else {
            continue;
        };
        if fits > best {
            found.clear();
            best.clone_from(&fits);
        }
        if fits == best {
            found.push(endpoint);
        }
    }
    found
}

/// How a segment fits the one that is known, from worst to best.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fit {
    /// It is a value, or a template of another name.
    Variable,
    /// It is the method of Rust's chain.
    Method,
    Same,
}

/// How each segment fits, when all of them do.
fn fit(known: &str, path: &str) -> Option<Vec<Fit>> {
    let mut given = path.split('/');
    let mut fits = Vec::new();
    for known in known.split('/') {
        let given = given.next()?;
        fits.push(match known {
            _ if known == given => Fit::Same,
            _ if known.contains('-') && known.replace('-', "_") == given => Fit::Method,
            _ if known.starts_with('{') && !given.is_empty() => Fit::Variable,
            _ => return None,
        });
    }
    given.next().is_none().then_some(fits)
}

fn unknown(path: &str) -> Failure {
    let known = paths();
    let path = path.trim_end_matches('/');
    let prefix = format!("{path}/");
    let below = known
        .iter()
        .filter(|known| known.starts_with(&prefix))
        .count();
    if below > 0 {
        return Failure::usage(format_args!(
            "{path} is no endpoint, but {below} begin so: wechatpay endpoints {path}"
        ));
    }
    let near = near(path, known.iter().map(String::as_str), PATH_LIKENESS);
    let message = match near.as_slice() {
        [] => format!(
            "the catalogue has no {path}: wechatpay endpoints WORD looks for a word in paths and titles"
        ),
        [only] => format!("the catalogue has no {path}; probably meant: {only}"),
        several => {
            let mut message = format!("the catalogue has no {path}; probably meant is one of");
            for path in several {
                message.push_str("\n  ");
                message.push_str(path);
            }
            message
        }
    };
    Failure::usage(message)
}

/// What to say of a path that is sent though the catalogue does not know it with this verb; nothing
/// where it has nothing near.
pub(crate) fn note(verb: &str, path: &str) -> Option<String> {
    let path = bare(path);
    let known: Vec<_> = fitting(path).iter().map(Endpoint::verb).collect();
    if !known.is_empty() && !known.contains(&verb) {
        let known = known.join(" and ");
        return Some(format!(
            "the catalogue knows this path with {known}, not with {verb}"
        ));
    }
    let paths = paths();
    let near = near(path, paths.iter().map(String::as_str), SURE_LIKENESS);
    if near.is_empty() {
        return None;
    }
    Some(format!(
        "the catalogue does not know this path; probably meant: {}",
        near.join(", ")
    ))
}

/// Every known path, once.
pub(crate) fn paths() -> Vec<String> {
    let mut paths: Vec<_> = endpoints().map(|endpoint| endpoint.path()).collect();
    paths.dedup();
    paths
}

fn near<'a>(given: &str, known: impl Iterator<Item = &'a str>, enough: f64) -> Vec<&'a str> {
    let mut scored: Vec<_> = known
        .map(|known| (likeness(given, known), known))
        .filter(|(score, _)| *score >= enough)
        .collect();
    scored.sort_by(|(one, _), (other, _)| other.total_cmp(one));
    let best = scored.first().map_or(0.0, |(score, _)| *score);
    scored.retain(|(score, _)| best - score < AS_GOOD);
    scored.truncate(OFFERED);
    scored.into_iter().map(|(_, known)| known).collect()
}

/// From 0 to 1; of paths segment by segment, where a variable stands for any.
fn likeness(given: &str, known: &str) -> f64 {
    let ours: Vec<_> = given.split('/').collect();
    let theirs: Vec<_> = known.split('/').collect();
    if ours.len() != theirs.len() {
        return strsim::normalized_damerau_levenshtein(given, known);
    }
    let (mut alike, mut length) = (0.0, 0.0);
    for (ours, theirs) in ours.iter().zip(&theirs) {
        if theirs.starts_with('{') && !ours.is_empty() {
            continue;
        }
        let weight = ours.chars().count().max(theirs.chars().count()) as f64;
        length += weight;
        alike += weight * strsim::normalized_damerau_levenshtein(ours, theirs);
    }
    if length > 0.0 { alike / length } else { 0.0 }
}

/// The known word that was probably meant by one that is not known.
pub(crate) fn word<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    near(given, known.into_iter(), WORD_LIKENESS)
        .first()
        .copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(given: &str) -> Vec<String> {
        let found = endpoints_of(given).unwrap_or_default();
        let shown = found.iter();
        shown
            .map(|endpoint| format!("{} {}", endpoint.verb(), endpoint.path()))
            .collect()
    }

    #[test]
    fn a_path_is_found_in_any_notation() {
        let native = ["POST v3/pay/transactions/native"];
        for given in [
            "v3/pay/transactions/native",
            "/v3/pay/transactions/native/",
            "post /v3/pay/transactions/native",
            "https://api.mch.weixin.qq.com/v3/pay/transactions/native?x=1",
            "v3->pay->transactions->native",
            "client.v3().pay().transactions().native()",
        ] {
            assert_eq!(found(given), native, "{given}");
        }
        let by_number = ["GET v3/pay/transactions/out-trade-no/{out_trade_no}"];
        for given in [
            "v3/pay/transactions/out-trade-no/{out_trade_no}",
            "v3/pay/transactions/out-trade-no/{no}",
            "v3/pay/transactions/out-trade-no/ORDER2024Ab",
            "v3/pay/transactions/outTradeNo/ORDER2024Ab",
            "v3.pay.transactions.outTradeNo._out_trade_no_",
            "v3().pay().transactions().out_trade_no()._out_trade_no_()",
        ] {
            assert_eq!(found(given), by_number, "{given}");
        }
        assert_eq!(found("pay/unifiedorder"), ["POST v2/pay/unifiedorder"]);
        assert_eq!(found("v2/pay/unifiedorder"), ["POST v2/pay/unifiedorder"]);
    }

    #[test]
    fn a_literal_wins_over_a_variable() {
        let coupons = "v3/marketing/busifavor/coupons";
        assert_eq!(
            found(&format!("{coupons}/send")),
            [format!("POST {coupons}/send")]
        );
        assert_eq!(
            found(&format!("{coupons}/pXYZ/send")),
            [format!("POST {coupons}/{{card_id}}/send")]
        );
    }

    #[test]
    fn every_endpoint_is_found_by_its_own_path() {
        for endpoint in endpoints() {
            let wanted = format!("{} {}", endpoint.verb(), endpoint.path());
            assert_eq!(found(&wanted), [wanted]);
        }
    }

    #[test]
    fn a_path_that_is_sent_though_it_is_unknown_is_told_of() {
        let note = |verb, path| note(verb, path).unwrap_or_default();
        assert_eq!(
            note("POST", "/v3/pay/transactoins/native"),
            "the catalogue does not know this path; probably meant: v3/pay/transactions/native"
        );
        assert!(
            note(
                "GET",
                "v3/pay/transaction/out-trade-no/1217752501201407033233368018?mchid=1"
            )
            .ends_with("v3/pay/transactions/out-trade-no/{out_trade_no}")
        );
        assert_eq!(
            note("GET", "v3/pay/transactions/out_trade_no/1217752501"),
            "the catalogue does not know this path; probably meant: \
             v3/pay/transactions/out-trade-no/{out_trade_no}"
        );
        assert_eq!(
            note("GET", "v3/pay/transactions/native"),
            "the catalogue knows this path with POST, not with GET"
        );
        assert_eq!(note("GET", "v3/of/another/world"), "");
    }

    #[test]
    fn what_is_unknown_says_what_was_probably_meant() {
        for (given, message) in [
            (
                "v3/pay/transaction/native",
                "the catalogue has no v3/pay/transaction/native; probably meant: \
                 v3/pay/transactions/native",
            ),
            (
                "v3/pay/transactions",
                "v3/pay/transactions is no endpoint, but 12 begin so: wechatpay endpoints v3/pay/transactions",
            ),
            (
                "DELETE v3/pay/transactions/native",
                "v3/pay/transactions/native has no DELETE that is known; it has POST",
            ),
            (
                "FETCH v3/certificates",
                "FETCH is no verb of WeChat Pay; they are GET, POST, PUT, PATCH, DELETE",
            ),
            (
                "quux",
                "the catalogue has no quux: wechatpay endpoints WORD looks for a word in paths and titles",
            ),
        ] {
            let failure = endpoints_of(given).unwrap_err();
            assert_eq!(failure.message(), message);
        }
        assert_eq!(
            word("exit-code", ["environment", "exit-codes"]),
            Some("exit-codes")
        );
        assert_eq!(word("x", ["environment"]), None);
    }
}
