//! `wechatpay help`, `man` and `completions`.

use std::collections::BTreeSet;
use std::process::Command;

use assert_cmd::cargo::cargo_bin;
use insta::assert_snapshot;

use crate::support::{run, wechatpay};

#[test]
fn the_exit_codes_have_a_page() {
    assert_snapshot!(run(wechatpay(&["help", "exit-codes"])).shown(), @r#"
    exit 0
    --- stdout
    What the exit code of wechatpay says:

        0  done
        1  a mistake of this program, or of the machine under it
        2  the command line, an item or a body can't be used; nothing was sent
        3  a setting or a key is missing, damaged, or contradicts another;
           nothing was sent
        4  the answer was a 4xx, or APIv2's FAIL
        5  the answer was a 5xx
        6  no answer came, and the request provably did not arrive:
           it may be repeated
        7  no answer came, and the request may have arrived:
           query before you repeat it
        8  an answer or a notification can't be trusted, or read:
           for a payment this is as unknown as 7
      130  interrupted by Ctrl-C

    wechatpay sandbox run ends with the code of the command that it ran. With --json the
    reason is one line of JSON on standard error: {"error":…,"exit":…}.
    --- stderr
    "#);
}

#[test]
fn help_is_that_of_the_command() {
    let help = run(wechatpay(&["help", "sandbox", "pay"]));
    let asked = run(wechatpay(&["sandbox", "pay", "--help"]));
    assert_eq!(help.stdout, asked.stdout);
    assert_eq!(help.code, 0);

    let all = run(wechatpay(&["help"])).stdout;
    assert!(all.contains("\n  exit-codes "), "{all}");
    let pages = run(wechatpay(&["help", "environment"])).stdout;
    assert!(pages.contains("WECHATPAY_APIV3_KEY"), "{pages}");
}

#[test]
fn an_unknown_command_or_page_says_what_was_probably_meant() {
    let unknown = run(wechatpay(&["help", "exitcodes"]));
    assert_snapshot!(unknown.shown(), @"
    exit 2
    --- stdout
    --- stderr
    error: wechatpay has no exitcodes; probably meant: exit-codes
    ");
    let unknown = run(wechatpay(&["help", "sandbox", "py"]));
    assert_snapshot!(unknown.shown(), @"
    exit 2
    --- stdout
    --- stderr
    error: wechatpay sandbox has no py; probably meant: pay
    ");
    let unknown = run(wechatpay(&["exlpain"]));
    assert_eq!(unknown.code, 2);
    assert!(unknown.stderr.contains("'explain'"), "{}", unknown.stderr);
}

#[test]
fn there_is_a_manual_page_for_each_command() {
    let page = run(wechatpay(&["man", "explain"]));
    assert!(
        page.stdout.contains(".TH wechatpay-explain 1"),
        "{}",
        page.stdout
    );

    let folder = tempfile::tempdir().unwrap();
    let pages = folder.path().join("man1");
    let mut all = wechatpay(&["man", "--to"]);
    all.arg(&pages);
    assert_eq!(run(all).code, 0);
    for name in ["wechatpay.1", "wechatpay-sandbox-pay.1"] {
        assert!(pages.join(name).is_file(), "{name}");
    }
}

/// The long options in a text.
fn options(text: &str) -> BTreeSet<&str> {
    let is_of_name = |letter: char| letter.is_ascii_alphanumeric() || letter == '-';
    let words = text.split(|letter| !is_of_name(letter));
    let options = words.filter(|word| word.starts_with("--") && !word.ends_with('-'));
    options.collect()
}

#[test]
fn the_guide_has_every_command_and_option_in_both_languages() {
    let folder = tempfile::tempdir().unwrap();
    let mut man = wechatpay(&["man", "--to"]);
    man.arg(folder.path());
    assert_eq!(run(man).code, 0);
    let mut pages = String::new();
    let mut commands = Vec::new();
    for page in std::fs::read_dir(folder.path()).unwrap() {
        let path = page.unwrap().path();
        // The sandbox has a guide of its own.
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        if !name.starts_with("wechatpay-sandbox") {
            pages.push_str(&std::fs::read_to_string(&path).unwrap());
            commands.extend(name.strip_prefix("wechatpay-").map(str::to_owned));
        }
    }
    let pages = pages.replace("\\fB", " ").replace("\\fR", " ");
    let pages = pages.replace("\\-", "-");
    let known = options(&pages);
    let english = include_str!("../../../docs/command.md");
    let chinese = include_str!("../../../docs/command.zh-CN.md");
    assert_eq!(options(english), options(chinese));
    let told = options(english);
    let untold: Vec<_> = known.difference(&told).collect();
    // What every command of this kind has.
    assert_eq!(untold, [&"--help", &"--version"]);
    // cargo's.
    let unknown: Vec<_> = told.difference(&known).collect();
    assert_eq!(unknown, [&"--path"]);
    for command in commands {
        let last = command.trim_start_matches("bill-");
        let last = last.trim_start_matches("config-");
        assert!(english.contains(last), "{command}");
        assert!(chinese.contains(last), "{command}");
    }
}

#[test]
fn completions_of_each_shell_know_the_paths() {
    for shell in ["bash", "zsh", "fish"] {
        let script = run(wechatpay(&["completions", shell]));
        assert_eq!(script.code, 0);
        assert!(script.stdout.contains("endpoints --complete"), "{shell}");
    }
    let zsh = run(wechatpay(&["completions", "zsh"])).stdout;
    // get, post, put, patch, delete, explain and endpoints.
    assert_eq!(zsh.matches(":_wechatpay_paths'").count(), 7);
}

/// What bash offers behind these words.
fn bash_offers(words: &[&str]) -> Option<String> {
    let binary = cargo_bin!("wechatpay");
    let quoted: Vec<_> = words.iter().map(|word| format!("'{word}'")).collect();
    let script = format!(
        "PATH={}:$PATH; source <(wechatpay completions bash) || exit 3
         COMP_WORDS=({}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
         _wechatpay_with_paths wechatpay \"${{COMP_WORDS[COMP_CWORD]}}\" \"${{COMP_WORDS[COMP_CWORD-1]}}\"
         printf '%s\\n' \"${{COMPREPLY[@]}}\"",
        binary.parent().unwrap().display(),
        quoted.join(" "),
    );
    let output = Command::new("bash").args(["-c", &script]).output().ok()?;
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    Some(String::from_utf8(output.stdout).unwrap())
}

#[test]
fn bash_completes_paths_and_what_clap_knows() {
    let Some(paths) = bash_offers(&["wechatpay", "explain", "v3/bill/"]) else {
        return;
    };
    assert_snapshot!(paths, @"
    v3/bill/fundflowbill
    v3/bill/sub-merchant-fundflowbill
    v3/bill/tradebill
    ");
    let commands = bash_offers(&["wechatpay", "exp"]).unwrap();
    assert_eq!(commands, "explain\n");
    let options = bash_offers(&["wechatpay", "explain", "--skel"]).unwrap();
    assert_eq!(options, "--skeleton\n");
}
