//! The points of a sweep: single runs.

use std::collections::BTreeSet;

use clf_core::Error;
use sha2::{Digest, Sha256};

use super::{
    Place,
    file::SweepFile,
    keys::{as_text, as_toml},
    space::Settings,
};

/// The readable part of a name is cut after so many characters.
const SLUG: usize = 48;

/// A run of a sweep.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    /// Its name and that of its run folder: METHOD-SETTINGS-HASH-SEED. It follows from what the run is and nothing else.
    pub name: String,
    /// The name without the seed, common to all seeds.
    pub group: String,
    /// The method.
    pub method: String,
    /// The seed.
    pub seed: u64,
    /// All settings that the sweep sets.
    pub settings: Settings,
}

/// All points of `file`, each once: all settings with the first seed before any with the next.
///
/// # Errors
///
/// When there are far too many.
pub fn points(file: &SweepFile) -> Result<Vec<Point>, Error> {
    let mut settings = Vec::new();
    for method in &file.methods {
        let expanded = file.space(method).expand(file.draws)?;
        settings.extend(expanded.into_iter().map(|settings| (group(file, method, &settings), method, settings)));
    }
    // Draws from a list, and values listed twice, may repeat.
    let mut seen = BTreeSet::new();
    settings.retain(|(group, ..)| seen.insert(group.clone()));
    let point = |seed: u64| {
        settings.iter().map(move |(group, method, settings)| Point {
            name: format!("{group}-{seed}"),
            group: group.clone(),
            method: (*method).clone(),
            seed,
            settings: settings.clone(),
        })
    };
    Ok(file.seeds.iter().flat_map(|seed| point(*seed)).collect())
}

/// METHOD-SETTINGS-HASH.
fn group(file: &SweepFile, method: &str, settings: &Settings) -> String {
    let flags: Vec<String> = file.deciding_flags().iter().map(|(name, values)| format!("{name}={values:?}")).collect();
    let values: Vec<String> = settings.iter().map(|(path, value)| format!("{path}={}", as_toml(value))).collect();
    let identity = [vec![file.scenario.clone(), method.to_owned()], flags, values].concat().join("\n");
    let hash = hex::encode(&Sha256::digest(identity.as_bytes())[..4]);
    [method, &slug(settings), &hash].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("-")
}

/// The settings in short, in characters that every file system and shell takes.
fn slug(settings: &Settings) -> String {
    let key = |path: &str| path.rsplit('.').next().unwrap_or_default().to_owned();
    let parts: Vec<String> = settings.iter().map(|(path, value)| format!("{}{}", key(path), as_text(value))).collect();
    let plain = |c: char| if c.is_ascii_alphanumeric() || ".+-".contains(c) { c } else { '_' };
    let slug: String = parts.join("-").chars().map(plain).take(SLUG).collect();
    slug.trim_matches(['.', '-']).to_owned()
}

impl Point {
    /// The point in words: method, the settings of `varied`, seed.
    pub fn label(&self, varied: &[String]) -> String {
        let values = varied.iter().filter_map(|path| Some(format!("{path}={}", as_text(self.settings.get(path)?))));
        let parts: Vec<String> = std::iter::once(self.method.clone()).chain(values).collect();
        format!("{}, seed {}", parts.join(" "), self.seed)
    }

    /// The arguments of the program that make this run, on `device` if it is given.
    pub fn arguments(&self, file: &SweepFile, place: &Place, device: Option<&str>) -> Vec<String> {
        let own = ["run", "--method", &self.method, "--scenario", &file.scenario, "--seed", &self.seed.to_string()]
            .map(String::from);
        let sets =
            self.settings.iter().flat_map(|(path, value)| ["--set".to_owned(), format!("{path}={}", as_toml(value))]);
        let out = ["--out".to_owned(), place.run(&self.name).display().to_string()];
        own.into_iter().chain(file.flags(device)).chain(sets).chain(out).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::*;

    fn points_of(text: &str) -> Vec<Point> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lr.toml");
        fs::write(&path, text).unwrap();
        points(&SweepFile::read(&path).unwrap()).unwrap()
    }

    fn names(points: &[Point]) -> Vec<&str> {
        points.iter().map(|point| point.name.as_str()).collect()
    }

    const TWO: &str = "scenario = 'mtil-mini'\nmethods = ['finetune']\n";

    #[test]
    fn names_are_what_they_were_in_earlier_versions() {
        // A change here would repeat every finished point of every sweep.
        let points = points_of(&format!("{TWO}[grid]\n'train.lr' = [1e-5, 0.5]"));
        assert_eq!(names(&points), ["finetune-lr1e-5-9cc172a6-0", "finetune-lr0.5-e39d0f2f-0"]);
    }

    #[test]
    fn a_larger_sweep_keeps_the_points_of_the_smaller_one() {
        let small = points_of(&format!("{TWO}seeds = 2\n[set]\n'train.steps' = 5\n[grid]\n'train.lr' = [1e-5, 1e-4]"));
        let large = points_of(
            "scenario = 'mtil-mini'\nmethods = ['zscl', 'finetune']\nseeds = [3, 1, 0]\n[grid]\ntrain.steps = [4, 5]\ntrain.lr = [1e-3, 1e-4, 1e-5]",
        );
        assert_eq!((small.len(), large.len()), (4, 36));
        assert!(names(&small).iter().all(|name| names(&large).contains(name)));
    }

    #[test]
    fn another_setting_or_flag_is_another_point() {
        let name = |more: &str| points_of(&format!("{TWO}{more}"))[0].name.clone();
        let base = name("");
        for more in ["hooks = ['l2']", "limit-test = 5", "[set]\na = 1", "model = 'x.pt'"] {
            assert_ne!(name(more), base, "{more}");
        }
        for more in ["device = 'cpu'", "out = 'x'", "data = 'd'", "[slurm]\npartition = 'p'"] {
            assert_eq!(name(more), base, "{more}");
        }
    }

    #[test]
    fn what_is_listed_twice_is_run_once() {
        assert_eq!(points_of(&format!("{TWO}[grid]\na = [1, 2, 1]")).len(), 2);
        assert_eq!(points_of(&format!("{TWO}[random]\nsamples = 40\na = {{ choice = [1, 2] }}")).len(), 2);
    }

    #[test]
    fn all_settings_come_before_the_next_seed() {
        let points = points_of(&format!("{TWO}seeds = 2\n[grid]\na = [1, 2]"));
        assert_eq!(points.iter().map(|point| point.seed).collect::<Vec<_>>(), [0, 0, 1, 1]);
        assert_eq!(points[0].group, points[2].group);
    }

    #[test]
    fn a_name_is_safe_for_files_and_shells() {
        let points =
            points_of(&format!("{TWO}[set]\na = '../x y/$(z)'\nhooks = ['l2', 'ema']\nlong = '{}'", "q".repeat(99)));
        let name = &points[0].name;
        assert!(name.len() < 80 && name.chars().all(|c| c.is_ascii_alphanumeric() || "._-+".contains(c)), "{name}");
        assert_eq!(Path::new(name).components().count(), 1);
    }

    #[test]
    fn a_point_is_a_command() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lr.toml");
        fs::write(&path, format!("{TWO}hooks = ['l2']\n[grid]\n'train.lr' = [1e-5]\nnames = [['a']]")).unwrap();
        let file = SweepFile::read(&path).unwrap();
        let point = &points(&file).unwrap()[0];
        let arguments = point.arguments(&file, &Place::new("out".into()), Some("cpu")).join(" ");
        let expected = "run --method finetune --scenario mtil-mini --seed 0 --hook l2 --device cpu --set names=[\"a\"] \
                        --set train.lr=1e-5 --out out/";
        assert_eq!(arguments, format!("{expected}{}", point.name));
        assert_eq!(point.label(&file.varied()), "finetune train.lr=1e-5 names=[\"a\"], seed 0");
    }
}
