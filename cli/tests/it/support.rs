//! Starts the command with nothing of this machine's settings in it.

use std::io::{Seek as _, Write as _};
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

/// The command, with these settings of this sandbox in the environment and no others.
pub(crate) fn wechatpay_with(sandbox: &Sandbox, names: &[&str], arguments: &[&str]) -> Command {
    let mut command = wechatpay(arguments);
    let settings = sandbox.environment().into_iter();
    command.envs(settings.filter(|(name, _)| names.contains(&name.as_str())));
    command
}

/// Runs it to its end, with this on its standard input.
pub(crate) fn run_with_input(mut command: Command, input: &[u8]) -> Outcome {
    let mut file = tempfile::tempfile().expect("a file");
    file.write_all(input).expect("it is written");
    file.rewind().expect("it is read from its start");
    command.stdin(file);
    run(command)
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

/// What differs from run to run, and what stands for it in a snapshot.
pub(crate) fn filters() -> Vec<(&'static str, &'static str)> {
    vec![
        (r"[0-9A-Za-z+/]{342}==", "SIGNATURE"),
        (r"127\.0\.0\.1:\d+", "127.0.0.1:PORT"),
        (r"\(os error \d+\)", "(os error N)"),
        (r"Request-I(?:D|d:) [0-9A-F]+-\d+", "Request-ID ID"),
        (r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ", "DATE"),
        (r"\b1[78]\d{8}\b", "SECONDS"),
        (r"\d+ s (before|after) now", "N s $1 now"),
        (
            r"\d+ s (behind|ahead of) the server's",
            "N s $1 the server's",
        ),
        (r"\\n[0-9A-Za-z]{32}\\n", r"\nNONCE\n"),
        (r"fits the \d+ bytes", "fits the N bytes"),
        (r"\b[0-9A-Za-z]{32}\b", "NONCE"),
        (r"within \d+ ms", "within MS ms"),
        (r"/[^ \n]*/wechatpay-cli-test-[0-9A-Za-z]+", "FOLDER"),
    ]
}

/// A folder of a test's own.
pub(crate) fn folder() -> tempfile::TempDir {
    tempfile::Builder::new()
        .prefix("wechatpay-cli-test-")
        .tempdir()
        .expect("a folder")
}

/// Compares all that a run of the command came to.
macro_rules! assert_shown {
    ($outcome:expr, @$expected:literal) => {
        insta::with_settings!({ filters => crate::support::filters(), prepend_module_to_snapshot => false }, {
            insta::assert_snapshot!($outcome.shown(), @$expected);
        });
    };
}
pub(crate) use assert_shown;

/// A terminal, and what was written to it.
#[cfg(unix)]
#[derive(Debug)]
pub(crate) struct Terminal {
    own: std::fs::File,
    /// The command's end.
    other: std::os::fd::OwnedFd,
}

#[cfg(unix)]
impl Terminal {
    pub(crate) fn new() -> Self {
        use rustix::fs::{Mode, OFlags, open};
        use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

        let own = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
        grantpt(&own).expect("it is this user's");
        unlockpt(&own).expect("it can be opened");
        let name = ptsname(&own, Vec::new()).expect("it has a name");
        let flags = OFlags::RDWR | OFlags::NOCTTY;
        let other = open(&*name, flags, Mode::empty()).expect("it is opened");
        Self {
            own: own.into(),
            other,
        }
    }

    /// The command's end, once more.
    fn end(&self) -> Stdio {
        self.other.try_clone().expect("a descriptor").into()
    }

    /// Runs a command in it to its end, and types this; the exit code and all that was written.
    pub(crate) fn run(mut self, mut command: Command, typed: &str) -> (Option<i32>, String) {
        use std::io::Read as _;

        command.env("TERM", "xterm");
        command
            .stdin(self.end())
            .stdout(self.end())
            .stderr(self.end());
        let mut child = command.spawn().expect("the command runs");
        // What the command holds is not this process's any more.
        drop(command);
        drop(self.other);
        self.own.write_all(typed.as_bytes()).expect("it is typed");
        let mut written = Vec::new();
        // A terminal whose other end is closed is an error to read from.
        let _ = self.own.read_to_end(&mut written);
        let code = child.wait().expect("it ends").code();
        let text = String::from_utf8(written).expect("UTF-8");
        (code, text.replace("\r\n", "\n"))
    }
}
