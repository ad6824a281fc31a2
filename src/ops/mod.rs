//! Tensor ops on dfdx's tape: what the models need and stable dfdx lacks, each with a fused CPU kernel and a
//! composition of dfdx's own ops for every other device.
//!
//! Pictures lie channels last, `(B, H, W, C)`. Every op takes contiguous tensors: dfdx keeps strides private, so a
//! permuted tensor must be made contiguous by the op that permuted it.

pub mod activation;
pub mod batch_norm;
pub mod conv2d;
pub mod cross_entropy;
mod gather;
pub mod host;
pub mod linear;
pub mod pool2d;
pub mod random;
pub mod sgd;
pub mod simd;
#[cfg(test)]
pub(crate) mod testing;

pub use activation::{Activation, ActivationOp};
pub use batch_norm::{BatchNormOp, Moments};
pub use conv2d::{Conv2d, Conv2dOp};
pub use cross_entropy::cross_entropy;
pub use host::{Image, Matrix, Vector};
pub use linear::LinearOp;
pub use pool2d::Pool2dOp;
pub use sgd::{SgdOp, SgdStep};

/// A device that models run on: dfdx's ops and ours.
pub trait Backend: Conv2dOp + Pool2dOp + BatchNormOp + LinearOp + SgdOp {}

impl Backend for dfdx::prelude::Cpu {}

#[cfg(feature = "cuda")]
impl Backend for dfdx::prelude::Cuda {}
