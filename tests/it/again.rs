//! What is sent again: what provably did not arrive, by itself; all else when the caller asks for it.

use std::net::TcpListener;
use std::time::Duration;

use serde_json::json;
use wechatpay_chain::{Client, Error, Media, Request, Retry, hash};
use wechatpay_sandbox::{CannedAnswer, Misbehaviour, Sandbox};

use crate::support::{assert_says, order};

const QUICK: Duration = Duration::from_millis(1);

fn busy() -> Misbehaviour {
    Misbehaviour::status(429, "FREQUENCY_LIMITED", "频率超限")
}

fn again(request: Request) -> Request {
    request.retry(Retry::idempotent().first_pause(QUICK).longest_pause(QUICK))
}

/// An address at which nobody listens.
fn nowhere() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("https://{}/", listener.local_addr().unwrap())
}

fn with_entrances(first: &str, second: &Sandbox) -> Client {
    let builder = second.client_builder().base_uri(first);
    let builder = builder.cert(second.platform_serial(), second.platform_public_key());
    // The sandbox's keys are for a host that is named.
    let builder = builder.allow_plain_http("nowhere.invalid");
    let builder = builder.second_entrance(second.base_uri());
    builder.build().unwrap()
}

#[tokio::test]
async fn without_retry_nothing_that_may_have_arrived_is_sent_again() {
    let sandbox = Sandbox::start().await.unwrap();
    let client = sandbox.client();
    for misbehaviour in [busy(), Misbehaviour::CutAfterRead, Misbehaviour::html(502)] {
        let seen = sandbox.received().len();
        sandbox.misbehave(misbehaviour);
        let error = order(&client).await.unwrap_err();
        assert!(error.attempts().is_empty());
        assert_eq!(sandbox.received().len(), seen + 1);
    }
}

#[tokio::test]
async fn what_may_pass_is_made_again_and_each_attempt_is_signed_anew() {
    let sandbox = Sandbox::start().await.unwrap();
    let client = sandbox.client();
    for misbehaviour in [
        busy(),
        Misbehaviour::status(500, "SYSTEM_ERROR", "系统错误"),
        Misbehaviour::status(503, "FREQUENCY_LIMITED", "频率超限"),
        Misbehaviour::CutAfterRead,
        Misbehaviour::CutInAnswer,
    ] {
        let seen = sandbox.received().len();
        sandbox.misbehave(misbehaviour.clone());
        sandbox.misbehave(misbehaviour);
        assert!(again(order(&client)).await.unwrap().verified());
        let received = sandbox.received();
        let attempts = &received[seen..];
        assert_eq!(attempts.len(), 3);
        assert!(attempts.iter().all(|it| it.authenticated()));
        let nonce = |index: usize| attempts[index].header("authorization").unwrap().to_owned();
        assert_ne!(nonce(0), nonce(1));
        assert_ne!(nonce(1), nonce(2));
    }
    sandbox.misbehave(busy());
    assert!(again(order(&client)).wait().unwrap().verified());
}

/// What APIv2's XML has in one of its fields.
fn field(body: &[u8], name: &str) -> String {
    let text = String::from_utf8_lossy(body).into_owned();
    let fields = wechatpay_chain::transformer::to_value(&text).unwrap();
    fields[name].as_str().unwrap_or_default().to_owned()
}

#[test]
fn each_attempt_of_apiv2_has_a_nonce_and_a_sign_of_its_own_unless_the_caller_gave_the_nonce() {
    let sandbox = Sandbox::start_blocking().unwrap();
    let client = sandbox.client();
    let ask = |nonce: Option<&str>| {
        let mut fields = json!({
            "appid": "wx8888888888888888", "mch_id": sandbox.mchid(), "out_trade_no": "NONE1",
        });
        if let Some(nonce) = nonce {
            fields["nonce_str"] = nonce.into();
        }
        let request = client.v2().pay().orderquery().post(fields);
        let seen = sandbox.received().len();
        sandbox.misbehave(Misbehaviour::CutAfterRead);
        sandbox.misbehave(Misbehaviour::CutAfterRead);
        let error = again(request).wait().unwrap_err();
        assert_eq!(error.api().unwrap().code(), "ORDERNOTEXIST", "{error}");
        let received = sandbox.received();
        let attempts = received[seen..].iter();
        let pair = |it: &wechatpay_sandbox::Received| {
            assert!(it.authenticated());
            (field(it.body(), "nonce_str"), field(it.body(), "sign"))
        };
        attempts.map(pair).collect::<Vec<_>>()
    };
    let own = ask(None);
    assert_eq!(own.len(), 3);
    for (one, other) in [(0, 1), (1, 2), (0, 2)] {
        assert_ne!(own[one].0, own[other].0);
        assert_ne!(own[one].1, own[other].1);
    }
    let given = ask(Some("N0nce"));
    assert_eq!(given.len(), 3);
    assert!(given.iter().all(|(nonce, _)| nonce == "N0nce"));
    assert!(given.iter().all(|pair| *pair == given[0]));
}

#[test]
fn a_get_and_an_upload_of_apiv2_are_signed_anew_too() {
    let sandbox = Sandbox::start_blocking().unwrap();
    let client = sandbox.client();
    let success = json!({ "return_code": "SUCCESS" });
    sandbox.answer_with("GET", "/pay/x", CannedAnswer::xml(200, &success));
    let get = client.chain("v2/pay/x").get();
    let get = get.query(json!({ "mch_id": sandbox.mchid() }));
    let media = Media::new("a.jpg", "content").field("mch_id", sandbox.mchid());
    let upload = client.chain("v2/pay/x").post(media);
    let nonces_of = |request: Request| {
        let seen = sandbox.received().len();
        sandbox.misbehave(Misbehaviour::CutAfterRead);
        // The sandbox has no such upload, and says so.
        let _ = again(request).wait();
        let received = sandbox.received();
        let attempts = received[seen..].iter();
        let nonce = |it: &wechatpay_sandbox::Received| {
            let text = format!("{} {}", it.target(), String::from_utf8_lossy(it.body()));
            let (_, nonce) = text.split_once("nonce_str").unwrap();
            let nonce = nonce.trim_start_matches(['=', '"', '\r', '\n']);
            let nonce = nonce[..32].to_owned();
            let fields = json!({ "mch_id": sandbox.mchid(), "nonce_str": nonce });
            let sign = hash::sign(hash::SignType::Md5, &fields, sandbox.secret());
            assert!(text.contains(&sign), "{text}");
            nonce
        };
        attempts.map(nonce).collect::<Vec<_>>()
    };
    for request in [get, upload] {
        let nonces = nonces_of(request);
        assert_eq!(nonces.len(), 2);
        assert_ne!(nonces[0], nonces[1]);
    }
}

#[tokio::test]
async fn an_attempt_that_takes_too_long_is_made_again() {
    let sandbox = Sandbox::start().await.unwrap();
    let client = sandbox.client();
    order(&client).await.unwrap();
    sandbox.misbehave(Misbehaviour::Delay(Duration::from_secs(20)));
    let request = again(order(&client)).timeout(Duration::from_secs(2));
    assert!(request.await.unwrap().verified());
}

#[tokio::test]
async fn what_is_refused_or_not_trusted_is_never_made_again() {
    let sandbox = Sandbox::start().await.unwrap();
    let client = sandbox.client();
    for misbehaviour in [
        Misbehaviour::status(400, "PARAM_ERROR", "参数错误"),
        Misbehaviour::status(500, "OTHER", "错误"),
        Misbehaviour::SignatureAltered,
        Misbehaviour::Unsigned,
        Misbehaviour::redirect("https://example.com/"),
    ] {
        let seen = sandbox.received().len();
        sandbox.misbehave_always(misbehaviour);
        again(order(&client)).await.unwrap_err();
        sandbox.behave();
        assert_eq!(sandbox.received().len(), seen + 1);
    }
}

#[tokio::test]
async fn the_error_lists_the_attempts_and_one_that_may_have_arrived_counts() {
    let sandbox = Sandbox::start().await.unwrap();
    let client = sandbox.client();
    sandbox.misbehave_always(busy());
    let error = again(order(&client)).await.unwrap_err();
    assert_eq!(sandbox.received().len(), 3);
    assert_eq!(error.attempts().len(), 2);
    assert_eq!(error.attempts()[0].outcome(), "429 FREQUENCY_LIMITED");
    assert_says(
        &error,
        &["before it: 429 FREQUENCY_LIMITED, 429 FREQUENCY_LIMITED"],
    );
    sandbox.behave();
    sandbox.misbehave(Misbehaviour::CutAfterRead);
    let client = sandbox.client();
    let request = order(&client).retry(Retry::idempotent().attempts(2).first_pause(QUICK));
    let refusing = async {
        crate::support::until(|| sandbox.received().len() == 4).await;
        sandbox.refuse();
    };
    let (outcome, ()) = futures::future::join(request.into_future(), refusing).await;
    if let Err(error) = outcome {
        // The last attempt was not sent, but the one before may have been.
        assert!(error.may_have_been_sent(), "{error}");
        assert_says(&error, &["before it", "query before"]);
    }
}

#[tokio::test]
async fn a_pause_that_the_answer_asks_for_is_honoured_within_the_deadline() {
    let sandbox = Sandbox::start().await.unwrap();
    let client = sandbox.client();
    let answer = |seconds: &str| Misbehaviour::Raw {
        status: 429,
        content_type: "application/json".to_owned(),
        body: br#"{"code":"FREQUENCY_LIMITED","message":"m"}"#.to_vec(),
        signed: true,
        headers: vec![("Retry-After".to_owned(), seconds.to_owned())],
    };
    sandbox.misbehave(answer("1"));
    let start = std::time::Instant::now();
    again(order(&client)).await.unwrap();
    assert!(start.elapsed() >= Duration::from_secs(1));
    sandbox.misbehave(answer("3600"));
    let error = again(order(&client)).await.unwrap_err();
    assert!(error.attempts().is_empty());
    assert_eq!(sandbox.received().len(), 3);
}

#[test]
fn a_post_has_to_be_declared_idempotent() {
    let sandbox = Sandbox::start_blocking().unwrap();
    let client = sandbox.client();
    let error = order(&client).retry(Retry::reads()).wait().unwrap_err();
    assert!(matches!(error, Error::Request(_)));
    assert_says(&error, &["Retry::reads()", "POST", "Retry::idempotent()"]);
    sandbox.answer("GET", "/v3/x", 200, json!({}));
    sandbox.misbehave(busy());
    let get = client.chain("v3/x").get();
    get.retry(Retry::reads().first_pause(QUICK)).wait().unwrap();
    assert_eq!(sandbox.received().len(), 2);
}

#[tokio::test]
async fn a_request_that_cant_reach_the_first_entrance_goes_to_the_second() {
    let second = Sandbox::start().await.unwrap();
    let client = with_entrances(&nowhere(), &second);
    assert!(order(&client).await.unwrap().verified());
    assert!(order(&client).wait().unwrap().verified());
    assert_eq!(second.received().len(), 2);
    assert!(second.received().iter().all(|it| it.authenticated()));
    let unresolved = with_entrances("https://nowhere.invalid/", &second);
    assert!(order(&unresolved).await.unwrap().verified());
}

#[tokio::test]
async fn a_handshake_that_is_not_answered_moves_on_and_a_wrong_certificate_does_not() {
    let (first, second) = (
        Sandbox::start().await.unwrap(),
        Sandbox::start().await.unwrap(),
    );
    // The client knows the second sandbox's authority only.
    let stranger = with_entrances(&first.base_uri(), &second);
    let error = order(&stranger).await.unwrap_err();
    assert!(error.is_connect());
    assert_says(&error, &["certificate", "not sent"]);
    assert!(second.received().is_empty());
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = format!("https://{}/", silent.local_addr().unwrap());
    let builder = second.client_builder().base_uri(silent);
    let builder = builder.cert(second.platform_serial(), second.platform_public_key());
    let builder = builder.second_entrance(second.base_uri());
    let client = builder.connect_timeout(Duration::from_secs(2));
    let client = client.build().unwrap();
    assert!(order(&client).await.unwrap().verified());
}

#[tokio::test]
async fn a_request_whose_own_time_is_over_says_nothing_of_the_entrance() {
    let second = Sandbox::start().await.unwrap();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap().to_string();
    let client = with_entrances(&format!("https://{address}/"), &second);
    for _ in 0..2 {
        let limited = order(&client).timeout(Duration::from_secs(1));
        let error = limited.await.unwrap_err();
        assert!(error.is_timeout() && !error.may_have_been_sent());
        assert_says(&error, &[&address, "TLS handshake", "of 1 s ran out"]);
    }
    assert_eq!(second.connections(), 0);
}

#[tokio::test]
async fn what_may_have_arrived_at_the_first_entrance_never_goes_to_the_second() {
    let (first, second) = (
        Sandbox::start().await.unwrap(),
        Sandbox::start().await.unwrap(),
    );
    let builder = second.client_builder().base_uri(first.base_uri());
    let builder = builder.root_certificate(first.root_certificate().unwrap());
    let builder = builder.cert(second.platform_serial(), second.platform_public_key());
    let client = builder.second_entrance(second.base_uri()).build().unwrap();
    for misbehaviour in [
        Misbehaviour::CutAfterRead,
        Misbehaviour::CutInAnswer,
        Misbehaviour::html(502),
        busy(),
    ] {
        first.misbehave(misbehaviour);
        order(&client).await.unwrap_err();
    }
    assert_eq!(first.received().len(), 4);
    assert!(second.received().is_empty());
}

#[test]
fn a_second_entrance_differs_in_its_host_alone_and_can_be_turned_off() {
    let sandbox = Sandbox::start_blocking().unwrap();
    let builder = || {
        let builder = sandbox.client_builder();
        builder.cert(sandbox.platform_serial(), sandbox.platform_public_key())
    };
    for address in [
        sandbox.base_uri(),
        "https://api2.mch.weixin.qq.com/hk/".to_owned(),
        "api2".to_owned(),
        "https://api2.mch.weixin.qq.com/".to_owned(),
    ] {
        let error = builder().second_entrance(address).build().unwrap_err();
        assert!(matches!(error, Error::Config(_)), "{error}");
    }
    let off = builder().base_uri(nowhere()).without_second_entrance();
    let error = order(&off.build().unwrap()).wait().unwrap_err();
    assert!(error.is_connect());
}
