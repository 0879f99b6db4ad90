//! Choosing the device.

use clf_core::{Error, burn::tensor::Device};

/// The device called `name`: `auto`, `cpu` or `cuda:N`.
///
/// # Errors
///
/// When there is no such device or this build cannot use it.
pub fn open(name: &str) -> Result<Device, Error> {
    let device = match name {
        "cpu" => Device::flex(),
        "auto" => cuda(0).unwrap_or_else(Device::flex),
        _ => {
            let index = name.strip_prefix("cuda:").or_else(|| (name == "cuda").then_some("0"));
            let index: usize = index
                .and_then(|index| index.parse().ok())
                .ok_or_else(|| Error::unknown("device", name, ["auto", "cpu", "cuda:0"].into_iter()))?;
            cuda(index).ok_or_else(|| Error::config(format!("--device {name}"), no_cuda()))?
        }
    };
    tracing::info!("device {}", describe(&device));
    Ok(device)
}

/// Name of `device` for the run record.
pub fn describe(device: &Device) -> String {
    if *device == Device::flex() { "cpu".to_owned() } else { format!("{device:?}") }
}

/// CUDA device `index`, if there are that many. Devices are counted first: constructing a missing one fails late.
#[cfg(feature = "cuda")]
fn cuda(index: usize) -> Option<Device> {
    use clf_core::burn::tensor::DeviceType;
    (index < Device::enumerate(DeviceType::Cuda).into_vec().len()).then(|| Device::cuda(index))
}

#[cfg(not(feature = "cuda"))]
fn cuda(_index: usize) -> Option<Device> {
    None
}

fn no_cuda() -> String {
    if cfg!(feature = "cuda") {
        "there is no such CUDA device; check the driver with nvidia-smi, or use --device cpu".to_owned()
    } else {
        "this build has no CUDA; build with --features cuda, or use --device cpu".to_owned()
    }
}
