//! A merchant's keys behind a service of one's own: the client never sees them.
//!
//! Here the service is a few lines of axum on loopback, with the sandbox's keys. In your network it
//! is whatever holds yours; it wants authentication, which is left out here.
//!
//! ```sh
//! cargo run --example signing_service
//! ```

#![expect(clippy::print_stdout, reason = "an example prints what happens")]
#![expect(
    clippy::indexing_slicing,
    reason = "a JSON value is null where nothing is"
)]

use std::error::Error;
use std::sync::Arc;

use axum::extract::State;
use axum::routing::post;
use axum::{Json, Router};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client as Http;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use wechatpay_chain::rsa::{PrivateKey, PublicKey};
use wechatpay_chain::{Client, ServiceError, ServiceFuture, Signer, Verifier};
use wechatpay_sandbox::Sandbox;

type Keys = State<Arc<(PrivateKey, PublicKey)>>;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let sandbox = Sandbox::start().await?;
    let service = Remote::new(serve(&sandbox).await?);
    let client = Client::builder()
        .mchid(sandbox.mchid())
        .serial(sandbox.merchant_serial())
        .signer(service.clone())
        .verifier(service)
        .base_uri(sandbox.base_uri())
        .root_certificate(sandbox.root_certificate().unwrap_or_default())
        .build()?;
    let send = client.v3().marketing().busifavor().product_coupons().send();
    let coupon = json!({
        "openid": "xsd3434454567676", "appid": "wx1234567889999", "stock_id": "12312354",
        "out_request_no": "2335465", "coupon_type": "NORMAL",
    });
    let response = send.post(&coupon).await?;
    println!("signed and verified elsewhere: {}", response.text());

    // Nobody listens there.
    let nobody = Remote::new("http://127.0.0.1:9".to_owned());
    let builder = sandbox.client_builder().verifier(nobody.clone());
    let unverified = builder.build()?;
    let error = unverified.chain(send.path()).post(&coupon).await.err();
    println!("no verifier: {}", error.ok_or("it was accepted")?);
    let builder = Client::builder().mchid(sandbox.mchid()).signer(nobody);
    let builder = builder.serial(sandbox.merchant_serial());
    let builder = builder.cert(sandbox.platform_serial(), sandbox.platform_public_key());
    let builder = builder.base_uri(sandbox.base_uri());
    let unsigned = builder.build()?;
    let error = unsigned.chain(send.path()).post(&coupon).await.err();
    println!("no signer: {}", error.ok_or("it was sent")?);
    Ok(())
}

/// What asks the service.
#[derive(Clone)]
struct Remote {
    address: String,
    http: Http<HttpConnector, Full<Bytes>>,
}

impl Remote {
    fn new(address: String) -> Self {
        let http = Http::builder(TokioExecutor::new()).build_http();
        Self { address, http }
    }

    async fn ask(&self, path: &str, question: &Value) -> Result<Value, ServiceError> {
        let request = http::Request::post(format!("{}{path}", self.address))
            .header("Content-Type", "application/json")
            .body(Full::new(Bytes::from(question.to_string())))?;
        let answer = self.http.request(request).await?;
        if answer.status() != http::StatusCode::OK {
            return Err(format!("the service answered {}", answer.status()).into());
        }
        let body = answer.into_body().collect().await?.to_bytes();
        Ok(serde_json::from_slice(&body)?)
    }
}

impl Signer for Remote {
    fn sign<'a>(&'a self, message: &'a [u8]) -> ServiceFuture<'a, String> {
        Box::pin(async move {
            let question = json!({ "message": String::from_utf8_lossy(message) });
            let answer = self.ask("/sign", &question).await?;
            let signature = answer["signature"].as_str();
            Ok(signature.ok_or("the answer has no signature")?.to_owned())
        })
    }
}

impl Verifier for Remote {
    fn verify<'a>(
        &'a self,
        serial: &'a str,
        message: &'a [u8],
        signature: &'a str,
    ) -> ServiceFuture<'a, bool> {
        Box::pin(async move {
            let message = String::from_utf8_lossy(message);
            let question = json!({ "serial": serial, "message": message, "signature": signature });
            let answer = self.ask("/verify", &question).await?;
            Ok(answer["verdict"] == "OK")
        })
    }
}

/// The service, and its address.
async fn serve(sandbox: &Sandbox) -> Result<String, Box<dyn Error>> {
    let private = PrivateKey::from_pem(sandbox.merchant_private_key())?;
    let public = PublicKey::from_pem(sandbox.platform_public_key())?;
    let routes = Router::new()
        .route("/sign", post(sign))
        .route("/verify", post(verify))
        .with_state(Arc::new((private, public)));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = format!("http://{}", listener.local_addr()?);
    tokio::spawn(async move { axum::serve(listener, routes).await });
    Ok(address)
}

async fn sign(State(keys): Keys, Json(question): Json<Value>) -> Json<Value> {
    let message = question["message"].as_str().unwrap_or_default();
    Json(json!({ "signature": keys.0.sign(message) }))
}

async fn verify(State(keys): Keys, Json(question): Json<Value>) -> Json<Value> {
    let text = |name: &str| question[name].as_str().unwrap_or_default();
    let is_right = keys.1.verify(text("message"), text("signature"));
    Json(json!({ "verdict": if is_right { "OK" } else { "REFUSED" } }))
}
