//! The configuration of a run: layers of TOML, each value with its origin.
//!
//! From weak to strong: the engine's defaults, the defaults of all hooks, the method's defaults, the scenario, the
//! scenario's settings for the method (`[methods.NAME]`), files given with `--config`, flags. Defaults may add settings
//! for a procedure (`[when.PROCEDURE]`) and, if `compat = "reference"` is chosen, those of the published code
//! (`[as-published]`). A key that no default knows is an error.

mod tables;
#[cfg(test)]
mod tests;
mod variants;

use std::collections::BTreeMap;

use clf_clip::Precision;
use serde::de::DeserializeOwned;
use toml::{Table, Value};

use crate::{
    capabilities::Capabilities,
    engine::{EvalSettings, TaskSettingsRule, TrainSettings},
    error::Error,
    hook::RegularizerHook,
    method::Method,
    registry::{self, Build, HookEntry, MethodEntry},
    scenario::ScenarioHead,
};
use tables::{join, leaves, lookup, nested, parse, take_table};
use variants::{Layer, Variants, wants_published_code};

const ENGINE_DEFAULTS: &str = include_str!("engine/defaults.toml");

/// A layer that the user wrote: where it comes from and what it sets.
pub struct UserLayer {
    /// A file name or a flag, for messages and the run record.
    pub origin: String,
    /// Its settings.
    pub table: Table,
    /// Whether a value that is there already counts as chosen too. It does in a flag; in a file, which may be the record of
    /// an earlier run, it does not.
    pub chosen: bool,
}

/// The resolved settings of a run.
#[derive(Debug, Clone)]
pub struct Config {
    table: Table,
    origins: BTreeMap<String, Origin>,
}

/// Who sets a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    Defaults,
    File,
    Flag,
}

#[derive(Debug, Clone)]
struct Origin {
    text: String,
    by_user: bool,
}

impl Config {
    /// Stacks all layers for `method` in `scenario`; `extra_hooks` are added to the method's own.
    ///
    /// # Errors
    ///
    /// When a key is unknown, a value is not valid TOML, or a hook that is set is not active.
    pub fn resolve(
        method: &MethodEntry,
        scenario: &ScenarioHead,
        user: Vec<UserLayer>,
        extra_hooks: &[String],
    ) -> Result<Self, Error> {
        let mut config = Self { table: Table::new(), origins: BTreeMap::new() };
        let mut settings = scenario.settings.clone();
        let for_method = take_table(take_table(Some(&mut settings), "methods").as_mut(), method.name);
        let as_published = wants_published_code(for_method.iter().chain(user.iter().map(|layer| &layer.table)))?;
        let variants = Variants { procedure: &scenario.procedure, as_published };
        let engine = variants.split(parse("engine defaults", ENGINE_DEFAULTS)?);
        config.define(&engine.plain, "default");
        for hook in registry::all::<HookEntry>() {
            config
                .define(&nested(["hook", hook.name], parse(hook.name, hook.defaults)?), &format!("hook {}", hook.name));
        }
        for (table, variant) in &engine.variants {
            config.overlay(table, &format!("default{variant}"), By::Defaults)?;
        }
        for layer in method.defaults {
            config.add_method(variants.split(parse(method.name, layer)?), &format!("method {}", method.name))?;
        }

        let origin = format!("scenario {}", scenario.name);
        config.overlay(&settings, &origin, By::Defaults)?;
        if let Some(for_method) = for_method {
            config.overlay(&for_method, &format!("{origin}, method {}", method.name), By::Defaults)?;
        }
        for layer in user {
            let by = if layer.chosen { By::Flag } else { By::File };
            config.overlay(&layer.table, &layer.origin, by)?;
        }
        config.choose_hooks(extra_hooks)?;
        Ok(config)
    }

    /// Names of the active hooks, in order.
    ///
    /// # Errors
    ///
    /// When the key is not a list of different names.
    pub fn hooks(&self) -> Result<Vec<String>, Error> {
        let hooks: Vec<String> = self.get("hooks")?;
        match hooks.iter().enumerate().find(|(i, hook)| hooks[..*i].contains(hook)) {
            Some((_, twice)) => Err(Error::config("hooks", format!("{twice:?} is listed twice"))),
            None => Ok(hooks),
        }
    }

    /// Seed of the run.
    ///
    /// # Errors
    ///
    /// When the seed is not a whole number of at least 0.
    pub fn seed(&self) -> Result<u64, Error> {
        self.get("seed")
    }

    /// Arithmetic of matrix products.
    ///
    /// # Errors
    ///
    /// When it is none that there is.
    pub fn precision(&self) -> Result<Precision, Error> {
        self.get("precision")
    }

    /// The `[train]` table.
    ///
    /// # Errors
    ///
    /// When a value has the wrong type.
    pub fn train(&self) -> Result<TrainSettings, Error> {
        self.get("train")
    }

    /// The `[eval]` table.
    ///
    /// # Errors
    ///
    /// When a value has the wrong type.
    pub fn eval(&self) -> Result<EvalSettings, Error> {
        self.get("eval")
    }

    /// Which settings of single tasks give way because the user set them for the run.
    pub fn task_settings_rule(&self) -> TaskSettingsRule {
        TaskSettingsRule {
            lr: self.is_set_by_user("train.lr"),
            length: self.is_set_by_user("train.steps") || self.is_set_by_user("train.epochs"),
        }
    }

    /// The method with its settings.
    ///
    /// # Errors
    ///
    /// When a setting has the wrong type.
    pub fn build_method(&self, entry: &MethodEntry) -> Result<Box<dyn Method>, Error> {
        self.build("method", entry.build)
    }

    /// The active hooks with their settings.
    ///
    /// # Errors
    ///
    /// When a hook does not exist or a setting has the wrong type.
    pub fn build_hooks(&self) -> Result<Vec<Box<dyn RegularizerHook>>, Error> {
        let build = |name: String| self.build(&format!("hook.{name}"), registry::find::<HookEntry>(&name)?.build);
        self.hooks()?.into_iter().map(build).collect()
    }

    /// What `method` with the active hooks needs.
    ///
    /// # Errors
    ///
    /// When a setting has the wrong type.
    pub fn capabilities(&self, method: &MethodEntry) -> Result<Capabilities, Error> {
        let own = self.build_method(method)?.capabilities();
        Ok(self.build_hooks()?.iter().fold(own, |all, hook| all.and(hook.capabilities())))
    }

    /// All settings as TOML, each followed by where it comes from.
    pub fn to_annotated_toml(&self) -> String {
        let mut text = String::new();
        self.annotate(&self.table, "", &mut text);
        text
    }

    /// All settings without their origins.
    pub fn table(&self) -> &Table {
        &self.table
    }

    fn annotate(&self, table: &Table, path: &str, text: &mut String) {
        let is_table = |value: &Value| matches!(value, Value::Table(_));
        for (key, value) in table.iter().filter(|(_, value)| !is_table(value)) {
            let origin = self.origins.get(&join(path, key)).map_or("default", |origin| origin.text.as_str());
            text.push_str(&format!("{key} = {value}  # {origin}\n"));
        }
        for (key, value) in table {
            if let Value::Table(inner) = value {
                let path = join(path, key);
                if inner.is_empty() || inner.values().any(|value| !is_table(value)) {
                    text.push_str(&format!("\n[{path}]\n"));
                }
                self.annotate(inner, &path, text);
            }
        }
    }

    /// Adds one layer of a method's defaults.
    fn add_method(&mut self, mut layer: Layer, origin: &str) -> Result<(), Error> {
        // The method's own table is new; everything else it sets must exist.
        if let Some(table) = take_table(Some(&mut layer.plain), "method") {
            self.define(&nested(["method"], table), origin);
        }
        self.overlay(&layer.plain, origin, By::Defaults)?;
        layer
            .variants
            .iter()
            .try_for_each(|(table, variant)| self.overlay(table, &format!("{origin}{variant}"), By::Defaults))
    }

    fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Error> {
        let value = lookup(&self.table, path).cloned().unwrap_or(Value::Table(Table::new()));
        value.try_into().map_err(|error: toml::de::Error| Error::config(path, error.to_string().trim()))
    }

    fn build<T: ?Sized>(&self, path: &str, build: Build<T>) -> Result<Box<T>, Error> {
        let value = lookup(&self.table, path).cloned().unwrap_or(Value::Table(Table::new()));
        build(&mut <dyn erased_serde::Deserializer>::erase(value))
            .map_err(|error| Error::config(path, error.to_string().trim().to_owned()))
    }

    fn is_set_by_user(&self, path: &str) -> bool {
        self.origins.get(path).is_some_and(|origin| origin.by_user)
    }

    /// Adds settings that need not exist yet.
    fn define(&mut self, table: &Table, origin: &str) {
        for (path, value) in leaves(table, "") {
            self.insert(&path, value, origin, false);
        }
    }

    /// Replaces settings that must exist.
    fn overlay(&mut self, table: &Table, origin: &str, by: By) -> Result<(), Error> {
        let by_user = by != By::Defaults;
        let leaves = leaves(table, "");
        for (path, value) in &leaves {
            if lookup(&self.table, path).is_none_or(Value::is_table) {
                let known: Vec<String> = self::leaves(&self.table, "").into_iter().map(|(path, _)| path).collect();
                return Err(Error::unknown("setting", path, known.iter().map(String::as_str)));
            }
            if by == By::Flag || lookup(&self.table, path) != Some(value) {
                self.insert(path, value.clone(), origin, by_user);
            }
        }
        // Whoever sets a number of steps means it, so an earlier number of epochs no longer counts.
        let sets = |key: &str| leaves.iter().any(|(path, _)| path == key);
        if sets("train.steps") && !sets("train.epochs") {
            self.insert("train.epochs", Value::Integer(0), origin, by_user);
        }
        Ok(())
    }

    fn insert(&mut self, path: &str, value: Value, origin: &str, by_user: bool) {
        let mut parts: Vec<&str> = path.split('.').collect();
        let Some(key) = parts.pop() else { return };
        let mut table = &mut self.table;
        for part in parts {
            let entry = table.entry(part).or_insert_with(|| Value::Table(Table::new()));
            let Value::Table(inner) = entry else { return };
            table = inner;
        }
        table.insert(key.to_owned(), value);
        self.origins.insert(path.to_owned(), Origin { text: origin.to_owned(), by_user });
    }

    /// Adds the extra hooks, and drops the settings of hooks that are not active.
    fn choose_hooks(&mut self, extra: &[String]) -> Result<(), Error> {
        let mut hooks = self.hooks()?;
        let added: Vec<_> = extra.iter().filter(|hook| !hooks.contains(hook)).cloned().collect();
        if !added.is_empty() {
            hooks.extend(added);
            let list = hooks.iter().cloned().map(Value::String).collect();
            self.insert("hooks", Value::Array(list), "--hook", true);
        }
        for hook in &hooks {
            registry::find::<HookEntry>(hook)?;
        }
        let idle = |path: &str| {
            path.strip_prefix("hook.").is_some_and(|path| {
                !hooks.iter().any(|hook| path.strip_prefix(hook.as_str()).is_some_and(|rest| rest.starts_with('.')))
            })
        };
        if let Some((path, origin)) = self.origins.iter().find(|(path, origin)| origin.by_user && idle(path)) {
            let name = path.split('.').nth(1).unwrap_or_default();
            let reason = format!("set by {}, but the hook {name:?} is not active; add --hook {name}", origin.text);
            return Err(Error::config(path, reason));
        }
        self.origins.retain(|path, _| !idle(path));
        if let Some(Value::Table(table)) = self.table.get_mut("hook") {
            table.retain(|name, _| hooks.iter().any(|hook| hook == name));
        }
        Ok(())
    }
}

/// Refuses a factor that is negative or not finite.
///
/// # Errors
///
/// Names the setting.
pub fn at_least_zero(place: &str, value: f64) -> Result<(), Error> {
    if value.is_finite() && value >= 0.0 {
        return Ok(());
    }
    Err(Error::config(place, format!("{value} is not a finite number of at least 0")))
}

/// Refuses a share that is not in `[0, 1)`.
///
/// # Errors
///
/// Names the setting.
pub fn below_one(place: &str, value: f64) -> Result<(), Error> {
    if (0.0..1.0).contains(&value) {
        return Ok(());
    }
    Err(Error::config(place, format!("{value} is not at least 0 and below 1")))
}

/// Parses `key.path=value` of `--set`; a value that is not TOML is taken as text.
///
/// # Errors
///
/// When there is no `=`.
pub fn parse_assignment(text: &str) -> Result<UserLayer, Error> {
    let Some((path, value)) = text.split_once('=') else {
        return Err(Error::config(format!("--set {text}"), "expected key=value, for example train.lr=1e-4"));
    };
    let parsed = format!("value = {value}").parse::<Table>().ok().and_then(|mut table| table.remove("value"));
    let value = parsed.unwrap_or_else(|| Value::String(value.to_owned()));
    let mut parts: Vec<&str> = path.trim().split('.').collect();
    let key = parts.pop().unwrap_or_default();
    let table = nested(parts, Table::from_iter([(key.to_owned(), value)]));
    Ok(UserLayer { origin: format!("--set {text}"), table, chosen: true })
}
