//! The settings file. Its values take the place of the defaults in the command line's definition, so
//! that precedence and checks are the same for all three sources.

use std::{collections::BTreeMap, ffi::OsString, fs, io, path::PathBuf};

use clap::{
    ArgAction, ArgMatches, Args, Command,
    error::{ContextKind, ContextValue},
};

use super::Settings;

const NAME: &str = "raincloud.toml";

/// Why a settings file is not accepted. One line.
#[derive(Debug, thiserror::Error)]
#[error("{}: {problem}", path.display())]
pub struct FileError {
    path: PathBuf,
    problem: String,
}

/// Why the command line does not say what to do.
#[derive(Debug, thiserror::Error)]
pub enum ParseError {
    /// The command line, or a variable.
    #[error(transparent)]
    Clap(#[from] clap::Error),
    /// The settings file.
    #[error(transparent)]
    File(#[from] FileError),
}

/// Parses the command line, with the values of the settings file where the command takes settings and
/// the command line and the variables leave them open. Commands named in `apart` take none.
pub fn layered(command: Command, args: &[OsString], apart: &[&str]) -> Result<ArgMatches, ParseError> {
    let first = command.clone().try_get_matches_from(args)?;
    let Some(source) = file_of(leaf(&first, apart)) else { return Ok(first) };
    let values = read(&source)?;
    Ok(with_defaults(command, &values, apart).try_get_matches_from(args)?)
}

/// The matches of the innermost subcommand, unless that stands apart.
fn leaf<'a>(matches: &'a ArgMatches, apart: &[&str]) -> Option<&'a ArgMatches> {
    match matches.subcommand() {
        Some((name, _)) if apart.contains(&name) => None,
        Some((_, inner)) => leaf(inner, &[]),
        None => Some(matches),
    }
}

/// Which file holds the settings, if any does.
fn file_of(leaf: Option<&ArgMatches>) -> Option<Source> {
    let leaf = leaf?;
    let named = leaf.try_get_one::<PathBuf>("config").ok()?;
    let data = leaf.try_get_one::<PathBuf>("data").ok()??;
    if let Some(path) = named {
        return Some(Source { path: path.clone(), beside_data: false });
    }
    let candidates = [(data.join(NAME), true), (PathBuf::from(NAME), false)];
    let (path, beside_data) = candidates.into_iter().find(|(path, _)| path.exists())?;
    Some(Source { path, beside_data })
}

struct Source {
    path: PathBuf,
    /// It lies in the data folder, so it can't say where that is.
    beside_data: bool,
}

type Values = BTreeMap<String, Vec<OsString>>;

fn read(source: &Source) -> Result<Values, FileError> {
    let fail = |problem: String| FileError { path: source.path.clone(), problem };
    let text = fs::read_to_string(&source.path).map_err(|error| {
        fail(match error.kind() {
            io::ErrorKind::NotFound => "there is no such file".to_owned(),
            io::ErrorKind::PermissionDenied => "no permission to read it".to_owned(),
            _ => error.to_string(),
        })
    })?;
    let table: toml::Table = text.parse().map_err(|error: toml::de::Error| {
        let line = error.span().map_or(1, |span| 1 + text[..span.start.min(text.len())].matches('\n').count());
        fail(format!("line {line}: {}", error.message().replace('\n', " ")))
    })?;
    let known = known();
    let mut values = Values::new();
    for (key, value) in &table {
        if source.beside_data && key == "data" {
            return Err(fail("`data` can't stand in the data folder's own file".to_owned()));
        }
        let words = words(&known, key, value).map_err(fail)?;
        values.insert(key.clone(), words.into_iter().map(OsString::from).collect());
    }
    Ok(values)
}

/// A command that takes the settings alone, from no variable.
fn known() -> Command {
    Settings::augment_args(Command::new("settings")).mut_args(|arg| arg.env(None::<&str>))
}

/// The value as words of a command line, checked as such.
fn words(known: &Command, key: &str, value: &toml::Value) -> Result<Vec<String>, String> {
    let setting = known.get_arguments().find(|arg| arg.get_long() == Some(key) && key != "config");
    let Some(setting) = setting else { return Err(unknown(known, key)) };
    let many = matches!(setting.get_action(), ArgAction::Append);
    let switch = super::is_switch(setting);
    let one = |value: &toml::Value| match value {
        toml::Value::Boolean(on) if switch => Ok(on.to_string()),
        other if switch => Err(format!("`{key}` takes true or false, not a value of type {}", other.type_str())),
        toml::Value::String(text) => Ok(text.clone()),
        toml::Value::Integer(number) => Ok(number.to_string()),
        other => Err(format!("`{key}` takes text or a number, not a value of type {}", other.type_str())),
    };
    let words = match value {
        toml::Value::Array(items) if many => items.iter().map(one).collect::<Result<_, _>>()?,
        toml::Value::Array(_) => return Err(format!("`{key}` takes one value, not a list")),
        value => vec![one(value)?],
    };
    let args = words.iter().map(|word| format!("--{key}={word}"));
    match known.clone().try_get_matches_from(std::iter::once("settings".to_owned()).chain(args)) {
        Ok(_) => Ok(words),
        Err(error) => {
            let message = error.to_string();
            let line = message.lines().next().unwrap_or_default().trim_start_matches("error: ");
            Err(line.to_owned())
        }
    }
}

fn unknown(known: &Command, key: &str) -> String {
    let tried = known.clone().try_get_matches_from(["settings".to_owned(), format!("--{key}=x")]);
    let similar = tried.err().and_then(|error| match error.get(ContextKind::SuggestedArg) {
        Some(ContextValue::String(flag)) => Some(flag.trim_start_matches("--").to_owned()),
        _ => None,
    });
    match similar.filter(|similar| similar != "config") {
        Some(similar) => format!("there is no setting `{key}`; did you mean `{similar}`?"),
        None => format!("there is no setting `{key}`"),
    }
}

fn with_defaults(command: Command, values: &Values, apart: &[&str]) -> Command {
    let command = command.mut_args(|arg| match arg.get_long().and_then(|long| values.get(long)) {
        Some(words) => arg.default_values(words.clone()),
        None => arg,
    });
    command.mut_subcommands(|inner| if apart.contains(&inner.get_name()) { inner } else { with_defaults(inner, values, &[]) })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use clap::{FromArgMatches, Subcommand};

    use super::*;
    use crate::settings::{Host, Port};

    #[derive(Subcommand)]
    enum Verb {
        Serve(Settings),
        Node {
            #[arg(long)]
            http: Option<String>,
        },
        #[command(subcommand)]
        Admin(Inner),
    }

    /// Of the same name as one that stands apart.
    #[derive(Subcommand)]
    enum Inner {
        Node(Settings),
    }

    /// Variables are the process's, so tests set "variables" as another layer of the definition.
    fn parse(folder: &Path, text: &str, args: &[&str]) -> Result<Verb, ParseError> {
        let file = folder.join("settings.toml");
        fs::write(&file, text).unwrap();
        let config = format!("--config={}", file.display());
        let args: Vec<OsString> = ["raincloud", args[0]].iter().chain(&args[1..]).map(Into::into).collect();
        let args = if args[1] == "serve" { [args, vec![config.into()]].concat() } else { args };
        let matches = layered(Verb::augment_subcommands(Command::new("raincloud")), &args, &["node"])?;
        Ok(Verb::from_arg_matches(&matches)?)
    }

    fn serve(text: &str, args: &[&str]) -> Result<Settings, String> {
        let folder = tempfile::tempdir().unwrap();
        match parse(folder.path(), text, &[&["serve"], args].concat()) {
            Ok(Verb::Serve(settings)) => Ok(settings),
            Ok(_) => panic!("another command"),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn a_flag_wins_over_the_file_and_the_file_over_the_default() {
        let text = "http = 1234\nhttps = \"off\"\nhost = [\"a.io\", \"b.io\"]\ndesired-seconds = 0\n";
        let settings = serve(text, &["--http", "4321"]).unwrap();
        assert_eq!((settings.http, settings.https, settings.mqtts), (Port::At(4321), Port::Off, Port::At(8883)));
        assert_eq!(settings.names.hosts.iter().map(Host::as_str).collect::<Vec<_>>(), ["a.io", "b.io"]);
        assert_eq!(settings.desired_seconds, 0);
        let settings = serve("host = \"a.io\"", &["--host", "c.io"]).unwrap();
        assert_eq!(settings.names.mqtt_host(), "c.io");
        assert_eq!(settings.names.hosts.len(), 1);
        assert!(serve("lan = true", &[]).unwrap().reach.lan && serve("", &["--lan"]).unwrap().reach.lan);
        assert!(!serve("lan = true", &["--lan=false"]).unwrap().reach.lan);
        assert_eq!(serve("", &[]).unwrap().names.mqtt_host(), "localhost");
    }

    #[test]
    fn a_bad_file_is_one_clear_line() {
        for (text, says) in [
            ("hots = \"x\"", "there is no setting `hots`; did you mean `host`?"),
            ("config = \"x\"", "there is no setting `config`"),
            ("[http]\nport = 1", "`http` takes text or a number, not a value of type table"),
            ("http = true", "`http` takes text or a number, not a value of type boolean"),
            ("lan = \"yes\"", "`lan` takes true or false, not a value of type string"),
            ("http = \"eighty\"", "invalid value 'eighty' for '--http <PORT|off>': give a port (0 to 65535) or off"),
            ("http = [1, 2]", "`http` takes one value, not a list"),
            ("bind = \"here\"", "invalid value 'here' for '--bind <IP>'"),
            ("desired-seconds = -1", "invalid value '-1' for '--desired-seconds <SECONDS>'"),
            ("host = [\"a b\"]", "give a DNS name or an IP address"),
            ("\n\nhttp = = 1", "line 3: "),
        ] {
            let error = serve(text, &[]).unwrap_err();
            assert!(error.contains(says) && !error.trim_end().contains('\n'), "{text:?}: {error:?}");
            assert!(error.contains("settings.toml: "), "{error}");
        }
    }

    #[test]
    fn a_named_file_must_exist_and_others_need_not() {
        let missing = ["raincloud", "serve", "--config=/nowhere/x.toml"].map(OsString::from);
        let command = Verb::augment_subcommands(Command::new("raincloud"));
        let error = layered(command.clone(), &missing, &[]).unwrap_err();
        assert_eq!(error.to_string(), "/nowhere/x.toml: there is no such file");
        let none = ["raincloud", "serve", "--data=/nowhere"].map(OsString::from);
        assert!(layered(command, &none, &[]).is_ok());
    }

    #[test]
    fn the_data_folders_own_file_is_read() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(NAME), "http = 99").unwrap();
        let args = ["raincloud".into(), "serve".into(), "--data".into(), folder.path().into()];
        let command = Verb::augment_subcommands(Command::new("raincloud"));
        let Verb::Serve(settings) = Verb::from_arg_matches(&layered(command.clone(), &args, &[]).unwrap()).unwrap() else {
            panic!("another command")
        };
        assert_eq!(settings.http, Port::At(99));
        fs::write(folder.path().join(NAME), "data = \"elsewhere\"").unwrap();
        let error = layered(command, &args, &[]).unwrap_err().to_string();
        assert!(error.ends_with("`data` can't stand in the data folder's own file"), "{error}");
    }

    #[test]
    fn commands_apart_are_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let Verb::Node { http } = parse(folder.path(), "http = 1", &["node"]).unwrap() else { panic!("another command") };
        assert_eq!(http, None);
        let args = ["raincloud", "admin", "node", "--config"].map(OsString::from);
        let args = [args.as_slice(), &[folder.path().join("settings.toml").into()]].concat();
        let matches = layered(Verb::augment_subcommands(Command::new("raincloud")), &args, &["node"]).unwrap();
        let Verb::Admin(Inner::Node(settings)) = Verb::from_arg_matches(&matches).unwrap() else { panic!("another command") };
        assert_eq!(settings.http, Port::At(1));
    }
}
