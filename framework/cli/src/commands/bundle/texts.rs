//! What a bundle tells its reader: how to run it again.

use clf_core::store::Environment;
use clf_scenarios::ScenarioFile;
use serde_json::{Value, json};

use super::paths::without_home;
use crate::{model, rerun::Rerun, shell};

/// What the texts are about.
pub struct Subject<'a> {
    /// The command behind the run.
    pub rerun: &'a Rerun,
    /// Where and with what it was made.
    pub environment: &'a Environment,
    /// The scenario.
    pub scenario: &'a ScenarioFile,
    /// Arguments that make it again.
    pub arguments: &'a [String],
}

impl Subject<'_> {
    /// `rerun.sh`: makes the run again beside the record, into the folder `rerun` unless it is told otherwise: of a flag that
    /// is given twice, `clf run` takes the last.
    pub fn script(&self) -> String {
        format!(
            "#!/bin/sh\n# Makes the run again into the folder rerun. Flags of clf run take the place of those below, for example\n\
             # --device cuda:0 or --out elsewhere; paths in them begin in this folder. CLF names the program.\nset -e\ncd \"$(dirname \"$0\")\"\nexec \"${{CLF:-clf}}\" {} --out rerun \"$@\"\n",
            shell::line(self.arguments)
        )
    }

    /// `rerun.json`: the same for a program, and what is needed.
    pub fn command(&self) -> Value {
        let Self { rerun, environment, scenario, arguments } = self;
        json!({
            "arguments": arguments,
            "typed": rerun.typed.iter().skip(1).map(|argument| without_home(argument)).collect::<Vec<_>>(),
            "version": environment.version,
            "revision": rerun.revision,
            "program-sha256": environment.program_sha256,
            "model": rerun.model_name(),
            "weights-sha256": environment.weights_sha256,
            "start-sha256": environment.start_sha256,
            "datasets": scenario.datasets(),
        })
    }

    /// `RERUN.md`.
    pub fn readme(&self) -> String {
        let Self { rerun, environment, .. } = self;
        let typed: Vec<String> = rerun.typed.iter().skip(1).map(|part| without_home(part)).collect();
        let revision = rerun.revision.as_ref().map_or_else(String::new, |revision| format!(", revision {revision}"));
        format!(
            "# {method} on {scenario}, seed {seed}\n\nMade by clf {version}{revision} (SHA-256 of the program {program}) on {device}, \
             {precision}, {threads} threads, as\n\n```\nclf {typed}\n```\n\n## Make it again\n\n```\nsha256sum -c SHA256SUMS\n\
             sh rerun.sh\nclf why . rerun\n```\n\n`rerun.sh` calls `clf`, or the program that `CLF` names, and writes the folder `rerun`; \
             `clf why` says what sets it apart from the record. Flags of `clf run` take the place of the recorded ones: \
             `./rerun.sh --device cuda:0 --out elsewhere`; paths in them begin in this folder. On the CPU, with the same version, nothing does.\n\n## Needed\n\n{needs}\n",
            method = rerun.method,
            scenario = rerun.scenario,
            seed = rerun.seed,
            version = environment.version,
            program = environment.program_sha256,
            device = environment.device,
            precision = environment.precision.name(),
            threads = environment.threads,
            typed = shell::line(&typed),
            needs = self.needs().iter().map(|need| format!("- {need}")).collect::<Vec<_>>().join("\n"),
        )
    }

    /// What the reader must have.
    fn needs(&self) -> Vec<String> {
        let Self { rerun, environment, scenario, .. } = self;
        let mut needs = vec![format!("clf {}", environment.version)];
        let name = rerun.model_name();
        needs.push(match rerun.model_file() {
            Some(_) => format!("the model {name}: its weights are here, in weights/"),
            None if name == model::EMBEDDED => format!("the model {name}: built in"),
            None => format!(
                "the model {name}: `clf model fetch {name}`; the SHA-256 of its weights is {}",
                environment.weights_sha256
            ),
        });
        let own = [&rerun.reference_images, &rerun.reference_texts].into_iter().flatten().map(String::as_str);
        let datasets = scenario.datasets().into_iter().filter_map(|locator| dataset_need(locator, "scenario/"));
        let mut datasets: Vec<String> = datasets.chain(own.filter_map(|locator| dataset_need(locator, ""))).collect();
        datasets.sort_unstable();
        datasets.dedup();
        needs.extend(datasets);
        needs
    }
}

/// How to get a dataset, whose relative path starts at `base`; nothing for one that is built in.
fn dataset_need(locator: &str, base: &str) -> Option<String> {
    match locator.split_once(':') {
        Some(("mini", _)) => None,
        Some((_, path)) if path.starts_with('/') => {
            Some(format!("`{locator}`: a path of the machine that made the run; change it in the scenario or config"))
        }
        Some((_, path)) => Some(format!("`{locator}`: own data, looked for in {base}{path}")),
        None => Some(format!("the dataset {locator}: `clf data fetch {locator}`")),
    }
}
