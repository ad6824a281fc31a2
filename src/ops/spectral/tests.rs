use super::*;
use crate::ops::testing::{
    Outcome, TestTape, assert_close, assert_gradients_add_up, assert_outcome, assert_same_bits_on_any_threads,
    assert_slopes, differentiate, noise, steps, tensor,
};
use proptest::prelude::*;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Way {
    Kernel,
    Composition,
}

type Weight = Tensor<(usize, usize, usize), f32, Cpu>;

/// `w (O, 2, K / 2)`: the norm takes any shape as rows of its first axis.
fn run(way: Way, w: &[f32], u: &[f32], v: &[f32]) -> Outcome {
    let w: Weight = tensor(w, (u.len(), 2, v.len() / 2));
    let (u, v) = (tensor(u, (u.len(),)), tensor(v, (v.len(),)));
    let traced: Tensor<_, f32, Cpu, TestTape> = w.leaky_trace();
    let y = match way {
        Way::Kernel => Cpu::spectral_norm(traced, &u, &v),
        Way::Composition => composed(traced, &u, &v),
    };
    let (y, gradients) = differentiate(y.unwrap());
    Outcome { y, gradients: vec![gradients.get(&w).as_vec()] }
}

fn iterate(way: Way, w: &[f32], u: &[f32], v: &[f32]) -> (Vec<f32>, Vec<f32>) {
    let w: Weight = tensor(w, (u.len(), 2, v.len() / 2));
    let (mut u, mut v) = (tensor(u, (u.len(),)), tensor(v, (v.len(),)));
    match way {
        Way::Kernel => Cpu::power_iteration(&w, &mut u, &mut v),
        Way::Composition => composed_iteration(&w, &mut u, &mut v),
    }
    .unwrap();
    (read(&u), read(&v))
}

// layer = torch.nn.Linear(4, 3, bias=False)
// layer.weight.data = steps(12, 7, 11).reshape(3, 4)
// layer = torch.nn.utils.parametrizations.spectral_norm(layer)
// norm = layer.parametrizations.weight[0]
// norm._u.data, norm._v.data = torch.tensor([1., 0., 0.]), torch.tensor([0.5, 0.5, 0.5, 0.5])
// y = layer.weight  # takes one power iteration
// (y * cotangent(y)).sum().backward()
// print(norm._u, norm._v, y, layer.parametrizations.weight.original.grad)
#[test]
fn one_iteration_and_the_gradient_as_pytorch() {
    let u = [0.0, 0.27472112, -0.96152395];
    let v = [0.54065025, -0.48658523, 0.27032512, 0.63075864];
    let due = Outcome {
        y: vec![
            -0.6559989,
            0.26239955,
            -0.26239955,
            0.6559989,
            0.13119978,
            -0.39359933,
            0.5247991,
            0.0,
            -0.5247991,
            0.39359933,
            -0.13119978,
            -0.6559989,
        ],
        gradients: vec![vec![
            -0.8527985,
            -0.19679967,
            0.4591992,
            -0.72159874,
            0.19901541,
            0.3522452,
            -0.45809132,
            0.37431774,
            -0.2045548,
            0.37433904,
            -0.2662771,
            -0.227714,
        ]],
    };
    let w = steps(12, 7, 11);
    for way in [Way::Kernel, Way::Composition] {
        let (got_u, got_v) = iterate(way, &w, &[1.0, 0.0, 0.0], &[0.5; 4]);
        assert_close("u", &got_u, &u, 1e-6);
        assert_close("v", &got_v, &v, 1e-6);
        assert_outcome(&way, &run(way, &w, &got_u, &got_v), &due, 1e-6);
    }
}

#[test]
fn gradients_are_slopes() {
    let (w, u, v) = (noise("w", 15 * 8), noise("u", 15), noise("v", 8));
    assert_slopes(&"spectral norm", &[w], 5e-3, |inputs| run(Way::Kernel, &inputs[0], &u, &v));
}

proptest! {
    #[test]
    fn kernel_matches_composition_at_any_shape(rows in 1usize..40, half in 1usize..80) {
        let (w, u, v) = (noise("w", rows * 2 * half), noise("u", rows), noise("v", 2 * half));
        let (u, v) = iterate(Way::Composition, &w, &u, &v);
        let (got_u, got_v) = iterate(Way::Kernel, &w, &u, &v);
        let (due_u, due_v) = iterate(Way::Composition, &w, &u, &v);
        assert_close("u", &got_u, &due_u, 1e-5);
        assert_close("v", &got_v, &due_v, 1e-5);
        let due = run(Way::Composition, &w, &u, &v);
        assert_outcome(&(rows, half), &run(Way::Kernel, &w, &u, &v), &due, 1e-5);
    }
}

/// Power iterations find the largest singular value: here those are the sizes on the diagonal.
#[test]
fn iterations_make_the_norm_1() {
    let mut w = vec![0.0; 3 * 4];
    (w[0], w[5], w[10]) = (2.0, -5.0, 0.5);
    let (mut u, mut v) = (noise("u", 3), noise("v", 4));
    for _ in 0..20 {
        (u, v) = iterate(Way::Kernel, &w, &u, &v);
    }
    let due: Vec<f32> = w.iter().map(|w| w / 5.0).collect();
    assert_close("y", &run(Way::Kernel, &w, &u, &v).y, &due, 1e-6);
}

#[test]
fn gradients_add_up() {
    let (u, v) = (tensor(&noise("u", 3), (3,)), tensor(&noise("v", 4), (4,)));
    let w: Weight = tensor(&noise("w", 12), (3, 2, 2));
    assert_gradients_add_up(&w, |w| Cpu::spectral_norm(w, &u, &v).unwrap());
}

#[test]
fn same_bits_on_any_number_of_threads() {
    let (w, u, v) = (noise("w", 70 * 200), noise("u", 70), noise("v", 200));
    assert_same_bits_on_any_threads(&"spectral norm", || run(Way::Kernel, &w, &u, &v));
}

#[test]
fn a_nan_is_seen() {
    let (mut w, u, v) = (noise("w", 12), noise("u", 3), noise("v", 4));
    w[5] = f32::NAN;
    assert!(run(Way::Kernel, &w, &u, &v).y.iter().all(|y| y.is_nan()));
    assert!(iterate(Way::Kernel, &w, &u, &v).0.iter().all(|u| u.is_nan()));
}

/// A weight of zeros has no direction: its vectors become zeros, not NaN.
#[test]
fn a_weight_of_zeros_leaves_finite_vectors() {
    for way in [Way::Kernel, Way::Composition] {
        let (u, v) = iterate(way, &[0.0; 12], &noise("u", 3), &noise("v", 4));
        assert!(u.iter().chain(&v).all(|x| *x == 0.0), "{way:?}");
    }
}
