//! References to secrets: `{ file = "…" }`, `{ env = "…" }` or `{ credential = "…" }`, never the secret itself.
//!
//! A configuration file is copied, printed and put into version control; what it refers to is not. A credential is a file
//! that systemd puts into `$CREDENTIALS_DIRECTORY` for the service alone (`LoadCredential=` in the unit).
//!
//! Promises: what a reference leads to is never printed and is wiped from memory. Refuses a text in place of a reference.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use toml::de::DeValue;
use zeroize::Zeroizing;

use super::value::Wrong;

/// Bytes of a secret that are read.
const SECRET_BYTES_MAX: u64 = 64 << 10;

/// Where a secret is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SecretReference {
    /// In a file.
    File(PathBuf),
    /// In a variable of the environment.
    Env(String),
    /// In a file of systemd's folder of credentials.
    Credential(String),
}

impl SecretReference {
    /// The reference that TOML holds.
    pub(super) fn read(value: &DeValue<'_>) -> Result<SecretReference, Wrong> {
        let wrong = |what: &str| Wrong {
            what: what.to_owned(),
            hint: "write { file = \"…\" }, { env = \"…\" } or { credential = \"…\" }".to_owned(),
        };
        let DeValue::Table(table) = value else {
            return Err(wrong("holds a secret: a reference to it must stand here, never itself"));
        };
        let mut members = table.iter();
        let (Some((kind, place)), None) = (members.next(), members.next()) else {
            return Err(wrong("must refer to one place"));
        };
        let place = place.get_ref().as_str().filter(|place| !place.is_empty());
        let place = place.ok_or_else(|| wrong("must refer to a place by a text"))?.to_owned();
        match kind.get_ref().as_ref() {
            "file" => Ok(SecretReference::File(PathBuf::from(place))),
            "env" => Ok(SecretReference::Env(place)),
            "credential" if !place.contains('/') => Ok(SecretReference::Credential(place)),
            "credential" => Err(wrong("must name a credential by its name alone")),
            _ => Err(wrong("must refer to a `file`, an `env` or a `credential`")),
        }
    }

    /// The secret, without the line end that editors leave.
    pub(super) fn open(
        &self,
        environment: &BTreeMap<String, String>,
    ) -> Result<Zeroizing<String>, String> {
        let variable = |name: &str| environment.get(name).filter(|text| !text.is_empty());
        let secret = match self {
            SecretReference::File(path) => of_file(path)?,
            SecretReference::Env(name) => {
                let missing = || format!("refers to the variable `{name}`, which is not set");
                Zeroizing::new(variable(name).ok_or_else(missing)?.clone())
            }
            SecretReference::Credential(name) => {
                let folder = variable("CREDENTIALS_DIRECTORY").ok_or_else(|| {
                    format!("refers to the credential `{name}`, and `CREDENTIALS_DIRECTORY` is not set: only a service of systemd has credentials")
                })?;
                of_file(&Path::new(folder).join(name))?
            }
        };
        let trimmed = Zeroizing::new(secret.trim_end_matches(['\n', '\r']).to_owned());
        if trimmed.is_empty() { Err("refers to an empty secret".to_owned()) } else { Ok(trimmed) }
    }
}

fn of_file(path: &Path) -> Result<Zeroizing<String>, String> {
    let refuse =
        |error| format!("refers to the file `{}`, which cannot be read: {error}", path.display());
    let file = std::fs::File::open(path).map_err(refuse)?;
    let mut text = Zeroizing::new(String::new());
    file.take(SECRET_BYTES_MAX).read_to_string(&mut text).map_err(refuse)?;
    Ok(text)
}

#[cfg(test)]
mod tests;
