//! The device of a command that computes here and now.

use crate::config::DeviceChoice;
use crate::train::TrainError;
use crate::train::device::Device;

/// Opens it; what there is to say of it goes to stderr.
///
/// # Errors
/// As [`Device::open`].
pub(super) fn open(choice: DeviceChoice) -> Result<Device, TrainError> {
    Device::open(choice, |text| eprintln!("pixscribe: {text}"))
}
