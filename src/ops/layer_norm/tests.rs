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

#[derive(Clone, Copy, Debug)]
struct Case {
    way: Way,
    x: [usize; 3],
    eps: f32,
}

impl Case {
    fn inputs(&self) -> Vec<Vec<f32>> {
        let x = noise("x", self.x.iter().product()).iter().map(|x| x * 2.0 + 3.0).collect();
        vec![x, noise("gamma", self.x[2]), noise("beta", self.x[2])]
    }

    fn run(&self, inputs: &[Vec<f32>]) -> Outcome {
        let [b, n, c] = self.x;
        let (x, gamma, beta) = (tensor(&inputs[0], (b, n, c)), tensor(&inputs[1], (c,)), tensor(&inputs[2], (c,)));
        let traced: Tokens<Cpu, TestTape> = x.leaky_trace();
        let y = match self.way {
            Way::Kernel => Cpu::layer_norm(traced, &gamma, &beta, self.eps),
            Way::Composition => composed(traced, &gamma, &beta, self.eps),
        };
        let (y, gradients) = differentiate(y.unwrap());
        let of_parameters = [&gamma, &beta].map(|of| gradients.get(of).as_vec());
        Outcome { y, gradients: std::iter::once(gradients.get(&x).as_vec()).chain(of_parameters).collect() }
    }
}

// x = steps(24, 7, 11).reshape(2, 3, 4).requires_grad_()
// g = steps(4, 3, 13).add(2).requires_grad_()
// b = steps(4, 2, 5).requires_grad_()
// y = F.layer_norm(x, (4,), g, b, eps)
// (y * cotangent(y)).sum().backward()
// print(y, x.grad, g.grad, b.grad)
#[test]
fn outputs_and_gradients_as_pytorch() {
    let gamma = steps(4, 3, 13).iter().map(|g| g + 2.0).collect();
    let inputs = [steps(24, 7, 11), gamma, steps(4, 2, 5)];
    let lists: [(f32, [&[f32]; 4]); 2] = [
        (
            1e-5,
            [
                &[
                    -1.156529, 0.656529, -0.550446, 3.360907, -0.400001, -1.749977, 3.299964, -0.799993, -0.861446,
                    1.90763, 0.981928, -3.121485, -0.400001, -1.749977, 3.299964, -0.799993, -0.861446, 1.90763,
                    0.981928, -3.121485, 0.022088, -0.301205, -2.552208, 1.737951,
                ],
                &[
                    -1.729594, 1.075907, 2.009778, -1.35609, 0.540982, -0.43692, -0.463069, 0.359006, -2.207514,
                    0.309571, -0.067375, 1.965317, 3.524934, -1.024845, -1.650121, -0.849969, -2.773367, 0.687552,
                    -0.681969, 2.767785, 2.996688, -0.574151, 0.674287, -3.096824,
                ],
                &[-2.624713, -8.239295, -10.751157, -6.991699],
                &[-1.5, -2.0, -0.625, 0.125],
            ],
        ),
        (
            0.5,
            [
                &[
                    -1.027046, 0.527046, -0.343274, 2.648754, -0.433773, -1.158966, 2.354345, -0.614246, -0.767497,
                    1.411791, 0.856663, -2.375117, -0.433773, -1.158966, 2.354345, -0.614246, -0.767497, 1.411791,
                    0.856663, -2.375117, -0.113615, -0.222914, -1.758866, 1.221235,
                ],
                &[
                    -0.890123, 0.664371, 1.812746, -1.586995, 0.203618, 0.793267, -1.389307, 0.392422, -1.11662,
                    -0.862566, -0.222232, 2.201417, 2.041697, 1.370717, -3.142279, -0.270135, -1.083852, -1.536087,
                    -0.827592, 3.447532, 0.744203, -0.08486, 2.652707, -3.312051,
                ],
                &[-1.797029, -5.919443, -7.508962, -5.297317],
                &[-1.5, -2.0, -0.625, 0.125],
            ],
        ),
    ];
    for (eps, lists) in lists {
        let [y, gradients @ ..] = lists.map(<[f32]>::to_vec);
        let due = Outcome { y, gradients: gradients.into() };
        for way in [Way::Kernel, Way::Composition] {
            let case = Case { way, x: [2, 3, 4], eps };
            assert_outcome(&case, &case.run(&inputs), &due, 2e-6);
        }
    }
}

#[test]
fn gradients_are_slopes() {
    for x in [[2, 3, 7], [1, 2, 19]] {
        let case = Case { way: Way::Kernel, x, eps: 1e-5 };
        assert_slopes(&case, &case.inputs(), 3e-3, |inputs| case.run(inputs));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
    #[test]
    fn kernel_matches_composition_at_any_shape(
        (batch, tokens, channels) in (1usize..9, 1usize..40, 8usize..80),
        eps in prop::sample::select(&[1e-12f32, 1e-5][..]),
    ) {
        let kernel = Case { way: Way::Kernel, x: [batch, tokens, channels], eps };
        let due = Case { way: Way::Composition, ..kernel }.run(&kernel.inputs());
        assert_outcome(&kernel, &kernel.run(&kernel.inputs()), &due, 1e-4);
    }
}

#[test]
fn gradients_add_up() {
    let x = tensor(&noise("x", 60), (2, 3, 10));
    let (gamma, beta) = (tensor(&noise("gamma", 10), (10,)), tensor(&noise("beta", 10), (10,)));
    assert_gradients_add_up(&x, |x| Cpu::layer_norm(x, &gamma, &beta, 1e-5).unwrap());
    assert_gradients_add_up(&gamma, |gamma| {
        let (gamma, tape) = gamma.split_tape();
        Cpu::layer_norm(x.clone().put_tape(tape), &gamma, &beta, 1e-5).unwrap()
    });
    assert_gradients_add_up(&beta, |beta| {
        let (beta, tape) = beta.split_tape();
        Cpu::layer_norm(x.clone().put_tape(tape), &gamma, &beta, 1e-5).unwrap()
    });
}

#[test]
fn same_bits_on_any_number_of_threads() {
    for x in [[1, 1, 6], [33, 70, 24]] {
        let case = Case { way: Way::Kernel, x, eps: 1e-5 };
        assert_same_bits_on_any_threads(&case, || case.run(&case.inputs()));
    }
}

#[test]
fn a_token_alone_is_the_one_among_others() {
    let all = Case { way: Way::Kernel, x: [5, 30, 12], eps: 1e-5 };
    let mut inputs = all.inputs();
    let y = all.run(&inputs).y;
    inputs[0].drain(..149 * 12);
    assert_eq!(Case { x: [1, 1, 12], ..all }.run(&inputs).y, y[149 * 12..]);
}

/// A mean of 10,000 with a deviation near 1: sums of squares around zero would lose the variance.
#[test]
fn a_large_mean_costs_no_precision() {
    let case = Case { way: Way::Kernel, x: [1, 2, 400], eps: 1e-12 };
    let wave = |i: usize| (i % 5) as f32 - 2.0;
    let numbers: Vec<f32> = (0..800).map(|i| 10_000.0 + wave(i)).collect();
    let due: Vec<f32> = (0..800).map(|i| wave(i) / 2f32.sqrt()).collect();
    assert_close("y", &case.run(&[numbers, vec![1.0; 400], vec![0.0; 400]]).y, &due, 1e-4);
}

#[test]
fn a_token_of_equal_numbers_gives_its_shift() {
    let case = Case { way: Way::Kernel, x: [1, 2, 4], eps: 1e-5 };
    let outcome = case.run(&[[[0.1; 4], [-7.3; 4]].concat(), vec![2.0; 4], vec![0.5, -0.5, 1.0, 2.0]]);
    assert_close("y", &outcome.y, &[0.5, -0.5, 1.0, 2.0].repeat(2), 1e-3);
}

#[test]
fn a_nan_spoils_its_token_and_no_other() {
    for place in [6, 20, 23] {
        let case = Case { way: Way::Kernel, x: [2, 2, 6], eps: 1e-5 };
        let mut inputs = case.inputs();
        inputs[0][place] = f32::NAN;
        for (index, y) in case.run(&inputs).y.iter().enumerate() {
            assert_eq!(y.is_nan(), index / 6 == place / 6, "{place} {index}: {y}");
        }
    }
}

#[test]
#[should_panic(expected = "one gamma and beta a channel")]
fn parameters_that_do_not_fit_are_refused() {
    let (two, three) = (tensor(&[1.0; 2], (2,)), tensor(&[1.0; 3], (3,)));
    let _ = Cpu::layer_norm(tensor(&[0.0; 6], (1, 2, 3)), &three, &two, 1e-5);
}
