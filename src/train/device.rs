//! The device that a user asked for, or a clear refusal.

use super::error::TrainError;
use crate::config::DeviceChoice;
use dfdx::prelude::Cpu;

/// A device that models can run on.
pub enum Device {
    Cpu(Cpu),
    #[cfg(feature = "cuda")]
    Cuda(dfdx::prelude::Cuda, usize),
}

impl Device {
    /// Opens the device; `auto` takes the first GPU that this build and machine have, else the CPU. Where this build was made
    /// for a GPU and does not find one, `say` hears a sentence about it.
    ///
    /// # Errors
    /// When a GPU was asked for by name and there is none, in this build or on this machine.
    pub fn open(choice: DeviceChoice, say: impl FnOnce(String)) -> Result<Self, TrainError> {
        match choice {
            DeviceChoice::Cpu => Ok(Self::Cpu(Cpu::default())),
            DeviceChoice::Auto => Ok(cuda(0).unwrap_or_else(|error| {
                if cfg!(feature = "cuda") {
                    say(format!("the CPU computes: {error}"));
                }
                Self::Cpu(Cpu::default())
            })),
            DeviceChoice::Cuda(number) => cuda(number),
        }
    }

    /// `cpu`, `cuda:0` …: the name of its queue.
    pub fn name(&self) -> String {
        match self {
            Self::Cpu(_) => "cpu".to_owned(),
            #[cfg(feature = "cuda")]
            Self::Cuda(_, number) => format!("cuda:{number}"),
        }
    }

    /// A GPU's free memory, which other people's programs share. To be asked by the thread that opened the device.
    pub fn free_mib(&self) -> Option<u64> {
        match self {
            Self::Cpu(_) => None,
            #[cfg(feature = "cuda")]
            Self::Cuda(..) => cudarc::driver::result::mem_get_info().ok().map(|(free, _)| free as u64 >> 20),
        }
    }
}

#[cfg(not(feature = "cuda"))]
fn cuda(number: usize) -> Result<Device, TrainError> {
    Err(TrainError::NoCuda { number, why: "this build has no GPU support; build with --features cuda".to_owned() })
}

/// Asks the driver before dfdx does: on a machine without a GPU dfdx would panic.
#[cfg(feature = "cuda")]
fn cuda(number: usize) -> Result<Device, TrainError> {
    use cudarc::driver::result::{device, init};
    use dfdx::prelude::CudaError;
    let refuse = |why: String| TrainError::NoCuda { number, why };
    // A driver error may panic when it is formatted: only its code is told.
    init().map_err(|error| refuse(format!("the CUDA driver does not start (code {})", error.0 as u32)))?;
    let count = device::get_count().map_err(|error| refuse(format!("no device answers (code {})", error.0 as u32)))?;
    if number as i64 >= i64::from(count) {
        return Err(refuse(format!("the machine has {count} CUDA devices")));
    }
    let device = dfdx::prelude::Cuda::try_build(number, 0).map_err(|error| match error {
        CudaError::Driver(error) => refuse(format!("it does not open (code {})", error.0 as u32)),
        other => refuse(format!("it does not open ({other:?})")),
    })?;
    Ok(Device::Cuda(device, number))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whatever the build and the machine: a GPU that is not there is refused by its name, or told of.
    #[test]
    fn a_gpu_that_is_not_there_is_refused_in_a_sentence_or_replaced() {
        let nobody = |text| panic!("nobody asked for another device: {text}");
        let refused = Device::open(DeviceChoice::Cuda(999), nobody).err().unwrap().to_string();
        assert!(refused.starts_with("cuda:999 cannot be used: "), "{refused}");
        assert_eq!(Device::open(DeviceChoice::Cpu, nobody).unwrap().name(), "cpu");
        let mut said = None;
        let found = Device::open(DeviceChoice::Auto, |text| said = Some(text)).unwrap();
        let is_replaced = cfg!(feature = "cuda") && found.name() == "cpu";
        let due = is_replaced.then_some("the CPU computes: cuda:0 cannot be used: ");
        assert_eq!(said.is_some(), due.is_some());
        assert!(said.iter().zip(due).all(|(said, due)| said.starts_with(due)), "{said:?}");
    }
}
