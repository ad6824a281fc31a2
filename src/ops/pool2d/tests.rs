use super::*;
use crate::ops::testing::{
    Outcome, TestTape, assert_gradients_add_up, assert_outcome, assert_same_bits_on_any_threads, assert_slopes,
    differentiate, noise, steps, tensor,
};
use proptest::prelude::*;

/// An op from images to images or, over all positions, to rows.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Pool {
    Max,
    ComposedMax,
    Mean,
    GlobalMax,
    ComposedGlobalMax,
    GlobalMean,
    ComposedGlobalMean,
}

fn run(pool: Pool, [b, h, w, c]: [usize; 4], numbers: &[f32]) -> Outcome {
    let x = tensor(numbers, (b, h, w, c));
    let traced: Image<Cpu, TestTape> = x.leaky_trace();
    let (y, gradients) = match pool {
        Pool::Max => differentiate(Cpu::max_pool2d(traced).unwrap()),
        Pool::ComposedMax => differentiate(composed_max(traced).unwrap()),
        Pool::Mean => differentiate(Cpu::avg_pool2d(traced).unwrap()),
        Pool::GlobalMax => differentiate(Cpu::global_max_pool(traced).unwrap()),
        Pool::ComposedGlobalMax => differentiate(composed_global_max(traced).unwrap()),
        Pool::GlobalMean => differentiate(Cpu::global_avg_pool(traced).unwrap()),
        Pool::ComposedGlobalMean => differentiate(composed_global_avg(traced).unwrap()),
    };
    Outcome { y, gradients: vec![gradients.get(&x).as_vec()] }
}

fn one(y: Vec<f32>, dx: Vec<f32>) -> Outcome {
    Outcome { y, gradients: vec![dx] }
}

// An odd row and column, and ties.
// x = steps(30, 2, 3).reshape(1, 5, 3, 2).requires_grad_()
// y = F.max_pool2d(x.permute(0, 3, 1, 2), 2).permute(0, 2, 3, 1)
// (y * cotangent(y)).sum().backward()
// print(y, x.grad)
#[test]
fn max_takes_the_first_of_equals_as_pytorch() {
    let mut dx = vec![0.0; 30];
    (dx[1], dx[2], dx[13], dx[14]) = (-0.375, -1.625, -1.375, 0.875);
    let due = one(vec![0.0, 0.25, 0.0, 0.25], dx);
    assert_outcome(&"max", &run(Pool::Max, [1, 5, 3, 2], &steps(30, 2, 3)), &due, 0.0);
    let equal = one(vec![0.0, 0.0], vec![-1.625, 0.0, -0.375, 0.0, 0.0, 0.0, 0.0, 0.0]);
    assert_outcome(&"equal", &run(Pool::Max, [1, 2, 4, 1], &[0.0; 8]), &equal, 0.0);
}

// x = steps(24, 7, 11).reshape(1, 4, 3, 2).requires_grad_()
// y = F.avg_pool2d(x.permute(0, 3, 1, 2), 2).permute(0, 2, 3, 1)
// (y * cotangent(y)).sum().backward()
// print(y, x.grad)
#[test]
fn mean_as_pytorch() {
    let (a, b, c, d) = (-0.40625, -0.09375, 0.21875, -0.34375);
    let dx = [[a, b, a, b, 0.0, 0.0], [a, b, a, b, 0.0, 0.0], [c, d, c, d, 0.0, 0.0], [c, d, c, d, 0.0, 0.0]].concat();
    let due = one(vec![-0.4375, 0.625, 0.625, -0.375], dx);
    assert_outcome(&"mean", &run(Pool::Mean, [1, 4, 3, 2], &steps(24, 7, 11)), &due, 1e-6);
}

// x = steps(24, 7, 11).reshape(2, 2, 3, 2).requires_grad_()
// y = F.adaptive_max_pool2d(x.permute(0, 3, 1, 2), 1).flatten(1)
// (y * cotangent(y)).sum().backward()
// print(y, x.grad)
#[test]
fn global_max_as_pytorch() {
    let mut dx = vec![0.0; 24];
    (dx[3], dx[6], dx[14], dx[17]) = (-0.375, -1.625, 0.875, -1.375);
    let due = one(vec![1.0, 1.25, 1.25, 1.0], dx);
    for pool in [Pool::GlobalMax, Pool::ComposedGlobalMax] {
        assert_outcome(&pool, &run(pool, [2, 2, 3, 2], &steps(24, 7, 11)), &due, 0.0);
    }
    // x = torch.zeros(1, 2, 2, 1)
    let equal = one(vec![0.0], vec![-1.625, 0.0, 0.0, 0.0]);
    assert_outcome(&"equal", &run(Pool::GlobalMax, [1, 2, 2, 1], &[0.0; 4]), &equal, 0.0);
}

// x = steps(24, 7, 11).reshape(2, 2, 3, 2).requires_grad_()
// y = x.mean((1, 2))
// (y * cotangent(y)).sum().backward()
// print(y, x.grad)
#[test]
fn global_mean_as_pytorch() {
    let dx = [[-0.27083334, -0.0625].repeat(6), [0.14583333, -0.22916667].repeat(6)].concat();
    let due = one(vec![-0.29166666, 0.083333336, 0.083333336, 0.0], dx);
    assert_outcome(&"global mean", &run(Pool::GlobalMean, [2, 2, 3, 2], &steps(24, 7, 11)), &due, 1e-6);
}

#[test]
fn gradients_are_slopes() {
    let inputs = [noise("x", 2 * 5 * 4 * 3)];
    for pool in [Pool::Max, Pool::Mean, Pool::GlobalMax, Pool::GlobalMean] {
        assert_slopes(&pool, &inputs, 1e-3, |inputs| run(pool, [2, 5, 4, 3], &inputs[0]));
    }
}

proptest! {
    #[test]
    fn kernels_match_compositions_at_any_shape(x in (1usize..20, 2usize..9, 2usize..9, 1usize..40)) {
        let x = [x.0, x.1, x.2, x.3];
        let numbers = noise("x", x.iter().product());
        for (kernel, composition) in [(Pool::Max, Pool::ComposedMax), (Pool::GlobalMax, Pool::ComposedGlobalMax)] {
            assert_outcome(&(kernel, x), &run(kernel, x, &numbers), &run(composition, x, &numbers), 0.0);
        }
        let due = run(Pool::ComposedGlobalMean, x, &numbers);
        assert_outcome(&x, &run(Pool::GlobalMean, x, &numbers), &due, 1e-5);
    }
}

#[test]
fn gradients_add_up() {
    let x = tensor(&noise("x", 150), (2, 5, 5, 3));
    assert_gradients_add_up(&x, |x| Cpu::max_pool2d(x).unwrap());
    assert_gradients_add_up(&x, |x| Cpu::avg_pool2d(x).unwrap());
    assert_gradients_add_up(&x, |x| Cpu::global_max_pool(x).unwrap());
    assert_gradients_add_up(&x, |x| Cpu::global_avg_pool(x).unwrap());
}

#[test]
fn same_bits_on_any_number_of_threads() {
    for pool in [Pool::Max, Pool::GlobalMax, Pool::GlobalMean] {
        let numbers = noise("x", 33 * 6 * 6 * 20);
        assert_same_bits_on_any_threads(&pool, || run(pool, [33, 6, 6, 20], &numbers));
    }
}

#[test]
fn a_nan_wins_wherever_it_stands() {
    for place in 0..4 {
        let mut numbers = vec![1.0, 2.0, 3.0, 4.0];
        numbers[place] = f32::NAN;
        for pool in [Pool::Max, Pool::GlobalMax] {
            let outcome = run(pool, [1, 2, 2, 1], &numbers);
            assert!(outcome.y[0].is_nan(), "{pool:?} {place}");
            let taken: Vec<bool> = outcome.gradients[0].iter().map(|&dx| dx != 0.0).collect();
            assert_eq!(taken, (0..4).map(|i| i == place).collect::<Vec<_>>(), "{pool:?}");
        }
    }
}

#[test]
#[should_panic(expected = "smaller than a window")]
fn a_picture_smaller_than_a_window_is_refused() {
    run(Pool::Max, [2, 1, 5, 3], &noise("x", 30));
}
