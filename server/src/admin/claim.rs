//! `raincloud admin claim`: the secrets of chips that claim for themselves.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail};
use clap::Subcommand;
use serde_json::json;
use shared::{
    claim::{
        Mac,
        secret::{self, Registered, Secret},
    },
    port::table::MAX_WRITES,
};

use super::{Opened, print_pages};
use crate::{folder::Folder, say, settings::Place};

/// Chips that are read at a time.
const PAGE: usize = 100;
/// Bytes of a file of secrets: a few million chips.
const MAX_FILE: u64 = 256 * 1024 * 1024;

/// What can be done with secrets.
#[derive(Subcommand, Debug)]
pub(crate) enum ClaimCommand {
    /// Let chips claim: register the secret that was burnt into each
    Add(AddArgs),
    /// List the chips whose secrets are registered
    List(ListArgs),
    /// Forget a chip's secret: it can't claim any more, but keeps its certificate
    Remove(RemoveArgs),
}

/// What `admin claim add` takes.
#[derive(clap::Args, Debug)]
#[group(id = "which", required = true, multiple = false, args = ["mac", "csv"])]
pub(crate) struct AddArgs {
    #[command(flatten)]
    place: Place,

    /// One chip, by its MAC address; its secret is read from standard input or the file
    #[arg(long)]
    mac: Option<Mac>,

    /// The file with that chip's secret, 32 hexadecimal digits
    #[arg(long, value_name = "FILE", conflicts_with = "csv")]
    secret_file: Option<PathBuf>,

    /// Many chips: a file with a line `mac,secret` for each; `-` is standard input
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,

    /// Print the outcome as a JSON object
    #[arg(long)]
    json: bool,
}

/// What `admin claim list` takes.
#[derive(clap::Args, Debug)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    place: Place,

    /// Print each chip as a JSON object on a line
    #[arg(long)]
    json: bool,
}

/// What `admin claim remove` takes.
#[derive(clap::Args, Debug)]
pub(crate) struct RemoveArgs {
    #[command(flatten)]
    place: Place,

    /// Print the outcome as a JSON object
    #[arg(long)]
    json: bool,

    /// The chip
    #[arg(value_name = "MAC")]
    mac: Mac,
}

/// Does it.
pub(super) async fn run(command: ClaimCommand) -> anyhow::Result<()> {
    match command {
        ClaimCommand::Add(args) => add(args).await,
        ClaimCommand::List(args) => list(args).await,
        ClaimCommand::Remove(args) => remove(args).await,
    }
}

/// Registers all of them or, if a line is wrong, none.
async fn add(args: AddArgs) -> anyhow::Result<()> {
    let chips = match (args.mac, args.csv) {
        (Some(mac), _) => {
            let text = read(args.secret_file.as_deref())?;
            vec![(mac, text.trim().parse::<Secret>()?)]
        }
        (None, csv) => table(&read(csv.as_deref().filter(|file| *file != Path::new("-")))?)?,
    };
    let opened = Opened::new(&Folder::make(&args.place.data)?).await?;
    let added = async {
        for some in chips.chunks(MAX_WRITES) {
            secret::add(&opened.ports, some).await?;
        }
        anyhow::Ok(())
    }
    .await;
    opened.close().await;
    added?;
    match (args.json, chips.len()) {
        (true, count) => say::json(&json!({ "registered": count }))?,
        (false, 1) => say::line("The secret of 1 chip is registered.")?,
        (false, count) => say::line(format_args!("The secrets of {count} chips are registered."))?,
    }
    Ok(())
}

/// All of the file, or of standard input.
fn read(file: Option<&Path>) -> anyhow::Result<String> {
    let (mut text, mut from): (_, Box<dyn io::Read>) = match file {
        Some(path) => (String::new(), Box::new(fs::File::open(path).with_context(|| format!("cannot read {}", path.display()))?)),
        None => (String::new(), Box::new(io::stdin().lock())),
    };
    let what = || file.map_or_else(|| "cannot read standard input".to_owned(), |path| format!("cannot read {}", path.display()));
    from.by_ref().take(MAX_FILE + 1).read_to_string(&mut text).with_context(what)?;
    anyhow::ensure!(text.len() as u64 <= MAX_FILE, "more than {MAX_FILE} bytes: split the file");
    Ok(text)
}

/// The chips in lines of MAC address and secret; the first line may name the columns. What is wrong is told by
/// its line, because a secret must not be shown.
fn table(text: &str) -> anyhow::Result<Vec<(Mac, Secret)>> {
    let mut chips = BTreeMap::new();
    for (number, line) in (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty()) {
        let cells: Vec<_> = line.split(',').map(|cell| cell.trim().trim_matches('"')).collect();
        let [mac, secret] = cells[..] else { bail!("line {number}: two columns are needed, mac and secret") };
        if number == 1 && mac.eq_ignore_ascii_case("mac") {
            continue;
        }
        let mac: Mac = mac.parse().with_context(|| format!("line {number}"))?;
        let secret: Secret = secret.parse().with_context(|| format!("line {number}"))?;
        if chips.insert(mac, secret).is_some() {
            bail!("line {number}: the chip stands in the file twice");
        }
    }
    anyhow::ensure!(!chips.is_empty(), "there is no chip in it");
    Ok(chips.into_iter().collect())
}

async fn list(args: ListArgs) -> anyhow::Result<()> {
    let opened = Opened::new(&Folder::open(&args.place.data)?).await?;
    let printed = print(&opened, args.json).await;
    opened.close().await;
    printed
}

async fn print(opened: &Opened, as_json: bool) -> anyhow::Result<()> {
    let page = async |after: Option<String>| {
        let (chips, next) = secret::list(&opened.ports, PAGE, after.map(|after| after.parse()).transpose()?).await?;
        Ok((chips, next.map(|next| next.to_string())))
    };
    let json = |chip: &Registered| json!({ "mac": chip.mac.as_str(), "registered_at": chip.registered_at });
    let shown = |chip: &Registered| format!("{}   {}", chip.mac, say::moment(chip.registered_at));
    print_pages(as_json, "no secrets", page, json, shown).await
}

async fn remove(args: RemoveArgs) -> anyhow::Result<()> {
    let opened = Opened::new(&Folder::open(&args.place.data)?).await?;
    let removed = secret::remove(&opened.ports, &args.mac).await;
    opened.close().await;
    anyhow::ensure!(removed?, "no secret of {} is registered", args.mac);
    if args.json {
        say::json(&json!({ "mac": args.mac.as_str(), "removed": true }))?;
    } else {
        say::line(format_args!("The secret of {} is forgotten. If the chip has a certificate, that stays good.", args.mac))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "000102030405060708090a0b0c0d0e0f";

    #[test]
    fn a_table_has_a_line_for_each_chip() {
        let text = format!("MAC,Secret\r\n240AC4AABBCC, {SECRET}\r\n\r\n\"240ac4aabbcd\",\"{SECRET}\"\n");
        let macs: Vec<_> = table(&text).unwrap().into_iter().map(|(mac, _)| mac.to_string()).collect();
        assert_eq!(macs, ["240AC4AABBCC", "240AC4AABBCD"]);
    }

    #[test]
    fn a_wrong_line_is_told_by_its_number_without_its_secret() {
        for (text, says) in [
            (String::new(), "there is no chip"),
            (format!("240AC4AABBCC,{SECRET}\n240AC4AABBCD"), "line 2: two columns"),
            (format!("240AC4AABBCC,{SECRET}\nmac,secret"), "line 2"),
            (format!("240AC4AABBCC,{SECRET}0"), "line 1"),
            (format!("240AC4AABBCC,{SECRET}\n240ac4aabbcc,{SECRET}"), "line 2: the chip stands in the file twice"),
        ] {
            let error = format!("{:#}", table(&text).unwrap_err());
            assert!(error.contains(says) && !error.contains(SECRET), "{error}");
        }
    }
}
