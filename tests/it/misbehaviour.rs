//! Each way in which a gateway or the network goes wrong, through `.await` and through `.wait()`:
//! which error it is, and what it tells.

use std::io;
use std::net::TcpListener;
use std::time::{Duration, Instant};

use futures::executor::block_on;
use serde_json::{Value, json};
use wechatpay_chain::{
    Check, Client, Error, Phase, Request, Response, Result, SignatureState, formatter,
};
use wechatpay_sandbox::{Misbehaviour, Sandbox};

use crate::support::recorded;

const ENDPOINT: &str = "POST v3/marketing/busifavor/product-coupons/send";

/// Everything here ends well within this.
const PATIENCE: Duration = Duration::from_secs(20);

fn coupon() -> Value {
    json!({
        "openid": "xsd3434454567676", "appid": "wx1234567889999", "stock_id": "12312354",
        "out_request_no": "2335465", "coupon_type": "NORMAL",
    })
}

fn send(client: &Client) -> Request {
    let send = client.v3().marketing().busifavor().product_coupons().send();
    send.post(coupon())
}

/// Makes the request in both ways and on both versions of HTTP, each time misbehaved to anew.
fn all_ways(
    misbehaviour: &Misbehaviour,
    request: impl Fn(&Client) -> Request,
) -> Vec<Result<Response>> {
    let mut answers = Vec::new();
    for builder in [
        Sandbox::builder(),
        Sandbox::builder().http1_only(),
        Sandbox::builder().plain(),
    ] {
        let sandbox = builder.start_blocking().unwrap();
        let client = sandbox.client();
        let started = Instant::now();
        sandbox.misbehave(misbehaviour.clone());
        answers.push(request(&client).wait());
        sandbox.misbehave(misbehaviour.clone());
        answers.push(block_on(request(&client).into_future()));
        sandbox.misbehave(misbehaviour.clone());
        let runtime = tokio::runtime::Runtime::new().unwrap();
        answers.push(runtime.block_on(request(&client).into_future()));
        assert!(started.elapsed() < PATIENCE);
    }
    answers
}

fn seconds() -> i64 {
    formatter::timestamp().parse().unwrap()
}

/// Misbehaves and sends until the second did not end meanwhile, so that both clocks read the same.
fn within_a_second(
    sandbox: &Sandbox,
    misbehaviour: &Misbehaviour,
    request: impl Fn() -> Result<Response>,
) -> (i64, Result<Response>) {
    loop {
        sandbox.misbehave(misbehaviour.clone());
        let now = seconds();
        let answer = request();
        if now == seconds() {
            return (now, answer);
        }
    }
}

fn errors(misbehaviour: &Misbehaviour) -> Vec<Error> {
    let answers = all_ways(misbehaviour, send);
    answers
        .into_iter()
        .map(|answer| answer.unwrap_err())
        .collect()
}

/// What every [`Error::Verify`] says.
fn checks(misbehaviour: &Misbehaviour) -> Vec<(Check, String)> {
    let errors = errors(misbehaviour).into_iter().map(|error| {
        let text = error.to_string();
        assert!(text.starts_with(ENDPOINT), "{text}");
        assert!(text.contains("query before repeating"), "{text}");
        let id = error.request_id().unwrap();
        assert!(text.ends_with(&format!("(Request-ID {id})")), "{text}");
        assert!(error.may_have_been_sent());
        assert!(!error.is_retryable() && !error.is_timeout() && !error.is_connect());
        assert!(error.api().is_none());
        let signed = error.signed_message().unwrap();
        assert!(signed.starts_with("POST\n/v3/marketing/busifavor/product-coupons/send\n"));
        assert!(signed.contains("xsd3434454567676"));
        let Error::Verify(error) = error else {
            panic!("{text}");
        };
        assert_eq!(error.response().status(), 200);
        let check = error.check().clone();
        let answer = Error::Verify(error).into_response().unwrap();
        assert!(!answer.body().is_empty());
        (check, text)
    });
    errors.collect()
}

#[test]
fn an_unsigned_success_lists_what_is_missing_and_is_not_trusted() {
    for (check, text) in checks(&Misbehaviour::Unsigned) {
        let Check::Headers { missing, .. } = check else {
            panic!("{text}");
        };
        assert_eq!(missing.len(), 4);
        for part in [
            "Wechatpay-Signature",
            "127.0.0.1",
            "application/json",
            "proxy",
        ] {
            assert!(text.contains(part), "{text}");
        }
    }
}

#[test]
fn each_missing_header_is_named() {
    for name in [
        "Wechatpay-Nonce",
        "Wechatpay-Serial",
        "Wechatpay-Signature",
        "Wechatpay-Timestamp",
    ] {
        for (check, text) in checks(&Misbehaviour::without(name)) {
            let Check::Headers { missing, .. } = check else {
                panic!("{text}");
            };
            assert_eq!(missing, [name]);
        }
    }
}

#[test]
fn an_unknown_serial_is_shown_beside_the_known_ones() {
    let serial = "7132D72A03E93CDDF8C03BBD1F37EEDF00000000";
    for (check, text) in checks(&Misbehaviour::UnknownSerial(serial.to_owned())) {
        let Check::Serial { unknown, known, .. } = check else {
            panic!("{text}");
        };
        assert_eq!(unknown, serial);
        assert_eq!(known.len(), 1);
        assert!(text.contains(&known[0]) && text.contains(serial), "{text}");
    }
    let id = "PUB_KEY_ID_0119000001092024101100397200000006";
    for (check, text) in checks(&Misbehaviour::UnknownSerial(id.to_owned())) {
        assert!(matches!(check, Check::Serial { .. }));
        assert!(text.contains("compare the ID of the public key"), "{text}");
        assert!(text.contains(".cert(\"PUB_KEY_ID_"), "{text}");
    }
}

#[test]
fn an_altered_signature_or_body_is_not_trusted() {
    for misbehaviour in [Misbehaviour::SignatureAltered, Misbehaviour::BodyAltered] {
        for (check, _) in checks(&misbehaviour) {
            assert_eq!(check, Check::Signature);
        }
    }
}

#[test]
fn a_probe_is_told_from_a_wrong_signature() {
    for (check, text) in checks(&Misbehaviour::ProbeSignature) {
        assert_eq!(check, Check::Probe);
        assert!(text.contains("WECHATPAY/SIGNTEST/"), "{text}");
    }
}

#[test]
fn another_algorithm_is_named() {
    let algorithm = "WECHATPAY2-SM2-WITH-SM3";
    for (check, text) in checks(&Misbehaviour::SignatureType(algorithm.to_owned())) {
        let Check::Malformed { header, given, .. } = check else {
            panic!("{text}");
        };
        assert_eq!(
            (header, given.as_str()),
            ("Wechatpay-Signature-Type", algorithm)
        );
        assert!(text.contains(algorithm) && text.contains("WECHATPAY2-SHA256-RSA2048"));
    }
}

#[test]
fn a_time_stamp_that_is_no_number_is_named() {
    for given in [
        "soon",
        "-1",
        "+1700000000",
        "1.7e9",
        "99999999999999999999999",
    ] {
        for (check, text) in checks(&Misbehaviour::Timestamp(given.to_owned())) {
            let Check::Malformed { header, .. } = check else {
                panic!("{text}");
            };
            assert_eq!(header, "Wechatpay-Timestamp");
            assert!(text.contains(given), "{text}");
        }
    }
}

#[test]
fn clocks_that_are_too_far_apart_say_both_times_the_difference_and_the_side() {
    // The clocks tick on between the two readings; the exact limit comes below.
    for (offset, side) in [(302, "behind"), (-302, "ahead")] {
        for (check, text) in checks(&Misbehaviour::ClockOffset(offset)) {
            let Check::Clock { local, remote, .. } = check else {
                panic!("{text}");
            };
            let apart = remote.cast_signed() - local.cast_signed();
            assert!((apart - offset).abs() <= 1, "{apart}");
            for part in [
                local.to_string(),
                remote.to_string(),
                "300 s".to_owned(),
                format!("{} s apart", apart.abs()),
                format!("clock is {side}"),
            ] {
                assert!(text.contains(&part), "{text}");
            }
        }
    }
    for offset in [298, -298] {
        for answer in all_ways(&Misbehaviour::ClockOffset(offset), send) {
            assert!(answer.unwrap().verified());
        }
    }
}

#[test]
fn an_offset_of_300_seconds_passes_and_one_of_301_does_not() {
    let sandbox = Sandbox::start_blocking().unwrap();
    let client = sandbox.client();
    let ways: [&dyn Fn() -> Result<Response>; 2] = [&|| send(&client).wait(), &|| {
        block_on(send(&client).into_future())
    }];
    for way in ways {
        for offset in [-301, -300, -299, 299, 300, 301] {
            let (now, answer) = within_a_second(&sandbox, &Misbehaviour::ClockOffset(offset), way);
            match answer {
                Ok(response) => assert!(offset.abs() <= 300 && response.verified(), "{offset}"),
                Err(Error::Verify(error)) => {
                    let Check::Clock { local, remote, .. } = error.check() else {
                        panic!("{error}");
                    };
                    let clocks = (local.cast_signed(), remote.cast_signed());
                    assert_eq!(clocks, (now, now + offset));
                    assert_eq!(offset.abs(), 301, "{error}");
                }
                Err(error) => panic!("{error}"),
            }
        }
    }
}

#[test]
fn a_refusal_is_told_with_its_code_message_and_request_id() {
    let misbehaviour = Misbehaviour::status(400, "PARAM_ERROR", "参数错误");
    for error in errors(&misbehaviour) {
        let text = error.to_string();
        assert!(
            text.starts_with(&format!("{ENDPOINT}: 400 PARAM_ERROR: 参数错误")),
            "{text}"
        );
        let id = error.request_id().unwrap().to_owned();
        assert!(text.ends_with(&format!("(Request-ID {id})")), "{text}");
        assert!(error.may_have_been_sent() && !error.is_retryable());
        let api = error.api().unwrap();
        assert_eq!(api.status(), 400);
        assert_eq!((api.code(), api.message()), ("PARAM_ERROR", "参数错误"));
        assert_eq!(api.signature(), SignatureState::Verified);
        assert!(!api.bytes().is_empty());
        assert_eq!(error.into_response().unwrap().status(), 400);
    }
}

#[test]
fn what_may_be_repeated_is_told() {
    for (status, code, retryable) in [
        (429, "FREQUENCY_LIMITED", true),
        (429, "", true),
        (500, "SYSTEM_ERROR", true),
        (503, "FREQUENCY_LIMITED", true),
        (400, "SYSTEM_ERROR", false),
        (500, "BANK_ERROR", false),
        (502, "", false),
        (403, "NO_AUTH", false),
        (404, "ORDER_NOT_EXIST", false),
    ] {
        let misbehaviour = Misbehaviour::status(status, code, "x");
        for error in errors(&misbehaviour) {
            assert!(matches!(error, Error::Api(_)));
            assert_eq!(error.is_retryable(), retryable, "{error}");
        }
    }
}

#[test]
fn a_page_of_html_is_an_error_in_any_status() {
    for error in errors(&Misbehaviour::html(200)) {
        let text = error.to_string();
        assert!(matches!(error, Error::Verify(_)), "{text}");
        assert!(text.contains("text/html"), "{text}");
    }
    for status in [400, 502] {
        for error in errors(&Misbehaviour::html(status)) {
            let text = error.to_string();
            let api = error.api().unwrap();
            assert_eq!(api.status(), status);
            assert_eq!((api.code(), api.message(), api.detail()), ("", "", None));
            assert_eq!(api.signature(), SignatureState::Absent);
            let says = format!("{status}: no code and no message, but");
            assert!(text.contains(&says) && text.contains("proxy"), "{text}");
            assert!(text.contains("text/html"), "{text}");
        }
    }
}

#[test]
fn a_signed_body_that_is_no_json_is_a_response_whose_data_says_where() {
    for answer in all_ways(&Misbehaviour::half_json(), send) {
        let response = answer.unwrap();
        assert!(response.verified());
        let error = response.data().unwrap_err();
        let Error::Decode(decode) = &error else {
            panic!("{error}");
        };
        assert!(decode.line() == 1 && decode.column() > 1);
        assert!(error.to_string().contains("ends too early"), "{error}");
    }
}

#[test]
fn an_empty_body_and_a_204_are_successes_without_data() {
    for (misbehaviour, status) in [
        (Misbehaviour::empty(), 200),
        (Misbehaviour::no_content(), 204),
    ] {
        for answer in all_ways(&misbehaviour, send) {
            let response = answer.unwrap();
            assert_eq!(response.status(), status);
            assert!(response.verified());
            assert_eq!(response.data().unwrap(), Value::Null);
            assert_eq!(response.text(), "");
        }
    }
}

#[test]
fn a_redirect_is_an_error_and_never_followed() {
    let location = "https://evil.example/steal?token=secret";
    for error in errors(&Misbehaviour::redirect(location)) {
        let text = error.to_string();
        assert!(
            text.contains("evil.example") && !text.contains("secret"),
            "{text}"
        );
        assert!(error.may_have_been_sent());
        let Error::Redirect(error) = error else {
            panic!("{text}");
        };
        assert_eq!(error.location(), Some(location));
        assert!(error.status().is_redirection());
    }
}

#[test]
fn an_answer_that_takes_too_long_ends_within_the_limit_and_may_have_been_sent() {
    let limit = Duration::from_secs(1);
    let slow = |client: &Client| send(client).timeout(limit);
    for answer in all_ways(&Misbehaviour::Delay(Duration::from_secs(60)), slow) {
        let error = answer.unwrap_err();
        let text = error.to_string();
        assert!(text.contains("of 1 s"), "{text}");
        assert!(error.is_timeout() && !error.is_connect());
        assert!(error.may_have_been_sent() && !error.is_retryable());
        let Error::Timeout(error) = error else {
            panic!("{text}");
        };
        assert_eq!(error.phase(), Phase::Exchange);
        assert_eq!(error.limit(), Some(limit));
        assert!(error.host().starts_with("127.0.0.1:"));
    }
}

#[test]
fn a_connection_that_is_cut_may_have_brought_the_request() {
    for (misbehaviour, phase) in [
        (Misbehaviour::CutAfterRead, Phase::Exchange),
        (Misbehaviour::CutInAnswer, Phase::Read),
    ] {
        for error in errors(&misbehaviour) {
            let text = error.to_string();
            assert!(
                error.may_have_been_sent() && !error.is_retryable(),
                "{text}"
            );
            assert!(text.contains("query before repeating"), "{text}");
            assert!(!text.contains("docs.rs"), "{text}");
            assert!(error.signed_message().is_some());
            let Error::Transport(error) = error else {
                panic!("{text}");
            };
            assert_eq!(error.phase(), phase, "{text}");
        }
    }
}

#[test]
fn a_cut_before_the_request_is_read_is_an_error_that_claims_nothing_unproved() {
    let sandbox = Sandbox::start_blocking().unwrap();
    let client = sandbox.client();
    sandbox.misbehave_always(Misbehaviour::CutBeforeRead);
    for error in [
        send(&client).wait().unwrap_err(),
        block_on(send(&client).into_future()).unwrap_err(),
    ] {
        let text = error.to_string();
        assert!(
            matches!(error, Error::Transport(_) | Error::Connect(_)),
            "{text}"
        );
    }
}

#[test]
fn a_refused_connection_was_not_sent() {
    let sandbox = Sandbox::start_blocking().unwrap();
    sandbox.refuse();
    let client = sandbox.client();
    for error in [
        send(&client).wait().unwrap_err(),
        block_on(send(&client).into_future()).unwrap_err(),
    ] {
        let text = error.to_string();
        assert!(error.is_connect() && error.is_retryable(), "{text}");
        assert!(!error.may_have_been_sent() && !error.is_timeout());
        assert!(text.contains("the request was not sent"), "{text}");
        assert!(text.to_lowercase().contains("refused"), "{text}");
        let Error::Connect(error) = error else {
            panic!("{text}");
        };
        assert_eq!(error.phase(), Phase::Connect);
    }
}

/// A port that accepts and never speaks.
fn silent() -> io::Result<(TcpListener, Client)> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let client = recorded("1900000109")
        .base_uri(format!("https://{}/", listener.local_addr()?))
        .connect_timeout(Duration::from_millis(400))
        .build()
        .unwrap();
    Ok((listener, client))
}

#[test]
fn tls_that_is_never_answered_ends_by_the_limit_of_connecting_and_was_not_sent() {
    let (_listener, client) = silent().unwrap();
    for error in [
        send(&client).wait().unwrap_err(),
        block_on(send(&client).into_future()).unwrap_err(),
    ] {
        let text = error.to_string();
        assert!(error.is_timeout() && error.is_connect() && error.is_retryable());
        assert!(!error.may_have_been_sent());
        assert!(
            text.contains("TLS handshake") && text.contains("0.4 s"),
            "{text}"
        );
        let Error::Timeout(error) = error else {
            panic!("{text}");
        };
        assert_eq!(error.phase(), Phase::Handshake);
    }
}

#[test]
fn a_handshake_that_the_sandbox_never_answers_ends_by_the_whole_limit_too() {
    let limit = Duration::from_secs(1);
    let sandbox = Sandbox::start_blocking().unwrap();
    sandbox.misbehave_always(Misbehaviour::TlsNeverAnswers);
    let client = sandbox.client();
    let started = Instant::now();
    for error in [
        send(&client).timeout(limit).wait().unwrap_err(),
        block_on(send(&client).timeout(limit).into_future()).unwrap_err(),
    ] {
        let text = error.to_string();
        assert!(error.is_timeout() && error.is_connect() && error.is_retryable());
        assert!(text.ends_with("; the request was not sent"), "{text}");
        assert!(error.signed_message().is_some() && error.api().is_none());
        let Error::Timeout(network) = &error else {
            panic!("{text}");
        };
        assert_eq!(network.phase(), Phase::Handshake);
        assert_eq!(network.limit(), Some(limit));
        assert_eq!(network.host(), sandbox.address().to_string());
        assert!(error.into_response().is_none());
    }
    assert!(started.elapsed() < PATIENCE);
    assert!(sandbox.received().is_empty());
}

#[test]
fn the_whole_limit_holds_while_connecting_with_64_requests_at_once() {
    let (_listener, client) = silent().unwrap();
    let limit = Duration::from_millis(200);
    let started = Instant::now();
    let requests = (0..64).map(|_| send(&client).timeout(limit).into_future());
    let answers = block_on(futures::future::join_all(requests));
    assert!(started.elapsed() < PATIENCE);
    for answer in answers {
        let error = answer.unwrap_err();
        assert!(error.is_timeout() && !error.may_have_been_sent(), "{error}");
    }
}

#[test]
fn a_success_of_an_endpoint_that_signs_nothing_is_told_from_a_verified_one() {
    let file = Misbehaviour::Raw {
        status: 200,
        content_type: "text/plain".to_owned(),
        body: b"bill".to_vec(),
        signed: false,
        headers: Vec::new(),
    };
    for path in [
        "v3/billdownload/file",
        "V3/BillDownload/File",
        "v3/merchant-service/images/AbC",
        "v3/transferdownload/signfile",
    ] {
        let download = |client: &Client| match path.starts_with('V') {
            true => client
                .chain("v3")
                .segment("BillDownload")
                .segment("File")
                .get(),
            false => client.chain(path).get(),
        };
        for answer in all_ways(&file, download) {
            let response = answer.unwrap();
            assert!(!response.verified());
            assert_eq!(response.text(), "bill");
        }
    }
    let upload = |client: &Client| client.chain("v3/merchant-service/images/upload").get();
    for answer in all_ways(&file, upload) {
        assert!(matches!(answer.unwrap_err(), Error::Verify(_)));
    }
    let download = |client: &Client| client.chain("v3/billdownload/file").get();
    let signed = Misbehaviour::json(200, &json!({}));
    for answer in all_ways(&signed, download) {
        assert!(answer.unwrap().verified());
    }
}

#[test]
fn a_details_value_of_any_type_is_kept_and_shown() {
    let rows = [
        (
            json!({"code": "PARAM_ERROR", "message": "m", "detail": {"location": "body", "value": 36}}),
            "value 36",
        ),
        (
            json!({"code": "PARAM_ERROR", "message": "m", "detail": {"value": 110.000_000_000_000_01}}),
            "110.00000000000001",
        ),
        (
            json!({"code": "PARAM_ERROR", "message": "m", "detail": {"value": ["/body/appid"], "location": null}}),
            "/body/appid",
        ),
        (
            json!({"code": "PARAM_ERROR", "message": "m", "detail": {"field": "/amount", "issue": "too small"}}),
            "too small",
        ),
        (
            json!({"code": "PARAM_ERROR", "message": "m", "detail": null}),
            "PARAM_ERROR: m",
        ),
        (
            json!({"code": "PARAM_ERROR", "message": "m"}),
            "PARAM_ERROR: m",
        ),
        (json!({"code": "X"}), "400 X"),
        (json!({"message": "only"}), "400: only"),
    ];
    for (body, shown) in rows {
        let misbehaviour = Misbehaviour::json(400, &body);
        for error in errors(&misbehaviour) {
            let api = error.api().unwrap();
            let text = |name: &str| body[name].as_str().unwrap_or_default();
            assert_eq!((api.code(), api.message()), (text("code"), text("message")));
            let detail = body.get("detail").filter(|detail| !detail.is_null());
            assert_eq!(api.detail(), detail);
            assert!(error.to_string().contains(shown), "{error}");
        }
    }
}

#[test]
fn an_unsigned_refusal_is_the_gateways_own_and_not_a_failed_verification() {
    let refusal = json!({
        "code": "PARAM_ERROR", "message": "notify_url不合法",
        "detail": {"location": "body", "value": "/body/notify_url"},
    });
    let misbehaviour = Misbehaviour::Raw {
        status: 400,
        content_type: "application/json".to_owned(),
        body: refusal.to_string().into_bytes(),
        signed: false,
        headers: vec![("Request-ID".to_owned(), "08AB-268435461".to_owned())],
    };
    for error in errors(&misbehaviour) {
        let text = error.to_string();
        assert!(
            !text.contains("clock") && !text.contains("signature"),
            "{text}"
        );
        let api = error.api().unwrap();
        assert_eq!(api.signature(), SignatureState::Absent);
        assert_eq!(api.request_id(), Some("08AB-268435461"));
        assert_eq!(api.detail(), refusal.get("detail"));
    }
}

#[test]
fn a_refusal_with_a_wrong_signature_says_so() {
    let sandbox = Sandbox::start_blocking().unwrap();
    let client = sandbox.client();
    sandbox.misbehave(Misbehaviour::SignatureAltered);
    let send = client.v3().marketing().busifavor().product_coupons().send();
    let error = send.post(json!({})).wait().unwrap_err();
    assert_eq!(error.api().unwrap().signature(), SignatureState::Invalid);
    assert!(error.to_string().contains("does not verify"), "{error}");
}

/// A 401 as the gateway words it, over what it says it saw.
fn sign_error(information: impl Fn(&str) -> Value) -> Error {
    let client = recorded("1900000109").build().unwrap();
    let (request, answer) = send(&client).into_parts().unwrap();
    let body = std::str::from_utf8(request.body()).unwrap();
    let header = request.headers()["authorization"].to_str().unwrap();
    let part = |name: &str| {
        let (_, rest) = header.split_once(&format!("{name}=\"")).unwrap();
        rest.split('"').next().unwrap()
    };
    let message = formatter::request(
        "POST",
        request.uri().path(),
        part("timestamp"),
        part("nonce_str"),
        body,
    );
    let refusal = json!({
        "code": "SIGN_ERROR",
        "message": "错误的签名，验签失败",
        "detail": {
            "detail": {"issue": "sign not match"}, "field": "signature",
            "location": "authorization", "sign_information": information(&message),
        },
    });
    let refusal = http::Response::builder()
        .status(401)
        .body(refusal.to_string().into());
    answer.accept(refusal.unwrap()).unwrap_err()
}

fn information(method: &str, url: &str, length: usize, start: &str) -> Value {
    json!({
        "method": method, "url": url, "sign_message_length": length,
        "truncated_sign_message": start,
    })
}

#[test]
fn a_401_says_which_part_of_the_message_differs_first() {
    const URL: &str = "/v3/marketing/busifavor/product-coupons/send";
    let hint = |error: Error| error.api().unwrap().hint().unwrap().to_owned();
    let cases: [(&str, Error); 7] = [
        (
            "method differs first",
            sign_error(|message| information("GET", URL, message.len(), message)),
        ),
        (
            "URL differs first, in its path at byte 3",
            sign_error(|message| information("POST", "/v3", message.len(), message)),
        ),
        (
            "length differs first",
            sign_error(|message| information("POST", URL, message.len() + 7, message)),
        ),
        (
            "the timestamp differs first",
            sign_error(|message| {
                let mut lines: Vec<_> = message.lines().collect();
                lines[2] = "1";
                information("POST", URL, message.len(), &lines.join("\n"))
            }),
        ),
        (
            "the body differs first",
            sign_error(|message| {
                let start = message.split('{').next().unwrap();
                information("POST", URL, message.len(), &format!("{start}[1]"))
            }),
        ),
        (
            "the private key does not belong to the serial",
            sign_error(|message| information("POST", URL, message.len(), &message[..120])),
        ),
        ("tells nothing", sign_error(|_| Value::Null)),
    ];
    for (expected, error) in cases {
        let text = error.to_string();
        assert!(text.contains("401 SIGN_ERROR"), "{text}");
        assert!(error.signed_message().unwrap().contains("xsd3434454567676"));
        assert!(hint(error).contains(expected), "{expected}: {text}");
    }
}

#[test]
fn a_key_that_does_not_belong_to_the_serial_is_found_out_by_the_sandbox() {
    let sandbox = Sandbox::start_blocking().unwrap();
    let client = Client::builder()
        .mchid(sandbox.mchid())
        .serial(sandbox.merchant_serial())
        .private_key(crate::support::MERCHANT_KEY)
        .cert(sandbox.platform_serial(), sandbox.platform_public_key())
        .base_uri(sandbox.base_uri())
        .root_certificate(sandbox.root_certificate().unwrap())
        .build()
        .unwrap();
    let error = send(&client).wait().unwrap_err();
    let expected = format!(
        "does not belong to the serial {}",
        sandbox.merchant_serial()
    );
    assert!(error.to_string().contains(&expected), "{error}");
}

#[test]
fn an_error_is_small_and_can_cross_threads() {
    fn crosses<T: Send + Sync + 'static>() {}
    crosses::<Error>();
    assert!(size_of::<Error>() <= 24);
}
