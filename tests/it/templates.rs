//! Templates: what fills them, and what leaves them unfilled.

use serde_json::{Value, json};
use wechatpay_chain::{Chain, Error};
use wechatpay_sandbox::Sandbox;

use crate::support::{offline as client, target};

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
fn the_last_value_of_a_variable_counts() {
    let chain = client().chain("v3/{a}");
    assert_eq!(target(chain.get().var("a", "1").var("a", "2")), "/v3/2");
    let request = chain.request("GET", json!({"a": "1"})).var("a", "2");
    assert_eq!(target(request), "/v3/2");
}

#[test]
fn a_variable_may_stand_in_the_paths_query() {
    let chain = client().chain("v3/x?openId={openId}&b=1");
    let request = chain.request("GET", json!({"openId": "A b"}));
    assert_eq!(target(request), "/v3/x?openId=A%20b&b=1");
    let error = chain.get().into_http().unwrap_err();
    assert!(matches!(error, Error::Template(_)), "{error}");
}
