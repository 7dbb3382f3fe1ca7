//! What a log sees of a request: one span with its fields, an event for each attempt, and bodies only at
//! TRACE, blanked.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Debug;
use std::future::IntoFuture as _;
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::StreamExt as _;
use serde_json::json;
use tokio::runtime::Builder;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::{DefaultGuard, Interest};
use tracing::{Dispatch, Event, Level, Metadata, Subscriber};
use tracing_core::span::Current;
use wechatpay_chain::{Client, Media, Request, Response, Result, Retry};
use wechatpay_sandbox::{CannedAnswer, Misbehaviour, Sandbox};

use crate::support::{fetches, keeping, order, pass, signing_by_certificate, until};
use crate::way::{self, Way, settings};

const TARGET: &str = "wechatpay_chain";
const QUICK: Duration = Duration::from_millis(1);

type Fields = BTreeMap<&'static str, String>;

#[derive(Clone, Default, Debug)]
struct Seen {
    parent: Option<u64>,
    level: String,
    target: &'static str,
    name: &'static str,
    fields: Fields,
    /// The names of the threads that entered it.
    threads: Vec<String>,
    handles: usize,
    is_closed: bool,
}

impl Seen {
    fn get(&self, name: &str) -> &str {
        self.fields.get(name).map_or("", String::as_str)
    }

    fn number(&self, name: &str) -> u64 {
        self.get(name).parse().unwrap()
    }
}

#[derive(Default)]
struct State {
    spans: Vec<Seen>,
    metadata: Vec<&'static Metadata<'static>>,
    events: Vec<Seen>,
    entered: HashMap<ThreadId, Vec<u64>>,
}

/// Takes down this library's spans and events of this test, down to a level.
#[derive(Clone)]
struct Recorder {
    state: Arc<Mutex<State>>,
    level: Level,
}

struct Taken<'a>(&'a mut Fields);

impl Visit for Taken<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), value.to_owned());
    }
}

impl Subscriber for Recorder {
    fn register_callsite(&self, _: &'static Metadata<'static>) -> Interest {
        Interest::sometimes()
    }
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        let is_ours = metadata.target().starts_with(TARGET) || metadata.name() == "caller";
        is_ours && *metadata.level() <= self.level
    }
    fn new_span(&self, attributes: &Attributes<'_>) -> Id {
        let mut state = self.state.lock().unwrap();
        let entered = state.entered.get(&thread::current().id());
        let entered = entered.and_then(|ids| ids.last()).copied();
        let mut span = Seen {
            parent: match attributes.parent() {
                Some(parent) => Some(parent.into_u64()),
                None => entered.filter(|_| attributes.is_contextual()),
            },
            level: attributes.metadata().level().to_string(),
            target: attributes.metadata().target(),
            name: attributes.metadata().name(),
            handles: 1,
            ..Seen::default()
        };
        attributes.record(&mut Taken(&mut span.fields));
        state.spans.push(span);
        state.metadata.push(attributes.metadata());
        Id::from_u64(state.spans.len() as u64)
    }
    fn record(&self, id: &Id, values: &Record<'_>) {
        let mut state = self.state.lock().unwrap();
        let span = &mut state.spans[id.into_u64() as usize - 1];
        assert!(!span.is_closed);
        values.record(&mut Taken(&mut span.fields));
    }
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, event: &Event<'_>) {
        let mut state = self.state.lock().unwrap();
        let entered = state.entered.get(&thread::current().id());
        let mut seen = Seen {
            parent: entered.and_then(|ids| ids.last()).copied(),
            level: event.metadata().level().to_string(),
            target: event.metadata().target(),
            ..Seen::default()
        };
        event.record(&mut Taken(&mut seen.fields));
        state.events.push(seen);
    }
    fn enter(&self, id: &Id) {
        let mut state = self.state.lock().unwrap();
        let current = thread::current();
        let ids = state.entered.entry(current.id()).or_default();
        ids.push(id.into_u64());
        let name = current.name().unwrap_or_default().to_owned();
        state.spans[id.into_u64() as usize - 1].threads.push(name);
    }
    fn exit(&self, id: &Id) {
        let mut state = self.state.lock().unwrap();
        let ids = state.entered.get_mut(&thread::current().id()).unwrap();
        assert_eq!(ids.pop(), Some(id.into_u64()));
    }
    fn clone_span(&self, id: &Id) -> Id {
        self.state.lock().unwrap().spans[id.into_u64() as usize - 1].handles += 1;
        id.clone()
    }
    fn try_close(&self, id: Id) -> bool {
        let mut state = self.state.lock().unwrap();
        let span = &mut state.spans[id.into_u64() as usize - 1];
        span.handles -= 1;
        span.is_closed = span.handles == 0;
        span.is_closed
    }
    fn current_span(&self) -> Current {
        let state = self.state.lock().unwrap();
        let entered = state.entered.get(&thread::current().id());
        match entered.and_then(|ids| ids.last()) {
            Some(id) => Current::new(Id::from_u64(*id), state.metadata[*id as usize - 1]),
            None => Current::none(),
        }
    }
}

impl Recorder {
    /// Listens on this thread until the guard is dropped.
    fn at(level: Level) -> (Self, [Dispatch; 1], DefaultGuard) {
        let recorder = Self {
            state: Arc::default(),
            level,
        };
        // While there is one only, tracing asks the thread that comes to an event first, which may
        // be another test's, and never again.
        let second = Dispatch::new(recorder.clone());
        let guard = tracing::subscriber::set_default(recorder.clone());
        (recorder, [second], guard)
    }

    fn requests(&self) -> Vec<(u64, Seen)> {
        let state = self.state.lock().unwrap();
        let spans = state.spans.iter().enumerate();
        let ours = spans.filter(|(_, span)| span.name == "request");
        ours.map(|(index, span)| (index as u64 + 1, span.clone()))
            .collect()
    }

    /// The span of the only request since the last look.
    #[track_caller]
    fn only(&self) -> Seen {
        let spans = self.requests();
        assert_eq!(spans.len(), 1, "{spans:#?}");
        let (id, span) = spans.into_iter().next().unwrap();
        assert!(span.is_closed, "{id}: {span:?}");
        assert_eq!((span.target, &*span.level), (TARGET, "INFO"));
        self.forget();
        span
    }

    fn events(&self) -> Vec<Seen> {
        self.state.lock().unwrap().events.clone()
    }

    /// What was said since the last look.
    fn said(&self) -> Vec<String> {
        let events = self.events();
        events
            .iter()
            .map(|event| format!("{} {}", event.level, event.get("message")))
            .collect()
    }

    fn forget(&self) {
        let mut state = self.state.lock().unwrap();
        for span in &mut state.spans {
            span.name = "seen";
        }
        state.events.clear();
    }

    /// Nothing that was seen holds this.
    #[track_caller]
    fn assert_lacks(&self, text: &str) {
        let state = self.state.lock().unwrap();
        for seen in state.spans.iter().chain(&state.events) {
            for (name, value) in &seen.fields {
                assert!(!value.contains(text), "{name}={value}");
            }
        }
    }
}

fn host(sandbox: &Sandbox) -> String {
    let base = sandbox.base_uri();
    let (_, host) = base.split_once("://").unwrap();
    host.trim_end_matches('/').to_owned()
}

/// By `.await` and by `.wait()`, each within a span of the caller's.
fn both(request: impl Fn() -> Request, mut look: impl FnMut(Result<Response>)) {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let caller = tracing::info_span!("caller");
    look(caller.in_scope(|| runtime.block_on(async { request().await })));
    look(caller.in_scope(|| request().wait()));
}

fn close(client: &Client) -> Request {
    let path = client.v3().pay().transactions().out_trade_no();
    path.out_trade_no("MARKedNumber")
        .close()
        .post(json!({ "mchid": "MARKedBody" }))
        .query(json!({ "token": "MARKedQuery" }))
        .header("X-Own", "MARKedHeader")
}

fn body_of(request: Request) -> Bytes {
    request.into_http().unwrap().into_body()
}

fn query_of_v2(sandbox: &Sandbox, client: &Client) -> Request {
    let fields = json!({
        "appid": "wx8888888888888888", "mch_id": sandbox.mchid(), "out_trade_no": "MARKedNumber",
        "nonce_str": "MARKedNonce",
    });
    client.v2().pay().orderquery().post(fields)
}

#[test]
fn a_request_is_one_span_of_all_its_fields_below_that_of_its_caller() {
    let (recorder, _second, _guard) = Recorder::at(Level::TRACE);
    for way in Way::ALL {
        let sandbox = way.sandbox();
        let client = settings(&sandbox).secret(sandbox.secret()).build().unwrap();
        let answer = json!({ "a": "MARKedAnswer" });
        sandbox.answer("POST", "/v3/pay/transactions/out-trade-no/*", 200, answer);
        let v3 = || close(&client);
        let v2 = || query_of_v2(&sandbox, &client);
        let v3_path = "v3/pay/transactions/out-trade-no/{out_trade_no}/close";
        let cases: [(&dyn Fn() -> Request, &str); 2] = [(&v3, v3_path), (&v2, "v2/pay/orderquery")];
        for (request, path) in cases {
            let sent = body_of(request()).len() as u64;
            both(request, |answer| {
                let (received, id) = match &answer {
                    Ok(answer) => (answer.bytes().len(), answer.request_id()),
                    Err(error) => (error.api().unwrap().bytes().len(), error.request_id()),
                };
                // The bodies are there on purpose, and are looked at elsewhere.
                let mut state = recorder.state.lock().unwrap();
                state.events.retain(|it| it.target == TARGET);
                drop(state);
                recorder.assert_lacks("MARKed");
                let span = recorder.only();
                assert_eq!(span.get("verb"), "POST");
                assert_eq!(span.get("path"), path);
                assert_eq!(span.get("host"), host(&sandbox));
                assert_eq!(span.get("status"), "200");
                assert_eq!(span.get("request_id"), id.unwrap_or_default());
                assert_eq!(span.number("attempts"), 1);
                assert!(span.number("elapsed_ms") < 20_000);
                assert_eq!(span.number("sent_bytes"), sent);
                assert_eq!(span.number("received_bytes"), received as u64);
                assert_eq!(span.fields.len(), 9 - usize::from(id.is_none()));
                let parent = span.parent.unwrap() as usize - 1;
                let state = recorder.state.lock().unwrap();
                assert_eq!(state.metadata[parent].name(), "caller");
            });
        }
    }
}

#[test]
fn the_span_follows_the_request_onto_the_thread_that_does_its_io() {
    let (recorder, _second, _guard) = Recorder::at(Level::INFO);
    let sandbox = Sandbox::start_blocking().unwrap();
    let client = sandbox.client();
    order(&client).wait().unwrap();
    let here = thread::current().name().unwrap().to_owned();
    let is_on = |span: &Seen, name: &str| span.threads.iter().any(|thread| thread == name);
    let span = recorder.only();
    assert!(is_on(&span, &here) && is_on(&span, "wechatpay-io"));
    futures::executor::block_on(order(&client).into_future()).unwrap();
    let span = recorder.only();
    assert!(is_on(&span, &here) && is_on(&span, "wechatpay-io"));
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { order(&client).await }).unwrap();
    let span = recorder.only();
    assert!(is_on(&span, &here) && !is_on(&span, "wechatpay-io"));
}

#[test]
fn a_failure_has_the_fields_that_are_known() {
    let (recorder, _second, _guard) = Recorder::at(Level::INFO);
    let sandbox = Sandbox::start_blocking().unwrap();
    let client = sandbox.client();
    let length = body_of(order(&client)).len().to_string();
    sandbox.misbehave(Misbehaviour::status(400, "PARAM_ERROR", "m"));
    let error = order(&client).wait().unwrap_err();
    let span = recorder.only();
    assert_eq!(span.get("status"), "400");
    assert_eq!(span.get("request_id"), error.request_id().unwrap());
    sandbox.misbehave(Misbehaviour::CutAfterRead);
    order(&client).wait().unwrap_err();
    let span = recorder.only();
    assert_eq!((span.get("status"), span.get("request_id")), ("", ""));
    assert_eq!(span.get("sent_bytes"), length);
    assert_eq!(span.number("received_bytes"), 0);
    // Nothing can have been sent where nobody listens.
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap();
    let nowhere = format!("https://{}/", nobody.local_addr().unwrap());
    drop(nobody);
    order(&client).base_uri(&nowhere).wait().unwrap_err();
    let span = recorder.only();
    assert_eq!(
        (span.get("host"), span.get("sent_bytes")),
        (&nowhere[8..nowhere.len() - 1], "0")
    );
    // A mistake has no host and no attempt.
    client.chain("v3/x/{y}").get().wait().unwrap_err();
    let span = recorder.only();
    assert_eq!((span.get("path"), span.get("host")), ("v3/x/{y}", ""));
    assert_eq!(span.number("attempts"), 0);
}

#[test]
fn each_attempt_is_an_event_of_the_one_span() {
    let (recorder, _second, _guard) = Recorder::at(Level::DEBUG);
    let sandbox = Sandbox::start_blocking().unwrap();
    let client = sandbox.client();
    let length = body_of(order(&client)).len() as u64;
    recorder.forget();
    for _ in 0..2 {
        sandbox.misbehave(Misbehaviour::status(429, "FREQUENCY_LIMITED", "m"));
    }
    both(
        || order(&client).retry(Retry::idempotent().first_pause(QUICK)),
        |answer| {
            let events = recorder.events();
            let (id, _) = recorder.requests()[0];
            assert!(events.iter().all(|event| event.parent == Some(id)));
            assert!(events.iter().all(|event| event.target == TARGET));
            let said = recorder.said();
            let span = recorder.only();
            answer.unwrap();
            let tried = events.iter().filter(|it| it.get("message") == "request");
            let tried: Vec<_> = tried.map(|it| it.number("attempt")).collect();
            if tried.len() == 3 {
                assert_eq!(tried, [1, 2, 3]);
                assert_eq!(
                    said,
                    [
                        "DEBUG request",
                        "DEBUG failed",
                        "WARN made again after a pause",
                        "DEBUG request",
                        "DEBUG failed",
                        "WARN made again after a pause",
                        "DEBUG request",
                        "DEBUG answered"
                    ]
                );
                assert_eq!(span.number("attempts"), 3);
                assert_eq!(span.number("sent_bytes"), 3 * length);
            } else {
                assert_eq!(said, ["DEBUG request", "DEBUG answered"]);
                assert_eq!(span.number("attempts"), 1);
            }
            assert_eq!(span.get("status"), "200");
        },
    );
}

#[test]
fn the_second_entrance_is_another_attempt_of_the_same_span() {
    let (recorder, _second, _guard) = Recorder::at(Level::WARN);
    let second = Sandbox::start_blocking().unwrap();
    let builder = settings(&second).base_uri("https://nowhere.invalid/");
    let builder = builder.allow_plain_http("nowhere.invalid");
    let client = builder.second_entrance(second.base_uri()).build().unwrap();
    order(&client).wait().unwrap();
    // The span is of INFO.
    assert!(recorder.requests().is_empty());
    assert_eq!(
        recorder.said(),
        ["WARN unreachable; sent to the other entrance"]
    );
    drop((_guard, recorder));
    let (recorder, _second, _guard) = Recorder::at(Level::INFO);
    let builder = settings(&second).base_uri("https://nowhere.invalid/");
    let builder = builder.allow_plain_http("nowhere.invalid");
    let client = builder.second_entrance(second.base_uri()).build().unwrap();
    let length = body_of(order(&client)).len() as u64;
    order(&client).wait().unwrap();
    let span = recorder.only();
    assert_eq!(span.get("host"), host(&second));
    assert_eq!(
        (span.number("attempts"), span.number("sent_bytes")),
        (2, length)
    );
}

#[test]
fn an_upload_counts_what_the_connection_took() {
    let (recorder, _second, _guard) = Recorder::at(Level::INFO);
    let sandbox = Sandbox::start_blocking().unwrap();
    let client = sandbox.client();
    let upload = || {
        let media = Media::new("a.jpg", vec![7; 300_000]);
        client.v3().merchant().media().upload().post(media)
    };
    let length = body_of(upload()).len() as u64;
    upload().wait().unwrap();
    assert_eq!(recorder.only().number("sent_bytes"), length);
}

#[test]
fn the_span_of_a_stream_ends_with_its_body() {
    let (recorder, _second, _guard) = Recorder::at(Level::DEBUG);
    let sandbox = Sandbox::start_blocking().unwrap();
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let length = 3_000_000;
    let answer = CannedAnswer::new(200).body(vec![7; length]).unsigned();
    let answer = answer.header("Request-ID", "R1");
    sandbox.answer_with("GET", "/v3/billdownload/file", answer);
    let client = sandbox.client();
    let file = || client.chain("v3/billdownload/file").get();
    for is_read in [true, false] {
        let mut body = runtime.block_on(async { file().stream().await }).unwrap();
        let first = runtime.block_on(body.next()).unwrap().unwrap().len() as u64;
        assert!(!recorder.requests()[0].1.is_closed);
        if is_read {
            while let Some(piece) = runtime.block_on(body.next()) {
                piece.unwrap();
            }
            let span = recorder.only();
            assert_eq!(span.number("received_bytes"), length as u64);
            assert_eq!((span.get("status"), span.get("request_id")), ("200", "R1"));
        } else {
            drop(body);
            // What reads the body holds the span until it was ended.
            runtime.block_on(until(|| recorder.requests()[0].1.is_closed));
            let span = recorder.only();
            assert!((first..length as u64).contains(&span.number("received_bytes")));
        }
    }
    let mut reader = file().stream().wait().unwrap();
    std::io::copy(&mut reader, &mut std::io::sink()).unwrap();
    runtime.block_on(until(|| recorder.requests()[0].1.is_closed));
    assert_eq!(recorder.only().number("received_bytes"), length as u64);
    // One that breaks off says so within its span.
    sandbox.misbehave(Misbehaviour::CutInAnswer);
    let mut reader = file().stream().wait().unwrap();
    std::io::copy(&mut reader, &mut std::io::sink()).unwrap_err();
    let (id, _) = recorder.requests()[0];
    let events = recorder.events();
    let failed = events.iter().find(|it| it.get("message") == "failed");
    assert_eq!(failed.unwrap().parent, Some(id));
    recorder.forget();
    let path = std::env::temp_dir().join(format!("spans {}", std::process::id()));
    runtime
        .block_on(async { file().download(&path).await })
        .unwrap();
    runtime.block_on(until(|| recorder.requests()[0].1.is_closed));
    assert_eq!(recorder.only().number("received_bytes"), length as u64);
    std::fs::remove_file(&path).unwrap();
    sandbox.forget_answers();
    runtime
        .block_on(async { client.bill().trade("2024-01-01").await })
        .unwrap();
    runtime.block_on(until(|| {
        recorder.requests().iter().all(|(_, it)| it.is_closed)
    }));
    let paths: Vec<_> = recorder
        .requests()
        .iter()
        .map(|(_, it)| it.get("path").to_owned())
        .collect();
    assert_eq!(paths, ["v3/bill/tradebill", "v3/billdownload/file"]);
}

#[tokio::test]
async fn a_future_that_is_dropped_has_its_time_and_no_status() {
    let (recorder, _second, _guard) = Recorder::at(Level::INFO);
    let sandbox = Sandbox::start().await.unwrap();
    let client = sandbox.client();
    sandbox.misbehave(Misbehaviour::Delay(Duration::from_secs(60)));
    let request = order(&client).into_future();
    let limited = tokio::time::timeout(Duration::from_millis(300), request);
    assert!(limited.await.is_err());
    let span = recorder.only();
    assert!(span.number("elapsed_ms") >= 300);
    assert_eq!((span.get("status"), span.get("attempts")), ("", "1"));
    // One that was never polled was no request.
    drop(order(&client).into_future());
    assert!(recorder.requests().is_empty());
}

#[tokio::test]
async fn certificates_have_a_span_of_their_own_below_the_request_that_waits_for_them() {
    let (recorder, _second, _guard) = Recorder::at(Level::INFO);
    let sandbox = signing_by_certificate();
    let client = keeping(&sandbox);
    order(&client).await.unwrap();
    let spans = recorder.requests();
    let [(outer, request), (_, fetch)] = spans.as_slice() else {
        panic!("{spans:?}");
    };
    assert_eq!(request.get("verb"), "POST");
    assert_eq!(
        (fetch.get("verb"), fetch.get("path")),
        ("GET", "v3/certificates")
    );
    assert_eq!((fetch.get("status"), fetch.number("attempts")), ("200", 1));
    assert!(fetch.number("received_bytes") > 0);
    assert_eq!(fetch.parent, Some(*outer));
    recorder.forget();
    client.certificates().wait().unwrap();
    assert!(recorder.requests().is_empty());
    // In the background it belongs to no request.
    pass(Duration::from_secs(13 * 60 * 60)).await;
    order(&client).await.unwrap();
    until(|| fetches(&sandbox) == 2).await;
    until(|| recorder.requests().iter().all(|(_, it)| it.is_closed)).await;
    let spans = recorder.requests();
    let fetch = spans.iter().find(|(_, it)| it.get("verb") == "GET");
    assert_eq!(fetch.unwrap().1.parent, None);
    assert_eq!(spans.len(), 2);
}

#[test]
fn events_are_of_debug_and_php_s_debug_makes_them_info() {
    let (recorder, _second, _guard) = Recorder::at(Level::INFO);
    let sandbox = Sandbox::start_blocking().unwrap();
    let client = sandbox.client();
    sandbox.answer("POST", "/v3/x", 200, json!({ "a": "MARKedAnswer" }));
    let path = client.chain("v3/x");
    let options = |debug: bool| json!({ "json": { "a": "MARKedBody" }, "debug": debug });
    path.request("POST", options(false)).wait().unwrap();
    assert!(recorder.said().is_empty());
    recorder.forget();
    path.request("POST", options(true)).wait().unwrap();
    assert_eq!(recorder.said(), ["INFO request", "INFO answered"]);
    let events = recorder.events();
    assert_eq!(events[0].get("endpoint"), "POST v3/x");
    assert_eq!(events[0].get("host"), host(&sandbox));
    assert_eq!(
        (events[0].get("attempt"), events[0].get("body_bytes")),
        ("1", "18")
    );
    assert_eq!(events[1].get("status"), "200");
    recorder.forget();
    sandbox.misbehave(Misbehaviour::status(400, "PARAM_ERROR", "m"));
    path.request("POST", options(true)).wait().unwrap_err();
    assert_eq!(recorder.said(), ["INFO request", "INFO failed"]);
    // What another client sends is no request of this one.
    recorder.forget();
    path.request("POST", options(true)).into_http().unwrap();
    assert!(recorder.said().is_empty() && recorder.requests().is_empty());
    recorder.assert_lacks("MARKed");
}

#[test]
fn bodies_are_events_of_trace_alone_and_are_blanked() {
    let sandbox = Sandbox::start_blocking().unwrap();
    let client = sandbox.client();
    let answer = json!({ "kept": "K", "name": "MARKedA", "list": [{ "card": "MARKedB" }],
        "download_url": "https://h/f?token=MARKedC" });
    sandbox.answer("POST", "/v3/profitsharing/receivers/add", 200, answer);
    let fields = json!({ "return_code": "SUCCESS", "attach": "kept" });
    sandbox.answer_with("POST", "/pay/micropay", CannedAnswer::xml(200, &fields));
    let v3 = || {
        let body = json!({ "account": "kept", "name": "MARKedD", "list": [{ "card": "MARKedE" }] });
        let path = client.v3().profitsharing().receivers().add();
        let request = path.post(body).query([("q", "MARKedF")]);
        #[cfg(feature = "aws-lc-rs")]
        let request = request.sensitive(["/list/*/card"]);
        request.header("X-Own", "MARKedG")
    };
    let v2 = || {
        let fields = json!({ "mch_id": sandbox.mchid(), "auth_code": "MARKedH", "attach": "kept" });
        client.v2().pay().micropay().post(fields)
    };
    for level in [Level::DEBUG, Level::TRACE] {
        let (recorder, _second, _guard) = Recorder::at(level);
        both(v3, |answer| drop(answer.unwrap()));
        both(v2, |answer| drop(answer.unwrap()));
        let (requests, answers): (Vec<_>, Vec<_>) = recorder
            .events()
            .into_iter()
            .filter(|event| event.target == "wechatpay_chain::body")
            .partition(|event| event.get("message") == "request body");
        if level == Level::DEBUG {
            assert!(requests.is_empty() && answers.is_empty());
            continue;
        }
        assert_eq!((requests.len(), answers.len()), (4, 4));
        for event in requests.iter().chain(&answers) {
            assert_eq!(event.level, "TRACE");
            assert!(event.parent.is_some());
            let body = event.get("body");
            assert!(
                body.contains("kept") && body.contains("[redacted]"),
                "{body}"
            );
        }
        #[cfg(feature = "aws-lc-rs")]
        for part in ["MARKed", sandbox.secret()] {
            recorder.assert_lacks(part);
        }
        for received in sandbox.received() {
            let text = String::from_utf8_lossy(received.body()).into_owned();
            if let Some((_, rest)) = text.split_once("<sign>") {
                let sign = rest.trim_start_matches("<![CDATA[");
                recorder.assert_lacks(&sign[..32]);
            }
            if let Some(header) = received.header("authorization") {
                let (_, rest) = header.split_once("signature=\"").unwrap();
                recorder.assert_lacks(rest.trim_end_matches('"'));
            }
        }
    }
}

#[test]
fn nobody_who_listens_means_no_span_and_no_event() {
    let (recorder, _second, _guard) = Recorder::at(Level::ERROR);
    let sandbox = Sandbox::start_blocking().unwrap();
    let client = sandbox.client();
    let start = Instant::now();
    both(|| way::coupon(&client, 1), |answer| drop(answer.unwrap()));
    assert!(start.elapsed() < Duration::from_secs(20));
    let state = recorder.state.lock().unwrap();
    assert!(state.spans.is_empty() && state.events.is_empty());
}
