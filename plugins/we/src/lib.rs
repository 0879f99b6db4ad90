//! Weight ensemble (WE): fine-tuning that leaves behind the mean of the weights along each task, and the reference code's
//! variant that mixes in the start of the task.

use clf_core::methods::Classification;

clf_core::register_method! {
    name: "we",
    summary: "Fine-tunes and leaves behind the mean of the weights along each task.",
    paper: "Zheng et al. 2023, arXiv 2303.06628, section 3.3 (weight ensemble)",
    // Reference script we.sh, with the label smoothing of all others.
    defaults: [Classification::DEFAULTS, "hooks = ['weight-ensemble']\n"],
    differences: &["the published script has no label smoothing, unlike all others; --set method.label-smoothing=0 does that"],
    method: Classification,
}

clf_core::register_method! {
    name: "we-wise",
    summary: "As we, with a share of the weights at the start of the task in every mean.",
    paper: "reference code of Zheng et al. 2023 (--we_wise)",
    // Default of --we_wise_alpha; the script WE_WiSE.sh has 0.99.
    defaults: [Classification::DEFAULTS, "hooks = ['weight-ensemble']\n[hook.weight-ensemble]\nalpha = 0.98\n"],
    differences: &[],
    method: Classification,
}
