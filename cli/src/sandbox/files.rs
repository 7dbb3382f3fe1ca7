//! The sandbox's keys and certificates, as files under the names that WeChat Pay's own tool gives them.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tempfile::TempDir;
use wechatpay_sandbox::Sandbox;

use super::own::Own;
use crate::exit::{Code, Result, io};

/// A folder with all of them.
pub(crate) struct Files {
    folder: PathBuf,
    /// Goes with this, unless the folder was named.
    _temporary: Option<TempDir>,
    pub(crate) private_key: PathBuf,
    pub(crate) certificate: PathBuf,
    pub(crate) public_key: PathBuf,
    /// Of TLS; `None` for plain http.
    pub(crate) root: Option<PathBuf>,
    /// The keys that are in no file, as they may be shown.
    pub(crate) apiv3_key: String,
    pub(crate) secret: String,
    /// Whether some of all this is one's own.
    pub(crate) are_own: bool,
}

impl Files {
    /// Writes them to this folder, or to one of its own.
    pub(crate) fn write(sandbox: &Sandbox, own: &Own, folder: Option<&Path>) -> Result<Self> {
        let failed = |path: &Path, error: std::io::Error| io(Code::Usage, path.display(), &error);
        let (folder, temporary) = match folder {
            Some(folder) => {
                let absolute = std::path::absolute(folder);
                let folder = absolute.map_err(|error| failed(folder, error))?;
                fs::create_dir_all(&folder).map_err(|error| failed(&folder, error))?;
                (folder, None)
            }
            None => {
                let made = tempfile::Builder::new()
                    .prefix("wechatpay-sandbox-")
                    .tempdir();
                let made = made.map_err(|error| io(Code::Bug, "a temporary folder", &error))?;
                (made.path().to_owned(), Some(made))
            }
        };
        let write = |name: &str, text: &str| -> Result<PathBuf> {
            let path = folder.join(name);
            write_private(&path, text).map_err(|error| failed(&path, error))?;
            Ok(path)
        };
        let root = sandbox.root_certificate();
        let files = Self {
            private_key: write("apiclient_key.pem", sandbox.merchant_private_key())?,
            certificate: write("apiclient_cert.pem", sandbox.merchant_certificate())?,
            public_key: write("pub_key.pem", sandbox.platform_public_key())?,
            root: root.map(|root| write("ca.pem", root)).transpose()?,
            apiv3_key: own.apiv3_key(sandbox),
            secret: own.secret(sandbox),
            are_own: own.is_any(),
            folder: folder.clone(),
            _temporary: temporary,
        };
        for certificate in sandbox.certificates() {
            let name = format!("wechatpay_{}.pem", certificate.serial());
            write(&name, certificate.pem())?;
        }
        Ok(files)
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(crate) fn json(&self) -> Value {
        json!({
            "folder": self.folder,
            "private_key": self.private_key,
            "certificate": self.certificate,
            "public_key": self.public_key,
            "ca": self.root,
        })
    }
}

/// Writes a file that nobody else can read, unless it is there as it should be: the folder may be
/// the one that the keys came from.
fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    use std::io::Write as _;

    if fs::read(path).is_ok_and(|there| there == text.as_bytes()) {
        return Ok(());
    }
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)?.write_all(text.as_bytes())
}
