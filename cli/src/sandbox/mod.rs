//! `wechatpay sandbox`: a WeChat Pay on this machine.

mod files;
mod own;
mod paste;
mod running;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Stdio;

use clap::Subcommand;
#[cfg(unix)]
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use tokio::runtime::Runtime;
use wechatpay_sandbox::{PlatformCertificate, Sandbox};

pub(crate) use self::files::Files;
pub(crate) use self::own::Own;
use self::running::{Clock, Fail, Notify, Pay, Running, Tail, Wait};
use crate::Globals;
use crate::exit::{Code, Failure, Result, io};
use crate::output;

/// `wechatpay sandbox` and what can be said behind it.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Args {
    #[command(flatten)]
    options: Options,
    #[command(subcommand)]
    action: Option<Action>,
}

/// How it is to be.
#[derive(Debug, clap::Args)]
struct Options {
    /// The port on 127.0.0.1; 0 is a free one
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Speak TLS, and be a proxy (HTTPS_PROXY) to WeChat Pay's hosts, which end here
    #[arg(long)]
    tls: bool,
    /// Sign with a platform certificate instead of the public key
    #[arg(long)]
    certificates: bool,
    /// Have everything random follow this number
    #[arg(long, value_name = "NUMBER")]
    seed: Option<u64>,
    /// A merchant more, beside the first; repeatable
    #[arg(long, value_name = "MCHID")]
    merchant: Vec<String>,
    /// Notify the servers of this name, too, which need not be on loopback; repeatable
    #[arg(long, value_name = "HOST")]
    allow_notify: Vec<String>,
    /// Where the keys and certificates are written [default: a folder that goes with the sandbox]
    #[arg(long, value_name = "FOLDER")]
    keys_to: Option<PathBuf>,
    #[command(flatten)]
    own: Own,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Start one on a free port, run a command with WECHATPAY_* set, and end with its exit code
    Run(RunArgs),
    /// Wait until a sandbox answers
    Wait(Wait),
    /// Pay an order, as its user would
    Pay(Pay),
    /// Fail to pay an order, as its user might
    Fail(Fail),
    /// Have a notification of any event sent
    Notify(Notify),
    /// Show the sandbox's clock, or move it ahead
    Clock(Clock),
    /// Forget orders, refunds, coupons and the record
    Reset(Running),
    /// Show the requests as they come in
    Tail(Tail),
}

/// `wechatpay sandbox run`
#[derive(Debug, clap::Args)]
struct RunArgs {
    #[command(flatten)]
    options: Options,
    /// The command and its arguments
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    command: Vec<OsString>,
}

pub(crate) fn run(args: Args, globals: &Globals) -> Result<()> {
    match args.action {
        None => serve(&args.options, globals),
        Some(Action::Run(args)) => run_command(args),
        Some(Action::Wait(args)) => args.run(),
        Some(Action::Pay(args)) => args.run(),
        Some(Action::Fail(args)) => args.run(),
        Some(Action::Notify(args)) => args.run(),
        Some(Action::Clock(args)) => args.run(),
        Some(Action::Reset(args)) => args.reset(),
        Some(Action::Tail(args)) => args.run(globals),
    }
}

impl Options {
    fn start(&self) -> Result<Sandbox> {
        let mut builder = Sandbox::builder().port(self.port);
        if !self.tls {
            builder = builder.plain();
        }
        if let Some(seed) = self.seed {
            builder = builder.seed(seed);
        }
        for mchid in &self.merchant {
            builder = builder.merchant(mchid);
        }
        for host in &self.allow_notify {
            builder = builder.allow_notify(host);
        }
        let sandbox = self.own.add(builder)?.start_blocking().map_err(|error| {
            if error.kind() == std::io::ErrorKind::InvalidInput {
                return self.own.refused(&error);
            }
            let code = match error.kind() {
                std::io::ErrorKind::AddrInUse | std::io::ErrorKind::PermissionDenied => Code::Usage,
                _ => Code::Bug,
            };
            io(
                code,
                format_args!("port {} of 127.0.0.1", self.port),
                &error,
            )
        })?;
        if let Some(certificate) = self.signing(&sandbox) {
            sandbox
                .sign_with(certificate.serial())
                .map_err(|error| io(Code::Bug, "a platform certificate", &error))?;
        }
        Ok(sandbox)
    }

    /// The certificate that signs, where it isn't the public key.
    fn signing(&self, sandbox: &Sandbox) -> Option<PlatformCertificate> {
        let certificates = sandbox.certificates().into_iter();
        certificates.take(usize::from(self.certificates)).next()
    }

    /// The variables for a client of this sandbox.
    fn environment(&self, sandbox: &Sandbox) -> Vec<(String, String)> {
        let mut variables = sandbox.environment();
        if let Some(certificate) = self.signing(sandbox) {
            for (name, value) in &mut variables {
                if name == "WECHATPAY_CERTS" {
                    *value = format!("{}={}", certificate.serial(), certificate.pem());
                }
            }
        }
        variables
    }
}

/// Starts one, says what a program needs to know, and waits for Ctrl-C.
fn serve(options: &Options, globals: &Globals) -> Result<()> {
    let sandbox = options.start()?;
    let files = Files::write(&sandbox, &options.own, options.keys_to.as_deref())?;
    let runtime = runtime()?;
    // Before anybody is told that it is ready, and may end it.
    let mut ending = runtime.block_on(async { Ending::listen() }).map_err(deaf)?;
    if globals.json {
        let shown = |variable, key| (!options.own.hides(variable)).then_some(key);
        let environment: serde_json::Map<_, _> = options
            .environment(&sandbox)
            .into_iter()
            .filter(|(name, _)| !options.own.hides(name))
            .map(|(name, value)| (name, json!(value)))
            .collect();
        output::json_line(&json!({
            "base_uri": sandbox.base_uri(),
            "proxy": options.tls.then(|| paste::proxy(&sandbox)),
            "mchid": sandbox.mchid(),
            "serial": sandbox.merchant_serial(),
            "platform_serial": sandbox.platform_serial(),
            "apiv3_key": shown("WECHATPAY_APIV3_KEY", sandbox.apiv3_key()),
            "secret": shown("WECHATPAY_SECRET", sandbox.secret()),
            "files": files.json(),
            "environment": environment,
        }))?;
    } else {
        output::line(paste::everything(&sandbox, &files))?;
    }
    runtime.block_on(ending.heard());
    output::say("the sandbox has ended");
    Ok(())
}

/// Starts one and runs a command that finds it.
fn run_command(args: RunArgs) -> Result<()> {
    let sandbox = args.options.start()?;
    let Options { own, keys_to, .. } = &args.options;
    let files = Files::write(&sandbox, own, keys_to.as_deref())?;
    let Some((program, rest)) = args.command.split_first() else {
        return Err(Failure::usage("no command was given"));
    };
    let ended = runtime()?.block_on(async {
        let mut ending = Ending::listen().map_err(deaf)?;
        let mut command = tokio::process::Command::new(program);
        command
            .args(rest)
            .envs(args.options.environment(&sandbox))
            .env("WECHATPAY_SANDBOX", files.folder())
            .stdin(Stdio::inherit());
        if args.options.tls {
            command.envs(paste::proxy_environment(&sandbox, &files));
        }
        let mut child = command.spawn().map_err(|error| {
            let program = program.to_string_lossy();
            io(Code::Usage, format_args!("{program} can't be run"), &error)
        })?;
        // The command ends as it likes; then this does.
        let id = child.id();
        let ended = loop {
            tokio::select! {
                ended = child.wait() => break ended,
                () = ending.pass_on(id) => {}
            }
        };
        ended.map_err(|error| io(Code::Bug, "waiting for the command", &error))
    })?;
    match exit_code(ended) {
        0 => Ok(()),
        code => Err(Failure::of_child(code)),
    }
}

/// Ctrl-C, and whatever else asks a program on this system to end: heard from when this is made. Not
/// SIGHUP: who listens for it is no longer deaf to it as `nohup` had wanted.
#[cfg(unix)]
struct Ending {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Ending {
    fn listen() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};

        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    async fn heard(&mut self) -> Signal {
        tokio::select! {
            _ = self.interrupt.recv() => Signal::INT,
            _ = self.terminate.recv() => Signal::TERM,
        }
    }

    /// Tells a command what was heard, but for Ctrl-C, which a terminal says to all that runs in it.
    async fn pass_on(&mut self, command: Option<u32>) {
        let signal = self.heard().await;
        let id = command.and_then(|id| Pid::from_raw(id.cast_signed()));
        if let Some(id) = id.filter(|_| signal != Signal::INT) {
            // It may have ended this moment.
            let _ = kill_process(id, signal);
        }
    }
}

#[cfg(not(unix))]
struct Ending(tokio::signal::windows::CtrlC);

#[cfg(not(unix))]
impl Ending {
    fn listen() -> std::io::Result<Self> {
        tokio::signal::windows::ctrl_c().map(Self)
    }

    async fn heard(&mut self) {
        self.0.recv().await;
    }

    async fn pass_on(&mut self, _command: Option<u32>) {
        self.heard().await;
    }
}

fn deaf(error: std::io::Error) -> Failure {
    io(Code::Bug, "listening for Ctrl-C", &error)
}

/// What a shell would say: 128 and the number of the signal that ended it.
fn exit_code(status: std::process::ExitStatus) -> u8 {
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        return u8::try_from(128 + signal).unwrap_or(u8::MAX);
    }
    let code = status.code().unwrap_or(1);
    u8::try_from(code).unwrap_or(u8::MAX)
}

/// Of this command's own: the sandbox has another.
fn runtime() -> Result<Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| io(Code::Bug, "no runtime", &error))
}
