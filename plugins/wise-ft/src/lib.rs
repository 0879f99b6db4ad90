//! WiSE-FT: fine-tuning, with an interpolation in weight space after each task.
//!
//! A sweep over the rate on finished weights is `clf eval --interpolate`.

use clf_core::methods::Classification;

clf_core::register_method! {
    name: "wise-ft",
    summary: "Fine-tunes and interpolates with the weights at the start of the task.",
    paper: "Wortsman et al. 2022, arXiv 2109.01903",
    // Reference script WiSE_finetune.sh; the hook has its numbers.
    defaults: [Classification::DEFAULTS, "hooks = ['wise']\n"],
    differences: &["a weight ensemble is merged as well; in the published code the merge is lost then"],
    method: Classification,
}
