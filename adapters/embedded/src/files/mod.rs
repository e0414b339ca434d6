//! The port `Blobs` as a folder: one file for each blob, in one folder without others, so that no blob stands in
//! another's way. The file is called like the blob, with `+` for `/`, and ends in `.blob`.
//!
//! What comes is written under another name (`….part`), brought to disk and renamed, so that what has a blob's name is
//! whole; who reads the one before it reads on. The folder is made for the first blob.
//!
//! URLs are signed (`link.rs`); who serves them asks [`Files::check`] and then [`Files::receive`] or [`Files::open`].

mod link;

use std::{
    io::{self, SeekFrom},
    ops::Range,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use builtin::clock::RandomIds;
use bytes::Bytes;
use ring::hmac;
use shared::port::{
    blobs::{BlobError, BlobName, Blobs, LONGEST, PIECE},
    clock::{Clock, Ids as _},
};
use tokio::{
    fs::{self, File, OpenOptions},
    io::{AsyncReadExt as _, AsyncSeekExt as _, AsyncWriteExt as _},
};

pub use link::Link;

use crate::folder;

/// Bytes of the key.
pub const KEY: usize = 32;
/// Where in a server the URLs lead, before the blob's name.
pub const PATH: &str = "/blobs/";

/// What a blob's file is called at its end.
const ENDING: &str = ".blob";
/// And one that is not whole.
const PART: &str = ".part";
/// A part that was not written to for so long was left by a process that was killed.
const PART_AGE: Duration = Duration::from_hours(1);

type Result<T> = std::result::Result<T, BlobError>;

/// A folder of blobs. Any number of processes may work with it.
pub struct Files {
    folder: PathBuf,
    key: hmac::Key,
    base: Option<String>,
    clock: Arc<dyn Clock>,
}

impl Files {
    /// The folder, and the key that signs its URLs. Who serves them is reached at `base`, such as
    /// `https://cloud.example.com`; without it there are none.
    pub fn new(folder: PathBuf, key: &[u8; KEY], base: Option<String>, clock: Arc<dyn Clock>) -> Self {
        Self { folder, key: hmac::Key::new(hmac::HMAC_SHA256, key), base, clock }
    }

    /// May this be done? The name and the query are those of the URL.
    pub fn check(&self, link: Link, name: &str, query: &str) -> Option<Granted> {
        let name = name.parse().ok()?;
        let most = link.check(&self.key, &name, query, self.clock.now())?;
        Some(Granted { name, most })
    }

    /// The blob to read from, and its size.
    pub async fn open(&self, name: &BlobName) -> Result<(File, u64)> {
        let file = File::open(self.path(name)).await.map_err(missing)?;
        let bytes = file.metadata().await.map_err(failed)?.len();
        Ok((file, bytes))
    }

    /// Begins a blob that comes bit by bit.
    pub async fn receive(&self, name: &BlobName) -> Result<Incoming> {
        folder::make(&self.folder).map_err(failed)?;
        let part = Part(self.folder.join(format!("{}{PART}", RandomIds.id())));
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        options.mode(0o600);
        let file = options.open(&part.0).await.map_err(failed)?;
        Ok(Incoming { file, part, to: self.path(name) })
    }

    /// Removes what killed processes have left half.
    pub async fn sweep(&self) -> io::Result<()> {
        let mut entries = match fs::read_dir(&self.folder).await {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            entries => entries?,
        };
        while let Some(entry) = entries.next_entry().await? {
            let old = async || Some(entry.metadata().await.ok()?.modified().ok()?.elapsed().ok()? > PART_AGE);
            if entry.file_name().to_string_lossy().ends_with(PART) && old().await == Some(true) {
                // Another process may do the same.
                let _ = fs::remove_file(entry.path()).await;
            }
        }
        Ok(())
    }

    fn path(&self, name: &BlobName) -> PathBuf {
        self.folder.join(format!("{}{ENDING}", name.as_str().replace('/', "+")))
    }

    fn url(&self, link: Link, name: &BlobName, seconds: u32, most: u64) -> Result<String> {
        let base = self.base.as_ref().ok_or_else(|| BlobError::Engine("no URLs of blobs are served here".into()))?;
        let expires = self.clock.now() + i64::from(seconds.min(LONGEST));
        Ok(format!("{base}{PATH}{name}?{}", link.sign(&self.key, name, expires, most)))
    }
}

/// What a URL allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Granted {
    /// The blob.
    pub name: BlobName,
    /// Bytes that may come.
    pub most: u64,
}

/// A blob that is on its way. If it is dropped before its end, nothing of it is kept.
pub struct Incoming {
    file: File,
    part: Part,
    to: PathBuf,
}

impl Incoming {
    /// Adds to it.
    pub async fn write(&mut self, content: &[u8]) -> Result<()> {
        self.file.write_all(content).await.map_err(failed)
    }

    /// It is whole: takes its place, on disk.
    pub async fn finish(mut self) -> Result<()> {
        self.file.flush().await.map_err(failed)?;
        self.file.sync_all().await.map_err(failed)?;
        fs::rename(&self.part.0, &self.to).await.map_err(failed)?;
        sync_folder(&self.to).await.map_err(failed)
    }
}

/// A file that is not whole, removed in the end if it is still there.
struct Part(PathBuf);

impl Drop for Part {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[async_trait]
impl Blobs for Files {
    async fn put(&self, name: &BlobName, content: Bytes) -> Result<()> {
        if content.len() > PIECE {
            return Err(BlobError::TooLarge);
        }
        let mut incoming = self.receive(name).await?;
        incoming.write(&content).await?;
        incoming.finish().await
    }

    async fn get(&self, name: &BlobName, range: Range<u64>) -> Result<Bytes> {
        let (mut file, bytes) = self.open(name).await?;
        let length = range.end.min(bytes).saturating_sub(range.start).min(PIECE as u64);
        if length == 0 {
            return Err(BlobError::Beyond);
        }
        file.seek(SeekFrom::Start(range.start)).await.map_err(failed)?;
        let mut content = Vec::new();
        file.take(length).read_to_end(&mut content).await.map_err(failed)?;
        Ok(content.into())
    }

    async fn head(&self, name: &BlobName) -> Result<Option<u64>> {
        match fs::metadata(self.path(name)).await.map_err(missing) {
            Ok(metadata) => Ok(Some(metadata.len())),
            Err(BlobError::Missing) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn delete(&self, name: &BlobName) -> Result<()> {
        let path = self.path(name);
        match fs::remove_file(&path).await.map_err(missing) {
            Ok(()) => sync_folder(&path).await.map_err(failed),
            Err(BlobError::Missing) => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn upload_url(&self, name: &BlobName, seconds: u32, most: u64) -> Result<String> {
        self.url(Link::Upload, name, seconds, most)
    }

    async fn download_url(&self, name: &BlobName, seconds: u32) -> Result<String> {
        self.url(Link::Download, name, seconds, 0)
    }
}

/// Brings to disk which names are in this file's folder.
async fn sync_folder(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(folder) if cfg!(unix) => File::open(folder).await?.sync_all().await,
        _ => Ok(()),
    }
}

fn failed(error: io::Error) -> BlobError {
    BlobError::Engine(error.into())
}

fn missing(error: io::Error) -> BlobError {
    if error.kind() == io::ErrorKind::NotFound { BlobError::Missing } else { failed(error) }
}

#[cfg(test)]
mod tests {
    use builtin::clock::SystemClock;
    use shared::port::blobs::contract::stored;
    use tempfile::TempDir;

    use super::*;

    fn files() -> (Files, TempDir) {
        let folder = tempfile::tempdir().unwrap();
        (Files::new(folder.path().join("blobs"), &[7; KEY], None, Arc::new(SystemClock)), folder)
    }

    fn names(folder: &TempDir) -> Vec<String> {
        let mut names: Vec<_> = std::fs::read_dir(folder.path().join("blobs"))
            .map(|entries| entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect())
            .unwrap_or_default();
        names.sort_unstable();
        names
    }

    #[tokio::test]
    async fn a_folder_keeps_the_contract() {
        let (files, folder) = files();
        stored(&files).await;
        assert!(names(&folder).iter().all(|name| name.ends_with(ENDING)), "no part is left: {:?}", names(&folder));
    }

    #[tokio::test]
    async fn what_does_not_come_to_its_end_leaves_nothing() {
        let (files, folder) = files();
        let name = "image/a".parse().unwrap();
        let mut incoming = files.receive(&name).await.unwrap();
        incoming.write(b"half").await.unwrap();
        assert_eq!(names(&folder).len(), 1);
        assert_eq!(files.head(&name).await.unwrap(), None);
        drop(incoming);
        assert_eq!(names(&folder), [""; 0]);
    }

    #[tokio::test]
    async fn who_reads_a_blob_that_is_replaced_reads_the_one_before_it() {
        let (files, _folder) = files();
        let name = "image/a".parse().unwrap();
        files.put(&name, "before".into()).await.unwrap();
        let (mut file, _) = files.open(&name).await.unwrap();
        files.put(&name, "after".into()).await.unwrap();
        let mut content = String::new();
        file.read_to_string(&mut content).await.unwrap();
        assert_eq!(content, "before");
        assert_eq!(files.get(&name, 0..9).await.unwrap(), "after");
    }

    #[tokio::test]
    async fn what_killed_processes_left_is_swept_and_nothing_else() {
        let (files, folder) = files();
        files.sweep().await.unwrap();
        let name = "image/a.part".parse().unwrap();
        files.put(&name, "kept".into()).await.unwrap();
        let _incoming = files.receive(&name).await.unwrap();
        let left = folder.path().join("blobs/left.part");
        std::fs::write(&left, "half").unwrap();
        let long_ago = std::time::SystemTime::now() - 2 * PART_AGE;
        for path in [&left, &folder.path().join("blobs/image+a.part.blob")] {
            std::fs::File::options().write(true).open(path).unwrap().set_modified(long_ago).unwrap();
        }
        files.sweep().await.unwrap();
        let names = names(&folder);
        assert!(names.len() == 2 && !left.exists(), "{names:?}");
        assert_eq!(files.get(&name, 0..9).await.unwrap(), "kept");
    }

    #[tokio::test]
    async fn who_is_not_served_signs_nothing() {
        let (files, _folder) = files();
        let name = "a".parse().unwrap();
        assert!(matches!(files.download_url(&name, 1).await, Err(BlobError::Engine(_))));
        assert!(matches!(files.upload_url(&name, 1, 1).await, Err(BlobError::Engine(_))));
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn blobs_are_their_owners_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let (files, folder) = files();
        files.put(&"a".parse().unwrap(), "x".into()).await.unwrap();
        let mode = |name: &str| std::fs::metadata(folder.path().join(name)).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode("blobs"), mode("blobs/a.blob")), (0o700, 0o600));
    }
}
