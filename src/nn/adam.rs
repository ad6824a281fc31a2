//! Adam over the parameter walk, and the running average of a model.

use super::parameter::{Module, Role, Scope, Visitor};
use crate::ops::{AdamStep, Backend, Vector, host::read};
use dfdx::prelude::*;
use std::collections::BTreeMap;

/// Adam with decoupled weight decay (AdamW).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamConfig {
    pub beta1: f32,
    pub beta2: f32,
    pub eps: f32,
    /// For parameters of [`Role::Weight`] alone.
    pub weight_decay: f32,
}

/// The optimiser, with both moments by parameter name.
pub struct Adam<D: Backend> {
    config: AdamConfig,
    moments: BTreeMap<String, [Vector<D>; 2]>,
    /// One number, the steps taken: whole numbers are exact up to 2^24, where both corrections have long been 1.
    steps: Vector<D>,
}

impl<D: Backend> Adam<D> {
    /// An optimiser at rest, with moments for every trained parameter of `module`.
    ///
    /// # Errors
    /// When the device is out of memory.
    /// # Panics
    /// When the module has no parameter at all.
    pub fn new(config: AdamConfig, module: &mut impl Module<D>) -> Result<Self, D::Err> {
        let mut parameters = Parameters { moments: BTreeMap::new(), steps: None };
        module.walk(&Scope::default(), &mut parameters)?;
        let steps = parameters.steps.expect("an optimiser needs parameters");
        Ok(Self { config, moments: parameters.moments, steps })
    }

    /// One step along `gradients`.
    ///
    /// # Errors
    /// When the device is out of memory.
    /// # Panics
    /// When a trained parameter took no part in the loss: it has no gradient. When `module` is not the one that the
    /// optimiser was made for.
    pub fn step(
        &mut self,
        module: &mut impl Module<D>,
        gradients: &Gradients<f32, D>,
        learning_rate: f32,
    ) -> Result<(), D::Err> {
        self.scaled_step(module, gradients, 1.0, learning_rate)
    }

    /// [`Self::step`] along the gradients times `gradient_scale`.
    ///
    /// # Errors
    /// When the device is out of memory.
    /// # Panics
    /// As [`Self::step`].
    pub fn scaled_step(
        &mut self,
        module: &mut impl Module<D>,
        gradients: &Gradients<f32, D>,
        gradient_scale: f32,
        learning_rate: f32,
    ) -> Result<(), D::Err> {
        let steps = read(&self.steps)[0] + 1.0;
        self.steps.copy_from(&[steps]);
        let AdamConfig { beta1, beta2, eps, weight_decay } = self.config;
        // In double precision: 1 - 0.999^t loses half its digits in single precision.
        let correction = |beta: f32| (1.0 - f64::from(beta).powf(f64::from(steps))) as f32;
        let (correction1, correction2) = (correction(beta1), correction(beta2));
        let step =
            AdamStep { learning_rate, beta1, beta2, eps, weight_decay, gradient_scale, correction1, correction2 };
        module.walk(&Scope::default(), &mut Descent { moments: &mut self.moments, gradients, step })
    }
}

struct Parameters<D: Backend> {
    moments: BTreeMap<String, [Vector<D>; 2]>,
    steps: Option<Vector<D>>,
}

impl<D: Backend> Visitor<D> for Parameters<D> {
    type Err = D::Err;

    fn visit<S: Shape>(&mut self, name: &str, role: Role, tensor: &mut Tensor<S, f32, D>) -> Result<(), D::Err> {
        if role != Role::Buffer {
            let (device, shape) = (tensor.device(), (tensor.shape().num_elements(),));
            let moments = [device.try_zeros_like(&shape)?, device.try_zeros_like(&shape)?];
            self.moments.insert(name.to_owned(), moments);
            self.steps = Some(device.try_zeros_like(&(1,))?);
        }
        Ok(())
    }
}

struct Descent<'a, D: Backend> {
    moments: &'a mut BTreeMap<String, [Vector<D>; 2]>,
    gradients: &'a Gradients<f32, D>,
    step: AdamStep,
}

impl<D: Backend> Visitor<D> for Descent<'_, D> {
    type Err = D::Err;

    fn visit<S: Shape>(&mut self, name: &str, role: Role, tensor: &mut Tensor<S, f32, D>) -> Result<(), D::Err> {
        if role == Role::Buffer {
            return Ok(());
        }
        let weight_decay = if role == Role::Weight { self.step.weight_decay } else { 0.0 };
        let gradient = self.gradients.get(tensor);
        let [m, v] = self.moments.get_mut(name).unwrap_or_else(|| panic!("Adam knows no parameter {name}"));
        D::adam(tensor, gradient, m, v, AdamStep { weight_decay, ..self.step })
    }
}

/// An optimiser's state is a module: a checkpoint walks it as it walks the model.
impl<D: Backend> Module<D> for Adam<D> {
    fn walk<V: Visitor<D>>(&mut self, scope: &Scope, visitor: &mut V) -> Result<(), V::Err> {
        for (name, moments) in &mut self.moments {
            for (moment, part) in moments.iter_mut().zip(["m", "v"]) {
                visitor.visit(scope.child(name).child(part).name(), Role::Buffer, moment)?;
            }
        }
        visitor.visit(scope.child("steps").name(), Role::Buffer, &mut self.steps)
    }
}

/// An exponential moving average of all tensors of a model (Yazici et al. 2019): of its weights, and of its running
/// moments too, so that the averaged weights infer with moments of the same nets.
pub struct Ema<D: Backend> {
    decay: f32,
    averages: BTreeMap<String, Vector<D>>,
}

impl<D: Backend> Ema<D> {
    /// An average that starts as `module` is; a new value counts for `1 - decay`.
    ///
    /// # Errors
    /// When the device is out of memory.
    pub fn new(decay: f32, module: &mut impl Module<D>) -> Result<Self, D::Err> {
        let mut first = First(BTreeMap::new());
        module.walk(&Scope::default(), &mut first)?;
        Ok(Self { decay, averages: first.0 })
    }

    /// Takes the present tensors of `module` in.
    ///
    /// # Errors
    /// When the device is out of memory.
    /// # Panics
    /// When `module` is not shaped like the one that the average was made of.
    pub fn update(&mut self, module: &mut impl Module<D>) -> Result<(), D::Err> {
        let decay = self.decay;
        module.walk(&Scope::default(), &mut Update { ema: self, decay })
    }

    /// [`Self::update`] after `step` steps before this one: what an average decays by is at most
    /// `(1 + step) / (10 + step)`, so that the first weights of a training are soon forgotten (as in TensorFlow's
    /// `ExponentialMovingAverage`).
    ///
    /// # Errors
    /// When the device is out of memory.
    /// # Panics
    /// When `module` is not shaped like the one that the average was made of.
    pub fn update_at(&mut self, module: &mut impl Module<D>, step: u64) -> Result<(), D::Err> {
        let decay = self.decay.min((1.0 + step as f32) / (10.0 + step as f32));
        module.walk(&Scope::default(), &mut Update { ema: self, decay })
    }

    /// Gives the tensors of `module` the averages as their numbers.
    ///
    /// # Panics
    /// When `module` is not shaped like the one that the average was made of.
    pub fn copy_to(&self, module: &mut impl Module<D>) {
        match module.walk(&Scope::default(), &mut CopyTo(self)) {
            Ok(()) => {}
        }
    }
}

struct First<D: Backend>(BTreeMap<String, Vector<D>>);

impl<D: Backend> Visitor<D> for First<D> {
    type Err = D::Err;

    fn visit<S: Shape>(&mut self, name: &str, _: Role, tensor: &mut Tensor<S, f32, D>) -> Result<(), D::Err> {
        let numbers = read(tensor);
        let shape = (numbers.len(),);
        self.0.insert(name.to_owned(), tensor.device().try_tensor_from_vec(numbers, shape)?);
        Ok(())
    }
}

struct Update<'a, D: Backend> {
    ema: &'a mut Ema<D>,
    decay: f32,
}

impl<D: Backend> Visitor<D> for Update<'_, D> {
    type Err = D::Err;

    fn visit<S: Shape>(&mut self, name: &str, _: Role, tensor: &mut Tensor<S, f32, D>) -> Result<(), D::Err> {
        let average = self.ema.averages.get_mut(name).unwrap_or_else(|| panic!("no average of {name}"));
        D::blend(average, tensor, self.decay)
    }
}

struct CopyTo<'a, D: Backend>(&'a Ema<D>);

impl<D: Backend> Visitor<D> for CopyTo<'_, D> {
    type Err = std::convert::Infallible;

    fn visit<S: Shape>(&mut self, name: &str, _: Role, tensor: &mut Tensor<S, f32, D>) -> Result<(), Self::Err> {
        let average = self.0.averages.get(name).unwrap_or_else(|| panic!("no average of {name}"));
        tensor.copy_from(&read(average));
        Ok(())
    }
}

impl<D: Backend> Module<D> for Ema<D> {
    fn walk<V: Visitor<D>>(&mut self, scope: &Scope, visitor: &mut V) -> Result<(), V::Err> {
        for (name, average) in &mut self.averages {
            visitor.visit(scope.child(name).name(), Role::Buffer, average)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::BatchNorm;
    use crate::nn::checkpoint::TensorFile;
    use crate::ops::Activation;
    use crate::ops::testing::{TestTape, assert_close, noise, tensor};

    const CONFIG: AdamConfig = AdamConfig { beta1: 0.5, beta2: 0.9, eps: 1e-8, weight_decay: 0.1 };

    struct Toy {
        weight: Vector<Cpu>,
        bias: Vector<Cpu>,
        buffer: Vector<Cpu>,
    }

    impl Toy {
        fn new() -> Self {
            let [weight, bias, buffer] = ["w", "b", "f"].map(|name| tensor(&noise(name, 4), (4,)));
            Self { weight, bias, buffer }
        }

        fn numbers(&self) -> Vec<u32> {
            [&self.weight, &self.bias, &self.buffer].iter().flat_map(|t| read(*t)).map(f32::to_bits).collect()
        }

        /// The slopes of `sum w^2 b^2`.
        fn step(&mut self, adam: &mut Adam<Cpu>) {
            let w: Tensor<(usize,), f32, Cpu, TestTape> = self.weight.leaky_trace();
            let gradients = (w.square() * self.bias.leaky_trace().square()).sum::<Rank0, _>().backward();
            adam.step(self, &gradients, 0.01).unwrap();
        }
    }

    impl Module<Cpu> for Toy {
        fn walk<V: Visitor<Cpu>>(&mut self, scope: &Scope, visitor: &mut V) -> Result<(), V::Err> {
            visitor.visit(scope.child("weight").name(), Role::Weight, &mut self.weight)?;
            visitor.visit(scope.child("bias").name(), Role::Bias, &mut self.bias)?;
            visitor.visit(scope.child("buffer").name(), Role::Buffer, &mut self.buffer)
        }
    }

    /// The first step of Adam is the learning rate along the gradient's sign, whatever its size.
    #[test]
    fn the_first_step_has_the_learning_rate_s_size_and_weights_alone_decay() {
        let mut toy = Toy::new();
        let [weight, bias, buffer] = [&toy.weight, &toy.bias, &toy.buffer].map(read);
        let mut adam = Adam::new(CONFIG, &mut toy).unwrap();
        toy.step(&mut adam);
        let decayed: Vec<f32> = weight.iter().map(|w| w * (1.0 - 0.01 * 0.1) - 0.01 * w.signum()).collect();
        assert_close("weight", &read(&toy.weight), &decayed, 1e-6);
        let moved: Vec<f32> = bias.iter().map(|b| b - 0.01 * b.signum()).collect();
        assert_close("bias", &read(&toy.bias), &moved, 1e-6);
        assert_eq!(read(&toy.buffer), buffer);
    }

    #[test]
    fn a_resumed_optimiser_goes_on_bit_for_bit() {
        let mut toy = Toy::new();
        let mut adam = Adam::new(CONFIG, &mut toy).unwrap();
        (0..3).for_each(|_| toy.step(&mut adam));
        let mut file = TensorFile::default();
        file.collect("model", &mut toy);
        file.collect("adam", &mut adam);
        let file = TensorFile::parse(&file.to_bytes().unwrap()).unwrap();
        let mut other = Toy::new();
        let mut resumed = Adam::new(CONFIG, &mut other).unwrap();
        file.apply("model", &mut other).unwrap();
        file.apply("adam", &mut resumed).unwrap();
        for _ in 0..3 {
            toy.step(&mut adam);
            other.step(&mut resumed);
        }
        assert_eq!(toy.numbers(), other.numbers());
    }

    #[test]
    fn an_average_follows_weights_and_running_moments() {
        let mut norm = BatchNorm::new(&Cpu::default(), 2, Activation::Identity).unwrap();
        let mut ema = Ema::new(0.75, &mut norm).unwrap();
        norm.gamma.copy_from(&[2.0, 3.0]);
        norm.running_mean.copy_from(&[4.0, -4.0]);
        ema.update(&mut norm).unwrap();
        ema.update(&mut norm).unwrap();
        let mut file = TensorFile::default();
        file.collect("average", &mut ema);
        let mut other = Ema::new(0.75, &mut BatchNorm::new(&Cpu::default(), 2, Activation::Identity).unwrap()).unwrap();
        file.apply("average", &mut other).unwrap();
        for ema in [ema, other] {
            let mut copy = BatchNorm::new(&Cpu::default(), 2, Activation::Identity).unwrap();
            ema.copy_to(&mut copy);
            assert_close("gamma", &read(&copy.gamma), &[1.4375, 1.875], 1e-6);
            assert_close("mean", &read(&copy.running_mean), &[1.75, -1.75], 1e-6);
            assert_close("variance", &read(&copy.running_variance), &[1.0, 1.0], 1e-6);
        }
    }
}
