//! What the real PHP SDK did on the same input, recorded.

use http::Request;
use serde_json::Value;
use wechatpay_chain::rsa::PublicKey;
use wechatpay_chain::{Client, Error, formatter};

use crate::support::{MERCHANT_PUBLIC, MERCHANT_SERIAL, offline, recorded};

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap()
}

#[test]
fn keys_grow_the_same_path_as_in_php() {
    let client = offline();
    let rows = parsed(include_str!("../vectors/chain.json"));
    for row in rows.as_array().unwrap() {
        let keys = row["keys"].as_array().unwrap();
        let mut keys = keys.iter().map(|key| key.as_str().unwrap());
        let first = client.chain(keys.next().unwrap());
        let chain = keys.fold(first, |chain, key| chain.chain(key));
        assert_eq!(chain.path(), text(row, "path"), "{row}");
    }
}

#[test]
fn templates_expand_as_in_php_but_never_to_an_empty_segment() {
    let client = offline();
    let rows = parsed(include_str!("../vectors/uri-template.json"));
    let mut refused = 0;
    for row in rows.as_array().unwrap() {
        let template = text(row, "template");
        let mut request = client.chain(template).get();
        for (name, value) in row["vars"].as_object().unwrap() {
            // In PHP a variable that the template does not have is ignored.
            let is_used = [",", "}", ":", "*"]
                .iter()
                .any(|end| template.contains(&format!("{name}{end}")));
            if is_used {
                request = request.var(name, value);
            }
        }
        let expanded = text(row, "expanded");
        match request.into_http() {
            Ok(request) => {
                let target = request.uri().path_and_query().unwrap().as_str();
                let expected = format!("/{}", expanded.trim_start_matches('/'));
                assert_eq!(target, expected, "{row}");
            }
            Err(Error::Template(_)) => {
                let has_empty_segment = expanded.contains("//") || expanded.ends_with('/');
                assert!(has_empty_segment, "{row}");
                refused += 1;
            }
            Err(error) => panic!("{row}: {error}"),
        }
    }
    assert_eq!(refused, 8);
}

/// The parts of an `Authorization` header.
fn credential<'a>(request: &'a Request<bytes::Bytes>, name: &str) -> &'a str {
    let header = request.headers()["authorization"].to_str().unwrap();
    let start = format!("{name}=\"");
    let (_, rest) = header.split_once(&start).unwrap();
    rest.split('"').next().unwrap()
}

fn replayed(client: &Client, case: &Value) -> Request<bytes::Bytes> {
    let keys = case["keys"].as_array().unwrap();
    let mut keys = keys.iter().map(|key| key.as_str().unwrap());
    let first = client.chain(keys.next().unwrap());
    let chain = keys.fold(first, |chain, key| chain.chain(key));
    let request = chain.request(text(case, "method"), case["options"].clone());
    request.into_http().unwrap()
}

#[test]
fn requests_have_the_verb_target_headers_and_body_of_php_and_their_signature_verifies() {
    let recording = parsed(include_str!("../vectors/requests-v3.json"));
    let client = recorded(text(&recording, "mchid")).build().unwrap();
    let public = PublicKey::from_pem(MERCHANT_PUBLIC).unwrap();
    let mut count = 0;
    for case in recording["cases"].as_array().unwrap() {
        let request = replayed(&client, case);
        let sent = &case["sent"];
        assert_eq!(request.method().as_str(), text(case, "method"));
        let target = request.uri().path_and_query().unwrap().as_str();
        assert_eq!(target, text(sent, "target"));
        assert_eq!(request.uri().scheme_str(), sent["scheme"].as_str());
        for (name, value) in sent["headers"].as_object().unwrap() {
            if name != "authorization" {
                assert_eq!(
                    request.headers()[name],
                    value.as_str().unwrap(),
                    "{name} in {case}"
                );
            }
        }
        let body = std::str::from_utf8(request.body()).unwrap();
        match text(sent, "body") {
            "" => assert_eq!(body, ""),
            // PHP escapes slashes and what is not ASCII.
            expected => assert_eq!(parsed(body), parsed(expected), "{case}"),
        }
        assert_eq!(credential(&request, "mchid"), text(&recording, "mchid"));
        assert_eq!(credential(&request, "serial_no"), MERCHANT_SERIAL.trim());
        let message = formatter::request(
            request.method(),
            target,
            credential(&request, "timestamp"),
            credential(&request, "nonce_str"),
            body,
        );
        assert!(
            public.verify(message, credential(&request, "signature")),
            "{case}"
        );
        count += 1;
    }
    assert!(count > 0);
}

#[test]
fn what_php_signed_verifies_here() {
    let recording = parsed(include_str!("../vectors/requests-v3.json"));
    let public = PublicKey::from_pem(MERCHANT_PUBLIC).unwrap();
    for case in recording["cases"].as_array().unwrap() {
        let sent = &case["sent"];
        let header = text(&sent["headers"], "authorization");
        let part = |name: &str| {
            let (_, rest) = header.split_once(&format!("{name}=\"")).unwrap();
            rest.split('"').next().unwrap()
        };
        let message = formatter::request(
            text(case, "method"),
            text(sent, "target"),
            part("timestamp"),
            part("nonce_str"),
            text(sent, "body"),
        );
        assert!(public.verify(message, part("signature")), "{case}");
        let same = formatter::authorization(
            part("mchid"),
            part("nonce_str"),
            part("signature"),
            part("timestamp"),
            part("serial_no"),
        );
        assert_eq!(same, header);
    }
}

#[test]
fn the_formatter_makes_the_texts_of_php() {
    let recording = parsed(include_str!("../vectors/formatter.json"));
    for row in recording["authorization"].as_array().unwrap() {
        let made = formatter::authorization(
            text(row, "mchid"),
            text(row, "nonce"),
            text(row, "signature"),
            text(row, "timestamp"),
            text(row, "serial"),
        );
        assert_eq!(made, text(row, "expect"));
    }
    for row in recording["request"].as_array().unwrap() {
        let made = formatter::request(
            text(row, "method"),
            text(row, "target"),
            text(row, "timestamp"),
            text(row, "nonce"),
            text(row, "body"),
        );
        assert_eq!(made, text(row, "expect"));
    }
    for row in recording["response"].as_array().unwrap() {
        let made = formatter::response(
            text(row, "timestamp"),
            text(row, "nonce"),
            text(row, "body"),
        );
        assert_eq!(made, text(row, "expect"));
    }
}
