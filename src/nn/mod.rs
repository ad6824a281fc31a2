//! Layers, their parameters, and what walks over them: optimiser, checkpoint and count.

pub mod adam;
pub mod adversarial;
pub mod checkpoint;
pub mod denoising;
pub mod init;
pub mod layers;
pub mod optim;
pub mod parameter;
pub mod transformer;

pub use adam::{Adam, AdamConfig, Ema};
pub use adversarial::{ConditionalNorm, Embedding, Spectral};
pub use denoising::{GroupNorm, SelfAttention};
pub use layers::{BatchNorm, Conv, Linear};
pub use optim::{Sgd, SgdConfig};
pub use parameter::{Module, Role, Scope, Visitor, Without, parameter_count};
pub use transformer::LayerNorm;
