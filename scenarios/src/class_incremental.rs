use std::{collections::BTreeMap, ops::Range, sync::Arc};

use clf_core::{
    Error, Scenario,
    data::{BatchOrder, Samples, Split, Subset},
    task::{Reference, Task, TaskSettings},
};

use crate::{
    description::Increments,
    open::{Location, check_templates, prompts},
};

/// Class-incremental learning: the classes of one dataset arrive in increments.
///
/// Training sees the classes of the current task only. After each task the test images of all tasks so far are scored
/// over all classes so far; the untouched model is scored on every task over all classes.
pub struct ClassIncremental {
    name: String,
    tasks: Vec<Task>,
    reference: Option<Reference>,
}

impl ClassIncremental {
    pub(crate) fn open(
        name: String,
        description: &Increments,
        reference: Option<Reference>,
        location: &Location,
    ) -> Result<Self, Error> {
        let Increments { dataset, initial, increment, class_order, templates, rename } = description;
        let place = format!("scenario {name}");
        let dataset = location.open(dataset)?;
        let names = renamed(&place, &dataset.info().class_names, rename)?;
        let order = class_order.clone().unwrap_or_else(|| (0..names.len()).collect());
        check_order(&place, &order, names.len())?;
        let templates = templates.as_ref().unwrap_or(&dataset.info().templates);
        check_templates(&place, templates)?;
        let (train, test) = (dataset.split(Split::Train)?, dataset.split(Split::Test)?);
        let task = |classes: &[usize], task_id: usize| {
            let class_names: Vec<String> = classes.iter().map(|class| names[*class].clone()).collect();
            let eval_prompts = prompts(templates, &class_names);
            Task {
                name: format!("{:02}", task_id + 1),
                class_names,
                train_prompts: eval_prompts.iter().map(|templates| templates[0].clone()).collect(),
                eval_prompts,
                train: Arc::new(Subset::of_classes(train.clone(), classes)) as Arc<dyn Samples>,
                test: Arc::new(Subset::of_classes(test.clone(), classes)),
                order: BatchOrder::Shuffled,
                reference_order: BatchOrder::Shuffled,
                split_family: dataset.info().split_family.clone(),
                augment_once: false,
                settings: TaskSettings::default(),
            }
        };
        let increments = increments(&place, order.len(), *initial, *increment)?;
        let mut tasks: Vec<Task> =
            increments.into_iter().enumerate().map(|(id, range)| task(&order[range], id)).collect();
        for task in &mut tasks {
            location.limits.apply(task);
        }
        Ok(Self { name, tasks, reference })
    }
}

/// Ranges of positions in the class order, one a task.
fn increments(place: &str, classes: usize, initial: usize, increment: usize) -> Result<Vec<Range<usize>>, Error> {
    let fits = initial > 0 && initial <= classes && (initial == classes || increment > 0);
    if !fits || !(classes - initial).is_multiple_of(increment.max(1)) {
        let reason = format!("{classes} classes cannot be cut into {initial} and then increments of {increment}");
        return Err(Error::config(place, reason));
    }
    let later = (initial..classes).step_by(increment.max(1)).map(|start| start..start + increment);
    Ok(std::iter::once(0..initial).chain(later).collect())
}

fn renamed(place: &str, names: &[String], rename: &BTreeMap<String, String>) -> Result<Vec<String>, Error> {
    if let Some(unknown) = rename.keys().find(|old| !names.contains(old)) {
        return Err(Error::config(place, format!("rename: the dataset has no class {unknown:?}")));
    }
    Ok(names.iter().map(|name| rename.get(name).unwrap_or(name).clone()).collect())
}

fn check_order(place: &str, order: &[usize], classes: usize) -> Result<(), Error> {
    let mut sorted = order.to_vec();
    sorted.sort_unstable();
    if sorted.iter().copied().eq(0..classes) {
        return Ok(());
    }
    let reason =
        format!("class-order must hold each of the {classes} labels 0..{classes} once, it has {}", order.len());
    Err(Error::config(place, reason))
}

impl Scenario for ClassIncremental {
    fn name(&self) -> &str {
        &self.name
    }

    fn procedure(&self) -> &'static str {
        "class-incremental"
    }

    fn tasks(&self) -> &[Task] {
        &self.tasks
    }

    fn reference(&self) -> Option<&Reference> {
        self.reference.as_ref()
    }

    fn candidates(&self, learned: usize, task: usize) -> Option<Range<usize>> {
        match learned {
            0 => Some(0..self.tasks.len()),
            _ => (task < learned).then_some(0..learned),
        }
    }

    fn other_candidates(&self, learned: usize, task: usize) -> Option<Range<usize>> {
        self.candidates(learned, task).map(|_| task..task + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_cut_into_increments() {
        assert_eq!(increments("x", 10, 4, 3).unwrap(), [0..4, 4..7, 7..10]);
        assert_eq!(increments("x", 4, 4, 0).unwrap().len(), 1);
        for (classes, initial, increment) in [(10, 4, 4), (10, 0, 5), (10, 11, 1), (10, 5, 0)] {
            assert!(increments("x", classes, initial, increment).is_err(), "{classes} {initial} {increment}");
        }
    }

    #[test]
    fn an_order_must_be_a_permutation() {
        assert!(check_order("x", &[2, 0, 1], 3).is_ok());
        assert!(check_order("x", &[2, 0, 0], 3).is_err());
        assert!(check_order("x", &[0, 1], 3).is_err());
    }
}
