//! Starting a gateway, using it and letting it go, from anywhere.

use std::future::Future;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

use wechatpay_sandbox::{Misbehaviour, Sandbox};

use crate::client::{Connection, Way, good};

/// The smallest executor there is.
fn block_on<F: Future>(future: F) -> F::Output {
    struct Unpark(thread::Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}

/// Speaks to a plain gateway with the standard library alone, blocking this thread.
fn blocking_get(sandbox: &Sandbox) -> String {
    let mut stream = TcpStream::connect(sandbox.address()).unwrap();
    stream
        .write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn assert_closed(sandbox: Sandbox) {
    let address = sandbox.address();
    let start = Instant::now();
    drop(sandbox);
    assert!(start.elapsed() < Duration::from_secs(1));
    assert!(TcpStream::connect(address).is_err());
}

#[test]
fn it_starts_and_stops_without_a_runtime() {
    let sandbox = Sandbox::start_blocking().unwrap();
    assert_closed(sandbox);
    let sandbox = block_on(Sandbox::start()).unwrap();
    assert_closed(sandbox);
    let sandbox = block_on(Sandbox::builder().plain().start()).unwrap();
    assert!(blocking_get(&sandbox).starts_with("HTTP/1.1 400 Bad Request\r\n"));
    assert_closed(sandbox);
}

#[tokio::test]
async fn it_answers_while_its_user_blocks_the_only_thread() {
    let sandbox = Sandbox::builder().plain().start().await.unwrap();
    assert!(blocking_get(&sandbox).contains("Http头缺少Accept或User-Agent"));
    assert_closed(sandbox);
    let sandbox = Sandbox::builder().plain().start_blocking().unwrap();
    assert!(blocking_get(&sandbox).contains("Http头缺少Accept或User-Agent"));
    assert_closed(sandbox);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_may_be_dropped_inside_a_runtime_with_requests_in_flight() {
    for way in Way::ALL {
        let sandbox = way.start().await;
        sandbox.misbehave(Misbehaviour::Delay(Duration::from_secs(3600)));
        let request = good(&sandbox);
        let mut connection = Connection::open(&sandbox, way).await.unwrap();
        let answer = tokio::spawn(async move { connection.send(request).await });
        while sandbox.received().is_empty() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        assert_closed(sandbox);
        assert!(answer.await.unwrap().is_err());
    }
}

#[tokio::test]
async fn a_start_that_nobody_waits_for_leaves_nothing_behind() {
    // Given up after its first poll, or after it was done: either way it is shut down where it is.
    let _ = tokio::time::timeout(Duration::ZERO, Sandbox::start()).await;
}

#[test]
fn it_can_be_shared_by_threads() {
    fn shared<T: Send + Sync + 'static>(_: &T) {}
    let sandbox = Sandbox::start_blocking().unwrap();
    shared(&sandbox);
    shared(&sandbox.received());
    assert!(format!("{sandbox:?}").contains("127.0.0.1"));
    thread::spawn(move || drop(sandbox)).join().unwrap();
}
