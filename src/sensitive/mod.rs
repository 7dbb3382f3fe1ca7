//! Sensitive fields: which texts of a body or a query they are, and how these are encrypted for the
//! platform and decrypted for the merchant. Nothing here prints a value.
//!
//! A field is named by a JSON pointer (RFC 6901) in which `*` is each element of a list. An empty
//! text has nothing to hide and stays as it is, both ways.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::query::Query;

#[cfg(feature = "aws-lc-rs")]
mod cipher;

#[cfg(feature = "aws-lc-rs")]
pub(crate) use cipher::{By, check, decrypt, encrypt, encrypt_query, scheme};

/// How long base64 is of a block of 2048, 3072 and 4096 bits.
const CIPHERTEXT_LENGTHS: [usize; 3] = [344, 512, 684];

/// Whether this is a ciphertext by its look: base64 of as many bytes as keys have.
pub(crate) fn looks_encrypted(text: &str) -> bool {
    CIPHERTEXT_LENGTHS.contains(&text.len()) && STANDARD.decode(text).is_ok()
}

/// The places in the body, of those that the pointers name, that hold a ciphertext already.
pub(crate) fn ciphertexts(body: &Value, pointers: &[impl AsRef<str>]) -> Vec<String> {
    let pointers = pointers.iter().map(|pointer| pointer.as_ref());
    let places = pointers.flat_map(|pointer| places(body, pointer));
    places
        .filter(|(_, value)| value.as_str().is_some_and(looks_encrypted))
        .map(|(place, _)| place)
        .collect()
}

/// The names of the query, of those given, that have a ciphertext already.
pub(crate) fn query_ciphertexts<'a>(query: &Query, names: &'a [impl AsRef<str>]) -> Vec<&'a str> {
    let names = names.iter().map(|name| name.as_ref());
    names
        .filter(|name| query.values(name).any(|value| looks_encrypted(&value)))
        .collect()
}

/// What a pointer names, with the pointers to each: they have an index for a `*`.
fn places<'a>(body: &'a Value, pointer: &str) -> Vec<(String, &'a Value)> {
    let tokens = within_meta(pointer).split('/').skip(1);
    tokens.fold(vec![(String::new(), body)], |places, token| {
        let below = |(place, value)| below(place, value, token);
        places.into_iter().flat_map(below).collect()
    })
}

/// The catalogue writes `/meta!` before what lies in the JSON of an upload's part `meta`. That JSON
/// is the body of an upload, for the signature as for these pointers.
fn within_meta(pointer: &str) -> &str {
    pointer
        .strip_prefix("/meta!")
        .filter(|inner| inner.starts_with('/'))
        .unwrap_or(pointer)
}

fn below<'a>(place: String, value: &'a Value, token: &str) -> Vec<(String, &'a Value)> {
    match value {
        Value::Array(items) if token == "*" => items
            .iter()
            .enumerate()
            .map(|(index, item)| (format!("{place}/{index}"), item))
            .collect(),
        _ => {
            let found = value.pointer(&format!("/{token}"));
            let found = found.map(|found| (format!("{place}/{token}"), found));
            found.into_iter().collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::catalogue::endpoints;

    fn named(body: &Value, pointer: &str) -> Vec<String> {
        let places = places(body, pointer);
        places.into_iter().map(|(place, _)| place).collect()
    }

    #[test]
    fn a_star_is_each_element_of_a_list_and_a_key_of_an_object() {
        let body = json!({
            "a": [{"n": 1}, {}, {"n": null}],
            "o": {"x": {"n": 2}, "y": {"n": 3}},
            "s": {"*": {"n": 4}},
            "l": [["p", "q"], [], "r"],
        });
        assert_eq!(named(&body, "/a/*/n"), ["/a/0/n", "/a/2/n"]);
        assert_eq!(named(&body, "/a/2/n"), ["/a/2/n"]);
        assert_eq!(named(&body, "/l/*/*"), ["/l/0/0", "/l/0/1"]);
        assert_eq!(named(&body, "/s/*/n"), ["/s/*/n"]);
        for pointer in ["/o/*/n", "/a/-/n", "/a/00/n", "/a/n", "/b", "/a/0/n/m"] {
            assert_eq!(named(&body, pointer), [""; 0], "{pointer}");
        }
    }

    #[test]
    fn escapes_of_rfc_6901_are_undone_and_an_empty_key_is_a_key() {
        let body = json!({"a/b": 1, "m~n": 2, "": {"": 3}, "~1": 4});
        for (pointer, value) in [("/a~1b", 1), ("/m~0n", 2), ("//", 3), ("/~01", 4)] {
            let places = places(&body, pointer);
            assert_eq!(places, [(pointer.to_owned(), &json!(value))]);
        }
    }

    #[test]
    fn the_meta_of_an_upload_is_its_body() {
        let pointers: Vec<_> = endpoints()
            .flat_map(|endpoint| endpoint.sensitive_request())
            .filter(|pointer| pointer.contains('!'))
            .collect();
        let [pointer] = pointers.as_slice() else {
            panic!("{pointers:?}");
        };
        let meta = json!({"merchant_contact_information": {"consultation_phone_number": "1"}});
        assert_eq!(
            named(&meta, pointer),
            ["/merchant_contact_information/consultation_phone_number"]
        );
        assert_eq!(named(&json!({"meta!x": 1}), "/meta!x"), ["/meta!x"]);
    }

    #[test]
    fn a_ciphertext_is_known_by_its_length_and_alphabet() {
        for bytes in [256, 384, 512] {
            let text = STANDARD.encode(vec![7; bytes]);
            assert!(looks_encrypted(&text), "{bytes}");
            assert!(!looks_encrypted(text.trim_end_matches('=')) || bytes == 384);
            assert!(!looks_encrypted(&text.replacen('B', "-", 1)), "{bytes}");
        }
        for text in [
            STANDARD.encode([7; 128]),
            STANDARD.encode([7; 255]),
            "张".repeat(100),
            String::new(),
        ] {
            assert!(!looks_encrypted(&text), "{text}");
        }
    }

    #[test]
    fn what_is_encrypted_already_is_found_in_a_body_and_in_a_query() {
        let sealed = STANDARD.encode([7; 256]);
        let body = json!({"a": [{"n": "plain"}, {"n": sealed}], "b": sealed, "c": 5});
        assert_eq!(ciphertexts(&body, &["/a/*/n", "/c", "/d"]), ["/a/1/n"]);
        assert_eq!(ciphertexts(&body, &["a", ""]), [""; 0]);
        let query = Query::from_value(&json!({"n": "1", "card": [sealed, "2"]})).unwrap();
        assert_eq!(query_ciphertexts(&query, &["n", "card", "x"]), ["card"]);
    }
}
