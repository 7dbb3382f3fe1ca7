//! Files that are there as a whole or not at all.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

/// A file under another name, beside the one that it is to have.
pub(crate) struct Draft {
    file: NamedTempFile,
    path: PathBuf,
}

impl Draft {
    /// An empty one; nothing is at `path` yet, and what was there stays.
    pub(crate) fn new(path: &Path) -> io::Result<Self> {
        let folder = match path.parent() {
            Some(folder) if folder != Path::new("") => folder,
            _ => Path::new("."),
        };
        let mut builder = tempfile::Builder::new();
        builder.prefix(".wechatpay-");
        // As of any other file: what is written is no secret, and servers read it.
        #[cfg(unix)]
        let permissions = std::os::unix::fs::PermissionsExt::from_mode(0o666);
        #[cfg(unix)]
        builder.permissions(permissions);
        Ok(Self {
            file: builder.tempfile_in(folder)?,
            path: path.to_owned(),
        })
    }

    /// With all that it is to hold.
    pub(crate) fn write(path: &Path, bytes: &[u8]) -> io::Result<Self> {
        let mut draft = Self::new(path)?;
        draft.file().write_all(bytes)?;
        Ok(draft)
    }

    pub(crate) fn file(&mut self) -> &mut File {
        self.file.as_file_mut()
    }

    /// Gives it its name.
    pub(crate) fn keep(self) -> io::Result<PathBuf> {
        self.file.persist(&self.path).map_err(|error| error.error)?;
        Ok(self.path)
    }
}

/// Writes a file.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    Draft::write(path, bytes)?.keep().map(drop)
}

/// A folder, made where it is not there yet.
pub(crate) fn folder(path: &Path) -> io::Result<()> {
    fs::create_dir_all(path)
}
