//! The conformance suite finds what it is there to find.

use clf_core::{
    Capabilities, Error, LossTerm, Method, RegularizerHook, Step, Trains,
    burn::tensor::Tensor,
    clip::Weights,
    data::Augment,
    erased_serde, losses,
    methods::Classification,
    passes,
    task::{Scoring, TaskContext},
    testing::check_method,
};
use serde::{Deserialize, Serialize};

/// A method that does one thing wrong.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Wrong {
    fault: Fault,
    #[serde(skip)]
    steps: usize,
}

#[derive(Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Fault {
    None,
    Forgets,
    RisingLoss,
    ConstantLoss,
    NotFinite,
    ReadsTestImages,
    ScoresByPlace,
    ScoresByBatch,
}

impl Method for Wrong {
    fn config(&self) -> &dyn erased_serde::Serialize {
        self
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { trains: Trains::Image, ..Capabilities::default() }
    }

    fn begin_task(&mut self, task: &TaskContext<'_>) -> Result<(), Error> {
        if self.fault == Fault::ReadsTestImages {
            passes::image_features(task.student, &task.task.test, &[0], Augment::None, task.key())?;
        }
        Ok(())
    }

    fn loss(&mut self, step: &Step<'_>) -> Result<Vec<LossTerm>, Error> {
        self.steps += 1;
        let loss = losses::cross_entropy(step.logits(), step.labels(), 0.0);
        if self.fault == Fault::ConstantLoss {
            return Ok(vec![LossTerm::new("ce", loss.inner())]);
        }
        let factor = match self.fault {
            Fault::RisingLoss => 2.0_f64.powi(step.iteration() as i32),
            // The number of steps is not in the state.
            Fault::Forgets => 1.0 / (1.0 + self.steps as f64),
            Fault::NotFinite if step.iteration() == 3 => f64::NAN,
            _ => 1.0,
        };
        Ok(vec![LossTerm::new("ce", loss * factor)])
    }

    fn scores(&self, scoring: &Scoring<'_>) -> Result<Tensor<2>, Error> {
        let scores = scoring.cosine_scores();
        let [batch, classes] = scores.dims();
        match self.fault {
            Fault::ScoresByBatch => Ok(scores.clone() - scores.mean_dim(0).expand([batch, classes]) * batch as f64),
            Fault::ScoresByPlace if batch > 1 => Ok(scores.roll_dim(1, 0)),
            _ => Ok(scores),
        }
    }
}

macro_rules! wrong {
    ($($name:literal: $fault:literal),+) => {
        $(clf_core::register_method! {
            name: $name,
            summary: "Wrong.",
            paper: "none",
            defaults: [concat!("hooks = []\n[method]\nfault = '", $fault, "'\n")],
            differences: &[],
            method: Wrong,
        })+
    };
}

wrong! {
    "sound": "none", "forgets": "forgets", "rising-loss": "rising-loss", "constant-loss": "constant-loss", "not-finite": "not-finite",
    "reads-test-images": "reads-test-images", "scores-by-place": "scores-by-place", "scores-by-batch": "scores-by-batch"
}

/// Changes the text tower of a method that says that it trains images alone, behind the engine's back.
#[derive(Serialize, Deserialize)]
struct Meddler {}

impl RegularizerHook for Meddler {
    fn config(&self) -> &dyn erased_serde::Serialize {
        self
    }

    fn gradient(&mut self, weights: &Weights, gradients: &mut Weights) -> Result<Vec<LossTerm>, Error> {
        *gradients = weights.map(|weight| weight.clone() * 1e-3).updated(gradients);
        Ok(Vec::new())
    }
}

clf_core::register_hook! {
    name: "meddler",
    summary: "Wrong.",
    paper: "none",
    defaults: "",
    hook: Meddler,
}

clf_core::register_method! {
    name: "meddles",
    summary: "Wrong.",
    paper: "none",
    defaults: ["hooks = ['meddler']\n[method]\nfault = 'none'\n"],
    differences: &[],
    method: Wrong,
}

clf_core::register_method! {
    name: "wrong-defaults",
    summary: "Wrong.",
    paper: "none",
    defaults: ["hooks = []\n[method]\nlabel-smoothing = 0.2\n"],
    differences: &[],
    method: Classification,
}

#[test]
fn a_sound_method_conforms() {
    assert_eq!(check_method("sound"), Ok(()));
}

#[test]
fn every_fault_is_found_by_its_check() {
    for (name, check) in [
        ("no-such-method", "settings"),
        ("wrong-defaults", "settings"),
        ("rising-loss", "learning"),
        ("constant-loss", "learning"),
        ("not-finite", "learning"),
        ("forgets", "state"),
        ("meddles", "scope"),
        ("reads-test-images", "access"),
        ("scores-by-place", "scores"),
        ("scores-by-batch", "scores"),
    ] {
        let violation = check_method(name).expect_err(name);
        assert_eq!(violation.check, check, "{name}: {violation}");
    }
}
