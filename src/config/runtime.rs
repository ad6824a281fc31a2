//! `[runtime]`: where and how runs compute.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::setting::{Allowed, DefaultValue, Setting};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RuntimeConfig {
    pub device: DeviceChoice,
    /// 0 means all.
    pub threads: usize,
    pub slots: usize,
    pub min_free_mib: u64,
    pub launcher: Vec<String>,
    pub on_finish: Vec<String>,
}

impl Default for RuntimeConfig {
    fn default() -> Self {
        Self {
            device: DeviceChoice::Auto,
            threads: 0,
            slots: 1,
            min_free_mib: 0,
            launcher: Vec::new(),
            on_finish: Vec::new(),
        }
    }
}

/// The device as a user names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DeviceChoice {
    /// The first CUDA device where this build and machine have one, else the CPU.
    Auto,
    Cpu,
    /// A CUDA device by its number.
    Cuda(usize),
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Cpu => f.write_str("cpu"),
            Self::Cuda(number) => write!(f, "cuda:{number}"),
        }
    }
}

impl FromStr for DeviceChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            "cpu" => Ok(Self::Cpu),
            "cuda" => Ok(Self::Cuda(0)),
            _ => text
                .strip_prefix("cuda:")
                .filter(|number| (1..=3).contains(&number.len()) && number.bytes().all(|byte| byte.is_ascii_digit()))
                .and_then(|number| number.parse().ok())
                .map(Self::Cuda)
                .ok_or_else(|| format!("{text:?} is no device: {DEVICE_FORM}")),
        }
    }
}

impl Serialize for DeviceChoice {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for DeviceChoice {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

const DEVICE_FORM: &str = "\"auto\", \"cpu\", \"cuda\" or \"cuda:N\" with N from 0 to 999";

pub(super) const SETTINGS: &[Setting] = &[
    Setting {
        key: "device",
        meaning: "What computes. auto: the first CUDA device if this build and this machine have one, else the CPU.",
        allowed: Allowed::Form { text: DEVICE_FORM, check: |text| text.parse::<DeviceChoice>().is_ok() },
        default: DefaultValue::Fixed,
    },
    Setting {
        key: "threads",
        meaning: "CPU threads of a run; 0: all. The trained weights do not depend on it.",
        allowed: Allowed::Integer { from: 0, to: 1024 },
        default: DefaultValue::Fixed,
    },
    Setting {
        key: "slots",
        meaning: "How many runs may compute at once on a device; the others queue.",
        allowed: Allowed::Integer { from: 1, to: 64 },
        default: DefaultValue::Fixed,
    },
    Setting {
        key: "min_free_mib",
        meaning: "A run waits while a shared GPU has less free memory than this (MiB).",
        allowed: Allowed::Integer { from: 0, to: 1_000_000 },
        default: DefaultValue::Fixed,
    },
    Setting {
        key: "launcher",
        meaning: "Words put before a detached worker's command, such as [\"srun\", \"--gres=gpu:1\"].",
        allowed: Allowed::words("[\"nice\", \"-n\", \"10\"]"),
        default: DefaultValue::Fixed,
    },
    Setting {
        key: "on_finish",
        meaning: "A command that the worker starts when a run is over, however it ended: finished, stopped, failed or diverged. It\n\
                  finds PIXSCRIBE_RUN, PIXSCRIBE_PHASE and PIXSCRIBE_DIR in its environment; what it says goes into the run's log.\n\
                  []: none.",
        allowed: Allowed::words("[\"sh\", \"-c\", \"echo $PIXSCRIBE_RUN $PIXSCRIBE_PHASE | mail -s pixscribe me\"]"),
        default: DefaultValue::Fixed,
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_read_as_they_are_written() {
        for device in [DeviceChoice::Auto, DeviceChoice::Cpu, DeviceChoice::Cuda(0), DeviceChoice::Cuda(12)] {
            assert_eq!(device.to_string().parse(), Ok(device));
        }
        assert_eq!("cuda".parse(), Ok(DeviceChoice::Cuda(0)));
        for bad in ["", "gpu", "cuda:", "cuda:-1", "cuda:+1", "cuda:1000", "CPU"] {
            assert!(bad.parse::<DeviceChoice>().is_err(), "{bad:?}");
        }
    }
}
