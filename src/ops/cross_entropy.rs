//! Softmax cross-entropy with label smoothing.

use super::host::Matrix;
use dfdx::prelude::*;

/// `loss = -mean_b sum_k q[b, k] log softmax(logits[b])_k` with `q = (1 - s) onehot(label) + s / K`.
///
/// Shapes: `logits (B, K)`, `labels (B)` in `0..K`, `s` (smoothing) in `[0, 1)`; the result is one number in nats.
/// Matches `torch.nn.functional.cross_entropy(label_smoothing=s)` (Szegedy et al. 2016, section 7). The softmax is
/// taken around its largest logit. A batch of logits is small, so that dfdx's own ops serve every device.
///
/// # Errors
/// When the device is out of memory.
/// # Panics
/// When there are not as many labels as rows, or a label is not below `K`.
pub fn cross_entropy<D: Device<f32>, T: Tape<f32, D>>(
    logits: Matrix<D, T>,
    labels: &[usize],
    smoothing: f32,
) -> Result<Tensor<Rank0, f32, D, T>, D::Err> {
    let &(batch, classes) = logits.shape();
    assert_eq!(batch, labels.len(), "cross_entropy: one label a row");
    let mut targets = vec![smoothing / classes as f32; batch * classes];
    for (row, &label) in targets.chunks_exact_mut(classes).zip(labels) {
        row[label] += 1.0 - smoothing;
    }
    let targets = logits.device().try_tensor_from_vec(targets, (batch, classes))?;
    let log_shares = logits.try_log_softmax::<Axis<1>>()?;
    log_shares.try_mul(targets)?.try_sum::<Rank0, _>()?.try_mul(-1.0 / batch as f32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{Outcome, TestTape, assert_outcome, assert_slopes, noise, steps, tensor};

    fn run(logits: &[f32], labels: &[usize], smoothing: f32) -> Outcome {
        let logits = tensor(logits, (labels.len(), logits.len() / labels.len()));
        let traced: Matrix<Cpu, TestTape> = logits.leaky_trace();
        let loss = cross_entropy(traced, labels, smoothing).unwrap();
        let y = loss.as_vec();
        Outcome { y, gradients: vec![loss.backward().get(&logits).as_vec()] }
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
            assert_outcome(&smoothing, &run(&logits, &[2, 0, 3], smoothing), &due, 1e-6);
        }
    }

    // z = torch.tensor([[1000., 0., -1000.]]).requires_grad_()
    // loss = F.cross_entropy(z, torch.tensor([1]))
    #[test]
    fn huge_logits_do_not_overflow() {
        let due = Outcome { y: vec![1000.0], gradients: vec![vec![1.0, -1.0, 0.0]] };
        assert_outcome(&"huge", &run(&[1000.0, 0.0, -1000.0], &[1], 0.0), &due, 1e-6);
    }

    #[test]
    fn gradients_are_slopes() {
        let labels = [3, 0, 9, 5, 5];
        for smoothing in [0.0, 0.2] {
            let weight = f64::from(crate::ops::testing::cotangent(1)[0]);
            assert_slopes(&smoothing, &[noise("logits", 50)], 1e-3, |inputs| {
                let mut outcome = run(&inputs[0], &labels, smoothing);
                outcome.gradients[0].iter_mut().for_each(|g| *g = (f64::from(*g) * weight) as f32);
                outcome
            });
        }
    }

    #[test]
    fn a_nan_logit_is_a_nan_loss() {
        assert!(run(&[0.0, f32::NAN, 1.0, 2.0], &[0, 1], 0.1).y[0].is_nan());
    }

    #[test]
    #[should_panic(expected = "one label a row")]
    fn a_missing_label_is_refused() {
        let _ = cross_entropy(tensor(&[0.0; 6], (2, 3)), &[1], 0.0);
    }
}
