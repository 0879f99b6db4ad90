//! Images a second, on one thread, from JPEG files to what the model reads: the pair of `preprocess.py` beside it.
//!
//! ```sh
//! cargo run --release -p clf-datasets --example preprocess -- FOLDER [SIZE] [ROUNDS]
//! ```
//!
//! Prints the fastest of the rounds for every stage, in images a second of CPU time.

#![expect(clippy::print_stdout, reason = "its output is its purpose")]

use std::{
    env,
    error::Error,
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use clf_core::{
    clip::preprocess::{Preprocess, normalize_into},
    data::{
        DatasetError, Samples,
        prepared::{self, Form},
    },
    random::{Key, Purpose},
};
use clf_datasets::readers::FileSamples;
use image::{DynamicImage, RgbImage};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let folder = arguments.next().ok_or("usage: preprocess FOLDER [SIZE] [ROUNDS]")?;
    let mut number = |default| arguments.next().map_or(Ok(default), |text| text.parse::<u32>());
    let (size, rounds) = (number(224)?, number(5)?);
    let mut files = Vec::new();
    jpegs(Path::new(&folder), &mut files)?;
    files.sort();
    let samples = FileSamples::new(files.into_iter().map(|path| (path, 0)).collect());
    let bench = Bench { preprocess: Preprocess::new(size), count: samples.len(), rounds, started: Instant::now() };

    let images = (0..samples.len()).map(|index| samples.image(index)).collect::<Result<Vec<_>, _>>()?;
    let resized: Vec<RgbImage> = images.iter().map(|image| bench.preprocess.test(image)).collect();
    let mut pixels = vec![0.0; 3 * (size * size) as usize];
    println!("{} JPEG files, {size} pixels, best of {rounds} rounds, images a second of CPU time", samples.len());
    bench.time("decode", |index| samples.image(index).map(drop))?;
    bench.time("resize and crop", |index| {
        std::hint::black_box(bench.preprocess.test(&images[index]));
        Ok(())
    })?;
    bench.time("random crop and resize", |index| {
        std::hint::black_box(bench.crop(&images[index], index));
        Ok(())
    })?;
    bench.time("normalise", |index| {
        normalize_into(&resized[index], &mut pixels);
        Ok(())
    })?;
    bench.time("test transform in all", |index| {
        normalize_into(&bench.preprocess.test(&samples.image(index)?), &mut pixels);
        Ok(())
    })?;
    bench.time("train transform in all", |index| {
        normalize_into(&bench.crop(&samples.image(index)?, index), &mut pixels);
        Ok(())
    })?;
    prepared(&bench, samples, size, &mut pixels)
}

/// The same images out of a file of prepared ones.
fn prepared(bench: &Bench, samples: FileSamples, size: u32, pixels: &mut [f32]) -> Result<(), Box<dyn Error>> {
    let file = env::temp_dir().join(format!("clf-preprocess-{}.pixels", std::process::id()));
    prepared::prepare(&file, &samples, Form::Test(size), |_| {})?;
    let ready = prepared::with_files(Arc::new(samples), std::slice::from_ref(&file), "preprocess")?;
    bench.time("prepared: read", |index| ready.prepared(index, size as usize).map(drop))?;
    bench.time("prepared: test in all", |index| {
        if let Some(image) = ready.prepared(index, size as usize)? {
            normalize_into(image, pixels);
        }
        Ok(())
    })?;
    Ok(fs::remove_file(file)?)
}

/// Shortest time of a round in seconds: the system counts in ticks of some milliseconds.
const SHORTEST: f64 = 0.3;

struct Bench {
    preprocess: Preprocess,
    count: usize,
    rounds: u32,
    started: Instant,
}

impl Bench {
    fn crop(&self, image: &DynamicImage, index: usize) -> RgbImage {
        let mut rng = Key { sample: index as u64, ..Key::default() }.stream(Purpose::Augment);
        let crop = self.preprocess.random_crop(&mut rng, image.width(), image.height());
        self.preprocess.train_crop(image, crop)
    }

    /// CPU time of this thread in seconds, where the system tells it, so that what else runs on the machine matters little.
    fn seconds(&self) -> f64 {
        let told = fs::read_to_string("/proc/thread-self/schedstat").ok();
        let nanoseconds = told.and_then(|text| text.split_whitespace().next()?.parse().ok());
        nanoseconds.map_or_else(|| self.started.elapsed(), Duration::from_nanos).as_secs_f64()
    }

    fn time(&self, what: &str, mut stage: impl FnMut(usize) -> Result<(), DatasetError>) -> Result<(), DatasetError> {
        let mut best = f64::INFINITY;
        for _ in 0..self.rounds {
            let (started, mut passes) = (self.seconds(), 0);
            while passes == 0 || self.seconds() - started < SHORTEST {
                (0..self.count).try_for_each(&mut stage)?;
                passes += 1;
            }
            best = best.min((self.seconds() - started) / f64::from(passes));
        }
        println!("{what:24} {:9.1}", self.count as f64 / best);
        Ok(())
    }
}

fn jpegs(folder: &Path, found: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let ending = path.extension().map(OsStr::to_ascii_lowercase);
        if path.is_dir() {
            jpegs(&path, found)?;
        } else if ending.is_some_and(|ending| ending == "jpg" || ending == "jpeg") {
            found.push(path);
        }
    }
    Ok(())
}
