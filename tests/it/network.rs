//! What the network does to a request, and whether an error says that it may have arrived.

use std::future::IntoFuture as _;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use futures::future::join_all;
use serde_json::json;
use tokio::runtime::Builder;
use tokio::time::timeout;
use wechatpay_chain::{Client, ClientBuilder, Error, NetworkError, Phase, Request};
use wechatpay_sandbox::{Misbehaviour, Sandbox};

use crate::way::{Way, assert_answers, coupon, settings, strange_settings};

/// Longer than any test takes.
const FOREVER: Duration = Duration::from_secs(600);
/// Of a request that can't connect.
const SHORT: Duration = Duration::from_millis(200);
/// Of a request that has to connect first, on a machine that may be busy.
const LIMIT: Duration = Duration::from_secs(1);
/// By when a request with either limit must have ended.
const SLACK: Duration = Duration::from_secs(10);

/// A port that takes connections and never says a word.
struct Silence(TcpListener);

impl Silence {
    fn new() -> Self {
        Self(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap())
    }

    fn address(&self, scheme: &str) -> String {
        format!("{scheme}://{}/", self.0.local_addr().unwrap())
    }
}

/// A client of the recorded keys, which are nobody's.
fn client_of(base_uri: &str) -> ClientBuilder {
    let key = |name: &str| {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors/keys");
        format!("file://{folder}/{name}")
    };
    Client::builder()
        .mchid("1900000109")
        .serial(include_str!("../vectors/keys/merchant.serial"))
        .private_key(key("merchant.key"))
        .cert(
            include_str!("../vectors/keys/platform.serial").trim(),
            key("platform.pub"),
        )
        .base_uri(base_uri)
}

/// The error of the request by `.await` and that by `.wait()`.
fn errors(request: impl Fn() -> Request) -> [Error; 2] {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let awaited = runtime.block_on(async { request().await });
    [awaited.unwrap_err(), request().wait().unwrap_err()]
}

fn network(error: &Error) -> &NetworkError {
    match error {
        Error::Connect(error) | Error::Timeout(error) | Error::Transport(error) => error,
        other => panic!("not of the network: {other}"),
    }
}

/// Asserts that it could not connect, in this phase.
fn assert_connect(error: &Error, phase: Phase) {
    assert!(matches!(error, Error::Connect(_)), "{error:?}");
    assert_eq!(network(error).phase(), phase, "{error}");
    assert!(error.is_connect() && error.is_retryable() && !error.is_timeout());
    assert!(!error.may_have_been_sent());
    assert!(error.to_string().ends_with("the request was not sent"));
}

fn assert_timeout(error: &Error, phase: Phase, limit: Duration) {
    assert!(matches!(error, Error::Timeout(_)), "{error:?}");
    assert!(error.is_timeout());
    let network = network(error);
    assert_eq!(network.phase(), phase, "{error}");
    assert_eq!(network.limit(), Some(limit));
    let is_sent = matches!(phase, Phase::Exchange | Phase::Read);
    assert_eq!(network.may_have_been_sent(), is_sent);
    assert_eq!(error.is_connect(), !is_sent);
    assert_eq!(error.is_retryable(), !is_sent);
}

fn assert_broken(error: &Error, phase: Phase) {
    assert!(matches!(error, Error::Transport(_)), "{error:?}");
    assert_eq!(network(error).phase(), phase, "{error}");
    assert!(error.may_have_been_sent() && !error.is_retryable() && !error.is_connect());
}

/// Runs this for each way at once, since most of it is waiting.
fn in_each_way(run: impl Fn(Way) + Sync) {
    thread::scope(|scope| {
        for way in Way::ALL {
            let run = &run;
            scope.spawn(move || run(way));
        }
    });
}

// Limits

#[test]
fn the_whole_limit_ends_a_request_that_is_not_answered() {
    in_each_way(|way| {
        let sandbox = way.sandbox();
        let client = settings(&sandbox).timeout(LIMIT).build().unwrap();
        // The server has the request, or is about to read it: the client can't know.
        sandbox.misbehave_always(Misbehaviour::Delay(FOREVER));
        let start = Instant::now();
        let errors = errors(|| coupon(&client, 1));
        assert!(start.elapsed() >= 2 * LIMIT && start.elapsed() < 2 * SLACK);
        for error in errors {
            assert_timeout(&error, Phase::Exchange, LIMIT);
            assert!(error.signed_message().is_some());
        }
        sandbox.behave();
        assert_answers(&coupon(&sandbox.client(), 2).wait().unwrap(), 2);
    });
}

#[test]
fn a_request_s_own_limit_comes_before_the_client_s() {
    let silence = Silence::new();
    let client = client_of(&silence.address("https")).timeout(FOREVER);
    let client = client.connect_timeout(FOREVER).build().unwrap();
    let path = client.chain("v3/marketing/busifavor/product-coupons/send");
    for option in ["timeout", "connect_timeout"] {
        for error in errors(|| path.request("POST", json!({ "json": {}, option: 0.2 }))) {
            assert_timeout(&error, Phase::Handshake, SHORT);
        }
    }
    for error in errors(|| coupon(&client, 1).timeout(SHORT)) {
        assert_timeout(&error, Phase::Handshake, SHORT);
    }
}

#[test]
fn the_whole_limit_ends_a_request_that_is_still_connecting() {
    let silence = Silence::new();
    let client = client_of(&silence.address("https")).timeout(SHORT);
    let client = client.build().unwrap();
    for error in errors(|| coupon(&client, 1)) {
        assert_timeout(&error, Phase::Handshake, SHORT);
    }
    // Without TLS there is a connection, and the request is on it.
    let client = client_of(&silence.address("http")).timeout(LIMIT);
    let client = client.build().unwrap();
    for error in errors(|| coupon(&client, 1)) {
        assert_timeout(&error, Phase::Exchange, LIMIT);
    }
}

#[test]
fn the_limit_of_connecting_ends_a_handshake_that_is_not_answered() {
    let silence = Silence::new();
    let client = client_of(&silence.address("https")).connect_timeout(SHORT);
    let client = client.build().unwrap();
    let start = Instant::now();
    let errors = errors(|| coupon(&client, 1));
    assert!(start.elapsed() >= 2 * SHORT && start.elapsed() < 2 * SLACK);
    for error in errors {
        assert_timeout(&error, Phase::Handshake, SHORT);
    }
}

#[test]
fn the_limit_of_connecting_is_not_one_of_the_exchange() {
    in_each_way(|way| {
        let sandbox = way.sandbox();
        let client = settings(&sandbox).connect_timeout(LIMIT).build().unwrap();
        sandbox.misbehave(Misbehaviour::Delay(2 * LIMIT));
        assert_answers(&coupon(&client, 1).wait().unwrap(), 1);
    });
}

#[test]
fn each_of_sixty_four_requests_at_once_ends_within_its_limit() {
    for settings in [
        |client: ClientBuilder| client.connect_timeout(SHORT),
        |client: ClientBuilder| client.timeout(SHORT),
    ] {
        // Of its own each time, since nothing takes what waits in its queue.
        let silence = Silence::new();
        let client = settings(client_of(&silence.address("https")));
        let client = client.build().unwrap();
        let start = Instant::now();
        let runtime = Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let errors = runtime.block_on(async {
            let requests = (0..64).map(|number| {
                let request = coupon(&client, number);
                tokio::spawn(async move { request.await.unwrap_err() })
            });
            join_all(requests).await
        });
        assert!(start.elapsed() < SLACK);
        for error in errors {
            assert_early(&error.unwrap());
        }
        let silence = Silence::new();
        let client = settings(client_of(&silence.address("https")));
        let client = client.build().unwrap();
        let start = Instant::now();
        thread::scope(|scope| {
            for number in 0..64 {
                let request = coupon(&client, number);
                scope.spawn(move || assert_early(&request.wait().unwrap_err()));
            }
        });
        assert!(start.elapsed() < SLACK);
    }
}

/// Asserts that the short limit ran out before there was a connection: how far it came within it, only the machine
/// knows.
fn assert_early(error: &Error) {
    assert_timeout(error, network(error).phase(), SHORT);
    assert!(!error.may_have_been_sent());
}

#[test]
fn a_limit_of_zero_is_no_limit() {
    in_each_way(|way| {
        let sandbox = way.sandbox();
        let client = settings(&sandbox)
            .timeout(Duration::ZERO)
            .connect_timeout(Duration::ZERO)
            .build()
            .unwrap();
        sandbox.misbehave_always(Misbehaviour::Delay(SHORT));
        assert_answers(&coupon(&client, 1).wait().unwrap(), 1);
        let limited = settings(&sandbox).timeout(SHORT / 2).build().unwrap();
        let request = coupon(&limited, 2).timeout(Duration::ZERO);
        assert_answers(&request.wait().unwrap(), 2);
    });
}

#[test]
fn a_limit_beyond_the_clock_is_no_limit() {
    let sandbox = Way::Http2.sandbox();
    let client = settings(&sandbox)
        .timeout(Duration::MAX)
        .connect_timeout(Duration::MAX)
        .build()
        .unwrap();
    assert_answers(&coupon(&client, 1).wait().unwrap(), 1);
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let response = runtime.block_on(async { coupon(&client, 2).await });
    assert_answers(&response.unwrap(), 2);
}

#[test]
fn one_request_that_times_out_does_not_disturb_another() {
    in_each_way(|way| {
        let sandbox = way.sandbox();
        let client = sandbox.client();
        assert_answers(&coupon(&client, 0).wait().unwrap(), 0);
        sandbox.misbehave_always(Misbehaviour::Delay(2 * LIMIT));
        let request = coupon(&client, 1);
        let waiting = thread::spawn(move || request.wait());
        let error = coupon(&client, 2).timeout(LIMIT).wait().unwrap_err();
        assert_timeout(&error, Phase::Exchange, LIMIT);
        assert_answers(&waiting.join().unwrap().unwrap(), 1);
    });
}

/// Carries connections on to another port, until it is told to let what comes on them vanish.
struct Carrier {
    address: SocketAddr,
    /// How many of the connections that came first carry nothing any more.
    lost: Arc<AtomicUsize>,
    carried: Arc<AtomicUsize>,
    /// What its clients wrote.
    written: Arc<Mutex<Vec<u8>>>,
}

impl Carrier {
    fn to(destination: SocketAddr) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let carrier = Self {
            address: listener.local_addr().unwrap(),
            lost: Arc::default(),
            carried: Arc::default(),
            written: Arc::default(),
        };
        let (lost, carried) = (Arc::clone(&carrier.lost), Arc::clone(&carrier.carried));
        let written = Arc::clone(&carrier.written);
        // It ends with the process.
        thread::spawn(move || {
            while let Ok((near, _)) = listener.accept() {
                let number = carried.fetch_add(1, Ordering::SeqCst);
                let far = TcpStream::connect(destination).unwrap();
                let there = (near.try_clone().unwrap(), far.try_clone().unwrap());
                for (mut from, mut to, written) in [
                    (there.0, there.1, Some(Arc::clone(&written))),
                    (far, near, None),
                ] {
                    let lost = Arc::clone(&lost);
                    thread::spawn(move || {
                        let mut bytes = [0; 16 * 1024];
                        while let Ok(length @ 1..) = from.read(&mut bytes) {
                            let bytes = bytes.get(..length).unwrap_or_default();
                            if let Some(written) = &written {
                                written.lock().unwrap().extend_from_slice(bytes);
                            }
                            if number >= lost.load(Ordering::SeqCst) {
                                let _ = to.write_all(bytes);
                            }
                        }
                        if number >= lost.load(Ordering::SeqCst) {
                            let _ = to.shutdown(Shutdown::Write);
                        }
                    });
                }
            }
        });
        carrier
    }

    /// A client of the sandbox whose connections it carries.
    fn client(&self, sandbox: &Sandbox) -> Client {
        let own = sandbox.address().to_string();
        let base_uri = sandbox.base_uri().replace(&own, &self.address.to_string());
        settings(sandbox).base_uri(base_uri).build().unwrap()
    }

    /// How many records of TLS its only connection wrote, but for those of the handshake.
    fn records(&self) -> usize {
        const APPLICATION_DATA: u8 = 23;
        let written = self.written.lock().unwrap();
        let mut rest = written.as_slice();
        let mut count = 0;
        while let [kind, _, _, high, low, after @ ..] = rest {
            count += usize::from(*kind == APPLICATION_DATA);
            let length = u16::from_be_bytes([*high, *low]);
            rest = after.get(usize::from(length)..).unwrap_or_default();
        }
        count
    }

    /// What is open already carries nothing any more, and is not closed.
    fn lose_all(&self) {
        let carried = self.carried.load(Ordering::SeqCst);
        self.lost.store(carried, Ordering::SeqCst);
    }
}

#[test]
fn a_request_after_one_that_timed_out_takes_another_connection() {
    in_each_way(|way| {
        let sandbox = way.sandbox();
        let carrier = Carrier::to(sandbox.address());
        let client = carrier.client(&sandbox);
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            assert_answers(&coupon(&client, 1).await.unwrap(), 1);
            assert_answers(&coupon(&client, 1).wait().unwrap(), 1);
            carrier.lose_all();
            let error = coupon(&client, 2).timeout(LIMIT).await.unwrap_err();
            assert_timeout(&error, Phase::Exchange, LIMIT);
            let error = coupon(&client, 2).timeout(LIMIT).wait().unwrap_err();
            assert_timeout(&error, Phase::Exchange, LIMIT);
            assert_answers(&coupon(&client, 3).await.unwrap(), 3);
            assert_answers(&coupon(&client, 3).wait().unwrap(), 3);

            // The same when it is the caller who gives up.
            carrier.lose_all();
            let given_up = timeout(LIMIT + SHORT, coupon(&client, 4).into_future());
            assert!(given_up.await.is_err());
            assert_answers(&coupon(&client, 5).await.unwrap(), 5);
        });
    });
}

// No connection

#[test]
fn a_port_that_refuses_is_a_failure_to_connect() {
    for way in Way::ALL {
        let sandbox = way.sandbox();
        sandbox.refuse();
        let client = sandbox.client();
        for error in errors(|| coupon(&client, 1)) {
            assert_connect(&error, Phase::Connect);
            let host = sandbox.address().to_string();
            assert_eq!(network(&error).host(), host);
        }
    }
}

#[test]
fn a_port_that_refuses_after_a_good_answer_is_a_failure_to_connect() {
    for way in Way::ALL {
        let sandbox = way.sandbox();
        let client = sandbox.client();
        assert_answers(&coupon(&client, 1).wait().unwrap(), 1);
        sandbox.refuse();
        // The idle connection is ended as well; a request may still meet it while it ends.
        let start = Instant::now();
        loop {
            let error = match coupon(&client, 2).wait() {
                Ok(_) => continue,
                Err(error) => error,
            };
            if matches!(error, Error::Connect(_)) {
                assert_connect(&error, Phase::Connect);
                break;
            }
            assert!(start.elapsed() < SLACK, "{error}");
        }
    }
}

#[test]
fn a_name_that_does_not_exist_is_a_failure_of_the_lookup() {
    let client = client_of("https://does-not-exist.invalid/")
        .build()
        .unwrap();
    for error in errors(|| coupon(&client, 1)) {
        assert_connect(&error, Phase::Lookup);
        assert_eq!(network(&error).host(), "does-not-exist.invalid");
    }
}

#[test]
fn a_certificate_that_is_not_trusted_is_a_failure_of_the_handshake() {
    for way in [Way::Http2, Way::Http1] {
        let sandbox = way.sandbox();
        let client = strange_settings(&sandbox).build().unwrap();
        for error in errors(|| coupon(&client, 1)) {
            assert_connect(&error, Phase::Handshake);
            let message = error.to_string();
            assert!(message.contains("invalid peer certificate"), "{message}");
            assert!(message.contains("UnknownIssuer"), "{message}");
        }
        assert!(sandbox.received().is_empty());
    }
}

#[test]
fn a_server_that_does_not_speak_tls_is_a_failure_of_the_handshake() {
    let sandbox = Way::Plain.sandbox();
    let address = sandbox.base_uri().replace("http:", "https:");
    let client = settings(&sandbox).base_uri(address).build().unwrap();
    for error in errors(|| coupon(&client, 1)) {
        assert_connect(&error, Phase::Handshake);
    }
}

#[test]
fn a_server_that_hangs_up_in_the_handshake_is_a_failure_of_it() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let client = client_of(&format!("https://{address}/")).build().unwrap();
    thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..2 {
                drop(listener.accept().unwrap());
            }
        });
        for error in errors(|| coupon(&client, 1)) {
            assert_connect(&error, Phase::Handshake);
        }
    });
}

// Connections that break

#[test]
fn a_connection_cut_before_a_request_is_read_took_it_or_gave_it_back_to_be_sent_again() {
    for way in Way::ALL {
        let sandbox = way.sandbox();
        let mut answered = 0;
        for number in 0..20 {
            // A new connection, closed when it is there.
            let client = settings(&sandbox).build().unwrap();
            sandbox.misbehave(Misbehaviour::CutBeforeRead);
            match coupon(&client, number).wait() {
                Ok(response) => {
                    assert_answers(&response, number);
                    answered += 1;
                }
                Err(error) if error.may_have_been_sent() => {
                    assert_broken(&error, Phase::Exchange);
                }
                Err(error) => assert!(error.is_retryable() && !error.is_timeout(), "{error}"),
            }
        }
        assert_eq!(sandbox.received().len(), answered);
    }
}

#[test]
fn a_used_connection_cut_before_a_request_is_read_may_have_taken_it() {
    for way in Way::ALL {
        let sandbox = way.sandbox();
        let client = sandbox.client();
        for number in 0..20 {
            assert_answers(&coupon(&client, number).wait().unwrap(), number);
            // It is closed when the request's headers have come.
            sandbox.misbehave(Misbehaviour::CutBeforeRead);
            let error = coupon(&client, number).wait().unwrap_err();
            assert_broken(&error, Phase::Exchange);
        }
        assert_eq!(sandbox.received().len(), 20);
    }
}

#[test]
fn a_connection_cut_after_a_request_was_read_may_have_taken_it() {
    for way in Way::ALL {
        let sandbox = way.sandbox();
        let client = sandbox.client();
        for number in 0..20 {
            sandbox.misbehave(Misbehaviour::CutAfterRead);
            let error = coupon(&client, number).wait().unwrap_err();
            assert_broken(&error, Phase::Exchange);
            assert_eq!(sandbox.received().len(), 2 * number + 1);
            assert_answers(&coupon(&client, number).wait().unwrap(), number);
        }
    }
}

#[test]
fn a_connection_cut_in_an_answer_broke_while_it_was_read() {
    for way in Way::ALL {
        let sandbox = way.sandbox();
        let client = sandbox.client();
        for number in 0..20 {
            sandbox.misbehave(Misbehaviour::CutInAnswer);
            let error = coupon(&client, number).wait().unwrap_err();
            assert_broken(&error, Phase::Read);
            assert_answers(&coupon(&client, number).wait().unwrap(), number);
        }
    }
}

#[test]
fn awaited_requests_break_like_those_that_are_waited_for() {
    for way in Way::ALL {
        let sandbox = way.sandbox();
        let client = sandbox.client();
        for (cut, phase) in [
            (Misbehaviour::CutAfterRead, Phase::Exchange),
            (Misbehaviour::CutInAnswer, Phase::Read),
        ] {
            sandbox.misbehave(cut.clone());
            sandbox.misbehave(cut);
            for error in errors(|| coupon(&client, 1)) {
                assert_broken(&error, phase);
            }
        }
    }
}

/// hyper writes the headers of a request over HTTP/2 before it asks for the body.
#[test]
fn a_request_leaves_in_one_record() {
    for way in [Way::Http1, Way::Http2] {
        let sandbox = way.sandbox();
        let carrier = Carrier::to(sandbox.address());
        let client = carrier.client(&sandbox);
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let call = |number| {
            let request = coupon(&client, number);
            assert_answers(&runtime.block_on(request.into_future()).unwrap(), number);
        };
        // The first ones come with what opens the connection.
        (0..5).for_each(call);
        let before = carrier.records();
        (5..25).for_each(call);
        // What a connection says of itself, such as that it has seen the other's settings, comes on top.
        let records = carrier.records() - before;
        assert!((20..24).contains(&records), "{way:?}: {records}");
    }
}

/// Where one connection is enough for all, the others wait for the first instead of making their own; where it is not,
/// each gets one.
#[test]
fn a_cold_burst_over_http_2_makes_one_connection() {
    for way in Way::ALL {
        let sandbox = way.sandbox();
        let client = settings(&sandbox).build().unwrap();
        thread::scope(|scope| {
            for number in 0..32 {
                let request = coupon(&client, number);
                scope.spawn(move || assert_answers(&request.wait().unwrap(), number));
            }
        });
        match way {
            Way::Http2 => assert_eq!(sandbox.connections(), 1),
            _ => assert!((1..=32).contains(&sandbox.connections())),
        }
        // Those that waited for nothing make none later, either.
        thread::sleep(Duration::from_millis(1_500));
        assert_answers(&coupon(&client, 32).wait().unwrap(), 32);
        if let Way::Http2 = way {
            assert_eq!(sandbox.connections(), 1);
        }
    }
}

/// What the first one does with its connection is its own business: the others get theirs.
#[test]
fn a_connection_that_fails_or_is_given_up_leaves_nobody_waiting() {
    for fault in [Misbehaviour::TlsExpired, Misbehaviour::TlsNeverAnswers] {
        let sandbox = Way::Http2.sandbox();
        let client = settings(&sandbox).connect_timeout(LIMIT).build().unwrap();
        sandbox.misbehave(fault);
        let failed = AtomicUsize::new(0);
        thread::scope(|scope| {
            for number in 0..16 {
                let request = coupon(&client, number);
                let failed = &failed;
                scope.spawn(move || match request.wait() {
                    Ok(response) => assert_answers(&response, number),
                    Err(error) => {
                        assert!(!error.may_have_been_sent(), "{error}");
                        failed.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
        });
        assert_answers(&coupon(&client, 16).wait().unwrap(), 16);
        assert!(failed.into_inner() <= 1);
    }
}
