//! Architectures, one a file: shapes and wiring, no training.

pub mod captioner;
pub mod cnn;
pub mod gan;
pub mod unet;
pub mod whitening;

pub use cnn::{Cnn, CnnKind};
pub use gan::{Discriminator, Generator, Verdict};
pub use unet::UNet;
