//! The file that a backup is: a plain tar archive, of which the first files are the manifest and its
//! checksum, and the others are those that the manifest names, in its order and below `data/`. It is read with nothing believed: no name,
//! kind, length or order but those of the manifest, and no content without its checksum.

use std::{
    fs::File,
    io::{self, Read, Write},
};

use anyhow::{Context as _, bail, ensure};
use ring::digest::{self, SHA256};
use tar::{Archive, Builder, EntryType, Header};

use super::{
    manifest::{self, Manifest, Member},
    progress::Progress,
};
use crate::say;

const MANIFEST: &str = "manifest.json";
/// Its checksum, as `sha256sum` writes and checks it.
const SUM: &str = "manifest.json.sha256";
const FOLDER: &str = "data/";
const CHUNK: usize = 256 * 1024;

/// Writes an archive; `open` gives the content of each member.
pub(super) fn write<'a>(
    out: impl Write,
    manifest: &Manifest,
    mut open: impl FnMut(&Member) -> anyhow::Result<Box<dyn Read + 'a>>,
    progress: &mut Progress,
) -> anyhow::Result<()> {
    let mut archive = Builder::new(out);
    let json = manifest.to_json()?;
    let sum = sum(&json);
    for (name, content) in [(MANIFEST, &*json), (SUM, sum.as_bytes())] {
        archive.append(&header(name, content.len() as u64, manifest.created_at, true)?, content).map_err(unwritten)?;
    }
    let (mut done, all) = (0, manifest.bytes());
    for member in &manifest.members {
        let name = format!("{FOLDER}{}", member.name);
        let mut content = Hashed::new(open(member)?.take(member.bytes));
        let header = header(&name, member.bytes, manifest.created_at, member.public)?;
        archive.append(&header, Watched { content: &mut content, done, all, progress }).map_err(unwritten)?;
        done += member.bytes;
        let (bytes, sha256) = content.finish();
        ensure!(bytes == member.bytes && sha256 == member.sha256, "{} has changed while it was copied: run the backup again", member.name);
    }
    archive.into_inner().and_then(|mut out| out.flush()).map_err(unwritten)
}

/// A reader who has gone is an error here, so it must not look like one who only wanted to see the beginning.
#[expect(clippy::needless_pass_by_value, reason = "this is how errors are mapped")]
fn unwritten(error: io::Error) -> anyhow::Error {
    anyhow::anyhow!("cannot write the backup: {error}")
}

fn header(name: &str, bytes: u64, created_at: i64, public: bool) -> anyhow::Result<Header> {
    let mut header = Header::new_ustar();
    header.set_path(name).with_context(|| format!("no backup can hold a file of the name {name:?}"))?;
    header.set_entry_type(EntryType::Regular);
    header.set_size(bytes);
    header.set_mode(if public { 0o644 } else { 0o600 });
    header.set_mtime(u64::try_from(created_at).unwrap_or_default());
    header.set_cksum();
    Ok(header)
}

/// Reads an archive and checks all of it. What `place` returns for a member gets its content; it is good only
/// if this returns a manifest.
pub(super) fn read(
    source: impl Read,
    mut place: impl FnMut(&Member) -> anyhow::Result<Option<File>>,
    progress: &mut Progress,
) -> anyhow::Result<Manifest> {
    let mut archive = Archive::new(source);
    // Raw, so that nothing but plain files is understood: no links, no long names, no holes.
    let mut entries = archive.entries().map_err(unreadable)?.raw(true);
    let mut first = |name: &str| -> anyhow::Result<Vec<u8>> {
        let mut entry = entries.next().context("it is no backup of Raincloud: it is empty")?.map_err(unreadable)?;
        ensure!(
            entry.path_bytes() == name.as_bytes() && entry.header().entry_type().is_file(),
            "it is no backup of Raincloud: it does not begin with a manifest"
        );
        ensure!(entry.size() <= manifest::MAX_BYTES, "its manifest is too large");
        let (size, mut content) = (entry.size(), Vec::new());
        entry.read_to_end(&mut content).map_err(unreadable)?;
        ensure!(content.len() as u64 == size, "it is cut off");
        Ok(content)
    };
    let (json, told) = (first(MANIFEST)?, first(SUM)?);
    ensure!(sum(&json).as_bytes() == told, "it is damaged: the checksum of its manifest is wrong");
    let manifest = Manifest::parse(&json)?;

    let (mut done, all) = (0, manifest.bytes());
    for member in &manifest.members {
        let name = &member.name;
        let mut entry = entries.next().with_context(|| format!("it is cut off: {name} is missing"))?.map_err(unreadable)?;
        let same = entry.path_bytes() == format!("{FOLDER}{name}").as_bytes()
            && entry.header().entry_type().is_file()
            && entry.size() == member.bytes;
        ensure!(same, "it is damaged: where {name} should be is something else");
        let mut file = place(member)?;
        let mut content = Hashed::new(&mut entry);
        let mut chunk = vec![0; CHUNK];
        loop {
            let count = content.read(&mut chunk).map_err(unreadable)?;
            if count == 0 {
                break;
            }
            if let Some(file) = &mut file {
                file.write_all(&chunk[..count]).with_context(|| format!("cannot write {name}"))?;
            }
            progress.tell(done + content.bytes, all);
            ensure!(progress.wanted(), "stopped");
        }
        let (bytes, sha256) = content.finish();
        ensure!(bytes == member.bytes, "it is cut off within {name}");
        ensure!(sha256 == member.sha256, "it is damaged: the checksum of {name} is wrong");
        if let Some(file) = file {
            file.sync_all().with_context(|| format!("cannot write {name}"))?;
        }
        done += bytes;
    }
    match entries.next() {
        None => Ok(manifest),
        Some(_) => bail!("it is damaged: it holds more than its manifest says"),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "this is how errors are mapped")]
fn unreadable(error: io::Error) -> anyhow::Error {
    // What is not of the system is of the parser, which repeats bytes of the file.
    match error.raw_os_error() {
        Some(_) => anyhow::anyhow!("it can't be read: {error}"),
        None => anyhow::anyhow!("it is no backup, or it is cut off or damaged"),
    }
}

fn sum(json: &[u8]) -> String {
    let mut hashed = Hashed::new(io::empty());
    hashed.hash.update(json);
    format!("{}  {MANIFEST}\n", hashed.finish().1)
}

/// The SHA-256 of what can be read, in hex, and its length.
pub(super) fn digest(content: impl Read, most: u64) -> io::Result<(u64, String)> {
    let mut content = Hashed::new(content.take(most));
    io::copy(&mut content, &mut io::sink())?;
    Ok(content.finish())
}

/// Hashes what is read through it.
struct Hashed<R> {
    content: R,
    hash: digest::Context,
    bytes: u64,
}

impl<R: Read> Hashed<R> {
    fn new(content: R) -> Self {
        Self { content, hash: digest::Context::new(&SHA256), bytes: 0 }
    }

    fn finish(self) -> (u64, String) {
        (self.bytes, say::hex(self.hash.finish().as_ref()))
    }
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.content.read(buffer)?;
        self.hash.update(&buffer[..count]);
        self.bytes += count as u64;
        Ok(count)
    }
}

/// Tells how far it is.
struct Watched<'a, R> {
    content: &'a mut Hashed<R>,
    done: u64,
    all: u64,
    progress: &'a mut Progress,
}

impl<R: Read> Read for Watched<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.content.read(buffer)?;
        self.progress.tell(self.done + self.content.bytes, self.all);
        if self.progress.wanted() { Ok(count) } else { Err(io::Error::other("stopped")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(name: &str, content: &[u8]) -> Member {
        let (bytes, sha256) = digest(content, u64::MAX).unwrap();
        Member { name: name.to_owned(), bytes, sha256, public: false }
    }

    const DATABASE: &[u8] = &[7; 70_000];

    fn manifest() -> Manifest {
        Manifest::new(1, 7, vec![member("raincloud.db", DATABASE), member("ca.key", b"key")])
    }

    fn content(member: &Member) -> Box<dyn Read> {
        Box::new(if member.name == "ca.key" { b"key" } else { DATABASE })
    }

    fn good() -> Vec<u8> {
        let mut bytes = Vec::new();
        write(&mut bytes, &manifest(), |member| Ok(content(member)), &mut Progress::silent()).unwrap();
        bytes
    }

    fn problem(bytes: &[u8]) -> String {
        let mut placed = 0;
        let count = |_: &Member| {
            placed += 1;
            Ok(None)
        };
        read(bytes, count, &mut Progress::silent()).unwrap_err().to_string()
    }

    /// An archive of these entries: name, kind, content.
    fn archive(entries: &[(&str, EntryType, &[u8])]) -> Vec<u8> {
        let mut archive = Builder::new(Vec::new());
        for (name, kind, content) in entries {
            let mut header = header("x", content.len() as u64, 0, false).unwrap();
            // As no builder would let it be.
            header.as_old_mut().name = [0; 100];
            header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
            header.set_entry_type(*kind);
            header.set_cksum();
            archive.append(&header, *content).unwrap();
        }
        archive.into_inner().unwrap()
    }

    #[test]
    fn what_was_written_is_read_and_any_other_byte_is_found() {
        let bytes = good();
        assert_eq!(read(&*bytes, |_| Ok(None), &mut Progress::silent()).unwrap(), manifest());
        // Every length, and a flipped bit in every block, in what matters.
        let end = bytes.len() - 2 * 512;
        for length in (0..end).step_by(511) {
            assert!(problem(&bytes[..length]).starts_with("it is "), "{length}");
        }
        let mut found = 0;
        for place in (0..end).step_by(67) {
            let mut other = bytes.clone();
            other[place] ^= 1;
            // What fills up the last block of a file means nothing.
            let padding = bytes[place] == 0 && read(&*other, |_| Ok(None), &mut Progress::silent()).is_ok();
            found += usize::from(!padding);
            assert!(padding || problem(&other).contains("it"), "{place}");
        }
        assert!(found > 1000, "{found}");
    }

    #[test]
    fn nothing_but_what_the_manifest_names_is_read() {
        let json = manifest().to_json().unwrap();
        let sum_of = sum(&json);
        let first = ("manifest.json", EntryType::Regular, &*json);
        let second = (SUM, EntryType::Regular, sum_of.as_bytes());
        let (file, link) = (EntryType::Regular, EntryType::Symlink);
        let database = ("data/raincloud.db", file, DATABASE);
        let key = ("data/ca.key", file, &b"key"[..]);
        assert!(read(&*archive(&[first, second, database, key]), |_| Ok(None), &mut Progress::silent()).is_ok());
        for (entries, says) in [
            (vec![], "empty"),
            (vec![database, key], "does not begin with a manifest"),
            (vec![("manifest.json", link, &*json)], "does not begin with a manifest"),
            (vec![first, second, key, database], "something else"),
            (vec![first, second, ("data/../raincloud.db", file, DATABASE), key], "something else"),
            (vec![first, second, ("/data/raincloud.db", file, DATABASE), key], "something else"),
            (vec![first, second, ("data/raincloud.db", link, b""), key], "something else"),
            (vec![first, second, ("data/raincloud.db", EntryType::Link, DATABASE), key], "something else"),
            (vec![first, second, ("data/raincloud.db", EntryType::GNUSparse, DATABASE), key], "something else"),
            (vec![first, second, ("././@LongLink", EntryType::GNULongName, b"data/raincloud.db"), database, key], "something else"),
            (vec![first, second, database, ("data/ca.key", file, b"kez")], "checksum of ca.key"),
            (vec![first, second, database], "ca.key is missing"),
            (vec![first, second, database, key, ("data/more", file, b"")], "more than its manifest"),
        ] {
            let told = problem(&archive(&entries));
            assert!(told.contains(says), "{says}: {told}");
        }
        let mut outward = manifest();
        outward.members[1].name = "../ca.key".to_owned();
        let json = outward.to_json().unwrap();
        let sum_of = sum(&json);
        let outward = archive(&[(MANIFEST, file, &json), (SUM, file, sum_of.as_bytes())]);
        assert!(problem(&outward).contains("no backup can hold"));
        assert!(problem(&archive(&[first, (SUM, file, b"00")])).contains("checksum of its manifest"));
    }

    #[test]
    fn a_manifest_larger_than_any_is_not_read() {
        let mut header = header(MANIFEST, manifest::MAX_BYTES + 1, 0, false).unwrap();
        header.set_cksum();
        let endless = header.as_bytes().chain(io::repeat(b' '));
        assert!(read(endless, |_| Ok(None), &mut Progress::silent()).unwrap_err().to_string().contains("too large"));
    }

    #[test]
    fn a_file_that_changes_meanwhile_makes_no_backup() {
        let other = |member: &Member| -> anyhow::Result<Box<dyn Read>> {
            if member.name == "ca.key" { Ok(Box::new(&b"other"[..])) } else { Ok(content(member)) }
        };
        let error = write(io::sink(), &manifest(), other, &mut Progress::silent()).unwrap_err().to_string();
        assert!(error.starts_with("ca.key has changed"), "{error}");
    }
}
