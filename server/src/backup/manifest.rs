//! What a backup says of itself, before all else in it.

use std::collections::BTreeSet;

use anyhow::{Context as _, bail, ensure};
use embedded::sqlite::known_schema;
use serde::{Deserialize, Serialize};

use crate::folder;

/// Counts changes that an older program would misread.
const FORMAT: u32 = 1;
/// Files that a backup may hold.
pub(super) const MAX_MEMBERS: usize = 100_000;
/// Bytes of a manifest.
pub(super) const MAX_BYTES: u64 = 32 * 1024 * 1024;
/// Bytes of a member's name, so that any program that reads tar can read it.
const MAX_NAME: usize = 200;
/// Folders within folders.
pub(super) const MAX_DEPTH: usize = 16;

/// The first file of a backup: everything that is in it, and what made it.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub(super) struct Manifest {
    format: u32,
    /// The program's version.
    pub(super) raincloud: String,
    /// The database's schema.
    pub(super) schema: i64,
    /// The moment of which the database is, in seconds.
    pub(super) created_at: i64,
    /// The files, in their order.
    pub(super) members: Vec<Member>,
}

/// One file.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub(super) struct Member {
    /// Its path in the data folder, with `/`.
    pub(super) name: String,
    pub(super) bytes: u64,
    /// In hex.
    pub(super) sha256: String,
    /// Anybody may read it: a certificate.
    pub(super) public: bool,
}

impl Manifest {
    pub(super) fn new(schema: i64, created_at: i64, members: Vec<Member>) -> Self {
        Self { format: FORMAT, raincloud: env!("CARGO_PKG_VERSION").to_owned(), schema, created_at, members }
    }

    pub(super) fn to_json(&self) -> anyhow::Result<Vec<u8>> {
        Ok(serde_json::to_vec_pretty(self)?)
    }

    /// Reads one, and refuses what this program can't restore or what would reach out of the data folder.
    pub(super) fn parse(json: &[u8]) -> anyhow::Result<Self> {
        #[derive(Deserialize)]
        struct Head {
            format: u32,
        }
        let head: Head = serde_json::from_slice(json).context("it is no backup of Raincloud: its manifest can't be read")?;
        ensure!(head.format == FORMAT, "the backup has format {}, but this program knows only {FORMAT}: use a newer program", head.format);
        let manifest: Self = serde_json::from_slice(json).context("its manifest can't be read")?;
        let known = known_schema();
        let schema = manifest.schema;
        ensure!(schema <= known, "the backup has schema {schema}, but this program knows only {known}: use a newer program");
        ensure!(manifest.members.len() <= MAX_MEMBERS, "it names too many files");
        let mut seen = BTreeSet::new();
        for Member { name, .. } in &manifest.members {
            check_name(name)?;
            ensure!(seen.insert(name.as_str()), "it names {name} twice");
        }
        ensure!(seen.contains(folder::DATABASE), "it holds no database");
        Ok(manifest)
    }

    /// Bytes of all files.
    pub(super) fn bytes(&self) -> u64 {
        self.members.iter().fold(0, |sum, member| sum.saturating_add(member.bytes))
    }
}

/// A name stays in the data folder, means the same everywhere, and is none of those that a server makes anew.
pub(super) fn check_name(name: &str) -> anyhow::Result<()> {
    let good = |part: &str| !matches!(part, "" | "." | "..") && !part.contains(['\\', ':']) && !part.contains(char::is_control);
    if name.len() > MAX_NAME || !name.split('/').all(good) || name.split('/').count() > MAX_DEPTH {
        bail!("no backup can hold a file of the name {name:?}");
    }
    ensure!(!folder::is_passing(name), "{name:?} has no place in a backup");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(name: &str) -> Member {
        Member { name: name.to_owned(), bytes: 1, sha256: "00".to_owned(), public: false }
    }

    fn problem(manifest: &Manifest) -> String {
        Manifest::parse(&manifest.to_json().unwrap()).unwrap_err().to_string()
    }

    #[test]
    fn a_manifest_comes_back_and_a_newer_or_strange_one_does_not() {
        let good = Manifest::new(known_schema(), 7, vec![member("raincloud.db"), member("mailbox/1.txt")]);
        assert_eq!(Manifest::parse(&good.to_json().unwrap()).unwrap(), good);
        assert!(problem(&Manifest { format: 2, ..good.clone() }).contains("format 2"));
        // Of a newer one no more is understood than that.
        assert!(Manifest::parse(br#"{"format":3,"stars":[]}"#).unwrap_err().to_string().contains("newer program"));
        assert!(problem(&Manifest { schema: known_schema() + 1, ..good.clone() }).contains("newer program"));
        assert!(problem(&Manifest { members: vec![member("ca.key")], ..good.clone() }).contains("no database"));
        assert!(problem(&Manifest { members: [good.members.clone(), good.members.clone()].concat(), ..good }).contains("twice"));
        assert!(Manifest::parse(b"[]").unwrap_err().to_string().contains("no backup of Raincloud"));
    }

    #[test]
    fn names_stay_in_the_folder() {
        for good in ["ca.key", "mailbox/00000000000001-000000.txt", "a/b/c", "..a", "ä.txt"] {
            assert!(check_name(good).is_ok(), "{good}");
        }
        let deep = vec!["a"; MAX_DEPTH + 1].join("/");
        let long = "x".repeat(MAX_NAME + 1);
        for bad in ["", "/etc/passwd", "../x", "a/../b", "a//b", "a/", "./a", "a\\b", "C:x", "a\0b", "a\nb", &deep, &long] {
            assert!(check_name(bad).is_err(), "{bad:?}");
        }
        for passing in ["raincloud.db-wal", "raincloud.db-shm", "serving", "x.part", ".backup.1.part/raincloud.db"] {
            assert!(check_name(passing).is_err(), "{passing}");
        }
    }
}
