//! Learning without forgetting for two towers: distillation from the model before the task, on the images of the task.
//!
//! LwF compares the images with the classes of the task, LwF-VR (Ding et al. 2022) with random texts.

use clf_core::{methods::Classification, registry::Difference};

const ALIASED: Difference = "class-incremental: the teacher is the model at the start of the task; in the published code it shares its \
     weights with the student, so that nothing is distilled (compat=reference)";
const CROPPED: Difference = "class-incremental: images are distilled and scored under the test transform; the published code uses random \
     training crops for both (compat=reference)";

clf_core::register_method! {
    name: "lwf",
    summary: "Distils the model before the task on its images and classes.",
    paper: "Li and Hoiem 2016, arXiv 1606.09282; for CLIP as in Zheng et al. 2023, arXiv 2303.06628",
    defaults: [Classification::DEFAULTS, include_str!("lwf.toml")],
    differences: &[ALIASED, CROPPED],
    method: Classification,
}

clf_core::register_method! {
    name: "lwf-vr",
    summary: "Distils the model before the task on its images and random texts.",
    paper: "Ding et al. 2022, arXiv 2207.09248",
    defaults: [Classification::DEFAULTS, include_str!("lwf.toml"), "[hook.distill]\ntexts = 'random'\n"],
    differences: &[ALIASED, CROPPED, "the random texts are those of clf's own generator, the same in every task"],
    method: Classification,
}
