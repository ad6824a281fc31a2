use super::*;
use crate::ops::conv2d::PARTS;
use crate::ops::testing::{
    Outcome, TestTape, assert_gradients_add_up, assert_outcome, assert_same_bits_on_any_threads, differentiate, noise,
    summed, tensor,
};
use crate::ops::{Matrix, Vector};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Way {
    Kernel,
    Composition,
}

#[derive(Clone, Copy, Debug)]
struct Case {
    batch: usize,
    queries: usize,
    /// Tokens of the memory; none if the tokens attend to each other.
    keys: Option<usize>,
    bias: bool,
    spec: Attention,
}

/// Channels of the tokens, of the memory, of the heads together, and of the outputs.
const WIDTHS: [usize; 4] = [10, 7, 12, 9];

impl Case {
    fn known(&self) -> usize {
        if self.keys.is_some() { WIDTHS[1] } else { WIDTHS[0] }
    }

    /// Outputs and inputs of each layer.
    fn layers(&self) -> [[usize; 2]; 4] {
        let [inputs, _, channels, outputs] = WIDTHS;
        [[channels, inputs], [channels, self.known()], [channels, self.known()], [outputs, channels]]
    }

    fn inputs(&self) -> Vec<Vec<f32>> {
        let mut all = vec![noise("x", self.batch * self.queries * WIDTHS[0])];
        all.extend(self.keys.map(|keys| noise("memory", self.batch * keys * WIDTHS[1])));
        for (index, [outputs, inputs]) in self.layers().into_iter().enumerate() {
            all.push(noise(&format!("weight {index}"), outputs * inputs));
            all.extend(self.bias.then(|| noise(&format!("bias {index}"), outputs)));
        }
        all
    }

    fn run(&self, way: Way, numbers: &[Vec<f32>]) -> Outcome {
        let mut numbers = numbers.iter();
        let mut next = || numbers.next().unwrap();
        let x = tensor(next(), (self.batch, self.queries, WIDTHS[0]));
        let memory = self.keys.map(|keys| tensor(next(), (self.batch, keys, WIDTHS[1])));
        let layers: Vec<(Matrix<Cpu>, Option<Vector<Cpu>>)> = self
            .layers()
            .map(|[outputs, inputs]| {
                let weight = tensor(next(), (outputs, inputs));
                (weight, self.bias.then(|| tensor(next(), (outputs,))))
            })
            .into();
        let affine = |index: usize| Affine { weight: &layers[index].0, bias: layers[index].1.as_ref() };
        let projections = Projections { query: affine(0), key: affine(1), value: affine(2), out: affine(3) };
        let traced: Tokens<Cpu, TestTape> = x.leaky_trace();
        let y = match way {
            Way::Kernel => Cpu::attend(traced, memory.as_ref(), projections, self.spec),
            Way::Composition => composed(traced, memory.as_ref(), projections, self.spec),
        };
        let (y, gradients) = differentiate(y.unwrap());
        let mut all = vec![gradients.get(&x).as_vec()];
        all.extend(memory.map(|memory| gradients.get(&memory).as_vec()));
        for (weight, bias) in &layers {
            all.push(gradients.get(weight).as_vec());
            all.extend(bias.as_ref().map(|bias| gradients.get(bias).as_vec()));
        }
        Outcome { y, gradients: all }
    }
}

fn cases() -> Vec<Case> {
    let spec = |causal| Attention { heads: 3, causal, scale: None };
    let case = |batch, queries, keys, bias, causal| Case { batch, queries, keys, bias, spec: spec(causal) };
    vec![
        case(PARTS, 5, None, true, false),
        case(3 * PARTS + 2, 17, None, false, true),
        case(40, 9, Some(30), true, false),
        case(PARTS + 1, 2, Some(6), false, false),
        // Groups of several pictures in every part.
        case(20 * PARTS, 20, None, true, true),
    ]
}

#[test]
fn kernel_matches_composition() {
    for case in cases() {
        let inputs = case.inputs();
        // Every pair of tokens adds to the gradients of weights; those of the keys' bias add up to nothing.
        let tolerance = summed(case.batch * case.queries * case.keys.unwrap_or(case.queries));
        assert_outcome(&case, &case.run(Way::Kernel, &inputs), &case.run(Way::Composition, &inputs), tolerance);
    }
}

#[test]
fn same_bits_on_any_number_of_threads() {
    for case in &cases()[1..3] {
        let inputs = case.inputs();
        assert_same_bits_on_any_threads(case, || case.run(Way::Kernel, &inputs));
    }
}

/// Few pictures go by the composition, many do not: nobody sees a difference.
#[test]
fn a_picture_is_the_same_alone_and_in_any_batch() {
    for case in cases() {
        let inputs = case.inputs();
        let due = case.run(Way::Kernel, &inputs).y;
        let mut alone = inputs.clone();
        let last = |numbers: &[f32]| numbers[numbers.len() / case.batch * (case.batch - 1)..].to_vec();
        alone[0] = last(&inputs[0]);
        if case.keys.is_some() {
            alone[1] = last(&inputs[1]);
        }
        assert_eq!(Case { batch: 1, ..case }.run(Way::Kernel, &alone).y, last(&due), "{case:?}");
    }
}

#[test]
fn gradients_add_up() {
    let case = cases()[0];
    let inputs = case.inputs();
    let layers: Vec<Matrix<Cpu>> =
        (0..4).map(|index| tensor(&inputs[1 + 2 * index], <(usize, usize)>::from(case.layers()[index]))).collect();
    let affine = |index: usize| Affine { weight: &layers[index], bias: None };
    let projections = Projections { query: affine(0), key: affine(1), value: affine(2), out: affine(3) };
    let x = tensor(&inputs[0], (case.batch, case.queries, WIDTHS[0]));
    assert_gradients_add_up(&x, |x| Cpu::attend(x, None, projections, case.spec).unwrap());
}

#[test]
#[should_panic(expected = "the layers do not fit")]
fn layers_that_do_not_fit_are_refused() {
    let (narrow, wide) = (tensor(&[0.0; 6], (3, 2)), tensor(&[0.0; 9], (3, 3)));
    let affine = |weight| Affine { weight, bias: None };
    let projections =
        Projections { query: affine(&wide), key: affine(&narrow), value: affine(&wide), out: affine(&wide) };
    let spec = Attention { heads: 1, causal: false, scale: None };
    let _ = Cpu::attend(tensor(&[0.0; 3 * PARTS], (PARTS, 1, 3)), None, projections, spec);
}
