use std::collections::BTreeMap;

use serde_json::Value;

use super::{looks_encrypted, places};
use crate::catalogue::Endpoint;
use crate::crypto::rsa::{PrivateKey, PublicKey, Scheme};
use crate::error::{Error, Result};
use crate::query::Query;

const POINTER_WANTED: &str = "a JSON pointer to a text, such as /payer/name or /payees/*/name";

/// Who named the fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum By {
    /// The caller: each of them has to be there.
    Caller,
    /// The caller, of an answer: each has to be there, but a list may have no elements, and a field
    /// may be null.
    Reader,
    /// The catalogue, which names all that the endpoint may have: one that is absent or null is
    /// none.
    Catalogue,
}

/// How an endpoint wants its sensitive fields encrypted.
pub(crate) fn scheme(endpoint: Option<&Endpoint>) -> Scheme {
    match endpoint {
        Some(endpoint) if endpoint.needs_pkcs1v15() => Scheme::Pkcs1v15,
        _ => Scheme::Oaep,
    }
}

/// Checks pointers before there is a body to look in.
///
/// # Errors
/// [`Error::Request`] for a text that is no pointer.
pub(crate) fn check(pointers: &[impl AsRef<str>]) -> Result<()> {
    pointers
        .iter()
        .try_for_each(|pointer| well_formed(pointer.as_ref()))
        .map_err(Problem::in_request)
}

/// Encrypts the texts that the pointers name, in their places.
///
/// # Errors
/// [`Error::Request`] for the first that can't be encrypted; the body is then as it was.
pub(crate) fn encrypt(
    body: &mut Value,
    pointers: &[impl AsRef<str>],
    by: By,
    key: &PublicKey,
    scheme: Scheme,
) -> Result<()> {
    let texts = texts(body, pointers, by).map_err(Problem::in_request)?;
    let encrypted: Vec<_> = texts
        .into_iter()
        .map(|(place, text)| {
            let encrypted = encrypt_text(&place, text, key, scheme)?;
            Ok((place, encrypted))
        })
        .collect::<Result<_>>()?;
    replace(body, encrypted);
    Ok(())
}

/// Encrypts the values that these names have in the query.
///
/// # Errors
/// [`Error::Request`] for the first that can't be encrypted; the query is then as it was.
pub(crate) fn encrypt_query(
    query: &mut Query,
    names: &[impl AsRef<str>],
    by: By,
    key: &PublicKey,
    scheme: Scheme,
) -> Result<()> {
    let mut given = names.iter().map(|name| name.as_ref());
    let absent = given.find(|name| query.values(name).next().is_none());
    if let Some(name) = absent.filter(|_| by == By::Caller) {
        return Err(Error::request(
            format!("query: {name}: it is not there"),
            "for .sensitive_query() a name that the query has",
        ));
    }
    let is_meant = |name: &str| names.iter().any(|meant| meant.as_ref() == name);
    *query = query.replaced(is_meant, |name, text| {
        encrypt_text(&format!("query: {name}"), text, key, scheme)
    })?;
    Ok(())
}

/// Encrypts one text, which an error calls `what`.
///
/// # Errors
/// [`Error::Request`] for a text that looks encrypted, or is longer than the key takes.
pub(crate) fn encrypt_text(
    what: &str,
    text: &str,
    key: &PublicKey,
    scheme: Scheme,
) -> Result<String> {
    if text.is_empty() {
        return Ok(String::new());
    }
    if looks_encrypted(text) {
        return Err(Error::request(
            format!("{what}: it looks encrypted already"),
            "the plain text, which is encrypted here; or no .sensitive() for what you encrypted \
             yourself",
        ));
    }
    key.encrypt_as(what, text, scheme)
}

/// Decrypts the texts that the pointers name, in their places.
///
/// # Errors
/// [`Error::Decode`] for the first that can't be decrypted; the body is then as it was.
pub(crate) fn decrypt(
    body: &mut Value,
    pointers: &[impl AsRef<str>],
    by: By,
    key: &PrivateKey,
) -> Result<()> {
    let texts = texts(body, pointers, by).map_err(Problem::in_answer)?;
    let decrypted: Vec<_> = texts
        .into_iter()
        .map(|(place, text)| {
            let decrypted = decrypt_text(&place, text, key)?;
            Ok((place, decrypted))
        })
        .collect::<Result<_>>()?;
    replace(body, decrypted);
    Ok(())
}

/// What can't be decrypted, to the caller; the pointer follows.
const DECRYPTING: &str = "a sensitive field can't be decrypted";

fn decrypt_text(place: &str, text: &str, key: &PrivateKey) -> Result<String> {
    if text.is_empty() {
        return Ok(String::new());
    }
    key.decrypt(text).map_err(|_| {
        // One message for all that fails behind the look: what tells a wrong padding apart helps
        // an attacker.
        let problem = if looks_encrypted(text) {
            "this ciphertext was not made for the merchant key: what goes up is encrypted for the \
             platform, what comes down for the merchant"
        } else {
            "not a ciphertext; it may be plain text already"
        };
        Error::ciphertext(DECRYPTING, format!("{place}: {problem}"))
    })
}

/// What stands in the way at a pointer.
struct Problem {
    place: String,
    seen: String,
    wanted: &'static str,
}

impl Problem {
    fn new(place: &str, seen: impl Into<String>, wanted: &'static str) -> Self {
        Self {
            place: place.to_owned(),
            seen: seen.into(),
            wanted,
        }
    }

    fn in_request(self) -> Error {
        let Self { place, seen, .. } = &self;
        Error::request(format!("sensitive: {place}: {seen}"), self.wanted)
    }

    fn in_answer(self) -> Error {
        let Self { place, seen, .. } = &self;
        let problem = format!("{place}: {seen}; wanted: {}", self.wanted);
        Error::ciphertext(DECRYPTING, problem)
    }
}

fn well_formed(pointer: &str) -> std::result::Result<(), Problem> {
    let problem = |seen| Err(Problem::new(pointer, seen, POINTER_WANTED));
    if !pointer.starts_with('/') {
        return problem("it does not begin with /");
    }
    let mut after_tildes = pointer.split('~').skip(1);
    if !after_tildes.all(|text| text.starts_with(['0', '1'])) {
        return problem("a ~ in it is neither ~0, for a ~, nor ~1, for a /");
    }
    Ok(())
}

/// The texts that the pointers name, each once, by their places.
fn texts<'a>(
    body: &'a Value,
    pointers: &[impl AsRef<str>],
    by: By,
) -> std::result::Result<BTreeMap<String, &'a str>, Problem> {
    let mut texts = BTreeMap::new();
    for pointer in pointers.iter().map(|pointer| pointer.as_ref()) {
        well_formed(pointer)?;
        let places = places(body, pointer);
        let may_be_absent = match by {
            By::Caller => false,
            By::Reader => meets_empty_list(body, pointer),
            By::Catalogue => true,
        };
        if places.is_empty() && !may_be_absent {
            let seen = "it matches nothing in the body";
            return Err(Problem::new(pointer, seen, POINTER_WANTED));
        }
        for (place, value) in places {
            match value {
                Value::String(text) => {
                    texts.insert(place, text.as_str());
                }
                Value::Null if by != By::Caller => {}
                other => {
                    let seen = format!("{}, where a text is wanted", kind(other));
                    return Err(Problem::new(&place, seen, POINTER_WANTED));
                }
            }
        }
    }
    Ok(texts)
}

/// Whether a `*` of the pointer stands for the elements of a list that has none.
fn meets_empty_list(body: &Value, pointer: &str) -> bool {
    pointer.match_indices("/*").any(|(end, _)| {
        let before = pointer.get(..end).unwrap_or_default();
        let lists = places(body, before);
        lists
            .iter()
            .any(|(_, list)| list.as_array().is_some_and(Vec::is_empty))
    })
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

fn replace(body: &mut Value, texts: Vec<(String, String)>) {
    for (place, text) in texts {
        if let Some(value) = body.pointer_mut(&place) {
            *value = Value::String(text);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use proptest::collection::vec;
    use proptest::prelude::*;
    use serde_json::{Map, json};

    use super::*;
    use crate::catalogue::endpoints;

    static OURS: LazyLock<PrivateKey> = LazyLock::new(|| {
        let pem = include_str!("../../tests/vectors/keys/merchant.key");
        PrivateKey::from_pem(pem).unwrap()
    });
    static FOR_US: LazyLock<PublicKey> = LazyLock::new(|| {
        let pem = include_str!("../../tests/vectors/keys/merchant.pub");
        PublicKey::from_pem(pem).unwrap()
    });
    static PLATFORM: LazyLock<PublicKey> = LazyLock::new(|| {
        let pem = include_str!("../../tests/vectors/keys/platform.pub");
        PublicKey::from_pem(pem).unwrap()
    });

    const SECRET: &str = "张三丰";

    fn seal(body: &mut Value, pointers: &[&str], by: By) -> Result<()> {
        encrypt(body, pointers, by, &FOR_US, Scheme::Oaep)
    }

    /// The error of encrypting, which must leave the body alone and print nothing secret.
    fn refused(body: &Value, pointers: &[&str], by: By) -> String {
        let mut changed = body.clone();
        let error = seal(&mut changed, pointers, by).unwrap_err();
        assert!(matches!(error, Error::Request(_)), "{error}");
        silent(body, &changed, &error)
    }

    fn unopened(body: &Value, pointers: &[&str], by: By) -> String {
        let mut changed = body.clone();
        let error = decrypt(&mut changed, pointers, by, &OURS).unwrap_err();
        assert!(matches!(error, Error::Decode(_)), "{error}");
        silent(body, &changed, &error)
    }

    fn silent(before: &Value, after: &Value, error: &Error) -> String {
        assert_eq!(before, after);
        let text = error.to_string();
        assert!(!text.contains(SECRET), "{text}");
        assert!(text.chars().count() < 400, "{text}");
        text
    }

    #[test]
    fn named_texts_are_encrypted_in_their_places_and_nothing_else_changes() {
        let plain = json!({
            "appid": "wx1", "payer": {"name": SECRET, "age": 5},
            "payees": [{"name": "a", "id": 1}, {"id": 2}, {"name": "b", "id": null}],
        });
        let pointers = ["/payer/name", "/payees/*/name", "/payees/0/name"];
        let mut body = plain.clone();
        seal(&mut body, &pointers, By::Caller).unwrap();
        for pointer in ["/payer/name", "/payees/0/name", "/payees/2/name"] {
            let text = body.pointer(pointer).and_then(Value::as_str).unwrap();
            assert!(looks_encrypted(text), "{pointer}");
        }
        assert_eq!(body["payees"][1], plain["payees"][1]);
        decrypt(&mut body, &pointers, By::Caller, &OURS).unwrap();
        assert_eq!(body, plain);
    }

    #[test]
    fn a_pointer_of_the_caller_has_to_name_a_text() {
        let body = json!({"n": SECRET, "list": [], "no": null, "age": 5, "of": [{"x": {}}]});
        for (pointer, seen) in [
            ("/name", "sensitive: /name: it matches nothing in the body"),
            ("/list/*", "/list/*: it matches nothing"),
            ("/no", "/no: null, where a text is wanted"),
            ("/age", "/age: a number, where a text is wanted"),
            ("/of/*/x", "/of/0/x: an object, where a text is wanted"),
            ("name", "name: it does not begin with /"),
            ("", "it does not begin with /"),
            ("/a~2", "/a~2: a ~ in it is neither"),
            ("/a~", "/a~: a ~ in it is neither"),
        ] {
            let error = refused(&body, &["/n", pointer], By::Caller);
            assert!(error.contains(seen), "{error}");
            let error = unopened(&body, &[pointer, "/n"], By::Caller);
            let seen = seen.trim_start_matches("sensitive: ");
            assert!(error.contains(seen), "{error}");
        }
        assert!(check(&["/name", "/a~0/*"]).is_ok());
        assert!(matches!(check(&["/a", "b"]), Err(Error::Request(_))));
    }

    #[test]
    fn what_the_catalogue_names_may_be_absent_or_null_but_not_a_number() {
        let plain = json!({"no": null, "empty": "", "list": [], "age": 5});
        let mut body = plain.clone();
        let pointers = ["/no", "/empty", "/list/*/name", "/other"];
        seal(&mut body, &pointers, By::Catalogue).unwrap();
        assert_eq!(body, plain);
        decrypt(&mut body, &pointers, By::Catalogue, &OURS).unwrap();
        assert_eq!(body, plain);
        let error = refused(&body, &["/age"], By::Catalogue);
        assert!(error.contains("a text is wanted"), "{error}");
        assert!(unopened(&body, &["/age"], By::Catalogue).contains("/age"));
    }

    #[test]
    fn an_empty_text_stays_as_it_is() {
        let mut body = json!({"a": ""});
        seal(&mut body, &["/a"], By::Caller).unwrap();
        decrypt(&mut body, &["/a"], By::Caller, &OURS).unwrap();
        assert_eq!(body, json!({"a": ""}));
    }

    #[test]
    fn a_text_over_the_limit_is_told_with_both_sizes_before_any_is_encrypted() {
        let body = json!({"a": SECRET, "b": [SECRET, "x".repeat(215)]});
        let error = refused(&body, &["/a", "/b/*"], By::Caller);
        let wanted = "/b/1: 215 bytes to encrypt: at most 214 bytes under a key of 2048 bits";
        assert_eq!(error, wanted);
        let text = "x".repeat(245);
        assert!(encrypt_text("name", &text, &PLATFORM, Scheme::Pkcs1v15).is_ok());
        let error = encrypt_text("name", &(text + "x"), &PLATFORM, Scheme::Pkcs1v15);
        let error = error.unwrap_err().to_string();
        assert!(error.contains("246 bytes"), "{error}");
        assert!(error.contains("at most 245 bytes"), "{error}");
    }

    #[test]
    fn nothing_is_encrypted_twice() {
        let mut body = json!({"a": SECRET, "b": SECRET});
        seal(&mut body, &["/b"], By::Caller).unwrap();
        for by in [By::Caller, By::Catalogue] {
            let error = refused(&body, &["/a", "/b"], by);
            assert!(error.contains("/b: it looks encrypted already"), "{error}");
        }
    }

    #[test]
    fn a_text_that_was_not_encrypted_for_the_merchant_is_told_from_plain_text() {
        let platform = PLATFORM.encrypt(SECRET).unwrap();
        let pkcs1 = FOR_US.encrypt_pkcs1v15(SECRET).unwrap();
        let mut bytes = FOR_US.encrypt(SECRET).unwrap().into_bytes();
        bytes[5] = if bytes[5] == b'A' { b'B' } else { b'A' };
        let damaged = String::from_utf8(bytes).unwrap();
        let longer = "A".repeat(512);
        let errors: Vec<_> = [platform, pkcs1, damaged, longer]
            .into_iter()
            .map(|text| {
                unopened(
                    &json!({"payer": {"name": text}}),
                    &["/payer/name"],
                    By::Caller,
                )
            })
            .collect();
        let wanted = "a sensitive field can't be decrypted: /payer/name: this ciphertext was not \
                      made for the merchant key: what goes up is encrypted for the platform, what \
                      comes down for the merchant";
        assert!(errors.iter().all(|error| error == wanted), "{errors:?}");
        let body = json!({"good": FOR_US.encrypt("a").unwrap(), "name": SECRET});
        for by in [By::Caller, By::Catalogue] {
            let error = unopened(&body, &["/good", "/name"], by);
            assert!(error.contains("/name: not a ciphertext"), "{error}");
        }
    }

    #[test]
    fn values_of_a_query_are_encrypted_and_the_other_pairs_stay() {
        let mut query = Query::from_text("?x=%2B1&card=62%2025&y&card=&n%61me=a");
        let seal = |query: &mut Query, names: &[&str], by| {
            encrypt_query(query, names, by, &FOR_US, Scheme::Oaep)
        };
        seal(&mut query, &["card", "name"], By::Caller).unwrap();
        let cards: Vec<_> = query.values("card").collect();
        assert_eq!(OURS.decrypt(&cards[0]).unwrap(), "62 25");
        assert_eq!(cards[1], "");
        let name = query.values("name").next().unwrap();
        assert_eq!(OURS.decrypt(name).unwrap(), "a");
        assert!(query.as_str().starts_with("x=%2B1&card="));
        assert!(query.as_str().contains("&y&card=&n%61me="));
        assert!(!query.as_str().contains('+'));

        let before = query.as_str().to_owned();
        let error = seal(&mut query, &["x", "name"], By::Catalogue).unwrap_err();
        let seen = "query: name: it looks encrypted already";
        assert!(error.to_string().contains(seen), "{error}");
        let error = seal(&mut query, &["x", "no"], By::Caller).unwrap_err();
        assert!(error.to_string().contains("no: it is not there"), "{error}");
        seal(&mut query, &["no"], By::Catalogue).unwrap();
        assert_eq!(query.as_str(), before);
    }

    #[test]
    fn every_pointer_of_the_catalogue_is_well_formed_and_the_customs_have_their_padding() {
        for endpoint in endpoints() {
            let request: Vec<_> = endpoint.sensitive_request().collect();
            let response: Vec<_> = endpoint.sensitive_response().collect();
            check(&request).unwrap();
            check(&response).unwrap();
            let is_customs = endpoint.path().ends_with("customs/verify-certificate");
            let padding = scheme(Some(&endpoint));
            assert_eq!(padding == Scheme::Pkcs1v15, is_customs, "{endpoint:?}");
        }
        assert_eq!(scheme(None), Scheme::Oaep);
    }

    /// A text of at most 214 bytes.
    fn short_text() -> impl Strategy<Value = String> {
        vec(any::<char>(), 0..=53).prop_map(String::from_iter)
    }

    fn json_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Bool),
            any::<i64>().prop_map(Value::from),
            ".*".prop_map(Value::String),
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            let pairs = vec((".{0,4}", inner.clone()), 0..4);
            prop_oneof![
                vec(inner, 0..4).prop_map(Value::Array),
                pairs.prop_map(|pairs| Value::Object(Map::from_iter(pairs))),
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

        #[test]
        fn any_text_within_the_limit_comes_back(text in short_text()) {
            let mut body = json!({"list": [{"field": text}]});
            seal(&mut body, &["/list/*/field"], By::Caller).unwrap();
            let sealed = body["list"][0]["field"].as_str().unwrap();
            prop_assert_eq!(looks_encrypted(sealed), !text.is_empty());
            decrypt(&mut body, &["/list/*/field"], By::Caller, &OURS).unwrap();
            prop_assert_eq!(&body["list"][0]["field"], &json!(text));
        }

        #[test]
        fn only_the_named_field_of_any_body_changes(rest in json_value(), text in short_text()) {
            let plain = json!({"rest": rest, "field": text});
            let mut body = plain.clone();
            seal(&mut body, &["/field", "/absent/*"], By::Catalogue).unwrap();
            prop_assert_eq!(&body["rest"], &plain["rest"]);
            decrypt(&mut body, &["/field"], By::Caller, &OURS).unwrap();
            prop_assert_eq!(body, plain);
        }

        #[test]
        fn any_value_of_a_query_comes_back(text in short_text(), other in ".*") {
            let mut query = Query::from_value(&json!({"a": other, "card": text})).unwrap();
            encrypt_query(&mut query, &["card"], By::Caller, &FOR_US, Scheme::Oaep).unwrap();
            let sealed = query.values("card").next().unwrap();
            let opened = decrypt_text("card", &sealed, &OURS).unwrap();
            prop_assert_eq!(opened, text);
            prop_assert_eq!(query.values("a").next().unwrap(), other);
        }

        #[test]
        fn no_pointer_and_no_body_makes_it_panic(body in json_value(), pointer in ".*") {
            for pointer in [pointer.clone(), format!("/{pointer}"), "/*/*".to_owned()] {
                let mut changed = body.clone();
                if encrypt(&mut changed, &[&pointer], By::Caller, &FOR_US, Scheme::Oaep).is_err() {
                    prop_assert_eq!(&changed, &body);
                }
            }
        }
    }
}
