//! `wechatpay sandbox`.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};
use wechatpay_sandbox::Sandbox;

use crate::support::{run, wechatpay};

/// A sandbox in a process, ended with this.
struct Started {
    child: Child,
    /// Its line of JSON.
    said: Value,
}

impl Started {
    fn new(arguments: &[&str]) -> Self {
        let mut command = wechatpay(&["sandbox", "--json"]);
        command.args(arguments);
        Self::with(command)
    }

    fn with(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        let stdout = child.stdout.as_mut().unwrap();
        BufReader::new(stdout).read_line(&mut line).unwrap();
        let said = serde_json::from_str(&line).unwrap();
        Self { child, said }
    }

    fn text(&self, name: &str) -> &str {
        self.said[name].as_str().unwrap()
    }

    /// A command about this sandbox.
    fn about(&self, arguments: &[&str]) -> Command {
        let mut command = wechatpay(&["sandbox"]);
        command
            .args(arguments)
            .args(["--url", self.text("base_uri")]);
        command
    }

    fn folder(&self) -> PathBuf {
        self.said["files"]["folder"].as_str().unwrap().into()
    }

    /// Whether it ended well when it was told to.
    fn end(&mut self, signal: &str) -> bool {
        tell(&self.child, signal);
        self.child.wait().unwrap().success()
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        if self.child.try_wait().unwrap().is_none() {
            self.end("-TERM");
        }
    }
}

fn tell(child: &Child, signal: &str) {
    let id = child.id().to_string();
    let sent = Command::new("kill").args([signal, &id]).status();
    assert!(sent.unwrap().success());
}

#[test]
fn the_line_of_json_is_all_that_a_client_needs() {
    let started = Started::new(&[]);
    let client = wechatpay_chain::Client::builder()
        .mchid(started.text("mchid"))
        .serial(started.text("serial"))
        .private_key(format!(
            "file://{}",
            started.said["files"]["private_key"].as_str().unwrap()
        ))
        .cert(
            started.text("platform_serial"),
            format!(
                "file://{}",
                started.said["files"]["public_key"].as_str().unwrap()
            ),
        )
        .base_uri(started.text("base_uri"))
        .build()
        .unwrap();
    let order = json!({
        "appid": "wx8888888888888888", "mchid": started.text("mchid"), "description": "QQ公仔",
        "out_trade_no": "CLI20261125", "notify_url": "http://127.0.0.1:9/", "amount": { "total": 100 },
    });
    client
        .chain("v3/pay/transactions/native")
        .post(order)
        .wait()
        .unwrap();

    let paid = run(started.about(&["pay", "CLI20261125"]));
    assert_eq!(paid.code, 0, "{}", paid.stderr);
    let paid: Value = serde_json::from_str(&paid.stdout).unwrap();
    assert!(paid["transaction_id"].is_string());

    let again = run(started.about(&["pay", "CLI20261125"]));
    assert_eq!((again.code, again.stdout.as_str()), (4, ""));
    assert!(again.stderr.contains("CLI20261125"), "{}", again.stderr);

    let seen = run(started.about(&["tail", "--once"]));
    assert_eq!(seen.stdout, "POST /v3/pay/transactions/native signed\n");

    let clock = run(started.about(&["clock", "--advance", "7200"]));
    let clock: Value = serde_json::from_str(&clock.stdout).unwrap();
    assert_eq!(clock["ahead"], 7200);

    assert_eq!(run(started.about(&["reset"])).code, 0);
    assert_eq!(run(started.about(&["tail", "--once"])).stdout, "");
}

/// Go's and Java's programs fetch certificates: the sandbox can be the WeChat Pay of their days.
#[test]
fn with_certificates_they_sign_and_are_what_a_client_is_given() {
    let started = Started::new(&["--certificates"]);
    let environment = &started.said["environment"];
    let (serial, pem) = environment["WECHATPAY_CERTS"]
        .as_str()
        .unwrap()
        .split_once('=')
        .unwrap();
    assert!(pem.starts_with("-----BEGIN CERTIFICATE-----"));
    let client = wechatpay_chain::Client::builder()
        .mchid(started.text("mchid"))
        .serial(started.text("serial"))
        .private_key(environment["WECHATPAY_PRIVATE_KEY"].as_str().unwrap())
        .cert(serial, pem)
        .base_uri(started.text("base_uri"))
        .build()
        .unwrap();
    let answer = client.chain("v3/certificates").get().wait().unwrap();
    assert_eq!(answer.header("Wechatpay-Serial"), Some(serial));
    assert!(answer.verified());
}

/// A folder with the settings of somebody's tests.
fn own_keys() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in [
        ("apiclient_cert.pem", vectors::CERTIFICATE),
        ("apiclient_key.pem", vectors::PRIVATE_KEY),
        ("platform_key.pem", vectors::PLATFORM_KEY),
        ("apiv3.key", vectors::APIV3_KEY),
        ("secret.key", vectors::SECRET),
    ] {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

/// Published with this repository, as all its test vectors.
mod vectors {
    pub(super) const CERTIFICATE: &str = include_str!("../../../tests/vectors/keys/merchant.crt");
    pub(super) const PRIVATE_KEY: &str = include_str!("../../../tests/vectors/keys/merchant.key");
    pub(super) const SERIAL: &str = include_str!("../../../tests/vectors/keys/merchant.serial");
    pub(super) const PLATFORM_KEY: &str = include_str!("../../../tests/vectors/keys/platform.key");
    pub(super) const PLATFORM_PUBLIC_KEY: &str =
        include_str!("../../../tests/vectors/keys/platform.pub");
    /// As an editor leaves it.
    pub(super) const APIV3_KEY: &str = "OwnApiv3KeyOfSomeProgramsTests01\n";
    pub(super) const SECRET: &str = "OwnApiv2KeyOfSomeProgramsTests02\n";
}

const OWN: [&str; 10] = [
    "--mchid",
    "1900000999",
    "--keys",
    ".",
    "--platform-serial",
    "PUB_KEY_ID_0119000009992026010100000000000001",
    "--apiv3-key-file",
    "apiv3.key",
    "--secret-file",
    "secret.key",
];

#[test]
fn a_program_with_settings_of_its_own_works_unchanged_and_no_key_is_shown() {
    let folder = own_keys();
    let mut command = wechatpay(&["sandbox", "--json"]);
    command.args(OWN).current_dir(folder.path());
    let started = Started::with(command);
    let client = wechatpay_chain::Client::builder()
        .mchid("1900000999")
        .serial(vectors::SERIAL)
        .private_key(vectors::PRIVATE_KEY)
        .cert(OWN[5], vectors::PLATFORM_PUBLIC_KEY)
        .apiv3_key(vectors::APIV3_KEY.trim())
        .secret(vectors::SECRET.trim())
        .base_uri(started.text("base_uri"))
        .build()
        .unwrap();
    let answer = client.chain("v3/certificates").get().wait().unwrap();
    assert!(answer.verified());
    let order =
        json!({ "appid": "wx8888888888888888", "mch_id": "1900000999", "out_trade_no": "1" });
    let error = client.chain("v2/pay/orderquery").post(order).wait();
    let error = error.unwrap_err();
    assert_eq!(error.api().unwrap().code(), "ORDERNOTEXIST", "{error}");

    assert_eq!(started.text("mchid"), "1900000999");
    assert_eq!(started.text("serial"), vectors::SERIAL.trim());
    let said = started.said.to_string();
    assert!(!said.contains("PRIVATE KEY"), "{said}");
    assert!(!said.contains("OwnApiv"), "{said}");
}

#[test]
fn a_command_finds_the_settings_of_its_own() {
    let folder = own_keys();
    let script = r#"
        echo "$WECHATPAY_MCHID $WECHATPAY_APIV3_KEY $WECHATPAY_SECRET"
        cmp "$WECHATPAY_SANDBOX/apiclient_key.pem" apiclient_key.pem
    "#;
    let mut command = wechatpay(&["sandbox", "run"]);
    command.args(OWN).args(["--keys-to", "."]);
    command.args(["--", "sh", "-c", script]);
    command.current_dir(folder.path());
    let ran = run(command);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let expected = "1900000999 OwnApiv3KeyOfSomeProgramsTests01 OwnApiv2KeyOfSomeProgramsTests02\n";
    assert_eq!(ran.stdout, expected);
}

#[test]
fn settings_that_cant_be_used_are_named_with_their_files() {
    let folder = own_keys();
    std::fs::write(folder.path().join("short.key"), "OwnApiv3Key").unwrap();
    std::fs::create_dir(folder.path().join("mixed")).unwrap();
    for (from, to) in [
        ("apiclient_cert.pem", "mixed/apiclient_cert.pem"),
        ("platform_key.pem", "mixed/apiclient_key.pem"),
    ] {
        std::fs::copy(folder.path().join(from), folder.path().join(to)).unwrap();
    }
    let rows: [(&[&str], &str); 7] = [
        (&["--mchid", "19O0000109"], "mchid: \"19O0000109\""),
        (&["--keys", "nowhere"], "nowhere/apiclient_cert.pem: "),
        (
            &["--keys", "."],
            "./platform_key.pem wants --platform-serial",
        ),
        (
            &["--keys", "mixed"],
            "apiclient_cert.pem and apiclient_key.pem of mixed: a private key that does not belong",
        ),
        (
            &["--keys", ".", "--platform-serial", "中"],
            "--platform-serial and platform_key.pem of .: \"中\"",
        ),
        (
            &["--apiv3-key-file", "short.key"],
            "short.key: a key of 11 bytes was given; wanted: the APIv3 key, exactly 32 bytes",
        ),
        (&["--secret-file", "nowhere.key"], "nowhere.key: "),
    ];
    for (arguments, expected) in rows {
        let mut command = wechatpay(&["sandbox", "run"]);
        command.args(arguments).args(["--", "true"]);
        command.current_dir(folder.path());
        let ran = run(command);
        assert_eq!((ran.code, &*ran.stdout), (3, ""), "{}", ran.stderr);
        assert!(ran.stderr.contains(expected), "{}", ran.stderr);
        assert!(!ran.stderr.contains("OwnApiv"), "{}", ran.stderr);
    }
}

#[cfg(unix)]
#[test]
fn ctrl_c_and_a_signal_to_end_end_it_and_its_folder() {
    for signal in ["-INT", "-TERM"] {
        let mut started = Started::new(&["--tls"]);
        let root = std::fs::read_to_string(started.said["files"]["ca"].as_str().unwrap()).unwrap();
        assert!(root.starts_with("-----BEGIN CERTIFICATE-----"));
        assert!(started.folder().exists());
        assert!(started.end(signal), "{signal}");
        assert!(!started.folder().exists(), "{signal}");
    }
}

#[cfg(unix)]
#[test]
fn under_nohup_it_survives_its_terminal() {
    let program = assert_cmd::cargo::cargo_bin!("wechatpay");
    let mut command = Command::new("sh");
    command.args(["-c", "trap '' HUP; exec \"$0\" sandbox --json"]);
    command.arg(program);
    let started = Started::with(command);
    tell(&started.child, "-HUP");
    let health = run(started.about(&["wait", "--timeout", "5"]));
    assert_eq!(health.code, 0, "{}", health.stderr);
}

#[test]
fn a_named_folder_stays() {
    let folder = tempfile::tempdir().unwrap();
    let keys = folder.path().join("keys");
    let ran = run({
        let mut command = wechatpay(&["sandbox", "run", "--keys-to"]);
        command.arg(&keys).args(["--", "sh", "-c", "true"]);
        command
    });
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let key = std::fs::read_to_string(keys.join("apiclient_key.pem")).unwrap();
    assert!(key.starts_with("-----BEGIN PRIVATE KEY-----"));
}

#[test]
fn a_port_that_is_taken_is_named() {
    let started = Started::new(&[]);
    let port = started
        .text("base_uri")
        .trim_end_matches('/')
        .rsplit(':')
        .next()
        .unwrap();
    let second = run(wechatpay(&["sandbox", "--port", port]));
    assert_eq!(second.code, 2);
    assert!(
        second.stderr.contains(&format!("port {port} of 127.0.0.1")),
        "{}",
        second.stderr
    );
}

#[test]
fn run_passes_the_settings_in_and_the_exit_code_out() {
    let script = "echo $WECHATPAY_BASE_URI; test -f $WECHATPAY_SANDBOX/pub_key.pem && exit 7";
    let ran = run(wechatpay(&["sandbox", "run", "--", "sh", "-c", script]));
    assert_eq!(ran.code, 7, "{}", ran.stderr);
    assert!(
        ran.stdout.starts_with("http://127.0.0.1:"),
        "{}",
        ran.stdout
    );

    let missing = run(wechatpay(&["sandbox", "run", "--", "no-such-program"]));
    assert_eq!(missing.code, 2);
    assert!(
        missing.stderr.contains("no-such-program"),
        "{}",
        missing.stderr
    );
}

#[cfg(unix)]
#[test]
fn a_command_is_told_to_end_and_ends_as_it_likes() {
    let script = "trap 'exit 7' TERM; echo $WECHATPAY_SANDBOX; while :; do sleep 0.01; done";
    let mut command = wechatpay(&["sandbox", "run", "--", "sh", "-c", script]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut folder = String::new();
    let stdout = child.stdout.as_mut().unwrap();
    BufReader::new(stdout).read_line(&mut folder).unwrap();
    assert!(Path::new(folder.trim()).exists());
    tell(&child, "-TERM");
    assert_eq!(child.wait().unwrap().code(), Some(7));
    assert!(!Path::new(folder.trim()).exists());
}

#[cfg(unix)]
#[test]
fn a_command_that_a_signal_ended_ends_as_a_shell_says_it() {
    let ran = run(wechatpay(&[
        "sandbox",
        "run",
        "--",
        "sh",
        "-c",
        "kill -KILL $$",
    ]));
    assert_eq!(ran.code, 137);
}

#[test]
fn two_of_them_side_by_side_do_not_meet() {
    let script = r#"
        "$0" sandbox run -- sh -c '"$0" get v3/certificates > /dev/null && "$0" sandbox tail --once' "$0"
        echo the other:
        "$0" sandbox tail --once
    "#;
    let command = assert_cmd::cargo::cargo_bin!("wechatpay")
        .to_str()
        .unwrap()
        .to_owned();
    let ran = run(wechatpay(&[
        "sandbox", "run", "--", "sh", "-c", script, &command,
    ]));
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(ran.stdout, "GET /v3/certificates signed\nthe other:\n");
}

#[test]
fn wait_returns_when_it_answers_and_gives_up_when_nothing_does() {
    let sandbox = Sandbox::builder().plain().start_blocking().unwrap();
    let url = sandbox.base_uri();
    assert_eq!(run(wechatpay(&["sandbox", "wait", "--url", &url])).code, 0);
    drop(sandbox);
    let given_up = run(wechatpay(&[
        "sandbox",
        "wait",
        "--timeout",
        "0",
        "--url",
        &url,
    ]));
    assert_eq!(given_up.code, 6);
    assert!(
        given_up.stderr.contains("no sandbox answers at"),
        "{}",
        given_up.stderr
    );
}
