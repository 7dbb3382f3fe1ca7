//! Mistakes surface when a request is sent, before a byte leaves; and what an odd input becomes otherwise.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;
use serde_json::{Map, Value, json};
use wechatpay_chain::{Client, Error, Request};
use wechatpay_sandbox::Sandbox;

use crate::support::{assert_says, body, header, offline as client, recorded, target};

const PUBLIC_KEY_ID: &str = "PUB_KEY_ID_0119000001092024101100397200000006";

#[test]
fn a_query_is_encoded_by_rfc_3986_in_the_order_of_its_value() {
    #[derive(Serialize)]
    struct Filter {
        begin_date: &'static str,
        offset: u32,
        limit: Option<u32>,
        #[serde(rename = "type")]
        kind: Vec<&'static str>,
    }
    let client = client();
    let place = || client.chain("v3/x").get();
    let filter = Filter {
        begin_date: "2024-01-01",
        offset: 0,
        limit: None,
        kind: vec!["A", "B"],
    };
    let by_name = BTreeMap::from([("z", "1"), ("a", "2")]);
    for (request, expected) in [
        (
            place().query(json!({"begin_date": "2024-01-01", "x": "a b+c/d=&", "y": "中文~-_."})),
            "?begin_date=2024-01-01&x=a%20b%2Bc%2Fd%3D%26&y=%E4%B8%AD%E6%96%87~-_.",
        ),
        (
            place().query([("create_start_time", "2024-05-20T13:29:35+08:00")]),
            "?create_start_time=2024-05-20T13%3A29%3A35%2B08%3A00",
        ),
        (
            place().query([("t", "13%3A29%2B08")]),
            "?t=13%253A29%252B08",
        ),
        (
            place().query(&filter),
            "?begin_date=2024-01-01&offset=0&type=A&type=B",
        ),
        (place().query(&by_name), "?a=2&z=1"),
        (
            place().query(vec![("z".to_owned(), 1), ("a".to_owned(), 2)]),
            "?z=1&a=2",
        ),
        (
            place().query(json!({"a": true, "b": false})),
            "?a=true&b=false",
        ),
        (
            place().query(json!({"a": null, "b": [], "c": [null, "1"]})),
            "?c=1",
        ),
        (
            place().query(json!({"a": 100.0, "b": 0.5, "c": -1, "d": 1e3})),
            "?a=100&b=0.5&c=-1&d=1000",
        ),
        (
            place().query(json!({"a": {"b": [1, 2.0]}})),
            "?a=%7B%22b%22%3A%5B1%2C2%5D%7D",
        ),
        (place().query(json!({"a": ""})), "?a="),
        (
            place().query(json!({"a b": "1", "微": "2"})),
            "?a%20b=1&%E5%BE%AE=2",
        ),
        (
            place().query(json!({"a": "😀\u{0}\n"})),
            "?a=%F0%9F%98%80%00%0A",
        ),
        (place().query(json!({"a": "{x}"})), "?a=%7Bx%7D"),
        (
            place().query("mchid=1900000109&x=a b"),
            "?mchid=1900000109&x=a%20b",
        ),
        (
            place().query("?a=%2B+b#c'\"中"),
            "?a=%2B+b%23c'%22%E4%B8%AD",
        ),
        (place().query("??a=1"), "??a=1"),
        (place().query("a=1%"), "?a=1%25"),
        (place().query(""), ""),
        (place().query(()), ""),
        (place().query(None::<Filter>), ""),
        (place().query([("a", "1")]).query([("b", "2")]), "?a=1&b=2"),
        (place().query([("a", "1"), ("a", "2")]), "?a=1&a=2"),
    ] {
        assert_eq!(target(request), format!("/v3/x{expected}"));
    }
    let request = client
        .v3()
        .pay()
        .chain("x")
        .request("GET", json!({"query": {"a": "b c"}}));
    assert_eq!(target(request), "/v3/pay/x?a=b%20c");
}

#[test]
fn a_query_that_is_none_or_repeats_a_name_is_refused() {
    let client = client();
    let place = || client.chain("v3/x").get();
    for request in [
        place().query(1),
        place().query(true),
        place().query(["a"]),
        place().query(json!([["a", "b", "c"]])),
        place().query(json!({"a": [["b"]]})),
        place().query([("a", "1")]).query([("a", "2")]),
        client
            .chain("v3/x{?a}")
            .get()
            .var("a", "1")
            .query([("a", "2")]),
        place().query(HashMap::from([(vec![1], 2)])),
    ] {
        let error = request.into_http().unwrap_err();
        assert!(matches!(error, Error::Request(_)), "{error}");
        assert_says(&error, &["GET", "query"]);
    }
}

#[test]
fn each_kind_of_body_has_its_content_type_and_is_sent_as_it_is() {
    let client = client();
    let chain = client.chain("v3/x");
    let value = json!({"b": "中/文 & <b>", "a": [1, 2.0]});
    let text = "{ \"b\":\n \"中/文\" }";
    for (request, bytes, content_type) in [
        (
            chain.post(value.clone()),
            r#"{"b":"中/文 & <b>","a":[1,2]}"#,
            "application/json",
        ),
        (
            chain.post(&value),
            r#"{"b":"中/文 & <b>","a":[1,2]}"#,
            "application/json",
        ),
        (chain.post(json!({})), "{}", "application/json"),
        (chain.post(()), "", "application/json; charset=utf-8"),
        (
            chain.post(Value::Null),
            "",
            "application/json; charset=utf-8",
        ),
        (chain.get(), "", "application/json; charset=utf-8"),
        (chain.post(text), text, "application/json; charset=utf-8"),
        (
            chain.post(text.to_owned()),
            text,
            "application/json; charset=utf-8",
        ),
        (
            chain.post(text.as_bytes().to_vec()),
            text,
            "application/json; charset=utf-8",
        ),
        (
            chain.post(Bytes::from_static(text.as_bytes())),
            text,
            "application/json; charset=utf-8",
        ),
        (
            chain.delete().body(json!({"a": 1})),
            r#"{"a":1}"#,
            "application/json",
        ),
        (
            chain.get().body("x").body(()),
            "",
            "application/json; charset=utf-8",
        ),
    ] {
        let sent = request.into_http().unwrap();
        assert_eq!(sent.body(), bytes);
        assert_eq!(header(&sent, "content-type"), content_type);
    }
    let bytes = vec![0xff, 0, 0xfe];
    let sent = chain.post(bytes.clone()).into_http().unwrap();
    assert_eq!(sent.body().as_ref(), bytes);
}

#[test]
fn a_whole_float_goes_out_as_an_integer_and_no_other_is_rounded() {
    let chain = client().chain("v3/x");
    for (value, expected) in [
        (
            json!({"amount": {"total": 29.0 * 100.0, "currency": "CNY"}}),
            r#"{"amount":{"total":2900,"currency":"CNY"}}"#,
        ),
        (
            json!({"total": 1.1 * 100.0}),
            r#"{"total":110.00000000000001}"#,
        ),
        (
            json!([0.0, -5.0, 1e15, 9_007_199_254_740_992.0]),
            "[0,-5,1000000000000000,9007199254740992]",
        ),
        (
            json!([u64::MAX, i64::MIN, 0.1]),
            "[18446744073709551615,-9223372036854775808,0.1]",
        ),
        (json!({"text": "2900.0"}), r#"{"text":"2900.0"}"#),
    ] {
        assert_eq!(body(chain.post(value)), expected);
    }
    assert!(!body(chain.post(json!([-0.0]))).contains('.'));
}

#[test]
fn a_header_that_cant_be_sent_is_refused() {
    let client = client();
    for (name, value) in [
        ("", "a"),
        ("X A", "a"),
        ("X-中", "a"),
        ("X:A", "a"),
        ("X-A\r\nX-B", "a"),
        ("X-A", "a\r\nX-B: b"),
        ("X-A", "a\nb"),
        ("X-A", "a\0b"),
        ("X-A", "a\u{7f}b"),
        ("Host", "evil.example"),
        ("Content-Length", "1"),
        ("Transfer-Encoding", "chunked"),
        ("connection", "close"),
    ] {
        let error = client
            .chain("v3/x")
            .get()
            .header(name, value)
            .into_http()
            .unwrap_err();
        assert!(matches!(error, Error::Request(_)), "{name:?}: {error}");
        assert_says(&error, &["header"]);
        assert!(
            recorded("1900000109").header(name, value).build().is_err(),
            "{name:?}"
        );
    }
}

#[test]
fn a_public_key_id_goes_out_on_every_request_and_a_certificates_serial_on_none() {
    let certificates_only = client();
    let sent = certificates_only.chain("v3/x").get().into_http().unwrap();
    assert_eq!(header(&sent, "wechatpay-serial"), "");
    let both = recorded("1900000109")
        .cert(PUBLIC_KEY_ID, include_str!("../vectors/keys/platform.pub"))
        .build()
        .unwrap();
    let url = both.url("https://api.mch.weixin.qq.com/v3/billdownload/file?token=x");
    let chain = both.chain("v3/x");
    for request in [
        chain.get(),
        chain.post(json!({})),
        chain.put(()),
        chain.delete(),
        url,
        chain.request("PATCH", json!({})),
    ] {
        let sent = request.into_http().unwrap();
        assert_eq!(header(&sent, "wechatpay-serial"), PUBLIC_KEY_ID);
    }
    let sent = chain
        .get()
        .header("wechatpay-serial", "AB")
        .into_http()
        .unwrap();
    assert_eq!(header(&sent, "wechatpay-serial"), "AB");
}

#[test]
fn a_requests_own_base_uri_passes_the_builders_checks() {
    let client = client();
    for base in [
        "http://api.mch.weixin.qq.com/",
        "http://h/",
        "h",
        "",
        "https://u:SeCrEt@h/",
        "https://h/?a=SeCrEt",
        "https://h/#f",
    ] {
        for request in [
            client.chain("v3/x").get().base_uri(base),
            client
                .chain("v3/x")
                .request("GET", json!({"base_uri": base})),
        ] {
            let error = request.into_http().unwrap_err();
            assert!(matches!(error, Error::Config(_)), "{base}: {error}");
            assert_says(&error, &["base_uri"]);
            assert!(!error.to_string().contains("SeCrEt"), "{error}");
        }
    }
    client
        .chain("v3/x")
        .get()
        .base_uri("http://127.0.0.1:1/")
        .into_http()
        .unwrap();
}

#[test]
fn a_path_under_v2_is_apiv2s_in_any_case_and_wherever_it_came_from() {
    let both = recorded("1900000109")
        .secret("exposed_your_key_here_have_risks")
        .build()
        .unwrap();
    let v3_only = client();
    for path in [
        "v2/pay/orderquery",
        "V2/pay/orderquery",
        "/v2/pay/orderquery",
        "{+x}",
        "{x}/y",
    ] {
        for value in ["v2/a", "V2/a"] {
            let value = if path == "{x}/y" { &value[..2] } else { value };
            let fill = |client: &Client| {
                let request = client.chain(path).post(json!({ "mch_id": "1900000109" }));
                if path.contains("x}") {
                    request.var("x", value)
                } else {
                    request
                }
            };
            let request = fill(&both).into_http().unwrap();
            assert!(!request.uri().path().starts_with("/v2"), "{path}");
            assert!(request.body().starts_with(b"<xml><mch_id>"), "{path}");
            let error = fill(&v3_only).into_http().unwrap_err();
            assert!(matches!(error, Error::Config(_)), "{path}: {error}");
            assert_says(&error, &["secret", "APIv2"]);
        }
    }
    assert_eq!(target(v3_only.chain("v2x/y").get()), "/v2x/y");
    assert_eq!(target(v3_only.chain("x/v2/y").get()), "/x/v2/y");
}

#[test]
fn a_setters_mistake_surfaces_when_it_is_sent_and_before_a_byte_leaves() {
    let sandbox = Sandbox::start_blocking().unwrap();
    let client = sandbox.client();
    let mistakes: [fn(Request) -> Request; 8] = [
        |request| request.query(1),
        |request| request.var("x", "1"),
        |request| request.header("X-A", "\n\n\nb\nc"),
        |request| request.base_uri("ftp://h/"),
        |request| request.body(json!({"json": {}})),
        |request| request.query([("a", "1")]).query([("a", "1")]),
        |request| request.var("x", HashMap::from([(vec![1], 2)])),
        |request| request.base_uri("https://api.mch.weixin.qq.com/"),
    ];
    for mistake in mistakes {
        let request = || mistake(client.chain("v3/x").post(json!({"a": 1})));
        for error in [
            request().wait().unwrap_err(),
            futures::executor::block_on(request().into_future()).unwrap_err(),
            request().into_http().unwrap_err(),
            request().into_parts().map(|_| ()).unwrap_err(),
        ] {
            assert!(!error.may_have_been_sent(), "{error}");
            assert!(!error.is_retryable(), "{error}");
        }
    }
    assert_eq!(sandbox.connections(), 0);
    assert!(sandbox.received().is_empty());
}

#[test]
fn the_first_mistake_counts() {
    let request = client()
        .chain("v3/x")
        .get()
        .query(1)
        .header("", "")
        .var("y", 1);
    assert_says(&request.into_http().unwrap_err(), &["query"]);
}

#[test]
fn huge_inputs_are_sent_or_refused_and_never_panic() {
    let sandbox = Sandbox::start_blocking().unwrap();
    let client = sandbox.client();
    let long = "x".repeat(70_000);
    for request in [
        client.chain("v3/x").get().query([("a", &long)]),
        client.chain(format!("v3/{long}")).get(),
        client.chain("v3").segment(&long).get(),
        client.chain("v3/{a}").get().var("a", &long),
        client.chain("a/".repeat(70_000)).get(),
        client.chain("a/".repeat(70_000)).get().query(1),
    ] {
        let error = request.wait().unwrap_err();
        assert!(matches!(error, Error::Request(_)), "{error}");
        assert!(error.to_string().len() < 1_000, "{error}");
    }
    let many = (0..5_000).map(|number| (format!("n{number}"), number));
    let request = client.chain("v3/x").get().query(many.collect::<Vec<_>>());
    assert!(target(request).ends_with("n4999=4999"));
    let unlimited = client.chain("v3/x").get().timeout(Duration::MAX);
    assert_eq!(unlimited.wait().unwrap_err().api().unwrap().status(), 404);
}

#[test]
fn more_headers_than_a_request_can_have_are_an_error() {
    let client = client();
    let many: Map<String, Value> = (0..40_000)
        .map(|number| (format!("x-{number}"), json!("a")))
        .collect();
    let error = client
        .chain("v3/x")
        .request("GET", json!({"headers": many}))
        .into_http()
        .unwrap_err();
    assert_says(&error, &["headers", "too many"]);
    let one_by_one = (0..40_000).fold(client.chain("v3/x").get(), |request, number| {
        request.header(format!("x-{number}"), "a")
    });
    assert_says(
        &one_by_one.into_http().unwrap_err(),
        &["headers", "too many"],
    );
    let many = (0..40_000).fold(recorded("1900000109"), |builder, number| {
        builder.header(format!("x-{number}"), "a")
    });
    assert_says(&many.build().unwrap_err(), &["headers", "too many"]);
    let crowded = (0..900).fold(client.chain("v3/x").get(), |request, number| {
        request.header(format!("x-{number}"), "a")
    });
    assert_eq!(crowded.into_http().unwrap().headers().len(), 900 + 4);
}

#[test]
fn an_error_stays_on_one_line_and_shows_no_value_whatever_was_given() {
    let client = client();
    let odd = "a\r\nINFO paid\0\u{1b}[31m";
    let place = || client.chain("v3/x").get();
    for error in [
        place().var(odd, "1").into_http().unwrap_err(),
        place()
            .query([(odd, "1")])
            .query([(odd, "2")])
            .into_http()
            .unwrap_err(),
        place().query([(odd, [[1]])]).into_http().unwrap_err(),
        place().header(odd, "1").into_http().unwrap_err(),
        place().base_uri(odd).into_http().unwrap_err(),
        client.url(odd).into_http().unwrap_err(),
        client
            .url(format!("https://{odd}/"))
            .into_http()
            .unwrap_err(),
        client
            .chain(odd)
            .chain("{x}")
            .get()
            .into_http()
            .unwrap_err(),
        client
            .chain(format!("v3/{{{odd}}}"))
            .get()
            .into_http()
            .unwrap_err(),
        client
            .chain(format!("v3/{odd}"))
            .get()
            .query(1)
            .into_http()
            .unwrap_err(),
        client
            .chain("v3/x")
            .request(odd, json!({}))
            .into_http()
            .unwrap_err(),
        client
            .chain("v3/x")
            .request("GET", json!({odd: 1}))
            .into_http()
            .unwrap_err(),
        recorded("1900000109")
            .private_key(format!("file:///{odd}.pem"))
            .build()
            .unwrap_err(),
        recorded("1900000109")
            .private_key(format!("/{}.pem", odd.replace(['\r', '\n'], "")))
            .build()
            .unwrap_err(),
        recorded("1900000109").cert(odd, "x").build().unwrap_err(),
        recorded("1900000109").serial(odd).build().unwrap_err(),
        recorded("1900000109")
            .root_certificate(format!("file:///{odd}.pem"))
            .build()
            .unwrap_err(),
        Client::factory(json!({odd: 1})).unwrap_err(),
    ] {
        for text in [error.to_string(), format!("{error:?}")] {
            assert!(!text.contains(char::is_control), "{text:?}");
        }
    }
    for value in ["4200SeCrEt12", "张三", "a b", "oUpF8uMuAJO%2FM", "a+b@c.cn"] {
        let error = client
            .chain("v3/users")
            .chain(value)
            .get()
            .query(1)
            .into_http()
            .unwrap_err();
        assert_says(&error, &["GET v3/users/{…}: "]);
        assert!(!error.to_string().contains(value), "{error}");
    }
}

#[test]
fn what_crosses_threads_may_cross_them() {
    fn crosses<T: Send + Sync + 'static>() {}
    fn moves<T: Send + 'static>() {}
    crosses::<Client>();
    crosses::<wechatpay_chain::Chain>();
    crosses::<Error>();
    moves::<Request>();
    moves::<wechatpay_chain::ResponseFuture>();
    moves::<wechatpay_chain::Response>();
    moves::<wechatpay_chain::Answer>();
}
