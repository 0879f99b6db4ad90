//! What Slurm says of the tasks of a sweep.

use std::collections::BTreeMap;

use super::ask;

/// The tasks that are in Slurm's queue or at work.
#[derive(Debug, Default)]
pub struct Queue {
    tasks: BTreeMap<String, Task>,
    /// Why nothing is known, where that is so.
    pub problem: Option<String>,
}

/// A task that Slurm knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// Whether it waits for its turn.
    pub waits: bool,
    /// Its state, and why it waits.
    pub state: String,
}

/// States of tasks that have a node.
const AT_WORK: [&str; 5] = ["RUNNING", "COMPLETING", "CONFIGURING", "SIGNALING", "STAGE_OUT"];
/// States of tasks that are over, which Slurm remembers for some minutes.
const OVER: [&str; 10] = [
    "COMPLETED",
    "CANCELLED",
    "FAILED",
    "TIMEOUT",
    "NODE_FAIL",
    "OUT_OF_MEMORY",
    "BOOT_FAIL",
    "DEADLINE",
    "PREEMPTED",
    "REVOKED",
];

impl Queue {
    /// Asks for `tasks`, `JOB_INDEX` each; with none, Slurm is left alone.
    pub fn ask(tasks: &[&str]) -> Self {
        let mut jobs: Vec<&str> = tasks.iter().filter_map(|task| task.split('_').next()).collect();
        jobs.sort_unstable();
        jobs.dedup();
        if jobs.is_empty() {
            return Self::default();
        }
        let jobs = format!("--jobs={}", jobs.join(","));
        match ask("squeue", &["--noheader", "--array", "--format=%i|%T|%r", &jobs]) {
            Ok(answer) => Self { tasks: read(&answer), problem: None },
            // A job that was over long ago is forgotten.
            Err(error) if error.to_string().contains("Invalid job id") => Self::default(),
            Err(error) => Self { tasks: BTreeMap::new(), problem: Some(error.to_string()) },
        }
    }

    /// What is known of a task.
    pub fn get(&self, task: &str) -> Option<&Task> {
        self.tasks.get(task)
    }
}

fn read(answer: &str) -> BTreeMap<String, Task> {
    let task = |line: &str| {
        let mut parts = line.trim().splitn(3, '|');
        let (id, state, reason) = (parts.next()?, parts.next()?, parts.next().unwrap_or_default());
        if OVER.contains(&state) {
            return None;
        }
        let reason = if reason.is_empty() || reason == "None" { String::new() } else { format!(" ({reason})") };
        let waits = !AT_WORK.contains(&state);
        let state = format!("{}{}", state.to_lowercase(), if waits { reason } else { String::new() });
        Some((id.to_owned(), Task { waits, state }))
    };
    answer.lines().filter_map(task).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tasks_wait_are_at_work_or_over() {
        let tasks =
            read("12_0|RUNNING|None\n12_1|PENDING|JobArrayTaskLimit\n12_2|COMPLETED|None\n12_3|PENDING|Resources\n");
        assert_eq!(tasks.len(), 3);
        assert_eq!(tasks["12_0"], Task { waits: false, state: "running".into() });
        assert_eq!(tasks["12_1"], Task { waits: true, state: "pending (JobArrayTaskLimit)".into() });
    }
}
