//! What can compute here.

use super::finding::Finding;
use crate::config::{DeviceChoice, RuntimeConfig};
use crate::ops::simd::{self, Level};

pub fn examine(runtime: &RuntimeConfig) -> Vec<Finding> {
    vec![processor(runtime), gpu(runtime.device)]
}

fn processor(runtime: &RuntimeConfig) -> Finding {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let used = match runtime.threads {
        0 => "all used".to_owned(),
        n => format!("runtime.threads = {n}"),
    };
    let text = format!("{cores} CPU threads ({used})");
    match simd::level() {
        Level::Avx512 => Finding::good("cpu", format!("{text}, AVX-512")),
        Level::Avx2 => Finding::good("cpu", format!("{text}, AVX2 and FMA")),
        Level::Portable => Finding::warning(
            "cpu",
            format!("{text}, without AVX2 and FMA"),
            "training works, but slowly: the fast kernels need both",
        ),
    }
}

#[cfg(feature = "cuda")]
fn gpu(asked: DeviceChoice) -> Finding {
    match cuda_devices() {
        Ok(count) if count > 0 => Finding::good("gpu", format!("{count} CUDA devices; runtime.device = \"{asked}\"")),
        Ok(_) => without_gpu(asked, "the CUDA driver is here, but no device"),
        Err(reason) => without_gpu(asked, reason),
    }
}

/// Asks the driver before dfdx touches a device, which would panic without one.
#[cfg(feature = "cuda")]
fn cuda_devices() -> Result<i32, &'static str> {
    use cudarc::driver::result;
    // The driver's error is not shown: looking up its text can panic where no driver is loaded.
    result::init().map_err(|_| "the CUDA driver does not start")?;
    result::device::get_count().map_err(|_| "the CUDA driver does not name its devices")
}

#[cfg(feature = "cuda")]
fn without_gpu(asked: DeviceChoice, what: &str) -> Finding {
    match asked {
        DeviceChoice::Cuda(_) => {
            Finding::problem("gpu", what, "set runtime.device to \"cpu\" or \"auto\", or check `nvidia-smi`")
        }
        _ => {
            Finding::warning("gpu", format!("{what}; the CPU computes"), "check `nvidia-smi`, and CUDA_VISIBLE_DEVICES")
        }
    }
}

#[cfg(not(feature = "cuda"))]
fn gpu(asked: DeviceChoice) -> Finding {
    let build = "build with `cargo build --release --features cuda` (needs nvcc) to use it";
    match (nvidia_gpus(), asked) {
        (_, DeviceChoice::Cuda(_)) => {
            let text = format!("runtime.device = \"{asked}\", but this build knows no CUDA");
            Finding::problem("gpu", text, format!("set it to \"cpu\", or {build}"))
        }
        (0, _) => Finding::good("gpu", "none found; the CPU computes"),
        (count, _) => Finding::warning("gpu", format!("{count} NVIDIA devices, which this build does not use"), build),
    }
}

#[cfg(not(feature = "cuda"))]
fn nvidia_gpus() -> u32 {
    nvml_wrapper::Nvml::init().and_then(|nvml| nvml.device_count()).unwrap_or(0)
}
