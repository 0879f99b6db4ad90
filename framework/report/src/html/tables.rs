//! Tables that a reader can sort.

use clf_core::metrics::{AccuracyMatrix, names};
use maud::{Markup, html};

use super::{
    run::ReportRun,
    section::{Section, Series, cell},
    text::{short_hash, spread},
};
use crate::{charts::Style, comparison::Spread, grid::decimal};

/// A column of a table.
struct Column {
    title: String,
    /// What it means, for whoever points at it.
    hint: &'static str,
    /// Whether it holds numbers.
    numeric: bool,
}

impl Column {
    fn text(title: &str) -> Self {
        Self { title: title.to_owned(), hint: "", numeric: false }
    }

    fn number(title: &str, hint: &'static str) -> Self {
        Self { title: title.to_owned(), hint, numeric: true }
    }
}

/// A cell: a text, and what to sort it by if that is a number.
struct Cell {
    text: Markup,
    value: Option<f64>,
}

impl Cell {
    fn text(text: &str) -> Self {
        Self { text: html! { (text) }, value: None }
    }

    fn number(value: f64, text: &str) -> Self {
        Self { text: html! { (text) }, value: Some(value) }
    }

    fn spread(value: Spread) -> Self {
        Self::number(value.mean, &spread(value))
    }
}

fn table(caption: &str, columns: &[Column], rows: Vec<Vec<Cell>>) -> Markup {
    html! {
        div.scroll tabindex="0" role="region" aria-label=(caption) {
            table.sortable {
                caption { (caption) }
                thead { tr { @for column in columns {
                    th.number[column.numeric] scope="col" data-type=(if column.numeric { "number" } else { "text" })
                        title=[(!column.hint.is_empty()).then_some(column.hint)] { (column.title) }
                } } }
                tbody { @for row in rows { tr { @for (i, cell) in row.into_iter().enumerate() {
                    @if i == 0 {
                        th scope="row" { (cell.text) }
                    } @else {
                        td.number[cell.value.is_some()] data-value=[cell.value.filter(|value| value.is_finite())] { (cell.text) }
                    }
                } } } }
            }
        }
    }
}

/// The label of a series beside its colour.
pub(crate) fn label(position: usize, series: &Series) -> Markup {
    html! {
        svg.chart.key width="26" height="12" viewBox="0 0 26 12" aria-hidden="true" { (Style::Series(position).sample(0.0, 6.0)) }
        " " (series.label)
    }
}

fn label_cell(position: usize, series: &Series) -> Cell {
    Cell { text: label(position, series), value: None }
}

fn rows(section: &Section, mut cells: impl FnMut(&Series) -> Vec<Cell>) -> Vec<Vec<Cell>> {
    let row = |(position, series)| std::iter::once(label_cell(position, series)).chain(cells(series)).collect();
    section.series.iter().enumerate().map(row).collect()
}

/// What a figure says, in one sentence.
fn meaning(metric: &str) -> &'static str {
    match metric {
        "transfer" => "mean accuracy on tasks before they are learned; higher is better",
        "mtil_avg" => "mean accuracy over all tasks and all rows after a task; higher is better",
        "mtil_last" => "mean accuracy over all tasks after the last one; higher is better",
        "cil_avg" => "mean over tasks of the accuracy on everything seen so far; higher is better",
        "cil_last" => "accuracy on everything after the last task; higher is better",
        "forgetting" => "mean over tasks of best accuracy minus last accuracy; lower is better",
        _ => "",
    }
}

/// The figures of every series.
pub(crate) fn metrics_table(section: &Section) -> Markup {
    let metrics = names(&section.first().result.procedure);
    let figures = metrics.iter().map(|metric| Column::number(metric, meaning(metric)));
    let end = [
        Column::number("seconds", "wall time of a run"),
        Column::number("seeds", "number of runs"),
        Column::text("state"),
    ];
    let columns: Vec<Column> = std::iter::once(Column::text("method")).chain(figures).chain(end).collect();
    let cells = |series: &Series| {
        let figures = metrics.iter().map(|metric| Cell::spread(series.spread(|run| run.metric(metric))));
        let seconds = Cell::spread(series.spread(|run| run.result.seconds));
        let count = series.runs.len();
        figures.chain([seconds, Cell::number(count as f64, &count.to_string()), state_cell(series)]).collect()
    };
    let (protocol, _) = section.protocols();
    table(
        &format!("Figures, {}: mean ± standard deviation over seeds", known(protocol)),
        &columns,
        rows(section, cells),
    )
}

fn state_cell(series: &Series) -> Cell {
    match series.runs.iter().filter(|run| !run.result.finished).count() {
        0 => Cell::text("finished"),
        unfinished => {
            let count = series.runs.len();
            Cell { text: html! { span.unfinished { (unfinished) " of " (count) " not finished" } }, value: None }
        }
    }
}

/// The figures under the other protocol; nothing where no run has any.
pub(crate) fn other_table(section: &Section) -> Option<Markup> {
    section.runs().find(|run| run.other.is_some())?;
    let metrics = names(&section.first().result.procedure);
    let figures = metrics.iter().map(|metric| Column::number(metric, meaning(metric)));
    let columns: Vec<Column> = std::iter::once(Column::text("method")).chain(figures).collect();
    let cells = |series: &Series| {
        metrics.iter().map(|metric| Cell::spread(series.spread(|run| run.other_metric(metric)))).collect()
    };
    let (_, protocol) = section.protocols();
    Some(table(&format!("Figures, {}", known(protocol)), &columns, rows(section, cells)))
}

/// What a protocol means.
pub(crate) fn known(protocol: clf_core::Protocol) -> &'static str {
    match protocol {
        clf_core::Protocol::TaskAware => "task known at test (task-aware)",
        clf_core::Protocol::TaskAgnostic => "task withheld at test (task-agnostic)",
    }
}

/// Accuracy on every task in the last row of every run.
pub(crate) fn last_table(section: &Section) -> Markup {
    let last = |run: &ReportRun, task: usize| cell(&run.matrix, run.matrix.rows().len().saturating_sub(1), task);
    task_table(section, "Accuracy on every task at the end, %", "", last)
}

/// Best minus last accuracy of every task.
pub(crate) fn forgetting_table(section: &Section) -> Markup {
    let hint = "best accuracy since the task was learned minus the last one; lower is better";
    task_table(section, "Forgetting of every task: best minus last accuracy, points", hint, |run, task| {
        forgetting(&run.matrix, task)
    })
}

fn task_table(
    section: &Section,
    caption: &str,
    hint: &'static str,
    figure: impl Fn(&ReportRun, usize) -> f64,
) -> Markup {
    let tasks = section.tasks();
    let columns = std::iter::once(Column::text("method")).chain(tasks.iter().map(|task| Column::number(task, hint)));
    let columns: Vec<Column> = columns.chain([Column::number("mean", "over the tasks that have a value")]).collect();
    let cells = |series: &Series| {
        let of_task = |task: usize| Cell::spread(series.spread(|run| figure(run, task)));
        let mean = series.spread(|run| {
            Spread::of((0..tasks.len()).map(|task| figure(run, task)).filter(|value| !value.is_nan())).mean
        });
        (0..tasks.len()).map(of_task).chain([Cell::spread(mean)]).collect()
    };
    table(caption, &columns, rows(section, cells))
}

/// Best accuracy since `task` was learned minus the last one (Chaudhry et al. 2018); not a number before there is a later row.
fn forgetting(matrix: &AccuracyMatrix, task: usize) -> f64 {
    let rows = matrix.rows();
    let Some(((last, earlier), _)) = rows.split_last().zip(rows.get(task + 2)) else { return f64::NAN };
    let best = earlier[task + 1..].iter().map(|row| row[task]).fold(f64::NEG_INFINITY, f64::max);
    best - last[task]
}

/// Time and other costs of every series.
pub(crate) fn cost_table(section: &Section) -> Markup {
    let columns = [
        Column::text("method"),
        Column::number("seconds", "wall time of a run"),
        Column::number("steps", "training steps of a run"),
        Column::number(
            "images/s",
            "images of the task and of the reference set per second, in the middle of all steps",
        ),
        Column::number("waited s", "seconds in which training waited for images"),
    ];
    let steps = |run: &ReportRun| (0..run.result.tasks.len()).map(|task| run.steps.count(task)).sum::<usize>() as f64;
    let cells = |series: &Series| {
        let steps = series.spread(steps);
        vec![
            Cell::spread(series.spread(|run| run.result.seconds)),
            Cell::number(steps.mean, &format!("{:.0}", steps.mean)),
            Cell::spread(series.spread(|run| run.steps.median_speed().unwrap_or(f64::NAN))),
            Cell::spread(series.spread(|run| run.steps.waited.unwrap_or(f64::NAN))),
        ]
    };
    table("Cost of a run", &columns, rows(section, cells))
}

/// Every run: where it is and where it was made.
pub(crate) fn runs_table(section: &Section) -> Markup {
    let columns = [
        Column::text("run folder"),
        Column::text("method"),
        Column::number("seed", ""),
        Column::text("state"),
        Column::number("seconds", "wall time"),
        Column::text("device"),
        Column::text("precision"),
        Column::number("threads", "threads of the CPU"),
        Column::text("clf"),
        Column::text("program"),
    ];
    let row = |run: &ReportRun| {
        let environment = &run.environment;
        let state = run.state();
        let program = short_hash(&environment.program_sha256);
        vec![
            Cell::text(&run.folder.display().to_string()),
            Cell::text(&run.result.method),
            Cell::number(run.result.seed as f64, &run.result.seed.to_string()),
            Cell { text: html! { span.unfinished[!run.result.finished] { (state) } }, value: None },
            Cell::number(run.result.seconds, &decimal(run.result.seconds)),
            Cell::text(&environment.device),
            Cell::text(environment.precision.name()),
            Cell::number(environment.threads as f64, &environment.threads.to_string()),
            Cell::text(&environment.version),
            Cell { text: html! { code title=(environment.program_sha256) { (program) } }, value: None },
        ]
    };
    table("Runs", &columns, section.runs().map(row).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forgetting_of_all_tasks_has_the_mean_of_the_whole_matrix() {
        let names = ["a", "b", "c"].map(String::from).to_vec();
        let rows = [[10.0, 20.0, 30.0], [90.0, 16.0, 24.0], [80.0, 95.0, 12.0], [70.0, 85.0, 99.0]];
        let matrix = AccuracyMatrix::with_rows(names, vec![1, 1, 2], rows.map(|row| row.to_vec()).to_vec());
        let of = [0, 1, 2].map(|task| forgetting(&matrix, task));
        assert_eq!(of[..2], [20.0, 10.0]);
        assert!(of[2].is_nan(), "the last task has no later row");
        assert_eq!(matrix.forgetting(), Some(15.0));
    }

    #[test]
    fn headers_and_cells_are_escaped_and_numbers_can_be_sorted() {
        let columns = [Column::text("<method>"), Column::number("a\"b", "so & so")];
        let text = table("c<", &columns, vec![vec![Cell::text("<i>"), Cell::number(1.25, "1.2")]]).into_string();
        for part in ["&lt;method&gt;", "title=\"so &amp; so\"", "&lt;i&gt;", "data-value=\"1.25\"", "<caption>c&lt;"] {
            assert!(text.contains(part), "no {part} in {text}");
        }
        let unknown = table("", &columns, vec![vec![Cell::number(f64::NAN, "-")]]).into_string();
        assert!(!unknown.contains("NaN"), "{unknown}");
    }
}
