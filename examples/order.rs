//! An order from its creation to its refund, with the notifications of both.
//!
//! The sandbox keeps the order, plays the user who pays it, and notifies the shop's own server on
//! loopback, as WeChat Pay would.

#![expect(
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "an example prints what it gets, which is null where a field is missing"
)]

use std::error::Error;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde_json::json;
use tokio::net::TcpListener;
use wechatpay_chain::{Client, Notification};
use wechatpay_sandbox::Sandbox;

/// Verifies and decrypts what the shop is told; a real shop acts on it, once for each `id`.
async fn notified(State(client): State<Client>, headers: HeaderMap, body: Bytes) -> Response {
    let (status, body) = match client.notification(&headers, body).await {
        Ok(notification) => {
            let event = notification.event_type();
            println!("{event}: order {}", notification.data()["out_trade_no"]);
            Notification::success()
        }
        Err(error) => {
            println!("refused: {error}");
            Notification::failure("not accepted")
        }
    };
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let json = [(header::CONTENT_TYPE, "application/json")];
    (status, json, body).into_response()
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let sandbox = Sandbox::start().await?;
    let client = sandbox.client();
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let notify_url = format!("http://{}/notify", listener.local_addr()?);
    let shop = Router::new()
        .route("/notify", post(notified))
        .with_state(client.clone());
    tokio::spawn(axum::serve(listener, shop).into_future());

    let order = client
        .chain("v3/pay/transactions/native")
        .post(json!({
            "appid": "wx8888888888888888",
            "mchid": sandbox.mchid(),
            "description": "Image形象店-深圳腾大-QQ公仔",
            "out_trade_no": "1217752501201407033233368018",
            "notify_url": notify_url,
            "amount": { "total": 100, "currency": "CNY" },
        }))
        .await?;
    println!("to scan: {}", order.data()?["code_url"]);

    // The user scans and pays; with WeChat Pay there is nothing to call here.
    sandbox.pay("1217752501201407033233368018")?;
    sandbox.settled().await;
    let query = client.chain("v3/pay/transactions/out-trade-no/1217752501201407033233368018");
    let query = query.get().query(json!({ "mchid": sandbox.mchid() }));
    println!("the order: {}", query.await?.data()?["trade_state"]);

    let refund = client
        .chain("v3/refund/domestic/refunds")
        .post(json!({
            "out_trade_no": "1217752501201407033233368018",
            "out_refund_no": "1217752501201407033233368019",
            "notify_url": notify_url,
            "amount": { "refund": 40, "total": 100, "currency": "CNY" },
        }))
        .await?;
    println!("the refund at first: {}", refund.data()?["status"]);
    sandbox.settled().await;
    let refund = client.chain("v3/refund/domestic/refunds/1217752501201407033233368019");
    println!("the refund: {}", refund.get().await?.data()?["status"]);

    let told = sandbox.deliveries();
    assert!(told.iter().all(wechatpay_sandbox::Delivery::acknowledged));
    assert_eq!(told.len(), 2);
    Ok(())
}
