//! Sensitive fields: what a client encrypted, and what WeChat Pay encrypts for the merchant.

use std::fs;
use std::process::Command;

use aws_lc_rs::rsa::{
    OAEP_SHA1_MGF1SHA1, OAEP_SHA256_MGF1SHA256, OaepAlgorithm, OaepPrivateDecryptingKey,
    OaepPublicEncryptingKey, Pkcs1PublicEncryptingKey, PrivateDecryptingKey, PublicEncryptingKey,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject as _;
use wechatpay_sandbox::Sandbox;

use crate::client::public_key;
use crate::own_keys;

const NAME: &str = "张三 Zhang";

fn start() -> Sandbox {
    Sandbox::builder().plain().start_blocking().unwrap()
}

fn oaep(pem: &str, algorithm: &'static OaepAlgorithm, text: &[u8]) -> String {
    let key = PublicEncryptingKey::from_der(&public_key(pem)).unwrap();
    let key = OaepPublicEncryptingKey::new(key).unwrap();
    let mut output = vec![0; key.ciphertext_size()];
    BASE64.encode(key.encrypt(algorithm, text, &mut output, None).unwrap())
}

fn pkcs1(pem: &str, text: &[u8]) -> String {
    let key = PublicEncryptingKey::from_der(&public_key(pem)).unwrap();
    let key = Pkcs1PublicEncryptingKey::new(key).unwrap();
    let mut output = vec![0; key.ciphertext_size()];
    BASE64.encode(key.encrypt(text, &mut output).unwrap())
}

/// The serials of all platform keys, and a public key or a certificate of each.
fn keys(sandbox: &Sandbox) -> Vec<(String, String)> {
    let mut keys = vec![(
        sandbox.platform_serial().to_owned(),
        sandbox.platform_public_key().to_owned(),
    )];
    for certificate in sandbox.certificates() {
        keys.push((
            certificate.serial().to_owned(),
            certificate.pem().to_owned(),
        ));
    }
    keys
}

#[test]
fn a_field_is_opened_with_the_key_of_its_serial_and_no_other() {
    let sandbox = start();
    let keys = keys(&sandbox);
    for (serial, pem) in &keys {
        let field = oaep(pem, &OAEP_SHA1_MGF1SHA1, NAME.as_bytes());
        for (other, _) in &keys {
            let opened = sandbox.decrypt(other, &field);
            assert_eq!(opened.as_deref(), (other == serial).then_some(NAME));
        }
        let opened = sandbox.decrypt(serial.to_lowercase(), &field);
        assert_eq!(opened.as_deref(), Some(NAME));
        let field = pkcs1(pem, NAME.as_bytes());
        let opened = sandbox.decrypt_pkcs1(serial, &field);
        assert_eq!(opened.as_deref(), Some(NAME));
    }
}

#[test]
fn a_withdrawn_certificate_still_opens_what_was_encrypted_for_it() {
    let sandbox = start();
    let certificate = sandbox.certificates().remove(0);
    let field = oaep(certificate.pem(), &OAEP_SHA1_MGF1SHA1, b"x");
    sandbox.withdraw_certificate(certificate.serial());
    assert_eq!(sandbox.decrypt(certificate.serial(), field).unwrap(), "x");
}

#[test]
fn what_was_not_encrypted_so_is_not_opened() {
    let sandbox = start();
    let serial = sandbox.platform_serial();
    let pem = sandbox.platform_public_key();
    for field in [
        NAME.to_owned(),
        String::new(),
        BASE64.encode(NAME),
        BASE64.encode([1; 256]),
        pkcs1(pem, NAME.as_bytes()),
        oaep(pem, &OAEP_SHA256_MGF1SHA256, NAME.as_bytes()),
        oaep(pem, &OAEP_SHA1_MGF1SHA1, b"\xff"),
    ] {
        assert_eq!(sandbox.decrypt(serial, &field), None, "{field}");
    }
    let field = oaep(pem, &OAEP_SHA1_MGF1SHA1, b"");
    assert_eq!(sandbox.decrypt(serial, &field).unwrap(), "");
    assert_eq!(sandbox.decrypt("0", &field), None);
    assert_eq!(sandbox.decrypt_pkcs1("0", &field), None);
    assert_eq!(sandbox.decrypt_pkcs1(serial, &field), None);
}

#[test]
fn the_merchant_opens_what_was_encrypted_for_it() {
    let own = own_keys::builder().plain().start_blocking().unwrap();
    for sandbox in [start(), own] {
        let pem = sandbox.merchant_private_key();
        let der = PrivatePkcs8KeyDer::from_pem_slice(pem.as_bytes()).unwrap();
        let key = PrivateDecryptingKey::from_pkcs8(der.secret_pkcs8_der()).unwrap();
        let key = OaepPrivateDecryptingKey::new(key).unwrap();
        for text in ["", NAME, &"x".repeat(214)] {
            let field = BASE64
                .decode(sandbox.encrypt_for_merchant(text).unwrap())
                .unwrap();
            let mut output = vec![0; key.key_size_bytes()];
            let opened = key.decrypt(&OAEP_SHA1_MGF1SHA1, &field, &mut output, None);
            assert_eq!(opened.unwrap(), text.as_bytes());
        }
        assert_eq!(sandbox.encrypt_for_merchant("x".repeat(215)), None);
    }
}

#[test]
fn openssl_opens_it_too() {
    let sandbox = start();
    let folder = env!("CARGO_TARGET_TMPDIR");
    let name = std::process::id();
    let key = format!("{folder}/{name}.key");
    let field = format!("{folder}/{name}.field");
    fs::write(&key, sandbox.merchant_private_key()).unwrap();
    let encrypted = sandbox.encrypt_for_merchant(NAME).unwrap();
    fs::write(&field, BASE64.decode(encrypted).unwrap()).unwrap();
    let output = Command::new("openssl")
        .args(["pkeyutl", "-decrypt", "-inkey", &key, "-in", &field])
        .args(["-pkeyopt", "rsa_padding_mode:oaep"])
        .output();
    fs::remove_file(&key).unwrap();
    fs::remove_file(&field).unwrap();
    // A second opinion, where there is one.
    if let Ok(output) = output {
        assert_eq!(String::from_utf8(output.stdout).unwrap(), NAME);
    }
}
