//! Printing. What a command is for goes to standard output, as text or with `--json` as one JSON object a
//! line; what goes wrong goes to standard error in one line. A reader who has gone, as `head` does, ends a
//! command quietly.

use std::{
    fmt,
    io::{self, Write as _},
    process::ExitCode,
};

/// Prints a line.
pub fn line(text: impl fmt::Display) -> io::Result<()> {
    writeln!(io::stdout().lock(), "{text}")
}

/// Prints a JSON object on a line.
pub fn json(value: &serde_json::Value) -> io::Result<()> {
    line(value)
}

/// Prints a note for whoever sits in front of it, beside the log.
pub fn note(text: impl fmt::Display) {
    // Nobody is left to be told if this fails.
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Says in one line why it ended, and what the process ends with.
pub fn ended(outcome: &anyhow::Result<()>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if is_closed_pipe(error) => ExitCode::SUCCESS,
        Err(error) => {
            note(format_args!("raincloud: {}", one_line(error)));
            ExitCode::FAILURE
        }
    }
}

fn one_line(error: &anyhow::Error) -> String {
    // Many errors print their source themselves, so it is added only where it says something new.
    let mut text = error.to_string();
    for cause in error.chain().skip(1) {
        let cause = cause.to_string();
        if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| cause.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe))
}

/// A moment as people read it: `2026-11-21 12:00:00 UTC`, from seconds.
pub fn moment(seconds: i64) -> String {
    let Ok(at) = time::OffsetDateTime::from_unix_timestamp(seconds) else { return seconds.to_string() };
    let (date, time) = (at.date(), at.time());
    let date = format!("{:04}-{:02}-{:02}", date.year(), u8::from(date.month()), date.day());
    format!("{date} {:02}:{:02}:{:02} UTC", time.hour(), time.minute(), time.second())
}

/// A number of bytes as people read it: `1.5 MB`.
pub fn size(bytes: u64) -> String {
    let (mut tenths, mut unit) = (u128::from(bytes) * 10, 0);
    while tenths >= 10_000 && unit < 4 {
        (tenths, unit) = (tenths / 1000, unit + 1);
    }
    let unit = ["bytes", "kB", "MB", "GB", "TB"][unit];
    if unit == "bytes" { format!("{bytes} {unit}") } else { format!("{}.{} {unit}", tenths / 10, tenths % 10) }
}

/// Bytes in hex, in small letters.
pub fn hex(bytes: &[u8]) -> String {
    let digit = |half: u8| char::from(b"0123456789abcdef"[usize::from(half)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 0xf)]).collect()
}

#[cfg(test)]
mod tests {
    use anyhow::Context as _;

    use super::*;

    #[test]
    fn an_error_is_one_line_and_says_nothing_twice() {
        let inner = io::Error::other("disk\nfull");
        let error = Err::<(), _>(inner).context("cannot write x").unwrap_err();
        assert_eq!(one_line(&error), "cannot write x: disk full");
        let error = anyhow::anyhow!("inner").context("outer: inner");
        assert_eq!(one_line(&error), "outer: inner");
        assert!(is_closed_pipe(&anyhow::Error::new(io::Error::from(io::ErrorKind::BrokenPipe)).context("x")));
    }

    #[test]
    fn sizes_are_short() {
        let cases = [(0, "0 bytes"), (999, "999 bytes"), (1000, "1.0 kB"), (1_550_000, "1.5 MB"), (u64::MAX, "18446744.0 TB")];
        for (bytes, text) in cases {
            assert_eq!(size(bytes), text);
        }
    }

    #[test]
    fn moments_are_utc() {
        assert_eq!(moment(1_795_262_400), "2026-11-21 12:00:00 UTC");
    }
}
