use std::fs;

use clf_clip::{
    Activation, ClipConfig, HostTensor, StateDict, random_weights,
    state_dict::{Layout, to_layout},
};

use super::bench::{Bench, text};

const RUN: &str = "run --method zscl --scenario small.toml --out run";

#[test]
fn an_unknown_name_gets_the_nearest_one() {
    let bench = Bench::new();
    bench.fails("run --method zslc --scenario small.toml", 2, &["unknown method \"zslc\"", "did you mean \"zscl\"?"]);
    bench.fails("run --method zscl --scenario mtil-mni", 2, &["unknown scenario", "did you mean \"mtil-mini\"?"]);
    bench.fails(&format!("{RUN} --hook l3"), 2, &["unknown hook", "known are"]);
    bench.fails(&format!("{RUN} --model ViT-B-61"), 2, &["unknown model", "ViT-B-16"]);
    bench.fails(&format!("{RUN} --device gpu"), 2, &["unknown device"]);
    bench.fails("show method finetun", 2, &["did you mean \"finetune\"?"]);
}

#[test]
fn an_unknown_key_gets_the_nearest_one_wherever_it_is_set() {
    let bench = Bench::new();
    bench.fails(&format!("{RUN} --set train.batchsize=8"), 2, &["train.batchsize", "train.batch-size"]);
    bench.write("own.toml", "[train]\nwarmupp = 3\n");
    bench.fails(&format!("{RUN} --config own.toml"), 2, &["train.warmupp", "train.warmup"]);
    bench.write("bad.toml", &bench.read("small.toml").replace("steps", "stebs"));
    bench.fails("run --method zscl --scenario bad.toml", 2, &["train.stebs", "train.steps"]);
    bench.write("worse.toml", &bench.read("small.toml").replace("tasks =", "taskz ="));
    bench.fails("run --method zscl --scenario worse.toml", 2, &["worse.toml", "task"]);
}

#[test]
fn a_value_that_cannot_be_used_names_its_key() {
    let bench = Bench::new();
    bench.fails(&format!("{RUN} --set train.lr=fast"), 2, &["train"]);
    bench.fails(&format!("{RUN} --set train.batch-size=0"), 2, &["train.batch-size", "must be 1 or more"]);
    bench.fails(&format!("{RUN} --set train.lr"), 2, &["--set train.lr", "key=value"]);
    bench.fails("run --method finetune --scenario small.toml --set hook.l2.weight=1", 2, &["add --hook l2"]);
}

#[test]
fn the_cpu_refuses_arithmetic_that_it_does_not_have() {
    let bench = Bench::new();
    bench.fails(&format!("{RUN} --device cpu --precision bf16"), 2, &["precision", "f32 alone", "--device cuda"]);
    bench.fails(&format!("{RUN} --device cpu --set precision=tf32"), 2, &["precision", "f32 alone"]);
    bench.fails(&format!("{RUN} --set precision=f16"), 2, &["precision", "f16", "bf16"]);
    bench.fails("eval --scenario small.toml --device cpu --precision bf16", 2, &["--precision", "f32 alone"]);
}

#[test]
fn a_scenario_without_reference_data_is_refused_before_anything_is_loaded() {
    let bench = Bench::new();
    let text = bench.read("small.toml");
    let (head, tail) = text.split_once("[reference]").unwrap();
    bench.write("bare.toml", &format!("{head}[train]{}", tail.split_once("[train]").unwrap().1));
    let parts = ["needs reference images", "--reference-images"];
    bench.fails("run --method zscl --scenario bare.toml --model nowhere.safetensors", 2, &parts);
    bench.ok("run --method finetune --scenario bare.toml --out a");
    bench.ok(
        "run --method zscl --scenario bare.toml --out b --reference-images folder:warm --reference-texts folder:cold",
    );
}

#[test]
fn missing_data_says_where_it_was_looked_for_and_how_to_get_it() {
    let bench = Bench::new();
    let parts = ["CIFAR-100 not found at", "data/cifar100", "clf data fetch cifar100", "CLF_DATA"];
    bench.fails("run --method finetune --scenario cil-cifar100-10 --model mini-clip", 3, &parts);
    let parts =
        ["13 datasets are not at", "clf data fetch aircraft caltech101 cifar100 conceptual-captions dtd", "--data DIR"];
    bench.fails("run --method zscl --scenario mtil-order-1 --model mini-clip", 3, &parts);
    fs::remove_dir_all(bench.path("cold")).unwrap();
    bench.fails(RUN, 3, &["cold"]);
    bench.fails("run --method finetune --scenario nothing.toml", 6, &["nothing.toml"]);
}

#[test]
fn a_corrupt_image_is_named() {
    let bench = Bench::new();
    fs::write(bench.path("warm/train/red/0.png"), b"this is no picture").unwrap();
    bench.fails(RUN, 3, &["warm/train/red/0.png"]);
}

#[test]
fn weights_that_cannot_be_used_are_named_with_the_reason() {
    let bench = Bench::new();
    bench.fails(&format!("{RUN} --model nothing.safetensors"), 4, &["nothing.safetensors"]);
    bench.fails(&format!("{RUN} --model ViT-B-16"), 4, &["ViT-B-16", "models/ViT-B-16.pt", "clf model fetch ViT-B-16"]);

    let weights = random_weights(&ClipConfig::mini(), 1);
    weights.write(bench.path("whole.safetensors")).unwrap();
    let bytes = fs::read(bench.path("whole.safetensors")).unwrap();
    fs::write(bench.path("cut.safetensors"), &bytes[..bytes.len() / 2]).unwrap();
    bench.fails(&format!("{RUN} --start cut.safetensors"), 4, &["cut.safetensors"]);

    let write = |name: &str, change: &dyn Fn(&mut StateDict)| {
        let mut dict = weights.clone();
        change(&mut dict);
        dict.write(bench.path(name)).unwrap();
    };
    write("less.safetensors", &|dict| drop(dict.tensors.remove("ln_final.weight")));
    bench.fails(&format!("{RUN} --start less.safetensors"), 4, &["ln_final.weight"]);
    write("more.safetensors", &|dict| drop(dict.tensors.insert("extra".into(), HostTensor::new(vec![1], vec![0.0]))));
    bench.fails(&format!("{RUN} --start more.safetensors"), 4, &["extra"]);
    write("other.safetensors", &|dict| {
        dict.tensors.insert("ln_final.weight".into(), HostTensor::new(vec![3], vec![0.0; 3]));
    });
    bench.fails(&format!("{RUN} --start other.safetensors"), 4, &["ln_final.weight", "3"]);
}

#[test]
fn files_that_are_no_weights_are_told_apart() {
    let bench = Bench::new();
    let eval = "eval --scenario small.toml --model";
    bench.write("empty.pt", "");
    bench.fails(&format!("{eval} empty.pt"), 4, &["empty.pt is no weights file", "it is empty", "\n  hint: "]);
    bench.write("page.pt", "<!DOCTYPE html><html><body>Not found</body></html>");
    bench.fails(&format!("{eval} page.pt"), 4, &["page.pt", "it is a web page"]);
    fs::create_dir(bench.path("folder")).unwrap();
    bench.fails(&format!("{eval} folder/"), 4, &["folder/ is a folder", "model.safetensors"]);

    let mut half = random_weights(&ClipConfig::mini(), 1);
    half.metadata.clear();
    half.tensors.retain(|name, _| name.starts_with("visual."));
    let half = to_layout(half, Layout::HuggingFace).unwrap();
    half.write(bench.path("vision.safetensors")).unwrap();
    bench.fails(&format!("{eval} vision.safetensors"), 4, &["vision.safetensors", "no text tower", "\n  hint: "]);
}

#[test]
fn weights_of_another_model_are_told_by_what_differs() {
    let bench = Bench::new();
    fs::create_dir_all(bench.path("data/models")).unwrap();
    random_weights(&ClipConfig::mini(), 1).write(bench.path("data/models/ViT-B-16.safetensors")).unwrap();
    fs::rename(bench.path("data/models/ViT-B-16.safetensors"), bench.path("data/models/ViT-B-16.pt")).unwrap();
    let parts = ["embed_dim 128, expected 512; ", "vision layers 4, expected 12", "\n  hint: "];
    bench.fails("eval --scenario small.toml --model ViT-B-16", 4, &parts);
    let large = ClipConfig { activation: Activation::Gelu, ..ClipConfig::mini() };
    let mut dict = random_weights(&large, 1);
    large.record(&mut dict);
    dict.write(bench.path("gelu.safetensors")).unwrap();
    bench.fails(&format!("{RUN} --start gelu.safetensors"), 4, &["model: activation gelu, expected quick-gelu\n"]);
}

#[test]
fn weights_that_are_not_finite_are_refused_wherever_they_are_read() {
    let bench = Bench::new();
    let mut dict = random_weights(&ClipConfig::mini(), 1);
    dict.tensors.get_mut("visual.proj").unwrap().data[7] = f32::NAN;
    dict.write(bench.path("odd.safetensors")).unwrap();
    let parts = ["odd.safetensors", "`visual.proj` holds NaN at position 7", "\n  hint: "];
    for command in [
        "eval --scenario small.toml --model odd.safetensors",
        "eval --scenario small.toml --checkpoint odd.safetensors",
        &format!("{RUN} --start odd.safetensors"),
        "model convert odd.safetensors out.safetensors --to openai",
        "model verify odd.safetensors",
    ] {
        bench.fails(command, 4, &parts);
    }
    assert!(!bench.path("out.safetensors").exists());
}

#[test]
fn messages_in_a_file_or_pipe_have_no_colours() {
    let bench = Bench::new();
    let mut dict = random_weights(&ClipConfig::mini(), 1);
    dict.metadata.clear();
    dict.write(bench.path("plain.safetensors")).unwrap();
    let stderr = text(&bench.clf("eval --scenario small.toml --model plain.safetensors").stderr);
    assert!(stderr.contains("does not say its activation"), "{stderr}");
    assert!(!stderr.contains('\x1b'), "{stderr:?}");
}

#[test]
fn an_empty_variable_is_one_that_is_not_set() {
    let bench = Bench::new();
    let place = |data: &str| {
        let mut command = bench.command();
        command.env("CLF_DATA", data).env("XDG_DATA_HOME", bench.path("home")).env("HOME", bench.path("home"));
        command.args(["model", "where", "ViT-B-16"]).output().unwrap()
    };
    let output = place("");
    assert_eq!(output.status.code(), Some(4), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("clf/models/ViT-B-16.pt") || !cfg!(target_os = "linux"));
    let output = bench.command().args(["model", "where", "ViT-B-16", "--data", ""]).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
}

#[test]
fn files_that_no_run_wrote_are_never_touched() {
    let bench = Bench::new();
    fs::create_dir_all(bench.path("mine")).unwrap();
    for (file, text) in [("config.toml", "own = 1"), ("model.safetensors", "precious")] {
        bench.write(&format!("mine/{file}"), text);
        bench.fails(&RUN.replace("--out run", "--out mine --overwrite"), 2, &["mine", "is no run folder", "--out"]);
        assert_eq!(bench.read(format!("mine/{file}")), text);
    }
}

#[test]
fn a_loss_that_is_not_finite_stops_the_run_with_its_name() {
    let bench = Bench::new();
    bench.fails(&format!("{RUN} --set train.lr=1e30"), 5, &["loss term \"ce\"", "task 0", "step 1", "train.lr"]);
    bench.fails(&format!("{RUN} --set train.lr=1e39 --overwrite"), 5, &["the weight \"", "task 0", "step 1"]);
    let term = format!("{RUN} --set hook.distill.weight=1e38 --overwrite");
    bench.fails(&term, 5, &["gradient of \"", "task 0", "step 1"]);
    assert!(bench.read("run/matrix.csv").contains("zero-shot"), "the first row is kept");
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let bench = Bench::new();
    bench.write("occupied", "a file");
    bench.fails("run --method finetune --scenario small.toml --out occupied/run", 6, &["occupied/run"]);
}

#[test]
fn an_interpolation_that_cannot_be_is_refused() {
    let bench = Bench::new();
    let sweep =
        |shares: &str| format!("eval --scenario small.toml --checkpoint none.safetensors --interpolate {shares}");
    bench.fails(&sweep("0:2:0.5"), 2, &["--interpolate", "LAST <= 1"]);
    bench.fails(&sweep("0:1"), 2, &["FIRST:LAST:STEP"]);
    bench.fails(&sweep("0:1:0"), 2, &["a step of at least"]);
    bench.fails(&sweep("0:inf:0.1"), 2, &["LAST <= 1"]);
    bench.fails(&sweep("0.5,1.5"), 2, &["1.5 is not from 0 to 1"]);
    bench.fails(&sweep("0,high"), 2, &["\"high\" is not a number"]);
    bench.fails("eval --scenario small.toml --interpolate 0,1", 2, &["--checkpoint"]);
}

#[test]
fn what_a_method_needs_is_named_before_anything_is_loaded() {
    let bench = Bench::new();
    let memory = "run --method zscl --scenario small.toml --model nowhere.safetensors --set hook.distill.images=memory";
    bench.fails(memory, 2, &["images of earlier tasks", "--hook exemplars"]);
    bench.fails(&format!("{RUN} --set compat=published"), 2, &["compat", "known are paper, reference"]);
    bench.fails(&format!("{RUN} --hook exemplars"), 2, &["nothing looks at them", "hook.distill.images=memory"]);
    bench.fails("eval --scenario small.toml --method rail", 2, &["--method rail", "beside the weights"]);
    let start = "run --method zero-shot --scenario small.toml --start some.safetensors";
    bench.fails(start, 2, &["--start", "clf eval --checkpoint"]);
}

#[test]
fn settings_of_methods_and_hooks_are_checked_before_an_earlier_run_is_replaced() {
    let bench = Bench::new();
    bench.ok("run --method zscl --scenario small.toml --out run");
    let before = bench.read("run/result.json");
    for (setting, place) in [
        ("hook.l2.weight=-1", "hook.l2.weight"),
        ("hook.weight-ensemble.every=0", "hook.weight-ensemble.every"),
        ("hook.distill.temperature=0", "hook.distill.temperature"),
        ("method.label-smoothing=1", "method.label-smoothing"),
    ] {
        bench.fails(&format!("{RUN} --overwrite --set {setting}"), 2, &[place]);
        assert_eq!(bench.read("run/result.json"), before, "{setting}");
    }
    let closed = "run --method rail --scenario small.toml --hook l2 --set method.hidden=8";
    bench.fails(closed, 2, &["hooks", "never trains a step"]);
}

#[test]
fn none_of_what_must_be_some_is_refused_in_the_same_words() {
    let bench = Bench::new();
    let of_run = ["--limit-per-class", "--limit-test", "--micro-batch", "--keep-checkpoints", "--checkpoint-every"];
    let of_run = of_run.map(|flag| (RUN, flag));
    let others = [("sweep a.toml", "--jobs"), ("sweep a.toml", "--threads"), ("data fetch cifar10", "--jobs")];
    for (command, flag) in of_run.into_iter().chain(others) {
        for value in ["0", "x"] {
            bench.fails(&format!("{command} {flag} {value}"), 2, &[flag, "must be 1 or more"]);
        }
    }
    let few = bench.read("small.toml").replace("\n[reference]", "few-shot = { per-class = 0, seed = 1 }\n[reference]");
    bench.write("few.toml", &few);
    bench.fails("run --method finetune --scenario few.toml", 2, &["few.toml", "must be 1 or more"]);
}
