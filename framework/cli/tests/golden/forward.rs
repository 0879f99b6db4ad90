//! Both towers against the recorded residual streams and features.

use clf_clip::{
    Clip, ClipConfig, TokenBatch,
    burn::tensor::{Tensor, TensorData},
};
use clf_core::{
    data::{Transform, load_batch},
    task::tokenise,
};

use super::folder::{Golden, device, limit};

/// Largest difference of a feature or of the residual stream, in 32-bit arithmetic.
const LIMIT: f64 = 1e-5;

/// The first images and class texts, as many as are recorded.
fn inputs(golden: &Golden, config: &ClipConfig, count: usize) -> (Tensor<4>, TokenBatch) {
    let size = config.vision.image_size;
    let images: Vec<usize> = (0..count).collect();
    let images = load_batch(&*golden.pool("train_images_u8", None), &images, 0, Transform::test(size)).unwrap();
    let images = Tensor::from_data(TensorData::new(images.pixels, [count, 3, size, size]), &device());
    let texts = tokenise(&golden.prompts("class_tokens")[..count], &config.text).unwrap();
    (images, TokenBatch::new(&texts))
}

fn host(tensor: &Tensor<3>) -> ([usize; 3], Vec<f64>) {
    (tensor.dims(), tensor.to_data().iter::<f64>().collect())
}

#[track_caller]
fn assert_close(what: &str, ours: &[f64], recorded: &[f64]) {
    assert_eq!(ours.len(), recorded.len(), "{what}");
    let worst = ours.iter().zip(recorded).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    eprintln!("golden forward {what}: largest difference {worst:.1e}");
    assert!(worst <= limit(LIMIT), "{what}: largest difference {worst:e}");
}

/// Compares features of both recorded models, and the residual stream of the first block by block.
pub fn check_forward(golden: &Golden) {
    let (config, trace) = (golden.config(), golden.read("forward"));
    let (images, tokens) = inputs(golden, &config, trace["init.image_features"].shape[0]);
    for weights in ["init", "prev"] {
        let clip = Clip::from_state_dict(&golden.weights(weights), &config, &device()).unwrap();
        let (mut visual, mut text) = (Vec::new(), Vec::new());
        let image_features = clip.visual.forward_observed(images.clone(), &mut |x| visual.push(host(x)));
        let text_features = clip.text.forward_observed(&tokens, &mut |x| text.push(host(x)));
        for (name, features) in [("image_features", image_features), ("text_features", text_features)] {
            let ours: Vec<f64> = features.to_data().iter::<f64>().collect();
            assert_close(&format!("{weights} {name}"), &ours, &trace[&format!("{weights}.{name}")].data);
        }
        if weights == "prev" {
            continue;
        }
        assert_eq!((visual.len(), text.len()), (config.vision.layers + 1, config.text.layers + 1));
        for (i, (_, ours)) in visual.iter().enumerate() {
            assert_close(&format!("image block {i}"), ours, &trace[&format!("init.visual.trace{i}")].data);
        }
        // Texts are encoded at their own length and recorded at another; the positions of both are compared.
        for (i, ([_, length, width], ours)) in text.iter().enumerate() {
            let recorded = &trace[&format!("init.text.trace{i}")];
            let (recorded_length, common) = (recorded.shape[1], length.min(&recorded.shape[1]) * width);
            let rows = ours.chunks(length * width).zip(recorded.data.chunks(recorded_length * width));
            for (row, (ours, recorded)) in rows.enumerate() {
                assert_close(&format!("text block {i}, text {row}"), &ours[..common], &recorded[..common]);
            }
        }
    }
}
