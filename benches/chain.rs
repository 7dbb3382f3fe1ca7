//! Building the seed's path in each of the three styles, the signed request on top of it, and those with a
//! template or a query.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use serde_json::json;
use wechatpay_chain::{Chain, Client};

const PATH: &str = "v3/marketing/busifavor/product-coupons/send";

fn client() -> Client {
    Client::builder()
        .mchid("1900000109")
        .serial(include_str!("../tests/vectors/keys/merchant.serial"))
        .private_key(include_str!("../tests/vectors/keys/merchant.key"))
        .platform_certificate(include_str!("../tests/vectors/keys/platform.crt"))
        .build()
        .unwrap_or_else(|error| panic!("the test keys are damaged: {error}"))
}

fn paths(criterion: &mut Criterion) {
    let client = client();
    let mut group = criterion.benchmark_group("path");
    group.bench_function("property", |bencher| {
        bencher.iter(|| -> Chain {
            let client = black_box(&client);
            let place = client.v3().marketing().busifavor().product_coupons();
            place.send().into()
        });
    });
    group.bench_function("chain", |bencher| {
        bencher.iter(|| black_box(&client).chain(black_box(PATH)));
    });
    group.bench_function("index", |bencher| {
        bencher.iter(|| black_box(&black_box(&client)[PATH]));
    });
    group.finish();
}

fn requests(criterion: &mut Criterion) {
    let client = client();
    let body = json!({
        "openid": "xsd3434454567676", "appid": "wx1234567889999", "stock_id": "12312354",
        "out_request_no": "2335465", "coupon_code": "202007019999", "coupon_type": "NORMAL",
        "member_card_id": "pbLatjvWOibDc5-TBnbUk1pD12o0",
    });
    criterion.bench_function("request/signed", |bencher| {
        bencher.iter(|| client[PATH].post(&body).into_http());
    });
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

criterion_group!(benches, paths, requests, targets);
criterion_main!(benches);
