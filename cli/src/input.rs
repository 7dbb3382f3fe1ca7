//! Standard input, which is read once.

use std::fs;
use std::io::{self, Read as _};
use std::path::Path;
use std::sync::OnceLock;

use crate::exit::{Code, Failure, Result, io as io_failure};

/// What standard input was read for.
static TAKEN: OnceLock<String> = OnceLock::new();

/// All of standard input, for what is named so. `code` is of a failure to read it.
pub(crate) fn standard(what: &str, code: Code) -> Result<Vec<u8>> {
    if TAKEN.set(what.to_owned()).is_err() {
        let first = TAKEN.get().map_or("", String::as_str);
        return Err(Failure::usage(format_args!(
            "standard input is read once, and {first} and {what} both want it: give one of them a file"
        )));
    }
    let mut bytes = Vec::new();
    let failed = |error| io_failure(code, format_args!("{what}, standard input"), &error);
    io::stdin().read_to_end(&mut bytes).map_err(failed)?;
    Ok(bytes)
}

/// All of a file; `-` is standard input, which is read for what is named so.
pub(crate) fn file(path: &Path, what: &str, code: Code) -> Result<Vec<u8>> {
    if path == Path::new("-") {
        return standard(what, code);
    }
    fs::read(path).map_err(|error| io_failure(code, path.display(), &error))
}
