//! The end of a client: what is in flight is waited for, and nothing else begins.

use std::future::IntoFuture as _;
use std::thread;
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use serde_json::json;
use tokio::runtime::Builder;
use wechatpay_chain::{Client, Error, Retry};
use wechatpay_sandbox::{CannedAnswer, Misbehaviour, Sandbox};

use crate::support::{MINUTE, assert_says, fetches, keeping, order, pass, signing_by_certificate};
use crate::way::{settings, until_received};

const LONG: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(400);

/// A body that no buffer between holds as a whole.
const LARGE: usize = 8 * 1024 * 1024;

fn slow(sandbox: &Sandbox, delay: Duration) {
    sandbox.misbehave(Misbehaviour::Delay(delay));
}

#[track_caller]
fn assert_refused(error: &Error) {
    assert!(matches!(error, Error::Request(_)), "{error}");
    assert!(!error.may_have_been_sent() && !error.is_retryable());
    assert_says(error, &["shut down", "nothing was sent"]);
}

fn file(sandbox: &Sandbox) {
    let answer = CannedAnswer::new(200).body(vec![7; LARGE]).unsigned();
    sandbox.answer_with("GET", "/v3/billdownload/file", answer);
}

#[test]
fn what_is_in_flight_comes_to_its_end() {
    let sandbox = Sandbox::start_blocking().unwrap();
    let client = sandbox.client();
    order(&client).wait().unwrap();
    for _ in 0..2 {
        slow(&sandbox, PAUSE);
    }
    let waiting = [client.clone(), client.clone()]
        .map(|client| thread::spawn(move || order(&client).wait().unwrap().verified()));
    until_received(&sandbox, 3);
    assert_eq!(client.shutdown(LONG).wait(), 0);
    for waiting in waiting {
        assert!(waiting.join().unwrap());
    }
    // Another time there is nothing to wait for.
    assert_eq!(client.shutdown(LONG).wait(), 0);
}

#[tokio::test]
async fn the_number_of_those_that_the_limit_left_in_flight_is_told() {
    let sandbox = Sandbox::start().await.unwrap();
    let client = sandbox.client();
    for _ in 0..3 {
        slow(&sandbox, LONG);
    }
    let requests: Vec<_> = (0..3)
        .map(|_| tokio::spawn(order(&client).into_future()))
        .collect();
    crate::support::until(|| sandbox.received().len() == 3).await;
    let start = Instant::now();
    assert_eq!(client.shutdown(PAUSE).await, 3);
    assert!(start.elapsed() >= PAUSE && start.elapsed() < LONG / 2);
    assert_eq!(client.shutdown(Duration::ZERO).wait(), 3);
    // A request that is dropped is in flight no more.
    for request in requests {
        request.abort();
    }
    assert_eq!(client.shutdown(LONG).await, 0);
    assert_eq!(client.shutdown(Duration::MAX).await, 0);
}

#[test]
fn nothing_begins_after_it_on_any_clone_and_nothing_of_it_is_sent() {
    let sandbox = Sandbox::start_blocking().unwrap();
    let client = sandbox.client();
    let (clone, chain) = (client.clone(), client.chain("v3/billdownload/file"));
    let (request, streaming) = (order(&client), chain.get().stream());
    // What is not awaited has not begun, neither that end nor those requests.
    drop(client.shutdown(Duration::ZERO));
    order(&client).wait().unwrap();
    let seen = sandbox.received().len();
    assert_eq!(client.shutdown(Duration::ZERO).wait(), 0);
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let path = std::env::temp_dir().join(format!("shut down {}", std::process::id()));
    let bill = || clone.bill().trade("2024-01-01");
    let errors = [
        request.wait().unwrap_err(),
        streaming.wait().unwrap_err(),
        order(&clone).retry(Retry::idempotent()).wait().unwrap_err(),
        runtime.block_on(async { order(&clone).await }).unwrap_err(),
        runtime
            .block_on(async { chain.get().stream().await })
            .unwrap_err(),
        chain.get().download(&path).wait().unwrap_err(),
        bill().wait().unwrap_err(),
        bill().download(&path).wait().unwrap_err(),
        order(&clone).sign().wait().unwrap_err(),
        clone.certificates().wait().unwrap_err(),
        clone
            .v2()
            .pay()
            .orderquery()
            .post(json!({ "mch_id": sandbox.mchid() }))
            .wait()
            .unwrap_err(),
    ];
    for error in errors {
        assert_refused(&error);
    }
    assert_says(
        &order(&clone).wait().unwrap_err(),
        &["POST v3/marketing/busifavor/product-coupons/send"],
    );
    assert!(!path.exists());
    assert_eq!(sandbox.received().len(), seen);
    // What sends nothing goes on.
    order(&clone).into_http().unwrap();
}

#[tokio::test]
async fn a_stream_is_in_flight_until_its_end_or_until_it_is_dropped() {
    let sandbox = Sandbox::start().await.unwrap();
    file(&sandbox);
    for is_read in [true, false] {
        let client = settings(&sandbox).build().unwrap();
        let chain = client.chain("v3/billdownload/file");
        let mut body = chain.get().stream().await.unwrap();
        body.next().await.unwrap().unwrap();
        assert_eq!(client.shutdown(Duration::ZERO).await, 1);
        let ending = tokio::spawn(client.shutdown(LONG).into_future());
        if is_read {
            while let Some(piece) = body.next().await {
                piece.unwrap();
            }
            assert_eq!(ending.await.unwrap(), 0);
            drop(body);
        } else {
            drop(body);
            assert_eq!(ending.await.unwrap(), 0);
        }
    }
}

#[test]
fn a_reader_a_download_and_a_body_that_breaks_off_are_in_flight_as_long() {
    let sandbox = Sandbox::start_blocking().unwrap();
    file(&sandbox);
    let client = settings(&sandbox).build().unwrap();
    let chain = client.chain("v3/billdownload/file");
    let path = std::env::temp_dir().join(format!("in flight {}", std::process::id()));
    let (begun, has_begun) = std::sync::mpsc::channel();
    let download = chain.get().download(&path).progress(move |_, _| {
        let _ = begun.send(());
        thread::sleep(Duration::from_millis(1));
    });
    let waiting = thread::spawn(move || download.wait().unwrap().bytes_written());
    let mut reader = chain.get().stream().wait().unwrap();
    has_begun.recv().unwrap();
    assert_eq!(client.shutdown(Duration::ZERO).wait(), 2);
    std::io::copy(&mut reader, &mut std::io::sink()).unwrap();
    assert_eq!(client.shutdown(LONG).wait(), 0);
    assert_eq!(std::fs::metadata(&path).unwrap().len(), LARGE as u64);
    assert_eq!(waiting.join().unwrap(), LARGE as u64);
    std::fs::remove_file(&path).unwrap();

    let client = settings(&sandbox).build().unwrap();
    sandbox.misbehave(Misbehaviour::CutInAnswer);
    let stream = client.chain("v3/billdownload/file").get().stream().wait();
    if let Ok(mut reader) = stream {
        std::io::copy(&mut reader, &mut std::io::sink()).unwrap_err();
        assert_eq!(client.shutdown(Duration::ZERO).wait(), 0);
    } else {
        assert_eq!(client.shutdown(Duration::ZERO).wait(), 0);
    }
}

#[test]
fn a_bill_that_has_begun_makes_both_its_calls() {
    let sandbox = Sandbox::start_blocking().unwrap();
    let client = sandbox.client();
    slow(&sandbox, PAUSE);
    let bill = client.bill().trade("2024-01-01");
    let waiting = thread::spawn(move || bill.wait().unwrap().bytes().len());
    until_received(&sandbox, 1);
    assert_eq!(client.shutdown(LONG).wait(), 0);
    assert_eq!(waiting.join().unwrap(), 95);
    assert_eq!(sandbox.received().len(), 2);
}

#[test]
fn a_repeat_is_part_of_a_request_that_had_begun() {
    let sandbox = Sandbox::start_blocking().unwrap();
    let client = sandbox.client();
    sandbox.misbehave(Misbehaviour::status(429, "FREQUENCY_LIMITED", "频率超限"));
    let again = order(&client).retry(Retry::idempotent().first_pause(PAUSE));
    let waiting = thread::spawn(move || again.wait().unwrap().verified());
    until_received(&sandbox, 1);
    assert_eq!(client.shutdown(LONG).wait(), 0);
    assert!(waiting.join().unwrap());
}

#[test]
fn it_ends_one_client_and_not_those_that_share_its_connections() {
    let sandbox = Sandbox::start_blocking().unwrap();
    let client = sandbox.client();
    let other = settings(&sandbox).transport_of(&client);
    let other = other.build().unwrap();
    slow(&sandbox, 5 * PAUSE);
    let request = order(&other);
    let waiting = thread::spawn(move || request.wait().unwrap().verified());
    until_received(&sandbox, 1);
    // The other's request is not waited for.
    assert_eq!(client.shutdown(LONG).wait(), 0);
    assert!(!waiting.is_finished());
    assert_refused(&order(&client).wait().unwrap_err());
    assert!(order(&other).wait().unwrap().verified());
    assert!(waiting.join().unwrap());
    assert_eq!(other.shutdown(LONG).wait(), 0);
}

#[test]
fn it_needs_no_runtime_and_works_under_another_executor() {
    let sandbox = Sandbox::start_blocking().unwrap();
    let client = sandbox.client();
    slow(&sandbox, LONG);
    let request = order(&client);
    let pool = futures::executor::ThreadPool::new().unwrap();
    let (aborted, abort) = futures::future::abortable(request.into_future());
    pool.spawn_ok(async move {
        let _ = aborted.await;
    });
    until_received(&sandbox, 1);
    let left = futures::executor::block_on(client.shutdown(PAUSE).into_future());
    assert_eq!(left, 1);
    abort.abort();
    let left = futures::executor::block_on(client.shutdown(LONG).into_future());
    assert_eq!(left, 0);
}

#[tokio::test]
async fn certificates_are_refreshed_no_more_and_what_is_known_still_checks_notifications() {
    let sandbox = signing_by_certificate();
    let client: Client = keeping(&sandbox);
    order(&client).await.unwrap();
    assert_eq!(fetches(&sandbox), 1);
    let event = || sandbox.notification("TRANSACTION.SUCCESS", "transaction", &json!({ "a": 1 }));
    assert_eq!(client.shutdown(LONG).await, 0);
    let known = event();
    let checked = client.notification(&known.headers(), known.body()).await;
    assert_eq!(checked.unwrap().data()["a"], 1);
    pass(MINUTE).await;
    let serial = "6A70EE8D4C62B1B5D1D1A3D5E0B8B3C9F8A7E6D5";
    let mut headers = known.headers();
    for (name, value) in &mut headers {
        if name.eq_ignore_ascii_case("Wechatpay-Serial") {
            value.replace_range(.., serial);
        }
    }
    let error = client.notification(&headers, known.body()).await;
    assert_says(&error.unwrap_err(), &["fetched again", "shut down"]);
    assert_eq!(fetches(&sandbox), 1);
}
