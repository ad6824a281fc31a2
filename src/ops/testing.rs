//! What the tests of ops share: numbers to try, gradients of a weighted sum, finite differences, comparisons.

use super::random::Stream;
use dfdx::prelude::*;

/// The tape that tests record on.
pub type TestTape = OwnedTape<f32, Cpu>;

/// An op's output and the gradients of `sum(y * cotangent)` by each of its inputs, in their order.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    pub y: Vec<f32>,
    pub gradients: Vec<Vec<f32>>,
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

/// `y` and the gradients of `sum(y * cotangent)`; the cotangent is [`noise`], so that no two outputs weigh the same.
pub fn differentiate<S: Shape>(y: Tensor<S, f32, Cpu, TestTape>) -> (Vec<f32>, Gradients<f32, Cpu>) {
    let numbers = y.as_vec();
    let cotangent = tensor(&noise("cotangent", numbers.len()), (numbers.len(),));
    let flat: Tensor<(usize,), f32, Cpu, TestTape> = y.reshape_like(&(numbers.len(),));
    (numbers, (flat * cotangent).sum::<Rank0, _>().backward())
}

/// Fails where two lists differ by more than `tolerance` times the largest due number (or 1).
pub fn assert_close(what: &str, got: &[f32], due: &[f32], tolerance: f32) {
    assert_eq!(got.len(), due.len(), "{what}: lengths");
    let scale = due.iter().fold(1.0f32, |max, x| max.max(x.abs()));
    for (index, (&got, &due)) in got.iter().zip(due).enumerate() {
        let same = (got - due).abs() <= tolerance * scale;
        assert!(same, "{what}[{index}]: got {got}, due {due} (tolerance {})", tolerance * scale);
    }
}

/// [`assert_close`] of the outputs and of every gradient.
pub fn assert_same(what: &str, got: &Outcome, due: &Outcome, tolerance: f32) {
    assert_close(&format!("{what}: output"), &got.y, &due.y, tolerance);
    assert_eq!(got.gradients.len(), due.gradients.len(), "{what}: number of gradients");
    for (input, (got, due)) in got.gradients.iter().zip(&due.gradients).enumerate() {
        assert_close(&format!("{what}: gradient of input {input}"), got, due, tolerance);
    }
}
