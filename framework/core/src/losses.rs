//! The loss maths of the field as pure functions over tensors.

use burn::tensor::{Int, Tensor};

/// Cross entropy with label smoothing (Szegedy et al. 2016, section 7).
///
/// `mean over rows of (1 - e) * nll - e * mean_k log p_k`, with `e` = `smoothing`.
///
/// # Shapes
///
/// - `logits`: `[batch, classes]`
/// - `labels`: `[batch]`, 0-based
/// - output: `[1]`
pub fn cross_entropy(logits: Tensor<2>, labels: Tensor<1, Int>, smoothing: f64) -> Tensor<1> {
    clf_clip::kernels::cross_entropy(logits, labels, smoothing)
}

/// Distillation (Hinton et al. 2015; Li and Hoiem 2016): cross entropy against softened teacher scores.
///
/// `-T^2 * mean over rows of sum_j softmax(teacher / T)_j * log_softmax(student / T)_j`. This is the cross entropy, not
/// the Kullback-Leibler divergence: same gradient, another value. The teacher gets no gradient.
///
/// # Shapes
///
/// - `teacher`, `student`: `[rows, columns]`
/// - output: `[1]`
pub fn distillation(teacher: Tensor<2>, student: Tensor<2>, temperature: f64) -> Tensor<1> {
    clf_clip::kernels::distillation(teacher.inner(), student, temperature)
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;

    fn scalar(x: Tensor<1>) -> f32 {
        x.into_scalar()
    }

    #[test]
    fn cross_entropy_equals_a_value_computed_by_hand() {
        let device = Device::flex();
        let logits = Tensor::<2>::from_data([[2.0, 0.0, 0.0], [0.0, 0.0, 0.0]], &device);
        let labels = Tensor::<1, Int>::from_data([0, 2], &device);
        // Row 0: log-sum-exp = ln(e^2 + 2) = 2.23954; row 1: ln 3 = 1.09861.
        let plain = f32::midpoint(0.239_545, 1.098_612);
        assert!((scalar(cross_entropy(logits.clone(), labels.clone(), 0.0)) - plain).abs() < 1e-5);
        // Mean log p: row 0 = 2/3 - 2.23954, row 1 = -1.09861.
        let uniform = f32::midpoint(2.239_545 - 2.0 / 3.0, 1.098_612);
        let smoothed = 0.8 * plain + 0.2 * uniform;
        assert!((scalar(cross_entropy(logits, labels, 0.2)) - smoothed).abs() < 1e-5);
    }

    #[test]
    fn distillation_equals_a_value_computed_by_hand() {
        let device = Device::flex();
        let teacher = Tensor::<2>::from_data([[2.0, 0.0]], &device);
        let student = Tensor::<2>::from_data([[0.0, 2.0]], &device);
        // T = 2: p = (0.731059, 0.268941), log q = (-1.313262, -0.313262).
        let expected = 4.0 * (0.731_059 * 1.313_262 + 0.268_941 * 0.313_262);
        assert!((scalar(distillation(teacher, student, 2.0)) - expected).abs() < 1e-5);
    }

    #[test]
    fn the_teacher_gets_no_gradient() {
        let device = Device::flex().autodiff();
        let teacher = Tensor::<2>::from_data([[2.0, 0.0]], &device).require_grad();
        let student = Tensor::<2>::from_data([[0.0, 2.0]], &device).require_grad();
        let grads = distillation(teacher.clone(), student.clone(), 2.0).backward();
        assert!(teacher.grad(&grads).is_none());
        // d/ds = T * (q - p), at T = 2.
        let gradient = student.grad(&grads).unwrap().try_into_vec_as::<f32>().unwrap();
        assert!((gradient[0] - 2.0 * (0.268_941 - 0.731_059)).abs() < 1e-5, "{gradient:?}");
    }
}
