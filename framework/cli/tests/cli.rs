//! The real binary, as a user runs it: results, errors and exit codes.

#![expect(clippy::unwrap_used, reason = "a test fails where something is not as it should be")]

mod cli {
    pub mod bench;
    mod compare;
    #[cfg(all(feature = "cuda", target_os = "linux"))]
    mod cuda;
    mod data;
    mod errors;
    mod fetch;
    mod fetch_real;
    mod listings;
    mod metrics;
    mod model;
    mod protocols;
    mod runs;
    mod sweep;
}
