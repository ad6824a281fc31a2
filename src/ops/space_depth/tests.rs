use super::*;
use crate::ops::conv2d::{self, Conv2d, Conv2dOp};
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

#[derive(Clone, Copy, Debug, PartialEq)]
enum Direction {
    ToDepth,
    ToSpace,
}

#[derive(Clone, Copy, Debug)]
struct Case {
    way: Way,
    direction: Direction,
    x: [usize; 4],
    border: usize,
}

impl Case {
    fn apply<T: Tape<f32, Cpu>>(&self, x: Image<Cpu, T>) -> Image<Cpu, T> {
        let result = match (self.way, self.direction) {
            (Way::Kernel, Direction::ToDepth) => Cpu::space_to_depth(x, self.border),
            (Way::Kernel, Direction::ToSpace) => Cpu::depth_to_space(x, self.border),
            (Way::Composition, Direction::ToDepth) => composed_to_depth(x, self.border),
            (Way::Composition, Direction::ToSpace) => composed_to_space(x, self.border),
        };
        result.unwrap()
    }

    fn inputs(&self) -> Vec<Vec<f32>> {
        vec![noise("x", self.x.iter().product())]
    }

    fn run(&self, inputs: &[Vec<f32>]) -> Outcome {
        let [b, h, w, c] = self.x;
        let x = tensor(&inputs[0], (b, h, w, c));
        let traced: Image<Cpu, TestTape> = x.leaky_trace();
        let (y, gradients) = differentiate(self.apply(traced));
        Outcome { y, gradients: vec![gradients.get(&x).as_vec()] }
    }
}

/// With a 2x2 convolution: behind [`Direction::ToDepth`], before [`Direction::ToSpace`].
fn convolved(way: Way, direction: Direction, x: Shape4, w: Shape4) -> Outcome {
    let len = |(a, b, c, d): Shape4| a * b * c * d;
    let (x, w) = (tensor(&steps(len(x), 7, 11), x), tensor(&steps(len(w), 3, 13), w));
    let conv = |x: Image<Cpu, TestTape>, pad| {
        let spec = Conv2d { pad, ..Conv2d::default() };
        match way {
            Way::Kernel => Cpu::conv2d(x, &w, None, spec).unwrap(),
            Way::Composition => conv2d::composed(x, &w, None, spec).unwrap(),
        }
    };
    let change = Case { way, direction, x: [0; 4], border: 1 };
    let y = match direction {
        Direction::ToDepth => conv(change.apply(x.leaky_trace()), 0),
        Direction::ToSpace => change.apply(conv(x.leaky_trace(), 1)),
    };
    let (y, gradients) = differentiate(y);
    Outcome { y, gradients: vec![gradients.get(&x).as_vec(), gradients.get(&w).as_vec()] }
}

// x = steps(96, 7, 11).reshape(2, 4, 6, 2).requires_grad_()
// w = steps(96, 3, 13).reshape(3, 2, 2, 2, 2, 2).requires_grad_()  # o, U, V, u, v, c
// y = F.conv2d(x.permute(0, 3, 1, 2), w.permute(0, 5, 1, 3, 2, 4).reshape(3, 2, 4, 4), stride=2, padding=1)
// y = y.permute(0, 2, 3, 1)
// (y * cotangent(y)).sum().backward()
// print(y, x.grad, w.grad)
#[test]
fn a_convolution_of_stride_2_as_pytorch() {
    let due = Outcome {
        y: vec![
            -0.5, 1.0, -0.75, -1.4375, -1.0, 1.0625, 2.75, -2.75, 3.125, 3.125, -2.75, 2.75, 1.0625, -1.0, -1.4375,
            -0.75, 1.0, -0.5, 0.0625, -0.0625, -0.1875, 3.8125, -2.9375, 1.6875, -0.625, 0.9375, -2.375, 1.0625,
            -0.9375, -2.125, -0.9375, 3.0, -1.1875, 4.1875, 0.0, -1.75,
        ],
        gradients: vec![
            vec![
                -0.84375, -0.46875, -2.1875, 6.4375, -1.1875, -1.90625, -1.6875, 6.4375, -1.6875, -2.09375, -0.90625,
                3.03125, 2.09375, -1.96875, -5.3125, 6.59375, 8.34375, -2.90625, -7.03125, 0.59375, 15.53125, -2.03125,
                -4.40625, -3.40625, 2.09375, -1.96875, -6.4375, -3.0625, 3.96875, 0.84375, -8.21875, -7.09375, 12.3125,
                2.875, -4.0625, -3.0625, 3.40625, -1.03125, -1.71875, -4.53125, -1.25, 2.4375, -0.34375, -6.125,
                -5.40625, 10.34375, 3.8125, -3.1875, 4.5625, -2.9375, -5.375, -4.625, 9.125, 0.9375, -4.375, -4.625,
                8.125, 0.5625, -2.8125, -3.1875, -7.8125, 11.59375, 2.5625, -11.8125, -12.375, 9.8125, 3.90625,
                -12.90625, -13.0625, 9.53125, 12.625, -6.5625, -6.5625, 12.84375, 12.5, -11.625, -11.78125, 3.90625,
                14.25, -12.3125, -12.875, 3.21875, 11.84375, -7.34375, -4.15625, -4.0625, 0.6875, 11.5625, -6.0,
                -6.09375, 1.40625, 13.6875, -6.9375, -8.0625, -4.40625, 6.84375,
            ],
            vec![
                -5.0, -0.34375, -1.1875, 4.8125, -0.71875, -2.46875, 7.6875, -3.21875, -2.59375, -2.4375, -0.1875,
                2.25, -2.09375, 2.8125, 3.59375, -0.25, -2.46875, 4.03125, -3.21875, -2.09375, 0.90625, 0.0, 0.34375,
                -0.75, 2.8125, 1.53125, -0.25, -1.6875, 0.21875, 1.1875, -0.90625, 2.09375, 5.0, 0.84375, 3.28125,
                -8.0625, 2.96875, -4.78125, -8.3125, 1.34375, 2.59375, 5.6875, -1.40625, -3.71875, 11.34375, -8.90625,
                -4.5625, 4.78125, -4.78125, -4.28125, 1.34375, 11.34375, -1.28125, 0.625, 5.65625, -3.25, -8.90625,
                -4.75, 4.78125, 3.125, -3.21875, 3.6875, 2.53125, -1.96875, -4.53125, 2.5, 1.5625, -3.9375, 1.875,
                2.875, -5.5625, 7.65625, 6.03125, 2.9375, -4.3125, 2.25, -0.09375, -1.3125, 2.71875, 4.75, 2.875,
                -1.96875, 7.65625, -0.09375, 0.03125, -0.5, -3.03125, 1.25, -1.3125, 0.90625, 4.75, -4.5625, 2.09375,
                -2.5625, -1.03125, 0.96875,
            ],
        ],
    };
    for way in [Way::Kernel, Way::Composition] {
        assert_outcome(&way, &convolved(way, Direction::ToDepth, (2, 4, 6, 2), (3, 2, 2, 8)), &due, 1e-6);
    }
}

// x = steps(24, 7, 11).reshape(2, 2, 3, 2).requires_grad_()
// w = steps(96, 3, 13).reshape(2, 2, 3, 2, 2, 2).requires_grad_()  # u, v, o, U, V, c
// kernel = w.flip(3, 4).permute(5, 2, 3, 0, 4, 1).reshape(2, 3, 4, 4)
// y = F.conv_transpose2d(x.permute(0, 3, 1, 2), kernel, stride=2, padding=1).permute(0, 2, 3, 1)
// (y * cotangent(y)).sum().backward()
// print(y, x.grad, w.grad)
#[test]
fn a_transposed_convolution_of_stride_2_as_pytorch() {
    let due = Outcome {
        y: vec![
            1.5, -2.1875, -0.1875, 2.4375, -1.625, 0.0, 0.0, -1.625, 2.4375, -0.75, -2.5, 1.4375, 1.3125, 2.0, -0.5625,
            0.1875, 1.25, -0.9375, 3.0, -1.1875, 0.3125, 4.5625, 0.125, 1.375, -2.25, -4.25, 1.875, -3.5625, -4.4375,
            2.8125, 2.75, 4.3125, -1.4375, 1.0625, 2.875, -2.625, -0.1875, -1.125, -1.25, 1.5, 0.3125, -0.0625, 1.1875,
            -4.0625, -2.0, -0.6875, -4.8125, -1.625, 3.1875, 3.9375, 0.625, 1.375, 2.375, -0.6875, -1.5, 1.25, 0.75,
            -0.9375, 1.9375, 1.5625, 1.1875, -2.4375, -0.375, 0.0, -2.375, 0.9375, 1.8125, 1.875, -1.3125, 1.3125,
            1.25, -2.0625, -0.375, 1.25, -0.375, -0.1875, 0.6875, -1.6875, -2.4375, 0.875, 0.9375, -1.3125, 1.875,
            1.8125, 0.9375, -2.375, 0.0, 0.375, -2.1875, 0.9375, 0.625, 2.75, -1.625, 0.5, 1.625, -3.75, -1.8125, 1.75,
            1.25, 0.625, 3.9375, 3.1875, -1.625, -4.8125, -0.6875, -2.0, -4.1875, 0.9375, 0.375, 2.5, -0.25, 0.75,
            1.875, -1.875, -4.0, 2.0, 0.6875, -1.4375, 4.3125, 2.75, 2.8125, -4.4375, -3.5625, 1.9375, -4.3125,
            -2.4375, 0.75, 1.25, -1.5, 0.5625, 0.8125, -2.1875, -1.9375, 0.75, 0.1875, -0.5625, 2.0, 1.3125, 1.4375,
            -2.5, -0.75, 1.5, -2.1875, -0.1875,
        ],
        gradients: vec![
            vec![
                -12.40625, -17.9375, 17.75, -1.375, 4.28125, -28.78125, -11.5625, -40.3125, 31.46875, -1.8125, 24.4375,
                8.71875, 1.375, 18.0, -27.28125, -9.90625, 0.0, -8.625, 15.96875, 30.125, -1.59375, 13.21875,
                -13.84375, -22.34375,
            ],
            vec![
                -8.75, 4.46875, 0.875, -4.84375, -3.15625, -1.0625, -0.46875, -1.5, -3.0625, 10.0, -12.53125, 5.6875,
                5.28125, 1.21875, -4.25, 9.28125, 6.6875, -19.0, 9.78125, -1.6875, -0.53125, -4.84375, 9.625, -2.78125,
                -8.1875, 12.0, -4.46875, 4.4375, -2.15625, 3.3125, -2.125, -0.34375, 2.6875, 1.375, -14.90625, 9.1875,
                9.90625, -5.1875, -3.25, 8.71875, -8.625, -8.3125, 6.625, -15.59375, -3.40625, 5.4375, -0.34375,
                -3.6875, -2.53125, 4.875, -4.84375, 15.1875, 13.125, -3.625, -7.0625, 13.15625, -4.03125, -3.0625,
                -3.9375, -8.09375, -2.75, 3.375, 1.96875, -2.75, -4.96875, 5.0625, -2.0625, -0.90625, -10.75, 4.875,
                -5.21875, -2.75, 19.0, -9.25, -2.21875, 3.125, 0.46875, -11.09375, 14.53125, -3.59375, -5.5, 1.75,
                2.34375, -10.875, -6.46875, 7.84375, -1.65625, -7.78125, -5.5, 9.25, -4.46875, 3.125, 1.40625, 1.125,
                -9.5, 5.0,
            ],
        ],
    };
    for way in [Way::Kernel, Way::Composition] {
        assert_outcome(&way, &convolved(way, Direction::ToSpace, (2, 2, 3, 2), (12, 2, 2, 2)), &due, 1e-6);
    }
}

const CASES: [(Direction, [usize; 4], usize); 6] = [
    (Direction::ToDepth, [2, 4, 6, 3], 0),
    (Direction::ToDepth, [2, 4, 6, 3], 1),
    (Direction::ToDepth, [1, 2, 4, 1], 2),
    (Direction::ToSpace, [2, 2, 3, 8], 0),
    (Direction::ToSpace, [2, 3, 2, 8], 1),
    (Direction::ToSpace, [1, 3, 4, 4], 2),
];

#[test]
fn gradients_are_slopes() {
    for (direction, x, border) in CASES {
        let case = Case { way: Way::Kernel, direction, x, border };
        assert_slopes(&case, &case.inputs(), 1e-3, |inputs| case.run(inputs));
    }
}

#[test]
fn each_undoes_the_other() {
    for (direction, x, border) in CASES {
        if direction == Direction::ToDepth {
            let there = Case { way: Way::Kernel, direction, x, border };
            let numbers = &there.inputs()[0];
            let [b, h, w, c] = x;
            let back = Case { direction: Direction::ToSpace, ..there };
            let y = back.apply(there.apply(tensor(numbers, (b, h, w, c))));
            assert_eq!(y.as_vec(), *numbers, "{there:?}");
        }
    }
}

proptest! {
    #[test]
    fn kernel_matches_composition_at_any_shape(
        (batch, height, width, channels) in (1usize..9, 1usize..6, 1usize..6, 1usize..6),
        border in 0usize..3,
        to_depth in any::<bool>(),
    ) {
        let kernel = if to_depth {
            let x = [batch, 2 * height, 2 * width, channels];
            Case { way: Way::Kernel, direction: Direction::ToDepth, x, border }
        } else {
            let x = [batch, height + border, width + border, 4 * channels];
            Case { way: Way::Kernel, direction: Direction::ToSpace, x, border }
        };
        let due = Case { way: Way::Composition, ..kernel }.run(&kernel.inputs());
        assert_outcome(&kernel, &kernel.run(&kernel.inputs()), &due, 0.0);
    }
}

#[test]
fn gradients_add_up() {
    for (direction, x, border) in CASES {
        let case = Case { way: Way::Kernel, direction, x, border };
        let [b, h, w, c] = x;
        assert_gradients_add_up(&tensor(&case.inputs()[0], (b, h, w, c)), |x| case.apply(x));
    }
}

#[test]
fn same_bits_on_any_number_of_threads() {
    for (direction, x) in [(Direction::ToDepth, [33, 8, 6, 5]), (Direction::ToSpace, [33, 4, 3, 20])] {
        let case = Case { way: Way::Kernel, direction, x, border: 1 };
        assert_same_bits_on_any_threads(&case, || case.run(&case.inputs()));
    }
}

#[test]
fn a_nan_moves_alone() {
    for (direction, x) in [(Direction::ToDepth, [1, 4, 4, 2]), (Direction::ToSpace, [1, 3, 3, 4])] {
        let case = Case { way: Way::Kernel, direction, x, border: 1 };
        let mut inputs = case.inputs();
        // A place that is not cropped.
        inputs[0][18] = f32::NAN;
        assert_eq!(case.run(&inputs).y.iter().filter(|y| y.is_nan()).count(), 1, "{case:?}");
    }
}

#[test]
fn squares_lie_row_by_row() {
    let x: Vec<f32> = (0..16).map(|i| i as f32).collect();
    let y = Cpu::space_to_depth(tensor(&x, (1, 2, 4, 2)), 0).unwrap();
    let due = [0, 1, 2, 3, 8, 9, 10, 11, 4, 5, 6, 7, 12, 13, 14, 15].map(|i| i as f32);
    assert_close("y", &y.as_vec(), &due, 0.0);
}

#[test]
#[should_panic(expected = "an odd side")]
fn an_odd_side_is_refused() {
    let _ = Cpu::space_to_depth(tensor(&[0.0; 6], (1, 2, 3, 1)), 0);
}

#[test]
#[should_panic(expected = "bad sizes")]
fn channels_that_make_no_squares_are_refused() {
    let _ = Cpu::depth_to_space(tensor(&[0.0; 6], (1, 1, 1, 6)), 0);
}
