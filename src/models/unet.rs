//! A stand-in of the right shape: one convolution, whose bias is moved by time and label.

use crate::nn::init::uniform_fan_in;
use crate::nn::{Conv, Linear, Module, Scope, Visitor};
use crate::ops::{Backend, Conv2d, Image};
use dfdx::prelude::*;

/// Noisy pictures to their velocity.
#[derive(Clone, Debug)]
pub struct UNet<D: Backend> {
    conv: Conv<D>,
    out: Conv<D>,
    embed: Linear<D>,
    labels: usize,
}

impl<D: Backend> UNet<D> {
    const WIDTH: usize = 16;

    /// # Errors
    /// When the device is out of memory.
    pub fn new(device: &D, labels: usize, seed: u64) -> Result<Self, D::Err> {
        let w = Self::WIDTH;
        let (inputs, embedded) = (3, 2 + labels);
        Ok(Self {
            conv: Conv {
                weight: device.try_tensor_from_vec(
                    uniform_fan_in(seed, "unet.conv", w * 9 * inputs, 9 * inputs),
                    (w, 3, 3, inputs),
                )?,
                bias: Some(device.try_zeros_like(&(w,))?),
                spec: Conv2d { pad: 1, relu: true, ..Conv2d::default() },
            },
            out: Conv {
                weight: device.try_tensor_from_vec(uniform_fan_in(seed, "unet.out", 3 * 9 * w, 9 * w), (3, 3, 3, w))?,
                bias: Some(device.try_zeros_like(&(3,))?),
                spec: Conv2d { pad: 1, ..Conv2d::default() },
            },
            embed: Linear {
                weight: device
                    .try_tensor_from_vec(uniform_fan_in(seed, "unet.embed", 3 * embedded, embedded), (3, embedded))?,
                bias: None,
                relu: false,
            },
            labels,
        })
    }

    /// # Errors
    /// When the device is out of memory.
    pub fn forward<T: Tape<f32, D>>(
        &self,
        x: Image<D, T>,
        times: &[f32],
        labels: &[Option<usize>],
    ) -> Result<Image<D, T>, D::Err> {
        let (batch, height, width, _) = *x.shape();
        let device = x.device().clone();
        let row = |(time, label): (&f32, &Option<usize>)| {
            let mut row = vec![0.0; 2 + self.labels];
            row[0] = *time;
            row[1 + label.map_or(0, |label| label + 1)] = 1.0;
            row
        };
        let rows: Vec<f32> = times.iter().zip(labels).flat_map(row).collect();
        let rows = device.try_tensor_from_vec(rows, (batch, 2 + self.labels))?;
        let (y, tape) = self.out.forward(self.conv.forward(x)?)?.split_tape();
        let shift = self.embed.forward(rows.put_tape(tape))?;
        let shift = shift.try_broadcast_like::<_, Axes2<1, 2>>(&(batch, height, width, 3))?;
        shift.try_add(y)
    }
}

impl<D: Backend> Module<D> for UNet<D> {
    fn walk<V: Visitor<D>>(&mut self, scope: &Scope, visitor: &mut V) -> Result<(), V::Err> {
        self.conv.walk(&scope.child("conv"), visitor)?;
        self.out.walk(&scope.child("out"), visitor)?;
        self.embed.walk(&scope.child("embed"), visitor)
    }
}
