use clf_core::{
    Error,
    burn::tensor::{Tensor, TensorData},
};
use faer::{Mat, Side, linalg::solvers::Solve};

/// Ridge regression onto classes that arrive over time.
///
/// With expanded features `P` and one-hot labels `Y` of everything seen, `W = (P^T P + lambda I)^-1 P^T Y`. The sums are
/// kept, so that this is exact whatever the order of the tasks; it equals the recursion of the paper (Xu et al. 2024).
#[derive(Debug, Default)]
pub(crate) struct Ridge {
    /// `P^T P`, `[hidden, hidden]`.
    pub gram: Option<Tensor<2>>,
    /// `P^T Y`, `[hidden, classes]`.
    pub cross: Option<Tensor<2>>,
    /// `W`, `[hidden, classes]`.
    pub weights: Option<Tensor<2>>,
}

impl Ridge {
    /// Adds the sums of a new task, whose classes become new columns.
    ///
    /// # Shapes
    ///
    /// - `gram`: `[hidden, hidden]`
    /// - `cross`: `[hidden, classes of the task]`
    pub fn add(&mut self, gram: Tensor<2>, cross: Tensor<2>) {
        self.gram = Some(match self.gram.take() {
            None => gram,
            Some(sum) => sum + gram,
        });
        let columns = self.cross.take().into_iter().chain([cross]).collect();
        self.cross = Some(Tensor::cat(columns, 1));
    }

    /// Solves for the weights, in 64 bits.
    pub fn solve(&mut self, regularization: f64) -> Result<(), Error> {
        let (Some(gram), Some(cross)) = (&self.gram, &self.cross) else { return Ok(()) };
        let [hidden, classes] = cross.dims();
        let device = cross.device();
        let (gram, cross) = (host(gram)?, host(cross)?);
        let ridge = |i, j| f64::from(gram[i * hidden + j]) + if i == j { regularization } else { 0.0 };
        let factor = Mat::from_fn(hidden, hidden, ridge)
            .llt(Side::Lower)
            .map_err(|_| Error::config("method.regularization", "the regression has no solution; raise the value"))?;
        let solved = factor.solve(Mat::from_fn(hidden, classes, |i, j| f64::from(cross[i * classes + j])));
        let weights: Vec<f32> = (0..hidden * classes).map(|k| solved[(k / classes, k % classes)] as f32).collect();
        self.weights = Some(Tensor::from_data(TensorData::new(weights, [hidden, classes]), &device));
        Ok(())
    }
}

fn host(tensor: &Tensor<2>) -> Result<Vec<f32>, Error> {
    tensor.clone().try_into_vec_as::<f32>().map_err(|error| Error::Device(error.to_string()))
}

#[cfg(test)]
mod tests {
    use clf_core::burn::tensor::Device;

    use super::*;

    fn values(ridge: &Ridge) -> Vec<f32> {
        host(ridge.weights.as_ref().unwrap()).unwrap()
    }

    #[test]
    fn weights_equal_a_solution_computed_by_hand() {
        let device = Device::flex();
        let matrix = |rows: [[f32; 2]; 2]| Tensor::<2>::from_data(rows, &device);
        let mut ridge = Ridge::default();
        // P = [[1, 0], [1, 1]], labels 0 and 1: P^T P = [[2, 1], [1, 1]], P^T Y = [[1, 1], [0, 1]].
        ridge.add(matrix([[2.0, 1.0], [1.0, 1.0]]), matrix([[1.0, 1.0], [0.0, 1.0]]));
        ridge.solve(1.0).unwrap();
        // (P^T P + I)^-1 = [[2, -1], [-1, 3]] / 5.
        let expected = [2.0 / 5.0, 1.0 / 5.0, -1.0 / 5.0, 2.0 / 5.0];
        assert!(values(&ridge).iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6), "{:?}", values(&ridge));
    }

    #[test]
    fn a_new_task_brings_new_columns_and_changes_the_old_ones() {
        let device = Device::flex();
        let mut ridge = Ridge::default();
        ridge.add(Tensor::from_data([[1.0_f32]], &device), Tensor::from_data([[1.0_f32]], &device));
        ridge.solve(1.0).unwrap();
        assert_eq!(values(&ridge), [0.5]);
        ridge.add(Tensor::from_data([[2.0_f32]], &device), Tensor::from_data([[2.0_f32, 0.0]], &device));
        ridge.solve(1.0).unwrap();
        assert_eq!(values(&ridge), [0.25, 0.5, 0.0]);
    }
}
