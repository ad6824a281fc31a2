//! Tensor ops on dfdx's tape: what the models need and stable dfdx lacks, each with a fused CPU kernel and a
//! composition of dfdx's own ops for every other device.

pub mod random;
