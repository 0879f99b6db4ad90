use std::{
    collections::BTreeSet,
    io::{self, Write},
};

use clf_core::store::csv_line;

use crate::steps::StepLine;

/// Writes the steps as one wide table: a row a step, a column for every loss term that any of them has.
///
/// # Errors
///
/// When `out` cannot be written.
pub fn write_csv(steps: &[StepLine], out: &mut impl Write) -> io::Result<()> {
    let terms: BTreeSet<&str> = steps.iter().flat_map(|step| step.terms.keys()).map(String::as_str).collect();
    let named = ["global-step", "task", "step", "loss"].into_iter().chain(terms.iter().copied());
    writeln!(out, "{}", csv_line(named.chain(["lr", "grad-norm", "images-per-second", "data-seconds"])))?;
    for (i, step) in steps.iter().enumerate() {
        write!(out, "{},{},{}", i + 1, step.task, step.step)?;
        let timing = [step.timing.images_per_second, step.timing.data_seconds];
        let terms = terms.iter().map(|term| step.terms.get(*term).copied());
        let values = [Some(step.loss)].into_iter().chain(terms).chain([Some(step.lr), Some(step.grad_norm)]);
        for value in values.chain(timing) {
            write!(out, ",{}", value.filter(|value| value.is_finite()).map_or_else(String::new, |it| it.to_string()))?;
        }
        writeln!(out)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::steps::Timing;

    #[test]
    fn every_term_has_a_column_and_what_is_missing_is_empty() {
        let step = |task, terms: &[(&str, f64)], timing| StepLine {
            task,
            step: 0,
            loss: 1.5,
            terms: terms.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect::<BTreeMap<_, _>>(),
            lr: 1e-5,
            grad_norm: 0.0,
            timing,
        };
        let timed = Timing { images_per_second: Some(64.5), data_seconds: Some(0.0) };
        let steps = [step(0, &[("ce", 1.0)], timed), step(1, &[("ce", 0.5), ("l2", 2.0)], Timing::default())];
        let mut text = Vec::new();
        write_csv(&steps, &mut text).unwrap();
        let lines = [
            "global-step,task,step,loss,ce,l2,lr,grad-norm,images-per-second,data-seconds",
            "1,0,0,1.5,1,,0.00001,0,64.5,0",
            "2,1,0,1.5,0.5,2,0.00001,0,,",
        ];
        assert_eq!(String::from_utf8(text).unwrap(), lines.map(|line| format!("{line}\n")).concat());
    }
}
