use clf_core::{
    Error,
    clip::zoo,
    registry::{self, DatasetEntry, Entry, HookEntry, MethodEntry, ReaderEntry, ScenarioEntry},
};
use serde_json::json;

use super::{print, print_json};
use crate::{
    arguments::{Kind, ListArguments},
    model::{EMBEDDED, EMBEDDED_SUMMARY},
};

/// `clf list`.
pub fn list(arguments: &ListArguments) -> Result<(), Error> {
    let rows = rows(arguments.kind);
    if arguments.json {
        let rows: Vec<_> = rows.iter().map(|(name, summary)| json!({"name": name, "summary": summary})).collect();
        return print_json(&rows);
    }
    if arguments.markdown {
        let lines: Vec<String> = rows.iter().map(|(name, summary)| format!("| `{name}` | {summary} |")).collect();
        return print(&format!("| name | |\n|---|---|\n{}", lines.join("\n")));
    }
    let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
    let lines: Vec<String> = rows.iter().map(|(name, summary)| format!("{name:width$}  {summary}")).collect();
    print(&lines.join("\n"))
}

fn rows(kind: Kind) -> Vec<(&'static str, &'static str)> {
    match kind {
        Kind::Methods => entries(registry::all::<MethodEntry>()),
        Kind::Hooks => entries(registry::all::<HookEntry>()),
        Kind::Scenarios => entries(registry::all::<ScenarioEntry>()),
        Kind::Datasets => entries(registry::all::<DatasetEntry>()),
        Kind::Readers => entries(registry::all::<ReaderEntry>()),
        Kind::Models => {
            let published = zoo::all().iter().map(|model| (model.name.as_str(), model.summary.as_str()));
            [(EMBEDDED, EMBEDDED_SUMMARY)].into_iter().chain(published).collect()
        }
    }
}

fn entries<E: Entry>(entries: Vec<&'static E>) -> Vec<(&'static str, &'static str)> {
    entries.into_iter().map(|entry| (entry.name(), entry.summary())).collect()
}
