//! APIv2 against the sandbox: what an order goes through, with TLS and without, on both versions of
//! HTTP, by `.await` and by `.wait()`.

use std::io::Read as _;
use std::time::Duration;

use flate2::read::GzDecoder;
use futures::executor::block_on;
use http::Version;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::{Value, json};
use tokio::runtime::{Builder, Runtime};
use wechatpay_chain::{
    Check, Client, ClientBuilder, Error, NotificationV2, Request, Response, Result, SignatureState,
    transformer,
};
use wechatpay_sandbox::{CannedAnswer, Misbehaviour, Sandbox};

use crate::support::{PLATFORM_CERTIFICATE, PLATFORM_KEY, assert_says, paths};

const APPID: &str = "wx8888888888888888";

type Way = fn(Request) -> Result<Response>;

thread_local! {
    /// A caller's own runtime, on which its connections live. Of one thread, so that over HTTP/1.1 one
    /// is back in the pool before the next request looks for it. It stays: thread-locals of tokio's
    /// may be gone before it.
    static RUNTIME: &'static Runtime = {
        let runtime = Builder::new_current_thread().enable_all().build();
        Box::leak(Box::new(runtime.unwrap()))
    };
}

/// How a request is sent, with a letter for the numbers of orders.
const WAYS: [(&str, Way); 3] = [
    ("w", Request::wait),
    ("e", |request| block_on(request.into_future())),
    ("t", |request| {
        RUNTIME.with(|runtime| runtime.block_on(request.into_future()))
    }),
];

fn sandboxes() -> impl Iterator<Item = (Sandbox, Version)> {
    [
        (Sandbox::builder(), Version::HTTP_2),
        (Sandbox::builder().http1_only(), Version::HTTP_11),
        (Sandbox::builder().plain(), Version::HTTP_11),
    ]
    .into_iter()
    .map(|(builder, version)| (builder.start_blocking().unwrap(), version))
}

/// A merchant of APIv2 alone, with this APIv2 key and without the certificate.
fn apiv2(sandbox: &Sandbox, secret: &str) -> ClientBuilder {
    let builder = Client::builder()
        .mchid(sandbox.mchid())
        .secret(secret)
        .base_uri(sandbox.base_uri());
    match sandbox.root_certificate() {
        Some(root) => builder.root_certificate(root),
        None => builder,
    }
}

/// Every kind of sandbox, way and signature.
fn everywhere(mut test: impl FnMut(&Sandbox, &Caller)) {
    for (sandbox, version) in sandboxes() {
        for (name, way) in WAYS {
            for sign_type in [None, Some("MD5"), Some("HMAC-SHA256")] {
                let caller = Caller {
                    client: sandbox.client(),
                    way,
                    sign_type,
                    number: format!("{name}{}", sign_type.unwrap_or("none")).replace('-', ""),
                };
                test(&sandbox, &caller);
            }
        }
        for received in sandbox.received() {
            assert_eq!(received.version(), version);
        }
    }
}

struct Caller {
    client: Client,
    way: Way,
    sign_type: Option<&'static str>,
    number: String,
}

impl Caller {
    fn call(&self, path: &str, fields: Value) -> Result<Response> {
        (self.way)(self.request(path, fields))
    }

    fn request(&self, path: &str, mut fields: Value) -> Request {
        fields["appid"] = APPID.into();
        fields["mch_id"] = "1900000109".into();
        if let Some(sign_type) = self.sign_type {
            fields["sign_type"] = sign_type.into();
        }
        self.client.chain(path).post(fields)
    }

    /// The fields of a success that was verified.
    fn done(&self, path: &str, fields: Value) -> Value {
        let response = self.call(path, fields).unwrap();
        assert!(response.verified());
        let data = response.data().unwrap();
        assert_eq!(data["result_code"], "SUCCESS");
        let length = if self.sign_type == Some("HMAC-SHA256") {
            64
        } else {
            32
        };
        assert_eq!(data["sign"].as_str().unwrap().len(), length);
        data
    }

    /// The code of a failure that was signed.
    fn no(&self, path: &str, fields: Value) -> String {
        let error = self.call(path, fields).unwrap_err();
        let Error::Api(api) = &error else {
            panic!("{error}");
        };
        assert_eq!(api.signature(), SignatureState::Verified);
        assert_eq!(api.status(), 200);
        assert!(!api.message().is_empty());
        assert_says(&error, &[api.code(), api.message()]);
        api.code().to_owned()
    }

    fn order(&self, number: &str) -> Value {
        json!({
            "body": "商品 <b>&\"🏠", "attach": "{\"key\":\"something\"}", "detail": "",
            "out_trade_no": number, "total_fee": 100, "spbill_create_ip": "127.0.0.1",
            "notify_url": "https://merchant.example/paid?a=b&c=d", "trade_type": "NATIVE",
        })
    }
}

const ORDER: &str = "v2/pay/unifiedorder";
const QUERY: &str = "v2/pay/orderquery";
const CLOSE: &str = "v2/pay/closeorder";
const REFUND: &str = "v2/secapi/pay/refund";
const REFUND_QUERY: &str = "v2/pay/refundquery";

#[test]
fn an_order_is_placed_queried_paid_and_refunded() {
    everywhere(|sandbox, caller| {
        let number = &format!("O-{}", caller.number);
        let key = || json!({ "out_trade_no": number });
        assert_eq!(caller.no(QUERY, key()), "ORDERNOTEXIST");
        let placed = caller.done(ORDER, caller.order(number));
        assert!(placed["prepay_id"].as_str().unwrap().starts_with("wx"));
        assert!(
            placed["code_url"]
                .as_str()
                .unwrap()
                .starts_with("weixin://")
        );
        assert_eq!(caller.done(QUERY, key())["trade_state"], "NOTPAY");

        let transaction_id = sandbox.pay(number).unwrap();
        let paid = caller.done(QUERY, key());
        assert_eq!(paid["trade_state"], "SUCCESS");
        assert_eq!(paid["transaction_id"], transaction_id);
        assert_eq!(
            (&paid["total_fee"], &paid["attach"]),
            (&json!("100"), &json!("{\"key\":\"something\"}"))
        );
        let by_id = json!({ "transaction_id": transaction_id });
        assert_eq!(caller.done(QUERY, by_id)["out_trade_no"], number.as_str());
        assert_eq!(caller.no(CLOSE, key()), "ORDERPAID");
        assert_eq!(caller.no(ORDER, caller.order(number)), "ORDERPAID");

        let refund = |out_refund_no: &str, fee: u32| {
            json!({
                "out_trade_no": number, "out_refund_no": out_refund_no, "total_fee": 100,
                "refund_fee": fee,
            })
        };
        let (first, second) = (format!("R1-{number}"), format!("R2-{number}"));
        let refunded = caller.done(REFUND, refund(&first, 30));
        assert_eq!(refunded["refund_fee"], "30");
        assert_eq!(caller.no(REFUND, refund(&second, 71)), "INVALID_REQUEST");
        caller.done(REFUND, refund(&second, 70));
        let queried = caller.done(REFUND_QUERY, key());
        assert_eq!(
            (&queried["refund_count"], &queried["refund_fee_1"]),
            (&json!("2"), &json!("70"))
        );
        assert_eq!(
            caller.no(REFUND_QUERY, json!({ "out_refund_no": "none" })),
            "REFUNDNOTEXIST"
        );

        let told = sandbox.notification_v2(&json!({
            "out_trade_no": number, "sign_type": caller.sign_type,
        }));
        let told = caller.client.notification_v2(told.body()).unwrap();
        assert!(!told.is_refund());
        assert_eq!(told.data()["transaction_id"], transaction_id);
        let told = sandbox.refund_notification_v2(&json!({ "out_refund_no": first }));
        let told = caller.client.notification_v2(told.body()).unwrap();
        assert!(told.is_refund());
        assert_eq!(told.data()["refund_fee"], "30");
        assert_eq!(told.data()["out_trade_no"], number.as_str());
        assert!(sandbox.received().iter().all(|it| it.authenticated()));
    });
}

#[test]
fn an_order_that_nobody_pays_is_closed() {
    everywhere(|sandbox, caller| {
        let number = &format!("C-{}", caller.number);
        let key = || json!({ "out_trade_no": number });
        caller.done(ORDER, caller.order(number));
        caller.done(CLOSE, key());
        assert_eq!(caller.done(QUERY, key())["trade_state"], "CLOSED");
        sandbox.pay(number).unwrap_err();
        let refund = json!({
            "out_trade_no": number, "out_refund_no": "R1", "total_fee": 100, "refund_fee": 1,
        });
        assert_eq!(caller.no(REFUND, refund), "ERROR");
    });
}

#[test]
fn a_payment_by_code_succeeds_waits_for_the_user_and_is_reversed() {
    let mut codes = 100_000_000_000_000_000_u64..;
    everywhere(|sandbox, caller| {
        let mut micropay = |number: &str| {
            json!({
                "body": "商品", "out_trade_no": number, "total_fee": 1,
                "spbill_create_ip": "127.0.0.1", "auth_code": codes.next().unwrap().to_string(),
            })
        };
        let path = "v2/pay/micropay";
        let number = format!("M-{}", caller.number);
        let paid = caller.done(path, micropay(&number));
        assert_eq!(paid["trade_type"], "MICROPAY");
        caller.done("v2/secapi/pay/reverse", json!({ "out_trade_no": number }));
        let queried = caller.done(QUERY, json!({ "out_trade_no": number }));
        assert_eq!(queried["trade_state"], "REVOKED");
        assert_eq!(caller.no(path, micropay(&number)), "ORDERREVERSED");

        let number = format!("SANDBOX_USERPAYING_{}", caller.number);
        assert_eq!(caller.no(path, micropay(&number)), "USERPAYING");
        let key = || json!({ "out_trade_no": number });
        assert_eq!(caller.done(QUERY, key())["trade_state"], "USERPAYING");
        sandbox.pay(&number).unwrap();
        assert_eq!(caller.done(QUERY, key())["trade_state"], "SUCCESS");

        let request = caller.request(path, micropay(&format!("N-{}", caller.number)));
        let request = request.header("Wechatpay-Negative-Test", "MICROPAY_PAYERROR");
        let error = (caller.way)(request).unwrap_err();
        assert_eq!(error.api().unwrap().code(), "TRADE_ERROR");
    });
}

#[test]
fn a_red_packet_is_unsigned_and_one_that_was_not_sent_is_an_error() {
    everywhere(|_, caller| {
        let path = "v2/mmpaymkttransfers/sendredpack";
        let number = format!("B{}", caller.number);
        let packet = |amount: u32| {
            json!({
                "mch_billno": number, "wxappid": "wx1", "send_name": "商家", "re_openid": "o1",
                "total_amount": amount, "total_num": 1, "wishing": "恭喜发财",
                "client_ip": "127.0.0.1", "act_name": "活动", "remark": "备注",
            })
        };
        let error = caller.call(path, packet(1)).unwrap_err();
        let Error::Api(api) = &error else {
            panic!("{error}");
        };
        assert_eq!(
            (api.code(), api.message()),
            ("MONEY_LIMIT", "红包金额发放限制")
        );
        assert_eq!(api.signature(), SignatureState::Absent);
        let response = caller.call(path, packet(100)).unwrap();
        assert!(!response.verified());
        assert_eq!(response.data().unwrap()["mch_billno"], number);
        let key = json!({ "mch_billno": number, "bill_type": "MCHT" });
        let response = caller.call("v2/mmpaymkttransfers/gethbinfo", key).unwrap();
        assert_eq!(response.data().unwrap()["status"], "SENT");
    });
}

#[test]
fn a_bill_is_text_or_a_file_and_its_failure_an_error() {
    everywhere(|_, caller| {
        let path = "v2/pay/downloadbill";
        let bill = json!({ "bill_date": "20180608", "bill_type": "ALL" });
        let text = caller.call(path, bill.clone()).unwrap();
        assert!(!text.verified());
        assert!(text.bytes().starts_with("\u{feff}交易时间".as_bytes()));
        assert!(text.text().ends_with("`0.50\r\n"));
        assert!(matches!(text.data(), Err(Error::Decode(_))));
        let mut zipped = bill.clone();
        zipped["tar_type"] = "GZIP".into();
        // A file of its own: nobody unzips it unasked.
        let zipped = caller.call(path, zipped).unwrap();
        assert!(zipped.bytes().starts_with(b"\x1f\x8b"));
        let mut read = Vec::new();
        let mut decoder = GzDecoder::new(&zipped.bytes()[..]);
        decoder.read_to_end(&mut read).unwrap();
        assert_eq!(read, *text.bytes());
        let error = caller.call(path, json!({ "bill_date": "today" }));
        let error = error.unwrap_err();
        let api = error.api().unwrap();
        assert_eq!((api.code(), api.message()), ("20001", "invalid bill_date"));
    });
}

#[test]
fn a_request_that_the_gateway_refuses_as_such_says_why() {
    let sandbox = Sandbox::start_blocking().unwrap();
    let fields = || json!({ "appid": APPID, "mch_id": sandbox.mchid(), "out_trade_no": "O1" });
    let wrong_key = apiv2(&sandbox, "another");
    let client = wrong_key.build().unwrap();
    for (_, way) in WAYS {
        for sign_type in ["MD5", "HMAC-SHA256"] {
            let mut fields = fields();
            fields["sign_type"] = sign_type.into();
            let error = way(client.chain(QUERY).post(fields)).unwrap_err();
            let api = error.api().unwrap();
            assert_eq!((api.code(), api.message()), ("FAIL", "签名错误"));
            assert_eq!(api.signature(), SignatureState::Absent);
        }
        let request = sandbox.client().chain(QUERY).post(fields()).nonceless();
        let error = way(request).unwrap_err();
        assert_eq!(error.api().unwrap().message(), "缺少参数");
    }
    let unknown = sandbox.client().chain("v2/pay/unknown").post(fields());
    let error = unknown.wait().unwrap_err();
    assert_eq!(error.api().unwrap().status(), 501);
}

#[test]
fn a_canned_answer_is_judged_as_any_other() {
    for (sandbox, _) in sandboxes() {
        let client = sandbox.client();
        let fields = json!({ "mch_id": sandbox.mchid() });
        let call = |path: &str| client.chain(format!("v2{path}")).post(&fields);
        let success =
            json!({ "return_code": "SUCCESS", "result_code": "SUCCESS", "n": 1, "e": "" });
        let path = "/mmpaymkttransfers/promotion/transfers";
        sandbox.answer_with("POST", path, CannedAnswer::xml(200, &success).unsigned());
        assert!(!call(path).wait().unwrap().verified());
        sandbox.answer_with("POST", path, CannedAnswer::xml(200, &success));
        let response = call(path).wait().unwrap();
        assert!(response.verified());
        assert_eq!(response.data().unwrap()["n"], "1");
        let path = "/pay/itsown";
        sandbox.answer_with("POST", path, CannedAnswer::xml(200, &success).unsigned());
        let error = call(path).wait().unwrap_err();
        assert!(matches!(&error, Error::Verify(error) if *error.check() == Check::NoSign));
        sandbox.answer_with("POST", path, CannedAnswer::xml(500, &success));
        let error = call(path).wait().unwrap_err();
        assert_eq!(error.api().unwrap().status(), 500);
        // What the gateway says unsigned in plain text or a page of its own.
        for (body, status) in [("busy", 503), ("<html><title>busy</title></html>", 502)] {
            sandbox.answer_with(
                "POST",
                path,
                CannedAnswer::new(status).body(body).unsigned(),
            );
            let error = call(path).wait().unwrap_err();
            assert_eq!(error.api().unwrap().status(), status);
        }
        // A query, signed and answered so.
        let target = "/papay/entrustweb";
        let there = CannedAnswer::new(302).header("Location", "https://payapp.weixin.qq.com/x");
        sandbox.answer_with("GET", target, there.unsigned());
        let page = client.v2().papay().entrustweb().get();
        let query = json!({
            "mch_id": sandbox.mchid(), "notify_url": "https://a/?b=c d&e=+", "plan_id": "1",
        });
        let response = page.query(query).wait().unwrap();
        assert_eq!(response.status().as_u16(), 302);
        let received = sandbox.received();
        assert!(received.last().unwrap().authenticated());
    }
}

#[test]
fn what_a_gateway_does_to_the_sign_is_noticed() {
    let query = |client: &Client, way: Way, sign_type: &str| {
        let fields = json!({
            "appid": APPID, "mch_id": "1900000109", "out_trade_no": "O-misbehaved-1",
            "sign_type": sign_type,
        });
        let mut attempts = (0..100).map(|_| way(client.chain(QUERY).post(&fields)));
        // The connection that was cut may be met while it ends.
        let is_met = |answer: &Result<Response>| {
            let error = answer.as_ref().err();
            error.is_none_or(Error::may_have_been_sent)
        };
        attempts.find(is_met).unwrap()
    };
    for (sandbox, _) in sandboxes() {
        let client = sandbox.client();
        let caller = Caller {
            client: client.clone(),
            way: Request::wait,
            sign_type: None,
            number: String::new(),
        };
        caller.done(ORDER, caller.order("O-misbehaved-1"));
        for (_, way) in WAYS {
            for sign_type in ["MD5", "HMAC-SHA256"] {
                for (misbehaviour, expected) in [
                    (Misbehaviour::Unsigned, Check::NoSign),
                    (Misbehaviour::SignatureAltered, Check::WrongSign),
                    (Misbehaviour::BodyAltered, Check::WrongSign),
                ] {
                    sandbox.misbehave(misbehaviour.clone());
                    let error = query(&client, way, sign_type).unwrap_err();
                    let Error::Verify(verify) = &error else {
                        panic!("{misbehaviour:?}: {error}");
                    };
                    assert_eq!(*verify.check(), expected);
                    assert!(error.may_have_been_sent() && !error.is_retryable());
                    assert_says(&error, &["POST v2/pay/orderquery", "sign"]);
                    let text = error.signed_message().unwrap();
                    assert!(text.contains("out_trade_no=O-misbehaved-1"), "{text}");
                    assert!(!text.contains(sandbox.secret()));
                }
                // What is about APIv3's headers does nothing here.
                sandbox.misbehave(Misbehaviour::ProbeSignature);
                query(&client, way, sign_type).unwrap();

                sandbox.misbehave(Misbehaviour::status(200, "SYSTEMERROR", "系统错误"));
                let error = query(&client, way, sign_type).unwrap_err();
                let api = error.api().unwrap();
                assert_eq!((api.code(), api.message()), ("SYSTEMERROR", "系统错误"));
                assert_eq!(api.signature(), SignatureState::Verified);

                sandbox.misbehave(Misbehaviour::html(502));
                let error = query(&client, way, sign_type).unwrap_err();
                assert_eq!(error.api().unwrap().status(), 502);
                sandbox.misbehave(Misbehaviour::html(200));
                let error = query(&client, way, sign_type).unwrap_err();
                assert!(matches!(error, Error::Decode(_)), "{error}");
                assert_says(&error, &["HTML page"]);
                sandbox.misbehave(Misbehaviour::redirect("https://evil.example/"));
                let error = query(&client, way, sign_type).unwrap_err();
                assert!(matches!(error, Error::Redirect(_)), "{error}");
                for cut in [Misbehaviour::CutAfterRead, Misbehaviour::CutInAnswer] {
                    sandbox.misbehave(cut);
                    let error = query(&client, way, sign_type).unwrap_err();
                    assert!(matches!(error, Error::Transport(_)), "{error}");
                    assert!(error.may_have_been_sent());
                }
            }
        }
        sandbox.misbehave(Misbehaviour::Delay(Duration::from_secs(5)));
        let short = |request: Request| request.timeout(Duration::from_millis(300)).wait();
        let error = query(&client, short, "MD5").unwrap_err();
        assert!(error.is_timeout(), "{error}");
    }
}

// Halves

#[test]
fn a_client_of_one_version_needs_nothing_of_the_other() {
    for (sandbox, _) in sandboxes() {
        let builder = apiv2(&sandbox, sandbox.secret());
        let v2 = builder.build().unwrap();
        let v3 = sandbox
            .client_builder()
            .cert(sandbox.platform_serial(), sandbox.platform_public_key());
        let v3 = v3.build().unwrap();
        let bill = |client: &Client| {
            let path = client.v2().pay().downloadbill();
            path.post(json!({ "appid": APPID, "mch_id": sandbox.mchid(), "bill_date": "20180608" }))
        };
        let certificates = |client: &Client| client.v3().certificates().get();
        for (_, way) in WAYS {
            way(bill(&v2)).unwrap();
            way(certificates(&v3)).unwrap();
            let before = sandbox.received().len();
            for (request, says) in [
                (bill(&v3), "secret, the APIv2 key"),
                (certificates(&v2), "APIv3"),
            ] {
                let error = way(request).unwrap_err();
                assert!(matches!(error, Error::Config(_)), "{error}");
                assert_says(&error, &[says]);
            }
            assert_eq!(sandbox.received().len(), before);
        }
    }
}

// The merchant certificate

fn merchants(sandbox: &Sandbox) -> Vec<u8> {
    der(sandbox.merchant_certificate())
}

fn der(pem: &str) -> Vec<u8> {
    CertificateDer::from_pem_slice(pem.as_bytes())
        .unwrap()
        .to_vec()
}

/// An order that is paid, to be refunded in parts.
fn paid(sandbox: &Sandbox) -> Caller {
    let caller = Caller {
        client: sandbox.client(),
        way: Request::wait,
        sign_type: None,
        number: "P-000001".to_owned(),
    };
    caller.done(ORDER, caller.order(&caller.number));
    sandbox.pay(&caller.number).unwrap();
    caller
}

fn query(client: &Client) -> Request {
    let path = client.v2().pay().orderquery();
    path.post(json!({ "appid": APPID, "mch_id": "1900000109", "out_trade_no": "P-000001" }))
}

fn refund(client: &Client, number: &str) -> Request {
    let path = client.v2().secapi().pay().refund();
    path.post(json!({
        "appid": APPID, "mch_id": "1900000109", "out_trade_no": "P-000001",
        "out_refund_no": number, "total_fee": 100, "refund_fee": 1,
    }))
}

/// Case net-04.
#[test]
fn the_certificate_is_shown_for_the_refund_and_not_before_or_after() {
    for (builder, version) in [
        (Sandbox::builder().http1_only(), Version::HTTP_11),
        (Sandbox::builder(), Version::HTTP_2),
    ] {
        let sandbox = builder.start_blocking().unwrap();
        let caller = paid(&sandbox);
        let (before, connections) = (sandbox.received().len(), sandbox.connections());
        for (name, way) in WAYS {
            way(query(&caller.client)).unwrap();
            way(refund(&caller.client, name)).unwrap();
            way(query(&caller.client)).unwrap();
            way(query(&caller.client).security()).unwrap();
            way(query(&caller.client)).unwrap();
        }
        let received = sandbox.received();
        let own = merchants(&sandbox);
        let round = [None, Some(&own[..]), None, Some(&own[..]), None];
        let expected = [round; 3].concat();
        let shown = received[before..].iter().map(|received| {
            assert_eq!(received.version(), version);
            received.client_certificate()
        });
        assert_eq!(shown.collect::<Vec<_>>(), expected);
        // One with it beside the one that was there, and two of the caller's runtime.
        assert_eq!(sandbox.connections(), connections + 3);
    }
}

#[test]
fn without_the_certificate_a_refund_is_not_sent() {
    let sandbox = Sandbox::start_blocking().unwrap();
    paid(&sandbox);
    let builder = apiv2(&sandbox, sandbox.secret());
    let client = builder.build().unwrap();
    let before = sandbox.received().len();
    for (_, way) in WAYS {
        for request in [refund(&client, "R1"), query(&client).security()] {
            let error = way(request).unwrap_err();
            assert!(matches!(error, Error::Config(_)), "{error}");
            assert!(!error.may_have_been_sent());
            assert_says(&error, &["certificate"]);
        }
    }
    assert_eq!(sandbox.received().len(), before);
    // The catalogue does not know this path, so that it goes out without.
    let path = "v2/secapi/pay/somethingnew";
    let fields = json!({ "mch_id": sandbox.mchid() });
    for (_, way) in WAYS {
        let error = way(client.chain(path).post(&fields)).unwrap_err();
        let api = error.api().unwrap();
        assert_eq!(api.status(), 400);
        assert_eq!(api.message(), "400 No required SSL certificate was sent");
        assert_says(&error, &["merchant certificate", ".security()"]);
    }
    // Another merchant's is no better.
    let builder = apiv2(&sandbox, sandbox.secret());
    let other = builder.merchant(PLATFORM_CERTIFICATE, PLATFORM_KEY);
    let error = refund(&other.build().unwrap(), "R1").wait().unwrap_err();
    assert_eq!(
        error.api().unwrap().message(),
        "400 The SSL certificate error"
    );
    assert_says(&error, &["merchant certificate"]);
}

#[test]
fn plain_http_on_this_machine_needs_no_certificate() {
    let sandbox = Sandbox::builder().plain().start_blocking().unwrap();
    paid(&sandbox);
    let builder = apiv2(&sandbox, sandbox.secret());
    let client = builder.build().unwrap();
    refund(&client, "R1").wait().unwrap();
    query(&client).security().wait().unwrap();
    let received = sandbox.received();
    assert!(received.iter().all(|it| it.client_certificate().is_none()));
}

#[test]
fn a_gateway_that_talks_to_nobody_without_a_certificate_is_reached_with_it() {
    for builder in [Sandbox::builder(), Sandbox::builder().http1_only()] {
        let sandbox = builder.certificate_only().start_blocking().unwrap();
        let client = sandbox.client();
        for (_, way) in WAYS {
            let error = way(query(&client)).unwrap_err();
            let is_of_network = matches!(error, Error::Connect(_) | Error::Transport(_));
            assert!(is_of_network, "{error}");
            let error = way(query(&client).security()).unwrap_err();
            assert_eq!(error.api().unwrap().code(), "ORDERNOTEXIST");
            let error = way(refund(&client, "R1")).unwrap_err();
            assert_eq!(error.api().unwrap().code(), "ORDERNOTEXIST");
        }
        for received in sandbox.received() {
            assert_eq!(
                received.client_certificate(),
                Some(&merchants(&sandbox)[..])
            );
        }
        assert_eq!(sandbox.received().len(), 6);
    }
}

#[test]
fn merchants_on_one_transport_never_see_each_others_certificate() {
    for (builder, version) in [
        (Sandbox::builder().http1_only(), Version::HTTP_11),
        (Sandbox::builder(), Version::HTTP_2),
    ] {
        let sandbox = builder.start_blocking().unwrap();
        let first = paid(&sandbox).client;
        let merchant = || {
            let builder = apiv2(&sandbox, sandbox.secret());
            builder.transport_of(&first)
        };
        let second = merchant().merchant(PLATFORM_CERTIFICATE, PLATFORM_KEY);
        let second = second.build().unwrap();
        let third = merchant().build().unwrap();
        let (before, connections) = (sandbox.received().len(), sandbox.connections());
        for (name, way) in WAYS {
            way(refund(&first, name)).unwrap();
            let error = way(refund(&second, name)).unwrap_err();
            assert_says(&error, &["The SSL certificate error"]);
            way(refund(&third, name)).unwrap_err();
            for client in [&first, &second, &third] {
                way(query(client)).unwrap();
            }
        }
        let received = sandbox.received();
        let (own, others) = (merchants(&sandbox), der(PLATFORM_CERTIFICATE));
        let round = [Some(&own[..]), Some(&others[..]), None, None, None];
        let shown = received[before..].iter().map(|received| {
            assert_eq!(received.version(), version);
            received.client_certificate()
        });
        assert_eq!(shown.collect::<Vec<_>>(), [round; 3].concat());
        // Of each merchant one, beside the common one that was there, and three of the caller's
        // runtime.
        assert_eq!(sandbox.connections(), connections + 5);
    }
}

// Notifications

#[test]
fn a_payment_s_notification_is_trusted_as_it_was_signed_and_in_no_other_way() {
    let sandbox = Sandbox::start_blocking().unwrap();
    let client = sandbox.client();
    let check = |fields: &Value, alter: &dyn Fn(&str) -> String| {
        let notification = sandbox.notification_v2(fields);
        let body = alter(std::str::from_utf8(notification.body()).unwrap());
        client.notification_v2(body).map_err(|error| match error {
            Error::Verify(verify) => verify.check().clone(),
            error => panic!("{error}"),
        })
    };
    let as_it_is = |body: &str| body.to_owned();
    for sign_type in ["MD5", "HMAC-SHA256"] {
        let fields = json!({
            "out_trade_no": "O1", "total_fee": 100, "attach": "{\"key\":\"<b>&🏠\"}",
            "device_info": "", "sign_type": sign_type,
        });
        let notification = check(&fields, &as_it_is).unwrap();
        assert!(!notification.is_refund() && notification.envelope().is_none());
        assert_eq!(notification.data()["attach"], "{\"key\":\"<b>&🏠\"}");
        assert_eq!(notification.data()["total_fee"], "100");

        let changed = |body: &str| {
            assert!(
                body.contains("<total_fee>100<") || body.contains("[100]"),
                "{body}"
            );
            body.replace("100", "001")
        };
        assert_eq!(check(&fields, &changed).unwrap_err(), Check::WrongSign);
        let added = |body: &str| body.replace("</xml>", "<coupon_fee>1</coupon_fee></xml>");
        assert_eq!(check(&fields, &added).unwrap_err(), Check::WrongSign);
        let twice = |body: &str| body.replace("</xml>", "<total_fee>100</total_fee></xml>");
        assert_eq!(check(&fields, &twice).unwrap_err(), Check::WrongSign);
        let without = |body: &str| {
            let (start, rest) = body.split_once("<sign>").unwrap();
            let (_, end) = rest.split_once("</sign>").unwrap();
            format!("{start}{end}")
        };
        assert_eq!(check(&fields, &without).unwrap_err(), Check::NoSign);
        // As the order was placed so, but that the notification does not say.
        let other = if sign_type == "MD5" {
            "HMAC-SHA256"
        } else {
            "MD5"
        };
        let exchanged = |body: &str| body.replace(sign_type, other);
        assert_eq!(check(&fields, &exchanged).unwrap_err(), Check::WrongSign);
        let mut others = fields.clone();
        others["mch_id"] = "1900000110".into();
        let Err(Check::OtherMerchant { field, given, .. }) = check(&others, &as_it_is) else {
            panic!("it is another's");
        };
        assert_eq!((field, given.as_str()), ("mch_id", "1900000110"));
    }
    // A failed payment is a genuine notification: its fields say so.
    let failed = json!({ "result_code": "FAIL", "err_code": "SYSTEMERROR" });
    let failed = check(&failed, &as_it_is).unwrap();
    assert_eq!(failed.data()["result_code"], "FAIL");
    let wrong = json!({ "sign": "0BEAEF74E47D46933351C63550BFCE95" });
    assert_eq!(check(&wrong, &as_it_is).unwrap_err(), Check::WrongSign);
    let builder = apiv2(&sandbox, "another secret");
    let stranger = builder.build().unwrap();
    let genuine = sandbox.notification_v2(&json!({ "out_trade_no": "O1" }));
    let error = stranger.notification_v2(genuine.body()).unwrap_err();
    assert_says(&error, &["APIv2 key"]);
}

#[test]
fn a_refund_s_notification_opens_under_its_secret_and_under_no_other() {
    let sandbox = Sandbox::start_blocking().unwrap();
    let client = sandbox.client();
    let caller = paid(&sandbox);
    refund(&caller.client, "R-1").wait().unwrap();
    let told = sandbox.refund_notification_v2(&json!({ "out_refund_no": "R-1" }));
    let event = client.notification_v2(told.body()).unwrap();
    assert!(event.is_refund());
    assert_eq!(event.data()["refund_status"], "SUCCESS");
    assert_eq!(event.data()["refund_recv_accout"], "支付用户零钱");
    assert_eq!(event.data()["out_trade_no"], "P-000001");
    let envelope = event.envelope().unwrap();
    assert_eq!(envelope["mch_id"], sandbox.mchid());
    assert_eq!(envelope["appid"], APPID);

    for secret in ["another secret", "WechatpaySandboxPublicSecretV202"] {
        let builder = apiv2(&sandbox, secret);
        let stranger = builder.build().unwrap();
        let error = stranger.notification_v2(told.body()).unwrap_err();
        assert!(matches!(error, Error::Decode(_)), "{error}");
        assert_says(&error, &["APIv2 key"]);
        assert!(!error.to_string().contains(secret));
    }
    let body = std::str::from_utf8(told.body()).unwrap();
    let other = body.replace(sandbox.mchid(), "1900000110");
    let error = client.notification_v2(other).unwrap_err();
    assert_says(&error, &["another merchant's", "1900000110"]);
    let none = sandbox.client_builder();
    let none = none.cert(sandbox.platform_serial(), sandbox.platform_public_key());
    let none = none.build().unwrap();
    let error = none.notification_v2(told.body()).unwrap_err();
    assert_says(&error, &["secret", "APIv2 key"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handler_replies_in_xml_and_has_no_status_but_200() {
    use axum::body::Bytes;
    use axum::extract::State;
    use axum::routing::post;

    async fn handler(State(client): State<Client>, body: Bytes) -> String {
        match client.notification_v2(&body) {
            Ok(_) => NotificationV2::reply_ok(),
            Err(error) => NotificationV2::reply_fail(error.to_string()),
        }
    }

    let sandbox = Sandbox::start().await.unwrap();
    let app = axum::Router::new().route("/paid", post(handler));
    let app = app.with_state(sandbox.client());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/paid", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    let reply = async |notification| {
        let (status, body) = sandbox.deliver(&url, &notification).await.unwrap();
        assert_eq!(status, 200);
        transformer::to_value(std::str::from_utf8(&body).unwrap()).unwrap()
    };
    let success = json!({ "return_code": "SUCCESS", "return_msg": "OK" });
    for fields in [json!({}), json!({ "sign_type": "HMAC-SHA256" })] {
        assert_eq!(reply(sandbox.notification_v2(&fields)).await, success);
    }
    let refund = json!({ "out_refund_no": "R1", "refund_status": "SUCCESS" });
    assert_eq!(
        reply(sandbox.refund_notification_v2(&refund)).await,
        success
    );
    let forged = json!({ "sign": "0BEAEF74E47D46933351C63550BFCE95" });
    let no = reply(sandbox.notification_v2(&forged)).await;
    assert_eq!(no["return_code"], "FAIL");
    assert!(no["return_msg"].as_str().unwrap().contains("sign"));
}

// Many merchants

/// Case run-04: merchants that fetch their platform certificates, each with an APIv3 key of its
/// own, and merchants that are given them.
#[test]
fn fifteen_hundred_merchants_share_threads_and_connections_and_no_platform_key() {
    let sandbox = Sandbox::builder().keep(10_000).start_blocking().unwrap();
    let certificates = sandbox.certificates();
    sandbox.sign_with(certificates[0].serial()).unwrap();
    let listed = sandbox.client_builder().apiv3_key(sandbox.apiv3_key());
    let first = listed.build().unwrap();
    let list = first.v3().certificates().get().wait().unwrap();
    // Whoever asks for whatever is answered with the list of certificates, signed by one of them.
    sandbox.misbehave_always(Misbehaviour::json(200, &list.data().unwrap()));
    let before = (sandbox.received().len(), sandbox.connections());
    let key = wechatpay_chain::rsa::PrivateKey::from_pem(sandbox.merchant_private_key()).unwrap();
    let certificate =
        wechatpay_chain::rsa::PublicKey::from_pem(sandbox.merchant_certificate()).unwrap();
    let clients: Vec<_> = (0..1500)
        .map(|number| {
            let builder = Client::builder()
                .mchid((1_900_000_110 + number).to_string())
                .serial(format!("5A4D{number:036}"))
                .private_key(key.clone())
                .base_uri(sandbox.base_uri())
                .transport_of(&first);
            let builder = match number % 3 {
                // The platform's answers open under this merchant's key.
                0 => builder.apiv3_key(sandbox.apiv3_key()),
                // They do not.
                1 => builder
                    .apiv3_key(format!("{number:032}"))
                    .merchant(certificate.clone(), key.clone()),
                // This one trusts another key.
                _ => builder.cert(certificates[1].serial(), certificates[1].pem()),
            };
            builder.build().unwrap()
        })
        .collect();
    let again = clients.iter().enumerate().step_by(3).take(50);
    for (number, client) in clients.iter().enumerate().chain(again) {
        let answer = client.chain("v3/refund/domestic/refunds/1").get().wait();
        match (number % 3, answer) {
            (0, Ok(response)) => assert!(response.verified()),
            (1, Err(Error::Key(_) | Error::Decode(_) | Error::Verify(_))) => {}
            (2, Err(Error::Verify(error))) => {
                assert!(matches!(error.check(), Check::Serial { .. }), "{error}");
            }
            (_, other) => panic!("{number}: {other:?}"),
        }
    }
    assert_eq!(sandbox.connections(), before.1);
    let paths = paths(&sandbox);
    let paths = paths[before.0..].iter();
    let fetches = paths.filter(|path| path.ends_with("/certificates"));
    // Each once, whether or not the merchant could read the list.
    assert_eq!(fetches.count(), 1000);
    let threads = std::fs::read_dir("/proc/self/task").map(Iterator::count);
    assert!(threads.is_ok_and(|threads| threads < 1000));
}
