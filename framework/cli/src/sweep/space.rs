//! The settings of the points of one method: fixed ones, a grid, and random draws.

use std::collections::BTreeMap;

use clf_core::Error;
use toml::{Table, Value};

use super::{
    keys::leaves,
    random::{Distribution, is_distribution},
};

/// Values by the path of their setting.
pub type Settings = BTreeMap<String, Value>;

/// More points than anybody wants; a mistake in the file.
const MOST: usize = 100_000;

/// What the settings of points are taken from.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Space {
    fixed: Settings,
    grid: Vec<(String, Vec<Value>)>,
    random: Vec<(String, Distribution)>,
}

/// How many random draws there are, and their seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Draws {
    /// Number of draws.
    pub samples: usize,
    /// Seed of all draws.
    pub seed: u64,
}

impl Space {
    /// Reads the tables `[set]`, `[grid]` and `[random]`.
    ///
    /// # Errors
    ///
    /// When a value cannot be used or a setting stands in two of the tables.
    pub fn read(set: &Table, grid: &Table, random: &Table) -> Result<Self, Error> {
        let fixed = leaves(set, &|_| false).into_iter().collect();
        let grid = leaves(grid, &|_| false).into_iter().map(axis).collect::<Result<_, _>>()?;
        let random = leaves(random, &is_distribution).into_iter();
        let random = random.map(|(path, value)| Ok((path.clone(), Distribution::read(&path, &value)?)));
        let space = Self { fixed, grid, random: random.collect::<Result<_, Error>>()? };
        space.check()?;
        Ok(space)
    }

    fn check(&self) -> Result<(), Error> {
        let named = [
            ("[set]", self.fixed.keys().collect::<Vec<_>>()),
            ("[grid]", self.grid.iter().map(|(path, _)| path).collect()),
            ("[random]", self.random.iter().map(|(path, _)| path).collect()),
        ];
        let mut seen: BTreeMap<&String, &str> = BTreeMap::new();
        for (table, path) in named.iter().flat_map(|(table, paths)| paths.iter().map(move |path| (*table, *path))) {
            if path == "seed" {
                return Err(Error::config(format!("{table} seed"), "the seed of a run is set by seeds = [0, 1, ...]"));
            }
            if let Some(other) = seen.insert(path, table) {
                return Err(Error::config(
                    format!("{table} {path}"),
                    format!("it stands in {other} as well; keep one"),
                ));
            }
        }
        Ok(())
    }

    /// This space with the settings of `other` in place of its own of the same name.
    #[must_use]
    pub fn with(mut self, other: &Self) -> Self {
        let replaced = other.paths();
        self.fixed.retain(|path, _| !replaced.contains(&path.as_str()));
        self.grid.retain(|(path, _)| !replaced.contains(&path.as_str()));
        self.random.retain(|(path, _)| !replaced.contains(&path.as_str()));
        self.fixed.extend(other.fixed.clone());
        self.grid.extend(other.grid.iter().cloned());
        self.random.extend(other.random.iter().cloned());
        self
    }

    fn paths(&self) -> Vec<&str> {
        self.fixed.keys().map(String::as_str).chain(self.varied()).collect()
    }

    /// Whether anything is drawn.
    pub fn is_random(&self) -> bool {
        !self.random.is_empty()
    }

    /// The settings in which points differ.
    pub fn varied(&self) -> impl Iterator<Item = &str> {
        let grid = self.grid.iter().map(|(path, _)| path.as_str());
        grid.chain(self.random.iter().map(|(path, _)| path.as_str()))
    }

    /// The settings of all points: every point of the grid, the first key slowest, with every draw.
    ///
    /// # Errors
    ///
    /// When there are far too many.
    pub fn expand(&self, draws: Draws) -> Result<Vec<Settings>, Error> {
        let samples = if self.is_random() { draws.samples } else { 1 };
        let count = self.grid.iter().try_fold(samples, |count, (_, values)| count.checked_mul(values.len()));
        if count.is_none_or(|count| count > MOST) {
            let reason = format!("more than {MOST} points of one method; take fewer values, or [random] instead");
            return Err(Error::config("[grid]", reason));
        }
        let start = vec![self.fixed.clone()];
        let grid = self.grid.iter().fold(start, |points, (path, values)| {
            points.iter().flat_map(|point| values.iter().map(|value| with(point, path, value.clone()))).collect()
        });
        let drawn = |point: &Settings, sample: usize| {
            let draw = |point, (path, from): &(String, Distribution)| {
                with(&point, path, from.draw(path, draws.seed, sample as u64))
            };
            self.random.iter().fold(point.clone(), draw)
        };
        Ok(grid.iter().flat_map(|point| (0..samples).map(|sample| drawn(point, sample))).collect())
    }
}

fn with(point: &Settings, path: &str, value: Value) -> Settings {
    let mut point = point.clone();
    point.insert(path.to_owned(), value);
    point
}

fn axis((path, value): (String, Value)) -> Result<(String, Vec<Value>), Error> {
    match value {
        Value::Array(values) if !values.is_empty() => Ok((path, values)),
        value => {
            let reason = format!("{value} is no list of values; write for example [1e-5, 5e-5], or move it to [set]");
            Err(Error::config(format!("[grid] {path}"), reason))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn space(set: &str, grid: &str, random: &str) -> Result<Space, String> {
        let table = |text: &str| text.parse::<Table>().unwrap();
        Space::read(&table(set), &table(grid), &table(random)).map_err(|error| error.to_string())
    }

    fn draws(samples: usize) -> Draws {
        Draws { samples, seed: 0 }
    }

    fn texts(points: &[Settings]) -> Vec<String> {
        let text = |point: &Settings| point.iter().map(|(path, value)| format!("{path}={value}")).collect::<Vec<_>>();
        points.iter().map(|point| text(point).join(" ")).collect()
    }

    #[test]
    fn a_grid_has_every_combination_the_first_key_slowest() {
        let space = space("c = true", "\"x.b\" = [1, 2]\na = ['u', 'v']", "").unwrap();
        let expected = ["a=\"u\" c=true x.b=1", "a=\"v\" c=true x.b=1", "a=\"u\" c=true x.b=2", "a=\"v\" c=true x.b=2"];
        assert_eq!(texts(&space.expand(draws(1)).unwrap()), expected);
        assert_eq!(space.varied().collect::<Vec<_>>(), ["x.b", "a"]);
    }

    #[test]
    fn more_draws_and_more_settings_keep_the_first_ones() {
        let random = "x.lr = { log-uniform = [1e-6, 1e-4] }\ny = { int = [0, 1000000] }";
        let few = space("", "", random).unwrap().expand(draws(3)).unwrap();
        let many = space("", "", random).unwrap().expand(draws(8)).unwrap();
        assert_eq!(few[..], many[..3]);
        let more = space("", "", &format!("{random}\nz = {{ choice = [1, 2] }}")).unwrap().expand(draws(3)).unwrap();
        assert!(few.iter().zip(&more).all(|(few, more)| few["x.lr"] == more["x.lr"] && few["y"] == more["y"]));
    }

    #[test]
    fn every_point_of_the_grid_gets_the_same_draws() {
        let space = space("", "a = [1, 2]", "b = { uniform = [0, 1] }").unwrap();
        let points = space.expand(draws(4)).unwrap();
        assert_eq!(points.len(), 8);
        assert!((0..4).all(|i| points[i]["b"] == points[i + 4]["b"]));
    }

    #[test]
    fn settings_of_a_method_replace_those_of_all() {
        let all = space("a = 1\nb = 1", "c = [1, 2]", "").unwrap();
        let own = space("c = 7", "a = [3, 4]", "").unwrap();
        assert_eq!(texts(&all.with(&own).expand(draws(1)).unwrap()), ["a=3 b=1 c=7", "a=4 b=1 c=7"]);
    }

    #[test]
    fn mistakes_are_named() {
        for ((set, grid, random), part) in [
            (("", "a = 5", ""), "[grid] a: 5 is no list"),
            (("", "a = []", ""), "no list"),
            (("a = 1", "a = [1]", ""), "[grid] a: it stands in [set] as well"),
            (("", "seed = [1, 2]", ""), "seeds = ["),
            (("", "", "a = 5"), "[random] a"),
        ] {
            let error = space(set, grid, random).unwrap_err();
            assert!(error.contains(part), "{error}");
        }
        let ten = "[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]";
        let grid: String = ["a", "b", "c", "d", "e", "f"].map(|key| format!("{key} = {ten}\n")).concat();
        let error = space("", &grid, "").unwrap().expand(draws(1)).unwrap_err().to_string();
        assert!(error.contains("more than 100000"), "{error}");
    }
}
