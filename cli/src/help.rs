//! `wechatpay help`: the help of a command, and pages about what is common to all.

use std::fmt::Write as _;

use clap::{Command, CommandFactory as _};

use crate::exit::{Code, Failure, Result};
use crate::{Cli, meant, output};

/// `wechatpay help`
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A command and what stands behind it, or a page: exit-codes, environment
    #[arg(value_name = "COMMAND")]
    topic: Vec<String>,
}

/// A page that is about no command.
struct Page {
    name: &'static str,
    about: &'static str,
    text: fn() -> String,
}

const PAGES: [Page; 2] = [
    Page {
        name: "exit-codes",
        about: "What the exit code of a command says",
        text: exit_codes,
    },
    Page {
        name: "environment",
        about: "The variables that commands read",
        text: environment,
    },
];

pub(crate) fn run(args: &Args) -> Result<()> {
    let page = PAGES.iter().find(|page| args.topic == [page.name]);
    if let Some(page) = page {
        return output::line((page.text)().trim_end());
    }
    let mut command = command(&args.topic)?;
    let help = command.render_long_help();
    let mut text = help.ansi().to_string();
    if args.topic.is_empty() {
        text.push_str("\nPages of wechatpay help:\n");
        for Page { name, about, .. } in PAGES {
            let _ = writeln!(text, "  {name:<13}{about}");
        }
    }
    output::line(text.trim_end())
}

/// The command that these words name, ready to be shown.
pub(crate) fn command(words: &[String]) -> Result<Command> {
    let mut command = Cli::command();
    command.build();
    let mut path = String::from("wechatpay");
    for word in words {
        let Some(next) = command.find_subcommand(word) else {
            return Err(unknown(&path, &command, word));
        };
        command = next.clone();
        path.push(' ');
        path.push_str(word);
    }
    Ok(command)
}

fn unknown(path: &str, command: &Command, word: &str) -> Failure {
    let commands = command.get_subcommands().map(Command::get_name);
    let pages = PAGES.iter().map(|page| page.name);
    let pages = pages.filter(|_| path == "wechatpay");
    match meant::word(word, commands.chain(pages)) {
        Some(near) => Failure::usage(format_args!("{path} has no {word}; probably meant: {near}")),
        None => Failure::usage(format_args!("{path} has no {word}; see {path} --help")),
    }
}

fn exit_codes() -> String {
    let rows = [
        (None, "done"),
        (
            Some(Code::Bug),
            "a mistake of this program, or of the machine under it",
        ),
        (
            Some(Code::Usage),
            "the command line, an item or a body can't be used; nothing was sent",
        ),
        (
            Some(Code::Configuration),
            "a setting or a key is missing, damaged, or contradicts another;\nnothing was sent",
        ),
        (Some(Code::Refused), "the answer was a 4xx, or APIv2's FAIL"),
        (Some(Code::ServerError), "the answer was a 5xx"),
        (
            Some(Code::NotSent),
            "no answer came, and the request provably did not arrive:\nit may be repeated",
        ),
        (
            Some(Code::Unknown),
            "no answer came, and the request may have arrived:\nquery before you repeat it",
        ),
        (
            Some(Code::NotTrusted),
            "an answer or a notification can't be trusted, or read:\nfor a payment this is as unknown as 7",
        ),
        (Some(Code::Interrupted), "interrupted by Ctrl-C"),
    ];
    let mut text = String::from("What the exit code of wechatpay says:\n\n");
    for (code, meaning) in rows {
        let code = code.map_or(0, |code| code as u8);
        for (number, line) in meaning.lines().enumerate() {
            let _ = match number {
                0 => writeln!(text, "{code:>5}  {line}"),
                _ => writeln!(text, "       {line}"),
            };
        }
    }
    text.push_str(
        "\nwechatpay sandbox run ends with the code of the command that it ran. With --json the\n\
         reason is one line of JSON on standard error: {\"error\":…,\"exit\":…}.\n",
    );
    text
}

fn environment() -> String {
    String::from(
        "\
The variables that commands read. A flag comes before them, a profile after.

  WECHATPAY_MCHID          merchant number
  WECHATPAY_SERIAL         serial number of the merchant certificate
  WECHATPAY_PRIVATE_KEY    the merchant's private key
  WECHATPAY_MERCHANT_CERT  the merchant's certificate
  WECHATPAY_CERTS          WeChat Pay's keys: SERIAL=KEY, separated by commas
  WECHATPAY_APIV3_KEY      the APIv3 key
  WECHATPAY_SECRET         the APIv2 key
  WECHATPAY_BASE_URI       where requests go, if not to api.mch.weixin.qq.com
  WECHATPAY_CA             a root certificate to trust beside the built-in ones
  WECHATPAY_CONFIG         the configuration file
  WECHATPAY_PROFILE        the section of it to use, if not default
  NO_COLOR                 anything: no colours

A key or a certificate is PEM text or file:///absolute/path.
",
    )
}
