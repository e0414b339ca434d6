//! The local AWS emulator.

use std::{
    env,
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    sync::LazyLock,
};

/// Its endpoint. The first who asks starts it.
pub(crate) fn endpoint() -> String {
    env::var("RAINCLOUD_EMULATOR").unwrap_or_else(|_| EMULATOR.endpoint.clone())
}

static EMULATOR: LazyLock<Emulator> = LazyLock::new(start);

struct Emulator {
    endpoint: String,
    /// It ends when this process does, which holds the other end of its standard input.
    _process: Child,
}

fn start() -> Emulator {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let python = root.join(".venv-aws/bin/python");
    assert!(root.join(".venv-aws/stamp").exists(), "the AWS emulator is not installed: run `make .venv-aws/stamp`");
    let mut process = Command::new(python)
        .args([root.join("tests/emulator").as_os_str(), "--follow".as_ref()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(process.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    let ready: serde_json::Value = serde_json::from_str(&line).expect("the AWS emulator does not start: see `python tests/emulator`");
    Emulator { endpoint: ready["endpoint"].as_str().unwrap().to_owned(), _process: process }
}
