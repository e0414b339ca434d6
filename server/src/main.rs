//! The binary `raincloud`.

use std::process::ExitCode;

fn main() -> ExitCode {
    raincloud::run()
}
