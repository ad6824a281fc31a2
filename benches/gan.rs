//! How long one step of a GAN takes: the discriminator's on real and generated pictures, and the generator's.
//!
//! `cargo bench --bench gan`; "fastest" is the column to read on a machine that does other work too.

use dfdx::prelude::*;
use divan::Bencher;
use pixscribe::models::{Discriminator, Generator};
use pixscribe::nn::{Adam, AdamConfig, Ema};
use pixscribe::ops::{Image, Matrix, cross_entropy, hinge};

/// The program's own.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const BATCH: usize = 64;
const LABELS: usize = 10;
const ADAM: AdamConfig = AdamConfig { beta1: 0.0, beta2: 0.9, eps: 1e-8, weight_decay: 0.0 };

type Recording = OwnedTape<f32, Cpu>;

fn main() {
    pixscribe::ops::share_work(0);
    divan::main();
}

struct Nets {
    generator: Generator<Cpu>,
    discriminator: Discriminator<Cpu>,
    generator_adam: Adam<Cpu>,
    discriminator_adam: Adam<Cpu>,
    average: Ema<Cpu>,
    noise: Matrix<Cpu>,
    real: Image<Cpu>,
    labels: Vec<usize>,
}

impl Nets {
    fn new() -> Self {
        let device = Cpu::default();
        let mut generator = Generator::new(&device, LABELS, 1).unwrap();
        let mut discriminator = Discriminator::new(&device, LABELS, 1).unwrap();
        let numbers = |len: usize| (0..len).map(|i| (i * 7919 % 1013) as f32 / 506.0 - 1.0).collect::<Vec<f32>>();
        let noise_len = Generator::<Cpu>::NOISE;
        Self {
            generator_adam: Adam::new(ADAM, &mut generator).unwrap(),
            discriminator_adam: Adam::new(ADAM, &mut discriminator).unwrap(),
            average: Ema::new(0.999, &mut generator).unwrap(),
            noise: device.tensor_from_vec(numbers(BATCH * noise_len), (BATCH, noise_len)),
            real: device.tensor_from_vec(numbers(BATCH * 32 * 32 * 3), (BATCH, 32, 32, 3)),
            labels: (0..BATCH).map(|i| i % LABELS).collect(),
            generator,
            discriminator,
        }
    }

    fn discriminator_step(&mut self) {
        let Self { generator, discriminator, labels, .. } = self;
        let fake = generator.train(self.noise.clone(), labels).unwrap();
        discriminator.iterate_norms().unwrap();
        let on_real = discriminator.study::<Recording>(self.real.leaky_trace(), labels).unwrap();
        let on_fake = discriminator.suspect::<Recording>(fake.leaky_trace(), labels).unwrap();
        let loss = hinge::discriminator(on_real.realness, on_fake).unwrap();
        let gradients = (loss + cross_entropy(on_real.logits, labels, 0.0).unwrap()).backward();
        self.discriminator_adam.step(discriminator, &gradients, 2e-4).unwrap();
    }

    fn generator_step(&mut self) {
        let Self { generator, discriminator, labels, .. } = self;
        let fake = generator.train::<Recording>(self.noise.leaky_trace(), labels).unwrap();
        let verdict = discriminator.judge(fake, labels).unwrap();
        let loss = hinge::generator(verdict.realness).unwrap();
        let gradients = (loss + cross_entropy(verdict.logits, labels, 0.0).unwrap()).backward();
        self.generator_adam.step(generator, &gradients, 2e-4).unwrap();
        self.average.update(generator).unwrap();
    }
}

#[divan::bench(sample_count = 20, sample_size = 1)]
fn discriminator_step(bencher: Bencher) {
    let mut nets = Nets::new();
    bencher.bench_local(|| nets.discriminator_step());
}

#[divan::bench(sample_count = 20, sample_size = 1)]
fn generator_step(bencher: Bencher) {
    let mut nets = Nets::new();
    bencher.bench_local(|| nets.generator_step());
}
