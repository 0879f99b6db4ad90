//! Tables that a reader can sort.

use clf_core::{
    cost::Cost,
    metrics::{AccuracyMatrix, names},
};
use maud::{Markup, html};

use super::{
    run::ReportRun,
    section::{Section, Series, cell},
    text::{short_hash, thousands},
};
use crate::{
    charts::Style,
    comparison::Spread,
    grid::decimal,
    published::{PublishedRow, PublishedScenario},
};

/// A column of a table.
pub(crate) struct Column {
    title: String,
    /// What it means, for whoever points at it.
    hint: &'static str,
    /// Whether it holds numbers.
    numeric: bool,
}

impl Column {
    pub fn new(title: &str, hint: &'static str, numeric: bool) -> Self {
        Self { title: title.to_owned(), hint, numeric }
    }

    pub fn text(title: &str) -> Self {
        Self::new(title, "", false)
    }

    fn number(title: &str, hint: &'static str) -> Self {
        Self::new(title, hint, true)
    }
}

/// A cell: a text, and what to sort it by if that is a number.
pub(crate) struct Cell {
    text: Markup,
    value: Option<f64>,
}

impl Cell {
    pub fn text(text: &str) -> Self {
        Self { text: html! { (text) }, value: None }
    }

    pub fn number(value: f64, text: &str) -> Self {
        Self { text: html! { (text) }, value: Some(value) }
    }

    /// A number of things, which is large.
    fn count(value: Spread) -> Self {
        Self::number(value.mean, &thousands(value.mean))
    }

    fn spread(value: Spread) -> Self {
        Self::number(value.mean, &value.to_text())
    }
}

pub(crate) fn table(caption: &str, columns: &[Column], rows: Vec<Vec<Cell>>) -> Markup {
    html! {
        h4 { (caption) }
        div.scroll tabindex="0" role="region" aria-label=(caption) {
            table.sortable {
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
pub(crate) fn label(style: Style, series: &Series) -> Markup {
    html! {
        svg.chart.key width="26" height="12" viewBox="0 0 26 12" aria-hidden="true" { (style.sample(0.0, 6.0)) }
        " " (series.label)
    }
}

fn label_cell(style: Style, series: &Series) -> Cell {
    Cell { text: label(style, series), value: None }
}

fn rows(section: &Section, mut cells: impl FnMut(&Series) -> Vec<Cell>) -> Vec<Vec<Cell>> {
    let row = |(style, series)| std::iter::once(label_cell(style, series)).chain(cells(series)).collect();
    section.styled().map(row).collect()
}

/// Rows of what was published for the scenario, where the source has the cells.
fn published_rows(section: &Section, cells: impl Fn(&PublishedRow) -> Option<Vec<Cell>>) -> Vec<Vec<Cell>> {
    let label = |label: String| Cell { text: html! { span.published { (label) } }, value: None };
    let row = |(name, row): (String, &PublishedRow)| Some(std::iter::once(label(name)).chain(cells(row)?).collect());
    section.published().into_iter().flat_map(PublishedScenario::labelled).filter_map(row).collect()
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

/// The figures of every series, then the published ones.
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
        let seconds = Cell::spread(series.spread(ReportRun::seconds));
        let count = series.runs.len();
        figures.chain([seconds, Cell::number(count as f64, &count.to_string()), state_cell(series)]).collect()
    };
    let published = |row: &PublishedRow| {
        let figures = metrics.iter().map(|metric| Cell::number(row.metric(metric), &decimal(row.metric(metric))));
        let none = || Cell::number(f64::NAN, "");
        Some(figures.chain([none(), none(), Cell::text("published")]).collect())
    };
    let rows = rows(section, cells).into_iter().chain(published_rows(section, published)).collect();
    let (protocol, _) = section.protocols();
    table(&format!("Figures, {}: mean ± standard deviation over seeds", known(protocol)), &columns, rows)
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
    let published = |row: &PublishedRow| row.last_of.clone();
    task_table(section, "Accuracy on every task at the end, %", "", last, published)
}

/// Best minus last accuracy of every task.
pub(crate) fn forgetting_table(section: &Section) -> Markup {
    let hint = "best accuracy since the task was learned minus the last one; lower is better";
    let figure = |run: &ReportRun, task: usize| forgetting(&run.matrix, task);
    task_table(section, "Forgetting of every task: best minus last accuracy, points", hint, figure, |_| Vec::new())
}

fn task_table(
    section: &Section,
    caption: &str,
    hint: &'static str,
    figure: impl Fn(&ReportRun, usize) -> f64,
    published: impl Fn(&PublishedRow) -> Vec<f64>,
) -> Markup {
    let tasks = section.tasks();
    let columns = std::iter::once(Column::text("method")).chain(tasks.iter().map(|task| Column::number(task, hint)));
    let columns: Vec<Column> = columns.chain([Column::number("mean", "over the tasks that have a value")]).collect();
    let cells = |series: &Series| {
        let of_task = |task: usize| Cell::spread(series.spread_of_whole(|run| figure(run, task)));
        let mean = series.spread_of_whole(|run| {
            Spread::of((0..tasks.len()).map(|task| figure(run, task)).filter(|value| !value.is_nan())).mean
        });
        (0..tasks.len()).map(of_task).chain([Cell::spread(mean)]).collect()
    };
    let published = |row: &PublishedRow| {
        let values = Some(published(row)).filter(|values| !values.is_empty())?;
        let mean = Spread::of(values.iter().copied()).mean;
        Some(values.into_iter().chain([mean]).map(|value| Cell::number(value, &decimal(value))).collect())
    };
    table(caption, &columns, rows(section, cells).into_iter().chain(published_rows(section, published)).collect())
}

/// Best accuracy since `task` was learned minus the last one (Chaudhry et al. 2018); not a number before there is a later row.
fn forgetting(matrix: &AccuracyMatrix, task: usize) -> f64 {
    let rows = matrix.rows();
    let Some(((last, earlier), _)) = rows.split_last().zip(rows.get(task + 2)) else { return f64::NAN };
    let best = earlier[task + 1..].iter().map(|row| row[task]).fold(f64::NEG_INFINITY, f64::max);
    best - last[task]
}

/// Bytes of the unit in which memory is given.
const MEBIBYTE: f64 = 1_048_576.0;

/// Time, memory and other costs of every series; those of a run that is not finished are not known yet.
pub(crate) fn cost_table(section: &Section) -> Markup {
    let unfinished = section.runs().any(|run| !run.result.finished);
    let state = unfinished.then(|| Column::text("state"));
    let columns = [
        Column::text("method"),
        Column::number("seconds", "wall time of a run"),
        Column::number("CPU s", "processor time of all threads"),
        Column::number("GPU s", "time in which a GPU was trained or scored on"),
        Column::number("memory, MiB", "most memory of the process, without that of a GPU"),
        Column::number("steps", "training steps of a run"),
        Column::number("images/s", "images of the task and of the reference set per second of the training steps"),
        Column::number("waited, s", "time in which training waited for images"),
        Column::number("trained", "parameters that training changes"),
        Column::number(
            "stored",
            "numbers kept after the last task: weights, and what the method needs for another task",
        ),
        Column::number("images kept", "images of earlier tasks that are kept"),
    ];
    let cells = |series: &Series| {
        let of = |figure: fn(&Cost) -> Option<f64>| series.spread(|run| run.cost(figure));
        let speed = |run: &ReportRun| {
            let recorded = Some(run.cost(|cost| cost.images_per_second)).filter(|speed| speed.is_finite());
            recorded.or_else(|| run.steps.median_speed()).unwrap_or(f64::NAN)
        };
        let costs = vec![
            Cell::spread(series.spread(ReportRun::seconds)),
            Cell::spread(of(|cost| cost.cpu_seconds)),
            Cell::spread(of(|cost| cost.gpu_seconds)),
            Cell::spread(of(|cost| cost.peak_memory_bytes.map(|bytes| bytes as f64 / MEBIBYTE))),
            Cell::count(series.spread_of_whole(|run| run.steps.total() as f64)),
            Cell::spread(series.spread(speed)),
            Cell::spread(series.spread(|run| run.steps.waited.unwrap_or(f64::NAN))),
            Cell::count(of(|cost| Some(cost.trained_parameters as f64))),
            Cell::count(of(|cost| Some(cost.stored_parameters as f64))),
            Cell::count(of(|cost| Some(cost.stored_images as f64))),
        ];
        costs.into_iter().chain(unfinished.then(|| state_cell(series))).collect()
    };
    let (columns, rows): (Vec<Column>, _) = (columns.into_iter().chain(state).collect(), rows(section, cells));
    // Where no run is finished, what is not known yet is shown to be so.
    let is_known = section.runs().any(|run| run.result.finished);
    let (columns, rows) = if is_known { known_columns(columns, rows) } else { (columns, rows) };
    html! {
        @if unfinished { p.note { "What a whole run costs is known once it is finished; until then there is a dash." } }
        (table("Cost of a run: mean ± standard deviation over seeds", &columns, rows))
    }
}

/// Leaves out columns of numbers without a number: records of earlier versions have fewer.
fn known_columns(columns: Vec<Column>, rows: Vec<Vec<Cell>>) -> (Vec<Column>, Vec<Vec<Cell>>) {
    let is_known = |cell: &Cell| cell.value.is_none_or(f64::is_finite);
    let known: Vec<bool> = (0..columns.len()).map(|column| rows.iter().any(|row| is_known(&row[column]))).collect();
    let keep =
        |row: Vec<Cell>| row.into_iter().zip(&known).filter(|(_, known)| **known).map(|(cell, _)| cell).collect();
    let columns = columns.into_iter().zip(&known).filter(|(_, known)| **known).map(|(column, _)| column).collect();
    (columns, rows.into_iter().map(keep).collect())
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
            Cell::number(run.seconds(), &decimal(run.seconds())),
            Cell::text(&environment.device),
            Cell::text(environment.precision.name()),
            Cell::number(environment.threads as f64, &environment.threads.to_string()),
            Cell::text(&environment.version),
            Cell { text: html! { code title=(environment.program_sha256) { (program) } }, value: None },
        ]
    };
    table("Where the runs are, and where they were made", &columns, section.runs().map(row).collect())
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
        for part in ["&lt;method&gt;", "title=\"so &amp; so\"", "&lt;i&gt;", "data-value=\"1.25\"", "<h4>c&lt;</h4>"] {
            assert!(text.contains(part), "no {part} in {text}");
        }
        let unknown = table("", &columns, vec![vec![Cell::number(f64::NAN, "-")]]).into_string();
        assert!(!unknown.contains("NaN"), "{unknown}");
    }
}
