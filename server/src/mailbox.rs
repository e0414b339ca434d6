//! `raincloud mailbox`: reads the letters that the cloud has sent.

use std::{path::Path, time::Duration};

use anyhow::Context as _;
use embedded::mailbox::{self, Stored};
use serde_json::json;

use crate::{folder::Folder, say, settings::Place};

/// How often the folder is looked at with `--follow`.
const EVERY: Duration = Duration::from_millis(250);

/// What `mailbox` takes.
#[derive(clap::Args, Debug)]
pub(crate) struct MailboxArgs {
    #[command(flatten)]
    place: Place,

    /// Wait for more letters and print them as they come
    #[arg(long, conflicts_with = "code")]
    follow: bool,

    /// Print nothing but the newest code sent to ADDRESS
    #[arg(long, requires = "address")]
    code: bool,

    /// Print each letter as a JSON object on a line
    #[arg(long)]
    json: bool,

    /// Only letters to this address
    #[arg(value_name = "ADDRESS")]
    address: Option<String>,
}

/// Reads letters.
pub(crate) async fn run(args: MailboxArgs) -> anyhow::Result<()> {
    let folder = Folder::open(&args.place.data)?.mailbox();
    if args.code {
        return newest_code(&folder, args.address.as_deref().unwrap_or_default(), args.json);
    }
    let mut last = String::new();
    let mut any = false;
    loop {
        for name in names(&folder)?.into_iter().filter(|name| *name > last).collect::<Vec<_>>() {
            if let Some(stored) = read(&folder, &name)?.filter(|stored| is_to(stored, args.address.as_deref())) {
                any = true;
                print(&stored, args.json)?;
            }
            last = name;
        }
        if !args.follow {
            break;
        }
        tokio::time::sleep(EVERY).await;
    }
    if !any && !args.json {
        say::note("no letters");
    }
    Ok(())
}

fn newest_code(folder: &Path, address: &str, json: bool) -> anyhow::Result<()> {
    for name in names(folder)?.iter().rev() {
        let stored = read(folder, name)?.filter(|stored| is_to(stored, Some(address)));
        if let Some(code) = stored.and_then(|stored| stored.letter.code) {
            if json {
                say::json(&json!({ "to": address, "code": code }))?;
            } else {
                say::line(code)?;
            }
            return Ok(());
        }
    }
    anyhow::bail!("no code has been sent to {address}")
}

fn names(folder: &Path) -> anyhow::Result<Vec<String>> {
    mailbox::names(folder).with_context(|| format!("cannot read the mailbox {}", folder.display()))
}

fn read(folder: &Path, name: &str) -> anyhow::Result<Option<Stored>> {
    mailbox::read(folder, name).with_context(|| format!("cannot read the letter {name} in {}", folder.display()))
}

/// Addresses compare without case.
fn is_to(stored: &Stored, address: Option<&str>) -> bool {
    address.is_none_or(|address| stored.letter.to.to_lowercase() == address.to_lowercase())
}

fn print(stored: &Stored, as_json: bool) -> anyhow::Result<()> {
    let letter = &stored.letter;
    if as_json {
        let to = &letter.to;
        say::json(&json!({ "date": stored.date, "to": to, "subject": letter.subject, "code": letter.code, "text": letter.text }))?;
    } else {
        let indented = letter.text.replace('\n', "\n    ").replace("\n    \n", "\n\n");
        say::line(format_args!("{}  to {}  {}\n\n    {indented}\n", stored.date, letter.to, letter.subject))?;
    }
    Ok(())
}
