//! What a request looks like on the wire, and what is refused before a byte leaves.

use std::thread;

use bytes::Bytes;
use futures::executor::block_on;
use serde_json::{Value, json};
use wechatpay_chain::{Chain, Error, Request, formatter, rsa};
use wechatpay_sandbox::{Misbehaviour, Received, Sandbox};

use crate::support::{
    MERCHANT_PUBLIC, PLATFORM_CERTIFICATE, PLATFORM_KEY, PLATFORM_SERIAL, offline, recorded,
};

fn target(request: Request) -> String {
    let request = request.into_http().unwrap();
    request.uri().path_and_query().unwrap().to_string()
}

fn refused(request: Request) -> String {
    match request.into_http() {
        Err(error @ (Error::Request(_) | Error::Template(_))) => error.to_string(),
        other => panic!("{other:?}"),
    }
}

/// What the sandbox receives, over both versions of HTTP; each time it must have believed it.
fn received(request: impl Fn(&wechatpay_chain::Client) -> Request) -> Vec<Received> {
    let builders = [
        Sandbox::builder(),
        Sandbox::builder().http1_only(),
        Sandbox::builder().plain(),
    ];
    let received = builders.into_iter().map(|builder| {
        let sandbox = builder.start_blocking().unwrap();
        let _ = request(&sandbox.client()).wait();
        let mut received = sandbox.received();
        assert_eq!(received.len(), 1);
        let received = received.remove(0);
        assert!(received.authenticated());
        received
    });
    received.collect()
}

#[test]
fn a_query_is_encoded_by_rfc_3986_and_the_same_characters_are_signed() {
    let expected = "/v3/merchant-service/complaints-v2?begin_date=2024-01-01\
                    &x=a%20b%2Bc%2Fd%3D%26&y=%E4%B8%AD%E6%96%87~-_.";
    let query = json!({"begin_date": "2024-01-01", "x": "a b+c/d=&", "y": "中文~-_."});
    let complaints = |client: &wechatpay_chain::Client| {
        client
            .v3()
            .merchant_service()
            .complaints_v2()
            .get()
            .query(&query)
    };
    for request in received(complaints) {
        assert_eq!(request.target(), expected);
    }
}

#[test]
fn a_time_with_a_zone_is_given_raw_and_what_was_encoded_already_is_encoded_again() {
    let time = |value: &str| target(offline().chain("v3/x").get().query([("t", value)]));
    assert_eq!(
        time("2024-05-20T13:29:35+08:00"),
        "/v3/x?t=2024-05-20T13%3A29%3A35%2B08%3A00"
    );
    assert_eq!(time("13:29:35%2B08:00"), "/v3/x?t=13%3A29%3A35%252B08%3A00");
}

#[test]
fn a_query_takes_objects_pairs_structs_and_text() {
    let chain = offline().chain("v3/x?a=1");
    assert_eq!(
        target(chain.get().query([("b", 2), ("c", 3)])),
        "/v3/x?a=1&b=2&c=3"
    );
    assert_eq!(
        target(chain.get().query(vec![("b", json!([1, "x"]))])),
        "/v3/x?a=1&b=1&b=x"
    );
    assert_eq!(
        target(chain.get().query("?b=%2B&c=x y")),
        "/v3/x?a=1&b=%2B&c=x%20y"
    );
    assert_eq!(target(chain.get().query(())), "/v3/x?a=1");
    let bodies = json!({"b": true, "c": null, "d": [], "e": 29.0 * 100.0, "f": {"g": 1}});
    assert_eq!(
        target(chain.get().query(bodies)),
        "/v3/x?a=1&b=true&e=2900&f=%7B%22g%22%3A1%7D"
    );
    assert!(refused(chain.get().query([("a", 2)])).contains("the name a is given twice"));
    assert!(refused(chain.get().query(json!({"b": 1})).query(json!({"b": 2}))).contains("twice"));
    assert!(refused(chain.get().query(5)).contains("single value"));
}

#[test]
fn a_text_is_signed_and_sent_byte_for_byte() {
    let text = "{ \"mchid\": \"1900000109\",\n  \"description\": \"中/文 & <b>\", \"n\": 1.0 }";
    let native = |client: &wechatpay_chain::Client| {
        client
            .chain("v3/pay/transactions/native")
            .post(text.to_owned())
    };
    for request in received(native) {
        assert_eq!(request.body(), text.as_bytes());
        assert_eq!(
            request.header("content-type"),
            Some("application/json; charset=utf-8")
        );
    }
}

#[test]
fn a_value_goes_as_utf8_json_with_its_headers_over_every_version_of_http() {
    let body = json!({"description": "🏠 诚信🔥 a%n?", "amount": {"total": 29.0 * 100.0}});
    let native = |client: &wechatpay_chain::Client| {
        client
            .v3()
            .pay()
            .transactions()
            .native()
            .post(&body)
            .query(json!({"备注": "a b"}))
    };
    for request in received(native) {
        let sent = "{\"description\":\"🏠 诚信🔥 a%n?\",\"amount\":{\"total\":2900}}";
        assert_eq!(request.body(), sent.as_bytes());
        assert_eq!(
            request.target(),
            "/v3/pay/transactions/native?%E5%A4%87%E6%B3%A8=a%20b"
        );
        assert_eq!(request.header("content-type"), Some("application/json"));
        let agent = request.header("user-agent").unwrap();
        assert!(agent.starts_with("wechatpay-chain/"), "{agent}");
        let serial = request.header("wechatpay-serial").unwrap();
        assert!(serial.starts_with("PUB_KEY_ID_"), "{serial}");
    }
}

#[test]
fn a_request_without_a_body_is_signed_over_an_empty_line() {
    for body in [Value::Null, json!(null)] {
        for request in received(|client| client.chain("v3/x").post(body.clone())) {
            assert_eq!(request.body(), b"");
        }
    }
    for request in received(|client| client.chain("v3/x").delete().body(json!({"a": 1}))) {
        assert_eq!(
            (request.body(), request.target()),
            (&b"{\"a\":1}"[..], "/v3/x")
        );
    }
}

#[test]
fn options_given_as_the_body_are_refused_before_a_byte_leaves() {
    let sandbox = Sandbox::start_blocking().unwrap();
    let refunds = sandbox.client().chain("v3/refund/domestic/refunds");
    for body in [
        json!({"json": {"out_trade_no": "T1"}, "headers": {"X-A": "1"}}),
        json!({"xml": {}}),
        json!({"query": {}, "headers": {}}),
    ] {
        let error = refunds.post(body).wait().unwrap_err();
        assert!(error.to_string().contains(".request(\"POST\""), "{error}");
        assert!(!error.may_have_been_sent());
    }
    let error = refunds.post(json!("{\"a\":1}")).wait().unwrap_err();
    assert!(error.to_string().contains("encode it twice"), "{error}");
    assert_eq!(sandbox.connections(), 0);
    drop(refunds.post(json!({"body": "x"})).into_http().unwrap());
}

#[test]
fn a_float_that_is_not_whole_is_never_rounded() {
    let body = json!({"amount": {"total": 1.1 * 100.0}});
    let request = offline().chain("v3/x").post(body).into_http().unwrap();
    assert_eq!(
        request.body(),
        &Bytes::from("{\"amount\":{\"total\":110.00000000000001}}")
    );
}

#[test]
fn a_template_variable_that_lost_an_underscore_is_explained() {
    let orders = offline().chain("v3/pay/transactions/out-trade-no");
    let request = orders
        .chain("_out_trade_no")
        .get()
        .var("out_trade_no", "X1");
    let text = refused(request.query(json!({"mchid": "1900000109"})));
    assert!(text.contains("no variable out_trade_no"), "{text}");
    assert!(text.contains("closing underscore is missing"), "{text}");
}

#[test]
fn an_image_whose_name_is_encoded_already_keeps_its_letters() {
    let client = offline();
    let expected = "/v3/merchant-service/images/QmFzZTY0%2BeA%3D%3D";
    let images = client.chain("v3/merchant-service/images/{+id}");
    assert_eq!(
        target(images.get().var("id", "QmFzZTY0%2BeA%3D%3D")),
        expected
    );
    let images = client.chain("v3/merchant-service/images/{id}");
    assert_eq!(target(images.get().var("id", "QmFzZTY0+eA==")), expected);
    let address = format!("https://api.mch.weixin.qq.com{expected}?token=AbC%2F");
    assert_eq!(
        target(client.url(&address)),
        format!("{expected}?token=AbC%2F")
    );
    assert_eq!(
        target(client.url(format!(" {address}\n"))),
        format!("{expected}?token=AbC%2F")
    );
}

#[test]
fn an_address_whose_host_may_not_see_authorization_is_refused_before_a_connection() {
    let client = offline();
    let text = refused(client.url("https://evil.example/file?token=x"));
    assert!(
        text.contains("evil.example") && !text.contains("token"),
        "{text}"
    );
    let text = refused(client.chain("https://api.mch.weixin.qq.com/v3/x").get());
    assert!(text.contains("client.url(address)"), "{text}");
}

#[test]
fn the_options_of_php_work_as_they_stand() {
    let client = offline();
    let order = client.chain("v3/pay/transactions/out-trade-no/{no}");
    let options = json!({"no": "A b/c", "query": "mchid=1900000109&x=a b"});
    assert_eq!(
        target(order.request("get", options)),
        "/v3/pay/transactions/out-trade-no/A%20b%2Fc?mchid=1900000109&x=a%20b"
    );
    let request = client.chain("v3/x").request(
        "PATCH",
        json!({
            "json": {"a": 1}, "headers": {"X-A": ["1", "2"], "Accept": "text/plain", "X-N": 5},
            "timeout": 2.5, "connect_timeout": 0, "debug": false, "http_errors": true,
            "allow_redirects": false, "verify": true, "base_uri": "https://127.0.0.1:1/p",
        }),
    );
    let request = request.into_http().unwrap();
    assert_eq!(request.method(), "PATCH");
    assert_eq!(request.uri(), "https://127.0.0.1:1/p/v3/x");
    assert_eq!(request.headers()["accept"], "text/plain");
    assert_eq!(request.headers().get_all("x-a").iter().count(), 2);
    assert_eq!(request.headers()["x-n"], "5");
    let text = client
        .chain("v3/x")
        .request("POST", json!({"body": "{\"a\": 1}"}));
    assert_eq!(text.into_http().unwrap().body(), "{\"a\": 1}");
    assert_eq!(
        target(client.chain("v3/x").request("GET", Value::Null)),
        "/v3/x"
    );
}

#[test]
fn each_option_that_has_another_form_here_is_named_and_none_is_a_variable() {
    let chain = offline().chain("v3/{sink}/x");
    for (name, value) in [
        ("allow_redirects", json!(true)),
        ("auth", json!(["u", "p"])),
        ("cert", json!("/x.pem")),
        ("cookies", json!(true)),
        ("crypto_method", json!(1)),
        ("curl", json!({})),
        ("decode_content", json!(false)),
        ("delay", json!(1)),
        ("expect", json!(true)),
        ("force_ip_resolve", json!("v4")),
        ("form_params", json!({})),
        ("handler", json!(null)),
        ("http_errors", json!(false)),
        ("idn_conversion", json!(true)),
        ("multipart", json!([])),
        ("on_headers", json!(null)),
        ("on_stats", json!(null)),
        ("progress", json!(null)),
        ("proxy", json!("http://p")),
        ("read_timeout", json!(1)),
        ("sink", json!("/tmp/x")),
        ("ssl_key", json!("/x.pem")),
        ("stream", json!(true)),
        ("stream_context", json!({})),
        ("synchronous", json!(false)),
        ("verify", json!(false)),
        ("version", json!(2.0)),
        ("json", json!("{}")),
        ("body", json!({})),
        ("timeout", json!("5")),
        ("timeout", json!(-1)),
        ("headers", json!([])),
        ("headers", json!({"X-A": {}})),
        ("base_uri", json!(1)),
        ("debug", json!("yes")),
    ] {
        let request = chain.request("POST", json!({ name: value }));
        let Err(error) = request.into_http() else {
            panic!("{name} was ignored");
        };
        assert!(matches!(error, Error::Request(_)), "{name}: {error}");
        assert!(error.to_string().contains(name), "{name}: {error}");
    }
}

#[test]
fn a_key_that_is_neither_an_option_nor_a_variable_lists_both() {
    let order = offline().chain("v3/pay/{first}/x/{second}");
    let text = refused(order.request("GET", json!({"third": "a", "second": "b"})));
    for part in ["third", "json, query, headers", "first, second"] {
        assert!(text.contains(part), "{text}");
    }
    let text = refused(offline().chain("v3/x").request("TRACE", json!({})));
    assert!(
        text.contains("\"TRACE\"") && text.contains("PATCH"),
        "{text}"
    );
    assert!(refused(offline().chain("v3/x").request("GET", json!([1]))).contains("a list"));
}

#[test]
fn a_variable_that_is_missing_or_unknown_is_an_error() {
    let order = offline().chain("v3/pay/transactions/id/{transaction_id}");
    let text = refused(order.get());
    assert!(text.contains("transaction_id is missing"), "{text}");
    assert!(
        text.starts_with("v3/pay/transactions/id/{transaction_id}:"),
        "{text}"
    );
    let text = refused(order.get().var("transaction_id", "1").var("other", "2"));
    assert!(
        text.contains("no variable other; it has transaction_id"),
        "{text}"
    );
    assert!(refused(order.get().var("transaction_id", "")).contains("empty"));
    assert!(refused(order.get().var("transaction_id", "..")).contains("climb"));
    let twice = order
        .get()
        .var("transaction_id", "1")
        .var("transaction_id", "2");
    assert_eq!(target(twice), "/v3/pay/transactions/id/2");
    let openid = offline().chain("v3/users/{openId}");
    assert_eq!(target(openid.get().var("openId", "oX")), "/v3/users/oX");
}

#[test]
fn headers_of_the_caller_replace_the_defaults_but_never_the_signature() {
    let client = recorded("1900000109")
        .header("X-Trace", "on")
        .build()
        .unwrap();
    let request = client
        .chain("v3/x")
        .get()
        .header("ACCEPT", "*/*")
        .header("x-trace", "off")
        .header("Authorization", "Bearer x")
        .header("Wechatpay-Serial", "AB");
    let request = request.into_http().unwrap();
    let headers = request.headers();
    assert_eq!(headers["accept"], "*/*");
    assert_eq!(headers["x-trace"], "off");
    assert_eq!(headers["wechatpay-serial"], "AB");
    assert_eq!(headers.get_all("accept").iter().count(), 1);
    let authorization = headers["authorization"].to_str().unwrap();
    assert!(authorization.starts_with("WECHATPAY2-SHA256-RSA2048 mchid="));
    let text = refused(client.chain("v3/x").get().header("X-A", "a\r\nX-B: b"));
    assert!(text.contains("line break"), "{text}");
    assert!(refused(client.chain("v3/x").get().header("bad name", "a")).contains("bad name"));
    assert!(refused(client.chain("v3/x").get().header("Host", "a")).contains("host"));
}

#[test]
fn the_base_addresss_path_is_part_of_what_is_signed() {
    let client = recorded("1900000109")
        .base_uri("https://127.0.0.1/hk")
        .build()
        .unwrap();
    assert_eq!(target(client.chain("/v3/x").get()), "/hk/v3/x");
    let own = client
        .chain("v3/x")
        .get()
        .base_uri("https://127.0.0.1:9/a/b");
    assert_eq!(
        own.into_http().unwrap().uri(),
        "https://127.0.0.1:9/a/b/v3/x"
    );
    for base in ["http://api.mch.weixin.qq.com/", "https://h/?q", "h"] {
        let error = client.chain("v3/x").get().base_uri(base).into_http();
        assert!(matches!(error, Err(Error::Config(_))), "{base}");
    }
}

#[test]
fn values_by_method_by_segment_and_by_template_give_the_same_target() {
    let client = offline();
    let expected = "/v3/marketing/busifavor/users/oUpF%2F8%20%E4%B8%AD/coupons/A%25B/appids/wx1";
    let users = client.v3().marketing().busifavor().users();
    let by_value = users
        .openid("oUpF/8 中")
        .coupons()
        .coupon_code("A%B")
        .appids()
        .appid("wx1");
    assert_eq!(target(by_value.get()), expected);
    let template = users
        ._openid_()
        .coupons()
        ._coupon_code_()
        .appids()
        ._appid_();
    let request = template
        .get()
        .var("openid", "oUpF/8 中")
        .var("coupon_code", "A%B");
    assert_eq!(target(request.var("appid", "wx1")), expected);
    let chain: Chain = users.clone().into();
    let segments = chain
        .segment("oUpF/8 中")
        .chain("coupons")
        .segment("A%B")
        .chain("appids/wx1");
    assert_eq!(target(segments.get()), expected);
    for (value, wanted) in [("", "empty"), (".", "climbs"), ("..", "climbs")] {
        assert!(refused(users.openid(value).coupons().get()).contains(wanted));
        assert!(refused(chain.segment(value).get()).contains(wanted));
    }
}

#[test]
fn a_trailing_slash_is_asked_for_in_three_ways() {
    let client = offline();
    let expected = "/v3/ecommerce/applyments/";
    let place = client.v3().ecommerce().applyments();
    assert_eq!(target(place._empty_().post(()).var("empty", "")), expected);
    assert_eq!(target(place.chain("").post(())), expected);
    assert_eq!(
        target(client.chain("v3/ecommerce/applyments/").post(())),
        expected
    );
}

#[test]
fn one_chain_is_used_from_many_threads_and_a_prefix_is_kept() {
    let client = offline();
    let orders = client.v3().pay().transactions().out_trade_no();
    thread::scope(|scope| {
        for number in 0..32 {
            let orders = &orders;
            scope.spawn(move || {
                let number = format!("No{number}");
                let path = format!("/v3/pay/transactions/out-trade-no/{number}/close");
                assert_eq!(target(orders.out_trade_no(&number).close().post(())), path);
            });
        }
    });
    assert_eq!(orders.path(), "v3/pay/transactions/out-trade-no");
}

#[test]
fn the_answer_that_another_client_brought_back_is_judged_alike() {
    let client = offline();
    let request = client.chain("v3/certificates").get();
    let (request, answer) = request.into_parts().unwrap();
    assert_eq!(
        request.uri(),
        "https://api.mch.weixin.qq.com/v3/certificates"
    );
    let key = rsa::PrivateKey::from_pem(PLATFORM_KEY).unwrap();
    let timestamp = formatter::timestamp();
    let body = "{\"data\":[]}";
    let signed = |serial: &str| {
        http::Response::builder()
            .header("wechatpay-timestamp", &timestamp)
            .header("Wechatpay-Nonce", "nonce1")
            .header("WECHATPAY-SERIAL", serial)
            .header(
                "Wechatpay-Signature",
                key.sign(formatter::response(&timestamp, "nonce1", body)),
            )
            .body(Bytes::from(body))
            .unwrap()
    };
    // Serials compare without regard to case and leading zeros.
    let serial = format!("00{}", PLATFORM_SERIAL.trim().to_lowercase());
    let response = answer.accept(signed(&serial)).unwrap();
    assert!(response.verified());
    assert_eq!(response.data().unwrap(), json!({"data": []}));
    let (_, answer) = client.chain("v3/certificates").get().into_parts().unwrap();
    assert!(matches!(answer.accept(signed("AB")), Err(Error::Verify(_))));
    assert!(rsa::PublicKey::from_pem(PLATFORM_CERTIFICATE).is_ok());
    assert!(rsa::PublicKey::from_pem(MERCHANT_PUBLIC).is_ok());
}

#[test]
fn closing_an_order_answers_204_and_is_verified() {
    let sandbox = Sandbox::start_blocking().unwrap();
    sandbox.misbehave(Misbehaviour::no_content());
    let client = sandbox.client();
    let close = client
        .v3()
        .pay()
        .transactions()
        .out_trade_no()
        ._out_trade_no_()
        .close();
    let request = close
        .post(json!({"mchid": "1900000109"}))
        .var("out_trade_no", "T1");
    let response = request.wait().unwrap();
    assert_eq!(response.status(), 204);
    assert!(response.verified());
    assert_eq!(
        (response.data().unwrap(), response.text()),
        (Value::Null, String::new())
    );
}

#[test]
fn requests_run_at_the_same_time_keep_their_order_and_fail_alone() {
    let sandbox = Sandbox::start_blocking().unwrap();
    let client = sandbox.client();
    let send = &client["v3/marketing/busifavor/product-coupons/send"];
    let requests = (0..8).map(|number: u32| {
        let body = json!({
            "openid": "x", "appid": "wx1", "stock_id": "1", "coupon_type": "NORMAL",
            "out_request_no": number.to_string(),
        });
        let body = if number == 3 { json!({}) } else { body };
        send.post(body).into_future()
    });
    let answers = block_on(futures::future::join_all(requests));
    for (number, answer) in answers.into_iter().enumerate() {
        match answer {
            Ok(response) => {
                assert_eq!(
                    response.data().unwrap()["out_request_no"],
                    number.to_string()
                );
            }
            Err(error) => assert_eq!((number, error.api().unwrap().code()), (3, "PARAM_ERROR")),
        }
    }
}

#[test]
fn odd_text_never_panics_and_never_leaves_the_base_address() {
    let client = recorded("1900000109")
        .base_uri("https://127.0.0.1/p/")
        .build()
        .unwrap();
    let long = "长".repeat(100_000);
    for text in [
        "",
        "/",
        "//",
        "///a",
        "?",
        "?#",
        "#",
        "{",
        "}",
        "{}",
        "{a",
        "%",
        "%2",
        "%zz",
        "a b",
        "\0",
        "\r\n",
        "\u{feff}",
        "微信",
        "../..",
        "./",
        "a/../b",
        "%2e%2e/x",
        "_",
        "__",
        "{?a}",
        "{/a}",
        "a\\b",
        "v3://x",
        "x://",
        "\u{202e}",
        long.as_str(),
    ] {
        for request in [
            client.chain(text).get(),
            client.chain("v3").chain(text).get(),
            client.chain("v3").segment(text).get(),
            client.chain("v3/{a}").get().var("a", text),
            client.chain("v3/{+a}").get().var("a", text),
            client.chain("v3/x").get().query(json!({ text: text })),
            client.chain("v3/x").get().query(text),
            client.chain("v3/x").get().header("x", text),
            client.url(text),
        ] {
            if let Ok(request) = request.into_http() {
                let uri = request.uri().to_string();
                assert!(uri.starts_with("https://127.0.0.1/p/"), "{text:?}: {uri}");
                assert!(uri.bytes().all(|byte| byte.is_ascii_graphic()));
            }
        }
    }
}
