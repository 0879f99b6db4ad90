//! The file that describes a sweep.

use std::{
    fs,
    path::{Path, PathBuf},
};

use clf_core::Error;
use serde::Deserialize;
use toml::{Table, Value};

use super::{
    keys::{as_text, check_known},
    slurm::SlurmSettings,
    space::{Draws, Space},
};
use crate::paths;

/// Keys that are flags of `clf run`, and whether the outcome of a run depends on them.
const FLAGS: [(&str, &str, bool); 16] = [
    ("model", "--model", true),
    ("activation", "--activation", true),
    ("start", "--start", true),
    ("hooks", "--hook", true),
    ("configs", "--config", true),
    ("reference-images", "--reference-images", true),
    ("reference-texts", "--reference-texts", true),
    ("limit-per-class", "--limit-per-class", true),
    ("limit-test", "--limit-test", true),
    ("precision", "--precision", true),
    ("micro-batch", "--micro-batch", true),
    ("checkpoint-every", "--checkpoint-every", false),
    ("keep-checkpoints", "--keep-checkpoints", false),
    ("data", "--data", false),
    ("partial-data", "--partial-data", false),
    ("device", "--device", false),
];
/// The other keys.
const KEYS: [&str; 10] = ["scenario", "methods", "seeds", "out", "metric", "set", "grid", "random", "for", "slurm"];
/// Keys of `[random]` that are no settings.
const DRAWS: [&str; 2] = ["samples", "seed"];
/// Keys of `[for.METHOD]`.
const OF_METHOD: [&str; 3] = ["set", "grid", "random"];

/// A sweep: which runs there are and how they are made.
#[derive(Debug, Clone)]
pub struct SweepFile {
    /// The scenario of all runs.
    pub scenario: String,
    /// The methods.
    pub methods: Vec<String>,
    /// The seeds of every setting.
    pub seeds: Vec<u64>,
    /// The folder of the sweep.
    pub out: PathBuf,
    /// The figure by which settings are ordered, if the file says.
    pub metric: Option<String>,
    /// Random draws.
    pub draws: Draws,
    /// How Slurm is asked.
    pub slurm: SlurmSettings,
    flags: Vec<Flag>,
    all: Space,
    of_methods: Vec<(String, Space)>,
}

/// A flag of `clf run`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Flag {
    name: &'static str,
    /// One entry for every time that the flag is given; a switch has no value.
    values: Vec<Option<String>>,
    decides: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Form {
    scenario: String,
    methods: Vec<String>,
    seeds: Option<Value>,
    out: Option<PathBuf>,
    metric: Option<String>,
    #[serde(default)]
    set: Table,
    #[serde(default)]
    grid: Table,
    #[serde(default)]
    random: Table,
    #[serde(default)]
    r#for: Table,
    #[serde(default)]
    slurm: SlurmSettings,
}

impl SweepFile {
    /// Reads the file at `path`.
    ///
    /// # Errors
    ///
    /// When it cannot be read or says something that cannot be.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let text = fs::read_to_string(path).map_err(|error| Error::io("read the sweep", path, error))?;
        let stem = path.file_stem().map_or_else(|| "sweep".to_owned(), |stem| stem.to_string_lossy().into_owned());
        Self::parse(&text, &stem).map_err(|error| Error::config(path.display().to_string(), error.to_string()))
    }

    fn parse(text: &str, stem: &str) -> Result<Self, Error> {
        let mut table: Table = text.parse().map_err(|error| no_sweep(&error))?;
        let known: Vec<&str> = KEYS.into_iter().chain(FLAGS.map(|(key, ..)| key)).collect();
        check_known("key", &table, &known)?;
        let flags = take_flags(&mut table)?;
        if let Some(Value::Table(slurm)) = table.get("slurm") {
            check_known("key of [slurm]", slurm, &SlurmSettings::KEYS)?;
        }
        let mut form: Form = table.try_into().map_err(|error| no_sweep(&error))?;
        form.slurm.check()?;
        let draws = take_draws(&mut form.random)?;
        let all = Space::read(&form.set, &form.grid, &form.random)?;
        Self {
            seeds: seeds(form.seeds)?,
            out: form.out.unwrap_or_else(|| Path::new(paths::RUNS).join(stem)),
            of_methods: of_methods(&form.r#for, &form.methods)?,
            methods: different("methods", form.methods)?,
            scenario: form.scenario,
            metric: form.metric,
            slurm: form.slurm,
            draws,
            flags,
            all,
        }
        .with_draws_checked()
    }

    /// Refuses draws without settings and settings without draws.
    fn with_draws_checked(self) -> Result<Self, Error> {
        let is_random = self.all.is_random() || self.of_methods.iter().any(|(_, space)| space.is_random());
        match (is_random, self.draws.samples) {
            (true, 0) => Err(Error::config("[random]", "say how many draws there are: samples = 20")),
            (false, 1..) => {
                Err(Error::config("[random]", "there is nothing to draw; name a setting and its distribution"))
            }
            _ => Ok(self),
        }
    }

    /// The settings that are tried with `method`.
    pub fn space(&self, method: &str) -> Space {
        match self.of_methods.iter().find(|(name, _)| name == method) {
            Some((_, own)) => self.all.clone().with(own),
            None => self.all.clone(),
        }
    }

    /// The settings in which points differ, in the order of the file.
    pub fn varied(&self) -> Vec<String> {
        let mut varied: Vec<String> = Vec::new();
        for method in &self.methods {
            let paths: Vec<String> = self.space(method).varied().map(str::to_owned).collect();
            varied.extend(paths.into_iter().filter(|path| !varied.contains(path)).collect::<Vec<_>>());
        }
        varied
    }

    /// The flags of `clf run`, on `device` if it is given.
    pub fn flags(&self, device: Option<&str>) -> Vec<String> {
        let kept = self.flags.iter().filter(|flag| flag.name != "--device" || device.is_none());
        let given = kept.flat_map(|flag| {
            flag.values.iter().flat_map(|value| std::iter::once(flag.name.to_owned()).chain(value.clone()))
        });
        given.chain(device.iter().flat_map(|device| ["--device".to_owned(), (*device).to_owned()])).collect()
    }

    /// The device of the runs, if the file says.
    pub fn device(&self) -> Option<String> {
        self.flags.iter().find(|flag| flag.name == "--device")?.values.first()?.clone()
    }

    /// The flags on which the outcome of a run depends.
    pub fn deciding_flags(&self) -> Vec<(&str, &[Option<String>])> {
        self.flags.iter().filter(|flag| flag.decides).map(|flag| (flag.name, &*flag.values)).collect()
    }
}

fn no_sweep(error: &toml::de::Error) -> Error {
    Error::config("it is no sweep", error.to_string().trim())
}

/// Moves the flags of `clf run` out of `table`.
fn take_flags(table: &mut Table) -> Result<Vec<Flag>, Error> {
    let mut flags = Vec::new();
    for (key, name, decides) in FLAGS {
        let values = match table.remove(key) {
            None | Some(Value::Boolean(false)) => continue,
            Some(Value::Boolean(true)) => vec![None],
            Some(Value::Array(values)) => values.iter().map(|value| Some(as_text(value))).collect(),
            Some(Value::Table(_)) => return Err(Error::config(key, "it is a value, not a table")),
            Some(value) => vec![Some(as_text(&value))],
        };
        flags.push(Flag { name, values, decides });
    }
    Ok(flags)
}

/// Moves number and seed of the draws out of `[random]`.
fn take_draws(random: &mut Table) -> Result<Draws, Error> {
    let mut take = |key: &str| match random.remove(key) {
        None => Ok(0),
        Some(Value::Integer(number)) if number >= 0 => Ok(number.cast_unsigned()),
        Some(value) => {
            Err(Error::config(format!("[random] {key}"), format!("{value} is not a whole number of at least 0")))
        }
    };
    let [samples, seed] = DRAWS.map(&mut take);
    Ok(Draws { samples: samples? as usize, seed: seed? })
}

/// A number of seeds from 0 on, or the seeds themselves.
fn seeds(value: Option<Value>) -> Result<Vec<u64>, Error> {
    let wrong = || Error::config("seeds", "write how many there are, seeds = 3, or which, seeds = [0, 1, 2]");
    let seeds: Vec<u64> = match value {
        None => vec![0],
        Some(Value::Integer(count @ 1..=1000)) => (0..count.cast_unsigned()).collect(),
        Some(list @ Value::Array(_)) => list.try_into().map_err(|_| wrong())?,
        Some(_) => return Err(wrong()),
    };
    if seeds.is_empty() || seeds.iter().any(|seed| *seed > i64::MAX.cast_unsigned()) {
        return Err(wrong());
    }
    different("seeds", seeds)
}

/// Refuses an empty list, and one with an entry twice.
fn different<T: PartialEq + std::fmt::Debug>(key: &str, list: Vec<T>) -> Result<Vec<T>, Error> {
    match list.iter().enumerate().find(|(i, entry)| list[..*i].contains(entry)) {
        Some((_, twice)) => Err(Error::config(key, format!("{twice:?} is listed twice"))),
        None if list.is_empty() => Err(Error::config(key, "the list is empty")),
        None => Ok(list),
    }
}

/// The tables `[for.METHOD]`.
fn of_methods(table: &Table, methods: &[String]) -> Result<Vec<(String, Space)>, Error> {
    let known: Vec<&str> = methods.iter().map(String::as_str).collect();
    check_known("method of this sweep", table, &known)?;
    let space = |(method, value): (&String, &Value)| {
        let place = format!("[for.{method}]");
        let inner =
            value.as_table().ok_or_else(|| Error::config(&place, "it holds the tables set, grid and random"))?;
        let read = || {
            check_known("table", inner, &OF_METHOD)?;
            let part = |key: &str| match inner.get(key) {
                None => Ok(Table::new()),
                Some(Value::Table(table)) => Ok(table.clone()),
                Some(_) => Err(Error::config(key, "it is a table of settings")),
            };
            Space::read(&part("set")?, &part("grid")?, &part("random")?)
        };
        Ok((method.clone(), read().map_err(|error| Error::config(&place, error.to_string()))?))
    };
    table.iter().map(space).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: &str = "scenario = 'mtil-mini'\nmethods = ['finetune', 'zscl']\n";

    fn parse(more: &str) -> Result<SweepFile, String> {
        SweepFile::parse(&format!("{SHORT}{more}"), "lr").map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_not_said_has_a_default() {
        let file = parse("").unwrap();
        assert_eq!((file.seeds, file.out), (vec![0], PathBuf::from("runs/lr")));
        assert_eq!(file.draws.samples, 0);
    }

    #[test]
    fn seeds_are_a_number_or_a_list() {
        assert_eq!(parse("seeds = 3").unwrap().seeds, [0, 1, 2]);
        assert_eq!(parse("seeds = [5, 1]").unwrap().seeds, [5, 1]);
        for wrong in ["seeds = 0", "seeds = []", "seeds = 'a'", "seeds = [1, 1]", "seeds = [-1]"] {
            assert!(parse(wrong).unwrap_err().contains("seeds"), "{wrong}");
        }
    }

    #[test]
    fn flags_of_a_run_are_passed_on_and_a_device_of_the_pool_wins() {
        let file =
            parse("model = 'ViT-B-16'\nhooks = ['l2', 'ema']\nlimit-test = 20\npartial-data = true\ndevice = 'cpu'")
                .unwrap();
        let flags = "--model ViT-B-16 --hook l2 --hook ema --limit-test 20 --partial-data";
        assert_eq!(file.flags(None).join(" "), format!("{flags} --device cpu"));
        assert_eq!(file.flags(Some("cuda:1")).join(" "), format!("{flags} --device cuda:1"));
        let deciding: Vec<&str> = file.deciding_flags().iter().map(|(name, _)| *name).collect();
        assert_eq!(deciding, ["--model", "--hook", "--limit-test"]);
    }

    #[test]
    fn an_unknown_key_gets_the_nearest_one() {
        for (text, part) in [
            ("seedz = 3", "did you mean \"seeds\"?"),
            ("limit_test = 3", "did you mean \"limit-test\"?"),
            ("[slurm]\npartitoin = 'x'", "did you mean \"partition\"?"),
            ("[for.zslc]\ngrid = {}", "did you mean \"zscl\"?"),
            ("[for.zscl]\ngird = {}", "did you mean \"grid\"?"),
            ("[random]\nsamples = 3", "nothing to draw"),
            ("[random]\na = { uniform = [0, 1] }", "samples = 20"),
            ("[random]\nsamples = 'x'", "[random] samples"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
        let error = SweepFile::parse("methods = []", "x").unwrap_err().to_string();
        assert!(error.contains("scenario"), "{error}");
        let error = SweepFile::parse("scenario = 'a'\nmethods = ['b', 'b']", "x").unwrap_err().to_string();
        assert!(error.contains("methods: \"b\" is listed twice"), "{error}");
    }

    #[test]
    fn a_method_has_settings_of_its_own() {
        let file = parse("[grid]\na = [1, 2]\n[for.zscl.grid]\nb = [1, 2, 3]").unwrap();
        let count = |method: &str| file.space(method).expand(file.draws).unwrap().len();
        assert_eq!((count("finetune"), count("zscl")), (2, 6));
        assert_eq!(file.varied(), ["a", "b"]);
    }
}
