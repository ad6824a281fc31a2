use super::*;
use crate::ops::host::Tokens;
use crate::ops::testing::{
    Outcome, TestTape, assert_gradients_add_up, assert_outcome, assert_same_bits_on_any_threads, differentiate, noise,
    tensor,
};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Way {
    Kernel,
    Composition,
}

fn stream() -> Stream {
    Stream::new(1, "dropout", 7)
}

fn run(way: Way, numbers: &[f32], share: f32) -> Outcome {
    let x = tensor(numbers, (1, numbers.len(), 1));
    let traced: Tokens<Cpu, TestTape> = x.leaky_trace();
    let y = match way {
        Way::Kernel => Cpu::dropout(traced, share, stream()),
        Way::Composition => composed(traced, share, stream()),
    };
    let (y, gradients) = differentiate(y.unwrap());
    Outcome { y, gradients: vec![gradients.get(&x).as_vec()] }
}

/// The mask by its definition; the gradient passes where the number does.
#[test]
fn numbers_and_gradients_by_the_hash() {
    let x = noise("x", 100);
    for share in [0.1f32, 0.5] {
        let bits = |i: u64| (stream().at(i / 4) / 65_536u64.pow(i as u32 % 4)) % 65_536;
        let least = (share * 65_536.0).round() as u64;
        let factors: Vec<f32> = (0..100).map(|i| if bits(i) < least { 0.0 } else { 1.0 / (1.0 - share) }).collect();
        let times = |numbers: &[f32]| numbers.iter().zip(&factors).map(|(x, factor)| x * factor).collect();
        let due = Outcome { y: times(&x), gradients: vec![times(&crate::ops::testing::cotangent(100))] };
        for way in [Way::Kernel, Way::Composition] {
            assert_outcome(&(way, share), &run(way, &x, share), &due, 0.0);
        }
    }
}

#[test]
fn the_share_is_left_out_and_the_mean_stays() {
    let y = run(Way::Kernel, &[1.0; 40_000], 0.3).y;
    let left_out = y.iter().filter(|&&y| y == 0.0).count() as f32 / 40_000.0;
    let mean = y.iter().sum::<f32>() / 40_000.0;
    assert!((left_out - 0.3).abs() < 0.01 && (mean - 1.0).abs() < 0.02, "{left_out} {mean}");
}

#[test]
fn nothing_is_left_out_at_zero_and_outside_training() {
    let x = noise("x", 50);
    assert_eq!(run(Way::Kernel, &x, 0.0).y, x);
    let alone: Tensor<(usize,), f32, Cpu> = tensor(&x, (50,));
    for y in [Cpu::dropout(alone.clone(), 0.5, stream()), composed(alone, 0.5, stream())] {
        assert_eq!(y.unwrap().as_vec(), x);
    }
}

#[test]
fn gradients_add_up() {
    assert_gradients_add_up(&tensor(&noise("x", 50), (50,)), |x| Cpu::dropout(x, 0.4, stream()).unwrap());
}

#[test]
fn same_bits_on_any_number_of_threads() {
    let x = noise("x", 30_000);
    assert_same_bits_on_any_threads(&"dropout", || run(Way::Kernel, &x, 0.2));
}

#[test]
#[should_panic(expected = "not in [0, 1)")]
fn a_share_of_all_is_refused() {
    let _ = run(Way::Kernel, &[0.0], 1.0);
}
