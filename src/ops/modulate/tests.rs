use super::*;
use crate::ops::testing::{
    ACTIVATIONS, Outcome, TestTape, assert_gradients_add_up, assert_outcome, assert_same_bits_on_any_threads,
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
    x: [usize; 4],
    activation: Activation,
}

impl Case {
    fn inputs(&self) -> Vec<Vec<f32>> {
        let rows = self.x[0] * self.x[3];
        vec![noise("x", self.x.iter().product()), noise("scale", rows), noise("shift", rows)]
    }

    fn run(&self, inputs: &[Vec<f32>]) -> Outcome {
        let [b, h, w, c] = self.x;
        let x = tensor(&inputs[0], (b, h, w, c));
        let (scale, shift) = (tensor(&inputs[1], (b, c)), tensor(&inputs[2], (b, c)));
        let (traced, rows): (Image<Cpu, TestTape>, _) = (x.leaky_trace(), (scale.leaky_trace(), shift.leaky_trace()));
        let y = match self.way {
            Way::Kernel => Cpu::modulate(traced, rows.0, rows.1, self.activation),
            Way::Composition => composed(traced, rows.0, rows.1, self.activation),
        };
        let (y, gradients) = differentiate(y.unwrap());
        let of_rows = [&scale, &shift].map(|rows| gradients.get(rows).as_vec());
        Outcome { y, gradients: std::iter::once(gradients.get(&x).as_vec()).chain(of_rows).collect() }
    }
}

// x = steps(12, 7, 11).reshape(2, 2, 1, 3).requires_grad_()
// s = steps(6, 3, 13).reshape(2, 3).requires_grad_()
// t = steps(6, 2, 5).reshape(2, 3).requires_grad_()
// y = F.leaky_relu(x * s[:, None, None] + t[:, None, None], 0.1)
// (y * cotangent(y)).sum().backward()
// print(y, x.grad, s.grad, t.grad)
#[test]
fn outputs_and_gradients_as_pytorch() {
    let due = Outcome {
        y: vec![1.375, -0.0375, 0.5, -0.2375, -0.01875, 0.5, 0.5, 0.25, 0.5, 0.3125, -0.0125, 0.75],
        gradients: vec![
            vec![
                2.4375,
                0.028125001,
                0.0,
                0.20625001,
                0.009375,
                0.0,
                -0.84375,
                0.1875,
                -1.375,
                -0.65625,
                0.056250002,
                -1.625,
            ],
            vec![1.859375, -0.021875001, -1.28125, -1.78125, -0.009375, -3.40625],
            vec![-1.7625, -0.05, 2.0, -2.0, 0.1625, 3.0],
        ],
    };
    for way in [Way::Kernel, Way::Composition] {
        let case = Case { way, x: [2, 2, 1, 3], activation: Activation::LeakyRelu };
        assert_outcome(&case, &case.run(&[steps(12, 7, 11), steps(6, 3, 13), steps(6, 2, 5)]), &due, 1e-6);
    }
}

#[test]
fn gradients_are_slopes() {
    for activation in ACTIVATIONS {
        let case = Case { way: Way::Kernel, x: [3, 2, 4, 3], activation };
        assert_slopes(&case, &case.inputs(), 2e-3, |inputs| case.run(inputs));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
    #[test]
    fn kernel_matches_composition_at_any_shape(
        (batch, height, width, channels) in (1usize..20, 1usize..7, 1usize..7, 1usize..40),
        activation in prop::sample::select(&ACTIVATIONS[..]),
    ) {
        let kernel = Case { way: Way::Kernel, x: [batch, height, width, channels], activation };
        let due = Case { way: Way::Composition, ..kernel }.run(&kernel.inputs());
        assert_outcome(&kernel, &kernel.run(&kernel.inputs()), &due, 1e-5);
    }
}

#[test]
fn gradients_add_up() {
    let (x, rows) = (tensor(&noise("x", 48), (2, 3, 2, 4)), tensor(&noise("scale", 8), (2, 4)));
    let shift = tensor(&noise("shift", 8), (2, 4));
    let fixed = |rows: &Matrix<Cpu>| -> Matrix<Cpu, TestTape> { rows.retaped() };
    for activation in ACTIVATIONS {
        assert_gradients_add_up(&x, |x| Cpu::modulate(x, fixed(&rows), fixed(&shift), activation).unwrap());
        assert_gradients_add_up(&rows, |s| Cpu::modulate(x.retaped(), s, fixed(&shift), activation).unwrap());
        assert_gradients_add_up(&shift, |t| Cpu::modulate(x.retaped(), fixed(&rows), t, activation).unwrap());
    }
}

#[test]
fn same_bits_on_any_number_of_threads() {
    let case = Case { way: Way::Kernel, x: [33, 9, 8, 20], activation: Activation::Gelu };
    assert_same_bits_on_any_threads(&case, || case.run(&case.inputs()));
}

#[test]
fn a_nan_spoils_its_place_and_no_other() {
    for activation in ACTIVATIONS {
        let case = Case { way: Way::Kernel, x: [2, 2, 2, 3], activation };
        let mut inputs = case.inputs();
        inputs[0][13] = f32::NAN;
        for (index, y) in case.run(&inputs).y.iter().enumerate() {
            assert_eq!(y.is_nan(), index == 13, "{case:?} {index}: {y}");
        }
    }
}

#[test]
#[should_panic(expected = "one scale and shift a picture")]
fn rows_that_do_not_fit_are_refused() {
    let rows = tensor(&[0.0; 3], (1, 3));
    let _ = Cpu::modulate(tensor(&[0.0; 6], (2, 1, 1, 3)), rows.clone(), rows, Activation::Relu);
}
