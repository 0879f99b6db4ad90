use clf_core::{
    Error,
    registry::{self, DatasetEntry, HookEntry, MethodEntry, ScenarioEntry},
};
use serde_json::json;

use super::{print, print_json};
use crate::arguments::{ShowArguments, Shown};

/// Layers of defaults, one under the other; each is TOML of its own.
fn layers(defaults: &[&str]) -> String {
    let texts: Vec<&str> = defaults.iter().map(|text| text.trim()).filter(|text| !text.is_empty()).collect();
    texts.join("\n\n# ---- over these settings come:\n")
}

/// `clf show`.
pub fn show(arguments: &ShowArguments) -> Result<(), Error> {
    let name = &arguments.name;
    let (summary, paper, differences, toml): (_, String, &[&str], String) = match arguments.kind {
        Shown::Method => {
            let entry = registry::find::<MethodEntry>(name)?;
            (entry.summary, entry.paper.to_owned(), entry.differences, layers(entry.defaults))
        }
        Shown::Hook => {
            let entry = registry::find::<HookEntry>(name)?;
            (entry.summary, entry.paper.to_owned(), &[], entry.defaults.to_owned())
        }
        Shown::Scenario => {
            let entry = registry::find::<ScenarioEntry>(name)?;
            (entry.summary, String::new(), &[], entry.toml.to_owned())
        }
        Shown::Dataset => {
            let entry = registry::find::<DatasetEntry>(name)?;
            // A dataset of a plugin has no descriptor.
            let text = clf_datasets::descriptor_text(name);
            let paper = text.map(|_| clf_datasets::Descriptor::named(name)).transpose()?.map(|known| known.paper);
            (entry.summary, paper.unwrap_or_default(), &[], text.unwrap_or_default().to_owned())
        }
    };
    if arguments.json {
        let value = json!({"name": name, "summary": summary, "paper": paper, "differences": differences, "toml": toml});
        return print_json(&value);
    }
    let mut text = format!("{name}: {summary}\n");
    if !paper.is_empty() {
        text.push_str(&format!("source: {paper}\n"));
    }
    for difference in differences {
        text.push_str(&format!("differs from the published code: {difference}\n"));
    }
    print(&format!("{text}\n{}", toml.trim_end()))
}
