//! The CNNs' step: forward, cross-entropy, backward, SGD.

use super::{Fallible, LABELS, SIDE, Shown, Training, label_tensor, labels, numbers};
use dfdx::prelude::*;
use pixscribe::models::{Cnn, CnnKind};
use pixscribe::nn::checkpoint::TensorFile;
use pixscribe::nn::{Sgd, SgdConfig};
use pixscribe::ops::{Image, Matrix, cross_entropy};

const LEARNING_RATE: f32 = 0.02;
const SMOOTHING: f32 = 0.2;
const SGD: SgdConfig = SgdConfig { momentum: 0.9, weight_decay: 5e-4, norm_bias_rate: 4.0 };

pub struct CnnTraining {
    net: Cnn<Cpu>,
    optimiser: Sgd<Cpu>,
    x: Image<Cpu>,
    y: Vec<usize>,
}

impl CnnTraining {
    pub fn new(kind: CnnKind, count: usize) -> Fallible<Self> {
        let device = Cpu::default();
        let x = numbers("batch", count * SIDE * SIDE * 3);
        let mut net = Cnn::new(&device, kind, LABELS, 7)?;
        net.whiten(&x);
        let optimiser = Sgd::new(SGD, &mut net)?;
        Ok(Self { net, optimiser, x: device.tensor_from_vec(x, (count, SIDE, SIDE, 3)), y: labels(count) })
    }

    fn learn(&mut self) -> Fallible<Matrix<Cpu>> {
        let logits = self.net.train(self.x.clone().leaky_traced())?;
        let answer = logits.retaped::<NoneTape>();
        let gradients = cross_entropy(logits, &self.y, SMOOTHING)?.try_backward()?;
        self.optimiser.step(&mut self.net, &gradients, LEARNING_RATE)?;
        Ok(answer)
    }
}

impl Training for CnnTraining {
    fn step(&mut self) -> Fallible<()> {
        self.learn().map(drop)
    }

    fn step_said(&mut self, file: &mut TensorFile) -> Fallible<()> {
        file.collect("said", &mut Shown("logits", self.learn()?));
        Ok(())
    }

    fn collect(&mut self, prefix: &str, file: &mut TensorFile) {
        file.collect(prefix, &mut self.net);
    }

    fn describe(&mut self, file: &mut TensorFile) {
        file.collect("batch", &mut Shown("x", self.x.clone()));
        file.collect("batch", &mut Shown("y", label_tensor(&self.y)));
        for (name, value) in [
            ("learning_rate", LEARNING_RATE),
            ("smoothing", SMOOTHING),
            ("momentum", SGD.momentum),
            ("weight_decay", SGD.weight_decay),
            ("norm_bias_rate", SGD.norm_bias_rate),
        ] {
            file.meta.insert(name.to_owned(), f64::from(value).into());
        }
    }
}
