//! Tensor ops on dfdx's tape: what the models need and stable dfdx lacks, each with a fused CPU kernel and a
//! composition of dfdx's own ops for every other device.
//!
//! Pictures lie channels last, `(B, H, W, C)`. Every op takes contiguous tensors: dfdx keeps strides private, so a
//! permuted tensor must be made contiguous by the op that permuted it.

pub mod activation;
pub mod adam;
pub mod attend;
pub mod attention;
pub mod batch_norm;
pub mod concat;
pub mod conv2d;
pub mod cross_entropy;
pub mod dropout;
pub mod embed;
mod gather;
pub mod group_norm;
pub mod hinge;
pub mod host;
pub mod layer_norm;
pub mod linear;
pub mod macs;
pub mod modulate;
pub mod peak;
pub mod perceptron;
pub mod plus;
pub mod pool2d;
pub mod random;
mod rows;
mod scratch;
pub mod sgd;
pub mod simd;
pub mod space_depth;
pub mod spectral;
#[cfg(test)]
pub(crate) mod testing;
pub mod threads;
pub mod translate;

pub use activation::{Activation, ActivationOp};
pub use adam::{AdamOp, AdamStep};
pub use attend::{AttendOp, Projections};
pub use attention::{Attention, AttentionOp};
pub use batch_norm::{BatchNormOp, Moments};
pub use concat::ConcatOp;
pub use conv2d::{Conv2d, Conv2dOp};
pub use cross_entropy::{CrossEntropyOp, cross_entropy};
pub use dropout::DropoutOp;
pub use embed::EmbedOp;
pub use group_norm::GroupNormOp;
pub use host::{Image, Matrix, Tokens, Vector};
pub use layer_norm::LayerNormOp;
pub use linear::LinearOp;
pub use modulate::ModulateOp;
pub use perceptron::{Affine, PerceptronOp};
pub use plus::PlusOp;
pub use pool2d::Pool2dOp;
pub use rows::rows;
pub use sgd::{SgdOp, SgdStep};
pub use space_depth::SpaceDepthOp;
pub use spectral::SpectralOp;
pub use threads::share_work;
pub use translate::TranslateOp;

/// A device that models run on: dfdx's ops and ours.
pub trait Backend:
    Conv2dOp
    + Pool2dOp
    + BatchNormOp
    + GroupNormOp
    + LayerNormOp
    + AttendOp
    + AttentionOp
    + ConcatOp
    + CrossEntropyOp
    + DropoutOp
    + EmbedOp
    + LinearOp
    + ModulateOp
    + PerceptronOp
    + PlusOp
    + SpaceDepthOp
    + SpectralOp
    + TranslateOp
    + SgdOp
    + AdamOp
{
}

impl Backend for dfdx::prelude::Cpu {}

#[cfg(feature = "cuda")]
impl Backend for dfdx::prelude::Cuda {}
