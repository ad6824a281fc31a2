use super::*;
use crate::nn::checkpoint::TensorFile;
use crate::nn::{Role, parameter_count};
use crate::ops::SpaceDepthOp;
use crate::ops::host::read;
use crate::ops::testing::{TestTape, assert_close, cotangent, noise, tensor};

const LABELS: usize = 10;
const PICTURE: usize = 32 * 32 * 3;

fn fresh(seed: u64) -> UNet<Cpu> {
    UNet::new(&Cpu::default(), LABELS, seed).unwrap()
}

/// A net whose layers all do something: what started at zero has numbers.
fn awake() -> UNet<Cpu> {
    struct Wake;
    impl Visitor<Cpu> for Wake {
        type Err = std::convert::Infallible;
        fn visit<S: Shape>(&mut self, name: &str, _: Role, tensor: &mut Tensor<S, f32, Cpu>) -> Result<(), Self::Err> {
            let numbers = read(tensor);
            if numbers.iter().all(|x| *x == 0.0) {
                tensor.copy_from(&noise(name, numbers.len()).iter().map(|x| x * 0.05).collect::<Vec<_>>());
            }
            Ok(())
        }
    }
    let mut net = fresh(1);
    let Ok(()) = net.walk(&Scope::default(), &mut Wake);
    net
}

fn pictures(batch: usize) -> Image<Cpu> {
    tensor(&noise("pictures", batch * PICTURE), (batch, 32, 32, 3))
}

const TIMES: [f32; 4] = [0.9, 0.05, 0.4, 0.63];
const TOLD: [Option<usize>; 4] = [Some(3), None, Some(0), Some(9)];

fn infer(net: &UNet<Cpu>, x: Image<Cpu>) -> Vec<f32> {
    let batch = x.shape().0;
    read(&net.forward(x, &TIMES[..batch], &TOLD[..batch]).unwrap())
}

type Loss = Tensor<Rank0, f32, Cpu, TestTape>;

/// A weighted sum of what the net says of two pictures.
fn said(net: &UNet<Cpu>, x: &Image<Cpu>) -> Loss {
    let v = net.forward(x.leaky_trace(), &TIMES[..2], &TOLD[..2]).unwrap();
    let shape = *v.shape();
    (v * tensor(&cotangent(shape.num_elements()), shape)).sum::<Rank0, _>()
}

#[test]
fn a_fresh_net_says_zeros_of_the_pictures_shape() {
    let v = fresh(1).forward(pictures(3), &TIMES[..3], &TOLD[..3]).unwrap();
    assert_eq!(*v.shape(), (3, 32, 32, 3));
    assert!(read(&v).iter().all(|v| *v == 0.0));
}

#[test]
fn an_awake_net_says_numbers_of_a_sensible_size() {
    let v = infer(&awake(), pictures(2));
    let size = (v.iter().map(|v| v * v).sum::<f32>() / v.len() as f32).sqrt();
    assert!((0.05..5.0).contains(&size), "{size}");
}

#[test]
fn the_net_has_its_parameters() {
    let block = |channels: usize, filters: usize| {
        let norms = 2 * (channels + filters);
        let convs = 9 * filters * (channels + filters) + 2 * filters;
        norms + convs + 2 * filters * 193
    };
    let blocks = block(48, 48) + 2 * block(96, 96) + block(128, 128) + block(96, 48) + 96 * 48 + 48;
    let squares = (192 * 96 + 96) + (96 * 192 + 192) + (384 * 128 + 128) + (128 * 192 + 192) + (48 * 96 + 96);
    let attention = 2 * 96 + 4 * 96 * 96 + 3 * 96;
    let ends = 9 * 12 * 48 + 48 + 2 * 48 + 9 * 48 * 12 + 12;
    let condition = 65 * 192 + 193 * 192 + 11 * 192;
    let count = parameter_count(&mut fresh(1));
    assert_eq!(count, blocks + squares + attention + ends + condition);
    assert_eq!(count, 1_113_612);
}

/// Multiply-adds of one picture's pass: each weight's once for every position that its layer computes.
#[test]
fn a_pass_takes_64_million_multiply_adds() {
    struct Macs(usize);
    impl Visitor<Cpu> for Macs {
        type Err = std::convert::Infallible;
        fn visit<S: Shape>(
            &mut self,
            name: &str,
            role: Role,
            tensor: &mut Tensor<S, f32, Cpu>,
        ) -> Result<(), Self::Err> {
            let at_4x4 = ["deep.merge", "deep.block", "deep.split"];
            let at_8x8 = ["merge", "coarse1", "attention", "deep.mix", "coarse2", "split"];
            let within = |places: &[&str]| places.iter().any(|place| name.starts_with(place));
            let positions = match S::NUM_DIMS {
                4 if within(&at_4x4) => 16,
                4 if within(&at_8x8) => 64,
                4 => 256,
                _ => 1,
            };
            if role == Role::Weight {
                self.0 += positions * tensor.shape().num_elements();
            }
            Ok(())
        }
    }
    let mut macs = Macs(0);
    let Ok(()) = fresh(1).walk(&Scope::default(), &mut macs);
    let attention = 2 * 64 * 64 * 96;
    assert_eq!(macs.0 + attention, 63_516_672);
}

#[test]
fn pictures_do_not_see_each_other() {
    let net = awake();
    let all = infer(&net, pictures(4));
    let last = tensor(&read(&pictures(4))[3 * PICTURE..], (1, 32, 32, 3));
    let alone = read(&net.forward(last, &TIMES[3..], &TOLD[3..]).unwrap());
    assert_eq!(alone, all[3 * PICTURE..]);
}

#[test]
fn label_and_time_change_what_is_said() {
    let net = awake();
    let say = |time, label| read(&net.forward(pictures(1), &[time], &[label]).unwrap());
    let first = say(0.5, Some(3));
    assert_eq!(first, say(0.5, Some(3)));
    for other in [say(0.5, Some(4)), say(0.5, None), say(0.51, Some(3))] {
        assert_ne!(first, other);
    }
    assert_ne!(say(0.5, Some(4)), say(0.5, None));
}

/// The gradient along a direction is the slope along it: what is wired wrongly shows here, whatever the layer.
#[test]
fn the_gradient_of_the_pictures_is_the_slope() {
    let (net, x) = (awake(), pictures(2));
    let gradient = said(&net, &x).backward().get(&x).as_vec();
    let size = gradient.iter().map(|g| g * g).sum::<f32>().sqrt();
    let loss = |step: f32| {
        let moved: Vec<f32> = read(&x).iter().zip(&gradient).map(|(x, g)| x + step * g / size).collect();
        f64::from(said(&net, &tensor(&moved, (2, 32, 32, 3))).array())
    };
    let slope = (loss(0.5) - loss(-0.5)) as f32;
    assert_close("slope", &[slope / size], &[1.0], 0.02);
}

/// Moves every trained tensor along its gradient.
struct Move<'a>(&'a Gradients<f32, Cpu>, f32);

impl Visitor<Cpu> for Move<'_> {
    type Err = std::convert::Infallible;

    fn visit<S: Shape>(&mut self, _: &str, _: Role, tensor: &mut Tensor<S, f32, Cpu>) -> Result<(), Self::Err> {
        let gradient = self.0.get(tensor).as_vec();
        let moved: Vec<f32> = read(tensor).iter().zip(gradient).map(|(w, g)| w + self.1 * g).collect();
        tensor.copy_from(&moved);
        Ok(())
    }
}

/// The sums of the squares of each tensor's gradient, by name.
struct Squares<'a>(&'a Gradients<f32, Cpu>, Vec<(String, f32)>);

impl Visitor<Cpu> for Squares<'_> {
    type Err = std::convert::Infallible;

    fn visit<S: Shape>(&mut self, name: &str, _: Role, tensor: &mut Tensor<S, f32, Cpu>) -> Result<(), Self::Err> {
        self.1.push((name.to_owned(), self.0.get(tensor).as_vec().iter().map(|g| g * g).sum()));
        Ok(())
    }
}

#[test]
fn every_tensor_learns_and_together_their_gradients_are_the_slope() {
    let (mut net, x) = (awake(), pictures(2));
    let gradients = said(&net, &x).backward();
    let mut squares = Squares(&gradients, Vec::new());
    let Ok(()) = net.walk(&Scope::default(), &mut squares);
    let idle: Vec<&String> = squares.1.iter().filter(|(_, square)| !square.is_normal()).map(|(name, _)| name).collect();
    assert!(idle.is_empty() && squares.1.len() == 82, "{} tensors, idle: {idle:?}", squares.1.len());
    let size = squares.1.iter().map(|(_, square)| square).sum::<f32>().sqrt();
    let mut moved_by = |step: f32| {
        let Ok(()) = net.walk(&Scope::default(), &mut Move(&gradients, step / size));
        f64::from(said(&net, &x).array())
    };
    let (above, below) = (moved_by(0.02), moved_by(-0.04));
    assert_close("slope", &[(above - below) as f32 / 0.04 / size], &[1.0], 0.02);
}

#[test]
fn what_is_said_is_read_from_the_fine_map() {
    let mut net = awake();
    let [coarse, fine] = net.maps(pictures(2), &TIMES[..2], &TOLD[..2]).unwrap();
    assert_eq!((*coarse.shape(), *fine.shape()), ((2, 8, 8, COARSE), (2, 16, 16, FINE)));
    let mut file = TensorFile::default();
    file.collect("net", &mut net);
    let other = Maker::new(fine.device(), 2);
    let (mut norm, mut out) = (other.norm(FINE, Activation::Silu).unwrap(), other.zero_conv(3, FINE, PIXELS).unwrap());
    file.apply("net.norm", &mut norm).unwrap();
    file.apply("net.out", &mut out).unwrap();
    let said = out.forward(norm.forward(fine, None).unwrap()).unwrap();
    assert_eq!(read(&Cpu::depth_to_space(said, 0).unwrap()), infer(&net, pictures(2)));
}

#[test]
fn a_net_comes_back_from_its_file() {
    let (mut net, mut other) = (awake(), fresh(2));
    let due = infer(&net, pictures(2));
    let mut file = TensorFile::default();
    file.collect("net", &mut net);
    let file = TensorFile::parse(&file.to_bytes().unwrap()).unwrap();
    file.apply("net", &mut other).unwrap();
    assert_eq!(infer(&other, pictures(2)), due);
}

#[test]
fn the_seed_alone_makes_the_first_weights() {
    let weights = |seed| {
        let mut file = TensorFile::default();
        file.collect("net", &mut fresh(seed));
        file.to_bytes().unwrap()
    };
    assert!(weights(1) == weights(1) && weights(1) != weights(2));
}

#[test]
fn a_nan_pixel_spoils_its_picture_and_no_other() {
    let mut numbers = read(&pictures(2));
    numbers[PICTURE + 5] = f32::NAN;
    let v = infer(&awake(), tensor(&numbers, (2, 32, 32, 3)));
    assert!(v[..PICTURE].iter().all(|v| v.is_finite()) && v[PICTURE..].iter().all(|v| v.is_nan()));
}

#[test]
fn training_gives_the_same_bits_on_any_number_of_threads() {
    let on = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let net = awake();
            let gradients = said(&net, &pictures(2)).backward();
            (gradients.get(&net.stem.weight).as_vec(), gradients.get(&net.attention.queries.weight).as_vec())
        })
    };
    assert!(on(1) == on(2));
}

#[test]
#[should_panic(expected = "an unknown label")]
fn an_unknown_label_is_refused() {
    let _ = fresh(1).forward(pictures(1), &[0.5], &[Some(LABELS)]);
}

#[test]
#[should_panic(expected = "one time and one label a picture")]
fn a_picture_without_a_time_is_refused() {
    let _ = fresh(1).forward(pictures(2), &[0.5], &[None, None]);
}
