//! The real binary, as a user runs it: results, errors and exit codes.

#![expect(clippy::unwrap_used, reason = "a test fails where something is not as it should be")]

mod cli {
    pub mod bench;
    mod compare;
    mod compare_output;
    #[cfg(all(feature = "cuda", target_os = "linux"))]
    mod cuda;
    mod damaged;
    mod data;
    mod doctor;
    mod errors;
    mod exchange;
    mod fetch;
    mod fetch_real;
    mod listings;
    mod metrics;
    mod model;
    mod plan;
    mod protocols;
    mod report;
    mod report_browser;
    mod resume;
    mod run_folders;
    mod runs;
    mod sweep;
}
