//! Notifications, and bringing them to a server.

use std::collections::HashSet;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpListener;
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use wechatpay_sandbox::{Notification, NotificationBuilder, Sandbox};

use crate::client::{decrypt, now, verifies};

fn start() -> Sandbox {
    Sandbox::builder().plain().start_blocking().unwrap()
}

fn paid() -> Value {
    json!({ "out_trade_no": "1217752501201407033233368018", "trade_state": "SUCCESS" })
}

fn builder(sandbox: &Sandbox) -> NotificationBuilder {
    sandbox.notification_builder("TRANSACTION.SUCCESS", "transaction", &paid())
}

fn header(notification: &Notification, name: &str) -> String {
    let headers = notification.headers();
    let found = headers.iter().find(|(known, _)| known == name);
    found.unwrap().1.clone()
}

fn body(notification: &Notification) -> Value {
    serde_json::from_slice(notification.body()).unwrap()
}

fn is_signed_by(notification: &Notification, pem: &str) -> bool {
    let headers = notification.headers();
    let header = |name: &str| {
        let found = headers.iter().find(|(known, _)| known == name);
        found.unwrap().1.as_str()
    };
    verifies(pem, header, notification.body())
}

#[test]
fn a_genuine_one_is_signed_encrypted_and_in_order() {
    let sandbox = start();
    let notification = sandbox.notification("TRANSACTION.SUCCESS", "transaction", &paid());
    assert!(is_signed_by(&notification, sandbox.platform_public_key()));
    let names: Vec<String> = notification
        .headers()
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    let expected = [
        "Content-Type",
        "Request-ID",
        "Wechatpay-Nonce",
        "Wechatpay-Serial",
        "Wechatpay-Signature",
        "Wechatpay-Signature-Type",
        "Wechatpay-Timestamp",
    ];
    assert_eq!(names, expected);
    assert_eq!(
        header(&notification, "Wechatpay-Serial"),
        sandbox.platform_serial()
    );
    assert_eq!(
        header(&notification, "Wechatpay-Signature-Type"),
        "WECHATPAY2-SHA256-RSA2048"
    );
    let timestamp: i64 = header(&notification, "Wechatpay-Timestamp")
        .parse()
        .unwrap();
    assert!((now() - timestamp).abs() < 60);

    let json = body(&notification);
    assert_eq!(json["resource_type"], "encrypt-resource");
    assert_eq!(json["event_type"], "TRANSACTION.SUCCESS");
    assert_eq!(json["summary"], "支付成功");
    let resource = &json["resource"];
    assert_eq!(resource["original_type"], "transaction");
    assert_eq!(resource["associated_data"], "transaction");
    assert_eq!(resource["nonce"].as_str().unwrap().len(), 12);
    assert_eq!(decrypt(&sandbox, resource).unwrap(), paid().to_string());
    let groups: Vec<usize> = json["id"]
        .as_str()
        .unwrap()
        .split('-')
        .map(str::len)
        .collect();
    assert_eq!(groups, [8, 4, 4, 4, 12]);

    let text = std::str::from_utf8(notification.body()).unwrap();
    let mut last = 0;
    for name in [
        "id",
        "create_time",
        "resource_type",
        "event_type",
        "summary",
        "resource",
        "original_type",
        "algorithm",
        "ciphertext",
        "associated_data",
        "nonce",
    ] {
        let place = text.find(&format!("\"{name}\":")).unwrap();
        assert!(place > last, "{name} in {text}");
        last = place;
    }
}

#[test]
fn each_has_an_id_and_nonces_of_its_own() {
    let sandbox = start();
    let builder = builder(&sandbox);
    let mut seen = HashSet::new();
    for _ in 0..3 {
        let notification = builder.build();
        let json = body(&notification);
        assert!(seen.insert(json["id"].to_string()));
        assert!(seen.insert(json["resource"]["nonce"].to_string()));
        assert!(seen.insert(header(&notification, "Wechatpay-Nonce")));
    }
}

#[test]
fn the_key_that_signs_answers_signs_notifications() {
    let sandbox = start();
    for certificate in sandbox.certificates() {
        sandbox.sign_with(certificate.serial()).unwrap();
        let notification = sandbox.notification("REFUND.SUCCESS", "refund", &paid());
        assert_eq!(
            header(&notification, "Wechatpay-Serial"),
            certificate.serial()
        );
        assert!(is_signed_by(&notification, certificate.pem()));
        assert_eq!(body(&notification)["summary"], "退款成功");
    }
}

#[test]
fn another_serial_signs_one_alone_and_an_unknown_one_is_only_named() {
    let sandbox = start();
    let certificate = &sandbox.certificates()[1];
    let notification = builder(&sandbox).signed_by(certificate.serial()).build();
    assert_eq!(
        header(&notification, "Wechatpay-Serial"),
        certificate.serial()
    );
    assert!(is_signed_by(&notification, certificate.pem()));
    let notification = builder(&sandbox).signed_by("PUB_KEY_ID_0").build();
    assert_eq!(header(&notification, "Wechatpay-Serial"), "PUB_KEY_ID_0");
    assert!(is_signed_by(&notification, sandbox.platform_public_key()));
    let notification = builder(&sandbox).build();
    assert!(is_signed_by(&notification, sandbox.platform_public_key()));
}

#[test]
fn another_time_is_what_it_says_and_what_is_signed() {
    let sandbox = start();
    let time = UNIX_EPOCH + Duration::from_millis(1_528_425_296_789);
    let notification = builder(&sandbox).at(time).build();
    assert_eq!(header(&notification, "Wechatpay-Timestamp"), "1528425296");
    assert_eq!(
        body(&notification)["create_time"],
        "2018-06-08T10:34:56+08:00"
    );
    assert!(is_signed_by(&notification, sandbox.platform_public_key()));
    for (time, text) in [
        (UNIX_EPOCH - Duration::from_secs(9), "0"),
        (SystemTime::UNIX_EPOCH + Duration::from_secs(9), "9"),
    ] {
        let notification = builder(&sandbox).at(time).build();
        assert_eq!(header(&notification, "Wechatpay-Timestamp"), text);
    }
}

#[test]
fn a_probe_does_not_verify() {
    let sandbox = start();
    for notification in [
        builder(&sandbox).probe().build(),
        builder(&sandbox)
            .signature("WECHATPAY/SIGNTEST/not base64!")
            .build(),
    ] {
        assert!(header(&notification, "Wechatpay-Signature").starts_with("WECHATPAY/SIGNTEST/"));
        assert!(!is_signed_by(&notification, sandbox.platform_public_key()));
    }
}

#[test]
fn what_is_encrypted_can_differ_in_every_way() {
    let sandbox = start();
    let resource = |builder: NotificationBuilder| {
        let notification = builder.build();
        assert!(is_signed_by(&notification, sandbox.platform_public_key()));
        body(&notification)["resource"].clone()
    };
    let other = builder(&sandbox).apiv3_key("0123456789abcdef0123456789abcdef");
    assert_eq!(decrypt(&sandbox, &resource(other)), None);
    let short = builder(&sandbox).apiv3_key("short");
    assert_eq!(resource(short)["ciphertext"], "");

    let sm4 = builder(&sandbox).algorithm("AEAD_SM4_GCM");
    assert_eq!(resource(sm4)["algorithm"], "AEAD_SM4_GCM");

    let plain = builder(&sandbox).plaintext("not JSON");
    assert_eq!(decrypt(&sandbox, &resource(plain)).unwrap(), "not JSON");

    let named = resource(builder(&sandbox).associated_data("a\"b"));
    assert_eq!(named["associated_data"], "a\"b");
    assert!(decrypt(&sandbox, &named).is_some());

    let mut without = resource(builder(&sandbox).without_associated_data());
    assert!(without.get("associated_data").is_none());
    without["associated_data"] = json!("");
    assert!(decrypt(&sandbox, &without).is_some());
}

#[test]
fn a_body_that_is_no_notification_is_signed_all_the_same() {
    let sandbox = start();
    for body in [&b"{}"[..], b"", b"\xff\xfe", b"<xml/>"] {
        let notification = builder(&sandbox).body(body).build();
        assert_eq!(notification.body(), body);
        assert!(is_signed_by(&notification, sandbox.platform_public_key()));
    }
    let notification = builder(&sandbox).summary("一句话").build();
    assert_eq!(body(&notification)["summary"], "一句话");
    let unknown = sandbox.notification("COUPON.USE", "coupon", &paid());
    assert_eq!(body(&unknown)["summary"], "COUPON.USE");
}

/// A server for one request, which gives this answer; what it got is what its thread returns.
fn server(answer: &'static str) -> (String, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/notify?a=%20b", listener.local_addr().unwrap());
    let thread = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut got = Vec::new();
        let mut buffer = [0; 4096];
        // The body of a notification ends in `}}`.
        while !got.ends_with(b"}}") {
            let length = stream.read(&mut buffer).unwrap();
            got.extend_from_slice(&buffer[..length]);
        }
        stream.write_all(answer.as_bytes()).unwrap();
        String::from_utf8(got).unwrap()
    });
    (url, thread)
}

#[tokio::test]
async fn it_is_delivered_as_it_is_and_the_answer_comes_back() {
    let sandbox = start();
    let notification = builder(&sandbox).build();
    let refusal = "HTTP/1.1 401 Unauthorized\r\nContent-Length: 15\r\n\r\n{\"code\":\"FAIL\"}";
    let (url, thread) = server(refusal);
    let (status, answer) = sandbox.deliver(url, &notification).await.unwrap();
    assert_eq!(status, 401);
    assert_eq!(answer, b"{\"code\":\"FAIL\"}");
    let got = thread.join().unwrap();
    assert!(got.starts_with("POST /notify?a=%20b HTTP/1.1\r\n"), "{got}");
    assert!(got.contains("\r\nHost: 127.0.0.1:"));
    for (name, value) in notification.headers() {
        let name = name.replace("Request-ID", "Request-Id");
        assert!(got.contains(&format!("\r\n{name}: {value}\r\n")), "{got}");
    }
    assert!(got.ends_with(std::str::from_utf8(notification.body()).unwrap()));
}

#[tokio::test]
async fn it_is_delivered_from_any_thread_and_without_async() {
    let sandbox = start();
    let notification = builder(&sandbox).build();
    let (url, thread) = server("HTTP/1.1 204 No Content\r\n\r\n");
    let url = url.replace("127.0.0.1", "localhost");
    let answer = sandbox.deliver_blocking(url, &notification).unwrap();
    assert_eq!(answer, (204, Vec::new()));
    thread.join().unwrap();
    let (url, thread) = server("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    let answer = futures::executor::block_on(sandbox.deliver(url, &notification));
    assert_eq!(answer.unwrap(), (200, Vec::new()));
    thread.join().unwrap();
}

#[test]
fn only_plain_http_on_loopback_is_notified() {
    let sandbox = start();
    let notification = builder(&sandbox).build();
    for url in [
        "",
        "/notify",
        "127.0.0.1:80",
        "https://127.0.0.1/",
        "ftp://127.0.0.1/",
        "http:///x",
        "http://192.0.2.1/",
        "http://0.0.0.0/",
        "http://[2001:db8::1]/",
        "http://example.com/",
        "http://localhost.example.com/",
        "http://127.0.0.1.example.com/",
        "http://localhost@192.0.2.1/",
        "http://user@127.0.0.1/",
    ] {
        let error = sandbox.deliver_blocking(url, &notification).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{url}: {error}");
        assert!(error.to_string().contains("sandbox"), "{error}");
    }
}

#[test]
fn a_server_that_is_not_there_or_breaks_off_is_an_error() {
    let sandbox = start();
    let notification = builder(&sandbox).build();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let error = sandbox.deliver_blocking(url, &notification).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    for answer in ["", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab"] {
        let (url, thread) = server(answer);
        assert!(sandbox.deliver_blocking(url, &notification).is_err());
        thread.join().unwrap();
    }
}

#[test]
fn a_server_that_does_not_answer_in_time_is_given_up() {
    let sandbox = start();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let notification = builder(&sandbox).build();
    let error = sandbox.deliver_blocking(url, &notification).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
}
