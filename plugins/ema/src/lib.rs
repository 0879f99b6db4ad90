//! Fine-tuning with exponential moving averages in weight space.

use clf_core::methods::Classification;

clf_core::register_method! {
    name: "ema",
    summary: "Fine-tunes and leaves behind an exponential moving average of the weights.",
    paper: "Tarvainen and Valpola 2017, arXiv 1703.01780; reference code of Zheng et al. 2023 (--moving_avg)",
    defaults: [Classification::DEFAULTS, include_str!("defaults.toml")],
    differences: &[
        "an average is kept beside the student; the published code pulls the student itself towards other weights \
         (compat=reference, or --set hook.ema.mode=task-start, zero-shot or previous)",
    ],
    method: Classification,
}
