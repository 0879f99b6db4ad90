//! Runs a recorded trajectory through the engine, with the registered methods and hooks.

use std::{ops::Range, sync::Arc};

use clf as _;
use clf_clip::{Clip, StateDict, Weights, burn::tensor::Device};
use clf_core::{
    Error, Scenario, ScenarioHead,
    config::{Config, UserLayer},
    data::BatchOrder,
    engine::{EvalSettings, Evaluator, Event, Observer, Run, StepRecord},
    registry::{self, MethodEntry},
    task::{Prompt, Reference, Task, TaskSettings},
};
use serde_json::Value;

use super::folder::{Golden, Pool};

/// What the engine did.
#[derive(Default)]
pub struct Replayed {
    pub steps: Vec<StepRecord>,
    pub gradients: Option<StateDict>,
    pub student: Option<StateDict>,
    pub saved: Option<StateDict>,
}

struct Recorder<'a> {
    golden: &'a Golden,
    replayed: Replayed,
}

impl Observer for Recorder<'_> {
    fn on_event(&mut self, event: &Event<'_>) -> Result<(), Error> {
        let host = |weights: &Weights| Some(weights.to_state_dict(&self.golden.config()));
        match event {
            Event::Gradients { step: 0, gradients } => self.replayed.gradients = host(gradients),
            Event::Step(record) => self.replayed.steps.push((*record).clone()),
            Event::TaskFinished { student, weights, .. } => {
                self.replayed.student = host(student);
                self.replayed.saved = host(weights);
            }
            _ => {}
        }
        Ok(())
    }
}

/// The one task of a trajectory.
struct Recorded {
    procedure: &'static str,
    tasks: Vec<Task>,
    reference: Reference,
    scored: bool,
}

impl Scenario for Recorded {
    fn name(&self) -> &'static str {
        "golden"
    }

    fn procedure(&self) -> &str {
        self.procedure
    }

    fn tasks(&self) -> &[Task] {
        &self.tasks
    }

    fn reference(&self) -> Option<&Reference> {
        Some(&self.reference)
    }

    fn candidates(&self, _learned: usize, _task: usize) -> Option<Range<usize>> {
        self.scored.then_some(0..1)
    }
}

fn head(scenario: &Recorded) -> ScenarioHead {
    ScenarioHead { name: "golden".into(), procedure: scenario.procedure.into(), ..ScenarioHead::default() }
}

fn text<'a>(settings: &'a Value, key: &str) -> &'a str {
    settings[key].as_str().unwrap()
}

fn scenario(golden: &Golden, settings: &Value) -> Recorded {
    let classes = golden.prompts("class_tokens");
    let train = golden.pool("train_images_u8", Some("train_labels"));
    Recorded {
        procedure: if text(settings, "scenario") == "cil" { "class-incremental" } else { "mtil" },
        tasks: vec![Task {
            name: "recorded".into(),
            class_names: (0..classes.len()).map(|i| i.to_string()).collect(),
            eval_prompts: classes.iter().map(|prompt| vec![prompt.clone()]).collect(),
            train_prompts: classes,
            train: train.clone(),
            test: train,
            order: golden.batches(text(settings, "train_index")),
            settings: TaskSettings::default(),
        }],
        reference: Reference {
            name: "recorded".into(),
            images: Some(golden.pool(text(settings, "ref_pool"), None)),
            texts: golden.prompts(text(settings, "ref_texts")),
            order: golden.batches(text(settings, "ref_index")),
        },
        scored: false,
    }
}

/// Command-line method and settings of a trajectory.
fn recipe(golden: &Golden, settings: &Value) -> (&'static str, String) {
    for (key, idle) in [
        ("ref_wise", Value::Null),
        ("feature_mse", false.into()),
        ("ablation_loss_2", false.into()),
        ("we_wise", Value::Null),
        ("moving_avg", Value::Null),
        ("wise_merge", Value::Null),
        ("train_mode", "whole".into()),
        ("alias_teacher", false.into()),
    ] {
        assert_eq!(settings[key], idle, "setting {key} is not supported by this replay");
    }
    let flag = |key: &str| settings[key].as_bool().unwrap();
    let number = |key: &str| settings[key].as_f64().unwrap();
    let distil = text(settings, "method") == "ZSCL" && (flag("image_loss") || flag("text_loss"));
    let mut hooks = Vec::new();
    let mut toml = String::new();
    if distil {
        hooks.push("distill");
        let factor = if flag("weight_adjust") { 0.5 } else { 1.0 };
        toml += &format!(
            "[hook.distill]\nimage = {}\ntext = {}\nweight = {:?}\ntemperature = {:?}\n",
            flag("image_loss"),
            flag("text_loss"),
            number("dist_weight") * factor,
            number("T")
        );
    }
    if number("l2") > 0.0 {
        hooks.push("l2");
        toml += &format!("[hook.l2]\nweight = {:?}\n", number("l2"));
    }
    if flag("we") {
        hooks.push("weight-ensemble");
        toml += &format!("[hook.weight-ensemble]\nevery = {}\n", settings["avg_freq"]);
    }
    toml += &format!("[method]\nlabel-smoothing = {:?}\n", number("ls"));
    toml += &format!(
        "[train]\nlr = {:?}\nsteps = {}\nwarmup = {}\nweight-decay = {:?}\nbeta2 = {:?}\nbatch-size = {batch}\n\
         reference-batch-size = {batch}\naugment = 'none'\n",
        number("lr"),
        settings["iterations"],
        settings["warmup"],
        number("wd"),
        number("beta2"),
        batch = golden.manifest["batch"],
    );
    (if distil { "zscl" } else { "finetune" }, format!("hooks = {hooks:?}\n{toml}"))
}

pub fn replay(golden: &Golden, name: &str) -> Replayed {
    let settings = golden.settings(name);
    let scenario = scenario(golden, settings);
    let (method, toml) = recipe(golden, settings);
    let method = registry::find::<MethodEntry>(method).unwrap();
    let layer = UserLayer { origin: "manifest".into(), table: toml.parse().unwrap() };
    let config = Config::resolve(method, &head(&scenario), vec![layer], &[]).unwrap();

    let (shape, device) = (golden.config(), Device::flex());
    let model = |name: &str| Clip::from_state_dict(&golden.weights(name), &shape, &device).unwrap();
    let mut recorder = Recorder { golden, replayed: Replayed::default() };
    let mut run = Run::new(method, &scenario, &config, model(text(settings, "teacher"))).unwrap();
    run.observers = vec![&mut recorder];
    run.execute(Weights::of(&model(text(settings, "start")))).unwrap();
    recorder.replayed
}

/// Scores the recorded evaluation set with all templates, as recorded in the manifest.
pub fn check_evaluation(golden: &Golden) {
    let eval: Arc<Pool> = golden.pool("eval_images_u8", Some("eval_labels"));
    let shape = &golden.data["eval_tokens"].shape;
    let prompts: Vec<Vec<Prompt>> = golden.prompts("eval_tokens").chunks(shape[1]).map(<[_]>::to_vec).collect();
    let scenario = Recorded {
        procedure: "mtil",
        tasks: vec![Task {
            name: "recorded".into(),
            class_names: (0..prompts.len()).map(|i| i.to_string()).collect(),
            train_prompts: prompts.iter().map(|templates| templates[0].clone()).collect(),
            eval_prompts: prompts,
            train: eval.clone(),
            test: eval,
            order: BatchOrder::Stored,
            settings: TaskSettings::default(),
        }],
        reference: Reference { name: "none".into(), images: None, texts: Vec::new(), order: BatchOrder::Stored },
        scored: true,
    };
    let entry = registry::find::<MethodEntry>("zero-shot").unwrap();
    let config = Config::resolve(entry, &head(&scenario), Vec::new(), &[]).unwrap();
    let method = config.build_method(entry).unwrap();
    for weights in ["init", "prev"] {
        let model = Clip::from_state_dict(&golden.weights(weights), &golden.config(), &Device::flex()).unwrap();
        let expected = golden.manifest["evaluation"][format!("{weights}.f64")]["top1_pct"].as_f64().unwrap();
        for batch_size in [1, 50, 256] {
            let settings = EvalSettings { batch_size };
            let evaluator = Evaluator { scenario: &scenario, settings: &settings, method: &*method };
            let row = evaluator.row(&model, 0, |_| Ok(())).unwrap();
            assert_eq!(row.predictions[0].accuracy(), expected, "{weights}, batches of {batch_size}");
        }
    }
}
