//! The program and the machine that it runs on.

use std::{
    collections::BTreeMap,
    io::{self, Write},
    path::Path,
};

use clf_core::{
    Error,
    burn::tensor::{Device, Tensor, TensorData},
    clip::kernels,
    registry::{self, DatasetEntry, Entry, HookEntry, MethodEntry, ReaderEntry, ScenarioEntry},
};
use clf_fetch::{free_space, size};

use super::{Patient, Verdict};
use crate::{device, memory, paths};

/// What a run of the small model needs, in MiB.
const SMALL_RUN_MIB: f64 = 512.0;
/// What is little for runs, in bytes: weights of a ViT-B-16 and of its optimizer.
const LITTLE: u64 = 2_000_000_000;
/// Side of the matrices of the small computation.
const SIDE: usize = 32;

pub fn program(_: &Patient) -> Verdict {
    let cuda = if cfg!(feature = "cuda") { "with CUDA" } else { "without CUDA" };
    let found =
        format!("clf {}, {cuda}, {} {}", env!("CARGO_PKG_VERSION"), std::env::consts::OS, std::env::consts::ARCH);
    if cfg!(debug_assertions) {
        return Verdict::warning(
            format!("{found}, not optimised"),
            "build with cargo build --release; this one is slow",
        );
    }
    Verdict::ok(found)
}

pub fn registry(_: &Patient) -> Verdict {
    let counted = count::<MethodEntry>().and_then(|methods| {
        let (hooks, scenarios) = (count::<HookEntry>()?, count::<ScenarioEntry>()?);
        let (datasets, readers) = (count::<DatasetEntry>()?, count::<ReaderEntry>()?);
        let found =
            format!("{methods} methods, {hooks} hooks, {scenarios} scenarios, {datasets} datasets, {readers} readers");
        Ok(Verdict::ok(found))
    });
    Verdict::of(counted, "remove one of the two plugin crates")
}

/// How many entries of a kind there are.
///
/// # Errors
///
/// When two have one name.
fn count<E>() -> Result<usize, Error>
where
    clf_core::inventory::iter<E>: IntoIterator<Item = &'static E>,
    E: Entry + clf_core::inventory::Collect,
{
    let mut seen = BTreeMap::new();
    for entry in registry::all::<E>() {
        *seen.entry(entry.name()).or_insert(0) += 1;
    }
    match seen.iter().find(|(_, count)| **count > 1) {
        Some((name, _)) => Err(Error::Duplicate { kind: E::KIND, name: (*name).to_owned() }),
        None => Ok(seen.len()),
    }
}

pub fn cpu(_: &Patient) -> Verdict {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let (used, threads) = (kernels::instruction_set(), rayon::current_num_threads());
    let found = format!("{cores} cores, {threads} threads, computes with {used}");
    if used == kernels::SCALAR {
        return Verdict::warning(
            found,
            "this CPU has neither AVX2 nor AVX-512 nor NEON; a run takes several times as long",
        );
    }
    if threads < cores {
        return Verdict::warning(found, "RAYON_NUM_THREADS leaves cores idle; unset it");
    }
    Verdict::ok(found)
}

pub fn memory(_: &Patient) -> Verdict {
    let Some(free) = memory::available_mib() else { return Verdict::skipped("this system does not tell") };
    let found = format!("{free:.0} MiB available");
    if free < SMALL_RUN_MIB {
        return Verdict::warning(found, "the small model needs up to 512 MiB; end other programs");
    }
    Verdict::ok(format!("{found}; clf plan says what a run needs"))
}

/// A run that cannot write its folder fails.
pub fn run_folder(patient: &Patient) -> Verdict {
    let advice = "choose a folder that you may write to, with --out";
    Verdict::of(writable(&patient.runs).map(|there| room(&patient.runs, there)), advice)
}

/// Data may be read-only; what is fetched or prepared then has to go elsewhere.
pub fn data_folder(patient: &Patient) -> Verdict {
    let path = &patient.data.path;
    match writable(path) {
        Ok(there) => room(path, there),
        Err(error) if path.is_dir() => Verdict::warning(
            format!("{} can be read alone: {error}", path.display()),
            "clf data fetch and clf model fetch need a folder that you may write to; name one with --data or CLF_DATA",
        ),
        Err(error) => Verdict::failed(error, "name a folder with --data DIR or CLF_DATA"),
    }
}

fn room(folder: &Path, there: bool) -> Verdict {
    let (place, state) = (folder.display(), if there { "writable" } else { "is made when it is needed" });
    let Some(free) = free_space(paths::nearest(folder)) else { return Verdict::ok(format!("{place}: {state}")) };
    let found = format!("{place}: {state}, {} free", size(free));
    if free < LITTLE {
        return Verdict::warning(
            found,
            format!("runs of large models need {} and more; free some space", size(LITTLE)),
        );
    }
    Verdict::ok(found)
}

/// Whether `folder` is there; a file is written where it is or would be, and is gone at once.
///
/// # Errors
///
/// When it cannot be written.
fn writable(folder: &Path) -> Result<bool, Error> {
    let place = paths::nearest(folder);
    let write = || tempfile::tempfile_in(place)?.write_all(b"clf");
    if !place.is_dir() {
        return Err(Error::io("write into", folder, io::Error::from(io::ErrorKind::NotADirectory)));
    }
    write().map_err(|error| Error::io("write into", folder, error))?;
    Ok(folder.is_dir())
}

pub fn device(patient: &Patient) -> Verdict {
    let examined = &patient.examined;
    match (&examined.device, &examined.instead_of_cuda) {
        (Err(reason), _) => Verdict::failed(Error::Device(reason.clone()), "use --device cpu"),
        (Ok(device), Some(reason)) if cfg!(feature = "cuda") => Verdict::warning(
            format!("{}: {reason}", device::describe(device)),
            "runs take the CPU until this is mended",
        ),
        (Ok(device), Some(reason)) => Verdict::ok(format!("{}; {reason}", device::describe(device))),
        (Ok(device), None) => Verdict::ok(device::describe(device)),
    }
}

/// A product of matrices of small whole numbers, which is exact in every arithmetic that clf knows.
pub fn arithmetic(patient: &Patient) -> Verdict {
    let Some(device) = patient.device() else { return Verdict::skipped("there is no device") };
    match product(device) {
        Ok(found) if found == expected_product() => {
            Verdict::ok(format!("a product of {SIDE} x {SIDE} matrices is exact to the last bit"))
        }
        Ok(_) => Verdict::failed(
            Error::Device("a product of matrices of whole numbers comes out wrong".to_owned()),
            "update the driver, try --device cpu, and test the memory of the machine",
        ),
        Err(error) => Verdict::failed(error, "try --device cpu"),
    }
}

fn entry(row: usize, column: usize) -> f32 {
    ((row * 5 + column * 3) % 11) as f32 - 5.0
}

fn product(device: &Device) -> Result<Vec<f32>, Error> {
    let values: Vec<f32> = (0..SIDE * SIDE).map(|i| entry(i / SIDE, i % SIDE)).collect();
    let matrix = Tensor::<2>::from_data(TensorData::new(values, [SIDE, SIDE]), device);
    let product = matrix.clone().matmul(matrix.transpose());
    product.reshape([SIDE * SIDE]).try_into_vec_as::<f32>().map_err(|error| Error::Device(error.to_string()))
}

fn expected_product() -> Vec<f32> {
    let cell = |row, column| (0..SIDE).map(|i| entry(row, i) * entry(column, i)).sum();
    (0..SIDE * SIDE).map(|i| cell(i / SIDE, i % SIDE)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_is_not_there_yet_is_tried_where_it_would_be() {
        let folder = tempfile::tempdir().unwrap();
        let (file, new) = (folder.path().join("file"), folder.path().join("a/b"));
        std::fs::write(&file, "").unwrap();
        assert!(writable(folder.path()).unwrap());
        assert!(!writable(&new).unwrap());
        assert!(!new.exists() && std::fs::read_dir(folder.path()).unwrap().count() == 1);
        assert_eq!(writable(&file.join("runs")).unwrap_err().exit_code(), 6);
    }

    #[test]
    fn the_small_computation_is_the_one_that_is_expected() {
        assert_eq!(product(&Device::flex()).unwrap(), expected_product());
    }
}
