use std::ops::Range;

use clf_core::{
    Error, Scenario,
    data::{BatchOrder, Split},
    task::{Reference, Task},
};

use crate::{
    description::TaskDescription,
    limits::Shots,
    open::{Location, check_templates, prompts},
};

/// Multi-domain task-incremental learning (Zheng et al. 2023, section 4.1): one dataset a task, all test sets scored
/// after every task, each over its own classes; beside that over the classes of all tasks (X-TAIL, Xu et al. 2024).
pub struct Mtil {
    name: String,
    tasks: Vec<Task>,
    reference: Option<Reference>,
}

impl Mtil {
    pub(crate) fn open(
        name: String,
        tasks: &[TaskDescription],
        shots: Option<Shots>,
        reference: Option<Reference>,
        location: &Location,
    ) -> Result<Self, Error> {
        if tasks.is_empty() {
            return Err(Error::config(format!("scenario {name}"), "there are no tasks"));
        }
        let mut tasks = tasks.iter().map(|task| open_task(task, location)).collect::<Result<Vec<_>, _>>()?;
        for (id, task) in tasks.iter_mut().enumerate() {
            if let Some(shots) = shots {
                shots.apply(id, task);
            }
            location.limits.apply(task);
        }
        for (i, task) in tasks.iter().enumerate() {
            if tasks[..i].iter().any(|earlier| earlier.name == task.name) {
                let reason = format!("two tasks are called {:?}; give one of them another name", task.name);
                return Err(Error::config(format!("scenario {name}"), reason));
            }
        }
        Ok(Self { name, tasks, reference })
    }
}

fn open_task(description: &TaskDescription, location: &Location) -> Result<Task, Error> {
    let dataset = location.open(&description.dataset)?;
    let info = dataset.info();
    let templates = description.templates.as_ref().unwrap_or(&info.templates);
    check_templates(&format!("dataset {}", info.name), templates)?;
    let (train, test) = (dataset.split(Split::Train)?, dataset.split(Split::Test)?);
    let eval_prompts = prompts(templates, &info.class_names);
    Ok(Task {
        name: description.name.clone().unwrap_or_else(|| info.name.clone()),
        class_names: info.class_names.clone(),
        train_prompts: eval_prompts.iter().map(|templates| templates[0].clone()).collect(),
        eval_prompts,
        train,
        test,
        order: BatchOrder::Shuffled,
        reference_order: BatchOrder::Shuffled,
        split_family: info.split_family.clone(),
        augment_once: false,
        settings: description.settings(),
    })
}

impl Scenario for Mtil {
    fn name(&self) -> &str {
        &self.name
    }

    fn procedure(&self) -> &'static str {
        "mtil"
    }

    fn tasks(&self) -> &[Task] {
        &self.tasks
    }

    fn reference(&self) -> Option<&Reference> {
        self.reference.as_ref()
    }

    fn candidates(&self, _learned: usize, task: usize) -> Option<Range<usize>> {
        Some(task..task + 1)
    }

    fn other_candidates(&self, _learned: usize, _task: usize) -> Option<Range<usize>> {
        Some(0..self.tasks.len())
    }
}
