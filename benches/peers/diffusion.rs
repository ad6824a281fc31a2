//! The diffusion model's step: a prediction of v, its squared error, AdamW, and the average of the weights.

use super::{Fallible, LABELS, SIDE, Shown, Training, label_tensor, labels, numbers};
use dfdx::prelude::*;
use pixscribe::models::UNet;
use pixscribe::nn::checkpoint::TensorFile;
use pixscribe::nn::{Adam, AdamConfig, Ema, Module, Role, Scope, Visitor};
use pixscribe::ops::host::read;
use pixscribe::ops::random::Stream;
use pixscribe::ops::{Image, Vector};

const LEARNING_RATE: f32 = 1e-3;
/// A large eps: a step of Adam would else be the sign of a gradient, which is nobody's business where it is nearly zero.
const ADAM: AdamConfig = AdamConfig { beta1: 0.9, beta2: 0.999, eps: 1e-3, weight_decay: 0.01 };
const EMA: f32 = 0.999;
/// Every so many pictures one has a label that is not told.
const UNTOLD: usize = 10;

pub struct DiffusionTraining {
    net: UNet<Cpu>,
    adam: Adam<Cpu>,
    average: Ema<Cpu>,
    /// Noisy pictures and the v that is due, `(B, 32, 32, 3)`.
    x: Image<Cpu>,
    due: Image<Cpu>,
    times: Vec<f32>,
    labels: Vec<Option<usize>>,
}

impl DiffusionTraining {
    pub fn new(count: usize) -> Fallible<Self> {
        let device = Cpu::default();
        let mut net = UNet::new(&device, LABELS, 7)?;
        let Ok(()) = net.walk(&Scope::default(), &mut Wake);
        let stream = Stream::new(7, "times", 0);
        let times: Vec<f32> = (0..count as u64).map(|i| stream.unit(i)).collect();
        let pictures: Vec<f32> = numbers("batch", count * PICTURE).iter().map(|x| 0.5 * x).collect();
        let noise = numbers("noise", count * PICTURE);
        let (mut x, mut due) = (Vec::new(), Vec::new());
        for (i, (x0, eps)) in pictures.iter().zip(&noise).enumerate() {
            // x_t = alpha x0 + sigma eps and v = alpha eps - sigma x0 (Salimans and Ho 2022, section 4).
            let (sigma, alpha) = (times[i / PICTURE] * std::f32::consts::FRAC_PI_2).sin_cos();
            x.push(alpha * x0 + sigma * eps);
            due.push(alpha * eps - sigma * x0);
        }
        let told = labels(count).into_iter().enumerate().map(|(i, label)| (i % UNTOLD > 0).then_some(label));
        Ok(Self {
            adam: Adam::new(ADAM, &mut net)?,
            average: Ema::new(EMA, &mut net)?,
            net,
            x: device.tensor_from_vec(x, (count, SIDE, SIDE, 3)),
            due: device.tensor_from_vec(due, (count, SIDE, SIDE, 3)),
            times,
            labels: told.collect(),
        })
    }

    fn learn(&mut self) -> Fallible<Image<Cpu>> {
        let v = self.net.forward(self.x.clone().leaky_traced(), &self.times, &self.labels)?;
        let said = v.retaped::<NoneTape>();
        let gradients = squared_error(v, &self.due).try_backward()?;
        self.adam.step(&mut self.net, &gradients, LEARNING_RATE)?;
        self.average.update(&mut self.net)?;
        Ok(said)
    }
}

const PICTURE: usize = SIDE * SIDE * 3;

/// What starts at zero gets numbers, so that the first step finds a gradient everywhere.
struct Wake;

impl Visitor<Cpu> for Wake {
    type Err = std::convert::Infallible;

    fn visit<S: Shape>(&mut self, name: &str, _: Role, tensor: &mut Tensor<S, f32, Cpu>) -> Result<(), Self::Err> {
        let numbers = read(tensor);
        if numbers.iter().all(|x| *x == 0.0) {
            let woken: Vec<f32> = super::numbers(name, numbers.len()).iter().map(|x| 0.02 * x).collect();
            tensor.copy_from(&woken);
        }
        Ok(())
    }
}

/// The mean of `(v - due)^2`; dfdx's own ops would take several passes on one thread.
fn squared_error(v: Image<Cpu, OwnedTape<f32, Cpu>>, due: &Image<Cpu>) -> Tensor<Rank0, f32, Cpu, OwnedTape<f32, Cpu>> {
    let (v, mut tape) = v.split_tape();
    let apart: Vec<f32> = read(&v).iter().zip(read(due)).map(|(v, due)| v - due).collect();
    let count = apart.len() as f32;
    let loss = v.device().tensor(apart.iter().map(|d| d * d).sum::<f32>() / count);
    let loss_ghost = loss.clone();
    tape.add_backward_op(move |grads| {
        let scale = 2.0 / count * grads.get_or_alloc_mut(&loss_ghost)?[0];
        let dv = grads.get_or_alloc_mut(&v)?;
        dv.iter_mut().zip(&apart).for_each(|(dv, d)| *dv += scale * d);
        Ok(())
    });
    loss.put_tape(tape)
}

impl Training for DiffusionTraining {
    fn step(&mut self) -> Fallible<()> {
        self.learn().map(drop)
    }

    fn step_said(&mut self, file: &mut TensorFile) -> Fallible<()> {
        file.collect("said", &mut Shown("v", self.learn()?));
        Ok(())
    }

    fn collect(&mut self, prefix: &str, file: &mut TensorFile) {
        file.collect(&format!("{prefix}.net"), &mut self.net);
        file.collect(&format!("{prefix}.average"), &mut self.average);
    }

    fn describe(&mut self, file: &mut TensorFile) {
        let times: Vector<Cpu> = Cpu::default().tensor_from_vec(self.times.clone(), (self.times.len(),));
        let rows: Vec<usize> = self.labels.iter().map(|label| label.unwrap_or(LABELS)).collect();
        file.collect("batch", &mut Shown("x", self.x.clone()));
        file.collect("batch", &mut Shown("due", self.due.clone()));
        file.collect("batch", &mut Shown("times", times));
        file.collect("batch", &mut Shown("rows", label_tensor(&rows)));
        for (name, value) in [
            ("labels", LABELS as f32),
            ("learning_rate", LEARNING_RATE),
            ("beta1", ADAM.beta1),
            ("beta2", ADAM.beta2),
            ("eps", ADAM.eps),
            ("weight_decay", ADAM.weight_decay),
            ("ema", EMA),
        ] {
            file.meta.insert(name.to_owned(), f64::from(value).into());
        }
    }
}
