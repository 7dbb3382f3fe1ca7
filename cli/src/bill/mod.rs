//! `wechatpay bill`: asked for, fetched, unpacked, and compared with its digest.

mod csv;

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use clap::Subcommand;
use serde_json::json;
use wechatpay_chain::{BillRequest, Client};

use crate::Globals;
use crate::account::Settings;
use crate::exit::{Code, Failure, Result, io as io_failure};
use crate::progress::Progress;
use crate::whole::{self, Draft};
use crate::{output, wait};

/// `wechatpay bill` and what can be said behind it.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    kind: Kind,
}

#[derive(Debug, Subcommand)]
enum Kind {
    /// The trade of a day (交易账单)
    Trade(Trade),
    /// The flow of funds of a day (资金账单)
    FundFlow(FundFlow),
    /// The flow of funds of one sub-merchant (单个子商户资金账单), for service providers
    SubMerchantFundFlow(SubMerchantFundFlow),
    /// The flow of funds of all sub-merchants of a platform (二级商户资金账单)
    EcommerceFundFlow(EcommerceFundFlow),
}

#[derive(Debug, clap::Args)]
struct Trade {
    #[command(flatten)]
    common: Common,
    /// Which trade: ALL, SUCCESS, REFUND, RECHARGE_REFUND, ALL_SPECIAL, SUC_SPECIAL or REF_SPECIAL
    /// [default: ALL]
    #[arg(long, value_name = "TYPE")]
    bill_type: Option<String>,
    /// Of this sub-merchant alone
    #[arg(long, value_name = "NUMBER")]
    sub_mchid: Option<String>,
    #[command(flatten)]
    settings: Box<Settings>,
}

#[derive(Debug, clap::Args)]
struct FundFlow {
    #[command(flatten)]
    common: Common,
    /// Of which account: BASIC, OPERATION or FEES [default: BASIC]
    #[arg(long, value_name = "TYPE")]
    account_type: Option<String>,
    /// Of this sub-merchant alone
    #[arg(long, value_name = "NUMBER")]
    sub_mchid: Option<String>,
    #[command(flatten)]
    settings: Box<Settings>,
}

#[derive(Debug, clap::Args)]
struct SubMerchantFundFlow {
    #[command(flatten)]
    common: Common,
    /// The sub-merchant
    #[arg(long, value_name = "NUMBER")]
    sub_mchid: String,
    /// Of which account: BASIC, OPERATION, FEES or DEPOSIT [default: BASIC]
    #[arg(long, value_name = "TYPE")]
    account_type: Option<String>,
    #[command(flatten)]
    settings: Box<Settings>,
}

#[derive(Debug, clap::Args)]
struct EcommerceFundFlow {
    #[command(flatten)]
    common: Common,
    /// Which file, where the bill is in several
    #[arg(long, value_name = "NUMBER")]
    sequence: Option<u64>,
    #[command(flatten)]
    settings: Box<Settings>,
}

#[derive(Debug, clap::Args)]
struct Common {
    /// The day, such as 2026-11-24
    #[arg(value_name = "DATE", value_parser = date)]
    date: String,
    /// Where the bill goes [default: standard output]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// CSV for a spreadsheet: without back-ticks, and with the summary apart, in FILE.summary or on
    /// standard error
    #[arg(long)]
    csv: bool,
    /// Have the file come as it is, and not packed
    #[arg(long)]
    plain: bool,
}

/// The form of a date; which days there are, is WeChat Pay's to say.
fn date(given: &str) -> std::result::Result<String, String> {
    let shape = given.bytes().map(|byte| match byte {
        b'0'..=b'9' => b'0',
        other => other,
    });
    match shape.eq(*b"0000-00-00") {
        true => Ok(given.to_owned()),
        false => Err("wanted is a day such as 2026-11-24".to_owned()),
    }
}

pub(crate) fn run(args: Args, globals: &Globals) -> Result<()> {
    let (common, settings) = args.kind.parts();
    // The account holds the sandbox, where there is one.
    let (client, _account) = settings.client()?;
    let mut bill = args.kind.request(&client);
    if common.plain {
        bill = bill.query(json!({ "tar_type": null }));
    }
    match &common.output {
        None => to_stdout(bill, common.csv),
        Some(path) => to_file(bill, path, common.csv, globals),
    }
}

impl Kind {
    fn parts(&self) -> (&Common, &Settings) {
        match self {
            Self::Trade(args) => (&args.common, &args.settings),
            Self::FundFlow(args) => (&args.common, &args.settings),
            Self::SubMerchantFundFlow(args) => (&args.common, &args.settings),
            Self::EcommerceFundFlow(args) => (&args.common, &args.settings),
        }
    }

    fn request(&self, client: &Client) -> BillRequest {
        let date = &self.parts().0.date;
        let bills = client.bill();
        match self {
            Self::Trade(args) => {
                let bill = with(bills.trade(date), "bill_type", args.bill_type.as_ref());
                with(bill, "sub_mchid", args.sub_mchid.as_ref())
            }
            Self::FundFlow(args) => {
                let bill = bills.fund_flow(date);
                let bill = with(bill, "account_type", args.account_type.as_ref());
                with(bill, "sub_mchid", args.sub_mchid.as_ref())
            }
            Self::SubMerchantFundFlow(args) => {
                let bill = bills.sub_merchant_fund_flow(&args.sub_mchid, date);
                with(bill, "account_type", args.account_type.as_ref())
            }
            Self::EcommerceFundFlow(args) => {
                let bill = bills.ecommerce_fund_flow(date);
                match args.sequence {
                    Some(number) => bill.sequence(number),
                    None => bill,
                }
            }
        }
    }
}

fn with(bill: BillRequest, name: &str, value: Option<&String>) -> BillRequest {
    match value {
        Some(value) => bill.query([(name, value)]),
        None => bill,
    }
}

/// Fetches it into a file. What stands there then is the bill that was promised.
fn fetch(bill: BillRequest, path: &Path) -> Result<u64> {
    let progress = Progress::new();
    let download = bill.download(path).progress(progress.shown());
    let fetched = wait::for_answer(download, false)??;
    Ok(fetched.bytes_written())
}

fn to_stdout(bill: BillRequest, csv: bool) -> Result<()> {
    let folder = tempfile::tempdir().map_err(|error| bug("a temporary folder", &error))?;
    let path = folder.path().join("bill");
    // Nothing of a bill is shown before all of it has proved to be genuine.
    fetch(bill, &path)?;
    let mut fetched = File::open(&path).map_err(|error| bug("the bill", &error))?;
    let mut out = io::stdout().lock();
    if !csv {
        return io::copy(&mut fetched, &mut out)
            .and_then(|_| out.flush())
            .or_else(output::unless_closed);
    }
    let mut out = BufWriter::new(out);
    match csv::write(BufReader::new(fetched), &mut out) {
        Ok(summary) => {
            out.flush().or_else(output::unless_closed)?;
            output::say(summary.trim_end());
            Ok(())
        }
        Err(error) => output::unless_closed(error),
    }
}

fn to_file(bill: BillRequest, path: &Path, csv: bool, globals: &Globals) -> Result<()> {
    let bytes = fetch(bill, path)?;
    let mut said = json!({ "file": path, "bytes": bytes });
    let mut text = format!("{}: {bytes} bytes, as their digest says", path.display());
    if csv {
        let summary = with_suffix(path, ".summary");
        apart(path, &summary).map_err(|error| io_failure(Code::Usage, path.display(), &error))?;
        text.push_str(&format!("; {}", summary.display()));
        if let Some(fields) = said.as_object_mut() {
            fields.insert("summary".to_owned(), json!(summary));
        }
    }
    if globals.json {
        return output::json_line(&said);
    }
    output::say(text);
    Ok(())
}

/// Replaces a bill by its columns, and puts its summary beside it.
fn apart(path: &Path, summary: &Path) -> io::Result<()> {
    let mut columns = Draft::new(path)?;
    let mut out = BufWriter::new(columns.file());
    let total = csv::write(BufReader::new(File::open(path)?), &mut out)?;
    out.flush()?;
    drop(out);
    whole::write(summary, total.as_bytes())?;
    columns.keep().map(drop)
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

fn bug(what: &str, error: &io::Error) -> Failure {
    io_failure(Code::Bug, what, error)
}
