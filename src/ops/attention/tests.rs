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
    batch: usize,
    queries: usize,
    keys: usize,
    channels: usize,
    spec: Attention,
}

impl Case {
    fn inputs(&self) -> Vec<Vec<f32>> {
        let len = |tokens| self.batch * tokens * self.channels;
        vec![noise("q", len(self.queries)), noise("k", len(self.keys)), noise("v", len(self.keys))]
    }

    fn run(&self, inputs: &[Vec<f32>]) -> Outcome {
        let lengths = [self.queries, self.keys, self.keys];
        let all = [0, 1, 2].map(|i| tensor(&inputs[i], (self.batch, lengths[i], self.channels)));
        let traced: [Tokens<Cpu, TestTape>; 3] = all.each_ref().map(|x| x.leaky_trace());
        let [q, k, v] = traced;
        let y = match self.way {
            Way::Kernel => Cpu::attention(q, k, v, self.spec),
            Way::Composition => composed(q, k, v, self.spec),
        };
        let (y, gradients) = differentiate(y.unwrap());
        Outcome { y, gradients: all.iter().map(|x| gradients.get(x).as_vec()).collect() }
    }
}

// q = steps(24, 7, 11).reshape(2, 3, 4).requires_grad_()
// k = steps(32, 3, 13).reshape(2, 4, 4).requires_grad_()  # causal: steps(24, 3, 13).reshape(2, 3, 4)
// v = steps(32, 5, 9).reshape(2, 4, 4).requires_grad_()   # causal: steps(24, 5, 9).reshape(2, 3, 4)
// heads = lambda t: t.unflatten(2, (2, 2)).transpose(1, 2)
// y = F.scaled_dot_product_attention(heads(q), heads(k), heads(v), is_causal=causal).transpose(1, 2).flatten(2)
// (y * cotangent(y)).sum().backward()
// print(y, q.grad, k.grad, v.grad)
#[test]
fn outputs_and_gradients_as_pytorch() {
    let lists: [[&[f32]; 4]; 2] = [
        [
            &[
                -0.810001, 0.149385, -0.082454, 0.190833, -0.110143, -0.213163, -0.109519, 0.212309, -0.748563,
                0.121605, 0.162513, -0.003997, 0.0625, 0.1875, 0.252221, -0.363147, 0.072713, 0.196616, -0.140481,
                -0.212309, 0.084002, 0.204621, -0.433138, -0.067827,
            ],
            &[
                -0.414959, 0.094522, -0.214274, -0.214274, -0.091894, 0.105109, 0.131706, 0.131706, 0.632643,
                -0.159205, 0.093138, 0.093138, 0.0, 0.0, -1.006295, 0.240492, -0.018892, -0.018892, -0.374544,
                0.218553, -0.098891, -0.098891, -0.136141, -0.318227,
            ],
            &[
                0.062845, -0.149815, 0.265071, -0.336877, 0.09831, -0.180304, 0.111483, -0.567718, -0.115841, 0.206155,
                -0.155943, 0.609009, -0.045315, 0.123963, -0.220611, 0.295586, -0.686448, 0.576368, 0.838325,
                -0.317042, 0.63896, -0.562279, 0.567378, -0.52149, 0.541428, -0.581223, -0.856137, 0.723935, -0.49394,
                0.567133, -0.549566, 0.114598,
            ],
            &[
                -0.311939, -0.812418, -0.035315, -0.11355, -0.010125, 0.207056, 0.008484, 0.010829, -0.020426,
                0.228477, 0.052471, 0.153954, -0.032511, 0.251885, 0.09936, 0.323766, -0.328457, -0.50646, 0.417703,
                -0.14519, -0.294577, -0.480747, 0.592302, -0.116756, -0.264397, -0.455898, 0.763745, -0.086402,
                -0.237569, -0.431895, -2.523749, 0.098348,
            ],
        ],
        [
            &[
                -1.0, 0.25, -0.75, 0.5, -0.670043, 0.579957, -0.52204, 0.72796, -0.866449, 0.180296, -0.162632,
                0.132153, 0.5, -0.5, 0.75, -0.25, 0.952493, -0.047507, -0.202139, 0.02204, 0.332914, -0.132919,
                -0.302894, 0.294065,
            ],
            &[
                0.0, 0.0, 0.0, 0.0, 0.238041, -0.019837, 0.021925, 0.021925, 0.391679, -0.071117, 0.112639, 0.112639,
                0.0, 0.0, 0.0, 0.0, 0.0076, -0.091202, -0.068517, -0.068517, -0.150507, 0.390407, 0.287034, 0.287034,
            ],
            &[
                0.122562, -0.047289, 0.071032, -0.083349, 0.019508, -0.059264, -0.167001, -0.396499, -0.14207,
                0.106553, 0.095969, 0.479847, -0.147627, 0.072009, -0.987051, 0.668887, -0.179068, 0.036889, 0.538932,
                -0.489639, 0.326695, -0.108898, 0.44812, -0.179248,
            ],
            &[
                -0.535564, -0.712734, 0.356587, -0.901059, 0.036352, 0.666777, -0.39079, 0.586181, 0.124211, -0.079044,
                0.159203, 0.689878, -1.59103, 0.489525, -2.565819, -0.2321, 1.000196, -2.423876, 0.775299, 0.644248,
                -0.534167, 0.059352, 1.04052, -0.662149,
            ],
        ],
    ];
    for (lists, causal) in lists.into_iter().zip([false, true]) {
        let [y, gradients @ ..] = lists.map(<[f32]>::to_vec);
        let due = Outcome { y, gradients: gradients.into() };
        let keys = if causal { 3 } else { 4 };
        let inputs = [steps(24, 7, 11), steps(8 * keys, 3, 13), steps(8 * keys, 5, 9)];
        for way in [Way::Kernel, Way::Composition] {
            let case = Case {
                way,
                batch: 2,
                queries: 3,
                keys,
                channels: 4,
                spec: Attention { heads: 2, causal, scale: None },
            };
            assert_outcome(&case, &case.run(&inputs), &due, 1e-6);
        }
    }
}

// q, k, v and heads as above, without causal
// y = F.scaled_dot_product_attention(heads(q), heads(k), heads(v), scale=0.25).transpose(1, 2).flatten(2)
// (y * cotangent(y)).sum().backward()
// print(y, q.grad, k.grad, v.grad)
#[test]
fn another_scale_as_pytorch() {
    let lists: [&[f32]; 4] = [
        &[
            -0.447248, -0.032602, -0.029279, 0.148417, -0.195204, -0.158522, -0.039019, 0.156202, -0.418285, -0.0431,
            0.058448, 0.078287, 0.0625, 0.1875, -0.085653, -0.194505, 0.065986, 0.190849, -0.210981, -0.156202,
            0.069609, 0.19406, -0.369215, -0.075979,
        ],
        &[
            -0.234282, 0.059083, -0.076973, -0.076973, -0.053266, 0.039358, 0.047688, 0.047688, 0.27603, -0.085555,
            0.035715, 0.035715, 0.0, 0.0, -0.466648, 0.121108, -0.011199, -0.011199, -0.131985, 0.07972, -0.030076,
            -0.030076, 0.1608, -0.136954,
        ],
        &[
            0.005549, -0.059684, 0.089853, -0.119042, 0.066555, -0.084338, 0.045137, -0.211414, -0.063596, 0.091158,
            -0.050851, 0.216516, -0.008508, 0.052864, -0.084139, 0.11394, -0.230733, 0.195164, 0.373084, -0.109765,
            0.220972, -0.195915, 0.203561, -0.186415, 0.193623, -0.208382, -0.236065, 0.230443, -0.183863, 0.209133,
            -0.340581, 0.065736,
        ],
        &[
            -0.186743, -0.310605, 0.007228, 0.016979, -0.052148, 0.058378, 0.023127, 0.06627, -0.062547, 0.061835,
            0.039169, 0.118305, -0.073561, 0.065393, 0.055476, 0.173446, -0.297579, -0.481987, 0.041269, -0.135708,
            -0.286395, -0.473091, 0.134941, -0.112413, -0.275662, -0.464302, 0.224759, -0.089369, -0.265364, -0.45562,
            -1.150969, 0.087491,
        ],
    ];
    let [y, gradients @ ..] = lists.map(<[f32]>::to_vec);
    let due = Outcome { y, gradients: gradients.into() };
    let inputs = [steps(24, 7, 11), steps(32, 3, 13), steps(32, 5, 9)];
    let spec = Attention { heads: 2, causal: false, scale: Some(0.25) };
    for way in [Way::Kernel, Way::Composition] {
        let case = Case { way, batch: 2, queries: 3, keys: 4, channels: 4, spec };
        assert_outcome(&case, &case.run(&inputs), &due, 1e-6);
    }
}

// print((heads(q) @ heads(k).mT / 2 ** 0.5).softmax(-1))
#[test]
fn weights_as_pytorch() {
    let due: [f32; 48] = [
        0.818021, 0.052818, 0.060306, 0.068856, 0.135578, 0.26308, 0.287392, 0.31395, 0.752212, 0.078974, 0.082542,
        0.086272, 0.301683, 0.264223, 0.231415, 0.20268, 0.319635, 0.267844, 0.224444, 0.188077, 0.160806, 0.209634,
        0.273289, 0.356272, 0.25, 0.25, 0.25, 0.25, 0.266809, 0.255274, 0.244238, 0.233679, 0.284054, 0.260025,
        0.238028, 0.217892, 0.09674, 0.074207, 0.056923, 0.77213, 0.188077, 0.224444, 0.267844, 0.319635, 0.283319,
        0.323486, 0.369347, 0.023848,
    ];
    let (q, k) = (tensor(&steps(24, 7, 11), (2, 3, 4)), tensor(&steps(32, 3, 13), (2, 4, 4)));
    let spec = Attention { heads: 2, causal: false, scale: None };
    assert_close("weights", &Cpu::attention_weights(&q, &k, spec), &due, 1e-6);
}

/// A query looks at no key behind its place, also where many queries go side by side.
#[test]
fn causal_weights_add_up_to_one_and_end_at_their_place() {
    let (q, k) = (tensor(&noise("q", 2 * 20 * 6), (2, 20, 6)), tensor(&noise("k", 2 * 23 * 6), (2, 23, 6)));
    let weights = Cpu::attention_weights(&q, &k, Attention { heads: 3, causal: true, scale: Some(1.0) });
    assert_eq!(weights.len(), 2 * 3 * 20 * 23);
    for (index, row) in weights.chunks(23).enumerate() {
        let seen = index % 20 + 4;
        assert!(row[..seen].iter().all(|&weight| weight > 0.0) && row[seen..].iter().all(|&weight| weight == 0.0));
        assert_close("sum", &[row.iter().sum()], &[1.0], 1e-6);
    }
}

#[test]
fn gradients_are_slopes() {
    for (queries, keys, causal) in [(4, 4, false), (3, 5, false), (3, 5, true), (1, 1, true), (7, 9, true)] {
        let spec = Attention { heads: 2, causal, scale: Some(0.5) };
        let case = Case { way: Way::Kernel, batch: 2, queries, keys, channels: 6, spec };
        assert_slopes(&case, &case.inputs(), 2e-3, |inputs| case.run(inputs));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
    #[test]
    fn kernel_matches_composition_at_any_shape(
        (batch, queries, more) in (1usize..6, 1usize..24, 0usize..24),
        (heads, width) in (1usize..5, 1usize..20),
        causal in any::<bool>(),
        scale in prop::sample::select(&[None, Some(1.0f32), Some(0.1)][..]),
    ) {
        let spec = Attention { heads, causal, scale };
        let kernel =
            Case { way: Way::Kernel, batch, queries, keys: queries + more, channels: heads * width, spec };
        let due = Case { way: Way::Composition, ..kernel }.run(&kernel.inputs());
        assert_outcome(&kernel, &kernel.run(&kernel.inputs()), &due, 1e-5);
    }
}

#[test]
fn gradients_add_up_also_where_all_three_are_one() {
    let spec = Attention { heads: 2, causal: false, scale: None };
    let [x, y] = ["x", "y"].map(|name| tensor(&noise(name, 24), (2, 3, 4)));
    let fixed = || -> Tokens<Cpu, TestTape> { y.retaped() };
    assert_gradients_add_up(&x, |q| Cpu::attention(q, fixed(), fixed(), spec).unwrap());
    assert_gradients_add_up(&x, |k| Cpu::attention(fixed(), k, fixed(), spec).unwrap());
    assert_gradients_add_up(&x, |v| Cpu::attention(fixed(), fixed(), v, spec).unwrap());
    assert_gradients_add_up(&x, |x| {
        let (k, v) = (x.retaped(), x.retaped());
        Cpu::attention(x, k, v, spec).unwrap()
    });
}

#[test]
fn same_bits_on_any_number_of_threads() {
    let spec = Attention { heads: 3, causal: false, scale: None };
    for (batch, queries) in [(17, 16), (1, 200), (5, 1)] {
        let case = Case { way: Way::Kernel, batch, queries, keys: 20, channels: 24, spec };
        assert_same_bits_on_any_threads(&case, || case.run(&case.inputs()));
    }
}

/// Equal scores: every query gets the mean of the values that it sees.
#[test]
fn a_causal_query_sees_the_keys_up_to_its_own_place() {
    let spec = Attention { heads: 1, causal: true, scale: None };
    let case = Case { way: Way::Kernel, batch: 1, queries: 2, keys: 4, channels: 1, spec };
    let outcome = case.run(&[vec![0.0; 2], vec![1.0; 4], vec![3.0, 6.0, 9.0, 100.0]]);
    assert_close("y", &outcome.y, &[6.0, 29.5], 1e-6);
}

/// Scores of 1,000 and more would overflow an exponential.
#[test]
fn large_scores_choose_one_value() {
    let spec = Attention { heads: 1, causal: false, scale: None };
    let case = Case { way: Way::Kernel, batch: 1, queries: 1, keys: 3, channels: 1, spec };
    let outcome = case.run(&[vec![1e3], vec![-5.0, 7.0, 6.0], vec![1.0, 2.0, 3.0]]);
    assert_close("y", &outcome.y, &[2.0], 1e-6);
}

#[test]
fn a_nan_spoils_what_it_meets_and_no_more() {
    let spec = Attention { heads: 2, causal: false, scale: None };
    let case = Case { way: Way::Kernel, batch: 2, queries: 3, keys: 4, channels: 4, spec };
    // A query of picture 1, token 1, head 0; a key and a value of picture 0, head 1.
    let spoiled = |input: usize, place: usize| -> Vec<usize> {
        let mut inputs = case.inputs();
        inputs[input][place] = f32::NAN;
        let y = case.run(&inputs).y;
        (0..y.len()).filter(|&i| y[i].is_nan()).collect()
    };
    assert_eq!(spoiled(0, 12 + 4), [16, 17]);
    assert_eq!(spoiled(1, 2 * 4 + 2), [2, 3, 6, 7, 10, 11]);
    assert_eq!(spoiled(2, 2 * 4 + 2), [2, 6, 10]);
}

#[test]
#[should_panic(expected = "a query without a key")]
fn a_causal_query_without_a_key_is_refused() {
    let (q, k) = (tensor(&[0.0; 6], (1, 3, 2)), tensor(&[0.0; 4], (1, 2, 2)));
    let _ = Cpu::attention(q, k.clone(), k, Attention { heads: 1, causal: true, scale: None });
}

#[test]
#[should_panic(expected = "2 heads of 3 channels")]
fn heads_that_are_not_equal_are_refused() {
    let x = tensor(&[0.0; 6], (1, 2, 3));
    let _ = Cpu::attention(x.clone(), x.clone(), x, Attention { heads: 2, causal: false, scale: None });
}
