use maud::{Markup, html};

use super::{
    section::Section,
    tables::{Cell, Column, table},
};
use crate::significance::{COLUMNS, PairedTest, cells};

/// What each of [`COLUMNS`] means, and whether it holds numbers.
const MEANING: [(&str, bool); COLUMNS.len()] = [
    ("", false),
    ("mean over these seeds of the figure of the method minus that of the baseline", true),
    ("Student's t: meant to hold the true difference", false),
    ("paired t-test, two-sided; none where all differences are equal", true),
    ("the same, corrected for testing several methods in this figure (Holm)", true),
    ("exact test that flips signs, as a check; with n seeds it is at least 2 / 2ⁿ", true),
    ("seeds that both have", true),
];

/// Paired tests of all methods against one of them, as `clf compare` makes them; nothing with one method.
pub(crate) fn significance_table(section: &Section) -> Option<Markup> {
    let significance = section.comparison().significance()?;
    let columns = COLUMNS.into_iter().zip(MEANING).map(|(title, (hint, numeric))| Column::new(title, hint, numeric));
    let columns: Vec<Column> = std::iter::once(Column::text("method")).chain(columns).collect();
    let rows: Vec<Vec<Cell>> = significance.told().map(row).collect();
    Some(html! {
        @if let Some(line) = significance.line() { p.note { (line) "." } }
        @if !rows.is_empty() {
            (table(&format!("Every method against {}: paired tests over common seeds", significance.baseline), &columns, rows))
        }
    })
}

fn row(test: &PairedTest) -> Vec<Cell> {
    let seeds = test.seeds.len() as f64;
    let numbers = [None, None, Some(test.difference), None, Some(test.p), Some(test.p_holm), Some(test.p_sign_flip)];
    let numbers = numbers.into_iter().chain([Some(Some(seeds))]);
    let cell = |(text, number): (String, Option<Option<f64>>)| match number {
        Some(value) => Cell::number(value.unwrap_or(f64::NAN), &text),
        None => Cell::text(&text),
    };
    cells(test).into_iter().zip(numbers).map(cell).collect()
}
