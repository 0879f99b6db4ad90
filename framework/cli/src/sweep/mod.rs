//! Many runs from one file: which they are, where they stand, and how they are started.
//!
//! A [`file::SweepFile`] describes a space of settings; [`point::points`] lists its points, each with a run folder whose
//! name follows from its settings alone. [`check::check`] refuses a sweep in which some point could not start. Points are
//! executed as processes of their own by [`pool::Pool`], on this machine or as the tasks of a Slurm job array
//! ([`slurm`]). The truth about a point is its run folder; [`ledger::Ledger`] keeps what a folder cannot tell: who tried
//! it, when, and how that ended. [`state`] puts both together and [`view`] shows them.

pub mod check;
pub mod child;
pub mod file;
mod keys;
pub mod ledger;
mod lock;
pub mod point;
pub mod pool;
mod random;
pub mod signals;
pub mod slurm;
mod space;
pub mod state;
pub mod view;

use std::path::{Path, PathBuf};

pub use space::Settings;

/// Where the files of a sweep are.
#[derive(Debug, Clone)]
pub struct Place {
    out: PathBuf,
}

impl Place {
    /// The sweep in the folder `out`.
    pub fn new(out: PathBuf) -> Self {
        Self { out }
    }

    /// The folder of the sweep, which holds the run folders.
    pub fn out(&self) -> &Path {
        &self.out
    }

    /// The run folder of a point.
    pub fn run(&self, point: &str) -> PathBuf {
        self.out.join(point)
    }

    /// What the runs of a point said, one attempt after another.
    pub fn log(&self, point: &str) -> PathBuf {
        self.out.join("logs").join(format!("{point}.log"))
    }

    /// The file that is locked while a run of a point goes on.
    pub fn lock(&self, point: &str) -> PathBuf {
        self.out.join("locks").join(point)
    }

    /// The ledger.
    pub fn ledger(&self) -> PathBuf {
        self.out.join("ledger.jsonl")
    }

    /// The same as a table for other programs.
    pub fn csv(&self) -> PathBuf {
        self.out.join("ledger.csv")
    }

    /// The folder of job scripts and what the jobs said.
    pub fn slurm(&self) -> PathBuf {
        self.out.join("slurm")
    }
}
