//! The real binary, as a user runs it: results, errors and exit codes.

mod cli {
    pub mod bench;
    mod errors;
    mod listings;
    mod runs;
}
