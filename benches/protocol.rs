//! What is done to a text on its way: APIv2's XML both ways, and a notification.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use serde_json::json;
use wechatpay_chain::transformer;
use wechatpay_sandbox::Sandbox;

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

criterion_group!(benches, xml, notification);
criterion_main!(benches);
