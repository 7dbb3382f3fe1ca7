//! Uploads: what goes over the wire, from memory and from a file, and a file that changes.

use std::fs;
use std::io::{self, Read as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use futures::executor::block_on;
use ring::digest::{SHA256, digest};
use serde_json::{Value, json};
use wechatpay_chain::{Error, Media, Request, Response, Result};
use wechatpay_sandbox::{Misbehaviour, Received, Sandbox};

use crate::support::{assert_says, offline};
use crate::way::{Way, settings};

const UPLOAD: &str = "v3/merchant/media/upload";
const VIDEO: &str = "v3/merchant/media/video_upload";

/// A file of this test's own in a folder of its own, removed at its end.
struct Scratch(PathBuf);

impl Scratch {
    fn new(test: &str, name: &str, content: &[u8]) -> Self {
        let folder = format!("wechatpay-chain media {test} {}", std::process::id());
        let folder = std::env::temp_dir().join(folder);
        fs::create_dir_all(&folder).unwrap();
        let path = folder.join(name);
        fs::write(&path, content).unwrap();
        Self(path)
    }

    fn media(&self) -> Media {
        Media::from_path(&self.0).unwrap()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(self.0.parent().unwrap());
    }
}

/// The same call in every way that an application has: awaited on tokio, awaited elsewhere, waited
/// for.
fn every_way(request: impl Fn() -> Request) -> [Result<Response>; 3] {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    [
        runtime.block_on(request().into_future()),
        block_on(request().into_future()),
        request().wait(),
    ]
}

/// What the sandbox, which checked the signature, the digest and the name, answered.
#[track_caller]
fn assert_media_id(answer: Result<Response>) {
    let answer = answer.unwrap();
    assert!(answer.verified());
    assert!(answer.data().unwrap()["media_id"].is_string());
}

/// A body as text, in which the boundary is `B`.
fn shown(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body).into_owned();
    let (first, _) = text.split_once("\r\n").unwrap();
    let boundary = first.strip_prefix("--").unwrap();
    assert_eq!(boundary.len(), 32, "{boundary}");
    text.replace(boundary, "B")
}

/// The same of a media that is not sent.
fn built(media: Media) -> String {
    let request = offline().chain(UPLOAD).post(media).into_http().unwrap();
    shown(request.body())
}

fn hex(content: &[u8]) -> String {
    let digest = digest(&SHA256, content);
    let digest = digest.as_ref().iter();
    digest.map(|byte| format!("{byte:02x}")).collect()
}

fn is_http2(received: &Received) -> bool {
    received.version() == http::Version::HTTP_2
}

/// Bytes that repeat nowhere near each other.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 1_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    };
    std::iter::repeat_with(&mut next).take(length).collect()
}

// CASES upload-01.
#[test]
fn a_chinese_file_name_goes_as_raw_utf8_in_quotes_and_meta_is_what_is_signed() {
    let content = [0xff, 0xd8, 0xff, b'\r', b'\n', b'-', b'-'];
    for way in Way::ALL {
        let sandbox = way.sandbox();
        let client = sandbox.client();
        let media = Media::new("营业执照.jpg", content.to_vec());
        for answer in every_way(|| client.chain(UPLOAD).post(&media)) {
            assert_media_id(answer);
        }
        let mut nonces = Vec::new();
        for received in sandbox.received() {
            assert!(received.authenticated());
            assert_eq!(is_http2(&received), way == Way::Http2);
            let expected = format!(
                "--B\r\n\
                 Content-Disposition: form-data; name=\"meta\"\r\n\
                 Content-Type: application/json\r\n\r\n\
                 {{\"filename\":\"营业执照.jpg\",\"sha256\":\"{}\"}}\r\n\
                 --B\r\n\
                 Content-Disposition: form-data; name=\"file\"; filename=\"营业执照.jpg\"\r\n\
                 Content-Type: image/jpeg\r\n\r\n\
                 {}\r\n\
                 --B--\r\n",
                hex(&content),
                String::from_utf8_lossy(&content)
            );
            assert_eq!(shown(received.body()), expected);
            let boundary = std::str::from_utf8(&received.body()[2..34]).unwrap();
            let form = format!("multipart/form-data; boundary={boundary}");
            assert_eq!(received.header("content-type"), Some(form.as_str()));
            let length = received.body().len().to_string();
            assert_eq!(received.header("content-length"), Some(length.as_str()));
            assert_eq!(received.header("transfer-encoding"), None);
            nonces.push(received.header("authorization").unwrap().to_owned());
            nonces.push(boundary.to_owned());
        }
        // Sent again, a media is signed again, within a boundary of its own.
        nonces.sort_unstable();
        nonces.dedup();
        assert_eq!(nonces.len(), 6);
    }
}

#[test]
fn the_signed_message_of_an_upload_ends_in_its_meta() {
    let media = Media::new("a.png", "x").meta(json!({ "b": 1, "a": "中" }));
    let sandbox = Sandbox::start_blocking().unwrap();
    let error = sandbox
        .client()
        .chain(UPLOAD)
        .post(media)
        .wait()
        .unwrap_err();
    assert_eq!(error.api().unwrap().code(), "PARAM_ERROR");
    let message = error.signed_message().unwrap();
    assert!(message.ends_with("\n{\"b\":1,\"a\":\"中\"}\n"), "{message}");
    assert!(sandbox.received()[0].authenticated());
}

// CASES upload-05.
#[test]
fn a_file_address_and_a_path_open_the_same_file() {
    let file = Scratch::new("address", "图 片.jpg", b"content");
    let path = file.0.to_str().unwrap();
    let sandbox = Sandbox::start_blocking().unwrap();
    let client = sandbox.client();
    let medias = [
        Media::from_path(format!("file://{path}")),
        Media::from_path(path),
        Media::from_path(&file.0),
        Media::from_path(Path::new(path)),
    ];
    for media in medias {
        assert_media_id(client.chain(UPLOAD).post(media.unwrap()).wait());
    }
    let received = sandbox.received();
    let bodies = received.iter().map(|received| shown(received.body()));
    let mut bodies: Vec<_> = bodies.collect();
    bodies.dedup();
    assert_eq!(bodies.len(), 1);
    let disposition = "name=\"file\"; filename=\"图 片.jpg\"\r\nContent-Type: image/jpeg\r\n";
    assert!(bodies[0].contains(disposition));
    assert!(bodies[0].contains(&hex(b"content")));
}

#[test]
fn a_relative_path_is_one_of_the_working_folder() {
    let media = Media::from_path("tests/it/media.rs").unwrap();
    let sandbox = Sandbox::start_blocking().unwrap();
    assert_media_id(sandbox.client().chain(UPLOAD).post(media).wait());
    let body = sandbox.received()[0].body().to_vec();
    assert!(shown(&body).contains("filename=\"media.rs\""));
}

#[test]
fn what_is_no_file_to_read_is_refused_with_its_path_when_the_media_is_made() {
    let folder = std::env::temp_dir();
    let folder = folder.to_str().unwrap();
    for (path, says) in [
        ("/nowhere/a.jpg", "/nowhere/a.jpg"),
        ("file:///nowhere/a.jpg", "/nowhere/a.jpg"),
        ("file:///nowhere/%E5%9B%BE.jpg", "is not decoded"),
        ("file://relative/a.jpg", "file:///absolute/path"),
        (folder, "no regular file"),
        ("/dev/null", "no regular file"),
        ("", "Media::from_path"),
    ] {
        let error = Media::from_path(path).unwrap_err();
        assert!(matches!(error, Error::Request(_)), "{error:?}");
        assert!(!error.may_have_been_sent());
        assert_says(&error, &[says]);
    }
}

#[test]
fn a_file_that_is_gone_when_it_is_sent_is_an_error_before_anything_is_sent() {
    let file = Scratch::new("gone", "a.jpg", b"x");
    let media = file.media();
    fs::remove_file(&file.0).unwrap();
    let sandbox = Sandbox::start_blocking().unwrap();
    let client = sandbox.client();
    for answer in every_way(|| client.chain(UPLOAD).post(&media)) {
        let error = answer.unwrap_err();
        assert!(!error.may_have_been_sent());
        let path = file.0.to_str().unwrap();
        assert_says(&error, &["POST v3/merchant/media/upload", path]);
    }
    assert_eq!(sandbox.connections(), 0);
}

#[test]
fn a_large_file_arrives_as_it_is() {
    let content = noise(20 * 1024 * 1024);
    let file = Scratch::new("large", "影片.mp4", &content);
    for way in Way::ALL {
        let sandbox = way.sandbox();
        let client = sandbox.client();
        for answer in every_way(|| client.chain(VIDEO).post(file.media())) {
            assert_media_id(answer);
        }
        for received in sandbox.received() {
            let body = received.body();
            let length = body.len().to_string();
            assert_eq!(received.header("content-length"), Some(length.as_str()));
            let tail = "\r\n--".len() + 32 + "--\r\n".len();
            let end = body.len() - tail;
            assert!(body[end - content.len()..end] == content[..]);
        }
    }
}

#[test]
fn a_large_file_in_memory_can_be_sent_twice() {
    let media = Media::new("a.mp4", noise(3 * 1024 * 1024));
    for way in Way::ALL {
        let sandbox = way.sandbox();
        let client = sandbox.client();
        for answer in every_way(|| client.chain(VIDEO).post(&media)) {
            assert_media_id(answer);
        }
    }
}

#[test]
fn an_empty_file_is_sent() {
    let file = Scratch::new("empty", "a.png", b"");
    let sandbox = Sandbox::start_blocking().unwrap();
    let upload = sandbox
        .client()
        .v3()
        .marketing()
        .favor()
        .media()
        .image_upload();
    for media in [file.media(), Media::new("a.png", "")] {
        let answer = upload.post(media).wait().unwrap();
        assert!(answer.data().unwrap()["media_url"].is_string());
    }
}

/// A way to the sandbox on which nothing passes before it is opened.
struct Gate {
    address: SocketAddr,
    arrived: mpsc::Receiver<()>,
    open: mpsc::Sender<()>,
}

impl Gate {
    fn before(sandbox: &Sandbox) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let target = sandbox.address();
        let (arrive, arrived) = mpsc::channel();
        let (open, opened) = mpsc::channel();
        thread::spawn(move || {
            for client in listener.incoming() {
                let client = client.unwrap();
                if arrive.send(()).is_err() || opened.recv().is_err() {
                    return;
                }
                relay(client, TcpStream::connect(target).unwrap());
            }
        });
        Self {
            address,
            arrived,
            open,
        }
    }
}

fn relay(client: TcpStream, server: TcpStream) {
    let back = (server.try_clone().unwrap(), client.try_clone().unwrap());
    for (mut from, mut to) in [(client, server), back] {
        thread::spawn(move || {
            let _ = io::copy(&mut from, &mut to);
            let _ = to.shutdown(std::net::Shutdown::Write);
        });
    }
}

#[test]
fn a_file_that_changes_after_it_was_hashed_fails_the_request_and_is_named() {
    let content = noise(1024 * 1024);
    let mut altered = content.clone();
    *altered.last_mut().unwrap() ^= 1;
    let shorter = content[..1000].to_vec();
    let longer = [&content[..], b"x"].concat();
    // Over TLS nothing of the body leaves before the server speaks.
    for way in [Way::Http2, Way::Http1] {
        for (change, now) in [
            ("altered", &altered),
            ("shorter", &shorter),
            ("longer", &longer),
        ] {
            for is_waited in [true, false] {
                let file = Scratch::new("change", "a.mp4", &content);
                let sandbox = way.sandbox();
                let gate = Gate::before(&sandbox);
                let client = settings(&sandbox).base_uri(format!("https://{}/", gate.address));
                let client = client.build().unwrap();
                let upload = client.chain(VIDEO).post(file.media());
                let sender = thread::spawn(move || {
                    if is_waited {
                        upload.wait()
                    } else {
                        block_on(upload.into_future())
                    }
                });
                gate.arrived.recv().unwrap();
                fs::write(&file.0, now).unwrap();
                gate.open.send(()).unwrap();
                let error = sender.join().unwrap().unwrap_err();
                assert!(matches!(error, Error::Transport(_)), "{change}: {error:?}");
                assert!(error.may_have_been_sent());
                assert!(!error.is_retryable());
                let path = file.0.to_str().unwrap();
                assert_says(&error, &[path, "changed while it was sent"]);
                // What did arrive is no request.
                assert!(sandbox.received().is_empty(), "{change}");
            }
        }
    }
}

#[test]
fn after_a_file_that_changed_the_client_goes_on() {
    let content = noise(1024 * 1024);
    for way in [Way::Http2, Way::Http1] {
        let file = Scratch::new("on", "a.mp4", &content);
        let sandbox = way.sandbox();
        let gate = Gate::before(&sandbox);
        let client = settings(&sandbox).base_uri(format!("https://{}/", gate.address));
        let client = client.build().unwrap();
        let upload = client.chain(VIDEO).post(file.media());
        let sender = thread::spawn(move || upload.wait());
        gate.arrived.recv().unwrap();
        fs::write(&file.0, b"another").unwrap();
        gate.open.send(()).unwrap();
        sender.join().unwrap().unwrap_err();
        gate.open.send(()).unwrap();
        assert_media_id(client.chain(VIDEO).post(file.media()).wait());
    }
}

#[test]
fn part_fields_and_names_are_those_that_were_given() {
    let media = Media::new("/data/a.xlsx", "x")
        .part("submission_file")
        .field("item_id", "1\r\n2")
        .field("a\"b", "")
        .filename("C:/x/\"图\".csv")
        .digest_key("digest");
    let expected = format!(
        "--B\r\n\
         Content-Disposition: form-data; name=\"meta\"\r\n\
         Content-Type: application/json\r\n\r\n\
         {{\"filename\":\"\\\"图\\\".csv\",\"digest\":\"{}\"}}\r\n\
         --B\r\n\
         Content-Disposition: form-data; name=\"item_id\"\r\n\r\n\
         1\r\n2\r\n\
         --B\r\n\
         Content-Disposition: form-data; name=\"a%22b\"\r\n\r\n\
         \r\n\
         --B\r\n\
         Content-Disposition: form-data; name=\"submission_file\"; filename=\"%22图%22.csv\"\r\n\
         Content-Type: text/csv\r\n\r\n\
         x\r\n\
         --B--\r\n",
        hex(b"x")
    );
    assert_eq!(built(media), expected);
}

#[test]
fn a_quote_in_a_file_name_arrives_and_meta_has_it_as_it_is() {
    let sandbox = Sandbox::start_blocking().unwrap();
    let media = Media::new("a\"b\\'%.png", "x");
    assert_media_id(sandbox.client().chain(UPLOAD).post(media).wait());
    let received = sandbox.received();
    let body = shown(received[0].body());
    assert!(body.contains("filename=\"a%22b\\'%.png\""), "{body}");
    assert!(body.contains(r#"{"filename":"a\"b\\'%.png","#), "{body}");
}

#[test]
fn own_meta_and_the_file_s_other_settings_arrive() {
    let sandbox = Sandbox::start_blocking().unwrap();
    let content = noise(1000);
    let file = Scratch::new("own", "raw", &content);
    let meta = json!({ "sha256": hex(&content), "more": [1.0, null], "filename": "b.bin" });
    let media = file.media().meta(meta.clone()).filename("b.bin");
    let media = media.content_type("image/heic").field("extra", "e");
    assert_media_id(sandbox.client().chain(UPLOAD).post(&media).wait());
    let body = String::from_utf8_lossy(sandbox.received()[0].body()).into_owned();
    let meta = meta.to_string().replace("1.0", "1");
    assert!(body.contains(&format!("\r\n\r\n{meta}\r\n--")), "{body}");
    assert!(body.contains("Content-Type: image/heic\r\n"), "{body}");
    // Own meta without the digest is sent without it, and the sandbox refuses it.
    let bare = file.media().meta(json!({ "filename": "raw" }));
    let error = sandbox
        .client()
        .chain(UPLOAD)
        .post(bare)
        .wait()
        .unwrap_err();
    let detail = error.api().unwrap().detail().cloned();
    let detail = detail.unwrap_or(Value::Null);
    assert_eq!(detail["field"], "/meta/sha256");
}

#[test]
fn a_name_that_would_break_out_of_its_line_is_refused_before_anything_is_sent() {
    let sandbox = Sandbox::start_blocking().unwrap();
    let client = sandbox.client();
    for bad in ["a\rb", "a\nb", "a\0b", ""] {
        for media in [
            Media::new(bad, "x"),
            Media::new("a", "x").filename(bad),
            Media::new("a", "x").part(bad),
            Media::new("a", "x").field(bad, "x"),
            Media::new("a", "x").content_type(bad),
        ] {
            for answer in every_way(|| client.chain(UPLOAD).post(&media)) {
                let error = answer.unwrap_err();
                assert!(matches!(error, Error::Request(_)), "{error:?}");
                assert!(!error.may_have_been_sent());
                assert_says(&error, &["POST v3/merchant/media/upload: the "]);
            }
        }
    }
    assert_eq!(sandbox.connections(), 0);
}

#[test]
fn a_content_type_of_the_caller_s_never_hides_the_boundary() {
    let sandbox = Sandbox::start_blocking().unwrap();
    let upload = sandbox.client().chain(UPLOAD);
    let media = Media::new("a.png", "x");
    let request = upload
        .post(media)
        .header("content-type", "multipart/form-data");
    assert_media_id(request.wait());
}

#[test]
fn an_upload_can_be_sent_by_another_client_if_it_is_in_memory() {
    let media = Media::new("a.png", "x");
    let (request, _) = offline().chain(UPLOAD).post(&media).into_parts().unwrap();
    assert!(request.body().ends_with(b"--\r\n"));
    let file = Scratch::new("another", "a.png", b"x");
    let error = offline()
        .chain(UPLOAD)
        .post(file.media())
        .into_http()
        .unwrap_err();
    assert_says(&error, &["read from a file", "Media::new(filename, bytes)"]);
}

#[test]
fn neither_a_media_nor_its_request_shows_what_it_holds() {
    let media = Media::new("MARK.png", "MARK")
        .meta(json!({ "MARK": 1 }))
        .field("MARK", "MARK");
    assert_eq!(format!("{media:?}"), "Media(4 bytes)");
    let request = offline().chain(UPLOAD).post(media);
    let text = format!("{request:?}");
    assert!(!text.contains("MARK"), "{text}");
}

/// A relay that stands still for a while after each of the first few pieces.
fn slow_relay(sandbox: &Sandbox, piece: u64, pieces: usize, pause: Duration) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let target = sandbox.address();
    thread::spawn(move || {
        let (mut client, _) = listener.accept().unwrap();
        let mut server = TcpStream::connect(target).unwrap();
        let back = (server.try_clone().unwrap(), client.try_clone().unwrap());
        thread::spawn(move || {
            let (mut server, mut client) = back;
            let _ = io::copy(&mut server, &mut client);
        });
        for _ in 0..pieces {
            let _ = io::copy(&mut (&mut client).take(piece), &mut server);
            thread::sleep(pause);
        }
        let _ = io::copy(&mut client, &mut server);
    });
    address
}

#[test]
fn an_upload_may_take_longer_than_the_limit_as_long_as_it_does_not_stand_still() {
    let media = Media::new("a.mp4", vec![0; 24 * 1024 * 1024]);
    let limit = Duration::from_secs(5);
    let uploads = [Way::Http2, Way::Http1].map(|way| {
        let media = media.clone();
        thread::spawn(move || {
            let sandbox = way.sandbox();
            let relay = slow_relay(&sandbox, 4 * 1024 * 1024, 3, Duration::from_secs(2));
            let client = settings(&sandbox).base_uri(format!("https://{relay}/"));
            let client = client.timeout(limit).build().unwrap();
            let started = Instant::now();
            assert_media_id(client.chain(VIDEO).post(media).wait());
            assert!(started.elapsed() > limit);
        })
    });
    for upload in uploads {
        upload.join().unwrap();
    }
}

#[test]
fn an_upload_that_is_not_answered_or_not_taken_ends_at_the_limit() {
    let large = Media::new("a.mp4", vec![0; 24 * 1024 * 1024]);
    for way in [Way::Http2, Way::Http1] {
        let sandbox = way.sandbox();
        sandbox.misbehave(Misbehaviour::Delay(Duration::from_secs(60)));
        let stuck = slow_relay(&sandbox, 1024 * 1024, 1, Duration::from_secs(60));
        for (base, media) in [
            (sandbox.base_uri(), Media::new("a.png", "x")),
            (format!("https://{stuck}/"), large.clone()),
        ] {
            let client = settings(&sandbox).base_uri(base).build().unwrap();
            let upload = client.chain(VIDEO).post(media);
            let error = upload.timeout(Duration::from_secs(1)).wait().unwrap_err();
            assert!(error.is_timeout() && error.may_have_been_sent(), "{error}");
            assert_says(
                &error,
                &["the limit since the last byte sent of 1 s ran out"],
            );
        }
    }
}
