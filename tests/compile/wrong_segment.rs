use wechatpay_chain::Client;

fn main() {
    let client = Client::from_env().unwrap();
    client.v3().marketing().busifavor().product_coupon().send();
}
