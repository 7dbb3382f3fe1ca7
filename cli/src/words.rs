//! What the SDK says to programs in Rust, in words of the shell.

use wechatpay_chain::Error;

/// What a method of the SDK is called here.
const CALLED: [(&str, &str); 10] = [
    (
        r#".cert("PUB_KEY_ID_…", "file:///…/pub_key.pem")"#,
        "--cert PUB_KEY_ID_…=pub_key.pem",
    ),
    (
        r#".cert("PUB_KEY_ID_…", "file:///…")"#,
        "--cert PUB_KEY_ID_…=pub_key.pem",
    ),
    (r#".cert(serial, "file:///…")"#, "--cert SERIAL=FILE"),
    (".sensitive_known()", "--sensitive known"),
    (
        r#".sensitive(["/pointer/to/field"])"#,
        "--sensitive /pointer/to/field",
    ),
    (
        r#".header("Wechatpay-Serial", …)"#,
        "the item Wechatpay-Serial:SERIAL",
    ),
    (
        ".merchant(certificate, key)",
        "--merchant-certificate and --private-key",
    ),
    (".query()", "name==value"),
    ("err.signed_message()", "what --dry-run shows"),
    (".at(time)", "--at TIME"),
];

/// An error, on one line.
pub(crate) fn of(error: &Error) -> String {
    of_shell(&error.to_string())
}

fn of_shell(text: &str) -> String {
    let text = CALLED.iter().fold(text.to_owned(), |text, (rust, shell)| {
        text.replace(rust, shell)
    });
    match variable(&text) {
        Some((call, name)) => text.replace(call, &format!("--var {name}=VALUE")),
        None => text,
    }
}

/// `.var("name", …)`, and the name in it.
fn variable(text: &str) -> Option<(&str, &str)> {
    const START: &str = ".var(\"";
    const END: &str = "\", …)";
    let start = text.find(START)?;
    let rest = text.get(start + START.len()..)?;
    let length = rest.find(END)?;
    let end = start + START.len() + length + END.len();
    Some((text.get(start..end)?, rest.get(..length)?))
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use wechatpay_chain::Client;

    use super::*;

    #[test]
    fn methods_are_called_as_options() {
        assert_eq!(
            of_shell(r#"x: fill it with .var("no", …)"#),
            "x: fill it with --var no=VALUE"
        );
        assert_eq!(
            of_shell(r#"configure it, .cert("PUB_KEY_ID_…", "file:///…/pub_key.pem")"#),
            "configure it, --cert PUB_KEY_ID_…=pub_key.pem"
        );
    }

    #[test]
    fn what_the_sdk_says_is_still_said_so() {
        let client = Client::builder()
            .mchid("1900000109")
            .secret("the APIv2 key, of 32 characters.")
            .build()
            .unwrap();
        let missing = client.chain("v2/{no}").post(json!({})).into_http();
        let merchant = client.chain("v2/secapi/pay/refund").post(json!({}));
        for (error, said) in [
            (missing.unwrap_err(), "--var no=VALUE"),
            (
                merchant.into_http().unwrap_err(),
                "--merchant-certificate and --private-key",
            ),
        ] {
            let text = of(&error);
            assert!(text.contains(said), "{text}");
        }
    }
}
