//! Runs a recorded trajectory through the engine, with the registered methods and hooks.

use std::{ops::Range, sync::Arc};

use clf as _;
use clf_clip::{Clip, StateDict, Weights};
use clf_core::{
    Error, Scenario, ScenarioHead,
    config::{Config, UserLayer},
    data::BatchOrder,
    engine::{EvalSettings, EvalTransform, Evaluator, Event, Observer, Run, StepRecord},
    registry::{self, MethodEntry},
    task::{Prompt, Reference, Task, TaskSettings},
};
use serde_json::Value;

use super::folder::{Golden, Pool, device};

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
    /// The task that is recorded.
    task: usize,
}

impl Observer for Recorder<'_> {
    fn on_event(&mut self, event: &Event<'_>) -> Result<(), Error> {
        let host = |weights: &Weights| Some(weights.to_state_dict(&self.golden.config()));
        match event {
            // The recorded task is the last one, so its gradients stay.
            Event::Gradients { step: 0, gradients } => self.replayed.gradients = host(gradients),
            Event::Step(record) if record.task == self.task => self.replayed.steps.push((*record).clone()),
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

fn head(scenario: &Recorded, settings: &str) -> ScenarioHead {
    ScenarioHead {
        name: "golden".into(),
        procedure: scenario.procedure.into(),
        settings: settings.parse().unwrap(),
        ..ScenarioHead::default()
    }
}

fn text<'a>(settings: &'a Value, key: &str) -> &'a str {
    settings[key].as_str().unwrap()
}

fn scenario(golden: &Golden, settings: &Value) -> Recorded {
    let (first, second) = (golden.prompts("class_tokens"), golden.prompts("class_tokens_t1"));
    let train = golden.pool("train_images_u8", Some("train_labels"));
    let recorded = Task {
        name: "recorded".into(),
        class_names: (0..first.len()).map(|i| i.to_string()).collect(),
        eval_prompts: first.iter().cloned().zip(second).map(|(a, b)| vec![a, b]).collect(),
        train_prompts: first,
        train: train.clone(),
        test: train,
        order: golden.batches(text(settings, "train_index")),
        reference_order: golden.batches(text(settings, "ref_index")),
        split_family: String::new(),
        augment_once: false,
        settings: TaskSettings::default(),
    };
    // What the memory of iCaRL was filled from: two tasks that left the weights as they were.
    let before = |name: &str, pool: Arc<Pool>| Task {
        name: name.into(),
        train: pool.clone(),
        test: pool,
        order: BatchOrder::Stored,
        settings: TaskSettings { lr: Some(0.0), steps: Some(1), epochs: None },
        ..recorded.clone()
    };
    let mut tasks = vec![recorded.clone()];
    if text(settings, "method") == "icarl" {
        let (a, b) =
            (golden.pool("train_images_u8", Some("train_labels")), golden.unlabelled("ref_images_u8", usize::MAX));
        tasks = vec![before("A", a), before("B", b), recorded];
    }
    Recorded {
        procedure: if text(settings, "scenario") == "cil" { "class-incremental" } else { "mtil" },
        tasks,
        reference: Reference {
            name: "recorded".into(),
            images: Some(golden.pool(text(settings, "ref_pool"), None)),
            class_prompts: Vec::new(),
            texts: golden.prompts(text(settings, "ref_texts")),
            order: golden.batches(text(settings, "ref_index")),
        },
        scored: false,
    }
}

/// The registered method that a trajectory is one of.
fn method_of(name: &str, settings: &Value) -> &'static str {
    match name {
        _ if text(settings, "method") == "icarl" => "icarl",
        "zscl_noflags" => "finetune",
        _ if name.starts_with("lwf_vr") => "lwf-vr",
        _ if name.starts_with("lwf") || name.starts_with("cil_lwf") => "lwf",
        _ if text(settings, "method") == "ZSCL" => "zscl",
        _ if !settings["wise_merge"].is_null() => "wise-ft",
        _ if !settings["we_wise"].is_null() => "we-wise",
        _ if !settings["moving_avg"].is_null() => "ema",
        _ if settings["we"] == true => "we",
        _ if settings["l2"].as_f64() > Some(0.0) => "wc",
        _ => "finetune",
    }
}

/// Hooks and settings of a trajectory; what is not set here is the method's own default.
fn recipe(golden: &Golden, method: &str, settings: &Value) -> String {
    let flag = |key: &str| settings[key].as_bool().unwrap();
    let number = |key: &str| settings[key].as_f64().unwrap();
    let mut hooks = Vec::new();
    let mut tables = String::new();
    let mut hook = |name: &'static str, settings: String| {
        hooks.push(name);
        tables += &format!("[hook.{name}]\n{settings}\n");
    };
    if method == "icarl" {
        hook("exemplars", format!("size = {}", memory_size(golden)));
    }
    if ["image_loss", "text_loss", "feature_mse", "ablation_loss_2"].iter().any(|term| flag(term)) {
        let factor = if flag("weight_adjust") { 0.5 } else { 1.0 };
        let mut distill = format!(
            "image = {}\ntext = {}\nimage-image = {}\nfeature-mse = {}\nweight = {:?}\ntemperature = {:?}\n",
            flag("image_loss"),
            flag("text_loss"),
            flag("ablation_loss_2"),
            flag("feature_mse"),
            number("dist_weight") * factor,
            number("T")
        );
        if let Some(alpha) = settings["ref_wise"].as_f64() {
            distill += &format!("teacher = 'wise'\nteacher-alpha = {alpha:?}\n");
        }
        if method.starts_with("lwf") && settings["teacher"] != settings["start"] && settings["alias_teacher"] != true {
            distill += "teacher = 'zero-shot'\n";
        }
        if method == "lwf-vr" {
            // The recorded random texts stand in for those of our own generator.
            distill += "texts = 'reference'\n";
        }
        hook("distill", distill);
    }
    if number("l2") > 0.0 {
        hook("l2", format!("weight = {:?}", number("l2")));
    }
    if flag("we") || !settings["we_wise"].is_null() {
        let alpha = settings["we_wise"].as_f64().unwrap_or(1.0);
        hook("weight-ensemble", format!("every = {}\nalpha = {alpha:?}", settings["avg_freq"]));
    }
    if let Some(mode) = settings["moving_avg"].as_str() {
        let mode = match mode {
            "n" => "task-start",
            "t" => "previous",
            _ => "zero-shot",
        };
        let decay = number("mv_avg_decay");
        hook("ema", format!("mode = '{mode}'\ndecay = {decay:?}\nevery = {}", settings["avg_freq"]));
    }
    if let Some(with) = settings["wise_merge"].as_str() {
        let with = if with == "n" { "task-start" } else { "zero-shot" };
        hook("wise", format!("alpha = {:?}\nwith = '{with}'", number("wise_ft_alpha")));
    }
    let mode = match text(settings, "train_mode") {
        "text_orig" => "text",
        mode => mode,
    };
    format!(
        "hooks = {hooks:?}\ncompat = '{}'\n{tables}[method]\nlabel-smoothing = {:?}\ntrain-mode = '{mode}'\n",
        compat(settings),
        number("ls"),
    )
}

/// Settings of training, which single tasks may replace.
fn training(golden: &Golden, settings: &Value) -> String {
    let number = |key: &str| settings[key].as_f64().unwrap();
    format!(
        "[train]\nlr = {:?}\nsteps = {}\nwarmup = {}\nweight-decay = {:?}\nbeta2 = {:?}\nbatch-size = {batch}\n\
         reference-batch-size = {batch}\naugment = 'none'\n",
        number("lr"),
        settings["iterations"],
        settings["warmup"],
        number("wd"),
        number("beta2"),
        batch = golden.manifest["batch"],
    )
}

/// Exemplars in the memory of the recorded iCaRL runs.
fn memory_size(golden: &Golden) -> u64 {
    let second = &golden.manifest["icarl"]["B"];
    second["m_as_coded"].as_u64().unwrap() + second["keep_old"].as_u64().unwrap()
}

/// Which trajectories repeat mistakes of the published code.
fn compat(settings: &Value) -> &'static str {
    let published =
        settings["alias_teacher"] == true || settings["train_mode"] == "text_orig" || settings["method"] == "icarl";
    if published { "reference" } else { "paper" }
}

pub fn replay(golden: &Golden, name: &str, extra: &str) -> Replayed {
    let settings = golden.settings(name);
    let scenario = scenario(golden, settings);
    let method = method_of(name, settings);
    let toml = recipe(golden, method, settings);
    let method = registry::find::<MethodEntry>(method).unwrap();
    let layers = [toml.as_str(), extra].map(|text| UserLayer {
        origin: "manifest".into(),
        table: text.parse().unwrap(),
        chosen: true,
    });
    let config = Config::resolve(method, &head(&scenario, &training(golden, settings)), layers.into(), &[]).unwrap();

    let (shape, device) = (golden.config(), device());
    let model = |name: &str| Clip::from_state_dict(&golden.weights(name), &shape, &device).unwrap();
    let mut recorder = Recorder { golden, replayed: Replayed::default(), task: scenario.tasks.len() - 1 };
    // The teacher of LwF is the start of the task, which the method takes itself.
    let own_teacher = method.name.starts_with("lwf") && settings["teacher"] == settings["start"];
    let untouched = if own_teacher { "init" } else { text(settings, "teacher") };
    let mut run = Run::new(method, &scenario, &config, model(untouched)).unwrap();
    run.observers = vec![&mut recorder];
    run.execute(Weights::of(&model(text(settings, "start")))).unwrap();
    let mut replayed = recorder.replayed;
    if golden.manifest["methods"][name]["saved_is_student"] == true {
        // What is done to the weights at the end of a task is recorded as done to the student.
        replayed.student = replayed.saved.clone();
    }
    replayed
}

/// The memory after three tasks that leave the weights as they are, against the recorded picks, in both selections.
pub fn check_exemplars(golden: &Golden) {
    let mut settings = golden.settings("icarl").clone();
    settings["lr"] = 0.0.into();
    settings["iterations"] = 5.into();
    let mut scenario = scenario(golden, &settings);
    let pool = golden.unlabelled("eval_images_u8", 30);
    (scenario.tasks[2].train, scenario.tasks[2].test) = (pool.clone(), pool);
    scenario.tasks[2].order = BatchOrder::Stored;
    let entry = registry::find::<MethodEntry>("icarl").unwrap();
    for (selection, picks) in [("herding", "picks_intended_quota"), ("published", "picks_as_coded")] {
        let toml = recipe(golden, "icarl", &settings)
            .replace("[hook.exemplars]", &format!("[hook.exemplars]\nselection = '{selection}'"));
        let layer = UserLayer { origin: "manifest".into(), table: toml.parse().unwrap(), chosen: true };
        let config = Config::resolve(entry, &head(&scenario, &training(golden, &settings)), vec![layer], &[]).unwrap();
        let model = |name: &str| Clip::from_state_dict(&golden.weights(name), &golden.config(), &device()).unwrap();
        let mut run = Run::new(entry, &scenario, &config, model("init")).unwrap();
        run.keep_states = true;
        let states = run.execute(Weights::of(&model("prev"))).unwrap().states;
        let pools: Vec<(usize, Vec<usize>)> = states["hook.exemplars"].value("pools").unwrap();
        let recorded = |task: &str| -> Vec<usize> {
            serde_json::from_value(golden.manifest["icarl"][task][picks].clone()).unwrap()
        };
        let keep = golden.manifest["icarl"]["C"]["keep_old"].as_u64().unwrap() as usize;
        assert_eq!(pools[1].1, recorded("B")[..keep], "{selection}");
        assert_eq!(pools[2].1, recorded("C"), "{selection}");
        if selection == "published" {
            assert_eq!(pools[0].1, (0..keep).collect::<Vec<_>>());
        }
    }
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
            reference_order: BatchOrder::Stored,
            split_family: String::new(),
            augment_once: false,
            settings: TaskSettings::default(),
        }],
        reference: Reference {
            name: "none".into(),
            images: None,
            class_prompts: Vec::new(),
            texts: Vec::new(),
            order: BatchOrder::Stored,
        },
        scored: true,
    };
    let entry = registry::find::<MethodEntry>("zero-shot").unwrap();
    let config = Config::resolve(entry, &head(&scenario, ""), Vec::new(), &[]).unwrap();
    let method = config.build_method(entry).unwrap();
    for weights in ["init", "prev"] {
        let model = Clip::from_state_dict(&golden.weights(weights), &golden.config(), &device()).unwrap();
        let expected = golden.manifest["evaluation"][format!("{weights}.f64")]["top1_pct"].as_f64().unwrap();
        for batch_size in [1, 50, 256] {
            let settings = EvalSettings { batch_size, transform: EvalTransform::Test };
            let evaluator = Evaluator { scenario: &scenario, settings: &settings, method: &*method, seed: 0 };
            let row = evaluator.row(&model, 0, |_| Ok(())).unwrap();
            assert_eq!(row.predictions[0].accuracy(), expected, "{weights}, batches of {batch_size}");
        }
    }
}
