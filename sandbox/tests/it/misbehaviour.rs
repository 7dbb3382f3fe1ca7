//! Each misbehaviour does what it says, over HTTP/1.1 and HTTP/2, over TLS and plain.

use std::time::{Duration, Instant};

use http::StatusCode;
use serde_json::json;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio::time::timeout;
use wechatpay_sandbox::{Misbehaviour, Sandbox};

use crate::client::{Answer, Connection, Draft, SEND, Way, good, now, order, send};

const SIGNATURE_HEADERS: [&str; 4] = [
    "Wechatpay-Nonce",
    "Wechatpay-Serial",
    "Wechatpay-Signature",
    "Wechatpay-Timestamp",
];

/// The answer to a good request that goes wrong, after which the next one goes well on the same
/// connection.
async fn wrong(sandbox: &Sandbox, way: Way, misbehaviour: Misbehaviour) -> Answer {
    let mut connection = Connection::open(sandbox, way).await.unwrap();
    sandbox.misbehave(misbehaviour);
    let answer = connection.send(good(sandbox)).await.unwrap();
    assert!(answer.whole);
    let next = connection.send(good(sandbox)).await.unwrap();
    next.assert_genuine(sandbox);
    assert_eq!(next.status, StatusCode::OK);
    assert!(
        sandbox
            .received()
            .iter()
            .all(|request| request.authenticated())
    );
    answer
}

#[tokio::test]
async fn unsigned() {
    for way in Way::ALL {
        let sandbox = way.start().await;
        let answer = wrong(&sandbox, way, Misbehaviour::Unsigned).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert!(
            answer
                .headers
                .keys()
                .all(|name| !name.as_str().starts_with("wechatpay"))
        );
        assert!(answer.json()["coupon_code"].is_string());
    }
}

#[tokio::test]
async fn without_one_header() {
    for way in Way::ALL {
        let sandbox = way.start().await;
        for missing in SIGNATURE_HEADERS {
            let answer = wrong(&sandbox, way, Misbehaviour::without(missing)).await;
            for name in SIGNATURE_HEADERS {
                assert_eq!(answer.headers.contains_key(name), name != missing);
            }
        }
    }
}

#[tokio::test]
async fn an_unknown_serial() {
    for way in Way::ALL {
        let sandbox = way.start().await;
        let unknown = Misbehaviour::UnknownSerial("7132D72A03E93CDDF8C03BBD1F37EEDF".to_owned());
        let answer = wrong(&sandbox, way, unknown).await;
        assert_eq!(
            answer.header("Wechatpay-Serial"),
            "7132D72A03E93CDDF8C03BBD1F37EEDF"
        );
        assert!(answer.verifies(&sandbox));
    }
}

#[tokio::test]
async fn a_signature_or_a_body_that_was_altered() {
    for way in Way::ALL {
        let sandbox = way.start().await;
        let answer = wrong(&sandbox, way, Misbehaviour::SignatureAltered).await;
        assert_eq!(answer.header("Wechatpay-Signature").len(), 344);
        assert!(!answer.verifies(&sandbox));
        let answer = wrong(&sandbox, way, Misbehaviour::BodyAltered).await;
        assert!(!answer.verifies(&sandbox));
        assert!(answer.json()["coupon_code"].is_string());
    }
}

#[tokio::test]
async fn a_clock_that_is_off() {
    for way in Way::ALL {
        let sandbox = way.start().await;
        for offset in [-301, -300, -299, 299, 300, 301] {
            let answer = wrong(&sandbox, way, Misbehaviour::ClockOffset(offset)).await;
            assert!(answer.verifies(&sandbox));
            let timestamp: i64 = answer.header("Wechatpay-Timestamp").parse().unwrap();
            assert!((timestamp - now() - offset).abs() <= 5);
        }
        let extreme = wrong(&sandbox, way, Misbehaviour::ClockOffset(i64::MAX)).await;
        assert!(extreme.verifies(&sandbox));
    }
}

#[tokio::test]
async fn a_time_stamp_that_is_no_number() {
    for way in Way::ALL {
        let sandbox = way.start().await;
        for text in ["soon", "", "1e9", "99999999999999999999"] {
            let answer = wrong(&sandbox, way, Misbehaviour::Timestamp(text.to_owned())).await;
            assert_eq!(answer.header("Wechatpay-Timestamp"), text);
            assert!(answer.headers.contains_key("Wechatpay-Timestamp"));
            assert!(answer.verifies(&sandbox));
        }
    }
}

#[tokio::test]
async fn another_signature_type_and_a_probe() {
    for way in Way::ALL {
        let sandbox = way.start().await;
        let other = Misbehaviour::SignatureType("WECHATPAY2-SM2-WITH-SM3".to_owned());
        let answer = wrong(&sandbox, way, other).await;
        assert_eq!(
            answer.header("Wechatpay-Signature-Type"),
            "WECHATPAY2-SM2-WITH-SM3"
        );
        let answer = wrong(&sandbox, way, Misbehaviour::ProbeSignature).await;
        assert!(
            answer
                .header("Wechatpay-Signature")
                .starts_with("WECHATPAY/SIGNTEST/")
        );
        assert!(!answer.verifies(&sandbox));
    }
}

#[tokio::test]
async fn a_status_and_a_code_of_choice() {
    for way in Way::ALL {
        let sandbox = way.start().await;
        let limited = Misbehaviour::status(429, "FREQUENCY_LIMITED", "频率超限");
        let answer = wrong(&sandbox, way, limited).await;
        answer.assert_genuine(&sandbox);
        assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(
            answer.json(),
            json!({ "code": "FREQUENCY_LIMITED", "message": "频率超限" })
        );
        assert!(answer.header("Request-ID").ends_with("-268447840"));
    }
}

#[tokio::test]
async fn answers_that_are_not_wechat_pay_s() {
    for way in Way::ALL {
        let sandbox = way.start().await;
        for status in [200, 400, 502] {
            let answer = wrong(&sandbox, way, Misbehaviour::html(status)).await;
            assert_eq!(answer.status.as_u16(), status);
            assert_eq!(answer.header("Content-Type"), "text/html; charset=utf-8");
            assert!(answer.body.starts_with(b"<html>"));
            assert!(!answer.headers.contains_key("Wechatpay-Signature"));
            assert!(!answer.headers.contains_key("Request-ID"));
        }
        let answer = wrong(
            &sandbox,
            way,
            Misbehaviour::redirect("https://evil.example/x"),
        )
        .await;
        assert_eq!(answer.status, StatusCode::FOUND);
        assert_eq!(answer.header("Location"), "https://evil.example/x");
    }
}

#[tokio::test]
async fn answers_that_are_signed_and_not_what_was_asked() {
    for way in Way::ALL {
        let sandbox = way.start().await;
        let answer = wrong(&sandbox, way, Misbehaviour::half_json()).await;
        answer.assert_genuine(&sandbox);
        assert!(serde_json::from_slice::<serde_json::Value>(&answer.body).is_err());

        let answer = wrong(&sandbox, way, Misbehaviour::empty()).await;
        answer.assert_genuine(&sandbox);
        assert_eq!(answer.status, StatusCode::OK);
        assert!(answer.body.is_empty());

        let answer = wrong(&sandbox, way, Misbehaviour::no_content()).await;
        answer.assert_genuine(&sandbox);
        assert_eq!(answer.status, StatusCode::NO_CONTENT);
        assert!(answer.body.is_empty());

        let scripted = json!({ "data": [1, "中"] });
        let answer = wrong(&sandbox, way, Misbehaviour::json(202, &scripted)).await;
        answer.assert_genuine(&sandbox);
        assert_eq!(answer.status, StatusCode::ACCEPTED);
        assert_eq!(answer.json(), scripted);

        let raw = Misbehaviour::Raw {
            status: 99,
            content_type: "text/plain".to_owned(),
            body: b"\xff".to_vec(),
            signed: true,
            headers: vec![
                ("X-One".to_owned(), "1".to_owned()),
                ("not a name".to_owned(), "2".to_owned()),
                ("X-Three".to_owned(), "a\nb".to_owned()),
            ],
        };
        let answer = wrong(&sandbox, way, raw).await;
        assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
        assert!(answer.verifies(&sandbox));
        assert_eq!(answer.header("X-One"), "1");
        assert!(!answer.headers.contains_key("X-Three"));
    }
}

#[tokio::test]
async fn a_badly_signed_request_still_gets_its_401() {
    let sandbox = Sandbox::start().await.unwrap();
    let bad =
        || Draft::new(&sandbox, "POST", SEND, "{}").with_signature_over(&sandbox, "something else");
    sandbox.misbehave(Misbehaviour::status(500, "SYSTEM_ERROR", "系统错误"));
    let answer = send(&sandbox, Way::TlsHttp2, bad()).await.unwrap();
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    answer.assert_genuine(&sandbox);

    sandbox.misbehave(Misbehaviour::Unsigned);
    let answer = send(&sandbox, Way::TlsHttp2, bad()).await.unwrap();
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    assert!(!answer.headers.contains_key("Wechatpay-Signature"));

    sandbox.misbehave(Misbehaviour::html(502));
    let answer = send(&sandbox, Way::TlsHttp2, bad()).await.unwrap();
    assert_eq!(answer.status, StatusCode::BAD_GATEWAY);
    assert!(
        !sandbox
            .received()
            .iter()
            .any(|request| request.authenticated())
    );
}

#[tokio::test]
async fn a_delay_and_then_a_good_answer() {
    for way in Way::ALL {
        let sandbox = way.start().await;
        let start = Instant::now();
        let delay = Misbehaviour::Delay(Duration::from_millis(200));
        let answer = wrong(&sandbox, way, delay).await;
        assert!(start.elapsed() >= Duration::from_millis(200));
        answer.assert_genuine(&sandbox);
        assert_eq!(answer.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn a_cut_before_the_request_is_read() {
    for way in Way::ALL {
        let sandbox = way.start().await;
        // On a new connection: it is closed whether or not a request comes.
        sandbox.misbehave(Misbehaviour::CutBeforeRead);
        let cut = timeout(Duration::from_secs(5), send(&sandbox, way, good(&sandbox))).await;
        assert!(cut.unwrap().is_err(), "{way:?}");
        // On one that is open: when the request comes.
        let mut connection = Connection::open(&sandbox, way).await.unwrap();
        connection.send(good(&sandbox)).await.unwrap();
        sandbox.misbehave(Misbehaviour::CutBeforeRead);
        assert!(connection.send(good(&sandbox)).await.is_err());
        assert!(connection.send(good(&sandbox)).await.is_err());
        assert_eq!(sandbox.received().len(), 1);
        // And then all is well.
        let answer = send(&sandbox, way, good(&sandbox)).await.unwrap();
        assert_eq!(answer.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn a_cut_after_the_request_was_carried_out() {
    for way in Way::ALL {
        let sandbox = way.start().await;
        let mut order = order();
        order.as_object_mut().unwrap().remove("coupon_code");
        let request = || Draft::new(&sandbox, "POST", SEND, &order.to_string()).sign(&sandbox);
        let mut connection = Connection::open(&sandbox, way).await.unwrap();
        sandbox.misbehave(Misbehaviour::CutAfterRead);
        assert!(connection.send(request()).await.is_err());
        // The whole connection is gone.
        assert!(connection.send(request()).await.is_err());
        assert_eq!(sandbox.received().len(), 1);
        assert_eq!(sandbox.received()[0].body(), order.to_string().as_bytes());
        assert!(sandbox.received()[0].authenticated());
        let answer = send(&sandbox, way, request()).await.unwrap();
        assert_eq!(answer.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn a_cut_in_the_answer_leaves_its_headers_and_half_its_body() {
    for way in Way::ALL {
        let sandbox = way.start().await;
        let body = order().to_string();
        let request = || Draft::new(&sandbox, "POST", SEND, &body).sign(&sandbox);
        let whole = send(&sandbox, way, request()).await.unwrap();
        for _ in 0..20 {
            let mut connection = Connection::open(&sandbox, way).await.unwrap();
            sandbox.misbehave(Misbehaviour::CutInAnswer);
            let answer = connection.send(request()).await.unwrap();
            assert_eq!(answer.status, StatusCode::OK);
            assert_eq!(
                answer.header("Content-Length"),
                whole.body.len().to_string()
            );
            assert!(!answer.whole);
            assert_eq!(answer.body, whole.body[..whole.body.len() / 2]);
            assert!(connection.send(request()).await.is_err());
        }
    }
}

#[tokio::test]
async fn a_connection_on_which_nothing_is_said() {
    for way in Way::ALL {
        let sandbox = way.start().await;
        let mut open = Connection::open(&sandbox, way).await.unwrap();
        open.send(good(&sandbox)).await.unwrap();
        sandbox.misbehave(Misbehaviour::TlsNeverAnswers);
        // A connection that is open goes on.
        let answer = open.send(good(&sandbox)).await.unwrap();
        assert_eq!(answer.status, StatusCode::OK);
        let silence = timeout(Duration::from_secs(1), send(&sandbox, way, good(&sandbox)));
        assert!(silence.await.is_err());
        assert_eq!(sandbox.connections(), 2);
        assert_eq!(sandbox.received().len(), 2);
        let answer = send(&sandbox, way, good(&sandbox)).await.unwrap();
        assert_eq!(answer.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn a_standing_misbehaviour_lasts_until_it_is_called_off() {
    let sandbox = Sandbox::start().await.unwrap();
    sandbox.misbehave_always(Misbehaviour::html(502));
    sandbox.misbehave(Misbehaviour::html(400));
    let mut connection = Connection::open(&sandbox, Way::TlsHttp2).await.unwrap();
    for expected in [400, 502, 502] {
        let answer = connection.send(good(&sandbox)).await.unwrap();
        assert_eq!(answer.status.as_u16(), expected);
    }
    sandbox.behave();
    let answer = connection.send(good(&sandbox)).await.unwrap();
    assert_eq!(answer.status, StatusCode::OK);

    sandbox.misbehave_always(Misbehaviour::TlsNeverAnswers);
    let silent: Vec<_> = (0..64)
        .map(|_| {
            let address = sandbox.address();
            tokio::spawn(async move {
                let mut stream = TcpStream::connect(address).await.unwrap();
                timeout(Duration::from_secs(1), stream.read_u8()).await
            })
        })
        .collect();
    for connection in silent {
        assert!(connection.await.unwrap().is_err());
    }
    assert_eq!(sandbox.connections(), 65);
}

#[tokio::test]
async fn a_port_that_refuses() {
    for way in Way::ALL {
        let sandbox = way.start().await;
        let mut open = Connection::open(&sandbox, way).await.unwrap();
        open.send(good(&sandbox)).await.unwrap();
        sandbox.refuse();
        let refused = TcpStream::connect(sandbox.address()).await.unwrap_err();
        assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
        // The open one ends, too.
        let ended = async {
            while open.send(good(&sandbox)).await.is_ok() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        assert!(timeout(Duration::from_secs(5), ended).await.is_ok());
        sandbox.refuse();
    }
}
