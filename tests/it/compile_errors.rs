//! What the compiler says of a mistake in a chain.

use std::process::Command;

/// The compiler's words change from version to version, so they are compared on one.
const PINNED: &str = "rustc 1.95.0 ";

#[test]
#[expect(clippy::print_stderr, reason = "a test that was skipped says so")]
fn the_compiler_explains_a_mistake_in_a_chain() {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let version = Command::new(rustc).arg("--version").output().unwrap();
    if !version.stdout.starts_with(PINNED.as_bytes()) {
        eprintln!("skipped: the compiler's words are compared with {PINNED}only");
        return;
    }
    let cases = trybuild::TestCases::new();
    cases.compile_fail("tests/compile/*.rs");
}
