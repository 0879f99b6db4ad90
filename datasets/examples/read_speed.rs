//! How many pictures a second a dataset gives, in order and in a scattered order.
//!
//! ```text
//! cargo run --release -p clf-datasets --example read_speed -- parquet:DIR [THREADS]
//! ```

#![expect(clippy::print_stdout, reason = "a program for people")]

use std::{
    env,
    error::Error,
    path::Path,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::Instant,
};

use clf_core::{
    data::{DataFolder, Samples, Split},
    registry::open_unprepared,
};
use clf_datasets as _;

fn main() -> Result<(), Box<dyn Error>> {
    let locator = env::args().nth(1).ok_or("give a dataset, such as parquet:DIR")?;
    let threads = env::args().nth(2).map_or(Ok(1), |threads| threads.parse())?;
    let start = Instant::now();
    let samples = open_unprepared(&locator, Path::new("."), &DataFolder::new("."))?.split(Split::Train)?;
    println!("{} samples opened in {:.3} s", samples.len(), start.elapsed().as_secs_f64());
    let total = samples.len();
    // A step that shares no factor with the length visits every picture once.
    let step = (total * 5 / 8..total).find(|step| gcd(*step, total) == 1).unwrap_or(1);
    for (what, step, count) in
        [("64 scattered", step, total.min(64)), ("in order", 1, total), ("scattered", step, total)]
    {
        let start = Instant::now();
        read(&*samples, threads, |turn| turn * step % total, count);
        let seconds = start.elapsed().as_secs_f64();
        println!("{what}: {count} pictures, {:.0} a second on {threads} threads", count as f64 / seconds);
    }
    Ok(())
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// Decodes `count` pictures; one that cannot be decoded is said.
fn read(samples: &dyn Samples, threads: usize, index: impl Fn(usize) -> usize + Sync, count: usize) {
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let turn = next.fetch_add(1, Ordering::Relaxed);
                    if turn >= count {
                        break;
                    }
                    if let Err(error) = samples.image(index(turn)) {
                        println!("{error}");
                    }
                }
            });
        }
    });
}
