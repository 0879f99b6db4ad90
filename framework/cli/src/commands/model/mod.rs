//! `clf model`: what is done with weights beside learning from them.

mod convert;
mod fetch;
mod list;
mod verify;

use clf_core::Error;
use serde_json::json;

use super::{print, print_json};
use crate::{
    arguments::{ModelCommand, StoreArguments},
    model, model_files, paths,
};

pub use verify::{Inspected, inspect_whole};

/// `clf model`.
pub fn model(command: &ModelCommand) -> Result<(), Error> {
    match command {
        ModelCommand::List { store } => list::list(store),
        ModelCommand::Fetch { name, store } => fetch::fetch(name, store),
        ModelCommand::Verify { model, store } => verify::verify(model.as_deref(), store),
        ModelCommand::Convert(arguments) => convert::convert(arguments),
        ModelCommand::Where { name, store } => whereabouts(name, store),
    }
}

/// `clf model where`.
fn whereabouts(name: &str, store: &StoreArguments) -> Result<(), Error> {
    if name == model::EMBEDDED {
        return Err(built_in(name));
    }
    let root = paths::data_root(store.data.as_deref());
    let found = model_files::located(&model_files::find(name, &root)?, &root)?;
    if store.json {
        return print_json(&json!({"name": name, "path": found.path}));
    }
    print(&found.path.display().to_string())
}

/// The answer to who asks for the file of the model that has none.
fn built_in(name: &str) -> Error {
    let reason = "it is built in and has no file\n  hint: clf model convert writes it to one";
    Error::config(name, reason)
}
