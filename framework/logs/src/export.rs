use std::path::Path;

use clf_core::{
    Error, Protocol,
    store::{read_matrix, read_run},
};

use crate::{
    steps::read_steps,
    tensorboard::{Position, TensorBoard},
};

/// Writes TensorBoard event files of the run in `folder` into `out`, in place of those that are there.
///
/// # Errors
///
/// When the folder holds no run with a first row of accuracies, or `out` cannot be written.
pub fn export_tensorboard(folder: &Path, out: &Path) -> Result<(), Error> {
    let (result, matrix) = read_run(folder)?;
    let steps = read_steps(folder)?;
    let other = folder.join(format!("matrix-{}.npy", Protocol::of(&result.procedure).1.name()));
    let other = if other.exists() { read_matrix(&other)? } else { Vec::new() };
    let mut board = TensorBoard::create(out, &result.procedure, result.tasks, result.test_images, Position::default())?;
    let mut steps = steps.iter().peekable();
    for (learned, row) in matrix.rows().iter().enumerate() {
        while let Some(step) = steps.next_if(|step| step.task < learned) {
            board.line(step);
        }
        board.row(row.clone(), other.get(learned).map_or(&[], Vec::as_slice));
    }
    steps.for_each(|step| board.line(step));
    Ok(())
}
