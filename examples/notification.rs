//! A merchant's server that is notified: checks, decrypts, acts once, and answers.
//!
//! It listens on loopback, where a sandbox delivers a genuine notification, the same one again, as
//! WeChat Pay does until it has its answer, and a forged one.

#![expect(clippy::print_stdout, reason = "an example prints what it gets")]

use std::collections::HashSet;
use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};

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

#[derive(Clone)]
struct Shop {
    client: Client,
    /// The numbers of the notifications that were dealt with. A real shop keeps them where its
    /// orders are, and writes both in one transaction.
    seen: Arc<Mutex<HashSet<String>>>,
}

/// The body is taken as bytes: JSON that was parsed and serialised again has another signature.
async fn notified(State(shop): State<Shop>, headers: HeaderMap, body: Bytes) -> Response {
    let notification = match shop.client.notification(&headers, body).await {
        Ok(notification) => notification,
        Err(error) => {
            // The reason is for this log: whoever forges one need not learn it.
            println!("refused: {error}");
            return answer(Notification::failure("not accepted"));
        }
    };
    let mut seen = shop.seen.lock().unwrap_or_else(PoisonError::into_inner);
    if seen.insert(notification.id().to_owned()) {
        let order = notification.data();
        let event = notification.event_type();
        println!("{event}: order {} is paid", order["out_trade_no"]);
    }
    answer(Notification::success())
}

fn answer((status, body): (u16, String)) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let json = [(header::CONTENT_TYPE, "application/json")];
    (status, json, body).into_response()
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let sandbox = Sandbox::start().await?;
    let shop = Shop {
        client: sandbox.client(),
        seen: Arc::default(),
    };
    let seen = Arc::clone(&shop.seen);
    let router = Router::new()
        .route("/notify", post(notified))
        .with_state(shop);
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/notify", listener.local_addr()?);
    let server = tokio::spawn(async move { axum::serve(listener, router).await });

    let order = json!({ "out_trade_no": "1217752501201407033233368018" });
    let genuine = sandbox.notification("TRANSACTION.SUCCESS", "transaction", &order);
    // A stranger has neither WeChat Pay's private key nor the merchant's APIv3 key.
    let forged = sandbox
        .notification_builder("TRANSACTION.SUCCESS", "transaction", &order)
        .apiv3_key("12345678901234567890123456789012")
        .signature("Zm9yZ2Vk")
        .build();
    for (notification, expected) in [(&genuine, 200), (&genuine, 200), (&forged, 500)] {
        let (status, body) = sandbox.deliver(url.as_str(), notification).await?;
        println!("answered: {status} {}", String::from_utf8_lossy(&body));
        if status != expected {
            return Err(format!("answered with {status} instead of {expected}").into());
        }
    }
    server.abort();
    let dealt_with = seen.lock().unwrap_or_else(PoisonError::into_inner).len();
    if dealt_with != 1 {
        return Err(format!("{dealt_with} were dealt with instead of 1").into());
    }
    Ok(())
}
