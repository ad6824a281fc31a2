use super::*;
use crate::nn::checkpoint::TensorFile;
use crate::nn::{Linear, Module, Role, Scope, Visitor, parameter_count};
use crate::ops::testing::{TestTape, assert_close, noise, tensor};
use crate::ops::{Image, Matrix, Pool2dOp, Vector, cross_entropy, hinge, host::read};
use dfdx::prelude::*;

const LABELS: usize = 10;

fn generator() -> Generator<Cpu> {
    Generator::new(&Cpu::default(), LABELS, 1).unwrap()
}

fn discriminator() -> Discriminator<Cpu> {
    Discriminator::new(&Cpu::default(), LABELS, 1).unwrap()
}

fn noises(batch: usize) -> Matrix<Cpu> {
    tensor(&noise("z", batch * Generator::<Cpu>::NOISE), (batch, Generator::<Cpu>::NOISE))
}

fn pictures(batch: usize) -> Image<Cpu> {
    let numbers: Vec<f32> = noise("pictures", batch * 3072).iter().map(|x| x.tanh()).collect();
    tensor(&numbers, (batch, 32, 32, 3))
}

/// Names of the trained tensors that have a gradient other than zero, and of those that have none.
struct Reached<'a> {
    gradients: &'a mut Gradients<f32, Cpu>,
    yes: Vec<String>,
    no: Vec<String>,
}

impl<'a> Reached<'a> {
    fn of(module: &mut impl Module<Cpu>, gradients: &'a mut Gradients<f32, Cpu>) -> (Vec<String>, Vec<String>) {
        let mut reached = Reached { gradients, yes: Vec::new(), no: Vec::new() };
        module.walk(&Scope::default(), &mut reached).unwrap();
        (reached.yes, reached.no)
    }
}

impl Visitor<Cpu> for Reached<'_> {
    type Err = CpuError;

    fn visit<S: Shape>(&mut self, name: &str, role: Role, tensor: &mut Tensor<S, f32, Cpu>) -> Result<(), CpuError> {
        if role != Role::Buffer {
            let found = self.gradients.get_or_alloc_mut(tensor)?.iter().any(|g| *g != 0.0);
            if found { &mut self.yes } else { &mut self.no }.push(name.to_owned());
        }
        Ok(())
    }
}

/// Both losses of a verdict, with weights that hide neither.
fn both(verdict: Verdict<Cpu, TestTape>, labels: &[usize]) -> Tensor<Rank0, f32, Cpu, TestTape> {
    hinge::generator(verdict.realness).unwrap() + cross_entropy(verdict.logits, labels, 0.0).unwrap()
}

#[test]
fn pictures_have_their_size_and_range_and_so_do_verdicts() {
    let mut made = generator().train(noises(3), &[0, 9, 5]).unwrap();
    assert_eq!(*made.shape(), (3, 32, 32, 3));
    let numbers = read(&made);
    assert!(numbers.iter().all(|x| x.abs() <= 1.0));
    let spread = (numbers.iter().map(|x| x * x).sum::<f32>() / numbers.len() as f32).sqrt();
    assert!((0.2..0.8).contains(&spread), "{spread}");
    made = pictures(3);
    let verdict: Verdict<Cpu, NoneTape> = discriminator().judge(made, &[0, 9, 5]).unwrap();
    assert_eq!((*verdict.realness.shape(), *verdict.logits.shape()), ((3,), (3, LABELS)));
    assert!(read(&verdict.realness).iter().all(|x| x.abs() < 10.0), "{:?}", read(&verdict.realness));
}

#[test]
fn the_nets_have_their_parameters() {
    assert_eq!(
        parameter_count(&mut generator()),
        128 * 4096 + 10 * 4096 + 16 * (256 * 128 + 128 * 64 + 64 * 3) + 20 * 448
    );
    let convs = 27 * 32 + 16 * (32 * 64 + 64 * 128 + 128 * 96) + 32 + 64 + 128 + 96;
    let head = 16 * 128 * 112 + 9 * 112 * 112 + 4 * 112 + 113 * 10;
    assert_eq!(parameter_count(&mut discriminator()), convs + 97 + 960 + head);
}

#[test]
fn a_picture_inferred_alone_is_the_one_inferred_among_others() {
    let mut net = generator();
    net.train(noises(8), &[0, 1, 2, 3, 4, 5, 6, 7]).unwrap();
    let all = read(&net.infer(noises(3), &[4, 5, 6]).unwrap());
    let last = noises(3).slice((2.., ..)).reshape_like(&(1, Generator::<Cpu>::NOISE));
    assert_eq!(read(&net.infer(last, &[6]).unwrap()), all[2 * 3072..]);
}

#[test]
fn training_teaches_the_discriminator_all_its_weights_and_nothing_else() {
    let (mut net, x, labels) = (discriminator(), pictures(4), [0, 1, 2, 3]);
    let verdict: Verdict<Cpu, TestTape> = net.study(x.leaky_trace(), &labels).unwrap();
    let mut gradients = both(verdict, &labels).backward();
    assert!(gradients.get_or_alloc_mut(&x).unwrap().iter().all(|g| *g == 0.0));
    let (yes, no) = Reached::of(&mut net, &mut gradients);
    assert!(yes.len() == 19 && no.is_empty(), "{yes:?} {no:?}");
}

#[test]
fn a_frozen_discriminator_teaches_the_generator_alone() {
    let (mut painter, mut critic, labels) = (generator(), discriminator(), [0, 1, 2, 3]);
    let fake: Image<Cpu, TestTape> = painter.train(noises(4).leaky_trace(), &labels).unwrap();
    let verdict = critic.judge(fake, &labels).unwrap();
    let mut gradients = both(verdict, &labels).backward();
    let (yes, no) = Reached::of(&mut painter, &mut gradients);
    assert!(yes.len() == 11 && no.is_empty(), "{yes:?} {no:?}");
    let (yes, no) = Reached::of(&mut critic, &mut gradients);
    assert!(yes.is_empty() && no.len() == 19, "{yes:?} {no:?}");
}

#[test]
fn every_pass_says_the_same() {
    let (mut net, labels) = (discriminator(), [3, 1]);
    // Until the running moments are the batch's own.
    for _ in 0..60 {
        let _: Verdict<Cpu, NoneTape> = net.study(pictures(2), &labels).unwrap();
    }
    let studied: Verdict<Cpu, TestTape> = net.study(pictures(2).leaky_trace(), &labels).unwrap();
    let suspected: Vector<Cpu, TestTape> = net.suspect(pictures(2).leaky_trace(), &labels).unwrap();
    let judged: Verdict<Cpu, TestTape> = net.judge(pictures(2).leaky_trace(), &labels).unwrap();
    assert_eq!(studied.realness.as_vec(), judged.realness.as_vec());
    assert_eq!(suspected.as_vec(), judged.realness.as_vec());
    assert_close("logits", &judged.logits.as_vec(), &studied.logits.as_vec(), 0.03);
    assert_eq!(read(&net.label(pictures(2)).unwrap()), judged.logits.as_vec());
}

#[test]
fn made_pictures_teach_the_discriminator_all_but_the_label_head() {
    let (mut net, labels) = (discriminator(), [0, 1, 2, 3]);
    let realness: Vector<Cpu, TestTape> = net.suspect(pictures(4).leaky_trace(), &labels).unwrap();
    let mut gradients = hinge::generator(realness).unwrap().backward();
    let (yes, no) = Reached::of(&mut net, &mut gradients);
    assert!(yes.len() == 11 && no.iter().all(|name| name.starts_with("head")), "{yes:?} {no:?}");
}

#[test]
fn realness_depends_on_the_label_asked_for_and_logits_do_not() {
    let net = discriminator();
    let [a, b]: [Verdict<Cpu, NoneTape>; 2] = [0, 1].map(|label| net.judge(pictures(1), &[label]).unwrap());
    assert_ne!(read(&a.realness), read(&b.realness));
    assert_eq!(read(&a.logits), read(&b.logits));
}

/// The gradient along a direction is the slope along it: what is wired wrongly shows here, whatever the layer.
#[test]
fn the_gradient_of_the_pictures_is_the_slope() {
    let (net, labels) = (discriminator(), [2, 7]);
    let x = pictures(2);
    let traced: Verdict<Cpu, TestTape> = net.judge(x.leaky_trace(), &labels).unwrap();
    let gradient = both(traced, &labels).backward().get(&x).as_vec();
    let size = gradient.iter().map(|g| g * g).sum::<f32>().sqrt();
    let loss = |step: f32| {
        let moved: Vec<f32> = read(&x).iter().zip(&gradient).map(|(x, g)| x + step * g / size).collect();
        let verdict: Verdict<Cpu, TestTape> = net.judge(tensor(&moved, (2, 32, 32, 3)).leaky_trace(), &labels).unwrap();
        both(verdict, &labels).array()
    };
    let slope = (loss(0.05) - loss(-0.05)) / 0.1;
    assert_close("slope", &[slope], &[size], 0.02);
}

/// Moves every trained tensor along its gradient.
struct Move<'a>(&'a Gradients<f32, Cpu>, f32);

impl Visitor<Cpu> for Move<'_> {
    type Err = std::convert::Infallible;

    fn visit<S: Shape>(&mut self, _: &str, role: Role, tensor: &mut Tensor<S, f32, Cpu>) -> Result<(), Self::Err> {
        if role != Role::Buffer {
            let gradient = self.0.get(tensor).as_vec();
            let moved: Vec<f32> = read(tensor).iter().zip(gradient).map(|(w, g)| w + self.1 * g).collect();
            tensor.copy_from(&moved);
        }
        Ok(())
    }
}

#[test]
fn the_gradients_of_both_nets_weights_are_slopes() {
    let labels = [0, 4, 4, 9];
    let critic_loss = |net: &mut Discriminator<Cpu>| {
        let verdict: Verdict<Cpu, TestTape> = net.study(pictures(4).leaky_trace(), &labels).unwrap();
        both(verdict, &labels)
    };
    assert_slope(discriminator, critic_loss);
    let critic = discriminator();
    let painter_loss = |net: &mut Generator<Cpu>| {
        let fake: Image<Cpu, TestTape> = net.train(noises(4).leaky_trace(), &labels).unwrap();
        both(critic.judge(fake, &labels).unwrap(), &labels)
    };
    assert_slope(generator, painter_loss);
}

fn assert_slope<M: Module<Cpu>>(net: fn() -> M, loss: impl Fn(&mut M) -> Tensor<Rank0, f32, Cpu, TestTape>) {
    let mut first = net();
    let gradients = loss(&mut first).backward();
    // The same tensors by identity: a net made anew has others.
    let mut size = Length(&gradients, 0.0);
    let Ok(()) = first.walk(&Scope::default(), &mut size);
    let length = size.1.sqrt();
    let step = 0.02 / length;
    let Ok(()) = first.walk(&Scope::default(), &mut Move(&gradients, step));
    let above = loss(&mut first).array();
    let Ok(()) = first.walk(&Scope::default(), &mut Move(&gradients, -2.0 * step));
    let below = loss(&mut first).array();
    assert_close("slope", &[(above - below) / 0.04], &[length], 0.03);
}

/// The sum of the squares of the gradients.
struct Length<'a>(&'a Gradients<f32, Cpu>, f32);

impl Visitor<Cpu> for Length<'_> {
    type Err = std::convert::Infallible;

    fn visit<S: Shape>(&mut self, _: &str, role: Role, tensor: &mut Tensor<S, f32, Cpu>) -> Result<(), Self::Err> {
        if role != Role::Buffer {
            self.1 += self.0.get(tensor).as_vec().iter().map(|g| g * g).sum::<f32>();
        }
        Ok(())
    }
}

#[test]
fn the_power_iteration_goes_on_and_is_saved() {
    let (mut net, mut other) = (discriminator(), Discriminator::new(&Cpu::default(), LABELS, 2).unwrap());
    let before: Verdict<Cpu, NoneTape> = net.judge(pictures(2), &[0, 1]).unwrap();
    net.iterate_norms().unwrap();
    let after: Verdict<Cpu, NoneTape> = net.judge(pictures(2), &[0, 1]).unwrap();
    assert_ne!(read(&before.realness), read(&after.realness));
    let mut file = TensorFile::default();
    file.collect("critic", &mut net);
    file.apply("critic", &mut other).unwrap();
    let again: Verdict<Cpu, NoneTape> = other.judge(pictures(2), &[0, 1]).unwrap();
    assert_eq!(read(&again.realness), read(&after.realness));
}

#[test]
fn names_are_read_from_the_mean_of_the_deep_map() {
    let mut net = discriminator();
    let [deep, fine] = net.maps(pictures(2)).unwrap();
    assert_eq!((*deep.shape(), *fine.shape()), ((2, 4, 4, 112), (2, 16, 16, 64)));
    let mut file = TensorFile::default();
    file.collect("critic", &mut net);
    let device = Cpu::default();
    let (weight, bias) = (device.zeros_like(&(LABELS, 112)), device.zeros_like(&(LABELS,)));
    let mut linear = Linear { weight, bias: Some(bias), relu: false };
    file.apply("critic.head", &mut linear).unwrap();
    let logits = linear.forward(Cpu::global_avg_pool(deep).unwrap()).unwrap();
    assert_eq!(read(&logits), read(&net.label(pictures(2)).unwrap()));
}

#[test]
fn the_maps_of_a_training_pass_come_after_a_power_iteration() {
    let (mut net, mut other) = (discriminator(), discriminator());
    net.iterate_norms().unwrap();
    let verdict: Verdict<Cpu, NoneTape> = net.study(pictures(2), &[0, 1]).unwrap();
    let [_, _]: [Image<Cpu>; 2] = other.train_maps(pictures(2)).unwrap();
    // The head has learned the same moments, and passes the same map now.
    let [deep, _] = net.maps(pictures(2)).unwrap();
    assert_eq!(read(&other.maps(pictures(2)).unwrap()[0]), read(&deep));
    assert_eq!(*verdict.logits.shape(), (2, LABELS));
}

#[test]
fn a_generator_comes_back_from_its_file() {
    let (mut net, mut other) = (generator(), Generator::new(&Cpu::default(), LABELS, 2).unwrap());
    net.train(noises(4), &[0, 1, 2, 3]).unwrap();
    let due = read(&net.infer(noises(2), &[7, 8]).unwrap());
    assert_ne!(read(&other.infer(noises(2), &[7, 8]).unwrap()), due);
    let mut file = TensorFile::default();
    file.collect("painter", &mut net);
    file.apply("painter", &mut other).unwrap();
    assert_eq!(read(&other.infer(noises(2), &[7, 8]).unwrap()), due);
}

#[test]
fn a_nan_pixel_shows_in_its_verdict_alone() {
    let mut numbers = read(&pictures(2));
    numbers[3072] = f32::NAN;
    let verdict: Verdict<Cpu, NoneTape> = discriminator().judge(tensor(&numbers, (2, 32, 32, 3)), &[0, 1]).unwrap();
    let realness = read(&verdict.realness);
    assert!(realness[0].is_finite() && realness[1].is_nan(), "{realness:?}");
    assert!(read(&verdict.logits)[LABELS..].iter().all(|x| x.is_nan()));
}
