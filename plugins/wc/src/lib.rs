//! Weight consolidation (WC): fine-tuning that is pulled towards the start of each task.

use clf_core::methods::Classification;

clf_core::register_method! {
    name: "wc",
    summary: "Fine-tunes with a penalty on the distance to the weights at the start of the task.",
    paper: "Zheng et al. 2023, arXiv 2303.06628, section 3.3 (weight consolidation)",
    // Reference script wc.sh; the hook has its number.
    defaults: [Classification::DEFAULTS, "hooks = ['l2']\n"],
    differences: &[],
    method: Classification,
}
