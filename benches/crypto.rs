//! One signature and one verification, 2048 bits, with the backend that the features choose.

use criterion::{Criterion, criterion_group, criterion_main};
use wechatpay_chain::rsa::{PrivateKey, PublicKey};

fn rsa(criterion: &mut Criterion) {
    let backend = if cfg!(feature = "aws-lc-rs") {
        "aws-lc-rs"
    } else {
        "ring"
    };
    let private = PrivateKey::from_pem(include_str!("../tests/vectors/keys/merchant.key"));
    let public = PublicKey::from_pem(include_str!("../tests/vectors/keys/merchant.pub"));
    let (Ok(private), Ok(public)) = (private, public) else {
        panic!("the test keys are damaged");
    };
    let message = "POST\n/v3/marketing/busifavor/product-coupons/send\n1700000000\n\
                   593BEC0C930BF1AFEB40B4A08C8FB242\n{\"stock_id\":\"12312354\"}\n";
    let signature = private.sign(message);
    let mut group = criterion.benchmark_group(backend);
    group.bench_function("sign", |bencher| bencher.iter(|| private.sign(message)));
    group.bench_function("verify", |bencher| {
        bencher.iter(|| public.verify(message, &signature));
    });
    group.finish();
}

criterion_group!(benches, rsa);
criterion_main!(benches);
