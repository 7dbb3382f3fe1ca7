//! Answers of any size: the limit of what is held in memory, streams and downloads.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;
use tokio::runtime::Builder;
use wechatpay_chain::{Client, Error, Phase, Request, Response, Result};
use wechatpay_sandbox::{CannedAnswer, Sandbox};

use crate::support::assert_says;
use crate::way::{Way, settings};

const MEGABYTE: usize = 1024 * 1024;

fn gzip(content: impl AsRef<[u8]>) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(content.as_ref()).unwrap();
    encoder.finish().unwrap()
}

/// The outcome of the request by `.await` and that by `.wait()`.
fn both(request: impl Fn() -> Request) -> [Result<Response>; 2] {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    [
        runtime.block_on(async { request().await }),
        request().wait(),
    ]
}

fn each_way(run: impl Fn(&Sandbox, &Client)) {
    for way in Way::ALL {
        let sandbox = way.sandbox();
        let client = settings(&sandbox).build().unwrap();
        run(&sandbox, &client);
    }
}

#[track_caller]
fn assert_too_large(error: &Error, parts: &[&str]) {
    let Error::Transport(network) = error else {
        panic!("not of the limit: {error}");
    };
    assert_eq!(network.phase(), Phase::Read);
    assert!(error.may_have_been_sent() && !error.is_retryable());
    assert_says(error, &[".answer_limit(", ".download(path)", ".stream()"]);
    assert_says(error, parts);
}

// The limit of an answer in memory

#[test]
fn an_answer_of_exactly_the_limit_is_taken_and_one_byte_more_is_not() {
    each_way(|sandbox, client| {
        for status in [200, 500] {
            let answer = CannedAnswer::new(status).body(vec![b' '; 1000]);
            sandbox.answer_with("GET", "/v3/large", answer);
            for result in both(|| client.chain("v3/large").get().answer_limit(1000)) {
                match result {
                    Ok(response) => assert_eq!(response.bytes().len(), 1000),
                    Err(error) => assert_eq!(error.api().unwrap().bytes().len(), 1000),
                }
            }
            for result in both(|| client.chain("v3/large").get().answer_limit(999)) {
                let parts = [&*format!("the answer ({status})"), "limit of 999 bytes"];
                assert_too_large(&result.unwrap_err(), &parts);
            }
        }
    });
}

#[test]
fn the_limit_counts_what_comes_out_of_a_gzip() {
    let bomb = gzip(vec![b' '; 2 * MEGABYTE]);
    assert!(bomb.len() < 10_000);
    each_way(|sandbox, client| {
        for status in [200, 400] {
            let answer = CannedAnswer::new(status)
                .header("Content-Encoding", "gzip")
                .signed_over(vec![b' '; 2 * MEGABYTE])
                .body(bomb.clone());
            sandbox.answer_with("GET", "/v3/bomb", answer);
            for result in both(|| client.chain("v3/bomb").get().answer_limit(MEGABYTE)) {
                let status = format!("the answer ({status})");
                assert_too_large(&result.unwrap_err(), &[&status, "1048576 bytes"]);
            }
            // What goes over the wire is less than either limit.
            for result in both(|| client.chain("v3/bomb").get().answer_limit(2 * MEGABYTE)) {
                match result {
                    Ok(response) => assert_eq!(response.bytes().len(), 2 * MEGABYTE),
                    Err(error) => assert_eq!(error.api().unwrap().status(), status),
                }
            }
        }
    });
}

#[test]
fn the_limit_is_16_megabytes_unless_the_client_says_otherwise() {
    let sandbox = Sandbox::start_blocking().unwrap();
    let at = |length: usize| {
        let answer = CannedAnswer::new(200).body(vec![b' '; length]);
        sandbox.answer_with("GET", "/v3/large", answer);
    };
    let client = settings(&sandbox).build().unwrap();
    at(16 * MEGABYTE);
    let response = client.chain("v3/large").get().wait().unwrap();
    assert_eq!(response.bytes().len(), 16 * MEGABYTE);
    at(16 * MEGABYTE + 1);
    let error = client.chain("v3/large").get().wait().unwrap_err();
    assert_too_large(&error, &["16777216 bytes"]);
    let client = settings(&sandbox).answer_limit(10).build().unwrap();
    for length in [10, 11] {
        at(length);
        let result = client.chain("v3/large").get().wait();
        assert_eq!(result.is_ok(), length == 10);
    }
}

#[test]
fn what_another_client_brought_is_limited_when_it_is_unzipped() {
    let sandbox = Sandbox::start_blocking().unwrap();
    let client = settings(&sandbox).answer_limit(1000).build().unwrap();
    let (_, answer) = client.chain("v3/a").post(json!({})).into_parts().unwrap();
    let brought = http::Response::builder().header("Content-Encoding", "gzip");
    let brought = brought.body(gzip(vec![0; 1001]).into()).unwrap();
    assert_too_large(&answer.accept(brought).unwrap_err(), &["1000 bytes"]);
}
