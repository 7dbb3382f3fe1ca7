//! Keys that are elsewhere: a Signer and a Verifier instead of files.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::json;
use wechatpay_chain::rsa::{PrivateKey, PublicKey};
use wechatpay_chain::{Check, Client, Error, Request, ServiceFuture, Signer, Verifier};
use wechatpay_sandbox::{Misbehaviour, Sandbox};

use crate::support::{assert_says, gzip, order};

/// What the service does.
#[derive(Clone, Copy, PartialEq)]
enum Mood {
    Good,
    Refuses,
    Fails,
    Hangs,
    Lies,
}

struct Service {
    private: PrivateKey,
    public: PublicKey,
    mood: Mood,
    was_asked: Arc<AtomicBool>,
}

async fn answered(mood: Mood) -> Result<(), wechatpay_chain::ServiceError> {
    // Something that only works on tokio, as a real service's client does.
    tokio::time::sleep(Duration::from_millis(1)).await;
    match mood {
        Mood::Fails => Err("the vault is sealed".into()),
        Mood::Hangs => std::future::pending().await,
        _ => Ok(()),
    }
}

impl Signer for Service {
    fn sign<'a>(&'a self, message: &'a [u8]) -> ServiceFuture<'a, String> {
        Box::pin(async move {
            answered(self.mood).await?;
            match self.mood {
                Mood::Lies => Ok("no\nsignature".to_owned()),
                _ => Ok(format!("{}\n", self.private.sign(message))),
            }
        })
    }
}

impl Verifier for Service {
    fn verify<'a>(
        &'a self,
        serial: &'a str,
        message: &'a [u8],
        signature: &'a str,
    ) -> ServiceFuture<'a, bool> {
        Box::pin(async move {
            self.was_asked.store(true, Ordering::Relaxed);
            answered(self.mood).await?;
            assert!(serial.starts_with("PUB_KEY_ID_"));
            match self.mood {
                Mood::Refuses => Ok(false),
                Mood::Lies => Ok(true),
                _ => Ok(self.public.verify(message, signature)),
            }
        })
    }
}

fn service(sandbox: &Sandbox, mood: Mood) -> Service {
    Service {
        private: PrivateKey::from_pem(sandbox.merchant_private_key()).unwrap(),
        public: PublicKey::from_pem(sandbox.platform_public_key()).unwrap(),
        mood,
        was_asked: Arc::default(),
    }
}

fn client(sandbox: &Sandbox, signs: Mood, verifies: Mood) -> Client {
    let builder = Client::builder()
        .mchid(sandbox.mchid())
        .serial(sandbox.merchant_serial())
        .signer(service(sandbox, signs))
        .verifier(service(sandbox, verifies))
        .base_uri(sandbox.base_uri())
        .root_certificate(sandbox.root_certificate().unwrap());
    builder.build().unwrap()
}

/// Ends within a short limit where the service would never answer, and only there.
fn limited(request: Request, mood: Mood) -> Request {
    match mood {
        Mood::Hangs => request.timeout(Duration::from_secs(2)),
        _ => request,
    }
}

#[tokio::test]
async fn a_request_is_signed_and_its_answer_verified_elsewhere_by_either_verb() {
    let sandbox = Sandbox::start().await.unwrap();
    let client = client(&sandbox, Mood::Good, Mood::Good);
    assert!(order(&client).await.unwrap().verified());
    assert!(order(&client).wait().unwrap().verified());
    std::thread::scope(|scope| {
        let elsewhere = scope.spawn(|| futures::executor::block_on(order(&client).into_future()));
        elsewhere.join().unwrap().unwrap();
    });
    assert_eq!(sandbox.received().len(), 3);
    assert!(sandbox.received().iter().all(|it| it.authenticated()));
}

#[tokio::test]
async fn a_signer_that_fails_or_hangs_means_that_nothing_was_sent() {
    let sandbox = Sandbox::start().await.unwrap();
    for (mood, says) in [
        (Mood::Fails, "the vault is sealed"),
        (Mood::Hangs, "of 2 s ran out"),
        (Mood::Lies, "is no signature"),
    ] {
        let client = client(&sandbox, mood, Mood::Good);
        let limited = || limited(order(&client), mood);
        for error in [limited().await.unwrap_err(), limited().wait().unwrap_err()] {
            assert!(!error.may_have_been_sent(), "{error}");
            assert_eq!(error.is_timeout(), mood == Mood::Hangs);
            assert_says(&error, &["POST v3/marketing/", says]);
            if mood != Mood::Lies {
                assert_says(&error, &["not sent", "signature of a request"]);
            }
        }
    }
    assert!(sandbox.received().is_empty());
    assert_eq!(sandbox.connections(), 0);
}

#[tokio::test]
async fn an_answer_is_accepted_exactly_when_the_verifier_says_yes() {
    let sandbox = Sandbox::start().await.unwrap();
    for (mood, says) in [
        (Mood::Refuses, "signature does not fit"),
        (Mood::Fails, "the vault is sealed"),
        (Mood::Hangs, "within the limit"),
    ] {
        let client = client(&sandbox, Mood::Good, mood);
        let limited = || limited(order(&client), mood);
        for error in [limited().await.unwrap_err(), limited().wait().unwrap_err()] {
            assert!(matches!(error, Error::Verify(_)), "{error}");
            assert!(error.may_have_been_sent());
            assert_says(&error, &["can't be trusted", says, "query before"]);
        }
    }
    let gullible = client(&sandbox, Mood::Good, Mood::Lies);
    sandbox.misbehave(Misbehaviour::SignatureAltered);
    assert!(order(&gullible).await.unwrap().verified());
    let honest = client(&sandbox, Mood::Good, Mood::Good);
    for misbehaviour in [Misbehaviour::SignatureAltered, Misbehaviour::BodyAltered] {
        sandbox.misbehave(misbehaviour);
        let error = order(&honest).await.unwrap_err();
        assert_says(&error, &["signature does not fit"]);
    }
}

#[tokio::test]
async fn headers_and_clock_are_checked_here_before_the_verifier_is_asked() {
    let sandbox = Sandbox::start().await.unwrap();
    for misbehaviour in [
        Misbehaviour::ClockOffset(-301),
        Misbehaviour::ClockOffset(302),
        Misbehaviour::without("Wechatpay-Nonce"),
        Misbehaviour::Unsigned,
        Misbehaviour::html(200),
    ] {
        let verifier = service(&sandbox, Mood::Lies);
        let was_asked = Arc::clone(&verifier.was_asked);
        let builder = sandbox.client_builder().verifier(verifier);
        let client = builder.build().unwrap();
        sandbox.misbehave(misbehaviour);
        let error = order(&client).await.unwrap_err();
        assert!(matches!(error, Error::Verify(_)), "{error}");
        assert!(!was_asked.load(Ordering::Relaxed));
    }
}

#[tokio::test]
async fn for_another_http_client_sign_and_accept_async_ask_the_services() {
    let sandbox = Sandbox::start().await.unwrap();
    let both = client(&sandbox, Mood::Good, Mood::Good);
    let error = order(&both).into_http().unwrap_err();
    assert!(matches!(error, Error::Request(_)));
    assert_says(&error, &["elsewhere", ".sign()"]);
    let error = order(&both).into_parts().unwrap_err();
    assert_says(&error, &["Verifier", ".sign().await", "accept_async()"]);
    let (request, answer) = order(&both).sign().await.unwrap();
    assert!(request.headers()["authorization"].is_sensitive());
    order(&both).sign().wait().unwrap();
    let from_sandbox = order(&sandbox.client()).await.unwrap();
    let mut copy = http::Response::new(from_sandbox.bytes().clone());
    *copy.headers_mut() = from_sandbox.headers().clone();
    assert!(answer.accept_async(copy.clone()).await.unwrap().verified());
    let (_, answer) = order(&both).sign().await.unwrap();
    let error = answer.accept(copy).unwrap_err();
    assert!(error.may_have_been_sent());
    let Error::Verify(error) = &error else {
        panic!("{error}");
    };
    assert!(matches!(error.check(), Check::Elsewhere { .. }));
    assert!(error.to_string().contains("accept_async()"), "{error}");
}

#[tokio::test]
async fn another_http_client_may_bring_a_gzip() {
    let sandbox = Sandbox::start().await.unwrap();
    let here = sandbox.client();
    let from_sandbox = order(&here).await.unwrap();
    let packed = gzip(from_sandbox.bytes());
    let mut brought = http::Response::new(packed.into());
    *brought.headers_mut() = from_sandbox.headers().clone();
    let headers = brought.headers_mut();
    headers.insert("Content-Encoding", "gzip".parse().unwrap());
    for client in [client(&sandbox, Mood::Good, Mood::Good), here.clone()] {
        let (_, answer) = order(&client).sign().await.unwrap();
        let response = answer.accept_async(brought.clone()).await.unwrap();
        assert!(response.verified());
        assert_eq!(response.bytes(), from_sandbox.bytes());
    }
    let (_, answer) = order(&here).into_parts().unwrap();
    assert!(answer.accept(brought).unwrap().verified());
}

#[tokio::test]
async fn notifications_are_verified_elsewhere_too() {
    let sandbox = Sandbox::start().await.unwrap();
    let event = sandbox.notification("TRANSACTION.SUCCESS", "transaction", &json!({"a": 1}));
    for (mood, is_trusted) in [
        (Mood::Good, true),
        (Mood::Refuses, false),
        (Mood::Fails, false),
    ] {
        let verifier = service(&sandbox, mood);
        let builder = sandbox.client_builder().apiv3_key(sandbox.apiv3_key());
        let client = builder.verifier(verifier).build().unwrap();
        let result = client.notification(&event.headers(), event.body()).await;
        assert_eq!(result.is_ok(), is_trusted);
        let result = client.notification(&event.headers(), event.body()).wait();
        assert_eq!(result.is_ok(), is_trusted);
    }
    assert!(sandbox.received().is_empty());
}

#[tokio::test]
async fn certificates_are_fetched_with_a_signature_made_elsewhere() {
    let sandbox = crate::support::signing_by_certificate();
    let builder = Client::builder()
        .mchid(sandbox.mchid())
        .serial(sandbox.merchant_serial())
        .signer(service(&sandbox, Mood::Good))
        .apiv3_key(sandbox.apiv3_key())
        .base_uri(sandbox.base_uri())
        .root_certificate(sandbox.root_certificate().unwrap());
    let client = builder.build().unwrap();
    order(&client).await.unwrap();
    order(&client).wait().unwrap();
    assert_eq!(sandbox.received()[0].path(), "/v3/certificates");
}

#[test]
fn a_private_key_and_a_signer_contradict_each_other() {
    let sandbox = Sandbox::start_blocking().unwrap();
    let builder = sandbox
        .client_builder()
        .signer(service(&sandbox, Mood::Good));
    let error = builder.build().unwrap_err();
    assert_says(&error, &["private_key", "a signer", "one of them"]);
}

#[test]
fn what_needs_the_key_here_says_so() {
    let sandbox = Sandbox::start_blocking().unwrap();
    let client = client(&sandbox, Mood::Good, Mood::Good);
    let error = client.pay_params().jsapi("wx1", "wx2").unwrap_err();
    assert_says(&error, &["pay_params", "elsewhere", "prepay_id"]);
}
