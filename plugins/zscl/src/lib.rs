//! ZSCL: cross entropy, with distillation on reference data in feature space and averaging in weight space
//! (Zheng et al. 2023, "Preventing Zero-Shot Transfer Degradation in Continual Learning of Vision-Language Models",
//! arXiv 2303.06628), and the variants of its ablations and of its scripts. A variant is what it changes in ZSCL.

use clf_core::{methods::Classification, registry::Difference};

const ZSCL: &str = include_str!("zscl.toml");
/// Distillation without any rule in weight space, in both procedures.
const DISTILLATION: &str = "hooks = ['distill']\n[when.class-incremental]\nhooks = ['distill']\n";

const DIFFERENCES: &[Difference] = &[
    "class-incremental evaluation uses the test transform; the published code uses random training crops (compat=reference)",
    "the learning rate of the last iteration is 0 where warm-up and length are equal; the published code divides by zero",
    "teacher features are computed once and texts are encoded at their true length; same values, less work",
];

macro_rules! register {
    ($($name:literal: $summary:literal, $source:literal, [$($defaults:expr),*];)+) => {
        $(
            clf_core::register_method! {
                name: $name,
                summary: $summary,
                paper: concat!("Zheng et al. 2023, arXiv 2303.06628", $source),
                defaults: [Classification::DEFAULTS, ZSCL, $($defaults),*],
                differences: DIFFERENCES,
                method: Classification,
            }
        )+
    };
}

register! {
    "zscl": "Distils the untouched model on reference data, consolidates and averages the weights.", "", [];

    // Script ZSCL_stars.sh.
    "zscl-star": "ZSCL without the penalty on the distance to the start of the task.", " (ZSCL*)",
        ["hooks = ['distill', 'weight-ensemble']\n"];
    // Scripts ZSCL_minus.sh and table_a.sh.
    "zscl-minus": "ZSCL's distillation alone, against the class names of the reference images.", ", script ZSCL_minus.sh",
        [DISTILLATION, "[hook.distill]\ntexts = 'reference-classes'\n"];
    // Script table_b.sh.
    "zscl-distill": "ZSCL's distillation alone, against the reference texts.", ", script table_b.sh", [DISTILLATION];
    // Script table_c.sh.
    "zscl-current-images": "zscl-minus on the images of the task instead of reference images.", ", script table_c.sh",
        [DISTILLATION, "[hook.distill]\nimages = 'current'\ntexts = 'reference-classes'\n"];
    // Script ZSCL_minus_previous_all_text.sh.
    "zscl-minus-seen-texts": "zscl-minus against the class names of all tasks so far.", ", script ZSCL_minus_previous_all_text.sh",
        [DISTILLATION, "[hook.distill]\ntexts = 'seen-classes'\n"];
    // Script ZSCL_minus_WC.sh.
    "zscl-minus-wc": "zscl-minus with the penalty on the distance to the start of the task.", ", script ZSCL_minus_WC.sh",
        ["hooks = ['distill', 'l2']\n[hook.distill]\ntexts = 'reference-classes'\n"];
    // Script ZSCL_minus_WC_WiSE.sh, which names the captions in spite of its own name.
    "zscl-wc-wise": "ZSCL with WiSE-FT instead of the weight ensemble.", ", script ZSCL_minus_WC_WiSE.sh",
        ["hooks = ['distill', 'l2', 'wise']\n"];
    // Script ZSCL_WiSE.sh.
    "zscl-wise": "ZSCL's distillation, then WiSE-FT.", ", script ZSCL_WiSE.sh", ["hooks = ['distill', 'wise']\n"];

    "zscl-image": "ZSCL's distillation alone, rows only: over the texts of each image.", ", flag --image_loss",
        [DISTILLATION, "[hook.distill]\ntext = false\n"];
    "zscl-text": "ZSCL's distillation alone, columns only: over the images of each text.", ", flag --text_loss",
        [DISTILLATION, "[hook.distill]\nimage = false\n"];
    "zscl-image-image": "ZSCL's distillation with similarities of images to images as well.", ", flag --ablation_loss_2",
        [DISTILLATION, "[hook.distill]\nimage-image = true\n"];
    "zscl-feature-mse": "ZSCL's distillation with the distance of the features as well.", ", flag --feature_mse",
        [DISTILLATION, "[hook.distill]\nfeature-mse = true\n"];
    "zscl-weight-adjust": "ZSCL's distillation with half the weight.", ", flag --weight_adjust",
        [DISTILLATION, "[hook.distill]\nweight = 0.5\n[when.class-incremental.hook.distill]\nweight = 2.5\n"];
    "zscl-wise-teacher": "ZSCL's distillation from a mix of the untouched model and the start of the task.", ", flag --ref-wise",
        [DISTILLATION, "[hook.distill]\nteacher = 'wise'\n"];
}
