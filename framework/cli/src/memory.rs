//! Memory of this process and of the machine, where the system tells it.

use std::fs;

use clf_core::process;

/// Most memory that this process has held at once in MiB.
pub fn peak_mib() -> Option<f64> {
    process::peak_memory().map(|bytes| bytes as f64 / 1024.0 / 1024.0)
}

/// Memory in MiB that processes can still get: of the machine, or less where the process is in a container.
pub fn available_mib() -> Option<f64> {
    let machine = kib("/proc/meminfo", "MemAvailable:").map(|kib| kib / 1024.0);
    let container = bytes("/sys/fs/cgroup/memory.max").zip(bytes("/sys/fs/cgroup/memory.current"));
    let container = container.map(|(most, used)| (most - used).max(0.0) / 1024.0 / 1024.0);
    machine.into_iter().chain(container).reduce(f64::min)
}

/// The number of a line `NAME   NUMBER kB`.
fn kib(path: &str, name: &str) -> Option<f64> {
    let text = fs::read_to_string(path).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

/// The number in a file; `max` and a missing file are none.
fn bytes(path: &str) -> Option<f64> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    #[test]
    fn some_memory_is_left() {
        assert!(super::available_mib().unwrap() > 1.0);
    }
}
