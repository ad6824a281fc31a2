//! Architectures, one a file: shapes and wiring, no training.

pub mod cnn;
pub mod whitening;

pub use cnn::{Cnn, CnnKind};
