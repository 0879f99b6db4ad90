use std::num::NonZeroUsize;

use clap::Args;
use clf_core::engine::Saving;

use super::positive;

/// How a run is saved while it goes on. Nothing of the result depends on it.
#[derive(Args, Clone, Copy)]
pub struct CheckpointArguments {
    /// Saves the run after every so many steps of a task, beside the ends of tasks and a request to stop; auto is as often
    /// as takes 1% of the time, but not within a minute; off is never.
    #[arg(long, value_name = "STEPS|auto|off", default_value = "auto", value_parser = saving)]
    pub checkpoint_every: Saving,
    /// Keeps the newest N checkpoints, also of a finished run; the default is 2, and none once it is finished.
    #[arg(long, value_name = "N", value_parser = positive)]
    pub keep_checkpoints: Option<NonZeroUsize>,
}

fn saving(text: &str) -> Result<Saving, String> {
    match text {
        "auto" => Ok(Saving::Auto),
        "off" => Ok(Saving::Off),
        steps => positive(steps).map(Saving::Every).map_err(|reason| format!("{reason}, auto or off")),
    }
}
