use std::{fs, path::Path, process::Output};

use clf_clip::{
    Activation, ClipConfig, StateDict, random_weights,
    state_dict::{Layout, to_layout},
};
use clf_fetch::testing::{Fault, Server};
use serde_json::Value;

use super::bench::{Bench, text};

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../clip/tests/fixtures/torch");

/// Two models of one's own, of the shape of the small one so that the test stays quick.
const OWN_ZOO: &str = "
[[model]]
name = 'lab'
summary = 'Weights of the lab.'
architecture = 'mini-clip'
activation = 'gelu'
files = [
  { file = 'lab.safetensors', urls = ['URL/lab.safetensors'] },
  { file = 'lab.bin', urls = ['hf:lab/clip/model.bin'] },
]

[[model]]
name = 'sealed'
summary = 'Weights with a checksum.'
architecture = 'mini-clip'
activation = 'quick-gelu'
files = [{ file = 'sealed.safetensors', urls = ['URL/sealed.safetensors'], sha256 = 'SUM' }]
";

/// A bench with a server that publishes `lab` and `sealed`, and nothing else within reach.
struct Zoo {
    bench: Bench,
    server: Server,
    weights: Vec<u8>,
}

impl Zoo {
    fn new() -> Self {
        let (bench, server) = (Bench::new(), Server::start().unwrap());
        let path = bench.path("published.safetensors");
        weights(3).write(&path).unwrap();
        let (sum, weights) = (clf_fetch::sha256_of(&path).unwrap(), fs::read(&path).unwrap());
        fs::create_dir_all(bench.path("data/models")).unwrap();
        bench.write("data/models/zoo.toml", &OWN_ZOO.replace("URL", &server.url("/own")).replace("SUM", &sum));
        Self { bench, server, weights }
    }

    fn run(&self, arguments: &str) -> Output {
        let mut command = self.bench.command();
        command.env("CLF_MIRROR", self.server.url("/mirror")).env("HF_ENDPOINT", self.server.url("/hub"));
        command.env("HF_HOME", self.bench.path("hugging-face")).env_remove("HF_HUB_CACHE").env("NO_PROXY", "127.0.0.1");
        command.args(arguments.split_whitespace()).output().unwrap()
    }

    #[track_caller]
    fn json(&self, arguments: &str) -> Value {
        let output = self.run(arguments);
        assert!(output.status.success(), "clf {arguments}\n{}", text(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    #[track_caller]
    fn fails(&self, arguments: &str, code: i32, parts: &[&str]) {
        let output = self.run(arguments);
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "clf {arguments}\n{stderr}");
        for part in parts {
            assert!(stderr.contains(part), "no {part:?} in the error of clf {arguments}\n{stderr}");
        }
    }
}

fn weights(seed: u64) -> StateDict {
    let mut dict = random_weights(&ClipConfig::mini(), seed);
    let half = |value: &mut f32| *value = half::f16::from_f32(*value).to_f32();
    dict.tensors.values_mut().flat_map(|tensor| &mut tensor.data).for_each(half);
    dict
}

fn tensors(path: &Path) -> StateDict {
    clf_clip::state_dict::to_openai(StateDict::read(path).unwrap()).unwrap()
}

#[test]
fn every_known_model_is_listed_with_what_it_needs() {
    let zoo = Zoo::new();
    let list = zoo.json("model list --json");
    let find = |name: &str| list.as_array().unwrap().iter().find(|row| row["name"] == name).unwrap().clone();
    assert_eq!(find("ViT-B-16")["activation"], "quick-gelu");
    assert!(find("ViT-B-16")["files"][0]["urls"][0].as_str().unwrap().ends_with("ViT-B-16.pt"));
    assert_eq!(find("ViT-L-14-laion2b")["normalization"], "half");
    assert_eq!(find("RN50")["supported"], false);
    assert_eq!(find("lab")["path"], Value::Null);
    let shown = zoo.bench.ok("model list");
    assert!(shown.contains("built in") && shown.contains("Not supported: its image tower is a ResNet"), "{shown}");
}

#[test]
fn a_model_is_fetched_from_the_own_mirror_first_and_then_found_by_name() {
    let zoo = Zoo::new();
    zoo.server.put("/mirror/lab.safetensors", &zoo.weights);
    let fetched = zoo.json("model fetch lab --json");
    let path = fetched["path"].as_str().unwrap();
    assert!(path.ends_with("data/models/lab.safetensors"), "{path}");
    // Nobody publishes a checksum, so the first one is kept.
    assert_eq!(fetched["expected"]["source"], "recorded");
    assert_eq!(zoo.json("model where lab --json")["path"], path);
    assert_eq!(zoo.json("model verify --json").as_array().unwrap().len(), 1);
    assert_eq!(zoo.server.requests().len(), 1);

    // The activation comes from the table; nothing warns.
    let run = zoo.run("eval --scenario small.toml --model lab --json");
    assert!(run.status.success() && !text(&run.stderr).contains("activation"), "{}", text(&run.stderr));
    zoo.json("model fetch lab --json");
    assert_eq!(zoo.server.requests().len(), 1, "what is there is not loaded again");
}

#[test]
fn the_second_form_of_a_file_is_taken_where_the_first_one_is_not() {
    let zoo = Zoo::new();
    zoo.server.put("/hub/lab/clip/resolve/main/model.bin", &zoo.weights);
    let fetched = zoo.json("model fetch lab --json");
    assert!(fetched["path"].as_str().unwrap().ends_with("models/lab.bin"));
    let paths: Vec<String> = zoo.server.requests().into_iter().map(|request| request.path).collect();
    let expected =
        ["/mirror/lab.safetensors", "/own/lab.safetensors", "/mirror/lab.bin", "/hub/lab/clip/resolve/main/model.bin"];
    assert_eq!(paths, expected);
}

#[test]
fn a_wrong_file_never_gets_the_name_and_damage_is_repaired() {
    let zoo = Zoo::new();
    zoo.server.put("/own/sealed.safetensors", b"another file");
    zoo.fails("model fetch sealed", 4, &["/own/sealed.safetensors", "SHA-256", "hint:"]);
    assert!(!zoo.bench.path("data/models/sealed.safetensors").exists());

    zoo.server.put("/own/sealed.safetensors", &zoo.weights);
    zoo.server.fail("/own/sealed.safetensors", Fault::Cut(2_000_000));
    assert_eq!(zoo.json("model fetch sealed --json")["expected"]["source"], "published");
    let file = zoo.bench.path("data/models/sealed.safetensors");
    assert!(fs::read(&file).unwrap() == zoo.weights);
    let mut damaged = zoo.weights.clone();
    *damaged.last_mut().unwrap() ^= 1;
    fs::write(&file, damaged).unwrap();
    zoo.fails("model verify sealed", 4, &["sealed.safetensors", "SHA-256", "fetch it again"]);
    zoo.json("model fetch sealed --json");
    assert!(fs::read(&file).unwrap() == zoo.weights);
}

#[test]
fn a_file_without_a_checksum_that_is_something_else_is_not_kept() {
    let zoo = Zoo::new();
    zoo.server.put("/mirror/lab.safetensors", b"another file");
    zoo.fails("model fetch lab", 4, &["lab.safetensors", "is not this model and was removed"]);
    assert!(!zoo.bench.path("data/models/lab.safetensors").exists());
    zoo.bench.write("data/models/lab.safetensors", "put there by hand");
    zoo.fails("model fetch lab", 4, &["lab.safetensors was there before; delete it"]);
    fs::remove_file(zoo.bench.path("data/models/lab.safetensors")).unwrap();
    zoo.server.put("/mirror/lab.safetensors", &zoo.weights);
    zoo.json("model fetch lab --json");
}

#[test]
fn what_python_has_downloaded_is_found() {
    let zoo = Zoo::new();
    let sum = clf_fetch::sha256_of(&zoo.bench.path("published.safetensors")).unwrap();
    let folder = zoo.bench.path("hugging-face/hub/models--lab--clip");
    for part in ["blobs", "refs", "snapshots/c0ffee"] {
        fs::create_dir_all(folder.join(part)).unwrap();
    }
    fs::write(folder.join("refs/main"), "c0ffee").unwrap();
    fs::write(folder.join("blobs").join(&sum), &zoo.weights).unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink(format!("../../blobs/{sum}"), folder.join("snapshots/c0ffee/model.bin")).unwrap();
    #[cfg(not(unix))]
    fs::write(folder.join("snapshots/c0ffee/model.bin"), &zoo.weights).unwrap();
    let fetched = zoo.json("model fetch lab --json");
    assert!(fetched["path"].as_str().unwrap().contains("c0ffee"), "{fetched}");
    assert!(zoo.server.requests().is_empty());
    if cfg!(unix) {
        assert_eq!(fetched["expected"]["source"], "hub");
        fs::write(folder.join("blobs").join(&sum), b"damaged").unwrap();
        zoo.fails("model verify lab", 4, &["model.bin", "that of the hub"]);
    }
}

#[test]
fn a_missing_model_says_how_to_fetch_it_everywhere() {
    let zoo = Zoo::new();
    let hint = "hint: clf model fetch ViT-B-16";
    let run = "run --method zscl --scenario small.toml --model";
    for command in [&format!("{run} ViT-B-16"), "model where ViT-B-16", "model verify ViT-B-16"] {
        zoo.fails(command, 4, &["data/models/ViT-B-16.pt", hint]);
    }
    let elsewhere = zoo.bench.path("elsewhere");
    let parts = [&format!("clf model fetch ViT-B-16 --data {}", elsewhere.display())[..]];
    zoo.fails(&format!("model where ViT-B-16 --data {}", elsewhere.display()), 4, &parts);
    zoo.fails("model fetch ViT-B-61", 2, &["unknown model", "did you mean"]);
    zoo.fails(&format!("{run} RN50"), 2, &["RN50", "ResNet", "clf model list"]);
    zoo.fails("model fetch RN50x4", 2, &["RN50x4", "ResNet"]);
    zoo.fails("model fetch mini-clip", 2, &["mini-clip", "built in"]);
}

#[test]
fn a_file_that_no_mirror_has_is_said_with_every_address() {
    let zoo = Zoo::new();
    let parts = ["cannot download lab", "/mirror/lab.safetensors", "/own/lab.safetensors", "/hub/lab/clip", "hint:"];
    zoo.fails("model fetch lab", 4, &parts);
    zoo.bench.write("data/models/zoo.toml", "[[model]]\nname = 'x'\n");
    zoo.fails("model list", 2, &["zoo.toml", "summary"]);
    let again = OWN_ZOO.replace("'lab'", "'ViT-B-16'");
    zoo.bench.write("data/models/zoo.toml", &again);
    zoo.fails("model list", 2, &["zoo.toml", "ViT-B-16 is taken"]);
}

#[test]
fn conversions_round_trip_bit_for_bit() {
    let bench = Bench::new();
    let original = weights(5);
    original.write(bench.path("original.safetensors")).unwrap();
    let mut from = "original".to_owned();
    for (layout, half) in [
        ("hugging-face", ""),
        ("open-clip-text", " --half"),
        ("openai", ""),
        ("open-clip", " --half"),
        ("hugging-face", ""),
    ] {
        let to = format!("{layout}{}", half.trim());
        let convert = format!("model convert {from}.safetensors {to}.safetensors --to {layout}{half} --overwrite");
        bench.ok(&format!("{convert} --activation gelu"));
        assert!(tensors(&bench.path(format!("{to}.safetensors"))).tensors == original.tensors, "{to}");
        from = to;
    }
    let stored = StateDict::read(bench.path("hugging-face.safetensors")).unwrap();
    assert_eq!(stored.tensors, to_layout(original, Layout::HuggingFace).unwrap().tensors);
    // The activation that was given once stays with the weights.
    let config: Value = serde_json::from_str(&stored.metadata["clf.config"]).unwrap();
    assert_eq!(config["activation"], serde_json::to_value(Activation::Gelu).unwrap());
    let report: Value = serde_json::from_str(&bench.ok("model verify hugging-face.safetensors --json")).unwrap();
    assert_eq!(report[0]["activation"], "gelu");
}

#[test]
fn files_of_pytorch_are_converted_and_hostile_ones_refused() {
    let bench = Bench::new();
    let convert = |file: &str| format!("model convert {FIXTURES}/{file} out.safetensors --to openai");
    for file in ["torchscript.pt", "state_dict.pt", "training.pt", "mixed.pth", "protocol-4.bin"] {
        bench.ok(&format!("{} --overwrite", convert(file)));
        let expected = tensors(&Path::new(FIXTURES).join("expected.safetensors"));
        assert!(tensors(&bench.path("out.safetensors")).tensors == expected.tensors, "{file}");
    }
    fs::remove_file(bench.path("out.safetensors")).unwrap();
    bench.fails(&convert("hostile.pt"), 4, &["hostile.pt", "`posix.system`", "nothing in it was run"]);
    bench.fails(&convert("module.pt"), 4, &["module.pt", "torch.nn.modules.linear.Linear", "state_dict()"]);
    bench.fails(&convert("old-format.pt"), 4, &["old-format.pt", "torch.save(torch.load("]);
    bench.fails(&convert("none.pt"), 4, &["none.pt"]);
    assert!(!bench.path("out.safetensors").exists());
    bench.fails("model verify mini-clip", 2, &["built in"]);
    bench.fails(&format!("model verify {FIXTURES}/hostile.pt"), 4, &["hostile.pt", "`posix.system`"]);
}

#[test]
fn a_conversion_never_replaces_a_file_unasked() {
    let bench = Bench::new();
    bench.ok("model convert mini-clip mini.safetensors --to hugging-face");
    let before = fs::read(bench.path("mini.safetensors")).unwrap();
    bench.fails("model convert mini-clip mini.safetensors --to openai", 2, &["mini.safetensors", "--overwrite"]);
    assert!(fs::read(bench.path("mini.safetensors")).unwrap() == before);
    bench.fails("model convert mini-clip mini.pt --to openai", 2, &["mini.pt", ".safetensors"]);
    bench.fails("model convert mini-clip no/folder/x.safetensors --to openai", 6, &["no/folder/x.safetensors"]);
    let eval = |model: &str| bench.ok(&format!("eval --scenario small.toml --model {model} --json"));
    assert_eq!(eval("mini.safetensors"), eval("mini-clip"));
}
