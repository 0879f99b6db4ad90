use std::collections::BTreeSet;

use clf_core::metrics::AccuracyMatrix;
use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::{
    Report,
    config_table::config_table,
    curves::{accuracy_figure, drift_figure, seen_figure},
    fairness_table::fairness_table,
    run::ReportRun,
    section::{Section, Series},
    significance_table::significance_table,
    tables::{cost_table, forgetting_table, known, last_table, metrics_table, other_table, runs_table},
    text::{short_hash, slug},
    training::training_figure,
};
use crate::{
    charts::{Drawing, Figure, HeatMap, Legend, STYLE, colour, heat_legend, nice},
    tables::splits_line,
};

/// Nothing is loaded from anywhere; the browser itself sees to it.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:";
/// How every report says what it is.
pub(crate) const GENERATOR: &str = "<meta name=\"generator\" content=\"clf ";
const PAGE_STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// The whole page.
pub(crate) fn page(report: &Report) -> String {
    let names: Vec<&str> = report.sections.iter().map(|section| &*section.first().result.scenario).collect();
    let title = format!("clf report: {}", names.join(", "));
    let version = format!("clf {}", env!("CARGO_PKG_VERSION"));
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="generator" content=(version);
                title { (title) }
                // Style and script are ours and hold nothing from outside.
                style { (PreEscaped(colour::stylesheet())) (PreEscaped(PAGE_STYLE)) (PreEscaped(STYLE)) }
            }
            body {
                header.page {
                    h1 { (names.join(", ")) }
                    p.note { "Report of " (count(report.runs().count(), "run")) ", written by " (version) "." }
                    div.theme {}
                }
                (contents(report))
                main { @for (i, section) in report.sections.iter().enumerate() { (draw_section(section, &anchor(report, i))) } }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    };
    page.into_string()
}

/// The parts of a section, with their names in links.
const PARTS: [(&str, &str); 10] = [
    ("figures", "Figures"),
    ("matrices", "Matrices"),
    ("curves", "Curves"),
    ("forgetting", "Forgetting"),
    ("training", "Training"),
    ("cost", "Cost"),
    ("significance", "Significance"),
    ("fairness", "Fairness"),
    ("config", "Settings"),
    ("runs", "Runs"),
];

/// A name for links to a section, different for each.
pub(crate) fn anchor(report: &Report, section: usize) -> String {
    let of = |section: &Section| slug(&section.first().result.scenario);
    let name = of(&report.sections[section]);
    match report.sections.iter().filter(|other| of(other) == name).count() {
        1 => name,
        _ => format!("{name}-{}", section + 1),
    }
}

fn contents(report: &Report) -> Markup {
    html! {
        nav aria-label="contents" { @for i in 0..report.sections.len() {
            @let anchor = anchor(report, i);
            ul {
                @if report.sections.len() > 1 { li { a href=(format!("#{anchor}")) { strong { (heading(&report.sections[i])) } } } }
                @for (part, name) in PARTS { li { a href=(format!("#{anchor}-{part}")) { (name) } } }
            }
        } }
    }
}

/// Sections may differ in the model alone.
fn heading(section: &Section) -> String {
    format!("{} · {}", section.first().result.scenario, section.first().result.model)
}

fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

fn draw_section(section: &Section, anchor: &str) -> Markup {
    let id = |part: &str| format!("{anchor}-{part}");
    html! {
        section.scenario id=(anchor) {
            h2 { (heading(section)) }
            (unfinished(section))
            (facts(section))
            (part(&id("figures"), "Figures", &html! {
                (metrics_table(section))
                @if let Some(published) = section.published() { p.note { (published.line()) "." } }
                @if let Some(table) = other_table(section) { (table) }
                (last_table(section))
            }))
            (part(&id("matrices"), "Accuracy matrices", &matrices(section)))
            (part(&id("curves"), "Accuracy over the tasks", &curves(section)))
            (part(&id("forgetting"), "Forgetting", &forgetting_table(section)))
            (part(&id("training"), "Training", &training(section)))
            (part(&id("cost"), "Cost", &cost_table(section)))
            (part(&id("significance"), "Significance", &significance_table(section).unwrap_or_else(one_method)))
            (part(&id("fairness"), "Fairness", &fairness_table(section).unwrap_or_else(one_method)))
            (part(&id("config"), "Settings", &html! { details open { summary { "All settings with their origins" } (config_table(section)) } }))
            (part(&id("runs"), "Runs", &runs_table(section)))
        }
    }
}

/// In place of what several methods are needed for.
fn one_method() -> Markup {
    html! { p.note { "There is one method, and nothing to compare it with." } }
}

fn part(id: &str, title: &str, content: &Markup) -> Markup {
    html! { section.part id=(id) { h3 { (title) } (content) } }
}

/// Says which runs are not finished.
fn unfinished(section: &Section) -> Markup {
    let runs: Vec<&ReportRun> = section.runs().filter(|run| !run.result.finished).collect();
    html! {
        @if !runs.is_empty() {
            div.warning role="note" {
                strong { (count(runs.len(), "run")) " not finished." }
                " Shown as far as they go; figures of the whole run are missing. "
                ul { @for run in runs { li { code { (run.folder.display()) } ": " (run.result.method) ", seed " (run.result.seed) ", " (run.state()) } } }
            }
        }
    }
}

/// What all runs of the section have in common.
fn facts(section: &Section) -> Markup {
    let first = section.first();
    let (result, environment) = (&first.result, &first.environment);
    let classes: usize = environment.tasks.iter().map(|task| task.classes.len()).sum();
    let images: usize = result.test_images.iter().sum();
    let (protocol, _) = section.protocols();
    let methods: Vec<&str> = section.series.iter().map(|series| &*series.label).collect();
    let seeds: BTreeSet<u64> = section.runs().map(|run| run.result.seed).collect();
    let seeds: Vec<String> = seeds.iter().map(u64::to_string).collect();
    html! {
        dl.facts {
            (fact("scenario", &html! { (result.scenario) " (" (result.procedure) "): " (count(result.tasks.len(), "task")) ", " (count(classes, "class name")) ", " (count(images, "test image")) }))
            (fact("judged with", &html! { (known(protocol)) }))
            (fact("model", &html! { (result.model) ", weights " code title=(environment.weights_sha256) { (short_hash(&environment.weights_sha256)) } }))
            (fact("split family", &html! { (splits_line(&environment.tasks).trim_start_matches("splits: ")) }))
            (fact(if methods.len() == 1 { "method" } else { "methods" }, &html! { (methods.join(", ")) }))
            (fact(if seeds.len() == 1 { "seed" } else { "seeds" }, &html! { (seeds.join(", ")) }))
            (fact("made with", &html! { (made_with(section)) }))
        }
    }
}

fn fact(name: &str, value: &Markup) -> Markup {
    html! { div { dt { (name) } dd { (value) } } }
}

/// Versions and devices, each once.
fn made_with(section: &Section) -> String {
    let of = |run: &ReportRun| {
        let environment = &run.environment;
        format!(
            "clf {} on {} ({}, {} threads)",
            environment.version,
            environment.device,
            environment.precision.name(),
            environment.threads
        )
    };
    section.runs().map(of).collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>().join("; ")
}

fn figure(figure: &Figure, caption: &str) -> Markup {
    html! { figure { figcaption { strong { (figure.title) ". " } (caption) } (figure.inline()) } }
}

fn curves(section: &Section) -> Markup {
    let bands = if section.series.iter().any(|series| series.runs.len() > 1) {
        " Lines are means over seeds, bands a standard deviation."
    } else {
        ""
    };
    let drift = drift_figure(section);
    html! {
        (figure(&accuracy_figure(section), &format!("Dashed: the untouched model; the dotted vertical line is where the task is learned.{bands}")))
        @if let Some(drift) = &drift {
            (figure(drift, &format!("Mean accuracy on the tasks not learned yet minus that of the untouched model on the same tasks; below 0 zero-shot ability is lost.{bands}")))
        } @else {
            (figure(&seen_figure(section), &format!("This scenario does not score tasks before they are learned, so there is no zero-shot drift to show.{bands}")))
        }
    }
}

fn training(section: &Section) -> Markup {
    let caption = "Terms are drawn before their weights. Where a line has more steps than the screen has points, it is the \
                   mean of neighbouring steps; the band reaches from the smallest to the largest value over these steps and all seeds.";
    html! {
        @if let Some(of) = training_figure(section) { (figure(&of, caption)) } @else { p.note { "Nothing was trained." } }
    }
}

fn matrices(section: &Section) -> Markup {
    let (own, other) = section.protocols();
    let of_own = |run: &ReportRun| Some(run.matrix.clone());
    let of_other = |run: &ReportRun| run.other.clone();
    html! {
        p.note { "Rows: after which task; columns: on which test set; " (known(own)) "." }
        (protocol_matrices(section, &of_own))
        @if section.runs().any(|run| run.other.is_some()) {
            details { summary { "The same, " (known(other)) } (protocol_matrices(section, &of_other)) }
        }
    }
}

/// Which of the matrices of a run.
type Choice<'a> = &'a dyn Fn(&ReportRun) -> Option<AccuracyMatrix>;

fn protocol_matrices(section: &Section, of: Choice<'_>) -> Markup {
    let domain = heat_domain(section, of);
    let single = |run: &ReportRun, label: &str| draw_matrix(run, of, domain, &run_title(run, label));
    html! {
        figure {
            div.legend { (heat_legend(domain).inline()) }
            div.panels.wide { @for series in &section.series {
                div.panel {
                    @if let [run] = &series.runs[..] {
                        @if let Some(drawing) = single(run, &series.label) { (drawing.inline()) }
                    } @else {
                        (mean_matrix(section, series, of, domain).inline())
                        details.seeds { summary { "every run of " (series.label) }
                            @for run in &series.runs { @if let Some(drawing) = single(run, &series.label) { (drawing.inline()) } }
                        }
                    }
                }
            } }
        }
    }
}

fn run_title(run: &ReportRun, label: &str) -> String {
    let state = if run.result.finished { String::new() } else { format!(" ({})", run.state()) };
    format!("{label}, seed {}{state}", run.result.seed)
}

fn draw_matrix(run: &ReportRun, of: Choice<'_>, domain: (f64, f64), title: &str) -> Option<Drawing> {
    let matrix = of(run)?;
    Some(HeatMap { title: title.to_owned(), tasks: matrix.tasks(), rows: matrix.rows(), domain }.draw())
}

fn mean_matrix(section: &Section, series: &Series, of: Choice<'_>, domain: (f64, f64)) -> Drawing {
    let rows = series.mean_rows(of);
    let unfinished = series.runs.iter().filter(|run| !run.result.finished).count();
    let note = if unfinished == 0 { String::new() } else { format!(", {unfinished} not finished") };
    let title = format!("{}, mean over {} seeds{note}", series.label, series.runs.len());
    HeatMap { title, tasks: section.tasks(), rows: &rows, domain }.draw()
}

/// One range for all matrices under a protocol, so that their colours can be compared.
fn heat_domain(section: &Section, of: Choice<'_>) -> (f64, f64) {
    let matrices: Vec<AccuracyMatrix> = section.runs().filter_map(of).collect();
    let (domain, _) = nice(matrices.iter().flat_map(AccuracyMatrix::rows).flatten().copied(), false);
    (domain.0.max(0.0), domain.1.min(100.0))
}

/// All figures of a section, for files of their own.
pub(crate) fn figures(section: &Section) -> Vec<Figure> {
    let (own, other) = section.protocols();
    let of_own = |run: &ReportRun| Some(run.matrix.clone());
    let of_other = |run: &ReportRun| run.other.clone();
    let protocols: [(_, Choice<'_>); 2] = [(own, &of_own), (other, &of_other)];
    let matrices = protocols.into_iter().filter(|(_, of)| section.runs().any(|run| of(run).is_some())).flat_map(
        |(protocol, of)| {
            let name = if protocol == own { "matrix".to_owned() } else { format!("matrix-{}", protocol.name()) };
            matrix_figures(section, &name, known(protocol), of)
        },
    );
    let middle = drift_figure(section).unwrap_or_else(|| seen_figure(section));
    let curves = [Some(accuracy_figure(section)), Some(middle), training_figure(section)];
    matrices.chain(curves.into_iter().flatten()).collect()
}

/// The matrix of every run, and the mean of every series of several.
fn matrix_figures(section: &Section, name: &str, protocol: &str, of: Choice<'_>) -> Vec<Figure> {
    let domain = heat_domain(section, of);
    let figure = |end: String, panel: Drawing| Figure {
        name: format!("{name}-{}", slug(&end)),
        title: format!("{}, {protocol}", heading(section)),
        panels: vec![panel],
        legend: Legend::Drawn(heat_legend(domain)),
    };
    let mut figures = Vec::new();
    for series in &section.series {
        if series.runs.len() > 1 {
            figures.push(figure(format!("{}-mean", series.label), mean_matrix(section, series, of, domain)));
        }
        for run in &series.runs {
            let drawing = draw_matrix(run, of, domain, &run_title(run, &series.label));
            figures.extend(drawing.map(|panel| figure(format!("{}-{}", series.label, run.result.seed), panel)));
        }
    }
    figures
}
