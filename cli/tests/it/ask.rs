//! `wechatpay get`, `post` and so on.

use std::fs;
use std::time::Duration;

use serde_json::{Value, json};
use wechatpay_sandbox::{Misbehaviour, Sandbox};

use crate::support::{
    assert_shown, folder, run, run_with_input, wechatpay, wechatpay_at, wechatpay_with,
};

fn sandbox() -> Sandbox {
    Sandbox::builder().plain().start_blocking().unwrap()
}

/// The body of the only request that came.
fn body(sandbox: &Sandbox) -> Value {
    let received = sandbox.received();
    assert_eq!(received.len(), 1);
    assert!(received[0].authenticated());
    serde_json::from_slice(received[0].body()).unwrap()
}

#[test]
fn items_become_body_query_and_headers() {
    let sandbox = sandbox();
    sandbox.answer(
        "POST",
        "/v3/any/thing",
        200,
        json!({ "b": 1.50, "a": "微" }),
    );
    let answered = run(wechatpay_at(
        &sandbox,
        &[
            "post",
            "/v3/any/{what}?first=1",
            "--var",
            "what=thing",
            "text=0123",
            "number:=1",
            "goods[0][price]:=2",
            "goods[0][name]=x",
            "second==a b",
            "X-Trace:abc",
        ],
    ));
    assert_eq!(answered.code, 0, "{}", answered.stderr);
    assert_eq!(answered.stdout, r#"{"b":1.5,"a":"微"}"#);
    let received = &sandbox.received()[0];
    assert_eq!(received.target(), "/v3/any/thing?first=1&second=a%20b");
    assert_eq!(received.header("x-trace"), Some("abc"));
    assert_eq!(
        received.body(),
        br#"{"text":"0123","number":1,"goods":[{"price":2,"name":"x"}]}"#
    );
}

#[test]
fn a_body_of_a_file_or_of_standard_input_goes_byte_for_byte() {
    let body: &[u8] = b"{ \"b\" : 1.0,\n\"a\": 2 }\n";
    let folder = folder();
    let file = folder.path().join("body.json");
    fs::write(&file, body).unwrap();
    let file = format!("@{}", file.display());
    for (item, input) in [(file.as_str(), &b""[..]), ("-", body)] {
        let sandbox = sandbox();
        sandbox.misbehave(Misbehaviour::no_content());
        let command = wechatpay_at(&sandbox, &["put", "v3/any", item]);
        let done = run_with_input(command, input);
        assert_eq!(done.code, 0, "{}", done.stderr);
        assert_eq!(sandbox.received()[0].body(), body);
    }
}

#[test]
fn what_is_no_json_and_two_bodies_are_not_sent() {
    let sandbox = sandbox();
    for (arguments, said) in [
        (&["post", "v3/any", "-"][..], "the body is no JSON"),
        (&["post", "v3/any", "-", "a=1"], "not from two"),
        (&["get", "v3/any", "a=1"], "name==value"),
        (
            &["post", "https://api.mch.weixin.qq.com/v3/any"],
            "as it stands",
        ),
    ] {
        let refused = run_with_input(wechatpay_at(&sandbox, arguments), b"{");
        assert_eq!((refused.code, refused.stdout.as_str()), (2, ""));
        assert!(refused.stderr.contains(said), "{}", refused.stderr);
    }
    assert!(sandbox.received().is_empty());
}

#[test]
fn a_dry_run_shows_what_would_be_signed_and_sends_nothing() {
    let sandbox = sandbox();
    let order = ["post", "v3/pay/transactions/native", "amount[total]:=1"];
    let shown = run(wechatpay_at(
        &sandbox,
        &[&order[..], &["--dry-run"]].concat(),
    ));
    assert_shown!(shown, @r#"
    exit 0
    --- stdout
    POST http://127.0.0.1:PORT/v3/pay/transactions/native
    Accept: application/json, text/plain, application/x-gzip, application/pdf, image/png, image/*;q=0.5
    Content-Type: application/json
    Wechatpay-Serial: PUB_KEY_ID_0119000001092020010100000000000000
    User-Agent: wechatpay-chain/0.1.0 (aws-lc-rs)
    Authorization: WECHATPAY2-SHA256-RSA2048 mchid="1900000109",serial_no="5A4D42D2053AB2F377643C6EADB695C908E1DC17",timestamp="SECONDS",nonce_str="NONCE",signature="…"

    {"amount":{"total":1}}

    the message that is signed, 5 lines, each ended by a line feed

    POST
    /v3/pay/transactions/native
    SECONDS
    NONCE
    {"amount":{"total":1}}
    --- stderr
    "#);
    let shown = run(wechatpay_at(
        &sandbox,
        &[&order[..], &["--dry-run", "--json"]].concat(),
    ));
    let shown: Value = serde_json::from_str(&shown.stdout).unwrap();
    assert_eq!(shown["method"], "POST");
    let signed = shown["signed"].as_str().unwrap();
    assert!(
        signed.ends_with("\n{\"amount\":{\"total\":1}}\n"),
        "{signed}"
    );
    let of_v2 = run(wechatpay_at(
        &sandbox,
        &[
            "post",
            "v2/pay/orderquery",
            "mch_id=1900000109",
            "out_trade_no=1",
            "--dry-run",
        ],
    ));
    assert_shown!(of_v2, @"
    exit 0
    --- stdout
    POST http://127.0.0.1:PORT/pay/orderquery
    Accept: text/xml, text/plain, application/x-gzip
    Content-Type: text/xml; charset=utf-8
    User-Agent: wechatpay-chain/0.1.0 (aws-lc-rs)

    <xml><mch_id>1900000109</mch_id><out_trade_no>1</out_trade_no><nonce_str>NONCE</nonce_str><sign>…</sign></xml>

    the message that is signed, with the APIv2 key at its end

    mch_id=1900000109&nonce_str=NONCE&out_trade_no=1&key=…
    --- stderr
    ");
    assert_eq!(sandbox.connections(), 0);
}

#[test]
fn a_dry_run_of_a_get_of_v2_shows_what_its_query_signs() {
    let sandbox = sandbox();
    let shown = run(wechatpay_at(
        &sandbox,
        &[
            "get",
            "v2/papay/entrustweb",
            "appid=wx8888888888888888",
            "mch_id=1900000109",
            "contract_display_account==微 信",
            "--dry-run",
        ],
    ));
    assert_shown!(shown, @"
    exit 0
    --- stdout
    GET http://127.0.0.1:PORT/papay/entrustweb?contract_display_account=%E5%BE%AE%20%E4%BF%A1&appid=wx8888888888888888&mch_id=1900000109&sign=…
    Accept: text/xml, text/plain, application/x-gzip
    Content-Type: text/xml; charset=utf-8
    User-Agent: wechatpay-chain/0.1.0 (aws-lc-rs)

    the message that is signed, with the APIv2 key at its end

    appid=wx8888888888888888&contract_display_account=微 信&mch_id=1900000109&key=…
    --- stderr
    ");
}

#[test]
fn a_line_for_curl_warns() {
    let sandbox = sandbox();
    let shown = run(wechatpay_at(
        &sandbox,
        &["post", "v3/any", "name=it's", "--curl"],
    ));
    assert_shown!(shown, @r#"
    exit 0
    --- stdout
    curl -X POST 'http://127.0.0.1:PORT/v3/any' -H 'Accept: application/json, text/plain, application/x-gzip, application/pdf, image/png, image/*;q=0.5' -H 'Content-Type: application/json' -H 'Wechatpay-Serial: PUB_KEY_ID_0119000001092020010100000000000000' -H 'User-Agent: wechatpay-chain/0.1.0 (aws-lc-rs)' -H 'Authorization: WECHATPAY2-SHA256-RSA2048 mchid="1900000109",serial_no="5A4D42D2053AB2F377643C6EADB695C908E1DC17",timestamp="SECONDS",nonce_str="NONCE",signature="SIGNATURE"' --data-binary '{"name":"it'\''s"}'
    --- stderr
    warning: whoever has this line can send this request, as the merchant, for five minutes
    "#);
    assert_eq!(sandbox.connections(), 0);
}

#[test]
fn include_shows_status_and_headers_of_refusals_too() {
    let sandbox = sandbox();
    sandbox.answer("GET", "/v3/any", 200, json!({}));
    let shown = run(wechatpay_at(&sandbox, &["get", "v3/any", "-i"]));
    assert!(
        shown.stdout.starts_with("HTTP 200 OK\n"),
        "{}",
        shown.stdout
    );
    assert!(shown.stdout.contains("\nWechatpay-Serial: PUB_KEY_ID_"));
    assert!(shown.stdout.ends_with("\n\n{}"), "{}", shown.stdout);
    let refused = run(wechatpay_at(&sandbox, &["get", "v3/nothing", "-i"]));
    assert_eq!(refused.code, 4);
    assert!(refused.stdout.starts_with("HTTP 404 Not Found\n"));
    assert!(refused.stdout.ends_with('}'), "{}", refused.stdout);
}

#[test]
fn an_answer_goes_into_a_file_as_a_whole_or_not_at_all() {
    let sandbox = sandbox();
    let folder = folder();
    let file = folder.path().join("answer");
    let path = file.to_str().unwrap();
    // Signed as a whole.
    let bill = [
        "get",
        "v3/bill/tradebill",
        "bill_date==2024-01-01",
        "-o",
        path,
    ];
    let saved = run(wechatpay_at(&sandbox, &bill));
    assert_shown!(saved, @"
    exit 0
    --- stdout
    --- stderr
    FOLDER/answer: 157 bytes
    ");
    let answer: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    // Not signed, and in pieces.
    let address = answer["download_url"].as_str().unwrap();
    let saved = run(wechatpay_at(&sandbox, &["get", address, "-o", path]));
    assert_eq!(
        (saved.code, saved.stdout.as_str()),
        (0, ""),
        "{}",
        saved.stderr
    );
    let bytes = fs::read(&file).unwrap();
    assert_eq!(bytes.len(), 95);
    let piped = run(wechatpay_at(&sandbox, &["get", address]));
    assert_eq!(piped.stdout.as_bytes(), bytes);
    // What fails leaves what was there.
    for misbehaviour in [Misbehaviour::CutInAnswer, Misbehaviour::Unsigned] {
        sandbox.misbehave(misbehaviour);
        assert_ne!(run(wechatpay_at(&sandbox, &bill)).code, 0);
        assert_eq!(fs::read(&file).unwrap(), bytes);
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn sensitive_fields_are_encrypted() {
    let sandbox = sandbox();
    sandbox.answer("POST", "/v3/profitsharing/receivers/add", 200, json!({}));
    for sensitive in ["/name", "known"] {
        let done = run(wechatpay_at(
            &sandbox,
            &[
                "post",
                "v3/profitsharing/receivers/add",
                "type=MERCHANT_ID",
                "account=1900000110",
                "name=张三",
                "--sensitive",
                sensitive,
            ],
        ));
        assert_eq!(done.code, 0, "{}", done.stderr);
    }
    for received in sandbox.received() {
        let body: Value = serde_json::from_slice(received.body()).unwrap();
        let name = body["name"].as_str().unwrap();
        let serial = sandbox.platform_serial();
        assert_eq!(sandbox.decrypt(serial, name).unwrap(), "张三");
    }
}

#[test]
fn sensitive_fields_of_an_answer_are_opened_when_asked() {
    let sandbox = sandbox();
    let name = sandbox.encrypt_for_merchant("张三").unwrap();
    sandbox.answer("GET", "/v3/any", 200, json!({ "name": name }));
    let shown = run(wechatpay_at(&sandbox, &["get", "v3/any"]));
    assert!(!shown.stdout.contains("张三"));
    let opened = run(wechatpay_at(
        &sandbox,
        &["get", "v3/any", "--decrypt", "/name"],
    ));
    assert_eq!(opened.stdout, "{\"name\":\"张三\"}\n", "{}", opened.stderr);
}

#[test]
fn retry_sends_again_what_may_succeed() {
    let sandbox = sandbox();
    sandbox.answer("GET", "/v3/any", 200, json!({}));
    for (times, code) in [("0", 4), ("1", 0)] {
        sandbox.misbehave(Misbehaviour::status(429, "FREQUENCY_LIMITED", "频率超限"));
        let asked = run(wechatpay_at(&sandbox, &["get", "v3/any", "--retry", times]));
        assert_eq!(asked.code, code, "{}", asked.stderr);
    }
    assert_eq!(sandbox.received().len(), 3);
}

#[test]
fn a_timeout_may_have_arrived() {
    let sandbox = sandbox();
    sandbox.misbehave(Misbehaviour::Delay(Duration::from_secs(20)));
    let asked = run(wechatpay_at(
        &sandbox,
        &["post", "v3/any", "--timeout", "1"],
    ));
    assert_eq!(asked.code, 7, "{}", asked.stderr);
}

#[test]
fn a_path_that_is_near_a_known_one_is_told_of() {
    let sandbox = sandbox();
    let shown = run(wechatpay_at(
        &sandbox,
        &["post", "v3/pay/transactoins/native", "--dry-run"],
    ));
    assert_eq!(
        shown.stderr,
        "warning: the catalogue does not know this path; probably meant: v3/pay/transactions/native\n"
    );
    let typo = run(wechatpay_at(
        &sandbox,
        &["post", "v3/pay/transactoins/native"],
    ));
    assert_shown!(typo, @r#"
    exit 4
    --- stdout
    {"code":"RESOURCE_NOT_EXISTS","message":"请求的资源不存在，请检查请求的URL"}--- stderr
    error: POST v3/pay/transactoins/native: 404 RESOURCE_NOT_EXISTS: 请求的资源不存在，请检查请求的URL; the catalogue does not know this path; did you mean v3/pay/transactions/native? (Request-ID ID)
    "#);
}

#[test]
fn a_field_that_is_not_known_is_told_of_and_sent() {
    let sandbox = sandbox();
    sandbox.answer("POST", "/v3/refund/domestic/refunds", 200, json!({}));
    let refund = run(wechatpay_at(
        &sandbox,
        &[
            "post",
            "v3/refund/domestic/refunds",
            "out_trade_nr=1",
            "total:=1",
            "amount[totl]=x-secret",
            "quux=1",
        ],
    ));
    assert_shown!(refund, @"
    exit 0
    --- stdout
    {}--- stderr
    warning: the catalogue does not know the field /out_trade_nr here; probably meant: /out_trade_no
    warning: the catalogue does not know the field /total here; probably meant: /amount/total
    warning: the catalogue does not know the field /amount/totl here; probably meant: /amount/total
    warning: the catalogue does not know the field /quux here
    ");
    assert_eq!(body(&sandbox)["amount"]["totl"], "x-secret");
}

#[test]
fn unknown_fields_are_told_of_in_files_queries_and_v2_and_known_ones_are_not() {
    let sandbox = sandbox();
    let body = br#"{"goods_details":[],"amount":{"totl":1}}"#;
    let refund = ["post", "v3/refund/domestic/refunds", "-", "--dry-run"];
    let of_file = run_with_input(wechatpay_at(&sandbox, &refund), body);
    assert!(
        of_file.stderr.contains("/amount/totl here"),
        "{}",
        of_file.stderr
    );
    for (arguments, told) in [
        (
            &["get", "v3/bill/tradebill", "bill_dat==2024-01-01"][..],
            "warning: the catalogue does not know the parameter bill_dat here; probably meant: bill_date\n",
        ),
        (
            &[
                "post",
                "v2/pay/orderquery",
                "mch_id=1900000109",
                "out_trade_nr=1",
                "sign_type=MD5",
                "sub_openid=1",
            ],
            "warning: the catalogue does not know the field /out_trade_nr here; probably meant: /out_trade_no\n",
        ),
        (
            &[
                "get",
                "v2/papay/entrustweb",
                "mch_id=1900000109",
                "plan_ids=1",
            ],
            "warning: the catalogue does not know the parameter plan_ids here; probably meant: plan_id\n",
        ),
        (&["get", "v3/bill/tradebill", "bill_date==2024-01-01"], ""),
        (&["post", "v3/of/another/world", "a=1"], ""),
    ] {
        let shown = run(wechatpay_at(
            &sandbox,
            &[arguments, &["--dry-run"]].concat(),
        ));
        assert_eq!((shown.code, shown.stderr.as_str()), (0, told));
    }
    assert_eq!(sandbox.connections(), 0);
}

#[test]
fn standard_input_is_for_one_reader() {
    let sandbox = sandbox();
    let twice = ["post", "v3/any", "-", "--private-key", "-"];
    let refused = run_with_input(wechatpay_at(&sandbox, &twice), b"{}");
    assert_shown!(refused, @"
    exit 2
    --- stdout
    --- stderr
    error: standard input is read once, and the body (-) and --private-key both want it: give one of them a file
    ");
    let keys = ["--apiv3-key-file", "-", "--secret-file", "-"];
    let get = [&["get", "v3/certificates"], &keys[..]].concat();
    let refused = run_with_input(wechatpay_at(&sandbox, &get), b"x");
    assert_shown!(refused, @"
    exit 2
    --- stdout
    --- stderr
    error: standard input is read once, and --apiv3-key-file and --secret-file both want it: give one of them a file
    ");
    assert_eq!(sandbox.connections(), 0);
}

#[cfg(unix)]
#[test]
fn a_reader_that_has_seen_enough_ends_a_download() {
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;
    use std::process::Stdio;
    use std::thread;

    let sandbox = sandbox();
    // A file without an end.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}/", listener.local_addr().unwrap());
    let server = thread::spawn(move || {
        let (mut connection, _) = listener.accept().unwrap();
        assert_ne!(connection.read(&mut [0; 4096]).unwrap(), 0);
        let mut answer = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n".to_vec();
        while connection.write_all(&answer).is_ok() {
            answer.clear();
            answer.resize(100_000, b'x');
        }
    });
    let address = format!("{base}v3/billdownload/file?token=x");
    let mut command = wechatpay_at(&sandbox, &["get", &address, "--base-uri", &base]);
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut few = [0; 10];
    let mut reader = child.stdout.take().unwrap();
    reader.read_exact(&mut few).unwrap();
    drop(reader);
    let ended = child.wait_with_output().unwrap();
    assert_eq!(
        (ended.status.code(), ended.stderr.as_slice()),
        (Some(0), &b""[..])
    );
    server.join().unwrap();
}

#[test]
fn of_v2_the_fields_come_from_items_json_or_xml() {
    for (items, input) in [
        (
            &[
                "mch_id=1900000109",
                "out_trade_no=no",
                "appid=wx8888888888888888",
            ][..],
            "",
        ),
        (
            &["-"],
            r#"{"mch_id":"1900000109","out_trade_no":"no","appid":"wx8888888888888888"}"#,
        ),
        (
            &["-"],
            "<xml><mch_id>1900000109</mch_id><out_trade_no>no</out_trade_no><appid>wx8888888888888888</appid></xml>",
        ),
    ] {
        let sandbox = sandbox();
        let command = wechatpay_at(&sandbox, &[&["post", "v2/pay/orderquery"], items].concat());
        let asked = run_with_input(command, input.as_bytes());
        assert!(asked.stderr.contains("ORDERNOTEXIST"), "{}", asked.stderr);
    }
}

#[test]
fn of_v2_json_is_asked_for() {
    let sandbox = sandbox();
    let asked = run(wechatpay_at(
        &sandbox,
        &[
            "post",
            "v2/pay/unifiedorder",
            "--json",
            "appid=wx8888888888888888",
            "mch_id=1900000109",
            "body=QQ公仔",
            "out_trade_no=1217752501",
            "total_fee:=100",
            "spbill_create_ip=127.0.0.1",
            "notify_url=http://127.0.0.1:9/",
            "trade_type=NATIVE",
        ],
    ));
    assert_eq!(asked.code, 0, "{}", asked.stderr);
    let data: Value = serde_json::from_str(&asked.stdout).unwrap();
    assert_eq!(data["result_code"], "SUCCESS");
}

#[test]
fn a_sandbox_for_one_request_says_so() {
    let mut command = wechatpay(&["get", "v3/certificates", "--sandbox"]);
    // Nothing of a real account is used.
    command.env("WECHATPAY_MCHID", "1230000109");
    let asked = run(command);
    assert_eq!(asked.code, 0, "{}", asked.stderr);
    assert!(
        asked
            .stderr
            .starts_with("a sandbox answers this command: https://127.0.0.1:")
    );
}

#[cfg(unix)]
#[test]
fn a_private_key_that_others_can_read_is_a_warning_and_none_is_shown() {
    use std::os::unix::fs::PermissionsExt as _;

    let sandbox = sandbox();
    let folder = folder();
    let key = folder.path().join("apiclient_key.pem");
    fs::write(&key, sandbox.merchant_private_key()).unwrap();
    let others = [
        "WECHATPAY_MCHID",
        "WECHATPAY_SERIAL",
        "WECHATPAY_CERTS",
        "WECHATPAY_BASE_URI",
    ];
    let arguments = ["get", "v3/certificates", "--dry-run"];
    for (mode, warns) in [(0o644, true), (0o600, false)] {
        fs::set_permissions(&key, fs::Permissions::from_mode(mode)).unwrap();
        let mut by_flag = wechatpay_with(&sandbox, &others, &arguments);
        by_flag.arg("--private-key").arg(&key);
        let mut by_variable = wechatpay_with(&sandbox, &others, &arguments);
        by_variable.env("WECHATPAY_PRIVATE_KEY", format!("file://{}", key.display()));
        for command in [by_flag, by_variable] {
            let shown = run(command);
            assert_eq!(shown.code, 0, "{}", shown.stderr);
            assert_eq!(
                shown.stderr.contains("chmod 600"),
                warns,
                "{}",
                shown.stderr
            );
            for line in sandbox.merchant_private_key().lines().skip(1).take(20) {
                assert!(!shown.stdout.contains(line) && !shown.stderr.contains(line));
            }
        }
    }
}

#[test]
fn what_is_asked_for_is_what_is_sent() {
    let sandbox = sandbox();
    sandbox.misbehave(Misbehaviour::no_content());
    let done = run(wechatpay_at(&sandbox, &["delete", "v3/any", "reason=x"]));
    assert_eq!(
        (done.code, done.stdout.as_str()),
        (0, ""),
        "{}",
        done.stderr
    );
    assert_eq!(sandbox.received()[0].method(), "DELETE");
    assert_eq!(body(&sandbox), json!({ "reason": "x" }));
}
