use wechatpay_chain::Client;

fn main() {
    let client = Client::from_env().unwrap();
    client.v3().pay().transactions().native().pots(());
}
