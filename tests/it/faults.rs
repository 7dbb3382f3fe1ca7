//! Each fault of the network in one table: that the request ends within its limit, in which error,
//! in which phase, by which limit, and whether it may have arrived; and that the client goes on.
//!
//! More of the same: `network` (limits, connections that were lost or refused), `misbehaviour`
//! (answers that are wrong), `given_back` (refused streams and GOAWAY over HTTP/2), `streams`
//! (bodies in pieces), `again` (`.retry` and the second entrance), `cuts` (all at random).

use std::fs;
use std::io::{self, Read as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use tokio::runtime::Builder;
use wechatpay_chain::{Client, ClientBuilder, Error, Phase, Request, Response, Result};
use wechatpay_sandbox::{CannedAnswer, Misbehaviour, Sandbox};

use crate::support::{assert_says, recorded};
use crate::way::{Way, assert_answers, coupon, settings};

/// The three limits, which differ so that it shows which one ran out.
const CONNECT: Duration = Duration::from_millis(500);
const WHOLE: Duration = Duration::from_millis(1500);
const IDLE: Duration = Duration::from_millis(400);
/// Much more than any of them.
const SLACK: Duration = Duration::from_secs(20);

/// How a request ended.
#[derive(Debug, PartialEq)]
struct End {
    error: &'static str,
    phase: Option<Phase>,
    limit: Option<Duration>,
    may_have_been_sent: bool,
}

impl End {
    fn of(error: &Error) -> Self {
        let (name, network) = match error {
            Error::Connect(network) => ("Connect", Some(network)),
            Error::Timeout(network) => ("Timeout", Some(network)),
            Error::Transport(network) => ("Transport", Some(network)),
            Error::Verify(_) => ("Verify", None),
            other => panic!("not of this table: {other}"),
        };
        Self {
            error: name,
            phase: network.map(|network| network.phase()),
            limit: network.and_then(|network| network.limit()),
            may_have_been_sent: error.may_have_been_sent(),
        }
    }
}

/// There was no connection.
const fn unconnected(phase: Phase) -> End {
    End {
        error: "Connect",
        phase: Some(phase),
        limit: None,
        may_have_been_sent: false,
    }
}

/// A limit ran out: before there was a connection, or behind.
const fn too_late(phase: Phase, limit: Duration) -> End {
    End {
        error: "Timeout",
        may_have_been_sent: matches!(phase, Phase::Exchange | Phase::Read),
        phase: Some(phase),
        limit: Some(limit),
    }
}

const fn broken(phase: Phase) -> End {
    End {
        error: "Transport",
        phase: Some(phase),
        limit: None,
        may_have_been_sent: true,
    }
}

/// The two verbs; the one runs on its own runtime, so that it has a pool of its own.
#[derive(Clone, Copy, Debug)]
enum Verb {
    Await,
    Wait,
}

/// Makes requests by one verb.
struct Caller {
    verb: Verb,
    runtime: tokio::runtime::Runtime,
}

impl Caller {
    fn both() -> [Self; 2] {
        [Verb::Await, Verb::Wait].map(|verb| Self {
            verb,
            runtime: Builder::new_current_thread().enable_all().build().unwrap(),
        })
    }

    fn call(&self, request: Request) -> Result<Response> {
        match self.verb {
            Verb::Await => self.runtime.block_on(async { request.await }),
            Verb::Wait => request.wait(),
        }
    }

    /// The bytes of a stream, and how it ended.
    fn read(&self, request: Request) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        match self.verb {
            Verb::Await => self.runtime.block_on(async {
                use futures::StreamExt as _;
                let mut stream = request.stream().await?;
                while let Some(piece) = stream.next().await {
                    bytes.extend_from_slice(&piece?);
                }
                Ok(bytes)
            }),
            Verb::Wait => match request.stream().wait()?.read_to_end(&mut bytes) {
                Ok(_) => Ok(bytes),
                Err(error) => Err(error.downcast().unwrap()),
            },
        }
    }

    fn download(&self, request: Request, path: &std::path::Path) -> Result<()> {
        match self.verb {
            Verb::Await => self
                .runtime
                .block_on(async { request.download(path).await.map(|_| ()) }),
            Verb::Wait => request.download(path).wait().map(|_| ()),
        }
    }
}

fn limited(builder: ClientBuilder) -> Client {
    let builder = builder.connect_timeout(CONNECT).idle_timeout(IDLE);
    builder.timeout(WHOLE).build().unwrap()
}

#[track_caller]
fn assert_ended(error: &Error, expected: &End, what: &str) {
    assert_eq!(End::of(error), *expected, "{what}: {error}");
    let network = match error {
        Error::Connect(network) | Error::Timeout(network) | Error::Transport(network) => network,
        _ => return,
    };
    let (name, limit) = match network.limit() {
        Some(CONNECT) => ("the limit of connecting", "0.5 s"),
        Some(WHOLE) => ("the limit of the whole request", "1.5 s"),
        Some(IDLE) => ("the limit without a byte", "0.4 s"),
        _ => ("", ""),
    };
    assert_says(error, &[name, limit]);
    let told = match expected.may_have_been_sent {
        true => "query before repeating",
        false => "the request was not sent",
    };
    assert_says(error, &[told]);
}

/// What goes wrong, whether it happens to a new connection, and how the request ends.
fn faults(way: Way) -> Vec<(Misbehaviour, bool, End)> {
    let exchange = [
        (Misbehaviour::CutBeforeRead, broken(Phase::Exchange)),
        (Misbehaviour::CutAfterRead, broken(Phase::Exchange)),
        (Misbehaviour::ResetAfterRead, broken(Phase::Exchange)),
        (Misbehaviour::CutInHeaders, broken(Phase::Exchange)),
        (Misbehaviour::ResetInHeaders, broken(Phase::Exchange)),
        (Misbehaviour::CutInAnswer, broken(Phase::Read)),
        (Misbehaviour::ResetInAnswer, broken(Phase::Read)),
        (Misbehaviour::StallInAnswer, too_late(Phase::Read, WHOLE)),
        (Misbehaviour::ContentLength(10), broken(Phase::Read)),
        (Misbehaviour::Vanish, too_late(Phase::Exchange, WHOLE)),
        // HTTP/2 counts the bytes; HTTP/1.1 can't, and the signature tells.
        (
            Misbehaviour::ContentLength(-10),
            match way {
                Way::Http2 => broken(Phase::Read),
                Way::Http1 | Way::Plain => End {
                    error: "Verify",
                    phase: None,
                    limit: None,
                    may_have_been_sent: true,
                },
            },
        ),
    ];
    let handshake = [
        (
            Misbehaviour::TlsNeverAnswers,
            too_late(Phase::Handshake, CONNECT),
        ),
        (
            Misbehaviour::TlsDrips(Duration::from_millis(50)),
            too_late(Phase::Handshake, CONNECT),
        ),
        (Misbehaviour::TlsExpired, unconnected(Phase::Handshake)),
        (
            Misbehaviour::TlsOfAnotherHost,
            unconnected(Phase::Handshake),
        ),
    ];
    let handshake = handshake.into_iter().filter(|_| way != Way::Plain);
    let handshake = handshake.map(|(fault, end)| (fault, true, end));
    let exchange = exchange.into_iter().map(|(fault, end)| (fault, false, end));
    exchange.chain(handshake).collect()
}

#[test]
fn each_fault_ends_in_its_time_in_its_error_and_the_client_goes_on() {
    thread::scope(|scope| {
        for way in Way::ALL {
            scope.spawn(move || {
                for (fault, is_new, end) in faults(way) {
                    let sandbox = way.sandbox();
                    for caller in Caller::both() {
                        assert_fault(&sandbox, &caller, &fault, is_new, &end);
                    }
                }
            });
        }
    });
}

fn assert_fault(sandbox: &Sandbox, caller: &Caller, fault: &Misbehaviour, is_new: bool, end: &End) {
    let client = limited(settings(sandbox));
    let what = format!("{fault:?}, {:?}", caller.verb);
    let unlimited = |number| {
        let request = coupon(&client, number).timeout(Duration::ZERO);
        caller.call(request).unwrap()
    };
    if !is_new {
        // The connection is there, so that the limits are of the exchange alone.
        assert_answers(&unlimited(1), 1);
    }
    let received = sandbox.received().len();
    sandbox.misbehave(fault.clone());
    let start = Instant::now();
    let error = caller.call(coupon(&client, 2)).unwrap_err();
    assert!(start.elapsed() < SLACK, "{what}");
    if let Some(limit) = end.limit {
        assert!(start.elapsed() >= limit, "{what}");
    }
    assert_ended(&error, end, &what);
    assert!(error.signed_message().is_some(), "{what}");
    // A request that did not arrive was not carried out, and none was twice.
    let arrived = sandbox.received().len() - received;
    let is_lost = matches!(fault, Misbehaviour::CutBeforeRead | Misbehaviour::Vanish);
    let expected = usize::from(end.may_have_been_sent && !is_lost);
    assert_eq!(arrived, expected, "{what}");
    if *fault == Misbehaviour::ContentLength(-10) && end.error == "Verify" {
        // What was too much is no answer to the next request, which may meet it on the connection.
        match caller.call(coupon(&client, 2)) {
            Ok(response) => assert_answers(&response, 2),
            Err(error) => assert_ended(&error, &broken(Phase::Exchange), &what),
        }
    }
    // Nothing of a connection that failed is left for the next request.
    for number in 3..6 {
        assert_answers(&unlimited(number), number);
    }
}

#[test]
fn a_certificate_that_is_not_this_hosts_or_has_expired_says_so() {
    let sandbox = Way::Http2.sandbox();
    for (fault, says) in [
        (Misbehaviour::TlsExpired, "expired"),
        (Misbehaviour::TlsOfAnotherHost, "api2.wechatpay.cn"),
    ] {
        for caller in Caller::both() {
            let client = limited(settings(&sandbox));
            sandbox.misbehave(fault.clone());
            let error = caller.call(coupon(&client, 1)).unwrap_err();
            assert_says(&error, &["invalid peer certificate", says]);
        }
    }
}

#[test]
fn where_there_is_no_connection_the_request_was_not_sent() {
    let refused = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = refused.local_addr().unwrap();
    drop(refused);
    for (base_uri, phase) in [
        (format!("https://{address}/"), Phase::Connect),
        ("https://does-not-exist.invalid/".to_owned(), Phase::Lookup),
    ] {
        for caller in Caller::both() {
            let client = recorded("1900000109").base_uri(base_uri.clone());
            // A lookup takes as long as the system wants.
            let client = client.timeout(SLACK).connect_timeout(SLACK);
            let client = client.build().unwrap();
            let start = Instant::now();
            let error = caller.call(coupon(&client, 1)).unwrap_err();
            assert!(start.elapsed() < SLACK, "{base_uri}");
            assert_ended(&error, &unconnected(phase), &base_uri);
        }
    }
}

/// A port that does not answer whoever wants to connect, since its queue is full.
struct BlackHole {
    address: SocketAddr,
    _listener: TcpListener,
    _queue: Vec<TcpStream>,
}

impl BlackHole {
    fn new() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        rustix::net::listen(&listener, 0).unwrap();
        let address = listener.local_addr().unwrap();
        let mut queue = Vec::new();
        loop {
            match TcpStream::connect_timeout(&address, CONNECT) {
                Ok(stream) => queue.push(stream),
                Err(error) if error.kind() == io::ErrorKind::TimedOut => break,
                Err(error) => panic!("{error}"),
            }
            assert!(queue.len() < 100, "its queue has no end");
        }
        Self {
            address,
            _listener: listener,
            _queue: queue,
        }
    }
}

#[test]
#[cfg(target_os = "linux")]
fn an_address_that_never_answers_ends_by_the_limit_of_connecting() {
    let hole = BlackHole::new();
    for scheme in ["https", "http"] {
        let base_uri = format!("{scheme}://{}/", hole.address);
        let client = limited(recorded("1900000109").base_uri(base_uri));
        for caller in Caller::both() {
            let start = Instant::now();
            let error = caller.call(coupon(&client, 1)).unwrap_err();
            assert!(start.elapsed() >= CONNECT && start.elapsed() < SLACK);
            assert_ended(&error, &too_late(Phase::Connect, CONNECT), scheme);
        }
    }
}

#[test]
fn a_connection_that_takes_no_more_requests_or_is_closed_behind_an_answer_loses_none() {
    for way in Way::ALL {
        let sandbox = way.sandbox();
        let client = settings(&sandbox).build().unwrap();
        for caller in Caller::both() {
            for number in 0..20 {
                sandbox.misbehave(Misbehaviour::GoAway);
                let request = coupon(&client, number);
                assert_answers(&caller.call(request).unwrap(), number);
            }
        }
        let count = sandbox.received().len();
        assert_eq!(count, 40, "{way:?}");
        assert!(sandbox.connections() > 20, "{way:?}");
        for caller in Caller::both() {
            sandbox.misbehave(Misbehaviour::CutAfterAnswer);
            assert_answers(&caller.call(coupon(&client, 1)).unwrap(), 1);
            // By then it is closed, and a runtime that runs knows it.
            let pause = async { tokio::time::sleep(Duration::from_secs(1)).await };
            caller.runtime.block_on(pause);
            assert_answers(&caller.call(coupon(&client, 2)).unwrap(), 2);
        }
    }
}

/// The path of what comes in pieces and is not signed.
const FILE: &str = "v3/billdownload/file";

#[test]
fn each_fault_of_a_stream_or_a_download_is_an_error_and_leaves_no_file() {
    let folder = std::env::temp_dir();
    let folder = folder.join(format!("wechatpay-chain faults {}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    thread::scope(|scope| {
        for way in Way::ALL {
            let folder = &folder;
            scope.spawn(move || {
                let sandbox = way.sandbox();
                let answer = CannedAnswer::new(200).unsigned().body(vec![b'0'; 1000]);
                sandbox.answer_with("GET", format!("/{FILE}"), answer);
                let path = folder.join(format!("{way:?}"));
                for caller in Caller::both() {
                    for (fault, end) in faults_of_streams(way) {
                        let client = limited(settings(&sandbox));
                        let what = format!("{way:?}, {fault:?}, {:?}", caller.verb);
                        let file = || client.chain(FILE).get();
                        let warm = || caller.read(file().timeout(Duration::ZERO));
                        assert_eq!(warm().unwrap().len(), 1000, "{what}");
                        let start = Instant::now();
                        sandbox.misbehave(fault.clone());
                        let error = caller.read(file()).unwrap_err();
                        assert_ended(&error, &end, &what);
                        sandbox.misbehave(fault);
                        let error = caller.download(file(), &path).unwrap_err();
                        assert_ended(&error, &end, &what);
                        assert!(start.elapsed() < SLACK, "{what}");
                        assert_eq!(warm().unwrap().len(), 1000, "{what}");
                    }
                }
            });
        }
    });
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
    fs::remove_dir(&folder).unwrap();
}

fn faults_of_streams(way: Way) -> Vec<(Misbehaviour, End)> {
    let mut faults = vec![
        (Misbehaviour::CutAfterRead, broken(Phase::Exchange)),
        (Misbehaviour::ResetAfterRead, broken(Phase::Exchange)),
        (Misbehaviour::CutInHeaders, broken(Phase::Exchange)),
        (Misbehaviour::ResetInHeaders, broken(Phase::Exchange)),
        (Misbehaviour::CutInAnswer, broken(Phase::Read)),
        (Misbehaviour::ResetInAnswer, broken(Phase::Read)),
        (Misbehaviour::StallInAnswer, too_late(Phase::Read, IDLE)),
        (Misbehaviour::ContentLength(10), broken(Phase::Read)),
    ];
    if way == Way::Http2 {
        faults.push((Misbehaviour::ContentLength(-10), broken(Phase::Read)));
    }
    faults
}
