//! Flags of `clf sweep`.

use std::{num::NonZeroUsize, path::PathBuf};

use clap::Args;

use super::positive;

/// Runs all points of a sweep that are not finished, and shows what came of them.
#[derive(Args)]
#[command(after_help = EXAMPLE)]
pub struct SweepArguments {
    /// The TOML file that describes the sweep.
    #[arg(value_name = "FILE.toml")]
    pub file: PathBuf,
    /// Runs at a time, each a process of its own; the default is one for each of --devices.
    #[arg(long, value_name = "N", conflicts_with = "slurm", value_parser = positive)]
    pub jobs: Option<NonZeroUsize>,
    /// Threads of every run; the default is the cores divided by the runs at a time, or `RAYON_NUM_THREADS`.
    #[arg(long, value_name = "N", conflicts_with = "slurm", value_parser = positive)]
    pub threads: Option<NonZeroUsize>,
    /// Devices of the runs at a time, in turn, for example cuda:0,cuda:1; the default is `device` in the file.
    #[arg(long, value_name = "DEVICE,...", value_delimiter = ',')]
    pub devices: Vec<String>,
    #[command(flatten)]
    pub action: SweepAction,
    #[command(flatten)]
    pub rules: SweepRules,
    /// The figure by which settings are ordered; the default is `metric` in the file, or the average of the procedure.
    #[arg(long, value_name = "NAME")]
    pub metric: Option<String>,
    /// Folder of the sweep; the default is `out` in the file, or runs/FILE.
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Prints all values as JSON.
    #[arg(long)]
    pub json: bool,
    /// Prints Markdown tables.
    #[arg(long, conflicts_with = "json")]
    pub markdown: bool,
}

/// What is done, if not to run all points here.
#[derive(Args)]
pub struct SweepAction {
    /// Writes a Slurm job array with a task for every point that is not finished, and submits it with sbatch.
    #[arg(long, conflicts_with = "point")]
    pub slurm: bool,
    /// Shows where every point stands; starts nothing.
    #[arg(long, conflicts_with_all = ["slurm", "point", "dry_run", "jobs"])]
    pub status: bool,
    /// Prints all points with their commands, or writes the job script; starts nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// Runs this point alone, as a task of a job array does.
    #[arg(long, value_name = "NAME", conflicts_with = "jobs")]
    pub point: Option<String>,
}

/// Which points are run.
#[derive(Args)]
pub struct SweepRules {
    /// Leaves points alone whose last attempt failed; by default they are tried again.
    #[arg(long)]
    pub skip_failed: bool,
    /// Takes finished points of another build of this program as they are.
    #[arg(long)]
    pub any_build: bool,
    /// Repeats finished points of another build or of other data, which are in the way otherwise.
    #[arg(long, conflicts_with_all = ["any_build", "point", "slurm"])]
    pub overwrite: bool,
}

const EXAMPLE: &str = "\
The file:
  scenario = \"mtil-mini\"
  methods = [\"finetune\", \"zscl\"]
  seeds = 3                                  # 0, 1, 2; or a list
  limit-test = 50                            # model, hooks, configs, device, ...: the flags of clf run

  [set]                                      # the same in all runs
  train.steps = 50
  [grid]                                     # every combination
  train.lr = [1e-5, 5e-5]
  [random]                                   # every draw, with every combination
  samples = 5
  seed = 0
  train.weight-decay = { log-uniform = [1e-4, 1e-1] }   # or uniform, int, choice
  [for.zscl.grid]                            # for one method alone; also set and random
  hook.l2.weight = [0.1, 1.0]
  [slurm]                                    # partition, account, qos, time, mem, cpus-per-task, gpus, constraint,
  time = \"08:00:00\"                          # max-parallel, signal-seconds, max-requeues, array-size, extra, setup
  max-parallel = 8";
