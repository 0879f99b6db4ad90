//! Whether CUDA can be used. Everything that burn would find out by a panic on another thread is asked before.

use std::path::PathBuf;

use clf_core::burn::tensor::Device;
use cudarc::{driver, nvrtc};

use super::{PATIENCE, Part, guard};

/// Headers that the generated kernels include.
const HEADERS: [&str; 2] = ["cuda_bf16.h", "mma.h"];

/// CUDA device `index`, if it computes.
pub fn open(index: u16) -> Result<Device, String> {
    guard::within(PATIENCE, move || {
        check_driver(index)?;
        check_compiler()?;
        super::computes(Device::cuda(usize::from(index)))
    })
    .unwrap_or_else(|failure| Err(format!("CUDA does not work: {failure}; check the driver with nvidia-smi")))
}

/// What it finds on the device of a number.
type Check = fn(u16) -> Result<String, String>;

/// What CUDA device `index` needs, in the order in which it is asked; ends with the first part that is wrong.
pub fn parts(index: u16) -> Vec<Part> {
    let checks: [(&'static str, Check); 2] = [("CUDA driver", check_driver), ("NVRTC", |_| check_compiler())];
    let mut parts = Vec::new();
    for (name, check) in checks {
        let found = guard::within(PATIENCE, move || check(index)).and_then(|found| found);
        let is_wrong = found.is_err();
        parts.push(Part { name, found });
        if is_wrong {
            break;
        }
    }
    parts
}

/// The driver's version and its number of devices.
fn check_driver(index: u16) -> Result<String, String> {
    if !has_driver() {
        return Err("there is no CUDA driver (libcuda.so.1 is not found); install the NVIDIA driver, and check it \
                    with nvidia-smi"
            .to_owned());
    }
    driver::result::init().map_err(|error| {
        let hint = "check with nvidia-smi that a GPU is visible, and CUDA_VISIBLE_DEVICES";
        format!("the CUDA driver does not start ({:?}); {hint}", error.0)
    })?;
    let (has, built) = (Version::of_driver()?, Version::from(driver::sys::CUDA_VERSION));
    if has.major < built.major {
        return Err(format!(
            "the driver knows CUDA {has}, but this build needs at least {}.0; update the NVIDIA driver, or build clf with \
             CUDARC_CUDA_VERSION set to an older version, for example 12080",
            built.major
        ));
    }
    let count = driver::result::device::get_count().map_err(|error| format!("no CUDA device: {:?}", error.0))?;
    if i32::from(index) >= count {
        return Err(format!("there is no CUDA device {index}; nvidia-smi lists the {count} that the driver sees"));
    }
    Ok(format!("CUDA {has}, {count} devices"))
}

/// The kernels are compiled where they run: that takes NVRTC, not newer than the driver, and CUDA's headers.
///
/// Gives the version of NVRTC and the folder of the headers.
fn check_compiler() -> Result<String, String> {
    let where_to_get = "install a CUDA toolkit, or pip install nvidia-cuda-nvrtc nvidia-cuda-runtime nvidia-cuda-cccl";
    if !has_compiler() {
        return Err(format!(
            "NVRTC is missing (libnvrtc.so is not found); {where_to_get}, and name the folder of the library in \
             LD_LIBRARY_PATH"
        ));
    }
    let (driver, compiler) = (Version::of_driver()?, Version::of_compiler()?);
    if compiler > driver {
        return Err(format!(
            "NVRTC {compiler} writes code that a driver for CUDA {driver} cannot load; update the NVIDIA driver, or put an \
             NVRTC of at most {driver} first in LD_LIBRARY_PATH"
        ));
    }
    let folder = cubecl_cuda::install::cuda_path().map(|path| path.join("include"));
    let missing = |folder: &PathBuf| HEADERS.into_iter().find(|header| !folder.join(header).is_file());
    match folder.as_ref().map(|folder| (folder, missing(folder))) {
        Some((folder, None)) => Ok(format!("NVRTC {compiler}, headers in {}", folder.display())),
        Some((folder, Some(header))) => Err(format!(
            "CUDA's headers are missing ({header} is not in {}); {where_to_get}, and set CUDA_PATH to the folder that holds \
             include/{header}",
            folder.display()
        )),
        None => Err(format!(
            "CUDA's headers are not found; {where_to_get}, and set CUDA_PATH to the folder that holds include/{}",
            HEADERS[0]
        )),
    }
}

/// A version of CUDA, as 1000 times major plus 10 times minor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Version {
    major: u32,
    minor: u32,
}

impl From<u32> for Version {
    fn from(number: u32) -> Self {
        Self { major: number / 1000, minor: number % 1000 / 10 }
    }
}

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

#[expect(unsafe_code, reason = "cudarc has no safe function for what is asked here")]
mod foreign {
    use super::{Version, driver, nvrtc};

    /// Whether the driver's library can be loaded.
    pub fn has_driver() -> bool {
        // SAFETY: loads a system library and nothing else.
        unsafe { driver::sys::is_culib_present() }
    }

    /// Whether the library of the compiler can be loaded.
    pub fn has_compiler() -> bool {
        // SAFETY: loads a system library and nothing else.
        unsafe { nvrtc::sys::is_culib_present() }
    }

    impl Version {
        pub fn of_driver() -> Result<Self, String> {
            let mut number = 0;
            // SAFETY: writes one integer to a place that outlives the call.
            let status = unsafe { driver::sys::cuDriverGetVersion(&raw mut number) };
            status.result().map_err(|error| format!("the driver does not tell its version: {:?}", error.0))?;
            Ok(Self::from(number.unsigned_abs()))
        }

        pub fn of_compiler() -> Result<Self, String> {
            let (mut major, mut minor) = (0, 0);
            // SAFETY: writes two integers to places that outlive the call.
            let status = unsafe { nvrtc::sys::nvrtcVersion(&raw mut major, &raw mut minor) };
            status.result().map_err(|error| format!("NVRTC does not tell its version: {error}"))?;
            Ok(Self { major: major.unsigned_abs(), minor: minor.unsigned_abs() })
        }
    }
}

use foreign::{has_compiler, has_driver};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_as_numbers() {
        assert_eq!(Version::from(12_080), Version { major: 12, minor: 8 });
        assert!(Version::from(12_090) < Version::from(13_000));
        assert!(Version { major: 12, minor: 10 } > Version::from(12_090));
        assert_eq!(Version::from(13_010).to_string(), "13.1");
    }
}
