//! The one call of the seed, in all six styles: property, `chain()` and index, each `.await`ed and
//! waited for.
//!
//! Without an argument it calls a sandbox of its own, over TLS. With `--real` it calls the account
//! of the `WECHATPAY_*` variables.

#![expect(clippy::print_stdout, reason = "an example prints what it gets")]

use std::error::Error;

use serde_json::{Value, json};
use wechatpay_chain::{Client, Response};
use wechatpay_sandbox::Sandbox;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    if std::env::args().any(|argument| argument == "--real") {
        let client = Client::from_env()?;
        println!("the real account: {client:?}");
        return six_styles(&client).await;
    }
    let sandbox = Sandbox::start().await?;
    println!("a sandbox: {}", sandbox.base_uri());
    six_styles(&sandbox.client()).await
}

async fn six_styles(client: &Client) -> Result<(), Box<dyn Error>> {
    // ->postAsync([...])->then(...)
    let property = client.v3().marketing().busifavor().product_coupons().send();
    show("property, await", &property.post(coupon(1)).await?)?;

    let chain = client.chain("v3/marketing/busifavor/product-coupons/send");
    show("chain(), await", &chain.post(coupon(2)).await?)?;

    let index = &client["v3/marketing/busifavor/product-coupons/send"];
    show("index, await", &index.post(coupon(3)).await?)?;

    // ->post([...])
    let property = client.v3().marketing().busifavor().product_coupons().send();
    show("property, wait", &property.post(coupon(4)).wait()?)?;

    let chain = client.chain("v3/marketing/busifavor/product-coupons/send");
    show("chain(), wait", &chain.post(coupon(5)).wait()?)?;

    let index = &client["v3/marketing/busifavor/product-coupons/send"];
    show("index, wait", &index.post(coupon(6)).wait()?)?;
    Ok(())
}

fn coupon(number: u32) -> Value {
    json!({
        "openid": "xsd3434454567676",
        "appid": "wx1234567889999",
        "stock_id": "12312354",
        "out_request_no": format!("233546{number}"),
        "coupon_code": format!("20200701999{number}"),
        "coupon_type": "NORMAL",
        "member_card_id": "pbLatjvWOibDc5-TBnbUk1pD12o0",
    })
}

fn show(style: &str, response: &Response) -> Result<(), Box<dyn Error>> {
    println!("{style}: {} {}", response.status(), response.data()?);
    Ok(())
}
