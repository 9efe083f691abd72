//! Reads Navarch's `config.yaml` and writes pools: what carries over as it is, what carries over in another form, and, as
//! warnings, what it only seemed to do there.
//!
//! Navarch reads its file leniently, so this does too; but no key goes by without a word.

mod form;
mod pools;
mod sellers;

use crate::file::{FileError, PoolFile, VERSION};

/// What one key became, if that is not what was written there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// The key, from the top of the file down.
    pub path: String,
    /// What to know about it.
    pub what: String,
}

/// A file that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Imported {
    /// The pools of it.
    pub file: PoolFile,
    /// What to know.
    pub warnings: Vec<Warning>,
}

/// Reads Navarch's configuration; `file` is what messages call it.
///
/// # Errors
/// ARG-1200 when it is no such file; ARG-1201 when its values make no sense there or here.
pub fn navarch(file: &str, text: &str) -> Result<Imported, FileError> {
    let options = serde_saphyr::options! { with_snippet: false };
    let form = |reason: String| FileError::Form { file: file.to_owned(), reason };
    let read: form::Config =
        serde_saphyr::from_str_with_options(text, options).map_err(|error| form(error.to_string()))?;
    if read.pools.is_empty() {
        return Err(form("it has no pool".to_owned()));
    }
    let mut notes = Notes::default();
    notes.inert_server(&read);
    let mut pools = Vec::new();
    let mut faults = Vec::new();
    for (name, pool) in &read.pools {
        match pools::pool(name, pool, &read, &mut notes) {
            Ok(pool) => {
                faults.extend(pool.faults().into_iter().map(|fault| format!("pool {name:?}: {fault}")));
                pools.push(pool);
            }
            Err(what) => faults.push(format!("pool {name:?}: {what}")),
        }
    }
    if !faults.is_empty() {
        return Err(FileError::Values { file: file.to_owned(), faults });
    }
    Ok(Imported { file: PoolFile { version: VERSION, pools }, warnings: notes.warnings })
}

/// Warnings as they come up.
#[derive(Default)]
struct Notes {
    warnings: Vec<Warning>,
}

impl Notes {
    fn say(&mut self, path: impl Into<String>, what: impl Into<String>) {
        self.warnings.push(Warning { path: path.into(), what: what.into() });
    }

    fn unknown(&mut self, path: &str, rest: &form::Rest) {
        for key in rest.keys() {
            let at = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            self.say(at, "Navarch ignores this key without a word; it is left out here too");
        }
    }

    fn inert_server(&mut self, read: &form::Config) {
        self.unknown("", &read.rest);
        if !read.server.is_empty() {
            let what = "the server's own settings are in Argosy's node configuration (`argosy config reference`)";
            self.say("server", what);
        }
        if read.server.contains_key("health_policy") {
            self.say("server.health_policy", "load the policy file with `argosy health apply`");
        }
        for (name, provider) in &read.providers {
            let kind = provider.get("type").and_then(|kind| kind.as_str()).unwrap_or("");
            let what = match kind {
                "aws" => {
                    "Navarch refuses an aws provider at start; name a provider process in `providers` of the node configuration"
                }
                _ => {
                    "providers are processes of their own here: name this one in `providers` of the node configuration"
                }
            };
            self.say(format!("providers.{name}"), what);
        }
    }
}
