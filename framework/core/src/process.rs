//! What the system says of this process.

#[cfg(target_os = "linux")]
use std::fs;

/// Processor time so far in seconds, of all threads, in the program and in the system; nothing where the system does not
/// tell it.
pub fn cpu_seconds() -> Option<f64> {
    #[cfg(unix)]
    let seconds = {
        use rustix::time::{ClockId, clock_gettime};
        let time = clock_gettime(ClockId::ProcessCPUTime);
        Some(time.tv_sec as f64 + time.tv_nsec as f64 / 1e9)
    };
    #[cfg(not(unix))]
    let seconds = None;
    seconds
}

/// Most memory held at once in bytes, since the process began or [`reset_peak_memory`] was called.
#[cfg(target_os = "linux")]
pub fn peak_memory() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

/// Most memory held at once in bytes; this system does not tell it.
#[cfg(not(target_os = "linux"))]
pub fn peak_memory() -> Option<u64> {
    None
}

/// Lets the peak start anew from what is held now; false where the system does not allow it.
pub fn reset_peak_memory() -> bool {
    #[cfg(target_os = "linux")]
    return fs::write("/proc/self/clear_refs", "5").is_ok();
    #[cfg(not(target_os = "linux"))]
    false
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::{hint::black_box, time::Instant};

    use super::*;

    #[test]
    fn working_takes_processor_time() {
        let (before, started) = (cpu_seconds().unwrap(), Instant::now());
        while started.elapsed().as_millis() < 50 {
            black_box((0..10_000).sum::<u64>());
        }
        assert!(cpu_seconds().unwrap() > before);
    }

    #[test]
    fn the_peak_is_that_of_all_memory_held_at_once() {
        let held = black_box(vec![1_u8; 64 << 20]);
        let peak = peak_memory().unwrap();
        assert!(peak > held.len() as u64);
    }
}
