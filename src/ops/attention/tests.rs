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
                -0.81000137,
                0.1493846,
                -0.08245413,
                0.19083336,
                -0.11014261,
                -0.21316257,
                -0.10951872,
                0.21230903,
                -0.74856299,
                0.12160518,
                0.16251287,
                -0.0039973375,
                0.0625,
                0.1875,
                0.25222138,
                -0.36314738,
                0.072713427,
                0.19661567,
                -0.14048128,
                -0.212309,
                0.08400175,
                0.20462148,
                -0.43313774,
                -0.067827344,
            ],
            &[
                -0.41495937,
                0.094522461,
                -0.21427397,
                -0.214274,
                -0.091894343,
                0.10510886,
                0.13170637,
                0.13170637,
                0.63264298,
                -0.1592048,
                0.093137547,
                0.093137547,
                3.7252903e-09,
                1.4901161e-08,
                -1.0062948,
                0.24049205,
                -0.01889167,
                -0.018891782,
                -0.37454364,
                0.21855274,
                -0.098890573,
                -0.098890558,
                -0.13614133,
                -0.31822687,
            ],
            &[
                0.062844977,
                -0.14981458,
                0.26507089,
                -0.33687714,
                0.098310478,
                -0.18030371,
                0.11148335,
                -0.56771791,
                -0.11584053,
                0.20615505,
                -0.15594341,
                0.60900944,
                -0.045314983,
                0.12396321,
                -0.22061083,
                0.29558554,
                -0.68644834,
                0.57636833,
                0.8383249,
                -0.31704226,
                0.63895988,
                -0.56227922,
                0.56737822,
                -0.52149034,
                0.54142845,
                -0.58122277,
                -0.85613692,
                0.72393501,
                -0.49393991,
                0.56713343,
                -0.54956633,
                0.11459769,
            ],
            &[
                -0.31193864,
                -0.81241828,
                -0.035315108,
                -0.11354965,
                -0.010125011,
                0.20705628,
                0.0084835961,
                0.01082921,
                -0.020425647,
                0.22847664,
                0.052471191,
                0.15395442,
                -0.032510512,
                0.25188535,
                0.099360377,
                0.32376596,
                -0.32845736,
                -0.50646025,
                0.41770253,
                -0.14519003,
                -0.29457653,
                -0.48074746,
                0.59230149,
                -0.1167562,
                -0.26439685,
                -0.45589775,
                0.76374531,
                -0.086401701,
                -0.23756903,
                -0.43189481,
                -2.5237491,
                0.098348059,
            ],
        ],
        [
            &[
                -1.0,
                0.25,
                -0.75,
                0.5,
                -0.67004281,
                0.57995713,
                -0.52203971,
                0.72796029,
                -0.86644918,
                0.18029557,
                -0.1626319,
                0.13215287,
                0.5,
                -0.5,
                0.75,
                -0.25,
                0.95249325,
                -0.047506668,
                -0.20213903,
                0.022039725,
                0.33291411,
                -0.13291918,
                -0.30289385,
                0.29406521,
            ],
            &[
                0.0,
                0.0,
                0.0,
                0.0,
                0.23804121,
                -0.019836791,
                0.021925347,
                0.021925356,
                0.39167935,
                -0.071117252,
                0.11263919,
                0.11263923,
                0.0,
                0.0,
                0.0,
                0.0,
                0.0076001994,
                -0.091201633,
                -0.068516716,
                -0.068516716,
                -0.15050702,
                0.39040706,
                0.28703412,
                0.28703418,
            ],
            &[
                0.12256227,
                -0.047288984,
                0.07103169,
                -0.083348542,
                0.0195082,
                -0.059263885,
                -0.16700119,
                -0.39649898,
                -0.14207037,
                0.10655278,
                0.095969491,
                0.47984746,
                -0.14762676,
                0.072009355,
                -0.98705137,
                0.66888738,
                -0.17906806,
                0.036888972,
                0.53893155,
                -0.48963946,
                0.32669479,
                -0.10889826,
                0.4481197,
                -0.17924789,
            ],
            &[
                -0.53556395,
                -0.71273351,
                0.35658714,
                -0.90105867,
                0.036352314,
                0.66677713,
                -0.39078963,
                0.58618098,
                0.12421148,
                -0.079043671,
                0.15920252,
                0.68987757,
                -1.5910295,
                0.48952472,
                -2.5658188,
                -0.23209959,
                1.0001965,
                -2.4238765,
                0.77529931,
                0.64424831,
                -0.53416669,
                0.059351854,
                1.0405198,
                -0.66214901,
            ],
        ],
    ];
    for (lists, causal) in lists.into_iter().zip([false, true]) {
        let [y, gradients @ ..] = lists.map(<[f32]>::to_vec);
        let due = Outcome { y, gradients: gradients.into() };
        let keys = if causal { 3 } else { 4 };
        let inputs = [steps(24, 7, 11), steps(8 * keys, 3, 13), steps(8 * keys, 5, 9)];
        for way in [Way::Kernel, Way::Composition] {
            let case = Case { way, batch: 2, queries: 3, keys, channels: 4, spec: Attention { heads: 2, causal } };
            assert_outcome(&case, &case.run(&inputs), &due, 1e-6);
        }
    }
}

#[test]
fn gradients_are_slopes() {
    for (queries, keys, causal) in [(4, 4, false), (3, 5, false), (3, 5, true), (1, 1, true)] {
        let spec = Attention { heads: 2, causal };
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
    ) {
        let spec = Attention { heads, causal };
        let kernel =
            Case { way: Way::Kernel, batch, queries, keys: queries + more, channels: heads * width, spec };
        let due = Case { way: Way::Composition, ..kernel }.run(&kernel.inputs());
        assert_outcome(&kernel, &kernel.run(&kernel.inputs()), &due, 1e-5);
    }
}

#[test]
fn gradients_add_up_also_where_all_three_are_one() {
    let spec = Attention { heads: 2, causal: false };
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
    let spec = Attention { heads: 3, causal: false };
    let case = Case { way: Way::Kernel, batch: 17, queries: 16, keys: 20, channels: 24, spec };
    assert_same_bits_on_any_threads(&case, || case.run(&case.inputs()));
}

/// Equal scores: every query gets the mean of the values that it sees.
#[test]
fn a_causal_query_sees_the_keys_up_to_its_own_place() {
    let spec = Attention { heads: 1, causal: true };
    let case = Case { way: Way::Kernel, batch: 1, queries: 2, keys: 4, channels: 1, spec };
    let outcome = case.run(&[vec![0.0; 2], vec![1.0; 4], vec![3.0, 6.0, 9.0, 100.0]]);
    assert_close("y", &outcome.y, &[6.0, 29.5], 1e-6);
}

/// Scores of 1,000 and more would overflow an exponential.
#[test]
fn large_scores_choose_one_value() {
    let spec = Attention { heads: 1, causal: false };
    let case = Case { way: Way::Kernel, batch: 1, queries: 1, keys: 3, channels: 1, spec };
    let outcome = case.run(&[vec![1e3], vec![-5.0, 7.0, 6.0], vec![1.0, 2.0, 3.0]]);
    assert_close("y", &outcome.y, &[2.0], 1e-6);
}

#[test]
fn a_nan_spoils_what_it_meets_and_no_more() {
    let spec = Attention { heads: 2, causal: false };
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
    let _ = Cpu::attention(q, k.clone(), k, Attention { heads: 1, causal: true });
}

#[test]
#[should_panic(expected = "2 heads of 3 channels")]
fn heads_that_are_not_equal_are_refused() {
    let x = tensor(&[0.0; 6], (1, 2, 3));
    let _ = Cpu::attention(x.clone(), x.clone(), x, Attention { heads: 2, causal: false });
}
