//! Answers of any size: the limit of what is held in memory, streams and downloads.

use std::fmt::Display;
use std::fs;
use std::future::IntoFuture as _;
use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _};
use serde_json::json;
use tokio::runtime::Builder;
use wechatpay_chain::{
    Client, Downloaded, Error, Phase, Request, Response, Result, SignatureState, Streamed,
};
use wechatpay_sandbox::{CannedAnswer, Misbehaviour, Sandbox};

use crate::support::{assert_says, gzip, recorded, until};
use crate::way::{Way, settings};

const MEGABYTE: usize = 1024 * 1024;

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

// Streams

const FILE: &str = "v3/billdownload/file";

fn file(client: &Client, token: impl Display) -> Request {
    client
        .chain(FILE)
        .get()
        .query([("token", token.to_string())])
}

/// What came of a stream by `.await`: its pieces, and how it ended.
fn streamed(request: Request) -> Result<(Streamed, Vec<Bytes>, Option<Error>)> {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut stream = request.stream().await?;
        let mut pieces = Vec::new();
        let mut error = None;
        while let Some(piece) = stream.next().await {
            match piece {
                Ok(piece) => pieces.push(piece),
                Err(last) => error = Some(last),
            }
        }
        Ok((stream, pieces, error))
    })
}

/// What came of it by `.wait()`.
fn read(request: Request) -> Result<(Vec<u8>, Option<Error>)> {
    let mut reader = request.stream().wait()?;
    let mut bytes = Vec::new();
    let error = reader.read_to_end(&mut bytes).err();
    Ok((bytes, error.map(|error| error.downcast().unwrap())))
}

#[test]
fn a_stream_has_the_headers_and_then_the_bytes() {
    each_way(|_, client| {
        for length in [0, 1, 70_000, 3 * MEGABYTE] {
            let request = || file(client, format!("stream-{length}"));
            let (stream, pieces, error) = streamed(request()).unwrap();
            assert_eq!(stream.status(), 200);
            // An empty answer need not say so.
            let promised = stream.header("content-length").unwrap_or("0");
            assert_eq!(promised, length.to_string());
            assert!(!stream.verified() && error.is_none());
            assert!(pieces.concat() == vec![b'0'; length]);
            let (bytes, error) = read(request()).unwrap();
            assert!(bytes == vec![b'0'; length] && error.is_none());
        }
    });
}

#[test]
fn a_stream_needs_no_tokio() {
    let sandbox = Sandbox::start_blocking().unwrap();
    let client = sandbox.client();
    let length = futures::executor::block_on(async {
        let stream = file(&client, "stream-1000000").stream().await?;
        stream
            .try_fold(0, |sum, piece| async move { Ok(sum + piece.len()) })
            .await
    });
    assert_eq!(length.unwrap(), 1_000_000);
    // A reader may be read on a thread of a runtime.
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let (bytes, _) = runtime
        .block_on(async { read(file(&client, "stream-9")) })
        .unwrap();
    assert_eq!(bytes, b"000000000");
}

#[test]
fn the_gzip_of_a_stream_is_undone() {
    let content: Vec<u8> = (0..200_000_u32).flat_map(u32::to_le_bytes).collect();
    each_way(|sandbox, client| {
        let answer = CannedAnswer::new(200)
            .header("Content-Encoding", "gzip")
            .unsigned();
        let path = format!("/{FILE}");
        sandbox.answer_with("GET", &path, answer.clone().body(gzip(&content)));
        let (stream, pieces, error) = streamed(file(client, 1)).unwrap();
        assert!(error.is_none() && pieces.concat() == content);
        assert!(stream.header("content-encoding").is_none());
        assert!(stream.header("content-length").is_none());
        assert!(read(file(client, 1)).unwrap().0 == content);
        let packed = gzip(&content);
        for wrong in [&packed[..packed.len() - 1], b"no gzip"] {
            sandbox.answer_with("GET", &path, answer.clone().body(wrong));
            let (_, error) = read(file(client, 1)).unwrap();
            assert_says(&error.unwrap(), &["its gzip can't be undone"]);
        }
        sandbox.answer_with("GET", &path, answer.body(""));
        assert!(read(file(client, 1)).unwrap().0.is_empty());
    });
}

#[test]
fn a_refusal_of_a_stream_is_an_error_as_always() {
    each_way(|sandbox, client| {
        let request = || file(client, "expired");
        let error = streamed(request()).unwrap_err();
        assert_eq!(error.api().unwrap().code(), "INVALID_REQUEST");
        assert_eq!(error.api().unwrap().signature(), SignatureState::Verified);
        assert!(read(request()).unwrap_err().api().is_some());
        sandbox.misbehave(Misbehaviour::redirect("https://h/?token=1"));
        assert!(matches!(read(request()).unwrap_err(), Error::Redirect(_)));
    });
}

#[test]
fn what_is_signed_as_a_whole_is_no_stream() {
    let sandbox = Sandbox::start_blocking().unwrap();
    // It has its certificates yet to fetch, and does not do so in vain.
    let settings = sandbox.client_builder().apiv3_key(sandbox.apiv3_key());
    let client = settings.secret("k".repeat(32)).build().unwrap();
    let paths = [
        "v3/bill/tradebill",
        "v2/pay/downloadbill",
        "hk/v3/statements",
    ];
    for path in paths {
        let request = || client.chain(path).get().query([("mch_id", "1900000109")]);
        let target = std::env::temp_dir().join("never");
        for error in [
            streamed(request()).unwrap_err(),
            read(request()).unwrap_err(),
            request().download(&target).wait().unwrap_err(),
        ] {
            assert!(matches!(error, Error::Request(_)), "{error}");
            assert_says(&error, &[".answer_limit(bytes)", "a stream or a download"]);
        }
        assert!(!target.exists());
    }
    assert!(sandbox.received().is_empty());
}

#[test]
fn a_signature_that_a_stream_has_is_checked_before_any_byte_is_given() {
    each_way(|sandbox, client| {
        let path = format!("/{FILE}");
        sandbox.answer_with("GET", &path, CannedAnswer::new(200).body("signed"));
        let (stream, pieces, error) = streamed(file(client, 1)).unwrap();
        assert!(stream.verified() && error.is_none());
        assert_eq!(pieces.concat(), b"signed");
        assert_eq!(read(file(client, 1)).unwrap().0, b"signed");
        sandbox.misbehave(Misbehaviour::BodyAltered);
        sandbox.answer_with("GET", &path, CannedAnswer::new(200).body("signed 1"));
        let error = streamed(file(client, 1)).unwrap_err();
        assert!(matches!(error, Error::Verify(_)), "{error}");
    });
}

#[test]
fn a_stream_that_breaks_off_ends_in_an_error() {
    each_way(|sandbox, client| {
        let answer = CannedAnswer::new(200).unsigned().body(vec![1; 1000]);
        sandbox.answer_with("GET", format!("/{FILE}"), answer);
        sandbox.misbehave_always(Misbehaviour::CutInAnswer);
        let (_, pieces, error) = streamed(file(client, 1)).unwrap();
        assert!(pieces.concat().len() <= 500);
        assert_broken(&error.unwrap());
        assert_broken(&read(file(client, 1)).unwrap().1.unwrap());
    });
}

#[track_caller]
fn assert_broken(error: &Error) {
    let Error::Transport(network) = error else {
        panic!("not broken: {error}");
    };
    assert_eq!(network.phase(), Phase::Read);
    assert!(error.may_have_been_sent());
    assert!(error.signed_message().is_some());
}

#[test]
fn a_stream_that_stands_still_ends_in_its_own_limit_and_not_in_that_of_the_whole() {
    const IDLE: Duration = Duration::from_secs(1);
    each_way(|_, client| {
        let request = |token: &str| {
            let request = file(client, token).idle_timeout(IDLE);
            request.timeout(Duration::from_secs(20))
        };
        let (_, pieces, error) = streamed(request("stalled-100000")).unwrap();
        assert_eq!(pieces.concat().len(), 100_000);
        let awaited = error.unwrap();
        let (bytes, waited) = read(request("stalled-0")).unwrap();
        assert!(bytes.is_empty());
        for error in [awaited, waited.unwrap()] {
            let Error::Timeout(network) = &error else {
                panic!("no timeout: {error}");
            };
            assert_eq!(network.phase(), Phase::Read);
            assert_eq!(network.limit(), Some(IDLE));
            assert_says(&error, &["the limit without a byte of 1 s ran out"]);
        }
        let reader = request("stalled-1").stream().wait().unwrap();
        let error = reader.bytes().nth(1).unwrap().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        // A stream may last longer than the whole limit, as long as something comes.
        let short = file(client, "stream-1000000").timeout(IDLE);
        let mut reader = short.stream().wait().unwrap();
        thread::sleep(2 * IDLE);
        assert_eq!(io::copy(&mut reader, &mut io::sink()).unwrap(), 1_000_000);
    });
}

#[test]
fn a_stream_whose_headers_do_not_come_ends_in_the_limit_of_the_whole() {
    each_way(|sandbox, client| {
        sandbox.misbehave(Misbehaviour::Delay(Duration::from_secs(600)));
        let limit = Duration::from_millis(500);
        let error = read(file(client, "stream-1").timeout(limit)).unwrap_err();
        assert!(error.is_timeout(), "{error}");
    });
}

#[test]
fn a_stream_that_is_dropped_leaves_its_client_as_it_was() {
    each_way(|_, client| {
        for _ in 0..20 {
            let mut reader = file(client, "stream-1073741824").stream().wait().unwrap();
            reader.read_exact(&mut [0; 10]).unwrap();
        }
        assert_eq!(read(file(client, "stream-7")).unwrap().0.len(), 7);
    });
}

#[test]
fn a_stream_whose_runtime_is_gone_does_not_end_as_if_it_were_whole() {
    let sandbox = Sandbox::start_blocking().unwrap();
    let client = sandbox.client();
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let request = file(&client, "stream-1073741824");
    let stream = runtime.block_on(async { request.stream().await }).unwrap();
    drop(runtime);
    let last = futures::executor::block_on(stream.fold(None, |_, piece| async { Some(piece) }));
    assert_broken(&last.unwrap().unwrap_err());
}

// Downloads

/// A folder of a test's own, removed at its end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let name = format!("wechatpay-chain {name} {}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.0).unwrap();
        entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The outcome of the download by `.await` and that by `.wait()`.
fn downloads(request: impl Fn() -> Request, path: &Path) -> [Result<Downloaded>; 2] {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    [
        runtime.block_on(async { request().download(path).await }),
        request().download(path).wait(),
    ]
}

#[test]
fn a_download_is_a_file_of_all_the_bytes() {
    let folder = Folder::new("download");
    let path = folder.0.join("bill.csv");
    each_way(|_, client| {
        for length in [0, 3 * MEGABYTE] {
            for result in downloads(|| file(client, format!("stream-{length}")), &path) {
                let downloaded = result.unwrap();
                assert_eq!(downloaded.bytes_written(), length as u64);
                assert_eq!(downloaded.status(), 200);
                assert_eq!(
                    downloaded.header("content-type"),
                    Some("application/octet-stream")
                );
                assert!(fs::read(&path).unwrap() == vec![b'0'; length]);
                assert_eq!(folder.names(), ["bill.csv"]);
            }
        }
    });
}

#[test]
fn a_download_tells_how_far_it_is() {
    let folder = Folder::new("progress");
    let sandbox = Sandbox::start_blocking().unwrap();
    let (told, seen) = mpsc::channel();
    let download = file(&sandbox.client(), "stream-300000").download(folder.0.join("a"));
    let download = download.progress(move |done, total| told.send((done, total)).unwrap());
    download.wait().unwrap();
    let seen: Vec<_> = seen.iter().collect();
    assert!(seen.is_sorted() && seen.len() > 1);
    assert!(seen.iter().all(|(_, total)| *total == Some(300_000)));
    assert_eq!(seen.last().unwrap().0, 300_000);
}

#[test]
fn a_download_that_fails_leaves_no_file_and_an_old_one_as_it_was() {
    let folder = Folder::new("broken");
    let path = folder.0.join("bill.csv");
    fs::write(&path, "old").unwrap();
    each_way(|sandbox, client| {
        let stalled = || file(client, "stalled-9").idle_timeout(Duration::from_millis(100));
        for result in downloads(stalled, &path) {
            assert!(result.unwrap_err().is_timeout());
        }
        for result in downloads(|| file(client, "expired"), &path) {
            assert!(result.unwrap_err().api().is_some());
        }
        let answer = CannedAnswer::new(200).unsigned().body(vec![1; 1000]);
        sandbox.answer_with("GET", format!("/{FILE}"), answer);
        sandbox.misbehave_always(Misbehaviour::CutInAnswer);
        for result in downloads(|| file(client, 1), &path) {
            assert_broken(&result.unwrap_err());
        }
        assert_eq!(folder.names(), ["bill.csv"]);
        assert_eq!(fs::read(&path).unwrap(), b"old");
    });
}

#[test]
fn a_download_of_another_length_than_was_promised_is_an_error() {
    let folder = Folder::new("length");
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let base = format!("http://{}/", listener.local_addr().unwrap());
    thread::spawn(move || {
        while let Ok((mut stream, _)) = listener.accept() {
            let _ = stream.read(&mut [0; 4096]);
            let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nninety-nine";
            let _ = stream.write_all(answer);
        }
    });
    let client = recorded("1900000109").base_uri(base).build().unwrap();
    for result in downloads(|| file(&client, 1), &folder.0.join("a")) {
        assert_broken(&result.unwrap_err());
    }
    assert!(folder.names().is_empty());
}

/// Tells a process of its own that it is one.
#[cfg(target_os = "linux")]
const DOWNLOADS: &str = "WECHATPAY_TEST_DOWNLOADS";

#[test]
#[cfg(target_os = "linux")]
fn a_download_takes_no_more_than_8_megabytes_of_memory() {
    if std::env::var_os(DOWNLOADS).is_some() {
        return measure_downloads();
    }
    let name = "streams::a_download_takes_no_more_than_8_megabytes_of_memory";
    for way in [Way::Http1, Way::Http2] {
        let sandbox = way.sandbox();
        let output = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", name, "--nocapture"])
            .envs(sandbox.environment())
            .env(DOWNLOADS, "1")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        let complained = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}{complained}");
        assert!(said.contains("1 passed"), "no such test: {said}");
        assert_eq!(sandbox.received().len(), 5);
    }
}

/// Downloads by each verb, and reads a stream, in a process that does nothing else.
#[cfg(target_os = "linux")]
fn measure_downloads() {
    const LENGTH: usize = 128 * MEGABYTE;
    let memory = |name: &str| -> usize {
        let status = fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let kilobytes = line.unwrap().trim_start_matches(':').trim();
        kilobytes.trim_end_matches(" kB").parse().unwrap()
    };
    let folder = Folder::new("memory");
    let path = folder.0.join("bill.csv");
    let client = Client::from_env().unwrap();
    // Once, so that what is measured is not the code that is loaded for it.
    for result in downloads(|| file(&client, "stream-1000000"), &path) {
        result.unwrap();
    }
    // Has the peak forgotten that there was before.
    fs::write("/proc/self/clear_refs", "5").unwrap();
    let idle = memory("VmRSS");
    let large = || file(&client, format!("stream-{LENGTH}"));
    for result in downloads(large, &path) {
        assert_eq!(result.unwrap().bytes_written(), LENGTH as u64);
    }
    assert_eq!(fs::metadata(&path).unwrap().len(), LENGTH as u64);
    let mut reader = large().stream().wait().unwrap();
    let read = io::copy(&mut reader, &mut io::sink()).unwrap();
    assert_eq!(read, LENGTH as u64);
    let above = memory("VmHWM").saturating_sub(idle);
    assert!(above <= 8 * 1024, "{above} kB above idle");
}

#[test]
fn a_file_that_can_not_be_written_is_told_before_anything_is_sent() {
    let folder = Folder::new("unwritable");
    let sandbox = Sandbox::start_blocking().unwrap();
    let client = sandbox.client();
    for path in [
        folder.0.clone(),
        folder.0.join("none").join("a"),
        "/".into(),
    ] {
        for result in downloads(|| file(&client, "stream-1"), &path) {
            let error = result.unwrap_err();
            assert!(matches!(error, Error::Request(_)), "{error}");
            assert_says(&error, &["can't be written", path.to_str().unwrap()]);
        }
    }
    assert!(sandbox.received().is_empty() && folder.names().is_empty());
}

#[test]
fn a_download_that_is_dropped_leaves_no_file() {
    let folder = Folder::new("dropped");
    let sandbox = Sandbox::start_blocking().unwrap();
    let client = sandbox.client();
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let stalled = file(&client, "stalled-100").idle_timeout(Duration::ZERO);
        let download = stalled.download(folder.0.join("a")).into_future();
        let limited = tokio::time::timeout(Duration::from_millis(500), download).await;
        assert!(limited.is_err());
        until(|| folder.names().is_empty()).await;
    });
}
