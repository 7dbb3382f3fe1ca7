//! `wechatpay pay-params`: what a front end needs to open the payment.

use clap::ValueEnum;
use wechatpay_chain::hash::SignType;

use crate::Globals;
use crate::account::Settings;
use crate::exit::Result;
use crate::output;

/// `wechatpay pay-params`
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Where the payment is opened
    #[arg(value_enum, value_name = "WHERE")]
    front: Front,
    /// The app's ID, with which the order was made
    #[arg(value_name = "APPID")]
    appid: String,
    /// The prepay_id that the order's answer has
    #[arg(value_name = "PREPAY_ID")]
    prepay_id: String,
    /// For an order of APIv2, by the sign type that it was made with
    #[arg(long, value_enum, value_name = "SIGN_TYPE")]
    v2: Option<V2>,
    #[command(flatten)]
    settings: Settings,
}

/// The front ends.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Front {
    /// A page inside WeChat: getBrandWCPayRequest
    Jsapi,
    /// The SDK inside an app
    App,
    /// A mini program: wx.requestPayment
    MiniProgram,
}

/// APIv2's sign types.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum V2 {
    /// MD5
    Md5,
    /// HMAC-SHA256
    HmacSha256,
}

pub(crate) fn run(args: &Args, globals: &Globals) -> Result<()> {
    let Args {
        front,
        appid,
        prepay_id,
        ..
    } = args;
    let (client, _account) = args.settings.client()?;
    let sign = client.pay_params();
    let sign_type = args.v2.map(|sign_type| match sign_type {
        V2::Md5 => SignType::Md5,
        V2::HmacSha256 => SignType::HmacSha256,
    });
    let params = match (front, sign_type) {
        (Front::Jsapi, None) => sign.jsapi(appid, prepay_id),
        (Front::MiniProgram, None) => sign.mini_program(appid, prepay_id),
        (Front::App, None) => sign.app(appid, prepay_id),
        (Front::Jsapi | Front::MiniProgram, Some(sign_type)) => {
            sign.jsapi_v2(appid, prepay_id, sign_type)
        }
        (Front::App, Some(sign_type)) => sign.app_v2(appid, prepay_id, sign_type),
    };
    output::value(&params?, globals)
}
