//! A linear classifier on the image tower instead of prompts, for the classes that were learned.

use clf_core::methods::ClassifierHead;

clf_core::register_method! {
    name: "linear-probe",
    summary: "Trains a linear classifier for each task on frozen image features.",
    paper: "Radford et al. 2021, arXiv 2103.00020, section 3.2; start from the zero-shot classifier: arXiv 2109.01903",
    defaults: [include_str!("head.toml"), "[method]\ntrain-image = false\n"],
    differences: &["the optimizer and schedule are those of all methods, not L-BFGS"],
    method: ClassifierHead,
}

clf_core::register_method! {
    name: "image-fc",
    summary: "Trains the image tower and a linear classifier for each task.",
    paper: "reference code of Zheng et al. 2023 (--train-mode image-fc); Wortsman et al. 2022, arXiv 2109.01903",
    defaults: [include_str!("head.toml")],
    differences: &["classes that were not learned are scored by their prompts, so that the whole matrix has values"],
    method: ClassifierHead,
}

clf_core::register_method! {
    name: "image-fc-fixed",
    summary: "Trains the image tower under the zero-shot classifier of each task, which stays as it is.",
    paper: "reference code of Zheng et al. 2023 (--train-mode image-fc-fixed)",
    defaults: [include_str!("head.toml"), "[method]\ntrain-head = false\n"],
    differences: &["classes that were not learned are scored by their prompts, so that the whole matrix has values"],
    method: ClassifierHead,
}
