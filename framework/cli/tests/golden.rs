//! The trajectories of the reference implementation, reproduced through the engine.
//!
//! `CLF_GOLDEN` names another folder of the same form; the default is the copy in the repository. Limits are those
//! of 32-bit arithmetic against 64-bit trajectories.

#![expect(clippy::unwrap_used, reason = "a test fails where something is not as it should be")]

mod golden {
    pub mod compare;
    pub mod folder;
    pub mod forward;
    pub mod replay;
}

use golden::{compare::Report, folder::Golden, replay::replay};

/// Replays one trajectory and holds it against the recorded one.
fn check(name: &str) {
    let golden = Golden::open();
    let replayed = replay(&golden, name);
    let report = Report::of(&golden, name, &replayed);
    eprintln!("{report}");
    report.assert_within_limits();
}

macro_rules! trajectories {
    ($($test:ident: $name:literal),+ $(,)?) => {
        $(
            #[test]
            fn $test() {
                check($name);
            }
        )+
    };
}

trajectories! {
    golden_finetune: "finetune",
    golden_finetune_wc: "finetune_wc",
    golden_finetune_we: "finetune_we",
    golden_zscl_image: "zscl_image",
    golden_zscl_image_text: "zscl_image_text",
    golden_zscl_full: "zscl_full",
    golden_cil_zscl: "cil_zscl",
}

#[test]
fn golden_evaluation_counts_every_correct_prediction() {
    golden::replay::check_evaluation(&Golden::open());
}

#[test]
fn golden_forward_block_by_block() {
    golden::forward::check_forward(&Golden::open());
}
