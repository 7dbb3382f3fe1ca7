//! What a path that the catalogue does not know was probably meant to be.

use wechatpay_chain::catalogue::{Endpoint, endpoints};

/// How alike two paths are before one is named for the other.
const ENOUGH: f64 = 0.8;
/// How much worse than the best one may be and still be named.
const AS_GOOD: f64 = 0.02;
const AT_MOST: usize = 3;

/// What to say of a path and verb that the catalogue does not know; nothing where it has nothing near.
pub(crate) fn note(verb: &str, path: &str) -> Option<String> {
    let path = path.split('?').next().unwrap_or_default();
    let path = path.trim_start_matches('/');
    let mut scored: Vec<(f64, Endpoint)> = endpoints()
        .map(|endpoint| (alike(path, &endpoint.path()), endpoint))
        .filter(|(score, _)| *score >= ENOUGH)
        .collect();
    scored.sort_by(|(one, _), (other, _)| other.total_cmp(one));
    let best = scored.first()?.0;
    scored.retain(|(score, _)| best - score < AS_GOOD);
    let is_other_verb = is_same(best);
    if is_other_verb {
        let verbs: Vec<_> = scored.iter().map(|(_, known)| known.verb()).collect();
        let verbs = verbs.join(" and ");
        return Some(format!(
            "the catalogue knows this path with {verbs}, not with {verb}"
        ));
    }
    let mut paths: Vec<_> = scored.iter().map(|(_, known)| known.path()).collect();
    paths.dedup();
    paths.truncate(AT_MOST);
    Some(format!(
        "the catalogue does not know this path; probably meant: {}",
        paths.join(", ")
    ))
}

fn is_same(score: f64) -> bool {
    score >= 1.0
}

/// From 0 to 1: a variable stands for any segment.
fn alike(given: &str, known: &str) -> f64 {
    let one: Vec<_> = given.split('/').collect();
    let other: Vec<_> = known.split('/').collect();
    if one.len() != other.len() {
        return strsim::normalized_damerau_levenshtein(given, known);
    }
    let is_variable = |segment: &str| segment.starts_with('{');
    let (mut equal, mut length) = (0.0, 0.0);
    for (one, other) in one.iter().zip(&other) {
        if is_variable(other) && !one.is_empty() {
            continue;
        }
        let weight = one.len().max(other.len()) as f64;
        length += weight;
        equal += weight * strsim::normalized_damerau_levenshtein(one, other);
    }
    if length > 0.0 { equal / length } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_near_is_named() {
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
            note("GET", "v3/pay/transactions/native"),
            "the catalogue knows this path with POST, not with GET"
        );
        assert_eq!(note("GET", "v3/of/another/world"), "");
    }
}
