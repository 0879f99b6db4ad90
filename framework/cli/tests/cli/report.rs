use std::{fs, path::Path, process};

use clf_clip::image;
use scraper::{ElementRef, Html, Selector};
use serde_json::{Value, json};

use super::bench::Bench;

/// Six runs: three methods with two seeds each.
pub fn runs(bench: &Bench) -> String {
    bench.ok("compare --scenario small.toml --methods zero-shot,finetune,zscl --seeds 2 --set train.lr=1e-3");
    let run = |method: &str, seed: usize| format!("runs/small-{method}-{seed}");
    let folders = ["zero-shot", "finetune", "zscl"].map(|method| format!("{} {}", run(method, 0), run(method, 1)));
    folders.join(" ")
}

fn select<'a>(page: &'a Html, selector: &str) -> Vec<ElementRef<'a>> {
    page.select(&Selector::parse(selector).unwrap()).collect()
}

fn texts(page: &Html, selector: &str) -> Vec<String> {
    let text =
        |element: ElementRef<'_>| element.text().collect::<String>().split_whitespace().collect::<Vec<_>>().join(" ");
    select(page, selector).into_iter().map(text).collect()
}

/// Reads a page that must be well-formed and need nothing else.
#[track_caller]
fn page(bench: &Bench, place: &str) -> Html {
    let text = bench.read(place);
    let page = Html::parse_document(&text);
    assert!(page.errors.is_empty(), "{place}: {:?}", page.errors);
    for part in ["http://", "https://", "@import", "url("] {
        assert!(!text.contains(part), "{part} in {place}");
    }
    assert!(select(&page, "link, img, iframe, object, embed, base, script[src], [src], [srcset]").is_empty());
    for link in select(&page, "[href]") {
        let target = link.attr("href").unwrap().strip_prefix('#').unwrap();
        assert_eq!(select(&page, &format!("[id='{target}']")).len(), 1, "#{target}");
    }
    for coordinate in select(&page, "svg [d], svg [x], svg [y], svg [cx]") {
        let values = ["d", "x", "y", "cx"].map(|name| coordinate.attr(name).unwrap_or_default());
        assert!(values.iter().all(|value| !value.contains("NaN") && !value.contains("inf")), "{values:?}");
    }
    page
}

#[test]
fn a_report_of_several_runs_is_one_page_with_everything_in_it() {
    let bench = Bench::new();
    let folders = runs(&bench);
    assert_eq!(bench.ok(&format!("report {folders}")), "report.html\n");
    let page = page(&bench, "report.html");
    assert_eq!(texts(&page, "h2"), ["small · mini-clip"]);
    assert_eq!(texts(&page, "#small-figures table:first-of-type tbody th").len(), 9, "three tables of three methods");
    let header = texts(&page, "#small-figures .scroll:first-of-type thead th");
    assert_eq!(header, ["method", "transfer", "mtil_avg", "mtil_last", "forgetting", "seconds", "seeds", "state"]);
    let matrix = "svg[aria-label^='accuracy matrix']";
    assert_eq!(select(&page, matrix).len(), 2 * 9, "six runs and three means under two protocols");
    // Three rows of two tasks.
    let first = select(&page, matrix)[0];
    assert_eq!(first.select(&Selector::parse("rect[fill]").unwrap()).count(), 6);
    let panels: Vec<String> = texts(&page, "#small-training text.heading");
    assert_eq!(
        panels,
        [
            "loss (weighted sum)",
            "term ce",
            "term distill-image",
            "term distill-text",
            "term l2",
            "learning rate",
            "gradient norm"
        ]
    );
    assert_eq!(texts(&page, "#small-curves text.heading").len(), 3, "two tasks and the drift");
    assert!(select(&page, "#small-curves path.band").len() >= 4, "bands of two trained methods");
    let settings = texts(&page, "tr.differs th");
    assert!(settings.iter().any(|key| key == "hooks ≠"), "{settings:?}");
    assert!(texts(&page, "table.config td").contains(&"0.001 --set train.lr=1e-3".to_owned()));
    assert_eq!(select(&page, "#small-runs tbody tr").len(), 6);
}

#[test]
fn methods_are_tested_as_compare_tests_them() {
    let bench = Bench::new();
    bench.ok("compare --scenario small.toml --methods finetune,zero-shot,icarl --seeds 3 --set train.lr=1e-3");
    let folders = |methods: &[&str]| {
        let of = |method: &&str| (0..3).map(|seed| format!("runs/small-{method}-{seed}")).collect::<Vec<_>>();
        methods.iter().flat_map(of).collect::<Vec<_>>().join(" ")
    };
    let all = folders(&["finetune", "zero-shot", "icarl"]);
    bench.ok(&format!("report {all} --baseline zero-shot"));
    let page_of_all = page(&bench, "report.html");
    let printed = bench.ok(&format!("compare {all} --baseline zero-shot --markdown"));
    let table = printed.split("| against zero-shot |").nth(1).unwrap().split("\n\n").next().unwrap();
    let expected: Vec<Vec<&str>> =
        table.lines().skip(2).map(|line| line.trim_matches('|').split('|').map(str::trim).collect()).collect();
    let rows = texts(&page_of_all, "#small-significance tbody :is(th, td)");
    assert_eq!(rows.chunks(8).map(<[String]>::to_vec).collect::<Vec<_>>(), expected);
    assert_eq!(expected.len(), 8, "two methods in four figures");
    assert!(texts(&page_of_all, "#small-significance h4")[0].contains("against zero-shot"));

    let two = "runs/small-finetune-0 runs/small-icarl-0 runs/small-icarl-1";
    bench.ok(&format!("report {two}"));
    let text = texts(&page(&bench, "report.html"), "#small-significance").concat();
    assert!(text.contains("nothing can be said against finetune of icarl (1)"), "{text}");
    bench.ok("report runs/small-icarl-0 --out one.html");
    assert!(texts(&page(&bench, "one.html"), "#small-significance").concat().contains("There is one method"));
    bench.fails(&format!("report {two} --baseline icalr"), 2, &["\"icalr\"", "did you mean \"icarl\"?"]);
}

#[test]
fn published_figures_stand_below_those_of_the_whole_scenario() {
    let bench = Bench::new();
    let tasks = [
        "aircraft",
        "caltech101",
        "cifar100",
        "dtd",
        "eurosat",
        "flowers102",
        "food101",
        "mnist",
        "oxford-pets",
        "stanford-cars",
        "sun397",
    ];
    let named = tasks.map(|task| format!("{{ name = '{task}', dataset = 'folder:warm' }}")).join(", ");
    let old = "tasks = [{ dataset = 'folder:warm' }, { dataset = 'folder:cold' }]";
    bench.write("mtil-order-1.toml", &bench.read("small.toml").replace(old, &format!("tasks = [{named}]")));
    bench.ok("run --method zero-shot --scenario ./mtil-order-1.toml --out a");
    bench.ok("report a");
    assert!(!bench.read("a/report.html").contains("Zheng"), "the images are not those of the paper");
    let mut result: Value = serde_json::from_str(&bench.read("a/result.json")).unwrap();
    result["test-images"] = json!([3333, 1736, 10000, 1880, 5400, 6149, 25250, 10000, 3669, 8041, 21751]);
    bench.write("a/result.json", &result.to_string());
    bench.ok("report a");
    let page = page(&bench, "a/report.html");
    let tables = select(&page, "#mtil-order-1-figures table");
    let published = |table: &ElementRef<'_>| -> Vec<String> {
        let rows = Selector::parse("tr:has(.published)").unwrap();
        let text = |row: ElementRef<'_>| row.text().flat_map(str::split_whitespace).collect::<Vec<_>>().join(" ");
        table.select(&rows).map(text).collect()
    };
    let figures = published(&tables[0]);
    assert_eq!(figures.len(), 8);
    assert_eq!(figures[0], "Zero-shot (Zheng 2023, T3) 69.4 65.3 65.3 - published");
    assert!(published(tables.last().unwrap())[0].starts_with("Zero-shot (Zheng 2023, T3) 24.3 88.4 "));
    assert!(texts(&page, "#mtil-order-1-figures .note")[0].contains("arXiv 2303.06628"));
    // The same rows as those of the comparison.
    assert!(bench.ok("compare a --markdown").contains("| Zero-shot (Zheng 2023, T3) | 69.4 | 65.3 | 65.3 |"));
}

#[test]
fn the_same_runs_give_the_same_page() {
    let bench = Bench::new();
    bench.ok("run --method finetune --scenario small.toml --out a");
    assert_eq!(bench.ok("report a"), "a/report.html\n");
    let first = bench.read("a/report.html");
    page(&bench, "a/report.html");
    bench.ok("report a");
    assert_eq!(bench.read("a/report.html"), first);
}

#[test]
fn names_from_outside_are_text() {
    let bench = Bench::new();
    let name = r#"<b title="x">&amp;'</script><script>alert(1)</script>"#;
    let scenario = bench
        .read("small.toml")
        .replace("{ dataset = 'folder:warm' }", &format!("{{ name = '''{name}''', dataset = 'folder:warm' }}"));
    bench.write("small.toml", &scenario);
    bench.ok("run --method finetune --scenario small.toml --out <i>&amp;");
    bench.ok("report <i>&amp; --out page.html --figures figures");
    let page = page(&bench, "page.html");
    assert_eq!(select(&page, "b, i").len(), 0);
    assert_eq!(select(&page, "script").len(), 1);
    assert!(texts(&page, "#small-runs tbody th").contains(&"<i>&amp;".to_owned()));
    assert!(texts(&page, "#small-forgetting thead th").contains(&name.to_owned()));
    for file in fs::read_dir(bench.path("figures")).unwrap() {
        let name = file.unwrap().file_name().into_string().unwrap();
        assert!(name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.".contains(c)), "{name}");
    }
}

#[test]
fn runs_of_different_scenarios_and_settings_are_told_apart() {
    let bench = Bench::new();
    bench.write("other.toml", &bench.read("small.toml"));
    let run = |arguments: &str| drop(bench.ok(&format!("run --method finetune {arguments}")));
    run("--scenario small.toml --out a");
    run("--scenario other.toml --out b");
    run("--scenario small.toml --out c --set train.lr=1e-3");
    run("--scenario small.toml --out d");
    bench.ok("report a b c d --out new/folder/page.html");
    let page = page(&bench, "new/folder/page.html");
    assert_eq!(texts(&page, "h2"), ["small · mini-clip", "other · mini-clip"]);
    let labels = texts(&page, "#small-cost tbody th");
    assert_eq!(labels, ["finetune", "finetune [train.lr=0.001]", "finetune [d]"]);
    assert_eq!(texts(&page, "#other-cost tbody th"), ["finetune"]);
}

#[test]
fn a_class_incremental_run_leaves_blank_what_is_not_scored() {
    let bench = Bench::new();
    bench.write(
        "classes.toml",
        "summary = 'x'\nprocedure = 'class-incremental'\ndataset = 'folder:warm'\n\
         initial-increment = 1\nincrement = 1\nclass-order = [1, 0]\n[train]\nepochs = 1\nbatch-size = 2\nwarmup = 1\n",
    );
    bench.ok("run --method finetune --scenario classes.toml --out a");
    bench.ok("report a");
    let page = page(&bench, "a/report.html");
    let matrix = select(&page, "svg[aria-label^='accuracy matrix']")[0];
    assert_eq!(
        matrix.select(&Selector::parse("rect.blank").unwrap()).count(),
        1,
        "after the first task, on the second"
    );
    assert!(texts(&page, "#classes-curves figcaption")[1].starts_with("Accuracy on everything seen."));
}

#[test]
fn a_run_that_was_stopped_is_shown_as_far_as_it_went() {
    let bench = Bench::new();
    let mut child = process::Command::new(assert_cmd::cargo::cargo_bin("clf"))
        .args("run --method finetune --scenario small.toml --out a --set train.steps=100000".split(' '))
        .current_dir(bench.path(""))
        .stderr(process::Stdio::null())
        .spawn()
        .unwrap();
    while !bench.path("a/predictions/00.npy").exists() {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    // As if the last line had not been written to its end.
    let steps = r#"{"task":0,"step":0,"loss":1.0,"terms":{"ce":1.0},"lr":0.1,"grad-norm":1.0}"#;
    bench.write("a/metrics.jsonl", &format!("{steps}\n{{\"task\":0,\"st"));
    bench.ok("report a --out page.html");
    let page = page(&bench, "page.html");
    let warning = texts(&page, ".warning").concat();
    assert!(warning.starts_with("1 run not finished.") && warning.contains("0 of 2 tasks"), "{warning}");
    let (header, cells) = (texts(&page, "#small-cost thead th"), texts(&page, "#small-cost tbody td"));
    let cost = |name: &str| &*cells[header.iter().position(|other| other == name).unwrap() - 1];
    for name in ["seconds", "CPU s", "memory, MiB", "trained", "stored", "images kept"] {
        assert_eq!(cost(name), "-", "{name} is not known before the end");
    }
    assert_eq!((cost("steps"), cost("state")), ("1", "1 of 1 not finished"));
    let runs = texts(&page, "#small-runs tbody td");
    assert_eq!(runs[2..4], ["not finished: 0 of 2 tasks", "-"]);
    bench.write("a/metrics.jsonl", &format!("{steps}\nwhat\n{steps}\n"));
    bench.fails("report a", 3, &["a/metrics.jsonl", "line 2"]);
    fs::remove_file(bench.path("a/result.json")).unwrap();
    bench.fails("report a", 2, &["a: ", "scored nothing yet"]);
}

#[test]
fn what_cannot_be_read_or_written_is_named() {
    let bench = Bench::new();
    bench.ok("run --method zero-shot --scenario small.toml --out a");
    bench.fails("report", 2, &["RUN"]);
    bench.fails("report nothing", 6, &["nothing/result.json"]);
    fs::create_dir(bench.path("empty")).unwrap();
    bench.fails("report empty", 2, &["empty: ", "name the folder of a run"]);
    bench.fails("report a ./a", 2, &["./a: ", "named twice"]);
    bench.write("mine.html", "<p>my own page</p>");
    bench.fails("report a --out mine.html", 2, &["mine.html", "no report of clf", "--out"]);
    assert_eq!(bench.read("mine.html"), "<p>my own page</p>");
    bench.fails("report a --out mine.html/page.html", 6, &["mine.html"]);
    bench.fails("report a --out page.html --figures mine.html", 6, &["mine.html"]);
    // From the last that is read to the first.
    for file in ["config.toml", "environment.json", "matrix-task-agnostic.npy", "matrix.npy", "result.json"] {
        bench.write(&format!("a/{file}"), "= what?");
        bench.fails("report a", 3, &[&format!("a/{file}")]);
    }
}

/// Share of pixels that are not the most frequent colour.
pub fn inked(path: &Path) -> f64 {
    let picture = image::open(path).unwrap().to_rgb8();
    let mut counts = std::collections::BTreeMap::new();
    for pixel in picture.pixels() {
        *counts.entry(pixel.0).or_insert(0_usize) += 1;
    }
    1.0 - *counts.values().max().unwrap() as f64 / picture.pixels().count() as f64
}

#[test]
fn charts_are_written_as_drawings_and_as_pictures() {
    let bench = Bench::new();
    bench.ok("run --method finetune --scenario small.toml --out a");
    let printed = bench.ok("report a --figures figures");
    let drawings: Vec<&str> =
        printed.lines().filter(|line| Path::new(line).extension() == Some("svg".as_ref())).collect();
    let names = ["matrix-finetune-0", "matrix-task-agnostic-finetune-0", "accuracy", "zero-shot-drift", "training"];
    assert_eq!(drawings, names.map(|name| format!("figures/small-{name}.svg")));
    for drawing in drawings {
        let text = bench.read(drawing);
        let addresses = text.matches("http").count();
        assert!(
            addresses == 1 && text.starts_with("<svg") && !text.contains("var("),
            "{drawing}: the name space alone"
        );
        let picture = bench.path(drawing).with_extension("png");
        if printed.contains(".png") {
            assert!(inked(&picture) > 0.01, "{drawing}: {}", inked(&picture));
        }
    }
}
