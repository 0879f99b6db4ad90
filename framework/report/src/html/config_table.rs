use maud::{Markup, html};

use super::{
    section::{Section, Series},
    tables::label,
};
use crate::origins::Setting;

/// Shown where a series has no such setting.
const NONE: &str = "–";

/// All settings of all series with their origins, a row a setting; what differs is marked.
pub(crate) fn config_table(section: &Section) -> Markup {
    let rows: Vec<Row> = keys(section).into_iter().map(|key| Row::of(section, key)).collect();
    let differing = rows.iter().filter(|row| row.differs()).count();
    html! {
        p.note {
            (rows.len()) " settings"
            @if section.series.len() > 1 { ", " strong { (differing) } " with different values, marked " span.differs-mark { "≠" } }
            ". The small text is the origin of the value."
        }
        // Filled with controls by the script.
        div.filter data-differences=[(section.series.len() > 1).then_some("yes")] {}
        div.scroll tabindex="0" role="region" aria-label="settings" {
            table.config {
                thead { tr {
                    th scope="col" { "setting" }
                    @for (style, series) in section.styled() { th scope="col" { (label(style, series)) } }
                } }
                tbody { @for row in &rows { (row.draw(section.series.len())) } }
            }
        }
    }
}

/// Keys of all series, in order of first appearance.
fn keys(section: &Section) -> Vec<&str> {
    let mut keys: Vec<&str> = Vec::new();
    for setting in section.series.iter().flat_map(|series| &series.runs[0].settings) {
        if !keys.contains(&setting.key.as_str()) {
            keys.push(&setting.key);
        }
    }
    // Keys of a table stand together, as in the file; those of no table come first.
    keys.sort_by_key(|key| key.split_once('.').map_or("", |(table, _)| table));
    keys
}

/// A setting and what each series has for it.
struct Row<'a> {
    key: &'a str,
    cells: Vec<Shown>,
}

/// Values and origins of a setting in the runs of a series.
#[derive(PartialEq)]
struct Shown {
    value: String,
    origin: String,
}

impl<'a> Row<'a> {
    fn of(section: &'a Section, key: &'a str) -> Self {
        Self { key, cells: section.series.iter().map(|series| Shown::of(series, key)).collect() }
    }

    fn differs(&self) -> bool {
        self.cells.iter().any(|cell| cell.value != self.cells[0].value)
    }

    fn draw(&self, columns: usize) -> Markup {
        let differs = self.differs();
        let same = self.cells.iter().all(|cell| *cell == self.cells[0]);
        html! {
            tr.differs[differs] {
                th scope="row" { (self.key) @if differs { " " span.differs-mark title="the values differ" { "≠" } } }
                @if same {
                    td colspan=(columns) { (self.cells[0].draw()) }
                } @else {
                    @for cell in &self.cells { td { (cell.draw()) } }
                }
            }
        }
    }
}

impl Shown {
    fn of(series: &Series, key: &str) -> Self {
        let found: Vec<&Setting> =
            series.runs.iter().filter_map(|run| run.settings.iter().find(|setting| setting.key == key)).collect();
        Self {
            value: different(found.iter().map(|setting| &*setting.value)),
            origin: different(found.iter().filter_map(|setting| setting.origin.as_deref())),
        }
    }

    fn draw(&self) -> Markup {
        html! {
            @if self.value.is_empty() { (NONE) } @else { code { (self.value) } " " small { (self.origin) } }
        }
    }
}

/// Each text once, as runs of a series differ in their seeds.
fn different<'a>(texts: impl Iterator<Item = &'a str>) -> String {
    let mut found: Vec<&str> = Vec::new();
    for text in texts {
        if !found.contains(&text) {
            found.push(text);
        }
    }
    found.join(", ")
}
