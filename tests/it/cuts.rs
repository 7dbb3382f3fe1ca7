//! Connections that are cut at random, while many requests are in flight: what the callers were
//! told is what the sandbox did.

#![expect(clippy::print_stdout, reason = "the figures are for whoever runs it")]

use std::collections::HashMap;
use std::env;
use std::fmt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::runtime::Builder;
use wechatpay_chain::{Client, Error, Phase, Response, Result};
use wechatpay_sandbox::{Misbehaviour, Rule, Sandbox};

use crate::way::{Way, assert_answers, coupon, settings};

/// How many requests are in flight, half of them by `.await` and half by `.wait()`.
const IN_FLIGHT: usize = 64;
/// How often a request loses its connection in each of the ways below: 2 % with the next.
const CUTS: f64 = 0.003;
/// Every so many requests the next connection or request is cut before it is read.
const EVERY: usize = 500;

/// What became of one request, as its caller was told.
enum Told {
    Answered,
    NotSent,
    /// It may have been sent.
    Unknown(Phase),
}

#[derive(Default)]
struct Figures {
    answered: usize,
    not_sent: usize,
    unknown: HashMap<String, [usize; 2]>,
    connections: usize,
    took: Duration,
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            answered,
            not_sent,
            connections,
            took,
            ..
        } = self;
        write!(f, "answered {answered}, not sent {not_sent}")?;
        for (phase, [lost, executed]) in &self.unknown {
            write!(f, ", {phase}: unknown {lost}, of these executed {executed}")?;
        }
        write!(f, "; {connections} connections, {took:.1?}")
    }
}

/// Takes numbers until there are no more.
struct Numbers {
    next: AtomicUsize,
    count: usize,
}

impl Numbers {
    fn next(&self, sandbox: &Sandbox) -> Option<usize> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        if number % EVERY == EVERY / 2 {
            sandbox.misbehave(Misbehaviour::CutBeforeRead);
        }
        (number < self.count).then_some(number)
    }
}

fn told(number: usize, result: Result<Response>) -> (usize, Told) {
    let error = match result {
        Ok(response) => {
            assert_answers(&response, number);
            return (number, Told::Answered);
        }
        Err(error) => error,
    };
    assert!(!error.is_timeout(), "{number} got no answer: {error}");
    let told = match &error {
        _ if !error.may_have_been_sent() => Told::NotSent,
        Error::Transport(error) => Told::Unknown(error.phase()),
        other => panic!("{number}: {other}"),
    };
    (number, told)
}

/// Makes this many requests, and compares what was told with what was done.
fn run(way: Way, seed: u64, count: usize) -> Figures {
    let sandbox = way.builder().seed(seed).keep(2 * count);
    let sandbox = sandbox.start_blocking().unwrap();
    for cut in [
        Misbehaviour::CutBeforeRead,
        Misbehaviour::CutAfterRead,
        Misbehaviour::ResetAfterRead,
        Misbehaviour::CutInHeaders,
        Misbehaviour::CutInAnswer,
        Misbehaviour::CutAfterAnswer,
    ] {
        sandbox.add_rule(Rule::new("*", cut).probability(CUTS));
    }
    let client = settings(&sandbox).build().unwrap();
    let start = Instant::now();
    let outcomes = outcomes(&sandbox, &client, count);
    let took = start.elapsed();
    // What is still on its way to the sandbox arrives now or never.
    drop(client);
    sandbox.refuse();
    let mut executed = HashMap::new();
    for received in sandbox.received() {
        assert!(received.authenticated());
        let body: Value = serde_json::from_slice(received.body()).unwrap();
        let number: usize = body["out_request_no"].as_str().unwrap().parse().unwrap();
        *executed.entry(number).or_insert(0) += 1;
    }
    let mut figures = Figures {
        took,
        connections: sandbox.connections(),
        ..Figures::default()
    };
    assert_eq!(outcomes.len(), count);
    for (number, told) in outcomes {
        let executed = executed.get(&number).copied().unwrap_or(0);
        match told {
            Told::Answered => {
                assert_eq!(executed, 1, "{number} was answered");
                figures.answered += 1;
            }
            Told::NotSent => {
                assert_eq!(executed, 0, "{number} was called unsent");
                figures.not_sent += 1;
            }
            Told::Unknown(phase) => {
                assert!(executed <= 1, "{number} was executed {executed} times");
                let counts = figures.unknown.entry(phase.to_string()).or_default();
                counts[0] += 1;
                counts[1] += executed;
            }
        }
    }
    figures
}

fn outcomes(sandbox: &Sandbox, client: &Client, count: usize) -> Vec<(usize, Told)> {
    let numbers = Numbers {
        next: AtomicUsize::new(0),
        count,
    };
    let outcomes = Mutex::new(Vec::new());
    let runtime = Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    thread::scope(|scope| {
        let (numbers, outcomes) = (&numbers, &outcomes);
        for _ in 0..IN_FLIGHT / 2 {
            let handle = runtime.handle();
            scope.spawn(move || {
                while let Some(number) = numbers.next(sandbox) {
                    let told = told(number, coupon(client, number).wait());
                    outcomes.lock().unwrap().push(told);
                }
            });
            scope.spawn(move || {
                while let Some(number) = numbers.next(sandbox) {
                    let request = coupon(client, number);
                    let answer = handle
                        .block_on(async move { tokio::spawn(async move { request.await }).await });
                    let told = told(number, answer.unwrap());
                    outcomes.lock().unwrap().push(told);
                }
            });
        }
    });
    outcomes.into_inner().unwrap()
}

#[test]
fn what_the_callers_were_told_is_what_was_done_however_connections_are_cut() {
    for way in [Way::Http1, Way::Http2] {
        let figures = run(way, 9, 1_000);
        println!("{way:?}: {figures}");
        assert!(figures.answered > 0 && figures.connections > IN_FLIGHT / 2);
        for phase in [Phase::Exchange, Phase::Read] {
            assert!(figures.unknown.contains_key(&phase.to_string()), "{phase}");
        }
    }
}

/// hyper's issue 4122: such a request stayed in the channel to its connection for ever.
#[test]
fn a_request_that_is_given_to_a_connection_in_its_last_moment_ends() {
    for way in Way::ALL {
        ends(way, 500);
    }
}

#[test]
#[ignore = "it takes minutes"]
fn fifty_thousand_requests_that_are_given_to_ending_connections_end() {
    for way in Way::ALL {
        ends(way, 50_000);
    }
}

/// Makes so many requests over connections that are closed when they are there.
fn ends(way: Way, count: usize) {
    let sandbox = way.sandbox();
    sandbox.misbehave_always(Misbehaviour::CutBeforeRead);
    let client = settings(&sandbox).build().unwrap();
    let next = AtomicUsize::new(0);
    let lost = AtomicUsize::new(0);
    let runtime = Builder::new_multi_thread()
        .worker_threads(4)
        .enable_all()
        .build()
        .unwrap();
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                while next.fetch_add(1, Ordering::Relaxed) < count {
                    let request = coupon(&client, 1).timeout(Duration::from_secs(10));
                    let error = runtime.block_on(async move { request.await }).unwrap_err();
                    if error.is_timeout() {
                        lost.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    println!(
        "{way:?}: {} of {count} got no answer",
        lost.load(Ordering::Relaxed)
    );
    assert_eq!(lost.into_inner(), 0, "{way:?}");
    assert!(sandbox.received().is_empty());
}

/// The long run: `CUTS_SEED=1 cargo test --release --test it -- --ignored --nocapture ten_thousand`.
#[test]
#[ignore = "it takes a minute"]
fn the_same_with_ten_thousand_requests() {
    let seed = env::var("CUTS_SEED").map_or(9, |seed| seed.parse().unwrap());
    for way in Way::ALL {
        println!("{way:?}, seed {seed}: {}", run(way, seed, 10_000));
    }
}
