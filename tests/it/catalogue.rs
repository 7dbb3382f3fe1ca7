//! The catalogue against the table it was made from, and what it does for paths.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde_json::json;
use wechatpay_chain::Error;
use wechatpay_chain::catalogue::{Endpoint, endpoints};
use wechatpay_sandbox::{Misbehaviour, Sandbox};

use crate::catalogue_chains::CHAINS;
use crate::support::offline;

const TABLE: &str = include_str!("../vectors/endpoints.tsv");

/// One line of the table.
struct Row {
    verb: &'static str,
    /// As the library has it: no leading slash, APIv2 under `v2/`.
    path: String,
    host: &'static str,
    certificate: bool,
    sensitive: [&'static str; 3],
    title: &'static str,
}

fn table() -> Vec<Row> {
    let rows = TABLE.lines().skip(1).map(|line| {
        let columns: Vec<_> = line.split('\t').collect();
        let path = columns[1].trim_start_matches('/');
        let is_v2 = !["v3/", "hk/", "global/"]
            .iter()
            .any(|root| path.starts_with(root));
        Row {
            verb: columns[0],
            path: format!("{}{path}", if is_v2 { "v2/" } else { "" }),
            host: columns[9],
            certificate: columns[11] == "yes",
            sensitive: [columns[12], columns[13], columns[15]],
            title: columns[16],
        }
    });
    rows.collect()
}

fn join(fields: impl Iterator<Item = &'static str>) -> String {
    fields.collect::<Vec<_>>().join(",")
}

#[test]
fn the_catalogue_has_the_rows_of_the_table_and_no_other() {
    let table: BTreeSet<_> = table()
        .into_iter()
        .map(|row| {
            (
                row.verb,
                row.path,
                row.title,
                row.host.to_owned(),
                row.certificate,
                row.sensitive.map(str::to_owned),
            )
        })
        .collect();
    let catalogue: BTreeSet<_> = endpoints()
        .map(|endpoint| {
            let sensitive = [
                join(endpoint.sensitive_request()),
                join(endpoint.sensitive_response()),
                join(endpoint.sensitive_query()),
            ];
            (
                endpoint.verb(),
                endpoint.path(),
                endpoint.title(),
                endpoint.host().unwrap_or_default().to_owned(),
                endpoint.needs_client_certificate(),
                sensitive,
            )
        })
        .collect();
    assert_eq!(endpoints().count(), 1155);
    assert_eq!(table.symmetric_difference(&catalogue).next(), None);
}

#[test]
fn only_the_two_verify_certificate_of_the_customs_want_pkcs1_padding() {
    let paths: Vec<_> = endpoints()
        .filter(Endpoint::needs_pkcs1v15)
        .map(|endpoint| (endpoint.verb(), endpoint.path()))
        .collect();
    let expected = [
        "v3/global/customs/verify-certificate",
        "global/v3/customs/verify-certificate",
    ];
    assert_eq!(paths, expected.map(|path| ("POST", path.to_owned())));
}

#[test]
fn each_row_has_its_chain_of_methods_which_the_compiler_checks() {
    let client = offline();
    let chains: BTreeSet<_> = CHAINS
        .iter()
        .map(|(verb, chain)| (*verb, chain(&client).path().replace("{empty}", "")))
        .collect();
    let table: BTreeSet<_> = table()
        .into_iter()
        .map(|row| (row.verb, row.path))
        .collect();
    assert_eq!(chains.symmetric_difference(&table).next(), None);
}

#[test]
fn each_row_is_reached_by_chain_and_known_there() {
    let client = offline();
    for row in table() {
        let chain = match row.path.strip_suffix('/') {
            Some(path) => client.chain(path).chain(""),
            None => client.chain(&row.path),
        };
        assert_eq!(chain.path(), row.path);
        let endpoint = chain.endpoint(row.verb).unwrap();
        assert_eq!((endpoint.path(), endpoint.title()), (row.path, row.title));
    }
}

#[test]
fn each_row_is_known_by_values_too_unless_a_literal_stands_in_their_place() {
    let client = offline();
    for row in table().into_iter().filter(|row| row.path.contains('{')) {
        let mut path = String::new();
        for segment in row.path.split('/') {
            let segment = if segment.starts_with('{') {
                "Ab12"
            } else {
                segment
            };
            write!(path, "/{segment}").unwrap();
        }
        let chain = client.chain(&path);
        assert_eq!(format!("/{}", chain.path()), path);
        assert!(!format!("{chain:?}").contains("Ab12"), "{chain:?}");
        assert!(chain.endpoint(row.verb).is_some(), "{path}");
    }
}

#[test]
fn an_endpoint_with_a_host_of_its_own_goes_there_unless_a_base_address_is_given() {
    let client = offline();
    let host = |request: wechatpay_chain::Request| {
        let request = request.into_http().unwrap();
        request.uri().host().unwrap().to_owned()
    };
    let refunds = client.v3().global().refunds();
    assert_eq!(host(refunds.post(json!({}))), "apihk.mch.weixin.qq.com");
    let by_path = client.chain("v3/global/refunds/id/Ab12");
    assert_eq!(host(by_path.get()), "apihk.mch.weixin.qq.com");
    let own = refunds
        .post(json!({}))
        .base_uri("https://apius.mch.weixin.qq.com/");
    assert_eq!(host(own), "apius.mch.weixin.qq.com");
    let native = client.v3().pay().transactions().native();
    assert_eq!(host(native.post(json!({}))), "api.mch.weixin.qq.com");
    let sandbox = Sandbox::start_blocking().unwrap();
    let refunds = sandbox.client().v3().global().refunds().post(json!({}));
    assert_eq!(host(refunds), "127.0.0.1");
}

#[test]
fn capitals_that_the_catalogue_does_not_know_are_refused_before_anything_is_sent() {
    let sandbox = Sandbox::start_blocking().unwrap();
    let client = sandbox.client();
    for path in ["v3/noSuch/path", "ABC", "v3/pay/transactions/outTradeNo2"] {
        let error = client.chain(path).get().wait().unwrap_err();
        assert!(matches!(error, Error::Request(_)), "{error}");
        assert!(error.to_string().contains(".segment(value)"), "{error}");
    }
    assert_eq!(sandbox.connections(), 0);
}

#[test]
fn a_known_path_in_camel_case_works_and_an_order_number_keeps_its_letters() {
    let client = offline();
    let path = |request: wechatpay_chain::Request| {
        let request = request.into_http().unwrap();
        request.uri().path().to_owned()
    };
    let send = client.chain("v3/marketing/busifavor/productCoupons/send");
    assert_eq!(
        path(send.post(json!({}))),
        "/v3/marketing/busifavor/product-coupons/send"
    );
    let close = "/v3/pay/transactions/out-trade-no/ORDER2024Ab/close";
    let order = client.chain(close);
    assert_eq!(path(order.post(json!({}))), close);
    let order = &client["v3/pay/transactions/out-trade-no/ORDER2024Ab/close"];
    assert_eq!(path(order.request("POST", json!({}))), close);
}

#[test]
fn a_404_on_an_unknown_path_names_the_nearest_and_an_unknown_verb_the_known_ones() {
    let sandbox = Sandbox::start_blocking().unwrap();
    let client = sandbox.client();
    let typo = client.chain("v3/marketing/busifavor/product-coupon/send");
    let error = typo.post(json!({})).wait().unwrap_err().to_string();
    let meant = "did you mean v3/marketing/busifavor/product-coupons/send?";
    assert!(error.contains(meant), "{error}");
    let verb = client.chain("v3/marketing/busifavor/product-coupons/send");
    let error = verb.get().wait().unwrap_err().to_string();
    assert!(error.contains("with POST, not with GET"), "{error}");
    // A known path and verb: the gateway means the order, not the path.
    sandbox.misbehave(Misbehaviour::status(404, "ORDER_NOT_EXIST", "订单不存在"));
    let order = client.v3().pay().transactions().id().transaction_id("4200");
    let error = order.get().wait().unwrap_err();
    assert_eq!(error.api().unwrap().hint(), None);
}

/// Compares a generated file with what it should be; with `UPDATE_GENERATED` it is written anew.
fn check_generated(path: &str, expected: &str) {
    let path: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    if std::env::var_os("UPDATE_GENERATED").is_some() {
        std::fs::write(&path, expected).unwrap();
        return;
    }
    let found = std::fs::read_to_string(&path).unwrap();
    assert!(
        found == expected,
        "{} is out of date: run the tests once with UPDATE_GENERATED=1",
        path.display()
    );
}

#[test]
fn the_page_of_all_endpoints_is_up_to_date() {
    let mut page = String::from(
        "Every endpoint of the catalogue, as the methods of a client lead to it.\n\n\
         | title | verb | path | Rust |\n|---|---|---|---|\n",
    );
    for endpoint in endpoints() {
        writeln!(
            page,
            "| {} | {} | [`{}`]({}) | `{}` |",
            endpoint.title().replace('|', "\\|"),
            endpoint.verb(),
            endpoint.path(),
            endpoint
                .documentation()
                .replace('{', "%7B")
                .replace('}', "%7D"),
            endpoint.methods()
        )
        .unwrap();
    }
    check_generated("src/catalogue/table.md", &page);
}

#[test]
fn the_file_of_all_chains_is_up_to_date() {
    let mut file = String::from(
        "//! Every endpoint as a chain of methods: generated from the catalogue, checked by the compiler.\n\n\
         use wechatpay_chain::{Chain, Client};\n\n\
         type Row = (&'static str, fn(&Client) -> Chain);\n\n\
         #[rustfmt::skip]\n\
         pub(crate) const CHAINS: &[Row] = &[\n",
    );
    let line = |endpoint: Endpoint| {
        format!(
            "    ({:?}, |client| client.{}.into()),\n",
            endpoint.verb(),
            endpoint.methods()
        )
    };
    file.extend(endpoints().map(line));
    file.push_str("];\n");
    check_generated("tests/it/catalogue_chains.rs", &file);
}
