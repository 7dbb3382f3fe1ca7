//! Paths: how a chain grows, and what it takes for a key, a value, a query.

use std::thread;

use serde_json::json;
use wechatpay_chain::{Chain, Error};

use crate::support::{assert_says, offline as client, target};

#[test]
fn only_ascii_capitals_are_recased() {
    let client = client();
    for (key, path) in [
        ("v3/ABC/_x_", "v3/-a-b-c/_x_"),
        ("_transactionId_", "{transaction-id}"),
        ("{openId}", "{open-id}"),
        ("É中Ａ/x", "É中Ａ/x"),
        ("V3", "v3"),
        ("v3Ä", "v3Ä"),
        ("___", "{_}"),
        ("_a", "_a"),
        ("a_", "a_"),
        ("", ""),
    ] {
        assert_eq!(client.chain(key).path(), path, "{key}");
    }
}

#[test]
fn the_catalogue_and_the_text_give_the_same_path() {
    let client = client();
    let places: [(Chain, &str); 7] = [
        (
            client.v3().pay().transactions().out_trade_no().into(),
            "v3/pay/transactions/out-trade-no",
        ),
        (
            client
                .v3()
                .pay()
                .transactions()
                .id()
                ._transaction_id_()
                .into(),
            "v3/pay/transactions/id/{transaction_id}",
        ),
        (
            client
                .v3()
                .pay()
                .transactions()
                .id()
                .transaction_id("4200Ab")
                .into(),
            "v3/pay/transactions/id/4200Ab",
        ),
        (
            client
                .v3()
                .pay()
                .transactions()
                .out_trade_no()
                .out_trade_no("ORDER/中")
                .close()
                .into(),
            "v3/pay/transactions/out-trade-no/ORDER%2F%E4%B8%AD/close",
        ),
        (
            client.v3().marketing().busifavor().coupons().use_().into(),
            "v3/marketing/busifavor/coupons/use",
        ),
        (
            client
                .v3()
                .marketing()
                .busifavor()
                .coupons()
                .return_()
                .into(),
            "v3/marketing/busifavor/coupons/return",
        ),
        (client.v3().certificates().into(), "v3/certificates"),
    ];
    for (chain, path) in places {
        assert_eq!(chain.path(), path);
    }
}

#[test]
fn a_place_that_is_not_in_the_catalogue_is_reached_from_any_place() {
    let client = client();
    let pay = client.v3().pay();
    assert_eq!(pay.chain("newThing").path(), "v3/pay/new-thing");
    assert_eq!(
        Chain::from(pay.transactions()).chain("x").path(),
        "v3/pay/transactions/x"
    );
}

#[test]
fn a_prefix_is_kept_and_used_again() {
    let client = client();
    let prefix = client.chain("v3/pay/transactions");
    let order = prefix.chain("outTradeNo").segment("X1");
    assert_eq!(order.path(), "v3/pay/transactions/out-trade-no/X1");
    assert_eq!(
        order.chain("close").path(),
        "v3/pay/transactions/out-trade-no/X1/close"
    );
    assert_eq!(prefix.path(), "v3/pay/transactions");
    assert_eq!(target(prefix.get()), "/v3/pay/transactions");
    let clone = prefix.clone();
    drop(prefix);
    assert_eq!(clone.segment("A").path(), "v3/pay/transactions/A");
}

#[test]
fn an_index_grows_like_any_chain() {
    let client = client();
    let send = &client["v3/marketing/busifavor/product-coupons/send"];
    assert!(std::ptr::eq(
        send,
        &client["v3/marketing/busifavor/product-coupons/send"]
    ));
    assert!(!std::ptr::eq(send, &client["v3/marketing"]));
    assert_eq!(send.chain("x").path(), format!("{}/x", send.path()));
    assert_eq!(
        client["V3/Pay"].path(),
        "v3/-pay",
        "PHP's rule is for the whole key"
    );
    assert_eq!(client["_x_"].path(), "{x}");
}

#[test]
fn one_chain_serves_many_threads_at_once() {
    let client = client();
    let chain = client.chain("v3/pay/transactions");
    thread::scope(|scope| {
        for thread in 0..16 {
            let (client, chain) = (&client, &chain);
            scope.spawn(move || {
                for turn in 0..20 {
                    let value = format!("T{thread}x{turn}");
                    let path = format!("v3/pay/transactions/{value}");
                    assert_eq!(chain.segment(&value).path(), path);
                    assert_eq!(client["v3/pay/transactions"].path(), chain.path());
                }
                assert_eq!(target(chain.get()), "/v3/pay/transactions");
            });
        }
    });
}

#[test]
fn one_leading_slash_is_ignored_and_an_empty_key_is_a_trailing_one() {
    let client = client();
    for (path, expected) in [
        ("/v3/certificates", "/v3/certificates"),
        ("v3/certificates", "/v3/certificates"),
        ("v3/certificates/", "/v3/certificates/"),
        ("/V3/certificates", "/v3/certificates"),
    ] {
        let request = client.chain(path).get();
        // `/V3` has its capital behind the slash: it is lowered as a leading one.
        assert_eq!(target(request), expected, "{path}");
    }
    assert_eq!(
        target(client.chain("v3/x").chain("").get()),
        "/v3/x/",
        "chain(\"\")"
    );
    assert_eq!(target(client.chain("v3").chain("/pay").get()), "/v3/pay");
    assert_eq!(
        target(client["/v3/pay/transactions"].get()),
        "/v3/pay/transactions"
    );
}

#[test]
fn what_follows_a_question_mark_is_a_query_as_it_stands() {
    let client = client();
    let chain = client.chain("v3/billdownload/file?token=AbC%2B&x=a b");
    assert_eq!(chain.path(), "v3/billdownload/file");
    assert_eq!(
        target(chain.get().query([("tarType", "GZIP")])),
        "/v3/billdownload/file?token=AbC%2B&x=a%20b&tarType=GZIP"
    );
    assert_eq!(
        target(client.chain("v3/x?Token=A").chain("foo-bar?b=2").get()),
        "/v3/x/foo-bar?Token=A&b=2"
    );
    assert_eq!(target(client.chain("v3/x?").get()), "/v3/x");
    assert_eq!(
        target(client.chain("v3/x?a=https://h/?y").get()),
        "/v3/x?a=https://h/?y"
    );
}

#[test]
fn a_name_in_the_paths_query_and_in_query_is_an_error() {
    let client = client();
    let request = client.chain("v3/x?mch%69d=1").get().query([("mchid", "2")]);
    let error = request.into_http().unwrap_err();
    assert!(matches!(error, Error::Request(_)), "{error}");
    assert_says(&error, &["mchid", "twice"]);
    let request = client
        .chain("v3/x?mchid=1")
        .request("GET", json!({"query": "mchid=2"}));
    assert!(matches!(request.into_http(), Err(Error::Request(_))));
}

#[test]
fn an_absolute_address_is_refused_and_url_is_named() {
    let client = client();
    for path in [
        "https://api.mch.weixin.qq.com/v3/billdownload/file?token=AbC",
        "HTTPS://api.mch.weixin.qq.com/v3/x",
        " http://h/",
        "ftp://h/",
        "file:///etc/passwd",
    ] {
        let chains = [
            client.chain(path),
            client.chain("v3").chain(path).chain("x"),
        ];
        for chain in chains {
            let error = chain.get().into_http().unwrap_err();
            assert!(matches!(error, Error::Request(_)), "{path}: {error}");
            assert_says(&error, &["absolute address", "client.url("]);
            assert!(!error.to_string().contains("AbC"), "{error}");
        }
    }
}

#[test]
fn a_segment_is_encoded_and_keeps_its_letters() {
    let client = client();
    for (value, encoded) in [
        ("ORDER2024Ab", "ORDER2024Ab"),
        ("a/b", "a%2Fb"),
        ("a b+c", "a%20b%2Bc"),
        ("微信", "%E5%BE%AE%E4%BF%A1"),
        ("😀", "%F0%9F%98%80"),
        ("%2F", "%252F"),
        ("{x}", "%7Bx%7D"),
        ("_x_", "_x_"),
        ("?a=1#f", "%3Fa%3D1%23f"),
        ("...", "..."),
        (" ", "%20"),
        ("\r\n\0", "%0D%0A%00"),
        ("~-_.", "~-_."),
        ("https://h/", "https%3A%2F%2Fh%2F"),
    ] {
        let chain = client.chain("v3/pay").segment(value).chain("close");
        assert_eq!(
            target(chain.get()),
            format!("/v3/pay/{encoded}/close"),
            "{value:?}"
        );
    }
    // A value whose text is a template is a value all the same.
    let request = client
        .chain("v3/pay")
        .segment("{x}")
        .chain("{x}")
        .get()
        .var("x", "1");
    assert_eq!(target(request), "/v3/pay/%7Bx%7D/1");
}

#[test]
fn a_segment_that_is_empty_or_climbs_is_refused() {
    let client = client();
    for value in ["", ".", ".."] {
        let chains = [
            client.chain("v3").segment(value).chain("x"),
            client
                .v3()
                .pay()
                .transactions()
                .id()
                .transaction_id(value)
                .into(),
        ];
        for chain in chains {
            let error = chain.get().into_http().unwrap_err();
            assert!(matches!(error, Error::Request(_)), "{value:?}: {error}");
        }
    }
    // Spelt otherwise, in text that is not a value.
    for path in [
        "v3/../x",
        "v3/./x",
        "v3/%2e%2e/x",
        "v3/.%2e",
        "..",
        "v3/x/..",
        "../v3",
    ] {
        let error = client.chain(path).get().into_http().unwrap_err();
        assert!(matches!(error, Error::Template(_)), "{path}: {error}");
        assert_says(&error, &["climb"]);
    }
    assert_eq!(
        target(client.chain("v3").segment("%2e%2e").get()),
        "/v3/%252e%252e"
    );
}

#[test]
fn literal_text_that_no_path_may_hold_is_encoded_and_triplets_stay() {
    let client = client();
    for (path, expected) in [
        (
            "v3/merchant-service/images/a%2Bb",
            "/v3/merchant-service/images/a%2Bb",
        ),
        ("v3/100%/x", "/v3/100%25/x"),
        ("v3/%zz/%2", "/v3/%25zz/%252"),
        ("v3/a#b", "/v3/a%23b"),
        ("v3/a\\b", "/v3/a%5Cb"),
        ("v3/a\"<>^`|", "/v3/a%22%3C%3E%5E%60%7C"),
        ("v3/中\n\0", "/v3/%E4%B8%AD%0A%00"),
        ("v3/a:b@c;d=e,f", "/v3/a:b@c;d=e,f"),
    ] {
        assert_eq!(target(client.chain(path).get()), expected, "{path:?}");
    }
}

#[test]
fn an_empty_path_is_refused() {
    let client = client();
    for path in ["", "/", "?a=1"] {
        let error = client.chain(path).get().into_http().unwrap_err();
        assert!(matches!(error, Error::Request(_)), "{path}: {error}");
    }
}

#[test]
fn debug_shows_the_path_and_no_value() {
    let client = client();
    let chain = client
        .v3()
        .pay()
        .transactions()
        .id()
        .transaction_id("4200SeCrEt");
    assert_eq!(
        format!("{chain:?}"),
        "Chain(v3/pay/transactions/id/{transaction_id})"
    );
    let chain = client
        .chain("v3/users?token=SeCrEt")
        .segment("oUpF8uMuAJO_SeCrEt")
        .chain("x");
    assert_eq!(format!("{chain:?}"), "Chain(v3/users/{…}/x)");
    let request = chain.get().query([("token", "SeCrEt")]);
    assert!(!format!("{request:?}").contains("SeCrEt"), "{request:?}");
    assert!(!format!("{client:?}").contains("BEGIN"), "{client:?}");
}

#[test]
fn a_lost_underscore_is_told_apart() {
    let client = client();
    let request = client
        .chain("v3/pay/transactions/out-trade-no")
        .chain("_out_trade_no")
        .get()
        .var("out_trade_no", "X1")
        .query(json!({"mchid": "1900000109"}));
    let error = request.into_http().unwrap_err();
    assert!(matches!(error, Error::Template(_)), "{error}");
    assert_says(
        &error,
        &["no variable out_trade_no", "_out_trade_no", "closing"],
    );
    let request = client
        .chain("v3/x")
        .chain("out_trade_no_")
        .request("GET", json!({"out_trade_no": "X1"}));
    let error = request.into_http().unwrap_err();
    assert!(matches!(error, Error::Template(_)), "{error}");
    assert_says(&error, &["out_trade_no"]);
}

#[test]
fn an_encoded_value_survives_a_reserved_expansion_and_url_takes_the_address_itself() {
    let client = client();
    let image = "QmFzZTY0%2BeA%3D%3D";
    let expected = format!("/v3/merchant-service/images/{image}");
    let reserved = client.chain("v3/merchant-service/images/{+id}");
    assert_eq!(target(reserved.get().var("id", image)), expected);
    let plain = client.chain("v3/merchant-service/images/{id}");
    assert_eq!(target(plain.get().var("id", "QmFzZTY0+eA==")), expected);
    let address = format!("https://api.mch.weixin.qq.com{expected}");
    assert_eq!(target(client.url(&address)), expected);
    assert_eq!(target(client.url(format!(" {address}\n"))), expected);
    let bill = "https://api.mch.weixin.qq.com/v3/billdownload/file?token=AbC_d-e%3D&tartype=gzip";
    assert_eq!(
        target(client.url(bill)),
        "/v3/billdownload/file?token=AbC_d-e%3D&tartype=gzip"
    );
}

#[test]
fn url_refuses_hosts_that_may_not_see_authorization() {
    let client = client();
    for address in [
        "https://evil.example/file?token=SeCrEt",
        "http://api.mch.weixin.qq.com/x?token=SeCrEt",
        "https://api.mch.weixin.qq.com.evil.example/?token=SeCrEt",
        "https://api.mch.weixin.qq.com@evil.example/?token=SeCrEt",
        "https://u:SeCrEt@api.mch.weixin.qq.com/x",
        "https://api.mch.weixin.qq.com./?token=SeCrEt",
        "https://api.mch.weixin.qq.com:8443/?token=SeCrEt",
        "https://api.mch.weixin.qq.com/v3/../x?token=SeCrEt",
        "https://api.mch.weixin.qq.com/v3/%2e%2e/x?token=SeCrEt",
        "https://api.mch.weixin.qq.com/v3\\x?token=SeCrEt",
        "https://api.mch.weixin.qq.com/v3/x?token=SeCrEt\n&a=1",
        "/v3/billdownload/file?token=SeCrEt",
        "",
    ] {
        let error = client.url(address).into_http().unwrap_err();
        assert!(matches!(error, Error::Request(_)), "{address}: {error}");
        assert!(!format!("{error:?}").contains("SeCrEt"), "{error}");
    }
}

#[test]
fn an_address_goes_as_it_stands_so_what_would_change_it_is_refused() {
    let client = client();
    let bill = || client.url("https://api.mch.weixin.qq.com/v3/billdownload/file?token=x");
    for request in [
        bill().query([("tartype", "GZIP")]),
        bill().var("token", "y"),
        bill().base_uri("https://api2.mch.weixin.qq.com/"),
    ] {
        let error = request.into_http().unwrap_err();
        assert_says(&error, &["as it stands"]);
    }
    assert_eq!(
        target(bill().header("X-A", "1").query(json!({}))),
        "/v3/billdownload/file?token=x"
    );
}

#[test]
fn an_empty_value_put_into_the_text_of_a_path_is_refused() {
    let client = client();
    let number = "";
    for path in [
        format!("v3/pay/transactions/out-trade-no/{number}/close"),
        format!("v3/pay/transactions/out-trade-no/{number}"),
        format!("v3/x/{number}/y"),
    ] {
        let error = client.chain(&path).get().into_http().unwrap_err();
        assert!(matches!(error, Error::Request(_)), "{path}");
        assert_says(&error, &["empty value", "the value"]);
    }
    // A trailing slash that is wanted, and one of the two that the catalogue has.
    for path in ["v3/x/", "v3/applyment4sub/applyment/", "v3/certificates/"] {
        let request = client.chain(path).get();
        assert_eq!(target(request), format!("/{path}"));
    }
}

#[test]
fn an_address_in_a_variable_is_sent_to_url() {
    let client = client();
    let address = "https://api.mch.weixin.qq.com/v3/billdownload/file?token=x";
    let request = client.chain("{+address}").get().var("address", address);
    let error = request.into_http().unwrap_err();
    assert_says(&error, &["address", "client.url(address)"]);
    assert!(!error.to_string().contains("token"));
}
