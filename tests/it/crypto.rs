//! The helpers under PHP's names, against what PHP, OpenSSL and users recorded.

use serde_json::Value;
use wechatpay_chain::hash::{self, SignType};
use wechatpay_chain::{Error, aes_ecb, aes_gcm};

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn rows<'a>(recording: &'a Value, name: &str) -> &'a [Value] {
    let rows = recording[name].as_array().unwrap();
    assert!(!rows.is_empty());
    rows
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap()
}

#[test]
fn digests_and_signs_are_those_of_php() {
    let recording = parsed(include_str!("../vectors/aes-hash.json"));
    for row in rows(&recording, "hash") {
        let (thing, key) = (text(row, "thing"), text(row, "key"));
        assert_eq!(hash::md5(thing, key), text(row, "md5"));
        assert_eq!(hash::md5(thing, ""), text(row, "md5_keyless"));
        assert_eq!(hash::md5_agency(thing, key), text(row, "md5_agency"));
        assert_eq!(hash::hmac_sha256(thing, key), text(row, "hmac_sha256"));
        assert_eq!(hash::sign(SignType::Md5, thing, key), text(row, "sign_md5"));
        assert_eq!(
            hash::sign(SignType::HmacSha256, thing, key),
            text(row, "sign_hmac")
        );
    }
}

/// Texts of many lengths and alphabets.
fn texts() -> impl Iterator<Item = String> {
    let alphabet: Vec<char> = "a张0 \n\u{0}😀\"é/".chars().collect();
    (0..70).map(move |length| {
        (0..length)
            .map(|at| alphabet[(at * 7 + length) % alphabet.len()])
            .collect()
    })
}

fn assert_silent(error: &Error, secrets: &[&str]) {
    let shown = format!("{error} {error:?}");
    for secret in secrets {
        assert!(!shown.contains(secret), "{shown}");
    }
}

#[test]
fn aes_gcm_is_that_of_php() {
    let recording = parsed(include_str!("../vectors/aes-hash.json"));
    for row in rows(&recording, "gcm") {
        let (key, nonce, aad) = (text(row, "key"), text(row, "nonce"), text(row, "aad"));
        let (plain, cipher) = (text(row, "plaintext"), text(row, "ciphertext"));
        assert_eq!(aes_gcm::encrypt(plain, key, nonce, aad).unwrap(), cipher);
        assert_eq!(aes_gcm::decrypt(cipher, key, nonce, aad).unwrap(), plain);
    }
}

#[test]
fn aes_ecb_is_that_of_php() {
    let recording = parsed(include_str!("../vectors/aes-hash.json"));
    for row in rows(&recording, "ecb") {
        let key = text(row, "key");
        let (plain, cipher) = (text(row, "plaintext"), text(row, "ciphertext"));
        assert_eq!(aes_ecb::encrypt(plain, key).unwrap(), cipher);
        assert_eq!(aes_ecb::decrypt(cipher, key).unwrap(), plain);
    }
}

const KEY: &str = "exposed_your_key_here_have_risks";

#[test]
fn what_aes_encrypts_it_decrypts_again() {
    for plain in texts() {
        let cipher = aes_gcm::encrypt(&plain, KEY, "d-vKyzY64jn_", "certificate").unwrap();
        assert_eq!(
            aes_gcm::decrypt(&cipher, KEY, "d-vKyzY64jn_", "certificate").unwrap(),
            plain
        );
        let cipher = aes_ecb::encrypt(&plain, KEY).unwrap();
        assert_eq!(aes_ecb::decrypt(&cipher, KEY).unwrap(), plain);
    }
}

#[test]
fn aes_gcm_refuses_whatever_was_altered_and_prints_none_of_it() {
    let (nonce, plain) = ("d-vKyzY64jn_", "the plain text");
    let cipher = aes_gcm::encrypt(plain, KEY, nonce, "aad").unwrap();
    let other_key = KEY.replace('e', "f");
    for (cipher, key, nonce, aad) in [
        (cipher.as_str(), other_key.as_str(), nonce, "aad"),
        (&cipher, KEY, "d-vKyzY64jn-", "aad"),
        (&cipher, KEY, nonce, ""),
        (&cipher[4..], KEY, nonce, "aad"),
        ("", KEY, nonce, "aad"),
        ("AAAA", KEY, nonce, "aad"),
        ("no base64!", KEY, nonce, "aad"),
    ] {
        let error = aes_gcm::decrypt(cipher, key, nonce, aad).unwrap_err();
        assert!(matches!(error, Error::Decode(_)), "{error}");
        assert_silent(&error, &[plain, KEY, &other_key, nonce]);
        assert!(cipher.is_empty() || !error.to_string().contains(cipher));
    }
    let error = aes_gcm::encrypt(plain, &KEY[1..], nonce, "").unwrap_err();
    assert!(matches!(error, Error::Key(_)));
    assert!(error.to_string().contains("31 bytes"), "{error}");
    for nonce in ["", "d-vKyzY64jn", "d-vKyzY64jn_x"] {
        for error in [
            aes_gcm::encrypt(plain, KEY, nonce, "").unwrap_err(),
            aes_gcm::decrypt(&cipher, KEY, nonce, "").unwrap_err(),
        ] {
            assert!(error.to_string().contains("12 bytes"), "{error}");
        }
    }
}

/// Case refund-01.
#[test]
fn a_refund_notification_opens_with_the_md5_of_the_apiv2_key() {
    let req_info = "sQHh/cSF5F2ms58BHQoBmfmEFQJB0mBeyldEigMwceXnHd8lq/3arfpXUdDkxpMDM2mbn2Mit8y5zDoIT\
        ONF0R8yRw8XvbODn2divzmOs5JPohJqHPZlqobYrEulwUURPl70QShkF0NZefRuxQmR2IJ9EZFuxIK2/wyab+x6lKH1Faw\
        IUqmz8Ct+0kQcGmDdO2hAEHxeb8F5bkIgH0Mbyg==";
    let opened = aes_ecb::decrypt(req_info, hash::md5(KEY, "")).unwrap();
    assert!(opened.starts_with("<root>"), "{opened}");
    assert!(opened.contains("R1") && opened.contains("SUCCESS"));

    let mut messages = std::collections::BTreeSet::new();
    for secret in 0..600 {
        let error = aes_ecb::decrypt(req_info, hash::md5(secret.to_string(), "")).unwrap_err();
        assert!(matches!(error, Error::Decode(_)));
        assert_silent(&error, &["<root>", &req_info[..8]]);
        messages.insert(error.to_string());
    }
    // Of 600 wrong keys some leave a padding that looks right: nothing tells those apart.
    assert_eq!(messages.len(), 1, "{messages:?}");
    assert!(messages.first().unwrap().contains("APIv2 key"));
    let short = aes_ecb::decrypt(&req_info[..36], hash::md5(KEY, "")).unwrap_err();
    assert_eq!(messages.first().unwrap(), &short.to_string());
    assert!(
        aes_ecb::decrypt(req_info, KEY.repeat(2))
            .unwrap_err()
            .to_string()
            .contains("64 bytes")
    );
}
