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
    if !why.results.is_empty() {
        let what = if is_untouched(why) {
            "already the untouched model is scored differently: so weights, test data or evaluation"
        } else {
            "accuracies do not: so the evaluation, or what is done to the weights at the end of a task"
        };
        return format!("The {common} common steps agree to the last bit, but {what}{}.", listed(&causes, "; "));
    }
    if left != right {
        let longer = if left > right { "A" } else { "B" };
        let rest = "which is longer or has come further";
        return format!(
            "Identical for all {common} common steps; after them only {longer} goes on, {rest}{}.",
            listed(&causes, "; ")
        );
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
