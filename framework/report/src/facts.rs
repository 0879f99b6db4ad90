//! What a run was made with, one fact a thing that should be equal in a fair comparison.

use std::collections::BTreeSet;

use clf_core::{Protocol, store::TaskRecord};
use sha2::{Digest, Sha256};

use crate::{comparison::FinishedRun, tables::splits_line};

/// What is said of a hash: so many of its digits.
const DIGITS: usize = 8;
/// Settings that a method keeps a memory of images under, beside the hook `exemplars`.
const MEMORIES: [&str; 2] = ["method.memory", "method.memory-size"];

/// What one run has of a thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fact {
    /// For people.
    pub text: String,
    /// What must be equal; nothing where the thing does not apply to the run.
    pub key: Option<String>,
}

/// Things with their names, in the order of tables.
pub(crate) type Thing = (&'static str, fn(&FinishedRun) -> Fact);

/// All that is looked at.
pub(crate) const THINGS: [Thing; 22] = [
    ("model", model),
    ("activation", |run| setting(run, "activation")),
    ("start-weights", start),
    ("prompts", prompts),
    ("splits", |run| Fact::of(splits_line(&run.environment.tasks).trim_start_matches("splits: "))),
    ("training-images", |run| images(run, |task| task.train_images)),
    ("test-images", |run| images(run, |task| task.test_images)),
    ("task-id-at-test", task_id),
    ("test-transform", |run| setting(run, "eval.transform")),
    ("training", training),
    ("reference-data", reference),
    ("exemplars", exemplars),
    ("batch-size", |run| trained(run, |run| setting(run, "train.batch-size"))),
    ("reference-batch-size", reference_batch),
    ("length", |run| trained(run, length)),
    ("learning-rate", |run| trained(run, learning_rate)),
    ("augmentation", |run| trained(run, |run| setting(run, "train.augment"))),
    ("code", |run| setting(run, "compat")),
    ("precision", |run| setting(run, "precision")),
    ("device", |run| Fact::of(&run.environment.device)),
    ("seeds", |run| Fact::of(run.result.seed.to_string())),
    ("program", program),
];

impl Fact {
    fn of(text: impl Into<String>) -> Self {
        let text = text.into();
        Self { key: Some(text.clone()), text }
    }

    fn with_key(text: impl Into<String>, key: impl Into<String>) -> Self {
        Self { text: text.into(), key: Some(key.into()) }
    }

    pub fn does_not_apply() -> Self {
        Self { text: "-".to_owned(), key: None }
    }
}

fn setting(run: &FinishedRun, key: &str) -> Fact {
    run.settings.text(key).map_or_else(Fact::does_not_apply, Fact::of)
}

/// The fact of a method that trains; one that does not has no such thing.
fn trained(run: &FinishedRun, fact: fn(&FinishedRun) -> Fact) -> Fact {
    match run.environment.needs {
        Some(needs) if needs.fixed || needs.closed_form => Fact::does_not_apply(),
        _ => fact(run),
    }
}

fn short(hash: &str) -> &str {
    hash.get(..DIGITS).unwrap_or(hash)
}

fn model(run: &FinishedRun) -> Fact {
    let hash = &run.environment.weights_sha256;
    Fact::with_key(format!("{} {}", run.result.model, short(hash)), hash)
}

fn start(run: &FinishedRun) -> Fact {
    match &run.environment.start_sha256 {
        None => Fact::of("those of the model"),
        Some(hash) => {
            let file = run.environment.start.as_deref().and_then(|path| path.file_name()).unwrap_or_default();
            Fact::with_key(format!("{} {}", file.to_string_lossy(), short(hash)), hash)
        }
    }
}

/// Records of earlier versions have the class names and the prompts of the first class alone.
fn prompts(run: &FinishedRun) -> Fact {
    let tasks = &run.environment.tasks;
    let templates = range(tasks.iter().map(|task| task.prompts.len()));
    let text = |what: &str| format!("{templates} a class, {what}");
    let hashes: Vec<&str> = tasks.iter().map(|task| task.prompts_sha256.as_str()).collect();
    if hashes.iter().any(|hash| hash.is_empty()) {
        let known: Vec<_> = tasks.iter().map(|task| (&task.classes, &task.prompts)).collect();
        return Fact::with_key(text("not all recorded"), format!("{known:?}"));
    }
    let all = hex::encode(Sha256::digest(hashes.concat()));
    Fact::with_key(text(short(&all)), all)
}

fn images(run: &FinishedRun, count: fn(&TaskRecord) -> usize) -> Fact {
    let counts: Vec<usize> = run.environment.tasks.iter().map(count).collect();
    Fact::with_key(counts.iter().sum::<usize>().to_string(), format!("{counts:?}"))
}

fn task_id(run: &FinishedRun) -> Fact {
    match Protocol::of(&run.result.procedure).0 {
        Protocol::TaskAware => Fact::of("given"),
        Protocol::TaskAgnostic => Fact::of("withheld"),
    }
}

fn training(run: &FinishedRun) -> Fact {
    match run.environment.needs {
        Some(needs) if needs.fixed => Fact::does_not_apply(),
        Some(needs) if needs.joint => Fact::of("all tasks at once"),
        _ => Fact::of("task by task"),
    }
}

fn reference(run: &FinishedRun) -> Fact {
    let environment = &run.environment;
    let Some(name) = &environment.reference else { return Fact::of("none") };
    let part =
        |count: Option<usize>, what: &str| count.filter(|count| *count > 0).map(|count| format!("{count} {what}"));
    let parts = [part(environment.reference_images, "images"), part(environment.reference_texts, "texts")];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    if parts.is_empty() { Fact::of("none") } else { Fact::of(format!("{name}: {}", parts.join(", "))) }
}

/// Images in the memory of the method, as many as its settings allow.
fn memory(run: &FinishedRun) -> Option<String> {
    let has_hook = run.settings.text("hooks").is_some_and(|hooks| hooks.contains("\"exemplars\""));
    let of_hook = run.settings.text("hook.exemplars.size").filter(|_| has_hook);
    of_hook.or_else(|| MEMORIES.iter().find_map(|key| run.settings.text(key)))
}

fn exemplars(run: &FinishedRun) -> Fact {
    memory(run).map_or_else(|| Fact::of("none"), |size| Fact::of(format!("at most {size} images")))
}

fn reference_batch(run: &FinishedRun) -> Fact {
    let reads = run.environment.reference_images.is_some_and(|count| count > 0) || memory(run).is_some();
    if reads { trained(run, |run| setting(run, "train.reference-batch-size")) } else { Fact::does_not_apply() }
}

/// Epochs or steps of every task.
fn length(run: &FinishedRun) -> Fact {
    let number = |key: &str| run.settings.text(key).and_then(|text| text.parse().ok()).unwrap_or(0_usize);
    let (steps, epochs) = (number("train.steps"), number("train.epochs"));
    let of = |task: &TaskRecord| match (task.settings.epochs, task.settings.steps) {
        (Some(epochs), _) => (epochs, "epochs"),
        (None, Some(steps)) => (steps, "steps"),
        (None, None) if epochs > 0 => (epochs, "epochs"),
        (None, None) => (steps, "steps"),
    };
    let lengths: Vec<_> = run.environment.tasks.iter().map(of).collect();
    let units: BTreeSet<&str> = lengths.iter().map(|(_, unit)| *unit).collect();
    let of_unit = |unit: &str| range(lengths.iter().filter(|(_, other)| *other == unit).map(|(count, _)| count));
    let texts: Vec<String> = units.iter().map(|unit| format!("{unit} {}", of_unit(unit))).collect();
    Fact::with_key(texts.join(", "), format!("{lengths:?}"))
}

fn learning_rate(run: &FinishedRun) -> Fact {
    let Some(all) = run.settings.text("train.lr").and_then(|text| text.parse::<f64>().ok()) else {
        return Fact::does_not_apply();
    };
    let rates: Vec<f64> = run.environment.tasks.iter().map(|task| task.settings.lr.unwrap_or(all)).collect();
    let mut different = rates.clone();
    different.sort_by(f64::total_cmp);
    different.dedup();
    let texts: Vec<String> = different.iter().map(|rate| format!("{rate:e}")).collect();
    Fact::with_key(texts.join(", "), format!("{rates:?}"))
}

fn program(run: &FinishedRun) -> Fact {
    let hash = &run.environment.program_sha256;
    Fact::with_key(format!("{} {}", run.environment.version, short(hash)), hash)
}

/// The values from smallest to largest, or the one that there is.
fn range<T: Ord + Copy + ToString>(values: impl Iterator<Item = T> + Clone) -> String {
    match (values.clone().min(), values.max()) {
        (Some(least), Some(most)) if least == most => least.to_string(),
        (Some(least), Some(most)) => format!("{} to {}", least.to_string(), most.to_string()),
        _ => "0".to_owned(),
    }
}
