use super::*;
use crate::ops::testing::{
    Outcome, TestTape, assert_outcome, assert_same_bits_on_any_threads, assert_slopes, cotangent, noise, steps, tensor,
};
use proptest::prelude::*;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Way {
    Kernel,
    Composition,
    /// [`cross_entropy`], for rows that all count alike.
    Labels,
}

#[derive(Clone, Debug)]
struct Case {
    way: Way,
    classes: usize,
    targets: Vec<Option<usize>>,
    weights: Option<Vec<f32>>,
    smoothing: f32,
}

impl Case {
    fn labels(way: Way, classes: usize, labels: &[usize], smoothing: f32) -> Self {
        Self { way, classes, targets: labels.iter().copied().map(Some).collect(), weights: None, smoothing }
    }

    fn run(&self, logits: &[f32]) -> Outcome {
        let logits = tensor(logits, (logits.len() / self.classes, self.classes));
        let traced: Matrix<Cpu, TestTape> = logits.leaky_trace();
        let (targets, weights, smoothing) = (&self.targets, self.weights.as_deref(), self.smoothing);
        let loss = match self.way {
            Way::Kernel => Cpu::cross_entropy_tokens(traced, targets, weights, smoothing),
            Way::Composition => composed(traced, targets, weights, smoothing),
            Way::Labels => cross_entropy(traced, &targets.iter().flatten().copied().collect::<Vec<_>>(), smoothing),
        };
        let loss = loss.unwrap();
        let y = loss.as_vec();
        Outcome { y, gradients: vec![loss.backward().get(&logits).as_vec()] }
    }
}

// z = (steps(12, 7, 11) * 4).reshape(3, 4).requires_grad_()
// loss = F.cross_entropy(z, torch.tensor([2, 0, 3]), label_smoothing=s)
// loss.backward()
// print(loss, z.grad)
#[test]
fn loss_and_gradient_as_pytorch() {
    let logits: Vec<f32> = steps(12, 7, 11).iter().map(|x| x * 4.0).collect();
    let hard = [
        0.00001440247,
        0.015794223,
        -0.33304405,
        0.31723547,
        -0.31780905,
        0.00028433726,
        0.31181362,
        0.005711067,
        0.00029812843,
        0.3269375,
        0.00598807,
        -0.33322367,
    ];
    let smooth = [
        -0.016652266,
        -0.0008724431,
        -0.28304407,
        0.30056882,
        -0.26780906,
        -0.016382331,
        0.295147,
        -0.010955599,
        -0.01636854,
        0.31027085,
        -0.010678598,
        -0.2832237,
    ];
    for (smoothing, loss, gradient) in [(0.0, 6.0452027, hard), (0.2, 5.728536, smooth)] {
        let due = Outcome { y: vec![loss], gradients: vec![gradient.to_vec()] };
        for way in [Way::Kernel, Way::Composition, Way::Labels] {
            let case = Case::labels(way, 4, &[2, 0, 3], smoothing);
            assert_outcome(&case, &case.run(&logits), &due, 1e-6);
        }
    }
}

// z = torch.tensor([[1000., 0., -1000.]]).requires_grad_()
// loss = F.cross_entropy(z, torch.tensor([1]))
#[test]
fn huge_logits_do_not_overflow() {
    let due = Outcome { y: vec![1000.0], gradients: vec![vec![1.0, -1.0, 0.0]] };
    for way in [Way::Kernel, Way::Composition] {
        assert_outcome(&way, &Case::labels(way, 3, &[1], 0.0).run(&[1000.0, 0.0, -1000.0]), &due, 1e-6);
    }
}

// z = (steps(20, 7, 11) * 2).reshape(5, 4).requires_grad_()
// t = torch.tensor([2, 0, -100, 3, 0])
// loss = F.cross_entropy(z, t, label_smoothing=s)
// weighted: w = torch.tensor([1., 4., 1., .5, 2.])
// loss = (F.cross_entropy(z, t, reduction="none", label_smoothing=s) * w).sum() / (w * (t != -100)).sum()
// loss.backward()
// print(loss, z.grad)
#[test]
fn ignored_and_weighted_rows_as_pytorch() {
    let logits: Vec<f32> = steps(20, 7, 11).iter().map(|x| x * 2.0).collect();
    let lists: [(f32, bool, f32, [f32; 20]); 4] = [
        (
            0.0,
            false,
            2.8891544,
            [
                0.001337, 0.04427, -0.244009, 0.198402, -0.20983, 0.005436, 0.180029, 0.024364, 0.0, 0.0, 0.0, 0.0,
                0.04017, 0.005436, 0.180029, -0.225636, -0.243623, 0.211176, 0.02858, 0.003868,
            ],
        ),
        (
            0.2,
            false,
            2.7829046,
            [
                -0.011163, 0.03177, -0.206509, 0.185902, -0.17233, -0.007064, 0.167529, 0.011864, 0.0, 0.0, 0.0, 0.0,
                0.02767, -0.007064, 0.167529, -0.188136, -0.206123, 0.198676, 0.01608, -0.008632,
            ],
        ),
        (
            0.0,
            true,
            2.6061656,
            [
                0.000713, 0.02361, -0.130138, 0.105815, -0.447637, 0.011598, 0.384062, 0.051977, 0.0, 0.0, 0.0, 0.0,
                0.010712, 0.00145, 0.048008, -0.06017, -0.259865, 0.225254, 0.030485, 0.004126,
            ],
        ),
        (
            0.2,
            true,
            2.5428324,
            [
                -0.005954, 0.016944, -0.110138, 0.099148, -0.367637, -0.015069, 0.357396, 0.025311, 0.0, 0.0, 0.0, 0.0,
                0.007379, -0.001884, 0.044674, -0.05017, -0.219865, 0.211921, 0.017151, -0.009208,
            ],
        ),
    ];
    for (smoothing, weighted, loss, gradient) in lists {
        let due = Outcome { y: vec![loss], gradients: vec![gradient.to_vec()] };
        for way in [Way::Kernel, Way::Composition] {
            let targets = vec![Some(2), Some(0), None, Some(3), Some(0)];
            let weights = weighted.then(|| vec![1.0, 4.0, 1.0, 0.5, 2.0]);
            let case = Case { way, classes: 4, targets, weights, smoothing };
            assert_outcome(&case, &case.run(&logits), &due, 1e-6);
        }
    }
}

#[test]
fn gradients_are_slopes() {
    let targets = vec![Some(3), Some(0), None, Some(9), Some(5), Some(5)];
    for (smoothing, weights) in [(0.0, None), (0.2, None), (0.1, Some(vec![1.0, 2.0, 9.0, 0.5, 4.0, 0.0]))] {
        let weight = f64::from(cotangent(1)[0]);
        let case = Case { way: Way::Kernel, classes: 10, targets: targets.clone(), weights, smoothing };
        assert_slopes(&case, &[noise("logits", 60)], 1e-3, |inputs| {
            let mut outcome = case.run(&inputs[0]);
            outcome.gradients[0].iter_mut().for_each(|g| *g = (f64::from(*g) * weight) as f32);
            outcome
        });
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
    #[test]
    fn kernel_matches_composition_at_any_shape(
        (rows, classes) in (1usize..70, 1usize..90),
        ignored in 2usize..9,
        weighted in any::<bool>(),
        smoothing in prop::sample::select(&[0.0f32, 0.1][..]),
    ) {
        let target = |row: usize| (row % ignored != 1).then_some(row * 31 % classes);
        let weights = weighted.then(|| (0..rows).map(|row| 0.5 + (row % 3) as f32).collect());
        let kernel =
            Case { way: Way::Kernel, classes, targets: (0..rows).map(target).collect(), weights, smoothing };
        let logits: Vec<f32> = noise("logits", rows * classes).iter().map(|x| x * 3.0).collect();
        let due = Case { way: Way::Composition, ..kernel.clone() }.run(&logits);
        // The composition sums all rows in single precision.
        assert_outcome(&kernel, &kernel.run(&logits), &due, 1e-5);
    }
}

/// The loss is used twice: what reaches the logits is the sum.
#[test]
fn gradients_add_up() {
    let logits = tensor(&noise("logits", 12), (3, 4));
    let targets = [Some(1), None, Some(3)];
    let loss = || Cpu::cross_entropy_tokens(logits.leaky_trace(), &targets, None, 0.1).unwrap();
    let once: Vec<f32> = loss().backward().get(&logits).as_vec().iter().map(|dx| dx * 3.0).collect();
    let thrice = (loss() + loss() * 2.0).backward().get(&logits).as_vec();
    crate::ops::testing::assert_close("thrice", &thrice, &once, 1e-6);
}

#[test]
fn same_bits_on_any_number_of_threads() {
    let case = Case::labels(Way::Kernel, 1500, &[7; 70], 0.1);
    let logits = noise("logits", 70 * 1500);
    assert_same_bits_on_any_threads(&"cross entropy", || case.run(&logits));
}

#[test]
fn a_nan_logit_is_a_nan_loss_unless_its_row_does_not_count() {
    for way in [Way::Kernel, Way::Composition] {
        let case = Case::labels(way, 2, &[0, 1], 0.1);
        assert!(case.run(&[0.0, f32::NAN, 1.0, 2.0]).y[0].is_nan());
    }
    let case = Case { targets: vec![None, Some(1)], ..Case::labels(Way::Kernel, 2, &[], 0.0) };
    let outcome = case.run(&[0.0, f32::NAN, 1.0, 1.0]);
    assert_outcome(&case, &outcome, &Outcome { y: vec![2f32.ln()], gradients: vec![vec![0.0, 0.0, 0.5, -0.5]] }, 1e-6);
}

#[test]
fn no_row_that_counts_is_a_nan_loss() {
    for way in [Way::Kernel, Way::Composition] {
        let case = Case { targets: vec![None; 2], ..Case::labels(way, 2, &[], 0.0) };
        assert!(case.run(&[0.0; 4]).y[0].is_nan());
    }
}

#[test]
#[should_panic(expected = "one label a row")]
fn a_missing_label_is_refused() {
    let _ = cross_entropy(tensor(&[0.0; 6], (2, 3)), &[1], 0.0);
}

#[test]
#[should_panic(expected = "a label is no class")]
fn an_unknown_label_is_refused() {
    let _ = Cpu::cross_entropy_tokens(tensor(&[0.0; 6], (2, 3)), &[None, Some(3)], None, 0.0);
}

#[test]
#[should_panic(expected = "one weight a row")]
fn a_missing_weight_is_refused() {
    let _ = Cpu::cross_entropy_tokens(tensor(&[0.0; 6], (2, 3)), &[None, Some(1)], Some(&[1.0]), 0.0);
}
