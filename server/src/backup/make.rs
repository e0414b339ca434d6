//! Making a backup of a data folder, beside a server that works with it.

use std::{
    fs::{self, File},
    io::{self, Read, Write},
    path::{Path, PathBuf},
    time::SystemTime,
};

use anyhow::{Context as _, bail, ensure};
use builtin::clock::{RandomIds, SystemClock};
use embedded::sqlite::{self, SnapshotError};
use shared::port::clock::{Clock as _, Ids as _};

use super::{
    archive,
    manifest::{MAX_DEPTH, MAX_MEMBERS, Manifest, Member, check_name},
    progress::Progress,
};
use crate::{
    files::{self, Readers},
    folder::{self, Folder},
    say,
};

/// A file up to this size is read once and kept until it is written: a letter may be gone a moment later.
const SMALL: u64 = 1024 * 1024;
/// Bytes that are written at a time.
const BUFFER: usize = 1024 * 1024;
/// Bytes that are kept so at most.
const KEPT: u64 = 64 * 1024 * 1024;

/// A backup that was made.
pub(super) struct Made {
    pub(super) manifest: Manifest,
    /// Names of what is no file and so is in no backup.
    pub(super) skipped: Vec<String>,
}

/// Makes a backup and puts it at `to`, where nothing may be unless `force` is given. Until it is whole and on
/// disk it has another name.
pub(super) fn to_file(folder: &Folder, to: &Path, force: bool, progress: &mut Progress) -> anyhow::Result<Made> {
    let parent = to.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let parent = parent.canonicalize().with_context(|| format!("cannot write into the folder {}", parent.display()))?;
    ensure!(!parent.starts_with(folder.path()), "a backup does not lie in the data folder that it is of: choose another place with --to");
    ensure!(force || !to.exists(), "{} is there already: choose another name, or replace it with --force", to.display());
    let staging = Staging::new(&parent)?;
    let part = staging.path.join("backup.tar");
    let file = files::open_new(&part, Readers::Owner).with_context(|| format!("cannot write {}", part.display()))?;
    let mut out = io::BufWriter::with_capacity(BUFFER, file);
    let made = make(folder, &staging, &mut out, progress)?;
    let file = out.into_inner().map_err(|error| anyhow::anyhow!("cannot write {}: {error}", part.display()))?;
    file.sync_all().with_context(|| format!("cannot write {}", part.display()))?;
    put(&part, to, force).with_context(|| format!("cannot write {}", to.display()))?;
    Ok(made)
}

/// Makes a backup and writes it to `out`.
pub(super) fn to_stream(folder: &Folder, out: impl Write, progress: &mut Progress) -> anyhow::Result<Made> {
    let staging = Staging::new(folder.path())?;
    make(folder, &staging, io::BufWriter::with_capacity(BUFFER, out), progress)
}

fn put(part: &Path, to: &Path, force: bool) -> io::Result<()> {
    if !force {
        match fs::hard_link(part, to) {
            Ok(()) => return files::sync_name(to),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Err(error),
            // A file system without links, such as that of a memory stick: nobody else is likely there.
            Err(_) if to.exists() => return Err(io::ErrorKind::AlreadyExists.into()),
            Err(_) => {}
        }
    }
    fs::rename(part, to)?;
    files::sync_name(to)
}

fn make(folder: &Folder, staging: &Staging, out: impl Write, progress: &mut Progress) -> anyhow::Result<Made> {
    let copy = staging.path.join(folder::DATABASE);
    let created_at = SystemClock.now();
    progress.begin("copying the database");
    let mut told = |done: u64, all: u64| {
        progress.tell(done * 4096, all * 4096);
        progress.wanted()
    };
    let schema = sqlite::snapshot(&folder.database(), &copy, &mut told).map_err(|error| match error {
        SnapshotError::Stopped => anyhow::anyhow!("stopped: no backup was made"),
        error => error.into(),
    })?;
    let mut sources = Sources::new(progress);
    sources.take(folder::DATABASE, &copy)?;
    sources.walk(folder.path(), "", 1)?;
    let Sources { found, skipped, .. } = sources;

    let members = found.iter().map(|source| source.member.clone()).collect();
    let manifest = Manifest::new(schema, created_at, members);
    progress.begin("writing the backup");
    let mut sources = found.iter();
    let open = |_: &Member| sources.next().context("a file is missing").and_then(Source::open);
    archive::write(out, &manifest, open, progress)?;
    // What is for the owner's eyes alone fails no backup.
    if let Err(error) = folder.note_backup(created_at) {
        say::note(format_args!("raincloud: the time of the backup can't be noted in the data folder: {error}"));
    }
    Ok(Made { manifest, skipped })
}

/// A folder for what is not whole yet, removed in the end.
struct Staging {
    path: PathBuf,
}

impl Staging {
    fn new(parent: &Path) -> anyhow::Result<Self> {
        let path = parent.join(format!(".raincloud-backup.{}.part", RandomIds.id()));
        files::make_folder(&path).with_context(|| format!("cannot write into the folder {}", parent.display()))?;
        Ok(Self { path })
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        // What is left does no harm but takes room.
        let _ = fs::remove_dir_all(&self.path);
    }
}

struct Source {
    member: Member,
    path: PathBuf,
    content: Option<Vec<u8>>,
}

impl Source {
    fn open(&self) -> anyhow::Result<Box<dyn Read + '_>> {
        match &self.content {
            Some(content) => Ok(Box::new(&**content)),
            None => match File::open(&self.path) {
                Ok(file) => Ok(Box::new(file)),
                Err(error) => bail!("{} has gone while it was copied ({error}): run the backup again", self.member.name),
            },
        }
    }
}

/// The files of a data folder.
struct Sources<'a> {
    found: Vec<Source>,
    skipped: Vec<String>,
    kept: u64,
    progress: &'a Progress,
}

impl<'a> Sources<'a> {
    fn new(progress: &'a Progress) -> Self {
        Self { found: Vec::new(), skipped: Vec::new(), kept: 0, progress }
    }

    /// Everything in the folder but the database and what a server makes anew, so that nothing is forgotten
    /// which some part of the program keeps there.
    fn walk(&mut self, folder: &Path, prefix: &str, depth: usize) -> anyhow::Result<()> {
        let cannot = || format!("cannot read the folder {}", folder.display());
        let mut entries = fs::read_dir(folder).with_context(cannot)?.collect::<Result<Vec<_>, _>>().with_context(cannot)?;
        entries.sort_unstable_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let path = entry.path();
            let Ok(name) = entry.file_name().into_string() else { bail!("the name of {} is no UTF-8", path.display()) };
            let name = format!("{prefix}{name}");
            if name == folder::DATABASE || folder::is_passing(&name) {
                continue;
            }
            let kind = entry.file_type().with_context(|| format!("cannot read {}", path.display()))?;
            if kind.is_dir() {
                ensure!(depth < MAX_DEPTH, "{} lies too deep", path.display());
                self.walk(&path, &format!("{name}/"), depth + 1)?;
            } else if kind.is_file() {
                self.take(&name, &path)?;
            } else {
                self.skipped.push(name);
            }
        }
        Ok(())
    }

    /// One that is gone already is none.
    fn take(&mut self, name: &str, path: &Path) -> anyhow::Result<()> {
        check_name(name)?;
        ensure!(self.progress.wanted(), "stopped: no backup was made");
        ensure!(self.found.len() < MAX_MEMBERS, "there are too many files in the data folder");
        let cannot = || format!("cannot read {}", path.display());
        let mut file = match File::open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            opened => opened.with_context(cannot)?,
        };
        let metadata = file.metadata().with_context(cannot)?;
        let mut bytes = metadata.len();
        let mut content = None;
        if bytes <= SMALL && self.kept + bytes <= KEPT {
            let mut read = Vec::new();
            (&mut file).take(bytes).read_to_end(&mut read).with_context(cannot)?;
            bytes = read.len() as u64;
            self.kept += bytes;
            content = Some(read);
        }
        let (bytes, sha256) = match &content {
            Some(content) => archive::digest(&**content, bytes),
            None => archive::digest(file, bytes),
        }
        .with_context(cannot)?;
        let member = Member { name: name.to_owned(), bytes, sha256, public: is_public(&metadata) };
        self.found.push(Source { member, path: path.to_owned(), content });
        Ok(())
    }
}

#[cfg(unix)]
fn is_public(metadata: &fs::Metadata) -> bool {
    std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o004 != 0
}

#[cfg(not(unix))]
fn is_public(_: &fs::Metadata) -> bool {
    false
}

/// The name of a backup made now, in the folder.
pub(super) fn name_in(folder: &Path) -> PathBuf {
    let now = time::OffsetDateTime::from(SystemTime::now());
    let (date, at) = (now.date(), now.time());
    let day = format!("{:04}-{:02}-{:02}", date.year(), u8::from(date.month()), date.day());
    folder.join(format!("raincloud-{day}T{:02}{:02}{:02}Z.tar", at.hour(), at.minute(), at.second()))
}
