//! CUDA that is not there, too old or half installed, played by libraries of a few lines.

use std::{fs, path::PathBuf, process::Command};

use super::bench::{Bench, text};

/// What the played libraries answer.
struct Played {
    init: u32,
    driver: u32,
    devices: u32,
    compiler: (u32, u32),
    headers: bool,
}

/// A machine on which all that is asked beforehand is well.
const WELL: Played = Played { init: 0, driver: 99_000, devices: 1, compiler: (12, 0), headers: true };

const DRIVER: &str = "
int cuInit(unsigned flags) { return INIT; }
int cuDriverGetVersion(int *version) { *version = DRIVER; return 0; }
int cuDeviceGetCount(int *count) { *count = DEVICES; return 0; }
";
const COMPILER: &str = "int nvrtcVersion(int *major, int *minor) { *major = MAJOR; *minor = MINOR; return 0; }";

impl Played {
    /// Compiles the libraries into a folder that also has, or has not, the headers.
    fn build(&self, bench: &Bench) -> PathBuf {
        let folder = bench.path("cuda");
        fs::create_dir_all(folder.join("include")).unwrap();
        let (major, minor) = self.compiler;
        let numbers = [
            ("INIT", self.init),
            ("DRIVER", self.driver),
            ("DEVICES", self.devices),
            ("MAJOR", major),
            ("MINOR", minor),
        ];
        for (name, code) in [("cuda", DRIVER), ("nvrtc", COMPILER)] {
            let source = folder.join(format!("{name}.c"));
            fs::write(&source, code).unwrap();
            let mut cc = Command::new("cc");
            cc.args(["-shared", "-fPIC", "-o"]).arg(folder.join(format!("lib{name}.so"))).arg(source);
            cc.args(numbers.map(|(name, value)| format!("-D{name}={value}")));
            assert!(cc.status().unwrap().success(), "the C compiler `cc` is needed");
        }
        for header in ["cuda_bf16.h", "mma.h"] {
            if self.headers {
                fs::write(folder.join("include").join(header), "").unwrap();
            }
        }
        folder
    }

    /// Runs clf on `device`: exit code and stderr.
    fn run(&self, device: &str) -> (Option<i32>, String) {
        let bench = Bench::new();
        let folder = self.build(&bench);
        let arguments = format!("run --method finetune --scenario small.toml --out run --device {device}");
        let mut command = bench.command();
        command.env("LD_LIBRARY_PATH", &folder).env("CUDA_PATH", &folder).args(arguments.split_whitespace());
        let output = command.output().unwrap();
        (output.status.code(), text(&output.stderr))
    }

    #[track_caller]
    fn fails(&self, device: &str, parts: &[&str]) {
        let (code, stderr) = self.run(device);
        assert_eq!(code, Some(2), "{stderr}");
        assert_eq!(stderr.matches("error: ").count(), 1, "{stderr}");
        assert!(!stderr.contains("panicked"), "{stderr}");
        for part in parts {
            assert!(stderr.contains(part), "no {part:?} in {stderr}");
        }
    }
}

#[test]
fn a_driver_without_a_device_is_an_error_or_for_auto_a_reason_to_take_the_cpu() {
    let none = Played { init: 100, ..WELL };
    none.fails("cuda:0", &["CUDA_ERROR_NO_DEVICE", "nvidia-smi", "--device cpu"]);
    let (code, stderr) = none.run("auto");
    assert_eq!(code, Some(0), "{stderr}");
    assert!(stderr.contains("computing on the CPU") && stderr.contains("CUDA_ERROR_NO_DEVICE"), "{stderr}");
}

#[test]
fn a_number_beyond_the_devices_names_how_many_there_are() {
    Played { devices: 2, ..WELL }.fails("cuda:2", &["no CUDA device 2", "the 2 that the driver sees"]);
}

#[test]
fn an_old_driver_is_told_to_be_updated() {
    Played { driver: 11_040, ..WELL }.fails("cuda:0", &["CUDA 11.4", "update the NVIDIA driver"]);
}

#[test]
fn a_compiler_newer_than_the_driver_is_refused() {
    let newer = Played { compiler: (99, 1), ..WELL };
    newer.fails("cuda:0", &["NVRTC 99.1", "a driver for CUDA 99.0", "LD_LIBRARY_PATH"]);
}

#[test]
fn missing_headers_say_where_they_were_looked_for() {
    Played { headers: false, ..WELL }.fails("cuda:0", &["cuda_bf16.h", "/cuda/include", "CUDA_PATH"]);
}

#[test]
fn a_driver_that_fails_later_is_one_error_and_no_panic() {
    WELL.fails("cuda:0", &["CUDA does not work", "cuDeviceGet", "nvidia-smi"]);
}
