//! The untouched model: what every other method is measured against.

use clf_core::{Capabilities, Error, LossTerm, Method, Step, Trains};
use serde::{Deserialize, Serialize};

/// Never trains; every test image is scored by the model as it was loaded.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ZeroShot {}

impl Method for ZeroShot {
    fn config(&self) -> &dyn clf_core::erased_serde::Serialize {
        self
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { trains: Trains::Nothing, fixed: true, ..Capabilities::default() }
    }

    fn loss(&mut self, _step: &Step<'_>) -> Result<Vec<LossTerm>, Error> {
        Ok(Vec::new())
    }
}

clf_core::register_method! {
    name: "zero-shot",
    summary: "The untouched model, never trained.",
    paper: "Radford et al. 2021, arXiv 2103.00020",
    defaults: ["hooks = []\n[method]\n"],
    differences: &[],
    method: ZeroShot,
}
