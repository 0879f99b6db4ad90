//! A stand-in for `cubecl-llvm`, so that the `cuda` feature builds without LLVM.
//!
//! `cubecl-cuda` 0.11 has two ways to compile a kernel: through LLVM, or as CUDA C++ that NVRTC
//! compiles at run time. Its `cpp` feature chooses the second, but the crate of the first stays
//! a hard dependency, and that crate's build script downloads an LLVM bundle, which fails on a
//! machine without internet and makes the binary twice as large where it works. This crate
//! declares just the items that `cubecl-cuda` names and refuses to compile anything. It serves no
//! other backend: `cubecl-cpu` and `cubecl-hip` do not build on it.
//!
//! Drop it, together with its `[patch.crates-io]` entry, once `cubecl-cuda` makes `cubecl-llvm`
//! optional or its build script no longer downloads. A new cubecl version needs the version here
//! raised as well: otherwise cargo warns that the patch is unused and takes the published crate.

use std::convert::Infallible;
use std::ffi::c_char;
use std::fmt;

use cubecl_core::environment::backtrace::BackTrace;
use cubecl_core::ir::{attributes::BufferIOAttr, nvidia::SmArch};
use cubecl_core::prelude::KernelDefinition;
use cubecl_core::{CompilationError, Compiler};

use nvptx::ptx_version::PtxVersion;

/// The NVIDIA side of the LLVM route.
pub mod nvptx {
    /// The version of the PTX that LLVM would emit.
    pub mod ptx_version {
        use std::fmt;

        /// A PTX version. It has no values, because nothing here emits PTX.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum PtxVersion {}

        impl PtxVersion {
            /// Always `None`: NVRTC chooses the version itself.
            pub fn for_driver(_driver: i32) -> Option<Self> {
                None
            }
        }

        impl fmt::Display for PtxVersion {
            fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
                match *self {}
            }
        }
    }
}

/// What all targets of the LLVM route have in common.
pub mod shared {
    /// The device features that the LLVM route can honour.
    pub mod lowered_features {
        use cubecl_core::ir::DeviceProperties;

        /// The kind of GPU that features are restricted for.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum GpuTarget {
            /// An NVIDIA GPU.
            Nvptx,
        }

        /// Leaves the features as they are: on this route the first kernel is refused anyway.
        pub fn restrict_features(_properties: &mut DeviceProperties, _target: GpuTarget) {}
    }
}

/// What the compiler is asked to emit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LlvmTarget {
    /// PTX for an NVIDIA GPU.
    #[default]
    Nvptx,
}

/// The options `cubecl-cuda` passes along with a kernel; all go unread.
#[derive(Clone, Debug, Default)]
pub struct PlironOptions {
    /// The architecture of an AMD device, which a CUDA build never has.
    pub arch: Option<Infallible>,
    /// The architecture of the NVIDIA device.
    pub sm_arch: Option<SmArch>,
    /// The newest PTX version that the driver loads.
    pub ptx_version: Option<PtxVersion>,
    /// Whether launch parameters are passed as grid constants.
    pub grid_constants: bool,
}

/// A compiled kernel. It cannot be built, because `never` has no values.
#[derive(Clone, Debug)]
pub struct NvptxModule {
    /// The PTX text, with its closing zero.
    pub ptx: Vec<c_char>,
    /// The LLVM text the PTX came from.
    pub ir: String,
    /// Bytes of shared memory that a launch reserves.
    pub shared_memory_size: usize,
    /// How the kernel uses each buffer.
    pub io: Vec<BufferIOAttr>,
    /// Proof that no module exists.
    pub never: Infallible,
}

/// What a compilation would yield.
#[derive(Clone, Debug)]
pub enum PlironArtifact {
    /// A kernel for an NVIDIA GPU.
    NvptxCode(NvptxModule),
}

impl fmt::Display for PlironArtifact {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::NvptxCode(module) = self;
        match module.never {}
    }
}

/// The compiler that refuses every kernel.
#[derive(Clone, Debug, Default)]
pub struct PlironCompiler {
    /// What would be emitted.
    pub target: LlvmTarget,
}

impl Compiler for PlironCompiler {
    type Representation = PlironArtifact;
    type CompilationOptions = PlironOptions;

    fn compile(
        &mut self,
        _kernel: KernelDefinition,
        _options: &PlironOptions,
    ) -> Result<PlironArtifact, CompilationError> {
        Err(CompilationError::Generic {
            reason: "this build has no LLVM: it carries a stand-in for `cubecl-llvm`, so CUDA \
                     kernels must go through NVRTC; build with the `cpp` feature of `cubecl-cuda`"
                .to_owned(),
            backtrace: BackTrace::capture(),
        })
    }

    fn extension(&self) -> &'static str {
        "ll"
    }

    fn lang_tag(&self) -> &'static str {
        "llvm"
    }
}
