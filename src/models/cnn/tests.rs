use super::*;
use crate::nn::Linear;
use crate::nn::checkpoint::TensorFile;
use crate::ops::Pool2dOp;
use crate::ops::host::read;
use crate::ops::testing::{noise, tensor};
use crate::ops::{cross_entropy, macs};

const LABELS: usize = 10;

fn pictures(batch: usize) -> Image<Cpu> {
    tensor(&noise("pictures", batch * SIDE * SIDE * COLOURS), (batch, SIDE, SIDE, COLOURS))
}

fn modern() -> Cnn<Cpu> {
    Cnn::untrained(&Cpu::default(), LABELS, 1).unwrap()
}

/// A layer of the net's file.
fn layer(net: &mut Cnn<Cpu>, name: &str, sizes: (usize, usize), relu: bool, has_bias: bool) -> Linear<Cpu> {
    let mut file = TensorFile::default();
    file.collect("net", net);
    let device = Cpu::default();
    let bias = has_bias.then(|| device.zeros_like(&(sizes.0,)));
    let mut linear = Linear { weight: device.zeros_like(&sizes), bias, relu };
    file.apply(&format!("net.{name}"), &mut linear).unwrap();
    linear
}

#[test]
fn the_modern_net_names_by_the_largest_numbers_of_its_deep_map() {
    let mut net = modern();
    net.train(pictures(4)).unwrap();
    let [deep, shallow] = net.maps(pictures(2)).unwrap();
    assert_eq!((*deep.shape(), *shallow.shape()), ((2, 3, 3, 128), (2, 16, 16, 25)));
    let features = Cpu::global_max_pool(deep).unwrap();
    assert_eq!(read(&net.look(pictures(2)).unwrap().0), read(&features));
    let logits = layer(&mut net, "head", (LABELS, 128), false, false).forward(features).unwrap() * (1.0 / 9.0);
    assert_eq!(read(&net.infer(pictures(2)).unwrap()), read(&logits));
}

#[test]
fn the_plain_net_names_by_all_of_its_deep_map() {
    let mut net = Cnn::new(&Cpu::default(), CnnKind::Plain, LABELS, 1).unwrap();
    let [deep, shallow] = net.maps(pictures(2)).unwrap();
    assert_eq!((*deep.shape(), *shallow.shape()), ((2, 4, 4, 128), (2, 16, 16, 32)));
    let features = layer(&mut net, "hidden", (256, 2048), true, true).forward(deep.reshape_like(&(2, 2048))).unwrap();
    let logits = layer(&mut net, "head", (LABELS, 256), false, true).forward(features).unwrap();
    assert_eq!(read(&net.infer(pictures(2)).unwrap()), read(&logits));
}

#[test]
fn the_maps_of_a_training_pass_are_those_that_it_names_by() {
    let (mut net, mut other) = (modern(), modern());
    let logits = read(&net.train(pictures(3)).unwrap());
    let [deep, _] = other.train_maps(pictures(3)).unwrap();
    let head = layer(&mut other, "head", (LABELS, 128), false, false);
    let due = head.forward(Cpu::global_max_pool(deep).unwrap()).unwrap() * (1.0 / 9.0);
    assert_eq!(logits, read(&due));
    // Both have learned the same running moments.
    assert_eq!(read(&net.infer(pictures(1)).unwrap()), read(&other.infer(pictures(1)).unwrap()));
}

/// What passes the drawn filters neither fades nor grows on its way to the maps.
#[test]
fn an_untrained_net_s_maps_are_of_a_sensible_size() {
    let maps = modern().maps(pictures(4)).unwrap();
    for map in maps.map(|map| read(&map)) {
        let size = (map.iter().map(|x| x * x).sum::<f32>() / map.len() as f32).sqrt();
        assert!((0.2..5.0).contains(&size), "{size}");
    }
}

/// The multiply-adds of a training step on `batch` pictures.
fn of_a_step(kind: CnnKind, batch: usize) -> u64 {
    let mut net = Cnn::new(&Cpu::default(), kind, LABELS, 1).unwrap();
    let step = || {
        let logits = net.train(pictures(batch).leaky_traced()).unwrap();
        cross_entropy(logits, &vec![0; batch], 0.0).unwrap().backward()
    };
    macs::of(step).1
}

/// Sides squared, windows, filters; each layer forward, for its weights and for its input, but for the first that learns.
#[test]
fn a_step_takes_the_multiply_adds_on_paper() {
    let [conv1, conv2, conv3] = [32 * 32 * 27 * 32, 16 * 16 * 288 * 64, 8 * 8 * 576 * 128];
    let dense = 2048 * 256 + 256 * 10;
    assert_eq!(2 * conv1 + 3 * (conv2 + conv3 + dense), 31_661_568);
    assert_eq!(of_a_step(CnnKind::Plain, 3), 3 * 31_661_568);
    // The whitening layer in front never learns.
    let whitening = 31 * 31 * 12 * 24;
    let first = 31 * 31 * 216 * 48;
    let blocks = 15 * 15 * (432 * 48 + 432 * 96) + 7 * 7 * (864 * 96 + 864 * 128) + 3 * 3 * 1152 * 128 + 128 * 10;
    assert_eq!(whitening + 2 * first + 3 * blocks, 94_629_408);
    assert_eq!(of_a_step(CnnKind::Modern, 2), 2 * 94_629_408);
}
