//! iCaRL for two towers: a memory filled by herding, and distillation on it. In MTIL the first task is plain fine-tuning; in
//! class-incremental runs the memory holds images of the current task as well.

use clf_core::methods::Classification;

clf_core::register_method! {
    name: "icarl",
    summary: "Keeps exemplars of earlier tasks and distils the model before the task on them.",
    paper: "Rebuffi et al. 2017, arXiv 1611.07725; for CLIP as in Zheng et al. 2023, arXiv 2303.06628",
    defaults: [Classification::DEFAULTS, include_str!("defaults.toml")],
    differences: &[
        "the exemplars are those that herding picks, from the first task on; the published code keeps other images, some of \
         them twice, and in MTIL of the first task the first ones (compat=reference)",
        "every task has an equal share of the memory; in the published code the newest has more than is free \
         (compat=reference)",
        "the teacher is the model at the start of the task, as in the paper; in the published code it is the untouched model \
         in MTIL, and the student itself in class-incremental runs (compat=reference)",
        "class-incremental: exemplars are read and scored under the test transform; the published code uses random training \
         crops for both (compat=reference)",
        "the published script icarl.sh passes neither loss flag, so that its distillation does nothing; here both terms count",
    ],
    method: Classification,
}
