//! `raincloud backup` and `raincloud restore`: everything that the data folder holds in one file, and back.
//!
//! A backup is of one moment: the database is copied within a transaction of a reader, beside a server that
//! goes on. What was acknowledged before the command was started is in it.

mod archive;
mod make;
mod manifest;
mod progress;
mod restore;

use std::{
    fs::File,
    io::{self, IsTerminal as _},
    path::{Path, PathBuf},
    sync::{Arc, atomic::AtomicBool},
};

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};

use self::{make::Made, manifest::Manifest, progress::Progress};
use crate::{folder::Folder, say, settings::Place, signals::Stop};

pub(crate) use restore::{RestoreArgs, run as restore};

/// What `backup` takes.
#[derive(clap::Args, Debug)]
pub(crate) struct BackupArgs {
    #[command(flatten)]
    place: Place,

    /// Where to: a new file, a folder in which it gets a name with the time, or `-` for standard output
    #[arg(long, value_name = "FILE|DIR|-", required_unless_present = "verify")]
    to: Option<PathBuf>,

    /// Replace FILE if there is one
    #[arg(long, conflicts_with = "verify")]
    force: bool,

    /// Make none, but check that this one is whole
    #[arg(long, value_name = "FILE", conflicts_with = "to")]
    verify: Option<PathBuf>,

    /// Print the outcome as a JSON object
    #[arg(long)]
    json: bool,
}

/// Makes a backup, or checks one.
pub(crate) async fn run(args: BackupArgs) -> anyhow::Result<()> {
    off_the_tasks(move |progress| match &args.verify {
        Some(file) => verify(&args, file, progress),
        None => back_up(&args, progress),
    })
    .await
}

/// Runs long work on a thread for it; a signal asks it to end, and it cleans up.
async fn off_the_tasks(work: impl FnOnce(&mut Progress) -> anyhow::Result<()> + Send + 'static) -> anyhow::Result<()> {
    let mut signals = Stop::on_signals()?;
    let stop = Arc::new(AtomicBool::new(false));
    let mut progress = Progress::new(Arc::clone(&stop));
    let mut work = tokio::task::spawn_blocking(move || work(&mut progress));
    tokio::select! {
        done = &mut work => return done.context("it failed")?,
        () = signals.wait() => stop.store(true, std::sync::atomic::Ordering::Relaxed),
    }
    signals.end_at_next();
    work.await.context("it failed")?
}

fn back_up(args: &BackupArgs, progress: &mut Progress) -> anyhow::Result<()> {
    let folder = Folder::open(&args.place.data)?;
    ensure!(folder.database().exists(), "{} is no data folder: there is no database in it", folder.path().display());
    let to = args.to.as_deref().unwrap_or(Path::new("-"));
    if to == Path::new("-") {
        ensure!(!io::stdout().is_terminal(), "a backup is not for a terminal: send standard output to a file or a program");
        let made = make::to_stream(&folder, io::stdout().lock(), progress)?;
        let told = made.told("-");
        say::note(if args.json { told.to_string() } else { made.text("standard output") });
        return Ok(());
    }
    let to = if to.is_dir() { make::name_in(to) } else { to.to_owned() };
    let made = make::to_file(&folder, &to, args.force, progress)?;
    let place = to.display().to_string();
    if args.json {
        say::json(&made.told(&place))?;
    } else {
        say::line(made.text(&place))?;
    }
    Ok(())
}

impl Made {
    fn told(&self, place: &str) -> Value {
        let mut told = told(&self.manifest);
        told["backup"] = place.into();
        told["skipped"] = self.skipped.clone().into();
        told
    }

    fn text(&self, place: &str) -> String {
        let mut text = format!("Backed up to {place}: {}", contents(&self.manifest));
        for name in &self.skipped {
            text = format!("{text}\nLeft out, because it is no file: {name}");
        }
        text
    }
}

fn verify(args: &BackupArgs, file: &Path, progress: &mut Progress) -> anyhow::Result<()> {
    progress.begin("checking the backup");
    let manifest = open(file, |source| archive::read(source, |_| Ok(None), progress))?;
    if args.json {
        let mut told = told(&manifest);
        told["verified"] = file.display().to_string().into();
        say::json(&told)?;
    } else {
        say::line(format_args!("{} is whole: {}, made by Raincloud {}", file.display(), contents(&manifest), manifest.raincloud))?;
    }
    Ok(())
}

/// Opens a backup, of which `-` is standard input, and names it in what goes wrong.
fn open<T>(file: &Path, read: impl FnOnce(&mut dyn io::Read) -> anyhow::Result<T>) -> anyhow::Result<T> {
    if file == Path::new("-") {
        return read(&mut io::stdin().lock()).context("the backup on standard input can't be used");
    }
    let cannot = || format!("{} can't be used", file.display());
    let mut source = File::open(file).with_context(cannot)?;
    read(&mut source).with_context(cannot)
}

fn told(manifest: &Manifest) -> Value {
    json!({
        "created_at": manifest.created_at,
        "raincloud": manifest.raincloud,
        "schema": manifest.schema,
        "files": manifest.members.len(),
        "bytes": manifest.bytes(),
    })
}

fn contents(manifest: &Manifest) -> String {
    let files = manifest.members.len();
    let files = if files == 1 { "1 file".to_owned() } else { format!("{files} files") };
    format!("{files}, {} of {}", say::size(manifest.bytes()), say::moment(manifest.created_at))
}
