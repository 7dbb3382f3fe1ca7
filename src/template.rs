//! From a path template and its variables to the path and query that are signed and sent.
//!
//! RFC 6570 by iri-string, with what WeChat Pay's paths need around it: names may hold `-`, names
//! are found in the letters that PHP's rule gave them, a literal may hold any text, and nothing
//! may leave a path segment empty or climb out of the path.

use std::borrow::Cow;
use std::fmt::Write as _;

use iri_string::spec::UriSpec;
use iri_string::template::UriTemplateStr;
use iri_string::template::context::{Context, Visitor};
use serde_json::Value;

use crate::chain::recase;
use crate::error::{Error, Result};

/// A template with its variables filled.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Expanded {
    /// Percent-encoded, without a leading slash.
    pub(crate) path: String,
    /// Percent-encoded; what `{?…}` made of it, or what stood behind a `?`.
    pub(crate) query: Option<String>,
}

/// Fills `template`, whose `query` stood behind a `?` in the path; both as text, not yet encoded.
pub(crate) fn expand(
    template: &str,
    query: Option<&str>,
    variables: &[(String, Value)],
) -> Result<Expanded> {
    let names = names(template)?;
    let names_of_query = query.map(self::names).transpose()?.unwrap_or_default();
    let all = || names.iter().chain(&names_of_query);
    for (given, _) in variables {
        if !all().any(|name| *name == given || *name == recase(given)) {
            return Err(unknown(template, given, all().copied().collect()));
        }
    }
    let mut path = String::with_capacity(template.len() + 32);
    let mut from_template = None;
    let mut segments = segments(template).enumerate().peekable();
    while let Some((index, segment)) = segments.next() {
        if from_template.is_some() {
            let problem = "a variable makes a query, and the path goes on behind it";
            return Err(Error::template("?", problem));
        }
        if index > 0 {
            path.push('/');
        }
        if segment.is_empty() && index > 0 && segments.peek().is_some() {
            return Err(Error::request(
                "the path has an empty segment, which an empty value leaves where it is put into \
                 the text",
                "the value; a trailing slash is asked for with .chain(\"\")",
            ));
        }
        if !segment.contains('{') {
            encode_text(&mut path, segment, is_path_text);
            continue;
        }
        let filled = fill(segment, variables, is_path_text)?;
        let (filled, rest) = match filled.split_once('?') {
            Some((filled, rest)) => (filled, Some(rest)),
            None => (filled.as_str(), None),
        };
        if filled.contains('#') {
            let problem = "`{#…}` makes a fragment, and a fragment is never sent";
            return Err(Error::template("#", problem));
        }
        if let Some(rest) = rest {
            from_template = Some(rest.to_owned());
        }
        // `{/a}` brings its own slash, and a whole path in a variable may begin with one.
        let body = filled.strip_prefix('/').unwrap_or(filled);
        if body.split('/').any(str::is_empty) && !may_be_empty(segment) {
            let name = self::names(segment)?.first().copied().unwrap_or_default();
            if filled.contains("://") {
                let problem = format!(
                    "the variable {name} holds an absolute address; one that WeChat Pay itself \
                     returned goes through client.url(address)"
                );
                return Err(Error::template(name, problem));
            }
            let problem = format!(
                "the variable {name} leaves a path segment empty; give it a value (a trailing \
                 slash is asked for by `{{empty}}`)"
            );
            return Err(Error::template(name, problem));
        }
        path.push_str(filled);
    }
    if path.starts_with('/') {
        path.remove(0);
    }
    if path.split('/').any(is_dots) {
        let problem = "a segment is `.` or `..` once the variables are filled, which would climb \
                       the path";
        return Err(Error::template(".", problem));
    }
    let written = match query {
        Some(query) => Some(fill(query, variables, is_query_text)?),
        None => None,
    };
    let query = match (from_template, written) {
        (Some(first), Some(second)) => Some(format!("{first}&{second}")),
        (first, second) => first.or(second),
    };
    Ok(Expanded { path, query })
}

/// Whether a segment that the catalogue does not know looks like a value.
///
/// No segment of WeChat Pay's paths holds two digits in a row, or anything but letters, digits,
/// `-`, `_` and `.`; order numbers, openids with digits, dates and names do.
pub(crate) fn looks_like_value(segment: &str) -> bool {
    let digits = |pair: &[u8]| pair.iter().all(u8::is_ascii_digit);
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    !segment.bytes().all(is_plain)
        || segment.len() > 64
        || segment.as_bytes().windows(2).any(digits)
}

/// Appends `text` with everything percent-encoded but RFC 3986's unreserved characters.
pub(crate) fn encode_value(out: &mut String, text: &str) {
    for &byte in text.as_bytes() {
        if is_unreserved(byte) {
            out.push(char::from(byte));
        } else {
            push_encoded(out, byte);
        }
    }
}

/// Appends `text`, in which `%XX` stays as it is, and so does what `allowed` lets through.
pub(crate) fn encode_text(out: &mut String, text: &str, allowed: fn(u8) -> bool) {
    let bytes = text.as_bytes();
    for (index, &byte) in bytes.iter().enumerate() {
        if allowed(byte) || is_triplet(bytes, index) {
            out.push(char::from(byte));
        } else {
            push_encoded(out, byte);
        }
    }
}

/// Whether a `%XX` begins at this place.
pub(crate) fn is_triplet(bytes: &[u8], index: usize) -> bool {
    matches!(
        bytes.get(index..index.saturating_add(3)),
        Some([b'%', high, low]) if high.is_ascii_hexdigit() && low.is_ascii_hexdigit()
    )
}

/// What may stand in a path as it is: RFC 3986's `pchar` and the slash.
pub(crate) fn is_path_text(byte: u8) -> bool {
    is_unreserved(byte) || b"!$&'()*+,;=:@/".contains(&byte)
}

/// What may stand in a query as it is.
pub(crate) fn is_query_text(byte: u8) -> bool {
    is_path_text(byte) || byte == b'?'
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

fn push_encoded(out: &mut String, byte: u8) {
    // Writing to a String can't fail.
    let _ = write!(out, "%{byte:02X}");
}

fn is_dots(segment: &str) -> bool {
    let after_dot = |text| strip_prefix(text, ".").or_else(|| strip_prefix(text, "%2e"));
    match after_dot(segment) {
        Some("") => true,
        Some(rest) => after_dot(rest) == Some(""),
        None => false,
    }
}

/// What stands behind `prefix`, whose letters may be of either case.
pub(crate) fn strip_prefix<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let (start, rest) = text.split_at_checked(prefix.len())?;
    start.eq_ignore_ascii_case(prefix).then_some(rest)
}

/// The pieces between the slashes that do not stand inside braces.
pub(crate) fn segments(template: &str) -> impl Iterator<Item = &str> {
    let mut depth = 0_usize;
    template.split(move |character| {
        match character {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        character == '/' && depth == 0
    })
}

/// The names of the variables, in the order in which they stand.
pub(crate) fn names(template: &str) -> Result<Vec<&str>> {
    let mut names = Vec::new();
    let mut rest = template;
    while let Some(start) = rest.find(['{', '}']) {
        let expression = rest
            .get(start..)
            .and_then(|rest| rest.strip_prefix('{'))
            .and_then(|rest| rest.split_once('}'));
        let Some((expression, after)) = expression else {
            return Err(malformed("a brace that has no partner"));
        };
        if expression.contains('{') {
            return Err(malformed("a brace inside braces"));
        }
        for specification in variables_of(expression).split(',') {
            let name = specification.split([':', '*']).next().unwrap_or_default();
            if name.is_empty() {
                return Err(malformed("`{}` names no variable"));
            }
            names.push(name);
        }
        rest = after;
    }
    Ok(names)
}

/// An expression without its operator.
fn variables_of(expression: &str) -> &str {
    expression
        .strip_prefix(['+', '#', '.', '/', ';', '?', '&'])
        .unwrap_or(expression)
}

fn may_be_empty(segment: &str) -> bool {
    names(segment).is_ok_and(|names| names.iter().all(|name| *name == "empty"))
}

/// Expands one piece of a template.
fn fill(piece: &str, variables: &[(String, Value)], allowed: fn(u8) -> bool) -> Result<String> {
    let mut out = String::with_capacity(piece.len() + 32);
    let mut rest = piece;
    while let Some((literal, after)) = rest.split_once('{') {
        encode_text(&mut out, literal, allowed);
        let Some((expression, after)) = after.split_once('}') else {
            return Err(malformed("a brace that has no partner"));
        };
        fill_expression(&mut out, expression, variables)?;
        rest = after;
    }
    encode_text(&mut out, rest, allowed);
    Ok(out)
}

fn fill_expression(
    out: &mut String,
    expression: &str,
    variables: &[(String, Value)],
) -> Result<()> {
    let plain = variables_of(expression);
    let operator = expression
        .strip_suffix(plain)
        .filter(|operator| !operator.is_empty())
        .unwrap_or_default();
    let mut rewritten = format!("{{{operator}");
    let mut values = Values::default();
    for (index, specification) in plain.split(',').enumerate() {
        let (name, limit) = match specification.split_once(':') {
            Some((name, limit)) => (name, Some(limit)),
            None => (specification.trim_end_matches('*'), None),
        };
        let Some(value) = find(variables, name) else {
            let problem =
                format!("the variable {name} is missing; fill it with .var(\"{name}\", …)");
            return Err(Error::template(name, problem));
        };
        let value = match limit {
            // iri-string 0.7.14 cuts at a byte, which panics inside a character.
            Some(limit) => Cow::Owned(cut(value, limit)?),
            None => Cow::Borrowed(value),
        };
        // iri-string 0.7.14 panics where a reserved expansion meets some characters beyond ASCII.
        let value = match operator {
            "+" | "#" => Cow::Owned(reserved(&value)),
            _ => value,
        };
        // RFC 6570 has no `-` in a name, and iri-string takes none.
        let written = name.replace('-', "%2D");
        if index > 0 {
            rewritten.push(',');
        }
        rewritten.push_str(&written);
        if specification.ends_with('*') {
            rewritten.push('*');
        }
        values.0.push((written, value));
    }
    rewritten.push('}');
    let parsed = UriTemplateStr::new(&rewritten)
        .map_err(|_| malformed("an expression that RFC 6570 does not know"))?;
    let filled = parsed
        .expand::<UriSpec, _>(&values)
        .map_err(|_| malformed("an expression that these values can't fill"))?
        .to_string();
    // The operators that print names print them as they were written above.
    if matches!(operator, "?" | "&" | ";") {
        out.push_str(&filled.replace("%2D", "-"));
    } else {
        out.push_str(&filled);
    }
    Ok(())
}

fn find<'a>(variables: &'a [(String, Value)], name: &str) -> Option<&'a Value> {
    let exact = variables.iter().find(|(given, _)| given == name);
    exact
        .or_else(|| variables.iter().find(|(given, _)| recase(given) == name))
        .map(|(_, value)| value)
        .filter(|value| !value.is_null())
}

/// A value with everything encoded that a reserved expansion would encode.
fn reserved(value: &Value) -> Value {
    let encoded = |text: &str| {
        let mut encoded = String::with_capacity(text.len());
        encode_text(&mut encoded, text, |byte| {
            is_query_text(byte) || b"#[]".contains(&byte)
        });
        encoded
    };
    match value {
        Value::Array(items) => items.iter().map(reserved).collect(),
        Value::Object(entries) => entries
            .iter()
            .map(|(key, value)| (encoded(key), reserved(value)))
            .collect(),
        Value::Null => Value::Null,
        scalar => Value::String(encoded(&text(scalar))),
    }
}

fn cut(value: &Value, limit: &str) -> Result<Value> {
    let Ok(limit) = limit.parse::<usize>() else {
        return Err(malformed("a length that is no number"));
    };
    match value {
        Value::Array(_) | Value::Object(_) => Err(malformed("a length on a list or an object")),
        scalar => Ok(Value::String(text(scalar).chars().take(limit).collect())),
    }
}

/// A scalar as the text it stands for.
fn text(value: &Value) -> Cow<'_, str> {
    match value {
        Value::String(text) => Cow::Borrowed(text),
        other => Cow::Owned(crate::payload::compact(other)),
    }
}

#[derive(Default)]
struct Values<'a>(Vec<(String, Cow<'a, Value>)>);

impl Context for Values<'_> {
    fn visit<V: Visitor>(&self, visitor: V) -> V::Result {
        let name = visitor.var_name().as_str();
        let value = self.0.iter().find(|(written, _)| written == name);
        match value.map(|(_, value)| value.as_ref()) {
            None | Some(Value::Null) => visitor.visit_undefined(),
            Some(Value::Array(items)) => visitor.visit_list_direct(items.iter().map(text)),
            Some(Value::Object(entries)) => {
                visitor.visit_assoc_direct(entries.iter().map(|(key, value)| (key, text(value))))
            }
            Some(scalar) => visitor.visit_string(text(scalar)),
        }
    }
}

fn malformed(problem: &str) -> Error {
    Error::template("", format!("the template has {problem}"))
}

fn unknown(template: &str, given: &str, names: Vec<&str>) -> Error {
    let half_marked =
        segments(template).find(|segment| segment.trim_matches('_') == given && *segment != given);
    let mut problem = format!("the template has no variable {given}");
    if let Some(segment) = half_marked {
        let side = if segment.starts_with('_') {
            "closing"
        } else {
            "opening"
        };
        problem.push_str(&format!(
            "; the segment {segment} looks like one whose {side} underscore is missing: write \
             _{given}_ or {{{given}}}"
        ));
    } else if names.is_empty() {
        problem.push_str(", and no other");
    } else {
        problem.push_str(&format!("; it has {}", names.join(", ")));
    }
    Error::template(given, problem)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn filled(template: &str, variables: Value) -> Result<Expanded> {
        let variables: Vec<_> = variables
            .as_object()
            .unwrap()
            .iter()
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        let (path, query) = match template.split_once("??") {
            Some((path, query)) => (path, Some(query)),
            None => (template, None),
        };
        expand(path, query, &variables)
    }

    fn path(template: &str, variables: Value) -> String {
        filled(template, variables).unwrap().path
    }

    #[test]
    fn names_are_found_in_the_letters_of_php() {
        assert_eq!(path("a/{open-id}", json!({"openId": "X"})), "a/X");
        assert_eq!(path("a/{open-id}", json!({"open-id": "X"})), "a/X");
    }

    #[test]
    fn names_with_a_hyphen_are_printed_as_they_are() {
        let expanded = filled("a{?open-id}", json!({"open-id": "-%2D"})).unwrap();
        assert_eq!(expanded.query.as_deref(), Some("open-id=-%252D"));
    }

    #[test]
    fn a_prefix_counts_characters() {
        assert_eq!(
            path("{x:2}", json!({"x": "微信支付"})),
            "%E5%BE%AE%E4%BF%A1"
        );
    }

    #[test]
    fn a_reserved_expansion_takes_every_character() {
        for value in ["\u{feff}", "微信", "é", "🏠%E5", "a%", "%", "\u{10ffff}"] {
            let expanded = path("x{+v}", json!({"v": value}));
            assert!(
                expanded.bytes().all(|byte| byte.is_ascii_graphic()),
                "{expanded}"
            );
        }
        assert_eq!(
            path("{+v}", json!({"v": ["微", "a,b%2F/c"]})),
            "%E5%BE%AE,a,b%2F/c"
        );
    }

    #[test]
    fn lists_and_objects_fill_all_four_levels() {
        let variables = json!({"list": ["a", "b c"], "map": {"k": 1}});
        let expanded = filled("x{/list*}{?list,map*}", variables).unwrap();
        assert_eq!(expanded.path, "x/a/b%20c");
        assert_eq!(expanded.query.as_deref(), Some("list=a,b%20c&k=1"));
    }

    #[test]
    fn an_encoded_triplet_survives_a_reserved_expansion_and_a_literal() {
        let variables = json!({"id": "QmFzZTY0%2BeA%3D%3D"});
        assert_eq!(path("i/{+id}", variables), "i/QmFzZTY0%2BeA%3D%3D");
        assert_eq!(path("i/{id}", json!({"id": "a%2B"})), "i/a%252B");
        assert_eq!(path("a%2Bb/100%/微", json!({})), "a%2Bb/100%25/%E5%BE%AE");
    }

    #[test]
    fn segments_that_climb_are_refused() {
        for value in [".", "..", "%2e", ".%2E", "a/../b"] {
            let error = filled("v3/{+x}/y", json!({"x": value})).unwrap_err();
            assert!(matches!(error, Error::Template(_)), "{value}: {error}");
        }
        assert!(filled("v3/../y", json!({})).is_err());
        assert_eq!(path("v3/{x}", json!({"x": "..."})), "v3/...");
    }

    #[test]
    fn an_empty_segment_is_refused_unless_the_variable_is_named_empty() {
        for template in ["a/{x}", "a/{x}/b", "{x}", "a/{+y}/b"] {
            let variables = if template.contains('y') {
                json!({"y": "p//q"})
            } else {
                json!({"x": ""})
            };
            assert!(filled(template, variables).is_err(), "{template}");
        }
        assert_eq!(path("a/{empty}", json!({"empty": ""})), "a/");
        assert_eq!(path("a/x{y}", json!({"y": ""})), "a/x");
    }

    #[test]
    fn broken_templates_are_errors() {
        for template in [
            "{", "}", "a{b", "a}b", "{}", "{a{b}}", "{!x}", "{x:y}", "{,}", "{a,}",
        ] {
            let error = filled(template, json!({})).unwrap_err();
            assert!(matches!(error, Error::Template(_)), "{template}: {error}");
        }
    }

    #[test]
    fn a_lost_underscore_is_named() {
        let error = filled("a/_out_trade_no", json!({"out_trade_no": "1"})).unwrap_err();
        let text = error.to_string();
        assert!(text.contains("closing underscore"), "{text}");
        let error = filled("a/out_trade_no_", json!({"out_trade_no": "1"})).unwrap_err();
        assert!(error.to_string().contains("opening underscore"));
    }
}
