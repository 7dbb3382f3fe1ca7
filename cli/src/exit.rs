//! How a command ends: its exit code, and what is said on standard error.

use std::fmt;
use std::process::ExitCode;

use wechatpay_chain::Error;

use crate::words;

/// Why a command did not do what it was asked, by its exit code: see `wechatpay help exit-codes`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Code {
    /// A mistake of this program, or of the machine under it: a disk that is full, say.
    Bug = 1,
    /// The command line, an item or a body can't be used. Nothing was sent.
    Usage = 2,
    /// A setting or a key is missing, damaged or contradicts another. Nothing was sent.
    Configuration = 3,
    /// WeChat Pay answered with a 4xx, or APIv2 with a FAIL.
    Refused = 4,
    /// WeChat Pay answered with a 5xx.
    ServerError = 5,
    /// No answer came, and the request provably did not arrive.
    NotSent = 6,
    /// No answer came, and the request may have arrived.
    Unknown = 7,
    /// An answer or a notification can't be trusted, or read.
    NotTrusted = 8,
    /// Interrupted by Ctrl-C.
    Interrupted = 130,
}

/// Why a command did not do what it was asked.
#[derive(Debug)]
pub(crate) struct Failure {
    code: u8,
    /// One line, or a few; nothing where the reason was shown already.
    message: String,
}

pub(crate) type Result<T, E = Failure> = std::result::Result<T, E>;

impl Failure {
    pub(crate) fn new(code: Code, message: impl fmt::Display) -> Self {
        Self {
            code: code as u8,
            message: message.to_string(),
        }
    }

    pub(crate) fn usage(message: impl fmt::Display) -> Self {
        Self::new(Code::Usage, message)
    }

    /// Ends with a code of another program's, which has said why.
    pub(crate) fn of_child(code: u8) -> Self {
        Self {
            code,
            message: String::new(),
        }
    }

    /// Ends with this code and no word more: the command has shown why.
    pub(crate) fn shown(code: Code) -> Self {
        Self::of_child(code as u8)
    }

    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    pub(crate) fn code(&self) -> u8 {
        self.code
    }
}

impl From<Failure> for ExitCode {
    fn from(failure: Failure) -> Self {
        Self::from(failure.code)
    }
}

/// A failure of the SDK, told by what may have happened to the money.
impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let code = match &error {
            Error::Config(_) | Error::Key(_) => Code::Configuration,
            Error::Request(_) | Error::Template(_) => Code::Usage,
            Error::Api(answer) if answer.status().is_server_error() => Code::ServerError,
            Error::Api(_) => Code::Refused,
            Error::Redirect(_) | Error::Verify(_) | Error::Decode(_) => Code::NotTrusted,
            _ if error.may_have_been_sent() => Code::Unknown,
            _ => Code::NotSent,
        };
        Self::new(code, words::of(&error))
    }
}

/// A file, a folder or a pipe that can't be read or written.
pub(crate) fn io(code: Code, what: impl fmt::Display, error: &std::io::Error) -> Failure {
    Failure::new(code, format_args!("{what}: {error}"))
}
