//! The GAN's step: an update of the discriminator, one of the generator, both with Adam, and the averages of both.

use super::{Fallible, LABELS, SIDE, Shown, Training, label_tensor, labels, numbers};
use dfdx::prelude::*;
use pixscribe::models::{Discriminator, Generator};
use pixscribe::nn::checkpoint::TensorFile;
use pixscribe::nn::{Adam, AdamConfig, Ema};
use pixscribe::ops::{Image, Matrix, Vector, cross_entropy, hinge};

const LEARNING_RATE: f32 = 2e-4;
const LABEL_WEIGHT_REAL: f32 = 3.0;
const LABEL_WEIGHT_FAKE: f32 = 0.5;
/// A large eps: a step of Adam would else be the sign of a gradient, which is nobody's business where it is nearly zero.
const ADAM: AdamConfig = AdamConfig { beta1: 0.0, beta2: 0.9, eps: 1e-3, weight_decay: 0.0 };

pub struct GanTraining {
    generator: Generator<Cpu>,
    discriminator: Discriminator<Cpu>,
    generator_adam: Adam<Cpu>,
    discriminator_adam: Adam<Cpu>,
    averages: [Ema<Cpu>; 2],
    noise: Matrix<Cpu>,
    x: Image<Cpu>,
    y: Vec<usize>,
}

/// Scores and logits of the real pictures.
type Said = (Vector<Cpu>, Matrix<Cpu>);

impl GanTraining {
    pub fn new(count: usize) -> Fallible<Self> {
        let device = Cpu::default();
        let mut generator = Generator::new(&device, LABELS, 7)?;
        let mut discriminator = Discriminator::new(&device, LABELS, 7)?;
        let noise = numbers("noise", count * Generator::<Cpu>::NOISE);
        let x = numbers("batch", count * SIDE * SIDE * 3).iter().map(|x| x.tanh()).collect();
        Ok(Self {
            generator_adam: Adam::new(ADAM, &mut generator)?,
            discriminator_adam: Adam::new(ADAM, &mut discriminator)?,
            averages: [Ema::new(0.999, &mut generator)?, Ema::new(0.999, &mut discriminator)?],
            generator,
            discriminator,
            noise: device.tensor_from_vec(noise, (count, Generator::<Cpu>::NOISE)),
            x: device.tensor_from_vec(x, (count, SIDE, SIDE, 3)),
            y: labels(count),
        })
    }

    fn learn(&mut self) -> Fallible<Said> {
        let y = self.y.as_slice();
        self.discriminator.iterate_norms()?;
        let (made, tape) = self.generator.train(self.noise.clone().leaky_traced(), y)?.split_tape();
        let real = self.discriminator.study(self.x.clone().leaky_traced(), y)?;
        let fake = self.discriminator.suspect(made.clone().leaky_traced(), y)?;
        let said = (real.realness.retaped::<NoneTape>(), real.logits.retaped::<NoneTape>());
        let names = cross_entropy(real.logits, y, 0.0)? * LABEL_WEIGHT_REAL;
        let gradients = (hinge::discriminator(real.realness, fake)? + names).try_backward()?;
        self.discriminator_adam.step(&mut self.discriminator, &gradients, LEARNING_RATE)?;

        let verdict = self.discriminator.judge(made.put_tape(tape), y)?;
        let names = cross_entropy(verdict.logits, y, 0.0)? * LABEL_WEIGHT_FAKE;
        let gradients = (hinge::generator(verdict.realness)? + names).try_backward()?;
        self.generator_adam.step(&mut self.generator, &gradients, LEARNING_RATE)?;
        self.averages[0].update(&mut self.generator)?;
        self.averages[1].update(&mut self.discriminator)?;
        Ok(said)
    }
}

impl Training for GanTraining {
    fn step(&mut self) -> Fallible<()> {
        self.learn().map(drop)
    }

    fn step_said(&mut self, file: &mut TensorFile) -> Fallible<()> {
        let (realness, logits) = self.learn()?;
        file.collect("said", &mut Shown("realness", realness));
        file.collect("said", &mut Shown("logits", logits));
        Ok(())
    }

    fn collect(&mut self, prefix: &str, file: &mut TensorFile) {
        file.collect(&format!("{prefix}.generator"), &mut self.generator);
        file.collect(&format!("{prefix}.discriminator"), &mut self.discriminator);
    }

    fn describe(&mut self, file: &mut TensorFile) {
        file.collect("batch", &mut Shown("x", self.x.clone()));
        file.collect("batch", &mut Shown("y", label_tensor(&self.y)));
        file.collect("batch", &mut Shown("noise", self.noise.clone()));
        for (name, value) in [
            ("labels", LABELS as f32),
            ("learning_rate", LEARNING_RATE),
            ("label_weight_real", LABEL_WEIGHT_REAL),
            ("label_weight_fake", LABEL_WEIGHT_FAKE),
            ("beta1", ADAM.beta1),
            ("beta2", ADAM.beta2),
            ("eps", ADAM.eps),
        ] {
            file.meta.insert(name.to_owned(), f64::from(value).into());
        }
    }
}
