use super::*;
use crate::ops::testing::{
    Outcome, TestTape, assert_close, assert_gradients_add_up, assert_outcome, assert_same_bits_on_any_threads,
    assert_slopes, differentiate, noise, steps, summed, tensor,
};
use proptest::prelude::*;

/// One convolution to try.
#[derive(Clone, Copy, Debug)]
struct Case {
    x: [usize; 4],
    filters: usize,
    kernel: usize,
    bias: bool,
    spec: Conv2d,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Way {
    Kernel,
    Composition,
}

impl Case {
    /// Channels that a filter meets.
    fn channels(&self) -> usize {
        if self.spec.squares { 4 * self.x[3] } else { self.x[3] }
    }

    fn inputs(&self) -> Vec<Vec<f32>> {
        let weights = self.filters * self.kernel * self.kernel * self.channels();
        let mut inputs = vec![noise("x", self.x.iter().product()), noise("w", weights)];
        inputs.extend(self.bias.then(|| noise("bias", self.filters)));
        inputs
    }

    fn run(&self, way: Way, inputs: &[Vec<f32>]) -> Outcome {
        let [b, h, w, c] = self.x;
        let x = tensor(&inputs[0], (b, h, w, c));
        let weights = tensor(&inputs[1], (self.filters, self.kernel, self.kernel, self.channels()));
        let bias = self.bias.then(|| tensor(&inputs[2], (self.filters,)));
        let traced: Image<Cpu, TestTape> = x.leaky_trace();
        let y = match way {
            Way::Kernel => Cpu::conv2d(traced, &weights, bias.as_ref(), self.spec),
            Way::Composition => composed(traced, &weights, bias.as_ref(), self.spec),
        };
        let (y, gradients) = differentiate(y.unwrap());
        let mut all = vec![gradients.get(&weights).as_vec()];
        if !self.spec.no_input_gradient {
            all.insert(0, gradients.get(&x).as_vec());
        }
        all.extend(bias.map(|bias| gradients.get(&bias).as_vec()));
        Outcome { y, gradients: all }
    }
}

fn spec(pad: usize, relu: bool, pool: bool) -> Conv2d {
    Conv2d { pad, relu, pool, ..Conv2d::default() }
}

// x = steps(32, 7, 11).reshape(1, 4, 4, 2).requires_grad_()
// w = steps(36, 3, 13).reshape(2, 3, 3, 2).requires_grad_()
// b = steps(2, 1, 2).requires_grad_()
// first = lambda t: t.permute(0, 3, 1, 2)
// y = F.max_pool2d(F.relu(F.conv2d(first(x), first(w), b, padding=1)), 2).permute(0, 2, 3, 1)
// (y * cotangent(y)).sum().backward()
// print(y, x.grad, w.grad, b.grad)
#[test]
fn padded_with_relu_and_pool_as_pytorch() {
    let case = Case { x: [1, 4, 4, 2], filters: 2, kernel: 3, bias: true, spec: spec(1, true, true) };
    let due = Outcome {
        y: vec![2.875, 4.4375, 3.9375, 3.1875, 2.375, 3.125, 4.9375, 4.25],
        gradients: vec![
            vec![
                3.0, 1.5, -0.5625, -2.4375, 0.71875, 1.5625, -0.4375, -0.8125, 1.0625, 0.40625, -3.40625, 2.84375,
                0.375, -1.96875, -2.6875, 4.3125, -3.125, 1.6875, 1.5, 0.1875, -2.78125, -0.78125, 0.375, -0.375,
                -0.25, 0.5, 0.125, 0.4375, 1.09375, -0.15625, -0.875, -1.625,
            ],
            vec![
                2.40625, 0.46875, 0.25, -1.34375, -1.90625, 0.96875, 1.25, 0.84375, -0.25, 1.75, 1.34375, 0.25,
                0.71875, -1.875, -0.6875, 1.1875, 1.0, -0.21875, 0.0625, -0.0625, -0.96875, 0.875, -0.28125, -1.40625,
                0.78125, -1.75, -0.875, 2.03125, -1.1875, -1.59375, 0.46875, 1.71875, -1.0, 1.90625, -1.34375,
                -0.71875,
            ],
            vec![-2.0, -0.5],
        ],
    };
    let inputs = [steps(32, 7, 11), steps(36, 3, 13), steps(2, 1, 2)];
    for way in [Way::Kernel, Way::Composition] {
        assert_outcome(&way, &case.run(way, &inputs), &due, 1e-6);
    }
}

// x = steps(18, 7, 11).reshape(2, 3, 3, 1).requires_grad_()
// w = steps(12, 3, 13).reshape(3, 2, 2, 1).requires_grad_()
// y = F.conv2d(first(x), first(w)).permute(0, 2, 3, 1)
// (y * cotangent(y)).sum().backward()
// print(y, x.grad, w.grad)
#[test]
fn unpadded_without_epilogue_as_pytorch() {
    let case = Case { x: [2, 3, 3, 1], filters: 3, kernel: 2, bias: false, spec: spec(0, false, false) };
    let due = Outcome {
        y: vec![
            1.6875, -2.5625, -2.75, -0.9375, 0.8125, 0.9375, -2.0625, 1.375, 0.75, -0.5625, 0.625, 1.0, -1.3125, 1.0,
            0.875, 2.25, 1.625, 1.8125, -0.9375, 0.8125, 0.9375, 0.5625, -1.3125, -1.5625,
        ],
        gradients: vec![
            vec![
                2.96875, 3.78125, -0.25, 3.25, 1.1875, -2.5625, -0.71875, -1.34375, -0.0625, -2.1875, 4.21875, 2.25,
                2.40625, 2.28125, -1.125, 0.5625, 0.5625, 1.125,
            ],
            vec![-0.8125, 1.78125, -3.6875, 1.3125, 0.4375, -0.40625, -2.4375, 2.5625, -0.40625, 2.1875, 3.25, -4.125],
        ],
    };
    let inputs = [steps(18, 7, 11), steps(12, 3, 13)];
    for way in [Way::Kernel, Way::Composition] {
        assert_outcome(&way, &case.run(way, &inputs), &due, 1e-6);
    }
}

#[test]
fn gradients_are_slopes() {
    for (kernel, pad) in [(1, 0), (2, 0), (3, 1)] {
        for (relu, pool) in [(false, false), (true, false), (false, true), (true, true)] {
            let case = Case { x: [2, 5, 4, 3], filters: 3, kernel, bias: true, spec: spec(pad, relu, pool) };
            assert_slopes(&case, &case.inputs(), 1e-3, |inputs| case.run(Way::Kernel, inputs));
        }
    }
}

#[test]
fn kernel_matches_composition_in_every_combination() {
    for (batch, channels, filters) in [(1, 3, 5), (5, 3, 16), (17, 4, 20), (40, 17, 33)] {
        for (kernel, pad) in [(1, 0), (2, 0), (2, 1), (3, 0), (3, 1), (3, 2)] {
            for (relu, pool, bias) in
                [(false, false, false), (true, false, true), (false, true, true), (true, true, false)]
            {
                let case = Case { x: [batch, 7, 6, channels], filters, kernel, bias, spec: spec(pad, relu, pool) };
                let inputs = case.inputs();
                let due = case.run(Way::Composition, &inputs);
                assert_outcome(&case, &case.run(Way::Kernel, &inputs), &due, 2e-5);
            }
        }
    }
}

/// Panels longer than the cache, more positions than a group holds, batches that are summed part by part, pictures that
/// are summed a block of rows at a time.
#[test]
fn kernel_matches_composition_when_work_is_cut() {
    for (x, filters) in [([2, 5, 5, 130], 18), ([2, 33, 9, 5], 17), ([45, 7, 8, 49], 16), ([3, 31, 33, 5], 18)] {
        for (relu, pool, bias) in [(false, false, false), (true, false, true), (false, true, true), (true, true, false)]
        {
            let case = Case { x, filters, kernel: 3, bias, spec: spec(1, relu, pool) };
            let inputs = case.inputs();
            assert_outcome(&case, &case.run(Way::Kernel, &inputs), &case.run(Way::Composition, &inputs), 2e-5);
        }
    }
}

/// Convolutions by tiles: a part of the batch to each thread and all threads on one block, several blocks, turned ones, squares.
fn tiled() -> Vec<Case> {
    let squares = Conv2d { leaky: true, squares: true, ..Conv2d::default() };
    let case = |x, filters, kernel, spec| Case { x, filters, kernel, bias: true, spec };
    vec![
        case([40, 9, 8, 24], 40, 3, spec(1, true, true)),
        case([33, 12, 5, 17], 12, 3, spec(0, false, false)),
        case([3, 6, 7, 130], 18, 3, spec(1, true, false)),
        case([70, 4, 4, 48], 100, 3, spec(1, false, true)),
        case([20, 8, 8, 20], 33, 2, spec(1, true, false)),
        case([35, 4, 8, 16], 24, 2, spec(1, false, true)),
        case([2, 7, 7, 16], 9, 3, spec(2, true, false)),
        case([18, 16, 16, 16], 20, 2, squares),
        case([70, 8, 16, 32], 40, 2, squares),
    ]
}

#[test]
fn tiles_match_the_composition() {
    for case in tiled() {
        let inputs = case.inputs();
        let tolerance = summed(case.x[..3].iter().product());
        assert_outcome(&case, &case.run(Way::Kernel, &inputs), &case.run(Way::Composition, &inputs), tolerance);
    }
}

#[test]
fn tiles_give_the_same_bits_on_any_number_of_threads() {
    for case in tiled() {
        let inputs = case.inputs();
        assert_same_bits_on_any_threads(&case, || case.run(Way::Kernel, &inputs));
    }
}

#[test]
fn gradients_by_tiles_are_slopes() {
    let squares = Conv2d { squares: true, ..Conv2d::default() };
    for (x, kernel, spec) in [
        ([1, 4, 4, 8], 3, spec(1, false, false)),
        ([1, 4, 3, 8], 2, spec(1, false, false)),
        ([1, 8, 6, 16], 2, squares),
    ] {
        let case = Case { x, filters: 8, kernel, bias: true, spec };
        assert_slopes(&case, &case.inputs(), 1e-3, |inputs| case.run(Way::Kernel, inputs));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
    #[test]
    fn kernel_matches_composition_at_any_shape(
        (batch, height, width) in (1usize..20, 3usize..9, 3usize..9),
        (channels, filters, kernel, pad) in (1usize..20, 1usize..36, 1usize..4, 0usize..3),
        (relu, pool, bias) in any::<(bool, bool, bool)>(),
    ) {
        let spec = spec(pad.min(kernel - 1), relu, pool);
        let case = Case { x: [batch, height, width, channels], filters, kernel, bias, spec };
        prop_assume!(!pool || height.min(width) + 2 * spec.pad > kernel);
        let inputs = case.inputs();
        assert_outcome(&case, &case.run(Way::Kernel, &inputs), &case.run(Way::Composition, &inputs), 2e-5);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
    #[test]
    fn kernel_matches_composition_with_squares_and_leaky_relu(
        (batch, height, width) in (1usize..90, 1usize..5, 1usize..5),
        (channels, filters, kernel) in (1usize..6, 1usize..36, 1usize..3),
        (squares, leaky, bias) in any::<(bool, bool, bool)>(),
    ) {
        let spec = Conv2d { pad: usize::from(!squares && kernel == 2), leaky, squares, ..Conv2d::default() };
        let case = Case { x: [batch, 2 * height, 2 * width, channels], filters, kernel, bias, spec };
        let inputs = case.inputs();
        let tolerance = summed(batch * (2 * height + 1) * (2 * width + 1));
        assert_outcome(&case, &case.run(Way::Kernel, &inputs), &case.run(Way::Composition, &inputs), tolerance);
    }
}

#[test]
fn gradients_with_squares_and_leaky_relu_are_slopes() {
    for (kernel, leaky) in [(1, false), (2, false), (2, true)] {
        let spec = Conv2d { leaky, squares: true, ..Conv2d::default() };
        let case = Case { x: [2, 4, 6, 2], filters: 3, kernel, bias: true, spec };
        assert_slopes(&case, &case.inputs(), 1e-3, |inputs| case.run(Way::Kernel, inputs));
    }
}

#[test]
fn gradients_add_up() {
    for spec in [spec(1, true, true), Conv2d { pad: 2, ..Conv2d::default() }] {
        let (x, w) = (tensor(&noise("x", 512), (2, 4, 4, 16)), tensor(&noise("w", 20 * 144), (20, 3, 3, 16)));
        assert_gradients_add_up(&x, |x| Cpu::conv2d(x, &w, None, spec).unwrap());
    }
    let w = tensor(&noise("w", 20 * 27), (20, 3, 3, 3));
    let x = tensor(&noise("x", 150), (2, 5, 5, 3));
    // Few positions and many are summed in different ways.
    for batch in [2, 90] {
        let x = tensor(&noise("x", batch * 75), (batch, 5, 5, 3));
        for (relu, pool) in [(false, false), (true, true)] {
            assert_gradients_add_up(&x, |x| Cpu::conv2d(x, &w, None, spec(1, relu, pool)).unwrap());
        }
        let (x, w) = (tensor(&noise("x", batch * 48), (batch, 4, 4, 3)), tensor(&noise("w", 960), (20, 2, 2, 12)));
        let spec = Conv2d { leaky: true, squares: true, ..Conv2d::default() };
        assert_gradients_add_up(&x, |x| Cpu::conv2d(x, &w, None, spec).unwrap());
    }
    assert_gradients_add_up(&w, |w| {
        let (w, tape) = w.split_tape();
        Cpu::conv2d(x.clone().put_tape(tape), &w, None, spec(1, true, false)).unwrap()
    });
}

#[test]
fn same_bits_on_any_number_of_threads() {
    for (batch, pool) in [(1, false), (7, true), (100, true), (33, false)] {
        let case = Case { x: [batch, 9, 8, 24], filters: 40, kernel: 3, bias: true, spec: spec(1, true, pool) };
        let inputs = case.inputs();
        assert_same_bits_on_any_threads(&case, || case.run(Way::Kernel, &inputs));
        let spec = Conv2d { leaky: true, squares: true, ..Conv2d::default() };
        let case = Case { x: [batch, 8, 10, 6], filters: 40, kernel: 2, bias: true, spec };
        let inputs = case.inputs();
        assert_same_bits_on_any_threads(&case, || case.run(Way::Kernel, &inputs));
    }
}

#[test]
fn input_gradient_can_be_left_out() {
    let case = Case { x: [3, 6, 6, 3], filters: 20, kernel: 3, bias: true, spec: spec(1, true, true) };
    let bare = Case { spec: Conv2d { no_input_gradient: true, ..case.spec }, ..case };
    let inputs = case.inputs();
    let (full, bare) = (case.run(Way::Kernel, &inputs), bare.run(Way::Kernel, &inputs));
    assert_eq!(full.y, bare.y);
    assert_eq!(full.gradients[1..], bare.gradients);
}

/// Few positions and many, whose weight gradients are summed in different ways.
#[test]
fn weight_gradients_can_be_left_out() {
    for (relu, pool, batch) in [(false, false, 3), (true, false, 3), (true, true, 70), (false, false, 70)] {
        let case = Case { x: [batch, 6, 6, 3], filters: 20, kernel: 2, bias: true, spec: spec(1, relu, pool) };
        let inputs = case.inputs();
        for way in [Way::Kernel, Way::Composition] {
            let [x, w] = [tensor(&inputs[0], (batch, 6, 6, 3)), tensor(&inputs[1], (20, 2, 2, 3))];
            let bias = tensor(&inputs[2], (20,));
            let bare = Conv2d { no_weight_gradient: true, ..case.spec };
            let traced: Image<Cpu, TestTape> = x.leaky_trace();
            let y = match way {
                Way::Kernel => Cpu::conv2d(traced, &w, Some(&bias), bare),
                Way::Composition => composed(traced, &w, Some(&bias), bare),
            };
            let (y, mut gradients) = differentiate(y.unwrap());
            let due = case.run(way, &inputs);
            assert_eq!(y, due.y);
            assert_eq!(gradients.get(&x).as_vec(), due.gradients[0]);
            // No gradient at all: what is asked for now is a fresh one.
            assert!(gradients.get_or_alloc_mut(&w).unwrap().iter().all(|dw| *dw == 0.0), "{way:?}");
            assert!(gradients.get_or_alloc_mut(&bias).unwrap().iter().all(|db| *db == 0.0), "{way:?}");
        }
    }
}

#[test]
fn a_nan_shows_in_every_output_that_it_meets() {
    for (relu, pool) in [(false, false), (true, false), (false, true), (true, true)] {
        let case = Case { x: [1, 4, 4, 2], filters: 3, kernel: 3, bias: false, spec: spec(1, relu, pool) };
        let mut inputs = case.inputs();
        inputs[0][0] = f32::NAN;
        let y = case.run(Way::Kernel, &inputs).y;
        let side = if pool { 2 } else { 4 };
        for (place, y) in y.chunks(3).enumerate() {
            let met = (place / side).max(place % side) < if pool { 1 } else { 2 };
            assert!(y.iter().all(|y| y.is_nan() == met), "{case:?} place {place}: {y:?}");
        }
    }
}

/// PyTorch takes the first of equals in a pool, row by row; equal sums are made by equal pictures.
#[test]
fn a_pool_of_equals_sends_its_gradient_to_the_first() {
    let case = Case { x: [1, 2, 2, 1], filters: 1, kernel: 1, bias: false, spec: spec(0, false, true) };
    let outcome = case.run(Way::Kernel, &[vec![2.0; 4], vec![3.0]]);
    assert_close("dx", &outcome.gradients[0], &[3.0 * -1.625, 0.0, 0.0, 0.0], 0.0);
}

#[test]
fn a_nan_passes_leaky_relu_and_squares() {
    let spec = Conv2d { leaky: true, squares: true, ..Conv2d::default() };
    let case = Case { x: [1, 4, 4, 1], filters: 2, kernel: 2, bias: true, spec };
    let mut inputs = case.inputs();
    inputs[0][0] = f32::NAN;
    // The corner lies in the first window alone.
    let y = case.run(Way::Kernel, &inputs).y;
    assert!(y.iter().enumerate().all(|(index, y)| y.is_nan() == (index < 2)), "{y:?}");
}

#[test]
#[should_panic(expected = "stands alone")]
fn leaky_relu_with_a_pool_is_refused() {
    let spec = Conv2d { leaky: true, pool: true, ..Conv2d::default() };
    let _ = Cpu::conv2d(tensor(&[0.0; 4], (1, 2, 2, 1)), &tensor(&[0.0], (1, 1, 1, 1)), None, spec);
}

#[test]
#[should_panic(expected = "different channels")]
fn channels_that_do_not_fit_are_refused() {
    let _ = Cpu::conv2d(tensor(&[0.0; 8], (1, 2, 2, 2)), &tensor(&[0.0; 3], (1, 1, 1, 3)), None, Conv2d::default());
}

#[test]
#[should_panic(expected = "bad sizes")]
fn a_picture_smaller_than_its_pool_is_refused() {
    let spec = Conv2d { pool: true, ..Conv2d::default() };
    let _ = Cpu::conv2d(tensor(&[0.0; 3], (1, 1, 3, 1)), &tensor(&[0.0], (1, 1, 1, 1)), None, spec);
}

/// A convolution added to a picture, by both ways.
fn run_onto(way: Way, x: [usize; 4], filters: usize, kernel: usize, spec: Conv2d, inputs: &[Vec<f32>]) -> Outcome {
    let [b, h, w, c] = x;
    let side = |side: usize| side + 2 * spec.pad + 1 - kernel;
    let onto = tensor(&inputs[0], (b, side(h), side(w), filters));
    let x = tensor(&inputs[1], (b, h, w, c));
    let weights = tensor(&inputs[2], (filters, kernel, kernel, c));
    let bias = inputs.get(3).map(|bias| tensor(bias, (filters,)));
    let traced: [Image<Cpu, TestTape>; 2] = [onto.leaky_trace(), x.leaky_trace()];
    let [y, picture] = traced;
    let y = match way {
        Way::Kernel => Cpu::conv2d_onto(y, picture, &weights, bias.as_ref(), spec),
        Way::Composition => composed_onto(y, picture, &weights, bias.as_ref(), spec),
    };
    let (y, gradients) = differentiate(y.unwrap());
    let mut all = vec![gradients.get(&onto).as_vec(), gradients.get(&x).as_vec(), gradients.get(&weights).as_vec()];
    all.extend(bias.map(|bias| gradients.get(&bias).as_vec()));
    Outcome { y, gradients: all }
}

fn onto_inputs([b, h, w, c]: [usize; 4], filters: usize, kernel: usize, spec: Conv2d) -> Vec<Vec<f32>> {
    let side = |side: usize| side + 2 * spec.pad + 1 - kernel;
    let onto = noise("onto", b * side(h) * side(w) * filters);
    vec![onto, noise("x", b * h * w * c), noise("w", filters * kernel * kernel * c), noise("bias", filters)]
}

// o = steps(24, 2, 5).reshape(2, 2, 2, 3).requires_grad_()
// x = steps(18, 7, 11).reshape(2, 3, 3, 1).requires_grad_()
// w = steps(12, 3, 13).reshape(3, 2, 2, 1).requires_grad_()
// b = steps(3, 1, 2).requires_grad_()
// y = o + F.conv2d(first(x), first(w), b).permute(0, 2, 3, 1)
// (y * cotangent(y)).sum().backward()
// print(y, o.grad, x.grad, w.grad, b.grad)
#[test]
fn added_to_a_picture_as_pytorch() {
    let [y, gradients @ ..] = [
        vec![
            1.0625, -2.4375, -2.375, -1.3125, 1.1875, 0.3125, -2.1875, 2.0, 0.375, -0.4375, 0.25, 0.875, -0.9375,
            0.875, 1.0, 1.625, 1.75, 2.1875, -1.3125, 1.1875, 0.3125, 0.4375, -0.6875, -1.9375,
        ],
        vec![
            -1.625, -0.375, 0.875, -1.375, -0.125, 1.125, -1.125, 0.125, 1.375, -0.875, 0.375, 1.625, -0.625, 0.625,
            -3.25, -0.75, 1.75, -2.75, -0.25, 2.25, -2.25, 0.25, 2.75, -1.75,
        ],
        vec![
            2.96875, 3.78125, -0.25, 3.25, 1.1875, -2.5625, -0.71875, -1.34375, -0.0625, -2.1875, 4.21875, 2.25,
            2.40625, 2.28125, -1.125, 0.5625, 0.5625, 1.125,
        ],
        vec![-0.8125, 1.78125, -3.6875, 1.3125, 0.4375, -0.40625, -2.4375, 2.5625, -0.40625, 2.1875, 3.25, -4.125],
        vec![-6.375, 7.375, -5.0],
    ];
    let due = Outcome { y, gradients: gradients.into() };
    let inputs = [steps(24, 2, 5), steps(18, 7, 11), steps(12, 3, 13), steps(3, 1, 2)];
    for way in [Way::Kernel, Way::Composition] {
        let got = run_onto(way, [2, 3, 3, 1], 3, 2, spec(0, false, false), &inputs);
        assert_outcome(&way, &got, &due, 1e-6);
    }
}

#[test]
fn gradients_of_what_is_added_to_are_slopes() {
    let (x, spec) = ([2, 4, 3, 2], spec(1, false, false));
    let inputs = onto_inputs(x, 3, 3, spec);
    assert_slopes(&x, &inputs, 1e-3, |inputs| run_onto(Way::Kernel, x, 3, 3, spec, inputs));
}

/// A long panel is taken row by row: the picture and the bias are added once all the same.
#[test]
fn added_kernels_match_the_composition() {
    for (x, filters, kernel, pad) in [([3, 8, 8, 96], 96, 3, 1), ([17, 5, 4, 7], 20, 1, 0), ([1, 6, 6, 50], 17, 3, 0)] {
        let spec = spec(pad, false, false);
        let inputs = onto_inputs(x, filters, kernel, spec);
        let due = run_onto(Way::Composition, x, filters, kernel, spec, &inputs);
        assert_outcome(&x, &run_onto(Way::Kernel, x, filters, kernel, spec, &inputs), &due, 2e-5);
    }
}

#[test]
fn added_kernels_give_the_same_bits_on_any_number_of_threads() {
    let (x, spec) = ([33, 9, 8, 20], spec(1, false, false));
    let inputs = onto_inputs(x, 18, 3, spec);
    assert_same_bits_on_any_threads(&x, || run_onto(Way::Kernel, x, 18, 3, spec, &inputs));
}

/// A picture that is both convolved and added to gets both gradients.
#[test]
fn a_picture_may_be_added_to_its_own_convolution() {
    let w = tensor(&noise("w", 36), (2, 3, 3, 2));
    assert_gradients_add_up(&tensor(&noise("x", 24), (2, 2, 3, 2)), |x| {
        let again = x.retaped();
        Cpu::conv2d_onto(x, again, &w, None, spec(1, false, false)).unwrap()
    });
}

#[test]
#[should_panic(expected = "onto what has another shape")]
fn a_picture_of_another_shape_is_not_added_to() {
    let (x, w) = (tensor(&[0.0; 4], (1, 2, 2, 1)), tensor(&[0.0; 2], (2, 1, 1, 1)));
    let _ = Cpu::conv2d_onto(x.clone(), x, &w, None, Conv2d::default());
}
