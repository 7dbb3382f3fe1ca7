//! What to paste into a program, language by language.

use std::fmt::Write as _;
use std::path::Path;

use wechatpay_sandbox::Sandbox;

use super::files::Files;
use crate::output::STRONG;

/// The address for `HTTPS_PROXY`.
pub(crate) fn proxy(sandbox: &Sandbox) -> String {
    format!("http://{}", sandbox.address())
}

/// What has a program go through the sandbox to WeChat Pay's hosts and trust what it finds there, in
/// whichever of these variables it reads.
pub(crate) fn proxy_environment(sandbox: &Sandbox, files: &Files) -> Vec<(&'static str, String)> {
    let mut variables = vec![
        ("HTTPS_PROXY", proxy(sandbox)),
        ("https_proxy", proxy(sandbox)),
        ("NO_PROXY", "127.0.0.1,localhost".to_owned()),
        ("no_proxy", "127.0.0.1,localhost".to_owned()),
    ];
    if let Some(root) = &files.root {
        let root = root.display().to_string();
        for name in [
            "SSL_CERT_FILE",
            "CURL_CA_BUNDLE",
            "REQUESTS_CA_BUNDLE",
            "NODE_EXTRA_CA_CERTS",
        ] {
            variables.push((name, root.clone()));
        }
    }
    variables
}

/// Everything that somebody who has just started a sandbox wants to know.
pub(crate) fn everything(sandbox: &Sandbox, files: &Files) -> String {
    let mut text = facts(sandbox, files);
    let chapters = [
        ("Rust", rust(sandbox, files)),
        ("PHP, wechatpay/wechatpay", php(sandbox, files)),
        (
            "JavaScript, wechatpay-axios-plugin",
            javascript(sandbox, files),
        ),
        ("Go, wechatpay-go", go(sandbox, files)),
    ];
    for (title, snippet) in chapters {
        let _ = write!(text, "\n{STRONG}{title}{STRONG:#}\n\n{snippet}");
    }
    let base = sandbox.base_uri();
    let _ = write!(
        text,
        "\nAn order is paid by: wechatpay sandbox pay OUT_TRADE_NO --url {base}\nCtrl-C ends it."
    );
    text
}

fn facts(sandbox: &Sandbox, files: &Files) -> String {
    let mut rows = vec![
        ("base URI", sandbox.base_uri()),
        ("merchant number", sandbox.mchid().to_owned()),
        ("merchant serial", sandbox.merchant_serial().to_owned()),
        ("public key ID", sandbox.platform_serial().to_owned()),
        ("APIv3 key", files.apiv3_key.clone()),
        ("APIv2 key", files.secret.clone()),
        ("keys and certificates", shown(files.folder())),
    ];
    for certificate in sandbox.certificates() {
        rows.push(("platform certificate", certificate.serial().to_owned()));
    }
    if let Some(root) = &files.root {
        rows.push((
            "as the real hosts",
            format!("HTTPS_PROXY={}", proxy(sandbox)),
        ));
        rows.push(("authority of its TLS", shown(root)));
    }
    let keys = if files.are_own {
        "Those of its keys that you did not give are public."
    } else {
        "Its keys are public."
    };
    let mut text = format!("{STRONG}A WeChat Pay sandbox is ready.{STRONG:#} {keys}\n\n");
    for (name, value) in rows {
        let _ = writeln!(text, "{name:<22} {value}");
    }
    text
}

fn rust(sandbox: &Sandbox, files: &Files) -> String {
    let mut text = format!(
        r#"let client = Client::builder()
    .mchid("{}")
    .serial("{}")
    .private_key("file://{}")
    .cert("{}", "file://{}")
    .apiv3_key("{}")
    .secret("{}")
    .base_uri("{}")
"#,
        sandbox.mchid(),
        sandbox.merchant_serial(),
        files.private_key.display(),
        sandbox.platform_serial(),
        files.public_key.display(),
        files.apiv3_key,
        files.secret,
        sandbox.base_uri(),
    );
    if let Some(root) = &files.root {
        let _ = writeln!(text, "    .root_certificate(\"file://{}\")", root.display());
    }
    text.push_str("    .build()?;\n");
    text
}

fn php(sandbox: &Sandbox, files: &Files) -> String {
    let mut text = format!(
        r"$instance = Builder::factory([
    'mchid' => '{}',
    'serial' => '{}',
    'privateKey' => Rsa::from('file://{}', Rsa::KEY_TYPE_PRIVATE),
    'certs' => ['{}' => Rsa::from('file://{}', Rsa::KEY_TYPE_PUBLIC)],
    'secret' => '{}',
    'base_uri' => '{}',
",
        sandbox.mchid(),
        sandbox.merchant_serial(),
        files.private_key.display(),
        sandbox.platform_serial(),
        files.public_key.display(),
        files.secret,
        sandbox.base_uri(),
    );
    if let Some(root) = &files.root {
        let _ = writeln!(text, "    'verify' => '{}',", root.display());
    }
    text.push_str("]);\n");
    text
}

fn javascript(sandbox: &Sandbox, files: &Files) -> String {
    let mut text = format!(
        r"const wxpay = new Wechatpay({{
  baseURL: '{}',
  mchid: '{}',
  serial: '{}',
  privateKey: readFileSync('{}'),
  certs: {{ '{}': readFileSync('{}') }},
  secret: '{}',
",
        sandbox.base_uri(),
        sandbox.mchid(),
        sandbox.merchant_serial(),
        files.private_key.display(),
        sandbox.platform_serial(),
        files.public_key.display(),
        files.secret,
    );
    if let Some(root) = &files.root {
        let _ = writeln!(
            text,
            "  httpsAgent: new https.Agent({{ ca: readFileSync('{}') }}),",
            root.display()
        );
    }
    text.push_str("  proxy: false,\n});\n");
    text
}

/// Go's SDK has the host built in: it gets here through the proxy.
fn go(sandbox: &Sandbox, files: &Files) -> String {
    let Some(root) = &files.root else {
        return "Its host is built in: start the sandbox with --tls, which is a proxy to it.\n"
            .to_owned();
    };
    format!(
        r#"// HTTPS_PROXY={} SSL_CERT_FILE={} go run .
privateKey, err := utils.LoadPrivateKeyWithPath("{}")
publicKey, err := utils.LoadPublicKeyWithPath("{}")
client, err := core.NewClient(ctx, option.WithWechatPayPublicKeyAuthCipher(
    "{}", "{}", privateKey, "{}", publicKey))
"#,
        proxy(sandbox),
        root.display(),
        files.private_key.display(),
        files.public_key.display(),
        sandbox.mchid(),
        sandbox.merchant_serial(),
        sandbox.platform_serial(),
    )
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}
