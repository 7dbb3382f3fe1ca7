//! What is signed of an answer: digests of statements, bodies behind gzip, and endpoints that sign
//! nothing.

use bytes::Bytes;
use serde_json::{Value, json};
use wechatpay_chain::{Check, Client, Error, Response, Result, SignatureState};
use wechatpay_sandbox::{CannedAnswer, Misbehaviour, Sandbox};

use crate::support::{assert_says, gzip, offline, sha1};

const STATEMENTS: [&str; 2] = ["hk/v3/statements", "v3/global/statements"];
const DIGEST: &str = "Wechatpay-Statement-Sha1";
const CSV: &str = "\u{feff}Transaction time,ID,Amount\r\n`2024-05-20 13:29:35,`42000001,`1.00\r\n";
const IN_GZIP: &str = "{\"plain\":\"this was in a gzip\"}";

fn started() -> (Sandbox, Client) {
    let sandbox = Sandbox::start_blocking().unwrap();
    let client = sandbox.client();
    (sandbox, client)
}

/// A statement as WeChat Pay sends it: what is signed is its digest.
fn statement(content: &str) -> CannedAnswer {
    let digest = sha1(content);
    CannedAnswer::new(200)
        .header("Content-Type", "text/csv")
        .header(DIGEST, &digest)
        .signed_over(format!("{{\"sha1\":\"{digest}\"}}"))
        .body(content)
}

/// A GET of this very path, whatever its letters are.
fn get(sandbox: &Sandbox, client: &Client, path: &str, answer: CannedAnswer) -> Result<Response> {
    sandbox.answer_with("GET", path, answer);
    let base = sandbox.base_uri();
    client
        .url(format!("{}{path}?token=1", base.trim_end_matches('/')))
        .wait()
}

#[track_caller]
fn check(result: Result<Response>) -> (Check, Error) {
    match result {
        Err(Error::Verify(error)) => (error.check().clone(), Error::Verify(error)),
        Err(error) => panic!("{error}"),
        Ok(response) => panic!("{response:?} was trusted"),
    }
}

#[tokio::test]
async fn the_signature_of_a_statement_covers_its_digest() {
    let (sandbox, client) = started();
    for path in STATEMENTS {
        sandbox.answer_with("GET", format!("/{path}"), statement(CSV));
        let request = || client.chain(path).get().query([("date", "20240520")]);
        for response in [request().await.unwrap(), request().wait().unwrap()] {
            assert!(response.verified());
            assert_eq!(response.text(), CSV);
        }
        let last = sandbox.received().pop().unwrap();
        assert_eq!(last.target(), format!("/{path}?date=20240520"));
    }
}

#[test]
fn the_digest_counts_in_either_case_of_letters() {
    let (sandbox, client) = started();
    let upper = sha1(CSV).to_ascii_uppercase();
    for path in [
        "/hk/v3/statements",
        "/v3/global/statements",
        "/HK/V3/Statements",
        "/v3/Global/STATEMENTS",
    ] {
        let answer = CannedAnswer::new(200)
            .header("WECHATPAY-STATEMENT-SHA1", &upper)
            .signed_over(format!("{{\"sha1\":\"{upper}\"}}"))
            .body(CSV);
        let response = get(&sandbox, &client, path, answer).unwrap();
        assert!(response.verified(), "{path}");
    }
}

#[test]
fn a_statement_that_has_another_digest_than_was_signed_is_refused() {
    let (sandbox, client) = started();
    for path in ["/hk/v3/statements", "/v3/global/statements"] {
        for changed in [
            CSV.replace("1.00", "9.00"),
            format!("{CSV} "),
            String::new(),
        ] {
            let answer = statement(CSV).body(changed);
            let (check, error) = check(get(&sandbox, &client, path, answer));
            assert!(matches!(check, Check::Digest { header, .. } if header == DIGEST));
            assert_says(&error, &["its signature is right", DIGEST]);
        }
    }
}

#[test]
fn a_digest_that_was_not_signed_is_refused() {
    let (sandbox, client) = started();
    let path = "/hk/v3/statements";
    let forged = CSV.replace("1.00", "9.00");
    for answer in [
        // The digest fits the content, the signature does not fit the digest.
        CannedAnswer::new(200)
            .header(DIGEST, sha1(&forged))
            .signed_over(format!("{{\"sha1\":\"{}\"}}", sha1(CSV)))
            .body(forged.as_str()),
        // The digest of a statement whose signature covers the content itself.
        CannedAnswer::new(200).header(DIGEST, sha1(CSV)).body(CSV),
        CannedAnswer::new(200)
            .header(DIGEST, "\",\"x\":\"")
            .signed_over(format!("{{\"sha1\":\"{}\"}}", sha1(CSV)))
            .body(CSV),
    ] {
        let (found, _) = check(get(&sandbox, &client, path, answer));
        assert_eq!(found, Check::Signature);
    }
    let answer = statement(CSV).header(DIGEST, sha1(&forged));
    let (found, error) = check(get(&sandbox, &client, path, answer));
    assert!(matches!(found, Check::Malformed { header, .. } if header == DIGEST));
    assert_says(&error, &["two different ones"]);
}

#[test]
fn a_statement_without_a_digest_is_signed_as_any_answer() {
    let (sandbox, client) = started();
    let path = "/v3/global/statements";
    let answer = CannedAnswer::new(200).body(CSV);
    assert!(get(&sandbox, &client, path, answer).unwrap().verified());
    let answer = statement(CSV).unsigned();
    let (found, _) = check(get(&sandbox, &client, path, answer));
    assert!(matches!(found, Check::Headers { .. }));
}

#[test]
fn a_digest_elsewhere_is_no_signature() {
    let (sandbox, client) = started();
    for path in [
        "/v3/statements",
        "/hk/v3/statements/",
        "/hk/v3/statements/x",
        "/v3/global/statement",
        "/hk/v3/global/statements",
        "/v3/pay/transactions/id/1",
    ] {
        let (found, _) = check(get(&sandbox, &client, path, statement(CSV)));
        assert_eq!(found, Check::Signature, "{path}");
    }
}

#[test]
fn the_digest_is_that_of_the_statement_before_it_was_compressed() {
    let (sandbox, client) = started();
    let path = "/hk/v3/statements";
    let packed = gzip(CSV);
    let answer = statement(CSV).header("Content-Encoding", "gzip");
    let response = get(&sandbox, &client, path, answer.body(packed.clone())).unwrap();
    assert!(response.verified());
    assert_eq!(response.text(), CSV);
    assert_eq!(response.header("content-encoding"), None);
    let digest = sha1(&packed);
    let answer = CannedAnswer::new(200)
        .header("Content-Encoding", "gzip")
        .header(DIGEST, &digest)
        .signed_over(format!("{{\"sha1\":\"{digest}\"}}"))
        .body(packed);
    let (found, _) = check(get(&sandbox, &client, path, answer));
    assert!(matches!(found, Check::Digest { .. }));
}

#[test]
fn gzip_is_undone_before_the_signature_is_checked() {
    let (sandbox, client) = started();
    let packed = gzip(IN_GZIP);
    let parts = [gzip("{\"plain\":"), gzip("\"this was in a gzip\"}")].concat();
    for encoding in ["gzip", "x-gzip", "GZip", " gzip "] {
        for body in [&packed, &parts] {
            let answer = CannedAnswer::new(200)
                .header("Content-Encoding", encoding)
                .signed_over(IN_GZIP)
                .body(body.as_slice());
            let response = get(&sandbox, &client, "/v3/pay/x", answer).unwrap();
            assert!(response.verified());
            assert_eq!(response.text(), IN_GZIP);
            assert_eq!(response.data().unwrap()["plain"], "this was in a gzip");
            assert_eq!(response.header("content-encoding"), None);
            assert_eq!(response.header("content-length"), None);
        }
    }
    let answer = CannedAnswer::new(200)
        .header("Content-Encoding", "gzip")
        .body(packed);
    let (found, _) = check(get(&sandbox, &client, "/v3/pay/x", answer));
    assert_eq!(found, Check::Signature);
}

#[test]
fn no_encoding_by_name_is_none() {
    let (sandbox, client) = started();
    let answer = CannedAnswer::json(200, &json!({"a": 1})).header("Content-Encoding", "identity");
    let response = get(&sandbox, &client, "/v3/pay/x", answer).unwrap();
    assert_eq!(response.data().unwrap(), json!({"a": 1}));
}

#[test]
fn gzip_is_undone_in_an_error_too() {
    let (sandbox, client) = started();
    let body = json!({ "code": "PARAM_ERROR", "message": "参数错误", "detail": { "field": "/x" } });
    let text = body.to_string();
    let answer = CannedAnswer::new(400)
        .header("Content-Encoding", "gzip")
        .signed_over(text.as_str())
        .body(gzip(&text));
    let error = get(&sandbox, &client, "/v3/pay/x", answer).unwrap_err();
    let Error::Api(error) = error else {
        panic!("{error}");
    };
    assert_eq!(error.code(), "PARAM_ERROR");
    assert_eq!(error.message(), "参数错误");
    assert_eq!(error.detail().unwrap()["field"], "/x");
    assert_eq!(error.signature(), SignatureState::Verified);
}

#[test]
fn an_error_that_can_not_be_unpacked_is_an_error_of_its_status() {
    let (sandbox, client) = started();
    for encoding in ["gzip", "br"] {
        let answer = CannedAnswer::new(502)
            .header("Content-Encoding", encoding)
            .body("no gzip");
        let error = get(&sandbox, &client, "/v3/pay/x", answer).unwrap_err();
        let Error::Api(error) = error else {
            panic!("{error}");
        };
        assert_eq!(error.status(), 502);
        assert_eq!(error.signature(), SignatureState::Invalid);
    }
}

#[test]
fn an_encoding_that_is_not_known_is_named() {
    let (sandbox, client) = started();
    for encoding in ["br", "deflate", "gzip, gzip", "zstd"] {
        let answer = CannedAnswer::json(200, &json!({})).header("Content-Encoding", encoding);
        let (found, error) = check(get(&sandbox, &client, "/v3/pay/x", answer));
        assert!(
            matches!(&found, Check::Malformed { header, given, .. }
                if *header == "Content-Encoding" && given == encoding),
            "{found:?}"
        );
        let quoted = format!("{encoding:?}");
        assert_says(
            &error,
            &["Content-Encoding", &quoted, "wanted: gzip or none"],
        );
    }
    let answer = CannedAnswer::new(200)
        .header("Content-Encoding", "gzip")
        .header("Content-Encoding", "br")
        .signed_over(IN_GZIP)
        .body(gzip(IN_GZIP));
    let (found, error) = check(get(&sandbox, &client, "/v3/pay/x", answer));
    assert!(matches!(found, Check::Malformed { .. }));
    assert_says(&error, &["Content-Encoding"]);
}

#[test]
fn a_gzip_that_is_none_or_is_cut_or_has_more_behind_it_is_refused() {
    let (sandbox, client) = started();
    let packed = gzip(IN_GZIP);
    let mut altered = packed.clone();
    let checksum = altered.len() - 8;
    altered[checksum] ^= 1;
    let half = packed.get(..packed.len() / 2).unwrap().to_vec();
    for body in [
        IN_GZIP.as_bytes().to_vec(),
        half,
        altered,
        [packed.as_slice(), b"more"].concat(),
    ] {
        let answer = CannedAnswer::new(200)
            .header("Content-Encoding", "gzip")
            .signed_over(IN_GZIP)
            .body(body);
        let (found, error) = check(get(&sandbox, &client, "/v3/pay/x", answer));
        let is_encoding =
            matches!(found, Check::Malformed { header, .. } if header == "Content-Encoding");
        assert!(is_encoding, "{error}");
        assert!(!error.to_string().contains("this was in a gzip"), "{error}");
    }
}

/// The endpoints of PARITY.md that sign nothing.
const UNSIGNED: [&str; 8] = [
    "/v3/billdownload/file",
    "/v3/global/billdownload/file",
    "/v3/merchant-service/images/QmFzZTY0%2BeA%3D%3D",
    "/v3/global/merchant-service/images/x",
    "/v3/transferdownload/elecvoucherfile",
    "/v3/global/transferdownload/elecvoucherfile",
    "/v3/transferdownload/signfile",
    "/v3/global/transferdownload/signfile",
];

/// What looks like one of them.
const SIGNED: [&str; 17] = [
    "/v3/billdownload",
    "/v3/billdownload/file/",
    "/v3/billdownload/files",
    "/v3/billdownload/file/x",
    "/v3/x/billdownload/file",
    "/hk/v3/billdownload/file",
    "/v3/global/global/billdownload/file",
    "/v3/bill/tradebill",
    "/v3/merchant-service/images",
    "/v3/merchant-service/images/upload",
    "/v3/merchant-service/images/UPLOAD",
    "/v3/global/merchant-service/images/upload",
    "/v3/merchant-service/image/x",
    "/v3/transferdownload",
    "/v3/transferdownload/elecvoucherfiles",
    "/v3/transferdownload/signfile/x",
    "/invoicing/fapiao/fapiao-file",
];

#[test]
fn endpoints_that_sign_nothing_are_taken_without_a_signature() {
    let (sandbox, client) = started();
    let file = b"\x89PNG\r\n\x1a\n\0\xff";
    for path in UNSIGNED {
        for path in [path.to_owned(), path.to_ascii_uppercase()] {
            let answer = CannedAnswer::new(200).body(file).unsigned();
            let response = get(&sandbox, &client, &path, answer).unwrap();
            assert!(!response.verified(), "{path}");
            assert_eq!(response.bytes().as_ref(), file);
        }
    }
}

#[test]
fn a_signature_that_comes_from_one_of_them_is_checked() {
    let (sandbox, client) = started();
    for path in UNSIGNED {
        let answer = CannedAnswer::new(200).body("file");
        assert!(get(&sandbox, &client, path, answer).unwrap().verified());
        let answer = CannedAnswer::new(200).body("file").signed_over("other");
        let (found, _) = check(get(&sandbox, &client, path, answer));
        assert_eq!(found, Check::Signature, "{path}");
        sandbox.misbehave(Misbehaviour::UnknownSerial("AB01".to_owned()));
        let answer = CannedAnswer::new(200).body("file");
        let (found, _) = check(get(&sandbox, &client, path, answer));
        assert!(matches!(found, Check::Serial { .. }), "{path}");
    }
}

#[test]
fn what_only_looks_like_one_of_them_must_be_signed() {
    let (sandbox, client) = started();
    for path in SIGNED {
        let answer = CannedAnswer::new(200).body("file").unsigned();
        let (found, _) = check(get(&sandbox, &client, path, answer));
        assert!(matches!(found, Check::Headers { .. }), "{path}: {found:?}");
    }
}

#[test]
fn an_unsigned_file_behind_gzip_is_unpacked_and_one_behind_another_stays_packed() {
    let (sandbox, client) = started();
    let path = "/v3/billdownload/file";
    let answer = CannedAnswer::new(200)
        .header("Content-Encoding", "gzip")
        .body(gzip(CSV))
        .unsigned();
    assert_eq!(get(&sandbox, &client, path, answer).unwrap().text(), CSV);
    // tar_type=GZIP: the file itself is a gzip.
    let answer = CannedAnswer::new(200)
        .header("Content-Type", "application/x-gzip")
        .body(gzip(CSV))
        .unsigned();
    let response = get(&sandbox, &client, path, answer).unwrap();
    assert_eq!(response.bytes().as_ref(), gzip(CSV));
    let answer = CannedAnswer::new(200)
        .header("Content-Encoding", "br")
        .body("packed")
        .unsigned();
    let response = get(&sandbox, &client, path, answer).unwrap();
    assert_eq!(response.text(), "packed");
    assert_eq!(response.header("content-encoding"), Some("br"));
}

#[test]
fn an_error_of_one_of_them_is_an_error() {
    let (sandbox, client) = started();
    let body = json!({ "code": "RESOURCE_NOT_EXISTS", "message": "文件不存在" });
    for path in UNSIGNED {
        let answer = CannedAnswer::json(404, &body).unsigned();
        let error = get(&sandbox, &client, path, answer).unwrap_err();
        assert_eq!(error.api().unwrap().code(), "RESOURCE_NOT_EXISTS", "{path}");
    }
}

#[test]
fn the_download_of_an_invoice_is_neither_signed_nor_verified() {
    let client = offline();
    let file = "/invoicing/fapiao/fapiao-file?x=1";
    let is_signed = |address: &str| {
        let request = client.url(address).into_http().unwrap();
        assert_eq!(request.uri().to_string(), address);
        assert!(request.headers().contains_key("user-agent"));
        request.headers().contains_key("authorization")
    };
    for address in [
        format!("https://pay.wechatpay.cn{file}"),
        format!("https://PAY.wechatpay.cn{}", file.to_ascii_uppercase()),
    ] {
        let request = client.url(&address).into_http().unwrap();
        assert!(
            !request.headers().contains_key("authorization"),
            "{address}"
        );
        let (_, answer) = client.url(&address).into_parts().unwrap();
        let response = answer.accept(http::Response::new(Bytes::from_static(b"pdf")));
        assert!(!response.unwrap().verified());
    }
    assert!(!is_signed(&format!("https://pay.wechatpay.cn{file}")));
    for address in [
        format!("https://api.wechatpay.cn{file}"),
        format!("https://api.mch.weixin.qq.com{file}"),
        "https://pay.wechatpay.cn/invoicing/fapiao/fapiao-files".to_owned(),
        "https://pay.wechatpay.cn/invoicing/fapiao/fapiao-file/".to_owned(),
        "https://pay.wechatpay.cn/v3/invoicing/fapiao/fapiao-file".to_owned(),
    ] {
        assert!(is_signed(&address), "{address}");
        let (_, answer) = client.url(&address).into_parts().unwrap();
        let refused = answer.accept(http::Response::new(Bytes::from_static(b"pdf")));
        let (found, _) = check(refused);
        assert!(matches!(found, Check::Headers { .. }), "{address}");
    }
}

#[test]
fn an_answer_without_a_body_may_say_that_it_is_a_gzip() {
    let (sandbox, client) = started();
    let answer = CannedAnswer::new(204)
        .header("Content-Encoding", "gzip")
        .signed_over("");
    let response = get(&sandbox, &client, "/v3/pay/x", answer).unwrap();
    assert!(response.verified());
    assert_eq!(response.data().unwrap(), Value::Null);
}
