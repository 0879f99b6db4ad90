//! Any graphics processor that wgpu drives: Vulkan on Linux, Metal on macOS, Direct3D 12 on Windows.

use clf_core::burn::tensor::{Device, DeviceKind};

use super::{PATIENCE, guard};

/// Discrete GPU `index`, or the best device there is, if it computes.
pub fn open(index: Option<u16>) -> Result<Device, String> {
    let kind = index.map_or(DeviceKind::DefaultDevice, |index| DeviceKind::DiscreteGpu(usize::from(index)));
    guard::within(PATIENCE, move || super::computes(Device::wgpu(kind))).unwrap_or_else(Err).map_err(|reason| {
        format!("wgpu does not work: {reason}; check with vulkaninfo --summary that a GPU is visible")
    })
}
