//! Whatever comes in as a notification is judged without a panic, and only what the platform key
//! signed is trusted.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use serde_json::json;
use wechatpay_chain::rsa::PrivateKey;
use wechatpay_chain::{Client, Error, aes_gcm};

const APIV3_KEY: &str = "exposed_your_key_here_have_risks";
const SERIAL: &str = include_str!("../../tests/vectors/keys/platform.serial");
/// When the genuine one was made.
const SENT: u64 = 1_700_000_000;

static CLIENT: LazyLock<Client> = LazyLock::new(|| {
    Client::builder()
        .mchid("1900000109")
        .serial(include_str!("../../tests/vectors/keys/merchant.serial"))
        .private_key(include_str!("../../tests/vectors/keys/merchant.key"))
        .platform_certificate(include_str!("../../tests/vectors/keys/platform.crt"))
        .apiv3_key(APIV3_KEY)
        .build()
        .unwrap()
});

static PLATFORM: LazyLock<PrivateKey> = LazyLock::new(|| {
    PrivateKey::from_pem(include_str!("../../tests/vectors/keys/platform.key")).unwrap()
});

const NAMES: [&str; 5] = [
    "wechatpay-nonce",
    "wechatpay-serial",
    "wechatpay-signature",
    "wechatpay-signature-type",
    "wechatpay-timestamp",
];

static GENUINE: LazyLock<([Vec<u8>; 5], Vec<u8>)> =
    LazyLock::new(|| signed(sealed(br#"{"out_trade_no":"1"}"#)));

/// A notification about this resource.
fn sealed(resource: &[u8]) -> Vec<u8> {
    let resource = String::from_utf8_lossy(resource);
    let ciphertext = aes_gcm::encrypt(&*resource, APIV3_KEY, "0123456789ab", "transaction");
    let body = json!({
        "id": "1", "create_time": "2023-11-14T22:13:20+08:00", "event_type": "TRANSACTION.SUCCESS",
        "resource_type": "encrypt-resource", "summary": "支付成功",
        "resource": {
            "algorithm": "AEAD_AES_256_GCM", "ciphertext": ciphertext.unwrap(),
            "nonce": "0123456789ab", "associated_data": "transaction",
        },
    });
    body.to_string().into_bytes()
}

/// The headers that the platform gives a body, and the body.
fn signed(body: Vec<u8>) -> ([Vec<u8>; 5], Vec<u8>) {
    let message = [format!("{SENT}\nN0nce\n").as_bytes(), &body, b"\n"].concat();
    let signature = PLATFORM.sign(message);
    let algorithm = "WECHATPAY2-SHA256-RSA2048";
    let time = SENT.to_string();
    let values = ["N0nce", SERIAL.trim(), &signature, algorithm, &time];
    (values.map(|value| value.as_bytes().to_vec()), body)
}

// Lines: what to do, the five headers, then the body. "=" is what the genuine one has there.
fuzz_target!(|data: &[u8]| {
    let mut parts = data.splitn(NAMES.len() + 2, |byte| *byte == b'\n');
    let task = parts.next().unwrap_or_default();
    let mut headers = Vec::new();
    for (name, genuine) in NAMES.iter().zip(&GENUINE.0) {
        let value = parts.next().unwrap_or_default();
        for value in value.split(|byte| *byte == b',') {
            let value = if value == b"=" { genuine } else { value };
            headers.push((*name, value.to_vec()));
        }
    }
    let body = parts.next().unwrap_or_default();
    let body = if body == b"=" { &GENUINE.1 } else { body };

    // Trusted content may be anything, too.
    let trusted = match task {
        b"sign" => Some(signed(body.to_vec())),
        b"seal" => Some(signed(sealed(body))),
        _ => None,
    };
    if let Some((values, body)) = trusted {
        let headers: Vec<_> = NAMES.into_iter().zip(values).collect();
        match CLIENT.notification(&headers, &body).at(SENT).wait() {
            Ok(notification) => drop(notification.json::<String>()),
            Err(error) => {
                let is_its_content = matches!(error, Error::Decode(_) | Error::Verify(_));
                assert!(is_its_content, "{error}");
                shown(&error);
            }
        }
        return;
    }

    let cgi: Vec<_> = headers
        .iter()
        .map(|(name, value)| {
            let name = name.to_ascii_uppercase().replace('-', "_");
            (format!("HTTP_{name}"), value)
        })
        .collect();
    let plain = CLIENT.notification(&headers, body).at(SENT).wait();
    let cgi = CLIENT.notification(&cgi, body).at(SENT).wait();
    assert_eq!(plain.is_ok(), cgi.is_ok());
    match plain {
        Ok(_) => {
            assert_eq!(body, GENUINE.1, "a body that was not signed was trusted");
            for (name, value) in &headers {
                let index = NAMES.iter().position(|known| known == name).unwrap();
                let value = value.trim_ascii();
                let is_same = match *name {
                    "wechatpay-serial" => {
                        let digits = String::from_utf8_lossy(value).to_ascii_uppercase();
                        digits.trim_start_matches('0') == SERIAL.trim().trim_start_matches('0')
                    }
                    _ => value == GENUINE.0[index],
                };
                assert!(is_same, "{name} was not signed so");
            }
        }
        Err(error) => shown(&error),
    }
    if let Err(error) = CLIENT.notification(&headers, body).wait() {
        shown(&error);
    } else {
        panic!("an old notification was trusted");
    }
});

fn shown(error: &Error) {
    let text = format!("{error} {error:?}");
    assert!(!text.contains(['\n', '\r', '\0']), "{text}");
}
