//! ZSCL: cross entropy, with distillation on reference data in feature space and averaging in weight space
//! (Zheng et al. 2023, "Preventing Zero-Shot Transfer Degradation in Continual Learning of Vision-Language Models",
//! arXiv 2303.06628).

use clf_core::methods::Classification;

clf_core::register_method! {
    name: "zscl",
    summary: "Distils the untouched model on reference data, consolidates and averages the weights.",
    paper: "Zheng et al. 2023, arXiv 2303.06628",
    defaults: include_str!("defaults.toml"),
    differences: &[
        "class-incremental evaluation uses the test transform; the published code uses random training crops",
        "the learning rate of the last iteration is 0 where warm-up and length are equal; the published code divides by zero",
        "teacher text features are computed once and texts are encoded at their true length; same values, less work",
    ],
    method: Classification,
}
