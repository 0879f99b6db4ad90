//! What `clf compare` prints: formats, costs, tests over seeds.

use serde_json::Value;

use super::bench::{Bench, text};

/// Four runs of each of two methods that differ.
fn bench() -> Bench {
    let bench = Bench::new();
    bench.ok("compare --scenario small.toml --methods finetune,icarl,zero-shot --seeds 4 --set train.lr=1e-3");
    bench
}

const READ: &str = "compare --scenario small.toml --methods finetune,icarl,zero-shot --seeds 4 --set train.lr=1e-3";

fn json(bench: &Bench, arguments: &str) -> Value {
    serde_json::from_str(&bench.ok(arguments)).unwrap()
}

#[test]
fn every_format_has_the_same_figures() {
    let bench = bench();
    let all = json(&bench, &format!("{READ} --format json"));
    assert_eq!(all, json(&bench, &format!("{READ} --json")));
    let last = all["methods"][0]["metrics"]["mtil_last"]["mean"].as_f64().unwrap();
    let shown = format!("{:.1}", (last * 10.0).round_ties_even() / 10.0);

    let markdown = bench.ok(&format!("{READ} --markdown"));
    assert_eq!(markdown, bench.ok(&format!("{READ} --format markdown")));
    assert!(markdown.lines().any(|line| line.starts_with("| finetune | ") && line.contains(&shown)), "{markdown}");
    assert!(markdown.contains("| cost | trained | stored | images kept | CPU s | "), "{markdown}");
    assert!(bench.ok(READ).contains(&shown));

    let latex = bench.ok(&format!("{READ} --format latex --per-task"));
    for part in
        ["\\toprule", "\\midrule", "\\bottomrule", "mtil\\_last", "\\textbf{", "$\\pm$", "transfer on & warm & cold"]
    {
        assert!(latex.contains(part), "no {part} in {latex}");
    }
    assert_eq!(latex.matches("\\begin{tabular}").count(), latex.matches("\\end{tabular}").count());
    assert!(latex.lines().any(|line| line.starts_with("finetune & ") && line.contains(&shown)), "{latex}");
    let plain = |line: &&str| !line.is_empty() && !line.starts_with('%');
    let ends = |line: &str| line.ends_with("\\\\") || line.starts_with('\\');
    assert!(latex.lines().filter(plain).all(ends), "every other line ends a row: {latex}");
    bench.fails(&format!("{READ} --format latex --json"), 2, &["--json", "--format"]);
    bench.fails(&format!("{READ} --format html"), 2, &["html", "latex"]);
}

#[test]
fn csv_has_one_observation_a_line() {
    let bench = bench();
    let csv = bench.ok(&format!("{READ} --format csv"));
    assert!(csv.ends_with("\r\n") && csv.lines().count() > 100, "{csv}");
    let mut lines = csv.split_terminator("\r\n").map(|line| line.split(',').collect::<Vec<_>>());
    assert_eq!(lines.next().unwrap(), ["scenario", "method", "seed", "protocol", "measure", "task", "value", "source"]);
    let lines: Vec<Vec<&str>> = lines.collect();
    assert!(lines.iter().all(|line| line.len() == 8), "{csv}");
    let of = |method: &str, measure: &str, task: &str| -> Vec<f64> {
        let same = |line: &&Vec<&str>| line[1] == method && line[3] != "task-agnostic" && line[4..6] == [measure, task];
        lines.iter().filter(same).map(|line| line[6].parse().unwrap()).collect()
    };
    let figures = &json(&bench, &format!("{READ} --json"))["methods"][0];
    let runs = figures["runs"].as_array().unwrap();
    let expected: Vec<f64> = runs.iter().map(|run| run["metrics"]["mtil_last"].as_f64().unwrap()).collect();
    assert_eq!(of("finetune", "mtil_last", ""), expected);
    assert_eq!(of("finetune", "mtil_last", "cold").len(), 4);
    assert_eq!(of("icarl", "stored_images", ""), [16.0; 4], "all training images fit into the memory");
    assert_eq!(of("zero-shot", "trained_parameters", ""), [0.0; 4]);
    assert_eq!(of("finetune", "seconds", "").len(), 4);
}

#[test]
fn a_run_records_what_it_cost() {
    let bench = bench();
    let result = |method: &str| -> Value {
        serde_json::from_str(&bench.read(format!("runs/small-{method}-0/result.json"))).unwrap()
    };
    let cost = |method: &str, key: &str| result(method)["cost"][key].as_f64().unwrap_or_default();
    // The logit scale alone is not trained.
    assert_eq!(cost("finetune", "stored-parameters"), cost("finetune", "trained-parameters") + 1.0);
    assert_eq!(cost("finetune", "stored-images"), 0.0);
    assert_eq!((cost("zero-shot", "trained-parameters"), cost("zero-shot", "steps")), (0.0, 0.0));
    assert_eq!(cost("zero-shot", "stored-parameters"), cost("finetune", "stored-parameters"));
    // Three steps and the one at rate zero, in two tasks.
    assert_eq!(cost("icarl", "steps"), 8.0);
    assert!(cost("icarl", "images-per-second") > 0.0 && result("icarl")["cost"]["gpu-seconds"].is_null());
    if cfg!(target_os = "linux") {
        assert!(cost("icarl", "cpu-seconds") > 0.0);
        let (peak, weights) = (cost("icarl", "peak-memory-bytes"), 4.0 * cost("icarl", "stored-parameters"));
        assert!(peak > weights && peak < 64.0 * 1024_f64.powi(3), "{peak} bytes, {weights} of them weights");
    }
}

#[test]
fn methods_are_tested_against_the_baseline_over_their_common_seeds() {
    let bench = bench();
    let tests = |arguments: &str| json(&bench, &format!("{arguments} --json"))["significance"].clone();
    let by_default = tests(READ);
    assert_eq!(by_default["baseline"], "finetune");
    let test = &by_default["tests"][1];
    assert_eq!((test["method"].as_str(), test["metric"].as_str()), (Some("zero-shot"), Some("transfer")));
    assert_eq!(test["seeds"].as_array().unwrap().len(), 4);
    let chosen = tests(&format!("{READ} --baseline zero-shot"));
    let other = &chosen["tests"][0];
    assert_eq!((chosen["baseline"].as_str(), other["method"].as_str()), (Some("zero-shot"), Some("finetune")));
    assert_eq!(test["difference"].as_f64().unwrap(), -other["difference"].as_f64().unwrap());

    let shown = bench.ok(READ);
    assert!(shown.contains("against finetune") && shown.contains("p (sign flips)"), "{shown}");
    let few = bench.ok("compare runs/small-finetune-0 runs/small-icarl-0 runs/small-icarl-1");
    assert!(few.contains("nothing can be said against finetune of icarl (1)"), "{few}");
    bench.fails(&format!("{READ} --baseline zscl"), 2, &["\"zscl\"", "finetune"]);
    bench.fails("compare runs/small-finetune-0 --baseline icalr", 2, &["\"icalr\""]);
}

#[test]
fn a_run_of_an_earlier_version_is_still_read() {
    let bench = Bench::new();
    bench.ok("run --method finetune --scenario small.toml --out a");
    bench.ok("run --method finetune --scenario small.toml --seed 1 --out b");
    let mut result: Value = serde_json::from_str(&bench.read("a/result.json")).unwrap();
    result.as_object_mut().unwrap().remove("cost");
    bench.write("a/result.json", &result.to_string());
    let mut environment: Value = serde_json::from_str(&bench.read("a/environment.json")).unwrap();
    environment.as_object_mut().unwrap().remove("needs");
    for task in environment["tasks"].as_array_mut().unwrap() {
        task.as_object_mut().unwrap().remove("prompts-sha256");
    }
    bench.write("a/environment.json", &environment.to_string());
    assert!(!bench.ok("compare a").contains("CPU s"), "no cost is known");
    let both = bench.ok("compare a b");
    assert!(both.contains("CPU s"), "{both}");
    let output = bench.clf("compare a b --strict");
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("prompts: "), "one of them is not recorded");
}
