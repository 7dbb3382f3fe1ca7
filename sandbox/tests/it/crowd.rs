//! Many clients at once.

use std::sync::Arc;

use http::StatusCode;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use wechatpay_sandbox::Sandbox;

use crate::client::{Connection, Draft, Way, nonce};
use crate::shop::{NATIVE, REFUNDS, Shop, order, refund};

const CLIENTS: usize = 64;

/// Two thousand where it is quick.
const ORDERS: usize = if cfg!(debug_assertions) { 512 } else { 2_000 };

/// A server that acknowledges everything.
async fn listen() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/notify", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut got = Vec::new();
                let mut buffer = [0; 8192];
                // The body of a notification ends in `}}`.
                while !got.ends_with(b"}}") {
                    match stream.read(&mut buffer).await {
                        Ok(length @ 1..) => got.extend_from_slice(&buffer[..length]),
                        _ => return,
                    }
                }
                let answer = b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n";
                let _ = stream.write_all(answer).await;
            });
        }
    });
    url
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn money_is_neither_made_nor_lost() {
    let shop = Shop::with(Sandbox::builder().keep(2 * ORDERS)).await;
    let shop = Arc::new(tokio::sync::Mutex::new(shop));
    let url = listen().await;
    let mut clients = Vec::new();
    for client in 0..CLIENTS {
        let shop = Arc::clone(&shop);
        let url = url.clone();
        clients.push(tokio::spawn(async move {
            let mut connection = {
                let shop = shop.lock().await;
                Connection::open(&shop.sandbox, Way::PlainHttp2)
                    .await
                    .unwrap()
            };
            for count in (client..ORDERS).step_by(CLIENTS) {
                let (request, number) = {
                    let shop = shop.lock().await;
                    let mut order = order(&shop.sandbox);
                    order["notify_url"] = json!(url);
                    let draft = Draft::new(&shop.sandbox, "POST", NATIVE, &order.to_string());
                    let number = order["out_trade_no"].as_str().unwrap().to_owned();
                    (draft.sign(&shop.sandbox), number)
                };
                let answer = connection.send(request).await.unwrap();
                assert_eq!(answer.status, StatusCode::OK);
                let request = {
                    let shop = shop.lock().await;
                    shop.sandbox.pay(&number).unwrap();
                    let amount = u64::try_from(count % 100).unwrap() + 1;
                    let mut refund = refund(&number, &nonce(), amount);
                    refund["notify_url"] = json!(url);
                    let draft = Draft::new(&shop.sandbox, "POST", REFUNDS, &refund.to_string());
                    draft.sign(&shop.sandbox)
                };
                let answer = connection.send(request).await.unwrap();
                assert_eq!(answer.status, StatusCode::OK);
            }
        }));
    }
    for client in clients {
        client.await.unwrap();
    }
    let mut shop = shop.lock().await;
    shop.sandbox.settled().await;
    let state = shop.state().await;
    let money = &state["merchants"][shop.sandbox.mchid()];
    let number = |value: &Value| value.as_u64().unwrap();
    let orders = u64::try_from(ORDERS).unwrap();
    assert_eq!(number(&money["payments"]), 100 * orders);
    let refunds: u64 = (0..orders).map(|count| count % 100 + 1).sum();
    assert_eq!(number(&money["refunds"]), refunds);
    assert_eq!(
        number(&money["payments"]),
        number(&money["refunds"]) + number(&money["balance"])
    );
    assert_eq!(state["orders"].as_array().unwrap().len(), ORDERS);
    assert_eq!(state["pending"], 0);
    let deliveries = shop.sandbox.deliveries();
    assert_eq!(deliveries.len(), 2 * ORDERS);
    assert!(
        deliveries
            .iter()
            .all(|delivery| delivery.acknowledged() && delivery.attempt() == 1)
    );
    let mut subjects: Vec<&str> = deliveries
        .iter()
        .map(|delivery| delivery.subject())
        .collect();
    subjects.sort_unstable();
    subjects.dedup();
    assert_eq!(subjects.len(), 2 * ORDERS);
}
