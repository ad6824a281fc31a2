//! Layers, their parameters, and what walks over them: optimiser, checkpoint and count.

pub mod checkpoint;
pub mod init;
pub mod layers;
pub mod optim;
pub mod parameter;

pub use layers::{BatchNorm, Conv, Linear};
pub use optim::{Sgd, SgdConfig};
pub use parameter::{Module, Role, Scope, Visitor, parameter_count};
