//! The helpers under PHP's names, against what PHP, OpenSSL and users recorded.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use wechatpay_chain::hash::{self, SignType};
use wechatpay_chain::rsa::{self, PrivateKey, PublicKey};
use wechatpay_chain::{Client, Error, aes_ecb, aes_gcm, pem};

use crate::openssl::OpenSsl;
use crate::support::{
    MERCHANT_KEY, MERCHANT_PUBLIC, MERCHANT_SERIAL, PLATFORM_CERTIFICATE, PLATFORM_SERIAL,
};

const MERCHANT_PKCS1: &str = include_str!("../vectors/keys/merchant.pkcs1.key");
const MERCHANT_PKCS1_PUBLIC: &str = include_str!("../vectors/keys/merchant.pkcs1.pub");
const MERCHANT_ENCRYPTED: &str = include_str!("../vectors/keys/merchant.encrypted.key");
const MERCHANT_CERTIFICATE: &str = include_str!("../vectors/keys/merchant.crt");
const PASSPHRASE: &str = "1900000109";

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

/// The base64 between the BEGIN and END lines, on one line.
fn body(pem: &str) -> String {
    pem.lines()
        .filter(|line| !line.starts_with("-----"))
        .collect()
}

fn der(pem: &str) -> Vec<u8> {
    STANDARD.decode(body(pem)).unwrap()
}

fn assert_is_merchants(key: &PrivateKey) {
    let public = PublicKey::from_pem(MERCHANT_PUBLIC).unwrap();
    assert!(public.verify("message", key.sign("message")));
}

fn assert_is_merchants_public(key: &PublicKey) {
    let private = PrivateKey::from_pem(MERCHANT_KEY).unwrap();
    assert!(key.verify("message", private.sign("message")));
}

#[test]
fn signatures_are_those_of_php() {
    let recording = parsed(include_str!("../vectors/rsa.json"));
    let private = PrivateKey::from_pem(MERCHANT_KEY).unwrap();
    let public = PublicKey::from_pem(MERCHANT_PUBLIC).unwrap();
    for row in rows(&recording, "sign") {
        assert_eq!(private.sign(text(row, "message")), text(row, "signature"));
    }
    for row in rows(&recording, "verify") {
        let valid = public.verify(text(row, "message"), text(row, "signature"));
        assert_eq!(Some(valid), row["valid"].as_bool(), "{row}");
    }
}

#[test]
fn what_is_signed_verifies_and_nothing_else() {
    let private = PrivateKey::from_pem(MERCHANT_KEY).unwrap();
    let public = PublicKey::from_pem(MERCHANT_PUBLIC).unwrap();
    let platform = PublicKey::from_pem(PLATFORM_CERTIFICATE).unwrap();
    for message in texts() {
        let signature = private.sign(&message);
        assert!(public.verify(&message, &signature));
        assert!(!public.verify(format!("{message} "), &signature));
        assert!(!platform.verify(&message, &signature));
    }
}

/// Case keys-01, and PHP's `Rsa::from`.
#[test]
fn a_private_key_loads_in_every_form_that_a_setting_may_hold() {
    let (pkcs8, pkcs1) = (body(MERCHANT_KEY), body(MERCHANT_PKCS1));
    let bare_lines = MERCHANT_KEY.lines().collect::<Vec<_>>();
    let texts = [
        MERCHANT_KEY.to_owned(),
        MERCHANT_PKCS1.to_owned(),
        format!("\u{feff}{MERCHANT_KEY}"),
        MERCHANT_KEY.replace('\n', "\r\n"),
        MERCHANT_KEY.replace('\n', "\\n"),
        MERCHANT_KEY.replace('\n', " "),
        MERCHANT_KEY.trim_end().to_owned(),
        // What `openssl pkcs12 -nodes` writes.
        format!(
            "Bag Attributes\n    localKeyID: 01\n{MERCHANT_CERTIFICATE}Bag Attributes\n{MERCHANT_KEY}"
        ),
        pkcs8.clone(),
        pkcs1.clone(),
        format!("\u{feff}{pkcs8}\r\n"),
        bare_lines[1..bare_lines.len() - 1].join("\n"),
        bare_lines[1..bare_lines.len() - 1].join("\\n"),
        format!("private.pkcs8://{pkcs8}"),
        format!("private.pkcs1://{pkcs1}\n"),
    ];
    for text in &texts {
        assert_is_merchants(&PrivateKey::try_from(text).unwrap());
        assert_is_merchants(&PrivateKey::try_from(text.as_bytes()).unwrap());
        assert_is_merchants(&PrivateKey::try_from((text, "ignored")).unwrap());
    }
    for der in [der(MERCHANT_KEY), der(MERCHANT_PKCS1)] {
        assert_is_merchants(&PrivateKey::try_from(der.as_slice()).unwrap());
    }
    assert_is_merchants(&PrivateKey::from_pkcs8(&pkcs8).unwrap());
    assert_is_merchants(&PrivateKey::from_pkcs1(&pkcs1).unwrap());
}

#[test]
fn a_public_key_loads_in_every_form_that_a_setting_may_hold() {
    let (spki, pkcs1) = (body(MERCHANT_PUBLIC), body(MERCHANT_PKCS1_PUBLIC));
    let certificate = body(MERCHANT_CERTIFICATE);
    let texts = [
        MERCHANT_PUBLIC.to_owned(),
        MERCHANT_PKCS1_PUBLIC.to_owned(),
        MERCHANT_CERTIFICATE.to_owned(),
        format!("{MERCHANT_KEY}{MERCHANT_CERTIFICATE}"),
        MERCHANT_PUBLIC.replace('\n', "\r\n"),
        spki.clone(),
        pkcs1.clone(),
        certificate.clone(),
        format!("public.spki://{spki}"),
        format!("public.pkcs1://{pkcs1}"),
    ];
    for text in &texts {
        assert_is_merchants_public(&PublicKey::try_from(text).unwrap());
    }
    for pem in [MERCHANT_PUBLIC, MERCHANT_PKCS1_PUBLIC, MERCHANT_CERTIFICATE] {
        assert_is_merchants_public(&PublicKey::try_from(der(pem).as_slice()).unwrap());
    }
    assert_is_merchants_public(&PublicKey::from_spki(&spki).unwrap());
    assert_is_merchants_public(&PublicKey::from_pkcs1(&pkcs1).unwrap());
    assert_is_merchants_public(&PublicKey::from_certificate(MERCHANT_CERTIFICATE).unwrap());
    assert_eq!(rsa::pkcs1_to_spki(&pkcs1).unwrap(), spki);
    assert_eq!(
        pem::serial_number(certificate).unwrap(),
        MERCHANT_SERIAL.trim()
    );
    assert_eq!(
        pem::serial_number(PLATFORM_CERTIFICATE).unwrap(),
        PLATFORM_SERIAL.trim()
    );
}

#[test]
fn a_certificate_says_from_when_to_when_it_is_valid() {
    let seconds = |time: SystemTime| time.duration_since(UNIX_EPOCH).unwrap().as_secs();
    let (from, to) = pem::validity(MERCHANT_CERTIFICATE).unwrap();
    assert_eq!((seconds(from), seconds(to)), (1_795_523_278, 2_110_883_278));
    let error = pem::validity(MERCHANT_PUBLIC).unwrap_err().to_string();
    assert!(error.contains("an X.509 certificate"), "{error}");
}

#[test]
fn an_encrypted_key_loads_with_its_passphrase() {
    assert_is_merchants(&PrivateKey::from_encrypted_pem(MERCHANT_ENCRYPTED, PASSPHRASE).unwrap());
    assert_is_merchants(&PrivateKey::try_from((MERCHANT_ENCRYPTED, PASSPHRASE)).unwrap());
    let owned = (MERCHANT_ENCRYPTED.to_owned(), PASSPHRASE.to_owned());
    assert_is_merchants(&PrivateKey::try_from(owned).unwrap());
    let bare = (body(MERCHANT_ENCRYPTED), PASSPHRASE);
    assert_is_merchants(&PrivateKey::try_from(bare).unwrap());
}

#[test]
fn a_client_takes_an_encrypted_key_and_its_passphrase() {
    let built = Client::builder()
        .mchid("1900000109")
        .serial(MERCHANT_SERIAL)
        .private_key((MERCHANT_ENCRYPTED, PASSPHRASE))
        .platform_certificate(PLATFORM_CERTIFICATE)
        .build();
    built.unwrap();
    let mut settings = json!({
        "mchid": "1900000109", "serial": MERCHANT_SERIAL,
        "privateKey": [MERCHANT_ENCRYPTED, PASSPHRASE],
        "certs": { PLATFORM_SERIAL.trim(): PLATFORM_CERTIFICATE },
        "secret": "exposed_your_key_here_have_risks",
        "merchant": {
            "cert": [MERCHANT_CERTIFICATE, PASSPHRASE], "key": [MERCHANT_ENCRYPTED, PASSPHRASE],
        },
    });
    Client::factory(settings.clone()).unwrap();
    settings["merchant"]["key"] = json!([MERCHANT_ENCRYPTED, "wrong"]);
    let error = Client::factory(settings).unwrap_err();
    assert!(error.to_string().starts_with("merchant.key: "), "{error}");
    assert_silent(&error, &[PASSPHRASE, &body(MERCHANT_ENCRYPTED)[..20]]);
}

#[test]
fn a_key_that_does_not_load_says_what_was_seen_and_not_what_it_holds() {
    let traditional = MERCHANT_PKCS1.replace(
        "PRIVATE KEY-----\nMII",
        "PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nMII",
    );
    let pkcs8 = body(MERCHANT_KEY);
    let elliptic = "-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----";
    let private = |text: &str| PrivateKey::try_from(text).unwrap_err();
    let public = |text: &str| PublicKey::try_from(text).unwrap_err();
    let cases = [
        (private(MERCHANT_ENCRYPTED), "ENCRYPTED PRIVATE KEY, PKCS#8"),
        (private(&body(MERCHANT_ENCRYPTED)), "from_encrypted_pem"),
        (
            PrivateKey::try_from((MERCHANT_ENCRYPTED, "wrong")).unwrap_err(),
            "passphrase does not open",
        ),
        (
            PrivateKey::try_from((traditional.as_str(), PASSPHRASE)).unwrap_err(),
            "Proc-Type: 4,ENCRYPTED",
        ),
        (private(&pkcs8[..pkcs8.len() - 8]), "cut or altered"),
        (
            private(&format!("private.pkcs8://{}!", &pkcs8)),
            "cut or altered",
        ),
        (private("private.pkcs8://"), "cut or altered"),
        (private(&body(MERCHANT_PUBLIC)), "a public key"),
        (
            private(&format!("public.pkcs1://{}", body(MERCHANT_PKCS1_PUBLIC))),
            "PKCS#1 public key",
        ),
        (private(elliptic), "elliptic-curve"),
        (public(MERCHANT_KEY), "a private key"),
        (public(&pkcs8), "a private key"),
        (
            PrivateKey::from_pkcs1(&pkcs8).unwrap_err(),
            "a private key (PRIVATE KEY)",
        ),
        (
            PublicKey::from_spki(body(MERCHANT_PKCS1_PUBLIC)).unwrap_err(),
            "RSA PUBLIC KEY",
        ),
        (
            PublicKey::from_certificate(MERCHANT_PUBLIC).unwrap_err(),
            "a public key",
        ),
        (
            PrivateKey::try_from(&[0x30, 0x82, 0xff][..]).unwrap_err(),
            "3 bytes of binary",
        ),
        (
            PrivateKey::try_from(&include_bytes!("../vectors/keys/merchant.p12")[..]).unwrap_err(),
            "from_p12",
        ),
    ];
    let secrets = [&pkcs8, &body(MERCHANT_ENCRYPTED), &body(MERCHANT_PKCS1)];
    for (error, expected) in cases {
        assert!(matches!(error, Error::Key(_)));
        assert!(error.to_string().contains(expected), "{error}");
        for secret in secrets {
            assert_silent(&error, &[&secret[40..60], PASSPHRASE]);
        }
    }
    assert_eq!(
        format!("{:?}", PrivateKey::from_pem(MERCHANT_KEY).unwrap()),
        "PrivateKey([redacted])"
    );
}

#[test]
fn a_damaged_key_never_panics_and_is_never_printed() {
    let pems = [
        MERCHANT_KEY,
        MERCHANT_PKCS1,
        MERCHANT_ENCRYPTED,
        MERCHANT_PUBLIC,
        MERCHANT_PKCS1_PUBLIC,
        MERCHANT_CERTIFICATE,
    ];
    for pem in pems {
        for bytes in [pem.as_bytes().to_vec(), body(pem).into_bytes(), der(pem)] {
            // Short pieces too, since a short line may look like a path, which is shown.
            for window in bytes.windows(100).step_by(29) {
                let Ok(text) = std::str::from_utf8(window) else {
                    continue;
                };
                for scheme in ["", "private.pkcs8://", "public.spki://"] {
                    let piece = format!("{scheme}{}", text.replace('\n', ""));
                    let error = PrivateKey::try_from(&piece).unwrap_err();
                    assert_silent(&error, &[&piece[piece.len() - 20..]]);
                }
            }
            for at in (0..bytes.len()).step_by(29) {
                let mut flipped = bytes.clone();
                flipped[at] ^= 0x55;
                for damaged in [&bytes[..at], &bytes[at..], &flipped] {
                    let private = PrivateKey::try_from(damaged).err();
                    let public = PublicKey::try_from(damaged).err();
                    for error in [private, public].into_iter().flatten() {
                        assert!(error.to_string().len() < 500, "{error}");
                        assert_silent(&error, &[&body(pem)[40..60]]);
                    }
                }
            }
        }
    }
}

#[cfg(feature = "p12")]
#[test]
fn a_pkcs12_file_gives_the_key_and_the_certificate() {
    let bytes = include_bytes!("../vectors/keys/merchant.p12");
    assert_is_merchants(&PrivateKey::from_p12(bytes, PASSPHRASE).unwrap());
    assert_is_merchants_public(&PublicKey::from_p12(bytes, PASSPHRASE).unwrap());
    let client = Client::builder()
        .mchid("1900000109")
        .merchant_certificate(PublicKey::from_p12(bytes, PASSPHRASE).unwrap())
        .private_key(PrivateKey::from_p12(bytes, PASSPHRASE).unwrap())
        .platform_certificate(PLATFORM_CERTIFICATE)
        .build();
    client.unwrap();
    let wrong = PrivateKey::from_p12(bytes, "wrong").unwrap_err();
    assert!(
        wrong.to_string().contains("passphrase does not open"),
        "{wrong}"
    );
    for length in (0..bytes.len()).step_by(13) {
        assert!(PrivateKey::from_p12(&bytes[..length], PASSPHRASE).is_err());
    }
}

#[cfg(feature = "aws-lc-rs")]
#[test]
fn what_php_encrypted_with_oaep_decrypts_here() {
    let recording = parsed(include_str!("../vectors/rsa.json"));
    for private in [MERCHANT_KEY, MERCHANT_PKCS1] {
        let private = PrivateKey::from_pem(private).unwrap();
        for row in rows(&recording, "decrypt_oaep") {
            let plain = private.decrypt(text(row, "ciphertext")).unwrap();
            assert_eq!(plain, text(row, "plaintext"));
        }
    }
}

#[cfg(feature = "aws-lc-rs")]
#[test]
fn what_is_encrypted_for_a_key_decrypts_with_it() {
    let private = PrivateKey::from_pem(MERCHANT_KEY).unwrap();
    let public = PublicKey::from_pem(MERCHANT_CERTIFICATE).unwrap();
    for plain in texts().filter(|text| text.len() <= 214) {
        let cipher = public.encrypt(&plain).unwrap();
        assert_eq!(cipher.len(), 344);
        assert_eq!(private.decrypt(&cipher).unwrap(), plain);
        assert_ne!(public.encrypt(&plain).unwrap(), cipher);
    }
}

#[cfg(feature = "aws-lc-rs")]
#[test]
fn a_text_over_the_limit_is_refused_with_both_sizes_and_not_printed() {
    let public = PublicKey::from_pem(MERCHANT_PUBLIC).unwrap();
    type Encrypt = fn(&PublicKey, &str) -> wechatpay_chain::Result<String>;
    let oaep: Encrypt = |key, text| key.encrypt(text);
    let pkcs1v15: Encrypt = |key, text| key.encrypt_pkcs1v15(text);
    for (longest, encrypt) in [(214, oaep), (245, pkcs1v15)] {
        assert_eq!(encrypt(&public, &"z".repeat(longest)).unwrap().len(), 344);
        let error = encrypt(&public, &"z".repeat(longest + 1)).unwrap_err();
        assert!(matches!(error, Error::Request(_)));
        for size in [longest + 1, longest, 2048] {
            assert!(error.to_string().contains(&size.to_string()), "{error}");
        }
        assert_silent(&error, &["zz"]);
    }
}

/// Case sensitive-05.
#[cfg(feature = "aws-lc-rs")]
#[test]
fn a_ciphertext_for_another_key_is_explained_and_a_plain_text_is_called_none() {
    let merchant = PrivateKey::from_pem(MERCHANT_KEY).unwrap();
    let platform = PublicKey::from_pem(PLATFORM_CERTIFICATE).unwrap();
    let for_platform = merchant
        .decrypt(platform.encrypt("张三").unwrap())
        .unwrap_err();
    assert!(matches!(for_platform, Error::Decode(_)));
    assert!(
        for_platform.to_string().contains("not made for this key"),
        "{for_platform}"
    );
    // Another padding, noise, and a number larger than the modulus read the same.
    let own = PublicKey::from_pem(MERCHANT_PUBLIC).unwrap();
    for cipher in [
        own.encrypt_pkcs1v15("张三").unwrap(),
        STANDARD.encode([1; 256]),
        STANDARD.encode([255; 256]),
    ] {
        let error = merchant.decrypt(cipher).unwrap_err();
        assert_eq!(error.to_string(), for_platform.to_string());
    }
    for plain in ["张三", "", "13000000000"] {
        let error = merchant.decrypt(plain).unwrap_err();
        assert!(error.to_string().contains("not a ciphertext"), "{error}");
        assert!(plain.is_empty() || !error.to_string().contains(plain));
    }
    assert_eq!(
        PrivateKey::from_pem(crate::support::PLATFORM_KEY)
            .unwrap()
            .decrypt(platform.encrypt("张三").unwrap())
            .unwrap(),
        "张三"
    );
}

#[test]
fn openssl_agrees_on_signatures_and_forms_of_fresh_keys() {
    let Some(openssl) = OpenSsl::new("keys") else {
        return;
    };
    for bits in [2048, 3072, 4096] {
        openssl.run(&format!(
            "genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:{bits} -out key"
        ));
        openssl.run("pkey -in key -pubout -out public");
        openssl.run("rsa -in key -traditional -out pkcs1");
        openssl.run("rsa -in key -RSAPublicKey_out -out pkcs1.public");
        openssl.run("pkey -in key -outform DER -out key.der");
        openssl.run("pkey -in key -pubout -outform DER -out public.der");
        let private = PrivateKey::from_file(openssl.path("key")).unwrap();
        for public in ["public", "public.der", "pkcs1.public"] {
            let public = PublicKey::from_file(openssl.path(public)).unwrap();
            for other in ["key", "pkcs1", "key.der"] {
                let other = PrivateKey::from_file(openssl.path(other)).unwrap();
                assert!(public.verify("a", other.sign("a")));
            }
        }
        let spki = rsa::pkcs1_to_spki(body(&openssl.text("pkcs1.public"))).unwrap();
        assert_eq!(spki, body(&openssl.text("public")));

        openssl.write("message", "POST\n/v3/x\n1\n张三\n{}\n");
        let signature = openssl.run("dgst -sha256 -sign key message");
        assert_eq!(
            private.sign(openssl.text("message")),
            STANDARD.encode(&signature)
        );
        openssl.write("signature", &signature);
        openssl.run("dgst -sha256 -verify public -signature signature message");
    }
}

#[test]
fn openssl_agrees_on_encrypted_keys() {
    let Some(openssl) = OpenSsl::new("encrypted") else {
        return;
    };
    openssl.write("key", MERCHANT_KEY);
    for encryption in [
        "-v2 aes256",
        "-v2 aes128 -v2prf hmacWithSHA1",
        "-v2 des3",
        "-v2 aes-256-cbc -v2prf hmacWithSHA512 -iter 4096",
        "-scrypt",
    ] {
        openssl.run(&format!(
            "pkcs8 -topk8 {encryption} -in key -passout pass:geheim -out encrypted"
        ));
        let pem = openssl.text("encrypted");
        assert_is_merchants(&PrivateKey::from_encrypted_pem(&pem, "geheim").unwrap());
        let wrong = PrivateKey::from_encrypted_pem(&pem, "Geheim").unwrap_err();
        assert!(wrong.to_string().contains("passphrase"), "{wrong}");
    }
    openssl.run("pkcs8 -topk8 -v1 PBE-SHA1-3DES -in key -passout pass:geheim -out old");
    let error = PrivateKey::from_encrypted_pem(openssl.text("old"), "geheim").unwrap_err();
    assert!(
        error.to_string().contains("openssl pkcs8 -topk8 -v2"),
        "{error}"
    );
}

#[cfg(feature = "aws-lc-rs")]
#[test]
fn openssl_agrees_on_oaep_and_pkcs1v15_of_fresh_keys() {
    let Some(openssl) = OpenSsl::new("oaep") else {
        return;
    };
    let oaep = "-pkeyopt rsa_padding_mode:oaep -pkeyopt rsa_oaep_md:sha1 -pkeyopt rsa_mgf1_md:sha1";
    for (bits, longest) in [(2048, 214), (3072, 342), (4096, 470)] {
        openssl.run(&format!(
            "genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:{bits} -out key"
        ));
        openssl.run("pkey -in key -pubout -out public");
        let private = PrivateKey::from_file(openssl.path("key")).unwrap();
        let public = PublicKey::from_file(openssl.path("public")).unwrap();
        for plain in ["张三".to_owned(), "z".repeat(longest)] {
            openssl.write("plain", &plain);
            let cipher = openssl.run(&format!(
                "pkeyutl -encrypt -pubin -inkey public -in plain {oaep}"
            ));
            assert_eq!(private.decrypt(STANDARD.encode(cipher)).unwrap(), plain);
            let cipher = STANDARD.decode(public.encrypt(&plain).unwrap()).unwrap();
            openssl.write("cipher", cipher);
            let opened = openssl.run(&format!("pkeyutl -decrypt -inkey key -in cipher {oaep}"));
            assert_eq!(opened, plain.as_bytes());
            let cipher = STANDARD
                .decode(public.encrypt_pkcs1v15(&plain).unwrap())
                .unwrap();
            openssl.write("cipher", cipher);
            let opened = openssl.run("pkeyutl -decrypt -inkey key -in cipher");
            assert_eq!(opened, plain.as_bytes());
        }
        assert!(public.encrypt("z".repeat(longest + 1)).is_err());
    }
}

#[test]
fn openssl_agrees_on_the_serial_of_a_certificate() {
    let Some(openssl) = OpenSsl::new("serials") else {
        return;
    };
    for serial in [
        "0x0ABCDEF012345678",
        "0x00000000000000000000000000000000000000A1",
        "0x80",
        "0xFF00112233445566778899AABBCCDDEEFF001122",
        "1",
        "0",
    ] {
        openssl.run(&format!(
            "req -x509 -newkey rsa:2048 -nodes -keyout key -subj /CN=x -set_serial {serial} -out crt"
        ));
        openssl.run("x509 -in crt -outform DER -out crt.der");
        let printed = String::from_utf8(openssl.run("x509 -in crt -noout -serial")).unwrap();
        let expected = printed.trim().strip_prefix("serial=").unwrap();
        assert_eq!(pem::serial_number(openssl.text("crt")).unwrap(), expected);
        for file in ["crt", "crt.der"] {
            let address = format!("file://{}", openssl.path(file).display());
            assert_eq!(pem::serial_number(address).unwrap(), expected);
        }
    }
}

#[test]
fn keys_of_another_size_or_algorithm_are_told_apart() {
    let Some(openssl) = OpenSsl::new("others") else {
        return;
    };
    openssl.run("genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:1024 -out small");
    openssl.run("pkey -in small -pubout -out small.public");
    openssl.run("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out elliptic");
    openssl.run("pkey -in elliptic -pubout -out elliptic.public");
    for (file, expected) in [
        ("small", "fewer than 2048 bits"),
        ("elliptic", "another algorithm"),
    ] {
        let private = PrivateKey::from_file(openssl.path(file)).unwrap_err();
        assert!(private.to_string().contains(expected), "{private}");
        let public = openssl.path(&format!("{file}.public"));
        let public = PublicKey::from_file(public).unwrap_err();
        assert!(public.to_string().contains(expected), "{public}");
    }
    openssl.run("rsa -in small -traditional -aes128 -passout pass:geheim -out traditional");
    let key = (openssl.text("traditional"), "geheim");
    let error = PrivateKey::try_from(key).unwrap_err();
    assert!(
        error.to_string().contains("Proc-Type: 4,ENCRYPTED"),
        "{error}"
    );
}

#[cfg(feature = "p12")]
#[test]
fn pkcs12_files_of_new_and_old_openssl_load() {
    let Some(openssl) = OpenSsl::new("p12") else {
        return;
    };
    openssl.write("key", MERCHANT_KEY);
    openssl.write("crt", MERCHANT_CERTIFICATE);
    openssl.write("other", PLATFORM_CERTIFICATE);
    for options in [
        "",
        " -legacy",
        " -certfile other",
        " -legacy -certfile other",
        " -certpbe PBE-SHA1-3DES -keypbe PBE-SHA1-3DES -macalg sha1",
    ] {
        openssl.run(&format!(
            "pkcs12 -export -inkey key -in crt -passout pass:{PASSPHRASE} -out p12{options}"
        ));
        let bytes = std::fs::read(openssl.path("p12")).unwrap();
        assert_is_merchants(&PrivateKey::from_p12(&bytes, PASSPHRASE).unwrap());
        assert_is_merchants_public(&PublicKey::from_p12(&bytes, PASSPHRASE).unwrap());
        assert!(PrivateKey::from_p12(&bytes, "").is_err());
    }
}

/// With such a key everybody can sign.
#[cfg(feature = "aws-lc-rs")]
#[test]
fn a_public_key_of_the_exponent_one_is_refused() {
    let modulus = [&[0_u8][..], &[0xff; 256]].concat();
    let of_exponent = |exponent: u8| {
        let number = |bytes: &[u8]| {
            let length = u16::try_from(bytes.len()).unwrap().to_be_bytes();
            [&[0x02, 0x82], &length[..], bytes].concat()
        };
        let numbers = [number(&modulus), vec![0x02, 0x01, exponent]].concat();
        let length = u16::try_from(numbers.len()).unwrap().to_be_bytes();
        let der = [&[0x30, 0x82], &length[..], &numbers].concat();
        PublicKey::from_pkcs1(STANDARD.encode(der))
    };
    of_exponent(3).unwrap();
    let error = of_exponent(1).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("modulus or exponent is none"), "{text}");
}
