//! The tables of a comparison: a row a method, then the published ones.

use clf_core::metrics::{AccuracyMatrix, names};

use crate::{
    comparison::{Comparison, MethodRuns, Spread},
    grid::{Format, Grid, decimal, rounded},
    published::{PublishedRow, PublishedScenario},
};

/// More tasks than this become rows, and the methods columns.
const WIDEST: usize = 16;
/// A table with no more columns is not cut where a terminal is too narrow.
const FEW: usize = 9;
/// Bytes of a MiB.
const MIB: f64 = 1024.0 * 1024.0;

/// Which value of a column is the best.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Better {
    Higher,
    Lower,
}

/// A number as it is shown.
struct Cell {
    text: String,
    /// The number that the text stands for, by which the best is found.
    shown: f64,
}

/// Numbers, a column a figure: rows of our own, which compete for the best value, and published ones, which do not.
struct Figures {
    columns: Vec<(String, Better)>,
    ours: Vec<(String, Vec<Cell>)>,
    published: Vec<(String, Vec<Cell>)>,
}

impl Cell {
    fn percent(value: Spread) -> Self {
        Self { text: value.to_text(), shown: rounded(value.mean) }
    }

    fn mean(value: f64) -> Self {
        Self { text: decimal(value), shown: rounded(value) }
    }

    fn nothing() -> Self {
        Self::mean(f64::NAN)
    }
}

impl Figures {
    /// `title` is the header of the first column; with `turned`, and where it fits a terminal better, methods are columns.
    fn render(self, title: &str, format: Format, turned: bool) -> String {
        let best = self.best();
        let header = std::iter::once(title.to_owned()).chain(self.columns.into_iter().map(|(name, _)| name)).collect();
        let row = |(name, cells): (String, Vec<Cell>)| {
            std::iter::once(name).chain(cells.into_iter().map(|cell| cell.text)).collect()
        };
        let rows = self.ours.into_iter().chain(self.published).map(row).collect();
        let grid = Grid { header, rows };
        let too_wide = format == Format::Text && grid.is_too_wide();
        if turned || (too_wide && !grid.turned().is_too_wide()) {
            let best: Vec<_> = best.into_iter().map(|(row, column)| (column - 1, row + 1)).collect();
            return grid.turned().render_best(format, &best);
        }
        // A few columns stay together; broken words do less harm than a second table.
        if too_wide && grid.header.len() > FEW {
            return grid.parts().iter().map(|part| part.render(format)).collect::<Vec<_>>().join("\n\n");
        }
        grid.render_best(format, &best)
    }

    /// Row and column, in the grid, of the best values of our own; nothing where there is nothing to choose from.
    fn best(&self) -> Vec<(usize, usize)> {
        let mut found = Vec::new();
        for (column, (_, better)) in self.columns.iter().enumerate() {
            let values: Vec<f64> = self.ours.iter().map(|(_, cells)| cells[column].shown).collect();
            let known = values.iter().copied().filter(|value| !value.is_nan());
            let (least, most) = (known.clone().fold(f64::INFINITY, f64::min), known.fold(f64::NEG_INFINITY, f64::max));
            let best = if *better == Better::Higher { most } else { least };
            if least < most {
                found.extend(
                    values.iter().enumerate().filter(|(_, value)| **value == best).map(|(row, _)| (row, column + 1)),
                );
            }
        }
        found
    }
}

fn better(metric: &str) -> Better {
    if metric == "forgetting" { Better::Lower } else { Better::Higher }
}

impl Comparison {
    /// The figures of every method, a row each: mean and standard deviation over seeds; below them published ones.
    pub fn metrics_table(&self, format: Format) -> String {
        let metrics = names(&self.first().result.procedure);
        let columns = metrics.iter().map(|metric| ((*metric).to_owned(), better(metric)));
        let ours = |method: &MethodRuns| {
            let figures = metrics.iter().map(|metric| Cell::percent(method.metric(metric)));
            let count = method.runs.len();
            // Not a competition.
            let seeds = Cell { text: count.to_string(), shown: f64::NAN };
            figures.chain([Cell::mean(method.seconds().mean), seeds]).collect()
        };
        let published = |row: &PublishedRow| {
            let figures = metrics.iter().map(|metric| Cell::mean(row.metric(metric)));
            figures.chain([Cell::nothing(), Cell::nothing()]).collect()
        };
        let more = ["seconds", "seeds"].map(|name| (name.to_owned(), Better::Lower));
        let columns = columns.chain(more).collect();
        self.figures(columns, ours, |row| Some(published(row))).render("method", format, false)
    }

    /// The figures under the other protocol, a row a method: mean and standard deviation over seeds. Nothing where the
    /// scenario has no other protocol.
    pub fn other_table(&self, format: Format) -> Option<String> {
        let first = self.first();
        let protocol = first.result.other.as_ref()?.protocol;
        let metrics = names(&first.result.procedure);
        let columns = metrics.iter().map(|metric| ((*metric).to_owned(), better(metric))).collect();
        let ours = |method: &MethodRuns| -> Vec<Cell> {
            metrics.iter().map(|metric| Cell::percent(method.other_metric(metric))).collect()
        };
        Some(self.figures(columns, ours, |_| None).render(protocol.name(), format, false))
    }

    /// Accuracy on every task after the last one: mean over seeds.
    pub fn last_row_table(&self, format: Format) -> String {
        let last = |matrix: &AccuracyMatrix, task: usize| matrix.rows().last().map(|row| row[task]);
        self.tasks_table("last accuracy on", format, last, |row| row.last_of.clone())
    }

    /// Figures of every task, mean over seeds: transfer and average of an `mtil` scenario, as in the tables of the ZSCL
    /// paper, and the accuracy on everything seen after every task of a `class-incremental` one.
    pub fn task_tables(&self, format: Format) -> Vec<String> {
        if self.first().result.procedure == "mtil" {
            vec![
                self.tasks_table("transfer on", format, AccuracyMatrix::transfer_of, PublishedRow::transfers),
                self.tasks_table("average on", format, AccuracyMatrix::mtil_avg_of, |row| row.avg_of.clone()),
            ]
        } else {
            let seen = |matrix: &AccuracyMatrix, task: usize| matrix.seen().get(task).copied();
            vec![self.tasks_table("seen so far after", format, seen, |_| Vec::new())]
        }
    }

    /// What a run of every method cost, mean over seeds; nothing where no run recorded it.
    pub fn cost_table(&self, format: Format) -> Option<String> {
        let columns = columns_of_cost(self);
        let shown: Vec<&CostColumn> =
            columns.iter().filter(|column| self.methods().iter().any(|method| (column.of)(method).is_some())).collect();
        if shown.is_empty() {
            return None;
        }
        let ours = |method: &MethodRuns| -> Vec<Cell> {
            let cell = |column: &&CostColumn| match (column.of)(method) {
                Some(value) => Cell { text: (column.text)(value.mean), shown: value.mean },
                None => Cell::nothing(),
            };
            shown.iter().map(cell).collect()
        };
        let header = shown.iter().map(|column| (column.name.to_owned(), column.better)).collect();
        Some(self.figures(header, ours, |_| None).render("cost", format, false))
    }

    fn figures(
        &self,
        columns: Vec<(String, Better)>,
        ours: impl Fn(&MethodRuns) -> Vec<Cell>,
        published: impl Fn(&PublishedRow) -> Option<Vec<Cell>>,
    ) -> Figures {
        let rows = self.published().into_iter().flat_map(PublishedScenario::labelled);
        Figures {
            columns,
            ours: self.methods().iter().map(|method| (method.name.clone(), ours(method))).collect(),
            published: rows.filter_map(|(label, row)| Some((label, published(row)?))).collect(),
        }
    }

    /// A figure a task; methods are columns where there are many tasks.
    fn tasks_table(
        &self,
        title: &str,
        format: Format,
        figure: impl Fn(&AccuracyMatrix, usize) -> Option<f64>,
        published: impl Fn(&PublishedRow) -> Vec<f64>,
    ) -> String {
        let tasks = &self.first().result.tasks;
        let columns = tasks.iter().map(|task| (task.clone(), Better::Higher)).collect();
        let cells = |values: Vec<f64>| values.into_iter().map(Cell::mean).collect();
        let ours = |method: &MethodRuns| cells(method.of_tasks(&figure).iter().map(|value| value.mean).collect());
        let of_paper = |row: &PublishedRow| Some(published(row)).filter(|values| !values.is_empty()).map(cells);
        self.figures(columns, ours, of_paper).render(title, format, tasks.len() > WIDEST)
    }
}

/// A column of the table of costs.
struct CostColumn {
    name: &'static str,
    better: Better,
    of: fn(&MethodRuns) -> Option<Spread>,
    text: fn(f64) -> String,
}

fn columns_of_cost(comparison: &Comparison) -> [CostColumn; 7] {
    let runs = || comparison.methods().iter().flat_map(|method| &method.runs);
    let of_process = runs().any(|run| run.result.cost.as_ref().is_some_and(|cost| cost.peak_memory_of_process));
    let lower = |name, of, text| CostColumn { name, better: Better::Lower, of, text };
    [
        lower("trained", |method| method.cost(|cost| Some(cost.trained_parameters as f64)), count),
        lower("stored", |method| method.cost(|cost| Some(cost.stored_parameters as f64)), count),
        lower("images kept", |method| method.cost(|cost| Some(cost.stored_images as f64)), count),
        lower("CPU s", |method| method.cost(|cost| cost.cpu_seconds), decimal),
        lower("GPU s", |method| method.cost(|cost| cost.gpu_seconds), decimal),
        lower(
            // Where the peak cannot be reset, that of an earlier run of the same process counts as well.
            if of_process { "peak MiB (of process)" } else { "peak MiB" },
            |method| method.cost(|cost| Some(cost.peak_memory_bytes? as f64 / MIB)),
            |value| format!("{value:.0}"),
        ),
        CostColumn {
            name: "images/s",
            better: Better::Higher,
            of: |method| method.cost(|cost| cost.images_per_second),
            text: |value| format!("{value:.0}"),
        },
    ]
}

/// A count with at most four digits.
fn count(value: f64) -> String {
    for (unit, name) in [(1e9, "G"), (1e6, "M"), (1e4, "k")] {
        if value >= unit {
            let unit = if name == "k" { 1e3 } else { unit };
            return format!("{:.1} {name}", value / unit);
        }
    }
    format!("{value:.0}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_short() {
        let counts = [0.0, 350.0, 9999.0, 12_345.0, 1_801_000.0, 149_620_737.0, 2e9];
        assert_eq!(counts.map(count), ["0", "350", "9999", "12.3 k", "1.8 M", "149.6 M", "2.0 G"]);
    }

    #[test]
    fn the_best_of_our_own_is_found_as_it_is_shown() {
        let row = |name: &str, values: [f64; 3]| (name.to_owned(), values.map(Cell::mean).into_iter().collect());
        let columns = [("transfer", Better::Higher), ("forgetting", Better::Lower), ("same", Better::Lower)];
        let figures = Figures {
            columns: columns.map(|(name, better)| (name.to_owned(), better)).to_vec(),
            ours: vec![row("a", [1.0, 5.0, 2.0]), row("b", [3.01, 4.0, 2.0]), row("c", [2.99, f64::NAN, 2.0])],
            published: vec![row("d", [9.0, 0.0, 1.0])],
        };
        assert_eq!(figures.best(), [(1, 1), (2, 1), (1, 2)], "3.0 and 3.0 alike, none where all are equal");
        let text = figures.render("method", Format::Latex, false);
        assert!(text.contains("b & \\textbf{3.0} & \\textbf{4.0} & 2.0 \\\\"), "{text}");
        assert!(text.contains("d & 9.0 & 0.0 & 1.0 \\\\"), "{text}");
    }
}
