//! One sentence on why two runs differ.

use super::{
    Change, Why,
    curves::{Curves, Parting},
    results::{FIRST, UNTOUCHED},
};

/// Keys that are named of every kind.
const NAMED: usize = 3;

/// The likely cause.
pub fn verdict(why: &Why) -> String {
    match &why.curves.parting {
        Some(parting) if parting.at.before == 0 => at_once(why, parting),
        Some(parting) => later(why, parting),
        None => together(why),
    }
}

/// All common steps are the same.
fn together(why: &Why) -> String {
    let Curves { left, right, common, .. } = why.curves;
    let causes = causes(why);
    let longer = if left > right { "A" } else { "B" };
    if common == 0 && left != right {
        return format!("Only {longer} was trained, so there are no steps to compare{}.", listed(&causes, "; "));
    }
    // Of runs of different lengths one may just not have come as far.
    if !why.results.is_empty() && (left == right || is_untouched(why)) {
        let what = if is_untouched(why) {
            "already the untouched model is scored differently: so weights, test data or evaluation"
        } else {
            "accuracies do not: so the evaluation, or what is done to the weights at the end of a task"
        };
        return format!("The {common} common steps agree to the last bit, but {what}{}.", listed(&causes, "; "));
    }
    if left != right || common < left {
        let rest = if common < left.min(right) {
            "then their tasks have other numbers of steps".to_owned()
        } else {
            format!("after them only {longer} goes on, which is longer or has come further")
        };
        return format!("Identical for all {common} common steps; {rest}{}.", listed(&causes, "; "));
    }
    let what = if common == 0 {
        "nothing was trained, and every accuracy agrees".to_owned()
    } else {
        format!("{} and every accuracy agree to the last bit", steps(common))
    };
    if causes.is_empty() {
        return format!("The runs are identical: {what}.");
    }
    format!("The outcome is identical: {what}; what differs had no influence: {}.", causes.join(", "))
}

/// The first step differs.
fn at_once(why: &Why, parting: &Parting) -> String {
    let only_gradient = parting.fields.iter().all(|field| field.name == "grad-norm");
    let begin = if only_gradient {
        "They part at task 0, step 0: the losses agree and the gradients do not"
    } else {
        "They part at task 0, step 0, before any update: so data, weights or configuration"
    };
    match sources(why) {
        Some(sources) => format!("{begin}. What differs: {sources}."),
        None => format!("{begin}; {}.", without_sources(why)),
    }
}

/// Some steps agree.
fn later(why: &Why, parting: &Parting) -> String {
    let at = parting.at;
    let fields: Vec<&str> = parting.fields.iter().map(|field| field.name.as_str()).collect();
    let begin = format!("Identical for {}; they part at task {}, step {}", steps(at.before), at.task, at.step);
    let hint = match () {
        () if fields.contains(&"lr") => ", where the learning rate differs",
        () if at.step == 0 => ", the first of a task: so its data, or what happens between tasks",
        () if fields == ["grad-norm"] => ", in the gradient alone: so a rule for gradients, or arithmetic",
        () => ", so an update, a later batch, or arithmetic",
    };
    match sources(why) {
        Some(sources) => format!("{begin}{hint}. What differs: {sources}."),
        None => format!("{begin}{hint}; {}.", without_sources(why)),
    }
}

fn steps(count: usize) -> String {
    if count == 1 { "1 step".to_owned() } else { format!("{count} steps") }
}

/// What may be the cause; nothing if configuration, data and weights agree.
fn sources(why: &Why) -> Option<String> {
    let is_same = [&why.configuration, &why.data, &why.weights].iter().all(|changes| changes.is_empty());
    (!is_same).then(|| causes(why).join(", "))
}

/// What is to be said where configuration, data and weights agree.
fn without_sources(why: &Why) -> String {
    let keys: Vec<&str> = why.environment.iter().map(|change| change.key.as_str()).collect();
    let has = |key: &str| keys.contains(&key);
    if has("device") || has("precision") {
        return "configuration, data and weights are the same: another device or precision".to_owned();
    }
    if has("program-sha256") || has("version") {
        return "configuration, data and weights are the same: another build of the program".to_owned();
    }
    if has("threads") {
        return "all that differs is the number of threads, which changes nothing on the CPU: a defect, or other processors"
            .to_owned();
    }
    "nothing that is recorded differs: images or captions were changed (they are not hashed), the processor is another one, or a \
     GPU adds up in another order"
        .to_owned()
}

/// What differs, by kind, with the first keys.
fn causes(why: &Why) -> Vec<String> {
    let kinds = [
        ("configuration", &why.configuration),
        ("data", &why.data),
        ("weights", &why.weights),
        ("environment", &why.environment),
    ];
    let named = kinds.into_iter().filter(|(_, changes)| !changes.is_empty());
    named.map(|(kind, changes)| format!("{kind} ({})", keys(changes))).collect()
}

fn keys(changes: &[Change]) -> String {
    let named: Vec<&str> = changes.iter().take(NAMED).map(|change| change.key.as_str()).collect();
    let more = changes.len() - named.len();
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{more}", named.join(", "))
}

fn listed(causes: &[String], before: &str) -> String {
    if causes.is_empty() { String::new() } else { format!("{before}what differs: {}", causes.join(", ")) }
}

/// Whether accuracies differ before anything was learned.
fn is_untouched(why: &Why) -> bool {
    why.results.iter().any(|change| change.key.starts_with(FIRST) && change.key.ends_with(UNTOUCHED))
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::why::{Field, Place, Side};

    /// Two runs of ten steps that part at `parting`, in `fields`.
    fn why(parting: Option<(usize, usize, usize)>, fields: &[&str]) -> Why {
        let side = || Side { folder: PathBuf::new(), title: String::new(), learned: 1, tasks: 1 };
        let field = |name: &&str| Field { name: (*name).to_owned(), left: Some(1.0), right: Some(2.0) };
        let parting = parting.map(|(task, step, before)| Parting {
            at: Place { task, step, before },
            fields: fields.iter().map(field).collect(),
        });
        Why {
            left: side(),
            right: side(),
            configuration: Vec::new(),
            data: Vec::new(),
            weights: Vec::new(),
            environment: Vec::new(),
            results: Vec::new(),
            curves: Curves { left: 10, right: 10, common: 10, parting, beyond: None, gaps: Vec::new() },
            files: Vec::new(),
            verdict: String::new(),
        }
    }

    fn change(key: &str) -> Vec<Change> {
        vec![Change { key: key.to_owned(), left: None, right: None, left_origin: None, right_origin: None }]
    }

    #[track_caller]
    fn says(why: &Why, parts: &[&str]) {
        let verdict = verdict(why);
        assert!(parts.iter().all(|part| verdict.contains(part)), "no {parts:?} in {verdict:?}");
    }

    #[test]
    fn without_a_parting_only_length_or_scores_can_differ() {
        says(&why(None, &[]), &["The runs are identical: 10 steps"]);
        let mut other = why(None, &[]);
        other.curves.right = 12;
        says(&other, &["Identical for all 10 common steps", "only B goes on"]);
        other.curves.common = 6;
        says(&other, &["all 6 common steps", "other numbers of steps"]);
        let mut other = why(None, &[]);
        other.results = change("first accuracy, on a after b");
        says(&other, &["common steps agree", "end of a task"]);
        other.results = change("first accuracy, on a after zero-shot");
        says(&other, &["already the untouched model"]);
    }

    #[test]
    fn at_the_first_step_the_cause_was_there_before() {
        let mut first = why(Some((0, 0, 0)), &["loss", "grad-norm"]);
        says(&first, &["before any update", "nothing that is recorded differs"]);
        first.environment = change("device");
        says(&first, &["configuration, data and weights are the same: another device"]);
        first.data = change("tasks.0.train-images");
        says(&first, &["What differs: data (tasks.0.train-images), environment (device)."]);
        says(&why(Some((0, 0, 0)), &["grad-norm"]), &["the losses agree and the gradients do not"]);
    }

    #[test]
    fn later_the_place_and_the_numbers_tell_more() {
        says(&why(Some((1, 0, 5)), &["loss"]), &["Identical for 5 steps", "task 1, step 0, the first of a task"]);
        says(&why(Some((0, 5, 5)), &["loss", "lr"]), &["the learning rate differs"]);
        let mut threads = why(Some((0, 5, 5)), &["grad-norm"]);
        threads.environment = change("threads");
        says(&threads, &["in the gradient alone", "number of threads"]);
    }
}
