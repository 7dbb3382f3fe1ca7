//! Bills: both calls, unzipped, and compared with the digest that was promised.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio::runtime::Builder;
use wechatpay_chain::{Bill, BillRequest, Check, Client, Downloaded, Error, Phase, Result};
use wechatpay_sandbox::{CannedAnswer, Misbehaviour, Sandbox};

use crate::support::{assert_says, gzip, sha1};
use crate::way::{Way, settings};

/// CASES download-01: 95 bytes.
const CSV: &str = "77u/5Lqk5piT5pe26Ze0LOWFrOS8l+i0puWPt0lEDQpgMjAyNC0wMS0wMSAwMDowMDowMCxgd3g4O\
    Dg4ODg4ODg4ODg4ODg4DQrmgLvkuqTmmJPljZXmlbANCmAxDQo=";
const SHA1: &str = "2e3f3dc01165deaecd4b026380ae28bff2290bb7";
const DAY: &str = "2024-01-01";
const ASK: &str = "/v3/bill/tradebill";
const FILE: &str = "/v3/billdownload/file";

fn csv() -> Vec<u8> {
    STANDARD.decode(CSV).unwrap()
}

/// A folder of a test's own, removed at its end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("wechatpay-chain {name} {} {number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn bill(&self) -> PathBuf {
        self.0.join("bill.csv")
    }

    fn is_empty(&self) -> bool {
        fs::read_dir(&self.0).unwrap().next().is_none()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn each_way(run: impl Fn(&Sandbox, &Client)) {
    for way in Way::ALL {
        let sandbox = way.sandbox();
        let client = settings(&sandbox).build().unwrap();
        run(&sandbox, &client);
    }
}

/// The bill in memory by `.await` and by `.wait()`.
fn both(bill: impl Fn() -> BillRequest) -> [Result<Bill>; 2] {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    [runtime.block_on(async { bill().await }), bill().wait()]
}

/// The bill in a file by `.await` and by `.wait()`.
fn saved(bill: impl Fn() -> BillRequest, path: &Path) -> [Result<Downloaded>; 2] {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    [
        runtime.block_on(async { bill().download(path).await }),
        bill().download(path).wait(),
    ]
}

/// The errors of all four, none of which leaves a file.
fn errors(bill: impl Fn() -> BillRequest) -> Vec<Error> {
    let folder = Folder::new("errors");
    let mut errors: Vec<_> = saved(&bill, &folder.bill()).map(Result::unwrap_err).into();
    assert!(folder.is_empty());
    errors.extend(both(bill).map(Result::unwrap_err));
    errors
}

/// Has the sandbox promise this of a file at its own address, and give this file.
fn serve(sandbox: &Sandbox, mut promise: Value, file: impl Into<Vec<u8>>) {
    promise["download_url"] = format!("{}v3/billdownload/file?token=1", sandbox.base_uri()).into();
    sandbox.answer("GET", ASK, 200, promise);
    let file = CannedAnswer::new(200).unsigned().body(file);
    sandbox.answer_with("GET", FILE, file);
}

fn promise(digest: impl Into<String>) -> Value {
    json!({ "hash_type": "SHA1", "hash_value": digest.into() })
}

#[test]
fn progress_is_told_of_the_file_as_it_comes() {
    each_way(|_, client| {
        for (query, length) in [
            (json!({}), gzip_length()),
            (json!({ "tar_type": null }), 95),
        ] {
            let folder = Folder::new("progress");
            let (told, heard) = std::sync::mpsc::channel();
            let bill = client.bill().trade(DAY).query(query);
            let download = bill.download(folder.bill()).progress(move |done, total| {
                let _ = told.send((done, total));
            });
            assert_eq!(download.wait().unwrap().bytes_written(), 95);
            let heard: Vec<_> = heard.iter().collect();
            assert!(heard.is_sorted(), "{heard:?}");
            let (done, total) = heard.last().unwrap();
            assert_eq!((*done, *total), (length, Some(length)));
        }
    });
}

/// The length of the sandbox's packed bill.
fn gzip_length() -> u64 {
    let sandbox = Sandbox::start_blocking().unwrap();
    let file = sandbox.client().url(format!(
        "{}v3/billdownload/file?token=sandbox-gzip",
        sandbox.base_uri()
    ));
    let mut packed = file.stream().wait().unwrap();
    let mut bytes = Vec::new();
    packed.read_to_end(&mut bytes).unwrap();
    bytes.len() as u64
}

#[test]
fn a_bill_is_the_same_95_bytes_plain_and_as_gzip() {
    let folder = Folder::new("same");
    let csv = csv();
    assert_eq!((csv.len(), sha1(&csv).as_str()), (95, SHA1));
    each_way(|sandbox, client| {
        let bill = client.bill();
        let kinds: [&dyn Fn() -> BillRequest; 3] = [
            &|| bill.trade(DAY),
            &|| {
                bill.fund_flow(DAY)
                    .query(json!({ "account_type": "BASIC" }))
            },
            &|| bill.trade(DAY).query(json!({ "tar_type": null })),
        ];
        for kind in kinds {
            for bill in both(kind) {
                let bill = bill.unwrap();
                assert_eq!(bill.bytes(), &csv);
                assert_eq!(bill.text().as_bytes(), csv);
                assert_eq!(bill.status(), 200);
            }
            for saved in saved(kind, &folder.bill()) {
                assert_eq!(saved.unwrap().bytes_written(), 95);
                assert_eq!(fs::read(folder.bill()).unwrap(), csv);
            }
        }
        let asked: Vec<_> = sandbox.received();
        let targets: Vec<_> = asked.iter().map(|it| it.target()).collect();
        assert!(targets.contains(&"/v3/bill/tradebill?bill_date=2024-01-01&tar_type=GZIP"));
        assert!(targets.contains(&"/v3/bill/tradebill?bill_date=2024-01-01"));
        assert!(targets.contains(&"/v3/billdownload/file?token=sandbox-gzip"));
        assert!(targets.contains(&"/v3/billdownload/file?token=sandbox-plain"));
        assert_eq!(asked.len(), 3 * 4 * 2);
        // The file's address is asked with Authorization, too.
        assert!(asked.iter().all(|it| it.authenticated()));
    });
}

#[test]
fn a_digest_counts_in_either_case_of_letters() {
    each_way(|sandbox, client| {
        for file in [csv(), gzip(csv())] {
            serve(sandbox, promise(SHA1.to_uppercase()), file);
            for bill in both(|| client.bill().trade(DAY)) {
                assert_eq!(bill.unwrap().bytes(), &csv());
            }
        }
    });
}

#[test]
fn another_digest_is_an_error_and_leaves_no_file() {
    each_way(|sandbox, client| {
        let packed = gzip(csv());
        for (digest, file) in [
            // Of the bytes on the wire.
            (sha1(&packed), packed.clone()),
            (sha1("other"), csv()),
            (SHA1.to_owned(), b"other".to_vec()),
            (SHA1.to_owned(), Vec::new()),
            (String::new(), csv()),
        ] {
            serve(sandbox, promise(&digest), file);
            for error in errors(|| client.bill().trade(DAY)) {
                let Error::Verify(verify) = &error else {
                    panic!("{error}");
                };
                assert!(
                    matches!(verify.check(), Check::Bill { promised, .. } if *promised == digest)
                );
                assert_says(&error, &["GET v3/billdownload/file", "SHA-1"]);
            }
        }
    });
}

#[test]
fn another_kind_of_digest_and_an_answer_without_a_bill_are_errors() {
    let sandbox = Sandbox::start_blocking().unwrap();
    let client = sandbox.client();
    let url = json!("https://api.mch.weixin.qq.com/v3/billdownload/file?token=1");
    for (answer, said) in [
        (
            json!({ "hash_type": "SM3", "hash_value": SHA1, "download_url": url }),
            "\"SM3\"",
        ),
        (
            json!({ "hash_value": SHA1, "download_url": url }),
            "hash_type",
        ),
        (
            json!({ "hash_type": "SHA1", "download_url": url }),
            "hash_value",
        ),
        (json!({ "download_bill_count": 0 }), "it lists no file"),
        (json!({}), "it lists no file"),
    ] {
        sandbox.answer("GET", ASK, 200, answer);
        for error in errors(|| client.bill().trade(DAY)) {
            assert!(matches!(error, Error::Decode(_)), "{error}");
            assert_says(&error, &["GET v3/bill/tradebill", said]);
        }
    }
    assert!(sandbox.received().iter().all(|it| it.path() == ASK));
}

#[test]
fn a_bill_elsewhere_is_refused_before_a_connection_is_made() {
    each_way(|sandbox, client| {
        let mut answer = promise(SHA1);
        answer["download_url"] = "https://evil.example/file?token=x".into();
        sandbox.answer("GET", ASK, 200, answer);
        for error in errors(|| client.bill().trade(DAY)) {
            assert!(matches!(error, Error::Request(_)), "{error}");
            assert_says(&error, &["evil.example", "Authorization"]);
            assert!(!error.to_string().contains("token"));
        }
    });
}

#[test]
fn a_blank_before_the_address_is_dropped() {
    each_way(|sandbox, client| {
        let mut answer = promise(SHA1);
        let url = format!(
            " {}v3/billdownload/file?token=sandbox-gzip",
            sandbox.base_uri()
        );
        answer["download_url"] = url.into();
        sandbox.answer("GET", ASK, 200, answer);
        for bill in both(|| client.bill().trade(DAY)) {
            assert_eq!(bill.unwrap().bytes(), &csv());
        }
    });
}

#[test]
fn an_address_that_has_expired_is_an_error_of_the_api_and_no_loop() {
    each_way(|sandbox, client| {
        let mut answer = promise(SHA1);
        let url = format!("{}v3/billdownload/file?token=expired", sandbox.base_uri());
        answer["download_url"] = url.into();
        sandbox.answer("GET", ASK, 200, answer);
        for error in errors(|| client.bill().trade(DAY)) {
            assert_eq!(error.api().unwrap().code(), "INVALID_REQUEST");
            assert_says(&error, &["GET v3/billdownload/file", "token"]);
        }
        assert_eq!(sandbox.received().len(), 4 * 2);
    });
}

#[test]
fn a_refusal_of_the_first_call_is_the_error() {
    let sandbox = Sandbox::start_blocking().unwrap();
    for error in errors(|| sandbox.client().bill().trade("yesterday")) {
        assert_eq!(error.api().unwrap().code(), "PARAM_ERROR");
    }
    let twice = sandbox
        .client()
        .bill()
        .trade(DAY)
        .query(json!({ "bill_date": DAY }));
    assert!(matches!(twice.wait().unwrap_err(), Error::Request(_)));
}

#[test]
fn a_gzip_that_holds_more_than_its_limit_is_an_error() {
    let content = vec![b'0'; 3 * 1024 * 1024];
    let bomb = gzip(&content);
    each_way(|sandbox, client| {
        serve(sandbox, promise(sha1(&content)), bomb.clone());
        let bill = || client.bill().trade(DAY);
        for error in errors(|| bill().unzip_limit(content.len() as u64 - 1)) {
            assert!(matches!(error, Error::Transport(_)), "{error}");
            assert_says(&error, &["3145727 bytes", ".unzip_limit(bytes)"]);
        }
        for error in both(|| bill().answer_limit(content.len() - 1)) {
            assert_says(
                &error.unwrap_err(),
                &["3145727 bytes", ".answer_limit(bytes)"],
            );
        }
        let folder = Folder::new("bomb");
        let exactly = || bill().answer_limit(10).unzip_limit(content.len() as u64);
        for saved in saved(exactly, &folder.bill()) {
            assert_eq!(saved.unwrap().bytes_written(), content.len() as u64);
        }
    });
}

#[test]
fn a_gzip_that_is_cut_or_damaged_leaves_no_file() {
    each_way(|sandbox, client| {
        let packed = gzip(csv());
        let mut damaged = packed.clone();
        damaged[30] ^= 0xff;
        for wrong in [&packed[..packed.len() - 1], &packed[..2], &damaged] {
            serve(sandbox, promise(SHA1), wrong);
            for error in errors(|| client.bill().trade(DAY)) {
                let is_right = matches!(error, Error::Transport(_) | Error::Verify(_));
                assert!(is_right, "{error}");
            }
        }
    });
}

#[test]
fn a_bill_that_breaks_off_or_stands_still_leaves_no_file() {
    each_way(|sandbox, client| {
        serve(sandbox, promise(SHA1), csv());
        for _ in 0..4 {
            sandbox.misbehave(Misbehaviour::Delay(Duration::ZERO));
            sandbox.misbehave(Misbehaviour::CutInAnswer);
        }
        for error in errors(|| client.bill().trade(DAY)) {
            let Error::Transport(network) = &error else {
                panic!("{error}");
            };
            assert_eq!(network.phase(), Phase::Read);
        }
        sandbox.forget_answers();
        let mut answer = promise(SHA1);
        let url = format!(
            "{}v3/billdownload/file?token=stalled-50",
            sandbox.base_uri()
        );
        answer["download_url"] = url.into();
        sandbox.answer("GET", ASK, 200, answer);
        let limit = Duration::from_millis(200);
        for error in errors(|| client.bill().trade(DAY).idle_timeout(limit)) {
            assert!(error.is_timeout(), "{error}");
        }
    });
}

#[test]
fn a_bill_of_another_length_than_was_promised_is_an_error() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let base = format!("http://{}/", listener.local_addr().unwrap());
    let sandbox = Sandbox::builder().plain().start_blocking().unwrap();
    let client = settings(&sandbox).base_uri(&base).build().unwrap();
    let (port, url) = (
        sandbox.base_uri(),
        format!("{base}v3/billdownload/file?token=1"),
    );
    let mut answer = promise(SHA1);
    answer["download_url"] = url.into();
    sandbox.answer("GET", ASK, 200, answer);
    thread::spawn(move || {
        while let Ok((mut stream, _)) = listener.accept() {
            let mut asked = [0; 8192];
            let length = stream.read(&mut asked).unwrap_or_default();
            let asked = String::from_utf8_lossy(&asked[..length]).into_owned();
            if asked.contains(FILE) {
                let head = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 96\r\n\r\n";
                let _ = stream.write_all(&[head.as_bytes(), &csv()].concat());
                continue;
            }
            // The first call is the sandbox's.
            let address = port.trim_start_matches("http://").trim_end_matches('/');
            let mut other = std::net::TcpStream::connect(address).unwrap();
            let asked = asked.replacen("\r\n", "\r\nConnection: close\r\n", 1);
            let _ = other.write_all(asked.as_bytes());
            let mut answer = Vec::new();
            let _ = other.read_to_end(&mut answer);
            let _ = stream.write_all(&answer);
        }
    });
    for error in errors(|| client.bill().trade(DAY)) {
        let Error::Transport(network) = &error else {
            panic!("{error}");
        };
        assert_eq!(network.phase(), Phase::Read);
    }
}

#[test]
fn of_several_files_one_is_named() {
    let sandbox = Sandbox::start_blocking().unwrap();
    let client = sandbox.client();
    let file = |number: u64, token: &str| {
        json!({
            "bill_sequence": number, "hash_type": "SHA1", "hash_value": SHA1,
            "download_url": format!("{}v3/billdownload/file?token={token}", sandbox.base_uri()),
        })
    };
    let path = "/v3/ecommerce/bill/fundflowbill";
    let files = [file(1, "expired"), file(2, "sandbox-plain")];
    let answer = json!({ "download_bill_count": 2, "download_bill_list": files });
    sandbox.answer("GET", path, 200, answer);
    let bill = || client.bill().ecommerce_fund_flow(DAY);
    assert_eq!(bill().sequence(2).wait().unwrap().bytes(), &csv());
    for wrong in [bill(), bill().sequence(3)] {
        let error = wrong.wait().unwrap_err();
        assert!(matches!(error, Error::Request(_)), "{error}");
        assert_says(&error, &["1, 2", ".sequence(number)"]);
    }
    let received = sandbox.received();
    assert_eq!(
        received[0].target(),
        "/v3/ecommerce/bill/fundflowbill?bill_date=2024-01-01&tar_type=GZIP&account_type=ALL\
         &algorithm=AEAD_AES_256_GCM"
    );
}

/// Has the sandbox give this file encrypted.
fn serve_encrypted(sandbox: &Sandbox, key: &str, file: &[u8]) {
    let nonce = "123456789012";
    let sealed = {
        use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
        let mut bytes = file.to_vec();
        let unbound = UnboundKey::new(&AES_256_GCM, &[b'k'; 32]).unwrap();
        let nonce = Nonce::try_assume_unique_for_key(nonce.as_bytes()).unwrap();
        LessSafeKey::new(unbound)
            .seal_in_place_append_tag(nonce, Aad::empty(), &mut bytes)
            .unwrap();
        bytes
    };
    let file = json!({
        "bill_sequence": 1, "hash_type": "SHA1", "hash_value": SHA1, "nonce": nonce,
        "encrypt_key": sandbox.encrypt_for_merchant(key).unwrap(),
        "download_url": format!("{}v3/billdownload/file?token=1", sandbox.base_uri()),
    });
    let answer = json!({ "download_bill_count": 1, "download_bill_list": [file] });
    sandbox.answer("GET", "/v3/bill/sub-merchant-fundflowbill", 200, answer);
    let file = CannedAnswer::new(200).unsigned().body(sealed);
    sandbox.answer_with("GET", FILE, file);
}

#[cfg(feature = "aws-lc-rs")]
#[test]
fn a_bill_of_a_sub_merchant_is_decrypted() {
    each_way(|sandbox, client| {
        let bill = || client.bill().sub_merchant_fund_flow("1900000110", DAY);
        for file in [csv(), gzip(csv())] {
            serve_encrypted(sandbox, &"k".repeat(32), &file);
            for bill in both(bill) {
                assert_eq!(bill.unwrap().bytes(), &csv());
            }
            let folder = Folder::new("encrypted");
            for saved in saved(bill, &folder.bill()) {
                assert_eq!(saved.unwrap().bytes_written(), 95);
            }
        }
        for error in errors(|| bill().answer_limit(95)) {
            assert_says(&error, &["95 bytes", ".answer_limit(bytes)"]);
        }
        serve_encrypted(sandbox, &"x".repeat(32), &csv());
        for error in errors(bill) {
            assert!(matches!(error, Error::Decode(_)), "{error}");
        }
        serve_encrypted(sandbox, "a key of SM4_GCM", &csv());
        for error in errors(bill) {
            assert_says(&error, &["AEAD_AES_256_GCM"]);
        }
    });
}

#[cfg(not(feature = "aws-lc-rs"))]
#[test]
fn a_bill_that_is_encrypted_says_which_feature_it_takes() {
    let sandbox = Sandbox::start_blocking().unwrap();
    serve_encrypted(&sandbox, &"k".repeat(32), &csv());
    let bill = sandbox
        .client()
        .bill()
        .sub_merchant_fund_flow("1900000110", DAY);
    assert_says(&bill.wait().unwrap_err(), &["encrypted", "aws-lc-rs"]);
}
