use toml::Table;

use super::tables::take_table;
use crate::error::Error;

/// Which variants of the defaults count.
pub(super) struct Variants<'a> {
    pub procedure: &'a str,
    pub as_published: bool,
}

/// Defaults, and the variants of them that count, weak to strong, each with what it is called.
pub(super) struct Layer {
    pub plain: Table,
    pub variants: Vec<(Table, String)>,
}

impl Variants<'_> {
    /// Takes the variants out of a layer of defaults.
    pub fn split(&self, mut plain: Table) -> Layer {
        let mut published = take_table(Some(&mut plain), "as-published");
        let for_procedure = |table: Option<&mut Table>| take_table(take_table(table, "when").as_mut(), self.procedure);
        let when = for_procedure(Some(&mut plain));
        let published_when = for_procedure(published.as_mut());
        let named = |table: Option<Table>, name: String| table.map(|table| (table, name));
        let mut variants: Vec<_> = named(when, format!(", {}", self.procedure)).into_iter().collect();
        if self.as_published {
            variants.extend(named(published, ", as published".to_owned()));
            variants.extend(named(published_when, format!(", as published, {}", self.procedure)));
        }
        Layer { plain, variants }
    }
}

/// Whether the last of `layers` that says so asks for the published code, bugs included.
pub(super) fn wants_published_code<'a>(layers: impl Iterator<Item = &'a Table>) -> Result<bool, Error> {
    let chosen = layers.filter_map(|table| table.get("compat")).last();
    match chosen.map(|value| value.as_str().unwrap_or_default()) {
        None | Some("paper") => Ok(false),
        Some("reference") => Ok(true),
        Some(other) => Err(Error::unknown("value of compat", other, ["paper", "reference"].into_iter())),
    }
}
