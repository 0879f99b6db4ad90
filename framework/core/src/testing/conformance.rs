use std::collections::BTreeMap;

use clf_clip::Weights;

use super::{
    Violation,
    world::{Phase, TASKS, World},
};
use crate::{
    config::{Config, UserLayer, parse_assignment},
    engine::{Event, Observer, Outcome, Predictions, Row, Run},
    error::Error,
    registry::{self, MethodEntry},
    scenario::ScenarioHead,
};

const PROCEDURES: [&str; 2] = ["mtil", "class-incremental"];
/// Training of the tiny world.
const SETTINGS: &str = "
[train]
lr = 1e-3
steps = 16
warmup = 2
batch-size = 8
reference-batch-size = 8
[eval]
batch-size = 5
[hook.weight-ensemble]
every = 3
[hook.ema]
every = 3
[hook.exemplars]
size = 12
";
/// The iteration after which the method is saved and loaded.
const INTERRUPTED_AFTER: usize = 7;
/// Steps at both ends of a task whose losses are compared.
const ENDS: usize = 4;

/// The suite for one method, with settings of its own if need be.
#[derive(Debug, Clone)]
pub struct Conformance {
    method: String,
    sets: Vec<String>,
}

/// Everything about a run that must repeat.
#[derive(Debug, Default, PartialEq)]
struct Record {
    /// Loss of every step, by task.
    losses: BTreeMap<usize, Vec<f64>>,
    /// Hash of the weights that every task leaves behind.
    weights: Vec<String>,
    rows: Vec<Row>,
    states: BTreeMap<String, crate::State>,
    gradients: Vec<String>,
}

struct Recorder<'a> {
    phase: &'a Phase,
    record: Record,
    config: clf_clip::ClipConfig,
}

impl Observer for Recorder<'_> {
    fn on_event(&mut self, event: &Event<'_>) -> Result<(), Error> {
        let names = |weights: &Weights| weights.iter().map(|(name, _)| name.to_string()).collect();
        match event {
            Event::Gradients { gradients, .. } => self.record.gradients = names(gradients),
            Event::TaskFinished { weights, .. } => {
                self.record.weights.push(weights.to_state_dict(&self.config).sha256());
            }
            Event::Step(step) => self.record.losses.entry(step.task).or_default().push(step.loss),
            Event::EvaluationStarted { .. } => self.phase.score(),
            Event::Evaluated(row) => {
                self.record.rows.push((*row).clone());
                // What is learned next.
                self.phase.learn(row.learned);
            }
            Event::TaskStarted { .. } | Event::Scored { .. } | Event::Untouched(_) | Event::Kept { .. } => {}
        }
        Ok(())
    }
}

/// How a run differs from the plain one.
#[derive(Debug, Clone, Copy, Default)]
struct Variation {
    procedure: &'static str,
    other_end: bool,
    reversed: bool,
    eval_batch: Option<usize>,
    interrupted: bool,
}

impl Conformance {
    /// The suite for the registered method `name`.
    pub fn of(name: &str) -> Self {
        Self { method: name.to_owned(), sets: Vec::new() }
    }

    /// Sets a configuration key as `--set` does, for methods whose defaults are too large for a tiny world.
    #[must_use]
    pub fn with(mut self, assignment: &str) -> Self {
        self.sets.push(assignment.to_owned());
        self
    }

    /// Runs all checks.
    ///
    /// # Errors
    ///
    /// The first check that the method does not pass.
    pub fn check(&self) -> Result<(), Violation> {
        let entry = registry::find::<MethodEntry>(&self.method).map_err(|error| failed("settings", &error))?;
        for procedure in PROCEDURES {
            let plain = Variation { procedure, ..Variation::default() };
            self.settings(entry, procedure)?;
            let record = self.run(entry, plain, "learning")?;
            learning(&record)?;
            self.scope(entry, plain, &record)?;
            self.same(entry, "state", Variation { interrupted: true, ..plain }, &record)?;
            for eval_batch in [Some(1), Some(64)] {
                self.same(entry, "scores", Variation { eval_batch, ..plain }, &record)?;
            }
            self.order(entry, plain, &record)?;
            self.access(entry, plain, &record)?;
        }
        Ok(())
    }

    fn config(&self, entry: &MethodEntry, variation: Variation) -> Result<Config, Error> {
        let settings = SETTINGS.parse().map_err(|error: toml::de::Error| Error::Defect(error.to_string()))?;
        let head = ScenarioHead {
            name: "tiny".into(),
            procedure: variation.procedure.into(),
            settings,
            ..ScenarioHead::default()
        };
        let batch = variation.eval_batch.map(|size| format!("eval.batch-size={size}"));
        let sets = self.sets.iter().chain(&batch).map(|set| parse_assignment(set));
        Config::resolve(entry, &head, sets.collect::<Result<Vec<UserLayer>, _>>()?, &[])
    }

    fn run(&self, entry: &MethodEntry, variation: Variation, check: &'static str) -> Result<Record, Violation> {
        self.try_run(entry, variation).map_err(|error| match &error {
            Error::Data(_) => failed("access", &error),
            _ => failed(check, &error),
        })
    }

    fn try_run(&self, entry: &MethodEntry, variation: Variation) -> Result<Record, Error> {
        let world = World::new(variation.procedure, variation.other_end, variation.reversed);
        let model = World::model()?;
        let config = self.config(entry, variation)?;
        let mut recorder = Recorder { phase: &world.phase, record: Record::default(), config: model.config().clone() };
        let mut run = Run::new(entry, &world, &config, model.clone())?;
        if run.capabilities().joint {
            // All tasks are learned at once, so none is a later one.
            world.phase.learn(TASKS);
        }
        run.observers = vec![&mut recorder];
        run.keep_states = true;
        run.rebuild_after = variation.interrupted.then_some(INTERRUPTED_AFTER);
        let Outcome { states, .. } = run.execute(Weights::of(&model))?;
        Ok(Record { states, ..recorder.record })
    }

    /// Defaults build the method and its hooks, and come back unchanged.
    fn settings(&self, entry: &MethodEntry, procedure: &'static str) -> Result<(), Violation> {
        let failed = |error: Error| failed("settings", &error);
        let config = self.config(entry, Variation { procedure, ..Variation::default() }).map_err(failed)?;
        let method = config.build_method(entry).map_err(failed)?;
        let same = |place: &str, given: Option<&toml::Value>, built: &dyn erased_serde::Serialize| {
            let given = given.cloned().unwrap_or(toml::Value::Table(toml::Table::new()));
            let (given, built) = (serde_json::to_value(given), serde_json::to_value(built));
            match (given, built) {
                (Ok(given), Ok(built)) if given == built => Ok(()),
                (given, built) => {
                    Err(violation("settings", format!("[{place}] is {given:?}, but the object says {built:?}")))
                }
            }
        };
        let table = config.table();
        same("method", table.get("method"), method.config())?;
        let hooks = config.hooks().map_err(failed)?;
        for (name, hook) in hooks.iter().zip(config.build_hooks().map_err(failed)?) {
            same(&format!("hook.{name}"), table.get("hook").and_then(|hooks| hooks.get(name)), hook.config())?;
        }
        Ok(())
    }

    fn scope(&self, entry: &MethodEntry, variation: Variation, record: &Record) -> Result<(), Violation> {
        let failed = |error: Error| failed("scope", &error);
        let config = self.config(entry, variation).map_err(failed)?;
        let trains = config.capabilities(entry).map_err(failed)?.trains;
        let model = World::model().map_err(|error| failed(error.into()))?;
        let start = Weights::of(&model);
        let outside = record.gradients.iter().find(|name| start.get(name).is_some() && !trains.includes(name));
        if let Some(name) = outside {
            return Err(violation("scope", format!("{name} gets a gradient, but the method trains {trains:?}")));
        }
        let world = World::new(variation.procedure, false, false);
        let mut run = Run::new(entry, &world, &config, model.clone()).map_err(failed)?;
        let mut open = AnyTime(&world.phase);
        run.observers = vec![&mut open];
        let end = run.execute(start.clone()).map_err(failed)?.weights;
        let bits = |weights: &Weights, name: &str| weights.get(name).map(|value| value.to_data());
        for (name, value) in start.iter().filter(|(name, _)| !trains.includes(name)) {
            if bits(&end, name) != Some(value.to_data()) {
                return Err(violation("scope", format!("{name} changed, but the method trains {trains:?}")));
            }
        }
        if Weights::of(&model).iter().any(|(name, value)| bits(&start, name) != Some(value.to_data())) {
            return Err(violation("scope", "the untouched model changed"));
        }
        Ok(())
    }

    /// A variation that must not change anything.
    fn same(
        &self,
        entry: &MethodEntry,
        check: &'static str,
        variation: Variation,
        record: &Record,
    ) -> Result<(), Violation> {
        let other = self.run(entry, variation, check)?;
        let parts = [
            ("losses", other.losses == record.losses),
            ("weights", other.weights == record.weights),
            ("predictions", other.rows == record.rows),
            ("states", other.states == record.states),
        ];
        match parts.iter().find(|(_, same)| !same) {
            Some((part, _)) => Err(violation(check, format!("the {part} are others under {variation:?}"))),
            None => Ok(()),
        }
    }

    fn order(&self, entry: &MethodEntry, plain: Variation, record: &Record) -> Result<(), Violation> {
        let mut other = self.run(entry, Variation { reversed: true, ..plain }, "scores")?;
        for predictions in other.rows.iter_mut().flat_map(|row| row.predictions.iter_mut().chain(&mut row.other)) {
            predictions.labels.reverse();
            predictions.predicted.reverse();
        }
        if other.rows == record.rows {
            return Ok(());
        }
        Err(violation("scores", "predictions depend on the order of the test images"))
    }

    fn access(&self, entry: &MethodEntry, plain: Variation, record: &Record) -> Result<(), Violation> {
        if self.config(entry, plain).and_then(|config| config.capabilities(entry)).is_ok_and(|all| all.joint) {
            return Ok(());
        }
        let other = self.run(entry, Variation { other_end: true, ..plain }, "access")?;
        let parts = [
            ("weights after", other.weights.get(..TASKS - 1) == record.weights.get(..TASKS - 1)),
            ("losses in", (0..TASKS - 1).all(|task| other.losses.get(&task) == record.losses.get(&task))),
            ("predictions on", predictions_before_the_last(&other) == predictions_before_the_last(record)),
        ];
        match parts.iter().find(|(_, same)| !same) {
            Some((part, _)) => Err(violation("access", format!("the {part} the first tasks depend on the last one"))),
            None => Ok(()),
        }
    }
}

/// Lets everything be read.
struct AnyTime<'a>(&'a Phase);

impl Observer for AnyTime<'_> {
    fn on_event(&mut self, _event: &Event<'_>) -> Result<(), Error> {
        self.0.score();
        Ok(())
    }
}

/// Predictions on the first tasks, among their own classes, while the last task is not learned yet.
fn predictions_before_the_last(record: &Record) -> Vec<&Predictions> {
    let rows = record.rows.iter().filter(|row| (1..TASKS).contains(&row.learned));
    rows.flat_map(|row| &row.predictions).filter(|set| set.task + 1 < TASKS).collect()
}

fn learning(record: &Record) -> Result<(), Violation> {
    let Some(losses) = record.losses.get(&0) else { return Ok(()) };
    let mean = |losses: &[f64]| losses.iter().sum::<f64>() / losses.len() as f64;
    let ends = ENDS.min(losses.len() / 2).max(1);
    let (first, last) = (mean(&losses[..ends]), mean(&losses[losses.len() - ends..]));
    // The engine itself stops at a loss that is not finite.
    if last < first || losses.len() == 1 {
        return Ok(());
    }
    Err(violation("learning", format!("the loss rises from {first} to {last} in the first task")))
}

fn violation(check: &'static str, what: impl Into<String>) -> Violation {
    Violation { check, what: what.into() }
}

fn failed(check: &'static str, error: &Error) -> Violation {
    violation(check, error.to_string())
}
