use clf_core::{
    Error,
    clip::PRESETS,
    registry::{self, DatasetEntry, Entry, HookEntry, MethodEntry, ReaderEntry, ScenarioEntry},
};
use serde_json::json;

use super::{print, print_json};
use crate::arguments::{Kind, ListArguments};

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
        Kind::Models => PRESETS.into_iter().map(|name| (name, model_summary(name))).collect(),
    }
}

fn entries<E: Entry>(entries: Vec<&'static E>) -> Vec<(&'static str, &'static str)> {
    entries.into_iter().map(|entry| (entry.name(), entry.summary())).collect()
}

fn model_summary(name: &str) -> &'static str {
    match name {
        "mini-clip" => "1.8 M parameters, 32 pixels, pre-trained on the mini world; built in.",
        "ViT-B-32" => "OpenAI CLIP, 151 M parameters, 224 pixels.",
        "ViT-B-16" => "OpenAI CLIP, 150 M parameters, 224 pixels; the model of the ZSCL paper.",
        "ViT-L-14" => "OpenAI CLIP, 428 M parameters, 224 pixels.",
        _ => "OpenAI CLIP, 428 M parameters, 336 pixels.",
    }
}
