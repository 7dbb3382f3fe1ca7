//! The guide for those who port from PHP, in both languages: each of its Rust snippets stands here
//! between a line with its name and one with `[end]`, and is compiled; most are run.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use futures::future::{join_all, select_ok, try_join_all};
use futures::stream::{self, StreamExt as _};
use serde::Deserialize;
use serde_json::{Value, json};
use wechatpay_chain::hash::{self, SignType};
use wechatpay_chain::rsa::{PrivateKey, PublicKey};
use wechatpay_chain::{
    Client, Error, Media, Notification, NotificationV2, Retry, ServiceError, ServiceFuture, Signer,
    Verifier, aes_gcm, formatter, pem, transformer,
};
use wechatpay_sandbox::{CannedAnswer, Misbehaviour, Sandbox};

use crate::support::{assert_says, body, keeping, offline, signing_by_certificate, target};

const ENGLISH: &str = include_str!("../../docs/porting-from-php.md");
const CHINESE: &str = include_str!("../../docs/porting-from-php.zh-CN.md");

type Outcome = Result<(), Box<dyn std::error::Error>>;

// The two documents and this file.

/// The blocks of code of a document: the language after the fence, and the text.
fn blocks(document: &str) -> Vec<(&str, String)> {
    let mut blocks = Vec::new();
    let mut open: Option<(&str, String)> = None;
    for line in document.lines() {
        match (line.strip_prefix("```"), &mut open) {
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (Some(language), None) => open = Some((language, String::new())),
            (None, Some((_, text))) => {
                text.push_str(line);
                text.push('\n');
            }
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "a fence is not closed");
    blocks
}

fn rust_of(document: &str) -> Vec<String> {
    let blocks = blocks(document).into_iter();
    let rust = blocks.filter(|(language, _)| *language == "rust");
    rust.map(|(_, text)| text).collect()
}

/// What stands between the marks of this file, without its indentation.
fn twins() -> Vec<(&'static str, String)> {
    let mut twins = Vec::new();
    let mut open: Option<(&str, Vec<&str>)> = None;
    for line in include_str!("porting.rs").lines() {
        let mark = line.trim_start().strip_prefix("// [");
        match (mark.and_then(|rest| rest.strip_suffix(']')), &mut open) {
            (Some("end"), Some(_)) => twins.extend(open.take()),
            (Some(name), None) => open = Some((name, Vec::new())),
            (Some(name), Some((within, _))) => panic!("{name} begins within {within}"),
            (None, Some((_, lines))) => lines.push(line),
            (None, None) => {}
        }
    }
    let dedented = |lines: Vec<&str>| {
        let full = lines.iter().filter(|line| !line.is_empty());
        let indents = full.map(|line| line.len() - line.trim_start().len());
        let indent = indents.min().unwrap_or(0);
        let lines = lines
            .iter()
            .map(|line| format!("{}\n", line.get(indent..).unwrap_or_default()));
        lines.collect()
    };
    let twins = twins.into_iter();
    twins.map(|(name, lines)| (name, dedented(lines))).collect()
}

#[test]
fn each_rust_snippet_of_the_guide_is_compiled_here() {
    let twins = twins();
    let known: BTreeSet<_> = twins.iter().map(|(_, text)| text).collect();
    for (language, document) in [("English", ENGLISH), ("Chinese", CHINESE)] {
        for snippet in rust_of(document) {
            let is_known = known.contains(&snippet);
            assert!(is_known, "the {language} guide alone has:\n{snippet}");
        }
    }
}

#[test]
fn each_snippet_that_is_compiled_here_is_in_both_guides_once() {
    let twins = twins();
    let names: BTreeSet<_> = twins.iter().map(|(name, _)| name).collect();
    assert_eq!(names.len(), twins.len(), "a name is there twice");
    assert!(twins.len() > 30);
    for document in [ENGLISH, CHINESE] {
        let snippets = rust_of(document);
        for (name, twin) in &twins {
            let count = snippets.iter().filter(|snippet| *snippet == twin).count();
            assert_eq!(count, 1, "{name}");
        }
    }
}

#[test]
fn the_two_guides_have_the_same_code_and_the_same_sections() {
    let (english, chinese) = (blocks(ENGLISH), blocks(CHINESE));
    for (one, other) in english.iter().zip(&chinese) {
        assert_eq!(one, other);
    }
    assert_eq!(english.len(), chinese.len());
    let shape = |document: &'static str| {
        let lines = document.lines().map(|line| match line.split_once(' ') {
            Some((hashes, _)) if hashes.starts_with('#') => hashes,
            _ if line.starts_with('|') => "|",
            _ if line.starts_with("- ") => "-",
            _ if line.starts_with("```") => "```",
            _ => "",
        });
        lines.filter(|it| !it.is_empty()).collect::<Vec<_>>()
    };
    assert_eq!(shape(ENGLISH), shape(CHINESE));
}

#[test]
fn the_guides_have_a_row_for_every_option_of_php_and_say_which_ones_work() {
    let source = include_str!("../../src/options.rs");
    let (_, names) = source.split_once("const NAMES").unwrap();
    let (names, _) = names.split_once("];").unwrap();
    let names = names.split('"').skip(1).step_by(2).chain(["xml"]);
    let samples = [
        ("json", json!({ "a": 1 })),
        ("query", json!({ "a": 1 })),
        ("headers", json!({ "X-Trace": "1" })),
        ("body", json!("{}")),
        ("timeout", json!(3.5)),
        ("connect_timeout", json!(3)),
        ("base_uri", json!("https://api2.mch.weixin.qq.com/")),
        ("debug", json!(true)),
    ];
    let client = offline();
    for name in names {
        let sample = samples.iter().find(|(known, _)| *known == name);
        let value = sample.map_or_else(|| json!("x"), |(_, value)| value.clone());
        let request = client
            .chain("v3/certificates")
            .request("POST", json!({ name: value }));
        let result = request.into_http();
        let is_known = matches!(result, Ok(_) | Err(Error::Request(_)));
        assert!(is_known, "{name}: {result:?}");
        for (document, header, works) in [
            (ENGLISH, "| option | in the array |", "works"),
            (CHINESE, "| 选项 | 写在数组里 |", "可用"),
        ] {
            let (_, table) = document.split_once(header).unwrap();
            let rows = table.lines().take_while(|line| !line.is_empty());
            let mut cells = rows.map(|row| row.split('|').map(str::trim).collect::<Vec<_>>());
            let quoted = format!("`{name}`");
            let row = cells.find(|cells| cells[1].contains(&quoted));
            let row = row.unwrap_or_else(|| panic!("no row for {name}"));
            assert_eq!(result.is_ok(), row[2] == works, "{row:?}");
        }
    }
}

// What the snippets stand on.

/// A sandbox that answers what the snippets ask.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::start_blocking().unwrap();
    for path in [
        "/v3/pay/transactions/native",
        "/v3/pay/transactions/jsapi",
        "/v3/pay/partner/transactions/jsapi",
    ] {
        let order =
            json!({ "code_url": "weixin://wxpay/bizpayurl?pr=p4lpSuKzz", "prepay_id": "wx26" });
        sandbox.answer("POST", path, 200, order);
    }
    let refund = json!({ "refund_id": "5030", "status": "PROCESSING", "out_refund_no": "R2024Ab" });
    sandbox.answer("POST", "/v3/refund/domestic/refunds", 200, refund.clone());
    sandbox.answer("GET", "/v3/refund/domestic/refunds/*", 200, refund);
    let close = "/v3/pay/transactions/out-trade-no/ORDER2024Ab/close";
    sandbox.answer_with("POST", close, CannedAnswer::new(204));
    let paid = json!({ "trade_state": "SUCCESS" });
    for path in ["id/*", "out-trade-no/*"] {
        let path = format!("/v3/pay/transactions/{path}");
        sandbox.answer("GET", path, 200, paid.clone());
    }
    let stocks = json!({ "total_count": 0, "data": [] });
    sandbox.answer("GET", "/v3/marketing/favor/stocks", 200, stocks);
    sandbox
}

fn start() -> (Sandbox, Client) {
    let sandbox = sandbox();
    let client = sandbox.client();
    (sandbox, client)
}

fn refund() -> Value {
    json!({
        "transaction_id": "1217752501201407033233368018", "out_refund_no": "R2024Ab",
        "amount": { "refund": 888, "total": 888, "currency": "CNY" },
    })
}

/// Path and query of the requests that came.
fn targets(sandbox: &Sandbox) -> Vec<String> {
    let received = sandbox.received();
    let targets = received
        .iter()
        .map(|it| format!("{} {}", it.method(), it.target()));
    targets.collect()
}

#[track_caller]
fn assert_no_file(result: wechatpay_chain::Result<Client>) {
    let error = result.unwrap_err();
    assert!(matches!(error, Error::Key(_)), "{error}");
    assert_says(&error, &["/path/to/", "No such file"]);
}

// The snippets.

#[test]
fn overview() -> Outcome {
    let (_sandbox, client) = start();
    // [first]
    let response = client
        .chain("v3/pay/transactions/native")
        .post(json!({
            "mchid": "1900000109",
            "appid": "wx8888888888888888",
            "out_trade_no": "ORDER2024Ab",
            "description": "咖啡一杯",
            "notify_url": "https://shop.example/notify",
            "amount": { "total": 2900, "currency": "CNY" },
        }))
        .wait()?;
    let data = response.data()?;
    let code_url = data["code_url"].as_str();
    // [end]
    assert!(code_url.is_some());
    Ok(())
}

#[test]
fn clients() {
    let apiv3_key = "0123456789abcdef0123456789abcdef";
    let factory = || {
        // [factory]
        let client = Client::factory(json!({
            "mchid": "1900000109",
            "serial": "3775B6A45ACD588826D15E583A95F5DDA1B2C3D4",
            "privateKey": "file:///path/to/apiclient_key.pem",
            "certs": {
                "PUB_KEY_ID_0119000001092024052000000000000000": "file:///path/to/pub_key.pem",
                "7132D72A03E93CDDF8C03BBD1F37EEDF5C1E0001": "file:///path/to/wechatpay.pem",
            },
        }))?;
        // [end]
        Ok(client)
    };
    assert_no_file(factory());
    let builder = || {
        // [builder]
        let client = Client::builder()
            .mchid("1900000109")
            .merchant_certificate("file:///path/to/apiclient_cert.pem")
            .private_key("file:///path/to/apiclient_key.pem")
            .cert(
                "PUB_KEY_ID_0119000001092024052000000000000000",
                "file:///path/to/pub_key.pem",
            )
            .platform_certificate("file:///path/to/wechatpay.pem")
            .apiv3_key(apiv3_key)
            .timeout(Duration::from_secs(10))
            .build()?;
        // [end]
        Ok(client)
    };
    assert_no_file(builder());
    let keeps_certificates = || {
        // [keeps-certificates]
        let client = Client::builder()
            .mchid("1900000109")
            .merchant_certificate("file:///path/to/apiclient_cert.pem")
            .private_key("file:///path/to/apiclient_key.pem")
            .apiv3_key(apiv3_key)
            .build()?;
        // [end]
        Ok(client)
    };
    assert_no_file(keeps_certificates());
    let passphrase = || {
        // [passphrase]
        let client = Client::factory(json!({
            "mchid": "1900000109",
            "serial": "3775B6A45ACD588826D15E583A95F5DDA1B2C3D4",
            "privateKey": ["file:///path/to/encrypted_key.pem", "passphrase"],
            "apiv3Key": apiv3_key,
        }))?;
        // [end]
        Ok(client)
    };
    assert_no_file(passphrase());
}

#[test]
fn shapes() -> Outcome {
    let (sandbox, client) = start();
    let (order, mchid, no) = (
        json!({ "mchid": "1900000109" }),
        "1900000109",
        "ORDER2024Ab",
    );
    let is_partner = false;
    // [literal]
    let response = client
        .chain("v3/pay/transactions/jsapi")
        .post(&order)
        .wait()?;
    // [end]
    assert!(response.verified());
    // [spliced]
    let response = client
        .chain(format!("v3/pay/transactions/out-trade-no/{no}/close"))
        .post(json!({ "mchid": mchid }))
        .wait()?;
    // [end]
    assert_eq!(response.status(), 204);
    // [segment]
    let response = client
        .chain("v3/pay/transactions/out-trade-no")
        .segment(no)
        .chain("close")
        .post(json!({ "mchid": mchid }))
        .wait()?;
    // [end]
    assert_eq!(response.status(), 204);
    // [property]
    let response = client
        .v3()
        .pay()
        .transactions()
        .jsapi()
        .post(&order)
        .wait()?;
    // [end]
    assert!(response.verified());
    // [property-variable]
    let response = client
        .v3()
        .pay()
        .transactions()
        .out_trade_no()
        ._out_trade_no_()
        .close()
        .post(json!({ "mchid": mchid }))
        .var("out_trade_no", no)
        .wait()?;
    // [end]
    assert_eq!(response.status(), 204);
    // [property-value]
    let response = client
        .v3()
        .pay()
        .transactions()
        .out_trade_no()
        .out_trade_no(no)
        .close()
        .post(json!({ "mchid": mchid }))
        .wait()?;
    // [end]
    assert_eq!(response.status(), 204);
    // [path-in-a-variable]
    let path = if is_partner {
        "v3/pay/partner/transactions/jsapi"
    } else {
        "v3/pay/transactions/jsapi"
    };
    let response = client.chain(path).post(&order).wait()?;
    // [end]
    assert!(response.verified());
    // [template]
    let response = client
        .chain("v3/pay/transactions/id/{transaction_id}")
        .get()
        .var("transaction_id", "1217752501201407033233368018")
        .query(json!({ "mchid": mchid }))
        .wait()?;
    // [end]
    assert!(response.verified());
    // [index]
    let response = client["v3/pay/transactions/jsapi"].post(&order).wait()?;
    // [end]
    assert!(response.verified());
    let order = "POST /v3/pay/transactions/jsapi";
    let close = "POST /v3/pay/transactions/out-trade-no/ORDER2024Ab/close";
    let query = "GET /v3/pay/transactions/id/1217752501201407033233368018?mchid=1900000109";
    assert_eq!(
        targets(&sandbox),
        [
            order, close, close, order, close, close, order, query, order
        ]
    );
    Ok(())
}

#[tokio::test]
async fn sync_and_async() -> Outcome {
    let (sandbox, client) = start();
    let refund = refund();
    // [wait]
    let refunds = client.chain("v3/refund/domestic/refunds");
    let response = refunds.post(&refund).wait()?;
    // [end]
    assert!(response.verified());
    // [await]
    let response = refunds.post(&refund).await?;
    // [end]
    assert!(response.verified());
    // [then-otherwise]
    let status = match refunds.post(&refund).await {
        Ok(response) => response.data()?["status"].clone(),
        Err(error) => {
            tracing::warn!(%error, "the refund failed");
            json!("UNKNOWN")
        }
    };
    // [end]
    assert_eq!(status, "PROCESSING");
    // [all]
    let paid = client
        .chain("v3/pay/transactions/id/4200")
        .get()
        .query([("mchid", "1900000109")]);
    let refunded = client.chain("v3/refund/domestic/refunds/R2024Ab").get();
    let (paid, refunded) = tokio::try_join!(paid.into_future(), refunded.into_future())?;
    // [end]
    assert_eq!(paid.data()?["trade_state"], "SUCCESS");
    assert_eq!(refunded.data()?["status"], "PROCESSING");
    let numbers = ["R1", "R2", "R3"];
    // [all-of-a-list]
    let all = numbers.map(|no| refunds.segment(no).get().into_future());
    let responses = try_join_all(all).await?;
    // [end]
    assert_eq!(responses.len(), 3);
    let (mut done, mut failed) = (Vec::new(), Vec::new());
    sandbox.answer(
        "GET",
        "/v3/refund/domestic/refunds/R2",
        404,
        json!({ "code": "RESOURCE_NOT_EXISTS" }),
    );
    // [settle]
    let all = numbers.map(|no| refunds.segment(no).get().into_future());
    for (no, result) in numbers.into_iter().zip(join_all(all).await) {
        match result {
            Ok(response) => done.push(response.data()?),
            Err(error) => failed.push((no, error)),
        }
    }
    // [end]
    assert_eq!((done.len(), failed.len(), failed[0].0), (2, 1, "R2"));
    // [any]
    let by_id = client.chain("v3/pay/transactions/id/4200").get();
    let by_number = client
        .chain("v3/pay/transactions/out-trade-no/ORDER2024Ab")
        .get();
    let both = [by_id, by_number].map(|it| it.query([("mchid", "1900000109")]).into_future());
    let (response, _others) = select_ok(both).await?;
    // [end]
    assert_eq!(response.data()?["trade_state"], "SUCCESS");
    let bodies = vec![refund.clone(), refund.clone(), refund];
    // [pool]
    let results: Vec<_> = stream::iter(bodies)
        .map(|body| refunds.post(body).into_future())
        .buffered(5)
        .collect()
        .await;
    // [end]
    assert!(results.iter().all(Result::is_ok));
    Ok(())
}

#[derive(Deserialize)]
struct Refund {
    refund_id: String,
}

#[test]
fn options_and_answers() -> Outcome {
    let (sandbox, client) = start();
    // [options]
    let response = client
        .chain("v3/pay/transactions/id/{transaction_id}")
        .request(
            "GET",
            json!({
                "transaction_id": "1217752501201407033233368018",
                "query": { "mchid": "1900000109" },
                "headers": { "Accept-Language": "en" },
                "timeout": 3.5,
                "debug": true,
            }),
        )
        .wait()?;
    // [end]
    assert!(response.verified());
    // [setters]
    let response = client
        .chain("v3/pay/transactions/id/{transaction_id}")
        .get()
        .var("transaction_id", "1217752501201407033233368018")
        .query(json!({ "mchid": "1900000109" }))
        .header("Accept-Language", "en")
        .timeout(Duration::from_millis(3500))
        .wait()?;
    // [end]
    assert!(response.verified());
    let received = sandbox.received();
    assert_eq!(received[0].target(), received[1].target());
    assert_eq!(received[1].header("Accept-Language"), Some("en"));
    let refunds = client.chain("v3/refund/domestic/refunds");
    let text = refund().to_string();
    // [body]
    let response = refunds.post(text).wait()?;
    // [end]
    // [response]
    let status = response.status().as_u16();
    let request_id = response.request_id();
    let kind = response.header("Content-Type");
    let text = response.text();
    let data = response.data()?;
    let refund: Refund = response.json()?;
    // [end]
    assert_eq!((status, refund.refund_id.as_str()), (200, "5030"));
    assert!(request_id.is_some() && kind.is_some());
    assert_eq!(data.to_string(), text);
    Ok(())
}

#[tokio::test]
async fn errors() -> Outcome {
    let (sandbox, client) = start();
    let refunds = client.chain("v3/refund/domestic/refunds");
    let refund = refund();
    let mut seen = Vec::new();
    let mut act = |what: &'static str, _: &str| seen.push(what);
    let refusals = [
        Misbehaviour::status(403, "NOT_ENOUGH", "余额不足"),
        Misbehaviour::Unsigned,
        Misbehaviour::status(400, "PARAM_ERROR", "参数错误"),
    ];
    for misbehaviour in refusals {
        sandbox.misbehave(misbehaviour);
        // [errors]
        match refunds.post(&refund).wait() {
            Ok(response) => act("save", &response.text()),
            Err(Error::Api(error)) if error.code() == "NOT_ENOUGH" => {
                act("top up", error.message())
            }
            Err(Error::Api(error)) if error.status().is_client_error() => {
                act("correct", &error.to_string());
            }
            Err(error) if error.may_have_been_sent() => act("query first", &error.to_string()),
            Err(error) => act("repeat", &error.to_string()),
        }
        // [end]
    }
    assert_eq!(seen, ["top up", "query first", "correct"]);
    sandbox.misbehave(Misbehaviour::status(400, "PARAM_ERROR", "参数错误"));
    // [catch-all]
    if let Err(error) = refunds.post(&refund).wait() {
        tracing::error!(%error, request_id = error.request_id(), "the refund failed");
    }
    // [end]
    sandbox.misbehave(Misbehaviour::status(400, "PARAM_ERROR", "参数错误"));
    // [get-response]
    let (status, bytes) = match refunds.post(&refund).await {
        Ok(response) => (response.status(), response.bytes().clone()),
        Err(error) => match error.into_response() {
            Some(response) => (response.status(), response.into_body()),
            None => return Err("there was no answer".into()),
        },
    };
    // [end]
    assert_eq!(status, 400);
    assert!(bytes.starts_with(b"{"));
    Ok(())
}

#[test]
fn money() {
    let client = offline();
    let yuan = 1.1_f64;
    // [money]
    let fen = (yuan * 100.0).round() as i64;
    let amount = json!({ "total": fen, "currency": "CNY" });
    // [end]
    assert_eq!(amount["total"], 110);
    let sent = |total: f64| {
        let order = json!({ "amount": { "total": total } });
        body(client.chain("v3/pay/transactions/jsapi").post(order))
    };
    assert_eq!(sent(29.0 * 100.0), r#"{"amount":{"total":2900}}"#);
    assert_eq!(
        sent(yuan * 100.0),
        r#"{"amount":{"total":110.00000000000001}}"#
    );
}

#[test]
fn queries() -> Outcome {
    let (sandbox, client) = start();
    // [query]
    let stocks = client.chain("v3/marketing/favor/stocks");
    let by_object = stocks
        .get()
        .query(
            json!({ "offset": 0, "limit": 10, "create_start_time": "2024-05-20T13:29:35+08:00" }),
        )
        .wait()?;
    let by_text = stocks.get().query("offset=0&limit=10").wait()?;
    let in_the_path = client
        .chain("v3/marketing/favor/stocks?offset=0&limit=10")
        .get()
        .wait()?;
    // [end]
    for response in [by_object, by_text, in_the_path] {
        assert!(response.verified());
    }
    let targets = targets(&sandbox);
    assert!(targets[0].ends_with("create_start_time=2024-05-20T13%3A29%3A35%2B08%3A00"));
    assert!(targets[1].ends_with("/stocks?offset=0&limit=10"));
    assert_eq!(targets[1], targets[2]);
    let query = json!({ "a": true, "b": null, "c": ["x", "y"] });
    let odd = client.chain("v3/marketing/favor/stocks").get().query(query);
    assert!(target(odd).ends_with("?a=true&c=x&c=y"));
    Ok(())
}

#[test]
fn bills() -> Outcome {
    let (sandbox, client) = start();
    let address = format!("{}v3/billdownload/file?token=AbC", sandbox.base_uri());
    sandbox.answer(
        "GET",
        "/v3/bill/tradebill",
        200,
        json!({ "download_url": address }),
    );
    let csv = CannedAnswer::new(200).body("交易时间").unsigned();
    sandbox.answer_with("GET", "/v3/billdownload/file", csv);
    // [bill]
    let bill = client
        .chain("v3/bill/tradebill")
        .get()
        .query(json!({ "bill_date": "2024-05-20" }))
        .wait()?
        .data()?;
    let address = bill["download_url"].as_str().unwrap_or_default();
    let csv = client.url(address).wait()?.text();
    // [end]
    assert_eq!(csv, "交易时间");
    Ok(())
}

#[tokio::test]
async fn middlewares() -> Outcome {
    let sandbox = sandbox();
    let builder = sandbox.client_builder();
    let builder = builder.cert(sandbox.platform_serial(), sandbox.platform_public_key());
    // [client-headers]
    let client = builder
        .header("X-Trace", "shop-7")
        .timeout(Duration::from_secs(10))
        .build()?;
    // [end]
    let refunds = client.chain("v3/refund/domestic/refunds");
    let refund = refund();
    sandbox.misbehave(Misbehaviour::status(429, "FREQUENCY_LIMITED", "频率超限"));
    // [retry]
    let retry = Retry::idempotent()
        .attempts(5)
        .first_pause(Duration::from_millis(200));
    let response = refunds.post(&refund).retry(retry).await?;
    // [end]
    assert!(response.verified());
    assert_eq!(sandbox.received()[1].header("X-Trace"), Some("shop-7"));
    Ok(())
}

/// A service with the merchant's key, as far as these snippets see it.
async fn ask(path: &str, question: Value) -> Result<String, ServiceError> {
    let sandbox = Sandbox::start().await?;
    let text = |name: &str| question[name].as_str().unwrap_or_default().to_owned();
    match path {
        "/sign" => {
            let key = PrivateKey::from_pem(sandbox.merchant_private_key())?;
            Ok(key.sign(text("message")))
        }
        _ => {
            let key = PublicKey::from_pem(sandbox.platform_public_key())?;
            let is_right = key.verify(text("message"), text("signature"));
            Ok(if is_right { "OK" } else { "NO" }.to_owned())
        }
    }
}

// [vault]
struct Vault;

impl Signer for Vault {
    fn sign<'a>(&'a self, message: &'a [u8]) -> ServiceFuture<'a, String> {
        let message = String::from_utf8_lossy(message);
        Box::pin(async move { ask("/sign", json!({ "message": message })).await })
    }
}

impl Verifier for Vault {
    fn verify<'a>(
        &'a self,
        serial: &'a str,
        message: &'a [u8],
        signature: &'a str,
    ) -> ServiceFuture<'a, bool> {
        let message = String::from_utf8_lossy(message);
        let question = json!({ "serial": serial, "message": message, "signature": signature });
        Box::pin(async move { Ok(ask("/verify", question).await? == "OK") })
    }
}
// [end]

#[tokio::test]
async fn keys_elsewhere() -> Outcome {
    let sandbox = sandbox();
    let builder = Client::builder()
        .base_uri(sandbox.base_uri())
        .root_certificate(sandbox.root_certificate().unwrap());
    let (mchid, serial) = (sandbox.mchid(), sandbox.merchant_serial());
    // [vault-client]
    let client = builder
        .mchid(mchid)
        .serial(serial)
        .signer(Vault)
        .verifier(Vault)
        .build()?;
    // [end]
    let response = client.chain("v3/refund/domestic/refunds").post(refund());
    assert!(response.await?.verified());
    let (order, own) = (refund(), sandbox.client());
    let send = async |request: http::Request<bytes::Bytes>| {
        let path = request.uri().path().to_owned();
        let response = own.chain(path).post(request.into_body()).await?;
        let mut answer = http::Response::new(response.bytes().clone());
        *answer.headers_mut() = response.headers().clone();
        Ok::<_, Error>(answer)
    };
    let client = sandbox.client();
    // [another-http-client]
    let (request, answer) = client
        .chain("v3/refund/domestic/refunds")
        .post(order)
        .into_parts()?;
    let response = answer.accept(send(request).await?)?;
    // [end]
    assert!(response.verified());
    Ok(())
}

#[test]
fn uploads() -> Outcome {
    let (sandbox, client) = start();
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("porting.mp4");
    fs::write(&path, "a video")?;
    // [upload]
    let media = Media::from_path(path)?;
    let response = client
        .chain("v3/merchant/media/video_upload")
        .post(media)
        .wait()?;
    // [end]
    assert!(response.data()?["media_id"].is_string());
    let bytes = vec![0xff, 0xd8, 0xff];
    // [upload-bytes]
    let media = Media::new("营业执照.jpg", bytes);
    let response = client
        .v3()
        .marketing()
        .favor()
        .media()
        .image_upload()
        .post(media)
        .wait()?;
    // [end]
    assert!(response.data()?["media_url"].is_string());
    sandbox.answer(
        "POST",
        "/v3/marketing/shopping-receipt/shoppingreceipts",
        200,
        json!({}),
    );
    let bytes = "receipt";
    // [upload-meta]
    let media = Media::new("receipt.jpg", bytes)
        .meta(json!({ "transaction_id": "1217752501201407033233368018" }))
        .digest_key("sha256");
    // [end]
    let request = client
        .chain("v3/marketing/shopping-receipt/shoppingreceipts")
        .post(media);
    let sent = body(request);
    assert!(sent.contains(r#"{"transaction_id":"1217752501201407033233368018","sha256":""#));
    Ok(())
}

// [notification]
fn receive(client: &Client, headers: &http::HeaderMap, body: &[u8]) -> (u16, String) {
    match client.notification(headers, body).wait() {
        Ok(event) if event.event_type() == "TRANSACTION.SUCCESS" => {
            let order = event.data();
            mark_as_paid(&order["out_trade_no"], &order["amount"]["total"]);
            Notification::success()
        }
        Ok(_) => Notification::success(),
        Err(error) => {
            tracing::warn!(%error, "a notification was refused");
            Notification::failure("not accepted")
        }
    }
}
// [end]

fn mark_as_paid(number: &Value, total: &Value) {
    assert_eq!(number, "ORDER2024Ab");
    assert_eq!(total, 2900);
}

#[test]
fn notifications() -> Outcome {
    let sandbox = signing_by_certificate();
    let client = keeping(&sandbox);
    let paid = json!({ "out_trade_no": "ORDER2024Ab", "amount": { "total": 2900 } });
    let event = sandbox.notification("TRANSACTION.SUCCESS", "transaction", &paid);
    let mut headers = http::HeaderMap::new();
    for (name, value) in event.headers() {
        headers.insert(http::HeaderName::try_from(name)?, value.try_into()?);
    }
    assert_eq!(receive(&client, &headers, event.body()).0, 200);
    assert_eq!(receive(&client, &headers, b"{}").0, 500);
    Ok(())
}

#[cfg(feature = "aws-lc-rs")]
#[test]
fn sensitive_fields() -> Outcome {
    let (sandbox, client) = start();
    sandbox.answer(
        "POST",
        "/v3/applyment4sub/applyment/",
        200,
        json!({ "applyment_id": 1 }),
    );
    // [sensitive]
    let response = client
        .chain("v3/applyment4sub/applyment/")
        .post(json!({
            "business_code": "APL_98761234",
            "contact_info": { "contact_name": "张三", "mobile_phone": "13000000000" },
        }))
        .sensitive(["/contact_info/contact_name", "/contact_info/mobile_phone"])
        .wait()?;
    // [end]
    assert!(response.verified());
    let received = sandbox.received();
    let sent: Value = serde_json::from_slice(received[0].body())?;
    let field = sent["contact_info"]["contact_name"].as_str().unwrap();
    let opened = sandbox.decrypt(sandbox.platform_serial(), field);
    assert_eq!(opened.as_deref(), Some("张三"));
    let public_key_id = sandbox.platform_serial();
    let public_key = PublicKey::from_pem(sandbox.platform_public_key())?;
    // [sensitive-by-hand]
    let response = client
        .chain("v3/applyment4sub/applyment/")
        .post(json!({
            "business_code": "APL_98761234",
            "contact_info": { "contact_name": public_key.encrypt("张三")? },
        }))
        .header("Wechatpay-Serial", public_key_id)
        .wait()?;
    // [end]
    assert!(response.verified());
    let complaints =
        json!({ "data": [{ "payer_phone": sandbox.encrypt_for_merchant("13000000000") }] });
    sandbox.answer("GET", "/v3/merchant-service/complaints-v2", 200, complaints);
    // [decrypt]
    let response = client
        .chain("v3/merchant-service/complaints-v2")
        .get()
        .query(json!({ "begin_date": "2024-05-01", "end_date": "2024-05-20" }))
        .wait()?;
    let complaints = response.decrypt_known()?;
    // [end]
    assert_eq!(complaints["data"][0]["payer_phone"], "13000000000");
    assert_eq!(response.decrypt(["/data/*/payer_phone"])?, complaints);
    Ok(())
}

#[test]
fn pay_parameters() -> Outcome {
    let client = offline();
    let (appid, prepay_id) = ("wx8888888888888888", "wx201410272009395522657a690389285100");
    // [pay-params]
    let jsapi = client.pay_params().jsapi(appid, prepay_id)?;
    let mini_program = client.pay_params().mini_program(appid, prepay_id)?;
    let app = client.pay_params().app(appid, prepay_id)?;
    // [end]
    assert_eq!(jsapi["package"], mini_program["package"]);
    assert_eq!(app["prepayid"], prepay_id);
    let (timestamp, nonce) = (formatter::timestamp(), formatter::nonce());
    // [pay-params-by-hand]
    let lines = [appid, &timestamp, &nonce, "any package"];
    let signature = client.pay_params().sign(lines)?;
    // [end]
    assert_eq!(signature.len(), 344);
    Ok(())
}

#[test]
fn certificates() -> Outcome {
    let sandbox = signing_by_certificate();
    let client = keeping(&sandbox);
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    // [certificates]
    for certificate in client.certificates().wait()? {
        let name = format!("wechatpay_{}.pem", certificate.serial());
        fs::write(folder.join(name), certificate.pem())?;
    }
    // [end]
    let first = sandbox.certificates().remove(0);
    let saved = folder.join(format!("wechatpay_{}.pem", first.serial()));
    assert_eq!(
        pem::serial_number(fs::read_to_string(saved)?)?,
        first.serial()
    );
    Ok(())
}

#[test]
fn helpers() -> Outcome {
    let keys = concat!("file://", env!("CARGO_MANIFEST_DIR"), "/tests/vectors/keys");
    let key_file = format!("{keys}/merchant.key");
    let certificate_file = format!("{keys}/merchant.crt");
    let (key, nonce, aad) = (
        "0123456789abcdef0123456789abcdef",
        "0123456789ab",
        "certificate",
    );
    let (apiv3_key, ciphertext) = (key, aes_gcm::encrypt("secret", key, nonce, aad)?);
    let message = "any message";
    // [helpers]
    let private_key = PrivateKey::try_from(&key_file)?;
    let public_key = PublicKey::try_from(&certificate_file)?;
    let signature = private_key.sign(message);
    let is_right = public_key.verify(message, &signature);
    let serial = pem::serial_number(&certificate_file)?;
    let plain = aes_gcm::decrypt(&ciphertext, apiv3_key, nonce, aad)?;
    // [end]
    assert!(is_right && !serial.is_empty());
    assert_eq!(plain, "secret");
    Ok(())
}

// [sandbox]
#[test]
fn a_refund_that_is_not_affordable_is_told_apart() -> Result<(), Box<dyn std::error::Error>> {
    let sandbox = Sandbox::start_blocking()?;
    let refusal = json!({ "code": "NOT_ENOUGH", "message": "余额不足" });
    sandbox.answer("POST", "/v3/refund/domestic/refunds", 403, refusal);
    let client = sandbox.client();
    let refund = client.chain("v3/refund/domestic/refunds").post(json!({}));
    let error = refund.wait().unwrap_err();
    assert_eq!(error.api().unwrap().code(), "NOT_ENOUGH");
    assert!(sandbox.received()[0].authenticated());
    Ok(())
}
// [end]

// APIv2.

/// What WeChat Pay says to every success, beside what an endpoint has of its own.
fn said_yes(fields: Value) -> Value {
    let mut said = json!({
        "return_code": "SUCCESS", "return_msg": "OK", "result_code": "SUCCESS",
        "mch_id": "1900000109", "nonce_str": "5K8264ILTKCH16CQ2502SI8ZNMTM67VS",
    });
    let own = fields.as_object().unwrap().clone();
    said.as_object_mut().unwrap().extend(own);
    said
}

#[test]
fn apiv2_clients() {
    let apiv2_key = "exposed_your_key_here_have_risks";
    let factory = || {
        // [v2-factory]
        let client = Client::factory(json!({
            "mchid": "1900000109",
            "serial": "nop",
            "privateKey": "any",
            "certs": { "any": null },
            "secret": apiv2_key,
            "merchant": {
                "cert": "file:///path/to/apiclient_cert.pem",
                "key": "file:///path/to/apiclient_key.pem",
            },
        }))?;
        // [end]
        Ok(client)
    };
    assert_no_file(factory());
    let builder = || {
        // [v2-builder]
        let client = Client::builder()
            .mchid("1900000109")
            .secret(apiv2_key)
            .merchant(
                "file:///path/to/apiclient_cert.pem",
                "file:///path/to/apiclient_key.pem",
            )
            .build()?;
        // [end]
        Ok(client)
    };
    assert_no_file(builder());
}

#[test]
fn apiv2_orders() -> Outcome {
    let (sandbox, client) = start();
    // [v2-order]
    let response = client
        .v2()
        .pay()
        .unifiedorder()
        .post(json!({
            "appid": "wx8888888888888888",
            "mch_id": "1900000109",
            "out_trade_no": "ORDER2024Ab",
            "body": "咖啡一杯",
            "total_fee": 2900,
            "spbill_create_ip": "203.0.113.7",
            "notify_url": "https://shop.example/notify",
            "trade_type": "NATIVE",
        }))
        .wait()?;
    let data = response.data()?;
    let code_url = data["code_url"].as_str();
    // [end]
    assert!(response.verified() && code_url.is_some());
    sandbox.pay("ORDER2024Ab")?;
    // [v2-query]
    let order = client
        .chain("v2/pay/orderquery")
        .post(json!({
            "appid": "wx8888888888888888",
            "mch_id": "1900000109",
            "out_trade_no": "ORDER2024Ab",
            "sign_type": "HMAC-SHA256",
        }))
        .wait()?
        .data()?;
    let is_paid = order["trade_state"] == "SUCCESS";
    let total: i64 = order["total_fee"].as_str().unwrap_or_default().parse()?;
    // [end]
    assert!(is_paid);
    assert_eq!(
        (total, order["sign"].as_str().map(str::len)),
        (2900, Some(64))
    );
    // [v2-refund]
    let refund = client
        .v2()
        .secapi()
        .pay()
        .refund()
        .post(json!({
            "appid": "wx8888888888888888",
            "mch_id": "1900000109",
            "out_trade_no": "ORDER2024Ab",
            "out_refund_no": "R2024Ab",
            "total_fee": 2900,
            "refund_fee": 2900,
        }))
        .wait()?;
    let refund_id = refund.data()?["refund_id"].clone();
    // [end]
    assert!(refund.verified() && refund_id.is_string());
    assert!(sandbox.received()[2].client_certificate().is_some());
    assert!(sandbox.received()[1].client_certificate().is_none());
    Ok(())
}

#[test]
fn apiv2_options() -> Outcome {
    let (sandbox, client) = start();
    let paid = json!({ "payment_no": "1000018301201505190181489473" });
    let paid = CannedAnswer::xml(200, &said_yes(paid)).unsigned();
    sandbox.answer_with("POST", "/mmpaymkttransfers/promotion/transfers", paid);
    // [v2-options]
    let response = client
        .v2()
        .mmpaymkttransfers()
        .promotion()
        .transfers()
        .request(
            "POST",
            json!({
                "xml": {
                    "mch_appid": "wx8888888888888888",
                    "mchid": "1900000109",
                    "partner_trade_no": "10000098201411111234567890",
                    "openid": "oxTWIuGaIt6gTKsQRLau2M0yL16E",
                    "check_name": "FORCE_CHECK",
                    "re_user_name": "王小王",
                    "amount": 10099,
                    "desc": "理赔",
                },
                "security": true,
            }),
        )
        .wait()?;
    let payment_no = response.data()?["payment_no"].clone();
    // [end]
    assert_eq!(payment_no, "1000018301201505190181489473");
    let customs = CannedAnswer::xml(200, &said_yes(json!({})));
    sandbox.answer_with("POST", "/cgi-bin/mch/customs/customdeclareorder", customs);
    let declaration = json!({
        "appid": "wx8888888888888888", "mch_id": "1900000109", "out_trade_no": "ORDER2024Ab",
        "customs": "GUANGZHOU_ZS", "mch_customs_no": "D00411",
    });
    // [v2-methods]
    let response = client
        .chain("v2/cgi-bin/mch/customs/customdeclareorder")
        .post(declaration)
        .nonceless()
        .security()
        .wait()?;
    // [end]
    assert!(response.verified());
    let received = sandbox.received();
    assert!(received.iter().all(|it| it.client_certificate().is_some()));
    assert!(!String::from_utf8_lossy(received[1].body()).contains("nonce_str"));
    Ok(())
}

#[test]
fn apiv2_queries() -> Outcome {
    let (sandbox, client) = start();
    let there = "https://payapp.weixin.qq.com/entrust?id=1";
    let redirect = CannedAnswer::new(302).header("Location", there).unsigned();
    sandbox.answer_with("GET", "/papay/entrustweb", redirect);
    let contract = json!({
        "appid": "wx8888888888888888", "mch_id": "1900000109", "plan_id": "12535",
        "contract_code": "100000", "request_serial": 1000, "version": "1.0",
        "contract_display_account": "微信代扣", "timestamp": formatter::timestamp(),
        "notify_url": "https://shop.example/notify",
    });
    // [v2-get]
    let page = client.v2().papay().entrustweb();
    let response = page.get().query(&contract).wait()?;
    let there = response.location();
    let address = page.get().query(&contract).into_http()?.uri().to_string();
    // [end]
    assert_eq!(there, response.header("Location"));
    assert!(sandbox.received()[0].authenticated());
    assert!(address.contains("/papay/entrustweb?") && address.contains("&sign="));
    Ok(())
}

#[test]
fn apiv2_micropay() -> Outcome {
    let (sandbox, client) = start();
    let act = |what: &str, _: &str| what.to_owned();
    let mut seen = Vec::new();
    for (out_trade_no, auth_code) in [
        ("ORDER2024Ab", "134567890123456789"),
        ("SANDBOX_USERPAYING_1", "134567890123456788"),
        ("ORDER2024Ac", "034567890123456789"),
    ] {
        // [v2-micropay]
        let payment = client
            .v2()
            .pay()
            .micropay()
            .post(json!({
                "appid": "wx8888888888888888",
                "mch_id": "1900000109",
                "out_trade_no": out_trade_no,
                "body": "咖啡一杯",
                "total_fee": 2900,
                "spbill_create_ip": "203.0.113.7",
                "auth_code": auth_code,
            }))
            .wait();
        let done = match payment {
            Ok(response) => act("save", &response.text()),
            Err(Error::Api(error)) if error.status().is_success() => match error.code() {
                "USERPAYING" | "SYSTEMERROR" | "BANKERROR" | "ORDERPAID" => {
                    act("query", error.code())
                }
                _ => act("refuse", error.message()),
            },
            Err(error) if error.may_have_been_sent() => act("query", &error.to_string()),
            Err(error) => act("repeat", &error.to_string()),
        };
        // [end]
        seen.push(done);
    }
    assert_eq!(seen, ["save", "query", "refuse"]);
    let out_trade_no = "SANDBOX_USERPAYING_1";
    // [v2-reverse]
    let reversed = client
        .v2()
        .secapi()
        .pay()
        .reverse()
        .post(json!({
            "appid": "wx8888888888888888",
            "mch_id": "1900000109",
            "out_trade_no": out_trade_no,
        }))
        .wait()?
        .data()?;
    let is_to_be_repeated = reversed["recall"] == "Y";
    // [end]
    assert!(!is_to_be_repeated);
    assert_eq!(sandbox.received().len(), 4);
    Ok(())
}

#[test]
fn apiv2_red_packets() -> Outcome {
    let (sandbox, client) = start();
    // [v2-red-packet]
    let response = client
        .v2()
        .mmpaymkttransfers()
        .sendredpack()
        .post(json!({
            "wxappid": "wx8888888888888888",
            "mch_id": "1900000109",
            "mch_billno": "10000098201411111234567890",
            "re_openid": "oxTWIuGaIt6gTKsQRLau2M0yL16E",
            "send_name": "天虹百货",
            "total_amount": 1000,
            "total_num": 1,
            "wishing": "感谢您参加猜灯谜活动",
            "act_name": "猜灯谜抢红包活动",
            "remark": "猜越多得越多",
            "client_ip": "203.0.113.7",
        }))
        .wait()?;
    let send_listid = response.data()?["send_listid"].clone();
    // [end]
    assert!(send_listid.is_string() && !response.verified());
    let sent = CannedAnswer::xml(200, &said_yes(json!({ "send_listid": "1" })));
    sandbox.answer_with("POST", "/mmpaymkttransfers/sendworkwxredpack", sent);
    let agent_secret = "the secret of the payment application";
    let red_packet = json!({
        "wxappid": "wx8888888888888888", "mch_id": "1900000109", "mch_billno": "1000009820",
        "re_openid": "oxTWIuGaIt6gTKsQRLau2M0yL16E", "total_amount": 1000, "act_name": "节日",
    });
    // [v2-workwx]
    let response = client
        .v2()
        .mmpaymkttransfers()
        .sendworkwxredpack()
        .post(red_packet)
        .workwx_sign(agent_secret)
        .wait()?;
    // [end]
    assert!(response.verified());
    let sent = transformer::to_value(std::str::from_utf8(sandbox.received()[1].body())?)?;
    assert_eq!(sent["workwx_sign"].as_str().map(str::len), Some(32));
    Ok(())
}

#[cfg(feature = "aws-lc-rs")]
#[test]
fn apiv2_bank_cards() -> Outcome {
    let (sandbox, client) = start();
    let key = json!({ "pub_key": sandbox.platform_public_key() });
    let key = CannedAnswer::xml(200, &said_yes(key)).unsigned();
    sandbox.answer_with("POST", "/risk/getpublickey", key);
    let paid = CannedAnswer::xml(200, &said_yes(json!({}))).unsigned();
    sandbox.answer_with("POST", "/mmpaysptrans/pay_bank", paid);
    let card = "6225000000000000";
    // [v2-encrypt]
    let answer = client
        .v2()
        .risk()
        .getpublickey()
        .post(json!({ "mch_id": "1900000109" }))
        .wait()?
        .data()?;
    let key = PublicKey::from_pem(answer["pub_key"].as_str().unwrap_or_default())?;
    let response = client
        .v2()
        .mmpaysptrans()
        .pay_bank()
        .post(json!({
            "mch_id": "1900000109",
            "partner_trade_no": "1212121221227",
            "enc_bank_no": key.encrypt(card)?,
            "enc_true_name": key.encrypt("张三")?,
            "bank_code": "1001",
            "amount": 100000,
            "desc": "理财",
        }))
        .wait()?;
    // [end]
    assert!(!response.verified());
    let sent = transformer::to_value(std::str::from_utf8(sandbox.received()[1].body())?)?;
    let field = sent["enc_bank_no"].as_str().unwrap();
    let opened = sandbox.decrypt(sandbox.platform_serial(), field);
    assert_eq!(opened.as_deref(), Some(card));
    Ok(())
}

#[test]
fn apiv2_bills_and_uploads() -> Outcome {
    let (sandbox, client) = start();
    // [v2-bill]
    let bill = client
        .v2()
        .pay()
        .downloadbill()
        .post(json!({
            "appid": "wx8888888888888888",
            "mch_id": "1900000109",
            "bill_date": "20240520",
            "bill_type": "ALL",
        }))
        .wait()?;
    let csv = bill.text();
    // [end]
    assert!(csv.contains("交易时间") && !bill.verified());
    let bytes = vec![0xff, 0xd8, 0xff];
    // [v2-upload]
    let media = Media::new("licence.jpg", bytes.clone())
        .field("mch_id", "1900000109")
        .field("media_hash", hash::md5(&bytes, ""));
    let upload = client.v2().secapi().mch().uploadmedia().post(media);
    // [end]
    let upload = String::from_utf8_lossy(&upload.into_http()?.into_body()).into_owned();
    assert!(upload.contains("name=\"sign\"") && upload.contains("filename=\"licence.jpg\""));
    assert_eq!(sandbox.received().len(), 1);
    Ok(())
}

#[test]
fn apiv2_failures() {
    let (sandbox, client) = start();
    let act = |what: &'static str, _: &str| what;
    let refunds = client.v2().secapi().pay().refund();
    let refund = json!({ "mch_id": "1900000109", "out_refund_no": "R2024Ab" });
    let failed = |code: &str| {
        let fields = json!({ "result_code": "FAIL", "err_code": code, "err_code_des": "…" });
        CannedAnswer::xml(200, &said_yes(fields))
    };
    let page = "<html><head><title>502 Bad Gateway</title></head></html>";
    let mut seen = Vec::new();
    for answer in [
        failed("NOTENOUGH"),
        failed("SYSTEMERROR"),
        failed("INVALID_REQUEST"),
        CannedAnswer::new(502).body(page),
        CannedAnswer::xml(200, &said_yes(json!({}))).unsigned(),
        CannedAnswer::xml(200, &said_yes(json!({}))),
    ] {
        sandbox.answer_with("POST", "/secapi/pay/refund", answer);
        // [v2-error]
        let done = match refunds.post(&refund).wait() {
            Ok(response) => act("save", &response.text()),
            Err(Error::Api(error)) if error.status().is_success() => match error.code() {
                "NOTENOUGH" => act("top up", error.message()),
                "SYSTEMERROR" | "BIZERR_NEED_RETRY" => act("query first", error.message()),
                _ => act("correct", error.message()),
            },
            Err(error) if error.may_have_been_sent() => act("query first", &error.to_string()),
            Err(error) => act("repeat", &error.to_string()),
        };
        // [end]
        seen.push(done);
    }
    assert_eq!(
        seen,
        [
            "top up",
            "query first",
            "correct",
            "query first",
            "query first",
            "save"
        ]
    );
}

// [v2-notification]
fn receive_v2(client: &Client, body: &[u8]) -> String {
    match client.notification_v2(body) {
        Ok(event) if event.is_refund() => {
            query_refund(&event.data()["out_refund_no"]);
            NotificationV2::reply_ok()
        }
        Ok(event) if event.data()["result_code"] == "SUCCESS" => {
            let order = event.data();
            save_as_paid(&order["out_trade_no"], &order["total_fee"]);
            NotificationV2::reply_ok()
        }
        Ok(_) => NotificationV2::reply_ok(),
        Err(error) => {
            tracing::warn!(%error, "a notification was refused");
            NotificationV2::reply_fail("not accepted")
        }
    }
}
// [end]

fn save_as_paid(number: &Value, total: &Value) {
    assert_eq!((number, total), (&json!("ORDER2024Ab"), &json!("2900")));
}

fn query_refund(number: &Value) {
    assert_eq!(number, "R2024Ab");
}

#[test]
fn apiv2_notifications() -> Outcome {
    let (sandbox, client) = start();
    let paid = json!({ "out_trade_no": "ORDER2024Ab", "total_fee": 2900 });
    let paid = sandbox.notification_v2(&paid);
    let refunded = sandbox.refund_notification_v2(&json!({ "out_refund_no": "R2024Ab" }));
    for event in [&paid, &refunded] {
        assert!(receive_v2(&client, event.body()).contains("SUCCESS"));
    }
    let forged = String::from_utf8_lossy(paid.body()).replace("2900", "1");
    assert!(receive_v2(&client, forged.as_bytes()).contains("FAIL"));
    let xml = std::str::from_utf8(paid.body())?;
    // [v2-xml]
    let fields = transformer::to_value(xml)?;
    let reply = transformer::to_xml(&json!({ "return_code": "SUCCESS", "return_msg": "OK" }));
    // [end]
    assert_eq!(fields["total_fee"], "2900");
    assert_eq!(reply, NotificationV2::reply_ok());
    Ok(())
}

#[test]
fn apiv2_signatures() -> Outcome {
    let apiv2_key = "exposed_your_key_here_have_risks";
    let client = Client::builder().mchid("1900000109").secret(apiv2_key);
    let client = client.build()?;
    let openid = "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o";
    let (appid, prepay_id) = ("wx8888888888888888", "wx201410272009395522657a690389285100");
    // [v2-pay-params]
    let sign_type = SignType::HmacSha256;
    let jsapi = client.pay_params().jsapi_v2(appid, prepay_id, sign_type)?;
    let app = client.pay_params().app_v2(appid, prepay_id, sign_type)?;
    // [end]
    for sign in [&jsapi["paySign"], &app["sign"]] {
        assert_eq!(sign.as_str().map(str::len), Some(64));
    }
    // [v2-coupons]
    let coupons = json!([
        { "out_request_no": "1234567", "stock_id": "abc123" },
        { "out_request_no": "7654321", "stock_id": "321cba" },
    ]);
    let sent = client.pay_params().mini_program_coupons(&coupons)?;
    let coupon = json!({ "out_request_no": "1234567", "stock_id": "abc123", "open_id": openid });
    let query = client.pay_params().h5_coupon(&coupon)?;
    // [end]
    let text = "out_request_no0=1234567&out_request_no1=7654321&send_coupon_merchant=1900000109\
                &stock_id0=abc123&stock_id1=321cba";
    let sign = hash::sign(SignType::HmacSha256, text, apiv2_key);
    assert_eq!(sent["sign"], sign);
    assert_eq!(query["sign"].as_str().map(str::len), Some(64));
    Ok(())
}

#[test]
fn apiv2_merchants() -> Outcome {
    let sandbox = sandbox();
    let builder = sandbox.client_builder();
    let builder = builder.cert(sandbox.platform_serial(), sandbox.platform_public_key());
    let first = builder.build()?;
    let builder = Client::builder().base_uri(sandbox.base_uri());
    let apiv2_key = sandbox.secret();
    let (certificate, key) = (
        sandbox.merchant_certificate(),
        sandbox.merchant_private_key(),
    );
    // [v2-merchants]
    let second = builder
        .mchid("1900000110")
        .secret(apiv2_key)
        .merchant(certificate, key)
        .transport_of(&first)
        .build()?;
    // [end]
    let order = json!({ "appid": "wx1", "mch_id": "1900000110", "out_trade_no": "ORDER2024Ab" });
    let error = second
        .v2()
        .pay()
        .orderquery()
        .post(order)
        .wait()
        .unwrap_err();
    assert_says(&error, &["200 FAIL", "商户号"]);
    Ok(())
}

#[test]
fn apiv2_in_tests() -> Outcome {
    let receive = receive_v2;
    // [v2-sandbox]
    let sandbox = Sandbox::start_blocking()?;
    let client = sandbox.client();
    let order = json!({
        "appid": "wx8888888888888888",
        "mch_id": sandbox.mchid(),
        "out_trade_no": "ORDER2024Ab",
        "body": "咖啡一杯",
        "total_fee": 2900,
        "spbill_create_ip": "203.0.113.7",
        "notify_url": "https://shop.example/notify",
        "trade_type": "NATIVE",
    });
    client.v2().pay().unifiedorder().post(order).wait()?;
    sandbox.pay("ORDER2024Ab")?;
    let event = sandbox.notification_v2(&json!({ "out_trade_no": "ORDER2024Ab" }));
    assert!(receive(&client, event.body()).contains("SUCCESS"));
    // [end]
    Ok(())
}
