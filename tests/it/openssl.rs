//! A second opinion on cryptography: the `openssl` command.

use std::path::PathBuf;
use std::process::Command;

/// The `openssl` command in a directory of its own, which goes when this does.
pub(crate) struct OpenSsl {
    directory: PathBuf,
}

impl OpenSsl {
    /// Says so where there is no such command.
    #[expect(clippy::print_stderr, reason = "what was skipped shall be seen")]
    pub(crate) fn new(name: &str) -> Option<Self> {
        if Command::new("openssl").arg("version").output().is_err() {
            eprintln!("skipped: there is no openssl command");
            return None;
        }
        let name = format!("wechatpay-chain-{name}-{}", std::process::id());
        let directory = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&directory).unwrap();
        Some(Self { directory })
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), content).unwrap();
    }

    pub(crate) fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    /// Runs it with the words of a line, and gives what it prints.
    pub(crate) fn run(&self, line: &str) -> Vec<u8> {
        let mut command = Command::new("openssl");
        command.args(line.split(' ')).current_dir(&self.directory);
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "openssl {line}: {said}");
        output.stdout
    }
}

impl Drop for OpenSsl {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}
