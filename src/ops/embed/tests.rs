use super::*;
use crate::ops::testing::{
    Outcome, TestTape, assert_gradients_add_up, assert_outcome, assert_same_bits_on_any_threads, assert_slopes,
    differentiate, noise, steps, tensor,
};
use proptest::prelude::*;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Way {
    Kernel,
    Composition,
}

const WAYS: [Way; 2] = [Way::Kernel, Way::Composition];

/// `ids` in rows of `tokens`, each a row of the table.
fn run(way: Way, table: &[f32], channels: usize, ids: &[usize], tokens: usize) -> Outcome {
    let table = tensor(table, (table.len() / channels, channels));
    let (traced, sizes): (Matrix<Cpu, TestTape>, _) = (table.leaky_trace(), (ids.len() / tokens, tokens));
    let y = match way {
        Way::Kernel => Cpu::embed(traced, ids, sizes),
        Way::Composition => composed(traced, ids, sizes),
    };
    let (y, gradients) = differentiate(y.unwrap());
    Outcome { y, gradients: vec![gradients.get(&table).as_vec()] }
}

/// `x` in rows of `sizes` tokens and channels, `positions` from `first` on.
fn run_positions(way: Way, inputs: &[Vec<f32>], (tokens, channels): (usize, usize), first: usize) -> Outcome {
    let x = tensor(&inputs[0], (inputs[0].len() / tokens / channels, tokens, channels));
    let positions = tensor(&inputs[1], (inputs[1].len() / channels, channels));
    let traced: Tokens<Cpu, TestTape> = x.leaky_trace();
    let y = match way {
        Way::Kernel => Cpu::add_positions(traced, &positions, first),
        Way::Composition => composed_positions(traced, &positions, first),
    };
    let (y, gradients) = differentiate(y.unwrap());
    Outcome { y, gradients: vec![gradients.get(&x).as_vec(), gradients.get(&positions).as_vec()] }
}

// x = steps(12, 7, 11).reshape(4, 3).requires_grad_()
// p = steps(9, 5, 7).reshape(3, 3).requires_grad_()
// y = F.embedding(torch.tensor([[2, 0], [2, 3]]), x) + p[:2]
// (y * cotangent(y)).sum().backward()
// print(y, x.grad, p.grad)
#[test]
fn rows_with_positions_as_pytorch() {
    let due = Outcome {
        y: vec![0.25, 0.5, -1.0, -1.75, 1.25, -0.25, 0.25, 0.5, -1.0, 0.25, 0.5, -1.0],
        gradients: vec![
            vec![-1.375, -0.125, 1.125, 0.0, 0.0, 0.0, -2.75, -0.25, 2.25, -0.875, 0.375, 1.625],
            vec![-2.75, -0.25, 2.25, -2.25, 0.25, 2.75, 0.0, 0.0, 0.0],
        ],
    };
    let (table, positions) = (tensor(&steps(12, 7, 11), (4, 3)), tensor(&steps(9, 5, 7), (3, 3)));
    for way in WAYS {
        let traced: Matrix<Cpu, TestTape> = table.leaky_trace();
        let y = match way {
            Way::Kernel => Cpu::add_positions(Cpu::embed(traced, &[2, 0, 2, 3], (2, 2)).unwrap(), &positions, 0),
            Way::Composition => composed_positions(composed(traced, &[2, 0, 2, 3], (2, 2)).unwrap(), &positions, 0),
        };
        let (y, gradients) = differentiate(y.unwrap());
        let got = Outcome { y, gradients: vec![gradients.get(&table).as_vec(), gradients.get(&positions).as_vec()] };
        assert_outcome(&way, &got, &due, 1e-6);
    }
}

// x = steps(12, 7, 11).reshape(2, 2, 3).requires_grad_()
// p = steps(9, 5, 7).reshape(3, 3).requires_grad_()
// y = x + p[1:]
// (y * cotangent(y)).sum().backward()
// print(y, x.grad, p.grad)
#[test]
fn later_positions_as_pytorch() {
    let due = Outcome {
        y: vec![-1.75, 1.25, -0.25, 1.0, -0.5, -0.25, 0.5, 0.75, -0.75, 0.5, -1.0, -0.75],
        gradients: vec![
            vec![-1.625, -0.375, 0.875, -1.375, -0.125, 1.125, -1.125, 0.125, 1.375, -0.875, 0.375, 1.625],
            vec![0.0, 0.0, 0.0, -2.75, -0.25, 2.25, -2.25, 0.25, 2.75],
        ],
    };
    let inputs = [steps(12, 7, 11), steps(9, 5, 7)];
    for way in WAYS {
        assert_outcome(&way, &run_positions(way, &inputs, (2, 3), 1), &due, 1e-6);
    }
}

#[test]
fn gradients_are_slopes() {
    assert_slopes(&"embed", &[noise("table", 20)], 1e-3, |x| run(Way::Kernel, &x[0], 4, &[1, 4, 4, 0, 4, 2], 3));
    let inputs = [noise("x", 24), noise("positions", 20)];
    assert_slopes(&"positions", &inputs, 1e-3, |inputs| run_positions(Way::Kernel, inputs, (3, 4), 2));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
    #[test]
    fn kernel_matches_composition_at_any_shape(
        (count, channels, batch, tokens) in (1usize..400, 1usize..20, 1usize..9, 1usize..9),
        by in 0usize..1000,
    ) {
        let ids: Vec<usize> = (0..batch * tokens).map(|token| token * by % count).collect();
        let table = noise("table", count * channels);
        let due = run(Way::Composition, &table, channels, &ids, tokens);
        assert_outcome(&(count, channels), &run(Way::Kernel, &table, channels, &ids, tokens), &due, 1e-6);
        let inputs = [noise("x", batch * tokens * channels), noise("positions", (tokens + 3) * channels)];
        let due = run_positions(Way::Composition, &inputs, (tokens, channels), by % 4);
        assert_outcome(&by, &run_positions(Way::Kernel, &inputs, (tokens, channels), by % 4), &due, 1e-6);
    }
}

#[test]
fn gradients_add_up() {
    let (table, x) = (tensor(&noise("table", 20), (5, 4)), tensor(&noise("x", 24), (2, 3, 4)));
    assert_gradients_add_up(&table, |table| Cpu::embed(table, &[1, 1, 4, 0], (2, 2)).unwrap());
    assert_gradients_add_up(&x, |x| Cpu::add_positions(x, &table, 1).unwrap());
    assert_gradients_add_up(&table, |table| {
        let (table, tape) = table.split_tape();
        Cpu::add_positions(x.clone().put_tape(tape), &table, 1).unwrap()
    });
}

#[test]
fn same_bits_on_any_number_of_threads() {
    let (table, ids): (_, Vec<usize>) = (noise("table", 300 * 5), (0..1200).map(|i| i * i % 300).collect());
    assert_same_bits_on_any_threads(&"embed", || run(Way::Kernel, &table, 5, &ids, 30));
    let inputs = [noise("x", 4000), noise("positions", 100)];
    assert_same_bits_on_any_threads(&"positions", || run_positions(Way::Kernel, &inputs, (20, 5), 0));
}

#[test]
#[should_panic(expected = "not in the table")]
fn an_unknown_id_is_refused() {
    let _ = Cpu::embed(tensor(&[0.0; 6], (2, 3)), &[2], (1, 1));
}

#[test]
#[should_panic(expected = "one id a token")]
fn a_missing_id_is_refused() {
    let _ = Cpu::embed(tensor(&[0.0; 6], (2, 3)), &[0], (1, 2));
}

#[test]
#[should_panic(expected = "more tokens than positions")]
fn a_token_beyond_the_positions_is_refused() {
    let _ = Cpu::add_positions(tensor(&[0.0; 6], (1, 2, 3)), &tensor(&[0.0; 6], (2, 3)), 1);
}
