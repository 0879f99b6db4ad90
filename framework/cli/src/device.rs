//! Choosing the device, and what happens when it fails.

#[cfg(feature = "cuda")]
mod cuda;
mod guard;
#[cfg(feature = "wgpu")]
mod wgpu;

#[cfg(any(feature = "cuda", feature = "wgpu"))]
use std::time::Duration;

#[cfg(any(feature = "cuda", feature = "wgpu"))]
use clf_core::burn::tensor::Tensor;
use clf_core::{Error, burn::tensor::Device};

pub use guard::exit_code;
pub(crate) use guard::{Reported, watch};

/// What `--device` asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Choice {
    Auto,
    Cpu,
    Cuda(u16),
    /// A discrete GPU, or the best device there is.
    Wgpu(Option<u16>),
}

impl Choice {
    fn parse(name: &str) -> Result<Self, Error> {
        let numbered = |kind: &str| name.strip_prefix(kind)?.strip_prefix(':')?.parse().ok();
        let choice = match name {
            "auto" => Some(Self::Auto),
            "cpu" => Some(Self::Cpu),
            "cuda" => Some(Self::Cuda(0)),
            "wgpu" => Some(Self::Wgpu(None)),
            _ => numbered("cuda").map(Self::Cuda).or_else(|| numbered("wgpu").map(|index| Self::Wgpu(Some(index)))),
        };
        choice.ok_or_else(|| Error::unknown("device", name, ["auto", "cpu", "cuda:0", "wgpu"].into_iter()))
    }
}

/// The device called `name`: `auto`, `cpu`, `cuda:N`, or `wgpu` and `wgpu:N`.
///
/// `auto` is the first CUDA device if it computes, and the CPU otherwise; why not CUDA is said.
///
/// # Errors
///
/// When there is no such device or it cannot be used.
pub fn open(name: &str) -> Result<Device, Error> {
    let asked = |device: Result<Device, String>| {
        device.map_err(|reason| Error::config(format!("--device {name}"), format!("{reason}; or use --device cpu")))
    };
    let device = match Choice::parse(name)? {
        Choice::Cpu => Device::flex(),
        Choice::Cuda(index) => asked(cuda(index))?,
        Choice::Wgpu(index) => asked(wgpu(index))?,
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
        Choice::Wgpu(index) => {
            return Ok(Examined { parts: Vec::new(), device: wgpu(index), instead_of_cuda: None });
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

/// Name of `device` for the run record: the CPU, or a card with what its kernels are compiled for.
pub fn describe(device: &Device) -> String {
    if *device == Device::flex() {
        return "cpu".to_owned();
    }
    #[cfg(any(feature = "cuda", feature = "wgpu"))]
    if let Some(card) = device.identity() {
        return format!("{} ({})", card.name, card.fingerprint);
    }
    format!("{device:?}")
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

/// The device of wgpu if it computes, otherwise why not and what to do.
#[cfg(feature = "wgpu")]
fn wgpu(index: Option<u16>) -> Result<Device, String> {
    wgpu::open(index)
}

#[cfg(not(feature = "wgpu"))]
fn wgpu(_index: Option<u16>) -> Result<Device, String> {
    Err("this build has no wgpu; build with --features wgpu".to_owned())
}

/// Longest time in which a healthy device computes its first result, its first kernel compiled included.
#[cfg(any(feature = "cuda", feature = "wgpu"))]
const PATIENCE: Duration = Duration::from_secs(90);

/// One kernel, with a result that is known: it is compiled, loaded, run and read back.
#[cfg(any(feature = "cuda", feature = "wgpu"))]
fn computes(device: Device) -> Result<Device, String> {
    let values = [1.0_f32, 2.0, 3.0, 4.0];
    let tensor = Tensor::<1>::from_data(values, &device);
    let squares = (tensor.clone() * tensor).try_into_vec_as::<f32>();
    match squares.map_err(|error| guard::first_line(&error.to_string()))? {
        squares if squares == values.map(|value| value * value) => Ok(device),
        squares => Err(format!(
            "{device:?} computes wrong values: the squares of {values:?} came back as {squares:?}; update its driver"
        )),
    }
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
        assert_eq!((parse("wgpu"), parse("wgpu:1")), (Some(Choice::Wgpu(None)), Some(Choice::Wgpu(Some(1)))));
        for wrong in ["gpu", "cuda:", "cuda:x", "cuda:-1", "wgpu:", "CPU", ""] {
            let error = Choice::parse(wrong).unwrap_err().to_string();
            assert!(error.contains("unknown device"), "{wrong}: {error}");
        }
    }
}
