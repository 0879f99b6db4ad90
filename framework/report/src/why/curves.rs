use clf_logs::StepLine;
use serde::Serialize;

/// Relative difference of two losses beyond which it is no longer rounding.
pub const BEYOND: f64 = 1e-6;
/// Steps after the parting at which the gap is shown.
const AFTER: [usize; 4] = [0, 1, 10, 100];

/// The steps of two runs beside each other.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Curves {
    /// Steps of the one run.
    pub left: usize,
    /// Steps of the other run.
    pub right: usize,
    /// Steps from the start on that are the same step of the same task in both.
    pub common: usize,
    /// The first common step at which anything differs by a bit.
    pub parting: Option<Parting>,
    /// The first common step at which the losses differ by more than a millionth.
    pub beyond: Option<Place>,
    /// How far the losses are apart at the parting, 1, 10 and 100 steps later, and at the last common step.
    pub gaps: Vec<Gap>,
}

/// A step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Place {
    /// 0-based task.
    pub task: usize,
    /// 0-based step of the task.
    pub step: usize,
    /// Steps before it, over all tasks.
    pub before: usize,
}

/// Where two runs part.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Parting {
    /// The step.
    pub at: Place,
    /// What differs there.
    pub fields: Vec<Field>,
}

/// A number that differs.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Field {
    /// `loss`, `terms.NAME`, `grad-norm` or `lr`.
    pub name: String,
    /// Its value in the one run; absent where it has none.
    pub left: Option<f64>,
    /// Its value in the other run.
    pub right: Option<f64>,
}

/// How far two losses are apart.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Gap {
    /// Steps after the parting.
    pub after: usize,
    /// The step.
    pub at: Place,
    /// Loss of the one run.
    pub left: f64,
    /// Loss of the other run.
    pub right: f64,
    /// Their difference as a share of the larger one.
    pub relative: f64,
}

impl Curves {
    /// Compares two runs step by step.
    pub fn new(left: &[StepLine], right: &[StepLine]) -> Self {
        let is_same = |(one, other): &(&StepLine, &StepLine)| (one.task, one.step) == (other.task, other.step);
        let pairs: Vec<(&StepLine, &StepLine)> = left.iter().zip(right).take_while(is_same).collect();
        let first = pairs.iter().position(|(one, other)| !differing(one, other).is_empty());
        let parting =
            |before: usize| Parting { at: place(&pairs, before), fields: differing(pairs[before].0, pairs[before].1) };
        let is_beyond = |(one, other): &(&StepLine, &StepLine)| relative(one.loss, other.loss) > BEYOND;
        Self {
            left: left.len(),
            right: right.len(),
            common: pairs.len(),
            parting: first.map(parting),
            beyond: pairs.iter().position(is_beyond).map(|before| place(&pairs, before)),
            gaps: first.map(|first| gaps(&pairs, first)).unwrap_or_default(),
        }
    }
}

fn place(pairs: &[(&StepLine, &StepLine)], before: usize) -> Place {
    Place { task: pairs[before].0.task, step: pairs[before].0.step, before }
}

fn gaps(pairs: &[(&StepLine, &StepLine)], first: usize) -> Vec<Gap> {
    let last = pairs.len() - 1 - first;
    let mut after: Vec<usize> = AFTER.into_iter().filter(|after| *after < last).collect();
    after.push(last);
    let gap = |after: usize| {
        let (left, right) = (pairs[first + after].0.loss, pairs[first + after].1.loss);
        Gap { after, at: place(pairs, first + after), left, right, relative: relative(left, right) }
    };
    after.into_iter().map(gap).collect()
}

/// The numbers of two steps that are not the same bits.
fn differing(left: &StepLine, right: &StepLine) -> Vec<Field> {
    let field = |name: &str, left: Option<f64>, right: Option<f64>| Field { name: name.to_owned(), left, right };
    let own = right.terms.keys().filter(|name| !left.terms.contains_key(*name));
    let terms = left
        .terms
        .keys()
        .chain(own)
        .map(|name| field(&format!("terms.{name}"), left.terms.get(name).copied(), right.terms.get(name).copied()));
    let fields = std::iter::once(field("loss", Some(left.loss), Some(right.loss))).chain(terms).chain([
        field("grad-norm", Some(left.grad_norm), Some(right.grad_norm)),
        field("lr", Some(left.lr), Some(right.lr)),
    ]);
    fields.filter(|field| field.left.map(f64::to_bits) != field.right.map(f64::to_bits)).collect()
}

/// Difference of two numbers as a share of the larger one.
pub fn relative(left: f64, right: f64) -> f64 {
    let larger = left.abs().max(right.abs());
    if larger == 0.0 { 0.0 } else { (left - right).abs() / larger }
}

#[cfg(test)]
mod tests {
    use clf_logs::Timing;

    use super::*;

    /// Steps of two tasks of 60 steps each, with the loss that `loss` says for the number of steps before.
    fn run(steps: usize, loss: impl Fn(usize) -> f64) -> Vec<StepLine> {
        let line = |i: usize| {
            let loss = loss(i);
            let terms = [("ce".to_owned(), loss / 2.0)].into_iter().collect();
            StepLine { task: i / 60, step: i % 60, loss, terms, lr: 0.1, grad_norm: 1.0, timing: Timing::default() }
        };
        (0..steps).map(line).collect()
    }

    #[test]
    fn equal_runs_have_no_parting_however_far_they_have_come() {
        let curves = Curves::new(&run(120, |_| 2.0), &run(70, |_| 2.0));
        assert_eq!((curves.left, curves.right, curves.common), (120, 70, 70));
        assert_eq!((curves.parting, curves.beyond, curves.gaps.len()), (None, None, 0));
    }

    #[test]
    fn the_parting_is_a_bit_and_the_gap_grows_from_there() {
        let other = |i: usize| if i < 5 { 2.0 } else { 2.0 + 2e-9 * 4.0_f64.powi(i.min(25) as i32 - 5) };
        let curves = Curves::new(&run(120, |_| 2.0), &run(120, other));
        let parting = curves.parting.unwrap();
        assert_eq!(parting.at, Place { task: 0, step: 5, before: 5 });
        assert_eq!(parting.fields.iter().map(|field| &*field.name).collect::<Vec<_>>(), ["loss", "terms.ce"]);
        // 1e-9 times 4^5 is the first above a millionth.
        assert_eq!(curves.beyond.unwrap().before, 10);
        assert_eq!(curves.gaps.iter().map(|gap| gap.after).collect::<Vec<_>>(), [0, 1, 10, 100, 114]);
        assert_eq!(curves.gaps[4].at, Place { task: 1, step: 59, before: 119 });
        assert!((curves.gaps[1].relative / curves.gaps[0].relative - 4.0).abs() < 1e-3);
    }

    #[test]
    fn a_term_of_one_run_alone_is_a_difference() {
        let mut other = run(1, |_| 2.0);
        other[0].terms.insert("l2".to_owned(), 0.0);
        let fields = Curves::new(&run(1, |_| 2.0), &other).parting.unwrap().fields;
        assert_eq!(fields, [Field { name: "terms.l2".to_owned(), left: None, right: Some(0.0) }]);
    }
}
