//! clf with new-method beside its own methods.

use new_method as _;

fn main() -> std::process::ExitCode {
    clf::main()
}
