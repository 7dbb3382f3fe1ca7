//! What is different on a terminal: colours, lines of 80 columns, and a question before money moves.

use serde_json::json;
use wechatpay_sandbox::Sandbox;

use crate::support::{Terminal, filters, folder, wechatpay, wechatpay_at};

/// The account of a merchant at a host that is no loopback address, and where nothing listens.
fn merchant_elsewhere(arguments: &[&str]) -> std::process::Command {
    let mut command = wechatpay(arguments);
    command
        .env("WECHATPAY_MCHID", "1900000109")
        .env("WECHATPAY_BASE_URI", "https://0.0.0.0:9/")
        .env(
            "WECHATPAY_SERIAL",
            include_str!("../../../tests/vectors/keys/merchant.serial").trim(),
        )
        .env(
            "WECHATPAY_PRIVATE_KEY",
            include_str!("../../../tests/vectors/keys/merchant.key"),
        )
        .env(
            "WECHATPAY_CERTS",
            format!(
                "PUB_KEY_ID_1={}",
                include_str!("../../../tests/vectors/keys/platform.pub")
            ),
        );
    command
}

#[test]
fn what_may_change_something_at_a_real_host_is_asked_once() {
    let post = ["post", "v3/refund/domestic/refunds", "--color", "never"];
    let asked = Terminal::new().run(merchant_elsewhere(&post), "n\n");
    insta::assert_snapshot!(asked.1, @"
    n
    merchant 1900000109 at 0.0.0.0:9: POST v3/refund/domestic/refunds (申请退款)
    send it? [y/N] error: not sent; --yes sends without asking
    ");
    assert_eq!(asked.0, Some(130));
    // Nothing listens there.
    let (code, shown) = Terminal::new().run(merchant_elsewhere(&post), "y\n");
    assert_eq!(code, Some(6), "{shown}");
    assert_eq!(shown.matches("send it?").count(), 1, "{shown}");
}

#[test]
fn yes_a_read_a_sandbox_and_a_pipe_are_not_asked() {
    let post = ["post", "v3/refund/domestic/refunds"];
    let yes = merchant_elsewhere(&[&post[..], &["--yes"]].concat());
    let get = merchant_elsewhere(&["get", "v3/certificates"]);
    for command in [yes, get] {
        let (code, shown) = Terminal::new().run(command, "");
        assert_eq!(code, Some(6), "{shown}");
        assert!(!shown.contains("send it?"), "{shown}");
    }
    let sandbox = Sandbox::builder().plain().start_blocking().unwrap();
    let (code, shown) = Terminal::new().run(wechatpay_at(&sandbox, &post), "");
    assert_eq!(code, Some(4), "{shown}");
    assert!(!shown.contains("send it?"), "{shown}");
    let piped = crate::support::run(merchant_elsewhere(&post));
    assert_eq!((piped.code, piped.stdout.as_str()), (6, ""));
}

#[test]
fn json_is_indented_and_coloured_unless_it_is_not_wanted() {
    let sandbox = Sandbox::builder().plain().start_blocking().unwrap();
    sandbox.answer("GET", "/v3/any", 200, json!({ "a": [1, "微", null] }));
    let get = |more: &[&str]| {
        let arguments = [&["get", "v3/any"], more].concat();
        wechatpay_at(&sandbox, &arguments)
    };
    let indented = "{\n  \"a\": [\n    1,\n    \"微\",\n    null\n  ]\n}\n";
    let coloured = Terminal::new().run(get(&[]), "").1;
    assert_ne!(coloured, indented);
    assert_eq!(
        anstream::adapter::strip_str(&coloured).to_string(),
        indented
    );
    let mut no_color = get(&[]);
    no_color.env("NO_COLOR", "1");
    for command in [no_color, get(&["--color", "never"])] {
        assert_eq!(Terminal::new().run(command, "").1, indented);
    }
    let line = Terminal::new().run(get(&["--json"]), "").1;
    assert_eq!(line, "{\"a\":[1,\"微\",null]}\n");
}

#[test]
fn bytes_that_are_no_text_stay_away_from_it() {
    let sandbox = Sandbox::builder().plain().start_blocking().unwrap();
    let image = wechatpay_sandbox::Misbehaviour::Raw {
        status: 200,
        content_type: "image/png".to_owned(),
        body: b"\x89PNG\xff".to_vec(),
        signed: true,
        headers: Vec::new(),
    };
    sandbox.misbehave(image);
    let command = wechatpay_at(&sandbox, &["get", "v3/any"]);
    let (code, shown) = Terminal::new().run(command, "");
    assert_eq!(code, Some(0));
    assert!(shown.contains("5 bytes that are no text"), "{shown}");
}

#[test]
fn checks_fit_80_columns() {
    let sandbox = Sandbox::builder().plain().start_blocking().unwrap();
    let doctor = wechatpay_at(&sandbox, &["doctor", "--color", "never"]);
    let (code, shown) = Terminal::new().run(doctor, "");
    assert_eq!(code, Some(0), "{shown}");
    insta::with_settings!({ filters => filters() }, {
        insta::assert_snapshot!(shown, @"
        ok     private key  RSA of 2048 bits, from WECHATPAY_PRIVATE_KEY
        ok     certificate  5A4D42D2053AB2F377643C6EADB695C908E1DC17, valid until
                            2120-01-01
        ok     pair         the private key is the certificate's
        ok     serial       that of the certificate
        ok     platform key PUB_KEY_ID_0119000001092020010100000000000000, RSA of 2048
                            bits
        ok     APIv3 key    32 bytes
        ok     APIv2 key    32 characters
        ok     settings     merchant 1900000109 at 127.0.0.1:PORT
        ok     entrance     127.0.0.1:PORT answers within MS ms
        ok     clock        within 30 s of the server's
        ok     request      signed, and accepted by WeChat Pay
        ok     answer       signed by PUB_KEY_ID_0119000001092020010100000000000000, and
                            verified
        ok     decryption   the APIv3 key opens the 2 platform certificates
        ok     key mode     the public key; platform certificates are there, too, so the
                            change to it may still be under way
        ");
    });
    assert!(shown.lines().all(|line| line.chars().count() <= 80));
}

#[test]
fn a_download_shows_how_far_it_is_and_leaves_the_line_clean() {
    let sandbox = Sandbox::builder().plain().start_blocking().unwrap();
    let folder = folder();
    let file = folder.path().join("bill");
    let address = format!(
        "{}v3/billdownload/file?token=sandbox-plain",
        sandbox.base_uri()
    );
    let command = wechatpay_at(&sandbox, &["get", &address, "-o", file.to_str().unwrap()]);
    let (code, shown) = Terminal::new().run(command, "");
    assert_eq!(code, Some(0), "{shown}");
    assert!(shown.contains("95 B of 95 B "), "{shown:?}");
    assert!(shown.ends_with("bill: 95 bytes\n"), "{shown:?}");
    let last = shown.rsplit('\r').next().unwrap();
    assert!(last.starts_with("\u{1b}[2K"), "{shown:?}");
}
