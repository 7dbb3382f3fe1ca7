//! What is done to a text on its way: templates, queries, APIv2's XML both ways, and a notification.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use serde_json::json;
use wechatpay_chain::{Client, transformer};
use wechatpay_sandbox::Sandbox;

fn client() -> Client {
    Client::builder()
        .mchid("1900000109")
        .serial(include_str!("../tests/vectors/keys/merchant.serial"))
        .private_key(include_str!("../tests/vectors/keys/merchant.key"))
        .platform_certificate(include_str!("../tests/vectors/keys/platform.crt"))
        .build()
        .unwrap_or_else(|error| panic!("the test keys are damaged: {error}"))
}

/// Each figure holds one signature, which is all but some microseconds of it: compare them.
fn targets(criterion: &mut Criterion) {
    let client = client();
    let mut group = criterion.benchmark_group("signed GET");
    group.bench_function("plain", |bencher| {
        bencher.iter(|| client.chain("v3/certificates").get().into_http());
    });
    group.bench_function("template", |bencher| {
        let chain = client.chain("v3/pay/transactions/out-trade-no/{out_trade_no}");
        bencher.iter(|| {
            let request = black_box(&chain).get().var("out_trade_no", "1217752501");
            request.into_http()
        });
    });
    group.bench_function("query", |bencher| {
        let chain = client.chain("v3/merchant-service/complaints-v2");
        let query = json!({
            "limit": 5, "offset": 10, "begin_date": "2019-01-01", "end_date": "2019-01-01",
            "complainted_mchid": "1900012181",
        });
        bencher.iter(|| black_box(&chain).get().query(&query).into_http());
    });
    group.finish();
}

fn xml(criterion: &mut Criterion) {
    let value = json!({
        "appid": "wx8888888888888888", "mch_id": "1900000109", "nonce_str": "5K8264ILTKCH16CQ2502SI8ZNMTM67VS",
        "body": "QQ公仔 <&>", "out_trade_no": "1217752501201407033233368018", "total_fee": "888",
        "notify_url": "https://www.example.com/notify", "trade_type": "NATIVE",
    });
    let text = transformer::to_xml(&value);
    let mut group = criterion.benchmark_group("XML");
    group.bench_function("write", |bencher| {
        bencher.iter(|| transformer::to_xml(black_box(&value)));
    });
    group.bench_function("read", |bencher| {
        bencher.iter(|| transformer::to_value(black_box(&text)));
    });
    group.finish();
}

fn notification(criterion: &mut Criterion) {
    let sandbox = Sandbox::start_blocking().unwrap_or_else(|error| panic!("no sandbox: {error}"));
    let client = sandbox.client();
    let paid = json!({
        "mchid": "1900000109", "appid": "wx8888888888888888", "trade_state": "SUCCESS",
        "out_trade_no": "1217752501201407033233368018", "amount": { "total": 100, "currency": "CNY" },
    });
    let genuine = sandbox.notification("TRANSACTION.SUCCESS", "transaction", &paid);
    criterion.bench_function("notification/verified and decrypted", |bencher| {
        bencher.iter(|| {
            let incoming = client.notification(&genuine.headers(), genuine.body());
            incoming.wait().unwrap_or_else(|error| panic!("{error}"))
        });
    });
}

criterion_group!(benches, targets, xml, notification);
criterion_main!(benches);
