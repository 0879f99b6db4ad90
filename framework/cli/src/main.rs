//! The `clf` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    clf::main()
}
