//! Packs the catalogue's fields, 2 MB of JSON, into what the command carries.

use std::env;
use std::error::Error;
use std::fs;
use std::io::Write as _;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;

const FIELDS: &str = "catalogue/fields.jsonl";

fn main() -> Result<(), Box<dyn Error>> {
    let folder = env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?;
    let target = fs::File::create(Path::new(&folder).join("fields.jsonl.gz"))?;
    let mut packer = GzEncoder::new(target, Compression::best());
    packer.write_all(&fs::read(FIELDS)?)?;
    packer.finish()?;
    let mut cargo = std::io::stdout();
    writeln!(cargo, "cargo::rerun-if-changed={FIELDS}")?;
    writeln!(cargo, "cargo::rerun-if-changed=build.rs")?;
    Ok(())
}
