//! `wechatpay man`: manual pages.

use std::fs;
use std::path::PathBuf;

use clap::CommandFactory as _;
use clap_mangen::Man;

use crate::exit::{Code, Result, io};
use crate::{Cli, help, output};

/// `wechatpay man`
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Read one:        wechatpay man bill | man -l -
Install them all: wechatpay man --to ~/.local/share/man/man1")]
pub(crate) struct Args {
    /// The command to write about [default: wechatpay itself]
    #[arg(value_name = "COMMAND")]
    command: Vec<String>,
    /// Write a page for each command into this folder
    #[arg(long, value_name = "FOLDER", conflicts_with = "command")]
    to: Option<PathBuf>,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    if let Some(folder) = &args.to {
        let failed = |error| io(Code::Usage, folder.display(), &error);
        fs::create_dir_all(folder).map_err(failed)?;
        return clap_mangen::generate_to(Cli::command(), folder).map_err(failed);
    }
    let mut page = Vec::new();
    Man::new(help::command(&args.command)?)
        .render(&mut page)
        .map_err(|error| io(Code::Bug, "the manual page", &error))?;
    output::bytes(&page)
}
