//! Everything that plugins register, by name.
//!
//! A crate registers with [`register_method!`](crate::register_method), [`register_hook!`](crate::register_hook),
//! [`register_scenario!`](crate::register_scenario) or [`register_dataset!`](crate::register_dataset). A crate that is
//! only listed as a dependency is not linked; the linking crate needs a line `use the_plugin as _;`.

use std::{path::Path, sync::Arc};

use crate::{
    data::{DataFolder, Dataset, DatasetError, prepared},
    error::Error,
    hook::RegularizerHook,
    method::Method,
};

/// A place where a setting differs from the published code or the paper, and why.
pub type Difference = &'static str;

/// Builds a value from its configuration table.
pub type Build<T> = fn(&mut dyn erased_serde::Deserializer<'_>) -> Result<Box<T>, erased_serde::Error>;

/// A dataset that was opened, or why it could not be.
pub type Opened = Result<Arc<dyn Dataset>, DatasetError>;

/// A registered method.
pub struct MethodEntry {
    /// Name on the command line, kebab-case.
    pub name: &'static str,
    /// One sentence.
    pub summary: &'static str,
    /// Where it comes from.
    pub paper: &'static str,
    /// Default configuration as TOML, in layers of which later ones win: `hooks`, `[method]`, `[hook.NAME]`, `[train]`, the
    /// same under `[when.PROCEDURE]`, and all of it under `[as-published]` for `compat = "reference"`.
    pub defaults: &'static [&'static str],
    /// Differences from the published code.
    pub differences: &'static [Difference],
    /// Builds it from its `[method]` table.
    pub build: Build<dyn Method>,
}

/// A registered hook.
pub struct HookEntry {
    /// Name on the command line, kebab-case.
    pub name: &'static str,
    /// One sentence.
    pub summary: &'static str,
    /// Where it comes from.
    pub paper: &'static str,
    /// Default configuration as TOML: the content of `[hook.NAME]`.
    pub defaults: &'static str,
    /// Builds it from its `[hook.NAME]` table.
    pub build: Build<dyn RegularizerHook>,
}

/// A registered scenario.
pub struct ScenarioEntry {
    /// Name on the command line, kebab-case.
    pub name: &'static str,
    /// One sentence.
    pub summary: &'static str,
    /// Its description as TOML, see the scenarios crate.
    pub toml: &'static str,
}

/// A registered dataset.
pub struct DatasetEntry {
    /// Name in scenarios and on the command line.
    pub name: &'static str,
    /// One sentence.
    pub summary: &'static str,
    /// Opens it in the folder of all datasets.
    pub open: fn(&DataFolder) -> Opened,
}

/// A registered reader of datasets that have no name of their own.
pub struct ReaderEntry {
    /// The part before the colon of a locator such as `folder:PATH`.
    pub name: &'static str,
    /// One sentence.
    pub summary: &'static str,
    /// Opens what follows the colon; relative paths start at the given folder.
    pub open: fn(&str, &Path) -> Opened,
}

inventory::collect!(MethodEntry);
inventory::collect!(HookEntry);
inventory::collect!(ScenarioEntry);
inventory::collect!(DatasetEntry);
inventory::collect!(ReaderEntry);

/// What all registered things have in common.
pub trait Entry: Sync + 'static {
    /// What the thing is called in messages.
    const KIND: &'static str;
    /// Its name.
    fn name(&self) -> &'static str;
    /// One sentence.
    fn summary(&self) -> &'static str;
}

macro_rules! entry {
    ($type:ty, $kind:literal) => {
        impl Entry for $type {
            const KIND: &'static str = $kind;

            fn name(&self) -> &'static str {
                self.name
            }

            fn summary(&self) -> &'static str {
                self.summary
            }
        }
    };
}

entry!(MethodEntry, "method");
entry!(HookEntry, "hook");
entry!(ScenarioEntry, "scenario");
entry!(DatasetEntry, "dataset");
entry!(ReaderEntry, "reader");

/// All entries of one kind, sorted by name.
pub fn all<E>() -> Vec<&'static E>
where
    inventory::iter<E>: IntoIterator<Item = &'static E>,
    E: Entry + inventory::Collect,
{
    let mut entries: Vec<_> = (inventory::iter::<E>).into_iter().collect();
    entries.sort_by_key(|entry| entry.name());
    entries
}

/// The entry called `name`.
///
/// # Errors
///
/// When there is none, with the nearest name; when two plugins registered the same name.
pub fn find<E>(name: &str) -> Result<&'static E, Error>
where
    inventory::iter<E>: IntoIterator<Item = &'static E>,
    E: Entry + inventory::Collect,
{
    let entries = all::<E>();
    let mut found = entries.iter().filter(|entry| entry.name() == name);
    match (found.next(), found.next()) {
        (Some(entry), None) => Ok(entry),
        (Some(_), Some(_)) => Err(Error::Duplicate { kind: E::KIND, name: name.to_owned() }),
        (None, _) => Err(Error::unknown(E::KIND, name, entries.iter().map(|entry| entry.name()))),
    }
}

/// Opens a dataset by its registered name, or by a locator `READER:PATH`, with its [prepared images](prepared).
///
/// Named datasets live under `data`; relative paths of locators start at `base`.
///
/// # Errors
///
/// When the name or reader is unknown, or the data is missing or damaged.
pub fn open_dataset(locator: &str, base: &Path, data: &DataFolder) -> Result<Arc<dyn Dataset>, Error> {
    let dataset = open_unprepared(locator, base, data)?;
    Ok(prepared::attach(dataset, locator, prepared::folder(locator, base, &data.path)))
}

/// As [`open_dataset`], without prepared images.
///
/// # Errors
///
/// When the name or reader is unknown, or the data is missing or damaged.
pub fn open_unprepared(locator: &str, base: &Path, data: &DataFolder) -> Result<Arc<dyn Dataset>, Error> {
    match locator.split_once(':') {
        Some((reader, path)) => Ok((find::<ReaderEntry>(reader)?.open)(path, base)?),
        None => Ok((find::<DatasetEntry>(locator)?.open)(data)?),
    }
}

/// Registers a [`Method`]; the type implements [`serde::Deserialize`] for its `[method]` table.
#[macro_export]
macro_rules! register_method {
    (name: $name:expr, summary: $summary:expr, paper: $paper:expr, defaults: [$($defaults:expr),+ $(,)?],
     differences: $differences:expr, method: $type:ty $(,)?) => {
        $crate::inventory::submit! {
            $crate::registry::MethodEntry {
                name: $name,
                summary: $summary,
                paper: $paper,
                defaults: &[$($defaults),+],
                differences: $differences,
                build: |table| Ok(Box::new($crate::erased_serde::deserialize::<$type>(table)?)),
            }
        }
    };
}

/// Registers a [`RegularizerHook`]; the type implements [`serde::Deserialize`] for its `[hook.NAME]` table.
#[macro_export]
macro_rules! register_hook {
    (name: $name:expr, summary: $summary:expr, paper: $paper:expr, defaults: $defaults:expr, hook: $type:ty $(,)?) => {
        $crate::inventory::submit! {
            $crate::registry::HookEntry {
                name: $name,
                summary: $summary,
                paper: $paper,
                defaults: $defaults,
                build: |table| Ok(Box::new($crate::erased_serde::deserialize::<$type>(table)?)),
            }
        }
    };
}

/// Registers a scenario described by a TOML text.
#[macro_export]
macro_rules! register_scenario {
    (name: $name:expr, summary: $summary:expr, toml: $toml:expr $(,)?) => {
        $crate::inventory::submit! {
            $crate::registry::ScenarioEntry { name: $name, summary: $summary, toml: $toml }
        }
    };
}

/// Registers a reader of datasets.
#[macro_export]
macro_rules! register_reader {
    (name: $name:expr, summary: $summary:expr, open: $open:expr $(,)?) => {
        $crate::inventory::submit! {
            $crate::registry::ReaderEntry { name: $name, summary: $summary, open: $open }
        }
    };
}

/// Registers a named dataset.
#[macro_export]
macro_rules! register_dataset {
    (name: $name:expr, summary: $summary:expr, open: $open:expr $(,)?) => {
        $crate::inventory::submit! {
            $crate::registry::DatasetEntry { name: $name, summary: $summary, open: $open }
        }
    };
}
