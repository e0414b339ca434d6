//! What a node remembers over a power cycle, in one file.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use super::lists::Item;

/// The contents of the file.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct State {
    /// Values by device and param.
    pub(super) params: BTreeMap<String, BTreeMap<String, serde_json::Value>>,
    /// The schedules.
    pub(super) schedules: Vec<Item>,
    /// The scenes.
    pub(super) scenes: Vec<Item>,
    /// The mapping request that the cloud acknowledged last, which is not sent again.
    pub(super) mapped: Option<Mapping>,
}

/// A user's request to own the node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Mapping {
    /// Who asks.
    pub(super) user_id: String,
    /// What proves that the same user stands in front of the node.
    pub(super) secret_key: String,
}

impl std::str::FromStr for Mapping {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once(':') {
            Some((user_id, secret_key)) if !user_id.is_empty() && !secret_key.is_empty() => {
                Ok(Self { user_id: user_id.to_owned(), secret_key: secret_key.to_owned() })
            }
            _ => Err("expected USER_ID:SECRET"),
        }
    }
}

/// Where the state is kept.
#[derive(Debug)]
pub(super) struct Memory {
    file: PathBuf,
}

impl Memory {
    /// The memory in a folder.
    pub(super) fn new(folder: &Path) -> Self {
        Self { file: folder.join("state.json") }
    }

    /// What is remembered: nothing if there is no file.
    pub(super) fn load(&self) -> anyhow::Result<State> {
        let text = match fs::read(&self.file) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(State::default()),
            Err(error) => return Err(error).with_context(|| format!("cannot read {}", self.file.display())),
        };
        serde_json::from_slice(&text).with_context(|| format!("{} is damaged; remove it to start like a new device", self.file.display()))
    }

    /// Remembers: the file has either all of the old state or all of the new one.
    pub(super) fn save(&self, state: &State) -> anyhow::Result<()> {
        let fresh = self.file.with_extension("json.new");
        let write = || -> anyhow::Result<()> {
            let mut file = private().write(true).create(true).truncate(true).open(&fresh)?;
            file.write_all(&serde_json::to_vec_pretty(state)?)?;
            file.sync_all()?;
            Ok(fs::rename(&fresh, &self.file)?)
        };
        write().with_context(|| format!("cannot write {}", self.file.display()))
    }
}

/// A file that nobody else may read, as there is a secret in it.
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_saved_state_is_loaded_again_and_damage_is_told() {
        let folder = std::env::temp_dir().join(format!("node-state-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let memory = Memory::new(&folder);
        assert_eq!(memory.load().unwrap(), State::default());

        let state = State { mapped: "ann:s3cret:x".parse().ok(), ..State::default() };
        memory.save(&state).unwrap();
        assert_eq!(memory.load().unwrap(), state);
        assert_eq!(state.mapped.unwrap().secret_key, "s3cret:x");

        fs::write(&memory.file, "{").unwrap();
        assert!(memory.load().unwrap_err().to_string().contains("is damaged"));
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn half_a_mapping_is_none() {
        assert!("ann".parse::<Mapping>().is_err());
        assert!("ann:".parse::<Mapping>().is_err());
    }
}
