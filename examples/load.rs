//! What a signed and verified request costs: `cargo run --release -p wechatpay-cli --example load -- --help`.
//!
//! The sandbox runs in a process of its own, with TLS. In turns, so that a noisy machine is noisy to
//! all of them, the program measures
//!
//! - one raw signature and one raw verification,
//! - the same request over a bare blocking socket of rustls, signed and verified, one after another,
//! - the client's requests, so many at a time.
//!
//! It prints the median of the rounds. CPU time is this process's own. `taskset -c 0` in front puts both
//! processes on one core, where a figure differs least from run to run. Without `-p wechatpay-cli` the
//! root package's tests lend tokio their clock that can be moved, which costs the client some 60 µs
//! at one request at a time.

#![allow(
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a program for the terminal"
)]

use std::error::Error;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use clap::{Parser, ValueEnum};
use rustix::time::{ClockId, clock_gettime};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::{Map, Value, json};
use tokio::runtime::Runtime;
use wechatpay_chain::rsa::{PrivateKey, PublicKey};
use wechatpay_chain::{Client, formatter};
use wechatpay_sandbox::{Misbehaviour, Sandbox};

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

const PATH: &str = "v3/marketing/busifavor/product-coupons/send";

/// What a signed and verified request costs, beside the cryptography in it
#[derive(Clone, Debug, Parser)]
struct Arguments {
    /// Requests of each round
    #[arg(long, default_value_t = 200)]
    requests: u64,
    /// Requests at a time
    #[arg(long, default_value_t = 32)]
    in_flight: u64,
    /// Threads of the client's runtime
    #[arg(long, default_value_t = 1)]
    threads: usize,
    /// Version of HTTP
    #[arg(long, value_enum, default_value_t)]
    http: Version,
    /// Rounds, of which the median is shown
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Milliseconds that the sandbox waits before each answer
    #[arg(long, default_value_t = 0)]
    delay: u64,
    /// Only the client: the peak of its memory is then the client's alone
    #[arg(long)]
    client_only: bool,
    /// Be the sandbox of another process
    #[arg(long, hide = true)]
    sandbox: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Version {
    #[value(name = "1.1")]
    One,
    #[default]
    #[value(name = "2")]
    Two,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    if arguments.sandbox {
        return serve(&arguments);
    }
    let gateway = Gateway::start()?;
    let client = gateway.client()?;
    let runtime = runtime(arguments.threads)?;
    // The pool is filled before anything is measured.
    runtime.block_on(calls(&client, arguments.in_flight, arguments.in_flight))?;
    let mut bare = Bare::connect(&gateway)?;
    let mut rounds = Vec::new();
    for _ in 0..arguments.rounds.max(1) {
        let (raw, socket) = if arguments.client_only {
            (Duration::ZERO, Duration::ZERO)
        } else {
            let raw = cpu(arguments.requests, || bare.sign_and_verify())?;
            (raw, cpu(arguments.requests, || bare.request())?)
        };
        let started = Instant::now();
        let before = cpu_time();
        let latencies = calls(&client, arguments.requests, arguments.in_flight);
        let latencies = runtime.block_on(latencies)?;
        rounds.push(Round {
            raw,
            socket,
            client: per(cpu_time() - before, arguments.requests),
            elapsed: started.elapsed(),
            latencies,
        });
    }
    report(&arguments, &rounds);
    Ok(())
}

/// What one round came to. Times are CPU time a request, but for `elapsed`.
struct Round {
    raw: Duration,
    socket: Duration,
    client: Duration,
    elapsed: Duration,
    latencies: Vec<Duration>,
}

fn report(arguments: &Arguments, rounds: &[Round]) {
    let of = |value: fn(&Round) -> f64| {
        let mut values: Vec<f64> = rounds.iter().map(value).collect();
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    let micros = |value: Duration| value.as_secs_f64() * 1e6;
    let (raw, socket, client) = (
        of(|round| round.raw.as_secs_f64() * 1e6),
        of(|round| round.socket.as_secs_f64() * 1e6),
        of(|round| round.client.as_secs_f64() * 1e6),
    );
    let mut latencies: Vec<Duration> = rounds
        .iter()
        .flat_map(|round| round.latencies.clone())
        .collect();
    latencies.sort();
    let percentile = |share: usize| micros(latencies[(latencies.len() - 1) * share / 100]) / 1e3;
    if !arguments.client_only {
        println!("CPU, one raw signature and verification  {raw:8.1} µs");
        println!(
            "CPU, a request over a bare socket        {socket:8.1} µs   {:.3} of raw",
            socket / raw
        );
    }
    print!("CPU, a request of the client             {client:8.1} µs");
    if arguments.client_only {
        println!();
    } else {
        println!(
            "   {:.3} of raw, {:.3} of bare",
            client / raw,
            client / socket
        );
    }
    let elapsed = of(|round| round.elapsed.as_secs_f64());
    println!(
        "{} in flight, threads: {}, HTTP/{}: {:.0} requests/s, p50 {:.2} ms, p99 {:.2} ms",
        arguments.in_flight,
        arguments.threads,
        if arguments.http == Version::One {
            "1.1"
        } else {
            "2"
        },
        arguments.requests as f64 / elapsed,
        percentile(50),
        percentile(99),
    );
    if let Some(peak) = peak_memory() {
        println!("peak memory of this process: {peak}");
    }
}

/// Makes `count` requests, `in_flight` at a time, and tells how long each took.
async fn calls(client: &Client, count: u64, in_flight: u64) -> Result<Vec<Duration>> {
    let next = Arc::new(AtomicU64::new(0));
    let tasks: Vec<_> = (0..in_flight)
        .map(|_| {
            let (client, next) = (client.clone(), Arc::clone(&next));
            tokio::spawn(async move {
                let mut latencies = Vec::new();
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= count {
                        return Ok::<_, wechatpay_chain::Error>(latencies);
                    }
                    let started = Instant::now();
                    let response = client[PATH].post(body(number)).await?;
                    latencies.push(started.elapsed());
                    assert!(response.verified());
                }
            })
        })
        .collect();
    let mut latencies = Vec::new();
    for task in tasks {
        latencies.extend(task.await??);
    }
    Ok(latencies)
}

fn body(number: u64) -> Value {
    json!({
        "openid": "xsd3434454567676", "appid": "wx1234567889999", "stock_id": "12312354",
        "out_request_no": number.to_string(), "coupon_code": "202007019999",
        "coupon_type": "NORMAL", "member_card_id": "pbLatjvWOibDc5-TBnbUk1pD12o0",
    })
}

/// One connection, one request after the other, and nothing that a client is more than this.
struct Bare {
    stream: BufReader<StreamOwned<ClientConnection, TcpStream>>,
    host: String,
    mchid: String,
    serial: String,
    private: PrivateKey,
    public: PublicKey,
    /// Of the pair whose private half is at hand, for the raw figure.
    own: PublicKey,
    number: u64,
}

impl Bare {
    fn connect(gateway: &Gateway) -> Result<Self> {
        let base = gateway.setting("WECHATPAY_BASE_URI")?;
        let host = base.trim_start_matches("https://").trim_end_matches('/');
        let mut roots = RootCertStore::empty();
        let root = gateway.setting("WECHATPAY_CA")?;
        roots.add(CertificateDer::from_pem_slice(root.as_bytes())?)?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::try_from("127.0.0.1")?;
        let socket = TcpStream::connect(host)?;
        socket.set_nodelay(true)?;
        let session = ClientConnection::new(Arc::new(config), name)?;
        let certs = gateway.setting("WECHATPAY_CERTS")?;
        let (_, public) = certs.split_once('=').ok_or("no platform key")?;
        let certificate = gateway.setting("WECHATPAY_MERCHANT_CERT")?;
        Ok(Self {
            stream: BufReader::new(StreamOwned::new(session, socket)),
            host: host.to_owned(),
            mchid: gateway.setting("WECHATPAY_MCHID")?.to_owned(),
            serial: gateway.setting("WECHATPAY_SERIAL")?.to_owned(),
            private: PrivateKey::from_pem(gateway.setting("WECHATPAY_PRIVATE_KEY")?)?,
            public: PublicKey::from_pem(public)?,
            own: PublicKey::from_pem(certificate)?,
            number: 0,
        })
    }

    fn sign_and_verify(&mut self) -> Result<()> {
        self.number += 1;
        let message = body(self.number).to_string();
        let signature = self.private.sign(&message);
        if self.own.verify(&message, &signature) {
            Ok(())
        } else {
            Err("a signature that does not verify".into())
        }
    }

    fn request(&mut self) -> Result<()> {
        self.number += 1;
        let body = body(self.number).to_string();
        let (timestamp, nonce) = (formatter::timestamp().to_string(), formatter::nonce());
        let target = format!("/{PATH}");
        let message = formatter::request("POST", &target, &timestamp, &nonce, &body);
        let signature = self.private.sign(message);
        let authorization =
            formatter::authorization(&self.mchid, &nonce, &signature, &timestamp, &self.serial);
        let request = format!(
            "POST {target} HTTP/1.1\r\nHost: {}\r\nUser-Agent: bare\r\nAccept: application/json\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\nAuthorization: {authorization}\r\n\r\n{body}",
            self.host,
            body.len(),
        );
        self.stream.get_mut().write_all(request.as_bytes())?;
        let (mut timestamp, mut nonce, mut signature, mut length) = Default::default();
        loop {
            let mut line = String::new();
            self.stream.read_line(&mut line)?;
            let Some((name, value)) = line.trim_end().split_once(": ") else {
                if line == "\r\n" {
                    break;
                }
                continue;
            };
            let field: &mut String = match name.to_ascii_lowercase().as_str() {
                "wechatpay-timestamp" => &mut timestamp,
                "wechatpay-nonce" => &mut nonce,
                "wechatpay-signature" => &mut signature,
                "content-length" => &mut length,
                _ => continue,
            };
            value.clone_into(field);
        }
        let mut answer = vec![0; length.parse()?];
        self.stream.read_exact(&mut answer)?;
        let answer = String::from_utf8(answer)?;
        let message = formatter::response(&timestamp, &nonce, &answer);
        if self.public.verify(message, &signature) {
            Ok(())
        } else {
            Err(format!("an answer that does not verify: {answer}").into())
        }
    }
}

/// The sandbox in a process of its own, which ends with this.
struct Gateway {
    child: Child,
    settings: Map<String, Value>,
    /// It ends when this closes, whatever becomes of this process.
    _open: Option<ChildStdin>,
}

impl Gateway {
    fn start() -> Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(std::env::args_os().skip(1))
            .arg("--sandbox")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        let output = child.stdout.take().ok_or("no output")?;
        BufReader::new(output).read_line(&mut line)?;
        Ok(Self {
            settings: serde_json::from_str(&line)?,
            _open: child.stdin.take(),
            child,
        })
    }

    fn setting(&self, name: &str) -> Result<&str> {
        let value = self.settings.get(name).and_then(Value::as_str);
        value.ok_or_else(|| format!("the sandbox did not say {name}").into())
    }

    fn client(&self) -> Result<Client> {
        let certs = self.setting("WECHATPAY_CERTS")?;
        let (serial, key) = certs.split_once('=').ok_or("no platform key")?;
        let client = Client::builder()
            .mchid(self.setting("WECHATPAY_MCHID")?)
            .serial(self.setting("WECHATPAY_SERIAL")?)
            .private_key(self.setting("WECHATPAY_PRIVATE_KEY")?)
            .cert(serial, key)
            .base_uri(self.setting("WECHATPAY_BASE_URI")?)
            .root_certificate(self.setting("WECHATPAY_CA")?)
            .build()?;
        Ok(client)
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What the sandbox's process does: tell the settings, and wait for the other one to end.
fn serve(arguments: &Arguments) -> Result<()> {
    let mut builder = Sandbox::builder().keep(1);
    if arguments.http == Version::One {
        builder = builder.http1_only();
    }
    let sandbox = builder.start_blocking()?;
    if arguments.delay > 0 {
        let delay = Duration::from_millis(arguments.delay);
        sandbox.misbehave_always(Misbehaviour::Delay(delay));
    }
    let settings = sandbox.environment().into_iter();
    let settings: Map<String, Value> = settings.map(|(name, value)| (name, json!(value))).collect();
    println!("{}", Value::Object(settings));
    // It returns when the other process closes its end.
    let _ = std::io::stdin().read(&mut [0])?;
    Ok(())
}

fn runtime(threads: usize) -> Result<Runtime> {
    let mut builder = if threads <= 1 {
        tokio::runtime::Builder::new_current_thread()
    } else {
        tokio::runtime::Builder::new_multi_thread()
    };
    Ok(builder
        .worker_threads(threads.max(1))
        .enable_all()
        .build()?)
}

/// The CPU time of each of `count` runs.
fn cpu(count: u64, mut run: impl FnMut() -> Result<()>) -> Result<Duration> {
    let before = cpu_time();
    for _ in 0..count {
        run()?;
    }
    Ok(per(cpu_time() - before, count))
}

fn per(time: Duration, count: u64) -> Duration {
    time.div_f64(count.max(1) as f64)
}

/// The CPU time of this process, all threads together.
fn cpu_time() -> Duration {
    let now = clock_gettime(ClockId::ProcessCPUTime);
    let seconds = u64::try_from(now.tv_sec).unwrap_or_default();
    Duration::new(seconds, u32::try_from(now.tv_nsec).unwrap_or_default())
}

/// As Linux tells it.
fn peak_memory() -> Option<String> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    Some(
        line.split_whitespace()
            .skip(1)
            .collect::<Vec<_>>()
            .join(" "),
    )
}
