//! Pictures with labels: where they are found, how they are read, and how they become batches.
//!
//! `source` finds a data set and tells its layout; `binary`, `sheets`, `archive` and `folder` each read one layout;
//! `decode` reads a user's own picture; `augment` and `loader` turn images into batches; `sample` and `fetch` make data
//! sets; `verify` checks one.

mod archive;
pub mod augment;
pub mod binary;
mod dataset;
pub mod decode;
mod error;
pub mod fetch;
mod folder;
mod loader;
mod made_up;
pub mod sample;
mod sheets;
mod source;
mod split;
pub mod verify;

pub use dataset::{Dataset, load, load_located};
pub use error::DataError;
pub use folder::{PICTURE_EXTENSIONS, pictures};
pub use made_up::made_up;
pub use source::{Layout, Located, Reason, full_set_folder, locate, roots};
pub use split::{ChannelStats, Labels, Split, draw_evenly, holdout};

/// Width and height of every image, in pixels.
pub const SIDE: usize = 32;
/// Bytes of one image: 32x32 pixels, channels last.
pub const IMAGE_BYTES: usize = SIDE * SIDE * 3;
/// Images a split may hold: far above any set of this kind, low enough that a hostile file can't fill the memory.
pub const MAX_IMAGES: usize = 200_000;

/// CIFAR-10's label names, in the order of their numbers.
pub const CIFAR10_LABELS: [&str; 10] =
    ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];

/// CIFAR-10's label names as `Labels`.
pub fn cifar10_labels() -> Labels {
    CIFAR10_LABELS.iter().map(|s| s.to_string()).collect()
}
