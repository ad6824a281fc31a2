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
