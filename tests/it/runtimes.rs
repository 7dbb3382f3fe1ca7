//! On which runtimes, threads and executors a client works, and where it may be dropped.

use std::cell::RefCell;
use std::future::{Future, IntoFuture as _};
use std::io::Read as _;
use std::net::{Ipv4Addr, TcpListener};
use std::pin::Pin;
use std::process::Command;
use std::sync::{Arc, Barrier, LazyLock, OnceLock};
use std::task::{Context, Waker};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use futures::executor::{ThreadPool, block_on};
use futures::future::join_all;
use rustls::crypto::CryptoProvider;
use tokio::runtime::{Builder, Runtime};
use wechatpay_chain::rsa::{PrivateKey, PublicKey};
use wechatpay_chain::{Client, Error, ResponseFuture, Result};
use wechatpay_sandbox::{Misbehaviour, Sandbox};

use crate::way::{Way, assert_answers, coupon, settings, until, until_received};

/// Longer than any test takes: what waits for it is in flight when it is dropped.
const FOREVER: Duration = Duration::from_secs(600);

fn current_thread() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

fn multi_thread(workers: usize) -> Runtime {
    Builder::new_multi_thread()
        .worker_threads(workers)
        .enable_all()
        .build()
        .unwrap()
}

/// One runtime of either kind.
fn runtimes() -> [Runtime; 2] {
    [current_thread(), multi_thread(2)]
}

fn future(client: &Client, number: usize) -> ResponseFuture {
    coupon(client, number).into_future()
}

fn await_one(runtime: &Runtime, client: &Client, number: usize) {
    let response = runtime.block_on(future(client, number)).unwrap();
    assert_answers(&response, number);
}

fn wait_one(client: &Client, number: usize) {
    let response = coupon(client, number).wait().unwrap();
    assert_answers(&response, number);
}

/// Polls a future once, on whatever runtime this thread is in, and tells whether it is done.
fn poll_once(future: &mut ResponseFuture) -> bool {
    let mut context = Context::from_waker(Waker::noop());
    Pin::new(future).poll(&mut context).is_ready()
}

/// Polls a future on this runtime until the sandbox has read its request, which it won't answer.
async fn poll_until_in_flight(sandbox: &Sandbox, future: &mut ResponseFuture) {
    sandbox.misbehave(Misbehaviour::Delay(FOREVER));
    let before = sandbox.received().len();
    while sandbox.received().len() == before {
        assert!(!poll_once(future));
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// A future that has been polled until the sandbox read its request, and its sandbox.
fn in_flight(sandbox: &Sandbox) -> ResponseFuture {
    sandbox.misbehave(Misbehaviour::Delay(FOREVER));
    let before = sandbox.received().len();
    let mut future = future(&sandbox.client(), 0);
    assert!(!poll_once(&mut future));
    until_received(sandbox, before + 1);
    future
}

/// Whether this is a process that runs the test `name` alone; if not, it is run in one.
fn is_alone(name: &str) -> bool {
    const VARIABLE: &str = "WECHATPAY_TEST_ALONE";
    if env::var(VARIABLE).is_ok_and(|alone| alone == name) {
        return true;
    }
    let output = Command::new(env::current_exe().unwrap())
        .args(["--exact", &format!("runtimes::{name}"), "--nocapture"])
        .env(VARIABLE, name)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let complained = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}{complained}");
    assert!(said.contains("1 passed"), "no such test: {said}");
    false
}

/// The threads of this process, where the system tells.
fn threads() -> Option<usize> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("Threads:"))?;
    line.trim().parse().ok()
}

// Waiting

#[test]
fn wait_needs_no_runtime() {
    for way in Way::ALL {
        let sandbox = way.sandbox();
        wait_one(&sandbox.client(), 1);
    }
}

#[test]
fn wait_works_on_the_thread_of_a_current_thread_runtime() {
    for way in Way::ALL {
        let sandbox = way.sandbox();
        let client = sandbox.client();
        current_thread().block_on(async { wait_one(&client, 1) });
    }
}

#[test]
fn wait_works_on_the_threads_of_a_multi_thread_runtime() {
    for way in Way::ALL {
        let sandbox = way.sandbox();
        let client = sandbox.client();
        multi_thread(2).block_on(async {
            wait_one(&client, 1);
            tokio::spawn(async move { wait_one(&client, 2) })
                .await
                .unwrap();
        });
    }
}

#[test]
fn wait_works_on_a_runtime_without_drivers() {
    let sandbox = Sandbox::start_blocking().unwrap();
    let client = sandbox.client();
    let runtime = Builder::new_current_thread().build().unwrap();
    runtime.block_on(async { wait_one(&client, 1) });
}

#[test]
fn await_on_a_runtime_without_drivers_panics_and_leaves_the_client_as_it_was() {
    let sandbox = Sandbox::start_blocking().unwrap();
    let client = sandbox.client();
    // tokio offers no way to ask a runtime for its drivers.
    let without_time = Builder::new_current_thread().enable_io().build().unwrap();
    let without_io = Builder::new_current_thread().enable_time().build().unwrap();
    for (runtime, driver) in [(without_time, "enable_time"), (without_io, "enable_io")] {
        let request = future(&client, 1);
        let attempt = std::panic::AssertUnwindSafe(|| runtime.block_on(request).map(drop));
        let panic = std::panic::catch_unwind(attempt).unwrap_err();
        let message = panic.downcast::<String>().unwrap();
        assert!(message.contains(driver), "{message}");
        runtime.block_on(async { wait_one(&client, 2) });
        await_one(&current_thread(), &client, 3);
    }
}

#[test]
fn sixty_four_waits_share_a_runtime_of_two_workers() {
    for way in Way::ALL {
        let sandbox = way.sandbox();
        multi_thread(2).block_on(async {
            let waits = (0..64).map(|number| {
                let client = sandbox.client();
                tokio::spawn(async move { wait_one(&client, number) })
            });
            for wait in join_all(waits).await {
                wait.unwrap();
            }
        });
        assert_eq!(sandbox.received().len(), 64);
    }
}

#[test]
fn thirty_two_threads_wait_at_once() {
    for way in Way::ALL {
        let sandbox = way.sandbox();
        let client = sandbox.client();
        let together = Barrier::new(32);
        thread::scope(|scope| {
            for number in 0..32 {
                let (client, together) = (&client, &together);
                scope.spawn(move || {
                    together.wait();
                    wait_one(client, number);
                });
            }
        });
    }
}

// One client, many runtimes

#[test]
fn a_static_client_survives_a_runtime_that_was_dropped_in_flight() {
    static GATEWAYS: LazyLock<Vec<(Sandbox, Client)>> = LazyLock::new(|| {
        let sandboxes = Way::ALL.into_iter().map(Way::sandbox);
        sandboxes
            .map(|sandbox| {
                let client = sandbox.client();
                (sandbox, client)
            })
            .collect()
    });
    for (sandbox, client) in &*GATEWAYS {
        for first in runtimes() {
            let before = sandbox.received().len();
            sandbox.misbehave(Misbehaviour::Delay(FOREVER));
            let lost = first.spawn(coupon(client, 0).into_future());
            first.block_on(async {
                while sandbox.received().len() == before {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            });
            drop(first);
            let lost = block_on(lost);
            assert!(lost.is_err_and(|error| error.is_cancelled()));
            for second in runtimes() {
                await_one(&second, client, 1);
            }
            wait_one(client, 2);
        }
    }
}

#[test]
fn one_client_survives_thirty_runtimes_in_a_row() {
    for way in Way::ALL {
        let sandbox = way.sandbox();
        let client = sandbox.client();
        for number in 0..15 {
            for runtime in runtimes() {
                await_one(&runtime, &client, number);
                wait_one(&client, number);
            }
        }
        // One for each runtime, and one for all that was waited for.
        assert_eq!(sandbox.connections(), 31, "{way:?}");
    }
}

#[test]
fn one_client_is_used_on_two_runtimes_at_once() {
    for way in Way::ALL {
        let sandbox = way.sandbox();
        let client = sandbox.client();
        thread::scope(|scope| {
            for runtime in runtimes() {
                let client = &client;
                scope.spawn(move || {
                    for number in 0..16 {
                        await_one(&runtime, client, number);
                    }
                });
            }
        });
    }
}

#[test]
fn await_and_wait_take_turns_on_one_thread() {
    for way in Way::ALL {
        let sandbox = way.sandbox();
        for turns in [[true, false, true], [false, true, false]] {
            for runtime in runtimes() {
                let client = settings(&sandbox).build().unwrap();
                runtime.block_on(async {
                    for (number, awaits) in turns.into_iter().cycle().take(12).enumerate() {
                        if awaits {
                            let response = coupon(&client, number).await.unwrap();
                            assert_answers(&response, number);
                        } else {
                            wait_one(&client, number);
                        }
                    }
                });
            }
        }
    }
}

#[test]
fn wait_works_while_an_await_of_the_same_thread_is_in_flight() {
    for way in Way::ALL {
        let sandbox = way.sandbox();
        let client = sandbox.client();
        current_thread().block_on(async {
            sandbox.misbehave(Misbehaviour::Delay(Duration::from_millis(100)));
            let slow = tokio::spawn(coupon(&client, 1).into_future());
            while sandbox.received().is_empty() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            wait_one(&client, 2);
            assert_answers(&slow.await.unwrap().unwrap(), 1);
        });
    }
}

#[test]
fn a_spawned_task_may_own_its_client() {
    for way in Way::ALL {
        let sandbox = way.sandbox();
        let client = settings(&sandbox).build().unwrap();
        for runtime in runtimes() {
            let client = client.clone();
            let task = runtime.spawn(async move { coupon(&client, 1).await });
            assert_answers(&runtime.block_on(task).unwrap().unwrap(), 1);
        }
    }
}

// Executors that are not tokio

#[test]
fn await_works_under_an_executor_that_is_not_tokio() {
    for way in Way::ALL {
        let sandbox = way.sandbox();
        let client = sandbox.client();
        for number in 0..4 {
            let response = block_on(future(&client, number)).unwrap();
            assert_answers(&response, number);
        }
        assert_eq!(sandbox.connections(), 1);
    }
}

#[test]
fn await_works_on_a_thread_pool_that_is_not_tokio_s() {
    let pool = ThreadPool::builder().pool_size(4).create().unwrap();
    for way in Way::ALL {
        let sandbox = way.sandbox();
        let (done, answers) = std::sync::mpsc::channel();
        for number in 0..32 {
            let client = sandbox.client();
            let done = done.clone();
            pool.spawn_ok(async move {
                let answer = coupon(&client, number).await;
                done.send((number, answer)).unwrap();
            });
        }
        drop(done);
        let answers: Vec<(usize, Result<_>)> = answers.into_iter().collect();
        assert_eq!(answers.len(), 32);
        for (number, answer) in answers {
            assert_answers(&answer.unwrap(), number);
        }
    }
}

#[test]
fn a_future_dropped_outside_tokio_abandons_its_connection() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let sandbox = Sandbox::builder().plain().start_blocking().unwrap();
    let client = settings(&sandbox).base_uri(format!("http://{address}/"));
    let client = client.build().unwrap();
    let mut request = future(&client, 1);
    assert!(!poll_once(&mut request));
    let (mut stream, _) = listener.accept().unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    assert!(stream.read(&mut [0; 4096]).unwrap() > 0);
    drop(request);
    // What is left of the request, and then the end.
    let _ = stream.read_to_end(&mut Vec::new()).unwrap();
}

// Drops

#[test]
fn a_future_dropped_before_its_first_poll_sends_nothing() {
    for way in Way::ALL {
        let sandbox = way.sandbox();
        let client = settings(&sandbox).build().unwrap();
        drop(future(&client, 1));
        for runtime in runtimes() {
            runtime.block_on(async { drop(future(&client, 1)) });
            let unpolled = future(&client, 1);
            runtime.spawn(async move {
                let _unpolled = unpolled;
                std::future::pending::<()>().await;
            });
        }
        drop(coupon(&client, 1));
        drop(client);
        assert_eq!(sandbox.connections(), 0);
    }
}

#[test]
fn a_future_may_be_dropped_after_any_number_of_polls() {
    for way in Way::ALL {
        let sandbox = way.sandbox();
        let client = sandbox.client();
        for runtime in runtimes() {
            for polls in 0..24 {
                runtime.block_on(async {
                    let mut future = future(&client, polls);
                    for _ in 0..polls {
                        if poll_once(&mut future) {
                            break;
                        }
                        tokio::time::sleep(Duration::from_micros(100)).await;
                    }
                });
            }
            await_one(&runtime, &client, 24);
        }
        for polls in 0..24 {
            let mut future = future(&client, polls);
            for _ in 0..polls {
                if poll_once(&mut future) {
                    break;
                }
                thread::sleep(Duration::from_micros(100));
            }
        }
        wait_one(&client, 25);
    }
}

#[test]
fn a_future_in_flight_may_be_dropped_on_any_thread() {
    for way in Way::ALL {
        let sandbox = way.sandbox();
        // Outside of any runtime, first polled there or on one.
        drop(in_flight(&sandbox));
        for runtime in runtimes() {
            let mut begun = future(&sandbox.client(), 0);
            runtime.block_on(poll_until_in_flight(&sandbox, &mut begun));
            thread::spawn(move || drop(begun)).join().unwrap();
            // Begun outside, dropped inside.
            let outside = in_flight(&sandbox);
            runtime.block_on(async move { drop(outside) });
            await_one(&runtime, &sandbox.client(), 1);
        }
        wait_one(&sandbox.client(), 2);
    }
}

#[test]
fn a_future_goes_on_as_an_error_when_its_runtime_is_gone() {
    for way in Way::ALL {
        for second in runtimes() {
            for first in runtimes() {
                let sandbox = way.sandbox();
                let mut begun = future(&sandbox.client(), 0);
                first.block_on(poll_until_in_flight(&sandbox, &mut begun));
                drop(first);
                let error = second.block_on(begun).unwrap_err();
                assert!(matches!(error, Error::Transport(_)), "{error}");
                assert!(error.may_have_been_sent());
            }
        }
    }
}

#[test]
fn a_future_that_was_still_connecting_goes_on_as_an_error_when_its_runtime_is_gone() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let sandbox = Sandbox::start_blocking().unwrap();
    let address = listener.local_addr().unwrap();
    let client = settings(&sandbox).base_uri(format!("https://{address}/"));
    let client = client.build().unwrap();
    for first in runtimes() {
        let mut begun = future(&client, 0);
        first.block_on(async {
            for _ in 0..10 {
                assert!(!poll_once(&mut begun));
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        });
        drop(first);
        let error = block_on(begun).unwrap_err();
        assert!(error.is_connect(), "{error}");
        assert!(!error.may_have_been_sent());
    }
}

#[test]
fn runtime_and_client_may_be_dropped_in_either_order() {
    for way in Way::ALL {
        let sandbox = way.sandbox();
        for kind in 0..2 {
            let runtime = || runtimes().into_iter().nth(kind).unwrap();
            let client = settings(&sandbox).build().unwrap();
            let first = runtime();
            await_one(&first, &client, 1);
            drop(first);
            drop(client);

            let client = settings(&sandbox).build().unwrap();
            let second = runtime();
            await_one(&second, &client, 2);
            drop(client);
            drop(second);

            // Inside the runtime.
            let client = settings(&sandbox).build().unwrap();
            let third = runtime();
            third.block_on(async move {
                assert_answers(&coupon(&client, 3).await.unwrap(), 3);
                drop(client);
                tokio::task::yield_now().await;
            });
        }
    }
}

#[test]
fn the_last_client_may_be_dropped_while_a_request_is_in_flight() {
    for way in Way::ALL {
        let sandbox = way.sandbox();
        let delay = Misbehaviour::Delay(Duration::from_millis(50));
        for runtime in runtimes() {
            let client = settings(&sandbox).build().unwrap();
            let clone = client.clone();
            sandbox.misbehave(delay.clone());
            let before = sandbox.received().len();
            let request = runtime.spawn(coupon(&clone, 1).into_future());
            runtime.block_on(async {
                while sandbox.received().len() == before {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            });
            drop(client);
            drop(clone);
            let response = runtime.block_on(request).unwrap().unwrap();
            assert_answers(&response, 1);
        }
        let client = settings(&sandbox).build().unwrap();
        let request = coupon(&client, 2);
        sandbox.misbehave(delay);
        let before = sandbox.received().len();
        let waiting = thread::spawn(move || request.wait());
        until_received(&sandbox, before + 1);
        drop(client);
        assert_answers(&waiting.join().unwrap().unwrap(), 2);
    }
}

#[test]
fn a_runtime_that_owns_client_and_requests_may_be_shut_down_in_any_way() {
    let ways: [fn(Runtime); 3] = [drop, Runtime::shutdown_background, |runtime| {
        runtime.shutdown_timeout(Duration::from_millis(20))
    }];
    for way in Way::ALL {
        let sandbox = way.sandbox();
        for shut_down in ways {
            for runtime in runtimes() {
                let client = settings(&sandbox).build().unwrap();
                await_one(&runtime, &client, 0);
                let before = sandbox.received().len();
                for number in 1..9 {
                    let client = client.clone();
                    sandbox.misbehave(Misbehaviour::Delay(FOREVER));
                    runtime.spawn(async move { coupon(&client, number).await });
                }
                drop(client);
                runtime.block_on(async {
                    while sandbox.received().len() < before + 8 {
                        tokio::time::sleep(Duration::from_millis(1)).await;
                    }
                });
                shut_down(runtime);
            }
        }
        wait_one(&sandbox.client(), 9);
    }
}

/// Waits for an answer, uses its client, or drops what it has when it is dropped itself.
struct Last(
    Option<Client>,
    Option<ResponseFuture>,
    Option<Arc<OnceLock<bool>>>,
);

impl Drop for Last {
    fn drop(&mut self) {
        drop(self.1.take());
        if let (Some(client), Some(answered)) = (self.0.take(), self.2.take()) {
            let answer = coupon(&client, "last").wait();
            answered.set(answer.is_ok()).unwrap();
        }
    }
}

#[test]
fn a_task_s_destructor_may_wait_while_its_runtime_is_dropped() {
    for way in Way::ALL {
        let sandbox = way.sandbox();
        for runtime in runtimes() {
            let answered = Arc::new(OnceLock::new());
            let last = Last(Some(sandbox.client()), None, Some(Arc::clone(&answered)));
            await_one(&runtime, &sandbox.client(), 1);
            runtime.spawn(async move {
                let _last = last;
                std::future::pending::<()>().await;
            });
            drop(runtime);
            assert_eq!(answered.get(), Some(&true));
        }
    }
}

#[test]
fn clients_and_futures_may_be_dropped_by_a_thread_s_end() {
    thread_local! {
        static LAST: RefCell<Vec<Last>> = const { RefCell::new(Vec::new()) };
    }
    for way in Way::ALL {
        let sandbox = way.sandbox();
        let answered = Arc::new(OnceLock::new());
        thread::scope(|scope| {
            let sandbox = &sandbox;
            let answered = Arc::clone(&answered);
            let thread = scope.spawn(move || {
                // Before the runtime's own thread-locals, so that it goes after them, ...
                LAST.with_borrow_mut(Vec::clear);
                let runtime = current_thread();
                let client = settings(sandbox).build().unwrap();
                await_one(&runtime, &client, 1);
                let mut begun = future(&client, 2);
                runtime.block_on(async {
                    let _ = poll_once(&mut begun);
                });
                // ... with a connection, a future that was begun, one in flight and one that was not begun.
                LAST.with_borrow_mut(|last| {
                    last.push(Last(Some(client.clone()), Some(begun), None));
                    last.push(Last(None, Some(in_flight(sandbox)), None));
                    last.push(Last(None, Some(future(&client, 3)), None));
                    last.push(Last(Some(client), None, Some(answered)));
                });
            });
            thread.join().unwrap();
        });
        // A scoped thread is joined before its thread-locals are destroyed.
        until(|| answered.get().is_some());
        assert_eq!(answered.get(), Some(&true));
    }
}

#[test]
fn a_request_that_is_dropped_while_it_connects_does_not_take_others_with_it() {
    for way in Way::ALL {
        let sandbox = way.sandbox();
        for runtime in runtimes() {
            for round in 0..30 {
                let client = settings(&sandbox).build().unwrap();
                runtime.block_on(async {
                    let mut requests: Vec<_> = (0..8)
                        .map(|number| tokio::spawn(future(&client, number)))
                        .collect();
                    let dropped = requests.split_off(4);
                    tokio::time::sleep(Duration::from_micros(200 * round)).await;
                    dropped.iter().for_each(tokio::task::JoinHandle::abort);
                    for (number, answer) in join_all(requests).await.into_iter().enumerate() {
                        assert_answers(&answer.unwrap().unwrap(), number);
                    }
                });
            }
        }
    }
}

// Connections

#[test]
fn requests_in_a_row_use_one_connection() {
    for way in Way::ALL {
        let sandbox = way.sandbox();
        let client = sandbox.client();
        let runtime = current_thread();
        for number in 0..32 {
            await_one(&runtime, &client, number);
        }
        assert_eq!(sandbox.connections(), 1, "{way:?}");
        for number in 0..32 {
            wait_one(&client, number);
        }
        assert_eq!(sandbox.connections(), 2, "{way:?}");
    }
}

#[test]
fn requests_at_once_share_an_http2_connection_that_is_open() {
    let sandbox = Way::Http2.sandbox();
    let client = sandbox.client();
    for runtime in runtimes() {
        let before = sandbox.connections();
        await_one(&runtime, &client, 0);
        for _ in 0..4 {
            runtime.block_on(async {
                let requests = (0..64).map(|number| tokio::spawn(future(&client, number)));
                for (number, answer) in join_all(requests).await.into_iter().enumerate() {
                    assert_answers(&answer.unwrap().unwrap(), number);
                }
            });
        }
        assert_eq!(sandbox.connections(), before + 1);
    }
}

#[test]
fn first_requests_at_once_end_on_one_http2_connection() {
    for runtime in runtimes() {
        let sandbox = Way::Http2.sandbox();
        let client = sandbox.client();
        for _ in 0..2 {
            runtime.block_on(async {
                let requests = (0..64).map(|number| tokio::spawn(future(&client, number)));
                for (number, answer) in join_all(requests).await.into_iter().enumerate() {
                    assert_answers(&answer.unwrap().unwrap(), number);
                }
            });
        }
        // Until ALPN has spoken each of the first ones opens its own; the second round opens none.
        assert!(sandbox.connections() <= 64);
    }
}

#[test]
fn two_hundred_waits_in_a_row_finish() {
    for way in Way::ALL {
        let sandbox = way.sandbox();
        let client = sandbox.client();
        for number in 0..200 {
            wait_one(&client, number);
        }
        assert_eq!(sandbox.connections(), 1, "{way:?}");
    }
}

// The process around the client

#[test]
fn two_providers_and_no_process_default_are_no_obstacle() {
    if !is_alone("two_providers_and_no_process_default_are_no_obstacle") {
        return;
    }
    assert_ne!(
        rustls::crypto::ring::default_provider().cipher_suites.len(),
        0
    );
    for way in Way::ALL {
        let sandbox = way.sandbox();
        wait_one(&sandbox.client(), 1);
        await_one(&current_thread(), &sandbox.client(), 2);
    }
    assert!(CryptoProvider::get_default().is_none());
}

#[test]
fn another_process_default_is_no_obstacle() {
    if !is_alone("another_process_default_is_no_obstacle") {
        return;
    }
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    provider.install_default().unwrap();
    for way in Way::ALL {
        let sandbox = way.sandbox();
        wait_one(&sandbox.client(), 1);
        await_one(&current_thread(), &sandbox.client(), 2);
    }
}

#[test]
fn more_clients_are_not_more_threads() {
    if !is_alone("more_clients_are_not_more_threads") {
        return;
    }
    let sandbox = Sandbox::start_blocking().unwrap();
    let runtime = current_thread();
    let clients: Vec<Client> = (0..100)
        .map(|_| settings(&sandbox).build().unwrap())
        .collect();
    let mut first = None;
    for (number, client) in clients.iter().enumerate() {
        wait_one(client, number);
        await_one(&runtime, client, number);
        let first = first.get_or_insert_with(threads);
        assert_eq!(*first, threads(), "after {} clients", number + 1);
    }
    assert_eq!(sandbox.connections(), 200);
}

#[test]
fn building_a_client_is_cheap_and_starts_no_thread() {
    if !is_alone("building_a_client_is_cheap_and_starts_no_thread") {
        return;
    }
    let sandbox = Sandbox::start_blocking().unwrap();
    let key = PrivateKey::from_pem(sandbox.merchant_private_key()).unwrap();
    let platform_key = PublicKey::from_pem(sandbox.platform_public_key()).unwrap();
    let build = || {
        Client::builder()
            .mchid(sandbox.mchid())
            .serial(sandbox.merchant_serial())
            .private_key(key.clone())
            .cert(sandbox.platform_serial(), platform_key.clone())
            .root_certificate(sandbox.root_certificate().unwrap())
            .base_uri(sandbox.base_uri())
            .build()
            .unwrap()
    };
    let before = threads();
    let start = Instant::now();
    let clients: Vec<Client> = (0..1500).map(|_| build()).collect();
    let elapsed = start.elapsed();
    assert_eq!(before, threads());
    // A fifth of a second in a debug build, on a machine that has nothing else to do.
    assert!(elapsed < Duration::from_secs(20), "{elapsed:?}");
    assert_eq!(sandbox.connections(), 0);
    drop(clients);
}
