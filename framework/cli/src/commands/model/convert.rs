use std::fs;

use clf_core::{
    Error,
    clip::state_dict::{Layout, Stored, to_layout},
};
use serde_json::json;

use super::{print, print_json};
use crate::{arguments::ConvertArguments, model, paths};

/// `clf model convert`.
pub fn convert(arguments: &ConvertArguments) -> Result<(), Error> {
    let out = &arguments.out;
    if out.extension().is_none_or(|ending| ending != "safetensors") {
        let reason = "the file that is written has to end with .safetensors";
        return Err(Error::config(out.display().to_string(), reason));
    }
    if out.exists() && !arguments.overwrite {
        let reason = "it is there already\n  hint: choose another name, or --overwrite it";
        return Err(Error::config(out.display().to_string(), reason));
    }
    let root = paths::data_root(arguments.store.data.as_deref());
    let mut read = model::read(&arguments.model, arguments.activation, &root)?;
    if read.is_known {
        read.config.record(&mut read.dict);
    } else {
        let place = read.path.display();
        tracing::warn!("{place} does not say its activation; give --activation, and the new file will say it");
    }
    let dict = to_layout(read.dict, Layout::from(arguments.to))?;
    let stored = if arguments.half { Stored::F16 } else { Stored::F32 };
    dict.write_as(out, stored)?;
    let bytes = fs::metadata(out).map_err(|error| Error::io("read", out, error))?.len();
    if arguments.store.json {
        return print_json(&json!({"path": out, "tensors": dict.tensors.len(), "bytes": bytes}));
    }
    print(&format!("{}: {} tensors, {:.1} MB", out.display(), dict.tensors.len(), bytes as f64 / 1e6))
}
