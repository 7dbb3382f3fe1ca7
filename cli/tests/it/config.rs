//! `wechatpay config`, and which setting comes before which.

use std::fs;
use std::path::Path;

use insta::assert_snapshot;
use serde_json::Value;

use crate::support::{Outcome, run, wechatpay};

const KEY: &str = "-----BEGIN PRIVATE KEY-----\nMIIsecret\n-----END PRIVATE KEY-----\n";

fn write(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    #[cfg(unix)]
    {
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        fs::set_permissions(path, mode).unwrap();
    }
}

/// The command with its home in this folder.
fn at(home: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> Outcome {
    let mut command = wechatpay(arguments);
    command.env("XDG_CONFIG_HOME", home);
    command.envs(variables.iter().copied());
    let mut outcome = run(command);
    let home = home.display().to_string();
    outcome.stdout = outcome.stdout.replace(&home, "HOME");
    outcome.stderr = outcome.stderr.replace(&home, "HOME");
    outcome
}

#[test]
fn a_template_is_written_once_and_is_valid() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    assert_snapshot!(at(home, &["config", "path"], &[]).shown(), @"
    exit 0
    --- stdout
    HOME/wechatpay/config.toml
    --- stderr
    it is not there yet: wechatpay config init writes one
    ");
    assert_snapshot!(at(home, &["config", "init"], &[]).shown(), @"
    exit 0
    --- stdout
    --- stderr
    written: HOME/wechatpay/config.toml
    ");
    assert_snapshot!(at(home, &["config", "init"], &[]).shown(), @"
    exit 2
    --- stdout
    --- stderr
    error: HOME/wechatpay/config.toml is there already, and stays as it is
    ");
    assert_snapshot!(at(home, &["config", "path"], &[]).shown(), @"
    exit 0
    --- stdout
    HOME/wechatpay/config.toml
    --- stderr
    ");
    assert_snapshot!(at(home, &["config", "list"], &[]).shown(), @"
    exit 0
    --- stdout
    default
    --- stderr
    ");
    assert_snapshot!(at(home, &["config", "show"], &[]).shown(), @"
    exit 0
    --- stdout
    --- stderr
    nothing is set: see wechatpay config init, and wechatpay help environment
    ");
    let path = home.join("wechatpay/config.toml");
    #[cfg(unix)]
    {
        let mode =
            std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&path).unwrap().permissions());
        assert_eq!(mode & 0o777, 0o600);
    }

    // Every line that is commented out is one that may stand there.
    let text = fs::read_to_string(&path).unwrap();
    let lines = text.lines().map(|line| match line.strip_prefix("# ") {
        Some(rest) if rest.contains(" = ") => rest,
        _ => line,
    });
    let text: Vec<_> = lines.collect();
    let text = text
        .join("\n")
        .replace("pass show wechatpay/apiv3", "echo secret");
    write(&path, &text);
    write(&home.join("wechatpay/apiv2.key"), "secret\n");
    let shown = at(home, &["config", "show"], &[]);
    assert_snapshot!(shown.shown(), @"
    exit 0
    --- stdout
    mchid                1900000109  (HOME/wechatpay/config.toml: default.mchid)
    serial               3775B6A45ACD588826D15E583A95F5DD********  (HOME/wechatpay/config.toml: default.serial)
    privateKey           set  (HOME/wechatpay/config.toml: default.privateKey)
    merchantCertificate  set  (HOME/wechatpay/config.toml: default.merchantCertificate)
    apiv3Key             set  (HOME/wechatpay/config.toml: default.apiv3Key)
    secret               set  (HOME/wechatpay/config.toml: default.secret HOME/wechatpay/apiv2.key)
    base_uri             http://127.0.0.1:8080/  (HOME/wechatpay/config.toml: default.base_uri)
    certs.PUB_KEY_ID_0114232134912410000000000000000 set  (HOME/wechatpay/config.toml: default.certs.PUB_KEY_ID_0114232134912410000000000000000)
    ca                   set  (HOME/wechatpay/config.toml: default.ca)
    --- stderr
    ");
}

#[test]
fn a_flag_comes_before_the_environment_and_that_before_the_profile() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    fs::create_dir(home.join("wechatpay")).unwrap();
    let file = "\
[default]
mchid = 1900000001
serial = 'of the profile'
secret = 'of the profile'

[shop]
mchid = '1900000002'
privateKey = 'key.pem'
apiv3Key = { command = 'printf topsecret' }
certs = { PUB_KEY_ID_1 = 'pub.pem' }
";
    write(&home.join("wechatpay/config.toml"), file);
    write(&home.join("wechatpay/key.pem"), KEY);

    let show = |arguments: &[&str], variables: &[(&str, &str)]| {
        let arguments = [&["config", "show"], arguments].concat();
        at(home, &arguments, variables).shown()
    };
    assert_snapshot!(show(&[], &[]), @"
    exit 0
    --- stdout
    mchid                1900000001  (HOME/wechatpay/config.toml: default.mchid)
    serial               of the profile  (HOME/wechatpay/config.toml: default.serial)
    secret               set  (HOME/wechatpay/config.toml: default.secret)
    --- stderr
    ");
    let variables = [
        ("WECHATPAY_SERIAL", "of the environment"),
        ("WECHATPAY_SECRET", "hidden"),
    ];
    assert_snapshot!(show(&[], &variables), @"
    exit 0
    --- stdout
    mchid                1900000001  (HOME/wechatpay/config.toml: default.mchid)
    serial               of the environment  (WECHATPAY_SERIAL)
    secret               set  (WECHATPAY_SECRET)
    --- stderr
    ");
    assert_snapshot!(show(&["--serial", "of the flag"], &variables), @"
    exit 0
    --- stdout
    mchid                1900000001  (HOME/wechatpay/config.toml: default.mchid)
    serial               of the flag  (--serial)
    secret               set  (WECHATPAY_SECRET)
    --- stderr
    ");
    assert_snapshot!(show(&["--profile", "shop"], &[]), @"
    exit 0
    --- stdout
    mchid                1900000002  (HOME/wechatpay/config.toml: shop.mchid)
    privateKey           set  (HOME/wechatpay/config.toml: shop.privateKey)
    apiv3Key             set  (HOME/wechatpay/config.toml: shop.apiv3Key)
    certs.PUB_KEY_ID_1   set  (HOME/wechatpay/config.toml: shop.certs.PUB_KEY_ID_1)
    --- stderr
    ");
    assert_eq!(
        show(&["--profile", "shop"], &[]),
        show(&[], &[("WECHATPAY_PROFILE", "shop")])
    );
    assert_snapshot!(show(&["--profile", "shpo"], &[]), @r#"
    exit 3
    --- stdout
    --- stderr
    error: HOME/wechatpay/config.toml has no profile "shpo"; it has default, shop
    "#);
    assert_snapshot!(at(home, &["config", "list"], &[]).shown(), @"
    exit 0
    --- stdout
    default          1900000001
    shop             1900000002
    --- stderr
    ");
}

#[test]
fn programs_are_told_in_json() {
    let home = tempfile::tempdir().unwrap();
    let variables = [
        ("WECHATPAY_MCHID", "1900000109"),
        ("WECHATPAY_SECRET", "hidden"),
    ];
    let shown = at(home.path(), &["config", "show", "--json"], &variables);
    let shown: Value = serde_json::from_str(&shown.stdout).unwrap();
    assert_eq!(shown["mchid"]["value"], "1900000109");
    assert_eq!(shown["secret"]["set"], true);
    assert_eq!(shown["secret"].get("value"), None);
    let failed = at(
        home.path(),
        &["config", "show", "--json", "--profile", "x"],
        &[],
    );
    assert_snapshot!(failed.shown(), @r#"
    exit 3
    --- stdout
    --- stderr
    {"error":"HOME/wechatpay/config.toml: No such file or directory (os error 2)","exit":3}
    "#);
}

#[test]
fn a_file_that_is_no_toml_is_told_by_its_line_and_without_its_content() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("broken.toml");
    write(&path, "[default]\nsecret = topsecret\n");
    let mut command = wechatpay(&["config", "show", "--config"]);
    command.arg(&path);
    let outcome = run(command);
    assert_eq!(outcome.code, 3);
    assert!(
        outcome.stderr.contains("broken.toml: line 2: "),
        "{}",
        outcome.stderr
    );
    assert!(!outcome.stderr.contains("topsecret"), "{}", outcome.stderr);
}
