//! A shop: a client on one connection, and a server that is told of payments.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, SystemTime};

use http::StatusCode;
use serde_json::{Value, json};
use wechatpay_sandbox::{Builder, Sandbox};

use crate::client::{Answer, Connection, Draft, Way, decrypt, nonce, verifies};

/// Where nobody listens and nothing is sent.
pub(crate) const ELSEWHERE: &str = "http://192.0.2.1/notify";

pub(crate) const NATIVE: &str = "/v3/pay/transactions/native";
pub(crate) const REFUNDS: &str = "/v3/refund/domestic/refunds";

pub(crate) const DAY: Duration = Duration::from_secs(24 * 60 * 60);

pub(crate) struct Shop {
    pub(crate) sandbox: Sandbox,
    connection: Connection,
}

impl Shop {
    pub(crate) async fn open() -> Self {
        Self::with(Sandbox::builder()).await
    }

    pub(crate) async fn with(builder: Builder) -> Self {
        let sandbox = builder.plain().start().await.unwrap();
        let connection = Connection::open(&sandbox, Way::PlainHttp2).await.unwrap();
        Self {
            sandbox,
            connection,
        }
    }

    pub(crate) async fn call(&mut self, method: &'static str, target: &str, body: &str) -> Answer {
        self.call_with(method, target, body, &[]).await
    }

    pub(crate) async fn call_with(
        &mut self,
        method: &'static str,
        target: &str,
        body: &str,
        headers: &[(&'static str, &str)],
    ) -> Answer {
        let mut request = Draft::new(&self.sandbox, method, target, body).sign(&self.sandbox);
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        self.connection.send(request).await.unwrap()
    }

    pub(crate) async fn post(&mut self, target: &str, body: &Value) -> Answer {
        self.call("POST", target, &body.to_string()).await
    }

    pub(crate) async fn get(&mut self, target: &str) -> Answer {
        self.call("GET", target, "").await
    }

    /// Something of the control interface, unsigned.
    pub(crate) async fn control(
        &mut self,
        method: &'static str,
        target: &str,
        body: &str,
        headers: &[(&'static str, &str)],
    ) -> Answer {
        let draft = Draft::new(&self.sandbox, method, target, body);
        let mut request = draft.with_authorization(&self.sandbox, "");
        request.headers_mut().remove("Authorization");
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        self.connection.send(request).await.unwrap()
    }

    /// An order of 100 fen, and its number.
    pub(crate) async fn order(&mut self) -> String {
        let body = order(&self.sandbox);
        let answer = self.post(NATIVE, &body).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        body["out_trade_no"].as_str().unwrap().to_owned()
    }

    /// One that was paid.
    pub(crate) async fn paid(&mut self) -> String {
        let out_trade_no = self.order().await;
        self.sandbox.pay(&out_trade_no).unwrap();
        out_trade_no
    }

    pub(crate) async fn query(&mut self, out_trade_no: &str) -> Answer {
        let mchid = self.sandbox.mchid();
        self.get(&format!(
            "/v3/pay/transactions/out-trade-no/{out_trade_no}?mchid={mchid}"
        ))
        .await
    }

    pub(crate) async fn close(&mut self, out_trade_no: &str) -> Answer {
        let body = json!({ "mchid": self.sandbox.mchid() });
        self.post(
            &format!("/v3/pay/transactions/out-trade-no/{out_trade_no}/close"),
            &body,
        )
        .await
    }

    pub(crate) async fn refund(
        &mut self,
        out_trade_no: &str,
        out_refund_no: &str,
        amount: u64,
    ) -> Answer {
        self.post(REFUNDS, &refund(out_trade_no, out_refund_no, amount))
            .await
    }

    /// The sandbox's own account of everything.
    pub(crate) async fn state(&mut self) -> Value {
        let answer = self.control("GET", "/_sandbox/state", "", &[]).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        answer.json()
    }
}

/// The body of an order of 100 fen with a number of its own.
pub(crate) fn order(sandbox: &Sandbox) -> Value {
    json!({
        "appid": "wx8888888888888888",
        "mchid": sandbox.mchid(),
        "description": "Image形象店-深圳腾大-QQ公仔",
        "out_trade_no": nonce(),
        "notify_url": ELSEWHERE,
        "amount": { "total": 100, "currency": "CNY" },
    })
}

pub(crate) fn refund(out_trade_no: &str, out_refund_no: &str, amount: u64) -> Value {
    json!({
        "out_trade_no": out_trade_no,
        "out_refund_no": out_refund_no,
        "amount": { "refund": amount, "total": 100, "currency": "CNY" },
    })
}

/// What a server got.
#[derive(Clone, Debug)]
pub(crate) struct Heard {
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Heard {
    pub(crate) fn header(&self, name: &str) -> &str {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        let found = lines.find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value).unwrap_or_default()
    }

    pub(crate) fn verifies(&self, sandbox: &Sandbox) -> bool {
        let pem = sandbox.platform_public_key();
        verifies(pem, |name| self.header(name), self.body.as_bytes())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    /// What was encrypted.
    pub(crate) fn resource(&self, sandbox: &Sandbox) -> Value {
        let opened = decrypt(sandbox, &self.json()["resource"]).unwrap();
        serde_json::from_str(&opened).unwrap()
    }
}

/// The merchant's server on loopback, which answers with one status after another, and with the
/// last one for ever.
pub(crate) struct Ear {
    pub(crate) url: String,
    heard: Arc<Mutex<Vec<Heard>>>,
}

impl Ear {
    pub(crate) fn open(answers: &'static [&'static str]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/notify", listener.local_addr().unwrap());
        let heard = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&heard);
        // It ends with the test's process.
        thread::spawn(move || {
            let mut count = 0;
            while let Ok((mut stream, _)) = listener.accept() {
                let mut got = Vec::new();
                let mut buffer = [0; 8192];
                let (head, body) = loop {
                    let Ok(length @ 1..) = stream.read(&mut buffer) else {
                        break (String::new(), String::new());
                    };
                    got.extend_from_slice(&buffer[..length]);
                    let text = String::from_utf8_lossy(&got).into_owned();
                    let Some((head, body)) = text.split_once("\r\n\r\n") else {
                        continue;
                    };
                    let heard = Heard {
                        head: head.to_owned(),
                        body: String::new(),
                    };
                    if heard.header("Content-Length").parse::<usize>().unwrap() == body.len() {
                        break (head.to_owned(), body.to_owned());
                    }
                };
                kept.lock().unwrap().push(Heard { head, body });
                let answer = answers[count.min(answers.len() - 1)];
                count += 1;
                let _ = stream.write_all(answer.as_bytes());
            }
        });
        Self { url, heard }
    }

    pub(crate) fn heard(&self) -> Vec<Heard> {
        self.heard.lock().unwrap().clone()
    }
}

pub(crate) const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
pub(crate) const NO_CONTENT: &str = "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n";
pub(crate) const FAIL: &str = "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 15\r\nConnection: close\r\n\r\n{\"code\":\"FAIL\"}";

/// Seconds between two times.
pub(crate) fn seconds(from: SystemTime, to: SystemTime) -> u64 {
    to.duration_since(from).unwrap().as_secs()
}
