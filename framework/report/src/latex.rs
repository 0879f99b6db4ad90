//! Tables for LaTeX, with the rules of booktabs.

use crate::grid::Grid;

/// `grid` as a `tabular`; the first `left` columns are set to the left, the cells at `best` in bold.
pub(crate) fn tabular(grid: &Grid, left: usize, best: &[(usize, usize)]) -> String {
    let columns: String = (0..grid.header.len()).map(|column| if column < left { 'l' } else { 'r' }).collect();
    let line = |cells: Vec<String>| format!("{} \\\\", cells.join(" & "));
    let cell = |row: usize, (column, text): (usize, &String)| {
        let text = escaped(text);
        if best.contains(&(row, column)) { format!("\\textbf{{{text}}}") } else { text }
    };
    let rows = grid.rows.iter().enumerate();
    let rows = rows.map(|(row, cells)| line(cells.iter().enumerate().map(|at| cell(row, at)).collect()));
    let head = [format!("\\begin{{tabular}}{{{columns}}}"), "\\toprule".to_owned()];
    let header = [line(grid.header.iter().map(|text| escaped(text)).collect()), "\\midrule".to_owned()];
    let tail = ["\\bottomrule", "\\end{tabular}"].map(String::from);
    head.into_iter().chain(header).chain(rows).chain(tail).collect::<Vec<_>>().join("\n")
}

/// A sentence as a comment.
pub fn comment(text: &str) -> String {
    text.lines().map(|line| format!("% {line}")).collect::<Vec<_>>().join("\n")
}

/// `text` without anything that LaTeX takes for a command; an empty value is a dash.
fn escaped(text: &str) -> String {
    if text == "-" {
        return "--".to_owned();
    }
    text.chars().map(escaped_char).collect()
}

fn escaped_char(character: char) -> String {
    match character {
        '&' | '%' | '$' | '#' | '_' | '{' | '}' => format!("\\{character}"),
        '\\' => "\\textbackslash{}".to_owned(),
        '~' => "\\textasciitilde{}".to_owned(),
        '^' => "\\textasciicircum{}".to_owned(),
        '<' | '>' => format!("${character}$"),
        '±' => "$\\pm$".to_owned(),
        '≠' => "$\\neq$".to_owned(),
        '\n' => " ".to_owned(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_has_rules_columns_and_its_best_value_in_bold() {
        let cells = |cells: [&str; 3]| cells.map(String::from).to_vec();
        let rows = vec![cells(["der++", "1.0 ± 0.5", "-"]), cells(["zscl", "2.0", "3.0"])];
        let grid = Grid { header: cells(["method", "mtil_avg", "CPU %"]), rows };
        let expected = [
            "\\begin{tabular}{lrr}",
            "\\toprule",
            "method & mtil\\_avg & CPU \\% \\\\",
            "\\midrule",
            "der++ & 1.0 $\\pm$ 0.5 & -- \\\\",
            "zscl & \\textbf{2.0} & 3.0 \\\\",
            "\\bottomrule",
            "\\end{tabular}",
        ];
        assert_eq!(tabular(&grid, 1, &[(1, 1)]), expected.join("\n"));
    }

    #[test]
    fn every_special_character_is_escaped() {
        let text = escaped("a\\b{c}#$%&_~^<≠");
        assert_eq!(text, "a\\textbackslash{}b\\{c\\}\\#\\$\\%\\&\\_\\textasciitilde{}\\textasciicircum{}$<$$\\neq$");
        assert_eq!(comment("one\ntwo"), "% one\n% two");
    }
}
