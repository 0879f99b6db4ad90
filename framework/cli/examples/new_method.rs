//! A program with a method that is not clf's own: what `clf new method` writes, with the names of the template.

use std::process::ExitCode;

#[path = "../templates/method/src/lib.rs"]
mod new_method;

fn main() -> ExitCode {
    clf::main()
}
