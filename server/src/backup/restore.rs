//! `raincloud restore`. All of it is read and checked beside the place where it will be; then the folder is put
//! there in one step, so that a restore that fails, or is cut short, has changed nothing.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail, ensure};
use builtin::clock::{RandomIds, SystemClock};
use embedded::sqlite;
use serde_json::Value;
use shared::port::clock::{Clock as _, Ids as _};

use super::{archive, contents, manifest::Manifest, off_the_tasks, open, progress::Progress, told};
use crate::{
    ca::Authority,
    files::{self, Readers},
    folder::{self, Folder},
    say,
    settings::Place,
};

/// What `restore` takes.
#[derive(clap::Args, Debug)]
pub(crate) struct RestoreArgs {
    #[command(flatten)]
    place: Place,

    /// The backup; `-` for standard input
    #[arg(long, value_name = "FILE|-")]
    from: PathBuf,

    /// If the data folder is there and not empty, move it aside; it is not deleted
    #[arg(long)]
    force: bool,

    /// Print the outcome as a JSON object
    #[arg(long)]
    json: bool,
}

/// Makes a data folder from a backup.
pub(crate) async fn run(args: RestoreArgs) -> anyhow::Result<()> {
    off_the_tasks(move |progress| {
        let restored = Target::of(&args.place.data, args.force)?.restore(&args.from, progress)?;
        if args.json {
            say::json(&restored.told())?;
        } else {
            say::line(restored.text(&args.from))?;
        }
        Ok(())
    })
    .await
}

/// Where the folder is to be.
struct Target {
    path: PathBuf,
    /// There is one that is not empty.
    occupied: bool,
}

impl Target {
    fn of(data: &Path, force: bool) -> anyhow::Result<Self> {
        let cannot = || format!("cannot restore to {}", data.display());
        let path = match data.canonicalize() {
            Ok(path) => path,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let parent = data.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
                files::make_folder(parent).with_context(cannot)?;
                let name = data.file_name().with_context(|| format!("{} is no name of a folder", data.display()))?;
                parent.canonicalize().with_context(cannot)?.join(name)
            }
            Err(error) => return Err(error).with_context(cannot),
        };
        let occupied = match fs::read_dir(&path) {
            Ok(mut entries) => entries.next().is_some(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => false,
            Err(error) if error.kind() == io::ErrorKind::NotADirectory => bail!("{} is no folder", data.display()),
            Err(error) => return Err(error).with_context(cannot),
        };
        let target = Self { path, occupied };
        // Before all else: nobody who serves is to wonder later.
        drop(target.hold()?);
        ensure!(
            force || !occupied,
            "{} is not empty: choose another folder with --data, or have it moved aside with --force",
            data.display()
        );
        Ok(target)
    }

    /// Keeps a server from beginning in the folder that is there. One that runs is an error.
    fn hold(&self) -> anyhow::Result<Option<File>> {
        // In an empty folder there must be nothing, not even this.
        if self.path.join(folder::SERVING).exists() { Folder::open(&self.path)?.serve().map(Some) } else { Ok(None) }
    }

    fn restore(self, from: &Path, progress: &mut Progress) -> anyhow::Result<Restored> {
        let staging = Staging(self.beside(&format!(".restore-{}.part", RandomIds.id())));
        files::make_folder(&staging.0).with_context(|| format!("cannot write {}", staging.0.display()))?;
        progress.begin("reading the backup");
        let manifest = open(from, |source| unpack(source, &staging.0, progress))?;
        ensure!(progress.wanted(), "stopped: nothing was restored");

        let held = self.hold()?;
        let aside = self.occupied.then(|| self.beside(&format!(".before-restore-{}", SystemClock.now())));
        let cannot = || format!("cannot put the restored folder to {}", self.path.display());
        if let Some(aside) = &aside {
            fs::rename(&self.path, aside).with_context(|| format!("cannot move {} aside; is it a mount point?", self.path.display()))?;
        }
        if let Err(error) = fs::rename(&staging.0, &self.path) {
            if let Some(aside) = &aside {
                fs::rename(aside, &self.path).with_context(|| format!("what was there is now {}", aside.display()))?;
            }
            if error.kind() == io::ErrorKind::ResourceBusy {
                bail!("{} is a mount point: choose a folder within it with --data", self.path.display());
            }
            return Err(error).with_context(cannot);
        }
        files::sync_name(&self.path).with_context(cannot)?;
        drop(held);
        Ok(Restored { path: self.path, manifest, aside })
    }

    /// A path in the same folder, so on the same disk.
    fn beside(&self, end: &str) -> PathBuf {
        let mut name = self.path.file_name().unwrap_or_default().to_owned();
        name.push(end);
        self.path.with_file_name(name)
    }
}

/// Removed in the end, unless it has found its place.
struct Staging(PathBuf);

impl Drop for Staging {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn unpack(source: &mut dyn io::Read, to: &Path, progress: &mut Progress) -> anyhow::Result<Manifest> {
    let mut folders = vec![to.to_owned()];
    let place = |member: &super::manifest::Member| {
        // Its name was checked with the manifest.
        let path = to.join(&member.name);
        let cannot = || format!("cannot write {}", path.display());
        if let Some(parent) = path.parent().filter(|parent| !folders.iter().any(|folder| folder == parent)) {
            files::make_folder(parent).with_context(cannot)?;
            folders.push(parent.to_owned());
        }
        let readers = if member.public { Readers::All } else { Readers::Owner };
        files::open_new(&path, readers).map(Some).with_context(cannot)
    };
    let manifest = archive::read(source, place, progress)?;
    for folder in &folders {
        files::sync_folder(folder).with_context(|| format!("cannot write {}", folder.display()))?;
    }
    progress.begin("checking the database");
    let schema = sqlite::check(&to.join(folder::DATABASE))?;
    ensure!(schema == manifest.schema, "its database has schema {schema}, not {} as its manifest says", manifest.schema);
    check_authority(to)?;
    Ok(manifest)
}

/// A CA without its key would be found out only when the first node is added.
fn check_authority(folder: &Path) -> anyhow::Result<()> {
    let [crt, key] = ["ca.crt", "ca.key"].map(|name| folder.join(name).exists());
    ensure!(crt == key, "it holds half a CA: ca.crt and ca.key belong together");
    if crt {
        Authority::open(folder, SystemClock.now())?;
    }
    Ok(())
}

struct Restored {
    path: PathBuf,
    manifest: Manifest,
    /// Where what was there has been moved.
    aside: Option<PathBuf>,
}

impl Restored {
    fn told(&self) -> Value {
        let mut told = told(&self.manifest);
        told["restored"] = self.path.display().to_string().into();
        told["moved_aside"] = self.aside.as_ref().map(|aside| aside.display().to_string()).into();
        told
    }

    fn text(&self, from: &Path) -> String {
        let path = self.path.display();
        let mut text = format!("{path} is restored from {}: {}", from.display(), contents(&self.manifest));
        if let Some(aside) = &self.aside {
            text = format!("{text}\nWhat was there before is now {}", aside.display());
        }
        let program = std::env::args().next().unwrap_or_else(|| "raincloud".to_owned());
        format!(
            "{text}\n\nNext: start it with the settings that it had before, as the user whose files these are:\n\n  \
             {program} serve --data {path}\n\nNodes and apps know it by the same CA and come back by themselves if it has its old name. What\n\
             happened after the backup is lost; passwords and mappings are those of that moment."
        )
    }
}
