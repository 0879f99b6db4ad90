//! The trajectories of the reference implementation, reproduced through the engine.
//!
//! `CLF_GOLDEN` names another folder of the same form; the default is the copy in the repository. Limits are those
//! of 32-bit arithmetic against 64-bit trajectories. `CLF_TEST_DEVICE=cuda:0` holds another device against the records.

#![expect(clippy::unwrap_used, reason = "a test fails where something is not as it should be")]

mod golden {
    pub mod compare;
    pub mod folder;
    pub mod forward;
    pub mod replay;
    pub mod vectors;
}

use clf_core::burn::tensor::Device;
use golden::{
    compare::Report,
    folder::{Golden, device},
    replay::{Replayed, replay},
};

/// Replays one trajectory and holds it against the recorded one.
fn check(name: &str) {
    let golden = Golden::open();
    let replayed = replay(&golden, name, "");
    let report = Report::of(&golden, name, &replayed);
    eprintln!("{report}");
    report.assert_within_limits();
}

macro_rules! trajectories {
    ($($test:ident: $name:literal),+ $(,)?) => {
        const REPLAYED: &[&str] = &[$($name),+];

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
    golden_finetune_wd01: "finetune_wd01",
    golden_wise_ft_prev: "wise_ft_prev",
    golden_wise_ft_zeroshot: "wise_ft_zeroshot",
    golden_we_wise: "we_wise",
    golden_mv_n: "mv_n",
    golden_mv_t: "mv_t",
    golden_mv_zeroshot: "mv_zeroshot",
    golden_zscl_image: "zscl_image",
    golden_zscl_image_text: "zscl_image_text",
    golden_zscl_full: "zscl_full",
    golden_zscl_full_task1: "zscl_full_task1",
    golden_zscl_noflags: "zscl_noflags",
    golden_zscl_ref_wise: "zscl_ref_wise",
    golden_zscl_feature_mse: "zscl_feature_mse",
    golden_zscl_ablation_loss_2: "zscl_ablation_loss_2",
    golden_zscl_weight_adjust: "zscl_weight_adjust",
    golden_lwf: "lwf",
    golden_lwf_vr: "lwf_vr",
    golden_train_image: "train_image",
    golden_train_text_intended: "train_text_intended",
    golden_train_text_orig_patched: "train_text_orig_patched",
    golden_icarl: "icarl",
    golden_cil_zscl: "cil_zscl",
    golden_cil_zscl_w4: "cil_zscl_w4",
    golden_cil_lwf_as_coded: "cil_lwf_as_coded",
    golden_cil_lwf_intended: "cil_lwf_intended",
}

#[test]
fn golden_trajectories_are_all_replayed() {
    let golden = Golden::open();
    let recorded: Vec<&String> = golden.manifest["methods"].as_object().unwrap().keys().collect();
    let unknown: Vec<_> = recorded.iter().filter(|name| !REPLAYED.contains(&name.as_str())).collect();
    assert!(unknown.is_empty(), "recorded and not replayed: {unknown:?}");
}

/// What a frozen teacher says is the same whether it is computed once or in every step, on the CPU to the last bit.
#[test]
fn golden_losses_do_not_depend_on_caching() {
    let golden = Golden::open();
    for name in ["zscl_full", "zscl_ref_wise", "lwf", "lwf_vr", "icarl", "cil_zscl"] {
        let replayed = |cache| replay(&golden, name, &format!("[hook.distill]\ncache = {cache}\n"));
        let (with, without) = (replayed(true), replayed(false));
        if device() == Device::flex() {
            let bits = |replayed: &Replayed| -> Vec<_> {
                replayed.steps.iter().map(|step| (step.loss.to_bits(), step.terms.clone())).collect()
            };
            assert_eq!(bits(&with), bits(&without), "{name}");
            assert_eq!(with.saved.unwrap().sha256(), without.saved.unwrap().sha256(), "{name}");
            continue;
        }
        // Other kernels are chosen there for features of another number of texts at a time.
        for (with, without) in with.steps.iter().zip(&without.steps) {
            assert!((with.loss - without.loss).abs() < 1e-5 * without.loss.abs(), "{name}, step {}", with.step);
        }
    }
}

/// Micro-batches that do not divide the batch: what was recorded holds all the same, whatever a softmax goes over.
#[test]
fn golden_trajectories_hold_with_micro_batches() {
    let golden = Golden::open();
    for name in
        ["finetune", "train_image", "train_text_intended", "zscl_full", "zscl_ablation_loss_2", "lwf_vr", "icarl"]
    {
        let replayed = replay(&golden, name, "[train]\nmicro-batch = 3\n");
        let report = Report::of(&golden, name, &replayed);
        eprintln!("{report}");
        report.assert_within_limits();
        let whole = replay(&golden, name, "");
        for (part, all) in replayed.steps.iter().zip(&whole.steps) {
            let gap = (part.loss - all.loss).abs() / all.loss.abs();
            assert!(gap < 1e-5, "{name}, step {}: {} and {}", all.step, part.loss, all.loss);
        }
    }
}

#[test]
fn golden_exemplars_are_the_recorded_ones() {
    golden::replay::check_exemplars(&Golden::open());
}

#[test]
fn golden_evaluation_counts_every_correct_prediction() {
    golden::replay::check_evaluation(&Golden::open());
}

#[test]
fn golden_forward_block_by_block() {
    golden::forward::check_forward(&Golden::open());
}

#[test]
fn golden_rules_over_vectors_are_those_of_64_bits() {
    golden::vectors::check_vectors();
}
