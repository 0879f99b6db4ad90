use std::fmt;

use burn::tensor::{DType, Device};
use serde::{Deserialize, Serialize};

use crate::fused::is_fused;

/// Arithmetic of matrix products. Weights, moments, norms, softmax and losses have 32 bits whatever it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Precision {
    /// 24 bits of significand, as IEEE 754 has it.
    #[default]
    F32,
    /// Factors rounded to 11 bits of significand, sums of 24; NVIDIA's tensor cores.
    Tf32,
    /// Factors rounded to 8 bits of significand, sums of 24; tensor cores.
    Bf16,
}

impl Precision {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::F32, Self::Tf32, Self::Bf16];

    /// Name in settings.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::Tf32 => "tf32",
            Self::Bf16 => "bf16",
        }
    }

    /// Refuses what `device` has no arithmetic for.
    ///
    /// # Errors
    ///
    /// The reason and what to choose instead.
    pub fn check(self, device: &Device) -> Result<(), String> {
        if self == Self::F32 || !is_fused(device) && device.supports_dtype(DType::BF16) {
            return Ok(());
        }
        let whose = if is_fused(device) { "the CPU" } else { "this device" };
        Err(format!("{whose} computes in f32 alone; {} needs tensor cores: --device cuda:N", self.name()))
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cpu_has_f32_alone() {
        let cpu = Device::flex();
        assert_eq!(Precision::default().check(&cpu), Ok(()));
        for precision in [Precision::Tf32, Precision::Bf16] {
            let reason = precision.check(&cpu.clone().autodiff()).unwrap_err();
            assert!(reason.contains(precision.name()) && reason.contains("cuda"), "{reason}");
        }
    }

    #[test]
    fn a_name_is_what_settings_say() {
        for precision in Precision::ALL {
            assert_eq!(serde_json::to_value(precision).unwrap(), precision.name());
        }
    }
}
