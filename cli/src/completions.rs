//! `wechatpay completions`: for shells, with the paths of the catalogue.

use clap::CommandFactory as _;
use clap_complete::Shell;

use crate::exit::Result;
use crate::{Cli, output};

/// `wechatpay completions`
#[derive(Debug, clap::Args)]
#[command(after_help = "\
bash: source <(wechatpay completions bash)
zsh:  wechatpay completions zsh > ~/.zfunc/_wechatpay, with ~/.zfunc in fpath
fish: wechatpay completions fish > ~/.config/fish/completions/wechatpay.fish")]
pub(crate) struct Args {
    /// The shell to write them for
    shell: Shell,
}

/// The commands whose argument is a path of the catalogue.
const WITH_PATH: [&str; 7] = [
    "get",
    "post",
    "put",
    "patch",
    "delete",
    "explain",
    "endpoints",
];

pub(crate) fn run(args: &Args) -> Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "wechatpay", &mut script);
    let script = String::from_utf8_lossy(&script);
    let script = match args.shell {
        Shell::Bash => bash(&script),
        Shell::Zsh => zsh(&script),
        Shell::Fish => fish(&script),
        _ => script.into_owned(),
    };
    output::bytes(script.as_bytes())
}

/// Before what clap wrote stands a function that knows of paths, and goes on to clap's for the rest.
fn bash(script: &str) -> String {
    let commands = WITH_PATH.join("|");
    format!(
        r#"{script}
_wechatpay_with_paths() {{
    local word="${{COMP_WORDS[COMP_CWORD]}}"
    case "${{COMP_WORDS[1]}}" in
        {commands})
            if [[ COMP_CWORD -gt 1 && "$word" != -* ]]; then
                mapfile -t COMPREPLY < <("${{COMP_WORDS[0]}}" endpoints --complete "$word" 2>/dev/null)
                if [[ ${{#COMPREPLY[@]}} -gt 0 ]]; then
                    [[ "${{COMPREPLY[0]}}" == */ ]] && compopt -o nospace 2>/dev/null
                    return 0
                fi
            fi
            ;;
    esac
    _wechatpay "$@"
}}
complete -F _wechatpay_with_paths -o nosort -o bashdefault -o default wechatpay
"#
    )
}

/// clap's `_default` for the argument PATH or WORD becomes a function that knows of paths.
fn zsh(script: &str) -> String {
    let mut text = String::with_capacity(script.len());
    for line in script.lines() {
        let argument = line.trim_start().trim_start_matches(['\'', '*', ':']);
        let is_path = argument.starts_with("path -- ") || argument.starts_with("words -- ");
        match is_path {
            true => text.push_str(&line.replace(":_default", ":_wechatpay_paths")),
            false => text.push_str(line),
        }
        text.push('\n');
        if line.starts_with("autoload -U is-at-least") {
            text.push_str(ZSH);
        }
    }
    text
}

const ZSH: &str = r#"
_wechatpay_paths() {
    local -a paths
    paths=(${(f)"$(_call_program paths wechatpay endpoints --complete ${(q)PREFIX} 2>/dev/null)"})
    compadd -S '' -a paths
}
"#;

fn fish(script: &str) -> String {
    let commands = WITH_PATH.join(" ");
    format!(
        "{script}complete -c wechatpay -n \"__fish_seen_subcommand_from {commands}\" -f \
         -a \"(wechatpay endpoints --complete (commandline -ct))\"\n"
    )
}
