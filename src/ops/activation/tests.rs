use super::*;
use crate::ops::testing::{
    ACTIVATIONS, Outcome, TestTape, assert_gradients_add_up, assert_outcome, assert_same_bits_on_any_threads,
    assert_slopes, differentiate, noise, tensor,
};
use proptest::prelude::*;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Way {
    Kernel,
    Composition,
}

fn run(way: Way, activation: Activation, numbers: &[f32]) -> Outcome {
    let x = tensor(numbers, (numbers.len(),));
    let traced: Tensor<(usize,), f32, Cpu, TestTape> = x.leaky_trace();
    let y = match way {
        Way::Kernel => Cpu::activate(traced, activation),
        Way::Composition => composed(traced, activation),
    };
    let (y, gradients) = differentiate(y.unwrap());
    Outcome { y, gradients: vec![gradients.get(&x).as_vec()] }
}

// x = torch.tensor([-6., -3., -1., -0.5, 0., 0.25, 0.75, 2., 4., 8.]).requires_grad_()
// tanh_gelu, leaky = lambda x: F.gelu(x, approximate="tanh"), lambda x: F.leaky_relu(x, 0.1)
// y = act(x)  # F.relu, F.gelu, tanh_gelu, leaky, torch.tanh, F.silu
// y.sum().backward()
// print(y, x.grad)
#[test]
fn values_and_slopes_as_pytorch() {
    let x = [-6., -3., -1., -0.5, 0., 0.25, 0.75, 2., 4., 8.];
    let relu = ([0., 0., 0., 0., 0., 0.25, 0.75, 2., 4., 8.], [0., 0., 0., 0., 0., 1., 1., 1., 1., 1.]);
    let gelu = (
        [0.0, -0.0040498674, -0.15865529, -0.15426879, 0.0, 0.14967656, 0.58002955, 1.9545, 3.9998732, 8.0],
        [0.0, -0.011945605, -0.08331543, 0.13250491, 0.5, 0.6953733, 0.9992258, 1.0852319, 1.0005037, 1.0],
    );
    let gelu_tanh = (
        [0.0, -0.003637433, -0.158808, -0.154286, 0.0, 0.14967535, 0.5799606, 1.9545977, 3.99993, 8.0],
        [0.0, -0.011584297, -0.08296409, 0.13263011, 0.5, 0.6953541, 0.9989383, 1.0860993, 1.000335, 1.0],
    );
    let leaky =
        ([-0.6, -0.3, -0.1, -0.05, 0.0, 0.25, 0.75, 2.0, 4.0, 8.0], [0.1, 0.1, 0.1, 0.1, 0.1, 1.0, 1.0, 1.0, 1.0, 1.0]);
    let tanh = (
        [
            -0.9999877,
            -0.9950548,
            -0.7615942,
            -0.46211717,
            0.0,
            0.24491866,
            0.63514894,
            0.9640276,
            0.9993293,
            0.99999976,
        ],
        [
            2.4556963e-5,
            0.0098659815,
            0.4199743,
            0.7864477,
            1.0,
            0.94001484,
            0.5965858,
            0.070650816,
            0.0013408931,
            4.768371e-7,
        ],
    );
    let silu = (
        [
            -0.014835739,
            -0.14227761,
            -0.26894143,
            -0.18877034,
            0.0,
            0.14054413,
            0.50938404,
            1.761594,
            3.928055,
            7.9973173,
        ],
        [
            -0.012326431,
            -0.08810411,
            0.072329484,
            0.26003882,
            0.5,
            0.62371004,
            0.8425999,
            1.0907843,
            1.0526646,
            1.0023464,
        ],
    );
    let due = [
        (Activation::Relu, relu),
        (Activation::Gelu, gelu),
        (Activation::GeluTanh, gelu_tanh),
        (Activation::LeakyRelu, leaky),
        (Activation::Tanh, tanh),
        (Activation::Silu, silu),
    ];
    for (activation, (y, slopes)) in due {
        let weights = crate::ops::testing::cotangent(x.len());
        let dx = slopes.iter().zip(weights).map(|(slope, weight)| slope * weight).collect();
        let due = Outcome { y: y.to_vec(), gradients: vec![dx] };
        for (way, tolerance) in [(Way::Kernel, 3e-7), (Way::Composition, 1e-6)] {
            assert_outcome(&(way, activation), &run(way, activation, &x), &due, tolerance);
        }
    }
}

/// Against `x erfc(-x / sqrt 2) / 2` summed in double precision, everywhere that it is not flat.
#[test]
fn gelu_is_exact_to_its_promise() {
    // erf by its Maclaurin series (Abramowitz and Stegun 7.1.5), which double precision carries up to 6 / sqrt 2.
    let erf = |z: f64| {
        let (mut term, mut sum) = (z, z);
        for n in 1..200 {
            term *= -z * z / f64::from(n);
            sum += term / f64::from(2 * n + 1);
        }
        sum * 2.0 / std::f64::consts::PI.sqrt()
    };
    let mut worst = (0.0f64, 0.0f64);
    for i in -5000..=5000 {
        let x = i as f32 * 1e-3;
        let wide = f64::from(x);
        let below = 0.5 * (1.0 + erf(wide / std::f64::consts::SQRT_2));
        let density = (-wide * wide / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt();
        worst.0 = worst.0.max((f64::from(gelu(x)) - wide * below).abs());
        worst.1 = worst.1.max((f64::from(gelu_slope(x)) - (below + wide * density)).abs());
    }
    assert!(worst.0 <= 5e-7 && worst.1 <= 5e-7, "{worst:?}");
}

/// Against the formula in double precision, relative to the due number: small values have all their digits too.
#[test]
fn gelu_by_tanh_is_exact_to_its_promise() {
    for i in -5000..=5000 {
        let x = i as f32 * 1e-3;
        let wide = f64::from(x);
        let root = (2.0 / std::f64::consts::PI).sqrt();
        let share = 1.0 / (1.0 + (-2.0 * root * (wide + 0.044_715 * wide.powi(3))).exp());
        let slope = share + wide * share * (1.0 - share) * 2.0 * root * (1.0 + 0.134_145 * wide * wide);
        let (got, due) = (f64::from(value(Activation::GeluTanh, x)), wide * share);
        assert!((got - due).abs() <= 4e-6 * due.abs(), "{x}: {got}, due {due}");
        let got = f64::from(pull_back(Activation::GeluTanh, x, 1.0));
        assert!((got - slope).abs() <= 1e-6, "{x}: slope {got}, due {slope}");
    }
    assert_eq!([-1e30, 1e30].map(|x| pull_back(Activation::GeluTanh, x, 1.0) > 0.5), [false, true]);
    assert!(pull_back(Activation::GeluTanh, f32::NAN, 1.0).is_nan());
}

#[test]
fn gradients_are_slopes() {
    let inputs = [noise("x", 200)];
    for activation in ACTIVATIONS {
        assert_slopes(&activation, &inputs, 1e-3, |inputs| run(Way::Kernel, activation, &inputs[0]));
    }
}

proptest! {
    #[test]
    fn kernel_matches_composition_at_any_length(
        len in 1usize..40_000,
        activation in prop::sample::select(&ACTIVATIONS[..]),
    ) {
        let numbers: Vec<f32> = noise("x", len).iter().map(|x| x * 3.0).collect();
        let due = run(Way::Composition, activation, &numbers);
        assert_outcome(&(len, activation), &run(Way::Kernel, activation, &numbers), &due, 2e-6);
    }
}

#[test]
fn gradients_add_up() {
    for activation in ACTIVATIONS {
        assert_gradients_add_up(&tensor(&noise("x", 50), (50,)), |x| Cpu::activate(x, activation).unwrap());
    }
}

#[test]
fn same_bits_on_any_number_of_threads() {
    let numbers = noise("x", 50_000);
    assert_same_bits_on_any_threads(&"gelu", || run(Way::Kernel, Activation::Gelu, &numbers));
}

#[test]
fn extremes_stay_what_they_are() {
    for activation in ACTIVATIONS {
        let y = run(Way::Kernel, activation, &[f32::NAN, 1e30, f32::MAX]).y;
        assert!(y[0].is_nan(), "{activation:?}");
        let due = if activation == Activation::Tanh { [1.0, 1.0] } else { [1e30, f32::MAX] };
        assert_eq!(y[1..], due, "{activation:?}");
    }
    assert_eq!(run(Way::Kernel, Activation::Tanh, &[-1e30]).y, [-1.0]);
    for activation in [Activation::Gelu, Activation::GeluTanh, Activation::Silu] {
        assert!(run(Way::Kernel, activation, &[-1e3]).y[0].abs() < 1e-30, "{activation:?}");
    }
}
