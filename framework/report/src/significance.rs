//! Whether differences between methods may be chance: paired tests over the seeds that two methods have in common.

use clf_core::metrics::names;
use serde::Serialize;
use statrs::distribution::{ContinuousCDF, StudentsT};

use crate::{
    comparison::{Comparison, MethodRuns},
    grid::{Format, Grid, signed_decimal},
};

/// With fewer pairs nothing is said.
pub(crate) const FEWEST_SEEDS: usize = 3;
/// With more pairs there are too many ways to flip signs, and the t-test does.
const MOST_FLIPPED: usize = 16;
/// Share of the interval that is meant to hold the true difference.
const CONFIDENCE: f64 = 0.95;
/// Below it, a probability is not written out.
const SMALLEST_SHOWN: f64 = 0.001;

/// Columns of the tests, behind that of the method.
pub(crate) const COLUMNS: [&str; 7] =
    ["difference in", "mean", "95 % interval", "p", "p (Holm)", "p (sign flips)", "seeds"];

/// Every method against one of them, in every figure.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Significance {
    /// The method that all others are held against.
    pub baseline: String,
    /// A test a method and figure.
    pub tests: Vec<PairedTest>,
}

/// A method against the baseline in one figure.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct PairedTest {
    /// The method.
    pub method: String,
    /// The figure.
    pub metric: &'static str,
    /// Seeds that both have.
    pub seeds: Vec<u64>,
    /// Mean over these seeds of the figure of the method minus that of the baseline.
    pub difference: Option<f64>,
    /// The 95 % confidence interval of that mean (Student's t).
    pub interval: Option<[f64; 2]>,
    /// Two-sided probability of such a difference by chance (paired t-test). Nothing with fewer than three seeds, and
    /// where all differences are equal.
    pub p: Option<f64>,
    /// The same, corrected for testing several methods in this figure (Holm 1979).
    pub p_holm: Option<f64>,
    /// The same as `p` without any assumption on the distribution: the share of all ways to flip the signs of the
    /// differences that give a mean as far from 0 (Fisher's randomisation test). With `n` seeds it is at least
    /// `2 / 2^n`; nothing with more than 16.
    pub p_sign_flip: Option<f64>,
}

impl Comparison {
    /// Every method against the baseline, which is the first method unless another was chosen with
    /// [`Comparison::with_baseline`]. Nothing with one method.
    ///
    /// The baseline is not the best method: which one is best would be decided by the same numbers that are tested.
    pub fn significance(&self) -> Option<Significance> {
        let baseline = self.baseline();
        let others: Vec<&MethodRuns> = self.methods().iter().filter(|method| method.name != baseline.name).collect();
        let mut tests = Vec::new();
        for metric in names(&self.first().result.procedure) {
            let mut of_metric: Vec<PairedTest> = others.iter().map(|method| test(method, baseline, metric)).collect();
            let corrected = holm(&of_metric.iter().map(|test| test.p).collect::<Vec<_>>());
            of_metric.iter_mut().zip(corrected).for_each(|(test, p)| test.p_holm = p);
            tests.extend(of_metric);
        }
        (!tests.is_empty()).then(|| Significance { baseline: baseline.name.clone(), tests })
    }
}

fn test(method: &MethodRuns, baseline: &MethodRuns, metric: &'static str) -> PairedTest {
    let mut pairs: Vec<(u64, f64)> = Vec::new();
    for run in &method.runs {
        let same = baseline.runs.iter().find(|other| other.result.seed == run.result.seed);
        let difference = same.map(|other| run.metric(metric) - other.metric(metric));
        pairs.extend(difference.filter(|value| value.is_finite()).map(|value| (run.result.seed, value)));
    }
    pairs.sort_by_key(|(seed, _)| *seed);
    let (seeds, differences): (Vec<u64>, Vec<f64>) = pairs.into_iter().unzip();
    let enough = differences.len() >= FEWEST_SEEDS;
    let student = student(&differences).filter(|_| enough);
    PairedTest {
        method: method.name.clone(),
        metric,
        difference: (!differences.is_empty()).then(|| mean(&differences)),
        interval: student.map(|(_, interval)| interval),
        p: student.and_then(|(p, _)| p),
        p_holm: None,
        p_sign_flip: if enough { sign_flip(&differences) } else { None },
        seeds,
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Two-sided probability and confidence interval of the mean of `values` (Student 1908); the probability is not defined
/// where all values are equal.
fn student(values: &[f64]) -> Option<(Option<f64>, [f64; 2])> {
    let count = values.len() as f64;
    let distribution = StudentsT::new(0.0, 1.0, count - 1.0).ok()?;
    let mean = mean(values);
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (count - 1.0);
    let error = (variance / count).sqrt();
    // The mean of equal numbers need not be that number.
    let size = values.iter().fold(0.0, |size: f64, value| size.max(value.abs()));
    let p = (error > 1e-12 * size).then(|| 2.0 * distribution.sf((mean / error).abs()));
    let reach = distribution.inverse_cdf(f64::midpoint(1.0, CONFIDENCE)) * error;
    Some((p, [mean - reach, mean + reach]))
}

/// Share of all ways to flip the signs of `values` whose sum is at least as far from 0 as theirs.
fn sign_flip(values: &[f64]) -> Option<f64> {
    if values.len() > MOST_FLIPPED {
        return None;
    }
    let size: f64 = values.iter().map(|value| value.abs()).sum();
    // Sums in another order round differently.
    let limit = values.iter().sum::<f64>().abs() - 1e-12 * size;
    let flipped = |signs: u32| -> f64 {
        values.iter().enumerate().map(|(i, value)| if signs >> i & 1 == 1 { -value } else { *value }).sum()
    };
    let ways = 1_u32 << values.len();
    let as_far = (0..ways).filter(|signs| flipped(*signs).abs() >= limit).count();
    Some(as_far as f64 / f64::from(ways))
}

/// Holm's step-down correction (1979); what has no probability is not counted.
fn holm(probabilities: &[Option<f64>]) -> Vec<Option<f64>> {
    let mut order: Vec<(usize, f64)> = probabilities.iter().enumerate().filter_map(|(i, p)| Some((i, (*p)?))).collect();
    order.sort_by(|(_, a), (_, b)| a.total_cmp(b));
    let mut corrected = vec![None; probabilities.len()];
    let (count, mut largest) = (order.len(), 0.0_f64);
    for (rank, (i, p)) in order.into_iter().enumerate() {
        largest = largest.max((p * (count - rank) as f64).min(1.0));
        corrected[i] = Some(largest);
    }
    corrected
}

impl Significance {
    /// The tests as a table, a row a method and figure; nothing where no method has enough seeds.
    pub fn table(&self, format: Format) -> Option<String> {
        let first = format!("against {}", self.baseline);
        let header = std::iter::once(first).chain(COLUMNS.map(String::from)).collect();
        let rows: Vec<Vec<String>> = self.told().map(cells).collect();
        (!rows.is_empty()).then(|| Grid { header, rows }.render(format))
    }

    /// The tests of methods with enough seeds.
    pub(crate) fn told(&self) -> impl Iterator<Item = &PairedTest> {
        self.tests.iter().filter(|test| test.interval.is_some())
    }

    /// Which methods nothing can be said of, and what would help; nothing where all have enough seeds.
    pub fn line(&self) -> Option<String> {
        let mut few: Vec<String> = Vec::new();
        for test in self.tests.iter().filter(|test| test.interval.is_none()) {
            let text = format!("{} ({})", test.method, test.seeds.len());
            if !few.contains(&text) {
                few.push(text);
            }
        }
        let text = format!(
            "significance: nothing can be said against {} of {}; at least {FEWEST_SEEDS} common seeds are needed",
            self.baseline,
            few.join(", ")
        );
        (!few.is_empty()).then_some(text)
    }
}

/// A test as text: the method and [`COLUMNS`].
pub(crate) fn cells(test: &PairedTest) -> Vec<String> {
    let signed = |value: Option<f64>| signed_decimal(value.unwrap_or(f64::NAN));
    let interval = test.interval.map(|[low, high]| format!("{} to {}", signed_decimal(low), signed_decimal(high)));
    vec![
        test.method.clone(),
        test.metric.to_owned(),
        signed(test.difference),
        interval.unwrap_or_default(),
        probability(test.p),
        probability(test.p_holm),
        probability(test.p_sign_flip),
        test.seeds.len().to_string(),
    ]
}

fn probability(p: Option<f64>) -> String {
    match p {
        None => "-".to_owned(),
        Some(p) if p < SMALLEST_SHOWN => format!("<{SMALLEST_SHOWN}"),
        Some(p) => format!("{p:.3}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Figures of a method and of a baseline; mean difference, p, the ends of the interval, and p of the sign flips.
    ///
    /// From `SciPy` 1.17.1: `ttest_rel(x, y)` with `.confidence_interval(0.95)`, and `permutation_test((x - y,), mean,
    /// permutation_type="samples", n_resamples=inf)`.
    type Expected = (&'static [f64], &'static [f64], [f64; 5]);
    const SCIPY: [Expected; 3] = [
        (
            &[78.5, 77.0, 79.25, 78.0, 80.5],
            &[70.5, 71.25, 69.75, 70.0, 72.5],
            [7.85, 0.000_197_037_907_671_606_42, 6.184_132_936_881_324, 9.515_867_063_118_677, 0.0625],
        ),
        (
            &[61.5, 63.25, 60.0],
            &[62.0, 62.5, 61.75],
            [-0.5, 0.560_058_654_935_940_2, -3.605_172_139_687_913, 2.605_172_139_687_913, 0.75],
        ),
        (
            &[50.1, 50.4, 49.8, 50.6, 50.2, 49.9, 50.3],
            &[50.0, 50.5, 49.5, 50.1, 50.4, 49.6, 50.0],
            [
                0.171_428_571_428_570_82,
                0.119_286_123_672_900_08,
                -0.059_562_559_324_513_46,
                0.402_419_702_181_655_1,
                0.156_25,
            ],
        ),
    ];

    #[test]
    fn tests_equal_those_of_scipy() {
        for (method, baseline, expected) in SCIPY {
            let differences: Vec<f64> = method.iter().zip(baseline).map(|(a, b)| a - b).collect();
            let (p, [low, high]) = student(&differences).unwrap();
            let found = [mean(&differences), p.unwrap(), low, high, sign_flip(&differences).unwrap()];
            for (found, expected) in found.iter().zip(expected) {
                assert!((found - expected).abs() < 1e-9 * expected.abs().max(1e-3), "{found}, SciPy {expected}");
            }
        }
    }

    #[test]
    fn equal_differences_have_no_probability() {
        let (p, interval) = student(&[2.0, 2.0, 2.0]).unwrap();
        assert_eq!((p, interval), (None, [2.0, 2.0]));
        assert_eq!(student(&[0.1; 10]).unwrap().0, None);
        assert_eq!(student(&[0.0; 3]).unwrap().0, None);
        assert_eq!(sign_flip(&[2.0, 2.0, 2.0]), Some(0.25));
        assert_eq!(sign_flip(&[0.0, 0.0, 0.0]), Some(1.0));
        assert_eq!(sign_flip(&[1.0; MOST_FLIPPED + 1]), None);
    }

    #[test]
    fn holm_steps_down_and_leaves_gaps_alone() {
        let corrected = holm(&[Some(0.01), Some(0.04), None, Some(0.03), Some(0.005)]);
        // Sorted: 0.005 * 4, 0.01 * 3, 0.03 * 2, 0.04 * 1, none below the one before.
        let expected = [Some(0.03), Some(0.06), None, Some(0.06), Some(0.02)];
        for (found, expected) in corrected.iter().zip(expected) {
            assert_eq!(found.map(|p| (p * 1e9).round()), expected.map(|p: f64| (p * 1e9).round()));
        }
        assert_eq!(holm(&[Some(0.7), Some(0.6)]), [Some(1.0), Some(1.0)]);
    }

    #[test]
    fn with_few_seeds_the_sentence_says_so_and_there_is_no_table() {
        let of = |method: &str, seeds: Vec<u64>, interval| PairedTest {
            method: method.to_owned(),
            metric: "transfer",
            seeds,
            difference: Some(1.0),
            interval,
            p: interval.map(|_| 0.0001),
            p_holm: interval.map(|_| 0.02),
            p_sign_flip: None,
        };
        let few = Significance { baseline: "finetune".to_owned(), tests: vec![of("zscl", vec![0, 1], None)] };
        assert_eq!(few.table(Format::Text), None);
        let line = few.line().unwrap();
        assert!(line.contains("against finetune of zscl (2)") && line.contains("at least 3"), "{line}");
        let tests = vec![of("zscl", vec![0, 1, 2], Some([0.5, 1.5]))];
        let enough = Significance { baseline: "finetune".to_owned(), tests };
        assert_eq!(enough.line(), None);
        let table = enough.table(Format::Markdown).unwrap();
        assert!(table.ends_with("| zscl | transfer | +1.0 | +0.5 to +1.5 | <0.001 | 0.020 | - | 3 |"), "{table}");
    }
}
