//! The `clf-bench` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    clf_bench::main()
}
