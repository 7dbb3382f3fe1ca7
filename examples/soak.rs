//! Whether a client's memory grows: very many requests with different paths, values and hosts, and
//! how much memory the process has after each tenth of them.
//!
//! `cargo run --release --example soak -- [requests] [hosts]`, where 200,000 take some minutes. The
//! client is a process of its own: this program once more. Memory is read from Linux's /proc.
//!
//! Of many hosts, what is remembered and what is connected to is bounded, so memory rises until those
//! bounds are reached, and no further.

#![expect(clippy::print_stdout, reason = "an example prints what it gets")]

use std::env;
use std::error::Error;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Instant;

use serde_json::json;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use wechatpay_chain::{Client, Request};
use wechatpay_sandbox::Sandbox;

/// Enough to see that it runs.
const REQUESTS: u64 = 2_000;
/// From how many on the growth decides.
const ENOUGH: u64 = 100_000;
/// How far the memory may rise in the second half, in kB: what the allocator needs to settle.
const LEEWAY: u64 = 4_096;

/// Hosts of their own, beside that of the sandbox.
const HOSTS: u64 = 4;
/// How many requests one host is among those asked before the next takes its place: what is
/// remembered is a host's, and what is open now is another matter.
const STRETCH: u64 = 400;
const IN_FLIGHT: usize = 32;

/// Tells the client from the program that starts it.
const CLIENT: &str = "--client";
const PORT: &str = "SOAK_PORT";
const HOST_COUNT: &str = "SOAK_HOSTS";

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    match (arguments.next(), arguments.next()) {
        (Some(client), Some(requests)) if client == CLIENT => soak(requests.parse()?),
        (None, _) => gateway(REQUESTS, HOSTS),
        (Some(requests), None) => gateway(requests.parse()?, HOSTS),
        (Some(requests), Some(hosts)) => gateway(requests.parse()?, hosts.parse()?),
    }
}

/// A sandbox behind TLS, and one behind plain http for each host of loopback.
fn gateway(requests: u64, hosts: u64) -> Result<(), Box<dyn Error>> {
    let runtime = Runtime::new()?;
    let [main, other] = [Sandbox::builder(), Sandbox::builder().plain()];
    let [main, other] = [main.keep(0), other.keep(0)];
    let [main, other] = [main.start_blocking()?, other.start_blocking()?];
    for sandbox in [&main, &other] {
        // Then a client needs the certificates of each host.
        if let Some(certificate) = sandbox.certificates().first() {
            sandbox.sign_with(certificate.serial())?;
        }
        sandbox.answer("GET", "/v3/soak/*", 200, json!({ "soaked": true }));
    }
    let port = runtime.block_on(relay(other.address()))?;
    let status = Command::new(env::current_exe()?)
        .args([CLIENT, &requests.to_string()])
        .envs(main.environment())
        .env_remove("WECHATPAY_CERTS")
        .env(PORT, port.to_string())
        .env(HOST_COUNT, hosts.to_string())
        .status()?;
    match status.success() {
        true => Ok(()),
        false => Err("the client failed".into()),
    }
}

/// Carries what comes to a port of any address of this machine on to `destination`.
async fn relay(destination: SocketAddr) -> Result<u16, Box<dyn Error>> {
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).await?;
    let port = listener.local_addr()?.port();
    tokio::spawn(async move {
        while let Ok((mut near, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut far = TcpStream::connect(destination).await?;
                copy_bidirectional(&mut near, &mut far).await
            });
        }
    });
    Ok(port)
}

/// The hosts beside the sandbox's own: addresses of this machine with this port.
#[derive(Clone, Copy)]
struct Others {
    port: u16,
    count: u64,
}

fn soak(requests: u64) -> Result<(), Box<dyn Error>> {
    let client = Client::from_env()?;
    let others = Others {
        port: env::var(PORT)?.parse()?,
        count: env::var(HOST_COUNT)?.parse::<u64>()?.max(1),
    };
    let next = Arc::new(AtomicU64::new(0));
    let started = Instant::now();
    println!("idle: {} kB", memory()?);
    let runtime = Runtime::new()?;
    let (mut first, mut middle) = (0, 0);
    for tenth in 1..=10 {
        let until = requests * tenth / 10;
        let take = || {
            let next = Arc::clone(&next);
            move || {
                let number = next.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |number| {
                    (number < until).then_some(number + 1)
                });
                number.ok()
            }
        };
        thread::scope(|scope| -> Result<(), Box<dyn Error>> {
            // One in eight by `.wait()`.
            let waiting: Vec<_> = (0..IN_FLIGHT / 8)
                .map(|_| {
                    let (client, take) = (&client, take());
                    scope.spawn(move || {
                        while let Some(number) = take() {
                            request(client, number, others).wait()?;
                        }
                        Ok::<_, wechatpay_chain::Error>(())
                    })
                })
                .collect();
            runtime.block_on(async {
                let tasks: Vec<_> = (0..IN_FLIGHT - IN_FLIGHT / 8)
                    .map(|_| {
                        let (client, take) = (client.clone(), take());
                        tokio::spawn(async move {
                            while let Some(number) = take() {
                                request(&client, number, others).await?;
                            }
                            Ok::<_, wechatpay_chain::Error>(())
                        })
                    })
                    .collect();
                for task in tasks {
                    task.await??;
                }
                Ok::<_, Box<dyn Error>>(())
            })?;
            for thread in waiting {
                thread.join().map_err(|_| "a thread panicked")??;
            }
            Ok(())
        })?;
        let memory = memory()?;
        if tenth == 1 {
            first = memory;
        }
        if tenth <= 5 {
            middle = memory;
        }
        let took = started.elapsed();
        let grown = memory.saturating_sub(first);
        println!(
            "{until} requests: {memory} kB, {grown} kB more than after the first tenth, {took:.0?}"
        );
        if requests >= ENOUGH && memory > middle + LEEWAY {
            return Err("memory grows".into());
        }
    }
    Ok(())
}

/// No two are alike: the value in the body, in the path or in the query, or the host.
fn request(client: &Client, number: u64, others: Others) -> Request {
    match number % 8 {
        0 => client.chain(format!("v3/soak/path-{number}")).get(),
        1 => client.chain("v3/soak").segment(number.to_string()).get(),
        2 => {
            let request = client.chain("v3/soak/{number}").get();
            request.var("number", number).query([("also", number)])
        }
        3 => client["v3/soak/literal"].get().query([("number", number)]),
        4 => {
            let Others { port, count } = others;
            let host = number / STRETCH % count + 1;
            let base_uri = format!("http://127.0.{}.{}:{port}/", host / 200 + 1, host % 200 + 1);
            coupon(client, number).base_uri(base_uri)
        }
        _ => coupon(client, number),
    }
}

fn coupon(client: &Client, number: u64) -> Request {
    let send = client.v3().marketing().busifavor().product_coupons().send();
    send.post(json!({
        "openid": "xsd3434454567676", "appid": "wx1234567889999", "stock_id": "12312354",
        "out_request_no": number.to_string(), "coupon_type": "NORMAL",
    }))
}

/// What this process has in memory, in kB.
fn memory() -> Result<u64, Box<dyn Error>> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let line = line.ok_or("no VmRSS in /proc/self/status")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}
