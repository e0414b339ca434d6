//! The commands.

use std::{ffi::OsString, process::ExitCode};

use anyhow::Context as _;
use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand, error::ErrorKind};

use crate::{
    admin::AdminCommand,
    backup::{BackupArgs, RestoreArgs},
    logging,
    mailbox::MailboxArgs,
    node::NodeArgs,
    say,
    serve::ServeArgs,
    settings::{self, ParseError},
};

/// Commands that take none of the settings.
const APART: [&str; 2] = ["node", "settings"];

/// A device cloud for ESP32 products in one program.
///
/// Without a command it serves.
#[derive(Parser, Debug)]
#[command(name = "raincloud", version, args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(flatten)]
    serve: ServeArgs,

    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Serve the REST API and MQTT; what it does without a command
    Serve(Box<ServeArgs>),
    /// Read the letters, with confirmation codes, that the cloud has sent
    Mailbox(MailboxArgs),
    /// Administer the cloud
    #[command(subcommand)]
    Admin(AdminCommand),
    Node(Box<NodeArgs>),
    /// Save everything that the data folder holds in one file, also while it is served
    Backup(BackupArgs),
    /// Make a data folder from a backup
    Restore(RestoreArgs),
    /// Print a settings file that shows every setting, its meaning and its default
    Settings,
}

/// Runs the command that the process was started with.
pub fn run() -> ExitCode {
    let args: Vec<OsString> = std::env::args_os().collect();
    let cli = match parse(&args) {
        Ok(cli) => cli,
        Err(ParseError::Clap(error)) => return refuse(&error),
        Err(ParseError::File(error)) => {
            say::note(format_args!("raincloud: {error}"));
            return ExitCode::from(2);
        }
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("no threads can be started");
    say::ended(&runtime.and_then(|runtime| {
        let outcome = runtime.block_on(cli.dispatch());
        // What still runs is nothing that anybody waits for.
        runtime.shutdown_background();
        outcome
    }))
}

fn parse(args: &[OsString]) -> Result<Cli, ParseError> {
    let matches = settings::layered(Cli::command(), args, &APART)?;
    Ok(Cli::from_arg_matches(&matches)?)
}

/// A wrong value is one line; help, and what clap can explain better, is printed as clap does.
fn refuse(error: &clap::Error) -> ExitCode {
    if matches!(error.kind(), ErrorKind::InvalidValue | ErrorKind::ValueValidation) {
        let text = error.to_string();
        let lines = text.lines().take_while(|line| !line.trim().is_empty()).map(str::trim);
        let line = lines.collect::<Vec<_>>().join(" ");
        say::note(format_args!("raincloud: {}", line.trim_start_matches("error: ")));
    } else {
        // Nobody is left to be told if this fails.
        let _ = error.print();
    }
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
}

impl Cli {
    async fn dispatch(self) -> anyhow::Result<()> {
        match self.command.unwrap_or_else(|| Command::Serve(Box::new(self.serve))) {
            Command::Serve(args) => {
                let said = logging::start(&args.settings.log, args.settings.log_format);
                crate::serve::run(*args, said).await
            }
            Command::Mailbox(args) => crate::mailbox::run(args).await,
            Command::Admin(command) => crate::admin::run(command).await,
            Command::Node(args) => crate::node::run(*args).await,
            Command::Backup(args) => crate::backup::run(args).await,
            Command::Restore(args) => crate::backup::restore(args).await,
            Command::Settings => Ok(say::line(settings::example().trim_end())?),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Cli, String> {
        let args: Vec<OsString> = line.split_whitespace().map(Into::into).collect();
        parse(&args).map_err(|error| error.to_string())
    }

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn serve_is_what_it_does_without_a_command() {
        assert!(parsed("raincloud").unwrap().command.is_none());
        let cli = parsed("raincloud --data x --http 0 --host a.io --host b.io").unwrap();
        assert!(cli.command.is_none());
        assert_eq!(cli.serve.settings.place.data.to_str(), Some("x"));
        assert_eq!(cli.serve.settings.names.hosts.len(), 2);
        let Some(Command::Serve(args)) = parsed("raincloud serve --data x --json").unwrap().command else { panic!("another command") };
        assert!(args.json && args.settings.place.data.to_str() == Some("x"));
    }

    #[test]
    fn commands_take_what_they_should() {
        for good in [
            "raincloud mailbox",
            "raincloud mailbox --data x --follow a@x.io --json",
            "raincloud mailbox --data x --code a@x.io",
            "raincloud admin node add --data x --out y --count 3 --key rsa --host z --json",
            "raincloud admin node list --data x --json",
            "raincloud admin node revoke --data x n1",
            "raincloud admin node list --url https://x.io --user a@x.io --ca y",
            "raincloud admin user add --data x --super-admin a@x.io",
            "raincloud admin user list --url https://x.io --user a@x.io --password-file y --json",
            "raincloud admin user delete --url https://x.io --user a@x.io --code 123456 b@x.io",
            "raincloud admin claim add --data x --mac 240ac4aabbcc --secret-file y --json",
            "raincloud admin claim add --csv -",
            "raincloud admin claim list --json",
            "raincloud admin claim remove 240AC4AABBCC",
            "raincloud settings",
            "raincloud backup --data x --to y --force --json",
            "raincloud backup --verify y",
            "raincloud restore --from y --data x --force --json",
        ] {
            assert!(parsed(good).is_ok(), "{good}: {:?}", parsed(good));
        }
        for bad in [
            "raincloud mailbox --code",
            "raincloud mailbox --code --follow a@x.io",
            "raincloud admin node add",
            "raincloud admin node add --out y --count 0",
            "raincloud admin node revoke a/b",
            "raincloud admin node list --data x --url https://x.io --user a@x.io",
            "raincloud admin node list --url https://x.io",
            "raincloud admin user list --user a@x.io",
            "raincloud admin user add --admin --super-admin a@x.io",
            "raincloud admin user disable nobody",
            "raincloud admin user delete --code 123456 b@x.io",
            "raincloud admin claim add --url https://x.io --user a@x.io --csv -",
            "raincloud admin claim add",
            "raincloud admin claim add --mac 240AC4AABBC",
            "raincloud admin claim add --mac 240AC4AABBCC --csv x",
            "raincloud admin claim add --csv x --secret-file y",
            "raincloud admin claim remove",
            "raincloud backup",
            "raincloud backup --to y --verify y",
            "raincloud restore --data x",
            "raincloud fly",
            "raincloud --http eighty",
        ] {
            assert!(parsed(bad).is_err(), "{bad}");
        }
    }
}
