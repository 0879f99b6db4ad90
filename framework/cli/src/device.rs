//! Choosing the device, and what happens when it fails.

#[cfg(feature = "cuda")]
mod cuda;
mod guard;

use clf_core::{Error, burn::tensor::Device};

pub use guard::exit_code;
pub(crate) use guard::{Reported, watch};

/// What `--device` asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Choice {
    Auto,
    Cpu,
    Cuda(u16),
}

impl Choice {
    fn parse(name: &str) -> Result<Self, Error> {
        let index = |text: &str| text.parse().ok().map(Self::Cuda);
        let choice = match name {
            "auto" => Some(Self::Auto),
            "cpu" => Some(Self::Cpu),
            "cuda" => Some(Self::Cuda(0)),
            _ => name.strip_prefix("cuda:").and_then(index),
        };
        choice.ok_or_else(|| Error::unknown("device", name, ["auto", "cpu", "cuda:0"].into_iter()))
    }
}

/// The device called `name`: `auto`, `cpu` or `cuda:N`.
///
/// `auto` is the first CUDA device if it computes, and the CPU otherwise; why not CUDA is said.
///
/// # Errors
///
/// When there is no such device or it cannot be used.
pub fn open(name: &str) -> Result<Device, Error> {
    let device = match Choice::parse(name)? {
        Choice::Cpu => Device::flex(),
        Choice::Cuda(index) => cuda(index)
            .map_err(|reason| Error::config(format!("--device {name}"), format!("{reason}; or use --device cpu")))?,
        Choice::Auto => cuda(0).unwrap_or_else(|reason| {
            // Where CUDA was not asked for when clf was built, nobody expects it.
            if cfg!(feature = "cuda") {
                tracing::warn!("computing on the CPU: {reason}");
            } else {
                tracing::info!("computing on the CPU: {reason}");
            }
            Device::flex()
        }),
    };
    tracing::info!("device {}", describe(&device));
    Ok(device)
}

/// A part of a device that is looked at before the device is used.
pub(crate) struct Part {
    /// What it is.
    pub name: &'static str,
    /// Its version or place, or what is wrong with it.
    pub found: Result<String, String>,
}

/// A device that was looked at.
pub(crate) struct Examined {
    /// What was looked at, up to the first part that is wrong.
    pub parts: Vec<Part>,
    /// The device, or why it cannot be used.
    pub device: Result<Device, String>,
    /// Why it is the CPU where CUDA was looked for.
    pub instead_of_cuda: Option<String>,
}

/// Looks at the device called `name`, as [`open`] does, and says what was found.
///
/// # Errors
///
/// When there is no such name.
pub(crate) fn examine(name: &str) -> Result<Examined, Error> {
    let (index, is_asked) = match Choice::parse(name)? {
        Choice::Cpu => {
            return Ok(Examined { parts: Vec::new(), device: Ok(Device::flex()), instead_of_cuda: None });
        }
        Choice::Auto => (0, false),
        Choice::Cuda(index) => (index, true),
    };
    let (parts, device) = (cuda_parts(index), cuda(index));
    Ok(match device {
        Err(reason) if !is_asked => Examined { parts, device: Ok(Device::flex()), instead_of_cuda: Some(reason) },
        device => Examined { parts, device, instead_of_cuda: None },
    })
}

/// Refuses a name that no device can have; whether there is such a device is not looked at.
///
/// # Errors
///
/// Names it, and the nearest one.
pub fn check_name(name: &str) -> Result<(), Error> {
    Choice::parse(name).map(drop)
}

/// Name of `device` for the run record.
pub fn describe(device: &Device) -> String {
    if *device == Device::flex() { "cpu".to_owned() } else { format!("{device:?}") }
}

/// CUDA device `index` if it computes, otherwise why not and what to do.
#[cfg(feature = "cuda")]
fn cuda(index: u16) -> Result<Device, String> {
    cuda::open(index)
}

#[cfg(feature = "cuda")]
fn cuda_parts(index: u16) -> Vec<Part> {
    cuda::parts(index)
}

#[cfg(not(feature = "cuda"))]
fn cuda_parts(_index: u16) -> Vec<Part> {
    Vec::new()
}

#[cfg(not(feature = "cuda"))]
fn cuda(_index: u16) -> Result<Device, String> {
    Err("this build has no CUDA; build with --features cuda".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_auto_the_cpu_or_a_numbered_cuda_device() {
        let parse = |name| Choice::parse(name).ok();
        assert_eq!(parse("auto"), Some(Choice::Auto));
        assert_eq!(parse("cpu"), Some(Choice::Cpu));
        assert_eq!((parse("cuda"), parse("cuda:3")), (Some(Choice::Cuda(0)), Some(Choice::Cuda(3))));
        for wrong in ["gpu", "cuda:", "cuda:x", "cuda:-1", "CPU", ""] {
            let error = Choice::parse(wrong).unwrap_err().to_string();
            assert!(error.contains("unknown device"), "{wrong}: {error}");
        }
    }
}
