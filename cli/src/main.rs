//! The command `wechatpay`: keys, requests and notifications of WeChat Pay, and a sandbox for programs
//! in any language.

#![allow(
    rustdoc::bare_urls,
    rustdoc::broken_intra_doc_links,
    rustdoc::invalid_html_tags,
    reason = "doc comments are the command's help, in which a bracket is a bracket"
)]

mod account;
mod ask;
mod bill;
mod certs;
mod completions;
mod config;
mod doctor;
mod endpoints;
mod exit;
mod explain;
mod fields;
mod help;
mod input;
mod man;
mod meant;
mod output;
mod pay_params;
mod pretty;
mod progress;
mod report;
mod sandbox;
mod serial;
mod trigger;
mod upload;
mod verify;
mod wait;
mod when;
mod whole;
mod words;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::ask::Verb;
use crate::exit::Result;
use crate::output::Color;

/// WeChat Pay (微信支付) from a shell: keys, requests, notifications, and a sandbox
#[derive(Debug, Parser)]
#[command(name = "wechatpay", version, propagate_version = false)]
#[command(disable_help_subcommand = true)]
struct Cli {
    #[command(flatten)]
    globals: Globals,
    #[command(subcommand)]
    command: Command,
}

/// What every command takes.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Output")]
struct Globals {
    /// When to use colours
    #[arg(long, value_enum, value_name = "WHEN", default_value_t, global = true)]
    color: Color,
    /// One line of JSON instead of a text, for programs
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Ask for something
    Get(ask::Args),
    /// Create something, or have something done
    Post(ask::Args),
    /// Put something in the place of what is there
    Put(ask::Args),
    /// Change a part of something
    Patch(ask::Args),
    /// Delete something
    Delete(ask::Args),
    /// Fetch the platform certificates
    Certs(certs::Args),
    /// Check keys, clock and network
    Doctor(doctor::Args),
    /// Check a captured notification or answer
    Verify(verify::Args),
    /// A WeChat Pay on this machine, for tests of programs in any language
    Sandbox(sandbox::Args),
    /// Send a signed and encrypted notification to a program under development
    Trigger(trigger::Args),
    /// List the endpoints that the catalogue has, or those with a word in path or title
    Endpoints(endpoints::Args),
    /// Tell what the catalogue knows of an endpoint: fields, documentation, a JSON skeleton
    Explain(explain::Args),
    /// Fetch a bill, unpack it, and compare it with its digest
    Bill(bill::Args),
    /// Upload an image, a video or another file
    Upload(upload::Args),
    /// Sign what a front end needs to open the payment
    PayParams(pay_params::Args),
    /// Tell a certificate's serial number
    Serial(serial::Args),
    /// The configuration file, and the settings that a command would use
    Config(config::Args),
    /// Write completions for a shell, with the paths of the catalogue
    Completions(completions::Args),
    /// Write a manual page, or all of them
    Man(man::Args),
    /// Show the help of a command, or a page: exit-codes, environment
    Help(help::Args),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    cli.globals.color.apply();
    match run(cli.command, &cli.globals) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            output::failed(&failure, cli.globals.json);
            failure.into()
        }
    }
}

fn run(command: Command, globals: &Globals) -> Result<()> {
    match command {
        Command::Get(args) => ask::run(Verb::Get, &args, globals),
        Command::Post(args) => ask::run(Verb::Post, &args, globals),
        Command::Put(args) => ask::run(Verb::Put, &args, globals),
        Command::Patch(args) => ask::run(Verb::Patch, &args, globals),
        Command::Delete(args) => ask::run(Verb::Delete, &args, globals),
        Command::Certs(args) => certs::run(&args, globals),
        Command::Doctor(args) => doctor::run(&args, globals),
        Command::Verify(args) => verify::run(&args, globals),
        Command::Sandbox(args) => sandbox::run(args, globals),
        Command::Endpoints(args) => endpoints::run(&args, globals),
        Command::Explain(args) => explain::run(&args, globals),
        Command::Bill(args) => bill::run(args, globals),
        Command::Upload(args) => upload::run(&args, globals),
        Command::PayParams(args) => pay_params::run(&args, globals),
        Command::Serial(args) => serial::run(&args, globals),
        Command::Trigger(args) => trigger::run(&args, globals),
        Command::Config(args) => config::run(args, globals),
        Command::Completions(args) => completions::run(&args),
        Command::Man(args) => man::run(&args),
        Command::Help(args) => help::run(&args),
    }
}
