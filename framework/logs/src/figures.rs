use clf_core::metrics::AccuracyMatrix;

/// The figures of `procedure` as far as the run has come, by name; after the last task they are those of the whole run.
///
/// While tasks are missing, every mean is taken over the rows that are there: `transfer` of a task over those before it is
/// learned, and `forgetting` and the class-incremental figures over the tasks learned.
pub fn so_far(matrix: &AccuracyMatrix, procedure: &str) -> Vec<(&'static str, f64)> {
    let rows = matrix.rows().get(1..).unwrap_or_default();
    let learned = learned_part(matrix, rows.len());
    let mtil = procedure == "mtil";
    let named = learned.metrics(procedure).named().map(|(name, value)| {
        let value = match name {
            "transfer" if mtil => mean((1..matrix.tasks().len()).map(|d| column_mean(&rows[..d.min(rows.len())], d))),
            "mtil_avg" if mtil => mean((0..matrix.tasks().len()).map(|d| column_mean(rows, d))),
            "mtil_last" if mtil => mean(rows.last().into_iter().flatten().copied()),
            _ => value.unwrap_or(f64::NAN),
        };
        (name, value)
    });
    named.into_iter().filter(|(_, value)| value.is_finite()).collect()
}

/// The matrix over the first tasks alone, which is complete after them.
fn learned_part(matrix: &AccuracyMatrix, learned: usize) -> AccuracyMatrix {
    let rows = matrix.rows().iter().map(|row| row[..learned].to_vec()).collect();
    AccuracyMatrix::with_rows(matrix.tasks()[..learned].to_vec(), matrix.counts()[..learned].to_vec(), rows)
}

fn column_mean(rows: &[Vec<f64>], column: usize) -> f64 {
    mean(rows.iter().map(|row| row[column]))
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.fold((0.0, 0_usize), |(sum, count), value| (sum + value, count + 1));
    sum / count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROWS: [[f64; 3]; 4] = [[10.0, 20.0, 30.0], [90.0, 18.0, 24.0], [80.0, 95.0, 12.0], [70.0, 85.0, 99.0]];

    fn after(learned: usize) -> AccuracyMatrix {
        let tasks = ["a", "b", "c"].map(String::from).to_vec();
        AccuracyMatrix::with_rows(tasks, vec![10, 20, 30], ROWS[..=learned].iter().map(|row| row.to_vec()).collect())
    }

    #[test]
    fn after_the_last_task_they_are_the_figures_of_the_run() {
        for procedure in ["mtil", "class-incremental"] {
            let whole =
                after(3).metrics(procedure).named().into_iter().filter_map(|(name, value)| Some((name, value?)));
            assert_eq!(so_far(&after(3), procedure), whole.collect::<Vec<_>>());
        }
    }

    #[test]
    fn after_two_tasks_they_are_means_over_what_is_there() {
        let found = so_far(&after(2), "mtil");
        let transfer = f64::midpoint(18.0, f64::midpoint(24.0, 12.0));
        let avg = (85.0 + 56.5 + 18.0) / 3.0;
        let last = (80.0 + 95.0 + 12.0) / 3.0;
        assert_eq!(found, [("transfer", transfer), ("mtil_avg", avg), ("mtil_last", last), ("forgetting", 10.0)]);
        assert_eq!(so_far(&after(0), "mtil"), []);
    }
}
