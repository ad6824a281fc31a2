use super::*;
use crate::ops::testing::{
    ACTIVATIONS, Outcome, TestTape, assert_close, assert_gradients_add_up, assert_outcome,
    assert_same_bits_on_any_threads, assert_slopes, differentiate, noise, steps, tensor,
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
                -1.231556, 1.1834, -1.206034, 3.115708, -0.198771, -0.968237, 2.354384, -0.963938, -1.059426, 1.613728,
                -0.612631, -5.043583, -0.02664, -0.537909, 2.947787, -0.148009, -1.231556, 1.1834, 1.360655, -2.853481,
                -0.198771, -0.968237, -2.081964, 2.826841, -1.059426, 1.613728, 2.049179, -1.906761, -0.02664,
                -0.537909, -1.393441, 3.773561,
            ],
            &[
                -1.945064, -0.146321, 0.052334, 1.047218, 0.223764, 1.488941, 1.7846, 0.543218, 0.309847, -0.817636,
                -0.054557, 0.039217, 0.068842, 0.817627, -2.17941, -1.232619, 1.09639, -3.874866, 2.370723, 1.118829,
                -0.828624, 0.598161, -2.443116, 1.662655, 0.546046, 6.591171, 2.231853, -0.052827, -2.497819,
                -1.630459, -0.172153, -4.715961,
            ],
            &[-9.198248, -0.742315, -13.086913, -15.452218],
            &[-5.625, 0.125, 0.75, -2.75],
        ],
        (Activation::Identity, true) => vec![
            &[
                -1.0, 2.22925, -0.176508, 5.798561, -1.0, -0.460296, 0.713596, -0.320907, -1.0, 2.76716, -0.028158,
                -6.440375, -1.0, 0.077613, 0.861947, 0.902987, -0.731557, -0.5, 2.325819, -1.15087, 0.301229, -0.5,
                -1.977456, 0.26921, -0.559426, -0.5, 3.186473, -0.91419, 0.47336, -0.5, -1.116801, 0.50589,
            ],
            &[
                -1.167443, -0.272952, -1.786113, -2.30064, 0.290861, 1.73925, 2.800894, 0.23121, -0.924392, -1.10572,
                -1.120513, 2.763061, 0.533912, 0.906482, 2.502215, -3.090115, 0.423018, 1.161551, -0.376373, -3.371975,
                -0.665263, -0.226627, 2.468512, 1.82071, 0.01213, 1.439186, -2.322398, -2.822101, -2.195003, 0.051008,
                3.53478, 1.068844,
            ],
            &[-9.370378, -3.281246, -10.382889, -9.58267],
            &[-5.625, 0.125, 0.75, -2.75],
            &[
                0.086065, -3.281246, -11.951508, -12.583157, -1.0, 0.5, -3.125, -0.375, -4.685189, 2.353353,
                -14.222321, -29.91044, -4.625, -0.375, 3.875, -2.375,
            ],
        ],
        (Activation::Silu, false) => vec![
            &[
                -0.27822, 0.905962, -0.277874, 2.983402, -0.08954, -0.26649, 2.150217, -0.266134, -0.272717, 1.345733,
                -0.215315, -0.032326, -0.013143, -0.198313, 2.800866, -0.068538, -0.27822, 0.905962, 1.082899,
                -0.155519, -0.08954, -0.26649, -0.230811, 2.668846, -0.272717, 1.345733, 1.815295, -0.24663, -0.013143,
                -0.198313, -0.277098, 3.688828,
            ],
            &[
                -0.336959, -0.007702, 0.159444, 0.168976, 0.453492, 0.104862, 1.396531, 1.561813, -0.137652, -0.833533,
                1.014962, -2.115347, 0.414126, 0.343365, -3.372101, 1.185724, 0.449926, -4.63131, 4.894454, -0.957915,
                -0.560943, 0.347037, -2.325091, 1.231483, 0.402821, 5.850635, 3.272671, 0.867419, -1.635641, -0.222524,
                -0.336674, -6.646346,
            ],
            &[-3.240747, 0.313807, -6.313598, -10.045253],
            &[-3.511762, -0.553606, -6.62578, -8.444082],
        ],
        (Activation::Silu, true) => vec![
            &[
                -0.268941, 2.012669, -0.080486, 5.781033, -0.268941, -0.178096, 0.478962, -0.134927, -0.268941,
                2.603552, -0.013881, -0.010261, -0.268941, 0.040312, 0.606007, 0.642532, -0.237649, -0.18877, 2.118804,
                -0.276589, 0.173129, -0.18877, -0.240439, 0.152615, -0.203452, -0.18877, 3.060041, -0.261589, 0.291674,
                -0.18877, -0.275409, 0.315596,
            ],
            &[
                -0.598534, -0.179711, 0.503441, -3.617587, 0.520098, 0.446609, 2.240516, 1.333629, -0.412096,
                -1.168204, 0.81493, -1.031567, 0.706536, 0.685302, 1.508172, -1.751535, -0.022326, 0.786914, 0.759877,
                0.25579, -0.361428, 0.067389, -1.035665, 1.414916, 0.044433, 0.930819, -2.570077, 0.687769, -1.657093,
                0.211294, 0.544895, -0.057505,
            ],
            &[-4.856885, -2.51697, -2.377345, -4.043134],
            &[-4.617413, -0.818194, -5.029985, -6.017368],
            &[
                0.006225, -2.51697, -9.57147, -4.726488, -0.072329, -0.720679, -3.259152, -2.038818, -2.428443,
                0.611963, -1.889457, -16.115553, -4.545084, -0.097515, -1.770833, -3.97855,
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
