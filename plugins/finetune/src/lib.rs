//! Sequential fine-tuning: cross entropy on one task after another, with nothing against forgetting.

use clf_core::methods::Classification;

clf_core::register_method! {
    name: "finetune",
    summary: "Fine-tunes on one task after another, without protection.",
    paper: "baseline of Zheng et al. 2023, arXiv 2303.06628 (\"Continual Learning\")",
    // Reference script finetune.sh; training lengths and rates are those of the engine and the scenario.
    defaults: [Classification::DEFAULTS],
    differences: &[
        "train-mode text trains the text tower; the published code crashes, and mended it trains the image tower \
         (compat=reference)",
    ],
    method: Classification,
}
