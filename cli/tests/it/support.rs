//! Starts the command with nothing of this machine's settings in it.

use std::process::{Command, Stdio};

use assert_cmd::cargo::cargo_bin;
use wechatpay_sandbox::Sandbox;

/// What a run of the command came to.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Outcome {
    /// All of it, for a snapshot: what differs from run to run is replaced.
    pub(crate) fn shown(&self) -> String {
        let Self {
            code,
            stdout,
            stderr,
        } = self;
        format!("exit {code}\n--- stdout\n{stdout}--- stderr\n{stderr}")
    }
}

/// The command, with no account and no configuration file.
pub(crate) fn wechatpay(arguments: &[&str]) -> Command {
    let mut command = Command::new(cargo_bin!("wechatpay"));
    command.args(arguments).env_clear().stdin(Stdio::null());
    // What a process needs on this system, and nothing that a setting could come from.
    for name in ["PATH", "TMPDIR", "SystemRoot", "LLVM_PROFILE_FILE"] {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    command
}

/// The command, with the account of this sandbox in the environment.
pub(crate) fn wechatpay_at(sandbox: &Sandbox, arguments: &[&str]) -> Command {
    let mut command = wechatpay(arguments);
    command.envs(sandbox.environment());
    command
}

/// Runs it to its end.
pub(crate) fn run(mut command: Command) -> Outcome {
    let output = command.output().expect("the command runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    Outcome {
        code: output.status.code().expect("no signal ended it"),
        stdout: text(output.stdout),
        stderr: text(output.stderr),
    }
}
