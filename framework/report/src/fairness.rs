//! What the methods of a comparison have in common and where they differ: whether it is fair.

use std::{cmp::Reverse, collections::BTreeSet};

use serde::Serialize;

use crate::{
    comparison::{Comparison, MethodRuns},
    facts::{Fact, THINGS, Thing},
    grid::{Format, Grid},
};

/// Marks what differs.
const MARK: &str = "≠";

/// What every method of a comparison was run with, thing by thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Fairness {
    /// The methods, one a cell of every row.
    pub methods: Vec<String>,
    /// The things that a fair comparison has in common.
    pub rows: Vec<FairnessRow>,
}

/// One thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct FairnessRow {
    /// Its name, which `--allow` takes.
    pub name: &'static str,
    /// Whether any cell differs.
    pub differs: bool,
    /// A cell a method.
    pub cells: Vec<FairnessCell>,
}

/// What a method was run with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct FairnessCell {
    /// For people; `-` where the thing does not apply, as the batch size of a method that never trains.
    pub text: String,
    /// Whether it is not what most methods have; of two, the second differs from the first.
    pub differs: bool,
}

impl Comparison {
    /// What the methods have in common and where they differ.
    pub fn fairness(&self) -> Fairness {
        let methods = self.methods().iter().map(|method| method.name.clone()).collect();
        Fairness { methods, rows: THINGS.iter().map(|thing| row(thing, self.methods())).collect() }
    }
}

fn row((name, fact): &Thing, methods: &[MethodRuns]) -> FairnessRow {
    let facts: Vec<Vec<Fact>> = methods.iter().map(|method| different(method.runs.iter().map(fact))).collect();
    let keys: Vec<Vec<&str>> = facts.iter().map(|facts| keys(facts)).collect();
    let applying: Vec<&Vec<&str>> = keys.iter().filter(|keys| !keys.is_empty()).collect();
    let usual = most_frequent(&applying);
    let cell = |(facts, keys): (&Vec<Fact>, &Vec<&str>)| {
        let text = facts.iter().map(|fact| fact.text.as_str()).collect::<Vec<_>>();
        let text = text.join(if *name == "seeds" { ", " } else { " / " });
        // Seeds are meant to differ within a method; whatever else does is a difference even if all methods have it.
        let mixed = keys.len() > 1 && *name != "seeds";
        FairnessCell { text, differs: mixed || (!keys.is_empty() && Some(&keys) != usual) }
    };
    let cells: Vec<FairnessCell> = facts.iter().zip(&keys).map(cell).collect();
    FairnessRow { name, differs: cells.iter().any(|cell| cell.differs), cells }
}

fn keys(facts: &[Fact]) -> Vec<&str> {
    facts.iter().filter_map(|fact| fact.key.as_deref()).collect()
}

/// The facts of several runs, each once.
fn different(facts: impl Iterator<Item = Fact>) -> Vec<Fact> {
    let mut found: Vec<Fact> = Vec::new();
    for fact in facts {
        if found.iter().all(|other| other.key != fact.key) {
            found.push(fact);
        }
    }
    found
}

/// What is there most often; of several the first.
fn most_frequent<T: PartialEq>(values: &[T]) -> Option<&T> {
    let count = |value: &T| values.iter().filter(|other| *other == value).count();
    values.iter().enumerate().max_by_key(|(at, value)| (count(value), Reverse(*at))).map(|(_, value)| value)
}

impl Fairness {
    /// The differing cells of all things that are not in `allowed`, each as `thing: text (method)`.
    pub fn differing(&self, allowed: &[String]) -> Vec<String> {
        let counted = self.rows.iter().filter(|row| !allowed.iter().any(|name| name == row.name));
        let cells = |row: &FairnessRow| -> Vec<String> {
            let cells = row.cells.iter().zip(&self.methods).filter(|(cell, _)| cell.differs);
            cells.map(|(cell, method)| format!("{}: {} ({method})", row.name, cell.text)).collect()
        };
        counted.flat_map(cells).collect()
    }

    /// Names of all things, for `--allow`.
    pub fn names() -> impl Iterator<Item = &'static str> {
        THINGS.iter().map(|(name, _)| *name)
    }

    /// What differs as a table, a row a value with the methods that have it; nothing where all is equal.
    pub fn table(&self, format: Format) -> Option<String> {
        let rows: Vec<Vec<String>> =
            self.rows.iter().filter(|row| row.differs).flat_map(|row| self.values(row)).collect();
        let header = ["fairness", MARK, "value", "methods"].map(String::from).to_vec();
        (!rows.is_empty()).then(|| Grid { header, rows }.render_left(format))
    }

    /// What all methods have in common, in a sentence.
    pub fn line(&self) -> String {
        let equal = self.rows.iter().filter(|row| !row.differs);
        let text = |row: &FairnessRow| {
            let cell = row.cells.iter().find(|cell| cell.text != "-")?;
            Some(format!("{} {}", row.name, cell.text))
        };
        format!("equal in all methods: {}", equal.filter_map(text).collect::<Vec<_>>().join("; "))
    }

    /// A line a value of `row`: those of most methods first.
    fn values(&self, row: &FairnessRow) -> Vec<Vec<String>> {
        let mut seen = BTreeSet::new();
        let mut values: Vec<&FairnessCell> = row.cells.iter().filter(|cell| seen.insert(&cell.text)).collect();
        values.sort_by_key(|cell| (cell.differs, cell.text == "-"));
        let line = |(i, value): (usize, &&FairnessCell)| {
            let having = row.cells.iter().zip(&self.methods).filter(|(cell, _)| cell.text == value.text);
            let methods: Vec<&str> = having.map(|(_, method)| method.as_str()).collect();
            let name = if i == 0 { row.name } else { "" };
            [name, if value.differs { MARK } else { "" }, &value.text, &methods.join(", ")].map(String::from).to_vec()
        };
        values.iter().enumerate().map(line).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(texts: &[&str], differing: &[bool]) -> Vec<FairnessCell> {
        let cell = |(text, differs): (&&str, &bool)| FairnessCell { text: (*text).to_owned(), differs: *differs };
        texts.iter().zip(differing).map(cell).collect()
    }

    fn fairness() -> Fairness {
        let row =
            |name, cells: Vec<FairnessCell>| FairnessRow { name, differs: cells.iter().any(|c| c.differs), cells };
        Fairness {
            methods: ["zero-shot", "finetune", "zscl"].map(String::from).to_vec(),
            rows: vec![
                row("model", cells(&["mini 12", "mini 12", "mini 12"], &[false; 3])),
                row("reference-data", cells(&["none", "none", "photos: 9 images"], &[false, false, true])),
                row("batch-size", cells(&["-", "64", "32"], &[false, false, true])),
            ],
        }
    }

    #[test]
    fn what_most_have_is_usual_and_of_equally_many_the_first() {
        assert_eq!(most_frequent(&["a", "b", "b"]), Some(&"b"));
        assert_eq!(most_frequent(&["a", "b"]), Some(&"a"));
        assert_eq!(most_frequent(&["c", "b", "a", "b", "a"]), Some(&"b"));
        assert_eq!(most_frequent(&[""; 0]), None);
    }

    #[test]
    fn differing_cells_are_named_unless_they_are_allowed() {
        let allowed = |names: &[&str]| fairness().differing(&names.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert_eq!(allowed(&[]), ["reference-data: photos: 9 images (zscl)", "batch-size: 32 (zscl)"]);
        assert_eq!(allowed(&["reference-data"]), ["batch-size: 32 (zscl)"]);
        assert!(allowed(&["reference-data", "batch-size"]).is_empty());
    }

    #[test]
    fn the_table_has_a_line_a_value_and_the_sentence_what_is_equal() {
        let table = fairness().table(Format::Markdown).unwrap();
        let lines: Vec<&str> = table.lines().skip(2).collect();
        let expected = [
            "| reference-data |  | none | zero-shot, finetune |",
            "|  | ≠ | photos: 9 images | zscl |",
            "| batch-size |  | 64 | finetune |",
            "|  |  | - | zero-shot |",
            "|  | ≠ | 32 | zscl |",
        ];
        assert_eq!(lines, expected);
        assert_eq!(fairness().line(), "equal in all methods: model mini 12");
    }
}
