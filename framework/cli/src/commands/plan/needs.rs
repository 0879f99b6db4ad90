//! The data and weights that a run needs: there, or what is to be fetched.

use clf_core::data::DataFolder;
use clf_datasets::Descriptor;
use clf_fetch::size;
use serde::Serialize;

use super::{
    super::data::{Condition, condition},
    opened::Opened,
};

/// A dataset, or the weights.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Need {
    /// Its name or locator.
    pub name: String,
    /// `present`, `built in`, `partial`, `damaged`, `absent`.
    pub state: &'static str,
    /// Bytes to download, where it is absent and that is known.
    pub download: Option<u64>,
    /// What to do, where something is to be done.
    pub advice: Option<String>,
}

impl Need {
    /// Whether a run can have it.
    pub fn is_met(&self) -> bool {
        self.advice.is_none()
    }

    /// One line.
    pub fn line(&self) -> String {
        let download = self.download.map(|bytes| format!(", {} to download", size(bytes))).unwrap_or_default();
        let advice = self.advice.as_ref().map(|advice| format!(": {advice}")).unwrap_or_default();
        format!("{} {}{download}{advice}", self.name, self.state)
    }
}

/// The datasets of a run, each once.
pub fn of_data(opened: &Opened, data: &DataFolder) -> Vec<Need> {
    let mut locators: Vec<&str> = opened.file.locators(opened.plan.needs).collect();
    locators.sort_unstable();
    locators.dedup();
    locators.into_iter().map(|locator| of_dataset(locator, data)).collect()
}

fn of_dataset(locator: &str, data: &DataFolder) -> Need {
    let need = |state, download, advice| Need { name: locator.to_owned(), state, download, advice };
    let Ok(set) = Descriptor::named(locator) else {
        // What has a colon or comes from a plugin was opened, or the plan would have ended.
        return need(if locator.starts_with("mini:") { "built in" } else { "present" }, None, None);
    };
    let Condition { state, bytes, .. } = condition(&set, data);
    match state {
        "absent" => need(state, bytes, Some(format!("clf data fetch {locator}"))),
        "damaged" => need(state, bytes, Some(format!("clf data verify {locator}"))),
        "partial" if !data.partial => need(state, None, Some("accept it with --partial-data".to_owned())),
        _ => need(state, None, None),
    }
}

/// The weights called `name`.
pub fn of_weights(name: &str, is_there: bool) -> Need {
    let advice = (!is_there).then(|| format!("clf model fetch {name}"));
    Need { name: name.to_owned(), state: if is_there { "present" } else { "absent" }, download: None, advice }
}
