//! The differences for people.

use super::{Change, Side, Why, curves::relative, files::FileState};
use crate::grid::{Format, Grid};

/// Longer values are cut.
const SHOWN: usize = 60;
/// Digits of a hash that are shown.
const HASH: usize = 12;

/// All sections, and the likely cause at the end.
pub fn text(why: &Why) -> String {
    let sections = [
        format!("{}\n{}", side("A", &why.left), side("B", &why.right)),
        changes("configuration", &why.configuration),
        changes("data", &why.data),
        changes("weights", &why.weights),
        changes("environment", &why.environment),
        changes("results", &why.results),
        curves(why),
        files(why),
        why.verdict.clone(),
    ];
    sections.join("\n")
}

fn side(letter: &str, side: &Side) -> String {
    let Side { folder, title, learned, tasks } = side;
    format!("{letter}  {}: {title}, {learned} of {tasks} tasks learned", folder.display())
}

fn changes(name: &str, changes: &[Change]) -> String {
    if changes.is_empty() {
        return format!("{name}: the same");
    }
    let value = |value: &Option<String>, origin: &Option<String>| {
        let value = value.as_deref().map_or_else(|| "-".to_owned(), short);
        origin.as_ref().map_or_else(|| value.clone(), |origin| format!("{value}  ({})", short(origin)))
    };
    let row = |change: &Change| {
        vec![change.key.clone(), value(&change.left, &change.left_origin), value(&change.right, &change.right_origin)]
    };
    grid([name, "A", "B"], changes.iter().map(row).collect())
}

/// A value that fits into a table.
fn short(text: &str) -> String {
    let is_hash = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let limit = if is_hash { HASH } else { SHOWN };
    if text.chars().count() > limit { text.chars().take(limit).chain("...".chars()).collect() } else { text.to_owned() }
}

fn curves(why: &Why) -> String {
    let curves = &why.curves;
    let head = format!("steps: {} in A, {} in B, {} common", curves.left, curves.right, curves.common);
    let Some(parting) = &curves.parting else {
        return if curves.common == 0 { head } else { format!("{head}; all the same") };
    };
    let place = format!("task {}, step {}", parting.at.task, parting.at.step);
    let number = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| format!("{value:?}"));
    let row = |field: &super::Field| {
        let gap = field.left.zip(field.right).map(|(left, right)| format!("{:.1e}", relative(left, right)));
        vec![field.name.clone(), number(field.left), number(field.right), gap.unwrap_or_else(|| "-".to_owned())]
    };
    let fields = grid([place.as_str(), "A", "B", "relative"], parting.fields.iter().map(row).collect());
    let row = |gap: &super::Gap| {
        let place = format!("{} later: task {}, step {}", gap.after, gap.at.task, gap.at.step);
        vec![place, format!("{:.6}", gap.left), format!("{:.6}", gap.right), format!("{:.1e}", gap.relative)]
    };
    let gaps = grid(["loss", "A", "B", "relative"], curves.gaps.iter().map(row).collect());
    let beyond = curves.beyond.map_or_else(
        || "the losses never differ by more than 1e-6 of the larger one".to_owned(),
        |at| {
            format!("the losses differ by more than 1e-6 of the larger one first at task {}, step {}", at.task, at.step)
        },
    );
    format!("{head}; they are the same up to number {}:\n{fields}\n{gaps}\n{beyond}", parting.at.before)
}

fn files(why: &Why) -> String {
    let of = |state: FileState| {
        let names = why.files.iter().filter(|file| file.state == state).map(|file| file.name.as_str());
        names.collect::<Vec<_>>().join(", ")
    };
    let states = [
        (FileState::Same, "bit-identical"),
        (FileState::SameButTimes, "the same but for times"),
        (FileState::Different, "different"),
        (FileState::OnlyLeft, "in A alone"),
        (FileState::OnlyRight, "in B alone"),
    ];
    let lines = states.into_iter().map(|(state, name)| (of(state), name)).filter(|(names, _)| !names.is_empty());
    let lines: Vec<String> = lines.map(|(names, name)| format!("files {name}: {names}")).collect();
    lines.join("\n")
}

fn grid<const N: usize>(header: [&str; N], rows: Vec<Vec<String>>) -> String {
    Grid { header: header.map(str::to_owned).to_vec(), rows }.render(Format::Text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_and_long_values_are_cut() {
        assert_eq!(short(&"ab".repeat(32)), "abababababab...");
        assert_eq!(short("0.5"), "0.5");
        assert_eq!(short(&"x".repeat(100)).len(), 63);
    }
}
