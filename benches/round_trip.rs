//! CPU time of this process for one signed and verified round trip of the seed's request, over TLS
//! to a sandbox in another process; and for one raw signature plus one raw verification beside it.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a benchmark fails by panicking, and its gateway tells its settings by standard output"
)]

use std::collections::HashMap;
use std::env;
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use criterion::measurement::{Measurement, ValueFormatter, WallTime};
use criterion::{Criterion, criterion_group};
use rustix::time::{ClockId, clock_gettime};
use serde_json::{Value, json};
use wechatpay_chain::Client;
use wechatpay_chain::rsa::{PrivateKey, PublicKey};
use wechatpay_sandbox::Sandbox;

const GATEWAY: &str = "ROUND_TRIP_GATEWAY";

/// CPU time of the whole process.
struct CpuTime;

impl CpuTime {
    fn now() -> Duration {
        let now = clock_gettime(ClockId::ProcessCPUTime);
        Duration::new(
            now.tv_sec.try_into().unwrap(),
            now.tv_nsec.try_into().unwrap(),
        )
    }
}

impl Measurement for CpuTime {
    type Intermediate = Duration;
    type Value = Duration;

    fn start(&self) -> Duration {
        Self::now()
    }

    fn end(&self, started: Duration) -> Duration {
        Self::now() - started
    }

    fn add(&self, one: &Duration, other: &Duration) -> Duration {
        *one + *other
    }

    fn zero(&self) -> Duration {
        Duration::ZERO
    }

    fn to_f64(&self, value: &Duration) -> f64 {
        WallTime.to_f64(value)
    }

    fn formatter(&self) -> &dyn ValueFormatter {
        WallTime.formatter()
    }
}

/// A sandbox in a process of its own, which ends when this is dropped.
struct Gateway {
    child: Child,
    settings: HashMap<String, String>,
}

impl Gateway {
    fn start() -> Self {
        let mut child = Command::new(env::current_exe().unwrap())
            .env(GATEWAY, "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let output = child.stdout.take().unwrap();
        BufReader::new(output).read_line(&mut line).unwrap();
        let settings = serde_json::from_str(&line).unwrap();
        Self { child, settings }
    }

    /// What the gateway's process does: tell the settings, and wait for the other one to end.
    fn serve() {
        let sandbox = Sandbox::start_blocking().unwrap();
        let settings: HashMap<_, _> = sandbox.environment().into_iter().collect();
        println!("{}", json!(settings));
        let _ = std::io::stdin().read(&mut [0]);
    }

    fn client(&self) -> Client {
        let (serial, key) = self.settings["WECHATPAY_CERTS"].split_once('=').unwrap();
        Client::builder()
            .mchid(&self.settings["WECHATPAY_MCHID"])
            .serial(&self.settings["WECHATPAY_SERIAL"])
            .private_key(&self.settings["WECHATPAY_PRIVATE_KEY"])
            .cert(serial, key)
            .base_uri(&self.settings["WECHATPAY_BASE_URI"])
            .root_certificate(&self.settings["WECHATPAY_CA"])
            .build()
            .unwrap()
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn body(number: u64) -> Value {
    json!({
        "openid": "xsd3434454567676", "appid": "wx1234567889999", "stock_id": "12312354",
        "out_request_no": number.to_string(), "coupon_code": "202007019999",
        "coupon_type": "NORMAL", "member_card_id": "pbLatjvWOibDc5-TBnbUk1pD12o0",
    })
}

async fn call(client: &Client, number: u64) {
    let send = &client["v3/marketing/busifavor/product-coupons/send"];
    let response = send.post(body(number)).await.unwrap();
    assert!(response.verified());
}

/// Makes `count` calls, `in_flight` at a time.
async fn calls(client: &Client, count: u64, in_flight: u64) {
    let next = Arc::new(AtomicU64::new(0));
    let tasks: Vec<_> = (0..in_flight)
        .map(|_| {
            let (client, next) = (client.clone(), Arc::clone(&next));
            tokio::spawn(async move {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= count {
                        break;
                    }
                    call(&client, number).await;
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
}

fn round_trips(criterion: &mut Criterion<CpuTime>) {
    let gateway = Gateway::start();
    let client = gateway.client();
    let private = PrivateKey::from_pem(&gateway.settings["WECHATPAY_PRIVATE_KEY"]).unwrap();
    let public = include_str!("../sandbox/keys/merchant.pub");
    let public = PublicKey::from_pem(public).unwrap();
    let mut group = criterion.benchmark_group("cpu");
    group.sample_size(20);
    group.measurement_time(Duration::from_secs(5));
    group.bench_function("raw signature and verification", |bencher| {
        let message = body(1).to_string();
        bencher.iter(|| {
            let signature = private.sign(&message);
            assert!(public.verify(&message, &signature));
        });
    });
    for (name, threads, in_flight) in [
        ("1 in flight, 1 thread", 1, 1),
        ("32 in flight, 1 thread", 1, 32),
        ("32 in flight, 2 threads", 2, 32),
    ] {
        let runtime = if threads == 1 {
            tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
        } else {
            let mut builder = tokio::runtime::Builder::new_multi_thread();
            builder.worker_threads(threads).enable_all().build()
        };
        let runtime = runtime.unwrap();
        group.bench_function(name, |bencher| {
            runtime.block_on(calls(&client, in_flight, in_flight));
            bencher.iter_custom(|count| {
                let started = CpuTime::now();
                runtime.block_on(calls(&client, count, in_flight));
                CpuTime::now() - started
            });
        });
    }
    group.bench_function("1 in flight, wait()", |bencher| {
        bencher.iter(|| {
            let send = &client["v3/marketing/busifavor/product-coupons/send"];
            assert!(send.post(body(1)).wait().unwrap().verified());
        });
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().with_measurement(CpuTime);
    targets = round_trips
}

fn main() {
    if env::var_os(GATEWAY).is_some() {
        return Gateway::serve();
    }
    benches();
    Criterion::default()
        .with_measurement(CpuTime)
        .configure_from_args()
        .final_summary();
}
