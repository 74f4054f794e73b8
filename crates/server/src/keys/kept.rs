//! Secrets in files of the data folder, readable by its owner alone.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::Context;
use rand::RngExt;
use rand::distr::Alphanumeric;
use secrecy::SecretString;

/// 48 letters and digits are 285 bits.
const LENGTH: usize = 48;

/// The secret in the file `name` of the data folder; a new one where there is none.
pub(super) fn secret(data_dir: &Path, name: &str) -> anyhow::Result<SecretString> {
    let path = data_dir.join(name);
    match fs::read_to_string(&path) {
        Ok(text) if !text.trim().is_empty() => return Ok(text.trim().to_owned().into()),
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
    let secret = letters(LENGTH);
    write(&path, &secret).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(secret.into())
}

/// So many letters and digits of the system's randomness.
pub(super) fn letters(count: usize) -> String {
    rand::rng().sample_iter(Alphanumeric).take(count).map(char::from).collect()
}

/// Writes beside the file and renames, so that a crash leaves no half of a secret.
pub(super) fn write(path: &Path, secret: &str) -> std::io::Result<()> {
    let fresh = path.with_extension("new");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&fresh)?;
    file.write_all(secret.as_bytes())?;
    file.write_all(b"\n")?;
    file.sync_all()?;
    fs::rename(&fresh, path)
}
