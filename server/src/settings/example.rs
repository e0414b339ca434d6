//! The example file, made from the same definition as the help.

use std::fmt::Write as _;

use clap::{Arg, ArgAction, Args, Command};

use super::{Settings, is_switch};

const HEAD: &str = "\
# Settings of Raincloud. Each line that begins with `#` and a name shows a setting with its default: take
# the `#` away to change it. A flag or a variable wins over this file.
#
# Read from the file that --config names, or else from raincloud.toml in the data folder, or else from
# raincloud.toml in the working directory.
#
# Made by `raincloud settings`.
";
const WIDTH: usize = 100;

/// A settings file in which everything is at its default.
pub fn example() -> String {
    let settings = Settings::augment_args(Command::new("settings"));
    let mut text = HEAD.to_owned();
    for setting in settings.get_arguments().filter(|setting| setting.get_long() != Some("config")) {
        describe(&mut text, setting);
    }
    text
}

fn describe(text: &mut String, setting: &Arg) {
    let Some(name) = setting.get_long() else { return };
    text.push('\n');
    let help = setting.get_long_help().or(setting.get_help()).map(ToString::to_string).unwrap_or_default();
    for paragraph in help.lines().filter(|line| !line.trim().is_empty()) {
        wrap(text, paragraph);
    }
    let variable = setting.get_env().unwrap_or_default().to_string_lossy();
    let value = setting.get_value_names().and_then(|names| names.first()).map_or("", |name| name.as_str());
    let flag = if is_switch(setting) { format!("--{name}") } else { format!("--{name} {value}") };
    let default = default(setting);
    let none = if default.is_none() { " Without it there is none." } else { "" };
    // Writing to a String can't fail.
    let _ = writeln!(text, "# Flag {flag}, variable {variable}.{none}");
    let _ = writeln!(text, "#{name} = {}", default.unwrap_or_else(|| format!("\"{value}\"")));
}

/// The default as it stands in the file, if there is one.
fn default(setting: &Arg) -> Option<String> {
    let bare = |value: &str| is_switch(setting) || value.parse::<i64>().is_ok();
    let values = setting.get_default_values().iter().map(|value| {
        let value = value.to_string_lossy();
        if bare(&value) { value.into_owned() } else { format!("\"{value}\"") }
    });
    let values = values.collect::<Vec<_>>().join(", ");
    match setting.get_action() {
        ArgAction::Append => Some(format!("[{values}]")),
        _ => Some(values).filter(|values| !values.is_empty()),
    }
}

fn wrap(text: &mut String, paragraph: &str) {
    let mut column = 0;
    for word in paragraph.split_whitespace() {
        let length = word.chars().count();
        if column == 0 || column + 1 + length > WIDTH {
            text.push_str(if column == 0 { "#" } else { "\n#" });
            column = 1;
        }
        text.push(' ');
        text.push_str(word);
        column += 1 + length;
    }
    if !paragraph.ends_with(['.', '!', '?']) {
        text.push('.');
    }
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_file_is_what_the_program_makes() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/raincloud.example.toml");
        let is = std::fs::read_to_string(path).unwrap_or_default();
        assert!(
            is == example(),
            "server/raincloud.example.toml is out of date; make it anew with\n    \
             cargo run -- settings > server/raincloud.example.toml"
        );
    }

    #[test]
    fn the_example_file_says_the_defaults() {
        let plain: String = example()
            .lines()
            .filter_map(|line| line.strip_prefix('#'))
            .filter(|line| !line.starts_with(' '))
            .fold(String::new(), |all, line| all + line + "\n");
        let table: toml::Table = plain.parse().unwrap();
        let known = Settings::augment_args(Command::new("settings"));
        let has_default = |key: &str| known.get_arguments().any(|arg| arg.get_long() == Some(key) && default(arg).is_some());
        let flags = table.iter().filter(|(key, _)| has_default(key)).filter_map(|(key, value)| match value {
            toml::Value::String(text) => Some(format!("--{key}={text}")),
            toml::Value::Integer(number) => Some(format!("--{key}={number}")),
            toml::Value::Boolean(on) => Some(format!("--{key}={on}")),
            _ => None,
        });
        let parse = |flags: Vec<String>| {
            let command = Settings::augment_args(Command::new("settings"));
            let matches = command.try_get_matches_from(std::iter::once("settings".to_owned()).chain(flags)).unwrap();
            format!("{:?}", <Settings as clap::FromArgMatches>::from_arg_matches(&matches).unwrap())
        };
        assert!(table.contains_key("host") && table.contains_key("max-nodes") && table.contains_key("acme-email"), "{table:?}");
        assert_eq!(parse(flags.collect()), parse(Vec::new()));
    }
}
