use super::*;
use crate::ops::testing::{
    ACTIVATIONS, Outcome, TestTape, assert_gradients_add_up, assert_outcome, assert_same_bits_on_any_threads,
    assert_slopes, differentiate, noise, summed, tensor,
};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Way {
    Kernel,
    Composition,
}

/// Batch and tokens; inputs, inner numbers and outputs.
#[derive(Clone, Copy, Debug)]
struct Case {
    tokens: (usize, usize),
    sizes: [usize; 3],
    bias: bool,
    activation: Activation,
}

impl Case {
    fn inputs(&self) -> Vec<Vec<f32>> {
        let [inputs, inner, outputs] = self.sizes;
        let mut all = vec![noise("x", self.tokens.0 * self.tokens.1 * inputs)];
        all.extend([noise("u", inner * inputs), noise("v", outputs * inner)]);
        all.extend(self.bias.then(|| noise("b", inner)));
        all.extend(self.bias.then(|| noise("c", outputs)));
        all
    }

    fn run(&self, way: Way, numbers: &[Vec<f32>]) -> Outcome {
        let [inputs, inner, outputs] = self.sizes;
        let x = tensor(&numbers[0], (self.tokens.0, self.tokens.1, inputs));
        let (u, v) = (tensor(&numbers[1], (inner, inputs)), tensor(&numbers[2], (outputs, inner)));
        let biases = self.bias.then(|| [tensor(&numbers[3], (inner,)), tensor(&numbers[4], (outputs,))]);
        let [b, c] = [0, 1].map(|index| biases.as_ref().map(|biases| &biases[index]));
        let (first, second) = (Affine { weight: &u, bias: b }, Affine { weight: &v, bias: c });
        let traced: Tokens<Cpu, TestTape> = x.leaky_trace();
        let y = match way {
            Way::Kernel => Cpu::perceptron(traced, first, self.activation, second),
            Way::Composition => composed(traced, first, self.activation, second),
        };
        let (y, gradients) = differentiate(y.unwrap());
        let mut all = vec![gradients.get(&x).as_vec(), gradients.get(&u).as_vec(), gradients.get(&v).as_vec()];
        all.extend(biases.iter().flatten().map(|bias| gradients.get(bias).as_vec()));
        Outcome { y, gradients: all }
    }
}

/// Enough tokens for groups and parts.
const MANY: (usize, usize) = (FEW_POSITIONS / 16 + 3, 16);

#[test]
fn kernel_matches_composition() {
    for (activation, bias) in ACTIVATIONS.into_iter().zip([true, false].into_iter().cycle()) {
        let case = Case { tokens: MANY, sizes: [12, 35, 20], bias, activation };
        let inputs = case.inputs();
        let tolerance = summed(MANY.0 * MANY.1);
        assert_outcome(&case, &case.run(Way::Kernel, &inputs), &case.run(Way::Composition, &inputs), tolerance);
    }
}

/// Whoever trains and whoever only looks, and few tokens and many, see the same numbers.
#[test]
fn a_token_is_the_same_with_a_tape_and_without_and_in_any_batch() {
    let case = Case { tokens: MANY, sizes: [12, 35, 20], bias: true, activation: Activation::Gelu };
    let inputs = case.inputs();
    let due = case.run(Way::Kernel, &inputs).y;
    let (u, v) = (tensor(&inputs[1], (35, 12)), tensor(&inputs[2], (20, 35)));
    let (b, c) = (tensor(&inputs[3], (35,)), tensor(&inputs[4], (20,)));
    let layers = [Affine { weight: &u, bias: Some(&b) }, Affine { weight: &v, bias: Some(&c) }];
    for first in [0, 17, MANY.0 - 1] {
        let x = tensor(&inputs[0][first * 16 * 12..][..16 * 12], (1, 16, 12));
        let y = Cpu::perceptron(x, layers[0], Activation::Gelu, layers[1]).unwrap().as_vec();
        assert_eq!(y, due[first * 16 * 20..][..16 * 20]);
    }
}

#[test]
fn gradients_are_slopes() {
    let case = Case { tokens: (1, 3), sizes: [4, 5, 3], bias: true, activation: Activation::Gelu };
    assert_slopes(&case, &case.inputs(), 1e-3, |inputs| case.run(Way::Kernel, inputs));
}

#[test]
fn same_bits_on_any_number_of_threads() {
    let case = Case { tokens: MANY, sizes: [12, 35, 20], bias: true, activation: Activation::GeluTanh };
    let inputs = case.inputs();
    assert_same_bits_on_any_threads(&case, || case.run(Way::Kernel, &inputs));
}

#[test]
fn gradients_add_up() {
    let (u, v) = (tensor(&noise("u", 35 * 12), (35, 12)), tensor(&noise("v", 35 * 20), (20, 35)));
    let (first, second) = (Affine { weight: &u, bias: None }, Affine { weight: &v, bias: None });
    let x = tensor(&noise("x", MANY.0 * MANY.1 * 12), (MANY.0, MANY.1, 12));
    assert_gradients_add_up(&x, |x| Cpu::perceptron(x, first, Activation::Silu, second).unwrap());
}

#[test]
#[should_panic(expected = "the layers do not fit")]
fn layers_that_do_not_fit_are_refused() {
    let (u, v) = (tensor(&[0.0; 6], (2, 3)), tensor(&[0.0; 6], (2, 3)));
    let (first, second) = (Affine { weight: &u, bias: None }, Affine { weight: &v, bias: None });
    let _ = Cpu::perceptron(tensor(&[0.0; 3], (1, 1, 3)), first, Activation::Relu, second);
}
