//! Platform keys: configured, fetched, replaced while requests are in flight.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use serde_json::json;
use tokio::runtime::Builder as Runtime;
use wechatpay_chain::{Client, Error, Request, Result};
use wechatpay_sandbox::{Misbehaviour, Sandbox};

use crate::support::{
    MINUTE, assert_says, fetches, keeping, order, pass, paths, signing_by_certificate,
};

#[tokio::test]
async fn certificates_are_fetched_before_the_first_request_leaves_and_then_no_more() {
    let sandbox = signing_by_certificate();
    let client = keeping(&sandbox);
    assert!(client.platform_keys().keys().is_empty());
    for _ in 0..2 {
        assert!(order(&client).await.unwrap().verified());
    }
    assert!(order(&client).wait().unwrap().verified());
    let send = "/v3/marketing/busifavor/product-coupons/send";
    assert_eq!(paths(&sandbox), ["/v3/certificates", send, send, send]);
    assert!(sandbox.received().iter().all(|it| it.authenticated()));
    assert_eq!(sandbox.received()[1].header("wechatpay-serial"), None);
    let keys = client.platform_keys();
    let published = sandbox.certificates();
    let serials: Vec<_> = published.iter().map(|it| it.serial()).collect();
    assert_eq!(keys.serials(), serials);
    assert_eq!(keys.keys()[0].host(), Some(&*sandbox.address().to_string()));
    assert!(keys.keys()[0].not_after().unwrap() > SystemTime::now());
    assert!(keys.last_refresh().unwrap() <= SystemTime::now());
    assert!(keys.last_error().is_none());
}

#[test]
fn many_first_requests_at_once_make_one_fetch_by_either_verb() {
    let sandbox = signing_by_certificate();
    let client = keeping(&sandbox);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| order(&client).wait().unwrap());
            scope.spawn(|| {
                let runtime = Runtime::new_current_thread().enable_all().build().unwrap();
                runtime.block_on(async {
                    let orders = (0..8).map(|_| order(&client).into_future());
                    for result in futures::future::join_all(orders).await {
                        result.unwrap();
                    }
                });
            });
        }
    });
    assert_eq!(fetches(&sandbox), 1);
}

#[tokio::test]
async fn a_fetch_that_fails_means_that_nothing_was_sent() {
    for (misbehaviour, says) in [
        (Misbehaviour::CutAfterRead, "not sent"),
        (Misbehaviour::html(200), "Wechatpay-Nonce"),
        (Misbehaviour::SignatureAltered, "signature"),
        (Misbehaviour::ClockOffset(-1_000), "clock"),
        (Misbehaviour::ProbeSignature, "probe"),
        (Misbehaviour::redirect("https://example.com/"), "redirect"),
        (
            Misbehaviour::status(500, "SYSTEM_ERROR", "系统错误"),
            "public key",
        ),
        (Misbehaviour::status(403, "NO_AUTH", "无权限"), "public key"),
    ] {
        let sandbox = signing_by_certificate();
        sandbox.misbehave_always(misbehaviour);
        let client = keeping(&sandbox);
        let error = order(&client).await.unwrap_err();
        assert!(!error.may_have_been_sent(), "{error}");
        assert_says(
            &error,
            &[
                "POST v3/marketing/",
                "not sent",
                "GET v3/certificates",
                says,
            ],
        );
        assert!(!error.to_string().contains("query before"), "{error}");
        assert!(!format!("{error:?}").contains("signature=\""));
        assert_eq!(paths(&sandbox), ["/v3/certificates"]);
        let known = client.platform_keys();
        assert!(known.last_error().is_some());
        assert!(known.keys().is_empty());
    }
}

#[tokio::test]
async fn a_merchant_that_only_has_the_public_key_is_told_so_and_not_asked_again() {
    let sandbox = Sandbox::start().await.unwrap();
    sandbox.public_key_only(true);
    let client = keeping(&sandbox);
    for _ in 0..3 {
        let error = order(&client).await.unwrap_err();
        assert_eq!(error.api().unwrap().code(), "RESOURCE_NOT_EXISTS");
        assert_says(&error, &["public key", "PUB_KEY_ID_", "v3/certificates"]);
        assert!(!error.is_retryable() && !error.may_have_been_sent());
        pass(Duration::from_secs(5)).await;
    }
    assert_eq!(fetches(&sandbox), 1);
    let error = client.certificates().wait().unwrap_err();
    assert_says(&error, &["public key", "PUB_KEY_ID_"]);
    assert!(!error.to_string().contains("not sent"), "{error}");
}

#[tokio::test]
async fn a_failed_fetch_is_repeated_after_a_while_and_not_before() {
    let sandbox = signing_by_certificate();
    let client = keeping(&sandbox);
    sandbox.misbehave(Misbehaviour::CutAfterRead);
    let first = order(&client).await.unwrap_err();
    let again = order(&client).await.unwrap_err();
    assert_eq!(first.to_string(), again.to_string());
    assert_eq!(fetches(&sandbox), 1);
    pass(Duration::from_secs(1)).await;
    order(&client).await.unwrap();
    assert_eq!(fetches(&sandbox), 2);
    assert!(client.platform_keys().last_error().is_none());
}

#[tokio::test]
async fn a_request_waits_for_certificates_within_its_own_limit() {
    let sandbox = signing_by_certificate();
    let client = keeping(&sandbox);
    sandbox.misbehave(Misbehaviour::Delay(Duration::from_secs(20)));
    sandbox.misbehave(Misbehaviour::Delay(Duration::from_secs(20)));
    let limited = || order(&client).timeout(Duration::from_millis(200));
    for error in [limited().await.unwrap_err(), limited().wait().unwrap_err()] {
        assert!(error.is_timeout() && error.is_retryable());
        assert!(!error.may_have_been_sent(), "{error}");
        assert_says(&error, &["platform certificates", "0.2 s", "not sent"]);
    }
    order(&client).await.unwrap();
}

#[tokio::test]
async fn the_apiv3_key_decides_whether_certificates_can_be_trusted() {
    let sandbox = signing_by_certificate();
    let builder = sandbox.client_builder();
    let client = builder.apiv3_key("12345678901234567890123456789012");
    let client = client.build().unwrap();
    let error = order(&client).await.unwrap_err();
    assert!(matches!(error, Error::Decode(_)));
    assert_says(&error, &["APIv3 key", "merchant platform", "not sent"]);
    assert!(!error.to_string().contains("1234567890123456"));
    assert!(!error.may_have_been_sent());
    sandbox.misbehave(Misbehaviour::CertificatesUnderAnotherKey);
    let error = order(&keeping(&sandbox)).await.unwrap_err();
    assert_says(&error, &["APIv3 key"]);
    let client = keeping(&sandbox);
    sandbox.misbehave(Misbehaviour::CertificateListedAs("AB".to_owned()));
    let error = order(&client).await.unwrap_err();
    assert_says(&error, &["serial number", "not sent"]);
}

#[tokio::test]
async fn certificates_that_are_not_valid_now_are_left_out() {
    let sandbox = Sandbox::start().await.unwrap();
    let day = Duration::from_secs(86_400);
    let now = SystemTime::now();
    let old = sandbox.add_certificate(now - 20 * day, now - day);
    let coming = sandbox.add_certificate(now + day, now + 20 * day);
    let good = sandbox.certificates()[0].serial().to_owned();
    sandbox.sign_with(&good).unwrap();
    let fetched = keeping(&sandbox).certificates().await.unwrap();
    let serials: Vec<_> = fetched.iter().map(|it| it.serial()).collect();
    assert!(serials.contains(&good.as_str()));
    assert!(!serials.contains(&old.serial()) && !serials.contains(&coming.serial()));
    for certificate in sandbox.certificates() {
        if certificate.serial() != old.serial() {
            sandbox.withdraw_certificate(certificate.serial());
        }
    }
    sandbox.sign_with(old.serial()).unwrap();
    let error = keeping(&sandbox).certificates().await.unwrap_err();
    assert_says(
        &error,
        &["none of the 1 certificates", "valid now", "clock"],
    );
}

#[tokio::test]
async fn certificates_come_with_serial_dates_and_pem_to_be_saved() {
    let sandbox = signing_by_certificate();
    let client = keeping(&sandbox);
    let fetched = client.certificates().await.unwrap();
    assert_eq!(client.certificates().wait().unwrap().len(), fetched.len());
    assert_eq!(fetches(&sandbox), 1, "at most one fetch a minute");
    let mut builder = sandbox.client_builder();
    for (certificate, published) in fetched.iter().zip(sandbox.certificates()) {
        assert_eq!(certificate.serial(), published.serial());
        assert_eq!(certificate.pem().trim(), published.pem().trim());
        let seconds = |time: SystemTime| {
            let since = time.duration_since(SystemTime::UNIX_EPOCH);
            i64::try_from(since.unwrap().as_secs()).unwrap()
        };
        assert_eq!(seconds(certificate.not_before()), published.not_before());
        assert_eq!(seconds(certificate.not_after()), published.not_after());
        builder = builder.platform_certificate(certificate.pem());
    }
    order(&builder.build().unwrap()).await.unwrap();
    assert_eq!(fetches(&sandbox), 1);
    let error = sandbox.client_builder();
    let error = error
        .platform_certificate(fetched[0].pem())
        .build()
        .unwrap();
    let error = error.certificates().await.unwrap_err();
    assert_says(&error, &["apiv3_key"]);
}

#[tokio::test]
async fn an_unknown_serial_is_looked_up_once_and_a_flood_of_them_is_one_fetch() {
    let sandbox = signing_by_certificate();
    let client = keeping(&sandbox);
    order(&client).await.unwrap();
    let now = SystemTime::now();
    let day = Duration::from_secs(86_400);
    let new = sandbox.add_certificate(now - day, now + 100 * day);
    sandbox.sign_with(new.serial()).unwrap();
    // Within a minute of the last fetch there is no other.
    let error = order(&client).await.unwrap_err();
    assert_says(&error, &["can't be trusted", new.serial()]);
    assert!(error.may_have_been_sent());
    assert_eq!(fetches(&sandbox), 1);
    pass(MINUTE).await;
    let orders = (0..16).map(|_| order(&client).into_future());
    for result in futures::future::join_all(orders).await {
        result.unwrap();
    }
    assert_eq!(fetches(&sandbox), 2);
    pass(MINUTE).await;
    for serial in ["AB01", "AB02", "AB03"] {
        sandbox.misbehave(Misbehaviour::UnknownSerial(serial.to_owned()));
        // The certificates' own answer must be a good one.
        let error = order(&client).await.unwrap_err();
        assert_says(&error, &[serial, new.serial()]);
    }
    assert_eq!(fetches(&sandbox), 3);
}

#[tokio::test]
async fn a_failed_refresh_keeps_the_old_certificates_and_says_so() {
    let sandbox = signing_by_certificate();
    let client = keeping(&sandbox);
    order(&client).await.unwrap();
    pass(MINUTE).await;
    sandbox.misbehave(Misbehaviour::UnknownSerial("AB01".to_owned()));
    sandbox.misbehave(Misbehaviour::status(500, "SYSTEM_ERROR", "系统错误"));
    let error = order(&client).await.unwrap_err();
    assert!(matches!(error, Error::Verify(_)));
    assert_says(
        &error,
        &[
            "AB01",
            "could not be fetched",
            "SYSTEM_ERROR",
            "query before",
        ],
    );
    order(&client).await.unwrap();
    let known = client.platform_keys();
    assert!(!known.keys().is_empty());
    assert_eq!(
        known.last_error().unwrap().api().unwrap().code(),
        "SYSTEM_ERROR"
    );
}

#[tokio::test]
async fn certificates_are_refreshed_in_time_while_requests_go_on() {
    let sandbox = signing_by_certificate();
    let client = keeping(&sandbox);
    order(&client).await.unwrap();
    pass(Duration::from_secs(12 * 3_600 + 1)).await;
    sandbox.answer(
        "GET",
        "/v3/certificates",
        500,
        json!({"code": "SYSTEM_ERROR"}),
    );
    order(&client).await.unwrap();
    order(&client).wait().unwrap();
    crate::support::until(|| client.platform_keys().last_error().is_some()).await;
    sandbox.forget_answers();
    pass(MINUTE).await;
    order(&client).await.unwrap();
    crate::support::until(|| client.platform_keys().last_error().is_none()).await;
}

#[test]
fn a_refresh_ends_with_the_last_clone_of_its_client() {
    let runtime = Runtime::new_current_thread().enable_all().build().unwrap();
    let sandbox = signing_by_certificate();
    runtime.block_on(async {
        let client = keeping(&sandbox);
        order(&client).await.unwrap();
        pass(Duration::from_secs(12 * 3_600 + 1)).await;
        let hang = Misbehaviour::Delay(Duration::from_secs(60));
        // The order is answered; the refresh that it sets off is not.
        sandbox.answer("GET", "/v3/certificates", 200, json!({}));
        sandbox.misbehave_always(hang);
        let pending = order(&client).timeout(Duration::from_millis(300)).await;
        assert!(pending.unwrap_err().is_timeout());
        drop(client);
        let metrics = tokio::runtime::Handle::current().metrics();
        crate::support::until(|| metrics.num_alive_tasks() == 0).await;
    });
}

#[tokio::test]
async fn each_host_and_prefix_has_certificates_of_its_own() {
    let first = signing_by_certificate();
    let second = signing_by_certificate();
    let mut builder = first.client_builder().apiv3_key(first.apiv3_key());
    builder = builder.root_certificate(second.root_certificate().unwrap());
    let client = builder.build().unwrap();
    order(&client).await.unwrap();
    order(&client).base_uri(second.base_uri()).await.unwrap();
    first.answer("POST", "/hk/v3/*", 200, json!({}));
    order(&client)
        .base_uri(format!("{}hk", first.base_uri()))
        .await
        .unwrap();
    assert_eq!(fetches(&first), 2);
    assert!(paths(&first).contains(&"/hk/v3/certificates".to_owned()));
    assert_eq!(fetches(&second), 1);
    let hosts = client.platform_keys();
    assert_eq!(hosts.keys().len(), 6);
}

#[tokio::test]
async fn with_a_public_key_nothing_is_fetched_whatever_signs() {
    let sandbox = Sandbox::start().await.unwrap();
    let client = sandbox.client();
    order(&client).await.unwrap();
    sandbox
        .sign_with(sandbox.certificates()[0].serial())
        .unwrap();
    let error = order(&client).await.unwrap_err();
    assert_says(
        &error,
        &[
            "not among the configured keys",
            "add this platform certificate",
        ],
    );
    assert_eq!(fetches(&sandbox), 0);
    // Asked for by name they are fetched, and not trusted for it.
    let builder = sandbox.client_builder().apiv3_key(sandbox.apiv3_key());
    let builder = builder.cert(sandbox.platform_serial(), sandbox.platform_public_key());
    let client = builder.build().unwrap();
    sandbox.sign_with(sandbox.platform_serial()).unwrap();
    assert_eq!(client.certificates().await.unwrap().len(), 2);
    sandbox
        .sign_with(sandbox.certificates()[0].serial())
        .unwrap();
    order(&client).await.unwrap_err();
}

#[tokio::test]
async fn an_answer_under_a_public_key_that_is_not_configured_sets_off_no_fetch() {
    let sandbox = signing_by_certificate();
    let client = keeping(&sandbox);
    order(&client).await.unwrap();
    pass(MINUTE).await;
    sandbox.sign_with(sandbox.platform_serial()).unwrap();
    let error = order(&client).await.unwrap_err();
    assert_says(
        &error,
        &["being moved to the public key", ".cert(\"PUB_KEY_ID_"],
    );
    assert_eq!(fetches(&sandbox), 1);
}

#[tokio::test]
async fn a_configured_certificate_that_has_expired_still_verifies() {
    let sandbox = Sandbox::start().await.unwrap();
    let day = Duration::from_secs(86_400);
    let now = SystemTime::now();
    let old = sandbox.add_certificate(now - 20 * day, now - day);
    sandbox.sign_with(old.serial()).unwrap();
    let builder = sandbox.client_builder().platform_certificate(old.pem());
    let client = builder.build().unwrap();
    assert!(order(&client).await.unwrap().verified());
    assert!(client.platform_keys().keys()[0].not_after().unwrap() < now);
}

/// Requests by 64 tasks until told to stop: how many were answered, and what went wrong.
async fn load<F>(client: &Client, work: F) -> usize
where
    F: Future<Output = ()>,
{
    let stop = Arc::new(AtomicBool::new(false));
    let answered = Arc::new(AtomicUsize::new(0));
    let tasks: Vec<_> = (0..64)
        .map(|_| {
            let (client, stop) = (client.clone(), Arc::clone(&stop));
            let answered = Arc::clone(&answered);
            tokio::spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    order(&client).await?;
                    answered.fetch_add(1, Ordering::Relaxed);
                }
                Ok(())
            })
        })
        .collect();
    work.await;
    stop.store(true, Ordering::Relaxed);
    for task in tasks {
        let result: Result<()> = task.await.unwrap();
        result.unwrap();
    }
    answered.load(Ordering::Relaxed)
}

/// 64 requests in flight, and between their answers certificates appear that nobody knew: each is
/// fetched, and no answer is refused.
#[tokio::test]
async fn certificates_that_appear_and_go_under_load_fail_no_request() {
    let sandbox = signing_by_certificate();
    let client = keeping(&sandbox);
    let stop = Arc::new(AtomicBool::new(false));
    let tasks: Vec<_> = (0..64)
        .map(|_| {
            let (client, stop) = (client.clone(), Arc::clone(&stop));
            tokio::spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    // No limit, since the clock will jump.
                    order(&client).timeout(Duration::ZERO).await?;
                }
                Ok(())
            })
        })
        .collect();
    for _ in 0..5 {
        let seen = sandbox.received().len();
        crate::support::until(|| sandbox.received().len() > seen + 64).await;
        pass(MINUTE).await;
        let now = SystemTime::now();
        let year = Duration::from_secs(365 * 86_400);
        let new = sandbox.add_certificate(now - year, now + year);
        let old = sandbox.certificates()[0].clone();
        sandbox.sign_with(new.serial()).unwrap();
        sandbox.withdraw_certificate(old.serial());
        let is_known = || client.platform_keys().serials().contains(&new.serial());
        crate::support::until(is_known).await;
    }
    let seen = sandbox.received().len();
    crate::support::until(|| sandbox.received().len() > seen + 64).await;
    stop.store(true, Ordering::Relaxed);
    for task in tasks {
        let result: Result<()> = task.await.unwrap();
        result.unwrap();
    }
    assert_eq!(fetches(&sandbox), 6);
}

async fn answered_more(client: &Client, requests: usize) {
    for _ in 0..requests {
        order(client).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_signing_certificate_may_change_at_any_time_under_load() {
    let sandbox = signing_by_certificate();
    let client = keeping(&sandbox);
    let serials: Vec<_> = sandbox
        .certificates()
        .iter()
        .map(|it| it.serial().to_owned())
        .collect();
    let answered = load(&client, async {
        for turn in 0..30 {
            tokio::time::sleep(Duration::from_millis(50)).await;
            sandbox.sign_with(&serials[turn % serials.len()]).unwrap();
        }
    })
    .await;
    assert!(answered >= 64, "{answered}");
    assert_eq!(fetches(&sandbox), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_running_client_moves_from_certificates_to_the_public_key_without_a_failure() {
    for fetched in [true, false] {
        let sandbox = signing_by_certificate();
        let certificate = sandbox.certificates()[0].clone();
        let builder = sandbox.client_builder();
        let client = if fetched {
            builder.apiv3_key(sandbox.apiv3_key())
        } else {
            builder.platform_certificate(certificate.pem())
        };
        let client = client.build().unwrap();
        let public = (sandbox.platform_serial(), sandbox.platform_public_key());
        load(&client, async {
            answered_more(&client, 5).await;
            let both = [(certificate.serial(), certificate.pem()), public];
            client.replace_platform_keys(both).unwrap();
            answered_more(&client, 5).await;
            sandbox.sign_with(sandbox.platform_serial()).unwrap();
            answered_more(&client, 5).await;
            client.replace_platform_keys([public]).unwrap();
            answered_more(&client, 5).await;
        })
        .await;
        assert_eq!(client.platform_keys().keys()[0].serial(), public.0);
        let last = sandbox.received().pop().unwrap();
        assert_eq!(last.header("wechatpay-serial"), Some(public.0));
    }
}

#[test]
fn keys_that_do_not_pass_the_checks_replace_nothing() {
    let sandbox = Sandbox::start_blocking().unwrap();
    let client = sandbox.client();
    let own = [(sandbox.merchant_serial(), sandbox.merchant_certificate())];
    let error = client.replace_platform_keys(own).unwrap_err();
    assert_says(&error, &["certs", "merchant's own"]);
    let error = client
        .replace_platform_keys([("AB", "no key")])
        .unwrap_err();
    assert!(matches!(error, Error::Key(_)));
    let none: [(&str, &str); 0] = [];
    let without = sandbox.client_builder();
    let without = without.cert(sandbox.platform_serial(), sandbox.platform_public_key());
    let without = without.build().unwrap();
    without.replace_platform_keys(none).unwrap_err();
    for client in [client, without] {
        assert_eq!(
            client.platform_keys().serials(),
            [sandbox.platform_serial()]
        );
        order(&client).wait().unwrap();
    }
}

#[tokio::test]
async fn a_request_can_be_signed_for_another_client_after_its_certificates_were_fetched() {
    let sandbox = signing_by_certificate();
    let client = keeping(&sandbox);
    let error = order(&client).into_parts().unwrap_err();
    assert!(matches!(error, Error::Request(_)));
    assert_says(&error, &["certificates", ".sign().await"]);
    let (request, answer) = order(&client).sign().await.unwrap();
    assert!(request.headers().contains_key("authorization"));
    assert_eq!(fetches(&sandbox), 1);
    let refused = answer
        .accept_async(http::Response::new(bytes::Bytes::new()))
        .await;
    assert_says(&refused.unwrap_err(), &["Wechatpay-Nonce"]);
    order(&client).sign().wait().unwrap();
    order(&client).into_parts().unwrap();
}

#[test]
fn a_key_of_the_sandbox_is_refused_at_run_time_too() {
    let sandbox = Sandbox::start_blocking().unwrap();
    let client = crate::support::offline();
    let keys = [(sandbox.platform_serial(), sandbox.platform_public_key())];
    let error = client.replace_platform_keys(keys).unwrap_err();
    assert_says(&error, &["sandbox"]);
    let request: Request = client.chain("v3/x").get();
    drop(request);
}
