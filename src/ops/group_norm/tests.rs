use super::*;
use crate::ops::testing::{
    Outcome, TestTape, assert_close, assert_gradients_add_up, assert_outcome, assert_same_bits_on_any_threads,
    assert_slopes, differentiate, noise, steps, tensor,
};
use proptest::prelude::*;

const ACTIVATIONS: [Activation; 6] = [
    Activation::Identity,
    Activation::Relu,
    Activation::LeakyRelu,
    Activation::Gelu,
    Activation::Tanh,
    Activation::Silu,
];

#[derive(Clone, Copy, Debug, PartialEq)]
enum Way {
    Kernel,
    Composition,
}

#[derive(Clone, Copy, Debug)]
struct Case {
    way: Way,
    x: [usize; 4],
    groups: usize,
    modulated: bool,
    activation: Activation,
}

impl Case {
    fn inputs(&self) -> Vec<Vec<f32>> {
        let [batch, .., channels] = self.x;
        let x = noise("x", self.x.iter().product()).iter().map(|x| x * 2.0 + 3.0).collect();
        let mut all = vec![x, noise("gamma", channels), noise("beta", channels)];
        all.extend(self.modulated.then(|| noise("modulation", batch * 2 * channels)));
        all
    }

    fn run(&self, inputs: &[Vec<f32>]) -> Outcome {
        let [b, h, w, c] = self.x;
        let x = tensor(&inputs[0], (b, h, w, c));
        let (gamma, beta) = (tensor(&inputs[1], (c,)), tensor(&inputs[2], (c,)));
        let rows = self.modulated.then(|| tensor(&inputs[3], (b, 2 * c)));
        let traced: Image<Cpu, TestTape> = x.leaky_trace();
        let traced_rows = rows.as_ref().map(|rows| rows.leaky_trace());
        let y = match self.way {
            Way::Kernel => Cpu::group_norm(traced, &gamma, &beta, traced_rows, self.groups, self.activation),
            Way::Composition => composed(traced, &gamma, &beta, traced_rows, self.groups, self.activation),
        };
        let (y, gradients) = differentiate(y.unwrap());
        let mut all = vec![gradients.get(&x).as_vec(), gradients.get(&gamma).as_vec(), gradients.get(&beta).as_vec()];
        all.extend(rows.map(|rows| gradients.get(&rows).as_vec()));
        Outcome { y, gradients: all }
    }
}

// x = steps(32, 7, 11).reshape(2, 2, 2, 4).requires_grad_()
// g = steps(4, 3, 13).add(2).requires_grad_()
// b = steps(4, 2, 5).requires_grad_()
// m = steps(16, 5, 9).reshape(2, 8).requires_grad_()
// n = F.group_norm(x.permute(0, 3, 1, 2), 2, eps=1e-5).permute(0, 2, 3, 1)
// s, h = m[:, None, None].chunk(2, dim=-1)
// y = act((1 + s) * g * n + b + h)  # or act(g * n + b); act: identity, F.silu
// (y * cotangent(y)).sum().backward()
// print(y, x.grad, g.grad, b.grad, m.grad)
fn pytorch(activation: Activation, modulated: bool) -> Outcome {
    let lists: Vec<&[f32]> = match (activation, modulated) {
        (Activation::Identity, false) => vec![
            &[
                -1.2315565,
                1.1834003,
                -1.2060336,
                3.1157076,
                -0.19877081,
                -0.96823663,
                2.3543844,
                -0.963938,
                -1.0594256,
                1.6137277,
                -0.61263061,
                -5.0435834,
                -0.026639849,
                -0.53790927,
                2.9477873,
                -0.14800888,
                -1.2315565,
                1.1834004,
                1.3606548,
                -2.8534808,
                -0.19877084,
                -0.96823657,
                -2.0819643,
                2.8268409,
                -1.0594256,
                1.6137277,
                2.0491786,
                -1.9067605,
                -0.026639879,
                -0.53790921,
                -1.3934405,
                3.773561,
            ],
            &[
                -1.9450644,
                -0.14632121,
                0.052333593,
                1.0472181,
                0.22376393,
                1.488941,
                1.7846,
                0.54321778,
                0.30984744,
                -0.8176356,
                -0.054557383,
                0.039217234,
                0.068842463,
                0.81762648,
                -2.1794102,
                -1.232619,
                1.0963898,
                -3.8748662,
                2.370723,
                1.1188285,
                -0.82862383,
                0.59816098,
                -2.4431164,
                1.6626551,
                0.5460462,
                6.5911713,
                2.2318528,
                -0.052827358,
                -2.4978187,
                -1.6304593,
                -0.17215323,
                -4.7159615,
            ],
            &[-9.1982479, -0.74231482, -13.086913, -15.452218],
            &[-5.625, 0.125, 0.75, -2.75],
        ],
        (Activation::Identity, true) => vec![
            &[
                -1.0,
                2.2292504,
                -0.1765084,
                5.7985611,
                -1.0,
                -0.4602958,
                0.71359611,
                -0.320907,
                -1.0,
                2.7671597,
                -0.028157651,
                -6.4403753,
                -1.0,
                0.077613473,
                0.86194682,
                0.90298665,
                -0.73155653,
                -0.5,
                2.3258185,
                -1.1508701,
                0.30122918,
                -0.5,
                -1.9774556,
                0.26921022,
                -0.55942559,
                -0.5,
                3.1864734,
                -0.91419011,
                0.47336012,
                -0.5,
                -1.1168005,
                0.50589025,
            ],
            &[
                -1.1674426,
                -0.27295187,
                -1.7861133,
                -2.3006403,
                0.29086131,
                1.7392503,
                2.8008943,
                0.23121044,
                -0.92439193,
                -1.1057197,
                -1.1205125,
                2.7630613,
                0.53391194,
                0.90648246,
                2.5022154,
                -3.0901151,
                0.42301825,
                1.1615508,
                -0.37637275,
                -3.3719752,
                -0.66526341,
                -0.22662726,
                2.4685121,
                1.8207104,
                0.012130015,
                1.4391863,
                -2.3223977,
                -2.8221011,
                -2.195003,
                0.051008336,
                3.53478,
                1.0688443,
            ],
            &[-9.3703785, -3.2812462, -10.382889, -9.5826702],
            &[-5.625, 0.125, 0.75, -2.75],
            &[
                0.086065382,
                -3.2812462,
                -11.951508,
                -12.583157,
                -1.0,
                0.5,
                -3.125,
                -0.375,
                -4.6851892,
                2.353353,
                -14.222321,
                -29.91044,
                -4.625,
                -0.375,
                3.875,
                -2.375,
            ],
        ],
        (Activation::Silu, false) => vec![
            &[
                -0.27821985,
                0.90596229,
                -0.27787447,
                2.9834023,
                -0.08954034,
                -0.2664898,
                2.1502171,
                -0.26613405,
                -0.27271652,
                1.3457332,
                -0.21531476,
                -0.032325577,
                -0.013142515,
                -0.19831321,
                2.8008659,
                -0.068537757,
                -0.27821985,
                0.90596241,
                1.0828991,
                -0.15551946,
                -0.089540347,
                -0.2664898,
                -0.23081113,
                2.6688464,
                -0.27271652,
                1.3457332,
                1.8152947,
                -0.24663039,
                -0.013142528,
                -0.19831318,
                -0.27709827,
                3.6888282,
            ],
            &[
                -0.33695865,
                -0.0077016652,
                0.15944386,
                0.16897607,
                0.45349181,
                0.10486244,
                1.3965306,
                1.561813,
                -0.1376524,
                -0.83353293,
                1.0149615,
                -2.1153469,
                0.41412628,
                0.34336501,
                -3.3721011,
                1.1857238,
                0.44992614,
                -4.6313105,
                4.8944535,
                -0.95791483,
                -0.56094325,
                0.34703737,
                -2.3250909,
                1.231483,
                0.40282094,
                5.8506346,
                3.2726712,
                0.86741924,
                -1.6356407,
                -0.22252432,
                -0.33667421,
                -6.6463456,
            ],
            &[-3.2407465, 0.31380686, -6.3135982, -10.045253],
            &[-3.5117621, -0.55360591, -6.6257796, -8.4440823],
        ],
        (Activation::Silu, true) => vec![
            &[
                -0.26894143,
                2.0126691,
                -0.080485553,
                5.781033,
                -0.26894143,
                -0.17809564,
                0.47896233,
                -0.13492686,
                -0.26894143,
                2.6035519,
                -0.013880625,
                -0.010261225,
                -0.26894143,
                0.040311944,
                0.60600656,
                0.64253181,
                -0.23764852,
                -0.18877034,
                2.118804,
                -0.27658883,
                0.17312935,
                -0.18877034,
                -0.24043947,
                0.15261501,
                -0.20345211,
                -0.18877034,
                3.0600407,
                -0.26158926,
                0.29167444,
                -0.18877034,
                -0.27540883,
                0.31559587,
            ],
            &[
                -0.59853441,
                -0.17971098,
                0.50344145,
                -3.6175871,
                0.52009767,
                0.44660896,
                2.2405162,
                1.3336289,
                -0.41209573,
                -1.1682038,
                0.81493044,
                -1.0315667,
                0.70653635,
                0.68530214,
                1.508172,
                -1.7515348,
                -0.02232635,
                0.78691357,
                0.75987661,
                0.25579011,
                -0.36142838,
                0.067388579,
                -1.0356652,
                1.4149158,
                0.044433028,
                0.93081856,
                -2.5700774,
                0.68776906,
                -1.6570927,
                0.21129358,
                0.54489553,
                -0.057505012,
            ],
            &[-4.8568854, -2.5169704, -2.3773446, -4.0431342],
            &[-4.6174135, -0.81819379, -5.029985, -6.0173683],
            &[
                0.0062250737,
                -2.5169704,
                -9.5714703,
                -4.7264876,
                -0.072329491,
                -0.72067916,
                -3.2591515,
                -2.0388179,
                -2.4284427,
                0.61196315,
                -1.8894572,
                -16.115553,
                -4.545084,
                -0.0975146,
                -1.7708334,
                -3.97855,
            ],
        ],
        _ => unreachable!("tested by finite differences"),
    };
    let mut lists = lists.into_iter().map(<[f32]>::to_vec);
    Outcome { y: lists.next().unwrap(), gradients: lists.collect() }
}

#[test]
fn outputs_and_gradients_as_pytorch() {
    let gamma = steps(4, 3, 13).iter().map(|g| g + 2.0).collect();
    let inputs = [steps(32, 7, 11), gamma, steps(4, 2, 5), steps(16, 5, 9)];
    for (activation, modulated) in [Activation::Identity, Activation::Silu].map(|a| [(a, false), (a, true)]).concat() {
        for way in [Way::Kernel, Way::Composition] {
            let case = Case { way, x: [2, 2, 2, 4], groups: 2, modulated, activation };
            assert_outcome(&case, &case.run(&inputs), &pytorch(activation, modulated), 3e-6);
        }
    }
}

#[test]
fn gradients_are_slopes() {
    for (activation, modulated) in ACTIVATIONS.map(|a| [(a, false), (a, true)]).concat() {
        let case = Case { way: Way::Kernel, x: [3, 2, 3, 6], groups: 3, modulated, activation };
        assert_slopes(&case, &case.inputs(), 3e-3, |inputs| case.run(inputs));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
    #[test]
    fn kernel_matches_composition_at_any_shape(
        (batch, height, width) in (1usize..20, 2usize..9, 2usize..9),
        (groups, size) in (1usize..9, 1usize..9),
        modulated in any::<bool>(),
        activation in prop::sample::select(&ACTIVATIONS[..]),
    ) {
        let x = [batch, height, width, groups * size];
        let kernel = Case { way: Way::Kernel, x, groups, modulated, activation };
        let due = Case { way: Way::Composition, ..kernel }.run(&kernel.inputs());
        // The composition sums in single precision; a few numbers with a tiny variance magnify its last bits.
        let tolerance = if height * width * size < 8 { 1e-2 } else { 2e-3 };
        assert_outcome(&kernel, &kernel.run(&kernel.inputs()), &due, tolerance);
    }
}

#[test]
fn gradients_add_up() {
    let x = tensor(&noise("x", 96), (2, 4, 3, 4));
    let (gamma, beta) = (tensor(&noise("gamma", 4), (4,)), tensor(&noise("beta", 4), (4,)));
    let rows = tensor(&noise("modulation", 16), (2, 8));
    for activation in ACTIVATIONS {
        assert_gradients_add_up(&x, |x| {
            Cpu::group_norm(x, &gamma, &beta, Some(rows.retaped()), 2, activation).unwrap()
        });
        assert_gradients_add_up(&rows, |rows| {
            Cpu::group_norm(x.retaped(), &gamma, &beta, Some(rows), 2, activation).unwrap()
        });
    }
}

#[test]
fn same_bits_on_any_number_of_threads() {
    for x in [[1, 5, 7, 6], [33, 9, 8, 24]] {
        let case = Case { way: Way::Kernel, x, groups: 3, modulated: true, activation: Activation::Silu };
        assert_same_bits_on_any_threads(&case, || case.run(&case.inputs()));
    }
}

#[test]
fn a_picture_alone_is_the_one_among_others() {
    let all = Case { way: Way::Kernel, x: [5, 3, 4, 6], groups: 2, modulated: true, activation: Activation::Silu };
    let mut inputs = all.inputs();
    let y = all.run(&inputs).y;
    inputs[0].drain(..4 * 72);
    inputs[3].drain(..4 * 12);
    assert_eq!(Case { x: [1, 3, 4, 6], ..all }.run(&inputs).y, y[4 * 72..]);
}

/// A mean of 10,000 with a deviation of 1: sums of squares around zero would lose the variance.
#[test]
fn a_large_mean_costs_no_precision() {
    let case =
        Case { way: Way::Kernel, x: [1, 20, 20, 2], groups: 1, modulated: false, activation: Activation::Identity };
    let wave = |i: usize| (i % 5) as f32 - 2.0;
    let numbers: Vec<f32> = (0..800).map(|i| 10_000.0 + wave(i)).collect();
    let due: Vec<f32> = (0..800).map(|i| wave(i) / 2f32.sqrt()).collect();
    assert_close("y", &case.run(&[numbers, vec![1.0; 2], vec![0.0; 2]]).y, &due, 2e-3);
}

#[test]
fn a_group_of_equal_numbers_gives_its_shift() {
    let case =
        Case { way: Way::Kernel, x: [1, 3, 3, 4], groups: 2, modulated: false, activation: Activation::Identity };
    let numbers = [0.1, 0.1, -7.3, -7.3].repeat(9);
    let outcome = case.run(&[numbers, vec![2.0; 4], vec![0.5, -0.5, 1.0, 2.0]]);
    assert_close("y", &outcome.y, &[0.5, -0.5, 1.0, 2.0].repeat(9), 1e-3);
}

#[test]
fn a_nan_spoils_its_picture_s_group_and_no_other() {
    for activation in ACTIVATIONS {
        let case = Case { way: Way::Kernel, x: [2, 2, 2, 6], groups: 3, modulated: true, activation };
        for place in [24, 31] {
            let mut inputs = case.inputs();
            inputs[0][place] = f32::NAN;
            for (index, y) in case.run(&inputs).y.iter().enumerate() {
                let spoiled = index / 24 == 1 && index % 6 / 2 == place % 6 / 2;
                assert_eq!(y.is_nan(), spoiled, "{case:?} {place} {index}: {y}");
            }
        }
    }
}

#[test]
#[should_panic(expected = "2 groups of 3 channels")]
fn groups_that_are_not_equal_are_refused() {
    let ones = tensor(&[1.0; 3], (3,));
    let _ = Cpu::group_norm(tensor(&[0.0; 6], (2, 1, 1, 3)), &ones, &ones, None, 2, Activation::Relu);
}

#[test]
#[should_panic(expected = "one scale and shift a picture")]
fn rows_that_do_not_fit_are_refused() {
    let (ones, rows) = (tensor(&[1.0; 3], (3,)), tensor(&[0.0; 6], (2, 3)));
    let _ = Cpu::group_norm(tensor(&[0.0; 6], (2, 1, 1, 3)), &ones, &ones, Some(rows), 1, Activation::Relu);
}
