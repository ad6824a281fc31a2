use super::*;
use crate::ops::testing::{
    ACTIVATIONS, Outcome, TestTape, assert_close, assert_gradients_add_up, assert_outcome,
    assert_same_bits_on_any_threads, assert_slopes, differentiate, noise, steps, tensor,
};
use proptest::prelude::*;

const EPS: f32 = 1e-5;
#[derive(Clone, Copy, Debug, PartialEq)]
enum Way {
    Kernel,
    Composition,
}

#[derive(Clone, Copy, Debug)]
struct Case {
    way: Way,
    x: [usize; 4],
    activation: Activation,
}

impl Case {
    fn inputs(&self) -> Vec<Vec<f32>> {
        let x = noise("x", self.x.iter().product()).iter().map(|x| x * 2.0 + 3.0).collect();
        vec![x, noise("gamma", self.x[3]), noise("beta", self.x[3])]
    }

    fn run(&self, inputs: &[Vec<f32>]) -> (Outcome, Moments) {
        let [b, h, w, c] = self.x;
        let x = tensor(&inputs[0], (b, h, w, c));
        let (gamma, beta) = (tensor(&inputs[1], (c,)), tensor(&inputs[2], (c,)));
        let traced: Image<Cpu, TestTape> = x.leaky_trace();
        let result = match self.way {
            Way::Kernel => Cpu::batch_norm(traced, &gamma, &beta, EPS, self.activation),
            Way::Composition => composed(traced, &gamma, &beta, EPS, self.activation),
        };
        let (y, moments) = result.unwrap();
        let (y, gradients) = differentiate(y);
        let gradients = [gradients.get(&x).as_vec(), gradients.get(&gamma).as_vec(), gradients.get(&beta).as_vec()];
        (Outcome { y, gradients: gradients.into() }, moments)
    }
}

// x = steps(24, 7, 11).reshape(2, 2, 3, 2).requires_grad_()
// g, b = torch.tensor([1.5, -0.5]).requires_grad_(), torch.tensor([0.25, 0.5]).requires_grad_()
// y = F.batch_norm(x.permute(0, 3, 1, 2), None, None, g, b, training=True, eps=1e-5)
// y = act(y).permute(0, 2, 3, 1)  # act: identity, F.relu, F.gelu
// (y * cotangent(y)).sum().backward()
// print(y, x.grad, g.grad, b.grad, x.mean((0, 1, 2)), x.var((0, 1, 2), unbiased=False))
fn pytorch(activation: Activation) -> Outcome {
    let lists: [&[f32]; 4] = match activation {
        Activation::LeakyRelu | Activation::GeluTanh | Activation::Tanh | Activation::Silu => {
            unreachable!("tested by finite differences")
        }
        Activation::Identity => [
            &[
                -1.8157152,
                0.20216084,
                -0.4636107,
                -0.28521237,
                0.8884938,
                1.0144495,
                2.2405982,
                0.5270763,
                -1.3650137,
                0.0397031,
                -0.012909204,
                1.339365,
                1.3391953,
                0.8519918,
                2.6913,
                0.36461857,
                -0.91431224,
                -0.12275463,
                0.4377923,
                1.1769073,
                1.7898968,
                0.68953407,
                -1.8157152,
                0.20216084,
            ],
            &[
                -5.610413,
                -0.3524201,
                0.860304,
                -0.51188654,
                1.0212,
                0.021662405,
                1.1820959,
                -0.13780399,
                0.4525723,
                -0.2972704,
                0.61346817,
                0.23627853,
                0.7743643,
                0.07681211,
                -1.9942997,
                0.1610323,
                1.7831917,
                0.6513968,
                0.14128178,
                -0.43963167,
                -1.5006282,
                0.05073291,
                2.2768629,
                0.54109746,
            ],
            &[-14.500695, -15.331948],
            &[-2.125, -1.875],
        ],
        Activation::Relu => [
            &[
                0.0, 0.20216084, 0.0, 0.0, 0.8884938, 1.0144495, 2.2405982, 0.5270763, 0.0, 0.0397031, 0.0, 1.339365,
                1.3391953, 0.8519918, 2.6913, 0.36461857, 0.0, 0.0, 0.4377923, 1.1769073, 1.7898968, 0.68953407, 0.0,
                0.20216084,
            ],
            &[
                -0.846979,
                0.051100872,
                0.45721072,
                -0.70710593,
                1.5360496,
                -0.066111825,
                1.0374331,
                0.06919889,
                -0.41224897,
                0.20450963,
                0.89194053,
                -0.04801382,
                1.0693765,
                0.087296925,
                -2.3587997,
                0.46629423,
                0.022480896,
                -0.53559923,
                0.87596893,
                -0.6256649,
                -1.4254533,
                0.15947676,
                -0.846979,
                0.9446184,
            ],
            &[-9.630614, -9.747464],
            &[-7.625, 2.25],
        ],
        Activation::Gelu => [
            &[
                -0.063017994,
                0.11727438,
                -0.14903389,
                -0.110588476,
                0.72222316,
                0.85702294,
                2.2125323,
                0.36944345,
                -0.11756106,
                0.020480253,
                -0.0063881194,
                1.2185193,
                1.2183281,
                0.6840563,
                2.6817222,
                0.2341952,
                -0.16482891,
                -0.05538084,
                0.29298443,
                1.0361301,
                1.7241445,
                0.52043027,
                -0.0630181,
                0.11727442,
            ],
            &[
                -0.50246966,
                -0.07408723,
                0.7658634,
                -0.6027967,
                1.6135738,
                -0.00096290093,
                1.0302998,
                0.10477759,
                -0.6839706,
                -0.13804537,
                1.2951214,
                0.013989487,
                1.0232301,
                0.1657455,
                -2.3828676,
                0.35031134,
                -0.111349046,
                0.073372275,
                1.0341722,
                -0.6315265,
                -1.7538997,
                0.22437103,
                -1.3277044,
                0.5148514,
            ],
            &[-9.819603, -11.687553],
            &[-8.138162, 2.6278465],
        ],
    };
    let [y, dx, dgamma, dbeta] = lists.map(<[f32]>::to_vec);
    Outcome { y, gradients: vec![dx, dgamma, dbeta] }
}

#[test]
fn outputs_gradients_and_moments_as_pytorch() {
    for activation in [Activation::Identity, Activation::Relu, Activation::Gelu] {
        for way in [Way::Kernel, Way::Composition] {
            let case = Case { way, x: [2, 2, 3, 2], activation };
            let (outcome, moments) = case.run(&[steps(24, 7, 11), vec![1.5, -0.5], vec![0.25, 0.5]]);
            assert_outcome(&case, &outcome, &pytorch(activation), 2e-6);
            assert_close("mean", &moments.mean, &[-0.104166664, 0.041666668], 1e-6);
            assert_close("variance", &moments.variance, &[0.69227433, 0.5920139], 1e-6);
        }
    }
}

#[test]
fn gradients_are_slopes() {
    for activation in ACTIVATIONS {
        let case = Case { way: Way::Kernel, x: [3, 4, 3, 3], activation };
        assert_slopes(&case, &case.inputs(), 2e-3, |inputs| case.run(inputs).0);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
    #[test]
    fn kernel_matches_composition_at_any_shape(
        (batch, height, width, channels) in (2usize..40, 1usize..7, 1usize..7, 1usize..40),
        activation in prop::sample::select(&ACTIVATIONS[..]),
    ) {
        let kernel = Case { way: Way::Kernel, x: [batch, height, width, channels], activation };
        let composition = Case { way: Way::Composition, ..kernel };
        let inputs = kernel.inputs();
        // Within the last bits of zero the two may be on different sides of a kink, and their gradients then differ.
        let plain = Case { activation: Activation::Identity, ..composition }.run(&inputs).0;
        prop_assume!(plain.y.iter().all(|y| y.abs() > 1e-5));
        let (got, got_moments) = kernel.run(&inputs);
        let (due, due_moments) = composition.run(&inputs);
        // The composition sums in single precision; a few rows with a tiny variance magnify its last bits.
        let tolerance = if batch * height * width < 8 { 1e-2 } else { 2e-3 };
        assert_outcome(&kernel, &got, &due, tolerance);
        assert_close("mean", &got_moments.mean, &due_moments.mean, 1e-5);
        assert_close("variance", &got_moments.variance, &due_moments.variance, 1e-5);
    }
}

#[test]
fn gradients_add_up() {
    let (gamma, beta) = (tensor(&noise("gamma", 3), (3,)), tensor(&noise("beta", 3), (3,)));
    for activation in ACTIVATIONS {
        let x = tensor(&noise("x", 150), (2, 5, 5, 3));
        assert_gradients_add_up(&x, |x| Cpu::batch_norm(x, &gamma, &beta, EPS, activation).unwrap().0);
    }
}

#[test]
fn same_bits_on_any_number_of_threads() {
    for x in [[1, 5, 7, 3], [33, 9, 8, 20]] {
        let case = Case { way: Way::Kernel, x, activation: Activation::Gelu };
        let inputs = case.inputs();
        assert_same_bits_on_any_threads(&case, || case.run(&inputs).0);
    }
}

/// A mean of 10,000 with a deviation of 1: sums of squares around zero would lose the variance.
#[test]
fn a_large_mean_costs_no_precision() {
    let case = Case { way: Way::Kernel, x: [50, 8, 8, 1], activation: Activation::Identity };
    let numbers: Vec<f32> = (0..3200).map(|i| 10_000.0 + (i % 5) as f32 - 2.0).collect();
    let (_, moments) = case.run(&[numbers, vec![1.0], vec![0.0]]);
    assert_close("mean", &moments.mean, &[10_000.0], 1e-7);
    assert_close("variance", &moments.variance, &[2.0], 1e-5);
}

#[test]
fn a_channel_of_equal_numbers_gives_its_shift() {
    let case = Case { way: Way::Kernel, x: [4, 3, 3, 2], activation: Activation::Identity };
    let numbers = [0.1, -7.3].repeat(36);
    let (outcome, moments) = case.run(&[numbers, vec![2.0, 3.0], vec![0.5, -0.5]]);
    assert_close("y", &outcome.y, &[0.5, -0.5].repeat(36), 1e-3);
    assert_close("variance", &moments.variance, &[0.0, 0.0], 1e-12);
}

#[test]
fn a_nan_spoils_its_channel_and_no_other() {
    for activation in ACTIVATIONS {
        let case = Case { way: Way::Kernel, x: [2, 2, 2, 3], activation };
        for place in [1, 13] {
            let mut inputs = case.inputs();
            inputs[0][place] = f32::NAN;
            let (outcome, moments) = case.run(&inputs);
            for (index, y) in outcome.y.iter().enumerate() {
                assert_eq!(y.is_nan(), index % 3 == 1, "{case:?} {place} {index}: {y}");
            }
            assert!(moments.mean[1].is_nan() && moments.variance[1].is_nan() && moments.variance[0].is_finite());
        }
    }
}

#[test]
fn scale_shift_is_the_activation_of_a_line() {
    let x = tensor(&steps(12, 7, 11), (1, 2, 2, 3));
    for activation in ACTIVATIONS {
        let (scale, shift) = ([2.0, -1.0, 0.5], [0.25, 0.0, -1.0]);
        let y = Cpu::scale_shift(x.clone(), &scale, &shift, activation).unwrap();
        let line: Vec<f32> = read(&x).iter().enumerate().map(|(i, x)| x * scale[i % 3] + shift[i % 3]).collect();
        let due = Cpu::activate(tensor(&line, (12,)), activation).unwrap();
        assert_close("y", &read(&y), &read(&due), 1e-6);
    }
}
