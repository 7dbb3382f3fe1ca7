//! Requests: templates and variables, options, queries, bodies, headers; a mistake surfaces before a byte leaves.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;
use serde_json::{Map, Value, json};
use wechatpay_chain::{Chain, Client, Error, Request};
use wechatpay_sandbox::Sandbox;

use crate::support::{
    PLATFORM_PUBLIC, PUBLIC_KEY_ID, assert_says, body, builder, client, header, rows, target,
};

/// The variables of a recorded row that its template names; the others would be an error here.
fn named<'a>(template: &'a str, variables: &'a Map<String, Value>) -> Vec<(&'a str, &'a Value)> {
    let mut names: Vec<&str> = template
        .split('{')
        .skip(1)
        .filter_map(|part| part.split('}').next())
        .flat_map(|expression| {
            expression
                .trim_start_matches(['+', '#', '.', '/', ';', '?', '&'])
                .split(',')
        })
        .map(|name| name.split([':', '*']).next().unwrap())
        .collect();
    names.sort_unstable();
    names.dedup();
    names
        .into_iter()
        .map(|name| (name, &variables[name]))
        .collect()
}

#[test]
fn templates_expand_as_recorded() {
    let client = client();
    let mut refused = 0;
    for row in rows(include_str!("../vectors/uri-template.json")) {
        let template = row["template"].as_str().unwrap();
        let mut request = client.chain(template).get();
        for (name, value) in named(template, row["vars"].as_object().unwrap()) {
            request = request.var(name, value);
        }
        let expanded = row["expanded"].as_str().unwrap();
        let path = expanded.split('?').next().unwrap();
        let leaves_a_segment_empty = path.contains("//") || path.ends_with('/');
        if leaves_a_segment_empty && !template.contains("{empty}") {
            let error = request.into_http().unwrap_err();
            assert!(matches!(error, Error::Template(_)), "{template}: {error}");
            refused += 1;
        } else {
            let expected = format!("/{}", expanded.trim_start_matches('/'));
            assert_eq!(target(request), expected, "{template}");
        }
    }
    assert_eq!(refused, 8);
}

/// Fills a template through the API.
fn fill(chain: &Chain, variables: &Value) -> Result<String, Error> {
    let mut request = chain.get();
    for (name, value) in variables.as_object().unwrap() {
        request = request.var(name, value);
    }
    let request = request.into_http()?;
    Ok(request.uri().path_and_query().unwrap().as_str().to_owned())
}

#[test]
fn all_four_levels_of_rfc_6570_work_with_values_of_every_kind() {
    let client = client();
    for (template, variables, expected) in [
        ("v3/{a}", json!({"a": "a b/c%"}), "/v3/a%20b%2Fc%25"),
        ("v3/{a}", json!({"a": 7}), "/v3/7"),
        ("v3/{a}", json!({"a": 7.0}), "/v3/7"),
        ("v3/{a}", json!({"a": true}), "/v3/true"),
        ("v3/{a}", json!({"a": ["x", 1, "y z"]}), "/v3/x,1,y%20z"),
        ("v3/{a,b}", json!({"a": 1, "b": "2"}), "/v3/1,2"),
        ("v3{/a*}", json!({"a": ["x", "y"]}), "/v3/x/y"),
        ("v3/x{.a}", json!({"a": "json"}), "/v3/x.json"),
        ("v3/x{;a,b}", json!({"a": "1", "b": ""}), "/v3/x;a=1;b"),
        (
            "v3/x{?a*}",
            json!({"a": {"k": "v", "l": 2}}),
            "/v3/x?k=v&l=2",
        ),
        ("v3/x{?a*}", json!({"a": ["1", "2"]}), "/v3/x?a=1&a=2"),
        (
            "v3/x{?a}{&b}",
            json!({"a": "中", "b": "+"}),
            "/v3/x?a=%E4%B8%AD&b=%2B",
        ),
        (
            "v3/{a:3}",
            json!({"a": "微信支付"}),
            "/v3/%E5%BE%AE%E4%BF%A1%E6%94%AF",
        ),
        ("v3/{a:30}", json!({"a": "😀"}), "/v3/%F0%9F%98%80"),
        ("v3/{+a}", json!({"a": "p/q%2Fr s"}), "/v3/p/q%2Fr%20s"),
        ("{+a}", json!({"a": "/v3/x"}), "/v3/x"),
        (
            "{+a}",
            json!({"a": "v3/x?Token=AbC%2B"}),
            "/v3/x?Token=AbC%2B",
        ),
        ("v3/{a}/{a}", json!({"a": "x"}), "/v3/x/x"),
        ("v3/{open-id}", json!({"open-id": "A"}), "/v3/A"),
        ("v3/{openId}", json!({"openId": "A"}), "/v3/A"),
        ("v3/{openId}", json!({"open-id": "A"}), "/v3/A"),
        (
            "v3/x{?open-id}",
            json!({"open-id": "%2D-"}),
            "/v3/x?open-id=%252D-",
        ),
        ("v3/{timeout}", json!({"timeout": "X"}), "/v3/X"),
        ("v3/{a}", json!({"a": "{b}"}), "/v3/%7Bb%7D"),
        ("v3/{a}", json!({"a": "\u{0}\n"}), "/v3/%00%0A"),
        ("v3/{a}", json!({"a": "..."}), "/v3/..."),
        ("v3/{empty}", json!({"empty": ""}), "/v3/"),
        ("v3/x?a={a}&b=1", json!({"a": "1 2"}), "/v3/x?a=1%202&b=1"),
    ] {
        let filled = fill(&client.chain(template), &variables);
        assert_eq!(filled.unwrap(), expected, "{template} {variables}");
    }
}

#[test]
fn a_template_that_cant_be_filled_is_an_error_before_a_byte_leaves() {
    let sandbox = Sandbox::start_blocking().unwrap();
    let client = sandbox.client();
    for (template, variables) in [
        ("v3/{a}", json!({})),
        ("v3/{a}", json!({"a": null})),
        ("v3/{a}", json!({"a": ""})),
        ("v3/{a}", json!({"a": []})),
        ("v3/{a}/x", json!({"a": ""})),
        ("v3/{a:0}/x", json!({"a": "b"})),
        ("v3/{a}", json!({"a": ".."})),
        ("v3/{a}{b}", json!({"a": ".", "b": "."})),
        ("v3/{+a}", json!({"a": "x/../y"})),
        ("v3/{+a}", json!({"a": "x/%2E./y"})),
        ("v3/{+a}", json!({"a": "x#y"})),
        ("{+a}", json!({"a": "//evil.example/x"})),
        ("{+a}", json!({"a": "https://evil.example/x"})),
        ("v3/x{#a}", json!({"a": "b"})),
        ("v3/x{?a}/y{?b}", json!({"a": "1", "b": "2"})),
        ("v3/{a}", json!({"a": "1", "b": "2"})),
        ("v3/x", json!({"a": "1"})),
        ("v3/{}", json!({})),
        ("v3/{a", json!({"a": "1"})),
        ("v3/a}", json!({})),
        ("v3/{{a}}", json!({"a": "1"})),
        ("v3/{a b}", json!({"a b": "1"})),
        ("v3/{中}", json!({"中": "1"})),
        ("v3/{!a}", json!({"a": "1"})),
        ("v3/{a:b}", json!({"a": "1"})),
        ("v3/{a:2}", json!({"a": ["x"]})),
    ] {
        let error = fill(&client.chain(template), &variables).unwrap_err();
        assert!(
            matches!(error, Error::Template(_)),
            "{template} {variables}: {error}"
        );
        assert!(!error.may_have_been_sent());
        let mut request = client.chain(template).get();
        for (name, value) in variables.as_object().unwrap() {
            request = request.var(name, value);
        }
        assert!(matches!(request.wait(), Err(Error::Template(_))));
    }
    assert_eq!(sandbox.connections(), 0);
}

#[test]
fn a_missing_and_an_unknown_variable_are_named_with_the_template() {
    let client = client();
    let chain = client.chain("v3/pay/transactions/out-trade-no/{out_trade_no}/close");
    let error = chain.get().into_http().unwrap_err();
    assert_says(
        &error,
        &[
            "out-trade-no/{out_trade_no}",
            "out_trade_no is missing",
            ".var(",
        ],
    );
    let error = chain
        .get()
        .var("trade_no", "X1SeCrEt")
        .into_http()
        .unwrap_err();
    assert_says(&error, &["no variable trade_no", "it has out_trade_no"]);
    assert!(!error.to_string().contains("SeCrEt"));
    let request = chain.request("POST", json!({"out_trade_no": "1", "jsn": {"a": 1}}));
    let error = request.into_http().unwrap_err();
    assert!(matches!(error, Error::Template(_)), "{error}");
    assert_says(&error, &["jsn", "json, query, headers", "out_trade_no"]);
    let Error::Template(error) = chain.get().into_http().unwrap_err() else {
        panic!("another error");
    };
    assert_eq!(error.name(), "out_trade_no");
}

#[test]
fn the_last_value_of_a_variable_counts() {
    let chain = client().chain("v3/{a}");
    assert_eq!(target(chain.get().var("a", "1").var("a", "2")), "/v3/2");
    let request = chain.request("GET", json!({"a": "1"})).var("a", "2");
    assert_eq!(target(request), "/v3/2");
}

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
        place().query(std::collections::HashMap::from([(vec![1], 2)])),
    ] {
        let error = request.into_http().unwrap_err();
        assert!(matches!(error, Error::Request(_)), "{error}");
        assert_says(&error, &["GET", "query"]);
    }
}

#[test]
fn php_options_give_what_the_setters_give() {
    let client = client();
    let chain = client.chain("v3/pay/transactions/out-trade-no/{no}");
    let request = chain.request(
        "GET",
        json!({"no": "A b/c", "query": "mchid=1900000109&x=a b"}),
    );
    assert_eq!(
        target(request),
        "/v3/pay/transactions/out-trade-no/A%20b%2Fc?mchid=1900000109&x=a%20b"
    );
    let request = chain.request(
        "post",
        json!({
            "no": 12, "json": {"a": 1}, "query": {"q": "2"}, "headers": {"X-A": "b", "X-N": 3, "X-L": ["c", "d"]},
            "timeout": 2.5, "connect_timeout": 0, "base_uri": "https://api2.mch.weixin.qq.com/hk", "debug": true,
            "allow_redirects": false, "http_errors": true, "verify": true, "synchronous": true, "stream": false,
            "decode_content": true, "expect": false,
        }),
    );
    let sent = request.into_http().unwrap();
    assert_eq!(sent.method(), "POST");
    assert_eq!(
        sent.uri(),
        "https://api2.mch.weixin.qq.com/hk/v3/pay/transactions/out-trade-no/12?q=2"
    );
    assert_eq!(
        (header(&sent, "x-a"), header(&sent, "x-n")),
        ("b".into(), "3".into())
    );
    let list: Vec<_> = sent.headers().get_all("x-l").iter().collect();
    assert_eq!(list, ["c", "d"]);
    assert_eq!(sent.body(), r#"{"a":1}"#);
    for (method, options) in [
        ("GET", json!(null)),
        ("DELETE", json!({})),
        ("PUT", json!({"body": "{ }"})),
        ("PATCH", json!({"json": null})),
    ] {
        let sent = client
            .chain("v3/x")
            .request(method, options)
            .into_http()
            .unwrap();
        assert_eq!(sent.method(), method);
    }
    assert_eq!(
        body(
            client
                .chain("v3/x")
                .request("POST", json!({"body": "{ \"a\" : 1 }"}))
        ),
        "{ \"a\" : 1 }"
    );
}

#[test]
fn an_option_that_has_another_form_here_is_an_error_that_names_it() {
    let client = client();
    let chain = client.chain("v3/x");
    for (options, fragments) in [
        (
            json!({"allow_redirects": true}),
            ["allow_redirects", "never followed"],
        ),
        (json!({"http_errors": false}), ["http_errors", "Error::Api"]),
        (json!({"verify": false}), ["verify", "always verified"]),
        (json!({"verify": "/ca.pem"}), ["verify", "root_certificate"]),
        (json!({"sink": "/tmp/x"}), ["sink", "not in this version"]),
        (json!({"stream": true}), ["stream", "not in this version"]),
        (
            json!({"multipart": []}),
            ["multipart", "not in this version"],
        ),
        (
            json!({"proxy": "http://h"}),
            ["proxy", "not in this version"],
        ),
        (json!({"form_params": {}}), ["form_params", "json"]),
        (json!({"cert": "x"}), ["cert", "merchant("]),
        (json!({"ssl_key": "x"}), ["ssl_key", "merchant("]),
        (json!({"auth": []}), ["auth", "leave it out"]),
        (json!({"cookies": true}), ["cookies", "headers"]),
        (json!({"delay": 1}), ["delay", "leave it out"]),
        (json!({"version": "1.0"}), ["version", "leave it out"]),
        (json!({"curl": {}}), ["curl", "leave it out"]),
        (json!({"handler": 1}), ["handler", "leave it out"]),
        (json!({"on_stats": 1}), ["on_stats", "event"]),
        (
            json!({"on_headers": 1}),
            ["on_headers", "not in this version"],
        ),
        (json!({"progress": 1}), ["progress", "not in this version"]),
        (
            json!({"read_timeout": 1}),
            ["read_timeout", "not in this version"],
        ),
        (json!({"synchronous": false}), ["synchronous", ".await"]),
        (
            json!({"decode_content": false}),
            ["decode_content", "leave it out"],
        ),
        (json!({"expect": true}), ["expect", "leave it out"]),
        (
            json!({"force_ip_resolve": "v4"}),
            ["force_ip_resolve", "leave it out"],
        ),
        (
            json!({"idn_conversion": true}),
            ["idn_conversion", "leave it out"],
        ),
        (
            json!({"crypto_method": 1}),
            ["crypto_method", "leave it out"],
        ),
        (
            json!({"stream_context": {}}),
            ["stream_context", "leave it out"],
        ),
        (json!({"xml": {}}), ["xml", "not in this version"]),
        (
            json!({"security": true}),
            ["security", "not in this version"],
        ),
        (
            json!({"nonceless": true}),
            ["nonceless", "not in this version"],
        ),
        (json!({"debug": "yes"}), ["debug", "true or false"]),
        (json!({"json": "{}"}), ["json", "body"]),
        (json!({"json": {}, "body": "{}"}), ["json", "body"]),
        (json!({"body": {"a": 1}}), ["body", "a text"]),
        (json!({"base_uri": 1}), ["base_uri", "a text"]),
        (json!({"headers": "X-A: b"}), ["headers", "an object"]),
        (json!({"headers": {"X-A": {}}}), ["headers", "X-A"]),
        (
            json!({"headers": {"X-A": "b\r\nX-B: c"}}),
            ["x-a", "line break"],
        ),
        (json!({"query": 1}), ["query", "object"]),
        (json!({"timeout": "30"}), ["timeout", "seconds as a number"]),
        (json!({"timeout": -1}), ["timeout", "seconds as a number"]),
        (
            json!({"timeout": 1e300}),
            ["timeout", "seconds as a number"],
        ),
        (
            json!({"connect_timeout": null}),
            ["connect_timeout", "seconds as a number"],
        ),
    ] {
        let error = chain
            .request("POST", options.clone())
            .into_http()
            .unwrap_err();
        assert!(matches!(error, Error::Request(_)), "{options}: {error}");
        assert_says(&error, &fragments);
        assert_says(&error, &["POST v3/x"]);
    }
    for options in [json!([]), json!("json"), json!(1), json!(true)] {
        let error = chain.request("POST", options).into_http().unwrap_err();
        assert_says(&error, &["options", "an object"]);
    }
    for method in ["", "HEAD", "OPTIONS", "CONNECT", "G ET", "获取"] {
        let error = chain.request(method, json!({})).into_http().unwrap_err();
        assert!(matches!(error, Error::Request(_)), "{method}: {error}");
        assert_says(&error, &["method", "GET, POST, PUT, PATCH or DELETE"]);
    }
}

#[test]
fn an_array_of_options_as_the_body_is_refused() {
    let client = client();
    let chain = client.chain("v3/refund/domestic/refunds");
    let refund = json!({"out_trade_no": "T1", "out_refund_no": "R1"});
    for body in [
        json!({"json": refund, "headers": {"X-A": "1"}}),
        json!({"json": refund}),
        json!({"xml": refund}),
        json!({"query": {"a": 1}, "headers": {}}),
        json!("{\"out_trade_no\":\"T1\"}"),
    ] {
        for request in [
            chain.post(body.clone()),
            chain.put(&body),
            chain.patch(body.clone()),
            chain.delete().body(&body),
            chain.request("POST", json!({"json": body})),
        ] {
            let error = request.into_http().unwrap_err();
            assert!(matches!(error, Error::Request(_)), "{body}: {error}");
        }
    }
    let error = chain.post(json!({"json": refund})).into_http().unwrap_err();
    assert_says(&error, &["json", ".request(\"POST\""]);
    for real in [
        json!({"body": "x"}),
        json!({"query": {"a": 1}}),
        json!({"headers": {}}),
        json!([{"json": 1}]),
        json!({"a": {"json": 1}}),
    ] {
        assert_eq!(body(chain.post(&real)), real.to_string());
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
fn own_headers_replace_the_defaults_whatever_their_case_but_never_authorization() {
    let client = builder()
        .header("X-Trace", "on")
        .header("ACCEPT", "text/csv")
        .build()
        .unwrap();
    let request = client
        .chain("v3/x")
        .post(json!({}))
        .header("content-TYPE", "application/json; x=y")
        .header("User-Agent", "mine")
        .header("x-trace", " off ")
        .header("X-Note", "中文")
        .header("AUTHORIZATION", "Bearer x")
        .header("Wechatpay-Serial", "AB")
        .header("Idempotency-Key", "1")
        .header("Idempotency-Key", "2");
    let sent = request.into_http().unwrap();
    for (name, value) in [
        ("content-type", "application/json; x=y"),
        ("user-agent", "mine"),
        ("accept", "text/csv"),
        ("x-trace", "off"),
        ("x-note", "中文"),
        ("wechatpay-serial", "AB"),
        ("idempotency-key", "2"),
    ] {
        assert_eq!(header(&sent, name), value, "{name}");
        assert_eq!(sent.headers().get_all(name).iter().count(), 1, "{name}");
    }
    let authorization = header(&sent, "authorization");
    assert!(
        authorization.starts_with("WECHATPAY2-SHA256-RSA2048 mchid="),
        "{authorization}"
    );
    assert_eq!(sent.headers().get_all("authorization").iter().count(), 1);
    assert!(sent.headers()["authorization"].is_sensitive());
    let options = json!({"headers": {"authorization": ["a", "b"]}});
    let sent = client
        .chain("v3/x")
        .request("GET", options)
        .into_http()
        .unwrap();
    assert_eq!(sent.headers().get_all("authorization").iter().count(), 1);
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
        assert!(builder().header(name, value).build().is_err(), "{name:?}");
    }
}

#[test]
fn a_public_key_id_goes_out_on_every_request_and_a_certificates_serial_on_none() {
    let certificates_only = client();
    let sent = certificates_only.chain("v3/x").get().into_http().unwrap();
    assert_eq!(header(&sent, "wechatpay-serial"), "");
    let both = builder()
        .cert(PUBLIC_KEY_ID, PLATFORM_PUBLIC)
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
fn the_path_of_base_uri_stands_before_the_requests_own_and_is_signed() {
    for (base, expected) in [
        (
            "https://api.mch.weixin.qq.com",
            "https://api.mch.weixin.qq.com/v3/x?a=1",
        ),
        (
            "https://apihk.mch.weixin.qq.com/hk",
            "https://apihk.mch.weixin.qq.com/hk/v3/x?a=1",
        ),
        (
            "https://apihk.mch.weixin.qq.com/hk/",
            "https://apihk.mch.weixin.qq.com/hk/v3/x?a=1",
        ),
        (
            "https://proxy.example:8443/a/b",
            "https://proxy.example:8443/a/b/v3/x?a=1",
        ),
        (
            "HTTPS://Proxy.Example:443/",
            "https://proxy.example/v3/x?a=1",
        ),
    ] {
        let client = builder().base_uri(base).build().unwrap();
        for path in ["v3/x?a=1", "/v3/x?a=1"] {
            let sent = client.chain(path).get().into_http().unwrap();
            assert_eq!(sent.uri(), expected, "{base}");
        }
        let sent = self::client()
            .chain("v3/x?a=1")
            .get()
            .base_uri(base)
            .into_http()
            .unwrap();
        assert_eq!(sent.uri(), expected, "{base}");
    }
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
    let both = builder().secret(crate::support::SECRET).build().unwrap();
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
                let request = client.chain(path).post(json!({}));
                if path.contains("x}") {
                    request.var("x", value)
                } else {
                    request
                }
            };
            let error = fill(&both).into_http().unwrap_err();
            assert!(matches!(error, Error::Request(_)), "{path}: {error}");
            assert_says(&error, &["APIv2", "not in this version"]);
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
        |request| request.var("x", std::collections::HashMap::from([(vec![1], 2)])),
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
fn a_variable_may_stand_in_the_paths_query() {
    let chain = client().chain("v3/x?openId={openId}&b=1");
    let request = chain.request("GET", json!({"openId": "A b"}));
    assert_eq!(target(request), "/v3/x?openId=A%20b&b=1");
    let error = chain.get().into_http().unwrap_err();
    assert!(matches!(error, Error::Template(_)), "{error}");
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
    let many = (0..40_000).fold(builder(), |builder, number| {
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
        builder()
            .private_key(format!("file:///{odd}.pem"))
            .build()
            .unwrap_err(),
        builder()
            .private_key(format!("/{}.pem", odd.replace(['\r', '\n'], "")))
            .build()
            .unwrap_err(),
        builder().cert(odd, "x").build().unwrap_err(),
        builder().serial(odd).build().unwrap_err(),
        builder()
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
    crosses::<Chain>();
    crosses::<Error>();
    moves::<Request>();
    moves::<wechatpay_chain::ResponseFuture>();
    moves::<wechatpay_chain::Response>();
    moves::<wechatpay_chain::Answer>();
}
