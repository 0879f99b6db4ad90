//! What is planned: the run as `clf run` would make it, with stand-ins for what is not there.

use std::sync::Arc;

use clf_core::{
    Error, Scenario,
    clip::ClipConfig,
    data::{DataFolder, Dataset},
};
use clf_datasets::Descriptor;
use clf_scenarios::ScenarioFile;

use super::{
    tasks::{Plans, Sizes},
    work::{self, Asked, Batch},
};
use crate::{
    arguments::{RunArguments, SetupArguments},
    launch::{Inputs, Plan, read_scenario},
    model::{self, EMBEDDED},
    model_files,
};

/// A step with more work is measured fewer times, in GFLOP.
const HEAVY: f64 = 1000.0;

/// Settings and data of a run.
pub struct Parts<'a> {
    arguments: &'a RunArguments,
    file: ScenarioFile,
    plan: Plan,
    scenario: Box<dyn Scenario>,
}

/// The same with the shape of the model.
pub struct Opened {
    /// The scenario as it is written.
    pub file: ScenarioFile,
    /// Method and settings.
    pub plan: Plan,
    /// The scenario with its data, or stand-ins for it.
    pub scenario: Box<dyn Scenario>,
    /// The shape of the model.
    pub model: ClipConfig,
}

/// A dataset of noise in place of a named one.
fn stand_in(locator: &str) -> Option<Arc<dyn Dataset>> {
    Descriptor::named(locator).ok().map(|descriptor| descriptor.stand_in())
}

fn data(setup: &SetupArguments) -> DataFolder {
    setup.data.folder.open()
}

impl<'a> Parts<'a> {
    /// Reads and opens what `clf run` does, in the same order.
    pub fn open(arguments: &'a RunArguments) -> Result<Self, Error> {
        let setup = &arguments.setup;
        let file = read_scenario(&arguments.scenario, setup)?;
        let plan = Plan::new(&arguments.method, &file, setup, arguments.seed)?;
        let scenario = file.open_with(&data(setup), plan.needs, stand_in)?;
        Ok(Self { arguments, file, plan, scenario })
    }

    /// The weights on the device, or random ones for those that are not there.
    pub fn load(&self) -> Result<Inputs, Error> {
        let setup = &self.arguments.setup;
        Inputs::load_or_draw(setup, self.file.model(), &data(setup).path)
    }

    /// The name of the model.
    pub fn model_name(&self) -> &str {
        self.arguments.setup.model.model.as_deref().or(self.file.model()).unwrap_or(EMBEDDED)
    }

    /// The shape of the model, and whether its weights are there.
    pub fn shape(&self) -> Result<(ClipConfig, bool), Error> {
        let setup = &self.arguments.setup;
        let (name, root) = (self.model_name(), data(setup).path);
        match model::read(name, setup.model.activation, &root) {
            Ok(read) => Ok((read.config, true)),
            Err(Error::MissingModel { .. }) => {
                Ok((model_files::find(name, &root)?.config().map_err(Error::Defect)?, false))
            }
            Err(error) => Err(error),
        }
    }

    /// The same with the shape of the model.
    pub fn with(self, model: ClipConfig) -> Opened {
        Opened { file: self.file, plan: self.plan, scenario: self.scenario, model }
    }
}

impl Opened {
    /// The tasks.
    pub fn plans(&self) -> Result<Plans, Error> {
        let sizes = Sizes { plan: &self.plan, text: &self.model.text, train: self.plan.config.train()? };
        Plans::new(&*self.scenario, &sizes)
    }

    /// The step of the task with the most text.
    pub fn batch(&self, plans: &Plans) -> Result<Batch, Error> {
        let (train, needs) = (self.plan.config.train()?, self.plan.needs);
        let asked = Asked::of(&self.plan.config);
        let learned = plans.tasks.iter().filter(|task| task.is_learned);
        let most = learned.max_by_key(|task| task.texts.tokens() + task.teacher_texts.tokens());
        let (texts, of_teacher) = most.map(|task| (task.texts, task.teacher_texts)).unwrap_or_default();
        let come_along = asked != Asked::Nothing || needs.memory || needs.provides_memory;
        Ok(Batch {
            images: train.batch_size,
            more_images: if come_along { train.reference_batch_size } else { 0 },
            teacher: asked != Asked::Nothing,
            texts: texts.count,
            length: texts.length,
            teacher_texts: of_teacher.count,
            teacher_length: of_teacher.length,
            micro: (train.micro_batch > 0).then_some(train.micro_batch),
        })
    }

    /// Work of the largest step in GFLOP.
    pub fn gflop(&self, plans: &Plans) -> Result<f64, Error> {
        Ok(work::step_gflop(&self.model, &self.batch(plans)?, self.plan.needs.trains))
    }

    /// Whether a step takes long.
    pub fn is_heavy(&self, plans: &Plans) -> bool {
        self.gflop(plans).is_ok_and(|gflop| gflop > HEAVY)
    }
}
