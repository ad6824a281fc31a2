//! A class-conditional generator of 32x32 pictures and the discriminator that it learns from.
//!
//! Sources: the nets are those of Miyato et al. 2018 ("Spectral Normalization for Generative Adversarial Networks",
//! table 3) with 4x4 convolutions of stride 2 throughout; the discriminator's label enters by projection (Miyato and
//! Koyama 2018, "cGANs with Projection Discriminator", equation 3), the generator's by conditional batch norm. A label
//! head beside the realness score (Odena et al. 2017) names what a picture shows; it branches off before the last layer.

mod discriminator;
mod generator;
mod label_head;

pub use discriminator::{Discriminator, Verdict};
pub use generator::Generator;

const COLOURS: usize = 3;

#[cfg(test)]
mod tests;
