//! What the tests of ops share. An op under test is a function from its inputs' numbers to an [`Outcome`]; here are the
//! questions that every op is asked, beside the literals that PyTorch gave for it.

use super::Activation;
use super::random::Stream;
use dfdx::prelude::*;
use std::fmt::Debug;

/// What ops that end in an activation are tested with.
pub const ACTIVATIONS: [Activation; 7] = [
    Activation::Identity,
    Activation::Relu,
    Activation::LeakyRelu,
    Activation::Gelu,
    Activation::GeluTanh,
    Activation::Tanh,
    Activation::Silu,
];

/// The tape that tests record on.
pub type TestTape = OwnedTape<f32, Cpu>;

/// An op's output and the gradients of `sum(y * cotangent(y.len()))` by each of its inputs, in their order.
#[derive(Clone, Debug)]
pub struct Outcome {
    pub y: Vec<f32>,
    pub gradients: Vec<Vec<f32>>,
}

/// Numbers that are easily written in Python too, with ties and with both signs:
/// `def steps(n, by, modulo): return (torch.arange(n) * by % modulo - (modulo - 1) / 2) / 4`.
pub fn steps(len: usize, by: usize, modulo: usize) -> Vec<f32> {
    (0..len).map(|i| ((i * by % modulo) as f32 - (modulo as f32 - 1.0) / 2.0) / 4.0).collect()
}

/// What each output weighs in the sum that is differentiated: never zero, and no two rows of channels alike.
///
/// `def cotangent(y): n = torch.arange(y.numel()); return (steps(len(n), 5, 14) * (1 + n // 14 % 5)).reshape(y.shape)`
pub fn cotangent(len: usize) -> Vec<f32> {
    steps(len, 5, 14).iter().enumerate().map(|(i, step)| step * (1 + i / 14 % 5) as f32).collect()
}

/// `len` standard normal numbers that depend on `purpose` alone.
pub fn noise(purpose: &str, len: usize) -> Vec<f32> {
    let stream = Stream::new(1, purpose, 0);
    (0..len as u64).map(|index| stream.normal(index)).collect()
}

/// A tensor of `numbers` on the CPU.
pub fn tensor<S: Shape>(numbers: &[f32], shape: S) -> Tensor<S, f32, Cpu> {
    Cpu::default().tensor_from_vec(numbers.to_vec(), shape)
}

/// The numbers of `y` and the gradients of their weighted sum.
pub fn differentiate<S: Shape>(y: Tensor<S, f32, Cpu, TestTape>) -> (Vec<f32>, Gradients<f32, Cpu>) {
    (y.as_vec(), weighted_sum(y).backward())
}

fn weighted_sum<S: Shape>(y: Tensor<S, f32, Cpu, TestTape>) -> Tensor<Rank0, f32, Cpu, TestTape> {
    let len = y.shape().num_elements();
    let flat: Tensor<(usize,), f32, Cpu, TestTape> = y.reshape_like(&(len,));
    (flat * tensor(&cotangent(len), (len,))).sum::<Rank0, _>()
}

/// Fails where two lists differ by more than `tolerance` times the largest due number (or 1).
pub fn assert_close(what: &str, got: &[f32], due: &[f32], tolerance: f32) {
    assert_eq!(got.len(), due.len(), "{what}: lengths");
    let allowed = tolerance * due.iter().fold(1.0f32, |max, x| max.max(x.abs()));
    for (index, (&got, &due)) in got.iter().zip(due).enumerate() {
        let same = (got - due).abs() <= allowed;
        assert!(same, "{what}[{index}]: got {got}, due {due}, allowed {allowed}");
    }
}

/// What sums of `count` numbers of either sign may differ by: compositions add them one after the other in single
/// precision, kernels in parts, and the error grows as the root of their number (Higham 2002, "Accuracy and Stability of
/// Numerical Algorithms", section 4.2).
pub fn summed(count: usize) -> f32 {
    2e-5 * (count as f32 / 1024.0).sqrt().max(1.0)
}

/// [`assert_close`] of the outputs and of every gradient.
pub fn assert_outcome(what: &impl Debug, got: &Outcome, due: &Outcome, tolerance: f32) {
    assert_close(&format!("{what:?}: output"), &got.y, &due.y, tolerance);
    assert_eq!(got.gradients.len(), due.gradients.len(), "{what:?}: number of gradients");
    for (input, (got, due)) in got.gradients.iter().zip(&due.gradients).enumerate() {
        assert_close(&format!("{what:?}: gradient {input}"), got, due, tolerance);
    }
}

/// Checks every gradient of `op` at `inputs` by differences of the weighted sum: it must lie between the slopes to the
/// left and to the right, give or take a share `tolerance` of the largest gradient.
///
/// Where the op is smooth the two slopes are all but equal; where a kink of ReLU or of a pool is near, the gradient is
/// one of them.
pub fn assert_slopes(what: &impl Debug, inputs: &[Vec<f32>], tolerance: f64, op: impl Fn(&[Vec<f32>]) -> Outcome) {
    const STEP: f32 = 1.0 / 256.0;
    let weighted = |outcome: &Outcome| -> f64 {
        let weights = cotangent(outcome.y.len());
        outcome.y.iter().zip(weights).map(|(&y, weight)| f64::from(y) * f64::from(weight)).sum()
    };
    let outcome = op(inputs);
    let here = weighted(&outcome);
    for (input, gradient) in outcome.gradients.iter().enumerate() {
        let slack = tolerance * f64::from(gradient.iter().fold(1.0f32, |max, x| max.max(x.abs())));
        for (index, &got) in gradient.iter().enumerate() {
            let slope = |step: f32| {
                let mut inputs = inputs.to_vec();
                inputs[input][index] += step;
                (weighted(&op(&inputs)) - here) / f64::from(step)
            };
            let (left, right) = (slope(-STEP), slope(STEP));
            let between = left.min(right) - slack..=left.max(right) + slack;
            assert!(
                between.contains(&f64::from(got)),
                "{what:?}: gradient {input}[{index}] is {got}, slopes are {left} and {right}"
            );
        }
    }
}

/// Checks that `op`, used twice on one tape, gives its input twice the gradient: kernels must add to what is there.
pub fn assert_gradients_add_up<S: Shape, R: Shape>(
    x: &Tensor<S, f32, Cpu>,
    op: impl Fn(Tensor<S, f32, Cpu, TestTape>) -> Tensor<R, f32, Cpu, TestTape>,
) {
    let once = weighted_sum(op(x.leaky_trace())).backward().get(x).as_vec();
    let both = weighted_sum(op(x.leaky_trace())) + weighted_sum(op(x.leaky_trace()));
    let twice: Vec<f32> = once.iter().map(|dx| dx * 2.0).collect();
    assert!(once.iter().any(|&dx| dx != 0.0));
    assert_close("twice", &both.backward().get(x).as_vec(), &twice, 1e-5);
}

/// Checks that `op` gives the same bits on one, two and three threads.
pub fn assert_same_bits_on_any_threads(what: &impl Debug, op: impl Fn() -> Outcome + Sync) {
    let on = |threads| -> Vec<Vec<u32>> {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let outcome = pool.install(&op);
        let lists = std::iter::once(&outcome.y).chain(&outcome.gradients);
        lists.map(|list| list.iter().map(|x| x.to_bits()).collect()).collect()
    };
    let one = on(1);
    for threads in [2, 3] {
        assert!(one == on(threads), "{what:?}: {threads} threads give other bits than one");
    }
}
