//! A scenario, opened once for all runs that need the same of its data.

use clf_core::{Capabilities, Error, Scenario, data::DataFolder};
use clf_scenarios::ScenarioFile;

use crate::launch::Plan;

/// The scenario, once with the data of each set of needs.
pub struct Scenarios(Vec<(Capabilities, Box<dyn Scenario>)>);

/// What of the needs decides which data is opened.
fn data_needs(needs: Capabilities) -> Capabilities {
    let Capabilities { reference_images, reference_texts, reference_classes, .. } = needs;
    Capabilities { reference_images, reference_texts, reference_classes, ..Capabilities::default() }
}

impl Scenarios {
    /// Opens `file` for `plans`.
    pub fn open<'a>(
        file: &ScenarioFile,
        data: &DataFolder,
        plans: impl Iterator<Item = &'a Plan>,
    ) -> Result<Self, Error> {
        let mut opened = Self(Vec::new());
        for needs in plans.map(|plan| data_needs(plan.needs)) {
            if opened.0.iter().all(|(other, _)| *other != needs) {
                opened.0.push((needs, file.open(data, needs)?));
            }
        }
        Ok(opened)
    }

    /// The scenario with the data that `plan` needs.
    pub fn of(&self, plan: &Plan) -> Result<&dyn Scenario, Error> {
        let found = self.0.iter().find(|(needs, _)| *needs == data_needs(plan.needs)).map(|(_, scenario)| &**scenario);
        found.ok_or_else(|| Error::Defect(format!("the scenario was not opened for {}", plan.entry.name)))
    }
}
