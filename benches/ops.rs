//! How fast the ops run at the shapes of the default CNN.
//!
//! `cargo bench --bench ops` prints times and multiply-adds a second ("item/s") on all cores, with
//! `RAYON_NUM_THREADS=1` before it on one; the column "fastest" is the one to read on a machine that does other work
//! too. A backward pass counts both of its products, by weights and by input.

use dfdx::prelude::*;
use divan::Bencher;
use divan::counter::{BytesCount, ItemsCount};
use pixscribe::ops::{Activation, BatchNormOp, Conv2d, Conv2dOp, Image, Vector};
use std::fmt;

/// The program's own.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const BATCH: usize = 100;

fn main() {
    pixscribe::ops::share_work(0);
    divan::main();
}

/// A convolution of the default CNN.
struct Layer {
    size: usize,
    channels: usize,
    filters: usize,
    pool: bool,
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { size, channels, filters, pool } = self;
        let pool = if *pool { " pool" } else { "" };
        write!(f, "{size:>2}x{size:<2} {channels:>3}->{filters:<3}{pool:<5}")
    }
}

fn layers() -> impl Iterator<Item = Layer> {
    let shapes = [
        (31, 24, 48, true),
        (15, 48, 48, false),
        (15, 48, 96, true),
        (7, 96, 96, false),
        (7, 96, 128, true),
        (3, 128, 128, false),
    ];
    shapes.into_iter().map(|(size, channels, filters, pool)| Layer { size, channels, filters, pool })
}

impl Layer {
    /// Multiply-adds of one pass over a batch.
    fn macs(&self) -> usize {
        BATCH * self.size * self.size * 9 * self.channels * self.filters
    }

    fn spec(&self) -> Conv2d {
        Conv2d { pad: 1, pool: self.pool, ..Conv2d::default() }
    }

    fn tensors(&self, device: &Cpu) -> (Image<Cpu>, Image<Cpu>) {
        let x = numbers(device, (BATCH, self.size, self.size, self.channels));
        let w = numbers(device, (self.filters, 3, 3, self.channels));
        (x, w)
    }
}

/// A tensor of varied numbers around zero.
fn numbers<S: Shape>(device: &Cpu, shape: S) -> Tensor<S, f32, Cpu> {
    let len = shape.num_elements();
    device.tensor_from_vec((0..len).map(|i| (i * 7919 % 1013) as f32 / 506.0 - 1.0).collect(), shape)
}

/// A loss with the tape of `y`, whose backward pass starts with a gradient of ones at `y`.
///
/// dfdx's own sum would take longer than what is measured.
fn loss<S: Shape>(y: Tensor<S, f32, Cpu, OwnedTape<f32, Cpu>>) -> Tensor<Rank0, f32, Cpu, OwnedTape<f32, Cpu>> {
    let (y, mut tape) = y.split_tape();
    let loss = y.device().zeros();
    tape.add_backward_op(move |grads| {
        grads.get_or_alloc_mut(&y)?.fill(1.0);
        Ok(())
    });
    loss.put_tape(tape)
}

#[divan::bench(args = layers(), sample_count = 40, sample_size = 1)]
fn conv2d_forward(bencher: Bencher, layer: &Layer) {
    let (x, w) = layer.tensors(&Cpu::default());
    bencher.counter(ItemsCount::new(layer.macs())).bench_local(|| Cpu::conv2d(x.clone(), &w, None, layer.spec()));
}

#[divan::bench(args = layers(), sample_count = 40, sample_size = 1)]
fn conv2d_backward(bencher: Bencher, layer: &Layer) {
    let (x, w) = layer.tensors(&Cpu::default());
    bencher
        .counter(ItemsCount::new(2 * layer.macs()))
        .with_inputs(|| Cpu::conv2d(x.leaky_trace(), &w, None, layer.spec()).map(loss))
        .bench_local_values(|loss| loss.map(|loss| loss.backward()));
}

/// The first layer: 2x2 windows of the picture itself onto 24 channels.
#[divan::bench(sample_count = 40, sample_size = 1)]
fn whiten_forward(bencher: Bencher) {
    let device = Cpu::default();
    let (x, w): (Image<Cpu>, Image<Cpu>) = (numbers(&device, (BATCH, 32, 32, 3)), numbers(&device, (24, 2, 2, 3)));
    bencher
        .counter(ItemsCount::new(BATCH * 31 * 31 * 12 * 24))
        .bench_local(|| Cpu::conv2d(x.clone(), &w, None, Conv2d::default()));
}

fn normalised(device: &Cpu) -> (Image<Cpu>, Vector<Cpu>, Vector<Cpu>) {
    (numbers(device, (BATCH, 15, 15, 48)), numbers(device, (48,)), numbers(device, (48,)))
}

#[divan::bench(sample_count = 40, sample_size = 1)]
fn batch_norm_gelu_forward(bencher: Bencher) {
    let (x, gamma, beta) = normalised(&Cpu::default());
    bencher
        .counter(BytesCount::of_many::<f32>(x.shape().num_elements()))
        .bench_local(|| Cpu::batch_norm(x.clone(), &gamma, &beta, 1e-5, Activation::Gelu).map(|y| y.0));
}

#[divan::bench(sample_count = 40, sample_size = 1)]
fn batch_norm_gelu_backward(bencher: Bencher) {
    let (x, gamma, beta) = normalised(&Cpu::default());
    bencher
        .counter(BytesCount::of_many::<f32>(x.shape().num_elements()))
        .with_inputs(|| Cpu::batch_norm(x.leaky_trace(), &gamma, &beta, 1e-5, Activation::Gelu).map(|y| loss(y.0)))
        .bench_local_values(|loss| loss.map(|loss| loss.backward()));
}
