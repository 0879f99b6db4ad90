//! The pieces of a run on the small model; `cargo bench -p clf-bench` prints a table.

#![expect(clippy::unwrap_used, reason = "a benchmark that cannot be set up stops")]

use clf_bench::{
    checkpoint,
    eval::{self, EvalArguments},
    model::{self, CommonArguments},
    noise,
    step::{self, StepArguments, TeacherFeatures},
    texts,
};
use clf_core::{burn::tensor::Device, clip::Clip, random::Key};
use divan::{Bencher, counter::ItemsCount};

fn main() {
    divan::main();
}

fn mini() -> Clip {
    model::random_clip(&model::config("mini").unwrap(), &Device::flex()).unwrap()
}

fn common() -> CommonArguments {
    CommonArguments {
        model: "mini".into(),
        device: "cpu".into(),
        precision: "f32".into(),
        threads: 2,
        warmup: 0,
        json: false,
    }
}

/// Steps of one run, its start included: the teacher's texts are encoded once.
const STEPS: usize = 4;

#[divan::bench(args = [TeacherFeatures::Recompute, TeacherFeatures::Cached], sample_count = 5, sample_size = 1)]
fn zscl_steps(bencher: Bencher<'_, '_>, teacher_image: TeacherFeatures) {
    let arguments = StepArguments {
        common: common(),
        batch: 32,
        classes: 20,
        ref_texts: 100,
        text_length: 77,
        teacher_text: TeacherFeatures::Cached,
        teacher_image,
        no_l2: false,
        steps: STEPS,
    };
    let clip = mini();
    bencher.counter(ItemsCount::new(STEPS)).bench_local(|| step::steps(&arguments, &clip).unwrap());
}

#[divan::bench(args = [16, 128], sample_count = 5, sample_size = 1)]
fn score_images(bencher: Bencher<'_, '_>, batch: usize) {
    let arguments = EvalArguments { common: common(), batch, classes: 20, steps: 256 / batch };
    let clip = mini();
    bencher.counter(ItemsCount::new(256_usize)).bench_local(|| eval::batches(&arguments, &clip, 0).unwrap());
}

#[divan::bench(sample_count = 5, sample_size = 1)]
fn encode_texts(bencher: Bencher<'_, '_>) {
    let clip = mini();
    let tokens = noise::texts(256, 77, &clip.config().text, Key::default());
    bencher.counter(ItemsCount::new(tokens.len())).bench_local(|| texts::encode(&clip, &tokens).unwrap());
}

#[divan::bench(sample_count = 10, sample_size = 1)]
fn save_weights(bencher: Bencher<'_, '_>) {
    let (clip, folder) = (mini(), tempfile::tempdir().unwrap());
    let path = folder.path().join("model.safetensors");
    bencher.bench_local(|| clip.to_state_dict().write(&path).unwrap());
}

#[divan::bench(sample_count = 10, sample_size = 1)]
fn load_weights(bencher: Bencher<'_, '_>) {
    let (clip, folder) = (mini(), tempfile::tempdir().unwrap());
    let path = folder.path().join("model.safetensors");
    clip.to_state_dict().write(&path).unwrap();
    bencher.bench_local(|| checkpoint::read(&clip, &path).unwrap());
}
